/*
 * rpc_match.h - RPC commands that show the dialogs that fit a condition
 *
 * What:    dlg.list_match and dlg.list_match_ctx, for the table in rpc.c.
 * Owns:    one buffer for a dialog, and a compiled expression, for as long as
 *          a command runs.
 * Locking: none; see rpc_list.h.
 * Always:  a Call-ID is looked up in the index; only other conditions look at
 *          every dialog.
 */
#ifndef RPC_MATCH_H
#define RPC_MATCH_H

#include "core/rpc.h"

void rpc_list_match(rpc_t *rpc, void *c);
void rpc_list_match_ctx(rpc_t *rpc, void *c);

#endif
