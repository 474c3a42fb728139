/* See pv_call.h. */
#include <limits.h>

#include "core/pvapi.h"
#include "core/ut.h"

#include "call_routes.h"
#include "ops.h"
#include "pv_call.h"
#include "pv_ctx.h"
#include "reader.h"

/* The current call; false: none, or it is gone. */
static bool read_call(struct sip_msg *msg, struct parley_view *view)
{
	struct parley_id id;

	return ctx_dialog(msg, &id) &&
	       reader_read(reader_of_process(), id, view) == 0;
}

/* The number of an assignment; false after one line. */
static bool number_of(const char *name, const pv_value_t *value, int min,
		      int max, int *number)
{
	bool known = value && (value->flags & PV_VAL_INT);

	if (known && value->ri >= INT_MIN && value->ri <= INT_MAX)
		*number = (int)value->ri;
	else
		known = value && (value->flags & PV_VAL_STR) &&
			str2sint((str *)&value->rs, number) == 0;
	if (known && *number >= min && *number <= max)
		return true;
	log_limited(LOG_CAUSE_PV, L_ERR,
		    "$%s: must be a number of seconds, %d to %d\n", name, min,
		    max);
	return false;
}

/* ------------------------------------------------ $DLG_timeout */

int pv_get_timeout(struct sip_msg *msg, pv_param_t *param, pv_value_t *res)
{
	struct parley_view view;
	const struct ctx *ctx;

	if (read_call(msg, &view)) {
		if (view.state == PARLEY_STATE_DELETED)
			return pv_get_uintval(msg, param, res, 0);
		return pv_get_uintval(msg, param, res,
				      view.timer_armed ? view.left_s
						       : view.lifetime_s);
	}
	ctx = ctx_of(msg);
	return ctx->timeout > 0 ? pv_get_uintval(msg, param, res,
						 (unsigned int)ctx->timeout)
				: pv_get_null(msg, param, res);
}

int pv_set_timeout(struct sip_msg *msg, pv_param_t *param, int op,
		   pv_value_t *value)
{
	struct parley_id id;
	int seconds;

	(void)param;
	(void)op;
	if (!number_of("DLG_timeout", value, 1, INT_MAX, &seconds))
		return -1;
	if (ctx_dialog(msg, &id))
		return op_set_timeout_of(id, seconds) > 0 ? 0 : -1;
	ctx_pending(msg)->timeout = seconds;
	return 0;
}

/* ------------------------------------------------ $DLG_del_delay */

int pv_init_del_delay(pv_spec_p spec, int param)
{
	(void)spec;
	(void)param;
	return call_routes_need();
}

int pv_get_del_delay(struct sip_msg *msg, pv_param_t *param, pv_value_t *res)
{
	uint32_t seconds = (uint32_t)adapter.set.delete_delay;
	struct parley_view view;

	if (read_call(msg, &view))
		seconds = view.delay_s;
	else
		(void)call_routes_pending_delay(msg, &seconds);
	return pv_get_uintval(msg, param, res, seconds);
}

int pv_set_del_delay(struct sip_msg *msg, pv_param_t *param, int op,
		     pv_value_t *value)
{
	struct parley_id id;
	int seconds, error;
	bool has;

	(void)param;
	(void)op;
	if (!number_of("DLG_del_delay", value, 0, PARLEY_DELAY_MAX, &seconds))
		return -1;
	has = ctx_dialog(msg, &id);
	error = call_routes_set_delay(msg, has ? &id : NULL, (uint32_t)seconds);
	if (error < 0)
		log_limited(LOG_CAUSE_PV, L_ERR, "$DLG_del_delay: %s\n",
			    parley_error_text(error));
	return error < 0 ? -1 : 0;
}

/* ------------------------------------------------ $DLG_end_reason */

int pv_get_end_reason(struct sip_msg *msg, pv_param_t *param, pv_value_t *res)
{
	struct parley_view view;

	if (!read_call(msg, &view))
		return pv_get_null(msg, param, res);
	return pv_copy(msg, param, res, reader_ended(&view));
}
