/*
 * check.c - every invariant, executable; called by tests after each step
 */
#include "ping.h"
#include "store.h"
#include "value_index.h"

#define REQUIRE(condition)                                                     \
	do {                                                                   \
		if (!(condition))                                              \
			return #condition;                                     \
	} while (0)

static const char *check_legs(const struct dialog *dialog)
{
	uint32_t count = 0, byes = 0, up = 0;

	for (const struct leg *leg = dialog->legs; leg; leg = leg->next) {
		count++;
		byes += leg->byes;
		up += leg_up(leg);
		REQUIRE(leg->tag_len > 0 || leg->state != PARLEY_LEG_EARLY);
		REQUIRE((leg->branches & dialog->failed_branches) == 0 ||
			!leg_unanswered(leg));
		REQUIRE(leg->number > 0 && leg->number < dialog->next_leg);
		REQUIRE(leg->state >= PARLEY_LEG_EARLY &&
			leg->state <= PARLEY_LEG_ENDED);
		REQUIRE(leg_find(dialog, leg_tag(leg)) == leg);
		REQUIRE(!leg->bye_wait || leg->bye_caller);
		REQUIRE(!leg->assumed || leg->state != PARLEY_LEG_EARLY);
	}
	REQUIRE(count == dialog->leg_count);
	REQUIRE(byes == dialog->byes);
	REQUIRE(count <= PARLEY_LEGS_MAX);
	bool answered = dialog->state == PARLEY_STATE_ANSWERED ||
			dialog->state == PARLEY_STATE_CONFIRMED;
	REQUIRE(!answered || up > 0);
	return NULL;
}

static const char *check_times(const struct parley *engine,
			       const struct dialog *dialog)
{
	uint64_t due = dialog->due_state_ms;
	if (dialog->due_lifetime_ms < due)
		due = dialog->due_lifetime_ms;
	/* Keep-alives alone end no call. */
	bool ends = due != UINT64_MAX;
	const char *fault = ping_check(engine, dialog);
	if (fault)
		return fault;
	due = dialog_due(engine, dialog);
	REQUIRE(timer_armed(&dialog->timer) == (due != UINT64_MAX));
	REQUIRE(due == UINT64_MAX || dialog->timer.due_ms == due);

	switch ((enum parley_state)dialog->state) {
	case PARLEY_STATE_UNCONFIRMED:
	case PARLEY_STATE_EARLY:
		REQUIRE(dialog->due_lifetime_ms == UINT64_MAX);
		break;
	case PARLEY_STATE_ANSWERED:
	case PARLEY_STATE_CONFIRMED:
		/* A call that is up ends some day. */
		REQUIRE(ends);
		REQUIRE(dialog->ending ||
			dialog->due_lifetime_ms != UINT64_MAX);
		break;
	case PARLEY_STATE_DELETED:
		REQUIRE(dialog->due_lifetime_ms == UINT64_MAX);
		REQUIRE(!dialog->members);
		/* It goes, whatever the host forgets to tell. */
		REQUIRE(dialog->due_state_ms != UINT64_MAX ||
			dialog->destroying);
		break;
	case PARLEY_STATE_NONE:
	case PARLEY_STATES:
		return "the state is none of the five";
	}
	return NULL;
}

static const char *check_dialog(struct parley *engine,
				const struct dialog *dialog)
{
	REQUIRE(dialog->linked);
	REQUIRE(dialog->state >= PARLEY_STATE_UNCONFIRMED &&
		dialog->state < PARLEY_STATES);
	REQUIRE(dialog->id.id > 0 && dialog->id.id <= INT32_MAX);
	REQUIRE(shard_of(engine, dialog->id.entry) ==
		shard_of(engine, entry_of(engine, dialog_callid(dialog))));
	REQUIRE(dialog->callid_len > 0 && dialog->from_tag_len > 0);
	REQUIRE(!dialog->invite_held || dialog->holds > 0);
	REQUIRE(dialog->lifetime_s > 0);
	REQUIRE(!dialog->ending || dialog->ended_by_us);
	/* What nothing holds has been destroyed. */
	REQUIRE(dialog->state != PARLEY_STATE_DELETED || dialog->destroying ||
		dialog->holds > 0 || dialog->byes > 0 || dialog->refs > 0 ||
		dialog->linger || copy_holds(dialog) || store_holds(dialog) ||
		area_pins(dialog) > 0);
	const char *fault = check_legs(dialog);
	if (!fault)
		fault = copy_check(dialog);
	if (!fault)
		fault = store_check(engine, dialog);
	if (!fault)
		fault = note_check(dialog);
	return fault ? fault : check_times(engine, dialog);
}

struct sums {
	uint64_t in_state[PARLEY_STATES];
	uint64_t legs;
	uint64_t members, unrecorded;
};

static void add_dialog(struct sums *sums, const struct dialog *dialog)
{
	sums->in_state[dialog->state]++;
	sums->legs += dialog->leg_count;
	sums->unrecorded += dialog->unrecorded;
	for (const struct parley_member *m = dialog->members; m; m = m->next)
		sums->members++;
}

static const char *check_shard(struct parley *engine, const struct shard *shard,
			       struct sums *sums)
{
	const char *fault = index_check(&shard->by_id);
	if (!fault)
		fault = index_check(&shard->by_call);
	if (!fault)
		fault = index_check(&shard->by_callid);
	if (!fault)
		fault = wheel_check(&shard->wheel);
	if (fault)
		return fault;
	REQUIRE(shard->by_id.count == shard->by_call.count);
	REQUIRE(shard->by_id.count == shard->by_callid.count);

	uint64_t cursor = 0;
	uint32_t seen = 0;
	struct index_node *node = index_walk(&shard->by_id, &cursor, true);
	for (; node; node = index_walk(&shard->by_id, &cursor, false)) {
		seen++;
		fault = check_dialog(engine, DIALOG_OF(node, by_id));
		if (fault)
			return fault;
		add_dialog(sums, DIALOG_OF(node, by_id));
	}
	REQUIRE(seen == shard->by_id.count);
	return value_index_check(engine, shard);
}

static const char *check_sums(struct parley *engine, const struct sums *sums)
{
	for (int s = PARLEY_STATE_UNCONFIRMED; s < PARLEY_STATES; s++)
		REQUIRE(atomic_load(&engine->count.in_state[s]) ==
			sums->in_state[s]);
	REQUIRE(atomic_load(&engine->count.legs) == sums->legs);
	REQUIRE(atomic_load(&engine->count.unrecorded) == sums->unrecorded);
	/* Reserved places belong to no dialog yet. */
	REQUIRE(profile_members(engine) >= sums->members);
	return NULL;
}

const char *parley_check(struct parley *engine)
{
	struct sums sums = {0};

	for (uint32_t i = 0; i < engine->config.shards; i++) {
		shard_lock(engine, i);
		const char *fault =
			check_shard(engine, &engine->shards[i], &sums);
		shard_unlock(engine, i);
		if (fault)
			return fault;
	}
	const char *fault = check_sums(engine, &sums);
	if (!fault)
		fault = profile_check(engine);
	if (!fault)
		fault = mem_check(&engine->mem);
	if (!fault)
		fault = mem_check(&engine->brief);
	if (!fault && engine->store)
		fault = journal_check(&engine->journal);
	return fault;
}
