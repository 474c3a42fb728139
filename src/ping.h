/*
 * ping.h - keep-alives: is a confirmed call still there?
 *
 * What:    when a call is asked, which of its parties, how, and what an answer
 *          means. The host sends the request and reports how it ended. There
 *          are three kinds: OPTIONS with an old CSeq for the KA_ options (as
 *          in Kamailio's dialog module), OPTIONS and re-INVITEs with numbers of
 *          their own for the PING_ and REINVITE_ options (as in OpenSIPS').
 * Owns:    dialog->due_ping_ms, dialog->pings, and the counts of failures in
 *          each leg.
 * Time:    in the dialog's own timer, so a due keep-alive is found at a cost
 *          that does not depend on the number of dialogs. When the first is
 *          due is chosen by h_id, which is random; later ones keep that phase,
 *          even when the clock has jumped over some. So the load of 300,000
 *          calls which were answered in one second lies on the whole interval
 *          (for KA_ options: on the spread), and stays there.
 * Locking: the shard's lock is held in all of these, but for the public ones.
 * Always:  due_ping_ms is the earliest of the kinds that run; a kind runs
 *          exactly when somebody is to be asked that way. A keep-alive holds no
 *          dialog, and changes no state but by ending the call.
 * Why:     a list of all dialogs, as the stock module has, is walked under one
 *          lock, and knows only what was asked for before the ACK. What only
 *          pinged calls need is in a block of their own, so that others are
 *          no larger.
 */
#ifndef PING_H
#define PING_H

#include "step.h"

/* A dialog that was ever to be pinged has one. By direction: 0 from the caller
 * (or towards the callee), 1 the other way. */
struct pings {
	uint64_t due_ms[PARLEY_PINGS]; /* UINT64_MAX: does not run */
	/* Until when an offer of a party is under way, and one of ours. */
	uint64_t theirs_until_ms[2], ours_until_ms[2];
};

static inline bool ping_interval_fits(uint32_t seconds)
{
	return seconds >= 1 && seconds <= PARLEY_PING_INTERVAL_MAX_S;
}

/* True if the party of @leg in this direction is to be asked now: as KA_
 * options want it, */
bool ping_asks(const struct parley *engine, const struct dialog *dialog,
	       const struct leg *leg, enum parley_direction towards);
/* as PING_ and REINVITE_ options want it; */
bool ping_pings(const struct parley *engine, const struct dialog *dialog,
		const struct leg *leg, enum parley_direction towards);
/* if so, and it may be by re-INVITE. */
bool ping_invites(const struct parley *engine, const struct dialog *dialog,
		  const struct leg *leg, enum parley_direction towards);

/* What a re-INVITE in this direction says. */
struct parley_said ping_offer(const struct dialog *dialog,
			      enum parley_direction towards);
/* It has to be known what the parties say. */
static inline bool ping_says(const struct dialog *dialog)
{
	return (dialog->options &
		(PARLEY_OPT_REINVITE_CALLER | PARLEY_OPT_REINVITE_CALLEE)) != 0;
}

/* After state, ending, options, intervals or owner have changed: starts or
 * stops the clocks of keep-alives. Who calls it arms the timer afterwards. */
void ping_update_locked(struct parley *engine, struct dialog *dialog,
			struct parley_now now);

/* The time has come: asks for a request to each party of each leg. */
void ping_due(struct step *step);

/* An in-dialog request of a party, or a reply to one: it may be an offer. */
void ping_note_offer(struct step *step);
static inline void ping_heard(struct step *step)
{
	if (step->dialog->pings)
		ping_note_offer(step);
}

/* Handler of PARLEY_EV_PING_DONE. */
PARLEY_MUST_CHECK int ping_done(struct step *step);

void ping_fini(struct parley *engine, struct dialog *dialog);

/* NULL or the broken invariant. */
const char *ping_check(const struct parley *engine,
		       const struct dialog *dialog);

#endif
