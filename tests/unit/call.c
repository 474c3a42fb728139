#include <stdlib.h>

#include "call.h"

void call_config(struct parley_config *config)
{
	parley_config_default(config);
	config->hash_size = 16;
	config->shards = 4;
	config->piece_bytes = 0; /* the ladder refuses each block */
}

bool call_begin(struct call *call, struct test_host *host,
		const struct parley_config *config)
{
	struct parley_config small;
	if (!config) {
		call_config(&small);
		config = &small;
	}
	*call = (struct call){.now = {.ms = 1000000, .unix_s = 1700000000}};
	return parley_create(&host->host, config, &call->engine) == 0;
}

void call_end(struct call *call)
{
	if (!call->engine)
		return;
	assert_no_fault(parley_check(call->engine));
	parley_destroy(call->engine);
}

struct fixture {
	struct test_host host;
	struct call call;
};

int call_setup(void **state)
{
	struct fixture *fixture = malloc(sizeof(*fixture));

	if (!fixture)
		return -1;
	test_host_init(&fixture->host, TEST_LOCKS_MAX, test_seed(1));
	*state = fixture;
	return call_begin(&fixture->call, &fixture->host, NULL) ? 0 : -1;
}

void call_restart(void **state, const struct parley_config *config)
{
	struct fixture *fixture = *state;

	call_end(&fixture->call);
	assert_true(call_begin(&fixture->call, &fixture->host, config));
}

int call_teardown(void **state)
{
	struct fixture *fixture = *state;

	call_end(&fixture->call);
	test_host_fini(&fixture->host);
	free(fixture);
	return 0;
}

struct call *call_of(void **state)
{
	return &((struct fixture *)*state)->call;
}

struct parley_event call_event(const struct call *call,
			       enum parley_event_type type)
{
	return (struct parley_event){.type = type, .id = call->id};
}

int call_feed(struct call *call, const struct parley_event *event)
{
	int rc = parley_feed(call->engine, call->now, event, &call->actions);
	if (call->actions.note.types != 0)
		parley_deliver(call->engine, &call->actions.note, NULL, false);
	assert_no_fault(parley_check(call->engine));
	return rc;
}

int call_invite(struct call *call, const char *callid, uint32_t cseq)
{
	struct parley_event event = call_event(call, PARLEY_EV_INVITE);
	event.callid = test_str(callid);
	event.from_tag = test_str("alice");
	event.from_uri = test_str("sip:alice@a.example");
	event.to_uri = test_str("sip:bob@b.example");
	event.req_uri = test_str("sip:bob@10.0.0.2");
	event.contact = test_str("sip:alice@10.0.0.1");
	event.route_set = test_str("<sip:p1;lr>");
	event.cseq = cseq;
	event.hold = true;
	int rc = call_feed(call, &event);
	if (rc == 0)
		call->id = call->actions.id;
	return rc;
}

int call_reply(struct call *call, const char *tag, uint16_t code)
{
	struct parley_event event = call_event(call, PARLEY_EV_REPLY_FAIL);
	if (code < 200)
		event.type = PARLEY_EV_REPLY_1XX;
	else if (code < 300)
		event.type = PARLEY_EV_REPLY_2XX;
	if (tag)
		event.to_tag = test_str(tag);
	event.code = code;
	event.cseq = 1;
	event.contact = test_str("sip:bob@10.0.0.2");
	event.route_set = test_str("<sip:p2;lr>");
	return call_feed(call, &event);
}

int call_request(struct call *call, enum parley_event_type type,
		 enum parley_direction dir, const char *tag, uint32_t cseq)
{
	struct parley_event event = call_event(call, type);
	event.dir = dir;
	event.to_tag = test_str(tag);
	event.cseq = cseq;
	return call_feed(call, &event);
}

int call_terminate(struct call *call, enum parley_side side)
{
	struct parley_event event = call_event(call, PARLEY_EV_TERMINATE);
	event.side = side;
	event.code = 480;
	event.reason = test_str("test");
	event.can_reply = true;
	return call_feed(call, &event);
}

int call_bye_done(struct call *call, const struct parley_actions *of,
		  uint32_t index, uint16_t code)
{
	struct parley_event event = call_event(call, PARLEY_EV_BYE_DONE);
	for (uint32_t i = 0; i < of->count; i++) {
		if (of->list[i].type != PARLEY_ACT_BYE || index-- > 0)
			continue;
		event.leg = of->list[i].leg;
		event.dir = of->list[i].dir;
		event.code = code;
		return call_feed(call, &event);
	}
	fail_msg("no such BYE");
	return -1;
}

int call_release(struct call *call, bool invite)
{
	struct parley_event event = call_event(call, PARLEY_EV_RELEASE);
	event.invite = invite;
	return call_feed(call, &event);
}

void call_up(struct call *call)
{
	assert_int_equal(call_invite(call, "call-1", 1), 0);
	assert_int_equal(call_reply(call, "bob", 180), 0);
	assert_int_equal(call_reply(call, "bob", 200), 0);
	assert_int_equal(call_request(call, PARLEY_EV_ACK,
				      PARLEY_DIR_DOWNSTREAM, "bob", 1),
			 0);
}

uint32_t call_wait(struct call *call, uint64_t ms)
{
	uint32_t count = 0;
	struct parley_actions actions;

	call->now.ms += ms;
	call->now.unix_s += (uint32_t)(ms / 1000);
	while (parley_expire(call->engine, call->now, &actions)) {
		count++;
		call->actions = actions;
		if (actions.note.types != 0)
			parley_deliver(call->engine, &actions.note, NULL,
				       false);
		assert_no_fault(parley_check(call->engine));
	}
	return count;
}

uint8_t call_state(struct call *call)
{
	char buffer[8192];
	struct parley_view view;
	if (parley_read(call->engine, call->now, call->id, &view, buffer,
			sizeof(buffer), NULL) < 0)
		return 0;
	return view.state;
}

struct parley_stats call_stats(struct call *call)
{
	struct parley_stats stats;
	parley_get_stats(call->engine, &stats);
	return stats;
}

uint32_t call_count(const struct call *call, enum parley_action_type type)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < call->actions.count; i++)
		count += call->actions.list[i].type == type;
	return count;
}
