/* objects: mem.o */
/* threads */
/* test_mem.c - blocks, pages, pieces and what goes back to the host */
#include <stdlib.h>
#include <string.h>

#include "support.h"

#include "mem.h"

enum { PIECE = 65536, HUGE_BLOCK = 10 * PIECE };

struct fixture {
	struct test_host host;
	struct mem mem;
};

static struct fixture *fixture_create(uint32_t piece_bytes)
{
	struct fixture *fixture = malloc(sizeof(*fixture));

	assert_non_null(fixture);
	test_host_init(&fixture->host, 1, 1);
	fixture->host.leaf = 0;
	mem_init(&fixture->mem, &fixture->host.host, 0, piece_bytes);
	return fixture;
}

static void fixture_destroy(struct fixture *fixture)
{
	assert_no_fault(mem_check(&fixture->mem));
	mem_fini(&fixture->mem);
	assert_int_equal(fixture->mem.host_bytes, 0);
	test_host_fini(&fixture->host);
	free(fixture);
}

/* Every size is served with as many bytes as asked for, aligned, without
 * touching its neighbours, and within a few percent. */
static void test_sizes(void **state)
{
	struct fixture *fixture = fixture_create(PIECE);
	enum { COUNT = 40 };
	unsigned char *block[COUNT];

	(void)state;
	for (size_t size = 0; size < 9000; size += size < 600 ? 1 : 37) {
		for (int i = 0; i < COUNT; i++) {
			block[i] = mem_alloc(&fixture->mem, size);
			assert_non_null(block[i]);
			assert_int_equal((uintptr_t)block[i] % 8, 0);
			memset(block[i], i, size);
		}
		assert_int_equal(fixture->mem.used_bytes, COUNT * size);
		assert_no_fault(mem_check(&fixture->mem));
		for (int i = 0; i < COUNT; i++) {
			for (size_t j = 0; j < size; j++)
				assert_int_equal(block[i][j], i);
			mem_free(&fixture->mem, block[i], size);
		}
		assert_int_equal(fixture->mem.used_bytes, 0);
		assert_true(fixture->mem.host_bytes <= PIECE);
	}
	mem_free(&fixture->mem, NULL, 100);
	fixture_destroy(fixture);
}

/* The classes cover all sizes without a gap, and each wastes little. */
static void test_classes(void **state)
{
	static const uint32_t pieces[] = {0,	 1,	8192,	16384,	30000,
					  65536, 65535, 100000, 1 << 20};

	(void)state;
	for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
		struct fixture *fixture = fixture_create(pieces[i]);
		const struct mem *mem = &fixture->mem;

		assert_true(mem->classes <= MEM_CLASSES);
		for (uint32_t size = 0; size < mem->limit; size++) {
			uint8_t number = mem->class_of[(size + 9) / 8];

			assert_true(number < mem->classes);
			assert_true(size + 2 <= mem->stride[number]);
			if (number > 0)
				assert_true(size + 2 > mem->stride[number - 1]);
		}
		for (uint32_t k = 1; k < mem->classes; k++)
			assert_true(mem->stride[k] > mem->stride[k - 1]);
		fixture_destroy(fixture);
	}
}

/* What a dialog costs: less than 6 percent above what was asked for. */
static void test_density(void **state)
{
	struct fixture *fixture = fixture_create(PIECE);
	enum { COUNT = 20000 };
	static void *block[COUNT];
	static size_t size[COUNT];
	uint64_t random = test_seed(2);

	(void)state;
	for (int i = 0; i < COUNT; i++) {
		size[i] = 550 + test_below(&random, 300);
		block[i] = mem_alloc(&fixture->mem, size[i]);
		assert_non_null(block[i]);
	}
	assert_true(fixture->mem.host_bytes * 100 <
		    fixture->mem.used_bytes * 106);
	for (int i = 0; i < COUNT; i++)
		mem_free(&fixture->mem, block[i], size[i]);
	assert_int_equal(fixture->mem.host_bytes, PIECE);
	fixture_destroy(fixture);
}

/* An empty piece goes back; one stays, so that a block that comes and goes
 * does not make the host work each time. */
