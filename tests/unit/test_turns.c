/* objects: all */
#include "notes.h"

static void deliver_pending_at_third(struct notes *notes)
{
	if (notes->host.pauses == 3)
		deliver(notes, notes->pending.note);
}

static void test_waits_for_its_turn(void **state)
{
	struct subscriber all;
	struct notes *notes = notes_create(&all);
	struct parley_note later;

	(void)state;
	notes->pending.note = feed(notes, PARLEY_EV_REPLY_1XX);
	later = feed(notes, PARLEY_EV_REPLY_2XX);
	assert_int_equal(refs(notes), 2);
	notes->pausing = deliver_pending_at_third;
	deliver(notes, later);
	assert_log(notes, "1e 1a");
	assert_int_equal(notes->host.pauses, 3);
	assert_int_equal(missed(notes), 0);
	assert_int_equal(refs(notes), 0);
	notes_destroy(notes);
}

static void test_does_not_wait_for_ever(void **state)
{
	struct subscriber all;
	struct notes *notes = notes_create(&all);
	struct parley_note first = feed(notes, PARLEY_EV_REPLY_1XX);

	(void)state;
	deliver(notes, feed(notes, PARLEY_EV_REPLY_2XX));
	assert_log(notes, "1a");
	assert_int_equal(notes->host.pauses, 200);
	assert_int_equal(missed(notes), 1);

	/* Who may not wait, and who cannot. */
	parley_deliver(notes->engine, &(struct parley_note){0}, notes, false);
	{
		struct parley_note note = feed(notes, PARLEY_EV_ACK);

		parley_deliver(notes->engine, &note, &note, false);
	}
	assert_log(notes, "1k");
	assert_int_equal(notes->host.pauses, 200);
	assert_int_equal(missed(notes), 2);
	notes->host.may_pause = false;
	deliver(notes, feed(notes, PARLEY_EV_REQUEST));
	assert_log(notes, "1w");
	assert_int_equal(notes->host.pauses, 201);
	assert_int_equal(missed(notes), 3);

	/* The first one is told late, but told; then all is in order again. */
	deliver(notes, first);
	assert_log(notes, "1e");
	deliver(notes, feed(notes, PARLEY_EV_REQUEST));
	assert_log(notes, "1w");
	assert_int_equal(missed(notes), 3);
	assert_int_equal(notes->host.pauses, 201);
	notes_destroy(notes);
}

static void test_without_message_it_is_put_away(void **state)
{
	struct subscriber all;
	struct notes *notes = notes_create(&all);
	struct parley_note first = feed(notes, PARLEY_EV_REPLY_1XX);

	(void)state;
	deliver_later(notes, feed(notes, PARLEY_EV_REPLY_2XX));
	deliver_later(notes, feed(notes, PARLEY_EV_ACK));
	assert_log(notes, "");
	assert_int_equal(refs(notes), 3);
	assert_no_fault(parley_check(notes->engine));
	deliver(notes, first);
	assert_log(notes, "1e 1a 1k");
	assert_null(notes->told.message);
	assert_int_equal(refs(notes), 0);
	/* In its turn it is told by who brings it. */
	deliver_later(notes, feed(notes, PARLEY_EV_REQUEST));
	assert_log(notes, "1w");
	assert_int_equal(missed(notes), 0);
	assert_int_equal(notes->host.pauses, 0);
	notes_destroy(notes);
}

static void test_put_away_out_of_order(void **state)
{
	struct subscriber all;
	struct notes *notes = notes_create(&all);
	struct parley_note first = feed(notes, PARLEY_EV_REPLY_1XX);
	struct parley_note second = feed(notes, PARLEY_EV_REPLY_2XX);
	struct parley_note third = feed(notes, PARLEY_EV_ACK);

	(void)state;
	deliver_later(notes, third);
	deliver_later(notes, second);
	deliver(notes, first);
	assert_log(notes, "1e 1a 1k");
	assert_int_equal(missed(notes), 0);
	notes_destroy(notes);
}

