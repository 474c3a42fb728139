/* ours.c - the proxy's own actions and notes, and what crossed the wire */
#include <stdio.h>
#include <string.h>

#include "tell.h"

int proxy_find(const struct sim *sim, struct parley_id id)
{
	for (uint32_t i = 0; i < sim->call_count; i++)
		if (sim->proxy[i].tracked && id_equal(sim->proxy[i].id, id))
			return (int)i;
	return -1;
}

/* ------------------------------------------------------------- actions */

static void report(struct sim *sim, enum parley_event_type type,
		   const struct proxy_target *target, uint16_t code, int call)
{
	struct parley_event event = {.type = type,
				     .id = target->id,
				     .leg = target->leg,
				     .dir = target->towards,
				     .ping = target->ping,
				     .code = code};

	tell_host(sim, &event, call);
}

/* The callee whose tag this is, by the texts of ua_tag(). */
static int ua_of_tag(const struct call *call, struct parley_str tag)
{
	for (uint32_t i = 0; i < call->callees; i++) {
		char text[40];

		ua_tag(call, (int)i, text, sizeof(text));
		if (strlen(text) == tag.len &&
		    memcmp(text, tag.s, tag.len) == 0)
			return (int)i;
	}
	return NO_UA;
}

static enum parley_request_kind kind_of(const struct proxy_target *target,
					enum method method)
{
	static const enum parley_request_kind pings[PARLEY_PINGS] = {
		PARLEY_REQUEST_PING, PARLEY_REQUEST_PING_OPTIONS,
		PARLEY_REQUEST_PING_REINVITE};

	if (method == METHOD_ACK)
		return PARLEY_REQUEST_ACK;
	return method == METHOD_OPTIONS ? pings[target->ping]
					: PARLEY_REQUEST_NEXT;
}

/* Its number must not be ahead of what the party in whose name it is sent has
 * used itself, and we have added to it, or that party's next request would be
 * out of order. */
static void ping_check(struct sim *sim, const struct msg *msg,
		       const struct proxy_target *target)
{
	const struct call *call = &sim->calls[msg->call];
	const struct side *side =
		msg->from_callee ? &call->party[NODE_CALLEE + msg->ua].side
				 : &call->caller[msg->ua];
	struct model_dialog *dialog = model_find(&sim->model, target->id);
	uint32_t last =
		side->local_cseq +
		model_leg_number(dialog, target->leg)->shift[msg->from_callee];

	if (msg->cseq > last && !call->tainted)
		sim_fail(sim, "a keep-alive has CSeq %u, its party is at %u",
			 msg->cseq, last);
}

static void send_ours(struct sim *sim, const struct proxy_target *target,
		      enum method method, int call)
{
	struct parley_request request;
	bool down = target->towards == PARLEY_DIR_DOWNSTREAM;
	struct proxy_ours *ours;
	struct msg msg = {.method = method,
			  .ours = true,
			  .from_callee = !down,
			  .src = NODE_PROXY,
			  .leg = target->leg,
			  .ping = target->ping};
	int rc = tell_prepare(sim, target, kind_of(target, method), &request);

	if (rc != 0 || call < 0) {
		if (rc != 0 && target->ping != PARLEY_PING_KA) {
			report(sim, PARLEY_EV_PING_DONE, target, 0, call);
			return;
		}
		/* A world without parties answers at once, or much later. */
		if (method == METHOD_BYE && rng_chance(&sim->rng, 500))
			report(sim, PARLEY_EV_BYE_DONE, target, 200, call);
		if (method == METHOD_OPTIONS && rng_chance(&sim->rng, 500))
			report(sim, PARLEY_EV_PING_DONE, target,
			       rng_chance(&sim->rng, 500) ? 481 : 500, call);
		return;
	}
	msg.call = (uint32_t)call;
	msg.cseq = request.cseq;
	msg.branch = net_branch(sim);
	msg.ua = ua_of_tag(&sim->calls[call],
			   down ? request.remote_tag : request.local_tag);
	if (msg.ua == NO_UA) {
		if (!sim->calls[call].tainted)
			sim_fail(sim, "our request has the tag of nobody");
		return;
	}
	ours = &sim->proxy[call].ours[msg.ua];
	msg.dst = down ? NODE_CALLEE + msg.ua : NODE_CALLER;
	if (method == METHOD_ACK) {
		ours->acks++;
		net_send(sim, &msg);
		return;
	}
	if (method == METHOD_OPTIONS) {
		if (target->ping == PARLEY_PING_KA)
			ping_check(sim, &msg, target);
		net_request(sim, &msg);
		return;
	}
	if (++*(down ? &ours->byes : &ours->byes_up) > 1)
		sim_fail(sim, "a second BYE of ours in one direction");
	net_request(sim, &msg);
}

