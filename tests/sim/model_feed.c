/*
 * model_feed.c - the rules of the model: what each event does
 *
 * Written as one story per event, without a transition table; the engine's
 * table is what is under test.
 */
#include <string.h>

#include "story.h"

/* How long the engine waits for the end of a timeout route. */
enum { ROUTE_MS = 10000 };
/* After which it looks again at an ended dialog whose note is under way. */
enum { END_AGAIN_MS = 1000 };

static uint64_t after_s(const struct story *story, uint32_t seconds)
{
	return story->sim->now_ms + (uint64_t)seconds * 1000;
}

static void act(const struct story *story, enum parley_action_type type,
		const struct model_leg *leg, enum parley_direction dir)
{
	struct parley_action *action =
		&story->result->list[story->result->count++];

	memset(action, 0, sizeof(*action));
	action->type = type;
	action->leg = leg != NULL ? leg->number : 0;
	action->dir = dir;
}

static int bogus(const struct story *story)
{
	story->result->bogus = true;
	return PARLEY_E_STATE;
}

static bool early(const struct model_dialog *dialog)
{
	return dialog->state < PARLEY_STATE_ANSWERED;
}

static bool deleted(const struct model_dialog *dialog)
{
	return dialog->state == PARLEY_STATE_DELETED;
}

void story_move(const struct story *story, uint8_t state)
{
	struct parley_stats *stats = &story->sim->model.stats;

	if (state != story->dialog->state)
		story->result->notes |= PARLEY_NOTE_STATE;
	stats->now_in[story->dialog->state]--;
	stats->now_in[state]++;
	story->dialog->state = state;
}

/* What is to be read of it, if nobody asked for the end. */
static uint8_t end_cause(const struct story *story, const uint64_t *counter)
{
	const struct parley_stats *stats = &story->sim->model.stats;

	if (counter == &stats->ended_by_caller)
		return PARLEY_ENDED_BY_CALLER;
	if (counter == &stats->ended_by_callee)
		return PARLEY_ENDED_BY_CALLEE;
	if (counter == &stats->ended_by_us)
		return PARLEY_ENDED_BY_HOST;
	return story->dialog->given_up ? PARLEY_ENDED_CANCELLED
				       : PARLEY_ENDED_FAILED;
}

/* The call ends; @counter is who did it, or NULL. */
void story_end(const struct story *story, uint32_t note, uint64_t *counter)
{
	struct model_dialog *dialog = story->dialog;
	struct sim *sim = story->sim;
	uint64_t until, delay = after_s(story, dialog->delay_s);

	/* Another branch may still answer a call that we have ended. */
	if (early(dialog)) {
		sim->model.stats.failed++;
		dialog->answered_ms = sim->now_ms;
	}
	until = dialog->answered_ms + sim->config.ack_wait_ms;
	dialog->linger = dialog->ended_by_us && until > sim->now_ms;
	if (counter != NULL)
		++*counter;
	story_move(story, PARLEY_STATE_DELETED);
	dialog->end_s = sim->wall_s;
	dialog->due_lifetime_ms = UINT64_MAX;
	dialog->due_state_ms =
		dialog->linger ? until
			       : after_s(story, sim->config.end_timeout_s);
	if (dialog->delay_s > 0 &&
	    (!dialog->linger || delay > dialog->due_state_ms)) {
		dialog->linger = true;
		dialog->due_state_ms = delay;
	}
	dialog->end_cause = end_cause(story, counter);
	memset(dialog->member, 0, sizeof(dialog->member));
	story->result->notes |= note;
}

/* ------------------------------------------------------------- ending */

static void bye(const struct story *story, struct model_leg *leg,
		enum parley_direction towards)
{
	leg->byes++;
	story->dialog->byes++;
	act(story, PARLEY_ACT_BYE, leg, towards);
}

