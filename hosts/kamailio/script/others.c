/*
 * What a script does to a call that it names, and to the two ends of its own:
 * dlg_get_var(), dlg_set_var(), dlg_update_contact(), dlg_update_socket().
 */
#include "core/lvalue.h"
#include "core/parser/contact/parse_contact.h"
#include "core/parser/parse_uri.h"
#include "core/pvapi.h"

#include "facts.h"
#include "ops.h"
#include "own_var.h"

/* ------------------------------------------------ variables of a call */

/* An empty @call->ttag: a call that nobody need have answered. */
static bool find_call(const char *function, const struct op_call *call,
		      struct parley_id *id)
{
	struct parley_match match;

	if (call->callid.len <= 0 || call->ftag.len <= 0) {
		log_limited(LOG_CAUSE_SCRIPT, L_ERR,
			    "%s() needs a Call-ID and a From-tag\n", function);
		return false;
	}
	if (parley_find_call(adapter.engine, to_parley(&call->callid),
			     to_parley(&call->ftag), to_parley(&call->ttag),
			     &match) < 0)
		return false;
	*id = match.id;
	return true;
}

bool op_var_of(const struct op_call *call, const str *key, str *value)
{
	struct parley_id id;
	uint32_t len = 0;

	*value = (str){pv_get_buffer(), 0};
	if (own_var_is(to_parley(key)) ||
	    !find_call("dlg_get_var", call, &id) ||
	    parley_var_get(adapter.engine, id, to_parley(key), value->s,
			   (size_t)pv_get_buffer_size() - 1, &len) < 0)
		return false;
	value->len = (int)len;
	value->s[len] = '\0';
	return true;
}

/* As in the packaged module's later versions: a call or a variable that is not
 * there gives $null and true. */
int op_get_var(struct sip_msg *msg, const struct op_call *call, const str *key,
	       pv_spec_t *target)
{
	pv_value_t value = {.flags = PV_VAL_STR};

	if (!op_var_of(call, key, &value.rs))
		value = (pv_value_t){.flags = PV_VAL_NULL};
	if (pv_set_spec_value(msg, target, 0, &value) == 0)
		return 1;
	log_limited(LOG_CAUSE_SCRIPT, L_ERR,
		    "dlg_get_var(): the result cannot be written to its "
		    "variable\n");
	return -1;
}

int op_set_var(const struct op_call *call, const str *key, const str *value)
{
	struct parley_id id;
	int error;

	if (!find_call("dlg_set_var", call, &id))
		return -1;
	error = own_var_is(to_parley(key))
			? PARLEY_E_ARGUMENT
			: parley_var_set(adapter.engine, id, to_parley(key),
					 to_parley(value));
	if (error < 0)
		log_limited(LOG_CAUSE_SCRIPT, L_ERR, "dlg_set_var(%.*s): %s\n",
			    key->len, key->s, parley_error_text(error));
	return error < 0 ? -1 : 1;
}

/* ------------------------------------------------ ends of this call */

/* The end that has sent @msg, and its dialog. */
static bool find_sender(struct sip_msg *msg, struct parley_id *id,
			struct parley_target *target)
{
	const struct parley_str none = {0};
	struct parley_event call = {0};
	struct parley_match match;
	bool reply = msg->first_line.type == SIP_REPLY;
	bool upstream;

	if (!facts_call(msg, &call))
		return false;
	if (parley_find_call(adapter.engine, call.callid, call.from_tag,
			     call.to_tag, &match) < 0 &&
	    (!reply || parley_find_call(adapter.engine, call.callid,
					call.from_tag, none, &match) < 0))
		return false;
	upstream = match.dir == PARLEY_DIR_UPSTREAM;
	*id = match.id;
	target->callee_tag = upstream ? call.from_tag : call.to_tag;
	target->of =
		upstream == reply ? PARLEY_DIR_DOWNSTREAM : PARLEY_DIR_UPSTREAM;
	return true;
}

static int set_target(struct sip_msg *msg, struct parley_id id,
		      const struct parley_target *target)
{
	int error = parley_set_target(adapter.engine, id, target);

	/* Of the first reply of a leg the engine takes both by itself. */
	if (error == PARLEY_E_NO_LEG && msg->first_line.type == SIP_REPLY)
		return 1;
	return error < 0 ? -1 : 1;
}

/* The only Contact of @msg; empty if there is none, more, or "*". */
static struct parley_str only_contact(struct sip_msg *msg)
{
	const struct parley_str none = {0};
	const contact_body_t *body;

	if (parse_headers(msg, HDR_EOH_F, 0) < 0 || !msg->contact ||
	    parse_contact(msg->contact) < 0)
		return none;
	body = msg->contact->parsed;
	if (!body || body->star || !body->contacts || body->contacts->next)
		return none;
	for (const hdr_field_t *h = msg->contact->next; h; h = h->next)
		if (h->type == HDR_CONTACT_T)
			return none;
	return to_parley(&body->contacts->uri);
}

int op_update_contact(struct sip_msg *msg)
{
	struct parley_target target = {.contact = only_contact(msg)};
	struct parley_id id;

	if (target.contact.len == 0 || !find_sender(msg, &id, &target))
		return -1;
	return set_target(msg, id, &target);
}

int op_update_socket(struct sip_msg *msg)
{
	struct parley_target target = {.socket = msg->rcv.bind_address};
	struct parley_id id;

	if (!target.socket || !find_sender(msg, &id, &target))
		return -1;
	return set_target(msg, id, &target);
}

enum parley_direction op_direction(struct sip_msg *msg)
{
	const struct ctx *ctx = ctx_of(msg);
	struct parley_target target = {0};
	struct parley_id id;

	if (ctx->in_dialog || ctx->got)
		return ctx->dir;
	return find_sender(msg, &id, &target) ? target.of : PARLEY_DIR_NONE;
}
