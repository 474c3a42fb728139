/* objects: all */
#include "calls.h"
#include "engine.h"

static char text[PARLEY_STR_MAX + 1];

static struct parley_str long_text(uint32_t len, char c)
{
	memset(text, c, sizeof(text));
	return (struct parley_str){text, len};
}

static void assert_var(struct parley *engine, struct parley_id id,
		       const char *key, const char *value)
{
	char buffer[64];
	uint32_t len = UINT32_MAX;

	assert_int_equal(parley_var_get(engine, id, test_str(key), buffer,
					sizeof(buffer), &len),
			 0);
	assert_int_equal(len, strlen(value));
	assert_memory_equal(buffer, value, len);
}

static void set(struct parley *engine, struct parley_id id, const char *key,
		const char *value)
{
	assert_int_equal(
		parley_var_set(engine, id, test_str(key), test_str(value)), 0);
}

static void test_set_get_delete(void **state)
{
	const struct parley_str nothing = {NULL, 0};
	const struct parley_id nobody = {1, 1};
	struct test_host host;
	struct parley *engine = calls_start(&host);
	struct parley_id id = calls_invite(engine, 1);
	uint32_t len = 77;
	char c;

	(void)state;
	assert_int_equal(parley_var_get(engine, id, test_str("a"), &c, 1, &len),
			 PARLEY_E_ABSENT);
	assert_int_equal(len, 77);
	set(engine, id, "a", "1");
	set(engine, id, "b", "2");
	set(engine, id, "ab", "3");
	assert_var(engine, id, "a", "1");
	assert_var(engine, id, "b", "2");
	assert_var(engine, id, "ab", "3");
	set(engine, id, "b", "");
	assert_var(engine, id, "b", "");

	assert_int_equal(parley_var_set(engine, id, test_str("a"), nothing), 0);
	assert_int_equal(parley_var_set(engine, id, test_str("a"), nothing),
			 PARLEY_E_ABSENT);
	assert_int_equal(parley_var_get(engine, id, test_str("a"), &c, 1, &len),
			 PARLEY_E_ABSENT);
	assert_var(engine, id, "ab", "3");

	assert_int_equal(parley_var_set(engine, nobody, test_str("a"), nothing),
			 PARLEY_E_NO_DIALOG);
	assert_int_equal(
		parley_var_get(engine, nobody, test_str("a"), &c, 1, &len),
		PARLEY_E_NO_DIALOG);
	calls_stop(&host, engine);
}

static void test_replace(void **state)
{
	struct test_host host;
	struct parley *engine = calls_start(&host);
	struct parley_id id = calls_invite(engine, 1);

	const struct parley_str nothing = {NULL, 0};
	uint64_t used;

	(void)state;
	set(engine, id, "x", "first");
	set(engine, id, "y", "last");
	used = engine->mem.used_bytes;
	set(engine, id, "k", "1");
	for (uint32_t len = 0; len < 200; len++) {
		char value[201];
		char got[201];
		uint32_t got_len;

		memset(value, 'a' + (int)(len % 26), len);
		value[len] = '\0';
		set(engine, id, "k", value);
		assert_int_equal(parley_var_get(engine, id, test_str("k"), got,
						sizeof(got), &got_len),
				 0);
		assert_int_equal(got_len, len);
		assert_memory_equal(got, value, len);
		assert_no_fault(parley_check(engine));
	}
	set(engine, id, "k", "short again");
	assert_var(engine, id, "k", "short again");
	assert_var(engine, id, "x", "first");
	assert_var(engine, id, "y", "last");
	assert_int_equal(parley_var_set(engine, id, test_str("k"), nothing), 0);
	assert_int_equal(engine->mem.used_bytes, used);
	calls_stop(&host, engine);
}

static void test_limits(void **state)
{
	struct test_host host;
	struct parley *engine = calls_start(&host);
	struct parley_id id = calls_invite(engine, 1);
	struct parley_str empty = {"", 0};
	uint32_t len;
	char c = '?';

	(void)state;
	assert_int_equal(parley_var_set(engine, id, empty, test_str("v")),
			 PARLEY_E_ARGUMENT);
	assert_int_equal(parley_var_set(engine, id,
					long_text(PARLEY_VALUE_MAX + 1, 'k'),
					test_str("v")),
			 PARLEY_E_ARGUMENT);
	assert_int_equal(parley_var_set(engine, id, test_str("k"),
					long_text(PARLEY_STR_MAX + 1, 'v')),
			 PARLEY_E_ARGUMENT);
	assert_int_equal(parley_var_set(engine, id, test_str("k"),
					(struct parley_str){NULL, 3}),
			 PARLEY_E_ARGUMENT);
	assert_int_equal(parley_var_set(engine, id,
					long_text(PARLEY_VALUE_MAX, 'k'),
					test_str("v")),
			 0);
	assert_int_equal(parley_var_set(engine, id, test_str("k"),
					long_text(PARLEY_STR_MAX, 'v')),
			 0);
	assert_int_equal(parley_var_get(engine, id, test_str("k"), &c, 1, &len),
			 PARLEY_E_SPACE);
	assert_int_equal(len, PARLEY_STR_MAX);
	assert_int_equal(c, '?');
	assert_int_equal(parley_var_get(engine, id, test_str("k"), text,
					PARLEY_STR_MAX - 1, &len),
			 PARLEY_E_SPACE);
	assert_int_equal(parley_var_get(engine, id, test_str("k"), text,
					PARLEY_STR_MAX, &len),
			 0);
	assert_int_equal(text[PARLEY_STR_MAX - 1], 'v');
	/* A large variable must not be left behind by either end. */
	calls_step(engine, id, PARLEY_EV_REPLY_FAIL);
	assert_int_equal(parley_count(engine, PARLEY_STATE_DELETED), 0);
	id = calls_invite(engine, 2);
	assert_int_equal(parley_var_set(engine, id, test_str("k"),
					long_text(PARLEY_STR_MAX, 'v')),
			 0);
	calls_stop(&host, engine);
}