/* True if the action keeps the reply from the caller. */
static bool action_run(struct sim *sim, const struct parley_actions *actions,
		       const struct parley_action *action, int call)
{
	struct proxy_target target = {actions->id, action->leg, action->dir,
				      action->ping};
	struct parley_event event = {.type = PARLEY_EV_TIMEOUT_ROUTE_DONE,
				     .id = actions->id};

	switch (action->type) {
	case PARLEY_ACT_BYE:
		send_ours(sim, &target, METHOD_BYE, call);
		break;
	case PARLEY_ACT_ACK:
		target.towards = PARLEY_DIR_DOWNSTREAM;
		send_ours(sim, &target, METHOD_ACK, call);
		break;
	case PARLEY_ACT_PING:
		send_ours(sim, &target, METHOD_OPTIONS, call);
		break;
	case PARLEY_ACT_SWALLOW:
		return true;
	case PARLEY_ACT_CANCEL:
		if (call >= 0)
			proxy_cancel(sim, (uint32_t)call);
		break;
	case PARLEY_ACT_REPLY:
		if (call >= 0)
			proxy_reply(sim, (uint32_t)call, action->code);
		break;
	case PARLEY_ACT_TIMEOUT_ROUTE:
		/* The script may be slow, fail, or prolong the call. */
		if (rng_chance(&sim->rng, 200))
			script_prolong(sim, actions->id);
		if (rng_chance(&sim->rng, 800))
			tell_host(sim, &event, call);
		break;
	}
	return false;
}

bool proxy_run(struct sim *sim, const struct parley_actions *actions, int call)
{
	struct parley_actions copy = *actions;
	bool swallow = false;

	/* The notes wait while the actions run: what those feed may be told
	 * first, and must then wait for its turn. */
	if (copy.note.types != 0) {
		if (sim->notes.count == NOTES_MAX)
			notes_deliver_one(sim);
		sim->notes.with_message[sim->notes.count] =
			rng_chance(&sim->rng, 700);
		sim->notes.note[sim->notes.count++] = copy.note;
	}
	for (uint32_t i = 0; i < copy.count; i++)
		swallow |= action_run(sim, &copy, &copy.list[i], call);
	if (rng_chance(&sim->rng, 850) && sim->notes.depth == 0)
		notes_deliver_all(sim);
	return swallow;
}

void proxy_run_slowly(struct sim *sim, const struct parley_actions *actions,
		      uint32_t call)
{
	for (uint32_t i = 0; i < SLOW_MAX && rng_chance(&sim->rng, 300); i++) {
		struct proxy_slow *slow = &sim->slow[i];

		if (slow->used)
			continue;
		slow->used = true;
		slow->actions = *actions;
		slow->call = call;
		proxy_actions_later(sim, call, i, rng_range(&sim->rng, 1, 400));
		return;
	}
	proxy_run(sim, actions, (int)call);
}

void proxy_run_slow(struct sim *sim, uint32_t index)
{
	struct proxy_slow slow = sim->slow[index];

	if (!slow.used) /* it has died in a crash */
		return;
	sim->slow[index].used = false;
	proxy_run(sim, &slow.actions, (int)slow.call);
}

