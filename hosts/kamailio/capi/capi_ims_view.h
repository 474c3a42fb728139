/*
 * capi_ims_view.h - a dialog as modules that have called load_ims_dlg() see it
 *
 * What:    a whole struct dlg_cell of ims_dialog's headers, with the list of
 *          its struct dlg_cell_out, one for each leg: that which has answered
 *          first comes first.
 * Owns:    the digits of CSeqs; the rest of the texts is the dialog's.
 * Locking: written under the lock of the dialog's shard, read without one. Who
 *          walks the list while it changes sees each leg at most once.
 * Always:  cell and legs stand at the same place as long as the dialog lives,
 *          also a leg that is not in the list any more. What no module may
 *          touch (table, timer, callbacks, profiles, variables, transaction,
 *          lock) is zero, and so is `did`, as in the packaged module, and
 *          `branch`, which nobody keeps.
 */
#ifndef CAPI_IMS_VIEW_H
#define CAPI_IMS_VIEW_H

#include "modules/ims_dialog/dlg_hash.h"

#include "capi_area.h"

/* When TERMINATED is told (capi_ims.c). */
enum capi_ims_end {
	IMS_END_NONE,
	IMS_END_AWAITED,    /* BYEs of ours are on their way */
	IMS_END_BY_BYE,	    /* with the first of them that is done */
	IMS_END_BY_REPLIES, /* with the last one */
};

struct capi_ims_view {
	struct dlg_cell cell; /* first */
	char first_cseq[CAPI_DIGITS];
	int end; /* enum capi_ims_end; atomic */
};

struct capi_ims_leg {
	struct dlg_cell_out out; /* first */
	char caller_cseq[CAPI_DIGITS], callee_cseq[CAPI_DIGITS];
};

#endif
