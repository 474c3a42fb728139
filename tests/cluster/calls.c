/* calls.c - a call from its INVITE to its end, over any of the nodes */
#include <stdio.h>
#include <string.h>

#include "cluster.h"

enum {
	ACK_TRIES = 5,
	/* A change needs so long, beside the bus, to be everywhere. */
	CLASH_MS = 700,
	/* After that nodes know who is there. */
	NOTICED_MS = 15000,
};

static struct parley_str text(const char *s)
{
	return (struct parley_str){s, (uint32_t)strlen(s)};
}

/* ------------------------------------------------ who and where */

struct server *any_server(struct world *world)
{
	uint32_t first = rng_below(&world->rng, world->server_count);

	for (uint32_t i = 0; i < world->server_count; i++) {
		uint32_t index = (first + i) % world->server_count;

		if (world->servers[index].up)
			return &world->servers[index];
	}
	return NULL;
}

struct call *call_of(struct world *world, struct parley_id id)
{
	for (uint32_t i = 0; i < world->call_count; i++) {
		struct call *call = &world->calls[i];

		if (call->made && call->id.entry == id.entry &&
		    call->id.id == id.id)
			return call;
	}
	world_fail(world, "nobody has made the dialog %u.%u", id.entry, id.id);
}

void call_later(struct world *world, const struct call *call, uint64_t ms)
{
	const struct item item = {.kind = ITEM_CALL,
				  .call = call->number,
				  .at_ms = world->now_ms + ms};

	queue_put(world, &item);
}

void call_changed(struct world *world, struct call *call,
		  const struct server *server)
{
	if (call->changed_by != server->index &&
	    world->now_ms < call->changed_ms + 2 * world->delay_ms + CLASH_MS)
		call->clash = true;
	call->changed_by = server->index;
	call->changed_ms = world->changed_ms = world->now_ms;
}

/* The node of the INVITE, while its transaction lives. */
static struct server *home_of(struct world *world, const struct call *call)
{
	struct server *server = &world->servers[call->home];

	return server->up && server->boot == call->home_boot ? server : NULL;
}

void calls_plan(struct world *world)
{
	world->call_count = rng_range(&world->rng, 1, CLUSTER_CALLS);
	for (uint32_t i = 0; i < world->call_count; i++) {
		struct call *call = &world->calls[i];

		call->number = i;
		snprintf(call->callid, sizeof(call->callid), "call-%u", i);
		snprintf(call->tag, sizeof(call->tag), "caller-%u", i);
		call->leg_count = rng_chance(&world->rng, 250) ? CALL_LEGS : 1;
		for (uint32_t leg = 0; leg < call->leg_count; leg++) {
			struct party_leg *party = &call->legs[leg];

			snprintf(party->tag, sizeof(party->tag), "callee-%u",
				 leg);
			party->caller_cseq = 1;
			party->cseq = rng_below(&world->rng, 100);
		}
		call_later(world, call, rng_below(&world->rng, 20000));
	}
}

/* ------------------------------------------------ the INVITE */

static bool cut_lately(const struct world *world)
{
	for (uint32_t i = 0; i < world->server_count; i++)
		for (uint32_t j = 0; j < world->server_count; j++)
			if (world->cut[i][j])
				return true;
	return world->healed_ms > 0 &&
	       world->now_ms < world->healed_ms + NOTICED_MS;
}

static void fill_create(struct world *world, struct call *call,
			struct server *server,
			struct parley_create_facts *create)
{
	call->flags = rng_below(&world->rng, 16);
	create->flags = call->flags;
	create->lifetime_s = rng_range(&world->rng, 30, 200);
	if (rng_chance(&world->rng, 300))
		create->options |= PARLEY_OPT_BYE_ON_TIMEOUT;
	if (rng_chance(&world->rng, 200)) {
		create->timeout_route = 1;
		create->timeout_route_name = text("T");
	}
	if (rng_chance(&world->rng, 400) &&
	    parley_profile_reserve(server->engine, 0, text("x"), 0, false,
				   &create->members) == 0)
		call->in_red = 1;
}

