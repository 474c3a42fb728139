/*
 * $dlg_ctx(...): settings of the dialog to be made, or of the current one.
 *
 * Before the dialog exists they are kept in the context of the message and go
 * into the dialog when it is made. Afterwards they act on the dialog at once,
 * and reading shows what the dialog has.
 */
#include "core/pvar.h"
#include "core/route.h"
#include "core/str_hash.h"

#include "ops.h"
#include "pv_ctx.h"
#include "reader.h"

enum ctx_key {
	CTX_ON,
	CTX_FLAGS,
	CTX_TIMEOUT,
	CTX_TIMEOUT_BYE,
	CTX_TIMEOUT_ROUTE,
	CTX_TIMEOUT_ROUTE_ID,
	CTX_SET,
	CTX_DIR,
	CTX_OLD_STATE,
	CTX_NEW_STATE,
	CTX_KEYS
};

static const char *const ctx_keys[CTX_KEYS] = {
	[CTX_ON] = "on",
	[CTX_FLAGS] = "flags",
	[CTX_TIMEOUT] = "timeout",
	[CTX_TIMEOUT_BYE] = "timeout_bye",
	[CTX_TIMEOUT_ROUTE] = "timeout_route",
	[CTX_TIMEOUT_ROUTE_ID] = "timeout_route_id",
	[CTX_SET] = "set",
	[CTX_DIR] = "dir",
	[CTX_OLD_STATE] = "old_state",
	[CTX_NEW_STATE] = "new_state",
};

int pv_ctx_parse(pv_spec_p spec, str *in)
{
	return pv_parse_key(spec, in, ctx_keys, CTX_KEYS);
}

/* What a dialog has. */
static int get_of_dialog(struct sip_msg *msg, pv_param_t *param,
			 pv_value_t *res, struct parley_id id)
{
	struct parley_view view;

	if (reader_read(reader_of_process(), id, &view) < 0)
		return pv_get_null(msg, param, res);
	switch (param->pvn.u.isname.name.n) {
	case CTX_FLAGS:
		return pv_get_uintval(msg, param, res, view.flags);
	case CTX_TIMEOUT:
		return pv_get_uintval(msg, param, res, view.lifetime_s);
	case CTX_TIMEOUT_BYE:
		return pv_get_uintval(
			msg, param, res,
			view.options & PARLEY_OPT_BYE_ON_TIMEOUT ? 1 : 0);
	case CTX_TIMEOUT_ROUTE:
		return pv_copy(msg, param, res,
			       to_str(view.timeout_route_name));
	default:
		return pv_get_sintval(msg, param, res,
				      pv_route(view.timeout_route));
	}
}

/* What is kept until there is one. */
static int get_pending(struct sip_msg *msg, pv_param_t *param, pv_value_t *res)
{
	struct ctx *ctx = ctx_of(msg);
	str name = {ctx->timeout_route_name,
		    (int)strlen(ctx->timeout_route_name)};

	switch (param->pvn.u.isname.name.n) {
	case CTX_FLAGS:
		return pv_get_uintval(msg, param, res, ctx->flags);
	case CTX_TIMEOUT:
		return pv_get_uintval(msg, param, res,
				      (unsigned int)ctx->timeout);
	case CTX_TIMEOUT_BYE:
		return pv_get_uintval(msg, param, res,
				      (unsigned int)ctx->timeout_bye);
	case CTX_TIMEOUT_ROUTE:
		return pv_copy(msg, param, res,
			       ctx->timeout_route != 0 ? name : (str){0});
	default:
		return pv_get_sintval(msg, param, res,
				      pv_route(ctx->timeout_route));
	}
}

/* Of the change that event_route[dialog:state-changed] runs for; NULL anywhere
 * else. */
static int get_state(struct sip_msg *msg, pv_param_t *param, pv_value_t *res,
		     uint8_t state)
{
	return state > 0 ? pv_get_uintval(msg, param, res, state)
			 : pv_get_null(msg, param, res);
}

int pv_ctx_get(struct sip_msg *msg, pv_param_t *param, pv_value_t *res)
{
	struct parley_id id;
	bool has = ctx_dialog(msg, &id);

	switch (param->pvn.u.isname.name.n) {
	case CTX_ON:
		return pv_get_uintval(msg, param, res,
				      (unsigned int)ctx_of(msg)->on);
	case CTX_SET:
		return pv_get_uintval(msg, param, res,
				      ctx_can_act(msg, &id) ? 1 : 0);
	case CTX_DIR:
		return pv_get_uintval(msg, param, res, ctx_of(msg)->dir);
	case CTX_OLD_STATE:
		return get_state(msg, param, res, ctx_of(msg)->old_state);
	case CTX_NEW_STATE:
		return get_state(msg, param, res, ctx_of(msg)->new_state);
	default:
		return has ? get_of_dialog(msg, param, res, id)
			   : get_pending(msg, param, res);
	}
}

