/* ua.c - caller and callees (ua.h) */
#include <stdio.h>
#include <string.h>

#include "sim.h"

/* ------------------------------------------------------------- texts */

void ua_tag(const struct call *call, int ua, char *buffer, uint32_t size)
{
	if (ua == NO_UA)
		buffer[0] = 0;
	else
		snprintf(buffer, size, "t%u-%d.callee", call->index, ua);
}

void ua_contact(const struct call *call, int node, uint32_t version,
		char *buffer, uint32_t size)
{
	if (version == 0)
		buffer[0] = 0;
	else
		snprintf(buffer, size, "sip:n%d@c%u.example;v=%u%s", node,
			 call->index, version,
			 version % 3 == 0 ? ";transport=tcp" : "");
}

void ua_route_set(const struct call *call, int node, char *buffer,
		  uint32_t size)
{
	if ((call->index + (uint32_t)node) % 3 == 0)
		buffer[0] = 0;
	else
		snprintf(buffer, size, "<sip:r%d.example;lr>,<sip:s%u;lr>",
			 node, call->index);
}

bool call_up(const struct call *call)
{
	for (uint32_t i = 0; i < call->callees; i++)
		if (call->caller[i].state == UA_UP ||
		    call->party[NODE_CALLEE + i].side.state == UA_UP)
			return true;
	return false;
}

/* ------------------------------------------------------------- helpers */

static void act_after(struct sim *sim, const struct call *call, int node,
		      uint32_t after_ms, uint32_t what)
{
	struct item item = {.kind = ITEM_UA,
			    .call = call->index,
			    .node = node,
			    .what = what & 0xff,
			    .arg = what >> 8};

	net_timer(sim, after_ms, &item);
}

static uint32_t act_on(enum ua_act act, uint32_t ua)
{
	return (uint32_t)act | ua << 8;
}

static int callee_of(const struct msg *msg, int node)
{
	return node == NODE_CALLER ? msg->ua : node - NODE_CALLEE;
}

/* The dialog of @node that a message with To-tag @ua belongs to. */
static struct side *side_find(struct call *call, int node, int ua)
{
	if (ua == NO_UA || (uint32_t)ua >= call->callees)
		return NULL;
	if (node == NODE_CALLER)
		return &call->caller[ua];
	return &call->party[node].side;
}

static void side_end(struct side *side)
{
	side->state = UA_OVER;
}

/* Some contact version: sometimes a new one (RFC 3261 12.2.1.1). */
static uint32_t contact_now(struct sim *sim, struct call *call, int node)
{
	if (rng_chance(&sim->rng, 300))
		call->party[node].contact++;
	return call->party[node].contact;
}

static void request_send(struct sim *sim, struct call *call, int node,
			 struct msg *msg)
{
	struct side *side = side_find(call, node, msg->ua);

	msg->call = call->index;
	msg->src = node;
	msg->dst = NODE_PROXY;
	msg->from_callee = node != NODE_CALLER;
	msg->branch = net_branch(sim);
	msg->cookie = !call->plan.no_cookie;
	if (msg->method != METHOD_ACK)
		msg->cseq = ++side->local_cseq;
	if (msg->method == METHOD_INVITE || msg->method == METHOD_UPDATE)
		msg->contact = contact_now(sim, call, node);
	if (msg->method == METHOD_ACK)
		net_send(sim, msg);
	else
		net_request(sim, msg);
}

static void bye_send(struct sim *sim, struct call *call, int node, int ua)
{
	struct side *side = side_find(call, node, ua);
	struct msg msg = {.method = METHOD_BYE, .ua = ua};

	if (side->said_bye)
		return;
	side->said_bye = true;
	side_end(side);
	request_send(sim, call, node, &msg);
}

static struct seen *seen_find(struct party *party, const struct msg *msg)
{
	for (uint32_t i = 0; i < SEEN_MAX; i++)
		if (party->seen[i].branch == msg->branch &&
		    party->seen[i].method == msg->method)
			return &party->seen[i];
	return NULL;
}

