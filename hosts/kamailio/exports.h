/*
 * exports.h - the tables that mod.c puts into the three module_exports
 *
 * What:    script functions, pseudo-variables, RPC commands, KEMI functions
 *          and parameters; each array is defined in the file named here.
 * Always:  the same surface under each of the three module names.
 */
#ifndef EXPORTS_H
#define EXPORTS_H

#include "adapter.h"

extern cmd_export_t adapter_cmds[];	/* functions.c */
extern pv_export_t adapter_pvs[];	/* pv.c */
extern rpc_export_t adapter_rpcs[];	/* rpc.c */
extern param_export_t adapter_params[]; /* params.c */

/* What Kamailio looks for in each of the three files; all else is hidden, for
 * its own symbols would replace ours (mod.c). */
#pragma GCC visibility push(default)
extern struct module_exports _dialog_exports, _ims_dialog_exports,
	_dialog_ng_exports;
/* Called by the loader before it registers anything of ours: a rival that is
 * there already is named before its variables clash with ours. */
int mod_register(char *path, int *flags, void *unused1, void *unused2);
#pragma GCC visibility pop

/* Registers KSR.dialog and its aliases, when the module is loaded. 0 or -1. */
int kemi_init(void); /* kemi.c */
/* Registers the five statistics under the module's name. 0 or -1. */
int stats_init(void); /* stats.c */

#endif