static void invite(struct world *world, struct call *call)
{
	struct server *server = any_server(world);
	struct parley_create_facts create = {0};
	struct parley_event event = {.type = PARLEY_EV_INVITE};
	struct parley_actions actions;

	if (!server)
		return;
	fill_create(world, call, server, &create);
	event.callid = text(call->callid);
	event.from_tag = text(call->tag);
	event.from_uri = text("sip:caller@example.org");
	event.to_uri = text("sip:callee@example.org");
	event.req_uri = text("sip:callee@10.0.0.2");
	event.contact = text("sip:caller@10.0.0.1");
	event.route_set = text("<sip:edge;lr>");
	event.socket = wire_socket();
	event.cseq = 1;
	event.hold = true;
	event.create = &create;
	if (parley_feed(server->engine, server_now(server), &event, &actions) !=
	    0)
		world_fail(world, "an INVITE is refused");
	call->id = actions.id;
	call->made = true;
	call->home = server->index;
	call->home_boot = server->boot;
	call->begun_ms = world->now_ms;
	call->excused = cut_lately(world);
	call_changed(world, call, server);
	world_event(world, "node %u: INVITE of %s", server->index,
		    call->callid);
	server_run(server, &actions);
	call->phase = CALL_RING;
	call_later(world, call, rng_range(&world->rng, 20, 3000));
}

static int reply(struct world *world, struct call *call, uint32_t leg,
		 uint16_t code)
{
	struct server *server = home_of(world, call);
	struct parley_event event = {.id = call->id,
				     .to_tag = text(call->legs[leg].tag),
				     .cseq = 1,
				     .code = code,
				     .socket = wire_socket(),
				     .contact = text("sip:callee@10.0.0.2"),
				     .route_set = text("<sip:core;lr>")};

	event.type = PARLEY_EV_REPLY_FAIL;
	if (code < 200)
		event.type = PARLEY_EV_REPLY_1XX;
	else if (code < 300)
		event.type = PARLEY_EV_REPLY_2XX;
	if (!server)
		return PARLEY_E_NO_DIALOG;
	call_changed(world, call, server);
	world_event(world, "node %u: %u of %s", server->index, code,
		    call->callid);
	return server_feed(server, &event);
}

static void transaction_over(struct world *world, const struct call *call)
{
	const struct item item = {.kind = ITEM_RELEASE,
				  .node = call->home,
				  .boot = call->home_boot,
				  .call = call->number,
				  .invite = true,
				  .at_ms = world->now_ms + 5000};

	queue_put(world, &item);
}

static void ring(struct world *world, struct call *call)
{
	if (!home_of(world, call)) {
		call->phase = CALL_OVER;
		return;
	}
	for (uint32_t i = 0; i < call->leg_count; i++)
		(void)!reply(world, call, i, 180);
	call->phase = CALL_ANSWER;
	call_later(world, call, rng_range(&world->rng, 20, 8000));
}

static void fail(struct world *world, struct call *call)
{
	(void)!reply(world, call, 0, 486);
	call->phase = CALL_OVER;
	transaction_over(world, call);
}

static void pick_up(struct world *world, struct call *call)
{
	uint32_t up = rng_chance(&world->rng, 700) ? 1 : call->leg_count;

	for (uint32_t i = 0; i < up; i++) {
		struct item item = {.kind = ITEM_ACK,
				    .call = call->number,
				    .leg = i,
				    .at_ms = world->now_ms +
					     rng_range(&world->rng, 10, 900)};

		(void)!reply(world, call, i, 200);
		call->legs[i].up = true;
		queue_put(world, &item);
	}
	transaction_over(world, call);
	call->phase = CALL_TALK;
	call->hang_up_ms = world->now_ms + rng_range(&world->rng, 500, 90000);
	call_later(world, call, rng_range(&world->rng, 10, 4000));
}

static void answer(struct world *world, struct call *call)
{
	struct server *server = home_of(world, call);
	uint32_t chance = rng_below(&world->rng, 1000);
	struct parley_event event = {.type = PARLEY_EV_TERMINATE,
				     .id = call->id,
				     .side = PARLEY_SIDE_ALL,
				     .can_reply = true,
				     .code = 480};

	/* It rings on, or nobody is left to hear the answer. */
	if (!server || chance >= 950) {
		call->phase = CALL_OVER;
	} else if (chance < 100) {
		fail(world, call);
	} else if (chance < 150) {
		call_changed(world, call, server);
		(void)!server_feed(server, &event);
		call->phase = CALL_OVER;
	} else {
		pick_up(world, call);
	}
}

