/*
 * params.c - modparam(): what can be set, and what is refused
 *
 * What a single value shows to be wrong is refused by its handler, while the
 * file is parsed, so that `kamailio -c` shows it. dlg_flag and default_timeout
 * are plain integers because other modules read them with find_param_export();
 * they are judged in params_check().
 */
#include <ctype.h>

#include "core/pvar.h"

#include "exports.h"
#include "header_lines.h"

enum {
	RR_PARAM_MAX = 32, /* as in the stock module */
	FLAG_MAX = 31,	   /* message flags are 32 bits */
	MEMORY_PIECE_MIN = 4096,
	MEMORY_PIECE_MAX = 16 << 20,
	DURATION_MAX = INT32_MAX / 1000,
};

/* ------------------------------------------------ values */

static int refuse(const char *name, int value, const char *allowed)
{
	LM_ERR("%s=%d: must be %s\n", name, value, allowed);
	return -1;
}

static int set_choice(const char *name, int *target, void *value, int max)
{
	int number = (int)(long)value;

	if (number < 0 || number > max)
		return refuse(name, number, max == 1 ? "0 or 1" : "0, 1 or 2");
	*target = number;
	return 0;
}

/* The stock module takes any number and means "not 0". */
static int set_switch(const char *name, int *target, void *value)
{
	int number = (int)(long)value;

	if (number != 0 && number != 1)
		LM_WARN("%s=%d: taken as 1; 0 and 1 are meant\n", name, number);
	*target = number != 0;
	return 0;
}

/* Seconds. The stock module starts with a negative number. */
static int set_duration(const char *name, int *target, void *value)
{
	int number = (int)(long)value;

	if (number > DURATION_MAX)
		return refuse(name, number, "at most 2147483 seconds");
	if (number < 0) {
		LM_WARN("%s=%d: taken as 0; a number of seconds is meant\n",
			name, number);
		number = 0;
	}
	*target = number;
	return 0;
}

static int set_range(const char *name, int *target, void *value, int min,
		     int max)
{
	int number = (int)(long)value;

	if (number < min || number > max) {
		LM_ERR("%s=%d: must be from %d to %d\n", name, number, min,
		       max);
		return -1;
	}
	*target = number;
	return 0;
}

/* A modparam() handler does not learn the parameter's name, hence one each. */
#define HANDLER(name, call)                                                    \
	static int param_##name(modparam_t type, void *value)                  \
	{                                                                      \
		(void)type;                                                    \
		return call;                                                   \
	}
