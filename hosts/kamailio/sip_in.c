/*
 * sip_in.c - calls begin: initial INVITEs and the replies to them
 *
 * dlg_manage() and dlg_flag lead to create(). From then on tm tells what
 * happens: on_invite() is registered once, for all that is of interest.
 */
#include "core/parser/parse_param.h"
#include "core/script_cb.h"
#include "core/ut.h"

#include "call_routes.h"
#include "capi.h"
#include "cookie.h"
#include "cseq.h"
#include "facts.h"
#include "invite.h"
#include "prack.h"
#include "said.h"
#include "scripted.h"
#include "tmcb.h"
#include "within.h"

/* ------------------------------------------------ the cookie */

static int add_cookie(struct sip_msg *msg, struct parley_id id)
{
	char buffer[64 + COOKIE_MAX + 2];
	const str *name = &adapter.set.rr_param;
	char *at = buffer;
	str cookie;

	*at++ = ';';
	memcpy(at, name->s, (size_t)name->len);
	at += name->len;
	*at++ = '=';
	at += cookie_print(id, at);
	cookie = (str){buffer, (int)(at - buffer)};
	return adapter.rr.add_rr_param(msg, &cookie) < 0 ? -1 : 0;
}

/* ------------------------------------------------ creation */

enum { VARS_AT_ONCE = 32 };

uint32_t sip_lifetime(struct sip_msg *msg)
{
	pv_value_t value;

	if (!adapter.set.has_timeout_avp)
		return 0;
	memset(&value, 0, sizeof(value));
	if (pv_get_spec_value(msg, &adapter.set.timeout_avp, &value) != 0 ||
	    !(value.flags & PV_VAL_INT) || value.ri <= 0)
		return 0;
	return (uint32_t)value.ri;
}

void sip_lifetime_again(struct sip_msg *msg, struct parley_id id,
			uint32_t before)
{
	uint32_t lifetime_s;

	if (!adapter.has_modules)
		return;
	lifetime_s = sip_lifetime(msg);
	if (lifetime_s > 0 && lifetime_s != before)
		/* It fails for a call that has ended meanwhile. */
		(void)!parley_set_lifetime(adapter.engine, host_now(), id,
					   lifetime_s);
}

/* What the script has said before there was a dialog. */
static void fill_create(struct sip_msg *msg, const struct ctx *ctx,
			struct parley_create_facts *create,
			struct parley_pair *vars)
{
	const struct pending_var *var = ctx->vars;
	int bye_flag = adapter.set.bye_on_timeout_flag;
	bool bye = ctx->timeout_bye ||
		   (bye_flag >= 0 && (msg->flags & (1u << bye_flag)));

	*create = (struct parley_create_facts){
		.flags = ctx->flags,
		.options = ctx->options | (bye ? PARLEY_OPT_BYE_ON_TIMEOUT : 0),
		.lifetime_s = ctx->timeout > 0 ? (uint32_t)ctx->timeout
					       : sip_lifetime(msg),
		.timeout_route = ctx->timeout_route,
		.timeout_route_name =
			{
				ctx->timeout_route_name,
				(uint32_t)strlen(ctx->timeout_route_name),
			},
		.vars = vars,
		.members = ctx->members,
	};
	for (; var && create->var_count < VARS_AT_ONCE; var = var->next)
		vars[create->var_count++] = (struct parley_pair){
			to_parley(&var->key), to_parley(&var->value)};
}

/* Those that did not fit; a script rarely has so many. */
static void set_more_vars(const struct ctx *ctx, struct parley_id id,
			  const struct parley_event *invite)
{
	const struct pending_var *var = ctx->vars;

	for (uint32_t i = 0; var; var = var->next, i++)
		if (i >= VARS_AT_ONCE &&
		    parley_var_set(adapter.engine, id, to_parley(&var->key),
				   to_parley(&var->value)) < 0)
			log_limited(LOG_CAUSE_MEMORY, L_ERR,
				    "call %.*s (%u.%u): variable %.*s not set; "
				    "start kamailio with a larger -m\n",
				    (int)invite->callid.len, invite->callid.s,
				    id.entry, id.id, var->key.len, var->key.s);
}

static void log_untracked(const struct parley_event *event, const char *why)
{
	log_limited(LOG_CAUSE_MEMORY, L_ERR,
		    "call %.*s is relayed but not followed: %s\n",
		    (int)event->callid.len, event->callid.s, why);
}

