/* script.c - what scripts and administrators do with dialogs */
#include <stdio.h>
#include <string.h>

#include "tell.h"

enum { KA_OPTIONS = PARLEY_OPT_KA_CALLER | PARLEY_OPT_KA_CALLEE };

static const char *const values[] = {"red", "green", "blue"};

static const char *some_value(struct sim *sim)
{
	return values[rng_below(&sim->rng, 3)];
}

/* A refused allocation is the only excuse for "no memory". */
static void expect(struct sim *sim, const char *what, int rc, int should)
{
	if (rc == PARLEY_E_MEMORY && sim->host.failures > sim->failures_seen)
		return;
	if (rc != should)
		sim_fail(sim, "%s: %s, should be %s", what,
			 parley_error_text(rc), parley_error_text(should));
}

/* ------------------------------------------------------------- before */

static void reserve_place(struct sim *sim, struct script_facts *facts)
{
	int profile = (int)rng_below(&sim->rng, sim->config.profile_count);
	bool has_value = sim->profiles[profile].has_value;
	const char *value = has_value ? some_value(sim) : "";
	uint32_t limit = rng_below(&sim->rng, 6);
	bool once = rng_chance(&sim->rng, 500);
	bool in = false, full;
	int should = 0, rc;

	for (uint32_t i = 0; i < MODEL_MEMBERS; i++)
		in |= sim->model.reserved[i].used &&
		      sim->model.reserved[i].profile == profile &&
		      strcmp(sim->model.reserved[i].value, value) == 0;
	full = limit > 0 && model_members(&sim->model, profile, value) >= limit;
	if (in && once)
		should = 0;
	else if (full)
		should = PARLEY_E_FULL;
	rc = parley_profile_reserve(sim->engine, profile, str_of(value), limit,
				    once, &facts->create.members);
	expect(sim, "profile_reserve()", rc, should);
	if (rc == PARLEY_E_FULL)
		sim->model.stats.limit_refused++;
	if (rc == 0 && !(in && once))
		model_member_add(sim->model.reserved, profile, value);
	sim_event(sim, "  reserve %d '%s' limit %u: %d", profile, value, limit,
		  rc);
}

void script_before(struct sim *sim, struct script_facts *facts)
{
	memset(facts, 0, sizeof(*facts));
	sim->failures_seen = sim->host.failures;
	facts->create.flags = (uint32_t)rng_next(&sim->rng);
	if (rng_chance(&sim->rng, 200))
		facts->create.options = PARLEY_OPT_BYE_ON_TIMEOUT;
	if (rng_chance(&sim->rng, 300))
		facts->create.options |= rng_next(&sim->rng) & KA_OPTIONS;
	if (sim->pings && !sim->quiet && rng_chance(&sim->rng, 300))
		facts->create.options |= rng_next(&sim->rng) & PARLEY_OPT_PINGS;
	if (rng_chance(&sim->rng, 300))
		facts->create.options |= PARLEY_OPT_END_ON_RACE;
	if (rng_chance(&sim->rng, 300))
		facts->create.lifetime_s = rng_range(&sim->rng, 3, 200);
	if (rng_chance(&sim->rng, 200)) {
		facts->create.timeout_route_name = str_of("ON_TIMEOUT");
		facts->create.timeout_route =
			host_route(NULL, facts->create.timeout_route_name);
	}
	facts->vars[0].key = str_of("account");
	facts->vars[0].value = str_of("4711");
	facts->vars[1].key = str_of("tariff");
	facts->vars[1].value = str_of("");
	facts->create.vars = facts->vars;
	facts->create.var_count = rng_below(&sim->rng, 3);
	for (uint32_t i = rng_below(&sim->rng, 3);
	     i > 0 && sim->config.profile_count > 0; i--)
		reserve_place(sim, facts);
}

void script_abandon(struct sim *sim, struct script_facts *facts)
{
	parley_profile_release(sim->engine, &facts->create.members);
	memset(sim->model.reserved, 0, sizeof(sim->model.reserved));
	if (facts->create.members != NULL)
		sim_fail(sim, "profile_release() leaves a list");
}

/* ------------------------------------------------------------- variables */

