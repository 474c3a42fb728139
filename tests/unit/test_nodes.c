/* objects: all pair.o hosts/dmq/dmq_rules.o */
/*
 * Nodes that do not all hear the same: what tests/cluster has found, one by
 * one.
 */
#include <string.h>

#include "dmq_rules.h"
#include "pair.h"

/* "a" has a call that is up on "b", too; "c" knows nothing of it. */
struct three {
	struct pair *pair;
	struct side *a, *b, *c;
};

static int three_setup(void **state)
{
	static struct three three;
	static struct side third;
	struct pair *pair;

	if (pair_setup(state) != 0)
		return -1;
	pair = *state;
	three = (struct three){pair, &pair->a, &pair->b, &third};
	*state = &three;
	if (!side_begin(&third, pair->host, "c", 3))
		return -1;
	pair_up(pair);
	return 0;
}

static int three_teardown(void **state)
{
	const struct three *three = *state;

	call_end(&three->c->call);
	*state = three->pair;
	return pair_teardown(state);
}

#define THREE(test)                                                            \
	cmocka_unit_test_setup_teardown(test, three_setup, three_teardown)

/* One image, as it is now. */
static int tell(struct side *from, struct side *to)
{
	_Alignas(max_align_t) char buffer[IMAGE_BYTES];
	struct parley_image image;

	to->call.id = from->call.id;
	assert_int_equal(side_export(from, to, from->call.id, &image, buffer),
			 0);
	return side_take(to, &image);
}

static void drop_changes(struct side *node)
{
	struct parley_id id;

	while (parley_changed(node->call.engine, &id))
		parley_changed_done(node->call.engine, id);
}

static void set(struct side *node, const char *value)
{
	assert_int_equal(parley_var_set(node->call.engine, node->call.id,
					test_str("k"), test_str(value)),
			 0);
}

static void assert_var(struct side *node, const char *value)
{
	char buffer[16];
	uint32_t len = 0;

	assert_int_equal(parley_var_get(node->call.engine, node->call.id,
					test_str("k"), buffer, sizeof(buffer),
					&len),
			 0);
	assert_text((struct parley_str){buffer, len}, value);
}

/* ------------------------------------------------ the end */

static void two_legs_end_on_two_nodes(void **state)
{
	struct pair *pair = *state;
	struct call *a = &pair->a.call;

	assert_int_equal(call_invite(a, "c1", 1), 0);
	assert_int_equal(call_reply(a, "bob", 200), 0);
	assert_int_equal(call_reply(a, "ann", 200), 0);
	assert_int_equal(call_request(a, PARLEY_EV_ACK, DOWN, "bob", 1), 0);
	assert_int_equal(call_request(a, PARLEY_EV_ACK, DOWN, "ann", 1), 0);
	pair_settle(pair);
	assert_int_equal(call_request(a, PARLEY_EV_BYE, DOWN, "bob", 2), 0);
	assert_int_equal(
		call_request(&pair->b.call, PARLEY_EV_BYE, DOWN, "ann", 2), 0);
	assert_int_equal(call_state(a), 4);
	assert_int_equal(call_state(&pair->b.call), 4);
	pair_settle(pair);
	assert_int_equal(call_state(a), 5);
	assert_int_equal(call_state(&pair->b.call), 5);
	assert_int_equal(pair->a.told.ended, 1);
	assert_int_equal(pair->b.told.ended, 0);
}

/* The same, and the owner is gone before it has heard. */
static void a_copy_concludes_the_end(void **state)
{
	struct pair *pair = *state;
	struct call *a = &pair->a.call;

	assert_int_equal(call_invite(a, "c1", 1), 0);
	assert_int_equal(call_reply(a, "bob", 200), 0);
	assert_int_equal(call_reply(a, "ann", 200), 0);
	pair_settle(pair);
	assert_int_equal(
		call_request(&pair->b.call, PARLEY_EV_BYE, DOWN, "ann", 2), 0);
	assert_int_equal(call_request(a, PARLEY_EV_BYE, DOWN, "bob", 2), 0);
	assert_int_equal(tell(&pair->a, &pair->b), 0);
	assert_int_equal(call_state(&pair->b.call), 5);
	assert_int_equal(side_adopt(&pair->b, "a"), 0);
	assert_int_equal(pair->b.told.ended, 1);
}

