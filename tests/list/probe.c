/*
 * A module for the tests: loaded after another one, it writes to the log what
 * that one exports, as Kamailio has it, a name in each line.
 */
#include "core/dprint.h"
#include "core/sr_module.h"

MODULE_VERSION

static char *module;

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

static int start(void)
{
	const sr_module_t *of = find_module_by_name(module);

	if (!of) {
		LM_ERR("there is no module \"%s\"\n", module ? module : "");
		return -1;
	}
	show(of);
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
