/* model_ping.c - the rules of keep-alives in the model (model.h) */
#include <stdio.h>
#include <string.h>

#include "story.h"

/* What nobody reports the end of is over then; a re-INVITE waits so long for
 * those of the parties; so long after the ACK nobody is asked. */
enum { OFFER_MS = 300000, WAIT_MS = 2000, QUIET_MS = 1000 };

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

/* ------------------------------------------------------------- pings */

static bool is_up(const struct model_dialog *dialog)
{
	return dialog->state == PARLEY_STATE_CONFIRMED && !dialog->ending;
}

const char *model_var(const struct model_dialog *dialog, const char *key)
{
	for (uint32_t i = 0; i < MODEL_VARS; i++)
		if (dialog->var[i].used && strcmp(dialog->var[i].key, key) == 0)
			return dialog->var[i].value;
	return NULL;
}

static bool by_invite(const struct model_dialog *dialog,
		      enum parley_direction towards)
{
	return (dialog->options & (towards == PARLEY_DIR_UPSTREAM
					   ? PARLEY_OPT_REINVITE_CALLER
					   : PARLEY_OPT_REINVITE_CALLEE)) != 0;
}

static bool by_options(const struct model_dialog *dialog,
		       enum parley_direction towards)
{
	return !by_invite(dialog, towards) &&
	       (dialog->options &
		(towards == PARLEY_DIR_UPSTREAM ? PARLEY_OPT_PING_CALLER
						: PARLEY_OPT_PING_CALLEE)) != 0;
}

static bool rhythm_runs(const struct model_dialog *dialog, bool invites)
{
	bool (*how)(const struct model_dialog *, enum parley_direction) =
		invites ? by_invite : by_options;

	return is_up(dialog) && (how(dialog, PARLEY_DIR_UPSTREAM) ||
				 how(dialog, PARLEY_DIR_DOWNSTREAM));
}

static uint64_t rhythm_ms(const struct sim *sim,
			  const struct model_dialog *dialog, bool invites)
{
	const char *own = model_var(dialog, invites ? "~reinvite_interval"
						    : "~options_interval");
	unsigned int seconds = invites ? sim->config.reinvite_interval_s
				       : sim->config.options_interval_s;

	if (own != NULL && sscanf(own, "%u", &seconds) != 1)
		sim_fail((struct sim *)(uintptr_t)sim, "a strange interval");
	return (uint64_t)seconds * 1000;
}

/* The callee hears the caller's, and the first callee only. */
static bool can_invite(const struct model_dialog *dialog,
		       const struct model_leg *leg,
		       enum parley_direction towards)
{
	return by_invite(dialog, towards) && leg == &dialog->leg[0] &&
	       model_var(dialog, towards == PARLEY_DIR_UPSTREAM
					 ? "~callee_sdp"
					 : "~caller_sdp") != NULL;
}

static bool can_reach(const struct sim *sim, const struct model_dialog *dialog,
		      const struct model_leg *leg,
		      enum parley_direction towards)
{
	const void *socket =
		towards == PARLEY_DIR_UPSTREAM ? dialog->socket : leg->socket;

	return leg->state == PARLEY_LEG_CONFIRMED &&
	       (socket != NULL || !sim->config.local_only);
}

bool model_ping_may(const struct sim *sim, const struct model_dialog *dialog,
		    const struct model_leg *leg, enum parley_direction towards,
		    enum parley_ping ping)
{
	if (!is_up(dialog) || !can_reach(sim, dialog, leg, towards))
		return false;
	if (ping == PARLEY_PING_REINVITE)
		return can_invite(dialog, leg, towards);
	return by_options(dialog, towards) || by_invite(dialog, towards);
}

bool model_ping_pends(const struct sim *sim, const struct model_dialog *dialog,
		      bool ours)
{
	const uint64_t *until_ms =
		ours ? dialog->ours_until_ms : dialog->theirs_until_ms;

	return until_ms[0] > sim->now_ms || until_ms[1] > sim->now_ms;
}

