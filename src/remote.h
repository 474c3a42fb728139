/*
 * remote.h - places in profiles of calls that other servers have
 *
 * What:    an entry is one membership of a profile value that belongs to no
 *          dialog here. It has a name of its own (uid) and goes when it is
 *          taken out or when its time has come.
 * Owns:    the entries; each profile shard has an index of them by value and
 *          uid, and a timing wheel. Both are made with the first entry of the
 *          shard, so that who has none pays nothing.
 * Time:    an entry's end is given by the wall clock and turned into the
 *          monotonic one when it comes in: later jumps of the wall clock
 *          neither shorten nor lengthen it.
 * Locking: the lock of the profile shard, which the value belongs to as well.
 * Always:  profile, value and uid together name at most one entry; each entry
 *          is in its value's list of members and counted there.
 *          remote_check_locked().
 * Why:     counts go over several servers when each tells the others; a walk
 *          over all entries under one lock would hold up every call.
 */
#ifndef REMOTE_H
#define REMOTE_H

#include "index.h"
#include "wheel.h"

struct remote_shard {
	struct index by_uid;
	struct wheel wheel;
};

/* Takes one entry out that is due. False: none is. */
bool remote_expire(struct parley *engine, struct parley_now now);

/* Gives the indexes back; the entries are left to mem_fini(). */
void remote_fini(struct parley *engine);

/* @members is how many remote places the values of this shard have. NULL or the
 * broken invariant. */
const char *remote_check_locked(struct parley *engine, uint32_t shard,
				uint32_t members);

#endif
