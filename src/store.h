/*
 * store.h - dialogs and the journal
 *
 * What:    writes a dialog's record when it has changed, and takes it away, or
 *          puts one that says so in its place, when the dialog has ended.
 * Owns:    struct parley's journal; each dialog has the name of its record.
 * Time:    records hold wall clock; commands bring no time, so the last event
 *          of the shard tells how the two clocks go together.
 * Locking: the shard's lock for all that takes a dialog; below it the
 *          journal's.
 * Always:  when a shard is unlocked, what has changed of its dialogs is in the
 *          journal, or counted as unrecorded. A replica that lives has no
 *          record: its owner writes it. A dialog of this node's that the
 *          database does not know has a record that waits. One that has ended
 *          is not destroyed before its end is recorded.
 * Why:     without a journal a change costs one load and one store.
 */
#ifndef STORE_H
#define STORE_H

#include "copy.h"
#include "parley_store.h"

/* Writes what has changed since the lock was taken. Nobody but the functions
 * that unlock need call it. */
void store_write_locked(struct parley *engine, struct dialog *dialog);

/* The end of an identity that a dialog had before the last start, still to be
 * recorded; until then the dialog counts as unrecorded. */
struct renamed {
	struct renamed *next; /* of the shard */
	struct parley_id was, id;
	journal_name record; /* of the old one */
};

/* The dialog with the old identity @id, of which @record is the record, is now
 * @dialog: rows of the old one have to go. That is recorded when the new record
 * is there and there is room. */
void store_renamed_locked(struct parley *engine, struct dialog *dialog,
			  struct parley_id id, journal_name record);

/* Its end has found no room in the journal yet. */
static inline bool store_holds(const struct dialog *dialog)
{
	return dialog->unrecorded && dialog->state == PARLEY_STATE_DELETED;
}

/* Something of the dialog has changed: who has to know will, other nodes and
 * the journal, the latter when the lock is dropped by one of the next two. */
static inline void dialog_changed(struct parley *engine, struct dialog *dialog)
{
	if (dialog->copy)
		copy_changed(engine, dialog);
	dialog->unwritten = engine->store;
}

static inline void dialog_write_unlock(struct parley *engine,
				       struct dialog *dialog)
{
	if (dialog->unwritten)
		store_write_locked(engine, dialog);
	dialog_unlock(engine, dialog->id);
}

/* The end of a change by command: @rc, which is returned, is what came of it.
 */
int dialog_change_unlock(struct parley *engine, struct dialog *dialog, int rc);

/* An event brings the time. */
static inline void store_now(struct parley *engine, const struct dialog *dialog,
			     struct parley_now now)
{
	engine->shards[shard_of(engine, dialog->id.entry)].now = now;
}

/* The invariants; NULL or the broken one. The shard's lock is held. */
const char *store_check(struct parley *engine, const struct dialog *dialog);

#endif
