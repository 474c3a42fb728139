/*
 * events.c - event_route[dialog:start|end|failed] and timeout routes
 *
 * The event routes are subscribers like any other, so they run exactly once
 * for each end of a call, in the order of the call's events. With
 * event_callback a function of a KEMI script takes the place of them all, and
 * of a timeout route that kamailio.cfg does not have.
 */
#include "core/action.h"
#include "core/fmsg.h"
#include "core/kemi.h"
#include "core/route.h"
#include "core/script_cb.h"

#include "call_routes.h"
#include "events.h"
#include "names.h"

enum event_route { ROUTE_START, ROUTE_END, ROUTE_FAILED, ROUTE_STATE, ROUTES };

static int routes[ROUTES] = {-1, -1, -1, -1};

static const char *const event_names[ROUTES] = {
	[ROUTE_START] = "dialog:start",
	[ROUTE_END] = "dialog:end",
	[ROUTE_FAILED] = "dialog:failed",
	[ROUTE_STATE] = "dialog:state-changed",
};

/* A message that the script may work on: not one in shared memory. */
static bool workable(const struct sip_msg *msg)
{
	return msg && msg != FAKED_REPLY && !(msg->msg_flags & FL_SHM_CLONE);
}

static bool has_callback(void)
{
	return adapter.set.event_callback.len > 0;
}

/* Calls the KEMI function with the name of the event. */
static void run_callback(struct sip_msg *msg, const char *event)
{
	sr_kemi_eng_t *engine = sr_kemi_eng_get();
	str name = to_str((struct parley_str){event, (uint32_t)strlen(event)});

	if (engine && sr_kemi_route(engine, msg, EVENT_ROUTE,
				    &adapter.set.event_callback, &name) < 0)
		log_limited(LOG_CAUSE_SCRIPT, L_ERR,
			    "event_callback: %s(\"%s\") failed\n",
			    adapter.set.event_callback.s, event);
}

/* Runs @route, or with NULL the KEMI function, and what comes after a script.
 */
static void run_script(struct sip_msg *msg, struct action *route,
		       const char *event, enum script_cb_type after)
{
	struct run_act_ctx context;

	if (route) {
		init_run_actions_ctx(&context);
		run_top_route(route, msg, &context);
	} else {
		run_callback(msg, event);
	}
	exec_post_script_cb(msg, after);
}

/* Whether anybody wants to hear of it: of each change of state a function that
 * knows the other events only must not. */
static bool is_wanted(enum event_route event)
{
	return routes[event] >= 0 ||
	       (has_callback() &&
		(event != ROUTE_STATE || adapter.set.event_states));
}

static void run_local(struct sip_msg *msg, struct action *route,
		      const char *name)
{
	int before = get_route_type();

	set_route_type(LOCAL_ROUTE);
	if (exec_pre_script_cb(msg, LOCAL_CB_TYPE) > 0)
		run_script(msg, route, name, LOCAL_CB_TYPE);
	set_route_type(before);
}

static void run_event(struct sip_msg *msg, enum event_route event)
{
	bool callback = has_callback() &&
			(event != ROUTE_STATE || adapter.set.event_states);

	run_local(msg, callback ? NULL : event_rt.rlist[routes[event]],
		  event_names[event]);
}

/* As in the stock module: the reply if there is one. */
static struct sip_msg *message_of(const struct parley_told *told)
{
	const struct adapter_message *message = told->message;

	if (message && workable(message->rpl))
		return message->rpl;
	if (message && !message->rpl && workable(message->req))
		return message->req;
	return faked_msg_get_next();
}

static enum event_route route_of(enum parley_note_type type)
{
	if (type == PARLEY_NOTE_ANSWERED)
		return ROUTE_START;
	if (type == PARLEY_NOTE_STATE)
		return ROUTE_STATE;
	return type == PARLEY_NOTE_FAILED ? ROUTE_FAILED : ROUTE_END;
}

