/* See rpc_dialog.h. */
#include "dmq.h"
#include "rpc_dialog.h"
#include "capi.h"
#include "own_var.h"
#include "reader.h"

static int duration(const struct parley_view *view)
{
	uint32_t until = view->end_s ? view->end_s : host_now().unix_s;

	return view->start_s && until > view->start_s
		       ? (int)(until - view->start_s)
		       : 0;
}

static bool add_head(rpc_t *rpc, void *h, const struct parley_view *view)
{
	str callid = reader_text(view->callid);
	str from = reader_text(view->from_uri);
	str to = reader_text(view->to_uri);
	uint32_t timeout =
		view->timer_armed ? host_now().unix_s + view->left_s : 0;

	return rpc->struct_add(h, "dddSSSdddddddddd", "h_entry",
			       (int)view->id.entry, "h_id", (int)view->id.id,
			       "ref", reader_refs(view), "call-id", &callid,
			       "from_uri", &from, "to_uri", &to, "state",
			       (int)view->state, "start_ts", (int)view->start_s,
			       "init_ts", (int)view->init_s, "end_ts",
			       (int)view->end_s, "duration", duration(view),
			       "timeout", (int)timeout, "lifetime",
			       (int)view->lifetime_s, "dflags",
			       reader_dflags(view), "sflags", (int)view->flags,
			       "iflags", (int)view->options) >= 0;
}

static bool add_party_fields(rpc_t *rpc, void *h,
			     const struct parley_leg_view *leg)
{
	static const struct parley_leg_view none;
	const struct parley_leg_view *party = leg ? leg : &none;
	str tag = reader_text(party->tag);
	str contact = reader_text(party->contact);
	str cseq = leg ? reader_cseq(leg) : reader_text(none.tag);
	str route_set = reader_text(party->route_set);
	str socket = reader_socket(party->socket);

	return rpc->struct_add(h, "SSSSS", "tag", &tag, "contact", &contact,
			       "cseq", &cseq, "route_set", &route_set, "socket",
			       &socket) >= 0;
}

static bool add_party(rpc_t *rpc, void *h, const char *name,
		      const struct parley_leg_view *leg)
{
	void *party;

	return rpc->struct_add(h, "{", name, &party) >= 0 &&
	       add_party_fields(rpc, party, leg);
}

static bool add_profiles(rpc_t *rpc, void *h, const struct parley_view *view)
{
	void *list, *item;

	if (rpc->struct_add(h, "[", "profiles", &list) < 0)
		return false;
	for (uint32_t i = 0; i < view->profile_count; i++) {
		int profile = view->profiles[i].profile;
		char *name = reader_name(
			parley_profile_name(adapter.engine, profile));
		str value = reader_text(view->profiles[i].value);
		str text = {name, (int)strlen(name)};

		if (!parley_profile_has_value(adapter.engine, profile)) {
			if (rpc->array_add(list, "S", &text) < 0)
				return false;
		} else if (rpc->array_add(list, "{", &item) < 0 ||
			   rpc->struct_add(item, "S", name, &value) < 0) {
			return false;
		}
	}
	return true;
}

static bool add_variables(rpc_t *rpc, void *h, const struct parley_view *view)
{
	char key[PARLEY_VALUE_MAX + 1];
	void *list, *item;

	if (rpc->struct_add(h, "[", "variables", &list) < 0)
		return false;
	/* As in the stock module, an ended dialog shows none. */
	for (uint32_t i = 0;
	     view->state != PARLEY_STATE_DELETED && i < view->var_count; i++) {
		const struct parley_pair *var = &view->vars[i];
		str value = reader_text(var->value);

		if (var->key.len >= sizeof(key) || own_var_is(var->key))
			continue;
		memcpy(key, var->key.s, var->key.len);
		key[var->key.len] = '\0';
		if (rpc->array_add(list, "{", &item) < 0 ||
		    rpc->struct_add(item, "S", key, &value) < 0)
			return false;
	}
	return true;
}

