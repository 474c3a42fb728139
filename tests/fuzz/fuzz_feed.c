/*
 * fuzz_feed.c - any sequence of events and calls of the public interface
 *
 * Each input is a world of its own: a configuration, then operations. No
 * sequence may break an invariant, read what is not there, or leave anything
 * behind.
 */
#include <stdlib.h>
#include <string.h>

#include "input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { IDS = 8, NOTES = 6, PROFILES = 3 };

struct world {
	struct input input;
	struct fuzz_host host;
	struct parley *engine;
	struct parley_now now;
	struct parley_id ids[IDS];
	uint32_t id_count;
	struct parley_note notes[NOTES]; /* not delivered yet */
	uint32_t note_count;
	struct parley_member *reserved;
	uint32_t inside; /* nested calls from subscribers */
	char buffer[4096];
};

static struct parley_id some_id(struct world *world)
{
	struct parley_id id;
	uint32_t choice = input_byte(&world->input);

	if (choice < 230 && world->id_count > 0)
		return world->ids[choice % world->id_count];
	id.entry = input_u32(&world->input);
	id.id = input_u32(&world->input);
	return id;
}

/* Members are there again when parley_feed() fails. */
static void keep_id(struct world *world, struct parley_id id)
{
	if (world->id_count < IDS)
		world->id_count++;
	memmove(&world->ids[1], &world->ids[0],
		(world->id_count - 1) * sizeof(id));
	world->ids[0] = id;
}

/* A note must be delivered exactly once; here mostly at once. */
static void take_note(struct world *world, const struct parley_actions *actions)
{
	uint32_t how = input_byte(&world->input);

	if (actions->note.types == 0)
		return;
	if (how < 60 && world->note_count < NOTES) {
		world->notes[world->note_count++] = actions->note;
		return;
	}
	parley_deliver(world->engine, &actions->note,
		       how % 2 == 0 ? world : NULL, how % 4 < 2);
}

static void deliver_kept(struct world *world, uint32_t count)
{
	while (count-- > 0 && world->note_count > 0) {
		uint32_t at = input_below(&world->input, world->note_count);
		struct parley_note note = world->notes[at];

		world->notes[at] = world->notes[--world->note_count];
		parley_deliver(world->engine, &note,
			       input_byte(&world->input) % 2 ? world : NULL,
			       input_byte(&world->input) % 2);
	}
}

static void fill_event(struct world *world, struct parley_event *event)
{
	struct input *input = &world->input;

	memset(event, 0, sizeof(*event));
	event->type =
		(enum parley_event_type)input_below(input, PARLEY_EVENTS + 1);
	if (event->type != PARLEY_EV_INVITE)
		event->id = some_id(world);
	event->dir = (enum parley_direction)input_below(input, 4);
	event->callid = input_text(input);
	event->from_tag = input_text(input);
	event->to_tag = input_long(input, FUZZ_LONG);
	event->contact = input_long(input, FUZZ_LONG);
	event->route_set = input_long(input, FUZZ_LONG);
	event->reason = input_long(input, 300);
	event->cseq = input_u32(input);
	event->branch = (uint8_t)(event->cseq >> 24);
	event->code = (uint16_t)(100 + input_below(input, 600));
	event->lifetime_s = input_below(input, 4) == 0 ? input_byte(input) : 0;
	event->leg = input_below(input, 6);
	event->method =
		(enum parley_event_type)input_below(input, PARLEY_EVENTS);
	event->side = (enum parley_side)input_below(input, 5);
	event->state = (uint8_t)(event->leg + input_below(input, 2));
	uint32_t bits = input_byte(input);
	event->hold = bits & 1;
	event->invite = (bits & 2) != 0;
	event->can_reply = (bits & 4) != 0;
	event->can_swallow = (bits & 8) != 0;
	event->socket = (bits & 16) != 0 ? world : NULL;
}

static void op_feed(struct world *world)
{
	struct parley_event event;
	struct parley_actions actions;
	struct parley_create_facts facts = {0};
	struct parley_pair var;
	int rc;

	fill_event(world, &event);
	if (event.type == PARLEY_EV_INVITE &&
	    input_byte(&world->input) % 2 == 0) {
		event.from_uri = input_long(&world->input, FUZZ_LONG);
		event.to_uri = input_text(&world->input);
		event.req_uri = input_text(&world->input);
		var.key = input_text(&world->input);
		var.value = input_long(&world->input, 5000);
		facts.vars = &var;
		facts.var_count = input_byte(&world->input) % 2;
		facts.lifetime_s = input_byte(&world->input);
		facts.options = input_byte(&world->input) & 15;
		facts.timeout_route = (int32_t)input_below(&world->input, 3);
		facts.timeout_route_name = input_text(&world->input);
		facts.members = world->reserved;
		event.create = &facts;
	}
	memset(&actions, 0x77, sizeof(actions));
	rc = parley_feed(world->engine, world->now, &event, &actions);
	if (actions.count > PARLEY_ACTIONS_MAX || (rc < 0 && actions.count > 0))
		abort();
	if (rc == 0 && event.type == PARLEY_EV_INVITE) {
		keep_id(world, actions.id);
		if (event.create != NULL)
			world->reserved = NULL;
	}
	take_note(world, &actions);
}

