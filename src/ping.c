/* See ping.h. */
#include "ping.h"
#include "store.h"

enum {
	KA_OPTIONS = PARLEY_OPT_KA_CALLER | PARLEY_OPT_KA_CALLEE,
	/* What the host never reports the end of. */
	OFFER_MS = 300 * 1000,
	/* When the parties negotiate, a re-INVITE ping waits. */
	POSTPONED_MS = 2000,
	/* After the ACK parties often have something to say themselves. */
	FIRST_MS = 1000,
	LOST_MAX = 127,
	LOST_CODE = 408, /* in the Reason of the BYEs */
};

static int index_of(enum parley_direction dir)
{
	return dir == PARLEY_DIR_DOWNSTREAM ? 0 : 1;
}

/* ------------------------------------------------ who is asked, and how */

/* Keep-alives belong to calls that are confirmed, not being ended, and not
 * another node's. */
static bool is_up(const struct dialog *dialog)
{
	return dialog->state == PARLEY_STATE_CONFIRMED && !dialog->ending &&
	       !copy_replica(dialog);
}

/* How the options want a party asked; PARLEY_PING_KA: not at all. */
static enum parley_ping mode_of(const struct dialog *dialog,
				enum parley_direction towards)
{
	bool caller = towards == PARLEY_DIR_UPSTREAM;

	if (dialog->options &
	    (caller ? PARLEY_OPT_REINVITE_CALLER : PARLEY_OPT_REINVITE_CALLEE))
		return PARLEY_PING_REINVITE;
	if (dialog->options &
	    (caller ? PARLEY_OPT_PING_CALLER : PARLEY_OPT_PING_CALLEE))
		return PARLEY_PING_OPTIONS;
	return PARLEY_PING_KA;
}

static bool wanted(const struct parley *engine, const struct dialog *dialog,
		   enum parley_ping kind)
{
	if (!is_up(dialog))
		return false;
	if (kind == PARLEY_PING_KA)
		return engine->config.ping_interval_ms > 0 &&
		       (dialog->options & KA_OPTIONS);
	return dialog->pings &&
	       (mode_of(dialog, PARLEY_DIR_UPSTREAM) == kind ||
		mode_of(dialog, PARLEY_DIR_DOWNSTREAM) == kind);
}

/* Our own leg to talk to a party by. */
static bool reaches(const struct parley *engine, const struct dialog *dialog,
		    const struct leg *leg, enum parley_direction towards)
{
	const void *socket =
		towards == PARLEY_DIR_UPSTREAM ? dialog->socket : leg->socket;

	return leg->state == PARLEY_LEG_CONFIRMED &&
	       (socket || !engine->config.local_only);
}

bool ping_asks(const struct parley *engine, const struct dialog *dialog,
	       const struct leg *leg, enum parley_direction towards)
{
	bool caller = towards == PARLEY_DIR_UPSTREAM;

	return wanted(engine, dialog, PARLEY_PING_KA) &&
	       reaches(engine, dialog, leg, towards) &&
	       (dialog->options &
		(caller ? PARLEY_OPT_KA_CALLER : PARLEY_OPT_KA_CALLEE));
}

bool ping_pings(const struct parley *engine, const struct dialog *dialog,
		const struct leg *leg, enum parley_direction towards)
{
	return is_up(dialog) && dialog->pings &&
	       mode_of(dialog, towards) != PARLEY_PING_KA &&
	       reaches(engine, dialog, leg, towards);
}

/* RFC 3261 14.1, RFC 3311 5.1: no offer while another one is under way. */
static bool offers_pend(const struct pings *pings, uint64_t now_ms, bool ours)
{
	for (int i = 0; i < 2; i++)
		if (pings->theirs_until_ms[i] > now_ms ||
		    (ours && pings->ours_until_ms[i] > now_ms))
			return true;
	return false;
}

/* Of several callees what they have said is known of the first one only. */
static bool can_offer(const struct dialog *dialog, const struct leg *leg,
		      enum parley_direction towards)
{
	return mode_of(dialog, towards) == PARLEY_PING_REINVITE &&
	       leg == dialog->legs && ping_offer(dialog, towards).sdp.len > 0;
}

