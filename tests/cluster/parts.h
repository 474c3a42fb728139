/*
 * parts.h - what the parts of a simulated cluster offer each other
 *
 * What:    the functions of bus.c, node.c, calls.c, agree.c.
 * Owns:    nothing.
 * Why:     cluster.h has the structs, this one the functions.
 */
#ifndef CLUSTER_PARTS_H
#define CLUSTER_PARTS_H

#include "cluster.h"

/* ------------------------------------------------ bus.c */

/* @item->at_ms is when. */
void queue_put(struct world *world, const struct item *item);
/* False: nothing is left. */
bool queue_take(struct world *world, struct item *item);
void queue_fini(struct world *world);

/* Two nodes are up and hear each other. */
bool bus_reaches(const struct world *world, uint32_t from, uint32_t to);
/* Takes @message over; its from and to are set. */
void bus_send(struct world *world, struct message *message);
void bus_arrive(struct world *world, const struct item *item);
void bus_free(struct message *message);

/* ------------------------------------------------ node.c, tick.c */

void server_start(struct server *server);
void server_stop(struct server *server);
/* config.node */
static inline uint16_t server_number(const struct server *server)
{
	return (uint16_t)(server->index + 1);
}
struct parley_now server_now(const struct server *server);
/* Carries actions out and delivers the note. */
void server_run(struct server *server, const struct parley_actions *actions);
/* Feeds and runs. */
int server_feed(struct server *server, const struct parley_event *event);
/* 0, or the answer's code. */
uint16_t server_take(struct server *server, const struct message *message);
void server_answer(struct server *server, const struct item *item);
/* One round of the process that sends, and of the timer process. */
void server_tick(struct server *server);
/* dmq asks all others whether they are there. */
void server_ping(struct server *server);
/* Something is still to be sent, or to be taken over. */
bool server_busy(const struct server *server);
/* The same as parley_export(); the texts live until the next call. False: the
 * node does not have it. */
bool server_image(const struct server *server, struct parley_id id,
		  struct parley_image *image);

/* ------------------------------------------------ calls.c, talk.c */

void calls_plan(struct world *world);
/* Moves of the parties, and what is left of transactions. */
void call_item(struct world *world, const struct item *item);
void call_talk(struct world *world, struct call *call);
void call_later(struct world *world, const struct call *call, uint64_t ms);
/* A node that is up. */
struct server *any_server(struct world *world);
struct call *call_of(struct world *world, struct parley_id id);
/* Something of the call was changed at the node. */
void call_changed(struct world *world, struct call *call,
		  const struct server *server);
bool call_request(struct world *world, struct call *call,
		  const struct item *request);
void calls_on_note(struct server *server, const struct parley_told *told);
/* A node goes with what only it may know. */
void calls_on_death(struct world *world, const struct server *server);
void calls_on_cut(struct world *world);

/* ------------------------------------------------ agree.c */

/* All nodes have the same, and it is what was done. */
void agree_check(struct world *world);
/* Each call has ended as often as it may. */
void ends_check(struct world *world);

#endif
