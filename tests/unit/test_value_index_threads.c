/* objects: all */
/* threads */
/*
 * Some look values up while others set, delete and end. Those calls that keep
 * their value are told once by each walk that is not left in the middle, and
 * at the end the index has exactly what is there.
 */
#include <stdlib.h>

#include "calls.h"
#include "engine.h"

enum { CHANGERS = 4, WALKERS = 4, STAY = 200, ROUNDS = 1500 };

struct field {
	struct parley *engine;
	struct parley_id stay[STAY];
	_Atomic uint32_t changers; /* at work */
};

struct worker {
	struct field *field;
	uint32_t number;
};

static void set(struct parley *engine, struct parley_id id, const char *value)
{
	int rc = parley_var_set(engine, id, test_str("k"), test_str(value));

	if (rc != 0)
		abort();
}

static void *change(void *param)
{
	struct worker *worker = param;
	struct parley *engine = worker->field->engine;
	uint64_t random = worker->number;

	for (uint32_t i = 0; i < ROUNDS; i++) {
		struct parley_id id = calls_invite(
			engine, 1000 + worker->number * ROUNDS + i);

		for (uint32_t n = test_below(&random, 4); n > 0; n--)
			set(engine, id, n % 2 ? "v" : "other");
		calls_step(engine, id, PARLEY_EV_REPLY_FAIL);
	}
	atomic_fetch_sub(&worker->field->changers, 1);
	return NULL;
}

/* The number of those that stay among what a walk tells. */
static uint32_t count_stay(struct field *field, uint32_t page, bool all)
{
	struct parley_value_walk *walk;
	struct parley_id ids[16];
	uint32_t got, found = 0;

	if (parley_value_walk_begin(field->engine, test_str("k"), test_str("v"),
				    &walk) != 0)
		abort();
	do {
		got = parley_value_walk_next(walk, ids, page);
		for (uint32_t i = 0; i < got; i++)
			for (uint32_t s = 0; s < STAY; s++)
				found += field->stay[s].id == ids[i].id &&
					 field->stay[s].entry == ids[i].entry;
	} while (got > 0 && all);
	parley_value_walk_end(walk);
	return found;
}

static void *look(void *param)
{
	struct worker *worker = param;
	uint64_t random = worker->number;

	do {
		uint32_t page = test_below(&random, 16) + 1;

		if (count_stay(worker->field, page, true) != STAY)
			abort();
		(void)count_stay(worker->field, page, false);
	} while (worker->field->changers > 0);
	return NULL;
}

static void test_threads(void **state)
{
	struct test_host host;
	struct field field = {.engine = calls_start(&host),
			      .changers = CHANGERS};
	struct worker workers[CHANGERS + WALKERS];
	pthread_t threads[CHANGERS + WALKERS];

	(void)state;
	assert_int_equal(parley_index_values(field.engine), 0);
	for (uint32_t i = 0; i < STAY; i++) {
		field.stay[i] = calls_invite(field.engine, i);
		set(field.engine, field.stay[i], "v");
	}
	for (uint32_t i = 0; i < CHANGERS + WALKERS; i++) {
		workers[i] = (struct worker){&field, i};
		assert_int_equal(pthread_create(&threads[i], NULL,
						i < CHANGERS ? change : look,
						&workers[i]),
				 0);
	}
	for (uint32_t i = 0; i < CHANGERS + WALKERS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(count_stay(&field, 16, true), STAY);
	calls_stop(&host, field.engine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
