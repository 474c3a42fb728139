/* See rpc_state.h. */
#include "rpc_args.h"
#include "rpc_state.h"
#include "state.h"

/* Call-ID, From-tag, To-tag. */
struct named {
	struct rpc_text callid, tag1, tag2;
};

/* False: there are not three. */
static bool named_next(rpc_t *rpc, void *c, struct named *named)
{
	return rpc_text_next(rpc, c, &named->callid) == RPC_ARG_GIVEN &&
	       rpc_text_next(rpc, c, &named->tag1) == RPC_ARG_GIVEN &&
	       rpc_text_next(rpc, c, &named->tag2) == RPC_ARG_GIVEN;
}

static bool named_find(const struct named *named, struct parley_match *match)
{
	return parley_find_call(adapter.engine, to_parley(&named->callid.s),
				to_parley(&named->tag1.s),
				to_parley(&named->tag2.s), match) == 0;
}

void rpc_set_state(rpc_t *rpc, void *c)
{
	uint32_t state = PARLEY_STATE_DELETED;
	struct parley_match match;
	struct named named;
	const str *callee;
	int error;

	if (!named_next(rpc, c, &named)) {
		rpc->fault(c, 400,
			   "Need the callid, from tag,to tag and state");
		return;
	}
	if (rpc_number_next(rpc, c, "state", &state) == RPC_ARG_BAD ||
	    !rpc_no_more(rpc, c))
		return;
	if (state < PARLEY_STATE_UNCONFIRMED || state > PARLEY_STATE_DELETED) {
		rpc->fault(c, 500, "Invalid state value");
		return;
	}
	if (!named_find(&named, &match)) {
		rpc->fault(c, 500, "Dialog not found");
		return;
	}
	callee = match.callee_is_from ? &named.tag1.s : &named.tag2.s;
	error = state_set(match.id, (uint8_t)state, to_parley(callee));
	if (error < 0) {
		rpc->fault(c, 500, "State not set: %s",
			   state_error_text(error));
	} else {
		LM_NOTICE("dialog %u.%u: state %u by command, was %u\n",
			  match.id.entry, match.id.id, state, match.state);
		rpc->add(c, "s", "Done");
	}
}

void rpc_is_alive(rpc_t *rpc, void *c)
{
	struct parley_match match;
	struct named named;

	if (!named_next(rpc, c, &named)) {
		rpc->fault(c, 400,
			   "Too few parameters (required callid, from-tag, "
			   "to-tag)");
		return;
	}
	if (!rpc_no_more(rpc, c))
		return;
	if (!named_find(&named, &match))
		rpc->fault(c, 404, "Dialog not found");
	else if (match.state != PARLEY_STATE_CONFIRMED)
		rpc->fault(c, 500, "Dialog not in confirmed state");
	else
		rpc->add(c, "s", "Alive");
}
