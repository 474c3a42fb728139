/* objects: all */
#include "calls.h"
#include "engine.h"

static const struct parley_str any = {NULL, 0};

static uint32_t size_of(struct parley *engine, int profile, const char *value)
{
	uint32_t size = UINT32_MAX;

	assert_int_equal(parley_profile_size(engine, profile,
					     value ? test_str(value) : any,
					     &size),
			 0);
	return size;
}

static int join(struct parley *engine, struct parley_id id, const char *value)
{
	return parley_profile_join(engine, id, CALLER, test_str(value), 0,
				   false);
}

/* Fails unless the walk tells @expected ids, asked for @max at a time. */
static uint32_t walk_count(struct parley *engine, int profile,
			   struct parley_str value, uint32_t max)
{
	struct parley_profile_walk *walk;
	struct parley_id ids[16];
	uint32_t count = 0, got;

	assert_int_equal(
		parley_profile_walk_begin(engine, profile, value, &walk), 0);
	while ((got = parley_profile_walk_next(walk, ids, max)) > 0) {
		assert_true(got <= max);
		count += got;
	}
	assert_int_equal(parley_profile_walk_next(walk, ids, max), 0);
	parley_profile_walk_end(walk);
	return count;
}

/* ------------------------------------------------------------ counting */

static void test_names(void **state)
{
	struct test_host host;
	struct parley *engine = calls_start(&host);

	(void)state;
	assert_int_equal(parley_profile_find(engine, test_str("plain")), PLAIN);
	assert_int_equal(parley_profile_find(engine, test_str("own")), OWN);
	assert_int_equal(parley_profile_find(engine, test_str("ow")),
			 PARLEY_E_NO_PROFILE);
	assert_int_equal(parley_profile_find(engine, test_str("owns")),
			 PARLEY_E_NO_PROFILE);
	assert_int_equal(parley_profile_find(engine, any), PARLEY_E_NO_PROFILE);
	assert_false(parley_profile_has_value(engine, PLAIN));
	assert_true(parley_profile_has_value(engine, CALLER));
	assert_false(parley_profile_has_value(engine, CALLS_PROFILES));
	assert_false(parley_profile_has_value(engine, -1));
	assert_string_equal(parley_profile_name(engine, CALLER), "caller");
	assert_null(parley_profile_name(engine, CALLS_PROFILES));
	assert_null(parley_profile_name(engine, PARLEY_E_NO_PROFILE));
	calls_stop(&host, engine);
}

