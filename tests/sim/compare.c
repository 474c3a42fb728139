/* compare.c - the engine against the model (tell.h) */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tell.h"

struct comparison {
	struct sim *sim;
	struct model_dialog *dialog;
	struct parley_view view;
	bool refused;
	_Alignas(16) char buffer[32768];
};

static void differ(const struct comparison *c, const char *what,
		   uint64_t engine, uint64_t model)
{
	if (engine != model)
		sim_fail(c->sim, "%u.%u: %s is %llu, should be %llu",
			 c->dialog->id.entry, c->dialog->id.id, what,
			 (unsigned long long)engine, (unsigned long long)model);
}

static void differ_text(const struct comparison *c, const char *what,
			struct parley_str engine, char *model)
{
	if (engine.len == strlen(model) &&
	    (engine.len == 0 || memcmp(engine.s, model, engine.len) == 0))
		return;
	if (c->refused) {
		/* The old text is allowed; anything else is found later. */
		text_copy(model, MODEL_TEXT, engine);
		return;
	}
	sim_fail(c->sim, "%u.%u: %s is '%.*s', should be '%s'",
		 c->dialog->id.entry, c->dialog->id.id, what, (int)engine.len,
		 engine.s, model);
}

static void leg_forget(struct comparison *c, uint32_t index)
{
	struct model_dialog *dialog = c->dialog;

	memmove(&dialog->leg[index], &dialog->leg[index + 1],
		(dialog->leg_count - index - 1) * sizeof(dialog->leg[0]));
	dialog->leg_count--;
	dialog->next_leg--;
	c->sim->model.stats.legs--;
}

static void compare_legs(struct comparison *c)
{
	struct model_dialog *dialog = c->dialog;

	if (c->refused && dialog->leg_count == c->view.leg_count + 1)
		leg_forget(c, dialog->leg_count - 1);
	differ(c, "number of legs", c->view.leg_count, dialog->leg_count);
	for (uint32_t i = 0; i < dialog->leg_count; i++) {
		const struct parley_leg_view *leg = &c->view.legs[i];
		struct model_leg *model = &dialog->leg[i];

		differ(c, "a leg's number", leg->number, model->number);
		differ(c, "a leg's state", leg->state, model->state);
		differ(c, "a leg's CSeq", leg->cseq, model->callee_cseq);
		differ(c, "its caller's CSeq", leg->caller_cseq,
		       model->caller_cseq);
		differ(c, "the CSeq of its INVITE", leg->invite_cseq,
		       model->invite_cseq);
		differ(c, "what is added to its caller's", leg->caller_shift,
		       model->shift[0]);
		differ(c, "what is added to a leg's", leg->callee_shift,
		       model->shift[1]);
		differ(c, "the same of its INVITE", leg->caller_invite_shift,
		       model->invite_shift[0]);
		differ(c, "the same of a leg's", leg->callee_invite_shift,
		       model->invite_shift[1]);
		differ(c, "a leg's socket", (uintptr_t)leg->socket,
		       (uintptr_t)model->socket);
		differ_text(c, "a leg's tag", leg->tag, model->tag);
		differ_text(c, "a leg's contact", leg->contact, model->contact);
		differ_text(c, "a leg's route set", leg->route_set,
			    model->route_set);
	}
}

static void compare_caller(struct comparison *c)
{
	struct model_dialog *dialog = c->dialog;
	const struct parley_leg_view *caller = &c->view.caller;
	uint32_t cseq = dialog->invite_cseq;

	if (dialog->leg_count > 0 && dialog->leg[0].caller_cseq > cseq)
		cseq = dialog->leg[0].caller_cseq;
	differ(c, "the caller's CSeq", caller->cseq, cseq);
	differ(c, "the caller's socket", (uintptr_t)caller->socket,
	       (uintptr_t)dialog->socket);
	differ_text(c, "the caller's tag", caller->tag, dialog->from_tag);
	differ_text(c, "the caller's contact", caller->contact,
		    dialog->contact);
	differ_text(c, "the caller's route set", caller->route_set,
		    dialog->route_set);
}

static void compare_vars(struct comparison *c)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < MODEL_VARS; i++) {
		const struct model_var *var = &c->dialog->var[i];
		bool found = false;

		if (!var->used)
			continue;
		count++;
		for (uint32_t k = 0; k < c->view.var_count; k++) {
			char key[24], value[64];

			text_copy(key, sizeof(key), c->view.vars[k].key);
			text_copy(value, sizeof(value), c->view.vars[k].value);
			found |= strcmp(key, var->key) == 0 &&
				 strcmp(value, var->value) == 0;
		}
		if (!found)
			sim_fail(c->sim, "%u.%u: variable %s=%s is missing",
				 c->dialog->id.entry, c->dialog->id.id,
				 var->key, var->value);
	}
	differ(c, "number of variables", c->view.var_count, count);
}

