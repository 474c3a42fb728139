/*
 * sip_out.c - what the engine asks for: requests, replies, notes
 */
#include "core/pt.h"
#include "modules/tm/h_table.h"

#include "events.h"
#include "facts.h"
#include "invite.h"
#include "reader.h"
#include "reason.h"
#include "request.h"
#include "tmcb.h"

/* ------------------------------------------------ unanswered calls */

/* Of the final reply: what the script has said, else what is configured, else
 * the usual words for the code. */
static void final_phrase(struct parley_str reason, int code,
			 char phrase[REASON_PHRASE_MAX])
{
	const char *usual = error_text(code);

	if (reason.len == 0)
		reason = to_parley(&adapter.set.early_reason);
	if (reason.len == 0)
		reason = (struct parley_str){usual, (uint32_t)strlen(usual)};
	reason_phrase(reason, phrase);
}

static int send_cancel(struct parley_id id, int code, struct parley_str reason)
{
	char text[REASON_TEXT_MAX];

	/* Before anybody can answer to what follows. */
	invite_expect_crossing(id);
	return invite_cancel(id, code, to_str(reason_text(reason, text)));
}

static int send_final(struct parley_id id, int code, struct parley_str reason)
{
	char phrase[REASON_PHRASE_MAX], line[REASON_LINE_MAX];

	final_phrase(reason, code, phrase);
	return invite_reply(id, code, phrase,
			    to_str(reason_line(code, reason, line)));
}

static void log_not_ended(struct parley_id id, const char *what)
{
	struct parley_view view = {0};

	(void)!reader_read(reader_of_steps(), id, &view);
	log_limited(LOG_CAUSE_END, L_ERR,
		    "call %.*s (%u.%u): %s: the INVITE's transaction is gone "
		    "or answered; end it again when it is answered\n",
		    (int)view.callid.len, view.callid.s, id.entry, id.id, what);
}

static int end_early(struct parley_id id, const struct parley_action *action)
{
	struct parley_view view = {0};
	bool cancel = action->type == PARLEY_ACT_CANCEL;
	int rc;

	/* Without memory for the reason the call is ended all the same. */
	(void)!reader_read(reader_of_steps(), id, &view);
	rc = cancel ? send_cancel(id, action->code, view.end_reason)
		    : send_final(id, action->code, view.end_reason);
	if (rc < 0)
		log_not_ended(id, cancel ? "its branches get no CANCEL"
					 : "its caller gets no reply");
	return rc;
}

/* ------------------------------------------------ actions */

static int run_action(struct parley_id id, const struct parley_action *action,
		      const str *extra_hdrs)
{
	switch (action->type) {
	case PARLEY_ACT_BYE:
		return request_bye(id, action, extra_hdrs);
	case PARLEY_ACT_ACK:
		return request_ack(id, action);
	case PARLEY_ACT_CANCEL:
	case PARLEY_ACT_REPLY:
		return end_early(id, action);
	case PARLEY_ACT_TIMEOUT_ROUTE:
		events_timeout_route(id, action->route);
		return 0;
	case PARLEY_ACT_PING:
		return request_ping(id, action);
	case PARLEY_ACT_SWALLOW:
		return 0; /* whoever has the reply does it */
	}
	return -1;
}

/* A subscriber may only be waited for where nobody can be waiting for us: not
 * while tm's reply lock of the call is ours, not inside of another one. */
static bool may_wait(int depth)
{
	struct cell *t = compat_transaction(&adapter.tm);

	return depth == 1 &&
	       (!t || atomic_get(&t->reply_locker_pid) != my_pid());
}

static int run(struct adapter_message *message,
	       const struct parley_actions *actions, const str *extra_hdrs)
{
	static int depth;
	int failed = 0;
	bool empty = !message->req && !message->rpl && !message->own_bye &&
		     !message->own_reply;

	depth++;
	for (uint32_t i = 0; i < actions->count; i++)
		if (run_action(actions->id, &actions->list[i], extra_hdrs) < 0)
			failed++;
	if (actions->note.types)
		parley_deliver(adapter.engine, &actions->note,
			       empty ? NULL : message,
			       !empty && may_wait(depth));
	depth--;
	return failed;
}

int sip_run(struct sip_msg *msg, const struct parley_actions *actions,
	    const str *extra_hdrs)
{
	struct adapter_message message = {.req = msg};

	return run(&message, actions, extra_hdrs);
}

