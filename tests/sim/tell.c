/* tell.c - engine and model are told the same (tell.h) */
#include <stdio.h>
#include <string.h>

#include "tell.h"

static const char *const event_names[] = {
	"?",	     "INVITE",	  "SPIRAL",	   "ABANDON", "1XX",
	"2XX",	     "FAIL",	  "ACK",	   "BYE",     "PRACK",
	"REINVITE",  "UPDATE",	  "CANCEL",	   "REQUEST", "WITHIN",
	"RELEASE",   "TERMINATE", "BYE_DONE",	   "EXPIRE",  "ROUTE_DONE",
	"PING_DONE", "SET_STATE", "BRANCH_FAILED",
};

static const char *const action_names[] = {
	"?",	  "BYE",   "ACK",	    "SWALLOW",
	"CANCEL", "REPLY", "TIMEOUT_ROUTE", "PING",
};

static void note_event(struct sim *sim, const struct parley_event *event,
		       int rc, const struct parley_actions *actions)
{
	char text[TRAIL_TEXT];
	int used = snprintf(
		text, sizeof(text),
		"  feed %s %u.%u dir %d tag %.*s code %u -> %d, "
		"state %u to %u, notes %x:",
		event->type < sizeof(event_names) / sizeof(event_names[0])
			? event_names[event->type]
			: "?",
		event->id.entry, event->id.id, (int)event->dir,
		(int)event->to_tag.len,
		event->to_tag.len > 0 ? event->to_tag.s : "", event->code, rc,
		actions->old_state, actions->new_state, actions->note.types);

	for (uint32_t i = 0; i < actions->count && i < 5; i++)
		used += snprintf(
			text + used, sizeof(text) - (size_t)used, " %s %u/%d",
			action_names[actions->list[i].type],
			actions->list[i].leg, (int)actions->list[i].dir);
	sim_event(sim, "%s", text);
}

static void check_actions(struct sim *sim, const struct model_result *result,
			  const struct parley_actions *actions)
{
	if (actions->count != result->count)
		sim_fail(sim, "%u actions, should be %u", actions->count,
			 result->count);
	for (uint32_t i = 0; i < result->count; i++) {
		const struct parley_action *is = &actions->list[i];
		const struct parley_action *should = &result->list[i];

		if (is->type != should->type || is->leg != should->leg ||
		    is->route != should->route ||
		    ((should->type == PARLEY_ACT_BYE ||
		      should->type == PARLEY_ACT_PING) &&
		     is->dir != should->dir) ||
		    (should->type == PARLEY_ACT_PING &&
		     is->ping != should->ping))
			sim_fail(sim,
				 "action %u is %s leg %u dir %d, should be "
				 "%s leg %u dir %d",
				 i, action_names[is->type], is->leg,
				 (int)is->dir, action_names[should->type],
				 should->leg, (int)should->dir);
	}
}

static void made(struct sim *sim, struct model_dialog *dialog,
		 const struct model_result *result,
		 const struct parley_actions *actions)
{
	/* The end of a call is told once, at the first occasion. */
	uint32_t notes = dialog->terminal_made > 0
				 ? result->notes & ~note_terminal()
				 : result->notes;
	uint32_t wanted =
		notes & (sim->wants[0] | sim->wants[1] | dialog->subs);
	uint32_t terminal = notes & note_terminal();

	if (terminal != 0) {
		dialog->terminal_made++;
		dialog->terminal_type = terminal;
	}
	if (actions->note.types != wanted)
		sim_fail(sim, "notes %x, should be %x", actions->note.types,
			 wanted);
	if (wanted == 0)
		return;
	if (!id_equal(actions->note.id, dialog->id) ||
	    actions->note.new_state != dialog->state ||
	    actions->note.dir != result->dir)
		sim_fail(sim,
			 "note of %u.%u: state %u, direction %d, should "
			 "be %u, %d",
			 actions->note.id.entry, actions->note.id.id,
			 actions->note.new_state, (int)actions->note.dir,
			 dialog->state, (int)result->dir);
	dialog->undelivered++;
	for (uint32_t i = 0; i < NOTE_BITS; i++)
		dialog->made[i] += wanted >> i & 1;
}

