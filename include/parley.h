/*
 * parley.h - dialog awareness for SIP proxies: the engine's public interface
 *
 * What:    One engine follows every call through a proxy: a dialog per initial
 *          INVITE (Call-ID, From-tag), one callee leg per To-tag (RFC 3261 12),
 *          its state, lifetime, profiles, variables and flags. Events go in
 *          through parley_feed(), actions come out; the host runs them.
 * Owns:    everything below struct parley; all of it comes from host->alloc.
 *          Strings passed in are copied, strings passed out are copies in the
 *          caller's buffer. No bare pointer into the engine ever leaves it.
 * Time:    an argument (struct parley_now). The engine reads no clock.
 * Locking: inside. One lock per shard, one per profile shard, one for the
 *          journal, one for memory, all through host->lock(). A shard lock and
 *          a profile lock are never held together, nor two of one kind; the
 *          last two are leaves. No lock is held while a subscriber runs or an
 *          action is executed, so both may call back into the engine.
 * Always:  parley_check() holds between any two calls.
 * Errors:  0 or a negative PARLEY_E_ code. Output arguments are written only
 *          on success unless their description says otherwise.
 * Why:     ARCHITECTURE.md.
 */
#ifndef PARLEY_H
#define PARLEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PARLEY_MUST_CHECK __attribute__((warn_unused_result))

/* ------------------------------------------------------------- values */

/* Text of a known length; @s may be NULL when @len is 0; not terminated. */
struct parley_str {
	const char *s;
	uint32_t len;
};

/* h_entry.h_id as users know it from RPC and from the Record-Route cookie.
 * entry is below hash_size, or was when the dialog was made (parley_import());
 * id is 1 to 2^31-1. {0, 0} names no dialog. */
struct parley_id {
	uint32_t entry;
	uint32_t id;
};

/* Two clocks that must not be mixed: @ms is monotonic, in milliseconds, and
 * drives all timers; @unix_s is the wall clock in seconds and is only shown. */
struct parley_now {
	uint64_t ms;
	uint32_t unix_s;
};

enum parley_error {
	PARLEY_OK = 0,
	PARLEY_E_MEMORY = -1,	/* the host has no memory left */
	PARLEY_E_ARGUMENT = -2, /* an argument is outside what is allowed */
	PARLEY_E_NO_DIALOG = -3,
	PARLEY_E_NO_LEG = -4, /* the dialog is there, no leg has this tag */
	PARLEY_E_STATE = -5,  /* not possible in the dialog's state */
	PARLEY_E_FULL = -6,   /* limit reached */
	PARLEY_E_NO_PROFILE = -7,
	PARLEY_E_NO_VALUE = -8,	 /* a profile with values needs a value */
	PARLEY_E_ABSENT = -9,	 /* no such membership, variable, ... */
	PARLEY_E_SPACE = -10,	 /* the caller's buffer is too small */
	PARLEY_E_CONFLICT = -11, /* another call has this identity */
	PARLEY_E_OLD = -12,	 /* what is known here is newer */
};

/* Constant English text for a code, for log lines and faults. */
const char *parley_error_text(int error);

/* States as users see them. Their order is part of the interface. */
enum parley_state {
	PARLEY_STATE_NONE = 0,	      /* before creation; never stored */
	PARLEY_STATE_UNCONFIRMED = 1, /* INVITE seen */
	PARLEY_STATE_EARLY = 2,	      /* 1xx with or without To-tag relayed */
	PARLEY_STATE_ANSWERED = 3,    /* 2xx relayed, no ACK seen yet */
	PARLEY_STATE_CONFIRMED = 4,   /* ACK seen */
	PARLEY_STATE_DELETED = 5,     /* ended; kept for late messages */
	PARLEY_STATES
};

/* A leg has a state of its own. */
enum parley_leg_state {
	PARLEY_LEG_EARLY = 1,
	PARLEY_LEG_ANSWERED,
	PARLEY_LEG_CONFIRMED,
	PARLEY_LEG_ENDED,
};

enum parley_direction {
	PARLEY_DIR_NONE = 0,
	PARLEY_DIR_DOWNSTREAM = 1, /* from the caller */
	PARLEY_DIR_UPSTREAM = 2,   /* from a callee */
};

/* ------------------------------------------------------------- the host */

#define PARLEY_HOST_VERSION 1

struct parley_shown;

enum parley_log_level {
	PARLEY_LOG_ERROR,
	PARLEY_LOG_WARNING,
	PARLEY_LOG_INFO,
};

/* Everything the engine needs from outside. Filled once, before
 * parley_create(), and never changed. New fields go at the end. All of it
 * must be valid in every process that uses the engine. */
struct parley_host {
	uint32_t version; /* PARLEY_HOST_VERSION */
	void *self;	  /* passed back as the first argument */

	/* Memory shared by all processes that use the engine, aligned as
	 * malloc() aligns; NULL when there is none. Called with locks held. */
	void *(*alloc)(void *self, size_t size);
	void (*free)(void *self, void *ptr);

	/* Lock number @index, 0 to parley_locks() - 1; not recursive. */
	void (*lock)(void *self, uint32_t index);
	void (*unlock)(void *self, uint32_t index);

	/* Unguessable; used for identities and hash keys. */
	uint64_t (*random)(void *self);

	/* The hash that gives h_entry from a Call-ID (before the modulo). It
	 * decides only the identity; look-ups use a keyed hash of our own. */
	uint32_t (*hash)(void *self, struct parley_str callid);

	/* Text without line end. Never called with a lock held. */
	void (*log)(void *self, enum parley_log_level level, const char *text);

	/* Let others run for about a millisecond; used only while a subscriber
	 * waits for its turn. Returns false when it may not wait. */
	bool (*pause)(void *self);

	/* Writes what is shown into the host's area of a dialog; see
	 * parley_set_area(). Called with the shard's lock held, so it must not
	 * call the engine. May be NULL. */
	void (*show)(void *self, void *area, const struct parley_shown *shown);

	/* What outlives the processes has names in place of sockets and routes
	 * (parley_store.h). Text that stays valid, empty for NULL; and the
	 * socket or the timeout route with that name, NULL or 0 if there is
	 * none. Called with locks held. Needed with a store only. */
	struct parley_str (*socket_text)(void *self, void *socket);
	void *(*socket_find)(void *self, struct parley_str text);
	int32_t (*route_find)(void *self, struct parley_str name);
};

/* ------------------------------------------------------------- set-up */

enum parley_limits {
	PARLEY_PROFILE_NAME_MAX = 64,
	PARLEY_PROFILES_MAX = 256,
	PARLEY_PROFILE_BITS_MAX = 20,
	PARLEY_LEGS_MAX = 32,	  /* per dialog; further To-tags are counted */
	PARLEY_BRANCHES_MAX = 32, /* of an INVITE that are told apart */
	PARLEY_SUBSCRIBERS_MAX = 64, /* global ones */
	PARLEY_HANDLERS_MAX = 128,   /* of subscriptions to one dialog */
	PARLEY_AREA_MAX = 4096,	     /* of the host, per dialog */
	PARLEY_STR_MAX = 65535,	     /* any single text */
	PARLEY_VALUE_MAX = 4096,     /* profile value, variable key */
	PARLEY_REASON_MAX = 1024,    /* kept of why a call has ended */
	PARLEY_HASH_SIZE_MAX = 1 << 24,
};

struct parley_profile_config {
	const char *name; /* copied */
	bool has_value;
};

/* parley_config_default() fills it; a field of 0 means its default only where
 * that is said. Durations are in the unit that the name ends in. */