static uint32_t view_count(const struct parley_view *view, int profile,
			   const char *value)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < view->profile_count; i++) {
		char text[24];

		text_copy(text, sizeof(text), view->profiles[i].value);
		count += view->profiles[i].profile == profile &&
			 strcmp(text, value) == 0;
	}
	return count;
}

static void compare_members(struct comparison *c)
{
	const struct model_member *list = c->dialog->member;
	uint32_t count = 0;

	for (uint32_t i = 0; i < MODEL_MEMBERS; i++) {
		uint32_t same = 0;

		if (!list[i].used)
			continue;
		count++;
		for (uint32_t k = 0; k < MODEL_MEMBERS; k++)
			same += list[k].used &&
				list[k].profile == list[i].profile &&
				strcmp(list[k].value, list[i].value) == 0;
		differ(c, "memberships of one value",
		       view_count(&c->view, list[i].profile, list[i].value),
		       same);
	}
	differ(c, "number of memberships", c->view.profile_count, count);
}

static void compare_numbers(struct comparison *c)
{
	const struct parley_view *view = &c->view;
	const struct model_dialog *dialog = c->dialog;
	uint64_t left_ms = 0;

	differ(c, "state", view->state, dialog->state);
	differ(c, "flags", view->flags, dialog->flags);
	differ(c, "options", view->options, dialog->options);
	differ(c, "lifetime", view->lifetime_s, dialog->lifetime_s);
	differ(c, "init time", view->init_s, dialog->init_s);
	differ(c, "start time", view->start_s, dialog->start_s);
	differ(c, "end time", view->end_s, dialog->end_s);
	differ(c, "what has ended it", view->ended, model_ended(dialog));
	differ(c, "delay", view->delay_s, dialog->delay_s);
	differ(c, "ending", view->ending, dialog->ending);
	differ(c, "timeout route", (uint64_t)view->timeout_route,
	       (uint64_t)dialog->timeout_route);
	differ(c, "end code", view->end_code, dialog->end_code);
	differ(c, "lifetime running", view->timer_armed,
	       dialog->due_lifetime_ms != UINT64_MAX);
	if (view->timer_armed && dialog->due_lifetime_ms > c->sim->now_ms)
		left_ms = dialog->due_lifetime_ms - c->sim->now_ms;
	differ(c, "seconds left", view->left_s, (left_ms + 999) / 1000);
	if (c->sim->notes.depth == 0)
		differ(c, "notes under way", view->refs > 0,
		       dialog->undelivered > 0);
}

static void compare_texts(struct comparison *c)
{
	struct model_dialog *dialog = c->dialog;

	differ_text(c, "Call-ID", c->view.callid, dialog->callid);
	differ_text(c, "From URI", c->view.from_uri, dialog->from_uri);
	differ_text(c, "To URI", c->view.to_uri, dialog->to_uri);
	differ_text(c, "request URI", c->view.req_uri, dialog->req_uri);
	differ_text(c, "route name", c->view.timeout_route_name,
		    dialog->route_name);
	differ_text(c, "end reason", c->view.end_reason, dialog->end_reason);
}

void compare_dialog(struct sim *sim, struct model_dialog *dialog, bool refused)
{
	struct comparison c = {
		.sim = sim, .dialog = dialog, .refused = refused};
	uint64_t host_ref;
	size_t needed;
	int rc = parley_read(sim->engine, sim_now(sim), dialog->id, &c.view,
			     c.buffer, sizeof(c.buffer), &needed);

	if (rc != 0)
		sim_fail(sim, "%u.%u cannot be read: %s", dialog->id.entry,
			 dialog->id.id, parley_error_text(rc));
	compare_numbers(&c);
	compare_texts(&c);
	compare_legs(&c);
	compare_caller(&c);
	compare_vars(&c);
	compare_members(&c);
	rc = parley_get_host_ref(sim->engine, dialog->id, &host_ref);
	if (rc != 0)
		sim_fail(sim, "%u.%u: no host reference", dialog->id.entry,
			 dialog->id.id);
	differ(&c, "host reference", host_ref, dialog->host_ref);
}

