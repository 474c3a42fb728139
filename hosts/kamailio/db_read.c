/*
 * db_read.c - rows out of a table, page by page; see db_driver.h
 *
 * With raw statements a page starts behind the last key of the one before; so
 * rows that come and go in between do no harm. Else the driver's own fetch is
 * used, or all rows come at once.
 *
 * SQLite's driver takes the type of a column from its declaration, and hands a
 * VARCHAR out as terminated by a zero byte. As CAST(... AS TEXT) it comes with
 * its length.
 */
#include <stdlib.h>

#include "db_link.h"
#include "text.h"

enum { PAGE_DEFAULT = 1000 };

struct db_reader {
	struct db_link *link;
	const struct db_layout *layout;
	struct db_filter filter;
	int page;	/* rows */
	db1_res_t *res; /* the page in hand */
	int next;	/* the row of it that comes next */
	bool started, last_page, fetching;
	uint64_t key;
	char numbers[DB_COLUMNS_MAX][24]; /* that are asked for as texts */
	struct sql sql;
};

struct db_reader *db_read(struct db_link *link, enum db_table table,
			  const struct db_filter *filter)
{
	struct db_reader *reader = calloc(1, sizeof(*reader));
	int rows = adapter.set.db.fetch_rows;

	if (!reader)
		return NULL;
	reader->link = link;
	reader->layout = db_layout(table);
	if (filter)
		reader->filter = *filter;
	if (table == DB_VARS) /* has no such column */
		reader->filter.callid = (struct parley_str){0};
	reader->page = rows > 0 ? rows : PAGE_DEFAULT;
	reader->sql.kind = db_kind();
	return reader;
}

void db_read_end(struct db_reader *reader)
{
	if (!reader)
		return;
	db_free(reader->link, reader->res);
	sql_free(&reader->sql);
	free(reader);
}

static const struct db_column *column(const struct db_reader *reader,
				      uint32_t i)
{
	return &reader->layout->columns[i];
}

static bool has_id(const struct db_reader *reader)
{
	return reader->filter.id.entry != 0 || reader->filter.id.id != 0;
}

/* ------------------------------------------------ with statements */

static void add_column(struct sql *sql, const struct db_column *what)
{
	bool cast = sql->kind == DB_SQLITE && what->kind == DB_TEXT;

	sql_add(sql, cast ? ",CAST(" : ",");
	sql_add_name(sql, to_parley(what->name));
	sql_add(sql, cast ? " AS TEXT)" : "");
}

static void add_equal(struct sql *sql, const str *name, const char *before)
{
	sql_add(sql, before);
	sql_add_name(sql, to_parley(name));
	sql_add(sql, "=");
}

static void add_key(struct sql *sql, uint64_t key)
{
	bool negative = (int64_t)key < 0;

	sql_add(sql, negative ? "-" : "");
	sql_add_number(sql, negative ? 0 - key : key);
}

/* SQLite's key has 64 bits; its driver hands out 32 of a number. */
static void make_select(struct db_reader *reader)
{
	struct sql *sql = &reader->sql;
	bool sqlite = sql->kind == DB_SQLITE;
	const char *key = sqlite ? "rowid" : "id";
	const char *word = " WHERE ";

	sql_empty(sql);
	sql_add(sql, sqlite ? "SELECT CAST(rowid AS TEXT)" : "SELECT id");
	for (uint32_t i = 0; i < reader->layout->count; i++)
		add_column(sql, column(reader, i));
	sql_add(sql, " FROM ");
	sql_add_name(sql, to_parley(reader->layout->name));
	if (reader->started) {
		sql_add(sql, word);
		sql_add(sql, key);
		sql_add(sql, ">");
		add_key(sql, reader->key);
		word = " AND ";
	}
	if (has_id(reader)) {
		add_equal(sql, column(reader, DB_D_ENTRY)->name, word);
		sql_add_integer(sql, reader->filter.id.entry);
		add_equal(sql, column(reader, DB_D_ID)->name, " AND ");
		sql_add_integer(sql, reader->filter.id.id);
		word = " AND ";
	}
	if (reader->filter.callid.len > 0) {
		add_equal(sql, column(reader, DB_D_CALLID)->name, word);
		sql_add_literal(sql, reader->filter.callid);
	}
	sql_add(sql, " ORDER BY ");
	sql_add(sql, key);
	sql_add(sql, " LIMIT ");
	sql_add_number(sql, (uint64_t)reader->page);
}

static int select_page(struct db_reader *reader)
{
	make_select(reader);
	if (reader->sql.failed)
		return -1;
	return db_raw(reader->link, sql_text(&reader->sql), &reader->res);
}

/* ------------------------------------------------ without */

static void set_number(db_val_t *value, uint32_t number)
{
	*value = (db_val_t){.type = DB1_INT};
	VAL_INT(value) = (int)number;
}

