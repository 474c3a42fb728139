/*
 * engine.h - private layout: engine, shard, dialog, leg
 *
 * What:    the structs that the files of src/ share, and what each file offers
 *          to the others. Hosts see only parley.h.
 * Owns:    the engine owns shards and profile table; a shard owns its dialogs;
 *          a dialog owns its legs, variables, memberships and subscriptions.
 * Locking: a dialog, its legs, variables, flags, subscriptions and the list of
 *          its memberships belong to its shard's lock. A profile value and
 *          the list of its members belong to the lock of its profile shard.
 *          Order: shard or profile shard, then memory or journal, which are
 *          leaves. Never shard and profile shard together: who needs both takes
 *          them one after the other.
 * Always:  dialog_check() for each dialog (check.c).
 * Why:     ARCHITECTURE.md
 */
#ifndef ENGINE_H
#define ENGINE_H

#include "counts.h"
#include "hash.h"
#include "index.h"
#include "journal.h"
#include "leg.h"
#include "mem.h"
#include "parley.h"
#include "profile.h"
#include "str.h"
#include "wheel.h"

struct variable {
	struct variable *next;
	uint16_t key_len, value_len;
	char bytes[]; /* key, value */
};

/* A note without message that waits for the process that is inside. */
enum { DIALOG_DEFERRED_MAX = 4 };

/* State of the order of notes (notify.c). */
struct turns {
	uint16_t next;	    /* ticket to hand out */
	uint16_t serving;   /* lowest ticket that is not done */
	uint16_t running;   /* processes inside subscribers */
	_Atomic bool ended; /* FAILED, TERMINATED or EXPIRED was entered */
	bool ending;	    /* one of them is about to be */
	uint8_t deferred_count;
	uint32_t types; /* what subscriptions of this dialog want */
	uint64_t done;	/* bit i: ticket serving + i is done out of order */
};

struct copy;
struct pings;

/* As in struct leg, what a search reads is at the end. Size, the identity, the
 * lengths, area_len, init_s, invite_cseq and the texts of the block are fixed
 * at creation; the shard's lock guards the rest. */
struct dialog {
	struct index_node by_callid;
	uint32_t size; /* of this block */
	uint32_t init_s;
	uint32_t invite_cseq;
	uint16_t area_len; /* area.h; 0: none */
	bool linked;	   /* in the indexes */
	bool ending;	   /* BYEs of ours are on their way */
	bool end_noted;	   /* FAILED, TERMINATED or EXPIRED was made */
	bool ended_by_us;
	bool expired : 1;      /* its lifetime was over, whatever came then */
	bool given_up : 1;     /* by the caller, while it rang or later */
	uint8_t end_sides;     /* enum parley_side: who was to be told so far */
	uint8_t end_cause;     /* enum end_cause */
	bool invite_held;      /* the INVITE's transaction is alive */
	bool in_timeout_route; /* it runs; a new lifetime clears this */
	bool linger : 1; /* wait for late messages until the state's time */
	bool quarantined : 1;
	bool unwritten;	 /* this and the next three: see store.h */
	bool known;	 /* the database may have rows of it */
	bool unrecorded; /* the journal had no room for its last change */
	bool gone;	 /* its end is recorded: nothing more is written */
	uint16_t refs;	 /* notes under way; the table's own is not one */
	uint16_t holds;	 /* messages for which RELEASE will come */
	uint16_t leg_count;
	uint16_t byes; /* of ours, on all legs, not yet done */
	uint16_t end_code;
	uint16_t delay_s; /* see parley_set_delay(); 0 when that is over */
	struct timer timer;
	uint64_t due_lifetime_ms; /* UINT64_MAX: not running */
	uint64_t due_state_ms;	  /* early, no-ACK, ACK wait or end timeout */
	uint64_t due_ping_ms;	  /* of any kind; written by ping.c only */
	uint64_t answered_ms;	  /* when the first 2xx came */
	uint64_t host_ref;
	uint32_t end_s;
	uint32_t flags, options;
	uint32_t next_leg;
	uint32_t failed_branches; /* bits as in a leg's branches */
	int32_t timeout_route;
	struct text contact, route_set; /* the caller's */
	struct text end_reason, timeout_route_name;
	void *socket;
	struct variable *vars;
	struct parley_member *members;
	struct subscriptions *subscriptions;
	struct parley_note *deferred; /* DIALOG_DEFERRED_MAX of them, or NULL */
	struct turns turns;
	struct pings *pings; /* NULL: nobody asked for any (ping.h) */
	struct copy *copy;   /* NULL unless there are other nodes (copy.h) */
	journal_name record; /* the last one; 0: none (store.h) */

