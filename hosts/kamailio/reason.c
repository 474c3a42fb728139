/* See reason.h. */
#include <stdbool.h>
#include <stdio.h>

#include "reason.h"

/* The bytes of the character that begins at @at, as far as they are there; one
 * of UTF-8 has at most four. */
static uint32_t character(struct parley_str text, uint32_t at)
{
	uint32_t len = 1;

	while (len < 4 && at + len < text.len &&
	       ((unsigned char)text.s[at + len] & 0xc0) == 0x80)
		len++;
	return len;
}

/* Copies whole characters into @size bytes, with a zero behind them. */
static uint32_t copy(struct parley_str source, bool escape, char *target,
		     size_t size)
{
	uint32_t at = 0, len, used = 0;

	for (; at < source.len; at += len) {
		unsigned char first = (unsigned char)source.s[at];
		bool escaped = escape && (first == '"' || first == '\\');

		len = character(source, at);
		if (used + escaped + len >= size)
			break;
		if (escaped)
			target[used++] = '\\';
		for (uint32_t i = 0; i < len; i++)
			target[used++] = source.s[at + i];
		if (first < ' ' || first == 0x7f)
			target[used - len] = ' ';
	}
	target[used] = '\0';
	return used;
}

void reason_phrase(struct parley_str reason, char phrase[REASON_PHRASE_MAX])
{
	copy(reason, false, phrase, REASON_PHRASE_MAX);
}

struct parley_str reason_text(struct parley_str reason,
			      char text[REASON_TEXT_MAX])
{
	return (struct parley_str){text,
				   copy(reason, true, text, REASON_TEXT_MAX)};
}

struct parley_str reason_line(int code, struct parley_str reason,
			      char line[REASON_LINE_MAX])
{
	char text[REASON_TEXT_MAX];
	int len = 0;

	line[0] = '\0';
	if (reason.len > 0) {
		reason_text(reason, text);
		len = snprintf(line, REASON_LINE_MAX,
			       "Reason: SIP;cause=%d;text=\"%s\"\r\n", code,
			       text);
	}
	return (struct parley_str){line, (uint32_t)len};
}
