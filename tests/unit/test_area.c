/* objects: all */
#include "calls.h"
#include "engine.h"

/* The area of these tests: what was shown last. */
struct picture {
	uint32_t shown; /* how often */
	struct parley_shown is;
};

static void show(void *self, void *area, const struct parley_shown *shown)
{
	struct picture *picture = area;

	assert_non_null(self);
	assert_int_equal((uintptr_t)area % 8, 0);
	picture->shown++;
	picture->is = *shown;
}

static struct parley *start(struct test_host *host)
{
	struct parley_config config = calls_config();
	struct parley *engine;

	test_host_init(host, CALLS_LOCKS, test_seed(1));
	host->host.show = show;
	engine = calls_engine(host, &config);
	assert_int_equal(parley_set_area(engine, sizeof(struct picture)), 0);
	return engine;
}

static void assert_text(struct parley_str text, const char *expected)
{
	assert_int_equal(text.len, strlen(expected));
	if (text.len > 0)
		assert_memory_equal(text.s, expected, text.len);
}

static struct picture *pin(struct parley *engine, struct parley_id id)
{
	void *area = NULL;

	assert_int_equal(parley_pin(engine, id, &area), 0);
	assert_non_null(area);
	return area;
}

static bool here(struct parley *engine, struct parley_id id)
{
	uint32_t flags;

	return parley_flags(engine, id, 0, 0, &flags) == 0;
}

/* ------------------------------------------------------------ subscribers */

struct heard {
	char log[128];
	struct parley_told told;
	void *param, *next; /* *slot becomes next unless that is NULL */
	uint32_t released;
};

static struct heard heard;

static void hear(struct parley *engine, void *param,
		 const struct parley_told *told)
{
	size_t len = strlen(heard.log);
	const char *name = told->self;

	(void)engine;
	snprintf(heard.log + len, sizeof(heard.log) - len, "%c",
		 name ? *name : '-');
	heard.told = *told;
	heard.param = param;
	if (told->slot && heard.next)
		*told->slot = heard.next == &heard ? NULL : heard.next;
}

static void release(void *param)
{
	assert_non_null(param);
	heard.released++;
}

static int subscribe(struct parley *engine, struct parley_id id, uint32_t types,
		     const char *self, void *param)
{
	const struct parley_handler handler = {
		.function = hear,
		.self = (void *)(uintptr_t)self,
		.release = release,
	};

	return parley_subscribe_handler(engine, id, types, &handler, param);
}

static void clear(void)
{
	heard = (struct heard){0};
}

/* Each has its self, its own parameter, and is told before those before it,
 * however many there are. */
static void test_handlers(void **state)
{
	static const char names[] = "abcdefghijklm";
	struct test_host host;
	struct parley *engine = start(&host);
	struct parley_id id = calls_invite(engine, 1);

	(void)state;
	clear();
	for (size_t i = 0; i < sizeof(names) - 1; i++)
		assert_int_equal(subscribe(engine, id,
					   i % 2 ? PARLEY_NOTE_EARLY
						 : PARLEY_NOTE_EARLY |
							   PARLEY_NOTE_FAILED,
					   &names[i], &host),
				 0);
	calls_step(engine, id, PARLEY_EV_REPLY_1XX);
	assert_string_equal(heard.log, "mlkjihgfedcba");
	assert_ptr_equal(heard.param, &host);
	clear();
	calls_step(engine, id, PARLEY_EV_REPLY_FAIL);
	assert_string_equal(heard.log, "mkigeca");
	assert_false(here(engine, id));
	assert_int_equal(heard.released, sizeof(names) - 1);
	calls_stop(&host, engine);
}

/* What a subscriber stores is its parameter from then on; a parameter that has
 * become NULL is not released. */
