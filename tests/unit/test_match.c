/* objects: all */
#include "call.h"

/* As they stand in the request. */
struct names {
	const char *callid, *from_tag, *to_tag;
};

#define NAMES(callid, from, to)                                                \
	(struct names)                                                         \
	{                                                                      \
		callid, from, to                                               \
	}

static int match(struct call *call, struct parley_id id, struct names names,
		 struct parley_match *out)
{
	struct parley_query query = {
		.id = id,
		.callid = test_str(names.callid),
		.from_tag = test_str(names.from_tag),
		.to_tag = test_str(names.to_tag),
		.method = PARLEY_EV_BYE,
	};
	return parley_match(call->engine, &query, out);
}

static const struct parley_id none = {0, 0};

/* Call-ID and both tags, with and without the cookie. */
static void tight(void **state)
{
	struct call *call = call_of(state);
	struct parley_match m;
	call_up(call);

	for (int cookie = 0; cookie < 2; cookie++) {
		struct parley_id id = cookie ? call->id : none;
		assert_int_equal(
			match(call, id, NAMES("call-1", "alice", "bob"), &m),
			0);
		assert_int_equal(m.dir, DOWN);
		assert_int_equal(m.state, 4);
		assert_int_equal(m.next_state, 5);
		assert_int_equal(m.leg, 1);
		assert_int_equal(m.id.id, call->id.id);
		assert_int_equal(
			match(call, id, NAMES("call-1", "bob", "alice"), &m),
			0);
		assert_int_equal(m.dir, UP);
		assert_true(m.callee_is_from);
		assert_true(match(call, id, NAMES("call-1", "alice", "eve"),
				  &m) < 0);
		assert_true(match(call, id, NAMES("call-1", "eve", "bob"), &m) <
			    0);
		assert_true(match(call, id, NAMES("call-1", "eve", "alice"),
				  &m) < 0);
		assert_true(match(call, id, NAMES("call-2", "alice", "bob"),
				  &m) < 0);
		/* A prefix is another Call-ID. */
		assert_true(match(call, id, NAMES("call-", "alice", "bob"),
				  &m) < 0);
		assert_true(match(call, id, NAMES("call-11", "alice", "bob"),
				  &m) < 0);
		assert_true(match(call, id, NAMES("call-1", "alice", "bo"),
				  &m) < 0);
		assert_true(match(call, id, NAMES("call-1", "", "bob"), &m) <
			    0);
		assert_true(match(call, id, NAMES("call-1", "alice", ""), &m) <
			    0);
		assert_true(match(call, id, NAMES("", "alice", "bob"), &m) < 0);
	}
	/* Nothing was changed. */
	assert_int_equal(call_state(call), 4);
	struct parley_stats stats = call_stats(call);
	assert_true(stats.bogus_no_leg > 0 && stats.bogus_no_dialog > 0);
}

static void forged_cookies(void **state)
{
	struct call *call = call_of(state);
	struct parley_match m;
	call_up(call);
	const struct parley_id forged[] = {
		{(call->id.entry ^ 1) | 8, call->id.id},
		{call->id.entry, call->id.id ^ 1},
		{call->id.entry + 16, call->id.id},
		{UINT32_MAX, call->id.id},
		{call->id.entry, UINT32_MAX},
		{UINT32_MAX, UINT32_MAX},
	};
	for (size_t i = 0; i < sizeof(forged) / sizeof(forged[0]); i++)
		assert_int_equal(match(call, forged[i],
				       NAMES("call-1", "alice", "bob"), &m),
				 PARLEY_E_NO_DIALOG);
}

/* The cookie is older than the present hash_size: tags tell, as without. */
static void cookies_of_a_small_hash_size(void **state)
{
	struct call *call = call_of(state);
	struct parley_match m;
	int count = 0;

	call_up(call);
	for (uint32_t size = 1; size < 4; size *= 2) { /* shards */
		struct parley_id old = {call->id.entry & (size - 1),
					call->id.id};

		if (old.entry == (call->id.entry & 3))
			continue; /* it has kept its identity */
		assert_int_equal(
			match(call, old, NAMES("call-1", "alice", "bob"), &m),
			0);
		assert_int_equal(m.id.id, call->id.id);
		assert_int_not_equal(
			match(call, old, NAMES("call-1", "alice", "eve"), &m),
			0);
		old.id ^= 1; /* a forged one, however right its entry is */
		assert_int_equal(
			match(call, old, NAMES("call-1", "alice", "bob"), &m),
			PARLEY_E_NO_DIALOG);
		count++;
	}
	assert_true(count > 0);
}

