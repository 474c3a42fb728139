/*
 * str.h - small helpers for struct parley_str
 */
#ifndef STR_H
#define STR_H

#include <string.h>

#include "parley.h"

static inline bool str_equal(struct parley_str a, struct parley_str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.s, b.s, a.len) == 0);
}

static inline bool str_empty(struct parley_str a)
{
	return a.len == 0;
}

#endif
