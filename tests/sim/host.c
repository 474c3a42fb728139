/* host.c - the simulated host of the engine (host.h) */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"

struct host_block {
	struct host_block *next, *prev;
	size_t size;
	uint64_t guard;
};

static const uint64_t GUARD = 0x5a17c0dedeadbea7u;

static void host_fail(struct host *host, const char *format, ...)
{
	char text[160];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	host->owner.fail(host->owner.self, text);
}

void host_init(struct host *host, const struct host_owner *owner, uint64_t seed)
{
	memset(host, 0, sizeof(*host));
	host->owner = *owner;
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
		host_fail(host, "free() of something that is no block");
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
		host_fail(host, "lock %u of %u", index, host->locks);
	for (uint32_t i = 0; i < host->held_count; i++)
		if (host->held[i] == index)
			host_fail(host, "lock %u taken twice", index);
	if (host->held_count == 2)
		host_fail(host, "lock %u is the third", index);
	/* The journal's and memory's are the last two. */
	if (host->held_count == 1 && host->held[0] >= host->locks - 2)
		host_fail(host, "lock %u inside lock %u", index, host->held[0]);
	if (host->held_count == 1 && index < host->locks - 2)
		host_fail(host, "lock %u inside lock %u", index, host->held[0]);
	host->held[host->held_count++] = index;
}

static void host_unlock(void *self, uint32_t index)
{
	struct host *host = self;

	if (host->held_count == 0 || host->held[host->held_count - 1] != index)
		host_fail(host, "unlock of %u, which is not the last", index);
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
		host_fail(host, "log under a lock: %s", text);
	(void)level;
	host->owner.log(host->owner.self, text);
}

static bool host_pause(void *self)
{
	struct host *host = self;

	if (host->held_count > 0)
		host_fail(host, "pause() under a lock");
	return host->owner.pause(host->owner.self);
}

/* A socket is its address, in letters. */
static struct parley_str host_socket_text(void *self, void *socket)
{
	struct host *host = self;
	char *text = host->text[host->text_next++ % 4];
	int len;

	if (socket == NULL)
		return (struct parley_str){NULL, 0};
	len = snprintf(text, sizeof(host->text[0]), "%p", socket);
	return (struct parley_str){text, (uint32_t)len};
}

static void *host_socket_find(void *self, struct parley_str text)
{
	char copy[24] = {0};
	void *socket = NULL;

	(void)self;
	memcpy(copy, text.s, text.len < 23 ? text.len : 23);
	return sscanf(copy, "%p", &socket) == 1 ? socket : NULL;
}

int32_t host_route(void *self, struct parley_str name)
{
	(void)self;
	/* "red", "blue", "green", "ON_TIMEOUT" */
	return name.len == 0 ? 0 : (int32_t)name.len;
}

void host_fill(struct host *host, uint32_t locks, struct parley_host *out)
{
	if (locks == 0 || locks > HOST_LOCKS_MAX)
		host_fail(host, "parley_locks() is %u", locks);
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
	out->socket_text = host_socket_text;
	out->socket_find = host_socket_find;
	out->route_find = host_route;
}
