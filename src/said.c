/*
 * said.c - what the parties of a call say in offers and answers
 *
 * A re-INVITE ping changes nothing: it offers each party again what the other
 * one has said last. Both are kept with the contacts that went with them, as
 * the receiver has got them, in variables of the dialog: so they survive what
 * the dialog survives, and other calls know nothing of them.
 */
#include "ping.h"
#include "store.h"

static const struct parley_str contact_names[2] = {
	{"~caller_contact", 15},
	{"~callee_contact", 15},
};
static const struct parley_str sdp_names[2] = {
	{"~caller_sdp", 11},
	{"~callee_sdp", 11},
};

struct parley_said ping_offer(const struct dialog *dialog,
			      enum parley_direction towards)
{
	/* The callee hears what the caller has said. */
	int who = towards == PARLEY_DIR_DOWNSTREAM ? 0 : 1;

	return (struct parley_said){
		.contact = var_text(dialog, contact_names[who]),
		.sdp = var_text(dialog, sdp_names[who]),
	};
}

/* Re-INVITEs mostly repeat what was said: that is nothing to be written. */
static int replace(struct parley *engine, struct dialog *dialog,
		   struct parley_str name, struct parley_str value)
{
	int rc;

	if (str_equal(var_text(dialog, name), value))
		return 0;
	if (value.len == 0)
		value.s = NULL;
	rc = var_set_locked(engine, dialog, name, value);
	if (rc == 0)
		dialog_changed(engine, dialog);
	return rc == PARLEY_E_ABSENT ? 0 : rc;
}

static int keep(struct parley *engine, struct dialog *dialog, int who,
		const struct parley_said *said)
{
	int rc = 0;

	if (said && said->contact.len > 0)
		rc = replace(engine, dialog, contact_names[who], said->contact);
	if (rc == 0 && said && said->sdp.s)
		rc = replace(engine, dialog, sdp_names[who], said->sdp);
	return rc;
}

int parley_agreed(struct parley *engine, struct parley_id id,
		  struct parley_str to_tag, const struct parley_said *caller,
		  const struct parley_said *callee)
{
	struct dialog *dialog = dialog_find_lock(engine, id);
	int rc;

	if (!dialog)
		return PARLEY_E_NO_DIALOG;
	if (!ping_says(dialog) || dialog->state == PARLEY_STATE_DELETED)
		rc = PARLEY_E_STATE;
	/* Before the first answer it is not known who will be the callee. */
	else if (dialog->state >= PARLEY_STATE_ANSWERED &&
		 !(dialog->legs && str_equal(leg_tag(dialog->legs), to_tag)))
		rc = PARLEY_E_NO_LEG;
	else
		rc = keep(engine, dialog, 0, caller);
	if (rc == 0)
		rc = keep(engine, dialog, 1, callee);
	dialog_write_unlock(engine, dialog);
	return rc;
}
