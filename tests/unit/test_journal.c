/* objects: journal.o journal_open.o hash.o bed.o */
/*
 * The journal as its users see it: sizes, order, what replaces what, room.
 */
#include <stdlib.h>
#include <string.h>

#include "bed.h"

static struct bed *bed_of(void **state)
{
	return *state;
}

static int setup(void **state)
{
	static struct bed bed;

	bed_begin(&bed, false);
	*state = &bed;
	return 0;
}

static int teardown(void **state)
{
	bed_end(bed_of(state));
	return 0;
}

static struct parley_store_stats stats_at(struct bed *bed, uint64_t now_ms)
{
	struct parley_store_stats stats = {0};

	journal_get_stats(&bed->journal, now_ms, &stats);
	return stats;
}

static int reopen(struct bed *bed, size_t bytes)
{
	struct parley_store_config config = bed->config;
	struct journal journal;

	config.bytes = bytes;
	return journal_open(&journal, &bed->host.host, 0, 0, &config);
}

/* ------------------------------------------------ areas */

static void an_area_must_fit(void **state)
{
	struct bed *bed = bed_of(state);
	struct parley_store_config config = bed->config;
	struct journal journal;

	assert_int_equal(reopen(bed, BED_BYTES - 4096), PARLEY_E_ARGUMENT);
	assert_int_equal(reopen(bed, BED_BYTES + 1), PARLEY_E_ARGUMENT);
	assert_int_equal(reopen(bed, ((size_t)1 << 33) + 4096),
			 PARLEY_E_ARGUMENT);
	config.area = bed->copy + 512;
	assert_int_equal(journal_open(&journal, &bed->host.host, 0, 0, &config),
			 PARLEY_E_ARGUMENT);
	config.area = NULL;
	assert_int_equal(journal_open(&journal, &bed->host.host, 0, 0, &config),
			 PARLEY_E_ARGUMENT);
}

static void what_is_no_journal_is_untouched(void **state)
{
	static const size_t places[] = {0, 7, 8, 4095};
	struct bed *bed = bed_of(state);
	struct parley_store_config config = bed->config;
	struct journal journal;
	char *before = malloc(BED_BYTES);

	assert_non_null(before);
	config.area = bed->copy;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		memset(bed->copy, 0, BED_BYTES);
		bed->copy[places[i]] = 1;
		memcpy(before, bed->copy, BED_BYTES);
		assert_int_equal(
			journal_open(&journal, &bed->host.host, 0, 0, &config),
			PARLEY_E_CONFLICT);
		assert_memory_equal(before, bed->copy, BED_BYTES);
		assert_int_equal(journal_size(bed->copy, BED_BYTES), 0);
	}
	/* A later version of ours. */
	memcpy(bed->copy, bed->config.area, 8);
	for (size_t i = 0; i < 8; i++) {
		bed->copy[i] = (char)(bed->copy[i] ^ 0x40);
		assert_int_not_equal(
			journal_open(&journal, &bed->host.host, 0, 0, &config),
			0);
		bed->copy[i] = (char)(bed->copy[i] ^ 0x40);
	}
	free(before);
}

static void an_area_tells_its_size(void **state)
{
	struct bed *bed = bed_of(state);

	assert_int_equal(journal_size(bed->config.area, 4096), BED_BYTES);
	assert_int_equal(journal_size(bed->config.area, 7), 0);
	memset(bed->copy, 0, 4096);
	assert_int_equal(journal_size(bed->copy, 4096), 0);
}

