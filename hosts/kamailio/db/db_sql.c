/*
 * db_sql.c - text of SQL; see db_sql.h
 *
 * SQLite reads '' as a quote and nothing else as special, but a statement ends
 * at a zero byte: a text that has one is written as CAST(X'...' AS TEXT).
 * PostgreSQL reads E'...' in one way however standard_conforming_strings is
 * set. MySQL reads a backslash in two ways (NO_BACKSLASH_ESCAPES), so that such
 * bytes are written as numbers, in pieces of ASCII that take the character set
 * of the pieces beside them.
 */
#include "db_bytes.h"
#include "db_sql.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 4096 };

void sql_empty(struct sql *sql)
{
	sql->len = 0;
	sql->failed = false;
}

void sql_free(struct sql *sql)
{
	free(sql->s);
	sql->s = NULL;
	sql->len = sql->room = 0;
}

/* Where @more characters can be written, or NULL. */
static char *reserve(struct sql *sql, size_t more)
{
	size_t room = sql->room ? sql->room : FIRST_ROOM;
	char *grown;

	if (sql->failed)
		return NULL;
	if (more <= sql->room - sql->len)
		return sql->s + sql->len;
	while (room - sql->len < more)
		room *= 2;
	/* A length is 32 bits wide with the drivers, and signed. */
	grown = room <= INT32_MAX ? realloc(sql->s, room) : NULL;
	if (!grown) {
		sql->failed = true;
		return NULL;
	}
	sql->s = grown;
	sql->room = room;
	return sql->s + sql->len;
}

void sql_add_text(struct sql *sql, struct parley_str text)
{
	char *at = reserve(sql, text.len);

	if (!at || text.len == 0)
		return;
	memcpy(at, text.s, text.len);
	sql->len += text.len;
}

void sql_add(struct sql *sql, const char *constant)
{
	sql_add_text(sql,
		     (struct parley_str){constant, (uint32_t)strlen(constant)});
}

void sql_add_number(struct sql *sql, uint64_t number)
{
	char digits[20];
	uint32_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	sql_add_text(sql, (struct parley_str){digits + at,
					      (uint32_t)sizeof(digits) - at});
}

void sql_cut(struct sql *sql, size_t count)
{
	sql->len -= count < sql->len ? count : sql->len;
}

void sql_add_integer(struct sql *sql, uint32_t number)
{
	if (number <= INT32_MAX || sql->kind == DB_MYSQL) {
		sql_add_number(sql, number);
		return;
	}
	sql_add(sql, "-");
	sql_add_number(sql, (uint64_t)UINT32_MAX + 1 - number);
}

void sql_add_name(struct sql *sql, struct parley_str name)
{
	const char *quote = sql->kind == DB_MYSQL ? "`" : "";

	sql_add(sql, quote);
	sql_add_text(sql, name);
	sql_add(sql, quote);
}

/* ------------------------------------------------ characters */

bool sql_can_hold(enum db_kind kind, struct parley_str text)
{
	if (kind == DB_SQLITE || kind == DB_MYSQL || text.len == 0)
		return true;
	return !memchr(text.s, 0, text.len) &&
	       (kind != DB_POSTGRES || db_is_utf8(text));
}

/* ------------------------------------------------ literals */

static bool is_special(unsigned char byte)
{
	return byte < 0x20 || byte == '\'' || byte == '\\' || byte == 0x7F;
}

/* Nearly every text: neither special characters nor more than ASCII. */
static bool is_simple(struct parley_str text)
{
	for (uint32_t i = 0; i < text.len; i++)
		if (is_special((unsigned char)text.s[i]) || text.s[i] & 0x80)
			return false;
	return true;
}

static char *put_hex(char *at, unsigned char byte)
{
	static const char digits[] = "0123456789ABCDEF";

	*at++ = digits[byte >> 4];
	*at++ = digits[byte & 15];
	return at;
}

