/*
 * db_link.h - what the parts that talk to the database share
 *
 * What:    a connection from the inside, for db_driver.c, db_check.c,
 *          db_read.c and db_write.c.
 * Owns:    see db_driver.h.
 * Locking: none.
 * Why:     the drivers tell no more than "failed", and log what they know, with
 *          the whole statement in some cases. So their words are let through
 *          once a minute, for short statements, and what a failure means is
 *          found out by trying others.
 */
#ifndef DB_LINK_H
#define DB_LINK_H

/* Ours has the name, too; theirs is known as db_row_t. */
#define db_row srdb1_row
#include "lib/srdb1/db.h"
#undef db_row

#include "adapter.h"
#include "db_driver.h"

struct db_link {
	db1_con_t *con;
	struct sql sql;		   /* for statements of db_driver.c */
	bool marked;		   /* MySQL: the session has our mark */
	bool replacing[DB_TABLES]; /* SQLite: has its trigger (db_write.c) */
	bool prepared, compounds;  /* MySQL: was asked; takes BEGIN ... END */
	bool in_transaction;
};

const db_func_t *db_functions(void);

/* What the driver says until db_listen() does not get into the log. */
void db_hush(void);
void db_listen(void);
/* Around what may fail again and again: the driver is heard if it is @brief and
 * has not been for a minute. db_heard() takes what db_hear() has returned. */
bool db_hear(bool brief);
void db_heard(bool heard, bool failed);
/* The next failure is to be explained, if none was in this second. */
void db_let_explain(void);

/* A raw statement; *@resp NULL, or to be freed with db_free(). 0 or -1. */
int db_raw(struct db_link *link, struct parley_str sql, db1_res_t **resp);
void db_free(struct db_link *link, db1_res_t *res);
/* The same in silence: failure is one of the answers. */
bool db_try(struct db_link *link, struct parley_str sql);

/* An integer in whatever type the driver gives it, with its sign in all 64
 * bits. False: it is none. */
bool db_integer(const db_val_t *value, uint64_t *numberp);

/* db_url without user and password, for messages; in a buffer of its own. */
const char *db_shown_url(void);

#endif
