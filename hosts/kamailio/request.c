/* See request.h. */
#include <stdio.h>

#include "core/parser/parse_rr.h"
#include "modules/tm/dlg.h"
#include "modules/tm/uac.h"

#include "header_lines.h"
#include "reader.h"
#include "request.h"

enum { HEADERS_MAX = 8192, REASON_MAX = 256 };

/* Which BYE a callback is about, behind the dialog's id: the direction and 8
 * bits of the leg's number. It fits as long as a dialog has had less than 256
 * legs; PARLEY_LEGS_MAX of them are up at most. */
enum { BYE_LEG_MAX = 255 };
#define BYE_UPSTREAM ((uint64_t)1 << 63)

static void *bye_pack(struct parley_id id, const struct parley_action *action)
{
	uint64_t value =
		(uint64_t)action->leg << 55 | (uint64_t)id.entry << 31 | id.id;

	if (action->dir == PARLEY_DIR_UPSTREAM)
		value |= BYE_UPSTREAM;
	return (void *)(uintptr_t)value;
}

static void report_done(uint64_t packed, int code)
{
	const struct parley_event event = {
		.type = PARLEY_EV_BYE_DONE,
		.id = {.entry = (uint32_t)(packed >> 31) & 0xffffff,
		       .id = (uint32_t)packed & INT32_MAX},
		.leg = (uint32_t)(packed >> 55) & BYE_LEG_MAX,
		.dir = packed & BYE_UPSTREAM ? PARLEY_DIR_UPSTREAM
					     : PARLEY_DIR_DOWNSTREAM,
		.code = (uint16_t)code,
	};
	struct parley_actions actions;

	if (parley_feed(adapter.engine, host_now(), &event, &actions) == 0)
		sip_run(NULL, &actions, NULL);
}

/* The final reply, perhaps made by tm for a timeout; or, if there never was
 * one, the end of the transaction. Only the first of them counts. */
static void on_bye_done(struct cell *t, int type, struct tmcb_params *params)
{
	uint64_t packed = (uint64_t)(uintptr_t)*params->param;
	int code = type == TMCB_DESTROY ? 0 : params->code;

	(void)t;
	if (!adapter.engine || packed == 0 ||
	    (type != TMCB_DESTROY && code < 200))
		return;
	*params->param = NULL;
	report_done(packed, code);
}

/* ------------------------------------------------ header lines */

str request_quote(struct parley_str reason, char *buffer, size_t size)
{
	size_t at = 0;

	buffer[at++] = '"';
	for (uint32_t i = 0; i < reason.len && at + 3 < size; i++) {
		unsigned char c = (unsigned char)reason.s[i];

		if (c < ' ' || c == 0x7f)
			c = ' ';
		if (c == '"' || c == '\\')
			buffer[at++] = '\\';
		buffer[at++] = (char)c;
	}
	buffer[at++] = '"';
	return (str){buffer, (int)at};
}

struct headers {
	char text[HEADERS_MAX];
	size_t len;
};

static bool headers_add(struct headers *headers, const char *text, size_t len)
{
	if (len > sizeof(headers->text) - headers->len)
		return false;
	memcpy(headers->text + headers->len, text, len);
	headers->len += len;
	return true;
}

/* dlg_extra_hdrs, then why the call ends (RFC 3326), then the command's. */
static bool headers_fill(struct headers *headers,
			 const struct parley_view *view, const str *extra_hdrs)
{
	char quoted[REASON_MAX];
	char line[REASON_MAX + 64];
	bool fits = true;

	headers->len = 0;
	if (adapter.set.extra_hdrs.len > 0)
		fits = headers_add(headers, adapter.set.extra_hdrs.s,
				   (size_t)adapter.set.extra_hdrs.len);
	if (view->end_reason.len > 0) {
		str text =
			request_quote(view->end_reason, quoted, sizeof(quoted));
		int code = view->end_code ? view->end_code
					  : adapter.set.early_code;
		int len = snprintf(line, sizeof(line),
				   "Reason: SIP;cause=%d;text=%.*s\r\n", code,
				   text.len, text.s);

		fits = fits && headers_add(headers, line, (size_t)len);
	}
	if (extra_hdrs && extra_hdrs->len > 0) {
		fits = fits && headers_add(headers, extra_hdrs->s,
					   (size_t)extra_hdrs->len);
		if (!header_lines_ended(to_parley(extra_hdrs)))
			fits = fits && headers_add(headers, "\r\n", 2);
	}
	return fits;
}

