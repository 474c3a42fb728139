/* See stored.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stored.h"

static const struct parley_profile_config profiles[] = {{"out", true},
							{"all", false}};

static char sockets[2][20] = {"udp:10.0.0.9:5060", "tcp:10.0.0.9:5060"};

/* ------------------------------------------------ the host */

static struct parley_str socket_text(void *self, void *socket)
{
	(void)self;
	return socket ? test_str(socket) : (struct parley_str){0};
}

char *stored_socket(uint32_t index)
{
	return sockets[index];
}

static void *socket_find(void *self, struct parley_str text)
{
	(void)self;
	for (size_t i = 0; i < 2; i++)
		if (text.len == strlen(sockets[i]) &&
		    memcmp(text.s, sockets[i], text.len) == 0)
			return sockets[i];
	return NULL;
}

static int32_t route_find(void *self, struct parley_str name)
{
	(void)self;
	return name.len == 4 ? 7 : 0; /* "LATE" */
}

static void on_note(struct parley *engine, void *param,
		    const struct parley_told *told)
{
	(void)engine;
	(void)told;
	++*(uint32_t *)param;
}

/* ------------------------------------------------ engine and crash */

bool stored_begin(struct stored *f)
{
	struct parley_now now = f->call.now;
	struct parley_id id = f->call.id;
	const struct parley_store_config config = {.area = f->area,
						   .bytes = AREA};

	if (!call_begin(&f->call, f->host, &f->config)) {
		f->call.engine = NULL;
		return false;
	}
	if (now.ms > 0)
		f->call.now = now;
	f->call.id = id;
	assert_int_equal(
		parley_store_open(f->call.engine, f->call.now, &config), 0);
	assert_int_equal(parley_subscribe_all(f->call.engine,
					      PARLEY_NOTE_LOADED, on_note,
					      &f->loaded),
			 0);
	return true;
}

void stored_host(struct test_host *host)
{
	host->host.socket_text = socket_text;
	host->host.socket_find = socket_find;
	host->host.route_find = route_find;
}

void stored_init(struct stored *f, struct test_host *host)
{
	memset(f, 0, sizeof(*f));
	f->host = host ? host : &f->own;
	if (!host)
		test_host_init(&f->own, TEST_LOCKS_MAX, test_seed(1));
	stored_host(f->host);
	f->area = aligned_alloc(4096, AREA);
	assert_non_null(f->area);
	memset(f->area, 0, AREA);
	call_config(&f->config);
	f->config.profiles = profiles;
	f->config.profile_count = 2;
	f->config.ping_interval_ms = 30000;
}

int stored_setup(void **state)
{
	struct stored *f = malloc(sizeof(*f));

	if (!f)
		return -1;
	stored_init(f, NULL);
	*state = f;
	return stored_begin(f) ? 0 : -1;
}

int stored_teardown(void **state)
{
	struct stored *f = *state;

	call_end(&f->call);
	test_host_fini(&f->own);
	free(f->area);
	free(f);
	return 0;
}

int stored_import(struct stored *f, const struct parley_image *image)
{
	struct call *call = &f->call;
	int rc = parley_import(call->engine, call->now, image, &call->actions);

	if (call->actions.note.types != 0)
		parley_deliver(call->engine, &call->actions.note, NULL, false);
	assert_no_fault(parley_check(call->engine));
	return rc;
}

/* The next that was left; 1, 0. */
int stored_next(struct stored *f, uint32_t *cursor, struct parley_record *left)
{
	return parley_store_next(f->call.engine, f->call.now, cursor, left,
				 f->buffer, BUFFER, NULL);
}

/* The processes die, others begin. Returns how many records were imported. */
uint32_t stored_crash(struct stored *f)
{
	struct parley_record left;
	uint32_t cursor = 0, count = 0;

	assert_no_fault(parley_check(f->call.engine));
	parley_destroy(f->call.engine);
	assert_true(stored_begin(f));
	while (stored_next(f, &cursor, &left) == 1) {
		assert_true(left.known);
		if (left.gone)
			continue;
		count++;
		assert_int_equal(left.image.record, left.ticket);
		assert_int_equal(stored_import(f, &left.image), 0);
		f->call.id = f->call.actions.id;
	}
	return count;
}

struct parley_store_stats stored_stats(struct stored *f)
{
	struct parley_store_stats stats;

	parley_store_get_stats(f->call.engine, f->call.now, &stats);
	return stats;
}

int stored_take(struct stored *f, struct parley_record *record)
{
	int rc = parley_store_take(f->call.engine, f->call.now, record,
				   f->buffer, BUFFER, NULL);

	assert_no_fault(parley_check(f->call.engine));
	return rc;
}

void stored_done(struct stored *f, uint64_t ticket, bool written)
{
	parley_store_done(f->call.engine, ticket, written);
	assert_no_fault(parley_check(f->call.engine));
}

