/*
 * area.h - the host's part of a dialog, and what may be read of it unlocked
 *
 * What:    at the end of a dialog's block, if parley_set_area() asked for it:
 *          bytes of the host, pins, and what must not be freed before the
 *          dialog because it was shown. Bytes of the host behind each leg.
 * Owns:    texts that were replaced, legs that are gone.
 * Locking: the lock of the dialog's shard.
 * Always:  a dialog without area behaves as if this file were not there.
 * Why:     modules on top of a host read their struct of a dialog in any
 *          process, without a lock.
 */
#ifndef AREA_H
#define AREA_H

#include <string.h>

#include "engine.h"

/* A text that was shown to the host and may be read by others (area.c). */
struct kept {
	struct kept *next;
	uint32_t size; /* of bytes */
	char bytes[];
};

/* At the end of a dialog's block, if the host wants an area of its own. */
struct area {
	struct kept *kept; /* newest first */
	struct leg *legs;  /* which the dialog has no more */
	uint32_t kept_count;
	uint16_t pins;
	bool pins_warned; /* the end timeout has passed once */
	_Alignas(8) char host[];
};

/* NULL: the dialog has none. */
static inline struct area *area_of(const struct dialog *dialog)
{
	if (dialog->area_len == 0)
		return NULL;
	return (struct area *)(void *)((char *)(uintptr_t)dialog +
				       dialog->size - dialog->area_len);
}
/* Lets the host write what there is to see. Returns the host's part, NULL if
 * there is none. The shard lock is held. */
void *area_show_locked(struct parley *engine, const struct dialog *dialog);
/* The dialog had a leg of this tag, which was shown and is gone. */
bool area_had_leg(const struct dialog *dialog, struct parley_str tag);
/* The host's part of a leg stands behind its texts, if parley_set_leg_area()
 * asked for it: the size of a block of @size bytes with it, and its start. */
static inline size_t area_leg_size(const struct parley *engine, size_t size)
{
	if (engine->leg_area_len == 0)
		return size;
	return (size + 7) / 8 * 8 + engine->leg_area_len;
}
static inline void *area_of_leg(const struct parley *engine,
				const struct leg *leg)
{
	if (engine->leg_area_len == 0)
		return NULL;
	return (char *)(uintptr_t)leg + leg->size - engine->leg_area_len;
}
static inline void area_leg_init(const struct parley *engine, struct leg *leg)
{
	if (engine->leg_area_len > 0)
		memset(area_of_leg(engine, leg), 0, engine->leg_area_len);
}
/* Replaces a text that may have been shown: the old one stays. 0 or
 * PARLEY_E_MEMORY, PARLEY_E_ARGUMENT (unchanged). */
PARLEY_MUST_CHECK int area_text_set(struct parley *engine,
				    struct dialog *dialog, struct text *text,
				    struct parley_str value);
/* Frees what was kept. Nobody can have a pointer any more. */
void area_fini(struct parley *engine, struct dialog *dialog);
static inline uint32_t area_pins(const struct dialog *dialog)
{
	const struct area *area = area_of(dialog);
	return area == NULL ? 0 : area->pins;
}
/* The end timeout has come: true if pins ask for a little more time. After
 * that there are none. */
PARLEY_MUST_CHECK bool area_expire_pins(struct dialog *dialog);

#endif
