/* objects: all pair.o stored.o */
/*
 * What is recorded when, and what the database is told.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stored.h"

/* ------------------------------------------------ each change */

typedef int (*change)(struct call *call);

static int change_180(struct call *call)
{
	return call_reply(call, "eve", 180);
}

static int change_200(struct call *call)
{
	return call_reply(call, "bob", 200);
}

static int change_ack(struct call *call)
{
	return call_request(call, PARLEY_EV_ACK, DOWN, "bob", 1);
}

static int change_contact(struct call *call)
{
	struct parley_event event = call_event(call, PARLEY_EV_UPDATE);

	event.dir = UP;
	event.to_tag = test_str("bob");
	event.cseq = 77;
	event.contact = test_str("sip:bob@elsewhere.example.org");
	event.socket = stored_socket(1);
	event.lifetime_s = 1234;
	return call_feed(call, &event);
}

static int change_branch(struct call *call)
{
	struct parley_event event = call_event(call, PARLEY_EV_BRANCH_FAILED);

	event.to_tag = test_str("eve");
	return call_feed(call, &event);
}

static int change_flags(struct call *call)
{
	uint32_t flags;

	return parley_flags(call->engine, call->id, 0x80000001, 0, &flags);
}

static int change_options(struct call *call)
{
	uint32_t options;

	return parley_options(call->engine, call->now, call->id,
			      PARLEY_OPT_KA_CALLER | PARLEY_OPT_BYE_ON_TIMEOUT,
			      0, &options);
}

static int change_var(struct call *call)
{
	return parley_var_set(call->engine, call->id, test_str("account"),
			      test_str("4711"));
}

static int change_var_gone(struct call *call)
{
	return parley_var_set(call->engine, call->id, test_str("account"),
			      (struct parley_str){0});
}

static int change_route(struct call *call)
{
	return parley_set_timeout_route(call->engine, call->id, 7,
					test_str("LATE"));
}

static int change_target(struct call *call)
{
	const struct parley_target target = {
		.of = DOWN,
		.contact = test_str("sip:alice@new.example"),
		.socket = stored_socket(0),
	};

	return parley_set_target(call->engine, call->id, &target);
}

static int change_lifetime(struct call *call)
{
	return parley_set_lifetime(call->engine, call->now, call->id, 777);
}

/* The number of the leg that has answered. */
static uint32_t first_leg(struct call *call)
{
	_Alignas(max_align_t) char buffer[4096];
	struct parley_view view;

	assert_int_equal(parley_read(call->engine, call->now, call->id, &view,
				     buffer, sizeof(buffer), NULL),
			 0);
	return view.legs[0].number;
}

static int change_raise(struct call *call)
{
	struct parley_cseq request = {
		.leg = first_leg(call), .dir = DOWN, .cseq = 5};

	return parley_cseq_raise(call->engine, call->id, &request);
}

static int change_own_request(struct call *call)
{
	struct parley_request request;
	char buffer[1024];

	return parley_request_prepare(call->engine, call->id, first_leg(call),
				      DOWN, PARLEY_REQUEST_NEXT, &request,
				      buffer, sizeof(buffer), NULL);
}

static int change_join(struct call *call)
{
	return parley_profile_join(call->engine, call->id, 0, test_str("x"), 0,
				   false);
}

static int change_join_plain(struct call *call)
{
	return parley_profile_join(call->engine, call->id, 1,
				   (struct parley_str){0}, 0, false);
}

static int change_leave(struct call *call)
{
	return parley_profile_leave(call->engine, call->id, 0, test_str("x"));
}

static int change_state(struct call *call)
{
	struct parley_event event = call_event(call, PARLEY_EV_SET_STATE);

	event.state = PARLEY_STATE_ANSWERED;
	return call_feed(call, &event);
}

static int change_by_timer(struct call *call)
{
	return call_wait(call, 60000) > 0 ? 0 : -1; /* noack_timeout */
}

/* One life of a call; each step is recorded by itself. */
static void each_change_survives(void **state)
{
	static const change changes[] = {
		change_180,	 change_branch,	     change_180,
		change_var,	 change_200,	     change_ack,
		change_contact,	 change_flags,	     change_options,
		change_var,	 change_var_gone,    change_route,
		change_target,	 change_lifetime,    change_raise,
		change_join,	 change_own_request, change_join_plain,
		change_join,	 change_leave,	     change_state,
		change_by_timer,
	};
	struct stored *f = *state;

	assert_int_equal(call_invite(&f->call, "c", 1), 0);
	stored_survives(f);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		f->call.now.ms += 1000;
		f->call.now.unix_s++;
		assert_int_equal(changes[i](&f->call), 0);
		assert_int_equal(stored_stats(f).waiting, 1);
		stored_survives(f);
		/* The database takes it away, so that the next step cannot
		 * live on an earlier record. */
		assert_int_equal(stored_flush(f), 1);
		assert_int_equal(stored_stats(f).waiting, 0);
	}
	assert_int_equal(f->loaded, 23);
}