static void pings_clock(const struct sim *sim, struct model_dialog *dialog)
{
	for (int i = 0; i < 2; i++) {
		uint64_t rhythm = rhythm_ms(sim, dialog, i == 1);
		uint64_t part = dialog->id.id * rhythm / ((uint64_t)1 << 31);

		if (!rhythm_runs(dialog, i == 1)) {
			dialog->due_pings_ms[i] = UINT64_MAX;
			continue;
		}
		dialog->pinged = true;
		if (dialog->due_pings_ms[i] == UINT64_MAX)
			dialog->due_pings_ms[i] = sim->now_ms + QUIET_MS + part;
	}
}

uint64_t model_ping_next(const struct model_dialog *dialog)
{
	uint64_t next = dialog->due_ping_ms;

	for (int i = 0; i < 2; i++)
		if (dialog->due_pings_ms[i] < next)
			next = dialog->due_pings_ms[i];
	return next;
}

void model_ping_heard(const struct sim *sim, const struct parley_event *event,
		      struct model_dialog *dialog)
{
	uint64_t *until_ms =
		&dialog->theirs_until_ms[event->dir == PARLEY_DIR_UPSTREAM];
	bool of_invite = event->method == PARLEY_EV_REINVITE;

	if (!dialog->pinged)
		return;
	if (event->type == PARLEY_EV_REINVITE ||
	    event->type == PARLEY_EV_UPDATE)
		*until_ms = sim->now_ms + OFFER_MS;
	else if (event->type == PARLEY_EV_ACK)
		*until_ms = 0;
	else if (event->type == PARLEY_EV_REPLY_WITHIN && event->code >= 200 &&
		 (of_invite || event->method == PARLEY_EV_UPDATE))
		*until_ms = of_invite && event->code < 300
				    ? sim->now_ms + sim->config.ack_wait_ms
				    : 0;
}

static void ping_one(const struct sim *sim, struct model_dialog *dialog,
		     struct model_leg *leg, enum parley_direction towards,
		     struct model_result *result)
{
	struct parley_action action = {.type = PARLEY_ACT_PING,
				       .leg = leg->number,
				       .dir = towards,
				       .ping = PARLEY_PING_OPTIONS};

	if (!can_reach(sim, dialog, leg, towards))
		return;
	if (can_invite(dialog, leg, towards)) {
		action.ping = PARLEY_PING_REINVITE;
		dialog->ours_until_ms[towards == PARLEY_DIR_UPSTREAM] =
			sim->now_ms + OFFER_MS;
	}
	leg->asked[towards == PARLEY_DIR_UPSTREAM] = true;
	result->list[result->count++] = action;
}

static void pings_due(const struct sim *sim, struct model_dialog *dialog,
		      bool invites, struct model_result *result)
{
	uint64_t *due_ms = &dialog->due_pings_ms[invites];
	bool (*how)(const struct model_dialog *, enum parley_direction) =
		invites ? by_invite : by_options;

	if (*due_ms > sim->now_ms)
		return;
	if (invites && (model_ping_pends(sim, dialog, false) ||
			model_ping_pends(sim, dialog, true))) {
		*due_ms = sim->now_ms + WAIT_MS;
		return;
	}
	while (*due_ms <= sim->now_ms)
		*due_ms += rhythm_ms(sim, dialog, invites);
	for (uint32_t i = 0; i < dialog->leg_count; i++) {
		if (how(dialog, PARLEY_DIR_UPSTREAM))
			ping_one(sim, dialog, &dialog->leg[i],
				 PARLEY_DIR_UPSTREAM, result);
		if (how(dialog, PARLEY_DIR_DOWNSTREAM))
			ping_one(sim, dialog, &dialog->leg[i],
				 PARLEY_DIR_DOWNSTREAM, result);
	}
}

/* Nobody that is up can be talked to. Of a leg of which one party is silent the
 * other one's answer is waited for, unless it is too late. */
static bool all_silent(const struct sim *sim, const struct model_dialog *dialog,
		       bool late)
{
	uint32_t limit = sim->config.ping_lost_limit;

	for (uint32_t i = 0; i < dialog->leg_count; i++) {
		const struct model_leg *leg = &dialog->leg[i];
		bool one = leg->missed[0] >= limit;
		bool other = leg->missed[1] >= limit;

		if (!model_up(leg))
			continue;
		if (!one && !other)
			return false;
		if (!late && ((one && !other && leg->asked[1]) ||
			      (other && !one && leg->asked[0])))
			return false;
	}
	return true;
}

