/* objects: all */
/*
 * Two engines, "a" and "b", as two nodes: what one has changed is exported and
 * imported by the other.
 */
#include <string.h>

#include "call.h"

enum { IMAGE_BYTES = 8192 };

struct told {
	uint32_t loaded, early, answered, confirmed, ended, failed, expired;
	uint32_t within, replied;
};

struct node {
	struct call call;
	const char *name;
	struct told told;
};

struct pair {
	struct test_host *host;
	struct node a, b;
};

static const struct parley_profile_config profiles[] = {{"out", true},
							{"all", false}};

static void on_note(struct parley *engine, void *param,
		    const struct parley_told *told)
{
	struct told *count = param;

	(void)engine;
	count->loaded += told->type == PARLEY_NOTE_LOADED;
	count->early += told->type == PARLEY_NOTE_EARLY;
	count->answered += told->type == PARLEY_NOTE_ANSWERED;
	count->confirmed += told->type == PARLEY_NOTE_CONFIRMED;
	count->within += told->type == PARLEY_NOTE_REQUEST_WITHIN;
	count->replied += told->type == PARLEY_NOTE_BYE_REPLIED;
	count->ended += told->type == PARLEY_NOTE_TERMINATED;
	count->failed += told->type == PARLEY_NOTE_FAILED;
	count->expired += told->type == PARLEY_NOTE_EXPIRED;
}

static bool node_begin(struct node *node, struct test_host *host,
		       const char *name, uint16_t number)
{
	const uint32_t types = PARLEY_NOTE_LOADED | PARLEY_NOTE_EARLY |
			       PARLEY_NOTE_ANSWERED | PARLEY_NOTE_CONFIRMED |
			       PARLEY_NOTE_REQUEST_WITHIN |
			       PARLEY_NOTE_TERMINATED | PARLEY_NOTE_FAILED |
			       PARLEY_NOTE_EXPIRED | PARLEY_NOTE_BYE_REPLIED;
	struct parley_config config;

	call_config(&config);
	config.replicate = true;
	config.node = number;
	config.lifetime_s = 100;
	config.ping_interval_ms = 30000;
	config.profiles = profiles;
	config.profile_count = 2;
	node->name = name;
	node->told = (struct told){0};
	if (!call_begin(&node->call, host, &config))
		return false;
	assert_int_equal(parley_subscribe_all(node->call.engine, types, on_note,
					      &node->told),
			 0);
	return true;
}

static bool pair_begin(struct pair *pair, struct test_host *host)
{
	*pair = (struct pair){.host = host};
	if (!node_begin(&pair->a, host, "a", 1))
		return false;
	if (node_begin(&pair->b, host, "b", 2))
		return true;
	call_end(&pair->a.call);
	return false;
}

static void pair_end(struct pair *pair)
{
	call_end(&pair->a.call);
	call_end(&pair->b.call);
}

static int pair_setup(void **state)
{
	static struct test_host host;
	static struct pair pair;

	test_host_init(&host, TEST_LOCKS_MAX, test_seed(1));
	*state = &pair;
	return pair_begin(&pair, &host) ? 0 : -1;
}

static int pair_teardown(void **state)
{
	struct pair *pair = *state;

	pair_end(pair);
	test_host_fini(pair->host);
	return 0;
}

/* Names are this node's or another one's, seen from the other side. */
static void cross(const struct node *from, const struct node *to,
		  struct parley_image *image)
{
	struct parley_str *owner = &image->view.owner;

	if (owner->len == 0)
		*owner = test_str(from->name);
	else if (owner->len == strlen(to->name) &&
		 memcmp(owner->s, to->name, owner->len) == 0)
		*owner = (struct parley_str){0};
}

static int take(struct node *to, const struct parley_image *image)
{
	struct call *call = &to->call;
	int rc = parley_import(call->engine, call->now, image, &call->actions);

	if (call->actions.note.types != 0)
		parley_deliver(call->engine, &call->actions.note, NULL, false);
	assert_no_fault(parley_check(call->engine));
	return rc;
}