static void op_time(struct world *world)
{
	static const uint32_t steps[] = {1, 100, 1000, 32000, 400000, 50000000};
	struct parley_actions actions;

	world->now.ms += steps[input_below(&world->input, 6)];
	world->now.unix_s =
		(uint32_t)(world->now.ms / 1000) + input_byte(&world->input);
	for (int i = 0; i < 200; i++) {
		if (!parley_expire(world->engine, world->now, &actions))
			break;
		take_note(world, &actions);
	}
}

static void op_settings(struct world *world)
{
	struct input *input = &world->input;
	struct parley_id id = some_id(world);
	struct parley_str key = input_text(input);
	uint32_t number = input_u32(input), out;
	uint64_t ref;

	switch (input_below(input, 7)) {
	case 0:
		(void)!parley_var_set(world->engine, id, key,
				      input_long(input, FUZZ_LONG));
		break;
	case 1:
		(void)!parley_var_get(world->engine, id, key, world->buffer,
				      number % sizeof(world->buffer), &out);
		break;
	case 2:
		(void)!parley_flags(world->engine, id, number, ~number, &out);
		(void)!parley_flags_flip(world->engine, id, number & 0xff,
					 number >> 8 & 0xff);
		break;
	case 3:
		(void)!parley_options(world->engine, world->now, id,
				      number & 0x7ff, number >> 11 & 0x7ff,
				      &out);
		break;
	case 4:
		(void)!parley_set_lifetime(world->engine, world->now, id,
					   number);
		break;
	case 5:
		(void)!parley_set_timeout_route(world->engine, id,
						(int32_t)number, key);
		break;
	default:
		(void)!parley_set_host_ref(world->engine, id, 0, number);
		(void)!parley_get_host_ref(world->engine, id, &ref);
	}
}

static void op_profile(struct world *world)
{
	struct input *input = &world->input;
	struct parley_id id = some_id(world);
	int profile = (int)input_below(input, PROFILES + 1);
	struct parley_str value = input_long(input, 5000);
	uint32_t limit = input_below(input, 4), size;
	bool once = input_byte(input) % 2 != 0;

	if (input_byte(input) < 20)
		value = (struct parley_str){NULL, 0};
	switch (input_below(input, 7)) {
	case 0:
		(void)!parley_profile_leave(world->engine, id, profile, value);
		break;
	case 1:
		(void)!parley_profile_is_member(world->engine, id, profile,
						value);
		break;
	case 2:
		(void)!parley_profile_size(world->engine, profile, value,
					   &size);
		break;
	case 3:
		(void)!parley_profile_reserve(world->engine, profile, value,
					      limit, once, &world->reserved);
		break;
	case 4:
		(void)!parley_profile_unreserve(world->engine, profile, value,
						&world->reserved);
		break;
	default:
		(void)!parley_profile_join(world->engine, id, profile, value,
					   limit, once);
	}
}

static void read_text(struct parley_str text)
{
	for (uint32_t i = 0; i < text.len; i++)
		(void)*(const volatile char *)&text.s[i];
}

static void op_match(struct world *world)
{
	struct input *input = &world->input;
	struct parley_query query = {.id = some_id(world)};
	struct parley_match match;
	struct parley_request request;
	struct parley_expected expected;
	struct parley_claim claim;
	size_t needed;

	query.callid = input_text(input);
	query.from_tag = input_text(input);
	query.to_tag = input_text(input);
	query.method =
		(enum parley_event_type)input_below(input, PARLEY_EVENTS);
	if (input_byte(input) % 2)
		query.id = (struct parley_id){0, 0};
	if (parley_match(world->engine, &query, &match) == 0) {
		claim = (struct parley_claim){.id = match.id,
					      .leg = match.leg,
					      .dir = match.dir,
					      .method = query.method,
					      .cseq = input_u32(input)};
		if (parley_expect(world->engine, &claim, &expected,
				  world->buffer, sizeof(world->buffer)) == 0)
			read_text(expected.target);
		(void)!parley_request_prepare(
			world->engine, match.id, match.leg, match.dir,
			(enum parley_request_kind)input_below(input, 4),
			&request, world->buffer, sizeof(world->buffer),
			&needed);
	}
	(void)!parley_find_call(world->engine, query.callid, query.from_tag,
				query.to_tag, &match);
}

static void op_read(struct world *world)
{
	struct parley_view view;
	struct parley_id id = some_id(world), ids[4];
	size_t needed, size = input_u32(&world->input) % sizeof(world->buffer);
	struct parley_stats stats;

	(void)!parley_read(world->engine, world->now, id, &view, world->buffer,
			   size, &needed);
	(void)parley_find_callid(world->engine, input_text(&world->input), ids,
				 4);
	(void)parley_next(world->engine, &id);
	parley_get_stats(world->engine, &stats);
}

