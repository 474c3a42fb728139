/*
 * capi_names.h - what load_dlg() and load_ims_dlg() call by the same names
 *
 * What:    their headers have types of callbacks, cells and parameters of their
 *          own, alike in name and different inside. This is the code that is
 *          the same for both, compiled for each.
 * Owns:    nothing.
 * Always:  included by capi.c and capi_ims.c only, after the header that each
 *          serves.
 */
#ifndef CAPI_NAMES_H
#define CAPI_NAMES_H

#include "capi_common.h"

/* What engine and header call by different names is the same number. */
_Static_assert((int)DLGCB_LOADED == (int)PARLEY_NOTE_LOADED &&
		       (int)DLGCB_CREATED == (int)PARLEY_NOTE_CREATED &&
		       (int)DLGCB_FAILED == (int)PARLEY_NOTE_FAILED &&
		       (int)DLGCB_CONFIRMED_NA == (int)PARLEY_NOTE_ANSWERED &&
		       (int)DLGCB_CONFIRMED == (int)PARLEY_NOTE_CONFIRMED &&
		       (int)DLGCB_REQ_WITHIN ==
			       (int)PARLEY_NOTE_REQUEST_WITHIN &&
		       (int)DLGCB_TERMINATED == (int)PARLEY_NOTE_TERMINATED &&
		       (int)DLGCB_EXPIRED == (int)PARLEY_NOTE_EXPIRED &&
		       (int)DLGCB_EARLY == (int)PARLEY_NOTE_EARLY,
	       "the types of callbacks");
_Static_assert((int)DLGCB_RESPONSE_FWDED == (int)PARLEY_NOTE_REPLY_FORWARDED &&
		       (int)DLGCB_RESPONSE_WITHIN ==
			       (int)PARLEY_NOTE_REPLY_WITHIN &&
		       (int)DLGCB_RPC_CONTEXT == (int)PARLEY_NOTE_RPC_CONTEXT &&
		       (int)DLGCB_DESTROY == (int)PARLEY_NOTE_DESTROY &&
		       (int)DLGCB_SPIRALED == (int)PARLEY_NOTE_SPIRALED,
	       "the types of callbacks");
_Static_assert(DLG_DIR_DOWNSTREAM == (int)PARLEY_DIR_DOWNSTREAM &&
		       DLG_DIR_UPSTREAM == (int)PARLEY_DIR_UPSTREAM,
	       "the directions");

/* What can be told of one dialog. DLGCB_MI_CONTEXT is not among them: there are
 * no MI commands. */
#define CAPI_OF_ONE                                                            \
	(DLGCB_FAILED | DLGCB_CONFIRMED_NA | DLGCB_CONFIRMED |                 \
	 DLGCB_REQ_WITHIN | DLGCB_TERMINATED | DLGCB_EXPIRED | DLGCB_EARLY |   \
	 DLGCB_RESPONSE_FWDED | DLGCB_RESPONSE_WITHIN | DLGCB_RPC_CONTEXT |    \
	 DLGCB_DESTROY | DLGCB_SPIRALED | DLGCB_TERMINATED_CONFIRMED)

static inline struct parley_id id_of(const struct dlg_cell *dlg)
{
	return (struct parley_id){dlg->h_entry, dlg->h_id};
}

/* @slot: where the parameter of the registration is kept. */
static inline struct dlg_cb_params params_of(const struct capi_told *as,
					     void **slot)
{
	return (struct dlg_cb_params){
		.req = as->req,
		.rpl = as->rpl,
		.direction = (unsigned int)as->dir,
		.dlg_data = as->data,
		.param = slot,
	};
}

#endif
