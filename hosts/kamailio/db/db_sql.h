/*
 * db_sql.h - text of SQL that grows, with values in it that cannot break out
 *
 * What:    statements are put together from constants, names, numbers and
 *          literals. A literal is written so that the database reads back what
 *          was meant, whatever bytes it has and however the server is set.
 * Owns:    its memory, libc's: a statement has up to a megabyte, and Kamailio's
 *          private pool has eight of all.
 * Locking: none.
 * Always:  with `failed` (no memory) the text is of no use; all else may be
 *          called all the same.
 * Why:     this file knows no server, so that it can be tested alone.
 */
#ifndef DB_SQL_H
#define DB_SQL_H

#include <stdbool.h>

#include "parley.h"

/* What a database understands. DB_OTHER is told values, never statements. */
enum db_kind { DB_SQLITE, DB_POSTGRES, DB_MYSQL, DB_REDIS, DB_OTHER };

/* What is written as '?', if the database's character set has refused it: what
 * is not UTF-8, or all that is more than ASCII. */
enum sql_loss { SQL_LOSES_NOTHING, SQL_LOSES_BYTES, SQL_LOSES_CHARACTERS };

struct sql {
	enum db_kind kind;
	enum sql_loss loss;
	bool failed;
	char *s;
	size_t len, room;
};

/* Empties it and keeps its memory. */
void sql_empty(struct sql *sql);
void sql_free(struct sql *sql);

void sql_add(struct sql *sql, const char *constant);
void sql_add_text(struct sql *sql, struct parley_str text);
void sql_add_number(struct sql *sql, uint64_t number);
/* Takes the last characters away. */
void sql_cut(struct sql *sql, size_t count);

/* An integer of 32 bits, which PostgreSQL and the stock module take as signed
 * in columns that have a sign. */
void sql_add_integer(struct sql *sql, uint32_t number);
/* A name of a column or table, as the stock module writes it. */
void sql_add_name(struct sql *sql, struct parley_str name);
/* A text. What the database cannot hold (sql_can_hold()) becomes '?'. */
void sql_add_literal(struct sql *sql, struct parley_str text);

/* Whether a text comes back as it is: PostgreSQL holds no zero bytes, and no
 * bytes that are not UTF-8; drivers without statements hold no zero bytes. */
bool sql_can_hold(enum db_kind kind, struct parley_str text);

static inline struct parley_str sql_text(const struct sql *sql)
{
	return (struct parley_str){sql->s, (uint32_t)sql->len};
}

#endif
