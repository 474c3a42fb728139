/* See ping.h. */
#include "ping.h"
#include "store.h"

enum { KA_OPTIONS = PARLEY_OPT_KA_CALLER | PARLEY_OPT_KA_CALLEE };

bool ping_wanted(const struct parley *engine, const struct dialog *dialog)
{
	return engine->config.ping_interval_ms > 0 &&
	       dialog->state == PARLEY_STATE_CONFIRMED && !dialog->ending &&
	       !copy_replica(dialog) && (dialog->options & KA_OPTIONS);
}

bool ping_asks(const struct parley *engine, const struct dialog *dialog,
	       const struct leg *leg, enum parley_direction towards)
{
	bool caller = towards == PARLEY_DIR_UPSTREAM;
	const void *socket = caller ? dialog->socket : leg->socket;

	if (!ping_wanted(engine, dialog) ||
	    leg->state != PARLEY_LEG_CONFIRMED ||
	    (engine->config.local_only && !socket))
		return false;
	return dialog->options &
	       (caller ? PARLEY_OPT_KA_CALLER : PARLEY_OPT_KA_CALLEE);
}

/* The dialog's own part of the spread; h_id has 31 random bits. */
static uint64_t phase_ms(const struct parley *engine,
			 const struct dialog *dialog)
{
	return (uint64_t)dialog->id.id * engine->config.ping_spread_ms >> 31;
}

void ping_update_locked(struct parley *engine, struct dialog *dialog,
			struct parley_now now)
{
	if (!ping_wanted(engine, dialog))
		dialog->due_ping_ms = UINT64_MAX;
	else if (dialog->due_ping_ms == UINT64_MAX)
		dialog->due_ping_ms = now.ms + engine->config.ping_interval_ms +
				      phase_ms(engine, dialog);
}

static void ask(struct step *step, const struct leg *leg,
		enum parley_direction towards)
{
	if (ping_asks(step->engine, step->dialog, leg, towards))
		step_action(step,
			    (struct parley_action){.type = PARLEY_ACT_PING,
						   .leg = leg->number,
						   .dir = towards});
}

void ping_due(struct step *step)
{
	struct dialog *dialog = step->dialog;
	uint64_t interval = step->engine->config.ping_interval_ms;
	uint64_t late = step->now.ms - dialog->due_ping_ms;

	dialog->due_ping_ms += (late / interval + 1) * interval;
	for (const struct leg *leg = dialog->legs; leg; leg = leg->next) {
		ask(step, leg, PARLEY_DIR_UPSTREAM);
		ask(step, leg, PARLEY_DIR_DOWNSTREAM);
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

int ping_done(struct step *step)
{
	const struct parley_event *event = step->event;
	struct dialog *dialog = step->dialog;
	struct leg *leg = leg_find_number(dialog, event->leg);

	if (event->dir != PARLEY_DIR_DOWNSTREAM &&
	    event->dir != PARLEY_DIR_UPSTREAM)
		return PARLEY_E_ARGUMENT;
	step->dir = event->dir;
	if (!leg)
		return PARLEY_E_NO_LEG;
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
