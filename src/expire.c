/*
 * expire.c - timers become table events
 *
 * A dialog has one timer, armed for the earliest of three due times: its
 * lifetime, its next keep-alive, and what its state waits for (early_timeout in
 * 1 and 2, noack_timeout in 3, the end of our BYEs in 3 and 4, end_timeout in
 * 5).
 */
#include "ping.h"
#include "store.h"

/* How long the host may take for the timeout route before the call ends
 * without its word. */
enum { TIMEOUT_ROUTE_MS = 10000 };

/* How long a note may take before the end timeout looks again. */
enum { END_AGAIN_MS = 1000 };

static bool wants_bye(const struct parley_config *config,
		      const struct dialog *dialog)
{
	return config->bye_on_timeout || dialog_raced(dialog) ||
	       (dialog->options & PARLEY_OPT_BYE_ON_TIMEOUT) ||
	       (config->bye_on_timeout_up &&
		dialog->state == PARLEY_STATE_CONFIRMED);
}

/* The call is over: without BYE it is forgotten, with BYE it is ended. */
static int lifetime_over(struct step *step)
{
	struct dialog *dialog = step->dialog;
	bool bye = wants_bye(&step->engine->config, dialog);

	step->cause = bye ? END_NONE : END_EXPIRED;
	int rc = step_apply(step, bye ? T_LIFETIME_BYE : T_LIFETIME);
	if (rc < 0)
		return rc;
	dialog->due_lifetime_ms = UINT64_MAX;
	dialog->in_timeout_route = false;
	dialog->expired = true;
	if (!bye)
		return 0;
	count_one(&step->engine->count.expired);
	step->notes |= PARLEY_NOTE_TERMINATED;
	return terminate_answered(step, PARLEY_SIDE_ALL);
}

/* The script's timeout route runs first, while the call is still up; it may
 * end it, or give it a new lifetime. */
static int expire_lifetime(struct step *step)
{
	struct dialog *dialog = step->dialog;

	if (dialog->timeout_route == 0 || dialog->in_timeout_route ||
	    !dialog_answered(dialog) || dialog_raced(dialog))
		return lifetime_over(step);
	dialog->in_timeout_route = true;
	dialog->due_lifetime_ms = step->now.ms + TIMEOUT_ROUTE_MS;
	step_action(step,
		    (struct parley_action){.type = PARLEY_ACT_TIMEOUT_ROUTE,
					   .route = dialog->timeout_route});
	return 0;
}

int expire_command(struct step *step)
{
	int rc = expire_lifetime(step);
	if (rc == 0)
		dialog_arm_locked(step->engine, step->dialog);
	return rc;
}

int expire_route_done(struct step *step)
{
	/* The route has ended the call or has given it a new lifetime. */
	if (!step->dialog->in_timeout_route || !dialog_answered(step->dialog))
		return 0;
	int rc = lifetime_over(step);
	if (rc == 0)
		dialog_arm_locked(step->engine, step->dialog);
	return rc;
}

/* early_timeout: forget the call, or end it if that is configured. When the
 * host could not end it, the second time forgets it. */
static int expire_early(struct step *step)
{
	struct dialog *dialog = step->dialog;
	const struct parley_config *config = &step->engine->config;

	if (config->end_at_early_timeout && !dialog->ending) {
		dialog->due_state_ms = step->now.ms + config->ack_wait_ms;
		terminate_early(step, config->end_early_code);
		return 0;
	}
	step->cause = END_EARLY_TIMEOUT;
	return step_apply(step, T_EARLY_TIMEOUT);
}

/* The 2xx has been retransmitted out: the BYEs to the caller may go. */
static int expire_ack_wait(struct step *step)
{
	int rc = step_apply(step, T_ACK_WAIT);
	if (rc < 0)
		return rc;
	for (struct leg *leg = step->dialog->legs; leg; leg = leg->next)
		terminate_after_ack(step, leg);
	return 0;
}

static bool waits_for_ack(const struct dialog *dialog)
{
	for (const struct leg *leg = dialog->legs; leg; leg = leg->next)
		if (leg->bye_wait)
			return true;
	return false;
}

/* The wait for our BYEs is over though their end was never reported. */
static int expire_ending(struct step *step)
{
	struct dialog *dialog = step->dialog;
	if (waits_for_ack(dialog))
		return expire_ack_wait(step);
	for (struct leg *leg = dialog->legs; leg; leg = leg->next)
		leg->byes = 0;
	dialog->byes = 0;
	step->cause = END_BY_US;
	return step_apply(step, T_BYES_DONE);
}

static int expire_answered(struct step *step)
{
	struct dialog *dialog = step->dialog;
	if (dialog->ending)
		return expire_ending(step);
	int rc = step_apply(step, T_NOACK_TIMEOUT);
	if (rc < 0)
		return rc;
	dialog->lifetime_s = step->engine->config.noack_lifetime_s;
	dialog_renew_locked(step->engine, dialog, step->now);
	return 0;
}

/* end_timeout frees whatever still holds the dialog, except a note that is
 * being delivered: who delivers it frees the dialog afterwards. */
