/*
 * force.c - a state by decree of a script or an administrator
 *
 * For calls whose messages this proxy has not seen, or must not go by. Nothing
 * is sent, and subscribers are told nothing, not even of the end; the counters
 * are those of the state all the same. What the rest of the engine relies on
 * holds: an answered call has a leg that is up, and none of this brings a call
 * back that is over or is being ended.
 */
#include "step.h"

/* The callee of a call that is to count as answered: the one that the event
 * names, else the first that rings. */
static struct leg *force_leg(struct step *step, int *rcp)
{
	struct dialog *dialog = step->dialog;
	struct leg *leg = dialog->legs;

	*rcp = 0;
	if (!str_empty(step->event->to_tag)) {
		leg = leg_find(dialog, step->event->to_tag);
		if (!leg)
			*rcp = leg_add(step->engine, dialog, step->event, &leg);
		return *rcp == 0 ? leg : NULL;
	}
	while (leg && leg->state != PARLEY_LEG_EARLY)
		leg = leg->next;
	if (!leg)
		*rcp = PARLEY_E_NO_LEG;
	return leg;
}

/* The 2xx may still come, and then says where the callee is. */
static int force_answered(struct step *step)
{
	int rc;
	struct leg *leg = force_leg(step, &rc);

	if (!leg)
		return rc;
	leg->state = PARLEY_LEG_ANSWERED;
	leg->assumed = true;
	leg->rseq = 0;
	leg_to_front(step->dialog, leg);
	return step_apply(step, T_SET_ANSWERED);
}

static int force_confirmed(struct step *step)
{
	bool already = step->dialog->state == PARLEY_STATE_CONFIRMED;
	int rc = step_apply(step, T_SET_CONFIRMED);

	if (rc < 0 || already)
		return rc;
	for (struct leg *leg = step->dialog->legs; leg; leg = leg->next)
		if (leg->state == PARLEY_LEG_ANSWERED)
			leg->state = PARLEY_LEG_CONFIRMED;
	return 0;
}

static int force_deleted(struct step *step)
{
	/* What waits to be sent is not sent any more. */
	for (struct leg *leg = step->dialog->legs; leg; leg = leg->next)
		leg->bye_wait = false;
	step->cause = END_BY_US;
	return step_apply(step, T_SET_DELETED);
}

static bool being_ended(const struct dialog *dialog)
{
	return dialog->ending && dialog->state != PARLEY_STATE_DELETED;
}

int force_state(struct step *step)
{
	struct dialog *dialog = step->dialog;
	uint8_t wanted = step->event->state;
	bool early = dialog->state < PARLEY_STATE_ANSWERED;
	int rc = 0;

	if (wanted < PARLEY_STATE_UNCONFIRMED || wanted > PARLEY_STATE_DELETED)
		return PARLEY_E_ARGUMENT;
	if (being_ended(dialog) && wanted != PARLEY_STATE_DELETED &&
	    wanted != dialog->state)
		return PARLEY_E_STATE;
	switch ((enum parley_state)wanted) {
	case PARLEY_STATE_UNCONFIRMED:
		return step_apply(step, T_SET_UNCONFIRMED);
	case PARLEY_STATE_EARLY:
		return step_apply(step, T_SET_EARLY);
	case PARLEY_STATE_ANSWERED:
		return early ? force_answered(step)
			     : step_apply(step, T_SET_ANSWERED);
	case PARLEY_STATE_CONFIRMED:
		if (early)
			rc = force_answered(step);
		return rc == 0 ? force_confirmed(step) : rc;
	case PARLEY_STATE_DELETED:
		return force_deleted(step);
	case PARLEY_STATE_NONE:
	case PARLEY_STATES:
		break;
	}
	return PARLEY_E_ARGUMENT;
}
