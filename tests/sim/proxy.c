/* proxy.c - the initial INVITE through the simulated proxy (proxy.h) */
#include <stdio.h>
#include <string.h>

#include "sim.h"
#include "tell.h"

enum proxy_what {
	PROXY_REPEAT = 1, /* a final reply until its ACK */
	PROXY_WAIT_OVER,  /* the INVITE's transaction goes */
	PROXY_FR_INV,	  /* no final reply */
	PROXY_COMMIT,	  /* a suspended request goes on */
	PROXY_RELEASE,	  /* an in-dialog transaction is gone */
	PROXY_ACTIONS,	  /* a slow process runs its actions */
};

static void timer_after(struct sim *sim, uint32_t call, uint32_t after_ms,
			uint32_t what)
{
	struct item item = {.kind = ITEM_PROXY, .call = call, .what = what};

	net_timer(sim, after_ms, &item);
}

/* ------------------------------------------------------------- upstream */

static void reply_upstream(struct sim *sim, struct proxy_call *proxy,
			   uint16_t code, int ua, uint32_t contact)
{
	struct msg reply = proxy->invite;

	reply.reply = true;
	reply.code = code;
	reply.src = NODE_PROXY;
	reply.dst = NODE_CALLER;
	reply.ua = ua;
	reply.contact = contact;
	net_send(sim, &reply);
	if (code < 200 || code >= 300)
		proxy->last = reply;
	if (code < 200)
		return;
	if (!proxy->final_sent) {
		proxy->final_ms = sim->now_ms;
		timer_after(sim, reply.call, WT_MS, PROXY_WAIT_OVER);
		if (code >= 300) {
			proxy->repeat_ms = T1_MS;
			timer_after(sim, reply.call, T1_MS, PROXY_REPEAT);
		}
	}
	proxy->final_sent = true;
}

/* Timer G of RFC 3261 17.2.1. */
static void reply_repeat(struct sim *sim, uint32_t index)
{
	struct proxy_call *proxy = &sim->proxy[index];

	if (proxy->final_acked || sim->now_ms - proxy->final_ms >= TIMEOUT_MS)
		return;
	net_send(sim, &proxy->last);
	proxy->repeat_ms *= 2;
	if (proxy->repeat_ms > T2_MS)
		proxy->repeat_ms = T2_MS;
	timer_after(sim, index, proxy->repeat_ms, PROXY_REPEAT);
}

/* ------------------------------------------------------------- branches */

static struct proxy_branch *branch_find(struct sim *sim, uint32_t call,
					uint32_t via)
{
	for (uint32_t i = 0; i < sim->calls[call].plan.branches; i++)
		if (sim->proxy[call].branch[i].via == via)
			return &sim->proxy[call].branch[i];
	return NULL;
}

static uint32_t branch_number(const struct sim *sim, uint32_t call,
			      const struct proxy_branch *branch)
{
	return (uint32_t)(branch - sim->proxy[call].branch);
}

static void branch_send(struct sim *sim, uint32_t index, uint32_t number,
			enum method method)
{
	struct call *call = &sim->calls[index];
	struct proxy_branch *branch = &sim->proxy[index].branch[number];
	struct msg msg = sim->proxy[index].invite;

	msg.method = method;
	msg.src = NODE_PROXY;
	msg.branch = branch->via;
	for (uint32_t i = 0; i < call->callees; i++) {
		if (call->plan.behind[i] != number)
			continue;
		msg.dst = NODE_CALLEE + (int)i;
		/* Behind a fork each copy has a transaction of its own; here
		 * they share one, so only the first is sent again. */
		if (i == 0 || call->plan.behind[i - 1] != number ||
		    method == METHOD_CANCEL)
			net_request(sim, &msg);
		else
			net_send(sim, &msg);
	}
}

