/* bed.c - a journal in memory, and what a crash would leave; see bed.h */
#include <stdlib.h>
#include <string.h>

#include "bed.h"

static void *area_new(void)
{
	void *area = aligned_alloc(4096, BED_BYTES);

	assert_non_null(area);
	memset(area, 0, BED_BYTES);
	return area;
}

void bed_begin(struct bed *bed, bool keep_replaced)
{
	test_host_init(&bed->host, 1, 1);
	bed->config = (struct parley_store_config){
		.area = area_new(),
		.bytes = BED_BYTES,
		.keep_replaced = keep_replaced,
	};
	bed->copy = area_new();
	assert_int_equal(journal_open(&bed->journal, &bed->host.host, 0, 0,
				      &bed->config),
			 0);
	bed_check(bed);
}

void bed_end(struct bed *bed)
{
	bed_check(bed);
	free(bed->config.area);
	free(bed->copy);
	test_host_fini(&bed->host);
}

void bed_check(struct bed *bed)
{
	assert_no_fault(journal_check(&bed->journal));
}

static void content(struct bed_record what, unsigned char *bytes)
{
	uint64_t state = what.version;

	memcpy(bytes, &what.version, 4);
	memcpy(bytes + 4, &what.bytes, 4);
	for (uint32_t i = 8; i < what.bytes; i += 8) {
		uint64_t word = test_random(&state);

		memcpy(bytes + i, &word,
		       what.bytes - i < 8 ? what.bytes - i : 8);
	}
}

bool bed_start(struct bed *bed, struct journal_writer *writer, uint32_t id,
	       struct bed_record what, journal_name old)
{
	const struct journal_item item = {
		.id = {0, id},
		.kind = what.gone ? JOURNAL_GONE : JOURNAL_PUT,
		.known = what.known,
		.bytes = what.bytes,
		.old = old,
	};

	return journal_begin(&bed->journal, writer, &item);
}

void bed_fill(struct journal_writer *writer, struct bed_record what)
{
	unsigned char bytes[BED_RECORD_MAX];

	content(what, bytes);
	journal_write(writer, bytes, what.bytes);
}

journal_name bed_put(struct bed *bed, uint32_t id, struct bed_record what,
		     journal_name old, uint64_t now_ms)
{
	struct journal_writer writer;

	if (!bed_start(bed, &writer, id, what, old))
		return 0;
	bed_fill(&writer, what);
	return journal_commit(&writer, now_ms);
}

journal_name bed_one(struct bed *bed, uint32_t id, uint32_t version,
		     journal_name old)
{
	const struct bed_record what = {.version = version, .bytes = 100};
	journal_name name = bed_put(bed, id, what, old, 0);

	assert_true(name != 0);
	bed_check(bed);
	return name;
}

struct bed_record bed_read(struct journal *journal,
			   const struct journal_record *record)
{
	unsigned char bytes[BED_RECORD_MAX], expected[BED_RECORD_MAX];
	struct bed_record what = {
		.bytes = (uint32_t)record->bytes,
		.gone = record->kind == JOURNAL_GONE,
		.known = record->known,
	};

	assert_true(record->bytes >= 8 && record->bytes <= BED_RECORD_MAX);
	journal_read(journal, record, bytes);
	memcpy(&what.version, bytes, 4);
	content(what, expected);
	assert_memory_equal(bytes, expected, record->bytes);
	return what;
}

journal_name bed_take(struct bed *bed, uint32_t id, uint32_t version)
{
	struct journal_record record;

	assert_true(journal_take(&bed->journal, &record));
	assert_int_equal(record.id.id, id);
	assert_int_equal(bed_read(&bed->journal, &record).version, version);
	bed_check(bed);
	return record.name;
}

void bed_take_none(struct bed *bed)
{
	struct journal_record record;

	assert_false(journal_take(&bed->journal, &record));
}

uint64_t bed_recover(struct bed *bed, void *area,
		     struct bed_record found[BED_IDS])
{
	struct parley_store_config config = bed->config;
	struct parley_store_stats stats;
	struct journal_record record;
	struct journal journal;
	uint32_t cursor = 0;

	config.area = area;
	assert_int_equal(journal_open(&journal, &bed->host.host, 0, 0, &config),
			 0);
	assert_no_fault(journal_check(&journal));
	memset(found, 0, BED_IDS * sizeof(*found));
	while (journal_next(&journal, &cursor, &record)) {
		assert_true(record.id.id < BED_IDS);
		assert_int_equal(found[record.id.id].version, 0);
		assert_true(record.known);
		found[record.id.id] = bed_read(&journal, &record);
	}
	journal_get_stats(&journal, 0, &stats);
	return stats.torn;
}

uint64_t bed_crash(struct bed *bed, struct bed_record found[BED_IDS])
{
	memcpy(bed->copy, bed->config.area, BED_BYTES);
	return bed_recover(bed, bed->copy, found);
}
