/*
 * node.c - a node: an engine, and the adapter's part in replication
 *
 * The rules are those of dmq_rules.c; what is here does what dmq.c and
 * dmq_send.c do around them, without Kamailio.
 */
#include <string.h>

#include "cluster.h"

enum {
	UNIX_START = 1700000000,
	TYPES = PARLEY_NOTE_LOADED | PARLEY_NOTE_CREATED | PARLEY_NOTE_FAILED |
		PARLEY_NOTE_ANSWERED | PARLEY_NOTE_CONFIRMED |
		PARLEY_NOTE_REQUEST_WITHIN | PARLEY_NOTE_TERMINATED |
		PARLEY_NOTE_EXPIRED | PARLEY_NOTE_EARLY |
		PARLEY_NOTE_REPLY_WITHIN | PARLEY_NOTE_DESTROY |
		PARLEY_NOTE_BYE_REPLIED,
};

struct parley_now server_now(const struct server *server)
{
	uint64_t ms = server->world->now_ms;

	return (struct parley_now){
		.ms = ms + server->ms_ahead,
		.unix_s = UNIX_START + (uint32_t)(ms / 1000) + server->s_ahead,
	};
}

/* ------------------------------------------------ start and end */

static void on_fail(void *self, const char *text)
{
	struct server *server = self;

	world_fail(server->world, "node %u: %s", server->index, text);
}

static void on_log(void *self, const char *text)
{
	struct server *server = self;

	world_event(server->world, "node %u says: %s", server->index, text);
}

static bool on_pause(void *self)
{
	(void)self;
	return false;
}

static void on_note(struct parley *engine, void *param,
		    const struct parley_told *told)
{
	(void)engine;
	calls_on_note(param, told);
}

static void config_fill(const struct server *server,
			struct parley_config *config)
{
	parley_config_default(config);
	config->hash_size = 64;
	config->shards = 4;
	config->lifetime_s = 90;
	config->early_timeout_s = 60;
	config->noack_timeout_s = 60;
	config->track_cseq = server->world->seed % 2 == 0;
	config->replicate = true;
	config->node = server_number(server);
	config->ping_interval_ms = 15000;
	config->ping_spread_ms = 1000;
	config->profiles = wire_profiles;
	config->profile_count = 2;
}

void server_start(struct server *server)
{
	const struct host_owner owner = {server, on_fail, on_log, on_pause};
	struct world *world = server->world;
	struct parley_config config;
	struct parley_host host;

	server->up = true;
	server->boot++;
	server->peer_count = 0;
	server->joined = false;
	server->look_ms = server->hello_ms = world->now_ms;
	memset(server->service, 0, sizeof(server->service));
	memset(server->active, 0, sizeof(server->active));
	host_init(&server->host, &owner, rng_next(&world->rng));
	config_fill(server, &config);
	host_fill(&server->host, parley_locks(&config), &host);
	if (parley_create(&host, &config, &server->engine) != 0 ||
	    parley_subscribe_all(server->engine, TYPES, on_note, server) != 0)
		world_fail(world, "node %u does not start", server->index);
	world_event(world, "node %u starts", server->index);
}

void server_stop(struct server *server)
{
	server->up = false;
	parley_destroy(server->engine);
	server->engine = NULL;
	if (server->host.bytes != 0)
		world_fail(server->world, "node %u keeps %llu bytes",
			   server->index,
			   (unsigned long long)server->host.bytes);
	host_fini(&server->host);
}

/* ------------------------------------------------ actions */

static void do_request(struct server *server, struct parley_id id,
		       const struct parley_action *action,
		       enum parley_request_kind kind)
{
	static _Alignas(max_align_t) char buffer[4096];
	struct world *world = server->world;
	struct call *call = call_of(world, id);
	struct parley_request request;
	struct item item = {
		.kind = kind == PARLEY_REQUEST_PING ? ITEM_PING_DONE
						    : ITEM_BYE_DONE,
		.node = server->index,
		.boot = server->boot,
		.call = call->number,
		.leg = action->leg,
		.dir = action->dir,
		.code = rng_chance(&world->rng, 50) ? 408 : 200,
		.at_ms = world->now_ms + rng_range(&world->rng, 20, 3000),
	};
	int rc = parley_request_prepare(server->engine, id, action->leg,
					action->dir, kind, &request, buffer,
					sizeof(buffer), NULL);

	if (rc != 0)
		item.code = 0;
	if (kind != PARLEY_REQUEST_ACK)
		queue_put(world, &item);
}

