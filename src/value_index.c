/* value_index.c - variables by their value; see value_index.h */
#include "value_index.h"

enum {
	FIRST_BITS = 4,
	LOAD = 2,
	VALUE_STEP = 64, /* entries passed while a lock is held */
};

/* ------------------------------------------------ switching on */

int parley_index_values(struct parley *engine)
{
	const struct parley_host *host = &engine->host;
	size_t size = engine->config.shards * sizeof(*engine->values);
	int rc = 0;

	if (engine->values)
		return 0;
	for (uint32_t i = 0; i < engine->config.shards; i++)
		if (engine->shards[i].by_id.count > 0)
			return PARLEY_E_STATE;
	engine->values = host->alloc(host->self, size);
	if (!engine->values)
		return PARLEY_E_MEMORY;
	memset(engine->values, 0, size);
	for (uint32_t i = 0; rc == 0 && i < engine->config.shards; i++)
		rc = index_init(&engine->values[i], &engine->mem, FIRST_BITS,
				LOAD);
	if (rc != 0)
		value_index_fini(engine);
	return rc;
}

void value_index_fini(struct parley *engine)
{
	const struct parley_host *host = &engine->host;

	if (!engine->values)
		return;
	for (uint32_t i = 0; i < engine->config.shards; i++)
		index_fini(&engine->values[i]);
	host->free(host->self, engine->values);
	engine->values = NULL;
}

/* ------------------------------------------------ rings */

static struct value_entry *entry_of_var(struct variable *var)
{
	return (struct value_entry *)(void *)var - 1;
}

static const struct variable *var_of_entry(const struct value_entry *entry)
{
	return (const struct variable *)(const void *)(entry + 1);
}

static bool is_leader(const struct value_entry *entry)
{
	return entry->node.pprev != NULL;
}

static struct value_entry *leader_of(const struct index *index, uint64_t hash)
{
	return (struct value_entry *)(void *)index_first(index, hash);
}

static struct index *index_of(const struct parley *engine,
			      const struct dialog *dialog)
{
	return &engine->values[shard_of(engine, dialog->id.entry)];
}

static void ring_insert_after(struct value_entry *at, struct value_entry *entry)
{
	entry->prev = at;
	entry->next = at->next;
	at->next->prev = entry;
	at->next = entry;
}

static void ring_remove(struct value_entry *entry)
{
	entry->prev->next = entry->next;
	entry->next->prev = entry->prev;
	entry->next = NULL;
	entry->prev = NULL;
}

/* What is left are the entry and marks, which have nothing more to pass. */
static void ring_dissolve(struct value_entry *entry)
{
	while (entry->next) {
		struct value_entry *next = entry->next;

		entry->next = NULL;
		entry->prev = NULL;
		entry = next;
	}
}

/* Another entry leads, if there is one. There are at most two marks for each
 * process to pass. */
static void leader_leave(struct index *index, struct value_entry *leader)
{
	struct value_entry *next = leader->next;

	while (next != leader && !next->dialog)
		next = next->next;
	index_remove(index, &leader->node);
	if (next == leader) {
		ring_dissolve(leader);
		return;
	}
	ring_remove(leader);
	index_add(index, &next->node, leader->node.hash);
}

/* ------------------------------------------------ variables */

static bool is_indexed(const struct parley *engine, const struct dialog *dialog)
{
	return engine->values && dialog->linked &&
	       dialog->state != PARLEY_STATE_DELETED;
}

void value_index_add_locked(struct parley *engine, struct dialog *dialog,
			    struct variable *var)
{
	struct value_entry *entry, *leader;
	struct index *index;
	uint64_t hash;

	if (!is_indexed(engine, dialog))
		return;
	index = index_of(engine, dialog);
	entry = entry_of_var(var);
	hash = hash_pair(&engine->key, var_key(var), var_value(var));
	leader = leader_of(index, hash);
	entry->dialog = dialog;
	if (leader) {
		ring_insert_after(leader, entry);
		return;
	}
	entry->next = entry;
	entry->prev = entry;
	index_add(index, &entry->node, hash);
}

void value_index_remove_locked(struct parley *engine, struct variable *var)
{
	struct value_entry *entry;

	if (!engine->values)
		return;
	entry = entry_of_var(var);
	if (!entry->next)
		return;
	if (is_leader(entry))
		leader_leave(index_of(engine, entry->dialog), entry);
	else
		ring_remove(entry);
}

void value_index_begin_locked(struct parley *engine, struct dialog *dialog)
{
	if (!engine->values)
		return;
	for (struct variable *var = dialog->vars; var; var = var->next)
		value_index_add_locked(engine, dialog, var);
}

void value_index_end_locked(struct parley *engine, struct dialog *dialog)
{
	if (!engine->values)
		return;
	for (struct variable *var = dialog->vars; var; var = var->next)
		value_index_remove_locked(engine, var);
}

/* ------------------------------------------------ walking */

struct parley_value_walk {
	struct value_entry at, end; /* marks, or in no ring */
	struct parley *engine;
	struct parley_str key, value; /* in bytes */
	uint64_t hash;
	uint32_t shard;
	bool inside; /* the marks were put into a ring of this shard */
	char bytes[];
};

static size_t walk_size(struct parley_str key, struct parley_str value)
{
	return sizeof(struct parley_value_walk) + key.len + value.len;
}

int parley_value_walk_begin(struct parley *engine, struct parley_str key,
			    struct parley_str value,
			    struct parley_value_walk **walkp)
{
	struct parley_value_walk *walk;

