/*
 * talktime.c - a module on top of Parley: how long was a call answered, and for
 * whose account?
 *
 *     loadmodule "talktime.so"
 *     ...
 *     dlg_manage();
 *     talktime_account("$fU");
 *
 * writes a line to the log when a call ends:
 *
 *     talktime: call 3241.1906458216 of alice: 63 s
 *
 *     kamcmd talktime.end <Call-ID> <caller's tag> <reason>
 *     kamcmd talktime.end_id <h_entry> <h_id>
 *
 * end one. It uses each function of parley_api.h once.
 */
#include <time.h>

#include "core/dprint.h"
#include "core/mem/shm_mem.h"
#include "core/mod_fix.h"
#include "core/rpc.h"
#include "core/rpc_lookup.h"
#include "core/sr_module.h"

#include "parley_api.h"

MODULE_VERSION

static struct parley_api parley;

/* What is kept for a call: in shared memory, since its ACK and its BYE may come
 * to different processes. Parley gives it back through shm_free_param(). */
struct talk {
	time_t since; /* 0: not answered yet */
};

static void shm_free_param(void *param)
{
	shm_free(param);
}

/* ------------------------------------------------ callbacks */

static void log_talk(const struct parley_dlg *dlg, const struct talk *talk)
{
	str key = str_init("account");
	str account;
	long seconds = talk->since ? (long)(time(NULL) - talk->since) : 0;

	if (parley.get_dlg_var(dlg, &key, &account) < 0) {
		LM_NOTICE("call %u.%u of nobody: %ld s\n", dlg->h_entry,
			  dlg->h_id, seconds);
		return;
	}
	LM_NOTICE("call %u.%u of %.*s: %ld s\n", dlg->h_entry, dlg->h_id,
		  STR_FMT(&account), seconds);
	pkg_free(account.s); /* the copy is ours */
}

/* One function for several types; all of them find the same param. */
static void on_change(const struct parley_dlg *dlg, int type,
		      struct parley_params *params)
{
	struct talk *talk = *params->param;

	if (type == DLGCB_CONFIRMED_NA)
		talk->since = time(NULL);
	else
		log_talk(dlg, talk);
}

static void on_created(const struct parley_dlg *dlg, int type,
		       struct parley_params *params)
{
	struct talk *talk = shm_malloc(sizeof(*talk));

	(void)type;
	(void)params;
	if (!talk) {
		LM_ERR("no shared memory left for call %u.%u\n", dlg->h_entry,
		       dlg->h_id);
		return;
	}
	talk->since = 0;
	if (parley.register_dlgcb(dlg,
				  DLGCB_CONFIRMED_NA | DLGCB_TERMINATED |
					  DLGCB_EXPIRED | DLGCB_FAILED,
				  on_change, talk, shm_free_param) < 0)
		shm_free(talk); /* it stayed ours */
}

/* ------------------------------------------------ the script's function */

/* talktime_account(text): 1, or -1 without a dialog. */
static int w_account(struct sip_msg *msg, char *account, char *unused)
{
	str key = str_init("account");
	struct parley_dlg dlg;
	str text;

	(void)unused;
	if (fixup_get_svalue(msg, (gparam_t *)account, &text) < 0 ||
	    parley.get_current_dialog(msg, &dlg) < 0)
		return -1;
	return parley.set_dlg_var(&dlg, &key, &text) < 0 ? -1 : 1;
}

/* ------------------------------------------------ commands */

static void answer(rpc_t *rpc, void *c, int rc)
{
	if (rc == PARLEY_API_E_GONE)
		rpc->fault(c, 404, "There is no such call");
	else if (rc < 0)
		rpc->fault(c, 500, "The call cannot be ended (%d)", rc);
}

static void rpc_end(rpc_t *rpc, void *c)
{
	str callid, tag, reason;

	if (rpc->scan(c, "SSS", &callid, &tag, &reason) < 3) {
		rpc->fault(c, 400, "Wanted: Call-ID, caller's tag, reason");
		return;
	}
	answer(rpc, c,
	       parley.terminate_dlg(&callid, &tag, NULL, NULL, &reason));
}

static void rpc_end_id(rpc_t *rpc, void *c)
{
	str header = str_init("X-Ended-By: talktime\r\n");
	unsigned int h_entry, h_id;

	if (rpc->scan(c, "uu", &h_entry, &h_id) < 2) {
		rpc->fault(c, 400, "Wanted: h_entry, h_id");
		return;
	}
	answer(rpc, c,
	       parley.lookup_terminate_dlg(h_entry, h_id, &header, NULL));
}

/* ------------------------------------------------ the module */

static const char *end_doc[2] = {"Ends the call with Call-ID and tag"};
static const char *end_id_doc[2] = {"Ends the call h_entry, h_id"};

static rpc_export_t commands[] = {
	{"talktime.end", rpc_end, end_doc, 0},
	{"talktime.end_id", rpc_end_id, end_id_doc, 0},
	{0},
};

static int start(void)
{
	if (parley_api_load(&parley) < 0) {
		LM_ERR("Parley is not there, or not the one whose header this "
		       "module was built with\n");
		return -1;
	}
	if (rpc_register_array(commands) != 0)
		return -1;
	return parley.register_dlgcb(NULL, DLGCB_CREATED, on_created, NULL,
				     NULL) < 0
		       ? -1
		       : 0;
}

static cmd_export_t functions[] = {
	{"talktime_account", w_account, 1, fixup_spve_null,
	 fixup_free_spve_null, REQUEST_ROUTE},
	{0},
};

struct module_exports exports = {
	.name = "talktime",
	.cmds = functions,
	.init_mod_f = start,
};
