/*
 * The functions of kamailio.cfg: what is looked at once, when the script is
 * loaded (fixups), and what is looked at for each message.
 *
 * Kamailio runs the fixups after mod_init, so that the engine and its profiles
 * are there. A fixup replaces the text of a parameter: a profile by its index,
 * a side by its enum value, a value by a pseudo-variable format.
 */
#include "core/mod_fix.h"
#include "core/pvar.h"
#include "core/route.h"

#include "api.h"
#include "capi.h"
#include "capi_ims.h"
#include "dmq.h"
#include "exports.h"
#include "fixups.h"
#include "functions_calls.h"
#include "functions_create.h"
#include "functions_lookup.h"
#include "functions_profile.h"
#include "functions_validate.h"
#include "functions_values.h"
#include "functions_routes.h"
#include "ops.h"
#include "scripted.h"
#include "state.h"
#include "text.h"

/* ------------------------------------------------------------- fixups */

int fixup_put(void **param, long number)
{
	pkg_free(*param);
	*param = (void *)number;
	return 0;
}

int fixup_profile_name(void **param)
{
	str name = {*param, (int)strlen(*param)};
	int profile = parley_profile_find(adapter.engine, to_parley(&name));

	if (profile < 0) {
		LM_ERR("unknown profile \"%s\": name it in profiles_with_value "
		       "or profiles_no_value\n",
		       name.s);
		return E_CFG;
	}
	return fixup_put(param, profile);
}

int fixup_format(void **param)
{
	str text = {*param, (int)strlen(*param)};
	pv_elem_t *format = NULL;

	if (!text.len || pv_parse_format(&text, &format) < 0 || !format) {
		LM_ERR("profile value \"%s\": must be text with or without "
		       "pseudo-variables\n",
		       text.s);
		return E_CFG;
	}
	*param = format;
	return 0;
}

int fixup_target(const char *function, void **param)
{
	char *text = *param;
	pv_spec_t *target;

	if (fixup_pvar_null(param, 1) < 0)
		return E_CFG;
	target = *param;
	if (target->type != PVT_AVP && target->type != PVT_SCRIPTVAR) {
		LM_ERR("%s(): result \"%s\" must be $avp(...) or $var(...)\n",
		       function, text);
		return E_SCRIPT;
	}
	return 0;
}

/* profile[, value] */
static int fixup_profile(void **param, int param_no)
{
	return param_no == 1 ? fixup_profile_name(param) : fixup_format(param);
}

/* A profile that needs a value and does not get one. The stock module starts
 * with that, and the function is false. */
static int fixup_profile_no_value(void **param, int param_no)
{
	int error = fixup_profile(param, param_no);
	int profile = (int)(long)*param;

	if (error == 0 && parley_profile_has_value(adapter.engine, profile))
		LM_WARN("profile \"%s\" needs a value: without one the "
			"function will be false\n",
			parley_profile_name(adapter.engine, profile));
	return error;
}

/* profile, value or nothing, 0 or another number: clear the old values */
static int fixup_set_profile3(void **param, int param_no)
{
	str text = {*param, (int)strlen(*param)};
	int number;

	if (param_no == 2 && text.len == 0)
		return fixup_put(param, 0);
	if (param_no < 3)
		return fixup_profile(param, param_no);
	if (!strchr(text.s, '$') &&
	    (!text.len || str2sint(&text, &number) < 0)) {
		LM_ERR("set_dlg_profile(): clear_values \"%s\" must be a "
		       "number, 0 or 1, or a variable\n",
		       text.s);
		return E_CFG;
	}
	return fixup_igp_null(param, 1);
}

/* profile, result */
static int fixup_size2(void **param, int param_no)
{
	return param_no == 1 ? fixup_profile_name(param)
			     : fixup_target("get_profile_size", param);
}

/* profile, value, result */
static int fixup_size3(void **param, int param_no)
{
	return param_no == 3 ? fixup_target("get_profile_size", param)
			     : fixup_profile(param, param_no);
}