struct parley_config {
	uint32_t hash_size;   /* power of two; number of h_entry values */
	uint32_t shards;      /* power of two, at most hash_size; 0: 64 */
	uint32_t piece_bytes; /* memory taken from the host at once; 0: every
			       * block by itself, so that tests can refuse it */
	uint32_t h_id_start;  /* h_id modulo h_id_step is this */
	uint32_t h_id_step;   /* at least 1 */

	uint32_t lifetime_s;	   /* default_timeout; above 0 */
	uint32_t early_timeout_s;  /* 0: never */
	uint32_t noack_timeout_s;  /* 0: never */
	uint32_t noack_lifetime_s; /* lifetime that noack_timeout sets: 10 */
	uint32_t end_timeout_s;	   /* 0: at once */
	uint32_t delete_delay_s;   /* of ended ones; see parley_set_delay() */
	uint32_t race_timeout_s;   /* see PARLEY_OPT_END_ON_RACE: 5 */
	uint32_t ack_wait_ms;	   /* 64*T1 of RFC 3261 17: 32000 */
	uint32_t callback_wait_ms; /* longest wait for a turn: 200 */
	bool timeout_noreset;	   /* in-dialog requests leave the lifetime */
	bool bye_on_timeout;	   /* for every dialog (send_bye) */
	bool bye_on_timeout_up;	   /* for every dialog in state 4 */
	bool wait_ack;		   /* keep a failed dialog until RELEASE */
	bool end_at_early_timeout; /* terminate instead of forget */
	bool track_cseq; /* requests of ours take a number of their own: those
			  * of the party that we speak for go up by one */
	uint16_t end_early_code; /* final reply then: 480 */
	bool replicate;		 /* other nodes have copies: see "images" */
	uint16_t node;		 /* a number for this node among them */

	/* Keep-alives of confirmed calls with PARLEY_OPT_KA_ options. The first
	 * is due an interval after ACK or option, plus the dialog's own part of
	 * the spread, the others each interval after it: what was answered or
	 * loaded in one second must not be asked in one. */
	uint32_t ping_interval_ms; /* 0: none */
	uint32_t ping_spread_ms;
	uint32_t ping_failed_limit;	 /* in a row, of one party; 0 means 1 */
	uint32_t ping_failed_lifetime_s; /* what is left to the call then: 10 */
	/* Pings of confirmed calls with PARLEY_OPT_PING_ or _REINVITE_ options.
	 * The first is due a second after ACK or option, plus the dialog's own
	 * part of an interval, the others each interval after it. */
	uint32_t options_interval_s;  /* unless the dialog has its own: 30 */
	uint32_t reinvite_interval_s; /* the same: 300 */
	uint32_t ping_lost_limit;     /* in a row, of one party: 1 to 100 */
	/* A caller's socket of NULL means that the call is another host's. Its
	 * lifetime then ends nothing and begins anew, and a party whose own
	 * socket is NULL gets no keep-alives. */
	bool local_only;

	const struct parley_profile_config *profiles; /* copied */
	uint32_t profile_count;
	/* Their table begins with 2^n entries, 128 at least, and grows with
	 * what is in it; up to PARLEY_PROFILE_BITS_MAX. */
	uint32_t profile_bits;
};

struct parley; /* the engine */

void parley_config_default(struct parley_config *config);

/* Names what is wrong with @config, or NULL. The text is constant. */
const char *parley_config_fault(const struct parley_config *config);

/* Number of locks that the host must provide for @config. */
uint32_t parley_locks(const struct parley_config *config);

/* @host is copied; @host->self must outlive the engine. Locks must be ready. */
PARLEY_MUST_CHECK int parley_create(const struct parley_host *host,
				    const struct parley_config *config,
				    struct parley **enginep);

/* Frees everything, dialogs included, without running subscribers; takes time
 * that depends on the number of memory pieces, not of dialogs. Nobody else may
 * be inside. NULL is legal. */
void parley_destroy(struct parley *engine);

/* ------------------------------------------------------------- events */

/*
 * What a host tells the engine. Which fields of struct parley_event an event
 * reads is said in the comment; the others are ignored. "leg" means the To-tag
 * of a reply, or the callee's tag of an in-dialog request (`match` has found
 * it). Invalid combinations are PARLEY_E_ARGUMENT.
 */
enum parley_event_type {
	/* Initial INVITE: callid, from_tag, from_uri, to_uri, req_uri, cseq,
	 * contact, route_set, socket, create. -> a new id in actions. */
	PARLEY_EV_INVITE = 1,
	/* The same INVITE again with detect_spirals: id. */
	PARLEY_EV_SPIRAL,
	/* The script ended and no transaction was made for the INVITE: id. */
	PARLEY_EV_ABANDON,
	/* Replies to the INVITE, about to be relayed: id, to_tag, code, cseq,
	 * contact, route_set, socket; REPLY_1XX also branch. A 2xx of a call
	 * that is being ended gives ACT_ACK and ACT_BYE, and ACT_SWALLOW with
	 * can_swallow. The first 2xx of a call may bring caller_routes. */
	PARLEY_EV_REPLY_1XX,
	PARLEY_EV_REPLY_2XX,
	PARLEY_EV_REPLY_FAIL, /* final, 300 or above: id, code, reason */
	/* In-dialog requests, committed: id, dir, to_tag = the callee's tag,
	 * cseq, contact (target refresh, RFC 3261 12.2.1.2), socket,
	 * lifetime_s, hold. */
	PARLEY_EV_ACK,
	PARLEY_EV_BYE,
	PARLEY_EV_PRACK,
	PARLEY_EV_REINVITE,
	PARLEY_EV_UPDATE,
	PARLEY_EV_CANCEL,  /* from the caller */
	PARLEY_EV_REQUEST, /* any other method */
	/* Final or provisional reply to an in-dialog request, about to be
	 * relayed: id, dir (of the request), to_tag = the callee's tag, code,
	 * method (an event type above), contact, ours. */
	PARLEY_EV_REPLY_WITHIN,
	/* The host no longer holds the dialog (see hold): id. `invite` tells
	 * that it was the INVITE's transaction. */
	PARLEY_EV_RELEASE,
	/* Command: id, side, code and reason for the final reply and the Reason
	 * header, can_reply (the INVITE's transaction is at hand). When all
	 * sides are being ended already it is 0 and changes nothing: the first
	 * reason stays. */
	PARLEY_EV_TERMINATE,
	/* A BYE of ours got its final reply, timed out or could not be sent:
	 * id, leg (as in the action), dir, code (0: not sent). */
	PARLEY_EV_BYE_DONE,
	/* The lifetime of a call is over by decree of the host: id. */
	PARLEY_EV_EXPIRE,
	/* The timeout route of an action has run: id. Ends the call as its
	 * lifetime does, unless the route has given it a new lifetime. */
	PARLEY_EV_TIMEOUT_ROUTE_DONE,
	/* A keep-alive of ours got its final reply or timed out: id, leg, dir
	 * and ping (as in the action), code (0: not sent, which says nothing
	 * about the party). 408 and 481 are failures; any other reply shows
	 * that the party is there. When no leg that is up is left without too
	 * many of them, the call gets the lifetime ping_failed_lifetime_s,
	 * never a longer one than it has; with PING_OPTIONS and PING_REINVITE
	 * it is ended on both sides, as by TERMINATE, with the end_reason
	 * "Caller Ping Timeout", "Callee ReINVITE Ping Timeout", "Ping Timeout"
	 * (both), ... While the other party has still to answer, that is
	 * waited for, at most until the next ping. */
	PARLEY_EV_PING_DONE,
	/* The state by decree of a script or an administrator: id, state,
	 * to_tag (the callee who counts as having answered; empty: the first
	 * that rings). Nothing is sent and nobody is told, whatever it leads
	 * to. PARLEY_E_STATE: back to before the answer, back from 5, or
	 * anything but 5 while the call is being ended. PARLEY_E_NO_LEG: no
	 * callee has shown a tag. */
	PARLEY_EV_SET_STATE,
	/* A branch of the INVITE has got its final reply, 300 or above, and
	 * whatever becomes of the call, it is not this branch: id, branch,
	 * to_tag. Its early legs go (RFC 3261 12.3), but not one that another
	 * branch has shown as well; so does the early leg with this To-tag if
	 * nobody has said what branch it is of. */
	PARLEY_EV_BRANCH_FAILED,
	PARLEY_EVENTS
};

