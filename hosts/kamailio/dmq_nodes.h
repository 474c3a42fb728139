/*
 * dmq_nodes.h - the other nodes, as far as we have heard of them
 *
 * What:    name, kind and state of each, in shared memory.
 * Owns:    the table. Entries are never removed, only used again.
 * Locking: one lock, taken inside of each function.
 * Always:  a name is the URI that dmq knows the node by, without user and
 *          parameters but the transport; it is the owner's name in images.
 */
#ifndef DMQ_NODES_H
#define DMQ_NODES_H

#include "adapter.h"
#include "text.h"

/* NODE_GONE: so many looks in vain mean that it is gone. */
enum { NODES_MAX = 64, NODE_NAME_MAX = 128, NODE_GONE = 2 };

enum node_kind {
	NODE_UNKNOWN, /* has said nothing yet */
	NODE_OURS,
	NODE_STOCK, /* knows the stock module's messages only */
};

struct node {
	char name[NODE_NAME_MAX];
	uint32_t len;
	enum node_kind kind;
	uint32_t boot; /* number of its start */
	bool seen;     /* dmq has found it alive once */
	bool alive;    /* dmq says so, or said so just now */
	uint8_t gone;  /* for how many looks it has not been */
	bool missed;   /* a message did not arrive: it needs all again */
	bool wants;    /* it is to be sent all dialogs */
};

static inline bool node_is_named(const struct node *node,
				 struct parley_str name)
{
	return text_equal((struct parley_str){node->name, node->len}, name);
}

int nodes_init(void);
void nodes_fini(void);

/* Writes "sip:host:port", with ;transport= for others than UDP. 0: it does not
 * fit. */
uint32_t node_name(const struct sip_uri *uri, char name[NODE_NAME_MAX]);

/* What the node has shown itself to be by a message or an answer. @boot 0: not
 * said. A node that is new, or has started anew, wants all dialogs. */
void nodes_heard(struct parley_str name, enum node_kind kind, uint32_t boot);
/* A message of ours to it was lost, or was refused. */
void nodes_missed(struct parley_str name);
/* It asks for all dialogs. */
void nodes_wants(struct parley_str name);

/* Copy of entry @index; false: past the last. */
bool nodes_get(uint32_t index, struct node *node);
/* dmq was asked for entry @index. One look in vain is none: dmq asks again
 * before it is sure. */
void nodes_looked(uint32_t index, bool found);
void nodes_served(uint32_t index); /* its sync has begun */

#endif
