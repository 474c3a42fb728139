#include "store.h"

/* A node that is gone is noticed within about two minutes; for so long its end
 * of a call is waited for, in units of config.ack_wait_ms. */
enum { END_ROUNDS = 4 };

bool copy_init(struct parley *engine, struct dialog *dialog)
{
	struct copy *copy;

	if (!engine->config.replicate)
		return true;
	copy = mem_alloc(&engine->mem, sizeof(*copy));
	if (!copy)
		return false;
	*copy = (struct copy){
		/* The node in the lower half: two nodes never adopt a dialog
		 * with the same epoch. */
		.epoch = 1U << 16 | engine->config.node,
	};
	dialog->copy = copy;
	return true;
}

void copy_fini(struct parley *engine, struct dialog *dialog)
{
	if (!dialog->copy)
		return;
	text_fini(&engine->mem, &dialog->copy->owner);
	mem_free(&engine->mem, dialog->copy, sizeof(*dialog->copy));
	dialog->copy = NULL;
}

void copy_changed(struct parley *engine, struct dialog *dialog)
{
	struct shard *shard =
		&engine->shards[shard_of(engine, dialog->id.entry)];
	struct copy *copy = dialog->copy;

	if (copy->quiet || dialog->destroying)
		return;
	copy->version++;
	copy->by = engine->config.node;
	if (copy->changed)
		return;
	copy->changed = true;
	copy->changed_next = NULL;
	if (shard->changed_last)
		shard->changed_last->copy->changed_next = dialog;
	else
		shard->changed_first = dialog;
	shard->changed_last = dialog;
	count_one(&engine->count.changed);
}

static bool take_changed(struct parley *engine, uint32_t number,
			 struct parley_id *idp)
{
	struct shard *shard = &engine->shards[number];
	struct dialog *dialog;

	shard_lock(engine, number);
	dialog = shard->changed_first;
	if (dialog) {
		struct copy *copy = dialog->copy;

		shard->changed_first = copy->changed_next;
		if (!shard->changed_first)
			shard->changed_last = NULL;
		copy->changed = false;
		copy->taken = true;
		*idp = dialog->id;
		count_one_less(&engine->count.changed);
	}
	shard_unlock(engine, number);
	return dialog != NULL;
}

bool parley_changed(struct parley *engine, struct parley_id *idp)
{
	uint32_t shards = engine->config.shards;

	if (atomic_load_explicit(&engine->count.changed,
				 memory_order_relaxed) == 0)
		return false;
	for (uint32_t i = 0; i < shards; i++) {
		uint32_t number = engine->next_changed;

		if (take_changed(engine, number, idp))
			return true;
		engine->next_changed = (number + 1) & (shards - 1);
	}
	return false;
}

void parley_changed_done(struct parley *engine, struct parley_id id)
{
	struct dialog *dialog = dialog_find_lock(engine, id);
	bool over;

	if (!dialog)
		return;
	if (dialog->copy)
		dialog->copy->taken = false;
	over = dialog_settle_locked(dialog);
	dialog_unlock(engine, id);
	if (over)
		dialog_destroy(engine, dialog);
}

uint32_t copy_notes(struct dialog *dialog, uint32_t notes)
{
	const uint32_t ends = PARLEY_NOTE_TERMINATED | PARLEY_NOTE_FAILED |
			      PARLEY_NOTE_EXPIRED;

	if (!copy_replica(dialog))
		return notes;
	/* One that is being ended by command may still be ended elsewhere. */
	if ((notes & ends) && dialog->state == PARLEY_STATE_DELETED)
		dialog->copy->end_untold = true;
	return notes & PARLEY_NOTE_LOADED;
}

uint32_t copy_notes_due(const struct dialog *dialog)
{
	uint32_t notes = dialog->copy->loaded ? 0 : PARLEY_NOTE_LOADED;

	if (dialog->state != PARLEY_STATE_DELETED)
		return notes;
	if (!dialog->copy->end_untold)
		return 0;
	if (dialog->start_s == 0)
		return notes | PARLEY_NOTE_FAILED;
	/* CDRs are written when the BYE was answered. */
	return notes | PARLEY_NOTE_TERMINATED | PARLEY_NOTE_BYE_REPLIED;
}

bool copy_waits(struct dialog *dialog)
{
	return copy_replica(dialog) && dialog->copy->end_untold &&
	       ++dialog->copy->end_rounds < END_ROUNDS;
}

const char *copy_check(const struct dialog *dialog)
{
	const struct copy *copy = dialog->copy;

	if (!copy)
		return NULL;
	if (copy->replica != (copy->owner.len > 0))
		return "copy: a replica and its owner's name come together";
	if (copy->end_untold && dialog->state != PARLEY_STATE_DELETED)
		return "copy: the end of a call that is up";
	return NULL;
}
