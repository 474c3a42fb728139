/* index.c - linear hashing, one bucket at a time; see index.h */
#include <assert.h>

#include "index.h"

/* ------------------------------------------------------------ buckets */

static inline uint32_t log2_of(uint32_t x)
{
	return 31 - (uint32_t)__builtin_clz(x);
}

/* With 2^n <= buckets < 2^(n+1), the lower n + 1 bits of the hash name the
 * bucket, or the lower n bits as long as the larger number does not exist. */
static inline uint32_t bucket_of(const struct index *index, uint64_t hash)
{
	uint32_t half = UINT32_C(1) << log2_of(index->buckets);
	uint32_t bucket = (uint32_t)hash & (2 * half - 1);

	return bucket < index->buckets ? bucket : bucket & (half - 1);
}

/* Segment k > 0 begins at bucket 2^(first_bits + k - 1). */
static inline uint32_t segment_of(const struct index *index, uint32_t bucket)
{
	uint32_t above = bucket >> index->first_bits;

	return above ? log2_of(above) + 1 : 0;
}

static inline uint32_t segment_start(const struct index *index,
				     uint32_t segment)
{
	return segment ? UINT32_C(1) << (index->first_bits + segment - 1) : 0;
}

static inline size_t segment_bytes(const struct index *index, uint32_t segment)
{
	uint32_t bits = index->first_bits + (segment ? segment - 1 : 0);

	return sizeof(struct index_node *) << bits;
}

static inline struct index_node **bucket_head(const struct index *index,
					      uint32_t bucket)
{
	uint32_t segment = segment_of(index, bucket);

	return index->segment[segment] + bucket - segment_start(index, segment);
}

static inline void node_link(struct index_node **at, struct index_node *node)
{
	node->next = *at;
	node->pprev = at;
	if (node->next)
		node->next->pprev = &node->next;
	*at = node;
}

static inline void node_unlink(struct index_node *node)
{
	*node->pprev = node->next;
	if (node->next)
		node->next->pprev = node->pprev;
	node->pprev = NULL;
}

/* --------------------------------------------------- growing, shrinking */

/* The bucket that @bucket was split from. */
static inline uint32_t bucket_parent(uint32_t bucket)
{
	return bucket & ~(UINT32_C(1) << log2_of(bucket));
}

/* Adds one bucket and moves what belongs there; false without memory. */
static bool index_split(struct index *index)
{
	uint32_t added = index->buckets;
	uint32_t segment = segment_of(index, added);
	uint32_t bit = UINT32_C(1) << log2_of(added);
	struct index_node **from, **to, *node;

	if (segment >= INDEX_SEGMENTS)
		return false;
	if (added == segment_start(index, segment)) {
		/* Its buckets are set one by one, as they come into use. */
		index->segment[segment] =
			mem_alloc(index->mem, segment_bytes(index, segment));
		if (!index->segment[segment])
			return false;
	}
	index->buckets++;
	from = bucket_head(index, bucket_parent(added));
	to = bucket_head(index, added);
	*to = NULL;
	while ((node = *from) != NULL) {
		if ((node->hash & bit) == 0) {
			from = &node->next;
			continue;
		}
		node_unlink(node);
		node_link(to, node);
		to = &node->next;
	}
	return true;
}

/* Takes the last bucket away and gives its nodes to the one they came from. */
static void index_merge(struct index *index)
{
	uint32_t last = index->buckets - 1;
	uint32_t segment = segment_of(index, last);
	struct index_node **to = bucket_head(index, bucket_parent(last));
	struct index_node *moved = *bucket_head(index, last);

	if (moved) {
		while (*to)
			to = &(*to)->next;
		*to = moved;
		moved->pprev = to;
	}
	index->buckets = last;
	if (last == segment_start(index, segment)) {
		mem_free(index->mem, index->segment[segment],
			 segment_bytes(index, segment));
		index->segment[segment] = NULL;
	}
}

static inline uint64_t index_room(const struct index *index)
{
	return (uint64_t)index->buckets * index->load;
}

/* One addition splits up to two buckets, so that an index that could not grow
 * for a while catches up. */
static void index_grow(struct index *index)
{
	if (index->patience > 0) {
		index->patience--;
		return;
	}
	for (int i = 0; i < 2; i++) {
		if (index->count < index_room(index))
			return;
		if (!index_split(index)) {
			index->patience = INDEX_PATIENCE;
			return;
		}
	}
}

/* Are more than half of the places free with @count nodes? */
static inline bool index_sparse(const struct index *index, uint64_t count)
{
	return 2 * count < index_room(index) &&
	       index->buckets > UINT32_C(1) << index->first_bits;
}

/* ------------------------------------------------------------ outside */

