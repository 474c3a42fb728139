/* See rpc_args.h. */
#include "rpc_args.h"

enum { RPC_ID_MAX = INT32_MAX };

enum rpc_arg rpc_text_next(rpc_t *rpc, void *c, struct rpc_text *text)
{
	text->s = (str){0};
	if (rpc->scan(c, "*.S", &text->s) < 1 || !text->s.s)
		return RPC_ARG_NONE;
	if ((size_t)text->s.len < sizeof(text->kept)) {
		memcpy(text->kept, text->s.s, (size_t)text->s.len);
		text->kept[text->s.len] = '\0';
		text->s.s = text->kept;
	}
	return RPC_ARG_GIVEN;
}

bool rpc_digits(const str *text, uint32_t *number)
{
	uint64_t sum = 0;

	if (text->len <= 0 || text->len > 10)
		return false;
	for (int i = 0; i < text->len; i++) {
		if (text->s[i] < '0' || text->s[i] > '9')
			return false;
		sum = sum * 10 + (uint64_t)(text->s[i] - '0');
	}
	*number = (uint32_t)sum;
	return sum <= RPC_ID_MAX;
}

enum rpc_arg rpc_number_next(rpc_t *rpc, void *c, const char *name,
			     uint32_t *number)
{
	struct rpc_text text;
	enum rpc_arg arg = rpc_text_next(rpc, c, &text);

	if (arg != RPC_ARG_GIVEN)
		return arg;
	if (rpc_digits(&text.s, number))
		return RPC_ARG_GIVEN;
	rpc->fault(c, 400, "%s must be a number from 0 to %d", name,
		   RPC_ID_MAX);
	return RPC_ARG_BAD;
}

/* How much of a parameter a fault repeats: ctl drops one that is too long. */
static int shown(const str *text)
{
	enum { SHOWN_MAX = 128 };

	return text->len < SHOWN_MAX ? text->len : SHOWN_MAX;
}

bool rpc_no_more(rpc_t *rpc, void *c)
{
	struct rpc_text text;

	if (rpc_text_next(rpc, c, &text) == RPC_ARG_NONE)
		return true;
	rpc->fault(c, 400, "Unknown parameter: %.*s", shown(&text.s), text.s.s);
	return false;
}

bool rpc_call_next(rpc_t *rpc, void *c, struct rpc_call *call)
{
	return rpc_text_next(rpc, c, &call->callid) == RPC_ARG_GIVEN &&
	       rpc_text_next(rpc, c, &call->tag1) == RPC_ARG_GIVEN &&
	       rpc_text_next(rpc, c, &call->tag2) == RPC_ARG_GIVEN;
}

bool rpc_call_find(const struct rpc_call *call, struct parley_match *match)
{
	return parley_find_call(adapter.engine, to_parley(&call->callid.s),
				to_parley(&call->tag1.s),
				to_parley(&call->tag2.s), match) == 0;
}

bool rpc_page_next(rpc_t *rpc, void *c, struct rpc_page *page)
{
	enum rpc_arg arg;

	*page = (struct rpc_page){0};
	arg = rpc_number_next(rpc, c, "limit", &page->limit);
	if (arg == RPC_ARG_NONE)
		return true;
	if (arg == RPC_ARG_BAD)
		return false;
	if (page->limit == 0) {
		rpc->fault(c, 400, "limit must be above 0");
		return false;
	}
	arg = rpc_number_next(rpc, c, "h_entry", &page->after.entry);
	if (arg == RPC_ARG_NONE)
		return true;
	if (arg == RPC_ARG_BAD)
		return false;
	/* Calls that were loaded keep an entry of another hash_size. */
	if (page->after.entry >= PARLEY_HASH_SIZE_MAX) {
		rpc->fault(c, 400, "h_entry must be below %d",
			   PARLEY_HASH_SIZE_MAX);
		return false;
	}
	arg = rpc_number_next(rpc, c, "h_id", &page->after.id);
	if (arg == RPC_ARG_NONE)
		rpc->fault(c, 400, "h_entry needs an h_id");
	return arg == RPC_ARG_GIVEN && rpc_no_more(rpc, c);
}

bool rpc_profile_first(rpc_t *rpc, void *c, struct rpc_profile *which)
{
	struct rpc_text name;
	enum rpc_arg value;

	if (rpc_text_next(rpc, c, &name) != RPC_ARG_GIVEN) {
		rpc->fault(c, 400, "Need a profile name");
		return false;
	}
	which->profile =
		parley_profile_find(adapter.engine, to_parley(&name.s));
	if (which->profile < 0) {
		rpc->fault(c, 404, "Profile not found: %.*s", shown(&name.s),
			   name.s.s);
		return false;
	}
	which->value = (struct parley_str){0};
	value = rpc_text_next(rpc, c, &which->text);
	if (value == RPC_ARG_BAD)
		return false;
	if (value == RPC_ARG_GIVEN)
		which->value = to_parley(&which->text.s);
	return true;
}

bool rpc_profile_next(rpc_t *rpc, void *c, struct rpc_profile *which)
{
	return rpc_profile_first(rpc, c, which) && rpc_no_more(rpc, c);
}
