/*
 * A module for the tests: it uses everything of load_ims_dlg() and writes to
 * the log what it is told and every field that it sees, a line each, as
 * cases/ims_capi.py reads it. It knows only the headers of the packaged
 * ims_dialog, so it runs on that, too.
 *
 * modparam("ims_caller", "wishes", "NAME ACTION TYPES; ...") asks for callbacks
 * of each new dialog, in this order. ACTION is what the callback does:
 * log, drop, end.
 */
#include <time.h>

#include "core/dprint.h"
#include "core/parser/parse_from.h"
#include "core/parser/parse_to.h"
#include "core/sr_module.h"
#include "modules/ims_dialog/dlg_hash.h"
#include "modules/ims_dialog/dlg_load.h"

typedef ims_dlg_api_t caller_api;
#include "caller.h"

MODULE_VERSION

/* ------------------------------------------------ the log */

/* host:port of a socket; "-" without one. */
static const char *socket_name(const struct socket_info *socket)
{
	static char name[NAME_BYTES];

	if (!socket)
		return "-";
	snprintf(name, sizeof(name), "%.*s", STR_FMT(&socket->sock_str));
	return name;
}

/* In each callback, and by hand: the list must be what its ends and its count
 * say, whichever way it is walked. */
static int list_is_whole(const struct dlg_entry_out *list)
{
	const struct dlg_cell_out *before = NULL;

	for (const struct dlg_cell_out *out = list->first; out;
	     out = out->next) {
		if (out->prev != before)
			return 0;
		before = out;
	}
	return list->last == before;
}

static void log_leg(const char *name, int number,
		    const struct dlg_cell_out *out)
{
	LM_ERR("|leg|name=%s|number=%d|out=%p|h_entry=%u|h_id=%u|branch=%.*s|"
	       "did=%.*s|to_uri=%.*s|to_tag=%.*s|caller_cseq=%.*s|"
	       "callee_cseq=%.*s|callee_contact=%.*s|callee_route_set=%.*s|"
	       "callee_bind_addr=%s|dflags=%u|deleted=%u|\n",
	       name, number, (const void *)out, out->h_entry, out->h_id,
	       STR_FMT(&out->branch), STR_FMT(&out->did), STR_FMT(&out->to_uri),
	       STR_FMT(&out->to_tag), STR_FMT(&out->caller_cseq),
	       STR_FMT(&out->callee_cseq), STR_FMT(&out->callee_contact),
	       STR_FMT(&out->callee_route_set),
	       socket_name(out->callee_bind_addr), out->dflags, out->deleted);
}

static void log_private(const char *name, const struct dlg_cell *dlg)
{
	LM_ERR("|private|name=%s|next=%d|prev=%d|toroute=%u|toroute_name=%.*s|"
	       "tl=%d|cbs=%d|profile_links=%d|vars=%d|transaction=%d|lock=%d|"
	       "from_rr_nb=%u|\n",
	       name, dlg->next != NULL, dlg->prev != NULL, dlg->toroute,
	       STR_FMT(&dlg->toroute_name),
	       dlg->tl.next != NULL || dlg->tl.prev != NULL,
	       dlg->cbs.first != NULL, dlg->profile_links != NULL,
	       dlg->vars != NULL, dlg->transaction != NULL,
	       dlg->dlg_out_entries_lock != NULL, dlg->from_rr_nb);
}

static void log_cell(const char *what, const char *name, struct dlg_cell *dlg)
{
	int number = 0;

	LM_ERR("|%s|name=%s|cell=%p|ref=%d|h_entry=%u|h_id=%u|did=%.*s|"
	       "callid=%.*s|from_tag=%.*s|from_uri=%.*s|first_req_cseq=%.*s|"
	       "req_uri=%.*s|caller_contact=%.*s|caller_route_set=%.*s|"
	       "caller_bind_addr=%s|state=%u|init_ts=%u|start_ts=%u|"
	       "lifetime=%u|dflags=%u|sflags=%u|count=%u|whole=%d|\n",
	       what, name, (const void *)dlg, dlg->ref, dlg->h_entry, dlg->h_id,
	       STR_FMT(&dlg->did), STR_FMT(&dlg->callid),
	       STR_FMT(&dlg->from_tag), STR_FMT(&dlg->from_uri),
	       STR_FMT(&dlg->first_req_cseq), STR_FMT(&dlg->req_uri),
	       STR_FMT(&dlg->caller_contact), STR_FMT(&dlg->caller_route_set),
	       socket_name(dlg->caller_bind_addr), dlg->state, dlg->init_ts,
	       dlg->start_ts, dlg->lifetime, dlg->dflags, dlg->sflags,
	       dlg->dlg_entry_out.count, list_is_whole(&dlg->dlg_entry_out));
	for (const struct dlg_cell_out *out = dlg->dlg_entry_out.first; out;
	     out = out->next)
		log_leg(name, number++, out);
	log_private(name, dlg);
}

/* ------------------------------------------------ callbacks */

static void end_by_number(const struct dlg_cell *dlg)
{
	str headers = str_init("X-Ended: number\r\n");

	LM_ERR("|ending|number=%u|\n", dlg->h_id);
	log_rc("end",
	       api.lookup_terminate_dlg(dlg->h_entry, dlg->h_id, &headers));
}

static void act(struct dlg_cell *dlg, const struct wish *wish)
{
	if (strcmp(wish->action, "end") == 0)
		end_by_number(dlg);
}