enum parley_side {
	PARLEY_SIDE_CALLER = 1,
	PARLEY_SIDE_CALLEE = 2,
	PARLEY_SIDE_ALL = 3,
};

enum parley_option {
	PARLEY_OPT_BYE_ON_TIMEOUT = 1 << 0,
	PARLEY_OPT_KA_CALLER = 1 << 1,
	PARLEY_OPT_KA_CALLEE = 1 << 2,
	PARLEY_OPT_TIMEOUT_NORESET = 1 << 3,
	/* What create_dialog() of OpenSIPS can ask for. */
	PARLEY_OPT_PING_CALLER = 1 << 4, /* OPTIONS with a CSeq of their own */
	PARLEY_OPT_PING_CALLEE = 1 << 5,
	PARLEY_OPT_REINVITE_CALLER = 1 << 6, /* instead of them */
	PARLEY_OPT_REINVITE_CALLEE = 1 << 7,
	/* A call that the caller has given up, by CANCEL or by a BYE while it
	 * rang, and that is answered all the same, is ended race_timeout_s
	 * later: nobody may know that it is up. Nothing prolongs it. */
	PARLEY_OPT_END_ON_RACE = 1 << 8,
	PARLEY_OPT_AUTO_PRACK = 1 << 9,
	PARLEY_OPT_ALL = (1 << 10) - 1,
	/* Those that have the value of a DLG_IFLAG_ of Kamailio's module. */
	PARLEY_OPT_IFLAGS = (1 << 4) - 1,
	PARLEY_OPT_PINGS = 15 << 4, /* those four */
};

/* Keep-alives: those of the KA_ options, and what the PING_ and REINVITE_ ones
 * ask for. */
enum parley_ping {
	PARLEY_PING_KA = 0,
	PARLEY_PING_OPTIONS,
	PARLEY_PING_REINVITE,
	PARLEY_PINGS
};

struct parley_pair {
	struct parley_str key;
	struct parley_str value;
};

struct parley_member; /* a reserved place in a profile; opaque */

/* What the script has set before the dialog exists. Members move to the engine
 * on success only. */
struct parley_create_facts {
	uint32_t flags;	       /* 32 script flags */
	uint32_t options;      /* PARLEY_OPT_ */
	uint32_t lifetime_s;   /* 0: default */
	int32_t timeout_route; /* index of the host's route; 0: none */
	struct parley_str timeout_route_name;
	const struct parley_pair *vars;
	uint32_t var_count;
	struct parley_member *members; /* list from parley_profile_reserve() */
};

struct parley_event {
	enum parley_event_type type;
	struct parley_id id;
	enum parley_direction dir;
	struct parley_str callid;
	struct parley_str from_tag; /* INVITE: the caller's tag */
	struct parley_str to_tag;   /* the callee's tag, which names the leg */
	struct parley_str from_uri;
	struct parley_str to_uri;
	struct parley_str req_uri;
	struct parley_str contact;   /* URI; empty: none in the message */
	struct parley_str route_set; /* Record-Route values as a Route header
				      * towards that party would list them */
	struct parley_str caller_routes; /* REPLY_2XX: from now on the caller's
					  * route set; s NULL: as it is */
	struct parley_str reason; /* text, for REPLY_FAIL and TERMINATE */
	void *socket;		  /* the host's, where it was received */
	uint32_t cseq;	     /* as the party wrote it that sent the request */
	uint32_t cseq_shift; /* REPLY_1XX, REPLY_2XX: what was added to it */
	uint16_t code;	     /* SIP status */
	uint8_t state;	     /* SET_STATE: enum parley_state */
	uint8_t ping;	     /* PING_DONE: enum parley_ping */
	uint8_t branch; /* REPLY_1XX, BRANCH_FAILED: 1 to PARLEY_BRANCHES_MAX;
			 * anything else: not known */
	uint32_t lifetime_s;	       /* new lifetime; 0: keep */
	uint32_t leg;		       /* BYE_DONE, PING_DONE */
	enum parley_event_type method; /* REPLY_WITHIN */
	enum parley_side side;
	bool hold;	  /* the host will send RELEASE for this message */
	bool invite;	  /* RELEASE: it was the INVITE's transaction */
	bool can_reply;	  /* TERMINATE in state 1 or 2 can be carried out */
	bool can_swallow; /* REPLY_2XX: it can still be kept from the caller */
	bool ours;     /* REPLY_WITHIN: we sent the request; nobody is told */
	bool was_told; /* REPLY_WITHIN: parley_notify() has told of it */
	const struct parley_create_facts *create;
};

/* ------------------------------------------------------------- actions */

enum parley_action_type {
	/* Send BYE in dialog: leg, dir (towards). Prepare it with
	 * parley_request_prepare(), report with PARLEY_EV_BYE_DONE. */
	PARLEY_ACT_BYE = 1,
	/* Send ACK for a 2xx that is not relayed: leg. */
	PARLEY_ACT_ACK,
	/* Do not relay this reply. */
	PARLEY_ACT_SWALLOW,
	/* CANCEL every branch of the INVITE, then reply: code. */
	PARLEY_ACT_CANCEL,
	PARLEY_ACT_REPLY,
	/* Run the script's timeout route: route. The call is still up; feed
	 * PARLEY_EV_TIMEOUT_ROUTE_DONE afterwards (without it, the call ends
	 * ten seconds later all the same). */
	PARLEY_ACT_TIMEOUT_ROUTE,
	/* Send a keep-alive (in the dialog): leg, dir (towards), ping. It is an
	 * OPTIONS, or a re-INVITE for PING_REINVITE. Prepare it with
	 * PARLEY_REQUEST_PING, _PING_OPTIONS or _PING_REINVITE, report with
	 * PARLEY_EV_PING_DONE, the latter two also when they were not sent.
	 * Comes from parley_expire() only. */
	PARLEY_ACT_PING,
};

struct parley_action {
	enum parley_action_type type;
	enum parley_direction dir;
	uint32_t leg;
	int32_t route;
	uint16_t code;
	uint8_t ping; /* enum parley_ping */
};

/* What subscribers are told; bits, so that one call can subscribe to several.
 * Values are those of the DLGCB_ names of Kamailio's dialog module. */
