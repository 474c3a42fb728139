/* See fifo_reply.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fifo_reply.h"

/* Room for the first line, which is known last. */
enum { ESCAPED_MAX = 4, HEAD_MAX = ESCAPED_MAX * FIFO_REASON_MAX + 16 };

static bool reserve(struct fifo_reply *reply, size_t more)
{
	size_t size = reply->size > 0 ? reply->size : 4096;
	char *s;

	if (reply->len + more > FIFO_REPLY_MAX)
		return false;
	while (size < reply->len + more)
		size *= 2;
	if (size == reply->size)
		return true;
	s = realloc(reply->s, size);
	if (!s)
		return false;
	reply->s = s;
	reply->size = size;
	return true;
}

/* Writes one character to @to; returns how many that takes. */
static size_t escape(char *to, unsigned char c)
{
	static const char special[] = "\\\n\r\t";
	static const char letters[] = "\\nrt";
	static const char digits[] = "0123456789abcdef";
	const char *at = c != '\0' ? strchr(special, c) : NULL;

	to[0] = '\\';
	if (at) {
		to[1] = letters[at - special];
		return 2;
	}
	if (c < ' ' || c == 0x7f) {
		to[1] = 'x';
		to[2] = digits[c >> 4];
		to[3] = digits[c & 15];
		return 4;
	}
	to[0] = (char)c;
	return 1;
}

static void put_text(struct fifo_reply *reply, struct parley_str text)
{
	for (uint32_t i = 0; i < text.len; i++)
		reply->len +=
			escape(reply->s + reply->len, (unsigned char)text.s[i]);
}

static void put(struct fifo_reply *reply, const char *text)
{
	size_t len = strlen(text);

	memcpy(reply->s + reply->len, text, len);
	reply->len += len;
}

static bool begin(struct fifo_reply *reply)
{
	if (reply->len == 0 && !reserve(reply, HEAD_MAX))
		return false;
	if (reply->len == 0)
		reply->len = HEAD_MAX;
	return true;
}

bool fifo_reply_line(struct fifo_reply *reply, unsigned int depth,
		     struct parley_str name, const struct parley_str *value)
{
	size_t most =
		depth + sizeof(":: \"\"\n") +
		ESCAPED_MAX * ((size_t)name.len + (value ? value->len : 0));

	if (!begin(reply) || !reserve(reply, most))
		return false;
	for (; depth > 0; depth--)
		put(reply, "\t");
	put_text(reply, name);
	if (name.s)
		put(reply, value && value->len > 0 ? ":: " : "::");
	else if (!value || value->len == 0)
		put(reply, "\"\""); /* an empty line is the end */
	if (value)
		put_text(reply, *value);
	put(reply, "\n");
	return true;
}

bool fifo_reply_end(struct fifo_reply *reply, int code, const char *reason)
{
	struct fifo_reply head = {0};
	char first[HEAD_MAX];
	char shown[ESCAPED_MAX * FIFO_REASON_MAX + 1];
	size_t len = strlen(reason);

	if (len > FIFO_REASON_MAX)
		len = FIFO_REASON_MAX;
	head.s = shown;
	put_text(&head, (struct parley_str){reason, (uint32_t)len});
	shown[head.len] = '\0';
	len = (size_t)snprintf(first, sizeof(first), "%d %s\n", code, shown);
	if (!begin(reply) || !reserve(reply, 1)) {
		fifo_reply_free(reply);
		return false;
	}
	if (code != 200)
		reply->len = HEAD_MAX;
	memmove(reply->s + len, reply->s + HEAD_MAX, reply->len - HEAD_MAX);
	memcpy(reply->s, first, len);
	reply->len += len - HEAD_MAX;
	put(reply, "\n");
	return true;
}

void fifo_reply_free(struct fifo_reply *reply)
{
	free(reply->s);
	*reply = (struct fifo_reply){0};
}