/* It came through "c", and "b" is the heir. */
static void the_heir_tells_what_another_copy_saw(void **state)
{
	const struct three *three = *state;

	assert_int_equal(tell(three->a, three->c), 0);
	assert_int_equal(
		call_request(&three->c->call, PARLEY_EV_BYE, UP, "bob", 7), 0);
	assert_int_equal(tell(three->c, three->b), 0);
	assert_int_equal(three->b->told.ended, 0);
	assert_int_equal(side_adopt(three->b, "a"), 0);
	assert_int_equal(three->b->told.ended, 1);
	/* The other one hears that it is told. */
	assert_int_equal(tell(three->b, three->c), 0);
	assert_int_equal(side_adopt(three->c, "b"), 0);
	assert_int_equal(three->c->told.ended, 0);
}

static void an_owner_that_starts_anew_tells_the_end(void **state)
{
	struct pair *pair = *state;
	struct parley_id id;

	pair_up(pair);
	id = pair->a.call.id;
	call_end(&pair->a.call);
	assert_true(side_begin(&pair->a, pair->host, "a", 1));
	pair->a.call.id = id;
	assert_int_equal(
		call_request(&pair->b.call, PARLEY_EV_BYE, UP, "bob", 7), 0);
	assert_int_equal(tell(&pair->b, &pair->a), 0);
	assert_int_equal(pair->a.told.loaded, 1);
	assert_int_equal(pair->a.told.ended, 1);
	assert_int_equal(call_stats(&pair->a.call).failed, 0);
	/* Once, though it comes twice. */
	assert_int_equal(tell(&pair->b, &pair->a), PARLEY_E_OLD);
	assert_int_equal(pair->a.told.ended, 1);
	/* What its owner knows is no news, not even to nobody. */
	pair_settle(pair);
	call_end(&pair->a.call);
	assert_true(side_begin(&pair->a, pair->host, "a", 1));
	assert_int_equal(tell(&pair->b, &pair->a), PARLEY_E_NO_DIALOG);
}

/* The copy was changed once more before it heard that its owner knows. */
static void the_owner_knows(void **state)
{
	struct pair *pair = *state;

	pair_up(pair);
	assert_int_equal(
		call_request(&pair->b.call, PARLEY_EV_BYE, UP, "bob", 7), 0);
	assert_int_equal(tell(&pair->b, &pair->a), 0);
	set(&pair->b, "late");
	set(&pair->b, "later");
	assert_int_equal(tell(&pair->a, &pair->b), PARLEY_E_OLD);
	assert_int_equal(side_adopt(&pair->b, "a"), 0);
	assert_int_equal(pair->a.told.ended, 1);
	assert_int_equal(pair->b.told.ended, 0);
}

/* "a" was cut off, and tells "c", which knows nothing, of a call that "b" has
 * taken over and that has ended since. */
static void who_loses_a_call_takes_its_word_back(void **state)
{
	const struct three *three = *state;

	assert_int_equal(side_adopt(three->b, "a"), 0);
	assert_int_equal(
		call_request(&three->b->call, PARLEY_EV_BYE, UP, "bob", 7), 0);
	assert_int_equal(tell(three->b, three->c), PARLEY_E_NO_DIALOG);
	assert_int_equal(tell(three->a, three->c), 0);
	drop_changes(three->a);
	assert_int_equal(tell(three->b, three->a), 0);
	assert_int_equal(sides_sync(three->a, three->c), 0);
	assert_int_equal(call_state(&three->c->call), 5);
}

/* "b" had taken it over and told "c" only. Anew, it hears of that from "a", who
 * knows nothing of it, and then from "c". */