static int fixup_limit(void **param)
{
	str text = {*param, (int)strlen(*param)};
	int limit;

	if (text.s[0] != '$' && (str2sint(&text, &limit) < 0 || limit < 0)) {
		LM_ERR("dlg_join_profile(): limit \"%s\" must be 0 or a number "
		       "above, or a variable\n",
		       text.s);
		return E_CFG;
	}
	return fixup_igp_null(param, 1);
}

/* profile, limit */
static int fixup_join2(void **param, int param_no)
{
	return param_no == 1 ? fixup_profile_no_value(param, 1)
			     : fixup_limit(param);
}

/* profile, value, limit */
static int fixup_join3(void **param, int param_no)
{
	return param_no == 3 ? fixup_limit(param)
			     : fixup_profile(param, param_no);
}

/* Of dlg_setflag($var(x)) without quotes it runs for each message, as does its
 * opposite, fixup_free_igp_null(). */
static int fixup_flag(const char *function, void **param)
{
	str text = {*param, (int)strlen(*param)};
	int flag;

	if (text.s[0] != '$' && str2sint(&text, &flag) < 0) {
		log_limited(LOG_CAUSE_SCRIPT, L_ERR,
			    "%s(\"%s\"): must be 0 to 31 or a variable\n",
			    function, text.s);
		return E_CFG;
	}
	if (text.s[0] != '$' && (flag < 0 || flag > 31))
		log_limited(LOG_CAUSE_SCRIPT, L_WARN,
			    "%s(\"%d\"): must be 0 to 31, will be false\n",
			    function, flag);
	return fixup_igp_null(param, 1);
}

static int fixup_setflag(void **param, int param_no)
{
	(void)param_no;
	return fixup_flag("dlg_setflag", param);
}

static int fixup_resetflag(void **param, int param_no)
{
	(void)param_no;
	return fixup_flag("dlg_resetflag", param);
}

static int fixup_isflagset(void **param, int param_no)
{
	(void)param_no;
	return fixup_flag("dlg_isflagset", param);
}

/* side[, reason]. A side without variables is checked at start; with one it
 * runs for each message, if it stands without quotes. */
static int fixup_end(void **param, int param_no)
{
	str text = {*param, (int)strlen(*param)};

	if (param_no == 1 && !strchr(text.s, '$') && !op_side(&text)) {
		log_limited(LOG_CAUSE_SCRIPT, L_ERR,
			    "side \"%.64s\": must be caller, callee, all or "
			    "both\n",
			    text.s);
		return E_CFG;
	}
	return fixup_spve_null(param, 1);
}

/* callid, ftag, ttag, name, target */
static int fixup_get_var(void **param, int param_no)
{
	return param_no == 5 ? fixup_pvar_all(param, 1)
			     : fixup_spve_null(param, 1);
}

/* The stock module starts with any property; the function is then false. */
static int fixup_property(void **param, int param_no)
{
	str text = {*param, (int)strlen(*param)};

	(void)param_no;
	if (!strchr(text.s, '$') && op_option(&text) == 0)
		log_limited(LOG_CAUSE_SCRIPT, L_WARN,
			    "property \"%s\": must be ka-src, ka-dst or "
			    "timeout-noreset, will be false\n",
			    text.s);
	return fixup_spve_null(param, 1);
}

int fixup_texts(void **param, int param_no)
{
	(void)param_no;
	return fixup_spve_null(param, 1);
}

/* The opposites. With one Kamailio takes variables without quotes, too, and
 * calls both for each message. */
static int free_texts(void **param, int param_no)
{
	(void)param_no;
	return fixup_free_spve_null(param, 1);
}

static int free_get_var(void **param, int param_no)
{
	return param_no == 5 ? fixup_free_pvar_all(param, 1)
			     : fixup_free_spve_null(param, 1);
}

static int free_fetch(void **param, int param_no)
{
	return param_no == 2 ? fixup_free_pvar_all(param, 1)
			     : fixup_free_spve_null(param, 1);
}

static int free_refer_did(void **param, int param_no)
{
	return param_no <= 2 ? fixup_free_igp_null(param, 1)
			     : fixup_free_spve_null(param, 1);
}

/* --------------------------------------------------- values at run time */

