/* objects: all */
#include "call.h"

enum {
	INTERVAL = 30000,
	BOTH = PARLEY_OPT_KA_CALLER | PARLEY_OPT_KA_CALLEE,
};

static void ping_config(struct parley_config *config)
{
	call_config(config);
	config->ping_interval_ms = INTERVAL;
}

static uint32_t options(struct call *call, uint32_t set, uint32_t clear)
{
	uint32_t bits = 0;

	assert_int_equal(parley_options(call->engine, call->now, call->id, set,
					clear, &bits),
			 0);
	assert_no_fault(parley_check(call->engine));
	return bits;
}

static struct call *up_with(void **state, const struct parley_config *config,
			    uint32_t set)
{
	struct call *call = call_of(state);

	call_restart(state, config);
	call_up(call);
	options(call, set, 0);
	return call;
}

/* A call that is up, with keep-alives each 30 s. */
static struct call *up(void **state, uint32_t set)
{
	struct parley_config config;

	ping_config(&config);
	return up_with(state, &config, set);
}

static int done(struct call *call, uint32_t leg, enum parley_direction dir,
		uint16_t code)
{
	struct parley_event event = call_event(call, PARLEY_EV_PING_DONE);

	event.leg = leg;
	event.dir = dir;
	event.code = code;
	return call_feed(call, &event);
}

static uint32_t left_s(struct call *call)
{
	char buffer[4096];
	struct parley_view view;

	assert_int_equal(parley_read(call->engine, call->now, call->id, &view,
				     buffer, sizeof(buffer), NULL),
			 0);
	return view.left_s;
}

/* An answer after which the call has @left seconds. */
static void done_leaves(struct call *call, uint32_t leg,
			enum parley_direction dir, uint16_t code, uint32_t left)
{
	assert_int_equal(done(call, leg, dir, code), 0);
	assert_int_equal(left_s(call), left);
}

static uint32_t asked(const struct call *call, uint32_t leg,
		      enum parley_direction dir)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < call->actions.count; i++) {
		const struct parley_action *action = &call->actions.list[i];

		count += action->type == PARLEY_ACT_PING &&
			 action->leg == leg && action->dir == dir;
	}
	return count;
}

static void both_are_asked(void **state)
{
	struct call *call = up(state, BOTH);

	assert_int_equal(call_wait(call, INTERVAL - 100), 0);
	assert_int_equal(call_wait(call, 200), 1);
	assert_int_equal(call->actions.count, 2);
	assert_int_equal(asked(call, 1, UP), 1);
	assert_int_equal(asked(call, 1, DOWN), 1);
	assert_int_equal(call->actions.note.types, 0);
	assert_int_equal(call_state(call), 4);
	assert_int_equal(call_wait(call, INTERVAL - 200), 0);
	assert_int_equal(call_wait(call, 200), 1);
	assert_int_equal(call->actions.count, 2);
	/* A clock that jumped over some does not make up for them. */
	assert_int_equal(call_wait(call, 10 * INTERVAL), 1);
	assert_int_equal(call->actions.count, 2);
	assert_int_equal(call_wait(call, INTERVAL), 1);
}

static void only_whom_the_options_name(void **state)
{
	struct call *call = up(state, PARLEY_OPT_KA_CALLEE);

	assert_int_equal(call_wait(call, INTERVAL + 100), 1);
	assert_int_equal(call->actions.count, 1);
	assert_int_equal(asked(call, 1, DOWN), 1);
	/* In mid-call; the clock goes on as it was. */
	options(call, PARLEY_OPT_KA_CALLER, PARLEY_OPT_KA_CALLEE);
	assert_int_equal(call_wait(call, INTERVAL), 1);
	assert_int_equal(call->actions.count, 1);
	assert_int_equal(asked(call, 1, UP), 1);
	options(call, 0, BOTH);
	assert_int_equal(call_wait(call, 3 * INTERVAL), 0);
	options(call, PARLEY_OPT_KA_CALLER, 0);
	assert_int_equal(call_wait(call, INTERVAL - 100), 0);
	assert_int_equal(call_wait(call, 200), 1);
}

