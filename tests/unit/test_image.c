/* objects: all pair.o */
/*
 * Two engines, "a" and "b", as two nodes: what one has changed is exported and
 * imported by the other.
 */
#include <string.h>

#include "pair.h"

static void each_state_crosses(void **state)
{
	struct pair *pair = *state;
	struct side *a = &pair->a, *b = &pair->b;

	assert_int_equal(call_invite(&a->call, "c1", 1), 0);
	pair_settle(pair);
	assert_int_equal(call_state(&b->call), 1);
	assert_int_equal(call_reply(&a->call, "bob", 180), 0);
	pair_settle(pair);
	assert_int_equal(call_state(&b->call), 2);
	assert_int_equal(call_reply(&a->call, "bob", 200), 0);
	pair_settle(pair);
	assert_int_equal(call_state(&b->call), 3);
	assert_int_equal(call_request(&a->call, PARLEY_EV_ACK, DOWN, "bob", 1),
			 0);
	pair_settle(pair);
	assert_int_equal(call_state(&b->call), 4);
	assert_int_equal(call_request(&a->call, PARLEY_EV_BYE, DOWN, "bob", 2),
			 0);
	pair_settle(pair);
	assert_int_equal(call_state(&b->call), 5);
	/* The owner told its subscribers, the replica's heard nothing. */
	assert_int_equal(a->told.ended, 1);
	assert_memory_equal(&b->told, &(struct told){0}, sizeof(b->told));
	/* Neither counts as one of its own. */
	assert_int_equal(call_stats(&b->call).processed, 0);
	assert_int_equal(call_stats(&b->call).failed, 0);
}

/* The loser of a fork goes there, too, while the other one rings on. */
static void losers_cross(void **state)
{
	struct pair *pair = *state;
	struct call *call = &pair->a.call;
	_Alignas(max_align_t) char buffer[IMAGE_BYTES];
	struct parley_event event;
	struct parley_view view;

	assert_int_equal(call_invite(call, "c1", 1), 0);
	assert_int_equal(call_reply(call, "bob", 180), 0);
	assert_int_equal(call_reply(call, "eve", 180), 0);
	pair_settle(pair);
	side_look(&pair->b, &view, buffer);
	assert_int_equal(view.leg_count, 2);
	event = call_event(call, PARLEY_EV_BRANCH_FAILED);
	event.to_tag = test_str("bob");
	assert_int_equal(call_feed(call, &event), 0);
	pair_settle(pair);
	side_look(&pair->b, &view, buffer);
	assert_int_equal(view.state, PARLEY_STATE_EARLY);
	assert_int_equal(view.leg_count, 1);
	assert_text(view.legs[0].tag, "eve");
}

