/* See db_bytes.h. */
#include "db_bytes.h"
#include "text.h"

enum { ESCAPE = 6 }; /* \udcXX */

static bool is_tail(unsigned char byte)
{
	return (byte & 0xC0) == 0x80;
}

uint32_t db_utf8_length(const unsigned char *s, uint32_t left)
{
	uint32_t length, second_min = 0x80, second_max = 0xBF;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xC2 || s[0] > 0xF4)
		return 0;
	length = s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : 4;
	if (s[0] == 0xE0)
		second_min = 0xA0; /* else it had fitted into two */
	else if (s[0] == 0xED)
		second_max = 0x9F; /* halves of UTF-16 pairs */
	else if (s[0] == 0xF0)
		second_min = 0x90;
	else if (s[0] == 0xF4)
		second_max = 0x8F;
	if (left < length || s[1] < second_min || s[1] > second_max)
		return 0;
	for (uint32_t i = 2; i < length; i++)
		if (!is_tail(s[i]))
			return 0;
	return length;
}

/* How many bytes are in no character. */
static uint32_t count_strange(struct parley_str text)
{
	const unsigned char *s = (const unsigned char *)text.s;
	uint32_t at = 0, count = 0;

	while (at < text.len) {
		uint32_t length = db_utf8_length(s + at, text.len - at);

		count += length == 0;
		at += length == 0 ? 1 : length;
	}
	return count;
}

bool db_is_utf8(struct parley_str text)
{
	return count_strange(text) == 0;
}

/* ------------------------------------------------ in an image */

static char *put_escape(char *at, unsigned char byte)
{
	static const char digits[] = "0123456789abcdef";

	memcpy(at, "\\udc", ESCAPE - 2);
	at[ESCAPE - 2] = digits[byte >> 4];
	at[ESCAPE - 1] = digits[byte & 15];
	return at + ESCAPE;
}

char *db_bytes_hide(struct db_arena *arena, char *json)
{
	const unsigned char *s = (const unsigned char *)json;
	uint32_t left = (uint32_t)strlen(json);
	uint32_t count = count_strange((struct parley_str){json, left});
	char *hidden, *at;

	if (count == 0)
		return json;
	hidden = db_arena_take(arena, left + (size_t)count * ESCAPE + 1);
	for (at = hidden; hidden && left > 0;) {
		uint32_t length = db_utf8_length(s, left);

		if (length == 0) {
			at = put_escape(at, *s);
			length = 1;
		} else {
			memcpy(at, s, length);
			at += length;
		}
		s += length;
		left -= length;
	}
	if (hidden)
		*at = '\0';
	return hidden;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte of the escape at @s, or -1. */
static int escaped(const char *s)
{
	if (strncmp(s, "\\udc", ESCAPE - 2) != 0 || digit(s[4]) < 8 ||
	    digit(s[5]) < 0)
		return -1;
	return digit(s[4]) << 4 | digit(s[5]);
}

void db_bytes_show(char *json)
{
	char *to = json;

	while (*json) {
		int byte = escaped(json);

		if (byte >= 0) {
			*to++ = (char)byte;
			json += ESCAPE;
			continue;
		}
		/* A backslash and what it stands before are one. */
		if (*json == '\\' && json[1])
			*to++ = *json++;
		*to++ = *json++;
	}
	*to = '\0';
}

bool db_bytes_match(struct parley_str stored, struct parley_str text)
{
	if (stored.len != text.len)
		return false;
	for (uint32_t i = 0; i < text.len; i++)
		if (stored.s[i] != text.s[i] &&
		    !(stored.s[i] == '?' && (text.s[i] & 0x80)))
			return false;
	return true;
}
