/* See functions_profile.h. */
#include "core/mod_fix.h"
#include "core/ut.h"

#include "functions_profile.h"
#include "ops.h"

/* ------------------------------------------------------------- fixups */

/* The packaged module starts with any text here, so a wrong one is a warning
 * and the function is false. */
static int fixup_seconds(void **param)
{
	str text = {*param, (int)strlen(*param)};
	int seconds;

	if (!text.len) {
		LM_ERR("dlg_set_timeout_by_profile(): the seconds are empty\n");
		return E_CFG;
	}
	if (!strchr(text.s, '$') &&
	    (str2sint(&text, &seconds) < 0 || seconds <= 0))
		LM_WARN("dlg_set_timeout_by_profile(): seconds \"%s\" must be "
			"a number above 0 or a variable: the function will be "
			"false\n",
			text.s);
	return fixup_spve_null(param, 1);
}

int fixup_by_profile2(void **param, int param_no)
{
	return param_no == 1 ? fixup_profile_name(param) : fixup_seconds(param);
}

int fixup_by_profile3(void **param, int param_no)
{
	if (param_no == 3)
		return fixup_seconds(param);
	return param_no == 1 ? fixup_profile_name(param) : fixup_format(param);
}

int fixup_remote(void **param, int param_no)
{
	return param_no == 5 ? fixup_igp_null(param, 1)
			     : fixup_spve_null(param, 1);
}

/* ------------------------------------------------------------- functions */

int f_timeout_by_profile3(struct sip_msg *msg, char *profile, char *format,
			  char *param)
{
	struct parley_str value;
	str text = {0};
	int seconds = 0;

	if (!value_of(msg, profile, format, &value))
		return -1;
	if (!text_of(msg, param, &text) || str2sint(&text, &seconds) < 0) {
		log_limited(LOG_CAUSE_SCRIPT, L_ERR,
			    "dlg_set_timeout_by_profile(): seconds \"%.*s\" "
			    "must be a number above 0\n",
			    text.len, text.s);
		return -1;
	}
	return op_timeout_by_profile((int)(long)profile, value, seconds);
}

int f_timeout_by_profile2(struct sip_msg *msg, char *profile, char *seconds)
{
	return f_timeout_by_profile3(msg, profile, NULL, seconds);
}

/* NOLINTNEXTLINE(readability-function-size): Kamailio has it so. */
int f_remote(struct sip_msg *msg, char *command, char *profile, char *value,
	     char *who, char *expires)
{
	struct op_remote remote;
	int number;

	if (!text_of(msg, command, &remote.command) ||
	    !text_of(msg, profile, &remote.profile) ||
	    !text_of(msg, value, &remote.value) ||
	    !text_of(msg, who, &remote.uid) || !int_of(msg, expires, &number)) {
		log_limited(LOG_CAUSE_SCRIPT, L_ERR,
			    "dlg_remote_profile(): a parameter has no value, "
			    "or expires is no number\n");
		return -1;
	}
	remote.expires = number;
	return op_remote(&remote);
}
