/* objects: all */
/* test_validate.c - which requests are those of a party */
#include <string.h>

#include "call.h"

/* What the engine expects of a request on the leg @tag. */
static struct parley_expected expect(struct call *call,
				     enum parley_direction dir, const char *tag,
				     enum parley_event_type method,
				     uint32_t cseq)
{
	static char buffer[2 * PARLEY_STR_MAX];
	const struct parley_str alice = test_str("alice");
	const struct parley_query query = {
		.id = call->id,
		.callid = test_str("call-1"),
		.from_tag = dir == DOWN ? alice : test_str(tag),
		.to_tag = dir == DOWN ? test_str(tag) : alice,
		.method = method,
	};
	struct parley_expected expected = {0};
	struct parley_match match;
	struct parley_claim claim = {.method = method, .cseq = cseq};

	assert_int_equal(parley_match(call->engine, &query, &match), 0);
	claim.id = match.id;
	claim.leg = match.leg;
	claim.dir = match.dir;
	assert_int_equal(parley_expect(call->engine, &claim, &expected, buffer,
				       sizeof(buffer)),
			 0);
	assert_no_fault(parley_check(call->engine));
	return expected;
}

static bool fits(struct call *call, enum parley_direction dir,
		 enum parley_event_type method, uint32_t cseq)
{
	return expect(call, dir, "bob", method, cseq).in_order;
}

static void request(struct call *call, enum parley_event_type type,
		    enum parley_direction dir, uint32_t cseq)
{
	assert_int_equal(call_request(call, type, dir, "bob", cseq), 0);
}

static uint32_t ours(struct call *call, enum parley_direction towards)
{
	struct parley_request request;
	char buffer[512];

	assert_int_equal(parley_request_prepare(call->engine, call->id, 1,
						towards, PARLEY_REQUEST_NEXT,
						&request, buffer,
						sizeof(buffer), NULL),
			 0);
	return request.cseq;
}

/* ------------------------------------------------ numbers */

static void above_the_last_of_its_way(void **state)
{
	struct call *call = call_of(state);

	call_up(call);
	assert_false(fits(call, DOWN, PARLEY_EV_BYE, 1));
	assert_true(fits(call, DOWN, PARLEY_EV_BYE, 2));
	/* Nothing has been fed: it is so again, and gaps are legal. */
	assert_true(fits(call, DOWN, PARLEY_EV_BYE, 2));
	assert_true(fits(call, DOWN, PARLEY_EV_BYE, 2000));
	/* The callee has a count of its own, which has not begun. */
	assert_true(fits(call, UP, PARLEY_EV_BYE, 1));
	request(call, PARLEY_EV_REINVITE, UP, 100);
	assert_false(fits(call, UP, PARLEY_EV_BYE, 100));
	assert_false(fits(call, UP, PARLEY_EV_PRACK, 99));
	assert_true(fits(call, UP, PARLEY_EV_UPDATE, 101));
	assert_true(fits(call, DOWN, PARLEY_EV_BYE, 2));
	request(call, PARLEY_EV_REQUEST, DOWN, 7);
	assert_false(fits(call, DOWN, PARLEY_EV_PRACK, 7));
	assert_true(fits(call, DOWN, PARLEY_EV_PRACK, 8));
}

static void numbers_that_nobody_may_use(void **state)
{
	static const uint32_t bad[] = {0, 1U << 31, (1U << 31) + 1, UINT32_MAX};
	struct call *call = call_of(state);

	call_up(call);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(fits(call, DOWN, PARLEY_EV_BYE, bad[i]));
		assert_false(fits(call, UP, PARLEY_EV_BYE, bad[i]));
		assert_false(fits(call, DOWN, PARLEY_EV_ACK, bad[i]));
	}
	assert_true(fits(call, DOWN, PARLEY_EV_BYE, (1U << 31) - 1));
}

static void what_was_fed_is_judged_no_more(void **state)
{
	struct call *call = call_of(state);
	struct parley_claim claim = {
		.leg = 1, .dir = DOWN, .method = PARLEY_EV_REQUEST, .cseq = 2};
	struct parley_expected expected;
	char buffer[256];

	call_up(call);
	claim.id = call->id;
	request(call, PARLEY_EV_REQUEST, DOWN, 2);
	for (int fed = 0; fed < 2; fed++) {
		claim.was_fed = fed;
		assert_int_equal(parley_expect(call->engine, &claim, &expected,
					       buffer, sizeof(buffer)),
				 0);
		assert_int_equal(expected.in_order, fed);
	}
	claim.cseq = 0;
	assert_int_equal(parley_expect(call->engine, &claim, &expected, buffer,
				       sizeof(buffer)),
			 0);
	assert_false(expected.in_order);
}

