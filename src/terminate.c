/*
 * terminate.c - calls that we end ourselves
 *
 * Unanswered (states 1, 2): CANCEL and a final reply; the reply comes back as
 * REPLY_FAIL and ends the dialog. A 2xx that crosses gets ACK and BYE.
 * Answered (3): BYE to the callee at once; to the caller after its ACK or when
 * the 2xx has been retransmitted out (RFC 3261 15: the callee's side must not
 * send BYE before). Confirmed (4): BYE to both. The dialog ends when all BYEs
 * are done; who asked to be told of its end is told when it was decided, as a
 * BYE that nobody answers is no part of the call.
 */
#include "ping.h"

static uint64_t after_ms(const struct step *step, uint32_t ms)
{
	return step->now.ms + ms;
}

bool terminate_pending(const struct dialog *dialog)
{
	if (dialog->byes > 0)
		return true;
	for (const struct leg *leg = dialog->legs; leg; leg = leg->next)
		if (leg->bye_wait)
			return true;
	return false;
}

static void send_bye(struct step *step, struct leg *leg,
		     enum parley_direction towards)
{
	leg->byes++;
	step->dialog->byes++;
	step_action(step, (struct parley_action){.type = PARLEY_ACT_BYE,
						 .leg = leg->number,
						 .dir = towards});
}

/* Returns true if anything was newly asked for. */
static bool end_leg(struct step *step, struct leg *leg, enum parley_side side)
{
	bool asked = false;
	if ((side & PARLEY_SIDE_CALLEE) && !leg->bye_callee) {
		leg->bye_callee = true;
		send_bye(step, leg, PARLEY_DIR_DOWNSTREAM);
		asked = true;
	}
	if ((side & PARLEY_SIDE_CALLER) && !leg->bye_caller) {
		leg->bye_caller = true;
		if (leg->state == PARLEY_LEG_CONFIRMED)
			send_bye(step, leg, PARLEY_DIR_UPSTREAM);
		else
			leg->bye_wait = true;
		asked = true;
	}
	return asked;
}

int terminate_answered(struct step *step, enum parley_side side)
{
	struct dialog *dialog = step->dialog;
	bool asked = false;

	for (struct leg *leg = dialog->legs; leg; leg = leg->next)
		if (leg_up(leg))
			asked |= end_leg(step, leg, side);
	/* Asked for already: for both sides that is what was wanted, for one
	 * side it is a second BYE that will not be sent. */
	if (!asked && !(dialog->ending && side == PARLEY_SIDE_ALL))
		return PARLEY_E_STATE;

	dialog->ending = true;
	dialog->ended_by_us = true;
	dialog->end_sides |= (uint8_t)side;
	ping_update_locked(step->engine, dialog, step->now);
	/* Either the wait for the ACK, or for BYEs whose end nobody reports. */
	if (asked) {
		dialog->due_lifetime_ms = UINT64_MAX;
		dialog->due_state_ms =
			after_ms(step, step->engine->config.ack_wait_ms);
	}
	dialog_arm_locked(step->engine, dialog);
	return 0;
}

void terminate_early(struct step *step, uint16_t code)
{
	struct dialog *dialog = step->dialog;
	dialog->ending = true;
	dialog->ended_by_us = true;
	dialog->end_sides = PARLEY_SIDE_ALL;
	dialog->end_code = code;
	step_action(step, (struct parley_action){.type = PARLEY_ACT_CANCEL,
						 .code = code});
	step_action(step, (struct parley_action){.type = PARLEY_ACT_REPLY,
						 .code = code});
	/* On a copy, whose timers have stood still so far. */
	dialog_arm_locked(step->engine, dialog);
}

