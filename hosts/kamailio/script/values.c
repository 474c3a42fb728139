/* See values.h. */
#include "core/pvapi.h"
#include "core/route.h"
#include "core/ut.h"

#include "facts.h"
#include "own_var.h"
#include "text.h"
#include "values.h"

#define NUMBER_OF OWN_VAR "i:"

enum { FLAG_LAST = 31 };

/* Is there a dialog, or can this request make one? */
static bool has_place(struct sip_msg *msg)
{
	struct parley_id id;

	return ctx_dialog(msg, &id) ||
	       (is_route_type(REQUEST_ROUTE) &&
		msg->first_line.type == SIP_REQUEST &&
		msg->REQ_METHOD == METHOD_INVITE && !facts_has_to_tag(msg));
}

static void complain(const char *who, const str *name, int error)
{
	const char *fault = parley_error_text(error);

	if (error == PARLEY_E_ARGUMENT)
		fault = "a name must have 1 to 4096 characters, no NUL, and no "
			"~ at its beginning, a value at most 65535 bytes";
	else if (error == PARLEY_E_NO_DIALOG)
		fault = "the message has no dialog; create_dialog() or "
			"dlg_manage() makes one";
	log_limited(LOG_CAUSE_SCRIPT, L_ERR, "%s(%.*s): %s\n", who,
		    text_shown(name->len), name->s, fault);
}

/* ------------------------------------------------------------- numbers */

/* The name of the variable that says so, as a constant text. */
static bool number_key(const str *name, char key[PARLEY_VALUE_MAX + 1])
{
	int len = snprintf(key, PARLEY_VALUE_MAX + 1, NUMBER_OF "%.*s",
			   name->len, name->s);

	return len <= PARLEY_VALUE_MAX;
}

/* Is @text what this number is printed as? */
static bool is_number(const str *text, int *number)
{
	char digits[16];
	int len;

	if (text->len <= 0 || text->len >= (int)sizeof(digits) ||
	    str2sint((str *)text, number) < 0)
		return false;
	len = snprintf(digits, sizeof(digits), "%d", *number);
	return len == text->len && memcmp(digits, text->s, (size_t)len) == 0;
}

static bool was_number(struct sip_msg *msg, const str *name, const str *text)
{
	char key[PARLEY_VALUE_MAX + 1], digits[16];
	uint32_t len;

	return number_key(name, key) &&
	       own_var_get(msg, key, digits, sizeof(digits), &len) == 0 &&
	       (int)len == text->len && memcmp(digits, text->s, len) == 0;
}

/* ------------------------------------------------------------- values */

static bool is_name(const str *name)
{
	return name->len > 0 && name->len <= PARLEY_VALUE_MAX &&
	       !memchr(name->s, 0, (size_t)name->len) &&
	       !own_var_is(to_parley(name));
}

/* The text, then whether it is a number; a text that looks like one must not
 * find that it was one. */
static int set(struct sip_msg *msg, const str *name, const str *text,
	       bool number)
{
	char key[PARLEY_VALUE_MAX + 1];
	int ignored, error = var_set(msg, name, text);

	if (error < 0 || !number_key(name, key))
		return error;
	if (number)
		return own_var_set(msg, key, text);
	if (!text || is_number(text, &ignored))
		(void)!own_var_set(msg, key, NULL);
	return 0;
}

int value_set(struct sip_msg *msg, const char *who, const str *name,
	      const pv_value_t *value)
{
	char digits[16];
	str text = {digits, 0};
	int error;

	if (!is_name(name)) {
		error = PARLEY_E_ARGUMENT;
	} else if (!has_place(msg)) {
		error = PARLEY_E_NO_DIALOG;
	} else if (!value || (value->flags &
			      (PV_VAL_NONE | PV_VAL_NULL | PV_VAL_EMPTY))) {
		error = set(msg, name, NULL, false);
	} else if ((value->flags & PV_TYPE_INT) ||
		   !(value->flags & PV_VAL_STR)) {
		text.len =
			snprintf(digits, sizeof(digits), "%d", (int)value->ri);
		error = set(msg, name, &text, true);
	} else {
		text = value->rs;
		error = set(msg, name, &text, false);
	}
	if (error < 0)
		complain(who, name, error);
	return error;
}