/* CREATED or SPIRALED, which dlg_manage() has put off. */
static void announce_late(struct ctx *ctx)
{
	struct parley_note note = ctx->note;
	uint32_t before = adapter.has_modules ? sip_lifetime(ctx->msg) : 0;

	ctx->note.types = 0;
	parley_deliver(adapter.engine, &note,
		       &(struct adapter_message){.req = ctx->msg}, false);
	sip_lifetime_again(ctx->msg, note.id, before);
}

/* The dialog that was just made is taken back. */
static void abandon(struct ctx *ctx)
{
	const struct parley_event event = {.type = PARLEY_EV_ABANDON,
					   .id = ctx->id};

	/* First come, first told: FAILED would wait for it. */
	if (ctx->note.types)
		announce_late(ctx);
	sip_feed(ctx->msg, &event);
	ctx->created = false;
	ctx->id = (struct parley_id){0, 0};
}

/* Replies, the end of the transaction, and where it is found again. */
static int watch_invite(struct sip_msg *msg, struct cell *t,
			struct parley_id id, unsigned int rr_count)
{
	int types = TMCB_REQUEST_PENDING | TMCB_REQUEST_OUT | TMCB_RESPONSE_IN |
		    TMCB_RESPONSE_READY | TMCB_E2ECANCEL_IN | TMCB_DESTROY;

	/* Under tm's reply lock nobody is told anything, so a 2xx that has
	 * listeners waits until it is ready. */
	if (!adapter.answered_is_told || adapter.has_modules)
		types |= TMCB_RESPONSE_FWDED;
	if (rr_count > TMCB_BITS_MAX)
		rr_count = TMCB_BITS_MAX;
	return adapter.tm.register_tmcb(msg, t, types, on_invite,
					tmcb_pack(id, rr_count), NULL) > 0
		       ? 0
		       : -1;
}

/* Notes of CREATED and SPIRALED run here or, with initial_cbs_inscript 0, at
 * TMCB_REQUEST_IN. */
static void announce(struct sip_msg *msg, struct ctx *ctx,
		     struct parley_actions *actions, bool in_script)
{
	uint32_t before = adapter.has_modules ? sip_lifetime(msg) : 0;

	if (!in_script) {
		ctx->note = actions->note;
		actions->note.types = 0;
	}
	sip_run(msg, actions, NULL);
	sip_lifetime_again(msg, actions->id, before);
}

/* What $dlg(req_uri) will be: the Request-URI unless ruri_pvar says otherwise.
 */
static void fill_req_uri(struct sip_msg *msg, struct parley_event *invite)
{
	str text = {0};

	if (!adapter.set.ruri_pvar)
		return;
	if (pv_printf_s(msg, adapter.set.ruri_pvar, &text) == 0 && text.len > 0)
		invite->req_uri = to_parley(&text);
	else
		log_limited(LOG_CAUSE_SCRIPT, L_WARN,
			    "call %.*s: ruri_pvar gives no text, the "
			    "Request-URI is kept instead\n",
			    (int)invite->callid.len, invite->callid.s);
}

/* @invite: what facts_call() has said. 0, or -1: the call goes on without us.
 */
static int create(struct sip_msg *msg, struct cell *t, struct ctx *ctx,
		  struct parley_event *invite, bool in_script)
{
	struct parley_pair vars[VARS_AT_ONCE];
	struct parley_create_facts facts;
	struct parley_actions actions;
	unsigned int rr_count;
	int rc;

	facts_invite(msg, invite, &rr_count);
	fill_create(msg, ctx, &facts, vars);
	fill_req_uri(msg, invite);
	invite->create = &facts;
	invite->hold = true; /* TMCB_DESTROY releases it */
	rc = parley_feed(adapter.engine, host_now(), invite, &actions);
	invite->create = NULL;
	if (rc < 0) {
		log_untracked(invite,
			      rc == PARLEY_E_MEMORY
				      ? "no shared memory left; start kamailio "
					"with a larger -m"
				      : parley_error_text(rc));
		return -1;
	}
	ctx->used = true;
	ctx->created = true;
	ctx->id = actions.id;
	ctx->got = false;
	ctx->dir = PARLEY_DIR_DOWNSTREAM;
	ctx->members = NULL; /* they are the dialog's now */
	if (ctx->vars) {
		set_more_vars(ctx, actions.id, invite);
		call_routes_created(ctx, actions.id);
	}
	announce(msg, ctx, &actions, in_script);
	if (said_wanted(facts.options))
		said_watch_invite(msg, t, ctx->id);
	if ((adapter.set.dlg_match_mode != 2 && add_cookie(msg, ctx->id) < 0) ||
	    (!adapter.set.dlg_mode &&
	     watch_invite(msg, t, ctx->id, rr_count) < 0)) {
		log_untracked(invite, "no memory for tm's callback or the "
				      "Record-Route parameter");
		abandon(ctx);
		return -1;
	}
	return 0;
}

