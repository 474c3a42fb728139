/* objects: journal.o journal_open.o hash.o bed.o */
/* threads */
/*
 * Several that write, each its own dialogs, and one that takes: what was done
 * last of each is what was written last.
 */
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "bed.h"

enum { WRITERS = 3, OF_EACH = 40, ROUNDS = 4000, WORDS = 200 };

struct shared {
	struct bed bed;
	_Atomic uint32_t running; /* writers that are not done yet */
	uint32_t last[WRITERS * OF_EACH];
	uint32_t done[WRITERS * OF_EACH];
};

struct worker {
	struct shared *shared;
	uint32_t number;
};

/* cmocka's assertions jump, which a thread must not. */
static void need(bool condition)
{
	if (!condition)
		abort();
}

/* The record says its version in each word. */
static journal_name put(struct journal *journal, uint32_t id, uint32_t version,
			journal_name old)
{
	const struct journal_item item = {
		.id = {0, id},
		.kind = JOURNAL_PUT,
		.bytes = (1 + version % WORDS) * sizeof(uint32_t),
		.old = old,
	};
	struct journal_writer writer;

	if (!journal_begin(journal, &writer, &item))
		return old;
	for (size_t at = 0; at < item.bytes; at += sizeof(version))
		journal_write(&writer, &version, sizeof(version));
	return journal_commit(&writer, version);
}

static uint32_t version_of(struct journal *journal,
			   const struct journal_record *record)
{
	uint32_t words[WORDS];

	need(record->bytes >= 4 && record->bytes <= sizeof(words));
	journal_read(journal, record, words);
	for (size_t i = 0; i < record->bytes / 4; i++)
		need(words[i] == words[0]);
	need(record->bytes == (1 + words[0] % WORDS) * 4);
	return words[0];
}

static void *write_records(void *param)
{
	struct worker *worker = param;
	struct shared *shared = worker->shared;
	struct journal *journal = &shared->bed.journal;
	journal_name name[OF_EACH] = {0};
	uint64_t seed = worker->number;

	for (uint32_t version = 1; version <= ROUNDS; version++) {
		uint32_t mine = test_below(&seed, OF_EACH);
		uint32_t id = worker->number * OF_EACH + mine;
		journal_name made = put(journal, id, version, name[mine]);

		if (made != name[mine])
			shared->last[id] = version;
		name[mine] = made;
		need(journal_fate(journal, made) <= JOURNAL_DONE);
	}
	shared->running--;
	return NULL;
}

/* A batch at a time, of which the database refuses some. */
static bool take_batch(struct shared *shared, uint64_t *seed)
{
	struct journal *journal = &shared->bed.journal;
	struct journal_record batch[16];
	uint32_t count = 0;

	while (count < 16 && journal_take(journal, &batch[count]))
		count++;
	for (uint32_t i = 0; i < count; i++) {
		bool written = test_below(seed, 4) != 0;
		uint32_t version = version_of(journal, &batch[i]);

		journal_done(journal, batch[i].name, written);
		if (written) {
			need(version > shared->done[batch[i].id.id]);
			shared->done[batch[i].id.id] = version;
		}
	}
	return count > 0;
}

static void *take_records(void *param)
{
	struct shared *shared = param;
	struct journal *journal = &shared->bed.journal;
	struct parley_store_stats stats;
	uint64_t seed = 99, mark;

	while (shared->running > 0 || take_batch(shared, &seed)) {
		if (!take_batch(shared, &seed))
			sched_yield();
		mark = journal_mark(journal);
		journal_synced(journal, mark);
		journal_get_stats(journal, ROUNDS, &stats);
		need(stats.bytes_used <= stats.bytes);
	}
	return NULL;
}

static void run(bool keep_replaced)
{
	static struct shared shared;
	struct worker worker[WRITERS];
	pthread_t thread[WRITERS + 1];

	memset(&shared, 0, sizeof(shared));
	bed_begin(&shared.bed, keep_replaced);
	shared.running = WRITERS;
	for (uint32_t i = 0; i < WRITERS; i++) {
		worker[i] = (struct worker){&shared, i};
		assert_int_equal(pthread_create(&thread[i], NULL, write_records,
						&worker[i]),
				 0);
	}
	assert_int_equal(
		pthread_create(&thread[WRITERS], NULL, take_records, &shared),
		0);
	for (uint32_t i = 0; i <= WRITERS; i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
	for (uint32_t id = 0; id < WRITERS * OF_EACH; id++)
		assert_int_equal(shared.last[id], shared.done[id]);
	assert_int_equal(shared.bed.journal.waiting, 0);
	assert_int_equal(shared.bed.journal.taken, 0);
	bed_end(&shared.bed);
}

static void writers_and_one_who_takes(void **state)
{
	(void)state;
	run(false);
}

static void the_same_for_power_cuts(void **state)
{
	(void)state;
	run(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writers_and_one_who_takes),
		cmocka_unit_test(the_same_for_power_cuts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
