/* See rpc_state.h. */
#include "rpc_args.h"
#include "rpc_state.h"
#include "state.h"

void rpc_set_state(rpc_t *rpc, void *c)
{
	uint32_t state = PARLEY_STATE_DELETED;
	struct parley_match match;
	struct rpc_call call;
	const str *callee;
	int error;

	if (!rpc_call_next(rpc, c, &call)) {
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
	if (!rpc_call_find(&call, &match)) {
		rpc->fault(c, 500, "Dialog not found");
		return;
	}
	callee = match.callee_is_from ? &call.tag1.s : &call.tag2.s;
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
	struct rpc_call call;

	if (!rpc_call_next(rpc, c, &call)) {
		rpc->fault(c, 400,
			   "Too few parameters (required callid, from-tag, "
			   "to-tag)");
		return;
	}
	if (!rpc_no_more(rpc, c))
		return;
	if (!rpc_call_find(&call, &match))
		rpc->fault(c, 404, "Dialog not found");
	else if (match.state != PARLEY_STATE_CONFIRMED)
		rpc->fault(c, 500, "Dialog not in confirmed state");
	else
		rpc->add(c, "s", "Alive");
}
