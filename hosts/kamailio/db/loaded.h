/*
 * loaded.h - which dialogs the database has rows of, in mode 3
 *
 * What:    a list of identities: those that were loaded. At the end those of
 *          them that are over are deleted, and what else the table holds -
 *          damaged rows, other nodes' - stays.
 * Owns:    shared memory, until loaded_fini().
 * Locking: none: main adds before the fork, the writer afterwards, and main
 *          reads when the writer is gone.
 * Always:  in modes 1 and 2 nothing is kept; there the journal knows.
 */
#ifndef LOADED_H
#define LOADED_H

#include "adapter.h"

int loaded_init(void); /* mod_init. 0, or -1 and one line */
void loaded_add(struct parley_id id);
/* All of them, in order; libc's memory, to be freed. NULL: none, or no memory.
 */
struct parley_id *loaded_sorted(uint32_t *countp);
bool loaded_has(const struct parley_id *sorted, uint32_t count,
		struct parley_id id);
void loaded_fini(void);

#endif
