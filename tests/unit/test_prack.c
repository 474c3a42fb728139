/* objects: all pair.o */
/* test_prack.c - which reliable provisional replies we acknowledge */
#include <string.h>

#include "pair.h"

static int take(struct call *call, const char *tag, uint32_t rseq,
		struct parley_prack *prack)
{
	*prack = (struct parley_prack){.to_tag = test_str(tag), .rseq = rseq};
	return parley_prack_take(call->engine, call->id, prack);
}

static void takes(struct call *call, const char *tag, uint32_t rseq, int want)
{
	struct parley_prack prack;

	assert_int_equal(take(call, tag, rseq, &prack), want);
}

static void option(struct call *call, uint32_t set, uint32_t clear)
{
	uint32_t options;

	assert_int_equal(parley_options(call->engine, call->now, call->id, set,
					clear, &options),
			 0);
}

static struct call *ringing(void **state)
{
	struct call *call = call_of(state);

	assert_int_equal(call_invite(call, "call", 7), 0);
	option(call, PARLEY_OPT_AUTO_PRACK, 0);
	assert_int_equal(call_reply(call, "bob", 183), 0);
	return call;
}

/* Each once, in their order, from whatever number they begin. */
static void in_order(void **state)
{
	struct call *call = ringing(state);
	struct parley_prack prack;

	assert_int_equal(take(call, "bob", 4711, &prack), 0);
	assert_int_equal(prack.leg, 1);
	assert_int_equal(prack.cseq, 7);
	takes(call, "bob", 4711, PARLEY_E_OLD);
	takes(call, "bob", 4713, PARLEY_E_OLD);
	takes(call, "bob", 4710, PARLEY_E_OLD);
	takes(call, "bob", 4712, 0);
	takes(call, "bob", 4711, PARLEY_E_OLD);
	takes(call, "bob", 4713, 0);
}

static void each_leg_its_own(void **state)
{
	struct call *call = ringing(state);
	struct parley_prack prack;

	takes(call, "bob", 1, 0);
	takes(call, "carol", 1, PARLEY_E_NO_LEG);
	assert_int_equal(call_reply(call, "carol", 180), 0);
	assert_int_equal(take(call, "carol", 9, &prack), 0);
	assert_int_equal(prack.leg, 2);
	takes(call, "bob", 2, 0);
	takes(call, "carol", 10, 0);
}

static void limits(void **state)
{
	struct call *call = ringing(state);
	const struct parley_id nobody = {1, 1};
	struct parley_prack prack = {.to_tag = test_str("bob"), .rseq = 1};

	assert_int_equal(parley_prack_take(call->engine, nobody, &prack),
			 PARLEY_E_NO_DIALOG);
	parley_prack_give_back(call->engine, nobody, &prack);
	takes(call, "bob", 0, PARLEY_E_ARGUMENT);
	takes(call, "", 1, PARLEY_E_ARGUMENT);
	takes(call, "bob", UINT32_MAX, 0);
	/* There is no next one. */
	takes(call, "bob", 0, PARLEY_E_ARGUMENT);
	takes(call, "bob", 1, PARLEY_E_OLD);
}

static void not_sent(void **state)
{
	struct call *call = ringing(state);
	struct parley_prack first, second;

	assert_int_equal(take(call, "bob", 5, &first), 0);
	parley_prack_give_back(call->engine, call->id, &first);
	assert_int_equal(take(call, "bob", 5, &first), 0);
	assert_int_equal(take(call, "bob", 6, &second), 0);
	/* Another process was quicker with the next one. */
	parley_prack_give_back(call->engine, call->id, &first);
	takes(call, "bob", 6, PARLEY_E_OLD);
	takes(call, "bob", 7, 0);
	/* The very first of all numbers. */
	assert_int_equal(call_reply(call, "carol", 180), 0);
	assert_int_equal(take(call, "carol", 1, &first), 0);
	parley_prack_give_back(call->engine, call->id, &first);
	takes(call, "carol", 1, 0);
}

static void only_while_it_rings(void **state)
{
	struct call *call = ringing(state);
	struct parley_prack prack;

	option(call, 0, PARLEY_OPT_AUTO_PRACK);
	takes(call, "bob", 1, PARLEY_E_STATE);
	option(call, PARLEY_OPT_AUTO_PRACK, 0);
	assert_int_equal(take(call, "bob", 1, &prack), 0);
	assert_int_equal(call_reply(call, "carol", 180), 0);
	assert_int_equal(call_request(call, PARLEY_EV_BYE, DOWN, "carol", 8),
			 0);
	takes(call, "carol", 1, PARLEY_E_STATE);
	assert_int_equal(call_reply(call, "bob", 200), 0);
	takes(call, "bob", 2, PARLEY_E_STATE);
	parley_prack_give_back(call->engine, call->id, &prack);
	prack.leg = 99;
	parley_prack_give_back(call->engine, call->id, &prack);
}

