/* See fields.h. */
#include <string.h>
#include <strings.h>

#include "fields.h"

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_blank(char c)
{
	return is_space(c) || c == '\r' || c == '\n';
}

struct parley_str field_trim(struct parley_str text)
{
	while (text.len > 0 && is_blank(*text.s)) {
		text.s++;
		text.len--;
	}
	while (text.len > 0 && is_blank(text.s[text.len - 1]))
		text.len--;
	return text;
}

/* ------------------------------------------------ addresses */

bool field_ends_value(char c)
{
	return c == ';' || c == ',' || is_blank(c);
}

static const char *skip_space(const char *at, const char *end)
{
	while (at < end && is_space(*at))
		at++;
	return at;
}

/* Behind the next semicolon outside of quotes; NULL: there is none. */
static const char *next_parameter(const char *at, const char *end)
{
	bool quoted = false, escaped = false;

	for (; at < end; at++) {
		if (escaped)
			escaped = false;
		else if (*at == '\\' && quoted)
			escaped = true;
		else if (*at == '"')
			quoted = !quoted;
		else if (*at == ';' && !quoted)
			return at + 1;
	}
	return NULL;
}

/* What follows "name =" at @at; NULL: it is another parameter. */
static const char *named(const char *at, const char *end, const char *name,
			 size_t name_len)
{
	at = skip_space(at, end);
	if ((size_t)(end - at) <= name_len ||
	    strncasecmp(at, name, name_len) != 0)
		return NULL;
	at = skip_space(at + name_len, end);
	if (at == end || *at != '=')
		return NULL;
	return skip_space(at + 1, end);
}

struct parley_str field_parameter(struct parley_str params, const char *name)
{
	const size_t name_len = strlen(name);
	const char *end = params.s + params.len;
	const char *at = next_parameter(params.s, end);

	for (; at; at = next_parameter(at, end)) {
		const char *from = named(at, end, name, name_len);
		if (!from)
			continue;
		const char *to = from;
		while (to < end && !field_ends_value(*to))
			to++;
		return (struct parley_str){from, (uint32_t)(to - from)};
	}
	return (struct parley_str){0};
}

/* RFC 3261 25.1: without a quoted display name, the first < begins the URI and
 * the first > after it ends it. */
bool field_split(struct parley_str body, struct parley_str *uri,
		 struct parley_str *params)
{
	const char *end = body.s + body.len;
	const char *from, *to;

	if (body.len == 0 || memchr(body.s, '"', body.len))
		return false;
	from = memchr(body.s, '<', body.len);
	to = from ? memchr(from, '>', (size_t)(end - from)) : NULL;
	/* "sip:a@b, <sip:c@d>": an addr-spec comes first. */
	if (!to || memchr(body.s, ':', (size_t)(from - body.s)))
		return false;
	*uri = (struct parley_str){from + 1, (uint32_t)(to - from - 1)};
	*params = (struct parley_str){to + 1, (uint32_t)(end - to - 1)};
	return true;
}

/* ------------------------------------------------ lists */

/* The comma that ends the value at @at, or @end. */
static const char *value_end(const char *at, const char *end)
{
	bool quoted = false, inside = false;

	for (; at < end; at++) {
		if (*at == '\\' && quoted && at + 1 < end) {
			at++;
			continue;
		}
		if (*at == '"' && !inside)
			quoted = !quoted;
		if (!quoted)
			inside = *at == '<' || (inside && *at != '>');
		if (*at == ',' && !quoted && !inside)
			return at;
	}
	return end;
}

uint32_t field_values(struct parley_str body, struct parley_str *values,
		      uint32_t max)
{
	const char *end = body.s + body.len;
	uint32_t count = 0;

	/* Mostly there is one. */
	if (body.len > 0 && max > 0 && !memchr(body.s, ',', body.len)) {
		values[0] = field_trim(body);
		return values[0].len > 0;
	}
	for (const char *at = body.s; body.len > 0 && at <= end;) {
		const char *to = value_end(at, end);
		struct parley_str value = field_trim(
			(struct parley_str){at, (uint32_t)(to - at)});

		if (value.len > 0 && count < max)
			values[count++] = value;
		at = to + 1;
	}
	return count;
}

static bool is_name(struct parley_str value, const char *name)
{
	return value.len == strlen(name) &&
	       strncasecmp(value.s, name, value.len) == 0;
}

/* Takes the first value off @list. False: it is empty. */
static bool next_value(struct parley_str *list, struct parley_str *value)
{
	const char *end, *to;

	if (list->len == 0)
		return false;
	end = list->s + list->len;
	to = value_end(list->s, end);
	*value = field_trim(
		(struct parley_str){list->s, (uint32_t)(to - list->s)});
	list->s = to + (to < end);
	list->len = (uint32_t)(end - list->s);
	return true;
}

bool field_has(struct parley_str body, const char *name)
{
	struct parley_str value;

	while (next_value(&body, &value))
		if (is_name(value, name))
			return true;
	return false;
}

uint32_t field_without(struct parley_str body, const char *name, char *out)
{
	struct parley_str value;
	uint32_t len = 0;

	while (next_value(&body, &value)) {
		if (value.len == 0 || is_name(value, name))
			continue;
		if (len > 0)
			out[len++] = ',';
		memcpy(out + len, value.s, value.len);
		len += value.len;
	}
	return len;
}

/* ------------------------------------------------ numbers */

bool field_number(struct parley_str digits, uint32_t *number)
{
	uint64_t value = 0;

	if (digits.len == 0 || digits.len > 10)
		return false;
	for (uint32_t i = 0; i < digits.len; i++) {
		if (digits.s[i] < '0' || digits.s[i] > '9')
			return false;
		value = value * 10 + (uint64_t)(digits.s[i] - '0');
	}
	if (value > UINT32_MAX)
		return false;
	*number = (uint32_t)value;
	return true;
}

/* ------------------------------------------------ lines */

/* What the line at @at begins with; *valuep is what stands behind the colon. */
static enum field_name name_at(const char *at, const char *end,
			       const char **valuep)
{
	enum field_name name = FIELD_CONTACT;
	const char *text = "contact";

	switch (*at | 0x20) {
	case 'm':
		text = "m";
		break;
	case 'c':
		break;
	case 'r':
		text = "record-route";
		name = FIELD_RECORD_ROUTE;
		break;
	default:
		return FIELD_NONE;
	}
	size_t len = strlen(text);

	if ((size_t)(end - at) <= len || strncasecmp(at, text, len) != 0)
		return FIELD_NONE;
	at = skip_space(at + len, end);
	if (at == end || *at != ':')
		return FIELD_NONE;
	*valuep = at + 1;
	return name;
}

static const char *next_line(const char *at, const char *end)
{
	at = memchr(at, '\n', (size_t)(end - at));
	return at ? at + 1 : end;
}

/* A line that goes on the one before begins with white space. */
enum field_name field_next(const char *at, const char *end,
			   struct parley_str *value, const char **nextp)
{
	while (at && at < end && *at != '\r' && *at != '\n') {
		const char *from;
		enum field_name name = name_at(at, end, &from);

		at = next_line(at, end);
		if (name == FIELD_NONE)
			continue;
		while (at < end && is_space(*at))
			at = next_line(at, end);
		*value = field_trim(
			(struct parley_str){from, (uint32_t)(at - from)});
		*nextp = at;
		return name;
	}
	return FIELD_NONE;
}
