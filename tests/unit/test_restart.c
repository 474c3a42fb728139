/* objects: all pair.o stored.o */
/*
 * What comes back after a restart: out of records, rows or both, with another
 * hash_size, without the transactions, and among other nodes.
 */
#include <stdlib.h>
#include <string.h>

#include "journal.h"
#include "stored.h"

static int set_flags(struct call *call)
{
	uint32_t flags;

	return parley_flags(call->engine, call->id, 0x80000001, 0, &flags);
}

/* ------------------------------------------------ rows */

/* As if it had come out of a database. */
static int import_row(struct stored *f, struct parley_image *image)
{
	image->record = 0;
	image->stored = true;
	image->epoch = 0;
	image->version = 0;
	return stored_import(f, image);
}

/* An engine that has nothing, and the call as a row. */
static void only_a_row(struct stored *f, struct parley_image *image)
{
	stored_export(f, image, f->images[0]);
	memset(f->area, 0, AREA);
	parley_destroy(f->call.engine);
	assert_true(stored_begin(f));
}

static void rows_are_known(void **state)
{
	struct stored *f = *state;
	struct parley_image image;
	struct parley_record record;

	call_up(&f->call);
	only_a_row(f, &image);
	assert_int_equal(import_row(f, &image), 0);
	assert_int_equal(f->loaded, 1);
	assert_int_equal(call_state(&f->call), 4);
	assert_int_equal(stored_stats(f).waiting, 0);
	assert_int_equal(set_flags(&f->call), 0);
	assert_int_equal(stored_take(f, &record), 1);
	assert_true(record.known);
	stored_done(f, record.ticket, true);
	/* Memory knows better than a row. */
	image.view.flags = 0x40;
	assert_int_equal(import_row(f, &image), PARLEY_E_OLD);
	stored_export(f, &image, f->images[1]);
	assert_int_equal(image.view.flags, 0x80000001);
	assert_int_equal(stored_stats(f).waiting, 0);
	assert_int_equal(stored_hang_up(&f->call), 0);
	assert_int_equal(stored_take(f, &record), 1);
	assert_true(record.gone);
}

static void row_beside_its_record(void **state)
{
	struct stored *f = *state;
	struct parley_image image;
	struct parley_record record;

	call_up(&f->call);
	stored_export(f, &image, f->images[0]);
	assert_int_equal(set_flags(&f->call), 0);
	assert_int_equal(stored_crash(f), 1);
	assert_int_equal(import_row(f, &image), PARLEY_E_OLD);
	assert_int_equal(stored_hang_up(&f->call), 0);
	assert_int_equal(stored_take(f, &record), 1);
	assert_true(record.gone);
}

/* ------------------------------------------------ without transactions */

static void early_call_comes_back(void **state)
{
	struct stored *f = *state;
	struct call *call = &f->call;
	struct parley_event event;

	assert_int_equal(call_invite(call, "c", 1), 0);
	assert_int_equal(call_reply(call, "bob", 180), 0);
	assert_int_equal(stored_crash(f), 1);
	event = call_event(call, PARLEY_EV_TERMINATE);
	event.side = PARLEY_SIDE_ALL;
	assert_int_equal(call_feed(call, &event), PARLEY_E_STATE);
	assert_int_equal(call_reply(call, "bob", 200), 0);
	assert_int_equal(call_request(call, PARLEY_EV_ACK, DOWN, "bob", 1), 0);
	assert_int_equal(call_state(call), 4);
	stored_survives(f);
}