enum parley_note_type {
	PARLEY_NOTE_LOADED = 1 << 0,
	PARLEY_NOTE_CREATED = 1 << 1,
	PARLEY_NOTE_FAILED = 1 << 2,
	PARLEY_NOTE_ANSWERED = 1 << 3, /* CONFIRMED_NA */
	PARLEY_NOTE_CONFIRMED = 1 << 4,
	PARLEY_NOTE_REQUEST_WITHIN = 1 << 5,
	PARLEY_NOTE_TERMINATED = 1 << 6,
	PARLEY_NOTE_EXPIRED = 1 << 7,
	PARLEY_NOTE_EARLY = 1 << 8,
	PARLEY_NOTE_REPLY_FORWARDED = 1 << 9,
	PARLEY_NOTE_REPLY_WITHIN = 1 << 10,
	PARLEY_NOTE_OWN_BYE = 1 << 11, /* only by parley_notify(): the host says
					* that a BYE of its own is done */
	PARLEY_NOTE_RPC_CONTEXT = 1 << 12,
	PARLEY_NOTE_DESTROY = 1 << 13,
	PARLEY_NOTE_SPIRALED = 1 << 14,
	PARLEY_NOTE_BYE_REPLIED = 1 << 15, /* TERMINATED_CONFIRMED */
	PARLEY_NOTE_SAVED = 1 << 16, /* only by parley_notify(): the host says
				      * that the database has the dialog */
	/* The state has changed: once for each change, in their order, also
	 * after the end of the call was told. Not of its creation, nor of what
	 * comes from a database. Subscriptions to all dialogs only. */
	PARLEY_NOTE_STATE = 1 << 17,
};

/* A turn to run subscribers; made by parley_feed(), used up by exactly one
 * parley_deliver(). types 0: nothing to deliver. */
struct parley_note {
	struct parley_id id;
	uint32_t types;
	uint32_t ticket;
	enum parley_direction dir;
	uint8_t old_state;
	uint8_t new_state;
};

enum { PARLEY_ACTIONS_MAX = 2 * PARLEY_LEGS_MAX + 8 };

struct parley_actions {
	struct parley_id id;
	uint8_t old_state; /* of the dialog, before and after the event */
	uint8_t new_state;
	uint32_t count;
	struct parley_action list[PARLEY_ACTIONS_MAX];
	struct parley_note note;
	/* Of an in-dialog request, but not ACK: as in struct parley_match, now
	 * that it has its place among the others. */
	uint32_t cseq_shift, invite_shift;
};

/* Applies @event. @actions is always written (count 0, types 0 at least). The
 * host then, without any lock: executes the actions in order and calls
 * parley_deliver() if note.types is not 0. PARLEY_E_NO_DIALOG: no such dialog,
 * nothing was changed. PARLEY_E_STATE: the event means nothing in this state;
 * it is counted (bogus), nothing was changed. A 2xx without To-tag makes a leg
 * whose tag is empty; other replies without one make none. */
PARLEY_MUST_CHECK int parley_feed(struct parley *engine, struct parley_now now,
				  const struct parley_event *event,
				  struct parley_actions *actions);

/* Pulls one due timer and applies it as an event. Returns true if there was
 * one (then @actions as in parley_feed(), perhaps empty; with the id {0, 0} it
 * was a place of another server's call), false when nothing is due at @now.
 * Cheap when nothing is due. One process calls it. */
bool parley_expire(struct parley *engine, struct parley_now now,
		   struct parley_actions *actions);

/* ------------------------------------------------------------- matching */

/* The first of the two steps of an in-dialog request: find dialog and leg,
 * change nothing. */
struct parley_query {
	struct parley_id id; /* from the cookie; {0, 0}: look by SIP elements */
	struct parley_str callid;
	struct parley_str from_tag; /* as they stand in the request */
	struct parley_str to_tag;
	enum parley_event_type method; /* an in-dialog request */
};

struct parley_match {
	struct parley_id id;
	enum parley_direction dir;
	uint8_t state;	    /* now */
	uint8_t next_state; /* that the request leads to; $DLG_status */
	uint32_t leg;
	uint32_t start_s; /* wall clock of the 2xx, 0: none yet */
	uint32_t lifetime_s;
	bool callee_is_from;   /* the From-tag is the callee's (upstream) */
	uint32_t cseq_shift;   /* to add to the CSeq of a request that way, */
	uint32_t invite_shift; /* of an ACK, and of what RAck names */
	bool said;	       /* parley_agreed() wants to know */
};

/* Tight matching, always: Call-ID and both tags must be the dialog's and one
 * of its legs'. NO_DIALOG or NO_LEG otherwise (both count a bogus request of
 * its kind). A callee that has answered without a To-tag has an empty one (RFC
 * 3261 12.1.2), for which the id is needed. CANCEL is never matched here. An
 * id whose entry the Call-ID has with a hash_size below the number of shards is
 * that of a dialog which got another entry, but no other number, when it was
 * imported.
 *
 * A callee's tag that is also the caller's does not tell whose a request is: it
 * is taken for the caller's, and no contact of either side is changed. */
PARLEY_MUST_CHECK int parley_match(struct parley *engine,
				   const struct parley_query *query,
				   struct parley_match *match);

/* Finds a dialog that has not ended by Call-ID and caller's tag (spirals; tag2
 * is empty), or any by Call-ID and both tags in either order (dlg_get(),
 * is_known_dlg()), those that have not ended first. */
PARLEY_MUST_CHECK int parley_find_call(struct parley *engine,
				       struct parley_str callid,
				       struct parley_str tag1,
				       struct parley_str tag2,
				       struct parley_match *match);
/* The same for other modules, which work on a reply before it is relayed, and
 * keep what they have seen: a call that nobody has answered yet also by a tag
 * that no callee has shown, and a call with an area also by that of a leg which
 * it has no more. */
PARLEY_MUST_CHECK int parley_find_early(struct parley *engine,
					struct parley_str callid,
					struct parley_str tag1,
					struct parley_str tag2,
					struct parley_match *match);

/* ------------------------------------------------------------- validation */

/* A request that parley_match() has found, and that may be one which somebody
 * else has made up. */
struct parley_claim {
	struct parley_id id; /* these three as in struct parley_match */
	uint32_t leg;
	enum parley_direction dir;
	enum parley_event_type method;
	uint32_t cseq; /* as the party wrote it; above 2^31-1 if it cannot be
			* read */
	/* It was fed before, or repeats one that was (RFC 3261 17.2.3): then
	 * its number was judged against those before it. */
	bool was_fed;
};

/* What a request with this leg and direction must be like. The texts are copies
 * in the caller's buffer. */
struct parley_expected {
	/* RFC 3261 12.2.2: above the last number that the party has used; that
	 * of an ACK is its last INVITE's (13.2.2.4); never 0, nor 2^31 or
	 * above. What a request of the proxy's own has taken is not the
	 * party's. Of a call that was imported only the last numbers are known:
	 * an ACK may then have any that the party has used. */
	bool in_order;
	/* Where it must go, and by what route, as in struct parley_request. Not
	 * known: a callee that rings has named none, or both have one tag. */
	bool target_known, routes_known;
	struct parley_str target, route_set;
};

/* Changes nothing, so it says the same again until a request is fed. Where both
 * sides have one tag, nobody knows whose number it is: all that are possible
 * are in order. SPACE: twice PARLEY_STR_MAX is always enough. */
PARLEY_MUST_CHECK int parley_expect(struct parley *engine,
				    const struct parley_claim *claim,
				    struct parley_expected *expected,
				    void *buffer, size_t size);

/* The host has refused a request, and will not feed it unless the other party
 * accepts it all the same: then it is what the parties do. Counts it. */
enum parley_refusal {
	PARLEY_REFUSED_CSEQ = 1,
	PARLEY_REFUSED_TARGET,
	PARLEY_REFUSED_ROUTE,
};
void parley_refused(struct parley *engine, enum parley_refusal why);

