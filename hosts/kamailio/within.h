/*
 * within.h - in-dialog requests, in two steps
 *
 * What:    match (loose_route(), dlg_manage()) finds dialog and leg and stores
 *          nothing; commit feeds the request to the engine, once, at the first
 *          of: a branch is about to be built, a 2xx by the proxy itself, the
 *          end of the request route. A request that the proxy refuses itself
 *          before that leaves no trace. Neither does one that validate_dialog()
 *          has refused, whatever the script does then, unless the other party
 *          accepts it with a 2xx all the same. With stateless forward() and
 *          with dlg_mode 1 that 2xx is not heard of: no callback of tm tells.
 * Owns:    ctx.pending, and the bits of on_within()'s parameter (tmcb.h).
 * Locking: none.
 * Always:  a request is committed at most once, whichever processes and
 *          branches it passes through; a copy of it (RFC 3261 17) never.
 * Why:     a BYE that is challenged or malformed must not end the call.
 */
#ifndef WITHIN_H
#define WITHIN_H

#include "adapter.h"

/* Finds the dialog of @msg and makes it the current one. @params: the Route
 * parameters that loose_route() has found; NULL: dlg_manage() looks for Call-ID
 * and tags only. */
void within_match(struct sip_msg *msg, const str *params);

/* The same for a script that asks: by the cookie of the Route header or of the
 * Request-URI, and as @mode says (dlg_match_mode) by Call-ID and tags. True: it
 * has a dialog, by this or before. */
bool within_match_by(struct sip_msg *msg, int mode);

/* The request was refused: ctx->verdict says why; or it is right now. Both may
 * be repeated. ctx->in_dialog. */
void within_refuse(struct sip_msg *msg, struct ctx *ctx);
void within_repair(struct sip_msg *msg, struct ctx *ctx);

/* The engine has had it already. ctx->in_dialog. */
bool within_was_fed(struct sip_msg *msg, const struct ctx *ctx);
/* The same for what tm has not been asked for: it may come again. */
bool within_repeats(struct sip_msg *msg);

/* The request counts now, or tm's callbacks see to it; ctx->pending is set. @t:
 * the transaction or NULL. */
void within_settle(struct sip_msg *msg, struct ctx *ctx, struct cell *t);

/* The same, if ctx->late is set: the call may be one that is loaded later. */
void within_late(struct sip_msg *msg, const struct cell *t);

/* dlg_mode 1: the script says that @msg counts from now on, whatever becomes of
 * it. False: it belongs to no dialog. */
bool within_update(struct sip_msg *msg);

/* mod_init: rr and sl. 0 or -1. */
int within_init(void);

/* The lifetime that timeout_avp holds now; 0: none. (sip_in.c) */
uint32_t sip_lifetime(struct sip_msg *msg);
/* Callbacks have run, which may have set it (sst does): the dialog gets the new
 * one. @before: what sip_lifetime() said before them. (sip_in.c) */
void sip_lifetime_again(struct sip_msg *msg, struct parley_id id,
			uint32_t before);

#endif
