/*
 * profile.c - joining, leaving and counting; walks are in profile_walk.c
 *
 * A place is counted under the value's lock and linked to its dialog under the
 * shard's lock, one after the other. The place is taken first: a dialog is in
 * a profile only when the count already says so, so no limit can be passed.
 */
#include <stddef.h>

#include "store.h"

void profile_lock(struct parley *engine, uint32_t shard)
{
	engine->host.lock(engine->host.self,
			  engine->profiles.first_lock + shard);
}

void profile_unlock(struct parley *engine, uint32_t shard)
{
	engine->host.unlock(engine->host.self,
			    engine->profiles.first_lock + shard);
}

/* ------------------------------------------------------------ the table */

enum {
	FIRST_BITS = 2, /* most profiles have few values or very many */
	LOAD = 2,
};

/* Of one shard. */
static uint32_t first_bits(const struct parley_config *config)
{
	return config->profile_bits > PROFILE_SHARD_BITS + FIRST_BITS
		       ? config->profile_bits - PROFILE_SHARD_BITS
		       : FIRST_BITS;
}

static void table_fini_some(struct parley *engine, uint32_t indexes)
{
	struct profile_table *table = &engine->profiles;

	while (indexes > 0)
		index_fini(&table->shard[--indexes]);
	mem_free(&engine->mem, table->list,
		 table->count * sizeof(*table->list));
	table->list = NULL;
	table->count = 0;
}

int profile_table_init(struct parley *engine,
		       const struct parley_config *config)
{
	struct profile_table *table = &engine->profiles;

	table->first_lock = engine->config.shards;
	table->count = config->profile_count;
	table->list = NULL;
	if (table->count > 0) {
		size_t size = table->count * sizeof(*table->list);

		table->list = mem_alloc(&engine->mem, size);
		if (table->list == NULL) {
			table->count = 0;
			return PARLEY_E_MEMORY;
		}
		memset(table->list, 0, size);
	}
	for (uint32_t i = 0; i < table->count; i++) {
		struct profile *profile = &table->list[i];
		const char *name = config->profiles[i].name;

		/* parley_config_fault() has looked at its length. */
		memcpy(profile->name, name, strlen(name));
		profile->has_value = config->profiles[i].has_value;
		atomic_init(&profile->total, 0);
	}
	for (uint32_t i = 0; i < PROFILE_SHARDS; i++) {
		if (index_init(&table->shard[i], &engine->mem,
			       first_bits(config), LOAD) != 0) {
			table_fini_some(engine, i);
			return PARLEY_E_MEMORY;
		}
	}
	return 0;
}

void profile_table_fini(struct parley *engine)
{
	remote_fini(engine);
	table_fini_some(engine, PROFILE_SHARDS);
}

int parley_profile_find(struct parley *engine, struct parley_str name)
{
	if (name.len == 0 || name.len > PARLEY_PROFILE_NAME_MAX)
		return PARLEY_E_NO_PROFILE;
	for (uint32_t i = 0; i < engine->profiles.count; i++) {
		const char *known = engine->profiles.list[i].name;

		/* A name with zero bytes at its end is another one. */
		if (strlen(known) == name.len &&
		    memcmp(known, name.s, name.len) == 0)
			return (int)i;
	}
	return PARLEY_E_NO_PROFILE;
}

static bool profile_known(const struct parley *engine, int profile)
{
	return profile >= 0 && (uint32_t)profile < engine->profiles.count;
}

bool parley_profile_has_value(struct parley *engine, int profile)
{
	return profile_known(engine, profile) &&
	       engine->profiles.list[profile].has_value;
}

const char *parley_profile_name(struct parley *engine, int profile)
{
	return profile_known(engine, profile)
		       ? engine->profiles.list[profile].name
		       : NULL;
}

uint64_t profile_members(const struct parley *engine)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < engine->profiles.count; i++)
		sum += atomic_load_explicit(&engine->profiles.list[i].total,
					    memory_order_relaxed);
	return sum;
}

/* ------------------------------------------------------------- values */

