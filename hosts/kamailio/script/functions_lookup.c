/* See functions_lookup.h. */
#include "core/mod_fix.h"

#include "functions_lookup.h"
#include "lookup.h"

/* ------------------------------------------------------------- fixups */

/* A constant type is checked at start; of a variable without quotes this runs
 * for each message. */
int fixup_load(void **param, int param_no)
{
	str text = {*param, (int)strlen(*param)};
	const char *fault = NULL;

	if (param_no == 3)
		return fixup_igp_null(param, 1);
	if (param_no == 2 && !strchr(text.s, '$'))
		fault = lookup_type_fault(&text);
	if (!fault)
		return fixup_spve_null(param, 1);
	log_limited(LOG_CAUSE_SCRIPT, L_ERR, "load_dialog_ctx(\"%.64s\"): %s\n",
		    text.s, fault);
	return E_CFG;
}

int free_load(void **param, int param_no)
{
	return param_no == 3 ? fixup_free_igp_null(param, 1)
			     : fixup_free_spve_null(param, 1);
}

static int fixup_result(void **param, bool list)
{
	char *text = *param;
	pv_spec_t *target;

	if (fixup_pvar_null(param, 1) < 0)
		return E_CFG;
	target = *param;
	if (target->type == PVT_AVP || (!list && target->type == PVT_SCRIPTVAR))
		return 0;
	LM_ERR("the result \"%s\" must be $avp(...)%s\n", text,
	       list ? ": it is a list" : " or $var(...)");
	return E_CFG;
}

/* The script looks for values, so they are indexed. All this comes before the
 * first dialog. */
static int index_values(void)
{
	int error = parley_index_values(adapter.engine);

	if (error == 0)
		return 0;
	LM_ERR("variables cannot be indexed: %s\n", parley_error_text(error));
	return E_CFG;
}

int fixup_by_val(void **param, int param_no)
{
	if (param_no >= 3)
		return fixup_result(param, param_no == 3);
	return index_values() < 0 ? E_CFG : fixup_spve_null(param, 1);
}

int fixup_get_by_profile3(void **param, int param_no)
{
	return param_no == 1 ? fixup_profile_name(param)
			     : fixup_result(param, param_no == 2);
}

int fixup_get_by_profile4(void **param, int param_no)
{
	if (param_no == 2)
		return fixup_format(param);
	return fixup_get_by_profile3(param, param_no == 1 ? 1 : param_no - 1);
}

int fixup_info(void **param, int param_no)
{
	if (param_no == 2 || param_no == 5)
		return fixup_result(param, param_no == 2);
	return index_values() < 0 ? E_CFG : fixup_spve_null(param, 1);
}

int fixup_vals(void **param, int param_no)
{
	return param_no == 3 ? fixup_spve_null(param, 1)
			     : fixup_result(param, true);
}

/* ------------------------------------------------------------- functions */

int f_load3(struct sip_msg *msg, char *name_param, char *type_param,
	    char *active_param)
{
	str name, type;
	int active = 0;

	if (!text_of(msg, name_param, &name) ||
	    (type_param && !text_of(msg, type_param, &type)) ||
	    (active_param && !int_of(msg, active_param, &active))) {
		log_limited(LOG_CAUSE_SCRIPT, L_ERR,
			    "load_dialog_ctx(): a parameter has no value, or "
			    "active_only is no number\n");
		return -1;
	}
	return op_load(msg, &name, type_param ? &type : NULL, active != 0);
}

int f_load2(struct sip_msg *msg, char *name, char *type)
{
	return f_load3(msg, name, type, NULL);
}

int f_load1(struct sip_msg *msg, char *name, char *p2)
{
	(void)p2;
	return f_load3(msg, name, NULL, NULL);
}

int f_unload(struct sip_msg *msg, char *p1, char *p2)
{
	(void)p1;
	(void)p2;
	return op_unload(msg);
}

/* False, and a log line: a text has no value. */
static bool texts_of(struct sip_msg *msg, const char *function,
		     char *const *params, str *texts)
{
	for (; *params; params++, texts++) {
		if (text_of(msg, *params, texts))
			continue;
		log_limited(LOG_CAUSE_SCRIPT, L_ERR,
			    "%s(): a parameter has no value\n", function);
		return false;
	}
	return true;
}

int f_by_val(struct sip_msg *msg, char *name, char *value, char *list,
	     char *count)
{
	const struct lookup_out out = {(pv_spec_t *)list, (pv_spec_t *)count};
	char *const params[] = {name, value, NULL};
	str texts[2];

	if (!texts_of(msg, "get_dialogs_by_val", params, texts))
		return -1;
	return op_dialogs_by_val(msg, &texts[0], &texts[1], &out);
}

int f_get_by_profile4(struct sip_msg *msg, char *profile, char *format,
		      char *list, char *count)
{
	const struct lookup_out out = {(pv_spec_t *)list, (pv_spec_t *)count};
	struct parley_str value;

	if (!value_of(msg, profile, format, &value))
		return -1;
	return op_dialogs_by_profile(msg, (int)(long)profile, value, &out);
}

int f_get_by_profile3(struct sip_msg *msg, char *profile, char *list,
		      char *count)
{
	return f_get_by_profile4(msg, profile, NULL, list, count);
}

/* NOLINTNEXTLINE(readability-function-size): Kamailio has it so. */
int f_info(struct sip_msg *msg, char *attr, char *list, char *key, char *value,
	   char *count)
{
	const struct lookup_out out = {(pv_spec_t *)list, (pv_spec_t *)count};
	char *const params[] = {attr, key, value, NULL};
	struct lookup_info info;
	str texts[3];

	if (!texts_of(msg, "get_dialog_info", params, texts))
		return -1;
	info = (struct lookup_info){texts[0], texts[1], texts[2]};
	return op_dialog_info(msg, &info, &out);
}

int f_vals(struct sip_msg *msg, char *names, char *values, char *callid)
{
	char *const params[] = {callid, NULL};
	str text;

	if (!texts_of(msg, "get_dialog_vals", params, &text))
		return -1;
	return op_dialog_vals(msg, (pv_spec_t *)names, (pv_spec_t *)values,
			      &text);
}
