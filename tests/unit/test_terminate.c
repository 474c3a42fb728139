/* objects: all */
#include "call.h"

static bool asks_bye(const struct call *call, enum parley_direction dir)
{
	for (uint32_t i = 0; i < call->actions.count; i++)
		if (call->actions.list[i].type == PARLEY_ACT_BYE &&
		    call->actions.list[i].dir == dir)
			return true;
	return false;
}

static void confirmed_both_sides(void **state)
{
	struct call *call = call_of(state);
	call_up(call);
	assert_int_equal(call_terminate(call, PARLEY_SIDE_ALL), 0);
	struct parley_actions asked = call->actions;
	assert_int_equal(call_count(call, PARLEY_ACT_BYE), 2);
	assert_true(asks_bye(call, UP) && asks_bye(call, DOWN));
	assert_int_equal(call_state(call), 4);
	/* Again: nothing new, and no failure. */
	assert_int_equal(call_terminate(call, PARLEY_SIDE_ALL), 0);
	assert_int_equal(call->actions.count, 0);
	/* The first answer ends nothing yet: the second BYE is still built. */
	assert_int_equal(call_bye_done(call, &asked, 0, 200), 0);
	assert_int_equal(call_state(call), 4);
	assert_int_equal(call_bye_done(call, &asked, 1, 481), 0);
	assert_int_equal(call_state(call), 5);
	assert_int_equal(call_stats(call).ended_by_us, 1);
	assert_int_equal(call_bye_done(call, &asked, 1, 481), PARLEY_E_NO_LEG);
	assert_int_equal(call_terminate(call, PARLEY_SIDE_ALL), PARLEY_E_STATE);
}

static void one_side_once(void **state)
{
	struct call *call = call_of(state);
	call_up(call);
	assert_int_equal(call_terminate(call, PARLEY_SIDE_CALLER), 0);
	struct parley_actions asked = call->actions;
	assert_int_equal(call_count(call, PARLEY_ACT_BYE), 1);
	assert_true(asks_bye(call, UP));
	assert_int_equal(call_terminate(call, PARLEY_SIDE_CALLER),
			 PARLEY_E_STATE);
	/* The other side can still be asked for. */
	assert_int_equal(call_terminate(call, PARLEY_SIDE_ALL), 0);
	assert_true(asks_bye(call, DOWN) && !asks_bye(call, UP));
	struct parley_actions second = call->actions;
	assert_int_equal(call_bye_done(call, &asked, 0, 200), 0);
	assert_int_equal(call_bye_done(call, &second, 0, 200), 0);
	assert_int_equal(call_state(call), 5);
}

static void bye_crosses_ours(void **state)
{
	struct call *call = call_of(state);
	call_up(call);
	assert_int_equal(call_terminate(call, PARLEY_SIDE_ALL), 0);
	struct parley_actions asked = call->actions;
	assert_int_equal(call_request(call, PARLEY_EV_BYE, UP, "bob", 1), 0);
	assert_int_equal(call_state(call), 5);
	assert_int_equal(call_stats(call).ended_by_callee, 1);
	assert_int_equal(call_release(call, true), 0);
	assert_int_equal(call_bye_done(call, &asked, 0, 481), 0);
	assert_int_equal(call_bye_done(call, &asked, 1, 200), 0);
	assert_int_equal(call_stats(call).ended_by_us, 0);
	/* It stays as long as another branch may answer. */
	assert_int_equal(call_state(call), 5);
	assert_int_equal(call_wait(call, 32100), 1);
	assert_int_equal(call_state(call), 0);
}

/* RFC 3261 13.2.2.4: a 2xx of another branch, after the end of the call. */
static void another_leg_answers_late(void **state)
{
	struct call *call = call_of(state);
	call_up(call);
	assert_int_equal(call_terminate(call, PARLEY_SIDE_ALL), 0);
	struct parley_actions asked = call->actions;
	assert_int_equal(call_bye_done(call, &asked, 0, 200), 0);
	assert_int_equal(call_bye_done(call, &asked, 1, 200), 0);
	assert_int_equal(call_release(call, true), 0);
	assert_int_equal(call_reply(call, "carol", 200), 0);
	assert_int_equal(call_count(call, PARLEY_ACT_ACK), 1);
	assert_true(asks_bye(call, DOWN));
}

