/*
 * call_routes.h - routes of one call: when it is answered, when it is over
 *
 * What:    dlg_on_answer() and dlg_on_hangup() name a route for one call; here
 *          it is kept, found again after a restart, and run. So is
 *          $DLG_del_delay.
 * Owns:    nothing; a name is a variable of the call (own_var.h) and a
 *          subscription to it.
 * Locking: none; routes run without any lock.
 * Always:  each once: who takes the name out of the call runs the route. A call
 *          without any of these has neither variable nor subscription.
 * Why:     the timeout route has a field of its own, as the packaged module
 *          stores it; these are rare.
 */
#ifndef CALL_ROUTES_H
#define CALL_ROUTES_H

#include "adapter.h"

enum call_route { CALL_ROUTE_ANSWER, CALL_ROUTE_HANGUP };

/* Longest name of a route, that of a timeout route included. */
enum { CALL_ROUTE_NAME_MAX = 31 };

/* mod_init, and whenever the script turns out to need it, before the fork: from
 * then on calls from a database get their routes back. 0 or -1. */
int call_routes_init(void);
int call_routes_need(void);

/* The route for the current call of @msg, or for the one that will be made of
 * it; empty: none. @id: the call if there is one already, else NULL. 0 or
 * PARLEY_E_. */
int call_routes_set(struct sip_msg *msg, const struct parley_id *id,
		    enum call_route which, const str *name);
int call_routes_set_delay(struct sip_msg *msg, const struct parley_id *id,
			  uint32_t seconds);
/* What was said before there was a call; false: nothing. */
bool call_routes_pending_delay(struct sip_msg *msg, uint32_t *seconds);

/* The call has been made, with the variables that wait in @ctx. */
void call_routes_created(const struct ctx *ctx, struct parley_id id);

#endif
