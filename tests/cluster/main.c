/*
 * main.c - the command line of the simulated cluster
 *
 *   cluster [--seconds T | --seeds N] [--start S]
 *	the seeds of seeds.txt, the canary, then N seeds from S on, or as many
 *	as fit into T seconds (15); fails at the first fault
 *   cluster X, cluster --seed X [--verbose]
 *	one seed again
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cluster.h"
#include "crash.h"

struct run {
	uint64_t seeds, start, seconds, one;
	bool one_only, quiet;
	struct cluster_options options;
	struct world world;
	uint64_t worlds, steps, images, told, deaths, cuts, adopted, agreed;
};

enum { BATCH = 100, CANARY_SEEDS = 60 };

static const char list_name[] = "tests/cluster/seeds.txt";

static void print_fault(const struct world *world)
{
	uint64_t from = world->event_count > EVENTS_KEPT
				? world->event_count - EVENTS_KEPT
				: 0;

	printf("# seed %llu, step %llu: %s\n", (unsigned long long)world->seed,
	       (unsigned long long)world->steps, world->fault);
	for (uint64_t i = from; i < world->event_count; i++)
		printf("#   %s\n", world->event[i % EVENTS_KEPT]);
	printf("# replay: cluster --seed %llu --verbose\n",
	       (unsigned long long)world->seed);
}

static bool play(struct run *run, uint64_t seed)
{
	struct world *world = &run->world;
	bool good;

	crash_is_of("cluster", seed);
	good = world_run(world, seed, &run->options);
	run->worlds++;
	run->steps += world->steps;
	run->images += world->images;
	run->told += world->told;
	run->deaths += world->deaths;
	run->cuts += world->cuts;
	run->adopted += world->adopted;
	run->agreed += world->agreed;
	if (!good && !run->quiet)
		print_fault(world);
	world_fini(world);
	return good;
}

/* Seeds that failed once, one to a line; # starts a comment. */
static bool play_list(struct run *run)
{
	FILE *file = fopen(list_name, "r");
	char line[200];
	uint32_t count = 0;
	bool good = true;

	if (!file) {
		printf("not ok cluster seeds: cannot read %s\n", list_name);
		return false;
	}
	while (good && fgets(line, sizeof(line), file)) {
		char *end;
		uint64_t seed = strtoull(line, &end, 0);

		if (end == line)
			continue;
		count++;
		good = play(run, seed);
	}
	fclose(file);
	printf("%s cluster seeds: %u of %s\n", good ? "ok" : "not ok", count,
	       list_name);
	return good;
}

/* A message that is taken for read and is not must be found. */
static bool play_canary(struct run *run)
{
	uint32_t found = 0;

	run->options.canary = run->quiet = true;
	for (uint64_t seed = CLUSTER_TWO; seed < CANARY_SEEDS;
	     seed += CLUSTER_KINDS)
		found += !play(run, seed);
	run->options.canary = run->quiet = false;
	printf("%s cluster canary: a planted fault is found in %u worlds\n",
	       found > 0 ? "ok" : "not ok", found);
	return found > 0;
}

static uint64_t seconds_now(void)
{
	struct timespec now;

	return timespec_get(&now, TIME_UTC) == 0 ? 0 : (uint64_t)now.tv_sec;
}

static bool play_batches(struct run *run)
{
	uint64_t begin = seconds_now(), end = run->start + run->seeds;

	for (uint64_t from = run->start; from < end; from += BATCH) {
		uint64_t to = from + BATCH < end ? from + BATCH : end;

		if (run->seconds > 0 && seconds_now() - begin >= run->seconds)
			break;
		for (uint64_t seed = from; seed < to; seed++)
			if (!play(run, seed)) {
				printf("not ok cluster seed %llu\n",
				       (unsigned long long)seed);
				return false;
			}
		printf("ok cluster seeds %llu to %llu\n",
		       (unsigned long long)from, (unsigned long long)(to - 1));
		fflush(stdout);
	}
	return true;
}

static int play_all(struct run *run)
{
	bool good = play_list(run) && play_canary(run) && play_batches(run);

	printf("# %llu worlds, %llu events, %llu images sent, %llu notes, "
	       "%llu nodes gone, %llu cuts, %llu calls taken over, %llu calls "
	       "compared\n",
	       (unsigned long long)run->worlds, (unsigned long long)run->steps,
	       (unsigned long long)run->images, (unsigned long long)run->told,
	       (unsigned long long)run->deaths, (unsigned long long)run->cuts,
	       (unsigned long long)run->adopted,
	       (unsigned long long)run->agreed);
	return good ? 0 : 1;
}

static bool parse(struct run *run, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : NULL;
		uint64_t number;

		if (strcmp(argv[i], "--verbose") == 0) {
			run->options.verbose = true;
			continue;
		}
		if (argv[i][0] != '-') {
			run->one = strtoull(argv[i], NULL, 0);
			run->one_only = true;
			continue;
		}
		if (!value)
			return false;
		number = strtoull(value, NULL, 0);
		i++;
		if (strcmp(argv[i - 1], "--seeds") == 0) {
			run->seeds = number;
			run->seconds = 0;
		} else if (strcmp(argv[i - 1], "--seconds") == 0) {
			run->seconds = number;
		} else if (strcmp(argv[i - 1], "--start") == 0) {
			run->start = number;
		} else if (strcmp(argv[i - 1], "--seed") == 0) {
			run->one = number;
			run->one_only = true;
		} else {
			return false;
		}
	}
	return true;
}

int main(int argc, char **argv)
{
	struct run *run = calloc(1, sizeof(*run));
	int status = 2;

	if (!run)
		return 2;
	run->seeds = 1000000;
	run->seconds = 15;
	run->start = 1;
	crash_watch();
	if (!parse(run, argc, argv)) {
		fprintf(stderr, "usage: see tests/cluster/main.c\n");
	} else if (run->one_only) {
		status = play(run, run->one) ? 0 : 1;
		printf("%s cluster seed %llu\n", status == 0 ? "ok" : "not ok",
		       (unsigned long long)run->one);
	} else {
		status = play_all(run);
	}
	free(run);
	return status;
}
