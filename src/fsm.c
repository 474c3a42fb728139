#include "fsm.h"

#define N_FAILED PARLEY_NOTE_FAILED
#define N_EARLY PARLEY_NOTE_EARLY
#define N_ANSWERED PARLEY_NOTE_ANSWERED
#define N_CONFIRMED PARLEY_NOTE_CONFIRMED
#define N_WITHIN PARLEY_NOTE_REQUEST_WITHIN
#define N_TERMINATED PARLEY_NOTE_TERMINATED
#define N_EXPIRED PARLEY_NOTE_EXPIRED
#define N_SPIRALED PARLEY_NOTE_SPIRALED
#define N_BYE_REPLIED PARLEY_NOTE_BYE_REPLIED

/* A cell is one of these; 0 means that nobody has thought about it, and
 * test_fsm.c fails. */
#define TO(state, notes)                                                       \
	{                                                                      \
		PARLEY_STATE_##state, (notes)                                  \
	}
#define BOGUS                                                                  \
	{                                                                      \
		FSM_BOGUS, 0                                                   \
	}

/* clang-format off */
static const struct table_cell table[PARLEY_STATES][T_EVENTS] = {
[PARLEY_STATE_UNCONFIRMED] = {
	[T_REPLY_1XX]     = TO(EARLY, N_EARLY),
	[T_REPLY_2XX]     = TO(ANSWERED, N_ANSWERED),
	[T_REPLY_FAIL]    = TO(DELETED, N_FAILED),
	[T_ACK]           = BOGUS,
	[T_BYE_LAST]      = BOGUS,
	[T_BYE_OTHER]     = BOGUS,
	[T_REQUEST]       = BOGUS,
	[T_CANCEL]        = TO(UNCONFIRMED, 0),
	[T_ABANDON]       = TO(DELETED, N_FAILED),
	[T_TXN_GONE]      = TO(DELETED, N_FAILED),
	[T_BRANCH_FAILED] = TO(UNCONFIRMED, 0),
	[T_SPIRAL]        = TO(UNCONFIRMED, N_SPIRALED),
	[T_TERMINATE]     = TO(UNCONFIRMED, 0), /* our final reply ends it */
	[T_BYE_DONE]      = TO(UNCONFIRMED, 0), /* of a 2xx that crossed */
	[T_BYES_DONE]     = TO(UNCONFIRMED, 0),
	[T_EARLY_TIMEOUT] = TO(DELETED, N_FAILED),
	[T_NOACK_TIMEOUT] = BOGUS,
	[T_ACK_WAIT]      = BOGUS,
	[T_LIFETIME]      = BOGUS,
	[T_LIFETIME_BYE]  = BOGUS,
	[T_END_TIMEOUT]   = BOGUS,
	[T_IMPORT_EARLY] = TO(EARLY, N_EARLY),
	[T_IMPORT_ANSWERED] = TO(ANSWERED, N_ANSWERED),
	[T_IMPORT_CONFIRMED] = BOGUS, /* by way of 3 */
	[T_IMPORT_ENDED] = TO(DELETED, N_FAILED),
	[T_SET_UNCONFIRMED] = TO(UNCONFIRMED, 0),
	[T_SET_EARLY]       = TO(EARLY, 0),
	[T_SET_ANSWERED]    = TO(ANSWERED, 0),
	[T_SET_CONFIRMED]   = BOGUS, /* by way of ANSWERED */
	[T_SET_DELETED]     = TO(DELETED, 0),
},
[PARLEY_STATE_EARLY] = {
	[T_REPLY_1XX]     = TO(EARLY, N_EARLY), /* each one, as stock does */
	[T_REPLY_2XX]     = TO(ANSWERED, N_ANSWERED),
	[T_REPLY_FAIL]    = TO(DELETED, N_FAILED),
	[T_ACK]           = BOGUS,
	[T_BYE_LAST]      = BOGUS,
	[T_BYE_OTHER]     = TO(EARLY, N_WITHIN), /* RFC 3261 15: early leg */
	[T_REQUEST]       = TO(EARLY, N_WITHIN),
	[T_CANCEL]        = TO(EARLY, 0),
	[T_ABANDON]       = TO(DELETED, N_FAILED),
	[T_TXN_GONE]      = TO(DELETED, N_FAILED),
	[T_BRANCH_FAILED] = TO(EARLY, 0),
	[T_SPIRAL]        = TO(EARLY, N_SPIRALED),
	[T_TERMINATE]     = TO(EARLY, 0),
	[T_BYE_DONE]      = TO(EARLY, 0), /* of a 2xx that crossed */
	[T_BYES_DONE]     = TO(EARLY, 0),
	[T_EARLY_TIMEOUT] = TO(DELETED, N_FAILED),
	[T_NOACK_TIMEOUT] = BOGUS,
	[T_ACK_WAIT]      = BOGUS,
	[T_LIFETIME]      = BOGUS,
	[T_LIFETIME_BYE]  = BOGUS,
	[T_END_TIMEOUT]   = BOGUS,
	[T_IMPORT_EARLY] = TO(EARLY, 0),
	[T_IMPORT_ANSWERED] = TO(ANSWERED, N_ANSWERED),
	[T_IMPORT_CONFIRMED] = BOGUS, /* by way of 3 */
	[T_IMPORT_ENDED] = TO(DELETED, N_FAILED),
	[T_SET_UNCONFIRMED] = TO(UNCONFIRMED, 0),
	[T_SET_EARLY]       = TO(EARLY, 0),
	[T_SET_ANSWERED]    = TO(ANSWERED, 0),
	[T_SET_CONFIRMED]   = BOGUS, /* by way of ANSWERED */
	[T_SET_DELETED]     = TO(DELETED, 0),
},
[PARLEY_STATE_ANSWERED] = {
	[T_REPLY_1XX]     = TO(ANSWERED, 0), /* late, of another branch */
	[T_REPLY_2XX]     = TO(ANSWERED, 0), /* again, or another leg */
	[T_REPLY_FAIL]    = TO(ANSWERED, 0), /* late, of another branch */
	[T_ACK]           = TO(CONFIRMED, N_CONFIRMED),
	[T_BYE_LAST]      = TO(DELETED, N_TERMINATED),
	[T_BYE_OTHER]     = TO(ANSWERED, N_WITHIN),
	[T_REQUEST]       = TO(ANSWERED, N_WITHIN),
	[T_CANCEL]        = TO(ANSWERED, 0), /* too late, RFC 3261 9.1 */
	[T_ABANDON]       = BOGUS,
	[T_TXN_GONE]      = TO(ANSWERED, 0),
	[T_BRANCH_FAILED] = TO(ANSWERED, 0),
	[T_SPIRAL]        = TO(ANSWERED, N_SPIRALED),
	[T_TERMINATE]     = TO(ANSWERED, 0),
	[T_BYE_DONE]      = TO(ANSWERED, 0),
	[T_BYES_DONE]     = TO(DELETED, N_TERMINATED | N_BYE_REPLIED),
	[T_EARLY_TIMEOUT] = BOGUS,
	[T_NOACK_TIMEOUT] = TO(ANSWERED, 0),
	[T_ACK_WAIT]      = TO(ANSWERED, 0),
	[T_LIFETIME]      = TO(DELETED, N_EXPIRED),
	[T_LIFETIME_BYE]  = TO(ANSWERED, 0),
	[T_END_TIMEOUT]   = BOGUS,
	[T_IMPORT_EARLY] = TO(ANSWERED, 0),
	[T_IMPORT_ANSWERED] = TO(ANSWERED, 0),
	[T_IMPORT_CONFIRMED] = TO(CONFIRMED, N_CONFIRMED),
	[T_IMPORT_ENDED] = TO(DELETED, N_TERMINATED | N_BYE_REPLIED),
	[T_SET_UNCONFIRMED] = BOGUS, /* nobody takes an answer back */
	[T_SET_EARLY]       = BOGUS,
	[T_SET_ANSWERED]    = TO(ANSWERED, 0),
	[T_SET_CONFIRMED]   = TO(CONFIRMED, 0),
	[T_SET_DELETED]     = TO(DELETED, 0),
},
[PARLEY_STATE_CONFIRMED] = {
	[T_REPLY_1XX]     = TO(CONFIRMED, 0),
	[T_REPLY_2XX]     = TO(CONFIRMED, 0),
	[T_REPLY_FAIL]    = TO(CONFIRMED, 0),
	[T_ACK]           = TO(CONFIRMED, N_WITHIN), /* of a re-INVITE */
	[T_BYE_LAST]      = TO(DELETED, N_TERMINATED),
	[T_BYE_OTHER]     = TO(CONFIRMED, N_WITHIN),
	[T_REQUEST]       = TO(CONFIRMED, N_WITHIN),
	[T_CANCEL]        = TO(CONFIRMED, 0),
	[T_ABANDON]       = BOGUS,
	[T_TXN_GONE]      = TO(CONFIRMED, 0),
	[T_BRANCH_FAILED] = TO(CONFIRMED, 0),
	[T_SPIRAL]        = TO(CONFIRMED, N_SPIRALED),
	[T_TERMINATE]     = TO(CONFIRMED, 0), /* ends with our last BYE */
	[T_BYE_DONE]      = TO(CONFIRMED, 0),
	[T_BYES_DONE]     = TO(DELETED, N_TERMINATED | N_BYE_REPLIED),
	[T_EARLY_TIMEOUT] = BOGUS,
	[T_NOACK_TIMEOUT] = BOGUS,
	[T_ACK_WAIT]      = TO(CONFIRMED, 0), /* a second leg's */
	[T_LIFETIME]      = TO(DELETED, N_EXPIRED),
	[T_LIFETIME_BYE]  = TO(CONFIRMED, 0),
	[T_END_TIMEOUT]   = BOGUS,
	[T_IMPORT_EARLY] = TO(CONFIRMED, 0),
	[T_IMPORT_ANSWERED] = TO(CONFIRMED, 0),
	[T_IMPORT_CONFIRMED] = TO(CONFIRMED, 0),
	[T_IMPORT_ENDED] = TO(DELETED, N_TERMINATED | N_BYE_REPLIED),
	[T_SET_UNCONFIRMED] = BOGUS,
	[T_SET_EARLY]       = BOGUS,
	[T_SET_ANSWERED]    = TO(ANSWERED, 0),
	[T_SET_CONFIRMED]   = TO(CONFIRMED, 0),
	[T_SET_DELETED]     = TO(DELETED, 0),
},
[PARLEY_STATE_DELETED] = {
	[T_REPLY_1XX]     = TO(DELETED, 0),
	[T_REPLY_2XX]     = TO(DELETED, 0), /* ACK and BYE if we ended it */
	[T_REPLY_FAIL]    = TO(DELETED, 0),
	[T_ACK]           = TO(DELETED, 0),
	[T_BYE_LAST]      = TO(DELETED, 0),
	[T_BYE_OTHER]     = TO(DELETED, 0), /* crossed ours, or again */
	[T_REQUEST]       = TO(DELETED, 0),
	[T_CANCEL]        = TO(DELETED, 0),
	[T_ABANDON]       = TO(DELETED, 0),
	[T_TXN_GONE]      = TO(DELETED, 0),
	[T_BRANCH_FAILED] = TO(DELETED, 0),
	[T_SPIRAL]        = BOGUS,
	[T_TERMINATE]     = BOGUS,
	[T_BYE_DONE]      = TO(DELETED, 0),
	[T_BYES_DONE]     = TO(DELETED, 0),
	[T_EARLY_TIMEOUT] = BOGUS,
	[T_NOACK_TIMEOUT] = BOGUS,
	[T_ACK_WAIT]      = BOGUS,
	[T_LIFETIME]      = BOGUS,
	[T_LIFETIME_BYE]  = BOGUS,
	[T_END_TIMEOUT]   = TO(DELETED, 0),
	[T_IMPORT_EARLY] = TO(DELETED, 0),
	[T_IMPORT_ANSWERED] = TO(DELETED, 0),
	[T_IMPORT_CONFIRMED] = TO(DELETED, 0),
	[T_IMPORT_ENDED] = TO(DELETED, 0),
	[T_SET_UNCONFIRMED] = BOGUS,
	[T_SET_EARLY]       = BOGUS,
	[T_SET_ANSWERED]    = BOGUS,
	[T_SET_CONFIRMED]   = BOGUS,
	[T_SET_DELETED]     = TO(DELETED, 0),
},
};

