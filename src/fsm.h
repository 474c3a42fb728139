/*
 * fsm.h - the transition table of a dialog
 *
 * What:    what each event means in each state: the next state and what
 *          subscribers are told. Pure data; feed.c, terminate.c and expire.c
 *          turn messages and timers into these events beforehand, so that no
 *          special case hides behind the table.
 * Always:  every cell is filled (test_fsm.c).
 *
 *            REPLY_1XX        REPLY_2XX          ACK
 *   1 UNCONFIRMED -> 2 EARLY -> 3 ANSWERED -> 4 CONFIRMED
 *        |             |          |              |   BYE_LAST, BYES_DONE,
 *        +-------------+----------+--------------+-> LIFETIME
 *          REPLY_FAIL, EARLY_TIMEOUT,     5 DELETED -> END_TIMEOUT: freed
 *          TXN_GONE, ABANDON
 */
#ifndef FSM_H
#define FSM_H

#include "parley.h"

enum table_event {
	T_REPLY_1XX,
	T_REPLY_2XX,
	T_REPLY_FAIL,
	T_ACK,
	T_BYE_LAST,  /* after it no leg is up */
	T_BYE_OTHER, /* of an early leg, or another leg stays up */
	T_REQUEST,   /* any other in-dialog request */
	T_CANCEL,
	T_ABANDON,	 /* no transaction was made */
	T_TXN_GONE,	 /* the INVITE's transaction is gone */
	T_BRANCH_FAILED, /* another one may answer */
	T_SPIRAL,
	T_TERMINATE,
	T_BYE_DONE,  /* one of our BYEs, others remain */
	T_BYES_DONE, /* the last of our BYEs */
	T_EARLY_TIMEOUT,
	T_NOACK_TIMEOUT,
	T_ACK_WAIT, /* the 2xx has been retransmitted out (RFC 3261 15) */
	T_LIFETIME,
	T_LIFETIME_BYE, /* the same, with BYE on timeout */
	T_END_TIMEOUT,
	/* An image says that the call has got so far (image.c). */
	T_IMPORT_EARLY,
	T_IMPORT_ANSWERED,
	T_IMPORT_CONFIRMED,
	T_IMPORT_ENDED,
	T_SET_UNCONFIRMED, /* by decree (force.c): nobody is told */
	T_SET_EARLY,
	T_SET_ANSWERED,
	T_SET_CONFIRMED,
	T_SET_DELETED,
	T_EVENTS
};

struct table_cell {
	uint8_t next; /* state, or FSM_BOGUS */
	uint32_t notes;
};

enum { FSM_BOGUS = 0xff };

/* @state is 1 to 5. */
const struct table_cell *fsm_cell(uint8_t state, enum table_event event);

#endif
