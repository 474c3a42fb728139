/*
 * one-call.c - the engine without Kamailio: a call that may last a minute
 *
 *     cc -Iinclude examples/engine/one-call.c build/libparley.a && ./a.out
 */
#include <stdio.h>
#include <stdlib.h>
#include "parley.h"

#define TEXT(s) ((struct parley_str){s, sizeof(s) - 1})

/* A host of one thread needs no locks; a real one needs better chance. */
/* clang-format off */
static void *get(void *self, size_t size) { (void)self; return malloc(size); }
static void give(void *self, void *ptr) { (void)self; free(ptr); }
static void lock(void *self, uint32_t i) { (void)self; (void)i; }
static uint64_t chance(void *self) { (void)self; return (uint64_t)rand(); }
static uint32_t hash(void *self, struct parley_str s) { (void)self; return s.len; }
static bool rest(void *self) { (void)self; return false; }
static void say(void *self, enum parley_log_level level, const char *text)
	{ (void)self; (void)level; fprintf(stderr, "%s\n", text); }
/* clang-format on */

static void show(const char *what, const struct parley_actions *actions)
{
	printf("%s: %d -> %d", what, actions->old_state, actions->new_state);
	for (uint32_t i = 0; i < actions->count; i++)
		if (actions->list[i].type == PARLEY_ACT_BYE)
			printf(", send BYE to %s",
			       actions->list[i].dir == PARLEY_DIR_UPSTREAM
				       ? "alice"
				       : "bob");
	printf("\n");
}

int main(void)
{
	const struct parley_host host = {
		PARLEY_HOST_VERSION, .alloc = get,   .free = give,
		.lock = lock,	     .unlock = lock, .random = chance,
		.hash = hash,	     .log = say,     .pause = rest};
	struct parley_event event = {.callid = TEXT("c1"),
				     .from_tag = TEXT("a"),
				     .to_tag = TEXT("b"),
				     .from_uri = TEXT("sip:alice@a"),
				     .to_uri = TEXT("sip:bob@b"),
				     .req_uri = TEXT("sip:bob@b"),
				     .cseq = 1,
				     .dir = PARLEY_DIR_DOWNSTREAM};
	const struct {
		const char *name;
		enum parley_event_type type;
		uint16_t code;
	} steps[] = {{"INVITE", PARLEY_EV_INVITE, 0},
		     {"180", PARLEY_EV_REPLY_1XX, 180},
		     {"200", PARLEY_EV_REPLY_2XX, 200},
		     {"ACK", PARLEY_EV_ACK, 0}};
	struct parley_now now = {.ms = 1000, .unix_s = 1700000000};
	struct parley_config config;
	struct parley_actions actions;
	struct parley *engine;

	parley_config_default(&config);
	config.lifetime_s = 60;
	config.bye_on_timeout = true;
	if (parley_create(&host, &config, &engine) < 0)
		return 1;
	for (int i = 0; i < 4; i++, now.ms += 1000) {
		event.type = steps[i].type;
		event.code = steps[i].code;
		if (parley_feed(engine, now, &event, &actions) < 0)
			return 1;
		event.id = actions.id; /* what follows belongs to it */
		show(steps[i].name, &actions);
	}
	for (now.ms += 60000; parley_expire(engine, now, &actions);)
		show("a minute later",
		     &actions); /* a host sends the BYEs now */
	parley_destroy(engine);
	return 0;
}
