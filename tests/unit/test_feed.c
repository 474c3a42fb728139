/* objects: all */
#include <stdio.h>
#include <string.h>

#include "call.h"

/* Each test is a rung of the ladder as well: with too little memory it stops
 * early, leaving nothing behind. */

static void fresh(struct test_host *host, struct call *call,
		  const struct parley_config *config)
{
	test_host_init(host, TEST_LOCKS_MAX, test_seed(1));
	assert_true(call_begin(call, host, config));
}

static void finish(struct test_host *host, struct call *call)
{
	call_end(call);
	test_host_fini(host);
}

static void a_plain_call(void **state)
{
	(void)state;
	struct test_host host;
	struct call call;

	fresh(&host, &call, NULL);
	assert_int_equal(call_invite(&call, "c", 1), 0);
	assert_int_equal(call_state(&call), 1);
	assert_int_equal(call_reply(&call, NULL, 183), 0);
	assert_int_equal(call_state(&call), 2);
	assert_int_equal(call_reply(&call, "bob", 180), 0);
	assert_int_equal(call_reply(&call, "bob", 200), 0);
	assert_int_equal(call_state(&call), 3);
	assert_int_equal(call_request(&call, PARLEY_EV_ACK, DOWN, "bob", 1), 0);
	assert_int_equal(call_state(&call), 4);
	assert_int_equal(call_stats(&call).now_in[4], 1);
	assert_int_equal(call_release(&call, true), 0);
	assert_int_equal(call_request(&call, PARLEY_EV_BYE, UP, "bob", 1), 0);
	assert_int_equal(call_state(&call), 0);

	struct parley_stats stats = call_stats(&call);
	assert_int_equal(stats.processed, 1);
	assert_int_equal(stats.failed, 0);
	assert_int_equal(stats.ended_by_callee, 1);
	assert_int_equal(stats.legs, 0);
	for (int s = 1; s < PARLEY_STATES; s++)
		assert_int_equal(stats.now_in[s], 0);
	finish(&host, &call);
}

/* An ended dialog stays for as long as a message holds it, and no longer. */
static void holds_keep_it(void **state)
{
	(void)state;
	struct test_host host;
	struct call call;

	fresh(&host, &call, NULL);
	call_up(&call);
	struct parley_event bye = call_event(&call, PARLEY_EV_BYE);
	bye.dir = DOWN;
	bye.to_tag = test_str("bob");
	bye.cseq = 2;
	bye.hold = true;
	assert_int_equal(call_feed(&call, &bye), 0);
	assert_int_equal(call_state(&call), 5);
	assert_int_equal(call_release(&call, true), 0);
	assert_int_equal(call_state(&call), 5);
	assert_int_equal(call_release(&call, false), 0);
	assert_int_equal(call_state(&call), 0);
	assert_int_equal(call_release(&call, false), PARLEY_E_NO_DIALOG);
	finish(&host, &call);
}

static void failed_calls(void **state)
{
	(void)state;
	struct test_host host;
	struct call call;

	fresh(&host, &call, NULL);
	assert_int_equal(call_invite(&call, "busy", 1), 0);
	assert_int_equal(call_reply(&call, "bob", 486), 0);
	assert_int_equal(call_state(&call), 5);
	assert_int_equal(call.actions.new_state, 5);
	assert_int_equal(call_release(&call, true), 0);
	assert_int_equal(call_state(&call), 0);

	assert_int_equal(call_invite(&call, "lost", 1), 0);
	assert_int_equal(call_release(&call, true), 0);
	assert_int_equal(call_state(&call), 0);

	assert_int_equal(call_invite(&call, "dropped", 1), 0);
	struct parley_event event = call_event(&call, PARLEY_EV_ABANDON);
	assert_int_equal(call_feed(&call, &event), 0);
	assert_int_equal(call_state(&call), 0);
	assert_int_equal(call_stats(&call).failed, 3);
	finish(&host, &call);
}

static void without_wait_ack(void **state)
{
	(void)state;
	struct test_host host;
	struct call call;
	struct parley_config config;

	call_config(&config);
	config.wait_ack = false;
	fresh(&host, &call, &config);
	assert_int_equal(call_invite(&call, "busy", 1), 0);
	assert_int_equal(call_reply(&call, "bob", 486), 0);
	assert_int_equal(call_state(&call), 0);
	finish(&host, &call);
}