static void reply_send(struct sim *sim, struct call *call,
		       const struct msg *request, uint16_t code)
{
	struct party *party = &call->party[request->dst];
	struct seen *seen = seen_find(party, request);
	struct msg reply = *request;

	reply.reply = true;
	reply.code = code;
	reply.src = request->dst;
	reply.dst = request->src == NODE_PROXY || !request->ours ? NODE_PROXY
								 : request->src;
	reply.contact = 0;
	if (request->method == METHOD_INVITE ||
	    request->method == METHOD_UPDATE)
		reply.contact = contact_now(sim, call, request->dst);
	if (seen == NULL) {
		seen = &party->seen[party->seen_next++ % SEEN_MAX];
		seen->branch = request->branch;
		seen->method = request->method;
	}
	seen->reply = reply;
	net_send(sim, &reply);
}

/* ------------------------------------------------------------- caller */

static void caller_start(struct sim *sim, struct call *call)
{
	struct msg msg = {.method = METHOD_INVITE,
			  .initial = true,
			  .ua = NO_UA,
			  .call = call->index,
			  .src = NODE_CALLER,
			  .dst = NODE_PROXY};

	call->invite_branch = msg.branch = net_branch(sim);
	msg.cseq = call->invite_cseq;
	msg.contact = call->party[NODE_CALLER].contact;
	net_request(sim, &msg);
	if (call->plan.cancel_ms > 0)
		act_after(sim, call, NODE_CALLER, call->plan.cancel_ms,
			  ACT_CANCEL);
	/* Nobody lets it ring for ever. */
	act_after(sim, call, NODE_CALLER, 400000, ACT_CANCEL);
}

static void caller_cancel(struct sim *sim, struct call *call)
{
	struct msg msg = {.method = METHOD_CANCEL,
			  .initial = true,
			  .ua = NO_UA,
			  .call = call->index,
			  .src = NODE_CALLER,
			  .dst = NODE_PROXY};

	if (call->caller_final || call->caller_cancelled)
		return;
	call->caller_cancelled = true;
	msg.branch = call->invite_branch;
	msg.cseq = call->invite_cseq;
	net_request(sim, &msg);
}

static void caller_ack(struct sim *sim, struct call *call, int ua)
{
	struct msg msg = {.method = METHOD_ACK, .ua = ua};

	if (call->plan.never_ack)
		return;
	msg.cseq = call->invite_cseq;
	request_send(sim, call, NODE_CALLER, &msg);
}

static void caller_answered(struct sim *sim, struct call *call, int ua)
{
	struct side *side = &call->caller[ua];
	bool first = !call->caller_final;

	if (side->state == UA_UP || side->acked) {
		/* A repeated 2xx gets its ACK again (RFC 3261 13.2.2.4). */
		caller_ack(sim, call, ua);
		return;
	}
	if (side->state == UA_OVER)
		return;
	call->caller_final = true;
	side->state = UA_UP;
	side->acked = true;
	caller_ack(sim, call, ua);
	if ((!first && !call->plan.keep_all) || call->caller_cancelled) {
		act_after(sim, call, NODE_CALLER, rng_below(&sim->rng, 50),
			  act_on(ACT_HANGUP, (uint32_t)ua));
		return;
	}
	for (uint32_t i = 0; i < call->plan.requests; i++)
		act_after(sim, call, NODE_CALLER, rng_below(&sim->rng, 20000),
			  act_on(ACT_REQUEST, (uint32_t)ua));
	if (call->plan.hangup_ms > 0)
		act_after(sim, call, NODE_CALLER, call->plan.hangup_ms,
			  act_on(ACT_HANGUP, (uint32_t)ua));
}

