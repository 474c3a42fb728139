/* objects: all pair.o */
#include <stdlib.h>

#include "calls.h"
#include "engine.h"
#include "pair.h"

static const struct parley_str nothing = {NULL, 0};

static struct parley *index_start(struct test_host *host)
{
	struct parley *engine = calls_start(host);

	assert_int_equal(parley_index_values(engine), 0);
	return engine;
}

static void set(struct parley *engine, struct parley_id id, const char *key,
		const char *value)
{
	struct parley_str text = value ? test_str(value) : nothing;

	assert_int_equal(parley_var_set(engine, id, test_str(key), text), 0);
}

/* How many have it, asked in pages of @page; the last page is in @ids. */
static uint32_t look_up_paged(struct parley *engine, const char *key,
			      const char *value, struct parley_id *ids,
			      uint32_t page)
{
	struct parley_value_walk *walk;
	uint32_t got, count = 0;

	assert_int_equal(parley_value_walk_begin(engine, test_str(key),
						 test_str(value), &walk),
			 0);
	while ((got = parley_value_walk_next(walk, ids, page)) > 0)
		count += got;
	assert_int_equal(parley_value_walk_next(walk, ids, page), 0);
	parley_value_walk_end(walk);
	assert_no_fault(parley_check(engine));
	return count;
}

static uint32_t look_up(struct parley *engine, const char *key,
			const char *value)
{
	struct parley_id ids[8];

	return look_up_paged(engine, key, value, ids, 8);
}

static void assert_only(struct parley *engine, const char *key,
			const char *value, struct parley_id id)
{
	struct parley_id found[2];

	assert_int_equal(look_up_paged(engine, key, value, found, 2), 1);
	assert_int_equal(found[0].entry, id.entry);
	assert_int_equal(found[0].id, id.id);
}

static void test_set_replace_delete(void **state)
{
	struct test_host host;
	struct parley *engine = index_start(&host);
	struct parley_id one = calls_invite(engine, 1);
	struct parley_id two = calls_invite(engine, 2);

	(void)state;
	assert_int_equal(look_up(engine, "k", "v"), 0);
	set(engine, one, "k", "v");
	assert_only(engine, "k", "v", one);
	set(engine, two, "k", "v");
	assert_int_equal(look_up(engine, "k", "v"), 2);
	/* A text of the same size goes where the old one was. */
	set(engine, one, "k", "w");
	assert_only(engine, "k", "v", two);
	assert_only(engine, "k", "w", one);
	set(engine, one, "k", "a value that needs another block of memory");
	assert_int_equal(look_up(engine, "k", "w"), 0);
	assert_only(engine, "k", "a value that needs another block of memory",
		    one);
	set(engine, one, "k", "");
	assert_only(engine, "k", "", one);
	set(engine, one, "k", NULL);
	assert_int_equal(look_up(engine, "k", ""), 0);
	/* Where the key ends counts. */
	set(engine, one, "ab", "c");
	set(engine, two, "a", "bc");
	assert_only(engine, "ab", "c", one);
	assert_only(engine, "a", "bc", two);
	assert_int_equal(look_up(engine, "abc", ""), 0);
	calls_stop(&host, engine);
}

/* From the INVITE, with what the script has set before, to the end, after which
 * the dialog stays for late messages. */
