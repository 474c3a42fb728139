/* objects: all */
/*
 * A dialog as bytes and back: what parley_export() says of a dialog, and what
 * is read of its record, are the same image.
 */
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "record.h"

enum { BYTES = 16384, PLACES = 3 };

static char places[PLACES][24] = {"udp:10.0.0.1:5060", "tls:10.0.0.1:5061",
				  "tcp:[::1]:5060"};
static const struct parley_profile_config profiles[] = {{"out", true},
							{"all", false}};

static struct parley_str socket_text(void *self, void *socket)
{
	(void)self;
	return socket ? test_str(socket) : (struct parley_str){0};
}

static bool same(struct parley_str a, struct parley_str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.s, b.s, a.len) == 0);
}

static void *socket_find(void *self, struct parley_str text)
{
	(void)self;
	for (int i = 0; i < PLACES; i++)
		if (same(text, test_str(places[i])))
			return places[i];
	return NULL;
}

static int32_t route_find(void *self, struct parley_str name)
{
	(void)self;
	return same(name, test_str("LATE")) ? 7 : 0;
}

/* ------------------------------------------------ a record in memory */

struct bytes {
	size_t size;
	char at[BYTES];
};

static void bytes_write(void *self, const void *bytes, size_t size)
{
	struct bytes *to = self;

	assert_true(size <= sizeof(to->at) - to->size);
	memcpy(to->at + to->size, bytes, size);
	to->size += size;
}

static void record(struct call *call, struct bytes *bytes)
{
	const struct record_sink sink = {bytes_write, bytes};
	struct dialog *dialog = dialog_find_lock_any(call->engine, call->id);

	assert_non_null(dialog);
	bytes->size = 0;
	record_write(call->engine, dialog, call->now, &sink);
	assert_int_equal(bytes->size, record_bytes(call->engine, dialog));
	dialog_unlock(call->engine, call->id);
}

static struct parley_str text_of(const struct bytes *bytes)
{
	return (struct parley_str){bytes->at, (uint32_t)bytes->size};
}

/* Valid until the next one is read. */
static int read_all(struct call *call, struct parley_str text,
		    struct parley_image *image)
{
	static _Alignas(max_align_t) char buffer[BYTES];

	return record_read(call->engine, call->now, text, image, buffer,
			   sizeof(buffer), NULL);
}

/* ------------------------------------------------ equal images */

#define same_number(a, b, field) assert_int_equal((a)->field, (b)->field)
#define same_text(a, b, field) assert_true(same((a)->field, (b)->field))

static void same_leg(const struct parley_leg_view *a,
		     const struct parley_leg_view *b)
{
	same_number(a, b, number);
	same_number(a, b, state);
	same_text(a, b, tag);
	same_text(a, b, contact);
	same_text(a, b, route_set);
	assert_ptr_equal(a->socket, b->socket);
	same_number(a, b, cseq);
	same_number(a, b, caller_cseq);
	same_number(a, b, invite_cseq);
	same_number(a, b, caller_shift);
	same_number(a, b, caller_invite_shift);
	same_number(a, b, callee_shift);
	same_number(a, b, callee_invite_shift);
}

static void same_lists(const struct parley_view *a, const struct parley_view *b)
{
	same_number(a, b, leg_count);
	for (uint32_t i = 0; i < a->leg_count; i++)
		same_leg(&a->legs[i], &b->legs[i]);
	same_number(a, b, var_count);
	for (uint32_t i = 0; i < a->var_count; i++) {
		same_text(&a->vars[i], &b->vars[i], key);
		same_text(&a->vars[i], &b->vars[i], value);
	}
	same_number(a, b, profile_count);
	for (uint32_t i = 0; i < a->profile_count; i++) {
		same_number(&a->profiles[i], &b->profiles[i], profile);
		same_text(&a->profiles[i], &b->profiles[i], value);
	}
}

