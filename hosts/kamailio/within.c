/* See within.h. */
#include "core/kemi.h"
#include "core/parser/parse_from.h"
#include "core/parser/parse_uri.h"

#include "capi.h"
#include "cookie.h"
#include "cseq.h"
#include "facts.h"
#include "fields.h"
#include "late.h"
#include "own_mark.h"
#include "said.h"
#include "scripted.h"
#include "text.h"
#include "tmcb.h"
#include "within.h"

/* ------------------------------------------------ the cookie */

static bool read_cookie(str value, struct parley_id *id)
{
	struct parley_id parsed;

	if (!cookie_parse(to_parley(&value), &parsed) ||
	    parsed.entry >= PARLEY_HASH_SIZE_MAX) /* of another hash_size */
		return false;
	*id = parsed;
	return true;
}

/* ------------------------------------------------ commit */

static void commit(struct sip_msg *msg, void **slot, bool upstream, bool hold)
{
	struct parley_event event = {0};
	struct parley_actions actions;
	struct parley_id id = tmcb_id(*slot);

	*slot = tmcb_pack(id, tmcb_bits(*slot) | WITHIN_COMMITTED);
	if (!facts_within(msg, upstream, &event))
		return;
	event.type = facts_method(msg->REQ_METHOD);
	event.id = id;
	event.hold = hold;
	facts_request(msg, &event);
	if (event.type != PARLEY_EV_BYE)
		event.lifetime_s = sip_lifetime(msg);
	if (parley_feed(adapter.engine, host_now(), &event, &actions) < 0)
		return; /* late or out of place: counted */
	if (hold)
		*slot = tmcb_pack(id, tmcb_bits(*slot) | WITHIN_HELD);
	if (!(tmcb_bits(*slot) & WITHIN_ANSWERED))
		cseq_mark_again(msg, &actions);
	sip_run(msg, &actions, NULL);
	scripted_changed(&actions);
	if (event.type != PARLEY_EV_BYE)
		sip_lifetime_again(msg, id, event.lifetime_s);
}

/* From a transaction callback. A module on top that changes the request (uac,
 * siptrace) marks it, and looks for its mark when the reply comes, on the copy
 * that tm has made before. */
static void commit_from(struct cell *t, struct sip_msg *msg, struct ctx *ctx,
			void **slot)
{
	unsigned int before = msg->msg_flags;

	if (ctx)
		ctx->pending = false;
	commit(msg, slot, tmcb_bits(*slot) & WITHIN_UPSTREAM,
	       msg->REQ_METHOD == METHOD_BYE);
	if (t->uas.request && t->uas.request != msg)
		t->uas.request->msg_flags |= msg->msg_flags & ~before;
}

/* ------------------------------------------------ refused */

void on_refused(struct cell *t, int type, struct tmcb_params *params)
{
	(void)t;
	(void)type;
	(void)params;
}

/* What validate_dialog() has said of the request of @t; 0: nothing against it.
 */
static int refusal_of(struct cell *t)
{
	void **why = adapter.validates ? tmcb_find(t, on_refused) : NULL;

	return why ? -(int)(uintptr_t)*why : 0;
}

/* A script that was suspended goes on in another process, before the one that
 * has refused the request is at its end. */
static bool is_refused(struct cell *t, const struct ctx *ctx)
{
	if (ctx && (ctx->refused || ctx->repaired))
		return ctx->refused;
	return refusal_of(t) != 0;
}

/* Tells tm, which may have no transaction yet. */
static void mark_refused(struct sip_msg *msg, const struct ctx *ctx)
{
	struct cell *t = compat_transaction(&adapter.tm);
	void *why = (void *)(uintptr_t)(ctx->refused ? -ctx->verdict : 0);
	void **slot = t ? tmcb_find(t, on_refused) : NULL;

	if (msg->REQ_METHOD == METHOD_ACK || adapter.set.dlg_mode ||
	    (t && !tmcb_is_of(t, msg)))
		return;
	if (slot)
		*slot = why;
	else if (why && adapter.tm.register_tmcb(msg, t, TMCB_DESTROY,
						 on_refused, why, NULL) <= 0)
		log_limited(LOG_CAUSE_MEMORY, L_ERR,
			    "dialog %u.%u: no shared memory to remember that "
			    "a request was refused; start kamailio with a "
			    "larger -m\n",
			    ctx->id.entry, ctx->id.id);
}

