/* See rpc_mi.h. */
#include "calls.h"
#include "cookie.h"
#include "own_var.h"
#include "rpc_args.h"
#include "rpc_end.h"
#include "rpc_list.h"
#include "rpc_mi.h"

static const str no_reason = STR_STATIC_INIT("");

bool rpc_mi_find(const str *name, struct parley_id *id)
{
	struct parley_id wanted;
	uint64_t ignored;

	if (cookie_parse(to_parley(name), &wanted) &&
	    parley_get_host_ref(adapter.engine, wanted, &ignored) == 0) {
		*id = wanted;
		return true;
	}
	return name->len > 0 && calls_find(name, false, id);
}

/* ------------------------------------------------ lists */

static void list(rpc_t *rpc, void *c, bool context)
{
	struct rpc_listing l = {
		.rpc = rpc,
		.c = c,
		.context = context,
		.way = ": dlg.list lists a page of them",
	};
	const struct rpc_page all = {0};
	struct rpc_text callid;

	if (rpc_text_next(rpc, c, &callid) == RPC_ARG_GIVEN) {
		if (rpc_listing_call(&l, &callid.s) && l.count == 0)
			rpc->fault(c, 404, "No such dialog");
	} else if (rpc_listing_fits(&l, &all)) {
		rpc_listing_page(&l, &all);
	}
}

void rpc_mi_list(rpc_t *rpc, void *c)
{
	list(rpc, c, false);
}

void rpc_mi_list_ctx(rpc_t *rpc, void *c)
{
	list(rpc, c, true);
}

/* ------------------------------------------------ ends */

/* h_entry h_id [headers], or a name and [headers]. */
void rpc_mi_end_dlg(rpc_t *rpc, void *c)
{
	struct rpc_text name, second;
	struct parley_id id;
	bool more;

	if (rpc_text_next(rpc, c, &name) != RPC_ARG_GIVEN) {
		rpc->fault(c, 400,
			   "Need h_entry and h_id, or a DID or Call-ID");
		return;
	}
	more = rpc_text_next(rpc, c, &second) == RPC_ARG_GIVEN;
	if (more && rpc_digits(&name.s, &id.entry) &&
	    rpc_digits(&second.s, &id.id))
		rpc_end_call(rpc, c, id, &no_reason, NULL);
	else if (!rpc_mi_find(&name.s, &id))
		rpc->fault(c, 404, "Dialog not found");
	else
		rpc_end_call(rpc, c, id, &no_reason,
			     more ? &second.s : &no_reason);
}

/* One document has several tags in one line, and one too many. */
enum { TEXTS_MAX = 4, WORDS_MAX = 3 };
struct words {
	str list[WORDS_MAX];
	int count; /* above WORDS_MAX: too many */
};

static void words_add(struct words *words, str word)
{
	if (words->count < WORDS_MAX)
		words->list[words->count] = word;
	words->count++;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* An empty text is an empty word: the To-tag that there is not yet. */
static void words_of(struct words *words, const str *text)
{
	int at = 0, start;

	if (text->len == 0)
		words_add(words, *text);
	while (at < text->len) {
		while (at < text->len && is_blank(text->s[at]))
			at++;
		start = at;
		while (at < text->len && !is_blank(text->s[at]))
			at++;
		if (at > start)
			words_add(words, (str){text->s + start, at - start});
	}
}

/* The last word is one tag, any of those before it the other. */
static bool find_by_words(const str *callid, const struct words *words,
			  struct parley_id *id)
{
	const str *last = &words->list[words->count - 1];
	struct parley_match match;

	for (int i = 0; i < words->count - 1; i++)
		if (parley_find_call(adapter.engine, to_parley(callid),
				     to_parley(&words->list[i]),
				     to_parley(last), &match) == 0) {
			*id = match.id;
			return true;
		}
	return false;
}

void rpc_mi_terminate_dlg(rpc_t *rpc, void *c)
{
	struct rpc_text callid, texts[TEXTS_MAX];
	const str *headers = &no_reason;
	struct words words = {0};
	struct parley_id id;
	bool given = rpc_text_next(rpc, c, &callid) == RPC_ARG_GIVEN;

	for (int i = 0; given && i < TEXTS_MAX; i++) {
		const str *text = &texts[i].s;

		if (rpc_text_next(rpc, c, &texts[i]) != RPC_ARG_GIVEN)
			break;
		/* A tag is a token (RFC 3261 25.1), without a colon. */
		if (words.count >= 2 && text->len > 0 &&
		    memchr(text->s, ':', (size_t)text->len)) {
			headers = text;
			break;
		}
		words_of(&words, text);
	}
	if (words.count < 2 || words.count > WORDS_MAX)
		rpc->fault(c, 400, "Need a Call-ID, a From-tag and a To-tag");
	else if (!find_by_words(&callid.s, &words, &id))
		rpc->fault(c, 404, "Dialog not found");
	else
		rpc_end_call(rpc, c, id, &no_reason, headers);
}

/* ------------------------------------------------ variables */

struct push {
	rpc_t *rpc;
	void *c;
	struct rpc_text name, value;
	void *missing; /* the list of those that were not found */
	int set;
};

/* False: a fault was sent. */
static bool push_one(struct push *push, const str *dialog)
{
	struct parley_id id;
	int error = PARLEY_E_NO_DIALOG;

	if (rpc_mi_find(dialog, &id))
		error = parley_var_set(adapter.engine, id,
				       to_parley(&push->name.s),
				       to_parley(&push->value.s));
	if (error == PARLEY_OK)
		push->set++;
	else if (error != PARLEY_E_NO_DIALOG)
		push->rpc->fault(push->c, 500, "Set for %d dialogs only: %s",
				 push->set, parley_error_text(error));
	else if (push->rpc->array_add(push->missing, "S", dialog) < 0)
		push->rpc->fault(push->c, 500, "Server failure");
	else
		return true;
	return error == PARLEY_OK;
}

static void push_all(struct push *push, struct rpc_text *dialog)
{
	rpc_t *rpc = push->rpc;
	void *h;

	if (rpc->add(push->c, "{", &h) < 0 ||
	    rpc->struct_add(h, "[", "not_found", &push->missing) < 0) {
		rpc->fault(push->c, 500, "Server failure");
		return;
	}
	do {
		if (!push_one(push, &dialog->s))
			return;
	} while (rpc_text_next(rpc, push->c, dialog) == RPC_ARG_GIVEN);
	if (push->set == 0)
		rpc->fault(push->c, 404, "Dialog not found");
	else if (rpc->struct_add(h, "d", "set", push->set) < 0)
		rpc->fault(push->c, 500, "Server failure");
}

void rpc_mi_push_var(rpc_t *rpc, void *c)
{
	struct push push = {.rpc = rpc, .c = c};
	struct rpc_text dialog;

	if (rpc_text_next(rpc, c, &push.name) != RPC_ARG_GIVEN ||
	    rpc_text_next(rpc, c, &push.value) != RPC_ARG_GIVEN ||
	    rpc_text_next(rpc, c, &dialog) != RPC_ARG_GIVEN)
		rpc->fault(c, 400,
			   "Need a name, a value, and DIDs or Call-IDs");
	else if (push.name.s.len <= 0 || push.name.s.len > PARLEY_VALUE_MAX ||
		 push.value.s.len > PARLEY_STR_MAX ||
		 own_var_is(to_parley(&push.name.s)))
		rpc->fault(c, 400,
			   "The name must have 1 to %d characters, the first "
			   "of them not ~, and the value at most %d",
			   PARLEY_VALUE_MAX, PARLEY_STR_MAX);
	else
		push_all(&push, &dialog);
}
