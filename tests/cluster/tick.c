/* tick.c - what a node does by itself: dmq_send.c and the timer process */
#include <stdlib.h>
#include <string.h>

#include "cluster.h"

enum {
	LOOK_MS = 1000,
	HELLO_MS = 10000,
	ROUND_SYNC = 3,
	ROUND_DIALOGS = 3,
	EXPIRIES_MAX = 1000,
};

/* ------------------------------------------------ messages */

/* A message in the making. */
struct batch {
	uint32_t count;
	struct wire_item *dialogs[DIALOGS_PER_MESSAGE];
};

static uint32_t index_of(const struct server *server, const struct node *peer)
{
	const struct world *world = server->world;

	for (uint32_t i = 0; i < world->server_count; i++)
		if (node_is_named(
			    peer,
			    (struct parley_str){
				    world->servers[i].name,
				    (uint32_t)strlen(world->servers[i].name)}))
			return i;
	return UINT32_MAX;
}

static struct message *message_to(const struct server *server, uint32_t to)
{
	struct message *message = calloc(1, sizeof(*message));

	if (!message)
		abort();
	message->from = server->index;
	message->from_boot = server->boot;
	message->to = to;
	return message;
}

static void batch_add(const struct server *server, struct batch *batch,
		      const struct parley_image *image)
{
	batch->dialogs[batch->count++] = wire_write(image, server->name);
}

static void batch_send(struct server *server, struct batch *batch, uint32_t to)
{
	struct message *message = message_to(server, to);

	message->count = batch->count;
	for (uint32_t i = 0; i < batch->count; i++)
		message->dialogs[i] = wire_share(batch->dialogs[i]);
	bus_send(server->world, message);
}

static void batch_end(struct server *server, struct batch *batch,
		      const struct node *only)
{
	for (uint32_t i = 0; batch->count > 0 && i < server->peer_count; i++) {
		const struct node *peer = &server->peers[i];

		if (only ? peer == only
			 : peer->kind == NODE_OURS && peer->alive)
			batch_send(server, batch, index_of(server, peer));
	}
	for (uint32_t i = 0; i < batch->count; i++)
		wire_free(batch->dialogs[i]);
	batch->count = 0;
}

static void say_hello(struct server *server)
{
	for (uint32_t i = 0; i < server->world->server_count; i++)
		if (server->active[i])
			bus_send(server->world, message_to(server, i));
}

static void send_changes(struct server *server)
{
	struct batch batch = {0};
	struct parley_image image;
	struct parley_id id;

	while (parley_changed(server->engine, &id)) {
		if (server_image(server, id, &image))
			batch_add(server, &batch, &image);
		parley_changed_done(server->engine, id);
		if (batch.count == DIALOGS_PER_MESSAGE)
			batch_end(server, &batch, NULL);
	}
	batch_end(server, &batch, NULL);
}

/* ------------------------------------------------ all for one */

static struct node_list all_nodes(const struct server *server)
{
	return (struct node_list){
		.list = server->peers,
		.count = server->peer_count,
		.self = {server->name, (uint32_t)strlen(server->name)},
		.number = server_number(server),
	};
}

static void sync_some(struct server *server, struct node *peer,
		      struct service *service)
{
	const struct node_list nodes = all_nodes(server);
	struct parley_image image;
	struct batch batch = {0};

	for (int i = 0; i < ROUND_SYNC; i++) {
		if (!parley_next(server->engine, &service->sync_at)) {
			service->syncing = false;
			break;
		}
		if (server_image(server, service->sync_at, &image) &&
		    nodes_tell(&nodes, peer, &image))
			batch_add(server, &batch, &image);
	}
	batch_end(server, &batch, peer);
}

static void serve_nodes(struct server *server)
{
	for (uint32_t i = 0; i < server->peer_count; i++) {
		struct node *peer = &server->peers[i];
		struct service *service = &server->service[i];

		if (!peer->alive || peer->kind == NODE_UNKNOWN)
			continue;
		if (peer->wants) {
			world_event(server->world, "node %u tells %s all",
				    server->index, peer->name);
			peer->wants = false;
			service->syncing = true;
			service->sync_at = (struct parley_id){0, 0};
		}
		if (service->syncing)
			sync_some(server, peer, service);
	}
}