static int export(struct node *from, struct node *to, struct parley_id id,
		  struct parley_image *image, char *buffer)
{
	int rc = parley_export(from->call.engine, from->call.now, id, image,
			       buffer, IMAGE_BYTES, NULL);

	if (rc == 0)
		cross(from, to, image);
	return rc;
}

/* Carries over all that has changed; returns the last result. */
static int sync_nodes(struct node *from, struct node *to)
{
	_Alignas(max_align_t) char buffer[IMAGE_BYTES];
	struct parley_image image;
	struct parley_id id;
	int rc = 1;

	while (parley_changed(from->call.engine, &id)) {
		if (export(from, to, id, &image, buffer) == 0) {
			rc = take(to, &image);
			to->call.id = id;
		}
		parley_changed_done(from->call.engine, id);
		assert_no_fault(parley_check(from->call.engine));
	}
	return rc;
}

/* Until nobody has anything to say. */
static void settle(struct pair *pair)
{
	for (int i = 0; i < 8; i++) {
		int a = sync_nodes(&pair->a, &pair->b);
		int b = sync_nodes(&pair->b, &pair->a);

		if (a == 1 && b == 1)
			return;
	}
	fail_msg("the nodes never agree");
}

static void look(struct node *node, struct parley_view *view, char *buffer)
{
	assert_int_equal(parley_read(node->call.engine, node->call.now,
				     node->call.id, view, buffer, IMAGE_BYTES,
				     NULL),
			 0);
}

static void assert_str(struct parley_str got, const char *want)
{
	assert_int_equal(got.len, strlen(want));
	assert_memory_equal(got.s, want, got.len);
}

static void up(struct pair *pair)
{
	assert_int_equal(call_invite(&pair->a.call, "c1", 1), 0);
	assert_int_equal(call_reply(&pair->a.call, "bob", 180), 0);
	assert_int_equal(call_reply(&pair->a.call, "bob", 200), 0);
	assert_int_equal(
		call_request(&pair->a.call, PARLEY_EV_ACK, DOWN, "bob", 1), 0);
	settle(pair);
}

static void each_state_crosses(void **state)
{
	struct pair *pair = *state;
	struct node *a = &pair->a, *b = &pair->b;

	assert_int_equal(call_invite(&a->call, "c1", 1), 0);
	settle(pair);
	assert_int_equal(call_state(&b->call), 1);
	assert_int_equal(call_reply(&a->call, "bob", 180), 0);
	settle(pair);
	assert_int_equal(call_state(&b->call), 2);
	assert_int_equal(call_reply(&a->call, "bob", 200), 0);
	settle(pair);
	assert_int_equal(call_state(&b->call), 3);
	assert_int_equal(call_request(&a->call, PARLEY_EV_ACK, DOWN, "bob", 1),
			 0);
	settle(pair);
	assert_int_equal(call_state(&b->call), 4);
	assert_int_equal(call_request(&a->call, PARLEY_EV_BYE, DOWN, "bob", 2),
			 0);
	settle(pair);
	assert_int_equal(call_state(&b->call), 5);
	/* The owner told its subscribers, the replica's heard nothing. */
	assert_int_equal(a->told.ended, 1);
	assert_memory_equal(&b->told, &(struct told){0}, sizeof(b->told));
	/* Neither counts as one of its own. */
	assert_int_equal(call_stats(&b->call).processed, 0);
	assert_int_equal(call_stats(&b->call).failed, 0);
}

