/*
 * feed.c - messages become table events
 *
 * Each PARLEY_EV_ has a handler. It finds the leg, decides which event of the
 * transition table this is, applies it, and then stores what the message said
 * (CSeq, contact, route set). Nothing is stored when the table refuses.
 */
#include "ping.h"
#include "store.h"

/* ------------------------------------------------ the step */

void step_init(struct step *step, struct parley *engine, struct parley_now now,
	       struct parley_actions *actions)
{
	*step = (struct step){.engine = engine, .now = now, .actions = actions};
	actions->id = (struct parley_id){0, 0};
	actions->old_state = PARLEY_STATE_NONE;
	actions->new_state = PARLEY_STATE_NONE;
	actions->count = 0;
	actions->note = (struct parley_note){0};
	actions->cseq_shift = 0;
	actions->invite_shift = 0;
}

int step_apply(struct step *step, enum table_event event)
{
	struct dialog *dialog = step->dialog;
	struct parley *engine = step->engine;
	const struct table_cell *cell = fsm_cell(dialog->state, event);

	if (engine->trace)
		engine->trace(engine->trace_param, dialog->state, (int)event,
			      cell->next == FSM_BOGUS ? -1 : cell->next);
	if (cell->next == FSM_BOGUS) {
		count_one(&engine->count.bogus_event);
		return PARLEY_E_STATE;
	}
	step->notes |= cell->notes;
	if (cell->next == dialog->state)
		return 0;
	step->notes |= PARLEY_NOTE_STATE;
	step->members = dialog_set_state(engine, dialog, cell->next, step->now,
					 step->cause);
	return 0;
}

void step_action(struct step *step, struct parley_action action)
{
	struct parley_actions *actions = step->actions;
	/* The bound is 2 per leg and a few more; it cannot be exceeded. */
	if (actions->count < PARLEY_ACTIONS_MAX)
		actions->list[actions->count++] = action;
}

/* A call that we end is over for subscribers when that was decided; its last
 * BYE then adds nothing to that. */
static uint32_t one_end(struct dialog *dialog, uint32_t notes)
{
	const uint32_t ends = PARLEY_NOTE_FAILED | PARLEY_NOTE_TERMINATED |
			      PARLEY_NOTE_EXPIRED;

	if (dialog->end_noted)
		return notes & ~ends;
	dialog->end_noted = (notes & ends) != 0;
	return notes;
}

void step_end(struct step *step)
{
	struct dialog *dialog = step->dialog;
	struct parley_actions *actions = step->actions;
	struct parley_id id = dialog->id;

	actions->id = id;
	actions->new_state = dialog->state;
	step->notes = one_end(dialog, copy_notes(dialog, step->notes));
	if (step->notes != 0) {
		note_make_locked(step->engine, dialog, step->notes,
				 &actions->note);
		actions->note.dir = step->dir;
		actions->note.old_state = actions->old_state;
		actions->note.new_state = actions->new_state;
	}
	store_now(step->engine, dialog, step->now);
	if (dialog->unwritten)
		store_write_locked(step->engine, dialog);
	bool over = dialog_settle_locked(dialog);
	dialog_unlock(step->engine, id);

	profile_leave_all(step->engine, step->members);
	if (over)
		dialog_destroy(step->engine, dialog);
}

/* ------------------------------------------------ the INVITE */

static inline bool text_bad(struct parley_str text)
{
	return text.len > PARLEY_STR_MAX || (text.len > 0 && !text.s);
}

static int facts_fault(const struct parley_event *event)
{
	if (text_bad(event->callid) || text_bad(event->from_tag) ||
	    text_bad(event->to_tag) || text_bad(event->from_uri) ||
	    text_bad(event->to_uri) || text_bad(event->req_uri) ||
	    text_bad(event->contact) || text_bad(event->route_set) ||
	    text_bad(event->reason) || text_bad(event->caller_routes))
		return PARLEY_E_ARGUMENT;
	return 0;
}