bool value_of(struct sip_msg *msg, char *profile, char *format,
	      struct parley_str *value)
{
	str text;

	*value = (struct parley_str){0};
	if (!format ||
	    !parley_profile_has_value(adapter.engine, (int)(long)profile))
		return true;
	if (pv_printf_s(msg, (pv_elem_t *)format, &text) != 0 ||
	    text.len <= 0) {
		log_limited(LOG_CAUSE_SCRIPT, L_WARN,
			    "the value for profile %s is empty\n",
			    parley_profile_name(adapter.engine,
						(int)(long)profile));
		return false;
	}
	*value = to_parley(&text);
	return true;
}

/* Is the format one variable, and is that $null? Printed it would be the text
 * "<null>", and all that have none would share one limit. */
static bool value_is_null(struct sip_msg *msg, char *param)
{
	pv_elem_t *format = (pv_elem_t *)param;
	pv_value_t value;

	return format && !format->next && format->text.len == 0 &&
	       format->spec &&
	       pv_get_spec_value(msg, format->spec, &value) == 0 &&
	       (value.flags & PV_VAL_NULL);
}

bool int_of(struct sip_msg *msg, char *param, int *number)
{
	fparam_t *p = (fparam_t *)param;
	pv_value_t value;

	if (p->type == FPARAM_INT) {
		*number = p->v.i;
		return true;
	}
	if (p->type != FPARAM_PVS ||
	    pv_get_spec_value(msg, p->v.pvs, &value) != 0 ||
	    (value.flags & PV_VAL_NULL))
		return false;
	if (value.flags & PV_VAL_INT) {
		*number = (int)value.ri;
		return true;
	}
	return (value.flags & PV_VAL_STR) && str2sint(&value.rs, number) == 0;
}

bool text_of(struct sip_msg *msg, char *param, str *text)
{
	return fixup_get_svalue(msg, (fparam_t *)param, text) == 0;
}

/* ------------------------------------------------------------ functions */

static int f_manage(struct sip_msg *msg, char *p1, char *p2)
{
	(void)p1;
	(void)p2;
	return sip_manage(msg);
}

/* What is done with a profile and its value, with a number of a flag, or with a
 * text; false if the parameter has none. */
static int with_value(struct sip_msg *msg, char *profile, char *format,
		      int (*op)(struct sip_msg *, int, struct parley_str))
{
	struct parley_str value;

	if (!value_of(msg, profile, format, &value))
		return -1;
	return op(msg, (int)(long)profile, value);
}

static int with_flag(struct sip_msg *msg, char *param, enum flag_op op)
{
	int flag;

	return int_of(msg, param, &flag) ? op_flag(msg, flag, op) : -1;
}

static int with_text(struct sip_msg *msg, char *param,
		     int (*op)(struct sip_msg *, const str *))
{
	str text;

	return text_of(msg, param, &text) ? op(msg, &text) : -1;
}

static int f_set_profile(struct sip_msg *msg, char *profile, char *format)
{
	return with_value(msg, profile, format, op_profile_set);
}

static int f_set_profile3(struct sip_msg *msg, char *profile, char *format,
			  char *clear)
{
	int number;

	if (!int_of(msg, clear, &number)) {
		log_limited(LOG_CAUSE_SCRIPT, L_ERR,
			    "set_dlg_profile(): the third parameter must be a "
			    "number\n");
		return -1;
	}
	return with_value(msg, profile, format,
			  number ? op_profile_set_only : op_profile_set);
}

static int f_unset_profile(struct sip_msg *msg, char *profile, char *format)
{
	return with_value(msg, profile, format, op_profile_unset);
}

static int f_in_profile(struct sip_msg *msg, char *profile, char *format)
{
	return with_value(msg, profile, format, op_profile_has);
}

static int f_profile_size3(struct sip_msg *msg, char *profile, char *format,
			   char *target)
{
	struct parley_str value;

	if (!value_of(msg, profile, format, &value))
		return -1;
	return op_profile_size(msg, (int)(long)profile, value,
			       (pv_spec_t *)target);
}

static int f_profile_size2(struct sip_msg *msg, char *profile, char *target)
{
	return f_profile_size3(msg, profile, NULL, target);
}