/* What changes nothing is not written. */
static void no_change_no_record(void **state)
{
	struct stored *f = *state;
	struct call *call = &f->call;
	struct parley_event event;
	struct parley_cseq request = {.leg = 9, .dir = DOWN, .cseq = 5};
	uint32_t bits;

	assert_int_equal(call_invite(call, "c", 1), 0);
	assert_int_equal(call_reply(call, "bob", 180), 0);
	assert_int_equal(stored_flush(f), 1);
	event = call_event(call, PARLEY_EV_SPIRAL);
	assert_int_equal(call_feed(call, &event), 0);
	event = call_event(call, PARLEY_EV_CANCEL);
	assert_int_equal(call_feed(call, &event), 0);
	event = call_event(call, PARLEY_EV_BRANCH_FAILED);
	event.to_tag = test_str("nobody");
	assert_int_equal(call_feed(call, &event), 0);
	assert_int_equal(call_request(call, PARLEY_EV_ACK, DOWN, "eve", 1),
			 PARLEY_E_NO_LEG);
	assert_int_equal(parley_flags(call->engine, call->id, 0, 1, &bits), 0);
	assert_int_equal(parley_cseq_raise(call->engine, call->id, &request),
			 PARLEY_E_NO_LEG);
	assert_int_equal(change_leave(call), PARLEY_E_ABSENT);
	assert_int_equal(change_var_gone(call), PARLEY_E_ABSENT);
	assert_int_equal(stored_flush(f), 0);
}

/* ------------------------------------------------ the end */

/* A call that came and went between two batches costs no statement. */
static void unknown_end_leaves_nothing(void **state)
{
	struct stored *f = *state;
	struct parley_record record;

	call_up(&f->call);
	assert_int_equal(stored_stats(f).waiting, 1);
	assert_int_equal(stored_hang_up(&f->call), 0);
	assert_int_equal(stored_stats(f).waiting, 0);
	assert_int_equal(stored_take(f, &record), 0);
	assert_int_equal(stored_crash(f), 0);
	assert_int_equal(call_state(&f->call), 0);
}

static void known_end_is_recorded(void **state)
{
	struct stored *f = *state;
	struct parley_record record;
	struct parley_id id;

	call_up(&f->call);
	id = f->call.id;
	assert_int_equal(stored_flush(f), 1);
	assert_int_equal(stored_hang_up(&f->call), 0);
	/* While the dialog still waits for late messages. */
	assert_int_equal(call_state(&f->call), 5);
	assert_int_equal(stored_stats(f).waiting, 1);
	assert_int_equal(call_request(&f->call, PARLEY_EV_BYE, UP, "bob", 3),
			 0);
	assert_int_equal(stored_stats(f).waiting, 1);
	assert_int_equal(stored_crash(f), 0);
	assert_int_equal(stored_take(f, &record), 1);
	assert_true(record.gone && record.known);
	assert_int_equal(record.image.view.id.entry, id.entry);
	assert_int_equal(record.image.view.id.id, id.id);
	same_text(record.image.view.callid, test_str("call-1"));
	stored_done(f, record.ticket, true);
	assert_int_equal(stored_stats(f).waiting + stored_stats(f).taken, 0);
}

static void ended_while_taken(void **state)
{
	for (int written = 0; written < 2; written++) {
		struct stored *f = *state;
		struct parley_record put, gone;

		assert_int_equal(call_invite(&f->call, "c", 1), 0);
		assert_int_equal(stored_take(f, &put), 1);
		assert_false(put.known);
		assert_int_equal(call_reply(&f->call, NULL, 486), 0);
		/* It may be there or not: who knows what a commit did that
		 * was never answered. */
		if (written == 0)
			stored_done(f, put.ticket, false);
		assert_int_equal(stored_take(f, &gone), 1);
		assert_true(gone.gone && gone.known);
		if (written == 1)
			stored_done(f, put.ticket, true);
		stored_done(f, gone.ticket, true);
		assert_int_equal(stored_take(f, &put), 0);
		assert_int_equal(call_release(&f->call, true), 0);
		assert_int_equal(stored_crash(f), 0);
	}
}

