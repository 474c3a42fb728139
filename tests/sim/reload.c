/* reload.c - what comes back after a crash (store.h) */
#include <string.h>

#include "cut.h"
#include "story.h"
#include "tell.h"

enum {
	TIME_MS = 1000, /* records hold whole seconds of wall clock */
	EARLY_MS = 300000,
};

struct loading {
	struct sim *sim;
	struct parley_id gone[ROWS_MAX];
	uint32_t gone_count;
	bool here[MODEL_DIALOGS];	     /* it has come back, */
	struct parley_id was[MODEL_DIALOGS]; /* and had this identity */
};

/* ------------------------------------------------------------- the model */

static void leg_returns(struct model_leg *leg)
{
	leg->bye_caller = leg->bye_callee = leg->bye_wait = false;
	leg->assumed = false;
	leg->byes = leg->branches = 0;
	leg->lost[0] = leg->lost[1] = 0;
	leg->missed[0] = leg->missed[1] = 0;
	leg->asked[0] = leg->asked[1] = false;
}

static void story_begins(struct model_dialog *dialog)
{
	dialog->undelivered = 0;
	dialog->terminal_made = dialog->terminal_type = 0;
	dialog->terminal_entered = dialog->silent = false;
	dialog->states_mixed = false;
	memset(dialog->state_told, dialog->state, sizeof(dialog->state_told));
	memset(dialog->made, 0, sizeof(dialog->made));
	memset(dialog->told, 0, sizeof(dialog->told));
	memset(dialog->terminal_told, 0, sizeof(dialog->terminal_told));
	memset(dialog->destroy_told, 0, sizeof(dialog->destroy_told));
	dialog->subs = 0;
}

/* What is known of a call without its transactions. */
static void model_returns(const struct story *story)
{
	struct model_dialog *dialog = story->dialog;
	struct sim *sim = story->sim;
	bool early = dialog->state < PARLEY_STATE_ANSWERED;

	story_begins(dialog);
	dialog->holds = dialog->byes = 0;
	dialog->invite_held = dialog->linger = dialog->in_route = false;
	dialog->failed_branches = 0;
	dialog->expired = dialog->given_up = false;
	dialog->delay_s = sim->config.delete_delay_s;
	dialog->host_ref = 0;
	dialog->next_leg = 1;
	dialog->answered_ms = early ? 0 : sim->now_ms;
	dialog->born = ++sim->model.born;
	for (uint32_t i = 0; i < dialog->leg_count; i++) {
		leg_returns(&dialog->leg[i]);
		if (dialog->next_leg <= dialog->leg[i].number)
			dialog->next_leg = dialog->leg[i].number + 1;
	}
	if (early && dialog->due_state_ms == UINT64_MAX)
		dialog->due_state_ms = sim->now_ms + EARLY_MS;
	dialog->ended_by_us = dialog->ending;
	dialog->end_sides = dialog->ending ? PARLEY_SIDE_ALL : 0;
	if (dialog->ending && !early)
		(void)story_end_answered(story, PARLEY_SIDE_ALL);
	story->result->notes = PARLEY_NOTE_LOADED;
}

/* ------------------------------------------------------------- the engine */

static void same_time(struct sim *sim, const char *what, uint64_t left_ms,
		      uint64_t *due_ms)
{
	uint64_t is = left_ms == UINT64_MAX ? left_ms : sim->now_ms + left_ms;
	uint64_t should = *due_ms < sim->now_ms ? sim->now_ms : *due_ms;
	uint64_t differ = is > should ? is - should : should - is;

	if (differ > TIME_MS)
		sim_fail(sim, "after a crash %s is %llu, should be %llu", what,
			 (unsigned long long)is, (unsigned long long)should);
	*due_ms = is;
}

static void same_times(struct sim *sim, struct model_dialog *dialog)
{
	struct parley_image image;
	_Alignas(16) static char buffer[ROW_BYTES];
	int rc = parley_export(sim->engine, sim_now(sim), dialog->id, &image,
			       buffer, sizeof(buffer), NULL);

	if (rc != 0)
		sim_fail(sim, "export(): %s", parley_error_text(rc));
	same_time(sim, "the end of a lifetime", image.lifetime_left_ms,
		  &dialog->due_lifetime_ms);
	same_time(sim, "what a state waits for", image.state_left_ms,
		  &dialog->due_state_ms);
}

static void renamed(struct sim *sim, struct model_dialog *dialog,
		    struct parley_id id)
{
	int call = proxy_find(sim, dialog->id);

	if (id_equal(dialog->id, id))
		return;
	if (!sim->store.looking)
		cut_renamed(sim, dialog->id, id);
	if (call >= 0 && !sim->store.looking)
		sim->proxy[call].id = id;
	dialog->id = id;
}

