/* model_ping.c - the rules of keep-alives in the model (model.h) */
#include <string.h>

#include "sim.h"

static bool running(const struct sim *sim, const struct model_dialog *dialog)
{
	return sim->config.ping_interval_ms != 0 &&
	       dialog->state == PARLEY_STATE_CONFIRMED && !dialog->ending &&
	       (dialog->options &
		(PARLEY_OPT_KA_CALLER | PARLEY_OPT_KA_CALLEE)) != 0;
}

bool model_ping_asks(const struct sim *sim, const struct model_dialog *dialog,
		     const struct model_leg *leg, enum parley_direction towards)
{
	const void *socket = leg->socket;
	uint32_t option = PARLEY_OPT_KA_CALLEE;

	if (towards == PARLEY_DIR_UPSTREAM) {
		socket = dialog->socket;
		option = PARLEY_OPT_KA_CALLER;
	}
	return running(sim, dialog) && leg->state == PARLEY_LEG_CONFIRMED &&
	       (dialog->options & option) != 0 &&
	       (socket != NULL || !sim->config.local_only);
}

void model_ping_clock(const struct sim *sim, struct model_dialog *dialog)
{
	uint64_t part = dialog->id.id;

	/* How much of 2^31 the h_id is, of the spread. */
	part = part * sim->config.ping_spread_ms / ((uint64_t)1 << 31);
	if (!running(sim, dialog))
		dialog->due_ping_ms = UINT64_MAX;
	else if (dialog->due_ping_ms == UINT64_MAX)
		dialog->due_ping_ms =
			sim->now_ms + sim->config.ping_interval_ms + part;
}

void model_ping_due(const struct sim *sim, struct model_dialog *dialog,
		    struct model_result *result)
{
	static const enum parley_direction both[] = {PARLEY_DIR_UPSTREAM,
						     PARLEY_DIR_DOWNSTREAM};

	while (dialog->due_ping_ms <= sim->now_ms)
		dialog->due_ping_ms += sim->config.ping_interval_ms;
	for (uint32_t i = 0; i < 2 * dialog->leg_count; i++) {
		const struct model_leg *leg = &dialog->leg[i / 2];
		struct parley_action action = {.type = PARLEY_ACT_PING,
					       .leg = leg->number,
					       .dir = both[i % 2]};

		if (model_ping_asks(sim, dialog, leg, both[i % 2]))
			result->list[result->count++] = action;
	}
}

/* Nobody that is up can be talked to on both sides. */
static bool lost(const struct sim *sim, const struct model_dialog *dialog)
{
	uint32_t limit = sim->config.ping_failed_limit;

	limit = limit == 0 ? 1 : limit;
	for (uint32_t i = 0; i < dialog->leg_count; i++) {
		const struct model_leg *leg = &dialog->leg[i];

		if (model_up(leg) && leg->lost[0] < limit &&
		    leg->lost[1] < limit)
			return false;
	}
	return true;
}

int model_ping_done(const struct sim *sim, const struct parley_event *event,
		    struct model_dialog *dialog, struct model_result *result)
{
	struct model_leg *leg = model_leg_number(dialog, event->leg);
	uint64_t until = sim->now_ms +
			 (uint64_t)sim->config.ping_failed_lifetime_s * 1000;
	uint32_t *count;

	if (event->dir != PARLEY_DIR_DOWNSTREAM &&
	    event->dir != PARLEY_DIR_UPSTREAM)
		return PARLEY_E_ARGUMENT;
	result->dir = event->dir;
	if (leg == NULL)
		return PARLEY_E_NO_LEG;
	if (dialog->state != PARLEY_STATE_CONFIRMED || dialog->ending ||
	    leg->state != PARLEY_LEG_CONFIRMED || event->code < 200)
		return 0;
	count = &leg->lost[event->dir == PARLEY_DIR_UPSTREAM];
	if (event->code == 408 || event->code == 481)
		++*count;
	else
		*count = 0;
	if (*count > 0 && lost(sim, dialog) &&
	    dialog->due_lifetime_ms > until) {
		dialog->lifetime_s = sim->config.ping_failed_lifetime_s;
		dialog->due_lifetime_ms = until;
	}
	return 0;
}
