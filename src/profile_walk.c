/*
 * profile_walk.c - walking the dialogs of a profile without holding a lock
 *
 * A walk leaves a marker in the list of members behind the last one it has
 * told. Members join at the front of that list and leave by themselves, so all
 * that is behind the marker is still to be told, and nothing else is. A walk
 * of any value goes through the values in the order of index_walk(), which
 * growing and shrinking do not change.
 */
#include <stddef.h>

#include "engine.h"

/* Members or values looked at while a lock is held: a few microseconds. */
enum { WALK_STEP = 64 };

struct parley_profile_walk {
	struct parley_member marker; /* value NULL: in no list */
	struct parley *engine;
	uint64_t cursor; /* of index_walk(), with any */
	uint32_t shard;
	uint16_t profile;
	bool any;
	bool shard_start; /* index_walk() has not begun in this shard */
	bool done;
};

static void marker_enter_locked(struct parley_profile_walk *walk,
				struct profile_value *value)
{
	member_set_value(&walk->marker, value);
	member_link(&walk->marker, &value->members);
}

/* The value is finished: goes on to the next one of the same hash, which is
 * the one thing that the cursor cannot tell apart. */
static void marker_leave_locked(struct parley_profile_walk *walk)
{
	struct index_node *node = &member_value(&walk->marker)->node;

	member_unlink(&walk->marker);
	member_set_value(&walk->marker, NULL);
	if (!walk->any)
		return;
	do {
		node = index_after(node);
	} while (node != NULL &&
		 ((struct profile_value *)node)->profile != walk->profile);
	if (node != NULL)
		marker_enter_locked(walk, (struct profile_value *)node);
}

void profile_walks_leave_locked(struct profile_value *value)
{
	/* Markers are the first field of their walk. */
	while (value->members != NULL)
		marker_leave_locked(
			(struct parley_profile_walk *)value->members);
}

/* Tells up to @max members behind the marker. */
static uint32_t members_step_locked(struct parley_profile_walk *walk,
				    struct parley_id *ids, uint32_t max)
{
	struct parley_member **at = &walk->marker.value_next;
	uint32_t count = 0;

	for (int i = 0; i < WALK_STEP && count < max && *at != NULL; i++) {
		const struct parley_member *member = *at;

		/* A reserved place has no dialog yet, another server's call
		 * has none here. */
		if (!member_is_marker(member) && member->id.id != 0)
			ids[count++] = member->id;
		at = &(*at)->value_next;
	}
	if (*at == NULL) {
		marker_leave_locked(walk);
	} else if (at != &walk->marker.value_next) {
		member_unlink(&walk->marker);
		member_link(&walk->marker, at);
	}
	return count;
}

/* Looks for the next value of the profile. */
static void values_step_locked(struct parley_profile_walk *walk)
{
	const struct index *index = &walk->engine->profiles.shard[walk->shard];

	for (int i = 0; i < WALK_STEP; i++) {
		struct index_node *node =
			index_walk(index, &walk->cursor, walk->shard_start);

		walk->shard_start = node == NULL;
		if (node == NULL) {
			walk->shard++;
			walk->done = walk->shard == PROFILE_SHARDS;
			return;
		}
		while (node != NULL &&
		       ((struct profile_value *)node)->profile != walk->profile)
			node = index_after(node);
		if (node != NULL) {
			marker_enter_locked(walk, (struct profile_value *)node);
			return;
		}
	}
}

int parley_profile_walk_begin(struct parley *engine, int profile,
			      struct parley_str value,
			      struct parley_profile_walk **walkp)
{
	struct parley_profile_walk *walk;
	struct profile_value *found;
	struct profile_key key;
	int rc = profile_key_init(engine, profile, value, &key);

