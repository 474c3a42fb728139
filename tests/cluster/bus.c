/*
 * bus.c - what happens when, and messages between nodes
 *
 * dmq sends each message until it is answered and tells the sender what came
 * of it: the code of the answer, or 408 after a while. Messages of one node to
 * another keep their order unless the world says otherwise.
 */
#include <stdlib.h>

#include "cluster.h"

/* ------------------------------------------------ the queue */

static bool before(const struct item *a, const struct item *b)
{
	return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order;
}

static void swap(struct item *a, struct item *b)
{
	struct item kept = *a;

	*a = *b;
	*b = kept;
}

void queue_put(struct world *world, const struct item *item)
{
	struct queue *queue = &world->queue;
	uint32_t i = queue->count;

	if (queue->count == queue->size) {
		queue->size = queue->size > 0 ? 2 * queue->size : 256;
		queue->heap = realloc(queue->heap,
				      queue->size * sizeof(*queue->heap));
		if (!queue->heap)
			abort();
	}
	queue->heap[queue->count] = *item;
	queue->heap[queue->count++].order = queue->order++;
	for (; i > 0 && before(&queue->heap[i], &queue->heap[(i - 1) / 2]);
	     i = (i - 1) / 2)
		swap(&queue->heap[i], &queue->heap[(i - 1) / 2]);
}

bool queue_take(struct world *world, struct item *item)
{
	struct queue *queue = &world->queue;
	uint32_t i = 0;

	if (queue->count == 0)
		return false;
	*item = queue->heap[0];
	queue->heap[0] = queue->heap[--queue->count];
	for (;;) {
		uint32_t child = 2 * i + 1;

		if (child + 1 < queue->count &&
		    before(&queue->heap[child + 1], &queue->heap[child]))
			child++;
		if (child >= queue->count ||
		    !before(&queue->heap[child], &queue->heap[i]))
			return true;
		swap(&queue->heap[child], &queue->heap[i]);
		i = child;
	}
}

void queue_fini(struct world *world)
{
	struct queue *queue = &world->queue;

	for (uint32_t i = 0; i < queue->count; i++)
		if (queue->heap[i].kind == ITEM_MESSAGE)
			bus_free(queue->heap[i].message);
	free(queue->heap);
	*queue = (struct queue){0};
}

/* ------------------------------------------------ messages */

void bus_free(struct message *message)
{
	if (--message->refs > 0)
		return;
	for (uint32_t i = 0; i < message->count; i++)
		wire_free(message->dialogs[i]);
	free(message);
}

bool bus_reaches(const struct world *world, uint32_t from, uint32_t to)
{
	return world->servers[from].up && world->servers[to].up &&
	       !world->cut[from][to];
}

/* @sent_ms: an answer of 408 comes so long after. */
static void answer(struct world *world, const struct message *message,
		   uint16_t code)
{
	struct item item = {
		.kind = ITEM_ANSWER,
		.node = message->from,
		.boot = message->from_boot,
		.call = message->to, /* who answers */
		.code = code,
	};

	item.at_ms = world->now_ms + rng_range(&world->rng, 1, world->delay_ms);
	if (code == 408)
		item.at_ms = message->sent_ms + world->answer_ms;
	if (item.at_ms < world->now_ms)
		item.at_ms = world->now_ms;
	queue_put(world, &item);
}

static void put_message(struct world *world, struct message *message,
			bool again)
{
	uint64_t *last = &world->arrival_ms[message->from][message->to];
	struct item item = {
		.kind = ITEM_MESSAGE, .message = message, .again = again};

	item.at_ms = world->now_ms + rng_range(&world->rng, 1, world->delay_ms);
	if (!world->reorders && item.at_ms < *last)
		item.at_ms = *last;
	*last = item.at_ms;
	message->refs++;
	world->on_the_way++;
	queue_put(world, &item);
}

void bus_send(struct world *world, struct message *message)
{
	message->sent_ms = world->now_ms;
	message->refs = 1;
	world->images += message->count;
	if (rng_chance(&world->rng, world->loss)) {
		world_event(world, "lost: %u>%u, %u dialogs", message->from,
			    message->to, message->count);
		answer(world, message, 408);
	} else {
		put_message(world, message, false);
		if (rng_chance(&world->rng, world->twice))
			put_message(world, message, true);
	}
	bus_free(message);
}

void bus_arrive(struct world *world, const struct item *item)
{
	struct message *message = item->message;
	uint16_t code = 408;

	world->on_the_way--;
	world->arriving = message;
	if (bus_reaches(world, message->from, message->to))
		code = server_take(&world->servers[message->to], message);
	else
		world_event(world, "nobody hears %u>%u, %u dialogs",
			    message->from, message->to, message->count);
	/* On its way back it can be lost as well. */
	if (!item->again && rng_chance(&world->rng, world->loss))
		code = 408;
	if (!item->again)
		answer(world, message, code);
	world->arriving = NULL;
	bus_free(message);
}
