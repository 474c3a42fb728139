/*
 * orders.c - every order in which the messages of a forked call can come
 *
 * A word is a sequence of letters, each of which is an event of a call with two
 * branches. All words of one length are played, against the model as always: a
 * letter that is missing was lost, one that stands there twice was repeated.
 */
#include <stdio.h>

#include "cover.h"
#include "tell.h"

enum { ORDER_BRANCHES = 2 };

struct letter {
	enum parley_event_type type;
	uint8_t branch; /* whose tag it has; 0: that of none */
};

static const struct letter letters[] = {
	{PARLEY_EV_REPLY_1XX, 1},     {PARLEY_EV_REPLY_1XX, 2},
	{PARLEY_EV_REPLY_2XX, 1},     {PARLEY_EV_REPLY_2XX, 2},
	{PARLEY_EV_BRANCH_FAILED, 1}, {PARLEY_EV_BRANCH_FAILED, 2},
	{PARLEY_EV_REPLY_FAIL, 0},    {PARLEY_EV_CANCEL, 0},
	{PARLEY_EV_TERMINATE, 0},     {PARLEY_EV_ACK, 1},
	{PARLEY_EV_ACK, 2},	      {PARLEY_EV_BYE, 1},
	{PARLEY_EV_UPDATE, 2},	      {PARLEY_EV_RELEASE, 0},
};

uint32_t orders_letters(void)
{
	return sizeof(letters) / sizeof(letters[0]);
}

static void letter_feed(struct sim *sim, struct parley_id id,
			const struct letter *letter)
{
	static const char *const tags[ORDER_BRANCHES + 1] = {"", "a", "b"};
	static const char *const contacts[ORDER_BRANCHES + 1] = {
		"", "sip:a@1.1.1.1", "sip:b@2.2.2.2"};
	struct parley_event event = {
		.type = letter->type,
		.id = id,
		.dir = PARLEY_DIR_DOWNSTREAM,
		.branch = letter->branch,
		.to_tag = str_of(tags[letter->branch]),
		.contact = str_of(contacts[letter->branch]),
		.code = 486,
		.cseq = 1,
		.side = PARLEY_SIDE_ALL,
		.can_reply = true,
		.can_swallow = true,
		.invite = true,
	};

	if (letter->type == PARLEY_EV_BYE || letter->type == PARLEY_EV_UPDATE)
		event.cseq = 2;
	tell_host(sim, &event, -1);
}

/* Until nothing is left of the call. */
static void time_passes(struct sim *sim)
{
	chaos_end(sim);
	for (;;) {
		uint64_t due;

		notes_deliver_all(sim);
		due = model_next_ms(&sim->model);
		if (due == UINT64_MAX)
			break;
		if (due > sim->now_ms)
			sim->now_ms = due;
		proxy_expire(sim);
	}
	if (model_count(&sim->model) != 0)
		sim_fail(sim, "the call is still there");
}

static void word_play(struct sim *sim, uint64_t word)
{
	char callid[32];
	struct parley_actions actions;
	struct parley_event invite = {.type = PARLEY_EV_INVITE,
				      .from_tag = str_of("caller"),
				      .contact = str_of("sip:c@3.3.3.3"),
				      .cseq = 1,
				      .hold = true,
				      .socket = sim};

	snprintf(callid, sizeof(callid), "word-%llu", (unsigned long long)word);
	sim_event(sim, "%s", callid);
	invite.callid = str_of(callid);
	if (tell_create(sim, &invite, &actions) != 0)
		sim_fail(sim, "no dialog");
	proxy_run(sim, &actions, -1);
	for (uint32_t i = 0; i < sim->options.letters; i++) {
		letter_feed(sim, actions.id, &letters[word % orders_letters()]);
		word /= orders_letters();
	}
	compare_stats(sim);
	time_passes(sim);
	sim->words++;
}

void orders_play(struct sim *sim)
{
	uint64_t count = 1;

	for (uint32_t i = 1; i < sim->options.letters; i++)
		count *= orders_letters();
	for (uint64_t rest = 0; rest < count; rest++)
		word_play(sim,
			  rest * orders_letters() + sim->options.first_letter);
	compare_all(sim);
}