void within_refuse(struct sip_msg *msg, struct ctx *ctx)
{
	if (ctx->refused)
		return;
	ctx->refused = true;
	ctx->pending = false;
	ctx->match.next_state = ctx->match.state;
	mark_refused(msg, ctx);
}

void within_repair(struct sip_msg *msg, struct ctx *ctx)
{
	ctx->repaired = true;
	if (!ctx->refused)
		return;
	ctx->refused = false;
	ctx->pending = true;
	ctx->verdict = 1;
	mark_refused(msg, ctx);
}

static bool is_fed(struct cell *t)
{
	void **slot = tmcb_find(t, on_within);

	return slot && (tmcb_bits(*slot) & WITHIN_COMMITTED);
}

bool within_was_fed(struct sip_msg *msg, const struct ctx *ctx)
{
	struct cell *t = compat_transaction(&adapter.tm);

	/* It leaves the numbers as they are. */
	if (msg->REQ_METHOD == METHOD_ACK || ctx->refused)
		return false;
	return t && !tmcb_is_of(t, msg) ? is_fed(t) : !ctx->pending;
}

bool within_repeats(struct sip_msg *msg)
{
	int canceled = 0;
	bool fed = false;

	if (adapter.tm.t_gett() != T_UNDEFINED || msg->REQ_METHOD == METHOD_ACK)
		return false;
	if (adapter.tm.t_lookup_request(msg, 0, &canceled) > 0) {
		struct cell *t = adapter.tm.t_gett();

		fed = is_fed(t);
		adapter.tm.unref_cell(t);
	}
	adapter.tm.t_sett(T_UNDEFINED, T_BR_UNDEFINED);
	return fed;
}

/* ------------------------------------------------ transactions */

/* A final reply to a request that the engine knows of. */
static void feed_reply(struct parley_id id, unsigned int bits,
		       struct tmcb_params *params)
{
	struct sip_msg *req = params->req;
	struct parley_event event = {0};

	if (params->code < 200 ||
	    !facts_within(req, bits & WITHIN_UPSTREAM, &event))
		return;
	event.type = PARLEY_EV_REPLY_WITHIN;
	event.method = facts_method(req->REQ_METHOD);
	if (event.method != PARLEY_EV_REINVITE &&
	    event.method != PARLEY_EV_UPDATE && event.method != PARLEY_EV_BYE)
		return; /* it changes nothing */
	event.id = id;
	event.was_told = adapter.has_modules;
	event.code = (uint16_t)params->code;
	if (params->rpl && params->rpl != FAKED_REPLY) {
		event.socket = params->rpl->rcv.bind_address;
		if (event.method != PARLEY_EV_BYE)
			event.contact = facts_contact(params->rpl);
	}
	sip_feed_reply(req, params->rpl, &event);
}

/* A reply to a request that validate_dialog() has refused. If the script has
 * relayed it and the other party accepts, the call is what the parties say. */
static void accepted_after_all(struct cell *t, struct tmcb_params *params)
{
	void **slot = params->param;

	if (params->code < 200 || params->code > 299 || !params->rpl ||
	    params->rpl == FAKED_REPLY)
		return;
	*slot = tmcb_pack(tmcb_id(*slot), tmcb_bits(*slot) | WITHIN_ANSWERED);
	commit_from(t, t->uas.request, NULL, slot);
}

/* A reply by the proxy itself: nothing was relayed before. */
static void answered_here(struct cell *t, struct tmcb_params *params,
			  struct ctx *ctx)
{
	void **slot = params->param;

	if (params->code >= 300) {
		*slot = tmcb_pack(tmcb_id(*slot),
				  tmcb_bits(*slot) | WITHIN_DROPPED);
		if (ctx)
			ctx->pending = false;
	} else if (params->code >= 200) {
		/* The script works on its own copy, if it is here. */
		commit_from(t, ctx ? ctx->msg : t->uas.request, ctx, slot);
	}
}

/* A reply is ready. */
static void on_reply(struct cell *t, struct tmcb_params *params)
{
	void **slot = params->param;
	unsigned int bits = tmcb_bits(*slot);
	struct ctx *ctx = ctx_find_request(params->req);

	if (!(bits & (WITHIN_COMMITTED | WITHIN_DROPPED))) {
		if (is_refused(t, ctx))
			accepted_after_all(t, params);
		else
			answered_here(t, params, ctx);
	}
	bits = tmcb_bits(*slot);
	if (bits & WITHIN_COMMITTED)
		feed_reply(tmcb_id(*slot), bits, params);
}

