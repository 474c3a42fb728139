/* objects: all */
#include <stdio.h>
#include <string.h>

#include "call.h"

/* What create_dialog() of OpenSIPS asks for: pings with numbers of their own,
 * and the end of a call whose parties do not answer. */

enum {
	OPTIONS = PARLEY_OPT_PING_CALLER | PARLEY_OPT_PING_CALLEE,
	REINVITES = PARLEY_OPT_REINVITE_CALLER | PARLEY_OPT_REINVITE_CALLEE,
	SECOND = 1000,
};

static void set_options(struct call *call, uint32_t set, uint32_t clear)
{
	uint32_t bits = 0;

	assert_int_equal(parley_options(call->engine, call->now, call->id, set,
					clear, &bits),
			 0);
	assert_no_fault(parley_check(call->engine));
}

static struct call *up_limit(void **state, uint32_t options, uint32_t limit)
{
	struct parley_config config;
	struct call *call;

	call_config(&config);
	config.ping_lost_limit = limit;
	call = call_of(state);
	call_restart(state, &config);
	call_up(call);
	set_options(call, options, 0);
	return call;
}

static struct call *up(void **state, uint32_t options)
{
	return up_limit(state, options, 1);
}

/* Until the next ping, which must come within @ms. */
static void next_ping(struct call *call, uint64_t ms)
{
	for (uint64_t i = 0; i < ms; i += 100)
		if (call_wait(call, 100) > 0 &&
		    call_count(call, PARLEY_ACT_PING) > 0)
			return;
	fail_msg("no ping within %u ms", (unsigned int)ms);
}

static uint32_t asked(const struct call *call, enum parley_direction dir,
		      enum parley_ping ping)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < call->actions.count; i++) {
		const struct parley_action *action = &call->actions.list[i];

		count += action->type == PARLEY_ACT_PING &&
			 action->dir == dir && action->ping == ping;
	}
	return count;
}

static int done(struct call *call, enum parley_direction dir,
		enum parley_ping ping, uint16_t code)
{
	struct parley_event event = call_event(call, PARLEY_EV_PING_DONE);

	event.leg = 1;
	event.dir = dir;
	event.ping = (uint8_t)ping;
	event.code = code;
	return call_feed(call, &event);
}

static int prepare(struct call *call, enum parley_direction dir,
		   enum parley_request_kind kind,
		   struct parley_request *request)
{
	static char buffer[2048];

	return parley_request_prepare(call->engine, call->id, 1, dir, kind,
				      request, buffer, sizeof(buffer), NULL);
}

static uint32_t number(struct call *call, enum parley_direction dir,
		       enum parley_request_kind kind)
{
	struct parley_request request;

	assert_int_equal(prepare(call, dir, kind, &request), 0);
	assert_no_fault(parley_check(call->engine));
	return request.cseq;
}

static void assert_end_reason(struct call *call, const char *reason)
{
	char buffer[4096];
	struct parley_view view;

	assert_int_equal(parley_read(call->engine, call->now, call->id, &view,
				     buffer, sizeof(buffer), NULL),
			 0);
	assert_true(view.ending);
	assert_int_equal(view.end_code, 408);
	assert_int_equal(view.end_reason.len, strlen(reason));
	assert_memory_equal(view.end_reason.s, reason, strlen(reason));
}

static void agree(struct call *call, const char *caller, const char *callee)
{
	const struct parley_said one = {test_str("sip:alice@sent"),
					test_str(caller)};
	const struct parley_said other = {test_str("sip:bob@sent"),
					  test_str(callee)};

	assert_int_equal(parley_agreed(call->engine, call->id, test_str("bob"),
				       &one, &other),
			 0);
}

/* ------------------------------------------------ when */

