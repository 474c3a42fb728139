/* See rpc_dlg2.h. */
#include "core/hashes.h"

#include "cookie.h"
#include "rpc_args.h"
#include "rpc_dlg2.h"
#include "rpc_end.h"
#include "rpc_list.h"

/* Buckets for callees in the packaged module, which shows them as Entry. */
enum { CALLEE_BUCKETS = 4096 };

static const str reason = STR_STATIC_INIT("mi_terminated");

/* ------------------------------------------------ list */

/* The packaged module has no word for a call whose ACK is not there yet. */
static const char *state_text(uint8_t state)
{
	switch ((enum parley_state)state) {
	case PARLEY_STATE_UNCONFIRMED:
		return "Unconfirmed";
	case PARLEY_STATE_EARLY:
		return "Early";
	case PARLEY_STATE_CONFIRMED:
		return "Confirmed";
	case PARLEY_STATE_DELETED:
		return "Deleted";
	case PARLEY_STATE_NONE:
	case PARLEY_STATE_ANSWERED:
	case PARLEY_STATES:
		break;
	}
	return "Unknown";
}

static bool add_leg(rpc_t *rpc, void *list, const struct parley_leg_view *leg)
{
	str tag = reader_text(leg->tag);
	str contact = reader_text(leg->contact);
	int entry = (int)core_hash(&tag, NULL, CALLEE_BUCKETS);
	void *out;

	return rpc->struct_add(list, "{", "dlg_out", &out) >= 0 &&
	       rpc->struct_add(out, "ddSsS", "Entry", entry, "Id",
			       (int)leg->number, "To Tag", &tag, "State",
			       reader_leg_state(leg), "Contact", &contact) >= 0;
}

static bool add_head(rpc_t *rpc, void *dialog, const struct parley_view *view)
{
	char cookie[COOKIE_MAX];
	struct parley_str did = {cookie, cookie_print(view->id, cookie)};
	str uri = reader_text(view->req_uri);
	str from = reader_text(view->from_uri);
	str callid = reader_text(view->callid);
	str contact = reader_text(view->caller.contact);
	str routes = reader_text(view->caller.route_set);
	str id = reader_text(did);
	str tag = reader_text(view->caller.tag);

	return rpc->struct_add(dialog, "ddSSSSSSSsd", "Entry",
			       (int)view->id.entry, "Id", (int)view->id.id,
			       "RURI", &uri, "From", &from, "Call-ID", &callid,
			       "Caller Contact", &contact, "Caller Route Set",
			       &routes, "Dialog-ID", &id, "From Tag", &tag,
			       "State", state_text(view->state), "Ref",
			       reader_refs(view)) >= 0;
}

bool rpc_dlg2_add(rpc_t *rpc, void *dialogs, const struct parley_view *view)
{
	void *dialog, *legs;

	if (rpc->struct_add(dialogs, "{", "Dialog", &dialog) < 0 ||
	    !add_head(rpc, dialog, view) ||
	    rpc->struct_add(dialog, "[", "dlg_outs", &legs) < 0)
		return false;
	for (uint32_t i = 0; i < view->leg_count; i++)
		if (!add_leg(rpc, legs, &view->legs[i]))
			return false;
	return true;
}

void rpc_dlg2_list(rpc_t *rpc, void *c)
{
	struct rpc_listing l = {.rpc = rpc, .c = c};
	struct rpc_page page;
	void *h;

	if (!rpc_page_next(rpc, c, &page) || !rpc_listing_fits(&l, &page))
		return;
	if (rpc->add(c, "{", &h) < 0 ||
	    rpc->struct_add(h, "d[", "Size", adapter.set.hash_size, "Dialogs",
			    &l.dialogs) < 0)
		rpc->fault(c, 500, "Server failure");
	else
		rpc_listing_page(&l, &page);
}

/* ------------------------------------------------ end */

void rpc_dlg2_end_dlg(rpc_t *rpc, void *c)
{
	rpc_end_by_id(rpc, c, &reason);
}

static bool is_up(struct reader *reader, struct parley_id id)
{
	struct parley_view view;

	return reader_read(reader, id, &view) == PARLEY_OK &&
	       view.state == PARLEY_STATE_CONFIRMED && !view.ending;
}

/* Calls that come or are confirmed meanwhile may be ended or not; all that
 * were confirmed before are ended, by us or, just then, by themselves. */
void rpc_dlg2_end_all(rpc_t *rpc, void *c)
{
	struct reader reader = {0};
	struct parley_id id = {0};
	int ended = 0, failed = 0;
	void *h;

	if (!rpc_no_more(rpc, c))
		return;
	while (parley_next(adapter.engine, &id)) {
		if (!is_up(&reader, id))
			continue;
		if (sip_terminate(NULL, id, PARLEY_SIDE_ALL, &reason, NULL) ==
		    PARLEY_OK)
			ended++;
		else if (is_up(&reader, id))
			failed++;
	}
	reader_fini(&reader);
	if (rpc->add(c, "{", &h) < 0 ||
	    rpc->struct_add(h, "dd", "Ended", ended, "Failed", failed) < 0)
		rpc->fault(c, 500, "Server failure");
}
