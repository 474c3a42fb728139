/*
 * db_statements.c - a batch as statements: one per table, if it is not too long
 *
 * A dialog that the database knows is written by taking its rows away and
 * inserting them anew: the stock module's tables have no unique key that an
 * upsert could go by. PostgreSQL does both in one statement. SQLite does with a
 * trigger of this connection's own: a row with the key 0, which no row has,
 * takes the rows of its dialog away, and is not inserted. What is only deleted
 * has a statement of its own there, which is three times as fast. MariaDB takes
 * both between BEGIN and END as one; MySQL needs two.
 */
#include "db_batch.h"

/* SQLite takes 1 MB, MySQL 16; but SQLite is slower with more than this. */
enum { STATEMENT_BYTES = 64 * 1024, PROBE_BYTES = 64 * 1024 };

#define PROBE_NODE "-probe-"

/* ------------------------------------------------ rows */

static void add_value(struct sql *sql, const struct db_column *column,
		      const struct db_value *value)
{
	struct parley_str text = value->text;

	if (value->null) {
		sql_add(sql, "NULL");
	} else if (column->kind == DB_NUMBER) {
		sql_add_integer(sql, (uint32_t)value->number);
	} else {
		/* Who makes rows has seen to it; but no row is to be refused
		 * for it. */
		if (column->width > 0 && text.len > column->width)
			text.len = column->width;
		sql_add_literal(sql, text);
	}
}

/* SQLite's key comes first: NULL is the next one. */
static void add_row(struct sql *sql, const struct db_layout *layout,
		    const struct db_value *values)
{
	sql_add(sql, sql->kind == DB_SQLITE ? "(NULL," : "(");
	for (uint32_t i = 0; i < layout->count; i++) {
		add_value(sql, &layout->columns[i], &values[i]);
		sql_add(sql, ",");
	}
	sql_cut(sql, 1);
	sql_add(sql, "),");
}

static void add_id(struct sql *sql, const char *before, struct parley_id id)
{
	sql_add(sql, before);
	sql_add_integer(sql, id.entry);
	sql_add(sql, ",");
	sql_add_integer(sql, id.id);
}

static void add_name(struct sql *sql, const struct db_layout *layout,
		     uint32_t column)
{
	sql_add_name(sql, to_parley(layout->columns[column].name));
}

/* What takes the rows of a dialog away, before it gets others: see the top. */
static void add_marker(struct sql *sql, const struct db_layout *layout,
		       struct parley_id id)
{
	add_id(sql, "(0,", id);
	for (uint32_t i = 2; i < layout->count; i++)
		sql_add(sql, ",NULL");
	sql_add(sql, "),");
}

static void add_pair(struct sql *sql, struct parley_id id)
{
	add_id(sql, "(", id);
	sql_add(sql, "),");
}

static void add_erasure(struct db_batch *batch, const struct db_layout *layout,
			struct parley_id id, bool has_rows)
{
	if (has_rows && batch->inserted.kind == DB_SQLITE)
		add_marker(&batch->inserted, layout, id);
	else
		add_pair(&batch->erased, id);
}

/* ------------------------------------------------ statements */

static enum db_result run(struct db_batch *batch, const struct sql *sql)
{
	if (sql->failed) {
		db_rollback(batch->link);
		LM_ERR("no memory left for a statement\n");
		return DB_GONE;
	}
	batch->statements++;
	return db_exec(batch->link, sql_text(sql));
}

static void add_insert(struct sql *sql, const struct db_layout *layout)
{
	sql_add(sql, "INSERT INTO ");
	sql_add_name(sql, to_parley(layout->name));
	sql_add(sql, sql->kind == DB_SQLITE ? " (rowid," : " (");
	for (uint32_t i = 0; i < layout->count; i++) {
		add_name(sql, layout, i);
		sql_add(sql, ",");
	}
	sql_cut(sql, 1);
	sql_add(sql, ") VALUES ");
}

/* For "(a,b) IN (VALUES ...)" SQLite would read the whole table. A CROSS JOIN
 * it leaves in the order that is written. */
static void add_delete_sqlite(struct sql *sql, const struct db_layout *layout,
			      const struct sql *erased)
{
	sql_add(sql, "WITH v_(e_,i_) AS (VALUES ");
	sql_add_text(sql, sql_text(erased));
	sql_cut(sql, 1);
	sql_add(sql, ") DELETE FROM ");
	sql_add_name(sql, to_parley(layout->name));
	sql_add(sql, " WHERE rowid IN (SELECT r_.rowid FROM v_ CROSS JOIN ");
	sql_add_name(sql, to_parley(layout->name));
	sql_add(sql, " r_ WHERE r_.");
	add_name(sql, layout, 0);
	sql_add(sql, "=e_ AND r_.");
	add_name(sql, layout, 1);
	sql_add(sql, "=i_)");
}