int index_init(struct index *index, struct mem *mem, uint32_t first_bits,
	       uint32_t load)
{
	assert(first_bits <= 16 && load > 0);
	*index = (struct index){
		.mem = mem, .first_bits = first_bits, .load = load};
	index->segment[0] = mem_alloc(mem, segment_bytes(index, 0));
	if (!index->segment[0])
		return PARLEY_E_MEMORY;
	index->buckets = UINT32_C(1) << first_bits;
	for (uint32_t i = 0; i < index->buckets; i++)
		index->segment[0][i] = NULL;
	return 0;
}

void index_fini(struct index *index)
{
	for (uint32_t i = 0; i < INDEX_SEGMENTS && index->segment[i]; i++) {
		mem_free(index->mem, index->segment[i],
			 segment_bytes(index, i));
		index->segment[i] = NULL;
	}
	index->buckets = 0;
	index->count = 0;
}

void index_add(struct index *index, struct index_node *node, uint64_t hash)
{
	node->hash = hash;
	node_link(bucket_head(index, bucket_of(index, hash)), node);
	index->count++;
	if (index->count >= index_room(index))
		index_grow(index);
}

void index_remove(struct index *index, struct index_node *node)
{
	assert(node->pprev);
	node_unlink(node);
	index->count--;
	/* With a load of 1 a removal makes two buckets superfluous. */
	for (int i = 0; i < 2 && index_sparse(index, index->count); i++)
		index_merge(index);
}

struct index_node *index_first(const struct index *index, uint64_t hash)
{
	struct index_node *node = *bucket_head(index, bucket_of(index, hash));

	while (node && node->hash != hash)
		node = node->next;
	return node;
}

struct index_node *index_after(const struct index_node *node)
{
	uint64_t hash = node->hash;
	struct index_node *next = node->next;

	while (next && next->hash != hash)
		next = next->next;
	return next;
}

/* ------------------------------------------------------------- walking */

static inline uint64_t swap_bits(uint64_t x, uint32_t distance, uint64_t mask)
{
	return (x >> distance & mask) | (x & mask) << distance;
}

static inline uint64_t reverse(uint64_t x)
{
	x = swap_bits(x, 1, UINT64_C(0x5555555555555555));
	x = swap_bits(x, 2, UINT64_C(0x3333333333333333));
	x = swap_bits(x, 4, UINT64_C(0x0f0f0f0f0f0f0f0f));
	return __builtin_bswap64(x);
}

/* How many low bits of the hash all nodes of @bucket share. */
static uint32_t bucket_bits(const struct index *index, uint32_t bucket)
{
	uint32_t bits = log2_of(index->buckets);
	uint32_t half = UINT32_C(1) << bits;

	if (bucket >= half || bucket + half < index->buckets)
		return bits + 1;
	return bits;
}

/* A bucket holds the nodes whose reversed hashes begin with the reverse of its
 * number, so the buckets too have an order by reversed hash. */
struct index_node *index_walk(const struct index *index, uint64_t *cursorp,
			      bool start)
{
	uint64_t from = 0;

	if (!start) {
		from = reverse(*cursorp) + 1;
		if (from == 0)
			return NULL;
	}
	for (;;) {
		uint32_t bucket = bucket_of(index, reverse(from));
		uint32_t bits = bucket_bits(index, bucket);
		struct index_node *node, *best = NULL;
		uint64_t key, smallest = 0;

		for (node = *bucket_head(index, bucket); node;
		     node = node->next) {
			key = reverse(node->hash);
			if (key >= from && (!best || key < smallest)) {
				best = node;
				smallest = key;
			}
		}
		if (best) {
			*cursorp = best->hash;
			return best;
		}
		/* On to the first key behind this bucket. */
		if (bits == 0)
			return NULL;
		from |= UINT64_MAX >> bits;
		if (++from == 0)
			return NULL;
	}
}

/* ------------------------------------------------------------ checking */

const char *index_check(const struct index *index)
{
	uint32_t count = 0, last;

	if (index->buckets < UINT32_C(1) << index->first_bits)
		return "index: fewer buckets than the first segment has";
	last = segment_of(index, index->buckets - 1);
	for (uint32_t i = 0; i < INDEX_SEGMENTS; i++) {
		if ((index->segment[i] != NULL) != (i <= last))
			return "index: exactly the segments in use exist";
	}
	if (index_sparse(index, index->count + UINT64_C(1)))
		return "index: it did not shrink";
	for (uint32_t i = 0; i < index->buckets; i++) {
		struct index_node **link = bucket_head(index, i);

		for (; *link; link = &(*link)->next) {
			if ((*link)->pprev != link)
				return "index: a node does not know its place";
			if (bucket_of(index, (*link)->hash) != i)
				return "index: a node is in a wrong bucket";
			if (++count > index->count)
				return "index: there are more nodes than count";
		}
	}
	if (count != index->count)
		return "index: there are fewer nodes than count";
	return NULL;
}
