/*
 * dialog.h - one dialog: creation, texts, state, legs, end
 *
 * What:    the only functions that change a dialog's state, its legs and its
 *          timer. feed.c, terminate.c and expire.c call them.
 * Locking: *_locked and everything that takes a struct dialog that is linked:
 *          its shard's lock is held.
 * Always:  dialog_set_state() is the only writer of dialog->state and keeps
 *          every counter of dialogs.
 */
#ifndef DIALOG_H
#define DIALOG_H

#include "area.h"
#include "fsm.h"

/* Why a dialog ended; selects the counter. */
enum end_cause {
	END_NONE,
	END_BY_CALLER,
	END_BY_CALLEE,
	END_BY_US,
	END_EXPIRED,
	END_EARLY_TIMEOUT,
};

/* The dialog whose field @field, a node of an index or the timer, @part is. */
#define DIALOG_OF(part, field)                                                 \
	((struct dialog *)(void *)((char *)(part)-offsetof(struct dialog,      \
							   field)))

/* Texts of the block, in the order in which they are stored. */
static inline struct parley_str dialog_callid(const struct dialog *dialog)
{
	return (struct parley_str){dialog->bytes, dialog->callid_len};
}
struct parley_str dialog_from_tag(const struct dialog *dialog);
struct parley_str dialog_from_uri(const struct dialog *dialog);
struct parley_str dialog_to_uri(const struct dialog *dialog);
struct parley_str dialog_req_uri(const struct dialog *dialog);

/* Allocates and fills a dialog from an INVITE; it is in no index yet and
 * counted nowhere. NULL: no memory. */
struct dialog *dialog_create(struct parley *engine, struct parley_now now,
			     const struct parley_event *event);
/* Frees a dialog that was never linked. */
void dialog_discard(struct parley *engine, struct dialog *dialog);
/* Draws an h_id within h_id_start and h_id_step: 31 random bits. */
uint32_t dialog_pick_id(const struct parley *engine);
/* Puts it into the indexes, counts it, starts early_timeout. False, and
 * nothing done: another dialog has the identity (once in 2^31). */
PARLEY_MUST_CHECK bool dialog_link_locked(struct parley *engine,
					  struct dialog *dialog,
					  struct parley_now now);

/* The one writer. Runs the entry actions of @state (timers, counters). The
 * memberships of a dialog that ends are detached and must be given up with
 * profile_leave_all() after unlocking: the list is returned. */
PARLEY_MUST_CHECK struct parley_member *
dialog_set_state(struct parley *engine, struct dialog *dialog, uint8_t state,
		 struct parley_now now, enum end_cause cause);

/* Arms the timer for the earliest of the three due times. */
void dialog_arm_locked(struct parley *engine, struct dialog *dialog);
/* When that is, UINT64_MAX: never. */
uint64_t dialog_due(const struct parley *engine, const struct dialog *dialog);
/* Starts the lifetime anew: now + lifetime_s; not if it has raced. */
void dialog_renew_locked(struct parley *engine, struct dialog *dialog,
			 struct parley_now now);

static inline bool dialog_answered(const struct dialog *dialog)
{
	return dialog->state == PARLEY_STATE_ANSWERED ||
	       dialog->state == PARLEY_STATE_CONFIRMED;
}

/* It has been answered when its caller had given up, and is to be ended for
 * that (PARLEY_OPT_END_ON_RACE). */
static inline bool dialog_raced(const struct dialog *dialog)
{
	return dialog->given_up && (dialog->options & PARLEY_OPT_END_ON_RACE) &&
	       dialog->start_s != 0;
}
/* After what may have made it race: sets its last time. */
void dialog_race_locked(struct parley *engine, struct dialog *dialog,
			struct parley_now now);

/* It has ended: from now on it stays for its delay, if it has one. */
void dialog_delay_locked(struct dialog *dialog, struct parley_now now);

/* True when nothing holds an ended dialog any more; sets destroying. The
 * caller calls dialog_destroy() after unlocking. */
PARLEY_MUST_CHECK bool dialog_settle_locked(struct dialog *dialog);

/* ------------------------------------------------ reading (view.c) */

/* Copies the dialog into @buffer; returns how much that needs. Above @size the
 * view is not whole. */
size_t view_locked(const struct dialog *dialog, struct parley_now now,
		   struct parley_view *view, void *buffer, size_t size);

/* ------------------------------------------------ texts */

static inline struct parley_str text_str(const struct text *text)
{
	return (struct parley_str){text->s, text->len};
}
/* Replaces the text unless it is the same. 0 or PARLEY_E_MEMORY (unchanged). */
PARLEY_MUST_CHECK int text_set(struct mem *mem, struct text *text,
			       struct parley_str value);
void text_fini(struct mem *mem, struct text *text);

/* ------------------------------------------------ as others see it (view.c) */

/* The two parties; the texts are the dialog's own. */
struct parley_leg_view dialog_caller(const struct dialog *dialog);
struct parley_leg_view leg_callee(const struct leg *leg);

/* ------------------------------------------------ variables (var.c) */