bool ping_invites(const struct parley *engine, const struct dialog *dialog,
		  const struct leg *leg, enum parley_direction towards)
{
	const struct shard *shard =
		&engine->shards[shard_of(engine, dialog->id.entry)];

	return can_offer(dialog, leg, towards) &&
	       !offers_pend(dialog->pings, shard->now.ms, false);
}

/* ------------------------------------------------ when */

static struct parley_str name_of(const char *text)
{
	return (struct parley_str){text, (uint32_t)strlen(text)};
}

static struct parley_str interval_name(enum parley_ping kind)
{
	return name_of(kind == PARLEY_PING_REINVITE
			       ? PARLEY_VAR_REINVITE_INTERVAL
			       : PARLEY_VAR_OPTIONS_INTERVAL);
}

/* The dialog's own interval, else that of all. */
static uint32_t interval_s(const struct parley *engine,
			   const struct dialog *dialog, enum parley_ping kind)
{
	struct parley_str text = var_text(dialog, interval_name(kind));
	uint32_t seconds = 0;

	for (uint32_t i = 0; i < text.len && i < 7; i++)
		seconds = seconds * 10 + (uint32_t)(text.s[i] - '0') % 10;
	if (ping_interval_fits(seconds))
		return seconds;
	return kind == PARLEY_PING_REINVITE ? engine->config.reinvite_interval_s
					    : engine->config.options_interval_s;
}

static uint64_t interval_ms(const struct parley *engine,
			    const struct dialog *dialog, enum parley_ping kind)
{
	return kind == PARLEY_PING_KA
		       ? engine->config.ping_interval_ms
		       : (uint64_t)interval_s(engine, dialog, kind) * 1000;
}

/* The dialog's own part of the spread; h_id has 31 random bits. */
static uint64_t phase_ms(const struct dialog *dialog, uint64_t spread_ms)
{
	return dialog->id.id * spread_ms >> 31;
}

static uint64_t first_ms(const struct parley *engine,
			 const struct dialog *dialog, enum parley_ping kind)
{
	uint64_t interval = interval_ms(engine, dialog, kind);

	if (kind == PARLEY_PING_KA)
		return interval +
		       phase_ms(dialog, engine->config.ping_spread_ms);
	return FIRST_MS + phase_ms(dialog, interval);
}

/* Where the time of @kind is kept. */
static uint64_t *due_of(struct dialog *dialog, enum parley_ping kind)
{
	return dialog->pings ? &dialog->pings->due_ms[kind]
			     : &dialog->due_ping_ms;
}

static int kinds_of(const struct dialog *dialog)
{
	return dialog->pings ? PARLEY_PINGS : PARLEY_PING_KA + 1;
}

static uint64_t earliest_ms(const struct dialog *dialog)
{
	uint64_t due = dialog->due_ping_ms;

	if (!dialog->pings)
		return due;
	due = UINT64_MAX;
	for (int i = 0; i < PARLEY_PINGS; i++)
		if (dialog->pings->due_ms[i] < due)
			due = dialog->pings->due_ms[i];
	return due;
}

/* Without memory it is not pinged, which is counted. */
static void make_pings(struct parley *engine, struct dialog *dialog)
{
	struct pings *pings = mem_alloc(&engine->mem, sizeof(*pings));

	if (!pings) {
		count_one(&engine->count.no_memory);
		return;
	}
	*pings = (struct pings){
		.due_ms = {dialog->due_ping_ms, UINT64_MAX, UINT64_MAX}};
	dialog->pings = pings;
}

void ping_fini(struct parley *engine, struct dialog *dialog)
{
	mem_free(&engine->mem, dialog->pings, sizeof(*dialog->pings));
	dialog->pings = NULL;
}

void ping_update_locked(struct parley *engine, struct dialog *dialog,
			struct parley_now now)
{
	/* Nearly all calls. */
	if (!(dialog->options & (KA_OPTIONS | PARLEY_OPT_PINGS)) &&
	    dialog->due_ping_ms == UINT64_MAX)
		return;
	if (!dialog->pings && is_up(dialog) &&
	    (dialog->options & PARLEY_OPT_PINGS))
		make_pings(engine, dialog);
	for (int i = 0; i < kinds_of(dialog); i++) {
		enum parley_ping kind = (enum parley_ping)i;
		uint64_t *due_ms = due_of(dialog, kind);

		if (!wanted(engine, dialog, kind))
			*due_ms = UINT64_MAX;
		else if (*due_ms == UINT64_MAX)
			*due_ms = now.ms + first_ms(engine, dialog, kind);
	}
	dialog->due_ping_ms = earliest_ms(dialog);
}