static void test_reserve(void **state)
{
	struct fixture *fixture = fixture_create(PIECE);
	enum { COUNT = 1000 };
	void *block[COUNT];
	uint64_t asked;

	(void)state;
	assert_int_equal(fixture->host.asked, 0);
	for (int i = 0; i < COUNT; i++)
		block[i] = mem_alloc(&fixture->mem, 1000);
	assert_true(fixture->host.live >= COUNT * 1000 / PIECE);
	for (int i = 0; i < COUNT; i++)
		mem_free(&fixture->mem, block[i], 1000);
	assert_int_equal(fixture->host.live, 1);
	assert_ptr_equal(fixture->mem.reserve, fixture->mem.pieces);
	asked = fixture->host.asked;
	for (int i = 0; i < COUNT; i++)
		mem_free(&fixture->mem, mem_alloc(&fixture->mem, 1000), 1000);
	assert_int_equal(fixture->host.asked, asked);
	fixture_destroy(fixture);
}

/* The host has only pieces of up to @largest bytes left. */
struct poor_host {
	struct test_host test;
	size_t largest;
	uint32_t tries;
};

static void *poor_alloc(void *self, size_t size)
{
	struct poor_host *poor = self;

	poor->tries++;
	if (size > poor->largest)
		return NULL;
	return poor->test.host.alloc(&poor->test, size);
}

static void test_smaller_pieces(void **state)
{
	struct poor_host poor;
	struct parley_host host;
	struct mem mem;
	void *block[2];

	(void)state;
	test_host_init(&poor.test, 1, 1);
	host = poor.test.host;
	host.alloc = poor_alloc;
	_Static_assert(offsetof(struct poor_host, test) == 0,
		       "self serves both");
	host.self = &poor;
	for (poor.largest = (size_t)2 * PIECE; poor.largest > 1024;
	     poor.largest /= 2) {
		size_t expected = PIECE;
		uint32_t tries = 1;

		for (; expected > poor.largest; expected /= 2)
			tries++;
		mem_init(&mem, &host, 0, PIECE);
		poor.tries = 0;
		block[0] = mem_alloc(&mem, 100);
		if (poor.largest < MEM_PIECE_BYTES) {
			assert_null(block[0]);
			assert_int_equal(mem.refused, 1);
			assert_int_equal(poor.tries, 4);
			mem_fini(&mem);
			continue;
		}
		assert_non_null(block[0]);
		assert_int_equal(mem.host_bytes, expected);
		assert_int_equal(poor.tries, tries);
		/* The largest class fits the smallest piece as well. */
		block[1] = mem_alloc(&mem, mem.limit - 1);
		assert_non_null(block[1]);
		memset(block[1], 1, mem.limit - 1);
		assert_no_fault(mem_check(&mem));
		mem_free(&mem, block[0], 100);
		mem_free(&mem, block[1], mem.limit - 1);
		mem_fini(&mem);
	}
	test_host_fini(&poor.test);
}

/* Of two empty pieces the larger one is kept. */
static void test_larger_reserve(void **state)
{
	(void)state;
	for (int last = 0; last < 2; last++) {
		struct poor_host poor = {.largest = MEM_PIECE_BYTES};
		struct parley_host host;
		struct mem mem;
		void *block[2];

		test_host_init(&poor.test, 1, 1);
		host = poor.test.host;
		host.alloc = poor_alloc;
		host.self = &poor;
		mem_init(&mem, &host, 0, PIECE);
		block[0] = mem_alloc(&mem, 100);
		poor.largest = PIECE;
		block[1] = mem_alloc(&mem, 200);
		assert_int_equal(mem.host_bytes, MEM_PIECE_BYTES + PIECE);
		mem_free(&mem, block[1 - last], last ? 100 : 200);
		assert_int_equal(mem.host_bytes, MEM_PIECE_BYTES + PIECE);
		mem_free(&mem, block[last], last ? 200 : 100);
		assert_int_equal(mem.host_bytes, PIECE);
		assert_no_fault(mem_check(&mem));
		mem_fini(&mem);
		test_host_fini(&poor.test);
	}
}

