/* objects: all */
#include "notes.h"

/* ------------------------------------------------------------ whom, what */

static void test_whole_call(void **state)
{
	struct subscriber all;
	struct notes *notes = notes_create(&all);
	struct parley_event event = {
		.type = PARLEY_EV_BYE,
		.id = notes->id,
		.dir = PARLEY_DIR_UPSTREAM,
		.to_tag = test_str("callee"),
		.hold = true,
	};
	struct parley_actions actions;

	(void)state;
	calls_step(notes->engine, notes->id, PARLEY_EV_REPLY_1XX);
	calls_step(notes->engine, notes->id, PARLEY_EV_REPLY_2XX);
	calls_step(notes->engine, notes->id, PARLEY_EV_ACK);
	calls_step(notes->engine, notes->id, PARLEY_EV_REQUEST);
	assert_log(notes, "1e 1a 1k 1w");
	assert_int_equal(notes->told.dir, PARLEY_DIR_DOWNSTREAM);
	assert_int_equal(notes->told.old_state, PARLEY_STATE_CONFIRMED);
	assert_int_equal(notes->told.new_state, PARLEY_STATE_CONFIRMED);

	assert_int_equal(
		parley_feed(notes->engine, calls_now(), &event, &actions), 0);
	parley_deliver(notes->engine, &actions.note, notes, true);
	assert_log(notes, "1t");
	assert_int_equal(notes->told.type, PARLEY_NOTE_TERMINATED);
	assert_int_equal(notes->told.dir, PARLEY_DIR_UPSTREAM);
	assert_int_equal(notes->told.old_state, PARLEY_STATE_CONFIRMED);
	assert_int_equal(notes->told.new_state, PARLEY_STATE_DELETED);
	assert_int_equal(notes->told.id.id, notes->id.id);
	assert_ptr_equal(notes->told.message, notes);

	calls_step(notes->engine, notes->id, PARLEY_EV_REPLY_WITHIN);
	assert_log(notes, "1y 1b");
	calls_step(notes->engine, notes->id, PARLEY_EV_RELEASE);
	assert_log(notes, "1d");
	assert_null(notes->told.message);
	assert_int_equal(missed(notes), 0);
	assert_int_equal(parley_count(notes->engine, PARLEY_STATE_DELETED), 0);
	notes_destroy(notes);
}

static void feed_and_deliver(struct notes *notes,
			     const struct parley_event *event,
			     struct parley_actions *actions)
{
	assert_int_equal(
		parley_feed(notes->engine, calls_now(), event, actions), 0);
	parley_deliver(notes->engine, &actions->note, NULL, false);
}

/* A call that we end is over when that was decided, not when a party that may
 * be dead has answered its BYE. */
static void test_end_of_ours(void **state)
{
	struct subscriber all;
	struct notes *notes = notes_create(&all);
	struct parley_event end = {.type = PARLEY_EV_TERMINATE,
				   .id = notes->id,
				   .side = PARLEY_SIDE_CALLER};
	struct parley_event done = {.type = PARLEY_EV_BYE_DONE,
				    .id = notes->id,
				    .leg = 1,
				    .code = 200};
	struct parley_actions actions;

	(void)state;
	calls_step(notes->engine, notes->id, PARLEY_EV_REPLY_2XX);
	calls_step(notes->engine, notes->id, PARLEY_EV_ACK);
	assert_log(notes, "1a 1k");
	/* The callee does not know yet. */
	feed_and_deliver(notes, &end, &actions);
	assert_log(notes, "");
	end.side = PARLEY_SIDE_ALL;
	feed_and_deliver(notes, &end, &actions);
	assert_log(notes, "1t");
	assert_int_equal(notes->told.new_state, PARLEY_STATE_CONFIRMED);
	assert_null(notes->told.message);
	feed_and_deliver(notes, &end, &actions);
	done.dir = PARLEY_DIR_UPSTREAM;
	feed_and_deliver(notes, &done, &actions);
	assert_log(notes, "");
	done.dir = PARLEY_DIR_DOWNSTREAM;
	feed_and_deliver(notes, &done, &actions);
	assert_log(notes, "1b");
	notes_destroy(notes);
}

