/* See cseq.h. */
#include <stdatomic.h>
#include <stdio.h>
#include <sys/random.h>

#include "core/data_lump.h"
#include "core/events.h"
#include "core/kemi.h"
#include "core/srapi.h"
#include "core/ut.h"
#include "modules/tm/h_table.h"

#include "cseq.h"
#include "cseq_text.h"
#include "facts.h"

static struct shared {
	_Atomic bool used; /* a request was marked since the start */
	uint64_t secret;
} * shared;

static bool in_use(void)
{
	return shared &&
	       atomic_load_explicit(&shared->used, memory_order_acquire);
}

/* ------------------------------------------------ marking */

static int add_mark(struct sip_msg *msg, str *name,
		    const struct cseq_mark *mark)
{
	char text[CSEQ_MARK_MAX];
	str value = {text, 0};

	value.len = (int)cseq_mark_print(mark, shared->secret, text);
	if (parse_headers(msg, HDR_EOH_F, 0) < 0 ||
	    sr_hdr_add_zs(msg, name->s, &value) < 0)
		return -1;
	atomic_store_explicit(&shared->used, true, memory_order_release);
	return 0;
}

static void log_not_raised(struct sip_msg *msg, const char *why)
{
	str callid = {0};

	if (msg->callid)
		callid = msg->callid->body;
	log_limited(LOG_CAUSE_MESSAGE, L_ERR,
		    "%.*s of call %.*s: its CSeq is not raised: %s\n",
		    msg->first_line.u.request.method.len,
		    msg->first_line.u.request.method.s, callid.len, callid.s,
		    why);
}

static void mark_refresh(struct sip_msg *msg, const struct cseq_mark *mark)
{
	struct cell *t;

	if (add_mark(msg, &sr_cfgenv_get()->uac_cseq_refresh, mark) < 0) {
		log_not_raised(msg, "no memory, or a malformed header");
		return;
	}
	if (msg->REQ_METHOD != METHOD_INVITE)
		return;
	/* With this flag tm copies marks into CANCEL and ACK, too. */
	msg->msg_flags |= FL_UAC_AUTH;
	t = compat_transaction(&adapter.tm);
	if (t && t->uas.request)
		t->uas.request->msg_flags |= FL_UAC_AUTH;
}

void cseq_mark_request(struct sip_msg *msg, const struct parley_match *match)
{
	struct cseq_mark mark = {match->cseq_shift, match->invite_shift};

	if (msg->REQ_METHOD == METHOD_ACK)
		mark.shift = match->invite_shift;
	if (shared && mark.shift > 0)
		mark_refresh(msg, &mark);
}

void cseq_mark_again(struct sip_msg *msg, const struct parley_actions *actions)
{
	const struct cseq_mark mark = {actions->cseq_shift,
				       actions->invite_shift};
	const struct ctx *ctx = ctx_find_request(msg);

	if (shared && mark.shift > 0 &&
	    (!ctx || ctx->match.cseq_shift != mark.shift))
		mark_refresh(msg, &mark);
}

uint32_t cseq_added(const struct cell *t, int branch)
{
	struct cseq_mark mark;
	struct parley_str sent;

	if (!in_use() || branch < 0 || branch >= t->nr_of_outgoings ||
	    !t->uac[branch].request.buffer)
		return 0;
	sent = (struct parley_str){t->uac[branch].request.buffer,
				   (uint32_t)t->uac[branch].request.buffer_len};
	return cseq_mark_find(sent, shared->secret, &mark) ? mark.shift : 0;
}

/* ------------------------------------------------ authentication */

/* $dlg_var(cseq_diff) is there to be looked at. */
static void show(struct parley_id id, uint32_t total)
{
	const struct parley_str key = {"cseq_diff", 9};
	char text[INT2STR_MAX_LEN];
	struct parley_str value = {text, 0};

	value.len = (uint32_t)snprintf(text, sizeof(text), "%u", total);
	if (parley_var_set(adapter.engine, id, key, value) < 0)
		log_limited(LOG_CAUSE_MEMORY, L_ERR,
			    "dialog %u.%u: variable cseq_diff not set; start "
			    "kamailio with a larger -m\n",
			    id.entry, id.id);
}

/* Which leg and direction @msg belongs to. False: to no dialog. */
static bool find(struct sip_msg *msg, struct parley_id *id,
		 struct parley_cseq *request)
{
	struct parley_event call = {0};
	struct parley_match match;
	unsigned int number = 0;

