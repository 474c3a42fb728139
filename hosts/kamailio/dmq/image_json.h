/*
 * image_json.h - images of dialogs as JSON, and back
 *
 * What:    what our own nodes tell each other and what a database keeps, and
 *          the fields that a stock dialog module knows. Reading judges the form
 *          only: that a number is a number in its range, a text a text. What an
 *          image may say is the engine's to judge.
 * Owns:    a json_image points into the document that it was read from, and
 *          into itself; its lists come from the document's memory, and are
 *          given back with json_image_fini().
 * Locking: none.
 * Always:  nothing of what was read is trusted to be complete; what is missing
 *          is 0 or empty.
 * Why:     this file knows no server but its JSON reader, and is fuzzed by
 *          itself.
 */
#ifndef IMAGE_JSON_H
#define IMAGE_JSON_H

#include "parley.h"
#include "core/utils/srjson.h"

/* What texts mean to this host. */
struct json_names {
	/* "" and NULL: none, or none of this host's. */
	struct parley_str (*socket_text)(void *socket);
	void *(*socket_find)(struct parley_str text);
	const char *(*profile_name)(int profile);
	int (*profile_find)(struct parley_str name);   /* below 0: none */
	int32_t (*route_find)(struct parley_str name); /* 0: none */
	struct parley_str self; /* the name of this node */
};

struct json_image {
	struct parley_image image;
	struct parley_leg_view legs[PARLEY_LEGS_MAX];
	uint32_t unknown_profiles; /* left out */
	struct parley_pair *vars;  /* the document's memory, or NULL */
	struct parley_profile_view *profiles;
};

/* Lists and objects within each other: deeper ones are refused unread, since
 * the reader calls itself. */
enum { JSON_DEPTH_MAX = 6 };

/* Parses @text, which must end in a zero byte; NULL: no JSON, or too deep.
 * @doc is to be destroyed in any case. */
srjson_t *json_parse(srjson_doc_t *doc, const char *text);

/* The member of an object, by its exact name; NULL: none. */
srjson_t *json_member(const srjson_t *object, const char *name);
/* 0 if it is absent, no number, or outside of @min to @max: then *@okp is
 * false, unless it is absent. */
uint64_t json_get_number(const srjson_t *object, const char *name, uint64_t max,
			 bool *okp);
struct parley_str json_get_text(const srjson_t *object, const char *name,
				bool *okp);

/* NULL: no memory. */
srjson_t *json_of_image(srjson_doc_t *doc, const struct parley_image *image,
			const struct json_names *names);

/* NULL, or the name of the field that is not as it must be. */
const char *json_to_image(srjson_doc_t *doc, const srjson_t *object,
			  const struct json_names *names,
			  struct json_image *read);
void json_image_fini(srjson_doc_t *doc, struct json_image *read);

/* The fields of the stock module. @action is its number. */
enum json_stock_action {
	JSON_STOCK_UPDATE = 1,
	JSON_STOCK_STATE,
	JSON_STOCK_REMOVE,
	JSON_STOCK_SYNC,
};
/* @iflags: tell the flags of keep-alives, too. NULL: no memory. */
srjson_t *json_of_stock(srjson_doc_t *doc, const struct parley_image *image,
			enum json_stock_action action, bool iflags,
			const struct json_names *names);
/* Lays what a stock node says over @read, which holds what is known, or
 * nothing. NULL, or the name of the wrong field. */
const char *json_to_stock(srjson_doc_t *doc, const srjson_t *object,
			  const struct json_names *names,
			  struct json_image *read);

/* For a file that adds fields: false once memory was refused. */
struct json_writer {
	srjson_doc_t *doc;
	srjson_t *object;
	bool ok;
};
void json_put_number(struct json_writer *writer, const char *name,
		     uint64_t number);
void json_put_text(struct json_writer *writer, const char *name,
		   struct parley_str text);
void json_put(struct json_writer *writer, const char *name, srjson_t *item);

#endif
