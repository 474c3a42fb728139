/*
 * notify.h - turns of subscribers
 *
 * What:    what the rest of the engine asks of notify.c; part of engine.h.
 * Locking: *_locked: the shard lock is held. The others: no lock is held.
 * Always:  a note holds a reference to its dialog until it is delivered.
 */
#ifndef NOTIFY_H
#define NOTIFY_H

#include "engine.h"

enum {
	SUBSCRIPTIONS = 5, /* in a block, the last come at the end */
	/* In the number of a handler: it wants PARLEY_NOTE_SAVED, which has no
	 * bit in types. */
	HANDLER_SAVED = PARLEY_HANDLERS_MAX,
};
_Static_assert(HANDLER_SAVED + PARLEY_HANDLERS_MAX <= UINT8_MAX + 1,
	       "both fit into a byte");
struct subscriptions {
	struct subscriptions *next; /* earlier ones; full */
	uint16_t types[SUBSCRIPTIONS];
	uint8_t handler[SUBSCRIPTIONS];
	uint8_t count;
	void *param[SUBSCRIPTIONS];
};

/* A note that has no place among the others: it does not wait. */
#define NOTE_NO_TICKET UINT32_MAX

/* Makes a turn for @types if anybody wants one of them; takes a reference to
 * the dialog that parley_deliver() drops. The shard lock is held. Fills id,
 * types and ticket; direction and states are the caller's, and new_state is
 * that of the dialog. */
void note_make_locked(struct parley *engine, struct dialog *dialog,
		      uint32_t types, struct parley_note *note);
/* Frees subscriptions (runs their release) and deferred notes. No lock held,
 * the dialog is unlinked and has no references. */
void note_fini(struct parley *engine, struct dialog *dialog);

/* Runs the DESTROY subscribers. No lock held; dialog->destroying is set, the
 * dialog is still linked, so that they can read it. */
void note_destroy(struct parley *engine, struct dialog *dialog);

/* The shard lock is held. NULL or the broken invariant. */
const char *note_check(const struct dialog *dialog);

#endif