static void do_action(struct server *server, struct parley_id id,
		      const struct parley_action *action)
{
	struct world *world = server->world;
	struct call *call = call_of(world, id);
	struct item item = {
		.node = server->index,
		.boot = server->boot,
		.call = call->number,
		.code = action->code,
		.at_ms = world->now_ms + rng_range(&world->rng, 20, 800),
	};

	switch (action->type) {
	case PARLEY_ACT_BYE:
		do_request(server, id, action, PARLEY_REQUEST_NEXT);
		break;
	case PARLEY_ACT_ACK:
		do_request(server, id, action, PARLEY_REQUEST_ACK);
		break;
	case PARLEY_ACT_PING:
		do_request(server, id, action, PARLEY_REQUEST_PING);
		break;
	case PARLEY_ACT_REPLY:
		item.kind = ITEM_FINAL;
		queue_put(world, &item);
		break;
	case PARLEY_ACT_TIMEOUT_ROUTE:
		item.kind = ITEM_ROUTE_DONE;
		queue_put(world, &item);
		break;
	case PARLEY_ACT_CANCEL:
	case PARLEY_ACT_SWALLOW:
		break;
	}
}

void server_run(struct server *server, const struct parley_actions *actions)
{
	for (uint32_t i = 0; i < actions->count; i++)
		do_action(server, actions->id, &actions->list[i]);
	if (actions->note.types != 0)
		parley_deliver(server->engine, &actions->note, NULL, false);
}

int server_feed(struct server *server, const struct parley_event *event)
{
	struct parley_actions actions;
	int rc = parley_feed(server->engine, server_now(server), event,
			     &actions);

	server_run(server, &actions);
	return rc;
}

bool server_image(const struct server *server, struct parley_id id,
		  struct parley_image *image)
{
	static _Alignas(max_align_t) char buffer[CLUSTER_NODES][IMAGE_BYTES];

	return parley_export(server->engine, server_now(server), id, image,
			     buffer[server->index], IMAGE_BYTES, NULL) == 0;
}

/* ------------------------------------------------ what others say */

static struct parley_str name_of(const struct server *server)
{
	return (struct parley_str){server->name,
				   (uint32_t)strlen(server->name)};
}

static struct node *peer_of(struct server *server, uint32_t index)
{
	struct parley_str name = name_of(&server->world->servers[index]);
	struct node *peer;

	for (uint32_t i = 0; i < server->peer_count; i++)
		if (node_is_named(&server->peers[i], name))
			return &server->peers[i];
	peer = &server->peers[server->peer_count++];
	*peer = (struct node){.len = name.len, .alive = true};
	memcpy(peer->name, name.s, name.len);
	return peer;
}

void server_answer(struct server *server, const struct item *item)
{
	struct node *peer = peer_of(server, item->call);

	if (item->code < 300)
		node_heard(peer, NODE_OURS, 0);
	else
		peer->missed = true;
}

static uint16_t take_image(struct server *server,
			   const struct parley_image *image, uint32_t from)
{
	struct world *world = server->world;
	struct parley_actions actions;
	int rc = parley_import(server->engine, server_now(server), image,
			       &actions);

	world_event(world,
		    "%u>%u: %.*s owner %.*s state %u version %x.%u -> %d", from,
		    server->index, (int)image->view.callid.len,
		    image->view.callid.s, (int)image->view.owner.len,
		    image->view.owner.s, image->view.state, image->epoch,
		    image->version, rc);
	if (rc == 0)
		call_of(world, image->view.id)->elsewhere = true;
	server_run(server, &actions);
	if (rc == PARLEY_E_ARGUMENT || rc == PARLEY_E_CONFLICT)
		world_fail(world, "node %u refuses a dialog of node %u: %s",
			   server->index, from, parley_error_text(rc));
	return rc == PARLEY_E_MEMORY ? 500 : 200;
}

uint16_t server_take(struct server *server, const struct message *message)
{
	uint16_t code = 200;

	if (server->world->options.canary &&
	    rng_chance(&server->world->rng, 500))
		return code;
	node_heard(peer_of(server, message->from), NODE_OURS,
		   message->from_boot);
	for (uint32_t i = 0; i < message->count; i++) {
		const char *fault;
		struct parley_image *image =
			wire_read(message->dialogs[i], server->name, &fault);
		uint16_t one;

		if (!image)
			world_fail(server->world, "a dialog has a bad %s",
				   fault);
		one = take_image(server, image, message->from);
		if (one != 200)
			code = one;
		wire_done();
	}
	return code;
}
