#include <stddef.h>

#include "engine.h"

enum { FIRST_BITS = 2, LOAD = 2 };

struct remote {
	struct parley_member member; /* the first field, as in a walk */
	struct index_node by_uid;
	struct timer timer;
	uint16_t uid_len;
	char uid[];
};

static size_t remote_size(uint32_t uid_len)
{
	return offsetof(struct remote, uid) + uid_len;
}

static struct remote *of_node(struct index_node *node)
{
	return (struct remote *)(void *)((char *)node -
					 offsetof(struct remote, by_uid));
}

static struct remote *of_timer(struct timer *timer)
{
	return (struct remote *)(void *)((char *)timer -
					 offsetof(struct remote, timer));
}

/* ------------------------------------------------------------- shards */

static struct remote_shard *
shard_make_locked(struct parley *engine, uint32_t shard, struct parley_now now)
{
	struct remote_shard **slot = &engine->profiles.remote[shard];
	struct remote_shard *made;

	if (*slot != NULL)
		return *slot;
	made = mem_alloc(&engine->mem, sizeof(*made));
	if (made == NULL)
		return NULL;
	*made = (struct remote_shard){0};
	if (index_init(&made->by_uid, &engine->mem, FIRST_BITS, LOAD) != 0) {
		mem_free(&engine->mem, made, sizeof(*made));
		return NULL;
	}
	wheel_init(&made->wheel, now.ms);
	*slot = made;
	return made;
}

void remote_fini(struct parley *engine)
{
	for (uint32_t i = 0; i < PROFILE_SHARDS; i++) {
		struct remote_shard *shard = engine->profiles.remote[i];

		if (shard == NULL)
			continue;
		index_fini(&shard->by_uid);
		mem_free(&engine->mem, shard, sizeof(*shard));
		engine->profiles.remote[i] = NULL;
	}
}

/* ------------------------------------------------------------- entries */

/* What names an entry: its value, as the index of values has it, and uid. */
static uint64_t remote_hash(const struct parley *engine, uint64_t value_hash,
			    struct parley_str uid)
{
	char bytes[sizeof(value_hash)];
	struct parley_str prefix = {bytes, sizeof(bytes)};

	memcpy(bytes, &value_hash, sizeof(bytes));
	return hash_pair(&engine->key, prefix, uid);
}

static struct remote *remote_find_locked(struct parley *engine,
					 const struct profile_key *key,
					 struct parley_str uid)
{
	struct remote_shard *shard =
		engine->profiles.remote[profile_shard(key->hash)];
	const struct profile_value *value = profile_find_locked(engine, key);
	struct index_node *node;

	if (shard == NULL || value == NULL)
		return NULL;
	node = index_first(&shard->by_uid, remote_hash(engine, key->hash, uid));
	for (; node != NULL; node = index_after(node)) {
		struct remote *remote = of_node(node);
		struct parley_str known = {remote->uid, remote->uid_len};

		if (member_value(&remote->member) == value &&
		    str_equal(known, uid))
			return remote;
	}
	return NULL;
}

static void remote_free_locked(struct parley *engine, uint32_t shard,
			       struct remote *remote)
{
	struct remote_shard *own = engine->profiles.remote[shard];

	wheel_cancel(&own->wheel, &remote->timer);
	index_remove(&own->by_uid, &remote->by_uid);
	profile_exit_locked(engine, &remote->member);
	count_one_less(&engine->count.remote);
	mem_free(&engine->mem, remote, remote_size(remote->uid_len));
}

static struct remote *remote_new_locked(struct parley *engine,
					const struct profile_key *key,
					struct parley_str uid)
{
	const struct parley_id id = {PROFILE_REMOTE_ENTRY, 0};
	struct remote_shard *shard =
		engine->profiles.remote[profile_shard(key->hash)];
	struct remote *remote = mem_alloc(&engine->mem, remote_size(uid.len));

	if (remote == NULL)
		return NULL;
	memset(remote, 0, remote_size(0));
	remote->uid_len = (uint16_t)uid.len;
	memcpy(remote->uid, uid.s, uid.len);
	if (profile_enter_locked(engine, key, &remote->member, id) != 0) {
		mem_free(&engine->mem, remote, remote_size(uid.len));
		return NULL;
	}
	index_add(&shard->by_uid, &remote->by_uid,
		  remote_hash(engine, key->hash, uid));
	count_one(&engine->count.remote);
	return remote;
}

static int remote_key(struct parley *engine, const struct parley_remote *facts,
		      struct profile_key *key)
{
	int rc =
		profile_key_init_one(engine, facts->profile, facts->value, key);

	if (rc == 0 && (facts->uid.s == NULL || facts->uid.len == 0 ||
			facts->uid.len > PARLEY_VALUE_MAX))
		rc = PARLEY_E_ARGUMENT;
	return rc;
}

