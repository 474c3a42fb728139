/* See pv_values.h. */
#include "core/pvapi.h"
#include "core/route.h"
#include "core/ut.h"

#include "cookie.h"
#include "pv_ctx.h"
#include "pv_values.h"
#include "reader.h"
#include "text.h"
#include "values.h"

/* -------------------------------------------------------- $dlg_val(name) */

/* A name, in quotes or not, or a variable that has it. */
int pv_val_parse(pv_spec_p spec, str *in)
{
	str name = *in;
	pv_name_t *to = &spec->pvp.pvn;

	if (name.len >= 2 && name.s[0] == '"' && name.s[name.len - 1] == '"') {
		name.s++;
		name.len -= 2;
	}
	if (!name.s || name.len <= 0) {
		LM_ERR("$dlg_val(): the name is empty\n");
		return -1;
	}
	if (name.s[0] != PV_MARKER) {
		to->type = PV_NAME_INTSTR;
		to->u.isname.type = AVP_NAME_STR;
		to->u.isname.name.s = name;
		return 0;
	}
	to->type = PV_NAME_PVAR;
	to->u.dname = pv_cache_get(&name);
	if (to->u.dname)
		return 0;
	LM_ERR("$dlg_val(%.*s): there is no such variable\n", name.len, name.s);
	return -1;
}

/* The name that @param means now; empty for $null. A number is its digits. */
static str name_of(struct sip_msg *msg, pv_param_t *param)
{
	pv_value_t value;

	if (param->pvn.type != PV_NAME_PVAR)
		return param->pvn.u.isname.name.s;
	memset(&value, 0, sizeof(value));
	if (pv_get_spec_value(msg, param->pvn.u.dname, &value) != 0 ||
	    !(value.flags & PV_VAL_STR))
		return (str){0};
	return value.rs;
}

int pv_val_get(struct sip_msg *msg, pv_param_t *param, pv_value_t *res)
{
	str name = name_of(msg, param);

	if (value_get(msg, "$dlg_val", &name, res) < 0)
		return pv_get_null(msg, param, res);
	return 0;
}

int pv_val_set(struct sip_msg *msg, pv_param_t *param, int op,
	       pv_value_t *value)
{
	str name = name_of(msg, param);

	(void)op;
	return value_set(msg, "$dlg_val", &name, value) < 0 ? -1 : 0;
}

/* ------------------------------------------------ of a matched message */

/* A request has them when it was matched, anything else with its dialog. */
static bool matched(struct sip_msg *msg, struct parley_id *id)
{
	const struct ctx *ctx = ctx_of(msg);

	if (is_route_type(REQUEST_ROUTE) && !ctx->in_dialog && !ctx->got)
		return false;
	return ctx_dialog(msg, id);
}

int pv_flags_get(struct sip_msg *msg, pv_param_t *param, pv_value_t *res)
{
	struct parley_id id;
	uint32_t flags;

	if (!matched(msg, &id) ||
	    parley_flags(adapter.engine, id, 0, 0, &flags) < 0)
		return pv_get_null(msg, param, res);
	return pv_get_uintval(msg, param, res, flags);
}

int pv_flags_set(struct sip_msg *msg, pv_param_t *param, int op,
		 pv_value_t *value)
{
	int number = 0;

	(void)param;
	(void)op;
	if (value && (value->flags & PV_VAL_INT)) {
		number = (int)value->ri;
	} else if (value && (value->flags & PV_VAL_STR) &&
		   str2sint(&value->rs, &number) < 0) {
		log_limited(LOG_CAUSE_PV, L_ERR,
			    "$DLG_flags = \"%.*s\": must be a number\n",
			    text_shown(value->rs.len), value->rs.s);
		return -1;
	}
	return value_flags_set(msg, (uint32_t)number);
}

int pv_dir_get(struct sip_msg *msg, pv_param_t *param, pv_value_t *res)
{
	str upstream = STR_STATIC_INIT("UPSTREAM");
	str downstream = STR_STATIC_INIT("DOWNSTREAM");
	enum parley_direction dir = PARLEY_DIR_NONE;
	struct parley_id id;

	if (matched(msg, &id))
		dir = op_direction(msg);
	if (dir == PARLEY_DIR_NONE)
		return pv_get_null(msg, param, res);
	return pv_get_strval(msg, param, res,
			     dir == PARLEY_DIR_UPSTREAM ? &upstream
							: &downstream);
}

int pv_did_get(struct sip_msg *msg, pv_param_t *param, pv_value_t *res)
{
	char text[COOKIE_MAX];
	struct parley_id id;

	if (!ctx_dialog(msg, &id))
		return pv_get_null(msg, param, res);
	return pv_copy(msg, param, res,
		       (str){text, (int)cookie_print(id, text)});
}
