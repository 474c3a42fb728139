/* objects: all */
#include <stdlib.h>

#include "calls.h"
#include "engine.h"

static void assert_text(struct parley_str text, const char *expected)
{
	assert_int_equal(text.len, strlen(expected));
	if (text.len > 0)
		assert_memory_equal(text.s, expected, text.len);
}

/* ------------------------------------------------------------ one dialog */

static const struct parley_pair script_vars[] = {
	{{"one", 3}, {"1", 1}},
	{{"empty", 5}, {"", 0}},
};

/* A call with everything that a view can show. */
static struct parley_id rich_call(struct parley *engine, void *socket)
{
	struct parley_create_facts facts = {
		.flags = 5,
		.options = PARLEY_OPT_KA_CALLER,
		.lifetime_s = 100,
		.timeout_route = 7,
		.timeout_route_name = test_str("TIMEOUT"),
		.vars = script_vars,
		.var_count = 2,
	};
	struct parley_actions actions;
	struct parley_event event;

	assert_int_equal(parley_profile_reserve(engine, CALLER,
						test_str("alice"), 0, false,
						&facts.members),
			 0);
	assert_int_equal(parley_profile_reserve(engine, PLAIN,
						test_str("ignored"), 0, false,
						&facts.members),
			 0);
	assert_int_equal(calls_invite_with(engine, 1, &facts, &actions), 0);
	event = (struct parley_event){
		.type = PARLEY_EV_REPLY_1XX,
		.id = actions.id,
		.to_tag = test_str("loser"),
		.code = 180,
	};
	assert_int_equal(parley_feed(engine, calls_now(), &event, &actions), 0);
	event.type = PARLEY_EV_REPLY_2XX;
	event.to_tag = test_str("winner");
	event.code = 200;
	event.cseq = 10;
	event.contact = test_str("sip:winner@192.0.2.9");
	event.route_set = test_str("<sip:192.0.2.8;lr>");
	event.socket = socket;
	assert_int_equal(parley_feed(engine, calls_now(), &event, &actions), 0);
	event = (struct parley_event){
		.type = PARLEY_EV_REQUEST,
		.id = actions.id,
		.to_tag = test_str("winner"),
		.dir = PARLEY_DIR_UPSTREAM,
		.cseq = 77,
	};
	assert_int_equal(parley_feed(engine, calls_now(), &event, &actions), 0);
	event.dir = PARLEY_DIR_DOWNSTREAM;
	event.cseq = 15;
	assert_int_equal(parley_feed(engine, calls_now(), &event, &actions), 0);
	return actions.id;
}

static void assert_legs(const struct parley_view *view, void *socket)
{
	assert_text(view->caller.tag, "caller-1");
	assert_text(view->caller.contact, "sip:alice@192.0.2.2");
	assert_text(view->caller.route_set, "<sip:192.0.2.3;lr>");
	assert_non_null(view->caller.socket);
	assert_int_equal(view->caller.number, 0);
	assert_int_equal(view->caller.cseq, 15);

	assert_int_equal(view->leg_count, 2);
	assert_int_equal(view->legs[0].number, 2);
	assert_int_equal(view->legs[0].state, PARLEY_LEG_ANSWERED);
	assert_text(view->legs[0].tag, "winner");
	assert_text(view->legs[0].contact, "sip:winner@192.0.2.9");
	assert_text(view->legs[0].route_set, "<sip:192.0.2.8;lr>");
	assert_ptr_equal(view->legs[0].socket, socket);
	assert_int_equal(view->legs[0].cseq, 77);
	assert_int_equal(view->legs[1].number, 1);
	assert_int_equal(view->legs[1].state, PARLEY_LEG_EARLY);
	assert_text(view->legs[1].tag, "loser");
	assert_int_equal(view->legs[1].contact.len, 0);
}

