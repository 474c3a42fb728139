/* objects: hosts/reason.o */
/* test_reason.c - why a call ends, as it goes onto the wire */
#include <stdlib.h>
#include <string.h>

#include "support.h"

#include "reason.h"

static struct parley_str text(const char *s)
{
	return (struct parley_str){s, (uint32_t)strlen(s)};
}

static void test_words(void **state)
{
	static const struct row {
		const char *reason, *phrase, *line;
	} rows[] = {
		{"no credit", "no credit",
		 "Reason: SIP;cause=480;text=\"no credit\"\r\n"},
		{"a \"b\" \\c", "a \"b\" \\c",
		 "Reason: SIP;cause=480;text=\"a \\\"b\\\" \\\\c\"\r\n"},
		{"a\r\nX-Evil: 1\r\n\r\n", "a  X-Evil: 1    ",
		 "Reason: SIP;cause=480;text=\"a  X-Evil: 1    \"\r\n"},
		{"tab\tdel\x7f", "tab del ",
		 "Reason: SIP;cause=480;text=\"tab del \"\r\n"},
		{"vor\xc3\xbc"
		 "ber",
		 "vor\xc3\xbc"
		 "ber",
		 "Reason: SIP;cause=480;text=\"vor\xc3\xbc"
		 "ber\"\r\n"},
		{"", "", ""},
	};
	char phrase[REASON_PHRASE_MAX], line[REASON_LINE_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct parley_str found =
			reason_line(480, text(rows[i].reason), line);

		reason_phrase(text(rows[i].reason), phrase);
		assert_string_equal(phrase, rows[i].phrase);
		assert_string_equal(line, rows[i].line);
		assert_int_equal(found.len, strlen(line));
	}
}

/* A zero and what stands behind it are text, too. */
static void test_nul(void **state)
{
	char text_of[REASON_TEXT_MAX];
	struct parley_str found =
		reason_text((struct parley_str){"a\0\"b", 4}, text_of);

	(void)state;
	assert_int_equal(found.len, 5);
	assert_string_equal(text_of, "a \\\"b");
}

/* Any reason, and any place of the cut: no open escape, no half character, no
 * byte behind the end. */
static void test_long(void **state)
{
	static const char *const units[] = {
		"x",	    "\"",	    "\\",
		"\xc3\xbc", "\r\n",	    "\xe2\x82\xac",
		"a\"",	    "\x80\x80\x80", "\xf0\x9f\x98\x80"};
	enum { LONG = 10240 };
	char *reason = malloc(LONG + 8);
	char phrase[REASON_PHRASE_MAX], line[REASON_LINE_MAX];

	(void)state;
	assert_non_null(reason);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		size_t unit = strlen(units[i]), len = 0;

		for (size_t lead = 0; lead < 4; lead++) {
			for (len = 0; len < lead; len++)
				reason[len] = 'x';
			for (; len + unit <= LONG; len += unit)
				memcpy(reason + len, units[i], unit);
			struct parley_str got = reason_line(
				699, (struct parley_str){reason, (uint32_t)len},
				line);
			reason_phrase(
				(struct parley_str){reason, (uint32_t)len},
				phrase);
			assert_true(got.len < REASON_LINE_MAX);
			assert_true(strlen(phrase) < REASON_PHRASE_MAX);
			assert_string_equal(line + got.len - 3, "\"\r\n");
			assert_ptr_equal(strpbrk(line, "\r\n"),
					 line + got.len - 2);
			assert_null(strpbrk(phrase, "\r\n"));
			/* An even number of backslashes before the end. */
			size_t slashes = 0;
			while (line[got.len - 4 - slashes] == '\\')
				slashes++;
			assert_int_equal(slashes % 2, 0);
			/* What was cut are whole units. */
			if (unit > 1 && (unsigned char)units[i][0] >= 0xc0)
				assert_int_equal((strlen(phrase) - lead) % unit,
						 0);
		}
	}
	free(reason);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_long),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