int story_end_answered(const struct story *story, uint8_t sides)
{
	struct model_dialog *dialog = story->dialog;
	bool asked = false;

	for (uint32_t i = 0; i < dialog->leg_count; i++) {
		struct model_leg *leg = &dialog->leg[i];

		if (!model_up(leg))
			continue;
		if ((sides & PARLEY_SIDE_CALLEE) && !leg->bye_callee) {
			leg->bye_callee = asked = true;
			bye(story, leg, PARLEY_DIR_DOWNSTREAM);
		}
		if ((sides & PARLEY_SIDE_CALLER) && !leg->bye_caller) {
			leg->bye_caller = asked = true;
			if (leg->state == PARLEY_LEG_CONFIRMED)
				bye(story, leg, PARLEY_DIR_UPSTREAM);
			else
				leg->bye_wait = true;
		}
	}
	if (!asked && !(dialog->ending && sides == PARLEY_SIDE_ALL))
		return PARLEY_E_STATE;
	dialog->ending = dialog->ended_by_us = true;
	dialog->end_sides |= sides;
	if (asked) {
		dialog->due_lifetime_ms = UINT64_MAX;
		dialog->due_state_ms =
			story->sim->now_ms + story->sim->config.ack_wait_ms;
	}
	return 0;
}

static void end_early(const struct story *story, uint16_t code)
{
	story->dialog->ending = story->dialog->ended_by_us = true;
	story->dialog->end_sides = PARLEY_SIDE_ALL;
	story->dialog->end_code = code;
	act(story, PARLEY_ACT_CANCEL, NULL, PARLEY_DIR_NONE);
	act(story, PARLEY_ACT_REPLY, NULL, PARLEY_DIR_NONE);
}

static void bye_to_caller_may_go(const struct story *story,
				 struct model_leg *leg)
{
	if (!leg->bye_wait)
		return;
	leg->bye_wait = false;
	bye(story, leg, PARLEY_DIR_UPSTREAM);
	story->dialog->due_state_ms =
		story->sim->now_ms + story->sim->config.ack_wait_ms;
}

/* ------------------------------------------------------------- replies */

static int story_1xx(const struct story *story)
{
	struct model_dialog *dialog = story->dialog;
	struct model_leg *leg;

	story->result->dir = PARLEY_DIR_UPSTREAM;
	if (!early(dialog))
		return 0;
	if (story->event->to_tag.len > 0 &&
	    (dialog->failed_branches & story_branch(story)) == 0) {
		leg = model_leg(dialog, story->event->to_tag);
		if (leg != NULL)
			story_leg_update(story, leg);
		else
			leg = story_leg_new(story);
		if (leg != NULL)
			leg->branches |=
				story_unanswered(leg) ? story_branch(story) : 0;
	}
	if (dialog->state == PARLEY_STATE_UNCONFIRMED)
		story_move(story, PARLEY_STATE_EARLY);
	story->result->notes |= PARLEY_NOTE_EARLY;
	return 0;
}

static void leg_answered(const struct story *story, struct model_leg *leg)
{
	if (!leg->assumed)
		leg->state = PARLEY_LEG_ANSWERED;
	leg->assumed = false;
	leg->branches = 0;
	leg->invite_cseq = story->event->cseq;
	leg->invite_shift[0] = 0;
	if (leg->caller_cseq < story->event->cseq)
		leg->caller_cseq = story->event->cseq;
}

/* A 2xx of a call that we have ended: ACK each time, BYE once. */
static int story_crossing(const struct story *story)
{
	struct model_leg *leg = model_leg(story->dialog, story->event->to_tag);
	bool first = leg == NULL || leg->assumed || story_unanswered(leg);

	if (leg == NULL)
		leg = story_leg_new(story);
	else if (first)
		story_leg_update(story, leg);
	if (leg == NULL)
		return story->result->rc;
	if (first)
		leg_answered(story, leg);
	act(story, PARLEY_ACT_ACK, leg, PARLEY_DIR_NONE);
	if (!leg->bye_callee) {
		leg->bye_callee = true;
		bye(story, leg, PARLEY_DIR_DOWNSTREAM);
	}
	if (story->event->can_swallow)
		act(story, PARLEY_ACT_SWALLOW, NULL, PARLEY_DIR_NONE);
	return 0;
}

