/* See ops.h. */
#include <limits.h>
#include <strings.h>

#include "core/lvalue.h"
#include "core/route.h"

#include "asks.h"
#include "ops.h"
#include "own_var.h"
#include "reader.h"
#include "text.h"

/* What is wrong with a call of set_dlg_profile() and its like belongs to the
 * script: it would be said for each message. */
static void profile_log(int profile, int error)
{
	const char *name = parley_profile_name(adapter.engine, profile);

	log_limited(LOG_CAUSE_PROFILE, L_ERR, "profile %s: %s\n",
		    name ? name : "?", parley_error_text(error));
}

int op_profile_set(struct sip_msg *msg, int profile, struct parley_str value)
{
	struct parley_id id;
	int error = PARLEY_E_NO_DIALOG;

	if (ctx_dialog(msg, &id))
		error = parley_profile_join(adapter.engine, id, profile, value,
					    0, false);
	else if (is_route_type(REQUEST_ROUTE))
		error = parley_profile_reserve(adapter.engine, profile, value,
					       0, false,
					       &ctx_pending(msg)->members);
	if (error < 0)
		profile_log(profile, error);
	return error < 0 ? -1 : 1;
}

int op_profile_set_only(struct sip_msg *msg, int profile,
			struct parley_str value)
{
	struct parley_id id;
	int error = PARLEY_E_NO_DIALOG;

	if (ctx_dialog(msg, &id))
		error = parley_profile_join_only(adapter.engine, id, profile,
						 value);
	else if (is_route_type(REQUEST_ROUTE))
		error = parley_profile_reserve_only(adapter.engine, profile,
						    value,
						    &ctx_pending(msg)->members);
	if (error < 0)
		profile_log(profile, error);
	return error < 0 ? -1 : 1;
}

int op_profile_unset(struct sip_msg *msg, int profile, struct parley_str value)
{
	struct parley_id id;
	int error;

	if (ctx_dialog(msg, &id))
		error = parley_profile_leave(adapter.engine, id, profile,
					     value);
	else
		error = parley_profile_unreserve(adapter.engine, profile, value,
						 &ctx_of(msg)->members);
	return error < 0 ? -1 : 1;
}

int op_profile_has(struct sip_msg *msg, int profile, struct parley_str value)
{
	struct parley_id id;

	if (ctx_dialog(msg, &id))
		return parley_profile_is_member(adapter.engine, id, profile,
						value) > 0
			       ? 1
			       : -1;
	return parley_profile_reserved(adapter.engine, profile, value,
				       ctx_of(msg)->members)
		       ? 1
		       : -1;
}

int op_profile_size(struct sip_msg *msg, int profile, struct parley_str value,
		    pv_spec_t *target)
{
	pv_value_t result = {.flags = PV_VAL_INT | PV_TYPE_INT};
	uint32_t size;
	int error;

	error = parley_profile_size(adapter.engine, profile, value, &size);
	if (error < 0) {
		profile_log(profile, error);
		return -1;
	}
	result.ri = (int)size;
	return target->setf(msg, &target->pvp, EQ_T, &result) < 0 ? -1 : 1;
}

int op_profile_join(struct sip_msg *msg, int profile, struct parley_str value,
		    long limit)
{
	struct parley_id id;
	int error = PARLEY_E_NO_DIALOG;

	if (limit < 0 || limit > UINT32_MAX) {
		error = PARLEY_E_ARGUMENT;
	} else if (limit == 0) {
		/* For the engine 0 means no limit; for the script it is a
		 * limit that nobody is below. */
		error = op_profile_has(msg, profile, value) > 0 ? PARLEY_OK
								: PARLEY_E_FULL;
	} else if (ctx_dialog(msg, &id)) {
		error = parley_profile_join(adapter.engine, id, profile, value,
					    (uint32_t)limit, true);
	} else if (is_route_type(REQUEST_ROUTE)) {
		error = parley_profile_reserve(adapter.engine, profile, value,
					       (uint32_t)limit, true,
					       &ctx_pending(msg)->members);
	}
	if (error == PARLEY_E_FULL)
		return -1;
	if (error < 0)
		profile_log(profile, error);
	return error < 0 ? -2 : 1;
}

