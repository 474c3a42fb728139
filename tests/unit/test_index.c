/* objects: index.o mem.o */
/* test_index.c - the index against a plain array */
#include <stdlib.h>
#include <string.h>

#include "support.h"

#include "index.h"

struct fixture {
	struct test_host host;
	struct mem mem;
	struct index index;
};

static struct fixture *fixture_create(uint32_t first_bits, uint32_t load)
{
	struct fixture *fixture = malloc(sizeof(*fixture));

	assert_non_null(fixture);
	test_host_init(&fixture->host, 1, 1);
	fixture->host.leaf = 0;
	mem_init(&fixture->mem, &fixture->host.host, 0, 0);
	assert_int_equal(
		index_init(&fixture->index, &fixture->mem, first_bits, load),
		0);
	return fixture;
}

static void fixture_destroy(struct fixture *fixture)
{
	index_fini(&fixture->index);
	mem_fini(&fixture->mem);
	test_host_fini(&fixture->host);
	free(fixture);
}

/* An object as an engine would index it. */
struct item {
	struct index_node node;
	bool in;
	bool stays; /* from the start of a walk to its end */
	uint32_t seen;
	uint64_t added; /* when: newest first */
};

static struct item *item_of(struct index_node *node)
{
	_Static_assert(offsetof(struct item, node) == 0, "a cast is enough");
	return (struct item *)node;
}

static uint64_t reversed(uint64_t x)
{
	uint64_t y = 0;

	for (int i = 0; i < 64; i++)
		y |= (x >> i & 1) << (63 - i);
	return y;
}

/* ------------------------------------------------------- single properties */

static void test_empty(void **state)
{
	(void)state;
	for (uint32_t bits = 0; bits <= 6; bits++) {
		struct fixture *fixture = fixture_create(bits, 2);
		uint64_t cursor = 0;

		assert_null(index_first(&fixture->index, 0));
		assert_null(index_first(&fixture->index, UINT64_MAX));
		assert_null(index_walk(&fixture->index, &cursor, true));
		assert_null(index_walk(&fixture->index, &cursor, false));
		assert_no_fault(index_check(&fixture->index));
		assert_int_equal(fixture->mem.used_bytes, 8 << bits);
		fixture_destroy(fixture);
	}
}

static void growth_run(uint32_t load)
{
	enum { COUNT = 100000 };
	struct fixture *fixture = fixture_create(4, load);
	struct index *index = &fixture->index;
	struct item *item = calloc(COUNT, sizeof(*item));
	uint64_t random = test_seed(1);

	assert_non_null(item);
	for (uint32_t i = 0; i < COUNT; i++) {
		uint32_t buckets = index->buckets;

		index_add(index, &item[i].node, test_random(&random));
		assert_in_range(index->buckets - buckets, 0, 1);
		assert_true(index->count < (index->buckets + 1) * load);
		if (i % 997 == 0)
			assert_no_fault(index_check(index));
	}
	/* At most twice the buckets that are in use have been allocated. */
	assert_true(fixture->host.live_bytes <=
		    UINT64_C(16) * COUNT / load + 4096);
	for (uint32_t i = 0; i < COUNT; i++) {
		uint32_t buckets = index->buckets;

		index_remove(index, &item[i].node);
		assert_in_range(buckets - index->buckets, 0, 2);
		assert_true(index->buckets == 16 ||
			    index->buckets * load <= 2 * index->count + load);
		if (i % 997 == 0)
			assert_no_fault(index_check(index));
	}
	assert_int_equal(index->buckets, 16);
	assert_int_equal(fixture->host.live, 1);
	free(item);
	fixture_destroy(fixture);
}

/* Buckets follow the number of nodes up and down, and memory with them. */
static void test_growth(void **state)
{
	(void)state;
	for (uint32_t load = 1; load <= 3; load++)
		growth_run(load);
}

