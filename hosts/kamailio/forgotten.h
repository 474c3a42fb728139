/*
 * forgotten.h - branches that outlive their INVITE's transaction
 *
 * What:    answers a reply of a branch, from nothing but that reply: a 1xx
 *          with CANCEL (RFC 3261 9.1), a failure with ACK (17.1.1.3).
 * Owns:    nothing.
 * Locking: none.
 * Always:  the request goes where the reply came from, with the branch of the
 *          reply's topmost Via, which is how the next hop knows its
 *          transaction (17.2.3). It is sent once; a branch that repeats its
 *          reply gets it again.
 * Why:     tm forgets an INVITE some seconds after our final reply. A branch
 *          that sends its first reply only then would ring on, and what it
 *          says would reach a caller who has had its final reply.
 */
#ifndef FORGOTTEN_H
#define FORGOTTEN_H

#include "adapter.h"

/* @reply is to the INVITE of @view or to a CANCEL of it; a 2xx to the INVITE is
 * not for here. It goes nowhere else afterwards. */
void forgotten_answer(struct sip_msg *reply, const struct parley_view *view);

#endif
