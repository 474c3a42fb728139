/*
 * main.c - the simulator's command line (seeds.h)
 *
 *   sim [--seconds T | --seeds N] [--start S] [--steps M]
 *	   plays the seeds of seeds.txt, the canary, the allocation ladder, all
 *	   orders of a forked call's messages, crashes after each step, then
 *	   N seeds from S on, or as
 *	   many as fit into T seconds (50); fails at the first fault, and if
 *	   something that can be reached was not reached (cover.h)
 *   sim X, sim --seed X [--verbose]	replays one seed; --letters N --first
 *	   N: words of orders.c; --branches N --answers N: forks; --crashes 1
 *   sim --letters N		how long the words are (orders.c; 4)
 *   sim --list FILE		another file of seeds
 *   sim --canary		plants a fault in each world, so it must fail
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cover.h"
#include "seeds.h"

struct run {
	struct seeds seeds;
	bool quiet;
	struct sim_options options;
	struct coverage coverage;
	struct sim sim;
	uint64_t events, fed, worlds, failures, looks, crashes, cuts;
	uint32_t letters;
};

enum {
	EVENTS_SHOWN = 20,
	LADDER_SEEDS = 10,
	LADDER_MAX = 400,
	WORLDS_MAX = 50,
	CRASH_SEEDS = 40,
	CRASH_STEPS = 100,
	FORKS_MAX = 300
};

static void print_fault(const struct sim *sim)
{
	trail_print(&sim->trail, sim->seed, sim->steps, EVENTS_SHOWN);
	if (sim->options.fail_count > 0)
		printf("# with allocation %llu refused\n",
		       (unsigned long long)sim->options.fail_at);
	printf("# replay: sim --seed %llu --verbose",
	       (unsigned long long)sim->seed);
	if (sim->options.crashes)
		printf(" --crashes 1 --steps %u", sim->options.steps);
	if (sim->options.letters > 0)
		printf(" --letters %u --first %u", sim->options.letters,
		       sim->options.first_letter);
	if (sim->options.branches > 0)
		printf(" --branches %u --answers %u", sim->options.branches,
		       sim->options.answers);
	printf("\n");
}

static bool play(void *self, uint64_t seed)
{
	struct run *run = self;
	struct sim *sim = &run->sim;
	bool good;

	sim->coverage = &run->coverage;
	good = sim_run(sim, seed, &run->options);
	run->worlds++;
	run->events += sim->trail.count;
	run->fed += sim->fed;
	run->failures += sim->host.failures;
	if (!good && !run->quiet)
		print_fault(sim);
	sim_fini(sim);
	run->looks += sim->store.looks;
	run->crashes += sim->store.crashes;
	run->cuts += sim->store.cuts;
	return good;
}

/* The rig must find a fault that is planted. */
static bool play_canary(struct run *run)
{
	bool found = true;

	run->options.canary = run->quiet = true;
	for (uint64_t seed = SIM_CHAOS; seed < 20 && found; seed += SIM_KINDS)
		found = !play(run, seed);
	run->options.canary = run->quiet = false;
	printf("%s sim canary: a planted fault is %s\n",
	       found ? "ok" : "not ok", found ? "found" : "not found");
	return found;
}

/* The same worlds with each allocation refused in turn. */
static bool play_ladder(struct run *run)
{
	uint64_t before = run->worlds;
	bool good = true;

	for (uint64_t seed = 0; seed < LADDER_SEEDS && good; seed++) {
		run->options.fail_count = seed % 2 == 0 ? 1 : 3;
		for (uint64_t at = 0; at < LADDER_MAX && good; at++) {
			run->options.fail_at = at;
			good = play(run, 4000 + seed);
			if (good && run->sim.host.failures == 0)
				break;
		}
	}
	run->options.fail_at = run->options.fail_count = 0;
	printf("%s sim ladder: %llu worlds\n", good ? "ok" : "not ok",
	       (unsigned long long)(run->worlds - before));
	return good;
}

/* Every order of what can happen to a call with two branches. */
static bool play_orders(struct run *run)
{
	uint64_t words = 0;
	bool good = true;

	run->options.letters = run->letters;
	for (uint32_t first = 0; first < orders_letters() && good; first++) {
		run->options.first_letter = first;
		/* No world of this seed has allocations that fail. */
		good = play(run, SIM_CHAOS + SIM_KINDS * (uint64_t)first);
		words += run->sim.words;
	}
	run->options.letters = 0;
	printf("%s sim orders: %llu words of %u letters out of %u\n",
	       good ? "ok" : "not ok", (unsigned long long)words, run->letters,
	       orders_letters());
	return good;
}

