/* wheel.c - hierarchical timing wheel; see wheel.h */
#include "wheel.h"

enum {
	TOP = WHEEL_LEVELS - 1,
	TOP_SHIFT = TOP * WHEEL_BITS,
	SLOT_MASK = WHEEL_SLOTS - 1,
};

_Static_assert(WHEEL_SLOTS == 64, "one word says which slots are occupied");

/* -------------------------------------------------------------- lists */

static inline void timer_link(struct timer **head, struct timer *timer)
{
	timer->next = *head;
	timer->pprev = head;
	if (timer->next)
		timer->next->pprev = &timer->next;
	*head = timer;
}

static inline void timer_unlink(struct wheel *wheel, struct timer *timer)
{
	uintptr_t first = (uintptr_t)&wheel->slot[0][0];
	uintptr_t at = (uintptr_t)timer->pprev - first;

	*timer->pprev = timer->next;
	if (timer->next) {
		timer->next->pprev = timer->pprev;
	} else if (at < sizeof(wheel->slot)) {
		/* It was alone in a slot. */
		at /= sizeof(struct timer *);
		wheel->occupied[at / WHEEL_SLOTS] &=
			~(UINT64_C(1) << at % WHEEL_SLOTS);
	}
	timer->pprev = NULL;
}

/* Moves all of a slot to an empty list. */
static void slot_take(struct wheel *wheel, int level, uint32_t slot,
		      struct timer **list)
{
	*list = wheel->slot[level][slot];
	(*list)->pprev = list;
	wheel->slot[level][slot] = NULL;
	wheel->occupied[level] &= ~(UINT64_C(1) << slot);
}

/* -------------------------------------------------------------- slots */

/* The tick in which a timer fires: the first one that is not too early. */
static inline uint64_t tick_of(uint64_t due_ms)
{
	return due_ms / WHEEL_TICK_MS + (due_ms % WHEEL_TICK_MS != 0);
}

static inline uint64_t tick_ms(uint64_t tick)
{
	return tick > UINT64_MAX / WHEEL_TICK_MS ? UINT64_MAX
						 : tick * WHEEL_TICK_MS;
}

/* Which slot of @level the next tick lies in. */
static inline uint32_t slot_now(const struct wheel *wheel, int level)
{
	return (uint32_t)(wheel->tick >> (level * WHEEL_BITS)) & SLOT_MASK;
}

static void timer_place(struct wheel *wheel, struct timer *timer)
{
	uint64_t tick = tick_of(timer->due_ms), differs, top;
	uint32_t slot;
	int level = 0;

	if (tick < wheel->tick)
		tick = wheel->tick;
	differs = tick ^ wheel->tick;
	if (differs >> TOP_SHIFT) {
		level = TOP;
		top = wheel->tick >> TOP_SHIFT;
		/* Too far away: as far as possible, to be placed again. */
		if ((tick >> TOP_SHIFT) - top > SLOT_MASK)
			tick = (top + SLOT_MASK) << TOP_SHIFT;
	} else if (differs) {
		level = (63 - __builtin_clzll(differs)) / WHEEL_BITS;
	}
	slot = (uint32_t)(tick >> (level * WHEEL_BITS)) & SLOT_MASK;
	timer_link(&wheel->slot[level][slot], timer);
	wheel->occupied[level] |= UINT64_C(1) << slot;
}

/* When time has come to a slot of an upper level, that slot is to be spread
 * over the levels below before anything else. */
static bool wheel_spread(struct wheel *wheel)
{
	for (int level = TOP; level > 0; level--) {
		uint32_t slot = slot_now(wheel, level);

		if (wheel->occupied[level] >> slot & 1) {
			slot_take(wheel, level, slot, &wheel->moving);
			return true;
		}
	}
	return false;
}

/* The tick at which the next occupied slot begins. No slot of an upper level
 * waits to be spread. */
static uint64_t wheel_event(const struct wheel *wheel)
{
	uint32_t slot = slot_now(wheel, 0);
	uint64_t later = wheel->occupied[0] >> slot;

	if (later)
		return wheel->tick + (uint64_t)__builtin_ctzll(later);
	for (int level = 1; level < WHEEL_LEVELS; level++) {
		int shift = level * WHEEL_BITS;

		slot = slot_now(wheel, level);
		later = wheel->occupied[level] >> slot;
		if (level == TOP && slot > 0)
			later |= wheel->occupied[level] << (WHEEL_SLOTS - slot);
		if (later)
			return ((wheel->tick >> shift) +
				(uint64_t)__builtin_ctzll(later))
			       << shift;
	}
	return UINT64_MAX;
}

/* ------------------------------------------------------------ outside */

void wheel_init(struct wheel *wheel, uint64_t now_ms)
{
	*wheel = (struct wheel){.tick = now_ms / WHEEL_TICK_MS};
}

