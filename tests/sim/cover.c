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

/* ------------------------------------------------------------- forks */

static const char *const step_names[FORK_STEPS] = {
	"1xx", "2xx", "failure", "CANCEL", "end", "loss", "repetition"};

void cover_step(struct sim *sim, uint32_t call, enum fork_step step)
{
	uint8_t *before = sim->proxy[call].steps;

	if (sim->coverage == NULL || sim->calls[call].plan.branches < 2)
		return;
	if (before[0] > 0 && before[1] > 0)
		sim->coverage->order[before[0] - 1][before[1] - 1][step]++;
	before[0] = before[1];
	before[1] = (uint8_t)(step + 1);
}

void cover_calls(struct sim *sim)
{
	for (uint32_t i = 0; i < sim->call_count && sim->coverage; i++) {
		const struct call *call = &sim->calls[i];
		uint32_t answers = 0;

		for (uint32_t ua = 0; ua < call->callees; ua++) {
			const struct proxy_ours *ours = &sim->proxy[i].ours[ua];

			answers += ours->passed + ours->swallowed > 0;
		}
		if (answers > ANSWERS_MAX)
			answers = ANSWERS_MAX;
		sim->coverage->fork[call->plan.branches][answers]++;
	}
}

static uint64_t after(const struct coverage *coverage, int first, int second)
{
	uint64_t count = 0;

	for (int third = 0; third < FORK_STEPS; third++)
		count += coverage->order[first][second][third];
	return count;
}

/* A caller cancels once; its CANCEL again is a repetition. */
static bool never_follows(int first, int second)
{
	return first == FORK_CANCEL && second == FORK_CANCEL;
}

uint32_t cover_orders_missed(const struct coverage *coverage, bool verbose)
{
	uint32_t missed = 0;

	for (int first = 0; first < FORK_STEPS; first++)
		for (int second = 0; second < FORK_STEPS; second++) {
			if (after(coverage, first, second) > 0 ||
			    never_follows(first, second))
				continue;
			missed++;
			if (verbose)
				printf("# %s after %s was not reached\n",
				       step_names[second], step_names[first]);
		}
	return missed;
}

static uint32_t orders_reached(const struct coverage *coverage)
{
	const uint64_t *order = &coverage->order[0][0][0];
	uint32_t reached = 0;

	for (int i = 0; i < FORK_STEPS * FORK_STEPS * FORK_STEPS; i++)
		reached += order[i] > 0;
	return reached;
}

uint32_t cover_forks(const struct coverage *coverage)
{
	uint32_t missed = cover_orders_missed(coverage, true), forks = 0;

	for (int branches = 1; branches <= BRANCHES_MAX; branches++)
		for (int answers = 0; answers <= ANSWERS_MAX; answers++) {
			if (coverage->fork[branches][answers] > 0) {
				forks++;
				continue;
			}
			missed++;
			printf("# %d branches with %d 2xx: not reached\n",
			       branches, answers);
		}
	printf("%s sim reached: %u of %d: 1 to %d branches with 0 to %d 2xx; "
	       "%u of %d orders of three steps, all of two: %u missed\n",
	       missed == 0 ? "ok" : "not ok", forks,
	       BRANCHES_MAX * (ANSWERS_MAX + 1), BRANCHES_MAX, ANSWERS_MAX,
	       orders_reached(coverage), FORK_STEPS * FORK_STEPS * FORK_STEPS,
	       missed);
	return missed;
}
