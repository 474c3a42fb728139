/* model_state.c - the model's rules of a state by decree (story.h) */
#include <string.h>

#include "story.h"

static uint64_t after_s(const struct sim *sim, uint32_t seconds)
{
	return sim->now_ms + (uint64_t)seconds * 1000;
}

void story_answered(const struct story *story)
{
	struct model_dialog *dialog = story->dialog;
	struct sim *sim = story->sim;

	story_move(story, PARLEY_STATE_ANSWERED);
	dialog->start_s = sim->wall_s;
	dialog->answered_ms = sim->now_ms;
	dialog->due_lifetime_ms = after_s(sim, dialog->lifetime_s);
	dialog->due_state_ms = UINT64_MAX;
	if (sim->config.noack_timeout_s > 0)
		dialog->due_state_ms =
			after_s(sim, sim->config.noack_timeout_s);
}

static int refused(const struct story *story)
{
	story->result->bogus = true;
	return PARLEY_E_STATE;
}

static struct model_leg *ringing(struct model_dialog *dialog)
{
	for (uint32_t i = 0; i < dialog->leg_count; i++)
		if (dialog->leg[i].state == PARLEY_LEG_EARLY)
			return &dialog->leg[i];
	return NULL;
}

/* Somebody counts as having answered. */
static int answered(const struct story *story)
{
	struct model_dialog *dialog = story->dialog;
	struct parley_str tag = story->event->to_tag;
	struct model_leg *leg;

	if (tag.len == 0) {
		leg = ringing(dialog);
		if (leg == NULL)
			return PARLEY_E_NO_LEG;
	} else {
		leg = model_leg(dialog, tag);
		if (leg == NULL)
			leg = story_leg_new(story);
		if (leg == NULL)
			return story->result->rc;
	}
	leg->state = PARLEY_LEG_ANSWERED;
	leg->assumed = true;
	story_leg_first(dialog, leg);
	story_answered(story);
	return 0;
}

static int confirmed(const struct story *story)
{
	struct model_dialog *dialog = story->dialog;

	if (dialog->state == PARLEY_STATE_CONFIRMED)
		return 0;
	story_move(story, PARLEY_STATE_CONFIRMED);
	dialog->due_state_ms = UINT64_MAX;
	for (uint32_t i = 0; i < dialog->leg_count; i++)
		if (dialog->leg[i].state == PARLEY_LEG_ANSWERED)
			dialog->leg[i].state = PARLEY_LEG_CONFIRMED;
	return 0;
}

static int unanswered(const struct story *story)
{
	struct model_dialog *dialog = story->dialog;
	struct sim *sim = story->sim;

	if (dialog->state == PARLEY_STATE_ANSWERED)
		return 0;
	story_move(story, PARLEY_STATE_ANSWERED);
	dialog->due_state_ms = UINT64_MAX;
	if (sim->config.noack_timeout_s > 0)
		dialog->due_state_ms =
			after_s(sim, sim->config.noack_timeout_s);
	return 0;
}

static int ended(const struct story *story)
{
	struct model_dialog *dialog = story->dialog;

	for (uint32_t i = 0; i < dialog->leg_count; i++)
		dialog->leg[i].bye_wait = false;
	if (dialog->state == PARLEY_STATE_DELETED)
		return 0;
	dialog->silent = true;
	story_end(story, 0, &story->sim->model.stats.ended_by_us);
	return 0;
}

int story_set_state(const struct story *story)
{
	struct model_dialog *dialog = story->dialog;
	uint8_t wanted = story->event->state;
	bool before = dialog->state < PARLEY_STATE_ANSWERED;
	int rc = 0;

	if (wanted < 1 || wanted > 5)
		return PARLEY_E_ARGUMENT;
	if (wanted == PARLEY_STATE_DELETED)
		return ended(story);
	if (dialog->state == PARLEY_STATE_DELETED)
		return refused(story);
	if (dialog->ending && wanted != dialog->state)
		return PARLEY_E_STATE;
	if (wanted < PARLEY_STATE_ANSWERED) {
		if (!before)
			return refused(story);
		story_move(story, wanted);
		return 0;
	}
	if (before)
		rc = answered(story);
	if (rc != 0)
		return rc;
	return wanted == PARLEY_STATE_CONFIRMED ? confirmed(story)
						: unanswered(story);
}
