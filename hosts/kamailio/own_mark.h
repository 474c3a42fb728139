/*
 * own_mark.h - requests of ours that come back to us (keep_proxy_rr)
 *
 * What:    marks a request that the engine has asked for, in the Route value
 *          that leads it back here, and knows it again.
 * Owns:    one secret, made before the fork. The proxy takes the Route value
 *          off before anybody else sees it.
 * Locking: none.
 * Always:  without keep_proxy_rr nothing is marked and nothing is looked for.
 * Why:     the engine has counted the request when it was made. A request that
 *          somebody else in this server sends, such as a bridge, is a party's
 *          and must count, though it has the same Via and the same address.
 */
#ifndef OWN_MARK_H
#define OWN_MARK_H

#include "adapter.h"

/* mod_init. */
void own_mark_init(void);

/* Does a value of Record-Route name this server? */
bool own_mark_is_us(str route);

/* @routes with the mark, if the first of them is ours; valid until the next
 * call. */
str own_mark_routes(str routes);

/* Is it in the Route value that this request came with? */
bool own_mark_is_in(struct sip_msg *msg);

#endif
