/*
 * one-call.c - the engine without Kamailio: a call that may last a minute
 *
 *     cc -Iinclude examples/engine/one-call.c build/libparley.a && ./a.out
 */
#include <stdio.h>
#include <stdlib.h>
#include "parley.h"

/* clang-format off */
/* A host of one thread needs no locks; a real one needs better chance. */
static void *get(void *self, size_t size) { (void)self; return malloc(size); }
static void give(void *self, void *ptr) { (void)self; free(ptr); }
static void lock(void *self, uint32_t i) { (void)self; (void)i; }
static uint64_t chance(void *self) { (void)self; return (uint64_t)rand(); }
static uint32_t hash(void *self, struct parley_str s) { (void)self; return s.len; }
static bool rest(void *self) { (void)self; return false; }
static void say(void *self, enum parley_log_level level, const char *text)
	{ (void)self; (void)level; fprintf(stderr, "%s\n", text); }
static const struct parley_host host = {
	PARLEY_HOST_VERSION, .alloc = get, .free = give, .lock = lock, .unlock = lock,
	.random = chance, .hash = hash, .log = say, .pause = rest};

#define TEXT(s) {s, sizeof(s) - 1}
static struct parley_event event = {
	.callid = TEXT("c1"), .from_tag = TEXT("a"), .to_tag = TEXT("b"),
	.from_uri = TEXT("sip:alice@a"), .to_uri = TEXT("sip:bob@b"),
	.req_uri = TEXT("sip:bob@b"), .cseq = 1, .dir = PARLEY_DIR_DOWNSTREAM};
/* clang-format on */

static void show(const char *what, const struct parley_actions *todo)
{
	printf("%s: %d -> %d", what, todo->old_state, todo->new_state);
	for (uint32_t i = 0; i < todo->count; i++) {
		bool up = todo->list[i].dir == PARLEY_DIR_UPSTREAM;
		if (todo->list[i].type == PARLEY_ACT_BYE) /* a host sends it */
			printf(", send BYE to %s", up ? "alice" : "bob");
	}
	printf("\n");
}

int main(void)
{
	const enum parley_event_type types[] = {
		PARLEY_EV_INVITE, PARLEY_EV_REPLY_1XX, PARLEY_EV_REPLY_2XX,
		PARLEY_EV_ACK};
	const char *const names[] = {"INVITE", "180", "200", "ACK"};
	struct parley_now now = {.ms = 1000, .unix_s = 1700000000};
	struct parley_config config;
	struct parley_actions todo;
	struct parley *engine;

	parley_config_default(&config);
	config.lifetime_s = 60;
	config.bye_on_timeout = true;
	if (parley_create(&host, &config, &engine) < 0)
		return 1;
	for (int i = 0; i < 4; i++, now.ms += 1000) {
		event.type = types[i];
		event.code = (uint16_t)atoi(names[i]); /* of a reply */
		if (parley_feed(engine, now, &event, &todo) < 0)
			return 1;
		event.id = todo.id; /* what follows belongs to it */
		show(names[i], &todo);
	}
	for (now.ms += 60000; parley_expire(engine, now, &todo);)
		show("a minute later", &todo);
	parley_destroy(engine);
	return 0;
}