/* A count that sways by less than half does not make memory come and go. */
static void test_hysteresis(void **state)
{
	enum { COUNT = 4096 };
	struct fixture *fixture = fixture_create(2, 2);
	struct item *item = calloc(COUNT, sizeof(*item));
	uint64_t random = test_seed(2), asked;

	(void)state;
	assert_non_null(item);
	for (uint32_t i = 0; i < COUNT; i++)
		index_add(&fixture->index, &item[i].node, test_random(&random));
	asked = fixture->host.asked;
	for (uint32_t round = 0; round < 10; round++) {
		for (uint32_t i = 0; i < COUNT * 4 / 10; i++)
			index_remove(&fixture->index, &item[i].node);
		for (uint32_t i = 0; i < COUNT * 4 / 10; i++)
			index_add(&fixture->index, &item[i].node,
				  test_random(&random));
	}
	assert_int_equal(fixture->host.asked, asked);
	free(item);
	fixture_destroy(fixture);
}

/* Equal hashes: newest first, whatever splits and merges have happened. */
static void test_newest_first(void **state)
{
	enum { COUNT = 2000, EQUAL = 50 };
	struct fixture *fixture = fixture_create(0, 2);
	struct index *index = &fixture->index;
	struct item *item = calloc(COUNT, sizeof(*item));
	uint64_t random = test_seed(3);

	(void)state;
	assert_non_null(item);
	for (uint32_t i = 0; i < COUNT; i++)
		index_add(index, &item[i].node,
			  i % (COUNT / EQUAL) == 0 ? 77 : test_random(&random));
	for (uint32_t pass = 0; pass < 2; pass++) {
		struct index_node *node = index_first(index, 77);

		for (uint32_t i = COUNT; i-- > 0;) {
			if (i % (COUNT / EQUAL) != 0)
				continue;
			assert_ptr_equal(node, &item[i].node);
			node = index_after(node);
		}
		assert_null(node);
		for (uint32_t i = 0; i < COUNT && pass == 0; i++) {
			if (i % (COUNT / EQUAL) != 0)
				index_remove(index, &item[i].node);
		}
	}
	free(item);
	fixture_destroy(fixture);
}

/* Without memory the index stays small and right; later it catches up. */
static void test_no_memory(void **state)
{
	enum { COUNT = 20000 };
	struct fixture *fixture = fixture_create(3, 2);
	struct index *index = &fixture->index;
	struct item *item = calloc(COUNT, sizeof(*item));
	uint64_t random = test_seed(4), asked = fixture->host.asked;

	(void)state;
	assert_non_null(item);
	fixture->host.refuse_from = 0;
	for (uint32_t i = 0; i < COUNT / 2; i++)
		index_add(index, &item[i].node, test_random(&random));
	assert_int_equal(index->buckets, 8);
	assert_no_fault(index_check(index));
	/* A host that refuses is not asked each time. */
	assert_in_range(fixture->host.asked - asked, 1,
			1 + COUNT / 2 / INDEX_PATIENCE);
	for (uint32_t i = 0; i < COUNT / 2; i += 1000)
		assert_ptr_equal(index_first(index, item[i].node.hash),
				 &item[i].node);
	fixture->host.refuse_from = TEST_UNLIMITED;
	for (uint32_t i = COUNT / 2; i < COUNT; i++)
		index_add(index, &item[i].node, test_random(&random));
	assert_true(index->buckets >= COUNT / 2 - 2 * INDEX_PATIENCE);
	assert_no_fault(index_check(index));
	free(item);
	fixture_destroy(fixture);
}

/* A whole walk gives all hashes once, ordered by their reversed bits. */
static void test_walk_order(void **state)
{
	enum { COUNT = 3000 };
	struct item *item = calloc(COUNT, sizeof(*item));
	uint64_t random = test_seed(5);

	(void)state;
	assert_non_null(item);
	for (uint32_t count = 0; count <= COUNT; count = count * 3 / 2 + 1) {
		struct fixture *fixture = fixture_create(count % 5, 2);
		struct index *index = &fixture->index;
		struct index_node *node;
		uint64_t cursor = 0, last = 0;
		uint32_t seen = 0;

		for (uint32_t i = 0; i < count; i++)
			index_add(index, &item[i].node, test_random(&random));
		node = index_walk(index, &cursor, true);
		for (; node; node = index_walk(index, &cursor, false)) {
			assert_true(cursor == node->hash);
			assert_true(seen == 0 || reversed(cursor) > last);
			last = reversed(cursor);
			seen++;
		}
		assert_int_equal(seen, count);
		fixture_destroy(fixture);
	}
	free(item);
}

