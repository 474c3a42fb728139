/*
 * image.c - dialogs into the engine
 *
 * An image is brought in under one hold of the shard's lock, as an event: the
 * state changes through the table only. Memberships of profiles are taken
 * before, since the two locks are never held together.
 */
#include "image.h"
#include "ping.h"
#include "store.h"

/* ------------------------------------------------ merging */

/* One import. */
struct import {
	struct step step;
	const struct parley_image *image;
	/* Not NULL: it was this one, whose dialog gets a new identity. */
	const struct parley_image *renamed;
	struct parley_member *members; /* taken for the image's profiles */
	bool has_members;
	bool newer;	/* than what is here: everything is taken over */
	bool changed;	/* something was */
	bool more;	/* is known here, of what never goes back */
	bool concluded; /* with what was known here it means the end */
	bool differs;	/* from what the store has */
	int rc;
};

enum { EARLY_LEFT_MS = 300000 };

static void merge_number(struct import *import, uint32_t *here, uint32_t there)
{
	import->more |= *here > there;
	if (*here >= there)
		return;
	*here = there;
	import->changed = true;
}

static void merge_text(struct import *import, struct text *here,
		       struct parley_str there)
{
	int rc;

	if (str_equal(text_str(here), there))
		return;
	rc = area_text_set(import->step.engine, import->step.dialog, here,
			   there);
	if (rc < 0)
		import->rc = rc;
	else
		import->changed = true;
}

static struct leg *leg_of(struct import *import,
			  const struct parley_leg_view *view)
{
	struct dialog *dialog = import->step.dialog;
	uint32_t next = dialog->next_leg;
	struct leg *leg = leg_find(dialog, view->tag);
	const struct parley_event event = {
		.type = view->state > PARLEY_LEG_EARLY ? PARLEY_EV_REPLY_2XX
						       : PARLEY_EV_REPLY_1XX,
		.to_tag = view->tag,
		.contact = view->contact,
		.route_set = view->route_set,
		.socket = view->socket,
	};
	int rc;

	if (leg)
		return leg;
	rc = leg_add(import->step.engine, dialog, &event, &leg);
	if (rc < 0) {
		import->rc = rc;
		return NULL;
	}
	import->changed = true;
	/* An answer's number may be lower than the INVITE's. */
	if (view->invite_cseq > 0)
		leg->invite_cseq = view->invite_cseq;
	if (view->caller_cseq > 0)
		leg->caller_cseq = view->caller_cseq;
	cseq_imported(leg, PARLEY_DIR_DOWNSTREAM);
	cseq_imported(leg, PARLEY_DIR_UPSTREAM);
	if (!leg_find_number(dialog, view->number)) {
		leg->number = view->number;
		dialog->next_leg = next;
	}
	if (dialog->next_leg <= leg->number)
		dialog->next_leg = leg->number + 1;
	return leg;
}

/* Where a party is goes with its CSeq: what came with a later one is right
 * even if the image as a whole is older. */
static bool knows_place(const struct import *import, uint32_t here,
			uint32_t there)
{
	return there > here || (import->newer && there == here);
}

static void merge_leg(struct import *import, struct leg *leg,
		      const struct parley_leg_view *view)
{
	if (knows_place(import, leg->callee_cseq, view->cseq)) {
		merge_text(import, &leg->contact, view->contact);
		merge_text(import, &leg->route_set, view->route_set);
		if (view->socket)
			leg->socket = view->socket;
	}
	if (import->newer) {
		leg->from_caller.invite = view->caller_invite_shift;
		leg->from_callee.invite = view->callee_invite_shift;
	}
	merge_number(import, &leg->from_caller.next, view->caller_shift);
	merge_number(import, &leg->from_callee.next, view->callee_shift);
	if (leg->callee_cseq < view->cseq)
		cseq_imported(leg, PARLEY_DIR_UPSTREAM);
	merge_number(import, &leg->callee_cseq, view->cseq);
	if (leg->caller_cseq < view->caller_cseq)
		cseq_imported(leg, PARLEY_DIR_DOWNSTREAM);
	merge_number(import, &leg->caller_cseq, view->caller_cseq);
	merge_number(import, &leg->invite_cseq, view->invite_cseq);
	import->more |= leg->state > view->state;
	if (leg->state < view->state) {
		if (leg->state == PARLEY_LEG_EARLY)
			leg->rseq = 0;
		leg->state = view->state;
		import->changed = true;
	}
}

