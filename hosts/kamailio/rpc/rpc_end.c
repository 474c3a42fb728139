/* See rpc_end.h. */
#include "header_lines.h"
#include "rpc_args.h"
#include "rpc_end.h"

static const str empty = STR_STATIC_INIT("");

/* What the parties are told. */
struct farewell {
	const str *reason;
	str hdrs; /* whole lines, s to be freed */
};

/* Ends a call and answers with the reason if that was not possible. */
static void end_call(rpc_t *rpc, void *c, struct parley_id id,
		     const struct farewell *farewell)
{
	int error = sip_terminate(NULL, id, PARLEY_SIDE_ALL, farewell->reason,
				  farewell->hdrs.len ? &farewell->hdrs : NULL);

	if (error == PARLEY_E_NO_DIALOG)
		rpc->fault(c, 404, "Dialog not found");
	else if (error < 0)
		rpc->fault(c, 500, "Dialog not ended: %s",
			   sip_terminate_fault(id, PARLEY_SIDE_ALL, error));
}

/* Takes the text of extra headers; it is the last parameter. False: a fault was
 * sent. */
static bool headers_take(rpc_t *rpc, void *c, const str *text, str *lines)
{
	const char *fault;
	size_t len;
	bool ended;

	*lines = (str){0};
	if (text->len <= 0)
		return rpc_no_more(rpc, c);
	fault = header_lines_extra_fault(to_parley(text));
	if (fault) {
		rpc->fault(c, 400, "Extra headers contain %s", fault);
		return false;
	}
	if (!rpc_no_more(rpc, c))
		return false;
	len = (size_t)text->len;
	ended = header_lines_ended(to_parley(text));
	lines->s = pkg_malloc(len + sizeof("\r\n"));
	if (!lines->s) {
		rpc->fault(c, 500, "No memory left");
		return false;
	}
	memcpy(lines->s, text->s, len);
	memcpy(lines->s + len, "\r\n", sizeof("\r\n"));
	lines->len = (int)(ended ? len : len + 2);
	return true;
}

void rpc_end_call(rpc_t *rpc, void *c, struct parley_id id, const str *reason,
		  const str *headers)
{
	struct farewell farewell = {.reason = reason};
	struct rpc_text text = {0};

	if (!headers && rpc_text_next(rpc, c, &text) == RPC_ARG_GIVEN)
		headers = &text.s;
	if (!headers_take(rpc, c, headers ? headers : &empty, &farewell.hdrs))
		return;
	end_call(rpc, c, id, &farewell);
	if (farewell.hdrs.s)
		pkg_free(farewell.hdrs.s);
}

void rpc_end_by_id(rpc_t *rpc, void *c, const str *reason)
{
	struct parley_id id;
	enum rpc_arg arg;

	arg = rpc_number_next(rpc, c, "h_entry", &id.entry);
	if (arg == RPC_ARG_GIVEN)
		arg = rpc_number_next(rpc, c, "h_id", &id.id);
	if (arg == RPC_ARG_NONE)
		rpc->fault(c, 500, "Invalid parameters: need h_entry and h_id");
	if (arg == RPC_ARG_GIVEN)
		rpc_end_call(rpc, c, id, reason, NULL);
}

void rpc_end_dlg(rpc_t *rpc, void *c)
{
	rpc_end_by_id(rpc, c, &empty);
}

void rpc_terminate_dlg(rpc_t *rpc, void *c)
{
	struct parley_match match;
	struct rpc_call call;

	if (!rpc_call_next(rpc, c, &call))
		rpc->fault(c, 400, "Need a Callid ,from tag ,to tag");
	else if (!rpc_call_find(&call, &match))
		rpc->fault(c, 500, "Couldnt find callid in dialog");
	else
		rpc_end_call(rpc, c, match.id, &empty, NULL);
}