static int feed_invite(struct step *step)
{
	struct parley *engine = step->engine;
	const struct parley_event *event = step->event;

	if (str_empty(event->callid) || str_empty(event->from_tag))
		return PARLEY_E_ARGUMENT;
	struct dialog *dialog = dialog_create(engine, step->now, event);
	if (!dialog) {
		count_one(&engine->count.no_memory);
		return PARLEY_E_MEMORY;
	}
	dialog->id.entry = entry_of(engine, event->callid);

	/* The places in profiles move in and get the identity before others
	 * can see the dialog. */
	if (event->create)
		dialog->members = profile_reversed(event->create->members);
	step->dialog = dialog;
	step->dir = PARLEY_DIR_DOWNSTREAM;
	for (;;) {
		dialog->id.id = dialog_pick_id(engine);
		profile_take(engine, dialog->members, dialog->id);
		shard_lock(engine, shard_of(engine, dialog->id.entry));
		if (dialog_link_locked(engine, dialog, step->now))
			break;
		dialog_unlock(engine, dialog->id);
	}
	count_one(&engine->count.processed);
	dialog_changed(engine, dialog);
	step->notes = PARLEY_NOTE_CREATED;
	step_end(step);
	return 0;
}

/* ------------------------------------------------ replies to the INVITE */

/* The leg of the reply, made if it is new; NULL and the reason in @rcp if that
 * is not possible. */
static struct leg *reply_leg(struct step *step, int *rcp)
{
	const struct parley_event *event = step->event;
	struct leg *leg = leg_find(step->dialog, event->to_tag);

	*rcp = 0;
	if (!leg)
		*rcp = leg_add(step->engine, step->dialog, event, &leg);
	else if (leg->state == PARLEY_LEG_EARLY || leg->assumed ||
		 step->dialog->state < PARLEY_STATE_ANSWERED)
		/* A repeated 2xx may be older than a target refresh. */
		*rcp = leg_refresh(step->engine, step->dialog, leg, event);
	return *rcp == 0 ? leg : NULL;
}

/* Without its leg the call is followed all the same; the leg comes with a later
 * reply. Both failures are counted. */
static void ring(struct step *step)
{
	int rc;
	struct leg *leg = reply_leg(step, &rc);

	if (leg)
		leg_rings(leg, step->event->branch);
}

static int feed_reply_1xx(struct step *step)
{
	struct dialog *dialog = step->dialog;

	step->dir = PARLEY_DIR_UPSTREAM;
	if (dialog->state < PARLEY_STATE_ANSWERED &&
	    !str_empty(step->event->to_tag) &&
	    !leg_too_late(dialog, step->event->branch))
		ring(step);
	return step_apply(step, T_REPLY_1XX);
}

/* True: the 2xx belongs to a call that we have promised to end, and can or
 * must be kept from being a new call. */
static bool crosses(const struct step *step)
{
	const struct dialog *dialog = step->dialog;
	if (!dialog->ended_by_us)
		return false;
	if (dialog->state == PARLEY_STATE_DELETED)
		return true;
	return dialog->state < PARLEY_STATE_ANSWERED &&
	       step->event->can_swallow;
}

/* Marks the leg as answered by this 2xx. */
static void answer_leg(struct step *step, struct leg *leg)
{
	const struct parley_event *event = step->event;
	bool first = step->dialog->state < PARLEY_STATE_ANSWERED;

	leg->branches = 0;
	/* An early leg that got a BYE may still answer (RFC 3261 15.1.2). */
	if (leg->state != PARLEY_LEG_EARLY && !leg->assumed && !first)
		return;
	leg_answered(leg, event);
	if (!first)
		return;
	leg_to_front(step->dialog, leg);
	/* Without memory the old one stays, which is counted. */
	if (event->caller_routes.s &&
	    text_set(&step->engine->mem, &step->dialog->route_set,
		     event->caller_routes) == PARLEY_E_MEMORY)
		count_one(&step->engine->count.no_memory);
}

static int feed_reply_2xx(struct step *step)
{
	struct dialog *dialog = step->dialog;
	bool first = dialog->state < PARLEY_STATE_ANSWERED;
	int rc;

	step->dir = PARLEY_DIR_UPSTREAM;
	if (crosses(step))
		return terminate_crossing(step);
	if (dialog->state == PARLEY_STATE_DELETED)
		return step_apply(step, T_REPLY_2XX);

	/* A call that is answered has a leg that can be ended. Without memory
	 * for it the dialog stays early; the callee repeats its 2xx. */
	struct leg *leg = reply_leg(step, &rc);
	if (!leg)
		return rc;
	/* A BYE while it rang: the caller has given up (RFC 3261 15.1.2). */
	dialog->given_up |= leg->state == PARLEY_LEG_ENDED && first;
	answer_leg(step, leg);
	rc = step_apply(step, T_REPLY_2XX);
	if (rc == 0 && first)
		dialog_race_locked(step->engine, dialog, step->now);
	if (rc == 0 && dialog->ending)
		/* The end was asked for while the 2xx was on its way, or
		 * before this second leg answered. */
		(void)!terminate_answered(step,
					  (enum parley_side)dialog->end_sides);
	return rc;
}

