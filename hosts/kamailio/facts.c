/* See facts.h. */
#include "core/parser/contact/parse_contact.h"
#include "core/parser/hf.h"
#include "core/parser/parse_nameaddr.h"
#include "core/trim.h"
#include "core/ut.h"

#include "facts.h"
#include "fields.h"
#include "own_mark.h"

enum { KEEP_CALLEE_LEG = 1, KEEP_CALLER_LEG = 2 }; /* keep_proxy_rr */
enum { ROUTES_MAX = 64 }; /* as in Kamailio's own print_rr_body() */

/* ------------------------------------------------ addresses */

/* Splits a name-addr or addr-spec into URI and what follows it. */
static bool split_address(str body, str *uri, str *params)
{
	struct parley_str plain_uri, plain_params;
	name_addr_t address;

	if (field_split(to_parley(&body), &plain_uri, &plain_params)) {
		*uri = to_str(plain_uri);
		*params = to_str(plain_params);
		return true;
	}
	char *at = body.s;
	char *end = body.s + body.len;
	int rc = parse_nameaddr(&body, &address);

	if (rc == 0) {
		*uri = address.uri;
		at = body.s + address.len;
	} else if (rc == -3) {
		/* RFC 3261 20.10: without <> what follows a semicolon belongs
		 * to the header field. */
		while (at < end && !field_ends_value(*at))
			at++;
		*uri = (str){body.s, (int)(at - body.s)};
	} else {
		return false;
	}
	*params = (str){at, (int)(end - at)};
	return true;
}

struct parley_str facts_address(struct parley_str value)
{
	str uri, params;

	return split_address(to_str(value), &uri, &params)
		       ? to_parley(&uri)
		       : (struct parley_str){0};
}

/* Kamailio parses From only when somebody asks, with an allocation or two. */
static void from_parts(struct sip_msg *msg, str *uri, str *tag)
{
	const struct to_body *parsed = msg->from ? msg->from->parsed : NULL;
	str params = {0};

	*uri = (str){0};
	*tag = (str){0};
	if (!msg->from)
		return;
	if (parsed) {
		*uri = parsed->uri;
		*tag = parsed->tag_value;
	} else if (split_address(msg->from->body, uri, &params)) {
		*tag = to_str(field_parameter(to_parley(&params), "tag"));
	}
}

static const struct to_body *to_of(struct sip_msg *msg)
{
	/* The core has parsed it before any script runs. */
	return msg->to ? msg->to->parsed : NULL;
}

bool facts_has_to_tag(struct sip_msg *msg)
{
	const struct to_body *to = to_of(msg);

	return to && to->tag_value.len > 0;
}

bool facts_answers(struct sip_msg *msg, unsigned int method)
{
	return msg->first_line.type == SIP_REPLY &&
	       (msg->cseq || parse_headers(msg, HDR_CSEQ_F, 0) == 0) &&
	       msg->cseq && msg->cseq->parsed &&
	       get_cseq(msg)->method_id == method;
}

struct parley_str facts_to_tag(struct sip_msg *msg)
{
	const struct to_body *to = to_of(msg);

	return to ? to_parley(&to->tag_value) : (struct parley_str){0};
}

bool facts_answers_invite(struct sip_msg *msg)
{
	return facts_answers(msg, METHOD_INVITE);
}

bool facts_call(struct sip_msg *msg, struct parley_event *event)
{
	const struct to_body *to = to_of(msg);
	str uri, tag, callid;

	if (!msg->callid || !to)
		return false;
	callid = msg->callid->body;
	trim(&callid);
	from_parts(msg, &uri, &tag);
	event->callid = to_parley(&callid);
	event->from_tag = to_parley(&tag);
	event->from_uri = to_parley(&uri);
	event->to_tag = to_parley(&to->tag_value);
	event->to_uri = to_parley(&to->uri);
	return event->callid.len > 0 && event->from_tag.len > 0;
}

/* ------------------------------------------------ header fields */

struct found {
	bool want_contact, want_routes;
	struct parley_str contact; /* value of the first Contact */
	struct parley_str routes[ROUTES_MAX];
	unsigned int route_count;
};

static void take_header(struct found *found, enum field_name name,
			struct parley_str value)
{
	if (name == FIELD_CONTACT && found->want_contact &&
	    found->contact.len == 0)
		found->contact = value;
	else if (name == FIELD_RECORD_ROUTE && found->want_routes)
		found->route_count +=
			field_values(value, &found->routes[found->route_count],
				     ROUTES_MAX - found->route_count);
}

/* Looks at the parsed header fields, then reads the rest where it stands. */
static void walk_headers(struct sip_msg *msg, struct found *found)
{
	const char *at = msg->unparsed;
	const char *end = msg->buf + msg->len;
	struct parley_str value;
	enum field_name name;

	for (struct hdr_field *h = msg->headers; h; h = h->next) {
		if (h->type == HDR_CONTACT_T)
			take_header(found, FIELD_CONTACT, to_parley(&h->body));
		else if (h->type == HDR_RECORDROUTE_T)
			take_header(found, FIELD_RECORD_ROUTE,
				    to_parley(&h->body));
	}
	/* HDR_EOH_F is every bit: the end was reached. */
	if (msg->parsed_flag == HDR_EOH_F || (msg->msg_flags & FL_SHM_CLONE))
		return;
	while ((name = field_next(at, end, &value, &at)) != FIELD_NONE)
		take_header(found, name, value);
}