static void import(struct loading *loading, const struct parley_image *image)
{
	struct sim *sim = loading->sim;
	struct parley_id id = image->view.id;
	struct model_dialog *dialog = model_find(&sim->model, id);
	struct model_result result = {.dir = PARLEY_DIR_NONE};
	struct story story = {sim, NULL, dialog, &result};
	struct parley_actions actions;
	int rc;

	if (dialog == NULL || dialog->state == PARLEY_STATE_DELETED)
		sim_fail(sim, "%u.%u is back", id.entry, id.id);
	rc = parley_import(sim->engine, sim_now(sim), image, &actions);
	if (rc != 0)
		sim_fail(sim, "%u.%u does not come back: %s", id.entry, id.id,
			 parley_error_text(rc));
	loading->here[dialog - sim->model.dialog] = true;
	loading->was[dialog - sim->model.dialog] = id;
	model_returns(&story);
	renamed(sim, dialog, actions.id);
	dialog->due_ping_ms = UINT64_MAX;
	dialog->due_pings_ms[0] = dialog->due_pings_ms[1] = UINT64_MAX;
	dialog->pinged = false;
	memset(dialog->theirs_until_ms, 0, sizeof(dialog->theirs_until_ms));
	memset(dialog->ours_until_ms, 0, sizeof(dialog->ours_until_ms));
	model_ping_clock(sim, dialog);
	same_times(sim, dialog);
	tell_check(sim, dialog, &result, &actions);
	sim->store.actions[sim->store.actions_count++] = actions;
}

/* ------------------------------------------------------------- loading */

static void load_records(struct loading *loading)
{
	_Alignas(16) static char buffer[ROW_BYTES];
	struct sim *sim = loading->sim;
	struct parley_record record;
	uint32_t cursor = 0;
	int rc;

	while ((rc = parley_store_next(sim->engine, sim_now(sim), &cursor,
				       &record, buffer, sizeof(buffer),
				       NULL)) == 1) {
		if (!record.known)
			sim_fail(sim, "a record that was left may be known");
		if (!record.gone)
			import(loading, &record.image);
		else if (loading->gone_count < ROWS_MAX)
			loading->gone[loading->gone_count++] =
				record.image.view.id;
	}
	if (rc != 0)
		sim_fail(sim, "store_next(): %s", parley_error_text(rc));
}

static bool is_gone(const struct loading *loading, struct parley_id id)
{
	for (uint32_t i = 0; i < loading->gone_count; i++)
		if (id_equal(loading->gone[i], id))
			return true;
	return false;
}

static bool is_here(const struct loading *loading, struct parley_id id)
{
	for (uint32_t i = 0; i < MODEL_DIALOGS; i++)
		if (loading->here[i] && id_equal(loading->was[i], id))
			return true;
	return false;
}

static uint64_t left_now(uint64_t left_ms, uint64_t elapsed_ms)
{
	if (left_ms == UINT64_MAX)
		return left_ms;
	return left_ms > elapsed_ms ? left_ms - elapsed_ms : 0;
}

/* A row, unless its call has come out of the journal; then it says nothing. */
static void load_row(struct loading *loading, const struct row *row)
{
	struct sim *sim = loading->sim;
	struct parley_image image = row->image;
	struct parley_actions actions;
	uint64_t elapsed = sim->now_ms - row->at_ms;
	int rc;

	if (is_gone(loading, image.view.id))
		return;
	image.stored = true;
	image.record = 0;
	image.lifetime_left_ms = left_now(image.lifetime_left_ms, elapsed);
	image.state_left_ms = left_now(image.state_left_ms, elapsed);
	if (!is_here(loading, image.view.id)) {
		import(loading, &image);
		return;
	}
	rc = parley_import(sim->engine, sim_now(sim), &image, &actions);
	if (rc != PARLEY_E_OLD)
		sim_fail(sim, "a row beside its record: %s",
			 parley_error_text(rc));
}

void reload(struct sim *sim)
{
	struct loading loading = {.sim = sim};
	struct model *model = &sim->model;

	sim->store.actions_count = 0;
	memset(&model->stats, 0, sizeof(model->stats));
	memset(model->remote, 0, sizeof(model->remote));
	memset(model->reserved, 0, sizeof(model->reserved));
	load_records(&loading);
	for (uint32_t i = 0; i < ROWS_MAX; i++)
		if (sim->store.row[i].used)
			load_row(&loading, &sim->store.row[i]);
	for (uint32_t i = 0; i < MODEL_DIALOGS; i++) {
		struct model_dialog *dialog = &model->dialog[i];

		if (!dialog->used)
			continue;
		if (loading.here[i]) {
			model->stats.now_in[dialog->state]++;
			model->stats.legs += dialog->leg_count;
		} else if (dialog->state == PARLEY_STATE_DELETED) {
			dialog->used = false;
		} else {
			sim_fail(sim, "%u.%u in state %u is lost",
				 dialog->id.entry, dialog->id.id,
				 dialog->state);
		}
	}
	compare_all(sim);
}
