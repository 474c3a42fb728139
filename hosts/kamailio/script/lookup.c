/* See lookup.h. */
#include <strings.h>

#include "calls.h"
#include "cookie.h"
#include "lookup.h"
#include "reader.h"
#include "text.h"

/* ------------------------------------------------ the current dialog */

static bool is_word(const str *text, const char *word)
{
	return (size_t)text->len == strlen(word) &&
	       strncasecmp(text->s, word, (size_t)text->len) == 0;
}

const char *lookup_type_fault(const str *type)
{
	return is_word(type, "callid") || is_word(type, "did")
		       ? NULL
		       : "the type must be callid or did";
}

/* What is wrong, or NULL; then @id is the dialog, or {0, 0} for none. */
static const char *find(const str *name, const str *type, bool active_only,
			struct parley_id *id)
{
	const char *fault = type ? lookup_type_fault(type) : NULL;
	struct parley_view view;
	struct parley_id wanted;

	*id = (struct parley_id){0, 0};
	if (fault)
		return fault;
	if (name->len <= 0)
		return "the dialog's name is empty";
	if (!type || !is_word(type, "did")) {
		if (calls_find(name, active_only, &wanted))
			*id = wanted;
		return NULL;
	}
	if (!cookie_parse(to_parley(name), &wanted))
		return "a did is two numbers in hex with the lowest digit "
		       "first, such as 464.4cd2";
	if (active_only ? calls_is_active(wanted)
			: reader_read(reader_of_steps(), wanted, &view) == 0)
		*id = wanted;
	return NULL;
}

int op_load(struct sip_msg *msg, const str *name, const str *type,
	    bool active_only)
{
	struct parley_id id;
	const char *fault = find(name, type, active_only, &id);

	if (!fault && id.id == 0)
		return -1;
	if (!fault && !ctx_load(msg, id))
		fault = "another dialog is loaded, unload_dialog_ctx() comes "
			"first";
	if (!fault)
		return 1;
	log_limited(LOG_CAUSE_SCRIPT, L_ERR, "load_dialog_ctx(\"%.*s\"): %s\n",
		    text_shown(name->len), name->s ? name->s : "", fault);
	return -1;
}

int op_unload(struct sip_msg *msg)
{
	if (ctx_unload(ctx_of(msg)))
		return 1;
	log_limited(LOG_CAUSE_SCRIPT, L_ERR,
		    "unload_dialog_ctx(): no dialog is loaded\n");
	return -1;
}