static void merge_legs(struct import *import)
{
	struct dialog *dialog = import->step.dialog;
	const struct parley_view *view = &import->image->view;
	struct leg *first = NULL;

	for (uint32_t i = 0; i < view->leg_count; i++) {
		const struct parley_leg_view *one = &view->legs[i];
		struct leg *leg = NULL;

		/* One that rings may have been pruned here since. */
		if (import->newer || one->state > PARLEY_LEG_EARLY ||
		    leg_find(dialog, one->tag))
			leg = leg_of(import, one);
		if (leg)
			merge_leg(import, leg, one);
		if (i == 0)
			first = leg;
	}
	if (first && import->newer && first != dialog->legs)
		leg_to_front(dialog, first);
}

/* Frees the losers of a fork that the other node has dropped already. One that
 * has no epoch does not know of forks. */
static void drop_losers(struct import *import)
{
	struct dialog *dialog = import->step.dialog;

	if (import->image->epoch > 0 || dialog->state >= PARLEY_STATE_ANSWERED)
		leg_prune_others(import->step.engine, dialog,
				 &import->image->view);
}

static void merge_caller(struct import *import)
{
	struct dialog *dialog = import->step.dialog;
	const struct parley_leg_view *view = &import->image->view.caller;
	uint32_t known = dialog_caller(dialog).cseq;

	if (knows_place(import, known, view->cseq)) {
		merge_text(import, &dialog->contact, view->contact);
		merge_text(import, &dialog->route_set, view->route_set);
		if (view->socket)
			dialog->socket = view->socket;
	}
}

/* All or nothing: without memory the old ones stay. */
static void take_vars(struct import *import)
{
	struct parley *engine = import->step.engine;
	struct dialog *dialog = import->step.dialog;
	const struct parley_view *view = &import->image->view;
	const struct parley_str empty = {"", 0};
	struct variable *old = dialog->vars;
	struct variable *made;
	int rc = 0;

	dialog->vars = NULL;
	/* Each goes to the front of the list. */
	for (uint32_t i = view->var_count; rc == 0 && i > 0; i--) {
		const struct parley_pair *one = &view->vars[i - 1];

		/* A variable that is empty is not one that is deleted. */
		rc = var_set_locked(engine, dialog, one->key,
				    one->value.len > 0 ? one->value : empty);
	}
	made = dialog->vars;
	dialog->vars = rc == 0 ? old : made;
	var_fini(engine, dialog);
	dialog->vars = rc == 0 ? made : old;
	if (rc < 0)
		import->rc = rc;
}

static void take_settings(struct import *import)
{
	struct dialog *dialog = import->step.dialog;
	const struct parley_view *view = &import->image->view;

	dialog->flags = view->flags;
	dialog->options = view->options;
	dialog->lifetime_s = view->lifetime_s;
	dialog->init_s = view->init_s;
	dialog->invite_cseq = import->image->invite_cseq;
	dialog->invite_shift = import->image->invite_shift;
	dialog->timeout_route = view->timeout_route;
	dialog->end_code = view->end_code;
	merge_text(import, &dialog->timeout_route_name,
		   view->timeout_route_name);
	merge_text(import, &dialog->end_reason, view->end_reason);
	take_vars(import);
	ping_update_locked(import->step.engine, dialog, import->step.now);
	if (import->has_members && dialog->state != PARLEY_STATE_DELETED &&
	    view->state != PARLEY_STATE_DELETED) {
		struct parley_member *old = dialog->members;

		dialog->members = import->members;
		import->members = old; /* given back after unlocking */
	}
}

static uint64_t due_after(const struct import *import, uint64_t left)
{
	/* Further away than any lifetime is never. */
	if (left >= UINT64_MAX / 2)
		return UINT64_MAX;
	return import->step.now.ms + left;
}

/* A call that rings ends with its transaction, which has died with the
 * processes: without early_timeout somebody has to end it. */
static void limit_early(struct import *import)
{
	struct dialog *dialog = import->step.dialog;

	if (!image_from_store(import->image) ||
	    dialog->due_state_ms != UINT64_MAX)
		return;
	dialog->due_state_ms = due_after(import, EARLY_LEFT_MS);
	import->differs = true;
}

