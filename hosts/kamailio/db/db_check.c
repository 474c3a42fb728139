/*
 * db_check.c - whether the tables are what is needed; see db_driver.h
 *
 * The drivers' words about a failed statement go into the log as they are; the
 * line that follows says which table, which column, and what to do.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "core/globals.h"
#include "core/sr_module.h"

#include "db_link.h"

#define SHARE "/usr/share/kamailio"

static struct parley_str name_of(enum db_table table)
{
	return to_parley(db_layout(table)->name);
}

#define SHOWN(text) (int)(text).len, (text).s

/* Where the packages put the files that make stock's tables, and `make install`
 * ours. */
static const char *folder(void)
{
	switch (db_kind()) {
	case DB_SQLITE:
		return SHARE "/db_sqlite";
	case DB_POSTGRES:
		return SHARE "/postgres";
	case DB_MYSQL:
		return SHARE "/mysql";
	case DB_REDIS:
		return SHARE "/db_redis/kamailio";
	default:
		return SHARE;
	}
}

static const char *dialog_file(void)
{
	return db_kind() == DB_REDIS ? "dialog" : "dialog-create.sql";
}

/* In the folder of the module that runs. */
static const char *more_file(void)
{
	static const char *const names[] = {
		[DB_SQLITE] = "sqlite/dialog_more-create.sql",
		[DB_POSTGRES] = "postgres/dialog_more-create.sql",
		[DB_MYSQL] = "mysql/dialog_more-create.sql",
		[DB_REDIS] = "redis/dialog_more",
		[DB_OTHER] = "mysql/dialog_more-create.sql",
	};
	static char path[256];
	const struct sr_module *own = find_module_by_name((char *)adapter.name);
	const char *slash = own ? strrchr(own->path, '/') : NULL;

	snprintf(path, sizeof(path), "%.*ssql/%s",
		 slash ? (int)(slash - own->path) + 1 : 0, own ? own->path : "",
		 names[db_kind()]);
	return path;
}

/* ------------------------------------------------ versions */

static int select_version(struct db_link *link, const str *table,
			  db1_res_t **resp)
{
	struct sql *sql = &link->sql;

	sql_empty(sql);
	sql_add(sql, "SELECT table_version FROM ");
	sql_add_name(sql, to_parley(&version_table));
	sql_add(sql, " WHERE table_name=");
	sql_add_literal(sql, to_parley(table));
	return db_raw(link, sql_text(sql), resp);
}

/* The driver of Redis knows this query, and answers it from the schema. */
static int query_version(struct db_link *link, const str *table,
			 db1_res_t **resp)
{
	static str key_name = STR_STATIC_INIT("table_name");
	static str column_name = STR_STATIC_INIT("table_version");
	const db_func_t *functions = db_functions();
	db_key_t key = &key_name, column = &column_name;
	db_val_t value = {.type = DB1_STR};

	VAL_STR(&value) = *table;
	if (functions->use_table(link->con, &version_table) < 0)
		return -1;
	return functions->query(link->con, &key, NULL, &value, &column, 1, 1,
				NULL, resp);
}

/* The version that the table `version` tells; 0: it tells none. -1: it cannot
 * be read. */
static int64_t version_of(struct db_link *link, const str *table)
{
	db1_res_t *res = NULL;
	uint64_t version = 0;
	int result = db_can_raw() ? select_version(link, table, &res)
				  : query_version(link, table, &res);

	if (result < 0)
		return -1;
	if (res && RES_ROW_N(res) > 0 &&
	    !db_integer(ROW_VALUES(RES_ROWS(res)), &version))
		version = 0;
	db_free(link, res);
	return (int64_t)(version & INT32_MAX);
}

static int check_version(struct db_link *link, enum db_table table)
{
	const struct db_layout *layout = db_layout(table);
	struct parley_str name = name_of(table);
	int64_t version = version_of(link, layout->name);

	if (version == layout->version)
		return 0;
	if (version < 0)
		LM_ERR("database %s: the table version cannot be read, which "
		       "tells the version of %.*s: make it with "
		       "%s/standard-create.sql, or with kamdbctl create\n",
		       db_shown_url(), SHOWN(name), folder());
	else if (version == 0)
		LM_ERR("database %s: the table version has no row for the "
		       "table %.*s: make both with %s/%s, or with kamdbctl "
		       "create\n",
		       db_shown_url(), SHOWN(name), folder(), dialog_file());
	else
		LM_ERR("database %s: the table %.*s has version %lld, %u is "
		       "needed: make it anew with %s/%s\n",
		       db_shown_url(), SHOWN(name), (long long)version,
		       layout->version, folder(), dialog_file());
	return -1;
}