static int end_silent(struct sim *sim, struct model_dialog *dialog,
		      struct model_result *result)
{
	struct story story = {sim, NULL, dialog, result};
	uint32_t limit = sim->config.ping_lost_limit;
	bool caller = false, callee = false, invites;

	for (uint32_t i = 0; i < dialog->leg_count; i++) {
		callee |= model_up(&dialog->leg[i]) &&
			  dialog->leg[i].missed[0] >= limit;
		caller |= model_up(&dialog->leg[i]) &&
			  dialog->leg[i].missed[1] >= limit;
	}
	invites = (!caller || by_invite(dialog, PARLEY_DIR_UPSTREAM)) &&
		  (!callee || by_invite(dialog, PARLEY_DIR_DOWNSTREAM));
	(void)story_end_answered(&story, PARLEY_SIDE_ALL);
	result->notes |= PARLEY_NOTE_TERMINATED;
	dialog->end_code = 408;
	snprintf(dialog->end_reason, sizeof(dialog->end_reason),
		 "%s%sPing Timeout",
		 caller && callee ? ""
		 : caller	  ? "Caller "
				  : "Callee ",
		 invites ? "ReINVITE " : "");
	return 0;
}

static int ping_answered(struct sim *sim, const struct parley_event *event,
			 struct model_dialog *dialog, struct model_leg *leg,
			 struct model_result *result)
{
	uint32_t who = event->dir == PARLEY_DIR_UPSTREAM;

	if (event->ping == PARLEY_PING_REINVITE)
		dialog->ours_until_ms[who] = 0;
	leg->asked[who] = false;
	if (!is_up(dialog) || leg->state != PARLEY_LEG_CONFIRMED ||
	    event->code < 200)
		return 0;
	if (event->code == 408 || event->code == 481)
		leg->missed[who]++;
	else
		leg->missed[who] = 0;
	return all_silent(sim, dialog, false) ? end_silent(sim, dialog, result)
					      : 0;
}

/* ------------------------------------------------------------- keep-alives */

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
	pings_clock(sim, dialog);
}

void model_ping_due(struct sim *sim, struct model_dialog *dialog,
		    struct model_result *result)
{
	static const enum parley_direction both[] = {PARLEY_DIR_UPSTREAM,
						     PARLEY_DIR_DOWNSTREAM};

	if (dialog->pinged && all_silent(sim, dialog, true)) {
		(void)end_silent(sim, dialog, result);
		return;
	}
	bool due = dialog->due_ping_ms <= sim->now_ms;

	while (dialog->due_ping_ms <= sim->now_ms)
		dialog->due_ping_ms += sim->config.ping_interval_ms;
	for (uint32_t i = 0; due && i < 2 * dialog->leg_count; i++) {
		const struct model_leg *leg = &dialog->leg[i / 2];
		struct parley_action action = {.type = PARLEY_ACT_PING,
					       .leg = leg->number,
					       .dir = both[i % 2]};

		if (model_ping_asks(sim, dialog, leg, both[i % 2]))
			result->list[result->count++] = action;
	}
	pings_due(sim, dialog, false, result);
	pings_due(sim, dialog, true, result);
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

int model_ping_done(struct sim *sim, const struct parley_event *event,
		    struct model_dialog *dialog, struct model_result *result)
{
	struct model_leg *leg = model_leg_number(dialog, event->leg);
	uint64_t until = sim->now_ms +
			 (uint64_t)sim->config.ping_failed_lifetime_s * 1000;
	uint32_t *count;

	if ((event->dir != PARLEY_DIR_DOWNSTREAM &&
	     event->dir != PARLEY_DIR_UPSTREAM) ||
	    event->ping >= PARLEY_PINGS)
		return PARLEY_E_ARGUMENT;
	result->dir = event->dir;
	if (leg == NULL)
		return PARLEY_E_NO_LEG;
	if (event->ping != PARLEY_PING_KA)
		return ping_answered(sim, event, dialog, leg, result);
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
