/* objects: journal.o journal_open.o hash.o bed.o */
/*
 * What a crash leaves. Random work is done, and after each step, and wherever a
 * lock is taken or released, the area is copied and opened as after a crash:
 * there is, for each identity, its record before or after the step.
 */
#include <string.h>

#include "bed.h"

enum { STEPS = 1500, TAKEN_MAX = 6, FLIPS = 3000 };

struct mine {
	struct bed_record now, next; /* next: being written, or the same */
	journal_name name;
	bool may_go; /* the step under way takes it out */
};

struct world {
	struct bed bed;
	uint64_t seed;
	uint32_t version;
	struct mine mine[BED_IDS];
	struct {
		journal_name name;
		uint32_t id, version;
	} taken[TAKEN_MAX];
	uint32_t taken_count;
	uint64_t watched; /* how often was looked */
};

static struct world world;

static bool fits(struct bed_record found, struct bed_record expected)
{
	return found.version == expected.version &&
	       (found.version == 0 ||
		(found.bytes == expected.bytes && found.gone == expected.gone));
}

/* A crash now. */
static void look(void)
{
	struct bed_record found[BED_IDS];
	const struct bed_record none = {0};

	/* What is done stays, then: see power_cut(). */
	if (world.bed.config.keep_replaced)
		return;
	world.watched++;
	(void)bed_crash(&world.bed, found);
	for (uint32_t id = 0; id < BED_IDS; id++) {
		const struct mine *mine = &world.mine[id];

		assert_true(fits(found[id], mine->now) ||
			    fits(found[id], mine->next) ||
			    (mine->may_go && fits(found[id], none)));
	}
}

static void watch_lock(void *self, uint32_t index)
{
	(void)self;
	(void)index;
	look();
}

static void world_begin(bool keep_replaced)
{
	memset(&world, 0, sizeof(world));
	bed_begin(&world.bed, keep_replaced);
	world.seed = test_seed(5);
}

/* While a crash is tried out, the journal that it leaves is opened with the
 * host of the bed: only the one at work is watched. */
static void watch(void)
{
	static struct parley_host watched;

	watched = world.bed.host.host;
	watched.lock = watch_lock;
	watched.unlock = watch_lock;
	world.bed.journal.host = &watched;
}

static uint32_t some_bytes(void)
{
	return 8 + test_below(&world.seed, test_below(&world.seed, 4) == 0
						   ? BED_RECORD_MAX - 8
						   : 700);
}

static void step_put(uint32_t id)
{
	struct mine *mine = &world.mine[id];
	struct bed_record what = {
		.version = ++world.version,
		.bytes = some_bytes(),
		.gone = test_below(&world.seed, 5) == 0,
	};
	struct journal_writer writer;
	journal_name name;

	if (!bed_start(&world.bed, &writer, id, what, mine->name))
		return;
	look();
	bed_fill(&writer, what);
	look();
	mine->next = what;
	name = journal_commit(&writer, 0);
	mine->now = what;
	mine->name = name;
}

static void step_take(void)
{
	struct journal_record record;

	if (world.taken_count == TAKEN_MAX ||
	    !journal_take(&world.bed.journal, &record))
		return;
	world.taken[world.taken_count].name = record.name;
	world.taken[world.taken_count].id = record.id.id;
	world.taken[world.taken_count++].version =
		bed_read(&world.bed.journal, &record).version;
}

static void step_done(bool written)
{
	uint32_t which, id;
	struct mine *mine;

	if (world.taken_count == 0)
		return;
	which = test_below(&world.seed, world.taken_count);
	id = world.taken[which].id;
	mine = &world.mine[id];
	mine->may_go =
		written && mine->now.version == world.taken[which].version;
	journal_done(&world.bed.journal, world.taken[which].name, written);
	if (mine->may_go)
		mine->now = mine->next = (struct bed_record){0};
	mine->may_go = false;
	world.taken[which] = world.taken[--world.taken_count];
}

static void step_drop(uint32_t id)
{
	struct mine *mine = &world.mine[id];

	mine->may_go = true;
	if (journal_drop(&world.bed.journal, mine->name))
		mine->now = mine->next = (struct bed_record){0};
	mine->may_go = false;
}

static void step(void)
{
	uint32_t id = test_below(&world.seed, BED_IDS);

	switch (test_below(&world.seed, 8)) {
	case 0:
	case 1:
		step_take();
		break;
	case 2:
	case 3:
		step_done(true);
		break;
	case 4:
		step_done(false);
		break;
	case 5:
		step_drop(id);
		break;
	default:
		step_put(id);
		break;
	}
	bed_check(&world.bed);
}

static void a_crash_at_each_step(void **state)
{
	(void)state;
	world_begin(false);
	watch();
	for (int i = 0; i < STEPS; i++) {
		step();
		look();
	}
	assert_true(world.watched > STEPS);
	bed_end(&world.bed);
}

