/*
 * A module for the tests: it uses everything of load_parley() and writes to the
 * log what it is told and what it gets, a line each, as cases/api.py reads it.
 * Both headers are here, the host's first.
 *
 * modparam("watcher", "action", "end EARLY"): what a callback of which type
 * does to its dialog (end, set, drop), or to the first one (other); "-"
 * nothing.
 */
#include "core/dprint.h"
#include "core/mem/shm_mem.h"
#include "core/rpc.h"
#include "core/rpc_lookup.h"
#include "core/sr_module.h"
#include "modules/dialog/dlg_hash.h"
#include "modules/dialog/dlg_load.h"
#include "modules/tm/tm_load.h"

#define PARLEY_API_DLG_CONFIRMED
#include "parley_api.h"

#include "names.h"

MODULE_VERSION

/* The numbers in which the headers must agree. */
_Static_assert(DLGCB_LOADED == PARLEY_CB_LOADED &&
		       DLGCB_CREATED == PARLEY_CB_CREATED &&
		       DLGCB_FAILED == PARLEY_CB_FAILED &&
		       DLGCB_CONFIRMED_NA == PARLEY_CB_CONFIRMED_NA &&
		       DLGCB_CONFIRMED == PARLEY_CB_CONFIRMED &&
		       DLGCB_REQ_WITHIN == PARLEY_CB_REQ_WITHIN &&
		       DLGCB_TERMINATED == PARLEY_CB_TERMINATED &&
		       DLGCB_EXPIRED == PARLEY_CB_EXPIRED &&
		       DLGCB_EARLY == PARLEY_CB_EARLY,
	       "types");
_Static_assert(DLGCB_RESPONSE_FWDED == PARLEY_CB_RESPONSE_FWDED &&
		       DLGCB_RESPONSE_WITHIN == PARLEY_CB_RESPONSE_WITHIN &&
		       DLGCB_RPC_CONTEXT == PARLEY_CB_RPC_CONTEXT &&
		       DLGCB_MI_CONTEXT == PARLEY_CB_RPC_CONTEXT &&
		       DLGCB_DESTROY == PARLEY_CB_DESTROY &&
		       DLGCB_SPIRALED == PARLEY_CB_SPIRALED &&
		       DLGCB_TERMINATED_CONFIRMED ==
			       PARLEY_CB_TERMINATED_CONFIRMED,
	       "types");
_Static_assert(DLG_DIR_DOWNSTREAM == (int)PARLEY_FROM_CALLER &&
		       DLG_DIR_UPSTREAM == (int)PARLEY_FROM_CALLEE,
	       "directions");

enum { LONG_KEY = 5000 };

static struct parley_api api;
static char *action = "-";
static char verb[16] = "-";
static int verb_type;
static int for_all[2];		 /* params of LOADED and CREATED */
static struct parley_dlg *first; /* the first call, for all processes */

static const struct {
	const char *name;
	int type;
} types[] = {
	{"DLGCB_FAILED", DLGCB_FAILED},
	{"DLGCB_CONFIRMED_NA", DLGCB_CONFIRMED_NA},
	{"DLGCB_CONFIRMED", DLGCB_CONFIRMED},
	{"DLGCB_REQ_WITHIN", DLGCB_REQ_WITHIN},
	{"DLGCB_TERMINATED", DLGCB_TERMINATED},
	{"DLGCB_EXPIRED", DLGCB_EXPIRED},
	{"DLGCB_EARLY", DLGCB_EARLY},
	{"DLGCB_RESPONSE_FWDED", DLGCB_RESPONSE_FWDED},
	{"DLGCB_RESPONSE_WITHIN", DLGCB_RESPONSE_WITHIN},
	{"DLGCB_MI_CONTEXT", DLGCB_MI_CONTEXT},
	{"DLGCB_RPC_CONTEXT", DLGCB_RPC_CONTEXT},
	{"DLGCB_DESTROY", DLGCB_DESTROY},
	{"DLGCB_SPIRALED", DLGCB_SPIRALED},
	{"DLGCB_TERMINATED_CONFIRMED", DLGCB_TERMINATED_CONFIRMED},
	{"DLGCB_SAVED", DLGCB_SAVED},
	{"DLG_FAILED", DLG_FAILED},
	{"DLG_CONFIRMED", DLG_CONFIRMED},
	{"DLG_REQ_WITHIN", DLG_REQ_WITHIN},
	{"DLG_TERMINATED", DLG_TERMINATED},
	{"DLG_EXPIRED", DLG_EXPIRED},
};

