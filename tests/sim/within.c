/* within.c - in-dialog requests through the proxy: match, then commit */
#include <stdio.h>
#include <string.h>

#include "tell.h"

static enum parley_event_type event_of(enum method method)
{
	switch (method) {
	case METHOD_ACK:
		return PARLEY_EV_ACK;
	case METHOD_BYE:
		return PARLEY_EV_BYE;
	case METHOD_PRACK:
		return PARLEY_EV_PRACK;
	case METHOD_UPDATE:
		return PARLEY_EV_UPDATE;
	case METHOD_INVITE:
		return PARLEY_EV_REINVITE;
	case METHOD_CANCEL:
		return PARLEY_EV_CANCEL;
	case METHOD_INFO:
	case METHOD_OPTIONS:
		break;
	}
	return PARLEY_EV_REQUEST;
}

struct relayed *relayed_find(struct proxy_call *proxy, const struct msg *msg)
{
	for (uint32_t i = 0; i < SEEN_BRANCHES; i++)
		if (proxy->relayed[i].branch == msg->branch &&
		    proxy->relayed[i].method == msg->method)
			return &proxy->relayed[i];
	return NULL;
}

struct relayed *relayed_add(struct proxy_call *proxy, const struct msg *msg)
{
	struct relayed *relayed =
		&proxy->relayed[proxy->relayed_next++ % SEEN_BRANCHES];

	memset(relayed, 0, sizeof(*relayed));
	relayed->branch = msg->branch;
	relayed->method = msg->method;
	return relayed;
}

/* Record-routing: the other party of the leg. */
static void relay(struct sim *sim, const struct msg *msg, uint32_t shift)
{
	struct msg copy = *msg;

	copy.shift = shift;
	copy.cseq += shift;

	copy.src = NODE_PROXY;
	copy.dst =
		msg->src == NODE_CALLER ? NODE_CALLEE + msg->ua : NODE_CALLER;
	net_send(sim, &copy);
}

static void refuse(struct sim *sim, const struct msg *msg, uint16_t code)
{
	struct msg reply = *msg;

	reply.reply = true;
	reply.code = code;
	reply.src = NODE_PROXY;
	reply.dst = msg->src;
	net_send(sim, &reply);
}

static int request_match(struct sim *sim, const struct msg *msg,
			 struct parley_match *match)
{
	const struct call *call = &sim->calls[msg->call];
	char tag[40];
	struct parley_query query = {.callid = str_of(call->callid),
				     .method = event_of(msg->method)};

	ua_tag(call, msg->ua, tag, sizeof(tag));
	query.from_tag = str_of(msg->from_callee ? tag : call->from_tag);
	query.to_tag = str_of(msg->from_callee ? call->from_tag : tag);
	if (msg->cookie)
		query.id = sim->proxy[msg->call].id;
	return tell_match(sim, &query, match);
}

/* The second step: what the request changes, then the request goes on. */
static void request_commit(struct sim *sim, const struct msg *msg,
			   const struct parley_match *match)
{
	const struct call *call = &sim->calls[msg->call];
	char tag[40], contact[80];
	struct parley_event event = {.type = event_of(msg->method),
				     .id = match->id,
				     .dir = match->dir,
				     .cseq = msg->cseq,
				     .socket = (void *)&call->party[msg->src]};
	int rc;

	ua_tag(call, msg->ua, tag, sizeof(tag));
	ua_contact(call, msg->src, msg->contact, contact, sizeof(contact));
	event.to_tag = str_of(tag);
	event.contact = str_of(contact);
	event.hold = msg->method != METHOD_ACK && rng_chance(&sim->rng, 700);
	if (rng_chance(&sim->rng, 50))
		event.lifetime_s = rng_range(&sim->rng, 5, 300);
	rc = tell_host_rc(sim, &event, (int)msg->call);
	if (rc == 0 && event.hold)
		proxy_release_later(sim, msg->call,
				    rng_range(&sim->rng, 100, WT_MS));
}