static void only_confirmed_calls(void **state)
{
	struct call *call = call_of(state);
	struct parley_config config;

	ping_config(&config);
	call_restart(state, &config);
	assert_int_equal(call_invite(call, "c", 1), 0);
	options(call, BOTH, 0);
	assert_int_equal(call_wait(call, INTERVAL + 100), 0);
	assert_int_equal(call_reply(call, "bob", 180), 0);
	assert_int_equal(call_wait(call, INTERVAL + 100), 0);
	assert_int_equal(call_reply(call, "bob", 200), 0);
	assert_int_equal(call_wait(call, INTERVAL + 100), 0);
	/* An interval after the ACK. */
	assert_int_equal(call_request(call, PARLEY_EV_ACK, DOWN, "bob", 1), 0);
	assert_int_equal(call_wait(call, INTERVAL - 100), 0);
	assert_int_equal(call_wait(call, 200), 1);
	assert_int_equal(call_count(call, PARLEY_ACT_PING), 2);
	assert_int_equal(call_request(call, PARLEY_EV_BYE, UP, "bob", 1), 0);
	assert_int_equal(call_wait(call, 2 * INTERVAL), 0);
}

static void not_while_it_is_ended(void **state)
{
	struct call *call = up(state, BOTH);
	struct parley_request request;
	char buffer[1024];

	assert_int_equal(call_terminate(call, PARLEY_SIDE_CALLEE), 0);
	assert_int_equal(call_wait(call, INTERVAL + 100), 0);
	/* Nor is one sent that waits to be. */
	assert_int_equal(parley_request_prepare(call->engine, call->id, 1, UP,
						PARLEY_REQUEST_PING, &request,
						buffer, sizeof(buffer), NULL),
			 PARLEY_E_STATE);
	assert_int_equal(done(call, 1, UP, 481), 0);
	assert_int_equal(call_state(call), 4);
}

/* The default: no interval. */
static void none_by_default(void **state)
{
	struct call *call = call_of(state);

	call_up(call);
	options(call, BOTH, 0);
	assert_int_equal(call_wait(call, 10 * INTERVAL), 0);
}

static void each_leg_that_is_up(void **state)
{
	struct call *call = up(state, BOTH);

	/* Before the INVITE's transaction is gone two more have answered; one
	 * of them gets no ACK. */
	assert_int_equal(call_reply(call, "carol", 200), 0);
	assert_int_equal(call_reply(call, "dave", 200), 0);
	assert_int_equal(call_request(call, PARLEY_EV_ACK, DOWN, "dave", 1), 0);
	assert_int_equal(call_wait(call, INTERVAL + 100), 1);
	assert_int_equal(call->actions.count, 4);
	assert_int_equal(asked(call, 1, UP), 1);
	assert_int_equal(asked(call, 1, DOWN), 1);
	assert_int_equal(asked(call, 3, UP), 1);
	assert_int_equal(asked(call, 3, DOWN), 1);
	assert_int_equal(call_request(call, PARLEY_EV_BYE, DOWN, "bob", 2), 0);
	assert_int_equal(call_wait(call, INTERVAL), 1);
	assert_int_equal(call->actions.count, 2);
	assert_int_equal(asked(call, 3, DOWN), 1);
}

/* One of several callees that has gone does not end the call. */
static void the_last_leg_counts(void **state)
{
	struct call *call = up(state, BOTH);

	assert_int_equal(call_reply(call, "carol", 200), 0);
	assert_int_equal(call_request(call, PARLEY_EV_ACK, DOWN, "carol", 1),
			 0);
	done_leaves(call, 2, DOWN, 481, 43200);
	/* It is there after all. */
	assert_int_equal(done(call, 2, DOWN, 200), 0);
	done_leaves(call, 1, DOWN, 408, 43200);
	done_leaves(call, 2, UP, 408, 10);
}

static void failures_end_the_call(void **state)
{
	static const uint16_t codes[] = {408, 481};

	for (int i = 0; i < 2; i++) {
		struct call *call = up(state, BOTH);

		assert_int_equal(call_wait(call, INTERVAL + 100), 1);
		assert_int_equal(done(call, 1, i ? UP : DOWN, codes[i]), 0);
		assert_int_equal(call_state(call), 4);
		assert_int_equal(left_s(call), 10);
		assert_int_equal(call_wait(call, 9800), 0);
		assert_int_equal(call_wait(call, 400), 1);
		assert_int_equal(call_state(call), 5);
		assert_int_equal(call->actions.count, 0);
		assert_int_equal(call_stats(call).expired, 1);
	}
}