static void test_join_and_leave(void **state)
{
	struct test_host host;
	struct parley *engine = calls_start(&host);
	struct parley_id id = calls_invite(engine, 1);
	struct parley_id other = calls_invite(engine, 2);
	const struct parley_id nobody = {id.entry, id.id ^ 1};

	(void)state;
	/* The same value again counts again; each leave takes one away. */
	assert_int_equal(join(engine, id, "alice"), 0);
	assert_int_equal(join(engine, id, "alice"), 0);
	assert_int_equal(join(engine, id, "bob"), 0);
	assert_int_equal(join(engine, other, "alice"), 0);
	assert_int_equal(join(engine, id, ""), 0);
	assert_int_equal(size_of(engine, CALLER, "alice"), 3);
	assert_int_equal(size_of(engine, CALLER, "bob"), 1);
	assert_int_equal(size_of(engine, CALLER, ""), 1);
	assert_int_equal(size_of(engine, CALLER, "carol"), 0);
	assert_int_equal(size_of(engine, CALLER, NULL), 5);
	assert_int_equal(size_of(engine, OWN, NULL), 0);
	assert_int_equal(size_of(engine, OWN, "alice"), 0);
	assert_int_equal(
		parley_profile_leave(engine, id, CALLER, test_str("alice")), 0);
	assert_int_equal(size_of(engine, CALLER, "alice"), 2);
	assert_int_equal(
		parley_profile_is_member(engine, id, CALLER, test_str("alice")),
		1);
	assert_int_equal(
		parley_profile_leave(engine, id, CALLER, test_str("alice")), 0);
	assert_int_equal(
		parley_profile_is_member(engine, id, CALLER, test_str("alice")),
		0);
	assert_int_equal(
		parley_profile_leave(engine, id, CALLER, test_str("alice")),
		PARLEY_E_ABSENT);
	assert_int_equal(size_of(engine, CALLER, "alice"), 1);

	/* Without a value it means any. */
	assert_int_equal(join(engine, id, "bob"), 0);
	assert_int_equal(parley_profile_is_member(engine, id, CALLER, any), 1);
	assert_int_equal(parley_profile_is_member(engine, id, OWN, any), 0);
	assert_int_equal(parley_profile_leave(engine, id, CALLER, any), 0);
	assert_int_equal(parley_profile_is_member(engine, id, CALLER, any), 0);
	assert_int_equal(size_of(engine, CALLER, NULL), 1);
	assert_int_equal(parley_profile_leave(engine, id, CALLER, any),
			 PARLEY_E_ABSENT);

	assert_int_equal(join(engine, nobody, "alice"), PARLEY_E_NO_DIALOG);
	assert_int_equal(parley_profile_leave(engine, nobody, CALLER, any),
			 PARLEY_E_NO_DIALOG);
	assert_int_equal(parley_profile_is_member(engine, nobody, CALLER, any),
			 PARLEY_E_NO_DIALOG);
	assert_int_equal(size_of(engine, CALLER, NULL), 1);
	calls_stop(&host, engine);
}

static void test_arguments(void **state)
{
	struct test_host host;
	struct parley *engine = calls_start(&host);
	struct parley_id id = calls_invite(engine, 1);
	struct parley_member *list = NULL;
	struct parley_profile_walk *walk = NULL;
	static char text[PARLEY_VALUE_MAX + 1];
	struct parley_str longest = {text, PARLEY_VALUE_MAX};
	struct parley_str longer = {text, PARLEY_VALUE_MAX + 1};
	uint32_t size = 7;

	(void)state;
	memset(text, 'x', sizeof(text));
	assert_int_equal(parley_profile_join(engine, id, CALLER, any, 0, false),
			 PARLEY_E_NO_VALUE);
	assert_int_equal(
		parley_profile_reserve(engine, CALLER, any, 0, false, &list),
		PARLEY_E_NO_VALUE);
	for (int profile = -1; profile <= CALLS_PROFILES;
	     profile += CALLS_PROFILES + 1) {
		assert_int_equal(
			parley_profile_join(engine, id, profile, any, 0, false),
			PARLEY_E_NO_PROFILE);
		assert_int_equal(
			parley_profile_size(engine, profile, any, &size),
			PARLEY_E_NO_PROFILE);
		assert_int_equal(
			parley_profile_walk_begin(engine, profile, any, &walk),
			PARLEY_E_NO_PROFILE);
		assert_false(
			parley_profile_reserved(engine, profile, any, list));
	}
	assert_int_equal(
		parley_profile_join(engine, id, CALLER, longer, 0, false),
		PARLEY_E_ARGUMENT);
	assert_int_equal(size, 7);
	assert_null(list);
	assert_null(walk);
	/* Not freed before the engine is: it must not be left behind. */
	assert_int_equal(
		parley_profile_join(engine, id, CALLER, longest, 1, false), 0);
	assert_int_equal(
		parley_profile_join(engine, id, CALLER, longest, 1, false),
		PARLEY_E_FULL);

	/* A profile without values ignores what is given. */
	assert_int_equal(
		parley_profile_join(engine, id, PLAIN, longer, 0, false), 0);
	assert_int_equal(
		parley_profile_join(engine, id, PLAIN, test_str("x"), 2, false),
		0);
	assert_int_equal(parley_profile_join(engine, id, PLAIN, any, 2, false),
			 PARLEY_E_FULL);
	assert_int_equal(size_of(engine, PLAIN, NULL), 2);
	assert_int_equal(size_of(engine, PLAIN, "y"), 2);
	assert_int_equal(parley_profile_leave(engine, id, PLAIN, test_str("z")),
			 0);
	assert_int_equal(size_of(engine, PLAIN, NULL), 1);
	calls_stop(&host, engine);
}

