/*
 * view.c - reading: one dialog, all dialogs, the counters
 *
 * Everything that goes out is a copy, made under the shard's lock into the
 * caller's buffer; nothing is allocated.
 */
#include <stddef.h>

#include "copy.h"
#include "pack.h"

/* ------------------------------------------------------- one dialog */

/* The arrays stand before all texts, where they are aligned. */
static void view_arrays(struct packer *packer, const struct dialog *dialog,
			struct parley_view *view)
{
	const struct parley_member *member = dialog->members;
	const struct variable *var = dialog->vars;

	view->leg_count = dialog->leg_count;
	for (; var != NULL; var = var->next)
		view->var_count++;
	for (; member != NULL; member = member->next)
		view->profile_count++;
	view->legs = pack_space(packer, view->leg_count * sizeof(*view->legs));
	view->vars = pack_space(packer, view->var_count * sizeof(*view->vars));
	view->profiles = pack_space(packer, view->profile_count *
						    sizeof(*view->profiles));
}

struct parley_leg_view dialog_caller(const struct dialog *dialog)
{
	const struct leg *leg = dialog->legs;
	struct parley_leg_view caller = {
		.tag = dialog_from_tag(dialog),
		.contact = text_str(&dialog->contact),
		.route_set = text_str(&dialog->route_set),
		.socket = dialog->socket,
		.cseq = dialog->invite_cseq,
	};

	/* The caller counts on each leg (RFC 3261 12.2.1.1); the dialog's
	 * callee is the one that users mean. */
	if (leg != NULL && leg->caller_cseq > caller.cseq)
		caller.cseq = leg->caller_cseq;
	return caller;
}

struct parley_leg_view leg_callee(const struct leg *leg)
{
	return (struct parley_leg_view){
		.number = leg->number,
		.state = leg->state,
		.tag = leg_tag(leg),
		.contact = text_str(&leg->contact),
		.route_set = text_str(&leg->route_set),
		.socket = leg->socket,
		.cseq = leg->callee_cseq,
		.caller_cseq = leg->caller_cseq,
		.invite_cseq = leg->invite_cseq,
		.caller_shift = leg->from_caller.next,
		.caller_invite_shift = leg->from_caller.invite,
		.callee_shift = leg->from_callee.next,
		.callee_invite_shift = leg->from_callee.invite,
	};
}

static struct parley_leg_view pack_party(struct packer *packer,
					 struct parley_leg_view party)
{
	party.tag = pack_text(packer, party.tag);
	party.contact = pack_text(packer, party.contact);
	party.route_set = pack_text(packer, party.route_set);
	return party;
}

static void view_legs(struct packer *packer, const struct dialog *dialog,
		      struct parley_leg_view *to)
{
	for (const struct leg *leg = dialog->legs; leg != NULL;
	     leg = leg->next) {
		struct parley_leg_view one =
			pack_party(packer, leg_callee(leg));

		if (to != NULL)
			*to++ = one;
	}
}

static void view_vars(struct packer *packer, const struct dialog *dialog,
		      struct parley_pair *to)
{
	for (const struct variable *var = dialog->vars; var != NULL;
	     var = var->next) {
		struct parley_str key = {var->bytes, var->key_len};
		struct parley_str value = {var->bytes + var->key_len,
					   var->value_len};
		struct parley_pair one = {pack_text(packer, key),
					  pack_text(packer, value)};

		if (to != NULL)
			*to++ = one;
	}
}

/* The profile locks are not needed: a membership keeps its value alive, and
 * what names the value never changes (profile.h). A membership leaves this list
 * under the shard's lock, which is held, before it is given back. */
static void view_profiles(struct packer *packer, const struct dialog *dialog,
			  struct parley_profile_view *to)
{
	for (const struct parley_member *member = dialog->members;
	     member != NULL; member = member->next) {
		const struct profile_value *value = member_value(member);
		struct parley_str text = {value->bytes, value->len};
		struct parley_profile_view one = {value->profile,
						  pack_text(packer, text)};

		if (to != NULL)
			*to++ = one;
	}
}

/* Who has decided it first. */
static enum parley_ended ended(const struct dialog *dialog)
{
	if (dialog->ended_by_us && !dialog->expired)
		return PARLEY_ENDED_BY_HOST;
	if (dialog->expired)
		return dialog_raced(dialog) ? PARLEY_ENDED_RACE
					    : PARLEY_ENDED_LIFETIME;
	if (dialog->state != PARLEY_STATE_DELETED)
		return PARLEY_ENDED_NOT;
	switch ((enum end_cause)dialog->end_cause) {
	case END_BY_CALLER:
		return PARLEY_ENDED_BY_CALLER;
	case END_BY_CALLEE:
		return PARLEY_ENDED_BY_CALLEE;
	case END_BY_US:
		return PARLEY_ENDED_BY_HOST;
	case END_EXPIRED:
	case END_EARLY_TIMEOUT:
	case END_NONE:
		break;
	}
	if (dialog->start_s != 0)
		return PARLEY_ENDED_UNKNOWN;
	return dialog->given_up ? PARLEY_ENDED_CANCELLED : PARLEY_ENDED_FAILED;
}

static void view_numbers(const struct dialog *dialog, struct parley_now now,
			 struct parley_view *view)
{
	view->id = dialog->id;
	view->state = dialog->state;
	view->refs = dialog->refs + area_pins(dialog);
	view->flags = dialog->flags;
	view->options = dialog->options;
	view->lifetime_s = dialog->lifetime_s;
	view->init_s = dialog->init_s;
	view->start_s = dialog->start_s;
	view->end_s = dialog->end_s;
	view->timer_armed = dialog->due_lifetime_ms != UINT64_MAX;
	if (view->timer_armed && dialog->due_lifetime_ms > now.ms)
		view->left_s =
			(uint32_t)((dialog->due_lifetime_ms - now.ms + 999) /
				   1000);
	view->ending = dialog->ending;
	view->ended = (uint8_t)ended(dialog);
	view->delay_s = dialog->delay_s;
	view->replica = copy_replica(dialog);
	view->timeout_route = dialog->timeout_route;
	view->end_code = dialog->end_code;
}

