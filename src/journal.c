/*
 * journal.c - records in memory that outlives the processes; see journal.h
 *
 * What holds after a crash is in the blocks alone. All else, the slots and
 * struct journal, is there to be quick: each operation takes constant time but
 * for the blocks of its record.
 */
#include <assert.h>
#include <string.h>

#include "hash.h"
#include "journal.h"
#include "journal_parts.h"

/* ------------------------------------------------ parts */

static void journal_lock(struct journal *journal)
{
	journal->host->lock(journal->host->self, journal->lock);
}

static void journal_unlock(struct journal *journal)
{
	journal->host->unlock(journal->host->self, journal->lock);
}

static journal_name name_of(const struct journal *journal, uint32_t at)
{
	return journal->slot[at].number << JOURNAL_BLOCK_BITS | at;
}

/* The first block of the record, 0 if it is not here any more. */
static uint32_t find(const struct journal *journal, journal_name name)
{
	uint32_t at = (uint32_t)(name & (JOURNAL_BLOCKS_MAX - 1));

	if (at < journal->base || at >= journal->end ||
	    journal->slot[at].number == 0 || name_of(journal, at) != name)
		return 0;
	return at;
}

/* Bytes of the record that are in this block. */
static uint32_t block_used(const struct journal_block *block)
{
	uint32_t before = block->part * (uint32_t)JOURNAL_BODY;
	uint32_t left = block->bytes > before ? block->bytes - before : 0;

	return left < JOURNAL_BODY ? left : JOURNAL_BODY;
}

uint64_t journal_sum(const struct journal_block *block)
{
	size_t words = (JOURNAL_BLOCK - JOURNAL_BODY + block_used(block) + 7) /
			       sizeof(uint64_t) -
		       1;
	uint64_t sum = hash_words(&block->number, words);

	return sum > JOURNAL_WRITING ? sum : sum + JOURNAL_WRITING + 1;
}

void journal_void(struct journal_block *block)
{
	atomic_store_explicit(&block->sum, JOURNAL_VOID, memory_order_release);
}

void journal_free(struct journal *journal, uint32_t at)
{
	while (at != 0) {
		struct journal_slot *slot = &journal->slot[at];
		uint32_t next = slot->next;

		*slot = (struct journal_slot){.next = journal->free_first};
		journal->free_first = at;
		journal->free_count++;
		at = next;
	}
}

/* ------------------------------------------------ the queue */

void journal_queue_add(struct journal *journal, uint32_t at, uint64_t now_ms)
{
	struct journal_slot *slot = &journal->slot[at];
	uint32_t last = journal->queue.last;

	slot->since_ms = now_ms;
	slot->place = ++journal->place;
	slot->before = last;
	slot->after = 0;
	if (last != 0)
		journal->slot[last].after = at;
	else
		journal->queue.first = at;
	journal->queue.last = at;
	slot->state = SLOT_WAITS;
	journal->waiting++;
	if (journal->cursor == 0)
		journal->cursor = at;
}

/* Lets the neighbours of @slot, or the ends of the queue, point elsewhere. */
static void queue_link(struct journal *journal, const struct journal_slot *slot,
		       uint32_t before, uint32_t after)
{
	if (slot->before != 0)
		journal->slot[slot->before].after = after;
	else
		journal->queue.first = after;
	if (slot->after != 0)
		journal->slot[slot->after].before = before;
	else
		journal->queue.last = before;
}

static void queue_remove(struct journal *journal, uint32_t at)
{
	struct journal_slot *slot = &journal->slot[at];

	queue_link(journal, slot, slot->before, slot->after);
	if (journal->cursor == at)
		journal->cursor = slot->after;
	if (slot->state == SLOT_WAITS)
		journal->waiting--;
	else
		journal->taken--;
}

/* @at waits where @old has waited, and for as long. */
static void queue_replace(struct journal *journal, uint32_t at, uint32_t old)
{
	struct journal_slot *slot = &journal->slot[at];
	const struct journal_slot *from = &journal->slot[old];

	slot->since_ms = from->since_ms;
	slot->place = from->place;
	slot->before = from->before;
	slot->after = from->after;
	slot->state = SLOT_WAITS;
	queue_link(journal, from, at, at);
	if (journal->cursor == old)
		journal->cursor = at;
}

/* ------------------------------------------------ giving up */

void journal_keep(struct journal *journal, enum journal_kept kept, uint32_t at)
{
	struct journal_list *list = &journal->kept[kept];
	struct journal_slot *slot = &journal->slot[at];

	slot->kept = (uint8_t)kept;
	slot->stamp = journal->epoch;
	slot->kept_before = list->last;
	slot->kept_after = 0;
	if (list->last != 0)
		journal->slot[list->last].kept_after = at;
	else
		list->first = at;
	list->last = at;
}

