/* objects: hosts/fields.o */
/*
 * fuzz_fields.c - what the adapter reads out of messages by itself
 *
 * Addresses, parameters, lists and lines of text that anybody may send. Each
 * answer must lie inside of the text, and say the same when it is asked again
 * of what it has found.
 */
#include <stdlib.h>
#include <string.h>

#include "fields.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { VALUES = 8 };

static void expect(bool good)
{
	if (!good)
		abort();
}

static bool inside(struct parley_str text, struct parley_str part)
{
	return part.len == 0 ||
	       (part.s >= text.s && part.s + part.len <= text.s + text.len);
}

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void address(struct parley_str text)
{
	struct parley_str uri, params, tag;

	tag = field_parameter(text, "tag");
	expect(inside(text, tag));
	for (uint32_t i = 0; i < tag.len; i++)
		expect(!field_ends_value(tag.s[i]));
	if (!field_split(text, &uri, &params))
		return;
	expect(inside(text, uri) && inside(text, params));
	expect(memchr(uri.s, '>', uri.len) == NULL);
	expect(uri.s > text.s && uri.s[-1] == '<');
	expect(uri.s[uri.len] == '>');
	tag = field_parameter(params, "tag");
	expect(inside(params, tag));
}

static void list(struct parley_str text)
{
	struct parley_str values[VALUES], again[VALUES];
	const char *from = text.s;
	uint32_t count = field_values(text, values, VALUES);

	expect(count <= VALUES);
	for (uint32_t i = 0; i < count; i++) {
		struct parley_str value = values[i];

		expect(value.len > 0 && inside(text, value));
		expect(value.s >= from);
		expect(!blank(value.s[0]) && !blank(value.s[value.len - 1]));
		from = value.s + value.len;
		/* A value is a list of one. */
		expect(field_values(value, again, VALUES) == 1);
		expect(again[0].s == value.s && again[0].len == value.len);
	}
}

static void without(struct parley_str text)
{
	char *out = malloc(text.len + 1);
	struct parley_str rest = {out, 0};
	uint32_t number;

	expect(out != NULL);
	rest.len = field_without(text, "a", out);
	expect(rest.len <= text.len);
	expect(!field_has(rest, "a"));
	if (field_number(text, &number))
		expect(text.len > 0 && text.len <= 10);
	free(out);
}

static void lines(struct parley_str text)
{
	const char *end = text.s + text.len;
	const char *at = text.s, *next;
	struct parley_str value;
	enum field_name name;

	while ((name = field_next(at, end, &value, &next)) != FIELD_NONE) {
		const char *begin = name == FIELD_CONTACT ? "cCmM" : "rR";

		expect(next > at && next <= end);
		expect(next == end ||
		       (next[-1] == '\n' && *next != ' ' && *next != '\t'));
		expect(value.s > at && value.s + value.len <= next);
		expect(value.len == 0 ||
		       (!blank(value.s[0]) && !blank(value.s[value.len - 1])));
		/* The name stands at the begin of a line in front of it. */
		const char *colon = value.s;
		while (*--colon != ':')
			expect(blank(*colon) && colon > at);
		const char *from = colon;
		while (from > at && from[-1] != '\n')
			from--;
		expect(strchr(begin, *from) != NULL);
		at = next;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A block of the exact size, so that reading beyond it is seen. */
	char *copy = malloc(size > 0 ? size : 1);
	struct parley_str text = {copy, (uint32_t)size};

	if (copy == NULL)
		return 0;
	if (size > 0)
		memcpy(copy, data, size);
	address(text);
	list(text);
	without(text);
	lines(text);
	expect(inside(text, field_trim(text)));
	free(copy);
	return 0;
}
