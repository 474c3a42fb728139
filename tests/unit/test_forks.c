/* objects: all */
#include <stdio.h>
#include <string.h>

#include "call.h"

static struct call *invited(void **state, const char *callid)
{
	struct call *call = call_of(state);

	assert_int_equal(call_invite(call, callid, 1), 0);
	return call;
}

/* A reply of one branch; 300 and above: the branch has failed. */
static void branch_reply(struct call *call, uint8_t branch, const char *tag,
			 uint16_t code)
{
	struct parley_event event = call_event(call, PARLEY_EV_BRANCH_FAILED);

	if (code < 300)
		event.type =
			code < 200 ? PARLEY_EV_REPLY_1XX : PARLEY_EV_REPLY_2XX;
	event.branch = branch;
	event.to_tag = test_str(tag);
	event.code = code;
	event.cseq = 1;
	event.contact = test_str("sip:bob@10.0.0.2");
	assert_int_equal(call_feed(call, &event), 0);
}

static void call_reply_crosses(struct call *call, const char *tag)
{
	struct parley_event event = call_event(call, PARLEY_EV_REPLY_2XX);

	event.to_tag = test_str(tag);
	event.code = 200;
	event.cseq = 1;
	event.can_swallow = true;
	assert_int_equal(call_feed(call, &event), 0);
}

static void in_dialog(struct call *call, enum parley_event_type type,
		      enum parley_direction dir, const char *tag, uint32_t cseq)
{
	assert_int_equal(call_request(call, type, dir, tag, cseq), 0);
}

/* The tags of the legs, one letter each, in their order. */
static void assert_legs(struct call *call, const char *tags)
{
	char text[PARLEY_LEGS_MAX + 1];
	static char buffer[16384];
	struct parley_view view;

	assert_int_equal(parley_read(call->engine, call->now, call->id, &view,
				     buffer, sizeof(buffer), NULL),
			 0);
	for (uint32_t i = 0; i < view.leg_count; i++)
		text[i] =
			view.legs[i].tag.len > 0 ? view.legs[i].tag.s[0] : '-';
	text[view.leg_count] = '\0';
	assert_string_equal(text, tags);
}

/* The first phone says no, the second rings: its leg is the only one. */
static void loser_goes_at_once(void **state)
{
	struct call *call = invited(state, "serial");

	branch_reply(call, 1, "a", 180);
	branch_reply(call, 1, "a", 486);
	assert_legs(call, "");
	assert_int_equal(call_state(call), 2);
	branch_reply(call, 2, "b", 180);
	assert_legs(call, "b");
	assert_int_equal(call_stats(call).legs, 1);
	branch_reply(call, 2, "b", 200);
	assert_int_equal(call_state(call), 3);
}

/* One final reply ends every early dialog of its branch (RFC 3261 12.3). */
static void all_of_the_branch(void **state)
{
	struct call *call = invited(state, "down");

	branch_reply(call, 1, "a", 180);
	branch_reply(call, 2, "b", 180);
	branch_reply(call, 1, "c", 183);
	branch_reply(call, 1, "x", 503);
	assert_legs(call, "b");
	/* What of it comes late makes no leg. */
	branch_reply(call, 1, "d", 180);
	assert_legs(call, "b");
}

/* Two branches lead to the same phone: it rings until both have failed. */
static void one_leg_two_branches(void **state)
{
	struct call *call = invited(state, "twice");

	branch_reply(call, 1, "a", 180);
	branch_reply(call, 2, "a", 180);
	branch_reply(call, 1, "a", 482);
	assert_legs(call, "a");
	branch_reply(call, 2, "a", 486);
	assert_legs(call, "");
}

/* A leg that is up stays, whatever else its branch says. */
static void who_has_answered_stays(void **state)
{
	struct call *call = invited(state, "won");

	branch_reply(call, 1, "a", 180);
	branch_reply(call, 1, "b", 180);
	branch_reply(call, 2, "c", 180);
	branch_reply(call, 1, "b", 200);
	assert_legs(call, "bac");
	branch_reply(call, 2, "c", 487);
	assert_legs(call, "ba");
	branch_reply(call, 1, "b", 487);
	assert_legs(call, "b");
	in_dialog(call, PARLEY_EV_ACK, DOWN, "b", 1);
	in_dialog(call, PARLEY_EV_BYE, UP, "b", 1);
	assert_int_equal(call_state(call), 5);
	/* Those who look at an ended call see it as it was. */
	branch_reply(call, 1, "b", 487);
	assert_legs(call, "b");
}