static void first_within_an_interval(void **state)
{
	struct call *call = up(state, OPTIONS);
	uint64_t start = call->now.ms, first;

	next_ping(call, 31 * SECOND + 200);
	first = call->now.ms;
	assert_in_range(first - start, SECOND, 31 * SECOND + 100);
	assert_int_equal(call->actions.count, 2);
	assert_int_equal(asked(call, UP, PARLEY_PING_OPTIONS), 1);
	assert_int_equal(asked(call, DOWN, PARLEY_PING_OPTIONS), 1);
	for (uint32_t i = 0; i < 5; i++) {
		assert_int_equal(done(call, UP, PARLEY_PING_OPTIONS, 200), 0);
		assert_int_equal(done(call, DOWN, PARLEY_PING_OPTIONS, 404), 0);
		assert_int_equal(call_wait(call, 29 * SECOND), 0);
		assert_int_equal(call_wait(call, SECOND), 1);
		assert_int_equal(call->now.ms, first + 30u * (i + 1) * SECOND);
	}
	/* A clock that jumped does not make up for what it has missed. */
	assert_int_equal(call_wait(call, 400 * SECOND), 1);
	assert_int_equal(call->actions.count, 2);
}

static void only_whom_the_options_name(void **state)
{
	struct call *call = up(state, PARLEY_OPT_PING_CALLEE);

	next_ping(call, 32 * SECOND);
	assert_int_equal(call->actions.count, 1);
	assert_int_equal(asked(call, DOWN, PARLEY_PING_OPTIONS), 1);
	set_options(call, 0, OPTIONS);
	assert_int_equal(call_wait(call, 90 * SECOND), 0);
	set_options(call, PARLEY_OPT_PING_CALLER, 0);
	next_ping(call, 32 * SECOND);
	assert_int_equal(call->actions.count, 1);
	assert_int_equal(asked(call, UP, PARLEY_PING_OPTIONS), 1);
	/* Not one that waits to be sent when the call is being ended. */
	assert_int_equal(call_terminate(call, PARLEY_SIDE_CALLEE), 0);
	struct parley_request request;
	assert_int_equal(
		prepare(call, UP, PARLEY_REQUEST_PING_OPTIONS, &request),
		PARLEY_E_STATE);
	assert_int_equal(done(call, UP, PARLEY_PING_OPTIONS, 481), 0);
	assert_int_equal(call_wait(call, 31 * SECOND), 0);
}

static void its_own_interval(void **state)
{
	struct call *call = up(state, OPTIONS);
	uint32_t seconds = 0;

	assert_int_equal(parley_get_ping_interval(call->engine, call->id,
						  PARLEY_PING_OPTIONS,
						  &seconds),
			 0);
	assert_int_equal(seconds, 30);
	assert_int_equal(parley_set_ping_interval(call->engine, call->now,
						  call->id, PARLEY_PING_OPTIONS,
						  5),
			 0);
	assert_int_equal(parley_get_ping_interval(call->engine, call->id,
						  PARLEY_PING_OPTIONS,
						  &seconds),
			 0);
	assert_int_equal(seconds, 5);
	assert_int_equal(parley_get_ping_interval(call->engine, call->id,
						  PARLEY_PING_REINVITE,
						  &seconds),
			 0);
	assert_int_equal(seconds, 300);
	next_ping(call, 6 * SECOND + 100);
	assert_int_equal(call_wait(call, 4900), 0);
	assert_int_equal(call_wait(call, 100), 1);
	for (uint32_t wrong = 0; wrong < 3; wrong++)
		assert_int_equal(
			parley_set_ping_interval(
				call->engine, call->now, call->id,
				wrong < 2 ? PARLEY_PING_OPTIONS
					  : PARLEY_PING_KA,
				wrong == 0 ? 0
					   : PARLEY_PING_INTERVAL_MAX_S + 1),
			PARLEY_E_ARGUMENT);
	assert_int_equal(parley_set_ping_interval(call->engine, call->now,
						  call->id, PARLEY_PING_OPTIONS,
						  PARLEY_PING_INTERVAL_MAX_S),
			 0);
	assert_int_equal(call_wait(call, 100 * SECOND), 0);
}

enum { CALLS = 2000, CELLS = 10 };

/* Many calls that were confirmed at once are pinged all over the interval. */
static void spread_evenly(void **state)
{
	struct call *call = up(state, OPTIONS);
	uint32_t cell[CELLS] = {0};

	call_terminate(call, PARLEY_SIDE_ALL);
	call_wait(call, 100 * SECOND);
	for (uint32_t i = 0; i < CALLS; i++) {
		char callid[16];

		snprintf(callid, sizeof(callid), "n%u", i);
		assert_int_equal(call_invite(call, callid, 1), 0);
		assert_int_equal(call_reply(call, "bob", 200), 0);
		assert_int_equal(
			call_request(call, PARLEY_EV_ACK, DOWN, "bob", 1), 0);
		set_options(call, OPTIONS, 0);
	}
	call_wait(call, SECOND); /* which has none */
	for (uint32_t i = 0; i < CELLS; i++)
		for (uint32_t j = 0; j < 30; j++)
			cell[i] += call_wait(call, 100);
	for (uint32_t i = 0; i < CELLS; i++)
		assert_in_range(cell[i], CALLS / CELLS * 2 / 3,
				CALLS / CELLS * 4 / 3);
}