static int story_2xx(const struct story *story)
{
	struct model_dialog *dialog = story->dialog;
	struct model_leg *leg;
	bool first = early(dialog);

	story->result->dir = PARLEY_DIR_UPSTREAM;
	if (dialog->ended_by_us &&
	    (deleted(dialog) || (first && story->event->can_swallow)))
		return story_crossing(story);
	if (deleted(dialog))
		return 0;
	leg = model_leg(dialog, story->event->to_tag);
	if (leg == NULL) {
		leg = story_leg_new(story);
		if (leg == NULL)
			return story->result->rc;
	} else if (leg->state == PARLEY_LEG_EARLY || leg->assumed || first) {
		/* Only the first 2xx of a leg says anything new; a repeated
		 * one may be older than a target refresh. */
		story_leg_update(story, leg);
	}
	if (first && leg->state == PARLEY_LEG_ENDED)
		dialog->given_up = true;
	if (leg->state == PARLEY_LEG_EARLY || leg->assumed || first)
		leg_answered(story, leg);
	leg->branches = 0; /* one that was ended meanwhile is remembered */
	if (first) {
		story_leg_first(dialog, leg);
		story_answered(story);
		story->result->notes |= PARLEY_NOTE_ANSWERED;
		model_race(story->sim, dialog);
	}
	if (dialog->ending)
		(void)story_end_answered(story, dialog->end_sides);
	return 0;
}

static int story_fail(const struct story *story)
{
	struct model_dialog *dialog = story->dialog;
	struct sim *sim = story->sim;

	story->result->dir = PARLEY_DIR_UPSTREAM;
	if (story->event->code < 300)
		return PARLEY_E_ARGUMENT;
	if (!early(dialog))
		return 0;
	dialog->end_code = story->event->code;
	if (!dialog->ended_by_us)
		text_copy(dialog->end_reason, sizeof(dialog->end_reason),
			  story->event->reason);
	story_end(story, PARLEY_NOTE_FAILED,
		  dialog->ended_by_us ? &sim->model.stats.ended_by_us : NULL);
	if (!sim->config.wait_ack) {
		dialog->holds = 0;
		dialog->invite_held = false;
	}
	return 0;
}

/* ------------------------------------------------------------- requests */

static int leg_of(const struct story *story, struct model_leg **legp)
{
	enum parley_direction dir = story->event->dir;

	if (dir != PARLEY_DIR_DOWNSTREAM && dir != PARLEY_DIR_UPSTREAM)
		return PARLEY_E_ARGUMENT;
	story->result->dir = dir;
	*legp = model_leg(story->dialog, story->event->to_tag);
	return *legp != NULL ? 0 : PARLEY_E_NO_LEG;
}

static void renew(const struct story *story)
{
	struct model_dialog *dialog = story->dialog;
	uint32_t lifetime_s = story->event->lifetime_s;
	bool noreset = story->sim->config.timeout_noreset ||
		       (dialog->options & PARLEY_OPT_TIMEOUT_NORESET) != 0;

	if (lifetime_s > 0)
		dialog->lifetime_s = lifetime_s;
	if (early(dialog) || deleted(dialog) || dialog->ending ||
	    (noreset && lifetime_s == 0))
		return;
	model_renew(story->sim, dialog);
}

/* Both have the same tag: a request may be of either. */
static bool same_tag(const struct story *story, const struct model_leg *leg)
{
	return strcmp(story->dialog->from_tag, leg->tag) == 0;
}

/* As the receiver sees the number. */
static void counted_by(const struct story *story, struct model_leg *leg,
		       enum parley_direction dir)
{
	bool down = dir == PARLEY_DIR_DOWNSTREAM;
	uint32_t *last = down ? &leg->caller_cseq : &leg->callee_cseq;
	uint32_t seen = story->event->cseq + leg->shift[!down];

	if (*last < seen)
		*last = seen;
	if (story->event->type == PARLEY_EV_REINVITE)
		leg->invite_shift[!down] = leg->shift[!down];
}

