/*
 * rpc_dialog.h - a dialog as RPC shows it
 *
 * What:    one dialog in the stock module's fields, names, types and order,
 *          with what is new after them.
 * Owns:    nothing; every value is copied into the reply.
 * Locking: none. The dialog is a copy already.
 * Why:     five commands show the same object.
 */
#ifndef RPC_DIALOG_H
#define RPC_DIALOG_H

#include "core/rpc.h"

#include "adapter.h"

/* Adds the object to the reply. With @context those who registered for
 * DLGCB_RPC_CONTEXT add their fields. False: the reply has no room left. */
bool rpc_dialog_add(rpc_t *rpc, void *c, const struct parley_view *view,
		    bool context);

/* The short form; @letters says which fields, see dlg.briefing. */
bool rpc_dialog_brief(rpc_t *rpc, void *c, const struct parley_view *view,
		      const str *letters);

/* The letters that rpc_dialog_brief() knows. */
#define RPC_BRIEF_LETTERS "ftcFTISEs"

#endif