/* ------------------------------------------------ numbers */

static void numbers_rise_and_shift(void **state)
{
	struct call *call = up(state, OPTIONS);
	struct parley_query query = {
		.callid = test_str("call-1"),
		.from_tag = test_str("alice"),
		.to_tag = test_str("bob"),
		.method = PARLEY_EV_BYE,
	};
	struct parley_match match;

	next_ping(call, 32 * SECOND);
	/* Nothing else has been said by either side. */
	assert_int_equal(number(call, UP, PARLEY_REQUEST_PING_OPTIONS), 1);
	assert_int_equal(number(call, DOWN, PARLEY_REQUEST_PING_OPTIONS), 2);
	query.id = call->id;
	assert_int_equal(parley_match(call->engine, &query, &match), 0);
	assert_int_equal(match.cseq_shift, 1);
	assert_int_equal(match.invite_shift, 0);
	assert_false(match.said);
	/* The caller's next number is 2, and the callee has seen that. */
	assert_int_equal(call_request(call, PARLEY_EV_REINVITE, DOWN, "bob", 2),
			 0);
	assert_int_equal(call->actions.cseq_shift, 1);
	assert_int_equal(call->actions.invite_shift, 1);
	assert_int_equal(number(call, DOWN, PARLEY_REQUEST_PING_OPTIONS), 4);
	/* Our own BYE comes after all of them. */
	assert_int_equal(number(call, DOWN, PARLEY_REQUEST_NEXT), 5);
	assert_int_equal(number(call, UP, PARLEY_REQUEST_NEXT), 2);
}

/* ------------------------------------------------ answers */

static void a_lost_one_ends_the_call(void **state)
{
	struct call *call = up(state, OPTIONS);

	next_ping(call, 32 * SECOND);
	assert_int_equal(done(call, UP, PARLEY_PING_OPTIONS, 200), 0);
	assert_int_equal(done(call, DOWN, PARLEY_PING_OPTIONS, 408), 0);
	assert_int_equal(call_count(call, PARLEY_ACT_BYE), 2);
	assert_end_reason(call, "Callee Ping Timeout");
	struct parley_actions ends = call->actions;
	assert_int_equal(call_bye_done(call, &ends, 0, 481), 0);
	assert_int_equal(call_bye_done(call, &ends, 1, 200), 0);
	assert_int_equal(call_state(call), 5);
	assert_int_equal(call_stats(call).ended_by_us, 1);
}

static void of_both_the_second_is_waited_for(void **state)
{
	struct call *call = up(state, OPTIONS);

	next_ping(call, 32 * SECOND);
	assert_int_equal(done(call, UP, PARLEY_PING_OPTIONS, 408), 0);
	assert_int_equal(call->actions.count, 0);
	assert_int_equal(done(call, DOWN, PARLEY_PING_OPTIONS, 408), 0);
	assert_int_equal(call_count(call, PARLEY_ACT_BYE), 2);
	assert_end_reason(call, "Ping Timeout");
}

static void but_not_for_long(void **state)
{
	struct call *call = up(state, OPTIONS);

	next_ping(call, 32 * SECOND);
	assert_int_equal(done(call, UP, PARLEY_PING_OPTIONS, 481), 0);
	assert_int_equal(call->actions.count, 0);
	assert_int_equal(call_wait(call, 31 * SECOND), 1);
	assert_int_equal(call_count(call, PARLEY_ACT_BYE), 2);
	assert_int_equal(call_count(call, PARLEY_ACT_PING), 0);
	assert_end_reason(call, "Caller Ping Timeout");
}