void wheel_arm(struct wheel *wheel, struct timer *timer, uint64_t due_ms)
{
	if (timer->pprev)
		timer_unlink(wheel, timer);
	else
		wheel->armed++;
	timer->due_ms = due_ms;
	timer_place(wheel, timer);
}

bool wheel_cancel(struct wheel *wheel, struct timer *timer)
{
	if (!timer->pprev)
		return false;
	timer_unlink(wheel, timer);
	wheel->armed--;
	return true;
}

bool timer_armed(const struct timer *timer)
{
	return timer->pprev != NULL;
}

struct timer *wheel_pop(struct wheel *wheel, uint64_t now_ms, bool *morep)
{
	uint64_t now = now_ms / WHEEL_TICK_MS, next;
	uint32_t work = WHEEL_WORK_MAX;
	struct timer *timer;

	*morep = false;
	for (;;) {
		timer = wheel->expired;
		if (timer) {
			if (timer->due_ms > now_ms)
				return NULL;
			wheel_cancel(wheel, timer);
			return timer;
		}
		for (; wheel->moving && work > 0; work--) {
			timer = wheel->moving;
			timer_unlink(wheel, timer);
			timer_place(wheel, timer);
		}
		if (wheel->moving) {
			*morep = true;
			return NULL;
		}
		if (wheel->tick > now)
			return NULL;
		if (wheel_spread(wheel))
			continue;
		next = wheel_event(wheel);
		if (next > now) {
			wheel->tick = now + 1;
			return NULL;
		}
		wheel->tick = next;
		if (wheel->occupied[0] >> slot_now(wheel, 0) & 1) {
			slot_take(wheel, 0, slot_now(wheel, 0),
				  &wheel->expired);
			wheel->tick++;
		}
	}
}

uint64_t wheel_next_ms(const struct wheel *wheel)
{
	if (wheel->armed == 0)
		return UINT64_MAX;
	if (wheel->expired)
		return 0;
	if (wheel->moving)
		return tick_ms(wheel->tick);
	for (int level = 1; level < WHEEL_LEVELS; level++) {
		if (wheel->occupied[level] >> slot_now(wheel, level) & 1)
			return tick_ms(wheel->tick);
	}
	return tick_ms(wheel_event(wheel));
}

/* ------------------------------------------------------------ checking */

/* Whether a timer may be in this slot: its tick is one of those that the slot
 * stands for; slots of upper levels lie ahead of the present, or begin now. */
static const char *place_check(const struct wheel *wheel, int level,
			       uint32_t slot, const struct timer *timer)
{
	uint64_t tick = tick_of(timer->due_ms);
	int shift = level * WHEEL_BITS;
	uint64_t now = wheel->tick >> shift, begin = now;

	if (tick < wheel->tick)
		tick = wheel->tick;
	if (level == TOP)
		begin += (slot - (uint32_t)now) & SLOT_MASK;
	else
		begin = (now & ~(uint64_t)SLOT_MASK) | slot;
	if (begin < now || (begin == now && begin << shift < wheel->tick))
		return "wheel: a slot was passed over";
	if (level == TOP ? tick >> shift < begin : tick >> shift != begin)
		return "wheel: a timer is in a wrong slot";
	return NULL;
}

static const char *list_check(struct timer *const *head, uint32_t limit,
			      uint32_t *countp)
{
	for (struct timer *const *link = head; *link; link = &(*link)->next) {
		if ((*link)->pprev != link)
			return "wheel: a timer does not know its place";
		if (++*countp > limit)
			return "wheel: there are more timers than armed";
	}
	return NULL;
}

static const char *slot_check(const struct wheel *wheel, int level,
			      uint32_t slot, uint32_t *countp)
{
	struct timer *const *head = &wheel->slot[level][slot];
	const char *fault = list_check(head, wheel->armed, countp);

	if ((wheel->occupied[level] >> slot & 1) != (*head != NULL))
		return "wheel: exactly the occupied slots are marked";
	for (const struct timer *timer = *head; timer && !fault;
	     timer = timer->next)
		fault = place_check(wheel, level, slot, timer);
	return fault;
}

const char *wheel_check(const struct wheel *wheel)
{
	uint32_t count = 0;
	const char *fault = list_check(&wheel->expired, wheel->armed, &count);

	if (!fault)
		fault = list_check(&wheel->moving, wheel->armed, &count);
	for (int level = 0; level < WHEEL_LEVELS; level++) {
		for (uint32_t slot = 0; slot < WHEEL_SLOTS && !fault; slot++)
			fault = slot_check(wheel, level, slot, &count);
	}
	if (fault)
		return fault;
	if (count != wheel->armed)
		return "wheel: there are fewer timers than armed";
	for (const struct timer *timer = wheel->expired; timer;
	     timer = timer->next) {
		if (tick_of(timer->due_ms) >= wheel->tick)
			return "wheel: a timer has expired too early";
	}
	return NULL;
}
