/* agree.c - whether all nodes say the same, and it is right */
#include <stdio.h>
#include <string.h>

#include "cluster.h"

/* An image that is on its way is as old as its way was long. */
static uint64_t slack_ms(const struct world *world)
{
	return 4 * (uint64_t)world->delay_ms + 1000;
}

/* One call as two nodes have it. */
struct pair {
	struct world *world;
	const struct call *call;
	const struct server *a, *b;
};

static void number(const struct pair *pair, const char *what, uint64_t a,
		   uint64_t b)
{
	if (a != b)
		world_fail(pair->world,
			   "%s: %s is %llu on node %u, %llu on node %u",
			   pair->call->callid, what, (unsigned long long)a,
			   pair->a->index, (unsigned long long)b,
			   pair->b->index);
}

static void words(const struct pair *pair, const char *what,
		  struct parley_str a, struct parley_str b)
{
	if (!text_equal(a, b))
		world_fail(pair->world,
			   "%s: %s is \"%.*s\" on node %u, \"%.*s\" on node "
			   "%u",
			   pair->call->callid, what, (int)a.len, a.s,
			   pair->a->index, (int)b.len, b.s, pair->b->index);
}

static void about(const struct pair *pair, const char *what, uint64_t a,
		  uint64_t b)
{
	uint64_t more = a > b ? a - b : b - a;

	if ((a == UINT64_MAX) != (b == UINT64_MAX) ||
	    more > slack_ms(pair->world))
		number(pair, what, a, b);
}

/* ------------------------------------------------ one call, two nodes */

static void party(const struct pair *pair, const struct parley_leg_view *a,
		  const struct parley_leg_view *b)
{
	words(pair, "a tag", a->tag, b->tag);
	words(pair, "a contact", a->contact, b->contact);
	words(pair, "a route set", a->route_set, b->route_set);
	number(pair, "a socket", a->socket != NULL, b->socket != NULL);
	number(pair, "the state of a leg", a->state, b->state);
	number(pair, "the number of a leg", a->number, b->number);
	number(pair, "cseq", a->cseq, b->cseq);
	number(pair, "caller_cseq", a->caller_cseq, b->caller_cseq);
	number(pair, "invite_cseq", a->invite_cseq, b->invite_cseq);
	number(pair, "caller_shift", a->caller_shift, b->caller_shift);
	number(pair, "callee_shift", a->callee_shift, b->callee_shift);
	number(pair, "caller_invite_shift", a->caller_invite_shift,
	       b->caller_invite_shift);
	number(pair, "callee_invite_shift", a->callee_invite_shift,
	       b->callee_invite_shift);
}

static void lists(const struct pair *pair, const struct parley_view *a,
		  const struct parley_view *b)
{
	number(pair, "the count of legs", a->leg_count, b->leg_count);
	number(pair, "the count of variables", a->var_count, b->var_count);
	number(pair, "the count of profiles", a->profile_count,
	       b->profile_count);
	for (uint32_t i = 0; i < a->leg_count; i++)
		party(pair, &a->legs[i], &b->legs[i]);
	for (uint32_t i = 0; i < a->var_count; i++) {
		words(pair, "a variable's name", a->vars[i].key,
		      b->vars[i].key);
		words(pair, "a variable", a->vars[i].value, b->vars[i].value);
	}
	for (uint32_t i = 0; i < a->profile_count; i++) {
		number(pair, "a profile", (uint64_t)a->profiles[i].profile,
		       (uint64_t)b->profiles[i].profile);
		words(pair, "a profile's value", a->profiles[i].value,
		      b->profiles[i].value);
	}
}

static struct parley_str owner_of(const struct server *server,
				  const struct parley_view *view)
{
	if (view->owner.len > 0)
		return view->owner;
	return (struct parley_str){server->name,
				   (uint32_t)strlen(server->name)};
}

