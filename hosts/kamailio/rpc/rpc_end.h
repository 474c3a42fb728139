/*
 * rpc_end.h - RPC commands that end one call
 *
 * What:    parameters, the end, and the fault if there was none.
 * Owns:    nothing after the command.
 * Locking: none.
 * Why:     dlg.end_dlg and dlg2.end_dlg differ in what they tell the parties.
 */
#ifndef RPC_END_H
#define RPC_END_H

#include "core/rpc.h"

#include "adapter.h"

void rpc_end_dlg(rpc_t *rpc, void *c);
void rpc_terminate_dlg(rpc_t *rpc, void *c);

/* Ends the call for @reason, with the header lines @headers in its BYEs; NULL:
 * with those of the next parameter, if there is one. */
void rpc_end_call(rpc_t *rpc, void *c, struct parley_id id, const str *reason,
		  const str *headers);

/* h_entry h_id [extra headers]: ends that call for @reason. */
void rpc_end_by_id(rpc_t *rpc, void *c, const str *reason);

#endif
