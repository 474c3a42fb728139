/* See prack.h. */
#include <stdio.h>
#include <strings.h>

#include "core/data_lump.h"
#include "core/parser/hf.h"
#include "modules/tm/h_table.h"

#include "cseq.h"
#include "facts.h"
#include "fields.h"
#include "invite.h"
#include "prack.h"
#include "request.h"
#include "tmcb.h"

/* RFC 3261 27.1: the option tag. */
#define RELIABLE "100rel"
enum { REFUSED_WITH = 502 };

/* ------------------------------------------------ what a reply says */

static struct hdr_field *find_rseq(struct sip_msg *msg)
{
	struct hdr_field *field = msg->headers;

	while (field && !(field->name.len == 4 &&
			  strncasecmp(field->name.s, "RSeq", 4) == 0))
		field = field->next;
	return field;
}

const char *prack_rseq(struct sip_msg *msg, uint32_t *rseq)
{
	const struct hdr_field *field;

	if (!facts_answers_invite(msg) || msg->REPLY_STATUS <= 100 ||
	    msg->REPLY_STATUS >= 200)
		return "the message is no 101 to 199 to an INVITE";
	if (parse_headers(msg, HDR_EOH_F, 0) < 0)
		return "the reply has a header field that cannot be read";
	field = find_rseq(msg);
	if (!field)
		return "the reply has no RSeq";
	if (!field_number(field_trim(to_parley(&field->body)), rseq) ||
	    *rseq == 0)
		return "the reply's RSeq must be a number from 1 to 4294967295";
	return NULL;
}

static bool requires_reliable(const struct sip_msg *msg)
{
	const struct hdr_field *field = msg->headers;
	bool found = false;

	for (; field && !found; field = field->next)
		if (field->type == HDR_REQUIRE_T)
			found = field_has(to_parley(&field->body), RELIABLE);
	return found;
}

str prack_line(uint32_t rseq, uint32_t cseq, char line[PRACK_LINE_MAX])
{
	int len = snprintf(line, PRACK_LINE_MAX, "RAck: %u %u INVITE\r\n", rseq,
			   cseq);

	return (str){line, len};
}

/* ------------------------------------------------ the caller's reply */

/* The script may have taken it out already. */
static bool is_deleted(const struct sip_msg *msg, int offset)
{
	const struct lump *lump = msg->add_rm;

	for (; lump; lump = lump->next)
		if (lump->op == LUMP_DEL && (int)lump->u.offset <= offset &&
		    offset < (int)lump->u.offset + (int)lump->len)
			return true;
	return false;
}

/* In place of @field stands "Require: " and @rest, or nothing. */
static bool replace(struct sip_msg *msg, const struct hdr_field *field,
		    struct parley_str rest)
{
	int offset = (int)(field->name.s - msg->buf);
	struct lump *anchor;
	int len;
	char *line;

	if (is_deleted(msg, offset))
		return true;
	anchor = del_lump(msg, offset, field->len, 0);
	if (!anchor)
		return false;
	if (rest.len == 0)
		return true;
	len = (int)rest.len + (int)sizeof("Require: \r\n") - 1;
	line = pkg_malloc((size_t)len + 1);
	if (!line)
		return false;
	snprintf(line, (size_t)len + 1, "Require: %.*s\r\n", (int)rest.len,
		 rest.s);
	if (insert_new_lump_after(anchor, line, len, 0))
		return true;
	pkg_free(line);
	return false;
}

/* Takes "100rel" out of one Require. */
static bool require_less(struct sip_msg *msg, const struct hdr_field *field)
{
	struct parley_str rest = {0};
	char *buffer = pkg_malloc((size_t)field->body.len + 1);
	bool done;

	if (!buffer)
		return false;
	rest.s = buffer;
	rest.len = field_without(to_parley(&field->body), RELIABLE, buffer);
	done = replace(msg, field, rest);
	pkg_free(buffer);
	return done;
}

/* The caller is not to send a PRACK as well. */
static void make_unreliable(struct sip_msg *msg)
{
	const struct parley_str nothing = {0};
	const struct hdr_field *field = msg->headers;
	bool done = replace(msg, find_rseq(msg), nothing);

	for (; field && done; field = field->next)
		if (field->type == HDR_REQUIRE_T &&
		    field_has(to_parley(&field->body), RELIABLE))
			done = require_less(msg, field);
	if (!done)
		log_limited(LOG_CAUSE_MEMORY, L_ERR,
			    "auto-prack: no private memory, the caller gets a "
			    "reply with RSeq; start kamailio with a larger "
			    "-M\n");
}

/* ------------------------------------------------ the PRACK */