/* Without the hash, which only the table of all values asks for. */
static int key_init_unhashed(struct parley *engine, int profile,
			     struct parley_str value, struct profile_key *key)
{
	if (!profile_known(engine, profile))
		return PARLEY_E_NO_PROFILE;
	key->profile = (uint16_t)profile;
	key->any = false;
	key->hash = 0;
	key->value = value;
	if (!engine->profiles.list[profile].has_value) {
		key->value = (struct parley_str){NULL, 0};
	} else if (value.s == NULL) {
		key->any = true;
		return value.len == 0 ? 0 : PARLEY_E_ARGUMENT;
	}
	return key->value.len > PARLEY_VALUE_MAX ? PARLEY_E_ARGUMENT : 0;
}

int profile_key_init(struct parley *engine, int profile,
		     struct parley_str value, struct profile_key *key)
{
	const unsigned char number[2] = {
		(unsigned char)(profile & 0xff),
		(unsigned char)((profile >> 8) & 0xff),
	};
	const struct parley_str prefix = {(const char *)number, 2};
	int rc = key_init_unhashed(engine, profile, value, key);

	if (rc == 0 && !key->any)
		key->hash = hash_pair(&engine->key, prefix, key->value);
	return rc;
}

int profile_key_init_one(struct parley *engine, int profile,
			 struct parley_str value, struct profile_key *key)
{
	int rc = profile_key_init(engine, profile, value, key);

	return rc == 0 && key->any ? PARLEY_E_NO_VALUE : rc;
}

static bool value_matches(const struct profile_value *value,
			  const struct profile_key *key)
{
	struct parley_str text = {value->bytes, value->len};

	return value->profile == key->profile &&
	       (key->any || str_equal(text, key->value));
}

struct profile_value *profile_find_locked(struct parley *engine,
					  const struct profile_key *key)
{
	struct index *index = &engine->profiles.shard[profile_shard(key->hash)];
	struct index_node *node = index_first(index, key->hash);

	while (node != NULL &&
	       !value_matches((struct profile_value *)node, key))
		node = index_after(node);
	return (struct profile_value *)node;
}

static size_t value_size(uint32_t len)
{
	return offsetof(struct profile_value, bytes) + len;
}

static struct profile_value *value_create_locked(struct parley *engine,
						 const struct profile_key *key)
{
	struct profile_value *value =
		mem_alloc(&engine->mem, value_size(key->value.len));

	if (value == NULL)
		return NULL;
	value->count = 0;
	value->profile = (uint8_t)key->profile;
	value->len = (uint16_t)key->value.len;
	value->members = NULL;
	if (value->len > 0)
		memcpy(value->bytes, key->value.s, value->len);
	index_add(&engine->profiles.shard[profile_shard(key->hash)],
		  &value->node, key->hash);
	return value;
}

int profile_enter_locked(struct parley *engine, const struct profile_key *key,
			 struct parley_member *member, struct parley_id id)
{
	struct profile_value *value = profile_find_locked(engine, key);

	if (value == NULL)
		value = value_create_locked(engine, key);
	if (value == NULL)
		return PARLEY_E_MEMORY;
	member->next = NULL;
	member_set_value(member, value);
	member->id = id;
	member_link(member, &value->members);
	value->count++;
	atomic_fetch_add_explicit(&engine->profiles.list[key->profile].total, 1,
				  memory_order_relaxed);
	return 0;
}

void profile_exit_locked(struct parley *engine, struct parley_member *member)
{
	struct profile_value *value = member_value(member);
	uint32_t shard = profile_shard(value->node.hash);

	member_unlink(member);
	value->count--;
	atomic_fetch_sub_explicit(&engine->profiles.list[value->profile].total,
				  1, memory_order_relaxed);
	if (value->count == 0) {
		profile_walks_leave_locked(value);
		index_remove(&engine->profiles.shard[shard], &value->node);
		mem_free(&engine->mem, value, value_size(value->len));
	}
}

/* ------------------------------------------------------------- places */

/* Checks the limit and counts, in one hold of the value's lock. */
static int place_take(struct parley *engine, const struct profile_key *key,
		      uint32_t limit, struct parley_id id,
		      struct parley_member **memberp)
{
	uint32_t shard = profile_shard(key->hash);
	struct parley_member *member = NULL;
	struct profile_value *value;
	int rc = 0;

