/*
 * journal.h - records in memory that outlives the processes
 *
 * What:    blocks of fixed size in an area of the host's; a record is a chain
 *          of them. Writing, replacing, reading, and the order in which they
 *          wait. Knows nothing of dialogs: a record is bytes, an identity to
 *          group by, and whether it says that the thing is gone.
 * Owns:    nothing; the area is the host's. What is only needed while the
 *          processes live is in struct journal and in the slots, one for each
 *          block, in the area; journal_open() builds it anew.
 * Time:    an argument, monotonic; only ages are reckoned from it.
 * Locking: inside, one lock of the host's, a leaf. The bytes of a record are
 *          written and read without it: until it is committed nobody else has
 *          its blocks, and afterwards it does not change.
 * Always:  a block says by itself, with a checksum, which record it is part
 *          of. A record is there when all its parts are. Of two records with
 *          one identity the one with the higher number holds, and the other is
 *          made void only after it was complete.
 * Why:     locks die with the processes, so nothing that a crash leaves behind
 *          may need one to be understood.
 */
#ifndef JOURNAL_H
#define JOURNAL_H

#include <stdatomic.h>

#include "parley_store.h"

enum {
	JOURNAL_BLOCK = 512,
	JOURNAL_BODY = JOURNAL_BLOCK - 48, /* of it, bytes of the record */
	JOURNAL_BLOCKS_MAX = 1 << 24,
	JOURNAL_BYTES_MAX = UINT16_MAX * JOURNAL_BODY, /* of a record */
};

/* Names a record: its number, which grows with each, and its first block. 0: no
 * record. A name that is out of date names nothing. */
typedef uint64_t journal_name;

enum journal_kind {
	JOURNAL_PUT = 1,
	JOURNAL_GONE = 2,
};

/* ------------------------------------------------ what is in the area */

/* The first word of the area tells version and size; the slots begin after a
 * page, and the blocks after them. A block has its number by its place. */
struct journal_block {
	/* 0: void; 1: being written; else over all that follows, as far as it
	 * is used. It is written last. */
	_Atomic uint64_t sum;
	uint64_t number; /* of the record */
	uint32_t first;	 /* its first block */
	uint32_t next;	 /* the block of the next part; 0: this is the last */
	uint32_t bytes;	 /* of the record */
	uint16_t part, parts;
	struct parley_id id;
	uint64_t kind;
	char body[JOURNAL_BODY];
};

struct journal_slot {
	uint64_t number;   /* of the record whose first block it is; or 0 */
	uint64_t since_ms; /* it waits */
	uint64_t place;	   /* in the queue; grows from one to the next */
	uint64_t stamp;	   /* when it was given up (keep_replaced) */
	uint32_t next;	   /* free: another free one; else the next part */
	uint32_t before, after; /* in the queue; waits or taken */
	uint32_t kept_before, kept_after;
	uint8_t state;
	uint8_t kept; /* enum journal_kept: the list in which it is */
	bool known;
	bool replaced; /* taken, and a newer one is here */
};

/* The checksum that @block should have. */
uint64_t journal_sum(const struct journal_block *block);

/* ------------------------------------------------ life */

struct journal_list {
	uint32_t first, last;
};

/* With keep_replaced: lists of what is still valid, and given up. */
enum journal_kept {
	KEPT_NOT,
	KEPT_REPLACED, /* goes when what replaced it is on the disk; */
	KEPT_OVER,     /* done: when what it has replaced is void there, */
	KEPT_CLEARED,  /* which it will be after the next flush */
	KEPT_LISTS
};

struct journal {
	const struct parley_host *host;
	struct journal_block *block; /* the area; NULL: there is no journal */
	struct journal_slot *slot;
	uint32_t lock;
	uint32_t base, end; /* the blocks of records */
	uint32_t free_first, free_count;
	uint32_t reserve;
	struct journal_list queue;
	uint32_t cursor; /* those that wait are not before it */
	struct journal_list kept[KEPT_LISTS];
	uint64_t number, place, epoch; /* the last given */
	uint64_t found; /* the highest number that a crash has left */
	uint64_t waiting, taken, torn;
	bool keep;
};