static void test_slot(void **state)
{
	struct test_host host;
	struct parley *engine = start(&host);
	struct parley_id id = calls_invite(engine, 1);
	int first, second;

	(void)state;
	clear();
	assert_int_equal(subscribe(engine, id,
				   PARLEY_NOTE_EARLY | PARLEY_NOTE_FAILED, "x",
				   &first),
			 0);
	heard.next = &second;
	calls_step(engine, id, PARLEY_EV_REPLY_1XX);
	assert_ptr_equal(heard.param, &first);
	heard.next = &heard;
	calls_step(engine, id, PARLEY_EV_REPLY_1XX);
	assert_ptr_equal(heard.param, &second);
	calls_step(engine, id, PARLEY_EV_REPLY_FAIL);
	assert_null(heard.param);
	assert_int_equal(heard.released, 0);
	calls_stop(&host, engine);
}

static void test_handler_limit(void **state)
{
	static const char names[PARLEY_HANDLERS_MAX + 1];
	struct test_host host;
	struct parley *engine = start(&host);
	struct parley_id id = calls_invite(engine, 1);
	struct parley_id other = calls_invite(engine, 2);

	(void)state;
	for (int i = 0; i < PARLEY_HANDLERS_MAX; i++)
		assert_int_equal(subscribe(engine, id, PARLEY_NOTE_EARLY,
					   &names[i], NULL),
				 0);
	assert_int_equal(subscribe(engine, id, PARLEY_NOTE_EARLY,
				   &names[PARLEY_HANDLERS_MAX], NULL),
			 PARLEY_E_FULL);
	/* Those that are known serve any number of dialogs. */
	assert_int_equal(subscribe(engine, other, PARLEY_NOTE_EARLY,
				   &names[PARLEY_HANDLERS_MAX - 1], NULL),
			 0);
	calls_stop(&host, engine);
}

/* ------------------------------------------------------------ the area */

static void test_none(void **state)
{
	struct test_host host;
	struct parley *engine = calls_start(&host);
	struct parley_id id = calls_invite(engine, 1);
	void *area;

	(void)state;
	clear();
	assert_int_equal(parley_pin(engine, id, &area), PARLEY_E_ABSENT);
	assert_int_equal(parley_unpin(engine, id, &area), PARLEY_E_NO_DIALOG);
	assert_int_equal(subscribe(engine, id, PARLEY_NOTE_EARLY, "x", NULL),
			 0);
	heard.told.area = &host;
	calls_step(engine, id, PARLEY_EV_REPLY_1XX);
	assert_null(heard.told.area);
	assert_int_equal(parley_set_area(engine, PARLEY_AREA_MAX + 1),
			 PARLEY_E_ARGUMENT);
	/* Those that are there stay without one. */
	assert_int_equal(parley_set_area(engine, PARLEY_AREA_MAX), 0);
	assert_int_equal(parley_pin(engine, id, &area), PARLEY_E_ABSENT);
	id = calls_invite(engine, 2);
	assert_int_equal(parley_pin(engine, id, &area), 0);
	memset(area, 0xff, PARLEY_AREA_MAX);
	assert_int_equal(parley_unpin(engine, id, area), 0);
	calls_stop(&host, engine);
}

