/*
 * ua.h - the parties: a caller, and callees that may sit behind forks
 *
 * What:    RFC 3261 in small: INVITE with several early and confirmed dialogs,
 *          CANCEL and 487, 2xx sent again until the ACK comes, BYE, PRACK,
 *          UPDATE, re-INVITE, other requests, CSeq numbers and tags. A call's
 *          plan, drawn from the seed, says who does what and when.
 * Always:  a party accepts a BYE whatever its CSeq; that the CSeq is right is
 *          checked where the proxy sends it.
 */
#ifndef SIM_UA_H
#define SIM_UA_H

#include "net.h"

enum ua_state {
	UA_IDLE,
	UA_RINGING, /* callee: INVITE is there; caller: early dialog */
	UA_UP,	    /* 2xx sent or received */
	UA_OVER,
};

/* What ua_timer() is asked to do. */
enum ua_act {
	ACT_CALL = 1,
	ACT_CANCEL,
	ACT_RING,
	ACT_ANSWER,
	ACT_REJECT,
	ACT_REPEAT, /* the final reply, until the ACK */
	ACT_REQUEST,
	ACT_HANGUP,
	ACT_ADVANCED, /* a request in an early dialog: PRACK, UPDATE */
};

enum { SEEN_MAX = 24 };

/* A server transaction: the reply that a repeated request gets. */
struct seen {
	uint32_t branch;
	enum method method;
	struct msg reply;
};

/* A party's view of one dialog. The caller has one per callee. */
struct side {
	enum ua_state state;
	uint32_t local_cseq;
	uint32_t remote_cseq;
	bool acked;
	bool said_bye;
};

struct party {
	struct side side;  /* callees only */
	struct msg invite; /* callees: as received */
	struct msg final;  /* callees: the last final reply to it */
	uint32_t repeat_ms;
	uint64_t final_ms;
	bool final_acked;
	uint32_t contact; /* version */
	struct seen seen[SEEN_MAX];
	uint32_t seen_next;
};

/* How a callee behaves. */
struct callee_plan {
	uint32_t ring_ms, answer_ms; /* after the INVITE */
	uint16_t code;		     /* final: 200, 486, ..., 0: rings on */
	uint32_t rings;		     /* how many 18x */
	bool early_bye;		     /* BYE before the ACK */
	bool bare;		     /* 180 without To-tag */
};

struct call_plan {
	uint32_t branches;
	uint32_t behind[CALLEES_MAX]; /* callee -> branch */
	uint32_t cancel_ms;	      /* 0: never */
	uint32_t hangup_ms;	      /* after the answer; 0: never */
	uint32_t callee_hangup_ms;
	uint32_t requests; /* in-dialog, of each side */
	bool never_ack;
	bool keep_all; /* keeps several 2xx up instead of ending the later */
	bool no_cookie;
	bool reject; /* the proxy answers itself, no transaction is relayed */
	struct callee_plan callee[CALLEES_MAX];
};

struct call {
	uint32_t index;
	char callid[40];
	char from_tag[24];
	struct call_plan plan;
	uint32_t callees;
	uint32_t invite_branch, invite_cseq;
	bool caller_final;     /* the caller's INVITE is answered */
	bool caller_failed;    /* ... by 300 or above: a 2xx is ignored */
	bool caller_cancelled; /* it has sent CANCEL */
	struct side caller[CALLEES_MAX];     /* the caller's side, per callee */
	struct party party[CALLEES_MAX + 2]; /* by node */
	uint32_t overtaken; /* bit per callee: its BYE came before its 2xx */
	bool tainted; /* memory failed, a tag was forged...: no wire checks */
};

void call_plan(struct sim *sim, struct call *call, uint32_t index);
void ua_message(struct sim *sim, const struct msg *msg);
void ua_timer(struct sim *sim, const struct item *item);
/* True if either party of any leg thinks that the call is up. */
bool call_up(const struct call *call);
/* Texts: to-tag of a callee, contact and route set of a node. */
void ua_tag(const struct call *call, int ua, char *buffer, uint32_t size);
void ua_contact(const struct call *call, int node, uint32_t version,
		char *buffer, uint32_t size);
void ua_route_set(const struct call *call, int node, char *buffer,
		  uint32_t size);

#endif