/* ------------------------------------------------ the log */

/* What is logged while the arguments of LM_ERR() are worked out is lost, so
 * nothing that may log or call back stands among them. */
static void log_rc(const char *what, const char *name, int rc)
{
	LM_ERR("|%s|name=%s|rc=%d|\n", what, name, rc);
}

static void log_told(const char *name, const struct parley_dlg *dlg, int type,
		     const struct parley_params *params)
{
	LM_ERR("|told|name=%s|h_entry=%u|h_id=%u|type=%d|req=%s|rpl=%s|dir=%u|"
	       "old=%u|new=%u|\n",
	       name, dlg->h_entry, dlg->h_id, type, request_name(params->req),
	       reply_name(params->rpl), params->direction, params->old_state,
	       params->new_state);
}

/* ------------------------------------------------ callbacks */

static void free_param(void *param)
{
	LM_ERR("|free|name=%s|\n", (char *)param);
	shm_free(param);
}

static void act(const struct parley_dlg *dlg, struct parley_params *params)
{
	str header = str_init("X-Ended: callback\r\n");
	str reason = str_init("no \"more\" credit");
	str key = str_init("told");
	str value = str_init("yes");
	int rc;

	if (strcmp(verb, "end") == 0) {
		rc = api.lookup_terminate_dlg(dlg->h_entry, dlg->h_id, &header,
					      &reason);
		log_rc("act", "end", rc);
	} else if (strcmp(verb, "other") == 0) {
		rc = api.lookup_terminate_dlg(first->h_entry, first->h_id, NULL,
					      NULL);
		log_rc("act", "other", rc);
	} else if (strcmp(verb, "set") == 0) {
		rc = api.set_dlg_var(dlg, &key, &value);
		log_rc("act", "set", rc);
	} else if (strcmp(verb, "drop") == 0) {
		shm_free(*params->param);
		*params->param = NULL;
	}
}

/* Which dialog is it, asked without a message? */
static void check_current(const struct parley_dlg *dlg)
{
	struct parley_dlg now = {0};
	int rc = api.get_current_dialog(NULL, &now);

	if (rc < 0 || now.h_entry != dlg->h_entry || now.h_id != dlg->h_id)
		LM_ERR("|spoilt|h_entry=%u|h_id=%u|rc=%d|\n", now.h_entry,
		       now.h_id, rc);
}

static void on_one(const struct parley_dlg *dlg, int type,
		   struct parley_params *params)
{
	log_told(*params->param, dlg, type, params);
	check_current(dlg);
	if (type == PARLEY_CB_RPC_CONTEXT)
		((rpc_t *)params->rpc)
			->rpl_printf(params->rpc_ctx, "seen by watcher");
	if (type == verb_type)
		act(dlg, params);
	check_current(dlg);
}

static void on_nothing(const struct parley_dlg *dlg, int type,
		       struct parley_params *params)
{
	(void)dlg;
	(void)type;
	(void)params;
}

static char *shared(const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = shm_malloc(size);

	return copy ? memcpy(copy, text, size) : NULL;
}

static void on_any(const struct parley_dlg *dlg, int type,
		   struct parley_params *params)
{
	const int all = DLGCB_FAILED | DLGCB_CONFIRMED_NA | DLGCB_CONFIRMED |
			DLGCB_REQ_WITHIN | DLGCB_TERMINATED | DLGCB_EXPIRED |
			DLGCB_EARLY | DLGCB_RESPONSE_FWDED |
			DLGCB_RESPONSE_WITHIN | DLGCB_RPC_CONTEXT |
			DLGCB_DESTROY | DLGCB_SPIRALED |
			DLGCB_TERMINATED_CONFIRMED | DLGCB_SAVED;
	int rc;

