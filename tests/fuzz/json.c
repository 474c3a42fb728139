/*
 * json.c - the JSON tree of core/utils/srjson.h, for tests
 *
 * The reader and the writer are Kamailio's in the server; here are small ones
 * with the same interface, which forgive as much.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image_json.h"

static void *take(srjson_doc_t *doc, size_t size)
{
	void *taken = doc->malloc_fn(size);

	if (!taken)
		abort();
	memset(taken, 0, size);
	return taken;
}

static srjson_t *item_new(srjson_doc_t *doc, int type)
{
	srjson_t *item = take(doc, sizeof(*item));

	item->type = type;
	return item;
}

static char *text_of(srjson_doc_t *doc, const char *s, size_t len)
{
	char *copy = take(doc, len + 1);

	/* Up to a zero byte, as in the server. */
	for (size_t i = 0; i < len && s[i] != '\0'; i++)
		copy[i] = s[i];
	return copy;
}

static void give(srjson_doc_t *doc, void *ptr)
{
	if (ptr)
		doc->free_fn(ptr);
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
		give(doc, item->string);
		give(doc, item->valuestring);
		give(doc, item);
		item = next;
	}
}

srjson_t *srjson_CreateObject(srjson_doc_t *doc)
{
	return item_new(doc, srjson_Object);
}

srjson_t *srjson_CreateArray(srjson_doc_t *doc)
{
	return item_new(doc, srjson_Array);
}

srjson_t *srjson_CreateNumber(srjson_doc_t *doc, double number)
{
	srjson_t *item = item_new(doc, srjson_Number);

	item->valuedouble = number;
	return item;
}

srjson_t *srjson_CreateStr(srjson_doc_t *doc, const char *s, int len)
{
	srjson_t *item = item_new(doc, srjson_String);

	item->valuestring = text_of(doc, s, (size_t)len);
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
	item->string = text_of(doc, name, (size_t)len);
	item_add(object, item);
}

void srjson_AddItemToObject(srjson_doc_t *doc, srjson_t *object,
			    const char *name, srjson_t *item)
{
	srjson_AddStrItemToObject(doc, object, name, (int)strlen(name), item);
}

/* ------------------------------------------------ printing */

struct out {
	char *s; /* NULL: only counted */
	size_t len;
};

static void put(struct out *out, const char *text)
{
	size_t len = strlen(text);

	if (out->s)
		memcpy(out->s + out->len, text, len);
	out->len += len;
}

static void put_text(struct out *out, const char *text)
{
	char one[8];

	put(out, "\"");
	for (; text && *text; text++) {
		if (*text == '"' || *text == '\\')
			snprintf(one, sizeof(one), "\\%c", *text);
		else if ((unsigned char)*text < ' ')
			snprintf(one, sizeof(one), "\\u%04x",
				 (unsigned)(unsigned char)*text);
		else
			snprintf(one, sizeof(one), "%c", *text);
		put(out, one);
	}
	put(out, "\"");
}

static void put_item(struct out *out, const srjson_t *item)
{
	bool object = item->type == srjson_Object;
	char number[64];

	if (item->type == srjson_String) {
		put_text(out, item->valuestring);
		return;
	}
	if (!object && item->type != srjson_Array) {
		snprintf(number, sizeof(number), "%.0f", item->valuedouble);
		put(out, number);
		return;
	}
	put(out, object ? "{" : "[");
	for (const srjson_t *one = item->child; one; one = one->next) {
		if (object) {
			put_text(out, one->string);
			put(out, ":");
		}
		put_item(out, one);
		put(out, one->next ? "," : "");
	}
	put(out, object ? "}" : "]");
}

char *srjson_PrintUnformatted(srjson_doc_t *doc, srjson_t *item)
{
	struct out out = {0};

	put_item(&out, item);
	out.s = take(doc, out.len + 1);
	out.len = 0;
	put_item(&out, item);
	return out.s;
}

/* ------------------------------------------------ reading */

static const char *parse_item(srjson_doc_t *doc, const char *at,
			      srjson_t **itemp);

static const char *unescape(const char *from, char *to)
{
	static const char letters[] = "bfnrt", meant[] = "\b\f\n\r\t";
	const char *letter = *from ? strchr(letters, *from) : NULL;
	char digits[5] = "";

	*to = *from;
	if (letter)
		*to = meant[letter - letters];
	if (*from != 'u' || strlen(from) < 5)
		return from;
	memcpy(digits, from + 1, 4);
	*to = (char)strtoul(digits, NULL, 16);
	return from + 4;
}

static const char *parse_quoted(srjson_doc_t *doc, const char *at, char **textp)
{
	const char *begin = ++at;
	size_t len = 0;
	char *text;

	while (*at && *at != '"')
		at += *at == '\\' && at[1] ? 2 : 1;
	text = text_of(doc, begin, (size_t)(at - begin));
	for (const char *from = text; *from; from++) {
		if (*from == '\\' && from[1])
			from = unescape(from + 1, &text[len++]);
		else
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

static const char *parse_name(srjson_doc_t *doc, const char *at, char **namep)
{
	at = *at == '"' ? parse_quoted(doc, at, namep) : NULL;
	at = at ? skip(at) : NULL;
	return at && *at == ':' ? skip(at + 1) : NULL;
}

static const char *parse_member(srjson_doc_t *doc, const char *at,
				srjson_t *list)
{
	srjson_t *item = NULL;
	char *name = NULL;

	if (list->type == srjson_Object)
		at = parse_name(doc, at, &name);
	if (at)
		at = parse_item(doc, at, &item);
	if (item) {
		item->string = name;
		item_add(list, item);
	} else {
		give(doc, name);
	}
	return at ? skip(at) : NULL;
}

static const char *parse_list(srjson_doc_t *doc, const char *at, srjson_t *list,
			      char end)
{
	at = skip(at + 1);
	while (at && *at && *at != end) {
		at = parse_member(doc, at, list);
		if (at && *at == ',')
			at = skip(at + 1);
		else if (at && *at != end)
			at = NULL;
	}
	return at && *at == end ? at + 1 : NULL;
}

static const char *parse_item(srjson_doc_t *doc, const char *at,
			      srjson_t **itemp)
{
	char *end;

	if (*at == '{' || *at == '[') {
		*itemp = item_new(doc,
				  *at == '{' ? srjson_Object : srjson_Array);
		return parse_list(doc, at, *itemp, *at == '{' ? '}' : ']');
	}
	if (*at == '"') {
		*itemp = item_new(doc, srjson_String);
		return parse_quoted(doc, at, &(*itemp)->valuestring);
	}
	*itemp = item_new(doc, srjson_Number);
	(*itemp)->valuedouble = strtod(at, &end);
	if (end != at)
		return end;
	(*itemp)->type = srjson_NULL;
	return strncmp(at, "null", 4) == 0 ? at + 4 : NULL;
}

srjson_t *srjson_Parse(srjson_doc_t *doc, const char *text)
{
	srjson_t *item = NULL;

	if (parse_item(doc, skip(text), &item))
		return item;
	srjson_Delete(doc, item);
	return NULL;
}
