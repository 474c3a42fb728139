/*
 * db_batch.h - a batch from the inside
 *
 * What:    what db_write.c has collected, and how db_statements.c and
 *          db_write_rows.c carry it out.
 * Owns:    see db_write.h.
 * Locking: none.
 * Why:     memory is libc's, as that of the processes in procs.c: ten thousand
 *          dialogs do not fit into Kamailio's private pool of 8 MB.
 */
#ifndef DB_BATCH_H
#define DB_BATCH_H

#include "db_link.h"
#include "db_write.h"

struct batch_entry {
	uint64_t ticket;
	struct parley_id id;
	struct parley_str callid;
	bool erase; /* there may be rows of it */
	bool written, refused;
	const struct db_value *rows[DB_TABLES]; /* of count[] times columns */
	uint32_t count[DB_TABLES];
};

struct db_batch {
	struct db_link *link;
	bool has_more;
	struct db_arena *arena;	  /* what the entries point to */
	struct db_arena *scratch; /* of one image */
	struct batch_entry *entries;
	uint32_t count, room;
	struct sql erased, inserted, statement;
	uint32_t statements;
};

/* One line: it is given up. (db_write.c) */
void db_say_refused(const struct batch_entry *entry);

/* ------------------------------------------------ db_statements.c */

/* Before a transaction. */
enum db_result db_write_prepare(struct db_batch *batch);
/* Writes what the entries from @first to before @end have for @table. */
enum db_result db_write_table(struct db_batch *batch, enum db_table table,
			      uint32_t first, uint32_t end);
/* A row without anything special in it, in a transaction that is to be rolled
 * back. */
enum db_result db_write_sample(struct db_batch *batch, enum db_table table);
/* A large row of a node that nobody is, into dialog_more and out of it: only
 * what is committed needs room on the disk. */
enum db_result db_write_probe(struct db_batch *batch);

/* ------------------------------------------------ db_write_rows.c */

/* All of it, for drivers without statements. */
enum db_result db_write_rows(struct db_batch *batch);
enum db_result db_delete_own_rows(struct db_link *link, bool has_more);

#endif
