/*
 * journal.h - records in memory that outlives the processes
 *
 * What:    blocks of fixed size in an area of the host's; a record is a chain
 *          of them. Writing, replacing, reading, and the order in which they
 *          wait. Knows nothing of dialogs: a record is bytes, an identity to
 *          group by, and whether it says that the thing is gone.
 * Owns:    nothing; the area is the host's. What is only needed while the
 *          processes live (free blocks, the queue) is in the area as well, and
 *          is built anew from the blocks by journal_open().
 * Locking: its own lock (journal_init), a leaf. The bytes of a record are
 *          written without it, into blocks that nobody else has.
 * Always:  a block says by itself, with a checksum over all of it, which record
 *          it is part of. A record is there when all its parts are. Of two
 *          records with one identity the one with the higher number holds.
 * Why:     locks die with the processes, so nothing that a crash leaves behind
 *          may need one to be understood.
 */
#ifndef JOURNAL_H
#define JOURNAL_H

#include "engine.h"

enum { JOURNAL_BLOCK = 512 }; /* bytes; header included */

/* One record being written. */
struct journal_writer {
	struct journal *journal;
	uint32_t first, at;   /* blocks */
	uint32_t part, parts; /* of the record */
	uint32_t used;	      /* bytes of the block at @at */
	uint64_t number;
	struct parley_id id;
	uint8_t kind;
};

enum journal_kind {
	JOURNAL_PUT = 1,
	JOURNAL_GONE = 2,
};

/* Names a record: its number, which grows with each, and its first block. 0: no
 * record. A name that is out of date names nothing. */
typedef uint64_t journal_name;

PARLEY_MUST_CHECK int journal_open(struct journal *journal,
				   const struct parley_store_config *config);

/* Takes the blocks for a record of @bytes. False: there are not enough (a GONE
 * may use the last sixteenth, a PUT may not). */
PARLEY_MUST_CHECK bool journal_begin(struct journal *journal,
				     struct journal_writer *writer,
				     enum journal_kind kind,
				     struct parley_id id, bool known,
				     size_t bytes);
void journal_write(struct journal_writer *writer, const void *bytes,
		   size_t size);
/* All of it was written: from now on a crash leaves this record. It takes the
 * place of @old in the queue if that still waits, else the last; @old goes, or
 * goes when it is done, or synced. @old 0: there is none. *@takenp is set,
 * never cleared: @old does not wait any more, so the database may know it;
 * NULL: the caller knows. */
journal_name journal_commit(struct journal_writer *writer, journal_name old,
			    uint64_t now_ms, bool *takenp);

/* What became of a record that its owner has the name of. */
enum journal_fate {
	JOURNAL_WAITS, /* nobody has taken it */
	JOURNAL_TAKEN, /* being put into the database */
	JOURNAL_DONE,  /* it is there, and the record is not here any more */
};
enum journal_fate journal_fate(struct journal *journal, journal_name name);
/* The record is void. False, and nothing was done: it does not wait any more,
 * so the database may know it. Looks and drops in one step. */
PARLEY_MUST_CHECK bool journal_drop(struct journal *journal, journal_name name);

struct journal_record {
	journal_name name;
	struct parley_id id;
	enum journal_kind kind;
	bool known;
	size_t bytes;
};
/* After journal_open(): the records that were left; as parley_store_next(). */
bool journal_next(struct journal *journal, uint32_t *cursor,
		  struct journal_record *record);
/* The first that waits; it is taken. False: none. */
bool journal_take(struct journal *journal, struct journal_record *record);
/* As parley_store_done(). */
void journal_done(struct journal *journal, journal_name name, bool written);
/* Copies the bytes of a record that was taken, or left by a crash. */
void journal_read(struct journal *journal, const struct journal_record *record,
		  void *bytes);

uint64_t journal_mark(struct journal *journal);
void journal_synced(struct journal *journal, uint64_t mark);

/* The invariants; NULL or the broken one. Nobody else may be inside. */
const char *journal_check(struct journal *journal);

#endif
