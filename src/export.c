/*
 * export.c - dialogs out of the engine, for other nodes
 */
#include "copy.h"

static uint64_t left_ms(uint64_t due_ms, struct parley_now now)
{
	if (due_ms == UINT64_MAX)
		return UINT64_MAX;
	return due_ms > now.ms ? due_ms - now.ms : 0;
}

/* NOLINTNEXTLINE(readability-function-size): parley.h has it so. */
int parley_export(struct parley *engine, struct parley_now now,
		  struct parley_id id, struct parley_image *image, void *buffer,
		  size_t size, size_t *neededp)
{
	const struct dialog *dialog = dialog_find_lock_any(engine, id);
	struct parley_image copy = {0};
	size_t used;

	if (!dialog)
		return PARLEY_E_NO_DIALOG;
	if (dialog->copy && dialog->copy->quiet) {
		dialog_unlock(engine, id);
		return PARLEY_E_ABSENT;
	}
	used = view_locked(dialog, now, &copy.view, buffer, size);
	if (dialog->copy) {
		copy.epoch = dialog->copy->epoch;
		copy.version = dialog->copy->version;
		copy.by = dialog->copy->by;
		copy.end_untold = dialog->copy->end_untold;
		if (dialog->copy->replica)
			copy.view.ending |= dialog->copy->owner_ending;
	}
	copy.invite_cseq = dialog->invite_cseq;
	copy.invite_shift = dialog->invite_shift;
	copy.lifetime_left_ms = left_ms(dialog->due_lifetime_ms, now);
	copy.state_left_ms = left_ms(dialog->due_state_ms, now);
	dialog_unlock(engine, id);
	if (neededp)
		*neededp = used;
	if (used > size)
		return PARLEY_E_SPACE;
	*image = copy;
	return 0;
}