/* ------------------------------------------------ asking */

static struct pinged *pinged_of(struct leg *leg, enum parley_direction towards)
{
	return towards == PARLEY_DIR_UPSTREAM ? &leg->caller_pinged
					      : &leg->callee_pinged;
}

static void act(struct step *step, const struct leg *leg,
		enum parley_direction towards, enum parley_ping ping)
{
	step_action(step, (struct parley_action){.type = PARLEY_ACT_PING,
						 .leg = leg->number,
						 .dir = towards,
						 .ping = (uint8_t)ping});
}

static void ping(struct step *step, struct leg *leg,
		 enum parley_direction towards, enum parley_ping kind)
{
	struct dialog *dialog = step->dialog;
	enum parley_ping ping = PARLEY_PING_OPTIONS;

	if (mode_of(dialog, towards) != kind ||
	    !ping_pings(step->engine, dialog, leg, towards))
		return;
	if (can_offer(dialog, leg, towards)) {
		ping = PARLEY_PING_REINVITE;
		dialog->pings->ours_until_ms[index_of(towards)] =
			step->now.ms + OFFER_MS;
	}
	pinged_of(leg, towards)->asked = true;
	act(step, leg, towards, ping);
}

static void ask(struct step *step, struct leg *leg,
		enum parley_direction towards, enum parley_ping kind)
{
	if (kind != PARLEY_PING_KA)
		ping(step, leg, towards, kind);
	else if (ping_asks(step->engine, step->dialog, leg, towards))
		act(step, leg, towards, kind);
}

static void kind_due(struct step *step, enum parley_ping kind)
{
	struct dialog *dialog = step->dialog;
	uint64_t interval = interval_ms(step->engine, dialog, kind);
	uint64_t *due_ms = due_of(dialog, kind);
	uint64_t late = step->now.ms - *due_ms;

	if (kind == PARLEY_PING_REINVITE &&
	    offers_pend(dialog->pings, step->now.ms, true)) {
		*due_ms = step->now.ms + POSTPONED_MS;
		return;
	}
	*due_ms += (late / interval + 1) * interval;
	for (struct leg *leg = dialog->legs; leg; leg = leg->next) {
		ask(step, leg, PARLEY_DIR_UPSTREAM, kind);
		ask(step, leg, PARLEY_DIR_DOWNSTREAM, kind);
	}
}

/* ------------------------------------------------ answers */

static bool leg_lost(const struct parley *engine, const struct leg *leg)
{
	uint32_t limit = engine->config.ping_failed_limit;

	if (limit == 0)
		limit = 1;
	return leg->caller_lost >= limit || leg->callee_lost >= limit;
}

/* A second leg that has gone must not end the call of the first. */
static bool all_lost(const struct parley *engine, const struct dialog *dialog)
{
	for (const struct leg *leg = dialog->legs; leg; leg = leg->next)
		if (leg_up(leg) && !leg_lost(engine, leg))
			return false;
	return true;
}

/* The call ends as its lifetime does, with all that belongs to it; but not
 * later than it would have without us. */
static void shorten(struct step *step)
{
	struct dialog *dialog = step->dialog;
	uint32_t left_s = step->engine->config.ping_failed_lifetime_s;
	uint64_t until = step->now.ms + (uint64_t)left_s * 1000;

	if (dialog->due_lifetime_ms <= until)
		return;
	dialog->lifetime_s = left_s;
	dialog->due_lifetime_ms = until;
	dialog_arm_locked(step->engine, dialog);
	dialog_changed(step->engine, dialog);
}

static bool is_missed(const struct parley *engine, struct pinged pinged)
{
	return pinged.lost >= engine->config.ping_lost_limit;
}

/* A party of the leg does not answer any more. If the other one still may, its
 * answer is waited for with @patient: the reason of the end names both. */
