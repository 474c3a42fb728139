/* objects: all */
/* test_cseq.c - the numbers of requests, raised by authentication and by
 * requests of our own */
#include "call.h"

static struct call *tracking(void **state)
{
	struct parley_config config;

	call_config(&config);
	config.track_cseq = true;
	call_restart(state, &config);
	return call_of(state);
}

static int reply_raised(struct call *call, uint16_t code, uint32_t shift)
{
	struct parley_event event = call_event(
		call, code < 200 ? PARLEY_EV_REPLY_1XX : PARLEY_EV_REPLY_2XX);
	event.to_tag = (struct parley_str){"bob", 3};
	event.code = code;
	event.cseq = 10;
	event.cseq_shift = shift;
	return call_feed(call, &event);
}

/* What is to be added to a request of @method, as parley_match() says. */
static struct parley_match match(struct call *call, enum parley_direction dir,
				 enum parley_event_type method)
{
	const struct parley_str alice = {"alice", 5}, bob = {"bob", 3};
	const struct parley_query query = {
		.id = call->id,
		.callid = {"call", 4},
		.from_tag = dir == DOWN ? alice : bob,
		.to_tag = dir == DOWN ? bob : alice,
		.method = method,
	};
	struct parley_match match = {0};

	assert_int_equal(parley_match(call->engine, &query, &match), 0);
	return match;
}

static struct parley_cseq raise(struct call *call, uint32_t leg,
				enum parley_direction dir, bool invite,
				uint32_t cseq)
{
	struct parley_cseq request = {
		.leg = leg, .dir = dir, .invite = invite, .cseq = cseq};

	assert_int_equal(parley_cseq_raise(call->engine, call->id, &request),
			 0);
	return request;
}

static uint32_t ours_as(struct call *call, enum parley_direction dir,
			enum parley_request_kind kind)
{
	struct parley_request request;
	char buffer[512];

	assert_int_equal(parley_request_prepare(call->engine, call->id, 1, dir,
						kind, &request, buffer,
						sizeof(buffer), NULL),
			 0);
	return request.cseq;
}

static uint32_t ours(struct call *call, enum parley_direction dir, bool ack)
{
	return ours_as(call, dir,
		       ack ? PARLEY_REQUEST_ACK : PARLEY_REQUEST_NEXT);
}

/* An INVITE with number 10 that was challenged @times times, answered. */
static void challenged(struct call *call, uint32_t times)
{
	assert_int_equal(call_invite(call, "call", 10), 0);
	for (uint32_t i = 1; i <= times; i++) {
		struct parley_cseq request = raise(call, 0, DOWN, true, 10);
		assert_int_equal(request.shift, i);
		assert_int_equal(request.total, i);
	}
	assert_int_equal(reply_raised(call, 180, times), 0);
	assert_int_equal(reply_raised(call, 200, times), 0);
}

static void initial_invite(void **state)
{
	struct call *call = call_of(state);

	challenged(call, 2);
	assert_int_equal(ours(call, DOWN, true), 12);
	assert_int_equal(match(call, DOWN, PARLEY_EV_ACK).invite_shift, 2);
	assert_int_equal(match(call, DOWN, PARLEY_EV_BYE).cseq_shift, 2);
	assert_int_equal(match(call, UP, PARLEY_EV_BYE).cseq_shift, 0);
	/* The callee has seen 12, and then the caller's 11 as 13. */
	assert_int_equal(ours(call, DOWN, false), 13);
	assert_int_equal(call_request(call, PARLEY_EV_REQUEST, DOWN, "bob", 12),
			 0);
	assert_int_equal(ours(call, DOWN, false), 15);
}

/* A branch without credentials has the caller's own number. */
static void branch_not_raised(void **state)
{
	struct call *call = call_of(state);

	assert_int_equal(call_invite(call, "call", 10), 0);
	raise(call, 0, DOWN, true, 10);
	assert_int_equal(reply_raised(call, 200, 0), 0);
	assert_int_equal(match(call, DOWN, PARLEY_EV_ACK).invite_shift, 0);
	assert_int_equal(ours(call, DOWN, true), 10);
}

static void reinvite(void **state)
{
	struct call *call = call_of(state);
	struct parley_cseq again;

	challenged(call, 1);
	assert_int_equal(call_request(call, PARLEY_EV_ACK, DOWN, "bob", 10), 0);
	assert_int_equal(
		call_request(call, PARLEY_EV_REINVITE, DOWN, "bob", 11), 0);
	again = raise(call, 1, DOWN, true, 11);
	assert_int_equal(again.shift, 2);
	assert_int_equal(again.total, 2);
	assert_int_equal(match(call, DOWN, PARLEY_EV_ACK).invite_shift, 2);
	/* Another request is challenged before the ACK: it changes nothing for
	 * the ACK. */
	assert_int_equal(call_request(call, PARLEY_EV_UPDATE, DOWN, "bob", 12),
			 0);
	again = raise(call, 1, DOWN, false, 12);
	assert_int_equal(again.shift, 3);
	assert_int_equal(match(call, DOWN, PARLEY_EV_ACK).invite_shift, 2);
	assert_int_equal(match(call, DOWN, PARLEY_EV_ACK).cseq_shift, 3);
	/* The next INVITE takes what there is. */
	assert_int_equal(
		call_request(call, PARLEY_EV_REINVITE, DOWN, "bob", 13), 0);
	assert_int_equal(match(call, DOWN, PARLEY_EV_ACK).invite_shift, 3);
	assert_int_equal(ours(call, DOWN, false), 17);
}