static void view_texts(struct packer *packer, const struct dialog *dialog,
		       struct parley_view *view)
{
	view->callid = pack_text(packer, dialog_callid(dialog));
	view->from_uri = pack_text(packer, dialog_from_uri(dialog));
	view->to_uri = pack_text(packer, dialog_to_uri(dialog));
	view->req_uri = pack_text(packer, dialog_req_uri(dialog));
	view->timeout_route_name =
		pack_text(packer, text_str(&dialog->timeout_route_name));
	view->end_reason = pack_text(packer, text_str(&dialog->end_reason));
	if (dialog->copy != NULL)
		view->owner = pack_text(packer, text_str(&dialog->copy->owner));
}

size_t view_locked(const struct dialog *dialog, struct parley_now now,
		   struct parley_view *view, void *buffer, size_t size)
{
	struct packer packer = {buffer, size, 0};

	*view = (struct parley_view){0};
	view_numbers(dialog, now, view);
	view_arrays(&packer, dialog, view);
	view_texts(&packer, dialog, view);
	view->caller = pack_party(&packer, dialog_caller(dialog));
	view_legs(&packer, dialog, view->legs);
	view_vars(&packer, dialog, view->vars);
	view_profiles(&packer, dialog, view->profiles);
	return packer.used;
}

/* NOLINTNEXTLINE(readability-function-size): parley.h has it so. */
int parley_read(struct parley *engine, struct parley_now now,
		struct parley_id id, struct parley_view *view, void *buffer,
		size_t size, size_t *neededp)
{
	const struct dialog *dialog = dialog_find_lock_any(engine, id);
	struct parley_view copy;
	size_t used;

	if (dialog == NULL)
		return PARLEY_E_NO_DIALOG;
	used = view_locked(dialog, now, &copy, buffer, size);
	dialog_unlock(engine, id);
	if (neededp != NULL)
		*neededp = used;
	if (used > size)
		return PARLEY_E_SPACE;
	*view = copy;
	return 0;
}

/* ------------------------------------------------------- all dialogs */

bool parley_next(struct parley *engine, struct parley_id *idp)
{
	bool start = idp->entry == 0 && idp->id == 0;
	uint32_t shard = start ? 0 : shard_of(engine, idp->entry);
	/* Where the dialog stands, or stood, in the index of its shard. */
	uint64_t cursor = start ? 0 : hash_id(&engine->key, *idp);
	struct index_node *node = NULL;

	while (node == NULL && shard < engine->config.shards) {
		shard_lock(engine, shard);
		node = index_walk(&engine->shards[shard].by_id, &cursor, start);
		if (node != NULL)
			*idp = DIALOG_OF(node, by_id)->id;
		shard_unlock(engine, shard);
		start = true;
		shard++;
	}
	return node != NULL;
}

uint32_t parley_find_callid(struct parley *engine, struct parley_str callid,
			    struct parley_id *ids, uint32_t max)
{
	uint32_t number = shard_of(engine, entry_of(engine, callid));
	uint64_t hash = hash_text(&engine->key, callid);
	struct index_node *node;
	uint32_t count = 0;

	shard_lock(engine, number);
	node = index_first(&engine->shards[number].by_callid, hash);
	for (; node != NULL && count < max; node = index_after(node)) {
		const struct dialog *dialog = DIALOG_OF(node, by_callid);

		if (str_equal(dialog_callid(dialog), callid))
			ids[count++] = dialog->id;
	}
	shard_unlock(engine, number);
	return count;
}

/* ------------------------------------------------------- counters */

static uint64_t load(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

uint64_t parley_count(struct parley *engine, enum parley_state state)
{
	return state > PARLEY_STATE_NONE && state < PARLEY_STATES
		       ? load(&engine->count.in_state[state])
		       : 0;
}

void parley_get_stats(struct parley *engine, struct parley_stats *stats)
{
	const struct engine_counts *count = &engine->count;

	*stats = (struct parley_stats){
		.legs = load(&count->legs),
		.processed = load(&count->processed),
		.expired = load(&count->expired),
		.failed = load(&count->failed),
		.ended_by_caller = load(&count->ended_by_caller),
		.ended_by_callee = load(&count->ended_by_callee),
		.ended_by_us = load(&count->ended_by_us),
		.forgotten_early = load(&count->forgotten_early),
		.bogus_no_dialog = load(&count->bogus_no_dialog),
		.bogus_no_leg = load(&count->bogus_no_leg),
		.bogus_event = load(&count->bogus_event),
		.bogus_cseq = load(&count->bogus_cseq),
		.bogus_target = load(&count->bogus_target),
		.bogus_route = load(&count->bogus_route),
		.legs_refused = load(&count->legs_refused),
		.limit_refused = load(&count->limit_refused),
		.no_memory = load(&count->no_memory),
		.turns_missed = load(&count->turns_missed),
		.quarantined = load(&count->quarantined),
		.timer_lag_ms = load(&count->lag_ms),
		.memory_bytes = load(&engine->mem.host_bytes) +
				load(&engine->brief.host_bytes),
		.profile_members = profile_members(engine),
		.remote_members = load(&count->remote),
	};
	for (int i = PARLEY_STATE_UNCONFIRMED; i < PARLEY_STATES; i++)
		stats->now_in[i] = load(&count->in_state[i]);
}