/* One address, shown anew before each subscriber. */
static void test_shown(void **state)
{
	struct test_host host;
	struct parley *engine = start(&host);
	struct parley_id id = calls_invite(engine, 1);
	struct picture *picture = pin(engine, id);

	(void)state;
	clear();
	assert_int_equal(picture->shown, 1);
	assert_int_equal(picture->is.id.id, id.id);
	assert_int_equal(picture->is.state, PARLEY_STATE_UNCONFIRMED);
	assert_text(picture->is.callid, "call-1");
	assert_text(picture->is.from_uri, "sip:alice@example.com");
	assert_text(picture->is.to_uri, "sip:bob@example.com");
	assert_text(picture->is.req_uri, "sip:bob@192.0.2.1:5070");
	assert_text(picture->is.caller.tag, "caller-1");
	assert_text(picture->is.caller.contact, "sip:alice@192.0.2.2");
	assert_int_equal(picture->is.caller.cseq, 10);
	assert_int_equal(picture->is.callee.number, 0);
	assert_int_equal(subscribe(engine, id,
				   PARLEY_NOTE_ANSWERED | PARLEY_NOTE_DESTROY,
				   "x", NULL),
			 0);
	calls_step(engine, id, PARLEY_EV_REPLY_1XX);
	calls_step(engine, id, PARLEY_EV_REPLY_2XX);
	assert_ptr_equal(heard.told.area, picture);
	assert_int_equal(picture->shown, 2);
	assert_int_equal(picture->is.state, PARLEY_STATE_ANSWERED);
	assert_text(picture->is.callee.tag, "callee");
	assert_text(picture->is.callee.route_set, "<sip:192.0.2.4;lr>");
	calls_step(engine, id, PARLEY_EV_ACK);
	calls_step(engine, id, PARLEY_EV_BYE);
	assert_int_equal(parley_unpin(engine, id, picture), 0);
	/* It is shown when DESTROY is told, for the last time. */
	assert_ptr_equal(heard.told.area, picture);
	assert_int_equal(heard.told.type, PARLEY_NOTE_DESTROY);
	assert_false(here(engine, id));
	calls_stop(&host, engine);
}

static void refresh(struct parley *engine, struct parley_id id,
		    const char *contact)
{
	const struct parley_event event = {
		.type = PARLEY_EV_UPDATE,
		.id = id,
		.dir = PARLEY_DIR_DOWNSTREAM,
		.to_tag = test_str("callee"),
		.contact = test_str(contact),
		.cseq = 11,
	};
	struct parley_actions actions;

	assert_int_equal(parley_feed(engine, calls_now(), &event, &actions), 0);
}

/* A text that was shown can still be read when there are others. */
static void test_texts_stay(void **state)
{
	enum { CHANGES = 20 };
	struct test_host host;
	struct parley *engine = start(&host);
	struct parley_id id = calls_up(engine, 1);
	struct picture *picture = pin(engine, id);
	struct parley_str seen[CHANGES];
	char contact[32];

	(void)state;
	for (int i = 0; i < CHANGES; i++) {
		snprintf(contact, sizeof(contact), "sip:%.*s@h", i + 1,
			 "aaaaaaaaaaaaaaaaaaaaaaaa");
		/* The same again is no change. */
		for (int j = 0; j < 3; j++)
			refresh(engine, id, contact);
		assert_ptr_equal(pin(engine, id), picture);
		seen[i] = picture->is.caller.contact;
		assert_text(seen[i], contact);
	}
	for (int i = 0; i < CHANGES; i++) {
		assert_int_equal(seen[i].len, i + 7);
		assert_memory_equal(seen[i].s, "sip:a", 5);
		assert_memory_equal(seen[i].s + 4 + i, "a@h", 3);
	}
	calls_stop(&host, engine);
}

