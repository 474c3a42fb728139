/* world.c - one world from its seed to its end */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cluster.h"

enum {
	CHECK_EVERY = 64, /* steps between two looks at every invariant */
	PING_MS = 4000,	  /* of dmq */
	SETTLE_MS = 45000,
	STILL_MS = 3000,
	QUIET_MAX_MS = 400000,
	END_MAX_MS = 1200000,
	TICK_SLOW_MS = 500,
};

void world_event(struct world *world, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	trail_event(&world->trail, world->now_ms, format, args);
	va_end(args);
}

void world_fail(struct world *world, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	trail_fail(&world->trail, format, args);
}

/* ------------------------------------------------ what a seed decides */

static void plan(struct world *world)
{
	struct rng *rng = &world->rng;
	enum cluster_kind kind = world->kind;
	bool lossy = kind == CLUSTER_TWO_LOSSY || kind == CLUSTER_THREE_LOSSY ||
		     kind == CLUSTER_ALL;

	world->server_count =
		kind == CLUSTER_TWO || kind == CLUSTER_TWO_LOSSY ? 2 : 3;
	world->delay_ms = rng_range(rng, 10, 300);
	world->answer_ms = rng_range(rng, 3000, 8000);
	world->twice = rng_below(rng, 200);
	world->loss = lossy ? rng_range(rng, 10, 300) : 0;
	world->reorders = kind == CLUSTER_THREE_LOSSY || kind == CLUSTER_ALL;
	world->quiet_ms = world->now_ms + rng_range(rng, 20000, 120000);
}

static void start(struct server *server)
{
	struct world *world = server->world;
	struct item item = {.node = server->index,
			    .kind = ITEM_TICK,
			    .at_ms = world->now_ms + 1};

	server_start(server);
	item.boot = server->boot;
	queue_put(world, &item);
	item.kind = ITEM_PING;
	queue_put(world, &item);
}

static void begin(struct world *world)
{
	const struct item fate = {.kind = ITEM_FATE,
				  .at_ms = world->now_ms + 5000};

	for (uint32_t i = 0; i < world->server_count; i++) {
		struct server *server = &world->servers[i];

		server->world = world;
		server->index = i;
		snprintf(server->name, sizeof(server->name), "sip:n%u", i);
		/* No two clocks say the same. */
		server->ms_ahead = rng_below(&world->rng, 1000000);
		server->s_ahead = rng_below(&world->rng, 100);
		start(server);
	}
	calls_plan(world);
	queue_put(world, &fate);
}

/* ------------------------------------------------ nodes and the bus */

static uint32_t servers_up(const struct world *world)
{
	uint32_t up = 0;

	for (uint32_t i = 0; i < world->server_count; i++)
		up += world->servers[i].up;
	return up;
}

static void kill_or_start(struct world *world)
{
	struct server *server =
		&world->servers[rng_below(&world->rng, world->server_count)];

	if (!server->up) {
		/* Before all have noticed two think that a call is theirs. */
		if (world->now_ms < server->died_ms + SETTLE_MS)
			calls_on_cut(world);
		start(server);
	} else if (servers_up(world) > 1) {
		calls_on_death(world, server);
		world_event(world, "node %u vanishes", server->index);
		server_stop(server);
		server->died_ms = world->now_ms;
		world->deaths++;
	}
}

static void set_cut(struct world *world, uint32_t a, uint32_t b, bool cut)
{
	if (a == b || world->cut[a][b] == cut)
		return;
	world->cut[a][b] = world->cut[b][a] = cut;
	world->healed_ms = world->now_ms;
	world_event(world, "%u and %u %s", a, b,
		    cut ? "are cut" : "hear each other");
	if (!cut)
		return;
	world->cuts++;
	calls_on_cut(world);
}

static void cut_or_heal(struct world *world)
{
	uint32_t a = rng_below(&world->rng, world->server_count);
	uint32_t b = rng_below(&world->rng, world->server_count);
	bool cut = !world->cut[a][b];

	/* One from another, or one from all. */
	if (rng_chance(&world->rng, 500)) {
		set_cut(world, a, b, cut);
		return;
	}
	for (b = 0; b < world->server_count; b++)
		set_cut(world, a, b, cut);
}

static void fate(struct world *world)
{
	struct item next = {.kind = ITEM_FATE};

	if (world->quiet)
		return;
	if (world->kind == CLUSTER_DEATHS ||
	    (world->kind == CLUSTER_ALL && rng_chance(&world->rng, 500)))
		kill_or_start(world);
	else if (world->kind == CLUSTER_CUTS || world->kind == CLUSTER_ALL)
		cut_or_heal(world);
	next.at_ms = world->now_ms + rng_range(&world->rng, 200, 15000);
	queue_put(world, &next);
}

