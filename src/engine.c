#include <string.h>

#include "ping.h"
#include "value_index.h"

/* Every request looks for its dialog by identity or by call: a bucket of their
 * own for nearly all. */
enum { SHARDS_DEFAULT = 64, FIRST_BITS = 4, LOAD_LOW = 1, LOAD_HIGH = 2 };

const char *parley_error_text(int error)
{
	switch (error) {
	case PARLEY_OK:
		return "no error";
	case PARLEY_E_MEMORY:
		return "no memory left";
	case PARLEY_E_ARGUMENT:
		return "an argument is outside what is allowed";
	case PARLEY_E_NO_DIALOG:
		return "no such dialog";
	case PARLEY_E_NO_LEG:
		return "no leg with this tag";
	case PARLEY_E_STATE:
		return "not possible in the state of the dialog";
	case PARLEY_E_FULL:
		return "the limit is reached";
	case PARLEY_E_NO_PROFILE:
		return "no such profile";
	case PARLEY_E_NO_VALUE:
		return "the profile needs a value";
	case PARLEY_E_ABSENT:
		return "not there";
	case PARLEY_E_SPACE:
		return "the buffer is too small";
	case PARLEY_E_CONFLICT:
		return "another call has this identity";
	case PARLEY_E_OLD:
		return "what is known here is newer";
	default:
		return "unknown error";
	}
}

/* ------------------------------------------------ configuration */

void parley_config_default(struct parley_config *config)
{
	*config = (struct parley_config){
		.hash_size = 4096,
		.shards = 0,
		.piece_bytes = 64 * 1024,
		.h_id_start = 0,
		.h_id_step = 1,
		.lifetime_s = 43200,
		.early_timeout_s = 300,
		.noack_timeout_s = 60,
		.noack_lifetime_s = 10,
		.end_timeout_s = 300,
		.race_timeout_s = 5,
		.ack_wait_ms = 32000,
		.callback_wait_ms = 200,
		.wait_ack = true,
		.end_early_code = 480,
		.ping_failed_limit = 1,
		.ping_failed_lifetime_s = 10,
		.options_interval_s = 30,
		.reinvite_interval_s = 300,
		.ping_lost_limit = 1,
	};
}

static bool power_of_two(uint32_t n)
{
	return n > 0 && (n & (n - 1)) == 0;
}

static const char *profiles_fault(const struct parley_config *config)
{
	if (config->profile_count > PARLEY_PROFILES_MAX)
		return "more than 256 profiles";
	for (uint32_t i = 0; i < config->profile_count; i++) {
		const char *name = config->profiles[i].name;
		size_t len = strlen(name);
		if (len == 0 || len > PARLEY_PROFILE_NAME_MAX)
			return "a profile's name must have 1 to 64 characters";
		for (uint32_t j = 0; j < i; j++)
			if (strcmp(config->profiles[j].name, name) == 0)
				return "two profiles have the same name";
	}
	return NULL;
}

const char *parley_config_fault(const struct parley_config *config)
{
	if (!power_of_two(config->hash_size) ||
	    config->hash_size > PARLEY_HASH_SIZE_MAX)
		return "hash_size must be a power of two up to 16777216";
	if (config->shards != 0 && (!power_of_two(config->shards) ||
				    config->shards > config->hash_size))
		return "shards must be a power of two up to hash_size";
	if (config->piece_bytes != 0 &&
	    (config->piece_bytes < 8192 || config->piece_bytes > (1U << 30)))
		return "piece_bytes must be 0 or 8192 to 1073741824";
	if (config->h_id_step < 1 || config->h_id_step > 65536)
		return "h_id_step must be 1 to 65536";
	if (config->lifetime_s == 0)
		return "the lifetime must be above 0";
	if (config->noack_lifetime_s == 0)
		return "the lifetime after noack_timeout must be above 0";
	if (config->ping_failed_lifetime_s == 0)
		return "the lifetime after failed keep-alives must be above 0";
	if (config->delete_delay_s > PARLEY_DELAY_MAX)
		return "ended dialogs may be kept for 0 to 65535 seconds";
	if (!ping_interval_fits(config->options_interval_s) ||
	    !ping_interval_fits(config->reinvite_interval_s))
		return "the intervals of pings must be 1 to 2147483 seconds";
	if (config->ping_lost_limit < 1 || config->ping_lost_limit > 100)
		return "the limit of lost pings must be 1 to 100";
	if (config->profile_bits > PARLEY_PROFILE_BITS_MAX)
		return "the profile table may begin with up to 2^20 entries";
	if (config->end_early_code < 300 || config->end_early_code > 699)
		return "the code for unanswered calls must be 300 to 699";
	return profiles_fault(config);
}