static void counted(const struct story *story, struct model_leg *leg)
{
	enum parley_direction dir = story->event->dir;

	counted_by(story, leg, dir);
	if (same_tag(story, leg))
		counted_by(story, leg,
			   dir == PARLEY_DIR_DOWNSTREAM
				   ? PARLEY_DIR_UPSTREAM
				   : PARLEY_DIR_DOWNSTREAM);
}

static void target(const struct story *story, struct model_leg *leg,
		   bool of_caller)
{
	const struct parley_event *event = story->event;
	struct model_dialog *dialog = story->dialog;

	if (same_tag(story, leg))
		return;
	if (event->socket != NULL)
		*(of_caller ? &dialog->socket : &leg->socket) = event->socket;
	if (event->contact.len > 0)
		text_copy(of_caller ? dialog->contact : leg->contact,
			  MODEL_TEXT, event->contact);
}

static int story_ack(const struct story *story)
{
	struct model_dialog *dialog = story->dialog;
	struct model_leg *leg;
	int rc = leg_of(story, &leg);

	if (rc < 0)
		return rc;
	if (early(dialog) ||
	    (dialog->state == PARLEY_STATE_ANSWERED && !model_up(leg)))
		return bogus(story);
	bool first = leg->state == PARLEY_LEG_ANSWERED;

	if (dialog->state == PARLEY_STATE_ANSWERED) {
		story_move(story, PARLEY_STATE_CONFIRMED);
		if (!dialog->ending)
			dialog->due_state_ms = UINT64_MAX;
		story->result->notes |= PARLEY_NOTE_CONFIRMED;
	} else if (!deleted(dialog) && !first) {
		story->result->notes = PARLEY_NOTE_REQUEST_WITHIN;
	}
	if (first) {
		leg->state = PARLEY_LEG_CONFIRMED;
		bye_to_caller_may_go(story, leg);
	}
	renew(story);
	model_ping_heard(story->sim, story->event, dialog);
	return 0;
}

static bool others_up(const struct model_dialog *dialog,
		      const struct model_leg *leg)
{
	for (uint32_t i = 0; i < dialog->leg_count; i++)
		if (&dialog->leg[i] != leg && model_up(&dialog->leg[i]))
			return true;
	return false;
}

static int story_bye(const struct story *story)
{
	struct model_dialog *dialog = story->dialog;
	struct parley_stats *stats = &story->sim->model.stats;
	struct model_leg *leg;
	int rc = leg_of(story, &leg);

	if (rc < 0)
		return rc;
	if (dialog->state == PARLEY_STATE_UNCONFIRMED &&
	    leg->state != PARLEY_LEG_ENDED)
		return bogus(story);
	if (story->event->hold)
		dialog->holds++;
	if (leg->state == PARLEY_LEG_ENDED && !deleted(dialog))
		return 0;
	if (model_up(leg) && !others_up(dialog, leg) && !deleted(dialog) &&
	    !early(dialog))
		story_end(story, PARLEY_NOTE_TERMINATED,
			  story->event->dir == PARLEY_DIR_DOWNSTREAM
				  ? &stats->ended_by_caller
				  : &stats->ended_by_callee);
	else if (!deleted(dialog))
		story->result->notes = PARLEY_NOTE_REQUEST_WITHIN;
	counted(story, leg);
	leg->state = PARLEY_LEG_ENDED;
	leg->bye_wait = false;
	return 0;
}

static int story_request(const struct story *story)
{
	struct model_dialog *dialog = story->dialog;
	struct model_leg *leg;
	int rc = leg_of(story, &leg);

	if (rc < 0)
		return rc;
	if (dialog->state == PARLEY_STATE_UNCONFIRMED)
		return bogus(story);
	if (!deleted(dialog))
		story->result->notes = PARLEY_NOTE_REQUEST_WITHIN;
	if (story->event->hold)
		dialog->holds++;
	counted(story, leg);
	renew(story);
	model_ping_heard(story->sim, story->event, dialog);
	target(story, leg, story->event->dir == PARLEY_DIR_DOWNSTREAM);
	return 0;
}