static void all_of_it_crosses(void **state)
{
	struct pair *pair = *state;
	struct parley *engine = pair->a.call.engine;
	_Alignas(max_align_t) char buffer[IMAGE_BYTES];
	struct parley_id id;
	struct parley_view view;
	uint32_t got, size;

	pair_up(pair);
	id = pair->a.call.id;
	assert_int_equal(
		parley_var_set(engine, id, test_str("k"), test_str("v")), 0);
	assert_int_equal(
		parley_var_set(engine, id, test_str("e"), test_str("")), 0);
	assert_int_equal(parley_flags(engine, id, 5, 0, &got), 0);
	assert_int_equal(parley_options(engine, pair->a.call.now, id,
					PARLEY_OPT_BYE_ON_TIMEOUT, 0, &got),
			 0);
	assert_int_equal(parley_set_timeout_route(engine, id, 7, test_str("T")),
			 0);
	assert_int_equal(
		parley_profile_join(engine, id, 0, test_str("x"), 0, false), 0);
	assert_int_equal(
		parley_profile_join(engine, id, 1, test_str(""), 0, false), 0);
	assert_int_equal(parley_set_lifetime(engine, pair->a.call.now, id, 50),
			 0);
	pair_settle(pair);
	side_look(&pair->b, &view, buffer);
	assert_true(view.replica);
	assert_text(view.owner, "a");
	assert_text(view.callid, "c1");
	assert_text(view.caller.tag, "alice");
	assert_text(view.caller.contact, "sip:alice@10.0.0.1");
	assert_text(view.caller.route_set, "<sip:p1;lr>");
	assert_text(view.legs[0].tag, "bob");
	assert_text(view.legs[0].contact, "sip:bob@10.0.0.2");
	assert_text(view.legs[0].route_set, "<sip:p2;lr>");
	assert_int_equal(view.legs[0].state, PARLEY_LEG_CONFIRMED);
	assert_int_equal(view.flags, 5);
	assert_int_equal(view.options, PARLEY_OPT_BYE_ON_TIMEOUT);
	assert_int_equal(view.timeout_route, 7);
	assert_text(view.timeout_route_name, "T");
	assert_int_equal(view.lifetime_s, 50);
	assert_int_equal(view.left_s, 50);
	assert_int_equal(view.start_s, pair->a.call.now.unix_s);
	assert_int_equal(view.var_count, 2);
	assert_int_equal(view.profile_count, 2);
	engine = pair->b.call.engine;
	assert_int_equal(parley_profile_size(engine, 0, test_str("x"), &size),
			 0);
	assert_int_equal(size, 1);

	/* What is taken away goes there as well. */
	engine = pair->a.call.engine;
	assert_int_equal(parley_var_set(engine, id, test_str("k"),
					(struct parley_str){0}),
			 0);
	assert_int_equal(parley_profile_leave(engine, id, 0, test_str("x")), 0);
	pair_settle(pair);
	side_look(&pair->b, &view, buffer);
	assert_int_equal(view.var_count, 1);
	assert_int_equal(view.profile_count, 1);
	assert_int_equal(view.profiles[0].profile, 1);
}

static void timers_stand_still_on_a_replica(void **state)
{
	struct pair *pair = *state;

	pair_up(pair);
	assert_int_equal(call_wait(&pair->b.call, 150000), 0);
	assert_int_equal(call_state(&pair->b.call), 4);
	assert_int_equal(call_wait(&pair->a.call, 100000), 1);
	assert_int_equal(pair->a.told.expired, 1);
	pair_settle(pair);
	assert_int_equal(call_state(&pair->b.call), 5);
	assert_int_equal(pair->b.told.expired + pair->b.told.ended, 0);
}

/* The owner lives, but has lost the call, and nobody said so. */
static void a_replica_is_not_kept_for_ever(void **state)
{
	struct pair *pair = *state;

	pair_up(pair);
	assert_int_equal(call_wait(&pair->b.call, 100000 + 64000), 1);
	assert_int_equal(call_state(&pair->b.call), 0);
	assert_memory_equal(&pair->b.told, &(struct told){0},
			    sizeof(pair->b.told));
}

static void a_request_through_the_peer(void **state)
{
	struct pair *pair = *state;
	struct parley_event event;
	_Alignas(max_align_t) char buffer[IMAGE_BYTES];
	struct parley_view view;

	pair_up(pair);
	event = call_event(&pair->b.call, PARLEY_EV_REINVITE);
	event.dir = UP;
	event.to_tag = test_str("bob");
	event.cseq = 44;
	event.contact = test_str("sip:bob@10.9.9.9");
	assert_int_equal(call_feed(&pair->b.call, &event), 0);
	pair_settle(pair);
	side_look(&pair->a, &view, buffer);
	assert_false(view.replica);
	assert_text(view.legs[0].contact, "sip:bob@10.9.9.9");
	assert_int_equal(view.legs[0].cseq, 44);
	assert_int_equal(pair->b.told.within, 0);

	assert_int_equal(
		call_request(&pair->b.call, PARLEY_EV_BYE, DOWN, "bob", 3), 0);
	pair_settle(pair);
	assert_int_equal(call_state(&pair->a.call), 5);
	assert_int_equal(pair->a.told.ended, 1);
	assert_int_equal(pair->a.told.replied, 1);
	assert_int_equal(pair->b.told.ended, 0);
	assert_int_equal(call_wait(&pair->a.call, 1000000), 1);
	assert_int_equal(call_wait(&pair->b.call, 1000000), 1);
	assert_int_equal(call_state(&pair->a.call), 0);
	assert_int_equal(call_state(&pair->b.call), 0);
}