static void with_bye_if_asked_for(void **state)
{
	struct call *call = up(state, BOTH | PARLEY_OPT_BYE_ON_TIMEOUT);

	assert_int_equal(done(call, 1, UP, 481), 0);
	assert_int_equal(call_wait(call, 10200), 1);
	assert_int_equal(call_count(call, PARLEY_ACT_BYE), 2);
}

static void other_answers_mean_alive(void **state)
{
	static const uint16_t codes[] = {0,   100, 200, 302, 401, 404,
					 405, 407, 480, 500, 501, 603};
	struct call *call = up(state, BOTH);

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		assert_int_equal(done(call, 1, UP, codes[i]), 0);
		assert_int_equal(done(call, 1, DOWN, codes[i]), 0);
	}
	assert_int_equal(left_s(call), 43200);
}

static void failures_in_a_row(void **state)
{
	struct parley_config config;

	ping_config(&config);
	config.ping_failed_limit = 3;
	struct call *call = up_with(state, &config, BOTH);

	/* Each side by itself. */
	for (int i = 0; i < 2; i++) {
		assert_int_equal(done(call, 1, UP, 408), 0);
		assert_int_equal(done(call, 1, DOWN, 481), 0);
	}
	assert_int_equal(left_s(call), 43200);
	/* What was not sent says nothing, an answer all. */
	assert_int_equal(done(call, 1, UP, 0), 0);
	assert_int_equal(done(call, 1, DOWN, 500), 0);
	assert_int_equal(done(call, 1, DOWN, 408), 0);
	done_leaves(call, 1, DOWN, 408, 43200);
	done_leaves(call, 1, UP, 481, 10);
}

/* A failure never gives a call more time than it has. */
static void failures_prolong_nothing(void **state)
{
	struct call *call = up(state, BOTH);

	assert_int_equal(
		parley_set_lifetime(call->engine, call->now, call->id, 4), 0);
	done_leaves(call, 1, UP, 481, 4);
	assert_int_equal(parley_set_timeout_route(call->engine, call->id, 3,
						  test_str("MY")),
			 0);
	assert_int_equal(call_wait(call, 4200), 1);
	assert_int_equal(call_count(call, PARLEY_ACT_TIMEOUT_ROUTE), 1);
	/* While the timeout route runs. */
	assert_int_equal(call_wait(call, 1000), 0);
	assert_int_equal(done(call, 1, DOWN, 481), 0);
	struct parley_event route =
		call_event(call, PARLEY_EV_TIMEOUT_ROUTE_DONE);
	assert_int_equal(call_feed(call, &route), 0);
	assert_int_equal(call_state(call), 5);
}

static void wrong_reports(void **state)
{
	struct call *call = up(state, BOTH);

	assert_int_equal(done(call, 7, UP, 481), PARLEY_E_NO_LEG);
	assert_int_equal(done(call, 1, PARLEY_DIR_NONE, 481),
			 PARLEY_E_ARGUMENT);
	assert_int_equal(left_s(call), 43200);
	assert_int_equal(call_request(call, PARLEY_EV_BYE, UP, "bob", 1), 0);
	assert_int_equal(done(call, 1, UP, 481), 0);
	assert_int_equal(call_state(call), 5);
}

static struct parley_request prepare(struct call *call,
				     enum parley_direction towards,
				     enum parley_request_kind kind)
{
	static char buffer[1024];
	struct parley_request request;

	assert_int_equal(parley_request_prepare(call->engine, call->id, 1,
						towards, kind, &request, buffer,
						sizeof(buffer), NULL),
			 0);
	return request;
}

/* A keep-alive leaves the numbers of both parties, and ours, as they are. */
static void old_numbers(void **state)
{
	struct call *call = up(state, BOTH);

	/* The callee has not sent anything yet. */
	assert_int_equal(prepare(call, UP, PARLEY_REQUEST_PING).cseq, 0);
	assert_int_equal(prepare(call, DOWN, PARLEY_REQUEST_PING).cseq, 1);
	assert_int_equal(call_request(call, PARLEY_EV_UPDATE, UP, "bob", 70),
			 0);
	assert_int_equal(call_request(call, PARLEY_EV_UPDATE, DOWN, "bob", 2),
			 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(prepare(call, UP, PARLEY_REQUEST_PING).cseq,
				 69);
		assert_int_equal(prepare(call, DOWN, PARLEY_REQUEST_PING).cseq,
				 1);
	}
	assert_int_equal(prepare(call, UP, PARLEY_REQUEST_NEXT).cseq, 71);
	assert_int_equal(prepare(call, DOWN, PARLEY_REQUEST_NEXT).cseq, 3);
}

