/* See functions_routes.h. */
#include "call_routes.h"
#include "events.h"
#include "fixups.h"
#include "functions_routes.h"
#include "reader.h"

/* What is wrong with the name of a route, or NULL. */
static const char *name_fault(const str *name)
{
	if (name->len < 1 || name->len > CALL_ROUTE_NAME_MAX)
		return "a name has 1 to 31 characters";
	return events_find_route(to_parley(name)) == 0
		       ? "there is no such route[] in the script"
		       : NULL;
}

int fixup_on_route(void **param, int param_no)
{
	str name = {*param, (int)strlen(*param)};
	const char *fault = strchr(name.s, '$') ? NULL : name_fault(&name);

	(void)param_no;
	if (fault) {
		LM_ERR("route \"%s\" for a call: %s\n", name.s, fault);
		return E_CFG;
	}
	if (call_routes_need() < 0)
		return E_OUT_OF_MEM;
	return fixup_texts(param, 1);
}

int fixup_on_answer(void **param, int param_no)
{
	/* A 2xx is told when scripts may run. */
	adapter.answered_is_told = true;
	return fixup_on_route(param, param_no);
}

static int set_timeout_route(struct sip_msg *msg, const struct parley_id *id,
			     const str *name)
{
	int32_t route = events_find_route(to_parley(name));
	struct ctx *ctx;

	if (id)
		return parley_set_timeout_route(adapter.engine, *id, route,
						to_parley(name));
	ctx = ctx_pending(msg);
	ctx->timeout_route = route;
	memcpy(ctx->timeout_route_name, name->s ? name->s : "",
	       (size_t)name->len);
	ctx->timeout_route_name[name->len] = '\0';
	return 0;
}

enum { TIMEOUT = -1 }; /* beside enum call_route */

/* @name empty: none. */
static int set_route(struct sip_msg *msg, const char *function, int which,
		     const str *name)
{
	const char *fault = name->len > 0 ? name_fault(name) : NULL;
	struct parley_view view;
	struct parley_id id;
	bool has = ctx_dialog(msg, &id);
	int rc;

	if (!fault && has && reader_read(reader_of_steps(), id, &view) < 0)
		fault = "the call is gone";
	else if (!fault && has && view.state > PARLEY_STATE_EARLY)
		fault = "the call has been answered already";
	if (fault) {
		log_limited(LOG_CAUSE_SCRIPT, L_ERR, "%s(\"%.*s\"): %s\n",
			    function, name->len < 64 ? name->len : 64, name->s,
			    fault);
		return -1;
	}
	rc = which == TIMEOUT ? set_timeout_route(msg, has ? &id : NULL, name)
			      : call_routes_set(msg, has ? &id : NULL,
						(enum call_route)which, name);
	if (rc < 0)
		log_limited(LOG_CAUSE_SCRIPT, L_ERR, "%s(): %s\n", function,
			    parley_error_text(rc));
	return rc < 0 ? -1 : 1;
}

int op_on_answer(struct sip_msg *msg, str *name)
{
	return set_route(msg, "dlg_on_answer", CALL_ROUTE_ANSWER, name);
}

int op_on_timeout(struct sip_msg *msg, str *name)
{
	return set_route(msg, "dlg_on_timeout", TIMEOUT, name);
}

int op_on_hangup(struct sip_msg *msg, str *name)
{
	return set_route(msg, "dlg_on_hangup", CALL_ROUTE_HANGUP, name);
}

static int set_by_param(struct sip_msg *msg, char *param,
			int (*set)(struct sip_msg *msg, str *name))
{
	str name = {"", 0};

	return param && !text_of(msg, param, &name) ? -1 : set(msg, &name);
}

int f_on_answer(struct sip_msg *msg, char *name, char *p2)
{
	(void)p2;
	return set_by_param(msg, name, op_on_answer);
}

int f_on_timeout(struct sip_msg *msg, char *name, char *p2)
{
	(void)p2;
	return set_by_param(msg, name, op_on_timeout);
}

int f_on_hangup(struct sip_msg *msg, char *name, char *p2)
{
	(void)p2;
	return set_by_param(msg, name, op_on_hangup);
}
