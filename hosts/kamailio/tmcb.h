/*
 * tmcb.h - what a transaction callback carries
 *
 * What:    packs a dialog's id and a few facts into the pointer that tm keeps
 *          for a callback, and finds it again in a transaction.
 * Owns:    nothing: the value is the pointer, there is no block behind it.
 * Locking: a value is changed by one process at a time: by the script that
 *          relays the request, or by tm when it has the reply.
 * Always:  unpacking gives what was packed.
 * Why:     an allocation for eight bytes would cost as much as the whole
 *          engine does for a message.
 */
#ifndef TMCB_H
#define TMCB_H

#include "adapter.h"

/* 24 bits of h_entry, 31 of h_id, 9 bits for the callback. */
enum {
	TMCB_ID_BITS = 31,
	TMCB_ENTRY_BITS = 24,
	TMCB_BITS_SHIFT = TMCB_ID_BITS + TMCB_ENTRY_BITS,
	TMCB_BITS_MAX = (1 << 9) - 1,
};
_Static_assert(PARLEY_HASH_SIZE_MAX <= 1 << TMCB_ENTRY_BITS,
	       "h_entry must fit");
_Static_assert(sizeof(void *) == sizeof(uint64_t), "64 bits are packed");

static inline void *tmcb_pack(struct parley_id id, unsigned int bits)
{
	return (void *)(uintptr_t)((uint64_t)bits << TMCB_BITS_SHIFT |
				   (uint64_t)id.entry << TMCB_ID_BITS | id.id);
}

static inline struct parley_id tmcb_id(const void *param)
{
	uint64_t value = (uint64_t)(uintptr_t)param;

	return (struct parley_id){
		.entry = (uint32_t)(value >> TMCB_ID_BITS) &
			 ((1u << TMCB_ENTRY_BITS) - 1),
		.id = (uint32_t)value & ((1u << TMCB_ID_BITS) - 1),
	};
}

static inline unsigned int tmcb_bits(const void *param)
{
	return (unsigned int)((uint64_t)(uintptr_t)param >> TMCB_BITS_SHIFT);
}

/* Where @t keeps the parameter of the callback @function, or NULL. */
static inline void **tmcb_find(struct cell *t, transaction_cb *function)
{
	struct tm_callback *entry =
		(struct tm_callback *)(uintptr_t)t->tmcb_hl.first;

	for (; entry; entry = entry->next)
		if (entry->callback == function)
			return &entry->param;
	return NULL;
}

/* The callbacks. on_invite (sip_in.c): of an initial INVITE; bits: how many
 * Record-Routes it came with. on_within (sip_within.c): of an in-dialog
 * request; bits: WITHIN_. */
void on_invite(struct cell *t, int type, struct tmcb_params *params);
void on_within(struct cell *t, int type, struct tmcb_params *params);
/* On a request that validate_dialog() has refused; the parameter is what it has
 * said, as a number above 0, or 0 if that was repaired. It does nothing. */
void on_refused(struct cell *t, int type, struct tmcb_params *params);

#define WITHIN_UPSTREAM (1u << 0)  /* from the callee */
#define WITHIN_COMMITTED (1u << 1) /* fed to the engine */
#define WITHIN_DROPPED (1u << 2)   /* refused by the proxy itself */
#define WITHIN_HELD (1u << 3)	   /* RELEASE is owed */
#define WITHIN_ANSWERED (1u << 4)  /* the reply was there before the commit */

/* True if @t is the transaction that was made for @msg, and not that of an
 * earlier copy which @msg repeats. */
static inline bool tmcb_is_of(const struct cell *t, const struct sip_msg *msg)
{
	const struct sip_msg *request = t->uas.request;

	/* A message that tm rebuilds for a failure or resumed route has the
	 * request's number less one. */
	return request && request->pid == msg->pid &&
	       (request->id == msg->id || request->id == msg->id + 1);
}

#endif