static void the_limit_is_in_a_row(void **state)
{
	struct call *call = up_limit(state, PARLEY_OPT_PING_CALLER, 3);
	static const uint16_t codes[] = {408, 481, 200, 408, 0, 408, 100};

	next_ping(call, 32 * SECOND);
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		assert_int_equal(done(call, UP, PARLEY_PING_OPTIONS, codes[i]),
				 0);
		assert_int_equal(call->actions.count, 0);
	}
	assert_int_equal(done(call, UP, PARLEY_PING_OPTIONS, 481), 0);
	assert_int_equal(call_count(call, PARLEY_ACT_BYE), 2);
	assert_end_reason(call, "Caller Ping Timeout");
}

/* One callee that has gone ends nothing as long as another one is there. */
static void all_legs_must_be_lost(void **state)
{
	struct call *call = up(state, OPTIONS);

	assert_int_equal(call_reply(call, "carol", 200), 0);
	assert_int_equal(call_request(call, PARLEY_EV_ACK, DOWN, "carol", 1),
			 0);
	next_ping(call, 32 * SECOND);
	assert_int_equal(call->actions.count, 4);
	assert_int_equal(done(call, UP, PARLEY_PING_OPTIONS, 200), 0);
	assert_int_equal(done(call, DOWN, PARLEY_PING_OPTIONS, 408), 0);
	assert_int_equal(call->actions.count, 0);
	assert_int_equal(call_request(call, PARLEY_EV_BYE, UP, "carol", 9), 0);
	/* With the next ping at the latest. */
	assert_int_equal(call_wait(call, 31 * SECOND), 1);
	assert_int_equal(call_count(call, PARLEY_ACT_BYE), 2);
	assert_end_reason(call, "Callee Ping Timeout");
}

static void a_wrong_report(void **state)
{
	struct call *call = up(state, OPTIONS);

	assert_int_equal(done(call, UP, PARLEY_PINGS, 408), PARLEY_E_ARGUMENT);
	assert_int_equal(done(call, PARLEY_DIR_NONE, PARLEY_PING_OPTIONS, 408),
			 PARLEY_E_ARGUMENT);
	/* Of a keep-alive of the other kind it says nothing. */
	assert_int_equal(done(call, UP, PARLEY_PING_KA, 408), 0);
	assert_int_equal(call_state(call), 4);
	assert_int_equal(call_count(call, PARLEY_ACT_BYE), 0);
}

/* ------------------------------------------------ re-INVITEs */

static void a_reinvite_repeats_what_was_said(void **state)
{
	struct call *call = up(state, REINVITES);
	struct parley_request request;

	agree(call, "offer", "answer");
	next_ping(call, 302 * SECOND);
	assert_int_equal(call->actions.count, 2);
	assert_int_equal(asked(call, UP, PARLEY_PING_REINVITE), 1);
	assert_int_equal(asked(call, DOWN, PARLEY_PING_REINVITE), 1);
	assert_int_equal(
		prepare(call, DOWN, PARLEY_REQUEST_PING_REINVITE, &request), 0);
	assert_int_equal(request.cseq, 2);
	assert_int_equal(request.body.len, 5);
	assert_memory_equal(request.body.s, "offer", 5);
	assert_int_equal(request.contact.len, 14);
	assert_memory_equal(request.contact.s, "sip:alice@sent", 14);
	/* The callee is on hold. What is NULL stays, what is empty goes. */
	const struct parley_said hold = {{NULL, 0}, test_str("hold")};
	const struct parley_said unknown = {{NULL, 0}, test_str("")};
	assert_int_equal(parley_agreed(call->engine, call->id, test_str("bob"),
				       NULL, &hold),
			 0);
	assert_int_equal(
		prepare(call, UP, PARLEY_REQUEST_PING_REINVITE, &request), 0);
	assert_int_equal(request.cseq, 1);
	assert_memory_equal(request.body.s, "hold", request.body.len);
	assert_memory_equal(request.contact.s, "sip:bob@sent",
			    request.contact.len);
	assert_int_equal(parley_agreed(call->engine, call->id, test_str("bob"),
				       NULL, &unknown),
			 0);
	assert_int_equal(
		prepare(call, UP, PARLEY_REQUEST_PING_REINVITE, &request),
		PARLEY_E_STATE);
	assert_int_equal(parley_agreed(call->engine, call->id,
				       test_str("carol"), NULL, &hold),
			 PARLEY_E_NO_LEG);
	set_options(call, 0, REINVITES);
	assert_int_equal(parley_agreed(call->engine, call->id, test_str("bob"),
				       NULL, &hold),
			 PARLEY_E_STATE);
}

