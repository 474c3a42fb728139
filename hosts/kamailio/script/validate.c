/* See validate.h. */
#include <strings.h>

#include "core/parser/parse_uri.h"

#include "facts.h"
#include "text.h"
#include "uri_equal.h"
#include "validate.h"
#include "way.h"
#include "within.h"

enum verdict {
	FITS = 1,
	WRONG_CSEQ = -1,
	WRONG_TARGET = -2,
	WRONG_ROUTE = -3,
	NOT_JUDGED = -4, /* no dialog, or it cannot be read */
};

/* ------------------------------------------------ reading */

static bool has_method_of_cseq(struct sip_msg *msg)
{
	if (!msg->cseq || !msg->cseq->parsed)
		return false;
	return text_equal(to_parley(&get_cseq(msg)->method),
			  to_parley(&msg->first_line.u.request.method));
}

/* RFC 3261 20 and RFC 3311 10: without one the target cannot be refreshed. */
static bool has_contact_it_needs(struct sip_msg *msg)
{
	struct sip_uri uri;
	str contact;

	if (msg->REQ_METHOD != METHOD_INVITE &&
	    msg->REQ_METHOD != METHOD_UPDATE)
		return true;
	contact = to_str(facts_contact(msg));
	return contact.len > 0 && parse_uri(contact.s, contact.len, &uri) == 0;
}

static bool expect(struct sip_msg *msg, const struct ctx *ctx,
		   struct parley_expected *expected)
{
	static char buffer[2 * PARLEY_STR_MAX];
	const struct parley_claim claim = {
		.id = ctx->id,
		.leg = ctx->match.leg,
		.dir = ctx->match.dir,
		.method = facts_method(msg->REQ_METHOD),
		.cseq = facts_cseq(msg),
		.was_fed = within_was_fed(msg, ctx),
	};

	return parley_expect(adapter.engine, &claim, expected, buffer,
			     sizeof(buffer)) == 0;
}

/* ------------------------------------------------ validate_dialog() */

static enum verdict judge(struct sip_msg *msg, const struct ctx *ctx)
{
	struct parley_expected expected;
	struct way way, right;

	if (!has_method_of_cseq(msg) || !has_contact_it_needs(msg) ||
	    !way_of_request(msg, &way) || !expect(msg, ctx, &expected))
		return NOT_JUDGED;
	if (!expected.in_order && !within_repeats(msg))
		return WRONG_CSEQ;
	if (ctx->repaired)
		return FITS;
	if (expected.target_known && !uri_equal(way.target, expected.target))
		return WRONG_TARGET;
	if (expected.routes_known && (!way_of_dialog(&expected, &right) ||
				      !way_routes_equal(&way, &right)))
		return WRONG_ROUTE;
	return FITS;
}

static void refuse(struct sip_msg *msg, struct ctx *ctx)
{
	static const enum parley_refusal kinds[] = {
		[-WRONG_CSEQ] = PARLEY_REFUSED_CSEQ,
		[-WRONG_TARGET] = PARLEY_REFUSED_TARGET,
		[-WRONG_ROUTE] = PARLEY_REFUSED_ROUTE,
		[-NOT_JUDGED] = 0,
	};

	if (!ctx->refused && kinds[-ctx->verdict])
		parley_refused(adapter.engine, kinds[-ctx->verdict]);
	within_refuse(msg, ctx);
}

int op_validate(struct sip_msg *msg)
{
	struct ctx *ctx = ctx_of(msg);

	/* A KEMI function that kamailio.cfg calls. */
	adapter.validates = true;
	if (!within_match_by(msg, adapter.set.dlg_match_mode)) {
		/* It may be of a call that is not loaded yet. */
		if (ctx->late)
			ctx->refused = true;
		return NOT_JUDGED;
	}
	/* What was decided stays so. */
	if (ctx->judged && !ctx->pending)
		return ctx->verdict;
	ctx->verdict = judge(msg, ctx);
	ctx->judged = true;
	if (ctx->verdict < 0)
		refuse(msg, ctx);
	else if (ctx->pending && msg->REQ_METHOD == METHOD_ACK)
		within_settle(msg, ctx, NULL); /* before it is sent */
	return ctx->verdict;
}

/* ------------------------------------------------ fix_route_dialog() */

static int fix_fault(const char *why)
{
	log_limited(LOG_CAUSE_SCRIPT, L_ERR, "fix_route_dialog(): %s\n", why);
	return -1;
}

int op_fix_route(struct sip_msg *msg)
{
	struct ctx *ctx = ctx_of(msg);
	struct parley_expected expected;
	struct way way;

	if (!within_match_by(msg, adapter.set.dlg_match_mode) ||
	    !expect(msg, ctx, &expected))
		return -1; /* nothing to log: it is how one asks */
	if (!expected.target_known || !way_of_dialog(&expected, &way))
		return fix_fault("the contact of the other party is not known");
	if (way_set(msg, &way, expected.routes_known) < 0)
		return fix_fault("no private memory; start kamailio with a "
				 "larger -M");
	/* What was wrong with it otherwise is still. */
	if (!ctx->refused || ctx->verdict == WRONG_TARGET ||
	    ctx->verdict == WRONG_ROUTE)
		within_repair(msg, ctx);
	return 1;
}

/* ------------------------------------------------ match_dialog() */

int op_match(struct sip_msg *msg, int mode)
{
	return within_match_by(msg, mode) ? 1 : -1;
}

int match_mode(const str *name)
{
	static const char *const names[] = {"DID_ONLY", "DID_FALLBACK",
					    "DID_NONE"};

	for (int mode = 0; mode < 3; mode++)
		if (text_is(to_parley(name), names[mode]))
			return mode;
	return -1;
}