/* Without the branch's number the To-tag tells. */
static void unknown_branch(void **state)
{
	struct call *call = invited(state, "scripted");

	branch_reply(call, 0, "a", 180);
	branch_reply(call, 0, "b", 180);
	branch_reply(call, PARLEY_BRANCHES_MAX + 1, "c", 180);
	branch_reply(call, 0, "b", 486);
	assert_legs(call, "ac");
	branch_reply(call, 200, "c", 486);
	assert_legs(call, "a");
	/* The last number is one. */
	branch_reply(call, PARLEY_BRANCHES_MAX, "d", 180);
	branch_reply(call, PARLEY_BRANCHES_MAX, "x", 486);
	assert_legs(call, "a");
	/* No number, no memory of it: it may ring again. */
	branch_reply(call, 0, "b", 180);
	assert_legs(call, "ab");
}

/* A BYE ends one early dialog (RFC 3261 15); its final reply takes it away, and
 * so does the end of the transaction. */
static void early_bye(void **state)
{
	struct call *call = invited(state, "bye");

	for (uint8_t branch = 1; branch <= 3; branch++) {
		const char *tags[] = {"", "a", "b", "c"};

		branch_reply(call, branch, tags[branch], 180);
	}
	in_dialog(call, PARLEY_EV_BYE, DOWN, "a", 2);
	in_dialog(call, PARLEY_EV_BYE, DOWN, "b", 2);
	assert_legs(call, "abc");
	branch_reply(call, 1, "a", 487);
	assert_legs(call, "bc");
	branch_reply(call, 3, "c", 200);
	assert_int_equal(call_release(call, true), 0);
	assert_legs(call, "c");
}

/* A leg that has answered and was ended stays for late messages. */
static void ended_leg_stays(void **state)
{
	struct call *call = invited(state, "late");

	branch_reply(call, 1, "a", 180);
	branch_reply(call, 1, "a", 200);
	branch_reply(call, 2, "b", 200);
	in_dialog(call, PARLEY_EV_BYE, DOWN, "a", 2);
	branch_reply(call, 1, "a", 487);
	assert_int_equal(call_release(call, true), 0);
	assert_legs(call, "ab");
	assert_int_equal(call_state(call), 3);
}

/* The callee has answered in spite of its BYE, and we end the call: there is a
 * BYE of ours on its way, whose leg stays. */
static void crossing_after_an_early_bye(void **state)
{
	struct call *call = invited(state, "cross");
	struct parley_actions asked;

	branch_reply(call, 1, "a", 180);
	branch_reply(call, 2, "b", 180);
	in_dialog(call, PARLEY_EV_BYE, DOWN, "a", 2);
	assert_int_equal(call_terminate(call, PARLEY_SIDE_ALL), 0);
	call_reply_crosses(call, "a");
	asked = call->actions;
	assert_int_equal(call_count(call, PARLEY_ACT_BYE), 1);
	branch_reply(call, 1, "a", 487);
	assert_legs(call, "ab");
	assert_int_equal(call_bye_done(call, &asked, 0, 200), 0);
}

/* ------------------------------------------------ memory */

enum { CALLS = 200, TAGS = 9 };

/* Bytes taken from the host with CALLS calls that are answered, of @tags phones
 * each, the last of which answers. *@ringingp: while they ring. */
static uint64_t bytes_of(void **state, uint8_t tags, uint64_t *ringingp)
{
	static struct parley_id ids[CALLS];
	struct parley_config config;
	struct call *call;
	char name[16];

	call_config(&config);
	config.piece_bytes = 65536;
	call_restart(state, &config);
	call = call_of(state);
	for (uint32_t i = 0; i < CALLS; i++) {
		snprintf(name, sizeof(name), "mem-%03u", i);
		assert_int_equal(call_invite(call, name, 1), 0);
		ids[i] = call->id;
		for (uint8_t k = 1; k <= tags; k++) {
			snprintf(name, sizeof(name), "t%02u",
				 k == tags ? 0 : k);
			branch_reply(call, k, name, 180);
		}
	}
	*ringingp = call_stats(call).memory_bytes;
	for (uint32_t i = 0; i < CALLS; i++) {
		call->id = ids[i];
		branch_reply(call, tags, "t00", 200);
		assert_int_equal(call_release(call, true), 0);
		assert_legs(call, "t");
	}
	assert_int_equal(call_stats(call).legs, CALLS);
	return call_stats(call).memory_bytes;
}

/* A further early leg takes at most 300 bytes, and none when it is gone: what
 * has answered does not stay among those that have lost. */
static void losers_leave_no_memory(void **state)
{
	uint64_t one_rings, many_ring;
	uint64_t one = bytes_of(state, 1, &one_rings);
	uint64_t many = bytes_of(state, TAGS, &many_ring);

	assert_true(many_ring > one_rings + 65536);
	assert_true(many_ring - one_rings <=
		    (uint64_t)CALLS * (TAGS - 1) * 300);
	assert_int_equal(many, one);
}

