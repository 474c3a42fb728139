/*
 * compat.h - Kamailio's headers, and what differs between its versions
 *
 * What:    the host headers that most files of the adapter need, in an order
 *          in which they compile, and one name for whatever has another name
 *          or another type in 6.0 and 6.1.
 * Owns:    nothing.
 * Always:  no other file of the adapter looks at Kamailio's version.
 * Why:     a new version of the host is then a change of one file.
 */
#ifndef COMPAT_H
#define COMPAT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "core/sr_module.h"
#include "core/dprint.h"
#include "core/error.h"
#include "core/mem/mem.h"
#include "core/mem/shm_mem.h"
#include "core/parser/msg_parser.h"
#include "core/parser/parse_cseq.h"
#include "core/parser/parse_from.h"
#include "core/parser/parse_to.h"
#include "core/pvar.h"
#include "core/rpc.h"
#include "core/rpc_lookup.h"
#include "core/str.h"
#include "modules/rr/api.h"
#include "modules/sl/sl.h"
#include "modules/tm/tm_load.h"

/* Kamailio's log macros are GNU C: LM_ERR("text") leaves "..." empty. */
#ifdef __clang__
#pragma clang diagnostic ignored "-Wgnu-zero-variadic-macro-arguments"
#endif

/* Since 6.0 an AVP and a variable hold a long, before an int. */
#if VERSIONVAL >= 6000000
typedef long compat_int;
#else
typedef int compat_int;
#endif

/* The transaction that tm has for the message in hand, or NULL; tm itself
 * tells "none" and "not looked for yet" apart. */
static inline struct cell *compat_transaction(const struct tm_binds *tm)
{
	struct cell *t = tm->t_gett();
	return t == T_UNDEFINED ? NULL : t;
}

/* dmq tells a peer which node it has reached since 6.0. */
#if VERSIONVAL >= 6000000
#define compat_dmq_joined_args struct dmq_node *unused
#else
#define compat_dmq_joined_args void
#endif

/* tm keeps the To-tag of each 2xx, in two allocations, for whoever wants to
 * hear of it when it is ready. @ours has heard of it before: unless there are
 * others, tm is told that nobody does. tm's reply lock is held. */
static inline void compat_ready_is_known(struct cell *t, transaction_cb *ours)
{
	const int wanting = TMCB_RESPONSE_READY | TMCB_RESPONSE_OUT |
			    TMCB_E2EACK_IN | TMCB_E2EACK_RETR_IN;
	const struct tm_callback *entry =
		(const struct tm_callback *)(uintptr_t)t->tmcb_hl.first;

	for (; entry; entry = entry->next)
		if (entry->callback != ours && (entry->types & wanting))
			return;
	t->tmcb_hl.reg_types &= ~TMCB_RESPONSE_READY;
}

/* Whether @ours, registered for it, is shown each reply before tm decides what
 * becomes of it. That costs something for every reply, so a call that cannot
 * lose a branch does without, unless others want it. No lock is held. */
static inline void compat_show_replies(struct cell *t, transaction_cb *ours,
				       bool show)
{
	const struct tm_callback *entry =
		(const struct tm_callback *)(uintptr_t)t->tmcb_hl.first;

	for (; entry && !show; entry = entry->next)
		if (entry->callback != ours &&
		    (entry->types & TMCB_RESPONSE_IN))
			return;
	if (show)
		__atomic_or_fetch(&t->tmcb_hl.reg_types, TMCB_RESPONSE_IN,
				  __ATOMIC_RELAXED);
	else
		__atomic_and_fetch(&t->tmcb_hl.reg_types, ~TMCB_RESPONSE_IN,
				   __ATOMIC_RELAXED);
}

#endif
