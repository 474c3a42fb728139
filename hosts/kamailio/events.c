/*
 * events.c - event_route[dialog:start|end|failed] and timeout routes
 *
 * The event routes are subscribers like any other, so they run exactly once
 * for each end of a call, in the order of the call's events.
 */
#include "core/action.h"
#include "core/fmsg.h"
#include "core/route.h"
#include "core/script_cb.h"

#include "adapter.h"

enum event_route { ROUTE_START, ROUTE_END, ROUTE_FAILED, ROUTES };

static int routes[ROUTES] = {-1, -1, -1};

/* A message that the script may work on: not one in shared memory. */
static bool workable(const struct sip_msg *msg)
{
	return msg && msg != FAKED_REPLY && !(msg->msg_flags & FL_SHM_CLONE);
}

static void run_route(struct sip_msg *msg, int route)
{
	struct run_act_ctx actions;
	int before = get_route_type();

	set_route_type(LOCAL_ROUTE);
	if (exec_pre_script_cb(msg, LOCAL_CB_TYPE) > 0) {
		init_run_actions_ctx(&actions);
		run_top_route(event_rt.rlist[route], msg, &actions);
		exec_post_script_cb(msg, LOCAL_CB_TYPE);
	}
	set_route_type(before);
}

static enum event_route route_of(enum parley_note_type type)
{
	if (type == PARLEY_NOTE_ANSWERED)
		return ROUTE_START;
	return type == PARLEY_NOTE_FAILED ? ROUTE_FAILED : ROUTE_END;
}

static void on_told(struct parley *engine, void *param,
		    const struct parley_told *told)
{
	const struct adapter_message *message = told->message;
	int route = routes[route_of(told->type)];
	struct sip_msg *msg = NULL;
	struct ctx saved;

	(void)engine;
	(void)param;
	if (route < 0)
		return;
	/* As in the stock module: the reply if there is one. */
	if (message && workable(message->rpl))
		msg = message->rpl;
	else if (message && !message->rpl && workable(message->req))
		msg = message->req;
	else
		msg = faked_msg_get_next();
	ctx_push(&saved, msg, told->id);
	run_route(msg, route);
	ctx_pop(&saved);
}

int events_init(void)
{
	static const struct {
		const char *name;
		uint32_t types;
	} known[ROUTES] = {
		[ROUTE_START] = {"dialog:start", PARLEY_NOTE_ANSWERED},
		[ROUTE_END] = {"dialog:end",
			       PARLEY_NOTE_TERMINATED | PARLEY_NOTE_EXPIRED},
		[ROUTE_FAILED] = {"dialog:failed", PARLEY_NOTE_FAILED},
	};
	uint32_t types = 0;

	for (int i = 0; i < ROUTES; i++) {
		str name = to_str((struct parley_str){
			known[i].name, (uint32_t)strlen(known[i].name)});
		int route = route_lookup(&event_rt, name.s);

		if (route < 0 || !event_rt.rlist[route])
			continue;
		routes[i] = route;
		types |= known[i].types;
	}
	adapter.answered_is_told = types & PARLEY_NOTE_ANSWERED;
	if (faked_msg_init() < 0)
		return -1;
	if (types != 0 &&
	    parley_subscribe_all(adapter.engine, types, on_told, NULL) < 0) {
		LM_ERR("cannot subscribe for the event routes\n");
		return -1;
	}
	return 0;
}

void events_timeout_route(struct parley_id id, int route)
{
	const struct parley_event event = {.type = PARLEY_EV_TIMEOUT_ROUTE_DONE,
					   .id = id};
	struct parley_actions actions;
	struct run_act_ctx context;
	struct sip_msg *msg = faked_msg_get_next();
	int before = get_route_type();
	struct ctx saved;

	if (route > 0 && route < main_rt.entries && main_rt.rlist[route] &&
	    exec_pre_script_cb(msg, REQUEST_CB_TYPE) > 0) {
		ctx_push(&saved, msg, id);
		set_route_type(REQUEST_ROUTE);
		init_run_actions_ctx(&context);
		run_top_route(main_rt.rlist[route], msg, &context);
		exec_post_script_cb(msg, REQUEST_CB_TYPE);
		set_route_type(before);
		ctx_pop(&saved);
	}
	if (parley_feed(adapter.engine, host_now(), &event, &actions) == 0)
		sip_run(NULL, &actions, NULL);
}
