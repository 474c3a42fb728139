/*
 * reader.h - a copy of one dialog in a buffer that grows
 *
 * What:    parley_read() with memory: the buffer is enlarged until the dialog
 *          fits and is used again for the next one, so that reading allocates
 *          only when a dialog is larger than all before it.
 * Owns:    the buffer, in the process's own memory. A view points into it and
 *          is valid until the next reader_read() on the same reader.
 * Locking: none; a reader belongs to one process.
 * Always:  a zeroed reader is ready for use.
 * Why:     $dlg(...) and RPC need a whole dialog, each in its own rhythm: the
 *          variables keep one reader per process, what is done for a message
 *          another one, an RPC command has its own and frees it.
 */
#ifndef READER_H
#define READER_H

#include "adapter.h"

struct reader {
	void *buffer;
	size_t size;
};

/* 0, PARLEY_E_NO_DIALOG or PARLEY_E_MEMORY. */
int reader_read(struct reader *reader, struct parley_id id,
		struct parley_view *view);

/* Room for @size bytes, and some more; what was in it is lost. */
bool reader_reserve(struct reader *reader, size_t size);

void reader_fini(struct reader *reader);

/* The reader that the pseudo-variables of this process share. */
struct reader *reader_of_process(void);
/* Another one, for steps that are done with their view before they call anybody
 * else. That of the variables will not do: a parameter of a function may be
 * what one of them has in it. */
struct reader *reader_of_steps(void);

/* Views and Kamailio's str: "" instead of NULL, which kamcmd would print as
 * <null string>. */
str reader_text(struct parley_str text);

/* A constant name as Kamailio's functions take it, without const. */
char *reader_name(const char *name);

/* How a socket is written in RPC and $dlg(from_bindaddr): udp:1.2.3.4:5060. */
str reader_socket(void *socket);

/* The last CSeq of a party as text, in a static buffer. */
str reader_cseq(const struct parley_leg_view *leg);

/* early, answered, confirmed, ended. */
const char *reader_leg_state(const struct parley_leg_view *leg);

/* The first callee leg, the answered one if there is one. NULL: none yet. */
const struct parley_leg_view *reader_callee(const struct parley_view *view);

/* What has ended the call, or is ending it, in OpenSIPS' words, or in those of
 * who has ended it; "": nothing has, or nobody knows. */
str reader_ended(const struct parley_view *view);

/* The engine counts those who hold the dialog; users of the stock module know
 * that the number is above 0 as long as it is in memory. */
int reader_refs(const struct parley_view *view);

/* The stock module's internal flags, as far as they have a meaning here: 4
 * ended after an answer, 16 and 32 a BYE of ours towards caller and callee is
 * on its way, 512 the call is in a transaction. */
int reader_dflags(const struct parley_view *view);
unsigned int reader_state_dflags(uint8_t state, bool answered, bool ending);

#endif
