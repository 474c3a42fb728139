/* plan.c - what happens in a world: calls, configuration, drawn from the seed
 */
#include <stdio.h>
#include <string.h>

#include "sim.h"

static uint16_t final_code(struct sim *sim)
{
	static const uint16_t codes[] = {404, 486, 486, 480, 503, 603};

	return codes[rng_below(&sim->rng, 6)];
}

static void callee_plan(struct sim *sim, struct callee_plan *plan, bool answers)
{
	plan->ring_ms = rng_range(&sim->rng, 10, 4000);
	plan->rings = rng_below(&sim->rng, 3);
	plan->bare = rng_chance(&sim->rng, 150);
	plan->early_bye = rng_chance(&sim->rng, 60);
	plan->answer_ms = rng_range(&sim->rng, 10, 9000);
	plan->code = final_code(sim);
	if (answers)
		plan->code = 200;
	else if (rng_chance(&sim->rng, 150))
		plan->code = 0;
}

/* Forks: how many branches, who is behind which, how many answer. */
static void fork_plan(struct sim *sim, struct call *call)
{
	struct call_plan *plan = &call->plan;
	uint32_t answer_permille = 700;

	plan->branches = 1;
	if (rng_chance(&sim->rng, 450))
		plan->branches = rng_range(&sim->rng, 2, BRANCHES_MAX);
	call->callees = plan->branches;
	/* Somebody downstream forks too. */
	if (rng_chance(&sim->rng, 200))
		call->callees += rng_range(&sim->rng, 1, 3);
	if (call->callees > CALLEES_MAX)
		call->callees = CALLEES_MAX;
	if (plan->branches > 1)
		answer_permille = 350;
	for (uint32_t i = 0; i < call->callees; i++) {
		plan->behind[i] =
			i < plan->branches
				? i
				: rng_below(&sim->rng, plan->branches);
		callee_plan(sim, &plan->callee[i],
			    rng_chance(&sim->rng, answer_permille));
	}
	/* Several 2xx at about the same time. */
	if (rng_chance(&sim->rng, 250))
		for (uint32_t i = 0; i < call->callees; i++) {
			plan->callee[i].code = 200;
			plan->callee[i].answer_ms = plan->callee[0].answer_ms +
						    rng_below(&sim->rng, 80);
		}
}

/* As the command line wants it. Who is behind a branch of another's fork rings
 * first, so that there is somebody for each 2xx. */
static void fork_force(struct sim *sim, struct call *call)
{
	struct call_plan *plan = &call->plan;

	plan->branches = sim->options.branches;
	call->callees = plan->branches;
	while (call->callees < sim->options.answers)
		plan->behind[call->callees++] = 0;
	for (uint32_t i = 0; i < call->callees; i++) {
		bool answers = i < sim->options.answers;

		if (i < plan->branches)
			plan->behind[i] = i;
		callee_plan(sim, &plan->callee[i], answers);
		if (!answers && plan->callee[i].code == 0)
			plan->callee[i].code = final_code(sim);
		if (answers)
			plan->callee[i].answer_ms =
				5000 + rng_below(&sim->rng, 10);
		else
			plan->callee[i].answer_ms += 6000;
		/* Some ring just then. */
		if (!answers && rng_chance(&sim->rng, 500)) {
			plan->callee[i].rings = 1;
			plan->callee[i].ring_ms =
				4990 + rng_below(&sim->rng, 60);
		}
	}
}