/* Until when its timers run here, should they run here. */
static void take_times(struct import *import)
{
	struct dialog *dialog = import->step.dialog;
	const struct parley_image *image = import->image;
	uint64_t lifetime = due_after(import, image->lifetime_left_ms);

	if (image->view.start_s > 0)
		dialog->start_s = image->view.start_s;
	if (dialog->state == PARLEY_STATE_DELETED || dialog->ending)
		return;
	if (dialog->state < PARLEY_STATE_ANSWERED) {
		dialog->due_state_ms = due_after(import, image->state_left_ms);
		limit_early(import);
	} else {
		/* Being ended elsewhere, it has none; it is over soon. */
		if (lifetime == UINT64_MAX || image->view.ending)
			lifetime = due_after(
				import,
				import->step.engine->config.ack_wait_ms);
		dialog->due_lifetime_ms = lifetime;
		dialog->due_state_ms = UINT64_MAX;
		if (dialog->state == PARLEY_STATE_ANSWERED &&
		    !image->view.ending)
			dialog->due_state_ms =
				due_after(import, image->state_left_ms);
	}
	dialog_arm_locked(import->step.engine, dialog);
}

/* Each of two nodes has seen the BYE of another leg, and now no leg is up. */
static void conclude_end(struct import *import)
{
	struct step *step = &import->step;
	uint8_t here = step->dialog->state;

	if (here < PARLEY_STATE_ANSWERED || here == PARLEY_STATE_DELETED ||
	    leg_others_up(step->dialog, NULL))
		return;
	(void)!step_apply(step, T_IMPORT_ENDED);
	import->changed = true;
	import->concluded = true;
}

/* States only grow. */
static void merge_state(struct import *import)
{
	static const enum table_event events[PARLEY_STATES] = {
		[PARLEY_STATE_EARLY] = T_IMPORT_EARLY,
		[PARLEY_STATE_ANSWERED] = T_IMPORT_ANSWERED,
		[PARLEY_STATE_CONFIRMED] = T_IMPORT_CONFIRMED,
		[PARLEY_STATE_DELETED] = T_IMPORT_ENDED,
	};
	struct step *step = &import->step;
	uint8_t there = import->image->view.state;
	uint8_t here = step->dialog->state;

	import->more |= here > there;
	if (there <= here)
		return;
	/* Without memory for the leg that is up the call stays unanswered. */
	if (there != PARLEY_STATE_DELETED && there >= PARLEY_STATE_ANSWERED &&
	    !leg_others_up(step->dialog, NULL)) {
		import->rc = PARLEY_E_MEMORY;
		return;
	}
	/* By way of 3, which starts the lifetime, and counts as answered. */
	if (import->image->view.start_s > 0 && here < PARLEY_STATE_ANSWERED &&
	    there > PARLEY_STATE_ANSWERED)
		(void)!step_apply(step, T_IMPORT_ANSWERED);
	(void)!step_apply(step, events[there]);
	import->changed = true;
}

/* ------------------------------------------------ whose it is */

/* It is no longer this node's, or is this node's again. */
static void owner_changed(struct import *import)
{
	struct dialog *dialog = import->step.dialog;
	struct copy *copy = dialog->copy;

	/* Others may have the call by this node's word only. */
	dialog_changed(import->step.engine, dialog);
	if (copy->replica)
		return;
	import->step.notes |= copy_notes_due(dialog);
	copy->loaded = true;
	copy->end_untold = false;
}

static void take_owner(struct import *import)
{
	struct copy *copy = import->step.dialog->copy;
	const struct parley_image *image = import->image;
	bool owned;
	int rc;

	if (!copy)
		return;
	owned = !copy->replica;
	if (image->epoch > 0)
		copy->epoch = image->epoch;
	copy->version = image->version;
	copy->by = image->by;
	copy->owner_ending = image->view.ending;
	if (str_equal(text_str(&copy->owner), image->view.owner))
		return;
	rc = text_set(&import->step.engine->mem, &copy->owner,
		      image->view.owner);
	if (rc < 0)
		import->rc = rc;
	else
		copy->replica = image->view.owner.len > 0;
	ping_update_locked(import->step.engine, import->step.dialog,
			   import->step.now);
	if (owned == copy->replica)
		owner_changed(import);
}