static void add_quoted(struct sql *sql, struct parley_str text)
{
	char *at = reserve(sql, text.len + (size_t)2);

	if (!at)
		return;
	*at++ = '\'';
	if (text.len > 0)
		memcpy(at, text.s, text.len);
	at[text.len] = '\'';
	sql->len += text.len + (size_t)2;
}

/* '...' with each quote doubled. */
static void add_doubled(struct sql *sql, struct parley_str text)
{
	char *at = reserve(sql, text.len * (size_t)2 + 2);

	if (!at)
		return;
	*at++ = '\'';
	for (uint32_t i = 0; i < text.len; i++) {
		if (text.s[i] == '\'')
			*at++ = '\'';
		*at++ = text.s[i];
	}
	*at++ = '\'';
	sql->len = (size_t)(at - sql->s);
}

static void add_hex(struct sql *sql, struct parley_str text)
{
	char *at = reserve(sql, text.len * (size_t)2 + 3);

	if (!at)
		return;
	*at++ = 'X';
	*at++ = '\'';
	for (uint32_t i = 0; i < text.len; i++)
		at = put_hex(at, (unsigned char)text.s[i]);
	*at++ = '\'';
	sql->len = (size_t)(at - sql->s);
}

static void add_sqlite(struct sql *sql, struct parley_str text)
{
	if (!memchr(text.s, 0, text.len)) {
		add_doubled(sql, text);
		return;
	}
	sql_add(sql, "CAST(");
	add_hex(sql, text);
	sql_add(sql, " AS TEXT)");
}

static void add_postgres(struct sql *sql, struct parley_str text)
{
	char *at = reserve(sql, text.len * (size_t)2 + 3);

	if (!at)
		return;
	*at++ = 'E';
	*at++ = '\'';
	for (uint32_t i = 0; i < text.len; i++) {
		if (text.s[i] == '\'' || text.s[i] == '\\')
			*at++ = text.s[i];
		*at++ = text.s[i];
	}
	*at++ = '\'';
	sql->len = (size_t)(at - sql->s);
}

/* CONCAT('...',_ascii X'5C27','...') */
static void add_mysql(struct sql *sql, struct parley_str text)
{
	uint32_t at = 0;

	sql_add(sql, "CONCAT(");
	while (at < text.len) {
		bool special = is_special((unsigned char)text.s[at]);
		uint32_t end = at;
		struct parley_str piece;

		while (end < text.len &&
		       is_special((unsigned char)text.s[end]) == special)
			end++;
		piece = (struct parley_str){text.s + at, end - at};
		if (special) {
			sql_add(sql, "_ascii ");
			add_hex(sql, piece);
		} else {
			add_quoted(sql, piece);
		}
		sql_add(sql, ",");
		at = end;
	}
	sql_cut(sql, 1);
	sql_add(sql, ")");
}

static void add_special(struct sql *sql, struct parley_str text)
{
	if (sql->kind == DB_POSTGRES)
		add_postgres(sql, text);
	else if (sql->kind == DB_MYSQL)
		add_mysql(sql, text);
	else
		add_sqlite(sql, text);
}

/* With '?' for each byte that the database might refuse. */
static void add_replaced(struct sql *sql, struct parley_str text)
{
	const unsigned char *s = (const unsigned char *)text.s;
	char *copy = malloc(text.len);
	uint32_t at = 0;

	if (!copy) {
		sql->failed = true;
		return;
	}
	while (at < text.len) {
		uint32_t length = db_utf8_length(s + at, text.len - at);

		if (length == 0 || s[at] == 0 ||
		    (sql->loss == SQL_LOSES_CHARACTERS && length > 1)) {
			copy[at++] = '?';
			continue;
		}
		memcpy(copy + at, s + at, length);
		at += length;
	}
	add_special(sql, (struct parley_str){copy, text.len});
	free(copy);
}

void sql_add_literal(struct sql *sql, struct parley_str text)
{
	if (is_simple(text))
		add_quoted(sql, text);
	else if (sql->loss != SQL_LOSES_NOTHING ||
		 !sql_can_hold(sql->kind, text))
		add_replaced(sql, text);
	else
		add_special(sql, text);
}
