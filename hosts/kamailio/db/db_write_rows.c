/*
 * db_write_rows.c - a batch row by row, for drivers without statements
 *
 * There are no transactions, so the order is what makes the rows right at any
 * moment. A dialog that is there has its row in the table dialog, or in
 * dialog_more if it is early: this row is written last and deleted first.
 * Variables that are no longer set are deleted after the others were written,
 * so that none is missing in between. The journal still has the dialog until
 * all of it is done.
 *
 * db_redis writes over the row that has the same key. With other drivers a row
 * is deleted before it is inserted.
 */
#include <stdlib.h>

#include "db_batch.h"
#include "text.h"

static void number_value(db_val_t *value, uint32_t number)
{
	*value = (db_val_t){.type = DB1_INT};
	VAL_INT(value) = (int)number;
}

static void text_value(db_val_t *value, struct parley_str text)
{
	*value = (db_val_t){.type = DB1_STR};
	VAL_STR(value) = to_str(text.len ? text : (struct parley_str){"", 0});
}

static db_key_t key_of(const struct db_layout *layout, uint32_t column)
{
	return (db_key_t)layout->columns[column].name;
}

static bool use(struct db_link *link, const struct db_layout *layout)
{
	return db_functions()->use_table(link->con, layout->name) >= 0;
}

/* All rows of a dialog in a table; with @key the variable of that name. */
static bool delete_rows(struct db_link *link, enum db_table table,
			struct parley_id id, const struct parley_str *key)
{
	const struct db_layout *layout = db_layout(table);
	db_key_t keys[3] = {key_of(layout, 0), key_of(layout, 1),
			    key_of(layout, DB_V_KEY)};
	db_val_t values[3];

	number_value(&values[0], id.entry);
	number_value(&values[1], id.id);
	if (key)
		text_value(&values[2], *key);
	return use(link, layout) &&
	       db_functions()->delete (link->con, keys, NULL, values,
				       key ? 3 : 2) >= 0;
}

static bool insert_row(struct db_link *link, enum db_table table,
		       const struct db_value *row)
{
	const struct db_layout *layout = db_layout(table);
	db_key_t keys[DB_COLUMNS_MAX];
	db_val_t values[DB_COLUMNS_MAX];

	for (uint32_t i = 0; i < layout->count; i++) {
		keys[i] = key_of(layout, i);
		if (layout->columns[i].kind == DB_NUMBER)
			number_value(&values[i], (uint32_t)row[i].number);
		else
			text_value(&values[i], row[i].text);
		VAL_NULL(&values[i]) = row[i].null;
	}
	return use(link, layout) &&
	       db_functions()->insert(link->con, keys, values,
				      (int)layout->count) >= 0;
}

/* ------------------------------------------------ variables */

static bool is_set(const struct batch_entry *entry, struct parley_str key)
{
	const struct db_value *row = entry->rows[DB_VARS];

	for (uint32_t i = 0; i < entry->count[DB_VARS];
	     i++, row += DB_V_COLUMNS)
		if (text_equal(row[DB_V_KEY].text, key))
			return true;
	return false;
}

/* Those in the table that are not set any more. */
static bool delete_unset(struct db_batch *batch,
			 const struct batch_entry *entry)
{
	struct db_filter filter = {.id = entry->id};
	struct db_reader *reader = db_read(batch->link, DB_VARS, &filter);
	struct parley_str *unset = NULL;
	uint32_t count = 0;
	struct db_row row;
	uint64_t key;
	int result;
	bool deleted;

	if (!reader)
		return false;
	db_arena_empty(batch->scratch);
	while ((result = db_read_next(reader, &row, &key)) == 1) {
		struct parley_str *at;

		if (is_set(entry, row.values[DB_V_KEY].text))
			continue;
		at = reallocarray(unset, count + 1, sizeof(*unset));
		if (!at)
			break;
		unset = at;
		unset[count++] = db_arena_text(batch->scratch,
					       row.values[DB_V_KEY].text);
	}
	db_read_end(reader);
	deleted = result == 0;
	for (uint32_t i = 0; i < count && deleted; i++)
		deleted =
			delete_rows(batch->link, DB_VARS, entry->id, &unset[i]);
	free(unset);
	return deleted;
}

/* ------------------------------------------------ dialogs */

static bool write_table(struct db_batch *batch, const struct batch_entry *entry,
			enum db_table table)
{
	bool over = db_kind() == DB_REDIS;
	const struct db_value *row = entry->rows[table];

	for (uint32_t i = 0; row && i < entry->count[table]; i++) {
		const struct parley_str *key =
			table == DB_VARS ? &row[DB_V_KEY].text : NULL;

		batch->statements++;
		if (entry->erase && !over &&
		    !delete_rows(batch->link, table, entry->id, key))
			return false;
		if (!insert_row(batch->link, table, row))
			return false;
		row += db_layout(table)->count;
	}
	return true;
}

