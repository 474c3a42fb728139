/* See forgotten.h. */
#include <stdio.h>

#include "core/forward.h"
#include "core/parser/parse_via.h"
#include "core/trim.h"

#include "forgotten.h"
#include "reason.h"

enum { REQUEST_MAX = 4096 };

/* A value of a header field, and that of To in three parts. */
struct parts {
	str from, callid, before_tag, tag, after_tag;
};

static str body_of(const struct hdr_field *field)
{
	str body = field->body;

	trim(&body);
	return body;
}

/* A CANCEL has the To of its INVITE, which had no tag (RFC 3261 9.1). */
static void split_to(const struct hdr_field *field, struct parts *parts)
{
	const struct to_body *to = field->parsed;
	str body = body_of(field);
	const char *end = body.s + body.len;
	char *semicolon = to->tag_value.s;

	parts->before_tag = body;
	if (to->tag_value.len <= 0)
		return;
	while (semicolon > body.s && *semicolon != ';')
		semicolon--;
	parts->before_tag.len = (int)(semicolon - body.s);
	parts->after_tag.s = to->tag_value.s + to->tag_value.len;
	parts->after_tag.len = (int)(end - parts->after_tag.s);
	parts->tag.s = semicolon;
	parts->tag.len = (int)(parts->after_tag.s - semicolon);
}

static bool take_parts(struct sip_msg *reply, struct parts *parts)
{
	*parts = (struct parts){0};
	if (!reply->via1 || !reply->via1->branch || !reply->from ||
	    !reply->callid || !reply->to || !reply->to->parsed || !reply->cseq)
		return false;
	parts->from = body_of(reply->from);
	parts->callid = body_of(reply->callid);
	split_to(reply->to, parts);
	return true;
}

/* Its length; REQUEST_MAX or more: it does not fit. */
static int print(char request[REQUEST_MAX], const char *method,
		 struct sip_msg *reply, const struct parley_view *view)
{
	const struct via_body *via = reply->via1;
	bool cancel = method[0] == 'C';
	char line[REASON_LINE_MAX] = "";
	struct parts parts;

	if (!take_parts(reply, &parts))
		return REQUEST_MAX;
	if (cancel)
		reason_line(view->end_code, view->end_reason, line);
	return snprintf(request, REQUEST_MAX,
			"%s %.*s SIP/2.0\r\n"
			"Via: SIP/2.0/%.*s %.*s%s%.*s;branch=%.*s\r\n"
			"From: %.*s\r\n"
			"To: %.*s%.*s%.*s\r\n"
			"Call-ID: %.*s\r\n"
			"CSeq: %.*s %s\r\n"
			"Max-Forwards: 70\r\n%s"
			"Content-Length: 0\r\n\r\n",
			method, (int)view->req_uri.len, view->req_uri.s,
			via->transport.len, via->transport.s, via->host.len,
			via->host.s, via->port_str.len > 0 ? ":" : "",
			via->port_str.len, via->port_str.s,
			via->branch->value.len, via->branch->value.s,
			parts.from.len, parts.from.s, parts.before_tag.len,
			parts.before_tag.s, cancel ? 0 : parts.tag.len,
			parts.tag.s, parts.after_tag.len, parts.after_tag.s,
			parts.callid.len, parts.callid.s,
			get_cseq(reply)->number.len, get_cseq(reply)->number.s,
			method, line);
}

void forgotten_answer(struct sip_msg *reply, const struct parley_view *view)
{
	const char *method = reply->REPLY_STATUS < 200 ? "CANCEL" : "ACK";
	char request[REQUEST_MAX];
	struct dest_info way;
	int len;

	if (get_cseq(reply)->method_id == METHOD_CANCEL)
		return;
	init_dest_info(&way);
	init_dst_from_rcv(&way, &reply->rcv);
	len = print(request, method, reply, view);
	if (len >= REQUEST_MAX || msg_send_buffer(&way, request, len, 0) < 0)
		log_limited(LOG_CAUSE_END, L_ERR,
			    "call %.*s (%u.%u): %s to a branch that has "
			    "replied %u late not sent\n",
			    (int)view->callid.len, view->callid.s,
			    view->id.entry, view->id.id, method,
			    reply->REPLY_STATUS);
}
