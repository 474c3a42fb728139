/* objects: hosts/rpc/fifo_parse.o */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fifo_parse.h"
#include "support.h"

static struct fifo_parser *parser_new(void)
{
	struct fifo_parser *parser = calloc(1, sizeof(*parser));

	assert_non_null(parser);
	return parser;
}

static void assert_text(struct parley_str text, const char *want)
{
	assert_int_equal(text.len, strlen(want));
	if (text.len > 0)
		assert_memory_equal(text.s, want, text.len);
}

/* Feeds @text by @step bytes and fails unless that finds @want at its very end.
 */
static void feed(struct fifo_parser *parser, struct parley_str text,
		 uint32_t step, enum fifo_found want,
		 struct fifo_request *request)
{
	enum fifo_found found = FIFO_NOTHING;

	while (text.len > 0) {
		struct parley_str part = {text.s,
					  text.len < step ? text.len : step};
		uint32_t used;

		assert_int_equal(found, FIFO_NOTHING);
		found = fifo_parse(parser, part, &used, request);
		assert_true(used > 0 && used <= part.len);
		text.s += used;
		text.len -= used;
	}
	assert_int_equal(found, want);
}

static void feed_text(struct fifo_parser *parser, const char *text,
		      enum fifo_found want, struct fifo_request *request)
{
	feed(parser, test_str(text), UINT32_MAX, want, request);
}

/* Something wrong; afterwards the parser understands the next request. */
static void bad(struct parley_str text, const char *reply, const char *words)
{
	struct fifo_parser *parser = parser_new();
	struct fifo_request request;

	feed(parser, text, 1, FIFO_BAD, &request);
	assert_non_null(strstr(request.fault, words));
	assert_text(request.reply, reply);
	assert_false(fifo_is_pending(parser));
	feed_text(parser, ":next:r\n\n", FIFO_REQUEST, &request);
	assert_text(request.command, "next");
	free(parser);
}

static void test_requests(void **state)
{
	static const uint32_t steps[] = {1, 2, 3, 7, UINT32_MAX};
	struct fifo_parser *parser = parser_new();
	struct fifo_request request;
	struct parley_str param;

	(void)state;
	for (uint32_t i = 0; i < 5; i++) {
		feed(parser, test_str("\n\r\n:dlg_list:re-ply.1\n\n"), steps[0],
		     FIFO_REQUEST, &request);
		assert_text(request.command, "dlg_list");
		assert_text(request.reply, "re-ply.1");
		assert_false(fifo_param_next(&request.params, &param));
		assert_false(fifo_is_pending(parser));
		feed(parser,
		     test_str(":a:b\r\none\r\n:two:x\n\"\"\nx\"\"\n\r\n"),
		     steps[i], FIFO_REQUEST, &request);
		assert_text(request.reply, "b");
		assert_true(fifo_param_next(&request.params, &param));
		assert_text(param, "one");
		assert_true(fifo_param_next(&request.params, &param));
		assert_text(param, ":two:x");
		assert_true(fifo_param_next(&request.params, &param));
		assert_text(param, "");
		assert_true(fifo_param_next(&request.params, &param));
		assert_text(param, "x\"\"");
		assert_false(fifo_param_next(&request.params, &param));
		feed(parser, test_str("::\n\n"), steps[i], FIFO_REQUEST,
		     &request);
		assert_text(request.command, "");
		assert_text(request.reply, "");
	}
	free(parser);
}

/* Several in what was read at once: one after the other. */
static void test_several(void **state)
{
	struct fifo_parser *parser = parser_new();
	struct parley_str bytes = test_str(":one:\n1\n\nnoise\n:two:\n\n:th");
	struct fifo_request request;
	uint32_t used;

	(void)state;
	assert_int_equal(fifo_parse(parser, bytes, &used, &request),
			 FIFO_REQUEST);
	assert_text(request.command, "one");
	assert_int_equal(used, 9);
	bytes.s += used;
	bytes.len -= used;
	assert_int_equal(fifo_parse(parser, bytes, &used, &request),
			 FIFO_NOISE);
	assert_int_equal(used, 6);
	bytes.s += used;
	bytes.len -= used;
	assert_int_equal(fifo_parse(parser, bytes, &used, &request),
			 FIFO_REQUEST);
	assert_text(request.command, "two");
	bytes.s += used;
	bytes.len -= used;
	assert_int_equal(fifo_parse(parser, bytes, &used, &request),
			 FIFO_NOTHING);
	assert_true(fifo_is_pending(parser));
	free(parser);
}