static void another_size_is_taken_when_it_is_empty(void **state)
{
	struct bed *bed = bed_of(state);
	struct parley_store_config config = {.bytes = 2 * BED_BYTES};
	struct journal journal, grown;
	char *area = aligned_alloc(4096, 2 * BED_BYTES);

	assert_non_null(area);
	memset(area, 0, 2 * BED_BYTES);
	memcpy(area, bed->config.area, BED_BYTES);
	config.area = area;
	assert_int_equal(journal_open(&journal, &bed->host.host, 0, 0, &config),
			 0);
	assert_int_equal(journal_size(area, 8), 2 * BED_BYTES);
	assert_int_equal(reopen(bed, BED_BYTES), 0);

	/* With a record the size stays, and so does the record. */
	(void)bed_one(bed, 1, 1, 0);
	memset(area, 0, 2 * BED_BYTES);
	memcpy(area, bed->config.area, BED_BYTES);
	assert_int_equal(journal_open(&grown, &bed->host.host, 0, 0, &config),
			 PARLEY_E_OLD);
	assert_int_equal(journal_size(area, 8), BED_BYTES);
	assert_memory_equal(area, bed->config.area, BED_BYTES);
	/* What lies beyond the end cannot be looked at. */
	config.bytes = 2 * BED_BYTES;
	memset(area, 0, 2 * BED_BYTES);
	assert_int_equal(journal_open(&grown, &bed->host.host, 0, 0, &config),
			 0);
	config.bytes = BED_BYTES;
	assert_int_equal(journal_open(&grown, &bed->host.host, 0, 0, &config),
			 PARLEY_E_OLD);
	free(area);
}

/* ------------------------------------------------ records */

static void records_of_every_length(void **state)
{
	struct bed *bed = bed_of(state);
	struct bed_record found[BED_IDS];
	struct journal_record record;

	for (uint32_t bytes = 8; bytes < 2000; bytes++) {
		const struct bed_record what = {.version = bytes,
						.bytes = bytes};

		assert_true(bed_put(bed, 1, what, 0, 0) != 0);
		if (bytes % 100 == 0) {
			assert_int_equal(bed_crash(bed, found), 0);
			assert_int_equal(found[1].version, bytes);
		}
		assert_true(journal_take(&bed->journal, &record));
		assert_int_equal(bed_read(&bed->journal, &record).version,
				 bytes);
		assert_false(record.known);
		journal_done(&bed->journal, record.name, true);
		bed_check(bed);
	}
	assert_int_equal(stats_at(bed, 0).bytes_used, 0);
	assert_int_equal(bed_crash(bed, found), 0);
	assert_int_equal(found[1].version, 0);
}

static void written_in_small_pieces(void **state)
{
	struct bed *bed = bed_of(state);
	const struct journal_item item = {
		.id = {0, 1}, .kind = JOURNAL_PUT, .bytes = 1500};
	struct journal_writer writer;
	struct journal_record record;
	char sent[1500], got[1500];
	uint64_t seed = 7;
	size_t at = 0;

	for (size_t i = 0; i < sizeof(sent); i++)
		sent[i] = (char)test_random(&seed);
	assert_true(journal_begin(&bed->journal, &writer, &item));
	while (at < sizeof(sent)) {
		size_t piece = test_below(&seed, 40);

		piece = piece < sizeof(sent) - at ? piece : sizeof(sent) - at;
		journal_write(&writer, sent + at, piece);
		at += piece;
	}
	(void)journal_commit(&writer, 0);
	assert_true(journal_take(&bed->journal, &record));
	journal_read(&bed->journal, &record, got);
	assert_memory_equal(sent, got, sizeof(sent));
}

static void an_empty_record(void **state)
{
	struct bed *bed = bed_of(state);
	const struct journal_item item = {.id = {3, 1}, .kind = JOURNAL_GONE};
	struct journal_writer writer;
	struct journal_record record;

	assert_true(journal_begin(&bed->journal, &writer, &item));
	(void)journal_commit(&writer, 0);
	bed_check(bed);
	assert_true(journal_take(&bed->journal, &record));
	assert_int_equal(record.bytes, 0);
	assert_int_equal(record.id.entry, 3);
	assert_int_equal(record.kind, JOURNAL_GONE);
}

