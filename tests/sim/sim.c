/* sim.c - one world from its seed to its end (sim.h) */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tell.h"

enum {
	CHECK_EVERY = 16, /* steps between two looks at everything */
	STEPS_MAX = 100000,
	WALL_START = 1700000000,
};

void sim_event(struct sim *sim, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	trail_event(&sim->trail, sim->now_ms, format, args);
	va_end(args);
}

void sim_fail(struct sim *sim, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	trail_fail(&sim->trail, format, args);
}

struct parley_now sim_now(const struct sim *sim)
{
	return (struct parley_now){sim->now_ms, sim->wall_s};
}

static void clock_tick(struct sim *sim)
{
	sim->wall_s = (uint32_t)(WALL_START + sim->now_ms / 1000) +
		      (uint32_t)sim->wall_jump;
}

void sim_trace(void *param, int state, int event, int next)
{
	struct sim *sim = param;

	if (state < 1 || state >= PARLEY_STATES || event < 0 || event >= 64)
		sim_fail(sim, "the trace names cell %d, %d", state, event);
	if (next != parley_table_next(state, event))
		sim_fail(sim, "the table says %d, the trace %d",
			 parley_table_next(state, event), next);
	if (sim->coverage != NULL)
		sim->coverage->cell[state][event]++;
}

/* False: the engine got no memory, which is all right. */
static bool engine_start(struct sim *sim)
{
	struct parley_host host;
	uint64_t failures = sim->host.failures;
	int rc;

	config_plan(sim);
	store_plan(sim);
	host_fill(&sim->host, parley_locks(&sim->config), &host);
	if (sim->options.fail_count > 0) {
		sim->host.fail_at = sim->options.fail_at;
		sim->host.fail_count = sim->options.fail_count;
	}
	rc = parley_create(&host, &sim->config, &sim->engine);
	if (rc == PARLEY_E_MEMORY && sim->host.failures > failures) {
		sim->engine = NULL;
		return false;
	}
	if (rc != 0)
		sim_fail(sim, "create: %s", parley_error_text(rc));
	sim->values =
		sim->seed % 2 == 0 && parley_index_values(sim->engine) == 0;
	store_open(sim);
	parley_set_trace(sim->engine, sim_trace, sim);
	told_subscribe(sim);
	return true;
}

static void calls_start(struct sim *sim)
{
	sim->call_count = rng_range(&sim->rng, 1, CALLS_MAX);
	for (uint32_t i = 0; i < sim->call_count; i++) {
		struct item item = {.kind = ITEM_UA, .call = i, .what = 1};

		call_plan(sim, &sim->calls[i], i);
		net_timer(sim, rng_below(&sim->rng, 15000), &item);
	}
	script_start(sim);
}

/* The canary: one call that the model is not told of. */
static void canary(struct sim *sim)
{
	struct parley_event event = {.type = PARLEY_EV_INVITE,
				     .callid = str_of("canary"),
				     .from_tag = str_of("canary")};
	struct parley_actions actions;

	if (!sim->options.canary || sim->steps != 100)
		return;
	if (parley_feed(sim->engine, sim_now(sim), &event, &actions) != 0)
		sim_event(sim, "the canary has found no memory");
}

/* The timer process is a little late, as it is, and looks again only after its
 * tick. */
static void timers_step(struct sim *sim, uint64_t due, uint64_t next)
{
	due += rng_below(&sim->rng, 150);
	due = due < next ? due : next;
	if (due > sim->now_ms)
		sim->now_ms = due;
	clock_tick(sim);
	proxy_expire(sim);
	sim->now_ms += 10;
}

static void queue_step(struct sim *sim, uint64_t next)
{
	if (next > sim->now_ms)
		sim->now_ms = next;
	clock_tick(sim);
	net_step(sim);
}

/* One thing happens. False when nothing will ever happen again. */
static bool step(struct sim *sim)
{
	uint64_t next = net_next_ms(&sim->net);
	uint64_t due = model_next_ms(&sim->model);
	bool chaos = sim->kind == SIM_CHAOS && !sim->quiet;
	bool idle = next == UINT64_MAX && due == UINT64_MAX;

	if (idle && sim->notes.count == 0 && !chaos)
		return false;
	sim->steps++;
	canary(sim);
	if (chaos) {
		chaos_act(sim);
		clock_tick(sim);
		proxy_expire(sim);
	} else if (sim->notes.count > 0 &&
		   (idle || rng_chance(&sim->rng, 300))) {
		notes_deliver_one(sim);
	} else if (due < next) {
		timers_step(sim, due, next);
	} else {
		queue_step(sim, next);
	}
	if (sim->steps % CHECK_EVERY == 0)
		compare_all(sim);
	store_step(sim);
	return true;
}

static void be_quiet(struct sim *sim)
{
	sim_event(sim, "quiet from here on");
	sim->quiet = true;
	sim->net.loss = sim->net.twice = 0;
	sim->net.delay_ms = 10;
	sim->host.fail_permille = 0;
	script_quiet(sim);
	if (sim->kind == SIM_CHAOS)
		chaos_end(sim);
}

static void world(struct sim *sim)
{
	if (!engine_start(sim))
		return;
	if (sim->options.letters > 0) {
		orders_play(sim);
		return;
	}
	if (sim->kind == SIM_CHAOS)
		chaos_act(sim);
	else
		calls_start(sim);
	while (sim->steps < sim->options.steps)
		if (!step(sim))
			break;
	be_quiet(sim);
	while (step(sim))
		if (sim->steps > sim->options.steps + STEPS_MAX)
			sim_fail(sim, "the world does not come to an end");
	compare_all(sim);
	if (model_count(&sim->model) != 0)
		sim_fail(sim, "%u dialogs are left", model_count(&sim->model));
	store_end(sim);
	wire_check(sim);
	cover_calls(sim);
}

static void owner_fail(void *self, const char *text)
{
	sim_fail(self, "%s", text);
}

static void owner_log(void *self, const char *text)
{
	sim_event(self, "log: %s", text);
}

static bool owner_pause(void *self)
{
	return sim_pause(self);
}

bool sim_run(struct sim *sim, uint64_t seed, const struct sim_options *options)
{
	struct coverage *coverage = sim->coverage;
	const struct host_owner owner = {sim, owner_fail, owner_log,
					 owner_pause};

	memset(sim, 0, sizeof(*sim));
	sim->coverage = coverage;
	sim->seed = seed;
	sim->options = *options;
	sim->rng.state = seed * 0x9e3779b97f4a7c15u + 1;
	sim->kind = (enum sim_kind)(seed % SIM_KINDS);
	sim->now_ms = 1000;
	clock_tick(sim);
	host_init(&sim->host, &owner, seed);
	net_plan(sim);
	sim->trail.verbose = options->verbose;
	if (setjmp(sim->trail.jump) != 0)
		return false;
	world(sim);
	parley_destroy(sim->engine);
	sim->engine = NULL;
	if (sim->host.bytes != 0)
		sim_fail(sim, "%llu bytes were not given back",
			 (unsigned long long)sim->host.bytes);
	for (int i = 0; i < OWN_SUBSCRIBERS; i++)
		if (sim->own[i].used)
			sim_fail(sim, "a subscription was never released");
	return true;
}

void sim_fini(struct sim *sim)
{
	net_fini(&sim->net);
	host_fini(&sim->host);
	store_fini(&sim->store);
}
