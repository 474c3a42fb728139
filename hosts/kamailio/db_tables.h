/*
 * db_tables.h - the three tables: their columns, and rows as values
 *
 * What:    dialog and dialog_vars as the stock module has them (their versions
 *          7 and 1), and dialog_more, ours, for what those cannot hold: early
 *          dialogs, further legs, long lists of profiles and long texts, and
 *          which node a dialog belongs to.
 * Owns:    the values of a row point into what they were made from, or into the
 *          arena given.
 * Locking: none.
 * Always:  the tables dialog and dialog_vars never hold what the stock module
 *          could not have written: states 3 and 4 only, texts no longer than
 *          their columns.
 * Why:     one place knows the columns; who writes and who reads goes by it.
 */
#ifndef DB_TABLES_H
#define DB_TABLES_H

#include "adapter.h"
#include "parley_store.h"

enum db_table { DB_DIALOG, DB_VARS, DB_MORE, DB_TABLES };

enum { DB_COLUMNS_MAX = 24 };

enum db_column_kind { DB_NUMBER, DB_TEXT };

struct db_column {
	const str *name; /* a parameter, or fixed */
	enum db_column_kind kind;
	uint16_t width; /* of a text, in bytes; 0: as long as it likes */
	bool null;	/* may be NULL */
};
struct db_layout {
	const str *name; /* of the table */
	unsigned version;
	struct db_column columns[DB_COLUMNS_MAX];
	uint32_t count;
};
/* Columns of DB_DIALOG in the order of enum db_dialog_column, and so on. */
const struct db_layout *db_layout(enum db_table table);

enum db_dialog_column {
	DB_D_ENTRY,
	DB_D_ID,
	DB_D_CALLID,
	DB_D_FROM_URI,
	DB_D_FROM_TAG,
	DB_D_TO_URI,
	DB_D_TO_TAG,
	DB_D_CALLER_CSEQ,
	DB_D_CALLEE_CSEQ,
	DB_D_CALLER_ROUTES,
	DB_D_CALLEE_ROUTES,
	DB_D_CALLER_CONTACT,
	DB_D_CALLEE_CONTACT,
	DB_D_CALLER_SOCK,
	DB_D_CALLEE_SOCK,
	DB_D_STATE,
	DB_D_START,
	DB_D_TIMEOUT,
	DB_D_SFLAGS,
	DB_D_IFLAGS,
	DB_D_TOROUTE,
	DB_D_REQ_URI,
	DB_D_XDATA,
	DB_D_COLUMNS
};
enum db_vars_column { DB_V_ENTRY, DB_V_ID, DB_V_KEY, DB_V_VALUE, DB_V_COLUMNS };
/* image: the whole dialog as JSON, as other nodes are told it (image_json.h),
 * empty if the row is there for the node only. */
enum db_more_column {
	DB_M_ENTRY,
	DB_M_ID,
	DB_M_CALLID,
	DB_M_NODE,
	DB_M_STATE,
	DB_M_IMAGE,
	DB_M_COLUMNS
};

struct db_value {
	bool null;
	uint64_t number;
	struct parley_str text;
};
struct db_row {
	struct db_value values[DB_COLUMNS_MAX];
};

/* Memory of one process that is given back all at once. */
struct db_arena;
struct db_arena *db_arena_make(void);
void db_arena_empty(struct db_arena *arena);
void *db_arena_take(struct db_arena *arena, size_t size); /* NULL: none left */

/* The rows that say what @image says. */
struct db_rows {
	bool has_dialog; /* state 3 or 4 */
	struct db_row dialog;
	struct db_row *vars;
	uint32_t var_count;
	bool has_more; /* something of it has no place in the others, or the
			* node has a number */
	struct db_row more;
};
/* 0 or PARLEY_E_MEMORY. */
int db_rows_of(const struct parley_image *image, struct parley_now now,
	       struct db_arena *arena, struct db_rows *rows);

/* The other way. @more NULL: there is none. 0, PARLEY_E_MEMORY, or ARGUMENT and
 * *@faultp says in words which column is wrong, and how. What the rows disagree
 * about is older in @more (the stock module may have been used in between). */
int db_rows_image(const struct db_rows *rows, struct parley_now now,
		  struct db_arena *arena, struct parley_image *image,
		  const char **faultp);

#endif