static int story_reply_within(const struct story *story)
{
	const struct parley_event *event = story->event;
	struct model_leg *leg;
	int rc = leg_of(story, &leg);
	bool is_bye = event->method == PARLEY_EV_BYE;

	if (rc < 0)
		return rc;
	if (deleted(story->dialog) && !is_bye)
		return 0;
	model_ping_heard(story->sim, event, story->dialog);
	story->result->notes = PARLEY_NOTE_REPLY_WITHIN;
	if (is_bye && event->code >= 200)
		story->result->notes |= PARLEY_NOTE_BYE_REPLIED;
	if ((event->method == PARLEY_EV_REINVITE ||
	     event->method == PARLEY_EV_UPDATE) &&
	    event->code >= 200 && event->code < 300)
		target(story, leg, event->dir == PARLEY_DIR_UPSTREAM);
	return 0;
}

/* ------------------------------------------------------------- the rest */

static int story_cancel(const struct story *story)
{
	bool known = story->dialog->given_up;

	story->result->dir = PARLEY_DIR_DOWNSTREAM;
	if (deleted(story->dialog))
		return 0;
	story->dialog->given_up = true;
	if (!known)
		model_race(story->sim, story->dialog);
	return 0;
}

static int story_spiral(const struct story *story)
{
	story->result->dir = PARLEY_DIR_DOWNSTREAM;
	if (deleted(story->dialog))
		return bogus(story);
	story->result->notes = PARLEY_NOTE_SPIRALED;
	return 0;
}

static int story_abandon(const struct story *story)
{
	struct model_dialog *dialog = story->dialog;

	if (!early(dialog) && !deleted(dialog))
		return bogus(story);
	if (early(dialog))
		story_end(story, PARLEY_NOTE_FAILED, NULL);
	dialog->holds = 0;
	dialog->invite_held = false;
	return 0;
}

static int story_release(const struct story *story)
{
	struct model_dialog *dialog = story->dialog;

	if (story->event->invite && !dialog->invite_held)
		return PARLEY_E_STATE;
	if (!story->event->invite &&
	    dialog->holds == (dialog->invite_held ? 1u : 0u))
		return PARLEY_E_STATE;
	dialog->holds--;
	if (!story->event->invite)
		return 0;
	dialog->invite_held = false;
	if (early(dialog))
		story_end(story, PARLEY_NOTE_FAILED, NULL);
	if (deleted(dialog))
		return 0;
	/* The losers of the fork are forgotten. */
	story_losers_go(story);
	return 0;
}

static int story_terminate(const struct story *story)
{
	const struct parley_event *event = story->event;
	struct model_dialog *dialog = story->dialog;
	bool known;
	int rc = 0;

	if (event->side < PARLEY_SIDE_CALLER || event->side > PARLEY_SIDE_ALL)
		return PARLEY_E_ARGUMENT;
	if (deleted(dialog))
		return bogus(story);
	known = dialog->ending && dialog->end_sides == PARLEY_SIDE_ALL;
	if (early(dialog)) {
		if (event->side != PARLEY_SIDE_ALL)
			return PARLEY_E_STATE;
		if (known)
			return 0;
		if (!event->can_reply)
			return PARLEY_E_STATE;
		end_early(story, event->code);
	} else {
		rc = story_end_answered(story, (uint8_t)event->side);
		if (rc == 0 && dialog->end_sides == PARLEY_SIDE_ALL)
			story->result->notes = PARLEY_NOTE_TERMINATED;
	}
	if (rc != 0 || known)
		return rc;
	if (event->code > 0)
		dialog->end_code = event->code;
	text_copy(dialog->end_reason, sizeof(dialog->end_reason),
		  event->reason);
	return 0;
}

static bool byes_pending(const struct model_dialog *dialog)
{
	for (uint32_t i = 0; i < dialog->leg_count; i++)
		if (dialog->leg[i].byes > 0 || dialog->leg[i].bye_wait)
			return true;
	return false;
}

