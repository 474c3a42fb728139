/*
 * KSR.dialog: the functions for scripts in Lua, Python and so on.
 *
 * The same functions stand under KSR.ims_dialog and KSR.dialog_ng, whichever
 * of the three names the module was loaded under.
 */
#include "core/kemi.h"
#include "core/pvar.h"
#include "core/pvapi.h"

#include "calls.h"
#include "dmq.h"
#include "exports.h"
#include "functions_calls.h"
#include "functions_create.h"
#include "functions_routes.h"
#include "lookup.h"
#include "ops.h"
#include "state.h"
#include "scripted.h"
#include "text.h"
#include "validate.h"
#include "values.h"
#include "text.h"

/* The index of a profile by name. KEMI scripts have no fixups, so the first
 * one to see a wrong name is the call. */
static int profile_of(const str *name)
{
	int profile = parley_profile_find(adapter.engine, to_parley(name));

	if (profile < 0)
		log_limited(LOG_CAUSE_SCRIPT, L_ERR, "unknown profile %.*s\n",
			    name->len, name->s);
	return profile;
}

static struct parley_str value_of(const str *value)
{
	struct parley_str text = {0};

	if (value && value->s && value->len > 0)
		text = to_parley(value);
	return text;
}

typedef int (*profile_op)(struct sip_msg *, int, struct parley_str);

static int with_profile(sip_msg_t *msg, profile_op op, const str *name,
			const str *value)
{
	int profile = profile_of(name);

	return profile < 0 ? -1 : op(msg, profile, value_of(value));
}

static int ki_remove_dialogs(sip_msg_t *msg, str *uri)
{
	return op_remove_dialogs(msg, uri);
}

static int ki_create(sip_msg_t *msg)
{
	return op_create(msg, NULL);
}

static int ki_create_flags(sip_msg_t *msg, str *flags)
{
	return op_create(msg, flags);
}

static int ki_set_profile(sip_msg_t *msg, str *name, str *value)
{
	return with_profile(msg, op_profile_set, name, value);
}

static int ki_set_profile_static(sip_msg_t *msg, str *name)
{
	return with_profile(msg, op_profile_set, name, NULL);
}

static int ki_set_profile_only(sip_msg_t *msg, str *name, str *value, int clear)
{
	return with_profile(msg, clear ? op_profile_set_only : op_profile_set,
			    name, value);
}

static int ki_unset_profile(sip_msg_t *msg, str *name, str *value)
{
	return with_profile(msg, op_profile_unset, name, value);
}

static int ki_unset_profile_static(sip_msg_t *msg, str *name)
{
	return with_profile(msg, op_profile_unset, name, NULL);
}

static int ki_in_profile(sip_msg_t *msg, str *name, str *value)
{
	return with_profile(msg, op_profile_has, name, value);
}

static int ki_in_profile_static(sip_msg_t *msg, str *name)
{
	return with_profile(msg, op_profile_has, name, NULL);
}

/* The variable for a function's result; NULL after a line. */
static pv_spec_t *result_of(const char *function, str *target)
{
	pv_spec_t *spec = pv_cache_get(target);

	if (spec && (spec->type == PVT_AVP || spec->type == PVT_SCRIPTVAR))
		return spec;
	log_limited(LOG_CAUSE_SCRIPT, L_ERR,
		    "%s(): result %.*s must be $avp(...) or $var(...)\n",
		    function, target->len, target->s);
	return NULL;
}

static int ki_profile_size(sip_msg_t *msg, str *name, str *value, str *target)
{
	int profile = profile_of(name);
	pv_spec_t *spec;

	if (profile < 0)
		return -1;
	spec = result_of("get_profile_size", target);
	return spec ? op_profile_size(msg, profile, value_of(value), spec) : -1;
}

static int ki_profile_size_static(sip_msg_t *msg, str *name, str *target)
{
	return ki_profile_size(msg, name, NULL, target);
}

static int ki_join(sip_msg_t *msg, str *name, str *value, int limit)
{
	int profile = profile_of(name);

	return profile < 0
		       ? -2
		       : op_profile_join(msg, profile, value_of(value), limit);
}

static int ki_join_static(sip_msg_t *msg, str *name, int limit)
{
	return ki_join(msg, name, NULL, limit);
}

static int ki_setflag(sip_msg_t *msg, int flag)
{
	return op_flag(msg, flag, FLAG_SET);
}

