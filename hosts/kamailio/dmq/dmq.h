/*
 * dmq.h - calls on other servers, over Kamailio's module dmq
 *
 * What:    with enable_dmq=1 every change of a dialog goes to all nodes of the
 *          dmq bus, in-dialog requests work on each of them, and the calls of
 *          a node that is gone are taken over. docs/replication.md says how.
 * Owns:    a table of nodes in shared memory; a process, "dialog dmq", which
 *          does all sending. Messages come in through dmq's own processes.
 * Locking: the table's lock, held for copying only.
 * Always:  who changes a dialog neither sends nor waits.
 * Why:     our nodes talk on a channel of their own, <dmq_peer_id>.parley. A
 *          stock module knows no such channel and answers 404, which tells
 *          what it is; it gets, and may send, what it understands on the
 *          channel <dmq_peer_id>.
 */
#ifndef DMQ_H
#define DMQ_H

#include "adapter.h"

/* Before host_init(): binds dmq, finds out this node's name. 0 or -1; 0 at once
 * with enable_dmq=0. */
int dmq_bind(void);
/* A number for this node, made from its name; 0 without enable_dmq. */
uint16_t dmq_number(void);
/* mod_init, after host_init(). 0 or -1. */
int dmq_init(void);
/* What the process does; does not return. */
void dmq_loop(void);
void dmq_fini(void);

/* The owner of a dialog as RPC shows it: a name, or that of this node. */
str dmq_owner(const struct parley_view *view);

/* dlg_remove_dialogs_from_node(): 1 if any was removed, else -1. */
int op_remove_dialogs(struct sip_msg *msg, const str *uri);

#endif
