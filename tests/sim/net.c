/* net.c - the simulated network (net.h) */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

const char *method_name(enum method method)
{
	static const char *const names[] = {
		"?",	 "INVITE", "ACK",  "CANCEL",  "BYE",
		"PRACK", "UPDATE", "INFO", "OPTIONS",
	};

	return names[method];
}

void msg_text(const struct msg *msg, char *buffer, uint32_t size)
{
	char code[8] = "";

	if (msg->reply)
		snprintf(code, sizeof(code), "%u ", msg->code);
	snprintf(buffer, size,
		 "call %u: %d>%d %s%s%s%s cseq %u ua %d branch %u", msg->call,
		 msg->src, msg->dst, code, method_name(msg->method),
		 msg->initial ? " (initial)" : "", msg->ours ? " (ours)" : "",
		 msg->cseq, msg->ua, msg->branch);
}

void net_fini(struct net *net)
{
	free(net->heap);
	net->heap = NULL;
	net->count = net->size = 0;
}

/* ------------------------------------------------------------- queue */

static bool item_before(const struct item *a, const struct item *b)
{
	if (a->at_ms != b->at_ms)
		return a->at_ms < b->at_ms;
	return a->order < b->order;
}

static void queue_put(struct net *net, const struct item *item)
{
	uint32_t at = net->count++;

	if (net->count > net->size) {
		net->size = net->size == 0 ? 64 : 2 * net->size;
		net->heap = realloc(net->heap, net->size * sizeof(*item));
		if (net->heap == NULL)
			abort();
	}
	while (at > 0 && item_before(item, &net->heap[(at - 1) / 2])) {
		net->heap[at] = net->heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	net->heap[at] = *item;
}

static void queue_take(struct net *net, struct item *item)
{
	struct item last = net->heap[--net->count];
	uint32_t at = 0;

	*item = net->heap[0];
	for (;;) {
		uint32_t child = 2 * at + 1;

		if (child >= net->count)
			break;
		if (child + 1 < net->count &&
		    item_before(&net->heap[child + 1], &net->heap[child]))
			child++;
		if (!item_before(&net->heap[child], &last))
			break;
		net->heap[at] = net->heap[child];
		at = child;
	}
	if (net->count > 0)
		net->heap[at] = last;
}

uint64_t net_next_ms(const struct net *net)
{
	return net->count == 0 ? UINT64_MAX : net->heap[0].at_ms;
}

void net_timer(struct sim *sim, uint64_t after_ms, const struct item *item)
{
	struct item copy = *item;

	copy.at_ms = sim->now_ms + after_ms;
	copy.order = sim->net.order++;
	queue_put(&sim->net, &copy);
}

uint32_t net_branch(struct sim *sim)
{
	return ++sim->net.next_branch;
}

/* ------------------------------------------------------------- sending */

void net_send(struct sim *sim, const struct msg *msg)
{
	struct net *net = &sim->net;
	struct item item = {.kind = ITEM_MSG, .msg = *msg};
	uint32_t copies = rng_chance(&sim->rng, net->twice) ? 2 : 1;

	for (uint32_t i = 0; i < copies; i++) {
		if (rng_chance(&sim->rng, net->loss)) {
			char text[128];

			net->lost++;
			if (msg->initial)
				cover_step(sim, msg->call, FORK_LOST);
			msg_text(msg, text, sizeof(text));
			sim_event(sim, "lost %s", text);
			continue;
		}
		net_timer(sim, rng_range(&sim->rng, 1, net->delay_ms), &item);
	}
}

static void client_arm(struct sim *sim, uint32_t index)
{
	struct client *client = &sim->net.clients[index];
	struct item item = {
		.kind = ITEM_CLIENT, .what = index, .arg = client->generation};

	net_timer(sim, client->interval_ms, &item);
}

void net_request(struct sim *sim, const struct msg *msg)
{
	struct net *net = &sim->net;
	struct client *client = NULL;
	uint32_t index;

	net_send(sim, msg);
	for (index = 0; index < CLIENTS_MAX; index++) {
		client = &net->clients[index];
		if (!client->used)
			break;
	}
	if (index == CLIENTS_MAX)
		return; /* it is then sent only once */
	client->used = true;
	client->provisional = false;
	client->start_ms = sim->now_ms;
	client->interval_ms = T1_MS;
	client->generation++;
	client->msg = *msg;
	client_arm(sim, index);
}

static struct client *client_find(struct net *net, uint32_t call, int node,
				  uint32_t branch)
{
	for (uint32_t i = 0; i < CLIENTS_MAX; i++) {
		struct client *client = &net->clients[i];

		if (client->used && client->msg.call == call &&
		    client->msg.src == node && client->msg.branch == branch)
			return client;
	}
	return NULL;
}

void net_forget(struct sim *sim, uint32_t call, int node, uint32_t branch)
{
	struct client *client = client_find(&sim->net, call, node, branch);

	if (client != NULL)
		client->used = false;
}

/* Timers A, B, E and F of RFC 3261 17.1. */
static void client_timer(struct sim *sim, const struct item *item)
{
	struct client *client = &sim->net.clients[item->what];
	struct msg msg = client->msg;

	if (!client->used || client->generation != item->arg)
		return;
	if (msg.method == METHOD_INVITE && client->provisional) {
		client->used = false;
		return;
	}
	if (sim->now_ms - client->start_ms >= TIMEOUT_MS) {
		client->used = false;
		sim_event(sim, "timeout of %s of node %d, call %u",
			  method_name(msg.method), msg.src, msg.call);
		msg.reply = true;
		msg.code = 408;
		msg.dst = msg.src;
		if (msg.src == NODE_PROXY)
			proxy_timed_out(sim, &msg);
		else
			ua_message(sim, &msg);
		return;
	}
	sim->net.retransmitted++;
	if (msg.initial)
		cover_step(sim, msg.call, FORK_AGAIN);
	net_send(sim, &msg);
	client->interval_ms *= 2;
	if (client->interval_ms > T2_MS && msg.method != METHOD_INVITE)
		client->interval_ms = T2_MS;
	if (client->provisional)
		client->interval_ms = T2_MS;
	client_arm(sim, item->what);
}

static void client_answered(struct sim *sim, const struct msg *msg)
{
	struct client *client =
		client_find(&sim->net, msg->call, msg->dst, msg->branch);

	if (client == NULL || client->msg.method != msg->method)
		return;
	if (msg->code < 200)
		client->provisional = true;
	else
		client->used = false;
}

static void deliver(struct sim *sim, const struct msg *msg)
{
	char text[128];

	sim->net.delivered++;
	msg_text(msg, text, sizeof(text));
	sim_event(sim, "%s", text);
	if (msg->reply)
		client_answered(sim, msg);
	if (msg->dst == NODE_PROXY)
		proxy_message(sim, msg);
	else
		ua_message(sim, msg);
}

void net_step(struct sim *sim)
{
	struct item item;

	queue_take(&sim->net, &item);
	if (item.at_ms > sim->now_ms)
		sim->now_ms = item.at_ms;
	switch (item.kind) {
	case ITEM_MSG:
		deliver(sim, &item.msg);
		break;
	case ITEM_CLIENT:
		client_timer(sim, &item);
		break;
	case ITEM_UA:
		ua_timer(sim, &item);
		break;
	case ITEM_PROXY:
		proxy_timer(sim, &item);
		break;
	case ITEM_SCRIPT:
		script_timer(sim, &item);
		break;
	}
}
