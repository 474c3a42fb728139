/*
 * rpc_list.h - RPC commands that show dialogs
 *
 * What:    dlg.list and its like, for the table in rpc.c.
 * Owns:    one buffer for a dialog for as long as a command runs.
 * Locking: none; dialogs are copied one at a time, so that a list of any
 *          length holds up nobody. What comes or goes meanwhile may or may not
 *          be in it, all the rest is in it once.
 * Why:     rpc.c has the commands that do something.
 */
#ifndef RPC_LIST_H
#define RPC_LIST_H

#include "core/rpc.h"

#include "reader.h"
#include "rpc_args.h"

void rpc_list(rpc_t *rpc, void *c);
void rpc_list_ctx(rpc_t *rpc, void *c);
void rpc_dlg_list(rpc_t *rpc, void *c);
void rpc_dlg_list_ctx(rpc_t *rpc, void *c);
void rpc_profile_list(rpc_t *rpc, void *c);
void rpc_briefing(rpc_t *rpc, void *c);

/* ------------------------------------------------ for rpc_match.c, rpc_dlg2.c
 */

/* A command that lists. */
struct rpc_listing {
	rpc_t *rpc;
	void *c;
	struct reader reader;
	bool context;
	void *dialogs;	     /* dlg2.list: its array; NULL: the reply */
	const str *letters;  /* dlg.briefing; NULL: whole dialogs */
	const str *from_tag; /* only dialogs with this tag; NULL: all */
	/* Only dialogs of which this is true; NULL: all. */
	bool (*fits)(const void *match, const struct parley_view *view);
	const void *match;
	const char *way; /* for the fault of too many; NULL: that of dlg.list */
	uint32_t count;	 /* listed so far */
};

/* Adds one dialog. False: a fault was sent. One that has gone is no fault. */
bool rpc_listing_add(struct rpc_listing *l, struct parley_id id);

/* True, and a fault was sent: @count is above rpc_list_max. */
bool rpc_listing_too_many(const struct rpc_listing *l, uint64_t count,
			  const char *way);

/* False, and a fault was sent: there are more dialogs than one reply may have,
 * and @page has no limit. */
bool rpc_listing_fits(const struct rpc_listing *l, const struct rpc_page *page);
/* Adds all dialogs, or @page of them; gives the buffer back. */
void rpc_listing_page(struct rpc_listing *l, const struct rpc_page *page);

/* Adds the dialogs of a Call-ID, or, if there is one more parameter, of this
 * From-tag; gives the buffer back. False: a fault was sent. */
bool rpc_listing_call(struct rpc_listing *l, const str *callid);

/* The ids of all dialogs with a Call-ID, in memory of this process. NULL: no
 * memory. Usually there is one; a loop without spiral detection makes many. */
struct parley_id *rpc_listing_ids(struct parley_str callid, uint32_t *count);

#endif
