/* See calls.h. */
#include "core/dset.h"

#include "calls.h"
#include "cseq.h"
#include "facts.h"
#include "header_lines.h"
#include "invite.h"
#include "prack.h"
#include "reader.h"
#include "refer.h"
#include "request.h"
#include "text.h"
#include "tmcb.h"

enum {
	CALLID_CALLS_MAX = 16,
	REFER_LINES_MAX = 4096,
	RACK_LINES_MAX = 8192, /* as long as all headers of a request */
};

static void complain(const char *what, const char *why)
{
	log_limited(LOG_CAUSE_SCRIPT, L_ERR, "%s: %s\n", what, why);
}

/* ------------------------------------------------ who is asked */

/* A leg that can be spoken to: not over, and not one that only rings when
 * another has answered. */
static bool is_usable(const struct parley_view *view,
		      const struct parley_leg_view *leg)
{
	if (view->state < PARLEY_STATE_ANSWERED)
		return leg->state == PARLEY_LEG_EARLY;
	return leg->state == PARLEY_LEG_ANSWERED ||
	       leg->state == PARLEY_LEG_CONFIRMED;
}

static bool is_tag(struct parley_str one, struct parley_str other)
{
	return one.len > 0 && text_equal(one, other);
}

/* The leg that the message in hand belongs to, else the first. @msg may be
 * NULL. */
static const struct parley_leg_view *choose_leg(const struct parley_view *view,
						struct sip_msg *msg)
{
	const struct parley_leg_view *first = NULL;
	struct parley_event call = {0};
	bool own = msg && facts_call(msg, &call) &&
		   is_tag(call.callid, view->callid);

	for (uint32_t i = 0; i < view->leg_count; i++) {
		const struct parley_leg_view *leg = &view->legs[i];

		if (!is_usable(view, leg))
			continue;
		if (own && (is_tag(leg->tag, call.to_tag) ||
			    is_tag(leg->tag, call.from_tag)))
			return leg;
		if (!first)
			first = leg;
	}
	return first;
}

struct found_leg {
	uint32_t number;
	uint32_t invite_cseq;
	bool is_of_message; /* the To-tag of the message in hand is its own */
};

/* Finds the leg of a call that can take a request. False, and a log line: it
 * has none. @answered: a leg that only rings will not do. */
static bool find_leg(struct parley_id id, struct sip_msg *msg, bool answered,
		     const char *what, struct found_leg *found)
{
	const struct parley_leg_view *leg;
	struct parley_view view = {0};
	const char *why = NULL;
	int rc;

	/* A reply route has the leg's first reply in hand. */
	if (msg)
		invite_shown(msg, id);
	rc = reader_read(reader_of_steps(), id, &view);
	if (rc < 0) {
		complain(what, rc == PARLEY_E_NO_DIALOG ? "no such call"
							: "no memory left");
		return false;
	}
	leg = choose_leg(&view, msg);
	if (view.state == PARLEY_STATE_DELETED || view.ending)
		why = "it has ended or is being ended";
	else if (answered && view.state < PARLEY_STATE_ANSWERED)
		why = "nobody has answered it";
	else if (!leg || leg->number > REQUEST_LEG_MAX)
		why = "it has no callee with a To-tag";
	if (why) {
		log_limited(LOG_CAUSE_SCRIPT, L_ERR,
			    "%s in call %.*s (%u.%u): %s\n", what,
			    (int)view.callid.len, view.callid.s, id.entry,
			    id.id, why);
		return false;
	}
	found->number = leg->number;
	found->invite_cseq = leg->invite_cseq;
	found->is_of_message = msg && is_tag(leg->tag, facts_to_tag(msg));
	return true;
}

/* ------------------------------------------------ dlg_req_within() */

/* RFC 3261 12.2.1.2: the 2xx to a re-INVITE or UPDATE says where the party is
 * from now on, also when the request was ours. */
static void refresh_target(const struct request_result *result)
{
	bool upstream = result->towards == PARLEY_DIR_UPSTREAM;
	struct parley_event event = {0};
	struct cseq_body *cseq;

	if (!result->reply || result->code > 299 ||
	    parse_headers(result->reply, HDR_CSEQ_F | HDR_TO_F, 0) < 0 ||
	    !result->reply->cseq)
		return;
	cseq = get_cseq(result->reply);
	if (cseq->method_id != METHOD_INVITE &&
	    cseq->method_id != METHOD_UPDATE)
		return;
	if (!facts_within(result->reply, upstream, &event))
		return;
	event.type = PARLEY_EV_REPLY_WITHIN;
	event.id = result->id;
	event.method = facts_method((int)cseq->method_id);
	event.code = (uint16_t)result->code;
	event.contact = facts_contact(result->reply);
	event.ours = true;
	sip_feed(NULL, &event);
}

static void on_request_done(struct cell *t, int type,
			    struct tmcb_params *params)
{
	struct request_result result;