static void caller_reply(struct sim *sim, struct call *call,
			 const struct msg *msg)
{
	struct side *side = side_find(call, NODE_CALLER, msg->ua);
	struct msg ack = {.method = METHOD_ACK, .hop = true, .initial = true};

	if (msg->code < 200) {
		if (side != NULL && side->state == UA_IDLE) {
			side->state = UA_RINGING;
			side->local_cseq = call->invite_cseq;
			if (rng_chance(&sim->rng, 300))
				act_after(sim, call, NODE_CALLER,
					  rng_below(&sim->rng, 3000),
					  act_on(ACT_ADVANCED,
						 (uint32_t)msg->ua));
		}
		return;
	}
	if (msg->code < 300) {
		/* RFC 3261 17.1.1.2: the transaction has its final reply. */
		if (side == NULL || call->caller_failed)
			return;
		if (side->state == UA_IDLE)
			side->local_cseq = call->invite_cseq;
		caller_answered(sim, call, msg->ua);
		return;
	}
	ack.ua = msg->ua;
	ack.call = call->index;
	ack.src = NODE_CALLER;
	ack.dst = NODE_PROXY;
	ack.branch = msg->branch;
	ack.cseq = msg->cseq;
	if (!call->caller_final)
		call->caller_failed = true;
	call->caller_final = true;
	for (uint32_t i = 0; i < call->callees; i++)
		if (call->caller[i].state == UA_RINGING)
			side_end(&call->caller[i]);
	if (msg->code != 408 || msg->src == NODE_PROXY)
		net_send(sim, &ack);
}

/* ------------------------------------------------------------- callee */

static void callee_final(struct sim *sim, struct call *call, int node,
			 uint16_t code)
{
	struct party *party = &call->party[node];
	struct msg reply = party->invite;

	if (party->final.code != 0 || party->invite.method == 0)
		return;
	reply.reply = true;
	reply.code = code;
	reply.src = node;
	reply.dst = NODE_PROXY;
	reply.ua = node - NODE_CALLEE;
	reply.contact = code < 300 ? party->contact : 0;
	party->final = reply;
	party->final_ms = sim->now_ms;
	party->repeat_ms = T1_MS;
	party->side.state = code < 300 ? UA_UP : UA_OVER;
	net_send(sim, &reply);
	act_after(sim, call, node, party->repeat_ms, ACT_REPEAT);
	if (code < 300 && call->plan.callee[node - NODE_CALLEE].early_bye)
		act_after(sim, call, node, 1 + rng_below(&sim->rng, 300),
			  act_on(ACT_HANGUP, (uint32_t)reply.ua));
}

/* The 2xx again until the ACK (RFC 3261 13.3.1.4), other finals likewise. */
static void callee_repeat(struct sim *sim, struct call *call, int node)
{
	struct party *party = &call->party[node];

	if (party->final_acked || party->final.code == 0)
		return;
	if (party->final.code < 300 && party->side.state != UA_UP)
		return;
	if (sim->now_ms - party->final_ms >= TIMEOUT_MS) {
		party->final_acked = true;
		if (party->final.code < 300)
			bye_send(sim, call, node, node - NODE_CALLEE);
		return;
	}
	cover_step(sim, call->index, FORK_AGAIN);
	net_send(sim, &party->final);
	party->repeat_ms *= 2;
	if (party->repeat_ms > T2_MS)
		party->repeat_ms = T2_MS;
	act_after(sim, call, node, party->repeat_ms, ACT_REPEAT);
}

static void callee_ring(struct sim *sim, struct call *call, int node)
{
	struct party *party = &call->party[node];
	struct msg reply = party->invite;

	if (party->final.code != 0)
		return;
	reply.reply = true;
	reply.code = rng_chance(&sim->rng, 500) ? 180 : 183;
	reply.src = node;
	reply.dst = NODE_PROXY;
	reply.ua = node - NODE_CALLEE;
	reply.contact = rng_chance(&sim->rng, 700) ? party->contact : 0;
	if (call->plan.callee[node - NODE_CALLEE].bare)
		reply.ua = NO_UA;
	net_send(sim, &reply);
}