static void bogus_events_change_nothing(void **state)
{
	(void)state;
	struct test_host host;
	struct call call;

	fresh(&host, &call, NULL);
	assert_int_equal(call_invite(&call, "c", 1), 0);
	assert_int_equal(call_reply(&call, "bob", 180), 0);
	/* An ACK needs a 2xx first. */
	assert_int_equal(call_request(&call, PARLEY_EV_ACK, DOWN, "bob", 1),
			 PARLEY_E_STATE);
	assert_int_equal(call_request(&call, PARLEY_EV_BYE, DOWN, "eve", 2),
			 PARLEY_E_NO_LEG);
	assert_int_equal(
		call_request(&call, PARLEY_EV_BYE, PARLEY_DIR_NONE, "bob", 2),
		PARLEY_E_ARGUMENT);
	struct parley_event event =
		call_event(&call, (enum parley_event_type)0);
	assert_int_equal(call_feed(&call, &event), PARLEY_E_ARGUMENT);
	event.type = PARLEY_EVENTS;
	assert_int_equal(call_feed(&call, &event), PARLEY_E_ARGUMENT);
	event = call_event(&call, PARLEY_EV_CANCEL);
	event.id.entry = UINT32_MAX;
	assert_int_equal(call_feed(&call, &event), PARLEY_E_NO_DIALOG);
	event.id = call.id;
	event.id.id ^= 1;
	assert_int_equal(call_feed(&call, &event), PARLEY_E_NO_DIALOG);
	assert_int_equal(call_state(&call), 2);
	assert_int_equal(call_stats(&call).bogus_event, 1);
	finish(&host, &call);
}

/* A leg per To-tag; the one that answers becomes the first; the losers go
 * with the INVITE's transaction. */
static void forked_call(void **state)
{
	(void)state;
	struct test_host host;
	struct call call;
	char buffer[4096];
	struct parley_view view;

	fresh(&host, &call, NULL);
	assert_int_equal(call_invite(&call, "fork", 1), 0);
	assert_int_equal(call_reply(&call, "a", 180), 0);
	assert_int_equal(call_reply(&call, "b", 183), 0);
	assert_int_equal(call_reply(&call, "c", 180), 0);
	assert_int_equal(call_reply(&call, "a", 180), 0);
	assert_int_equal(call_stats(&call).legs, 3);
	assert_int_equal(call_reply(&call, "b", 200), 0);
	assert_int_equal(parley_read(call.engine, call.now, call.id, &view,
				     buffer, sizeof(buffer), NULL),
			 0);
	assert_int_equal(view.leg_count, 3);
	assert_memory_equal(view.legs[0].tag.s, "b", 1);
	assert_int_equal(view.legs[0].state, PARLEY_LEG_ANSWERED);
	assert_int_equal(call_release(&call, true), 0);
	assert_int_equal(call_stats(&call).legs, 1);
	finish(&host, &call);
}

/* Several 2xx: each leg is up for itself. */
static void two_answers(void **state)
{
	(void)state;
	struct test_host host;
	struct call call;

	fresh(&host, &call, NULL);
	assert_int_equal(call_invite(&call, "two", 1), 0);
	assert_int_equal(call_reply(&call, "a", 200), 0);
	assert_int_equal(call_reply(&call, "b", 200), 0);
	assert_int_equal(call_request(&call, PARLEY_EV_ACK, DOWN, "b", 1), 0);
	assert_int_equal(call_state(&call), 4);
	assert_int_equal(call_request(&call, PARLEY_EV_ACK, DOWN, "a", 1), 0);
	assert_int_equal(call_request(&call, PARLEY_EV_BYE, UP, "a", 1), 0);
	assert_int_equal(call_state(&call), 4);
	/* Again: the leg has ended, the other is up. */
	assert_int_equal(call_request(&call, PARLEY_EV_BYE, UP, "a", 1), 0);
	assert_int_equal(call_state(&call), 4);
	assert_int_equal(call_request(&call, PARLEY_EV_BYE, DOWN, "b", 2), 0);
	assert_int_equal(call_state(&call), 5);
	finish(&host, &call);
}

