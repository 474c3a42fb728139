/*
 * cseq.c - the numbers of requests, when the proxy inserts some of its own
 *
 * A party numbers its requests by itself (RFC 3261 12.2.1.1). When the proxy
 * sends one of them once more with credentials, or sends one of its own in the
 * party's name, the receiver has seen a number that the party knows nothing
 * of. From then on the party's numbers are raised on their way. A leg keeps for
 * each direction the last number that the receiver has seen, and what is added
 * to those to come; a number that was given out is never given out again.
 *
 * An ACK of a 2xx has the number of its INVITE (RFC 3261 13.2.2.4), and RAck
 * names that number, too (RFC 3262 7.2), so what was added to the last INVITE
 * is kept apart.
 */
#include "store.h"

/* The last number is @by higher than it was. */
static void order_move(struct order *order, uint32_t by)
{
	if (order->since < SINCE_UNKNOWN)
		order->since = by < (uint32_t)SINCE_UNKNOWN - order->since
				       ? (uint8_t)(order->since + by)
				       : SINCE_UNKNOWN;
}

void cseq_imported(struct leg *leg, enum parley_direction dir)
{
	*leg_order(leg, dir) = (struct order){.since = SINCE_UNKNOWN};
}

void cseq_note(struct leg *leg, enum parley_direction dir, bool invite,
	       uint32_t cseq)
{
	struct shift *shift = leg_shift(leg, dir);
	struct order *order = leg_order(leg, dir);
	uint32_t *last = leg_last(leg, dir);
	uint32_t seen = cseq_raised(cseq, shift->next);

	if (*last < seen) {
		order_move(order, seen - *last);
		*last = seen;
		order->ours = 0;
	} else if (*last - seen < order->ours) {
		order->ours = (uint8_t)(*last - seen);
	}
	if (!invite)
		return;
	shift->invite = shift->next;
	order->since = 0;
	order_move(order, *last - seen);
}

void cseq_answer(struct leg *leg, uint32_t cseq, uint32_t added)
{
	struct shift *shift = &leg->from_caller;

	leg->invite_cseq = cseq_raised(cseq, added);
	if (leg->caller_cseq < leg->invite_cseq)
		leg->caller_cseq = leg->invite_cseq;
	leg->order_caller.since = 0;
	order_move(&leg->order_caller, leg->caller_cseq - leg->invite_cseq);
	shift->invite = cseq_raised(0, added);
	/* Early requests may have raised it further. */
	if (shift->next < shift->invite)
		shift->next = shift->invite;
}

uint32_t cseq_take(const struct parley *engine, struct leg *leg,
		   enum parley_direction dir, bool raise)
{
	struct order *order = leg_order(leg, dir);
	uint32_t *last = leg_last(leg, dir);

	/* Nobody counts that far; who starts there ends there. */
	if (*last >= CSEQ_MAX)
		return *last;
	if (raise || engine->config.track_cseq)
		leg_shift(leg, dir)->next++;
	else if (order->ours < UINT8_MAX)
		order->ours++;
	order_move(order, 1);
	return ++*last;
}

uint32_t cseq_old(struct leg *leg, enum parley_direction dir)
{
	uint32_t last = *leg_last(leg, dir);

	/* A receiver without a number yet would take ours for the first, and
	 * refuse what its peer sends below it. */
	return last > 1 ? last - 1 : last;
}

/* No leg is known yet: the branch to come has the next number. */
static int raise_initial(struct dialog *dialog, struct parley_cseq *request)
{
	if (cseq_raised(dialog->invite_cseq, dialog->invite_shift) >= CSEQ_MAX)
		return PARLEY_E_FULL;
	dialog->invite_shift++;
	request->shift = dialog->invite_shift;
	request->total = dialog->invite_shift;
	request->invite_shift = dialog->invite_shift;
	return 0;
}

static int raise_within(struct dialog *dialog, struct parley_cseq *request)
{
	struct leg *leg = leg_find_number(dialog, request->leg);
	struct shift *shift;
	struct order *order;
	uint32_t *last;

	if (!leg)
		return PARLEY_E_NO_LEG;
	last = leg_last(leg, request->dir);
	order = leg_order(leg, request->dir);
	shift = leg_shift(leg, request->dir);
	cseq_note(leg, request->dir, false, request->cseq);
	if (*last >= CSEQ_MAX)
		return PARLEY_E_FULL;
	/* Others may have been sent since, so it is more than one higher. */
	request->shift = ++*last - request->cseq;
	request->total = ++shift->next;
	order_move(order, 1);
	if (request->invite) {
		shift->invite = request->shift;
		order->since = 0;
	}
	request->invite_shift = shift->invite;
	return 0;
}

int parley_cseq_raise(struct parley *engine, struct parley_id id,
		      struct parley_cseq *request)
{
	struct dialog *dialog;
	int rc;

	if (request->dir != PARLEY_DIR_DOWNSTREAM &&
	    request->dir != PARLEY_DIR_UPSTREAM)
		return PARLEY_E_ARGUMENT;
	dialog = dialog_find_lock(engine, id);
	if (!dialog)
		return PARLEY_E_NO_DIALOG;
	rc = request->leg == 0 ? raise_initial(dialog, request)
			       : raise_within(dialog, request);
	if (rc == 0)
		dialog_changed(engine, dialog);
	dialog_write_unlock(engine, dialog);
	return rc;
}
