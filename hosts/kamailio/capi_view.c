/*
 * capi_view.c - writes the struct dlg_cell of a dialog
 *
 * Other processes may read the cell at the same time. A number is one store. A
 * text is two, its address and its length; the shorter length stands while the
 * address changes, and what was shown before is still there (parley_shown).
 */
#include "capi.h"
#include "capi_view.h"
#include "reader.h"
#include "text.h"

static void show_text(str *text, struct parley_str value)
{
	str now = reader_text(value);

	if (text->s == now.s && text->len == now.len)
		return;
	if (text->len > now.len || !text->s)
		__atomic_store_n(&text->len, now.len, __ATOMIC_RELEASE);
	__atomic_store_n(&text->s, now.s, __ATOMIC_RELEASE);
	__atomic_store_n(&text->len, now.len, __ATOMIC_RELEASE);
}

/* Who reads at the same time sees digits all the time. */
static void show_cseq(str *text, char *digits, uint32_t cseq)
{
	char print[TEXT_DIGITS];
	struct parley_str number = text_number(cseq, print);

	memcpy(digits, number.s, number.len);
	text->s = digits;
	text->len = (int)number.len;
}

static void show_party(struct capi_view *view, int leg,
		       const struct parley_leg_view *party)
{
	struct dlg_cell *cell = &view->cell;

	show_text(&cell->tag[leg], party->tag);
	show_text(&cell->contact[leg], party->contact);
	show_text(&cell->route_set[leg], party->route_set);
	show_cseq(&cell->cseq[leg], view->cseq[leg], party->cseq);
	cell->bind_addr[leg] = party->socket;
}

void capi_show(void *self, void *area, const struct parley_shown *shown)
{
	struct capi_view *view = area;
	struct dlg_cell *cell = &view->cell;

	(void)self;
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
	cell->iflags = shown->options;
	cell->sflags = shown->flags;
	show_text(&cell->callid, shown->callid);
	show_text(&cell->from_uri, shown->from_uri);
	show_text(&cell->to_uri, shown->to_uri);
	show_text(&cell->req_uri, shown->req_uri);
	show_party(view, DLG_CALLER_LEG, &shown->caller);
	show_party(view, DLG_CALLEE_LEG, &shown->callee);
}