void proxy_ours_done(struct sim *sim, const struct msg *reply)
{
	struct proxy_target target = {
		.id = sim->proxy[reply->call].id,
		.leg = reply->leg,
		.towards = reply->from_callee ? PARLEY_DIR_UPSTREAM
					      : PARLEY_DIR_DOWNSTREAM,
		.ping = reply->ping,
	};

	if (reply->code < 200)
		return;
	if (reply->method == METHOD_BYE)
		report(sim, PARLEY_EV_BYE_DONE, &target, reply->code,
		       (int)reply->call);
	else if (reply->method == METHOD_OPTIONS)
		report(sim, PARLEY_EV_PING_DONE, &target, reply->code,
		       (int)reply->call);
}

/* ------------------------------------------------------------- notes */

bool notes_deliver_one(struct sim *sim)
{
	struct proxy_notes *notes = &sim->notes;
	struct parley_note note;
	bool with_message;
	uint32_t at;

	if (notes->count == 0)
		return false;
	/* Mostly the oldest, sometimes any: processes are not in step. */
	at = rng_chance(&sim->rng, 700) ? 0
					: rng_below(&sim->rng, notes->count);
	note = notes->note[at];
	with_message = notes->with_message[at];
	notes->count--;
	memmove(&notes->note[at], &notes->note[at + 1],
		(notes->count - at) * sizeof(note));
	memmove(&notes->with_message[at], &notes->with_message[at + 1],
		(notes->count - at) * sizeof(bool));
	tell_deliver(sim, &note, with_message ? sim : NULL,
		     rng_chance(&sim->rng, 700));
	return true;
}

void notes_deliver_all(struct sim *sim)
{
	while (notes_deliver_one(sim))
		;
}

/* ------------------------------------------------------------- timers */

void proxy_expire(struct sim *sim)
{
	struct parley_actions actions;
	uint32_t count = 0;

	while (tell_expire(sim, &actions)) {
		int call = proxy_find(sim, actions.id);

		if (++count > 10000)
			sim_fail(sim, "timers fire without end");
		if (call >= 0 && actions.new_state == PARLEY_STATE_DELETED &&
		    actions.old_state != PARLEY_STATE_DELETED)
			sim->proxy[call].forgotten = true;
		proxy_run(sim, &actions, call);
	}
}

/* ------------------------------------------------------------- the wire */

static void ours_check(struct sim *sim, uint32_t index, uint32_t ua)
{
	const struct proxy_ours *ours = &sim->proxy[index].ours[ua];

	/* One that was too late to be swallowed gets its ACK all the same. */
	if (ours->acks < ours->swallowed ||
	    ours->acks > ours->swallowed + ours->passed)
		sim_fail(sim,
			 "call %u: %u 2xx of callee %u swallowed, %u "
			 "ACKs sent",
			 index, ours->swallowed, ua, ours->acks);
	if (ours->swallowed > 0 && ours->byes != 1)
		sim_fail(sim,
			 "call %u: a swallowed 2xx of callee %u got %u "
			 "BYEs",
			 index, ua, ours->byes);
}

void wire_check(struct sim *sim)
{
	for (uint32_t i = 0; i < sim->call_count; i++) {
		const struct call *call = &sim->calls[i];
		const struct proxy_call *proxy = &sim->proxy[i];

		if (call->tainted)
			continue;
		for (uint32_t ua = 0; ua < call->callees; ua++) {
			ours_check(sim, i, ua);
			if (!proxy->ended || proxy->forgotten)
				continue;
			if (call->caller[ua].state == UA_UP &&
			    !(call->overtaken >> ua & 1))
				sim_fail(sim,
					 "call %u was ended; its caller "
					 "is up with callee %u",
					 i, ua);
			if (call->party[NODE_CALLEE + ua].side.state == UA_UP)
				sim_fail(sim,
					 "call %u was ended; its callee "
					 "%u is up",
					 i, ua);
		}
	}
}
