/* cover.c - coverage of the transition table (cover.h) */
#include <stdio.h>
#include <string.h>

#include "cover.h"

/* Cells that no event can ask for. A timer is armed in its own states only; the
 * table has them all the same, so that a mistake would be counted. */
static const struct unreachable {
	int state; /* 0: all */
	const char *event;
	const char *why;
} unreachable[] = {
	{1, "BYE_LAST", "a dialog in state 1 or 2 has no leg that could be"},
	{2, "BYE_LAST", "the last one up; feed.c makes it BYE_OTHER"},
	{1, "NOACK_TIMEOUT", "armed in state 3"},
	{2, "NOACK_TIMEOUT", "armed in state 3"},
	{4, "NOACK_TIMEOUT", "disarmed by the ACK"},
	{5, "NOACK_TIMEOUT", "replaced by end_timeout"},
	{1, "ACK_WAIT", "armed once a leg is up and is being ended"},
	{2, "ACK_WAIT", "armed once a leg is up and is being ended"},
	{5, "ACK_WAIT", "replaced by end_timeout"},
	{3, "EARLY_TIMEOUT", "disarmed by the 2xx"},
	{4, "EARLY_TIMEOUT", "disarmed by the 2xx"},
	{5, "EARLY_TIMEOUT", "replaced by end_timeout"},
	{1, "END_TIMEOUT", "armed in state 5"},
	{2, "END_TIMEOUT", "armed in state 5"},
	{3, "END_TIMEOUT", "armed in state 5"},
	{4, "END_TIMEOUT", "armed in state 5"},
	{0, "IMPORT_EARLY", "there is one node here; tests/unit/test_image.c"},
	{0, "IMPORT_ANSWERED", "the same"},
	{0, "IMPORT_CONFIRMED", "the same"},
	{0, "IMPORT_ENDED", "the same"},
	{1, "SET_CONFIRMED", "force.c goes by way of SET_ANSWERED"},
	{2, "SET_CONFIRMED", "force.c goes by way of SET_ANSWERED"},
};

static const char *unreachable_why(int state, const char *event)
{
	size_t count = sizeof(unreachable) / sizeof(unreachable[0]);

	for (size_t i = 0; i < count; i++)
		if ((unreachable[i].state == state ||
		     unreachable[i].state == 0) &&
		    strcmp(unreachable[i].event, event) == 0)
			return unreachable[i].why;
	return NULL;
}

uint32_t cover_reached(const struct coverage *coverage, uint32_t *allp)
{
	uint32_t reached = 0;

	*allp = 0;
	for (int state = 1; state < PARLEY_STATES; state++)
		for (int event = 0; event < parley_table_events(); event++) {
			++*allp;
			reached += coverage->cell[state][event] > 0;
		}
	return reached;
}

static void print_table(const struct coverage *coverage)
{
	printf("# %-14s %10s %10s %10s %10s %10s\n", "event", "1", "2", "3",
	       "4", "5");
	for (int event = 0; event < parley_table_events(); event++) {
		printf("# %-14s", parley_table_event_name(event));
		for (int state = 1; state < PARLEY_STATES; state++)
			printf(" %10llu", (unsigned long long)
						  coverage->cell[state][event]);
		printf("\n");
	}
}

uint32_t cover_report(const struct coverage *coverage, bool verbose)
{
	uint32_t missed = 0;

	if (verbose)
		print_table(coverage);
	for (int state = 1; state < PARLEY_STATES; state++)
		for (int event = 0; event < parley_table_events(); event++) {
			const char *name = parley_table_event_name(event);
			const char *why = unreachable_why(state, name);
			bool reached = coverage->cell[state][event] > 0;

			if (reached == (why == NULL))
				continue;
			missed++;
			printf("# cell (%d, %s) %s\n", state, name,
			       reached ? "is listed as unreachable, but was "
					 "reached"
				       : "was not reached");
		}
	return missed;
}
