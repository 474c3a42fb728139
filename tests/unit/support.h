/*
 * support.h - a host made of libc for the unit tests
 *
 * What:    a struct parley_host with counted and limited memory, mutexes that
 *          know their owner, and random numbers from a seed; the allocation
 *          ladder; a few shorthands.
 * Owns:    a test_host owns its mutexes; what it has handed out is counted,
 *          and test_host_fini() fails when something was not given back.
 * Locking: the host may be used by several threads.
 * Always:  a lock is taken by a thread that has not got it and released by the
 *          one that has; with a leaf set, no thread holds two locks unless the
 *          second is a leaf, and nothing is taken below the leaf; log() and
 *          pause() are called without any. A breach aborts.
 */
#ifndef SUPPORT_H
#define SUPPORT_H

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "parley.h"

enum {
	TEST_LOCKS_MAX = 1024,
	TEST_LOG_BYTES = 256,
};

#define TEST_UNLIMITED UINT64_MAX
#define TEST_NO_LEAF UINT32_MAX

struct test_lock {
	pthread_mutex_t mutex;
	_Atomic uint64_t owner; /* test_thread(), 0: nobody */
	_Atomic uint64_t taken; /* how often */
};

struct test_host {
	struct parley_host host; /* give this to the engine */
	uint64_t seed;
	_Atomic uint64_t random; /* state of the generator */

	/* Allocation number @refuse_from (from 0) and all after it fail;
	 * number @refuse_only fails alone. */
	uint64_t refuse_from, refuse_only;
	_Atomic uint64_t asked; /* allocations, refused ones included */
	_Atomic uint64_t refused;
	_Atomic uint64_t live; /* allocations not freed yet */
	_Atomic uint64_t live_bytes;

	uint32_t locks;
	uint32_t leaf; /* this lock and those after it may be taken below
			* another */
	_Atomic uint64_t lock_calls;
	struct test_lock lock[TEST_LOCKS_MAX];

	_Atomic uint64_t logged;  /* lines */
	char log[TEST_LOG_BYTES]; /* the last one */
	bool may_pause;		  /* what pause() returns */
	_Atomic uint64_t pauses;
};

/* Memory is unlimited, pausing allowed, no leaf. */
void test_host_init(struct test_host *host, uint32_t locks, uint64_t seed);
/* Fails the test when memory was not given back or a lock is held. */
void test_host_fini(struct test_host *host);
/* Fails the test when any thread holds a lock. */
void test_host_assert_unlocked(struct test_host *host);

/* A test that the ladder can repeat: makes everything anew from @host, gives
 * everything back, and returns true if it got to its end. Whatever it asserts
 * must hold when memory is refused too; it may return false only then. */
typedef bool (*test_rung)(struct test_host *host);

/* Runs @rung with 0, 1, 2, ... allocations allowed until it needs no more, and
 * then with only the first, second, ... refused. After each run no allocation
 * may be left. Returns how many allocations the test makes. */
uint64_t ladder(test_rung rung, uint32_t locks, uint32_t leaf);

/* A deterministic generator for the tests' own choices. */
uint64_t test_random(uint64_t *state);
/* 0 to @below - 1. */
uint32_t test_below(uint64_t *state, uint32_t below);
/* Seed of this run: TEST_SEED of the environment, or @fallback. */
uint64_t test_seed(uint64_t fallback);

/* Names the calling thread; never 0. */
uint64_t test_thread(void);

static inline struct parley_str test_str(const char *s)
{
	return (struct parley_str){.s = s,
				   .len = (uint32_t)__builtin_strlen(s)};
}

/* Fails with the fault that a check function returned. */
#define assert_no_fault(fault)                                                 \
	do {                                                                   \
		const char *fault_text = (fault);                              \
		if (fault_text)                                                \
			fail_msg("%s", fault_text);                            \
	} while (0)

#endif