int terminate_crossing(struct step *step)
{
	const struct parley_event *event = step->event;
	struct dialog *dialog = step->dialog;
	struct leg *leg = leg_find(dialog, event->to_tag);
	/* One that got a BYE while it rang may answer (RFC 3261 15.1.2). */
	bool first = !leg || leg_unanswered(leg) || leg->assumed;
	int rc = 0;

	if (!leg)
		rc = leg_add(step->engine, dialog, event, &leg);
	else if (first)
		rc = leg_refresh(step->engine, dialog, leg, event);
	if (rc < 0)
		return rc;
	if (first)
		leg_answered(leg, event);
	step_action(step, (struct parley_action){.type = PARLEY_ACT_ACK,
						 .leg = leg->number});
	if (!leg->bye_callee) {
		leg->bye_callee = true;
		send_bye(step, leg, PARLEY_DIR_DOWNSTREAM);
	}
	if (event->can_swallow)
		step_action(step,
			    (struct parley_action){.type = PARLEY_ACT_SWALLOW});
	if (dialog->state == PARLEY_STATE_DELETED)
		return step_apply(step, T_REPLY_2XX);
	return 0;
}

void terminate_after_ack(struct step *step, struct leg *leg)
{
	if (!leg->bye_wait)
		return;
	leg->bye_wait = false;
	send_bye(step, leg, PARLEY_DIR_UPSTREAM);
	step->dialog->due_state_ms =
		after_ms(step, step->engine->config.ack_wait_ms);
	dialog_arm_locked(step->engine, step->dialog);
}

/* Up to PARLEY_REASON_MAX bytes, and whole characters of UTF-8. */
static struct parley_str reason_cut(struct parley_str reason)
{
	if (reason.len <= PARLEY_REASON_MAX)
		return reason;
	reason.len = PARLEY_REASON_MAX;
	while (reason.len > 0 &&
	       ((unsigned char)reason.s[reason.len] & 0xc0) == 0x80)
		reason.len--;
	return reason;
}

void terminate_keep_reason(struct step *step)
{
	/* A reason is only shown; without memory it is not. */
	(void)!text_set(&step->engine->mem, &step->dialog->end_reason,
			reason_cut(step->event->reason));
}

/* What an end that was asked for already keeps is why it began. */
static void keep_first_reason(struct step *step, bool known)
{
	if (known)
		return;
	if (step->event->code > 0)
		step->dialog->end_code = step->event->code;
	terminate_keep_reason(step);
}

int terminate_command(struct step *step)
{
	const struct parley_event *event = step->event;
	struct dialog *dialog = step->dialog;

	if (event->side < PARLEY_SIDE_CALLER || event->side > PARLEY_SIDE_ALL)
		return PARLEY_E_ARGUMENT;
	bool early = dialog->state < PARLEY_STATE_ANSWERED;
	/* Perhaps by another process at this very moment. */
	bool known = dialog->ending && dialog->end_sides == PARLEY_SIDE_ALL;
	if (early && event->side != PARLEY_SIDE_ALL)
		return PARLEY_E_STATE;
	if (early && known)
		return 0;
	if (early && !event->can_reply)
		return PARLEY_E_STATE;
	int rc = step_apply(step, T_TERMINATE);
	if (rc < 0)
		return rc;
	if (early) {
		terminate_early(step, event->code);
	} else {
		rc = terminate_answered(step, event->side);
		if (rc == 0 && dialog->end_sides == PARLEY_SIDE_ALL)
			step->notes |= PARLEY_NOTE_TERMINATED;
	}
	if (rc == 0)
		keep_first_reason(step, known);
	return rc;
}

int terminate_bye_done(struct step *step)
{
	struct dialog *dialog = step->dialog;
	struct leg *leg = leg_find_number(dialog, step->event->leg);

	if (!leg || leg->byes == 0 || dialog->byes == 0)
		return PARLEY_E_NO_LEG;
	leg->byes--;
	dialog->byes--;
	step->dir = step->event->dir;
	step->cause = END_BY_US;
	return step_apply(step,
			  terminate_pending(dialog) ? T_BYE_DONE : T_BYES_DONE);
}
