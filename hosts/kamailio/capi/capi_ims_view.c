/* See capi_ims_view.h. */
#include "core/hashes.h"

#include "adapter.h"
#include "capi_ims_view.h"

/* The header has numbers of its own. */
static unsigned int state_of(uint8_t state)
{
	static const unsigned int theirs[] = {
		[PARLEY_STATE_UNCONFIRMED] = DLG_STATE_UNCONFIRMED,
		[PARLEY_STATE_EARLY] = DLG_STATE_EARLY,
		[PARLEY_STATE_ANSWERED] = DLG_STATE_CONFIRMED_NA,
		[PARLEY_STATE_CONFIRMED] = DLG_STATE_CONFIRMED,
		[PARLEY_STATE_DELETED] = DLG_STATE_DELETED,
	};

	return theirs[state];
}

static unsigned int dflags_of(const struct parley_shown *shown)
{
	unsigned int flags = 0;

	if (shown->state == PARLEY_STATE_DELETED && shown->start_s != 0)
		flags |= DLG_FLAG_HASBYE;
	if (shown->ending)
		flags |= DLG_FLAG_CALLERBYE | DLG_FLAG_CALLEEBYE;
	if (shown->expired)
		flags |= DLG_FLAG_EXPIRED;
	if (shown->state > PARLEY_STATE_UNCONFIRMED)
		flags |= DLG_FLAG_TM;
	return flags;
}

static void show_leg(struct capi_ims_leg *leg, const struct parley_shown *shown,
		     const struct parley_leg_view *view)
{
	struct dlg_cell_out *out = &leg->out;
	/* As long as it has sent no request its replies echo the INVITE's. */
	uint32_t callee = view->cseq > 0 ? view->cseq : view->invite_cseq;

	capi_area_text(&out->to_uri, shown->to_uri);
	capi_area_text(&out->to_tag, view->tag);
	capi_area_text(&out->callee_contact, view->contact);
	capi_area_text(&out->callee_route_set, view->route_set);
	capi_area_number(&out->caller_cseq, leg->caller_cseq,
			 view->caller_cseq);
	capi_area_number(&out->callee_cseq, leg->callee_cseq, callee);
	out->callee_bind_addr = view->socket;
	out->deleted = view->state == PARLEY_LEG_ENDED;
	if (out->h_entry == 0)
		out->h_entry = core_hash(&out->to_tag, NULL,
					 (unsigned)adapter.set.hash_size);
}

static void set(struct dlg_cell_out **link, struct dlg_cell_out *out)
{
	__atomic_store_n(link, out, __ATOMIC_RELEASE);
}

/* A leg is cut off from what came after it before it is linked at another
 * place, so whoever is walking comes to an end, never to a circle. */
static void show_legs(struct dlg_cell *cell, const struct parley_shown *shown)
{
	struct dlg_entry_out *list = &cell->dlg_entry_out;
	struct dlg_cell_out **link = &list->first;
	struct dlg_cell_out *last = NULL;
	struct parley_leg_view view;
	const void *cursor = NULL;
	unsigned int count = 0;
	void *area;

	while (parley_shown_leg(shown, &cursor, &view, &area)) {
		struct capi_ims_leg *leg = area;

		if (!leg)
			continue;
		show_leg(leg, shown, &view);
		if (*link != &leg->out) {
			set(&leg->out.next, NULL);
			set(&leg->out.prev, last);
			set(link, &leg->out);
		}
		last = &leg->out;
		link = &last->next;
		count++;
	}
	if (*link)
		set(link, NULL);
	list->last = last;
	list->count = count;
}

void capi_ims_view_show(void *part, const struct parley_shown *shown)
{
	struct capi_ims_view *view = part;
	struct dlg_cell *cell = &view->cell;

	cell->ref = 1;
	cell->h_id = shown->id.id;
	cell->h_entry = shown->id.entry;
	capi_area_text(&cell->callid, shown->callid);
	capi_area_text(&cell->from_tag, shown->caller.tag);
	capi_area_text(&cell->from_uri, shown->from_uri);
	capi_area_number(&cell->first_req_cseq, view->first_cseq,
			 shown->invite_cseq);
	capi_area_text(&cell->req_uri, shown->req_uri);
	capi_area_text(&cell->caller_contact, shown->caller.contact);
	capi_area_text(&cell->caller_route_set, shown->caller.route_set);
	cell->caller_bind_addr = shown->caller.socket;
	cell->state = state_of(shown->state);
	cell->init_ts = shown->init_s;
	cell->start_ts = shown->start_s;
	cell->lifetime = shown->lifetime_s;
	cell->dflags = dflags_of(shown);
	cell->sflags = shown->flags;
	show_legs(cell, shown);
}