/* ------------------------------------------------------------- requests */

/* What the host needs to send a request of ours in a dialog. */
struct parley_request {
	struct parley_str callid;
	struct parley_str local_uri, local_tag;	  /* From */
	struct parley_str remote_uri, remote_tag; /* To */
	struct parley_str target;		  /* remote target */
	struct parley_str route_set;
	/* PING_REINVITE: what the other party has said last. */
	struct parley_str contact, body;
	void *socket;
	uint32_t cseq;
	uint8_t state;
};

enum parley_request_kind {
	PARLEY_REQUEST_NEXT = 0, /* the next CSeq of that direction */
	PARLEY_REQUEST_ACK = 1,	 /* the CSeq of the INVITE */
	/* A keep-alive. Both parties count on as if it had never been, so its
	 * CSeq is an old one: one below the last, but 0 or 1 if that is the
	 * last. A party that looks closely answers 500 (RFC 3261 12.2.2) and
	 * changes nothing; one that has forgotten the call answers 481. STATE:
	 * nobody wants to know any more. */
	PARLEY_REQUEST_PING = 2,
	/* The next CSeq, of which the party that we speak for is not told: its
	 * own numbers on this leg are raised from now on, as with track_cseq.
	 */
	PARLEY_REQUEST_OWN = 3,
	/* The pings of create_dialog(), with a CSeq as OWN. STATE: nobody wants
	 * to know any more; or, for a re-INVITE, the parties have one under way
	 * themselves (RFC 3261 14.1). */
	PARLEY_REQUEST_PING_OPTIONS = 4,
	PARLEY_REQUEST_PING_REINVITE = 5,
};

/* Fills @request with texts in @buffer; takes a CSeq for all but ACK and PING.
 * Several calls give several CSeqs. SPACE: @neededp says how much is needed,
 * nothing was taken. */
PARLEY_MUST_CHECK int parley_request_prepare(struct parley *engine,
					     struct parley_id id, uint32_t leg,
					     enum parley_direction towards,
					     enum parley_request_kind kind,
					     struct parley_request *request,
					     void *buffer, size_t size,
					     size_t *neededp);

/* Seconds between pings of one kind, 1 to PARLEY_PING_INTERVAL_MAX_S. A new one
 * begins at once. It is kept in a variable of the dialog, which a host may set
 * in its place before there is one. */
enum { PARLEY_PING_INTERVAL_MAX_S = 2147483 };
#define PARLEY_VAR_OPTIONS_INTERVAL "~options_interval"
#define PARLEY_VAR_REINVITE_INTERVAL "~reinvite_interval"
PARLEY_MUST_CHECK int parley_set_ping_interval(struct parley *engine,
					       struct parley_now now,
					       struct parley_id id,
					       enum parley_ping kind,
					       uint32_t seconds);
PARLEY_MUST_CHECK int parley_get_ping_interval(struct parley *engine,
					       struct parley_id id,
					       enum parley_ping kind,
					       uint32_t *secondsp);

/* What a party has said last, as the other one has got it. */
struct parley_said {
	struct parley_str contact; /* a URI; empty: as before */
	struct parley_str sdp; /* s NULL: as before; empty: it is not known */
};

/* An offer and its answer were accepted (RFC 3264), or half of them is known:
 * NULL for a party that has said nothing. A re-INVITE ping repeats them; before
 * they are known the ping is an OPTIONS. Kept in variables of the dialog.
 * STATE: the dialog has no REINVITE_ option. NO_LEG: @to_tag is not that of its
 * callee. */
PARLEY_MUST_CHECK int parley_agreed(struct parley *engine, struct parley_id id,
				    struct parley_str to_tag,
				    const struct parley_said *caller,
				    const struct parley_said *callee);

/* A request of a party that is sent once more, with the next number, because
 * the proxy has added credentials (RFC 3261 22.2). */
struct parley_cseq {
	uint32_t leg; /* 0: the initial INVITE */
	enum parley_direction dir;
	bool invite;
	uint32_t cseq;	       /* as the party wrote it */
	uint32_t shift;	       /* out: to add to this request's number, */
	uint32_t total;	       /* to those that come after it, */
	uint32_t invite_shift; /* and to what RAck names */
};

/* From now on the other side sees the party's numbers raised by one more.
 * PARLEY_E_FULL: they would reach 2^31. */
PARLEY_MUST_CHECK int parley_cseq_raise(struct parley *engine,
					struct parley_id id,
					struct parley_cseq *request);

/* A reliable provisional reply (RFC 3262) of a call with
 * PARLEY_OPT_AUTO_PRACK. */
struct parley_prack {
	struct parley_str to_tag;
	uint32_t rseq; /* above 0 */
	uint32_t leg;  /* out: where the PRACK goes, */
	uint32_t cseq; /* and the INVITE's number that RAck names */
};

/* 0: it is to be acknowledged, by nobody else. OLD: it is repeated, or not the
 * next one of its leg, and gets no PRACK. STATE: the call has no such option,
 * is answered or is being ended, or the leg is over. NO_LEG: the reply was not
 * fed yet. */
PARLEY_MUST_CHECK int parley_prack_take(struct parley *engine,
					struct parley_id id,
					struct parley_prack *prack);
/* The PRACK could not be sent: the reply counts as never seen. */
void parley_prack_give_back(struct parley *engine, struct parley_id id,
			    const struct parley_prack *prack);

/* ------------------------------------------------------------- settings */

/* Variables: key and value are copied; value.s NULL deletes (deleting what is
 * not there is ABSENT). */
PARLEY_MUST_CHECK int parley_var_set(struct parley *engine, struct parley_id id,
				     struct parley_str key,
				     struct parley_str value);

/* Copies the value. SPACE: *@lenp is its length and nothing was copied. */
PARLEY_MUST_CHECK int parley_var_get(struct parley *engine, struct parley_id id,
				     struct parley_str key, char *buffer,
				     size_t size, uint32_t *lenp);

/* Sets, then clears, then returns the 32 script flags. */
PARLEY_MUST_CHECK int parley_flags(struct parley *engine, struct parley_id id,
				   uint32_t set, uint32_t clear,
				   uint32_t *flagsp);
/* Compares and sets in one step: if the flags in @mask are as in @expected,
 * they become the opposite, which is 1; 0: they are not, and stay. @expected is
 * within @mask, which is not 0. */
PARLEY_MUST_CHECK int parley_flags_flip(struct parley *engine,
					struct parley_id id, uint32_t mask,
					uint32_t expected);
/* The same as parley_flags() for PARLEY_OPT_ bits. Keep-alives start and stop
 * with theirs. */
PARLEY_MUST_CHECK int parley_options(struct parley *engine,
				     struct parley_now now, struct parley_id id,
				     uint32_t set, uint32_t clear,
				     uint32_t *optionsp);

/* Lifetime from now on, in seconds, above 0. In states 1 and 2 it is stored
 * and counts from the 2xx. */
PARLEY_MUST_CHECK int parley_set_lifetime(struct parley *engine,
					  struct parley_now now,
					  struct parley_id id,
					  uint32_t lifetime_s);

/* How long it is kept after its end, for late requests: config.delete_delay_s
 * unless it was said for this one; at most PARLEY_DELAY_MAX. It is in state 5
 * then, and counts as ended. Not stored, no part of images. */
enum { PARLEY_DELAY_MAX = UINT16_MAX };
PARLEY_MUST_CHECK int parley_set_delay(struct parley *engine,
				       struct parley_now now,
				       struct parley_id id, uint32_t delay_s);