static void all_of_it_crosses(void **state)
{
	struct pair *pair = *state;
	struct parley *engine = pair->a.call.engine;
	_Alignas(max_align_t) char buffer[IMAGE_BYTES];
	struct parley_id id;
	struct parley_view view;
	uint32_t got, size;

	up(pair);
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
	settle(pair);
	look(&pair->b, &view, buffer);
	assert_true(view.replica);
	assert_str(view.owner, "a");
	assert_str(view.callid, "c1");
	assert_str(view.caller.tag, "alice");
	assert_str(view.caller.contact, "sip:alice@10.0.0.1");
	assert_str(view.caller.route_set, "<sip:p1;lr>");
	assert_str(view.legs[0].tag, "bob");
	assert_str(view.legs[0].contact, "sip:bob@10.0.0.2");
	assert_str(view.legs[0].route_set, "<sip:p2;lr>");
	assert_int_equal(view.legs[0].state, PARLEY_LEG_CONFIRMED);
	assert_int_equal(view.flags, 5);
	assert_int_equal(view.options, PARLEY_OPT_BYE_ON_TIMEOUT);
	assert_int_equal(view.timeout_route, 7);
	assert_str(view.timeout_route_name, "T");
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
	settle(pair);
	look(&pair->b, &view, buffer);
	assert_int_equal(view.var_count, 1);
	assert_int_equal(view.profile_count, 1);
	assert_int_equal(view.profiles[0].profile, 1);
}

static void timers_stand_still_on_a_replica(void **state)
{
	struct pair *pair = *state;

	up(pair);
	assert_int_equal(call_wait(&pair->b.call, 150000), 0);
	assert_int_equal(call_state(&pair->b.call), 4);
	assert_int_equal(call_wait(&pair->a.call, 100000), 1);
	assert_int_equal(pair->a.told.expired, 1);
	settle(pair);
	assert_int_equal(call_state(&pair->b.call), 5);
	assert_int_equal(pair->b.told.expired + pair->b.told.ended, 0);
}

/* The owner lives, but has lost the call, and nobody said so. */
static void a_replica_is_not_kept_for_ever(void **state)
{
	struct pair *pair = *state;

	up(pair);
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

	up(pair);
	event = call_event(&pair->b.call, PARLEY_EV_REINVITE);
	event.dir = UP;
	event.to_tag = test_str("bob");
	event.cseq = 44;
	event.contact = test_str("sip:bob@10.9.9.9");
	assert_int_equal(call_feed(&pair->b.call, &event), 0);
	settle(pair);
	look(&pair->a, &view, buffer);
	assert_false(view.replica);
	assert_str(view.legs[0].contact, "sip:bob@10.9.9.9");
	assert_int_equal(view.legs[0].cseq, 44);
	assert_int_equal(pair->b.told.within, 0);

	assert_int_equal(
		call_request(&pair->b.call, PARLEY_EV_BYE, DOWN, "bob", 3), 0);
	settle(pair);
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

	up(pair);
	assert_int_equal(parley_var_set(pair->a.call.engine, pair->a.call.id,
					test_str("k"), test_str("v")),
			 0);
	assert_int_equal(
		call_request(&pair->b.call, PARLEY_EV_UPDATE, UP, "bob", 9), 0);
	settle(pair);
	look(&pair->a, &a, buffer);
	look(&pair->b, &b, other);
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
	settle(pair);
	assert_int_equal(call_state(&pair->a.call), 5);
	assert_int_equal(pair->a.told.ended, 1);
}

static void old_ones_lose(void **state)
{
	struct pair *pair = *state;
	_Alignas(max_align_t) char buffer[IMAGE_BYTES], newer[IMAGE_BYTES];
	struct parley_image old;
	struct parley_view view;

	up(pair);
	assert_int_equal(
		export(&pair->a, &pair->b, pair->a.call.id, &old, buffer), 0);
	assert_int_equal(parley_var_set(pair->a.call.engine, pair->a.call.id,
					test_str("k"), test_str("v")),
			 0);
	settle(pair);
	assert_int_equal(take(&pair->b, &old), PARLEY_E_OLD);
	look(&pair->b, &view, newer);
	assert_int_equal(view.var_count, 1);

	/* One that has ended is not brought back, neither here nor there. */
	assert_int_equal(
		call_request(&pair->a.call, PARLEY_EV_BYE, DOWN, "bob", 2), 0);
	assert_int_equal(call_release(&pair->a.call, true), 0);
	settle(pair);
	old.version += 100;
	assert_int_equal(take(&pair->b, &old), PARLEY_E_STATE);
	old.view.owner = (struct parley_str){0};
	assert_int_equal(take(&pair->a, &old), PARLEY_E_STATE);
	settle(pair);
	call_wait(&pair->b.call, 1000000);
	old.view.state = PARLEY_STATE_DELETED;
	assert_int_equal(take(&pair->b, &old), PARLEY_E_NO_DIALOG);
}