static void request_go(struct sim *sim, const struct msg *msg, int matched,
		       const struct parley_match *match)
{
	struct relayed *relayed = relayed_find(&sim->proxy[msg->call], msg);
	uint32_t shift = 0;

	if (matched == 0) {
		shift = msg->method == METHOD_ACK ? match->invite_shift
						  : match->cseq_shift;
		request_commit(sim, msg, match);
	}
	if (relayed != NULL)
		relayed->shift = shift;
	relay(sim, msg, shift);
}

static void request_suspend(struct sim *sim, const struct msg *msg, int matched,
			    const struct parley_match *match)
{
	for (uint32_t i = 0; i < PENDING_MAX; i++) {
		struct proxy_pending *pending = &sim->pending[i];

		if (pending->used)
			continue;
		pending->used = true;
		pending->msg = *msg;
		pending->matched = matched;
		pending->match = *match;
		proxy_commit_later(sim, msg->call, i,
				   rng_range(&sim->rng, 1, 2000));
		return;
	}
	request_go(sim, msg, matched, match);
}

void proxy_commit(struct sim *sim, uint32_t index)
{
	struct proxy_pending pending = sim->pending[index];

	if (!pending.used) /* it was lost in a crash */
		return;
	sim->pending[index].used = false;
	request_go(sim, &pending.msg, pending.matched, &pending.match);
}

void proxy_within(struct sim *sim, const struct msg *msg)
{
	struct proxy_call *proxy = &sim->proxy[msg->call];
	struct relayed *relayed = relayed_find(proxy, msg);
	struct parley_match match = {0};
	int matched = PARLEY_E_NO_DIALOG;

	/* An ACK for a final reply of 300 or above belongs to the hop. */
	if (msg->hop) {
		relay(sim, msg, 0);
		return;
	}
	/* A repeated request belongs to its transaction; ACK has none. */
	if (relayed != NULL && msg->method != METHOD_ACK) {
		if (relayed->own_code != 0)
			refuse(sim, msg, relayed->own_code);
		else
			relay(sim, msg, relayed->shift);
		return;
	}
	relayed = relayed_add(proxy, msg);
	if (proxy->tracked)
		matched = request_match(sim, msg, &match);
	if (!msg->authorized && msg->method != METHOD_ACK && !sim->quiet &&
	    rng_chance(&sim->rng, 100)) {
		/* Dropped without a trace: nothing is fed. */
		relayed->own_code = 407;
		refuse(sim, msg, 407);
		return;
	}
	if (msg->method != METHOD_ACK && rng_chance(&sim->rng, 40))
		request_suspend(sim, msg, matched, &match);
	else
		request_go(sim, msg, matched, &match);
}

void proxy_within_reply(struct sim *sim, const struct msg *msg)
{
	struct proxy_call *proxy = &sim->proxy[msg->call];
	const struct call *call = &sim->calls[msg->call];
	struct relayed *relayed = relayed_find(proxy, msg);
	struct msg copy = *msg;
	char tag[40], contact[80];
	struct parley_event event = {.type = PARLEY_EV_REPLY_WITHIN,
				     .id = proxy->id,
				     .code = msg->code,
				     .method = event_of(msg->method)};

	ua_tag(call, msg->ua, tag, sizeof(tag));
	ua_contact(call, msg->src, msg->contact, contact, sizeof(contact));
	event.to_tag = str_of(tag);
	event.contact = str_of(contact);
	event.socket = (void *)&call->party[msg->src];
	event.dir =
		msg->from_callee ? PARLEY_DIR_UPSTREAM : PARLEY_DIR_DOWNSTREAM;
	copy.src = NODE_PROXY;
	copy.dst = msg->from_callee ? NODE_CALLEE + msg->ua : NODE_CALLER;
	copy.cseq -= msg->shift;
	copy.shift = 0;
	if (proxy->tracked && relayed != NULL && relayed->own_code == 0 &&
	    relayed->reply_code != msg->code) {
		relayed->reply_code = msg->code;
		tell_host(sim, &event, (int)msg->call);
	}
	net_send(sim, &copy);
}