static void assert_lists(const struct parley_view *view)
{
	bool one = false, empty = false;

	assert_int_equal(view->var_count, 2);
	for (uint32_t i = 0; i < 2; i++) {
		one |= str_equal(view->vars[i].key, script_vars[0].key) &&
		       str_equal(view->vars[i].value, script_vars[0].value);
		empty |= str_equal(view->vars[i].key, script_vars[1].key) &&
			 view->vars[i].value.len == 0;
	}
	assert_true(one && empty);
	assert_int_equal(view->profile_count, 2);
	for (uint32_t i = 0; i < 2; i++)
		assert_text(view->profiles[i].value,
			    view->profiles[i].profile == CALLER ? "alice" : "");
	assert_int_equal(view->profiles[0].profile + view->profiles[1].profile,
			 PLAIN + CALLER);
}

static void assert_view(const struct parley_view *view, struct parley_id id)
{
	assert_int_equal(view->id.entry, id.entry);
	assert_int_equal(view->id.id, id.id);
	assert_int_equal(view->state, PARLEY_STATE_ANSWERED);
	assert_int_equal(view->refs, 0);
	assert_int_equal(view->flags, 5);
	assert_int_equal(view->options, PARLEY_OPT_KA_CALLER);
	assert_int_equal(view->lifetime_s, 100);
	assert_int_equal(view->init_s, calls_now().unix_s);
	assert_int_equal(view->start_s, calls_now().unix_s);
	assert_int_equal(view->end_s, 0);
	assert_true(view->timer_armed);
	assert_false(view->ending);
	assert_int_equal(view->timeout_route, 7);
	assert_int_equal(view->end_code, 0);
	assert_text(view->callid, "call-1");
	assert_text(view->from_uri, "sip:alice@example.com");
	assert_text(view->to_uri, "sip:bob@example.com");
	assert_text(view->req_uri, "sip:bob@192.0.2.1:5070");
	assert_text(view->timeout_route_name, "TIMEOUT");
	assert_text(view->end_reason, "");
}

static void test_read(void **state)
{
	struct test_host host;
	struct parley *engine = calls_start(&host);
	struct parley_id id = rich_call(engine, &host);
	_Alignas(16) char buffer[2048];
	struct parley_view view;
	struct parley_now later = calls_now();
	size_t needed = 0;

	(void)state;
	later.ms += 30001;
	assert_int_equal(parley_read(engine, later, id, &view, buffer,
				     sizeof(buffer), &needed),
			 0);
	assert_true(needed > 0 && needed < sizeof(buffer));
	assert_view(&view, id);
	assert_int_equal(view.left_s, 70);
	assert_legs(&view, &host);
	assert_lists(&view);
	later.ms += 1000000;
	assert_int_equal(parley_read(engine, later, id, &view, buffer,
				     sizeof(buffer), NULL),
			 0);
	assert_int_equal(view.left_s, 0);
	calls_stop(&host, engine);
}

/* The buffer is exactly as large as it must be, and nothing is allocated. */
static void test_read_needs(void **state)
{
	struct test_host host;
	struct parley *engine = calls_start(&host);
	struct parley_id id = rich_call(engine, &host);
	struct parley_id nobody = {id.entry, id.id ^ 1};
	struct parley_view view, before;
	size_t needed = 0, again = 0;
	char *buffer;

	(void)state;
	memset(&view, 0x5a, sizeof(view));
	before = view;
	host.refuse_from = 0;
	assert_int_equal(
		parley_read(engine, calls_now(), id, &view, NULL, 0, &needed),
		PARLEY_E_SPACE);
	buffer = malloc(needed);
	assert_non_null(buffer);
	for (size_t size = 0; size < needed; size++) {
		assert_int_equal(parley_read(engine, calls_now(), id, &view,
					     buffer, size, &again),
				 PARLEY_E_SPACE);
		assert_int_equal(again, needed);
	}
	assert_memory_equal(&view, &before, sizeof(view));
	assert_int_equal(parley_read(engine, calls_now(), nobody, &view, buffer,
				     needed, &again),
			 PARLEY_E_NO_DIALOG);
	assert_memory_equal(&view, &before, sizeof(view));
	assert_int_equal(parley_read(engine, calls_now(), id, &view, buffer,
				     needed, &again),
			 0);
	assert_int_equal(again, needed);
	assert_view(&view, id);
	assert_legs(&view, &host);
	assert_lists(&view);
	free(buffer);
	assert_int_equal(host.refused, 0);
	calls_stop(&host, engine);
}