	profile_lock(engine, shard);
	value = profile_find_locked(engine, key);
	if (limit > 0 && value != NULL && value->count >= limit) {
		rc = PARLEY_E_FULL;
		goto unlock;
	}
	member = mem_alloc(&engine->mem, MEMBER_BYTES);
	if (member == NULL ||
	    profile_enter_locked(engine, key, member, id) != 0) {
		mem_free(&engine->mem, member, MEMBER_BYTES);
		rc = PARLEY_E_MEMORY;
		goto unlock;
	}
	*memberp = member;
unlock:
	profile_unlock(engine, shard);
	if (rc == PARLEY_E_FULL)
		count_one(&engine->count.limit_refused);
	if (rc == PARLEY_E_MEMORY)
		count_one(&engine->count.no_memory);
	return rc;
}

static void place_give_back(struct parley *engine, struct parley_member *member)
{
	uint32_t shard = profile_shard(member_value(member)->node.hash);

	profile_lock(engine, shard);
	profile_exit_locked(engine, member);
	profile_unlock(engine, shard);
	mem_free(&engine->mem, member, MEMBER_BYTES);
}

void profile_take(struct parley *engine, struct parley_member *list,
		  struct parley_id id)
{
	for (; list != NULL; list = list->next) {
		uint32_t shard = profile_shard(member_value(list)->node.hash);

		profile_lock(engine, shard);
		list->id = id;
		profile_unlock(engine, shard);
	}
}

struct parley_member *profile_reversed(struct parley_member *list)
{
	struct parley_member *reversed = NULL;

	while (list != NULL) {
		struct parley_member *next = list->next;

		list->next = reversed;
		reversed = list;
		list = next;
	}
	return reversed;
}

void profile_leave_all(struct parley *engine, struct parley_member *list)
{
	while (list != NULL) {
		struct parley_member *next = list->next;

		place_give_back(engine, list);
		list = next;
	}
}

/* --------------------------------------- lists of a dialog or a caller */

/* Who holds the lock of the list needs no other one: see profile.h. */
static bool list_holds(const struct parley_member *list,
		       const struct profile_key *key)
{
	while (list != NULL && !value_matches(member_value(list), key))
		list = list->next;
	return list != NULL;
}

/* Moves the first such place of *@listp, or all with key->any, to the list
 * that is returned. */
static struct parley_member *list_remove(struct parley_member **listp,
					 const struct profile_key *key)
{
	struct parley_member *removed = NULL;

	while (*listp != NULL) {
		struct parley_member *member = *listp;

		if (!value_matches(member_value(member), key)) {
			listp = &member->next;
			continue;
		}
		*listp = member->next;
		member->next = removed;
		removed = member;
		if (!key->any)
			break;
	}
	return removed;
}

/* The same for all places behind the first one that are in its profile. */
static struct parley_member *list_remove_others(struct parley_member *first)
{
	struct parley_member **listp = &first->next, *removed = NULL;
	uint8_t profile = member_value(first)->profile;

	while (*listp != NULL) {
		struct parley_member *member = *listp;

		if (member_value(member)->profile != profile) {
			listp = &member->next;
			continue;
		}
		*listp = member->next;
		member->next = removed;
		removed = member;
	}
	return removed;
}

/* 0: @id may join, 1: with @once it is in already, or an error. */
static int join_look(struct parley *engine, struct parley_id id,
		     const struct profile_key *key, bool once)
{
	struct dialog *dialog = dialog_find_lock(engine, id);
	int rc = 0;

	if (dialog == NULL)
		return PARLEY_E_NO_DIALOG;
	if (dialog->state == PARLEY_STATE_DELETED)
		rc = PARLEY_E_NO_DIALOG;
	else if (once && list_holds(dialog->members, key))
		rc = 1;
	dialog_unlock(engine, id);
	return rc;
}

/* As join_look(), and links the place if the answer is 0. Between the two looks
 * the dialog may have ended, or another process may have joined it. */
static int join_link(struct parley *engine, const struct profile_key *key,
		     struct parley_member *member, bool once)
{
	struct parley_id id = member->id;
	struct dialog *dialog = dialog_find_lock(engine, id);
	int rc = 0;

	if (dialog == NULL)
		return PARLEY_E_NO_DIALOG;
	if (dialog->state == PARLEY_STATE_DELETED) {
		rc = PARLEY_E_NO_DIALOG;
	} else if (once && list_holds(dialog->members, key)) {
		rc = 1;
	} else {
		member->next = dialog->members;
		dialog->members = member;
		dialog_changed(engine, dialog);
	}
	dialog_write_unlock(engine, dialog);
	return rc;
}

