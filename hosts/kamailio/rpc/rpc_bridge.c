/* See rpc_bridge.h. */
#include "bridge.h"
#include "rpc_args.h"
#include "rpc_bridge.h"

static bool is_word(const struct rpc_text *text, char word)
{
	return text->s.len == 1 && text->s.s[0] == word;
}

void rpc_bridge_dlg(rpc_t *rpc, void *c)
{
	struct rpc_text from, to, proxy, body;
	struct bridge_call call = {.default_body = true};
	const char *fault;

	if (rpc_text_next(rpc, c, &from) != RPC_ARG_GIVEN ||
	    rpc_text_next(rpc, c, &to) != RPC_ARG_GIVEN) {
		rpc->fault(c, 500, "Invalid parameters: need from and to");
		return;
	}
	call.from = from.s;
	call.to = to.s;
	if (rpc_text_next(rpc, c, &proxy) == RPC_ARG_GIVEN) {
		if (!is_word(&proxy, '.'))
			call.proxy = proxy.s;
		if (rpc_text_next(rpc, c, &body) == RPC_ARG_GIVEN) {
			call.default_body = is_word(&body, '.');
			if (!call.default_body && !is_word(&body, '_'))
				call.body = body.s;
			if (!rpc_no_more(rpc, c))
				return;
		}
	}
	fault = bridge_start(&call);
	if (fault)
		rpc->fault(c, 400, "Not bridged: %s", fault);
}
