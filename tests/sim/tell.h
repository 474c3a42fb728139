/*
 * tell.h - the engine and its model, told the same and compared
 *
 * What:    every call of the public interface that the simulator makes goes
 *          through here: engine first, then model, then both are compared.
 *          Where an allocation was refused, what is then left open (texts that
 *          stay as they were, a leg that is missing) is taken over from the
 *          engine after a check that it is one of the two possible values.
 * Always:  a difference ends the world (sim_fail()).
 */
#ifndef SIM_TELL_H
#define SIM_TELL_H

#include "sim.h"

/* Feeds @event and compares. */
int tell_feed(struct sim *sim, const struct parley_event *event,
	      struct parley_actions *actions);
/* The same, and runs the actions for call number @call (-1: none). True if the
 * reply that the event tells of must not be relayed. */
bool tell_host(struct sim *sim, const struct parley_event *event, int call);
int tell_host_rc(struct sim *sim, const struct parley_event *event, int call);

/* The INVITE of a call: false if it is not tracked. */
bool tell_invite(struct sim *sim, uint32_t call, bool hold);
void tell_spiral(struct sim *sim, uint32_t call);
/* Pulls one timer; false if none was due. */
bool tell_expire(struct sim *sim, struct parley_actions *actions);
int tell_match(struct sim *sim, const struct parley_query *query,
	       struct parley_match *match);
/* What a request of ours needs; compared with the model. */
int tell_prepare(struct sim *sim, const struct proxy_target *target,
		 enum parley_request_kind kind, struct parley_request *request);
int tell_create(struct sim *sim, const struct parley_event *event,
		struct parley_actions *actions);
/* After a step of the engine: what it wants to be done and told. */
void tell_check(struct sim *sim, struct model_dialog *dialog,
		const struct model_result *result,
		const struct parley_actions *actions);
void tell_deliver(struct sim *sim, const struct parley_note *note,
		  void *message, bool may_wait);

/* compare.c: one dialog, everything; @changed: an allocation was refused in
 * the last call, so the model may have to give way. */
void compare_dialog(struct sim *sim, struct model_dialog *dialog, bool refused);
void compare_all(struct sim *sim);
/* Cheap: counters. */
void compare_stats(struct sim *sim);
/* The dialog must not be there. */
void compare_gone(struct sim *sim, struct parley_id id);

/* told.c: the subscribers. */
void told_subscribe(struct sim *sim);
void told_subscribe_own(struct sim *sim, struct model_dialog *dialog);
uint32_t note_terminal(void);

#endif
