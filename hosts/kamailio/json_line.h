/*
 * json_line.h - one JSON object per line, into a buffer of the caller
 *
 * What:    writes names, numbers and texts; a text may contain any bytes, of
 *          which those that JSON forbids are escaped.
 * Owns:    nothing. What does not fit is counted but not written: @len is then
 *          above @size, and the caller begins again with a larger buffer.
 * Locking: none.
 * Always:  knows nothing of Kamailio; tests/unit/test_json_line.c.
 * Why:     a dump of many dialogs takes no memory for each of them, and keeps
 *          zero bytes. The server's own JSON, which image_json.c needs to read
 *          as well, makes a tree first and ends a text at a zero byte.
 */
#ifndef JSON_LINE_H
#define JSON_LINE_H

#include "parley.h"

struct json_line {
	char *s;
	size_t size;
	size_t len;
	bool inside; /* something stands before, so a comma is needed */
};

/* @name NULL: an element of an array, or the object itself. */
void json_open(struct json_line *line, const char *name, char bracket);
void json_close(struct json_line *line, char bracket);
void json_number(struct json_line *line, const char *name, uint32_t number);
void json_text(struct json_line *line, const char *name,
	       struct parley_str text);
/* The same where the name is no constant. */
void json_pair(struct json_line *line, struct parley_str name,
	       struct parley_str text);
/* The line end. */
void json_end(struct json_line *line);

#endif