/* ------------------------------------------------------------ states */

/* The states of the last note. */
static void assert_states(const struct notes *notes, uint8_t from, uint8_t to)
{
	assert_int_equal(notes->told.type, PARLEY_NOTE_STATE);
	assert_int_equal(notes->told.old_state, from);
	assert_int_equal(notes->told.new_state, to);
}

static void want_states(struct notes *notes, struct subscriber *second)
{
	*second = (struct subscriber){notes, 'h', 0};
	assert_int_equal(parley_subscribe_all(notes->engine, PARLEY_NOTE_STATE,
					      subscriber_run, second),
			 0);
	/* There is no room for it among those of one dialog. */
	assert_int_equal(parley_subscribe(notes->engine, notes->id,
					  PARLEY_NOTE_STATE, subscriber_run,
					  second, NULL),
			 PARLEY_E_ARGUMENT);
}

static void test_states(void **state)
{
	struct subscriber all, second;
	struct notes *notes = notes_create(&all);

	(void)state;
	want_states(notes, &second);
	calls_step(notes->engine, notes->id, PARLEY_EV_REPLY_1XX);
	assert_log(notes, "1e hh");
	assert_states(notes, 1, 2);
	calls_step(notes->engine, notes->id, PARLEY_EV_REPLY_1XX);
	assert_log(notes, "1e");
	calls_step(notes->engine, notes->id, PARLEY_EV_REPLY_2XX);
	assert_log(notes, "1a hh");
	assert_states(notes, 2, 3);
	calls_step(notes->engine, notes->id, PARLEY_EV_ACK);
	assert_log(notes, "1k hh");
	assert_states(notes, 3, 4);
	calls_step(notes->engine, notes->id, PARLEY_EV_BYE);
	assert_log(notes, "hh 1t 1d");
	notes_destroy(notes);
}

/* The end that we decide on is told before the call is over. */
static void test_states_after_the_end(void **state)
{
	struct subscriber all, second;
	struct notes *notes = notes_create(&all);

	(void)state;
	want_states(notes, &second);
	calls_step(notes->engine, notes->id, PARLEY_EV_REPLY_2XX);
	calls_step(notes->engine, notes->id, PARLEY_EV_ACK);
	calls_step(notes->engine, notes->id, PARLEY_EV_TERMINATE);
	assert_log(notes, "1a hh 1k hh 1t");
	calls_step(notes->engine, notes->id, PARLEY_EV_BYE);
	assert_log(notes, "hh");
	assert_states(notes, 4, 5);
	notes_destroy(notes);
}

/* By decree nobody else is told of anything. */
static void test_states_by_decree(void **state)
{
	struct subscriber all, second;
	struct notes *notes = notes_create(&all);
	struct parley_event event = {.type = PARLEY_EV_SET_STATE,
				     .id = notes->id,
				     .to_tag = test_str("callee")};
	struct parley_actions actions;

	(void)state;
	want_states(notes, &second);
	event.state = PARLEY_STATE_CONFIRMED;
	feed_and_deliver(notes, &event, &actions);
	assert_log(notes, "hh");
	assert_states(notes, 1, 4); /* one change */
	event.state = PARLEY_STATE_ANSWERED;
	feed_and_deliver(notes, &event, &actions);
	assert_log(notes, "hh");
	assert_states(notes, 4, 3);
	feed_and_deliver(notes, &event, &actions);
	assert_log(notes, "");
	notes_destroy(notes);
}