static void callee_invite(struct sim *sim, struct call *call,
			  const struct msg *msg)
{
	struct party *party = &call->party[msg->dst];
	const struct callee_plan *plan =
		&call->plan.callee[msg->dst - NODE_CALLEE];
	struct msg trying = *msg;

	trying.reply = true;
	trying.code = 100;
	trying.src = msg->dst;
	trying.dst = NODE_PROXY;
	if (party->side.state != UA_IDLE) {
		net_send(sim, party->final.code != 0 ? &party->final : &trying);
		return;
	}
	party->invite = *msg;
	party->side.state = UA_RINGING;
	party->side.remote_cseq = msg->cseq;
	party->side.local_cseq = rng_below(&sim->rng, 3) * 50;
	if (rng_chance(&sim->rng, 500))
		net_send(sim, &trying);
	for (uint32_t i = 0; i < plan->rings; i++)
		act_after(sim, call, msg->dst, plan->ring_ms * (i + 1),
			  ACT_RING);
	if (plan->code != 0)
		act_after(sim, call, msg->dst, plan->answer_ms,
			  plan->code < 300 ? ACT_ANSWER : ACT_REJECT);
}

static void callee_cancel(struct sim *sim, struct call *call,
			  const struct msg *msg)
{
	struct party *party = &call->party[msg->dst];

	reply_send(sim, call, msg, party->invite.method != 0 ? 200 : 481);
	if (party->side.state == UA_RINGING)
		callee_final(sim, call, msg->dst, 487);
}

static void callee_ack(struct sim *sim, struct call *call,
		       const struct msg *msg)
{
	struct party *party = &call->party[msg->dst];
	bool first = !party->final_acked;

	/* That of a re-INVITE is nobody's business here. */
	if (party->final.code == 0 || msg->cseq != party->final.cseq)
		return;
	party->final_acked = true;
	if (!first || party->side.state != UA_UP)
		return;
	party->side.acked = true;
	for (uint32_t i = 0; i < call->plan.requests; i++)
		act_after(sim, call, msg->dst, rng_below(&sim->rng, 20000),
			  act_on(ACT_REQUEST,
				 (uint32_t)(msg->dst - NODE_CALLEE)));
	if (call->plan.callee_hangup_ms > 0)
		act_after(
			sim, call, msg->dst, call->plan.callee_hangup_ms,
			act_on(ACT_HANGUP, (uint32_t)(msg->dst - NODE_CALLEE)));
}

/* ------------------------------------------------------------- both */

static void within_request(struct sim *sim, struct call *call,
			   const struct msg *msg)
{
	struct party *party = &call->party[msg->dst];
	struct side *side = side_find(call, msg->dst, callee_of(msg, msg->dst));
	struct seen *seen = seen_find(party, msg);

	if (seen != NULL) {
		net_send(sim, &seen->reply);
		return;
	}
	/* A BYE also ends an early dialog at its callee (RFC 3261 15). To a
	 * caller who has not got the 2xx the dialog does not exist yet. */
	if (side == NULL || side->state == UA_OVER || side->state == UA_IDLE ||
	    (side->state == UA_RINGING && msg->method == METHOD_BYE &&
	     msg->dst == NODE_CALLER)) {
		/* RFC 3261 15 forbids callees to send it before the ACK. Who
		 * does so leaves the caller behind, and nobody can tell. */
		if (msg->method == METHOD_BYE && !msg->ours &&
		    msg->dst == NODE_CALLER && side != NULL &&
		    side->state != UA_OVER)
			call->overtaken |= 1u << (uint32_t)msg->ua;
		reply_send(sim, call, msg, 481);
		return;
	}
	if (msg->method == METHOD_BYE) {
		bool ringing = side->state == UA_RINGING;

		reply_send(sim, call, msg, 200);
		if (ringing)
			callee_final(sim, call, msg->dst, 487);
		side_end(side);
		return;
	}
	if (msg->cseq < side->remote_cseq) {
		reply_send(sim, call, msg, 500);
		return;
	}
	side->remote_cseq = msg->cseq;
	reply_send(sim, call, msg, rng_chance(&sim->rng, 50) ? 488 : 200);
}

