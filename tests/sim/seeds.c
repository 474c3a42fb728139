/* See seeds.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "crash.h"
#include "seeds.h"

static bool play(const struct seeds *seeds, uint64_t seed)
{
	crash_is_of(seeds->program, seed);
	return seeds->play(seeds->run, seed);
}

bool seeds_play_list(const struct seeds *seeds)
{
	FILE *file = fopen(seeds->list, "r");
	char line[200];
	uint32_t count = 0;
	bool good = true;

	if (!file) {
		printf("not ok %s seeds: cannot read %s\n", seeds->program,
		       seeds->list);
		return false;
	}
	while (good && fgets(line, sizeof(line), file)) {
		char *end;
		uint64_t seed = strtoull(line, &end, 0);

		if (end == line)
			continue; /* a comment */
		count++;
		good = play(seeds, seed);
	}
	fclose(file);
	printf("%s %s seeds: %u of %s\n", good ? "ok" : "not ok",
	       seeds->program, count, seeds->list);
	return good;
}

static uint64_t seconds_now(void)
{
	struct timespec now;

	return timespec_get(&now, TIME_UTC) == 0 ? 0 : (uint64_t)now.tv_sec;
}

static bool play_batch(const struct seeds *seeds, uint64_t from, uint64_t to)
{
	for (uint64_t seed = from; seed < to; seed++)
		if (!play(seeds, seed)) {
			printf("not ok %s seed %llu\n", seeds->program,
			       (unsigned long long)seed);
			return false;
		}
	printf("ok %s seeds %llu to %llu\n", seeds->program,
	       (unsigned long long)from, (unsigned long long)(to - 1));
	fflush(stdout);
	return true;
}

bool seeds_play_batches(const struct seeds *seeds)
{
	uint64_t begin = seconds_now(), end = seeds->start + seeds->count;

	for (uint64_t from = seeds->start; from < end; from += seeds->batch) {
		uint64_t to = from + seeds->batch;

		if (seeds->seconds > 0 &&
		    seconds_now() - begin >= seeds->seconds)
			break;
		if (!play_batch(seeds, from, to < end ? to : end))
			return false;
	}
	return true;
}

static bool parse_value(struct seeds *seeds, const char *name, const char *text)
{
	uint64_t value = strtoull(text, NULL, 0);

	if (strcmp(name, "--list") == 0) {
		seeds->list = text;
	} else if (strcmp(name, "--seeds") == 0) {
		seeds->count = value;
		seeds->seconds = 0;
	} else if (strcmp(name, "--seconds") == 0) {
		seeds->seconds = value;
	} else if (strcmp(name, "--start") == 0) {
		seeds->start = value;
	} else if (strcmp(name, "--seed") == 0) {
		seeds->one = value;
		seeds->one_only = true;
	} else {
		return seeds->option && seeds->option(seeds->run, name, value);
	}
	return true;
}

static bool parse(struct seeds *seeds, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const char *name = argv[i];

		if (strcmp(name, "--verbose") == 0) {
			*seeds->verbose = true;
		} else if (strcmp(name, "--canary") == 0) {
			*seeds->canary = true;
		} else if (name[0] != '-') {
			seeds->one = strtoull(name, NULL, 0);
			seeds->one_only = true;
		} else if (++i == argc || !parse_value(seeds, name, argv[i])) {
			return false;
		}
	}
	return true;
}

int seeds_main(struct seeds *seeds, int argc, char **argv)
{
	bool good;

	crash_watch();
	if (!parse(seeds, argc, argv)) {
		fprintf(stderr, "usage: see tests/%s/main.c\n", seeds->program);
		return 2;
	}
	if (seeds->one_only) {
		good = play(seeds, seeds->one);
		printf("%s %s seed %llu\n", good ? "ok" : "not ok",
		       seeds->program, (unsigned long long)seeds->one);
	} else if (*seeds->canary) {
		good = seeds_play_batches(seeds);
	} else {
		good = seeds->play_all(seeds->run);
	}
	return good ? 0 : 1;
}
