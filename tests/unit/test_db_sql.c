/* objects: hosts/json_line.o hosts/db/db_tables.o hosts/db/db_bytes.o
 * hosts/db/db_sql.o hosts/dmq/image_json.o json.o */
#include <stdlib.h>
#include <string.h>

#include "db_sql.h"
#include "support.h"

static void check(const struct sql *sql, const char *expected)
{
	assert_false(sql->failed);
	assert_int_equal(sql->len, strlen(expected));
	assert_memory_equal(sql->s, expected, sql->len);
}

static void check_literal(enum db_kind kind, struct parley_str text,
			  const char *expected)
{
	struct sql sql = {.kind = kind};

	sql_add_literal(&sql, text);
	check(&sql, expected);
	sql_free(&sql);
}

static struct parley_str bytes(const char *s, size_t size)
{
	return (struct parley_str){s, (uint32_t)size - 1};
}
#define BYTES(s) bytes(s, sizeof(s))

static void numbers(void **state)
{
	struct sql sql = {.kind = DB_POSTGRES};

	(void)state;
	sql_add_number(&sql, 0);
	sql_add(&sql, " ");
	sql_add_number(&sql, UINT64_MAX);
	sql_add(&sql, " ");
	sql_add_integer(&sql, INT32_MAX);
	sql_add(&sql, " ");
	sql_add_integer(&sql, (uint32_t)INT32_MAX + 1);
	sql_add(&sql, " ");
	sql_add_integer(&sql, UINT32_MAX);
	check(&sql, "0 18446744073709551615 2147483647 -2147483648 -1");
	sql_empty(&sql);
	sql.kind = DB_MYSQL;
	sql_add_integer(&sql, UINT32_MAX);
	check(&sql, "4294967295");
	sql_free(&sql);
}

static void names(void **state)
{
	struct sql sql = {.kind = DB_MYSQL};

	(void)state;
	sql_add_name(&sql, test_str("key"));
	sql.kind = DB_POSTGRES;
	sql_add_name(&sql, test_str("calls.dialog"));
	sql_cut(&sql, 2);
	check(&sql, "`key`calls.dial");
	sql_cut(&sql, 100);
	check(&sql, "");
	sql_free(&sql);
}

static void plain_texts(void **state)
{
	static const enum db_kind kinds[] = {DB_SQLITE, DB_POSTGRES, DB_MYSQL};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		check_literal(kinds[i], (struct parley_str){NULL, 0}, "''");
		check_literal(kinds[i], test_str("sip:a@b;x=\"y\"%"),
			      "'sip:a@b;x=\"y\"%'");
	}
}

static void quotes(void **state)
{
	struct parley_str text = test_str("'); DROP TABLE dialog; --\\'");

	(void)state;
	check_literal(DB_SQLITE, text, "'''); DROP TABLE dialog; --\\'''");
	check_literal(DB_POSTGRES, text, "E'''); DROP TABLE dialog; --\\\\'''");
	check_literal(DB_MYSQL, text,
		      "CONCAT(_ascii X'27','); DROP TABLE dialog; --',"
		      "_ascii X'5C27')");
	check_literal(DB_SQLITE, test_str("'"), "''''");
	check_literal(DB_POSTGRES, test_str("\\"), "E'\\\\'");
	check_literal(DB_MYSQL, test_str("\\"), "CONCAT(_ascii X'5C')");
	check_literal(DB_MYSQL, test_str("\xc3\xa4'b"),
		      "CONCAT('\xc3\xa4',_ascii X'27','b')");
}

static void zero_bytes(void **state)
{
	struct parley_str text = BYTES("a\0'b");

	(void)state;
	check_literal(DB_SQLITE, text, "CAST(X'61002762' AS TEXT)");
	check_literal(DB_POSTGRES, text, "E'a?''b'");
	check_literal(DB_MYSQL, text, "CONCAT('a',_ascii X'0027','b')");
	assert_true(sql_can_hold(DB_SQLITE, text));
	assert_true(sql_can_hold(DB_MYSQL, text));
	assert_false(sql_can_hold(DB_POSTGRES, text));
	assert_false(sql_can_hold(DB_REDIS, text));
	assert_false(sql_can_hold(DB_OTHER, text));
	assert_true(sql_can_hold(DB_REDIS, test_str("\xff")));
}

