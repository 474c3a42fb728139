/*
 * dialog_json.h - a dialog as OpenSIPS describes it, in JSON
 *
 * What:    the fields of its dlg_list that there are here: no SDP bodies.
 * Owns:    nothing; the text is in a buffer of the caller that grows.
 * Locking: none; it is made of a copy.
 * Always:  valid JSON of any length, whatever bytes the texts have.
 * Why:     $DLG_json, $DLG_ctx_json and the functions that look for dialogs
 *          give the same.
 */
#ifndef DIALOG_JSON_H
#define DIALOG_JSON_H

#include "reader.h"

/* The text in @buffer, with @context variables and profiles, too. s NULL: no
 * memory. */
str dialog_json(struct reader *buffer, const struct parley_view *view,
		bool context);

#endif
