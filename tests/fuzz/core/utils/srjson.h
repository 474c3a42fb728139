/*
 * srjson.h - the part of Kamailio's JSON tree that image_json.c uses
 *
 * What:    the same names, for tests that are built without a server; the
 *          functions are in tests/fuzz/json.c.
 * Owns:    nothing.
 * Locking: none.
 * Always:  what is here has the meaning that it has in the server.
 */
#ifndef FUZZ_SRJSON_H
#define FUZZ_SRJSON_H

#include <stddef.h>

enum {
	srjson_NULL = 2,
	srjson_Number,
	srjson_String,
	srjson_Array,
	srjson_Object,
};

typedef struct srjson {
	struct srjson *next, *child;
	int type;
	char *valuestring;
	double valuedouble;
	char *string;
} srjson_t;

typedef struct srjson_doc {
	srjson_t *root;
	void *(*malloc_fn)(size_t size);
	void (*free_fn)(void *ptr);
} srjson_doc_t;

srjson_t *srjson_Parse(srjson_doc_t *doc, const char *text);
char *srjson_PrintUnformatted(srjson_doc_t *doc, srjson_t *item);
void srjson_Delete(srjson_doc_t *doc, srjson_t *item);
srjson_t *srjson_CreateObject(srjson_doc_t *doc);
srjson_t *srjson_CreateArray(srjson_doc_t *doc);
srjson_t *srjson_CreateNumber(srjson_doc_t *doc, double number);
srjson_t *srjson_CreateStr(srjson_doc_t *doc, const char *s, int len);
srjson_t *srjson_CreateString(srjson_doc_t *doc, const char *s);
void srjson_AddItemToArray(srjson_doc_t *doc, srjson_t *array, srjson_t *item);
void srjson_AddItemToObject(srjson_doc_t *doc, srjson_t *object,
			    const char *name, srjson_t *item);
void srjson_AddStrItemToObject(srjson_doc_t *doc, srjson_t *object,
			       const char *name, int len, srjson_t *item);

#endif