/* One side was to be ended; a repeated 2xx does not end the other. */
static void one_side_and_a_repeated_200(void **state)
{
	struct call *call = call_of(state);
	assert_int_equal(call_invite(call, "c", 1), 0);
	assert_int_equal(call_reply(call, "bob", 200), 0);
	assert_int_equal(call_terminate(call, PARLEY_SIDE_CALLER), 0);
	assert_int_equal(call_reply(call, "bob", 200), 0);
	assert_int_equal(call_count(call, PARLEY_ACT_BYE), 0);
}

/* RFC 3261 15: no BYE to the caller before its ACK. */
static void answered_waits_for_the_ack(void **state)
{
	struct call *call = call_of(state);
	assert_int_equal(call_invite(call, "c", 1), 0);
	assert_int_equal(call_reply(call, "bob", 200), 0);
	assert_int_equal(call_terminate(call, PARLEY_SIDE_ALL), 0);
	struct parley_actions first = call->actions;
	assert_int_equal(call_count(call, PARLEY_ACT_BYE), 1);
	assert_true(asks_bye(call, DOWN));
	/* The callee's answer does not end it: the caller is still up. */
	assert_int_equal(call_bye_done(call, &first, 0, 200), 0);
	assert_int_equal(call_state(call), 3);
	assert_int_equal(call_request(call, PARLEY_EV_ACK, DOWN, "bob", 1), 0);
	struct parley_actions second = call->actions;
	assert_true(asks_bye(call, UP));
	assert_int_equal(call_bye_done(call, &second, 0, 200), 0);
	assert_int_equal(call_state(call), 5);
}

static void answered_without_ack(void **state)
{
	struct call *call = call_of(state);
	assert_int_equal(call_invite(call, "c", 1), 0);
	assert_int_equal(call_reply(call, "bob", 200), 0);
	assert_int_equal(call_terminate(call, PARLEY_SIDE_ALL), 0);
	struct parley_actions first = call->actions;
	assert_int_equal(call_bye_done(call, &first, 0, 200), 0);
	assert_int_equal(call_wait(call, 31000), 0);
	assert_int_equal(call_wait(call, 1100), 1);
	assert_true(asks_bye(call, UP));
	assert_int_equal(call_state(call), 3);
	/* Nobody reports its end: the call does not stay for ever. */
	assert_int_equal(call_wait(call, 32100), 1);
	assert_int_equal(call_state(call), 5);
}

static void unanswered(void **state)
{
	struct call *call = call_of(state);
	assert_int_equal(call_invite(call, "c", 1), 0);
	assert_int_equal(call_reply(call, "bob", 180), 0);
	assert_int_equal(call_terminate(call, PARLEY_SIDE_CALLER),
			 PARLEY_E_STATE);
	struct parley_event event = call_event(call, PARLEY_EV_TERMINATE);
	event.side = PARLEY_SIDE_ALL; /* no transaction at hand */
	assert_int_equal(call_feed(call, &event), PARLEY_E_STATE);
	assert_int_equal(call_terminate(call, PARLEY_SIDE_ALL), 0);
	assert_int_equal(call->actions.count, 2);
	assert_int_equal(call->actions.list[0].type, PARLEY_ACT_CANCEL);
	assert_int_equal(call->actions.list[1].type, PARLEY_ACT_REPLY);
	assert_int_equal(call->actions.list[1].code, 480);
	assert_int_equal(call_reply(call, NULL, 480), 0);
	assert_int_equal(call_state(call), 5);
	assert_int_equal(call_stats(call).ended_by_us, 1);
	assert_int_equal(call_stats(call).failed, 1);
}

static int terminate_why(struct call *call, uint16_t code, const char *why)
{
	struct parley_event event = call_event(call, PARLEY_EV_TERMINATE);
	event.side = PARLEY_SIDE_ALL;
	event.can_reply = true;
	event.code = code;
	event.reason = test_str(why);
	return call_feed(call, &event);
}

static void shows(struct call *call, uint16_t code, const char *why, size_t len)
{
	static char buffer[16384];
	struct parley_view view;
	assert_int_equal(parley_read(call->engine, call->now, call->id, &view,
				     buffer, sizeof(buffer), NULL),
			 0);
	assert_int_equal(view.end_code, code);
	assert_int_equal(view.end_reason.len, len);
	assert_memory_equal(view.end_reason.s, why, len);
}

/* Who comes second, when nobody has answered: the call is being ended, which is
 * what was wanted. No second CANCEL or reply, and the first reason stays. */
