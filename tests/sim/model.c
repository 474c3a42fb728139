/* model.c - dialogs of the model: finding, ending, counting (model.h) */
#include <string.h>

#include "sim.h"

struct model_dialog *model_find(struct model *model, struct parley_id id)
{
	for (uint32_t i = 0; i < MODEL_DIALOGS; i++)
		if (model->dialog[i].used && id_equal(model->dialog[i].id, id))
			return &model->dialog[i];
	return NULL;
}

static bool text_is(const char *text, struct parley_str str)
{
	return strlen(text) == str.len &&
	       (str.len == 0 || memcmp(text, str.s, str.len) == 0);
}

struct model_leg *model_leg(struct model_dialog *dialog, struct parley_str tag)
{
	for (uint32_t i = 0; i < dialog->leg_count; i++)
		if (text_is(dialog->leg[i].tag, tag))
			return &dialog->leg[i];
	return NULL;
}

struct model_leg *model_leg_number(struct model_dialog *dialog, uint32_t number)
{
	for (uint32_t i = 0; i < dialog->leg_count; i++)
		if (dialog->leg[i].number == number)
			return &dialog->leg[i];
	return NULL;
}

bool model_up(const struct model_leg *leg)
{
	return leg->state == PARLEY_LEG_ANSWERED ||
	       leg->state == PARLEY_LEG_CONFIRMED;
}

/* ------------------------------------------------------------- races */

bool model_raced(const struct model_dialog *dialog)
{
	return dialog->given_up && dialog->start_s != 0 &&
	       (dialog->options & PARLEY_OPT_END_ON_RACE) != 0;
}

void model_race(const struct sim *sim, struct model_dialog *dialog)
{
	if (!model_raced(dialog) || dialog->ending ||
	    dialog->state == PARLEY_STATE_DELETED)
		return;
	dialog->options |= PARLEY_OPT_BYE_ON_TIMEOUT;
	dialog->due_lifetime_ms =
		sim->now_ms + (uint64_t)sim->config.race_timeout_s * 1000;
	dialog->in_route = false;
}

void model_renew(const struct sim *sim, struct model_dialog *dialog)
{
	if (model_raced(dialog) && dialog->due_lifetime_ms != UINT64_MAX)
		return;
	dialog->due_lifetime_ms =
		sim->now_ms + (uint64_t)dialog->lifetime_s * 1000;
	dialog->in_route = false;
}

enum parley_ended model_ended(const struct model_dialog *dialog)
{
	if (dialog->expired)
		return model_raced(dialog) ? PARLEY_ENDED_RACE
					   : PARLEY_ENDED_LIFETIME;
	if (dialog->ended_by_us)
		return PARLEY_ENDED_BY_HOST;
	return dialog->state == PARLEY_STATE_DELETED
		       ? (enum parley_ended)dialog->end_cause
		       : PARLEY_ENDED_NOT;
}

uint32_t model_count(const struct model *model)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < MODEL_DIALOGS; i++)
		count += model->dialog[i].used;
	return count;
}

uint32_t model_random(struct sim *sim, struct model_dialog **dialogp)
{
	uint32_t count = model_count(&sim->model);
	uint32_t skip = count == 0 ? 0 : rng_below(&sim->rng, count);

	for (uint32_t i = 0; i < MODEL_DIALOGS && count > 0; i++) {
		if (!sim->model.dialog[i].used)
			continue;
		if (skip-- == 0) {
			*dialogp = &sim->model.dialog[i];
			break;
		}
	}
	return count;
}

/* What subscriber @i has been told of a dialog that is gone. */
static void story_check(struct sim *sim, const struct model_dialog *dialog,
			int i)
{
	uint32_t terminal = (sim->wants[i] & dialog->terminal_type) != 0;
	uint32_t destroy = (sim->wants[i] & PARLEY_NOTE_DESTROY) != 0;

	if (dialog->terminal_told[i] != terminal)
		sim_fail(sim,
			 "%u.%u is gone; subscriber %d has been told of "
			 "its end %u times",
			 dialog->id.entry, dialog->id.id, i,
			 dialog->terminal_told[i]);
	if ((sim->wants[i] & PARLEY_NOTE_STATE) != 0 &&
	    (dialog->told[i][STATE_BIT] != dialog->made[STATE_BIT] ||
	     (dialog->state_told[i] != PARLEY_STATE_DELETED &&
	      !dialog->states_mixed)))
		sim_fail(sim,
			 "%u.%u is gone; subscriber %d has seen %u of %u "
			 "changes, the last one to %u",
			 dialog->id.entry, dialog->id.id, i,
			 dialog->told[i][STATE_BIT], dialog->made[STATE_BIT],
			 dialog->state_told[i]);
	if (dialog->destroy_told[i] != destroy)
		sim_fail(sim,
			 "%u.%u is gone; subscriber %d has got DESTROY "
			 "%u times",
			 dialog->id.entry, dialog->id.id, i,
			 dialog->destroy_told[i]);
}

void model_settle(struct sim *sim, struct model_dialog *dialog)
{
	if (dialog->state != PARLEY_STATE_DELETED || dialog->holds > 0 ||
	    dialog->byes > 0 || dialog->undelivered > 0 || dialog->linger)
		return;
	/* What ends by decree may have been ended before, with a note. */
	if (dialog->terminal_made > 1 ||
	    (dialog->terminal_made == 0 && !dialog->silent))
		sim_fail(sim, "%u.%u is gone after %u terminal notes",
			 dialog->id.entry, dialog->id.id,
			 dialog->terminal_made);
	for (int i = 0; i < SUBSCRIBERS; i++)
		story_check(sim, dialog, i);
	sim->model.stats.legs -= dialog->leg_count;
	sim->model.stats.now_in[PARLEY_STATE_DELETED]--;
	dialog->used = false;
}

