/*
 * A module for the tests: it uses everything of load_dlg() and writes to the
 * log what it is told and what it gets, a line each, as cases/capi_module.py
 * reads it. It knows only the headers of the host, so it runs on the packaged
 * module, too.
 *
 * modparam("caller", "wishes", "NAME ACTION TYPES; ...") asks for callbacks of
 * each new dialog, in this order. ACTION is what the callback does:
 * log, drop, set, end.
 */
#include "core/dprint.h"
#include "core/mod_fix.h"
#include "core/rpc.h"
#include "core/sr_module.h"
#include "modules/dialog/dlg_hash.h"
#include "modules/dialog/dlg_load.h"

typedef struct dlg_binds caller_api;
#include "caller.h"

MODULE_VERSION

static void log_cell(const char *what, const char *name, struct dlg_cell *dlg)
{
	LM_ERR("|%s|name=%s|cell=%p|h_entry=%u|h_id=%u|state=%u|lifetime=%u|"
	       "callid=%.*s|from_uri=%.*s|to_uri=%.*s|req_uri=%.*s|"
	       "caller_tag=%.*s|callee_tag=%.*s|caller_contact=%.*s|"
	       "callee_contact=%.*s|\n",
	       what, name, (void *)dlg, dlg->h_entry, dlg->h_id, dlg->state,
	       dlg->lifetime, STR_FMT(&dlg->callid), STR_FMT(&dlg->from_uri),
	       STR_FMT(&dlg->to_uri), STR_FMT(&dlg->req_uri),
	       STR_FMT(&dlg->tag[DLG_CALLER_LEG]),
	       STR_FMT(&dlg->tag[DLG_CALLEE_LEG]),
	       STR_FMT(&dlg->contact[DLG_CALLER_LEG]),
	       STR_FMT(&dlg->contact[DLG_CALLEE_LEG]));
}

static void act(struct dlg_cell *dlg, const struct wish *wish)
{
	str key = str_init("told");
	str value = {(char *)wish->name, (int)strlen(wish->name)};
	str headers = str_init("X-Ended: callback\r\n");

	if (strcmp(wish->action, "set") == 0 && api.set_dlg_var)
		log_rc("set", api.set_dlg_var(dlg, &key, &value));
	if (strcmp(wish->action, "end") == 0 && api.terminate_dlg)
		log_rc("end", api.terminate_dlg(dlg, &headers));
}

/* ------------------------------------------------ script functions */

/* caller_end(); caller_end(headers). */
static int w_end(struct sip_msg *msg, char *given, char *unused)
{
	str headers = str_init("X-Ended: script\r\n");
	struct dlg_cell *dlg = current(msg);

	(void)unused;
	if (given)
		headers = (str){given, (int)strlen(given)};
	if (!dlg)
		return -1;
	if (api.terminate_dlg)
		log_rc("end", api.terminate_dlg(dlg, &headers));
	api.release_dlg(dlg);
	return 1;
}

/* caller_set(key, value); caller_set(key) deletes. */
static int w_set(struct sip_msg *msg, char *key, char *value)
{
	struct dlg_cell *dlg = current(msg);
	str name = {key, (int)strlen(key)};
	str text = {value, value ? (int)strlen(value) : 0};
	int rc = -9;

	if (!dlg)
		return -1;
	if (api.set_dlg_var)
		rc = api.set_dlg_var(dlg, &name, value ? &text : NULL);
	log_rc("set", rc);
	api.release_dlg(dlg);
	return 1;
}

static void log_value(const char *how, const str *key, int rc, const str *value)
{
	LM_ERR("|value|how=%s|key=%.*s|rc=%d|value=%.*s|\n", how, STR_FMT(key),
	       rc, value ? value->len : 0, value && value->s ? value->s : "");
}

static void read_all(struct dlg_cell *dlg, str *key)
{
	str value = {0};
	str *ref;
	int rc;

	if (api.get_dlg_varstatus)
		log_value("varstatus", key, api.get_dlg_varstatus(dlg, key),
			  NULL);
	if (api.get_dlg_varref) {
		ref = api.get_dlg_varref(dlg, key);
		log_value("varref", key, ref ? 0 : -2, ref);
	}
	if (api.get_dlg_varval) {
		rc = api.get_dlg_varval(dlg, key, &value);
		log_value("varval", key, rc, rc == 0 ? &value : NULL);
	}
	value = (str){0};
	if (api.get_dlg_vardup) {
		rc = api.get_dlg_vardup(dlg, key, &value);
		log_value("vardup", key, rc, rc == 0 ? &value : NULL);
		if (rc == 0)
			pkg_free(value.s); /* it is ours */
	}
}

/* caller_read(key): the variable, in each way. */
static int w_read(struct sip_msg *msg, char *key, char *unused)
{
	struct dlg_cell *dlg = current(msg);
	str name = {key, (int)strlen(key)};

	(void)unused;
	if (!dlg)
		return -1;
	read_all(dlg, &name);
	api.release_dlg(dlg);
	return 1;
}

/* ------------------------------------------------ start */

static int start(void)
{
	if (read_wishes() < 0 || load_dlg_api(&api) < 0)
		return -1;
	if (api.register_dlgcb)
		register_for_all();
	return 0;
}

static cmd_export_t commands[] = {
	{"caller_get", w_get, 1, NULL, NULL, ANY_ROUTE},
	{"caller_hold", w_hold, 0, NULL, NULL, ANY_ROUTE},
	{"caller_release", w_release, 0, NULL, NULL, ANY_ROUTE},
	{"caller_end", w_end, 0, NULL, NULL, ANY_ROUTE},
	{"caller_end", w_end, 1, NULL, NULL, ANY_ROUTE},
	{"caller_set", w_set, 1, NULL, NULL, ANY_ROUTE},
	{"caller_set", w_set, 2, NULL, NULL, ANY_ROUTE},
	{"caller_read", w_read, 1, NULL, NULL, ANY_ROUTE},
	{0},
};

static param_export_t params[] = {
	{"wishes", PARAM_STRING, &wanted},
	{"loaded", PARAM_INT, &want_loaded},
	{0, 0, 0},
};

struct module_exports exports = {
	.name = "caller",
	.cmds = commands,
	.params = params,
	.init_mod_f = start,
};
