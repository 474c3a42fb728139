/*
 * text.h - what is done with texts everywhere
 *
 * What:    whether two texts are the same; a number as text; how much of
 *          one that may be huge a log line repeats.
 * Owns:    nothing.
 * Locking: none.
 * Always:  a text of no length may have no address.
 * Why:     this file knows no server, so that what is fuzzed and tested alone
 *          can use it.
 */
#ifndef TEXT_H
#define TEXT_H

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "parley.h"

static inline bool text_equal(struct parley_str one, struct parley_str other)
{
	return one.len == other.len &&
	       (one.len == 0 || memcmp(one.s, other.s, one.len) == 0);
}

/* The text is this constant. */
static inline bool text_is(struct parley_str text, const char *constant)
{
	return text_equal(text, (struct parley_str){
					constant, (uint32_t)strlen(constant)});
}

/* So much of a text of @len characters goes into a log line. */
static inline int text_shown(int len)
{
	return len < 64 ? len : 64;
}

enum { TEXT_DIGITS = 11 }; /* of a number of 32 bits, with a zero byte */

/* The number as text, in @digits. */
static inline struct parley_str text_number(uint32_t number,
					    char digits[TEXT_DIGITS])
{
	int len = snprintf(digits, TEXT_DIGITS, "%" PRIu32, number);

	return (struct parley_str){digits, (uint32_t)len};
}

#endif