static int ki_resetflag(sip_msg_t *msg, int flag)
{
	return op_flag(msg, flag, FLAG_RESET);
}

static int ki_isflagset(sip_msg_t *msg, int flag)
{
	return op_flag(msg, flag, FLAG_TEST);
}

static int ki_set_dlg_flag(sip_msg_t *msg, int flag)
{
	return value_flag(msg, flag, FLAG_SET);
}

static int ki_reset_dlg_flag(sip_msg_t *msg, int flag)
{
	return value_flag(msg, flag, FLAG_RESET);
}

static int ki_is_dlg_flag_set(sip_msg_t *msg, int flag)
{
	return value_flag(msg, flag, FLAG_TEST);
}

static int ki_store(sip_msg_t *msg, str *name, str *text)
{
	const pv_value_t value = {.rs = *text, .flags = PV_VAL_STR};

	return value_store(msg, name, &value);
}

static int ki_store_int(sip_msg_t *msg, str *name, int number)
{
	const pv_value_t value = {.ri = number, .flags = PV_TYPE_INT};

	return value_store(msg, name, &value);
}

static int ki_fetch(sip_msg_t *msg, str *name, str *target)
{
	pv_spec_t *spec = result_of("fetch_dlg_value", target);

	return spec ? value_fetch(msg, name, spec) : -1;
}

static int ki_set_property(sip_msg_t *msg, str *property)
{
	return op_property_set(msg, property);
}

static int ki_reset_property(sip_msg_t *msg, str *property)
{
	return op_property_reset(msg, property);
}

static int ki_get(sip_msg_t *msg, str *callid, str *tag1, str *tag2)
{
	return op_get(msg, callid, tag1, tag2);
}

static int ki_load3(sip_msg_t *msg, str *name, str *type, int active)
{
	return op_load(msg, name, type, active != 0);
}

static int ki_load2(sip_msg_t *msg, str *name, str *type)
{
	return ki_load3(msg, name, type, 0);
}

static int ki_load1(sip_msg_t *msg, str *name)
{
	return op_load(msg, name, NULL, false);
}

/* An AVP for a list; NULL, and a log line: it is none. */
static pv_spec_t *list_of(const char *function, str *target)
{
	pv_spec_t *spec = result_of(function, target);

	if (!spec || spec->type == PVT_AVP)
		return spec;
	log_limited(LOG_CAUSE_SCRIPT, L_ERR,
		    "%s(): %.*s must be $avp(...): it is a list\n", function,
		    target->len, target->s);
	return NULL;
}

static bool results_of(const char *function, str *list, str *count,
		       struct lookup_out *out)
{
	out->list = list_of(function, list);
	out->count = result_of(function, count);
	return out->list && out->count;
}

static int ki_by_val(sip_msg_t *msg, str *name, str *value, str *list,
		     str *count)
{
	struct lookup_out out;

	return results_of("get_dialogs_by_val", list, count, &out)
		       ? op_dialogs_by_val(msg, name, value, &out)
		       : -1;
}

static int ki_by_profile(sip_msg_t *msg, str *name, str *value, str *list,
			 str *count)
{
	struct lookup_out out;
	int profile = profile_of(name);

	return profile >= 0 && results_of("get_dialogs_by_profile", list, count,
					  &out)
		       ? op_dialogs_by_profile(msg, profile, value_of(value),
					       &out)
		       : -1;
}

static int ki_by_profile_static(sip_msg_t *msg, str *name, str *list,
				str *count)
{
	return ki_by_profile(msg, name, NULL, list, count);
}

/* NOLINTNEXTLINE(readability-function-size): Kamailio has it so. */
static int ki_info(sip_msg_t *msg, str *attr, str *list, str *key, str *value,
		   str *count)
{
	const struct lookup_info info = {*attr, *key, *value};
	struct lookup_out out;

	return results_of("get_dialog_info", list, count, &out)
		       ? op_dialog_info(msg, &info, &out)
		       : -1;
}

static int ki_vals(sip_msg_t *msg, str *names, str *values, str *callid)
{
	pv_spec_t *keys = list_of("get_dialog_vals", names);
	pv_spec_t *texts = list_of("get_dialog_vals", values);

	return keys && texts ? op_dialog_vals(msg, keys, texts, callid) : -1;
}

/* As in the stock module, a side that is no side means both. */
static int ki_bye(sip_msg_t *msg, str *side)
{
	enum parley_side known = op_side(side);

	return op_end(msg, known ? known : PARLEY_SIDE_ALL, NULL);
}

