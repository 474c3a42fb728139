/*
 * net.h - the simulated network: messages, timers, the virtual clock's queue
 *
 * What:    one queue ordered by time holds messages in flight and timers. The
 *          network loses, delays (and so reorders) and duplicates messages;
 *          client transactions send them again (RFC 3261 17.1).
 * Owns:    the queue. Messages are values.
 * Time:    sim->now_ms; taking an item from the queue advances it.
 * Always:  items of the same time come out in the order they were put in.
 */
#ifndef SIM_NET_H
#define SIM_NET_H

#include "parley.h"

struct sim;

enum {
	T1_MS = 500,
	T2_MS = 4000,
	TIMEOUT_MS = 64 * T1_MS,
	NODE_CALLER = 0,
	NODE_PROXY = 1,
	NODE_CALLEE = 2, /* the first of CALLEES_MAX */
	CALLEES_MAX = 12,
	NO_UA = -1,
};

enum method {
	METHOD_INVITE = 1,
	METHOD_ACK,
	METHOD_CANCEL,
	METHOD_BYE,
	METHOD_PRACK,
	METHOD_UPDATE,
	METHOD_INFO,
	METHOD_OPTIONS, /* a keep-alive of the proxy */
};

struct msg {
	bool reply;
	bool initial;	  /* the INVITE that makes the dialog */
	bool from_callee; /* in-dialog: the From header is the callee's */
	bool ours;	  /* made by the proxy inside a dialog */
	bool hop;	  /* ACK for a final reply of 300 or above */
	bool cookie;	  /* the Route header holds our did value */
	bool authorized;  /* answers the proxy's 407 */
	enum method method;
	uint16_t code;
	uint32_t cseq;
	uint32_t branch; /* the topmost Via; names the transaction */
	uint32_t call;
	int src, dst;	  /* nodes of the call */
	int ua;		  /* whose To-tag it is: a callee's number or NO_UA */
	uint32_t contact; /* version of the sender's contact; 0: none */
	uint32_t leg;	  /* of our BYE or OPTIONS, for its report */
	uint8_t ping;	  /* the same: enum parley_ping; a re-INVITE is an
			   * OPTIONS here, too */
	uint32_t shift;	  /* what the proxy has added to its number */
};

enum item_kind {
	ITEM_MSG = 1,
	ITEM_CLIENT, /* client transaction: send again or give up */
	ITEM_UA,     /* a party does something: ua_timer() */
	ITEM_PROXY,  /* proxy_timer() */
	ITEM_SCRIPT, /* an administrator or the script does something */
};

struct item {
	uint64_t at_ms;
	uint64_t order;
	enum item_kind kind;
	uint32_t call;
	int node;
	uint32_t what, arg;
	struct msg msg;
};

/* A request that waits for its answer (RFC 3261 17.1). */
struct client {
	bool used;
	bool provisional;
	uint64_t start_ms;
	uint32_t interval_ms;
	uint32_t generation;
	struct msg msg;
};

enum { CLIENTS_MAX = 256 };

struct net {
	struct item *heap;
	uint32_t count, size;
	uint64_t order;
	uint32_t loss, twice; /* permille */
	uint32_t delay_ms;    /* longest */
	struct client clients[CLIENTS_MAX];
	uint32_t next_branch;
	uint64_t lost, delivered, retransmitted;
};

void net_fini(struct net *net);

/* Puts @msg into the network, which may lose it or deliver it twice. */
void net_send(struct sim *sim, const struct msg *msg);
/* The same for a request that is sent again until it is answered. */
void net_request(struct sim *sim, const struct msg *msg);
/* Stops the client transaction of a branch. */
void net_forget(struct sim *sim, uint32_t call, int node, uint32_t branch);
void net_timer(struct sim *sim, uint64_t after_ms, const struct item *item);
uint32_t net_branch(struct sim *sim);

/* Time of the next item, UINT64_MAX if none. */
uint64_t net_next_ms(const struct net *net);
/* Takes the next item and hands it to whom it belongs. */
void net_step(struct sim *sim);

const char *method_name(enum method method);
void msg_text(const struct msg *msg, char *buffer, uint32_t size);

#endif