static void same_view(const struct parley_view *a, const struct parley_view *b)
{
	same_number(a, b, id.entry);
	same_number(a, b, id.id);
	same_number(a, b, state);
	same_number(a, b, flags);
	same_number(a, b, options);
	same_number(a, b, lifetime_s);
	same_number(a, b, init_s);
	same_number(a, b, start_s);
	same_number(a, b, end_s);
	same_number(a, b, left_s);
	same_number(a, b, timer_armed);
	same_number(a, b, ending);
	same_number(a, b, replica);
	same_number(a, b, timeout_route);
	same_number(a, b, end_code);
	same_text(a, b, callid);
	same_text(a, b, from_uri);
	same_text(a, b, to_uri);
	same_text(a, b, req_uri);
	same_text(a, b, timeout_route_name);
	same_text(a, b, end_reason);
	same_text(a, b, owner);
	same_leg(&a->caller, &b->caller);
	same_lists(a, b);
}

static void same_image(const struct parley_image *a,
		       const struct parley_image *b)
{
	same_view(&a->view, &b->view);
	same_number(a, b, epoch);
	same_number(a, b, version);
	same_number(a, b, by);
	same_number(a, b, invite_cseq);
	same_number(a, b, invite_shift);
	same_number(a, b, lifetime_left_ms);
	same_number(a, b, state_left_ms);
	same_number(a, b, end_untold);
}

/* The dialog as it is now, as a record, and its image. */
static void check(struct call *call)
{
	static _Alignas(max_align_t) char other[BYTES];
	static struct bytes bytes;
	struct parley_image exported, read;

	record(call, &bytes);
	assert_int_equal(read_all(call, text_of(&bytes), &read), 0);
	assert_int_equal(parley_export(call->engine, call->now, call->id,
				       &exported, other, sizeof(other), NULL),
			 0);
	same_image(&exported, &read);
}

/* ------------------------------------------------ set-up */

static struct parley_config config_of(bool replicate)
{
	struct parley_config config;

	call_config(&config);
	config.profiles = profiles;
	config.profile_count = 2;
	config.replicate = replicate;
	config.node = replicate ? 9 : 0;
	return config;
}

static void restart(void **state, const struct parley_config *config)
{
	struct parley_host *host;

	call_restart(state, config);
	host = &call_of(state)->engine->host;
	host->socket_text = socket_text;
	host->socket_find = socket_find;
	host->route_find = route_find;
}

static int setup(void **state)
{
	const struct parley_config config = config_of(false);
	int rc = call_setup(state);

	if (rc == 0)
		restart(state, &config);
	return rc;
}

static void invite(struct call *call)
{
	struct parley_event event = call_event(call, PARLEY_EV_INVITE);

	event.callid = test_str("call-1");
	event.from_tag = test_str("alice");
	event.from_uri = test_str("sip:alice@a.example");
	event.to_uri = test_str("sip:bob@b.example");
	event.req_uri = test_str("sip:bob@10.0.0.2");
	event.contact = test_str("sip:alice@10.0.0.1");
	event.route_set = test_str("<sip:p1;lr>");
	event.socket = places[0];
	event.cseq = 41;
	assert_int_equal(call_feed(call, &event), 0);
	call->id = call->actions.id;
}

static void reply(struct call *call, const char *tag, uint16_t code)
{
	struct parley_event event = call_event(
		call, code < 200 ? PARLEY_EV_REPLY_1XX : PARLEY_EV_REPLY_2XX);

	event.to_tag = test_str(tag);
	event.code = code;
	event.cseq = 41;
	event.cseq_shift = 3;
	event.contact = test_str("sip:bob@10.0.0.2");
	event.route_set = test_str("<sip:p2;lr>,<sip:p3;lr>");
	event.socket = places[1];
	assert_int_equal(call_feed(call, &event), 0);
}