/* What was shown some time ago; nothing of it may have been freed. */
struct sight {
	struct parley_str old[8];
	uint32_t next;
};

static void show(void *self, void *area, const struct parley_shown *shown)
{
	const struct parley_str texts[] = {
		shown->callid,	       shown->req_uri,
		shown->caller.contact, shown->caller.route_set,
		shown->callee.tag,     shown->callee.contact,
	};
	struct sight *sight = area;

	(void)self;
	for (size_t i = 0; i < 8; i++)
		read_text(sight->old[i]);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		read_text(texts[i]);
		sight->old[sight->next++ % 8] = texts[i];
	}
}

static void op_pin(struct world *world)
{
	struct parley_id id = some_id(world);
	void *area = NULL;

	if (parley_pin(world->engine, id, &area) == 0 &&
	    input_byte(&world->input) < 200 &&
	    parley_unpin(world->engine, id, area) != 0)
		abort();
	(void)!parley_unpin(world->engine, some_id(world), area);
}

/* Calls back into the engine, as a subscriber may. */
static void told(struct parley *engine, void *param,
		 const struct parley_told *event)
{
	struct world *world = param;
	uint32_t flags;

	(void)!parley_flags(engine, event->id, 1, 2, &flags);
	if (world->inside > 0 || input_byte(&world->input) > 60)
		return;
	world->inside++;
	op_feed(world);
	world->inside--;
}

static void told_one(struct parley *engine, void *param,
		     const struct parley_told *event)
{
	(void)param;
	(void)parley_count(engine, (enum parley_state)event->new_state);
}

static void operation(struct world *world)
{
	switch (input_below(&world->input, 16)) {
	case 0:
	case 1:
		op_time(world);
		break;
	case 2:
		op_settings(world);
		break;
	case 3:
		op_profile(world);
		break;
	case 4:
		op_match(world);
		break;
	case 5:
		op_read(world);
		break;
	case 6:
		deliver_kept(world, 1 + input_below(&world->input, 3));
		break;
	case 7:
		world->host.fail_in = input_below(&world->input, 6);
		break;
	case 8:
		(void)!parley_subscribe(world->engine, some_id(world),
					input_u32(&world->input) & 0xffff,
					told_one, world, NULL);
		break;
	case 9:
		parley_notify(world->engine, some_id(world),
			      PARLEY_NOTE_REPLY_FORWARDED, PARLEY_DIR_UPSTREAM,
			      world);
		break;
	case 10:
		op_pin(world);
		break;
	default:
		op_feed(world);
	}
}

static int start(struct world *world)
{
	static const struct parley_profile_config profiles[PROFILES] = {
		{"plain", false}, {"value", true}, {"other", true}};
	struct parley_config config;
	struct parley_host host;
	struct input *input = &world->input;

	parley_config_default(&config);
	config.hash_size = 1u << input_below(input, 5);
	config.shards = 1;
	config.piece_bytes = 8192u << input_below(input, 4);
	config.lifetime_s = 1 + input_byte(input);
	config.early_timeout_s = input_byte(input);
	config.noack_timeout_s = input_byte(input);
	config.end_timeout_s = input_byte(input);
	uint32_t bits = input_byte(input);
	config.timeout_noreset = bits & 1;
	config.bye_on_timeout = (bits & 2) != 0;
	config.bye_on_timeout_up = (bits & 64) != 0;
	config.wait_ack = (bits & 4) != 0;
	config.end_at_early_timeout = (bits & 8) != 0;
	config.local_only = (bits & 16) != 0;
	if (bits & 32) {
		config.ping_interval_ms = 1000u + input_byte(input);
		config.ping_spread_ms = input_byte(input);
		config.ping_failed_limit = input_below(input, 3);
	}
	config.profiles = profiles;
	config.profile_count = PROFILES;
	fuzz_host_fill(&world->host, &host);
	host.show = show;
	if (parley_locks(&config) > FUZZ_LOCKS)
		abort();
	world->host.fail_in = bits & 128 ? input_below(input, 40) : 0;
	int rc = parley_create(&host, &config, &world->engine);
	if (rc == 0 && (bits & 64))
		rc = parley_set_area(world->engine, sizeof(struct sight));
	return rc;
}

static void stop(struct world *world)
{
	world->host.fail_in = 0;
	deliver_kept(world, NOTES);
	fuzz_check(world->engine);
	parley_profile_release(world->engine, &world->reserved);
	fuzz_check(world->engine);
	parley_destroy(world->engine);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world world;
	uint32_t count = 0;

	memset(&world, 0, sizeof(world));
	world.input = (struct input){data, size};
	world.now.ms = 1000;
	if (start(&world) == 0) {
		if (parley_subscribe_all(world.engine, 0xf7ff, told, &world) !=
		    0)
			abort();
		while (world.input.left > 0) {
			operation(&world);
			if (++count % 8 == 0)
				fuzz_check(world.engine);
		}
		stop(&world);
	}
	if (world.host.blocks != 0 || world.host.held_count != 0)
		abort();
	return 0;
}
