/* objects: hosts/rpc/fifo_reply.o */
#include <string.h>

#include "fifo_reply.h"
#include "support.h"

static const struct parley_str none = {NULL, 0};

static void assert_reply(const struct fifo_reply *reply, const char *want)
{
	assert_int_equal(reply->len, strlen(want));
	assert_memory_equal(reply->s, want, reply->len);
}

static void test_lines(void **state)
{
	struct fifo_reply reply = {0};
	struct parley_str value = test_str("v w"), empty = test_str("");

	(void)state;
	assert_true(fifo_reply_line(&reply, 0, test_str("one"), NULL));
	assert_true(fifo_reply_line(&reply, 1, test_str("two"), &value));
	assert_true(fifo_reply_line(&reply, 2, test_str("three"), &empty));
	assert_true(fifo_reply_line(&reply, 1, none, &value));
	assert_true(fifo_reply_line(&reply, 0, none, &empty));
	assert_true(fifo_reply_end(&reply, 200, "OK"));
	assert_reply(&reply, "200 OK\none::\n\ttwo:: v w\n\t\tthree::\n\tv w\n"
			     "\"\"\n\n");
	fifo_reply_free(&reply);
	fifo_reply_free(&reply);
}

/* No value ends its line, or the answer. */
static void test_escapes(void **state)
{
	static const char odd[] = "a\n\n\\b\r\t\x01\x7f\0\xc3\xa4";
	struct parley_str value = {odd, sizeof(odd) - 1};
	struct fifo_reply reply = {0};

	(void)state;
	assert_true(fifo_reply_line(&reply, 0, value, &value));
	assert_true(fifo_reply_end(&reply, 200, "OK"));
	assert_reply(&reply, "200 OK\n"
			     "a\\n\\n\\\\b\\r\\t\\x01\\x7f\\x00\xc3\xa4:: "
			     "a\\n\\n\\\\b\\r\\t\\x01\\x7f\\x00\xc3\xa4\n\n");
	fifo_reply_free(&reply);
}

static void test_faults(void **state)
{
	char reason[2 * FIFO_REASON_MAX + 1];
	struct fifo_reply reply = {0};

	(void)state;
	assert_true(fifo_reply_end(&reply, 404, "Not\nhere"));
	assert_reply(&reply, "404 Not\\nhere\n\n");
	fifo_reply_free(&reply);
	/* What was added before is not shown. */
	assert_true(fifo_reply_line(&reply, 0, test_str("one"), NULL));
	memset(reason, '\n', sizeof(reason) - 1);
	reason[sizeof(reason) - 1] = '\0';
	assert_true(fifo_reply_end(&reply, 500, reason));
	assert_int_equal(reply.len, 4 + 2 * FIFO_REASON_MAX + 2);
	fifo_reply_free(&reply);
	assert_true(fifo_reply_end(&reply, 200, "OK"));
	assert_reply(&reply, "200 OK\n\n");
	fifo_reply_free(&reply);
}

static void test_too_long(void **state)
{
	static char text[1 << 20];
	struct parley_str value = {text, sizeof(text)};
	struct fifo_reply reply = {0};
	uint32_t lines = 0;
	size_t len;

	(void)state;
	memset(text, 'x', sizeof(text));
	while (fifo_reply_line(&reply, 0, none, &value))
		assert_true(++lines < 100);
	assert_true(lines > 50);
	len = reply.len;
	assert_true(len <= FIFO_REPLY_MAX);
	assert_false(fifo_reply_line(&reply, 0, none, &value));
	assert_int_equal(reply.len, len);
	assert_true(fifo_reply_end(&reply, 200, "OK"));
	assert_int_equal(reply.len, lines * (sizeof(text) + 1) + 8);
	fifo_reply_free(&reply);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