/* Of two changes to the same version the owner's holds, whose number is in the
 * epoch. */
static uint32_t rank_of(uint32_t epoch, uint16_t by)
{
	return by == (epoch & UINT16_MAX) ? UINT32_MAX : by;
}

static bool image_newer(const struct dialog *dialog,
			const struct parley_image *image)
{
	const struct copy *copy = dialog->copy;

	if (!copy)
		return false; /* it is here, and is nobody else's */
	if (image->epoch > 0 && image->epoch != copy->epoch)
		return image->epoch > copy->epoch;
	if (image->version != copy->version)
		return image->version > copy->version;
	return rank_of(copy->epoch, image->by) > rank_of(copy->epoch, copy->by);
}

/* ------------------------------------------------ the event */

static bool same_call(const struct dialog *dialog,
		      const struct parley_view *view)
{
	return str_equal(dialog_callid(dialog), view->callid) &&
	       str_equal(dialog_from_tag(dialog), view->caller.tag);
}

/* Another node has not heard yet that the call is over, or a part of what is
 * known here: it is told. */
static void tell_others(struct import *import, bool ended_before)
{
	struct dialog *dialog = import->step.dialog;
	bool ended = dialog->state == PARLEY_STATE_DELETED;

	if (!dialog->copy)
		return;
	if (ended_before) {
		if (import->image->view.state == PARLEY_STATE_DELETED)
			return;
		dialog_changed(import->step.engine, dialog);
	} else if (!copy_replica(dialog) && import->changed &&
		   (ended || !import->newer)) {
		if (dialog->copy->version < import->image->version)
			dialog->copy->version = import->image->version;
		dialog_changed(import->step.engine, dialog);
	}
}

/* Something is missing for want of memory: the same image is taken again. */
static void take_again(struct import *import)
{
	struct copy *copy = import->step.dialog->copy;

	if (import->rc < 0 && copy && copy->version > 0)
		copy->version--;
}

static void import_ended(struct import *import)
{
	struct copy *copy = import->step.dialog->copy;
	const struct parley_image *image = import->image;

	import->rc = PARLEY_E_STATE;
	if (image->view.state == PARLEY_STATE_DELETED) {
		import->rc = PARLEY_E_OLD;
		/* Its owner knows, whatever was changed here since. */
		if (copy && !image->end_untold && image->epoch >= copy->epoch)
			copy->end_untold = false;
		if (image_newer(import->step.dialog, image)) {
			take_owner(import);
			import->rc = 0;
		}
	}
	tell_others(import, true);
}

/* What a replica learns is told nobody here; an end may have to be once the
 * owner is gone. Others hear what only this node knows. */
static void replica_learns(struct import *import)
{
	struct dialog *dialog = import->step.dialog;

	import->step.notes = 0;
	if (dialog->state == PARLEY_STATE_DELETED)
		dialog->copy->end_untold =
			import->concluded || import->image->end_untold;
	/* Who says that it has ended may not reach its later owner. */
	if (import->concluded || (import->newer && import->more) ||
	    (!import->newer && dialog->state == PARLEY_STATE_DELETED))
		dialog_changed(import->step.engine, dialog);
}

static void import_locked(struct import *import)
{
	struct dialog *dialog = import->step.dialog;
	struct copy *copy = dialog->copy;

	import->newer = image_newer(dialog, import->image);
	if (import->newer)
		take_owner(import);
	merge_caller(import);
	merge_legs(import);
	if (import->newer)
		take_settings(import);
	merge_state(import);
	conclude_end(import);
	if (import->newer) {
		drop_losers(import);
		take_times(import);
	}
	if (copy && copy->replica)
		replica_learns(import);
	tell_others(import, false);
	if (!import->newer && !import->changed && import->rc == 0)
		import->rc = PARLEY_E_OLD;
	if (import->newer)
		take_again(import);
	dialog->unwritten = import->step.engine->store;
}

/* ------------------------------------------------ new ones */

