/* See functions_values.h. */
#include "core/mod_fix.h"
#include "core/ut.h"

#include "functions_values.h"
#include "text.h"
#include "values.h"

/* ------------------------------------------------------------- fixups */

/* A number up to @max, or a variable. */
static int fixup_number(void **param, int max, const char *allowed)
{
	str text = {*param, (int)strlen(*param)};
	int number;

	if (fixup_may_fail() && !strchr(text.s, '$') &&
	    (!text.len || str2sint(&text, &number) < 0 || number < 0 ||
	     number > max)) {
		LM_ERR("\"%.64s\": %s\n", text.s, allowed);
		return E_CFG;
	}
	return fixup_texts(param, 1);
}

int fixup_dlg_flag(void **param, int param_no)
{
	(void)param_no;
	return fixup_number(param, 31,
			    "a dialog flag must be a number from 0 to 31; for "
			    "a name write #!define NAME 3 or #!substdef");
}

int fixup_flag_flip(void **param, int param_no)
{
	return param_no == 1
		       ? fixup_dlg_flag(param, 1)
		       : fixup_number(param, 1,
				      "the value of a dialog flag must be 0 or "
				      "1");
}

static int fixup_name(const char *function, void **param)
{
	if (fixup_may_fail() && *(char *)*param == '\0') {
		LM_ERR("%s(): the name is empty\n", function);
		return E_CFG;
	}
	return fixup_texts(param, 1);
}

int fixup_store(void **param, int param_no)
{
	return param_no == 1 ? fixup_name("store_dlg_value", param)
			     : fixup_texts(param, 1);
}

int fixup_fetch(void **param, int param_no)
{
	return param_no == 1 ? fixup_name("fetch_dlg_value", param)
			     : fixup_target("fetch_dlg_value", param);
}

/* ------------------------------------------------------------- functions */

/* What is no number is no flag either. */
static int number_of(struct sip_msg *msg, char *param)
{
	str text;
	int number;

	return text_of(msg, param, &text) && text.len > 0 &&
			       str2sint(&text, &number) == 0
		       ? number
		       : -1;
}

static int with_flag(struct sip_msg *msg, char *param, enum flag_op op)
{
	return value_flag(msg, number_of(msg, param), op);
}

int f_dlg_flag_set(struct sip_msg *msg, char *flag, char *p2)
{
	(void)p2;
	return with_flag(msg, flag, FLAG_SET);
}

int f_dlg_flag_reset(struct sip_msg *msg, char *flag, char *p2)
{
	(void)p2;
	return with_flag(msg, flag, FLAG_RESET);
}

int f_dlg_flag_is_set(struct sip_msg *msg, char *flag, char *p2)
{
	(void)p2;
	return with_flag(msg, flag, FLAG_TEST);
}

int f_flag_flip(struct sip_msg *msg, char *param, char *old)
{
	int flag = number_of(msg, param);

	return value_flag_flip(msg, flag, number_of(msg, old));
}

/* The only variable that a text is made of; NULL: there is more or less. */
static pv_spec_t *only_variable(char *param)
{
	const fparam_t *p = (fparam_t *)param;

	if (p->type == FPARAM_PVS)
		return p->v.pvs;
	if (p->type != FPARAM_PVE || p->v.pve->next || p->v.pve->text.len > 0)
		return NULL;
	return p->v.pve->spec;
}

int f_store(struct sip_msg *msg, char *name, char *param)
{
	pv_spec_t *variable = only_variable(param);
	pv_value_t value = {.flags = PV_VAL_STR};
	str key;

	if (!text_of(msg, name, &key))
		return -1;
	/* It keeps its type. */
	if (variable) {
		if (pv_get_spec_value(msg, variable, &value) != 0)
			return -1;
	} else if (!text_of(msg, param, &value.rs)) {
		return -1;
	}
	return value_store(msg, &key, &value);
}

int f_fetch(struct sip_msg *msg, char *name, char *target)
{
	str key;

	return text_of(msg, name, &key)
		       ? value_fetch(msg, &key, (pv_spec_t *)target)
		       : -1;
}
