/* objects: hash.o */
/* test_hash.c - SipHash-1-3 against another implementation, borders, spread */
#include <stdio.h>
#include <string.h>

#include "support.h"

#include "hash.h"

/* These sums are Python 3.11's hash() of bytes, which is SipHash-1-3, under
 * PYTHONHASHSEED=1, which gives this key. Byte i of the message is 7i + 3. */
static const struct hash_key python_key = {0xaed66ce184be2329,
					   0xebe9bbf1f1499052};

static const struct {
	uint32_t len;
	uint64_t sum;
} python_sums[] = {
	{1, 0x9243a0bed771da38},   {2, 0x64ef4d1ead827df1},
	{3, 0x412ee9d906bcaec1},   {4, 0x51259821816e0b45},
	{5, 0x7fb68807d6f5b8c3},   {6, 0x735c7cac99ef68d7},
	{7, 0xa43f46106d9ee69e},   {8, 0x6c51eb30d2c47d84},
	{9, 0x929e7bc2d914a9f1},   {15, 0xedd0edafe288ba9b},
	{16, 0xdc0e2d5ecce30f8d},  {17, 0x4f5b77d5888369b7},
	{23, 0x3cf4367038cbf1df},  {31, 0x6def6206a11a38a0},
	{63, 0x825679fab67db983},  {64, 0x2741e4bf15df85b6},
	{65, 0xe4b0ac114d7a9a08},  {255, 0xfd722f2e27fe740a},
	{256, 0x35eba412df014d22}, {300, 0x04e67634f0891032},
};

static void test_vectors(void **state)
{
	char message[301];

	(void)state;
	for (uint32_t shift = 0; shift < 2; shift++) {
		char *s = message + shift;

		for (uint32_t i = 0; i < 300; i++)
			s[i] = (char)(unsigned char)(7 * i + 3);
		for (size_t i = 0;
		     i < sizeof(python_sums) / sizeof(*python_sums); i++) {
			struct parley_str text = {s, python_sums[i].len};

			assert_true(hash_text(&python_key, text) ==
				    python_sums[i].sum);
		}
	}
}

/* A pair is hashed as the length of the first text in 8 bytes, the first text
 * and zeros up to a whole word, the second one; the sums are Python's for that.
 */
static void test_pair_vectors(void **state)
{
	(void)state;
	assert_true(hash_pair(&python_key, test_str("call-id1"),
			      test_str("tag")) == 0xcc30eaf05fc7ea65);
	assert_true(hash_pair(&python_key, test_str("call-id@hos"),
			      test_str("as4711x0815tag")) ==
		    0x7dd2563bf4995238);
	assert_true(hash_pair(&python_key, test_str("call-id"),
			      test_str("t")) == 0xfc5b26f2d3c56a3);
}

/* The same bytes with the border elsewhere are another pair. */
static void test_border(void **state)
{
	static const char bytes[] = "abcdefghijklmnopqrstuvwxyz0123456789";
	enum { LEN = sizeof(bytes) - 1 };
	struct hash_key key = {1, 2};
	uint64_t sum[LEN + 1];

	(void)state;
	for (uint32_t border = 0; border <= LEN; border++) {
		struct parley_str a = {bytes, border};
		struct parley_str b = {bytes + border, LEN - border};

		sum[border] = hash_pair(&key, a, b);
		for (uint32_t i = 0; i < border; i++)
			assert_true(sum[i] != sum[border]);
	}
}

static void test_empty(void **state)
{
	struct hash_key key = {3, 4};
	struct parley_str none = {NULL, 0};

	(void)state;
	assert_true(hash_text(&key, none) == hash_text(&key, test_str("")));
	assert_true(hash_pair(&key, none, test_str("x")) !=
		    hash_pair(&key, test_str("x"), none));
	assert_true(hash_pair(&key, none, none) ==
		    hash_pair(&key, test_str(""), test_str("")));
}

