/*
 * told.c - the subscribers, and the order of what they are told
 *
 * Two subscribe to all dialogs, some to one. They check what parley.h promises
 * and sometimes call back into the engine.
 */
#include <string.h>

#include "tell.h"

uint32_t note_terminal(void)
{
	return PARLEY_NOTE_FAILED | PARLEY_NOTE_TERMINATED |
	       PARLEY_NOTE_EXPIRED;
}

static uint32_t bit_of(uint32_t type)
{
	uint32_t bit = 0;

	while (type >> bit != 1)
		bit++;
	return bit;
}

/* A callback may call back into the engine. */
static void call_back(struct sim *sim, struct parley_id id)
{
	uint32_t flags;

	if (sim->host.held_count > 0)
		sim_fail(sim, "a subscriber runs under a lock");
	if (!rng_chance(&sim->rng, 200))
		return;
	if (parley_flags(sim->engine, id, 0, 0, &flags) == 0 &&
	    flags != model_find(&sim->model, id)->flags)
		sim_fail(sim, "a subscriber reads wrong flags");
	(void)parley_count(sim->engine, PARLEY_STATE_CONFIRMED);
}

/* Each change once, and in their order, unless a message that may not wait has
 * come before its turn. */
static void told_state(struct sim *sim, struct model_dialog *dialog,
		       const struct parley_told *told, int number)
{
	if (told->old_state != dialog->state_told[number] &&
	    dialog->undelivered > 1)
		dialog->states_mixed = true;
	if (told->old_state != dialog->state_told[number] &&
	    !dialog->states_mixed)
		sim_fail(sim, "state %u to %u is told after %u",
			 told->old_state, told->new_state,
			 dialog->state_told[number]);
	dialog->state_told[number] = told->new_state;
}

static void told_order(struct sim *sim, struct model_dialog *dialog,
		       const struct parley_told *told, int number)
{
	uint32_t type = (uint32_t)told->type;
	bool late =
		(type & (PARLEY_NOTE_BYE_REPLIED | PARLEY_NOTE_REPLY_WITHIN |
			 PARLEY_NOTE_STATE)) != 0;

	if (type == PARLEY_NOTE_STATE)
		told_state(sim, dialog, told, number);
	if (dialog->destroy_told[number] > 0)
		sim_fail(sim, "note %x after DESTROY", type);
	if (type & note_terminal()) {
		dialog->terminal_entered = true;
		if (++dialog->terminal_told[number] > 1)
			sim_fail(sim, "a second end of %u.%u: %x",
				 told->id.entry, told->id.id, type);
		if (type != dialog->terminal_type)
			sim_fail(sim, "the end %x is told as %x",
				 dialog->terminal_type, type);
	} else if (type == PARLEY_NOTE_DESTROY) {
		dialog->destroy_told[number]++;
		/* It may run inside parley_feed(), before the model knows. */
		if (told->new_state != PARLEY_STATE_DELETED)
			sim_fail(sim, "DESTROY of a dialog in state %u",
				 told->new_state);
	} else if (dialog->terminal_entered && !late) {
		sim_fail(sim, "note %x of %u.%u after its end", type,
			 told->id.entry, told->id.id);
	}
	dialog->told[number][bit_of(type)]++;
	/* Those who came last are told first. */
	if (number == 0 && (sim->wants[1] & type) != 0 &&
	    dialog->told[1][bit_of(type)] < dialog->told[0][bit_of(type)])
		sim_fail(sim, "note %x is told in the wrong order", type);
	if (dialog->told[number][bit_of(type)] > dialog->made[bit_of(type)] &&
	    type != PARLEY_NOTE_DESTROY && type != sim->notifying)
		sim_fail(sim,
			 "note %x of %u.%u is told more often than it "
			 "was made",
			 type, told->id.entry, told->id.id);
}

static void told_all(struct parley *engine, void *param,
		     const struct parley_told *told)
{
	struct subscriber *subscriber = param;
	struct sim *sim = subscriber->sim;
	struct model_dialog *dialog = model_find(&sim->model, told->id);

	(void)engine;
	sim_event(sim, "    told %d: %x of %u.%u, %u to %u", subscriber->number,
		  (uint32_t)told->type, told->id.entry, told->id.id,
		  told->old_state, told->new_state);
	if (dialog == NULL)
		sim_fail(sim, "a note %x of %u.%u, which is gone",
			 (uint32_t)told->type, told->id.entry, told->id.id);
	if (((uint32_t)told->type & sim->wants[subscriber->number]) == 0)
		sim_fail(sim, "a note %x that nobody wanted",
			 (uint32_t)told->type);
	told_order(sim, dialog, told, subscriber->number);
	call_back(sim, told->id);
}

/* ----------------------------------------------- subscriptions to one */

