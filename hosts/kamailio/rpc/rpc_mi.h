/*
 * rpc_mi.h - the management commands of OpenSIPS: calls
 *
 * What:    dlg_list, dlg_list_ctx, dlg_end_dlg, dlg_terminate_dlg and push_var,
 *          for the table in rpc.c. The others of their names are the commands
 *          that Kamailio's dialog has, or in rpc_profiles.h.
 * Owns:    nothing after the command.
 * Locking: none.
 * Why:     they name calls in more ways than the commands with dlg. do.
 */
#ifndef RPC_MI_H
#define RPC_MI_H

#include "core/rpc.h"

#include "adapter.h"

void rpc_mi_list(rpc_t *rpc, void *c);
void rpc_mi_list_ctx(rpc_t *rpc, void *c);
void rpc_mi_end_dlg(rpc_t *rpc, void *c);
void rpc_mi_terminate_dlg(rpc_t *rpc, void *c);
void rpc_mi_push_var(rpc_t *rpc, void *c);

/* The call with this DID (464.4cd2), else one with this Call-ID, rather one
 * that has not ended. False: there is none. */
bool rpc_mi_find(const str *name, struct parley_id *id);

#endif