static void test_limit_and_once(void **state)
{
	struct test_host host;
	struct parley *engine = calls_start(&host);
	struct parley_str alice = test_str("alice");
	struct parley_stats stats;
	struct parley_id ids[6];

	(void)state;
	for (uint32_t i = 0; i < 6; i++) {
		ids[i] = calls_invite(engine, i);
		assert_int_equal(parley_profile_join(engine, ids[i], CALLER,
						     alice, 5, true),
				 i < 5 ? 0 : PARLEY_E_FULL);
		/* Who is in already stays in, also when it is full. */
		assert_int_equal(parley_profile_join(engine, ids[0], CALLER,
						     alice, 5, true),
				 0);
	}
	assert_int_equal(size_of(engine, CALLER, "alice"), 5);
	parley_get_stats(engine, &stats);
	assert_int_equal(stats.limit_refused, 1);
	assert_int_equal(stats.profile_members, 5);
	assert_int_equal(parley_profile_join(engine, ids[5], CALLER,
					     test_str("bob"), 1, true),
			 0);
	/* The end of a call makes room. */
	calls_step(engine, ids[2], PARLEY_EV_REPLY_FAIL);
	assert_int_equal(size_of(engine, CALLER, "alice"), 4);
	assert_int_equal(
		parley_profile_join(engine, ids[5], CALLER, alice, 5, true), 0);
	assert_int_equal(
		parley_profile_join(engine, ids[5], CALLER, alice, 5, false),
		PARLEY_E_FULL);
	assert_int_equal(size_of(engine, CALLER, "alice"), 5);
	calls_stop(&host, engine);
}

/* A call that has ended but is still kept is in no profile. */
static void test_ended(void **state)
{
	struct test_host host;
	struct parley *engine = calls_start(&host);
	struct parley_id id = calls_up(engine, 1);
	struct parley_actions actions;
	struct parley_event bye = {
		.type = PARLEY_EV_BYE,
		.id = id,
		.dir = PARLEY_DIR_UPSTREAM,
		.to_tag = test_str("callee"),
		.hold = true,
	};

	(void)state;
	assert_int_equal(join(engine, id, "alice"), 0);
	assert_int_equal(parley_feed(engine, calls_now(), &bye, &actions), 0);
	parley_deliver(engine, &actions.note, NULL, false);
	assert_int_equal(parley_count(engine, PARLEY_STATE_DELETED), 1);
	assert_int_equal(size_of(engine, CALLER, NULL), 0);
	assert_int_equal(join(engine, id, "alice"), PARLEY_E_NO_DIALOG);
	assert_int_equal(parley_profile_is_member(engine, id, CALLER, any), 0);
	assert_int_equal(parley_profile_leave(engine, id, CALLER, any),
			 PARLEY_E_ABSENT);
	assert_int_equal(size_of(engine, CALLER, NULL), 0);
	calls_stop(&host, engine);
}

/* ------------------------------------------- before there is a dialog */