static void ack_has_its_invites_number(void **state)
{
	struct call *call = call_of(state);

	call_up(call);
	assert_true(fits(call, DOWN, PARLEY_EV_ACK, 1));
	assert_false(fits(call, DOWN, PARLEY_EV_ACK, 2));
	/* The callee has sent no INVITE. */
	request(call, PARLEY_EV_REQUEST, UP, 100);
	assert_false(fits(call, UP, PARLEY_EV_ACK, 100));
	request(call, PARLEY_EV_REINVITE, UP, 101);
	request(call, PARLEY_EV_REQUEST, UP, 103);
	assert_true(fits(call, UP, PARLEY_EV_ACK, 101));
	assert_false(fits(call, UP, PARLEY_EV_ACK, 103));
	assert_false(fits(call, UP, PARLEY_EV_ACK, 102));

	request(call, PARLEY_EV_REINVITE, DOWN, 5);
	assert_true(fits(call, DOWN, PARLEY_EV_ACK, 5));
	assert_false(fits(call, DOWN, PARLEY_EV_ACK, 1));
	request(call, PARLEY_EV_REQUEST, DOWN, 6);
	assert_true(fits(call, DOWN, PARLEY_EV_ACK, 5));
	/* So far back that nobody has counted. */
	request(call, PARLEY_EV_REQUEST, DOWN, 600);
	assert_true(fits(call, DOWN, PARLEY_EV_ACK, 5));
	assert_true(fits(call, DOWN, PARLEY_EV_ACK, 600));
	assert_false(fits(call, DOWN, PARLEY_EV_ACK, 601));
}

/* The proxy's own requests have taken numbers that the party knows nothing of.
 */
static void own_requests(void **state)
{
	struct call *call = call_of(state);

	call_up(call);
	assert_int_equal(ours(call, DOWN), 2);
	assert_int_equal(ours(call, DOWN), 3);
	assert_false(fits(call, DOWN, PARLEY_EV_BYE, 1));
	assert_true(fits(call, DOWN, PARLEY_EV_ACK, 1));
	assert_true(fits(call, DOWN, PARLEY_EV_BYE, 2));
	request(call, PARLEY_EV_REQUEST, DOWN, 2);
	assert_false(fits(call, DOWN, PARLEY_EV_BYE, 2));
	assert_true(fits(call, DOWN, PARLEY_EV_BYE, 3));
	request(call, PARLEY_EV_REINVITE, DOWN, 3);
	assert_true(fits(call, DOWN, PARLEY_EV_ACK, 3));
	assert_false(fits(call, DOWN, PARLEY_EV_BYE, 3));
	request(call, PARLEY_EV_REQUEST, DOWN, 9);
	assert_false(fits(call, DOWN, PARLEY_EV_BYE, 9));
	assert_true(fits(call, DOWN, PARLEY_EV_BYE, 10));
}

static void with_numbers_raised(void **state)
{
	struct parley_config config;
	struct call *call;

	call_config(&config);
	config.track_cseq = true;
	call_restart(state, &config);
	call = call_of(state);
	call_up(call);
	assert_int_equal(ours(call, DOWN), 2);
	assert_false(fits(call, DOWN, PARLEY_EV_BYE, 1));
	assert_true(fits(call, DOWN, PARLEY_EV_BYE, 2));
	assert_true(fits(call, DOWN, PARLEY_EV_ACK, 1));
	request(call, PARLEY_EV_REINVITE, DOWN, 2);
	assert_true(fits(call, DOWN, PARLEY_EV_ACK, 2));

	struct parley_cseq again = {
		.leg = 1, .dir = DOWN, .invite = true, .cseq = 2};
	assert_int_equal(parley_cseq_raise(call->engine, call->id, &again), 0);
	assert_true(fits(call, DOWN, PARLEY_EV_ACK, 2));
	assert_false(fits(call, DOWN, PARLEY_EV_ACK, 3));
	assert_false(fits(call, DOWN, PARLEY_EV_BYE, 2));
	assert_true(fits(call, DOWN, PARLEY_EV_BYE, 3));
}

static void one_tag_for_both(void **state)
{
	struct call *call = call_of(state);
	struct parley_expected expected;

	assert_int_equal(call_invite(call, "call-1", 10), 0);
	assert_int_equal(call_reply(call, "alice", 200), 0);
	expected = expect(call, DOWN, "alice", PARLEY_EV_BYE, 1);
	assert_true(expected.in_order);
	assert_false(expected.target_known || expected.routes_known);
	assert_false(expect(call, DOWN, "alice", PARLEY_EV_BYE, 0).in_order);
}

/* ------------------------------------------------ where to */

static void is_text(struct parley_str text, const char *want)
{
	assert_int_equal(text.len, strlen(want));
	assert_memory_equal(text.s, want, text.len);
}