PARLEY_MUST_CHECK int parley_set_timeout_route(struct parley *engine,
					       struct parley_id id,
					       int32_t route,
					       struct parley_str name);

/* Where requests to one end of the call go, when the host knows better than
 * the messages say: @of DOWNSTREAM: the caller; UPSTREAM: the leg with
 * @callee_tag. An empty contact and a NULL socket stay as they are. NO_LEG. */
struct parley_target {
	enum parley_direction of;
	struct parley_str callee_tag, contact;
	void *socket;
};
PARLEY_MUST_CHECK int parley_set_target(struct parley *engine,
					struct parley_id id,
					const struct parley_target *target);

/* A number that belongs to the host, e.g. the name of the INVITE's transaction;
 * 0 until it is set. The bits in @keep stay as they are. */
PARLEY_MUST_CHECK int parley_set_host_ref(struct parley *engine,
					  struct parley_id id, uint64_t keep,
					  uint64_t host_ref);
PARLEY_MUST_CHECK int parley_get_host_ref(struct parley *engine,
					  struct parley_id id,
					  uint64_t *host_refp);

/* ------------------------------------------------------------- profiles */

/* Index of a profile, or PARLEY_E_NO_PROFILE. */
PARLEY_MUST_CHECK int parley_profile_find(struct parley *engine,
					  struct parley_str name);
bool parley_profile_has_value(struct parley *engine, int profile);
/* Name by index, NULL past the last; valid as long as the engine. */
const char *parley_profile_name(struct parley *engine, int profile);

/* A value given to a profile without values is ignored in all of these. A
 * missing value (s NULL) of a profile with values is NO_VALUE in join and
 * reserve, and means "any" elsewhere. */

/* One membership more. @limit: PARLEY_E_FULL unless fewer than that many exist
 * for this value, checked and counted in one step; 0: no limit. @once: a
 * dialog that is in already is not counted again (0 is returned). */
PARLEY_MUST_CHECK int parley_profile_join(struct parley *engine,
					  struct parley_id id, int profile,
					  struct parley_str value,
					  uint32_t limit, bool once);

/* The same before the dialog exists. *@listp is the list of this message's
 * reservations (NULL at first); the place is put in front of it. @once looks
 * at that list. */
PARLEY_MUST_CHECK int parley_profile_reserve(struct parley *engine, int profile,
					     struct parley_str value,
					     uint32_t limit, bool once,
					     struct parley_member **listp);
/* The only membership in the profile: joins without a limit, then gives up what
 * the dialog, or the list, had in it before. On error it has what it had. */
PARLEY_MUST_CHECK int parley_profile_join_only(struct parley *engine,
					       struct parley_id id, int profile,
					       struct parley_str value);
PARLEY_MUST_CHECK int parley_profile_reserve_only(struct parley *engine,
						  int profile,
						  struct parley_str value,
						  struct parley_member **listp);
/* True if the list holds such a place. */
bool parley_profile_reserved(struct parley *engine, int profile,
			     struct parley_str value,
			     const struct parley_member *list);
/* Gives one such place back (@any_value: all of the profile). ABSENT if none.
 */
PARLEY_MUST_CHECK int parley_profile_unreserve(struct parley *engine,
					       int profile,
					       struct parley_str value,
					       struct parley_member **listp);
/* Gives the whole list back and sets it NULL. */
void parley_profile_release(struct parley *engine,
			    struct parley_member **listp);

/* One membership less; without value all of the profile. ABSENT if none. */
PARLEY_MUST_CHECK int parley_profile_leave(struct parley *engine,
					   struct parley_id id, int profile,
					   struct parley_str value);

/* 1 member, 0 not, or an error. */
PARLEY_MUST_CHECK int parley_profile_is_member(struct parley *engine,
					       struct parley_id id, int profile,
					       struct parley_str value);

PARLEY_MUST_CHECK int parley_profile_size(struct parley *engine, int profile,
					  struct parley_str value,
					  uint32_t *sizep);

/* Walks the dialogs of a profile without ever holding a lock between calls;
 * what joins or leaves meanwhile may or may not be seen, the rest is seen once
 * per membership. Needs memory of its own: begin may fail; end frees it. */
struct parley_profile_walk;
PARLEY_MUST_CHECK int
parley_profile_walk_begin(struct parley *engine, int profile,
			  struct parley_str value,
			  struct parley_profile_walk **walkp);
/* Up to @max ids; returns how many, 0 at the end. */
uint32_t parley_profile_walk_next(struct parley_profile_walk *walk,
				  struct parley_id *ids, uint32_t max);
void parley_profile_walk_end(struct parley_profile_walk *walk);

struct parley_profile_view {
	int profile;
	struct parley_str value; /* empty without values */
};

/* The values of a profile, one after the other, without a lock held between
 * two calls and without memory: zeroed but for @profile it starts. What comes
 * or goes meanwhile may or may not be told, all the rest is told once. A
 * profile without values has an empty one while somebody is in it. */
struct parley_profile_values {
	int profile;
	uint32_t count;	 /* of its memberships, as parley_profile_size() */
	uint32_t len;	 /* of the text */
	uint64_t cursor; /* a hash; with the next three: how far it is */
	uint32_t shard;
	uint32_t equal; /* values of that hash that were told */
	bool going;	/* within the shard */
	char text[PARLEY_VALUE_MAX];
};
/* 1: there was one more; 0: no more; NO_PROFILE. */
PARLEY_MUST_CHECK int
parley_profile_values_next(struct parley *engine,
			   struct parley_profile_values *values);

/* A new lifetime for every dialog in a profile, as parley_set_lifetime() gives
 * it; *@countp is for how many. No lock is held from one to the next. */
PARLEY_MUST_CHECK int
parley_profile_set_lifetime(struct parley *engine, struct parley_now now,
			    const struct parley_profile_view *which,
			    uint32_t lifetime_s, uint32_t *countp);

/* A call of another server: it takes a place in a profile, which counts in
 * parley_profile_size() and for limits, and is told by no walk. */
struct parley_remote {
	int profile;
	struct parley_str value;
	struct parley_str uid; /* names it; at most PARLEY_VALUE_MAX */
	/* Wall clock of its end; 0: until it is removed. It is reckoned from
	 * @now; the wall clock may be set afterwards. */
	uint32_t expires_s;
};

/* Comes in. The same profile, value and uid again is the same place: it is not
 * counted twice, and the new time holds. A time that is over already takes the
 * place out, which is 0 too. */
PARLEY_MUST_CHECK int parley_remote_add(struct parley *engine,
					struct parley_now now,
					const struct parley_remote *remote);
/* ABSENT if there is no such place; expires_s is not looked at. */
PARLEY_MUST_CHECK int parley_remote_remove(struct parley *engine,
					   const struct parley_remote *remote);

/* ------------------------------------------------------------- look-up */

/* From now on dialogs can be looked up by the value of a variable. Costs memory
 * for each variable, and nothing else. Only before the first dialog (STATE);
 * twice is legal. */
PARLEY_MUST_CHECK int parley_index_values(struct parley *engine);

/* Walks the dialogs that have not ended and have the variable @key with this
 * value, as parley_profile_walk does: what comes or goes meanwhile may or may
 * not be seen, the rest is seen once. The steps depend on how many they are,
 * not on how many others there are. STATE: values are not indexed. */
struct parley_value_walk;
PARLEY_MUST_CHECK int parley_value_walk_begin(struct parley *engine,
					      struct parley_str key,
					      struct parley_str value,
					      struct parley_value_walk **walkp);