static void test_life(void **state)
{
	const struct parley_pair vars[] = {{{"k", 1}, {"v", 1}},
					   {{"l", 1}, {"w", 1}}};
	struct parley_create_facts facts = {.vars = vars, .var_count = 2};
	struct parley_event invite = {.type = PARLEY_EV_INVITE,
				      .callid = test_str("c"),
				      .from_tag = test_str("f"),
				      .create = &facts,
				      .hold = true};
	struct test_host host;
	struct parley *engine = index_start(&host);
	struct parley_actions actions;
	struct parley_id id;

	(void)state;
	assert_int_equal(parley_feed(engine, calls_now(), &invite, &actions),
			 0);
	id = actions.id;
	assert_only(engine, "k", "v", id);
	calls_step(engine, id, PARLEY_EV_REPLY_2XX);
	calls_step(engine, id, PARLEY_EV_ACK);
	assert_only(engine, "l", "w", id);
	calls_step(engine, id, PARLEY_EV_BYE);
	assert_int_equal(parley_count(engine, PARLEY_STATE_DELETED), 1);
	assert_int_equal(look_up(engine, "k", "v"), 0);
	set(engine, id, "k", "v");
	set(engine, id, "k", "w");
	set(engine, id, "new", "v");
	set(engine, id, "l", NULL);
	assert_int_equal(look_up(engine, "k", "w"), 0);
	assert_int_equal(look_up(engine, "new", "v"), 0);
	invite = (struct parley_event){
		.type = PARLEY_EV_RELEASE, .id = id, .invite = true};
	assert_int_equal(parley_feed(engine, calls_now(), &invite, &actions),
			 0);
	assert_int_equal(parley_count(engine, PARLEY_STATE_DELETED), 0);
	calls_stop(&host, engine);
}

static void test_switch(void **state)
{
	struct test_host host;
	struct parley *engine = calls_start(&host);
	struct parley_value_walk *walk;
	static char text[PARLEY_STR_MAX + 1];
	struct parley_id id;

	(void)state;
	assert_int_equal(parley_value_walk_begin(engine, test_str("k"),
						 test_str("v"), &walk),
			 PARLEY_E_STATE);
	id = calls_invite(engine, 1);
	assert_int_equal(parley_index_values(engine), PARLEY_E_STATE);
	set(engine, id, "k", "v");
	calls_step(engine, id, PARLEY_EV_REPLY_FAIL);
	assert_int_equal(parley_index_values(engine), 0);
	assert_int_equal(parley_index_values(engine), 0);
	assert_int_equal(
		parley_value_walk_begin(engine, nothing, test_str("v"), &walk),
		PARLEY_E_ARGUMENT);
	assert_int_equal(
		parley_value_walk_begin(
			engine, (struct parley_str){text, PARLEY_VALUE_MAX + 1},
			test_str("v"), &walk),
		PARLEY_E_ARGUMENT);
	assert_int_equal(parley_value_walk_begin(
				 engine, test_str("k"),
				 (struct parley_str){text, PARLEY_STR_MAX + 1},
				 &walk),
			 PARLEY_E_ARGUMENT);
	assert_int_equal(look_up(engine, "k", "v"), 0);
	assert_int_equal(parley_index_values(engine), 0);
	calls_stop(&host, engine);
}

/* Key and value of 8 bytes each: below 96 bytes with the index, and without it
 * what they cost before there was one. */
static void test_cost(void **state)
{
	enum { CALLS = 2000, VARS = 8 };

	(void)state;
	for (int indexed = 0; indexed < 2; indexed++) {
		struct test_host host;
		struct parley *engine =
			indexed ? index_start(&host) : calls_start(&host);
		struct parley_id ids[CALLS];
		uint64_t before;

		for (uint32_t i = 0; i < CALLS; i++)
			ids[i] = calls_invite(engine, i);
		before = host.live_bytes;
		for (uint32_t i = 0; i < CALLS * VARS; i++) {
			char key[9], value[9];

			snprintf(key, sizeof(key), "key%05u", i % VARS);
			snprintf(value, sizeof(value), "%08u", i);
			set(engine, ids[i / VARS], key, value);
		}
		assert_true(host.live_bytes - before <
			    (indexed ? 96U : 41U) * CALLS * VARS);
		for (uint32_t i = 0; i < CALLS; i++)
			calls_step(engine, ids[i], PARLEY_EV_REPLY_FAIL);
		assert_true(host.live_bytes <= before);
		calls_stop(&host, engine);
	}
}

/* Three matches cost the same among a thousand and among 60,000: the same
 * locks, and no longer chains in the buckets. */
