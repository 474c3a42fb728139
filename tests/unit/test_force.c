/* objects: all */
#include <string.h>

#include "call.h"

static int set_state(struct call *call, uint8_t wanted, const char *tag)
{
	struct parley_event event = call_event(call, PARLEY_EV_SET_STATE);
	int rc;

	event.state = wanted;
	if (tag)
		event.to_tag = test_str(tag);
	rc = call_feed(call, &event);
	assert_int_equal(call->actions.count, 0);
	assert_int_equal(call->actions.note.types, 0);
	return rc;
}

struct told {
	uint32_t destroyed, others;
};

static void listen(struct parley *engine, void *param,
		   const struct parley_told *note)
{
	struct told *told = param;

	(void)engine;
	if (note->type == PARLEY_NOTE_DESTROY)
		told->destroyed++;
	else
		told->others++;
}

static void subscribe(struct call *call, struct told *told)
{
	const uint32_t types = PARLEY_NOTE_FAILED | PARLEY_NOTE_TERMINATED |
			       PARLEY_NOTE_EXPIRED | PARLEY_NOTE_CONFIRMED |
			       PARLEY_NOTE_ANSWERED | PARLEY_NOTE_EARLY |
			       PARLEY_NOTE_DESTROY;

	*told = (struct told){0};
	assert_int_equal(parley_subscribe(call->engine, call->id, types, listen,
					  told, NULL),
			 0);
}

/* The contact of the first leg, which BYEs go to. */
static bool contact_is(struct call *call, const char *contact)
{
	static char buffer[8192];
	struct parley_view view;
	struct parley_str wanted = test_str(contact);

	assert_int_equal(parley_read(call->engine, call->now, call->id, &view,
				     buffer, sizeof(buffer), NULL),
			 0);
	assert_true(view.leg_count > 0);
	return view.legs[0].contact.len == wanted.len &&
	       (wanted.len == 0 ||
		memcmp(view.legs[0].contact.s, wanted.s, wanted.len) == 0);
}

static void forward(void **state)
{
	struct call *call = call_of(state);
	struct parley_stats stats;
	struct told told;

	call_invite(call, "c", 1);
	subscribe(call, &told);
	assert_int_equal(set_state(call, 1, NULL), 0);
	assert_int_equal(set_state(call, 2, NULL), 0);
	assert_int_equal(call_state(call), 2);
	/* Nobody has shown a tag. */
	assert_int_equal(set_state(call, 3, NULL), PARLEY_E_NO_LEG);
	assert_int_equal(set_state(call, 4, NULL), PARLEY_E_NO_LEG);
	assert_int_equal(call_state(call), 2);
	assert_int_equal(set_state(call, 3, "bob"), 0);
	assert_int_equal(call_state(call), 3);
	assert_int_equal(set_state(call, 4, NULL), 0);
	assert_int_equal(call_state(call), 4);
	stats = call_stats(call);
	assert_int_equal(stats.now_in[PARLEY_STATE_CONFIRMED], 1);
	assert_int_equal(stats.now_in[PARLEY_STATE_EARLY], 0);
	/* It is a call like any other: a BYE ends it. */
	assert_int_equal(call_request(call, PARLEY_EV_BYE, DOWN, "bob", 2), 0);
	assert_int_equal(call_state(call), 5);
	assert_int_equal(told.others, 1);
	assert_int_equal(call_release(call, true), 0);
	assert_int_equal(told.destroyed, 1);
}

static void in_one_step(void **state)
{
	struct call *call = call_of(state);

	call_invite(call, "c", 1);
	call_reply(call, "carol", 180);
	call_reply(call, "bob", 180);
	assert_int_equal(set_state(call, 4, "bob"), 0);
	assert_int_equal(call_state(call), 4);
	/* The one who was named is the callee. */
	assert_int_equal(call_terminate(call, PARLEY_SIDE_ALL), 0);
	assert_int_equal(call_count(call, PARLEY_ACT_BYE), 2);
	assert_int_equal(call->actions.list[0].leg, 2);
}