/* From before the dialog: the first one first; afterwards: the last one. */
static void test_order(void **state)
{
	static const char *const order[] = {"4", "3", "1", "2"};
	struct test_host host;
	struct parley *engine = calls_start(&host);
	struct parley_create_facts facts = {0};
	struct parley_actions actions;
	struct parley_view view;
	static char buffer[4096];

	(void)state;
	for (const char *value = "12"; *value; value++)
		assert_int_equal(
			parley_profile_reserve(engine, CALLER,
					       (struct parley_str){value, 1}, 0,
					       false, &facts.members),
			0);
	assert_int_equal(calls_invite_with(engine, 1, &facts, &actions), 0);
	assert_int_equal(join(engine, actions.id, "3"), 0);
	assert_int_equal(join(engine, actions.id, "4"), 0);
	assert_int_equal(parley_read(engine, calls_now(), actions.id, &view,
				     buffer, sizeof(buffer), NULL),
			 0);
	assert_int_equal(view.profile_count, 4);
	for (uint32_t i = 0; i < 4; i++) {
		assert_int_equal(view.profiles[i].value.len, 1);
		assert_int_equal(view.profiles[i].value.s[0], order[i][0]);
	}
	calls_stop(&host, engine);
}

static void test_reserve(void **state)
{
	struct test_host host;
	struct parley *engine = calls_start(&host);
	struct parley_str alice = test_str("alice");
	struct parley_member *list = NULL, *late = NULL;
	struct parley_create_facts facts = {0};
	struct parley_actions actions;

	(void)state;
	assert_int_equal(
		parley_profile_reserve(engine, CALLER, alice, 2, true, &list),
		0);
	assert_int_equal(
		parley_profile_reserve(engine, CALLER, alice, 2, true, &list),
		0);
	assert_int_equal(size_of(engine, CALLER, "alice"), 1);
	assert_int_equal(
		parley_profile_reserve(engine, CALLER, alice, 2, false, &list),
		0);
	assert_int_equal(
		parley_profile_reserve(engine, CALLER, alice, 2, false, &late),
		PARLEY_E_FULL);
	assert_null(late);
	assert_int_equal(
		parley_profile_reserve(engine, PLAIN, any, 0, false, &list), 0);
	assert_true(parley_profile_reserved(engine, CALLER, alice, list));
	assert_true(parley_profile_reserved(engine, CALLER, any, list));
	assert_true(parley_profile_reserved(engine, PLAIN, any, list));
	assert_false(parley_profile_reserved(engine, OWN, any, list));
	assert_false(
		parley_profile_reserved(engine, CALLER, test_str("bob"), list));
	assert_int_equal(parley_profile_unreserve(engine, CALLER, alice, &list),
			 0);
	assert_int_equal(size_of(engine, CALLER, "alice"), 1);
	assert_int_equal(parley_profile_unreserve(engine, OWN, any, &list),
			 PARLEY_E_ABSENT);
	/* Nobody has it yet, so a walk does not tell it. */
	assert_int_equal(walk_count(engine, CALLER, alice, 4), 0);
	assert_no_fault(parley_check(engine));

	facts.members = list;
	assert_int_equal(calls_invite_with(engine, 1, &facts, &actions), 0);
	assert_int_equal(size_of(engine, CALLER, "alice"), 1);
	assert_int_equal(walk_count(engine, CALLER, alice, 4), 1);
	assert_int_equal(
		parley_profile_is_member(engine, actions.id, PLAIN, any), 1);
	calls_step(engine, actions.id, PARLEY_EV_REPLY_FAIL);
	assert_int_equal(size_of(engine, CALLER, NULL), 0);
	assert_int_equal(size_of(engine, PLAIN, NULL), 0);

	for (int i = 0; i < 3; i++)
		assert_int_equal(parley_profile_reserve(engine, CALLER, alice,
							0, false, &late),
				 0);
	assert_int_equal(parley_profile_unreserve(engine, CALLER, any, &late),
			 0);
	assert_null(late);
	assert_int_equal(
		parley_profile_reserve(engine, CALLER, alice, 1, false, &late),
		0);
	parley_profile_release(engine, &late);
	assert_null(late);
	parley_profile_release(engine, &late);
	assert_int_equal(size_of(engine, CALLER, NULL), 0);
	calls_stop(&host, engine);
}

/* ------------------------------------------------------------ races */

/* What another process does between the two halves of a join: just before the
 * first lock of a profile is taken. */
