/*
 * mod.c - the module: three names, start and end
 *
 * Kamailio looks for `exports` and then for `_<file name>_exports`. There is
 * no `exports` here, so each of the three installed files finds its own.
 */
#include "core/events.h"
#include "core/script_cb.h"

#include "asks.h"
#include "capi.h"
#include "cseq.h"
#include "events.h"
#include "db_tables.h"
#include "dmq.h"
#include "exports.h"
#include "fifo.h"
#include "journal_apply.h"
#include "journal_file.h"
#include "late.h"
#include "loaded.h"
#include "own_mark.h"
#include "params_db.h"
#include "writer.h"

struct adapter adapter = {
	.set =
		{
			.hash_size = 4096,
			.enable_stats = 1,
			.dlg_flag = -1,
			.bye_on_timeout_flag = -1,
			.log_profile_hash_size = 4,
			.send_bye = -1,
			.detect_spirals = 1,
			.default_timeout = 43200,
			.early_timeout = 300,
			.noack_timeout = 60,
			.end_timeout = 300,
			.race_condition_timeout = 5,
			.initial_cbs_inscript = 1,
			.wait_ack = 1,
			.rpc_list_max = 10000,
			.rr_param = STR_STATIC_INIT("did"),
			.ka_failed_limit = 1,
			.options_ping_interval = 30,
			.reinvite_ping_interval = 300,
			.ping_lost_limit = 1,
			.h_id_step = 1,
			.auto_prack_fr_timeout = 3,
			.bridge_controller =
				STR_STATIC_INIT("sip:controller@kamailio.org"),
			.bridge_contact = STR_STATIC_INIT(
				"sip:controller@kamailio.org:5060"),
			.dmq_peer_id = STR_STATIC_INIT("dialog"),
			.mi_fifo_reply_dir = STR_STATIC_INIT("/tmp"),
			.db = PARAMS_DB_DEFAULTS,
		},
};

/* ------------------------------------------------ what else is loaded */

static bool exports_function(const struct sr_module *module, const char *name)
{
	const ksr_cmd_export_t *command = module->exports.cmds;

	for (; command && command->name; command++)
		if (strcmp(command->name, name) == 0)
			return true;
	return false;
}

/* Another module that follows dialogs, or NULL. Two of them would each add
 * their cookie, count each call, and end it twice. */
static const struct sr_module *find_rival(const char *own_path)
{
	static const char *const theirs[] = {"load_dlg", "load_ims_dlg",
					     "dlg_join_profile"};
	const struct sr_module *module = get_loaded_modules();

	for (; module; module = module->next) {
		if (strcmp(module->path, own_path) == 0)
			continue;
		for (size_t i = 0; i < sizeof(theirs) / sizeof(theirs[0]); i++)
			if (exports_function(module, theirs[i]))
				return module;
	}
	return NULL;
}

static int check_alone(const char *own_path)
{
	const struct sr_module *rival = find_rival(own_path);

	if (!rival)
		return 0;
	LM_ERR("loadmodule \"%s\": the module %s is loaded too (%s) and "
	       "follows dialogs as well; load one of them only\n",
	       own_path, rival->exports.name, rival->path);
	return -1;
}

static int bind_others(void)
{
	if (!find_export("load_tm", NO_SCRIPT, 0) ||
	    load_tm_api(&adapter.tm) < 0) {
		LM_ERR("module %s needs the module tm: write loadmodule "
		       "\"tm.so\" above it\n",
		       adapter.name);
		return -1;
	}
	if (!find_export("load_rr", 0, 0) || load_rr_api(&adapter.rr) < 0) {
		LM_ERR("module %s needs the module rr: write loadmodule "
		       "\"rr.so\" above it\n",
		       adapter.name);
		return -1;
	}
	return 0;
}

/* ------------------------------------------------ start and end */

static bool started;
static sr_corecb_void_f others_shutdown;

/* Dialogs that are written by main must not be left half changed by those that
 * it ends. */
static void freeze(void)
{
	if (others_shutdown)
		others_shutdown();
	host_freeze();
}

static void freeze_at_end(void)
{
	sr_corecb_t *calls = sr_corecb_get();

	others_shutdown = calls->app_shutdown;
	calls->app_shutdown = freeze;
}

static int start_database(void)
{
	if (adapter.set.db.mode == 0 || adapter.set.db.mode == 3)
		journal_file_say_left();
	if (adapter.set.db.mode == 0)
		return 0;
	if (writer_init() < 0 || asks_init() < 0 || late_init() < 0 ||
	    loaded_init() < 0)
		return -1;
	if (adapter.set.db.mode != 3 && journal_file_open() < 0)
		return -1;
	return db_load_check();
}

static int start(const char *name)
{
	const struct sr_module *own = find_module_by_name((char *)name);
	bool apply = journal_apply_wanted();

	adapter.name = name;
	if (!own || check_alone(own->path) < 0 || params_check() < 0 ||
	    bind_others() < 0)
		return -1;
	/* Not in the exports: there a second module with the same commands
	 * would end the start with a message that helps nobody. */
	if (rpc_register_array(adapter_rpcs) != 0) {
		LM_ERR("cannot register the RPC commands\n");
		return -1;
	}
	if (dmq_bind() < 0 || (adapter.set.db.mode != 0 && db_bind() < 0) ||
	    host_init() < 0)
		return -1;
	db_rules_init();
	if (apply)
		journal_apply();
	own_mark_init();
	if (dmq_init() < 0 || events_init() < 0 || capi_init() < 0 ||
	    sip_in_init() < 0 || stats_init() < 0 || procs_init() < 0 ||
	    cseq_init() < 0 || start_database() < 0 || fifo_init() < 0)
		return -1;
	return 0;
}

static int start_dialog(void)
{
	return start("dialog");
}

static int start_ims_dialog(void)
{
	return start("ims_dialog");
}

static int start_dialog_ng(void)
{
	return start("dialog_ng");
}

/* Before the processes, when every module on top has said what it wants to know
 * of each dialog: only then dialogs can be made. */
static int load(void)
{
	if (adapter.set.db.mode != 0) {
		if (db_load_start() < 0)
			return -1;
		db_load_tell();
	}
	if (adapter.set.db.mode == 3)
		freeze_at_end();
	params_check_tm();
	started = true;
	return 0;
}

static int child_init(int rank)
{
	if (rank != PROC_INIT)
		return procs_child_init(rank);
	adapter.script_is_read = true;
	return load();
}

static void stop(void)
{
	fifo_fini();
	cseq_fini();
	if (started)
		writer_finish();
	else
		writer_abandon();
	host_fini();
	dmq_fini();
	asks_fini();
	late_fini();
	loaded_fini();
	writer_fini();
}

#define EXPORTS(module)                                                        \
	{                                                                      \
		.name = #module, .cmds = adapter_cmds,                         \
		.params = adapter_params, .pv_items = adapter_pvs,             \
		.init_mod_f = start_##module, .init_child_f = child_init,      \
		.destroy_mod_f = stop,                                         \
	}

#pragma GCC visibility push(default)
MODULE_VERSION
int mod_register(char *path, int *flags, void *unused1, void *unused2)
{
	(void)flags;
	(void)unused1;
	(void)unused2;
	/* Not later: a language's module that is loaded before this one makes
	 * its KSR before our mod_init. */
	return check_alone(path) < 0 ? -1 : kemi_init();
}

struct module_exports _dialog_exports = EXPORTS(dialog);
struct module_exports _ims_dialog_exports = EXPORTS(ims_dialog);
struct module_exports _dialog_ng_exports = EXPORTS(dialog_ng);
#pragma GCC visibility pop
