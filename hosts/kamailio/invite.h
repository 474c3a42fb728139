/*
 * invite.h - the INVITE's transaction, from any process
 *
 * What:    names the transaction in a number that the engine keeps with the
 *          dialog (host_ref), finds it again, cancels and answers it, and
 *          catches the 2xx that cross.
 * Owns:    the meaning of host_ref.
 * Locking: tm's own. A transaction is referenced while it is in use, and tm's
 *          idea of "the current transaction" is put back afterwards.
 * Always:  never a pointer to a transaction: it is gone when it likes.
 * Why:     RPC commands and timers end calls that other processes have begun.
 */
#ifndef INVITE_H
#define INVITE_H

#include "adapter.h"

/* How many Record-Routes we have put into a branch with these tm flags. */
static inline unsigned int invite_own_routes(unsigned int flags)
{
	return flags & TM_UAC_FLAG_R2 ? 2 : flags & TM_UAC_FLAG_RR ? 1 : 0;
}

/* Keeps @t as the dialog's transaction, once tm has given it its name (not
 * before TMCB_REQUEST_OUT or a reply). @rr_count: Record-Route values that the
 * INVITE came with. */
void invite_remember(const struct cell *t, struct parley_id id,
		     unsigned int rr_count);

/* The same, unless it is known. */
void invite_remember_early(const struct cell *t, struct parley_id id,
			   unsigned int rr_count);

/* A branch was sent. If the call has been ended meanwhile, it is cancelled. */
void invite_sent(struct cell *t, struct parley_id id, unsigned int rr_count);

/* Without tm: keeps how many Record-Routes the INVITE came with, and how many
 * are ours; and facts_reply() with what was kept. */
void invite_routes(struct parley_id id, unsigned int before, unsigned int own);
void invite_read_reply(struct parley_id id, struct sip_msg *rpl,
		       struct parley_event *event);

/* The dialog's transaction has a name. It has none without tm, and when it died
 * with the processes before these. */
bool invite_has_transaction(struct parley_id id);

/* True if the transaction is there and has no final reply yet. */
bool invite_open(struct parley_id id);
/* The same, and the caller has not cancelled it. */
bool invite_waits(struct parley_id id);

/* Makes a transaction for the INVITE @msg that has none yet. 0 or -1. */
int invite_make(struct sip_msg *msg, struct parley_id id);

/* From now on a 2xx to the INVITE is looked for before it is relayed, unless
 * the transaction is gone: then there will be none. */
void invite_expect_crossing(struct parley_id id);

/* CANCEL to each branch; to one without a 1xx after its first one (RFC 3261
 * 9.1). @text: for the Reason header, escaped, without quotes (reason.h), or
 * empty. 0, or -1: the transaction is gone. */
int invite_cancel(struct parley_id id, int code, str text);

/* The final reply, with @header, whole lines, or empty. 0 or -1. */
int invite_reply(struct parley_id id, int code, char *phrase, str header);

/* A reply route has this message in hand and ends the call. If it is the first
 * 2xx to the INVITE it can no longer be kept from the caller: the call counts
 * as answered from now on, not only when tm relays the reply. */
void invite_answered(struct sip_msg *msg, struct parley_id id);

/* The same for a 1xx, too: its leg is there from now on. */
void invite_shown(struct sip_msg *msg, struct parley_id id);

/* mod_init: the hook for replies. 0 or -1. */
int invite_init(void);

#endif
