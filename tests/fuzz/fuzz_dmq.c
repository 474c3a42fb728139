/*
 * fuzz_dmq.c - what another node says, from the text to the engine
 *
 * The input is a message of ours, or of a stock node: it is read as an image
 * and imported. Whatever the engine holds then is exported, written, read and
 * imported into a second engine, which must take it. The reader and the writer
 * of JSON are Kamailio's in the server; here are small ones with the same
 * interface, which forgive as much.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* With the small reader instead of the server's: tests/fuzz/core. */
#include "dmq_json.c" /* NOLINT(bugprone-suspicious-include) */
#include "input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ------------------------------------------------ JSON */

static void *fuzz_malloc(size_t size)
{
	return malloc(size);
}

static void fuzz_free(void *ptr)
{
	free(ptr);
}

static srjson_t *item_new(int type)
{
	srjson_t *item = calloc(1, sizeof(*item));

	if (!item)
		abort();
	item->type = type;
	return item;
}

static char *text_of(const char *s, size_t len)
{
	char *copy = calloc(1, len + 1);

	if (!copy)
		abort();
	/* Up to a zero byte, as in the server. */
	for (size_t i = 0; i < len && s[i] != '\0'; i++)
		copy[i] = s[i];
	return copy;
}

static void item_add(srjson_t *list, srjson_t *item)
{
	srjson_t **end = &list->child;

	while (*end)
		end = &(*end)->next;
	*end = item;
}

void srjson_Delete(srjson_doc_t *doc, srjson_t *item)
{
	while (item) {
		srjson_t *next = item->next;

		srjson_Delete(doc, item->child);
		free(item->string);
		free(item->valuestring);
		free(item);
		item = next;
	}
}

srjson_t *srjson_CreateObject(srjson_doc_t *doc)
{
	(void)doc;
	return item_new(srjson_Object);
}

srjson_t *srjson_CreateArray(srjson_doc_t *doc)
{
	(void)doc;
	return item_new(srjson_Array);
}

srjson_t *srjson_CreateNumber(srjson_doc_t *doc, double number)
{
	srjson_t *item = item_new(srjson_Number);

	(void)doc;
	item->valuedouble = number;
	return item;
}

srjson_t *srjson_CreateStr(srjson_doc_t *doc, const char *s, int len)
{
	srjson_t *item = item_new(srjson_String);

	(void)doc;
	item->valuestring = text_of(s, (size_t)len);
	return item;
}

srjson_t *srjson_CreateString(srjson_doc_t *doc, const char *s)
{
	return srjson_CreateStr(doc, s, (int)strlen(s));
}

void srjson_AddItemToArray(srjson_doc_t *doc, srjson_t *array, srjson_t *item)
{
	(void)doc;
	item_add(array, item);
}

void srjson_AddStrItemToObject(srjson_doc_t *doc, srjson_t *object,
			       const char *name, int len, srjson_t *item)
{
	(void)doc;
	item->string = text_of(name, (size_t)len);
	item_add(object, item);
}

void srjson_AddItemToObject(srjson_doc_t *doc, srjson_t *object,
			    const char *name, srjson_t *item)
{
	srjson_AddStrItemToObject(doc, object, name, (int)strlen(name), item);
}

/* Only ever prints what a stock node gets as a text in its text. */
char *srjson_PrintUnformatted(srjson_doc_t *doc, srjson_t *item)
{
	(void)doc;
	(void)item;
	return text_of("{\"profiles\":[{\"name\":\"out\",\"value\":\"x\"}]}",
		       64);
}

static const char *parse_item(const char *at, srjson_t **itemp);

static const char *parse_quoted(const char *at, char **textp)
{
	const char *begin = ++at;
	size_t len = 0;
	char *text;

	while (*at && *at != '"')
		at += *at == '\\' && at[1] ? 2 : 1;
	text = text_of(begin, (size_t)(at - begin));
	for (const char *from = text; *from; from++) {
		if (*from == '\\' && from[1])
			from++;
		text[len++] = *from;
	}
	text[len] = '\0';
	*textp = text;
	return *at == '"' ? at + 1 : NULL;
}

static const char *skip(const char *at)
{
	while (*at && (unsigned char)*at <= ' ')
		at++;
	return at;
}

static const char *parse_name(const char *at, char **namep)
{
	at = *at == '"' ? parse_quoted(at, namep) : NULL;
	at = at ? skip(at) : NULL;
	return at && *at == ':' ? skip(at + 1) : NULL;
}

static const char *parse_member(const char *at, srjson_t *list)
{
	srjson_t *item = NULL;
	char *name = NULL;

	if (list->type == srjson_Object)
		at = parse_name(at, &name);
	if (at)
		at = parse_item(at, &item);
	if (item) {
		item->string = name;
		item_add(list, item);
	} else {
		free(name);
	}
	return at ? skip(at) : NULL;
}

static const char *parse_list(const char *at, srjson_t *list, char end)
{
	at = skip(at + 1);
	while (at && *at && *at != end) {
		at = parse_member(at, list);
		if (at && *at == ',')
			at = skip(at + 1);
		else if (at && *at != end)
			at = NULL;
	}
	return at && *at == end ? at + 1 : NULL;
}