static int f_join3(struct sip_msg *msg, char *profile, char *format,
		   char *limit)
{
	struct parley_str value;
	int number;

	if (!value_of(msg, profile, format, &value) ||
	    (value.s && value_is_null(msg, format)))
		return -2;
	if (!int_of(msg, limit, &number))
		number = -1;
	return op_profile_join(msg, (int)(long)profile, value, number);
}

static int f_join2(struct sip_msg *msg, char *profile, char *limit)
{
	return f_join3(msg, profile, NULL, limit);
}

static int f_set_flag(struct sip_msg *msg, char *param, char *p2)
{
	(void)p2;
	return with_flag(msg, param, FLAG_SET);
}

static int f_reset_flag(struct sip_msg *msg, char *param, char *p2)
{
	(void)p2;
	return with_flag(msg, param, FLAG_RESET);
}

static int f_is_flag_set(struct sip_msg *msg, char *param, char *p2)
{
	(void)p2;
	return with_flag(msg, param, FLAG_TEST);
}

static int f_set_property(struct sip_msg *msg, char *param, char *p2)
{
	(void)p2;
	return with_text(msg, param, op_property_set);
}

static int f_reset_property(struct sip_msg *msg, char *param, char *p2)
{
	(void)p2;
	return with_text(msg, param, op_property_reset);
}

static int f_get(struct sip_msg *msg, char *p1, char *p2, char *p3)
{
	str callid, tag1, tag2;

	if (!text_of(msg, p1, &callid) || !text_of(msg, p2, &tag1) ||
	    !text_of(msg, p3, &tag2))
		return -1;
	return op_get(msg, &callid, &tag1, &tag2);
}

static int f_is_known(struct sip_msg *msg, char *p1, char *p2)
{
	(void)p1;
	(void)p2;
	return op_is_known(msg);
}

static int f_end(struct sip_msg *msg, char *side_param, char *param)
{
	enum parley_side side;
	str name, reason = {0};

	if (!text_of(msg, side_param, &name))
		return -1;
	/* The next text may take the place of this one. */
	side = op_side(&name);
	if (!side) {
		log_limited(LOG_CAUSE_SCRIPT, L_ERR,
			    "dlg_bye(), dlg_terminate(): side \"%.*s\" must be "
			    "caller, callee, all or both\n",
			    text_shown(name.len), name.s);
		return -1;
	}
	if (param && !text_of(msg, param, &reason))
		return -1;
	return op_end(msg, side, param ? &reason : NULL);
}

static int f_set_timeout1(struct sip_msg *msg, char *param, char *p2)
{
	int seconds;

	(void)p2;
	return int_of(msg, param, &seconds) ? op_set_timeout(msg, seconds) : -1;
}

static int f_set_timeout3(struct sip_msg *msg, char *p1, char *p2, char *p3)
{
	int seconds, entry, id;

	if (!int_of(msg, p1, &seconds) || !int_of(msg, p2, &entry) ||
	    !int_of(msg, p3, &id) || entry < 0 || id <= 0)
		return -1;
	return op_set_timeout_of(
		(struct parley_id){(uint32_t)entry, (uint32_t)id}, seconds);
}

/* The three texts that name a call. */
static bool call_of(struct sip_msg *msg, char *callid, char *ftag, char *ttag,
		    struct op_call *call)
{
	return text_of(msg, callid, &call->callid) &&
	       text_of(msg, ftag, &call->ftag) &&
	       text_of(msg, ttag, &call->ttag);
}

/* NOLINTNEXTLINE(readability-function-size): Kamailio has it so. */
static int f_get_var(struct sip_msg *msg, char *callid, char *ftag, char *ttag,
		     char *name, char *target)
{
	struct op_call call;
	str key;

	if (!call_of(msg, callid, ftag, ttag, &call) ||
	    !text_of(msg, name, &key))
		return -1;
	return op_get_var(msg, &call, &key, (pv_spec_t *)target);
}

