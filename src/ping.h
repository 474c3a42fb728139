/*
 * ping.h - keep-alives: is a confirmed call still there?
 *
 * What:    when a call is asked, which of its parties, and what an answer
 *          means. The host sends the OPTIONS and reports how it ended.
 * Owns:    dialog->due_ping_ms, and the counts of failures in each leg.
 * Time:    in the dialog's own timer, so a due keep-alive is found at a cost
 *          that does not depend on the number of dialogs. The first is due
 *          after the interval and a part of the spread that h_id, which is
 *          random, chooses; later ones keep that phase, even when the clock
 *          has jumped over some. So the load of 300,000 calls which were
 *          answered in one second lies on the whole spread, and stays there.
 * Locking: the shard's lock is held in all of these.
 * Always:  due_ping_ms is running exactly when ping_wanted(). A keep-alive
 *          takes no CSeq, holds no dialog, and changes no state.
 * Why:     a list of all dialogs, as the stock module has, is walked under one
 *          lock, and knows only what was asked for before the ACK.
 */
#ifndef PING_H
#define PING_H

#include "step.h"

/* Confirmed, not being ended, not another node's, and somebody wants to know.
 */
bool ping_wanted(const struct parley *engine, const struct dialog *dialog);

/* True if the party of @leg in this direction is to be asked now. */
bool ping_asks(const struct parley *engine, const struct dialog *dialog,
	       const struct leg *leg, enum parley_direction towards);

/* After state, ending, options or owner have changed: starts or stops the clock
 * of keep-alives. Who calls it arms the timer afterwards. */
void ping_update_locked(struct parley *engine, struct dialog *dialog,
			struct parley_now now);

/* The time has come: asks for an OPTIONS to each party of each leg. */
void ping_due(struct step *step);

/* Handler of PARLEY_EV_PING_DONE. */
PARLEY_MUST_CHECK int ping_done(struct step *step);

#endif
