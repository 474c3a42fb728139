/*
 * functions_routes.h - dlg_on_answer(), dlg_on_timeout(), dlg_on_hangup()
 *
 * What:    each names a route[] for one call, or with no parameter takes it
 *          back, as long as nobody has answered.
 * Owns:    nothing.
 * Locking: none.
 * Always:  a literal name that the script does not have is an error at start.
 * Why:     OpenSIPS has per-call routes in place of event routes.
 */
#ifndef FUNCTIONS_ROUTES_H
#define FUNCTIONS_ROUTES_H

#include "adapter.h"

int fixup_on_route(void **param, int param_no);
int fixup_on_answer(void **param, int param_no);
int f_on_answer(struct sip_msg *msg, char *name, char *p2);
int f_on_timeout(struct sip_msg *msg, char *name, char *p2);
int f_on_hangup(struct sip_msg *msg, char *name, char *p2);

/* KEMI. An empty name takes the route back. */
int op_on_answer(struct sip_msg *msg, str *name);
int op_on_timeout(struct sip_msg *msg, str *name);
int op_on_hangup(struct sip_msg *msg, str *name);

#endif
