/*
 * rpc_bridge.h - dlg.bridge_dlg
 *
 * What:    from to [proxy] [body]: calls `from` and refers it to `to`.
 * Owns:    nothing.
 * Locking: none.
 * Why:     its parameters are unlike those of the other commands.
 */
#ifndef RPC_BRIDGE_H
#define RPC_BRIDGE_H

#include "adapter.h"

void rpc_bridge_dlg(rpc_t *rpc, void *c);

#endif