static void who_is_given_its_call_back_says_so(void **state)
{
	const struct three *three = *state;

	assert_int_equal(side_adopt(three->b, "a"), 0);
	assert_int_equal(tell(three->b, three->c), 0);
	call_end(&three->b->call);
	assert_true(side_begin(three->b, three->pair->host, "b", 2));
	assert_int_equal(tell(three->a, three->b), 0);
	assert_int_equal(three->b->told.loaded, 0);
	assert_int_equal(tell(three->c, three->b), 0);
	assert_int_equal(three->b->told.loaded, 1);
	assert_int_equal(sides_sync(three->b, three->a), 0);
	assert_int_equal(side_adopt(three->a, "b"), 0); /* so it is not "a"'s */
}

/* "a" does not know that "b" has taken the call over, and cannot reach it. */
static void an_end_goes_on_to_the_owner(void **state)
{
	const struct three *three = *state;

	assert_int_equal(side_adopt(three->b, "a"), 0);
	assert_int_equal(tell(three->b, three->c), 0);
	assert_int_equal(
		call_request(&three->a->call, PARLEY_EV_BYE, UP, "bob", 7), 0);
	assert_int_equal(tell(three->a, three->c), 0);
	assert_int_equal(sides_sync(three->c, three->b), 0);
	assert_int_equal(call_state(&three->b->call), 5);
}

/* Every invariant is looked at after each step. */
static void a_copy_is_ended_by_command(void **state)
{
	struct pair *pair = *state;
	struct call *b = &pair->b.call;

	pair_up(pair);
	assert_int_equal(call_terminate(b, PARLEY_SIDE_ALL), 0);
	assert_int_equal(call_state(b), 4);
	assert_int_equal(side_adopt(&pair->b, "a"), 0);
	assert_int_equal(pair->b.told.ended, 0);
	call_wait(b, 32000);
	assert_int_equal(pair->b.told.ended, 1);
}

static void a_copy_is_ended_while_it_rings(void **state)
{
	struct pair *pair = *state;

	assert_int_equal(call_invite(&pair->a.call, "c1", 1), 0);
	assert_int_equal(call_reply(&pair->a.call, "bob", 180), 0);
	pair_settle(pair);
	assert_int_equal(call_terminate(&pair->b.call, PARLEY_SIDE_ALL), 0);
}

/* ------------------------------------------------ what holds */

static void two_copies_change_at_once(void **state)
{
	const struct three *three = *state;

	assert_int_equal(tell(three->a, three->c), 0);
	set(three->b, "b");
	set(three->c, "c");
	assert_int_equal(tell(three->b, three->a), 0);
	assert_int_equal(tell(three->c, three->b), 0);
	assert_int_equal(tell(three->b, three->c), PARLEY_E_OLD);
	assert_int_equal(tell(three->c, three->a), 0);
	assert_var(three->a, "c");
	assert_var(three->b, "c");
	assert_var(three->c, "c");
	/* But the owner's word is above all. */
	set(three->a, "a");
	set(three->c, "d");
	assert_int_equal(tell(three->c, three->a), PARLEY_E_OLD);
	assert_int_equal(tell(three->a, three->c), 0);
	assert_var(three->a, "a");
	assert_var(three->c, "a");
}

/* A contact is as old as the CSeq that it came with. */
static void a_later_image_with_an_older_contact(void **state)
{
	struct pair *pair = *state;
	_Alignas(max_align_t) char buffer[IMAGE_BYTES];
	struct parley_event event;
	struct parley_view view;

	pair_up(pair);
	event = call_event(&pair->a.call, PARLEY_EV_UPDATE);
	event.dir = UP;
	event.to_tag = test_str("bob");
	event.cseq = 9;
	event.contact = test_str("sip:bob@new");
	assert_int_equal(call_feed(&pair->a.call, &event), 0);
	set(&pair->b, "1");
	set(&pair->b, "2");
	assert_int_equal(tell(&pair->b, &pair->a), 0);
	side_look(&pair->a, &view, buffer);
	assert_text(view.legs[0].contact, "sip:bob@new");
	assert_int_equal(view.legs[0].cseq, 9);
}

