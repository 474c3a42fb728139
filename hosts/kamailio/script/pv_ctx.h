/*
 * pv_ctx.h - $dlg_ctx(...), and what the files of pseudo-variables share
 *
 * What:    the functions behind $dlg_ctx(...) for the table in pv.c; a parser
 *          of the name in parentheses; a value from a text.
 * Owns:    nothing.
 * Locking: none.
 * Why:     $dlg_ctx(...) alone is as long as all the others.
 */
#ifndef PV_CTX_H
#define PV_CTX_H

#include "core/pvar.h"

#include "events.h"

int pv_ctx_parse(pv_spec_p spec, str *in);
int pv_ctx_get(struct sip_msg *msg, pv_param_t *param, pv_value_t *res);
int pv_ctx_set(struct sip_msg *msg, pv_param_t *param, int op,
	       pv_value_t *value);

/* Finds @in in @keys and puts its index into @spec. 0 or -1 and a line. */
int pv_parse_key(pv_spec_p spec, const str *in, const char *const *keys,
		 int count);

/* The index of a timeout route as users see it. */
static inline int pv_route(int route)
{
	return route == ROUTE_BY_NAME ? 0 : route;
}

/* A copy of @text in a buffer of Kamailio's as the value; NULL if empty. */
int pv_copy(struct sip_msg *msg, pv_param_t *param, pv_value_t *res, str text);

#endif
