/* See trail.h. */
#include <stdio.h>

#include "trail.h"

void trail_event(struct trail *trail, uint64_t now_ms, const char *format,
		 va_list args)
{
	char *text = trail->event[trail->count++ % TRAIL_EVENTS];
	int used = snprintf(text, TRAIL_TEXT, "%llu.%03u ",
			    (unsigned long long)(now_ms / 1000),
			    (unsigned)(now_ms % 1000));

	vsnprintf(text + used, TRAIL_TEXT - (size_t)used, format, args);
	if (trail->verbose)
		printf("# %s\n", text);
}

void trail_fail(struct trail *trail, const char *format, va_list args)
{
	vsnprintf(trail->fault, sizeof(trail->fault), format, args);
	longjmp(trail->jump, 1);
}

void trail_print(const struct trail *trail, uint64_t seed, uint64_t step,
		 uint64_t events)
{
	uint64_t from = trail->count > events ? trail->count - events : 0;

	printf("# seed %llu, step %llu: %s\n", (unsigned long long)seed,
	       (unsigned long long)step, trail->fault);
	for (uint64_t i = from; i < trail->count; i++)
		printf("#   %s\n", trail->event[i % TRAIL_EVENTS]);
}