static void senseless_ones_are_refused(void **state)
{
	struct pair *pair = *state;
	_Alignas(max_align_t) char buffer[IMAGE_BYTES];
	struct parley_image image, bad;
	struct parley_leg_view leg;

	up(pair);
	assert_int_equal(
		export(&pair->a, &pair->b, pair->a.call.id, &image, buffer), 0);
#define REFUSED(change, error)                                                 \
	do {                                                                   \
		bad = image;                                                   \
		bad.version++;                                                 \
		change;                                                        \
		assert_int_equal(take(&pair->b, &bad), error);                 \
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

static int adopt(struct node *node, const char *owner)
{
	struct call *call = &node->call;
	int rc = parley_adopt(call->engine, call->now, call->id,
			      test_str(owner), &call->actions);

	if (call->actions.note.types != 0)
		parley_deliver(call->engine, &call->actions.note, NULL, false);
	assert_no_fault(parley_check(call->engine));
	return rc;
}

static void the_survivor_expires_it(void **state)
{
	struct pair *pair = *state;
	_Alignas(max_align_t) char buffer[IMAGE_BYTES];
	struct parley_view view;

	up(pair);
	assert_int_equal(adopt(&pair->b, "c"), PARLEY_E_ABSENT);
	assert_int_equal(adopt(&pair->a, "a"), PARLEY_E_ABSENT);
	assert_int_equal(adopt(&pair->b, "a"), 0);
	assert_int_equal(pair->b.told.loaded, 1);
	look(&pair->b, &view, buffer);
	assert_false(view.replica);
	/* The first owner was alive after all: it has lost the call. */
	settle(pair);
	look(&pair->a, &view, buffer);
	assert_true(view.replica);
	assert_str(view.owner, "b");
	assert_int_equal(call_wait(&pair->b.call, 100000), 1);
	assert_int_equal(pair->b.told.expired, 1);
	call_wait(&pair->a.call, 100000);
	settle(pair);
	assert_int_equal(call_state(&pair->a.call), 5);
	assert_int_equal(pair->a.told.expired + pair->a.told.ended, 0);
}

/* Keep-alives are the owner's; who takes over begins with a whole interval, so
 * that the calls of a node that has gone are not all asked at once. */
static void the_owner_asks(void **state)
{
	struct pair *pair = *state;
	struct call *a = &pair->a.call, *b = &pair->b.call;
	uint32_t bits;

	up(pair);
	assert_int_equal(parley_options(a->engine, a->now, a->id,
					PARLEY_OPT_KA_CALLER, 0, &bits),
			 0);
	settle(pair);
	assert_int_equal(call_wait(a, 30200), 1);
	assert_int_equal(call_count(a, PARLEY_ACT_PING), 1);
	assert_int_equal(call_wait(b, 30200), 0);
	assert_int_equal(adopt(&pair->b, "a"), 0);
	assert_int_equal(call_wait(b, 29500), 0);
	assert_int_equal(call_wait(b, 700), 1);
	assert_int_equal(call_count(b, PARLEY_ACT_PING), 1);
	/* And the first owner stops when it hears of that. */
	settle(pair);
	assert_int_equal(call_wait(a, 35000), 0);
}

/* The call ended through the peer, and the owner died before it heard of it. */
static void an_end_that_nobody_told(void **state)
{
	struct pair *pair = *state;

	up(pair);
	assert_int_equal(
		call_request(&pair->b.call, PARLEY_EV_BYE, UP, "bob", 7), 0);
	assert_int_equal(adopt(&pair->b, "a"), 0);
	assert_int_equal(pair->b.told.ended, 1);
	assert_int_equal(pair->b.told.replied, 1);
	assert_int_equal(adopt(&pair->b, "a"), PARLEY_E_ABSENT);
	assert_int_equal(pair->b.told.ended, 1);
}

static void the_survivor_ends_what_was_being_ended(void **state)
{
	struct pair *pair = *state;

	up(pair);
	assert_int_equal(call_terminate(&pair->a.call, PARLEY_SIDE_ALL), 0);
	assert_int_equal(call_count(&pair->a.call, PARLEY_ACT_BYE), 2);
	settle(pair);
	assert_int_equal(adopt(&pair->b, "a"), 0);
	assert_int_equal(call_count(&pair->b.call, PARLEY_ACT_BYE), 2);
}

static void a_call_that_rang_dies_with_its_node(void **state)
{
	struct pair *pair = *state;

	assert_int_equal(call_invite(&pair->a.call, "c1", 1), 0);
	assert_int_equal(call_reply(&pair->a.call, "bob", 180), 0);
	settle(pair);
	assert_int_equal(adopt(&pair->b, "a"), 0);
	assert_int_equal(call_wait(&pair->b.call, 32000), 1);
	assert_int_equal(pair->b.told.failed, 1);
	assert_int_equal(call_state(&pair->b.call), 5);
}

/* A node that starts anew gets its calls back from the others. */
static void its_own_call_comes_back(void **state)
{
	struct pair *pair = *state;
	_Alignas(max_align_t) char buffer[IMAGE_BYTES];
	struct parley_image image;

	up(pair);
	call_end(&pair->a.call);
	assert_true(node_begin(&pair->a, pair->host, "a", 1));
	assert_int_equal(
		export(&pair->b, &pair->a, pair->b.call.id, &image, buffer), 0);
	assert_int_equal(take(&pair->a, &image), 0);
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
	_Alignas(max_align_t) char buffer[IMAGE_BYTES];
	struct parley_image image;
	uint32_t bits;

	up(pair);
	assert_int_equal(parley_options(a->engine, a->now, a->id,
					PARLEY_OPT_KA_CALLEE, 0, &bits),
			 0);
	settle(pair);
	call_end(a);
	assert_true(node_begin(&pair->a, pair->host, "a", 1));
	assert_int_equal(
		export(&pair->b, &pair->a, pair->b.call.id, &image, buffer), 0);
	assert_int_equal(take(&pair->a, &image), 0);
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

	up(pair);
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
	assert_int_equal(
		export(&pair->a, &pair->b, pair->a.call.id, &image, buffer), 0);
	image.tell_loaded = true;
	assert_int_equal(take(&pair->b, &image), 0);
	assert_int_equal(pair->b.told.loaded, 1);
	/* It is not loaded again when it becomes this node's. */
	pair->b.call.id = pair->a.call.id;
	assert_int_equal(adopt(&pair->b, "a"), 0);
	assert_int_equal(pair->b.told.loaded, 1);
}

static void a_change_is_exported_once(void **state)
{
	struct pair *pair = *state;
	struct parley *engine = pair->a.call.engine;
	struct parley_id id;
	uint32_t flags;

	up(pair);
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

	up(pair);
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
	    sync_nodes(&pair.a, &pair.b) == 0 &&
	    parley_var_set(engine, pair.a.call.id, test_str("longer"),
			   test_str("a value that is longer")) == 0 &&
	    parley_profile_join(engine, pair.a.call.id, 1, test_str(""), 0,
				false) == 0 &&
	    sync_nodes(&pair.a, &pair.b) == 0)
		done = adopt(&pair.b, "a") == 0;
	pair_end(&pair);
	return done;
}

static void without_memory(void **state)
{
	(void)state;
	assert_true(ladder(ladder_rung, TEST_LOCKS_MAX, TEST_NO_LEAF) > 10);
}

#define PAIR(test)                                                             \
	cmocka_unit_test_setup_teardown(test, pair_setup, pair_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PAIR(each_state_crosses),
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