	(void)t;
	if (request_result(type, params, &result))
		refresh_target(&result);
}

/* NULL, or what is wrong with what the script says. */
static const char *request_fault(const struct calls_request *request)
{
	const str *method = &request->method;

	if (!request->side)
		return "side must be caller, callee or all";
	if (!header_is_token(to_parley(method)))
		return "method must be a word such as INFO";
	/* They belong to the transaction of an INVITE. */
	if (text_is(to_parley(method), "ACK") ||
	    text_is(to_parley(method), "CANCEL"))
		return "ACK and CANCEL are no requests of their own";
	if ((request->body.len > 0) != (request->content_type.len > 0))
		return "content type and body go together";
	for (int i = 0; i < request->content_type.len; i++)
		if ((unsigned char)request->content_type.s[i] < ' ')
			return "the content type must be one line";
	return header_lines_fault(to_parley(&request->headers));
}

/* As request_send(). */
static int send_to(struct parley_id id, const struct calls_request *request,
		   uint32_t leg, enum parley_direction towards)
{
	const struct request_what what = {
		.method = request->method,
		.kind = request->own_number ? PARLEY_REQUEST_OWN
					    : PARLEY_REQUEST_NEXT,
		.leg = leg,
		.towards = towards,
		.headers = request->headers,
		.content_type = request->content_type,
		.body = request->body,
		.done = on_request_done,
	};

	return request_send(id, &what);
}

int calls_request(struct sip_msg *msg, const struct calls_request *request)
{
	const char *what = "dlg_req_within()";
	const char *fault = request_fault(request);
	struct found_leg leg;
	struct parley_id id;
	bool sent = true;

	if (fault) {
		complain(what, fault);
		return -1;
	}
	if (!ctx_dialog(msg, &id)) {
		complain(what, "the message belongs to no call");
		return -1;
	}
	if (!find_leg(id, msg, false, what, &leg))
		return -1;
	if (request->side & PARLEY_SIDE_CALLER)
		sent = send_to(id, request, leg.number, PARLEY_DIR_UPSTREAM) >=
		       0;
	if (request->side & PARLEY_SIDE_CALLEE)
		sent = send_to(id, request, leg.number,
			       PARLEY_DIR_DOWNSTREAM) >= 0 &&
		       sent;
	return sent ? 1 : -1;
}

/* ------------------------------------------------ dlg_send_sequential() */

/* A PRACK has to say what it acknowledges: the reply in hand, unless the script
 * says it itself. NULL, or what is missing. */
static const char *add_rack(struct sip_msg *msg, const struct found_leg *leg,
			    struct calls_request *request,
			    char lines[RACK_LINES_MAX])
{
	const char *fault;
	uint32_t rseq;
	str line;

	if (!text_is(to_parley(&request->method), "PRACK") ||
	    header_lines_have(to_parley(&request->headers), "RAck"))
		return NULL;
	if (request->side != PARLEY_SIDE_CALLEE)
		return "a PRACK to the caller must bring its RAck";
	fault = prack_rseq(msg, &rseq);
	if (fault)
		return fault;
	if (!leg->is_of_message)
		return "the reply is from no callee that rings";
	line = prack_line(rseq, leg->invite_cseq, lines);
	if (request->headers.len > RACK_LINES_MAX - line.len)
		return "the headers are too long";
	if (request->headers.len > 0)
		memcpy(lines + line.len, request->headers.s,
		       (size_t)request->headers.len);
	request->headers = (str){lines, line.len + request->headers.len};
	return NULL;
}

int calls_sequential(struct sip_msg *msg, const struct calls_request *wanted)
{
	const char *what = "dlg_send_sequential()";
	struct calls_request request = *wanted;
	const char *fault = request_fault(&request);
	char lines[RACK_LINES_MAX];
	struct found_leg leg;
	struct parley_id id;

	if (request.side != PARLEY_SIDE_CALLER &&
	    request.side != PARLEY_SIDE_CALLEE)
		fault = "the side must be caller or callee";
	else if (!fault && !ctx_dialog(msg, &id))
		fault = "the message belongs to no call";
	if (!fault && !find_leg(id, msg, false, what, &leg))
		return -1;
	if (!fault)
		fault = add_rack(msg, &leg, &request, lines);
	if (fault) {
		complain(what, fault);
		return -1;
	}
	(void)cseq_ready();
	request.own_number = true;
	return send_to(id, &request, leg.number,
		       request.side == PARLEY_SIDE_CALLER
			       ? PARLEY_DIR_UPSTREAM
			       : PARLEY_DIR_DOWNSTREAM) > 0
		       ? 1
		       : -1;
}

/* ------------------------------------------------ dlg_refer() */