/* Both change the call at once: nothing of what only grows is lost, and the
 * nodes agree afterwards. */
static void changes_that_cross(void **state)
{
	struct pair *pair = *state;
	_Alignas(max_align_t) char buffer[IMAGE_BYTES], other[IMAGE_BYTES];
	struct parley_view a, b;

	pair_up(pair);
	assert_int_equal(parley_var_set(pair->a.call.engine, pair->a.call.id,
					test_str("k"), test_str("v")),
			 0);
	assert_int_equal(
		call_request(&pair->b.call, PARLEY_EV_UPDATE, UP, "bob", 9), 0);
	pair_settle(pair);
	side_look(&pair->a, &a, buffer);
	side_look(&pair->b, &b, other);
	assert_int_equal(a.legs[0].cseq, 9);
	assert_int_equal(b.legs[0].cseq, 9);
	assert_int_equal(a.var_count, 1);
	assert_int_equal(b.var_count, 1);

	/* An end always wins. */
	assert_int_equal(parley_var_set(pair->a.call.engine, pair->a.call.id,
					test_str("k"), test_str("w")),
			 0);
	assert_int_equal(parley_var_set(pair->a.call.engine, pair->a.call.id,
					test_str("l"), test_str("w")),
			 0);
	assert_int_equal(
		call_request(&pair->b.call, PARLEY_EV_BYE, UP, "bob", 10), 0);
	pair_settle(pair);
	assert_int_equal(call_state(&pair->a.call), 5);
	assert_int_equal(pair->a.told.ended, 1);
}

static void old_ones_lose(void **state)
{
	struct pair *pair = *state;
	_Alignas(max_align_t) char buffer[IMAGE_BYTES], newer[IMAGE_BYTES];
	struct parley_image old;
	struct parley_view view;

	pair_up(pair);
	assert_int_equal(
		side_export(&pair->a, &pair->b, pair->a.call.id, &old, buffer),
		0);
	assert_int_equal(parley_var_set(pair->a.call.engine, pair->a.call.id,
					test_str("k"), test_str("v")),
			 0);
	pair_settle(pair);
	assert_int_equal(side_take(&pair->b, &old), PARLEY_E_OLD);
	side_look(&pair->b, &view, newer);
	assert_int_equal(view.var_count, 1);

	/* One that has ended is not brought back, neither here nor there. */
	assert_int_equal(
		call_request(&pair->a.call, PARLEY_EV_BYE, DOWN, "bob", 2), 0);
	assert_int_equal(call_release(&pair->a.call, true), 0);
	pair_settle(pair);
	old.version += 100;
	assert_int_equal(side_take(&pair->b, &old), PARLEY_E_STATE);
	old.view.owner = (struct parley_str){0};
	assert_int_equal(side_take(&pair->a, &old), PARLEY_E_STATE);
	pair_settle(pair);
	call_wait(&pair->b.call, 1000000);
	old.view.state = PARLEY_STATE_DELETED;
	assert_int_equal(side_take(&pair->b, &old), PARLEY_E_NO_DIALOG);
}

