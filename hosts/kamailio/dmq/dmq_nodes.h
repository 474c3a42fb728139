/*
 * dmq_nodes.h - the other nodes, as far as we have heard of them
 *
 * What:    name, kind and state of each (dmq_rules.h), in shared memory.
 * Owns:    the table. Entries are never removed, only used again.
 * Locking: one lock, taken inside of each function.
 */
#ifndef DMQ_NODES_H
#define DMQ_NODES_H

#include "adapter.h"
#include "dmq_rules.h"

int nodes_init(void);
void nodes_fini(void);

/* Writes "sip:host:port", with ;transport= for others than UDP. 0: it does not
 * fit. */
uint32_t node_name(const struct sip_uri *uri, char name[NODE_NAME_MAX]);

/* node_heard() for the node of that name. */
void nodes_heard(struct parley_str name, enum node_kind kind, uint32_t boot);
/* A message of ours to it was lost, or was refused. */
void nodes_missed(struct parley_str name);
/* It asks for all dialogs. */
void nodes_wants(struct parley_str name);

/* Copy of entry @index; false: past the last. */
bool nodes_get(uint32_t index, struct node *node);
/* node_looked() for entry @index. */
void nodes_looked(uint32_t index, bool found);
void nodes_served(uint32_t index); /* its sync has begun */

#endif