/* Last come first, those of the dialog before those of the engine. */
static void test_order_of_subscribers(void **state)
{
	struct subscriber all, second, own[3];
	struct notes *notes = notes_create(&all);

	(void)state;
	second = (struct subscriber){notes, '2', 0};
	assert_int_equal(
		parley_subscribe_all(notes->engine,
				     PARLEY_NOTE_EARLY | PARLEY_NOTE_FAILED,
				     subscriber_run, &second),
		0);
	for (uint32_t i = 0; i < 3; i++) {
		own[i] = (struct subscriber){notes, (char)('x' + i), 0};
		assert_int_equal(parley_subscribe(notes->engine, notes->id,
						  i == 1 ? PARLEY_NOTE_FAILED
							 : EVERYTHING,
						  subscriber_run, &own[i],
						  subscriber_release),
				 0);
	}
	calls_step(notes->engine, notes->id, PARLEY_EV_REPLY_1XX);
	assert_log(notes, "2e 1e ze xe");
	calls_step(notes->engine, notes->id, PARLEY_EV_REPLY_FAIL);
	assert_log(notes, "2f 1f zf yf xf 1d zd xd");
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(own[i].released, 1);
	/* The next call has none of them. */
	notes->id = calls_invite(notes->engine, 2);
	assert_log(notes, "1c");
	notes_destroy(notes);
}

static void test_order_within_a_note(void **state)
{
	struct subscriber all;
	struct notes *notes = notes_create(&all);
	struct parley_note note =
		make(notes, EVERYTHING & ~(uint32_t)PARLEY_NOTE_DESTROY);

	(void)state;
	note.new_state = PARLEY_STATE_DELETED; /* a BYE's REPLY_WITHIN */
	deliver(notes, note);
	/* Of the three ways to end only one. */
	assert_log(notes, "1l 1c 1a 1k 1w 1e 1r 1p 1s 1f 1y 1b");
	assert_int_equal(refs(notes), 0);
	notes_destroy(notes);
}

static void test_nobody_wants_it(void **state)
{
	struct test_host host;
	struct parley *engine = calls_start(&host);
	struct notes notes = {.engine = engine};
	struct subscriber own = {&notes, 'o', 0};
	struct parley_actions actions;

	(void)state;
	notes.id = calls_invite(engine, 1);
	assert_int_equal(
		calls_feed(engine, notes.id, PARLEY_EV_REPLY_1XX, &actions), 0);
	assert_int_equal(actions.note.types, 0);
	assert_int_equal(refs(&notes), 0);
	parley_deliver(engine, &actions.note, NULL, false);
	parley_notify(engine, notes.id, PARLEY_NOTE_RPC_CONTEXT,
		      PARLEY_DIR_NONE, NULL);
	assert_int_equal(parley_subscribe(engine, notes.id, PARLEY_NOTE_EXPIRED,
					  subscriber_run, &own, NULL),
			 0);
	assert_int_equal(
		calls_feed(engine, notes.id, PARLEY_EV_REPLY_FAIL, &actions),
		0);
	assert_int_equal(actions.note.types, 0);
	assert_int_equal(parley_next(engine, &(struct parley_id){0, 0}), false);
	calls_stop(&host, engine);
}

static void test_subscribe_arguments(void **state)
{
	struct test_host host;
	struct parley *engine = calls_start(&host);
	struct parley_id id = calls_invite(engine, 1);
	const struct parley_id nobody = {id.entry, id.id ^ 1};
	struct subscriber own = {0};
	uint32_t limit;

	(void)state;
	assert_int_equal(parley_subscribe_all(engine, 0, subscriber_run, NULL),
			 PARLEY_E_ARGUMENT);
	assert_int_equal(
		parley_subscribe_all(engine, 1U << 31, subscriber_run, NULL),
		PARLEY_E_ARGUMENT);
	assert_int_equal(parley_subscribe_all(engine, EVERYTHING, NULL, NULL),
			 PARLEY_E_ARGUMENT);
	assert_int_equal(
		parley_subscribe(engine, id, 0, subscriber_run, NULL, NULL),
		PARLEY_E_ARGUMENT);
	assert_int_equal(
		parley_subscribe(engine, id, EVERYTHING, NULL, NULL, NULL),
		PARLEY_E_ARGUMENT);
	assert_int_equal(parley_subscribe(engine, nobody, EVERYTHING,
					  subscriber_run, &own,
					  subscriber_release),
			 PARLEY_E_NO_DIALOG);
	/* Nothing from the pieces, nothing from the host. */
	limit = engine->mem.limit;
	engine->mem.limit = 0;
	host.refuse_from = 0;
	assert_int_equal(parley_subscribe(engine, id, EVERYTHING,
					  subscriber_run, &own,
					  subscriber_release),
			 PARLEY_E_MEMORY);
	engine->mem.limit = limit;
	host.refuse_from = TEST_UNLIMITED;
	assert_int_equal(own.released, 0);
	for (int i = 0; i < PARLEY_SUBSCRIBERS_MAX; i++)
		assert_int_equal(parley_subscribe_all(engine,
						      PARLEY_NOTE_LOADED,
						      subscriber_run, NULL),
				 0);
	assert_int_equal(parley_subscribe_all(engine, PARLEY_NOTE_LOADED,
					      subscriber_run, NULL),
			 PARLEY_E_FULL);
	calls_stop(&host, engine);
}

