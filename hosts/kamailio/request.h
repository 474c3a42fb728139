/*
 * request.h - BYE and ACK that the proxy sends itself, inside of a dialog
 *
 * What:    builds the request from what the engine knows (RFC 3261 12.2.1.1)
 *          and hands it to tm.
 * Owns:    nothing beyond the call; tm owns the transaction.
 * Locking: none is held; event_route[tm:local-request] may run inside.
 * Always:  each BYE that was asked for is reported to the engine once, as
 *          PARLEY_EV_BYE_DONE, whatever happens to it.
 */
#ifndef REQUEST_H
#define REQUEST_H

#include "adapter.h"

/* @extra_hdrs: whole header lines, or NULL. 0, or -1: not sent, and reported
 * to the log and to the engine. */
int request_bye(struct parley_id id, const struct parley_action *action,
		const str *extra_hdrs);

/* ACK for a 2xx that was not relayed. 0 or -1. */
int request_ack(struct parley_id id, const struct parley_action *action);

/* Writes @reason as a quoted string (RFC 3261 25.1), without what could end
 * the header line, and cut to fit. */
str request_quote(struct parley_str reason, char *buffer, size_t size);

#endif
