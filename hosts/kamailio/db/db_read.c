/*
 * db_read.c - rows out of a table, page by page; see db_driver.h
 *
 * With raw statements a page starts behind the last key of the one before; so
 * rows that come and go in between do no harm. Else the driver's own fetch is
 * used, or all rows come at once.
 *
 * The drivers of SQLite and PostgreSQL copy each value into Kamailio's private
 * pool, where a piece costs 20,000 instructions: seven seconds for a hundred
 * thousand dialogs. So there a page comes as one text, "5:value-3:abc" and so
 * on, with "-" for NULL. It also brings what the drivers lose else: SQLite's
 * that part of a text behind a zero byte and half of a key, PostgreSQL's
 * backslashes in a column of type text.
 */
#include <stdlib.h>

#include "db_link.h"
#include "text.h"

enum { PAGE_DEFAULT = 1000 };

struct db_reader {
	struct db_link *link;
	const struct db_layout *layout;
	struct db_filter filter;
	uint32_t page;		  /* rows */
	db1_res_t *res;		  /* the page in hand */
	uint32_t next;		  /* the row of it that comes next */
	struct parley_str packed; /* what is left of a page that is a text */
	bool started, last_page, fetching, converts;
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
	reader->page = rows > 0 ? (uint32_t)rows : PAGE_DEFAULT;
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

static bool is_packed(enum db_kind kind)
{
	return kind == DB_SQLITE || kind == DB_POSTGRES;
}

/* A length that counts bytes as the driver gets them. */
static void add_packed(struct db_reader *reader, struct parley_str name)
{
	struct sql *sql = &reader->sql;

	if (sql->kind == DB_SQLITE)
		sql_add(sql, "coalesce(length(CAST(");
	else if (reader->converts)
		sql_add(sql, "coalesce(octet_length(convert_to(CAST(");
	else
		sql_add(sql, "coalesce(octet_length(CAST(");
	sql_add_name(sql, name);
	if (sql->kind == DB_SQLITE)
		sql_add(sql, " AS BLOB))||':'||");
	else if (reader->converts)
		sql_add(sql, " AS VARCHAR),pg_client_encoding()))||':'||");
	else
		sql_add(sql, " AS VARCHAR))||':'||");
	sql_add_name(sql, name);
	sql_add(sql, ",'-')||");
}

/* PostgreSQL may hand out texts in another encoding than it holds them in,
 * which is seldom so, and takes long to reckon with. */
static bool converts(struct db_link *link)
{
	static const char text[] = "SELECT 1 WHERE "
				   "pg_client_encoding()=getdatabaseencoding()";
	db1_res_t *res = NULL;
	bool same;

	if (db_kind() != DB_POSTGRES ||
	    db_raw(link, (struct parley_str){text, sizeof(text) - 1}, &res) < 0)
		return false;
	same = res && RES_ROW_N(res) == 1;
	db_free(link, res);
	return !same;
}

static const char *key_name(enum db_kind kind)
{
	return kind == DB_SQLITE ? "rowid" : "id";
}

static void add_columns(struct db_reader *reader)
{
	struct sql *sql = &reader->sql;
	const char *key = key_name(sql->kind);
	bool packed = is_packed(sql->kind);
	struct parley_str name = {key, (uint32_t)strlen(key)};

	for (uint32_t i = 0; i <= reader->layout->count; i++) {
		if (i > 0)
			name = to_parley(column(reader, i - 1)->name);
		if (packed)
			add_packed(reader, name);
		else
			sql_add_name(sql, name);
		sql_add(sql, packed ? "" : ",");
	}
	sql_cut(sql, packed ? strlen("||") : strlen(","));
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

static void make_select(struct db_reader *reader)
{
	struct sql *sql = &reader->sql;
	const char *key = key_name(sql->kind);
	const char *word = " WHERE ";

	sql_empty(sql);
	if (sql->kind == DB_SQLITE)
		sql_add(sql, "SELECT group_concat(p,'') FROM (");
	else if (sql->kind == DB_POSTGRES)
		sql_add(sql, "SELECT CAST(string_agg(p,'' ORDER BY k) AS "
			     "VARCHAR) FROM (");
	sql_add(sql, "SELECT ");
	add_columns(reader);
	if (is_packed(sql->kind)) {
		sql_add(sql, " AS p,");
		sql_add(sql, key);
		sql_add(sql, " AS k");
	}
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
	sql_add_number(sql, reader->page);
	if (is_packed(sql->kind))
		sql_add(sql, ") page_");
}

static int select_page(struct db_reader *reader)
{
	if (!reader->started)
		reader->converts = converts(reader->link);
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
				       (int)reader->page);
}

void db_read_after(struct db_reader *reader, uint64_t key)
{
	reader->converts = converts(reader->link);
	reader->started = true;
	reader->next = reader->page; /* the page before was a whole one */
	reader->key = key;
}

/* ------------------------------------------------ rows */

/* What a text or number of the driver's is as a text. */
static struct parley_str text_in(struct db_reader *reader, uint32_t i,
				 const db_val_t *from)
{
	uint64_t number;

	switch (VAL_TYPE(from)) {
	case DB1_STRING:
		return (struct parley_str){
			VAL_STRING(from),
			(uint32_t)strlen(ZSW(VAL_STRING(from)))};
	case DB1_STR:
	case DB1_BLOB:
		return to_parley(&VAL_STR(from));
	default: /* somebody has made the column a number */
		if (!db_integer(from, &number))
			return (struct parley_str){NULL, 0};
		return (struct parley_str){
			reader->numbers[i],
			(uint32_t)snprintf(reader->numbers[i],
					   sizeof(reader->numbers[i]),
					   "%" PRId64, (int64_t)number)};
	}
}

static bool is_left(const struct db_reader *reader)
{
	if (is_packed(reader->sql.kind))
		return reader->packed.len > 0;
	return reader->res && reader->next < (uint32_t)RES_ROW_N(reader->res);
}

/* A page that is too large for the pool is asked for in smaller ones. */
static int select_smaller(struct db_reader *reader)
{
	int result = select_page(reader);

	while (result < 0 && reader->page > 1 &&
	       db_try(reader->link, (struct parley_str){"SELECT 1", 8})) {
		reader->page /= 2;
		result = select_page(reader);
	}
	return result;
}

/* The text that a page is; empty: it has no rows. */
static struct parley_str page_text(struct db_reader *reader)
{
	const db1_res_t *res = reader->res;