static struct dialog *dialog_of(struct import *import)
{
	const struct parley_view *view = &import->image->view;
	const struct parley_event event = {
		.type = PARLEY_EV_INVITE,
		.callid = view->callid,
		.from_tag = view->caller.tag,
		.from_uri = view->from_uri,
		.to_uri = view->to_uri,
		.req_uri = view->req_uri,
		.contact = view->caller.contact,
		.route_set = view->caller.route_set,
		.socket = view->caller.socket,
		.cseq = import->image->invite_cseq,
	};
	struct dialog *dialog =
		dialog_create(import->step.engine, import->step.now, &event);

	if (!dialog)
		return NULL;
	dialog->id = view->id;
	dialog->record = import->image->record;
	dialog->known = image_from_store(import->image);
	if (!dialog->copy)
		return dialog;
	/* Whatever is known about it is newer than nothing. */
	dialog->copy->epoch = 0;
	if (text_set(&import->step.engine->mem, &dialog->copy->owner,
		     view->owner) < 0) {
		dialog_discard(import->step.engine, dialog);
		return NULL;
	}
	dialog->copy->replica = view->owner.len > 0;
	return dialog;
}

/* An end of this node's own call that came through another one before this one
 * had started anew: nobody has told of it. */
static bool is_news(const struct import *import)
{
	return import->image->end_untold &&
	       str_empty(import->image->view.owner) &&
	       import->step.engine->config.replicate;
}

static void tell_new(struct import *import)
{
	struct step *step = &import->step;
	struct dialog *dialog = step->dialog;
	struct copy *copy = dialog->copy;
	bool replica = copy_replica(dialog);

	step->notes = 0;
	if (!replica && copy && copy->epoch == 0)
		copy->epoch = 1U << 16 | step->engine->config.node;
	if (!replica)
		dialog_changed(step->engine, dialog);
	if (replica && !import->image->tell_loaded)
		return;
	step->notes = PARLEY_NOTE_LOADED;
	if (!copy)
		return;
	copy->end_untold = !replica && dialog->state == PARLEY_STATE_DELETED;
	step->notes = copy_notes_due(dialog);
	copy->loaded = true;
	copy->end_untold = false;
}

/* The end of a call of this node's was under way when the processes died. */
static void end_again(struct import *import)
{
	struct dialog *dialog = import->step.dialog;

	if (dialog->state >= PARLEY_STATE_ANSWERED) {
		(void)!terminate_answered(&import->step, PARLEY_SIDE_ALL);
		return;
	}
	/* The final reply may have been lost; a 2xx gets ACK and BYE. */
	dialog->ending = true;
	dialog->ended_by_us = true;
	dialog->end_sides = PARLEY_SIDE_ALL;
}

/* What the database or the journal has said is not told to it again. */
static void from_store(struct import *import)
{
	struct parley *engine = import->step.engine;
	struct dialog *dialog = import->step.dialog;

	if (!image_from_store(import->image) || copy_replica(dialog))
		return;
	if (import->image->view.ending)
		end_again(import);
	else if (!dialog->copy && !import->differs)
		dialog->unwritten = false;
	if (!import->renamed)
		return;
	dialog->record = 0;
	dialog->known = false;
	store_write_locked(engine, dialog);
	store_renamed_locked(engine, dialog, import->renamed->view.id,
			     import->renamed->record);
}

static int import_new(struct import *import)
{
	struct step *step = &import->step;
	const struct parley_view *view = &import->image->view;
	struct dialog *dialog;

	if (view->state == PARLEY_STATE_DELETED && !is_news(import))
		return PARLEY_E_NO_DIALOG;
	dialog = dialog_of(import);
	if (!dialog)
		return PARLEY_E_MEMORY;
	step->dialog = dialog;
	shard_lock(step->engine, shard_of(step->engine, dialog->id.entry));
	if (!dialog_link_locked(step->engine, dialog, step->now)) {
		dialog_unlock(step->engine, dialog->id);
		dialog_discard(step->engine, dialog);
		return PARLEY_E_OLD; /* another process was faster */
	}
	step->actions->old_state = PARLEY_STATE_NONE;
	import->newer = true;
	import->changed = true;
	merge_legs(import);
	take_settings(import);
	merge_state(import);
	take_owner(import);
	take_times(import);
	take_again(import);
	tell_new(import);
	store_now(step->engine, dialog, step->now);
	from_store(import);
	step_end(step);
	return import->rc;
}

