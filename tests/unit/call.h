/*
 * call.h - one call, told to the engine in few words
 *
 * What:    a test engine with a clock, and one function for each message of a
 *          call between "alice" and one or more callees' tags.
 * Owns:    the engine; call_end() destroys it and checks every invariant.
 */
#ifndef CALL_H
#define CALL_H

#include "support.h"

#define DOWN PARLEY_DIR_DOWNSTREAM
#define UP PARLEY_DIR_UPSTREAM

struct call {
	struct parley *engine;
	struct parley_now now;
	struct parley_id id;
	struct parley_actions actions; /* of the last event */
};

/* @config may be NULL: the defaults, few shards. False: no memory. */
bool call_begin(struct call *call, struct test_host *host,
		const struct parley_config *config);
/* A configuration small enough for tests. */
void call_config(struct parley_config *config);
void call_end(struct call *call);

/* For cmocka: a call with a host of its own in *state. */
int call_setup(void **state);
int call_teardown(void **state);
/* Begins again with another configuration. */
void call_restart(void **state, const struct parley_config *config);
struct call *call_of(void **state);

/* Feeds and checks every invariant afterwards. */
int call_feed(struct call *call, const struct parley_event *event);
struct parley_event call_event(const struct call *call,
			       enum parley_event_type type);

int call_invite(struct call *call, const char *callid, uint32_t cseq);
/* A reply to the INVITE; @tag NULL: none. */
int call_reply(struct call *call, const char *tag, uint16_t code);
/* An in-dialog request on the leg @tag. */
int call_request(struct call *call, enum parley_event_type type,
		 enum parley_direction dir, const char *tag, uint32_t cseq);
int call_terminate(struct call *call, enum parley_side side);
/* Reports the end of BYE number @index among the actions @of. */
int call_bye_done(struct call *call, const struct parley_actions *of,
		  uint32_t index, uint16_t code);
int call_release(struct call *call, bool invite);
/* INVITE, 180, 200 and ACK with the tag "bob". */
void call_up(struct call *call);

/* Moves the clock and pulls all timers; returns how many came. The actions of
 * the last one are in call->actions. */
uint32_t call_wait(struct call *call, uint64_t ms);

/* State of the dialog, 0 if it is gone. */
uint8_t call_state(struct call *call);
struct parley_stats call_stats(struct call *call);
/* Number of actions of a type in the last event. */
uint32_t call_count(const struct call *call, enum parley_action_type type);

#endif