/* The journal that a crash has left is the one that goes on. */
static void crash_after_crash(void **state)
{
	struct bed_record found[BED_IDS];
	struct journal_record record;
	uint32_t cursor;

	(void)state;
	world_begin(false);
	for (int i = 0; i < STEPS; i++) {
		step();
		if (i % 20 != 19)
			continue;
		(void)bed_crash(&world.bed, found);
		memcpy(world.bed.config.area, world.bed.copy, BED_BYTES);
		assert_int_equal(journal_open(&world.bed.journal,
					      &world.bed.host.host, 0, 0,
					      &world.bed.config),
				 0);
		world.taken_count = 0;
		for (uint32_t id = 0; id < BED_IDS; id++) {
			assert_true(fits(found[id], world.mine[id].now));
			world.mine[id].name = 0;
		}
		cursor = 0;
		while (journal_next(&world.bed.journal, &cursor, &record))
			world.mine[record.id.id].name = record.name;
	}
	bed_end(&world.bed);
}

/* A record in four parts over another one in three, stopped between any two:
 * until the last of the new one is there the old one holds, and then the new
 * one does, whether the old one is void yet or not. */
static void stopped_between_two_blocks(void **state)
{
	static char before[BED_BYTES], after[BED_BYTES];
	const struct bed_record old = {.version = 1, .bytes = 1300};
	const struct bed_record newer = {.version = 2, .bytes = 1800};
	struct bed_record found[BED_IDS];
	journal_name name, next;
	uint32_t chain[4], at, voided;

	(void)state;
	world_begin(false);
	name = bed_put(&world.bed, 1, old, 0, 0);
	voided = (uint32_t)(name & (JOURNAL_BLOCKS_MAX - 1));
	memcpy(before, world.bed.config.area, BED_BYTES);
	next = bed_put(&world.bed, 1, newer, name, 0);
	memcpy(after, world.bed.config.area, BED_BYTES);
	at = (uint32_t)(next & (JOURNAL_BLOCKS_MAX - 1));
	for (int i = 0; i < 4; i++) {
		chain[i] = at;
		at = world.bed.journal.slot[at].next;
	}
	assert_int_equal(at, 0);
	/* Each set of the new one's blocks, with the old one as it was. */
	for (unsigned int set = 0; set < 16; set++) {
		memcpy(world.bed.copy, before, BED_BYTES);
		for (int i = 0; i < 4; i++)
			if (set & 1U << i)
				memcpy(world.bed.copy +
					       (size_t)chain[i] * JOURNAL_BLOCK,
				       after + (size_t)chain[i] * JOURNAL_BLOCK,
				       JOURNAL_BLOCK);
		/* Without its first block nothing says that it was begun. */
		assert_int_equal(bed_recover(&world.bed, world.bed.copy, found),
				 (set & 1) != 0 && set != 15);
		assert_true(fits(found[1], set == 15 ? newer : old));
	}
	memcpy(world.bed.copy, after, BED_BYTES);
	assert_memory_not_equal(before + (size_t)voided * JOURNAL_BLOCK,
				after + (size_t)voided * JOURNAL_BLOCK,
				JOURNAL_BLOCK);
	assert_int_equal(bed_recover(&world.bed, world.bed.copy, found), 0);
	assert_true(fits(found[1], newer));
	bed_end(&world.bed);
}

/* One that was begun is not there, and is counted. */
static void begun_and_not_completed(void **state)
{
	const struct bed_record what = {.version = 1, .bytes = 1000};
	struct bed_record found[BED_IDS];
	struct journal_writer writer;

	(void)state;
	world_begin(false);
	assert_true(bed_start(&world.bed, &writer, 1, what, 0));
	assert_int_equal(bed_crash(&world.bed, found), 1);
	bed_fill(&writer, what);
	assert_int_equal(bed_crash(&world.bed, found), 1);
	assert_int_equal(found[1].version, 0);
	/* Once only. */
	assert_int_equal(bed_recover(&world.bed, world.bed.copy, found), 0);
	(void)journal_commit(&writer, 0);
	assert_int_equal(bed_crash(&world.bed, found), 0);
	assert_int_equal(found[1].version, 1);
	bed_end(&world.bed);
}

/* Bits that are wrong cost the record that they are in, and no other. */
static void damaged_blocks(void **state)
{
	struct bed_record found[BED_IDS];

	(void)state;
	world_begin(false);
	for (uint32_t id = 0; id < BED_IDS; id++) {
		const struct bed_record what = {.version = 1 + id,
						.bytes = 8 + id * 400};

		world.mine[id].now = what;
		assert_true(bed_put(&world.bed, id, what, 0, 0) != 0);
	}
	for (int i = 0; i < FLIPS; i++) {
		size_t used = world.bed.journal.end - world.bed.journal.base -
			      world.bed.journal.free_count;
		size_t at = (size_t)world.bed.journal.base * JOURNAL_BLOCK;
		uint32_t lost = 0;

		at += test_below(&world.seed, (uint32_t)used * JOURNAL_BLOCK);
		memcpy(world.bed.copy, world.bed.config.area, BED_BYTES);
		if (i % 4 == 0)
			memset(world.bed.copy +
				       at / JOURNAL_BLOCK * JOURNAL_BLOCK,
			       0, JOURNAL_BLOCK);
		else
			world.bed.copy[at] =
				(char)(world.bed.copy[at] ^ 1 << (i % 8));
		/* A later part may look like a first one now. */
		assert_true(bed_recover(&world.bed, world.bed.copy, found) <=
			    2);
		for (uint32_t id = 0; id < BED_IDS; id++) {
			lost += found[id].version == 0;
			assert_true(found[id].version == 0 ||
				    fits(found[id], world.mine[id].now));
		}
		assert_true(lost <= 1);
		assert_true(i % 4 != 0 || lost == 1);
	}
	bed_end(&world.bed);
}

