/* See rpc_match.h. */
#include <regex.h>

#include "rpc_args.h"
#include "rpc_list.h"
#include "rpc_match.h"
#include "text.h"

/* A longer expression is no condition but an attack on the memory. */
enum { EXPRESSION_MAX = 1000 };

enum key { KEY_RURI, KEY_FURI, KEY_TURI, KEY_CALLID, KEY_START, KEYS };
enum op { OP_EQ, OP_RE, OP_SW, OP_GT, OP_LT, OPS };

struct condition {
	enum key key;
	enum op op;
	str value;
	uint32_t number; /* of the value, for start_ts */
	regex_t regex;	 /* compiled with OP_RE */
};

/* ------------------------------------------------ one dialog */

static struct parley_str text_of(const struct parley_view *view, enum key key)
{
	switch (key) {
	case KEY_RURI:
		return view->req_uri;
	case KEY_FURI:
		return view->from_uri;
	case KEY_TURI:
		return view->to_uri;
	default:
		return view->callid;
	}
}

static bool number_fits(const struct condition *condition, uint32_t start_s)
{
	if (condition->op == OP_GT)
		return start_s > condition->number;
	if (condition->op == OP_LT)
		return start_s < condition->number;
	return start_s == condition->number;
}

static bool regex_fits(const struct condition *condition,
		       struct parley_str text)
{
	regmatch_t all = {.rm_so = 0, .rm_eo = (regoff_t)text.len};

	return regexec(&condition->regex, text.len ? text.s : "", 1, &all,
		       REG_STARTEND) == 0;
}

static bool fits(const void *match, const struct parley_view *view)
{
	const struct condition *condition = match;
	struct parley_str text = text_of(view, condition->key);
	uint32_t len = (uint32_t)condition->value.len;

	if (condition->key == KEY_START)
		return number_fits(condition, view->start_s);
	if (condition->op == OP_RE)
		return regex_fits(condition, text);
	if (condition->op == OP_EQ && text.len != len)
		return false;
	return text.len >= len && memcmp(text.s, condition->value.s, len) == 0;
}

/* ------------------------------------------------ the parameters */

/* Index of a word, or @count. */
static int word_of(const str *text, const char *const *words, int count)
{
	int at = 0;

	while (at < count && !text_is(to_parley(text), words[at]))
		at++;
	return at;
}

static const char *regex_fault(struct condition *condition)
{
	char text[EXPRESSION_MAX + 1];
	size_t len = (size_t)condition->value.len;

	if (len > EXPRESSION_MAX || memchr(condition->value.s, 0, len))
		return "Invalid matching value parameter: an expression has "
		       "at most 1000 characters";
	memcpy(text, condition->value.s, len);
	text[len] = 0;
	if (regcomp(&condition->regex, text,
		    REG_EXTENDED | REG_ICASE | REG_NEWLINE) != 0)
		return "Invalid matching value parameter";
	return NULL;
}

/* What key and operator have to do with each other, and the value. */
static const char *value_fault(struct condition *condition)
{
	unsigned int number;

	if (condition->key != KEY_START)
		return condition->op >= OP_GT ? "Matching operator not "
						"supported"
					      : NULL;
	if (condition->op == OP_RE || condition->op == OP_SW)
		return "Matching operator not supported with start_ts key";
	if (str2int(&condition->value, &number) < 0)
		return "Invalid matching value parameter: start_ts is a number "
		       "of seconds since 1970";
	condition->number = number;
	return NULL;
}

/* The texts are those of the command. NULL: @condition is filled, and with
 * OP_RE there is an expression to be freed. */
static const char *condition_fault(struct condition *condition, const str *key,
				   const str *op, const str *value)
{
	static const char *const keys[] = {"ruri", "furi", "turi", "callid",
					   "start_ts"};
	static const char *const ops[] = {"eq", "re", "sw", "gt", "lt"};
	const char *fault;

	if (!key->len || !op->len || !value->len)
		return "Invalid parameters";
	condition->key = (enum key)word_of(key, keys, KEYS);
	if (condition->key == KEYS)
		return "Invalid matching key parameter";
	condition->op = (enum op)word_of(op, ops, OPS);
	if (condition->op == OPS)
		return "Invalid matching operator parameter";
	condition->value = *value;
	fault = value_fault(condition);
	if (!fault && condition->op == OP_RE)
		fault = regex_fault(condition);
	return fault;
}

/* ------------------------------------------------ the commands */

/* False: a fault was sent. */
static bool list_indexed(struct rpc_listing *l, const str *callid,
			 uint32_t limit)
{
	uint32_t count;
	struct parley_id *ids = rpc_listing_ids(to_parley(callid), &count);
	bool ok = true;

	if (!ids) {
		l->rpc->fault(l->c, 500, "No memory left");
		return false;
	}
	if (!limit && rpc_listing_too_many(l, count, ": give a limit"))
		ok = false;
	for (uint32_t i = 0; ok && i < count; i++) {
		if (limit && l->count == limit)
			break;
		ok = rpc_listing_add(l, ids[i]);
	}
	pkg_free(ids);
	return ok;
}

static bool list_walked(struct rpc_listing *l, uint32_t limit)
{
	struct parley_id id = {0, 0};

	while (parley_next(adapter.engine, &id)) {
		if (!rpc_listing_add(l, id))
			return false;
		if (limit && l->count == limit)
			break;
		if (!limit &&
		    rpc_listing_too_many(l, l->count, ": give a limit"))
			return false;
	}
	return true;
}

static void list_fitting(struct rpc_listing *l,
			 const struct condition *condition, uint32_t limit)
{
	bool ok;

	l->fits = fits;
	l->match = condition;
	if (condition->key == KEY_CALLID && condition->op == OP_EQ)
		ok = list_indexed(l, &condition->value, limit);
	else
		ok = list_walked(l, limit);
	if (ok && l->count == 0)
		l->rpc->fault(l->c, 404, "Not found");
	reader_fini(&l->reader);
}

static void list_match(rpc_t *rpc, void *c, bool context)
{
	struct rpc_listing l = {.rpc = rpc, .c = c, .context = context};
	struct condition condition = {0};
	struct rpc_text key, op, value;
	uint32_t limit = 0;
	const char *fault;

	if (rpc_text_next(rpc, c, &key) != RPC_ARG_GIVEN ||
	    rpc_text_next(rpc, c, &op) != RPC_ARG_GIVEN ||
	    rpc_text_next(rpc, c, &value) != RPC_ARG_GIVEN) {
		rpc->fault(c, 500, "Invalid parameters");
		return;
	}
	if (rpc_number_next(rpc, c, "limit", &limit) == RPC_ARG_BAD ||
	    !rpc_no_more(rpc, c))
		return;
	fault = condition_fault(&condition, &key.s, &op.s, &value.s);
	if (fault) {
		rpc->fault(c, 500, "%s", fault);
		return;
	}
	list_fitting(&l, &condition, limit);
	if (condition.op == OP_RE)
		regfree(&condition.regex);
}

void rpc_list_match(rpc_t *rpc, void *c)
{
	list_match(rpc, c, false);
}

void rpc_list_match_ctx(rpc_t *rpc, void *c)
{
	list_match(rpc, c, true);
}