static void options_until_it_is_known(void **state)
{
	struct call *call = up(state, REINVITES | OPTIONS);

	/* No rhythm of OPTIONS beside it: the re-INVITE wins. */
	assert_int_equal(parley_set_ping_interval(call->engine, call->now,
						  call->id,
						  PARLEY_PING_REINVITE, 60),
			 0);
	next_ping(call, 62 * SECOND);
	assert_int_equal(asked(call, UP, PARLEY_PING_OPTIONS), 1);
	assert_int_equal(asked(call, DOWN, PARLEY_PING_OPTIONS), 1);
	assert_int_equal(done(call, UP, PARLEY_PING_OPTIONS, 200), 0);
	assert_int_equal(done(call, DOWN, PARLEY_PING_OPTIONS, 200), 0);
	assert_int_equal(call_wait(call, 59 * SECOND), 0);
	agree(call, "offer", "answer");
	assert_int_equal(call_wait(call, SECOND), 1);
	assert_int_equal(asked(call, UP, PARLEY_PING_REINVITE), 1);
	assert_int_equal(asked(call, DOWN, PARLEY_PING_REINVITE), 1);
}

static int reply(struct call *call, enum parley_event_type method,
		 uint16_t code)
{
	struct parley_event event = call_event(call, PARLEY_EV_REPLY_WITHIN);

	event.method = method;
	event.dir = DOWN;
	event.to_tag = test_str("bob");
	event.code = code;
	return call_feed(call, &event);
}

/* True: a re-INVITE of ours could be sent now. */
static bool is_free(struct call *call)
{
	struct parley_request request;
	int rc = prepare(call, UP, PARLEY_REQUEST_PING_REINVITE, &request);

	assert_true(rc == 0 || rc == PARLEY_E_STATE);
	return rc == 0;
}

static void not_while_they_negotiate(void **state)
{
	struct call *call = up(state, REINVITES);
	uint64_t start;

	agree(call, "offer", "answer");
	assert_int_equal(parley_set_ping_interval(call->engine, call->now,
						  call->id,
						  PARLEY_PING_REINVITE, 60),
			 0);
	assert_true(is_free(call));
	assert_int_equal(call_request(call, PARLEY_EV_REINVITE, DOWN, "bob", 2),
			 0);
	/* Postponed, and not lost. */
	for (int i = 0; i < 700; i++) {
		call_wait(call, 100);
		assert_int_equal(call_count(call, PARLEY_ACT_PING), 0);
		assert_false(is_free(call));
	}
	assert_int_equal(reply(call, PARLEY_EV_REINVITE, 200), 0);
	assert_false(is_free(call));
	assert_int_equal(call_request(call, PARLEY_EV_ACK, DOWN, "bob", 2), 0);
	assert_true(is_free(call));
	next_ping(call, 2 * SECOND + 100);
	assert_int_equal(call->actions.count, 2);
	/* While ours are under way there are no more of them. */
	assert_int_equal(done(call, UP, PARLEY_PING_REINVITE, 491), 0);
	start = call->now.ms;
	for (int i = 0; i < 800; i++) {
		call_wait(call, 100);
		assert_int_equal(call_count(call, PARLEY_ACT_PING), 0);
	}
	assert_int_equal(done(call, DOWN, PARLEY_PING_REINVITE, 488), 0);
	next_ping(call, 2 * SECOND + 100);
	assert_true(call->now.ms >= start + 80 * SECOND);
	assert_int_equal(call_state(call), 4);
}

static void what_ends_a_negotiation(void **state)
{
	struct call *call = up(state, REINVITES);

	agree(call, "offer", "answer");
	assert_int_equal(call_request(call, PARLEY_EV_UPDATE, DOWN, "bob", 2),
			 0);
	assert_false(is_free(call));
	assert_int_equal(reply(call, PARLEY_EV_UPDATE, 200), 0);
	assert_true(is_free(call));
	assert_int_equal(call_request(call, PARLEY_EV_REINVITE, DOWN, "bob", 3),
			 0);
	assert_int_equal(reply(call, PARLEY_EV_REINVITE, 180), 0);
	assert_false(is_free(call));
	assert_int_equal(reply(call, PARLEY_EV_REINVITE, 488), 0);
	assert_true(is_free(call));
	/* Its end is reported by nobody. */
	assert_int_equal(call_request(call, PARLEY_EV_REINVITE, UP, "bob", 9),
			 0);
	assert_false(is_free(call));
	call_wait(call, 301 * SECOND);
	assert_int_equal(call_request(call, PARLEY_EV_REQUEST, UP, "bob", 10),
			 0);
	assert_true(is_free(call));
}