/* ------------------------------------------------ power cuts */

/* What the disk has: pages get there at any time, a flush takes all. */
struct disk {
	_Alignas(4096) char area[BED_BYTES];
	_Alignas(4096) char cut[BED_BYTES];
	/* Of each identity: versions up to this one were flushed, and from
	 * which one on something is in the database. */
	uint32_t flushed[BED_IDS], written[BED_IDS], last[BED_IDS];
};

static void pages_get_there(struct disk *disk)
{
	const char *area = world.bed.config.area;
	uint32_t first = world.bed.journal.base / 8;

	for (uint32_t i = test_below(&world.seed, 4); i > 0; i--) {
		size_t page =
			(first + test_below(&world.seed, 20)) * (size_t)4096;

		memcpy(disk->area + page, area + page, 4096);
	}
}

static void flush(struct disk *disk)
{
	uint64_t mark;

	/* What happens in between is not a part of it. */
	memcpy(disk->area, world.bed.config.area, BED_BYTES);
	memcpy(disk->flushed, disk->last, sizeof(disk->flushed));
	mark = journal_mark(&world.bed.journal);
	memcpy(disk->area, world.bed.config.area, BED_BYTES);
	journal_synced(&world.bed.journal, mark);
	bed_check(&world.bed);
}

/* Nothing is older than what was flushed; a record is missing only if the
 * database has it, or a newer one. */
static void power_cut(struct disk *disk)
{
	struct bed_record found[BED_IDS];

	memcpy(disk->cut, disk->area, BED_BYTES);
	(void)bed_recover(&world.bed, disk->cut, found);
	for (uint32_t id = 0; id < BED_IDS; id++) {
		if (found[id].version != 0)
			assert_true(found[id].version >= disk->flushed[id]);
		else
			assert_true(disk->written[id] >= disk->flushed[id]);
	}
}

static void a_power_cut_at_each_step(void **state)
{
	static struct disk disk;

	(void)state;
	world_begin(true);
	memcpy(disk.area, world.bed.config.area, BED_BYTES);
	for (int i = 0; i < STEPS; i++) {
		step();
		for (uint32_t id = 0; id < BED_IDS; id++) {
			const struct mine *mine = &world.mine[id];

			if (mine->now.version != 0)
				disk.last[id] = mine->now.version;
			else
				disk.written[id] = disk.last[id];
		}
		pages_get_there(&disk);
		power_cut(&disk);
		if (test_below(&world.seed, 12) == 0)
			flush(&disk);
		power_cut(&disk);
	}
	bed_end(&world.bed);
}

/* All that is kept is given up in the end. */
static void kept_ones_go(void **state)
{
	struct parley_store_stats stats;
	journal_name name;

	(void)state;
	world_begin(true);
	name = bed_one(&world.bed, 1, 1, 0);
	name = bed_one(&world.bed, 1, 2, name);
	assert_true(name == bed_take(&world.bed, 1, 2));
	name = bed_one(&world.bed, 1, 3, name);
	journal_done(&world.bed.journal, bed_take(&world.bed, 1, 3), true);
	assert_true(name != 0);
	journal_get_stats(&world.bed.journal, 0, &stats);
	assert_int_equal(stats.bytes_used, 3 * 512);
	/* A mark of before says nothing of what came later. */
	journal_synced(&world.bed.journal, 1);
	journal_get_stats(&world.bed.journal, 0, &stats);
	assert_int_equal(stats.bytes_used, 3 * 512);
	for (int i = 0; i < 2; i++)
		journal_synced(&world.bed.journal,
			       journal_mark(&world.bed.journal));
	bed_check(&world.bed);
	journal_get_stats(&world.bed.journal, 0, &stats);
	assert_int_equal(stats.bytes_used, 512); /* the second is taken */
	assert_int_equal(stats.taken, 1);
	bed_end(&world.bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_crash_at_each_step),
		cmocka_unit_test(crash_after_crash),
		cmocka_unit_test(stopped_between_two_blocks),
		cmocka_unit_test(begun_and_not_completed),
		cmocka_unit_test(damaged_blocks),
		cmocka_unit_test(a_power_cut_at_each_step),
		cmocka_unit_test(kept_ones_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
