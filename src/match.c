/*
 * match.c - finding the dialog of a request, changing nothing
 */
#include "image.h"
#include "ping.h"

/* Dialogs with the same Call-ID and caller's tag that are looked at: spirals
 * without detection and quick retries make a few; an attacker who makes more
 * finds only his own newest. */
enum { MATCH_CHAIN_MAX = 64 };

static bool is_call(const struct dialog *dialog, struct parley_str callid,
		    struct parley_str caller_tag)
{
	return str_equal(dialog_from_tag(dialog), caller_tag) &&
	       str_equal(dialog_callid(dialog), callid);
}

/* Best dialog of this call: one that has the leg @callee_tag beats one that
 * has not, one that is up beats an ended one, a newer one an older one. */
static struct dialog *best_call(struct parley *engine, uint32_t shard,
				struct parley_str callid,
				struct parley_str caller_tag,
				struct parley_str callee_tag)
{
	uint64_t hash = hash_pair(&engine->key, callid, caller_tag);
	struct index_node *node =
		index_first(&engine->shards[shard].by_call, hash);
	struct dialog *best = NULL;
	int best_rank = -1, highest = callee_tag.len > 0 ? 3 : 1;

	for (int i = 0; node && i < MATCH_CHAIN_MAX;
	     i++, node = index_after(node)) {
		struct dialog *dialog = DIALOG_OF(node, by_call);

		if (dialog->destroying || !is_call(dialog, callid, caller_tag))
			continue;
		int rank = dialog->state != PARLEY_STATE_DELETED;
		if (callee_tag.len > 0 && leg_find(dialog, callee_tag))
			rank += 2;
		if (rank > best_rank) {
			best = dialog;
			best_rank = rank;
		}
		/* A look at the next is one more wait for memory. */
		if (best_rank == highest)
			break;
	}
	return best;
}

static enum table_event request_event(const struct dialog *dialog,
				      const struct leg *leg,
				      enum parley_event_type method)
{
	if (method == PARLEY_EV_ACK && leg_up(leg))
		return T_ACK;
	if (method != PARLEY_EV_BYE)
		return T_REQUEST;
	return leg_up(leg) && !leg_others_up(dialog, leg) ? T_BYE_LAST
							  : T_BYE_OTHER;
}

static void fill(const struct dialog *dialog, struct leg *leg,
		 enum parley_direction dir, struct parley_match *match)
{
	struct shift shift = {dialog->invite_shift, dialog->invite_shift};

	if (leg)
		shift = *leg_shift(leg, dir);
	*match = (struct parley_match){
		.id = dialog->id,
		.dir = dir,
		.state = dialog->state,
		.next_state = dialog->state,
		.leg = leg ? leg->number : 0,
		.start_s = dialog->start_s,
		.lifetime_s = dialog->lifetime_s,
		.callee_is_from = dir == PARLEY_DIR_UPSTREAM,
		.cseq_shift = shift.next,
		.invite_shift = shift.invite,
		.said = ping_says(dialog) && leg == dialog->legs,
	};
}

static int fill_next(const struct dialog *dialog, const struct leg *leg,
		     enum parley_event_type method, struct parley_match *match)
{
	const struct table_cell *cell =
		fsm_cell(dialog->state, request_event(dialog, leg, method));
	if (cell->next != FSM_BOGUS)
		match->next_state = cell->next;
	return 0;
}

/* Checks both tags against the dialog, in both directions. */
static int match_tags(const struct dialog *dialog,
		      const struct parley_query *query,
		      struct parley_match *match)
{
	struct parley_str caller = dialog_from_tag(dialog);
	struct leg *leg;

	if (str_equal(query->from_tag, caller)) {
		leg = leg_find(dialog, query->to_tag);
		if (leg) {
			fill(dialog, leg, PARLEY_DIR_DOWNSTREAM, match);
			return fill_next(dialog, leg, query->method, match);
		}
	}
	if (str_equal(query->to_tag, caller)) {
		leg = leg_find(dialog, query->from_tag);
		if (leg) {
			fill(dialog, leg, PARLEY_DIR_UPSTREAM, match);
			return fill_next(dialog, leg, query->method, match);
		}
	}
	return PARLEY_E_NO_LEG;
}

static int match_by_id(struct parley *engine, const struct parley_query *query,
		       struct parley_match *match)
{
	struct dialog *dialog = dialog_find_lock(engine, query->id);
	if (!dialog)
		return PARLEY_E_NO_DIALOG;
	int rc = PARLEY_E_NO_DIALOG;
	if (str_equal(dialog_callid(dialog), query->callid))
		rc = match_tags(dialog, query, match);
	dialog_unlock(engine, query->id);
	return rc;
}

static int match_by_call(struct parley *engine,
			 const struct parley_query *query,
			 struct parley_match *match)
{
	uint32_t shard = shard_of(engine, entry_of(engine, query->callid));
	int rc = PARLEY_E_NO_DIALOG;

