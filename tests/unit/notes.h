/*
 * notes.h - an engine with subscribers that write down what they are told
 *
 * What:    one call, with one subscriber to everything; notes are fed and
 *          delivered one by one, in any order.
 * Owns:    a struct notes, from notes_create() to notes_destroy().
 * Always:  no lock is held while a subscriber runs or the host pauses.
 */
#ifndef NOTES_H
#define NOTES_H

#include <stdlib.h>

#include "calls.h"
#include "engine.h"

enum {
	EVERYTHING = PARLEY_NOTE_LOADED | PARLEY_NOTE_CREATED |
		     PARLEY_NOTE_FAILED | PARLEY_NOTE_ANSWERED |
		     PARLEY_NOTE_CONFIRMED | PARLEY_NOTE_REQUEST_WITHIN |
		     PARLEY_NOTE_TERMINATED | PARLEY_NOTE_EXPIRED |
		     PARLEY_NOTE_EARLY | PARLEY_NOTE_REPLY_FORWARDED |
		     PARLEY_NOTE_REPLY_WITHIN | PARLEY_NOTE_RPC_CONTEXT |
		     PARLEY_NOTE_DESTROY | PARLEY_NOTE_SPIRALED |
		     PARLEY_NOTE_BYE_REPLIED
};

struct notes {
	struct test_host host; /* first: it is the host's self */
	struct parley *engine;
	struct parley_id id;
	char log[256]; /* a letter per subscriber, then one per type */
	void (*inside)(struct notes *notes, const struct parley_told *told);
	void (*pausing)(struct notes *notes);
	struct parley_actions pending;
	struct parley_told told; /* the last one */
};

struct subscriber {
	struct notes *notes;
	char name;
	uint32_t released;
};

static inline char letter(enum parley_note_type type)
{
	switch (type) {
	case PARLEY_NOTE_LOADED:
		return 'l';
	case PARLEY_NOTE_CREATED:
		return 'c';
	case PARLEY_NOTE_FAILED:
		return 'f';
	case PARLEY_NOTE_ANSWERED:
		return 'a';
	case PARLEY_NOTE_CONFIRMED:
		return 'k';
	case PARLEY_NOTE_REQUEST_WITHIN:
		return 'w';
	case PARLEY_NOTE_TERMINATED:
		return 't';
	case PARLEY_NOTE_EXPIRED:
		return 'x';
	case PARLEY_NOTE_EARLY:
		return 'e';
	case PARLEY_NOTE_REPLY_FORWARDED:
		return 'r';
	case PARLEY_NOTE_REPLY_WITHIN:
		return 'y';
	case PARLEY_NOTE_RPC_CONTEXT:
		return 'p';
	case PARLEY_NOTE_DESTROY:
		return 'd';
	case PARLEY_NOTE_SPIRALED:
		return 's';
	case PARLEY_NOTE_BYE_REPLIED:
		return 'b';
	case PARLEY_NOTE_SAVED:
		return 'v';
	case PARLEY_NOTE_STATE:
		return 'h';
	default:
		return '?';
	}
}

static inline void subscriber_run(struct parley *engine, void *param,
				  const struct parley_told *told)
{
	struct subscriber *subscriber = param;
	struct notes *notes = subscriber->notes;
	size_t len = strlen(notes->log);

	test_host_assert_unlocked(&notes->host);
	assert_ptr_equal(engine, notes->engine);
	assert_true(len + 4 < sizeof(notes->log));
	snprintf(notes->log + len, sizeof(notes->log) - len, "%s%c%c",
		 len > 0 ? " " : "", subscriber->name, letter(told->type));
	notes->told = *told;
	if (notes->inside)
		notes->inside(notes, told);
}

static inline void subscriber_release(void *param)
{
	struct subscriber *subscriber = param;

	test_host_assert_unlocked(&subscriber->notes->host);
	subscriber->released++;
}

static inline bool notes_pause(void *self)
{
	struct notes *notes = self;

	test_host_assert_unlocked(&notes->host);
	notes->host.pauses++;
	if (notes->pausing)
		notes->pausing(notes);
	return notes->host.may_pause;
}

/* An engine with one global subscriber to everything, and a call. */
static inline struct notes *notes_create(struct subscriber *all)
{
	struct parley_config config = calls_config();
	struct notes *notes = calloc(1, sizeof(*notes));

	assert_non_null(notes);
	test_host_init(&notes->host, CALLS_LOCKS, 1);
	notes->host.host.pause = notes_pause;
	notes->engine = calls_engine(&notes->host, &config);
	*all = (struct subscriber){notes, '1', 0};
	assert_int_equal(parley_subscribe_all(notes->engine, EVERYTHING,
					      subscriber_run, all),
			 0);
	notes->id = calls_invite(notes->engine, 1);
	assert_string_equal(notes->log, "1c");
	notes->log[0] = '\0';
	return notes;
}

static inline void notes_destroy(struct notes *notes)
{
	calls_stop(&notes->host, notes->engine);
	free(notes);
}

static inline void assert_log(struct notes *notes, const char *expected)
{
	assert_string_equal(notes->log, expected);
	notes->log[0] = '\0';
}

static inline uint64_t missed(const struct notes *notes)
{
	struct parley_stats stats;

	parley_get_stats(notes->engine, &stats);
	return stats.turns_missed;
}

static inline uint32_t refs(const struct notes *notes)
{
	struct parley_view view;
	_Alignas(16) char buffer[2048];

	assert_int_equal(parley_read(notes->engine, calls_now(), notes->id,
				     &view, buffer, sizeof(buffer), NULL),
			 0);
	return view.refs;
}

/* Feeds without delivering. */
static inline struct parley_note feed(struct notes *notes,
				      enum parley_event_type type)
{
	struct parley_actions actions;

	assert_int_equal(calls_feed(notes->engine, notes->id, type, &actions),
			 0);
	return actions.note;
}

static inline void deliver(struct notes *notes, struct parley_note note)
{
	parley_deliver(notes->engine, &note, &note, true);
}

static inline void deliver_later(struct notes *notes, struct parley_note note)
{
	parley_deliver(notes->engine, &note, NULL, false);
}

/* A note that no event makes. */
static inline struct parley_note make(struct notes *notes, uint32_t types)
{
	struct dialog *dialog = dialog_find_lock(notes->engine, notes->id);
	struct parley_note note = {0};

	assert_non_null(dialog);
	note_make_locked(notes->engine, dialog, types, &note);
	note.new_state = dialog->state;
	dialog_unlock(notes->engine, notes->id);
	return note;
}

#endif