	if (key.len == 0 || key.len > PARLEY_VALUE_MAX ||
	    value.len > PARLEY_STR_MAX)
		return PARLEY_E_ARGUMENT;
	if (!engine->values)
		return PARLEY_E_STATE;
	walk = mem_alloc(&engine->mem, walk_size(key, value));
	if (!walk) {
		count_one(&engine->count.no_memory);
		return PARLEY_E_MEMORY;
	}
	memset(walk, 0, sizeof(*walk));
	walk->engine = engine;
	walk->hash = hash_pair(&engine->key, key, value);
	memcpy(walk->bytes, key.s, key.len);
	if (value.len > 0)
		memcpy(walk->bytes + key.len, value.s, value.len);
	walk->key = (struct parley_str){walk->bytes, key.len};
	walk->value = (struct parley_str){walk->bytes + key.len, value.len};
	*walkp = walk;
	return 0;
}

static bool tells(const struct parley_value_walk *walk,
		  const struct value_entry *entry)
{
	const struct variable *var = var_of_entry(entry);

	return entry->dialog && str_equal(var_key(var), walk->key) &&
	       str_equal(var_value(var), walk->value);
}

/* False: nothing in this shard has the value. */
static bool walk_enter_locked(struct parley_value_walk *walk)
{
	struct value_entry *leader =
		leader_of(&walk->engine->values[walk->shard], walk->hash);

	if (!leader)
		return false;
	/* New ones come in behind the leader, so it is passed last: what is
	 * added without end is not passed without end. */
	ring_insert_after(leader, &walk->end);
	ring_insert_after(&walk->end, &walk->at);
	walk->inside = true;
	return true;
}

static void walk_leave_locked(struct parley_value_walk *walk)
{
	if (walk->at.next) {
		ring_remove(&walk->at);
		ring_remove(&walk->end);
	}
	walk->inside = false;
}

/* Passes some entries; tells up to @max. False: all of the shard were. */
static bool walk_step_locked(struct parley_value_walk *walk,
			     struct parley_id *ids, uint32_t max,
			     uint32_t *countp)
{
	struct value_entry *next = walk->at.next;
	uint32_t steps = 0;

	/* A ring that has gone has taken the marks out. */
	while (next && next != &walk->end && *countp < max &&
	       steps++ < VALUE_STEP) {
		if (tells(walk, next))
			ids[(*countp)++] = next->dialog->id;
		next = next->next;
	}
	if (!next || next == &walk->end)
		return false;
	if (next != walk->at.next) {
		ring_remove(&walk->at);
		ring_insert_after(next->prev, &walk->at);
	}
	return true;
}

uint32_t parley_value_walk_next(struct parley_value_walk *walk,
				struct parley_id *ids, uint32_t max)
{
	struct parley *engine = walk->engine;
	uint32_t count = 0;

	while (count < max && walk->shard < engine->config.shards) {
		uint32_t shard = walk->shard;

		shard_lock(engine, shard);
		if ((!walk->inside && !walk_enter_locked(walk)) ||
		    !walk_step_locked(walk, ids, max, &count)) {
			walk_leave_locked(walk);
			walk->shard++;
		}
		shard_unlock(engine, shard);
	}
	return count;
}

void parley_value_walk_end(struct parley_value_walk *walk)
{
	struct parley *engine = walk->engine;

	if (walk->inside) {
		shard_lock(engine, walk->shard);
		walk_leave_locked(walk);
		shard_unlock(engine, walk->shard);
	}
	mem_free(&engine->mem, walk, walk_size(walk->key, walk->value));
}

/* ------------------------------------------------ checking */

static bool has_var(const struct dialog *dialog, const struct variable *wanted)
{
	const struct variable *var = dialog->vars;

	while (var && var != wanted)
		var = var->next;
	return var != NULL;
}

/* Counts the entries of a ring. */
static const char *check_ring(const struct parley *engine,
			      const struct value_entry *leader,
			      const struct index *index, uint32_t *countp)
{
	const struct value_entry *entry = leader;

	do {
		const struct variable *var = var_of_entry(entry);

		if (entry->next->prev != entry)
			return "values: an entry does not know its place";
		if (is_leader(entry) != (entry == leader))
			return "values: a ring has two leaders";
		entry = entry->next;
		if (!entry->prev->dialog)
			continue;
		(*countp)++;
		if (!is_indexed(engine, entry->prev->dialog) ||
		    index_of(engine, entry->prev->dialog) != index ||
		    !has_var(entry->prev->dialog, var))
			return "values: an entry is of no dialog";
		if (hash_pair(&engine->key, var_key(var), var_value(var)) !=
		    leader->node.hash)
			return "values: a value is not its hash's";
	} while (entry != leader);
	return NULL;
}

static uint32_t count_vars(const struct parley *engine,
			   const struct shard *shard)
{
	const struct index_node *node;
	uint64_t cursor = 0;
	uint32_t count = 0;

	for (node = index_walk(&shard->by_id, &cursor, true); node;
	     node = index_walk(&shard->by_id, &cursor, false)) {
		const struct dialog *dialog = DIALOG_OF(node, by_id);
		const struct variable *var = dialog->vars;

		for (; is_indexed(engine, dialog) && var; var = var->next)
			count++;
	}
	return count;
}

const char *value_index_check(const struct parley *engine,
			      const struct shard *shard)
{
	const struct index *index;
	const struct index_node *node;
	uint64_t cursor = 0;
	uint32_t count = 0;
	const char *fault;

	if (!engine->values)
		return NULL;
	index = &engine->values[shard - engine->shards];
	fault = index_check(index);
	for (node = index_walk(index, &cursor, true); !fault && node;
	     node = index_walk(index, &cursor, false)) {
		if (index_after(node))
			return "values: a hash has two rings";
		fault = check_ring(
			engine, (const struct value_entry *)(const void *)node,
			index, &count);
	}
	if (!fault && count != count_vars(engine, shard))
		fault = "values: not exactly the variables are in it";
	return fault;
}
