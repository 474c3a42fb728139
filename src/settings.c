/*
 * settings.c - what the script may set on a dialog: flags, options, route
 */
#include "ping.h"
#include "store.h"

int parley_flags(struct parley *engine, struct parley_id id, uint32_t set,
		 uint32_t clear, uint32_t *flagsp)
{
	struct dialog *dialog = dialog_find_lock(engine, id);

	if (dialog == NULL)
		return PARLEY_E_NO_DIALOG;
	*flagsp = (dialog->flags | set) & ~clear;
	if (*flagsp != dialog->flags) {
		dialog->flags = *flagsp;
		dialog_changed(engine, dialog);
	}
	dialog_write_unlock(engine, dialog);
	return 0;
}

int parley_flags_flip(struct parley *engine, struct parley_id id, uint32_t mask,
		      uint32_t expected)
{
	struct dialog *dialog;
	bool flips;

	if (mask == 0 || (expected & ~mask) != 0)
		return PARLEY_E_ARGUMENT;
	dialog = dialog_find_lock(engine, id);
	if (dialog == NULL)
		return PARLEY_E_NO_DIALOG;
	flips = (dialog->flags & mask) == expected;
	if (flips) {
		dialog->flags ^= mask;
		dialog_changed(engine, dialog);
	}
	dialog_write_unlock(engine, dialog);
	return flips;
}

/* NOLINTNEXTLINE(readability-function-size): parley.h has it so. */
int parley_options(struct parley *engine, struct parley_now now,
		   struct parley_id id, uint32_t set, uint32_t clear,
		   uint32_t *optionsp)
{
	struct dialog *dialog;

	if (((set | clear) & ~(uint32_t)PARLEY_OPT_ALL) != 0)
		return PARLEY_E_ARGUMENT;
	dialog = dialog_find_lock(engine, id);
	if (dialog == NULL)
		return PARLEY_E_NO_DIALOG;
	*optionsp = (dialog->options | set) & ~clear;
	if (*optionsp != dialog->options) {
		bool raced = dialog_raced(dialog);

		dialog->options = *optionsp;
		if (!raced)
			dialog_race_locked(engine, dialog, now);
		dialog_changed(engine, dialog);
	}
	*optionsp = dialog->options;
	ping_update_locked(engine, dialog, now);
	dialog_arm_locked(engine, dialog);
	store_now(engine, dialog, now);
	dialog_write_unlock(engine, dialog);
	return 0;
}

int parley_set_timeout_route(struct parley *engine, struct parley_id id,
			     int32_t route, struct parley_str name)
{
	struct dialog *dialog = dialog_find_lock(engine, id);
	int rc;

	if (dialog == NULL)
		return PARLEY_E_NO_DIALOG;
	rc = text_set(&engine->mem, &dialog->timeout_route_name, name);
	if (rc == 0)
		dialog->timeout_route = route;
	return dialog_change_unlock(engine, dialog, rc);
}

int parley_set_delay(struct parley *engine, struct parley_now now,
		     struct parley_id id, uint32_t delay_s)
{
	struct dialog *dialog;

	if (delay_s > PARLEY_DELAY_MAX)
		return PARLEY_E_ARGUMENT;
	dialog = dialog_find_lock(engine, id);
	if (dialog == NULL)
		return PARLEY_E_NO_DIALOG;
	dialog->delay_s = (uint16_t)delay_s;
	if (dialog->state == PARLEY_STATE_DELETED) {
		dialog_delay_locked(dialog, now);
		dialog_arm_locked(engine, dialog);
	}
	dialog_unlock(engine, id);
	return 0;
}

/* The places that hold what is known about one end. */
struct end {
	struct text *contact;
	void **socket;
};

static bool end_of(struct dialog *dialog, const struct parley_target *target,
		   struct end *end)
{
	struct leg *leg;

	if (target->of == PARLEY_DIR_DOWNSTREAM) {
		*end = (struct end){&dialog->contact, &dialog->socket};
		return true;
	}
	leg = leg_find(dialog, target->callee_tag);
	if (leg == NULL)
		return false;
	*end = (struct end){&leg->contact, &leg->socket};
	return true;
}

int parley_set_target(struct parley *engine, struct parley_id id,
		      const struct parley_target *target)
{
	struct dialog *dialog;
	struct end end;
	int rc = 0;

	if ((target->of != PARLEY_DIR_DOWNSTREAM &&
	     target->of != PARLEY_DIR_UPSTREAM) ||
	    target->contact.len > PARLEY_STR_MAX)
		return PARLEY_E_ARGUMENT;
	dialog = dialog_find_lock(engine, id);
	if (dialog == NULL)
		return PARLEY_E_NO_DIALOG;
	if (!end_of(dialog, target, &end))
		rc = PARLEY_E_NO_LEG;
	else if (target->contact.len > 0)
		rc = area_text_set(engine, dialog, end.contact,
				   target->contact);
	if (rc == 0 && target->socket)
		*end.socket = target->socket;
	return dialog_change_unlock(engine, dialog, rc);
}

int parley_set_host_ref(struct parley *engine, struct parley_id id,
			uint64_t keep, uint64_t host_ref)
{
	struct dialog *dialog = dialog_find_lock(engine, id);

	if (dialog == NULL)
		return PARLEY_E_NO_DIALOG;
	dialog->host_ref = (dialog->host_ref & keep) | (host_ref & ~keep);
	dialog_unlock(engine, id);
	return 0;
}

int parley_get_host_ref(struct parley *engine, struct parley_id id,
			uint64_t *host_refp)
{
	const struct dialog *dialog = dialog_find_lock_any(engine, id);

	if (dialog == NULL)
		return PARLEY_E_NO_DIALOG;
	*host_refp = dialog->host_ref;
	dialog_unlock(engine, id);
	return 0;
}