static const char *parse_item(const char *at, srjson_t **itemp)
{
	char *end;

	if (*at == '{' || *at == '[') {
		*itemp = item_new(*at == '{' ? srjson_Object : srjson_Array);
		return parse_list(at, *itemp, *at == '{' ? '}' : ']');
	}
	if (*at == '"') {
		*itemp = item_new(srjson_String);
		return parse_quoted(at, &(*itemp)->valuestring);
	}
	*itemp = item_new(srjson_Number);
	(*itemp)->valuedouble = strtod(at, &end);
	if (end != at)
		return end;
	(*itemp)->type = srjson_NULL;
	return strncmp(at, "null", 4) == 0 ? at + 4 : NULL;
}

srjson_t *srjson_Parse(srjson_doc_t *doc, const char *text)
{
	srjson_t *item = NULL;

	if (parse_item(skip(text), &item))
		return item;
	srjson_Delete(doc, item);
	return NULL;
}

/* ------------------------------------------------ two nodes */

static struct parley_str socket_text(void *socket)
{
	return socket ? (struct parley_str){"udp:1:2", 7}
		      : (struct parley_str){0};
}

static void *socket_find(struct parley_str text)
{
	static int here;

	return text.len == 7 ? &here : NULL;
}

static const char *profile_name(int profile)
{
	return profile == 0 ? "out" : "all";
}

static int profile_find(struct parley_str name)
{
	if (name.len != 3)
		return PARLEY_E_NO_PROFILE;
	return memcmp(name.s, "all", 3) == 0 ? 1 : 0;
}

static int32_t route_find(struct parley_str name)
{
	return (int32_t)name.len;
}

static struct parley *make(struct fuzz_host *host)
{
	static const struct parley_profile_config profiles[] = {{"out", true},
								{"all", false}};
	struct parley_config config;
	struct parley_host calls;
	struct parley *engine;

	parley_config_default(&config);
	config.hash_size = 1; /* any Call-ID has this entry */
	config.shards = 1;
	config.replicate = true;
	config.profiles = profiles;
	config.profile_count = 2;
	*host = (struct fuzz_host){.state = 1};
	fuzz_host_fill(host, &calls);
	if (parley_create(&calls, &config, &engine) < 0)
		abort();
	return engine;
}

static struct json_names names = {socket_text,	socket_find, profile_name,
				  profile_find, route_find,  {"sip:a", 5}};

static void take(struct parley *engine, srjson_doc_t *doc, srjson_t *item,
		 bool must)
{
	static struct json_image read;
	struct parley_now now = {.ms = 1000, .unix_s = 1700000000};
	struct parley_actions actions;
	const char *fault = json_to_image(doc, item, &names, &read);
	int rc = fault ? PARLEY_E_ARGUMENT
		       : parley_import(engine, now, &read.image, &actions);

	if (rc == 0 && actions.note.types != 0)
		parley_deliver(engine, &actions.note, NULL, false);
	if (must && rc < 0 && rc != PARLEY_E_NO_DIALOG)
		abort();
	json_image_fini(doc, &read);
	fuzz_check(engine);
}

/* What one holds the other must take. */
static void carry_over(struct parley *from, struct parley *to)
{
	static _Alignas(16) char buffer[1 << 20];
	struct parley_now now = {.ms = 2000, .unix_s = 1700000001};
	struct parley_id id = {0, 0};
	struct parley_image image;

	while (parley_next(from, &id)) {
		srjson_doc_t doc = {.malloc_fn = fuzz_malloc,
				    .free_fn = fuzz_free};
		srjson_t *item;

		if (parley_export(from, now, id, &image, buffer, sizeof(buffer),
				  NULL) < 0)
			continue;
		item = json_of_image(&doc, &image, &names);
		take(to, &doc, item, true);
		srjson_Delete(&doc, item);
		item = json_of_stock(&doc, &image, JSON_STOCK_UPDATE, true,
				     &names);
		srjson_Delete(&doc, item);
	}
}

static void take_stock(srjson_doc_t *doc)
{
	static struct json_image read;

	read = (struct json_image){0};
	(void)json_to_stock(doc, doc->root, &names, &read);
	json_image_fini(doc, &read);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_host hosts[2];
	struct parley *here = make(&hosts[0]), *there = make(&hosts[1]);
	srjson_doc_t doc = {.malloc_fn = fuzz_malloc, .free_fn = fuzz_free};
	char *text = calloc(1, size + 1);

	if (!text)
		abort();
	memcpy(text, data, size);
	if (json_parse(&doc, text)) {
		srjson_t *list = json_member(doc.root, "dialogs");

		for (srjson_t *item = list ? list->child : NULL; item;
		     item = item->next)
			take(here, &doc, item, false);
		carry_over(here, there);
		if (doc.root->type == srjson_Object)
			take_stock(&doc);
	}
	srjson_Delete(&doc, doc.root);
	free(text);
	parley_destroy(here);
	parley_destroy(there);
	return 0;
}
