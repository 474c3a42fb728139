/*
 * calls.h - an engine on the test host, and whole calls for it
 *
 * What:    shorthands for tests of many calls at once (call.h: of one). Call
 *          number n has the Call-ID "call-n" and the caller's tag "caller-n";
 *          each callee of it has the tag "callee".
 * Time:    stands still at calls_now(); tests that want it to go pass theirs.
 * Always:  the locks are watched: the last one, memory's, is the leaf.
 */
#ifndef CALLS_H
#define CALLS_H

#include <stdio.h>
#include <string.h>

#include "support.h"

enum {
	PLAIN, /* profiles of calls_config() */
	CALLER,
	OWN,
	CALLS_PROFILES,
	CALLS_LOCKS = 8 + 32 + 2, /* shards, profiles, journal, memory */
};

static inline struct parley_now calls_now(void)
{
	return (struct parley_now){.ms = 1000000, .unix_s = 1700000000};
}

static inline struct parley_config calls_config(void)
{
	static const struct parley_profile_config profiles[CALLS_PROFILES] = {
		[PLAIN] = {"plain", false},
		[CALLER] = {"caller", true},
		[OWN] = {"own", true},
	};
	struct parley_config config;

	parley_config_default(&config);
	config.hash_size = 64;
	config.shards = 8;
	config.profiles = profiles;
	config.profile_count = CALLS_PROFILES;
	return config;
}

/* NULL only when memory was refused. */
static inline struct parley *calls_engine(struct test_host *host,
					  const struct parley_config *config)
{
	struct parley *engine = NULL;
	int rc;

	assert_int_equal(parley_locks(config), CALLS_LOCKS);
	host->leaf = CALLS_LOCKS - 1;
	rc = parley_create(&host->host, config, &engine);
	assert_true(rc == 0 || (rc == PARLEY_E_MEMORY && host->refused > 0));
	return engine;
}

/* An engine of its own for a test without special wishes. */
static inline struct parley *calls_start(struct test_host *host)
{
	struct parley_config config = calls_config();

	test_host_init(host, CALLS_LOCKS, test_seed(1));
	return calls_engine(host, &config);
}

static inline void calls_stop(struct test_host *host, struct parley *engine)
{
	assert_no_fault(parley_check(engine));
	test_host_assert_unlocked(host);
	parley_destroy(engine);
	test_host_fini(host);
}

/* The INVITE of call @n. Not delivered. */
static inline int calls_invite_with(struct parley *engine, uint32_t n,
				    const struct parley_create_facts *facts,
				    struct parley_actions *actions)
{
	struct parley_event event = {.type = PARLEY_EV_INVITE};
	char callid[32], tag[32];

	snprintf(callid, sizeof(callid), "call-%u", n);
	snprintf(tag, sizeof(tag), "caller-%u", n);
	event.callid = test_str(callid);
	event.from_tag = test_str(tag);
	event.from_uri = test_str("sip:alice@example.com");
	event.to_uri = test_str("sip:bob@example.com");
	event.req_uri = test_str("sip:bob@192.0.2.1:5070");
	event.contact = test_str("sip:alice@192.0.2.2");
	event.route_set = test_str("<sip:192.0.2.3;lr>");
	event.socket = actions;
	event.cseq = 10;
	event.create = facts;
	return parley_feed(engine, calls_now(), &event, actions);
}

/* Feeds an event for a known dialog. Not delivered. */
static inline int calls_feed(struct parley *engine, struct parley_id id,
			     enum parley_event_type type,
			     struct parley_actions *actions)
{
	struct parley_event event = {.type = type, .id = id};

	event.to_tag = test_str("callee");
	event.dir = PARLEY_DIR_DOWNSTREAM;
	event.contact = test_str("sip:bob@192.0.2.1:5070");
	event.route_set = test_str("<sip:192.0.2.4;lr>");
	event.cseq =
		type == PARLEY_EV_BYE || type == PARLEY_EV_REQUEST ? 11 : 10;
	event.method = PARLEY_EV_BYE;
	event.side = PARLEY_SIDE_ALL;
	switch (type) {
	case PARLEY_EV_REPLY_1XX:
		event.code = 180;
		break;
	case PARLEY_EV_REPLY_FAIL:
		event.code = 486;
		event.reason = test_str("Busy Here");
		break;
	default:
		event.code = 200;
		break;
	}
	return parley_feed(engine, calls_now(), &event, actions);
}

/* The same, delivered with a message that may wait. */
static inline void calls_step(struct parley *engine, struct parley_id id,
			      enum parley_event_type type)
{
	struct parley_actions actions;

	assert_int_equal(calls_feed(engine, id, type, &actions), 0);
	parley_deliver(engine, &actions.note, &actions, true);
}

/* Call @n, with its INVITE delivered; {0, 0} when memory was refused. */
static inline struct parley_id calls_invite(struct parley *engine, uint32_t n)
{
	struct parley_actions actions;
	int rc = calls_invite_with(engine, n, NULL, &actions);

	assert_true(rc == 0 || rc == PARLEY_E_MEMORY);
	if (rc == 0)
		parley_deliver(engine, &actions.note, &actions, true);
	return actions.id;
}

/* Call @n, answered and confirmed; memory is not refused. */
static inline struct parley_id calls_up(struct parley *engine, uint32_t n)
{
	struct parley_id id = calls_invite(engine, n);

	calls_step(engine, id, PARLEY_EV_REPLY_2XX);
	calls_step(engine, id, PARLEY_EV_ACK);
	return id;
}

#endif