static void failed(struct parley_id id)
{
	int rc;

	if (!adapter.set.auto_prack_hangup_on_failure)
		return;
	rc = sip_refuse(id, REFUSED_WITH);
	if (rc < 0)
		log_limited(LOG_CAUSE_END, L_NOTICE,
			    "call %u.%u: not refused with %d after its PRACK: "
			    "%s\n",
			    id.entry, id.id, REFUSED_WITH,
			    sip_terminate_fault(id, PARLEY_SIDE_ALL, rc));
}

static void on_done(struct cell *t, int type, struct tmcb_params *params)
{
	struct request_result result;

	if (type == TMCB_REQUEST_SENT) {
		/* Its timer is started after this. */
		t->fr_timeout =
			S_TO_TICKS((ticks_t)adapter.set.auto_prack_fr_timeout);
		return;
	}
	if (!request_result(type, params, &result) || result.code < 300)
		return;
	log_limited(LOG_CAUSE_SEND, L_WARN,
		    "call %u.%u: its PRACK got a %d%s\n", result.id.entry,
		    result.id.id, result.code,
		    result.reply ? "" : " of our own: no answer");
	failed(result.id);
}

/* False: not sent, and logged. */
static bool acknowledge(struct parley_id id, const struct parley_prack *prack)
{
	char line[PRACK_LINE_MAX];
	const struct request_what what = {
		.method = str_init("PRACK"),
		.kind = PARLEY_REQUEST_OWN,
		.leg = prack->leg,
		.towards = PARLEY_DIR_DOWNSTREAM,
		.headers = prack_line(prack->rseq, prack->cseq, line),
		.done = on_done,
		.tell_sent = true,
	};

	return prack->leg <= REQUEST_LEG_MAX && request_send(id, &what) >= 0;
}

/* ------------------------------------------------ replies */

static void log_ignored(struct sip_msg *msg, struct parley_id id,
			const char *why)
{
	log_limited(LOG_CAUSE_MESSAGE, L_WARN,
		    "call %u.%u: its %d gets no PRACK: %s\n", id.entry, id.id,
		    (int)msg->REPLY_STATUS, why);
}

/* The callee's leg is made by its first reply, which tm has not relayed yet. */
static int take(struct sip_msg *msg, struct cell *t, struct parley_id id,
		struct parley_prack *prack)
{
	void **invite = tmcb_find(t, on_invite);

	if (invite)
		invite_remember_early(t, id, tmcb_bits(*invite));
	invite_shown(msg, id);
	prack->to_tag = facts_to_tag(msg);
	return parley_prack_take(adapter.engine, id, prack);
}

static void look_at(struct sip_msg *msg, struct cell *t, struct parley_id id)
{
	struct parley_prack prack = {0};
	const char *fault = prack_rseq(msg, &prack.rseq);
	int rc;

	if (!requires_reliable(msg))
		return;
	if (!fault && facts_to_tag(msg).len == 0)
		fault = "it has no To-tag";
	if (fault) {
		log_ignored(msg, id, fault);
		return;
	}
	rc = take(msg, t, id, &prack);
	if (rc == 0 && !acknowledge(id, &prack)) {
		parley_prack_give_back(adapter.engine, id, &prack);
		failed(id);
	}
	if (rc == 0 || rc == PARLEY_E_OLD)
		make_unreliable(msg);
	else if (rc != PARLEY_E_STATE && rc != PARLEY_E_NO_DIALOG)
		log_ignored(msg, id, parley_error_text(rc));
}

/* A reply has come that belongs to the INVITE; no lock is held. */
static void on_reply(struct cell *t, int type, struct tmcb_params *params)
{
	struct sip_msg *msg = params->rpl;

	(void)type;
	if (adapter.engine && msg && msg != FAKED_REPLY && params->code > 100 &&
	    params->code < 200 && facts_answers_invite(msg))
		look_at(msg, t, tmcb_id(*params->param));
}

void prack_watch(struct sip_msg *msg, struct parley_id id)
{
	if (adapter.set.dlg_mode)
		log_limited(LOG_CAUSE_SCRIPT, L_ERR,
			    "auto-prack: with dlg_mode 1 no reply is looked "
			    "at\n");
	else if (adapter.tm.register_tmcb(msg, NULL, TMCB_RESPONSE_IN, on_reply,
					  tmcb_pack(id, 0), NULL) <= 0)
		log_limited(LOG_CAUSE_MEMORY, L_ERR,
			    "call %u.%u: no auto-prack: no shared memory for "
			    "tm's callback; start kamailio with a larger -m\n",
			    id.entry, id.id);
	else
		(void)cseq_ready();
}
