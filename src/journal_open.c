/*
 * journal_open.c - what a crash has left, and the journal's invariants
 *
 * Any bytes at all may be in the area. First each block is looked at alone,
 * then the chains, then which of two records with one identity holds; what is
 * left over is free. Each step takes a time that depends on the number of
 * blocks only.
 */
#include <string.h>

#include "hash.h"
#include "journal_parts.h"

/* The first word of an area. It is one, so that no crash can leave a part of
 * it. */
#define HEAD_MAGIC 0x504c594aU /* of the upper half; other machines differ */
enum {
	HEAD_VERSION = 1,
	HEAD_VERSION_BIT = 24, /* below it, the size in pages */
	PAGE = 4096,
};

static const struct hash_key fixed_key = {1, 2};

static uint64_t head_make(size_t bytes)
{
	return (uint64_t)HEAD_MAGIC << 32 |
	       (uint64_t)HEAD_VERSION << HEAD_VERSION_BIT | bytes / PAGE;
}

size_t journal_size(const void *area, size_t size)
{
	const uint64_t pages = (1U << HEAD_VERSION_BIT) - 1;
	uint64_t head = 0;

	if (size < sizeof(head))
		return 0;
	memcpy(&head, area, sizeof(head));
	if ((head & ~pages) != head_make(0))
		return 0;
	return (size_t)((head & pages) * PAGE);
}

static bool page_is_zero(const char *page)
{
	for (size_t i = 0; i < PAGE; i++)
		if (page[i] != 0)
			return false;
	return true;
}

/* The first block behind the slots. */
static uint32_t base_of(size_t bytes)
{
	size_t slots = bytes / JOURNAL_BLOCK * sizeof(struct journal_slot);

	return (uint32_t)((PAGE + slots + JOURNAL_BLOCK - 1) / JOURNAL_BLOCK);
}

/* ------------------------------------------------ one block */

static bool block_valid(const struct journal_block *block)
{
	uint64_t sum = atomic_load_explicit(&block->sum, memory_order_acquire);

	/* The numbers are looked at first: the sum goes by them. */
	return sum > JOURNAL_WRITING && block->number > 0 &&
	       block->number < UINT64_MAX / 2 &&
	       block->bytes <= JOURNAL_BYTES_MAX &&
	       block->parts == journal_parts(block->bytes) &&
	       block->part < block->parts &&
	       (block->kind == JOURNAL_PUT || block->kind == JOURNAL_GONE) &&
	       sum == journal_sum(block);
}

/* A record was begun here and not completed. */
static bool block_torn(const struct journal_block *block)
{
	uint64_t sum = atomic_load_explicit(&block->sum, memory_order_acquire);

	return sum == JOURNAL_WRITING ||
	       (sum != JOURNAL_VOID && block->part == 0);
}

/* True if there is a record in an area of @bytes. */
static bool area_has_records(const struct journal_block *block, size_t bytes)
{
	for (uint32_t at = base_of(bytes); at < bytes / JOURNAL_BLOCK; at++)
		if (block_valid(&block[at]) && block[at].part == 0)
			return true;
	return false;
}

/* ------------------------------------------------ recovery */

/* Marks the blocks that are valid by themselves as SLOT_PART. A number that
 * was ever used is not used again: an old part may still carry it. */
static void look_at_blocks(struct journal *journal)
{
	for (uint32_t at = journal->base; at < journal->end; at++) {
		const struct journal_block *block = &journal->block[at];

		if (block_valid(block)) {
			journal->slot[at].state = SLOT_PART;
			if (block->number > journal->number)
				journal->number = block->number;
		} else if (block_torn(block)) {
			journal->torn++;
		}
	}
}

static bool part_fits(const struct journal *journal, uint32_t first,
		      uint32_t at, uint32_t part)
{
	const struct journal_block *head = &journal->block[first];
	const struct journal_block *block = &journal->block[at];

	return at >= journal->base && at < journal->end &&
	       journal->slot[at].state == SLOT_PART && block->first == first &&
	       block->part == part && block->number == head->number &&
	       block->bytes == head->bytes;
}

/* Links the slots of the record; false: a part is missing. Each block says
 * whose part it is, so that none is looked at for two records. */
static bool chain_links(struct journal *journal, uint32_t first)
{
	uint32_t at = first;

	if (!part_fits(journal, first, first, 0))
		return false;
	for (uint32_t part = 1; part < journal->block[first].parts; part++) {
		uint32_t next = journal->block[at].next;

		if (!part_fits(journal, first, next, part))
			return false;
		journal->slot[at].next = next;
		at = next;
	}
	return journal->block[at].next == 0;
}