	log_told("any", dlg, type, params);
	if (first->h_id == 0)
		*first = *dlg;
	if (*params->param != &for_all[type == PARLEY_CB_CREATED])
		LM_ERR("|spoilt|param=%p|\n", *params->param);
	rc = api.register_dlgcb(dlg, all, on_one, shared("all"), free_param);
	log_rc("register", "all", rc);
	/* What was registered goes with the dialog. */
	rc = api.register_dlgcb(dlg, PARLEY_CB_SAVED, on_one, shared("saved"),
				free_param);
	log_rc("register", "saved", rc);
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		rc = api.register_dlgcb(dlg, types[i].type, on_nothing, NULL,
					NULL);
		log_rc("register", types[i].name, rc);
	}
}

/* ------------------------------------------------ script functions */

/* watcher_get(name): what get_current_dialog() finds. */
static int w_get(struct sip_msg *msg, char *name, char *unused)
{
	struct parley_dlg dlg = {7, 7};
	int rc = api.get_current_dialog(msg, &dlg);

	(void)unused;
	LM_ERR("|get|name=%s|rc=%d|h_entry=%u|h_id=%u|\n", name, rc,
	       dlg.h_entry, dlg.h_id);
	return 1;
}

/* watcher_set(key, value); watcher_set(key) deletes. */
static int w_set(struct sip_msg *msg, char *key, char *value)
{
	str name = {key, (int)strlen(key)};
	str text = {value, value ? (int)strlen(value) : 0};
	struct parley_dlg dlg;
	int rc = api.get_current_dialog(msg, &dlg);

	if (rc == 0)
		rc = api.set_dlg_var(&dlg, &name, value ? &text : NULL);
	log_rc("set", key, rc);
	return 1;
}

/* watcher_read(key) */
static int w_read(struct sip_msg *msg, char *key, char *unused)
{
	str name = {key, (int)strlen(key)};
	str value = {0};
	struct parley_dlg dlg;
	int rc = api.get_current_dialog(msg, &dlg);

	(void)unused;
	if (rc == 0)
		rc = api.get_dlg_var(&dlg, &name, &value);
	LM_ERR("|value|name=%s|rc=%d|value=%s|\n", key, rc,
	       value.s ? value.s : "");
	if (value.s)
		pkg_free(value.s);
	return 1;
}

static void bad_variables(const struct parley_dlg *dlg)
{
	static char bytes[LONG_KEY];
	str key = str_init("k"), value = str_init("v");
	str empty = {bytes, 0}, without = {NULL, 3}, negative = {bytes, -5};
	str too_long = {bytes, LONG_KEY};

	memset(bytes, 'x', sizeof(bytes));
	log_rc("bad", "set no dlg", api.set_dlg_var(NULL, &key, &value));
	log_rc("bad", "set no key", api.set_dlg_var(dlg, NULL, &value));
	log_rc("bad", "set empty key", api.set_dlg_var(dlg, &empty, &value));
	log_rc("bad", "set key NULL", api.set_dlg_var(dlg, &without, &value));
	log_rc("bad", "set key below 0",
	       api.set_dlg_var(dlg, &negative, &value));
	log_rc("bad", "set long key", api.set_dlg_var(dlg, &too_long, &value));
	log_rc("bad", "delete absent", api.set_dlg_var(dlg, &key, NULL));
	log_rc("bad", "get no dlg", api.get_dlg_var(NULL, &key, &value));
	log_rc("bad", "get no key", api.get_dlg_var(dlg, NULL, &value));
	log_rc("bad", "get no value", api.get_dlg_var(dlg, &key, NULL));
	value = key;
	log_rc("bad", "get absent", api.get_dlg_var(dlg, &key, &value));
	log_rc("bad", "empty after an error", value.s ? 1 : 0);
}

