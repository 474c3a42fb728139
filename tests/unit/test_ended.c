/* objects: all */
/* What has ended a call, how long it stays then, and a caller who gives up as
 * the callee answers. */
#include "call.h"

static struct parley_view view_of(struct call *call)
{
	struct parley_view view = {0};
	static _Alignas(16) char buffer[4096];

	assert_int_equal(parley_read(call->engine, call->now, call->id, &view,
				     buffer, sizeof(buffer), NULL),
			 0);
	return view;
}

static void set_options(struct call *call, uint32_t set)
{
	uint32_t options;

	assert_int_equal(parley_options(call->engine, call->now, call->id, set,
					0, &options),
			 0);
}

static int cancel(struct call *call)
{
	struct parley_event event = call_event(call, PARLEY_EV_CANCEL);

	return call_feed(call, &event);
}

/* ------------------------------------------------------------ why */

static void ended_by_a_party(void **state)
{
	struct call *call = call_of(state);

	call_up(call);
	assert_int_equal(view_of(call).ended, PARLEY_ENDED_NOT);
	assert_int_equal(call_request(call, PARLEY_EV_BYE, UP, "bob", 1), 0);
	assert_int_equal(view_of(call).ended, PARLEY_ENDED_BY_CALLEE);
	call_restart(state, NULL);
	call_up(call);
	assert_int_equal(call_request(call, PARLEY_EV_BYE, DOWN, "bob", 2), 0);
	assert_int_equal(view_of(call).ended, PARLEY_ENDED_BY_CALLER);
}

static void ended_by_us(void **state)
{
	struct call *call = call_of(state);

	call_up(call);
	assert_int_equal(call_terminate(call, PARLEY_SIDE_ALL), 0);
	/* From the moment on when it was decided. */
	assert_int_equal(view_of(call).ended, PARLEY_ENDED_BY_HOST);
	assert_int_equal(call_request(call, PARLEY_EV_BYE, UP, "bob", 1), 0);
	assert_int_equal(view_of(call).state, 5);
	assert_int_equal(view_of(call).ended, PARLEY_ENDED_BY_HOST);
}

static void ended_by_time(void **state)
{
	struct call *call = call_of(state);

	call_up(call);
	assert_int_equal(
		parley_set_lifetime(call->engine, call->now, call->id, 5), 0);
	set_options(call, PARLEY_OPT_BYE_ON_TIMEOUT);
	assert_int_equal(call_wait(call, 5200), 1);
	assert_int_equal(view_of(call).state, 4);
	assert_int_equal(view_of(call).ended, PARLEY_ENDED_LIFETIME);
	call_restart(state, NULL);
	call_up(call);
	assert_int_equal(
		parley_set_lifetime(call->engine, call->now, call->id, 5), 0);
	assert_int_equal(call_wait(call, 5200), 1);
	assert_int_equal(view_of(call).state, 5);
	assert_int_equal(view_of(call).ended, PARLEY_ENDED_LIFETIME);
}

static void ended_before_the_answer(void **state)
{
	struct call *call = call_of(state);

	assert_int_equal(call_invite(call, "c", 1), 0);
	assert_int_equal(call_reply(call, "bob", 486), 0);
	assert_int_equal(view_of(call).ended, PARLEY_ENDED_FAILED);
	call_restart(state, NULL);
	assert_int_equal(call_invite(call, "c", 1), 0);
	assert_int_equal(cancel(call), 0);
	assert_int_equal(view_of(call).ended, PARLEY_ENDED_NOT);
	assert_int_equal(call_reply(call, "bob", 487), 0);
	assert_int_equal(view_of(call).ended, PARLEY_ENDED_CANCELLED);
}

/* ------------------------------------------------------------ races */

/* BYE to both sides @ms from now, and nothing before. */
static void ends_after(struct call *call, uint64_t ms)
{
	assert_int_equal(call_wait(call, ms - 100), 0);
	assert_int_equal(call_wait(call, 300), 1);
	assert_true(call_count(call, PARLEY_ACT_BYE) > 0);
	assert_int_equal(call_stats(call).expired, 1);
	assert_int_equal(view_of(call).ended, PARLEY_ENDED_RACE);
}