/* ------------------------------------------------ in the dialog */

static void after_request(struct world *world, const struct item *request,
			  const struct server *server)
{
	struct item item = *request;

	item.node = server->index;
	item.boot = server->boot;
	item.kind = ITEM_REPLY;
	item.at_ms = world->now_ms + rng_range(&world->rng, 20, 600);
	queue_put(world, &item);
	item.kind = ITEM_RELEASE;
	item.invite = false;
	item.at_ms += rng_range(&world->rng, 1, 5000);
	queue_put(world, &item);
}

static void new_contact(struct world *world, struct call *call,
			struct parley_event *event, char *buffer, size_t size)
{
	if (event->type != PARLEY_EV_REINVITE &&
	    event->type != PARLEY_EV_UPDATE &&
	    event->type != PARLEY_EV_REPLY_WITHIN)
		return;
	if (rng_chance(&world->rng, 500))
		return;
	snprintf(buffer, size, "sip:at-%u@10.0.0.3", ++call->contacts);
	event->contact = text(buffer);
}

bool call_request(struct world *world, struct call *call,
		  const struct item *request)
{
	struct party_leg *leg = &call->legs[request->leg];
	bool down = request->dir == PARLEY_DIR_DOWNSTREAM;
	struct server *server = any_server(world);
	struct parley_query query = {
		.callid = text(call->callid),
		.from_tag = text(down ? call->tag : leg->tag),
		.to_tag = text(down ? leg->tag : call->tag),
		.method = request->method,
	};
	struct parley_event event = {.type = request->method,
				     .dir = request->dir,
				     .to_tag = text(leg->tag),
				     .socket = wire_socket(),
				     .hold = request->method != PARLEY_EV_ACK};
	struct parley_match match;
	char contact[40];

	event.cseq = down ? leg->caller_cseq : leg->cseq;
	if (request->method != PARLEY_EV_ACK)
		event.cseq = down ? ++leg->caller_cseq : ++leg->cseq;
	if (rng_chance(&world->rng, 700))
		query.id = call->id;
	if (!server || parley_match(server->engine, &query, &match) != 0)
		return false;
	event.id = match.id;
	new_contact(world, call, &event, contact, sizeof(contact));
	world_event(world, "node %u: request %d, dir %d of %s", server->index,
		    (int)event.type, (int)event.dir, call->callid);
	call_changed(world, call, server);
	if (server_feed(server, &event) == 0 && event.hold)
		after_request(world, request, server);
	return true;
}

static void ack(struct world *world, const struct item *item)
{
	struct call *call = &world->calls[item->call];
	struct item request = *item;

	request.method = PARLEY_EV_ACK;
	request.dir = PARLEY_DIR_DOWNSTREAM;
	if (call_request(world, call, &request)) {
		call->legs[item->leg].acked = true;
		return;
	}
	/* The callee repeats its 2xx. */
	if (request.code++ == ACK_TRIES)
		return;
	request.at_ms = world->now_ms + 500U * request.code;
	queue_put(world, &request);
}

static void call_move(struct world *world, struct call *call)
{
	switch (call->phase) {
	case CALL_NEW:
		if (!world->quiet)
			invite(world, call);
		break;
	case CALL_RING:
		ring(world, call);
		break;
	case CALL_ANSWER:
		answer(world, call);
		break;
	case CALL_TALK:
		if (!world->quiet)
			call_talk(world, call);
		break;
	case CALL_OVER:
		break;
	}
}

