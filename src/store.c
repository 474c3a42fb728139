/* See store.h and parley_store.h. */
#include "store.h"
#include "record.h"

/* ------------------------------------------------ one record */

static void sink_write(void *self, const void *bytes, size_t size)
{
	journal_write(self, bytes, size);
}

/* In the place of @old. The record's name, 0: there is no room. */
static journal_name record_put(struct parley *engine,
			       const struct dialog *dialog,
			       enum journal_kind kind, journal_name old)
{
	const struct shard *shard =
		&engine->shards[shard_of(engine, dialog->id.entry)];
	struct journal_writer writer;
	const struct record_sink sink = {sink_write, &writer};
	struct journal_item item = {
		.id = dialog->id,
		.kind = kind,
		.known = dialog->known,
		.bytes = kind == JOURNAL_GONE ? record_gone_bytes(dialog)
					      : record_bytes(engine, dialog),
		.old = old,
	};

	if (!journal_begin(&engine->journal, &writer, &item))
		return 0;
	if (kind == JOURNAL_GONE)
		record_write_gone(dialog, &sink);
	else
		record_write(engine, dialog, shard->now, &sink);
	return journal_commit(&writer, shard->now.ms);
}

static bool write_change(struct parley *engine, struct dialog *dialog)
{
	journal_name name =
		record_put(engine, dialog, JOURNAL_PUT, dialog->record);

	if (name != 0)
		dialog->record = name;
	return name != 0;
}

/* Of a call that the database has never heard of nothing remains. If what was
 * replaced is kept for a power cut, something has to outdo it until the next
 * flush; but it is nothing that the database has to be told. */
static bool write_end(struct parley *engine, struct dialog *dialog)
{
	bool silent = dialog->record == 0 && !dialog->known;
	journal_name name;

	if (!silent && dialog->record != 0 && !engine->journal.keep)
		silent = journal_drop(&engine->journal, dialog->record);
	if (!silent) {
		name = record_put(engine, dialog, JOURNAL_GONE, dialog->record);
		if (name == 0)
			return false;
		(void)!journal_drop(&engine->journal, name);
	}
	dialog->record = 0;
	dialog->gone = true;
	return true;
}

/* Another node owns it, and writes it: perhaps into a database of its own. The
 * rows that are here stay until the call is over; who has gone before has them
 * deleted twice, which harms nobody. */
static void give_up(struct parley *engine, struct dialog *dialog)
{
	if (dialog->record != 0) {
		journal_forget(&engine->journal, dialog->record);
		dialog->known = true;
	}
	dialog->record = 0;
}

static void set_unrecorded(struct parley *engine, struct dialog *dialog,
			   bool unrecorded)
{
	if (unrecorded && !dialog->unrecorded)
		count_one(&engine->count.unrecorded);
	else if (!unrecorded && dialog->unrecorded)
		count_one_less(&engine->count.unrecorded);
	dialog->unrecorded = unrecorded;
}

/* The end of an identity that @dialog had. False: there is no room. */
static bool write_old_end(struct parley *engine, struct dialog *dialog,
			  const struct renamed *old)
{
	struct parley_id now = dialog->id;
	bool known = dialog->known;
	journal_name name;

	dialog->id = old->was;
	dialog->known = true;
	name = record_put(engine, dialog, JOURNAL_GONE, old->record);
	dialog->id = now;
	dialog->known = known;
	return name != 0;
}

static struct renamed **renamed_of(struct parley *engine,
				   const struct dialog *dialog)
{
	return &engine->shards[shard_of(engine, dialog->id.entry)].renamed;
}

/* The ends of all that @dialog has been; of another node's none is written.
 * False: there is no room. */
static bool write_old_ends(struct parley *engine, struct dialog *dialog)
{
	struct renamed **at = renamed_of(engine, dialog);

	while (*at) {
		struct renamed *old = *at;

		if (old->id.id != dialog->id.id ||
		    old->id.entry != dialog->id.entry) {
			at = &old->next;
			continue;
		}
		if (!copy_replica(dialog) &&
		    !write_old_end(engine, dialog, old))
			return false;
		*at = old->next;
		mem_free(&engine->mem, old, sizeof(*old));
	}
	return true;
}