static void what_only_a_copy_knows(void **state)
{
	struct pair *pair = *state;
	_Alignas(max_align_t) char buffer[IMAGE_BYTES];
	struct parley_view view;

	pair_up(pair);
	assert_int_equal(
		call_request(&pair->b.call, PARLEY_EV_UPDATE, UP, "bob", 9), 0);
	/* The owner does not hear that, and goes on. */
	drop_changes(&pair->b);
	set(&pair->a, "1");
	set(&pair->a, "2");
	pair_settle(pair);
	side_look(&pair->a, &view, buffer);
	assert_int_equal(view.legs[0].cseq, 9);
	assert_var(&pair->b, "2");
}

static void a_lost_party_shortens_the_copy(void **state)
{
	struct pair *pair = *state;
	struct call *a = &pair->a.call;
	struct parley_event event;
	uint32_t bits;

	pair_up(pair);
	assert_int_equal(parley_options(a->engine, a->now, a->id,
					PARLEY_OPT_KA_CALLER, 0, &bits),
			 0);
	assert_int_equal(call_wait(a, 30200), 1);
	pair_settle(pair);
	event = call_event(a, PARLEY_EV_PING_DONE);
	event.leg = a->actions.list[0].leg;
	event.dir = a->actions.list[0].dir;
	event.code = 408;
	assert_int_equal(call_feed(a, &event), 0);
	pair_settle(pair);
	assert_int_equal(side_adopt(&pair->b, "a"), 0);
	call_wait(&pair->b.call, 10000);
	assert_int_equal(pair->b.told.expired, 1);
}

/* ------------------------------------------------ rules */

static struct node known(const char *name)
{
	struct node node = {.len = (uint32_t)strlen(name),
			    .kind = NODE_OURS,
			    .boot = 1,
			    .seen = true,
			    .alive = true};

	memcpy(node.name, name, node.len);
	return node;
}

/* "a" owns the call, "b" tells, "c" is told. */
static void who_changed_it_last_tells(void **state)
{
	const struct node list[] = {known("a"), known("c")};
	const struct node_list nodes = {list, 2, test_str("b"), 2};
	struct parley_image image = {.view.replica = true,
				     .view.owner = test_str("a")};

	(void)state;
	assert_false(nodes_tell(&nodes, &list[1], &image));
	assert_true(nodes_tell(&nodes, &list[0], &image));
	image.by = 2;
	assert_true(nodes_tell(&nodes, &list[1], &image));
}

static void who_starts_anew_is_there(void **state)
{
	struct node node = known("a");

	(void)state;
	for (int i = 0; i < NODE_GONE; i++)
		node_looked(&node, false);
	assert_true(node_is_gone(&node));
	/* What was on its way from before says nothing. */
	node_heard(&node, NODE_OURS, 1);
	assert_true(node_is_gone(&node));
	node_heard(&node, NODE_OURS, 2);
	assert_false(node_is_gone(&node));
	assert_true(node.wants);
	for (int i = 0; i < NODE_NEW_LOOKS; i++)
		node_looked(&node, false);
	assert_false(node_is_gone(&node));
	for (int i = 0; i < NODE_GONE; i++)
		node_looked(&node, false);
	assert_true(node_is_gone(&node));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PAIR(two_legs_end_on_two_nodes),
		PAIR(a_copy_concludes_the_end),
		THREE(the_heir_tells_what_another_copy_saw),
		PAIR(an_owner_that_starts_anew_tells_the_end),
		PAIR(the_owner_knows),
		THREE(who_loses_a_call_takes_its_word_back),
		THREE(who_is_given_its_call_back_says_so),
		THREE(an_end_goes_on_to_the_owner),
		PAIR(a_copy_is_ended_by_command),
		PAIR(a_copy_is_ended_while_it_rings),
		THREE(two_copies_change_at_once),
		PAIR(a_later_image_with_an_older_contact),
		PAIR(what_only_a_copy_knows),
		PAIR(a_lost_party_shortens_the_copy),
		cmocka_unit_test(who_changed_it_last_tells),
		cmocka_unit_test(who_starts_anew_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
