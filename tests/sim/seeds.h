/*
 * seeds.h - the command line of a simulator
 *
 * What:    one seed again; or the seeds of a file, what else the simulator
 *          tries, and seeds in batches, until there are enough of them or the
 *          time is over.
 * Owns:    nothing.
 * Always:  the first fault ends it. Lines are those of `make test`.
 *
 * Words that each simulator knows: --seeds N, --seconds T, --start S,
 * --list FILE, --seed X or X alone, --verbose, --canary.
 */
#ifndef SIM_SEEDS_H
#define SIM_SEEDS_H

#include <stdbool.h>
#include <stdint.h>

struct seeds {
	const char *program; /* its name in what is printed */
	const char *list;    /* seeds that failed once, one to a line */
	uint64_t start, count, seconds, batch;
	uint64_t one;
	bool one_only;
	bool *verbose, *canary; /* of the options of a world */
	/* Of the simulator. option(): false, it has no such word. */
	void *run;
	bool (*play)(void *run, uint64_t seed);
	bool (*play_all)(void *run);
	bool (*option)(void *run, const char *name, uint64_t value);
};

/* What main() does; its exit code. */
int seeds_main(struct seeds *seeds, int argc, char **argv);
bool seeds_play_list(const struct seeds *seeds);
bool seeds_play_batches(const struct seeds *seeds);

#endif
