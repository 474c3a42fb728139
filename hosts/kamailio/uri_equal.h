/*
 * uri_equal.h - are two SIP URIs the same?
 *
 * What:    the comparison of RFC 3261 19.1.4.
 * Owns:    nothing.
 * Locking: none.
 * Always:  nothing is read beyond the texts, nothing allocated; a URI is what
 * it is, whatever stands in it, and equal to itself. With more than 32
 *          parameters or headers only the very same text is.
 * Why:     Kamailio's cmp_uri() takes a transport, a ttl, a method or a maddr
 *          that only one of two URIs with parameters has for nothing, does not
 *          look at headers, knows no %61, and never gives back what it
 *          allocates for each parameter.
 */
#ifndef URI_EQUAL_H
#define URI_EQUAL_H

#include "parley.h"

bool uri_equal(struct parley_str one, struct parley_str other);

#endif