static void test_end(void **state)
{
	struct fifo_parser *parser = parser_new();
	struct fifo_request request;
	struct parley_str param;

	(void)state;
	assert_int_equal(fifo_parse_end(parser, &request), FIFO_NOTHING);
	feed_text(parser, ":dlg_list:r\na\nb", FIFO_NOTHING, &request);
	assert_int_equal(fifo_parse_end(parser, &request), FIFO_REQUEST);
	assert_true(fifo_param_next(&request.params, &param));
	assert_text(param, "a");
	assert_true(fifo_param_next(&request.params, &param));
	assert_text(param, "b");
	assert_false(fifo_param_next(&request.params, &param));
	assert_int_equal(fifo_parse_end(parser, &request), FIFO_NOTHING);
	feed_text(parser, ":dlg_list:r", FIFO_NOTHING, &request);
	assert_int_equal(fifo_parse_end(parser, &request), FIFO_REQUEST);
	assert_text(request.reply, "r");
	feed_text(parser, "x", FIFO_NOTHING, &request);
	assert_int_equal(fifo_parse_end(parser, &request), FIFO_NOISE);
	feed_text(parser, ":a", FIFO_NOTHING, &request);
	assert_int_equal(fifo_parse_end(parser, &request), FIFO_BAD);
	free(parser);
}

/* What is dropped is answered if the name of its FIFO was complete. */
static void test_drop(void **state)
{
	struct fifo_parser *parser = parser_new();
	struct fifo_request request;

	(void)state;
	assert_int_equal(fifo_parse_drop(parser, &request), FIFO_NOTHING);
	feed_text(parser, ":dlg_list:r\na", FIFO_NOTHING, &request);
	assert_int_equal(fifo_parse_drop(parser, &request), FIFO_BAD);
	assert_text(request.reply, "r");
	assert_non_null(strstr(request.fault, "in time"));
	feed_text(parser, ":dlg_list:r", FIFO_NOTHING, &request);
	assert_int_equal(fifo_parse_drop(parser, &request), FIFO_BAD);
	assert_text(request.reply, "");
	feed_text(parser, "half a line", FIFO_NOTHING, &request);
	assert_int_equal(fifo_parse_drop(parser, &request), FIFO_NOTHING);
	assert_false(fifo_is_pending(parser));
	feed_text(parser, ":a:b\n\n", FIFO_REQUEST, &request);
	free(parser);
}

static void test_bad(void **state)
{
	static const char *const names[] = {"/",    "a/b",   "..",   "../a",
					    "a..b", ".",     "\x01", "a\tb",
					    "\x7f", "/tmp/x"};

	(void)state;
	bad(test_str(":dlg_list\n\n"), "", "missing");
	bad(test_str(":\n\n"), "", "missing");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char text[64];

		snprintf(text, sizeof(text), ":dlg_list:%s\nx\n\n", names[i]);
		bad(test_str(text), "", "without /");
	}
	bad((struct parley_str){":a:r\nx\0y\n\n", 10}, "r", "zero");
	bad((struct parley_str){":a\0:r\n\n", 7}, "r", "zero");
	bad((struct parley_str){":a:r\0\n\n", 7}, "", "without /");
}

/* The rest of @text stays behind it. */
static void begin(char *text, const char *with)
{
	while (*with)
		*text++ = *with++;
}

static void test_too_long(void **state)
{
	static char text[3 * FIFO_REQUEST_MAX];
	struct parley_str all = {text, sizeof(text)};
	struct fifo_parser *parser = parser_new();
	struct fifo_request request;

	(void)state;
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 2] = text[sizeof(text) - 1] = '\n';
	/* One long parameter; many short ones. */
	begin(text, ":a:r\n");
	bad(all, "r", "65536");
	for (size_t i = 6; i < sizeof(text) - 2; i += 2)
		text[i] = '\n', text[i - 1] = 'x';
	begin(text, ":a:r\n");
	bad(all, "r", "65536");
	/* A first line without end, of a request and of none. */
	memset(text, 'x', sizeof(text) - 2);
	text[0] = ':';
	bad(all, "", "first line");
	text[0] = 'x';
	feed(parser, (struct parley_str){text, sizeof(text) - 1}, 4096,
	     FIFO_NOISE, &request);
	assert_false(fifo_is_pending(parser));
	/* The longest one that is taken; the byte that is too much. */
	text[0] = ':';
	begin(text, ":a:r\n");
	text[FIFO_REQUEST_MAX - 2] = text[FIFO_REQUEST_MAX - 1] = '\n';
	feed(parser, (struct parley_str){text, FIFO_REQUEST_MAX}, 4096,
	     FIFO_REQUEST, &request);
	text[FIFO_REQUEST_MAX - 2] = 'x';
	text[FIFO_REQUEST_MAX] = '\n';
	feed(parser, (struct parley_str){text, FIFO_REQUEST_MAX + 1}, 4096,
	     FIFO_BAD, &request);
	assert_text(request.reply, "r");
	/* The longest name. */
	memset(text, 'n', FIFO_REPLY_NAME_MAX + 4);
	begin(text, ":a:");
	memcpy(text + 3 + FIFO_REPLY_NAME_MAX, "\n\n", 3);
	feed_text(parser, text, FIFO_REQUEST, &request);
	assert_int_equal(request.reply.len, FIFO_REPLY_NAME_MAX);
	memcpy(text + 3 + FIFO_REPLY_NAME_MAX, "n\n\n", 4);
	feed_text(parser, text, FIFO_BAD, &request);
	free(parser);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_several),
		cmocka_unit_test(test_end),
		cmocka_unit_test(test_drop),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
