/* objects: all */
/* threads */
#define _POSIX_C_SOURCE 200809L /* barriers */

#include <sched.h>
#include <stdlib.h>

#include "calls.h"

enum { THREADS = 8, ROUNDS = 400, CALLS = 300 };

/* cmocka's assertions jump, which a thread must not. */
static void need(bool condition)
{
	if (!condition)
		abort();
}

/* ------------------------------------------------------------ order */

struct order {
	struct parley *engine;
	struct parley_id id;
	_Atomic uint32_t inside;
	_Atomic uint32_t told;
	_Atomic uint32_t put_away; /* told without a message */
	uint32_t next; /* written by who is inside: that is the test */
};

static void order_run(struct parley *engine, void *param,
		      const struct parley_told *told)
{
	struct order *order = param;
	const struct parley_note *note = told->message;

	(void)engine;
	need(atomic_fetch_add(&order->inside, 1) == 0);
	if (note != NULL)
		need((uint16_t)note->ticket == (uint16_t)order->next);
	order->next++;
	atomic_fetch_add(&order->told, 1);
	if (note == NULL)
		atomic_fetch_add(&order->put_away, 1);
	need(atomic_fetch_sub(&order->inside, 1) == 1);
}

static void *order_work(void *param)
{
	struct order *order = param;

	for (uint32_t i = 0; i < ROUNDS; i++) {
		struct parley_actions actions;

		need(calls_feed(order->engine, order->id, PARLEY_EV_REQUEST,
				&actions) == 0);
		parley_deliver(order->engine, &actions.note, &actions.note,
			       true);
	}
	return NULL;
}

/* Without messages, one at a time: more would not fit and be told at once. */
static void *order_timer(void *param)
{
	struct order *order = param;

	for (uint32_t i = 0; i < ROUNDS; i++) {
		struct parley_actions actions;

		need(calls_feed(order->engine, order->id, PARLEY_EV_REQUEST,
				&actions) == 0);
		parley_deliver(order->engine, &actions.note, NULL, false);
		while (atomic_load(&order->put_away) != i + 1)
			sched_yield();
	}
	return NULL;
}

/* One at a time, in the order of the changes, and nothing is left behind. */
static void test_order_of_threads(void **state)
{
	struct test_host host;
	struct parley_config config = calls_config();
	struct order order = {0};
	pthread_t threads[THREADS];
	struct parley_stats stats;

	(void)state;
	test_host_init(&host, CALLS_LOCKS, 1);
	config.callback_wait_ms = UINT32_MAX; /* pauses are short here */
	order.engine = calls_engine(&host, &config);
	order.id = calls_up(order.engine, 1);
	assert_int_equal(parley_subscribe(order.engine, order.id,
					  PARLEY_NOTE_REQUEST_WITHIN, order_run,
					  &order, NULL),
			 0);
	for (uint32_t i = 0; i < THREADS; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL,
				       i == 0 ? order_timer : order_work,
				       &order),
			0);
	for (uint32_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(order.told, THREADS * ROUNDS);
	parley_get_stats(order.engine, &stats);
	assert_int_equal(stats.turns_missed, 0);
	calls_stop(&host, order.engine);
}

/* ------------------------------------------------------------ the end */

struct end {
	_Atomic uint32_t terminal, destroyed, released;
	_Atomic uint32_t inside;
};

struct ends {
	struct parley *engine;
	pthread_barrier_t barrier;
	struct parley_id ids[CALLS];
	struct end ends[CALLS];
};

struct party {
	struct ends *ends;
	uint32_t number;
};

static void end_run(struct parley *engine, void *param,
		    const struct parley_told *told)
{
	struct end *end = param;
	uint32_t flags;

	need(atomic_load(&end->destroyed) == 0);
	atomic_fetch_add(&end->inside, 1);
	switch (told->type) {
	case PARLEY_NOTE_FAILED:
	case PARLEY_NOTE_TERMINATED:
	case PARLEY_NOTE_EXPIRED:
		need(atomic_fetch_add(&end->terminal, 1) == 0);
		break;
	case PARLEY_NOTE_DESTROY:
		need(atomic_load(&end->terminal) == 1);
		need(atomic_load(&end->inside) == 1);
		atomic_fetch_add(&end->destroyed, 1);
		break;
	default:
		/* Calls back while others end the call. */
		need(parley_flags(engine, told->id, 1, 2, &flags) == 0);
	}
	atomic_fetch_sub(&end->inside, 1);
}

static void end_release(void *param)
{
	struct end *end = param;

	need(atomic_load(&end->destroyed) == 1);
	atomic_fetch_add(&end->released, 1);
}

/* One way to end the call for each of the threads, or a request that crosses.
 */
