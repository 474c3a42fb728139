/* talk.c - what parties, scripts and operators do while a call is up */
#include <stdio.h>
#include <string.h>

#include "cluster.h"

static struct parley_str text(const char *s)
{
	return (struct parley_str){s, (uint32_t)strlen(s)};
}

/* ------------------------------------------------ scripts */

static int set_var(struct world *world, struct call *call,
		   const struct server *server)
{
	uint32_t which = rng_below(&world->rng, CALL_VARS);
	char key[8], value[16] = "";
	bool remove = rng_chance(&world->rng, 250);
	int rc;

	snprintf(key, sizeof(key), "k%u", which);
	if (!remove)
		snprintf(value, sizeof(value), "v%u",
			 rng_below(&world->rng, 1000));
	rc = parley_var_set(server->engine, call->id, text(key),
			    remove ? (struct parley_str){0} : text(value));
	if (rc == 0)
		memcpy(call->vars[which], value, sizeof(value));
	return rc;
}

static int set_flags(struct world *world, struct call *call,
		     const struct server *server)
{
	uint32_t set = 1U << rng_below(&world->rng, 8);
	uint32_t clear = 1U << rng_below(&world->rng, 8);
	uint32_t now;
	int rc = parley_flags(server->engine, call->id, set, clear, &now);

	if (rc == 0)
		call->flags = (call->flags | set) & ~clear;
	return rc;
}

static int set_options(struct world *world, struct call *call,
		       const struct server *server)
{
	uint32_t set = 1U << rng_below(&world->rng, 4);
	uint32_t clear = 1U << rng_below(&world->rng, 4);
	uint32_t now;

	return parley_options(server->engine, server_now(server), call->id, set,
			      clear, &now);
}

static int join(struct call *call, const struct server *server)
{
	int rc = parley_profile_join(server->engine, call->id, 0, text("x"), 0,
				     false);

	if (rc == 0)
		call->in_red++;
	return rc;
}

static int leave(struct call *call, const struct server *server)
{
	int rc = parley_profile_leave(server->engine, call->id, 0, text("x"));

	if (rc == 0)
		call->in_red--;
	return rc;
}

static int set_target(struct world *world, const struct call *call,
		      const struct server *server)
{
	char contact[40];
	const struct parley_target target = {
		.of = PARLEY_DIR_DOWNSTREAM,
		.contact = {contact,
			    (uint32_t)snprintf(contact, sizeof(contact),
					       "sip:nat-%u@10.0.0.4",
					       rng_below(&world->rng, 1000))}};

	return parley_set_target(server->engine, call->id, &target);
}

static int terminate(struct world *world, const struct call *call,
		     struct server *server)
{
	const struct parley_event event = {
		.type = PARLEY_EV_TERMINATE,
		.id = call->id,
		.side = (enum parley_side)rng_range(
			&world->rng, PARLEY_SIDE_CALLER, PARLEY_SIDE_ALL),
		.code = 480,
		.reason = text("busy")};

	return server_feed(server, &event);
}

static void script(struct world *world, struct call *call)
{
	struct server *server = any_server(world);
	uint32_t what = rng_below(&world->rng, 100);
	int rc;

	if (!server)
		return;
	if (what < 35)
		rc = set_var(world, call, server);
	else if (what < 50)
		rc = set_flags(world, call, server);
	else if (what < 60)
		rc = set_options(world, call, server);
	else if (what < 70)
		rc = join(call, server);
	else if (what < 78)
		rc = leave(call, server);
	else if (what < 84)
		rc = parley_set_lifetime(server->engine, server_now(server),
					 call->id,
					 rng_range(&world->rng, 10, 150));
	else if (what < 90)
		rc = parley_set_timeout_route(server->engine, call->id,
					      what % 2,
					      what % 2 ? text("T") : text(""));
	else if (what < 96)
		rc = set_target(world, call, server);
	else
		rc = terminate(world, call, server);
	world_event(world, "node %u: script %u of %s -> %d", server->index,
		    what, call->callid, rc);
	if (rc == 0)
		call_changed(world, call, server);
}

/* ------------------------------------------------ parties */

static void speak(struct world *world, struct call *call)
{
	static const enum parley_event_type methods[] = {
		PARLEY_EV_REINVITE, PARLEY_EV_UPDATE, PARLEY_EV_REQUEST,
		PARLEY_EV_REQUEST};
	struct item request = {
		.call = call->number,
		.leg = rng_below(&world->rng, call->leg_count),
		.dir = rng_chance(&world->rng, 500) ? PARLEY_DIR_DOWNSTREAM
						    : PARLEY_DIR_UPSTREAM,
		.method = methods[rng_below(&world->rng, 4)],
	};

	if (call->legs[request.leg].up)
		(void)call_request(world, call, &request);
}

static void hang_up(struct world *world, struct call *call)
{
	for (uint32_t i = 0; i < call->leg_count; i++) {
		struct item request = {
			.call = call->number,
			.leg = i,
			.dir = rng_chance(&world->rng, 500)
				       ? PARLEY_DIR_DOWNSTREAM
				       : PARLEY_DIR_UPSTREAM,
			.method = PARLEY_EV_BYE,
		};

		if (!call->legs[i].up)
			continue;
		(void)call_request(world, call, &request);
		call->legs[i].up = false;
	}
	call->phase = CALL_OVER;
}

void call_talk(struct world *world, struct call *call)
{
	/* Some calls last until their lifetime is over. */
	if (world->now_ms >= call->hang_up_ms) {
		if (call->number % 2 == 0) {
			hang_up(world, call);
			return;
		}
		call->hang_up_ms = UINT64_MAX;
	}
	if (rng_chance(&world->rng, 500))
		speak(world, call);
	else
		script(world, call);
	call_later(world, call, rng_range(&world->rng, 50, 5000));
}