static void senseless_ones_are_refused(void **state)
{
	struct pair *pair = *state;
	_Alignas(max_align_t) char buffer[IMAGE_BYTES];
	struct parley_image image, bad;
	struct parley_leg_view leg;

	pair_up(pair);
	assert_int_equal(side_export(&pair->a, &pair->b, pair->a.call.id,
				     &image, buffer),
			 0);
#define REFUSED(change, error)                                                 \
	do {                                                                   \
		bad = image;                                                   \
		bad.version++;                                                 \
		change;                                                        \
		assert_int_equal(side_take(&pair->b, &bad), error);            \
	} while (0)
	REFUSED(bad.view.state = 0, PARLEY_E_ARGUMENT);
	REFUSED(bad.view.state = 6, PARLEY_E_ARGUMENT);
	REFUSED(bad.view.id.entry ^= 1, PARLEY_E_ARGUMENT);
	REFUSED(bad.view.id.id = 0, PARLEY_E_ARGUMENT);
	REFUSED(bad.view.callid.len = 0, PARLEY_E_ARGUMENT);
	REFUSED(bad.view.lifetime_s = 0, PARLEY_E_ARGUMENT);
	REFUSED(bad.view.leg_count = 0, PARLEY_E_ARGUMENT);
	REFUSED(bad.view.leg_count = PARLEY_LEGS_MAX + 1, PARLEY_E_ARGUMENT);
	REFUSED(bad.view.caller.tag = test_str("eve"), PARLEY_E_CONFLICT);
	leg = image.view.legs[0];
	leg.state = PARLEY_LEG_ENDED;
	REFUSED(bad.view.legs = &leg, PARLEY_E_ARGUMENT);
	leg.state = 9;
	REFUSED(bad.view.legs = &leg, PARLEY_E_ARGUMENT);
	leg = image.view.legs[0];
	leg.tag.len = 0;
	leg.state = PARLEY_LEG_EARLY;
	REFUSED(bad.view.legs = &leg, PARLEY_E_ARGUMENT);
	assert_int_equal(call_state(&pair->b.call), 4);
}

static void the_survivor_expires_it(void **state)
{
	struct pair *pair = *state;
	_Alignas(max_align_t) char buffer[IMAGE_BYTES];
	struct parley_view view;

	pair_up(pair);
	assert_int_equal(side_adopt(&pair->b, "c"), PARLEY_E_ABSENT);
	assert_int_equal(side_adopt(&pair->a, "a"), PARLEY_E_ABSENT);
	assert_int_equal(side_adopt(&pair->b, "a"), 0);
	assert_int_equal(pair->b.told.loaded, 1);
	side_look(&pair->b, &view, buffer);
	assert_false(view.replica);
	/* The first owner was alive after all: it has lost the call. */
	pair_settle(pair);
	side_look(&pair->a, &view, buffer);
	assert_true(view.replica);
	assert_text(view.owner, "b");
	assert_int_equal(call_wait(&pair->b.call, 100000), 1);
	assert_int_equal(pair->b.told.expired, 1);
	call_wait(&pair->a.call, 100000);
	pair_settle(pair);
	assert_int_equal(call_state(&pair->a.call), 5);
	assert_int_equal(pair->a.told.expired + pair->a.told.ended, 0);
}

static void ask(struct call *call, uint32_t whom)
{
	uint32_t bits;

	assert_int_equal(parley_options(call->engine, call->now, call->id, whom,
					0, &bits),
			 0);
}

/* Keep-alives are the owner's; who takes over begins with a whole interval, so
 * that the calls of a node that has gone are not all asked at once. */
static void the_owner_asks(void **state)
{
	struct pair *pair = *state;
	struct call *a = &pair->a.call, *b = &pair->b.call;

	pair_up(pair);
	ask(a, PARLEY_OPT_KA_CALLER);
	pair_settle(pair);
	assert_int_equal(call_wait(a, 30200), 1);
	assert_int_equal(call_count(a, PARLEY_ACT_PING), 1);
	assert_int_equal(call_wait(b, 30200), 0);
	assert_int_equal(side_adopt(&pair->b, "a"), 0);
	assert_int_equal(call_wait(b, 29500), 0);
	assert_int_equal(call_wait(b, 700), 1);
	assert_int_equal(call_count(b, PARLEY_ACT_PING), 1);
	/* And the first owner stops when it hears of that. */
	pair_settle(pair);
	assert_int_equal(call_wait(a, 35000), 0);
}

/* The call ended through the peer, and the owner died before it heard of it. */
static void an_end_that_nobody_told(void **state)
{
	struct pair *pair = *state;

	pair_up(pair);
	assert_int_equal(
		call_request(&pair->b.call, PARLEY_EV_BYE, UP, "bob", 7), 0);
	assert_int_equal(side_adopt(&pair->b, "a"), 0);
	assert_int_equal(pair->b.told.ended, 1);
	assert_int_equal(pair->b.told.replied, 1);
	assert_int_equal(side_adopt(&pair->b, "a"), PARLEY_E_ABSENT);
	assert_int_equal(pair->b.told.ended, 1);
}