/* An ACK means something only where a 2xx was seen (RFC 3261 13.2.2.4). */
static void ack_of_a_leg_that_is_not_up(void **state)
{
	(void)state;
	struct test_host host;
	struct call call;

	fresh(&host, &call, NULL);
	assert_int_equal(call_invite(&call, "acks", 1), 0);
	assert_int_equal(call_reply(&call, "rings", 180), 0);
	assert_int_equal(call_reply(&call, "left", 200), 0);
	assert_int_equal(call_reply(&call, "up", 200), 0);
	assert_int_equal(call_request(&call, PARLEY_EV_BYE, UP, "left", 1), 0);
	assert_int_equal(call_request(&call, PARLEY_EV_ACK, DOWN, "rings", 1),
			 PARLEY_E_STATE);
	assert_int_equal(call_request(&call, PARLEY_EV_ACK, DOWN, "left", 1),
			 PARLEY_E_STATE);
	assert_int_equal(call_state(&call), 3);
	assert_int_equal(call_stats(&call).bogus_event, 2);
	assert_int_equal(call_request(&call, PARLEY_EV_ACK, DOWN, "up", 1), 0);
	assert_int_equal(call_state(&call), 4);
	finish(&host, &call);
}

static void legs_are_bounded(void **state)
{
	(void)state;
	struct test_host host;
	struct call call;
	char tag[8];

	fresh(&host, &call, NULL);
	assert_int_equal(call_invite(&call, "many", 1), 0);
	for (int i = 0; i < 100; i++) {
		snprintf(tag, sizeof(tag), "t%d", i);
		assert_int_equal(call_reply(&call, tag, 180), 0);
	}
	assert_int_equal(call_stats(&call).legs, PARLEY_LEGS_MAX);
	assert_int_equal(call_stats(&call).legs_refused, 100 - PARLEY_LEGS_MAX);
	/* Who answers is followed: an early leg goes for it. */
	assert_int_equal(call_reply(&call, "late", 200), 0);
	assert_int_equal(call_state(&call), 3);
	assert_int_equal(call_stats(&call).legs, PARLEY_LEGS_MAX);
	assert_int_equal(call_request(&call, PARLEY_EV_ACK, DOWN, "late", 1),
			 0);
	assert_int_equal(call_state(&call), 4);
	/* When all of them are up there is nothing to give. */
	for (int i = 0; i < 2 * PARLEY_LEGS_MAX; i++) {
		snprintf(tag, sizeof(tag), "u%d", i);
		assert_int_equal(call_reply(&call, tag, 200),
				 i < PARLEY_LEGS_MAX - 1 ? 0 : PARLEY_E_FULL);
	}
	assert_int_equal(call_stats(&call).legs, PARLEY_LEGS_MAX);
	finish(&host, &call);
}

/* A callee that repeats the caller's tag cannot hide the call by it. */
static void callee_with_the_callers_tag(void **state)
{
	(void)state;
	struct test_host host;
	struct call call;

	fresh(&host, &call, NULL);
	assert_int_equal(call_invite(&call, "same", 1), 0);
	assert_int_equal(call_reply(&call, "alice", 200), 0);
	assert_int_equal(call_request(&call, PARLEY_EV_ACK, DOWN, "alice", 1),
			 0);
	assert_int_equal(call_state(&call), 4);
	assert_int_equal(call_request(&call, PARLEY_EV_BYE, DOWN, "alice", 2),
			 0);
	assert_int_equal(call_state(&call), 5);
	finish(&host, &call);
}

/* RFC 3261 15: a caller may leave an early leg with BYE; a 2xx can cross. */
static void bye_of_an_early_leg(void **state)
{
	(void)state;
	struct test_host host;
	struct call call;

	fresh(&host, &call, NULL);
	assert_int_equal(call_invite(&call, "early", 1), 0);
	assert_int_equal(call_reply(&call, "bob", 180), 0);
	assert_int_equal(call_request(&call, PARLEY_EV_BYE, DOWN, "bob", 2), 0);
	assert_int_equal(call_state(&call), 2);
	assert_int_equal(call_reply(&call, "bob", 200), 0);
	assert_int_equal(call_state(&call), 3);
	finish(&host, &call);
}

static struct parley_request prepare(struct call *call, uint32_t leg,
				     enum parley_direction towards)
{
	static char buffer[1024];
	struct parley_request request;
	assert_int_equal(parley_request_prepare(call->engine, call->id, leg,
						towards, false, &request,
						buffer, sizeof(buffer), NULL),
			 0);
	return request;
}

static bool is(struct parley_str text, const char *expected)
{
	return text.len == strlen(expected) &&
	       memcmp(text.s, expected, text.len) == 0;
}

/* RFC 3261 12.2.1.1: tags, target, route set and CSeq of our own requests
 * after requests of both sides have passed. */