/* RFC 3261 9.1: only after the first provisional reply. */
static void branch_cancel(struct sim *sim, uint32_t index, uint32_t number)
{
	struct proxy_branch *branch = &sim->proxy[index].branch[number];

	branch->cancel_wanted = true;
	if (branch->state != BRANCH_PROCEEDING || branch->cancel_sent)
		return;
	branch->cancel_sent = true;
	branch_send(sim, index, number, METHOD_CANCEL);
}

static void branches_cancel(struct sim *sim, uint32_t index)
{
	for (uint32_t i = 0; i < sim->calls[index].plan.branches; i++)
		if (sim->proxy[index].branch[i].state <= BRANCH_PROCEEDING)
			branch_cancel(sim, index, i);
}

/* All branches have failed: the best reply goes upstream (RFC 3261 16.7). */
static void invite_failed(struct sim *sim, uint32_t index)
{
	struct proxy_call *proxy = &sim->proxy[index];
	uint16_t code = 699;
	int ua = NO_UA;

	for (uint32_t i = 0; i < sim->calls[index].plan.branches; i++) {
		if (proxy->branch[i].state != BRANCH_FAILED)
			return;
		if (proxy->branch[i].code >= 600 && code < 600) {
			code = 699;
			ua = NO_UA;
		}
		if (proxy->branch[i].code < code) {
			code = proxy->branch[i].code;
			ua = proxy->branch[i].failed_ua;
		}
	}
	if (proxy->final_sent)
		return;
	if (proxy->tracked) {
		struct parley_event event = {.type = PARLEY_EV_REPLY_FAIL,
					     .id = proxy->id,
					     .code = code,
					     .reason = str_of("no luck")};

		tell_host(sim, &event, (int)index);
	}
	reply_upstream(sim, proxy, code, ua, 0);
}

/* Whatever becomes of the reply: the branch is over. */
static void branch_over(struct sim *sim, uint32_t index,
			const struct proxy_branch *branch, int ua)
{
	const struct proxy_call *proxy = &sim->proxy[index];
	struct parley_event event = {
		.type = PARLEY_EV_BRANCH_FAILED,
		.id = proxy->id,
		.branch = (uint8_t)(branch_number(sim, index, branch) + 1),
	};
	char tag[40];

	ua_tag(&sim->calls[index], ua, tag, sizeof(tag));
	event.to_tag = str_of(tag);
	if (proxy->tracked && proxy->alive)
		tell_host(sim, &event, (int)index);
}

static void branch_failed(struct sim *sim, uint32_t index,
			  struct proxy_branch *branch, uint16_t code)
{
	/* Nobody is told of a branch that has timed out, but may see it. */
	if (code != 408 || rng_chance(&sim->rng, 500))
		branch_over(sim, index, branch,
			    code == 408 ? NO_UA : branch->failed_ua);
	branch->state = BRANCH_FAILED;
	branch->code = code;
	if (code >= 600)
		branches_cancel(sim, index);
	invite_failed(sim, index);
}

/* ------------------------------------------------------------- replies */

static void hop_ack(struct sim *sim, const struct msg *reply)
{
	struct msg ack = *reply;

	ack.reply = false;
	ack.method = METHOD_ACK;
	ack.hop = true;
	ack.src = NODE_PROXY;
	ack.dst = reply->src;
	net_send(sim, &ack);
}

/* Somebody ends the call at the very moment. */
static void end_at_once(struct sim *sim, uint32_t index)
{
	if (!sim->quiet && rng_chance(&sim->rng, 40))
		proxy_terminate(sim, index, PARLEY_SIDE_ALL, 480);
}

static bool reply_feed(struct sim *sim, const struct msg *msg,
		       enum parley_event_type type, uint8_t branch)
{
	struct proxy_call *proxy = &sim->proxy[msg->call];
	const struct call *call = &sim->calls[msg->call];
	const struct model_dialog *dialog = model_find(&sim->model, proxy->id);
	char tag[40], contact[80], route_set[80];
	struct parley_event event = {.type = type,
				     .id = proxy->id,
				     .code = msg->code,
				     .branch = branch,
				     .cseq = msg->cseq};