static void within_reply(struct sim *sim, struct call *call,
			 const struct msg *msg)
{
	struct side *side = side_find(call, msg->dst, msg->ua);
	struct msg next = {
		.method = msg->method, .ua = msg->ua, .authorized = true};

	if (side == NULL || msg->code < 200)
		return;
	if (msg->code == 407 && !msg->authorized && side->state != UA_OVER) {
		request_send(sim, call, msg->dst, &next);
		return;
	}
	if (msg->code == 407 && msg->method == METHOD_BYE) {
		request_send(sim, call, msg->dst, &next);
		return;
	}
	if (msg->method == METHOD_INVITE) {
		next.method = METHOD_ACK;
		next.cseq = msg->cseq;
		next.hop = msg->code >= 300;
		if (msg->code < 300 || msg->src == NODE_PROXY)
			request_send(sim, call, msg->dst, &next);
	}
	/* RFC 3261 12.2.1.2: these replies end the dialog, too. */
	if ((msg->code == 481 || msg->code == 408) && side->state == UA_UP)
		bye_send(sim, call, msg->dst, msg->ua);
}

void ua_message(struct sim *sim, const struct msg *msg)
{
	struct call *call = &sim->calls[msg->call];

	if (msg->reply) {
		if (msg->initial && msg->method == METHOD_INVITE &&
		    msg->dst == NODE_CALLER)
			caller_reply(sim, call, msg);
		else if (!msg->initial)
			within_reply(sim, call, msg);
		return;
	}
	if (msg->initial && msg->method == METHOD_INVITE)
		callee_invite(sim, call, msg);
	else if (msg->method == METHOD_CANCEL)
		callee_cancel(sim, call, msg);
	else if (msg->method == METHOD_ACK && msg->dst != NODE_CALLER)
		callee_ack(sim, call, msg);
	else if (msg->method != METHOD_ACK)
		within_request(sim, call, msg);
}

static void request_random(struct sim *sim, struct call *call, int node, int ua)
{
	static const enum method methods[] = {METHOD_INVITE, METHOD_UPDATE,
					      METHOD_INFO};
	struct side *side = side_find(call, node, ua);
	struct msg msg = {.ua = ua};

	if (side == NULL || side->state != UA_UP || sim->quiet)
		return;
	msg.method = methods[rng_below(&sim->rng, 3)];
	request_send(sim, call, node, &msg);
}

static void request_early(struct sim *sim, struct call *call, int ua)
{
	struct side *side = &call->caller[ua];
	struct msg msg = {.ua = ua};

	if (side->state != UA_RINGING || sim->quiet)
		return;
	msg.method = METHOD_PRACK;
	if (rng_chance(&sim->rng, 300))
		msg.method = METHOD_UPDATE;
	/* RFC 3261 15: a caller may end an early dialog by BYE. */
	if (rng_chance(&sim->rng, 100)) {
		bye_send(sim, call, NODE_CALLER, ua);
		return;
	}
	request_send(sim, call, NODE_CALLER, &msg);
}

void ua_timer(struct sim *sim, const struct item *item)
{
	struct call *call = &sim->calls[item->call];
	int ua = (int)item->arg;
	struct side *side;

	switch ((enum ua_act)item->what) {
	case ACT_CALL:
		caller_start(sim, call);
		break;
	case ACT_CANCEL:
		caller_cancel(sim, call);
		break;
	case ACT_RING:
		callee_ring(sim, call, item->node);
		break;
	case ACT_ANSWER:
		callee_final(sim, call, item->node, 200);
		break;
	case ACT_REJECT:
		callee_final(sim, call, item->node,
			     call->plan.callee[item->node - NODE_CALLEE].code);
		break;
	case ACT_REPEAT:
		callee_repeat(sim, call, item->node);
		break;
	case ACT_REQUEST:
		request_random(sim, call, item->node, ua);
		break;
	case ACT_HANGUP:
		side = side_find(call, item->node, ua);
		if (side->state == UA_UP)
			bye_send(sim, call, item->node, ua);
		break;
	case ACT_ADVANCED:
		request_early(sim, call, ua);
		break;
	}
}
