/*
 * The pseudo-variables: $DLG_count, $DLG_status, $DLG_lifetime, $dlg(...),
 * $dlg_ctx(...) and $dlg_var(...).
 *
 * A value is copied into one of Kamailio's rotating buffers, as other modules
 * do: scripts put several of them into one expression.
 */
#include "core/pvar.h"
#include "core/pvapi.h"
#include "core/route.h"

#include "dialog_json.h"
#include "exports.h"
#include "ops.h"
#include "pv_call.h"
#include "pv_ctx.h"
#include "pv_ping.h"
#include "pv_values.h"
#include "reader.h"
#include "text.h"

int pv_copy(struct sip_msg *msg, pv_param_t *param, pv_value_t *res, str text)
{
	str copy = {pv_get_buffer(), text.len};

	if (text.len <= 0)
		return pv_get_null(msg, param, res);
	if (text.len >= pv_get_buffer_size()) {
		log_limited(LOG_CAUSE_PV, L_ERR,
			    "a value of %d bytes is longer than the core "
			    "setting pv_buffer_size\n",
			    text.len);
		return pv_get_null(msg, param, res);
	}
	memcpy(copy.s, text.s, (size_t)text.len);
	copy.s[copy.len] = '\0';
	return pv_get_strval(msg, param, res, &copy);
}

/* ------------------------------------------------- $DLG_count and so on */

static int get_count(struct sip_msg *msg, pv_param_t *param, pv_value_t *res)
{
	uint64_t active = 0;

	if (adapter.set.enable_stats)
		active = parley_count(adapter.engine, PARLEY_STATE_ANSWERED) +
			 parley_count(adapter.engine, PARLEY_STATE_CONFIRMED);
	return pv_get_uintval(msg, param, res, (unsigned int)active);
}

/* What the message's own match has said; of a dialog that was loaded, what it
 * is now. False: there is none. */
static bool get_match(struct sip_msg *msg, uint8_t *state, uint32_t *start_s)
{
	const struct ctx *ctx = ctx_of(msg);
	struct parley_view view;
	struct parley_id id;

	if (!ctx->loaded) {
		*state = ctx->match.next_state;
		*start_s = ctx->match.start_s;
		return ctx->in_dialog;
	}
	if (!ctx_dialog(msg, &id) ||
	    reader_read(reader_of_process(), id, &view) < 0)
		return false;
	*state = view.state;
	*start_s = view.start_s;
	return true;
}

static int get_status(struct sip_msg *msg, pv_param_t *param, pv_value_t *res)
{
	uint32_t start;
	uint8_t state;

	if (!get_match(msg, &state, &start))
		return pv_get_null(msg, param, res);
	return pv_get_uintval(msg, param, res, state);
}

static int get_lifetime(struct sip_msg *msg, pv_param_t *param, pv_value_t *res)
{
	uint32_t now = host_now().unix_s, start;
	uint8_t state;

	if (!get_match(msg, &state, &start))
		return pv_get_null(msg, param, res);
	return pv_get_uintval(msg, param, res,
			      start && now > start ? now - start : 0);
}

/* ------------------------------------------------------------- $dlg(key) */

enum dlg_key {
	KEY_REF,
	KEY_H_ID,
	KEY_H_ENTRY,
	KEY_STATE,
	KEY_DFLAGS,
	KEY_SFLAGS,
	KEY_LIFETIME,
	KEY_START_TS,
	KEY_INIT_TS,
	KEY_END_TS,
	KEY_END_CODE,
	KEY_IFLAGS,
	KEY_TIMEOUT_LEFT,
	KEY_TOROUTE,
	KEY_CALLID,
	KEY_FROM_URI,
	KEY_TO_URI,
	KEY_REQ_URI,
	KEY_END_REASON,
	KEY_FROM_TAG,
	KEY_TO_TAG,
	KEY_FROM_CSEQ,
	KEY_TO_CSEQ,
	KEY_FROM_RS,
	KEY_TO_RS,
	KEY_FROM_CONTACT,
	KEY_TO_CONTACT,
	KEY_FROM_BINDADDR,
	KEY_TO_BINDADDR,
	DLG_KEYS
};