static struct model_var *var_find(struct model_dialog *dialog, const char *key)
{
	for (uint32_t i = 0; i < MODEL_VARS; i++)
		if (dialog->var[i].used && strcmp(dialog->var[i].key, key) == 0)
			return &dialog->var[i];
	return NULL;
}

static void var_put(struct sim *sim, struct model_dialog *dialog,
		    const char *key)
{
	struct model_var *var = var_find(dialog, key);
	char value[64];
	int rc;

	memset(value, 'x', sizeof(value));
	value[rng_below(&sim->rng, 60)] = 0;
	value[60] = 0;
	rc = parley_var_set(sim->engine, dialog->id, str_of(key),
			    str_of(value));
	expect(sim, "var_set()", rc, 0);
	if (rc != 0)
		return;
	for (uint32_t i = 0; i < MODEL_VARS && var == NULL; i++)
		if (!dialog->var[i].used)
			var = &dialog->var[i];
	if (var == NULL)
		sim_fail(sim, "the model has no room for a variable");
	var->used = true;
	text_copy(var->key, sizeof(var->key), str_of(key));
	text_copy(var->value, sizeof(var->value), str_of(value));
}

void model_var_put(struct sim *sim, struct model_dialog *dialog,
		   const char *key, const char *value)
{
	struct model_var *var = var_find(dialog, key);

	for (uint32_t i = 0; i < MODEL_VARS && var == NULL; i++)
		if (!dialog->var[i].used)
			var = &dialog->var[i];
	if (var == NULL)
		sim_fail(sim, "the model has no room for a variable");
	var->used = *value != 0;
	text_copy(var->key, sizeof(var->key), str_of(key));
	text_copy(var->value, sizeof(var->value), str_of(value));
}

/* Offers and answers of the parties, and how often they are asked. */
static void pings_act(struct sim *sim, struct model_dialog *dialog)
{
	static const char *const sdps[] = {"", "v=0", "v=0 sendonly"};
	const char *one = sdps[rng_below(&sim->rng, 3)];
	const char *other = sdps[rng_below(&sim->rng, 3)];
	const struct parley_said caller = {str_of("sip:caller@sent"),
					   str_of(one)};
	const struct parley_said callee = {{NULL, 0}, str_of(other)};
	bool first = rng_chance(&sim->rng, 800);
	struct parley_str tag = str_of("nobody");
	enum parley_ping kind = rng_chance(&sim->rng, 500)
					? PARLEY_PING_OPTIONS
					: PARLEY_PING_REINVITE;
	uint32_t seconds = rng_below(&sim->rng, 40);
	int should = 0, rc;
	char text[16];

	if (rng_chance(&sim->rng, 300)) {
		rc = parley_set_ping_interval(sim->engine, sim_now(sim),
					      dialog->id, kind, seconds);
		expect(sim, "set_ping_interval()", rc,
		       seconds == 0 ? PARLEY_E_ARGUMENT : 0);
		if (rc != 0)
			return;
		snprintf(text, sizeof(text), "%u", seconds);
		model_var_put(sim, dialog,
			      kind == PARLEY_PING_OPTIONS
				      ? "~options_interval"
				      : "~reinvite_interval",
			      text);
		dialog->due_pings_ms[kind == PARLEY_PING_REINVITE] = UINT64_MAX;
		model_ping_clock(sim, dialog);
		return;
	}
	if (first && dialog->leg_count > 0)
		tag = str_of(dialog->leg[0].tag);
	if ((dialog->options &
	     (PARLEY_OPT_REINVITE_CALLER | PARLEY_OPT_REINVITE_CALLEE)) == 0 ||
	    dialog->state == PARLEY_STATE_DELETED)
		should = PARLEY_E_STATE;
	else if (dialog->state >= PARLEY_STATE_ANSWERED &&
		 !(first && dialog->leg_count > 0))
		should = PARLEY_E_NO_LEG;
	rc = parley_agreed(sim->engine, dialog->id, tag, &caller, &callee);
	expect(sim, "agreed()", rc, should);
	if (rc != 0)
		return;
	model_var_put(sim, dialog, "~caller_contact", "sip:caller@sent");
	model_var_put(sim, dialog, "~caller_sdp", one);
	model_var_put(sim, dialog, "~callee_sdp", other);
}