static void be_quiet(struct world *world)
{
	world_event(world, "quiet from here on");
	world->quiet = true;
	world->loss = world->twice = 0;
	world->reorders = false;
	for (uint32_t i = 0; i < world->server_count; i++) {
		for (uint32_t j = 0; j < world->server_count; j++)
			set_cut(world, i, j, false);
		if (world->servers[i].up)
			continue;
		if (world->now_ms < world->servers[i].died_ms + SETTLE_MS)
			calls_on_cut(world);
		start(&world->servers[i]);
	}
}

/* ------------------------------------------------ one thing happens */

static void check_all(struct world *world)
{
	for (uint32_t i = 0; i < world->server_count; i++) {
		const struct server *server = &world->servers[i];
		const char *broken =
			server->up ? parley_check(server->engine) : NULL;

		if (broken)
			world_fail(world, "node %u: %s", i, broken);
	}
}

static void own_item(struct world *world, struct item *item)
{
	struct server *server = &world->servers[item->node];

	if (!server->up || server->boot != item->boot)
		return;
	if (item->kind == ITEM_ANSWER) {
		server_answer(server, item);
		return;
	}
	if (item->kind == ITEM_PING)
		server_ping(server);
	else
		server_tick(server);
	if (item->kind == ITEM_PING)
		item->at_ms += PING_MS;
	else if (world->ending)
		item->at_ms += TICK_SLOW_MS;
	else
		item->at_ms += rng_range(&world->rng, 10, 100);
	queue_put(world, item);
}

static void step(struct world *world)
{
	struct item item;

	if (!queue_take(world, &item))
		world_fail(world, "nothing is left to happen");
	world->now_ms = item.at_ms;
	world->steps++;
	if (item.kind == ITEM_MESSAGE)
		bus_arrive(world, &item);
	else if (item.kind == ITEM_FATE)
		fate(world);
	else if (item.kind == ITEM_TICK || item.kind == ITEM_PING ||
		 item.kind == ITEM_ANSWER)
		own_item(world, &item);
	else
		call_item(world, &item);
	if (world->steps % CHECK_EVERY == 0)
		check_all(world);
}

static bool is_still(const struct world *world)
{
	if (world->on_the_way > 0 ||
	    world->now_ms < world->quiet_ms + SETTLE_MS ||
	    world->now_ms < world->changed_ms + STILL_MS)
		return false;
	for (uint32_t i = 0; i < world->server_count; i++)
		if (server_busy(&world->servers[i]))
			return false;
	return true;
}

static bool is_empty(const struct world *world)
{
	for (uint32_t i = 0; i < world->server_count; i++) {
		struct parley_id id = {0, 0};

		if (parley_next(world->servers[i].engine, &id))
			return false;
	}
	return true;
}

static void play(struct world *world)
{
	begin(world);
	while (world->now_ms < world->quiet_ms)
		step(world);
	be_quiet(world);
	while (!is_still(world)) {
		if (world->now_ms > world->quiet_ms + QUIET_MAX_MS)
			world_fail(world, "the nodes never rest");
		step(world);
	}
	check_all(world);
	agree_check(world);
	world->ending = true;
	while (!is_empty(world)) {
		if (world->now_ms > world->quiet_ms + END_MAX_MS)
			world_fail(world, "dialogs are left");
		step(world);
	}
	check_all(world);
	ends_check(world);
	for (uint32_t i = 0; i < world->server_count; i++)
		server_stop(&world->servers[i]);
}

bool world_run(struct world *world, uint64_t seed,
	       const struct cluster_options *options)
{
	memset(world, 0, sizeof(*world));
	world->seed = seed;
	world->options = *options;
	world->kind = (enum cluster_kind)(seed % CLUSTER_KINDS);
	world->rng.state = seed * 0x9e3779b97f4a7c15u + 1;
	world->now_ms = 1000;
	world->trail.verbose = options->verbose;
	if (setjmp(world->trail.jump) != 0)
		return false;
	plan(world);
	play(world);
	return true;
}

void world_fini(struct world *world)
{
	queue_fini(world);
	/* A run that was broken off. */
	if (world->arriving) {
		wire_done();
		bus_free(world->arriving);
	}
	for (uint32_t i = 0; i < world->server_count; i++)
		host_fini(&world->servers[i].host);
}