static void images(const struct pair *pair, const struct parley_image *a,
		   const struct parley_image *b)
{
	const struct parley_view *one = &a->view, *other = &b->view;

	number(pair, "the state", one->state, other->state);
	words(pair, "the owner", owner_of(pair->a, one),
	      owner_of(pair->b, other));
	number(pair, "epoch", a->epoch, b->epoch);
	number(pair, "flags", one->flags, other->flags);
	number(pair, "options", one->options, other->options);
	words(pair, "callid", one->callid, other->callid);
	words(pair, "from_uri", one->from_uri, other->from_uri);
	words(pair, "to_uri", one->to_uri, other->to_uri);
	words(pair, "req_uri", one->req_uri, other->req_uri);
	words(pair, "timeout_route", one->timeout_route_name,
	      other->timeout_route_name);
	number(pair, "lifetime", one->lifetime_s, other->lifetime_s);
	number(pair, "init_s", one->init_s, other->init_s);
	number(pair, "start_s", one->start_s, other->start_s);
	number(pair, "invite_cseq", a->invite_cseq, b->invite_cseq);
	number(pair, "invite_shift", a->invite_shift, b->invite_shift);
	number(pair, "ending", one->ending, other->ending);
	lists(pair, one, other);
	party(pair, &one->caller, &other->caller);
	/* Being ended it has none on the owner; a copy waits a little. */
	if (one->ending)
		return;
	about(pair, "the rest of its life", a->lifetime_left_ms,
	      b->lifetime_left_ms);
	about(pair, "the rest of its state", a->state_left_ms,
	      b->state_left_ms);
}

/* ------------------------------------------------ what was done */

static struct parley_str var_of(const struct parley_view *view, const char *key)
{
	for (uint32_t i = 0; i < view->var_count; i++)
		if (text_is(view->vars[i].key, key))
			return view->vars[i].value;
	return (struct parley_str){0};
}

static void done(struct world *world, const struct call *call,
		 const struct parley_view *view)
{
	if (view->flags != call->flags)
		world_fail(world, "%s: flags are %x, should be %x",
			   call->callid, view->flags, call->flags);
	if (view->profile_count != call->in_red)
		world_fail(world, "%s: is in %u profiles, should be in %u",
			   call->callid, view->profile_count, call->in_red);
	for (uint32_t i = 0; i < CALL_VARS; i++) {
		char key[8];

		snprintf(key, sizeof(key), "k%u", i);
		if (!text_is(var_of(view, key), call->vars[i]))
			world_fail(world, "%s: %s is not \"%s\"", call->callid,
				   key, call->vars[i]);
	}
}

static bool is_up(const struct server *server, const struct call *call,
		  struct parley_image *image)
{
	return server_image(server, call->id, image) &&
	       image->view.state != PARLEY_STATE_DELETED;
}

static void call_check(struct world *world, const struct call *call)
{
	struct parley_image first, image;
	uint32_t owners = 0;
	bool up = is_up(&world->servers[0], call, &first);

	for (uint32_t i = 0; i < world->server_count; i++) {
		const struct server *server = &world->servers[i];
		const struct pair pair = {world, call, &world->servers[0],
					  server};

		if (is_up(server, call, &image) != up)
			world_fail(world, "%s is up on node %u only",
				   call->callid, up ? 0 : i);
		if (!up)
			continue;
		images(&pair, &first, &image);
		owners += !image.view.replica;
	}
	if (!up)
		return;
	if (owners != 1)
		world_fail(world, "%s has %u owners", call->callid, owners);
	world->agreed++;
	if (!call->clash &&
	    (world->kind == CLUSTER_TWO || world->kind == CLUSTER_THREE))
		done(world, call, &first.view);
}

static void sizes_check(struct world *world)
{
	const struct parley_str x = {"x", 1};
	uint32_t first = 0, size = 0;

	for (uint32_t i = 0; i < world->server_count; i++) {
		if (parley_profile_size(world->servers[i].engine, 0, x,
					&size) != 0)
			world_fail(world, "a profile has no size");
		if (i == 0)
			first = size;
		if (size != first)
			world_fail(world,
				   "a profile has %u members on node 0, %u "
				   "on node %u",
				   first, size, i);
	}
}

void agree_check(struct world *world)
{
	for (uint32_t i = 0; i < world->call_count; i++)
		if (world->calls[i].made)
			call_check(world, &world->calls[i]);
	sizes_check(world);
}

void ends_check(struct world *world)
{
	for (uint32_t i = 0; i < world->call_count; i++) {
		const struct call *call = &world->calls[i];

		if (!call->made)
			continue;
		if (call->end_count == 0 && !call->lost)
			world_fail(world, "%s has no end", call->callid);
		if (call->end_count > 1 && !call->excused)
			world_fail(world, "%s has %u ends", call->callid,
				   call->end_count);
	}
}
