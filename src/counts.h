/*
 * counts.h - what the engine counts
 *
 * What:    the counters behind parley_stats().
 * Locking: none. Each of them is right; two that are read one after the other
 *          may be from different moments.
 * Always:  in_state has every dialog once (check.c).
 * Why:     a count is no reason to take a lock.
 */
#ifndef COUNTS_H
#define COUNTS_H

#include <stdatomic.h>

#include "parley.h"

struct engine_counts {
	_Atomic uint64_t in_state[PARLEY_STATES];
	_Atomic uint64_t legs, processed, expired, failed;
	_Atomic uint64_t ended_by_caller, ended_by_callee, ended_by_us;
	_Atomic uint64_t forgotten_early;
	_Atomic uint64_t bogus_no_dialog, bogus_no_leg, bogus_event;
	_Atomic uint64_t bogus_cseq, bogus_target, bogus_route;
	_Atomic uint64_t legs_refused, limit_refused, no_memory;
	_Atomic uint64_t turns_missed, quarantined;
	_Atomic uint64_t remote; /* entries of other servers, now */
	_Atomic uint64_t lag_ms, lag_until_ms;
	_Atomic uint64_t changed;    /* dialogs in the lists of changed ones */
	_Atomic uint64_t unrecorded; /* dialogs: see store.h */
};

static inline void count_one(_Atomic uint64_t *counter)
{
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static inline void count_one_less(_Atomic uint64_t *counter)
{
	atomic_fetch_sub_explicit(counter, 1, memory_order_relaxed);
}

#endif
