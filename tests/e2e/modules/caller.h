/*
 * What caller.c and ims_caller.c share: callbacks that are registered as the
 * parameter "wishes" says, and the log of what they are told. Both hosts'
 * modules give the same names to structs of their own, so each of the two
 * includes its headers, names the type of its functions, and then this:
 *
 * typedef struct dlg_binds caller_api;
 * #include "caller.h"
 */
#ifndef E2E_MODULES_CALLER_H
#define E2E_MODULES_CALLER_H

#include "names.h"

enum { WISHES = 8 };

/* What is registered for a dialog; a callback gets a copy of its own. */
struct wish {
	int types;
	char name[NAME_BYTES];
	char action[NAME_BYTES]; /* log, drop, and what act() knows */
};

static struct wish wishes[WISHES];
static int wish_count;
static char *wanted;
static int want_loaded;
static caller_api api;
static struct dlg_cell *held;

/* In the order of registration: the last is told first. */
static struct wish for_all[] = {
	{DLGCB_CREATED, "older", "register"},
	{DLGCB_CREATED, "newer", "log"},
	{DLGCB_LOADED, "loaded", "log"},
};

/* Each module has its own: all fields in one line, or more; what else a
 * callback does. */
static void log_cell(const char *what, const char *name, struct dlg_cell *dlg);
static void act(struct dlg_cell *dlg, const struct wish *wish);

/* ------------------------------------------------ the log */

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

static struct wish *copy_of(const struct wish *wish)
{
	struct wish *copy = shm_malloc(sizeof(*copy));

	if (copy)
		*copy = *wish;
	return copy;
}

static int register_wish(struct dlg_cell *dlg, const struct wish *wish)
{
	struct wish *copy = copy_of(wish);
	int rc = -1;

	if (copy && api.register_dlgcb)
		rc = api.register_dlgcb(dlg, wish->types, on_call, copy,
					give_back);
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

/* NAME_get(name): what get_dlg() finds. */
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

/* NAME_hold(): keeps the reference until NAME_release(). */
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

static void register_for_all(void)
{
	int rc;

	for (size_t i = 0; i < sizeof(for_all) / sizeof(*for_all); i++) {
		if (for_all[i].types == DLGCB_LOADED && !want_loaded)
			continue;
		rc = api.register_dlgcb(NULL, for_all[i].types, on_any,
					&for_all[i], NULL);
		LM_ERR("|registered|name=%s|rc=%d|\n", for_all[i].name, rc);
	}
	try_wrong();
}

#endif