static void keep_no_more(struct journal *journal, uint32_t at)
{
	struct journal_slot *slot = &journal->slot[at];
	struct journal_list *list = &journal->kept[slot->kept];

	if (slot->kept_before != 0)
		journal->slot[slot->kept_before].kept_after = slot->kept_after;
	else
		list->first = slot->kept_after;
	if (slot->kept_after != 0)
		journal->slot[slot->kept_after].kept_before = slot->kept_before;
	else
		list->last = slot->kept_before;
	slot->kept = KEPT_NOT;
}

/* A record that is in the queue no more. */
static void give_up(struct journal *journal, enum journal_kept kept,
		    uint32_t at)
{
	if (journal->keep) {
		journal->slot[at].state = SLOT_OVER;
		journal_keep(journal, kept, at);
	} else {
		journal_void(&journal->block[at]);
		journal_free(journal, at);
	}
}

/* A newer one is complete. One that was taken can still be read, but a crash
 * must not bring it back when the newer one is done before it. Nor must a power
 * cut, which goes for one that is done as well. */
static void replace_old(struct journal *journal, uint32_t old)
{
	struct journal_slot *slot = &journal->slot[old];

	if (slot->state == SLOT_OVER && slot->kept > KEPT_REPLACED) {
		keep_no_more(journal, old);
		journal_keep(journal, KEPT_REPLACED, old);
	}
	if (slot->state != SLOT_TAKEN || slot->replaced)
		return;
	slot->replaced = true;
	if (journal->keep)
		journal_keep(journal, KEPT_REPLACED, old);
	else
		journal_void(&journal->block[old]);
}

/* ------------------------------------------------ writing */

/* The free blocks that this record must leave. */
static uint32_t left_over(const struct journal *journal,
			  const struct journal_item *item)
{
	uint32_t old = find(journal, item->old);

	if (item->kind == JOURNAL_GONE)
		return 0;
	/* Its room comes back with the commit, unless it is kept. */
	if (old != 0 && journal->slot[old].state == SLOT_WAITS &&
	    !journal->keep)
		return journal->reserve / 2;
	return journal->reserve;
}

/* Takes @parts blocks as a chain; there are so many. */
static uint32_t chain_take(struct journal *journal, uint32_t parts)
{
	uint32_t first = journal->free_first, at = first;

	for (uint32_t i = 1; i < parts; i++) {
		journal->slot[at].state = SLOT_PART;
		at = journal->slot[at].next;
	}
	journal->slot[at].state = SLOT_PART;
	journal->free_first = journal->slot[at].next;
	journal->free_count -= parts;
	journal->slot[at].next = 0;
	journal->slot[first].state = SLOT_WRITING;
	return first;
}

static struct journal_block *write_into(struct journal_writer *writer,
					uint32_t at)
{
	struct journal_block *block = &writer->journal->block[at];

	writer->at = at;
	writer->to = block->body;
	writer->room = JOURNAL_BODY;
	return block;
}

bool journal_begin(struct journal *journal, struct journal_writer *writer,
		   const struct journal_item *item)
{
	uint32_t parts = journal_parts(item->bytes);
	uint32_t first = 0;
	uint64_t number = 0;
	struct journal_block *block;

	if (item->bytes > JOURNAL_BYTES_MAX)
		return false;
	journal_lock(journal);
	if (journal->free_count >= parts + left_over(journal, item)) {
		first = chain_take(journal, parts);
		number = ++journal->number;
	}
	journal_unlock(journal);
	if (first == 0)
		return false;
	*writer = (struct journal_writer){
		.journal = journal,
		.old = item->old,
		.number = number,
		.first = first,
		.parts = parts,
		.known = item->known,
	};
	block = write_into(writer, first);
	atomic_store_explicit(&block->sum, JOURNAL_WRITING,
			      memory_order_relaxed);
	block->number = number;
	block->first = first;
	block->next = journal->slot[first].next;
	block->bytes = (uint32_t)item->bytes;
	block->part = 0;
	block->parts = (uint16_t)parts;
	block->id = item->id;
	block->kind = item->kind;
	return true;
}

/* The block is whole, and says so. */
static void seal(struct journal_block *block)
{
	uint32_t used = block_used(block);

	while (used % sizeof(uint64_t) != 0)
		block->body[used++] = 0;
	atomic_store_explicit(&block->sum, journal_sum(block),
			      memory_order_release);
}