int parley_profile_join_only(struct parley *engine, struct parley_id id,
			     int profile, struct parley_str value)
{
	struct parley_member *member, *removed = NULL;
	struct dialog *dialog;
	struct profile_key key;
	int rc = profile_key_init_one(engine, profile, value, &key);

	if (rc == 0)
		rc = place_take(engine, &key, 0, id, &member);
	if (rc != 0)
		return rc;
	dialog = dialog_find_lock(engine, id);
	if (dialog == NULL) {
		rc = PARLEY_E_NO_DIALOG;
	} else if (dialog->state == PARLEY_STATE_DELETED) {
		rc = PARLEY_E_NO_DIALOG;
		dialog_unlock(engine, id);
	} else {
		member->next = dialog->members;
		dialog->members = member;
		removed = list_remove_others(member);
		dialog_changed(engine, dialog);
		dialog_write_unlock(engine, dialog);
	}
	if (rc != 0)
		place_give_back(engine, member);
	profile_leave_all(engine, removed);
	return rc;
}

/* NOLINTNEXTLINE(readability-function-size): parley.h has it so. */
int parley_profile_join(struct parley *engine, struct parley_id id, int profile,
			struct parley_str value, uint32_t limit, bool once)
{
	struct parley_member *member;
	struct profile_key key;
	int rc = profile_key_init_one(engine, profile, value, &key);

	if (rc == 0)
		rc = join_look(engine, id, &key, once);
	if (rc != 0)
		return rc > 0 ? 0 : rc;
	rc = place_take(engine, &key, limit, id, &member);
	if (rc != 0)
		return rc;
	rc = join_link(engine, &key, member, once);
	if (rc != 0)
		place_give_back(engine, member);
	return rc > 0 ? 0 : rc;
}

int parley_profile_leave(struct parley *engine, struct parley_id id,
			 int profile, struct parley_str value)
{
	struct parley_member *removed;
	struct profile_key key;
	struct dialog *dialog;
	int rc = profile_key_init(engine, profile, value, &key);

	if (rc != 0)
		return rc;
	dialog = dialog_find_lock(engine, id);
	if (dialog == NULL)
		return PARLEY_E_NO_DIALOG;
	removed = list_remove(&dialog->members, &key);
	if (removed != NULL)
		dialog_changed(engine, dialog);
	dialog_write_unlock(engine, dialog);
	profile_leave_all(engine, removed);
	return removed == NULL ? PARLEY_E_ABSENT : 0;
}

int parley_profile_is_member(struct parley *engine, struct parley_id id,
			     int profile, struct parley_str value)
{
	struct profile_key key;
	struct dialog *dialog;
	int rc = key_init_unhashed(engine, profile, value, &key);

	if (rc != 0)
		return rc;
	dialog = dialog_find_lock_any(engine, id);
	if (dialog == NULL)
		return PARLEY_E_NO_DIALOG;
	rc = list_holds(dialog->members, &key) ? 1 : 0;
	dialog_unlock(engine, id);
	return rc;
}

int parley_profile_size(struct parley *engine, int profile,
			struct parley_str value, uint32_t *sizep)
{
	const struct profile_value *found;
	struct profile_key key;
	int rc = profile_key_init(engine, profile, value, &key);

	if (rc != 0)
		return rc;
	if (key.any || !engine->profiles.list[profile].has_value) {
		*sizep = atomic_load_explicit(
			&engine->profiles.list[profile].total,
			memory_order_relaxed);
		return 0;
	}
	profile_lock(engine, profile_shard(key.hash));
	found = profile_find_locked(engine, &key);
	*sizep = found == NULL ? 0 : found->count;
	profile_unlock(engine, profile_shard(key.hash));
	return 0;
}

/* ------------------------------------------- before there is a dialog */

/* NOLINTNEXTLINE(readability-function-size): parley.h has it so. */
int parley_profile_reserve(struct parley *engine, int profile,
			   struct parley_str value, uint32_t limit, bool once,
			   struct parley_member **listp)
{
	const struct parley_id nobody = {0, 0};
	struct parley_member *member;
	struct profile_key key;
	int rc = profile_key_init_one(engine, profile, value, &key);

