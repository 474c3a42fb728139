/*
 * rpc_state.h - RPC commands for the state of one call
 *
 * What:    dlg.set_state and dlg.is_alive, for the table in rpc.c.
 * Owns:    nothing.
 * Locking: none.
 * Why:     rpc.c has the commands that count and end.
 */
#ifndef RPC_STATE_H
#define RPC_STATE_H

#include "core/rpc.h"

void rpc_set_state(rpc_t *rpc, void *c);
void rpc_is_alive(rpc_t *rpc, void *c);

#endif
