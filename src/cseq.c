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

/* RFC 3261 8.1.1.5: below 2^31. */
enum { CSEQ_MAX = INT32_MAX };

static uint32_t *last_of(struct leg *leg, enum parley_direction dir)
{
	return dir == PARLEY_DIR_DOWNSTREAM ? &leg->caller_cseq
					    : &leg->callee_cseq;
}

static uint32_t raised(uint32_t cseq, uint32_t shift)
{
	uint64_t sum = (uint64_t)cseq + shift;

	return sum < CSEQ_MAX ? (uint32_t)sum : CSEQ_MAX;
}

void cseq_note(struct leg *leg, enum parley_direction dir, bool invite,
	       uint32_t cseq)
{
	struct shift *shift = leg_shift(leg, dir);
	uint32_t *last = last_of(leg, dir);
	uint32_t seen = raised(cseq, shift->next);

	if (*last < seen)
		*last = seen;
	if (invite)
		shift->invite = shift->next;
}

void cseq_answer(struct leg *leg, uint32_t cseq, uint32_t added)
{
	struct shift *shift = &leg->from_caller;

	leg->invite_cseq = raised(cseq, added);
	if (leg->caller_cseq < leg->invite_cseq)
		leg->caller_cseq = leg->invite_cseq;
	shift->invite = raised(0, added);
	/* Early requests may have raised it further. */
	if (shift->next < shift->invite)
		shift->next = shift->invite;
}

uint32_t cseq_take(const struct parley *engine, struct leg *leg,
		   enum parley_direction dir, bool raise)
{
	uint32_t *last = last_of(leg, dir);

	/* Nobody counts that far; who starts there ends there. */
	if (*last >= CSEQ_MAX)
		return *last;
	if (raise || engine->config.track_cseq)
		leg_shift(leg, dir)->next++;
	return ++*last;
}

uint32_t cseq_old(struct leg *leg, enum parley_direction dir)
{
	uint32_t last = *last_of(leg, dir);

	/* A receiver without a number yet would take ours for the first, and
	 * refuse what its peer sends below it. */
	return last > 1 ? last - 1 : last;
}

/* No leg is known yet: the branch to come has the next number. */
static int raise_initial(struct dialog *dialog, struct parley_cseq *request)
{
	if (raised(dialog->invite_cseq, dialog->invite_shift) >= CSEQ_MAX)
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
	uint32_t *last;

	if (!leg)
		return PARLEY_E_NO_LEG;
	last = last_of(leg, request->dir);
	shift = leg_shift(leg, request->dir);
	cseq_note(leg, request->dir, false, request->cseq);
	if (*last >= CSEQ_MAX)
		return PARLEY_E_FULL;
	/* Others may have been sent since, so it is more than one higher. */
	request->shift = ++*last - request->cseq;
	request->total = ++shift->next;
	if (request->invite)
		shift->invite = request->shift;
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
