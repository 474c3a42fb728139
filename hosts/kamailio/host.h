/*
 * host.h - Kamailio as the engine's host
 *
 * What:    memory, locks, clocks, randomness; log lines are in log.h.
 * Owns:    the locks and what is counted for the log, in shared memory.
 * Locking: none but the engine's.
 */
#ifndef HOST_H
#define HOST_H

#include "parley.h"

/* Makes the engine: memory, locks, log. 0 or -1. */
int host_init(void);
void host_fini(void);
/* In main, before it ends the others: nobody is inside of the engine any more,
 * and main needs no locks. */
void host_freeze(void);
/* An engine like ours, of this process alone. 0 or an error of the engine's. */
int host_make_alone(struct parley **enginep);

/* Monotonic milliseconds and wall clock, as the engine wants them. */
struct parley_now host_now(void);

/* A call has been ended before it was answered: for the next 64*T1 2xx that
 * cross are looked for. Free of locks. */
void host_crossing_start(void);
bool host_crossing_expected(void);

#endif
