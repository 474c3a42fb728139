/*
 * calls.h - requests within a call that a script asks for
 *
 * What:    any request to a party of a call, a REFER with the BYE that follows
 *          it, and the address of the other party as Request-URI.
 * Owns:    nothing; the dialog is named by its id until the reply is there.
 * Locking: none.
 * Always:  a request that is refused, not answered or not sent leaves the call
 *          as it is.
 * Why:     kamailio.cfg and KEMI ask for the same, functions_calls.c brings it.
 */
#ifndef CALLS_H
#define CALLS_H

#include "adapter.h"

/* All of these return what the script gets: 1 true, -1 false and a log line
 * that says why. */

struct calls_request {
	enum parley_side side;
	str method;
	str headers;		/* whole lines, or empty */
	str content_type, body; /* both, or both empty */
	bool own_number; /* those of the other party are raised from now on */
};

/* To the parties of the current call that are named. True if each was sent. */
int calls_request(struct sip_msg *msg, const struct calls_request *request);

/* To one party, with a number of its own whatever track_cseq_updates says; a
 * PRACK to the callee acknowledges the reply in hand. True if it was sent. */
int calls_sequential(struct sip_msg *msg, const struct calls_request *wanted);

/* REFER to one party; if it accepts (2xx) that party gets a BYE. */
int calls_refer(struct sip_msg *msg, enum parley_side side, const str *address);
int calls_refer_id(struct parley_id id, enum parley_side side,
		   const str *address);
/* The first call with this Call-ID that has not ended. */
int calls_refer_callid(const str *callid, enum parley_side side,
		       const str *address);

/* A call with this Call-ID: one that has not ended if there is one, else, but
 * not with @active_only, one that has. False: none. */
bool calls_find(const str *callid, bool active_only, struct parley_id *idp);
/* It is there and has not ended. */
bool calls_is_active(struct parley_id id);

/* The Request-URI becomes the contact of the party that the message goes to. */
int calls_set_ruri(struct sip_msg *msg);

#endif