/* Who changes them without end does not fill the memory. */
static void test_texts_are_bounded(void **state)
{
	struct test_host host;
	struct parley *engine = start(&host);
	struct parley_id id = calls_up(engine, 1);
	struct parley_stats before, after;
	struct picture *picture = pin(engine, id);
	char contact[64];

	(void)state;
	for (int i = 0; i < 40; i++) {
		snprintf(contact, sizeof(contact), "sip:%d@example.com", i);
		refresh(engine, id, contact);
	}
	parley_get_stats(engine, &before);
	for (int i = 0; i < 5000; i++) {
		snprintf(contact, sizeof(contact), "sip:%.*s%d@example.com",
			 i % 30, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", i);
		refresh(engine, id, contact);
		assert_ptr_equal(pin(engine, id), picture);
		assert_text(picture->is.caller.contact, contact);
	}
	parley_get_stats(engine, &after);
	assert_true(after.memory_bytes - before.memory_bytes < 65537);
	assert_no_fault(parley_check(engine));
	calls_stop(&host, engine);
}

/* A leg that was shown as the callee and has lost is still there to be read. */
static void test_legs_stay(void **state)
{
	struct test_host host;
	struct parley *engine = start(&host);
	struct parley_id id = calls_invite(engine, 1);
	struct picture *picture = pin(engine, id);
	struct parley_event event = {
		.type = PARLEY_EV_REPLY_1XX,
		.id = id,
		.to_tag = test_str("loser"),
		.contact = test_str("sip:loser@example.com"),
		.code = 180,
	};
	struct parley_actions actions;
	struct parley_str tag, contact;

	(void)state;
	assert_int_equal(parley_feed(engine, calls_now(), &event, &actions), 0);
	assert_ptr_equal(pin(engine, id), picture);
	tag = picture->is.callee.tag;
	contact = picture->is.callee.contact;
	calls_step(engine, id, PARLEY_EV_REPLY_2XX);
	calls_step(engine, id, PARLEY_EV_ACK);
	event = (struct parley_event){
		.type = PARLEY_EV_RELEASE, .id = id, .invite = true};
	assert_int_equal(parley_feed(engine, calls_now(), &event, &actions),
			 PARLEY_E_STATE); /* it was not held */
	dialog_find_lock(engine, id)->invite_held = true;
	dialog_unlock(engine, id);
	dialog_find_lock(engine, id)->holds = 1;
	dialog_unlock(engine, id);
	assert_int_equal(parley_feed(engine, calls_now(), &event, &actions), 0);
	assert_ptr_equal(pin(engine, id), picture);
	assert_text(picture->is.callee.tag, "callee");
	assert_text(tag, "loser");
	assert_text(contact, "sip:loser@example.com");
	assert_no_fault(parley_check(engine));
	calls_stop(&host, engine);
}

/* ------------------------------------------------------------ legs */

enum { SIGHTS = 4 };

/* The area of a dialog whose legs have one, and that of a leg. */
struct sight {
	uint32_t count;
	char tags[64];
	struct mark *legs[SIGHTS];
};

struct mark {
	uint32_t number, shown;
};

static void look(void *self, void *area, const struct parley_shown *shown)
{
	struct sight *sight = area;
	struct parley_leg_view view;
	const void *cursor = NULL;
	void *leg;

	assert_non_null(self);
	*sight = (struct sight){0};
	while (parley_shown_leg(shown, &cursor, &view, &leg)) {
		struct mark *mark = leg;
		size_t len = strlen(sight->tags);

		assert_int_equal((uintptr_t)leg % 8, 0);
		assert_true(mark->number == 0 || mark->number == view.number);
		mark->number = view.number;
		mark->shown++;
		sight->legs[sight->count++] = mark;
		snprintf(sight->tags + len, sizeof(sight->tags) - len, "%.*s ",
			 (int)view.tag.len, view.tag.s);
	}
}

static void reply(struct parley *engine, struct parley_id id, const char *tag,
		  uint16_t code)
{
	const struct parley_event event = {
		.type = code < 200 ? PARLEY_EV_REPLY_1XX : PARLEY_EV_REPLY_2XX,
		.id = id,
		.to_tag = test_str(tag),
		.code = code,
	};
	struct parley_actions actions;

	assert_int_equal(parley_feed(engine, calls_now(), &event, &actions), 0);
	parley_deliver(engine, &actions.note, NULL, false);
}

static struct parley *start_looking(struct test_host *host)
{
	struct parley_config config = calls_config();
	struct parley *engine;

	test_host_init(host, CALLS_LOCKS, test_seed(1));
	host->host.show = look;
	engine = calls_engine(host, &config);
	assert_int_equal(parley_set_leg_area(engine, 8), PARLEY_E_ARGUMENT);
	assert_int_equal(parley_set_area(engine, sizeof(struct sight)), 0);
	assert_int_equal(parley_set_leg_area(engine, PARLEY_AREA_MAX + 1),
			 PARLEY_E_ARGUMENT);
	assert_int_equal(parley_set_leg_area(engine, sizeof(struct mark)), 0);
	return engine;
}

/* The host says that the INVITE's transaction is gone, as if it had been held.
 */
static void prune(struct parley *engine, struct parley_id id)
{
	const struct parley_event event = {
		.type = PARLEY_EV_RELEASE, .id = id, .invite = true};
	struct parley_actions actions;
	struct dialog *dialog = dialog_find_lock(engine, id);

	dialog->invite_held = true;
	dialog->holds = 1;
	dialog_unlock(engine, id);
	assert_int_equal(parley_feed(engine, calls_now(), &event, &actions), 0);
}

static int find_early(struct parley *engine, struct parley_id id,
		      const char *tag)
{
	struct parley_match match;
	int rc = parley_find_early(engine, test_str("call-1"), test_str(tag),
				   test_str("caller-1"), &match);

	if (rc == 0)
		assert_int_equal(match.id.id, id.id);
	return rc;
}

/* Each leg has an area of its own, zeroed, in the order of the legs, and it is
 * still there when the leg is gone. */
static void test_leg_areas(void **state)
{
	struct test_host host;
	struct parley *engine = start_looking(&host);
	struct parley_id id = calls_invite(engine, 1);
	struct mark *first, *second;
	struct sight *sight;
	void *area;

	(void)state;
	assert_int_equal(parley_pin(engine, id, &area), 0);
	sight = area;
	assert_string_equal(sight->tags, "");
	reply(engine, id, "a", 180);
	reply(engine, id, "bcd", 183);
	assert_int_equal(parley_pin(engine, id, &area), 0);
	assert_string_equal(sight->tags, "a bcd ");
	first = sight->legs[0];
	second = sight->legs[1];
	assert_int_equal(first->number, 1);
	assert_int_equal(first->shown, 1);
	reply(engine, id, "bcd", 200);
	assert_int_equal(parley_pin(engine, id, &area), 0);
	assert_string_equal(sight->tags, "bcd a ");
	assert_ptr_equal(sight->legs[0], second);
	assert_ptr_equal(sight->legs[1], first);
	prune(engine, id);
	assert_int_equal(parley_pin(engine, id, &area), 0);
	assert_string_equal(sight->tags, "bcd ");
	assert_int_equal(first->number, 1);
	/* Who has kept its tag finds the call by it, but no tag of nobody's. */
	assert_int_equal(find_early(engine, id, "a"), 0);
	assert_int_equal(find_early(engine, id, "bcd"), 0);
	assert_true(find_early(engine, id, "bc") < 0);
	assert_no_fault(parley_check(engine));
	calls_stop(&host, engine);
}

/* A note of the host's own is told after the end, and a call that is over by
 * its lifetime is shown as such. */
static void test_own_bye(void **state)
{
	struct test_host host;
	struct parley *engine = start(&host);
	struct parley_id id = calls_up(engine, 1);
	struct picture *picture = pin(engine, id);
	struct parley_actions actions;

	(void)state;
	clear();
	assert_int_equal(subscribe(engine, id,
				   PARLEY_NOTE_OWN_BYE | PARLEY_NOTE_EXPIRED,
				   "x", NULL),
			 0);
	assert_false(picture->is.expired);
	calls_step(engine, id, PARLEY_EV_EXPIRE);
	assert_string_equal(heard.log, "x");
	assert_true(picture->is.expired);
	parley_notify(engine, id, PARLEY_NOTE_OWN_BYE, PARLEY_DIR_NONE,
		      &actions);
	assert_string_equal(heard.log, "xx");
	assert_int_equal(heard.told.type, PARLEY_NOTE_OWN_BYE);
	calls_stop(&host, engine);
}

/* ------------------------------------------------------------ pins */

static void test_pins(void **state)
{
	struct test_host host;
	struct parley *engine = start(&host);
	struct parley_id id = calls_up(engine, 1);
	const struct parley_id nobody = {id.entry, id.id ^ 1};
	struct picture *picture = pin(engine, id);
	void *area;

	(void)state;
	assert_ptr_equal(pin(engine, id), picture);
	assert_int_equal(parley_pin(engine, nobody, &area), PARLEY_E_NO_DIALOG);
	assert_int_equal(parley_unpin(engine, nobody, picture),
			 PARLEY_E_NO_DIALOG);
	assert_int_equal(parley_unpin(engine, id, &area), PARLEY_E_NO_DIALOG);
	assert_int_equal(parley_unpin(engine, id, picture), 0);
	calls_step(engine, id, PARLEY_EV_BYE);
	/* It has ended, and can be asked for all the same. */
	assert_true(here(engine, id));
	assert_ptr_equal(pin(engine, id), picture);
	assert_int_equal(picture->is.state, PARLEY_STATE_DELETED);
	assert_no_fault(parley_check(engine));
	assert_int_equal(parley_unpin(engine, id, picture), 0);
	assert_true(here(engine, id));
	assert_int_equal(parley_unpin(engine, id, picture), 0);
	assert_false(here(engine, id));
	assert_int_equal(parley_unpin(engine, id, picture), PARLEY_E_NO_DIALOG);
	calls_stop(&host, engine);
}

/* More come back than were handed out. */
static void test_unpin_too_often(void **state)
{
	struct test_host host;
	struct parley *engine = start(&host);
	struct parley_id id = calls_up(engine, 1);
	struct picture *picture = pin(engine, id);

	(void)state;
	assert_int_equal(parley_unpin(engine, id, picture), 0);
	assert_int_equal(parley_unpin(engine, id, picture), PARLEY_E_ABSENT);
	assert_true(here(engine, id));
	for (int i = 0; i < UINT16_MAX; i++)
		assert_ptr_equal(pin(engine, id), picture);
	assert_int_equal(parley_pin(engine, id, (void **)&picture),
			 PARLEY_E_FULL);
	calls_stop(&host, engine);
}

static void expire(struct parley *engine, uint64_t seconds)
{
	struct parley_now now = calls_now();
	struct parley_actions actions;

	now.ms += seconds * 1000;
	while (parley_expire(engine, now, &actions))
		parley_deliver(engine, &actions.note, NULL, false);
}

/* A pin that nobody gives back keeps nothing for ever. */
static void test_pins_end(void **state)
{
	struct parley_config config = calls_config();
	struct test_host host;
	struct parley *engine = start(&host);
	struct parley_id id = calls_up(engine, 1);
	struct picture *picture = pin(engine, id);

	(void)state;
	calls_step(engine, id, PARLEY_EV_BYE);
	expire(engine, config.end_timeout_s - 1);
	assert_true(here(engine, id));
	expire(engine, config.end_timeout_s);
	assert_true(here(engine, id));
	assert_no_fault(parley_check(engine));
	expire(engine, config.end_timeout_s + PARLEY_PIN_S);
	assert_false(here(engine, id));
	assert_int_equal(parley_unpin(engine, id, picture), PARLEY_E_NO_DIALOG);
	calls_stop(&host, engine);
}

static struct picture *inside;

static void pin_inside(struct parley *engine, void *param,
		       const struct parley_told *told)
{
	void *area;

	(void)param;
	if (told->type == PARLEY_NOTE_TERMINATED)
		inside = pin(engine, told->id);
	else
		assert_int_equal(parley_pin(engine, told->id, &area),
				 PARLEY_E_NO_DIALOG);
	assert_ptr_equal(told->area, inside);
}

/* A subscriber may pin what it is told of, but no longer when it is the end. */
static void test_pin_inside(void **state)
{
	struct test_host host;
	struct parley *engine = start(&host);
	struct parley_id id = calls_up(engine, 1);

	(void)state;
	assert_int_equal(
		parley_subscribe(engine, id,
				 PARLEY_NOTE_TERMINATED | PARLEY_NOTE_DESTROY,
				 pin_inside, NULL, NULL),
		0);
	calls_step(engine, id, PARLEY_EV_BYE);
	assert_true(here(engine, id));
	assert_int_equal(parley_unpin(engine, id, inside), 0);
	assert_false(here(engine, id));
	calls_stop(&host, engine);
}

/* ------------------------------------------------------------ replies */

/* What the host has told by itself is not told again. */
static void test_was_told(void **state)
{
	struct test_host host;
	struct parley *engine = start(&host);
	struct parley_id id = calls_up(engine, 1);
	struct parley_event event = {
		.type = PARLEY_EV_REPLY_WITHIN,
		.id = id,
		.dir = PARLEY_DIR_DOWNSTREAM,
		.to_tag = test_str("callee"),
		.code = 200,
		.method = PARLEY_EV_BYE,
		.was_told = true,
	};
	struct parley_actions actions;

	(void)state;
	assert_int_equal(
		subscribe(engine, id,
			  PARLEY_NOTE_REPLY_WITHIN | PARLEY_NOTE_BYE_REPLIED,
			  "x", NULL),
		0);
	assert_int_equal(parley_feed(engine, calls_now(), &event, &actions), 0);
	assert_int_equal(actions.note.types, PARLEY_NOTE_BYE_REPLIED);
	parley_deliver(engine, &actions.note, NULL, false);
	event.was_told = false;
	assert_int_equal(parley_feed(engine, calls_now(), &event, &actions), 0);
	assert_int_equal(actions.note.types,
			 PARLEY_NOTE_BYE_REPLIED | PARLEY_NOTE_REPLY_WITHIN);
	parley_deliver(engine, &actions.note, NULL, false);
	calls_stop(&host, engine);
}

/* ------------------------------------------------------------ no memory */

static bool rung(struct test_host *host)
{
	struct parley_config config = calls_config();
	struct parley *engine;
	struct parley_id id;
	void *area = NULL;
	bool whole = true;
	char contact[64];

	config.piece_bytes = 0;
	host->host.show = show;
	engine = calls_engine(host, &config);
	if (engine == NULL)
		return false;
	assert_int_equal(parley_set_area(engine, sizeof(struct picture)), 0);
	id = calls_invite(engine, 1);
	for (int i = 0; id.id != 0 && i < 12; i++) {
		int rc = subscribe(engine, id, PARLEY_NOTE_EARLY, "x", host);

		assert_true(rc == 0 || rc == PARLEY_E_MEMORY);
		whole = whole && rc == 0;
	}
	if (id.id != 0 && here(engine, id)) {
		struct parley_actions actions;

		assert_int_equal(parley_pin(engine, id, &area), 0);
		(void)!calls_feed(engine, id, PARLEY_EV_REPLY_2XX, &actions);
		parley_deliver(engine, &actions.note, NULL, false);
		if (calls_feed(engine, id, PARLEY_EV_ACK, &actions) == 0) {
			parley_deliver(engine, &actions.note, NULL, false);
			for (int i = 0; i < 36; i++) {
				snprintf(
					contact, sizeof(contact),
					"sip:%.*s@example.com", i,
					"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
				refresh(engine, id, contact);
			}
		}
		assert_no_fault(parley_check(engine));
		assert_int_equal(parley_unpin(engine, id, area), 0);
	} else {
		whole = false;
	}
	assert_no_fault(parley_check(engine));
	parley_destroy(engine);
	return whole;
}

static void test_ladder(void **state)
{
	(void)state;
	clear();
	assert_true(ladder(rung, CALLS_LOCKS, CALLS_LOCKS - 1) > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_handlers),
		cmocka_unit_test(test_slot),
		cmocka_unit_test(test_handler_limit),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_shown),
		cmocka_unit_test(test_texts_stay),
		cmocka_unit_test(test_texts_are_bounded),
		cmocka_unit_test(test_legs_stay),
		cmocka_unit_test(test_leg_areas),
		cmocka_unit_test(test_own_bye),
		cmocka_unit_test(test_pins),
		cmocka_unit_test(test_unpin_too_often),
		cmocka_unit_test(test_pins_end),
		cmocka_unit_test(test_pin_inside),
		cmocka_unit_test(test_was_told),
		cmocka_unit_test(test_ladder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
