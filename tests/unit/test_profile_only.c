/* objects: all */
/* The only membership of a call in a profile, and how large the table of them
 * is at the start. */
#include "calls.h"
#include "engine.h"

static const struct parley_str any = {NULL, 0};

static uint32_t size_of(struct parley *engine, int profile, const char *value)
{
	uint32_t size = UINT32_MAX;

	assert_int_equal(parley_profile_size(engine, profile,
					     value ? test_str(value) : any,
					     &size),
			 0);
	return size;
}

static int join(struct parley *engine, struct parley_id id, const char *value)
{
	return parley_profile_join(engine, id, CALLER, test_str(value), 0,
				   false);
}

static void test_only(void **state)
{
	struct test_host host;
	struct parley *engine = calls_start(&host);
	struct parley_id id = calls_invite(engine, 1);
	struct parley_id other = calls_invite(engine, 2);
	const struct parley_id nobody = {id.entry, id.id ^ 1};
	struct parley_member *list = NULL;

	(void)state;
	assert_int_equal(join(engine, id, "a"), 0);
	assert_int_equal(join(engine, id, "a"), 0);
	assert_int_equal(join(engine, id, "b"), 0);
	assert_int_equal(join(engine, other, "a"), 0);
	assert_int_equal(parley_profile_join(engine, id, PLAIN, any, 0, false),
			 0);
	assert_int_equal(
		parley_profile_join_only(engine, id, CALLER, test_str("c")), 0);
	/* Others and other profiles are as they were. */
	assert_int_equal(size_of(engine, CALLER, NULL), 2);
	assert_int_equal(size_of(engine, CALLER, "a"), 1);
	assert_int_equal(size_of(engine, CALLER, "c"), 1);
	assert_int_equal(size_of(engine, PLAIN, NULL), 1);
	/* Its own value, and a profile without values. */
	assert_int_equal(
		parley_profile_join_only(engine, id, CALLER, test_str("c")), 0);
	assert_int_equal(size_of(engine, CALLER, "c"), 1);
	assert_int_equal(parley_profile_join(engine, id, PLAIN, any, 0, false),
			 0);
	assert_int_equal(parley_profile_join_only(engine, id, PLAIN, any), 0);
	assert_int_equal(size_of(engine, PLAIN, NULL), 1);
	/* An error leaves all as it is. */
	assert_int_equal(
		parley_profile_join_only(engine, nobody, CALLER, test_str("d")),
		PARLEY_E_NO_DIALOG);
	assert_int_equal(parley_profile_join_only(engine, id, CALLER, any),
			 PARLEY_E_NO_VALUE);
	assert_int_equal(size_of(engine, CALLER, NULL), 2);
	/* Before there is a dialog. */
	assert_int_equal(
		parley_profile_reserve(engine, PLAIN, any, 0, false, &list), 0);
	assert_int_equal(parley_profile_reserve(engine, CALLER, test_str("x"),
						0, false, &list),
			 0);
	assert_int_equal(parley_profile_reserve(engine, CALLER, test_str("y"),
						0, false, &list),
			 0);
	assert_int_equal(parley_profile_reserve_only(engine, CALLER,
						     test_str("z"), &list),
			 0);
	assert_int_equal(size_of(engine, CALLER, NULL), 3);
	assert_int_equal(size_of(engine, CALLER, "z"), 1);
	assert_int_equal(size_of(engine, PLAIN, NULL), 2);
	assert_int_equal(
		parley_profile_reserve_only(engine, CALLER, any, &list),
		PARLEY_E_NO_VALUE);
	assert_true(
		parley_profile_reserved(engine, CALLER, test_str("z"), list));
	parley_profile_release(engine, &list);
	assert_no_fault(parley_check(engine));
	calls_stop(&host, engine);
}

/* 2^n entries at the start, and 128 if that is more. */
static void test_start_size(void **state)
{
	size_t bytes[PARLEY_PROFILE_BITS_MAX + 1];
	struct parley_config config;

	(void)state;
	parley_config_default(&config);
	config.profile_bits = PARLEY_PROFILE_BITS_MAX + 1;
	assert_non_null(parley_config_fault(&config));
	for (uint32_t bits = 0; bits <= PARLEY_PROFILE_BITS_MAX; bits++) {
		struct test_host host;
		struct parley *engine;

		config.profile_bits = bits;
		test_host_init(&host, parley_locks(&config), test_seed(1));
		assert_int_equal(parley_create(&host.host, &config, &engine),
				 0);
		bytes[bits] = engine->mem.used_bytes;
		assert_int_equal(bytes[bits] - bytes[0],
				 bits <= 7 ? 0 : ((size_t)8 << bits) - 8 * 128);
		parley_destroy(engine);
		test_host_fini(&host);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only),
		cmocka_unit_test(test_start_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
