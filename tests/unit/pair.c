/* See pair.h. */
#include <string.h>

#include "pair.h"

static const struct parley_profile_config profiles[] = {{"out", true},
							{"all", false}};

static void on_note(struct parley *engine, void *param,
		    const struct parley_told *told)
{
	struct told *count = param;

	(void)engine;
	count->loaded += told->type == PARLEY_NOTE_LOADED;
	count->early += told->type == PARLEY_NOTE_EARLY;
	count->answered += told->type == PARLEY_NOTE_ANSWERED;
	count->confirmed += told->type == PARLEY_NOTE_CONFIRMED;
	count->within += told->type == PARLEY_NOTE_REQUEST_WITHIN;
	count->replied += told->type == PARLEY_NOTE_BYE_REPLIED;
	count->ended += told->type == PARLEY_NOTE_TERMINATED;
	count->failed += told->type == PARLEY_NOTE_FAILED;
	count->expired += told->type == PARLEY_NOTE_EXPIRED;
}

bool side_begin(struct side *node, struct test_host *host, const char *name,
		uint16_t number)
{
	const uint32_t types = PARLEY_NOTE_LOADED | PARLEY_NOTE_EARLY |
			       PARLEY_NOTE_ANSWERED | PARLEY_NOTE_CONFIRMED |
			       PARLEY_NOTE_REQUEST_WITHIN |
			       PARLEY_NOTE_TERMINATED | PARLEY_NOTE_FAILED |
			       PARLEY_NOTE_EXPIRED | PARLEY_NOTE_BYE_REPLIED;
	struct parley_config config;

	call_config(&config);
	config.replicate = true;
	config.node = number;
	config.lifetime_s = 100;
	config.ping_interval_ms = 30000;
	config.profiles = profiles;
	config.profile_count = 2;
	node->name = name;
	node->told = (struct told){0};
	if (!call_begin(&node->call, host, &config))
		return false;
	assert_int_equal(parley_subscribe_all(node->call.engine, types, on_note,
					      &node->told),
			 0);
	return true;
}

bool pair_begin(struct pair *pair, struct test_host *host)
{
	*pair = (struct pair){.host = host};
	if (!side_begin(&pair->a, host, "a", 1))
		return false;
	if (side_begin(&pair->b, host, "b", 2))
		return true;
	call_end(&pair->a.call);
	return false;
}

void pair_end(struct pair *pair)
{
	call_end(&pair->a.call);
	call_end(&pair->b.call);
}

int pair_setup(void **state)
{
	static struct test_host host;
	static struct pair pair;

	test_host_init(&host, TEST_LOCKS_MAX, test_seed(1));
	*state = &pair;
	return pair_begin(&pair, &host) ? 0 : -1;
}

int pair_teardown(void **state)
{
	struct pair *pair = *state;

	pair_end(pair);
	test_host_fini(pair->host);
	return 0;
}

/* Names are this node's or another one's, seen from the other side. */
static void cross(const struct side *from, const struct side *to,
		  struct parley_image *image)
{
	struct parley_str *owner = &image->view.owner;

	if (owner->len == 0)
		*owner = test_str(from->name);
	else if (owner->len == strlen(to->name) &&
		 memcmp(owner->s, to->name, owner->len) == 0)
		*owner = (struct parley_str){0};
}

int side_take(struct side *to, const struct parley_image *image)
{
	struct call *call = &to->call;
	int rc = parley_import(call->engine, call->now, image, &call->actions);

	if (call->actions.note.types != 0)
		parley_deliver(call->engine, &call->actions.note, NULL, false);
	assert_no_fault(parley_check(call->engine));
	return rc;
}

int side_export(struct side *from, struct side *to, struct parley_id id,
		struct parley_image *image, char *buffer)
{
	int rc = parley_export(from->call.engine, from->call.now, id, image,
			       buffer, IMAGE_BYTES, NULL);

	if (rc == 0)
		cross(from, to, image);
	return rc;
}

/* Carries over all that has changed; returns the last result. */
int sides_sync(struct side *from, struct side *to)
{
	_Alignas(max_align_t) char buffer[IMAGE_BYTES];
	struct parley_image image;
	struct parley_id id;
	int rc = 1;

	while (parley_changed(from->call.engine, &id)) {
		if (side_export(from, to, id, &image, buffer) == 0) {
			rc = side_take(to, &image);
			to->call.id = id;
		}
		parley_changed_done(from->call.engine, id);
		assert_no_fault(parley_check(from->call.engine));
	}
	return rc;
}

/* Until nobody has anything to say. */
void pair_settle(struct pair *pair)
{
	for (int i = 0; i < 8; i++) {
		int a = sides_sync(&pair->a, &pair->b);
		int b = sides_sync(&pair->b, &pair->a);

		if (a == 1 && b == 1)
			return;
	}
	fail_msg("the nodes never agree");
}

void side_look(struct side *node, struct parley_view *view, char *buffer)
{
	assert_int_equal(parley_read(node->call.engine, node->call.now,
				     node->call.id, view, buffer, IMAGE_BYTES,
				     NULL),
			 0);
}

void assert_text(struct parley_str got, const char *want)
{
	assert_int_equal(got.len, strlen(want));
	assert_memory_equal(got.s, want, got.len);
}

void pair_up(struct pair *pair)
{
	assert_int_equal(call_invite(&pair->a.call, "c1", 1), 0);
	assert_int_equal(call_reply(&pair->a.call, "bob", 180), 0);
	assert_int_equal(call_reply(&pair->a.call, "bob", 200), 0);
	assert_int_equal(
		call_request(&pair->a.call, PARLEY_EV_ACK, DOWN, "bob", 1), 0);
	pair_settle(pair);
}

int side_adopt(struct side *node, const char *owner)
{
	struct call *call = &node->call;
	int rc = parley_adopt(call->engine, call->now, call->id,
			      test_str(owner), &call->actions);

	if (call->actions.note.types != 0)
		parley_deliver(call->engine, &call->actions.note, NULL, false);
	assert_no_fault(parley_check(call->engine));
	return rc;
}