static struct parley_str contact_uri(struct sip_msg *msg,
				     const struct found *found)
{
	str uri, params;

	/* Other modules replace the parsed URI (set_contact_alias()). */
	if (msg->contact && msg->contact->parsed) {
		contact_body_t *parsed = msg->contact->parsed;
		if (!parsed->star && parsed->contacts)
			return to_parley(&parsed->contacts->uri);
		return (struct parley_str){0};
	}
	if (found->contact.len == 0 || *found->contact.s == '*' ||
	    !split_address(to_str(found->contact), &uri, &params))
		return (struct parley_str){0};
	return to_parley(&uri);
}

struct parley_str facts_contact(struct sip_msg *msg)
{
	struct found found;

	found.want_contact = true;
	found.want_routes = false;
	found.contact = (struct parley_str){0};
	found.route_count = 0;
	walk_headers(msg, &found);
	return contact_uri(msg, &found);
}

/* ------------------------------------------------ route sets */

/* Longer than any message that Kamailio receives. */
typedef char route_buffer[PARLEY_STR_MAX + 1];

/* Writes the values [from, to), backwards if @reverse, separated by commas. */
static struct parley_str route_set(const struct found *found, unsigned int from,
				   unsigned int to, bool reverse)
{
	static route_buffer buffers[2]; /* one message has two route sets */
	static unsigned int next;
	char *buffer = buffers[next++ % 2];
	char *at = buffer;

	for (unsigned int i = from; i < to; i++) {
		const struct parley_str *value =
			&found->routes[reverse ? to - 1 - (i - from) : i];

		if ((size_t)(buffer + sizeof(route_buffer) - at) <
		    value->len + 2)
			return (struct parley_str){0};
		if (at != buffer)
			*at++ = ',';
		memcpy(at, value->s, value->len);
		at += value->len;
	}
	return (struct parley_str){buffer, (uint32_t)(at - buffer)};
}

/* ------------------------------------------------ messages */

uint32_t facts_cseq(struct sip_msg *msg)
{
	unsigned int number = 0;

	if (msg->cseq && msg->cseq->parsed)
		str2int(&get_cseq(msg)->number, &number);
	return number;
}

void facts_invite(struct sip_msg *msg, struct parley_event *event,
		  unsigned int *rr_countp)
{
	struct found found;
	str *uri = GET_RURI(msg);

	found.want_contact = true;
	found.want_routes = true;
	found.contact = (struct parley_str){0};
	found.route_count = 0;
	walk_headers(msg, &found);
	event->contact = contact_uri(msg, &found);
	event->route_set = route_set(&found, 0, found.route_count, false);
	event->req_uri = to_parley(uri);
	event->cseq = facts_cseq(msg);
	event->socket = msg->rcv.bind_address;
	*rr_countp = found.route_count;
}

void facts_reply(struct sip_msg *rpl, struct parley_event *event,
		 unsigned int before, unsigned int own)
{
	const struct to_body *to = to_of(rpl);
	struct found found;
	bool keep = adapter.set.keep_proxy_rr & KEEP_CALLEE_LEG;
	unsigned int count, others;

	found.want_contact = true;
	found.want_routes = true;
	found.contact = (struct parley_str){0};
	found.route_count = 0;
	walk_headers(rpl, &found);
	others = found.route_count > before ? found.route_count - before : 0;
	count = others > own ? others - own : 0;
	if (to)
		event->to_tag = to_parley(&to->tag_value);
	event->contact = contact_uri(rpl, &found);
	event->route_set = route_set(&found, 0, keep ? others : count, true);
	if (own > 0 && (adapter.set.keep_proxy_rr & KEEP_CALLER_LEG))
		event->caller_routes =
			route_set(&found, count, found.route_count, false);
	event->cseq = facts_cseq(rpl);
	event->socket = rpl->rcv.bind_address;
}

unsigned int facts_own_routes(struct sip_msg *rpl, unsigned int before)
{
	struct found found;
	unsigned int own = 0;

	found.want_contact = false;
	found.want_routes = true;
	found.contact = (struct parley_str){0};
	found.route_count = 0;
	walk_headers(rpl, &found);
	while (own + before < found.route_count &&
	       own_mark_is_us(to_str(
		       found.routes[found.route_count - before - own - 1])))
		own++;
	return own;
}

bool facts_within(struct sip_msg *msg, bool upstream,
		  struct parley_event *event)
{
	const struct to_body *to = to_of(msg);
	str uri, tag;

	if (upstream)
		from_parts(msg, &uri, &tag);
	else if (to)
		tag = to->tag_value;
	else
		return false;
	event->dir = upstream ? PARLEY_DIR_UPSTREAM : PARLEY_DIR_DOWNSTREAM;
	event->to_tag = to_parley(&tag);
	return true;
}

void facts_request(struct sip_msg *msg, struct parley_event *event)
{
	event->cseq = facts_cseq(msg);
	event->socket = msg->rcv.bind_address;
	/* RFC 3261 12.2.1.2 and RFC 3311 5.1: target refresh requests. */
	if (event->type == PARLEY_EV_REINVITE ||
	    event->type == PARLEY_EV_UPDATE)
		event->contact = facts_contact(msg);
}

enum parley_event_type facts_reply_type(int code)
{
	if (code < 200)
		return PARLEY_EV_REPLY_1XX;
	return code < 300 ? PARLEY_EV_REPLY_2XX : PARLEY_EV_REPLY_FAIL;
}

enum parley_event_type facts_method(int method)
{
	switch (method) {
	case METHOD_ACK:
		return PARLEY_EV_ACK;
	case METHOD_BYE:
		return PARLEY_EV_BYE;
	case METHOD_PRACK:
		return PARLEY_EV_PRACK;
	case METHOD_INVITE:
		return PARLEY_EV_REINVITE;
	case METHOD_UPDATE:
		return PARLEY_EV_UPDATE;
	case METHOD_CANCEL:
		return PARLEY_EV_CANCEL;
	default:
		return PARLEY_EV_REQUEST;
	}
}