static void early_call_leaves_in_time(void **state)
{
	static const uint32_t timeouts[] = {20, 0};

	for (size_t i = 0; i < 2; i++) {
		struct stored *f = *state;
		struct call *call = &f->call;
		uint64_t left = timeouts[i] > 0 ? 12000 : 300000;

		call_end(call);
		f->config.early_timeout_s = timeouts[i];
		assert_true(stored_begin(f));
		assert_int_equal(call_invite(call, "c", 1), 0);
		call_wait(call, 8000);
		assert_int_equal(call_reply(call, "bob", 180), 0);
		assert_int_equal(stored_crash(f), 1);
		assert_int_equal(call_wait(call, left - 1000), 0);
		assert_int_equal(call_state(call), 2);
		assert_int_equal(call_wait(call, 2000), 1);
		assert_int_equal(call_state(call), 0);
		assert_int_equal(stored_flush(f), 1);
	}
}

static void end_is_asked_for_again(void **state)
{
	struct stored *f = *state;
	struct call *call = &f->call;
	struct parley_actions asked;

	call_up(call);
	assert_int_equal(call_terminate(call, PARLEY_SIDE_ALL), 0);
	assert_int_equal(stored_crash(f), 1);
	assert_int_equal(call_count(call, PARLEY_ACT_BYE), 2);
	asked = call->actions;
	assert_int_equal(call_bye_done(call, &asked, 0, 200), 0);
	assert_int_equal(call_bye_done(call, &asked, 1, 481), 0);
	assert_int_equal(call_state(call), 5);
	assert_int_equal(stored_flush(f), 1); /* it is gone */
	/* One that rang: its 2xx is not let through. */
	assert_int_equal(call_invite(call, "d", 1), 0);
	assert_int_equal(call_terminate(call, PARLEY_SIDE_ALL), 0);
	assert_int_equal(stored_crash(f), 1);
	assert_int_equal(call->actions.count, 0);
	assert_int_equal(call_reply(call, "bob", 200), 0);
	assert_int_equal(call_count(call, PARLEY_ACT_BYE), 1);
}

/* The end by the lifetime is an end like any other, also while the route runs
 * that was to decide. */
static void end_after_the_timeout_route(void **state)
{
	struct stored *f = *state;
	struct call *call = &f->call;
	struct parley_event event;
	struct parley_image image;
	uint32_t bits;

	call_up(call);
	assert_int_equal(parley_set_timeout_route(call->engine, call->id, 7,
						  test_str("LATE")),
			 0);
	assert_int_equal(parley_options(call->engine, call->now, call->id,
					PARLEY_OPT_BYE_ON_TIMEOUT, 0, &bits),
			 0);
	assert_int_equal(
		parley_set_lifetime(call->engine, call->now, call->id, 777), 0);
	call_wait(call, 778000);
	event = call_event(call, PARLEY_EV_TIMEOUT_ROUTE_DONE);
	assert_int_equal(call_feed(call, &event), 0);
	stored_export(f, &image, f->images[0]);
	assert_true(image.view.ending);
	assert_int_equal(stored_crash(f), 1);
	stored_export(f, &image, f->images[0]);
	assert_true(image.view.ending);
}

/* ------------------------------------------------ any hash_size */

static void restart_with(struct stored *f, uint32_t hash_size, uint32_t shards)
{
	f->config.hash_size = hash_size;
	f->config.shards = shards;
}

static void any_hash_size(void **state)
{
	static const uint32_t sizes[] = {64, 1024, 128, 1 << 20, 64};
	struct stored *f = *state;
	struct parley_id id;

	call_end(&f->call);
	restart_with(f, 4096, 0);
	assert_true(stored_begin(f));
	call_up(&f->call);
	id = f->call.id;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct parley_match match;
		struct parley_query query = {
			.callid = test_str("call-1"),
			.from_tag = test_str("alice"),
			.to_tag = test_str("bob"),
			.method = PARLEY_EV_BYE,
		};

		restart_with(f, sizes[i], 0);
		stored_survives(f);
		assert_int_equal(f->call.id.entry, id.entry);
		assert_int_equal(f->call.id.id, id.id);
		for (int k = 0; k < 2; k++) {
			query.id = k == 0 ? id : (struct parley_id){0, 0};
			assert_int_equal(
				parley_match(f->call.engine, &query, &match),
				0);
			assert_int_equal(match.id.entry, id.entry);
		}
	}
}