/* ------------------------------------------------ script functions */

/* ims_late(name): a callback for all types, by register_dlgcb_nodlg(). */
static int w_late(struct sip_msg *msg, char *name, char *unused)
{
	struct wish wish = {.types = ~(DLGCB_CREATED | DLGCB_LOADED)};
	struct dlg_cell *dlg = api.get_dlg(msg);
	struct wish *copy;

	(void)unused;
	snprintf(wish.name, sizeof(wish.name), "%s", name);
	snprintf(wish.action, sizeof(wish.action), "log");
	copy = copy_of(&wish);
	log_rc("late", api.register_dlgcb_nodlg(dlg, wish.types, on_call, copy,
						give_back));
	return 1;
}

/* The call of a message, as the functions want it. */
struct named {
	str callid, ftag, ttag;
};

static struct named named_by(struct sip_msg *msg)
{
	struct named named = {0};

	if (parse_headers(msg, HDR_EOH_F, 0) < 0 || parse_from_header(msg) < 0)
		return named;
	named.callid = msg->callid->body;
	named.ftag = get_from(msg)->tag_value;
	named.ttag = get_to(msg)->tag_value;
	return named;
}

/* ims_end(tag): terminate_dlg(); with "" the message's own To-tag. */
static int w_end(struct sip_msg *msg, char *tag, char *unused)
{
	str headers = str_init("X-Ended: tags\r\n");
	str reason = str_init("no more credit");
	struct named named = named_by(msg);

	(void)unused;
	if (*tag)
		named.ttag = (str){tag, (int)strlen(tag)};
	log_rc("end", api.terminate_dlg(&named.callid, &named.ftag, &named.ttag,
					&headers, &reason));
	return 1;
}

/* ims_end_number(): lookup_terminate_dlg(). */
static int w_end_number(struct sip_msg *msg, char *unused, char *unused2)
{
	struct dlg_cell *dlg = api.get_dlg(msg);

	(void)unused;
	(void)unused2;
	if (!dlg)
		return -1;
	end_by_number(dlg);
	api.release_dlg(dlg);
	log_rc("none", api.lookup_terminate_dlg(1, 0x7fffffff, NULL));
	return 1;
}

/* ims_set(key, value); ims_set(key) deletes. */
static int w_set(struct sip_msg *msg, char *key, char *value)
{
	struct named named = named_by(msg);
	str name = {key, (int)strlen(key)};
	str text = {value, value ? (int)strlen(value) : 0};

	log_rc("set", api.set_dlg_var(&named.callid, &named.ftag, &named.ttag,
				      &name, value ? &text : NULL));
	return 1;
}

/* ims_read(key) */
static int w_read(struct sip_msg *msg, char *key, char *unused)
{
	struct named named = named_by(msg);
	str name = {key, (int)strlen(key)};
	str *value =
		api.get_dlg_var(&named.callid, &named.ftag, &named.ttag, &name);

	(void)unused;
	LM_ERR("|value|key=%s|found=%d|value=%.*s|\n", key, value != NULL,
	       value ? value->len : 0, value ? value->s : "");
	return 1;
}

/* ims_expires(): get_dlg_expires(), from now. */
static int w_expires(struct sip_msg *msg, char *unused, char *unused2)
{
	struct named named = named_by(msg);
	str wrong = str_init("nobody");
	time_t now = time(NULL);
	time_t expires =
		api.get_dlg_expires(&named.callid, &named.ftag, &named.ttag);

	(void)unused;
	(void)unused2;
	LM_ERR("|expires|in=%ld|\n", (long)(expires - now));
	expires = api.get_dlg_expires(&wrong, &named.ftag, &named.ttag);
	LM_ERR("|unknown|in=%ld|\n", (long)expires);
	return 1;
}

/* ------------------------------------------------ start */

static int start(void)
{
	want_loaded = 1;
	if (read_wishes() < 0 || load_ims_dlg_api(&api) < 0)
		return -1;
	register_for_all();
	log_rc("nodlg", api.register_dlgcb_nodlg(NULL, DLGCB_EARLY, on_any,
						 &for_all[0], NULL));
	return 0;
}

static cmd_export_t commands[] = {
	{"ims_get", w_get, 1, NULL, NULL, ANY_ROUTE},
	{"ims_hold", w_hold, 0, NULL, NULL, ANY_ROUTE},
	{"ims_release", w_release, 0, NULL, NULL, ANY_ROUTE},
	{"ims_late", w_late, 1, NULL, NULL, ANY_ROUTE},
	{"ims_end", w_end, 1, NULL, NULL, ANY_ROUTE},
	{"ims_end_number", w_end_number, 0, NULL, NULL, ANY_ROUTE},
	{"ims_set", w_set, 1, NULL, NULL, ANY_ROUTE},
	{"ims_set", w_set, 2, NULL, NULL, ANY_ROUTE},
	{"ims_read", w_read, 1, NULL, NULL, ANY_ROUTE},
	{"ims_expires", w_expires, 0, NULL, NULL, ANY_ROUTE},
	{0},
};

static param_export_t params[] = {
	{"wishes", PARAM_STRING, &wanted},
	{0, 0, 0},
};

struct module_exports exports = {
	.name = "ims_caller",
	.cmds = commands,
	.params = params,
	.init_mod_f = start,
};