static void own_requests(void **state)
{
	(void)state;
	struct test_host host;
	struct call call;

	fresh(&host, &call, NULL);
	call_up(&call);
	assert_int_equal(call_request(&call, PARLEY_EV_PRACK, DOWN, "bob", 2),
			 0);
	struct parley_event update = call_event(&call, PARLEY_EV_UPDATE);
	update.dir = UP;
	update.to_tag = test_str("bob");
	update.cseq = 7;
	update.contact = test_str("sip:bob@10.9.9.9");
	assert_int_equal(call_feed(&call, &update), 0);
	assert_int_equal(
		call_request(&call, PARLEY_EV_REINVITE, DOWN, "bob", 5), 0);

	struct parley_request down = prepare(&call, 1, DOWN);
	assert_int_equal(down.cseq, 6);
	assert_true(is(down.target, "sip:bob@10.9.9.9"));
	assert_true(is(down.route_set, "<sip:p2;lr>"));
	assert_true(is(down.local_tag, "alice"));
	assert_true(is(down.remote_tag, "bob"));
	assert_true(is(down.local_uri, "sip:alice@a.example"));
	assert_int_equal(prepare(&call, 1, DOWN).cseq, 7);

	struct parley_request up = prepare(&call, 1, UP);
	assert_int_equal(up.cseq, 8);
	assert_true(is(up.target, "sip:alice@10.0.0.1"));
	assert_true(is(up.route_set, "<sip:p1;lr>"));
	assert_true(is(up.local_tag, "bob"));
	assert_true(is(up.remote_tag, "alice"));
	assert_true(is(up.remote_uri, "sip:alice@a.example"));

	size_t needed = 0;
	char tiny[4];
	assert_int_equal(parley_request_prepare(call.engine, call.id, 1, UP,
						false, &up, tiny, sizeof(tiny),
						&needed),
			 PARLEY_E_SPACE);
	assert_true(needed > sizeof(tiny));
	assert_int_equal(prepare(&call, 1, UP).cseq, 9); /* nothing was taken */
	finish(&host, &call);
}

/* The target is refreshed by the 2xx of a re-INVITE too. */
static void replies_within(void **state)
{
	(void)state;
	struct test_host host;
	struct call call;

	fresh(&host, &call, NULL);
	call_up(&call);
	struct parley_event reply = call_event(&call, PARLEY_EV_REPLY_WITHIN);
	reply.dir = UP; /* the callee's re-INVITE, answered by the caller */
	reply.to_tag = test_str("bob");
	reply.method = PARLEY_EV_REINVITE;
	reply.code = 200;
	reply.contact = test_str("sip:alice@10.7.7.7");
	assert_int_equal(call_feed(&call, &reply), 0);
	assert_true(is(prepare(&call, 1, UP).target, "sip:alice@10.7.7.7"));
	reply.code = 488;
	reply.contact = test_str("sip:evil@10.6.6.6");
	assert_int_equal(call_feed(&call, &reply), 0);
	reply.code = 200;
	reply.method = PARLEY_EV_REQUEST; /* INFO: no target refresh */
	assert_int_equal(call_feed(&call, &reply), 0);
	assert_true(is(prepare(&call, 1, UP).target, "sip:alice@10.7.7.7"));
	finish(&host, &call);
}

static void count_told(struct parley *engine, void *param,
		       const struct parley_told *told)
{
	unsigned int *count = param;

	(void)engine;
	(void)told;
	++*count;
}

/* The 2xx to a request of our own refreshes the target, and nobody is told. */
static void replies_to_ours(void **state)
{
	(void)state;
	struct test_host host;
	struct call call;

	unsigned int told = 0;

	fresh(&host, &call, NULL);
	call_up(&call);
	assert_int_equal(parley_subscribe(call.engine, call.id,
					  PARLEY_NOTE_REPLY_WITHIN |
						  PARLEY_NOTE_BYE_REPLIED,
					  count_told, &told, NULL),
			 0);
	struct parley_event reply = call_event(&call, PARLEY_EV_REPLY_WITHIN);
	reply.dir = DOWN; /* we asked the callee, as the caller */
	reply.to_tag = test_str("bob");
	reply.method = PARLEY_EV_UPDATE;
	reply.code = 200;
	reply.contact = test_str("sip:bob@10.7.7.7");
	reply.ours = true;
	assert_int_equal(call_feed(&call, &reply), 0);
	assert_int_equal(call.actions.note.types, 0);
	assert_true(is(prepare(&call, 1, DOWN).target, "sip:bob@10.7.7.7"));
	reply.method = PARLEY_EV_BYE;
	assert_int_equal(call_feed(&call, &reply), 0);
	assert_int_equal(call.actions.note.types, 0);
	reply.ours = false;
	assert_int_equal(call_feed(&call, &reply), 0);
	assert_int_equal(told, 2);
	finish(&host, &call);
}