static void bad_ends(const struct parley_dlg *dlg)
{
	str callid = str_init("nobody's"), tag = str_init("t");
	str body = str_init("X-A: b\r\n\r\nbody"), empty = {NULL, 0};

	log_rc("bad", "end no Call-ID",
	       api.terminate_dlg(NULL, &tag, NULL, NULL, NULL));
	log_rc("bad", "end empty Call-ID",
	       api.terminate_dlg(&empty, &tag, NULL, NULL, NULL));
	log_rc("bad", "end no tag",
	       api.terminate_dlg(&callid, NULL, NULL, NULL, NULL));
	log_rc("bad", "end unknown",
	       api.terminate_dlg(&callid, &tag, &tag, NULL, NULL));
	log_rc("bad", "end headers",
	       api.lookup_terminate_dlg(dlg->h_entry, dlg->h_id, &body, NULL));
	log_rc("bad", "current no dlg", api.get_current_dialog(NULL, NULL));
}

static void bad_types(const char *when, const struct parley_dlg *dlg)
{
	char name[64];

#define TRY(text, ...)                                                         \
	do {                                                                   \
		int rc = api.register_dlgcb(__VA_ARGS__);                      \
		snprintf(name, sizeof(name), "%s: " text, when);               \
		log_rc("bad", name, rc);                                       \
	} while (0)
	TRY("no type", dlg, 0, on_one, NULL, NULL);
	TRY("unknown", dlg, 1 << 20, on_one, NULL, NULL);
	TRY("known and unknown", dlg, DLGCB_EARLY | 1 << 11, on_one, NULL,
	    NULL);
	TRY("CREATED and EARLY", NULL, DLGCB_CREATED | DLGCB_EARLY, on_one,
	    NULL, NULL);
	TRY("CREATED and LOADED", NULL, DLGCB_CREATED | DLGCB_LOADED, on_one,
	    NULL, NULL);
	TRY("CREATED of one", &(struct parley_dlg){1, 2}, DLGCB_CREATED, on_one,
	    NULL, NULL);
	TRY("CREATED and free", NULL, DLGCB_CREATED, on_one, NULL, free_param);
	TRY("EARLY of none", NULL, DLGCB_EARLY, on_one, NULL, NULL);
	TRY("EARLY of nobody", &(struct parley_dlg){1, 2}, DLGCB_EARLY, on_one,
	    NULL, NULL);
	TRY("no function", dlg, DLGCB_EARLY, NULL, NULL, NULL);
#undef TRY
}

static int load(struct parley_api *into)
{
	load_parley_f f = (load_parley_f)(void (*)(void))find_export(
		(char *)"load_parley", 0, 0);

	return f ? f(into) : PARLEY_API_E_ABSENT;
}

/* watcher_bad(): whatever is wrong, on a dialog that is there. */
static int w_bad(struct sip_msg *msg, char *unused, char *unused2)
{
	struct parley_api late = {.size = sizeof(late),
				  .version = PARLEY_API_VERSION};
	struct parley_dlg dlg;

	(void)unused;
	(void)unused2;
	if (api.get_current_dialog(msg, &dlg) < 0)
		return -1;
	bad_types("script", &dlg);
	log_rc("bad", "CREATED late",
	       api.register_dlgcb(NULL, DLGCB_CREATED, on_any, NULL, NULL));
	log_rc("bad", "load late", load(&late));
	bad_variables(&dlg);
	bad_ends(&dlg);
	return 1;
}

/* ------------------------------------------------ commands */

/* watcher.gone h_entry h_id: each function, for a dialog that is not there. */
static void rpc_gone(rpc_t *rpc, void *c)
{
	str key = str_init("k"), value = str_init("v");
	struct parley_dlg dlg;

	if (rpc->scan(c, "uu", &dlg.h_entry, &dlg.h_id) < 2)
		return;
	log_rc("gone", "set", api.set_dlg_var(&dlg, &key, &value));
	log_rc("gone", "delete", api.set_dlg_var(&dlg, &key, NULL));
	log_rc("gone", "get", api.get_dlg_var(&dlg, &key, &value));
	log_rc("gone", "register",
	       api.register_dlgcb(&dlg, DLGCB_EARLY, on_one, NULL, NULL));
	log_rc("gone", "end",
	       api.lookup_terminate_dlg(dlg.h_entry, dlg.h_id, NULL, NULL));
	log_rc("gone", "current", api.get_current_dialog(NULL, &dlg));
	rpc->rpl_printf(c, "done");
}