struct race {
	struct test_host host; /* first: it is the host's self */
	struct parley *engine;
	struct parley_id id;
	void (*other)(struct race *race);
	void (*lock)(void *self, uint32_t index);
};

static void race_lock(void *self, uint32_t index)
{
	struct race *race = self;
	void (*other)(struct race * race) = race->other;

	if (other != NULL && index >= race->engine->profiles.first_lock &&
	    index != race->engine->mem.lock) {
		race->other = NULL;
		other(race);
	}
	race->lock(self, index);
}

static void race_start(struct race *race)
{
	struct parley_config config = calls_config();

	memset(race, 0, sizeof(*race));
	test_host_init(&race->host, CALLS_LOCKS, 1);
	race->lock = race->host.host.lock;
	race->host.host.lock = race_lock;
	race->engine = calls_engine(&race->host, &config);
	race->id = calls_invite(race->engine, 1);
}

static int race_join(struct race *race, void (*other)(struct race *race))
{
	race->other = other;
	return parley_profile_join(race->engine, race->id, CALLER,
				   test_str("alice"), 2, true);
}

static void join_too(struct race *race)
{
	assert_int_equal(race_join(race, NULL), 0);
}

static void end_call(struct race *race)
{
	calls_step(race->engine, race->id, PARLEY_EV_REPLY_FAIL);
}

static void end_call_but_hold(struct race *race)
{
	struct parley_event bye = {
		.type = PARLEY_EV_BYE,
		.id = race->id,
		.dir = PARLEY_DIR_UPSTREAM,
		.to_tag = test_str("callee"),
		.hold = true,
	};
	struct parley_actions actions;

	assert_int_equal(parley_feed(race->engine, calls_now(), &bye, &actions),
			 0);
}

static void test_races_of_join(void **state)
{
	static struct race race;

	(void)state;
	race_start(&race);
	assert_int_equal(race_join(&race, join_too), 0);
	assert_null(race.other);
	assert_int_equal(size_of(race.engine, CALLER, "alice"), 1);
	assert_int_equal(
		parley_profile_leave(race.engine, race.id, CALLER, any), 0);
	assert_int_equal(race_join(&race, end_call), PARLEY_E_NO_DIALOG);
	assert_int_equal(size_of(race.engine, CALLER, "alice"), 0);
	race.id = calls_up(race.engine, 2);
	assert_int_equal(race_join(&race, end_call_but_hold),
			 PARLEY_E_NO_DIALOG);
	assert_int_equal(size_of(race.engine, CALLER, "alice"), 0);
	assert_int_equal(parley_count(race.engine, PARLEY_STATE_DELETED), 1);
	calls_stop(&race.host, race.engine);
}

/* ------------------------------------------------------------ walking */

enum { MODEL_CALLS = 60, MODEL_VALUES = 9, MODEL_STEPS = 400 };

struct model {
	struct parley *engine;
	uint64_t random;
	struct parley_id ids[MODEL_CALLS];
	uint8_t in[MODEL_CALLS][MODEL_VALUES];
	/* Of the walk: memberships that were there at its begin, and what left
	 * since or joined since. */
	uint32_t at_begin[MODEL_CALLS];
	uint32_t left[MODEL_CALLS];
	uint32_t joined[MODEL_CALLS];
	uint32_t told[MODEL_CALLS];
};

static struct parley_str model_value(uint32_t i)
{
	static const char *const values[MODEL_VALUES] = {
		"a", "b", "c", "d", "e", "f", "g", "", "a longer one"};

	return test_str(values[i]);
}