static void test_no_room_to_put_it(void **state)
{
	struct subscriber all;
	struct notes *notes = notes_create(&all);
	struct parley_note first = feed(notes, PARLEY_EV_REPLY_1XX);
	uint32_t limit = notes->engine->mem.limit;

	(void)state;
	/* No memory: it is told at once. */
	notes->engine->mem.limit = 0;
	notes->host.refuse_from = 0;
	deliver_later(notes, make(notes, PARLEY_NOTE_SPIRALED));
	assert_log(notes, "1s");
	assert_int_equal(missed(notes), 1);
	notes->engine->mem.limit = limit;
	notes->host.refuse_from = TEST_UNLIMITED;

	for (int i = 0; i < DIALOG_DEFERRED_MAX; i++)
		deliver_later(notes, make(notes, PARLEY_NOTE_LOADED));
	assert_log(notes, "");
	deliver_later(notes, make(notes, PARLEY_NOTE_SPIRALED));
	assert_log(notes, "1s");
	assert_int_equal(missed(notes), 2);
	deliver(notes, first);
	assert_log(notes, "1e 1l 1l 1l 1l");
	assert_int_equal(missed(notes), 2);
	assert_int_equal(refs(notes), 0);
	notes_destroy(notes);
}

enum { OUT = 70, TICKETS = 64 };

static void test_more_notes_than_tickets(void **state)
{
	struct subscriber all;
	struct notes *notes = notes_create(&all);
	struct parley_note out[OUT];

	(void)state;
	for (uint32_t i = 0; i < OUT; i++) {
		out[i] = make(notes, PARLEY_NOTE_SPIRALED);
		assert_int_equal(out[i].ticket == NOTE_NO_TICKET, i >= TICKETS);
	}
	assert_int_equal(refs(notes), OUT);
	assert_no_fault(parley_check(notes->engine));
	/* They have no turn to wait for. */
	deliver(notes, out[TICKETS]);
	assert_log(notes, "1s");
	assert_int_equal(notes->host.pauses, 0);
	assert_int_equal(missed(notes), 1);
	for (uint32_t i = OUT - 1; i > TICKETS; i--)
		deliver_later(notes, out[i]);
	assert_log(notes, "1s 1s 1s 1s 1s");
	/* All but the first, backwards: the bits above are all used. */
	for (uint32_t i = TICKETS - 1; i > 0; i--) {
		parley_deliver(notes->engine, &out[i], notes, false);
		assert_no_fault(parley_check(notes->engine));
		assert_log(notes, "1s");
	}
	deliver(notes, out[0]);
	assert_log(notes, "1s");
	assert_int_equal(missed(notes), OUT - TICKETS + TICKETS - 1);
	assert_int_equal(refs(notes), 0);
	out[0] = make(notes, PARLEY_NOTE_SPIRALED);
	assert_int_not_equal(out[0].ticket, NOTE_NO_TICKET);
	deliver(notes, out[0]);
	assert_int_equal(missed(notes), OUT - 1);
	notes_destroy(notes);
}

/* A ticket has 16 bits; a call may have more notes. */
static void test_tickets_wrap(void **state)
{
	struct subscriber all;
	struct notes *notes = notes_create(&all);

	(void)state;
	for (uint32_t i = 0; i < 70000; i++) {
		struct parley_note first =
			make(notes, PARLEY_NOTE_REQUEST_WITHIN);

		deliver_later(notes, make(notes, PARLEY_NOTE_SPIRALED));
		deliver(notes, first);
		if (strcmp(notes->log, "1w 1s") != 0)
			fail_msg("%u: %s", i, notes->log);
		notes->log[0] = '\0';
	}
	assert_int_equal(missed(notes), 0);
	notes_destroy(notes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_waits_for_its_turn),
		cmocka_unit_test(test_does_not_wait_for_ever),
		cmocka_unit_test(test_without_message_it_is_put_away),
		cmocka_unit_test(test_put_away_out_of_order),
		cmocka_unit_test(test_no_room_to_put_it),
		cmocka_unit_test(test_more_notes_than_tickets),
		cmocka_unit_test(test_tickets_wrap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
