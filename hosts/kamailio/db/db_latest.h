/*
 * db_latest.h - which of several changes of a dialog is the last
 *
 * What:    while a batch is collected, a dialog whose change is in it may
 * change again: then both are in it. Rows are deleted first and inserted
 *          afterwards, for all at once, so only the last one may be written.
 * Owns:    nothing.
 * Locking: none.
 */
#ifndef DB_LATEST_H
#define DB_LATEST_H

#include "parley.h"

/* One change: of which dialog, and how many were before it. */
struct db_change {
	struct parley_id id;
	uint32_t number;
};

/* Puts the changes of each dialog behind one another, the last one last. */
void db_changes_sort(struct db_change *changes, uint32_t count);

/* Of sorted ones: a later one of the same dialog follows. */
bool db_change_is_old(const struct db_change *changes, uint32_t count,
		      uint32_t at);

#endif