static int ki_terminate(sip_msg_t *msg, str *side, str *reason)
{
	return op_end(msg, op_side(side), reason);
}

static int ki_terminate_static(sip_msg_t *msg, str *side)
{
	return op_end(msg, op_side(side), NULL);
}

static int ki_set_timeout_id(sip_msg_t *msg, int seconds, int entry, int id)
{
	(void)msg;
	if (entry < 0 || id <= 0)
		return -1;
	return op_set_timeout_of(
		(struct parley_id){(uint32_t)entry, (uint32_t)id}, seconds);
}

/* ------------------------------------------------------------ variables */

static int ki_timeout_by_profile(sip_msg_t *msg, str *name, str *value,
				 int seconds)
{
	int profile = profile_of(name);

	(void)msg;
	return profile < 0 ? -1
			   : op_timeout_by_profile(profile, value_of(value),
						   seconds);
}

static int ki_timeout_by_profile_static(sip_msg_t *msg, str *name, int seconds)
{
	return ki_timeout_by_profile(msg, name, NULL, seconds);
}

/* NOLINTNEXTLINE(readability-function-size): one for each parameter. */
static int ki_remote(sip_msg_t *msg, str *command, str *profile, str *value,
		     str *who, int expires)
{
	struct op_remote remote = {*command, *profile, *value, *who, expires};

	(void)msg;
	return op_remote(&remote);
}

static int ki_match(sip_msg_t *msg)
{
	return op_match(msg, adapter.set.dlg_match_mode);
}

static int ki_match_mode(sip_msg_t *msg, str *name)
{
	int mode = match_mode(name);

	if (mode >= 0)
		return op_match(msg, mode);
	log_limited(LOG_CAUSE_SCRIPT, L_ERR,
		    "match_dialog_mode(\"%.*s\"): must be DID_ONLY, "
		    "DID_FALLBACK or DID_NONE\n",
		    text_shown(name->len), name->s);
	return -1;
}

static int ki_set_state(sip_msg_t *msg, str *name)
{
	return op_set_state(msg, name);
}

static int ki_db_load_callid(sip_msg_t *msg, str *callid)
{
	return op_db_load_callid(msg, callid);
}

static int ki_db_load_extra(sip_msg_t *msg)
{
	(void)msg;
	return op_db_load_extra();
}

static int ki_var_sets(sip_msg_t *msg, str *name, str *value)
{
	return var_set(msg, name, value) < 0 ? -1 : 1;
}

static int ki_var_rm(sip_msg_t *msg, str *name)
{
	return var_set(msg, name, NULL) < 0 ? -1 : 1;
}

/* KEMI takes the result before it calls anything else, so one place for it
 * per process is enough; the text stands in one of Kamailio's buffers. */
static sr_kemi_xval_t *var_mode(sip_msg_t *msg, str *name, int mode)
{
	static sr_kemi_xval_t result;
	str value = {pv_get_buffer(), 0};
	uint32_t len;

	memset(&result, 0, sizeof(result));
	if (var_get(msg, name, value.s, (size_t)pv_get_buffer_size() - 1,
		    &len) < 0) {
		sr_kemi_xval_null(&result, mode);
		return &result;
	}
	value.len = (int)len;
	value.s[len] = '\0';
	result.vtype = SR_KEMIP_STR;
	result.v.s = value;
	return &result;
}

static sr_kemi_xval_t *ki_var_get(sip_msg_t *msg, str *name)
{
	return var_mode(msg, name, SR_KEMI_XVAL_NULL_NONE);
}

static sr_kemi_xval_t *ki_var_gete(sip_msg_t *msg, str *name)
{
	return var_mode(msg, name, SR_KEMI_XVAL_NULL_EMPTY);
}

static sr_kemi_xval_t *ki_var_getw(sip_msg_t *msg, str *name)
{
	return var_mode(msg, name, SR_KEMI_XVAL_NULL_PRINT);
}

static int ki_var_is_null(sip_msg_t *msg, str *name)
{
	char byte;
	uint32_t len;
	int error = var_get(msg, name, &byte, sizeof(byte), &len);

	return error < 0 && error != PARLEY_E_SPACE ? 1 : -1;
}

/* The languages of 5.6 take a text only from functions of up to three
 * parameters: here the result goes into a variable. */
