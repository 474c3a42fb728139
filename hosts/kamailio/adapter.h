/*
 * adapter.h - what the parts of the Kamailio adapter share
 *
 * What:    the one mutable struct of the module (settings, bound APIs, the
 *          engine), the context of the message in hand, and the steps that
 *          the script functions and RPC commands call.
 * Owns:    `adapter` belongs to mod.c; it is filled before the fork and read
 *          only afterwards. The context is process-local.
 * Locking: none. What processes share is in the engine, or atomics of host.c.
 * Why:     rules about dialogs live in src/; here are only translations.
 */
#ifndef ADAPTER_H
#define ADAPTER_H

#include "compat.h"
#include "host.h"
#include "log.h"
#include "parley.h"
#include "settings.h"

/* ------------------------------------------------ the module (mod.c) */

struct adapter {
	struct adapter_settings set;
	const char *name; /* dialog, ims_dialog or dialog_ng */
	struct parley *engine;
	bool script_is_read; /* its fixups have run; those of parameters without
			      * quotes run for each message */
	bool answered_is_told; /* somebody subscribed to 2xx of calls */
	bool has_modules;      /* one has called load_dlg() or
				* load_parley() (capi_common.h) */
	bool validates;	       /* the script may call validate_dialog() */
	struct tm_binds tm;
	struct rr_binds rr;
};
extern struct adapter adapter;

static inline struct parley_str to_parley(const str *s)
{
	return (struct parley_str){s->s, s->len > 0 ? (uint32_t)s->len : 0};
}

/* Casts away const: Kamailio's str has no const variant. */
static inline str to_str(struct parley_str s)
{
	union {
		const char *in;
		char *out;
	} u = {.in = s.s};
	return (str){u.out, (int)s.len};
}

/* ------------------------------------------------ parameters (params.c) */

/* What can only be judged when all of them are known. 0 or -1. */
int params_check(void);
int params_db_check(void); /* params_db.c */
/* What can only be judged when tm has read its own. */
void params_check_tm(void);
/* The engine's settings from ours. */
void params_config(struct parley_config *config);

/* ------------------------------------------------ the message (ctx.c) */

/* A setting of a variable before the dialog exists. */
struct pending_var {
	struct pending_var *next;
	str key, value;
};

/* What the script has said and found for one message. Process-local. The few
 * messages that can be in hand at once (a reply route inside of a request
 * route, an event route inside of both) have one each. */
struct ctx {
	unsigned int msg_id; /* with msg_pid and buf: whose context it is */
	int msg_pid;
	const char *buf;
	struct sip_msg *msg; /* valid while its script runs */
	bool used;	     /* anything below is meaningful */
	bool adopt;	     /* the next message that is new takes it */
	uint32_t stamp;	     /* when it was last asked for */

	struct parley_id id;	 /* its own dialog; {0,0}: none */
	bool got;		 /* dlg_get() was called since */
	struct parley_id got_id; /* what it found; {0,0}: nothing */
	bool loaded;		 /* load_dialog_ctx(), and no unload yet */
	struct {
		bool got;
		struct parley_id got_id;
		enum parley_direction dir;
	} before;		   /* valid with loaded: what comes back */
	bool in_dialog;		   /* set by a match of this very message:
				    * $DLG_status, $DLG_lifetime have values */
	struct parley_match match; /* valid with in_dialog */
	enum parley_direction dir; /* also set by dlg_get() */

	/* sip_in.c and sip_within.c */
	bool created;  /* the dialog was made from this message */
	bool pending;  /* the request was matched and not committed yet */
	bool late;     /* it was not, but may be of a call to be loaded */
	bool judged;   /* by validate_dialog(), which has said `verdict` */
	bool refused;  /* by it, and not repaired since */
	bool repaired; /* by fix_route_dialog() */
	int verdict;
	struct parley_note note; /* of CREATED or SPIRALED, not delivered yet */

	/* before the dialog exists */
	uint32_t flags;
	uint32_t options; /* PARLEY_OPT_, but for timeout_bye */
	int on, timeout, timeout_bye;
	uint8_t old_state, new_state; /* in event_route[dialog:state-changed] */
	int timeout_route;
	char timeout_route_name[32];
	struct parley_member *members;
	struct pending_var *vars; /* list in pkg memory */
};

/* The context of @msg; an empty one if it has none yet. Never NULL. */
struct ctx *ctx_of(struct sip_msg *msg);
/* The same, about to be written to. */
struct ctx *ctx_pending(struct sip_msg *msg);
/* The same if there is one, else NULL. */
struct ctx *ctx_find(const struct sip_msg *msg);
/* The same for tm's copy of the request that is in hand. */
struct ctx *ctx_find_request(const struct sip_msg *request);

/* The current dialog of @msg: what dlg_get() has said, else the context's, else
 * the one of its transaction, else the one that its Call-ID and tags name.
 * False: none. */
bool ctx_dialog(struct sip_msg *msg, struct parley_id *id);

/* The same for what ends calls. On a CANCEL there is one only after dlg_get(),
 * or if dlg_ctxiuid_mode says so. */
bool ctx_can_act(struct sip_msg *msg, struct parley_id *id);

