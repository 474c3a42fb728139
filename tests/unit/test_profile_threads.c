/* objects: all */
/* threads */
#include <sched.h>
#include <stdlib.h>

#include "calls.h"

static const struct parley_str any = {NULL, 0};

static uint32_t total(struct parley *engine, int profile)
{
	uint32_t size = UINT32_MAX;

	assert_int_equal(parley_profile_size(engine, profile, any, &size), 0);
	return size;
}

enum { THREADS = 8, ROUNDS = 1000, LIMIT = 5 };

struct worker {
	struct parley *engine;
	_Atomic uint32_t *too_many;
	_Atomic uint32_t *refused;
	_Atomic uint32_t *finished;
	uint32_t number;
};

static void run_threads(struct parley *engine, void *(*work)(void *),
			uint32_t *too_many, uint32_t *refused)
{
	_Atomic uint32_t counters[3] = {0, 0, 0};
	struct worker workers[THREADS];
	pthread_t threads[THREADS];

	for (uint32_t i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){engine, &counters[0], &counters[1],
					     &counters[2], i};
		assert_int_equal(
			pthread_create(&threads[i], NULL, work, &workers[i]),
			0);
	}
	for (uint32_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	*too_many = counters[0];
	*refused = counters[1];
}

/* cmocka's assertions jump, which a thread must not. */
static void need(bool condition)
{
	if (!condition)
		abort();
}

/* Calls that come and go, half of them with the place reserved before. */
static void *limit_work(void *param)
{
	struct worker *worker = param;
	struct parley *engine = worker->engine;
	struct parley_str value = {"alice", 5};

	for (uint32_t i = 0; i < ROUNDS; i++) {
		struct parley_create_facts facts = {0};
		struct parley_actions actions;
		uint32_t size;
		int rc = 0;

		if (i % 2 == 0)
			rc = parley_profile_reserve(engine, CALLER, value,
						    LIMIT, true,
						    &facts.members);
		if (rc == 0) {
			need(calls_invite_with(engine, worker->number, &facts,
					       &actions) == 0);
			if (i % 2 == 1)
				rc = parley_profile_join(engine, actions.id,
							 CALLER, value, LIMIT,
							 true);
		}
		need(rc == 0 || rc == PARLEY_E_FULL);
		atomic_fetch_add(worker->refused, rc == PARLEY_E_FULL);
		need(parley_profile_size(engine, CALLER, value, &size) == 0);
		if (size > LIMIT)
			atomic_fetch_add(worker->too_many, 1);
		sched_yield();
		if (rc == 0 || i % 2 == 1)
			need(calls_feed(engine, actions.id,
					PARLEY_EV_REPLY_FAIL, &actions) == 0);
	}
	return NULL;
}

static void test_limit_of_threads(void **state)
{
	struct test_host host;
	struct parley *engine = calls_start(&host);
	uint32_t too_many, refused;
	struct parley_stats stats;

	(void)state;
	run_threads(engine, limit_work, &too_many, &refused);
	assert_int_equal(too_many, 0);
	parley_get_stats(engine, &stats);
	assert_int_equal(stats.limit_refused, refused);
	assert_int_equal(total(engine, CALLER), 0);
	calls_stop(&host, engine);
}

/* All threads join the same calls at once. */
static void *once_work(void *param)
{
	struct worker *worker = param;

	for (uint32_t n = 0; n < ROUNDS; n++) {
		struct parley_id id = {0, 0};
		char callid[32];

		snprintf(callid, sizeof(callid), "call-%u", n);
		need(parley_find_callid(worker->engine, test_str(callid), &id,
					1) == 1);
		need(parley_profile_join(worker->engine, id, PLAIN, any, 0,
					 true) == 0);
	}
	return NULL;
}

static void test_once_of_threads(void **state)
{
	struct test_host host;
	struct parley *engine = calls_start(&host);
	uint32_t too_many, refused;

	(void)state;
	for (uint32_t n = 0; n < ROUNDS; n++)
		calls_invite(engine, n);
	run_threads(engine, once_work, &too_many, &refused);
	assert_int_equal(total(engine, PLAIN), ROUNDS);
	calls_stop(&host, engine);
}

/* Calls 0 to THREADS - 1 stay in "stay"; the rest is noise. */
static void storm_change(struct worker *worker, uint64_t *random)
{
	static const char *const values[] = {"a", "b", "c", "stay"};
	struct parley_str value = test_str(values[test_below(random, 4)]);
	uint32_t n = THREADS + test_below(random, 2 * THREADS);
	struct parley *engine = worker->engine;
	struct parley_actions actions;
	struct parley_id id = {0, 0};
	char callid[32];
	int rc = 0;

	snprintf(callid, sizeof(callid), "call-%u", n);
	if (parley_find_callid(engine, test_str(callid), &id, 1) == 0) {
		need(calls_invite_with(engine, n, NULL, &actions) == 0);
		return;
	}
	switch (test_below(random, 8)) {
	case 0:
		rc = calls_feed(engine, id, PARLEY_EV_REPLY_FAIL, &actions);
		break;
	case 1:
	case 2:
	case 3:
		rc = parley_profile_leave(engine, id, CALLER, value);
		break;
	default:
		rc = parley_profile_join(engine, id, CALLER, value, 0,
					 test_below(random, 2) == 0);
	}
	need(rc == 0 || rc == PARLEY_E_ABSENT || rc == PARLEY_E_NO_DIALOG);
}

static void storm_walk(struct worker *worker, struct parley_str value)
{
	struct parley_profile_walk *walk;
	struct parley_id ids[3];
	struct parley_id id = {0, 0};
	uint32_t got, told = 0;
	char callid[32];

	snprintf(callid, sizeof(callid), "call-%u", worker->number);
	need(parley_find_callid(worker->engine, test_str(callid), &id, 1) == 1);
	need(parley_profile_walk_begin(worker->engine, CALLER, value, &walk) ==
	     0);
	while ((got = parley_profile_walk_next(walk, ids, 3)) > 0)
		for (uint32_t i = 0; i < got; i++)
			told += ids[i].id == id.id && ids[i].entry == id.entry;
	parley_profile_walk_end(walk);
	need(told == 1);
}

static void *storm_work(void *param)
{
	struct worker *worker = param;
	uint64_t random = worker->number;

	for (uint32_t i = 0; i < ROUNDS; i++) {
		for (uint32_t j = 0; j < 4; j++)
			storm_change(worker, &random);
		storm_walk(worker, i % 2 == 0 ? any : test_str("stay"));
	}
	return NULL;
}

static void test_storm_of_threads(void **state)
{
	struct test_host host;
	struct parley *engine = calls_start(&host);
	uint32_t too_many, refused;
	struct parley_id id = {0, 0};

	(void)state;
	for (uint32_t n = 0; n < THREADS; n++)
		assert_int_equal(
			parley_profile_join(engine, calls_invite(engine, n),
					    CALLER, test_str("stay"), 0, false),
			0);
	run_threads(engine, storm_work, &too_many, &refused);
	assert_no_fault(parley_check(engine));
	while (parley_next(engine, &id))
		calls_step(engine, id, PARLEY_EV_REPLY_FAIL);
	assert_int_equal(total(engine, CALLER), 0);
	calls_stop(&host, engine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limit_of_threads),
		cmocka_unit_test(test_once_of_threads),
		cmocka_unit_test(test_storm_of_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