/* NOLINTNEXTLINE(readability-function-size): Kamailio has it so. */
static int f_set_var(struct sip_msg *msg, char *callid, char *ftag, char *ttag,
		     char *name, char *param)
{
	struct op_call call;
	str key, value;

	if (!call_of(msg, callid, ftag, ttag, &call) ||
	    !text_of(msg, name, &key) || !text_of(msg, param, &value))
		return -1;
	return op_set_var(&call, &key, &value);
}

static int f_remove_dialogs(struct sip_msg *msg, char *param, char *p2)
{
	(void)p2;
	return with_text(msg, param, op_remove_dialogs);
}

static int f_update_contact(struct sip_msg *msg, char *p1, char *p2)
{
	(void)p1;
	(void)p2;
	return op_update_contact(msg);
}

static int f_update_socket(struct sip_msg *msg, char *p1, char *p2)
{
	(void)p1;
	(void)p2;
	return op_update_socket(msg);
}

static int f_update_state(struct sip_msg *msg, char *p1, char *p2)
{
	(void)p1;
	(void)p2;
	return scripted_update(msg);
}

static int f_set_state(struct sip_msg *msg, char *param, char *p2)
{
	(void)p2;
	return with_text(msg, param, op_set_state);
}

static int f_db_load_callid(struct sip_msg *msg, char *callid, char *p2)
{
	(void)p2;
	return with_text(msg, callid, op_db_load_callid);
}

static int f_db_load_extra(struct sip_msg *msg, char *p1, char *p2)
{
	(void)msg;
	(void)p1;
	(void)p2;
	return op_db_load_extra();
}