static void test_large(void **state)
{
	struct fixture *fixture = fixture_create(PIECE);
	struct mem *mem = &fixture->mem;
	void *small = mem_alloc(mem, mem->limit - 1);
	void *large = mem_alloc(mem, mem->limit);
	void *huge = mem_alloc(mem, HUGE_BLOCK);

	(void)state;
	assert_int_equal(mem->host_bytes,
			 PIECE + mem->limit + HUGE_BLOCK + 2 * MEM_LARGE_BYTES);
	assert_int_equal(fixture->host.live, 3);
	assert_no_fault(mem_check(mem));
	fixture->host.refuse_from = 0;
	assert_null(mem_alloc(mem, HUGE_BLOCK));
	assert_int_equal(mem->refused, 1);
	mem_free(mem, huge, HUGE_BLOCK);
	mem_free(mem, large, mem->limit);
	mem_free(mem, small, mem->limit - 1);
	assert_int_equal(mem->used_bytes, 0);
	fixture_destroy(fixture);

	/* Who destroys the engine does not free each dialog before. */
	fixture = fixture_create(PIECE);
	for (size_t i = 0; i < 3; i++) {
		assert_non_null(mem_alloc(&fixture->mem, HUGE_BLOCK));
		assert_non_null(mem_alloc(&fixture->mem, 100));
	}
	assert_no_fault(mem_check(&fixture->mem));
	fixture_destroy(fixture);
}

/* Without pieces each block is one allocation. */
static void test_no_pieces(void **state)
{
	struct fixture *fixture = fixture_create(0);
	void *block[3];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		block[i] = mem_alloc(&fixture->mem, i * 100);
		assert_non_null(block[i]);
	}
	assert_int_equal(fixture->host.live, 3);
	assert_int_equal(fixture->host.live_bytes, 300 + 3 * MEM_LARGE_BYTES);
	for (size_t i = 0; i < 3; i++)
		mem_free(&fixture->mem, block[i], i * 100);
	fixture_destroy(fixture);
}

/* mem_check() must notice what it is there for; what pages hold is private, so
 * only the outside is damaged here. */
static void test_check(void **state)
{
	struct fixture *fixture = fixture_create(PIECE);
	struct mem *mem = &fixture->mem;
	void *a = mem_alloc(mem, 100), *b = mem_alloc(mem, 700);
	struct mem_page **one = &mem->partial[mem->class_of[(100 + 9) / 8]];
	struct mem_page **other = &mem->partial[mem->class_of[(700 + 9) / 8]];
	struct mem_page *kept = *other;
	struct mem_piece *piece = mem->pieces;

	(void)state;
	assert_no_fault(mem_check(mem));
	mem->host_bytes++;
	assert_non_null(mem_check(mem));
	mem->host_bytes--;
	mem->used_bytes += PIECE;
	assert_non_null(mem_check(mem));
	mem->used_bytes -= PIECE;
	mem->reserve = piece;
	assert_non_null(mem_check(mem));
	mem->reserve = NULL;
	mem->with_free_page = NULL;
	assert_non_null(mem_check(mem));
	mem->with_free_page = piece;
	*other = *one;
	assert_non_null(mem_check(mem));
	*other = NULL;
	assert_non_null(mem_check(mem));
	*other = kept;
	mem_free(mem, a, 100);
	mem_free(mem, b, 700);
	fixture_destroy(fixture);
}

/* ------------------------------------------------- random use by several */

struct block {
	unsigned char *bytes;
	uint32_t size;
	unsigned char mark;
};

enum { SLOTS = 512 };

struct crowd {
	struct mem *mem;
	uint64_t random;
	uint32_t rounds;
	bool failed; /* a block was not as it was left */
	struct block block[SLOTS];
};

static uint32_t random_size(uint64_t *random)
{
	switch (test_below(random, 8)) {
	case 0:
		return test_below(random, 20000);
	case 1:
		return test_below(random, 5000);
	case 2:
	case 3:
		return 600 + test_below(random, 200);
	default:
		return test_below(random, 260);
	}
}

/* Looks at the ends only, so that many rounds are possible. */
static void block_drop(struct crowd *crowd, struct block *block)
{
	if (!block->bytes)
		return;
	if (block->size > 0 && (block->bytes[0] != block->mark ||
				block->bytes[block->size - 1] != block->mark))
		crowd->failed = true;
	mem_free(crowd->mem, block->bytes, block->size);
	block->bytes = NULL;
}