/* Whatever a script can set. */
static void settings(struct call *call)
{
	struct parley *engine = call->engine;
	struct parley_id id = call->id;
	uint32_t got;

	assert_int_equal(
		parley_var_set(engine, id, test_str("k"), test_str("v")), 0);
	assert_int_equal(
		parley_var_set(engine, id, test_str("e"), test_str("")), 0);
	assert_int_equal(parley_flags(engine, id, 0x80000005, 0, &got), 0);
	assert_int_equal(
		parley_options(engine, call->now, id,
			       PARLEY_OPT_BYE_ON_TIMEOUT | PARLEY_OPT_KA_CALLEE,
			       0, &got),
		0);
	assert_int_equal(
		parley_set_timeout_route(engine, id, 7, test_str("LATE")), 0);
	assert_int_equal(
		parley_profile_join(engine, id, 0, test_str("x"), 0, false), 0);
	assert_int_equal(
		parley_profile_join(engine, id, 0, test_str("y"), 0, false), 0);
	assert_int_equal(
		parley_profile_join(engine, id, 1, test_str(""), 0, false), 0);
	assert_int_equal(parley_set_lifetime(engine, call->now, id, 50), 0);
}

/* ------------------------------------------------ tests */

static void each_state(void **state)
{
	struct call *call = call_of(state);

	invite(call);
	check(call);
	settings(call);
	check(call);
	reply(call, "bob", 180);
	reply(call, "eve", 183);
	check(call);
	reply(call, "bob", 200);
	check(call);
	assert_int_equal(call_request(call, PARLEY_EV_ACK, DOWN, "bob", 41), 0);
	check(call);
	call_wait(call, 12345);
	assert_int_equal(call_request(call, PARLEY_EV_UPDATE, UP, "bob", 900),
			 0);
	check(call);
	assert_int_equal(call_terminate(call, PARLEY_SIDE_ALL), 0);
	check(call);
	assert_int_equal(call_state(call), PARLEY_STATE_CONFIRMED);
	assert_int_equal(call_request(call, PARLEY_EV_BYE, DOWN, "bob", 42), 0);
	assert_int_equal(call_state(call), PARLEY_STATE_DELETED);
	check(call);
}

static void two_callees(void **state)
{
	struct call *call = call_of(state);

	invite(call);
	reply(call, "bob", 200);
	reply(call, "eve", 200);
	assert_int_equal(call_request(call, PARLEY_EV_ACK, DOWN, "eve", 41), 0);
	check(call);
	assert_int_equal(call_request(call, PARLEY_EV_BYE, UP, "bob", 1), 0);
	check(call);
}

/* Numbers that no call brings about, so that none is taken for another. */
static void each_number(void **state)
{
	struct call *call = call_of(state);
	struct dialog *dialog;
	struct leg *leg;

	invite(call);
	reply(call, "bob", 200);
	dialog = dialog_find_lock(call->engine, call->id);
	leg = dialog->legs;
	leg->callee_cseq = 0x01020304;
	leg->caller_cseq = 0x11121314;
	leg->invite_cseq = 0x21222324;
	leg->from_caller = (struct shift){0x31323334, 0x41424344};
	leg->from_callee = (struct shift){0x51525354, 0x61626364};
	dialog->init_s = 0x71727374;
	dialog->start_s = 0x81828384;
	dialog->end_s = 0x91929394;
	dialog->options = 0x04030201;
	dialog->lifetime_s = 0x14131211;
	dialog->invite_shift = 0x24232221;
	dialog->end_code = 0x3433;
	dialog_unlock(call->engine, call->id);
	check(call);
}

/* Two engines: what one has in memory the other makes of the record. */
static void the_record_makes_the_dialog(void **state)
{
	static struct bytes bytes, again;
	const struct parley_config config = config_of(false);
	struct call *call = call_of(state);
	struct parley_now now;
	struct parley_image image;
	struct parley_id id;

	invite(call);
	settings(call);
	reply(call, "bob", 200);
	assert_int_equal(call_request(call, PARLEY_EV_ACK, DOWN, "bob", 41), 0);
	call_wait(call, 5000);
	record(call, &bytes);
	id = call->id;
	now = call->now;
	restart(state, &config);
	/* The monotonic clock begins anew with the machine. */
	call->now = (struct parley_now){.ms = 77, .unix_s = now.unix_s};
	call->id = id;
	assert_int_equal(read_all(call, text_of(&bytes), &image), 0);
	assert_int_equal(
		parley_import(call->engine, call->now, &image, &call->actions),
		0);
	assert_no_fault(parley_check(call->engine));
	check(call);
	record(call, &again);
	assert_int_equal(bytes.size, again.size);
	assert_memory_equal(bytes.at, again.at, bytes.size);
}

