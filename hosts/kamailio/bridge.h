/*
 * bridge.h - two parties are brought together by the proxy (click to dial)
 *
 * What:    calls `from` with an INVITE from bridge_controller, refers who
 *          answers to `to` (RFC 3515) and leaves its own call with a BYE.
 * Owns:    one block of shared memory and one dialog of tm for each bridge,
 *          from the INVITE until the REFER has its final reply.
 * Locking: none. Each step runs in the process that has the reply; tm runs
 *          them one after the other.
 * Always:  who has answered gets a BYE, whatever becomes of the REFER; a block
 *          is freed with the transaction that carries it.
 * Why:     the call between proxy and `from` is no call through the proxy, so
 *          it is not the engine's.
 */
#ifndef BRIDGE_H
#define BRIDGE_H

#include "adapter.h"

struct bridge_call {
	str from, to; /* addresses (refer.h) */
	str proxy;    /* URI that the INVITE is sent to; empty: to `from` */
	str body;     /* SDP of the INVITE; may be empty */
	bool default_body; /* an SDP of our own, on hold, instead of @body */
};

/* NULL: the INVITE was sent. Else a constant text that says why not. */
const char *bridge_start(const struct bridge_call *call);

#endif