/* The name of a route[] by its index: Kamailio keeps only the way from name to
 * index. */
static bool route_name(int index, str *name)
{
	struct str_hash_entry *entry;

	for (int i = 0; i < main_rt.names.size; i++) {
		clist_foreach(&main_rt.names.table[i], entry, next)
		{
			if (entry->u.n == index) {
				*name = entry->key;
				return true;
			}
		}
	}
	return false;
}

/* The route that @value names by text or by number; 0 for none. */
static int route_of(const pv_value_t *value, bool by_index, char *name,
		    size_t size)
{
	str text = {0};
	int index, len = 0;

	if (value && by_index) {
		if (!(value->flags & PV_VAL_INT) || value->ri <= 0 ||
		    !route_name((int)value->ri, &text))
			return 0;
	} else if (value && (value->flags & PV_VAL_STR)) {
		text = value->rs;
	} else if (value && (value->flags & PV_VAL_INT) && value->ri != 0) {
		text.s = int2str((unsigned long)value->ri, &len);
		text.len = len;
	}
	if (text.len <= 0 || (size_t)text.len >= size)
		return 0;
	memcpy(name, text.s, (size_t)text.len);
	name[text.len] = '\0';
	index = route_lookup(&main_rt, name);
	if (index <= 0 && adapter.set.event_callback.len > 0)
		return ROUTE_BY_NAME;
	if (index <= 0)
		log_limited(LOG_CAUSE_PV, L_ERR,
			    "$dlg_ctx(timeout_route): there is no route[%s]\n",
			    name);
	return index > 0 ? index : 0;
}

static int set_route(struct sip_msg *msg, const pv_value_t *value,
		     bool by_index)
{
	struct ctx *ctx;
	struct parley_id id;
	char name[sizeof(ctx->timeout_route_name)] = "";
	int route = route_of(value, by_index, name, sizeof(name));

	if (!route)
		name[0] = '\0';
	if (ctx_dialog(msg, &id)) {
		struct parley_str text = {name, (uint32_t)strlen(name)};

		return parley_set_timeout_route(adapter.engine, id, route,
						text) < 0
			       ? -1
			       : 0;
	}
	ctx = ctx_pending(msg);
	ctx->timeout_route = route;
	memcpy(ctx->timeout_route_name, name, sizeof(name));
	return 0;
}

static int set_number(struct sip_msg *msg, int key, int number)
{
	struct parley_id id;
	bool has = ctx_dialog(msg, &id);
	struct ctx *ctx = ctx_pending(msg);
	uint32_t ignored, bits = (uint32_t)number;
	int error = 0;

	switch (key) {
	case CTX_FLAGS:
		ctx->flags = bits;
		if (has)
			error = parley_flags(adapter.engine, id, bits, ~bits,
					     &ignored);
		break;
	case CTX_TIMEOUT:
		ctx->timeout = number;
		if (has && number > 0)
			error = parley_set_lifetime(adapter.engine, host_now(),
						    id, bits);
		break;
	case CTX_TIMEOUT_BYE:
		ctx->timeout_bye = number;
		bits = PARLEY_OPT_BYE_ON_TIMEOUT;
		if (has)
			error = parley_options(adapter.engine, host_now(), id,
					       number ? bits : 0,
					       number ? 0 : bits, &ignored);
		break;
	default:
		ctx->on = number;
		break;
	}
	return error < 0 ? -1 : 0;
}

int pv_ctx_set(struct sip_msg *msg, pv_param_t *param, int op,
	       pv_value_t *value)
{
	int key = param->pvn.u.isname.name.n;

	(void)op;
	switch (key) {
	case CTX_TIMEOUT_ROUTE:
	case CTX_TIMEOUT_ROUTE_ID:
		return set_route(msg, value, key == CTX_TIMEOUT_ROUTE_ID);
	case CTX_SET:
	case CTX_DIR:
	case CTX_OLD_STATE:
	case CTX_NEW_STATE:
		log_limited(LOG_CAUSE_PV, L_ERR,
			    "$dlg_ctx(%s) can only be read\n", ctx_keys[key]);
		return -1;
	default:
		return set_number(msg, key,
				  value && (value->flags & PV_VAL_INT)
					  ? (int)value->ri
					  : 0);
	}
}
