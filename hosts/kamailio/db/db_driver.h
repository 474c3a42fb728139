/*
 * db_driver.h - one database behind Kamailio's srdb1: what it can do, and a
 * connection to it
 *
 * What:    finds the driver of db_url, knows what it can (transactions, raw
 *          statements, pages), checks and makes the tables, runs statements.
 * Owns:    a connection belongs to the process that opened it.
 * Locking: none. Everything here may take as long as the database likes, so
 *          only the writer, the loader and main at its end call it: never a
 *          process that handles SIP.
 * Always:  an error was logged in one line, limited, with what the operator can
 *          do about it.
 */
#ifndef DB_DRIVER_H
#define DB_DRIVER_H

#include "db_sql.h"
#include "db_tables.h"

/* In mod_init, if db_mode is not 0 or a load function may be used: the driver
 * of db_url. 0, or -1 and one line. */
int db_bind(void);
enum db_kind db_kind(void);
/* Raw statements: with them transactions, many rows in one statement, pages. */
bool db_can_raw(void);

struct db_link; /* a connection */
/* NULL: the line was written. */
struct db_link *db_open(void);
void db_close(struct db_link *link);
/* Before the first batch of a connection: no transaction of the process that
 * wrote before this one is still open. PostgreSQL would not see its rows, and
 * delete none of them, if it were committed later; InnoDB and SQLite wait by
 * themselves. False: one is; after ten seconds of that, true and one line. */
bool db_own(struct db_link *link);

/* Checks the versions of the tables (where the host has a table `version` of
 * them), that every column is there, and makes dialog_more if it is missing. 0;
 * -1 and one line: start-up must stop. *@morep false: dialog_more is not there
 * and may not be made; one warning named the SQL file. */
int db_check_tables(struct db_link *link, bool *morep);
/* False: it can be read only, at present; one line has said so. */
bool db_check_writable(struct db_link *link);

enum db_result {
	DB_DONE = 0,
	DB_REFUSED = -1, /* this statement will never succeed */
	DB_GONE = -2,	 /* locked, unreachable, full: later it may */
};
/* One raw statement without result. Inside of a transaction that is over if the
 * result is not DB_DONE. */
enum db_result db_exec(struct db_link *link, struct parley_str sql);
/* DB_DONE or DB_GONE. After DB_GONE of a commit, it may have happened. */
enum db_result db_begin(struct db_link *link);
enum db_result db_commit(struct db_link *link);
void db_rollback(struct db_link *link);

/* ---------------------------------------------------- reading */

/* Reads rows of a table page by page, where the driver can (db_fetch_rows; 0,
 * all at once, is taken as 1000: the driver keeps a page in Kamailio's private
 * pool). As long as it reads, nothing else is done with the connection but with
 * raw statements. */
struct db_reader;
struct db_filter {
	struct parley_str callid; /* empty: all */
	struct parley_id id;	  /* {0, 0}: all; DB_VARS by Call-ID is not
				   * possible */
};
/* NULL: no memory. The texts of @filter stay as long as the reader. */
struct db_reader *db_read(struct db_link *link, enum db_table table,
			  const struct db_filter *filter);
/* Before the first row: the next one is that behind @key. Where db_can_raw().
 */
void db_read_after(struct db_reader *reader, uint64_t key);
/* The next row; its texts are valid until the next call. 1, 0: no more, or
 * DB_REFUSED, DB_GONE. *@keyp: the value of its key column, for messages; where
 * there is none, which row it was. */
int db_read_next(struct db_reader *reader, struct db_row *row, uint64_t *keyp);
void db_read_end(struct db_reader *reader);

#endif
