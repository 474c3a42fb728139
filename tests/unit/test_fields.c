/* objects: hosts/fields.o */
/* test_fields.c - which lines of a header are Contact and Record-Route */
#include <string.h>

#include "support.h"

#include "fields.h"

/* Each finding as "c[value]" or "r[value]". */
static void findings(const char *header, char *out, size_t size)
{
	const char *at = header, *end = header + strlen(header);
	struct parley_str value;
	enum field_name name;
	size_t used = 0;

	out[0] = '\0';
	while ((name = field_next(at, end, &value, &at)) != FIELD_NONE) {
		assert_true(used + value.len + 4 <= size);
		out[used++] = name == FIELD_CONTACT ? 'c' : 'r';
		out[used++] = '[';
		memcpy(out + used, value.s, value.len);
		used += value.len;
		out[used++] = ']';
		out[used] = '\0';
	}
}

static void test_lines(void **state)
{
	static const struct row {
		const char *header, *found;
	} rows[] = {
		/* 0 */ {"", ""},
		/* 1 */ {"Contact: <sip:a>\r\n\r\n", "c[<sip:a>]"},
		/* 2 */ {"CONTACT:<sip:a>\r\n", "c[<sip:a>]"},
		/* 3 */ {"m: sip:a\r\nm:sip:b\r\n", "c[sip:a]c[sip:b]"},
		/* 4 */ {"Contact \t : \t sip:a \t\r\n", "c[sip:a]"},
		/* 5 */ {"record-route: <sip:p;lr>\r\n", "r[<sip:p;lr>]"},
		/* 6 */
		{"Record-Route: <sip:p>,\r\n\t<sip:q>\r\nm: x\r\n",
		 "r[<sip:p>,\r\n\t<sip:q>]c[x]"},
		/* 7 */ {"Contact:\r\n <sip:a>\r\n", "c[<sip:a>]"},
		/* 8 */ {"Via: x\r\n m: no\r\nm: yes\r\n", "c[yes]"},
		/* 9 */ {"Contacts: a\r\nmm: b\r\nRoute: c\r\nr: d\r\n", ""},
		/* 10 */ {"Contact\r\nm\r\nRecord-Route", ""},
		/* 11 */ {"To: x\r\n\r\nContact: body\r\n", ""},
		/* 12 */ {"m: a\nm: b\n\nm: body\n", "c[a]c[b]"},
		/* 13 */ {"m:\r\nm: b\r\n", "c[]c[b]"},
		/* 14 */ {"m: cut off", "c[cut off]"},
		/* 15 */ {"m:", "c[]"},
	};
	char out[100];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		findings(rows[i].header, out, sizeof(out));
		if (strcmp(out, rows[i].found) != 0)
			fail_msg("row %zu: %s instead of %s", i, out,
				 rows[i].found);
	}
}

static struct parley_str text(const char *s)
{
	return (struct parley_str){s, (uint32_t)strlen(s)};
}

static void test_lists_without(void **state)
{
	static const struct row {
		const char *body, *rest;
		bool has;
	} rows[] = {
		/* 0 */ {"", "", false},
		/* 1 */ {"100rel", "", true},
		/* 2 */ {" 100REL ", "", true},
		/* 3 */ {"100rel,timer", "timer", true},
		/* 4 */ {"a , 100rel\r\n , b", "a,b", true},
		/* 5 */ {"100rel, 100Rel", "", true},
		/* 6 */
		{"100rels,x100rel,100re", "100rels,x100rel,100re", false},
		/* 7 */ {",,100rel,,", "", true},
		/* 8 */ {",", "", false},
		/* 9 */ {"100rel;x", "100rel;x", false},
		/* 10 */ {"\"100rel\", <100rel>", "\"100rel\",<100rel>", false},
	};
	char out[64];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t len = field_without(text(rows[i].body), "100rel", out);

		out[len] = '\0';
		if (strcmp(out, rows[i].rest) != 0 ||
		    field_has(text(rows[i].body), "100rel") != rows[i].has)
			fail_msg("row %zu: %s", i, out);
	}
	assert_false(field_has((struct parley_str){NULL, 0}, "100rel"));
	assert_int_equal(
		field_without((struct parley_str){NULL, 0}, "100rel", out), 0);
}

static void test_numbers(void **state)
{
	static const char *const wrong[] = {"",	  "4294967296", "99999999999",
					    "-1", "+1",		"1 ",
					    "1x", "0x1",	"00000000001"};
	uint32_t number = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (field_number(text(wrong[i]), &number))
			fail_msg("%s is %u", wrong[i], number);
	assert_int_equal(number, 7);
	assert_true(field_number(text("4294967295"), &number));
	assert_int_equal(number, UINT32_MAX);
	assert_true(field_number(text("0"), &number));
	assert_int_equal(number, 0);
	assert_true(field_number(text("0000000012"), &number));
	assert_int_equal(number, 12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_lists_without),
		cmocka_unit_test(test_numbers),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
