/* See request.h. */
#include <stdio.h>

#include "core/msg_translator.h"
#include "core/parser/parse_rr.h"
#include "core/receive.h"
#include "modules/tm/dlg.h"
#include "modules/tm/uac.h"

#include "capi_ims.h"
#include "header_lines.h"
#include "own_mark.h"
#include "reader.h"
#include "reason.h"
#include "request.h"
#include "text.h"
#include "tmcb.h"

enum { HEADERS_MAX = 8192 };

/* Of the callbacks: 8 bits of the leg's number, and the direction. */
enum { BIT_UPSTREAM = REQUEST_LEG_MAX + 1 };
_Static_assert((REQUEST_LEG_MAX | BIT_UPSTREAM) <= (int)TMCB_BITS_MAX,
	       "leg and direction must fit");

static unsigned int bits_of(const struct request_what *what)
{
	return (what->leg & REQUEST_LEG_MAX) |
	       (what->towards == PARLEY_DIR_UPSTREAM ? BIT_UPSTREAM : 0);
}

bool request_result(int type, struct tmcb_params *params,
		    struct request_result *result)
{
	void *packed = *params->param;
	unsigned int bits = tmcb_bits(packed);

	if (!adapter.engine || !packed ||
	    (type != TMCB_DESTROY && params->code < 200))
		return false;
	*params->param = NULL;
	*result = (struct request_result){
		.id = tmcb_id(packed),
		.leg = bits & REQUEST_LEG_MAX,
		.towards = bits & BIT_UPSTREAM ? PARLEY_DIR_UPSTREAM
					       : PARLEY_DIR_DOWNSTREAM,
		.code = type == TMCB_DESTROY ? 0 : params->code,
	};
	if (type != TMCB_DESTROY && params->rpl != FAKED_REPLY)
		result->reply = params->rpl;
	return true;
}

/* @bye: what was sent, or NULL. */
static void report_done(enum parley_event_type type,
			const struct request_result *result,
			struct sip_msg *bye)
{
	const struct parley_event event = {
		.type = type,
		.id = result->id,
		.leg = result->leg,
		.dir = result->towards,
		.code = (uint16_t)result->code,
	};
	struct parley_actions actions;

	if (parley_feed(adapter.engine, host_now(), &event, &actions) == 0)
		sip_run_own_bye(bye, result->reply, &actions);
}

/* Modules on top want a request when a call has ended. tm has none for a BYE of
 * ours, only the bytes that were sent. */
static void report_bye_with(const struct cell *t,
			    const struct request_result *result)
{
	const struct retr_buf *sent = &t->uac[0].request;
	struct sip_msg bye;
	bool parsed = sent->buffer && sent->buffer_len > 0 &&
		      build_sip_msg_from_buf(&bye, sent->buffer,
					     (int)sent->buffer_len,
					     inc_msg_no()) == 0;

	capi_ims_bye_done(result->id, parsed ? &bye : NULL, result->reply);
	report_done(PARLEY_EV_BYE_DONE, result, parsed ? &bye : NULL);
	if (parsed)
		free_sip_msg(&bye);
}

static void on_bye_done(struct cell *t, int type, struct tmcb_params *params)
{
	struct request_result result;

	if (!request_result(type, params, &result))
		return;
	if (adapter.has_modules && type != TMCB_DESTROY)
		report_bye_with(t, &result);
	else
		report_done(PARLEY_EV_BYE_DONE, &result, NULL);
}

static void report_ping(enum parley_ping ping,
			const struct request_result *result)
{
	const struct parley_event event = {
		.type = PARLEY_EV_PING_DONE,
		.id = result->id,
		.leg = result->leg,
		.dir = result->towards,
		.code = (uint16_t)result->code,
		.ping = (uint8_t)ping,
	};

	sip_feed(NULL, &event);
}

static void on_ka_done(struct cell *t, int type, struct tmcb_params *params)
{
	struct request_result result;

	(void)t;
	if (request_result(type, params, &result))
		report_ping(PARLEY_PING_KA, &result);
}

static void on_options_done(struct cell *t, int type,
			    struct tmcb_params *params)
{
	struct request_result result;

	(void)t;
	if (request_result(type, params, &result))
		report_ping(PARLEY_PING_OPTIONS, &result);
}

/* tm has sent the ACK. What the answer says is what the party has said before;
 * the other one is asked the same way. */
static void on_reinvite_done(struct cell *t, int type,
			     struct tmcb_params *params)
{
	struct request_result result;

	(void)t;
	if (request_result(type, params, &result))
		report_ping(PARLEY_PING_REINVITE, &result);
}

/* ------------------------------------------------ header lines */

struct headers {
	char text[HEADERS_MAX];
	size_t len;
};

static bool headers_add(struct headers *headers, str text)
{
	if ((size_t)text.len > sizeof(headers->text) - headers->len)
		return false;
	if (text.len > 0)
		memcpy(headers->text + headers->len, text.s, (size_t)text.len);
	headers->len += (size_t)text.len;
	return true;
}