static void test_steps(void **state)
{
	enum { FEW = 1000, MANY = 60000 };
	struct test_host host;
	struct parley *engine = index_start(&host);
	struct parley_id first[3] = {{0, 0}};
	uint64_t locks[2] = {0, 0};

	(void)state;
	for (uint32_t i = 0; i < MANY; i++) {
		struct parley_id id = calls_invite(engine, i);
		char value[12];

		snprintf(value, sizeof(value), "%u", i);
		set(engine, id, "number", value);
		/* What all have must not be in the way. */
		set(engine, id, "type", "call");
		if (i < 3)
			first[i] = id;
		if (i < 3)
			set(engine, id, "who", "alice");
		if (i + 1 == FEW || i + 1 == MANY) {
			struct parley_id ids[4];
			struct parley_value_walk *walk;
			uint64_t before = host.lock_calls;

			assert_int_equal(parley_value_walk_begin(
						 engine, test_str("who"),
						 test_str("alice"), &walk),
					 0);
			assert_int_equal(parley_value_walk_next(walk, ids, 4),
					 3);
			parley_value_walk_end(walk);
			locks[i + 1 == MANY] = host.lock_calls - before;
		}
	}
	assert_int_equal(locks[0], locks[1]);
	assert_true(locks[0] < 4 * CALLS_LOCKS);
	for (uint32_t i = 0; i < engine->config.shards; i++)
		assert_true(engine->values[i].count <=
			    2 * engine->values[i].buckets);
	for (uint32_t i = 0; i < 3; i++)
		set(engine, first[i], "who", NULL);
	assert_int_equal(look_up(engine, "who", "alice"), 0);
	assert_int_equal(look_up(engine, "type", "call"), MANY);
	calls_stop(&host, engine);
}

/* No lock is held for more than some of them. */
static void test_bounded(void **state)
{
	enum { CALLS = 4000 };
	struct test_host host;
	struct parley *engine = index_start(&host);
	static struct parley_id ids[CALLS + 1];
	struct parley_value_walk *walk;
	uint64_t before;

	(void)state;
	for (uint32_t i = 0; i < CALLS; i++)
		set(engine, calls_invite(engine, i), "type", "call");
	before = host.lock_calls;
	assert_int_equal(parley_value_walk_begin(engine, test_str("type"),
						 test_str("call"), &walk),
			 0);
	assert_int_equal(parley_value_walk_next(walk, ids, CALLS + 1), CALLS);
	parley_value_walk_end(walk);
	assert_true(host.lock_calls - before > CALLS / 64);
	calls_stop(&host, engine);
}

/* ------------------------------------------------ walks and changes */

enum { MODEL_CALLS = 60, MODEL_WALKS = 4, VALUES = 3 };

static const char *const values[VALUES] = {"x", "y", "a longer value: zzzzzz"};

struct model_walk {
	struct parley_value_walk *walk; /* NULL: not under way */
	int value;
	/* Of each call: it had the value all the time; never; how often it
	 * was told. */
	bool always[MODEL_CALLS], never[MODEL_CALLS];
	uint32_t told[MODEL_CALLS];
};

struct model {
	struct parley *engine;
	uint64_t random;
	struct parley_id id[MODEL_CALLS]; /* {0, 0}: there is none */
	int value[MODEL_CALLS];		  /* -1: no variable */
	struct model_walk walks[MODEL_WALKS];
	uint32_t calls;
};

static bool has(const struct model *model, uint32_t call, int value)
{
	return model->id[call].id != 0 && model->value[call] == value;
}

static void model_changed(struct model *model, uint32_t call)
{
	for (uint32_t w = 0; w < MODEL_WALKS; w++) {
		struct model_walk *walk = &model->walks[w];

		if (has(model, call, walk->value))
			walk->never[call] = false;
		else
			walk->always[call] = false;
	}
}