static int feed_reply_fail(struct step *step)
{
	struct dialog *dialog = step->dialog;
	const struct parley_event *event = step->event;
	bool early = dialog->state < PARLEY_STATE_ANSWERED;

	step->dir = PARLEY_DIR_UPSTREAM;
	if (event->code < 300)
		return PARLEY_E_ARGUMENT;
	if (early) {
		dialog->end_code = event->code;
		if (!dialog->ended_by_us)
			terminate_keep_reason(step);
		step->cause = dialog->ended_by_us ? END_BY_US : END_NONE;
	}
	int rc = step_apply(step, T_REPLY_FAIL);
	if (rc == 0 && early && !step->engine->config.wait_ack) {
		dialog->holds = 0;
		dialog->invite_held = false;
	}
	return rc;
}

static int feed_branch_failed(struct step *step)
{
	int rc;

	step->dir = PARLEY_DIR_UPSTREAM;
	rc = step_apply(step, T_BRANCH_FAILED);
	/* What has ended stays as it was for who looks at it. */
	if (rc == 0 && step->dialog->state != PARLEY_STATE_DELETED)
		step->pruned = leg_prune_branch(step->engine, step->dialog,
						step->event);
	return rc;
}

/* ------------------------------------------------ in-dialog requests */

static enum parley_direction other_side(enum parley_direction dir)
{
	return dir == PARLEY_DIR_DOWNSTREAM ? PARLEY_DIR_UPSTREAM
					    : PARLEY_DIR_DOWNSTREAM;
}

/* Target refresh, RFC 3261 12.2.1.2: the contact of who sent the message. */
static int refresh_target(struct step *step, struct leg *leg,
			  enum parley_direction from)
{
	const struct parley_event *event = step->event;
	struct dialog *dialog = step->dialog;
	bool caller = from == PARLEY_DIR_DOWNSTREAM;

	/* It may be the other one's. */
	if (leg->same_tag)
		return 0;
	if (event->socket && caller)
		dialog->socket = event->socket;
	else if (event->socket)
		leg->socket = event->socket;
	if (str_empty(event->contact))
		return 0;
	return area_text_set(step->engine, dialog,
			     caller ? &dialog->contact : &leg->contact,
			     event->contact);
}

static void renew_lifetime(struct step *step)
{
	struct dialog *dialog = step->dialog;
	uint32_t lifetime_s = step->event->lifetime_s;
	bool noreset = step->engine->config.timeout_noreset ||
		       (dialog->options & PARLEY_OPT_TIMEOUT_NORESET);

	if (lifetime_s > 0)
		dialog->lifetime_s = lifetime_s;
	if (dialog->state != PARLEY_STATE_ANSWERED &&
	    dialog->state != PARLEY_STATE_CONFIRMED)
		return;
	/* A call that is being ended at its timeout stays without one. */
	if (dialog->ending || (noreset && lifetime_s == 0))
		return;
	dialog_renew_locked(step->engine, dialog, step->now);
}

static int request_leg(struct step *step, struct leg **legp)
{
	const struct parley_event *event = step->event;
	if (event->dir != PARLEY_DIR_DOWNSTREAM &&
	    event->dir != PARLEY_DIR_UPSTREAM)
		return PARLEY_E_ARGUMENT;
	step->dir = event->dir;
	*legp = leg_find(step->dialog, event->to_tag);
	return *legp ? 0 : PARLEY_E_NO_LEG;
}

static void note_cseq(struct step *step, struct leg *leg)
{
	const struct parley_event *event = step->event;
	const struct shift *shift = leg_shift(leg, step->dir);

	cseq_note(leg, step->dir, event->type == PARLEY_EV_REINVITE,
		  event->cseq);
	/* Ours must be above what either may have sent. */
	if (leg->same_tag)
		cseq_note(leg, other_side(step->dir),
			  event->type == PARLEY_EV_REINVITE, event->cseq);
	step->actions->cseq_shift = shift->next;
	step->actions->invite_shift = shift->invite;
}

