/*
 * prack.c - reliable provisional replies that we acknowledge (RFC 3262)
 *
 * With PARLEY_OPT_AUTO_PRACK the proxy is the one who confirms them, in the
 * caller's name. Each leg counts its own: the first number is the callee's
 * choice, the next is one higher; what is repeated or out of order gets no
 * PRACK (RFC 3262 4), so that two processes with the same reply in hand send
 * one.
 */
#include "dialog.h"

/* False: nobody is to acknowledge anything on this leg. */
static bool rings(const struct dialog *dialog, const struct leg *leg)
{
	return dialog->state < PARLEY_STATE_ANSWERED && !dialog->ending &&
	       leg->state == PARLEY_LEG_EARLY;
}

static int take(struct dialog *dialog, struct parley_prack *prack)
{
	struct leg *leg = leg_find(dialog, prack->to_tag);

	if (!(dialog->options & PARLEY_OPT_AUTO_PRACK))
		return PARLEY_E_STATE;
	if (!leg)
		return PARLEY_E_NO_LEG;
	if (!rings(dialog, leg))
		return PARLEY_E_STATE;
	if (leg->rseq != 0 && prack->rseq != (uint64_t)leg->rseq + 1)
		return PARLEY_E_OLD;
	leg->rseq = prack->rseq;
	prack->leg = leg->number;
	prack->cseq = leg->invite_cseq;
	return 0;
}

int parley_prack_take(struct parley *engine, struct parley_id id,
		      struct parley_prack *prack)
{
	struct dialog *dialog;
	int rc;

	if (prack->to_tag.len == 0 || prack->rseq == 0)
		return PARLEY_E_ARGUMENT;
	dialog = dialog_find_lock(engine, id);
	if (!dialog)
		return PARLEY_E_NO_DIALOG;
	rc = take(dialog, prack);
	dialog_unlock(engine, id);
	return rc;
}

void parley_prack_give_back(struct parley *engine, struct parley_id id,
			    const struct parley_prack *prack)
{
	struct dialog *dialog = dialog_find_lock(engine, id);
	struct leg *leg;

	if (!dialog)
		return;
	leg = leg_find_number(dialog, prack->leg);
	if (leg && rings(dialog, leg) && leg->rseq == prack->rseq)
		leg->rseq--;
	dialog_unlock(engine, id);
}