/* What moves keeps its texts, wherever they are. */
static void winner_keeps_its_texts(void **state)
{
	struct call *call = call_of(state);
	struct parley_event update;
	struct parley_request request;
	char buffer[512];

	for (int longer = 0; longer < 2; longer++) {
		const char *contact = longer ? "sip:moved-far-away@10.0.0.22"
					     : "sip:bob@10.0.0.2";

		assert_int_equal(call_invite(call, longer ? "l" : "s", 1), 0);
		branch_reply(call, 1, "a", 180);
		branch_reply(call, 2, "b", 180);
		update = call_event(call, PARLEY_EV_UPDATE);
		update.dir = UP;
		update.to_tag = test_str("b");
		update.cseq = 3;
		update.contact = test_str(contact);
		assert_int_equal(call_feed(call, &update), 0);
		branch_reply(call, 2, "b", 200);
		update.cseq = 4;
		assert_int_equal(call_feed(call, &update), 0);
		assert_int_equal(call_release(call, true), 0);
		assert_int_equal(
			parley_request_prepare(call->engine, call->id, 2, DOWN,
					       PARLEY_REQUEST_NEXT, &request,
					       buffer, sizeof(buffer), NULL),
			0);
		assert_int_equal(request.target.len, strlen(contact));
		assert_memory_equal(request.target.s, contact,
				    request.target.len);
		assert_memory_equal(request.remote_tag.s, "b", 1);
	}
}

/* ------------------------------------------------ strange tags */

/* RFC 3261 12.1.2: who answers without a To-tag has an empty one. */
static void answer_without_tag(void **state)
{
	struct call *call = call_of(state);
	struct parley_query query = {
		.callid = test_str("old"),
		.from_tag = test_str("alice"),
		.method = PARLEY_EV_BYE,
	};
	struct parley_match match;

	assert_int_equal(call_invite(call, "old", 1), 0);
	branch_reply(call, 1, "", 180);
	assert_legs(call, "");
	query.id = call->id;
	assert_int_equal(parley_match(call->engine, &query, &match),
			 PARLEY_E_NO_LEG);
	branch_reply(call, 1, "", 200);
	assert_legs(call, "-");
	assert_int_equal(call_state(call), 3);
	in_dialog(call, PARLEY_EV_ACK, DOWN, "", 1);
	assert_int_equal(call_state(call), 4);

	assert_int_equal(parley_match(call->engine, &query, &match), 0);
	assert_int_equal(match.dir, DOWN);
	query.to_tag = test_str("alice");
	query.from_tag = test_str("");
	assert_int_equal(parley_match(call->engine, &query, &match), 0);
	assert_int_equal(match.dir, UP);
	/* By its elements alone it is nobody's. */
	query.id = (struct parley_id){0, 0};
	assert_int_equal(parley_match(call->engine, &query, &match),
			 PARLEY_E_ARGUMENT);
	in_dialog(call, PARLEY_EV_BYE, UP, "", 1);
	assert_int_equal(call_state(call), 5);
}

/* With the caller's tag on both sides nobody can tell whose a request is. So
 * no target is changed, and our numbers are above those of both. */
static void answer_with_the_callers_tag(void **state)
{
	struct call *call = invited(state, "same");
	struct parley_event update;
	struct parley_request request;
	char buffer[512];

	branch_reply(call, 1, "alice", 200);
	in_dialog(call, PARLEY_EV_ACK, DOWN, "alice", 1);
	update = call_event(call, PARLEY_EV_UPDATE);
	update.dir = DOWN;
	update.to_tag = test_str("alice");
	update.cseq = 70;
	update.contact = test_str("sip:somebody@10.0.0.3");
	assert_int_equal(call_feed(call, &update), 0);
	for (int i = 0; i < 2; i++) {
		enum parley_direction towards = i == 0 ? DOWN : UP;
		struct parley_str target = test_str(
			i == 0 ? "sip:bob@10.0.0.2" : "sip:alice@10.0.0.1");

		assert_int_equal(parley_request_prepare(
					 call->engine, call->id, 1, towards,
					 PARLEY_REQUEST_NEXT, &request, buffer,
					 sizeof(buffer), NULL),
				 0);
		assert_int_equal(request.cseq, 71);
		assert_int_equal(request.target.len, target.len);
		assert_memory_equal(request.target.s, target.s, target.len);
	}
	in_dialog(call, PARLEY_EV_BYE, DOWN, "alice", 72);
	assert_int_equal(call_state(call), 5);
}

int main(void)
{
#define TEST(function)                                                         \
	cmocka_unit_test_setup_teardown(function, call_setup, call_teardown)
	const struct CMUnitTest tests[] = {
		TEST(loser_goes_at_once),     TEST(all_of_the_branch),
		TEST(one_leg_two_branches),   TEST(who_has_answered_stays),
		TEST(unknown_branch),	      TEST(early_bye),
		TEST(ended_leg_stays),	      TEST(crossing_after_an_early_bye),
		TEST(losers_leave_no_memory), TEST(winner_keeps_its_texts),
		TEST(answer_without_tag),     TEST(answer_with_the_callers_tag),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
