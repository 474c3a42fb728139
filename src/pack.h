/*
 * pack.h - copies behind one another into a caller's buffer
 *
 * What:    fills a buffer from the front, and goes on counting when it is full,
 *          so that one pass tells how much is needed.
 * Owns:    nothing. Arrays come first: a buffer is aligned, what follows a text
 *          is not.
 */
#ifndef PACK_H
#define PACK_H

#include "str.h"

struct packer {
	char *buffer;
	size_t size;
	size_t used; /* what is needed; above size: it did not fit */
};

/* NULL: nothing was asked for, or it does not fit. */
static inline void *pack_space(struct packer *packer, size_t size)
{
	size_t at = packer->used;

	packer->used += size;
	return size > 0 && packer->used <= packer->size ? packer->buffer + at
							: NULL;
}

static inline struct parley_str pack_text(struct packer *packer,
					  struct parley_str text)
{
	char *copy = pack_space(packer, text.len);

	if (copy != NULL)
		memcpy(copy, text.s, text.len);
	return (struct parley_str){copy, text.len};
}

#endif