static void what_other_nodes_have(void **state)
{
	const struct parley_config config = config_of(true);
	struct call *call = call_of(state);
	struct parley_image image;
	char buffer[2048];

	restart(state, &config);
	invite(call);
	reply(call, "bob", 200);
	check(call);
	assert_int_equal(parley_export(call->engine, call->now, call->id,
				       &image, buffer, sizeof(buffer), NULL),
			 0);
	assert_int_not_equal(image.version, 0);
	assert_int_equal(image.by, 9);
	/* The same call, now another node's, which is ending it. */
	image.view.owner = test_str("sip:10.0.0.9");
	image.view.ending = true;
	image.epoch += 1U << 16;
	image.version++;
	image.by = 4;
	assert_int_equal(
		parley_import(call->engine, call->now, &image, &call->actions),
		0);
	check(call);
	assert_int_equal(call_request(call, PARLEY_EV_BYE, DOWN, "bob", 42), 0);
	check(call);
}

/* The wall clock went on while nothing ran, or was set back. */
static void time_goes_on(void **state)
{
	static struct bytes bytes;
	struct call *call = call_of(state);
	struct parley_image image;

	invite(call);
	reply(call, "bob", 200);
	assert_int_equal(call_request(call, PARLEY_EV_ACK, DOWN, "bob", 41), 0);
	assert_int_equal(
		parley_set_lifetime(call->engine, call->now, call->id, 100), 0);
	record(call, &bytes);
	call->now.unix_s += 30;
	assert_int_equal(read_all(call, text_of(&bytes), &image), 0);
	assert_int_equal(image.lifetime_left_ms, 70000);
	assert_int_equal(image.view.left_s, 70);
	assert_int_equal(image.state_left_ms, UINT64_MAX);
	call->now.unix_s += 71;
	assert_int_equal(read_all(call, text_of(&bytes), &image), 0);
	assert_int_equal(image.lifetime_left_ms, 0);
	assert_true(image.view.timer_armed);
	/* What is overdue when it is written is due when it is read. */
	call->now.ms += 200000;
	record(call, &bytes);
	assert_int_equal(read_all(call, text_of(&bytes), &image), 0);
	assert_int_equal(image.lifetime_left_ms, 0);
}

/* The start after the crash has another configuration. */
static void what_is_not_known_any_more(void **state)
{
	static const struct parley_profile_config fewer[] = {{"all", false}};
	static struct bytes bytes;
	struct parley_config config = config_of(false);
	struct call *call = call_of(state);
	struct parley_image image;
	struct parley_now now;

	invite(call);
	settings(call);
	assert_int_equal(parley_set_timeout_route(call->engine, call->id, 3,
						  test_str("OLD")),
			 0);
	strcpy(places[0], "udp:10.0.0.3:5060");
	record(call, &bytes);
	strcpy(places[0], "udp:10.0.0.1:5060");
	config.profiles = fewer;
	config.profile_count = 1;
	now = call->now;
	restart(state, &config);
	call->now = now;
	assert_int_equal(read_all(call, text_of(&bytes), &image), 0);
	assert_null(image.view.caller.socket);
	assert_int_equal(image.view.timeout_route, 0);
	assert_true(same(image.view.timeout_route_name, test_str("OLD")));
	assert_int_equal(image.view.profile_count, 1);
	assert_int_equal(image.view.profiles[0].profile, 0);
	assert_int_equal(image.view.profiles[0].value.len, 0);
	assert_int_equal(
		parley_import(call->engine, call->now, &image, &call->actions),
		0);
}

