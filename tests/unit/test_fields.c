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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