static void a_record_that_is_too_long(void **state)
{
	struct bed *bed = bed_of(state);
	struct journal_item item = {.id = {0, 1}, .kind = JOURNAL_PUT};
	struct journal_writer writer;

	item.bytes = (size_t)JOURNAL_BYTES_MAX + 1;
	assert_false(journal_begin(&bed->journal, &writer, &item));
	item.bytes = SIZE_MAX;
	assert_false(journal_begin(&bed->journal, &writer, &item));
	item.bytes = BED_BYTES;
	assert_false(journal_begin(&bed->journal, &writer, &item));
	bed_check(bed);
}

/* ------------------------------------------------ order */

static void first_come_first_taken(void **state)
{
	struct bed *bed = bed_of(state);

	for (uint32_t id = 1; id <= 3; id++)
		(void)bed_one(bed, id, 1, 0);
	for (uint32_t id = 1; id <= 3; id++)
		(void)bed_take(bed, id, 1);
	bed_take_none(bed);
}

static void a_newer_one_takes_the_place(void **state)
{
	struct bed *bed = bed_of(state);
	const struct bed_record what = {.version = 1, .bytes = 600};
	const struct bed_record newer = {.version = 2, .bytes = 60};
	journal_name first, middle;

	first = bed_put(bed, 1, what, 0, 100);
	middle = bed_put(bed, 2, what, 0, 200);
	(void)bed_put(bed, 3, what, 0, 300);
	assert_int_equal(stats_at(bed, 1000).waiting, 3);
	assert_int_equal(stats_at(bed, 1000).oldest_ms, 900);
	assert_true(bed_put(bed, 2, newer, middle, 400) != 0);
	first = bed_put(bed, 1, newer, first, 500);
	bed_check(bed);
	assert_int_equal(stats_at(bed, 1000).waiting, 3);
	assert_int_equal(stats_at(bed, 1000).oldest_ms, 900);
	(void)bed_take(bed, 1, 2);
	(void)bed_take(bed, 2, 2);
	(void)bed_take(bed, 3, 1);
	bed_take_none(bed);
	assert_int_equal(stats_at(bed, 1000).oldest_ms, 900);
	journal_done(&bed->journal, first, true);
	assert_int_equal(stats_at(bed, 1000).oldest_ms, 800);
	assert_int_equal(stats_at(bed, 1000).taken, 2);
}

static void what_was_refused_waits_where_it_was(void **state)
{
	struct bed *bed = bed_of(state);
	journal_name name[4];

	for (uint32_t id = 1; id <= 4; id++)
		(void)bed_one(bed, id, 1, 0);
	for (uint32_t id = 1; id <= 3; id++)
		name[id] = bed_take(bed, id, 1);
	journal_done(&bed->journal, name[2], false);
	bed_check(bed);
	journal_done(&bed->journal, name[1], false);
	bed_check(bed);
	/* The third is still taken. */
	name[1] = bed_take(bed, 1, 1);
	name[2] = bed_take(bed, 2, 1);
	(void)bed_take(bed, 4, 1);
	bed_take_none(bed);
	journal_done(&bed->journal, name[3], false);
	bed_check(bed);
	(void)bed_take(bed, 3, 1);
	journal_done(&bed->journal, name[1], true);
	/* A second answer for the same name says nothing. */
	journal_done(&bed->journal, name[1], false);
	bed_check(bed);
	bed_take_none(bed);
}

/* ------------------------------------------------ taken ones */

static void what_was_taken_can_be_read_until_it_is_done(void **state)
{
	struct bed *bed = bed_of(state);
	const struct bed_record what = {.version = 1, .bytes = 1200};
	struct journal_record record;
	journal_name old = bed_put(bed, 1, what, 0, 0), newer;

	assert_true(journal_take(&bed->journal, &record));
	newer = bed_one(bed, 1, 2, old);
	for (uint32_t id = 2; id < BED_IDS; id++)
		(void)bed_one(bed, id, 1, 0);
	assert_int_equal(bed_read(&bed->journal, &record).version, 1);
	assert_int_equal(journal_fate(&bed->journal, old), JOURNAL_TAKEN);
	assert_int_equal(journal_fate(&bed->journal, newer), JOURNAL_WAITS);
	journal_done(&bed->journal, old, true);
	bed_check(bed);
	assert_int_equal(journal_fate(&bed->journal, old), JOURNAL_DONE);
	assert_true(journal_take(&bed->journal, &record));
	assert_int_equal(bed_read(&bed->journal, &record).version, 2);
	assert_true(record.known);
}

