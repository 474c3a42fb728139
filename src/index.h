/*
 * index.h - a hash index that grows and shrinks one bucket at a time
 *
 * What:    linear hashing (Litwin 1980): each insertion above the load limit
 *          splits one bucket, each removal far below it merges one. No
 *          operation ever touches all entries.
 * Owns:    its bucket segments (from mem / the host). Nodes live inside the
 *          objects; the index borrows them.
 * Locking: the caller holds the lock of what it indexes.
 * Always:  each node is in the bucket of its hash; when memory is short the
 *          index simply stays as small as it is. index_check().
 * Why:     one call must not cost more because 300,000 others are up.
 */
#ifndef INDEX_H
#define INDEX_H

#include "mem.h"

struct index_node {
	struct index_node *next;
	struct index_node **pprev; /* NULL: removed */
	uint64_t hash;
};

enum {
	INDEX_SEGMENTS = 28,
	INDEX_PATIENCE = 256, /* additions from a refused segment to the next
			       * attempt: a refusal is dear in most hosts */
};

struct index {
	struct mem *mem;
	uint32_t buckets; /* in use, at least the first segment */
	uint32_t count;
	/* Segment 0 has 2^first_bits buckets, segment k > 0 doubles what is
	 * there. Segments are allocated when needed and given back when empty.
	 */
	uint32_t first_bits;
	uint32_t load;	   /* entries per bucket above which one is split; below
			    * half of it two are merged */
	uint32_t patience; /* additions until growing is tried again */
	struct index_node **segment[INDEX_SEGMENTS];
};

/* 0 or PARLEY_E_MEMORY. @first_bits: 0 to 16. @load: entries per bucket, 1 or
 * more: each neighbour in a bucket is memory to wait for, each bucket 8 bytes.
 */
PARLEY_MUST_CHECK int index_init(struct index *index, struct mem *mem,
				 uint32_t first_bits, uint32_t load);
/* Nodes are left alone. Legal after a failed index_init(), and twice. */
void index_fini(struct index *index);

/* Cannot fail. Newest first within equal hashes. */
void index_add(struct index *index, struct index_node *node, uint64_t hash);
void index_remove(struct index *index, struct index_node *node);

/* First node whose hash equals @hash, then the next one; NULL at the end. The
 * caller compares the keys. */
struct index_node *index_first(const struct index *index, uint64_t hash);
struct index_node *index_after(const struct index_node *node);

/* Walks in the order of the bit-reversed hash, which no split or merge
 * changes: the node with the smallest reversed hash above that of @*cursorp
 * (or at or above 0 with @start). Updates the cursor, which is a hash. NULL at
 * the end. Nodes with equal hashes count as one: index_after() gives the
 * others. */
struct index_node *index_walk(const struct index *index, uint64_t *cursorp,
			      bool start);

const char *index_check(const struct index *index);

#endif