/* The INVITE again of a call that has come back from the database: the one that
 * it was made from may never have been sent on. The script is at its beginning
 * and puts the call into its profiles anew. */
static void take_up(struct sip_msg *msg, struct cell *t, struct parley_id id,
		    struct parley_event *invite)
{
	const struct parley_str any = {0};
	unsigned int rr_count;

	for (int i = 0; parley_profile_name(adapter.engine, i); i++)
		(void)!parley_profile_leave(adapter.engine, id, i, any);
	facts_invite(msg, invite, &rr_count);
	if ((adapter.set.dlg_match_mode != 2 && add_cookie(msg, id) < 0) ||
	    watch_invite(msg, t, id, rr_count) < 0)
		log_untracked(invite, "no memory for tm's callback or the "
				      "Record-Route parameter");
}

/* True: the INVITE belongs to a call that is followed already. */
static bool spiral(struct sip_msg *msg, struct cell *t, struct ctx *ctx,
		   struct parley_event *invite, bool in_script)
{
	struct parley_event event = {.type = PARLEY_EV_SPIRAL};
	struct parley_actions actions;
	struct parley_match match;

	if (!adapter.set.detect_spirals ||
	    parley_find_call(adapter.engine, invite->callid, invite->from_tag,
			     (struct parley_str){0}, &match) < 0 ||
	    match.state == PARLEY_STATE_DELETED)
		return false;
	event.id = match.id;
	if (parley_feed(adapter.engine, host_now(), &event, &actions) < 0)
		return false;
	ctx_set_dialog(msg, &match);
	announce(msg, ctx, &actions, in_script);
	if (match.state < PARLEY_STATE_ANSWERED && scripted_is_orphan(match.id))
		take_up(msg, t, match.id, invite);
	return true;
}

static int begin(struct sip_msg *msg, struct cell *t, bool in_script)
{
	struct parley_event invite = {.type = PARLEY_EV_INVITE};
	struct ctx *ctx = ctx_pending(msg);

	if (ctx->id.id != 0 || msg->REQ_METHOD != METHOD_INVITE)
		return -1;
	if (!facts_call(msg, &invite)) {
		log_limited(LOG_CAUSE_MESSAGE, L_WARN,
			    "INVITE without Call-ID or From-tag from %s: "
			    "not followed\n",
			    ip_addr2a(&msg->rcv.src_ip));
		return -1;
	}
	if (spiral(msg, t, ctx, &invite, in_script))
		return 0;
	return create(msg, t, ctx, &invite, in_script);
}

int sip_manage(struct sip_msg *msg)
{
	if (!msg || msg->first_line.type != SIP_REQUEST)
		return -1;
	if (facts_has_to_tag(msg)) {
		within_match(msg, NULL);
		return 1;
	}
	return begin(msg, NULL, adapter.set.initial_cbs_inscript) < 0 ? -1 : 1;
}

int sip_create(struct sip_msg *msg, const uint32_t *options)
{
	const uint32_t replaced =
		PARLEY_OPT_ALL &
		~(PARLEY_OPT_KA_CALLER | PARLEY_OPT_KA_CALLEE |
		  PARLEY_OPT_TIMEOUT_NORESET | PARLEY_OPT_END_ON_RACE);
	bool made = false;
	struct ctx *ctx;
	uint32_t ignored;

	if (!msg || msg->first_line.type != SIP_REQUEST ||
	    msg->REQ_METHOD != METHOD_INVITE || facts_has_to_tag(msg))
		return -1;
	ctx = ctx_pending(msg);
	if (ctx->id.id == 0) {
		ctx->options |= options ? *options : 0;
		if (begin(msg, NULL, adapter.set.initial_cbs_inscript) < 0)
			return -1;
		made = ctx->created;
	}
	/* Or it was there already. */
	if (!made && options &&
	    parley_options(adapter.engine, host_now(), ctx->id, *options,
			   replaced & ~*options, &ignored) < 0)
		return -1;
	if (options && said_wanted(*options))
		said_watch_invite(msg, compat_transaction(&adapter.tm),
				  ctx->id);
	if (options && (*options & PARLEY_OPT_AUTO_PRACK))
		prack_watch(msg, ctx->id);
	return 1;
}

/* A new transaction: dlg_flag makes dialogs here, and what the script did not
 * want to run in dlg_manage() runs here. */
