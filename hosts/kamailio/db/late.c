/* See late.h. */
#include <stdatomic.h>

#include "core/hashes.h"
#include "core/locking.h"

#include "late.h"
#include "text.h"

enum {
	SLOTS = 1024,
	ITEMS_MAX = 20000,
	TEXTS_MAX = 4096, /* of one request */
};

/* A request; its texts stand behind it. */
struct item {
	struct item *next;
	struct parley_event event; /* callid, both tags, contact */
	char bytes[];
};

static struct late {
	_Atomic bool on;
	gen_lock_t lock; /* of what is below */
	uint32_t count;
	struct item *slots[SLOTS];
} * late;

int late_init(void)
{
	late = shm_malloc(sizeof(*late));
	if (!late) {
		SHM_MEM_ERROR;
		return -1;
	}
	memset(late, 0, sizeof(*late));
	return lock_init(&late->lock) ? 0 : -1;
}

bool late_is_on(void)
{
	return late && atomic_load_explicit(&late->on, memory_order_relaxed);
}

void late_begin(void)
{
	atomic_store(&late->on, true);
}

static struct item **slot_of(struct parley_str callid)
{
	str text = to_str(callid);

	return &late->slots[core_hash(&text, NULL, SLOTS)];
}

/* ------------------------------------------------ keeping */

static struct parley_str put(char **atp, struct parley_str text)
{
	struct parley_str copy = {*atp, text.len};

	if (text.len > 0)
		memcpy(*atp, text.s, text.len);
	*atp += text.len;
	return copy;
}

static struct item *item_of(const struct parley_event *event,
			    struct parley_str callid,
			    struct parley_str from_tag,
			    struct parley_str to_tag)
{
	size_t texts = (size_t)callid.len + from_tag.len + to_tag.len +
		       event->contact.len;
	struct item *item = NULL;
	char *at;

	if (texts <= TEXTS_MAX)
		item = shm_malloc(sizeof(*item) + texts);
	if (!item)
		return NULL;
	at = item->bytes;
	*item = (struct item){.event = *event};
	item->event.callid = put(&at, callid);
	item->event.from_tag = put(&at, from_tag);
	item->event.to_tag = put(&at, to_tag);
	item->event.contact = put(&at, event->contact);
	return item;
}

/* At the end of its list. False: the load is over, or there are too many. */
static bool add(struct item *item)
{
	struct item **end = slot_of(item->event.callid);
	bool added;

	lock_get(&late->lock);
	added = late_is_on() && late->count < ITEMS_MAX;
	if (added) {
		while (*end)
			end = &(*end)->next;
		*end = item;
		late->count++;
	}
	lock_release(&late->lock);
	return added;
}

/* ------------------------------------------------ feeding */

/* Takes all that is there of the call, in order. */
static struct item *take(struct parley_str callid)
{
	struct item **at = slot_of(callid);
	struct item *taken = NULL, **end = &taken;

	lock_get(&late->lock);
	while (*at) {
		struct item *item = *at;

		if (text_equal(item->event.callid, callid)) {
			*at = item->next;
			item->next = NULL;
			*end = item;
			end = &item->next;
			late->count--;
		} else {
			at = &item->next;
		}
	}
	lock_release(&late->lock);
	return taken;
}

/* False: it is of another call with this Call-ID. */
static bool feed(const struct item *item,
		 void (*carry_out)(const struct parley_actions *actions))
{
	struct parley_event event = item->event;
	const struct parley_query query = {
		.callid = event.callid,
		.from_tag = event.from_tag,
		.to_tag = event.to_tag,
		.method = event.type,
	};
	struct parley_actions actions;
	struct parley_match match;

	if (parley_match(adapter.engine, &query, &match) < 0)
		return false;
	event.id = match.id;
	event.dir = match.dir;
	if (match.dir == PARLEY_DIR_UPSTREAM)
		event.to_tag = event.from_tag;
	if (parley_feed(adapter.engine, host_now(), &event, &actions) == 0)
		carry_out(&actions);
	return true;
}

void late_apply(struct parley_str callid,
		void (*carry_out)(const struct parley_actions *actions))
{
	struct item *item = late_is_on() ? take(callid) : NULL;

	while (item) {
		struct item *next = item->next;

		item->next = NULL;
		if (feed(item, carry_out) || !add(item))
			shm_free(item);
		item = next;
	}
}

static void run(const struct parley_actions *actions)
{
	sip_run(NULL, actions, NULL);
}

void late_keep(const struct parley_event *event, struct parley_str callid,
	       struct parley_str from_tag, struct parley_str to_tag)
{
	struct item *item = item_of(event, callid, from_tag, to_tag);
	bool kept = item && add(item);
	struct parley_match match;

	/* It may have come just now, and have looked for requests before. */
	if (parley_find_call(adapter.engine, callid, from_tag, to_tag,
			     &match) == 0) {
		if (kept)
			late_apply(callid, run);
		else if (item)
			(void)!feed(item, run);
	} else if (!kept && late_is_on()) {
		log_limited(LOG_CAUSE_UNKNOWN, L_WARN,
			    "call %.*s: a request for it cannot be kept until "
			    "it is loaded\n",
			    (int)callid.len, callid.s);
	}
	if (item && !kept)
		shm_free(item);
}

/* ------------------------------------------------ the end */

static void empty(void)
{
	for (uint32_t i = 0; i < SLOTS; i++) {
		struct item *item = late->slots[i];

		late->slots[i] = NULL;
		while (item) {
			struct item *next = item->next;

			shm_free(item);
			item = next;
		}
	}
	late->count = 0;
}

void late_end(void)
{
	if (!late_is_on())
		return;
	lock_get(&late->lock);
	atomic_store(&late->on, false);
	empty();
	lock_release(&late->lock);
}

void late_fini(void)
{
	if (!late)
		return;
	empty();
	shm_free(late);
	late = NULL;
}