/* The commit failed, or nobody knows: the end has to be told all the same. */
static void known_for_ever(void **state)
{
	struct stored *f = *state;
	struct parley_record record;

	call_up(&f->call);
	assert_int_equal(stored_take(f, &record), 1);
	stored_done(f, record.ticket, false);
	assert_int_equal(stored_hang_up(&f->call), 0);
	assert_int_equal(stored_take(f, &record), 1);
	assert_true(record.gone);
	stored_done(f, record.ticket, true);
}

static void taken_and_replaced(void **state)
{
	struct stored *f = *state;
	struct parley_record first, second;

	assert_int_equal(call_invite(&f->call, "c", 1), 0);
	assert_int_equal(stored_take(f, &first), 1);
	assert_int_equal(first.image.view.state, 1);
	assert_int_equal(call_reply(&f->call, "bob", 180), 0);
	assert_int_equal(call_reply(&f->call, "bob", 200), 0);
	assert_int_equal(stored_stats(f).waiting, 1);
	assert_int_equal(stored_stats(f).taken, 1);
	assert_int_equal(stored_take(f, &second), 1);
	assert_int_equal(second.image.view.state, 3);
	assert_true(second.known && !second.gone);
	stored_done(f, first.ticket, true);
	stored_done(f, second.ticket, false);
	/* The older one never comes back. */
	assert_int_equal(stored_take(f, &first), 1);
	assert_int_equal(first.image.view.state, 3);
	stored_done(f, first.ticket, true);
	assert_int_equal(stored_take(f, &first), 0);
	assert_int_equal(call_state(&f->call), 3);
	assert_int_equal(stored_crash(f), 0);
}

static void small_buffer_takes_nothing(void **state)
{
	struct stored *f = *state;
	struct parley_record record;
	size_t needed = 0, size = 0;
	int rc;

	call_up(&f->call);
	while ((rc = parley_store_take(f->call.engine, f->call.now, &record,
				       f->buffer, size, &needed)) ==
	       PARLEY_E_SPACE) {
		assert_true(needed > size);
		size = needed;
		assert_int_equal(stored_stats(f).waiting, 1);
		assert_int_equal(stored_stats(f).taken, 0);
	}
	assert_int_equal(rc, 1);
	assert_int_equal(record.image.view.state, 4);
}

/* ------------------------------------------------ before the unlock */

/* What the area is like when a lock is dropped for the first time: whoever has
 * waited for it may tell the network. */
struct moment {
	struct stored *f;
	void (*unlock)(void *self, uint32_t index);
	char *area; /* NULL: that was it */
	bool armed;
};

static struct moment moment;

static void unlock_and_look(void *self, uint32_t index)
{
	moment.unlock(self, index);
	if (!moment.armed || index >= 4) /* shards */
		return;
	moment.armed = false;
	memcpy(moment.area, moment.f->area, AREA);
}

/* The state that a crash at this moment leaves, 0: none. */
static uint8_t state_then(struct stored *f)
{
	assert_false(moment.armed);
	memcpy(f->area, moment.area, AREA);
	return stored_crash(f) == 1 ? call_state(&f->call) : 0;
}

static void recorded_before_the_unlock(void **state)
{
	struct stored *f = *state;

	call_end(&f->call);
	moment = (struct moment){
		.f = f, .unlock = f->host->host.unlock, .area = malloc(AREA)};
	assert_non_null(moment.area);
	f->host->host.unlock = unlock_and_look;
	assert_true(stored_begin(f));
	moment.armed = true;
	assert_int_equal(call_invite(&f->call, "c", 1), 0);
	assert_int_equal(state_then(f), 1);
	assert_int_equal(call_reply(&f->call, "bob", 200), 0);
	moment.armed = true;
	assert_int_equal(change_ack(&f->call), 0);
	assert_int_equal(state_then(f), 4);
	assert_int_equal(stored_flush(f), 1);
	moment.armed = true;
	assert_int_equal(stored_hang_up(&f->call), 0);
	assert_int_equal(state_then(f), 0);
	assert_int_equal(stored_stats(f).waiting, 1); /* its end */
	f->host->host.unlock = moment.unlock;
	free(moment.area);
}

/* ------------------------------------------------ no room */

