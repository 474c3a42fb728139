/* See rpc_profiles.h. */
#include "reader.h"
#include "rpc_args.h"
#include "rpc_mi.h"
#include "rpc_profiles.h"

static const str reason = STR_STATIC_INIT("mi_terminated");

/* ------------------------------------------------ what there is */

void rpc_list_all_profiles(rpc_t *rpc, void *c)
{
	const char *name;
	void *h;

	if (!rpc_no_more(rpc, c))
		return;
	for (int i = 0; (name = parley_profile_name(adapter.engine, i)) != NULL;
	     i++) {
		int has_value = parley_profile_has_value(adapter.engine, i);

		if (rpc->add(c, "{", &h) < 0 ||
		    rpc->struct_add(h, "sd", "name", name, "has_value",
				    has_value) < 0) {
			rpc->fault(c, 500, "Server failure");
			return;
		}
	}
}

static bool add_value(rpc_t *rpc, void *c,
		      const struct parley_profile_values *values)
{
	str text = to_str((struct parley_str){values->text, values->len});
	void *h;

	return rpc->add(c, "{", &h) >= 0 &&
	       rpc->struct_add(h, "Sd", "value", &text, "count",
			       (int)values->count) >= 0;
}

static void add_total(rpc_t *rpc, void *c, int profile)
{
	const struct parley_str any = {0};
	uint32_t size = 0;
	void *h;

	if (parley_profile_size(adapter.engine, profile, any, &size) < 0 ||
	    rpc->add(c, "{", &h) < 0 ||
	    rpc->struct_add(h, "d", "count", (int)size) < 0)
		rpc->fault(c, 500, "Server failure");
}

static void add_values(rpc_t *rpc, void *c, int profile)
{
	struct parley_profile_values values = {.profile = profile};
	int count = 0;

	while (parley_profile_values_next(adapter.engine, &values) == 1) {
		if (count == adapter.set.rpc_list_max) {
			rpc->fault(c, 400, "More values than rpc_list_max (%d)",
				   adapter.set.rpc_list_max);
			return;
		}
		if (!add_value(rpc, c, &values)) {
			rpc->fault(c, 500, "No room left after %d values",
				   count);
			return;
		}
		count++;
	}
}

void rpc_profile_get_values(rpc_t *rpc, void *c)
{
	struct rpc_profile which;

	if (!rpc_profile_next(rpc, c, &which))
		return;
	if (which.value.s)
		rpc->fault(c, 400, "Only a profile name is needed");
	else if (parley_profile_has_value(adapter.engine, which.profile))
		add_values(rpc, c, which.profile);
	else
		add_total(rpc, c, which.profile);
}

/* ------------------------------------------------ ends */

struct ending {
	struct reader reader;
	int ended, failed;
};

static bool is_up(struct ending *ending, struct parley_id id)
{
	struct parley_view view;

	return reader_read(&ending->reader, id, &view) == PARLEY_OK &&
	       view.state != PARLEY_STATE_DELETED && !view.ending;
}

/* A call may be in the profile more than once. */
static void end_one(struct ending *ending, struct parley_id id)
{
	if (!is_up(ending, id))
		return;
	if (sip_terminate(NULL, id, PARLEY_SIDE_ALL, &reason, NULL) ==
	    PARLEY_OK)
		ending->ended++;
	else if (is_up(ending, id))
		ending->failed++;
}

/* Calls that join meanwhile may be ended or not; all that were in the profile
 * before are. */
void rpc_profile_end_dlgs(rpc_t *rpc, void *c)
{
	enum { AT_ONCE = 64 };
	struct parley_profile_walk *walk;
	struct parley_id ids[AT_ONCE];
	struct ending ending = {0};
	struct rpc_profile which;
	uint32_t count;
	void *h;
	int error;

	if (!rpc_profile_next(rpc, c, &which))
		return;
	error = parley_profile_walk_begin(adapter.engine, which.profile,
					  which.value, &walk);
	if (error < 0) {
		rpc->fault(c, 500, "%s", parley_error_text(error));
		return;
	}
	while ((count = parley_profile_walk_next(walk, ids, AT_ONCE)) > 0)
		for (uint32_t i = 0; i < count; i++)
			end_one(&ending, ids[i]);
	parley_profile_walk_end(walk);
	reader_fini(&ending.reader);
	if (rpc->add(c, "{", &h) < 0 ||
	    rpc->struct_add(h, "dd", "Ended", ending.ended, "Failed",
			    ending.failed) < 0)
		rpc->fault(c, 500, "Server failure");
}

/* ------------------------------------------------ in and out */

/* The call of the first parameter. False: a fault was sent. */
static bool call_next(rpc_t *rpc, void *c, struct parley_id *id)
{
	struct rpc_text name;

	if (rpc_text_next(rpc, c, &name) != RPC_ARG_GIVEN)
		rpc->fault(c, 400, "Need a DID or Call-ID and a profile name");
	else if (!rpc_mi_find(&name.s, id))
		rpc->fault(c, 404, "Dialog not found");
	else
		return true;
	return false;
}

/* ABSENT, if it was not in, is no error. */
static int leave(struct parley_id id, int profile, struct parley_str value)
{
	int error = parley_profile_leave(adapter.engine, id, profile, value);

	return error == PARLEY_E_ABSENT ? PARLEY_OK : error;
}

static void answer(rpc_t *rpc, void *c, int error)
{
	if (error == PARLEY_E_NO_DIALOG)
		rpc->fault(c, 404, "Dialog not found");
	else if (error == PARLEY_E_NO_VALUE)
		rpc->fault(c, 400, "The profile needs a value");
	else if (error < 0)
		rpc->fault(c, 500, "%s", parley_error_text(error));
}

void rpc_set_profile(rpc_t *rpc, void *c)
{
	const struct parley_str any = {0};
	struct rpc_profile which;
	uint32_t clear = 0;
	struct parley_id id;
	int error = PARLEY_OK;

	if (!call_next(rpc, c, &id) || !rpc_profile_first(rpc, c, &which) ||
	    rpc_number_next(rpc, c, "clear_values", &clear) == RPC_ARG_BAD ||
	    !rpc_no_more(rpc, c))
		return;
	if (!which.value.s &&
	    parley_profile_has_value(adapter.engine, which.profile))
		error = PARLEY_E_NO_VALUE;
	else if (which.value.len > PARLEY_VALUE_MAX)
		error = PARLEY_E_ARGUMENT;
	if (error == PARLEY_OK && clear)
		error = leave(id, which.profile, any);
	if (error == PARLEY_OK)
		error = parley_profile_join(adapter.engine, id, which.profile,
					    which.value, 0, false);
	answer(rpc, c, error);
}

void rpc_unset_profile(rpc_t *rpc, void *c)
{
	struct rpc_profile which;
	struct parley_id id;
	int error;

	if (!call_next(rpc, c, &id) || !rpc_profile_next(rpc, c, &which))
		return;
	error = parley_profile_leave(adapter.engine, id, which.profile,
				     which.value);
	if (error == PARLEY_E_ABSENT)
		rpc->fault(c, 404, "The dialog is not in the profile");
	else
		answer(rpc, c, error);
}