/* watcher.end Call-ID tag tag headers reason; watcher.end_id h_entry h_id */
static void rpc_end(rpc_t *rpc, void *c)
{
	str callid, ftag, ttag, hdrs, reason;

	if (rpc->scan(c, "SSSSS", &callid, &ftag, &ttag, &hdrs, &reason) == 5)
		rpc->add(c, "d",
			 api.terminate_dlg(&callid, &ftag, &ttag, &hdrs,
					   &reason));
}

static void rpc_end_id(rpc_t *rpc, void *c)
{
	unsigned int h_entry, h_id;

	if (rpc->scan(c, "uu", &h_entry, &h_id) == 2)
		rpc->add(c, "d",
			 api.lookup_terminate_dlg(h_entry, h_id, NULL, NULL));
}

static const char *doc[2] = {"for the tests"};

static rpc_export_t commands[] = {
	{"watcher.gone", rpc_gone, doc, 0},
	{"watcher.end", rpc_end, doc, 0},
	{"watcher.end_id", rpc_end_id, doc, 0},
	{0},
};

/* ------------------------------------------------ start */

static void bad_loads(void)
{
	struct parley_api other = {.size = sizeof(other) - 8,
				   .version = PARLEY_API_VERSION};

	log_rc("bad", "load NULL", load(NULL));
	log_rc("bad", "load smaller", load(&other));
	other.size = sizeof(other) + 8;
	log_rc("bad", "load larger", load(&other));
	other.size = sizeof(other);
	other.version = PARLEY_API_VERSION + 1;
	log_rc("bad", "load newer", load(&other));
	other.version = 0;
	log_rc("bad", "load nothing", load(&other));
	log_rc("bad", "filled after an error", other.set_dlg_var ? 1 : 0);
}

static int read_action(void)
{
	char name[40], full[48];

	if (sscanf(action, "%15s %39s", verb, name) != 2)
		return 0;
	snprintf(full, sizeof(full), "DLGCB_%s", name);
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (strcmp(types[i].name, full) == 0)
			verb_type = types[i].type;
	return verb_type ? 0 : -1;
}

static int start(void)
{
	int rc;

	first = shm_malloc(sizeof(*first));
	if (!first)
		return -1;
	*first = (struct parley_dlg){0};
	bad_loads();
	rc = parley_api_load(&api);
	log_rc("load", "load", rc);
	if (rc < 0)
		return 0; /* Parley is not there */
	rc = api.register_dlgcb(NULL, DLGCB_LOADED, on_any, &for_all[0], NULL);
	log_rc("register", "DLGCB_LOADED", rc);
	rc = api.register_dlgcb(NULL, DLG_CREATED, on_any, &for_all[1], NULL);
	log_rc("register", "DLG_CREATED", rc);
	bad_types("start", NULL);
	return read_action() < 0 || rpc_register_array(commands) != 0 ? -1 : 0;
}

static cmd_export_t functions[] = {
	{"watcher_get", w_get, 1, NULL, NULL, ANY_ROUTE},
	{"watcher_set", w_set, 1, NULL, NULL, ANY_ROUTE},
	{"watcher_set", w_set, 2, NULL, NULL, ANY_ROUTE},
	{"watcher_read", w_read, 1, NULL, NULL, ANY_ROUTE},
	{"watcher_bad", w_bad, 0, NULL, NULL, ANY_ROUTE},
	{0},
};

static param_export_t params[] = {
	{"action", PARAM_STRING, &action},
	{0, 0, 0},
};

struct module_exports exports = {
	.name = "watcher",
	.cmds = functions,
	.params = params,
	.init_mod_f = start,
};