/* Who has the same value of this variable is found, and nobody else. */
static void value_act(struct sim *sim, const char *key, const char *value)
{
	struct parley_value_walk *walk;
	struct parley_id ids[3];
	uint32_t got, seen = 0, should = 0;
	int rc = parley_value_walk_begin(sim->engine, str_of(key),
					 str_of(value), &walk);

	expect(sim, "value_walk_begin()", rc, sim->values ? 0 : PARLEY_E_STATE);
	if (rc != 0)
		return;
	while ((got = parley_value_walk_next(walk, ids, 3)) > 0)
		seen += got;
	parley_value_walk_end(walk);
	for (uint32_t i = 0; i < MODEL_DIALOGS; i++) {
		struct model_dialog *one = &sim->model.dialog[i];
		const struct model_var *var =
			one->used && one->state != PARLEY_STATE_DELETED
				? var_find(one, key)
				: NULL;

		should += var != NULL && strcmp(var->value, value) == 0;
	}
	if (seen != should)
		sim_fail(sim, "%s=%s is found %u times, should be %u", key,
			 value, seen, should);
}

static void var_act(struct sim *sim, struct model_dialog *dialog)
{
	static const char *const keys[] = {"account", "tariff", "a",
					   "long.key"};
	const char *key = keys[rng_below(&sim->rng, 4)];
	struct model_var *var = var_find(dialog, key);
	struct parley_str none = {NULL, 0};
	char buffer[64];
	uint32_t len = 0;
	int rc;

	switch (rng_below(&sim->rng, 3)) {
	case 0:
		var_put(sim, dialog, key);
		break;
	case 1:
		rc = parley_var_set(sim->engine, dialog->id, str_of(key), none);
		expect(sim, "deletion of a variable", rc,
		       var != NULL ? 0 : PARLEY_E_ABSENT);
		if (var != NULL)
			var->used = false;
		break;
	default:
		rc = parley_var_get(sim->engine, dialog->id, str_of(key),
				    buffer, sizeof(buffer), &len);
		expect(sim, "var_get()", rc, var != NULL ? 0 : PARLEY_E_ABSENT);
		if (rc == 0 && (len != strlen(var->value) ||
				memcmp(buffer, var->value, len) != 0))
			sim_fail(sim, "var_get() gives another value");
		value_act(sim, key, var != NULL ? var->value : "x");
	}
}

/* ------------------------------------------------------------- settings */

static void delay_act(struct sim *sim, struct model_dialog *dialog,
		      uint32_t delay_s)
{
	uint64_t until = sim->now_ms + (uint64_t)delay_s * 1000;

	expect(sim, "set_delay()",
	       parley_set_delay(sim->engine, sim_now(sim), dialog->id, delay_s),
	       0);
	dialog->delay_s = delay_s;
	if (dialog->state != PARLEY_STATE_DELETED || delay_s == 0 ||
	    (dialog->linger && until <= dialog->due_state_ms))
		return;
	dialog->linger = true;
	dialog->due_state_ms = until;
}

static void flags_act(struct sim *sim, struct model_dialog *dialog,
		      uint32_t set, uint32_t clear)
{
	uint32_t got = 0;
	int rc;

	rc = parley_flags(sim->engine, dialog->id, set, clear, &got);
	dialog->flags = (dialog->flags | set) & ~clear;
	if (rc != 0 || got != dialog->flags)
		sim_fail(sim, "flags(): %d, %x", rc, got);
	/* Few bits, so that they often are as expected. */
	clear = (clear & 3) | 4;
	set = (set ^ clear >> 8) & clear;
	rc = parley_flags_flip(sim->engine, dialog->id, clear, set);
	expect(sim, "flags_flip()", rc, (dialog->flags & clear) == set ? 1 : 0);
	if ((dialog->flags & clear) == set)
		dialog->flags ^= clear;
}

