/* objects: all */
#include "call.h"

static void early_timeout_forgets(void **state)
{
	struct call *call = call_of(state);

	assert_int_equal(call_invite(call, "c", 1), 0);
	assert_int_equal(call_reply(call, "bob", 180), 0);
	assert_int_equal(call_wait(call, 299900), 0);
	assert_int_equal(call_wait(call, 300), 1);
	assert_int_equal(call->actions.count, 0); /* nothing on the wire */
	assert_int_equal(call_state(call), 5);
	assert_int_equal(call_stats(call).forgotten_early, 1);
	assert_int_equal(call_stats(call).failed, 1);
	/* A late 2xx is not followed any more. */
	assert_int_equal(call_reply(call, "bob", 200), 0);
	assert_int_equal(call_state(call), 5);
	assert_int_equal(call_wait(call, 300100), 1);
	assert_int_equal(call_state(call), 0);
}

static void early_timeout_may_end(void **state)
{
	struct call *call = call_of(state);
	struct parley_config config;
	call_config(&config);
	config.end_at_early_timeout = true;
	config.early_timeout_s = 20;
	call_restart(state, &config);

	assert_int_equal(call_invite(call, "c", 1), 0);
	assert_int_equal(call_wait(call, 20100), 1);
	assert_int_equal(call_count(call, PARLEY_ACT_CANCEL), 1);
	assert_int_equal(call_count(call, PARLEY_ACT_REPLY), 1);
	assert_int_equal(call_state(call), 1);
	/* The host could not: the call is forgotten after all. */
	assert_int_equal(call_wait(call, 32100), 1);
	assert_int_equal(call_state(call), 5);
}

static void noack_timeout_shortens(void **state)
{
	struct call *call = call_of(state);

	assert_int_equal(call_invite(call, "c", 1), 0);
	assert_int_equal(call_reply(call, "bob", 200), 0);
	assert_int_equal(call_wait(call, 60100), 1);
	assert_int_equal(call_state(call), 3);
	assert_int_equal(call_wait(call, 9000), 0);
	assert_int_equal(call_wait(call, 1200), 1);
	assert_int_equal(call_state(call), 5);
	assert_int_equal(call_stats(call).expired, 1);
	assert_int_equal(call_stats(call).failed, 0);
}

static void lifetime_is_renewed(void **state)
{
	struct call *call = call_of(state);
	struct parley_config config;
	call_config(&config);
	config.lifetime_s = 100;
	call_restart(state, &config);

	call_up(call);
	assert_int_equal(call_wait(call, 90000), 0);
	assert_int_equal(call_request(call, PARLEY_EV_REQUEST, UP, "bob", 1),
			 0);
	assert_int_equal(call_wait(call, 90000), 0);
	struct parley_event info = call_event(call, PARLEY_EV_REQUEST);
	info.dir = DOWN;
	info.to_tag = test_str("bob");
	info.lifetime_s = 20;
	assert_int_equal(call_feed(call, &info), 0);
	assert_int_equal(call_wait(call, 19900), 0);
	assert_int_equal(call_wait(call, 300), 1);
	assert_int_equal(call_state(call), 5);
	assert_int_equal(call->actions.count, 0);
}

static void lifetime_is_not_renewed(void **state)
{
	struct call *call = call_of(state);
	struct parley_config config;
	call_config(&config);
	config.lifetime_s = 100;
	config.timeout_noreset = true;
	call_restart(state, &config);

	call_up(call);
	assert_int_equal(call_wait(call, 90000), 0);
	assert_int_equal(call_request(call, PARLEY_EV_REQUEST, UP, "bob", 1),
			 0);
	assert_int_equal(call_wait(call, 10200), 1);
	assert_int_equal(call_state(call), 5);
}

static void bye_on_timeout(void **state)
{
	struct call *call = call_of(state);

	call_up(call);
	uint32_t options;
	assert_int_equal(parley_options(call->engine, call->now, call->id,
					PARLEY_OPT_BYE_ON_TIMEOUT, 0, &options),
			 0);
	assert_int_equal(
		parley_set_lifetime(call->engine, call->now, call->id, 0),
		PARLEY_E_ARGUMENT);
	assert_int_equal(
		parley_set_lifetime(call->engine, call->now, call->id, 5), 0);
	assert_int_equal(call_wait(call, 5200), 1);
	struct parley_actions asked = call->actions;
	assert_int_equal(call_count(call, PARLEY_ACT_BYE), 2);
	assert_int_equal(call_state(call), 4);
	assert_int_equal(call_stats(call).expired, 1);
	assert_int_equal(call_bye_done(call, &asked, 0, 200), 0);
	assert_int_equal(call_bye_done(call, &asked, 1, 408), 0);
	assert_int_equal(call_state(call), 5);
	assert_int_equal(
		parley_set_lifetime(call->engine, call->now, call->id, 5),
		PARLEY_E_STATE);
}

