/*
 * main.c - the simulator's command line
 *
 *   sim [--seconds T | --seeds N] [--start S] [--steps M]
 *	   plays the seeds of seeds.txt, the canary, the allocation ladder, all
 *	   orders of a forked call's messages, then N seeds from S on, or as
 *	   many as fit into T seconds (50); fails at the first fault, and if
 *	   something that can be reached was not reached (cover.h)
 *   sim X, sim --seed X [--verbose]	replays one seed; --letters N --first
 *	   N: words of orders.c; --branches N --answers N: forks
 *   sim --letters N		how long the words are (orders.c; 4)
 *   sim --list FILE		another file of seeds
 *   sim --canary		plants a fault in each world, so it must fail
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cover.h"
#include "crash.h"

struct run {
	uint64_t seeds, start, seconds;
	uint64_t one;
	bool one_only, quiet;
	const char *list;
	struct sim_options options;
	struct coverage coverage;
	struct sim sim;
	uint64_t events, fed, worlds, failures;
	uint32_t letters;
};

enum {
	BATCH = 500,
	LADDER_SEEDS = 10,
	LADDER_MAX = 400,
	WORLDS_MAX = 50,
	FORKS_MAX = 300
};

static void print_fault(const struct sim *sim)
{
	uint64_t from = sim->event_count > EVENTS_KEPT
				? sim->event_count - EVENTS_KEPT
				: 0;

	printf("# seed %llu, step %llu: %s\n", (unsigned long long)sim->seed,
	       (unsigned long long)sim->steps, sim->fault);
	if (sim->options.fail_count > 0)
		printf("# with allocation %llu refused\n",
		       (unsigned long long)sim->options.fail_at);
	for (uint64_t i = from; i < sim->event_count; i++)
		printf("#   %s\n", sim->event[i % EVENTS_KEPT]);
	printf("# replay: sim --seed %llu --verbose",
	       (unsigned long long)sim->seed);
	if (sim->options.letters > 0)
		printf(" --letters %u --first %u", sim->options.letters,
		       sim->options.first_letter);
	if (sim->options.branches > 0)
		printf(" --branches %u --answers %u", sim->options.branches,
		       sim->options.answers);
	printf("\n");
}

static bool play(struct run *run, uint64_t seed)
{
	struct sim *sim = &run->sim;
	bool good;

	crash_is_of("sim", seed);
	sim->coverage = &run->coverage;
	good = sim_run(sim, seed, &run->options);
	run->worlds++;
	run->events += sim->event_count;
	run->fed += sim->fed;
	run->failures += sim->host.failures;
	if (!good && !run->quiet)
		print_fault(sim);
	sim_fini(sim);
	return good;
}

/* Seeds that failed once, one to a line; # starts a comment. */
static bool play_list(struct run *run)
{
	FILE *file = fopen(run->list, "r");
	char line[200];
	uint32_t count = 0;
	bool good = true;

	if (file == NULL) {
		printf("not ok sim seeds: cannot read %s\n", run->list);
		return false;
	}
	while (good && fgets(line, sizeof(line), file) != NULL) {
		char *end;
		uint64_t seed = strtoull(line, &end, 0);

		if (end == line)
			continue;
		count++;
		good = play(run, seed);
	}
	fclose(file);
	printf("%s sim seeds: %u of %s\n", good ? "ok" : "not ok", count,
	       run->list);
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

static uint64_t seconds_now(void)
{
	struct timespec now;

	if (timespec_get(&now, TIME_UTC) == 0)
		return 0;
	return (uint64_t)now.tv_sec;
}

static bool play_batches(struct run *run)
{
	uint64_t begin = seconds_now();
	uint64_t end = run->start + run->seeds;

	for (uint64_t from = run->start; from < end; from += BATCH) {
		uint64_t to = from + BATCH < end ? from + BATCH : end;

		if (run->seconds > 0 && seconds_now() - begin >= run->seconds)
			break;
		for (uint64_t seed = from; seed < to; seed++)
			if (!play(run, seed)) {
				printf("not ok sim seed %llu\n",
				       (unsigned long long)seed);
				return false;
			}
		printf("ok sim seeds %llu to %llu\n", (unsigned long long)from,
		       (unsigned long long)(to - 1));
		fflush(stdout);
	}
	return true;
}

static int play_all(struct run *run)
{
	uint32_t all, reached, missed;
	bool good = run->options.canary || play_list(run);

	if (run->options.canary)
		return play_batches(run) ? 0 : 1;
	good = good && play_canary(run) && play_ladder(run) &&
	       play_orders(run) && play_forks(run) && play_batches(run);

	if (!good)
		return 1;
	reached = cover_reached(&run->coverage, &all);
	missed = cover_report(&run->coverage, run->options.verbose);
	printf("# %llu worlds, %llu events, %llu fed to the engine, %llu "
	       "allocations refused\n",
	       (unsigned long long)run->worlds, (unsigned long long)run->events,
	       (unsigned long long)run->fed, (unsigned long long)run->failures);
	printf("%s sim table: %u of %u cells reached, %u missed\n",
	       missed == 0 ? "ok" : "not ok", reached, all, missed);
	missed += cover_forks(&run->coverage);
	return missed == 0 ? 0 : 1;
}

/* Options that take a number; false: there is no such. */
static bool parse_number(struct run *run, const char *name, uint64_t value)
{
	struct sim_options *options = &run->options;

	if (strcmp(name, "--seeds") == 0) {
		run->seeds = value;
		run->seconds = 0;
	} else if (strcmp(name, "--start") == 0) {
		run->start = value;
	} else if (strcmp(name, "--steps") == 0) {
		options->steps = (uint32_t)value;
	} else if (strcmp(name, "--letters") == 0) {
		run->letters = (uint32_t)value;
	} else if (strcmp(name, "--first") == 0) {
		options->first_letter = (uint32_t)value % orders_letters();
		options->letters = run->letters;
	} else if (strcmp(name, "--branches") == 0 && value <= BRANCHES_MAX) {
		options->branches = (uint32_t)value;
	} else if (strcmp(name, "--answers") == 0 && value <= ANSWERS_MAX) {
		options->answers = (uint32_t)value;
	} else if (strcmp(name, "--seconds") == 0) {
		run->seconds = value;
	} else if (strcmp(name, "--seed") == 0) {
		run->one = value;
		run->one_only = true;
	} else {
		return false;
	}
	return true;
}

static bool parse(struct run *run, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : NULL;

		if (strcmp(argv[i], "--verbose") == 0) {
			run->options.verbose = true;
			continue;
		}
		if (strcmp(argv[i], "--canary") == 0) {
			run->options.canary = true;
			continue;
		}
		if (argv[i][0] != '-') {
			run->one = strtoull(argv[i], NULL, 0);
			run->one_only = true;
			continue;
		}
		if (value == NULL)
			return false;
		i++;
		if (strcmp(argv[i - 1], "--list") == 0)
			run->list = value;
		else if (!parse_number(run, argv[i - 1],
				       strtoull(value, NULL, 0)))
			return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	struct run *run = calloc(1, sizeof(*run));
	int status = 2;

	if (run == NULL)
		return 2;
	run->seeds = 1000000;
	run->seconds = 50;
	run->start = 1;
	run->letters = 4;
	run->list = "tests/sim/seeds.txt";
	run->options.steps = 600;
	crash_watch();
	if (!parse(run, argc, argv)) {
		fprintf(stderr, "usage: see tests/sim/main.c\n");
	} else if (run->one_only) {
		status = play(run, run->one) ? 0 : 1;
		printf("%s sim seed %llu\n", status == 0 ? "ok" : "not ok",
		       (unsigned long long)run->one);
	} else {
		status = play_all(run);
	}
	free(run);
	return status;
}