/* The bare minimum: no legs, no lists, nothing armed. */
static void test_read_early(void **state)
{
	struct test_host host;
	struct parley *engine = calls_start(&host);
	struct parley_event event = {
		.type = PARLEY_EV_INVITE,
		.callid = test_str("c"),
		.from_tag = test_str("f"),
	};
	struct parley_actions actions;
	struct parley_view view;
	char buffer[2];

	(void)state;
	assert_int_equal(parley_feed(engine, calls_now(), &event, &actions), 0);
	assert_int_equal(parley_read(engine, calls_now(), actions.id, &view,
				     buffer, sizeof(buffer), NULL),
			 0);
	assert_text(view.callid, "c");
	assert_text(view.caller.tag, "f");
	assert_text(view.from_uri, "");
	assert_int_equal(view.state, PARLEY_STATE_UNCONFIRMED);
	assert_int_equal(view.leg_count + view.var_count + view.profile_count,
			 0);
	assert_false(view.timer_armed);
	assert_int_equal(view.left_s, 0);
	calls_stop(&host, engine);
}

/* ------------------------------------------------------------ all dialogs */

enum { MANY = 400 };

static uint32_t find(const struct parley_id *ids, struct parley_id id)
{
	uint32_t i = 0;

	while (i < MANY && (ids[i].id != id.id || ids[i].entry != id.entry))
		i++;
	return i;
}

/* Who is there all the time is told once, whatever comes and goes. */
static void test_next(void **state)
{
	struct test_host host;
	struct parley *engine = calls_start(&host);
	static struct parley_id ids[MANY];
	uint32_t told[MANY] = {0};
	struct parley_id id = {0, 0};
	uint64_t random = 1;
	uint32_t others = MANY;

	(void)state;
	assert_false(parley_next(engine, &id));
	for (uint32_t i = 0; i < MANY; i++)
		ids[i] = calls_invite(engine, i);
	while (parley_next(engine, &id)) {
		uint32_t i = find(ids, id);

		if (i < MANY)
			told[i]++;
		/* Every third of them is no more when the walk goes on. */
		if (i < MANY && i % 3 == 0) {
			calls_step(engine, id, PARLEY_EV_REPLY_FAIL);
			ids[i] = (struct parley_id){UINT32_MAX, 0};
		}
		/* The index grows, and shrinks again. */
		if (test_below(&random, 2) == 0 && others < 2 * MANY)
			calls_invite(engine, others++);
		if (i == MANY)
			calls_step(engine, id, PARLEY_EV_REPLY_FAIL);
	}
	for (uint32_t i = 0; i < MANY; i++)
		assert_int_equal(told[i], 1);
	assert_false(parley_next(engine, &id));

	/* The cursor may be anything. */
	id = (struct parley_id){UINT32_MAX, UINT32_MAX};
	while (parley_next(engine, &id))
		assert_true(id.entry < 64);
	calls_stop(&host, engine);
}

/* The order does not depend on what else is there. */
static void test_next_is_stable(void **state)
{
	struct test_host host;
	struct parley *engine = calls_start(&host);
	static struct parley_id ids[MANY];
	struct parley_id id = {0, 0};
	uint32_t count = 0, seen = 0;

	(void)state;
	for (uint32_t i = 0; i < MANY / 4; i++)
		calls_invite(engine, i);
	while (parley_next(engine, &id))
		ids[count++] = id;
	assert_int_equal(count, MANY / 4);
	for (uint32_t i = MANY / 4; i < 2 * MANY; i++)
		calls_invite(engine, i);
	id = (struct parley_id){0, 0};
	while (parley_next(engine, &id))
		if (seen < count && ids[seen].id == id.id &&
		    ids[seen].entry == id.entry)
			seen++;
	assert_int_equal(seen, count);
	calls_stop(&host, engine);
}