void tell_check(struct sim *sim, struct model_dialog *dialog,
		const struct model_result *result,
		const struct parley_actions *actions)
{
	check_actions(sim, result, actions);
	made(sim, dialog, result, actions);
}

/* After a step of the engine on @dialog: all of it must agree. */
static void compare_step(struct sim *sim, struct model_dialog *dialog,
			 bool refused)
{
	struct parley_id id = dialog->id;

	model_settle(sim, dialog);
	if (dialog->used)
		compare_dialog(sim, dialog, refused);
	else
		compare_gone(sim, id);
	compare_stats(sim);
	store_look_sometimes(sim);
}

int tell_feed(struct sim *sim, const struct parley_event *event,
	      struct parley_actions *actions)
{
	uint64_t failures = sim->host.failures;
	struct model_dialog *dialog = model_find(&sim->model, event->id);
	uint8_t old_state = dialog != NULL ? dialog->state : 0;
	struct model_result result;
	bool refused;
	int rc;

	memset(actions, 0x77, sizeof(*actions));
	rc = parley_feed(sim->engine, sim_now(sim), event, actions);
	note_event(sim, event, rc, actions);
	sim->fed++;
	refused = sim->host.failures != failures;
	if (rc == PARLEY_E_MEMORY) {
		if (!refused)
			sim_fail(sim, "no memory, though none was refused");
		if (actions->count != 0 || actions->note.types != 0)
			sim_fail(sim, "actions without memory");
		if (dialog != NULL)
			compare_dialog(sim, dialog, true);
		compare_stats(sim);
		return rc;
	}
	model_feed(sim, event, &result);
	if (rc != result.rc)
		sim_fail(sim, "%s, should be %s", parley_error_text(rc),
			 parley_error_text(result.rc));
	check_actions(sim, &result, actions);
	if (dialog == NULL) {
		compare_stats(sim);
		return rc;
	}
	if (rc == 0 && (actions->old_state != old_state ||
			actions->new_state != dialog->state))
		sim_fail(sim, "state %u to %u, should be %u to %u",
			 actions->old_state, actions->new_state, old_state,
			 dialog->state);
	made(sim, dialog, &result, actions);
	compare_step(sim, dialog, refused);
	return rc;
}

static void note_step(struct sim *sim, const struct parley_event *event,
		      int call)
{
	if (call < 0)
		return;
	if (event->type == PARLEY_EV_REPLY_1XX)
		cover_step(sim, (uint32_t)call, FORK_1XX);
	else if (event->type == PARLEY_EV_REPLY_2XX)
		cover_step(sim, (uint32_t)call, FORK_2XX);
	else if (event->type == PARLEY_EV_BRANCH_FAILED)
		cover_step(sim, (uint32_t)call, FORK_FAIL);
	else if (event->type == PARLEY_EV_CANCEL)
		cover_step(sim, (uint32_t)call, FORK_CANCEL);
}

int tell_host_rc(struct sim *sim, const struct parley_event *event, int call)
{
	struct parley_actions actions;
	int rc = tell_feed(sim, event, &actions);

	note_step(sim, event, call);

	if (rc == PARLEY_E_MEMORY && call >= 0)
		sim->calls[call].tainted = true;
	proxy_run(sim, &actions, call);
	return rc;
}

bool tell_host(struct sim *sim, const struct parley_event *event, int call)
{
	struct parley_actions actions;
	int rc = tell_feed(sim, event, &actions);

	note_step(sim, event, call);
	if (rc == PARLEY_E_MEMORY && call >= 0)
		sim->calls[call].tainted = true;
	return proxy_run(sim, &actions, call);
}

