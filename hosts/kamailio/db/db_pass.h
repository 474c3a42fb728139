/*
 * db_pass.h - one pass over the tables
 *
 * What:    reads the rows of dialog_vars and dialog_more, then those of dialog,
 *          and imports what they make; says what is wrong with which row.
 * Owns:    struct load, of one process and as long as the pass; what passes
 *          leave to each other, and to the processes after the fork, is in
 *          db_pass.
 * Locking: none; see db_driver.h.
 * Always:  a row is taken once; the rows of another node are passed over.
 * Why:     the start, its rest in the writer, and what is asked for at run time
 *          (db_load.c) differ in when and which, and in nothing else.
 */
#ifndef DB_PASS_H
#define DB_PASS_H

#include "db_load.h"
#include "db_sides.h"
#include "db_write.h"

/* Rows that wait until the reader has come to its end. */
struct kept_row {
	struct kept_row *next;
	struct db_value *values;
	uint64_t key;
	struct parley_image image;
	bool good;
};

/* What a pass consists of, in this order. */
enum pass_stage {
	PASS_VARS,
	PASS_MORE,
	PASS_EARLY,
	PASS_DIALOG,
	PASS_OTHERS,
	PASS_END
};

struct load {
	enum pass_stage stage; /* what it is at */
	uint64_t after;	       /* over: the key of the last row of its table */
	bool resumes;	       /* and behind it, it goes on */
	struct db_link *link;
	struct db_load_count *count;
	struct db_sides sides;
	struct db_arena *arena; /* for one dialog */
	struct db_ids seen;	/* identities in the table dialog */
	struct db_ids known;	/* those that were in memory at first */
	uint64_t deadline_ms;	/* UINT64_MAX: none */
	bool over;		/* it has passed */
	bool running;		/* SIP is handled meanwhile */
	bool keeping;		/* rows are kept for later */
	bool adopting;		/* those of @node */
	struct parley_str node;
	struct kept_row *kept, *last_kept;
	struct db_batch *batch;
	uint32_t lines, unarmed, foreign_sockets;
	uint64_t read_us; /* that the database took */
};

/* What an import before the fork leads to. */
struct told {
	struct parley_note note;
	struct parley_actions *actions; /* NULL: none but the note */
};

struct db_pass {
	struct db_ids done; /* identities that are not to be loaded any more */
	bool has_more;	    /* there is a table dialog_more */
	uint32_t no_room;   /* records of the journal that were not imported */
	struct told *told;
	uint32_t told_count, told_room;
};
extern struct db_pass db_pass;

/* A row, or its dialog, in words. */
struct which {
	enum db_table table;
	uint64_t key;
	struct parley_id id;
	struct parley_str callid;
};
/* As far as it can be told from values that may be anything. */
struct which pass_which(enum db_table table, const struct db_value *values,
			uint64_t key);

/* Functions that return an int return 0 or enum db_result. */

int pass_no_memory(void); /* says so; DB_REFUSED */

int pass_begin(struct load *load);
void pass_end(struct load *load);
/* The connection is closed; the pass goes on with another one. */
void pass_unlink(struct load *load);
/* Everything that is not in db_pass.done. If the time is over before it has
 * come to the end, load->over; it goes on with load->resumes. */
int pass_all(struct load *load);

/* The parts of it. */
typedef int (*pass_take)(struct load *load, const struct db_row *row,
			 uint64_t key);
int pass_rows(struct load *load, enum db_table table,
	      const struct db_filter *filter, pass_take take);
int pass_take_var(struct load *load, const struct db_row *row, uint64_t key);
int pass_take_more(struct load *load, const struct db_row *row, uint64_t key);
int pass_take_dialog(struct load *load, const struct db_row *row, uint64_t key);
int pass_sides(struct load *load);  /* dialog_vars and dialog_more */
int pass_others(struct load *load); /* what has no row in dialog */

/* Makes an image of what is known about a dialog, in load->arena; what there is
 * to say was said. 0, or as db_rows_image(). */
int pass_image(struct load *load, const struct which *which,
	       const struct db_side *side, struct db_rows *rows,
	       struct parley_image *image);
int pass_import(struct load *load, const struct which *which,
		const struct db_side *side, const struct parley_image *image);
/* parley_import(), while there is shared memory left for new calls; else
 * PARLEY_E_FULL. */
int pass_give(const struct parley_image *image, struct parley_actions *actions);
/* What an import has led to: when all are loaded, unless @running. */
int pass_carry_out(const struct parley_actions *actions, bool running);

/* Rows to be written, NULL: no memory; and writes them, after the readers. */
struct db_batch *pass_batch(struct load *load);
int pass_write(struct load *load);

#endif