bool stored_fat_call(struct stored *f, uint32_t number)
{
	static char fat[30000];
	char callid[20];

	snprintf(callid, sizeof(callid), "fat-%u", number);
	memset(fat, 'x', sizeof(fat));
	assert_int_equal(call_invite(&f->call, callid, 1), 0);
	assert_int_equal(parley_var_set(f->call.engine, f->call.id,
					test_str("fat"),
					(struct parley_str){fat, sizeof(fat)}),
			 0);
	return stored_stats(f).unrecorded == 0;
}

/* Everything goes into the database; how many records that was. */
uint32_t stored_flush(struct stored *f)
{
	struct parley_record record;
	uint32_t count = 0;

	while (stored_take(f, &record) == 1) {
		stored_done(f, record.ticket, true);
		count++;
	}
	return count;
}

/* ------------------------------------------------ what survives */

void stored_export(struct stored *f, struct parley_image *image, char *buffer)
{
	assert_int_equal(parley_export(f->call.engine, f->call.now, f->call.id,
				       image, buffer, BUFFER, NULL),
			 0);
}

void same_text(struct parley_str a, struct parley_str b)
{
	assert_int_equal(a.len, b.len);
	if (a.len > 0)
		assert_memory_equal(a.s, b.s, a.len);
}

static void assert_leg(const struct parley_leg_view *a,
		       const struct parley_leg_view *b)
{
	assert_int_equal(a->number, b->number);
	assert_int_equal(a->state, b->state);
	assert_int_equal(a->cseq, b->cseq);
	assert_int_equal(a->caller_cseq, b->caller_cseq);
	assert_int_equal(a->invite_cseq, b->invite_cseq);
	assert_int_equal(a->caller_shift, b->caller_shift);
	assert_int_equal(a->callee_shift, b->callee_shift);
	assert_ptr_equal(a->socket, b->socket);
	same_text(a->tag, b->tag);
	same_text(a->contact, b->contact);
	same_text(a->route_set, b->route_set);
}

static void assert_lists(const struct parley_view *a,
			 const struct parley_view *b)
{
	assert_int_equal(a->leg_count, b->leg_count);
	for (uint32_t i = 0; i < a->leg_count; i++)
		assert_leg(&a->legs[i], &b->legs[i]);
	assert_int_equal(a->var_count, b->var_count);
	for (uint32_t i = 0; i < a->var_count; i++) {
		same_text(a->vars[i].key, b->vars[i].key);
		same_text(a->vars[i].value, b->vars[i].value);
	}
	assert_int_equal(a->profile_count, b->profile_count);
	for (uint32_t i = 0; i < a->profile_count; i++) {
		assert_int_equal(a->profiles[i].profile,
				 b->profiles[i].profile);
		same_text(a->profiles[i].value, b->profiles[i].value);
	}
}

void same_view(const struct parley_view *a, const struct parley_view *b)
{
	assert_int_equal(a->state, b->state);
	assert_int_equal(a->flags, b->flags);
	assert_int_equal(a->options, b->options);
	assert_int_equal(a->lifetime_s, b->lifetime_s);
	assert_int_equal(a->init_s, b->init_s);
	assert_int_equal(a->start_s, b->start_s);
	assert_int_equal(a->ending, b->ending);
	assert_int_equal(a->end_code, b->end_code);
	assert_int_equal(a->timeout_route, b->timeout_route);
	same_text(a->timeout_route_name, b->timeout_route_name);
	same_text(a->end_reason, b->end_reason);
	same_text(a->from_uri, b->from_uri);
	same_text(a->to_uri, b->to_uri);
	same_text(a->req_uri, b->req_uri);
	assert_leg(&a->caller, &b->caller);
	assert_lists(a, b);
}

/* The dialog is after a crash what it was before, and is written only if
 * @written. */
void stored_survives(struct stored *f)
{
	struct parley_image before, after;
	struct parley_id id = f->call.id;

	stored_export(f, &before, f->images[0]);
	assert_int_equal(stored_crash(f), 1);
	assert_int_equal(f->call.id.entry, id.entry);
	assert_int_equal(f->call.id.id, id.id);
	stored_export(f, &after, f->images[1]);
	same_view(&before.view, &after.view);
	assert_int_equal(before.lifetime_left_ms, after.lifetime_left_ms);
	assert_int_equal(before.state_left_ms, after.state_left_ms);
	assert_int_equal(before.invite_cseq, after.invite_cseq);
	assert_int_equal(before.invite_shift, after.invite_shift);
	/* What the journal has said is not written once more. */
	assert_int_equal(stored_stats(f).waiting, 1);
}

int stored_hang_up(struct call *call)
{
	return call_request(call, PARLEY_EV_BYE, DOWN, "bob", 2);
}
