/*
 * params.c - modparam(): what can be set, and what is refused
 *
 * What a single value shows to be wrong is refused by its handler, while the
 * file is parsed, so that `kamailio -c` shows it. dlg_flag and default_timeout
 * are plain integers because other modules read them with find_param_export();
 * they are judged in params_check().
 */
#include <ctype.h>

#include "core/globals.h"
#include "core/parser/parse_uri.h"
#include "core/pvar.h"

#include "db_tables.h"
#include "dmq.h"
#include "exports.h"
#include "header_lines.h"
#include "params_db.h"
#include "text.h"

enum {
	RR_PARAM_MAX = 32, /* as in the stock module */
	FLAG_MAX = 31,	   /* message flags are 32 bits */
	MEMORY_PIECE_MIN = 4096,
	MEMORY_PIECE_MAX = 16 << 20,
	DURATION_MAX = INT32_MAX / 1000,
	KA_INTERVAL_MIN = 30, /* as in the stock module */
	PING_LOST_MAX = 100,
	JOURNAL_MB_MAX = 65536,
	AUTO_PRACK_MAX = 3600, /* seconds */
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

/* The packaged module starts with any number here: what is outside becomes the
 * nearest that makes sense. */
static int set_clamped(const char *name, int *target, void *value, int min,
		       int max)
{
	int number = (int)(long)value;

	*target = number < min ? min : number > max ? max : number;
	if (*target != number)
		LM_WARN("%s=%d: taken as %d; %d to %d are meant\n", name,
			number, *target, min, max);
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
CHOICE(dlg_mode, 1)
CHOICE(dlg_ctxiuid_mode, 1)
SWITCH(track_cseq_updates)
CHOICE(auto_prack_hangup_on_failure, 1)
HANDLER(auto_prack_fr_timeout,
	set_range("auto_prack_fr_timeout", &adapter.set.auto_prack_fr_timeout,
		  value, 1, AUTO_PRACK_MAX))
SWITCH(debug_variables)
SWITCH(value_index)
SWITCH(enable_dmq)
SWITCH(dmq_ka_iflags_sync)
SWITCH(dmq_load_callbacks)
DURATION(ka_timer)
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
DURATION(race_condition_timeout)
SWITCH(event_states)
HANDLER(delete_delay, set_range("delete_delay", &adapter.set.delete_delay,
				value, 0, PARLEY_DELAY_MAX))
HANDLER(rpc_list_max, set_range("rpc_list_max", &adapter.set.rpc_list_max,
				value, 1, INT32_MAX))
HANDLER(options_ping_interval,
	set_range("options_ping_interval", &adapter.set.options_ping_interval,
		  value, 1, DURATION_MAX))
HANDLER(reinvite_ping_interval,
	set_range("reinvite_ping_interval", &adapter.set.reinvite_ping_interval,
		  value, 1, DURATION_MAX))
HANDLER(ping_lost_limit,
	set_range("ping_lost_limit", &adapter.set.ping_lost_limit, value, 1,
		  PING_LOST_MAX))
HANDLER(memory_piece, set_range("memory_piece", &adapter.set.memory_piece,
				value, MEMORY_PIECE_MIN, MEMORY_PIECE_MAX))
HANDLER(keep_proxy_rr,
	set_range("keep_proxy_rr", &adapter.set.keep_proxy_rr, value, 0, 3))
HANDLER(bye_on_timeout_flag,
	set_range("bye_on_timeout_flag", &adapter.set.bye_on_timeout_flag,
		  value, -1, FLAG_MAX))
HANDLER(log_profile_hash_size,
	set_range("log_profile_hash_size", &adapter.set.log_profile_hash_size,
		  value, 0, PARLEY_PROFILE_BITS_MAX))
HANDLER(timer_procs, set_clamped("timer_procs", &adapter.set.timer_procs, value,
				 0, INT32_MAX))
HANDLER(h_id_step,
	set_clamped("h_id_step", &adapter.set.h_id_step, value, 1, 65536))
HANDLER(db_mode, set_range("db_mode", &adapter.set.db.mode, value, 0, 3))
HANDLER(db_update_period,
	set_clamped("db_update_period", &adapter.set.db.update_period, value, 1,
		    DURATION_MAX))
HANDLER(db_fetch_rows, set_clamped("db_fetch_rows", &adapter.set.db.fetch_rows,
				   value, 0, INT32_MAX))
HANDLER(db_skip_load,
	set_switch("db_skip_load", &adapter.set.db.skip_load, value))
HANDLER(journal_sync,
	set_switch("journal_sync", &adapter.set.db.journal_sync, value))
HANDLER(journal_size, set_range("journal_size", &adapter.set.db.journal_size,
				value, 1, JOURNAL_MB_MAX))
HANDLER(db_load_wait,
	set_duration("db_load_wait", &adapter.set.db.load_wait, value))
HANDLER(bye_early_code,
	set_range("bye_early_code", &adapter.set.early_code, value, 300, 699))

/* -1 is the server's id; below the packaged module takes 0. */
static int param_h_id_start(modparam_t type, void *value)
{
	int number = (int)(long)value;

	(void)type;
	if (number < -1) {
		LM_WARN("h_id_start=%d: taken as 0; -1 or more is meant\n",
			number);
		number = 0;
	}
	adapter.set.h_id_start = number;
	return 0;
}

/* The stock module starts with any number; less than 1 means 1. */
static int param_ka_failed_limit(modparam_t type, void *value)
{
	int number = (int)(long)value;

	(void)type;
	if (number < 1)
		LM_WARN("ka_failed_limit=%d: taken as 1; a number of failures "
			"is meant\n",
			number);
	adapter.set.ka_failed_limit = number < 1 ? 1 : number;
	return 0;
}

/* A sum of flags; other numbers mean nothing to the stock module. */
static int param_dlg_filter_mode(modparam_t type, void *value)
{
	int number = (int)(long)value;

	(void)type;
	if (number & ~1)
		LM_WARN("dlg_filter_mode=%d: taken as %d; 0 and 1 are meant\n",
			number, number & 1);
	adapter.set.dlg_filter_mode = number & 1;
	return 0;
}

/* The least interval is that of the stock module. */
static int param_ka_interval(modparam_t type, void *value)
{
	int number = (int)(long)value;

	(void)type;
	if (number != 0 && (number < KA_INTERVAL_MIN || number > DURATION_MAX))
		return refuse("ka_interval", number,
			      "from 30 to 2147483 seconds, or 0 for none");
	adapter.set.ka_interval = number;
	return 0;
}

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

/* Header lines of every request of ours: what was wrong here would be in all of
 * them. */
static int set_header_lines(const char *name, str *target, const char *value)
{
	struct parley_str text = {value, (uint32_t)strlen(value)};
	const char *fault = header_lines_fault(text);
	char shown[256];

	if (!fault && text.len > 0 && !header_lines_ended(text))
		fault = "no CRLF at the end";
	if (fault) {
		show_text(shown, sizeof(shown), value);
		LM_ERR("%s=\"%s\": has %s; must be whole header "
		       "lines such as \"Hint: credit expired\\r\\n\"\n",
		       name, shown, fault);
		return -1;
	}
	return copy_text(target, value);
}

HANDLER(extra_hdrs,
	set_header_lines("dlg_extra_hdrs", &adapter.set.extra_hdrs, value))

/* The stock module starts with any text, and ends the last line if it must. */
static int param_lreq_callee_headers(modparam_t type, void *value)
{
	str text = {value, (int)strlen(value)};
	const char *fault = header_lines_fault(to_parley(&text));
	char shown[256];

	(void)type;
	if (!fault)
		return copy_text(&adapter.set.lreq_callee_headers, value);
	show_text(shown, sizeof(shown), value);
	LM_WARN("lreq_callee_headers=\"%s\": has %s; not sent: whole header "
		"lines such as \"TH: dlh\\r\\n\" are meant\n",
		shown, fault);
	adapter.set.lreq_callee_headers = (str){0};
	return 0;
}

/* ------------------------------------------------ URIs, routes, names */

static int set_uri(const char *name, str *target, char *value)
{
	struct sip_uri uri;

	if (strpbrk(value, "\r\n")) {
		LM_ERR("%s: must be one line\n", name);
		return -1;
	}
	/* The packaged module starts, and fails when it calls. */
	if (parse_uri(value, (int)strlen(value), &uri) < 0)
		LM_WARN("%s=\"%s\": is no SIP URI such as "
			"sip:controller@example.com; calls of the proxy will "
			"fail\n",
			name, value);
	return copy_text(target, value);
}

HANDLER(bridge_controller,
	set_uri("bridge_controller", &adapter.set.bridge_controller, value))
HANDLER(bridge_contact,
	set_uri("bridge_contact", &adapter.set.bridge_contact, value))

static int param_ruri_pvar(modparam_t type, void *value)
{
	str text;

	(void)type;
	/* The format keeps pointing into the text. */
	if (copy_text(&text, value) < 0)
		return -1;
	if (text.len == 0 ||
	    pv_parse_format(&text, &adapter.set.ruri_pvar) < 0) {
		LM_ERR("ruri_pvar=\"%s\": must be text with "
		       "pseudo-variables such as $ru\n",
		       text.s);
		return -1;
	}
	return 0;
}

static bool is_name(const char *value)
{
	return value[0] != '\0' && !strpbrk(value, " \t\r\n\"'`;");
}

static int set_name(const char *name, str *target, const char *value)
{
	if (!is_name(value)) {
		LM_ERR("%s=\"%s\": must be a name\n", name, value);
		return -1;
	}
	return copy_text(target, value);
}

/* What the packaged module starts with as long as it does not use it. */
static int set_any_name(const char *name, str *target, const char *value)
{
	char shown[256];

	if (!is_name(value)) {
		show_text(shown, sizeof(shown), value);
		LM_WARN("%s=\"%s\": is no name, which will fail when it is "
			"used\n",
			name, shown);
	}
	return copy_text(target, value);
}

HANDLER(event_callback,
	set_any_name("event_callback", &adapter.set.event_callback, value))
HANDLER(dmq_peer_id, set_name("dmq_peer_id", &adapter.set.dmq_peer_id, value))

static int set_path(const char *name, str *target, const char *value,
		    const char *what)
{
	if (value[0] != '/') {
		LM_ERR("%s=\"%s\": must be the full path of %s\n", name, value,
		       what);
		return -1;
	}
	return copy_text(target, value);
}

static int set_directory(const char *name, str *target, const char *value)
{
	return set_path(name, target, value, "a directory");
}

HANDLER(dump_dir, set_directory("dump_dir", &adapter.set.dump_dir, value))
HANDLER(mi_fifo, set_path("mi_fifo", &adapter.set.mi_fifo, value, "a FIFO"))
HANDLER(mi_fifo_reply_dir, set_directory("mi_fifo_reply_dir",
					 &adapter.set.mi_fifo_reply_dir, value))

/* What is there is emptied when the service stops, or at a reboot. */
static int param_journal_dir(modparam_t type, void *value)
{
	const char *text = value;

	(void)type;
	if (params_db_volatile(text)) {
		LM_ERR("journal_dir=\"%s\": must not be below /run, which is "
		       "emptied when the service stops\n",
		       text);
		return -1;
	}
	return set_directory("journal_dir", &adapter.set.db.journal_dir, text);
}

static int param_db_node(modparam_t type, void *value)
{
	const char *text = value;

	(void)type;
	if (strlen(text) > DB_NODE_MAX || strpbrk(text, "\r\n")) {
		LM_ERR("db_node: must be one line of at most %d characters\n",
		       DB_NODE_MAX);
		return -1;
	}
	return copy_text(&adapter.set.db.node, text);
}

HANDLER(xavp_cfg, copy_text(&adapter.set.xavp_cfg, value))

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
		if (text_is(to_parley(&name), set->profiles[i].name)) {
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
#define BY_NAME(param, field, text) {#param, PARAM_STR, &adapter.set.db.field},
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
	BY_INT(bye_on_timeout_flag),
	BY_INT(log_profile_hash_size),
	BY_TEXT(timeout_avp, param_timeout_avp),
	{"default_timeout", PARAM_INT, &adapter.set.default_timeout},
	BY_INT(early_timeout),
	BY_INT(noack_timeout),
	BY_INT(end_timeout),
	BY_INT(delete_delay),
	BY_INT(race_condition_timeout),
	BY_INT(event_states),
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
	BY_INT(ka_timer),
	BY_INT(ka_interval),
	BY_INT(ka_failed_limit),
	BY_INT(options_ping_interval),
	BY_INT(reinvite_ping_interval),
	BY_INT(ping_lost_limit),
	BY_INT(keep_proxy_rr),
	BY_INT(dlg_filter_mode),
	BY_INT(track_cseq_updates),
	BY_INT(auto_prack_fr_timeout),
	BY_INT(auto_prack_hangup_on_failure),
	BY_INT(timer_procs),
	BY_INT(h_id_start),
	BY_INT(h_id_step),
	BY_INT(dlg_mode),
	BY_INT(dlg_ctxiuid_mode),
	BY_INT(debug_variables),
	BY_INT(value_index),
	BY_TEXT(lreq_callee_headers, param_lreq_callee_headers),
	BY_TEXT(bridge_controller, param_bridge_controller),
	BY_TEXT(bridge_contact, param_bridge_contact),
	BY_TEXT(ruri_pvar, param_ruri_pvar),
	BY_TEXT(event_callback, param_event_callback),
	BY_TEXT(dump_dir, param_dump_dir),
	BY_TEXT(mi_fifo, param_mi_fifo),
	BY_TEXT(mi_fifo_reply_dir, param_mi_fifo_reply_dir),
	BY_TEXT(xavp_cfg, param_xavp_cfg),
	/* replication */
	BY_INT(enable_dmq),
	BY_INT(dmq_ka_iflags_sync),
	{"enable_dmq_ka_iflags_sync", PARAM_INT | PARAM_USE_FUNC,
	 (void *)param_dmq_ka_iflags_sync},
	{"enable_dmq_load_callbacks", PARAM_INT | PARAM_USE_FUNC,
	 (void *)param_dmq_load_callbacks},
	BY_TEXT(dmq_peer_id, param_dmq_peer_id),
	/* database */
	BY_INT(db_mode),
	BY_INT(db_update_period),
	BY_INT(db_fetch_rows),
	BY_INT(db_skip_load),
	BY_INT(db_load_wait),
	BY_INT(journal_size),
	BY_INT(journal_sync),
	BY_TEXT(journal_dir, param_journal_dir),
	BY_TEXT(db_node, param_db_node),
	{"db_url", PARAM_STR, &adapter.set.db.url},
	PARAMS_DB_NAMES(BY_NAME) PARAMS_DB_ALSO(BY_NAME){0, 0, 0},
};
#pragma GCC diagnostic pop

/* ------------------------------------------------ mod_init */

/* Under its two other names the module has the defaults of ims_dialog. */
static bool is_dialog(void)
{
	return strcmp(adapter.name, "dialog") == 0;
}

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
	if ((set->ka_timer > 0) != (set->ka_interval > 0))
		LM_WARN("ka_timer=%d, ka_interval=%d: there are no keep-alives "
			"unless both are set\n",
			set->ka_timer, set->ka_interval);
	if (set->h_id_start > 0 && set->h_id_start >= set->h_id_step)
		LM_WARN("h_id_start=%d: taken modulo h_id_step (%d)\n",
			set->h_id_start, set->h_id_step);
	if (set->early_code == 0)
		set->early_code = is_dialog() ? 480 : 488;
	return params_db_check();
}

void params_check_tm(void)
{
	struct sr_module *tm = find_module_by_name("tm");
	modparam_t type = PARAM_INT;
	const unsigned int *ticks =
		tm ? find_param_export(tm, "fr_timer", PARAM_INT, &type) : NULL;
	int seconds = ticks ? (int)TICKS_TO_S(*ticks) : 0;

	if (adapter.set.reinvite_ping_interval <= seconds)
		LM_WARN("reinvite_ping_interval=%d: must be above tm's "
			"fr_timer, which is %d s; else re-INVITEs that are "
			"not answered come late\n",
			adapter.set.reinvite_ping_interval, seconds);
}

/* A stock keep-alive is late by up to ka_timer. Ours are as late as is needed
 * for their number not to matter: a quarter of the interval, or ka_timer if
 * that is more. */
static uint32_t ping_spread_ms(void)
{
	uint32_t interval_ms = (uint32_t)adapter.set.ka_interval * 1000;
	uint32_t timer_ms = (uint32_t)adapter.set.ka_timer * 1000;
	uint32_t spread_ms = interval_ms / 4;

	if (timer_ms > spread_ms)
		spread_ms = timer_ms;
	return spread_ms > interval_ms ? interval_ms : spread_ms;
}

void params_config(struct parley_config *config)
{
	const struct adapter_settings *set = &adapter.set;

	parley_config_default(config);
	config->hash_size = (uint32_t)set->hash_size;
	if (set->memory_piece > 0)
		config->piece_bytes = (uint32_t)set->memory_piece;
	config->h_id_step = (uint32_t)set->h_id_step;
	config->h_id_start =
		(uint32_t)(set->h_id_start < 0 ? server_id : set->h_id_start) %
		config->h_id_step;
	config->lifetime_s = (uint32_t)set->default_timeout;
	config->early_timeout_s = (uint32_t)set->early_timeout;
	config->noack_timeout_s = (uint32_t)set->noack_timeout;
	config->end_timeout_s = (uint32_t)set->end_timeout;
	config->delete_delay_s = (uint32_t)set->delete_delay;
	config->race_timeout_s = (uint32_t)set->race_condition_timeout;
	config->timeout_noreset = set->timeout_noreset;
	config->track_cseq = set->track_cseq_updates;
	config->bye_on_timeout = set->send_bye > 0;
	/* The packaged ims_dialog has no such parameter. */
	config->bye_on_timeout_up = set->send_bye < 0 && !is_dialog();
	config->wait_ack = set->wait_ack;
	config->end_at_early_timeout = set->early_timeout_end;
	config->end_early_code = (uint16_t)set->early_code;
	if (set->ka_timer > 0)
		config->ping_interval_ms = (uint32_t)set->ka_interval * 1000;
	config->ping_spread_ms = ping_spread_ms();
	config->ping_failed_limit = (uint32_t)set->ka_failed_limit;
	config->options_interval_s = (uint32_t)set->options_ping_interval;
	config->reinvite_interval_s = (uint32_t)set->reinvite_ping_interval;
	config->ping_lost_limit = (uint32_t)set->ping_lost_limit;
	config->local_only = set->dlg_filter_mode;
	config->replicate = set->enable_dmq;
	config->node = dmq_number();
	config->profile_bits = (uint32_t)set->log_profile_hash_size;
	config->profiles = set->profiles;
	config->profile_count = set->profile_count;
}