/* Memberships for all profiles of the image, in its order. */
static int take_members(struct import *import)
{
	struct parley *engine = import->step.engine;
	const struct parley_view *view = &import->image->view;
	int rc = 0;

	/* Each goes to the front of the list. */
	for (uint32_t i = view->profile_count; rc == 0 && i > 0; i--) {
		const struct parley_profile_view *one = &view->profiles[i - 1];
		struct parley_str value = one->value;

		if (!value.s)
			value = (struct parley_str){"", 0};
		rc = parley_profile_reserve(engine, one->profile, value, 0,
					    false, &import->members);
	}
	profile_take(engine, import->members, view->id);
	import->has_members = true;
	return rc;
}

static bool members_differ(const struct dialog *dialog,
			   const struct parley_view *view)
{
	const struct parley_member *member = dialog->members;

	for (uint32_t i = 0; i < view->profile_count; i++) {
		const struct profile_value *value;

		if (!member)
			return true;
		value = member_value(member);
		if (value->profile != view->profiles[i].profile ||
		    !str_equal((struct parley_str){value->bytes, value->len},
			       view->profiles[i].value))
			return true;
		member = member->next;
	}
	return member != NULL;
}

/* Looks whether memberships will have to be taken. An update of a call whose
 * profiles are the same, as most are, takes none. */
static int prepare_members(struct import *import)
{
	struct parley *engine = import->step.engine;
	const struct parley_view *view = &import->image->view;
	struct dialog *dialog = dialog_find_lock(engine, view->id);
	bool take = !dialog && view->state != PARLEY_STATE_DELETED;

	if (dialog) {
		take = dialog->state != PARLEY_STATE_DELETED &&
		       same_call(dialog, view) &&
		       image_newer(dialog, import->image) &&
		       members_differ(dialog, view);
		dialog_unlock(engine, view->id);
	}
	return take ? take_members(import) : 0;
}

static int import_known(struct import *import)
{
	struct step *step = &import->step;
	struct dialog *dialog = step->dialog;

	if (!same_call(dialog, &import->image->view)) {
		dialog_unlock(step->engine, dialog->id);
		return PARLEY_E_CONFLICT;
	}
	step->actions->old_state = dialog->state;
	dialog->known |= import->image->stored;
	if (dialog->state == PARLEY_STATE_DELETED)
		import_ended(import);
	else if (image_from_store(import->image) && !dialog->copy)
		import->rc = PARLEY_E_OLD; /* memory knows better */
	else
		import_locked(import);
	step_end(step);
	return import->rc;
}

static int import_image(struct import *import)
{
	struct parley *engine = import->step.engine;
	int rc = prepare_members(import);

	if (rc == 0) {
		import->step.dialog =
			dialog_find_lock(engine, import->image->view.id);
		rc = import->step.dialog ? import_known(import)
					 : import_new(import);
	}
	profile_leave_all(engine, import->members);
	return rc;
}

/* A free identity for @image; false: the call has one, a crash came between it
 * and the end of the old one. */
static bool rename_image(struct parley *engine, struct parley_image *image)
{
	struct parley_id old = image->view.id;
	struct dialog *dialog;
	bool same = false;

	image->view.id.entry = entry_of(engine, image->view.callid);
	while (!same &&
	       (dialog = dialog_find_lock_any(engine, image->view.id))) {
		same = same_call(dialog, &image->view);
		if (same)
			store_renamed_locked(engine, dialog, old,
					     image->record);
		else
			image->view.id.id = dialog_pick_id(engine);
		shard_unlock(engine, shard_of(engine, image->view.id.entry));
	}
	return !same;
}

int parley_import(struct parley *engine, struct parley_now now,
		  const struct parley_image *image,
		  struct parley_actions *actions)
{
	struct import import = {.image = image};
	struct parley_image renamed;
	int rc;

	step_init(&import.step, engine, now, actions);
	if (!image_fits(engine, image))
		return PARLEY_E_ARGUMENT;
	if (image_is_of_small_hash(engine, image)) {
		renamed = *image;
		import.renamed = image;
		import.image = &renamed;
		if (!rename_image(engine, &renamed))
			return PARLEY_E_OLD;
	}
	rc = import_image(&import);
	if (rc == PARLEY_E_MEMORY)
		count_one(&engine->count.no_memory);
	return rc;
}