/* One bit more or less in key or text changes about half of the sum. */
static void test_avalanche(void **state)
{
	char text[24] = "a84b4c76e66710@pc33.atl";
	struct parley_str str = {text, sizeof(text)};
	struct hash_key key = {0x0123456789abcdef, 0xfedcba9876543210};
	uint64_t sum = hash_text(&key, str);
	uint32_t flipped = 0;

	(void)state;
	for (uint32_t bit = 0; bit < 8 * sizeof(text); bit++) {
		text[bit / 8] ^= (char)(1 << bit % 8);
		flipped += (uint32_t)__builtin_popcountll(sum ^
							  hash_text(&key, str));
		text[bit / 8] ^= (char)(1 << bit % 8);
	}
	assert_in_range(flipped / sizeof(text) / 8, 28, 36);
	for (uint32_t bit = 0; bit < 128; bit++) {
		struct hash_key other = key;
		int differing;

		*(bit < 64 ? &other.k0 : &other.k1) ^= UINT64_C(1) << bit % 64;
		differing = __builtin_popcountll(sum ^ hash_text(&other, str));
		assert_in_range(differing, 12, 52);
	}
}

/* Chi-squared of 2^16 sums over 256 values; 255 is expected, and beyond 350
 * lies one in 30,000. The inputs are fixed, so the test is too. */
static double chi_squared(const uint32_t *counts, double expected)
{
	double chi = 0;

	for (uint32_t i = 0; i < 256; i++) {
		double off = counts[i] - expected;

		chi += off * off / expected;
	}
	return chi;
}

static void test_spread(void **state)
{
	struct hash_key key = {0x243f6a8885a308d3, 0x13198a2e03707344};
	uint32_t text_low[256] = {0}, id_low[256] = {0}, id_high[256] = {0};

	(void)state;
	for (uint32_t i = 0; i < 65536; i++) {
		struct parley_id id = {i % 4096, 1 + i / 4096};
		char text[32];
		int len = snprintf(text, sizeof(text), "%u@127.0.0.1", i);
		struct parley_str str = {text, (uint32_t)len};

		text_low[hash_text(&key, str) & 255]++;
		id_low[hash_id(&key, id) & 255]++;
		id_high[hash_id(&key, id) >> 56]++;
	}
	assert_true(chi_squared(text_low, 256) < 350);
	assert_true(chi_squared(id_low, 256) < 350);
	assert_true(chi_squared(id_high, 256) < 350);
}

/* The mixer must be undone step by step to the identity. */
static uint64_t inverse(uint64_t odd)
{
	uint64_t x = odd;

	for (int i = 0; i < 6; i++)
		x *= 2 - odd * x;
	return x;
}

static void test_id_is_bijection(void **state)
{
	struct hash_key key = {0xdeadbeefcafe, 0x1234567890abcdef};
	uint64_t random = test_seed(1);

	(void)state;
	for (int i = 0; i < 10000; i++) {
		uint64_t value = test_random(&random);
		struct parley_id id = {(uint32_t)(value >> 32),
				       (uint32_t)value};
		uint64_t x = hash_id(&key, id);

		x ^= x >> 32;
		x *= inverse(0xbf58476d1ce4e5b9);
		x ^= x >> 29 ^ x >> 58;
		x -= key.k1;
		x ^= x >> 32;
		x *= inverse(0xd6e8feb86659fd93);
		x ^= x >> 32;
		x ^= key.k0;
		assert_true(x == value);
	}
}

static void test_id_depends_on_key(void **state)
{
	struct parley_id id = {17, 4711};
	uint64_t sum = hash_id(&(struct hash_key){1, 2}, id);

	(void)state;
	assert_true(sum != hash_id(&(struct hash_key){2, 2}, id));
	assert_true(sum != hash_id(&(struct hash_key){1, 3}, id));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_pair_vectors),
		cmocka_unit_test(test_border),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_avalanche),
		cmocka_unit_test(test_spread),
		cmocka_unit_test(test_id_is_bijection),
		cmocka_unit_test(test_id_depends_on_key),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