/* The hashes with nothing before and nothing behind them. */
static void test_walk_ends(void **state)
{
	struct fixture *fixture = fixture_create(0, 2);
	struct item item[4] = {0};
	const uint64_t hash[4] = {0, UINT64_C(1) << 63, 1, UINT64_MAX};
	struct index_node *node;
	uint64_t cursor = 1;

	(void)state;
	for (int i = 0; i < 4; i++)
		index_add(&fixture->index, &item[i].node, hash[i]);
	node = index_walk(&fixture->index, &cursor, true);
	for (int i = 0; i < 4; i++) {
		assert_ptr_equal(node, &item[i].node);
		node = index_walk(&fixture->index, &cursor, false);
	}
	assert_null(node);
	fixture_destroy(fixture);
}

/* ------------------------------------------------------------- the model */

enum { ITEMS = 1500 };

struct model {
	struct fixture *fixture;
	uint64_t random;
	uint64_t clock;
	int spread; /* how hashes are chosen */
	struct item item[ITEMS];
	/* The walk that is under way. */
	bool walking;
	uint64_t cursor;
};

static uint64_t model_hash(struct model *model)
{
	uint64_t hash = test_random(&model->random);

	switch (model->spread) {
	case 0:
		return hash;
	case 1: /* many equal ones */
		return hash % 97 * UINT64_C(0x9e3779b97f4a7c15);
	case 2: /* one bucket */
		return hash << 32;
	default: /* few buckets, some equal */
		return (hash & 0xff) << 56 | (hash >> 60);
	}
}

static void model_toggle(struct model *model, bool add)
{
	struct item *item = &model->item[test_below(&model->random, ITEMS)];

	if (item->in == add)
		return;
	item->in = add;
	if (add) {
		item->added = ++model->clock;
		item->seen = 0; /* another node, with another hash */
		index_add(&model->fixture->index, &item->node,
			  model_hash(model));
	} else {
		item->stays = false;
		index_remove(&model->fixture->index, &item->node);
		assert_null(item->node.pprev);
	}
}

/* What the index says of a hash is what the array says. */
static void model_lookup(struct model *model)
{
	struct item *some = &model->item[test_below(&model->random, ITEMS)];
	uint64_t hash = some->node.hash, last = UINT64_MAX;
	struct index_node *node = index_first(&model->fixture->index, hash);
	uint32_t expected = 0, found = 0;

	for (int i = 0; i < ITEMS; i++)
		expected +=
			model->item[i].in && model->item[i].node.hash == hash;
	for (; node; node = index_after(node)) {
		assert_true(node->hash == hash);
		assert_true(item_of(node)->in);
		assert_true(item_of(node)->added < last);
		last = item_of(node)->added;
		found++;
	}
	assert_int_equal(found, expected);
}

static void model_walk_end(struct model *model)
{
	for (int i = 0; i < ITEMS; i++) {
		if (model->item[i].stays)
			assert_int_equal(model->item[i].seen, 1);
		assert_true(model->item[i].seen <= 1);
	}
	model->walking = false;
}

/* One step; a walk begins when none is under way. */
static void model_walk(struct model *model)
{
	bool start = !model->walking;
	struct index_node *node;

	for (int i = 0; i < ITEMS && start; i++) {
		model->item[i].stays = model->item[i].in;
		model->item[i].seen = 0;
	}
	model->walking = true;
	node = index_walk(&model->fixture->index, &model->cursor, start);
	if (!node) {
		model_walk_end(model);
		return;
	}
	assert_true(item_of(node)->in);
	for (node = index_first(&model->fixture->index, model->cursor); node;
	     node = index_after(node))
		item_of(node)->seen++;
}