static bool leg_missed(const struct parley *engine, const struct leg *leg,
		       bool patient)
{
	struct pinged caller = leg->caller_pinged, callee = leg->callee_pinged;
	bool caller_missed = is_missed(engine, caller);
	bool callee_missed = is_missed(engine, callee);

	if (patient && ((caller_missed && callee.asked && !callee_missed) ||
			(callee_missed && caller.asked && !caller_missed)))
		return false;
	return caller_missed || callee_missed;
}

/* As with keep-alives, all that are up. */
static bool all_missed(const struct parley *engine, const struct dialog *dialog,
		       bool patient)
{
	for (const struct leg *leg = dialog->legs; leg; leg = leg->next)
		if (leg_up(leg) && !leg_missed(engine, leg, patient))
			return false;
	return true;
}

static const char *end_reason(const struct parley *engine,
			      const struct dialog *dialog)
{
	static const char *const reasons[2][4] = {
		{"", "Caller Ping Timeout", "Callee Ping Timeout",
		 "Ping Timeout"},
		{"", "Caller ReINVITE Ping Timeout",
		 "Callee ReINVITE Ping Timeout", "ReINVITE Ping Timeout"},
	};
	unsigned int who = 0;
	bool invited = true;

	for (const struct leg *leg = dialog->legs; leg; leg = leg->next) {
		if (!leg_up(leg))
			continue;
		if (is_missed(engine, leg->caller_pinged))
			who |= PARLEY_SIDE_CALLER;
		if (is_missed(engine, leg->callee_pinged))
			who |= PARLEY_SIDE_CALLEE;
	}
	if (who & PARLEY_SIDE_CALLER)
		invited &= mode_of(dialog, PARLEY_DIR_UPSTREAM) ==
			   PARLEY_PING_REINVITE;
	if (who & PARLEY_SIDE_CALLEE)
		invited &= mode_of(dialog, PARLEY_DIR_DOWNSTREAM) ==
			   PARLEY_PING_REINVITE;
	return reasons[invited][who];
}

/* As a command would end it. */
static int end_missed(struct step *step)
{
	struct dialog *dialog = step->dialog;
	const char *reason = end_reason(step->engine, dialog);
	int rc = step_apply(step, T_TERMINATE);

	if (rc == 0)
		rc = terminate_answered(step, PARLEY_SIDE_ALL);
	if (rc < 0)
		return rc;
	step->notes |= PARLEY_NOTE_TERMINATED;
	dialog->end_code = LOST_CODE;
	/* It is only shown; without memory it is not. */
	(void)!text_set(&step->engine->mem, &dialog->end_reason,
			name_of(reason));
	dialog_changed(step->engine, dialog);
	return 0;
}

/* The time of a ping has come. */
void ping_due(struct step *step)
{
	struct dialog *dialog = step->dialog;

	if (dialog->pings && all_missed(step->engine, dialog, false)) {
		(void)!end_missed(step);
		return;
	}
	for (int i = 0; i < kinds_of(dialog); i++)
		if (*due_of(dialog, (enum parley_ping)i) <= step->now.ms)
			kind_due(step, (enum parley_ping)i);
	dialog->due_ping_ms = earliest_ms(dialog);
}

static int count_ping(struct step *step, struct leg *leg)
{
	const struct parley_event *event = step->event;
	struct dialog *dialog = step->dialog;
	struct pinged *pinged = pinged_of(leg, event->dir);

	if (event->ping == PARLEY_PING_REINVITE && dialog->pings)
		dialog->pings->ours_until_ms[index_of(event->dir)] = 0;
	pinged->asked = false;
	if (!is_up(dialog) || leg->state != PARLEY_LEG_CONFIRMED ||
	    event->code < 200)
		return 0;
	if (event->code != 408 && event->code != 481)
		pinged->lost = 0;
	else if (pinged->lost < LOST_MAX)
		pinged->lost = (pinged->lost + 1) & LOST_MAX;
	return all_missed(step->engine, dialog, true) ? end_missed(step) : 0;
}

