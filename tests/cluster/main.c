/*
 * main.c - the command line of the simulated cluster (seeds.h)
 *
 *   cluster [--seconds T | --seeds N] [--start S]
 *	the seeds of seeds.txt, the canary, then N seeds from S on, or as many
 *	as fit into T seconds (15); fails at the first fault
 *   cluster X, cluster --seed X [--verbose]
 *	one seed again
 */
#include <stdio.h>
#include <stdlib.h>

#include "cluster.h"
#include "seeds.h"

struct run {
	struct seeds seeds;
	bool quiet;
	struct cluster_options options;
	struct world world;
	uint64_t worlds, steps, images, told, deaths, cuts, adopted, agreed;
};

enum { CANARY_SEEDS = 60 };

static void print_fault(const struct world *world)
{
	trail_print(&world->trail, world->seed, world->steps, TRAIL_EVENTS);
	printf("# replay: cluster --seed %llu --verbose\n",
	       (unsigned long long)world->seed);
}

static bool play(void *self, uint64_t seed)
{
	struct run *run = self;
	struct world *world = &run->world;
	bool good = world_run(world, seed, &run->options);

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

static bool play_all(void *self)
{
	struct run *run = self;
	bool good = seeds_play_list(&run->seeds) && play_canary(run) &&
		    seeds_play_batches(&run->seeds);

	printf("# %llu worlds, %llu events, %llu images sent, %llu notes, "
	       "%llu nodes gone, %llu cuts, %llu calls taken over, %llu calls "
	       "compared\n",
	       (unsigned long long)run->worlds, (unsigned long long)run->steps,
	       (unsigned long long)run->images, (unsigned long long)run->told,
	       (unsigned long long)run->deaths, (unsigned long long)run->cuts,
	       (unsigned long long)run->adopted,
	       (unsigned long long)run->agreed);
	return good;
}

int main(int argc, char **argv)
{
	struct run *run = calloc(1, sizeof(*run));
	int status;

	if (!run)
		return 2;
	run->seeds = (struct seeds){
		.program = "cluster",
		.list = "tests/cluster/seeds.txt",
		.start = 1,
		.count = 1000000,
		.seconds = 15,
		.batch = 100,
		.verbose = &run->options.verbose,
		.canary = &run->options.canary,
		.run = run,
		.play = play,
		.play_all = play_all,
	};
	status = seeds_main(&run->seeds, argc, argv);
	free(run);
	return status;
}
