/*
 * adopt.c - dialogs of a node that is gone
 *
 * Another node takes them over, or forgets them.
 */
#include "ping.h"
#include "store.h"

/* The lock is held if the dialog is returned. */
static struct dialog *find_of_owner(struct parley *engine, struct parley_id id,
				    struct parley_str owner)
{
	struct dialog *dialog = dialog_find_lock(engine, id);

	if (!dialog || (copy_replica(dialog) &&
			str_equal(text_str(&dialog->copy->owner), owner)))
		return dialog;
	dialog_unlock(engine, id);
	return NULL;
}

/* The INVITE's transaction went with its node: nothing will come of it. */
static void adopt_early(struct step *step)
{
	struct dialog *dialog = step->dialog;
	uint64_t due = step->now.ms + step->engine->config.ack_wait_ms;

	if (dialog->due_state_ms > due)
		dialog->due_state_ms = due;
}

int parley_adopt(struct parley *engine, struct parley_now now,
		 struct parley_id id, struct parley_str owner,
		 struct parley_actions *actions)
{
	struct step step;
	struct copy *copy;

	step_init(&step, engine, now, actions);
	step.dialog = find_of_owner(engine, id, owner);
	if (!step.dialog)
		return PARLEY_E_ABSENT;
	actions->old_state = step.dialog->state;
	copy = step.dialog->copy;
	text_fini(&engine->mem, &copy->owner);
	copy->replica = false;
	step.dialog->known = true; /* by its owner's word, perhaps */
	copy->epoch = ((copy->epoch >> 16) + 1) << 16 | engine->config.node;
	step.notes = copy_notes_due(step.dialog);
	copy->loaded = true;
	copy->end_untold = false;
	if (step.dialog->state < PARLEY_STATE_ANSWERED)
		adopt_early(&step);
	else if (step.dialog->state != PARLEY_STATE_DELETED &&
		 copy->owner_ending)
		(void)!terminate_answered(&step, PARLEY_SIDE_ALL);
	ping_update_locked(engine, step.dialog, now);
	dialog_arm_locked(engine, step.dialog);
	dialog_changed(engine, step.dialog);
	step_end(&step);
	return 0;
}

void image_forget(struct step *step)
{
	step->dialog->copy->quiet = true;
	(void)!step_apply(step, T_IMPORT_ENDED);
	step->notes = 0;
	step->dialog->copy->end_untold = false;
	step->dialog->linger = false;
}

int parley_forget(struct parley *engine, struct parley_now now,
		  struct parley_id id, struct parley_str owner)
{
	struct parley_actions actions;
	struct step step;

	step_init(&step, engine, now, &actions);
	step.dialog = find_of_owner(engine, id, owner);
	if (!step.dialog)
		return PARLEY_E_ABSENT;
	actions.old_state = step.dialog->state;
	image_forget(&step);
	step_end(&step);
	return 0;
}