static const char *const event_names[T_EVENTS] = {
	[T_REPLY_1XX] = "REPLY_1XX",
	[T_REPLY_2XX] = "REPLY_2XX",
	[T_REPLY_FAIL] = "REPLY_FAIL",
	[T_ACK] = "ACK",
	[T_BYE_LAST] = "BYE_LAST",
	[T_BYE_OTHER] = "BYE_OTHER",
	[T_REQUEST] = "REQUEST",
	[T_CANCEL] = "CANCEL",
	[T_ABANDON] = "ABANDON",
	[T_TXN_GONE] = "TXN_GONE",
	[T_BRANCH_FAILED] = "BRANCH_FAILED",
	[T_SPIRAL] = "SPIRAL",
	[T_TERMINATE] = "TERMINATE",
	[T_BYE_DONE] = "BYE_DONE",
	[T_BYES_DONE] = "BYES_DONE",
	[T_EARLY_TIMEOUT] = "EARLY_TIMEOUT",
	[T_NOACK_TIMEOUT] = "NOACK_TIMEOUT",
	[T_ACK_WAIT] = "ACK_WAIT",
	[T_LIFETIME] = "LIFETIME",
	[T_LIFETIME_BYE] = "LIFETIME_BYE",
	[T_END_TIMEOUT] = "END_TIMEOUT",
	[T_IMPORT_EARLY] = "IMPORT_EARLY",
	[T_IMPORT_ANSWERED] = "IMPORT_ANSWERED",
	[T_IMPORT_CONFIRMED] = "IMPORT_CONFIRMED",
	[T_IMPORT_ENDED] = "IMPORT_ENDED",
	[T_SET_UNCONFIRMED] = "SET_UNCONFIRMED",
	[T_SET_EARLY] = "SET_EARLY",
	[T_SET_ANSWERED] = "SET_ANSWERED",
	[T_SET_CONFIRMED] = "SET_CONFIRMED",
	[T_SET_DELETED] = "SET_DELETED",
};
/* clang-format on */

const struct table_cell *fsm_cell(uint8_t state, enum table_event event)
{
	return &table[state][event];
}

int parley_table_events(void)
{
	return T_EVENTS;
}

const char *parley_table_event_name(int event)
{
	if (event < 0 || event >= T_EVENTS)
		return NULL;
	return event_names[event];
}

int parley_table_next(int state, int event)
{
	if (state < PARLEY_STATE_UNCONFIRMED || state >= PARLEY_STATES ||
	    event < 0 || event >= T_EVENTS)
		return -1;
	if (table[state][event].next == FSM_BOGUS)
		return -1;
	return table[state][event].next;
}