/* ------------------------------------------------------------ inside */

static void answer_inside(struct notes *notes, const struct parley_told *told)
{
	if (told->type == PARLEY_NOTE_EARLY && notes->pending.note.types == 0) {
		notes->pending.note = feed(notes, PARLEY_EV_REPLY_2XX);
		deliver_later(notes, notes->pending.note);
	}
}

/* What a subscriber sets off comes when all have been told of the first. */
static void test_event_inside(void **state)
{
	struct subscriber all, own;
	struct notes *notes = notes_create(&all);

	(void)state;
	own = (struct subscriber){notes, 'o', 0};
	assert_int_equal(parley_subscribe(notes->engine, notes->id, EVERYTHING,
					  subscriber_run, &own,
					  subscriber_release),
			 0);
	notes->inside = answer_inside;
	calls_step(notes->engine, notes->id, PARLEY_EV_REPLY_1XX);
	assert_log(notes, "1e oe 1a oa");
	assert_int_equal(missed(notes), 0);
	notes_destroy(notes);
	assert_int_equal(own.released, 0);
}

static void end_inside(struct notes *notes, const struct parley_told *told)
{
	struct parley *engine = notes->engine;
	struct parley_str value = test_str("v");
	struct parley_view view;
	_Alignas(16) char buffer[2048];
	uint32_t flags;

	if (told->type == PARLEY_NOTE_DESTROY) {
		/* It can still be read, and not be changed. */
		assert_int_equal(parley_read(engine, calls_now(), told->id,
					     &view, buffer, sizeof(buffer),
					     NULL),
				 0);
		assert_int_equal(parley_var_get(engine, told->id, value, buffer,
						sizeof(buffer), &flags),
				 0);
		assert_int_equal(parley_var_set(engine, told->id, value, value),
				 PARLEY_E_NO_DIALOG);
		assert_int_equal(parley_subscribe(engine, told->id, EVERYTHING,
						  subscriber_run, NULL, NULL),
				 PARLEY_E_NO_DIALOG);
		return;
	}
	if (told->type != PARLEY_NOTE_EARLY)
		return;
	assert_int_equal(parley_var_set(engine, told->id, value, value), 0);
	assert_int_equal(
		parley_profile_join(engine, told->id, CALLER, value, 1, true),
		0);
	assert_int_equal(parley_flags(engine, told->id, 1, 0, &flags), 0);
	parley_notify(engine, told->id, PARLEY_NOTE_RPC_CONTEXT,
		      PARLEY_DIR_NONE, NULL);
	deliver_later(notes, feed(notes, PARLEY_EV_REPLY_FAIL));
	assert_int_equal(parley_count(engine, PARLEY_STATE_DELETED), 1);
}

/* A subscriber may call anything, and end the call that it is told of. */
static void test_end_inside(void **state)
{
	struct subscriber all;
	struct notes *notes = notes_create(&all);

	(void)state;
	notes->inside = end_inside;
	calls_step(notes->engine, notes->id, PARLEY_EV_REPLY_1XX);
	assert_log(notes, "1e 1p 1f 1d");
	assert_int_equal(parley_count(notes->engine, PARLEY_STATE_DELETED), 0);
	notes_destroy(notes);
}

static struct subscriber inner;

