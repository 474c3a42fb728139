/*
 * capi.h - the C API for modules on top: load_dlg()
 *
 * What:    what `acc`, `sst`, `uac` and others get from load_dlg(): callbacks,
 *          variables, and a struct dlg_cell for each dialog, with the types and
 *          the layout of the host's own headers. docs/c-api.md describes it.
 * Owns:    registrations made before there is an engine. A cell is the area of
 *          its dialog and lives as long as that.
 * Locking: capi_show() runs under the lock of a shard and calls nobody; the
 *          rest takes none.
 * Always:  no module has called load_dlg(): no dialog has a cell, no callback
 *          of tm is registered for it.
 * Why:     the packaged modules are compiled against these structs.
 */
#ifndef CAPI_H
#define CAPI_H

#include "adapter.h"

struct dlg_binds;

/* Exported as load_dlg. 1, or -1: no memory. Modules may call it before our
 * mod_init and after it. */
int capi_load(struct dlg_binds *binds);

/* mod_init, when the engine exists: what was registered so far. 0 or -1. */
int capi_init(void);

/* parley_host.show: writes the struct dlg_cell. */
void capi_show(void *self, void *area, const struct parley_shown *shown);

/* Tells those who asked for DLGCB_RPC_CONTEXT; what they print becomes the
 * field `context` of @h, the struct of the dialog in the reply. (rpc_context.c)
 */
void capi_rpc_context(rpc_t *rpc, void *c, void *h, struct parley_id id);

/* A 1xx or 2xx to the INVITE is about to be relayed and can still be changed.
 */
void capi_reply_forwarded(struct parley_id id, struct sip_msg *req,
			  struct sip_msg *rpl);
/* The same for a reply to an in-dialog request that came in direction @dir. */
void capi_reply_within(struct parley_id id, enum parley_direction dir,
		       struct sip_msg *req, struct sip_msg *rpl);

#endif
