/*
 * host.h - the simulated host of the engine
 *
 * What:    memory that can fail at any allocation, locks that notice misuse,
 *          a hash, randomness from the seed, and pause(), which lets another
 *          "process" deliver its note.
 * Owns:    every block that the engine has not given back.
 * Locking: checks the rules of parley.h: locks are not recursive; at most one
 *          shard or profile lock plus the journal's or the memory lock, which
 *          are the last ones; none is held where the engine calls out.
 */
#ifndef SIM_HOST_H
#define SIM_HOST_H

#include "parley.h"
#include "rand.h"

struct host_block;

/* Who is to hear of misuse, which ends the run, and of what the engine says. */
struct host_owner {
	void *self;
	void (*fail)(void *self, const char *text);
	void (*log)(void *self, const char *text);
	bool (*pause)(void *self);
};

enum { HOST_LOCKS_MAX = 256 };

struct host {
	struct host_owner owner;
	struct rng rng; /* of its own, so that failures do not shift it */
	struct host_block *blocks;
	uint64_t bytes;
	uint64_t allocations; /* asked for since host_init() */
	uint64_t failures;    /* refused by fail_* below */
	uint64_t fail_at;     /* refuse this one and ... */
	uint64_t fail_count;  /* ... so many in all; 0: none */
	uint32_t fail_permille;
	uint32_t locks;
	uint32_t held_count;
	uint32_t held[2];
	uint64_t log_lines;
	char text[4][24]; /* names of sockets, in turn */
	uint32_t text_next;
};

void host_init(struct host *host, const struct host_owner *owner,
	       uint64_t seed);
/* Frees what is left after a run that was broken off. */
void host_fini(struct host *host);
/* Fills what parley_create() wants; @locks from parley_locks(). */
void host_fill(struct host *host, uint32_t locks, struct parley_host *out);
/* The hash that gives h_entry; the model uses it too. */
uint32_t host_hash(void *self, struct parley_str callid);
/* The number of a timeout route; 0: there is none of this name. */
int32_t host_route(void *self, struct parley_str name);

#endif