	if (!proxy->tracked)
		return false;
	ua_tag(call, msg->ua, tag, sizeof(tag));
	ua_contact(call, msg->src, msg->contact, contact, sizeof(contact));
	ua_route_set(call, msg->src, route_set, sizeof(route_set));
	event.to_tag = str_of(tag);
	event.contact = str_of(contact);
	event.route_set = str_of(route_set);
	event.socket = &sim->calls[msg->call].party[msg->src];
	/* Too late only if the end was decided while the reply was on its way
	 * through the proxy: the call cannot be over by then. */
	event.can_swallow = dialog == NULL ||
			    dialog->state == PARLEY_STATE_DELETED ||
			    !rng_chance(&sim->rng, 50);
	return tell_host(sim, &event, (int)msg->call);
}

static void reply_provisional(struct sim *sim, const struct msg *msg,
			      struct proxy_branch *branch)
{
	struct proxy_call *proxy = &sim->proxy[msg->call];

	if (branch->state == BRANCH_CALLING)
		branch->state = BRANCH_PROCEEDING;
	if (branch->cancel_wanted)
		branch_cancel(sim, msg->call,
			      branch_number(sim, msg->call, branch));
	if (msg->code == 100 || branch->state != BRANCH_PROCEEDING)
		return;
	/* A transaction that is through relays no provisional reply; one that
	 * it has relayed before may be told of by a process that is slow. */
	if (!proxy->alive || (proxy->final_sent && !rng_chance(&sim->rng, 300)))
		return;
	reply_feed(sim, msg, PARLEY_EV_REPLY_1XX,
		   (uint8_t)(branch_number(sim, msg->call, branch) + 1));
	if (!proxy->final_sent)
		reply_upstream(sim, proxy, msg->code, msg->ua, msg->contact);
}

static void reply_2xx(struct sim *sim, const struct msg *msg,
		      struct proxy_branch *branch)
{
	struct proxy_call *proxy = &sim->proxy[msg->call];
	struct proxy_ours *ours = &proxy->ours[msg->ua];

	if (branch->state <= BRANCH_PROCEEDING)
		branch->state = BRANCH_ANSWERED;
	if (reply_feed(sim, msg, PARLEY_EV_REPLY_2XX, 0)) {
		ours->swallowed++;
		return;
	}
	ours->passed++;
	branches_cancel(sim, msg->call);
	reply_upstream(sim, proxy, msg->code, msg->ua, msg->contact);
	end_at_once(sim, msg->call);
}

static void reply_failed(struct sim *sim, const struct msg *msg,
			 struct proxy_branch *branch)
{
	const struct call *call = &sim->calls[msg->call];
	uint32_t number = branch_number(sim, msg->call, branch);

	hop_ack(sim, msg);
	branch->failed_uas |= 1u << (uint32_t)msg->ua;
	branch->failed_ua = msg->ua;
	for (uint32_t i = 0; i < call->callees; i++)
		if (call->plan.behind[i] == number &&
		    !(branch->failed_uas & 1u << i))
			return;
	if (branch->state <= BRANCH_PROCEEDING)
		branch_failed(sim, msg->call, branch, msg->code);
	else if (branch->state == BRANCH_FAILED)
		branch_over(sim, msg->call, branch, msg->ua);
}

static void invite_reply(struct sim *sim, const struct msg *msg)
{
	struct proxy_branch *branch = branch_find(sim, msg->call, msg->branch);

	if (branch == NULL)
		return;
	if (msg->code < 200)
		reply_provisional(sim, msg, branch);
	else if (msg->code < 300)
		reply_2xx(sim, msg, branch);
	else
		reply_failed(sim, msg, branch);
}

/* ------------------------------------------------------------- requests */

