/* support.c - a host made of libc for the unit tests; see support.h */
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

/* What precedes each allocation; as large as malloc()'s alignment. */
struct test_block {
	_Alignas(16) size_t size;
	uint64_t magic;
};

#define BLOCK_LIVE UINT64_C(0x6c69766521212121)
#define BLOCK_DEAD UINT64_C(0x6465616421212121)

/* Locks held by this thread; the rule of support.h needs no more than two. */
struct held {
	uint32_t count;
	uint32_t first;
	bool leaf;
};

static _Thread_local struct held held;

static _Noreturn void breach(const char *what, uint32_t number)
{
	fprintf(stderr, "host: %s (%" PRIu32 ")\n", what, number);
	abort();
}

uint64_t test_thread(void)
{
	return (uint64_t)(uintptr_t)&held;
}

uint64_t test_random(uint64_t *state)
{
	uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

uint32_t test_below(uint64_t *state, uint32_t below)
{
	return (uint32_t)((test_random(state) >> 32) * below >> 32);
}

uint64_t test_seed(uint64_t fallback)
{
	const char *text = getenv("TEST_SEED");

	return text ? strtoull(text, NULL, 0) : fallback;
}

/* ------------------------------------------------------------- memory */

static void *host_alloc(void *self, size_t size)
{
	struct test_host *host = self;
	uint64_t number = atomic_fetch_add(&host->asked, 1);
	struct test_block *block;

	if (number >= host->refuse_from || number == host->refuse_only) {
		atomic_fetch_add(&host->refused, 1);
		return NULL;
	}
	block = malloc(sizeof(*block) + size);
	if (!block)
		breach("the machine has no memory left", 0);
	block->size = size;
	block->magic = BLOCK_LIVE;
	/* Nobody may count on zeroed memory. */
	memset(block + 1, 0xa5, size);
	atomic_fetch_add(&host->live, 1);
	atomic_fetch_add(&host->live_bytes, size);
	return block + 1;
}

static void host_free(void *self, void *ptr)
{
	struct test_host *host = self;
	struct test_block *block = ptr;

	if (!ptr)
		breach("NULL was freed", 0);
	block--;
	if (block->magic != BLOCK_LIVE)
		breach("what was freed was never allocated", 0);
	block->magic = BLOCK_DEAD;
	atomic_fetch_sub(&host->live, 1);
	atomic_fetch_sub(&host->live_bytes, block->size);
	memset(block + 1, 0x5a, block->size);
	free(block);
}

/* -------------------------------------------------------------- locks */

static void host_lock(void *self, uint32_t index)
{
	struct test_host *host = self;
	struct test_lock *lock = &host->lock[index];

	if (index >= host->locks)
		breach("there is no lock of this number", index);
	if (atomic_load(&lock->owner) == test_thread())
		breach("the lock is held already", index);
	if (host->leaf != TEST_NO_LEAF) {
		if (held.leaf)
			breach("a lock is taken below the leaf", index);
		if (index < host->leaf && held.count > 0)
			breach("two locks are held together", index);
	}
	if (pthread_mutex_lock(&lock->mutex) != 0)
		breach("pthread_mutex_lock() failed", index);
	atomic_store(&lock->owner, test_thread());
	atomic_fetch_add(&lock->taken, 1);
	atomic_fetch_add(&host->lock_calls, 1);
	if (index >= host->leaf)
		held.leaf = true;
	held.count++;
}

static void host_unlock(void *self, uint32_t index)
{
	struct test_host *host = self;
	struct test_lock *lock = &host->lock[index];

	if (index >= host->locks)
		breach("there is no lock of this number", index);
	if (atomic_load(&lock->owner) != test_thread())
		breach("the lock is not held by this thread", index);
	atomic_store(&lock->owner, 0);
	if (pthread_mutex_unlock(&lock->mutex) != 0)
		breach("pthread_mutex_unlock() failed", index);
	if (index >= host->leaf)
		held.leaf = false;
	held.count--;
}

static void assert_no_lock(const char *what)
{
	if (held.count != 0)
		breach(what, held.count);
}

/* --------------------------------------------------------------- rest */

static uint64_t host_random(void *self)
{
	struct test_host *host = self;
	uint64_t state =
		atomic_fetch_add(&host->random, UINT64_C(0x9e3779b97f4a7c15));

	return test_random(&state);
}

/* FNV-1a: only its spread matters. */
static uint32_t host_hash(void *self, struct parley_str callid)
{
	uint32_t hash = 2166136261U;

	(void)self;
	for (uint32_t i = 0; i < callid.len; i++)
		hash = (hash ^ (unsigned char)callid.s[i]) * 16777619U;
	return hash;
}

static void host_log(void *self, enum parley_log_level level, const char *text)
{
	struct test_host *host = self;

	assert_no_lock("log() with a lock held");
	if (level > PARLEY_LOG_INFO || strchr(text, '\n'))
		breach("a log line is malformed", level);
	snprintf(host->log, sizeof(host->log), "%s", text);
	atomic_fetch_add(&host->logged, 1);
}

static bool host_pause(void *self)
{
	struct test_host *host = self;

	assert_no_lock("pause() with a lock held");
	atomic_fetch_add(&host->pauses, 1);
	sched_yield();
	return host->may_pause;
}

void test_host_init(struct test_host *host, uint32_t locks, uint64_t seed)
{
	assert_true(locks <= TEST_LOCKS_MAX);
	memset(host, 0, sizeof(*host));
	host->host = (struct parley_host){
		.version = PARLEY_HOST_VERSION,
		.self = host,
		.alloc = host_alloc,
		.free = host_free,
		.lock = host_lock,
		.unlock = host_unlock,
		.random = host_random,
		.hash = host_hash,
		.log = host_log,
		.pause = host_pause,
	};
	host->seed = seed;
	host->random = seed;
	host->refuse_from = TEST_UNLIMITED;
	host->refuse_only = TEST_UNLIMITED;
	host->leaf = TEST_NO_LEAF;
	host->may_pause = true;
	host->locks = locks;
	for (uint32_t i = 0; i < locks; i++)
		assert_int_equal(pthread_mutex_init(&host->lock[i].mutex, NULL),
				 0);
}

void test_host_assert_unlocked(struct test_host *host)
{
	for (uint32_t i = 0; i < host->locks; i++) {
		if (atomic_load(&host->lock[i].owner) != 0)
			fail_msg("lock %" PRIu32 " is still held", i);
	}
}

void test_host_fini(struct test_host *host)
{
	test_host_assert_unlocked(host);
	if (host->live != 0)
		fail_msg("%" PRIu64 " allocations (%" PRIu64
			 " bytes) were not given back",
			 host->live, host->live_bytes);
	for (uint32_t i = 0; i < host->locks; i++)
		pthread_mutex_destroy(&host->lock[i].mutex);
}

/* ------------------------------------------------------------- ladder */

struct step {
	uint64_t from, only;
	uint64_t asked;
	bool refused, done;
};

static void ladder_step(test_rung rung, uint32_t locks, uint32_t leaf,
			struct step *step)
{
	struct test_host *host = malloc(sizeof(*host));

	assert_non_null(host);
	test_host_init(host, locks, 1);
	host->leaf = leaf;
	host->refuse_from = step->from;
	host->refuse_only = step->only;
	step->done = rung(host);
	step->asked = host->asked;
	step->refused = host->refused != 0;
	if (!step->done && !step->refused)
		fail_msg("the test gave up although it got all memory");
	test_host_fini(host);
	free(host);
}

uint64_t ladder(test_rung rung, uint32_t locks, uint32_t leaf)
{
	struct step step = {.from = 0, .only = TEST_UNLIMITED};
	uint64_t needed;

	for (;; step.from++) {
		ladder_step(rung, locks, leaf, &step);
		if (!step.refused)
			break;
	}
	needed = step.asked;
	step.from = TEST_UNLIMITED;
	for (step.only = 0; step.only < needed; step.only++)
		ladder_step(rung, locks, leaf, &step);
	return needed;
}
