/*
 * rpc_counts.h - numbers with names in an answer
 *
 * What:    adds them to a struct, as int as long as they fit, because kamcmd
 *          shows all else as a fraction.
 * Owns:    nothing.
 * Locking: none.
 */
#ifndef RPC_COUNTS_H
#define RPC_COUNTS_H

#include "reader.h"

struct rpc_count {
	const char *name;
	uint64_t count;
};

static inline bool rpc_add_counts(rpc_t *rpc, void *h,
				  const struct rpc_count *counts, size_t count)
{
	int rc = 0;

	for (size_t i = 0; i < count && rc >= 0; i++) {
		char *name = reader_name(counts[i].name);

		if (counts[i].count <= INT32_MAX)
			rc = rpc->struct_add(h, "d", name,
					     (int)counts[i].count);
		else
			rc = rpc->struct_add(
				h, "J", name,
				(unsigned long long)counts[i].count);
	}
	return rc >= 0;
}

#endif
