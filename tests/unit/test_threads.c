/* objects: all */
/* threads */
/*
 * Workers place calls and hang up, others end calls that are not theirs, one
 * pulls timers, one lists. Whatever the interleaving, nothing is left over and
 * every counter is right. The thread sanitizer watches.
 */
#include <stdio.h>
#include <string.h>

#include "support.h"

enum { WORKERS = 6, CALLS = 4000, SLOTS = 64 };

struct field {
	struct parley *engine;
	_Atomic uint64_t ms;
	_Atomic bool over;
	/* Identities that anybody may pick; 0: none. */
	_Atomic uint64_t ids[SLOTS];
	_Atomic uint64_t told; /* terminal notes */
};

struct worker {
	struct field *field;
	uint64_t seed;
	uint32_t number;
};

static struct parley_now now_of(struct field *field)
{
	uint64_t ms = atomic_fetch_add(&field->ms, 1);
	return (struct parley_now){.ms = ms, .unix_s = (uint32_t)(ms / 1000)};
}

static uint64_t pack(struct parley_id id)
{
	return (uint64_t)id.entry << 32 | id.id;
}

static struct parley_id unpack(uint64_t value)
{
	return (struct parley_id){(uint32_t)(value >> 32), (uint32_t)value};
}

/* Feeds, tells, and reports every BYE of ours as answered. */
static int feed(struct field *field, const struct parley_event *event,
		struct parley_id *idp)
{
	struct parley_actions actions;
	int rc = parley_feed(field->engine, now_of(field), event, &actions);

	parley_deliver(field->engine, &actions.note, field, true);
	if (idp && rc == 0)
		*idp = actions.id;
	for (uint32_t i = 0; i < actions.count; i++) {
		struct parley_event done = {
			.type = PARLEY_EV_BYE_DONE,
			.id = actions.id,
			.leg = actions.list[i].leg,
			.dir = actions.list[i].dir,
			.code = 200,
		};
		if (actions.list[i].type == PARLEY_ACT_BYE)
			feed(field, &done, NULL);
	}
	return rc;
}

static void reply(struct field *field, struct parley_id id, uint16_t code)
{
	struct parley_event event = {
		.type = code < 200   ? PARLEY_EV_REPLY_1XX
			: code < 300 ? PARLEY_EV_REPLY_2XX
				     : PARLEY_EV_REPLY_FAIL,
		.id = id,
		.code = code,
		.cseq = 1,
		.to_tag = test_str("callee"),
		.contact = test_str("sip:callee@192.0.2.2"),
	};
	feed(field, &event, NULL);
}

static void request(struct field *field, struct parley_id id,
		    enum parley_event_type type, uint32_t cseq)
{
	struct parley_event event = {
		.type = type,
		.id = id,
		.dir = PARLEY_DIR_DOWNSTREAM,
		.to_tag = test_str("callee"),
		.cseq = cseq,
	};
	feed(field, &event, NULL);
}

static void one_call(struct worker *worker, uint32_t number)
{
	struct field *field = worker->field;
	char callid[32];
	struct parley_id id = {0, 0};
	struct parley_event event = {.type = PARLEY_EV_INVITE,
				     .from_tag = test_str("caller"),
				     .cseq = 1,
				     .hold = true};

	snprintf(callid, sizeof(callid), "%u-%u", worker->number, number);
	event.callid = test_str(callid);
	assert_int_equal(feed(field, &event, &id), 0);
	atomic_store(&field->ids[test_below(&worker->seed, SLOTS)], pack(id));
	(void)!parley_profile_join(field->engine, id, 0, test_str("v"), 0,
				   false);
	reply(field, id, 180);
	if (number % 5 == 0) {
		reply(field, id, 486);
	} else {
		reply(field, id, 200);
		request(field, id, PARLEY_EV_ACK, 1);
		request(field, id, PARLEY_EV_UPDATE, 2);
		(void)!parley_var_set(field->engine, id, test_str("k"),
				      test_str(callid));
		request(field, id, PARLEY_EV_BYE, 3);
	}
	event = (struct parley_event){
		.type = PARLEY_EV_RELEASE, .id = id, .invite = true};
	feed(field, &event, NULL);
}

static void *work(void *param)
{
	struct worker *worker = param;
	for (uint32_t i = 0; i < CALLS; i++)
		one_call(worker, i);
	return NULL;
}

/* Ends calls of others, in whatever state they are. */
static void *meddle(void *param)
{
	struct worker *worker = param;
	struct field *field = worker->field;

	while (!atomic_load(&field->over)) {
		uint32_t slot = test_below(&worker->seed, SLOTS);
		struct parley_event event = {
			.type = PARLEY_EV_TERMINATE,
			.id = unpack(atomic_load(&field->ids[slot])),
			.side = PARLEY_SIDE_ALL,
			.code = 480,
			.can_reply = true,
		};
		struct parley_id id = event.id;
		if (feed(field, &event, NULL) == 0)
			reply(field, id, 480);
	}
	return NULL;
}

static void *expire(void *param)
{
	struct field *field = ((struct worker *)param)->field;
	struct parley_actions actions;

	while (!atomic_load(&field->over))
		while (parley_expire(field->engine, now_of(field), &actions))
			parley_deliver(field->engine, &actions.note, NULL,
				       false);
	return NULL;
}

