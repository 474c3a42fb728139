/* See json_line.h. */
#include <string.h>

#include "json_line.h"
#include "text.h"

static void put(struct json_line *line, char c)
{
	if (line->len < line->size)
		line->s[line->len] = c;
	line->len++;
}

static void put_all(struct json_line *line, const char *text)
{
	while (*text)
		put(line, *text++);
}

static void put_escaped(struct json_line *line, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	static const char named[] = "\"\\\b\f\n\r\t";
	static const char letters[] = "\"\\bfnrt";
	const char *at = c ? strchr(named, c) : NULL;

	if (at) {
		put(line, '\\');
		put(line, letters[at - named]);
	} else if (c < ' ') {
		put_all(line, "\\u00");
		put(line, hex[c >> 4]);
		put(line, hex[c & 15]);
	} else {
		put(line, (char)c);
	}
}

static void put_text(struct json_line *line, struct parley_str text)
{
	put(line, '"');
	for (uint32_t i = 0; i < text.len; i++)
		put_escaped(line, (unsigned char)text.s[i]);
	put(line, '"');
}

static void begin(struct json_line *line, const struct parley_str *name)
{
	if (line->inside)
		put(line, ',');
	line->inside = true;
	if (!name)
		return;
	put_text(line, *name);
	put(line, ':');
}

static void begin_named(struct json_line *line, const char *name)
{
	struct parley_str text = {name, name ? (uint32_t)strlen(name) : 0};

	begin(line, name ? &text : NULL);
}

void json_open(struct json_line *line, const char *name, char bracket)
{
	begin_named(line, name);
	put(line, bracket);
	line->inside = false;
}

void json_close(struct json_line *line, char bracket)
{
	put(line, bracket);
	line->inside = true;
}

void json_number(struct json_line *line, const char *name, uint32_t number)
{
	char digits[TEXT_DIGITS];

	begin_named(line, name);
	put_all(line, text_number(number, digits).s);
}

void json_text(struct json_line *line, const char *name, struct parley_str text)
{
	begin_named(line, name);
	put_text(line, text);
}

void json_pair(struct json_line *line, struct parley_str name,
	       struct parley_str text)
{
	begin(line, &name);
	put_text(line, text);
}

void json_end(struct json_line *line)
{
	put(line, '\n');
	line->inside = false;
}