/* 200 calls that are answered at once are not asked at once, and each of them
 * keeps its time. */
static void spread(void **state)
{
	enum { CALLS = 200, STEP = 500, STEPS = 16 };
	struct call *call = call_of(state);
	struct parley_config config;
	uint32_t counts[2][STEPS] = {{0}};

	ping_config(&config);
	config.ping_spread_ms = STEP * STEPS;
	call_restart(state, &config);
	for (int i = 0; i < CALLS; i++) {
		call_up(call);
		options(call, BOTH, 0);
	}
	assert_int_equal(call_wait(call, INTERVAL - STEP / 2), 0);
	for (int round = 0; round < 2; round++) {
		uint32_t sum = 0;

		/* The first step begins half before the interval. */
		for (int i = 0; i < STEPS; i++) {
			counts[round][i] = call_wait(call, STEP);
			sum += counts[round][i];
		}
		sum += call_wait(call, STEP);
		assert_int_equal(sum, CALLS);
		for (int i = 1; i < STEPS; i++)
			assert_in_range(counts[round][i], 1, CALLS / 8);
		assert_int_equal(call_wait(call, INTERVAL - STEP * (STEPS + 1)),
				 0);
	}
	assert_memory_equal(counts[0], counts[1], sizeof(counts[0]));
}

/* With local_only: neither keep-alives to who is reached by another host's
 * socket, nor an end of calls that another host has. */
static void calls_of_others(void **state)
{
	struct parley_config config;
	int socket;

	ping_config(&config);
	config.local_only = true;
	config.lifetime_s = 100;
	struct call *call =
		up_with(state, &config, BOTH | PARLEY_OPT_BYE_ON_TIMEOUT);
	assert_int_equal(call_wait(call, INTERVAL + 100), 1);
	assert_int_equal(call->actions.count, 0);
	options(call, 0, BOTH);
	assert_int_equal(call_wait(call, 100000), 1);
	assert_int_equal(call->actions.count, 0);
	assert_int_equal(call_state(call), 4);

	/* An in-dialog request of the caller comes to us: it is ours now. */
	struct parley_event update = call_event(call, PARLEY_EV_UPDATE);
	update.dir = DOWN;
	update.to_tag = test_str("bob");
	update.cseq = 2;
	update.socket = &socket;
	assert_int_equal(call_feed(call, &update), 0);
	options(call, BOTH, 0);
	assert_int_equal(call_wait(call, INTERVAL + 100), 1);
	assert_int_equal(call->actions.count, 1);
	assert_int_equal(asked(call, 1, UP), 1);
	options(call, 0, BOTH);
	assert_int_equal(call_wait(call, 100000), 1);
	assert_int_equal(call_count(call, PARLEY_ACT_BYE), 2);
}

static void configuration(void **state)
{
	struct parley_config config;

	(void)state;
	ping_config(&config);
	assert_null(parley_config_fault(&config));
	config.ping_failed_lifetime_s = 0;
	assert_non_null(parley_config_fault(&config));
}

int main(void)
{
#define TEST(function)                                                         \
	cmocka_unit_test_setup_teardown(function, call_setup, call_teardown)
	const struct CMUnitTest tests[] = {
		TEST(both_are_asked),
		TEST(only_whom_the_options_name),
		TEST(only_confirmed_calls),
		TEST(not_while_it_is_ended),
		TEST(none_by_default),
		TEST(each_leg_that_is_up),
		TEST(the_last_leg_counts),
		TEST(failures_end_the_call),
		TEST(with_bye_if_asked_for),
		TEST(other_answers_mean_alive),
		TEST(failures_in_a_row),
		TEST(failures_prolong_nothing),
		TEST(wrong_reports),
		TEST(old_numbers),
		TEST(spread),
		TEST(calls_of_others),
		TEST(configuration),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