/* @watched: the value that a walk looks at, MODEL_VALUES: all. */
static void model_change(struct model *model, uint32_t watched)
{
	uint32_t call = test_below(&model->random, MODEL_CALLS);
	uint32_t value = test_below(&model->random, MODEL_VALUES);
	bool seen = watched == MODEL_VALUES || watched == value;

	if (test_below(&model->random, 2) == 0) {
		assert_int_equal(
			parley_profile_join(model->engine, model->ids[call],
					    OWN, model_value(value), 0, false),
			0);
		model->in[call][value]++;
		if (seen)
			model->joined[call]++;
	} else {
		int rc = parley_profile_leave(model->engine, model->ids[call],
					      OWN, model_value(value));

		assert_int_equal(
			rc, model->in[call][value] > 0 ? 0 : PARLEY_E_ABSENT);
		if (rc == 0)
			model->in[call][value]--;
		if (rc == 0 && seen)
			model->left[call]++;
	}
}

static void model_begin(struct model *model, uint32_t watched)
{
	for (uint32_t i = 0; i < MODEL_CALLS; i++) {
		model->at_begin[i] = 0;
		model->left[i] = 0;
		model->joined[i] = 0;
		model->told[i] = 0;
		for (uint32_t v = 0; v < MODEL_VALUES; v++)
			if (watched == MODEL_VALUES || watched == v)
				model->at_begin[i] += model->in[i][v];
	}
}

static void model_tell(struct model *model, struct parley_id id)
{
	uint32_t i = 0;

	while (i < MODEL_CALLS &&
	       (model->ids[i].id != id.id || model->ids[i].entry != id.entry))
		i++;
	assert_true(i < MODEL_CALLS);
	model->told[i]++;
}

static void model_end(const struct model *model)
{
	for (uint32_t i = 0; i < MODEL_CALLS; i++) {
		uint32_t stayed = model->at_begin[i] > model->left[i]
					  ? model->at_begin[i] - model->left[i]
					  : 0;

		assert_true(model->told[i] >= stayed);
		assert_true(model->told[i] <=
			    model->at_begin[i] + model->joined[i]);
	}
}

/* Who stays is told once, whatever comes and goes between the calls. */
static void test_walk_and_change(void **state)
{
	struct test_host host;
	static struct model model;

	(void)state;
	memset(&model, 0, sizeof(model));
	model.engine = calls_start(&host);
	model.random = host.seed;
	for (uint32_t i = 0; i < MODEL_CALLS; i++)
		model.ids[i] = calls_invite(model.engine, i);
	for (uint32_t step = 0; step < MODEL_STEPS; step++) {
		uint32_t watched = test_below(&model.random, MODEL_VALUES + 1);
		uint32_t max = 1 + test_below(&model.random, 16);
		struct parley_profile_walk *walk;
		struct parley_id ids[16];
		uint32_t got;

		for (uint32_t i = 0; i < 20; i++)
			model_change(&model, watched);
		model_begin(&model, watched);
		assert_int_equal(parley_profile_walk_begin(
					 model.engine, OWN,
					 watched == MODEL_VALUES
						 ? any
						 : model_value(watched),
					 &walk),
				 0);
		while ((got = parley_profile_walk_next(walk, ids, max)) > 0) {
			for (uint32_t i = 0; i < got; i++)
				model_tell(&model, ids[i]);
			for (uint32_t i = step % 4; i > 0; i--)
				model_change(&model, watched);
			assert_no_fault(profile_check(model.engine));
		}
		parley_profile_walk_end(walk);
		model_end(&model);
	}
	calls_stop(&host, model.engine);
}

