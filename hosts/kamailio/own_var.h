/*
 * own_var.h - variables of a dialog that are the module's own
 *
 * What:    what only few calls have (routes named by dlg_on_answer() and
 *          dlg_on_hangup(), intervals of pings, the offer that a re-INVITE
 *          repeats) is kept in variables of the dialog whose names begin with
 *          OWN_VAR. So it is stored, replicated and freed like any other, and a
 *          call without it pays nothing.
 * Owns:    nothing.
 * Always:  scripts, RPC, KEMI and other modules neither see nor set them: who
 *          lists or takes names of variables asks own_var_is(). To the packaged
 *          module, if it takes over the rows of a call, or hears of it by DMQ,
 *          they are variables like any other, which nobody reads.
 * Why:     a column and a field for each would cost every call.
 */
#ifndef OWN_VAR_H
#define OWN_VAR_H

#include <stdbool.h>

#include "adapter.h"

#define OWN_VAR "~"

static inline bool own_var_is(struct parley_str name)
{
	return name.len > 0 && name.s[0] == OWN_VAR[0];
}

/* As var_set() and var_get() (ops.h): of the current dialog of @msg, or of the
 * message as long as there is none. @key begins with OWN_VAR. Who has the
 * dialog's id calls parley_var_set() and parley_var_get(). */
int own_var_set(struct sip_msg *msg, const char *key, const str *value);
int own_var_get(struct sip_msg *msg, const char *key, char *buffer, size_t size,
		uint32_t *lenp);

#endif