/* The challenge comes when a later request was sent: no number comes twice. */
static void challenge_comes_late(void **state)
{
	struct call *call = call_of(state);
	struct parley_cseq again;

	challenged(call, 0);
	assert_int_equal(
		call_request(call, PARLEY_EV_REINVITE, DOWN, "bob", 11), 0);
	assert_int_equal(call_request(call, PARLEY_EV_REQUEST, DOWN, "bob", 12),
			 0);
	again = raise(call, 1, DOWN, true, 11);
	assert_int_equal(again.shift, 2); /* 13 */
	assert_int_equal(again.total, 1); /* and the next one is 13 + 1 */
	assert_int_equal(match(call, DOWN, PARLEY_EV_ACK).invite_shift, 2);
}

static void upstream(void **state)
{
	struct call *call = call_of(state);

	challenged(call, 0);
	assert_int_equal(call_request(call, PARLEY_EV_REINVITE, UP, "bob", 70),
			 0);
	assert_int_equal(raise(call, 1, UP, true, 70).shift, 1);
	assert_int_equal(match(call, UP, PARLEY_EV_ACK).invite_shift, 1);
	assert_int_equal(match(call, DOWN, PARLEY_EV_ACK).cseq_shift, 0);
	assert_int_equal(ours(call, UP, false), 72);
}

/* Requests of ours raise what comes after them only if that is wanted. */
static void own_requests(void **state)
{
	struct call *call = call_of(state);

	challenged(call, 0);
	assert_int_equal(ours(call, DOWN, false), 11);
	assert_int_equal(match(call, DOWN, PARLEY_EV_BYE).cseq_shift, 0);

	call = tracking(state);
	challenged(call, 0);
	assert_int_equal(ours(call, DOWN, true), 10);
	assert_int_equal(ours(call, DOWN, false), 11);
	assert_int_equal(ours(call, UP, false), 1);
	assert_int_equal(match(call, DOWN, PARLEY_EV_BYE).cseq_shift, 1);
	assert_int_equal(match(call, UP, PARLEY_EV_BYE).cseq_shift, 1);
	assert_int_equal(match(call, DOWN, PARLEY_EV_ACK).invite_shift, 0);
	assert_int_equal(call_request(call, PARLEY_EV_REQUEST, DOWN, "bob", 11),
			 0);
	assert_int_equal(call->actions.cseq_shift, 1);
	assert_int_equal(call->actions.invite_shift, 0);
	assert_int_equal(ours(call, DOWN, false), 13);
	assert_int_equal(
		call_request(call, PARLEY_EV_REINVITE, DOWN, "bob", 12), 0);
	assert_int_equal(call->actions.cseq_shift, 2);
	assert_int_equal(call->actions.invite_shift, 2);
	assert_int_equal(call_request(call, PARLEY_EV_ACK, DOWN, "bob", 12), 0);
	assert_int_equal(call->actions.cseq_shift, 0);
}

/* One that takes a number of its own, in a call whose others do not. */
static void one_of_its_own(void **state)
{
	struct call *call = call_of(state);

	assert_int_equal(call_invite(call, "call", 10), 0);
	assert_int_equal(reply_raised(call, 183, 0), 0);
	assert_int_equal(ours_as(call, DOWN, PARLEY_REQUEST_OWN), 11);
	assert_int_equal(reply_raised(call, 200, 0), 0);
	assert_int_equal(match(call, DOWN, PARLEY_EV_ACK).invite_shift, 0);
	assert_int_equal(match(call, DOWN, PARLEY_EV_BYE).cseq_shift, 1);
	assert_int_equal(call_request(call, PARLEY_EV_REQUEST, DOWN, "bob", 11),
			 0);
	assert_int_equal(ours(call, DOWN, false), 13);
	assert_int_equal(match(call, DOWN, PARLEY_EV_BYE).cseq_shift, 1);
	assert_int_equal(ours_as(call, DOWN, PARLEY_REQUEST_OWN), 14);
	assert_int_equal(match(call, DOWN, PARLEY_EV_BYE).cseq_shift, 2);
	assert_int_equal(ours(call, UP, false), 1);
	assert_int_equal(match(call, UP, PARLEY_EV_BYE).cseq_shift, 0);
}

static void limits(void **state)
{
	struct call *call = call_of(state);
	struct parley_cseq request = {.leg = 7, .dir = DOWN};
	const struct parley_id nobody = {1, 1};

	challenged(call, 0);
	assert_int_equal(parley_cseq_raise(call->engine, call->id, &request),
			 PARLEY_E_NO_LEG);
	assert_int_equal(parley_cseq_raise(call->engine, nobody, &request),
			 PARLEY_E_NO_DIALOG);
	request.dir = PARLEY_DIR_NONE;
	assert_int_equal(parley_cseq_raise(call->engine, call->id, &request),
			 PARLEY_E_ARGUMENT);
	request = (struct parley_cseq){
		.leg = 1, .dir = DOWN, .cseq = INT32_MAX - 1};
	assert_int_equal(parley_cseq_raise(call->engine, call->id, &request),
			 0);
	assert_int_equal(parley_cseq_raise(call->engine, call->id, &request),
			 PARLEY_E_FULL);
	assert_int_equal(ours(call, DOWN, false), INT32_MAX);
	/* Nonsense from a host is cut off, not added up. */
	assert_int_equal(reply_raised(call, 200, UINT32_MAX), 0);
	assert_int_equal(ours(call, DOWN, true), 10);
}

int main(void)
{
#define TEST(function)                                                         \
	cmocka_unit_test_setup_teardown(function, call_setup, call_teardown)
	const struct CMUnitTest tests[] = {
		TEST(initial_invite), TEST(branch_not_raised),
		TEST(reinvite),	      TEST(challenge_comes_late),
		TEST(upstream),	      TEST(own_requests),
		TEST(one_of_its_own), TEST(limits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