/* The end of an old identity goes before the dialog's own, and after any other
 * record: what a crash leaves may be one call twice. */
void store_write_locked(struct parley *engine, struct dialog *dialog)
{
	bool written = true;

	dialog->unwritten = false;
	if (dialog->gone || !engine->store)
		return;
	if (copy_replica(dialog))
		give_up(engine, dialog);
	if (dialog->state == PARLEY_STATE_DELETED)
		written = write_old_ends(engine, dialog) &&
			  write_end(engine, dialog);
	else if (copy_replica(dialog))
		written = write_old_ends(engine, dialog);
	else
		written = write_change(engine, dialog) &&
			  write_old_ends(engine, dialog);
	set_unrecorded(engine, dialog, !written);
}

static void renamed_add(struct parley *engine, struct dialog *dialog,
			const struct renamed *old)
{
	struct renamed **list = renamed_of(engine, dialog);
	struct renamed *made;

	for (made = *list; made; made = made->next)
		if (made->was.id == old->was.id &&
		    made->was.entry == old->was.entry)
			return;
	made = mem_alloc(&engine->mem, sizeof(*made));
	if (!made) {
		/* Now, or the next start finds both. */
		if (!dialog->unrecorded)
			(void)!write_old_end(engine, dialog, old);
		return;
	}
	*made = *old;
	made->next = *list;
	*list = made;
	set_unrecorded(engine, dialog, true);
}

void store_renamed_locked(struct parley *engine, struct dialog *dialog,
			  struct parley_id id, journal_name record)
{
	const struct renamed old = {
		.was = id, .id = dialog->id, .record = record};

	if (!engine->store)
		return;
	if (dialog->gone)
		(void)!write_old_end(engine, dialog, &old);
	else if (dialog->unrecorded || !write_old_end(engine, dialog, &old))
		renamed_add(engine, dialog, &old);
}

int dialog_change_unlock(struct parley *engine, struct dialog *dialog, int rc)
{
	if (rc == 0)
		dialog_changed(engine, dialog);
	dialog_write_unlock(engine, dialog);
	if (rc == PARLEY_E_MEMORY)
		count_one(&engine->count.no_memory);
	return rc;
}

/* ------------------------------------------------ catching up */

/* So many dialogs are looked at each time, so that a record that is done costs
 * the same however many there are. */
enum { CATCH_UP = 32 };

/* False: there is no room yet. */
static bool catch_up_one(struct parley *engine, struct parley_id id)
{
	struct dialog *dialog = dialog_find_lock(engine, id);
	bool over, room;

	if (!dialog)
		return true;
	if (dialog->unrecorded)
		store_write_locked(engine, dialog);
	room = !dialog->unrecorded;
	over = dialog_settle_locked(dialog);
	dialog_unlock(engine, id);
	if (over)
		dialog_destroy(engine, dialog);
	return room;
}

static void catch_up(struct parley *engine)
{
	for (int i = 0; i < CATCH_UP; i++) {
		if (atomic_load_explicit(&engine->count.unrecorded,
					 memory_order_relaxed) == 0)
			return;
		if (!parley_next(engine, &engine->catch_up))
			engine->catch_up = (struct parley_id){0, 0};
		else if (!catch_up_one(engine, engine->catch_up))
			return;
	}
}

/* ------------------------------------------------ to the database */

/* Where a record goes. */
struct target {
	void *buffer;
	size_t size;
	size_t *neededp;
};

/* The bytes stand at the end of the buffer while they are read. */
static int record_get(struct parley *engine, struct parley_now now,
		      const struct journal_record *from,
		      struct parley_record *record, const struct target *target)
{
	size_t needed = 2 * from->bytes, room;
	struct parley_image image;
	int rc = PARLEY_E_SPACE;
	char *bytes;

