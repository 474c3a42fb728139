/*
 * dmq_rules.h - what is known of other nodes, and what follows from it
 *
 * What:    kind and state of a node, who takes over the calls of one that is
 *          gone, and which calls a node is told of when it needs all of them.
 * Owns:    nothing.
 * Locking: none; the list in shared memory is locked by dmq_nodes.c.
 * Always:  a name is the URI that dmq knows the node by, without user and
 *          parameters but the transport; it is the owner's name in images.
 * Why:     this file knows no server, so the simulated nodes of
 *          tests/cluster live by the same rules.
 */
#ifndef DMQ_RULES_H
#define DMQ_RULES_H

#include "parley.h"
#include "text.h"

enum {
	NODES_MAX = 64,
	NODE_NAME_MAX = 128,
	/* So many looks in vain mean that it is gone. One is none: dmq asks
	 * again before it is sure. */
	NODE_GONE = 2,
	/* What comes late is taken over, too, for so many looks. */
	NODE_ADOPT_LOOKS = 60,
	/* Who has started anew speaks before dmq has asked it again. */
	NODE_NEW_LOOKS = 90,
};

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
	uint8_t fresh; /* so many looks in vain mean nothing yet */
	bool missed;   /* a message did not arrive: it needs all again */
	bool wants;    /* it is to be sent all dialogs */
};

/* Nodes as a process sees them at one moment. */
struct node_list {
	const struct node *list;
	uint32_t count;
	struct parley_str self; /* this node's name */
	uint16_t number;	/* and its config.node */
};

static inline bool node_is_named(const struct node *node,
				 struct parley_str name)
{
	return text_equal((struct parley_str){node->name, node->len}, name);
}

/* What the node has shown itself to be by a message or an answer. @boot 0: not
 * said. A node that is new, or has started anew, wants all dialogs. */
void node_heard(struct node *node, enum node_kind kind, uint32_t boot);
/* dmq was asked for it. */
void node_looked(struct node *node, bool found);
/* Its calls are to be taken over now, by the heir. */
bool node_is_gone(const struct node *node);

/* Exactly one survivor takes over: the first by name. */
bool nodes_heir(const struct node_list *nodes);
/* Whether @to is told of this dialog when it needs all: each owner tells of its
 * own, and each node of what it was the last to change; others speak for a node
 * that is gone, and give back to one that has started anew what was its own. */
bool nodes_tell(const struct node_list *nodes, const struct node *to,
		const struct parley_image *image);

#endif
