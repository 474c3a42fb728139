/* chaos.c - events that no SIP server would feed, and forged requests */
#include <stdio.h>
#include <string.h>

#include "tell.h"

enum { CHAOS_DIALOGS = 14 };

static void some_tag(struct sim *sim, const struct model_dialog *dialog,
		     char *buffer, uint32_t size)
{
	uint32_t which = rng_below(&sim->rng, 100);

	if (which < 3)
		buffer[0] = 0;
	else if (which < 6)
		snprintf(buffer, size, "%s", dialog->from_tag);
	else if (which < 20)
		snprintf(buffer, size, "leg-%u", rng_below(&sim->rng, 40));
	else
		snprintf(buffer, size, "leg-%u", rng_below(&sim->rng, 3));
}

static void chaos_create(struct sim *sim)
{
	char callid[32], tag[24];
	struct script_facts facts;
	struct parley_actions actions;
	struct parley_event event = {.type = PARLEY_EV_INVITE};

	/* Few names, so that the same call may come twice. */
	snprintf(callid, sizeof(callid), "call-%u", rng_below(&sim->rng, 8));
	snprintf(tag, sizeof(tag), "from-%u", rng_below(&sim->rng, 2));
	event.callid = str_of(callid);
	event.from_tag = str_of(tag);
	event.from_uri = str_of("sip:a@b");
	event.to_uri = str_of("sip:c@d");
	event.req_uri = str_of("sip:c@d");
	event.contact = str_of("sip:a@1.2.3.4");
	event.cseq = rng_range(&sim->rng, 1, 50);
	event.hold = rng_chance(&sim->rng, 700);
	event.socket = rng_chance(&sim->rng, 900) ? sim : NULL;
	script_before(sim, &facts);
	if (rng_chance(&sim->rng, 900))
		event.create = &facts.create;
	if (tell_create(sim, &event, &actions) != 0)
		script_abandon(sim, &facts);
	else
		proxy_run(sim, &actions, -1);
	if (event.create == NULL)
		script_abandon(sim, &facts);
}

static enum parley_event_type crossing_type(struct sim *sim,
					    const struct model_dialog *dialog)
{
	static const enum parley_event_type types[] = {
		PARLEY_EV_REPLY_2XX, PARLEY_EV_BYE_DONE, PARLEY_EV_ACK,
		PARLEY_EV_BYE,	     PARLEY_EV_UPDATE,
	};

	if (!dialog->ended_by_us)
		return PARLEY_EV_TERMINATE;
	if (dialog->leg_count == 0)
		return PARLEY_EV_REPLY_2XX;
	return types[rng_below(&sim->rng, 5)];
}

static void chaos_event(struct sim *sim, struct model_dialog *dialog)
{
	static const char *const contacts[] = {
		"", "sip:x@1.1.1.1", "sip:longer-contact@example.com:5070"};
	char tag[MODEL_TAG];
	struct parley_event event = {
		.type = (enum parley_event_type)rng_range(
			&sim->rng, PARLEY_EV_SPIRAL, PARLEY_EVENTS - 1),
		.id = dialog->id,
	};

	/* Most calls get an answer before anything else happens. */
	if (dialog->state < PARLEY_STATE_ANSWERED && rng_chance(&sim->rng, 300))
		event.type = rng_chance(&sim->rng, 300)
				     ? PARLEY_EV_BRANCH_FAILED
			     : rng_chance(&sim->rng, 500) ? PARLEY_EV_REPLY_1XX
							  : PARLEY_EV_REPLY_2XX;
	/* A 2xx that crosses our end, and what may follow it. */
	if (dialog->state < PARLEY_STATE_ANSWERED && rng_chance(&sim->rng, 300))
		event.type = crossing_type(sim, dialog);
	some_tag(sim, dialog, tag, sizeof(tag));
	event.dir = (enum parley_direction)rng_below(&sim->rng, 12);
	if (event.dir > PARLEY_DIR_UPSTREAM)
		event.dir = event.dir % 2 == 0 ? PARLEY_DIR_UPSTREAM
					       : PARLEY_DIR_DOWNSTREAM;
	event.to_tag = str_of(tag);
	event.contact = str_of(contacts[rng_below(&sim->rng, 3)]);
	event.route_set =
		str_of(rng_chance(&sim->rng, 500) ? "<sip:r;lr>" : "");
	event.reason = str_of("chaos");
	event.socket = rng_chance(&sim->rng, 500) ? sim : NULL;
	event.cseq = rng_range(&sim->rng, 1, 200);
	event.code = (uint16_t)rng_range(&sim->rng, 180, 603);
	event.branch = (uint8_t)rng_below(&sim->rng, 5);
	if (rng_chance(&sim->rng, 50))
		event.branch = (uint8_t)rng_below(&sim->rng, 256);
	event.lifetime_s =
		rng_chance(&sim->rng, 100) ? rng_range(&sim->rng, 1, 90) : 0;
	event.leg = rng_below(&sim->rng, 4);
	event.method = (enum parley_event_type)rng_range(
		&sim->rng, PARLEY_EV_ACK, PARLEY_EV_REQUEST);
	event.side = (enum parley_side)rng_below(&sim->rng, 5);
	event.state = (uint8_t)rng_below(&sim->rng, 7);
	if (event.type == PARLEY_EV_SET_STATE && rng_chance(&sim->rng, 500))
		event.to_tag = str_of("");
	event.hold = rng_chance(&sim->rng, 300);
	event.invite = rng_chance(&sim->rng, 500);
	event.can_reply = rng_chance(&sim->rng, 600);
	event.can_swallow = rng_chance(&sim->rng, 600);
	tell_host(sim, &event, -1);
}