static void settings_act(struct sim *sim, struct model_dialog *dialog)
{
	uint32_t set = (uint32_t)rng_next(&sim->rng);
	uint32_t clear = (uint32_t)rng_next(&sim->rng);
	struct parley_str route;
	uint32_t got = 0;
	bool raced;
	int rc;

	switch (rng_below(&sim->rng, 5)) {
	case 0:
		flags_act(sim, dialog, set, clear);
		break;
	case 1:
		set &= PARLEY_OPT_BYE_ON_TIMEOUT | PARLEY_OPT_TIMEOUT_NORESET |
		       PARLEY_OPT_END_ON_RACE | (sim->quiet ? 0 : KA_OPTIONS) |
		       (sim->quiet || !sim->pings ? 0 : PARLEY_OPT_PINGS);
		clear &= 15 | PARLEY_OPT_END_ON_RACE;
		rc = parley_options(sim->engine, sim_now(sim), dialog->id, set,
				    clear, &got);
		raced = model_raced(dialog);
		dialog->options = (dialog->options | set) & ~clear;
		if (!raced)
			model_race(sim, dialog);
		model_ping_clock(sim, dialog);
		if (rc != 0 || got != dialog->options)
			sim_fail(sim, "options(): %d, %x", rc, got);
		break;
	case 2:
		route = str_of(set & 3 ? some_value(sim) : "");
		rc = parley_set_timeout_route(sim->engine, dialog->id,
					      host_route(NULL, route), route);
		expect(sim, "set_timeout_route()", rc, 0);
		if (rc == 0) {
			struct parley_view view;
			char buffer[32768];

			rc = parley_read(sim->engine, sim_now(sim), dialog->id,
					 &view, buffer, sizeof(buffer), NULL);
			expect(sim, "read()", rc, 0);
			dialog->timeout_route = host_route(NULL, route);
			text_copy(dialog->route_name, MODEL_TEXT,
				  view.timeout_route_name);
		}
		break;
	case 3:
		delay_act(sim, dialog, set % 60);
		break;
	default:
		dialog->host_ref = rng_next(&sim->rng);
		rc = parley_set_host_ref(sim->engine, dialog->id, 0,
					 dialog->host_ref);
		expect(sim, "set_host_ref()", rc, 0);
	}
}

/* Keep-alives would go on for as long as the longest lifetime. */
void script_quiet(struct sim *sim)
{
	for (uint32_t i = 0; i < MODEL_DIALOGS; i++) {
		struct model_dialog *dialog = &sim->model.dialog[i];
		uint32_t got = 0;
		int rc;

		if (!dialog->used)
			continue;
		rc = parley_options(sim->engine, sim_now(sim), dialog->id, 0,
				    KA_OPTIONS | PARLEY_OPT_PINGS, &got);
		dialog->options &= ~(uint32_t)(KA_OPTIONS | PARLEY_OPT_PINGS);
		model_ping_clock(sim, dialog);
		if (rc != 0 || got != dialog->options)
			sim_fail(sim, "options(): %d, %x", rc, got);
	}
}

static void lifetime_told(const struct sim *sim, struct model_dialog *dialog,
			  uint32_t lifetime_s)
{
	dialog->lifetime_s = lifetime_s;
	if (dialog->state < PARLEY_STATE_ANSWERED || dialog->ending)
		return;
	model_renew(sim, dialog);
}

static void lifetime_set(struct sim *sim, struct model_dialog *dialog,
			 uint32_t lifetime_s)
{
	bool ended = dialog->state == PARLEY_STATE_DELETED;
	int rc = parley_set_lifetime(sim->engine, sim_now(sim), dialog->id,
				     lifetime_s);

	sim_event(sim, "  lifetime of %u.%u := %u: %d", dialog->id.entry,
		  dialog->id.id, lifetime_s, rc);
	expect(sim, "set_lifetime()", rc, ended ? PARLEY_E_STATE : 0);
	if (rc == 0)
		lifetime_told(sim, dialog, lifetime_s);
}

void script_prolong(struct sim *sim, struct parley_id id)
{
	struct model_dialog *dialog = model_find(&sim->model, id);

	/* Not for ever: the world must come to an end. */
	if (dialog != NULL && !sim->quiet)
		lifetime_set(sim, dialog, rng_range(&sim->rng, 5, 60));
}

/* ------------------------------------------------------------- profiles */

static struct model_member *member_find(struct model_dialog *dialog,
					int profile, const char *value)
{
	for (uint32_t i = 0; i < MODEL_MEMBERS; i++) {
		struct model_member *member = &dialog->member[i];

		if (member->used && member->profile == profile &&
		    (value == NULL || strcmp(member->value, value) == 0))
			return member;
	}
	return NULL;
}