void call_plan(struct sim *sim, struct call *call, uint32_t index)
{
	struct call_plan *plan = &call->plan;

	memset(call, 0, sizeof(*call));
	call->index = index;
	snprintf(call->callid, sizeof(call->callid), "c%u.%x@sim", index,
		 rng_below(&sim->rng, 1u << 20));
	snprintf(call->from_tag, sizeof(call->from_tag), "f%u.caller", index);
	call->invite_cseq = rng_range(&sim->rng, 1, 1000);
	if (sim->options.branches > 0)
		fork_force(sim, call);
	else
		fork_plan(sim, call);
	if (rng_chance(&sim->rng, 200))
		plan->cancel_ms = rng_range(&sim->rng, 5, 9000);
	/* On the heels of an answer: CANCEL crosses the 200. */
	if (rng_chance(&sim->rng, 100))
		plan->cancel_ms =
			plan->callee[0].answer_ms + rng_below(&sim->rng, 60);
	if (rng_chance(&sim->rng, 600))
		plan->hangup_ms = rng_range(&sim->rng, 1, 40000);
	if (rng_chance(&sim->rng, 400))
		plan->callee_hangup_ms = rng_range(&sim->rng, 1, 40000);
	/* Both at once. */
	if (rng_chance(&sim->rng, 200))
		plan->callee_hangup_ms = plan->hangup_ms;
	plan->requests = rng_below(&sim->rng, 4);
	plan->never_ack = rng_chance(&sim->rng, 40);
	plan->keep_all = rng_chance(&sim->rng, 300);
	plan->no_cookie = rng_chance(&sim->rng, 250);
	plan->reject = rng_chance(&sim->rng, 40);
	for (uint32_t i = 0; i < CALLEES_MAX + 2; i++)
		call->party[i].contact = 1;
}

static uint32_t pick(struct sim *sim, uint32_t a, uint32_t b, uint32_t c)
{
	uint32_t which = rng_below(&sim->rng, 3);

	return which == 0 ? a : which == 1 ? b : c;
}

void config_plan(struct sim *sim)
{
	static const struct parley_profile_config profiles[PROFILES_MAX] = {
		{"caller", true},
		{"all", false},
		{"trunk", true},
		{"premium", false},
	};
	struct parley_config *config = &sim->config;

	parley_config_default(config);
	config->hash_size = 1u << rng_below(&sim->rng, 8);
	config->shards =
		rng_chance(&sim->rng, 500) ? 0 : 1u << rng_below(&sim->rng, 2);
	if (config->shards > config->hash_size)
		config->shards = config->hash_size;
	config->piece_bytes = pick(sim, 8192, 32768, 65536);
	config->h_id_step = pick(sim, 1, 1, 7);
	config->h_id_start = rng_below(&sim->rng, config->h_id_step);
	config->lifetime_s = pick(sim, 43200, 60, 20);
	config->early_timeout_s = pick(sim, 300, 6, 0);
	config->noack_timeout_s = pick(sim, 60, 5, 0);
	config->end_timeout_s = pick(sim, 300, 40, 90);
	config->delete_delay_s = pick(sim, 0, 3, 70);
	config->race_timeout_s = pick(sim, 5, 1, 25);
	config->timeout_noreset = rng_chance(&sim->rng, 200);
	config->bye_on_timeout = rng_chance(&sim->rng, 400);
	config->bye_on_timeout_up = rng_chance(&sim->rng, 400);
	config->wait_ack = rng_chance(&sim->rng, 700);
	config->end_at_early_timeout = rng_chance(&sim->rng, 300);
	config->ping_interval_ms = pick(sim, 0, 30000, 7000);
	config->ping_spread_ms = pick(sim, 0, 7000, 1);
	config->ping_failed_limit = pick(sim, 0, 1, 2);
	config->ping_failed_lifetime_s = pick(sim, 10, 10, 3);
	config->options_interval_s = pick(sim, 30, 7, 3);
	config->reinvite_interval_s = pick(sim, 300, 20, 5);
	config->ping_lost_limit = pick(sim, 1, 1, 3);
	/* Who gets no memory for pings is not pinged, which nobody can tell. */
	sim->pings = sim->kind != SIM_STARVED && sim->options.fail_count == 0;
	config->local_only = rng_chance(&sim->rng, 500);
	memcpy(sim->profiles, profiles, sizeof(profiles));
	config->profiles = sim->profiles;
	config->profile_count = rng_below(&sim->rng, PROFILES_MAX + 1);
}

void net_plan(struct sim *sim)
{
	struct net *net = &sim->net;

	net->delay_ms = 20;
	if (sim->kind == SIM_PLAIN)
		return;
	net->delay_ms = pick(sim, 20, 100, 1500);
	net->twice = pick(sim, 0, 30, 100);
	net->loss = pick(sim, 0, 50, 200);
	if (sim->kind == SIM_LOSSY && net->loss == 0)
		net->loss = 100;
}