static void *crowd_run(void *param)
{
	struct crowd *crowd = param;

	for (uint32_t i = 0; i < crowd->rounds; i++) {
		struct block *block =
			&crowd->block[test_below(&crowd->random, SLOTS)];

		block_drop(crowd, block);
		block->size = random_size(&crowd->random);
		block->mark = (unsigned char)i;
		block->bytes = mem_alloc(crowd->mem, block->size);
		if (block->bytes && block->size > 0) {
			block->bytes[0] = block->mark;
			block->bytes[block->size - 1] = block->mark;
		}
	}
	return NULL;
}

static void crowd_empty(struct crowd *crowd)
{
	for (int i = 0; i < SLOTS; i++)
		block_drop(crowd, &crowd->block[i]);
	assert_false(crowd->failed);
}

static void test_random_use(void **state)
{
	static const uint32_t pieces[] = {PIECE, 8192, 20000, 0};

	(void)state;
	for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
		struct fixture *fixture = fixture_create(pieces[i]);
		struct crowd *crowd = calloc(1, sizeof(*crowd));

		assert_non_null(crowd);
		crowd->mem = &fixture->mem;
		crowd->random = test_seed(3) + i;
		crowd->rounds = 100;
		for (int j = 0; j < 200; j++) {
			/* Now and then the host has nothing for a while. */
			fixture->host.refuse_from =
				j % 10 == 7 ? 0 : TEST_UNLIMITED;
			crowd_run(crowd);
			assert_no_fault(mem_check(&fixture->mem));
		}
		crowd_empty(crowd);
		assert_true(fixture->mem.host_bytes <= pieces[i]);
		free(crowd);
		fixture_destroy(fixture);
	}
}

static void test_threads(void **state)
{
	enum { THREADS = 4 };
	struct fixture *fixture = fixture_create(PIECE);
	struct crowd *crowd = calloc(THREADS, sizeof(*crowd));
	pthread_t thread[THREADS];

	(void)state;
	assert_non_null(crowd);
	for (uint32_t i = 0; i < THREADS; i++) {
		crowd[i].mem = &fixture->mem;
		crowd[i].random = test_seed(4) + i;
		crowd[i].rounds = 20000;
		assert_int_equal(
			pthread_create(&thread[i], NULL, crowd_run, &crowd[i]),
			0);
	}
	for (int i = 0; i < 100; i++) {
		/* These two may be read without the lock. */
		assert_true(fixture->mem.host_bytes <
			    UINT64_C(64) * PIECE * THREADS);
		assert_int_equal(fixture->mem.refused, 0);
		assert_no_fault(mem_check(&fixture->mem));
	}
	for (uint32_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
	/* What one thread took another may give back. */
	for (uint32_t i = 0; i < THREADS; i++)
		crowd_empty(&crowd[i]);
	assert_true(fixture->mem.host_bytes <= PIECE);
	free(crowd);
	fixture_destroy(fixture);
}

/* -------------------------------------------------------------- ladder */

static bool rung_mem(struct test_host *host)
{
	enum { COUNT = 300 };
	struct mem mem;
	void *block[COUNT];
	uint32_t count = 0;
	uint64_t random = 5;
	uint32_t size[COUNT];

	mem_init(&mem, &host->host, 0, MEM_PIECE_BYTES);
	for (; count < COUNT; count++) {
		size[count] = random_size(&random);
		block[count] = mem_alloc(&mem, size[count]);
		if (!block[count])
			break;
	}
	assert_no_fault(mem_check(&mem));
	assert_int_equal(mem.refused > 0, count < COUNT);
	for (uint32_t i = 0; i < count; i++)
		mem_free(&mem, block[i], size[i]);
	assert_no_fault(mem_check(&mem));
	mem_fini(&mem);
	return count == COUNT;
}

static void test_ladder(void **state)
{
	(void)state;
	assert_true(ladder(rung_mem, 1, 0) > 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_classes),
		cmocka_unit_test(test_density),
		cmocka_unit_test(test_reserve),
		cmocka_unit_test(test_smaller_pieces),
		cmocka_unit_test(test_larger_reserve),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_no_pieces),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_random_use),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_ladder),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