/* Makes @match the message's own dialog, and the current one. */
void ctx_set_dialog(struct sip_msg *msg, const struct parley_match *match);

/* dlg_get(): makes @match the current one, or none with NULL. Whose message it
 * is does not change. */
void ctx_get_dialog(struct sip_msg *msg, const struct parley_match *match);

/* The same without what dlg_get() and load_dialog_ctx() have said: the dialog
 * that the message belongs to. */
bool ctx_own_dialog(struct sip_msg *msg, struct parley_id *id);

/* load_dialog_ctx(): makes @id the current one until ctx_unload(). False: one
 * is loaded already. */
bool ctx_load(struct sip_msg *msg, struct parley_id id);
/* What was current before is so again, unless dlg_manage() has made the
 * message's own dialog current meanwhile. False: none was loaded. */
bool ctx_unload(struct ctx *ctx);
/* At the end of a script, which may have forgotten it. NULL is legal. */
void ctx_unload_forgotten(struct ctx *ctx);

/* Pending variables: value NULL deletes. 0 or PARLEY_E_MEMORY. */
int ctx_var_set(struct ctx *ctx, const str *key, const str *value);
const str *ctx_var_get(const struct ctx *ctx, const str *key);

/* Forgets everything (end of script; members are given back). NULL is legal. */
void ctx_clear(struct ctx *ctx);

/* Runs with @id as the current dialog of @msg (event and timeout routes).
 * @msg NULL: of the next message that this process makes itself, e.g. for
 * event_route[tm:local-request]. ctx_pop() goes back. */
void ctx_push(struct ctx *saved, struct sip_msg *msg, struct parley_id id);
void ctx_pop(const struct ctx *saved);

/* ------------------------------------------------ SIP in */

/* mod_init: rr, tm, sl and script callbacks. (sip_in.c) */
int sip_in_init(void);

/* dlg_manage(): 1, or -1 as the stock module returns. (sip_in.c) */
int sip_manage(struct sip_msg *msg);

/* create_dialog(): 1 if @msg has a dialog now, made or not by this, or -1. What
 * is there already gets @options in place of its own, but keeps those that the
 * function cannot name, and END_ON_RACE. NULL: as it is. (sip_in.c) */
int sip_create(struct sip_msg *msg, const uint32_t *options);

/* ------------------------------------------------ SIP out (sip_out.c) */

/* What subscribers get as parley_told.message. */
struct adapter_message {
	struct sip_msg *req;	   /* NULL: none at hand */
	struct sip_msg *rpl;	   /* NULL, FAKED_REPLY or a reply */
	struct sip_msg *own_bye;   /* answered, with req NULL; or NULL */
	struct sip_msg *own_reply; /* to that BYE, or NULL */
};

/* Runs what the engine asked for, then delivers the note. @msg is the request
 * in hand or NULL. @extra_hdrs: whole header lines for BYEs, or NULL. Returns
 * how many of the actions could not be carried out. */
int sip_run(struct sip_msg *msg, const struct parley_actions *actions,
	    const str *extra_hdrs);
/* The same for a reply: @rpl may be NULL or FAKED_REPLY. */
int sip_run_reply(struct sip_msg *req, struct sip_msg *rpl,
		  const struct parley_actions *actions);
/* The same for a BYE of ours that is done. Both messages may be NULL. */
int sip_run_own_bye(struct sip_msg *bye, struct sip_msg *reply,
		    const struct parley_actions *actions);

/* Feeds @event and runs what comes out with sip_run(), or with
 * sip_run_reply(). What parley_feed() has returned: below 0 nothing came out,
 * the event was late or out of place, and is counted. */
int sip_feed(struct sip_msg *msg, const struct parley_event *event);
int sip_feed_reply(struct sip_msg *req, struct sip_msg *rpl,
		   const struct parley_event *event);

/* Ends a dialog: feeds TERMINATE and runs what comes out. @reason may be
 * empty or NULL. 0, or PARLEY_E_NO_DIALOG, PARLEY_E_STATE, ... : not ended. */
int sip_terminate(struct sip_msg *msg, struct parley_id id,
		  enum parley_side side, const str *reason,
		  const str *extra_hdrs);
/* The same for one that nobody has answered: the caller gets a final reply with
 * @code. PARLEY_E_STATE: somebody has answered, or the caller hangs up. */
int sip_refuse(struct parley_id id, int code);
/* Why it was not ended, in words: a constant text. */
const char *sip_terminate_fault(struct parley_id id, enum parley_side side,
				int error);

/* ------------------------------------------------ processes (procs.c) */

int procs_init(void); /* mod_init: register them */
/* A pipe from processes that must not wait to one of ours; who else is started
 * does not inherit it. 0, or -1 and one line. */
int procs_pipe(int ends[2]);
int procs_child_init(int rank);
/* "dialog actions" runs them, in the order in which this process pushes them. A
 * process that does flushes now and then. Not before the fork. */
void procs_push(const struct parley_actions *actions);
/* The same: that a dialog was stored is told there, to who wants to know. */
void procs_push_saved(struct parley_id id);
void procs_flush(void);

#endif