static void test_find_callid(void **state)
{
	struct test_host host;
	struct parley *engine = calls_start(&host);
	struct parley_id a = calls_invite(engine, 1);
	struct parley_id b = calls_invite(engine, 1);
	struct parley_id c = calls_invite(engine, 2);
	struct parley_id ids[3] = {{0, 0}};

	(void)state;
	assert_int_equal(a.entry, b.entry);
	assert_int_equal(parley_find_callid(engine, test_str("call-1"), ids, 3),
			 2);
	assert_true((ids[0].id == a.id && ids[1].id == b.id) ||
		    (ids[0].id == b.id && ids[1].id == a.id));
	assert_int_equal(ids[2].id, 0);
	assert_int_equal(parley_find_callid(engine, test_str("call-1"), ids, 1),
			 1);
	assert_int_equal(parley_find_callid(engine, test_str("call-1"), ids, 0),
			 0);
	assert_int_equal(parley_find_callid(engine, test_str("call-2"), ids, 3),
			 1);
	assert_int_equal(ids[0].id, c.id);
	assert_int_equal(parley_find_callid(engine, test_str("call-"), ids, 3),
			 0);
	calls_step(engine, a, PARLEY_EV_REPLY_FAIL);
	assert_int_equal(parley_find_callid(engine, test_str("call-1"), ids, 3),
			 1);
	assert_int_equal(ids[0].id, b.id);
	calls_stop(&host, engine);
}

/* ------------------------------------------------------------ counters */

static void test_stats(void **state)
{
	struct test_host host;
	struct parley *engine = calls_start(&host);
	struct parley_stats stats;
	struct parley_id up, early;

	(void)state;
	calls_invite(engine, 1);
	early = calls_invite(engine, 2);
	calls_step(engine, early, PARLEY_EV_REPLY_1XX);
	up = calls_up(engine, 3);
	calls_step(engine, calls_invite(engine, 4), PARLEY_EV_REPLY_FAIL);
	calls_step(engine, calls_up(engine, 5), PARLEY_EV_BYE);
	assert_int_equal(parley_profile_join(engine, up, CALLER, test_str("x"),
					     0, false),
			 0);
	parley_get_stats(engine, &stats);
	assert_int_equal(stats.now_in[PARLEY_STATE_NONE], 0);
	assert_int_equal(stats.now_in[PARLEY_STATE_UNCONFIRMED], 1);
	assert_int_equal(stats.now_in[PARLEY_STATE_EARLY], 1);
	assert_int_equal(stats.now_in[PARLEY_STATE_ANSWERED], 0);
	assert_int_equal(stats.now_in[PARLEY_STATE_CONFIRMED], 1);
	assert_int_equal(stats.now_in[PARLEY_STATE_DELETED], 0);
	for (int i = PARLEY_STATE_UNCONFIRMED; i < PARLEY_STATES; i++)
		assert_int_equal(parley_count(engine, (enum parley_state)i),
				 stats.now_in[i]);
	assert_int_equal(parley_count(engine, PARLEY_STATE_NONE), 0);
	assert_int_equal(parley_count(engine, PARLEY_STATES), 0);
	assert_int_equal(stats.legs, 2);
	assert_int_equal(stats.processed, 5);
	assert_int_equal(stats.failed, 1);
	assert_int_equal(stats.ended_by_caller, 1);
	assert_int_equal(stats.ended_by_callee, 0);
	assert_int_equal(stats.profile_members, 1);
	assert_int_equal(stats.memory_bytes + sizeof(*engine) +
				 8 * sizeof(struct shard),
			 host.live_bytes);
	calls_stop(&host, engine);
}

/* ------------------------------------------------------------ settings */