/* ------------------------------------------------------------- creation */

static void check_id(struct sim *sim, struct parley_id id,
		     struct parley_str callid)
{
	uint32_t hash = host_hash(NULL, callid);

	if (id.entry != (hash & (sim->config.hash_size - 1)))
		sim_fail(sim, "h_entry %u does not belong to the Call-ID",
			 id.entry);
	if (id.id == 0 || id.id > INT32_MAX ||
	    id.id % sim->config.h_id_step !=
		    sim->config.h_id_start % sim->config.h_id_step)
		sim_fail(sim, "h_id %u is not of the configured class", id.id);
	if (model_find(&sim->model, id) != NULL)
		sim_fail(sim, "%u.%u exists twice", id.entry, id.id);
}

int tell_create(struct sim *sim, const struct parley_event *event,
		struct parley_actions *actions)
{
	uint64_t failures = sim->host.failures;
	int rc = parley_feed(sim->engine, sim_now(sim), event, actions);
	struct model_result result = {.notes = PARLEY_NOTE_CREATED,
				      .dir = PARLEY_DIR_DOWNSTREAM};
	struct model_dialog *dialog;

	note_event(sim, event, rc, actions);
	sim->fed++;
	if (rc == PARLEY_E_MEMORY && sim->host.failures != failures) {
		compare_stats(sim);
		return rc;
	}
	if (rc != 0)
		sim_fail(sim, "the INVITE is refused: %s",
			 parley_error_text(rc));
	if (actions->old_state != PARLEY_STATE_NONE ||
	    actions->new_state != PARLEY_STATE_UNCONFIRMED)
		sim_fail(sim, "the INVITE leads from %u to %u",
			 actions->old_state, actions->new_state);
	check_id(sim, actions->id, event->callid);
	model_create(sim, event, actions->id);
	dialog = model_find(&sim->model, actions->id);
	check_actions(sim, &result, actions);
	made(sim, dialog, &result, actions);
	compare_step(sim, dialog, false);
	return rc;
}

bool tell_invite(struct sim *sim, uint32_t index, bool hold)
{
	struct call *call = &sim->calls[index];
	char contact[80], route_set[80];
	struct script_facts facts;
	struct parley_actions actions;
	struct parley_event event = {
		.type = PARLEY_EV_INVITE,
		.callid = str_of(call->callid),
		.from_tag = str_of(call->from_tag),
		.from_uri = str_of("sip:alice@example.com"),
		.to_uri = str_of("sip:bob@example.com"),
		.req_uri = str_of("sip:bob@example.com;user=phone"),
		.cseq = call->invite_cseq,
		.socket = &call->party[NODE_CALLER],
		.hold = hold,
	};

	ua_contact(call, NODE_CALLER, 1, contact, sizeof(contact));
	ua_route_set(call, NODE_CALLER, route_set, sizeof(route_set));
	event.contact = str_of(contact);
	event.route_set = str_of(route_set);
	script_before(sim, &facts);
	event.create = &facts.create;
	if (tell_create(sim, &event, &actions) != 0) {
		script_abandon(sim, &facts);
		call->tainted = true;
		return false;
	}
	sim->proxy[index].id = actions.id;
	proxy_run(sim, &actions, (int)index);
	return true;
}

void tell_spiral(struct sim *sim, uint32_t index)
{
	const struct call *call = &sim->calls[index];
	struct parley_match match;
	struct parley_event event = {.type = PARLEY_EV_SPIRAL};
	int rc = parley_find_call(sim->engine, str_of(call->callid),
				  str_of(call->from_tag), str_of(""), &match);
	const struct model_dialog *dialog =
		model_find(&sim->model, sim->proxy[index].id);
	bool there = dialog != NULL && dialog->state != PARLEY_STATE_DELETED;

	if ((rc == 0) != there)
		sim_fail(sim, "find_call() of a spiral: %s",
			 parley_error_text(rc));
	if (rc != 0)
		return;
	if (!id_equal(match.id, sim->proxy[index].id) ||
	    match.dir != PARLEY_DIR_DOWNSTREAM)
		sim_fail(sim, "find_call() finds another dialog");
	event.id = match.id;
	tell_host(sim, &event, (int)index);
}