static void join_act(struct sim *sim, struct model_dialog *dialog, int profile,
		     const char *value)
{
	uint32_t limit = rng_below(&sim->rng, 6);
	bool once = rng_chance(&sim->rng, 500);
	bool in = member_find(dialog, profile, value) != NULL;
	bool full = limit > 0 &&
		    model_members(&sim->model, profile, value) >= limit;
	uint32_t own = 0;
	int should = 0, rc;

	for (uint32_t i = 0; i < MODEL_MEMBERS; i++)
		own += dialog->member[i].used;
	if (own == MODEL_MEMBERS)
		return;
	if (dialog->state == PARLEY_STATE_DELETED)
		should = PARLEY_E_NO_DIALOG;
	else if (!(in && once) && full)
		should = PARLEY_E_FULL;
	rc = parley_profile_join(sim->engine, dialog->id, profile,
				 str_of(value), limit, once);
	sim_event(sim, "  join %u.%u %d '%s' limit %u: %d", dialog->id.entry,
		  dialog->id.id, profile, value, limit, rc);
	expect(sim, "profile_join()", rc, should);
	if (rc == PARLEY_E_FULL)
		sim->model.stats.limit_refused++;
	if (rc == 0 && !(in && once))
		model_member_add(dialog->member, profile, value);
}

static void leave_act(struct sim *sim, struct model_dialog *dialog, int profile,
		      const char *value)
{
	bool any =
		sim->profiles[profile].has_value && rng_chance(&sim->rng, 300);
	struct parley_str none = {NULL, 0};
	struct model_member *member =
		member_find(dialog, profile, any ? NULL : value);
	int rc = parley_profile_leave(sim->engine, dialog->id, profile,
				      any ? none : str_of(value));

	expect(sim, "profile_leave()", rc,
	       member != NULL ? 0 : PARLEY_E_ABSENT);
	while (member != NULL) {
		member->used = false;
		member = any ? member_find(dialog, profile, NULL) : NULL;
	}
}

/* Every membership of a dialog is seen once. */
static void walk_act(struct sim *sim, int profile)
{
	struct parley_str none = {NULL, 0};
	struct parley_profile_walk *walk;
	struct parley_id ids[3];
	uint32_t got, seen = 0, should = 0;
	int rc = parley_profile_walk_begin(sim->engine, profile, none, &walk);

	expect(sim, "walk_begin()", rc, 0);
	if (rc != 0)
		return;
	while ((got = parley_profile_walk_next(walk, ids, 3)) > 0) {
		for (uint32_t i = 0; i < got; i++)
			if (model_find(&sim->model, ids[i]) == NULL)
				sim_fail(sim, "a walk finds %u.%u",
					 ids[i].entry, ids[i].id);
		seen += got;
	}
	parley_profile_walk_end(walk);
	for (uint32_t i = 0; i < MODEL_DIALOGS; i++)
		for (uint32_t k = 0;
		     sim->model.dialog[i].used && k < MODEL_MEMBERS; k++)
			should += sim->model.dialog[i].member[k].used &&
				  sim->model.dialog[i].member[k].profile ==
					  profile;
	if (seen != should)
		sim_fail(sim, "a walk sees %u members of %u", seen, should);
}

/* Each value of a profile is told with its count. */
static void values_act(struct sim *sim, int profile)
{
	struct parley_profile_values told = {.profile = profile};
	bool has_value = parley_profile_has_value(sim->engine, profile);
	uint32_t sum = 0;
	char text[16];

	while (parley_profile_values_next(sim->engine, &told) == 1) {
		uint32_t should;

		snprintf(text, sizeof(text), "%.*s", (int)told.len, told.text);
		should = model_members(&sim->model, profile,
				       has_value ? text : NULL);
		if (told.count != should)
			sim_fail(sim, "value \"%s\" has %u members of %u", text,
				 told.count, should);
		sum += told.count;
	}
	if (sum != model_members(&sim->model, profile, NULL))
		sim_fail(sim, "the values of a profile have %u members", sum);
}

