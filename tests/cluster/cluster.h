/*
 * cluster.h - a world of two or three nodes that replicate their calls
 *
 * What:    each node is a real engine with a simulated host and the rules of
 *          hosts/kamailio/dmq/dmq_rules.c; what they tell each other is written
 *          and read by image_json.c. Between them is a bus that delays, loses,
 *          repeats, and is cut; nodes vanish and come back.
 * Owns:    a world owns its nodes, its queue and every message in it.
 * Time:    virtual milliseconds; each node has clocks of its own.
 * Always:  a seed is a whole world, the same each time.
 * Why:     docs/replication.md says what nodes agree on, and when they may not.
 */
#ifndef CLUSTER_H
#define CLUSTER_H

#include "dmq_rules.h"
#include "host.h"
#include "parley.h"
#include "rand.h"
#include "trail.h"
#include "wire.h"

enum {
	CLUSTER_NODES = 3,
	CLUSTER_CALLS = 6,
	CALL_LEGS = 2,
	CALL_VARS = 3,
	ENDS_KEPT = 8,
	IMAGE_BYTES = 1 << 16,
	DIALOGS_PER_MESSAGE = 4,
};

enum cluster_kind {
	CLUSTER_TWO,	     /* two nodes, a good bus */
	CLUSTER_TWO_LOSSY,   /* messages are lost */
	CLUSTER_THREE,	     /* three nodes, a good bus */
	CLUSTER_THREE_LOSSY, /* the same, and out of order */
	CLUSTER_DEATHS,	     /* nodes vanish and come back */
	CLUSTER_CUTS,	     /* the bus is cut and heals */
	CLUSTER_ALL,	     /* everything at once */
	CLUSTER_KINDS
};

/* ------------------------------------------------ the bus (bus.c) */

struct message {
	uint32_t refs; /* deliveries to come */
	uint32_t from, to;
	uint32_t from_boot; /* also what it says of itself */
	uint64_t sent_ms;
	uint32_t count;
	struct wire_item *dialogs[DIALOGS_PER_MESSAGE];
};

enum item_kind {
	ITEM_TICK,    /* of a node */
	ITEM_PING,    /* of dmq to all others */
	ITEM_MESSAGE, /* arrives; again: for the second time */
	ITEM_ANSWER,  /* comes back to the sender, or its timeout */
	ITEM_CALL,    /* the parties' next move */
	ITEM_ACK,
	ITEM_REPLY,   /* to an in-dialog request */
	ITEM_RELEASE, /* a transaction is over */
	ITEM_FINAL,   /* the negative reply that a CANCEL leads to */
	ITEM_BYE_DONE,
	ITEM_PING_DONE,
	ITEM_ROUTE_DONE,
	ITEM_FATE, /* a node or the bus: what comes next */
};

struct item {
	uint64_t at_ms, order;
	enum item_kind kind;
	uint32_t node, boot; /* it happens there, if it is that start still */
	uint32_t call, leg;
	enum parley_direction dir;
	enum parley_event_type method;
	uint16_t code;
	bool invite, again;
	struct message *message;
};

struct queue {
	struct item *heap;
	uint32_t count, size;
	uint64_t order;
};

/* ------------------------------------------------ nodes (node.c) */

struct service {
	bool syncing, adopting;
	struct parley_id sync_at, adopt_at;
};

struct server {
	struct world *world;
	uint32_t index;
	char name[16];
	bool up;
	uint32_t boot; /* 0 before the first start */
	uint64_t died_ms;
	struct host host;
	struct parley *engine;
	uint64_t ms_ahead; /* its clocks */
	uint32_t s_ahead;
	/* What the adapter keeps. */
	struct node peers[CLUSTER_NODES];
	struct service service[CLUSTER_NODES];
	uint32_t peer_count;
	uint64_t look_ms, hello_ms;
	bool joined;
	bool active[CLUSTER_NODES]; /* dmq says so */
};

/* ------------------------------------------------ calls (calls.c) */

enum call_phase {
	CALL_NEW,
	CALL_RING,
	CALL_ANSWER,
	CALL_TALK,
	CALL_OVER, /* the parties do no more */
};

struct end {
	uint32_t node, boot;
	uint64_t at_ms;
	enum parley_note_type type;
};

struct party_leg {
	char tag[16];
	bool up, acked;
	uint32_t cseq; /* of the callee */
	uint32_t caller_cseq;
	bool hung_up;
};

struct call {
	uint32_t number;
	char callid[24], tag[16];
	enum call_phase phase;
	uint32_t home, home_boot; /* of the INVITE's transaction */
	bool made;
	struct parley_id id;
	struct party_leg legs[CALL_LEGS];
	uint32_t leg_count;
	uint64_t hang_up_ms;
	uint32_t contacts;
	/* What must hold everywhere, unless two nodes have changed the call at
	 * about the same time. */
	bool clash;
	uint64_t changed_ms;
	uint32_t changed_by;
	uint32_t flags, in_red;
	char vars[CALL_VARS][16];
	struct end ends[ENDS_KEPT];
	uint32_t end_count;
	uint64_t begun_ms, gone_ms; /* known somewhere from, until */
	bool elsewhere;		    /* another node has heard of it */
	bool excused;		    /* may have several ends */
	bool lost; /* all who knew it were gone at one moment */
};

/* ------------------------------------------------ the world */

struct cluster_options {
	bool verbose;
	bool canary;
};

struct world {
	uint64_t seed;
	enum cluster_kind kind;
	struct cluster_options options;
	struct rng rng;
	struct queue queue;
	uint64_t now_ms, quiet_ms;
	bool quiet;  /* nothing is done to nodes, calls and the bus any more */
	bool ending; /* only what is left runs out */
	struct server servers[CLUSTER_NODES];
	uint32_t server_count;
	bool cut[CLUSTER_NODES][CLUSTER_NODES];
	uint64_t arrival_ms[CLUSTER_NODES][CLUSTER_NODES];
	uint32_t loss, twice, delay_ms; /* of the bus; per thousand */
	uint32_t answer_ms;		/* until a lost message is reported */
	bool reorders;
	uint64_t healed_ms;  /* the bus was whole again */
	uint32_t on_the_way; /* messages */
	struct message *arriving;
	struct call calls[CLUSTER_CALLS];
	uint32_t call_count;
	uint64_t steps, images, told, deaths, cuts, adopted, agreed;
	uint64_t changed_ms; /* when a call was changed last */
	struct trail trail;
};

/* True: nothing was wrong, else world->trail says what. */
bool world_run(struct world *world, uint64_t seed,
	       const struct cluster_options *options);
void world_fini(struct world *world);
__attribute__((format(printf, 2, 3))) void world_event(struct world *world,
						       const char *format, ...);
__attribute__((format(printf, 2, 3), noreturn)) void
world_fail(struct world *world, const char *format, ...);

#include "parts.h"

#endif
