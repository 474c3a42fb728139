/*
 * model.h - what the engine should know, kept the naive way
 *
 * What:    arrays, linear scans and plain rules, written from parley.h and
 *          DESIGN.md. The simulator tells it everything that it tells the
 *          engine, and compares all that can be read (compare.c).
 * Owns:    nothing beside its arrays.
 * Always:  what the model does not predict is said where it is left open:
 *          values of identities, memory, turns that were missed.
 * Why:     two programs that were written apart seldom err alike.
 */
#ifndef SIM_MODEL_H
#define SIM_MODEL_H

#include "parley.h"

struct sim;

enum {
	MODEL_DIALOGS = 40,
	MODEL_TEXT = 96,
	MODEL_TAG = 40,
	MODEL_VARS = 12,
	MODEL_MEMBERS = 16,
	MODEL_REMOTE = 36, /* 4 profiles, 3 values, 3 uids */
	NOTE_BITS = 18,
	STATE_BIT = 17, /* PARLEY_NOTE_STATE */
	SUBSCRIBERS = 2,
};

struct model_leg {
	uint32_t number;
	uint8_t state;
	char tag[MODEL_TAG];
	char contact[MODEL_TEXT], route_set[MODEL_TEXT];
	void *socket;
	uint32_t caller_cseq, callee_cseq, invite_cseq;
	bool bye_caller, bye_callee, bye_wait, assumed;
	uint32_t branches; /* that may still answer; bit n: number n + 1 */
	uint32_t byes;
	uint32_t lost[2];   /* failed keep-alives: callee's, caller's */
	uint32_t missed[2]; /* the same of pings, */
	bool asked[2];	    /* and whether an answer is to come */
	uint32_t shift[2], invite_shift[2]; /* of the caller's, the callee's */
};

struct model_var {
	bool used;
	char key[24], value[64];
};

struct model_member {
	bool used;
	int profile;
	char value[24];
};

/* A place of another server's call. */
struct model_remote {
	bool used;
	int profile;
	char value[24], uid[8];
	uint64_t due_ms; /* UINT64_MAX: none */
};

struct model_dialog {
	bool used;
	uint8_t state;
	struct parley_id id;
	char callid[MODEL_TEXT], from_tag[MODEL_TAG];
	char from_uri[MODEL_TEXT], to_uri[MODEL_TEXT], req_uri[MODEL_TEXT];
	char contact[MODEL_TEXT], route_set[MODEL_TEXT];
	char route_name[MODEL_TEXT], end_reason[MODEL_TEXT];
	void *socket;
	uint32_t invite_cseq;
	uint32_t init_s, start_s, end_s;
	uint32_t lifetime_s, flags, options;
	int32_t timeout_route;
	uint16_t end_code;
	uint64_t host_ref, answered_ms;
	/* UINT64_MAX: none */
	uint64_t due_lifetime_ms, due_state_ms, due_ping_ms;
	/* Mean something once it was to be pinged. */
	uint64_t due_pings_ms[2];		       /* OPTIONS, re-INVITEs */
	uint64_t theirs_until_ms[2], ours_until_ms[2]; /* offers: downstream,
							* upstream */
	bool pinged, ending, ended_by_us, linger, in_route;
	bool expired, given_up, invite_held;
	uint8_t end_cause; /* enum parley_ended, if nobody has asked for it */
	uint8_t end_sides; /* enum parley_side: what commands asked for */
	uint32_t delay_s, holds, byes;
	struct model_leg leg[PARLEY_LEGS_MAX];
	uint32_t leg_count, next_leg;
	uint32_t failed_branches;
	struct model_var var[MODEL_VARS];
	struct model_member member[MODEL_MEMBERS];
	/* The story that subscribers are told. */
	uint32_t undelivered; /* notes whose parley_deliver() is not over */
	uint32_t made[NOTE_BITS], told[SUBSCRIBERS][NOTE_BITS];
	uint32_t terminal_made, terminal_type;
	uint32_t terminal_told[SUBSCRIBERS], destroy_told[SUBSCRIBERS];
	uint8_t state_told[SUBSCRIBERS]; /* by PARLEY_NOTE_STATE */
	bool terminal_entered;
	bool states_mixed; /* one was told before an earlier one */
	bool silent;	   /* ended by decree: nobody is told */
	uint32_t subs;	   /* what subscriptions of its own want */
	uint64_t born;	   /* the higher the newer */
};