/* A new lifetime for all of a value. */
static void prolong_act(struct sim *sim, int profile, const char *value)
{
	uint32_t lifetime_s = rng_range(&sim->rng, 2, 400);
	struct parley_profile_view which = {profile, str_of(value)};
	uint32_t count = 0, should = 0;
	int rc = parley_profile_set_lifetime(sim->engine, sim_now(sim), &which,
					     lifetime_s, &count);

	sim_event(sim, "  lifetime of %d '%s' := %u: %d", profile, value,
		  lifetime_s, rc);
	expect(sim, "profile_set_lifetime()", rc, 0);
	for (uint32_t i = 0; rc == 0 && i < MODEL_DIALOGS; i++) {
		struct model_dialog *dialog = &sim->model.dialog[i];

		for (uint32_t k = 0; dialog->used && k < MODEL_MEMBERS; k++) {
			if (!dialog->member[k].used ||
			    dialog->member[k].profile != profile ||
			    strcmp(dialog->member[k].value, value) != 0)
				continue;
			should++;
			lifetime_told(sim, dialog, lifetime_s);
		}
	}
	if (rc == 0 && count != should)
		sim_fail(sim, "%u members got a lifetime, should be %u", count,
			 should);
}

static void profile_act(struct sim *sim, struct model_dialog *dialog)
{
	int profile, rc;
	const char *value;

	if (sim->config.profile_count == 0)
		return;
	profile = (int)rng_below(&sim->rng, sim->config.profile_count);
	value = sim->profiles[profile].has_value ? some_value(sim) : "";
	switch (rng_below(&sim->rng, 8)) {
	case 0:
		leave_act(sim, dialog, profile, value);
		break;
	case 1:
		rc = parley_profile_is_member(sim->engine, dialog->id, profile,
					      str_of(value));
		if (rc != (member_find(dialog, profile, value) != NULL))
			sim_fail(sim, "is_member(): %d", rc);
		break;
	case 2:
		walk_act(sim, profile);
		values_act(sim, profile);
		break;
	case 3:
	case 4:
		remote_act(sim, profile, value);
		break;
	case 5:
		prolong_act(sim, profile, value);
		break;
	default:
		join_act(sim, dialog, profile, value);
	}
}

/* ------------------------------------------------------------- reading */

/* What detects spirals: a call that has not ended. */
static void find_act(struct sim *sim, const struct model_dialog *dialog)
{
	struct parley_match match;
	bool alive = false;
	int rc = parley_find_call(sim->engine, str_of(dialog->callid),
				  str_of(dialog->from_tag), str_of(""), &match);

	for (uint32_t i = 0; i < MODEL_DIALOGS; i++) {
		const struct model_dialog *other = &sim->model.dialog[i];

		alive |= other->used && other->state != PARLEY_STATE_DELETED &&
			 strcmp(other->callid, dialog->callid) == 0 &&
			 strcmp(other->from_tag, dialog->from_tag) == 0;
	}
	if (rc != (alive ? 0 : PARLEY_E_NO_DIALOG))
		sim_fail(sim, "find_call(): %s", parley_error_text(rc));
}

static void read_act(struct sim *sim, struct model_dialog *dialog)
{
	struct parley_id ids[MODEL_DIALOGS];
	struct parley_view view;
	char small[16];
	size_t needed = 0;
	uint32_t found, should = 0;
	int rc = parley_read(sim->engine, sim_now(sim), dialog->id, &view,
			     small, sizeof(small), &needed);

	if (rc != PARLEY_E_SPACE || needed <= sizeof(small))
		sim_fail(sim, "read() with a small buffer: %d", rc);
	found = parley_find_callid(sim->engine, str_of(dialog->callid), ids,
				   MODEL_DIALOGS);
	for (uint32_t i = 0; i < MODEL_DIALOGS; i++)
		should += sim->model.dialog[i].used &&
			  strcmp(sim->model.dialog[i].callid, dialog->callid) ==
				  0;
	if (found != should)
		sim_fail(sim, "find_callid() finds %u of %u", found, should);
	find_act(sim, dialog);
}