/* ------------------------------------------------ columns */

/* SELECT @columns FROM table, without a row. */
static void make_select(struct sql *sql, const struct db_layout *layout,
			uint32_t first, uint32_t count)
{
	sql_empty(sql);
	sql_add(sql, "SELECT ");
	for (uint32_t i = first; i < first + count; i++) {
		sql_add_name(sql, to_parley(layout->columns[i].name));
		sql_add(sql, ",");
	}
	sql_cut(sql, 1);
	sql_add(sql, count > 0 ? " FROM " : " 1 FROM ");
	sql_add_name(sql, to_parley(layout->name));
	sql_add(sql, " WHERE 1=0");
}

/* The same for drivers without statements: a row that nobody has. */
static int query_columns(struct db_link *link, const struct db_layout *layout)
{
	const db_func_t *functions = db_functions();
	db_key_t keys[2] = {(db_key_t)layout->columns[DB_D_ENTRY].name,
			    (db_key_t)layout->columns[DB_D_ID].name};
	db_val_t values[2] = {{.type = DB1_INT}, {.type = DB1_INT}};
	db_key_t columns[DB_COLUMNS_MAX];
	db1_res_t *res = NULL;

	for (uint32_t i = 0; i < layout->count; i++)
		columns[i] = (db_key_t)layout->columns[i].name;
	if (functions->use_table(link->con, layout->name) < 0 ||
	    functions->query(link->con, keys, NULL, values, columns, 2,
			     (int)layout->count, NULL, &res) < 0)
		return -1;
	db_free(link, res);
	return 0;
}

static bool has_columns(struct db_link *link, enum db_table table)
{
	const struct db_layout *layout = db_layout(table);

	if (!db_can_raw())
		return query_columns(link, layout) == 0;
	make_select(&link->sql, layout, 0, layout->count);
	return db_try(link, sql_text(&link->sql));
}

/* The first one that is not there, or NULL. */
static const str *missing_column(struct db_link *link, enum db_table table)
{
	const struct db_layout *layout = db_layout(table);

	for (uint32_t i = 0; i < layout->count; i++) {
		make_select(&link->sql, layout, i, 1);
		if (!db_try(link, sql_text(&link->sql)))
			return layout->columns[i].name;
	}
	return NULL;
}

static int check_columns(struct db_link *link, enum db_table table)
{
	const struct db_layout *layout = db_layout(table);
	struct parley_str name = name_of(table);
	const str *column = NULL;

	if (has_columns(link, table))
		return 0;
	if (db_can_raw()) {
		make_select(&link->sql, layout, 0, 0);
		if (db_raw(link, sql_text(&link->sql), NULL) == 0)
			column = missing_column(link, table);
	}
	if (column)
		LM_ERR("database %s: the table %.*s has no column %.*s: make "
		       "the table anew with %s/%s, or set the parameter of the "
		       "column\n",
		       db_shown_url(), SHOWN(name), column->len, column->s,
		       folder(), dialog_file());
	else
		LM_ERR("database %s: the table %.*s is not there, or may not "
		       "be read: make it with %s/%s, or with kamdbctl create\n",
		       db_shown_url(), SHOWN(name), folder(), dialog_file());
	return -1;
}

/* ------------------------------------------------ writing */

/* The file of SQLite's was opened by root, perhaps, and is the user's to write
 * whom root has become. */
static bool may_write_file(void)
{
	static const char scheme[] = "sqlite:///";
	const char *path = adapter.set.db.url.s + sizeof(scheme) - 1;

	return db_kind() != DB_SQLITE ||
	       adapter.set.db.url.len < (int)sizeof(scheme) ||
	       faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0 ||
	       errno == ENOENT;
}

/* Nothing is deleted; but who may not write is told so. The stock module starts
 * with such a database. Who can be written again gets what has waited. */
bool db_check_writable(struct db_link *link)
{
	struct sql *sql = &link->sql;

	if (!db_can_raw())
		return true;
	sql_empty(sql);
	sql_add(sql, "DELETE FROM ");
	sql_add_name(sql, name_of(DB_DIALOG));
	sql_add(sql, " WHERE 1=0");
	if (may_write_file() && db_raw(link, sql_text(sql), NULL) == 0)
		return true;
	LM_ERR("database %s: can be read only at present: by lack of rights, "
	       "by its settings, or because another program has locked it; "
	       "calls wait until it can be written\n",
	       db_shown_url());
	return false;
}