static void targets(void **state)
{
	struct call *call = call_of(state);
	struct parley_expected expected;
	struct parley_event event;

	call_up(call);
	expected = expect(call, DOWN, "bob", PARLEY_EV_BYE, 2);
	assert_true(expected.target_known && expected.routes_known);
	is_text(expected.target, "sip:bob@10.0.0.2");
	is_text(expected.route_set, "<sip:p2;lr>");
	expected = expect(call, UP, "bob", PARLEY_EV_BYE, 2);
	assert_true(expected.target_known && expected.routes_known);
	is_text(expected.target, "sip:alice@10.0.0.1");
	is_text(expected.route_set, "<sip:p1;lr>");

	/* A target refresh counts when it is fed. */
	event = call_event(call, PARLEY_EV_UPDATE);
	event.dir = UP;
	event.to_tag = test_str("bob");
	event.cseq = 1;
	event.contact = test_str("sip:bob@10.0.0.3");
	assert_int_equal(call_feed(call, &event), 0);
	is_text(expect(call, DOWN, "bob", PARLEY_EV_BYE, 2).target,
		"sip:bob@10.0.0.3");
}

static void early_targets(void **state)
{
	struct call *call = call_of(state);
	struct parley_event event;
	struct parley_expected expected;

	assert_int_equal(call_invite(call, "call-1", 1), 0);
	event = call_event(call, PARLEY_EV_REPLY_1XX);
	event.code = 180;
	event.to_tag = test_str("bob");
	assert_int_equal(call_feed(call, &event), 0);
	expected = expect(call, DOWN, "bob", PARLEY_EV_PRACK, 2);
	assert_true(expected.in_order);
	assert_false(expected.target_known || expected.routes_known);
	/* The caller has said all in its INVITE. */
	expected = expect(call, UP, "bob", PARLEY_EV_UPDATE, 1);
	assert_true(expected.target_known && expected.routes_known);

	/* Another fork tells more. */
	event.to_tag = test_str("carol");
	event.contact = test_str("sip:carol@10.0.0.4");
	event.route_set = test_str("<sip:p3;lr>");
	assert_int_equal(call_feed(call, &event), 0);
	expected = expect(call, DOWN, "carol", PARLEY_EV_PRACK, 2);
	assert_true(expected.target_known && expected.routes_known);
	is_text(expected.route_set, "<sip:p3;lr>");

	/* A 2xx without Record-Route: the route set is known to be empty. */
	event.type = PARLEY_EV_REPLY_2XX;
	event.code = 200;
	event.cseq = 1;
	event.route_set = (struct parley_str){0};
	assert_int_equal(call_feed(call, &event), 0);
	expected = expect(call, DOWN, "carol", PARLEY_EV_BYE, 2);
	assert_true(expected.routes_known);
	assert_int_equal(expected.route_set.len, 0);
}

static void errors(void **state)
{
	struct call *call = call_of(state);
	struct parley_claim claim = {
		.leg = 1, .dir = DOWN, .method = PARLEY_EV_BYE, .cseq = 2};
	struct parley_expected expected;
	char buffer[64];

	call_up(call);
	assert_int_equal(parley_expect(call->engine, &claim, &expected, buffer,
				       sizeof(buffer)),
			 PARLEY_E_NO_DIALOG);
	claim.id = call->id;
	assert_int_equal(
		parley_expect(call->engine, &claim, &expected, buffer, 8),
		PARLEY_E_SPACE);
	claim.leg = 9;
	assert_int_equal(parley_expect(call->engine, &claim, &expected, buffer,
				       sizeof(buffer)),
			 PARLEY_E_NO_LEG);
	claim.dir = PARLEY_DIR_NONE;
	assert_int_equal(parley_expect(call->engine, &claim, &expected, buffer,
				       sizeof(buffer)),
			 PARLEY_E_ARGUMENT);
}

static void refusals_are_counted(void **state)
{
	struct call *call = call_of(state);
	struct parley_stats stats;

	parley_refused(call->engine, PARLEY_REFUSED_CSEQ);
	parley_refused(call->engine, PARLEY_REFUSED_TARGET);
	parley_refused(call->engine, PARLEY_REFUSED_TARGET);
	for (int i = 0; i < 3; i++)
		parley_refused(call->engine, PARLEY_REFUSED_ROUTE);
	stats = call_stats(call);
	assert_int_equal(stats.bogus_cseq, 1);
	assert_int_equal(stats.bogus_target, 2);
	assert_int_equal(stats.bogus_route, 3);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, call_setup, call_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(above_the_last_of_its_way),
		TEST(numbers_that_nobody_may_use),
		TEST(what_was_fed_is_judged_no_more),
		TEST(ack_has_its_invites_number),
		TEST(own_requests),
		TEST(with_numbers_raised),
		TEST(one_tag_for_both),
		TEST(targets),
		TEST(early_targets),
		TEST(errors),
		TEST(refusals_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
