/*
 * journal_apply.h - a journal that was left, into the database, and no more
 *
 * What:    what tools/parley-journal starts Kamailio for: with PARLEY_JOURNAL
 *          in the environment mod_init writes the journal's records into the
 *          database, prints one line, and ends the process.
 * Owns:    nothing.
 * Locking: none; there is one process.
 * Why:     only the configuration says what sockets, profiles and tables there
 *          are, so it takes Kamailio to read it; and who goes back to the
 *          packaged module wants no call to be handled by this one.
 */
#ifndef JOURNAL_APPLY_H
#define JOURNAL_APPLY_H

#include "adapter.h"

/* Before params_check(): the parameters are made to fit. False: nobody asks. */
bool journal_apply_wanted(void);
/* When the engine is there. Does not return. */
void journal_apply(void);

#endif