/* What there may be of a table that the dialog has nothing in any more. */
static bool clear_table(struct db_batch *batch, const struct batch_entry *entry,
			enum db_table table)
{
	if (!entry->erase || entry->count[table] > 0 ||
	    (table == DB_MORE && !batch->has_more))
		return true;
	batch->statements++;
	return delete_rows(batch->link, table, entry->id, NULL);
}

static bool write_entry(struct db_batch *batch, const struct batch_entry *entry)
{
	static const enum db_table deleted[] = {DB_DIALOG, DB_MORE, DB_VARS};
	static const enum db_table written[] = {DB_VARS, DB_MORE, DB_DIALOG};

	for (size_t i = 0; i < DB_TABLES; i++)
		if (!write_table(batch, entry, written[i]))
			return false;
	for (size_t i = 0; i < DB_TABLES; i++)
		if (!clear_table(batch, entry, deleted[i]))
			return false;
	return !entry->erase || entry->count[DB_VARS] == 0 ||
	       delete_unset(batch, entry);
}

/* The database answers at all: asked for a dialog that nobody has. */
static bool answers(struct db_link *link)
{
	struct db_filter filter = {.id = {.entry = 0, .id = UINT32_MAX / 2}};
	struct db_reader *reader;
	struct db_row row;
	uint64_t key;
	int result;

	reader = db_read(link, DB_DIALOG, &filter);
	result = reader ? db_read_next(reader, &row, &key) : DB_GONE;
	db_read_end(reader);
	return result >= 0;
}

/* Once more if it fails: the driver may have connected anew. */
static enum db_result try_entry(struct db_batch *batch,
				struct batch_entry *entry)
{
	entry->written = write_entry(batch, entry);
	if (entry->written)
		return DB_DONE;
	if (!answers(batch->link))
		return DB_GONE;
	entry->erase = true;
	entry->written = write_entry(batch, entry);
	entry->refused = !entry->written && answers(batch->link);
	if (entry->refused)
		db_say_refused(entry);
	return entry->written || entry->refused ? DB_DONE : DB_GONE;
}

enum db_result db_write_rows(struct db_batch *batch)
{
	bool heard = db_hear(true);
	enum db_result result = DB_DONE;

	for (uint32_t i = 0; i < batch->count && result == DB_DONE; i++)
		result = try_entry(batch, &batch->entries[i]);
	db_heard(heard, result != DB_DONE);
	return result;
}

/* ------------------------------------------------ all of them */

static bool delete_all(struct db_link *link, enum db_table table)
{
	return use(link, db_layout(table)) &&
	       db_functions()->delete (link->con, NULL, NULL, NULL, 0) >= 0;
}

static bool delete_dialog(struct db_link *link, struct parley_id id)
{
	return delete_rows(link, DB_DIALOG, id, NULL) &&
	       delete_rows(link, DB_VARS, id, NULL) &&
	       delete_rows(link, DB_MORE, id, NULL);
}

/* The identities of the rows of dialog_more that are this node's; -1, or how
 * many. */
static int64_t own_dialogs(struct db_link *link, struct parley_id **idsp)
{
	struct db_reader *reader = db_read(link, DB_MORE, NULL);
	struct parley_id *ids = NULL;
	int64_t count = 0;
	struct db_row row;
	uint64_t key;
	int result = DB_GONE;

	while (reader && (result = db_read_next(reader, &row, &key)) == 1) {
		struct parley_id *grown;

		if (!db_row_is_ours(&row))
			continue;
		grown = reallocarray(ids, (size_t)count + 1, sizeof(*ids));
		if (!grown) {
			result = DB_GONE;
			break;
		}
		ids = grown;
		ids[count++] = (struct parley_id){
			(uint32_t)row.values[DB_M_ENTRY].number,
			(uint32_t)row.values[DB_M_ID].number,
		};
	}
	db_read_end(reader);
	*idsp = ids;
	return result == 0 ? count : -1;
}

/* A server that has no name is alone. */
enum db_result db_delete_own_rows(struct db_link *link, bool has_more)
{
	bool alone = db_rules()->names.self.len == 0 || !has_more;
	struct parley_id *ids = NULL;
	int64_t count = 0;
	bool deleted = true;

	if (alone)
		return delete_all(link, DB_DIALOG) &&
				       delete_all(link, DB_VARS) &&
				       (!has_more || delete_all(link, DB_MORE))
			       ? DB_DONE
			       : DB_GONE;
	count = own_dialogs(link, &ids);
	for (int64_t i = 0; i < count && deleted; i++)
		deleted = delete_dialog(link, ids[i]);
	free(ids);
	return deleted && count >= 0 ? DB_DONE : DB_GONE;
}