/* Whatever order the database answers in, a crash brings no old one back. */
static void the_newer_one_is_done_first(void **state)
{
	struct bed *bed = bed_of(state);
	const struct bed_record gone = {.version = 2, .bytes = 8, .gone = true};
	struct bed_record found[BED_IDS];
	journal_name old, newer;

	old = bed_one(bed, 1, 1, 0);
	(void)bed_take(bed, 1, 1);
	newer = bed_put(bed, 1, gone, old, 0);
	(void)bed_take(bed, 1, 2);
	journal_done(&bed->journal, newer, true);
	bed_check(bed);
	assert_int_equal(bed_crash(bed, found), 0);
	assert_int_equal(found[1].version, 0);
	/* And it does not wait again when it was refused. */
	journal_done(&bed->journal, old, false);
	bed_take_none(bed);
	assert_int_equal(stats_at(bed, 0).bytes_used, 0);
}

static void known_is_what_may_have_been_taken(void **state)
{
	struct bed *bed = bed_of(state);
	struct journal_record record;
	journal_name name = bed_one(bed, 1, 1, 0);

	/* Replaced while it waits: nobody has heard of it. */
	name = bed_one(bed, 1, 2, name);
	assert_true(journal_take(&bed->journal, &record));
	assert_false(record.known);
	name = bed_one(bed, 1, 3, name);
	journal_done(&bed->journal, record.name, true);
	name = bed_one(bed, 1, 4, name);
	assert_true(journal_take(&bed->journal, &record));
	assert_true(record.known);
	journal_done(&bed->journal, record.name, true);
	(void)bed_one(bed, 1, 5, name);
	assert_true(journal_take(&bed->journal, &record));
	assert_true(record.known);

	/* Refused, it may be there all the same. */
	name = bed_one(bed, 2, 1, 0);
	assert_true(journal_take(&bed->journal, &record));
	assert_false(record.known);
	journal_done(&bed->journal, name, false);
	assert_true(journal_take(&bed->journal, &record));
	assert_true(record.known);
}

static void dropped_when_nobody_can_know(void **state)
{
	const struct bed_record known = {
		.version = 1, .bytes = 8, .known = true};
	struct bed *bed = bed_of(state);
	struct bed_record found[BED_IDS];
	journal_name name = bed_one(bed, 1, 1, 0);

	(void)bed_one(bed, 2, 1, 0);
	assert_true(journal_drop(&bed->journal, name));
	bed_check(bed);
	assert_int_equal(journal_fate(&bed->journal, name), JOURNAL_DONE);
	assert_false(journal_drop(&bed->journal, name));
	assert_false(journal_drop(&bed->journal, 0));
	assert_int_equal(bed_crash(bed, found), 0);
	assert_int_equal(found[1].version, 0);
	assert_int_equal(found[2].version, 1);
	name = bed_take(bed, 2, 1);
	bed_take_none(bed);
	assert_false(journal_drop(&bed->journal, name));
	journal_done(&bed->journal, name, false);
	assert_false(journal_drop(&bed->journal, name));
	name = bed_put(bed, 3, known, 0, 0);
	assert_false(journal_drop(&bed->journal, name));
	assert_int_equal(stats_at(bed, 0).waiting, 2);
}

static void old_names_name_nothing(void **state)
{
	struct bed *bed = bed_of(state);
	journal_name first = bed_one(bed, 1, 1, 0), second;

	journal_done(&bed->journal, bed_take(bed, 1, 1), true);
	/* The same block again. */
	second = bed_one(bed, 1, 2, 0);
	assert_int_equal(second & (JOURNAL_BLOCKS_MAX - 1),
			 first & (JOURNAL_BLOCKS_MAX - 1));
	journal_done(&bed->journal, first, true);
	assert_int_equal(journal_fate(&bed->journal, first), JOURNAL_DONE);
	assert_int_equal(journal_fate(&bed->journal, second), JOURNAL_WAITS);
	for (uint32_t block = 0; block < bed->journal.end + 2; block++)
		assert_int_equal(journal_fate(&bed->journal, block),
				 JOURNAL_DONE);
}