static bool add_legs(rpc_t *rpc, void *h, const struct parley_view *view)
{
	void *list, *item;

	if (rpc->struct_add(h, "[", "legs", &list) < 0)
		return false;
	for (uint32_t i = 0; i < view->leg_count; i++) {
		const struct parley_leg_view *leg = &view->legs[i];
		const char *state = reader_leg_state(leg);

		if (rpc->array_add(list, "{", &item) < 0 ||
		    rpc->struct_add(item, "ds", "number", (int)leg->number,
				    "state", state) < 0 ||
		    !add_party_fields(rpc, item, leg))
			return false;
	}
	return true;
}

static bool add_owner(rpc_t *rpc, void *h, const struct parley_view *view)
{
	str owner = dmq_owner(view);

	return rpc->struct_add(h, "S", "owner", &owner) >= 0;
}

/* What the stock module does not show, after all that it does. */
static bool add_new(rpc_t *rpc, void *h, const struct parley_view *view)
{
	str req_uri = reader_text(view->req_uri);
	str route = reader_text(view->timeout_route_name);
	str reason = reader_text(view->end_reason);
	str ended = reader_ended(view);

	return rpc->struct_add(h, "SSddSS", "req_uri", &req_uri,
			       "timeout_route", &route, "ending",
			       view->ending ? 1 : 0, "end_code",
			       (int)view->end_code, "end_reason", &reason,
			       "ended", &ended) >= 0 &&
	       (!adapter.set.enable_dmq || add_owner(rpc, h, view)) &&
	       add_legs(rpc, h, view);
}

bool rpc_dialog_add(rpc_t *rpc, void *c, const struct parley_view *view,
		    bool context)
{
	void *h;

	if (rpc->add(c, "{", &h) < 0 || !add_head(rpc, h, view) ||
	    !add_party(rpc, h, "caller", &view->caller) ||
	    !add_party(rpc, h, "callee", reader_callee(view)) ||
	    !add_profiles(rpc, h, view) || !add_variables(rpc, h, view))
		return false;
	if (context)
		capi_rpc_context(rpc, c, h, view->id);
	return add_new(rpc, h, view);
}

static int brief_text(rpc_t *rpc, void *h, const char *name,
		      struct parley_str text)
{
	str value = reader_text(text);

	return rpc->struct_add(h, "S", name, &value);
}

static int brief_field(rpc_t *rpc, void *h, const struct parley_view *view,
		       char letter)
{
	const struct parley_leg_view *callee = reader_callee(view);

	switch (letter) {
	case 'f':
		return brief_text(rpc, h, "from_uri", view->from_uri);
	case 't':
		return brief_text(rpc, h, "to_uri", view->to_uri);
	case 'c':
		return brief_text(rpc, h, "call-id", view->callid);
	case 'F':
		return brief_text(rpc, h, "from_tag", view->caller.tag);
	case 'T':
		return brief_text(rpc, h, "to_tag",
				  callee ? callee->tag
					 : (struct parley_str){0});
	case 'I':
		return rpc->struct_add(h, "d", "init_ts", (int)view->init_s);
	case 'S':
		return rpc->struct_add(h, "d", "start_ts", (int)view->start_s);
	case 'E':
		return rpc->struct_add(h, "d", "end_ts", (int)view->end_s);
	default:
		return rpc->struct_add(h, "d", "state", (int)view->state);
	}
}

bool rpc_dialog_brief(rpc_t *rpc, void *c, const struct parley_view *view,
		      const str *letters)
{
	void *h;

	if (rpc->add(c, "{", &h) < 0 ||
	    rpc->struct_add(h, "dd", "h_entry", (int)view->id.entry, "h_id",
			    (int)view->id.id) < 0)
		return false;
	for (int i = 0; i < letters->len; i++)
		if (brief_field(rpc, h, view, letters->s[i]) < 0)
			return false;
	return true;
}
