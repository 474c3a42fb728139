/*
 * journal_parts.h - what the two files of the journal share
 *
 * What:    words that mark blocks, states of slots, and the few steps that both
 *          opening (journal_open.c) and working (journal.c) take.
 * Locking: the journal's lock is held, or nobody else is inside yet.
 */
#ifndef JOURNAL_PARTS_H
#define JOURNAL_PARTS_H

#include "journal.h"

enum {
	JOURNAL_VOID = 0, /* values of a block's sum; */
	JOURNAL_WRITING = 1,
	JOURNAL_BLOCK_BITS = 24, /* of a name */
};

/* Of a record's first block, but for PART and FREE. */
enum slot_state {
	SLOT_FREE,
	SLOT_PART,
	SLOT_WRITING,
	SLOT_WAITS, /* this and the next are in the queue */
	SLOT_TAKEN,
	SLOT_OVER, /* still in one of the lists of what is kept */
};

/* Blocks for a record. */
static inline uint32_t journal_parts(size_t bytes)
{
	return bytes <= JOURNAL_BODY
		       ? 1
		       : (uint32_t)((bytes + JOURNAL_BODY - 1) / JOURNAL_BODY);
}

/* From now on a crash leaves nothing of the record. */
void journal_void(struct journal_block *block);
/* Gives the chain of blocks back. */
void journal_free(struct journal *journal, uint32_t at);
/* It waits, as the last. */
void journal_queue_add(struct journal *journal, uint32_t at, uint64_t now_ms);
/* It stays valid until a later journal_synced(); it is in no list yet. */
void journal_keep(struct journal *journal, enum journal_kept kept, uint32_t at);

#endif