static void on_request_in(struct cell *t, int type, struct tmcb_params *params)
{
	struct sip_msg *msg = params->req;
	struct ctx *ctx;

	(void)type;
	if (!adapter.engine || msg->REQ_METHOD != METHOD_INVITE)
		return;
	ctx = ctx_find(msg);
	if (ctx && ctx->note.types)
		announce_late(ctx);
	if (adapter.set.dlg_flag >= 0 &&
	    (msg->flags & (1u << adapter.set.dlg_flag)) &&
	    (!ctx || ctx->id.id == 0) && !facts_has_to_tag(msg))
		(void)!begin(msg, t, true);
}

/* ------------------------------------------------ replies */

/* The branch that the reply in hand came from, or -1. relayed_reply_branch
 * stays with the first 2xx. */
static int reply_branch(const struct cell *t)
{
	int branch = adapter.tm.t_gett_branch();

	if (branch < 0)
		branch = t->relayed_reply_branch;
	return branch < t->nr_of_outgoings ? branch : -1;
}

/* What the INVITE's branch tells: Record-Routes of ours, its CSeq. */
static void take_reply(struct sip_msg *rpl, const struct cell *t,
		       unsigned int rr_count, struct parley_event *event)
{
	int branch = reply_branch(t);

	facts_reply(rpl, event, rr_count,
		    branch < 0 ? 0 : invite_own_routes(t->uac[branch].flags));
	event->branch = facts_branch(branch);
	event->cseq_shift = cseq_added(t, branch);
}

static void feed_reply(struct cell *t, struct parley_id id,
		       unsigned int rr_count, struct tmcb_params *params)
{
	struct sip_msg *rpl = params->rpl;
	struct parley_event event = {.id = id};
	int code = params->code;

	/* Of a 2xx that is relayed after a final reply of the proxy tm shows
	 * the code of the latter. */
	if (rpl && rpl != FAKED_REPLY)
		code = (int)rpl->REPLY_STATUS;
	if (code <= 100)
		return; /* not relayed (RFC 3261 16.7) */
	event.code = (uint16_t)code;
	event.type = facts_reply_type(code);
	if (rpl && rpl != FAKED_REPLY) {
		if (code < 300)
			take_reply(rpl, t, rr_count, &event);
		event.reason = to_parley(&rpl->first_line.u.reply.reason);
	} else if (code < 300) {
		/* The proxy answers itself: no contact, tm's own tag. */
		event.to_tag = to_parley(&t->uas.local_totag);
	}
	/* Late, or the dialog is gone: counted. */
	sip_feed_reply(params->req, rpl, &event);
}

/* Modules on top may change the reply, and the lifetime with it. */
static void tell_forwarded(struct parley_id id, struct tmcb_params *params)
{
	uint32_t before = sip_lifetime(params->req);

	if (params->code <= 100)
		return;
	capi_reply_forwarded(id, params->req, params->rpl);
	sip_lifetime_again(params->req, id, before);
}

/* ------------------------------------------------ branches that fail */

static void feed_failed(struct parley_id id, int branch,
			struct parley_str to_tag)
{
	struct parley_event event = {.type = PARLEY_EV_BRANCH_FAILED,
				     .id = id,
				     .branch = facts_branch(branch),
				     .to_tag = to_tag};

	sip_feed(NULL, &event);
}

/* A reply has come, and tm has not decided yet what becomes of it: the failure
 * of one branch is not relayed while there are others, nor after a 2xx. */
static void on_reply_in(const struct cell *t, struct parley_id id,
			const struct tmcb_params *params)
{
	struct sip_msg *rpl = params->rpl;

	if (params->code >= 300 && rpl && rpl != FAKED_REPLY &&
	    facts_answers_invite(rpl))
		feed_failed(id, reply_branch(t), facts_to_tag(rpl));
}

/* A branch was sent. Those before it may have timed out, of which nobody is
 * told. One branch that no failure route can follow fails with its call. */
static void look_at_branches(struct cell *t, struct parley_id id)
{
	const struct parley_str none = {0};
	int count = t->nr_of_outgoings;
	bool alone =
		count == 1 && t->on_failure == 0 && t->uac[0].on_failure == 0;

	compat_show_replies(t, on_invite, !alone);
	for (int i = 0; i < count - 1; i++)
		if (t->uac[i].last_received >= 300)
			feed_failed(id, i, none);
}

/* tm makes all branches of a fork before it sends the first: the others bring
 * nothing new. */
static bool new_branches(const struct cell *t)
{
	static struct {
		unsigned int index, label;
		int count;
	} last;

	if (t->hash_index == last.index && t->label == last.label &&
	    t->nr_of_outgoings == last.count)
		return false;
	last.index = t->hash_index;
	last.label = t->label;
	last.count = t->nr_of_outgoings;
	return true;
}

