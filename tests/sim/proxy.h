/*
 * proxy.h - the simulated proxy: a host of the engine, as an adapter is
 *
 * What:    a stateful forking proxy with record-routing (RFC 3261 16): feeds
 *          events in the order in which a SIP server's transactions show them,
 *          runs the actions, matches and commits in-dialog requests in two
 *          steps, holds and releases, delivers notes, sends our BYE and ACK.
 * Owns:    the INVITE transactions, and requests that wait for their commit.
 * Always:  what crosses the wire is checked here and in wire.c: CSeq, tags and
 *          target of our requests, ACK and BYE for each swallowed 2xx.
 */
#ifndef SIM_PROXY_H
#define SIM_PROXY_H

#include "net.h"
#include "parley.h"

struct sim;

enum {
	BRANCHES_MAX = 8,
	PENDING_MAX = 16,
	NOTES_MAX = 24,
	SEEN_BRANCHES = 64,
	SLOW_MAX = 8,
	WT_MS = 5000,	    /* a transaction stays after its final reply */
	FR_INV_MS = 150000, /* no final reply to an INVITE */
};

enum branch_state {
	BRANCH_CALLING,
	BRANCH_PROCEEDING,
	BRANCH_FAILED,
	BRANCH_ANSWERED,
};

struct proxy_branch {
	enum branch_state state;
	uint32_t via;
	uint16_t code;
	bool cancel_wanted, cancel_sent;
	uint32_t failed_uas; /* bit per callee behind it */
	int failed_ua;	     /* the one whose reply is taken */
};

/* A request that has been relayed: the rest is repetition. */
struct relayed {
	uint32_t branch;
	enum method method;
	uint16_t own_code;   /* the proxy answered it itself */
	uint16_t reply_code; /* last one that was fed */
	uint32_t shift;	     /* what was added to its number */
};

/* Our ACKs and BYEs to one callee. */
struct proxy_ours {
	uint32_t swallowed, passed, acks, byes, byes_up;
};

struct proxy_call {
	struct parley_id id;
	bool tracked;
	bool seen;  /* the INVITE has come */
	bool alive; /* its transaction is there */
	bool held;  /* RELEASE is owed */
	bool final_sent, final_acked;
	bool ended;	/* we were told to end it, and could */
	bool forgotten; /* early_timeout, expiry without BYE: not ours */
	struct msg invite;
	struct msg last; /* reply sent upstream */
	uint32_t repeat_ms;
	uint64_t final_ms;
	struct proxy_branch branch[BRANCHES_MAX];
	struct proxy_ours ours[CALLEES_MAX];
	struct relayed relayed[SEEN_BRANCHES];
	uint32_t relayed_next;
	uint8_t steps[2]; /* the last ones, for cover.c: enum fork_step + 1 */
};

/* An in-dialog request between match and commit. */
struct proxy_pending {
	bool used;
	struct msg msg;
	struct parley_match match;
	int matched; /* result of the match */
};

/* Actions of a process that is slow to run them. */
struct proxy_slow {
	bool used;
	struct parley_actions actions;
	uint32_t call;
};

/* Whom a request of ours is for. */
struct proxy_target {
	struct parley_id id;
	uint32_t leg;
	enum parley_direction towards;
	uint8_t ping;
};

/* Notes that other processes have not delivered yet. */
struct proxy_notes {
	struct parley_note note[NOTES_MAX];
	bool with_message[NOTES_MAX];
	uint32_t count;
	uint32_t depth; /* nested deliveries */
};

void proxy_message(struct sim *sim, const struct msg *msg);
void proxy_timer(struct sim *sim, const struct item *item);
/* A request of the proxy's own timed out; @msg is a 408 to it. */
void proxy_timed_out(struct sim *sim, const struct msg *msg);

/* dlg_terminate(): on the call's dialog, in whatever state it is. */
void proxy_terminate(struct sim *sim, uint32_t call, enum parley_side side,
		     uint16_t code);
/* Pulls all timers that are due. */
void proxy_expire(struct sim *sim);

/* The INVITE's part of ACT_CANCEL and ACT_REPLY. */
void proxy_cancel(struct sim *sim, uint32_t call);
void proxy_reply(struct sim *sim, uint32_t call, uint16_t code);
void proxy_commit_later(struct sim *sim, uint32_t call, uint32_t index,
			uint32_t after_ms);
void proxy_actions_later(struct sim *sim, uint32_t call, uint32_t index,
			 uint32_t after_ms);
void proxy_release_later(struct sim *sim, uint32_t call, uint32_t after_ms);

/* within.c: in-dialog requests and their replies. */
void proxy_within(struct sim *sim, const struct msg *msg);
void proxy_commit(struct sim *sim, uint32_t index);
void proxy_within_reply(struct sim *sim, const struct msg *msg);
struct relayed *relayed_find(struct proxy_call *proxy, const struct msg *msg);
struct relayed *relayed_add(struct proxy_call *proxy, const struct msg *msg);

/* ours.c: actions and notes. Returns true if the reply must be swallowed. */
bool proxy_run(struct sim *sim, const struct parley_actions *actions, int call);
/* The same, perhaps some time later: commands come from other processes. */
void proxy_run_slowly(struct sim *sim, const struct parley_actions *actions,
		      uint32_t call);
void proxy_run_slow(struct sim *sim, uint32_t index);
void proxy_ours_done(struct sim *sim, const struct msg *reply);
/* Delivers one or all of the waiting notes. */
bool notes_deliver_one(struct sim *sim);
void notes_deliver_all(struct sim *sim);
/* Number of the call that has the dialog, or -1. */
int proxy_find(const struct sim *sim, struct parley_id id);
/* What crossed the wire, at the end of a world. */
void wire_check(struct sim *sim);

#endif