/* ------------------------------------------------------------- timers */

bool tell_expire(struct sim *sim, struct parley_actions *actions)
{
	uint64_t late = sim->now_ms < 200 ? 0 : sim->now_ms - 200;
	struct model_result result;
	struct model_dialog *dialog;
	uint64_t failures = sim->host.failures;

	memset(actions, 0x77, sizeof(*actions));
	if (!parley_expire(sim->engine, sim_now(sim), actions)) {
		if (model_next_ms(&sim->model) < late)
			sim_fail(
				sim,
				"a timer that was due at %llu has not "
				"fired",
				(unsigned long long)model_next_ms(&sim->model));
		return false;
	}
	if (actions->id.id == 0) {
		if (actions->count != 0 || actions->note.types != 0)
			sim_fail(sim, "a remote place has actions");
		remote_expired(sim);
		return true;
	}
	dialog = model_find(&sim->model, actions->id);
	if (dialog == NULL)
		sim_fail(sim, "a timer of %u.%u, which should be gone",
			 actions->id.entry, actions->id.id);
	sim_event(sim, "  timer of %u.%u: state %u to %u, %u actions",
		  actions->id.entry, actions->id.id, actions->old_state,
		  actions->new_state, actions->count);
	sim->fed++;
	model_expire(sim, dialog, &result);
	check_actions(sim, &result, actions);
	made(sim, dialog, &result, actions);
	compare_step(sim, dialog, sim->host.failures != failures);
	return true;
}

/* ------------------------------------------------------------- matching */

static bool text_same(const char *text, struct parley_str str)
{
	return strlen(text) == str.len && memcmp(text, str.s, str.len) == 0;
}

/* 2 if the dialog has the leg, +1 if it has not ended; -1: not this call. */
static int rank(struct model_dialog *dialog, const struct parley_query *query,
		struct parley_str caller, struct parley_str callee)
{
	if (!dialog->used || !text_same(dialog->callid, query->callid) ||
	    !text_same(dialog->from_tag, caller))
		return -1;
	return (model_leg(dialog, callee) != NULL ? 2 : 0) +
	       (dialog->state != PARLEY_STATE_DELETED);
}

static struct model_dialog *best(struct sim *sim,
				 const struct parley_query *query,
				 struct parley_str caller,
				 struct parley_str callee)
{
	struct model_dialog *found = NULL;
	int found_rank = -1;

	if (query->id.id != 0) {
		found = model_find(&sim->model, query->id);
		if (found == NULL || rank(found, query, caller, callee) < 0)
			return NULL;
		return found;
	}
	for (uint32_t i = 0; i < MODEL_DIALOGS; i++) {
		struct model_dialog *dialog = &sim->model.dialog[i];
		int this_rank = rank(dialog, query, caller, callee);

		if (this_rank > found_rank ||
		    (found != NULL && this_rank == found_rank &&
		     dialog->born > found->born)) {
			found = dialog;
			found_rank = this_rank;
		}
	}
	return found;
}

static uint8_t next_state(struct model_dialog *dialog, struct model_leg *leg,
			  enum parley_event_type method)
{
	bool answered = dialog->state == PARLEY_STATE_ANSWERED ||
			dialog->state == PARLEY_STATE_CONFIRMED;
	uint32_t up = 0;

	for (uint32_t i = 0; i < dialog->leg_count; i++)
		up += model_up(&dialog->leg[i]);
	if (method == PARLEY_EV_ACK && answered && model_up(leg))
		return PARLEY_STATE_CONFIRMED;
	if (method == PARLEY_EV_BYE && answered && up == 1 && model_up(leg))
		return PARLEY_STATE_DELETED;
	return dialog->state;
}