/* "(a,b) IN (VALUES ...)" makes PostgreSQL read the whole table as soon as it
 * is more than a few; for a list of rows' places it goes by the index. */
static void add_delete_postgres(struct sql *sql, const struct db_layout *layout,
				const struct sql *erased)
{
	sql_add(sql, "DELETE FROM ");
	sql_add_name(sql, to_parley(layout->name));
	sql_add(sql, " WHERE ctid=ANY(ARRAY(SELECT r.ctid FROM (VALUES ");
	sql_add_text(sql, sql_text(erased));
	sql_cut(sql, 1);
	sql_add(sql, ") v(e,i), LATERAL (SELECT ctid FROM ");
	sql_add_name(sql, to_parley(layout->name));
	sql_add(sql, " WHERE ");
	add_name(sql, layout, 0);
	sql_add(sql, "=v.e AND ");
	add_name(sql, layout, 1);
	sql_add(sql, "=v.i OFFSET 0) r))");
}

/* MariaDB goes by the index for two pairs and more, so that the first one is
 * there twice. */
static void add_delete_mysql(struct sql *sql, const struct db_layout *layout,
			     const struct sql *erased)
{
	const char *end = memchr(erased->s, ')', erased->len);

	sql_add(sql, "DELETE FROM ");
	sql_add_name(sql, to_parley(layout->name));
	sql_add(sql, " WHERE (");
	add_name(sql, layout, 0);
	sql_add(sql, ",");
	add_name(sql, layout, 1);
	sql_add(sql, ") IN (");
	sql_add_text(sql, sql_text(erased));
	if (end)
		sql_add_text(sql, (struct parley_str){
					  erased->s,
					  (uint32_t)(end - erased->s) + 1});
	sql_add(sql, ")");
}

static void add_inserts(struct db_batch *batch, const struct db_layout *layout)
{
	add_insert(&batch->statement, layout);
	sql_add_text(&batch->statement, sql_text(&batch->inserted));
	sql_cut(&batch->statement, 1);
}

static enum db_result run_postgres(struct db_batch *batch,
				   const struct db_layout *layout)
{
	struct sql *sql = &batch->statement;
	bool both = batch->erased.len > 0 && batch->inserted.len > 0;

	sql_add(sql, both ? "WITH gone AS (" : "");
	if (batch->erased.len > 0)
		add_delete_postgres(sql, layout, &batch->erased);
	sql_add(sql, both ? ") " : "");
	if (batch->inserted.len > 0)
		add_inserts(batch, layout);
	return run(batch, sql);
}

static enum db_result run_compound(struct db_batch *batch,
				   const struct db_layout *layout)
{
	struct sql *sql = &batch->statement;

	sql_add(sql, "BEGIN NOT ATOMIC ");
	add_delete_mysql(sql, layout, &batch->erased);
	sql_add(sql, "; ");
	add_inserts(batch, layout);
	sql_add(sql, "; END");
	return run(batch, sql);
}

static enum db_result run_both(struct db_batch *batch,
			       const struct db_layout *layout)
{
	struct sql *sql = &batch->statement;
	enum db_result result = DB_DONE;

	if (batch->erased.len > 0) {
		if (sql->kind == DB_SQLITE)
			add_delete_sqlite(sql, layout, &batch->erased);
		else
			add_delete_mysql(sql, layout, &batch->erased);
		result = run(batch, sql);
	}
	if (result != DB_DONE || batch->inserted.len == 0)
		return result;
	sql_empty(sql);
	add_inserts(batch, layout);
	return run(batch, sql);
}

static enum db_result flush(struct db_batch *batch,
			    const struct db_layout *layout)
{
	enum db_result result;

	sql_empty(&batch->statement);
	batch->statement.failed =
		batch->erased.failed || batch->inserted.failed;
	if (batch->erased.len + batch->inserted.len == 0)
		result = DB_DONE;
	else if (batch->statement.kind == DB_POSTGRES)
		result = run_postgres(batch, layout);
	else if (batch->link->compounds && batch->erased.len > 0 &&
		 batch->inserted.len > 0)
		result = run_compound(batch, layout);
	else
		result = run_both(batch, layout);
	sql_empty(&batch->erased);
	sql_empty(&batch->inserted);
	return result;
}

