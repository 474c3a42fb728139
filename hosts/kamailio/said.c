/* See said.h. */
#include "core/msg_translator.h"
#include "core/parser/parse_content.h"
#include "core/receive.h"
#include "modules/tm/h_table.h"

#include "facts.h"
#include "said.h"
#include "tmcb.h"

#define SAID_INVITE 0u
#define SAID_WITHIN (1u << 0)
#define SAID_UPSTREAM (1u << 1)

/* ------------------------------------------------ one message */

/* SDP as @msg stands in its buffer; empty: it has a body of another kind. */
static struct parley_str sdp_of(struct sip_msg *msg)
{
	str body = {get_body(msg), 0};
	int type;

	if (!body.s)
		return (struct parley_str){NULL, 0};
	body.len = (int)(msg->buf + msg->len - body.s);
	if (body.len <= 0)
		return (struct parley_str){NULL, 0};
	type = parse_content_type_hdr(msg);
	if (type != (TYPE_APPLICATION << 16) + SUBTYPE_SDP)
		body.len = 0;
	return to_parley(&body);
}

/* A message as it was sent. @parsed is to be freed if that is true. */
static bool read_sent(char *buffer, int len, struct sip_msg *parsed,
		      struct parley_said *said)
{
	*said = (struct parley_said){{NULL, 0}, {NULL, 0}};
	if (!buffer || len <= 0 ||
	    build_sip_msg_from_buf(parsed, buffer, len, inc_msg_no()) != 0)
		return false;
	if (parse_headers(parsed, HDR_EOH_F, 0) == 0) {
		said->contact = facts_contact(parsed);
		said->sdp = sdp_of(parsed);
	}
	return true;
}

/* ------------------------------------------------ transactions */

static void keep(struct parley_id id, struct parley_str to_tag, bool upstream,
		 const struct parley_said said[2])
{
	const struct parley_said *sender = &said[0], *other = &said[1];
	int rc = parley_agreed(adapter.engine, id, to_tag,
			       upstream ? other : sender,
			       upstream ? sender : other);

	if (rc == PARLEY_E_MEMORY || rc == PARLEY_E_ARGUMENT)
		log_limited(LOG_CAUSE_MEMORY, L_ERR,
			    "dialog %u.%u: an SDP is not kept: %s; pings may "
			    "repeat an older one\n",
			    id.entry, id.id, parley_error_text(rc));
}

/* A 2xx was relayed: what it answers, and what it says. */
static void take_answer(const struct cell *t, struct parley_id id,
			unsigned int bits, struct tmcb_params *params)
{
	int branch = t->relayed_reply_branch;
	struct parley_event call = {0};
	struct sip_msg request, reply;
	struct parley_said said[2];
	bool has_request, has_reply;

	if (branch < 0 || branch >= t->nr_of_outgoings ||
	    (bits == SAID_INVITE
		     ? !facts_call(params->rpl, &call)
		     : !facts_within(params->req, bits & SAID_UPSTREAM, &call)))
		return;
	has_request = read_sent(t->uac[branch].request.buffer,
				t->uac[branch].request.buffer_len, &request,
				&said[0]);
	has_reply = read_sent(t->uas.response.buffer,
			      t->uas.response.buffer_len, &reply, &said[1]);
	/* The answer was in a reliable provisional reply (RFC 3262 5). */
	if (said[0].sdp.s && !said[1].sdp.s &&
	    params->req->REQ_METHOD == METHOD_INVITE)
		said[1].sdp = (struct parley_str){"", 0};
	if (has_request && has_reply)
		keep(id, call.to_tag, bits & SAID_UPSTREAM, said);
	if (has_request)
		free_sip_msg(&request);
	if (has_reply)
		free_sip_msg(&reply);
}

static void on_said(struct cell *t, int type, struct tmcb_params *params)
{
	struct sip_msg *rpl = params->rpl;

	(void)type;
	if (adapter.engine && params->code >= 200 && params->code < 300 &&
	    rpl && rpl != FAKED_REPLY)
		take_answer(t, tmcb_id(*params->param),
			    tmcb_bits(*params->param), params);
}

static void watch(struct sip_msg *msg, struct cell *t, struct parley_id id,
		  unsigned int bits)
{
	/* A script may ask for it more than once. */
	if (t && tmcb_find(t, on_said))
		return;
	if (adapter.tm.register_tmcb(msg, t, TMCB_RESPONSE_OUT, on_said,
				     tmcb_pack(id, bits), NULL) <= 0)
		log_limited(LOG_CAUSE_MEMORY, L_ERR,
			    "dialog %u.%u: no shared memory for tm's callback, "
			    "an SDP is not kept; start kamailio with a larger "
			    "-m\n",
			    id.entry, id.id);
}

void said_watch_invite(struct sip_msg *msg, struct cell *t, struct parley_id id)
{
	if (!adapter.set.dlg_mode)
		watch(msg, t, id, SAID_INVITE);
}

void said_watch_within(struct sip_msg *msg, const struct parley_match *match)
{
	if (msg->REQ_METHOD & (METHOD_INVITE | METHOD_UPDATE | METHOD_PRACK))
		watch(msg, NULL, match->id,
		      SAID_WITHIN |
			      (match->dir == PARLEY_DIR_UPSTREAM ? SAID_UPSTREAM
								 : 0));
}

/* ------------------------------------------------ ACK */

void said_ack(struct sip_msg *msg, const struct parley_match *match)
{
	bool upstream = match->dir == PARLEY_DIR_UPSTREAM;
	struct parley_said said[2] = {{{NULL, 0}, sdp_of(msg)},
				      {{NULL, 0}, {NULL, 0}}};
	struct parley_event call = {0};
	unsigned int len = 0;
	char *built = NULL;
	int error = 0;

	if (said[0].sdp.len == 0 || !facts_within(msg, upstream, &call))
		return;
	if (msg->body_lumps) {
		built = build_body(msg, &len, &error, NULL);
		if (!built || error < 0)
			return;
		said[0].sdp = (struct parley_str){built, len};
	}
	keep(match->id, call.to_tag, upstream, said);
	pkg_free(built);
}