static uint32_t shard_count(const struct parley_config *config)
{
	if (config->shards != 0)
		return config->shards;
	return config->hash_size < SHARDS_DEFAULT ? config->hash_size
						  : SHARDS_DEFAULT;
}

/* Shards, profile shards, journal, memory: in this order of numbers. */
uint32_t parley_locks(const struct parley_config *config)
{
	return shard_count(config) + PROFILE_SHARDS + 2;
}

/* ------------------------------------------------ life */

static void shard_fini(struct shard *shard)
{
	index_fini(&shard->by_id);
	index_fini(&shard->by_call);
	index_fini(&shard->by_callid);
}

static int shard_init(struct shard *shard, struct mem *mem)
{
	int rc = index_init(&shard->by_id, mem, FIRST_BITS, LOAD_LOW);
	if (rc == 0)
		rc = index_init(&shard->by_call, mem, FIRST_BITS, LOAD_LOW);
	if (rc == 0)
		rc = index_init(&shard->by_callid, mem, FIRST_BITS, LOAD_HIGH);
	wheel_init(&shard->wheel, 0);
	return rc;
}

static int create_parts(struct parley *engine,
			const struct parley_config *config)
{
	for (uint32_t i = 0; i < engine->config.shards; i++) {
		int rc = shard_init(&engine->shards[i], &engine->mem);
		if (rc < 0)
			return rc;
	}
	return profile_table_init(engine, config);
}

int parley_create(const struct parley_host *host,
		  const struct parley_config *config, struct parley **enginep)
{
	if (host->version < PARLEY_HOST_VERSION || parley_config_fault(config))
		return PARLEY_E_ARGUMENT;

	struct parley *engine = host->alloc(host->self, sizeof(*engine));
	if (!engine)
		return PARLEY_E_MEMORY;
	memset(engine, 0, sizeof(*engine));
	engine->host = *host;
	engine->config = *config;
	engine->config.profiles = NULL; /* the profile table has its own copy */
	engine->config.shards = shard_count(config);
	engine->key.k0 = host->random(host->self);
	engine->key.k1 = host->random(host->self);
	engine->profiles.first_lock = engine->config.shards;
	mem_init(&engine->mem, &engine->host,
		 engine->config.shards + PROFILE_SHARDS + 1,
		 config->piece_bytes);
	mem_init(&engine->brief, &engine->host, engine->mem.lock,
		 config->piece_bytes);
	engine->brief.brief = true;

	size_t size = engine->config.shards * sizeof(struct shard);
	engine->shards = host->alloc(host->self, size);
	if (!engine->shards)
		goto err_engine;
	memset(engine->shards, 0, size);
	if (create_parts(engine, config) < 0)
		goto err_parts;
	*enginep = engine;
	return 0;

err_parts:
	parley_destroy(engine);
	return PARLEY_E_MEMORY;
err_engine:
	host->free(host->self, engine);
	return PARLEY_E_MEMORY;
}

/* Dialogs, values and index segments all live in mem's pieces or in its list
 * of large blocks; they go with it. */
void parley_destroy(struct parley *engine)
{
	if (!engine)
		return;
	struct parley_host host = engine->host;
	profile_table_fini(engine);
	value_index_fini(engine);
	for (uint32_t i = 0; i < engine->config.shards; i++)
		shard_fini(&engine->shards[i]);
	mem_fini(&engine->brief);
	mem_fini(&engine->mem);
	host.free(host.self, engine->shards);
	host.free(host.self, engine);
}

/* ------------------------------------------------ look-up by identity */

struct dialog *dialog_find_lock_any(struct parley *engine, struct parley_id id)
{
	if (id.id == 0)
		return NULL;
	uint32_t number = shard_of(engine, id.entry);
	uint64_t hash = hash_id(&engine->key, id);

	shard_lock(engine, number);
	struct index_node *node =
		index_first(&engine->shards[number].by_id, hash);
	/* The hash is a bijection of the identity: the first is the one. */
	if (!node) {
		shard_unlock(engine, number);
		return NULL;
	}
	return DIALOG_OF(node, by_id);
}

struct dialog *dialog_find_lock(struct parley *engine, struct parley_id id)
{
	struct dialog *dialog = dialog_find_lock_any(engine, id);
	if (dialog && dialog->destroying) {
		dialog_unlock(engine, id);
		return NULL;
	}
	return dialog;
}

void parley_set_trace(struct parley *engine, parley_trace trace, void *param)
{
	engine->trace = trace;
	engine->trace_param = param;
}
