/*
 * rpc_dlg2.h - the RPC commands of ims_dialog
 *
 * What:    dlg2.list, dlg2.end_dlg and dlg2.end_all_active_dlg, in the fields
 *          and texts of the packaged ims_dialog, with what is new after them.
 * Owns:    nothing; what a command needs lives as long as it runs.
 * Locking: none; one dialog after the other, so that no number of calls holds
 *          up anybody.
 * Why:     its operators have programs that read these fields; dlg.list is the
 *          same under all names.
 */
#ifndef RPC_DLG2_H
#define RPC_DLG2_H

#include "core/rpc.h"

#include "adapter.h"

void rpc_dlg2_list(rpc_t *rpc, void *c);
void rpc_dlg2_end_dlg(rpc_t *rpc, void *c);
void rpc_dlg2_end_all(rpc_t *rpc, void *c);

/* For rpc_list.c: adds one dialog to the array of dlg2.list. False: the reply
 * has no room left. */
bool rpc_dlg2_add(rpc_t *rpc, void *dialogs, const struct parley_view *view);

#endif