static void take_hold(struct step *step)
{
	if (step->event->hold)
		step->dialog->holds++;
}

static int feed_ack(struct step *step)
{
	struct leg *leg;
	int rc = request_leg(step, &leg);
	if (rc < 0)
		return rc;
	/* Nobody acknowledges a leg that only rings, or that has left. */
	if (step->dialog->state == PARLEY_STATE_ANSWERED && !leg_up(leg)) {
		count_one(&step->engine->count.bogus_event);
		return PARLEY_E_STATE;
	}
	/* The ACK of a further 2xx confirms its leg, not the dialog again. */
	bool first_of_leg = leg->state == PARLEY_LEG_ANSWERED;
	bool known = step->dialog->state == PARLEY_STATE_CONFIRMED;
	rc = step_apply(step, T_ACK);
	if (rc < 0)
		return rc;
	if (first_of_leg && known)
		step->notes &= ~(uint32_t)PARLEY_NOTE_REQUEST_WITHIN;
	if (first_of_leg) {
		leg->state = PARLEY_LEG_CONFIRMED;
		terminate_after_ack(step, leg);
	}
	renew_lifetime(step);
	ping_heard(step);
	return 0;
}

static int feed_bye(struct step *step)
{
	struct dialog *dialog = step->dialog;
	struct leg *leg;
	int rc = request_leg(step, &leg);
	if (rc < 0)
		return rc;
	if (leg->state == PARLEY_LEG_ENDED &&
	    dialog->state != PARLEY_STATE_DELETED) {
		/* Again, or crossed: the leg has ended, others are up. */
		take_hold(step);
		return 0;
	}
	/* In state 1 or 2 a leg is up only if its 2xx crossed our end. */
	bool last = dialog->state >= PARLEY_STATE_ANSWERED && leg_up(leg) &&
		    !leg_others_up(dialog, leg);
	step->cause = step->dir == PARLEY_DIR_DOWNSTREAM ? END_BY_CALLER
							 : END_BY_CALLEE;
	rc = step_apply(step, last ? T_BYE_LAST : T_BYE_OTHER);
	if (rc < 0)
		return rc;
	note_cseq(step, leg);
	leg->state = PARLEY_LEG_ENDED;
	leg->bye_wait = false; /* it has left by itself */
	take_hold(step);
	return 0;
}

static int feed_request(struct step *step)
{
	struct leg *leg;
	int rc = request_leg(step, &leg);
	if (rc < 0)
		return rc;
	rc = step_apply(step, T_REQUEST);
	if (rc < 0)
		return rc;
	take_hold(step);
	note_cseq(step, leg);
	renew_lifetime(step);
	ping_heard(step);
	/* Without memory the old target stays, which is counted. */
	if (refresh_target(step, leg, step->dir) == PARLEY_E_MEMORY)
		count_one(&step->engine->count.no_memory);
	return 0;
}

static int feed_reply_within(struct step *step)
{
	const struct parley_event *event = step->event;
	struct leg *leg;
	int rc = request_leg(step, &leg);
	if (rc < 0)
		return rc;
	bool bye = event->method == PARLEY_EV_BYE;
	if (step->dialog->state == PARLEY_STATE_DELETED && !bye)
		return 0;
	ping_heard(step);
	if (!event->ours && !event->was_told)
		step->notes |= PARLEY_NOTE_REPLY_WITHIN;
	if (!event->ours && bye && event->code >= 200)
		step->notes |= PARLEY_NOTE_BYE_REPLIED;
	bool refreshes = event->method == PARLEY_EV_REINVITE ||
			 event->method == PARLEY_EV_UPDATE;
	if (!refreshes || event->code < 200 || event->code > 299)
		return 0;
	/* The reply comes from the other side than the request. */
	rc = refresh_target(step, leg, other_side(step->dir));
	if (rc == PARLEY_E_MEMORY)
		count_one(&step->engine->count.no_memory);
	return 0;
}

/* ------------------------------------------------ the rest */

static int feed_cancel(struct step *step)
{
	struct dialog *dialog = step->dialog;
	bool again = dialog->given_up;

	step->dir = PARLEY_DIR_DOWNSTREAM;
	if (dialog->state != PARLEY_STATE_DELETED)
		dialog->given_up = true;
	if (!again)
		dialog_race_locked(step->engine, dialog, step->now);
	return step_apply(step, T_CANCEL);
}