static void invite_relay(struct sim *sim, const struct msg *msg)
{
	struct proxy_call *proxy = &sim->proxy[msg->call];
	struct call *call = &sim->calls[msg->call];

	proxy->alive = true;
	for (uint32_t i = 0; i < call->plan.branches; i++) {
		proxy->branch[i].via = net_branch(sim);
		branch_send(sim, msg->call, i, METHOD_INVITE);
	}
	timer_after(sim, msg->call, FR_INV_MS, PROXY_FR_INV);
}

static void invite_request(struct sim *sim, const struct msg *msg)
{
	struct proxy_call *proxy = &sim->proxy[msg->call];
	const struct call *call = &sim->calls[msg->call];

	if (proxy->seen) {
		/* A repeated INVITE gets the last reply again. */
		if (proxy->last.code != 0)
			net_send(sim, &proxy->last);
		return;
	}
	proxy->seen = true;
	proxy->invite = *msg;
	reply_upstream(sim, proxy, 100, NO_UA, 0);
	proxy->tracked = tell_invite(sim, msg->call, !call->plan.reject);
	if (call->plan.reject) {
		/* The script answers statelessly: no transaction. */
		if (proxy->tracked) {
			struct parley_event event = {
				.type = PARLEY_EV_ABANDON,
				.id = proxy->id,
			};
			tell_host(sim, &event, (int)msg->call);
		}
		reply_upstream(sim, proxy, 403, NO_UA, 0);
		return;
	}
	proxy->held = proxy->tracked;
	if (proxy->tracked && rng_chance(&sim->rng, 80))
		tell_spiral(sim, msg->call);
	invite_relay(sim, msg);
}

static void cancel_request(struct sim *sim, const struct msg *msg)
{
	struct proxy_call *proxy = &sim->proxy[msg->call];
	struct relayed *relayed = relayed_find(proxy, msg);
	struct msg reply = *msg;

	reply.reply = true;
	reply.src = NODE_PROXY;
	reply.dst = NODE_CALLER;
	reply.code =
		proxy->seen && !sim->calls[msg->call].plan.reject ? 200 : 481;
	net_send(sim, &reply);
	if (relayed != NULL || !proxy->alive)
		return;
	relayed_add(proxy, msg);
	end_at_once(sim, msg->call);
	if (proxy->tracked) {
		struct parley_event event = {.type = PARLEY_EV_CANCEL,
					     .id = proxy->id};

		tell_host(sim, &event, (int)msg->call);
	}
	if (!proxy->final_sent)
		branches_cancel(sim, msg->call);
	end_at_once(sim, msg->call);
}

void proxy_message(struct sim *sim, const struct msg *msg)
{
	if (msg->reply && msg->method == METHOD_CANCEL)
		return;
	if (msg->reply && msg->initial)
		invite_reply(sim, msg);
	else if (msg->reply && msg->ours)
		proxy_ours_done(sim, msg);
	else if (msg->reply)
		proxy_within_reply(sim, msg);
	else if (msg->method == METHOD_CANCEL)
		cancel_request(sim, msg);
	else if (msg->method == METHOD_ACK && msg->initial)
		sim->proxy[msg->call].final_acked = true;
	else if (msg->initial)
		invite_request(sim, msg);
	else
		proxy_within(sim, msg);
}

/* ------------------------------------------------------------- timers */

void proxy_timed_out(struct sim *sim, const struct msg *msg)
{
	struct proxy_branch *branch;

	if (msg->ours) {
		proxy_ours_done(sim, msg);
		return;
	}
	if (msg->method != METHOD_INVITE)
		return;
	branch = branch_find(sim, msg->call, msg->branch);
	if (branch != NULL && branch->state <= BRANCH_PROCEEDING)
		branch_failed(sim, msg->call, branch, 408);
}