static void unanswered_twice(void **state)
{
	struct call *call = call_of(state);
	assert_int_equal(call_invite(call, "c", 1), 0);
	assert_int_equal(terminate_why(call, 480, "first"), 0);
	assert_int_equal(call->actions.count, 2);
	assert_int_equal(terminate_why(call, 500, "second"), 0);
	assert_int_equal(call->actions.count, 0);
	struct parley_event event = call_event(call, PARLEY_EV_TERMINATE);
	event.side = PARLEY_SIDE_ALL; /* the transaction has its reply */
	assert_int_equal(call_feed(call, &event), 0);
	assert_int_equal(call_terminate(call, PARLEY_SIDE_CALLEE),
			 PARLEY_E_STATE);
	shows(call, 480, "first", 5);
	/* What the proxy's own reply says does not take its place. */
	assert_int_equal(call_reply(call, NULL, 480), 0);
	shows(call, 480, "first", 5);
}

static void answered_twice(void **state)
{
	struct call *call = call_of(state);
	call_up(call);
	assert_int_equal(terminate_why(call, 480, "first"), 0);
	assert_int_equal(terminate_why(call, 500, ""), 0);
	shows(call, 480, "first", 5);
}

/* A character of UTF-8. */
static void two_bytes(char *at)
{
	at[0] = '\xc3';
	at[1] = '\xbc';
}

/* A long one is cut, and not in the middle of a character. */
static void long_reasons(void **state)
{
	struct call *call = call_of(state);
	static char why[10001];
	enum { MAX = PARLEY_REASON_MAX };
	for (size_t i = 0; i < sizeof(why) - 1; i += 2)
		two_bytes(why + i);
	call_up(call);
	assert_int_equal(terminate_why(call, 480, why), 0);
	shows(call, 480, why, MAX);
	assert_int_equal(call_invite(call, "odd", 1), 0);
	why[0] = 'x';
	why[1] = 'y';
	why[2] = 'z';
	for (size_t i = 3; i < sizeof(why) - 2; i += 2)
		two_bytes(why + i);
	assert_int_equal(terminate_why(call, 480, why), 0);
	shows(call, 480, why, MAX - 1);
}

static int crossing_200(struct call *call, bool can_swallow)
{
	struct parley_event event = call_event(call, PARLEY_EV_REPLY_2XX);
	event.to_tag = test_str("bob");
	event.code = 200;
	event.cseq = 1;
	event.contact = test_str("sip:bob@10.0.0.2");
	event.can_swallow = can_swallow;
	return call_feed(call, &event);
}

/* ACK for each 200, one BYE, nothing relayed; also after tm has forgotten. */
static void a_200_crosses(void **state)
{
	struct call *call = call_of(state);
	assert_int_equal(call_invite(call, "c", 1), 0);
	assert_int_equal(call_reply(call, "bob", 180), 0);
	assert_int_equal(call_terminate(call, PARLEY_SIDE_ALL), 0);
	assert_int_equal(call_reply(call, NULL, 480), 0);
	assert_int_equal(call_release(call, true), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(crossing_200(call, true), 0);
		assert_int_equal(call_count(call, PARLEY_ACT_ACK), 1);
		assert_int_equal(call_count(call, PARLEY_ACT_BYE), i == 0);
		assert_int_equal(call_count(call, PARLEY_ACT_SWALLOW), 1);
		assert_int_equal(call_state(call), 5);
	}
	assert_int_equal(call_wait(call, 32100), 1);
	assert_int_equal(call_state(call), 0);
}

/* Between our decision and our final reply. */
static void a_200_crosses_before_the_reply(void **state)
{
	struct call *call = call_of(state);
	assert_int_equal(call_invite(call, "c", 1), 0);
	assert_int_equal(call_terminate(call, PARLEY_SIDE_ALL), 0);
	assert_int_equal(crossing_200(call, true), 0);
	struct parley_actions asked = call->actions;
	assert_int_equal(call_count(call, PARLEY_ACT_SWALLOW), 1);
	assert_int_equal(call_bye_done(call, &asked, 0, 200), 0);
	assert_int_equal(call_state(call), 1);
	assert_int_equal(call_reply(call, NULL, 480), 0);
	assert_int_equal(call_state(call), 5);
}

/* The caller has left the early leg with a BYE (RFC 3261 15), and the callee
 * answers all the same: it is a leg with a BYE on its way, and not one that may
 * be forgotten when the branch is done. */