static int feed_spiral(struct step *step)
{
	step->dir = PARLEY_DIR_DOWNSTREAM;
	return step_apply(step, T_SPIRAL);
}

static int feed_abandon(struct step *step)
{
	int rc = step_apply(step, T_ABANDON);
	if (rc == 0) {
		step->dialog->holds = 0;
		step->dialog->invite_held = false;
	}
	return rc;
}

static int feed_release(struct step *step)
{
	struct dialog *dialog = step->dialog;
	/* Each hold is given back once, the INVITE's as such. */
	if (step->event->invite ? !dialog->invite_held
				: dialog->holds <= dialog->invite_held)
		return PARLEY_E_STATE;
	dialog->holds--;
	if (!step->event->invite)
		return 0;
	dialog->invite_held = false;
	int rc = step_apply(step, T_TXN_GONE);
	if (rc == 0 && dialog->state != PARLEY_STATE_DELETED)
		leg_prune(step->engine, dialog);
	return rc;
}

typedef int (*handler)(struct step *step);

static const handler handlers[PARLEY_EVENTS] = {
	[PARLEY_EV_SPIRAL] = feed_spiral,
	[PARLEY_EV_ABANDON] = feed_abandon,
	[PARLEY_EV_REPLY_1XX] = feed_reply_1xx,
	[PARLEY_EV_REPLY_2XX] = feed_reply_2xx,
	[PARLEY_EV_REPLY_FAIL] = feed_reply_fail,
	[PARLEY_EV_ACK] = feed_ack,
	[PARLEY_EV_BYE] = feed_bye,
	[PARLEY_EV_PRACK] = feed_request,
	[PARLEY_EV_REINVITE] = feed_request,
	[PARLEY_EV_UPDATE] = feed_request,
	[PARLEY_EV_CANCEL] = feed_cancel,
	[PARLEY_EV_REQUEST] = feed_request,
	[PARLEY_EV_REPLY_WITHIN] = feed_reply_within,
	[PARLEY_EV_RELEASE] = feed_release,
	[PARLEY_EV_TERMINATE] = terminate_command,
	[PARLEY_EV_BYE_DONE] = terminate_bye_done,
	[PARLEY_EV_EXPIRE] = expire_command,
	[PARLEY_EV_TIMEOUT_ROUTE_DONE] = expire_route_done,
	[PARLEY_EV_PING_DONE] = ping_done,
	[PARLEY_EV_SET_STATE] = force_state,
	[PARLEY_EV_BRANCH_FAILED] = feed_branch_failed,
};

/* False: nothing that another node, or who comes after a crash, would have to
 * know. */
static bool changes(const struct step *step)
{
	const struct parley_event *event = step->event;

	if (step->dialog->state != step->actions->old_state)
		return true;
	switch (event->type) {
	case PARLEY_EV_CANCEL:
		return dialog_raced(step->dialog);
	case PARLEY_EV_SPIRAL:
	case PARLEY_EV_BYE_DONE:
	case PARLEY_EV_PING_DONE:
		return false;
	case PARLEY_EV_RELEASE:
		return event->invite; /* legs that rang may have gone */
	case PARLEY_EV_BRANCH_FAILED:
		return step->pruned;
	case PARLEY_EV_REPLY_WITHIN:
		return event->method != PARLEY_EV_BYE;
	default:
		return step->dialog->state != PARLEY_STATE_DELETED;
	}
}

int parley_feed(struct parley *engine, struct parley_now now,
		const struct parley_event *event,
		struct parley_actions *actions)
{
	struct step step;

	step_init(&step, engine, now, actions);
	step.event = event;
	if (event->type < PARLEY_EV_INVITE || event->type >= PARLEY_EVENTS ||
	    facts_fault(event) != 0)
		return PARLEY_E_ARGUMENT;
	if (event->type == PARLEY_EV_INVITE)
		return feed_invite(&step);

	step.dialog = dialog_find_lock(engine, event->id);
	if (!step.dialog)
		return PARLEY_E_NO_DIALOG;
	actions->old_state = step.dialog->state;
	int rc = handlers[event->type](&step);
	/* Without memory a part may have been changed. */
	if (rc == PARLEY_E_MEMORY || (rc == 0 && changes(&step)))
		dialog_changed(engine, step.dialog);
	step_end(&step);
	return rc;
}