/* Every way in which a value can vanish below a walk. */
static void test_walk_of_a_vanishing_value(void **state)
{
	struct test_host host;
	struct parley *engine = calls_start(&host);
	struct parley_id a = calls_invite(engine, 1),
			 b = calls_invite(engine, 2);
	struct parley_profile_walk *one, *two, *three;
	struct parley_id id;

	(void)state;
	assert_int_equal(join(engine, a, "v"), 0);
	assert_int_equal(join(engine, b, "v"), 0);
	assert_int_equal(
		parley_profile_walk_begin(engine, CALLER, test_str("v"), &one),
		0);
	assert_int_equal(parley_profile_walk_begin(engine, CALLER, any, &two),
			 0);
	assert_int_equal(parley_profile_walk_begin(engine, CALLER,
						   test_str("v"), &three),
			 0);
	assert_int_equal(parley_profile_walk_next(one, &id, 0), 0);
	assert_int_equal(parley_profile_walk_next(one, &id, 1), 1);
	assert_int_equal(id.id, b.id);
	assert_int_equal(parley_profile_walk_next(two, &id, 1), 1);
	assert_int_equal(id.id, b.id);
	/* The marker behind b stays when b leaves. */
	assert_int_equal(parley_profile_leave(engine, b, CALLER, any), 0);
	assert_int_equal(parley_profile_walk_next(two, &id, 1), 1);
	assert_int_equal(id.id, a.id);
	assert_int_equal(parley_profile_leave(engine, a, CALLER, any), 0);
	assert_int_equal(size_of(engine, CALLER, "v"), 0);
	assert_no_fault(parley_check(engine));
	/* What comes back is another value. */
	assert_int_equal(join(engine, a, "v"), 0);
	assert_int_equal(parley_profile_walk_next(one, &id, 1), 0);
	assert_int_equal(parley_profile_walk_next(two, &id, 1), 0);
	assert_no_fault(parley_check(engine));
	parley_profile_walk_end(one);
	parley_profile_walk_end(two);
	parley_profile_walk_end(three);

	/* A walk that is given up half-way leaves no marker. */
	assert_int_equal(join(engine, b, "v"), 0);
	assert_int_equal(parley_profile_walk_begin(engine, CALLER, any, &one),
			 0);
	assert_int_equal(parley_profile_walk_next(one, &id, 1), 1);
	parley_profile_walk_end(one);
	assert_int_equal(walk_count(engine, CALLER, test_str("v"), 1), 2);
	calls_stop(&host, engine);
}

/* Gives value @name of a profile the hash of CALLER's value @like, which no
 * caller can. */
static void collide(struct parley *engine, int profile, const char *name,
		    const char *like)
{
	struct profile_table *table = &engine->profiles;
	struct profile_key from, to;
	struct profile_value *value;

	assert_int_equal(
		profile_key_init(engine, profile, test_str(name), &from), 0);
	assert_int_equal(profile_key_init(engine, CALLER, test_str(like), &to),
			 0);
	value = profile_find_locked(engine, &from);
	assert_non_null(value);
	index_remove(&table->shard[profile_shard(from.hash)], &value->node);
	index_add(&table->shard[profile_shard(to.hash)], &value->node, to.hash);
}

static void test_walk_of_equal_hashes(void **state)
{
	static const char *const names[] = {"one", "two", "three"};
	struct test_host host;
	struct parley *engine = calls_start(&host);
	struct parley_id ids[3], id;
	struct parley_profile_walk *walk;
	uint32_t told = 0;

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		ids[i] = calls_invite(engine, i);
		assert_int_equal(join(engine, ids[i], names[i]), 0);
	}
	assert_int_equal(parley_profile_join(engine, ids[0], OWN,
					     test_str("other"), 0, false),
			 0);
	/* In the order of the index: three, other, two, one. */
	collide(engine, CALLER, "two", "one");
	collide(engine, OWN, "other", "one");
	collide(engine, CALLER, "three", "one");
	assert_no_fault(parley_check(engine));
	assert_int_equal(walk_count(engine, CALLER, any, 1), 3);
	assert_int_equal(walk_count(engine, CALLER, any, 16), 3);
	assert_int_equal(walk_count(engine, CALLER, test_str("one"), 16), 1);
	assert_int_equal(walk_count(engine, OWN, any, 16), 1);

	/* The value below the walk vanishes: it goes on with the next one. */
	assert_int_equal(parley_profile_walk_begin(engine, CALLER, any, &walk),
			 0);
	assert_int_equal(parley_profile_walk_next(walk, &id, 1), 1);
	for (uint32_t i = 0; i < 3; i++)
		if (ids[i].id == id.id)
			assert_int_equal(
				parley_profile_leave(engine, id, CALLER, any),
				0);
	while (parley_profile_walk_next(walk, &id, 1) > 0)
		told++;
	assert_int_equal(told, 2);
	parley_profile_walk_end(walk);
	calls_stop(&host, engine);
}