PARLEY_MUST_CHECK int var_set_locked(struct parley *engine,
				     struct dialog *dialog,
				     struct parley_str key,
				     struct parley_str value);
/* The value; s is NULL if there is no such variable. */
struct parley_str var_text(const struct dialog *dialog, struct parley_str key);
void var_fini(struct parley *engine, struct dialog *dialog);

static inline struct parley_str var_key(const struct variable *var)
{
	return (struct parley_str){var->bytes, var->key_len};
}

static inline struct parley_str var_value(const struct variable *var)
{
	return (struct parley_str){var->bytes + var->key_len, var->value_len};
}

/* ------------------------------------------------ legs (leg.c) */

struct parley_str leg_tag(const struct leg *leg);
struct leg *leg_find(const struct dialog *dialog, struct parley_str tag);
struct leg *leg_find_number(const struct dialog *dialog, uint32_t number);
/* Answered or confirmed. */
static inline bool leg_up(const struct leg *leg)
{
	return leg->state == PARLEY_LEG_ANSWERED ||
	       leg->state == PARLEY_LEG_CONFIRMED;
}
/* Rings, or rang until its BYE. */
static inline bool leg_unanswered(const struct leg *leg)
{
	return leg->state == PARLEY_LEG_EARLY ||
	       (leg->state == PARLEY_LEG_ENDED && leg->branches != 0);
}
/* True if a leg other than @leg is up. */
bool leg_others_up(const struct dialog *dialog, const struct leg *leg);
/* A new early leg from a reply, at the end of the list; for a 2xx an early one
 * goes when there are PARLEY_LEGS_MAX. 0, PARLEY_E_FULL, PARLEY_E_MEMORY, or
 * PARLEY_E_ARGUMENT (no tag, and it is no 2xx). */
PARLEY_MUST_CHECK int leg_add(struct parley *engine, struct dialog *dialog,
			      const struct parley_event *event,
			      struct leg **legp);
/* Takes contact, route set and socket of a reply over. */
PARLEY_MUST_CHECK int leg_refresh(struct parley *engine, struct dialog *dialog,
				  struct leg *leg,
				  const struct parley_event *event);
/* Makes it the first of the list: the dialog's callee. */
void leg_to_front(struct dialog *dialog, struct leg *leg);
/* The callee has answered: what its 2xx says. */
void leg_answered(struct leg *leg, const struct parley_event *event);
/* A branch of the INVITE shows the leg ringing. */
void leg_rings(struct leg *leg, uint8_t branch);
/* True if the branch has failed before: what comes of it now is late. */
bool leg_too_late(const struct dialog *dialog, uint8_t branch);
/* Frees the legs that rang: the losers of a fork, once the INVITE is over. */
void leg_prune(struct parley *engine, struct dialog *dialog);
/* The same for those that another node has no more. */
void leg_prune_others(struct parley *engine, struct dialog *dialog,
		      const struct parley_view *view);
/* The same for those of a branch that has failed; true if there were any. */
bool leg_prune_branch(struct parley *engine, struct dialog *dialog,
		      const struct parley_event *event);
void leg_remove_all(struct parley *engine, struct dialog *dialog);

/* ------------------------------------------------ numbers (cseq.c) */

static inline struct shift *leg_shift(struct leg *leg,
				      enum parley_direction dir)
{
	return dir == PARLEY_DIR_DOWNSTREAM ? &leg->from_caller
					    : &leg->from_callee;
}
static inline struct order *leg_order(struct leg *leg,
				      enum parley_direction dir)
{
	return dir == PARLEY_DIR_DOWNSTREAM ? &leg->order_caller
					    : &leg->order_callee;
}
/* The last number of a request that way. */
static inline uint32_t *leg_last(struct leg *leg, enum parley_direction dir)
{
	return dir == PARLEY_DIR_DOWNSTREAM ? &leg->caller_cseq
					    : &leg->callee_cseq;
}
/* RFC 3261 8.1.1.5: below 2^31. */
enum { CSEQ_MAX = INT32_MAX };
/* The number that the receiver sees. */
static inline uint32_t cseq_raised(uint32_t cseq, uint32_t shift)
{
	uint64_t sum = (uint64_t)cseq + shift;

	return sum < CSEQ_MAX ? (uint32_t)sum : CSEQ_MAX;
}
/* The last number has come from elsewhere: nothing else is known of it. */
void cseq_imported(struct leg *leg, enum parley_direction dir);
/* A request of a party goes that way; @cseq is its own number. */
void cseq_note(struct leg *leg, enum parley_direction dir, bool invite,
	       uint32_t cseq);
/* The leg's callee has seen the initial INVITE: the caller's number and what
 * was added to it. */
void cseq_answer(struct leg *leg, uint32_t cseq, uint32_t added);
/* The number of a request of ours that way. With @raise or track_cseq the
 * party's own are raised from now on. */
uint32_t cseq_take(const struct parley *engine, struct leg *leg,
		   enum parley_direction dir, bool raise);
/* The number of a keep-alive that way: it was used and changes nothing. */
uint32_t cseq_old(struct leg *leg, enum parley_direction dir);

#endif
