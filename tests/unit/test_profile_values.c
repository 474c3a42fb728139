/* objects: all */
#include "calls.h"
#include "engine.h"

static int join(struct parley *engine, struct parley_id id, int profile,
		const char *value)
{
	return parley_profile_join(engine, id, profile, test_str(value), 0,
				   false);
}

/* Fails unless the next value is @value with @count. */
static void expect_next(struct parley *engine,
			struct parley_profile_values *values, const char *value,
			uint32_t count)
{
	assert_int_equal(parley_profile_values_next(engine, values), 1);
	assert_int_equal(values->len, strlen(value));
	assert_memory_equal(values->text, value, values->len);
	assert_int_equal(values->count, count);
}

static void test_one_profile(void **state)
{
	struct test_host host;
	struct parley *engine = calls_start(&host);
	struct parley_id one = calls_invite(engine, 1),
			 two = calls_invite(engine, 2);
	struct parley_profile_values none = {.profile = CALLER},
				     own = {.profile = OWN},
				     plain = {.profile = PLAIN},
				     beyond = {.profile = CALLS_PROFILES},
				     below = {.profile = -1};

	(void)state;
	assert_int_equal(parley_profile_values_next(engine, &none), 0);
	assert_int_equal(parley_profile_values_next(engine, &none), 0);
	assert_int_equal(parley_profile_values_next(engine, &beyond),
			 PARLEY_E_NO_PROFILE);
	assert_int_equal(parley_profile_values_next(engine, &below),
			 PARLEY_E_NO_PROFILE);
	assert_int_equal(join(engine, one, OWN, ""), 0);
	assert_int_equal(join(engine, two, OWN, ""), 0);
	assert_int_equal(join(engine, two, OWN, ""), 0);
	assert_int_equal(join(engine, one, PLAIN, "ignored"), 0);
	expect_next(engine, &own, "", 3);
	assert_int_equal(parley_profile_values_next(engine, &own), 0);
	expect_next(engine, &plain, "", 1);
	assert_int_equal(parley_profile_values_next(engine, &plain), 0);
	calls_stop(&host, engine);
}

/* A reserved place and that of another server's call are counted, too. */
static void test_all_that_counts(void **state)
{
	struct test_host host;
	struct parley *engine = calls_start(&host);
	struct parley_profile_values values = {.profile = CALLER};
	const struct parley_remote remote = {.profile = CALLER,
					     .value = test_str("v"),
					     .uid = test_str("uid")};
	struct parley_member *list = NULL;

	(void)state;
	assert_int_equal(parley_profile_reserve(engine, CALLER, test_str("v"),
						0, false, &list),
			 0);
	assert_int_equal(parley_remote_add(engine, calls_now(), &remote), 0);
	assert_int_equal(join(engine, calls_invite(engine, 1), CALLER, "v"), 0);
	expect_next(engine, &values, "v", 3);
	assert_int_equal(parley_profile_values_next(engine, &values), 0);
	parley_profile_release(engine, &list);
	calls_stop(&host, engine);
}

static void test_longest(void **state)
{
	static char text[PARLEY_VALUE_MAX + 1];
	struct test_host host;
	struct parley *engine = calls_start(&host);
	struct parley_profile_values values = {.profile = CALLER};

	(void)state;
	memset(text, 'x', PARLEY_VALUE_MAX);
	assert_int_equal(join(engine, calls_invite(engine, 1), CALLER, text),
			 0);
	expect_next(engine, &values, text, 1);
	calls_stop(&host, engine);
}

/* Values that stay are told once each, with the right count, whatever comes and
 * goes between two steps: the table grows and shrinks meanwhile. */
static void test_many_and_change(void **state)
{
	enum { STAY = 300, MORE = 3000 };
	static struct parley_id more[MORE];
	struct parley_profile_values values = {.profile = CALLER};
	uint32_t told[STAY] = {0}, steps = 0, at = 0;
	struct test_host host;
	struct parley *engine = calls_start(&host);
	char text[32];

	(void)state;
	for (uint32_t i = 0; i < STAY; i++) {
		struct parley_id id = calls_invite(engine, i);

		snprintf(text, sizeof(text), "%u", i);
		for (uint32_t k = 0; k <= i % 3; k++)
			assert_int_equal(join(engine, id, CALLER, text), 0);
		assert_int_equal(join(engine, id, OWN, text), 0);
	}
	while (parley_profile_values_next(engine, &values) == 1) {
		unsigned int number = MORE;

		assert_true(++steps < STAY + 2 * MORE);
		memcpy(text, values.text, values.len);
		text[values.len] = '\0';
		for (uint32_t k = 0; k < 20 && at < MORE; k++, at++) {
			char other[32];

			more[at] = calls_invite(engine, STAY + at);
			snprintf(other, sizeof(other), "more%u", at);
			assert_int_equal(join(engine, more[at], CALLER, other),
					 0);
		}
		for (uint32_t k = 0; at == MORE && k < MORE; k++)
			if (more[k].id != 0 && k % 7 == steps % 7) {
				calls_step(engine, more[k],
					   PARLEY_EV_REPLY_FAIL);
				more[k].id = 0;
			}
		if (sscanf(text, "%u", &number) != 1)
			continue;
		assert_true(number < STAY);
		assert_int_equal(values.count, number % 3 + 1);
		told[number]++;
	}
	for (uint32_t i = 0; i < STAY; i++)
		assert_int_equal(told[i], 1);
	assert_no_fault(parley_check(engine));
	calls_stop(&host, engine);
}

/* Values of one hash, which no caller can make, are told one by one. */
static void test_equal_hashes(void **state)
{
	static const char *const names[] = {"one", "two", "three"};
	struct test_host host;
	struct parley *engine = calls_start(&host);
	struct parley_profile_values values = {.profile = CALLER};
	struct profile_table *table = &engine->profiles;
	struct profile_key like, from;

	(void)state;
	assert_int_equal(
		profile_key_init(engine, CALLER, test_str("one"), &like), 0);
	for (uint32_t i = 0; i < 3; i++) {
		struct profile_value *value;

		assert_int_equal(
			join(engine, calls_invite(engine, i), CALLER, names[i]),
			0);
		assert_int_equal(profile_key_init(engine, CALLER,
						  test_str(names[i]), &from),
				 0);
		value = profile_find_locked(engine, &from);
		assert_non_null(value);
		index_remove(&table->shard[profile_shard(from.hash)],
			     &value->node);
		index_add(&table->shard[profile_shard(like.hash)], &value->node,
			  like.hash);
	}
	expect_next(engine, &values, "three", 1);
	expect_next(engine, &values, "two", 1);
	expect_next(engine, &values, "one", 1);
	assert_int_equal(parley_profile_values_next(engine, &values), 0);
	calls_stop(&host, engine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_profile),
		cmocka_unit_test(test_all_that_counts),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_many_and_change),
		cmocka_unit_test(test_equal_hashes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