static void only_what_names_it(void **state)
{
	static struct bytes bytes;
	const struct record_sink sink = {bytes_write, &bytes};
	struct call *call = call_of(state);
	struct parley_image image;
	struct dialog *dialog;
	char buffer[64];
	size_t needed;

	invite(call);
	dialog = dialog_find_lock(call->engine, call->id);
	bytes.size = 0;
	record_write_gone(dialog, &sink);
	assert_int_equal(bytes.size, record_gone_bytes(dialog));
	dialog_unlock(call->engine, call->id);
	assert_int_equal(record_read(call->engine, call->now, text_of(&bytes),
				     &image, buffer, 3, &needed),
			 PARLEY_E_SPACE);
	assert_int_equal(needed, 6);
	assert_int_equal(record_read(call->engine, call->now, text_of(&bytes),
				     &image, buffer, 6, NULL),
			 0);
	assert_true(same(image.view.callid, test_str("call-1")));
	assert_int_equal(image.view.id.entry, call->id.entry);
	assert_int_equal(image.view.id.id, call->id.id);
	assert_int_equal(image.view.state, 0);
}

static void every_size_of_a_buffer(void **state)
{
	static struct bytes bytes;
	struct call *call = call_of(state);
	struct parley_image image;
	size_t needed = 1;
	int rc = PARLEY_E_SPACE;

	invite(call);
	settings(call);
	reply(call, "bob", 180);
	record(call, &bytes);
	for (size_t room = 0; rc != 0; room++) {
		/* The sanitizer watches the end. */
		char *buffer = malloc(room > 0 ? room : 1);

		assert_non_null(buffer);
		assert_true(room <= needed);
		image.view.state = 99;
		rc = record_read(call->engine, call->now, text_of(&bytes),
				 &image, buffer, room, &needed);
		assert_int_equal(rc, room < needed ? PARLEY_E_SPACE : 0);
		assert_int_equal(image.view.state, rc == 0 ? 2 : 99);
		free(buffer);
	}
}

/* Parts of a record, and records with a byte more, are none. */
static void every_length(void **state)
{
	static struct bytes bytes;
	struct call *call = call_of(state);
	struct parley_image image;

	invite(call);
	settings(call);
	reply(call, "bob", 180);
	record(call, &bytes);
	for (size_t size = 0; size <= bytes.size + 1; size++) {
		char *part = malloc(size + 1);

		assert_non_null(part);
		memset(part, 0, size + 1);
		memcpy(part, bytes.at, size < bytes.size ? size : bytes.size);
		assert_int_equal(
			read_all(call,
				 (struct parley_str){part, (uint32_t)size},
				 &image),
			size == bytes.size ? 0 : PARLEY_E_ARGUMENT);
		free(part);
	}
}

/* A byte that is wrong does no harm, here or in the import. */
static void every_byte(void **state)
{
	static struct bytes bytes;
	const struct parley_config config = config_of(false);
	struct call *call = call_of(state);
	struct parley_actions actions;
	struct parley_image image;
	struct parley_now now;

	invite(call);
	settings(call);
	reply(call, "bob", 200);
	record(call, &bytes);
	now = call->now;
	restart(state, &config);
	call->now = now;
	/* Four bits of each. */
	for (size_t i = 0; i < bytes.size * 4; i++) {
		char flip = (char)(1 << (i % 4 * 2));

		bytes.at[i / 4] = (char)(bytes.at[i / 4] ^ flip);
		if (read_all(call, text_of(&bytes), &image) == 0)
			(void)!parley_import(call->engine, call->now, &image,
					     &actions);
		bytes.at[i / 4] = (char)(bytes.at[i / 4] ^ flip);
	}
	assert_no_fault(parley_check(call->engine));
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, call_teardown)
	const struct CMUnitTest tests[] = {
		TEST(each_state),
		TEST(two_callees),
		TEST(each_number),
		TEST(the_record_makes_the_dialog),
		TEST(what_other_nodes_have),
		TEST(time_goes_on),
		TEST(what_is_not_known_any_more),
		TEST(only_what_names_it),
		TEST(every_size_of_a_buffer),
		TEST(every_length),
		TEST(every_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