/* NOLINTNEXTLINE(readability-function-size): Kamailio has it so. */
static int ki_get_var_to(sip_msg_t *msg, str *callid, str *ftag, str *ttag,
			 str *name, str *target)
{
	const struct op_call call = {*callid, *ftag, *ttag};
	pv_spec_t *spec = pv_cache_get(target);

	if (!spec) {
		log_limited(LOG_CAUSE_SCRIPT, L_ERR,
			    "dlg_get_var_to(): %.*s is no variable\n",
			    target->len, target->s);
		return -1;
	}
	return op_get_var(msg, &call, name, spec);
}

static sr_kemi_xval_t *ki_get_var(sip_msg_t *msg, str *callid, str *ftag,
				  str *ttag, str *name)
{
	static sr_kemi_xval_t result;
	const struct op_call call = {*callid, *ftag, *ttag};

	(void)msg;
	memset(&result, 0, sizeof(result));
	if (op_var_of(&call, name, &result.v.s))
		result.vtype = SR_KEMIP_STR;
	else
		sr_kemi_xval_null(&result, SR_KEMI_XVAL_NULL_NONE);
	return &result;
}

/* NOLINTNEXTLINE(readability-function-size): Kamailio has it so. */
static int ki_set_var(sip_msg_t *msg, str *callid, str *ftag, str *ttag,
		      str *name, str *value)
{
	const struct op_call call = {*callid, *ftag, *ttag};

	(void)msg;
	return op_set_var(&call, name, value);
}

/* ---------------------------------------------------------------- table */

#define KEMI(name, type, function, ...)                                        \
	{                                                                      \
		{0}, STR_STATIC_INIT(name), type,                              \
			__extension__(void *)(function),                       \
		{                                                              \
			__VA_ARGS__                                            \
		}                                                              \
	}
#define S SR_KEMIP_STR
#define I SR_KEMIP_INT
#define NONE SR_KEMIP_NONE

