/*
 * value_index.h - which dialogs have a variable with this value
 *
 * What:    once parley_index_values() was called, each variable has an entry in
 *          front. Entries with the same hash of key and value, in one shard,
 *          form a ring, of which one, its leader, is a node of the shard's
 *          index. A walk leaves two marks in a ring: where it is, and where it
 *          has begun.
 * Owns:    an index for each shard. Entries are parts of the variables' blocks,
 *          marks of their walks.
 * Locking: the shard's lock. A walk takes it for VALUE_STEP entries at a time.
 * Always:  an entry is in a ring while its dialog is linked and has not ended;
 *          a ring has an entry that is no mark, and exactly one leader.
 *          value_index_check().
 * Why:     a thousand calls may have the same value: a chain of them in a
 *          bucket would be in the way of others. And a call costs nothing more
 *          where nobody looks for values.
 */
#ifndef VALUE_INDEX_H
#define VALUE_INDEX_H

#include "dialog.h"

struct value_entry {
	struct index_node node;		 /* pprev NULL: not the leader */
	struct value_entry *next, *prev; /* NULL: in no ring */
	struct dialog *dialog;		 /* NULL: a mark */
};

/* Bytes in front of each variable. */
static inline size_t value_index_front(const struct parley *engine)
{
	return engine->values ? sizeof(struct value_entry) : 0;
}

/* All of these do nothing as long as values are not indexed. */

/* @var of @dialog is there, with its value, unless the dialog is not linked or
 * has ended. */
void value_index_add_locked(struct parley *engine, struct dialog *dialog,
			    struct variable *var);
/* It goes, or its value is about to change; legal if it is not in. */
void value_index_remove_locked(struct parley *engine, struct variable *var);

/* The dialog was linked, or has ended. */
void value_index_begin_locked(struct parley *engine, struct dialog *dialog);
void value_index_end_locked(struct parley *engine, struct dialog *dialog);

void value_index_fini(struct parley *engine);

/* The shard's lock is held, and its dialogs' own invariants hold. */
const char *value_index_check(const struct parley *engine,
			      const struct shard *shard);

#endif