/* The 2xx that comes afterwards is news: where the callee is. */
static void answer_comes_later(void **state)
{
	struct call *call = call_of(state);

	call_invite(call, "c", 1);
	assert_int_equal(set_state(call, 3, "bob"), 0);
	assert_true(contact_is(call, ""));
	assert_int_equal(call_reply(call, "bob", 200), 0);
	assert_int_equal(call_state(call), 3);
	assert_true(contact_is(call, "sip:bob@10.0.0.2"));
	assert_int_equal(call_request(call, PARLEY_EV_ACK, DOWN, "bob", 1), 0);
	assert_int_equal(call_state(call), 4);

	/* The same when it was even confirmed. */
	call_restart(state, NULL);
	call = call_of(state);
	call_invite(call, "c", 1);
	assert_int_equal(set_state(call, 4, "bob"), 0);
	assert_int_equal(call_reply(call, "bob", 200), 0);
	assert_int_equal(call_state(call), 4);
	assert_true(contact_is(call, "sip:bob@10.0.0.2"));
	/* And when the call was ended meanwhile. */
	call_restart(state, NULL);
	call = call_of(state);
	call_invite(call, "c", 1);
	assert_int_equal(set_state(call, 4, "bob"), 0);
	assert_int_equal(call_terminate(call, PARLEY_SIDE_ALL), 0);
	assert_int_equal(set_state(call, 5, NULL), 0);
	assert_int_equal(call_reply(call, "bob", 200), 0);
	assert_int_equal(call_count(call, PARLEY_ACT_ACK), 1);
	assert_true(contact_is(call, "sip:bob@10.0.0.2"));
}

static void backward(void **state)
{
	struct call *call = call_of(state);

	call_invite(call, "c", 1);
	call_reply(call, "bob", 180);
	assert_int_equal(set_state(call, 1, NULL), 0);
	assert_int_equal(call_state(call), 1);
	call_reply(call, "bob", 200);
	call_request(call, PARLEY_EV_ACK, DOWN, "bob", 1);
	assert_int_equal(call_state(call), 4);
	/* Nobody takes an answer back. */
	assert_int_equal(set_state(call, 1, NULL), PARLEY_E_STATE);
	assert_int_equal(set_state(call, 2, NULL), PARLEY_E_STATE);
	assert_int_equal(call_state(call), 4);
	assert_int_equal(set_state(call, 3, NULL), 0);
	assert_int_equal(call_state(call), 3);
	assert_int_equal(call_request(call, PARLEY_EV_ACK, DOWN, "bob", 1), 0);
	assert_int_equal(call_state(call), 4);
	assert_int_equal(set_state(call, 3, NULL), 0);
	/* noack_timeout is over, and then the short lifetime. */
	assert_int_equal(call_wait(call, 60 * 1000 + 200), 1);
	assert_int_equal(call_state(call), 3);
	assert_int_equal(call_wait(call, 10 * 1000 + 200), 1);
	assert_int_equal(call_state(call), 5);
	assert_int_equal(set_state(call, 4, NULL), PARLEY_E_STATE);
	assert_int_equal(set_state(call, 5, NULL), 0);
	assert_int_equal(call_state(call), 5);
}

/* The end is silent, counted, and final. */
static void ends(void **state)
{
	struct call *call = call_of(state);
	struct parley_stats stats;
	struct told told;

	call_up(call);
	subscribe(call, &told);
	assert_int_equal(set_state(call, 5, NULL), 0);
	assert_int_equal(call_state(call), 5);
	stats = call_stats(call);
	assert_int_equal(stats.now_in[PARLEY_STATE_CONFIRMED], 0);
	assert_int_equal(stats.now_in[PARLEY_STATE_DELETED], 1);
	assert_int_equal(stats.ended_by_us, 1);
	assert_int_equal(stats.failed, 0);
	assert_int_equal(stats.expired, 0);
	/* What is still under way changes nothing, and nothing is sent. */
	assert_int_equal(call_reply(call, "bob", 200), 0);
	assert_int_equal(call->actions.count, 0);
	assert_int_equal(call_request(call, PARLEY_EV_BYE, UP, "bob", 1), 0);
	assert_int_equal(call_state(call), 5);
	assert_int_equal(told.others, 0);
	assert_int_equal(told.destroyed, 0);
	assert_int_equal(call_release(call, true), 0);
	assert_int_equal(call_state(call), 0);
	assert_int_equal(told.others, 0);
	assert_int_equal(told.destroyed, 1);
	assert_int_equal(set_state(call, 5, NULL), PARLEY_E_NO_DIALOG);
}

