/*
 * story.h - what the files with the model's rules share
 *
 * What:    one event on its way through the model.
 * Owns:    nothing.
 */
#ifndef SIM_STORY_H
#define SIM_STORY_H

#include "sim.h"

struct story {
	struct sim *sim;
	const struct parley_event *event;
	struct model_dialog *dialog;
	struct model_result *result;
};

/* model_feed.c */
void story_move(const struct story *story, uint8_t state);
/* The call ends; @counter is who did it, or NULL. */
void story_end(const struct story *story, uint32_t note, uint64_t *counter);
/* BYEs to what is up and has not been asked for. */
int story_end_answered(const struct story *story, uint8_t sides);

/* model_legs.c */
/* A leg from the event; NULL and result->rc if there can be none. */
struct model_leg *story_leg_new(const struct story *story);
void story_leg_update(const struct story *story, struct model_leg *leg);
void story_leg_first(struct model_dialog *dialog, struct model_leg *leg);
/* The bit of the event's branch; 0: it has no number. */
uint32_t story_branch(const struct story *story);
int story_branch_failed(const struct story *story);
/* It rings, or was ended before its final reply. */
bool story_unanswered(const struct model_leg *leg);
/* The INVITE is over: who has not answered will not. */
void story_losers_go(const struct story *story);

/* model_state.c */
/* The first answer, by message or by decree. */
void story_answered(const struct story *story);
int story_set_state(const struct story *story);

#endif