static void notify_act(struct sim *sim, struct model_dialog *dialog)
{
	struct parley_id id = dialog->id;

	sim->notifying = PARLEY_NOTE_RPC_CONTEXT;
	sim->notes.depth++;
	parley_notify(sim->engine, id, PARLEY_NOTE_RPC_CONTEXT, PARLEY_DIR_NONE,
		      sim);
	sim->notes.depth--;
	sim->notifying = 0;
}

void script_act(struct sim *sim)
{
	struct model_dialog *dialog = NULL;

	sim->failures_seen = sim->host.failures;
	if (model_random(sim, &dialog) == 0)
		return;
	switch (rng_below(&sim->rng, sim->pings ? 10 : 8)) {
	case 8:
	case 9:
		pings_act(sim, dialog);
		break;
	case 0:
	case 1:
		var_act(sim, dialog);
		break;
	case 2:
		settings_act(sim, dialog);
		break;
	case 3:
		lifetime_set(sim, dialog, rng_range(&sim->rng, 2, 400));
		break;
	case 4:
		read_act(sim, dialog);
		break;
	case 5:
		if (rng_chance(&sim->rng, 500))
			notify_act(sim, dialog);
		else
			told_subscribe_own(sim, dialog);
		break;
	default:
		profile_act(sim, dialog);
	}
	if (dialog->used)
		compare_dialog(sim, dialog, false);
	compare_stats(sim);
}

/* ------------------------------------------------------------- timetable */

enum script_what {
	SCRIPT_ACT = 1,
	SCRIPT_TERMINATE,
	SCRIPT_EXPIRE,
	SCRIPT_CLOCK,
	SCRIPT_BOGUS,
	SCRIPT_STARVE,
};

static void script_after(struct sim *sim, uint32_t count, uint32_t what)
{
	for (uint32_t i = 0; i < count; i++) {
		struct item item = {
			.kind = ITEM_SCRIPT,
			.call = rng_below(&sim->rng, sim->call_count),
			.what = what};

		net_timer(sim, rng_range(&sim->rng, 1, 60000), &item);
	}
}

void script_start(struct sim *sim)
{
	script_after(sim, rng_below(&sim->rng, 40), SCRIPT_ACT);
	script_after(sim, rng_below(&sim->rng, 8), SCRIPT_TERMINATE);
	if (rng_chance(&sim->rng, 200))
		script_after(sim, 2, SCRIPT_EXPIRE);
	script_after(sim, rng_below(&sim->rng, 2), SCRIPT_CLOCK);
	if (sim->kind == SIM_HOSTILE)
		script_after(sim, 40, SCRIPT_BOGUS);
	if (sim->kind == SIM_STARVED)
		script_after(sim, 10, SCRIPT_STARVE);
}

static void terminate_some(struct sim *sim, uint32_t call)
{
	static const uint16_t codes[] = {480, 488, 603};
	enum parley_side side = PARLEY_SIDE_ALL;

	if (rng_chance(&sim->rng, 150))
		side = (enum parley_side)rng_range(&sim->rng, 1, 2);
	proxy_terminate(sim, call, side, codes[rng_below(&sim->rng, 3)]);
}

void script_timer(struct sim *sim, const struct item *item)
{
	struct parley_event event = {.type = PARLEY_EV_EXPIRE,
				     .id = sim->proxy[item->call].id};

	switch ((enum script_what)item->what) {
	case SCRIPT_ACT:
		script_act(sim);
		break;
	case SCRIPT_TERMINATE:
		if (!sim->quiet)
			terminate_some(sim, item->call);
		break;
	case SCRIPT_EXPIRE:
		if (sim->proxy[item->call].tracked) {
			sim->proxy[item->call].forgotten = true;
			tell_host(sim, &event, (int)item->call);
		}
		break;
	case SCRIPT_CLOCK:
		/* The wall clock is set, forwards or backwards. It moves the
		 * ends of calls that a crash brings back. */
		if (sim->store.on)
			break;
		sim->wall_jump = (int32_t)rng_below(&sim->rng, 200000) - 100000;
		sim_event(sim, "wall clock jumps by %d s", sim->wall_jump);
		break;
	case SCRIPT_BOGUS:
		chaos_bogus(sim);
		break;
	case SCRIPT_STARVE:
		sim->host.fail_permille =
			sim->quiet ? 0 : rng_below(&sim->rng, 3) * 450;
		break;
	}
}