/* On to the next part. The first one is sealed last. */
static void next_part(struct journal_writer *writer)
{
	struct journal *journal = writer->journal;
	const struct journal_block *first = &journal->block[writer->first];
	struct journal_block *block;

	if (writer->part > 0)
		seal(&journal->block[writer->at]);
	block = write_into(writer, journal->slot[writer->at].next);
	writer->part++;
	atomic_store_explicit(&block->sum, JOURNAL_VOID, memory_order_relaxed);
	block->number = first->number;
	block->first = writer->first;
	block->next = journal->slot[writer->at].next;
	block->bytes = first->bytes;
	block->part = (uint16_t)writer->part;
	block->parts = first->parts;
	block->id = first->id;
	block->kind = first->kind;
}

void journal_write(struct journal_writer *writer, const void *bytes,
		   size_t size)
{
	const char *from = bytes;

	while (size > writer->room) {
		size_t now = writer->room;

		assert(writer->part + 1 < writer->parts);
		memcpy(writer->to, from, now);
		from += now;
		size -= now;
		next_part(writer);
	}
	memcpy(writer->to, from, size);
	writer->to += size;
	writer->room -= size;
}

/* Puts it into the queue, for @writer->old or behind all others. */
static void enqueue(struct journal *journal, struct journal_writer *writer,
		    uint64_t now_ms)
{
	uint32_t at = writer->first;
	uint32_t old = find(journal, writer->old);
	struct journal_slot *slot = &journal->slot[at];
	uint8_t state = old != 0 ? journal->slot[old].state : SLOT_FREE;

	slot->number = writer->number;
	slot->known = writer->known;
	if (state == SLOT_WAITS) {
		slot->known |= journal->slot[old].known;
		queue_replace(journal, at, old);
		give_up(journal, KEPT_REPLACED, old);
		return;
	}
	slot->known |= writer->old != 0;
	journal_queue_add(journal, at, now_ms);
	if (old != 0)
		replace_old(journal, old);
}

journal_name journal_commit(struct journal_writer *writer, uint64_t now_ms)
{
	struct journal *journal = writer->journal;
	journal_name name;

	assert(writer->part + 1 == writer->parts);
	if (writer->part > 0)
		seal(&journal->block[writer->at]);
	seal(&journal->block[writer->first]);
	journal_lock(journal);
	enqueue(journal, writer, now_ms);
	name = name_of(journal, writer->first);
	journal_unlock(journal);
	return name;
}

/* ------------------------------------------------ for its owner */

enum journal_fate journal_fate(struct journal *journal, journal_name name)
{
	enum journal_fate fate = JOURNAL_DONE;
	uint32_t at;

	journal_lock(journal);
	at = find(journal, name);
	if (at != 0 && journal->slot[at].state == SLOT_WAITS)
		fate = JOURNAL_WAITS;
	else if (at != 0 && journal->slot[at].state == SLOT_TAKEN)
		fate = JOURNAL_TAKEN;
	journal_unlock(journal);
	return fate;
}

static bool drop_waiting(struct journal *journal, journal_name name, bool known)
{
	bool drop;
	uint32_t at;

	journal_lock(journal);
	at = find(journal, name);
	drop = at != 0 && journal->slot[at].state == SLOT_WAITS &&
	       (known || !journal->slot[at].known);
	if (drop) {
		queue_remove(journal, at);
		give_up(journal, KEPT_OVER, at);
	}
	journal_unlock(journal);
	return drop;
}

bool journal_drop(struct journal *journal, journal_name name)
{
	return drop_waiting(journal, name, false);
}

void journal_forget(struct journal *journal, journal_name name)
{
	(void)drop_waiting(journal, name, true);
}

/* ------------------------------------------------ for the database */

static void describe(const struct journal *journal, uint32_t at,
		     struct journal_record *record)
{
	const struct journal_block *block = &journal->block[at];

	*record = (struct journal_record){
		.name = name_of(journal, at),
		.id = block->id,
		.kind = (enum journal_kind)block->kind,
		.known = journal->slot[at].known,
		.bytes = block->bytes,
	};
}

bool journal_next(struct journal *journal, uint32_t *cursor,
		  struct journal_record *record)
{
	uint32_t at = *cursor < journal->base ? journal->base : *cursor + 1;

	for (; at < journal->end; at++) {
		const struct journal_slot *slot = &journal->slot[at];

		if (slot->state != SLOT_WAITS || slot->number > journal->found)
			continue;
		describe(journal, at, record);
		*cursor = at;
		return true;
	}
	return false;
}

