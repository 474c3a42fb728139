/*
 * capi_area.h - the area of a dialog, shared by the C APIs
 *
 * What:    load_dlg() and load_ims_dlg() show a dialog as structs that have the
 *          same names and different layouts, so each has a part of the area of
 *          its own. A part is there if its function was called.
 * Owns:    the places of the parts: fixed before the fork. All texts but the
 *          digits of numbers are the dialog's.
 * Locking: the functions named *_show run under the lock of the dialog's shard
 *          and call nobody; what they write is read without a lock.
 * Always:  a part stands at the same place in the area of each dialog.
 * Why:     the headers of the two modules cannot be included together.
 */
#ifndef CAPI_AREA_H
#define CAPI_AREA_H

#include "compat.h"
#include "parley.h"

enum capi_part { CAPI_DIALOG, CAPI_IMS, CAPI_PARTS };

/* Each dialog has @bytes for @part from now on, and each leg @leg_bytes; only
 * one part may want any. Again for a part that is there: nothing. 0, or -1: too
 * large, or Kamailio has forked and others are there already. */
int capi_area_reserve(enum capi_part part, uint32_t bytes, uint32_t leg_bytes);
/* mod_init, when the engine exists. 0 or -1. */
int capi_area_init(void);

/* The part of an area, and the area of a part; NULL stays NULL. A part that is
 * not there is NULL. */
void *capi_area_part(void *area, enum capi_part part);
void *capi_area_of(void *part_of_area, enum capi_part part);

/* capi_view.c, capi_ims_view.c */
void capi_view_show(void *part, const struct parley_shown *shown);
void capi_ims_view_show(void *part, const struct parley_shown *shown);

enum { CAPI_DIGITS = 12 }; /* a number of 32 bits has 10 */

/* Both are made for readers without a lock. */
void capi_area_text(str *text, struct parley_str value);
void capi_area_number(str *text, char *digits, uint32_t number);

#endif