/* fr_inv_timer of a transaction stateful proxy: RFC 3261 16.8. */
static void invite_timed_out(struct sim *sim, uint32_t index)
{
	struct proxy_call *proxy = &sim->proxy[index];

	if (proxy->final_sent)
		return;
	branches_cancel(sim, index);
	for (uint32_t i = 0; i < sim->calls[index].plan.branches; i++)
		if (proxy->branch[i].state <= BRANCH_PROCEEDING)
			branch_failed(sim, index, &proxy->branch[i], 408);
}

static void invite_gone(struct sim *sim, uint32_t index)
{
	struct proxy_call *proxy = &sim->proxy[index];
	struct parley_event event = {
		.type = PARLEY_EV_RELEASE, .id = proxy->id, .invite = true};

	proxy->alive = false;
	if (!proxy->held)
		return;
	proxy->held = false;
	tell_host(sim, &event, (int)index);
}

void proxy_timer(struct sim *sim, const struct item *item)
{
	struct parley_event event = {.type = PARLEY_EV_RELEASE,
				     .id = sim->proxy[item->call].id};

	switch ((enum proxy_what)item->what) {
	case PROXY_REPEAT:
		reply_repeat(sim, item->call);
		break;
	case PROXY_WAIT_OVER:
		invite_gone(sim, item->call);
		break;
	case PROXY_FR_INV:
		invite_timed_out(sim, item->call);
		break;
	case PROXY_COMMIT:
		proxy_commit(sim, item->arg);
		break;
	case PROXY_ACTIONS:
		proxy_run_slow(sim, item->arg);
		break;
	case PROXY_RELEASE:
		tell_host(sim, &event, (int)item->call);
		break;
	}
}

void proxy_commit_later(struct sim *sim, uint32_t call, uint32_t index,
			uint32_t after_ms)
{
	struct item item = {.kind = ITEM_PROXY,
			    .call = call,
			    .what = PROXY_COMMIT,
			    .arg = index};

	net_timer(sim, after_ms, &item);
}

void proxy_actions_later(struct sim *sim, uint32_t call, uint32_t index,
			 uint32_t after_ms)
{
	struct item item = {.kind = ITEM_PROXY,
			    .call = call,
			    .what = PROXY_ACTIONS,
			    .arg = index};

	net_timer(sim, after_ms, &item);
}

void proxy_release_later(struct sim *sim, uint32_t call, uint32_t after_ms)
{
	timer_after(sim, call, after_ms, PROXY_RELEASE);
}

/* ------------------------------------------------------------- commands */

void proxy_cancel(struct sim *sim, uint32_t index)
{
	branches_cancel(sim, index);
}

/* Our own final reply ends the call as any other does. */
void proxy_reply(struct sim *sim, uint32_t index, uint16_t code)
{
	struct proxy_call *proxy = &sim->proxy[index];
	struct parley_event event = {.type = PARLEY_EV_REPLY_FAIL,
				     .id = proxy->id,
				     .code = code,
				     .reason = str_of("ended")};

	if (proxy->final_sent)
		return;
	reply_upstream(sim, proxy, code, NO_UA, 0);
	tell_host(sim, &event, (int)index);
}

void proxy_terminate(struct sim *sim, uint32_t index, enum parley_side side,
		     uint16_t code)
{
	struct proxy_call *proxy = &sim->proxy[index];
	struct parley_event event = {.type = PARLEY_EV_TERMINATE,
				     .id = proxy->id,
				     .side = side,
				     .code = code,
				     .reason = str_of("ended by command"),
				     .can_reply = proxy->alive &&
						  !proxy->final_sent};
	int rc;

	struct parley_actions actions;

	if (!proxy->tracked)
		return;
	rc = tell_feed(sim, &event, &actions);
	cover_step(sim, index, FORK_END);
	if (rc == PARLEY_E_MEMORY)
		sim->calls[index].tainted = true;
	proxy_run_slowly(sim, &actions, index);
	if (rc == 0 && side == PARLEY_SIDE_ALL)
		proxy->ended = true;
}