static uint32_t bucket_of(const struct journal *journal, uint32_t at)
{
	uint32_t blocks = journal->end - journal->base;

	return journal->base +
	       (uint32_t)(hash_id(&fixed_key, journal->block[at].id) % blocks);
}

/* Enters the record into a table by identity: slot[bucket].place is the first
 * one's block, slot[record].kept_after leads to the next. Of two with one
 * identity the older one is taken out and is SLOT_OVER. */
static void enter(struct journal *journal, uint32_t at)
{
	struct journal_slot *slot = journal->slot;
	uint32_t bucket = bucket_of(journal, at);
	uint32_t other = (uint32_t)slot[bucket].place;
	uint32_t before = 0;

	while (other != 0 &&
	       (journal->block[other].id.id != journal->block[at].id.id ||
		journal->block[other].id.entry !=
			journal->block[at].id.entry)) {
		before = other;
		other = slot[other].kept_after;
	}
	slot[at].state = SLOT_WAITS;
	slot[at].number = journal->block[at].number;
	if (other != 0 && slot[other].number > slot[at].number) {
		slot[at].state = SLOT_OVER;
		return;
	}
	slot[at].kept_after = (uint32_t)slot[bucket].place;
	if (other != 0) {
		slot[other].state = SLOT_OVER;
		slot[at].kept_after = slot[other].kept_after;
	}
	if (other != 0 && before != 0)
		slot[before].kept_after = at;
	else
		slot[bucket].place = at;
}

/* Finds the records; the slots of what is none become free. */
static void look_at_chains(struct journal *journal)
{
	for (uint32_t at = journal->base; at < journal->end; at++) {
		if (journal->slot[at].state != SLOT_PART ||
		    journal->block[at].part != 0)
			continue;
		if (chain_links(journal, at))
			enter(journal, at);
		else
			journal->torn++;
	}
	/* All parts of records are reached from their first ones; they are
	 * told from stale ones by a stamp. */
	for (uint32_t at = journal->base; at < journal->end; at++)
		if (journal->slot[at].state >= SLOT_WAITS)
			for (uint32_t part = at; part != 0;
			     part = journal->slot[part].next)
				journal->slot[part].stamp = 1;
}

/* Whatever is no record is void from now on, and free. */
static void free_rest(struct journal *journal)
{
	for (uint32_t at = journal->end; at-- > journal->base;) {
		struct journal_slot *slot = &journal->slot[at];
		struct journal_block *block = &journal->block[at];

		slot->place = 0;
		slot->kept_after = 0;
		if (slot->stamp != 0) {
			slot->stamp = 0;
			continue;
		}
		if (block_torn(block))
			journal_void(block);
		slot->next = 0;
		journal_free(journal, at);
	}
}

static void queue_up(struct journal *journal, uint64_t now_ms)
{
	for (uint32_t at = journal->base; at < journal->end; at++) {
		struct journal_slot *slot = &journal->slot[at];

		if (slot->state == SLOT_WAITS) {
			slot->known = true;
			journal_queue_add(journal, at, now_ms);
		} else if (slot->state == SLOT_OVER && journal->keep) {
			journal_keep(journal, KEPT_REPLACED, at);
		} else if (slot->state == SLOT_OVER) {
			journal_void(&journal->block[at]);
			journal_free(journal, at);
		}
	}
}

/* The words that a host may have written wrongly. */
static int area_fault(const struct parley_store_config *config)
{
	const char *area = config->area;
	size_t size;

	if (!area || (uintptr_t)area % PAGE != 0 || config->bytes % PAGE != 0 ||
	    config->bytes < PARLEY_STORE_MIN ||
	    config->bytes / JOURNAL_BLOCK > JOURNAL_BLOCKS_MAX)
		return PARLEY_E_ARGUMENT;
	size = journal_size(area, config->bytes);
	if (size == config->bytes)
		return 0;
	if (size == 0)
		return page_is_zero(area) ? 0 : PARLEY_E_CONFLICT;
	if (size > config->bytes || size < PARLEY_STORE_MIN ||
	    area_has_records(config->area, size))
		return PARLEY_E_OLD;
	return 0;
}

