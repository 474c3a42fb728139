/*
 * db_bytes.h - bytes that are no UTF-8, in a database that holds nothing else
 *
 * What:    whether a text is UTF-8; an image (dialog_more) with all others as
 *          escapes, and back; whether a column may have been such a text.
 * Owns:    what it makes is the arena's.
 * Locking: none.
 * Why:     SIP allows any byte in a Call-ID's quotes, display names and header
 *          fields of scripts. PostgreSQL and MySQL refuse some, '?' is stored
 *          in their columns, and only the image can say what was meant. JSON
 *          has no bytes, so byte XX is the escape \udcXX, one half of a pair of
 *          UTF-16: nothing else writes that, and nothing else is lost by it.
 */
#ifndef DB_BYTES_H
#define DB_BYTES_H

#include "db_tables.h"

/* How many bytes the character at @s has, as UTF-8 (RFC 3629 4); 0: it is none.
 * @left: of the text, at least 1. */
uint32_t db_utf8_length(const unsigned char *s, uint32_t left);
bool db_is_utf8(struct parley_str text);

/* @json with escapes, or itself if it needs none; NULL: no memory. */
char *db_bytes_hide(struct db_arena *arena, char *json);
/* The other way, in place. Escapes that are none of these stay. */
void db_bytes_show(char *json);

/* @stored is @text, perhaps with '?' in place of bytes that are no ASCII. */
bool db_bytes_match(struct parley_str stored, struct parley_str text);

#endif