void chaos_bogus(struct sim *sim)
{
	struct model_dialog *dialog = NULL;
	struct parley_query query = {.method = PARLEY_EV_BYE};
	struct parley_match match;
	struct parley_actions actions;
	struct parley_event event = {.type = PARLEY_EV_BYE,
				     .dir = PARLEY_DIR_DOWNSTREAM,
				     .to_tag = str_of("forged"),
				     .cseq = 70000};

	if (model_random(sim, &dialog) == 0)
		return;
	query.id = dialog->id;
	query.callid = str_of(dialog->callid);
	query.from_tag = str_of(dialog->from_tag);
	query.to_tag = str_of("forged");
	switch (rng_below(&sim->rng, 7)) {
	case 0: /* any identity */
		query.id.id = (uint32_t)rng_next(&sim->rng);
		query.id.entry = (uint32_t)rng_next(&sim->rng);
		break;
	case 1: /* the identity of another call */
		query.callid = str_of("somebody else's");
		break;
	case 2: /* no cookie */
		query.id = (struct parley_id){0, 0};
		break;
	case 3: /* the caller's tag twice */
		query.to_tag = query.from_tag;
		break;
	case 4: /* one tag is right */
		query.from_tag = str_of("forged");
		query.to_tag = str_of(dialog->from_tag);
		if (dialog->leg_count > 0 && rng_chance(&sim->rng, 700))
			query.to_tag = str_of(dialog->leg[0].tag);
		break;
	case 5: /* an old callee's, if there is one */
		query.to_tag = str_of("");
		if (query.id.id == 0)
			return;
		break;
	default: /* a prefix of the Call-ID */
		query.callid.len--;
	}
	(void)tell_match(sim, &query, &match);
	event.id = rng_chance(&sim->rng, 500) ? dialog->id : query.id;
	if (id_equal(event.id, query.id) && query.id.id == 0)
		event.id.entry = UINT32_MAX;
	(void)tell_feed(sim, &event, &actions);
}

void chaos_act(struct sim *sim)
{
	struct model_dialog *dialog = NULL;
	uint32_t count = model_random(sim, &dialog);

	if (count == 0 ||
	    (count < CHAOS_DIALOGS && rng_chance(&sim->rng, 80))) {
		chaos_create(sim);
		return;
	}
	switch (rng_below(&sim->rng, 12)) {
	case 0:
		chaos_bogus(sim);
		break;
	case 1:
		script_act(sim);
		break;
	case 2:
		sim->now_ms += rng_below(&sim->rng, 4000);
		break;
	case 3:
		if (rng_chance(&sim->rng, 100))
			sim->now_ms += rng_below(&sim->rng, 400000);
		break;
	default:
		chaos_event(sim, dialog);
	}
}

void chaos_end(struct sim *sim)
{
	for (uint32_t i = 0; i < MODEL_DIALOGS; i++) {
		struct model_dialog *dialog = &sim->model.dialog[i];
		struct parley_event event = {.type = PARLEY_EV_ABANDON,
					     .side = PARLEY_SIDE_ALL};

		if (!dialog->used || dialog->state == PARLEY_STATE_DELETED)
			continue;
		if (dialog->state >= PARLEY_STATE_ANSWERED) {
			/* The lifetime of another proxy's call ends nothing. */
			if (dialog->socket != NULL)
				continue;
			event.type = PARLEY_EV_TERMINATE;
		}
		event.id = dialog->id;
		tell_host(sim, &event, -1);
	}
}
