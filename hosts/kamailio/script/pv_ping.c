/* See pv_ping.h. */
#include "core/ut.h"

#include "adapter.h"
#include "pv_ping.h"
#include "text.h"

static const struct {
	const char *pv, *variable;
} names[PARLEY_PINGS] = {
	[PARLEY_PING_OPTIONS] = {"$DLG_options_ping_interval",
				 PARLEY_VAR_OPTIONS_INTERVAL},
	[PARLEY_PING_REINVITE] = {"$DLG_reinvite_ping_interval",
				  PARLEY_VAR_REINVITE_INTERVAL},
};

static int get(struct sip_msg *msg, pv_param_t *param, pv_value_t *res,
	       enum parley_ping kind)
{
	str name = to_str((struct parley_str){
		names[kind].variable, (uint32_t)strlen(names[kind].variable)});
	const str *pending = ctx_var_get(ctx_of(msg), &name);
	uint32_t seconds;
	struct parley_id id;

	if (ctx_dialog(msg, &id)) {
		if (parley_get_ping_interval(adapter.engine, id, kind,
					     &seconds) < 0)
			return pv_get_null(msg, param, res);
		return pv_get_uintval(msg, param, res, seconds);
	}
	if (!pending || str2int((str *)(uintptr_t)pending, &seconds) < 0)
		return pv_get_null(msg, param, res);
	return pv_get_uintval(msg, param, res, seconds);
}

static bool seconds_of(const pv_value_t *value, int *seconds)
{
	if (!value || (value->flags & (PV_VAL_NONE | PV_VAL_NULL)))
		return false;
	if (value->flags & PV_VAL_INT)
		*seconds = (int)value->ri;
	else if (!(value->flags & PV_VAL_STR) ||
		 str2sint((str *)(uintptr_t)&value->rs, seconds) < 0)
		return false;
	return *seconds >= 1 && *seconds <= PARLEY_PING_INTERVAL_MAX_S;
}

/* Before the dialog is made it waits with what else the script has said. */
static int set_pending(struct sip_msg *msg, enum parley_ping kind, int seconds)
{
	char text[INT2STR_MAX_LEN];
	str name = to_str((struct parley_str){
		names[kind].variable, (uint32_t)strlen(names[kind].variable)});
	str value = {text, 0};

	value.len = snprintf(text, sizeof(text), "%d", seconds);
	return ctx_var_set(ctx_pending(msg), &name, &value);
}

static int set(struct sip_msg *msg, const pv_value_t *value,
	       enum parley_ping kind)
{
	struct parley_id id;
	int seconds, rc;

	if (!seconds_of(value, &seconds)) {
		log_limited(LOG_CAUSE_PV, L_ERR,
			    "%s: takes a number of seconds from 1 to %d\n",
			    names[kind].pv, PARLEY_PING_INTERVAL_MAX_S);
		return -1;
	}
	rc = ctx_dialog(msg, &id)
		     ? parley_set_ping_interval(adapter.engine, host_now(), id,
						kind, (uint32_t)seconds)
		     : set_pending(msg, kind, seconds);
	if (rc < 0)
		log_limited(LOG_CAUSE_PV, L_ERR, "%s: %s\n", names[kind].pv,
			    parley_error_text(rc));
	return rc < 0 ? -1 : 0;
}

int pv_options_interval_get(struct sip_msg *msg, pv_param_t *param,
			    pv_value_t *res)
{
	return get(msg, param, res, PARLEY_PING_OPTIONS);
}

int pv_options_interval_set(struct sip_msg *msg, pv_param_t *param, int op,
			    pv_value_t *value)
{
	(void)param;
	(void)op;
	return set(msg, value, PARLEY_PING_OPTIONS);
}

int pv_reinvite_interval_get(struct sip_msg *msg, pv_param_t *param,
			     pv_value_t *res)
{
	return get(msg, param, res, PARLEY_PING_REINVITE);
}

int pv_reinvite_interval_set(struct sip_msg *msg, pv_param_t *param, int op,
			     pv_value_t *value)
{
	(void)param;
	(void)op;
	return set(msg, value, PARLEY_PING_REINVITE);
}
