/* See rpc_list.h. */
#include "rpc_args.h"
#include "rpc_dialog.h"
#include "rpc_dlg2.h"
#include "rpc_list.h"
#include "text.h"

enum { WALK_IDS = 64 };

static uint32_t list_max(void)
{
	return (uint32_t)adapter.set.rpc_list_max;
}

bool rpc_listing_too_many(const struct rpc_listing *l, uint64_t count,
			  const char *way)
{
	if (count <= list_max())
		return false;
	l->rpc->fault(l->c, 400, "%u dialogs are more than rpc_list_max (%u)%s",
		      (unsigned int)count, list_max(), way);
	return true;
}

bool rpc_listing_add(struct rpc_listing *l, struct parley_id id)
{
	struct parley_view view;
	bool added;
	int error = reader_read(&l->reader, id, &view);

	if (error == PARLEY_E_MEMORY) {
		l->rpc->fault(l->c, 500, "No memory left");
		return false;
	}
	if (error < 0)
		return true;
	if (l->from_tag && !text_equal(view.caller.tag, to_parley(l->from_tag)))
		return true;
	if (l->fits && !l->fits(l->match, &view))
		return true;
	if (l->dialogs)
		added = rpc_dlg2_add(l->rpc, l->dialogs, &view);
	else if (l->letters)
		added = rpc_dialog_brief(l->rpc, l->c, &view, l->letters);
	else
		added = rpc_dialog_add(l->rpc, l->c, &view, l->context);
	if (!added)
		l->rpc->fault(l->c, 500, "No room left after %u dialogs",
			      l->count);
	l->count++;
	return added;
}

static const char *way_to_list(const struct rpc_listing *l)
{
	return l->way ? l->way
		      : ": give a limit, or h_entry and h_id of the last one "
			"as well";
}

bool rpc_listing_fits(const struct rpc_listing *l, const struct rpc_page *page)
{
	uint64_t count = 0;

	for (int state = PARLEY_STATE_UNCONFIRMED; state < PARLEY_STATES;
	     state++)
		count += parley_count(adapter.engine, (enum parley_state)state);
	return page->limit || !rpc_listing_too_many(l, count, way_to_list(l));
}

void rpc_listing_page(struct rpc_listing *l, const struct rpc_page *page)
{
	uint32_t limit = page->limit ? page->limit : list_max();
	struct parley_id id = page->after;

	while (parley_next(adapter.engine, &id)) {
		if (l->count == limit) {
			/* Some came while we were listing. */
			if (!page->limit)
				rpc_listing_too_many(l, (uint64_t)limit + 1,
						     way_to_list(l));
			break;
		}
		if (!rpc_listing_add(l, id))
			break;
	}
	reader_fini(&l->reader);
}

/* All dialogs, or a page of them. */
static void list_page(struct rpc_listing *l, const struct rpc_page *page)
{
	if (rpc_listing_fits(l, page))
		rpc_listing_page(l, page);
}

static void list_all(rpc_t *rpc, void *c, bool context)
{
	struct rpc_listing l = {.rpc = rpc, .c = c, .context = context};
	struct rpc_page page;

	if (rpc_page_next(rpc, c, &page))
		list_page(&l, &page);
}

void rpc_list(rpc_t *rpc, void *c)
{
	list_all(rpc, c, false);
}

void rpc_list_ctx(rpc_t *rpc, void *c)
{
	list_all(rpc, c, true);
}

void rpc_briefing(rpc_t *rpc, void *c)
{
	struct rpc_listing l = {.rpc = rpc, .c = c};
	struct rpc_text letters;
	struct rpc_page page;

	if (rpc_text_next(rpc, c, &letters) != RPC_ARG_GIVEN)
		letters.s = (str)STR_STATIC_INIT("ftcFT");
	for (int i = 0; i < letters.s.len; i++) {
		if (strchr(RPC_BRIEF_LETTERS, letters.s.s[i]))
			continue;
		rpc->fault(c, 400, "Unknown field '%c': must be of %s",
			   letters.s.s[i], RPC_BRIEF_LETTERS);
		return;
	}
	l.letters = &letters.s;
	if (rpc_page_next(rpc, c, &page))
		list_page(&l, &page);
}

struct parley_id *rpc_listing_ids(struct parley_str callid, uint32_t *count)
{
	uint32_t max = 8;
	struct parley_id *ids;

	for (;;) {
		ids = pkg_malloc(max * sizeof(*ids));
		if (!ids)
			return NULL;
		*count = parley_find_callid(adapter.engine, callid, ids, max);
		if (*count < max || max > list_max())
			return ids;
		pkg_free(ids);
		max *= 8;
	}
}

bool rpc_listing_call(struct rpc_listing *l, const str *callid)
{
	struct parley_id *ids;
	struct rpc_text tag;
	uint32_t count;
	bool good, any;

	any = rpc_text_next(l->rpc, l->c, &tag) != RPC_ARG_GIVEN;
	if (!rpc_no_more(l->rpc, l->c))
		return false;
	ids = rpc_listing_ids(to_parley(callid), &count);
	if (!ids) {
		l->rpc->fault(l->c, 500, "No memory left");
		return false;
	}
	l->from_tag = any || !tag.s.len ? NULL : &tag.s;
	good = !rpc_listing_too_many(l, count, "");
	for (uint32_t i = 0; good && i < count; i++)
		good = rpc_listing_add(l, ids[i]);
	l->from_tag = NULL;
	pkg_free(ids);
	reader_fini(&l->reader);
	return good;
}

static void list_call(rpc_t *rpc, void *c, bool context)
{
	struct rpc_listing l = {.rpc = rpc, .c = c, .context = context};
	struct rpc_text callid;

	if (rpc_text_next(rpc, c, &callid) == RPC_ARG_GIVEN)
		rpc_listing_call(&l, &callid.s);
	else
		rpc->fault(c, 400, "Need a Call-ID");
}

void rpc_dlg_list(rpc_t *rpc, void *c)
{
	list_call(rpc, c, false);
}

void rpc_dlg_list_ctx(rpc_t *rpc, void *c)
{
	list_call(rpc, c, true);
}

static void list_walk(struct rpc_listing *l, struct parley_profile_walk *walk)
{
	struct parley_id ids[WALK_IDS];
	uint32_t count;

	while ((count = parley_profile_walk_next(walk, ids, WALK_IDS)) > 0)
		for (uint32_t i = 0; i < count; i++)
			if (rpc_listing_too_many(l, l->count + 1, "") ||
			    !rpc_listing_add(l, ids[i]))
				return;
}

void rpc_profile_list(rpc_t *rpc, void *c)
{
	struct rpc_listing l = {.rpc = rpc, .c = c};
	struct parley_profile_walk *walk = NULL;
	struct rpc_profile which;
	struct parley_stats stats;
	uint32_t size = 0;
	int error;

	if (!rpc_profile_next(rpc, c, &which))
		return;
	error = parley_profile_size(adapter.engine, which.profile, which.value,
				    &size);
	/* Calls of other servers are counted there, but not listed. */
	parley_get_stats(adapter.engine, &stats);
	if (error == PARLEY_OK && stats.remote_members == 0 &&
	    rpc_listing_too_many(&l, size, ""))
		return;
	if (error == PARLEY_OK)
		error = parley_profile_walk_begin(adapter.engine, which.profile,
						  which.value, &walk);
	if (error < 0) {
		rpc->fault(c, 500, "%s", parley_error_text(error));
		return;
	}
	list_walk(&l, walk);
	parley_profile_walk_end(walk);
	reader_fini(&l.reader);
}