static void full_journal_catches_up(void **state)
{
	struct stored *f = *state;
	struct parley_id first, last;
	struct parley_record record;
	uint32_t count = 1, written = 0;

	assert_true(stored_fat_call(f, 0));
	first = f->call.id;
	while (stored_fat_call(f, count++))
		assert_true(count < 100);
	last = f->call.id;
	assert_int_equal(stored_stats(f).unrecorded, 1);
	while (stored_take(f, &record) == 1) {
		written++;
		stored_done(f, record.ticket, true);
	}
	assert_true(written >= count);
	assert_int_equal(stored_stats(f).unrecorded, 0);
	f->call.id = first;
	assert_int_equal(call_reply(&f->call, NULL, 486), 0);
	f->call.id = last;
	assert_int_equal(call_reply(&f->call, NULL, 486), 0);
	assert_int_equal(stored_flush(f), 2);
}

/* An end that finds no room keeps the dialog until it has some. */
static void end_without_room(void **state)
{
	enum { KNOWN = 200 };
	struct stored *f = *state;
	struct parley_id ids[KNOWN];
	struct parley_record record;
	uint32_t gone = 0, number = 0;

	call_end(&f->call);
	f->config.end_timeout_s = 1;
	assert_true(stored_begin(f));
	for (uint32_t i = 0; i < KNOWN; i++) {
		char callid[20];

		snprintf(callid, sizeof(callid), "c-%u", i);
		assert_int_equal(call_invite(&f->call, callid, 1), 0);
		assert_int_equal(stored_flush(f), 1);
		ids[i] = f->call.id;
	}
	while (stored_fat_call(f, number))
		number++;
	for (uint32_t i = 0; i < KNOWN; i++) {
		f->call.id = ids[i];
		assert_int_equal(call_reply(&f->call, NULL, 486), 0);
		assert_int_equal(call_release(&f->call, true), 0);
	}
	/* The fat one and some ends. */
	assert_true(stored_stats(f).unrecorded > 1);
	assert_int_equal(call_stats(&f->call).now_in[5],
			 stored_stats(f).unrecorded - 1);
	call_wait(&f->call, 5000);
	assert_int_equal(call_stats(&f->call).now_in[5],
			 stored_stats(f).unrecorded - 1);
	while (stored_take(f, &record) == 1) {
		gone += record.gone;
		stored_done(f, record.ticket, true);
	}
	assert_int_equal(gone, KNOWN);
	assert_int_equal(stored_stats(f).unrecorded, 0);
	assert_int_equal(call_stats(&f->call).now_in[5], 0);
}

/* ------------------------------------------------ memory */

/* One change, which has been made or not; its record says the same. */
static bool step(struct stored *f, int rc)
{
	struct parley_image before, after;

	assert_true(rc == 0 || rc == PARLEY_E_MEMORY);
	stored_export(f, &before, f->images[0]);
	/* Without memory for a second engine there is nothing to compare. */
	parley_destroy(f->call.engine);
	if (!stored_begin(f))
		return false;
	struct parley_record left;
	uint32_t cursor = 0;

	assert_int_equal(stored_next(f, &cursor, &left), 1);
	if (stored_import(f, &left.image) != 0)
		return false;
	stored_export(f, &after, f->images[1]);
	same_view(&before.view, &after.view);
	return rc == 0;
}

/* The store needs no memory of the host's. What could not be done for want of
 * it is not recorded, and what was done is. */
static bool life(struct stored *f)
{
	static const change changes[] = {
		change_180, change_var,	   change_200,
		change_ack, change_target, change_join,
	};

	if (!stored_begin(f) || call_invite(&f->call, "c", 1) != 0)
		return false;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
		if (!step(f, changes[i](&f->call)))
			return false;
	assert_int_equal(stored_hang_up(&f->call), 0);
	assert_int_equal(stored_stats(f).waiting, 1);
	assert_int_equal(stored_flush(f), 1);
	return true;
}

static bool rung(struct test_host *host)
{
	struct stored *f = malloc(sizeof(*f));
	bool all;

	assert_non_null(f);
	stored_init(f, host);
	all = life(f);
	call_end(&f->call);
	free(f->area);
	free(f);
	return all;
}

static void test_ladder(void **state)
{
	struct parley_config config;

	(void)state;
	call_config(&config);
	assert_true(ladder(rung, parley_locks(&config),
			   parley_locks(&config) - 2) > 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE(each_change_survives),
		STORE(no_change_no_record),
		STORE(unknown_end_leaves_nothing),
		STORE(known_end_is_recorded),
		STORE(ended_while_taken),
		STORE(known_for_ever),
		STORE(taken_and_replaced),
		STORE(small_buffer_takes_nothing),
		STORE(recorded_before_the_unlock),
		STORE(full_journal_catches_up),
		STORE(end_without_room),
		cmocka_unit_test(test_ladder),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
