/* See functions_validate.h. */
#include "functions_validate.h"
#include "validate.h"

int fixup_validate(void **param, int param_no)
{
	(void)param;
	(void)param_no;
	adapter.validates = true;
	return 0;
}

int fixup_match(void **param, int param_no)
{
	str name = {*param, (int)strlen(*param)};
	int mode = match_mode(&name);

	(void)param_no;
	if (mode < 0) {
		LM_ERR("match_dialog(\"%.64s\"): must be DID_ONLY, "
		       "DID_FALLBACK or DID_NONE\n",
		       name.s);
		return E_CFG;
	}
	return fixup_put(param, mode);
}

int f_validate(struct sip_msg *msg, char *p1, char *p2)
{
	(void)p1;
	(void)p2;
	return op_validate(msg);
}

int f_fix_route(struct sip_msg *msg, char *p1, char *p2)
{
	(void)p1;
	(void)p2;
	return op_fix_route(msg);
}

int f_match1(struct sip_msg *msg, char *mode, char *p2)
{
	(void)p2;
	return op_match(msg, (int)(long)mode);
}

int f_match0(struct sip_msg *msg, char *p1, char *p2)
{
	(void)p1;
	(void)p2;
	return op_match(msg, adapter.set.dlg_match_mode);
}