static void model_begin(struct model *model, struct model_walk *walk)
{
	memset(walk, 0, sizeof(*walk));
	walk->value = (int)test_below(&model->random, VALUES);
	for (uint32_t i = 0; i < MODEL_CALLS; i++) {
		walk->always[i] = has(model, i, walk->value);
		walk->never[i] = !walk->always[i];
	}
	assert_int_equal(parley_value_walk_begin(model->engine, test_str("k"),
						 test_str(values[walk->value]),
						 &walk->walk),
			 0);
}

static void model_end(struct model_walk *walk, bool all)
{
	parley_value_walk_end(walk->walk);
	walk->walk = NULL;
	for (uint32_t i = 0; i < MODEL_CALLS; i++) {
		if (walk->never[i])
			assert_int_equal(walk->told[i], 0);
		if (walk->always[i] && all)
			assert_int_equal(walk->told[i], 1);
		if (walk->always[i])
			assert_true(walk->told[i] <= 1);
	}
}

static void model_walk(struct model *model)
{
	struct model_walk *walk =
		&model->walks[test_below(&model->random, MODEL_WALKS)];
	struct parley_id ids[5];
	uint32_t page, got;

	if (!walk->walk) {
		model_begin(model, walk);
		return;
	}
	if (test_below(&model->random, 20) == 0) {
		model_end(walk, false);
		return;
	}
	page = test_below(&model->random, 5) + 1;
	got = parley_value_walk_next(walk->walk, ids, page);
	for (uint32_t i = 0; i < got; i++)
		for (uint32_t call = 0; call < MODEL_CALLS; call++)
			if (model->id[call].id == ids[i].id &&
			    model->id[call].entry == ids[i].entry)
				walk->told[call]++;
	if (got == 0)
		model_end(walk, true);
}

static void model_step(struct model *model)
{
	uint32_t call = test_below(&model->random, MODEL_CALLS);
	int value = (int)test_below(&model->random, VALUES);
	struct parley_id *id = &model->id[call];

	if (id->id == 0) {
		*id = calls_invite(model->engine, model->calls++);
		model->value[call] = -1;
	} else if (test_below(&model->random, 6) == 0) {
		/* Another call takes the place: no walk may mix them. */
		calls_step(model->engine, *id, PARLEY_EV_REPLY_FAIL);
		*id = (struct parley_id){0, 0};
	} else if (test_below(&model->random, 4) == 0) {
		if (model->value[call] >= 0)
			set(model->engine, *id, "k", NULL);
		model->value[call] = -1;
	} else {
		set(model->engine, *id, "k", values[value]);
		model->value[call] = value;
	}
	model_changed(model, call);
}

static void test_walks(void **state)
{
	struct test_host host;
	struct model model = {.engine = index_start(&host),
			      .random = test_seed(7)};
	uint32_t moves;

	(void)state;
	for (uint32_t round = 0; round < 20000; round++) {
		/* Now more changes, now more pages. */
		moves = round / 1000 % 2 ? 3 : 1;
		if (test_below(&model.random, 4) < moves)
			model_step(&model);
		else
			model_walk(&model);
		if (round % 50 == 0)
			assert_no_fault(parley_check(model.engine));
	}
	for (uint32_t w = 0; w < MODEL_WALKS; w++)
		if (model.walks[w].walk)
			model_end(&model.walks[w], false);
	for (uint32_t i = 0; i < MODEL_CALLS; i++)
		if (model.id[i].id != 0)
			calls_step(model.engine, model.id[i],
				   PARLEY_EV_REPLY_FAIL);
	calls_stop(&host, model.engine);
}

