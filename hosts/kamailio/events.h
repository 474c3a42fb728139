/*
 * events.h - event routes, timeout routes, event_callback
 *
 * What:    runs what a script wants to run when a call starts, ends, fails, or
 *          is too long.
 * Owns:    the indexes of the event routes, found at start.
 * Locking: none; routes run without any lock.
 * Always:  one of dialog:end and dialog:failed, once for each call.
 * Why:     scripts follow calls with routes, in kamailio.cfg or in a KEMI
 *          language.
 */
#ifndef EVENTS_H
#define EVENTS_H

#include "adapter.h"

/* A timeout route that kamailio.cfg does not have: its name means something to
 * the function that event_callback names. Users see the index 0. */
#define ROUTE_BY_NAME (-1)

/* Looks the event routes up and subscribes for them. 0 or -1. */
int events_init(void);

/* The route[] with this name, ROUTE_BY_NAME, or 0: there is none. */
int events_find_route(struct parley_str name);

/* Runs the route[] @name of a call (call_routes.h), or event_callback, with the
 * message of what was told, or a faked one. */
void events_call_route(const struct parley_told *told, const char *name);

/* Runs route[@route] for an expired call, or event_callback. */
void events_timeout_route(struct parley_id id, int route);

#endif
