/*
 * db_write.c - a batch of dialogs into the database; see db_write.h
 *
 * When a statement fails, the batch is halved until the dialog that is to blame
 * is alone. Is it refused once more, while a row of ours that nobody could
 * object to is taken, then it is given up, until it changes.
 */
#include <stdlib.h>

#include "db_batch.h"
#include "db_latest.h"
#include "text.h"

enum { FIRST_ENTRIES = 64 };

struct db_batch *db_batch_make(struct db_link *link, bool has_more)
{
	struct db_batch *batch = calloc(1, sizeof(*batch));

	if (!batch)
		return NULL;
	batch->link = link;
	batch->has_more = has_more;
	batch->arena = db_arena_make();
	batch->scratch = db_arena_make();
	batch->erased.kind = batch->inserted.kind = batch->statement.kind =
		db_kind();
	if (!batch->arena || !batch->scratch) {
		db_batch_free(batch);
		return NULL;
	}
	return batch;
}

void db_batch_free(struct db_batch *batch)
{
	if (!batch)
		return;
	db_arena_free(batch->arena);
	db_arena_free(batch->scratch);
	sql_free(&batch->erased);
	sql_free(&batch->inserted);
	sql_free(&batch->statement);
	free(batch->entries);
	free(batch);
}

uint32_t db_batch_count(const struct db_batch *batch)
{
	return batch->count;
}

/* ------------------------------------------------ what is to be written */

static struct batch_entry *add_entry(struct db_batch *batch)
{
	if (batch->count == batch->room) {
		uint32_t room = batch->room ? batch->room * 2 : FIRST_ENTRIES;
		struct batch_entry *grown = reallocarray(
			batch->entries, room, sizeof(*batch->entries));

		if (!grown)
			return NULL;
		batch->entries = grown;
		batch->room = room;
	}
	batch->entries[batch->count] = (struct batch_entry){0};
	return &batch->entries[batch->count];
}

static bool is_text(const struct db_column *column,
		    const struct db_value *value)
{
	return column->kind == DB_TEXT && !value->null;
}

/* A copy of @rows, with their texts, behind one another. */
static int copy_rows(struct db_batch *batch, struct batch_entry *entry,
		     enum db_table table, const struct db_row *rows,
		     uint32_t count)
{
	const struct db_layout *layout = db_layout(table);
	size_t size = count * layout->count * sizeof(struct db_value);
	struct db_value *value;
	char *text;

	for (uint32_t i = 0; i < count; i++)
		for (uint32_t j = 0; j < layout->count; j++)
			if (is_text(&layout->columns[j], &rows[i].values[j]))
				size += rows[i].values[j].text.len;
	value = db_arena_take(batch->arena, size);
	if (!value)
		return PARLEY_E_MEMORY;
	entry->rows[table] = value;
	entry->count[table] = count;
	text = (char *)(value + count * layout->count);
	for (uint32_t i = 0; i < count; i++)
		for (uint32_t j = 0; j < layout->count; j++, value++) {
			*value = rows[i].values[j];
			if (!is_text(&layout->columns[j], value))
				continue;
			if (value->text.len > 0)
				memcpy(text, value->text.s, value->text.len);
			value->text.s = text;
			text += value->text.len;
		}
	return 0;
}

static int copy_all(struct db_batch *batch, struct batch_entry *entry,
		    const struct db_rows *rows)
{
	if (rows->has_dialog &&
	    copy_rows(batch, entry, DB_DIALOG, &rows->dialog, 1) < 0)
		return PARLEY_E_MEMORY;
	if (rows->has_dialog && rows->var_count > 0 &&
	    copy_rows(batch, entry, DB_VARS, rows->vars, rows->var_count) < 0)
		return PARLEY_E_MEMORY;
	if (rows->has_more && batch->has_more)
		return copy_rows(batch, entry, DB_MORE, &rows->more, 1);
	return 0;
}

static int put(struct db_batch *batch, const struct parley_image *image,
	       bool claim, struct parley_now now)
{
	struct batch_entry *entry = add_entry(batch);
	struct db_rows rows = {0};

	db_arena_empty(batch->scratch);
	if (!entry || db_rows_of(image, now, batch->scratch, &rows) < 0)
		return PARLEY_E_MEMORY;
	if (claim)
		rows.has_dialog = false; /* they are there */
	if (copy_all(batch, entry, &rows) < 0)
		return PARLEY_E_MEMORY;
	entry->callid = db_arena_text(batch->arena, image->view.callid);
	entry->id = image->view.id;
	batch->count++;
	return 0;
}