static void a_200_of_a_leg_that_was_left(void **state)
{
	struct call *call = call_of(state);
	assert_int_equal(call_invite(call, "c", 1), 0);
	struct parley_event event = call_event(call, PARLEY_EV_REPLY_1XX);
	event.to_tag = test_str("bob");
	event.code = 180;
	event.branch = 1;
	assert_int_equal(call_feed(call, &event), 0);
	assert_int_equal(call_request(call, PARLEY_EV_BYE, DOWN, "bob", 2), 0);
	assert_int_equal(call_terminate(call, PARLEY_SIDE_ALL), 0);
	assert_int_equal(crossing_200(call, true), 0);
	struct parley_actions asked = call->actions;
	assert_int_equal(call_count(call, PARLEY_ACT_ACK), 1);
	assert_int_equal(call_count(call, PARLEY_ACT_BYE), 1);
	/* A late 180 does not make it one that only rings. */
	assert_int_equal(call_feed(call, &event), 0);
	assert_int_equal(call_request(call, PARLEY_EV_BYE, UP, "bob", 1), 0);
	event = call_event(call, PARLEY_EV_BRANCH_FAILED);
	event.branch = 1;
	event.code = 487;
	assert_int_equal(call_feed(call, &event), 0);
	assert_int_equal(call_bye_done(call, &asked, 0, 200), 0);
	assert_int_equal(call_reply(call, NULL, 480), 0);
	assert_int_equal(call_state(call), 5);
}

/* The 200 could not be stopped any more: the call is answered, and ended as
 * an answered call is. */
static void a_200_gets_through(void **state)
{
	struct call *call = call_of(state);
	assert_int_equal(call_invite(call, "c", 1), 0);
	assert_int_equal(call_terminate(call, PARLEY_SIDE_ALL), 0);
	assert_int_equal(crossing_200(call, false), 0);
	assert_int_equal(call_state(call), 3);
	assert_true(asks_bye(call, DOWN) && !asks_bye(call, UP));
	assert_int_equal(call_request(call, PARLEY_EV_ACK, DOWN, "bob", 1), 0);
	assert_true(asks_bye(call, UP));
}

/* A failed call that we did not end takes no late 2xx over. */
static void a_200_after_a_failure(void **state)
{
	struct call *call = call_of(state);
	assert_int_equal(call_invite(call, "c", 1), 0);
	assert_int_equal(call_reply(call, "bob", 487), 0);
	assert_int_equal(crossing_200(call, true), 0);
	assert_int_equal(call->actions.count, 0);
	assert_int_equal(call_state(call), 5);
}

static void all_legs_that_are_up(void **state)
{
	struct call *call = call_of(state);
	assert_int_equal(call_invite(call, "two", 1), 0);
	assert_int_equal(call_reply(call, "a", 180), 0);
	assert_int_equal(call_reply(call, "b", 200), 0);
	assert_int_equal(call_reply(call, "c", 200), 0);
	assert_int_equal(call_request(call, PARLEY_EV_ACK, DOWN, "b", 1), 0);
	assert_int_equal(call_request(call, PARLEY_EV_ACK, DOWN, "c", 1), 0);
	assert_int_equal(call_terminate(call, PARLEY_SIDE_ALL), 0);
	assert_int_equal(call_count(call, PARLEY_ACT_BYE), 4);
	struct parley_actions asked = call->actions;
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(call_bye_done(call, &asked, i, 200), 0);
	assert_int_equal(call_state(call), 5);
}

int main(void)
{
#define TEST(function)                                                         \
	cmocka_unit_test_setup_teardown(function, call_setup, call_teardown)
	const struct CMUnitTest tests[] = {
		TEST(confirmed_both_sides),
		TEST(one_side_once),
		TEST(bye_crosses_ours),
		TEST(another_leg_answers_late),
		TEST(one_side_and_a_repeated_200),
		TEST(answered_waits_for_the_ack),
		TEST(answered_without_ack),
		TEST(unanswered),
		TEST(unanswered_twice),
		TEST(answered_twice),
		TEST(long_reasons),
		TEST(a_200_crosses),
		TEST(a_200_crosses_before_the_reply),
		TEST(a_200_of_a_leg_that_was_left),
		TEST(a_200_gets_through),
		TEST(a_200_after_a_failure),
		TEST(all_legs_that_are_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
