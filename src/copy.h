/*
 * copy.h - what a dialog needs because other nodes have it, too
 *
 * What:    version and owner of a dialog, and the list of those that have
 *          changed and are not exported yet.
 * Owns:    a dialog owns its struct copy; a shard threads its changed ones.
 * Locking: the shard's lock, as for all of a dialog.
 * Always:  a dialog that is in the list, or has been taken out of it and is
 *          being exported, is not destroyed.
 * Why:     a host without other nodes pays eight bytes per dialog, and one test
 *          per change.
 */
#ifndef COPY_H
#define COPY_H

#include "dialog.h"

struct copy {
	struct dialog *changed_next;
	uint32_t epoch, version;
	uint16_t by;	    /* the node that made this version */
	struct text owner;  /* empty: this node */
	bool replica;	    /* another node is the owner */
	bool changed;	    /* in the shard's list */
	bool taken;	    /* being exported */
	bool loaded;	    /* a replica has told LOADED */
	bool owner_ending;  /* the owner was ending the call */
	bool end_untold;    /* it ended here; the owner has not confirmed */
	bool quiet;	    /* forgotten: changes are nobody's concern */
	uint8_t end_rounds; /* how often the end timeout has waited for it */
};

/* False: no memory. Without config.replicate nothing is made. */
PARLEY_MUST_CHECK bool copy_init(struct parley *engine, struct dialog *dialog);
void copy_fini(struct parley *engine, struct dialog *dialog);

static inline bool copy_replica(const struct dialog *dialog)
{
	return dialog->copy && dialog->copy->replica;
}

/* Its export keeps the dialog. */
static inline bool copy_holds(const struct dialog *dialog)
{
	return dialog->copy && (dialog->copy->changed || dialog->copy->taken);
}

/* The timers of a replica stand still, except for what is over, and for what
 * this node ends itself. Long after they were due it is forgotten: the owner
 * knows no such call any more. */
static inline bool copy_sleeps(const struct dialog *dialog)
{
	return copy_replica(dialog) && !dialog->ending &&
	       dialog->state != PARLEY_STATE_DELETED;
}

static inline uint64_t copy_grace_ms(const struct parley *engine)
{
	return 2 * (uint64_t)engine->config.ack_wait_ms;
}

/* Something of the dialog, which has a copy, has changed: see store.h. */
void copy_changed(struct parley *engine, struct dialog *dialog);

/* Of @notes, what may be told here. */
uint32_t copy_notes(struct dialog *dialog, uint32_t notes);

/* What the owner of a dialog has to tell that it has not made itself: LOADED,
 * and the end if nobody has told of it. */
uint32_t copy_notes_due(const struct dialog *dialog);

/* The end timeout may not free it yet: the owner has not confirmed its end. */
bool copy_waits(struct dialog *dialog);

/* The shard lock is held. NULL or the broken invariant. */
const char *copy_check(const struct dialog *dialog);

#endif