	if (target->size >= from->bytes) {
		room = target->size - from->bytes;
		bytes = (char *)target->buffer + room;
		journal_read(&engine->journal, from, bytes);
		rc = record_read(
			engine, now,
			(struct parley_str){bytes, (uint32_t)from->bytes},
			&image, target->buffer, room, &needed);
		needed += from->bytes;
	}
	if (target->neededp)
		*target->neededp = needed;
	if (rc == 0)
		*record = (struct parley_record){
			.ticket = from->name,
			.gone = from->kind == JOURNAL_GONE,
			.known = from->known,
			.image = image,
		};
	else if (rc != PARLEY_E_SPACE)
		record->ticket = from->name;
	return rc;
}

/* NOLINTNEXTLINE(readability-function-size): parley_store.h has it so. */
int parley_store_take(struct parley *engine, struct parley_now now,
		      struct parley_record *record, void *buffer, size_t size,
		      size_t *neededp)
{
	const struct target target = {buffer, size, neededp};
	struct journal_record taken;
	int rc;

	catch_up(engine);
	if (!journal_take(&engine->journal, &taken))
		return 0;
	rc = record_get(engine, now, &taken, record, &target);
	if (rc == PARLEY_E_SPACE)
		journal_done(&engine->journal, taken.name, false);
	if (rc < 0)
		return rc;
	return 1;
}

void parley_store_done(struct parley *engine, uint64_t ticket, bool written)
{
	journal_done(&engine->journal, ticket, written);
	if (written)
		catch_up(engine);
}

uint64_t parley_store_mark(struct parley *engine)
{
	return journal_mark(&engine->journal);
}

void parley_store_synced(struct parley *engine, uint64_t mark)
{
	journal_synced(&engine->journal, mark);
}

void parley_store_get_stats(struct parley *engine, struct parley_now now,
			    struct parley_store_stats *stats)
{
	*stats = (struct parley_store_stats){0};
	if (!engine->store)
		return;
	journal_get_stats(&engine->journal, now.ms, stats);
	stats->unrecorded = atomic_load_explicit(&engine->count.unrecorded,
						 memory_order_relaxed);
}

/* ------------------------------------------------ after a crash */

size_t parley_store_size(const void *area, size_t size)
{
	return journal_size(area, size);
}

int parley_store_open(struct parley *engine, struct parley_now now,
		      const struct parley_store_config *config)
{
	int rc = journal_open(&engine->journal, &engine->host,
			      engine->config.shards + PROFILE_SHARDS, now.ms,
			      config);

	engine->store = rc == 0;
	return rc;
}

/* NOLINTNEXTLINE(readability-function-size): parley_store.h has it so. */
int parley_store_next(struct parley *engine, struct parley_now now,
		      uint32_t *cursor, struct parley_record *record,
		      void *buffer, size_t size, size_t *neededp)
{
	const struct target target = {buffer, size, neededp};
	struct journal_record left;
	uint32_t next = *cursor;
	int rc;

	if (!journal_next(&engine->journal, &next, &left))
		return 0;
	rc = record_get(engine, now, &left, record, &target);
	if (rc == PARLEY_E_SPACE)
		return rc;
	*cursor = next;
	if (rc < 0)
		return rc;
	record->image.record = left.name;
	return 1;
}

/* ------------------------------------------------ checking */

const char *store_check(struct parley *engine, const struct dialog *dialog)
{
	bool live = dialog->state != PARLEY_STATE_DELETED;

	if (!engine->store)
		return NULL;
	if (dialog->unwritten)
		return "store: a change was not written";
	if (copy_replica(dialog))
		return dialog->record == 0 && !(live && dialog->unrecorded)
			       ? NULL
			       : "store: a replica has a record";
	if (dialog->gone)
		return !live && dialog->record == 0 && !dialog->unrecorded
			       ? NULL
			       : "store: an end was recorded that is none";
	if (!live && !dialog->unrecorded)
		return "store: an end was not recorded";
	if (live && !dialog->unrecorded && !dialog->known &&
	    dialog->record == 0)
		return "store: a dialog has no record";
	return NULL;
}