int ping_done(struct step *step)
{
	const struct parley_event *event = step->event;
	struct dialog *dialog = step->dialog;
	struct leg *leg = leg_find_number(dialog, event->leg);

	if ((event->dir != PARLEY_DIR_DOWNSTREAM &&
	     event->dir != PARLEY_DIR_UPSTREAM) ||
	    event->ping >= PARLEY_PINGS)
		return PARLEY_E_ARGUMENT;
	step->dir = event->dir;
	if (!leg)
		return PARLEY_E_NO_LEG;
	if (event->ping != PARLEY_PING_KA)
		return count_ping(step, leg);
	if (dialog->state != PARLEY_STATE_CONFIRMED || dialog->ending ||
	    leg->state != PARLEY_LEG_CONFIRMED || event->code < 200)
		return 0;
	uint16_t *lost = event->dir == PARLEY_DIR_UPSTREAM ? &leg->caller_lost
							   : &leg->callee_lost;
	if (event->code != 408 && event->code != 481) {
		*lost = 0;
		return 0;
	}
	/* A limit above what can be counted is never reached. */
	if (*lost < UINT16_MAX)
		++*lost;
	if (all_lost(step->engine, dialog))
		shorten(step);
	return 0;
}

/* ------------------------------------------------ offers of the parties */

void ping_note_offer(struct step *step)
{
	const struct parley_event *event = step->event;
	uint64_t *until_ms =
		&step->dialog->pings->theirs_until_ms[index_of(step->dir)];
	uint64_t now_ms = step->now.ms;

	switch (event->type) {
	case PARLEY_EV_REINVITE:
	case PARLEY_EV_UPDATE:
		*until_ms = now_ms + OFFER_MS;
		break;
	case PARLEY_EV_ACK:
		*until_ms = 0;
		break;
	case PARLEY_EV_REPLY_WITHIN:
		if (event->code < 200)
			break;
		if (event->method == PARLEY_EV_REINVITE && event->code < 300)
			*until_ms = now_ms + step->engine->config.ack_wait_ms;
		else if (event->method == PARLEY_EV_REINVITE ||
			 event->method == PARLEY_EV_UPDATE)
			*until_ms = 0;
		break;
	default:
		break;
	}
}

/* ------------------------------------------------ intervals */

int parley_set_ping_interval(struct parley *engine, struct parley_now now,
			     struct parley_id id, enum parley_ping kind,
			     uint32_t seconds)
{
	char text[12];
	uint32_t at = sizeof(text);
	struct dialog *dialog;
	int rc;

	if ((kind != PARLEY_PING_OPTIONS && kind != PARLEY_PING_REINVITE) ||
	    !ping_interval_fits(seconds))
		return PARLEY_E_ARGUMENT;
	for (; seconds > 0; seconds /= 10)
		text[--at] = (char)('0' + seconds % 10);
	dialog = dialog_find_lock(engine, id);
	if (!dialog)
		return PARLEY_E_NO_DIALOG;
	rc = var_set_locked(
		engine, dialog, interval_name(kind),
		(struct parley_str){text + at, (uint32_t)sizeof(text) - at});
	if (rc == 0 && dialog->pings) {
		dialog->pings->due_ms[kind] = UINT64_MAX;
		ping_update_locked(engine, dialog, now);
		dialog_arm_locked(engine, dialog);
	}
	return dialog_change_unlock(engine, dialog, rc);
}

int parley_get_ping_interval(struct parley *engine, struct parley_id id,
			     enum parley_ping kind, uint32_t *secondsp)
{
	const struct dialog *dialog;

	if (kind != PARLEY_PING_OPTIONS && kind != PARLEY_PING_REINVITE)
		return PARLEY_E_ARGUMENT;
	dialog = dialog_find_lock_any(engine, id);
	if (!dialog)
		return PARLEY_E_NO_DIALOG;
	*secondsp = interval_s(engine, dialog, kind);
	dialog_unlock(engine, id);
	return 0;
}

/* ------------------------------------------------ checking */

const char *ping_check(const struct parley *engine, const struct dialog *dialog)
{
	const struct pings *pings = dialog->pings;

	if (!pings)
		return wanted(engine, dialog, PARLEY_PING_KA) ==
				       (dialog->due_ping_ms != UINT64_MAX)
			       ? NULL
			       : "ping: its clock does not run as it should";
	for (int i = 0; i < PARLEY_PINGS; i++)
		if (wanted(engine, dialog, (enum parley_ping)i) !=
		    (pings->due_ms[i] != UINT64_MAX))
			return "ping: a clock does not run as it should";
	return dialog->due_ping_ms == earliest_ms(dialog)
		       ? NULL
		       : "ping: due_ping_ms is not the earliest";
}