/* Made with fewer entries than there are shards now. */
static void new_identity(void **state)
{
	struct stored *f = *state;
	struct parley_image row, before;
	struct parley_record record;
	struct parley_id old;
	uint32_t puts = 0, gone = 0;

	call_end(&f->call);
	restart_with(f, 1, 0);
	assert_true(stored_begin(f));
	call_up(&f->call);
	old = f->call.id;
	assert_int_equal(old.entry, 0);
	stored_export(f, &before, f->images[0]);
	row = before;
	restart_with(f, 4096, 0);
	assert_int_equal(stored_crash(f), 1);
	assert_int_not_equal(f->call.id.entry, 0);
	assert_int_equal(f->call.id.id, old.id);
	assert_int_equal(call_state(&f->call), 4);
	/* And its row, or the record again if the crash came just then. */
	assert_int_equal(import_row(f, &row), PARLEY_E_OLD);
	while (stored_take(f, &record) == 1) {
		puts += !record.gone;
		gone += record.gone;
		assert_int_equal(record.image.view.id.entry,
				 record.gone ? 0 : f->call.id.entry);
		stored_done(f, record.ticket, true);
	}
	assert_int_equal(puts, 1);
	assert_true(gone >= 1);
	/* An entry that no hash_size explains is refused. */
	row.view.id.entry = f->call.id.entry ^ 1;
	assert_int_equal(import_row(f, &row), PARLEY_E_ARGUMENT);
	row.view.id.entry = 0;
	row.stored = false;
	assert_int_equal(stored_import(f, &row), PARLEY_E_ARGUMENT);
}

/* The same when the journal has no room until the database takes something: the
 * rows of the old identity go all the same, whether the call lives or not. */
static void new_identity_without_room(void **state)
{
	for (int ends = 0; ends < 2; ends++) {
		struct stored *f = *state;
		struct parley_image row;
		struct parley_record record;
		bool rows[2] = {true, false}; /* the old and the new one */
		struct parley_id id;
		uint32_t count = 0;

		call_end(&f->call);
		memset(f->area, 0, AREA);
		restart_with(f, 1, 0);
		assert_true(stored_begin(f));
		call_up(&f->call);
		stored_export(f, &row, f->images[0]);
		(void)stored_flush(f);
		call_end(&f->call);
		restart_with(f, 4096, 0);
		assert_true(stored_begin(f));
		while (stored_fat_call(f, count++))
			assert_true(count < 100);
		assert_int_equal(import_row(f, &row), 0);
		id = f->call.id = f->call.actions.id;
		assert_int_not_equal(id.entry, 0);
		assert_true(stored_stats(f).unrecorded > 1);
		if (ends)
			assert_int_equal(stored_hang_up(&f->call), 0);
		while (stored_take(f, &record) == 1) {
			if (record.image.view.id.entry == 0)
				rows[0] = !record.gone;
			else if (record.image.view.id.entry == id.entry &&
				 record.image.view.id.id == id.id)
				rows[1] = !record.gone;
			stored_done(f, record.ticket, true);
		}
		assert_int_equal(stored_stats(f).unrecorded, 0);
		assert_false(rows[0]);
		assert_int_equal(rows[1], !ends);
	}
}

/* The same with rows only, and no journal. */
static void new_identity_without_journal(void **state)
{
	struct stored *f = *state;
	struct parley_image row;
	struct parley_id old;

	call_end(&f->call);
	restart_with(f, 1, 0);
	assert_true(stored_begin(f));
	call_up(&f->call);
	old = f->call.id;
	stored_export(f, &row, f->images[0]);
	call_end(&f->call);
	restart_with(f, 4096, 0);
	assert_true(call_begin(&f->call, f->host, &f->config));
	assert_int_equal(import_row(f, &row), 0);
	f->call.id = f->call.actions.id;
	assert_int_not_equal(f->call.id.entry, old.entry);
	assert_int_equal(call_state(&f->call), 4);
	assert_int_equal(import_row(f, &row), PARLEY_E_OLD);
	assert_int_equal(set_flags(&f->call), 0);
	assert_int_equal(stored_hang_up(&f->call), 0);
}