	if (!res || RES_ROW_N(res) != 1 || ROW_N(RES_ROWS(res)) != 1 ||
	    VAL_NULL(ROW_VALUES(RES_ROWS(res))))
		return (struct parley_str){NULL, 0};
	return text_in(reader, 0, ROW_VALUES(RES_ROWS(res)));
}

/* 1: there is one; 0: that was all. */
static int next_page(struct db_reader *reader)
{
	bool raw = db_can_raw();

	if (reader->started &&
	    (reader->next < reader->page || (!raw && !reader->fetching)))
		reader->last_page = true;
	if (!reader->fetching) {
		db_free(reader->link, reader->res);
		reader->res = NULL;
	}
	reader->packed.len = 0;
	reader->next = 0;
	if (reader->last_page)
		return 0;
	if ((raw ? select_smaller(reader) : fetch_page(reader)) < 0) {
		reader->last_page = true;
		return DB_GONE;
	}
	reader->started = true;
	if (is_packed(reader->sql.kind))
		reader->packed = page_text(reader);
	return is_left(reader);
}

static void value_of(struct db_reader *reader, uint32_t i, const db_val_t *from,
		     struct db_value *to)
{
	*to = (struct db_value){.null = VAL_NULL(from)};
	if (to->null)
		return;
	if (column(reader, i)->kind == DB_NUMBER) {
		to->null = !db_integer(from, &to->number);
	} else {
		to->text = text_in(reader, i, from);
		to->null = !to->text.s;
	}
}

/* The next value of a packed text, as the driver would have it. False: it is
 * not one of ours. */
static bool unpack(struct parley_str *packed, db_val_t *value)
{
	uint32_t at = 0, len = 0;

	*value = (db_val_t){.type = DB1_STR, .nul = 1};
	if (packed->len > 0 && packed->s[0] == '-') {
		*packed = (struct parley_str){packed->s + 1, packed->len - 1};
		return true;
	}
	while (at < packed->len && packed->s[at] >= '0' &&
	       packed->s[at] <= '9' && len <= packed->len)
		len = len * 10 + (uint32_t)(packed->s[at++] - '0');
	if (at == 0 || at >= packed->len || packed->s[at] != ':' ||
	    packed->len - at - 1 < len)
		return false;
	at++;
	VAL_NULL(value) = 0;
	VAL_STR(value) = to_str((struct parley_str){packed->s + at, len});
	*packed = (struct parley_str){packed->s + at + len,
				      packed->len - at - len};
	return true;
}

static bool unpack_row(struct db_reader *reader, struct db_row *row)
{
	db_val_t value;

	if (!unpack(&reader->packed, &value) ||
	    !db_integer(&value, &reader->key))
		return false;
	for (uint32_t i = 0; i < reader->layout->count; i++) {
		if (!unpack(&reader->packed, &value))
			return false;
		value_of(reader, i, &value, &row->values[i]);
	}
	return true;
}

static bool take_row(struct db_reader *reader, struct db_row *row)
{
	const db_row_t *from = &RES_ROWS(reader->res)[reader->next];
	const db_val_t *values = ROW_VALUES(from);
	uint32_t columns = (uint32_t)ROW_N(from);

	if (db_can_raw()) {
		if (!db_integer(values, &reader->key))
			return false;
		/* MySQL's is unsigned, and its driver's numbers are not. */
		if ((int64_t)reader->key < 0)
			reader->key = (uint32_t)reader->key;
		values++;
		columns--;
	} else {
		reader->key++;
	}
	if (columns != reader->layout->count)
		return false;
	for (uint32_t i = 0; i < columns; i++)
		value_of(reader, i, &values[i], &row->values[i]);
	return true;
}

int db_read_next(struct db_reader *reader, struct db_row *row, uint64_t *keyp)
{
	bool taken;

	if (!is_left(reader)) {
		int result = next_page(reader);

		if (result <= 0)
			return result;
	}
	taken = is_packed(reader->sql.kind) ? unpack_row(reader, row)
					    : take_row(reader, row);
	reader->next++;
	*keyp = reader->key;
	if (taken)
		return 1;
	log_limited(LOG_CAUSE_DB, L_ERR,
		    "table %.*s: the driver hands out rows of another form; "
		    "reading ends\n",
		    reader->layout->name->len, reader->layout->name->s);
	reader->last_page = true;
	reader->packed.len = 0;
	return DB_REFUSED;
}