/* A reply that is about to be relayed, and that modules on top may change. */
static void tell_forwarded(struct parley_id id, unsigned int bits,
			   struct tmcb_params *params)
{
	uint32_t before = sip_lifetime(params->req);

	capi_reply_within(id,
			  bits & WITHIN_UPSTREAM ? PARLEY_DIR_UPSTREAM
						 : PARLEY_DIR_DOWNSTREAM,
			  params->req, params->rpl);
	sip_lifetime_again(params->req, id, before);
}

void on_within(struct cell *t, int type, struct tmcb_params *params)
{
	void **slot = params->param;
	unsigned int bits = tmcb_bits(*slot);

	if (!adapter.engine)
		return;
	if (type == TMCB_REQUEST_FWDED) {
		struct ctx *ctx = ctx_find_request(params->req);

		if (!(bits & (WITHIN_COMMITTED | WITHIN_DROPPED)) &&
		    !is_refused(t, ctx))
			commit_from(t, params->req, ctx, slot);
	} else if (type == TMCB_RESPONSE_FWDED) {
		if (bits & WITHIN_COMMITTED)
			tell_forwarded(tmcb_id(*slot), bits, params);
	} else if (type == TMCB_RESPONSE_READY) {
		on_reply(t, params);
	} else if (type == TMCB_DESTROY && (bits & WITHIN_HELD)) {
		const struct parley_event event = {.type = PARLEY_EV_RELEASE,
						   .id = tmcb_id(*slot)};

		*slot = tmcb_pack(tmcb_id(*slot), bits & ~WITHIN_HELD);
		sip_feed(NULL, &event);
	}
}

void within_settle(struct sip_msg *msg, struct ctx *ctx, struct cell *t)
{
	bool upstream = ctx->match.dir == PARLEY_DIR_UPSTREAM;
	void *alone = tmcb_pack(ctx->id, 0);
	void **slot = NULL;

	ctx->pending = false;
	if (msg->REQ_METHOD == METHOD_ACK) {
		/* Of a failure it tells the dialog nothing. */
		if (!t || t->uas.status < 300)
			commit(msg, &alone, upstream, false);
		return;
	}
	if (t) {
		if (!tmcb_is_of(t, msg))
			return; /* a copy of a request that was here before */
		if (t->flags & T_ASYNC_SUSPENDED)
			return; /* whoever resumes it commits it */
		if (t->uas.status >= 300)
			return; /* refused */
		slot = tmcb_find(t, on_within);
	}
	if (slot && (tmcb_bits(*slot) & (WITHIN_COMMITTED | WITHIN_DROPPED)))
		return;
	commit(msg, slot ? slot : &alone, upstream,
	       slot && msg->REQ_METHOD == METHOD_BYE);
}

/* ------------------------------------------------ match */

static void log_unmatched(struct sip_msg *msg, const struct parley_query *query,
			  int rc)
{
	log_limited(LOG_CAUSE_UNKNOWN, L_WARN,
		    "%.*s of call %.*s from %s matches no dialog (%s; cookie "
		    "names %u.%u): relayed, not followed\n",
		    msg->first_line.u.request.method.len,
		    msg->first_line.u.request.method.s, (int)query->callid.len,
		    query->callid.s, ip_addr2a(&msg->rcv.src_ip),
		    parley_error_text(rc), query->id.entry, query->id.id);
}

static bool has_tags(const struct parley_event *call)
{
	return call->from_tag.len > 0 && call->to_tag.len > 0;
}

/* Its dialog may be one that is not loaded yet. What cannot be refused counts
 * at once. */
static void expect_late(struct sip_msg *msg)
{
	struct ctx *ctx = ctx_of(msg);

	if (msg->REQ_METHOD == METHOD_ACK && !adapter.validates) {
		within_late(msg, NULL);
	} else {
		ctx->used = true;
		ctx->late = true;
	}
}

/* Who wants to know which dialog it is. */
enum asker { ASKER_MANAGE, ASKER_ROUTE, ASKER_SCRIPT };

