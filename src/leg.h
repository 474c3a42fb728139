/*
 * leg.h - private layout: a callee of a dialog
 *
 * What:    the struct of a leg, and of what the caller has as well.
 * Owns:    a leg is one block; texts that were replaced are blocks of their
 * own. Locking: the lock of the dialog's shard. Always:  what is known of
 * numbers is in cseq.c, of legs in leg.c. Why:     a call has one at least, so
 * a byte here is a byte for each call.
 */
#ifndef LEG_H
#define LEG_H

#include "parley.h"

/* A text that may be replaced during the dialog's life. */
struct text {
	char *s; /* inside the owner's block, or a block of its own */
	uint16_t len;
	bool own; /* a block of its own */
};

/* What is added to the numbers of one party's requests on a leg. */
struct shift {
	uint32_t next;	 /* to those to come */
	uint32_t invite; /* to its last INVITE */
};

/* How the last number that goes one way came about; see validate.c. */
struct order {
	uint8_t ours;  /* so many up to it are the proxy's own, and were not
			* added to the party's */
	uint8_t since; /* so far back is the party's last INVITE, or: */
};
enum { SINCE_UNKNOWN = 254, SINCE_NEVER = 255 };

/* How a party answers pings (ping.c). */
struct pinged {
	unsigned char lost : 7;	 /* in a row */
	unsigned char asked : 1; /* the answer is still to come */
};

/* A search reads the end of the struct and the tag behind it: with 300,000
 * calls it is the memory that takes the time, so these lie together. */
struct leg {
	uint32_t size; /* of this block */
	/* Numbers are those that the receiver has seen; see cseq.c. */
	uint32_t callee_cseq; /* last CSeq from the callee, 0: none yet */
	uint32_t caller_cseq; /* last CSeq from the caller on this leg */
	uint32_t invite_cseq; /* of the INVITE that the last 2xx answers */
	uint32_t branches; /* bit per branch that has shown it ringing and may
			    * still answer; 0: it has answered, or unknown */
	union {
		struct { /* once it is up: failed keep-alives in a row */
			uint16_t caller_lost, callee_lost;
		};
		uint32_t rseq; /* while it rings: prack.c; 0: none yet */
	};
	struct text contact, route_set;
	void *socket;

	struct leg *next;
	struct shift from_caller, from_callee;
	uint32_t number; /* names it, from 1; the caller is 0 */
	uint16_t tag_len;
	uint8_t state; /* enum parley_leg_state */
	struct order order_caller, order_callee;
	/* A BYE of ours towards it was asked for. */
	bool bye_caller : 1, bye_callee : 1;
	bool bye_wait : 1; /* BYE to the caller waits for the ACK */
	bool assumed : 1;  /* answered by decree, its 2xx was not seen */
	bool same_tag : 1; /* as the caller's: who sends what is not known */
	bool brief : 1;	   /* this block is out of engine->brief */
	uint8_t byes;	   /* of ours, not yet done */
	struct pinged caller_pinged, callee_pinged;
	char bytes[]; /* tag, contact, route set */
};

#endif