static void cancel_after_the_answer(void **state)
{
	struct call *call = call_of(state);

	call_up(call);
	set_options(call, PARLEY_OPT_END_ON_RACE);
	assert_int_equal(cancel(call), 0);
	assert_int_equal(call->actions.count, 0);
	/* Neither requests nor the script prolong it; a repeated CANCEL does
	 * not either. */
	assert_int_equal(call_wait(call, 2000), 0);
	assert_int_equal(cancel(call), 0);
	assert_int_equal(call_request(call, PARLEY_EV_REQUEST, UP, "bob", 1),
			 0);
	assert_int_equal(
		parley_set_lifetime(call->engine, call->now, call->id, 900), 0);
	ends_after(call, 3000);
	assert_int_equal(call_count(call, PARLEY_ACT_BYE), 2);
}

static void answer_after_cancel(void **state)
{
	struct call *call = call_of(state);

	assert_int_equal(call_invite(call, "c", 1), 0);
	set_options(call, PARLEY_OPT_END_ON_RACE);
	assert_int_equal(call_reply(call, "bob", 180), 0);
	assert_int_equal(cancel(call), 0);
	assert_int_equal(call_wait(call, 20000), 0); /* it still rings */
	assert_int_equal(call_reply(call, "bob", 200), 0);
	/* The ACK never comes: the callee gets its BYE, the caller later. */
	ends_after(call, 5000);
	assert_int_equal(call_count(call, PARLEY_ACT_BYE), 1);
	assert_int_equal(call_wait(call, 32100), 1);
	assert_int_equal(call_count(call, PARLEY_ACT_BYE), 1);
}

static void answer_after_early_bye(void **state)
{
	struct call *call = call_of(state);

	assert_int_equal(call_invite(call, "c", 1), 0);
	set_options(call, PARLEY_OPT_END_ON_RACE);
	assert_int_equal(call_reply(call, "bob", 180), 0);
	assert_int_equal(call_request(call, PARLEY_EV_BYE, DOWN, "bob", 2), 0);
	assert_int_equal(call_reply(call, "bob", 200), 0);
	ends_after(call, 5000);
}

static void no_race(void **state)
{
	struct call *call = call_of(state);

	/* Without the option, */
	call_up(call);
	assert_int_equal(cancel(call), 0);
	assert_int_equal(call_wait(call, 60000), 0);
	assert_int_equal(call_state(call), 4);
	/* when somebody has ended it, */
	call_restart(state, NULL);
	call_up(call);
	set_options(call, PARLEY_OPT_END_ON_RACE);
	assert_int_equal(cancel(call), 0);
	assert_int_equal(call_request(call, PARLEY_EV_BYE, DOWN, "bob", 2), 0);
	assert_int_equal(view_of(call).ended, PARLEY_ENDED_BY_CALLER);
	assert_int_equal(call_wait(call, 6000), 0);
	/* and when the CANCEL was in time. */
	call_restart(state, NULL);
	assert_int_equal(call_invite(call, "c", 1), 0);
	set_options(call, PARLEY_OPT_END_ON_RACE);
	assert_int_equal(cancel(call), 0);
	assert_int_equal(call_reply(call, "bob", 487), 0);
	assert_int_equal(view_of(call).ended, PARLEY_ENDED_CANCELLED);
}

static void race_without_timeout_route(void **state)
{
	struct call *call = call_of(state);

	call_up(call);
	set_options(call, PARLEY_OPT_END_ON_RACE);
	assert_int_equal(parley_set_timeout_route(call->engine, call->id, 1,
						  test_str("R")),
			 0);
	assert_int_equal(cancel(call), 0);
	ends_after(call, 5000);
	assert_int_equal(call_count(call, PARLEY_ACT_TIMEOUT_ROUTE), 0);
}

/* ------------------------------------------------------------ afterwards */

static void with_delay(void **state, uint32_t delay_s)
{
	struct parley_config config;

	call_config(&config);
	config.delete_delay_s = delay_s;
	call_restart(state, &config);
	call_up(call_of(state));
}

