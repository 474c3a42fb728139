/* See rpc_db.h. */
#include "asks.h"
#include "journal_file.h"
#include "rpc_args.h"
#include "rpc_counts.h"
#include "rpc_db.h"
#include "writer.h"

static bool has_database(rpc_t *rpc, void *c)
{
	if (adapter.set.db.mode != 0)
		return true;
	rpc->fault(c, 500, "There is no database: db_mode is 0");
	return false;
}

static bool add_stats(rpc_t *rpc, void *h, const struct writer_stats *stats)
{
	const struct rpc_count counts[] = {
		{"mode", (uint64_t)adapter.set.db.mode},
		{"connected", stats->connected},
		{"behind", stats->behind},
		{"waiting", stats->store.waiting},
		{"writing", stats->store.taken},
		{"oldest_ms", stats->store.oldest_ms},
		{"unrecorded", stats->store.unrecorded},
		{"written", stats->written},
		{"deleted", stats->deleted},
		{"statements", stats->statements},
		{"batches", stats->batches},
		{"refused", stats->refused},
		{"errors", stats->errors},
		{"last_commit", stats->last_commit_s},
		{"loading", db_load_pending()},
		{"journal_bytes", stats->store.bytes},
		{"journal_used", stats->store.bytes_used},
		{"journal_torn", stats->store.torn},
	};

	return rpc_add_counts(rpc, h, counts,
			      sizeof(counts) / sizeof(counts[0])) &&
	       rpc->struct_add(h, "s", "journal", journal_file_path()) >= 0;
}

void rpc_db_stats(rpc_t *rpc, void *c)
{
	struct writer_stats stats;
	void *h;

	if (!rpc_no_more(rpc, c) || !has_database(rpc, c))
		return;
	writer_get_stats(&stats);
	if (rpc->add(c, "{", &h) < 0 || !add_stats(rpc, h, &stats))
		rpc->fault(c, 500, "Server failure");
}

void rpc_db_flush(rpc_t *rpc, void *c)
{
	const char *fault;

	if (!rpc_no_more(rpc, c) || !has_database(rpc, c))
		return;
	fault = asks_put(ASK_FLUSH, (struct parley_str){0}, NULL);
	if (fault)
		rpc->fault(c, 500, "%s", fault);
	else
		rpc->add(c, "s", "Asked");
}

static void ask(rpc_t *rpc, void *c, enum ask_what what, struct parley_str text)
{
	struct db_load_count count = {0};
	const char *fault = asks_put(what, text, &count);
	const struct rpc_count counts[] = {
		{"loaded", count.loaded},   {"known", count.known},
		{"foreign", count.foreign}, {"damaged", count.damaged},
		{"orphans", count.orphans}, {"no_room", count.no_room},
	};
	void *h;

	if (fault)
		rpc->fault(c, 500, "%s", fault);
	else if (rpc->add(c, "{", &h) < 0 ||
		 !rpc_add_counts(rpc, h, counts,
				 sizeof(counts) / sizeof(counts[0])))
		rpc->fault(c, 500, "Server failure");
}

static void ask_with(rpc_t *rpc, void *c, enum ask_what what, const char *name)
{
	struct rpc_text text;

	if (!has_database(rpc, c))
		return;
	if (rpc_text_next(rpc, c, &text) != RPC_ARG_GIVEN || text.s.len == 0) {
		rpc->fault(c, 400, "%s is needed", name);
		return;
	}
	if (rpc_no_more(rpc, c))
		ask(rpc, c, what, to_parley(&text.s));
}

void rpc_db_adopt(rpc_t *rpc, void *c)
{
	ask_with(rpc, c, ASK_ADOPT, "The name of a node");
}

void rpc_db_load_callid(rpc_t *rpc, void *c)
{
	ask_with(rpc, c, ASK_LOAD_CALLID, "A Call-ID");
}

void rpc_db_load_extra(rpc_t *rpc, void *c)
{
	if (rpc_no_more(rpc, c) && has_database(rpc, c))
		ask(rpc, c, ASK_LOAD_EXTRA, (struct parley_str){0});
}
