/*
 * step.h - one event on its way through the engine
 *
 * What:    the state that feed.c, terminate.c and expire.c share while they
 *          apply one event to one dialog: what came in, what goes out, what
 *          is to be given up after unlocking.
 * Locking: step_begin() takes the shard lock, step_end() drops it; in between
 *          nothing calls the host except for memory.
 * Always:  every change of state goes through step_apply().
 */
#ifndef STEP_H
#define STEP_H

#include "dialog.h"

struct step {
	struct parley *engine;
	struct parley_now now;
	const struct parley_event *event; /* NULL: a timer */
	struct parley_actions *actions;
	struct dialog *dialog;
	enum parley_direction dir;
	enum end_cause cause;
	uint32_t notes;
	bool pruned;		       /* legs of a failed branch have gone */
	struct parley_member *members; /* given up after unlocking */
};

/* Empties the actions. */
void step_init(struct step *step, struct parley *engine, struct parley_now now,
	       struct parley_actions *actions);
/* Looks @event in the table: changes the state, collects the notes. 0 or
 * PARLEY_E_STATE (bogus; counted, nothing changed). */
PARLEY_MUST_CHECK int step_apply(struct step *step, enum table_event event);
void step_action(struct step *step, struct parley_action action);
/* Makes the note, unlocks, gives up memberships, destroys what is over. */
void step_end(struct step *step);

/* ------------------------------------------------ terminate.c */

/* Asks for BYEs to the sides of every leg that is up. 0, or PARLEY_E_STATE if
 * there is nothing to end on that side. */
PARLEY_MUST_CHECK int terminate_answered(struct step *step,
					 enum parley_side side);
/* Final reply and CANCELs for an unanswered call. */
void terminate_early(struct step *step, uint16_t code);
/* Keeps the event's reason with the dialog, cut to PARLEY_REASON_MAX. */
void terminate_keep_reason(struct step *step);
/* A 2xx for a call that we are ending. */
PARLEY_MUST_CHECK int terminate_crossing(struct step *step);
/* The ACK or the end of the wait for it: BYEs to the caller may go. */
void terminate_after_ack(struct step *step, struct leg *leg);
/* True if BYEs of ours are outstanding or waiting. */
bool terminate_pending(const struct dialog *dialog);
/* Handlers of PARLEY_EV_TERMINATE and PARLEY_EV_BYE_DONE. */
PARLEY_MUST_CHECK int terminate_command(struct step *step);
PARLEY_MUST_CHECK int terminate_bye_done(struct step *step);

/* ------------------------------------------------ force.c */

/* Handler of PARLEY_EV_SET_STATE. */
PARLEY_MUST_CHECK int force_state(struct step *step);

/* ------------------------------------------------ image.c */

/* The replica ends here without a word to anybody. */
void image_forget(struct step *step);

/* ------------------------------------------------ expire.c */

/* Handlers of PARLEY_EV_EXPIRE and PARLEY_EV_TIMEOUT_ROUTE_DONE. */
PARLEY_MUST_CHECK int expire_command(struct step *step);
PARLEY_MUST_CHECK int expire_route_done(struct step *step);

#endif
