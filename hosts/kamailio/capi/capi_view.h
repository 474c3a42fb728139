/*
 * capi_view.h - a dialog as modules that have called load_dlg() see it
 *
 * What:    a whole struct dlg_cell of the host's headers, and behind it what
 *          its CSeq texts point to.
 * Owns:    the digits. All other texts are the dialog's.
 * Locking: written under the lock of the dialog's shard, read without one.
 * Always:  the digits stand at the same place as long as the dialog lives.
 *          What no module may touch (list, lock, callbacks, profiles,
 *          variables) is zero.
 */
#ifndef CAPI_VIEW_H
#define CAPI_VIEW_H

#include "modules/dialog/dlg_hash.h"

#include "capi_area.h"

struct capi_view {
	struct dlg_cell cell;
	char cseq[2][CAPI_DIGITS];
};

#endif
