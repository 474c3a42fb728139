/*
 * asks.h - what other processes ask the writer for
 *
 * What:    a request goes through a pipe, its answer through shared memory.
 * Owns:    the pipe; a few places for answers.
 * Locking: none; a place belongs to who has taken it, and to the writer from
 *          the request to the answer.
 * Always:  who asks waits for a bounded time, and less if the writer is not
 *          there at all. What was asked is done all the same.
 * Why:     who handles SIP must not have to wait for a database.
 */
#ifndef ASKS_H
#define ASKS_H

#include "db_load.h"

enum ask_what {
	ASK_LOAD_CALLID, /* text: a Call-ID */
	ASK_LOAD_EXTRA,
	ASK_ADOPT, /* text: the name of a node */
	ASK_FLUSH, /* has no answer */
};

enum { ASK_TEXT_MAX = 1024 };

struct ask {
	enum ask_what what;
	uint32_t slot; /* the place for the answer, or none */
	uint32_t len;
	char text[ASK_TEXT_MAX];
};

/* mod_init. 0, or -1 and one line. */
int asks_init(void);
void asks_fini(void);

/* Asks, and waits at most 2 s. 0: done, and *@count says what; else why not, as
 * a constant text. */
const char *asks_put(enum ask_what what, struct parley_str text,
		     struct db_load_count *count);

/* In the writer: the next request, or none within @wait_ms. */
bool asks_next(struct ask *ask, int wait_ms);
/* @fault NULL: done. A constant text. */
void asks_answer(const struct ask *ask, const char *fault,
		 const struct db_load_count *count);

#endif
