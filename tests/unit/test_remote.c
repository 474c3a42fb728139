/* objects: all */
#include "calls.h"
#include "engine.h"

static const struct parley_str any = {NULL, 0};

static struct parley_now at(uint64_t seconds)
{
	struct parley_now now = calls_now();

	now.ms += seconds * 1000;
	now.unix_s += (uint32_t)seconds;
	return now;
}

/* @seconds from the start; 0: without end. */
static struct parley_remote place(const char *value, const char *uid,
				  uint32_t seconds)
{
	return (struct parley_remote){
		.profile = CALLER,
		.value = test_str(value),
		.uid = test_str(uid),
		.expires_s = seconds > 0 ? calls_now().unix_s + seconds : 0,
	};
}

static int add(struct parley *engine, const char *value, const char *uid,
	       uint32_t seconds)
{
	struct parley_remote remote = place(value, uid, seconds);

	return parley_remote_add(engine, at(0), &remote);
}

static int drop(struct parley *engine, const char *value, const char *uid)
{
	struct parley_remote remote = place(value, uid, 0);

	return parley_remote_remove(engine, &remote);
}

static uint32_t size_of(struct parley *engine, const char *value)
{
	uint32_t size = UINT32_MAX;

	assert_int_equal(parley_profile_size(engine, CALLER,
					     value ? test_str(value) : any,
					     &size),
			 0);
	return size;
}

static uint64_t remote_members(struct parley *engine)
{
	struct parley_stats stats;

	parley_get_stats(engine, &stats);
	return stats.remote_members;
}

/* Pulls all that is due and counts it; none of it may belong to a dialog. */
static uint32_t expire(struct parley *engine, struct parley_now now)
{
	struct parley_actions actions;
	uint32_t count = 0;

	while (parley_expire(engine, now, &actions)) {
		assert_int_equal(actions.id.id, 0);
		assert_int_equal(actions.count, 0);
		assert_int_equal(actions.note.types, 0);
		assert_no_fault(parley_check(engine));
		count++;
	}
	return count;
}

static void test_add_and_remove(void **state)
{
	struct test_host host;
	struct parley *engine = calls_start(&host);
	struct parley_id id = calls_invite(engine, 1);

	(void)state;
	assert_int_equal(parley_profile_join(engine, id, CALLER,
					     test_str("alice"), 0, false),
			 0);
	assert_int_equal(add(engine, "alice", "one", 10), 0);
	assert_int_equal(add(engine, "alice", "two", 10), 0);
	assert_int_equal(add(engine, "bob", "one", 10), 0);
	assert_no_fault(parley_check(engine));
	assert_int_equal(size_of(engine, "alice"), 3);
	assert_int_equal(size_of(engine, "bob"), 1);
	assert_int_equal(size_of(engine, NULL), 4);
	assert_int_equal(remote_members(engine), 3);

	assert_int_equal(drop(engine, "bob", "two"), PARLEY_E_ABSENT);
	assert_int_equal(drop(engine, "carol", "one"), PARLEY_E_ABSENT);
	assert_int_equal(drop(engine, "alice", "one"), 0);
	assert_int_equal(drop(engine, "alice", "one"), PARLEY_E_ABSENT);
	assert_int_equal(size_of(engine, "alice"), 2);
	assert_int_equal(drop(engine, "bob", "one"), 0);
	assert_int_equal(size_of(engine, "bob"), 0);
	assert_no_fault(parley_check(engine));
	/* What is left goes with the engine. */
	calls_stop(&host, engine);
}

/* One place, however often the other server tells of it. */
static void test_same_uid_again(void **state)
{
	struct test_host host;
	struct parley *engine = calls_start(&host);

	(void)state;
	assert_int_equal(add(engine, "alice", "one", 10), 0);
	assert_int_equal(add(engine, "alice", "one", 20), 0);
	assert_int_equal(size_of(engine, "alice"), 1);
	assert_int_equal(expire(engine, at(15)), 0);
	assert_int_equal(size_of(engine, "alice"), 1);
	assert_int_equal(expire(engine, at(21)), 1);
	assert_int_equal(size_of(engine, "alice"), 0);
	assert_int_equal(drop(engine, "alice", "one"), PARLEY_E_ABSENT);

	/* With an end, without, and with one again. */
	assert_int_equal(add(engine, "alice", "one", 30), 0);
	assert_int_equal(add(engine, "alice", "one", 0), 0);
	assert_int_equal(expire(engine, at(1000)), 0);
	assert_int_equal(add(engine, "alice", "one", 1100), 0);
	assert_int_equal(size_of(engine, "alice"), 1);
	assert_int_equal(expire(engine, at(1101)), 1);
	assert_int_equal(remote_members(engine), 0);
	calls_stop(&host, engine);
}