static void on_refer_done(struct cell *t, int type, struct tmcb_params *params)
{
	struct request_what bye = {.method = str_init("BYE")};
	struct request_result result;

	(void)t;
	if (!request_result(type, params, &result))
		return;
	if (result.code < 200 || result.code > 299) {
		log_limited(LOG_CAUSE_END, L_WARN,
			    "call %u.%u: the REFER was answered with %d, the "
			    "call goes on\n",
			    result.id.entry, result.id.id, result.code);
		return;
	}
	bye.leg = result.leg;
	bye.towards = result.towards;
	(void)!request_send(result.id, &bye);
}

static int refer(struct parley_id id, struct sip_msg *msg,
		 enum parley_side side, const str *address)
{
	const char *name = "REFER";
	char buffer[REFER_LINES_MAX];
	struct request_what what = {
		.method = str_init("REFER"),
		.towards = side == PARLEY_SIDE_CALLER ? PARLEY_DIR_UPSTREAM
						      : PARLEY_DIR_DOWNSTREAM,
		.done = on_refer_done,
	};
	struct found_leg leg;
	str uri;

	if (side != PARLEY_SIDE_CALLER && side != PARLEY_SIDE_CALLEE) {
		complain(name, "side must be caller or callee");
		return -1;
	}
	if (!refer_uri(address, &uri)) {
		complain(name, "the address must be a URI such as "
			       "sip:bob@example.com");
		return -1;
	}
	if (!refer_lines(address, buffer, sizeof(buffer), &what.headers)) {
		complain(name, "the address is too long");
		return -1;
	}
	if (!find_leg(id, msg, true, name, &leg))
		return -1;
	what.leg = leg.number;
	return request_send(id, &what) < 0 ? -1 : 1;
}

int calls_refer(struct sip_msg *msg, enum parley_side side, const str *address)
{
	struct parley_id id;

	if (ctx_dialog(msg, &id))
		return refer(id, msg, side, address);
	complain("REFER", "the message belongs to no call");
	return -1;
}

int calls_refer_id(struct parley_id id, enum parley_side side,
		   const str *address)
{
	return refer(id, NULL, side, address);
}

bool calls_is_active(struct parley_id id)
{
	struct parley_view view = {0};

	return reader_read(reader_of_steps(), id, &view) == 0 &&
	       view.state != PARLEY_STATE_DELETED;
}

bool calls_find(const str *callid, bool active_only, struct parley_id *idp)
{
	struct parley_id ids[CALLID_CALLS_MAX];
	uint32_t count = parley_find_callid(adapter.engine, to_parley(callid),
					    ids, CALLID_CALLS_MAX);

	for (uint32_t i = 0; i < count; i++) {
		*idp = ids[i];
		if (calls_is_active(ids[i]))
			return true;
	}
	return !active_only && count > 0;
}

int calls_refer_callid(const str *callid, enum parley_side side,
		       const str *address)
{
	struct parley_id id;

	if (calls_find(callid, true, &id))
		return refer(id, NULL, side, address);
	log_limited(LOG_CAUSE_SCRIPT, L_ERR,
		    "REFER: no call with the Call-ID %.*s\n", callid->len,
		    callid->s);
	return -1;
}

/* ------------------------------------------------ dlg_set_ruri() */

/* The contact of who the message goes to: from the caller to the callee whose
 * tag it has, from a callee to the caller. */
static struct parley_str contact_towards(const struct parley_view *view,
					 struct sip_msg *msg)
{
	const struct ctx *ctx = ctx_find(msg);
	const struct parley_leg_view *leg = choose_leg(view, msg);
	bool upstream = ctx && ctx->dir == PARLEY_DIR_UPSTREAM;
	struct parley_event call = {0};

	(void)facts_call(msg, &call);
	for (uint32_t i = 0; i < view->leg_count; i++) {
		if (is_tag(view->legs[i].tag, call.to_tag))
			leg = &view->legs[i];
		else if (is_tag(view->legs[i].tag, call.from_tag))
			upstream = true;
	}
	if (is_tag(view->caller.tag, call.from_tag))
		upstream = false;
	if (upstream)
		return view->caller.contact;
	return leg ? leg->contact : (struct parley_str){0};
}

int calls_set_ruri(struct sip_msg *msg)
{
	struct parley_view view = {0};
	struct parley_id id;
	str uri;

	/* As in the stock module, a message of no call is nothing to log. */
	if (!ctx_dialog(msg, &id) ||
	    reader_read(reader_of_steps(), id, &view) < 0)
		return -1;
	uri = to_str(contact_towards(&view, msg));
	if (uri.len <= 0) {
		log_limited(LOG_CAUSE_SCRIPT, L_NOTICE,
			    "dlg_set_ruri() in call %.*s (%u.%u): no Contact "
			    "of the other party is known\n",
			    (int)view.callid.len, view.callid.s, id.entry,
			    id.id);
		return -1;
	}
	return rewrite_uri(msg, &uri) < 0 ? -1 : 1;
}
