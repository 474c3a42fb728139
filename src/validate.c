/*
 * validate.c - is a request that of the party it says it is from?
 *
 * Numbers are kept as the receiver has seen them (cseq.c), so that of the
 * request is raised before it is compared. When nothing is added to the party's
 * numbers, those of our own requests are the last ones for the receiver, but
 * not for the party: its next one is the same once more.
 */
#include "dialog.h"

/* RFC 3261 13.2.2.4: the ACK of a 2xx has the number of its INVITE. */
static bool ack_in_order(struct leg *leg, const struct parley_claim *claim)
{
	uint32_t number =
		cseq_raised(claim->cseq, leg_shift(leg, claim->dir)->invite);
	uint32_t last = *leg_last(leg, claim->dir);
	uint8_t since = leg_order(leg, claim->dir)->since;

	if (since == SINCE_NEVER)
		return false;
	return since == SINCE_UNKNOWN ? number <= last : number == last - since;
}

static bool in_order(struct leg *leg, const struct parley_claim *claim)
{
	uint32_t last = *leg_last(leg, claim->dir);

	if (claim->cseq == 0 || claim->cseq > CSEQ_MAX)
		return false;
	if (claim->was_fed || leg->same_tag)
		return true;
	if (claim->method == PARLEY_EV_ACK)
		return ack_in_order(leg, claim);
	return cseq_raised(claim->cseq, leg_shift(leg, claim->dir)->next) >
	       last - leg_order(leg, claim->dir)->ours;
}

static struct parley_str copy(char **at, struct parley_str text)
{
	struct parley_str out = {*at, text.len};

	if (text.len > 0)
		memcpy(*at, text.s, text.len);
	*at += text.len;
	return out;
}

static int expect_locked(const struct dialog *dialog,
			 const struct parley_claim *claim,
			 struct parley_expected *expected, char *at,
			 size_t size)
{
	struct leg *leg = leg_find_number(dialog, claim->leg);
	bool down = claim->dir == PARLEY_DIR_DOWNSTREAM;

	if (!leg)
		return PARLEY_E_NO_LEG;
	struct parley_str target =
		text_str(down ? &leg->contact : &dialog->contact);
	struct parley_str route_set =
		text_str(down ? &leg->route_set : &dialog->route_set);
	/* Only a 2xx is sure to bring the callee's route set. */
	bool rings = leg_unanswered(leg) || leg->assumed;

	if ((size_t)target.len + route_set.len > size)
		return PARLEY_E_SPACE;
	*expected = (struct parley_expected){
		.in_order = in_order(leg, claim),
		.target_known = target.len > 0 && !leg->same_tag,
		.routes_known = !leg->same_tag &&
				(!down || !rings || route_set.len > 0),
		.target = copy(&at, target),
		.route_set = copy(&at, route_set),
	};
	return 0;
}

int parley_expect(struct parley *engine, const struct parley_claim *claim,
		  struct parley_expected *expected, void *buffer, size_t size)
{
	if (claim->dir != PARLEY_DIR_DOWNSTREAM &&
	    claim->dir != PARLEY_DIR_UPSTREAM)
		return PARLEY_E_ARGUMENT;
	struct dialog *dialog = dialog_find_lock(engine, claim->id);
	if (!dialog)
		return PARLEY_E_NO_DIALOG;
	int rc = expect_locked(dialog, claim, expected, buffer, size);
	dialog_unlock(engine, claim->id);
	return rc;
}

void parley_refused(struct parley *engine, enum parley_refusal why)
{
	switch (why) {
	case PARLEY_REFUSED_CSEQ:
		count_one(&engine->count.bogus_cseq);
		break;
	case PARLEY_REFUSED_TARGET:
		count_one(&engine->count.bogus_target);
		break;
	case PARLEY_REFUSED_ROUTE:
		count_one(&engine->count.bogus_route);
		break;
	}
}
