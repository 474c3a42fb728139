/*
 * db_load.h - dialogs out of the database and the journal, into the engine
 *
 * What:    at the start: the journal's records, then the rows of this node
 *          (and those of nobody); at run time by Call-ID, or all that are not
 *          in memory yet. Damaged rows are skipped, one line each with row and
 *          reason, and stay where they are.
 * Owns:    nothing that outlives a call.
 * Locking: none; may take as long as the database likes (db_driver.h), and is
 *          called in the writer, or in main before the fork.
 * Always:  the rows of another node are neither loaded, ended nor deleted
 *          unless asked for. What this leads to (LOADED, a call that is over)
 *          is carried out by "dialog actions": procs_push() (adapter.h).
 */
#ifndef DB_LOAD_H
#define DB_LOAD_H

#include "db_driver.h"

struct db_load_count {
	uint32_t loaded, known, foreign, damaged, orphans;
	uint32_t no_room; /* for them in shared memory; their rows stay */
};

/* mod_init: the tables are there, and as they must be. 0, or -1 and one line.
 * The connection is kept until db_load_start(): SQLite's file may be one that
 * the user cannot open whom root becomes in between. */
int db_load_check(void);
/* Before the fork: the journal, then rows for as long as db_load_wait lasts;
 * what is left is for db_load_rest(). 0, or -1 and one line. */
int db_load_start(void);
/* The table dialog_more was found, or made, then. */
bool db_load_has_more(void);
/* In the writer, first of all: the rest. 0, or DB_GONE: it is to be called
 * again with another connection, and goes on. */
int db_load_rest(struct db_link *link);
/* main, when the writer was forked: it has the rest, and goes on with it. */
void db_load_forked(void);
/* While db_load_rest() is at it. */
bool db_load_pending(void);

/* Asked for by script or RPC, done by the writer; see asks.h. 0 or enum
 * db_result. @drain writes what waits in the journal, the ends of calls that
 * are in memory no more; NULL: there is no journal. */
int db_load_callid(struct db_link *link, struct parley_str callid,
		   int (*drain)(void), struct db_load_count *count);
int db_load_extra(struct db_link *link, int (*drain)(void),
		  struct db_load_count *count);
/* The rows of @node, which is gone or has another name now, become this node's
 * and are loaded. */
int db_load_adopt(struct db_link *link, struct parley_str node,
		  struct db_load_count *count);

/* After db_load_start(): LOADED is told to the subscribers of each dialog, as
 * the stock module does. */
void db_load_tell(void);

#endif