static void an_early_leg_is_its_own(void **state)
{
	struct call *call = call_of(state);
	struct parley_match m;
	assert_int_equal(call_invite(call, "f", 1), 0);
	assert_int_equal(call_reply(call, "a", 180), 0);
	assert_int_equal(call_reply(call, "b", 180), 0);
	assert_int_equal(match(call, call->id, NAMES("f", "alice", "a"), &m),
			 0);
	assert_int_equal(m.leg, 1);
	assert_int_equal(m.next_state, 2); /* a BYE of an early leg */
	assert_int_equal(match(call, none, NAMES("f", "b", "alice"), &m), 0);
	assert_int_equal(m.leg, 2);
	assert_int_equal(m.start_s, 0);
	assert_int_equal(match(call, call->id, NAMES("f", "alice", "ZZZ"), &m),
			 PARLEY_E_NO_LEG);
}

static int find(struct call *call, const char *callid, const char *tag1,
		const char *tag2, struct parley_match *m)
{
	return parley_find_call(call->engine, test_str(callid), test_str(tag1),
				test_str(tag2), m);
}

static void find_call(void **state)
{
	struct call *call = call_of(state);
	struct parley_match m;
	call_up(call);
	assert_int_equal(find(call, "call-1", "alice", "", &m), 0);
	assert_int_equal(m.dir, DOWN);
	assert_int_equal(find(call, "call-1", "alice", "bob", &m), 0);
	assert_int_equal(m.dir, DOWN);
	assert_int_equal(find(call, "call-1", "bob", "alice", &m), 0);
	assert_int_equal(m.dir, UP);
	assert_true(find(call, "call-1", "bob", "", &m) < 0);
	assert_true(find(call, "call-1", "alice", "eve", &m) < 0);
	assert_true(find(call, "call-x", "alice", "bob", &m) < 0);
	assert_true(find(call, "", "alice", "bob", &m) < 0);
	assert_int_equal(call_request(call, PARLEY_EV_BYE, UP, "bob", 1), 0);
	assert_true(find(call, "call-1", "alice", "", &m) < 0);
	/* The last replies of an ended dialog still find it. */
	assert_int_equal(find(call, "call-1", "alice", "bob", &m), 0);
	assert_int_equal(m.state, PARLEY_STATE_DELETED);
}

static int find_early(struct call *call, const char *callid, const char *tag1,
		      const char *tag2)
{
	struct parley_match m;
	int rc = parley_find_early(call->engine, test_str(callid),
				   test_str(tag1), test_str(tag2), &m);

	return rc < 0 ? rc : (int)m.dir;
}

/* As long as nobody has answered, a callee's tag may be a new one; the caller's
 * never. */
static void find_early_call(void **state)
{
	struct call *call = call_of(state);

	assert_int_equal(call_invite(call, "call-1", 1), 0);
	assert_int_equal(find_early(call, "call-1", "alice", "new"), DOWN);
	assert_int_equal(find_early(call, "call-1", "new", "alice"), UP);
	assert_int_equal(call_reply(call, "bob", 180), 0);
	assert_int_equal(find_early(call, "call-1", "alice", "bob"), DOWN);
	assert_int_equal(find_early(call, "call-1", "alice", "new"), DOWN);
	assert_int_equal(find_early(call, "call-1", "new", "alice"), UP);
	assert_int_equal(find_early(call, "call-1", "alice", ""), DOWN);
	assert_true(find_early(call, "call-1", "eve", "bob") < 0);
	assert_true(find_early(call, "call-1", "eve", "new") < 0);
	assert_true(find_early(call, "call-2", "alice", "bob") < 0);
	assert_int_equal(find_early(call, "call-1", "", "alice"),
			 PARLEY_E_ARGUMENT);
	assert_int_equal(call_reply(call, "bob", 200), 0);
	assert_int_equal(find_early(call, "call-1", "alice", "bob"), DOWN);
	assert_int_equal(find_early(call, "call-1", "bob", "alice"), UP);
	assert_true(find_early(call, "call-1", "alice", "new") < 0);
	assert_true(find_early(call, "call-1", "new", "alice") < 0);
}

/* A failed call is tried again with the same Call-ID and tag (RFC 3261
 * 8.1.3.5), while the old one is still remembered. */
static void the_new_call_wins(void **state)
{
	struct call *call = call_of(state);
	struct parley_match m;
	assert_int_equal(call_invite(call, "again", 1), 0);
	assert_int_equal(call_reply(call, "bob", 407), 0);
	assert_int_equal(call_invite(call, "again", 2), 0);
	assert_int_equal(call_reply(call, "bob", 200), 0);
	assert_int_equal(match(call, none, NAMES("again", "alice", "bob"), &m),
			 0);
	assert_int_equal(m.id.id, call->id.id);
	assert_int_equal(call_stats(call).now_in[5], 1);
	assert_int_equal(call_stats(call).now_in[3], 1);
}

int main(void)
{
#define TEST(function)                                                         \
	cmocka_unit_test_setup_teardown(function, call_setup, call_teardown)
	const struct CMUnitTest tests[] = {
		TEST(tight),
		TEST(forged_cookies),
		TEST(cookies_of_a_small_hash_size),
		TEST(find_call),
		TEST(find_early_call),
		TEST(an_early_leg_is_its_own),
		TEST(the_new_call_wins),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
