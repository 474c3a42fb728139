/* See capi_common.h. */
#include "core/fmsg.h"

#include "capi_common.h"
#include "facts.h"
#include "header_lines.h"

void capi_want(void)
{
	adapter.has_modules = true;
	adapter.answered_is_told = true;
}

/* ------------------------------------------------ subscriptions */

static struct {
	struct capi_subscription *first, *last;
} early;

static int subscribe(struct capi_subscription *subscription)
{
	int rc = parley_subscribe_all(adapter.engine, subscription->types,
				      subscription->function, subscription);

	if (rc < 0)
		LM_ERR("cannot register a callback for all dialogs: %s\n",
		       parley_error_text(rc));
	return rc;
}

int capi_subscribe(struct capi_subscription *subscription)
{
	if (adapter.engine)
		return subscribe(subscription);
	if (early.last)
		early.last->next = subscription;
	else
		early.first = subscription;
	early.last = subscription;
	return 0;
}

int capi_subscribe_early(void)
{
	struct capi_subscription *subscription = early.first;

	for (; subscription; subscription = subscription->next) {
		int rc = subscribe(subscription);

		if (rc < 0)
			return rc;
	}
	return 0;
}

/* ------------------------------------------------ dialogs */

/* tm's current transaction may be that of another message. */
bool capi_find(struct sip_msg *msg, struct parley_id *id)
{
	const struct ctx *ctx = ctx_find(msg);
	struct parley_event event;
	struct parley_match match;

	if (ctx && (ctx->got || ctx->id.id != 0))
		return ctx_dialog(msg, id);
	if (parse_headers(msg, HDR_CALLID_F | HDR_FROM_F | HDR_TO_F, 0) < 0 ||
	    !facts_call(msg, &event))
		return false;
	if (parley_find_call(adapter.engine, event.callid, event.from_tag,
			     event.to_tag, &match) == 0) {
		*id = match.id;
		return true;
	}
	return msg->first_line.type == SIP_REPLY && ctx_dialog(msg, id);
}

int capi_end(struct parley_id id, const str *hdrs, const str *reason)
{
	static const str no_reason = STR_STATIC_INIT("");
	const char *fault = NULL;

	if (hdrs && hdrs->s && hdrs->len > 0)
		fault = header_lines_extra_fault(to_parley(hdrs));
	else
		hdrs = NULL;
	if (fault) {
		log_limited(LOG_CAUSE_MODULE, L_ERR,
			    "dialog %u.%u not ended: the extra headers contain "
			    "%s\n",
			    id.entry, id.id, fault);
		return PARLEY_E_ARGUMENT;
	}
	if (!reason || !reason->s || reason->len <= 0)
		reason = &no_reason;
	return sip_terminate(NULL, id, PARLEY_SIDE_ALL, reason, hdrs);
}

/* ------------------------------------------------ variables */

int capi_copy_var(struct parley_id id, const str *key, str *copy)
{
	uint32_t len = 0;
	size_t room = 0;
	int rc;

	*copy = (str){0};
	/* It may grow before the second look. */
	while ((rc = parley_var_get(adapter.engine, id, to_parley(key), copy->s,
				    room, &len)) == PARLEY_E_SPACE ||
	       (rc == 0 && !copy->s)) {
		if (copy->s)
			pkg_free(copy->s);
		room = len;
		copy->s = pkg_malloc(room + 1);
		if (!copy->s)
			return PARLEY_E_MEMORY;
	}
	if (rc < 0 || !copy->s) {
		if (copy->s)
			pkg_free(copy->s);
		copy->s = NULL;
		return rc < 0 ? rc : PARLEY_E_MEMORY;
	}
	copy->s[len] = '\0';
	copy->len = (int)len;
	return 0;
}

str *capi_ref_var(struct parley_id id, const str *key)
{
	enum { COPIES = 8 };
	static str copies[COPIES];
	static unsigned int next;
	str copy;

	if (capi_copy_var(id, key, &copy) < 0)
		return NULL;
	next = (next + 1) % COPIES;
	if (copies[next].s)
		pkg_free(copies[next].s);
	copies[next] = copy;
	return &copies[next];
}

int capi_set_var(struct parley_id id, const str *key, const str *value)
{
	struct parley_str text = {0};
	int rc;

	if (value)
		text = value->s && value->len > 0 ? to_parley(value)
						  : (struct parley_str){"", 0};
	rc = parley_var_set(adapter.engine, id, to_parley(key), text);
	return rc == 0 || (!value && rc == PARLEY_E_ABSENT) ? 0 : -1;
}

/* ------------------------------------------------ telling */

/* A request for those who would lose their record without one: acc writes it
 * when the BYE was answered, also if that BYE was ours. */
static void lend_request(const struct parley_told *told,
			 const struct adapter_message *message,
			 struct capi_told *as)
{
	if (as->req || (told->type == PARLEY_NOTE_FAILED && as->rpl) ||
	    (told->type != PARLEY_NOTE_FAILED &&
	     told->type != PARLEY_NOTE_BYE_REPLIED))
		return;
	as->req = message && message->own_bye ? message->own_bye
					      : faked_msg_get_next();
	as->lent = true;
}

static bool is_real(const struct sip_msg *rpl)
{
	return rpl && rpl != FAKED_REPLY;
}

static bool told_of_end(const struct parley_told *told,
			const struct adapter_message *message,
			struct capi_told *as)
{
	switch (told->type) {
	case PARLEY_NOTE_TERMINATED:
		if (!as->req)
			as->dir = PARLEY_DIR_NONE;
		break;
	case PARLEY_NOTE_OWN_BYE:
		as->req = message ? message->own_bye : NULL;
		as->lent = as->req != NULL;
		as->rpl = message ? message->own_reply : NULL;
		as->dir = PARLEY_DIR_NONE;
		break;
	case PARLEY_NOTE_BYE_REPLIED:
		/* Whoever sent the BYE, as the packaged module has it. */
		as->dir = as->req ? PARLEY_DIR_UPSTREAM : PARLEY_DIR_NONE;
		if (!as->req && message)
			as->rpl = message->own_reply;
		break;
	case PARLEY_NOTE_EXPIRED:
		as->req = NULL;
		as->rpl = NULL;
		as->dir = PARLEY_DIR_NONE;
		break;
	default:
		break;
	}
	lend_request(told, message, as);
	return true;
}

bool capi_told(const struct parley_told *told, struct capi_told *as)
{
	const struct adapter_message *message = told->message;

	*as = (struct capi_told){.dir = told->dir};
	if (told->type == PARLEY_NOTE_RPC_CONTEXT) {
		as->data = told->message;
		return true;
	}
	as->req = message ? message->req : NULL;
	as->rpl = message ? message->rpl : NULL;
	switch (told->type) {
	case PARLEY_NOTE_REQUEST_WITHIN:
		return as->req != NULL;
	case PARLEY_NOTE_EARLY:
	case PARLEY_NOTE_REPLY_FORWARDED:
		return is_real(as->rpl);
	case PARLEY_NOTE_REPLY_WITHIN:
		/* The engine says where the request came from. */
		as->dir = told->dir == PARLEY_DIR_UPSTREAM
				  ? PARLEY_DIR_DOWNSTREAM
				  : PARLEY_DIR_UPSTREAM;
		return is_real(as->rpl);
	default:
		return told_of_end(told, message, as);
	}
}
