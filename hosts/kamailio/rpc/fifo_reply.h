/*
 * fifo_reply.h - the text of an answer through the classic FIFO
 *
 * What:    "200 OK" or "400 what is wrong", then a line for each name with its
 *          value, with a tab for each level, then an empty line:
 *              200 OK
 *              dialog::
 *              	h_entry:: 1124
 * Owns:    the text, in libc's memory: an answer may be larger than all of
 *          Kamailio's private pool.
 * Locking: none.
 * Always:  a value stays in its line: \, and what is no printing character, is
 *          written as \\, \n, \r, \t or \x1b.
 */
#ifndef FIFO_REPLY_H
#define FIFO_REPLY_H

#include <stdbool.h>
#include <stddef.h>

#include "parley.h"

enum {
	FIFO_REPLY_MAX = 64 << 20, /* bytes of an answer */
	FIFO_REASON_MAX = 512,
};

/* Zeroed it is an empty one. */
struct fifo_reply {
	char *s;
	size_t len, size;
};

/* Adds a line. @name.s NULL: the value has none; @value NULL: the name has
 * none. False: no memory, or it would be too long; nothing was added. */
bool fifo_reply_line(struct fifo_reply *reply, unsigned int depth,
		     struct parley_str name, const struct parley_str *value);

/* Puts the first line before what was added, or, if @code is not 200, in its
 * place, and ends the answer. False: no memory, and it is empty. */
bool fifo_reply_end(struct fifo_reply *reply, int code, const char *reason);

void fifo_reply_free(struct fifo_reply *reply);

#endif
