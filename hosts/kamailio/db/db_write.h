/*
 * db_write.h - a batch of dialogs into the database
 *
 * What:    takes records out of the journal, or images from where else, and
 *          writes them in one transaction: one statement per table, MySQL
 *          before MariaDB two (a statement has a maximal size; large batches
 * have several). Where the driver has no raw statements, row by row, in an
 *          order that a crash cannot turn into a wrong call.
 * Owns:    one struct per process, with its memory.
 * Locking: none; see db_driver.h.
 * Always:  a batch is in the database as a whole or not at all (but for Redis).
 *          A row that the database refuses does not hold the others up: they
 *          are written without it, and one line names it and the reason.
 */
#ifndef DB_WRITE_H
#define DB_WRITE_H

#include "db_driver.h"

struct db_batch;
struct db_batch *db_batch_make(struct db_link *link, bool has_more);
void db_batch_free(struct db_batch *batch);

/* Puts one more in. @known: there may be rows of it. 0 or PARLEY_E_MEMORY. */
int db_batch_put(struct db_batch *batch, const struct parley_image *image,
		 bool known, uint64_t ticket, struct parley_now now);
/* The rows that the stock module has made of it are this node's from now on:
 * there is none in dialog_more yet. */
int db_batch_claim(struct db_batch *batch, const struct parley_image *image,
		   struct parley_now now);
int db_batch_gone(struct db_batch *batch, struct parley_id id,
		  struct parley_str callid, uint64_t ticket);
uint32_t db_batch_count(const struct db_batch *batch);

struct db_batch_result {
	uint32_t statements;
	uint32_t refused; /* dialogs whose rows the database would not take */
};
/* What became of a ticket; @saved: this dialog has rows now, or NULL. */
typedef void (*db_batch_done)(uint64_t ticket, bool written,
			      const struct parley_id *saved);
/* Writes it. DB_DONE or DB_GONE; in both cases @done is called for each ticket,
 * with what became of it, and the batch is empty then. What the database
 * refuses counts as written: it would be refused again, and the next change of
 * the dialog brings it anew. After DB_GONE the rows may be there all the same:
 * a dialog that is tried again is @known. */
enum db_result db_batch_write(struct db_batch *batch, db_batch_done done,
			      struct db_batch_result *result);

/* Deletes every row of this node's (mode 3, before all are written anew). */
enum db_result db_delete_own(struct db_link *link, bool has_more);

#endif