/* Adds whole lines; the last one may have come without its end. */
static bool headers_add_lines(struct headers *headers, str lines)
{
	return headers_add(headers, lines) &&
	       (lines.len <= 0 || header_lines_ended(to_parley(&lines)) ||
		headers_add(headers, (str)STR_STATIC_INIT("\r\n")));
}

/* dlg_extra_hdrs, then why the call ends (RFC 3326; a command that brings a
 * Reason of its own knows better), then the command's. A call has to end, so
 * that a BYE goes without what is too long for it. */
static void headers_of_bye(struct headers *headers,
			   const struct parley_view *view,
			   const str *extra_hdrs)
{
	char line[REASON_LINE_MAX];
	int code = view->end_code ? view->end_code : adapter.set.early_code;
	str reason = to_str(reason_line(code, view->end_reason, line));

	if (extra_hdrs && header_lines_have(to_parley(extra_hdrs), "Reason"))
		reason.len = 0;
	headers->len = 0;
	if (headers_add_lines(headers, adapter.set.extra_hdrs) &&
	    headers_add(headers, reason) &&
	    (!extra_hdrs || headers_add_lines(headers, *extra_hdrs)))
		return;
	log_limited(LOG_CAUSE_SEND, L_ERR,
		    "call %.*s (%u.%u): BYE goes without dlg_extra_hdrs and "
		    "other headers: they have more than %d bytes\n",
		    (int)view->callid.len, view->callid.s, view->id.entry,
		    view->id.id, HEADERS_MAX);
	headers->len = 0;
	(void)!headers_add(headers, reason);
}

/* A re-INVITE says again what the other party has said (RFC 3261 14.1). */
static bool headers_add_offer(struct headers *headers,
			      const struct parley_request *request)
{
	return headers_add(headers, (str)STR_STATIC_INIT("Contact: <")) &&
	       headers_add(headers, to_str(request->contact)) &&
	       headers_add(headers,
			   (str)STR_STATIC_INIT(">\r\nContent-Type: "
						"application/sdp\r\n"));
}

/* All that a request of ours carries beyond what tm writes itself. */
static bool headers_of(struct headers *headers, const struct request_what *what,
		       const struct parley_request *request)
{
	bool fits = headers_add_lines(headers, what->headers);

	if (request->body.len > 0)
		fits = fits && headers_add_offer(headers, request);

	if (what->towards == PARLEY_DIR_DOWNSTREAM)
		fits = fits &&
		       headers_add_lines(headers,
					 adapter.set.lreq_callee_headers);
	if (what->body.len > 0)
		fits = fits &&
		       headers_add(headers,
				   (str)STR_STATIC_INIT("Content-Type: ")) &&
		       headers_add_lines(headers, what->content_type);
	return fits;
}

/* ------------------------------------------------ sending */

/* What the engine knows of the dialog, in a buffer that grows. */
static int prepare(struct parley_id id, const struct request_what *what,
		   enum parley_request_kind kind,
		   struct parley_request *request)
{
	static struct reader texts;
	size_t needed = 1024;
	int rc = PARLEY_E_SPACE;

	while (rc == PARLEY_E_SPACE) {
		if (!reader_reserve(&texts, needed))
			return PARLEY_E_MEMORY;
		rc = parley_request_prepare(adapter.engine, id, what->leg,
					    what->towards, kind, request,
					    texts.buffer, texts.size, &needed);
	}
	return rc;
}

/* tm's picture of the dialog. False: the route set makes no sense. */
static bool fill_dialog(const struct parley_request *request, dlg_t *dialog)
{
	str routes = own_mark_routes(to_str(request->route_set));

	memset(dialog, 0, sizeof(*dialog));
	dialog->id.call_id = to_str(request->callid);
	dialog->id.loc_tag = to_str(request->local_tag);
	dialog->id.rem_tag = to_str(request->remote_tag);
	dialog->loc_uri = to_str(request->local_uri);
	dialog->rem_uri = to_str(request->remote_uri);
	dialog->rem_target = to_str(request->target);
	dialog->loc_seq.is_set = 1;
	dialog->state = DLG_CONFIRMED;
	dialog->send_sock = request->socket;
	if (request->target.len == 0)
		return false;
	return routes.len == 0 ||
	       parse_rr_body(routes.s, routes.len, &dialog->route_set) == 0;
}

/* Hands it to tm; a second time from any socket when the first attempt cannot
 * be sent at all. 1 sent, 0 stopped by event_route[tm:local-request], below 0
 * not sent. */
static int hand_to_tm(struct parley_id id, uac_req_t *request, dlg_t *dialog,
		      uint32_t cseq)
{
	struct ctx saved;
	int rc = -1;

	ctx_push(&saved, NULL, id);
	for (int attempt = 0; attempt < 2 && rc < 0; attempt++) {
		dialog->loc_seq.value = cseq;
		rc = adapter.tm.t_request_within(request);
		dialog->send_sock = NULL;
	}
	ctx_pop(&saved);
	return rc;
}