	if (!facts_call(msg, &call) || !msg->cseq || !msg->cseq->parsed ||
	    str2int(&get_cseq(msg)->number, &number) < 0)
		return false;
	*request = (struct parley_cseq){
		.dir = PARLEY_DIR_DOWNSTREAM,
		.invite = msg->REQ_METHOD == METHOD_INVITE,
		.cseq = number,
	};
	if (call.to_tag.len == 0)
		return request->invite && ctx_own_dialog(msg, id);
	if (parley_find_call(adapter.engine, call.callid, call.from_tag,
			     call.to_tag, &match) < 0)
		return false;
	*id = match.id;
	request->leg = match.leg;
	request->dir = match.dir;
	return true;
}

/* uac_auth() has added credentials to @msg, in a failure route. Below 0: it
 * fails. */
static int on_auth(struct sip_msg *msg)
{
	struct parley_cseq request;
	struct cseq_mark mark;
	struct parley_id id;

	if (!adapter.engine || msg->first_line.type != SIP_REQUEST ||
	    !find(msg, &id, &request))
		return 0;
	if (parley_cseq_raise(adapter.engine, id, &request) < 0) {
		log_not_raised(msg, "it has reached 2^31, or the dialog is "
				    "gone");
		return -1;
	}
	mark = (struct cseq_mark){request.shift, request.invite_shift};
	if (add_mark(msg, &sr_cfgenv_get()->uac_cseq_auth, &mark) < 0) {
		log_not_raised(msg, "no memory, or a malformed header");
		return -1;
	}
	show(id, request.total);
	return 0;
}

/* ------------------------------------------------ messages */

static int on_sent(sr_event_param_t *event)
{
	str *sent = event->data;
	const struct parley_str message = to_parley(sent);
	struct cseq_mark mark;
	char *out;
	size_t len;

	if (!in_use() || message.len < 8 ||
	    memcmp(message.s, "SIP/2.0 ", 8) == 0 ||
	    !cseq_mark_find(message, shared->secret, &mark))
		return 0;
	out = pkg_malloc(message.len + 1);
	if (!out) {
		LM_ERR("no private memory to raise a CSeq; start kamailio with "
		       "a larger -M\n");
		return -1;
	}
	len = cseq_text_raise(message, shared->secret, out);
	if (len == 0) {
		pkg_free(out);
		return 0;
	}
	out[len] = '\0';
	pkg_free(sent->s);
	*sent = (str){out, (int)len};
	return 0;
}

static int on_received(sr_event_param_t *event)
{
	str *received = event->data;

	if (in_use())
		cseq_text_lower(received->s, (size_t)received->len);
	return 0;
}

/* ------------------------------------------------ start and end */

int cseq_need(void)
{
	uint64_t secret;

	/* The other processes would not hear of it any more. */
	if (shared || adapter.script_is_read)
		return 0;
	/* Up to 256 bytes are never cut short (getrandom(2)). */
	while (getrandom(&secret, sizeof(secret), 0) != (ssize_t)sizeof(secret))
		;
	shared = shm_malloc(sizeof(*shared));
	if (!shared) {
		LM_ERR("no shared memory for raised CSeqs\n");
		return -1;
	}
	atomic_init(&shared->used, false);
	shared->secret = secret;
	if (sr_event_register_cb(SREV_NET_DATA_IN, on_received) < 0 ||
	    sr_event_register_cb(SREV_NET_DATA_OUT, on_sent) < 0) {
		LM_ERR("raised CSeqs: too many modules want to see all "
		       "messages\n");
		return -1;
	}
	return 0;
}

bool cseq_ready(void)
{
	if (!shared)
		log_limited(LOG_CAUSE_SCRIPT, L_ERR,
			    "the numbers of the parties' requests are not "
			    "raised: set track_cseq_updates to 1\n");
	return shared;
}

int cseq_init(void)
{
	if (!adapter.set.track_cseq_updates)
		return sr_kemi_eng_get() ? cseq_need() : 0;
	if (cseq_need() < 0)
		return -1;
	sr_cfgenv_get()->cb_cseq_update = on_auth;
	return 0;
}

void cseq_fini(void)
{
	if (shared)
		shm_free(shared);
	shared = NULL;
}