static void test_time(void **state)
{
	struct test_host host;
	struct parley *engine = calls_start(&host);
	struct parley_remote past = place("alice", "one", 10);
	struct parley_now jumped = at(5);

	(void)state;
	/* Not before its time, and at once then. */
	assert_int_equal(add(engine, "alice", "one", 10), 0);
	assert_int_equal(expire(engine, at(9)), 0);
	assert_int_equal(size_of(engine, "alice"), 1);
	jumped.ms = at(10).ms + WHEEL_TICK_MS;
	jumped.unix_s -= 100000; /* the wall clock may be set */
	assert_int_equal(expire(engine, jumped), 1);
	assert_int_equal(size_of(engine, "alice"), 0);

	/* What is over is not taken in, and takes out what is there. */
	assert_int_equal(parley_remote_add(engine, at(10), &past), 0);
	assert_int_equal(size_of(engine, "alice"), 0);
	assert_int_equal(add(engine, "alice", "one", 0), 0);
	assert_int_equal(parley_remote_add(engine, at(11), &past), 0);
	assert_int_equal(size_of(engine, "alice"), 0);
	past.expires_s = 1;
	assert_int_equal(parley_remote_add(engine, at(11), &past), 0);
	assert_int_equal(size_of(engine, "alice"), 0);

	/* The farthest end there is. */
	past.expires_s = UINT32_MAX;
	assert_int_equal(parley_remote_add(engine, at(11), &past), 0);
	assert_int_equal(expire(engine, at(UINT32_C(2500000000))), 0);
	assert_int_equal(size_of(engine, "alice"), 1);
	assert_int_equal(expire(engine, at(UINT32_C(2600000000))), 1);
	calls_stop(&host, engine);
}

static void test_arguments(void **state)
{
	struct test_host host;
	struct parley *engine = calls_start(&host);
	struct parley_remote remote = place("alice", "one", 0);
	static char big[PARLEY_VALUE_MAX + 1];

	(void)state;
	memset(big, 'x', sizeof(big));
	remote.profile = CALLS_PROFILES;
	assert_int_equal(parley_remote_add(engine, at(0), &remote),
			 PARLEY_E_NO_PROFILE);
	remote.profile = -1;
	assert_int_equal(parley_remote_remove(engine, &remote),
			 PARLEY_E_NO_PROFILE);
	remote = place("alice", "", 0);
	assert_int_equal(parley_remote_add(engine, at(0), &remote),
			 PARLEY_E_ARGUMENT);
	remote.uid = any;
	assert_int_equal(parley_remote_remove(engine, &remote),
			 PARLEY_E_ARGUMENT);
	remote.uid = (struct parley_str){big, sizeof(big)};
	assert_int_equal(parley_remote_add(engine, at(0), &remote),
			 PARLEY_E_ARGUMENT);
	remote.uid.len--;
	remote.value = remote.uid;
	assert_int_equal(parley_remote_add(engine, at(0), &remote), 0);
	remote.value.len++;
	assert_int_equal(parley_remote_add(engine, at(0), &remote),
			 PARLEY_E_ARGUMENT);
	remote.value = any;
	assert_int_equal(parley_remote_add(engine, at(0), &remote),
			 PARLEY_E_NO_VALUE);
	assert_int_equal(parley_remote_remove(engine, &remote),
			 PARLEY_E_NO_VALUE);
	/* A profile without values does not look at one. */
	remote = place("alice", "one", 0);
	remote.profile = PLAIN;
	assert_int_equal(parley_remote_add(engine, at(0), &remote), 0);
	remote.value = any;
	assert_int_equal(parley_remote_add(engine, at(0), &remote), 0);
	assert_int_equal(parley_remote_remove(engine, &remote), 0);
	assert_int_equal(remote_members(engine), 1);
	calls_stop(&host, engine);
}

/* They count for a limit, and no walk tells them. */
static void test_with_dialogs(void **state)
{
	struct test_host host;
	struct parley *engine = calls_start(&host);
	struct parley_id id = calls_invite(engine, 1);
	struct parley_profile_walk *walk;
	struct parley_id ids[8];

	(void)state;
	assert_int_equal(add(engine, "alice", "one", 10), 0);
	assert_int_equal(add(engine, "alice", "two", 10), 0);
	assert_int_equal(parley_profile_join(engine, id, CALLER,
					     test_str("alice"), 2, true),
			 PARLEY_E_FULL);
	assert_int_equal(drop(engine, "alice", "two"), 0);
	assert_int_equal(parley_profile_join(engine, id, CALLER,
					     test_str("alice"), 2, true),
			 0);
	assert_int_equal(parley_profile_walk_begin(engine, CALLER, any, &walk),
			 0);
	assert_int_equal(parley_profile_walk_next(walk, ids, 8), 1);
	assert_int_equal(ids[0].id, id.id);
	/* The value goes on with the walk in it and none of its calls. */
	calls_step(engine, id, PARLEY_EV_REPLY_FAIL);
	assert_int_equal(size_of(engine, "alice"), 1);
	assert_int_equal(expire(engine, at(11)), 1);
	assert_int_equal(parley_profile_walk_next(walk, ids, 8), 0);
	parley_profile_walk_end(walk);
	assert_int_equal(size_of(engine, NULL), 0);
	calls_stop(&host, engine);
}