bool journal_take(struct journal *journal, struct journal_record *record)
{
	uint32_t at;

	journal_lock(journal);
	at = journal->cursor;
	/* When one that was taken waits again, others behind it may not. */
	while (at != 0 && journal->slot[at].state != SLOT_WAITS)
		at = journal->slot[at].after;
	journal->cursor = at;
	if (at != 0) {
		journal->slot[at].state = SLOT_TAKEN;
		journal->waiting--;
		journal->taken++;
		journal->cursor = journal->slot[at].after;
		describe(journal, at, record);
	}
	journal_unlock(journal);
	return at != 0;
}

/* It was taken and is not in the database: it waits where it was. */
static void wait_again(struct journal *journal, uint32_t at)
{
	struct journal_slot *slot = &journal->slot[at];
	uint32_t cursor = journal->cursor;

	slot->state = SLOT_WAITS;
	slot->known = true; /* the answer may have been lost, not the rows */
	journal->taken--;
	journal->waiting++;
	if (cursor == 0 || slot->place < journal->slot[cursor].place)
		journal->cursor = at;
}

void journal_done(struct journal *journal, journal_name name, bool written)
{
	uint32_t at;

	journal_lock(journal);
	at = find(journal, name);
	if (at != 0 && journal->slot[at].state == SLOT_TAKEN) {
		struct journal_slot *slot = &journal->slot[at];

		if (!written && !slot->replaced) {
			wait_again(journal, at);
		} else {
			queue_remove(journal, at);
			slot->state = SLOT_OVER;
			if (!slot->replaced)
				give_up(journal, KEPT_OVER, at);
			else if (slot->kept == KEPT_NOT)
				journal_free(journal, at);
		}
	}
	journal_unlock(journal);
}

void journal_read(struct journal *journal, const struct journal_record *record,
		  void *bytes)
{
	uint32_t at = (uint32_t)(record->name & (JOURNAL_BLOCKS_MAX - 1));
	char *to = bytes;

	for (; at != 0; at = journal->slot[at].next) {
		uint32_t used = block_used(&journal->block[at]);

		memcpy(to, journal->block[at].body, used);
		to += used;
	}
}

/* ------------------------------------------------ power cuts */

uint64_t journal_mark(struct journal *journal)
{
	uint64_t mark;

	journal_lock(journal);
	mark = ++journal->epoch;
	journal_unlock(journal);
	return mark;
}

/* Takes the first of the list out if it was given up before @mark; or 0. */
static uint32_t kept_since(struct journal *journal, enum journal_kept kept,
			   uint64_t mark)
{
	uint32_t at = journal->kept[kept].first;

	if (at == 0 || journal->slot[at].stamp >= mark)
		return 0;
	keep_no_more(journal, at);
	return at;
}

/* One more of those that @mark lets go; false: there are none. Those replaced
 * come first: that they are void is then in the flush that others wait for. */
static bool let_go(struct journal *journal, uint64_t mark)
{
	uint32_t at = kept_since(journal, KEPT_REPLACED, mark);

	if (at == 0)
		at = kept_since(journal, KEPT_CLEARED, mark);
	if (at != 0) {
		journal_void(&journal->block[at]);
		if (journal->slot[at].state == SLOT_OVER)
			journal_free(journal, at);
		return true;
	}
	at = kept_since(journal, KEPT_OVER, mark);
	if (at != 0)
		journal_keep(journal, KEPT_CLEARED, at);
	return at != 0;
}

void journal_synced(struct journal *journal, uint64_t mark)
{
	enum { AT_ONCE = 32 };
	bool more = true;

	/* Those who answer calls want the lock, too. */
	while (more) {
		journal_lock(journal);
		for (int i = 0; i < AT_ONCE && more; i++)
			more = let_go(journal, mark);
		journal_unlock(journal);
	}
}

/* ------------------------------------------------ what it holds */

void journal_get_stats(struct journal *journal, uint64_t now_ms,
		       struct parley_store_stats *stats)
{
	uint32_t blocks = journal->end - journal->base;
	uint32_t first;

	journal_lock(journal);
	first = journal->queue.first;
	stats->waiting = journal->waiting;
	stats->taken = journal->taken;
	stats->oldest_ms = 0;
	if (first != 0 && journal->slot[first].since_ms < now_ms)
		stats->oldest_ms = now_ms - journal->slot[first].since_ms;
	stats->bytes = (uint64_t)blocks * JOURNAL_BLOCK;
	stats->bytes_used =
		(uint64_t)(blocks - journal->free_count) * JOURNAL_BLOCK;
	stats->torn = journal->torn;
	journal_unlock(journal);
}
