/*
 * A module for the tests: it uses everything of load_dlg() and writes to the
 * log what it is told and what it gets, a line each, as cases/capi_module.py
 * reads it. It knows only the headers of the host, so it runs on the packaged
 * module, too.
 *
 * modparam("caller", "wishes", "NAME ACTION TYPES; ...") asks for callbacks of
 * each new dialog, in this order. ACTION is what the callback does.
 */
#include <stdio.h>

#include "core/dprint.h"
#include "core/mod_fix.h"
#include "core/rpc.h"
#include "core/sr_module.h"
#include "modules/dialog/dlg_hash.h"
#include "modules/dialog/dlg_load.h"

MODULE_VERSION

enum {
	NAME_BYTES = 32,
	WISHES = 8,
};

/* What is registered for a dialog; a callback gets a copy of its own. */
struct wish {
	int types;
	char name[NAME_BYTES];
	char action[NAME_BYTES]; /* log, drop, set, end */
};

static struct wish wishes[WISHES];
static int wish_count;
static char *wanted;
static int want_loaded;
static struct dlg_binds api;
static struct dlg_cell *held;

/* In the order of registration: the last is told first. */
static struct wish for_all[] = {
	{DLGCB_CREATED, "older", "register"},
	{DLGCB_CREATED, "newer", "log"},
	{DLGCB_LOADED, "loaded", "log"},
};

/* ------------------------------------------------ the log */

static const char *request_name(struct sip_msg *req)
{
	static char name[NAME_BYTES];

	if (!req)
		return "-";
	if (req->first_line.type != SIP_REQUEST)
		return "?";
	snprintf(name, sizeof(name), "%.*s",
		 STR_FMT(&req->first_line.u.request.method));
	return name;
}

static const char *reply_name(struct sip_msg *rpl)
{
	static char name[NAME_BYTES];

	if (!rpl)
		return "-";
	if (rpl == FAKED_REPLY)
		return "faked";
	snprintf(name, sizeof(name), "%u", rpl->REPLY_STATUS);
	return name;
}

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

static void log_told(const char *what, const char *name, int type,
		     const struct dlg_cb_params *params)
{
	LM_ERR("|%s|name=%s|type=%d|req=%s|rpl=%s|dir=%u|data=%s|\n", what,
	       name, type, request_name(params->req), reply_name(params->rpl),
	       params->direction, params->dlg_data ? "yes" : "no");
}

/* What is logged while the arguments of LM_ERR() are worked out is lost, so
 * nothing that may call back stands among them. */
static void log_rc(const char *what, int rc)
{
	LM_ERR("|%s|rc=%d|\n", what, rc);
}

/* ------------------------------------------------ callbacks */

/* The free_cb of a registration. */
static void give_back(void *param)
{
	struct wish *wish = param;

	LM_ERR("|free|name=%s|\n", wish->name);
	shm_free(wish);
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

static void on_call(struct dlg_cell *dlg, int type,
		    struct dlg_cb_params *params)
{
	struct wish *wish = *params->param;

	log_told("told", wish->name, type, params);
	log_cell("cell", wish->name, dlg);
	act(dlg, wish);
	log_told("after", wish->name, type, params);
	if (*params->param != wish)
		LM_ERR("|spoilt|name=%s|\n", wish->name);
	if (strcmp(wish->action, "drop") == 0) {
		*params->param = NULL;
		shm_free(wish);
	}
}

static int register_wish(struct dlg_cell *dlg, const struct wish *wish)
{
	struct wish *copy = shm_malloc(sizeof(*copy));
	int rc;

	if (!copy || !api.register_dlgcb) {
		shm_free(copy);
		return -1;
	}
	*copy = *wish;
	rc = api.register_dlgcb(dlg, wish->types, on_call, copy, give_back);
	if (rc != 0)
		shm_free(copy);
	return rc;
}

static void on_any(struct dlg_cell *dlg, int type, struct dlg_cb_params *params)
{
	const struct wish *wish = *params->param;

	log_told("told", wish->name, type, params);
	log_cell("cell", wish->name, dlg);
	if (strcmp(wish->action, "register") != 0)
		return;
	for (int i = 0; i < wish_count; i++)
		LM_ERR("|registered|name=%s|rc=%d|\n", wishes[i].name,
		       register_wish(dlg, &wishes[i]));
}

/* ------------------------------------------------ script functions */

static struct dlg_cell *current(struct sip_msg *msg)
{
	return api.get_dlg && api.release_dlg ? api.get_dlg(msg) : NULL;
}

/* caller_get(name): what get_dlg() finds. */
static int w_get(struct sip_msg *msg, char *name, char *unused)
{
	struct dlg_cell *dlg = current(msg);

	(void)unused;
	if (!dlg) {
		LM_ERR("|none|name=%s|\n", name);
		return -1;
	}
	log_cell("got", name, dlg);
	api.release_dlg(dlg);
	return 1;
}

/* caller_hold(): keeps the reference until caller_release(). */
static int w_hold(struct sip_msg *msg, char *unused, char *unused2)
{
	(void)unused;
	(void)unused2;
	held = current(msg);
	return held ? 1 : -1;
}

static int w_release(struct sip_msg *msg, char *unused, char *unused2)
{
	(void)msg;
	(void)unused;
	(void)unused2;
	if (!held)
		return -1;
	api.release_dlg(held);
	held = NULL;
	return 1;
}

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

/* "NAME ACTION TYPES; ..." */
static int read_wishes(void)
{
	char *rest = wanted;
	char *text;

	while (rest && (text = strsep(&rest, ";"))) {
		struct wish *wish = &wishes[wish_count];

		if (wish_count == WISHES ||
		    sscanf(text, "%31s %31s %i", wish->name, wish->action,
			   &wish->types) != 3) {
			LM_ERR("bad wish \"%s\"\n", text);
			return -1;
		}
		wish_count++;
	}
	return 0;
}

/* What must be refused, for both types that stand alone. */
static void try_wrong(void)
{
	static const int wrong[] = {
		DLGCB_CREATED | DLGCB_EARLY,
		DLGCB_LOADED | DLGCB_EARLY,
		DLGCB_EARLY,
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		LM_ERR("|wrong|types=%d|rc=%d|\n", wrong[i],
		       api.register_dlgcb(NULL, wrong[i], on_any, &for_all[0],
					  NULL));
}

static int start(void)
{
	int rc;

	if (read_wishes() < 0 || load_dlg_api(&api) < 0)
		return -1;
	if (!api.register_dlgcb)
		return 0;
	for (size_t i = 0; i < sizeof(for_all) / sizeof(*for_all); i++) {
		if (for_all[i].types == DLGCB_LOADED && !want_loaded)
			continue;
		rc = api.register_dlgcb(NULL, for_all[i].types, on_any,
					&for_all[i], NULL);
		LM_ERR("|registered|name=%s|rc=%d|\n", for_all[i].name, rc);
	}
	try_wrong();
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