static void lost_reinvites_end_the_call(void **state)
{
	struct call *call = up(state, REINVITES);

	agree(call, "offer", "answer");
	next_ping(call, 302 * SECOND);
	assert_int_equal(done(call, DOWN, PARLEY_PING_REINVITE, 200), 0);
	assert_int_equal(done(call, UP, PARLEY_PING_REINVITE, 481), 0);
	assert_int_equal(call_count(call, PARLEY_ACT_BYE), 2);
	assert_end_reason(call, "Caller ReINVITE Ping Timeout");
}

static void one_of_each_kind(void **state)
{
	struct call *call =
		up(state, PARLEY_OPT_PING_CALLER | PARLEY_OPT_REINVITE_CALLEE);

	agree(call, "offer", "answer");
	assert_int_equal(parley_set_ping_interval(call->engine, call->now,
						  call->id,
						  PARLEY_PING_REINVITE, 1),
			 0);
	next_ping(call, 2 * SECOND + 100);
	assert_int_equal(call->actions.count, 1);
	assert_int_equal(asked(call, DOWN, PARLEY_PING_REINVITE), 1);
	assert_int_equal(done(call, UP, PARLEY_PING_OPTIONS, 408), 0);
	assert_int_equal(call->actions.count, 0);
	assert_int_equal(done(call, DOWN, PARLEY_PING_REINVITE, 408), 0);
	assert_end_reason(call, "Ping Timeout");
}

/* ------------------------------------------------ beside keep-alives */

static void both_kinds_keep_their_rhythm(void **state)
{
	struct parley_config config;
	struct call *call = call_of(state);
	uint32_t ka = 0, pings = 0;

	call_config(&config);
	config.ping_interval_ms = 20 * SECOND;
	call_restart(state, &config);
	call_up(call);
	set_options(call, PARLEY_OPT_KA_CALLER | PARLEY_OPT_PING_CALLER, 0);
	for (int i = 0; i < 6000; i++) {
		if (call_wait(call, 100) == 0)
			continue;
		ka += asked(call, UP, PARLEY_PING_KA);
		pings += asked(call, UP, PARLEY_PING_OPTIONS);
	}
	assert_int_equal(ka, 30);
	assert_in_range(pings, 20, 21);
	/* The old ones take no number. */
	assert_int_equal(number(call, UP, PARLEY_REQUEST_PING), 0);
	assert_int_equal(number(call, UP, PARLEY_REQUEST_PING_OPTIONS), 1);
	set_options(call, 0, PARLEY_OPT_PING_CALLER);
	call_wait(call, 20 * SECOND);
	assert_int_equal(asked(call, UP, PARLEY_PING_KA), 1);
	set_options(call, 0, PARLEY_OPT_KA_CALLER);
	assert_int_equal(call_wait(call, 100 * SECOND), 0);
}

int main(void)
{
#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, call_setup, call_teardown)
	const struct CMUnitTest tests[] = {
		TEST(first_within_an_interval),
		TEST(only_whom_the_options_name),
		TEST(its_own_interval),
		TEST(spread_evenly),
		TEST(numbers_rise_and_shift),
		TEST(a_lost_one_ends_the_call),
		TEST(of_both_the_second_is_waited_for),
		TEST(but_not_for_long),
		TEST(the_limit_is_in_a_row),
		TEST(all_legs_must_be_lost),
		TEST(a_wrong_report),
		TEST(a_reinvite_repeats_what_was_said),
		TEST(options_until_it_is_known),
		TEST(not_while_they_negotiate),
		TEST(what_ends_a_negotiation),
		TEST(lost_reinvites_end_the_call),
		TEST(one_of_each_kind),
		TEST(both_kinds_keep_their_rhythm),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
