/* See asks.h. */
#include <limits.h>
#include <poll.h>
#include <stdatomic.h>
#include <unistd.h>

#include "core/ut.h"

#include "adapter.h"
#include "asks.h"

enum {
	SLOTS = 32,
	NO_SLOT = SLOTS,
	WAIT_MS = 2000,
	STEP_US = 500,
};

enum slot_state { SLOT_FREE, SLOT_ASKED, SLOT_DONE, SLOT_LEFT };

struct slot {
	_Atomic uint32_t state; /* enum slot_state */
	const char *fault;	/* a constant of the module's */
	struct db_load_count count;
};

static struct {
	struct slot *slots; /* in shared memory */
	int read_end, write_end;
} asks = {NULL, -1, -1};

_Static_assert(sizeof(struct ask) <= PIPE_BUF, "a pipe must not tear it");

int asks_init(void)
{
	int ends[2];

	asks.slots = shm_malloc(SLOTS * sizeof(*asks.slots));
	if (!asks.slots) {
		SHM_MEM_ERROR;
		return -1;
	}
	memset(asks.slots, 0, SLOTS * sizeof(*asks.slots));
	if (procs_pipe(ends) < 0)
		return -1;
	asks.read_end = ends[0];
	asks.write_end = ends[1];
	return 0;
}

void asks_fini(void)
{
	if (asks.slots)
		shm_free(asks.slots);
	asks.slots = NULL;
}

/* ------------------------------------------------ who asks */

static bool move_state(uint32_t slot, uint32_t from, uint32_t to)
{
	return atomic_compare_exchange_strong(&asks.slots[slot].state, &from,
					      to);
}

static uint32_t take_slot(void)
{
	uint32_t slot = 0;

	while (slot < SLOTS && !move_state(slot, SLOT_FREE, SLOT_ASKED))
		slot++;
	return slot;
}

static bool wait_for(uint32_t slot)
{
	uint64_t end_ms = host_now().ms + WAIT_MS;

	while (atomic_load(&asks.slots[slot].state) != SLOT_DONE) {
		if (host_now().ms >= end_ms)
			/* False: the answer has come at the last moment. */
			return !move_state(slot, SLOT_ASKED, SLOT_LEFT);
		sleep_us(STEP_US);
	}
	return true;
}

const char *asks_put(enum ask_what what, struct parley_str text,
		     struct db_load_count *count)
{
	struct ask ask = {.what = what, .slot = NO_SLOT, .len = text.len};
	const char *fault;

	if (!asks.slots)
		return "there is no database: db_mode is 0";
	if (text.len > ASK_TEXT_MAX)
		return "the text is longer than 1024 characters";
	if (text.len > 0)
		memcpy(ask.text, text.s, text.len);
	if (what != ASK_FLUSH)
		ask.slot = take_slot();
	if ((what != ASK_FLUSH && ask.slot == NO_SLOT) ||
	    write(asks.write_end, &ask, sizeof(ask)) != (ssize_t)sizeof(ask)) {
		if (ask.slot != NO_SLOT)
			atomic_store(&asks.slots[ask.slot].state, SLOT_FREE);
		return "the writer has too much to do";
	}
	if (what == ASK_FLUSH)
		return NULL;
	if (!wait_for(ask.slot))
		return "not done within 2 s; it will be";
	fault = asks.slots[ask.slot].fault;
	*count = asks.slots[ask.slot].count;
	atomic_store(&asks.slots[ask.slot].state, SLOT_FREE);
	return fault;
}

/* ------------------------------------------------ the writer */

bool asks_next(struct ask *ask, int wait_ms)
{
	struct pollfd end = {.fd = asks.read_end, .events = POLLIN};

	return poll(&end, 1, wait_ms) > 0 &&
	       read(asks.read_end, ask, sizeof(*ask)) == (ssize_t)sizeof(*ask);
}

void asks_answer(const struct ask *ask, const char *fault,
		 const struct db_load_count *count)
{
	struct slot *slot;

	if (ask->slot >= SLOTS)
		return;
	slot = &asks.slots[ask->slot];
	slot->fault = fault;
	slot->count = *count;
	if (!move_state(ask->slot, SLOT_ASKED, SLOT_DONE))
		atomic_store(&slot->state, SLOT_FREE); /* nobody waits */
}
