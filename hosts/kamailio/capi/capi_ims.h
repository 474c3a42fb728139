/*
 * capi_ims.h - the C API of ims_dialog: load_ims_dlg()
 *
 * What:    what `ims_charging`, `ims_usrloc_scscf`, `ims_qos` and others get
 *          from load_ims_dlg(), with the types and the layout of the host's own
 *          headers. docs/c-api.md describes it.
 * Owns:    a registration, in shared memory, until its dialog is gone.
 * Locking: none is held while a module is called.
 * Always:  no module has called load_ims_dlg(): this file does nothing.
 * Why:     the packaged modules are compiled against these structs, and expect
 *          TERMINATED of a call that they end themselves only when a BYE was
 *          answered: they hold locks that their callbacks take.
 */
#ifndef CAPI_IMS_H
#define CAPI_IMS_H

#include "adapter.h"

struct ims_dlg_binds;

/* Exported as load_ims_dlg. 1, or -1: too late. Before our mod_init or after
 * it, but before Kamailio forks. */
int capi_ims_load(struct ims_dlg_binds *binds);

/* A BYE of ours is done; both messages may be NULL. Before the engine hears of
 * it. */
void capi_ims_bye_done(struct parley_id id, struct sip_msg *bye,
		       struct sip_msg *reply);

#endif
