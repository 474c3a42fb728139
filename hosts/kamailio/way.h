/*
 * way.h - where a request in a dialog goes
 *
 * What:    remote target and route set as the request was received, whatever
 *          the script has made of them since, and as they should be; a message
 *          that is sent another way.
 * Owns:    nothing; the texts point into the message, or to where they were
 *          read from.
 * Locking: none.
 * Always:  Route values of this server are no part of a way: a request still
 *          has those that a reply does not show.
 * Why:     RFC 3261 16.4 and 16.12: a strict router has put the target at the
 *          end of the route set.
 */
#ifndef WAY_H
#define WAY_H

#include "adapter.h"

enum { WAY_ROUTES_MAX = 64 };

struct way {
	struct parley_str target;		  /* URI */
	struct parley_str values[WAY_ROUTES_MAX]; /* of the Route header */
	struct parley_str routes[WAY_ROUTES_MAX]; /* URIs of these */
	uint32_t count;
};

/* False: Request-URI or Route cannot be read, or there are more. */
bool way_of_request(struct sip_msg *msg, struct way *way);

/* The same of what the engine expects. */
bool way_of_dialog(const struct parley_expected *expected, struct way *way);

/* Same number, same order, same URIs (RFC 3261 19.1.4). */
bool way_routes_equal(const struct way *one, const struct way *other);

/* Sends the message this way. @routes: Route headers, too, which are replaced.
 * 0, or -1: no memory left. */
int way_set(struct sip_msg *msg, const struct way *way, bool routes);

#endif