/* The variables that the script has set before the dialog exists. */
static void test_before_the_dialog(void **state)
{
	struct test_host host;
	struct parley *engine = calls_start(&host);
	const struct parley_pair vars[] = {
		{{"a", 1}, {"one", 3}},
		{{"b", 1}, {"two", 3}},
		{{"a", 1}, {"three", 5}},
	};
	struct parley_create_facts facts = {.vars = vars, .var_count = 3};
	struct parley_actions actions;

	(void)state;
	assert_int_equal(calls_invite_with(engine, 1, &facts, &actions), 0);
	assert_var(engine, actions.id, "a", "three");
	assert_var(engine, actions.id, "b", "two");
	calls_stop(&host, engine);
}

/* Key and value of 8 bytes each cost at most 96 bytes. */
static void test_cost(void **state)
{
	enum { CALLS = 500, VARS = 8 };
	struct test_host host;
	struct parley *engine = calls_start(&host);
	struct parley_id ids[CALLS];
	uint64_t before;

	(void)state;
	for (uint32_t i = 0; i < CALLS; i++)
		ids[i] = calls_invite(engine, i);
	before = host.live_bytes;
	for (uint32_t i = 0; i < CALLS * VARS; i++) {
		char key[9];

		snprintf(key, sizeof(key), "key%05u", i % VARS);
		set(engine, ids[i / VARS], key, "12345678");
	}
	assert_true(host.live_bytes - before <= 96 * CALLS * VARS);
	for (uint32_t i = 0; i < CALLS; i++)
		calls_step(engine, ids[i], PARLEY_EV_REPLY_FAIL);
	assert_true(host.live_bytes <= before);
	calls_stop(&host, engine);
}

static bool rung(struct test_host *host)
{
	struct parley_config config = calls_config();
	struct parley *engine;
	struct parley_id id;
	bool all = true;

	config.piece_bytes = 0;
	engine = calls_engine(host, &config);
	if (engine == NULL)
		return false;
	id = calls_invite(engine, 1);
	for (uint32_t i = 0; id.id != 0 && i < 8; i++) {
		/* The second half replaces what the first half has set. */
		uint32_t size = i < 4 ? 1000 + 2000 * i : 9000;
		char key[2] = {(char)('a' + i % 4), '\0'};
		uint32_t len = 0, old = 0;
		int rc;

		rc = parley_var_get(engine, id, test_str(key), text, 0, &old);
		assert_true(rc == PARLEY_E_SPACE || rc == PARLEY_E_ABSENT);
		rc = parley_var_set(engine, id, test_str(key),
				    long_text(size, 'x'));
		assert_true(rc == 0 || rc == PARLEY_E_MEMORY);
		all = all && rc == 0;
		/* All or nothing. */
		if (rc == 0)
			old = size;
		rc = parley_var_get(engine, id, test_str(key), text, 0, &len);
		assert_int_equal(rc,
				 old > 0 ? PARLEY_E_SPACE : PARLEY_E_ABSENT);
		assert_int_equal(len, old);
	}
	assert_no_fault(parley_check(engine));
	if (id.id != 0)
		calls_step(engine, id, PARLEY_EV_REPLY_FAIL);
	parley_destroy(engine);
	return all && id.id != 0;
}

static void test_ladder(void **state)
{
	(void)state;
	assert_true(ladder(rung, CALLS_LOCKS, CALLS_LOCKS - 1) > 4);
}

/* The newest one first; a new value keeps its place. */
static void test_order(void **state)
{
	static const char *const order[] = {"c", "b", "a"};
	struct test_host host;
	struct parley *engine = calls_start(&host);
	struct parley_id id = calls_invite(engine, 1);
	struct parley_view view;
	static char buffer[4096];

	(void)state;
	for (uint32_t i = 3; i > 0; i--)
		assert_int_equal(parley_var_set(engine, id,
						test_str(order[i - 1]),
						test_str("1")),
				 0);
	assert_int_equal(parley_var_set(engine, id, test_str("b"),
					test_str("a longer value than before")),
			 0);
	assert_int_equal(parley_read(engine, calls_now(), id, &view, buffer,
				     sizeof(buffer), NULL),
			 0);
	assert_int_equal(view.var_count, 3);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(view.vars[i].key.s[0], order[i][0]);
	calls_stop(&host, engine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_set_get_delete),
		cmocka_unit_test(test_replace),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_before_the_dialog),
		cmocka_unit_test(test_cost),
		cmocka_unit_test(test_ladder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