#define CHOICE(name, max)                                                      \
	HANDLER(name, set_choice(#name, &adapter.set.name, value, max))
#define SWITCH(name) HANDLER(name, set_switch(#name, &adapter.set.name, value))
#define DURATION(name)                                                         \
	HANDLER(name, set_duration(#name, &adapter.set.name, value))

CHOICE(dlg_match_mode, 2)
CHOICE(detect_spirals, 1)
CHOICE(timeout_noreset, 1)
CHOICE(initial_cbs_inscript, 1)
CHOICE(early_timeout_end, 1)
SWITCH(enable_stats)
SWITCH(send_bye)
SWITCH(wait_ack)
DURATION(early_timeout)
DURATION(noack_timeout)
DURATION(end_timeout)
HANDLER(rpc_list_max, set_range("rpc_list_max", &adapter.set.rpc_list_max,
				value, 1, INT32_MAX))
HANDLER(memory_piece, set_range("memory_piece", &adapter.set.memory_piece,
				value, MEMORY_PIECE_MIN, MEMORY_PIECE_MAX))
HANDLER(bye_early_code,
	set_range("bye_early_code", &adapter.set.early_code, value, 300, 699))

static int param_hash_size(modparam_t type, void *value)
{
	int number = (int)(long)value;

	(void)type;
	if (number < 1 || number > PARLEY_HASH_SIZE_MAX ||
	    (number & (number - 1)) != 0) {
		LM_ERR("hash_size=%d: must be a power of two from 1 to %d\n",
		       number, PARLEY_HASH_SIZE_MAX);
		return -1;
	}
	adapter.set.hash_size = number;
	return 0;
}

/* ------------------------------------------------ texts */

/* Values do not outlive the parser. */
static int copy_text(str *target, const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = pkg_malloc(size);

	if (!copy) {
		PKG_MEM_ERROR;
		return -1;
	}
	memcpy(copy, text, size);
	*target = (str){copy, (int)size - 1};
	return 0;
}

static int param_rr_param(modparam_t type, void *value)
{
	const char *text = value;
	size_t len = strlen(text);

	(void)type;
	/* RFC 3261 25.1: the characters of a URI parameter's name that need no
	 * escape. */
	if (len == 0 || len > RR_PARAM_MAX ||
	    strspn(text,
		   "abcdefghijklmnopqrstuvwxyz"
		   "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.!~*'()") != len) {
		LM_ERR("rr_param=\"%s\": must be 1 to %d letters, digits or "
		       "any of -_.!~*'()\n",
		       text, RR_PARAM_MAX);
		return -1;
	}
	return copy_text(&adapter.set.rr_param, text);
}

static int param_timeout_avp(modparam_t type, void *value)
{
	str text = {value, (int)strlen(value)};

	(void)type;
	/* The specification keeps pointing into the text. */
	if (copy_text(&text, value) < 0)
		return -1;
	if (!pv_parse_spec(&text, &adapter.set.timeout_avp)) {
		LM_ERR("timeout_avp=\"%s\": must be an AVP such as "
		       "$avp(dlg_timeout)\n",
		       text.s);
		return -1;
	}
	if (adapter.set.timeout_avp.type != PVT_AVP)
		LM_WARN("timeout_avp=\"%s\": is no AVP; it is read all the "
			"same\n",
			text.s);
	adapter.set.has_timeout_avp = true;
	return 0;
}

/* CR and LF as \\r and \\n, so that a log line stays one line. */
static void show_text(char *target, size_t size, const char *text)
{
	char *end = target + size - 3;

	for (; *text && target < end; text++) {
		if (*text == '\r' || *text == '\n') {
			*target++ = '\\';
			*target++ = *text == '\r' ? 'r' : 'n';
		} else {
			*target++ = *text;
		}
	}
	*target = '\0';
}

/* What was wrong here would be in every request of ours. */
static int param_extra_hdrs(modparam_t type, void *value)
{
	str text = {value, (int)strlen(value)};
	const char *fault = header_lines_fault(to_parley(&text));
	char shown[256];

	(void)type;
	if (!fault && text.len > 0 && !header_lines_ended(to_parley(&text)))
		fault = "no CRLF at the end";
	if (fault) {
		show_text(shown, sizeof(shown), text.s);
		LM_ERR("dlg_extra_hdrs=\"%s\": has %s; must be whole header "
		       "lines such as \"Hint: credit expired\\r\\n\"\n",
		       shown, fault);
		return -1;
	}
	return copy_text(&adapter.set.extra_hdrs, text.s);
}

static int param_bye_early_reason(modparam_t type, void *value)
{
	const char *text = value;

	(void)type;
	if (strpbrk(text, "\r\n")) {
		LM_ERR("bye_early_reason: must be one line\n");
		return -1;
	}
	return copy_text(&adapter.set.early_reason, text);
}

/* ------------------------------------------------ profiles */

static int add_profile(const char *param, str name, bool has_value)
{
	struct adapter_settings *set = &adapter.set;
	str copy;

	for (int i = 0; i < name.len; i++) {
		if (!isalnum((unsigned char)name.s[i]) && name.s[i] != '_') {
			LM_ERR("%s: profile \"%.*s\": must be letters, digits "
			       "and _\n",
			       param, name.len, name.s);
			return -1;
		}
	}
	if (name.len > PARLEY_PROFILE_NAME_MAX - 1) {
		LM_ERR("%s: profile \"%.*s\": must be at most %d characters\n",
		       param, name.len, name.s, PARLEY_PROFILE_NAME_MAX - 1);
		return -1;
	}
	for (uint32_t i = 0; i < set->profile_count; i++) {
		if (strlen(set->profiles[i].name) == (size_t)name.len &&
		    memcmp(set->profiles[i].name, name.s, (size_t)name.len) ==
			    0) {
			LM_ERR("%s: profile \"%.*s\": is there already\n",
			       param, name.len, name.s);
			return -1;
		}
	}
	if (set->profile_count == PARLEY_PROFILES_MAX) {
		LM_ERR("%s: profile \"%.*s\": at most %d profiles\n", param,
		       name.len, name.s, PARLEY_PROFILES_MAX);
		return -1;
	}
	name.s[name.len] = '\0';
	if (copy_text(&copy, name.s) < 0)
		return -1;
	set->profiles[set->profile_count++] =
		(struct parley_profile_config){copy.s, has_value};
	return 0;
}

/* Names separated by ';', with blanks around them; empty ones are skipped. */
static int add_profiles(const char *param, const char *list, bool has_value)
{
	str copy;
	int rc = 0;

	if (copy_text(&copy, list) < 0)
		return -1;
	for (char *at = copy.s, *end; rc == 0 && at; at = end) {
		str name;

		end = strchr(at, ';');
		name.len = (int)(end ? end - at : (long)strlen(at));
		if (end)
			end++;
		while (name.len > 0 && isspace((unsigned char)*at)) {
			at++;
			name.len--;
		}
		while (name.len > 0 && isspace((unsigned char)at[name.len - 1]))
			name.len--;
		name.s = at;
		if (name.len > 0)
			rc = add_profile(param, name, has_value);
	}
	pkg_free(copy.s);
	return rc;
}

HANDLER(profiles_with_value, add_profiles("profiles_with_value", value, true))
HANDLER(profiles_no_value, add_profiles("profiles_no_value", value, false))

/* ------------------------------------------------ the table */

#define BY_INT(name)                                                           \
	{                                                                      \
#name, PARAM_INT | PARAM_USE_FUNC, (void *)param_##name        \
	}
#define BY_TEXT(name, handler)                                                 \
	{                                                                      \
#name, PARAM_STRING | PARAM_USE_FUNC, (void *)(handler)        \
	}

/* ISO C forbids a function in a void pointer, Kamailio's table asks for it. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
param_export_t adapter_params[] = {
	BY_INT(enable_stats),
	BY_INT(hash_size),
	BY_TEXT(rr_param, param_rr_param),
	{"dlg_flag", PARAM_INT, &adapter.set.dlg_flag},
	BY_TEXT(timeout_avp, param_timeout_avp),
	{"default_timeout", PARAM_INT, &adapter.set.default_timeout},
	BY_INT(early_timeout),
	BY_INT(noack_timeout),
	BY_INT(end_timeout),
	BY_TEXT(dlg_extra_hdrs, param_extra_hdrs),
	BY_INT(dlg_match_mode),
	BY_INT(detect_spirals),
	BY_TEXT(profiles_with_value, param_profiles_with_value),
	BY_TEXT(profiles_no_value, param_profiles_no_value),
	BY_INT(initial_cbs_inscript),
	BY_INT(send_bye),
	BY_INT(wait_ack),
	BY_INT(timeout_noreset),
	BY_INT(early_timeout_end),
	BY_INT(bye_early_code),
	BY_TEXT(bye_early_reason, param_bye_early_reason),
	BY_INT(rpc_list_max),
	BY_INT(memory_piece),
	{0, 0, 0},
};
#pragma GCC diagnostic pop

/* ------------------------------------------------ mod_init */

int params_check(void)
{
	struct adapter_settings *set = &adapter.set;

	if (set->dlg_flag > FLAG_MAX)
		return refuse("dlg_flag", set->dlg_flag,
			      "from 0 to 31, or -1 for none");
	if (set->dlg_flag < -1) {
		LM_WARN("dlg_flag=%d: taken as -1, none\n", set->dlg_flag);
		set->dlg_flag = -1;
	}
	if (set->default_timeout <= 0 || set->default_timeout > DURATION_MAX)
		return refuse("default_timeout", set->default_timeout,
			      "from 1 to 2147483 seconds");
	/* What ims_dialog and dialog_ng answer, and what dialog does. */
	if (set->early_code == 0)
		set->early_code =
			strcmp(adapter.name, "dialog") == 0 ? 480 : 488;
	return 0;
}

void params_config(struct parley_config *config)
{
	const struct adapter_settings *set = &adapter.set;

	parley_config_default(config);
	config->hash_size = (uint32_t)set->hash_size;
	if (set->memory_piece > 0)
		config->piece_bytes = (uint32_t)set->memory_piece;
	config->lifetime_s = (uint32_t)set->default_timeout;
	config->early_timeout_s = (uint32_t)set->early_timeout;
	config->noack_timeout_s = (uint32_t)set->noack_timeout;
	config->end_timeout_s = (uint32_t)set->end_timeout;
	config->timeout_noreset = set->timeout_noreset;
	config->bye_on_timeout = set->send_bye;
	config->wait_ack = set->wait_ack;
	config->end_at_early_timeout = set->early_timeout_end;
	config->end_early_code = (uint16_t)set->early_code;
	config->profiles = set->profiles;
	config->profile_count = set->profile_count;
}
