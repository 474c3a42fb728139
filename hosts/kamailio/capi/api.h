/*
 * api.h - load_parley(): the C API for new modules
 *
 * What:    include/parley_api.h, on top of the engine.
 * Owns:    what was registered for all dialogs, in shared memory until the end.
 *          Private: which dialog's callback runs.
 * Locking: none.
 * Why:     a module that names dialogs by value needs no struct of ours in
 *          shared memory, and can keep no pointer into it. load_dlg() (capi.h)
 *          is for modules that were written for the packaged one.
 */
#ifndef API_H
#define API_H

#include "adapter.h"

struct parley_api;

/* Exported as load_parley. 0 or PARLEY_API_E_; the reason is logged. Modules
 * may call it before our mod_init and after it. */
int api_load(struct parley_api *api);

#endif