/* All leave before a walk, and behind it, and it is left in the middle. */
static void test_walk_left_alone(void **state)
{
	enum { CALLS = 6 };
	struct test_host host;
	struct parley *engine = index_start(&host);
	struct parley_id all[CALLS], ids[CALLS];

	(void)state;
	for (uint32_t i = 0; i < CALLS; i++)
		all[i] = calls_invite(engine, i);
	for (uint32_t told = 0; told <= CALLS; told++) {
		struct parley_value_walk *walk;

		for (uint32_t i = 0; i < CALLS; i++)
			set(engine, all[i], "k", "v");
		assert_int_equal(parley_value_walk_begin(engine, test_str("k"),
							 test_str("v"), &walk),
				 0);
		if (told > 0)
			assert_int_equal(
				parley_value_walk_next(walk, ids, told), told);
		for (uint32_t i = 0; i < CALLS; i++)
			set(engine, all[i], "k", NULL);
		assert_no_fault(parley_check(engine));
		assert_int_equal(parley_value_walk_next(walk, ids, CALLS), 0);
		parley_value_walk_end(walk);
		assert_int_equal(look_up(engine, "k", "v"), 0);
	}
	calls_stop(&host, engine);
}

/* ------------------------------------------------ images, memory */

static void test_replica(void **state)
{
	struct pair *pair = *state;
	struct parley *other = pair->b.call.engine;
	_Alignas(max_align_t) char buffer[IMAGE_BYTES];
	static const char *const step[] = {"one", "two", "three"};
	struct parley_image image;
	struct parley_id id;

	assert_int_equal(parley_index_values(other), 0);
	pair_up(pair);
	id = pair->a.call.id;
	for (uint32_t i = 0; i < 3; i++) {
		set(pair->a.call.engine, id, "k", step[i]);
		assert_int_equal(
			side_export(&pair->a, &pair->b, id, &image, buffer), 0);
		assert_int_equal(side_take(&pair->b, &image), 0);
		assert_only(other, "k", step[i], id);
		if (i > 0)
			assert_int_equal(look_up(other, "k", step[i - 1]), 0);
	}
	assert_int_equal(parley_forget(other, calls_now(), id, test_str("a")),
			 0);
	assert_int_equal(look_up(other, "k", "three"), 0);
}

static bool rung(struct test_host *host)
{
	struct parley_config config = calls_config();
	struct parley_value_walk *walk;
	struct parley *engine;
	struct parley_id id, ids[2];
	bool all = true;
	int rc;

	config.piece_bytes = 0;
	engine = calls_engine(host, &config);
	if (!engine)
		return false;
	rc = parley_index_values(engine);
	if (rc != 0) {
		assert_int_equal(rc, PARLEY_E_MEMORY);
		parley_destroy(engine);
		return false;
	}
	id = calls_invite(engine, 1);
	for (uint32_t i = 0; id.id != 0 && i < 64; i++) {
		char key[4] = {(char)('a' + i % 26), (char)('a' + i / 26), 'k',
			       '\0'};
		char value[3000];
		uint32_t count;

		memset(value, 'v', sizeof(value));
		value[i * 40] = '\0';
		rc = parley_var_set(engine, id, test_str(key), test_str(value));
		assert_true(rc == 0 || rc == PARLEY_E_MEMORY);
		all = all && rc == 0;
		if (parley_value_walk_begin(engine, test_str(key),
					    test_str(value), &walk) != 0) {
			all = false;
			continue;
		}
		count = parley_value_walk_next(walk, ids, 2);
		assert_int_equal(count, rc == 0);
		parley_value_walk_end(walk);
	}
	assert_no_fault(parley_check(engine));
	if (id.id != 0)
		calls_step(engine, id, PARLEY_EV_REPLY_FAIL);
	parley_destroy(engine);
	return all && id.id != 0;
}

static void test_ladder(void **state)
{
	(void)state;
	assert_true(ladder(rung, CALLS_LOCKS, CALLS_LOCKS - 1) > 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set_replace_delete),
		cmocka_unit_test(test_life),
		cmocka_unit_test(test_switch),
		cmocka_unit_test(test_cost),
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_bounded),
		cmocka_unit_test(test_walks),
		cmocka_unit_test(test_walk_left_alone),
		cmocka_unit_test_setup_teardown(test_replica, pair_setup,
						pair_teardown),
		cmocka_unit_test(test_ladder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
