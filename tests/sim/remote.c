/* remote.c - places of other servers' calls, engine and model */
#include <string.h>

#include "tell.h"

static struct model_remote *remote_find(struct model *model,
					const struct parley_remote *facts)
{
	for (int i = 0; i < MODEL_REMOTE; i++) {
		struct model_remote *remote = &model->remote[i];

		if (remote->used && remote->profile == facts->profile &&
		    strcmp(remote->value, facts->value.s) == 0 &&
		    strcmp(remote->uid, facts->uid.s) == 0)
			return remote;
	}
	return NULL;
}

static struct model_remote *remote_new(struct sim *sim,
				       const struct parley_remote *facts)
{
	for (int i = 0; i < MODEL_REMOTE; i++) {
		struct model_remote *remote = &sim->model.remote[i];

		if (remote->used)
			continue;
		remote->used = true;
		remote->profile = facts->profile;
		text_copy(remote->value, sizeof(remote->value), facts->value);
		text_copy(remote->uid, sizeof(remote->uid), facts->uid);
		return remote;
	}
	sim_fail(sim, "the model has no room for a remote place");
}

static void remote_add(struct sim *sim, struct parley_remote *facts)
{
	struct model_remote *remote = remote_find(&sim->model, facts);
	uint32_t kind = rng_below(&sim->rng, 10);
	uint32_t ahead = rng_range(&sim->rng, 1, 60);
	uint64_t failures = sim->host.failures;
	int rc;

	facts->expires_s = sim->wall_s + ahead;
	if (kind == 0)
		facts->expires_s = 0;
	else if (kind == 1)
		facts->expires_s = sim->wall_s - ahead + 1;
	rc = parley_remote_add(sim->engine, sim_now(sim), facts);
	sim_event(sim, "  remote %d '%s' '%s' until +%u, %u: %d",
		  facts->profile, facts->value.s, facts->uid.s, ahead, kind,
		  rc);
	if (rc == PARLEY_E_MEMORY && sim->host.failures > failures)
		return;
	if (rc != 0)
		sim_fail(sim, "remote_add(): %s", parley_error_text(rc));
	if (kind == 1) {
		if (remote != NULL)
			remote->used = false;
		return;
	}
	if (remote == NULL)
		remote = remote_new(sim, facts);
	remote->due_ms =
		kind == 0 ? UINT64_MAX : sim->now_ms + (uint64_t)ahead * 1000;
}

void remote_act(struct sim *sim, int profile, const char *value)
{
	static const char *const uids[] = {"r1", "r2", "r3"};
	struct parley_remote facts = {
		.profile = profile,
		.value = str_of(value),
		.uid = str_of(uids[rng_below(&sim->rng, 3)]),
	};
	struct model_remote *remote = remote_find(&sim->model, &facts);
	int rc;

	if (rng_chance(&sim->rng, 700)) {
		remote_add(sim, &facts);
		return;
	}
	rc = parley_remote_remove(sim->engine, &facts);
	if (rc != (remote != NULL ? 0 : PARLEY_E_ABSENT))
		sim_fail(sim, "remote_remove(): %s", parley_error_text(rc));
	if (remote != NULL)
		remote->used = false;
}

/* One of those that are due: which one only shows in the count of its value;
 * all that are due are pulled before anything else happens. */
void remote_expired(struct sim *sim)
{
	struct model_remote *found = NULL;

	for (int i = 0; i < MODEL_REMOTE; i++) {
		struct model_remote *remote = &sim->model.remote[i];
		uint32_t size = 0;

		if (!remote->used || remote->due_ms > sim->now_ms ||
		    (found != NULL && found->due_ms <= remote->due_ms))
			continue;
		if (parley_profile_size(sim->engine, remote->profile,
					str_of(remote->value), &size) != 0)
			sim_fail(sim, "profile_size() of a remote place");
		if (size + 1 ==
		    model_members(&sim->model, remote->profile, remote->value))
			found = remote;
	}
	if (found == NULL)
		sim_fail(sim, "a remote place has gone before its time");
	sim_event(sim, "  remote %d '%s' '%s' is over", found->profile,
		  found->value, found->uid);
	found->used = false;
}