/* The value of the cookie that the request came with. */
static bool find_cookie(struct sip_msg *msg, enum asker asker, str *value)
{
	str name = adapter.set.rr_param;
	struct sip_uri uri;
	struct parley_str found;

	if (adapter.rr.get_route_param(msg, &name, value) == 0)
		return true;
	/* A strict router has put the Route value there (RFC 3261 16.12). */
	if (asker != ASKER_SCRIPT ||
	    parse_uri(msg->first_line.u.request.uri.s,
		      msg->first_line.u.request.uri.len, &uri) < 0 ||
	    uri.params.len <= 0)
		return false;
	/* With the semicolon in front. */
	found = field_parameter(
		(struct parley_str){uri.params.s - 1,
				    (uint32_t)uri.params.len + 1},
		name.s);
	*value = to_str(found);
	return found.len > 0;
}

/* Fills match. True: found. */
static bool find(struct sip_msg *msg, const struct parley_event *call, int mode,
		 enum asker asker, struct parley_match *match)
{
	struct parley_query query = {
		.callid = call->callid,
		.from_tag = call->from_tag,
		.to_tag = call->to_tag,
		.method = facts_method(msg->REQ_METHOD),
	};
	str name = adapter.set.rr_param;
	str value;
	int rc;

	if (mode != 2 && find_cookie(msg, asker, &value)) {
		if (!read_cookie(value, &query.id)) {
			log_limited(LOG_CAUSE_COOKIE, L_WARN,
				    "%.*s of call %.*s from %s: malformed "
				    "%.*s=%.*s ignored\n",
				    msg->first_line.u.request.method.len,
				    msg->first_line.u.request.method.s,
				    (int)call->callid.len, call->callid.s,
				    ip_addr2a(&msg->rcv.src_ip), name.len,
				    name.s, text_shown(value.len), value.s);
			query.id = (struct parley_id){0, 0};
			if (mode == 0)
				return false;
		}
	} else if (mode == 0) {
		return false;
	}
	/* A callee that gave no tag is known by the cookie only. */
	if (!has_tags(call) && query.id.id == 0)
		return false;
	rc = parley_match(adapter.engine, &query, match);
	if (rc < 0 && mode == 1 && query.id.id != 0 && has_tags(call)) {
		query.id = (struct parley_id){0, 0};
		rc = parley_match(adapter.engine, &query, match);
	}
	if (rc == PARLEY_E_NO_DIALOG && has_tags(call) && late_is_on())
		expect_late(msg);
	else if (rc < 0 && asker == ASKER_ROUTE)
		log_unmatched(msg, &query, rc);
	return rc == 0;
}

/* Registers what is of interest about the request's transaction, which there
 * need not be yet. Only a BYE keeps its dialog until the transaction is gone.
 */
static void watch(struct sip_msg *msg, const struct parley_event *call,
		  const struct parley_match *match)
{
	int types = TMCB_REQUEST_FWDED | TMCB_RESPONSE_READY;
	unsigned int bits =
		match->dir == PARLEY_DIR_UPSTREAM ? WITHIN_UPSTREAM : 0;

	if (msg->REQ_METHOD == METHOD_BYE)
		types |= TMCB_DESTROY;
	if (adapter.has_modules)
		types |= TMCB_RESPONSE_FWDED;
	if (adapter.tm.register_tmcb(msg, NULL, types, on_within,
				     tmcb_pack(match->id, bits), NULL) <= 0)
		log_limited(LOG_CAUSE_MEMORY, L_ERR,
			    "call %.*s (%u.%u): no shared memory for tm's "
			    "callback, the request is followed at the script's "
			    "end; start kamailio with a larger -m\n",
			    (int)call->callid.len, call->callid.s,
			    match->id.entry, match->id.id);
}

/* An ACK has no transaction, and if the script does not validate requests, it
 * can refuse none: who looks at the dialog then sees it confirmed. */
static void commit_ack(struct sip_msg *msg, struct ctx *ctx)
{
	void *alone = tmcb_pack(ctx->id, 0);

	ctx->pending = adapter.validates;
	if (!ctx->pending)
		commit(msg, &alone, ctx->match.dir == PARLEY_DIR_UPSTREAM,
		       false);
}