	struct index_node by_id;
	struct index_node by_call; /* Call-ID and caller's tag */
	struct parley_id id;
	struct leg *legs; /* the answered one first */
	uint32_t start_s;
	uint32_t lifetime_s;
	uint32_t invite_shift; /* of the last branch of the INVITE */
	uint16_t callid_len, from_tag_len, from_uri_len, to_uri_len;
	uint16_t req_uri_len;
	uint8_t state;	 /* written by dialog_set_state() only */
	bool destroying; /* DESTROY is running: found by readers only */
	char bytes[]; /* callid, from_tag, from_uri, to_uri, req_uri, contact,
		       * route set */
};

struct shard {
	struct index by_id, by_call, by_callid;
	struct wheel wheel;
	struct dialog *changed_first, *changed_last; /* copy.h */
	struct renamed *renamed;		     /* store.h */
	struct parley_now now; /* at the last event; for records */
};

/* Entries below count do not change; the memory lock guards the rest. */
struct handler_table {
	_Atomic uint32_t count;
	struct parley_handler list[PARLEY_HANDLERS_MAX];
};

struct global_subscription {
	uint32_t types;
	parley_subscriber function;
	void *param;
};

struct parley {
	struct parley_host host;
	struct parley_config config; /* profiles point into profiles table */
	struct hash_key key;
	struct mem mem;
	struct mem brief; /* legs that ring beside another: they go soon */
	struct shard *shards;
	struct index *values; /* of each shard (value_index.h), or NULL */
	uint32_t next_shard, next_changed; /* to be looked at first */
	bool store;			   /* the journal is open (store.h) */
	struct journal journal;
	struct parley_id catch_up; /* the last unrecorded one looked for */
	struct profile_table profiles;
	struct engine_counts count;
	struct global_subscription global[PARLEY_SUBSCRIBERS_MAX];
	uint32_t global_count, global_types;
	_Atomic uint32_t own_types; /* ever wanted by a subscriber to one */
	struct handler_table handlers;
	uint16_t area_len, leg_area_len; /* of new dialogs; of each leg */
	parley_trace trace;
	void *trace_param;
};

/* ------------------------------------------------ locks (engine.c) */

/* Index of the shard of an h_entry; also the number of its lock. */
static inline uint32_t shard_of(const struct parley *engine, uint32_t entry)
{
	return entry & (engine->config.shards - 1);
}

/* The h_entry of every dialog with this Call-ID. */
static inline uint32_t entry_of(const struct parley *engine,
				struct parley_str callid)
{
	return engine->host.hash(engine->host.self, callid) &
	       (engine->config.hash_size - 1);
}

static inline void shard_lock(struct parley *engine, uint32_t shard)
{
	engine->host.lock(engine->host.self, shard);
}

static inline void shard_unlock(struct parley *engine, uint32_t shard)
{
	engine->host.unlock(engine->host.self, shard);
}

/* Locks the shard of @id and returns its dialog (borrowed while the lock is
 * held), or unlocks again and returns NULL. A dialog whose DESTROY is running
 * is not found, except by the second function, which is for reading. */
struct dialog *dialog_find_lock(struct parley *engine, struct parley_id id);
struct dialog *dialog_find_lock_any(struct parley *engine, struct parley_id id);
static inline void dialog_unlock(struct parley *engine, struct parley_id id)
{
	shard_unlock(engine, shard_of(engine, id.entry));
}

/* ------------------------------------------------ life (dialog.c) */

/* Drops one reference. True: nothing holds the dialog any more, and the caller
 * must call dialog_destroy() after unlocking. */
PARLEY_MUST_CHECK bool dialog_put_locked(struct parley *engine,
					 struct dialog *dialog);
/* Runs DESTROY subscribers, unlinks, gives profiles back, frees. No lock is
 * held; dialog->destroying has made the caller the only one to do this. */
void dialog_destroy(struct parley *engine, struct dialog *dialog);

#include "notify.h"

#endif