int value_get(struct sip_msg *msg, const char *who, const str *name,
	      pv_value_t *value)
{
	str text = {pv_get_buffer(), 0};
	uint32_t len = 0;
	int number, error;

	if (!is_name(name)) {
		complain(who, name, PARLEY_E_ARGUMENT);
		return PARLEY_E_ARGUMENT;
	}
	error = var_get(msg, name, text.s, (size_t)pv_get_buffer_size() - 1,
			&len);
	if (error == PARLEY_E_SPACE)
		log_limited(LOG_CAUSE_SCRIPT, L_ERR,
			    "%s(%.*s): the value has %u bytes, more than the "
			    "core setting pv_buffer_size\n",
			    who, text_shown(name->len), name->s, len);
	if (error < 0)
		return error;
	text.len = (int)len;
	text.s[len] = '\0';
	*value = (pv_value_t){.rs = text, .flags = PV_VAL_STR};
	if (is_number(&text, &number) && was_number(msg, name, &text)) {
		value->ri = number;
		value->flags |= PV_VAL_INT | PV_TYPE_INT;
	}
	return 0;
}

int value_store(struct sip_msg *msg, const str *name, const pv_value_t *value)
{
	return value_set(msg, "store_dlg_value", name, value) < 0 ? -1 : 1;
}

int value_fetch(struct sip_msg *msg, const str *name, pv_spec_t *target)
{
	pv_value_t value;

	if (value_get(msg, "fetch_dlg_value", name, &value) < 0)
		return -1;
	return pv_set_spec_value(msg, target, 0, &value) < 0 ? -1 : 1;
}

/* ------------------------------------------------------------- flags */

/* May the flag be used? Otherwise there was a line. */
static bool has_flag(struct sip_msg *msg, const char *who, int flag)
{
	char digits[16];
	str shown = {digits, snprintf(digits, sizeof(digits), "%d", flag)};

	if (flag < 0 || flag > FLAG_LAST) {
		log_limited(LOG_CAUSE_SCRIPT, L_ERR,
			    "%s(%s): a flag must be from 0 to 31\n", who,
			    digits);
		return false;
	}
	if (has_place(msg))
		return true;
	complain(who, &shown, PARLEY_E_NO_DIALOG);
	return false;
}

int value_flag(struct sip_msg *msg, int flag, enum flag_op op)
{
	static const char *const names[] = {
		[FLAG_SET] = "set_dlg_flag",
		[FLAG_RESET] = "reset_dlg_flag",
		[FLAG_TEST] = "is_dlg_flag_set",
	};

	/* Who only asks does so for requests without a dialog, too. */
	if (op == FLAG_TEST && flag >= 0 && flag <= FLAG_LAST &&
	    !has_place(msg))
		return -1;
	return has_flag(msg, names[op], flag) ? op_flag(msg, flag, op) : -1;
}

int value_flag_flip(struct sip_msg *msg, int flag, int old)
{
	struct parley_id id;
	struct ctx *ctx;
	uint32_t bit;

	if (!has_flag(msg, "test_and_set_dlg_flag", flag))
		return -1;
	if (old != 0 && old != 1) {
		log_limited(LOG_CAUSE_SCRIPT, L_ERR,
			    "test_and_set_dlg_flag(%d, %d): the value must be "
			    "0 or 1\n",
			    flag, old);
		return -1;
	}
	bit = (uint32_t)1 << flag;
	if (ctx_dialog(msg, &id))
		return parley_flags_flip(adapter.engine, id, bit,
					 old ? bit : 0) > 0
			       ? 1
			       : -1;
	ctx = ctx_pending(msg);
	if (!(ctx->flags & bit) != !old)
		return -1;
	ctx->flags ^= bit;
	return 1;
}

int value_flags_set(struct sip_msg *msg, uint32_t flags)
{
	const str name = STR_STATIC_INIT("DLG_flags");
	struct parley_id id;
	uint32_t ignored;

	if (ctx_dialog(msg, &id))
		return parley_flags(adapter.engine, id, flags, ~flags,
				    &ignored) < 0
			       ? -1
			       : 0;
	if (!has_place(msg)) {
		complain("$", &name, PARLEY_E_NO_DIALOG);
		return -1;
	}
	ctx_pending(msg)->flags = flags;
	return 0;
}
