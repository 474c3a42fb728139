/* See capi_common.h. */
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
		fault = header_lines_fault(to_parley(hdrs));
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
	if (rc < 0) {
		if (copy->s)
			pkg_free(copy->s);
		copy->s = NULL;
		return rc;
	}
	copy->s[len] = '\0';
	copy->len = (int)len;
	return 0;
}