/* A place in a profile that has the value already costs at most 64 bytes. */
static void test_cost(void **state)
{
	enum { CALLS = 1000, EACH = 4 };
	struct test_host host;
	struct parley *engine = calls_start(&host);
	static struct parley_id ids[CALLS];
	char value[16];
	uint64_t before;

	(void)state;
	for (uint32_t i = 0; i < CALLS; i++)
		ids[i] = calls_invite(engine, i);
	before = host.live_bytes;
	for (uint32_t i = 0; i < CALLS * EACH; i++) {
		snprintf(value, sizeof(value), "%u", i % 50);
		assert_int_equal(join(engine, ids[i / EACH], value), 0);
	}
	assert_true(host.live_bytes - before <= 64 * CALLS * EACH);
	for (uint32_t i = 0; i < CALLS; i++)
		calls_step(engine, ids[i], PARLEY_EV_REPLY_FAIL);
	assert_int_equal(size_of(engine, CALLER, NULL), 0);
	assert_true(host.live_bytes <= before);
	calls_stop(&host, engine);
}

/* ------------------------------------------------------------ no memory */

/* Everything of this file that asks for memory; true if nothing was refused. */
static bool rung_steps(struct parley *engine, struct parley_id id)
{
	struct parley_profile_walk *walk;
	struct parley_member *list = NULL;
	bool all = true;
	uint32_t in = 0;
	int rc;

	for (uint32_t i = 0; i < 40; i++) {
		static char value[1000];

		snprintf(value, sizeof(value), "%0*u", (int)sizeof(value) - 1,
			 i);
		rc = join(engine, id, value);
		assert_true(rc == 0 || rc == PARLEY_E_MEMORY);
		in += rc == 0;
		rc = parley_profile_reserve(engine, OWN, test_str(value), 1,
					    false, &list);
		assert_true(rc == 0 || rc == PARLEY_E_MEMORY);
		all = all && rc == 0;
	}
	assert_int_equal(size_of(engine, CALLER, NULL), in);
	rc = parley_profile_walk_begin(engine, CALLER, any, &walk);
	assert_true(rc == 0 || rc == PARLEY_E_MEMORY);
	if (rc == 0)
		parley_profile_walk_end(walk);
	assert_no_fault(parley_check(engine));
	parley_profile_release(engine, &list);
	return all && in == 40 && rc == 0;
}

static bool rung(struct test_host *host)
{
	struct parley_config config = calls_config();
	struct parley *engine;
	struct parley_id id;
	bool all;

	config.piece_bytes = 0;
	engine = calls_engine(host, &config);
	if (engine == NULL)
		return false;
	id = calls_invite(engine, 1);
	all = id.id != 0 && rung_steps(engine, id);
	if (id.id != 0)
		calls_step(engine, id, PARLEY_EV_REPLY_FAIL);
	assert_int_equal(size_of(engine, CALLER, NULL), 0);
	assert_no_fault(parley_check(engine));
	parley_destroy(engine);
	return all;
}

static void test_ladder(void **state)
{
	(void)state;
	assert_true(ladder(rung, CALLS_LOCKS, CALLS_LOCKS - 1) > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_join_and_leave),
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_limit_and_once),
		cmocka_unit_test(test_ended),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_reserve),
		cmocka_unit_test(test_races_of_join),
		cmocka_unit_test(test_walk_and_change),
		cmocka_unit_test(test_walk_of_a_vanishing_value),
		cmocka_unit_test(test_walk_of_equal_hashes),
		cmocka_unit_test(test_cost),
		cmocka_unit_test(test_ladder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
