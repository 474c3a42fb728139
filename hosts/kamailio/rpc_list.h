/*
 * rpc_list.h - RPC commands that show dialogs
 *
 * What:    dlg.list and its like, for the table in rpc.c.
 * Owns:    one buffer for a dialog for as long as a command runs.
 * Locking: none; dialogs are copied one at a time, so that a list of any
 *          length holds up nobody. What comes or goes meanwhile may or may not
 *          be in it, all the rest is in it once.
 * Why:     rpc.c has the commands that do something.
 */
#ifndef RPC_LIST_H
#define RPC_LIST_H

#include "core/rpc.h"

void rpc_list(rpc_t *rpc, void *c);
void rpc_list_ctx(rpc_t *rpc, void *c);
void rpc_dlg_list(rpc_t *rpc, void *c);
void rpc_dlg_list_ctx(rpc_t *rpc, void *c);
void rpc_profile_list(rpc_t *rpc, void *c);
void rpc_briefing(rpc_t *rpc, void *c);

#endif