/* The first 2xx may bring the caller's route set; no other reply does. */
static void caller_routes(void **state)
{
	(void)state;
	struct test_host host;
	struct call call;

	fresh(&host, &call, NULL);
	assert_int_equal(call_invite(&call, "c", 1), 0);
	struct parley_event reply = call_event(&call, PARLEY_EV_REPLY_1XX);
	reply.to_tag = test_str("bob");
	reply.code = 180;
	reply.cseq = 1;
	reply.contact = test_str("sip:bob@10.1.1.1");
	reply.caller_routes = test_str("<sip:wrong;lr>");
	assert_int_equal(call_feed(&call, &reply), 0);
	assert_true(is(prepare(&call, 1, UP).route_set, "<sip:p1;lr>"));
	reply.type = PARLEY_EV_REPLY_2XX;
	reply.code = 200;
	reply.caller_routes = test_str("<sip:us;lr>,<sip:p1;lr>");
	assert_int_equal(call_feed(&call, &reply), 0);
	assert_true(
		is(prepare(&call, 1, UP).route_set, "<sip:us;lr>,<sip:p1;lr>"));
	reply.to_tag = test_str("second");
	reply.caller_routes = test_str("<sip:wrong;lr>");
	assert_int_equal(call_feed(&call, &reply), 0);
	assert_true(
		is(prepare(&call, 1, UP).route_set, "<sip:us;lr>,<sip:p1;lr>"));
	finish(&host, &call);
}

/* A whole call, as a rung: each step may fail for lack of memory only. */
static bool call_rung(struct test_host *host)
{
	struct call call;
	bool whole = false;
	struct parley_pair var = {test_str("key"), test_str("value")};
	struct parley_config config;
	struct parley_profile_config profile = {"p", true};

	call_config(&config);
	config.profiles = &profile;
	config.profile_count = 1;
	if (!call_begin(&call, host, &config))
		return false;
	struct parley_event event = call_event(&call, PARLEY_EV_INVITE);
	struct parley_create_facts facts = {.vars = &var, .var_count = 1};
	event.callid = test_str("ladder");
	event.from_tag = test_str("alice");
	event.create = &facts;
	int rc = parley_profile_reserve(call.engine, 0, test_str("v"), 0, false,
					&facts.members);
	assert_true(rc == 0 || rc == PARLEY_E_MEMORY);
	if (rc == 0)
		rc = call_feed(&call, &event);
	assert_true(rc == 0 || rc == PARLEY_E_MEMORY);
	if (rc < 0) {
		parley_profile_release(call.engine, &facts.members);
		goto end;
	}
	call.id = call.actions.id;
	assert_int_equal(call_reply(&call, "bob", 180), 0);
	rc = call_reply(&call, "bob", 200);
	assert_true(rc == 0 || rc == PARLEY_E_MEMORY);
	if (rc < 0)
		goto end;
	assert_int_equal(call_request(&call, PARLEY_EV_ACK, DOWN, "bob", 1), 0);
	struct parley_event update = call_event(&call, PARLEY_EV_UPDATE);
	update.dir = DOWN;
	update.to_tag = test_str("bob");
	update.contact = test_str("sip:alice@192.168.100.100:5062");
	assert_int_equal(call_feed(&call, &update), 0);
	whole = host->refused == 0;
	assert_int_equal(call_request(&call, PARLEY_EV_BYE, UP, "bob", 1), 0);
end:
	call_end(&call);
	return whole;
}

static void every_allocation_may_fail(void **state)
{
	(void)state;
	struct parley_config config;
	call_config(&config);
	assert_true(ladder(call_rung, TEST_LOCKS_MAX,
			   parley_locks(&config) - 1) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plain_call),
		cmocka_unit_test(holds_keep_it),
		cmocka_unit_test(failed_calls),
		cmocka_unit_test(without_wait_ack),
		cmocka_unit_test(bogus_events_change_nothing),
		cmocka_unit_test(forked_call),
		cmocka_unit_test(two_answers),
		cmocka_unit_test(ack_of_a_leg_that_is_not_up),
		cmocka_unit_test(legs_are_bounded),
		cmocka_unit_test(callee_with_the_callers_tag),
		cmocka_unit_test(bye_of_an_early_leg),
		cmocka_unit_test(own_requests),
		cmocka_unit_test(replies_within),
		cmocka_unit_test(replies_to_ours),
		cmocka_unit_test(caller_routes),
		cmocka_unit_test(every_allocation_may_fail),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