/* What no version can read is handed over as such, and holds nobody up. */
static void unreadable_record(void **state)
{
	struct stored *f = *state;
	struct parley_store_config config = {.area = f->area, .bytes = AREA};
	struct journal_item item = {.id = {3, 4}, .kind = JOURNAL_PUT};
	struct journal_writer writer;
	struct journal journal;
	struct parley_record record;
	uint32_t cursor = 0, argument = 0;
	int rc;

	call_up(&f->call);
	call_end(&f->call);
	assert_int_equal(journal_open(&journal, &f->host->host, 5, 0, &config),
			 0);
	item.bytes = 5;
	assert_true(journal_begin(&journal, &writer, &item));
	journal_write(&writer, "what?", 5);
	assert_true(journal_commit(&writer, 0) != 0);
	f->call.engine = NULL;
	assert_true(stored_begin(f));
	/* In any order. */
	rc = stored_next(f, &cursor, &record);
	assert_true(rc == 1 || rc == PARLEY_E_ARGUMENT);
	assert_int_equal(stored_next(f, &cursor, &record),
			 rc == 1 ? PARLEY_E_ARGUMENT : 1);
	assert_int_equal(stored_next(f, &cursor, &record), 0);
	while ((rc = stored_take(f, &record)) != 0) {
		argument += rc == PARLEY_E_ARGUMENT;
		if (rc == 1)
			stored_done(f, record.ticket, true);
	}
	assert_int_equal(argument, 1);
	/* It is still there for who comes next. */
	call_end(&f->call);
	assert_true(stored_begin(f));
	cursor = 0;
	assert_int_equal(stored_next(f, &cursor, &record), PARLEY_E_ARGUMENT);
}

/* ------------------------------------------------ other nodes */

/* A call of node "a"; what stored_stats() and stored_take() look at is the
 * journal of node "b". */
static struct test_host *nodes_begin(struct stored *f, struct pair *pair)
{
	struct test_host *host = malloc(sizeof(*host));
	struct parley_store_config config = {.area = f->area, .bytes = AREA};

	assert_non_null(host);
	test_host_init(host, TEST_LOCKS_MAX, test_seed(2));
	stored_host(host);
	assert_true(pair_begin(pair, host));
	call_end(&f->call);
	memset(f->area, 0, AREA);
	assert_int_equal(parley_store_open(pair->b.call.engine,
					   pair->b.call.now, &config),
			 0);
	pair_up(pair);
	f->call = pair->b.call;
	return host;
}

static void nodes_end(struct stored *f, struct pair *pair,
		      struct test_host *host)
{
	pair_end(pair);
	f->call.engine = NULL;
	test_host_fini(host);
	free(host);
}

static void copies_have_no_record(void **state)
{
	struct stored *f = *state;
	struct parley_record record;
	struct pair pair;
	struct test_host *host = nodes_begin(f, &pair);

	assert_int_equal(stored_stats(f).waiting, 0);
	assert_int_equal(side_adopt(&pair.b, "a"), 0);
	assert_int_equal(stored_stats(f).waiting, 1);
	pair_settle(&pair);
	/* The first owner takes it back: the row is its. */
	assert_int_equal(side_adopt(&pair.a, "b"), 0);
	pair_settle(&pair);
	assert_int_equal(stored_stats(f).waiting, 0);
	assert_int_equal(side_adopt(&pair.b, "a"), 0);
	assert_int_equal(stored_take(f, &record), 1);
	assert_true(record.known);
	pair.b.call.now = f->call.now;
	assert_int_equal(
		call_request(&pair.b.call, PARLEY_EV_BYE, DOWN, "bob", 9), 0);
	stored_done(f, record.ticket, true);
	assert_int_equal(stored_take(f, &record), 1);
	assert_true(record.gone);
	nodes_end(f, &pair, host);
}