static void the_survivor_ends_what_was_being_ended(void **state)
{
	struct pair *pair = *state;

	pair_up(pair);
	assert_int_equal(call_terminate(&pair->a.call, PARLEY_SIDE_ALL), 0);
	assert_int_equal(call_count(&pair->a.call, PARLEY_ACT_BYE), 2);
	pair_settle(pair);
	assert_int_equal(side_adopt(&pair->b, "a"), 0);
	assert_int_equal(call_count(&pair->b.call, PARLEY_ACT_BYE), 2);
}

static void a_call_that_rang_dies_with_its_node(void **state)
{
	struct pair *pair = *state;

	assert_int_equal(call_invite(&pair->a.call, "c1", 1), 0);
	assert_int_equal(call_reply(&pair->a.call, "bob", 180), 0);
	pair_settle(pair);
	assert_int_equal(side_adopt(&pair->b, "a"), 0);
	assert_int_equal(call_wait(&pair->b.call, 32000), 1);
	assert_int_equal(pair->b.told.failed, 1);
	assert_int_equal(call_state(&pair->b.call), 5);
}

/* A node that starts anew gets its calls back from the others. */
static void begin_anew(struct pair *pair)
{
	_Alignas(max_align_t) char buffer[IMAGE_BYTES];
	struct parley_image image;

	call_end(&pair->a.call);
	assert_true(side_begin(&pair->a, pair->host, "a", 1));
	assert_int_equal(side_export(&pair->b, &pair->a, pair->b.call.id,
				     &image, buffer),
			 0);
	assert_int_equal(side_take(&pair->a, &image), 0);
}

static void its_own_call_comes_back(void **state)
{
	struct pair *pair = *state;

	pair_up(pair);
	begin_anew(pair);
	pair->a.call.id = pair->b.call.id;
	assert_int_equal(call_state(&pair->a.call), 4);
	assert_int_equal(pair->a.told.loaded, 1);
	assert_int_equal(call_wait(&pair->a.call, 100000), 1);
	assert_int_equal(pair->a.told.expired, 1);
}

/* What is restored is asked like any other call. */
static void a_restored_call_is_asked(void **state)
{
	struct pair *pair = *state;
	struct call *a = &pair->a.call;

	pair_up(pair);
	ask(a, PARLEY_OPT_KA_CALLEE);
	pair_settle(pair);
	begin_anew(pair);
	assert_int_equal(call_wait(a, 29900), 0);
	assert_int_equal(call_wait(a, 300), 1);
	assert_int_equal(a->actions.count, 1);
	assert_int_equal(a->actions.list[0].type, PARLEY_ACT_PING);
	assert_int_equal(a->actions.list[0].dir, DOWN);
}

static void forgotten_without_a_word(void **state)
{
	struct pair *pair = *state;
	struct call *b = &pair->b.call;
	struct parley_id id;

	pair_up(pair);
	assert_int_equal(parley_forget(b->engine, b->now, b->id, test_str("x")),
			 PARLEY_E_ABSENT);
	assert_int_equal(parley_forget(b->engine, b->now, b->id, test_str("a")),
			 0);
	assert_int_equal(call_state(b), 0);
	assert_false(parley_changed(b->engine, &id));
	assert_memory_equal(&pair->b.told, &(struct told){0},
			    sizeof(pair->b.told));
	assert_int_equal(call_state(&pair->a.call), 4);
}

static void loaded_when_asked_for(void **state)
{
	struct pair *pair = *state;
	_Alignas(max_align_t) char buffer[IMAGE_BYTES];
	struct parley_image image;

	assert_int_equal(call_invite(&pair->a.call, "c1", 1), 0);
	assert_int_equal(side_export(&pair->a, &pair->b, pair->a.call.id,
				     &image, buffer),
			 0);
	image.tell_loaded = true;
	assert_int_equal(side_take(&pair->b, &image), 0);
	assert_int_equal(pair->b.told.loaded, 1);
	/* It is not loaded again when it becomes this node's. */
	pair->b.call.id = pair->a.call.id;
	assert_int_equal(side_adopt(&pair->b, "a"), 0);
	assert_int_equal(pair->b.told.loaded, 1);
}

