/* objects: hosts/json_line.o */
#include <string.h>

#include "json_line.h"
#include "support.h"

static void whole(struct json_line *line)
{
	const struct parley_str odd = {"a\0\"\\\b\f\n\r\t\x1f\x7f\xc3\xa4/",
				       14};

	json_open(line, NULL, '{');
	json_number(line, "zero", 0);
	json_number(line, "most", UINT32_MAX);
	json_text(line, "text", test_str("plain"));
	json_text(line, "none", (struct parley_str){NULL, 0});
	json_open(line, "inner", '{');
	json_pair(line, odd, odd);
	json_close(line, '}');
	json_open(line, "empty", '{');
	json_close(line, '}');
	json_open(line, "list", '[');
	for (uint32_t i = 0; i < 2; i++) {
		json_open(line, NULL, '{');
		json_number(line, "i", i);
		json_close(line, '}');
	}
	json_close(line, ']');
	json_close(line, '}');
	json_end(line);
}

#define ODD "a\\u0000\\\"\\\\\\b\\f\\n\\r\\t\\u001f\x7f\xc3\xa4/"
static const char expected[] =
	"{\"zero\":0,\"most\":4294967295,\"text\":\"plain\",\"none\":\"\","
	"\"inner\":{\"" ODD "\":\"" ODD "\"},\"empty\":{},"
	"\"list\":[{\"i\":0},{\"i\":1}]}\n";

static void fits(void **state)
{
	char buffer[512];
	struct json_line line = {buffer, sizeof(buffer), 0, false};

	(void)state;
	whole(&line);
	assert_int_equal(line.len, sizeof(expected) - 1);
	assert_memory_equal(buffer, expected, line.len);
	/* The next one follows without a comma. */
	json_open(&line, NULL, '{');
	assert_int_equal(buffer[line.len - 1], '{');
	assert_int_equal(buffer[line.len - 2], '\n');
}

/* Of every size below, it says what it needs, and writes no further. */
static void does_not_fit(void **state)
{
	char buffer[sizeof(expected) + 1];

	(void)state;
	for (size_t size = 0; size < sizeof(expected); size++) {
		struct json_line line = {buffer, size, 0, false};

		memset(buffer, '#', sizeof(buffer));
		whole(&line);
		assert_int_equal(line.len, sizeof(expected) - 1);
		assert_memory_equal(buffer, expected, size);
		assert_int_equal(buffer[size], '#');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fits),
		cmocka_unit_test(does_not_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