static void test_flags_flip(void **state)
{
	struct test_host host;
	struct parley *engine = calls_start(&host);
	struct parley_id id = calls_invite(engine, 1);
	struct parley_id nobody = {id.entry, id.id ^ 1};
	uint32_t bits = 0;

	(void)state;
	assert_int_equal(parley_flags(engine, id, 0x80000001, 0, &bits), 0);
	/* Only what is as expected, and all of it. */
	assert_int_equal(parley_flags_flip(engine, id, 8, 8), 0);
	assert_int_equal(parley_flags_flip(engine, id, 8, 0), 1);
	assert_int_equal(parley_flags_flip(engine, id, 8, 0), 0);
	assert_int_equal(parley_flags_flip(engine, id, 6, 2), 0);
	assert_int_equal(parley_flags_flip(engine, id, 0x80000000, 0x80000000),
			 1);
	assert_int_equal(parley_flags_flip(engine, id, 3, 1), 1);
	assert_int_equal(parley_flags(engine, id, 0, 0, &bits), 0);
	assert_int_equal(bits, 8 | 2);

	assert_int_equal(parley_flags_flip(engine, id, 0, 0),
			 PARLEY_E_ARGUMENT);
	assert_int_equal(parley_flags_flip(engine, id, 2, 3),
			 PARLEY_E_ARGUMENT);
	assert_int_equal(parley_flags_flip(engine, nobody, 2, 2),
			 PARLEY_E_NO_DIALOG);
	assert_int_equal(parley_flags(engine, id, 0, 0, &bits), 0);
	assert_int_equal(bits, 8 | 2);
	calls_stop(&host, engine);
}

static void test_flags_and_options(void **state)
{
	struct test_host host;
	struct parley *engine = calls_start(&host);
	struct parley_id id = calls_invite(engine, 1);
	struct parley_id nobody = {id.entry, id.id ^ 1};
	uint32_t bits = 99;

	(void)state;
	assert_int_equal(parley_flags(engine, id, 0, 0, &bits), 0);
	assert_int_equal(bits, 0);
	assert_int_equal(parley_flags(engine, id, 0x80000003, 0, &bits), 0);
	assert_int_equal(bits, 0x80000003);
	/* Sets first, then clears. */
	assert_int_equal(parley_flags(engine, id, 4, 5, &bits), 0);
	assert_int_equal(bits, 0x80000002);
	assert_int_equal(parley_flags(engine, nobody, 1, 0, &bits),
			 PARLEY_E_NO_DIALOG);
	assert_int_equal(bits, 0x80000002);

	assert_int_equal(
		parley_options(engine, calls_now(), id,
			       PARLEY_OPT_KA_CALLER | PARLEY_OPT_KA_CALLEE, 0,
			       &bits),
		0);
	assert_int_equal(parley_options(engine, calls_now(), id, 0,
					PARLEY_OPT_KA_CALLER, &bits),
			 0);
	assert_int_equal(bits, PARLEY_OPT_KA_CALLEE);
	assert_int_equal(
		parley_options(engine, calls_now(), id, 1 << 10, 0, &bits),
		PARLEY_E_ARGUMENT);
	assert_int_equal(
		parley_options(engine, calls_now(), id, 0, 1 << 10, &bits),
		PARLEY_E_ARGUMENT);
	assert_int_equal(
		parley_options(engine, calls_now(), nobody, 0, 0, &bits),
		PARLEY_E_NO_DIALOG);
	assert_int_equal(bits, PARLEY_OPT_KA_CALLEE);
	calls_stop(&host, engine);
}

static void test_target(void **state)
{
	struct test_host host;
	struct parley *engine = calls_start(&host);
	int old_socket, new_socket;
	struct parley_id id = rich_call(engine, &old_socket);
	struct parley_target target = {
		.of = PARLEY_DIR_DOWNSTREAM,
		.contact = test_str("sip:moved@192.0.2.77"),
	};
	uint32_t limit = engine->mem.limit;
	struct parley_view view;
	_Alignas(16) char buffer[2048];

	(void)state;
	assert_int_equal(parley_set_target(engine, id, &target), 0);
	target = (struct parley_target){
		.of = PARLEY_DIR_UPSTREAM,
		.callee_tag = test_str("winner"),
		.socket = &new_socket,
	};
	assert_int_equal(parley_set_target(engine, id, &target), 0);
	assert_int_equal(parley_read(engine, calls_now(), id, &view, buffer,
				     sizeof(buffer), NULL),
			 0);
	assert_text(view.caller.contact, "sip:moved@192.0.2.77");
	assert_text(view.legs[0].contact, "sip:winner@192.0.2.9");
	assert_ptr_equal(view.legs[0].socket, &new_socket);

	/* Without memory both stay as they were. */
	target.contact = test_str("sip:another-place@192.0.2.78");
	target.socket = &old_socket;
	engine->mem.limit = 0;
	host.refuse_from = 0;
	assert_int_equal(parley_set_target(engine, id, &target),
			 PARLEY_E_MEMORY);
	engine->mem.limit = limit;
	host.refuse_from = TEST_UNLIMITED;
	target.callee_tag = test_str("nobody");
	assert_int_equal(parley_set_target(engine, id, &target),
			 PARLEY_E_NO_LEG);
	target.of = PARLEY_DIR_NONE;
	assert_int_equal(parley_set_target(engine, id, &target),
			 PARLEY_E_ARGUMENT);
	target.of = PARLEY_DIR_DOWNSTREAM;
	id.id ^= 1;
	assert_int_equal(parley_set_target(engine, id, &target),
			 PARLEY_E_NO_DIALOG);
	id.id ^= 1;
	assert_int_equal(parley_read(engine, calls_now(), id, &view, buffer,
				     sizeof(buffer), NULL),
			 0);
	assert_text(view.legs[0].contact, "sip:winner@192.0.2.9");
	assert_ptr_equal(view.legs[0].socket, &new_socket);
	calls_stop(&host, engine);
}