int op_flag(struct sip_msg *msg, int index, enum flag_op op)
{
	struct parley_id id;
	struct ctx *ctx;
	uint32_t bit, flags;

	if (index < 0 || index > 31)
		return -1;
	bit = (uint32_t)1 << index;
	if (ctx_dialog(msg, &id)) {
		if (parley_flags(adapter.engine, id, op == FLAG_SET ? bit : 0,
				 op == FLAG_RESET ? bit : 0, &flags) < 0)
			return -1;
	} else {
		ctx = op == FLAG_TEST ? ctx_of(msg) : ctx_pending(msg);
		if (op == FLAG_SET)
			ctx->flags |= bit;
		else if (op == FLAG_RESET)
			ctx->flags &= ~bit;
		flags = ctx->flags;
	}
	return op != FLAG_TEST || (flags & bit) ? 1 : -1;
}

uint32_t op_option(const str *property)
{
	static const struct {
		const char *name;
		uint32_t option;
	} known[] = {
		{"ka-src", PARLEY_OPT_KA_CALLER},
		{"ka-dst", PARLEY_OPT_KA_CALLEE},
		{"timeout-noreset", PARLEY_OPT_TIMEOUT_NORESET},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (text_is(to_parley(property), known[i].name))
			return known[i].option;
	return 0;
}

static int property(struct sip_msg *msg, const str *name, bool set)
{
	uint32_t bit = op_option(name), ignored;
	struct parley_id id;
	struct ctx *ctx;

	if (bit == 0) {
		log_limited(LOG_CAUSE_SCRIPT, L_ERR,
			    "unknown property \"%.*s\": must be ka-src, "
			    "ka-dst or timeout-noreset\n",
			    name->len, name->s);
		return -1;
	}
	if (ctx_dialog(msg, &id))
		return parley_options(adapter.engine, host_now(), id,
				      set ? bit : 0, set ? 0 : bit,
				      &ignored) < 0
			       ? -1
			       : 1;
	ctx = ctx_pending(msg);
	ctx->options = set ? ctx->options | bit : ctx->options & ~bit;
	return 1;
}

int op_property_set(struct sip_msg *msg, const str *name)
{
	return property(msg, name, true);
}

int op_property_reset(struct sip_msg *msg, const str *name)
{
	return property(msg, name, false);
}

int op_get(struct sip_msg *msg, const str *callid, const str *tag1,
	   const str *tag2)
{
	struct parley_match match;
	const struct parley_match *found = NULL;

	if (callid->len <= 0 || tag1->len <= 0 || tag2->len <= 0)
		log_limited(LOG_CAUSE_SCRIPT, L_ERR,
			    "dlg_get() needs a Call-ID and two tags\n");
	else if (parley_find_call(adapter.engine, to_parley(callid),
				  to_parley(tag1), to_parley(tag2),
				  &match) == 0)
		found = &match;
	/* After a miss nothing is current: what follows in the script means
	 * the other call and must not hit the message's own. */
	ctx_get_dialog(msg, found);
	return found ? 1 : -1;
}

int op_is_known(struct sip_msg *msg)
{
	struct parley_id id;

	return ctx_dialog(msg, &id) ? 1 : -1;
}

int op_end(struct sip_msg *msg, enum parley_side side, const str *reason)
{
	struct parley_id id;
	int error;

	if (!side || !ctx_can_act(msg, &id))
		return -1;
	error = sip_terminate(msg, id, side, reason, NULL);
	if (error < 0)
		log_limited(LOG_CAUSE_END, L_WARN,
			    "dialog %u.%u not ended: %s\n", id.entry, id.id,
			    sip_terminate_fault(id, side, error));
	return error < 0 ? -1 : 1;
}

int op_set_timeout_of(struct parley_id id, int seconds)
{
	if (seconds <= 0) {
		log_limited(LOG_CAUSE_SCRIPT, L_ERR,
			    "dlg_set_timeout(%d): must be above 0\n", seconds);
		return -1;
	}
	return parley_set_lifetime(adapter.engine, host_now(), id,
				   (uint32_t)seconds) < 0
		       ? -1
		       : 1;
}

int op_set_timeout(struct sip_msg *msg, int seconds)
{
	struct parley_id id;

	return ctx_dialog(msg, &id) ? op_set_timeout_of(id, seconds) : -1;
}

int op_timeout_by_profile(int profile, struct parley_str value, int seconds)
{
	struct parley_profile_view which = {profile, value};
	uint32_t count;
	int error = PARLEY_E_ARGUMENT;

	if (seconds > 0)
		error = parley_profile_set_lifetime(adapter.engine, host_now(),
						    &which, (uint32_t)seconds,
						    &count);
	else
		log_limited(LOG_CAUSE_SCRIPT, L_ERR,
			    "dlg_set_timeout_by_profile(): %d seconds: must be "
			    "above 0\n",
			    seconds);
	if (error < 0 && seconds > 0)
		profile_log(profile, error);
	return error < 0 ? -1 : 1;
}

static int load(const char *function, enum ask_what what, str text)
{
	struct db_load_count count = {0};
	const char *fault = asks_put(what, to_parley(&text), &count);

	if (!fault)
		return 1;
	log_limited(LOG_CAUSE_SCRIPT, L_ERR, "%s(): %s\n", function, fault);
	return -1;
}

int op_db_load_callid(struct sip_msg *msg, const str *callid)
{
	(void)msg;
	if (callid->len > 0)
		return load("dlg_db_load_callid", ASK_LOAD_CALLID, *callid);
	log_limited(LOG_CAUSE_SCRIPT, L_ERR,
		    "dlg_db_load_callid(): a Call-ID is needed\n");
	return -1;
}

int op_db_load_extra(void)
{
	return load("dlg_db_load_extra", ASK_LOAD_EXTRA, (str){0});
}

/* What is wrong, or NULL; fills @facts. */
static const char *remote_fault(const struct op_remote *remote,
				struct parley_remote *facts)
{
	if (!text_is(to_parley(&remote->command), "add") &&
	    !text_is(to_parley(&remote->command), "rm"))
		return "the command must be add or rm";
	facts->profile = parley_profile_find(adapter.engine,
					     to_parley(&remote->profile));
	if (facts->profile < 0)
		return "no such profile";
	facts->value = to_parley(&remote->value);
	if (!facts->value.len)
		facts->value.s = NULL; /* none was given */
	if (!facts->value.len &&
	    parley_profile_has_value(adapter.engine, facts->profile))
		return "the profile needs a value";
	facts->uid = to_parley(&remote->uid);
	if (!facts->uid.len || facts->uid.len > PARLEY_VALUE_MAX ||
	    facts->value.len > PARLEY_VALUE_MAX)
		return "uid and value must have at most 4096 characters, uid "
		       "at least one";
	if (remote->expires < 0 || remote->expires > UINT32_MAX)
		return "expires must be 0 or the seconds since 1970";
	facts->expires_s = (uint32_t)remote->expires;
	return NULL;
}

int op_remote(const struct op_remote *remote)
{
	struct parley_remote facts = {0};
	const char *fault = remote_fault(remote, &facts);
	int error;

	if (fault) {
		log_limited(LOG_CAUSE_SCRIPT, L_ERR,
			    "dlg_remote_profile(\"%.*s\", \"%.*s\"): %s\n",
			    text_shown(remote->command.len), remote->command.s,
			    text_shown(remote->profile.len), remote->profile.s,
			    fault);
		return -1;
	}
	if (text_is(to_parley(&remote->command), "add"))
		error = parley_remote_add(adapter.engine, host_now(), &facts);
	else
		error = parley_remote_remove(adapter.engine, &facts);
	if (error < 0 && error != PARLEY_E_ABSENT)
		profile_log(facts.profile, error);
	return error < 0 && error != PARLEY_E_ABSENT ? -1 : 1;
}

enum parley_side op_side(const str *name)
{
	static const struct {
		const char *name;
		enum parley_side side;
	} sides[] = {
		{"caller", PARLEY_SIDE_CALLER},
		{"callee", PARLEY_SIDE_CALLEE},
		{"all", PARLEY_SIDE_ALL},
		{"both", PARLEY_SIDE_ALL},
	};

	for (size_t i = 0; i < sizeof(sides) / sizeof(sides[0]); i++)
		if ((size_t)name->len == strlen(sides[i].name) &&
		    strncasecmp(name->s, sides[i].name, (size_t)name->len) == 0)
			return sides[i].side;
	return 0;
}

/* debug_variables: all that the call has now. */
static void var_show(struct parley_id id)
{
	struct parley_view view;

	if (!adapter.set.debug_variables || !is_printable(L_DBG) ||
	    reader_read(reader_of_process(), id, &view) < 0)
		return;
	LM_DBG("dialog %u.%u has %u variables\n", id.entry, id.id,
	       view.var_count);
	for (uint32_t i = 0; i < view.var_count; i++)
		if (!own_var_is(view.vars[i].key))
			LM_DBG("%u.%u: %.*s=%.*s\n", id.entry, id.id,
			       (int)view.vars[i].key.len, view.vars[i].key.s,
			       (int)view.vars[i].value.len,
			       view.vars[i].value.s);
}

static int set_any(struct sip_msg *msg, const str *key, const str *value)
{
	struct parley_str text = {0};
	struct parley_id id;
	int error;

	if (!ctx_dialog(msg, &id))
		return ctx_var_set(ctx_pending(msg), key, value);
	if (value)
		text = to_parley(value);
	error = parley_var_set(adapter.engine, id, to_parley(key), text);
	var_show(id);
	/* Deleting what is not there is no error for a script. */
	return !value && error == PARLEY_E_ABSENT ? PARLEY_OK : error;
}

static int get_any(struct sip_msg *msg, const str *key, char *buffer,
		   size_t size, uint32_t *lenp)
{
	const str *value;
	struct parley_id id;

	if (ctx_dialog(msg, &id))
		return parley_var_get(adapter.engine, id, to_parley(key),
				      buffer, size, lenp);
	value = ctx_var_get(ctx_of(msg), key);
	if (!value)
		return PARLEY_E_ABSENT;
	*lenp = (uint32_t)value->len;
	if (*lenp > size)
		return PARLEY_E_SPACE;
	memcpy(buffer, value->s, *lenp);
	return PARLEY_OK;
}

int var_set(struct sip_msg *msg, const str *key, const str *value)
{
	return own_var_is(to_parley(key)) ? PARLEY_E_ARGUMENT
					  : set_any(msg, key, value);
}

int var_get(struct sip_msg *msg, const str *key, char *buffer, size_t size,
	    uint32_t *lenp)
{
	return own_var_is(to_parley(key))
		       ? PARLEY_E_ABSENT
		       : get_any(msg, key, buffer, size, lenp);
}

static str key_of(const char *name)
{
	return to_str((struct parley_str){name, (uint32_t)strlen(name)});
}

int own_var_set(struct sip_msg *msg, const char *key, const str *value)
{
	str name = key_of(key);

	return set_any(msg, &name, value);
}

int own_var_get(struct sip_msg *msg, const char *key, char *buffer, size_t size,
		uint32_t *lenp)
{
	str name = key_of(key);

	return get_any(msg, &name, buffer, size, lenp);
}