static int expire_end(struct step *step)
{
	struct dialog *dialog = step->dialog;

	if (copy_waits(dialog)) {
		dialog->due_state_ms =
			step->now.ms + step->engine->config.ack_wait_ms;
		return step_apply(step, T_END_TIMEOUT);
	}
	if (dialog->delay_s > 0) {
		/* From now on what holds it may take as long as without. */
		dialog->delay_s = 0;
		dialog->linger = false;
		dialog->due_state_ms =
			step->now.ms +
			(uint64_t)step->engine->config.end_timeout_s * 1000;
		return step_apply(step, T_END_TIMEOUT);
	}
	if (area_expire_pins(dialog))
		dialog->due_state_ms = step->now.ms + PARLEY_PIN_S * 1000;
	for (struct leg *leg = dialog->legs; leg; leg = leg->next)
		leg->byes = 0;
	dialog->byes = 0;
	dialog->holds = 0;
	dialog->invite_held = false;
	dialog->linger = false;
	/* Until then late messages may hold it anew: look again. */
	if (dialog->refs > 0 || copy_holds(dialog) || store_holds(dialog))
		dialog->due_state_ms = step->now.ms + END_AGAIN_MS;
	return step_apply(step, T_END_TIMEOUT);
}

static int expire_state(struct step *step)
{
	struct dialog *dialog = step->dialog;

	dialog->due_state_ms = UINT64_MAX;
	switch ((enum parley_state)dialog->state) {
	case PARLEY_STATE_UNCONFIRMED:
	case PARLEY_STATE_EARLY:
		return expire_early(step);
	case PARLEY_STATE_ANSWERED:
		return expire_answered(step);
	case PARLEY_STATE_CONFIRMED:
		return expire_ending(step);
	case PARLEY_STATE_DELETED:
		return expire_end(step);
	case PARLEY_STATE_NONE:
	case PARLEY_STATES:
		break;
	}
	return PARLEY_E_STATE;
}

/* With local_only the calls of other hosts are theirs to end; ours is to follow
 * them until their BYE. */
static bool is_of_others(const struct step *step)
{
	return step->engine->config.local_only && !step->dialog->socket;
}

/* Largest lag within about a minute. */
static void note_lag(struct parley *engine, uint64_t now_ms, uint64_t due_ms)
{
	struct engine_counts *count = &engine->count;
	uint64_t lag = now_ms - due_ms;
	uint64_t until = atomic_load_explicit(&count->lag_until_ms,
					      memory_order_relaxed);
	if (now_ms >= until ||
	    lag > atomic_load_explicit(&count->lag_ms, memory_order_relaxed)) {
		atomic_store_explicit(&count->lag_ms, lag,
				      memory_order_relaxed);
		atomic_store_explicit(&count->lag_until_ms, now_ms + 60000,
				      memory_order_relaxed);
	}
}

static void expire_dialog(struct step *step)
{
	struct dialog *dialog = step->dialog;
	uint64_t now_ms = step->now.ms;
	bool told = true; /* other nodes want to know */

	step->actions->old_state = dialog->state;
	note_lag(step->engine, now_ms, dialog->timer.due_ms);
	/* What comes of it is in the actions; that nothing came is no error. */
	if (copy_sleeps(dialog)) {
		image_forget(step);
	} else if (dialog->due_state_ms <= now_ms) {
		(void)!expire_state(step);
	} else if (dialog->due_lifetime_ms <= now_ms && is_of_others(step)) {
		dialog->due_lifetime_ms = UINT64_MAX;
		dialog_renew_locked(step->engine, dialog, step->now);
	} else if (dialog->due_lifetime_ms <= now_ms) {
		dialog->due_lifetime_ms = UINT64_MAX;
		(void)!expire_lifetime(step);
	} else if (dialog->due_ping_ms <= now_ms) {
		ping_due(step);
		told = false;
	}
	if (!dialog->destroying)
		dialog_arm_locked(step->engine, dialog);
	if (told && step->actions->old_state != PARLEY_STATE_DELETED)
		dialog_changed(step->engine, dialog);
	step_end(step);
}

bool parley_expire(struct parley *engine, struct parley_now now,
		   struct parley_actions *actions)
{
	struct step step;

	step_init(&step, engine, now, actions);
	for (uint32_t i = 0; i < engine->config.shards;) {
		uint32_t number = engine->next_shard;
		bool more;
		shard_lock(engine, number);
		struct timer *timer =
			wheel_pop(&engine->shards[number].wheel, now.ms, &more);
		if (timer) {
			step.dialog = DIALOG_OF(timer, timer);
			expire_dialog(&step); /* unlocks */
			return true;
		}
		shard_unlock(engine, number);
		if (more)
			continue;
		engine->next_shard = (number + 1) & (engine->config.shards - 1);
		i++;
	}
	return remote_expire(engine, now);
}

int parley_set_lifetime(struct parley *engine, struct parley_now now,
			struct parley_id id, uint32_t lifetime_s)
{
	if (lifetime_s == 0)
		return PARLEY_E_ARGUMENT;
	struct dialog *dialog = dialog_find_lock(engine, id);
	if (!dialog)
		return PARLEY_E_NO_DIALOG;
	int rc = 0;
	if (dialog->state == PARLEY_STATE_DELETED) {
		rc = PARLEY_E_STATE;
	} else {
		dialog->lifetime_s = lifetime_s;
		if (dialog->state >= PARLEY_STATE_ANSWERED && !dialog->ending)
			dialog_renew_locked(engine, dialog, now);
		dialog_changed(engine, dialog);
	}
	store_now(engine, dialog, now);
	dialog_write_unlock(engine, dialog);
	return rc;
}
