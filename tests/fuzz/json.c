/*
 * json.c - the JSON tree of core/utils/srjson.h, for tests
 *
 * The reader and the writer are Kamailio's in the server; here are small ones
 * with the same interface, which forgive as much.
 */
#include <stdlib.h>
#include <string.h>

#include "image_json.h"

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
