/*
 * dmq_bus.h - what the parts of the replication share
 *
 * What:    the bound dmq module, this node's name, counters in shared memory.
 * Owns:    dmq.c fills it before the fork; `shared` belongs to all processes.
 * Locking: atomics; nothing else changes after the start.
 * Always:  at most DMQ_WINDOW messages are on their way.
 * Why:     one half sends (dmq_send.c), the other receives (dmq.c).
 */
#ifndef DMQ_BUS_H
#define DMQ_BUS_H

#include <stdatomic.h>

#include "modules/dmq/bind_dmq.h"

#include "adapter.h"
#include "image_json.h"
#include "dmq_nodes.h"

enum {
	DMQ_WINDOW = 256,
	DMQ_REMOVED_MAX = 1024,
	DMQ_VERSION = 1, /* of our messages */
};

/* Dialogs that are gone, for stock nodes. A ring: full, the oldest are not
 * told; a stock node then keeps what has ended. */
struct dmq_shared {
	_Atomic int32_t on_their_way;
	_Atomic uint64_t answered_ms; /* when the last answer came */
	_Atomic bool joined;	      /* a hello is due at once */
	_Atomic bool stock;	      /* there are stock nodes */
	gen_lock_t removed_lock;
	uint32_t removed_first, removed_count;
	struct parley_id removed[DMQ_REMOVED_MAX];
};

struct dmq_bus {
	dmq_api_t api;
	dmq_peer_t *peer;  /* our channel */
	dmq_peer_t *stock; /* the stock module's */
	struct dmq_shared *shared;
	struct json_names names;
	uint32_t boot;
};
extern struct dmq_bus dmq_bus;

/* Texts and lists of the dialog in this process's own buffer, valid until the
 * next call. 0 or PARLEY_E_. */
int dmq_export(struct parley_id id, struct parley_image *image);

#endif