static int story_bye_done(const struct story *story)
{
	struct model_dialog *dialog = story->dialog;
	struct model_leg *leg = model_leg_number(dialog, story->event->leg);

	if (leg == NULL || leg->byes == 0)
		return PARLEY_E_NO_LEG;
	story->result->dir = story->event->dir;
	leg->byes--;
	dialog->byes--;
	/* In state 1 or 2 it was that of a 2xx which crossed our CANCEL. */
	if (!byes_pending(dialog) && !deleted(dialog) && !early(dialog))
		story_end(story,
			  PARLEY_NOTE_TERMINATED | PARLEY_NOTE_BYE_REPLIED,
			  &story->sim->model.stats.ended_by_us);
	return 0;
}

static int lifetime_over(const struct story *story)
{
	struct model_dialog *dialog = story->dialog;
	struct sim *sim = story->sim;

	if (early(dialog) || deleted(dialog))
		return bogus(story);
	dialog->in_route = false;
	dialog->expired = true;
	dialog->due_lifetime_ms = UINT64_MAX;
	if (!sim->config.bye_on_timeout && !model_raced(dialog) &&
	    !(dialog->options & PARLEY_OPT_BYE_ON_TIMEOUT) &&
	    !(sim->config.bye_on_timeout_up &&
	      dialog->state == PARLEY_STATE_CONFIRMED)) {
		story_end(story, PARLEY_NOTE_EXPIRED,
			  &sim->model.stats.expired);
		return 0;
	}
	sim->model.stats.expired++;
	story->result->notes = PARLEY_NOTE_TERMINATED;
	return story_end_answered(story, PARLEY_SIDE_ALL);
}

static int story_expire(const struct story *story)
{
	struct model_dialog *dialog = story->dialog;
	struct model_result *result = story->result;

	if (dialog->timeout_route == 0 || dialog->in_route || early(dialog) ||
	    deleted(dialog) || model_raced(dialog))
		return lifetime_over(story);
	dialog->in_route = true;
	dialog->due_lifetime_ms = story->sim->now_ms + ROUTE_MS;
	act(story, PARLEY_ACT_TIMEOUT_ROUTE, NULL, PARLEY_DIR_NONE);
	result->list[result->count - 1].route = dialog->timeout_route;
	return 0;
}

static int story_route_done(const struct story *story)
{
	struct model_dialog *dialog = story->dialog;

	if (!dialog->in_route || early(dialog) || deleted(dialog))
		return 0;
	return lifetime_over(story);
}

static int story_of(const struct story *story)
{
	switch (story->event->type) {
	case PARLEY_EV_SPIRAL:
		return story_spiral(story);
	case PARLEY_EV_ABANDON:
		return story_abandon(story);
	case PARLEY_EV_REPLY_1XX:
		return story_1xx(story);
	case PARLEY_EV_REPLY_2XX:
		return story_2xx(story);
	case PARLEY_EV_REPLY_FAIL:
		return story_fail(story);
	case PARLEY_EV_ACK:
		return story_ack(story);
	case PARLEY_EV_BYE:
		return story_bye(story);
	case PARLEY_EV_PRACK:
	case PARLEY_EV_REINVITE:
	case PARLEY_EV_UPDATE:
	case PARLEY_EV_REQUEST:
		return story_request(story);
	case PARLEY_EV_CANCEL:
		return story_cancel(story);
	case PARLEY_EV_REPLY_WITHIN:
		return story_reply_within(story);
	case PARLEY_EV_RELEASE:
		return story_release(story);
	case PARLEY_EV_TERMINATE:
		return story_terminate(story);
	case PARLEY_EV_BYE_DONE:
		return story_bye_done(story);
	case PARLEY_EV_EXPIRE:
		return story_expire(story);
	case PARLEY_EV_TIMEOUT_ROUTE_DONE:
		return story_route_done(story);
	case PARLEY_EV_PING_DONE:
		return model_ping_done(story->sim, story->event, story->dialog,
				       story->result);
	case PARLEY_EV_BRANCH_FAILED:
		return story_branch_failed(story);
	case PARLEY_EV_SET_STATE:
		return story_set_state(story);
	case PARLEY_EV_INVITE:
	case PARLEY_EVENTS:
		break;
	}
	return PARLEY_E_ARGUMENT;
}