static void ends_before_the_answer(void **state)
{
	struct call *call = call_of(state);

	call_invite(call, "c", 1);
	assert_int_equal(set_state(call, 5, NULL), 0);
	assert_int_equal(call_stats(call).failed, 1);
	/* The 2xx belongs to a call that goes on without us. */
	assert_int_equal(call_reply(call, "bob", 200), 0);
	assert_int_equal(call->actions.count, 0);
	assert_int_equal(call_state(call), 5);
}

/* While BYEs are on their way only the end can be set, and no more is sent. */
static void being_ended(void **state)
{
	struct call *call = call_of(state);
	struct parley_actions asked;

	call_invite(call, "c", 1);
	call_reply(call, "bob", 200);
	assert_int_equal(call_terminate(call, PARLEY_SIDE_ALL), 0);
	asked = call->actions;
	assert_int_equal(call_count(call, PARLEY_ACT_BYE), 1);
	assert_int_equal(set_state(call, 3, NULL), 0);
	assert_int_equal(set_state(call, 4, NULL), PARLEY_E_STATE);
	assert_int_equal(set_state(call, 5, NULL), 0);
	/* The BYE to the caller has waited for this. */
	assert_int_equal(call_request(call, PARLEY_EV_ACK, DOWN, "bob", 1), 0);
	assert_int_equal(call->actions.count, 0);
	assert_int_equal(call_bye_done(call, &asked, 0, 200), 0);
	assert_int_equal(call_stats(call).ended_by_us, 1);
}

static void arguments(void **state)
{
	struct call *call = call_of(state);

	call_up(call);
	assert_int_equal(set_state(call, 0, NULL), PARLEY_E_ARGUMENT);
	assert_int_equal(set_state(call, 6, NULL), PARLEY_E_ARGUMENT);
	assert_int_equal(set_state(call, 255, NULL), PARLEY_E_ARGUMENT);
	assert_int_equal(call_state(call), 4);
	assert_int_equal(set_state(call, 4, NULL), 0);
	call->id.id ^= 1;
	assert_int_equal(set_state(call, 4, NULL), PARLEY_E_NO_DIALOG);
	call->id.id ^= 1;
}

/* Members leave with the end, and memory is enough or nothing happens. */
static bool rung(struct test_host *host)
{
	struct parley_config config;
	struct call call = {0};
	int rc;

	call_config(&config);
	config.piece_bytes = 0;
	if (!call_begin(&call, host, &config))
		return false;
	rc = call_invite(&call, "c", 1);
	if (rc == 0) {
		rc = set_state(&call, 3, "bob");
		assert_true(rc == 0 || rc == PARLEY_E_MEMORY);
		assert_int_equal(call_state(&call), rc == 0 ? 3 : 1);
		assert_int_equal(set_state(&call, 5, NULL), 0);
	}
	call_end(&call);
	return rc == 0;
}

static void test_ladder(void **state)
{
	struct parley_config config;

	(void)state;
	call_config(&config);
	assert_true(ladder(rung, parley_locks(&config),
			   parley_locks(&config) - 1) > 3);
}

#define CALL_TEST(test)                                                        \
	cmocka_unit_test_setup_teardown(test, call_setup, call_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CALL_TEST(forward),
		CALL_TEST(in_one_step),
		CALL_TEST(answer_comes_later),
		CALL_TEST(backward),
		CALL_TEST(ends),
		CALL_TEST(ends_before_the_answer),
		CALL_TEST(being_ended),
		CALL_TEST(arguments),
		cmocka_unit_test(test_ladder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