static void told_own(struct parley *engine, void *param,
		     const struct parley_told *told)
{
	struct subscriber *own = param;
	struct sim *sim = own->sim;

	(void)engine;
	if (!own->used || !id_equal(own->id, told->id) ||
	    ((uint32_t)told->type & own->types) == 0)
		sim_fail(sim, "subscriber of %u.%u is told %x of %u.%u",
			 own->id.entry, own->id.id, (uint32_t)told->type,
			 told->id.entry, told->id.id);
	if (own->destroyed > 0)
		sim_fail(sim, "note %x after DESTROY to a subscriber of one",
			 (uint32_t)told->type);
	if ((uint32_t)told->type & note_terminal()) {
		struct model_dialog *dialog = model_find(&sim->model, told->id);

		own->terminal++;
		/* It shuts the door also if nobody else wants it. */
		if (dialog != NULL)
			dialog->terminal_entered = true;
	}
	own->destroyed += told->type == PARLEY_NOTE_DESTROY;
	if (own->terminal > 1)
		sim_fail(sim, "a second end to a subscriber of one");
	call_back(sim, told->id);
}

static void own_release(void *param)
{
	struct subscriber *own = param;

	if (!own->used || own->released > 0)
		sim_fail(own->sim, "a subscription is released twice");
	if ((own->types & PARLEY_NOTE_DESTROY) && own->destroyed != 1)
		sim_fail(own->sim, "a subscription is released before "
				   "DESTROY");
	own->released++;
	own->used = false;
}

void told_subscribe_own(struct sim *sim, struct model_dialog *dialog)
{
	struct subscriber *own = NULL;
	uint64_t failures = sim->host.failures;
	int rc;

	for (int i = 0; i < OWN_SUBSCRIBERS && own == NULL; i++)
		if (!sim->own[i].used)
			own = &sim->own[i];
	if (own == NULL)
		return;
	memset(own, 0, sizeof(*own));
	own->sim = sim;
	own->used = true;
	own->id = dialog->id;
	own->types = rng_chance(&sim->rng, 500)
			     ? note_terminal() | PARLEY_NOTE_DESTROY
			     : (uint32_t)PARLEY_NOTE_REQUEST_WITHIN;
	rc = parley_subscribe(sim->engine, dialog->id, own->types, told_own,
			      own, own_release);
	if (rc == PARLEY_E_MEMORY && sim->host.failures != failures)
		own->used = false;
	else if (rc != 0)
		sim_fail(sim, "subscribe: %s", parley_error_text(rc));
	else
		dialog->subs |= own->types;
}

void told_subscribe(struct sim *sim)
{
	/* Every DLGCB_ bit but 1 << 11. */
	const uint32_t all = 0xf7ff | PARLEY_NOTE_STATE;

	sim->wants[0] = all;
	if (rng_chance(&sim->rng, 200))
		sim->wants[0] = 0;
	sim->wants[1] = 0;
	if (rng_chance(&sim->rng, 500))
		sim->wants[1] = (uint32_t)rng_next(&sim->rng) & all;
	for (int i = 0; i < SUBSCRIBERS; i++) {
		int rc;

		sim->subscriber[i].sim = sim;
		sim->subscriber[i].number = i;
		if (sim->wants[i] == 0)
			continue;
		rc = parley_subscribe_all(sim->engine, sim->wants[i], told_all,
					  &sim->subscriber[i]);
		if (rc != 0)
			sim_fail(sim, "subscribe_all: %s",
				 parley_error_text(rc));
	}
}

/* ----------------------------------------------- delivery */

/* All that was made must have been told once nothing is under way, except
 * what came too late for a call that had ended already. */
static void told_all_made(struct sim *sim, const struct model_dialog *dialog)
{
	if (dialog->terminal_entered || sim->pause_refused)
		return;
	for (int i = 0; i < SUBSCRIBERS; i++)
		for (uint32_t bit = 0; bit < NOTE_BITS; bit++)
			if ((sim->wants[i] >> bit & 1) != 0 &&
			    dialog->told[i][bit] < dialog->made[bit])
				sim_fail(sim,
					 "note %x of %u.%u was not told "
					 "to subscriber %d",
					 1u << bit, dialog->id.entry,
					 dialog->id.id, i);
}

void tell_deliver(struct sim *sim, const struct parley_note *note,
		  void *message, bool may_wait)
{
	struct parley_id id = note->id;
	struct model_dialog *dialog = model_find(&sim->model, id);

	sim_event(sim, "  deliver %x of %u.%u ticket %u%s%s", note->types,
		  id.entry, id.id, note->ticket,
		  message == NULL ? ", no message" : "",
		  may_wait ? ", may wait" : "");
	if (dialog == NULL)
		sim_fail(sim, "a note is under way, its dialog is gone");
	/* The last note of an ended dialog frees it, inside the call. */
	sim->notes.depth++;
	parley_deliver(sim->engine, note, message, may_wait);
	sim->notes.depth--;
	dialog->undelivered--;
	if (dialog->undelivered == 0 && sim->notes.depth == 0)
		told_all_made(sim, dialog);
	model_settle(sim, dialog);
	if (dialog->used)
		compare_dialog(sim, dialog, false);
	else
		compare_gone(sim, id);
}

bool sim_pause(struct sim *sim)
{
	if (sim->notes.depth < 6 && notes_deliver_one(sim))
		return true;
	sim->pause_refused = true;
	return false;
}
