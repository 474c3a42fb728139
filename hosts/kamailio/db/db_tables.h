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
 * Why:     one place knows the columns; who writes and who reads goes by it. It
 *          knows no server, and is tested and fuzzed by itself.
 */
#ifndef DB_TABLES_H
#define DB_TABLES_H

#include "core/str.h"

#include "image_json.h"
#include "parley.h"

enum db_table { DB_DIALOG, DB_VARS, DB_MORE, DB_TABLES };

enum {
	DB_COLUMNS_MAX = 24,
	DB_NODE_MAX = 64,
	DB_IFLAGS = PARLEY_OPT_IFLAGS, /* options that iflags has the same bits
					  for */
	/* A lifetime of which so much is lost or gained is the same. */
	DB_LIFETIME_SLACK_S = 5,
};

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
 * with the wall clock in "written"; empty if the row is there for the node
 * only. */
enum db_more_column {
	DB_M_ENTRY,
	DB_M_ID,
	DB_M_CALLID,
	DB_M_NODE,
	DB_M_STATE,
	DB_M_IMAGE,
	DB_M_COLUMNS
};

/* A number below 0 has its sign in all 64 bits. */
struct db_value {
	bool null;
	uint64_t number;
	struct parley_str text;
};
struct db_row {
	struct db_value values[DB_COLUMNS_MAX];
};

/* What rows mean to this host: filled once, before anything else is called. */
struct db_rules {
	const str *tables[DB_TABLES];
	const str *columns[DB_TABLES][DB_COLUMNS_MAX];
	struct json_names names; /* self: this node's; empty: it has none */
	bool (*has_value)(int profile);
	bool utf8; /* in columns '?' stands for bytes that are none */
	uint32_t lifetime_s, early_timeout_s, noack_timeout_s, ack_wait_s;
};
void db_tables_init(const struct db_rules *rules);
const struct db_rules *db_rules(void);
/* The same for this server, whose parameters are known by now (db_rules.c). */
void db_rules_init(void);

/* Memory of one process that is given back all at once. */
struct db_arena;
struct db_arena *db_arena_make(void);
void db_arena_empty(struct db_arena *arena);
void db_arena_free(struct db_arena *arena);
void *db_arena_take(struct db_arena *arena, size_t size); /* NULL: none left */
/* A copy; its s is NULL only if there is no memory. */
struct parley_str db_arena_text(struct db_arena *arena, struct parley_str text);

/* The rows that say what @image says. */
struct db_rows {
	bool has_dialog; /* state 3 or 4 */
	struct db_row dialog;
	struct db_row *vars;
	uint32_t var_count;
	bool has_more; /* something of it has no place in the others, or the
			* node has a name */
	struct db_row more;
	bool zeros; /* a text ends in the rows where it has a zero byte */
};
/* 0 or PARLEY_E_MEMORY. */
int db_rows_of(const struct parley_image *image, struct parley_now now,
	       struct db_arena *arena, struct db_rows *rows);

/* What is to be said of rows that make an image. */
struct db_remarks {
	/* ARGUMENT: which column is wrong, and how. 0: what was left out. */
	enum db_table table;
	const char *column, *fault;
	uint32_t unknown_profiles, foreign_sockets;
	bool unarmed; /* without a lifetime: it has a new one */
};

/* The other way. In @rows has_more says that there is such a row; @vars are
 * those of the table. What the rows disagree about is older in @more: the stock
 * module may have been used in between. 0, PARLEY_E_MEMORY, or
 *   ARGUMENT   the rows are damaged: see @remarks
 *   NO_DIALOG  the call has ended: there is a row of dialog_more only
 *   OLD        early, and its time has been over for long */
int db_rows_image(const struct db_rows *rows, struct parley_now now,
		  struct db_arena *arena, struct parley_image *image,
		  struct db_remarks *remarks);

/* The table dialog can hold the call, if it is up: its identity fits. */
bool db_dialog_fits(const struct parley_view *view);

/* A JSON document whose memory is the arena's; one at a time. */
void db_arena_doc(struct db_arena *arena, srjson_doc_t *doc);

/* The node that a row of dialog_more belongs to is this one, or nobody. */
bool db_row_is_ours(const struct db_row *more);

#endif
