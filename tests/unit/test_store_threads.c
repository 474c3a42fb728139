/* objects: all */
/* threads */
/*
 * Calls that come, change and go in several threads, while another one carries
 * their records into a database. In the end it has the calls that are up, as
 * they are, and no other.
 */
#include <sched.h>
#include <stdlib.h>

#include "calls.h"
#include "parley_store.h"

enum {
	THREADS = 4,
	ROUNDS = 300,
	AREA = PARLEY_STORE_MIN,
	ROWS = THREADS * ROUNDS,
	BATCH = 7,
	BUFFER = 8192,
};

struct row {
	struct parley_id id;
	uint32_t flags;
	bool there;
};

struct worker {
	struct parley *engine;
	uint32_t number;
	struct row up[ROUNDS]; /* its calls that stay */
	uint32_t up_count;
};

struct writer {
	struct parley *engine;
	_Atomic bool stop;
	uint32_t count;
	struct row rows[ROWS];
};

/* cmocka's assertions jump, which a thread must not. */
static void need(bool condition)
{
	if (!condition)
		abort();
}

static struct parley_str socket_text(void *self, void *socket)
{
	(void)self;
	(void)socket;
	return (struct parley_str){0};
}

/* ------------------------------------------------ calls */

static void set_flags(struct parley *engine, struct parley_id id,
		      uint32_t flags)
{
	uint32_t got;

	need(parley_flags(engine, id, flags, 0, &got) == 0);
}

static void *work(void *param)
{
	struct worker *worker = param;
	struct parley *engine = worker->engine;

	for (uint32_t i = 0; i < ROUNDS; i++) {
		uint32_t flags = 1 + i;
		struct parley_id id =
			calls_invite(engine, worker->number * ROUNDS + i);

		need(id.id != 0);
		calls_step(engine, id, PARLEY_EV_REPLY_2XX);
		calls_step(engine, id, PARLEY_EV_ACK);
		if (i % 3 == 0)
			sched_yield();
		set_flags(engine, id, flags);
		if (i % 5 == 0) {
			worker->up[worker->up_count++] =
				(struct row){id, flags, true};
			continue;
		}
		calls_step(engine, id, PARLEY_EV_BYE);
	}
	return NULL;
}

/* ------------------------------------------------ the database */

static struct row *row_of(struct writer *writer, struct parley_id id)
{
	for (uint32_t i = 0; i < writer->count; i++)
		if (writer->rows[i].id.entry == id.entry &&
		    writer->rows[i].id.id == id.id)
			return &writer->rows[i];
	need(writer->count < ROWS);
	writer->rows[writer->count].id = id;
	return &writer->rows[writer->count++];
}

static void apply(struct writer *writer, const struct parley_record *record)
{
	struct row *row = row_of(writer, record->image.view.id);

	need(record->known || !row->there);
	row->there = !record->gone;
	row->flags = record->image.view.flags;
}

/* Takes some, puts them in, and says so; one batch in four fails, which nobody
 * can tell from one whose answer was lost. False: there was nothing. */
static bool batch(struct writer *writer, uint32_t number)
{
	struct parley_record records[BATCH];
	_Alignas(max_align_t) char buffer[BUFFER];
	uint32_t count = 0;
	int rc = 1;

	while (count < BATCH && rc == 1) {
		rc = parley_store_take(writer->engine, calls_now(),
				       &records[count], buffer, sizeof(buffer),
				       NULL);
		need(rc >= 0);
		if (rc == 1 && number % 8 != 0)
			apply(writer, &records[count]);
		count += rc == 1;
	}
	sched_yield();
	for (uint32_t i = 0; i < count; i++)
		parley_store_done(writer->engine, records[i].ticket,
				  number % 4 != 0);
	return count > 0;
}

static void *write_all(void *param)
{
	struct writer *writer = param;

	for (uint32_t number = 0; !atomic_load(&writer->stop); number++)
		if (!batch(writer, number))
			sched_yield();
	return NULL;
}

/* ------------------------------------------------ the end */

static void assert_same(struct writer *writer, const struct worker *workers)
{
	uint32_t up = 0, there = 0;

	for (uint32_t t = 0; t < THREADS; t++)
		for (uint32_t i = 0; i < workers[t].up_count; i++, up++) {
			const struct row *row =
				row_of(writer, workers[t].up[i].id);

			assert_true(row->there);
			assert_int_equal(row->flags, workers[t].up[i].flags);
		}
	for (uint32_t i = 0; i < writer->count; i++)
		there += writer->rows[i].there;
	assert_int_equal(there, up);
}

static void writer_and_workers(void **state)
{
	struct worker *workers = calloc(THREADS, sizeof(*workers));
	struct writer *writer = calloc(1, sizeof(*writer));
	struct parley_config config = calls_config();
	struct parley_store_config store = {.bytes = AREA};
	struct parley_store_stats stats;
	pthread_t threads[THREADS + 1];
	struct test_host host;

	(void)state;
	assert_true(workers && writer);
	test_host_init(&host, CALLS_LOCKS, test_seed(1));
	host.host.socket_text = socket_text;
	writer->engine = calls_engine(&host, &config);
	host.leaf = CALLS_LOCKS - 2;
	store.area = aligned_alloc(4096, AREA);
	assert_non_null(store.area);
	memset(store.area, 0, AREA);
	assert_int_equal(parley_store_open(writer->engine, calls_now(), &store),
			 0);
	for (uint32_t i = 0; i < THREADS; i++) {
		workers[i].engine = writer->engine;
		workers[i].number = i;
		assert_int_equal(
			pthread_create(&threads[i], NULL, work, &workers[i]),
			0);
	}
	assert_int_equal(
		pthread_create(&threads[THREADS], NULL, write_all, writer), 0);
	for (uint32_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	atomic_store(&writer->stop, true);
	assert_int_equal(pthread_join(threads[THREADS], NULL), 0);
	while (batch(writer, 1))
		;
	parley_store_get_stats(writer->engine, calls_now(), &stats);
	assert_int_equal(stats.waiting + stats.taken + stats.unrecorded, 0);
	assert_same(writer, workers);
	/* Whatever the threads' luck was, one end is told. */
	calls_step(writer->engine, workers[0].up[0].id, PARLEY_EV_BYE);
	assert_true(batch(writer, 1));
	assert_false(row_of(writer, workers[0].up[0].id)->there);
	calls_stop(&host, writer->engine);
	free(store.area);
	free(workers);
	free(writer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writer_and_workers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