/* clang-format off */
cmd_export_t adapter_cmds[] = {
	{"load_dlg", FUNCTION(capi_load), 0, NULL, NULL, 0},
	{"load_parley", FUNCTION(api_load), 0, NULL, NULL, 0},
	{"load_ims_dlg", FUNCTION(capi_ims_load), 0, NULL, NULL, 0},
	{"dlg_manage", FUNCTION(f_manage), 0, NULL, NULL, REQUEST_ROUTE},
	{"create_dialog", FUNCTION(f_create0), 0, NULL, NULL, REQUEST_ROUTE},
	{"create_dialog", FUNCTION(f_create1), 1, fixup_create, free_texts,
	 REQUEST_ROUTE},
	{"dlg_on_answer", FUNCTION(f_on_answer), 0, NULL, NULL, ANY_ROUTE},
	{"dlg_on_answer", FUNCTION(f_on_answer), 1, fixup_on_answer,
	 free_texts, ANY_ROUTE},
	{"dlg_on_timeout", FUNCTION(f_on_timeout), 0, NULL, NULL, ANY_ROUTE},
	{"dlg_on_timeout", FUNCTION(f_on_timeout), 1, fixup_on_route,
	 free_texts, ANY_ROUTE},
	{"dlg_on_hangup", FUNCTION(f_on_hangup), 0, NULL, NULL, ANY_ROUTE},
	{"dlg_on_hangup", FUNCTION(f_on_hangup), 1, fixup_on_route,
	 free_texts, ANY_ROUTE},
	{"set_dlg_profile", FUNCTION(f_set_profile), 1,
	 fixup_profile_no_value, NULL, ANY_ROUTE},
	{"set_dlg_profile", FUNCTION(f_set_profile), 2, fixup_profile, NULL,
	 ANY_ROUTE},
	{"set_dlg_profile", FUNCTION(f_set_profile3), 3, fixup_set_profile3,
	 NULL, ANY_ROUTE},
	{"unset_dlg_profile", FUNCTION(f_unset_profile), 1, fixup_profile,
	 NULL, ANY_ROUTE},
	{"unset_dlg_profile", FUNCTION(f_unset_profile), 2, fixup_profile,
	 NULL, ANY_ROUTE},
	{"is_in_profile", FUNCTION(f_in_profile), 1, fixup_profile, NULL,
	 ANY_ROUTE},
	{"is_in_profile", FUNCTION(f_in_profile), 2, fixup_profile, NULL,
	 ANY_ROUTE},
	{"get_profile_size", FUNCTION(f_profile_size2), 2, fixup_size2, NULL,
	 ANY_ROUTE},
	{"get_profile_size", FUNCTION(f_profile_size3), 3, fixup_size3, NULL,
	 ANY_ROUTE},
	{"dlg_join_profile", FUNCTION(f_join2), 2, fixup_join2, NULL,
	 ANY_ROUTE},
	{"dlg_join_profile", FUNCTION(f_join3), 3, fixup_join3, NULL,
	 ANY_ROUTE},
	{"dlg_setflag", FUNCTION(f_set_flag), 1, fixup_setflag,
	 fixup_free_igp_null, ANY_ROUTE},
	{"dlg_resetflag", FUNCTION(f_reset_flag), 1, fixup_resetflag,
	 fixup_free_igp_null, ANY_ROUTE},
	{"dlg_isflagset", FUNCTION(f_is_flag_set), 1, fixup_isflagset,
	 fixup_free_igp_null, ANY_ROUTE},
	{"set_dlg_flag", FUNCTION(f_dlg_flag_set), 1, fixup_dlg_flag,
	 free_texts, ANY_ROUTE},
	{"reset_dlg_flag", FUNCTION(f_dlg_flag_reset), 1, fixup_dlg_flag,
	 free_texts, ANY_ROUTE},
	{"is_dlg_flag_set", FUNCTION(f_dlg_flag_is_set), 1, fixup_dlg_flag,
	 free_texts, ANY_ROUTE},
	{"test_and_set_dlg_flag", FUNCTION(f_flag_flip), 2, fixup_flag_flip,
	 free_texts, ANY_ROUTE},
	{"store_dlg_value", FUNCTION(f_store), 2, fixup_store, free_texts,
	 ANY_ROUTE},
	{"fetch_dlg_value", FUNCTION(f_fetch), 2, fixup_fetch, free_fetch,
	 ANY_ROUTE},
	{"dlg_set_property", FUNCTION(f_set_property), 1, fixup_property,
	 free_texts, ANY_ROUTE},
	{"dlg_reset_property", FUNCTION(f_reset_property), 1, fixup_property,
	 free_texts, ANY_ROUTE},
	{"dlg_set_state", FUNCTION(f_set_state), 1, fixup_texts, free_texts,
	 ANY_ROUTE},
	{"dlg_db_load_callid", FUNCTION(f_db_load_callid), 1, fixup_texts,
	 free_texts, ANY_ROUTE},
	{"dlg_db_load_extra", FUNCTION(f_db_load_extra), 0, NULL, NULL,
	 ANY_ROUTE},
	{"load_dialog_ctx", FUNCTION(f_load1), 1, fixup_load, free_load,
	 ANY_ROUTE},
	{"load_dialog_ctx", FUNCTION(f_load2), 2, fixup_load, free_load,
	 ANY_ROUTE},
	{"load_dialog_ctx", FUNCTION(f_load3), 3, fixup_load, free_load,
	 ANY_ROUTE},
	{"unload_dialog_ctx", FUNCTION(f_unload), 0, NULL, NULL, ANY_ROUTE},
	{"validate_dialog", FUNCTION(f_validate), 0, fixup_validate, NULL,
	 REQUEST_ROUTE},
	{"fix_route_dialog", FUNCTION(f_fix_route), 0, NULL, NULL,
	 REQUEST_ROUTE},
	{"match_dialog", FUNCTION(f_match0), 0, NULL, NULL, REQUEST_ROUTE},
	{"match_dialog", FUNCTION(f_match1), 1, fixup_match, NULL,
	 REQUEST_ROUTE},
	{"get_dialogs_by_val", FUNCTION(f_by_val), 4, fixup_by_val, NULL,
	 ANY_ROUTE},
	{"get_dialogs_by_profile", FUNCTION(f_get_by_profile3), 3,
	 fixup_get_by_profile3, NULL, ANY_ROUTE},
	{"get_dialogs_by_profile", FUNCTION(f_get_by_profile4), 4,
	 fixup_get_by_profile4, NULL, ANY_ROUTE},
	{"get_dialog_info", FUNCTION(f_info), 5, fixup_info, NULL, ANY_ROUTE},
	{"get_dialog_vals", FUNCTION(f_vals), 3, fixup_vals, NULL, ANY_ROUTE},
	{"dlg_get", FUNCTION(f_get), 3, fixup_texts, NULL, ANY_ROUTE},
	{"dlg_get_var", FUNCTION(f_get_var), 5, fixup_get_var, free_get_var,
	 ANY_ROUTE},
	{"dlg_set_var", FUNCTION(f_set_var), 5, fixup_texts, free_texts,
	 ANY_ROUTE},
	{"dlg_update_contact", FUNCTION(f_update_contact), 0, NULL, NULL,
	 ANY_ROUTE},
	{"dlg_update_socket", FUNCTION(f_update_socket), 0, NULL, NULL,
	 ANY_ROUTE},
	{"dlg_update_state", FUNCTION(f_update_state), 0, NULL, NULL,
	 REQUEST_ROUTE | FAILURE_ROUTE | ONREPLY_ROUTE | BRANCH_ROUTE},
	{"dlg_remove_dialogs_from_node", FUNCTION(f_remove_dialogs), 1,
	 fixup_texts, NULL, ANY_ROUTE},
	{"is_known_dlg", FUNCTION(f_is_known), 0, NULL, NULL, ANY_ROUTE},
	{"dlg_bye", FUNCTION(f_end), 1, fixup_end, free_texts, ANY_ROUTE},
	{"dlg_terminate", FUNCTION(f_end), 1, fixup_end, free_texts, ANY_ROUTE},
	{"dlg_terminate", FUNCTION(f_end), 2, fixup_end, free_texts, ANY_ROUTE},
	{"dlg_req_within", FUNCTION(f_request2), 2, fixup_request, NULL,
	 ANY_ROUTE},
	{"dlg_req_within", FUNCTION(f_request3), 3, fixup_request, NULL,
	 ANY_ROUTE},
	{"dlg_req_within", FUNCTION(f_request4), 4, fixup_request, NULL,
	 ANY_ROUTE},
	{"dlg_req_within", FUNCTION(f_request5), 5, fixup_request, NULL,
	 ANY_ROUTE},
	{"dlg_send_sequential", FUNCTION(f_sequential2), 2, fixup_sequential,
	 NULL, ANY_ROUTE},
	{"dlg_send_sequential", FUNCTION(f_sequential3), 3, fixup_sequential,
	 NULL, ANY_ROUTE},
	{"dlg_send_sequential", FUNCTION(f_sequential4), 4, fixup_sequential,
	 NULL, ANY_ROUTE},
	{"dlg_send_sequential", FUNCTION(f_sequential5), 5, fixup_sequential,
	 NULL, ANY_ROUTE},
	{"dlg_refer", FUNCTION(f_refer), 2, fixup_refer, NULL, ANY_ROUTE},
	{"dlg_refer_did", FUNCTION(f_refer_did), 4, fixup_refer_did,
	 free_refer_did, ANY_ROUTE},
	{"dlg_refer_cid", FUNCTION(f_refer_cid), 3, fixup_texts, free_texts,
	 ANY_ROUTE},
	{"dlg_bridge", FUNCTION(f_bridge), 3, fixup_texts, NULL, ANY_ROUTE},
	{"dlg_set_ruri", FUNCTION(f_set_ruri), 0, NULL, NULL, ANY_ROUTE},
	{"dlg_set_timeout", FUNCTION(f_set_timeout1), 1, fixup_igp_null, NULL,
	 ANY_ROUTE},
	{"dlg_set_timeout", FUNCTION(f_set_timeout3), 3, fixup_igp_all, NULL,
	 ANY_ROUTE},
	{"dlg_set_timeout_by_profile", FUNCTION(f_timeout_by_profile2), 2,
	 fixup_by_profile2, NULL, ANY_ROUTE},
	{"dlg_set_timeout_by_profile", FUNCTION(f_timeout_by_profile3), 3,
	 fixup_by_profile3, NULL, ANY_ROUTE},
	{"dlg_remote_profile", FUNCTION(f_remote), 5, fixup_remote, NULL,
	 ANY_ROUTE},
	{0},
};
/* clang-format on */