static bool dialog_known(struct sim *sim, const struct parley_query *query)
{
	const struct model_dialog *dialog = model_find(&sim->model, query->id);

	if (query->id.id != 0)
		return dialog != NULL &&
		       text_same(dialog->callid, query->callid);
	return best(sim, query, query->from_tag, query->to_tag) != NULL ||
	       best(sim, query, query->to_tag, query->from_tag) != NULL;
}

int tell_match(struct sim *sim, const struct parley_query *query,
	       struct parley_match *match)
{
	int rc = parley_match(sim->engine, query, match);
	struct model_dialog *dialog =
		best(sim, query, query->from_tag, query->to_tag);
	struct model_leg *leg =
		dialog != NULL ? model_leg(dialog, query->to_tag) : NULL;
	enum parley_direction dir = PARLEY_DIR_DOWNSTREAM;

	if (leg == NULL) {
		dir = PARLEY_DIR_UPSTREAM;
		dialog = best(sim, query, query->to_tag, query->from_tag);
		leg = dialog != NULL ? model_leg(dialog, query->from_tag)
				     : NULL;
	}
	sim_event(sim, "  match %u.%u: %d", query->id.entry, query->id.id, rc);
	if (leg == NULL) {
		bool known = dialog_known(sim, query);
		int should = known ? PARLEY_E_NO_LEG : PARLEY_E_NO_DIALOG;

		++*(known ? &sim->model.stats.bogus_no_leg
			  : &sim->model.stats.bogus_no_dialog);
		if (rc != should)
			sim_fail(sim, "match: %s, should be %s",
				 parley_error_text(rc),
				 parley_error_text(should));
		compare_stats(sim);
		return rc;
	}
	if (rc != 0)
		sim_fail(sim, "match: %s, should be found",
			 parley_error_text(rc));
	if (!id_equal(match->id, dialog->id) || match->dir != dir ||
	    match->leg != leg->number || match->state != dialog->state ||
	    match->next_state != next_state(dialog, leg, query->method) ||
	    match->start_s != dialog->start_s ||
	    match->lifetime_s != dialog->lifetime_s ||
	    match->callee_is_from != (dir == PARLEY_DIR_UPSTREAM))
		sim_fail(sim,
			 "match: %u.%u dir %d leg %u state %u next %u, "
			 "should be %u.%u dir %d leg %u state %u next %u",
			 match->id.entry, match->id.id, (int)match->dir,
			 match->leg, match->state, match->next_state,
			 dialog->id.entry, dialog->id.id, (int)dir, leg->number,
			 dialog->state, next_state(dialog, leg, query->method));
	return 0;
}

/* ------------------------------------------------------------- requests */

static void check_text(struct sim *sim, const char *what, struct parley_str is,
		       const char *should)
{
	if (!text_same(should, is))
		sim_fail(sim, "our request's %s is '%.*s', should be '%s'",
			 what, (int)is.len, is.s, should);
}

static void check_request(struct sim *sim, const struct model_dialog *dialog,
			  const struct model_leg *leg, bool down,
			  const struct parley_request *request)
{
	check_text(sim, "Call-ID", request->callid, dialog->callid);
	check_text(sim, "local tag", request->local_tag,
		   down ? dialog->from_tag : leg->tag);
	check_text(sim, "remote tag", request->remote_tag,
		   down ? leg->tag : dialog->from_tag);
	check_text(sim, "local URI", request->local_uri,
		   down ? dialog->from_uri : dialog->to_uri);
	check_text(sim, "remote URI", request->remote_uri,
		   down ? dialog->to_uri : dialog->from_uri);
	check_text(sim, "target", request->target,
		   down ? leg->contact : dialog->contact);
	check_text(sim, "route set", request->route_set,
		   down ? leg->route_set : dialog->route_set);
	if (request->socket != (down ? leg->socket : dialog->socket) ||
	    request->state != dialog->state)
		sim_fail(sim, "our request's socket or state");
}