int db_batch_put(struct db_batch *batch, const struct parley_image *image,
		 bool known, uint64_t ticket, struct parley_now now)
{
	int rc = put(batch, image, false, now);

	if (rc == 0) {
		batch->entries[batch->count - 1].ticket = ticket;
		batch->entries[batch->count - 1].erase = known;
	}
	return rc;
}

int db_batch_claim(struct db_batch *batch, const struct parley_image *image,
		   struct parley_now now)
{
	return put(batch, image, true, now);
}

int db_batch_gone(struct db_batch *batch, struct parley_id id,
		  struct parley_str callid, uint64_t ticket)
{
	struct batch_entry *entry = add_entry(batch);

	if (!entry)
		return PARLEY_E_MEMORY;
	entry->callid = db_arena_text(batch->arena, callid);
	entry->ticket = ticket;
	entry->id = id;
	entry->erase = true;
	batch->count++;
	return 0;
}

/* ------------------------------------------------ writing */

/* Other rows before the one of the table dialog: who reads it has all of it.
 * What is committed as a whole needs no order, but locks taken in one. */
static enum db_result attempt(struct db_batch *batch, uint32_t first,
			      uint32_t end)
{
	enum db_result result = db_begin(batch->link);

	for (int table = DB_TABLES - 1; table >= 0 && result == DB_DONE;
	     table--)
		result =
			db_write_table(batch, (enum db_table)table, first, end);
	return result == DB_DONE ? db_commit(batch->link) : result;
}

/* Rows that nobody could object to are taken: then it is not for a full disk,
 * a lost right or a missing table that the others were not. */
static bool would_take_others(struct db_batch *batch,
			      const struct batch_entry *entry)
{
	bool taken = db_begin(batch->link) == DB_DONE;

	for (int table = 0; table < DB_TABLES && taken; table++)
		if (entry->count[table] > 0)
			taken = db_write_sample(batch, (enum db_table)table) ==
				DB_DONE;
	db_rollback(batch->link);
	return taken && (!batch->has_more || db_write_probe(batch) == DB_DONE);
}

static bool has_rows(const struct batch_entry *entry)
{
	for (int table = 0; table < DB_TABLES; table++)
		if (entry->count[table] > 0)
			return true;
	return false;
}

#define SHOWN(entry)                                                           \
	(entry)->id.entry, (entry)->id.id,                                     \
		text_shown((int)(entry)->callid.len), (entry)->callid.s

void db_say_refused(const struct batch_entry *entry)
{
	log_limited(LOG_CAUSE_DB, L_ERR,
		    "dialog %u.%u (Call-ID %.*s): the database refuses its "
		    "rows, see the driver's line above; not stored until the "
		    "call changes\n",
		    SHOWN(entry));
}

static enum db_result write_alone(struct db_batch *batch, uint32_t index)
{
	struct batch_entry *entry = &batch->entries[index];
	enum db_result result;

	db_let_explain();
	result = attempt(batch, index, index + 1);
	if (result != DB_REFUSED)
		return result;
	for (enum sql_loss loss = SQL_LOSES_BYTES;
	     loss <= SQL_LOSES_CHARACTERS && result == DB_REFUSED; loss++) {
		batch->inserted.loss = loss;
		result = attempt(batch, index, index + 1);
	}
	batch->inserted.loss = SQL_LOSES_NOTHING;
	if (result == DB_DONE)
		log_limited(LOG_CAUSE_DB, L_WARN,
			    "dialog %u.%u (Call-ID %.*s): has characters that "
			    "the database has not: '?' is stored for them\n",
			    SHOWN(entry));
	if (result != DB_REFUSED)
		return result;
	/* There is nothing in a deletion that could be refused. */
	if (!has_rows(entry) || !would_take_others(batch, entry))
		return DB_GONE;
	entry->refused = true;
	db_say_refused(entry);
	return DB_DONE;
}

