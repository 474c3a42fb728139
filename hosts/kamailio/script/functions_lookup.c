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