/* As ims_dialog has it: BYE for what is confirmed, and for nothing else. */
static void bye_on_timeout_of_what_is_up(void **state)
{
	struct call *call = call_of(state);
	struct parley_config config;

	call_config(&config);
	config.bye_on_timeout_up = true;
	config.lifetime_s = 5;
	config.noack_timeout_s = 0;
	call_restart(state, &config);

	assert_int_equal(call_invite(call, "c", 1), 0);
	assert_int_equal(call_reply(call, "bob", 200), 0);
	assert_int_equal(call_wait(call, 5200), 1);
	assert_int_equal(call->actions.count, 0);
	assert_int_equal(call_stats(call).expired, 1);
	assert_int_equal(call_state(call), 5);

	call_restart(state, &config);
	call_up(call);
	assert_int_equal(call_wait(call, 5200), 1);
	assert_int_equal(call_count(call, PARLEY_ACT_BYE), 2);
	assert_int_equal(call_stats(call).expired, 1);
}

/* The lifetime of a call is over, and its timeout route begins. */
static void timeout_route_runs(struct call *call)
{
	assert_int_equal(parley_set_timeout_route(call->engine, call->id, 3,
						  test_str("MY")),
			 0);
	assert_int_equal(
		parley_set_lifetime(call->engine, call->now, call->id, 5), 0);
	assert_int_equal(call_wait(call, 5200), 1);
}

static void timeout_route(void **state)
{
	struct call *call = call_of(state);

	call_up(call);
	timeout_route_runs(call);
	assert_int_equal(call->actions.count, 1);
	assert_int_equal(call->actions.list[0].type, PARLEY_ACT_TIMEOUT_ROUTE);
	assert_int_equal(call->actions.list[0].route, 3);
	assert_int_equal(call_state(call), 4); /* the route finds it up */

	/* The route prolongs it. */
	assert_int_equal(
		parley_set_lifetime(call->engine, call->now, call->id, 50), 0);
	struct parley_event done =
		call_event(call, PARLEY_EV_TIMEOUT_ROUTE_DONE);
	assert_int_equal(call_feed(call, &done), 0);
	assert_int_equal(call_state(call), 4);

	/* The next time it does not. */
	assert_int_equal(call_wait(call, 50200), 1);
	assert_int_equal(call_feed(call, &done), 0);
	assert_int_equal(call_state(call), 5);
}

static void timeout_route_that_never_returns(void **state)
{
	struct call *call = call_of(state);

	call_up(call);
	timeout_route_runs(call);
	assert_int_equal(call_wait(call, 10200), 1);
	assert_int_equal(call->actions.count, 0);
	assert_int_equal(call_state(call), 5);
}

static void end_timeout_frees(void **state)
{
	struct call *call = call_of(state);

	call_up(call);
	assert_int_equal(call_request(call, PARLEY_EV_BYE, UP, "bob", 1), 0);
	assert_int_equal(call_state(call), 5); /* the INVITE's is held */
	assert_int_equal(call_wait(call, 300200), 1);
	assert_int_equal(call_state(call), 0);
}

static void by_decree(void **state)
{
	struct call *call = call_of(state);

	assert_int_equal(call_invite(call, "c", 1), 0);
	struct parley_event event = call_event(call, PARLEY_EV_EXPIRE);
	assert_int_equal(call_feed(call, &event), PARLEY_E_STATE);
	assert_int_equal(call_reply(call, "bob", 200), 0);
	assert_int_equal(call_feed(call, &event), 0);
	assert_int_equal(call_state(call), 5);
}

int main(void)
{
#define TEST(function)                                                         \
	cmocka_unit_test_setup_teardown(function, call_setup, call_teardown)
	const struct CMUnitTest tests[] = {
		TEST(early_timeout_forgets),
		TEST(early_timeout_may_end),
		TEST(noack_timeout_shortens),
		TEST(lifetime_is_renewed),
		TEST(lifetime_is_not_renewed),
		TEST(bye_on_timeout),
		TEST(bye_on_timeout_of_what_is_up),
		TEST(timeout_route),
		TEST(timeout_route_that_never_returns),
		TEST(end_timeout_frees),
		TEST(by_decree),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