static void match_request(struct sip_msg *msg, int mode, enum asker asker)
{
	struct ctx *ctx = ctx_of(msg);
	struct parley_event call = {0};
	struct parley_match match;
	struct cell *t;

	if (ctx->id.id != 0 || msg->REQ_METHOD == METHOD_CANCEL)
		return;
	(void)!facts_call(msg, &call); /* an old callee has no tag */
	if (call.callid.len == 0 ||
	    (!has_tags(&call) && msg->REQ_METHOD == METHOD_INVITE) ||
	    !find(msg, &call, mode, asker, &match))
		return;
	ctx->used = true;
	ctx->in_dialog = true;
	ctx->id = match.id;
	ctx->got = false;
	ctx->dir = match.dir;
	ctx->match = match;
	/* What the engine has asked for it need not be told, and a number that
	 * it has given out is no news from the party. */
	if (own_mark_is_in(msg))
		return;
	cseq_mark_request(msg, &match);
	/* Those who restore From in the reply read it in tm's copy. */
	if (adapter.has_modules && parse_from_header(msg) < 0)
		LM_DBG("From is not parsed for modules on top\n");
	if (msg->REQ_METHOD == METHOD_ACK) {
		commit_ack(msg, ctx);
		return;
	}
	t = compat_transaction(&adapter.tm);
	if (t && !tmcb_is_of(t, msg))
		return; /* a copy; tm will repeat its reply */
	ctx->pending = true;
	ctx->verdict = t ? refusal_of(t) : 0;
	if (ctx->verdict < 0) {
		/* Before it was suspended. */
		ctx->judged = true;
		within_refuse(msg, ctx);
		return;
	}
	if (adapter.set.dlg_mode)
		return; /* without tm's callbacks */
	if (match.said && !t)
		said_watch_within(msg, &match);
	/* Who resumes a suspended request may match it again. */
	if (!t || !tmcb_find(t, on_within))
		watch(msg, &call, &match);
}

void within_match(struct sip_msg *msg, const str *params)
{
	match_request(msg, params ? adapter.set.dlg_match_mode : 2,
		      params ? ASKER_ROUTE : ASKER_MANAGE);
}

bool within_match_by(struct sip_msg *msg, int mode)
{
	const struct ctx *ctx = ctx_of(msg);

	if (msg->first_line.type != SIP_REQUEST ||
	    parse_headers(msg, HDR_EOH_F, 0) < 0)
		return false;
	match_request(msg, mode, ASKER_SCRIPT);
	return ctx->in_dialog && ctx->id.id != 0;
}

void within_late(struct sip_msg *msg, const struct cell *t)
{
	struct parley_event event = {.type = facts_method(msg->REQ_METHOD)};
	const struct ctx *ctx = ctx_find(msg);
	struct parley_event call = {0};
	bool own = t && tmcb_is_of(t, msg);

	if ((own && t->uas.status >= 300) ||
	    (ctx && ctx->refused && !(own && t->nr_of_outgoings > 0)) ||
	    !facts_call(msg, &call))
		return;
	facts_request(msg, &event);
	if (event.type != PARLEY_EV_BYE)
		event.lifetime_s = sip_lifetime(msg);
	late_keep(&event, call.callid, call.from_tag, call.to_tag);
}

bool within_update(struct sip_msg *msg)
{
	struct ctx *ctx = ctx_of(msg);
	void *alone;

	within_match(msg, NULL);
	if (!ctx->in_dialog || ctx->refused)
		return false;
	if (ctx->pending) {
		ctx->pending = false;
		alone = tmcb_pack(ctx->id, 0);
		commit(msg, &alone, ctx->match.dir == PARLEY_DIR_UPSTREAM,
		       false);
	}
	return true;
}

/* ------------------------------------------------ hooks */

static void on_route(struct sip_msg *msg, str *params, void *unused)
{
	(void)unused;
	within_match(msg, params);
}

/* sl answers without a transaction. */
static void on_stateless_reply(sl_cbp_t *params)
{
	struct ctx *ctx = ctx_find(params->req);

	if (ctx && params->code >= 300)
		ctx->pending = ctx->late = false;
}

int within_init(void)
{
	sl_cbelem_t element = {.type = SLCB_REPLY_READY,
			       .cbf = on_stateless_reply};
	sl_api_t sl;

	/* Of kamailio.cfg the fixup knows. */
	adapter.validates = adapter.validates || sr_kemi_eng_get();
	if (adapter.rr.register_rrcb(on_route, NULL) < 0) {
		LM_ERR("cannot register with rr\n");
		return -1;
	}
	/* Without sl no script can answer without a transaction. */
	if (find_export("bind_sl", 0, 0) &&
	    (sl_load_api(&sl) < 0 || sl.register_cb(&element) < 0)) {
		LM_ERR("cannot register with sl\n");
		return -1;
	}
	return 0;
}