/* Comes in, or stays until another time; the end is not over yet. */
static int remote_put_locked(struct parley *engine, struct parley_now now,
			     const struct parley_remote *facts,
			     const struct profile_key *key)
{
	struct remote_shard *shard =
		shard_make_locked(engine, profile_shard(key->hash), now);
	struct remote *remote;

	if (shard == NULL)
		return PARLEY_E_MEMORY;
	remote = remote_find_locked(engine, key, facts->uid);
	if (remote == NULL)
		remote = remote_new_locked(engine, key, facts->uid);
	if (remote == NULL)
		return PARLEY_E_MEMORY;
	if (facts->expires_s == 0) {
		wheel_cancel(&shard->wheel, &remote->timer);
		return 0;
	}
	wheel_arm(&shard->wheel, &remote->timer,
		  now.ms + (uint64_t)(facts->expires_s - now.unix_s) * 1000);
	return 0;
}

int parley_remote_add(struct parley *engine, struct parley_now now,
		      const struct parley_remote *facts)
{
	bool over = facts->expires_s != 0 && facts->expires_s <= now.unix_s;
	struct profile_key key;
	uint32_t shard;
	int rc;

	if (over) {
		rc = parley_remote_remove(engine, facts);
		return rc == PARLEY_E_ABSENT ? 0 : rc;
	}
	rc = remote_key(engine, facts, &key);
	if (rc != 0)
		return rc;
	shard = profile_shard(key.hash);
	profile_lock(engine, shard);
	rc = remote_put_locked(engine, now, facts, &key);
	profile_unlock(engine, shard);
	if (rc == PARLEY_E_MEMORY)
		count_one(&engine->count.no_memory);
	return rc;
}

int parley_remote_remove(struct parley *engine,
			 const struct parley_remote *facts)
{
	struct profile_key key;
	struct remote *remote;
	uint32_t shard;
	int rc = remote_key(engine, facts, &key);

	if (rc != 0)
		return rc;
	shard = profile_shard(key.hash);
	profile_lock(engine, shard);
	remote = remote_find_locked(engine, &key, facts->uid);
	if (remote != NULL)
		remote_free_locked(engine, shard, remote);
	profile_unlock(engine, shard);
	return remote == NULL ? PARLEY_E_ABSENT : 0;
}

/* One due entry of a shard; @morep as wheel_pop() has it. */
static bool shard_expire(struct parley *engine, uint32_t number,
			 struct parley_now now, bool *morep)
{
	struct remote_shard *shard;
	struct timer *timer = NULL;

	*morep = false;
	profile_lock(engine, number);
	shard = engine->profiles.remote[number];
	if (shard != NULL)
		timer = wheel_pop(&shard->wheel, now.ms, morep);
	if (timer != NULL)
		remote_free_locked(engine, number, of_timer(timer));
	profile_unlock(engine, number);
	return timer != NULL;
}

bool remote_expire(struct parley *engine, struct parley_now now)
{
	struct profile_table *table = &engine->profiles;
	uint32_t tried = 0;

	if (atomic_load_explicit(&engine->count.remote, memory_order_relaxed) ==
	    0)
		return false;
	while (tried < PROFILE_SHARDS) {
		bool more;

		if (shard_expire(engine, table->next_remote, now, &more))
			return true;
		if (more)
			continue;
		table->next_remote = (table->next_remote + 1) % PROFILE_SHARDS;
		tried++;
	}
	return false;
}

/* ------------------------------------------------------------- checking */

static const char *entry_check(struct parley *engine, uint32_t shard,
			       const struct remote *remote)
{
	const struct profile_value *value = member_value(&remote->member);
	struct parley_str uid = {remote->uid, remote->uid_len};

	if (!member_is_remote(&remote->member))
		return "remote: an entry looks like a dialog's";
	if (profile_shard(value->node.hash) != shard)
		return "remote: an entry is in the wrong shard";
	if (remote->by_uid.hash != remote_hash(engine, value->node.hash, uid))
		return "remote: an entry has another name's hash";
	return NULL;
}

const char *remote_check_locked(struct parley *engine, uint32_t number,
				uint32_t members)
{
	const struct remote_shard *shard = engine->profiles.remote[number];
	struct index_node *node;
	const char *fault;
	uint64_t cursor = 0;
	uint32_t armed = 0;

	if (shard == NULL)
		return members == 0 ? NULL : "remote: members of no shard";
	if (shard->by_uid.count != members)
		return "remote: an entry is no member, or a member no entry";
	fault = index_check(&shard->by_uid);
	if (fault == NULL)
		fault = wheel_check(&shard->wheel);
	node = index_walk(&shard->by_uid, &cursor, true);
	while (fault == NULL && node != NULL) {
		fault = entry_check(engine, number, of_node(node));
		armed += timer_armed(&of_node(node)->timer);
		node = index_after(node);
		if (node == NULL)
			node = index_walk(&shard->by_uid, &cursor, false);
	}
	if (fault == NULL && armed != shard->wheel.armed)
		fault = "remote: a timer belongs to no entry";
	return fault;
}
