/*
 * db_sides.h - what stands beside a row of the table dialog
 *
 * What:    the rows of dialog_vars and dialog_more, gathered by the identity of
 *          their dialog, so that the table dialog can be read row by row; and
 *          sets of identities.
 * Owns:    copies of the rows, in libc's memory: Kamailio's private pool has 8
 *          MB.
 * Locking: none; one process.
 * Why:     no driver is trusted to give rows in an order.
 */
#ifndef DB_SIDES_H
#define DB_SIDES_H

#include "db_tables.h"

/* ------------------------------------------------ sets of identities */

struct db_ids {
	uint64_t *slots; /* 0: free */
	uint32_t size, count;
};
bool db_ids_has(const struct db_ids *ids, struct parley_id id);
/* 1: it was added, 0: it was there, or PARLEY_E_MEMORY. The identity is not {0,
 * 0}. */
int db_ids_add(struct db_ids *ids, struct parley_id id);
/* All of @other. 0 or PARLEY_E_MEMORY. */
int db_ids_join(struct db_ids *ids, const struct db_ids *other);
void db_ids_fini(struct db_ids *ids);

/* ------------------------------------------------ rows by identity */

struct db_side_var {
	struct db_side_var *next;
	struct parley_str key, value;
	uint64_t row; /* its key column */
};
struct db_side {
	struct db_side *next;
	struct parley_id id;
	struct db_side_var *vars, *last_var;
	uint32_t var_count;
	bool seen; /* the table dialog has such a row, good or bad */
	struct db_value *more; /* DB_M_COLUMNS of them; NULL: no such row */
	uint64_t more_row;
};
struct db_sides {
	struct db_arena *arena;
	struct db_side **slots;
	uint32_t size, count;
};

/* 0 or PARLEY_E_MEMORY. */
int db_sides_init(struct db_sides *sides);
void db_sides_fini(struct db_sides *sides);

/* NULL: nothing is known of it. */
struct db_side *db_sides_find(const struct db_sides *sides,
			      struct parley_id id);
/* A variable that comes twice has the value that was written last. NULL, or why
 * the row is damaged; without memory *@rcp is PARLEY_E_MEMORY. */
const char *db_sides_put_var(struct db_sides *sides, const struct db_row *row,
			     uint64_t key, int *rcp);
const char *db_sides_put_more(struct db_sides *sides, const struct db_row *row,
			      uint64_t key, int *rcp);

/* As db_rows_image() wants them, in the memory of @arena. False: there is none
 * left. */
bool db_side_rows(const struct db_side *side, struct db_arena *arena,
		  struct db_rows *rows);

/* The identity in the first two columns. False: they hold none. */
bool db_row_id(const struct db_row *row, struct parley_id *id);
/* The values of a row with their texts. NULL: no memory. */
struct db_value *db_row_copy(struct db_arena *arena, const struct db_row *row,
			     uint32_t count);

/* All of them, in any order; *@cursor is 0 at first. NULL: no more. */
struct db_side *db_sides_next(const struct db_sides *sides, uint32_t *cursor,
			      struct db_side *before);

#endif