/* As parley_store_open(). @host must stay, and @lock is the number of a lock of
 * its. @journal is written only on success. */
PARLEY_MUST_CHECK int journal_open(struct journal *journal,
				   const struct parley_host *host,
				   uint32_t lock, uint64_t now_ms,
				   const struct parley_store_config *config);
/* parley_store_size(). */
size_t journal_size(const void *area, size_t size);

/* ------------------------------------------------ writing */

/* What a record will be. */
struct journal_item {
	struct parley_id id;
	enum journal_kind kind;
	/* The database may have rows of it, for all that the owner knows. That
	 * @old was taken is found out here. */
	bool known;
	size_t bytes;
	journal_name old; /* the record that it replaces; 0: none */
};

/* One record being written. */
struct journal_writer {
	struct journal *journal;
	journal_name old;
	uint64_t number;
	uint32_t first, at;   /* blocks */
	uint32_t part, parts; /* of the record */
	char *to;	      /* in the block at @at */
	size_t room;	      /* that is left there */
	bool known;
};

/* Takes the blocks for it. False: there are not enough. A GONE may use the
 * sixteenth of them that is kept back, and half of it a PUT in place of one
 * that waits, for it gives that one's back. */
PARLEY_MUST_CHECK bool journal_begin(struct journal *journal,
				     struct journal_writer *writer,
				     const struct journal_item *item);
/* All together exactly the bytes that were announced. */
void journal_write(struct journal_writer *writer, const void *bytes,
		   size_t size);
/* All of it was written: from now on a crash leaves this record. It takes the
 * place of the old one in the queue if that still waits, else the last; the old
 * one goes, or goes when it is done, or synced. */
journal_name journal_commit(struct journal_writer *writer, uint64_t now_ms);

/* ------------------------------------------------ for its owner */

enum journal_fate {
	JOURNAL_WAITS, /* nobody has taken it */
	JOURNAL_TAKEN, /* being put into the database */
	JOURNAL_DONE,  /* it is there, and the record is not here any more */
};
enum journal_fate journal_fate(struct journal *journal, journal_name name);
/* Makes the record void if the database can have heard nothing of the thing: it
 * waits and is not known. False: it was not, a GONE has to say so. */
PARLEY_MUST_CHECK bool journal_drop(struct journal *journal, journal_name name);
/* The record is somebody else's now: if it waits, it is void. */
void journal_forget(struct journal *journal, journal_name name);

/* ------------------------------------------------ for the database */

struct journal_record {
	journal_name name;
	struct parley_id id;
	enum journal_kind kind;
	bool known;
	size_t bytes;
};
/* After journal_open(): the records that were left, as parley_store_next().
 * What a crash left counts as known: it may have been taken. */
PARLEY_MUST_CHECK bool journal_next(struct journal *journal, uint32_t *cursor,
				    struct journal_record *record);
/* The first that waits; it is taken. False: none. */
PARLEY_MUST_CHECK bool journal_take(struct journal *journal,
				    struct journal_record *record);
/* As parley_store_done(). */
void journal_done(struct journal *journal, journal_name name, bool written);
/* Copies the bytes of a record that was taken, or left by a crash. */
void journal_read(struct journal *journal, const struct journal_record *record,
		  void *bytes);

/* As parley_store_mark() and parley_store_synced(). */
uint64_t journal_mark(struct journal *journal);
void journal_synced(struct journal *journal, uint64_t mark);

/* All but unrecorded. */
void journal_get_stats(struct journal *journal, uint64_t now_ms,
		       struct parley_store_stats *stats);

/* The invariants; NULL or the broken one. Nobody else may be inside. */
const char *journal_check(struct journal *journal);

#endif
