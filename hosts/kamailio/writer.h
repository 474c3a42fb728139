/*
 * writer.h - the process that carries changes into the database
 *
 * What:    "dialog writer", with db_mode 1 or 2: drains the journal in batches,
 *          every 50 ms or every db_update_period; loads what is asked for;
 *          says when the database is behind.
 * Owns:    its connection; a few counts in shared memory.
 * Locking: none. Nobody waits for it but RPC commands that ask it for
 *          something, and they for a bounded time.
 * Always:  what is in the journal gets into the database in the end, in the
 *          order in which it changed.
 */
#ifndef WRITER_H
#define WRITER_H

#include "adapter.h"

int writer_init(void);	/* mod_init: shared counts, the pipe for requests */
void writer_loop(void); /* the process; does not return (procs.c) */
/* main at its end: modes 1 and 2 write what is left, mode 3 everything. */
void writer_finish(void);

struct writer_stats {
	uint64_t waiting, oldest_ms, unrecorded;
	uint64_t written, deleted, statements, batches, refused, errors;
	uint64_t last_commit_s; /* wall clock; 0: none yet */
	bool behind;
};
void writer_get_stats(struct writer_stats *stats);

/* dlg_db_load_callid() and dlg_db_load_extra(): asks the writer. The dialogs
 * are there when it returns, or it returns after 2 s at the latest. */
enum writer_ask { WRITER_LOAD_CALLID, WRITER_LOAD_EXTRA, WRITER_ADOPT };
int writer_ask(enum writer_ask what, struct parley_str text);

#endif