/* Up to @max ids; returns how many, 0 at the end. */
uint32_t parley_value_walk_next(struct parley_value_walk *walk,
				struct parley_id *ids, uint32_t max);
void parley_value_walk_end(struct parley_value_walk *walk);

/* ------------------------------------------------------------- reading */

struct parley_leg_view {
	uint32_t number; /* names the leg in actions */
	uint8_t state;	 /* enum parley_leg_state; 0 for the caller */
	struct parley_str tag, contact, route_set;
	void *socket;
	uint32_t cseq; /* last CSeq of requests from this party */
	/* Of a callee's leg: the caller's last CSeq on it, and that of the
	 * INVITE that it has answered. */
	uint32_t caller_cseq, invite_cseq;
	/* What is added to the CSeqs of each party: to those to come, and to
	 * its last INVITE (see track_cseq). */
	uint32_t caller_shift, caller_invite_shift;
	uint32_t callee_shift, callee_invite_shift;
};

/* What has ended a call, or is ending it. */
enum parley_ended {
	PARLEY_ENDED_NOT = 0,
	PARLEY_ENDED_BY_CALLER,
	PARLEY_ENDED_BY_CALLEE,
	PARLEY_ENDED_BY_HOST,	/* by PARLEY_EV_TERMINATE or SET_STATE */
	PARLEY_ENDED_LIFETIME,	/* it was over */
	PARLEY_ENDED_RACE,	/* PARLEY_OPT_END_ON_RACE */
	PARLEY_ENDED_CANCELLED, /* by the caller, before anybody answered */
	PARLEY_ENDED_FAILED,	/* nobody has answered */
	PARLEY_ENDED_UNKNOWN,	/* by way of another node */
};

/* A copy of a dialog. */
struct parley_view {
	struct parley_id id;
	uint8_t state;
	uint8_t ended;				   /* enum parley_ended */
	uint16_t delay_s;			   /* see parley_set_delay() */
	uint32_t refs, flags, options, lifetime_s; /* refs: notes and pins */
	uint32_t init_s, start_s, end_s;	   /* wall clock; 0: not yet */
	uint32_t left_s;  /* until the lifetime is over */
	bool timer_armed; /* the lifetime is running */
	bool ending;	  /* BYEs of ours are on their way */
	bool replica;	  /* another node's */
	int32_t timeout_route;
	uint16_t end_code;
	struct parley_str callid, from_uri, to_uri, req_uri, timeout_route_name;
	struct parley_str end_reason;
	struct parley_str owner; /* its node; empty: this one */
	struct parley_leg_view caller;
	struct parley_leg_view *legs; /* the answered one first */
	uint32_t leg_count;
	struct parley_pair *vars;
	uint32_t var_count;
	struct parley_profile_view *profiles;
	uint32_t profile_count;
};

/* Copies a dialog into @buffer (aligned as malloc aligns). SPACE: *@neededp
 * says how much is needed. @neededp may be NULL. */
PARLEY_MUST_CHECK int parley_read(struct parley *engine, struct parley_now now,
				  struct parley_id id, struct parley_view *view,
				  void *buffer, size_t size, size_t *neededp);

/* The dialog after *@idp in an order that is fixed for the life of a dialog,
 * whatever comes and goes; {0, 0} starts. The id need not exist any more.
 * Returns false at the end. */
bool parley_next(struct parley *engine, struct parley_id *idp);

/* ------------------------------------------------------------- areas */

/*
 * Where a host's other modules must see a dialog as a struct of their own, at
 * an address that stays: each dialog made from now on has @bytes for the host
 * in its block, aligned to 8 and zeroed. They and all texts shown are valid
 * until DESTROY was told, at least as long as the dialog is pinned or a
 * subscriber is inside. Called before the first dialog; 0: none.
 */
PARLEY_MUST_CHECK int parley_set_area(struct parley *engine, uint32_t bytes);

/* The same for each leg; only with an area for dialogs. It lives as long as the
 * dialog, also that of a leg which the dialog has no more. */
PARLEY_MUST_CHECK int parley_set_leg_area(struct parley *engine,
					  uint32_t bytes);

/* What host->show() gets: before each subscriber, and in parley_pin(). A text
 * that was shown is not freed before the dialog. It is not overwritten either,
 * unless the dialog has replaced more than 32 of them, and then in its place:
 * who reads a text without a lock reads no foreign memory. */
struct parley_shown {
	struct parley_id id;
	uint8_t state;
	bool ending;
	bool expired; /* the lifetime was over; BYEs may be on their way */
	uint32_t flags, options, lifetime_s;
	uint32_t init_s, start_s, end_s;
	uint32_t invite_cseq; /* of the first INVITE */
	struct parley_str callid, from_uri, to_uri, req_uri;
	struct parley_leg_view caller, callee; /* callee.number 0: none yet */
	const struct parley *engine; /* these two: parley_shown_leg() */
	const void *first_leg;
};

/* For host->show(): the leg after *@cursorp, which is NULL for the first one,
 * and its area or NULL. The one that answered first comes first. False: there
 * is no other. */
bool parley_shown_leg(const struct parley_shown *shown, const void **cursorp,
		      struct parley_leg_view *view, void **areap);

/* Shows the dialog and keeps it, with its area, until parley_unpin(), though no
 * longer than end_timeout and PARLEY_PIN_S after its end. ABSENT: it has no
 * area. FULL: 65535 pins. */
PARLEY_MUST_CHECK int parley_pin(struct parley *engine, struct parley_id id,
				 void **areap);
/* NO_DIALOG: it is gone, or @area is not its area. ABSENT: it is not pinned.
 * Nothing was done then. */
PARLEY_MUST_CHECK int parley_unpin(struct parley *engine, struct parley_id id,
				   const void *area);
enum { PARLEY_PIN_S = 5 };

/* Dialogs with this Call-ID, up to @max; returns how many were written. */
uint32_t parley_find_callid(struct parley *engine, struct parley_str callid,
			    struct parley_id *ids, uint32_t max);

struct parley_stats {
	uint64_t now_in[PARLEY_STATES]; /* dialogs by state, 1 to 5 */
	uint64_t legs;			/* callee legs, all dialogs */
	uint64_t processed;		/* created */
	uint64_t expired;
	uint64_t failed; /* ended without a 2xx */
	uint64_t ended_by_caller, ended_by_callee, ended_by_us;
	uint64_t forgotten_early; /* early_timeout */
	uint64_t bogus_no_dialog, bogus_no_leg, bogus_event;
	uint64_t bogus_cseq, bogus_target, bogus_route; /* parley_refused() */
	uint64_t legs_refused; /* above PARLEY_LEGS_MAX */
	uint64_t limit_refused;
	uint64_t no_memory;
	uint64_t turns_missed; /* notes told before an earlier one was */
	uint64_t quarantined;
	uint64_t memory_bytes; /* taken from the host */
	uint64_t timer_lag_ms; /* largest delay of the last minute's expiries */
	uint64_t profile_members; /* those of other servers included */
	uint64_t remote_members;
};
void parley_get_stats(struct parley *engine, struct parley_stats *stats);
/* Dialogs in @state, 1 to 5; one load. */
uint64_t parley_count(struct parley *engine, enum parley_state state);

/* ------------------------------------------------------------- images */

/*
 * A dialog as another node, or a database, needs to know it. With
 * config.replicate each dialog has one owner: the node that made it, or the one
 * that has adopted it since. All others have replicas. A replica answers
 * parley_match() and takes requests as any dialog does, but its timers stand
 * still and its subscribers hear nothing but DESTROY: that is the owner's part.
 * What a replica learns goes to the others like any other change.
 *
 * Images are ordered by epoch (it grows when a dialog is adopted), then by
 * version (it grows with each change), then by who made the change: the owner's
 * word holds, else that of the node with the higher number. An older one can
 * only add what never goes back: states of call and legs, CSeqs with the
 * contact that came with them.
 */