/* First with no room, which must take nothing, then with just enough. */
static int prepare(struct sim *sim, const struct proxy_target *target,
		   enum parley_request_kind kind,
		   struct parley_request *request)
{
	size_t needed = 0;
	int rc = parley_request_prepare(sim->engine, target->id, target->leg,
					target->towards, kind, request, NULL, 0,
					&needed);

	if (rc != PARLEY_E_SPACE)
		return rc;
	if (needed == 0 || needed > sizeof(sim->text))
		sim_fail(sim, "our request needs %zu bytes", needed);
	return parley_request_prepare(sim->engine, target->id, target->leg,
				      target->towards, kind, request, sim->text,
				      needed, NULL);
}

/* The number that the next request has; it is used up, but for ACK and
 * keep-alives, which nobody may count. */
static uint32_t cseq_of(const struct model_dialog *dialog,
			struct model_leg *leg, bool down,
			enum parley_request_kind kind)
{
	uint32_t *last = down ? &leg->caller_cseq : &leg->callee_cseq;

	if (kind == PARLEY_REQUEST_ACK)
		return leg->invite_cseq;
	if (kind != PARLEY_REQUEST_PING) {
		leg->shift[!down] += kind != PARLEY_REQUEST_NEXT ||
				     (dialog->options & PARLEY_OPT_PINGS) != 0;
		return ++*last;
	}
	return *last < 2 ? *last : *last - 1;
}

/* Keep-alives only as long as somebody wants to know. */
static bool may_ask(struct sim *sim, struct model_dialog *dialog,
		    struct model_leg *leg, enum parley_direction towards,
		    enum parley_request_kind kind)
{
	switch (kind) {
	case PARLEY_REQUEST_PING:
		return model_ping_asks(sim, dialog, leg, towards);
	case PARLEY_REQUEST_PING_OPTIONS:
		return model_ping_may(sim, dialog, leg, towards,
				      PARLEY_PING_OPTIONS);
	case PARLEY_REQUEST_PING_REINVITE:
		return model_ping_may(sim, dialog, leg, towards,
				      PARLEY_PING_REINVITE) &&
		       !model_ping_pends(sim, dialog, false);
	case PARLEY_REQUEST_NEXT:
	case PARLEY_REQUEST_ACK:
	case PARLEY_REQUEST_OWN:
		break;
	}
	return true;
}

int tell_prepare(struct sim *sim, const struct proxy_target *target,
		 enum parley_request_kind kind, struct parley_request *request)
{
	struct model_dialog *dialog = model_find(&sim->model, target->id);
	struct model_leg *leg =
		dialog != NULL ? model_leg_number(dialog, target->leg) : NULL;
	bool down = target->towards == PARLEY_DIR_DOWNSTREAM;
	int rc = prepare(sim, target, kind, request);
	int should = 0;

	if (dialog == NULL)
		should = PARLEY_E_NO_DIALOG;
	else if (leg == NULL)
		should = PARLEY_E_NO_LEG;
	else if (!may_ask(sim, dialog, leg, target->towards, kind))
		should = PARLEY_E_STATE;
	/* The shard's clock stands still between events. */
	if (kind == PARLEY_REQUEST_PING_REINVITE && should == 0 &&
	    rc == PARLEY_E_STATE &&
	    (dialog->theirs_until_ms[0] > 0 || dialog->theirs_until_ms[1] > 0))
		return rc;
	if (rc != should)
		sim_fail(sim, "our request: %s, should be %s",
			 parley_error_text(rc), parley_error_text(should));
	if (rc != 0)
		return rc;
	if (request->cseq != cseq_of(dialog, leg, down, kind))
		sim_fail(sim, "our request's CSeq is %u", request->cseq);
	check_request(sim, dialog, leg, down, request);
	return 0;
}
