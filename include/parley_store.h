/*
 * parley_store.h - what is known of dialogs when the processes are gone
 *
 * What:    the journal: memory of the host's that outlives the processes (a
 *          mapped file). It holds the newest image of every dialog that the
 *          host has not put into its database yet, and is the queue of what is
 *          to be put there. The engine writes a record before the call that
 *          changed the dialog returns, so before a message can tell anybody.
 * Owns:    the area is the host's. Records are copied out of it.
 * Time:    as in parley.h. Records hold wall clock; a clock that is set moves
 *          the ends of those calls only that are read back.
 * Locking: inside; one lock for the journal, a leaf below the shards' locks.
 * Always:  at most one record per dialog waits; one that is newer takes its
 *          place in the queue. Whatever instruction the processes die at, what
 *          is in the area is, for each dialog, its record before or after the
 *          change that was under way. No lock is needed to read it.
 * Errors:  as in parley.h.
 * Why:     no process that answers calls waits for a database, and none of
 *          what has been told to the network is lost with the processes.
 */
#ifndef PARLEY_STORE_H
#define PARLEY_STORE_H

#include "parley.h"

enum {
	PARLEY_STORE_MIN = 1 << 20, /* bytes of an area */
};

struct parley_store_config {
	void *area;   /* aligned to 4096; all zero, or as a crash left it */
	size_t bytes; /* a multiple of 4096 */
	/* A power cut is to be survived, too: what a newer record replaces
	 * stays until parley_store_synced(). */
	bool keep_replaced;
};

/* From now on, changes of this node's own dialogs are recorded. Called once,
 * before the first dialog and the second process. ARGUMENT: the size or the
 * alignment. CONFLICT: the area holds something else, or is of a version that
 * is not known; it is untouched. OLD: it was made with another size, and has
 * records, or was larger, so that nobody can look; untouched as well
 * (parley_store_size() tells which). */
PARLEY_MUST_CHECK int
parley_store_open(struct parley *engine, struct parley_now now,
		  const struct parley_store_config *config);

/* The size with which the first bytes of an area say it was made; 0: they are
 * zero, or no journal's. @size: how many there are to look at. */
size_t parley_store_size(const void *area, size_t size);

struct parley_record {
	uint64_t ticket; /* names it */
	bool gone;	 /* the dialog has ended: its rows are to be deleted.
			  * Of the image, only id and callid are there. */
	bool known;	 /* the database may have rows of it already */
	struct parley_image image; /* texts are copies in the buffer */
};

/* ---------------------------------------------------- after a crash */

/* The records that the area had when it was opened, one by one, in any order;
 * *@cursor is 0 at first. 1: @record is one of them; 0: there are no more;
 * SPACE: *@neededp says how much is needed, the cursor stays. Before the second
 * process. A PUT is to be given to parley_import(): the record stays where it
 * is until the database has the dialog. What is not imported, and what is gone,
 * stays in the queue for parley_store_take(). Records come before rows, and the
 * rows of what is gone are not to be imported. ARGUMENT: this one cannot be
 * read; only its ticket is there, it stays, and the next call gives the next.
 */
PARLEY_MUST_CHECK int parley_store_next(struct parley *engine,
					struct parley_now now, uint32_t *cursor,
					struct parley_record *record,
					void *buffer, size_t size,
					size_t *neededp);

/* ---------------------------------------------------- to the database */

/* The record that has waited longest, as a copy. 1, or 0: none waits, or SPACE:
 * it waits on, or ARGUMENT, as above: it counts as taken. Many may be taken,
 * one after the other, before the first is done. One process calls it, or
 * several in turn. */
PARLEY_MUST_CHECK int parley_store_take(struct parley *engine,
					struct parley_now now,
					struct parley_record *record,
					void *buffer, size_t size,
					size_t *neededp);

/* What became of a record that was taken. @written: the database has committed
 * it; the record goes. Else it waits again, in its old place, unless there is a
 * newer one. */
void parley_store_done(struct parley *engine, uint64_t ticket, bool written);

/* With keep_replaced: what was replaced before parley_store_mark() was called
 * is given up, for the area has been flushed since. */
uint64_t parley_store_mark(struct parley *engine);
void parley_store_synced(struct parley *engine, uint64_t mark);

/* A dialog of another store's that was read from there counts as known by it:
 * set image.stored when it is imported. */

struct parley_store_stats {
	uint64_t waiting;    /* records that are not taken yet */
	uint64_t taken;	     /* and those that are */
	uint64_t oldest_ms;  /* age of the oldest of both; 0: there is none */
	uint64_t unrecorded; /* dialogs that have no record for want of room:
			      * a crash would lose what they have become */
	uint64_t bytes, bytes_used; /* of the area */
	uint64_t torn; /* records found incomplete at the start: what
			* they said was never told to anybody */
};
void parley_store_get_stats(struct parley *engine, struct parley_now now,
			    struct parley_store_stats *stats);

#endif