static void stays_for_its_delay(void **state)
{
	struct call *call = call_of(state);

	with_delay(state, 20);
	assert_int_equal(call_release(call, true), 0);
	assert_int_equal(call_request(call, PARLEY_EV_BYE, UP, "bob", 1), 0);
	assert_int_equal(call_state(call), 5);
	assert_int_equal(call_wait(call, 19000), 0);
	/* A late request is the call's, and changes nothing. */
	assert_int_equal(call_request(call, PARLEY_EV_REQUEST, DOWN, "bob", 2),
			 0);
	assert_int_equal(call->actions.note.types, 0);
	assert_int_equal(call_state(call), 5);
	assert_int_equal(call_stats(call).now_in[5], 1);
	assert_int_equal(call_wait(call, 1200), 1);
	assert_int_equal(call_state(call), 0);
}

/* Who still waits for a reply may do so for as long as without a delay. */
static void delay_shortens_nothing(void **state)
{
	struct call *call = call_of(state);
	struct parley_event bye;

	with_delay(state, 1);
	bye = call_event(call, PARLEY_EV_BYE);
	bye.dir = DOWN;
	bye.to_tag = test_str("bob");
	bye.cseq = 2;
	bye.hold = true;
	assert_int_equal(call_release(call, true), 0);
	assert_int_equal(call_feed(call, &bye), 0);
	assert_int_equal(call_wait(call, 1200), 1);
	assert_int_equal(call_state(call), 5);
	assert_int_equal(call_wait(call, 200000), 0);
	assert_int_equal(call_release(call, false), 0);
	assert_int_equal(call_state(call), 0);
}

static void delay_of_one_call(void **state)
{
	struct call *call = call_of(state);

	with_delay(state, 0);
	assert_int_equal(parley_set_delay(call->engine, call->now, call->id,
					  PARLEY_DELAY_MAX + 1),
			 PARLEY_E_ARGUMENT);
	assert_int_equal(parley_set_delay(call->engine, call->now, call->id, 7),
			 0);
	assert_int_equal(view_of(call).delay_s, 7);
	assert_int_equal(call_release(call, true), 0);
	assert_int_equal(call_request(call, PARLEY_EV_BYE, UP, "bob", 1), 0);
	/* It may be said as late as in the route of the call's end. */
	assert_int_equal(parley_set_delay(call->engine, call->now, call->id, 9),
			 0);
	assert_int_equal(call_wait(call, 8800), 0);
	assert_int_equal(call_wait(call, 400), 1);
	assert_int_equal(call_state(call), 0);
	assert_int_equal(parley_set_delay(call->engine, call->now, call->id, 1),
			 PARLEY_E_NO_DIALOG);
}

static void no_delay_no_stay(void **state)
{
	struct call *call = call_of(state);

	with_delay(state, 0);
	assert_int_equal(call_release(call, true), 0);
	assert_int_equal(call_request(call, PARLEY_EV_BYE, UP, "bob", 1), 0);
	assert_int_equal(call_state(call), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(ended_by_a_party, call_setup,
						call_teardown),
		cmocka_unit_test_setup_teardown(ended_by_us, call_setup,
						call_teardown),
		cmocka_unit_test_setup_teardown(ended_by_time, call_setup,
						call_teardown),
		cmocka_unit_test_setup_teardown(ended_before_the_answer,
						call_setup, call_teardown),
		cmocka_unit_test_setup_teardown(cancel_after_the_answer,
						call_setup, call_teardown),
		cmocka_unit_test_setup_teardown(answer_after_cancel, call_setup,
						call_teardown),
		cmocka_unit_test_setup_teardown(answer_after_early_bye,
						call_setup, call_teardown),
		cmocka_unit_test_setup_teardown(no_race, call_setup,
						call_teardown),
		cmocka_unit_test_setup_teardown(race_without_timeout_route,
						call_setup, call_teardown),
		cmocka_unit_test_setup_teardown(stays_for_its_delay, call_setup,
						call_teardown),
		cmocka_unit_test_setup_teardown(delay_shortens_nothing,
						call_setup, call_teardown),
		cmocka_unit_test_setup_teardown(delay_of_one_call, call_setup,
						call_teardown),
		cmocka_unit_test_setup_teardown(no_delay_no_stay, call_setup,
						call_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