static void log_not_sent(struct parley_id id, const struct request_what *what,
			 const struct parley_request *request, const char *why)
{
	log_limited(LOG_CAUSE_SEND, L_ERR,
		    "call %.*s (%u.%u): %.*s to <%.*s> not sent: %s\n",
		    (int)request->callid.len, request->callid.s, id.entry,
		    id.id, what->method.len, what->method.s,
		    (int)request->target.len, request->target.s, why);
}

int request_send(struct parley_id id, const struct request_what *what)
{
	static struct headers headers;
	bool is_ack = text_is(to_parley(&what->method), "ACK");
	str method = what->method, body = what->body, lines;
	struct parley_request request = {0};
	uac_req_t uac;
	dlg_t dialog = {0};
	int rc = prepare(id, what, is_ack ? PARLEY_REQUEST_ACK : what->kind,
			 &request);
	const char *why = parley_error_text(rc);

	/* The call has ended while its keep-alive waited to be sent. */
	if (rc < 0 && rc != PARLEY_E_MEMORY &&
	    (what->kind == PARLEY_REQUEST_PING ||
	     what->kind == PARLEY_REQUEST_PING_OPTIONS ||
	     what->kind == PARLEY_REQUEST_PING_REINVITE))
		return 0;
	if (request.body.len > 0)
		body = to_str(request.body);
	if (rc == 0) {
		rc = -1;
		why = "it has no usable Contact or Record-Route, or the "
		      "headers are too long";
		headers.len = 0;
		if (headers_of(&headers, what, &request) &&
		    fill_dialog(&request, &dialog)) {
			lines = (str){headers.text, (int)headers.len};
			set_uac_req(&uac, &method, &lines,
				    body.len > 0 ? &body : NULL, &dialog,
				    TMCB_LOCAL_COMPLETED | TMCB_DESTROY |
					    (what->tell_sent ? TMCB_REQUEST_SENT
							     : 0),
				    what->done, tmcb_pack(id, bits_of(what)));
			/* tm adds one, but not for an ACK, which has its
			 * INVITE's number (RFC 3261 13.2.2.4). */
			rc = hand_to_tm(id, &uac, &dialog,
					request.cseq - (is_ack ? 0 : 1));
			why = "no way to its destination";
		}
	}
	free_rr(&dialog.route_set);
	if (rc < 0)
		log_not_sent(id, what, &request, why);
	return rc < 0 ? -1 : rc > 0;
}

int request_bye(struct parley_id id, const struct parley_action *action,
		const str *extra_hdrs)
{
	static struct headers headers;
	struct request_what what = {
		.method = str_init("BYE"),
		.leg = action->leg,
		.towards = action->dir,
		.done = on_bye_done,
	};
	struct parley_view view = {0};
	int rc = -1;

	if (action->leg > REQUEST_LEG_MAX ||
	    reader_read(reader_of_steps(), id, &view) != 0) {
		const struct parley_request call = {.callid = view.callid,
						    .target = {"", 0}};

		log_not_sent(id, &what, &call, "no memory, or the leg is gone");
	} else {
		headers_of_bye(&headers, &view, extra_hdrs);
		what.headers = (str){headers.text, (int)headers.len};
		rc = request_send(id, &what);
	}
	if (rc <= 0)
		report_done(PARLEY_EV_BYE_DONE,
			    &(struct request_result){.id = id,
						     .leg = what.leg,
						     .towards = what.towards},
			    NULL);
	return rc < 0 ? -1 : 0;
}

int request_ping(struct parley_id id, const struct parley_action *action)
{
	static const struct {
		const char *method;
		enum parley_request_kind kind;
		transaction_cb *done;
	} ways[PARLEY_PINGS] = {
		{"OPTIONS", PARLEY_REQUEST_PING, on_ka_done},
		{"OPTIONS", PARLEY_REQUEST_PING_OPTIONS, on_options_done},
		{"INVITE", PARLEY_REQUEST_PING_REINVITE, on_reinvite_done},
	};
	const char *method = ways[action->ping].method;
	const struct request_what what = {
		.method = to_str(
			(struct parley_str){method, (uint32_t)strlen(method)}),
		.kind = ways[action->ping].kind,
		.leg = action->leg,
		.towards = action->dir,
		.headers = adapter.set.extra_hdrs,
		.done = ways[action->ping].done,
	};
	int rc = 0;

	if (action->leg <= REQUEST_LEG_MAX)
		rc = request_send(id, &what);
	if (rc <= 0 && action->ping != PARLEY_PING_KA)
		report_ping((enum parley_ping)action->ping,
			    &(struct request_result){.id = id,
						     .leg = action->leg,
						     .towards = action->dir});
	return rc < 0 ? -1 : 0;
}

int request_ack(struct parley_id id, const struct parley_action *action)
{
	const struct request_what what = {
		.method = str_init("ACK"),
		.leg = action->leg,
		.towards = PARLEY_DIR_DOWNSTREAM,
	};

	return request_send(id, &what) < 0 ? -1 : 0;
}