/* ------------------------------------------------ the transaction */

void on_invite(struct cell *t, int type, struct tmcb_params *params)
{
	struct parley_id id = tmcb_id(*params->param);
	unsigned int rr_count = tmcb_bits(*params->param);
	struct parley_event event = {.id = id};

	if (!adapter.engine)
		return; /* tm is being destroyed after us */
	switch (type) {
	case TMCB_REQUEST_PENDING:
		/* The 100 is sent before the INVITE: from now on the call can
		 * be ended by others, who may be quicker than this process. */
		invite_remember(t, id, rr_count);
		return;
	case TMCB_REQUEST_OUT:
		/* It comes for a CANCEL too. */
		if (params->t_rbuf && params->t_rbuf->rbtype == TYPE_REQUEST) {
			if (new_branches(t) || host_crossing_expected()) {
				look_at_branches(t, id);
				invite_sent(t, id, rr_count);
			}
		}
		return;
	case TMCB_RESPONSE_IN:
		on_reply_in(t, id, params);
		return;
	case TMCB_RESPONSE_FWDED:
		if (adapter.has_modules) {
			tell_forwarded(id, params);
		} else if (params->code >= 200) {
			/* tm does not know yet that it will relay it. */
			feed_reply(t, id, rr_count, params);
			compat_ready_is_known(t, on_invite);
		}
		return;
	case TMCB_RESPONSE_READY:
		/* Who sees the call ringing may end it, also if tm sends no 100
		 * by itself. */
		if (params->code < 200 && !(t->flags & T_AUTO_INV_100))
			invite_remember_early(t, id, rr_count);
		feed_reply(t, id, rr_count, params);
		return;
	case TMCB_E2ECANCEL_IN:
		event.type = PARLEY_EV_CANCEL;
		break;
	case TMCB_DESTROY:
		event.type = PARLEY_EV_RELEASE;
		event.invite = true;
		break;
	default:
		return;
	}
	sip_feed(NULL, &event);
}

/* ------------------------------------------------ the script's end */

/* The request route is over: now it is known whether a transaction was made,
 * and whether an in-dialog request was relayed or refused. */
static int on_request_end(struct sip_msg *msg, unsigned int flags, void *param)
{
	struct ctx *ctx = ctx_find(msg);
	struct cell *t;

	(void)flags;
	(void)param;
	if (!ctx)
		return 1;
	ctx_unload_forgotten(ctx);
	if (ctx->match.said && msg->REQ_METHOD == METHOD_ACK)
		said_ack(msg, &ctx->match);
	if (ctx->late)
		within_late(msg, compat_transaction(&adapter.tm));
	if (adapter.set.dlg_mode && ctx->created) {
		if (ctx->note.types)
			announce_late(ctx);
		scripted_created(msg, ctx->id);
	} else if (ctx->created || ctx->pending) {
		t = compat_transaction(&adapter.tm);
		if (ctx->pending)
			within_settle(msg, ctx, t);
		if (ctx->created && (!t || !tmcb_is_of(t, msg)))
			abandon(ctx);
		else if (ctx->created && (t->nr_of_outgoings == 0 ||
					  (t->flags & T_ASYNC_SUSPENDED)))
			invite_remember(t, ctx->id, 0); /* not sent yet */
	}
	ctx_clear(ctx);
	return 1;
}

static int on_other_end(struct sip_msg *msg, unsigned int flags, void *param)
{
	struct ctx *ctx = ctx_find(msg);

	(void)flags;
	(void)param;
	ctx_unload_forgotten(ctx);
	ctx_clear(ctx);
	return 1;
}

int sip_in_init(void)
{
	bool at_request_in =
		!adapter.set.dlg_mode && (adapter.set.dlg_flag >= 0 ||
					  !adapter.set.initial_cbs_inscript);

	if (at_request_in &&
	    adapter.tm.register_tmcb(NULL, NULL, TMCB_REQUEST_IN, on_request_in,
				     NULL, NULL) <= 0) {
		LM_ERR("cannot register with tm\n");
		return -1;
	}
	if (register_script_cb(on_request_end, POST_SCRIPT_CB | REQUEST_CB,
			       NULL) < 0 ||
	    register_script_cb(on_other_end,
			       POST_SCRIPT_CB | ONREPLY_CB | FAILURE_CB |
				       BRANCH_FAILURE_CB,
			       NULL) < 0) {
		LM_ERR("cannot register script callbacks\n");
		return -1;
	}
	return within_init() < 0 || invite_init() < 0 || scripted_init() < 0
		       ? -1
		       : 0;
}