static void subscribe_inside(struct notes *notes,
			     const struct parley_told *told)
{
	if (told->type == PARLEY_NOTE_EARLY && inner.notes == NULL) {
		inner = (struct subscriber){notes, 'i', 0};
		assert_int_equal(parley_subscribe(notes->engine, told->id,
						  EVERYTHING, subscriber_run,
						  &inner, subscriber_release),
				 0);
	}
}

static void test_subscribe_inside(void **state)
{
	struct subscriber all, own;
	struct notes *notes = notes_create(&all);

	(void)state;
	inner.notes = NULL;
	own = (struct subscriber){notes, 'o', 0};
	assert_int_equal(parley_subscribe(notes->engine, notes->id, EVERYTHING,
					  subscriber_run, &own, NULL),
			 0);
	notes->inside = subscribe_inside;
	calls_step(notes->engine, notes->id, PARLEY_EV_REPLY_1XX);
	assert_log(notes, "1e oe");
	calls_step(notes->engine, notes->id, PARLEY_EV_REPLY_FAIL);
	assert_log(notes, "1f if of 1d id od");
	assert_int_equal(inner.released, 1);
	notes_destroy(notes);
}

/* ------------------------------------------------------------ the end */

/* After the end was entered nothing else starts. */
static void test_end_is_entered_once(void **state)
{
	struct subscriber all;
	struct notes *notes = notes_create(&all);
	struct parley_note early = make(notes, PARLEY_NOTE_EARLY);
	struct parley_note within = make(notes, PARLEY_NOTE_REPLY_WITHIN);
	struct parley_note expired = make(notes, PARLEY_NOTE_EXPIRED);
	struct parley_note failed;

	(void)state;
	failed = feed(notes, PARLEY_EV_REPLY_FAIL);
	parley_deliver(notes->engine, &failed, &failed, false);
	assert_log(notes, "1f");
	deliver(notes, early);
	deliver(notes, within);
	parley_notify(notes->engine, notes->id, PARLEY_NOTE_REPLY_FORWARDED,
		      PARLEY_DIR_UPSTREAM, &all);
	assert_log(notes, "");
	deliver(notes, make(notes, PARLEY_NOTE_REPLY_WITHIN |
					   PARLEY_NOTE_BYE_REPLIED));
	assert_log(notes, "1y 1b");
	assert_int_equal(refs(notes), 1);
	/* The last note out opens the way for DESTROY. */
	deliver(notes, expired);
	assert_log(notes, "1d");
	notes_destroy(notes);
}

static void end_out_of_turn(struct notes *notes, const struct parley_told *told)
{
	if (told->type == PARLEY_NOTE_EARLY) {
		struct parley_note note = feed(notes, PARLEY_EV_REPLY_FAIL);

		parley_deliver(notes->engine, &note, &note, false);
	}
}

/* Also for those subscribers that come after the one who ended the call. */
static void test_end_between_subscribers(void **state)
{
	struct subscriber all, own, last;
	struct notes *notes = notes_create(&all);

	(void)state;
	own = (struct subscriber){notes, 'o', 0};
	last = (struct subscriber){notes, 'x', 0};
	assert_int_equal(parley_subscribe(notes->engine, notes->id,
					  PARLEY_NOTE_EARLY, subscriber_run,
					  &last, NULL),
			 0);
	assert_int_equal(parley_subscribe(notes->engine, notes->id, EVERYTHING,
					  subscriber_run, &own,
					  subscriber_release),
			 0);
	notes->inside = end_out_of_turn;
	calls_step(notes->engine, notes->id, PARLEY_EV_REPLY_1XX);
	assert_log(notes, "1e 1f of 1d od");
	assert_int_equal(own.released, 1);
	assert_int_equal(missed(notes), 1);
	notes_destroy(notes);
}