static void not_while_it_is_ended(void **state)
{
	struct call *call = ringing(state);
	struct parley_event event = call_event(call, PARLEY_EV_TERMINATE);

	event.side = PARLEY_SIDE_ALL;
	event.code = 502;
	event.can_reply = true;
	assert_int_equal(call_feed(call, &event), 0);
	takes(call, "bob", 1, PARLEY_E_STATE);
}

/* The count of keep-alives that a party has lost is in the same place. True:
 * there are too many, with one more. */
static bool ping_lost(struct call *call, uint32_t leg)
{
	const struct parley_event done = {.type = PARLEY_EV_PING_DONE,
					  .id = call->id,
					  .leg = leg,
					  .dir = UP,
					  .code = 408};
	static char buffer[16384];
	struct parley_view view;

	assert_int_equal(call_feed(call, &done), 0);
	assert_int_equal(parley_read(call->engine, call->now, call->id, &view,
				     buffer, sizeof(buffer), NULL),
			 0);
	return view.lifetime_s == 10;
}

static uint32_t pings_until_lost(struct call *call)
{
	uint32_t count = 1;

	while (!ping_lost(call, 1))
		count++;
	return count;
}

static struct call *few_pings(void **state)
{
	struct parley_config config;

	call_config(&config);
	config.ping_interval_ms = 1000000;
	config.ping_failed_limit = 3;
	call_restart(state, &config);
	return ringing(state);
}

static void keep_alives_begin_at_none(void **state)
{
	struct call *call = few_pings(state);

	takes(call, "bob", 0x20002, 0);
	assert_int_equal(call_reply(call, "bob", 200), 0);
	assert_int_equal(call_request(call, PARLEY_EV_ACK, DOWN, "bob", 7), 0);
	option(call, PARLEY_OPT_KA_CALLER, 0);
	assert_int_equal(pings_until_lost(call), 3);
}

static void also_when_it_is_up_by_decree(void **state)
{
	struct call *call = few_pings(state);
	struct parley_event event = call_event(call, PARLEY_EV_SET_STATE);

	takes(call, "bob", 0x20002, 0);
	event.state = PARLEY_STATE_CONFIRMED;
	assert_int_equal(call_feed(call, &event), 0);
	option(call, PARLEY_OPT_KA_CALLER, 0);
	assert_int_equal(pings_until_lost(call), 3);
}

/* One node relays the replies, the other the ACK. */
static void also_when_another_node_says_so(void **state)
{
	struct pair *pair = *state;
	struct call *a = &pair->a.call, *b = &pair->b.call;

	assert_int_equal(call_invite(a, "call", 7), 0);
	option(a, PARLEY_OPT_AUTO_PRACK, 0);
	assert_int_equal(call_reply(a, "bob", 183), 0);
	pair_settle(pair);
	b->id = a->id;
	takes(a, "bob", 0x10001, 0);
	assert_int_equal(call_reply(b, "bob", 200), 0);
	assert_int_equal(call_request(b, PARLEY_EV_ACK, DOWN, "bob", 7), 0);
	assert_int_equal(call_reply(b, "carol", 200), 0);
	assert_int_equal(call_request(b, PARLEY_EV_ACK, DOWN, "carol", 7), 0);
	pair_settle(pair);
	assert_int_equal(call_state(a), PARLEY_STATE_CONFIRMED);
	/* By default one is too many, but bob is there. */
	assert_false(ping_lost(a, 2));
	assert_true(ping_lost(a, 1));
}

int main(void)
{
#define TEST(function)                                                         \
	cmocka_unit_test_setup_teardown(function, call_setup, call_teardown)
	const struct CMUnitTest tests[] = {
		TEST(in_order),
		TEST(each_leg_its_own),
		TEST(limits),
		TEST(not_sent),
		TEST(only_while_it_rings),
		TEST(not_while_it_is_ended),
		TEST(keep_alives_begin_at_none),
		TEST(also_when_it_is_up_by_decree),
		PAIR(also_when_another_node_says_so),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