/* Up to eight branches, up to four 2xx, in each kind of world; what is lost on
 * its way may keep a 2xx away, so it may take some more. */
static bool play_fork(struct run *run, uint32_t branches, uint32_t answers)
{
	const uint64_t *reached = &run->coverage.fork[branches][answers];
	uint64_t seed = run->worlds; /* another one each time */
	bool good = true;

	run->options.branches = branches;
	run->options.answers = answers;
	for (int i = 0; i < WORLDS_MAX && good; i++) {
		if (i >= SIM_KINDS && *reached > 0)
			break;
		good = play(run, seed++);
	}
	run->options.branches = run->options.answers = 0;
	return good;
}

static bool play_forks(struct run *run)
{
	uint64_t before = run->worlds;
	bool good = true;

	for (uint32_t branches = 1; branches <= BRANCHES_MAX; branches++)
		for (uint32_t answers = 0; answers <= ANSWERS_MAX; answers++)
			good = good && play_fork(run, branches, answers);
	/* And until each of the steps has followed each other one. */
	for (uint32_t i = 0; i < FORKS_MAX && good; i++) {
		if (cover_orders_missed(&run->coverage, false) == 0)
			break;
		good = play_fork(run, 2 + i % (BRANCHES_MAX - 1),
				 i % (ANSWERS_MAX + 1));
	}
	printf("%s sim forks: %llu worlds\n", good ? "ok" : "not ok",
	       (unsigned long long)(run->worlds - before));
	return good;
}

/* Short worlds in which all that a crash could leave is looked at, after each
 * step. */
static bool play_crashes(struct run *run)
{
	uint64_t looks = run->looks, crashes = run->crashes;
	uint64_t cuts = run->cuts;
	uint32_t steps = run->options.steps;
	bool good = true;

	run->options.crashes = true;
	run->options.steps = CRASH_STEPS;
	for (uint64_t seed = 0; seed < CRASH_SEEDS && good; seed++)
		good = play(run, seed);
	run->options.crashes = false;
	run->options.steps = steps;
	printf("%s sim crashes: %llu moments, %llu crashes in earnest, %llu "
	       "power cuts\n",
	       good ? "ok" : "not ok", (unsigned long long)(run->looks - looks),
	       (unsigned long long)(run->crashes - crashes),
	       (unsigned long long)(run->cuts - cuts));
	return good;
}

static bool play_all(void *self)
{
	struct run *run = self;
	uint32_t all, reached, missed;

	if (!seeds_play_list(&run->seeds) || !play_canary(run) ||
	    !play_ladder(run) || !play_orders(run) || !play_forks(run) ||
	    !play_crashes(run) || !seeds_play_batches(&run->seeds))
		return false;
	reached = cover_reached(&run->coverage, &all);
	missed = cover_report(&run->coverage, run->options.verbose);
	printf("# %llu worlds, %llu events, %llu fed to the engine, %llu "
	       "allocations refused\n",
	       (unsigned long long)run->worlds, (unsigned long long)run->events,
	       (unsigned long long)run->fed, (unsigned long long)run->failures);
	printf("%s sim table: %u of %u cells reached, %u missed\n",
	       missed == 0 ? "ok" : "not ok", reached, all, missed);
	missed += cover_forks(&run->coverage);
	return missed == 0;
}

static bool option(void *self, const char *name, uint64_t value)
{
	struct run *run = self;
	struct sim_options *options = &run->options;

	if (strcmp(name, "--steps") == 0) {
		options->steps = (uint32_t)value;
	} else if (strcmp(name, "--crashes") == 0) {
		options->crashes = value > 0;
	} else if (strcmp(name, "--letters") == 0) {
		run->letters = (uint32_t)value;
	} else if (strcmp(name, "--first") == 0) {
		options->first_letter = (uint32_t)value % orders_letters();
		options->letters = run->letters;
	} else if (strcmp(name, "--branches") == 0 && value <= BRANCHES_MAX) {
		options->branches = (uint32_t)value;
	} else if (strcmp(name, "--answers") == 0 && value <= ANSWERS_MAX) {
		options->answers = (uint32_t)value;
	} else {
		return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	struct run *run = calloc(1, sizeof(*run));
	int status;

	if (run == NULL)
		return 2;
	run->letters = 4;
	run->options.steps = 600;
	run->seeds = (struct seeds){
		.program = "sim",
		.list = "tests/sim/seeds.txt",
		.start = 1,
		.count = 1000000,
		.seconds = 50,
		.batch = 500,
		.verbose = &run->options.verbose,
		.canary = &run->options.canary,
		.run = run,
		.play = play,
		.play_all = play_all,
		.option = option,
	};
	status = seeds_main(&run->seeds, argc, argv);
	free(run);
	return status;
}