/* ------------------------------------------------ nodes that are gone */

static void look_at_nodes(struct server *server)
{
	const struct node_list nodes = all_nodes(server);
	bool heir;

	for (uint32_t i = 0; i < server->peer_count; i++) {
		struct node *peer = &server->peers[i];

		node_looked(peer, server->active[index_of(server, peer)]);
	}
	heir = nodes_heir(&nodes);
	for (uint32_t i = 0; i < server->peer_count; i++) {
		const struct node *peer = &server->peers[i];
		struct service *service = &server->service[i];

		if (!node_is_gone(peer)) {
			service->adopting = false;
			continue;
		}
		if (peer->gone == NODE_GONE)
			world_event(server->world, "node %u: %s is gone%s",
				    server->index, peer->name,
				    heir ? ", its calls are mine" : "");
		if (!service->adopting && heir) {
			service->adopting = true;
			service->adopt_at = (struct parley_id){0, 0};
		}
	}
}

static void adopt_some(struct server *server, uint32_t index)
{
	struct service *service = &server->service[index];
	const struct node *peer = &server->peers[index];
	struct parley_str owner = {peer->name, peer->len};
	struct parley_actions actions;

	for (int i = 0; i < ROUND_DIALOGS; i++) {
		if (!parley_next(server->engine, &service->adopt_at)) {
			service->adopting = false;
			return;
		}
		if (parley_adopt(server->engine, server_now(server),
				 service->adopt_at, owner, &actions) != 0)
			continue;
		server->world->adopted++;
		world_event(server->world, "node %u takes %s from %s",
			    server->index,
			    call_of(server->world, service->adopt_at)->callid,
			    peer->name);
		call_changed(server->world,
			     call_of(server->world, service->adopt_at), server);
		server_run(server, &actions);
	}
}

void server_ping(struct server *server)
{
	struct world *world = server->world;

	for (uint32_t i = 0; i < world->server_count; i++) {
		bool reached = i != server->index &&
			       bus_reaches(world, server->index, i);

		if (reached && !server->active[i])
			server->joined = true;
		server->active[i] = reached;
	}
}

/* ------------------------------------------------ timers */

static void check_timer(const struct server *server,
			const struct parley_actions *actions)
{
	struct parley_image image;

	if (!server_image(server, actions->id, &image) || !image.view.replica)
		return;
	for (uint32_t i = 0; i < actions->count; i++)
		if (actions->list[i].type == PARLEY_ACT_PING ||
		    actions->list[i].type == PARLEY_ACT_TIMEOUT_ROUTE)
			world_fail(server->world,
				   "node %u, which does not own %s, has "
				   "action %d of its timers",
				   server->index,
				   call_of(server->world, actions->id)->callid,
				   (int)actions->list[i].type);
}

static void expire(struct server *server)
{
	struct world *world = server->world;
	struct parley_actions actions;

	for (int i = 0;
	     parley_expire(server->engine, server_now(server), &actions); i++) {
		struct call *call = call_of(world, actions.id);

		if (i == EXPIRIES_MAX)
			world_fail(world, "node %u: timers without end",
				   server->index);
		check_timer(server, &actions);
		world_event(world, "node %u: timer of %s, state %u to %u",
			    server->index, call->callid, actions.old_state,
			    actions.new_state);
		call_changed(world, call, server);
		server_run(server, &actions);
	}
}

void server_tick(struct server *server)
{
	struct world *world = server->world;

	expire(server);
	if (world->now_ms >= server->look_ms + LOOK_MS) {
		server->look_ms = world->now_ms;
		look_at_nodes(server);
	}
	if (world->now_ms >= server->hello_ms + HELLO_MS || server->joined) {
		server->hello_ms = world->now_ms;
		server->joined = false;
		say_hello(server);
	}
	send_changes(server);
	serve_nodes(server);
	for (uint32_t i = 0; i < server->peer_count; i++)
		if (server->service[i].adopting)
			adopt_some(server, i);
}

bool server_busy(const struct server *server)
{
	for (uint32_t i = 0; i < server->peer_count; i++)
		if (server->peers[i].wants || server->peers[i].missed ||
		    server->service[i].syncing || server->service[i].adopting)
			return true;
	return false;
}
