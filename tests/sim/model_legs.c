/*
 * model_legs.c - the rules of the model for legs: they come with a reply, and
 * the losers of a fork go
 */
#include <string.h>

#include "story.h"

/* Somebody answers a call with too many legs: the first that rings goes. */
static bool ringing_goes(const struct story *story)
{
	struct model_dialog *dialog = story->dialog;
	uint32_t at = 0;

	while (at < dialog->leg_count &&
	       dialog->leg[at].state != PARLEY_LEG_EARLY)
		at++;
	if (at == dialog->leg_count)
		return false;
	dialog->leg_count--;
	story->sim->model.stats.legs--;
	memmove(&dialog->leg[at], &dialog->leg[at + 1],
		(dialog->leg_count - at) * sizeof(dialog->leg[0]));
	return true;
}

struct model_leg *story_leg_new(const struct story *story)
{
	const struct parley_event *event = story->event;
	struct model_dialog *dialog = story->dialog;
	struct model_leg *leg;

	if (event->to_tag.len == 0 && event->type != PARLEY_EV_REPLY_2XX) {
		story->result->rc = PARLEY_E_ARGUMENT;
		return NULL;
	}
	if (dialog->leg_count == PARLEY_LEGS_MAX) {
		story->sim->model.stats.legs_refused++;
		if (event->type != PARLEY_EV_REPLY_2XX ||
		    !ringing_goes(story)) {
			story->result->rc = PARLEY_E_FULL;
			return NULL;
		}
	}
	leg = &dialog->leg[dialog->leg_count++];
	story->sim->model.stats.legs++;
	memset(leg, 0, sizeof(*leg));
	leg->number = dialog->next_leg++;
	leg->state = PARLEY_LEG_EARLY;
	text_copy(leg->tag, sizeof(leg->tag), event->to_tag);
	text_copy(leg->contact, sizeof(leg->contact), event->contact);
	text_copy(leg->route_set, sizeof(leg->route_set), event->route_set);
	leg->socket = event->socket;
	leg->caller_cseq = leg->invite_cseq = dialog->invite_cseq;
	return leg;
}

void story_leg_update(const struct story *story, struct model_leg *leg)
{
	const struct parley_event *event = story->event;

	if (event->contact.len > 0)
		text_copy(leg->contact, sizeof(leg->contact), event->contact);
	if (event->type == PARLEY_EV_REPLY_2XX)
		text_copy(leg->route_set, sizeof(leg->route_set),
			  event->route_set);
	if (event->socket != NULL)
		leg->socket = event->socket;
}

void story_leg_first(struct model_dialog *dialog, struct model_leg *leg)
{
	struct model_leg copy = *leg;

	memmove(&dialog->leg[1], &dialog->leg[0],
		(size_t)(leg - dialog->leg) * sizeof(*leg));
	dialog->leg[0] = copy;
}

/* Those that are not numbered are all the same. */
uint32_t story_branch(const struct story *story)
{
	uint8_t branch = story->event->branch;

	if (branch == 0 || branch > PARLEY_BRANCHES_MAX)
		return 0;
	return 1u << (branch - 1);
}

/* ------------------------------------------------------------- losers */

/* Keeps the legs that @keep says; the others are forgotten. */
static void legs_keep(const struct story *story,
		      bool (*keep)(const struct story *story,
				   struct model_leg *leg))
{
	struct model_dialog *dialog = story->dialog;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < dialog->leg_count; i++)
		if (keep(story, &dialog->leg[i]))
			dialog->leg[kept++] = dialog->leg[i];
	story->sim->model.stats.legs -= dialog->leg_count - kept;
	dialog->leg_count = kept;
}

bool story_unanswered(const struct model_leg *leg)
{
	if (leg->state == PARLEY_LEG_ENDED)
		return leg->branches != 0;
	return leg->state == PARLEY_LEG_EARLY;
}

static bool may_still_answer(const struct story *story, struct model_leg *leg)
{
	struct parley_str tag = story->event->to_tag;

	if (!story_unanswered(leg)) {
		leg->branches &= ~story_branch(story);
		return true;
	}
	if (leg->branches == 0)
		return strlen(leg->tag) != tag.len ||
		       memcmp(leg->tag, tag.s, tag.len) != 0;
	leg->branches &= ~story_branch(story);
	return leg->branches != 0;
}

int story_branch_failed(const struct story *story)
{
	story->result->dir = PARLEY_DIR_UPSTREAM;
	if (story->dialog->state == PARLEY_STATE_DELETED)
		return 0;
	story->dialog->failed_branches |= story_branch(story);
	legs_keep(story, may_still_answer);
	return 0;
}

static bool has_answered(const struct story *story, struct model_leg *leg)
{
	(void)story;
	return !story_unanswered(leg);
}

void story_losers_go(const struct story *story)
{
	legs_keep(story, has_answered);
}
