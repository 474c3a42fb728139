/*
 * writer.h - the process that carries changes into the database
 *
 * What:    "dialog writer", with a db_mode other than 0: drains the journal in
 *          batches, every 50 ms or every db_update_period; loads what is asked
 *          for. Beside it what the others do for it: "dialog journal" flushes
 *          the journal's file (journal_sync), "dialog timer" says when the
 *          database is behind, and main at its end writes what is left.
 * Owns:    its connection; a few counts in shared memory.
 * Locking: none. Nobody waits for it but who asks it for something, and they
 *          for a bounded time (asks.h).
 * Always:  what is in the journal gets into the database in the end, in the
 *          order in which it changed.
 */
#ifndef WRITER_H
#define WRITER_H

#include "db_write.h"
#include "parley_store.h"
#include "reader.h"

int writer_init(void); /* mod_init: shared counts */
void writer_fini(void);
void writer_loop(void);	      /* the process; does not return (procs.c) */
void writer_flush_loop(void); /* the same of "dialog journal" */
/* Says when the database is behind, at least every second. It is said by the
 * timer process, for the writer may be the one that waits. */
void writer_watch(void);

/* A process's memory for records on their way into a batch. */
struct writer_batch {
	bool has_more; /* the table dialog_more is there; the caller sets it */
	struct db_link *link; /* NULL: no connection */
	struct db_batch *batch;
	struct reader reader;
	uint32_t puts, gone; /* in the batch */
};
/* Connects, if it is not. False: the line was written. */
bool writer_connect(struct writer_batch *batch);
void writer_disconnect(struct writer_batch *batch);
/* Takes what waits out of the journal of @engine, up to a limit, and writes it.
 * How many there were; 0: none waits; or enum db_result: they wait again. */
int writer_step(struct writer_batch *batch, struct parley *engine);
/* Writes what is in the batch: 0 or enum db_result. */
int writer_put(struct writer_batch *batch);

struct writer_stats {
	struct parley_store_stats store;
	uint64_t written, deleted, statements, batches, refused, errors;
	uint64_t last_commit_s; /* wall clock; 0: none yet */
	bool connected, behind;
};
void writer_get_stats(struct writer_stats *stats);
/* How many batches are in the database; without a lock. */
uint64_t writer_batches(void);

/* main at its end: modes 1 and 2 write what is left, mode 3 everything.
 * (writer_end.c) */
void writer_finish(void);
/* The same if the start was not finished: nothing is written. */
void writer_abandon(void);

#endif
