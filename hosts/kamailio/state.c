/* See state.h. */
#include "facts.h"
#include "state.h"
#include "text.h"

int state_set(struct parley_id id, uint8_t state, struct parley_str tag)
{
	struct parley_event event = {
		.type = PARLEY_EV_SET_STATE,
		.id = id,
		.state = state,
		.to_tag = tag,
	};

	return sip_feed(NULL, &event);
}

const char *state_error_text(int error)
{
	if (error == PARLEY_E_STATE)
		return "an answered call cannot become unanswered, one that "
		       "has ended stays so, one that is being ended can only "
		       "be set to deleted";
	if (error == PARLEY_E_NO_LEG)
		return "no callee has sent a To-tag yet";
	return parley_error_text(error);
}

/* 0: none of them. */
static uint8_t state_of(const str *name)
{
	static const char letters[] = "ueacd";
	const char *at;

	if (!name->s || name->len <= 0 || !name->s[0])
		return 0;
	/* Letters of ASCII in either case. */
	at = strchr(letters, name->s[0] | 0x20);
	return at ? (uint8_t)(at - letters + 1) : 0;
}

/* Whose reply to the INVITE this is; empty if it is none. */
static struct parley_str replying_callee(struct sip_msg *msg)
{
	const struct parley_str nobody = {0};
	struct parley_event call = {0};

	if (!facts_answers_invite(msg) || !facts_call(msg, &call))
		return nobody;
	return call.to_tag;
}

int op_set_state(struct sip_msg *msg, const str *name)
{
	uint8_t state = state_of(name);
	struct parley_id id;
	int error;

	if (!state) {
		log_limited(LOG_CAUSE_SCRIPT, L_ERR,
			    "dlg_set_state(\"%.*s\"): must be unconfirmed, "
			    "early, answered, confirmed or deleted\n",
			    text_shown(name->len), name->s ? name->s : "");
		return -1;
	}
	if (!ctx_dialog(msg, &id))
		return -1;
	error = state_set(id, state, replying_callee(msg));
	if (error < 0)
		log_limited(LOG_CAUSE_SCRIPT, L_ERR,
			    "dlg_set_state(\"%.*s\"): dialog %u.%u: %s\n",
			    text_shown(name->len), name->s, id.entry, id.id,
			    state_error_text(error));
	return error < 0 ? -1 : 1;
}