static void test_route_and_reference(void **state)
{
	struct test_host host;
	struct parley *engine = calls_start(&host);
	struct parley_id id = calls_invite(engine, 1);
	struct parley_id nobody = {id.entry, id.id ^ 1};
	struct parley_view view;
	uint64_t ref = 1;
	_Alignas(16) char buffer[1024];
	uint32_t limit = engine->mem.limit;

	(void)state;
	assert_int_equal(
		parley_set_timeout_route(engine, id, 3, test_str("ROUTE_3")),
		0);
	/* Without memory both stay as they were. */
	engine->mem.limit = 0;
	host.refuse_from = 0;
	assert_int_equal(parley_set_timeout_route(engine, id, 4,
						  test_str("ANOTHER_ROUTE")),
			 PARLEY_E_MEMORY);
	engine->mem.limit = limit;
	host.refuse_from = TEST_UNLIMITED;
	assert_int_equal(
		parley_set_timeout_route(engine, nobody, 5, test_str("x")),
		PARLEY_E_NO_DIALOG);
	assert_int_equal(parley_read(engine, calls_now(), id, &view, buffer,
				     sizeof(buffer), NULL),
			 0);
	assert_int_equal(view.timeout_route, 3);
	assert_text(view.timeout_route_name, "ROUTE_3");
	assert_int_equal(parley_set_timeout_route(engine, id, 0,
						  (struct parley_str){NULL, 0}),
			 0);
	assert_int_equal(parley_read(engine, calls_now(), id, &view, buffer,
				     sizeof(buffer), NULL),
			 0);
	assert_int_equal(view.timeout_route, 0);
	assert_text(view.timeout_route_name, "");

	assert_int_equal(parley_get_host_ref(engine, id, &ref), 0);
	assert_int_equal(ref, 0);
	assert_int_equal(parley_set_host_ref(engine, id, 0, UINT64_MAX), 0);
	assert_int_equal(parley_get_host_ref(engine, id, &ref), 0);
	assert_true(ref == UINT64_MAX);
	assert_int_equal(parley_set_host_ref(engine, id, 0xf0, 5), 0);
	assert_int_equal(parley_get_host_ref(engine, id, &ref), 0);
	assert_true(ref == 0xf5);
	assert_int_equal(parley_set_host_ref(engine, nobody, 0, 1),
			 PARLEY_E_NO_DIALOG);
	assert_int_equal(parley_get_host_ref(engine, nobody, &ref),
			 PARLEY_E_NO_DIALOG);
	calls_stop(&host, engine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_read_needs),
		cmocka_unit_test(test_read_early),
		cmocka_unit_test(test_next),
		cmocka_unit_test(test_next_is_stable),
		cmocka_unit_test(test_find_callid),
		cmocka_unit_test(test_stats),
		cmocka_unit_test(test_flags_flip),
		cmocka_unit_test(test_flags_and_options),
		cmocka_unit_test(test_target),
		cmocka_unit_test(test_route_and_reference),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
