/*
 * fuzz_dmq.c - what another node says, from the text to the engine
 *
 * The input is a message of ours, or of a stock node: it is read as an image
 * and imported. Whatever the engine holds then is exported, written, read and
 * imported into a second engine, which must take it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* With the small reader instead of the server's: tests/fuzz/core. */
#include "image_json.c" /* NOLINT(bugprone-suspicious-include) */
#include "input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ------------------------------------------------ two nodes */

static void *fuzz_malloc(size_t size)
{
	return malloc(size);
}

static void fuzz_free(void *ptr)
{
	free(ptr);
}

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
	struct parley_host calls;

	*host = (struct fuzz_host){.state = 1};
	fuzz_host_fill(host, &calls);
	return fuzz_engine(&calls, true);
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