static void test_destroy_is_last(void **state)
{
	struct subscriber all, own;
	struct notes *notes = notes_create(&all);
	struct parley_note early = feed(notes, PARLEY_EV_REPLY_1XX);

	(void)state;
	own = (struct subscriber){notes, 'o', 0};
	assert_int_equal(parley_subscribe(notes->engine, notes->id,
					  PARLEY_NOTE_DESTROY, subscriber_run,
					  &own, subscriber_release),
			 0);
	deliver_later(notes, feed(notes, PARLEY_EV_REPLY_FAIL));
	assert_log(notes, "");
	assert_int_equal(own.released, 0);
	assert_int_equal(parley_count(notes->engine, PARLEY_STATE_DELETED), 1);
	deliver(notes, early);
	assert_log(notes, "1e 1f 1d od");
	assert_int_equal(own.released, 1);
	assert_int_equal(parley_count(notes->engine, PARLEY_STATE_DELETED), 0);
	notes_destroy(notes);
}

static void test_notify(void **state)
{
	struct subscriber all;
	struct notes *notes = notes_create(&all);
	struct parley_note early = feed(notes, PARLEY_EV_REPLY_1XX);
	const struct parley_id nobody = {notes->id.entry, notes->id.id ^ 1};

	(void)state;
	parley_notify(notes->engine, notes->id, PARLEY_NOTE_REPLY_FORWARDED,
		      PARLEY_DIR_UPSTREAM, &all);
	assert_log(notes, "1r");
	assert_ptr_equal(notes->told.message, &all);
	assert_int_equal(notes->told.dir, PARLEY_DIR_UPSTREAM);
	assert_int_equal(notes->told.old_state, PARLEY_STATE_EARLY);
	assert_int_equal(notes->told.new_state, PARLEY_STATE_EARLY);
	parley_notify(notes->engine, notes->id, PARLEY_NOTE_RPC_CONTEXT,
		      PARLEY_DIR_NONE, NULL);
	assert_log(notes, "1p");
	parley_notify(notes->engine, nobody, PARLEY_NOTE_RPC_CONTEXT,
		      PARLEY_DIR_NONE, NULL);
	assert_log(notes, "");
	/* It has neither taken nor missed a turn. */
	assert_int_equal(missed(notes), 0);
	deliver(notes, early);
	assert_log(notes, "1e");
	assert_int_equal(missed(notes), 0);
	notes_destroy(notes);
}

static void notify_saved(struct notes *notes)
{
	parley_notify(notes->engine, notes->id, PARLEY_NOTE_SAVED,
		      PARLEY_DIR_NONE, NULL);
}

/* SAVED has no bit beside the others of a subscription. */
static void test_saved(void **state)
{
	struct test_host host;
	struct parley *engine = calls_start(&host);
	struct notes notes = {.engine = engine};
	struct subscriber own[3] = {
		{&notes, 'o', 0}, {&notes, 'p', 0}, {&notes, 'q', 0}};
	const uint32_t types[3] = {PARLEY_NOTE_SAVED,
				   PARLEY_NOTE_SAVED | PARLEY_NOTE_FAILED,
				   PARLEY_NOTE_RPC_CONTEXT};

	(void)state;
	notes.id = calls_invite(engine, 1);
	assert_false(parley_wants(engine, notes.id, PARLEY_NOTE_SAVED));
	for (int i = 0; i < 3; i++)
		assert_int_equal(parley_subscribe(engine, notes.id, types[i],
						  subscriber_run, &own[i],
						  subscriber_release),
				 0);
	assert_true(parley_wants(engine, notes.id, PARLEY_NOTE_SAVED));
	assert_false(parley_wants(engine, notes.id, PARLEY_NOTE_EARLY));
	assert_false(parley_wants(engine, calls_invite(engine, 2),
				  PARLEY_NOTE_SAVED));
	notify_saved(&notes);
	assert_log(&notes, "pv ov");
	parley_notify(engine, notes.id, PARLEY_NOTE_RPC_CONTEXT,
		      PARLEY_DIR_NONE, NULL);
	assert_log(&notes, "qp");
	calls_step(engine, notes.id, PARLEY_EV_REPLY_FAIL);
	assert_log(&notes, "pf");
	notify_saved(&notes);
	assert_log(&notes, "");
	for (int i = 0; i < 3; i++)
		assert_int_equal(own[i].released, 1);
	calls_stop(&host, engine);
}

