/*
 * said.h - what the parties say in offers and answers, for re-INVITE pings
 *
 * What:    of calls with a reinvite-ping option: when a 2xx to an INVITE,
 *          UPDATE or PRACK has been relayed, the SDP and the contacts of both,
 *          as the receivers have got them (RTP proxies and NAT helpers change
 *          them on their way); of an ACK that answers an offer, its SDP.
 * Owns:    nothing; parley_agreed() keeps it.
 * Locking: tm's reply lock of the transaction is held in the callback.
 * Always:  what was refused is not looked at, so that nothing has to be taken
 *          back. Other calls have no callback.
 * Why:     a re-INVITE that says anything else than what was agreed on would
 *          change the call.
 */
#ifndef SAID_H
#define SAID_H

#include "adapter.h"

static inline bool said_wanted(uint32_t options)
{
	return (options &
		(PARLEY_OPT_REINVITE_CALLER | PARLEY_OPT_REINVITE_CALLEE)) != 0;
}

/* The initial INVITE in hand, whose transaction is @t or NULL. Without memory
 * the pings are OPTIONS, and a line tells so. */
void said_watch_invite(struct sip_msg *msg, struct cell *t,
		       struct parley_id id);
/* A request within a call for which parley_match has `said`. */
void said_watch_within(struct sip_msg *msg, const struct parley_match *match);
/* The same for an ACK, when the script is over. */
void said_ack(struct sip_msg *msg, const struct parley_match *match);

#endif