int sip_run_reply(struct sip_msg *req, struct sip_msg *rpl,
		  const struct parley_actions *actions)
{
	struct adapter_message message = {.req = req, .rpl = rpl};

	return run(&message, actions, NULL);
}

int sip_run_own_bye(struct sip_msg *bye, struct sip_msg *reply,
		    const struct parley_actions *actions)
{
	struct adapter_message message = {.own_bye = bye, .own_reply = reply};

	return run(&message, actions, NULL);
}

int sip_feed(struct sip_msg *msg, const struct parley_event *event)
{
	struct parley_actions actions;
	int rc = parley_feed(adapter.engine, host_now(), event, &actions);

	if (rc == 0)
		sip_run(msg, &actions, NULL);
	return rc;
}

int sip_feed_reply(struct sip_msg *req, struct sip_msg *rpl,
		   const struct parley_event *event)
{
	struct parley_actions actions;
	int rc = parley_feed(adapter.engine, host_now(), event, &actions);

	if (rc == 0)
		sip_run_reply(req, rpl, &actions);
	return rc;
}

/* ------------------------------------------------ the command */

/* True if an unanswered call can be answered and cancelled now. The INVITE may
 * still be in the request route, with no transaction yet. */
static bool can_reply(struct sip_msg *msg, struct parley_id id)
{
	const struct ctx *ctx = ctx_find(msg);
	struct cell *t = compat_transaction(&adapter.tm);
	void **param = t ? tmcb_find(t, on_invite) : NULL;

	/* A reply can be here before TMCB_REQUEST_OUT was run there. */
	if (param && tmcb_id(*param).id == id.id &&
	    tmcb_id(*param).entry == id.entry && !invite_open(id))
		invite_remember(t, id, tmcb_bits(*param));
	if (invite_open(id))
		return true;
	return ctx && ctx->created && ctx->id.id == id.id &&
	       ctx->id.entry == id.entry && !compat_transaction(&adapter.tm) &&
	       invite_make(msg, id) == 0;
}

static int end_call(const struct parley_event *event, const str *extra_hdrs)
{
	struct adapter_message none = {0};
	struct parley_actions actions;
	int rc = parley_feed(adapter.engine, host_now(), event, &actions);
	int failed;

	if (rc < 0)
		return rc;
	/* Another branch may answer until 64*T1 after the first (RFC 3261
	 * 13.2.2.4). */
	if (actions.count > 0 && actions.list[0].type == PARLEY_ACT_BYE)
		invite_expect_crossing(event->id);
	failed = run(&none, &actions, extra_hdrs);
	/* One that went out is an end; the engine knows of those that failed
	 * and sees to the rest. */
	return failed > 0 && (uint32_t)failed == actions.count ? PARLEY_E_STATE
							       : 0;
}

int sip_terminate(struct sip_msg *msg, struct parley_id id,
		  enum parley_side side, const str *reason,
		  const str *extra_hdrs)
{
	struct parley_event event = {
		.type = PARLEY_EV_TERMINATE,
		.id = id,
		.side = side,
		.code = (uint16_t)adapter.set.early_code,
	};

	if (reason)
		event.reason = to_parley(reason);
	if (msg)
		invite_answered(msg, id);
	event.can_reply = side == PARLEY_SIDE_ALL && can_reply(msg, id);
	return end_call(&event, extra_hdrs);
}

int sip_refuse(struct parley_id id, int code)
{
	const struct parley_event event = {
		.type = PARLEY_EV_TERMINATE,
		.id = id,
		.side = PARLEY_SIDE_ALL,
		.code = (uint16_t)code,
		.can_reply = true,
	};

	return invite_waits(id) ? end_call(&event, NULL) : PARLEY_E_STATE;
}

const char *sip_terminate_fault(struct parley_id id, enum parley_side side,
				int error)
{
	struct parley_view view;

	if (error != PARLEY_E_STATE ||
	    reader_read(reader_of_steps(), id, &view) < 0)
		return parley_error_text(error);
	if (view.state == PARLEY_STATE_DELETED)
		return "it has ended already";
	if (view.state >= PARLEY_STATE_ANSWERED)
		return side == PARLEY_SIDE_ALL
			       ? "no BYE could be sent"
			       : "that side has got its BYE already";
	if (side != PARLEY_SIDE_ALL)
		return "nobody has answered: only all sides can be ended";
	return "no reply and no CANCEL can be sent: its INVITE has no "
	       "transaction (any more), or has a final reply already";
}