/* All of them are found and pulled, whatever the order of their ends. */
static void many(struct parley *engine, uint64_t *seed, uint32_t start)
{
	enum { MANY = 3000 };
	char value[16], uid[16];
	uint32_t told = 0;

	for (uint32_t i = 0; i < MANY; i++) {
		snprintf(value, sizeof(value), "%u", i % 50);
		snprintf(uid, sizeof(uid), "u%u", i);
		assert_int_equal(add(engine, value, uid,
				     start + 1 + test_below(seed, 5000)),
				 0);
	}
	assert_no_fault(parley_check(engine));
	for (uint32_t i = 0; i < MANY; i += 2) {
		snprintf(value, sizeof(value), "%u", i % 50);
		snprintf(uid, sizeof(uid), "u%u", i);
		assert_int_equal(drop(engine, value, uid), 0);
	}
	for (uint32_t now = 500; now <= 5500; now += 500) {
		struct parley_actions actions;

		while (parley_expire(engine, at(start + now), &actions))
			told++;
		assert_no_fault(parley_check(engine));
	}
	assert_int_equal(told, MANY / 2);
	assert_int_equal(size_of(engine, NULL), 0);
	assert_int_equal(remote_members(engine), 0);
}

static void test_many(void **state)
{
	struct test_host host;
	struct parley *engine = calls_start(&host);
	uint64_t seed = test_seed(7), before;

	(void)state;
	many(engine, &seed, 0);
	before = host.live_bytes;
	many(engine, &seed, 6000);
	assert_true(host.live_bytes <= before);
	calls_stop(&host, engine);
}

static void test_lifetime_of_a_profile(void **state)
{
	struct test_host host;
	struct parley *engine = calls_start(&host);
	struct parley_id up = calls_up(engine, 1);
	struct parley_id rings = calls_invite(engine, 2);
	struct parley_id out = calls_up(engine, 3);
	struct parley_profile_view which = {CALLER, test_str("alice")};
	static char buffer[4096];
	struct parley_view view;
	uint32_t count = 99;

	(void)state;
	assert_int_equal(parley_profile_join(engine, up, CALLER,
					     test_str("alice"), 0, false),
			 0);
	assert_int_equal(parley_profile_join(engine, rings, CALLER,
					     test_str("alice"), 0, false),
			 0);
	assert_int_equal(parley_profile_join(engine, out, CALLER,
					     test_str("bob"), 0, false),
			 0);
	assert_int_equal(add(engine, "alice", "one", 10), 0);
	assert_int_equal(
		parley_profile_set_lifetime(engine, at(0), &which, 77, &count),
		0);
	assert_int_equal(count, 2);
	assert_int_equal(parley_read(engine, at(0), up, &view, buffer,
				     sizeof(buffer), NULL),
			 0);
	assert_int_equal(view.lifetime_s, 77);
	assert_int_equal(view.left_s, 77);
	assert_int_equal(parley_read(engine, at(0), rings, &view, buffer,
				     sizeof(buffer), NULL),
			 0);
	assert_int_equal(view.lifetime_s, 77);
	assert_false(view.timer_armed);
	assert_int_equal(parley_read(engine, at(0), out, &view, buffer,
				     sizeof(buffer), NULL),
			 0);
	assert_int_not_equal(view.lifetime_s, 77);

	which.value = any;
	assert_int_equal(
		parley_profile_set_lifetime(engine, at(0), &which, 78, &count),
		0);
	assert_int_equal(count, 3);
	which.value = test_str("nobody");
	assert_int_equal(
		parley_profile_set_lifetime(engine, at(0), &which, 79, &count),
		0);
	assert_int_equal(count, 0);
	assert_int_equal(
		parley_profile_set_lifetime(engine, at(0), &which, 0, &count),
		PARLEY_E_ARGUMENT);
	which.profile = CALLS_PROFILES;
	assert_int_equal(
		parley_profile_set_lifetime(engine, at(0), &which, 1, &count),
		PARLEY_E_NO_PROFILE);
	calls_stop(&host, engine);
}

static bool rung(struct test_host *host)
{
	struct parley_config config = calls_config();
	struct parley *engine;
	char value[16], uid[16];
	uint32_t in = 0;

	config.piece_bytes = 0;
	engine = calls_engine(host, &config);
	if (engine == NULL)
		return false;
	for (uint32_t i = 0; i < 12; i++) {
		int rc;

		snprintf(value, sizeof(value), "%u", i % 4);
		snprintf(uid, sizeof(uid), "u%u", i);
		rc = add(engine, value, uid, i + 1);
		assert_true(rc == 0 || rc == PARLEY_E_MEMORY);
		in += rc == 0;
		assert_no_fault(parley_check(engine));
	}
	assert_int_equal(size_of(engine, NULL), in);
	assert_int_equal(expire(engine, at(20)), in);
	assert_int_equal(size_of(engine, NULL), 0);
	parley_destroy(engine);
	return in == 12;
}

static void test_ladder(void **state)
{
	(void)state;
	assert_true(ladder(rung, CALLS_LOCKS, CALLS_LOCKS - 1) > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_add_and_remove),
		cmocka_unit_test(test_same_uid_again),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_with_dialogs),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_lifetime_of_a_profile),
		cmocka_unit_test(test_ladder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