static void fail_inside(struct notes *notes, const struct parley_told *told)
{
	if (told->type == PARLEY_NOTE_RPC_CONTEXT &&
	    parley_count(notes->engine, PARLEY_STATE_DELETED) == 0)
		deliver_later(notes, feed(notes, PARLEY_EV_REPLY_FAIL));
}

/* It is nobody else's turn, but somebody is inside. */
static void test_put_away_during_notify(void **state)
{
	struct subscriber all, own;
	struct notes *notes = notes_create(&all);

	(void)state;
	own = (struct subscriber){notes, 'o', 0};
	assert_int_equal(parley_subscribe(notes->engine, notes->id,
					  PARLEY_NOTE_RPC_CONTEXT,
					  subscriber_run, &own, NULL),
			 0);
	notes->inside = fail_inside;
	parley_notify(notes->engine, notes->id, PARLEY_NOTE_RPC_CONTEXT,
		      PARLEY_DIR_NONE, NULL);
	assert_log(notes, "1p op 1f 1d");
	assert_int_equal(missed(notes), 0);
	notes_destroy(notes);
}

/* ------------------------------------------------------------ no memory */

static uint32_t rung_told, rung_released;

static void rung_run(struct parley *engine, void *param,
		     const struct parley_told *told)
{
	(void)engine;
	(void)param;
	(void)told;
	rung_told++;
}

static void rung_release(void *param)
{
	(void)param;
	rung_released++;
}

static bool rung(struct test_host *host)
{
	struct parley_config config = calls_config();
	struct parley *engine;
	struct parley_actions early, failed;
	uint32_t subscribed = 0;
	struct parley_id id;

	rung_told = 0;
	rung_released = 0;
	config.piece_bytes = 0;
	engine = calls_engine(host, &config);
	if (engine == NULL)
		return false;
	id = calls_invite(engine, 1);
	/* Any of them may be the one that is refused. */
	for (uint32_t i = 0; id.id != 0 && i < 300; i++) {
		int rc = parley_subscribe(engine, id, EVERYTHING, rung_run,
					  &rung_told, rung_release);

		assert_true(rc == 0 || rc == PARLEY_E_MEMORY);
		subscribed += rc == 0;
	}
	if (subscribed > 0 &&
	    calls_feed(engine, id, PARLEY_EV_REPLY_1XX, &early) == 0 &&
	    calls_feed(engine, id, PARLEY_EV_REPLY_FAIL, &failed) == 0) {
		parley_deliver(engine, &failed.note, NULL, false);
		assert_no_fault(parley_check(engine));
		parley_deliver(engine, &early.note, NULL, false);
		/* EARLY is left out if FAILED had to be told first. */
		assert_true(rung_told == 3 * subscribed ||
			    (host->refused > 0 && rung_told == 2 * subscribed));
		assert_int_equal(rung_released, subscribed);
	}
	assert_no_fault(parley_check(engine));
	parley_destroy(engine);
	return subscribed == 300 && rung_told == 900;
}

static void test_ladder(void **state)
{
	(void)state;
	assert_true(ladder(rung, CALLS_LOCKS, CALLS_LOCKS - 1) > 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_call),
		cmocka_unit_test(test_end_of_ours),
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_states_after_the_end),
		cmocka_unit_test(test_states_by_decree),
		cmocka_unit_test(test_order_of_subscribers),
		cmocka_unit_test(test_order_within_a_note),
		cmocka_unit_test(test_nobody_wants_it),
		cmocka_unit_test(test_subscribe_arguments),
		cmocka_unit_test(test_event_inside),
		cmocka_unit_test(test_end_inside),
		cmocka_unit_test(test_subscribe_inside),
		cmocka_unit_test(test_end_is_entered_once),
		cmocka_unit_test(test_end_between_subscribers),
		cmocka_unit_test(test_destroy_is_last),
		cmocka_unit_test(test_notify),
		cmocka_unit_test(test_saved),
		cmocka_unit_test(test_put_away_during_notify),
		cmocka_unit_test(test_ladder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