int journal_open(struct journal *journal, const struct parley_host *host,
		 uint32_t lock, uint64_t now_ms,
		 const struct parley_store_config *config)
{
	int rc = area_fault(config);
	char *area = config->area;
	uint64_t head = head_make(config->bytes);

	if (rc < 0)
		return rc;
	*journal = (struct journal){
		.host = host,
		.block = config->area,
		.slot = (struct journal_slot *)(void *)(area + PAGE),
		.lock = lock,
		.base = base_of(config->bytes),
		.end = (uint32_t)(config->bytes / JOURNAL_BLOCK),
		.epoch = 1,
		.keep = config->keep_replaced,
	};
	journal->reserve = (journal->end - journal->base) / 16;
	memcpy(area, &head, sizeof(head));
	memset(journal->slot, 0, journal->end * sizeof(*journal->slot));
	look_at_blocks(journal);
	look_at_chains(journal);
	journal->found = journal->number;
	free_rest(journal);
	queue_up(journal, now_ms);
	return 0;
}

/* ------------------------------------------------ invariants */

static const char *check_free(const struct journal *journal)
{
	uint32_t count = 0, states = 0;

	for (uint32_t at = journal->free_first; at != 0;
	     at = journal->slot[at].next)
		if (journal->slot[at].state != SLOT_FREE ||
		    ++count > journal->free_count)
			return "journal: the list of free blocks";
	for (uint32_t at = journal->base; at < journal->end; at++)
		states += journal->slot[at].state == SLOT_FREE;
	return count == journal->free_count && count == states
		       ? NULL
		       : "journal: the number of free blocks";
}

/* All parts are there. */
static bool chain_whole(const struct journal *journal, uint32_t first)
{
	const struct journal_block *head = &journal->block[first];
	uint32_t at = first, part = 0;

	for (; at != 0; at = journal->slot[at].next, part++) {
		const struct journal_block *block = &journal->block[at];

		if (!block_valid(block) || block->number != head->number ||
		    block->first != first || block->part != part ||
		    block->next != journal->slot[at].next)
			return false;
	}
	return part == head->parts &&
	       journal->slot[first].number == head->number;
}

static const char *check_record(const struct journal *journal, uint32_t at)
{
	const struct journal_slot *slot = &journal->slot[at];
	bool is_void = atomic_load(&journal->block[at].sum) == JOURNAL_VOID;

	if (slot->replaced && slot->kept == KEPT_NOT)
		return is_void ? NULL : "journal: a replaced record is valid";
	return chain_whole(journal, at) ? NULL
					: "journal: a record is not whole";
}

static const char *check_queue(const struct journal *journal)
{
	uint64_t waiting = 0, taken = 0, place = 0;
	uint32_t before = 0;
	bool reached = false; /* the cursor */

	for (uint32_t at = journal->queue.first; at != 0;
	     at = journal->slot[at].after) {
		const struct journal_slot *slot = &journal->slot[at];
		const char *fault = check_record(journal, at);

		if (fault)
			return fault;
		if (slot->before != before || slot->place <= place)
			return "journal: the order of the queue";
		reached |= at == journal->cursor;
		if (slot->state == SLOT_WAITS && !reached)
			return "journal: one waits before the cursor";
		waiting += slot->state == SLOT_WAITS;
		taken += slot->state == SLOT_TAKEN;
		before = at;
		place = slot->place;
	}
	if (before != journal->queue.last)
		return "journal: the end of the queue";
	return waiting == journal->waiting && taken == journal->taken
		       ? NULL
		       : "journal: how many wait or are taken";
}

/* Every block belongs to something: to a record, or it is free. */
static const char *check_blocks(const struct journal *journal)
{
	uint64_t queued = journal->waiting + journal->taken;
	uint32_t used = 0, firsts = 0;

	for (uint32_t first = journal->base; first < journal->end; first++) {
		uint8_t state = journal->slot[first].state;

		if (state < SLOT_WRITING)
			continue;
		firsts += state == SLOT_WAITS || state == SLOT_TAKEN;
		for (uint32_t at = first; at != 0; at = journal->slot[at].next)
			used++;
	}
	if (firsts != queued)
		return "journal: a record is not in the queue";
	return used + journal->free_count == journal->end - journal->base
		       ? NULL
		       : "journal: a block is lost";
}

const char *journal_check(struct journal *journal)
{
	const char *fault = check_free(journal);

	if (!fault)
		fault = check_queue(journal);
	return fault ? fault : check_blocks(journal);
}