	if (rc != 0)
		return rc;
	walk = mem_alloc(&engine->mem, sizeof(*walk));
	if (walk == NULL) {
		count_one(&engine->count.no_memory);
		return PARLEY_E_MEMORY;
	}
	*walk = (struct parley_profile_walk){
		.marker = {.id = {UINT32_MAX, 0}},
		.engine = engine,
		.shard = key.any ? 0 : profile_shard(key.hash),
		.profile = key.profile,
		.any = key.any,
		.shard_start = true,
	};
	if (!key.any) {
		profile_lock(engine, walk->shard);
		found = profile_find_locked(engine, &key);
		if (found != NULL)
			marker_enter_locked(walk, found);
		profile_unlock(engine, walk->shard);
	}
	*walkp = walk;
	return 0;
}

uint32_t parley_profile_walk_next(struct parley_profile_walk *walk,
				  struct parley_id *ids, uint32_t max)
{
	uint32_t count = 0;

	while (count < max && !walk->done) {
		uint32_t shard = walk->shard;

		profile_lock(walk->engine, shard);
		if (member_value(&walk->marker) != NULL)
			count += members_step_locked(walk, ids + count,
						     max - count);
		else if (walk->any)
			values_step_locked(walk);
		else
			walk->done = true;
		profile_unlock(walk->engine, shard);
	}
	return count;
}

void parley_profile_walk_end(struct parley_profile_walk *walk)
{
	struct parley *engine = walk->engine;

	if (!walk->done) {
		profile_lock(engine, walk->shard);
		if (member_value(&walk->marker) != NULL)
			member_unlink(&walk->marker);
		profile_unlock(engine, walk->shard);
	}
	mem_free(&engine->mem, walk, sizeof(*walk));
}

/* ------------------------------------------------------------- values */

/* The value of the profile among those of equal hash from @node on, after
 * @skip others of it; NULL: there is none. */
static const struct profile_value *value_of(const struct index_node *node,
					    int profile, uint32_t skip)
{
	for (; node != NULL; node = index_after(node)) {
		const struct profile_value *value =
			(const struct profile_value *)node;

		if (value->profile == profile && skip-- == 0)
			return value;
	}
	return NULL;
}

/* Looks for the next one. False: none so far, and the shard may be done. */
static bool values_next_locked(const struct index *index,
			       struct parley_profile_values *values)
{
	const struct index_node *node = NULL;
	const struct profile_value *value = NULL;

	if (values->equal > 0)
		value = value_of(index_first(index, values->cursor),
				 values->profile, values->equal);
	for (int i = 0; i < WALK_STEP && value == NULL; i++) {
		node = index_walk(index, &values->cursor, !values->going);
		values->going = node != NULL;
		values->equal = 0;
		if (node == NULL) {
			values->shard++;
			return false;
		}
		value = value_of(node, values->profile, 0);
	}
	if (value == NULL)
		return false;
	values->equal++;
	values->count = value->count;
	values->len = value->len;
	memcpy(values->text, value->bytes, value->len);
	return true;
}

int parley_profile_values_next(struct parley *engine,
			       struct parley_profile_values *values)
{
	bool found = false;

	if (parley_profile_name(engine, values->profile) == NULL)
		return PARLEY_E_NO_PROFILE;
	while (!found && values->shard < PROFILE_SHARDS) {
		uint32_t shard = values->shard;

		profile_lock(engine, shard);
		found = values_next_locked(&engine->profiles.shard[shard],
					   values);
		profile_unlock(engine, shard);
	}
	return found ? 1 : 0;
}

int parley_profile_set_lifetime(struct parley *engine, struct parley_now now,
				const struct parley_profile_view *which,
				uint32_t lifetime_s, uint32_t *countp)
{
	struct parley_profile_walk *walk;
	struct parley_id ids[WALK_STEP];
	uint32_t got, count = 0;
	int rc;

	if (lifetime_s == 0)
		return PARLEY_E_ARGUMENT;
	rc = parley_profile_walk_begin(engine, which->profile, which->value,
				       &walk);
	if (rc != 0)
		return rc;
	while ((got = parley_profile_walk_next(walk, ids, WALK_STEP)) > 0)
		for (uint32_t i = 0; i < got; i++)
			/* One that has ended meanwhile has no lifetime. */
			count += parley_set_lifetime(engine, now, ids[i],
						     lifetime_s) == 0;
	parley_profile_walk_end(walk);
	*countp = count;
	return 0;
}