	shard_lock(engine, shard);
	struct dialog *dialog = best_call(engine, shard, query->callid,
					  query->from_tag, query->to_tag);
	if (dialog)
		rc = match_tags(dialog, query, match);
	if (rc < 0) {
		dialog = best_call(engine, shard, query->callid, query->to_tag,
				   query->from_tag);
		if (dialog)
			rc = match_tags(dialog, query, match);
	}
	shard_unlock(engine, shard);
	return rc;
}

/* A dialog from a time with few entries has got another entry and kept its id;
 * what its parties have in their route sets is the old identity. */
static int match_by_old_id(struct parley *engine,
			   const struct parley_query *query,
			   struct parley_match *match)
{
	struct parley_match found;
	int rc = match_by_call(engine, query, &found);

	if (rc == 0 && found.id.id != query->id.id)
		rc = PARLEY_E_NO_DIALOG;
	if (rc == 0)
		*match = found;
	return rc;
}

static int match_by(struct parley *engine, const struct parley_query *query,
		    bool tags, struct parley_match *match)
{
	if (query->id.id == 0)
		return match_by_call(engine, query, match);
	if (tags &&
	    image_entry_is_small(engine, query->id.entry, query->callid))
		return match_by_old_id(engine, query, match);
	return match_by_id(engine, query, match);
}

int parley_match(struct parley *engine, const struct parley_query *query,
		 struct parley_match *match)
{
	/* Without tags there must at least be a cookie. */
	bool tags = query->to_tag.len > 0 && query->from_tag.len > 0;

	if ((!tags && query->id.id == 0) || query->callid.len == 0 ||
	    query->method < PARLEY_EV_ACK ||
	    query->method > PARLEY_EV_REQUEST ||
	    query->method == PARLEY_EV_CANCEL)
		return PARLEY_E_ARGUMENT;

	int rc = match_by(engine, query, tags, match);
	if (rc == PARLEY_E_NO_DIALOG)
		count_one(&engine->count.bogus_no_dialog);
	else if (rc == PARLEY_E_NO_LEG)
		count_one(&engine->count.bogus_no_leg);
	return rc;
}

/* The caller's tag and, if it is given, that of one of its legs. */
struct tags {
	struct parley_str caller, callee;
};

static int find_caller(struct parley *engine, struct parley_str callid,
		       struct tags tags, enum parley_direction dir,
		       struct parley_match *match)
{
	uint32_t shard = shard_of(engine, entry_of(engine, callid));
	struct leg *leg = NULL;
	int rc = PARLEY_E_NO_DIALOG;

	shard_lock(engine, shard);
	struct dialog *dialog =
		best_call(engine, shard, callid, tags.caller, tags.callee);
	/* The last replies of an ended dialog still belong to it. */
	if (dialog &&
	    (tags.callee.len > 0 || dialog->state != PARLEY_STATE_DELETED)) {
		if (tags.callee.len > 0)
			leg = leg_find(dialog, tags.callee);
		rc = leg || tags.callee.len == 0 ? 0 : PARLEY_E_NO_LEG;
	}
	if (rc == 0)
		fill(dialog, leg, dir, match);
	shard_unlock(engine, shard);
	return rc;
}

int parley_find_call(struct parley *engine, struct parley_str callid,
		     struct parley_str tag1, struct parley_str tag2,
		     struct parley_match *match)
{
	if (callid.len == 0 || tag1.len == 0)
		return PARLEY_E_ARGUMENT;
	int rc = find_caller(engine, callid, (struct tags){tag1, tag2},
			     PARLEY_DIR_DOWNSTREAM, match);
	if (rc < 0 && tag2.len > 0) {
		int other =
			find_caller(engine, callid, (struct tags){tag2, tag1},
				    PARLEY_DIR_UPSTREAM, match);
		if (other == 0 || rc == PARLEY_E_NO_DIALOG)
			rc = other;
	}
	return rc;
}

/* The callee's tag is nobody's now. */
static int find_without_leg(struct parley *engine, struct parley_str callid,
			    struct tags tags, enum parley_direction dir,
			    struct parley_match *match)
{
	uint32_t shard = shard_of(engine, entry_of(engine, callid));
	int rc = PARLEY_E_NO_DIALOG;

	shard_lock(engine, shard);
	struct dialog *dialog =
		best_call(engine, shard, callid, tags.caller, tags.callee);
	if (dialog && (dialog->state < PARLEY_STATE_ANSWERED ||
		       area_had_leg(dialog, tags.callee))) {
		fill(dialog, NULL, dir, match);
		rc = 0;
	}
	shard_unlock(engine, shard);
	return rc;
}

int parley_find_early(struct parley *engine, struct parley_str callid,
		      struct parley_str tag1, struct parley_str tag2,
		      struct parley_match *match)
{
	int rc = parley_find_call(engine, callid, tag1, tag2, match);

	if (rc == 0 || rc == PARLEY_E_ARGUMENT ||
	    find_without_leg(engine, callid, (struct tags){tag1, tag2},
			     PARLEY_DIR_DOWNSTREAM, match) == 0)
		return rc == PARLEY_E_ARGUMENT ? rc : 0;
	if (tag2.len > 0 &&
	    find_without_leg(engine, callid, (struct tags){tag2, tag1},
			     PARLEY_DIR_UPSTREAM, match) == 0)
		return 0;
	return rc;
}
