/*
 * profile.h - profiles: exact counts per value in O(1), and who is in them
 *
 * What:    a profile value is a counter with the list of its members. A
 *          membership is counted from reserve or join until it leaves.
 * Owns:    profile_table owns its values; a membership belongs to the dialog
 *          (or, before there is one, to the list of the caller). A marker
 *          belongs to its walk.
 * Locking: each value belongs to one of PROFILE_SHARDS locks by its hash. The
 *          list that threads the memberships of one dialog belongs to that
 *          dialog's shard, a caller's list to the caller. What names a
 *          membership (member_value() and that value's profile, text and hash)
 *          is written before anybody else can see the membership and never
 *          again, and a value lives as long as one membership of it: who may
 *          read a list may read all this without the profile lock.
 * Always:  a value's count is the length of its member list (markers of walks
 *          left out) and above 0; a profile's total is the sum.
 * profile_check().
 */
#ifndef PROFILE_H
#define PROFILE_H

#include <stdatomic.h>

#include "hash.h"
#include "index.h"
#include "remote.h"

enum { PROFILE_SHARDS = 32, PROFILE_SHARD_BITS = 5 };

struct profile_value;

struct parley_member {
	struct parley_member *next;	  /* of the same dialog */
	struct parley_member *value_next; /* of the same value */
	struct parley_member **value_pprev;
	/* {0,0}: reserved; marker: entry UINT32_MAX; of another server:
	 * entry PROFILE_REMOTE_ENTRY */
	struct parley_id id;
	/* The value's address: 48 bits, as much as Linux gives to a process
	 * that does not ask for more. Calls have several memberships, and two
	 * bytes less make each of them fit into the next smaller block. */
	uint32_t value_low;
	uint16_t value_high;
};

/* What is allocated for one; the padding behind it must not be written. */
enum {
	MEMBER_BYTES =
		offsetof(struct parley_member, value_high) + sizeof(uint16_t),
};

struct profile_value {
	struct index_node node;
	struct parley_member *members;
	uint32_t count;
	uint16_t len;
	uint8_t profile;
	char bytes[];
};
_Static_assert(PARLEY_PROFILES_MAX <= UINT8_MAX + 1, "profile is one byte");

struct profile {
	char name[PARLEY_PROFILE_NAME_MAX + 1];
	bool has_value;
	_Atomic uint32_t total;
};

struct profile_table {
	struct profile *list;
	uint32_t count;
	uint32_t first_lock; /* lock number of profile shard 0 */
	struct index shard[PROFILE_SHARDS];
	struct remote_shard *remote[PROFILE_SHARDS]; /* NULL: none so far */
	uint32_t next_remote; /* remote_expire() looks here first */
};

struct parley;
struct dialog;

/* engine->config and engine->mem must be ready. */
PARLEY_MUST_CHECK int profile_table_init(struct parley *engine,
					 const struct parley_config *config);
/* Values and memberships are left to mem_fini(). */
void profile_table_fini(struct parley *engine);

/* Names the dialog in every place of the list: reserved becomes taken. The
 * list must still be the caller's, that is, not yet linked to the dialog. */
void profile_take(struct parley *engine, struct parley_member *list,
		  struct parley_id id);
/* The list of a caller has its newest place first; a dialog shows the places
 * from before its creation in the order in which they were taken, as Kamailio's
 * dialog module does. Returns the new head. */
struct parley_member *profile_reversed(struct parley_member *list);
/* Gives up all places of a list that is no longer linked to a dialog. */
void profile_leave_all(struct parley *engine, struct parley_member *list);
/* Sum of all totals. */
uint64_t profile_members(const struct parley *engine);

const char *profile_check(struct parley *engine);

/* ------------------------------------- between profile.c, profile_walk.c */

/* Names one value of one profile, or all of them. */
struct profile_key {
	struct parley_str value; /* empty without values */
	uint64_t hash;
	uint16_t profile;
	bool any; /* of a profile with values; value and hash mean nothing */
};

PARLEY_MUST_CHECK int profile_key_init(struct parley *engine, int profile,
				       struct parley_str value,
				       struct profile_key *key);
/* The same where exactly one value is needed. */
PARLEY_MUST_CHECK int profile_key_init_one(struct parley *engine, int profile,
					   struct parley_str value,
					   struct profile_key *key);

static inline uint32_t profile_shard(uint64_t hash)
{
	/* The index uses the low bits. */
	return (uint32_t)(hash >> (64 - PROFILE_SHARD_BITS));
}

/* Puts a membership into the value of @key, which is made if need be, and
 * counts it. 0 or PARLEY_E_MEMORY. The lock of its profile shard is held. */
PARLEY_MUST_CHECK int profile_enter_locked(struct parley *engine,
					   const struct profile_key *key,
					   struct parley_member *member,
					   struct parley_id id);
/* Takes it out; a value that nobody is in any more goes with it. */
void profile_exit_locked(struct parley *engine, struct parley_member *member);

void profile_lock(struct parley *engine, uint32_t shard);
void profile_unlock(struct parley *engine, uint32_t shard);

/* NULL if nobody is in it. The lock of its profile shard is held. */
struct profile_value *profile_find_locked(struct parley *engine,
					  const struct profile_key *key);

static inline struct profile_value *
member_value(const struct parley_member *member)
{
	uint64_t address =
		(uint64_t)member->value_high << 32 | member->value_low;

	return (struct profile_value *)(uintptr_t)address;
}

static inline void member_set_value(struct parley_member *member,
				    const struct profile_value *value)
{
	uint64_t address = (uint64_t)(uintptr_t)value;

	member->value_low = (uint32_t)address;
	member->value_high = (uint16_t)(address >> 32);
}

static inline void member_link(struct parley_member *member,
			       struct parley_member **where)
{
	member->value_next = *where;
	member->value_pprev = where;
	if (*where != NULL)
		(*where)->value_pprev = &member->value_next;
	*where = member;
}

static inline void member_unlink(struct parley_member *member)
{
	*member->value_pprev = member->value_next;
	if (member->value_next != NULL)
		member->value_next->value_pprev = member->value_pprev;
}

/* A walk's place in a list of members; never a member. */
static inline bool member_is_marker(const struct parley_member *member)
{
	return member->id.entry == UINT32_MAX;
}

/* A place of another server's call. */
#define PROFILE_REMOTE_ENTRY (UINT32_MAX - 1)
static inline bool member_is_remote(const struct parley_member *member)
{
	return member->id.entry == PROFILE_REMOTE_ENTRY;
}

/* Moves the markers out of a value that is about to be freed. Its lock is
 * held, it is still in the index and has no members. */
void profile_walks_leave_locked(struct profile_value *value);

#endif
