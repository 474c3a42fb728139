/*
 * A module for the tests: loaded after another one, it writes to the log what
 * that one exports, as Kamailio has it, a name in each line; and which
 * functions load_dlg() and load_parley() give. When there is a first call:
 * which types of callbacks can be registered with each.
 */
#include "core/dprint.h"
#include "core/sr_module.h"
#include "modules/dialog/dlg_load.h"

#define PARLEY_API_DLG_CONFIRMED
#include "parley_api.h"

MODULE_VERSION

static char *module;
static struct dlg_binds binds;
static struct parley_api parley;

static const struct {
	const char *name;
	int type;
} types[] = {
	{"FAILED", DLGCB_FAILED},
	{"CONFIRMED_NA", DLGCB_CONFIRMED_NA},
	{"CONFIRMED", DLGCB_CONFIRMED},
	{"REQ_WITHIN", DLGCB_REQ_WITHIN},
	{"TERMINATED", DLGCB_TERMINATED},
	{"EXPIRED", DLGCB_EXPIRED},
	{"EARLY", DLGCB_EARLY},
	{"RESPONSE_FWDED", DLGCB_RESPONSE_FWDED},
	{"RESPONSE_WITHIN", DLGCB_RESPONSE_WITHIN},
	{"RPC_CONTEXT", DLGCB_RPC_CONTEXT},
	{"DESTROY", DLGCB_DESTROY},
	{"SPIRALED", DLGCB_SPIRALED},
	{"TERMINATED_CONFIRMED", DLGCB_TERMINATED_CONFIRMED},
};

/* What only the documents of other modules have. */
static const struct {
	const char *name;
	int type;
} other_types[] = {
	{"DLGCB_MI_CONTEXT", DLGCB_MI_CONTEXT},
	{"DLGCB_SAVED", DLGCB_SAVED},
	{"DLG_FAILED", DLG_FAILED},
	{"DLG_CONFIRMED", DLG_CONFIRMED},
	{"DLG_REQ_WITHIN", DLG_REQ_WITHIN},
	{"DLG_TERMINATED", DLG_TERMINATED},
	{"DLG_EXPIRED", DLG_EXPIRED},
};

static void show(const sr_module_t *of)
{
	const ksr_cmd_export_t *cmd = of->exports.cmds;
	const param_export_t *param = of->exports.params;
	const pv_export_t *pv = of->exports.pv_items;

	for (; cmd && cmd->name; cmd++)
		LM_ERR("|%s|%s|\n", cmd->flags ? "function" : "api", cmd->name);
	for (; param && param->name; param++)
		LM_ERR("|param|%s|\n", param->name);
	for (; pv && pv->name.s; pv++)
		LM_ERR("|pv|$%.*s|\n", pv->name.len, pv->name.s);
}

static void ignore(struct dlg_cell *dlg, int type, struct dlg_cb_params *params)
{
	(void)dlg;
	(void)type;
	(void)params;
}

static void try_type(struct dlg_cell *dlg, const char *name, int type,
		     dialog_cb *function)
{
	int rc = binds.register_dlgcb(dlg, type, function, NULL, NULL);

	if (rc == 0)
		LM_ERR("|api|DLGCB_%s|\n", name);
}

static void on_created(struct dlg_cell *dlg, int type,
		       struct dlg_cb_params *params)
{
	(void)type;
	(void)params;
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		try_type(dlg, types[i].name, types[i].type, ignore);
}

#define SHOW_MEMBER(member)                                                    \
	do {                                                                   \
		if (binds.member)                                              \
			LM_ERR("|api|dlg_binds." #member "|\n");               \
	} while (0)

static void show_binds(void)
{
	if (load_dlg_api(&binds) < 0)
		return;
	SHOW_MEMBER(register_dlgcb);
	SHOW_MEMBER(terminate_dlg);
	SHOW_MEMBER(set_dlg_var);
	SHOW_MEMBER(get_dlg_varref);
	SHOW_MEMBER(get_dlg_varval);
	SHOW_MEMBER(get_dlg_vardup);
	SHOW_MEMBER(get_dlg_varstatus);
	SHOW_MEMBER(get_dlg);
	SHOW_MEMBER(release_dlg);
	if (!binds.register_dlgcb)
		return;
	try_type(NULL, "CREATED", DLGCB_CREATED, on_created);
	try_type(NULL, "LOADED", DLGCB_LOADED, ignore);
}

static void ignore_too(const struct parley_dlg *dlg, int type,
		       struct parley_params *params)
{
	(void)dlg;
	(void)type;
	(void)params;
}

static void try_other(const struct parley_dlg *dlg, const char *name, int type,
		      parley_dialog_cb function)
{
	if (parley.register_dlgcb(dlg, type, function, NULL, NULL) == 0)
		LM_ERR("|api|%s|\n", name);
}

static void on_other_created(const struct parley_dlg *dlg, int type,
			     struct parley_params *params)
{
	(void)type;
	(void)params;
	for (size_t i = 0; i < sizeof(other_types) / sizeof(*other_types); i++)
		try_other(dlg, other_types[i].name, other_types[i].type,
			  ignore_too);
}

#define SHOW_FUNCTION(member)                                                  \
	do {                                                                   \
		if (parley.member)                                             \
			LM_ERR("|api|" #member "|\n");                         \
	} while (0)

static void show_parley(void)
{
	if (parley_api_load(&parley) < 0)
		return;
	SHOW_FUNCTION(register_dlgcb);
	SHOW_FUNCTION(terminate_dlg);
	SHOW_FUNCTION(lookup_terminate_dlg);
	SHOW_FUNCTION(set_dlg_var);
	SHOW_FUNCTION(get_dlg_var);
	SHOW_FUNCTION(get_current_dialog);
	if (parley.register_dlgcb)
		try_other(NULL, "DLG_CREATED", DLG_CREATED, on_other_created);
}

static int start(void)
{
	const sr_module_t *of = find_module_by_name(module);

	if (!of) {
		LM_ERR("there is no module \"%s\"\n", module ? module : "");
		return -1;
	}
	show(of);
	show_binds();
	show_parley();
	return 0;
}

static param_export_t params[] = {
	{"module", PARAM_STRING, &module},
	{0, 0, 0},
};

struct module_exports exports = {
	.name = "probe",
	.params = params,
	.init_mod_f = start,
};