/* clang-format off */
static const sr_kemi_t functions[] = {
	KEMI("dlg_manage", I, sip_manage, NONE),
	KEMI("create_dialog", I, ki_create, NONE),
	KEMI("create_dialog_flags", I, ki_create_flags, S),
	KEMI("dlg_on_answer", I, op_on_answer, S),
	KEMI("dlg_on_timeout", I, op_on_timeout, S),
	KEMI("dlg_on_hangup", I, op_on_hangup, S),
	KEMI("dlg_bye", I, ki_bye, S),
	KEMI("is_known_dlg", I, op_is_known, NONE),
	KEMI("dlg_set_timeout", I, op_set_timeout, I),
	KEMI("dlg_set_timeout_id", I, ki_set_timeout_id, I, I, I),
	KEMI("dlg_get", I, ki_get, S, S, S),
	KEMI("dlg_set_state", I, ki_set_state, S),
	KEMI("dlg_db_load_callid", I, ki_db_load_callid, S),
	KEMI("dlg_db_load_extra", I, ki_db_load_extra, NONE),
	KEMI("dlg_get_var", SR_KEMIP_XVAL, ki_get_var, S, S, S, S),
	KEMI("dlg_set_var", I, ki_set_var, S, S, S, S, S),
	KEMI("dlg_update_contact", I, op_update_contact, NONE),
	KEMI("dlg_update_socket", I, op_update_socket, NONE),
	KEMI("dlg_update_state", I, scripted_update, NONE),
	KEMI("dlg_bridge", I, ki_bridge, S, S, S),
	KEMI("dlg_refer_did", I, ki_refer_did, I, I, S, S),
	KEMI("dlg_refer_cid", I, ki_refer_cid, S, S, S),
	KEMI("dlg_req_within4", I, ki_request4, S, S, S, S),
	KEMI("set_dlg_profile_static", I, ki_set_profile_static, S),
	KEMI("set_dlg_profile", I, ki_set_profile, S, S),
	KEMI("set_dlg_profile_clear", I, ki_set_profile_only, S, S, I),
	KEMI("unset_dlg_profile_static", I, ki_unset_profile_static, S),
	KEMI("unset_dlg_profile", I, ki_unset_profile, S, S),
	KEMI("is_in_profile_static", I, ki_in_profile_static, S),
	KEMI("is_in_profile", I, ki_in_profile, S, S),
	KEMI("get_profile_size_static", I, ki_profile_size_static, S, S),
	KEMI("get_profile_size", I, ki_profile_size, S, S, S),
	KEMI("dlg_setflag", I, ki_setflag, I),
	KEMI("dlg_resetflag", I, ki_resetflag, I),
	KEMI("dlg_isflagset", I, ki_isflagset, I),
	KEMI("set_dlg_flag", I, ki_set_dlg_flag, I),
	KEMI("reset_dlg_flag", I, ki_reset_dlg_flag, I),
	KEMI("is_dlg_flag_set", I, ki_is_dlg_flag_set, I),
	KEMI("test_and_set_dlg_flag", I, value_flag_flip, I, I),
	KEMI("store_dlg_value", I, ki_store, S, S),
	KEMI("store_dlg_value_int", I, ki_store_int, S, I),
	KEMI("fetch_dlg_value", I, ki_fetch, S, S),
	KEMI("dlg_set_property", I, ki_set_property, S),
	KEMI("dlg_reset_property", I, ki_reset_property, S),
	KEMI("var_sets", I, ki_var_sets, S, S),
	KEMI("var_get", SR_KEMIP_XVAL, ki_var_get, S),
	KEMI("var_gete", SR_KEMIP_XVAL, ki_var_gete, S),
	KEMI("var_getw", SR_KEMIP_XVAL, ki_var_getw, S),
	KEMI("var_rm", I, ki_var_rm, S),
	KEMI("var_is_null", I, ki_var_is_null, S),
	/* not in the stock module */
	KEMI("load_dialog_ctx", I, ki_load1, S),
	KEMI("load_dialog_ctx2", I, ki_load2, S, S),
	KEMI("load_dialog_ctx3", I, ki_load3, S, S, I),
	KEMI("unload_dialog_ctx", I, op_unload, NONE),
	KEMI("get_dialogs_by_val", I, ki_by_val, S, S, S, S),
	KEMI("get_dialogs_by_profile", I, ki_by_profile, S, S, S, S),
	KEMI("get_dialogs_by_profile_static", I, ki_by_profile_static, S, S, S),
	KEMI("get_dialog_info", I, ki_info, S, S, S, S, S),
	KEMI("get_dialog_vals", I, ki_vals, S, S, S),
	KEMI("dlg_get_var_to", I, ki_get_var_to, S, S, S, S, S),
	KEMI("dlg_set_timeout_by_profile_static", I,
	     ki_timeout_by_profile_static, S, I),
	KEMI("dlg_set_timeout_by_profile", I, ki_timeout_by_profile, S, S, I),
	KEMI("dlg_remove_dialogs_from_node", I, ki_remove_dialogs, S),
	KEMI("dlg_remote_profile", I, ki_remote, S, S, S, S, I),
	KEMI("validate_dialog", I, op_validate, NONE),
	KEMI("fix_route_dialog", I, op_fix_route, NONE),
	KEMI("match_dialog", I, ki_match, NONE),
	KEMI("match_dialog_mode", I, ki_match_mode, S),
	KEMI("dlg_send_sequential", I, ki_sequential, S, S, S, S, S),
	KEMI("dlg_refer", I, ki_refer, S, S),
	KEMI("dlg_set_ruri", I, calls_set_ruri, NONE),
	KEMI("dlg_req_within2", I, ki_request2, S, S),
	KEMI("dlg_req_within3", I, ki_request3, S, S, S),
	KEMI("dlg_req_within5", I, ki_request5, S, S, S, S, S),
	KEMI("dlg_join_profile_static", I, ki_join_static, S, I),
	KEMI("dlg_join_profile", I, ki_join, S, S, I),
	KEMI("dlg_terminate_static", I, ki_terminate_static, S),
	KEMI("dlg_terminate", I, ki_terminate, S, S),
	{{0}, {0}, 0, NULL, {0}},
};
/* clang-format on */

int kemi_init(void)
{
	static const str names[] = {
		STR_STATIC_INIT("dialog"),
		STR_STATIC_INIT("ims_dialog"),
		STR_STATIC_INIT("dialog_ng"),
	};
	size_t count = sizeof(functions) / sizeof(functions[0]);

	/* Kamailio keeps the tables as long as it runs. */
	for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
		sr_kemi_t *table = pkg_malloc(sizeof(functions));

		if (!table) {
			LM_ERR("no memory for KSR.%s\n", names[n].s);
			return -1;
		}
		memcpy(table, functions, sizeof(functions));
		for (size_t i = 0; i + 1 < count; i++)
			table[i].mname = names[n];
		if (sr_kemi_modules_add(table) < 0)
			return -1;
	}
	return 0;
}