static const char *const dlg_keys[DLG_KEYS] = {
	[KEY_REF] = "ref",
	[KEY_H_ID] = "h_id",
	[KEY_H_ENTRY] = "h_entry",
	[KEY_STATE] = "state",
	[KEY_DFLAGS] = "dflags",
	[KEY_SFLAGS] = "sflags",
	[KEY_LIFETIME] = "lifetime",
	[KEY_START_TS] = "start_ts",
	[KEY_INIT_TS] = "init_ts",
	[KEY_END_TS] = "end_ts",
	[KEY_END_CODE] = "end_code",
	[KEY_IFLAGS] = "iflags",
	[KEY_TIMEOUT_LEFT] = "timeout_left",
	[KEY_TOROUTE] = "toroute",
	[KEY_CALLID] = "callid",
	[KEY_FROM_URI] = "from_uri",
	[KEY_TO_URI] = "to_uri",
	[KEY_REQ_URI] = "req_uri",
	[KEY_END_REASON] = "end_reason",
	[KEY_FROM_TAG] = "from_tag",
	[KEY_TO_TAG] = "to_tag",
	[KEY_FROM_CSEQ] = "from_cseq",
	[KEY_TO_CSEQ] = "to_cseq",
	[KEY_FROM_RS] = "from_rs",
	[KEY_TO_RS] = "to_rs",
	[KEY_FROM_CONTACT] = "from_contact",
	[KEY_TO_CONTACT] = "to_contact",
	[KEY_FROM_BINDADDR] = "from_bindaddr",
	[KEY_TO_BINDADDR] = "to_bindaddr",
};

int pv_parse_key(pv_spec_p spec, const str *in, const char *const *keys,
		 int count)
{
	for (int i = 0; i < count; i++) {
		if (!text_is(to_parley(in), keys[i]))
			continue;
		spec->pvp.pvn.type = PV_NAME_INTSTR;
		spec->pvp.pvn.u.isname.type = 0;
		spec->pvp.pvn.u.isname.name.n = i;
		return 0;
	}
	LM_ERR("no pseudo-variable has the key \"%.*s\"\n", in->len, in->s);
	return -1;
}

static int parse_dlg(pv_spec_p spec, str *in)
{
	return pv_parse_key(spec, in, dlg_keys, DLG_KEYS);
}

static int get_dlg_number(const struct parley_view *view, enum dlg_key key)
{
	switch (key) {
	case KEY_REF:
		return reader_refs(view);
	case KEY_H_ID:
		return (int)view->id.id;
	case KEY_H_ENTRY:
		return (int)view->id.entry;
	case KEY_STATE:
		return view->state;
	case KEY_DFLAGS:
		return reader_dflags(view);
	case KEY_SFLAGS:
		return (int)view->flags;
	case KEY_LIFETIME:
		return (int)view->lifetime_s;
	case KEY_START_TS:
		return (int)view->start_s;
	case KEY_INIT_TS:
		return (int)view->init_s;
	case KEY_END_TS:
		return (int)view->end_s;
	case KEY_END_CODE:
		return view->end_code;
	case KEY_IFLAGS:
		return (int)view->options;
	case KEY_TIMEOUT_LEFT:
		return view->timer_armed ? (int)view->left_s : 0;
	default:
		return pv_route(view->timeout_route);
	}
}

/* What a leg has; empty if there is no such leg. */
static str get_dlg_leg(const struct parley_leg_view *leg, enum dlg_key key)
{
	if (!leg)
		return (str){0};
	switch (key) {
	case KEY_FROM_TAG:
	case KEY_TO_TAG:
		return to_str(leg->tag);
	case KEY_FROM_CSEQ:
	case KEY_TO_CSEQ:
		return reader_cseq(leg);
	case KEY_FROM_RS:
	case KEY_TO_RS:
		return to_str(leg->route_set);
	case KEY_FROM_CONTACT:
	case KEY_TO_CONTACT:
		return to_str(leg->contact);
	default:
		return reader_socket(leg->socket);
	}
}