/* RFC 3629 4, its borders. */
static void characters(void **state)
{
	static const char *const good[] = {
		"",
		"\x7f",
		"\xc2\x80",
		"\xdf\xbf",
		"\xe0\xa0\x80",
		"\xed\x9f\xbf",
		"\xef\xbf\xbf",
		"\xf0\x90\x80\x80",
		"\xf4\x8f\xbf\xbf",
	};
	static const char *const bad[] = {
		"\x80",
		"\xbf",
		"\xc1\xbf",
		"\xc2",
		"\xc2\x7f",
		"\xe0\x9f\xbf",
		"\xed\xa0\x80",
		"\xe1\x80",
		"\xe1\x80\xc0",
		"\xf0\x8f\xbf\xbf",
		"\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80",
		"\xff",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(sql_can_hold(DB_POSTGRES, test_str(good[i])));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(sql_can_hold(DB_POSTGRES, test_str(bad[i])));
	check_literal(DB_POSTGRES, test_str("\xc3\xa4\xff\xe1\x80z"),
		      "E'\xc3\xa4??\?z'");
	check_literal(DB_MYSQL, test_str("\xff"), "CONCAT('\xff')");
}

static void replaced(void **state)
{
	struct sql sql = {.kind = DB_MYSQL, .loss = SQL_LOSES_BYTES};

	(void)state;
	sql_add_literal(&sql, test_str("a\xc3\xa4\xff'"));
	check(&sql, "CONCAT('a\xc3\xa4?',_ascii X'27')");
	sql_empty(&sql);
	sql.loss = SQL_LOSES_CHARACTERS;
	sql_add_literal(&sql, test_str("a\xc3\xa4\xff'"));
	check(&sql, "CONCAT('a??\?',_ascii X'27')");
	sql_free(&sql);
}

/* Every length around the first room, in every way of writing. */
static void long_texts(void **state)
{
	static const enum db_kind kinds[] = {DB_SQLITE, DB_POSTGRES, DB_MYSQL};
	char text[9000];

	(void)state;
	for (size_t i = 0; i < 3; i++)
		for (uint32_t len = 2040; len < 8200; len += 7) {
			struct sql sql = {.kind = kinds[i]};

			for (uint32_t at = 0; at < len; at++)
				text[at] = at % 2 ? '\'' : '\\';
			sql_add(&sql, "(");
			sql_add_literal(&sql, (struct parley_str){text, len});
			sql_add(&sql, ")");
			assert_false(sql.failed);
			assert_true(sql.len >= len + 4 && sql.len <= sql.room);
			assert_int_equal(sql.s[0], '(');
			assert_int_equal(sql.s[sql.len - 1], ')');
			sql_free(&sql);
		}
}

/* More than a driver can be told. */
static void too_long(void **state)
{
	struct sql sql = {.kind = DB_SQLITE};

	(void)state;
	sql_add_text(&sql, (struct parley_str){"", UINT32_MAX});
	assert_true(sql.failed);
	sql_add(&sql, "x");
	sql_add_literal(&sql, test_str("x'"));
	assert_int_equal(sql.len, 0);
	sql_empty(&sql);
	sql_add(&sql, "x");
	check(&sql, "x");
	sql_free(&sql);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers),     cmocka_unit_test(names),
		cmocka_unit_test(plain_texts), cmocka_unit_test(quotes),
		cmocka_unit_test(zero_bytes),  cmocka_unit_test(characters),
		cmocka_unit_test(replaced),    cmocka_unit_test(long_texts),
		cmocka_unit_test(too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