static void *end_work(void *param)
{
	static const enum parley_event_type types[] = {
		PARLEY_EV_BYE,	   PARLEY_EV_EXPIRE, PARLEY_EV_REQUEST,
		PARLEY_EV_REQUEST, PARLEY_EV_BYE,    PARLEY_EV_REPLY_WITHIN,
		PARLEY_EV_REQUEST, PARLEY_EV_EXPIRE,
	};
	struct party *party = param;
	struct ends *ends = party->ends;
	bool message = party->number % 2 == 0;

	for (uint32_t i = 0; i < CALLS; i++) {
		struct parley_actions actions;
		int rc;

		pthread_barrier_wait(&ends->barrier);
		rc = calls_feed(ends->engine, ends->ids[i],
				types[(party->number + i) % THREADS], &actions);
		need(rc == 0 || rc == PARLEY_E_NO_DIALOG ||
		     rc == PARLEY_E_STATE);
		parley_deliver(ends->engine, &actions.note,
			       message ? &actions : NULL, party->number < 4);
	}
	return NULL;
}

static void run_parties(struct ends *ends)
{
	struct party parties[THREADS];
	pthread_t threads[THREADS];

	assert_int_equal(pthread_barrier_init(&ends->barrier, NULL, THREADS),
			 0);
	for (uint32_t i = 0; i < THREADS; i++) {
		parties[i] = (struct party){ends, i};
		assert_int_equal(pthread_create(&threads[i], NULL, end_work,
						&parties[i]),
				 0);
	}
	for (uint32_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	pthread_barrier_destroy(&ends->barrier);
}

/* However it ends, and whoever comes too late: once, and DESTROY is last. */
static void test_end_of_threads(void **state)
{
	static struct ends ends;
	struct test_host host;
	struct parley_id id = {0, 0};

	(void)state;
	memset(&ends, 0, sizeof(ends));
	ends.engine = calls_start(&host);
	for (uint32_t i = 0; i < CALLS; i++) {
		ends.ids[i] = calls_up(ends.engine, i);
		assert_int_equal(
			parley_subscribe(ends.engine, ends.ids[i],
					 PARLEY_NOTE_REQUEST_WITHIN |
						 PARLEY_NOTE_TERMINATED |
						 PARLEY_NOTE_EXPIRED |
						 PARLEY_NOTE_REPLY_WITHIN |
						 PARLEY_NOTE_DESTROY,
					 end_run, &ends.ends[i], end_release),
			0);
	}
	run_parties(&ends);
	assert_false(parley_next(ends.engine, &id));
	for (uint32_t i = 0; i < CALLS; i++) {
		assert_int_equal(ends.ends[i].terminal, 1);
		assert_int_equal(ends.ends[i].destroyed, 1);
		assert_int_equal(ends.ends[i].released, 1);
	}
	calls_stop(&host, ends.engine);
}

/* ------------------------------------------------------------ readers */

struct reading {
	struct parley *engine;
	struct parley_id id;
	pthread_barrier_t barrier;
	_Atomic uint32_t read;
};

/* Two subscriptions of one module: what one reads the other frees at the end
 * of the call, and tells by its parameter. */
static void reading_run(struct parley *engine, void *param,
			const struct parley_told *told)
{
	struct reading *reading = told->self;
	uint32_t **shared = param;

	(void)engine;
	if (told->type == PARLEY_NOTE_TERMINATED) {
		free(*shared);
		*shared = NULL;
		return;
	}
	need(**shared == 42);
	atomic_fetch_add(&reading->read, 1);
}

static void *reading_work(void *param)
{
	struct reading *reading = param;

	pthread_barrier_wait(&reading->barrier);
	for (uint32_t i = 0; i < 50; i++)
		parley_notify(reading->engine, reading->id,
			      PARLEY_NOTE_RPC_CONTEXT, PARLEY_DIR_NONE, NULL);
	return NULL;
}

/* The end of a call waits for those who are inside for other reasons, and
 * nobody comes in after it. */
static void test_end_waits_for_readers(void **state)
{
	struct test_host host;
	struct parley_config config = calls_config();
	struct reading reading = {0};
	struct parley_handler handler = {.function = reading_run,
					 .self = &reading};

	(void)state;
	test_host_init(&host, CALLS_LOCKS, 1);
	config.callback_wait_ms = UINT32_MAX; /* pauses are short here */
	reading.engine = calls_engine(&host, &config);
	for (uint32_t i = 0; i < CALLS; i++) {
		uint32_t *shared = malloc(sizeof(*shared));
		struct parley_actions actions;
		pthread_t thread;

		assert_non_null(shared);
		*shared = 42;
		reading.id = calls_up(reading.engine, i);
		assert_int_equal(
			parley_subscribe_handler(reading.engine, reading.id,
						 PARLEY_NOTE_RPC_CONTEXT |
							 PARLEY_NOTE_TERMINATED,
						 &handler, &shared),
			0);
		pthread_barrier_init(&reading.barrier, NULL, 2);
		assert_int_equal(
			pthread_create(&thread, NULL, reading_work, &reading),
			0);
		pthread_barrier_wait(&reading.barrier);
		while (i % 2 && atomic_load(&reading.read) == 0)
			sched_yield();
		assert_int_equal(calls_feed(reading.engine, reading.id,
					    PARLEY_EV_BYE, &actions),
				 0);
		parley_deliver(reading.engine, &actions.note, &actions, true);
		assert_null(shared);
		assert_int_equal(pthread_join(thread, NULL), 0);
		pthread_barrier_destroy(&reading.barrier);
	}
	calls_stop(&host, reading.engine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_of_threads),
		cmocka_unit_test(test_end_waits_for_readers),
		cmocka_unit_test(test_end_of_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