static str get_dlg_text(const struct parley_view *view, enum dlg_key key)
{
	switch (key) {
	case KEY_CALLID:
		return to_str(view->callid);
	case KEY_FROM_URI:
		return to_str(view->from_uri);
	case KEY_TO_URI:
		return to_str(view->to_uri);
	case KEY_REQ_URI:
		return to_str(view->req_uri);
	case KEY_END_REASON:
		return to_str(view->end_reason);
	case KEY_FROM_TAG:
	case KEY_FROM_CSEQ:
	case KEY_FROM_RS:
	case KEY_FROM_CONTACT:
	case KEY_FROM_BINDADDR:
		return get_dlg_leg(&view->caller, key);
	default:
		return get_dlg_leg(reader_callee(view), key);
	}
}

static int get_dlg(struct sip_msg *msg, pv_param_t *param, pv_value_t *res)
{
	enum dlg_key key = (enum dlg_key)param->pvn.u.isname.name.n;
	struct parley_view view;
	struct parley_id id;

	if (!ctx_dialog(msg, &id) ||
	    reader_read(reader_of_process(), id, &view) < 0)
		return pv_get_null(msg, param, res);
	if (key == KEY_TOROUTE)
		return pv_get_sintval(msg, param, res,
				      get_dlg_number(&view, key));
	if (key < KEY_TOROUTE)
		return pv_get_uintval(msg, param, res,
				      (unsigned int)get_dlg_number(&view, key));
	return pv_copy(msg, param, res, get_dlg_text(&view, key));
}

/* -------------------------------------------------------- $dlg_var(name) */

static int parse_var(pv_spec_p spec, str *in)
{
	if (!in->s || in->len <= 0)
		return -1;
	spec->pvp.pvn.type = PV_NAME_INTSTR;
	spec->pvp.pvn.u.isname.type = AVP_NAME_STR;
	spec->pvp.pvn.u.isname.name.s = *in;
	return 0;
}

static int get_var(struct sip_msg *msg, pv_param_t *param, pv_value_t *res)
{
	str value = {pv_get_buffer(), 0};
	size_t size = (size_t)pv_get_buffer_size() - 1;
	uint32_t len = 0;
	int error;

	error = var_get(msg, &param->pvn.u.isname.name.s, value.s, size, &len);
	if (error == PARLEY_E_SPACE)
		log_limited(LOG_CAUSE_PV, L_ERR,
			    "$dlg_var(%.*s) has %u bytes, more than the core "
			    "setting pv_buffer_size\n",
			    param->pvn.u.isname.name.s.len,
			    param->pvn.u.isname.name.s.s, len);
	if (error < 0)
		return pv_get_null(msg, param, res);
	value.len = (int)len;
	value.s[len] = '\0';
	return pv_get_strval(msg, param, res, &value);
}

static int set_var(struct sip_msg *msg, pv_param_t *param, int op,
		   pv_value_t *value)
{
	const str *key = &param->pvn.u.isname.name.s;
	int error;

	(void)op;
	if (!value ||
	    (value->flags & (PV_VAL_NONE | PV_VAL_NULL | PV_VAL_EMPTY))) {
		error = var_set(msg, key, NULL);
	} else if (value->flags & PV_VAL_STR) {
		error = var_set(msg, key, &value->rs);
	} else {
		log_limited(LOG_CAUSE_PV, L_ERR,
			    "$dlg_var(%.*s) takes text, not a number: use "
			    "$_s(...)\n",
			    key->len, key->s);
		return -1;
	}
	if (error < 0)
		log_limited(LOG_CAUSE_PV, L_ERR, "$dlg_var(%.*s): %s\n",
			    key->len, key->s, parley_error_text(error));
	return error < 0 ? -1 : 0;
}