void compare_gone(struct sim *sim, struct parley_id id)
{
	struct parley_view view;
	int rc = parley_read(sim->engine, sim_now(sim), id, &view, NULL, 0,
			     NULL);

	if (rc != PARLEY_E_NO_DIALOG)
		sim_fail(sim, "%u.%u should be gone: %s", id.entry, id.id,
			 parley_error_text(rc));
}

/* ------------------------------------------------------------- counters */

static void count_differs(struct sim *sim, const char *what, uint64_t engine,
			  uint64_t model)
{
	if (engine != model)
		sim_fail(sim, "statistic %s is %llu, should be %llu", what,
			 (unsigned long long)engine, (unsigned long long)model);
}

static uint32_t remote_count(const struct model *model)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < MODEL_REMOTE; i++)
		count += model->remote[i].used;
	return count;
}

void compare_stats(struct sim *sim)
{
	static const char *const names[] = {
		"none",	      "in state 1", "in state 2",
		"in state 3", "in state 4", "in state 5",
	};
	const struct parley_stats *model = &sim->model.stats;
	struct parley_stats stats;

	parley_get_stats(sim->engine, &stats);
	for (int i = 1; i < PARLEY_STATES; i++) {
		count_differs(sim, names[i], stats.now_in[i], model->now_in[i]);
		count_differs(sim, names[i],
			      parley_count(sim->engine, (enum parley_state)i),
			      model->now_in[i]);
	}
	count_differs(sim, "legs", stats.legs, model->legs);
	count_differs(sim, "processed", stats.processed, model->processed);
	count_differs(sim, "expired", stats.expired, model->expired);
	count_differs(sim, "failed", stats.failed, model->failed);
	count_differs(sim, "ended_by_caller", stats.ended_by_caller,
		      model->ended_by_caller);
	count_differs(sim, "ended_by_callee", stats.ended_by_callee,
		      model->ended_by_callee);
	count_differs(sim, "ended_by_us", stats.ended_by_us,
		      model->ended_by_us);
	count_differs(sim, "forgotten_early", stats.forgotten_early,
		      model->forgotten_early);
	count_differs(sim, "bogus_no_dialog", stats.bogus_no_dialog,
		      model->bogus_no_dialog);
	count_differs(sim, "bogus_no_leg", stats.bogus_no_leg,
		      model->bogus_no_leg);
	count_differs(sim, "bogus_event", stats.bogus_event,
		      model->bogus_event);
	count_differs(sim, "legs_refused", stats.legs_refused,
		      model->legs_refused);
	count_differs(sim, "limit_refused", stats.limit_refused,
		      model->limit_refused);
	count_differs(sim, "quarantined", stats.quarantined, 0);
	count_differs(sim, "remote members", stats.remote_members,
		      remote_count(&sim->model));
}

static void compare_profiles(struct sim *sim)
{
	static const char *const values[] = {"red", "green", "blue"};

	for (int i = 0; i < (int)sim->config.profile_count; i++) {
		uint32_t size = 0;
		struct parley_str any = {NULL, 0};
		int rc = parley_profile_size(sim->engine, i, any, &size);

		count_differs(sim, "profile_size() result", (uint64_t)rc, 0);
		count_differs(sim, "members of a profile", size,
			      model_members(&sim->model, i, NULL));
		for (uint32_t k = 0; sim->profiles[i].has_value && k < 3; k++) {
			rc = parley_profile_size(sim->engine, i,
						 str_of(values[k]), &size);
			count_differs(sim, "profile_size() result",
				      (uint64_t)rc, 0);
			count_differs(sim, "members of a value", size,
				      model_members(&sim->model, i, values[k]));
		}
	}
}

/* The walk over all dialogs finds each of them once. */
static void compare_walk(struct sim *sim)
{
	struct parley_id id = {0, 0};
	uint32_t count = 0;

	while (parley_next(sim->engine, &id)) {
		if (model_find(&sim->model, id) == NULL)
			sim_fail(sim, "%u.%u is there, should be gone",
				 id.entry, id.id);
		if (++count > MODEL_DIALOGS)
			sim_fail(sim, "the walk over all dialogs is endless");
	}
	count_differs(sim, "number of dialogs", count,
		      model_count(&sim->model));
}

void compare_all(struct sim *sim)
{
	const char *fault = parley_check(sim->engine);

	if (fault != NULL)
		sim_fail(sim, "parley_check(): %s", fault);
	for (uint32_t i = 0; i < MODEL_DIALOGS; i++)
		if (sim->model.dialog[i].used)
			compare_dialog(sim, &sim->model.dialog[i], false);
	compare_stats(sim);
	compare_profiles(sim);
	compare_walk(sim);
}