static enum db_result write_range(struct db_batch *batch, uint32_t first,
				  uint32_t end)
{
	uint32_t middle = first + (end - first) / 2;
	enum db_result result = attempt(batch, first, end);

	if (result == DB_DONE)
		for (uint32_t i = first; i < end; i++)
			batch->entries[i].written = true;
	if (result != DB_REFUSED)
		return result;
	if (end - first == 1) {
		result = write_alone(batch, first);
		batch->entries[first].written =
			result == DB_DONE && !batch->entries[first].refused;
		return result;
	}
	result = write_range(batch, first, middle);
	return result == DB_DONE ? write_range(batch, middle, end) : result;
}

/* What changed again while the batch was collected is not written. False: no
 * memory. */
static bool drop_old(struct db_batch *batch)
{
	struct db_change *changes =
		db_arena_take(batch->arena, batch->count * sizeof(*changes));

	if (!changes)
		return false;
	for (uint32_t i = 0; i < batch->count; i++)
		changes[i] = (struct db_change){batch->entries[i].id, i};
	db_changes_sort(changes, batch->count);
	for (uint32_t i = 0; i < batch->count; i++) {
		struct batch_entry *entry = &batch->entries[changes[i].number];

		if (db_change_is_old(changes, batch->count, i))
			memset(entry->count, 0, sizeof(entry->count));
	}
	return true;
}

enum db_result db_batch_write(struct db_batch *batch, db_batch_done done,
			      struct db_batch_result *result)
{
	enum db_result outcome = DB_DONE;

	batch->statements = 0;
	*result = (struct db_batch_result){0};
	if (batch->count > 0 && db_can_raw())
		outcome = drop_old(batch) && db_write_prepare(batch) == DB_DONE
				  ? write_range(batch, 0, batch->count)
				  : DB_GONE;
	else if (batch->count > 0)
		outcome = db_write_rows(batch);
	for (uint32_t i = 0; i < batch->count; i++) {
		const struct batch_entry *entry = &batch->entries[i];

		result->refused += entry->refused;
		/* What is refused must not come back at once. */
		done(entry->ticket, entry->written || entry->refused,
		     entry->written && has_rows(entry) ? &entry->id : NULL);
	}
	result->statements = batch->statements;
	batch->count = 0;
	db_arena_empty(batch->arena);
	return outcome;
}

/* ------------------------------------------------ all of them */

/* DELETE FROM @table, but for what dialog_more says is another node's. */
static void make_delete_own(struct sql *sql, enum db_table table, bool has_more)
{
	const struct db_layout *layout = db_layout(table);
	const struct db_layout *more = db_layout(DB_MORE);

	sql_empty(sql);
	sql_add(sql, "DELETE FROM ");
	sql_add_name(sql, to_parley(layout->name));
	if (!has_more)
		return;
	sql_add(sql, " WHERE NOT EXISTS (SELECT 1 FROM ");
	sql_add_name(sql, to_parley(more->name));
	sql_add(sql, " more_ WHERE ");
	for (uint32_t i = 0; i < 2; i++) {
		sql_add(sql, "more_.");
		sql_add_name(sql, to_parley(more->columns[i].name));
		sql_add(sql, "=");
		sql_add_name(sql, to_parley(layout->name));
		sql_add(sql, ".");
		sql_add_name(sql, to_parley(layout->columns[i].name));
		sql_add(sql, " AND ");
	}
	sql_add(sql, "more_.node NOT IN ('',");
	sql_add_literal(sql, db_rules()->names.self);
	sql_add(sql, "))");
}

/* The rows of dialog_more say whose the others are, so they go last. */
static void make_delete_more(struct sql *sql)
{
	sql_empty(sql);
	sql_add(sql, "DELETE FROM ");
	sql_add_name(sql, to_parley(db_layout(DB_MORE)->name));
	sql_add(sql, " WHERE node IN ('',");
	sql_add_literal(sql, db_rules()->names.self);
	sql_add(sql, ")");
}

enum db_result db_delete_own(struct db_link *link, bool has_more)
{
	struct sql *sql = &link->sql;
	enum db_result result;

	if (!db_can_raw())
		return db_delete_own_rows(link, has_more);
	result = db_begin(link);
	for (enum db_table table = DB_DIALOG;
	     table <= DB_VARS && result == DB_DONE; table++) {
		make_delete_own(sql, table, has_more);
		result = db_exec(link, sql_text(sql));
	}
	if (result == DB_DONE && has_more) {
		make_delete_more(sql);
		result = db_exec(link, sql_text(sql));
	}
	return result == DB_DONE ? db_commit(link) : result;
}
