/* host.c - the simulated host of the engine (host.h) */
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "sim.h"

struct host_block {
	struct host_block *next, *prev;
	size_t size;
	uint64_t guard;
};

static const uint64_t GUARD = 0x5a17c0dedeadbea7u;

void host_init(struct host *host, struct sim *sim, uint64_t seed)
{
	memset(host, 0, sizeof(*host));
	host->sim = sim;
	host->rng.state = seed ^ 0x6a09e667f3bcc908u;
}

void host_fini(struct host *host)
{
	while (host->blocks != NULL) {
		struct host_block *block = host->blocks;

		host->blocks = block->next;
		free(block);
	}
	host->bytes = 0;
}

static bool alloc_refused(struct host *host)
{
	uint64_t number = host->allocations++;

	if (host->fail_count > 0 && number >= host->fail_at &&
	    number < host->fail_at + host->fail_count)
		return true;
	return host->fail_permille > 0 &&
	       rng_chance(&host->rng, host->fail_permille);
}

static void *host_alloc(void *self, size_t size)
{
	struct host *host = self;
	struct host_block *block;

	if (alloc_refused(host)) {
		host->failures++;
		return NULL;
	}
	block = malloc(sizeof(*block) + size);
	if (block == NULL)
		abort();
	/* Nobody may count on zeroed memory. */
	memset(block + 1, 0xa5, size);
	block->size = size;
	block->guard = GUARD;
	block->prev = NULL;
	block->next = host->blocks;
	if (block->next != NULL)
		block->next->prev = block;
	host->blocks = block;
	host->bytes += size;
	return block + 1;
}

static void host_free(void *self, void *ptr)
{
	struct host *host = self;
	struct host_block *block = ptr;

	if (ptr == NULL)
		return;
	block--;
	if (block->guard != GUARD)
		sim_fail(host->sim, "free() of something that is no block");
	if (block->prev != NULL)
		block->prev->next = block->next;
	else
		host->blocks = block->next;
	if (block->next != NULL)
		block->next->prev = block->prev;
	host->bytes -= block->size;
	memset(block, 0x5a, sizeof(*block) + block->size);
	free(block);
}

static void host_lock(void *self, uint32_t index)
{
	struct host *host = self;

	if (index >= host->locks)
		sim_fail(host->sim, "lock %u of %u", index, host->locks);
	for (uint32_t i = 0; i < host->held_count; i++)
		if (host->held[i] == index)
			sim_fail(host->sim, "lock %u taken twice", index);
	if (host->held_count == 2)
		sim_fail(host->sim, "lock %u is the third", index);
	if (host->held_count == 1 && host->held[0] == host->locks - 1)
		sim_fail(host->sim, "lock %u inside the memory lock", index);
	if (host->held_count == 1 && index != host->locks - 1)
		sim_fail(host->sim, "lock %u inside lock %u", index,
			 host->held[0]);
	host->held[host->held_count++] = index;
}

static void host_unlock(void *self, uint32_t index)
{
	struct host *host = self;

	if (host->held_count == 0 || host->held[host->held_count - 1] != index)
		sim_fail(host->sim, "unlock of %u, which is not the last",
			 index);
	host->held_count--;
}

static uint64_t host_random(void *self)
{
	struct host *host = self;

	return rng_next(&host->rng);
}

uint32_t host_hash(void *self, struct parley_str callid)
{
	uint32_t hash = 2166136261u;

	(void)self;
	for (uint32_t i = 0; i < callid.len; i++)
		hash = (hash ^ (unsigned char)callid.s[i]) * 16777619u;
	return hash;
}

static void host_log(void *self, enum parley_log_level level, const char *text)
{
	struct host *host = self;

	host->log_lines++;
	if (host->held_count > 0)
		sim_fail(host->sim, "log under a lock: %s", text);
	sim_event(host->sim, "log %d: %s", (int)level, text);
}

static bool host_pause(void *self)
{
	struct host *host = self;

	if (host->held_count > 0)
		sim_fail(host->sim, "pause() under a lock");
	return sim_pause(host->sim);
}

void host_fill(struct host *host, uint32_t locks, struct parley_host *out)
{
	if (locks == 0 || locks > HOST_LOCKS_MAX)
		sim_fail(host->sim, "parley_locks() is %u", locks);
	host->locks = locks;
	memset(out, 0, sizeof(*out));
	out->version = PARLEY_HOST_VERSION;
	out->self = host;
	out->alloc = host_alloc;
	out->free = host_free;
	out->lock = host_lock;
	out->unlock = host_unlock;
	out->random = host_random;
	out->hash = host_hash;
	out->log = host_log;
	out->pause = host_pause;
}