/* ------------------------------------------------ our own table */

/* The same as in sql/. PostgreSQL's driver reads a column of type text as
 * escaped bytes, one of type varchar as it is. */
static void make_create(struct sql *sql)
{
	static const char *const keys[] = {
		[DB_SQLITE] = "id INTEGER PRIMARY KEY NOT NULL",
		[DB_POSTGRES] = "id SERIAL PRIMARY KEY NOT NULL",
		[DB_MYSQL] = "id INT(10) UNSIGNED PRIMARY KEY AUTO_INCREMENT",
	};
	static const char *const images[] = {
		[DB_SQLITE] = "TEXT",
		[DB_POSTGRES] = "VARCHAR",
		[DB_MYSQL] = "MEDIUMTEXT",
	};
	enum db_kind kind = db_kind();

	sql_empty(sql);
	sql_add(sql, "CREATE TABLE ");
	sql_add_name(sql, name_of(DB_MORE));
	sql_add(sql, " (");
	sql_add(sql, keys[kind]);
	sql_add(sql, kind == DB_MYSQL ? ",hash_entry INT(10) UNSIGNED NOT NULL,"
					"hash_id INT(10) UNSIGNED NOT NULL,"
				      : ",hash_entry INTEGER NOT NULL,"
					"hash_id INTEGER NOT NULL,");
	sql_add(sql, "callid VARCHAR(255) NOT NULL,node VARCHAR(64) NOT NULL,"
		     "state INTEGER NOT NULL,image ");
	sql_add(sql, images[kind]);
	sql_add(sql, ")");
}

static void make_index(struct sql *sql, const char *what, const char *columns)
{
	sql_empty(sql);
	sql_add(sql, "CREATE INDEX ");
	sql_add_text(sql, name_of(DB_MORE));
	sql_add(sql, what);
	sql_add(sql, " ON ");
	sql_add_name(sql, name_of(DB_MORE));
	sql_add(sql, columns);
}

/* In the table `version`, for who looks after the tables. */
static void make_version(struct sql *sql)
{
	sql_empty(sql);
	sql_add(sql, "INSERT INTO ");
	sql_add_name(sql, to_parley(&version_table));
	sql_add(sql, " (table_name,table_version) VALUES (");
	sql_add_literal(sql, name_of(DB_MORE));
	sql_add(sql, ",");
	sql_add_number(sql, db_layout(DB_MORE)->version);
	sql_add(sql, ")");
}

static bool create_more(struct db_link *link)
{
	struct sql *sql = &link->sql;

	make_create(sql);
	if (!db_try(link, sql_text(sql)))
		return false;
	make_index(sql, "_hash_idx", " (hash_entry,hash_id)");
	db_try(link, sql_text(sql));
	make_index(sql, "_node_idx", " (node)");
	db_try(link, sql_text(sql));
	make_version(sql);
	db_try(link, sql_text(sql));
	return has_columns(link, DB_MORE);
}

static bool check_more(struct db_link *link)
{
	struct parley_str name = name_of(DB_MORE);
	bool there;

	/* The drivers' words about what is not there yet would frighten. */
	db_hush();
	there = has_columns(link, DB_MORE);
	db_listen();
	if (there || (db_can_raw() && create_more(link)))
		return true;
	if (db_kind() == DB_REDIS)
		LM_WARN("database %s: no table %.*s: put %s where schema_path "
			"of db_redis points to, and add modparam(\"db_redis\", "
			"\"keys\", "
			"\"%.*s=entry:hash_entry,hash_id&cid:callid\"); "
			"until then early dialogs, further legs and long texts "
			"are not stored\n",
			db_shown_url(), SHOWN(name), more_file(), SHOWN(name));
	else
		LM_WARN("database %s: the table %.*s is not there, or is "
			"another one, and could not be made: make it with "
			"%s; until then early dialogs, further legs and long "
			"texts are not stored\n",
			db_shown_url(), SHOWN(name), more_file());
	return false;
}

int db_check_tables(struct db_link *link, bool *morep)
{
	for (enum db_table table = DB_DIALOG; table <= DB_VARS; table++)
		if (check_version(link, table) < 0 ||
		    check_columns(link, table) < 0)
			return -1;
	*morep = check_more(link);
	return 0;
}
