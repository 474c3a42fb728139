/*
 * fuzz_profile.c - texts of scripts: profile names and values, variables
 *
 * One dialog, and a plain list of what should be there. Values and keys are
 * bytes of the input, so that equal ones, prefixes and zero bytes meet.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ITEMS = 24 };

struct item {
	bool used;
	int profile; /* -1: a variable */
	struct parley_str key, value;
};

struct world {
	struct input input;
	struct fuzz_host host;
	struct parley *engine;
	struct parley_id id;
	struct item item[ITEMS];
};

static bool same(struct parley_str a, struct parley_str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.s, b.s, a.len) == 0);
}

static uint32_t count(const struct world *world, int profile,
		      struct parley_str value, bool any)
{
	uint32_t found = 0;

	for (int i = 0; i < ITEMS; i++)
		found += world->item[i].used &&
			 world->item[i].profile == profile &&
			 (any || same(world->item[i].value, value));
	return found;
}

static struct item *free_item(struct world *world)
{
	for (int i = 0; i < ITEMS; i++)
		if (!world->item[i].used)
			return &world->item[i];
	return NULL;
}

/* Names the line: all of them end in the same abort(). */
static void expect_at(bool good, int line)
{
	if (good)
		return;
	fprintf(stderr, "not as expected in line %d\n", line);
	abort();
}
#define expect(good) expect_at(good, __LINE__)

static void join(struct world *world, int profile, struct parley_str value)
{
	uint32_t limit = input_below(&world->input, 5);
	bool once = input_byte(&world->input) % 2 != 0;
	uint32_t there = count(world, profile, value, false);
	struct item *item = free_item(world);
	int rc;

	if (item == NULL)
		return;
	rc = parley_profile_join(world->engine, world->id, profile, value,
				 limit, once);
	if (rc == PARLEY_E_MEMORY)
		return;
	if (once && there > 0) {
		expect(rc == 0);
	} else if (limit > 0 && there >= limit) {
		expect(rc == PARLEY_E_FULL);
	} else {
		expect(rc == 0);
		*item = (struct item){true, profile, {NULL, 0}, value};
	}
}

static void leave(struct world *world, int profile, struct parley_str value)
{
	uint32_t there = count(world, profile, value, false);
	int rc = parley_profile_leave(world->engine, world->id, profile, value);

	expect(rc == (there > 0 ? 0 : PARLEY_E_ABSENT));
	for (int i = 0; i < ITEMS && rc == 0; i++) {
		struct item *item = &world->item[i];

		if (!item->used || item->profile != profile ||
		    !same(item->value, value))
			continue;
		item->used = false;
		break;
	}
}

static struct item *var_find(struct world *world, struct parley_str key)
{
	for (int i = 0; i < ITEMS; i++)
		if (world->item[i].used && world->item[i].profile < 0 &&
		    same(world->item[i].key, key))
			return &world->item[i];
	return NULL;
}

static void var(struct world *world, struct parley_str key,
		struct parley_str value)
{
	struct item *item = var_find(world, key);
	struct parley_str none = {NULL, 0};
	bool delete = input_byte(&world->input) % 4 == 0;
	int rc;

	if (item == NULL && free_item(world) == NULL)
		return;
	if (value.s == NULL)
		value.s = "";
	if (delete)
		value = none;
	rc = parley_var_set(world->engine, world->id, key, value);
	if (key.len == 0 || key.len > PARLEY_VALUE_MAX ||
	    value.len > PARLEY_STR_MAX) {
		expect(rc == PARLEY_E_ARGUMENT);
		return;
	}
	if (rc == PARLEY_E_MEMORY)
		return;
	if (delete) {
		expect(rc == (item != NULL ? 0 : PARLEY_E_ABSENT));
		if (item != NULL)
			item->used = false;
		return;
	}
	expect(rc == 0);
	if (item == NULL)
		item = free_item(world);
	*item = (struct item){true, -1, key, value};
}

static void compare(struct world *world)
{
	static char buffer[FUZZ_LONG];
	uint32_t len;

	for (int i = 0; i < ITEMS; i++) {
		const struct item *item = &world->item[i];
		uint32_t size = 0;

		if (!item->used)
			continue;
		if (item->profile < 0) {
			expect(parley_var_get(world->engine, world->id,
					      item->key, buffer, sizeof(buffer),
					      &len) == 0);
			expect(same((struct parley_str){buffer, len},
				    item->value));
			continue;
		}
		expect(parley_profile_size(world->engine, item->profile,
					   item->value, &size) == 0);
		expect(size == count(world, item->profile, item->value,
				     item->profile == 0));
	}
}

static void operation(struct world *world)
{
	struct input *input = &world->input;
	int profile = (int)input_below(input, 2);
	struct parley_str text = input_long(input, 5000);
	struct parley_str other = input_long(input, FUZZ_LONG);
	int found;

	/* A profile without values has only one, the empty one. */
	if (profile == 0)
		text = (struct parley_str){"", 0};
	else if (text.s == NULL || text.len > PARLEY_VALUE_MAX)
		text = (struct parley_str){"v", 1};
	switch (input_below(input, 5)) {
	case 0:
		found = parley_profile_find(world->engine, other);
		expect((found == 0) ==
		       same(other, (struct parley_str){"plain", 5}));
		break;
	case 1:
		leave(world, profile, text);
		break;
	case 2:
		join(world, profile, text);
		break;
	case 3:
		world->host.fail_in = input_below(input, 4);
		break;
	default:
		var(world, input_long(input, 5000), other);
	}
}

static int start(struct world *world)
{
	static const struct parley_profile_config profiles[] = {
		{"plain", false}, {"value", true}};
	const struct parley_now now = {1000, 1};
	struct parley_config config;
	struct parley_host host;
	struct parley_event event = {.type = PARLEY_EV_INVITE,
				     .callid = {"call", 4},
				     .from_tag = {"tag", 3}};
	struct parley_actions actions;
	int rc;

	parley_config_default(&config);
	config.hash_size = 1;
	config.piece_bytes = 8192;
	config.profiles = profiles;
	config.profile_count = 2;
	fuzz_host_fill(&world->host, &host);
	rc = parley_create(&host, &config, &world->engine);
	if (rc == 0)
		rc = parley_feed(world->engine, now, &event, &actions);
	world->id = actions.id;
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world world;

	memset(&world, 0, sizeof(world));
	world.input = (struct input){data, size};
	if (start(&world) != 0)
		abort();
	while (world.input.left > 0) {
		operation(&world);
		compare(&world);
	}
	fuzz_check(world.engine);
	parley_destroy(world.engine);
	if (world.host.blocks != 0)
		abort();
	return 0;
}