static int query_all(struct db_reader *reader)
{
	const db_func_t *functions = db_functions();
	const struct db_layout *layout = reader->layout;
	db_key_t keys[3], columns[DB_COLUMNS_MAX] = {NULL};
	db_val_t values[3];
	int count = 0;

	for (uint32_t i = 0; i < layout->count; i++)
		columns[i] = (db_key_t)layout->columns[i].name;
	if (has_id(reader)) {
		set_number(&values[0], reader->filter.id.entry);
		set_number(&values[1], reader->filter.id.id);
		keys[0] = columns[DB_D_ENTRY];
		keys[1] = columns[DB_D_ID];
		count = 2;
	}
	if (reader->filter.callid.len > 0) {
		values[count] = (db_val_t){.type = DB1_STR};
		VAL_STR(&values[count]) = to_str(reader->filter.callid);
		keys[count++] = columns[DB_D_CALLID];
	}
	if (functions->use_table(reader->link->con, layout->name) < 0)
		return -1;
	return functions->query(reader->link->con, count ? keys : NULL, NULL,
				count ? values : NULL, columns, count,
				(int)layout->count, NULL,
				reader->fetching ? NULL : &reader->res);
}

static int fetch_page(struct db_reader *reader)
{
	const db_func_t *functions = db_functions();

	if (!reader->started) {
		reader->fetching = DB_CAPABILITY(*functions, DB_CAP_FETCH) &&
				   functions->fetch_result;
		if (query_all(reader) < 0)
			return -1;
	}
	if (!reader->fetching)
		return 0;
	return functions->fetch_result(reader->link->con, &reader->res,
				       reader->page);
}

/* ------------------------------------------------ rows */

/* 1: there is one with rows; 0: that was all. */
static int next_page(struct db_reader *reader)
{
	bool raw = db_can_raw();
	int rows;

	if (!reader->fetching) {
		db_free(reader->link, reader->res);
		reader->res = NULL;
	}
	if (reader->last_page)
		return 0;
	if ((raw ? select_page(reader) : fetch_page(reader)) < 0) {
		reader->last_page = true;
		return DB_GONE;
	}
	reader->next = 0;
	reader->started = true;
	rows = reader->res ? RES_ROW_N(reader->res) : 0;
	reader->last_page = rows < reader->page || (!raw && !reader->fetching);
	return rows > 0;
}

static void text_of(struct db_reader *reader, uint32_t i, const db_val_t *from,
		    struct db_value *to)
{
	const char *s = NULL;
	size_t len = 0;
	uint64_t number;

	switch (VAL_TYPE(from)) {
	case DB1_STRING:
		s = VAL_STRING(from);
		len = s ? strlen(s) : 0;
		break;
	case DB1_STR:
	case DB1_BLOB:
		s = VAL_STR(from).s;
		len = (size_t)VAL_STR(from).len;
		break;
	default: /* somebody has made the column a number */
		if (db_integer(from, &number)) {
			s = reader->numbers[i];
			len = (size_t)snprintf(reader->numbers[i],
					       sizeof(reader->numbers[i]),
					       "%" PRId64, (int64_t)number);
		}
	}
	to->text = (struct parley_str){s, (uint32_t)len};
	to->null = !s;
}

static void value_of(struct db_reader *reader, uint32_t i, const db_val_t *from,
		     struct db_value *to)
{
	*to = (struct db_value){.null = VAL_NULL(from)};
	if (to->null)
		return;
	if (column(reader, i)->kind == DB_NUMBER)
		to->null = !db_integer(from, &to->number);
	else
		text_of(reader, i, from, to);
}

int db_read_next(struct db_reader *reader, struct db_row *row, uint64_t *keyp)
{
	const db_row_t *from;
	const db_val_t *values;
	uint32_t columns;

	if (!reader->res || reader->next >= RES_ROW_N(reader->res)) {
		int result = next_page(reader);

		if (result <= 0)
			return result;
	}
	from = &RES_ROWS(reader->res)[reader->next++];
	values = ROW_VALUES(from);
	columns = (uint32_t)ROW_N(from);
	reader->key++;
	if (db_can_raw()) {
		if (!db_integer(values, &reader->key)) {
			reader->last_page = true;
			return DB_REFUSED;
		}
		/* MySQL's is unsigned, and its driver's numbers are not. */
		if ((int64_t)reader->key < 0 && db_kind() == DB_MYSQL)
			reader->key = (uint32_t)reader->key;
		values++;
		columns--;
	}
	*keyp = reader->key;
	for (uint32_t i = 0; i < reader->layout->count; i++)
		if (i < columns)
			value_of(reader, i, &values[i], &row->values[i]);
		else
			row->values[i] = (struct db_value){.null = true};
	return 1;
}