/* What an event should have led to. */
struct model_result {
	int rc;
	bool bogus; /* refused by the table, so counted */
	uint32_t notes;
	enum parley_direction dir;
	uint32_t count;
	struct parley_action list[PARLEY_ACTIONS_MAX];
};

struct model {
	struct model_dialog dialog[MODEL_DIALOGS];
	struct parley_stats stats; /* counters only */
	struct model_member reserved[MODEL_MEMBERS];
	struct model_remote remote[MODEL_REMOTE];
	uint64_t born;
};

struct model_dialog *model_find(struct model *model, struct parley_id id);
struct model_leg *model_leg(struct model_dialog *dialog, struct parley_str tag);
struct model_leg *model_leg_number(struct model_dialog *dialog,
				   uint32_t number);
bool model_up(const struct model_leg *leg);
/* Number of dialogs; of those with a random one of them in *@dialogp. */
uint32_t model_random(struct sim *sim, struct model_dialog **dialogp);
uint32_t model_count(const struct model *model);

/* model_feed.c: the rules of events. The engine's answer is not looked at. */
void model_feed(struct sim *sim, const struct parley_event *event,
		struct model_result *result);
/* Expiry of one timer of @dialog. */
void model_expire(struct sim *sim, struct model_dialog *dialog,
		  struct model_result *result);
void model_create(struct sim *sim, const struct parley_event *event,
		  struct parley_id id);

/* model_ping.c: keep-alives. */
bool model_ping_asks(const struct sim *sim, const struct model_dialog *dialog,
		     const struct model_leg *leg,
		     enum parley_direction towards);
/* Answered after its caller had given up (PARLEY_OPT_END_ON_RACE). */
bool model_raced(const struct model_dialog *dialog);
void model_race(const struct sim *sim, struct model_dialog *dialog);
void model_renew(const struct sim *sim, struct model_dialog *dialog);
enum parley_ended model_ended(const struct model_dialog *dialog);

/* After anything that may have changed whether they are wanted. */
void model_ping_clock(const struct sim *sim, struct model_dialog *dialog);
void model_ping_due(struct sim *sim, struct model_dialog *dialog,
		    struct model_result *result);
int model_ping_done(struct sim *sim, const struct parley_event *event,
		    struct model_dialog *dialog, struct model_result *result);
/* When a keep-alive of any kind is due next. */
uint64_t model_ping_next(const struct model_dialog *dialog);
/* What prepare() should say to a ping; @loosely: a clock may be behind. */
bool model_ping_may(const struct sim *sim, const struct model_dialog *dialog,
		    const struct model_leg *leg, enum parley_direction towards,
		    enum parley_ping ping);
bool model_ping_pends(const struct sim *sim, const struct model_dialog *dialog,
		      bool ours);
/* A request or reply within the call, which may be an offer. */
void model_ping_heard(const struct sim *sim, const struct parley_event *event,
		      struct model_dialog *dialog);
const char *model_var(const struct model_dialog *dialog, const char *key);
void model_var_put(struct sim *sim, struct model_dialog *dialog,
		   const char *key, const char *value);

/* Forgets the dialog if nothing holds it (and expects it to be gone). */
void model_settle(struct sim *sim, struct model_dialog *dialog);
/* The earliest time at which a timer is due. */
uint64_t model_next_ms(const struct model *model);
uint32_t model_members(const struct model *model, int profile,
		       const char *value);
struct model_member *model_member_add(struct model_member *list, int profile,
				      const char *value);

/* remote.c: some call for a remote place; one that has expired. */
void remote_act(struct sim *sim, int profile, const char *value);
void remote_expired(struct sim *sim);

static inline void text_copy(char *to, uint32_t size, struct parley_str text)
{
	uint32_t len = text.len < size - 1 ? text.len : size - 1;

	for (uint32_t i = 0; i < len; i++)
		to[i] = text.s[i];
	to[len] = 0;
}

#endif