/* ------------------------------------------------ room */

/* PUTs until there is room for no more; the last name. */
static journal_name fill(struct bed *bed, uint32_t bytes)
{
	const struct bed_record what = {.version = 1, .bytes = bytes};
	journal_name name, last = 0;
	uint32_t id = 100;

	while ((name = bed_put(bed, id++, what, 0, 0)) != 0)
		last = name;
	bed_check(bed);
	return last;
}

static void the_last_blocks_are_for_ends(void **state)
{
	struct bed *bed = bed_of(state);
	uint32_t blocks = bed->journal.end - bed->journal.base;
	const struct bed_record gone = {.version = 2, .bytes = 8, .gone = true};
	journal_name waits = fill(bed, 100), name;
	uint32_t count = 0;

	assert_int_equal(stats_at(bed, 0).waiting, blocks - blocks / 16);
	assert_int_equal(stats_at(bed, 0).bytes, (uint64_t)blocks * 512);
	/* One that waits lends its room to what replaces it. */
	name = bed_put(bed, 1, (struct bed_record){.version = 2, .bytes = 100},
		       waits, 0);
	assert_true(name != 0);
	assert_int_equal(journal_fate(&bed->journal, waits), JOURNAL_DONE);
	assert_int_equal(stats_at(bed, 0).waiting, blocks - blocks / 16);
	while (bed_put(bed, 10000 + count, gone, 0, 0) != 0)
		count++;
	assert_int_equal(count, blocks / 16);
	assert_int_equal(stats_at(bed, 0).bytes_used, (uint64_t)blocks * 512);
	bed_check(bed);
	for (uint32_t i = 0; i < blocks; i++) {
		struct journal_record record;

		assert_true(journal_take(&bed->journal, &record));
		journal_done(&bed->journal, record.name, true);
	}
	assert_int_equal(stats_at(bed, 0).bytes_used, 0);
}

/* What grows must not use up what is for ends. */
static void growing_ones_leave_half_of_it(void **state)
{
	struct bed *bed = bed_of(state);
	uint32_t blocks = bed->journal.end - bed->journal.base;
	journal_name name = fill(bed, 100);
	struct bed_record what = {.version = 2, .bytes = 4096};
	uint32_t first = (uint32_t)(name & (JOURNAL_BLOCKS_MAX - 1));
	uint64_t left;

	for (uint32_t at = bed->journal.base; at < bed->journal.end; at++) {
		struct journal_slot *slot = &bed->journal.slot[at];

		if (slot->number == 0 || slot->next != 0 || at == first)
			continue;
		(void)bed_put(bed, 1, what, slot->number << 24 | at, 0);
	}
	bed_check(bed);
	left = blocks - stats_at(bed, 0).bytes_used / 512;
	assert_true(left >= blocks / 32 && left < blocks / 16);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(an_area_must_fit),
		TEST(what_is_no_journal_is_untouched),
		TEST(an_area_tells_its_size),
		TEST(another_size_is_taken_when_it_is_empty),
		TEST(records_of_every_length),
		TEST(written_in_small_pieces),
		TEST(an_empty_record),
		TEST(a_record_that_is_too_long),
		TEST(first_come_first_taken),
		TEST(a_newer_one_takes_the_place),
		TEST(what_was_refused_waits_where_it_was),
		TEST(what_was_taken_can_be_read_until_it_is_done),
		TEST(the_newer_one_is_done_first),
		TEST(known_is_what_may_have_been_taken),
		TEST(dropped_when_nobody_can_know),
		TEST(old_names_name_nothing),
		TEST(the_last_blocks_are_for_ends),
		TEST(growing_ones_leave_half_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