/* What comes back to the node that has sent something. */
static void node_item(struct world *world, const struct item *item)
{
	struct call *call = &world->calls[item->call];
	struct server *server = &world->servers[item->node];
	struct parley_event event = {.id = call->id,
				     .dir = item->dir,
				     .code = item->code,
				     .leg = item->leg,
				     .invite = item->invite};
	char contact[40];

	if (!server->up || server->boot != item->boot)
		return;
	if (item->kind == ITEM_REPLY) {
		event.type = PARLEY_EV_REPLY_WITHIN;
		event.method = item->method;
		event.to_tag = text(call->legs[item->leg].tag);
		event.code = 200;
		new_contact(world, call, &event, contact, sizeof(contact));
		if (item->method != PARLEY_EV_BYE)
			call_changed(world, call, server);
	} else if (item->kind == ITEM_RELEASE) {
		event.type = PARLEY_EV_RELEASE;
		if (item->invite)
			call_changed(world, call, server);
	} else if (item->kind == ITEM_BYE_DONE) {
		event.type = PARLEY_EV_BYE_DONE;
		call->phase = CALL_OVER;
		call_changed(world, call, server);
	} else if (item->kind == ITEM_PING_DONE) {
		event.type = PARLEY_EV_PING_DONE;
		call_changed(world, call, server);
	} else {
		event.type = PARLEY_EV_TIMEOUT_ROUTE_DONE;
		call_changed(world, call, server);
	}
	world_event(world, "node %u: event %d of %s", server->index,
		    (int)event.type, call->callid);
	(void)!server_feed(server, &event);
}

void call_item(struct world *world, const struct item *item)
{
	struct call *call = &world->calls[item->call];

	if (item->kind == ITEM_CALL) {
		call_move(world, call);
	} else if (item->kind == ITEM_ACK) {
		ack(world, item);
	} else if (item->kind == ITEM_FINAL) {
		(void)!reply(world, call, 0, item->code);
		transaction_over(world, call);
	} else {
		node_item(world, item);
	}
}

/* ------------------------------------------------ who is told */

void calls_on_note(struct server *server, const struct parley_told *told)
{
	const uint32_t ends = PARLEY_NOTE_FAILED | PARLEY_NOTE_TERMINATED |
			      PARLEY_NOTE_EXPIRED;
	struct world *world = server->world;
	struct call *call = call_of(world, told->id);
	struct parley_image image;

	world->told++;
	world_event(world, "node %u tells %x of %s", server->index,
		    (unsigned)told->type, call->callid);
	if (told->type != PARLEY_NOTE_LOADED &&
	    told->type != PARLEY_NOTE_DESTROY &&
	    server_image(server, told->id, &image) && image.view.replica)
		world_fail(world,
			   "node %u tells %x of %s, which it does not "
			   "own",
			   server->index, (unsigned)told->type, call->callid);
	if (!(told->type & ends))
		return;
	if (call->end_count == ENDS_KEPT)
		world_fail(world, "%s ends all the time", call->callid);
	call->ends[call->end_count++] = (struct end){
		server->index, server->boot, world->now_ms, told->type};
}

static bool others_know(const struct world *world, const struct call *call,
			const struct server *server)
{
	struct parley_image image;

	for (uint32_t i = 0; i < world->server_count; i++)
		if (i != server->index && world->servers[i].up &&
		    server_image(&world->servers[i], call->id, &image))
			return true;
	return false;
}

void calls_on_death(struct world *world, const struct server *server)
{
	uint64_t news =
		world->loss > 0 ? 60000 : 2 * world->delay_ms + CLASH_MS;

	for (uint32_t i = 0; i < world->call_count; i++) {
		struct call *call = &world->calls[i];
		const struct end *end =
			call->end_count > 0 ? &call->ends[call->end_count - 1]
					    : NULL;
		struct parley_image image;

		if (!call->made)
			continue;
		call->clash = true;
		if (server_image(server, call->id, &image) &&
		    !others_know(world, call, server))
			call->lost = true;
		if (!end || end->node != server->index)
			continue;
		/* It was being ended by command: the heir ends it anew. Or the
		 * others have not heard yet. */
		if (world->now_ms < end->at_ms + news ||
		    (server_image(server, call->id, &image) &&
		     image.view.state != PARLEY_STATE_DELETED))
			call->excused = true;
	}
}

void calls_on_cut(struct world *world)
{
	for (uint32_t i = 0; i < world->call_count; i++)
		world->calls[i].excused |= world->calls[i].made;
}