uint64_t model_next_ms(const struct model *model)
{
	uint64_t next = UINT64_MAX;

	for (uint32_t i = 0; i < MODEL_DIALOGS; i++) {
		const struct model_dialog *dialog = &model->dialog[i];

		if (!dialog->used)
			continue;
		if (dialog->due_state_ms < next)
			next = dialog->due_state_ms;
		if (dialog->due_lifetime_ms < next)
			next = dialog->due_lifetime_ms;
		if (model_ping_next(dialog) < next)
			next = model_ping_next(dialog);
	}
	for (uint32_t i = 0; i < MODEL_REMOTE; i++)
		if (model->remote[i].used && model->remote[i].due_ms < next)
			next = model->remote[i].due_ms;
	return next;
}

/* ------------------------------------------------------------- profiles */

static uint32_t list_count(const struct model_member *list, int profile,
			   const char *value)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < MODEL_MEMBERS; i++)
		count += list[i].used && list[i].profile == profile &&
			 (value == NULL || strcmp(list[i].value, value) == 0);
	return count;
}

uint32_t model_members(const struct model *model, int profile,
		       const char *value)
{
	uint32_t count = list_count(model->reserved, profile, value);

	for (uint32_t i = 0; i < MODEL_DIALOGS; i++)
		if (model->dialog[i].used)
			count += list_count(model->dialog[i].member, profile,
					    value);
	for (uint32_t i = 0; i < MODEL_REMOTE; i++)
		count += model->remote[i].used &&
			 model->remote[i].profile == profile &&
			 (value == NULL ||
			  strcmp(model->remote[i].value, value) == 0);
	return count;
}

struct model_member *model_member_add(struct model_member *list, int profile,
				      const char *value)
{
	for (uint32_t i = 0; i < MODEL_MEMBERS; i++) {
		if (list[i].used)
			continue;
		list[i].used = true;
		list[i].profile = profile;
		text_copy(list[i].value, sizeof(list[i].value), str_of(value));
		return &list[i];
	}
	return NULL;
}

/* ------------------------------------------------------------- creation */

void model_create(struct sim *sim, const struct parley_event *event,
		  struct parley_id id)
{
	struct model_dialog *dialog = NULL;
	const struct parley_create_facts *facts = event->create;

	for (uint32_t i = 0; i < MODEL_DIALOGS && dialog == NULL; i++)
		if (!sim->model.dialog[i].used)
			dialog = &sim->model.dialog[i];
	if (dialog == NULL)
		sim_fail(sim, "the model is full");
	memset(dialog, 0, sizeof(*dialog));
	dialog->used = true;
	dialog->id = id;
	dialog->born = ++sim->model.born;
	dialog->state = PARLEY_STATE_UNCONFIRMED;
	text_copy(dialog->callid, MODEL_TEXT, event->callid);
	text_copy(dialog->from_tag, MODEL_TAG, event->from_tag);
	text_copy(dialog->from_uri, MODEL_TEXT, event->from_uri);
	text_copy(dialog->to_uri, MODEL_TEXT, event->to_uri);
	text_copy(dialog->req_uri, MODEL_TEXT, event->req_uri);
	text_copy(dialog->contact, MODEL_TEXT, event->contact);
	text_copy(dialog->route_set, MODEL_TEXT, event->route_set);
	dialog->socket = event->socket;
	dialog->invite_cseq = event->cseq;
	dialog->init_s = sim->wall_s;
	dialog->next_leg = 1;
	dialog->invite_held = event->hold;
	dialog->holds = event->hold ? 1 : 0;
	dialog->lifetime_s = sim->config.lifetime_s;
	dialog->delay_s = sim->config.delete_delay_s;
	memset(dialog->state_told, PARLEY_STATE_UNCONFIRMED,
	       sizeof(dialog->state_told));
	dialog->due_lifetime_ms = dialog->due_state_ms = UINT64_MAX;
	dialog->due_ping_ms = UINT64_MAX;
	dialog->due_pings_ms[0] = dialog->due_pings_ms[1] = UINT64_MAX;
	if (sim->config.early_timeout_s > 0)
		dialog->due_state_ms =
			sim->now_ms +
			(uint64_t)sim->config.early_timeout_s * 1000;
	sim->model.stats.processed++;
	sim->model.stats.now_in[PARLEY_STATE_UNCONFIRMED]++;
	if (facts == NULL)
		return;
	dialog->flags = facts->flags;
	dialog->options = facts->options;
	if (facts->lifetime_s > 0)
		dialog->lifetime_s = facts->lifetime_s;
	dialog->timeout_route = facts->timeout_route;
	text_copy(dialog->route_name, MODEL_TEXT, facts->timeout_route_name);
	for (uint32_t i = 0; i < facts->var_count; i++) {
		dialog->var[i].used = true;
		text_copy(dialog->var[i].key, sizeof(dialog->var[i].key),
			  facts->vars[i].key);
		text_copy(dialog->var[i].value, sizeof(dialog->var[i].value),
			  facts->vars[i].value);
	}
	if (facts->members != NULL) {
		memcpy(dialog->member, sim->model.reserved,
		       sizeof(dialog->member));
		memset(sim->model.reserved, 0, sizeof(sim->model.reserved));
	}
}
