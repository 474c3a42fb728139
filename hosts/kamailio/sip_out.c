/*
 * sip_out.c - what the engine asks for: requests, replies, notes
 */
#include <stdio.h>

#include "core/pt.h"
#include "modules/tm/h_table.h"

#include "events.h"
#include "facts.h"
#include "invite.h"
#include "reader.h"
#include "request.h"
#include "tmcb.h"

enum { PHRASE_MAX = 128, REASON_MAX = 256 };

/* ------------------------------------------------ unanswered calls */

/* Why the call ends, as the engine keeps it; the texts of what goes out. */
struct farewell {
	char phrase[PHRASE_MAX]; /* of the final reply */
	char quoted[REASON_MAX];
	char header[REASON_MAX + 64];
	str text;
	int header_len;
};

/* A reason phrase is one line (RFC 3261 7.2). */
static void copy_phrase(char *target, str source)
{
	size_t at = 0;

	for (int i = 0; i < source.len && at + 1 < PHRASE_MAX; i++)
		target[at++] =
			(unsigned char)source.s[i] < ' ' ? ' ' : source.s[i];
	target[at] = '\0';
}

static void fill_farewell(struct farewell *farewell, const str *reason,
			  int code)
{
	*farewell = (struct farewell){0};
	if (reason && reason->len > 0) {
		farewell->text =
			request_quote(to_parley(reason), farewell->quoted,
				      sizeof(farewell->quoted));
		farewell->header_len =
			snprintf(farewell->header, sizeof(farewell->header),
				 "Reason: SIP;cause=%d;text=%.*s\r\n", code,
				 farewell->text.len, farewell->text.s);
		copy_phrase(farewell->phrase, *reason);
	} else if (adapter.set.early_reason.len > 0) {
		copy_phrase(farewell->phrase, adapter.set.early_reason);
	} else {
		str text = {error_text(code), 0};

		text.len = (int)strlen(text.s);
		copy_phrase(farewell->phrase, text);
	}
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

static int end_early(struct parley_id id, const struct parley_action *action,
		     const str *reason)
{
	struct farewell farewell;
	str header;
	int rc;

	fill_farewell(&farewell, reason, action->code);
	if (action->type == PARLEY_ACT_CANCEL) {
		/* Before anybody can answer to what follows. */
		invite_expect_crossing(id);
		rc = invite_cancel(id, action->code, farewell.text);
	} else {
		header = (str){farewell.header, farewell.header_len};
		rc = invite_reply(id, action->code, farewell.phrase, header);
	}
	if (rc < 0)
		log_not_ended(id, action->type == PARLEY_ACT_CANCEL
					  ? "its branches get no CANCEL"
					  : "its caller gets no reply");
	return rc;
}

/* ------------------------------------------------ actions */

/* What a command brings along that the engine does not keep. */
struct command {
	const str *reason;
	const str *extra_hdrs;
};

static int run_action(struct parley_id id, const struct parley_action *action,
		      const struct command *command)
{
	switch (action->type) {
	case PARLEY_ACT_BYE:
		return request_bye(id, action, command->extra_hdrs);
	case PARLEY_ACT_ACK:
		return request_ack(id, action);
	case PARLEY_ACT_CANCEL:
	case PARLEY_ACT_REPLY:
		return end_early(id, action, command->reason);
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
	       const struct parley_actions *actions,
	       const struct command *command)
{
	static int depth;
	int failed = 0;
	bool empty = !message->req && !message->rpl && !message->own_bye &&
		     !message->own_reply;

	depth++;
	for (uint32_t i = 0; i < actions->count; i++)
		if (run_action(actions->id, &actions->list[i], command) < 0)
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
	const struct command command = {.extra_hdrs = extra_hdrs};
	struct adapter_message message = {.req = msg};

	return run(&message, actions, &command);
}

int sip_run_reply(struct sip_msg *req, struct sip_msg *rpl,
		  const struct parley_actions *actions)
{
	const struct command command = {0};
	struct adapter_message message = {.req = req, .rpl = rpl};

	return run(&message, actions, &command);
}

int sip_run_own_bye(struct sip_msg *bye, struct sip_msg *reply,
		    const struct parley_actions *actions)
{
	const struct command command = {0};
	struct adapter_message message = {.own_bye = bye, .own_reply = reply};

	return run(&message, actions, &command);
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

int sip_terminate(struct sip_msg *msg, struct parley_id id,
		  enum parley_side side, const str *reason,
		  const str *extra_hdrs)
{
	const struct command command = {reason, extra_hdrs};
	struct parley_event event = {
		.type = PARLEY_EV_TERMINATE,
		.id = id,
		.side = side,
		.code = (uint16_t)adapter.set.early_code,
	};
	struct adapter_message none = {0};
	struct parley_actions actions;
	int rc, failed;

	if (reason)
		event.reason = to_parley(reason);
	if (msg)
		invite_answered(msg, id);
	event.can_reply = side == PARLEY_SIDE_ALL && can_reply(msg, id);
	rc = parley_feed(adapter.engine, host_now(), &event, &actions);
	if (rc < 0)
		return rc;
	/* Another branch may answer until 64*T1 after the first (RFC 3261
	 * 13.2.2.4). */
	if (actions.count > 0 && actions.list[0].type == PARLEY_ACT_BYE)
		invite_expect_crossing(id);
	failed = run(&none, &actions, &command);
	/* One that went out is an end; the engine knows of those that failed
	 * and sees to the rest. */
	return failed > 0 && (uint32_t)failed == actions.count ? PARLEY_E_STATE
							       : 0;
}