/* Each node may have a database of its own: rows of a call that has another
 * owner by now go when it is over, or it would come back by them. */
static void rows_of_copies_go(void **state)
{
	struct stored *f = *state;
	struct parley_record record;
	struct pair pair;
	struct test_host *host = nodes_begin(f, &pair);

	assert_int_equal(side_adopt(&pair.b, "a"), 0);
	assert_int_equal(stored_flush(f), 1);
	pair_settle(&pair);
	assert_int_equal(side_adopt(&pair.a, "b"), 0);
	pair_settle(&pair);
	assert_int_equal(stored_stats(f).waiting, 0);
	assert_int_equal(stored_hang_up(&pair.a.call), 0);
	pair_settle(&pair);
	assert_int_equal(stored_take(f, &record), 1);
	assert_true(record.gone);
	nodes_end(f, &pair, host);
}

/* The owner dies and is back before anybody takes its calls over. */
static void owner_comes_back(void **state)
{
	struct test_host *host = malloc(sizeof(*host));
	struct stored *f = *state;
	struct parley_store_config config = {.area = f->area, .bytes = AREA};
	struct parley_record record;
	struct parley_image image;
	struct parley_view view;
	uint32_t cursor = 0, bits;
	struct pair pair;
	struct side *a = &pair.a;

	assert_non_null(host);
	test_host_init(host, TEST_LOCKS_MAX, test_seed(3));
	stored_host(host);
	assert_true(pair_begin(&pair, host));
	call_end(&f->call);
	memset(f->area, 0, AREA);
	assert_int_equal(
		parley_store_open(a->call.engine, a->call.now, &config), 0);
	pair_up(&pair);
	f->call.id = a->call.id;
	/* The last change does not get to the other one. */
	assert_int_equal(parley_flags(a->call.engine, a->call.id, 8, 0, &bits),
			 0);
	parley_destroy(a->call.engine);
	assert_true(side_begin(a, host, "a", 1));
	assert_int_equal(
		parley_store_open(a->call.engine, a->call.now, &config), 0);
	assert_int_equal(parley_store_next(a->call.engine, a->call.now, &cursor,
					   &record, f->buffer, BUFFER, NULL),
			 1);
	assert_int_equal(side_take(a, &record.image), 0);
	assert_int_equal(a->told.loaded, 1);
	a->call.id = f->call.id;
	/* What the other one knows is older; it learns what it has missed. */
	assert_int_equal(
		side_export(&pair.b, a, a->call.id, &image, f->images[0]), 0);
	assert_int_equal(side_take(a, &image), PARLEY_E_OLD);
	pair_settle(&pair);
	side_look(a, &view, f->images[0]);
	assert_false(view.replica);
	assert_int_equal(view.flags, 8);
	side_look(&pair.b, &view, f->images[0]);
	assert_true(view.replica);
	assert_int_equal(view.flags, 8);
	assert_int_equal(stored_hang_up(&a->call), 0);
	pair_settle(&pair);
	assert_int_equal(call_state(&pair.b.call), 5);
	pair_end(&pair);
	f->call.engine = NULL;
	test_host_fini(host);
	free(host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE(rows_are_known),
		STORE(row_beside_its_record),
		STORE(early_call_comes_back),
		STORE(early_call_leaves_in_time),
		STORE(end_is_asked_for_again),
		STORE(end_after_the_timeout_route),
		STORE(any_hash_size),
		STORE(new_identity),
		STORE(new_identity_without_room),
		STORE(new_identity_without_journal),
		STORE(unreadable_record),
		STORE(copies_have_no_record),
		STORE(rows_of_copies_go),
		STORE(owner_comes_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