static void *list(void *param)
{
	struct field *field = ((struct worker *)param)->field;
	char buffer[4096];
	struct parley_view view;
	struct parley_stats stats;

	while (!atomic_load(&field->over)) {
		struct parley_id id = {0, 0};
		while (parley_next(field->engine, &id))
			if (parley_read(field->engine, now_of(field), id, &view,
					buffer, sizeof(buffer), NULL) == 0)
				assert_in_range(view.state, 1, 5);
		parley_get_stats(field->engine, &stats);
	}
	return NULL;
}

static void on_end(struct parley *engine, void *param,
		   const struct parley_told *told)
{
	struct field *field = param;
	(void)engine;
	(void)told;
	atomic_fetch_add(&field->told, 1);
}

static void nothing_is_left(struct field *field)
{
	struct parley_actions actions;
	struct parley_stats stats;

	/* Calls that were ended before their answer wait for a late 2xx. */
	atomic_fetch_add(&field->ms, 1000000);
	while (parley_expire(field->engine, now_of(field), &actions))
		parley_deliver(field->engine, &actions.note, NULL, false);
	assert_no_fault(parley_check(field->engine));
	parley_get_stats(field->engine, &stats);
	for (int s = 1; s < PARLEY_STATES; s++)
		assert_int_equal(stats.now_in[s], 0);
	assert_int_equal(stats.legs, 0);
	assert_int_equal(stats.profile_members, 0);
	assert_int_equal(stats.processed, WORKERS * CALLS);
	assert_int_equal(atomic_load(&field->told), WORKERS * CALLS);
}

static void a_busy_field(void **state)
{
	static struct test_host host;
	static struct field field;
	struct parley_config config;
	const struct parley_profile_config profile = {"p", true};
	void *(*const others[])(void *) = {meddle, expire, list};
	pthread_t threads[WORKERS + 3];
	struct worker workers[WORKERS + 3];

	(void)state;
	parley_config_default(&config);
	config.hash_size = 16; /* few shards: they meet often */
	config.shards = 2;
	config.profiles = &profile;
	config.profile_count = 1;
	test_host_init(&host, parley_locks(&config), test_seed(1));
	assert_int_equal(parley_create(&host.host, &config, &field.engine), 0);
	assert_int_equal(parley_subscribe_all(field.engine,
					      PARLEY_NOTE_FAILED |
						      PARLEY_NOTE_TERMINATED |
						      PARLEY_NOTE_EXPIRED,
					      on_end, &field),
			 0);
	for (uint32_t i = 0; i < WORKERS + 3; i++) {
		workers[i] = (struct worker){&field, test_seed(1) + i, i};
		assert_int_equal(
			pthread_create(&threads[i], NULL,
				       i < WORKERS ? work : others[i - WORKERS],
				       &workers[i]),
			0);
	}
	for (uint32_t i = 0; i < WORKERS; i++)
		pthread_join(threads[i], NULL);
	atomic_store(&field.over, true);
	for (uint32_t i = WORKERS; i < WORKERS + 3; i++)
		pthread_join(threads[i], NULL);
	nothing_is_left(&field);
	parley_destroy(field.engine);
	test_host_fini(&host);
}

/* All turn one flag of one call to and fro: it was turned on as often as off,
 * or once more. Each also turns one of its own, which nobody else changes. */
enum { FLIPPERS = 4, FLIPS = 100000 };

struct flips {
	struct parley *engine;
	struct parley_id id;
	uint32_t own;
	uint32_t won[2]; /* turned on, turned off */
};

static void *flip(void *param)
{
	struct flips *flips = param;
	uint32_t flags;

	for (uint32_t i = 0; i < FLIPS; i++) {
		uint32_t on = i % 2;
		int rc = parley_flags_flip(flips->engine, flips->id, 1, on);

		assert_in_range(rc, 0, 1);
		flips->won[on] += (uint32_t)rc;
		assert_int_equal(parley_flags(flips->engine, flips->id,
					      on ? 0 : flips->own,
					      on ? flips->own : 0, &flags),
				 0);
		assert_int_equal(flags & flips->own, on ? 0 : flips->own);
	}
	return NULL;
}

static void one_flips(void **state)
{
	static struct test_host host;
	static struct field field;
	struct parley_config config;
	struct flips flips[FLIPPERS];
	pthread_t threads[FLIPPERS];
	struct parley_event event = {.type = PARLEY_EV_INVITE,
				     .callid = test_str("c"),
				     .from_tag = test_str("caller"),
				     .cseq = 1};
	uint32_t won[2] = {0, 0}, flags;
	struct parley_id id;

	(void)state;
	parley_config_default(&config);
	test_host_init(&host, parley_locks(&config), test_seed(2));
	assert_int_equal(parley_create(&host.host, &config, &field.engine), 0);
	assert_int_equal(feed(&field, &event, &id), 0);
	for (uint32_t i = 0; i < FLIPPERS; i++) {
		flips[i] = (struct flips){field.engine, id, 2U << i, {0, 0}};
		assert_int_equal(
			pthread_create(&threads[i], NULL, flip, &flips[i]), 0);
	}
	for (uint32_t i = 0; i < FLIPPERS; i++) {
		pthread_join(threads[i], NULL);
		won[0] += flips[i].won[0];
		won[1] += flips[i].won[1];
	}
	assert_int_equal(parley_flags(field.engine, id, 0, 0, &flags), 0);
	assert_int_equal(flags, won[0] - won[1]);
	assert_in_range(flags, 0, 1);
	parley_destroy(field.engine);
	test_host_fini(&host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_busy_field),
		cmocka_unit_test(one_flips),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