static void a_change_is_exported_once(void **state)
{
	struct pair *pair = *state;
	struct parley *engine = pair->a.call.engine;
	struct parley_id id;
	uint32_t flags;

	pair_up(pair);
	assert_false(parley_changed(engine, &id));
	assert_int_equal(parley_flags(engine, pair->a.call.id, 0, 0, &flags),
			 0);
	assert_false(parley_changed(engine, &id));
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(parley_flags(engine, pair->a.call.id, 1U << i,
					      0, &flags),
				 0);
	assert_true(parley_changed(engine, &id));
	assert_false(parley_changed(engine, &id));
	/* A change meanwhile is another one. */
	assert_int_equal(parley_flags(engine, pair->a.call.id, 8, 0, &flags),
			 0);
	parley_changed_done(engine, id);
	assert_true(parley_changed(engine, &id));
	parley_changed_done(engine, id);
}

/* However long it takes the host to ask: an end is not lost. */
static void an_end_waits_for_its_export(void **state)
{
	struct pair *pair = *state;
	struct call *a = &pair->a.call;
	struct parley_id id;

	pair_up(pair);
	assert_int_equal(call_request(a, PARLEY_EV_BYE, DOWN, "bob", 2), 0);
	assert_int_equal(call_release(a, true), 0);
	call_wait(a, 1000000);
	assert_int_equal(call_state(a), 5);
	assert_true(parley_changed(a->engine, &id));
	call_wait(a, 1000000);
	assert_int_equal(call_state(a), 5);
	parley_changed_done(a->engine, id);
	assert_no_fault(parley_check(a->engine));
	assert_int_equal(call_state(a), 0);
}

static bool ladder_rung(struct test_host *host)
{
	struct pair pair;
	struct parley *engine;
	bool done = false;

	if (!pair_begin(&pair, host))
		return false;
	engine = pair.a.call.engine;
	if (call_invite(&pair.a.call, "c1", 1) == 0 &&
	    call_reply(&pair.a.call, "bob", 200) == 0 &&
	    parley_var_set(engine, pair.a.call.id, test_str("k"),
			   test_str("v")) == 0 &&
	    parley_profile_join(engine, pair.a.call.id, 0, test_str("x"), 0,
				false) == 0 &&
	    sides_sync(&pair.a, &pair.b) == 0 &&
	    parley_var_set(engine, pair.a.call.id, test_str("longer"),
			   test_str("a value that is longer")) == 0 &&
	    parley_profile_join(engine, pair.a.call.id, 1, test_str(""), 0,
				false) == 0 &&
	    sides_sync(&pair.a, &pair.b) == 0)
		done = side_adopt(&pair.b, "a") == 0;
	pair_end(&pair);
	return done;
}

static void without_memory(void **state)
{
	(void)state;
	assert_true(ladder(ladder_rung, TEST_LOCKS_MAX, TEST_NO_LEAF) > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PAIR(each_state_crosses),
		PAIR(losers_cross),
		PAIR(all_of_it_crosses),
		PAIR(timers_stand_still_on_a_replica),
		PAIR(a_replica_is_not_kept_for_ever),
		PAIR(a_request_through_the_peer),
		PAIR(changes_that_cross),
		PAIR(old_ones_lose),
		PAIR(senseless_ones_are_refused),
		PAIR(the_survivor_expires_it),
		PAIR(the_owner_asks),
		PAIR(a_restored_call_is_asked),
		PAIR(an_end_that_nobody_told),
		PAIR(the_survivor_ends_what_was_being_ended),
		PAIR(a_call_that_rang_dies_with_its_node),
		PAIR(its_own_call_comes_back),
		PAIR(forgotten_without_a_word),
		PAIR(loaded_when_asked_for),
		PAIR(a_change_is_exported_once),
		PAIR(an_end_waits_for_its_export),
		cmocka_unit_test(without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
