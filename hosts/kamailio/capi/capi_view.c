/* See capi_view.h. */
#include "capi_area.h"
#include "capi_view.h"
#include "reader.h"

static void show_party(struct capi_view *view, int leg,
		       const struct parley_leg_view *party)
{
	struct dlg_cell *cell = &view->cell;

	capi_area_text(&cell->tag[leg], party->tag);
	capi_area_text(&cell->contact[leg], party->contact);
	capi_area_text(&cell->route_set[leg], party->route_set);
	capi_area_number(&cell->cseq[leg], view->cseq[leg], party->cseq);
	cell->bind_addr[leg] = party->socket;
}

void capi_view_show(void *part, const struct parley_shown *shown)
{
	struct capi_view *view = part;
	struct dlg_cell *cell = &view->cell;

	cell->ref = 1;
	cell->h_id = shown->id.id;
	cell->h_entry = shown->id.entry;
	cell->state = shown->state;
	cell->lifetime = shown->lifetime_s;
	cell->init_ts = shown->init_s;
	cell->start_ts = shown->start_s;
	cell->end_ts = shown->end_s;
	cell->dflags = reader_state_dflags(shown->state, shown->start_s != 0,
					   shown->ending);
	cell->iflags = shown->options & PARLEY_OPT_IFLAGS;
	cell->sflags = shown->flags;
	capi_area_text(&cell->callid, shown->callid);
	capi_area_text(&cell->from_uri, shown->from_uri);
	capi_area_text(&cell->to_uri, shown->to_uri);
	capi_area_text(&cell->req_uri, shown->req_uri);
	show_party(view, DLG_CALLER_LEG, &shown->caller);
	show_party(view, DLG_CALLEE_LEG, &shown->callee);
}