struct parley_image {
	/* profiles, sockets and timeout_route are this host's. owner empty:
	 * this node's. refs, left_s, replica mean nothing. */
	struct parley_view view;
	uint32_t epoch;	  /* 0: from a source that has none */
	uint32_t version; /* 0: always older, except where there is nothing */
	uint16_t by;	  /* config.node of who made the last change */
	uint32_t invite_cseq, invite_shift;
	uint64_t lifetime_left_ms; /* UINT64_MAX: not running */
	uint64_t state_left_ms;	   /* the same for what the state waits for */
	bool end_untold;	   /* it has ended; its owner may not know */
	bool tell_loaded;	   /* import: a replica tells LOADED, too */
	bool stored;		   /* import: the database has rows of it */
	uint64_t record; /* import: ticket of the record that it is in; 0 */
};

/* As parley_read(); all texts are copies in @buffer. ABSENT: it was forgotten.
 */
PARLEY_MUST_CHECK int parley_export(struct parley *engine,
				    struct parley_now now, struct parley_id id,
				    struct parley_image *image, void *buffer,
				    size_t size, size_t *neededp);

/*
 * Makes the dialog of @image, or brings the one that is here up to date; enters
 * as an event, @actions as in parley_feed(). What is made here tells LOADED if
 * it is this node's. Errors, nothing having changed:
 *   ARGUMENT  a field is outside what is allowed; the entry of the identity is
 *             not that of the Call-ID modulo the number of shards; a call that
 *             is up without such a leg
 *   CONFLICT  another call has the identity
 *   OLD       it says nothing that is not known
 *   STATE     the call has ended here
 *   NO_DIALOG it has ended there, and is unknown here
 *   MEMORY    the next image will bring what is missing; the state is right
 *
 * Any hash_size can load what another has made: all are powers of two, so the
 * entries of a Call-ID end alike, and the dialog keeps its identity. One that
 * was made with fewer entries than there are shards gets a new one (stored or
 * record only; actions->id says which), and the rows of the old one go.
 *
 * With `stored` or `record` it comes from the database or the journal, and is
 * written there only when it differs. What is here already stays as it is; it
 * counts as stored from now on. The end of a call that was under way is asked
 * for again. An INVITE's transaction is gone: replies and ACK that still pass
 * confirm the call, or it leaves at early_timeout, 300 s if there is none.
 */
PARLEY_MUST_CHECK int parley_import(struct parley *engine,
				    struct parley_now now,
				    const struct parley_image *image,
				    struct parley_actions *actions);

/* @owner is gone: this node owns its dialog @id from now on. Timers run, what
 * is overdue comes at once; a call that the owner was ending is ended. LOADED
 * is told, and the end of the call if it came through here and the owner never
 * confirmed it. ABSENT: the dialog is not @owner's. */
PARLEY_MUST_CHECK int parley_adopt(struct parley *engine, struct parley_now now,
				   struct parley_id id, struct parley_str owner,
				   struct parley_actions *actions);

/* Forgets the replica of a dialog of @owner without a word to anybody. ABSENT:
 * the dialog is not @owner's. */
PARLEY_MUST_CHECK int parley_forget(struct parley *engine,
				    struct parley_now now, struct parley_id id,
				    struct parley_str owner);

/* A dialog that has changed since it was returned last. It stays readable,
 * ended or not, until parley_changed_done(). False: none. One load when there
 * is none; changes between two calls are one. One process calls it. */
bool parley_changed(struct parley *engine, struct parley_id *idp);
void parley_changed_done(struct parley *engine, struct parley_id id);

/* ------------------------------------------------------------- subscribers */

struct parley_told {
	struct parley_id id;
	enum parley_note_type type;
	enum parley_direction dir;
	uint8_t old_state, new_state;
	void *message; /* what the host passed to parley_deliver() */
	void *self;    /* of the handler; NULL if subscribed without one */
	void **slot;   /* where param is kept; a new value stays. NULL for a
			* subscription to all dialogs */
	void *area;    /* of the dialog, just shown; NULL: it has none */
};
typedef void (*parley_subscriber)(struct parley *engine, void *param,
				  const struct parley_told *told);

/* What many subscriptions have in common. The engine keeps one copy of each
 * that differs, so that a subscription costs three words. */
struct parley_handler {
	parley_subscriber function;
	void *self; /* the host's */
	/* Called with param when the subscription ends, after DESTROY, unless
	 * param is NULL by then; may be NULL. */
	void (*release)(void *param);
};

/* Subscribes to all dialogs. Only before a second process uses the engine.
 * Those who came last are told first (as in Kamailio). */
PARLEY_MUST_CHECK int parley_subscribe_all(struct parley *engine,
					   uint32_t types,
					   parley_subscriber function,
					   void *param);
/* Subscribes to one dialog. On error release is not called. PARLEY_E_FULL: more
 * than PARLEY_HANDLERS_MAX handlers. */
PARLEY_MUST_CHECK int
parley_subscribe_handler(struct parley *engine, struct parley_id id,
			 uint32_t types, const struct parley_handler *handler,
			 void *param);
/* The same with a handler whose self is NULL. */
PARLEY_MUST_CHECK int parley_subscribe(struct parley *engine,
				       struct parley_id id, uint32_t types,
				       parley_subscriber function, void *param,
				       void (*release)(void *param));

/* Runs the subscribers of @note, in turn (ARCHITECTURE.md, "Order"): those of
 * the engine, then those of the dialog, each last come first. With @message the
 * call happens in this process: it waits for its turn if @may_wait, at most
 * callback_wait_ms. Without, it may be left to the process that is inside.
 * FAILED, TERMINATED, EXPIRED: exactly one, once, and no other note after it
 * but BYE_REPLIED, OWN_BYE, REPLY_WITHIN of the BYE, and DESTROY. An answered
 * call that the host ends on both sides is TERMINATED with the command;
 * BYE_REPLIED comes when its last BYE is done. */
void parley_deliver(struct parley *engine, const struct parley_note *note,
		    void *message, bool may_wait);

/* Whether parley_notify() would tell anybody. As long as nobody has ever asked
 * for @type this takes no lock. */
bool parley_wants(struct parley *engine, struct parley_id id,
		  enum parley_note_type type);
/* A note that comes with no change (REPLY_FORWARDED, RPC_CONTEXT, SAVED). */
void parley_notify(struct parley *engine, struct parley_id id,
		   enum parley_note_type type, enum parley_direction dir,
		   void *message);

/* ------------------------------------------------------------- checking */

/* Every invariant of every dialog, profile and counter; NULL if all hold, else
 * a constant text. Takes all locks in turn; slow; for tests. Nobody else may be
 * inside. */
const char *parley_check(struct parley *engine);

/* True once per (state, event) cell of the transition table that was reached
 * is kept by the host of tests: called for each table step. Not for use in
 * production; NULL stops it. */
typedef void (*parley_trace)(void *param, int state, int event, int next);
void parley_set_trace(struct parley *engine, parley_trace trace, void *param);
/* Number of internal table events, and its name; for reports. */
int parley_table_events(void);
const char *parley_table_event_name(int event);
/* What the table says: next state, -1 for an event that is bogus in @state. */
int parley_table_next(int state, int event);

#endif