/* ------------------------------------------ $DLG_json and $DLG_ctx_json */

/* A buffer for each: the text may be longer than Kamailio's have room for. */
static int get_json(struct sip_msg *msg, pv_param_t *param, pv_value_t *res,
		    bool context)
{
	static struct reader buffers[2];
	struct parley_view view;
	struct parley_id id;
	str text;

	if (!ctx_dialog(msg, &id) ||
	    reader_read(reader_of_process(), id, &view) < 0)
		return pv_get_null(msg, param, res);
	text = dialog_json(&buffers[context], &view, context);
	return text.s ? pv_get_strval(msg, param, res, &text)
		      : pv_get_null(msg, param, res);
}

static int get_short_json(struct sip_msg *msg, pv_param_t *param,
			  pv_value_t *res)
{
	return get_json(msg, param, res, false);
}

static int get_ctx_json(struct sip_msg *msg, pv_param_t *param, pv_value_t *res)
{
	return get_json(msg, param, res, true);
}

/* clang-format off */
pv_export_t adapter_pvs[] = {
	{STR_STATIC_INIT("DLG_json"), PVT_OTHER, get_short_json, NULL, NULL,
	 NULL, NULL, 0},
	{STR_STATIC_INIT("DLG_ctx_json"), PVT_OTHER, get_ctx_json, NULL, NULL,
	 NULL, NULL, 0},
	{STR_STATIC_INIT("DLG_count"), PVT_OTHER, get_count, NULL, NULL, NULL,
	 NULL, 0},
	{STR_STATIC_INIT("DLG_status"), PVT_OTHER, get_status, NULL, NULL,
	 NULL, NULL, 0},
	{STR_STATIC_INIT("DLG_lifetime"), PVT_OTHER, get_lifetime, NULL, NULL,
	 NULL, NULL, 0},
	{STR_STATIC_INIT("DLG_options_ping_interval"), PVT_OTHER,
	 pv_options_interval_get, pv_options_interval_set, NULL, NULL, NULL, 0},
	{STR_STATIC_INIT("DLG_reinvite_ping_interval"), PVT_OTHER,
	 pv_reinvite_interval_get, pv_reinvite_interval_set, NULL, NULL, NULL,
	 0},
	{STR_STATIC_INIT("DLG_flags"), PVT_OTHER, pv_flags_get, pv_flags_set,
	 NULL, NULL, NULL, 0},
	{STR_STATIC_INIT("DLG_dir"), PVT_OTHER, pv_dir_get, NULL, NULL, NULL,
	 NULL, 0},
	{STR_STATIC_INIT("DLG_did"), PVT_OTHER, pv_did_get, NULL, NULL, NULL,
	 NULL, 0},
	{STR_STATIC_INIT("dlg_val"), PVT_OTHER, pv_val_get, pv_val_set,
	 pv_val_parse, NULL, NULL, 0},
	{STR_STATIC_INIT("DLG_timeout"), PVT_OTHER, pv_get_timeout,
	 pv_set_timeout, NULL, NULL, NULL, 0},
	{STR_STATIC_INIT("DLG_del_delay"), PVT_OTHER, pv_get_del_delay,
	 pv_set_del_delay, NULL, NULL, pv_init_del_delay, 0},
	{STR_STATIC_INIT("DLG_end_reason"), PVT_OTHER, pv_get_end_reason, NULL,
	 NULL, NULL, NULL, 0},
	{STR_STATIC_INIT("dlg"), PVT_OTHER, get_dlg, NULL, parse_dlg, NULL,
	 NULL, 0},
	{STR_STATIC_INIT("dlg_ctx"), PVT_OTHER, pv_ctx_get, pv_ctx_set,
	 pv_ctx_parse, NULL, NULL, 0},
	{STR_STATIC_INIT("dlg_var"), PVT_OTHER, get_var, set_var, parse_var,
	 NULL, NULL, 0},
	{{0}, 0, NULL, NULL, NULL, NULL, NULL, 0},
};
/* clang-format on */
