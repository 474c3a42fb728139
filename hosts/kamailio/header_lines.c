/* See header_lines.h. */
#include <string.h>
#include <strings.h>

#include "header_lines.h"

/* A character of a token, RFC 3261 25.1. */
static bool is_token(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || (c && strchr("-.!%*_+`'~", c));
}

bool header_is_token(struct parley_str text)
{
	uint32_t at = 0;

	while (at < text.len && is_token(text.s[at]))
		at++;
	return text.len > 0 && at == text.len;
}

static const char *line_fault(const char *line, size_t len)
{
	size_t name = 0, colon;

	if (len == 0)
		return "an empty line";
	while (name < len && is_token(line[name]))
		name++;
	for (colon = name; colon < len; colon++)
		if (line[colon] != ' ' && line[colon] != '\t')
			break;
	if (name == 0 || colon == len || line[colon] != ':')
		return "a line that is not \"Name: value\"";
	for (size_t i = colon; i < len; i++)
		if (line[i] == '\r' || line[i] == '\n' || line[i] == '\0')
			return "a CR or LF that is not part of a CRLF";
	return NULL;
}

const char *header_lines_fault(struct parley_str lines)
{
	size_t from = 0, to;

	while (from < lines.len) {
		const char *fault;

		for (to = from; to + 1 < lines.len; to++)
			if (lines.s[to] == '\r' && lines.s[to + 1] == '\n')
				break;
		if (to + 1 >= lines.len)
			to = lines.len;
		fault = line_fault(lines.s + from, to - from);
		if (fault)
			return fault;
		from = to + 2;
	}
	return NULL;
}

const char *header_lines_extra_fault(struct parley_str lines)
{
	return lines.len > HEADER_LINES_MAX ? "more than 4096 bytes"
					    : header_lines_fault(lines);
}

bool header_lines_have(struct parley_str lines, const char *name)
{
	size_t len = strlen(name), from = 0, colon;

	while (from < lines.len) {
		const char *end =
			memchr(lines.s + from, '\n', lines.len - from);

		colon = from + len;
		while (colon < lines.len &&
		       (lines.s[colon] == ' ' || lines.s[colon] == '\t'))
			colon++;
		if (colon < lines.len && lines.s[colon] == ':' &&
		    strncasecmp(lines.s + from, name, len) == 0)
			return true;
		if (!end)
			break;
		from = (size_t)(end - lines.s) + 1;
	}
	return false;
}

bool header_lines_ended(struct parley_str lines)
{
	return lines.len >= 2 &&
	       memcmp(lines.s + lines.len - 2, "\r\n", 2) == 0;
}
