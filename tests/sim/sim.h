/*
 * sim.h - one simulated world: engine, host, network, parties, model
 *
 * What:    a seed is a world. sim_run() plays it to the end or to the first
 *          fault. Everything that the engine is told goes through engine.h of
 *          this folder, which tells the model the same and compares.
 * Owns:    all of it; worlds do not share anything.
 * Time:    now_ms is the virtual clock; wall_s jumps as wall clocks do.
 */
#ifndef SIM_H
#define SIM_H

#include "host.h"
#include "model.h"
#include "net.h"
#include "parley.h"
#include "proxy.h"
#include "rand.h"
#include "store.h"
#include "trail.h"
#include "ua.h"

enum {
	CALLS_MAX = 6,
	PROFILES_MAX = 4,
	OWN_SUBSCRIBERS = 24,
};

/* What a world is about; drawn from the seed. */
enum sim_kind {
	SIM_PLAIN,   /* a good network */
	SIM_LOSSY,   /* loss, reordering, duplicates */
	SIM_HOSTILE, /* also forged and late requests */
	SIM_CHAOS,   /* any event at any time; no parties */
	SIM_STARVED, /* allocations fail */
	SIM_KINDS
};

/* One who is told; sim->subscriber are for all dialogs. */
struct subscriber {
	struct sim *sim;
	int number;
	bool used;
	struct parley_id id; /* OWN: its dialog */
	uint32_t types, terminal, destroyed, released;
};

/* What the script did before there was a dialog. */
struct script_facts {
	struct parley_create_facts create;
	struct parley_pair vars[2];
};

/* What happens to a forked call before it is answered. */
enum fork_step {
	FORK_1XX,
	FORK_2XX,
	FORK_FAIL, /* of a branch */
	FORK_CANCEL,
	FORK_END, /* by command */
	FORK_LOST,
	FORK_AGAIN, /* sent again */
	FORK_STEPS
};

enum { ANSWERS_MAX = 4 };

/* What was reached, all worlds together. */
struct coverage {
	uint64_t cell[PARLEY_STATES][64]; /* of the transition table */
	/* Three steps of a call with several branches, one after the other. */
	uint64_t order[FORK_STEPS][FORK_STEPS][FORK_STEPS];
	/* Calls by branches, and by how many 2xx (and more). */
	uint64_t fork[BRANCHES_MAX + 1][ANSWERS_MAX + 1];
};

struct sim_options {
	uint32_t steps;	     /* of random life; then the world calms down */
	bool verbose;	     /* print every event */
	bool canary;	     /* plant a fault that must be found */
	uint64_t fail_at;    /* allocation ladder: refuse this one ... */
	uint64_t fail_count; /* ... and so many in all; 0: none */
	/* Instead of a life: all words of so many letters that begin with this
	 * one (orders.c); 0: none. */
	uint32_t letters, first_letter;
	/* Calls with so many branches, 0: as it comes; and so many 2xx. */
	uint32_t branches, answers;
	bool crashes; /* all that a crash could leave is looked at */
};

struct sim {
	uint64_t seed;
	bool values; /* can be looked up */
	bool pings;  /* calls may be pinged */
	enum sim_kind kind;
	struct sim_options options;
	struct rng rng;
	uint64_t now_ms;
	uint32_t wall_s;
	int32_t wall_jump;
	uint64_t failures_seen;
	bool quiet; /* nothing new is started, the network is good */
	struct host host;
	struct net net;
	struct parley_config config;
	struct parley_profile_config profiles[PROFILES_MAX];
	struct parley *engine;
	struct model model;
	struct call calls[CALLS_MAX];
	struct proxy_call proxy[CALLS_MAX];
	struct proxy_pending pending[PENDING_MAX];
	struct proxy_notes notes;
	struct proxy_slow slow[SLOW_MAX];
	uint32_t call_count;
	uint32_t wants[SUBSCRIBERS]; /* what they have subscribed to */
	struct subscriber subscriber[SUBSCRIBERS];
	struct subscriber own[OWN_SUBSCRIBERS]; /* of single dialogs */
	uint32_t notifying; /* note that comes with no change */
	bool pause_refused; /* somebody could not wait any longer */
	char text[8192];    /* of our request */
	struct store store;
	struct coverage *coverage;
	uint64_t steps, events, fed, words;
	struct trail trail;
};

/* Plays the world of @seed. Returns false at a fault, which is then in
 * sim->trail; sim_fini() in both cases. */
bool sim_run(struct sim *sim, uint64_t seed, const struct sim_options *options);
void sim_fini(struct sim *sim);

/* Ends the world with a fault; does not return. */
_Noreturn void sim_fail(struct sim *sim, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Remembers an event for the report. */
void sim_event(struct sim *sim, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
struct parley_now sim_now(const struct sim *sim);

/* For parley_set_trace(): what cells are reached. */
void sim_trace(void *param, int state, int event, int next);

/* The host's pause(): another process delivers a waiting note. */
bool sim_pause(struct sim *sim);

/* script.c: variables, flags, profiles, settings, reading, RPC. */
void script_timer(struct sim *sim, const struct item *item);
void script_start(struct sim *sim);
/* Fills @facts with what a script may set; places are reserved. */
void script_before(struct sim *sim, struct script_facts *facts);
/* No dialog came of it. */
void script_abandon(struct sim *sim, struct script_facts *facts);
/* Some random call of the public interface on some dialog. */
void script_act(struct sim *sim);
/* A timeout route sets a new lifetime. */
void script_prolong(struct sim *sim, struct parley_id id);
/* Nobody wants keep-alives any more. */
void script_quiet(struct sim *sim);
/* chaos.c: events that no SIP server would feed. */
void chaos_act(struct sim *sim);
/* chaos.c: requests that belong to no dialog; they must change nothing. */
void chaos_bogus(struct sim *sim);
/* chaos.c: ends what no timer ends. */
void chaos_end(struct sim *sim);

/* orders.c: all words that options.letters asks for. */
void orders_play(struct sim *sim);
uint32_t orders_letters(void);
/* cover.c: what happens to a call, if it is a forked one; how it went. */
void cover_step(struct sim *sim, uint32_t call, enum fork_step step);
void cover_calls(struct sim *sim);

/* plan.c: what the seed decides before anything happens. */
void config_plan(struct sim *sim);
void net_plan(struct sim *sim);

static inline bool id_equal(struct parley_id a, struct parley_id b)
{
	return a.entry == b.entry && a.id == b.id;
}

static inline struct parley_str str_of(const char *text)
{
	uint32_t len = 0;

	while (text[len] != 0)
		len++;
	return (struct parley_str){text, len};
}

#endif
