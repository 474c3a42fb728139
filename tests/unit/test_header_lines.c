/* objects: hosts/header_lines.o */
/* test_header_lines.c - what may be put into a request of ours by RPC */
#include <string.h>

#include "support.h"

#include "header_lines.h"

static struct parley_str text(const char *s)
{
	return (struct parley_str){s, (uint32_t)strlen(s)};
}

static void test_lines(void **state)
{
	static const struct row {
		const char *lines;
		bool allowed, ended;
	} rows[] = {
		/* 0 */ {"", true, false},
		/* 1 */ {"X-Reason: test\r\n", true, true},
		/* 2 */ {"X-Reason: test", true, false},
		/* 3 */ {"A: 1\r\nB: 2\r\n", true, true},
		/* 4 */ {"A: 1\r\nB: 2", true, false},
		/* 5 */ {"A:\r\n", true, true},
		/* 6 */ {"A \t: 1\r\n", true, true},
		/* 7 */ {"Reason: Q.850;cause=16;text=\"a:b\"", true, false},
		/* 8 */ {"\r\n", false, true},
		/* 9 */ {"A: 1\r\n\r\n", false, true},
		/* 10 */ {"\r\nA: 1\r\n", false, true},
		/* 11 */ {"A: 1\r\n\r\nbody", false, false},
		/* 12 */ {"A: 1\nB: 2\r\n", false, true},
		/* 13 */ {"A: 1\rB: 2\r\n", false, true},
		/* 14 */ {"A: 1\n", false, false},
		/* 15 */ {"A: 1\r", false, false},
		/* 16 */ {"A: 1\r\r\n", false, true},
		/* 17 */ {"A: 1\n\r\n", false, true},
		/* 18 */ {"no colon\r\n", false, true},
		/* 19 */ {": no name\r\n", false, true},
		/* 20 */ {" A: folded\r\n", false, true},
		/* 21 */ {"A: 1\r\n B: folded\r\n", false, true},
		/* 22 */ {"B\xc3\xbc: 1\r\n", false, true},
		/* 23 */ {"\r", false, false},
		/* 24 */ {"\n", false, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *fault = header_lines_fault(text(rows[i].lines));

		if (!fault != rows[i].allowed)
			fail_msg("row %zu: %s", i, fault ? fault : "allowed");
		if (header_lines_ended(text(rows[i].lines)) != rows[i].ended)
			fail_msg("row %zu: end", i);
	}
}

/* A NUL is cut off by no one: it is refused. */
static void test_nul(void **state)
{
	struct parley_str lines = {"A: 1\0B: 2\r\n", 11};

	(void)state;
	assert_non_null(header_lines_fault(lines));
	assert_true(header_lines_ended(lines));
}

/* Those of a command have a bound. */
static void test_extra(void **state)
{
	static char lines[HEADER_LINES_MAX + 1];
	static const char name[] = "A: ";
	struct parley_str extra = {lines, HEADER_LINES_MAX};

	(void)state;
	memset(lines, 'x', sizeof(lines));
	memcpy(lines, name, sizeof(name) - 1);
	assert_null(header_lines_extra_fault(extra));
	extra.len++;
	assert_non_null(header_lines_extra_fault(extra));
	assert_null(header_lines_fault(extra));
	assert_non_null(header_lines_extra_fault(text("A: 1\n")));
}

static void test_token(void **state)
{
	static const char *const good[] = {"INFO", "x", "X-a.b!%*_+`'~9"};
	static const char *const bad[] = {"",	   " INFO", "IN FO", "INFO ",
					  "A\r\n", "A:",    "A/b",   "A\t",
					  "\xc3",  "A\x7f", "A\"",   "<A>"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(header_is_token(text(good[i])));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (header_is_token(text(bad[i])))
			fail_msg("row %zu", i);
	assert_false(header_is_token((struct parley_str){"A\0B", 3}));
}

static void test_have(void **state)
{
	static const char *const with[] = {"Reason: x", "A: 1\r\nREASON:x\r\n",
					   "A: 1\r\nreason \t: x"};
	static const char *const without[] = {
		"",	      "Reason",
		"Reasons: x", "A: Reason: x",
		"Reaso: x",   "A: 1\r\nX-Reason: x"};

	(void)state;
	for (size_t i = 0; i < sizeof(with) / sizeof(with[0]); i++)
		if (!header_lines_have(text(with[i]), "Reason"))
			fail_msg("row %zu", i);
	for (size_t i = 0; i < sizeof(without) / sizeof(without[0]); i++)
		if (header_lines_have(text(without[i]), "Reason"))
			fail_msg("row %zu", i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines), cmocka_unit_test(test_nul),
		cmocka_unit_test(test_extra), cmocka_unit_test(test_have),
		cmocka_unit_test(test_token),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
