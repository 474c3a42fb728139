/*
 * own_var.h - variables of a dialog that are the module's own
 *
 * What:    what only few calls have (routes named by dlg_on_answer() and
 *          dlg_on_hangup(), intervals of pings, the offer that a re-INVITE
 *          repeats) is kept in variables of the dialog whose names begin with
 *          OWN_VAR. So it is stored, replicated and freed like any other, and a
 *          call without it pays nothing.
 * Owns:    nothing.
 * Always:  scripts, RPC and KEMI neither see nor set them: who lists or takes
 *          names of variables asks own_var_is().
 * Why:     a column and a field for each would cost every call.
 */
#ifndef OWN_VAR_H
#define OWN_VAR_H

#include <stdbool.h>

#include "parley.h"

#define OWN_VAR "~"

static inline bool own_var_is(struct parley_str name)
{
	return name.len > 0 && name.s[0] == OWN_VAR[0];
}

#endif
