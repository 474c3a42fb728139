/*
 * request.c - what is needed to send a request of ours in a dialog
 *
 * Towards the callee we speak as the caller and towards the caller as the
 * callee, each with the next CSeq of that party (RFC 3261 12.2.1.1), but for
 * keep-alives.
 */
#include "ping.h"
#include "store.h"

/* One direction of one leg. */
struct way {
	const struct parley *engine;
	struct dialog *dialog;
	struct leg *leg;
	bool downstream;
	enum parley_request_kind kind;
};

struct filler {
	char *at;
};

static struct parley_str copy(struct filler *filler, struct parley_str text)
{
	struct parley_str out = {filler->at, text.len};
	if (text.len > 0)
		memcpy(filler->at, text.s, text.len);
	filler->at += text.len;
	return out;
}

static uint32_t take_cseq(const struct way *way)
{
	enum parley_direction dir =
		way->downstream ? PARLEY_DIR_DOWNSTREAM : PARLEY_DIR_UPSTREAM;

	switch (way->kind) {
	case PARLEY_REQUEST_ACK:
		return way->leg->invite_cseq;
	case PARLEY_REQUEST_PING:
		return cseq_old(way->leg, dir);
	case PARLEY_REQUEST_NEXT:
	case PARLEY_REQUEST_OWN:
	case PARLEY_REQUEST_PING_OPTIONS:
	case PARLEY_REQUEST_PING_REINVITE:
		break;
	}
	return cseq_take(way->engine, way->leg, dir,
			 way->kind != PARLEY_REQUEST_NEXT ||
				 (way->dialog->options & PARLEY_OPT_PINGS));
}

static int prepare_locked(const struct way *way, struct parley_request *request,
			  void *buffer, size_t size, size_t *neededp)
{
	const struct dialog *dialog = way->dialog;
	const struct leg *leg = way->leg;
	bool downstream = way->downstream;
	struct parley_str target =
		text_str(downstream ? &leg->contact : &dialog->contact);
	struct parley_str route_set =
		text_str(downstream ? &leg->route_set : &dialog->route_set);
	struct parley_str callid = dialog_callid(dialog);
	struct parley_str from_uri = dialog_from_uri(dialog);
	struct parley_str from_tag = dialog_from_tag(dialog);
	struct parley_str to_uri = dialog_to_uri(dialog);
	struct parley_str to_tag = leg_tag(leg);
	struct parley_said said = {{NULL, 0}, {NULL, 0}};

	if (way->kind == PARLEY_REQUEST_PING_REINVITE)
		said = ping_offer(dialog, downstream ? PARLEY_DIR_DOWNSTREAM
						     : PARLEY_DIR_UPSTREAM);
	size_t needed = (size_t)target.len + route_set.len + callid.len +
			from_uri.len + from_tag.len + to_uri.len + to_tag.len +
			said.contact.len + said.sdp.len;

	if (needed > size) {
		if (neededp)
			*neededp = needed;
		return PARLEY_E_SPACE;
	}
	struct filler filler = {buffer};
	*request = (struct parley_request){
		.callid = copy(&filler, callid),
		.local_uri = copy(&filler, downstream ? from_uri : to_uri),
		.local_tag = copy(&filler, downstream ? from_tag : to_tag),
		.remote_uri = copy(&filler, downstream ? to_uri : from_uri),
		.remote_tag = copy(&filler, downstream ? to_tag : from_tag),
		.target = copy(&filler, target),
		.route_set = copy(&filler, route_set),
		.contact = copy(&filler, said.contact),
		.body = copy(&filler, said.sdp),
		.socket = downstream ? leg->socket : dialog->socket,
		.cseq = take_cseq(way),
		.state = dialog->state,
	};
	return 0;
}

/* False: a keep-alive that nobody wants any more. */
static bool may_ask(const struct way *way, enum parley_direction towards)
{
	switch (way->kind) {
	case PARLEY_REQUEST_PING:
		return ping_asks(way->engine, way->dialog, way->leg, towards);
	case PARLEY_REQUEST_PING_OPTIONS:
		return ping_pings(way->engine, way->dialog, way->leg, towards);
	case PARLEY_REQUEST_PING_REINVITE:
		return ping_pings(way->engine, way->dialog, way->leg,
				  towards) &&
		       ping_invites(way->engine, way->dialog, way->leg,
				    towards);
	case PARLEY_REQUEST_NEXT:
	case PARLEY_REQUEST_ACK:
	case PARLEY_REQUEST_OWN:
		break;
	}
	return true;
}

/* NOLINTNEXTLINE(readability-function-size): parley.h has it so. */
int parley_request_prepare(struct parley *engine, struct parley_id id,
			   uint32_t leg_number, enum parley_direction towards,
			   enum parley_request_kind kind,
			   struct parley_request *request, void *buffer,
			   size_t size, size_t *neededp)
{
	if ((towards != PARLEY_DIR_DOWNSTREAM &&
	     towards != PARLEY_DIR_UPSTREAM) ||
	    kind > PARLEY_REQUEST_PING_REINVITE)
		return PARLEY_E_ARGUMENT;
	struct dialog *dialog = dialog_find_lock(engine, id);
	if (!dialog)
		return PARLEY_E_NO_DIALOG;
	int rc = PARLEY_E_NO_LEG;
	struct way way = {
		.engine = engine,
		.dialog = dialog,
		.leg = leg_find_number(dialog, leg_number),
		.downstream = towards == PARLEY_DIR_DOWNSTREAM,
		.kind = kind,
	};
	if (way.leg && !may_ask(&way, towards))
		rc = PARLEY_E_STATE;
	else if (way.leg)
		rc = prepare_locked(&way, request, buffer, size, neededp);
	if (rc == 0 && kind != PARLEY_REQUEST_ACK &&
	    kind != PARLEY_REQUEST_PING)
		dialog_changed(engine, dialog);
	dialog_write_unlock(engine, dialog);
	return rc;
}