static void model_run(int spread, uint32_t first_bits, uint32_t load,
		      uint64_t seed)
{
	struct model *model = calloc(1, sizeof(*model));
	uint32_t count = 0;

	assert_non_null(model);
	model->fixture = fixture_create(first_bits, load);
	model->random = seed;
	model->spread = spread;
	for (uint32_t step = 0; step < 20000; step++) {
		/* Tides: mostly additions, then mostly removals. */
		uint32_t bias = step / 2500 % 2 ? 2 : 8;
		uint32_t dice = test_below(&model->random, 20);

		model->fixture->host.refuse_from =
			step % 5000 < 500 ? 0 : TEST_UNLIMITED;
		if (dice < 16)
			model_toggle(model,
				     test_below(&model->random, 10) < bias);
		else if (dice < 17)
			model_lookup(model);
		else
			model_walk(model);
		if (step % 100 == 0)
			assert_no_fault(index_check(&model->fixture->index));
	}
	for (int i = 0; i < ITEMS; i++)
		count += model->item[i].in;
	assert_int_equal(count, model->fixture->index.count);
	while (model->walking)
		model_walk(model);
	fixture_destroy(model->fixture);
	free(model);
}

static void test_model(void **state)
{
	(void)state;
	for (int spread = 0; spread < 4; spread++) {
		for (uint32_t bits = 0; bits < 8; bits += 3) {
			for (uint32_t load = 1; load <= 3; load++)
				model_run(spread, bits, load,
					  test_seed(6) + bits);
		}
	}
}

/* index_check() must notice what it is there for. */
static void test_check(void **state)
{
	struct fixture *fixture = fixture_create(2, 2);
	struct index *index = &fixture->index;
	struct item item[64] = {0};
	struct index_node **segment;
	uint64_t random = test_seed(7);

	(void)state;
	for (int i = 0; i < 64; i++)
		index_add(index, &item[i].node, test_random(&random));
	assert_no_fault(index_check(index));
	item[5].node.hash ^= 1;
	assert_non_null(index_check(index));
	item[5].node.hash ^= 1;
	index->count++;
	assert_non_null(index_check(index));
	index->count -= 2;
	assert_non_null(index_check(index));
	index->count++;
	index->buckets--;
	assert_non_null(index_check(index));
	index->buckets++;
	segment = index->segment[1];
	index->segment[1] = NULL;
	assert_non_null(index_check(index));
	index->segment[1] = segment;
	assert_no_fault(index_check(index));
	fixture_destroy(fixture);
}

/* -------------------------------------------------------------- ladder */

static bool rung_index(struct test_host *host)
{
	enum { COUNT = 500 };
	struct mem mem;
	struct index index;
	static struct item item[COUNT];
	uint64_t random = 8;

	mem_init(&mem, &host->host, 0, 0);
	if (index_init(&index, &mem, 1, 2) != 0) {
		index_fini(&index);
		mem_fini(&mem);
		return false;
	}
	for (int i = 0; i < COUNT; i++)
		index_add(&index, &item[i].node, test_random(&random));
	assert_no_fault(index_check(&index));
	for (int i = 0; i < COUNT; i++)
		assert_ptr_equal(index_first(&index, item[i].node.hash),
				 &item[i].node);
	for (int i = 0; i < COUNT; i++)
		index_remove(&index, &item[i].node);
	assert_no_fault(index_check(&index));
	index_fini(&index);
	index_fini(&index);
	mem_fini(&mem);
	return true;
}

static void test_ladder(void **state)
{
	(void)state;
	assert_in_range(ladder(rung_index, 1, 0), 7, 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_growth),
		cmocka_unit_test(test_hysteresis),
		cmocka_unit_test(test_newest_first),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_walk_order),
		cmocka_unit_test(test_walk_ends),
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_ladder),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
