/*
 * state.h - the state of a call by decree: dlg_set_state(), dlg.set_state
 *
 * What:    what the script function, KEMI and the RPC command have in common.
 * Owns:    nothing.
 * Locking: none.
 * Why:     the rules are the engine's (src/force.c); the words are here.
 */
#ifndef STATE_H
#define STATE_H

#include "adapter.h"

/* @tag names the callee who counts as having answered; empty: the first that
 * rings. 0 or PARLEY_E_. */
int state_set(struct parley_id id, uint8_t state, struct parley_str tag);

/* What a refusal means, in words for an operator. */
const char *state_error_text(int error);

/* dlg_set_state(): unconfirmed, early, answered, confirmed, deleted, of which
 * only the first letter counts. 1 or -1. */
int op_set_state(struct sip_msg *msg, const str *name);

#endif
