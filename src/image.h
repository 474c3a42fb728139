/*
 * image.h - may this image be taken?
 *
 * What:    looks at an image before anything is done with it.
 * Owns:    nothing.
 * Locking: none.
 * Always:  what has passed can be imported without another look at its fields.
 */
#ifndef IMAGE_H
#define IMAGE_H

#include "step.h"

/* Out of a database or the journal, not from another node. */
static inline bool image_from_store(const struct parley_image *image)
{
	return image->stored || image->record != 0;
}

/* False: a field is outside what is allowed. */
bool image_fits(struct parley *engine, const struct parley_image *image);

/* The h_entry that this Call-ID has with a hash_size below the number of
 * shards, and not here. */
bool image_entry_is_small(const struct parley *engine, uint32_t entry,
			  struct parley_str callid);

/* The dialog was made when hash_size was below the number of shards: by its
 * identity nobody would find it where its Call-ID leads to. It gets a new one.
 */
bool image_is_of_small_hash(const struct parley *engine,
			    const struct parley_image *image);

#endif