enum db_result db_write_table(struct db_batch *batch, enum db_table table,
			      uint32_t first, uint32_t end)
{
	const struct db_layout *layout = db_layout(table);
	enum db_result result = DB_DONE;

	if (table == DB_MORE && !batch->has_more)
		return DB_DONE;
	for (uint32_t i = first; i < end && result == DB_DONE; i++) {
		const struct batch_entry *entry = &batch->entries[i];

		if (entry->erase)
			add_erasure(batch, layout, entry->id,
				    entry->count[table] > 0);
		for (uint32_t row = 0; row < entry->count[table]; row++)
			add_row(&batch->inserted, layout,
				entry->rows[table] + row * layout->count);
		if (batch->erased.len + batch->inserted.len > STATEMENT_BYTES)
			result = flush(batch, layout);
	}
	return result == DB_DONE ? flush(batch, layout) : result;
}

/* ------------------------------------------------ what is to tell a fault */

enum db_result db_write_sample(struct db_batch *batch, enum db_table table)
{
	const struct db_layout *layout = db_layout(table);
	struct db_value values[DB_COLUMNS_MAX] = {0};

	for (uint32_t i = 0; i < layout->count; i++)
		values[i].text = (struct parley_str){"x", 1};
	add_erasure(batch, layout, (struct parley_id){0, 0}, true);
	add_row(&batch->inserted, layout, values);
	return flush(batch, layout);
}

static enum db_result insert_probe(struct db_batch *batch)
{
	struct db_value values[DB_M_COLUMNS] = {
		[DB_M_CALLID].text = {PROBE_NODE, strlen(PROBE_NODE)},
		[DB_M_NODE].text = {PROBE_NODE, strlen(PROBE_NODE)},
		[DB_M_IMAGE].text = {NULL, PROBE_BYTES},
	};
	char *image = db_arena_take(batch->scratch, PROBE_BYTES);

	if (!image)
		return DB_GONE;
	memset(image, 'x', PROBE_BYTES);
	values[DB_M_IMAGE].text.s = image;
	add_row(&batch->inserted, db_layout(DB_MORE), values);
	return flush(batch, db_layout(DB_MORE));
}

static enum db_result delete_probes(struct db_batch *batch)
{
	struct sql *sql = &batch->statement;

	sql_empty(sql);
	sql_add(sql, "DELETE FROM ");
	sql_add_name(sql, to_parley(db_layout(DB_MORE)->name));
	sql_add(sql, " WHERE node='" PROBE_NODE "'");
	return run(batch, sql);
}

enum db_result db_write_probe(struct db_batch *batch)
{
	enum db_result result = db_begin(batch->link);

	db_arena_empty(batch->scratch);
	if (result == DB_DONE)
		result = insert_probe(batch);
	if (result == DB_DONE)
		result = db_commit(batch->link);
	return result == DB_DONE ? delete_probes(batch) : result;
}

/* ------------------------------------------------ SQLite's trigger */

static void make_trigger(struct sql *sql, const struct db_layout *layout)
{
	sql_empty(sql);
	sql_add(sql, "CREATE TEMP TRIGGER IF NOT EXISTS parley_");
	sql_add_name(sql, to_parley(layout->name));
	sql_add(sql, " BEFORE INSERT ON main.");
	sql_add_name(sql, to_parley(layout->name));
	sql_add(sql, " WHEN NEW.rowid=0 BEGIN DELETE FROM ");
	sql_add_name(sql, to_parley(layout->name));
	sql_add(sql, " WHERE ");
	for (uint32_t i = 0; i < 2; i++) {
		add_name(sql, layout, i);
		sql_add(sql, "=NEW.");
		add_name(sql, layout, i);
		sql_add(sql, i == 0 ? " AND " : "");
	}
	sql_add(sql, "; SELECT RAISE(IGNORE); END");
}

enum db_result db_write_prepare(struct db_batch *batch)
{
	static const str compound = STR_STATIC_INIT("BEGIN NOT ATOMIC END");
	struct db_link *link = batch->link;

	if (db_kind() == DB_MYSQL && !link->prepared)
		link->compounds = db_try(link, to_parley(&compound));
	link->prepared = true;
	if (db_kind() != DB_SQLITE)
		return DB_DONE;
	for (int table = 0; table < DB_TABLES; table++) {
		if (link->replacing[table] ||
		    (table == DB_MORE && !batch->has_more))
			continue;
		make_trigger(&link->sql, db_layout((enum db_table)table));
		if (db_raw(link, sql_text(&link->sql), NULL) < 0)
			return DB_GONE;
		link->replacing[table] = true;
	}
	return DB_DONE;
}