	if (rc != 0)
		return rc;
	if (once && list_holds(*listp, &key))
		return 0;
	rc = place_take(engine, &key, limit, nobody, &member);
	if (rc != 0)
		return rc;
	member->next = *listp;
	*listp = member;
	return 0;
}

int parley_profile_reserve_only(struct parley *engine, int profile,
				struct parley_str value,
				struct parley_member **listp)
{
	int rc =
		parley_profile_reserve(engine, profile, value, 0, false, listp);

	if (rc == 0)
		profile_leave_all(engine, list_remove_others(*listp));
	return rc;
}

bool parley_profile_reserved(struct parley *engine, int profile,
			     struct parley_str value,
			     const struct parley_member *list)
{
	struct profile_key key;

	return profile_key_init(engine, profile, value, &key) == 0 &&
	       list_holds(list, &key);
}

int parley_profile_unreserve(struct parley *engine, int profile,
			     struct parley_str value,
			     struct parley_member **listp)
{
	struct parley_member *removed;
	struct profile_key key;
	int rc = profile_key_init(engine, profile, value, &key);

	if (rc != 0)
		return rc;
	removed = list_remove(listp, &key);
	profile_leave_all(engine, removed);
	return removed == NULL ? PARLEY_E_ABSENT : 0;
}

void parley_profile_release(struct parley *engine, struct parley_member **listp)
{
	struct parley_member *list = *listp;

	*listp = NULL;
	profile_leave_all(engine, list);
}

/* ------------------------------------------------------------ checking */

static const char *value_check(const struct profile_value *value,
			       uint32_t profiles)
{
	struct parley_member *const *pprev = &value->members;
	uint32_t members = 0;

	if (value->profile >= profiles)
		return "profile: a value belongs to no profile";
	if (value->count == 0)
		return "profile: a value without members was not freed";
	for (; *pprev != NULL; pprev = &(*pprev)->value_next) {
		const struct parley_member *member = *pprev;

		if (member->value_pprev != pprev)
			return "profile: the list of members is broken";
		if (member_value(member) != value)
			return "profile: a member belongs to another value";
		if (!member_is_marker(member))
			members++;
	}
	if (members != value->count)
		return "profile: a count is not the number of members";
	return NULL;
}

static uint32_t remote_count(const struct profile_value *value)
{
	const struct parley_member *member = value->members;
	uint32_t count = 0;

	for (; member != NULL; member = member->value_next)
		count += member_is_remote(member);
	return count;
}

/* Adds the counts of one shard to @sums. The shard's lock is held. */
static const char *shard_check_locked(struct parley *engine, uint32_t shard,
				      uint32_t *sums, uint32_t *remotep)
{
	const struct index *index = &engine->profiles.shard[shard];
	const char *fault = index_check(index);
	struct index_node *node;
	uint64_t cursor = 0;

	node = fault == NULL ? index_walk(index, &cursor, true) : NULL;
	while (node != NULL) {
		const struct profile_value *value =
			(struct profile_value *)node;

		fault = value_check(value, engine->profiles.count);
		if (fault == NULL && profile_shard(node->hash) != shard)
			fault = "profile: a value is in the wrong shard";
		if (fault != NULL)
			return fault;
		sums[value->profile] += value->count;
		*remotep += remote_count(value);
		node = index_after(node);
		if (node == NULL)
			node = index_walk(index, &cursor, false);
	}
	return fault;
}

const char *profile_check(struct parley *engine)
{
	uint32_t sums[PARLEY_PROFILES_MAX] = {0};
	const char *fault = NULL;
	uint64_t remote = 0;

	for (uint32_t i = 0; i < PROFILE_SHARDS && fault == NULL; i++) {
		uint32_t here = 0;

		profile_lock(engine, i);
		fault = shard_check_locked(engine, i, sums, &here);
		if (fault == NULL)
			fault = remote_check_locked(engine, i, here);
		profile_unlock(engine, i);
		remote += here;
	}
	if (fault == NULL && remote != atomic_load(&engine->count.remote))
		fault = "remote: the number of entries is wrong";
	for (uint32_t i = 0; i < engine->profiles.count && fault == NULL; i++) {
		if (sums[i] != atomic_load(&engine->profiles.list[i].total))
			fault = "profile: a total is not the sum of its values";
	}
	return fault;
}