static void on_told(struct parley *engine, void *param,
		    const struct parley_told *told)
{
	enum event_route event = route_of(told->type);
	struct sip_msg *msg;
	struct ctx saved;

	(void)engine;
	(void)param;
	if (!is_wanted(event))
		return;
	msg = message_of(told);
	ctx_push(&saved, msg, told->id);
	if (event == ROUTE_STATE) {
		ctx_pending(msg)->old_state = told->old_state;
		ctx_pending(msg)->new_state = told->new_state;
	}
	run_event(msg, event);
	ctx_pop(&saved);
}

int events_init(void)
{
	static const uint32_t known[ROUTES] = {
		[ROUTE_START] = PARLEY_NOTE_ANSWERED,
		[ROUTE_END] = PARLEY_NOTE_TERMINATED | PARLEY_NOTE_EXPIRED,
		[ROUTE_FAILED] = PARLEY_NOTE_FAILED,
		[ROUTE_STATE] = PARLEY_NOTE_STATE,
	};
	uint32_t types = 0;

	for (int i = 0; i < ROUTES; i++) {
		str name = to_str((struct parley_str){
			event_names[i], (uint32_t)strlen(event_names[i])});
		int route = route_lookup(&event_rt, name.s);

		if (route >= 0 && event_rt.rlist[route])
			routes[i] = route;
		if (is_wanted((enum event_route)i))
			types |= known[i];
	}
	if (has_callback() && !sr_kemi_eng_get())
		LM_WARN("event_callback=\"%s\": is never called, because "
			"there is no KEMI script (cfgengine)\n",
			adapter.set.event_callback.s);
	if (types & PARLEY_NOTE_ANSWERED)
		adapter.answered_is_told = true;
	if (faked_msg_init() < 0)
		return -1;
	if (types != 0 &&
	    parley_subscribe_all(adapter.engine, types, on_told, NULL) < 0) {
		LM_ERR("cannot subscribe for the event routes\n");
		return -1;
	}
	return call_routes_init();
}

/* A route of kamailio.cfg, or with event_callback a name of the script's own.
 */
static bool can_run(int route)
{
	if (route == ROUTE_BY_NAME)
		return has_callback();
	return route > 0 && route < main_rt.entries && main_rt.rlist[route];
}

int events_find_route(struct parley_str name)
{
	int route = names_find_route(name);

	return route == 0 && name.len > 0 && has_callback() ? ROUTE_BY_NAME
							    : route;
}

void events_call_route(const struct parley_told *told, const char *name)
{
	int route = events_find_route(
		(struct parley_str){name, (uint32_t)strlen(name)});
	struct sip_msg *msg;
	struct ctx saved;

	/* It comes from a database that another script has filled. */
	if (route == 0) {
		log_limited(LOG_CAUSE_SCRIPT, L_ERR,
			    "dialog %u.%u: there is no route[%s]\n",
			    told->id.entry, told->id.id, name);
		return;
	}
	msg = message_of(told);
	ctx_push(&saved, msg, told->id);
	run_local(msg, route == ROUTE_BY_NAME ? NULL : main_rt.rlist[route],
		  name);
	ctx_pop(&saved);
}

void events_timeout_route(struct parley_id id, int route)
{
	const struct parley_event event = {.type = PARLEY_EV_TIMEOUT_ROUTE_DONE,
					   .id = id};
	struct sip_msg *msg = faked_msg_get_next();
	int before = get_route_type();
	struct ctx saved;

	if (can_run(route) && exec_pre_script_cb(msg, REQUEST_CB_TYPE) > 0) {
		ctx_push(&saved, msg, id);
		set_route_type(REQUEST_ROUTE);
		run_script(msg,
			   route == ROUTE_BY_NAME ? NULL : main_rt.rlist[route],
			   "dialog:timeout", REQUEST_CB_TYPE);
		set_route_type(before);
		ctx_pop(&saved);
	}
	sip_feed(NULL, &event);
}