void model_feed(struct sim *sim, const struct parley_event *event,
		struct model_result *result)
{
	struct story story = {sim, event, model_find(&sim->model, event->id),
			      result};

	memset(result, 0, sizeof(*result));
	if (event->type < PARLEY_EV_INVITE || event->type >= PARLEY_EVENTS) {
		result->rc = PARLEY_E_ARGUMENT;
		return;
	}
	if (story.dialog == NULL) {
		result->rc = PARLEY_E_NO_DIALOG;
		return;
	}
	result->rc = story_of(&story);
	model_ping_clock(sim, story.dialog);
	if (result->bogus)
		sim->model.stats.bogus_event++;
}

/* ------------------------------------------------------------- timers */

static void expire_state(const struct story *story)
{
	struct model_dialog *dialog = story->dialog;
	struct sim *sim = story->sim;
	const struct parley_config *config = &sim->config;
	bool waits = false;

	dialog->due_state_ms = UINT64_MAX;
	if (deleted(dialog)) {
		if (dialog->delay_s > 0) {
			dialog->delay_s = 0;
			dialog->linger = false;
			dialog->due_state_ms =
				after_s(story, config->end_timeout_s);
			return;
		}
		dialog->holds = dialog->byes = 0;
		dialog->linger = dialog->invite_held = false;
		if (dialog->undelivered > 0)
			dialog->due_state_ms = sim->now_ms + END_AGAIN_MS;
		for (uint32_t i = 0; i < dialog->leg_count; i++)
			dialog->leg[i].byes = 0;
		return;
	}
	if (early(dialog)) {
		if (config->end_at_early_timeout && !dialog->ending) {
			dialog->due_state_ms =
				sim->now_ms + config->ack_wait_ms;
			end_early(story, config->end_early_code);
		} else {
			story_end(story, PARLEY_NOTE_FAILED,
				  &sim->model.stats.forgotten_early);
		}
		return;
	}
	if (!dialog->ending) {
		dialog->lifetime_s = config->noack_lifetime_s;
		model_renew(sim, dialog);
		return;
	}
	for (uint32_t i = 0; i < dialog->leg_count; i++)
		waits |= dialog->leg[i].bye_wait;
	for (uint32_t i = 0; i < dialog->leg_count; i++) {
		if (waits)
			bye_to_caller_may_go(story, &dialog->leg[i]);
		else
			dialog->leg[i].byes = 0;
	}
	if (!waits) {
		dialog->byes = 0;
		story_end(story,
			  PARLEY_NOTE_TERMINATED | PARLEY_NOTE_BYE_REPLIED,
			  &sim->model.stats.ended_by_us);
	}
}

void model_expire(struct sim *sim, struct model_dialog *dialog,
		  struct model_result *result)
{
	struct story story = {sim, NULL, dialog, result};

	memset(result, 0, sizeof(*result));
	if (dialog->due_state_ms <= sim->now_ms) {
		expire_state(&story);
	} else if (dialog->due_lifetime_ms <= sim->now_ms &&
		   sim->config.local_only && dialog->socket == NULL) {
		dialog->due_lifetime_ms = UINT64_MAX;
		model_renew(sim, dialog);
	} else if (dialog->due_lifetime_ms <= sim->now_ms) {
		dialog->due_lifetime_ms = UINT64_MAX;
		(void)story_expire(&story);
	} else if (model_ping_next(dialog) <= sim->now_ms) {
		model_ping_due(sim, dialog, result);
	} else {
		sim_fail(sim, "a timer of %u.%u fired before it was due",
			 dialog->id.entry, dialog->id.id);
	}
	model_ping_clock(sim, dialog);
}
