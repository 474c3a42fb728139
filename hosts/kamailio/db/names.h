/*
 * names.h - what sockets, profiles and routes are called outside of this run
 *
 * What:    the names that a dialog is told with to other nodes and to the
 *          database, and back.
 * Owns:    nothing; the names are Kamailio's and the engine's.
 * Locking: none; what is asked here does not change after the start.
 */
#ifndef NAMES_H
#define NAMES_H

#include "adapter.h"
#include "image_json.h"

/* As udp:1.2.3.4:5060; empty: none. */
struct parley_str names_socket(void *socket);
/* NULL: none of this server's. */
void *names_find_socket(struct parley_str text);
/* 0: no such route. */
int32_t names_find_route(struct parley_str name);

/* The same for images as JSON; @self is the name of this node. */
struct json_names names_of_json(struct parley_str self);

#endif