/* ------------------------------------------------ sending */

/* What the engine knows of the dialog, in a buffer that grows. */
static int prepare(struct parley_id id, const struct parley_action *action,
		   bool is_ack, struct parley_request *request)
{
	static struct {
		char *buffer;
		size_t size;
	} texts;
	size_t needed = 1024;
	int rc = PARLEY_E_SPACE;

	while (rc == PARLEY_E_SPACE) {
		if (texts.size < needed) {
			char *more = pkg_malloc(needed);
			if (!more)
				return PARLEY_E_MEMORY;
			if (texts.buffer)
				pkg_free(texts.buffer);
			texts.buffer = more;
			texts.size = needed;
		}
		rc = parley_request_prepare(adapter.engine, id, action->leg,
					    action->dir, is_ack, request,
					    texts.buffer, texts.size, &needed);
	}
	return rc;
}

/* tm's picture of the dialog. False: the route set makes no sense. */
static bool fill_dialog(const struct parley_request *request, dlg_t *dialog)
{
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
	return request->route_set.len == 0 ||
	       parse_rr_body(to_str(request->route_set).s,
			     (int)request->route_set.len,
			     &dialog->route_set) == 0;
}

/* Hands it to tm; a second time from any socket when the first attempt cannot
 * be sent at all. 1 sent, 0 stopped by event_route[tm:local-request], below 0
 * not sent. */
static int send_request(struct parley_id id, uac_req_t *request, dlg_t *dialog,
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

static void log_not_sent(struct parley_id id, const char *method,
			 const struct parley_request *request, const char *why)
{
	log_limited(LOG_CAUSE_SEND, L_ERR,
		    "call %.*s (%u.%u): %s to <%.*s> not sent: %s\n",
		    (int)request->callid.len, request->callid.s, id.entry,
		    id.id, method, (int)request->target.len, request->target.s,
		    why);
}

int request_bye(struct parley_id id, const struct parley_action *action,
		const str *extra_hdrs)
{
	static struct reader reader;
	static struct headers headers;
	str method = str_init("BYE");
	void *packed = bye_pack(id, action);
	struct parley_request request = {0};
	struct parley_view view = {0};
	uac_req_t uac;
	dlg_t dialog = {0};
	str lines;
	int rc = -1;
	const char *why = "no memory, or the leg is gone";

	if (action->leg <= BYE_LEG_MAX &&
	    prepare(id, action, false, &request) == 0 &&
	    reader_read(&reader, id, &view) == 0) {
		why = "it has no usable Contact or Record-Route, or the "
		      "headers are too long";
		if (headers_fill(&headers, &view, extra_hdrs) &&
		    fill_dialog(&request, &dialog)) {
			lines = (str){headers.text, (int)headers.len};
			set_uac_req(&uac, &method, &lines, NULL, &dialog,
				    TMCB_LOCAL_COMPLETED | TMCB_DESTROY,
				    on_bye_done, packed);
			/* tm adds one. */
			rc = send_request(id, &uac, &dialog, request.cseq - 1);
			why = "no way to its destination";
		}
	}
	free_rr(&dialog.route_set);
	if (rc < 0)
		log_not_sent(id, "BYE", &request, why);
	if (rc <= 0)
		report_done((uint64_t)(uintptr_t)packed, 0);
	return rc < 0 ? -1 : 0;
}

int request_ack(struct parley_id id, const struct parley_action *action)
{
	const struct parley_action towards = {.leg = action->leg,
					      .dir = PARLEY_DIR_DOWNSTREAM};
	str method = str_init("ACK");
	struct parley_request request = {0};
	uac_req_t uac;
	dlg_t dialog = {0};
	int rc = -1;

	if (prepare(id, &towards, true, &request) == 0 &&
	    fill_dialog(&request, &dialog)) {
		set_uac_req(&uac, &method, NULL, NULL, &dialog, 0, NULL, NULL);
		/* An ACK has its INVITE's number (RFC 3261 13.2.2.4). */
		rc = send_request(id, &uac, &dialog, request.cseq);
	}
	free_rr(&dialog.route_set);
	if (rc < 0)
		log_not_sent(id, "ACK", &request,
			     "no usable Contact or no way to it");
	return rc < 0 ? -1 : 0;
}
