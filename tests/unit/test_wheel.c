/* objects: wheel.o */
/* test_wheel.c - the timing wheel against a plain array */
#include <stdlib.h>
#include <string.h>

#include "support.h"

#include "wheel.h"

#define TICK ((uint64_t)WHEEL_TICK_MS)
#define HOUR_MS UINT64_C(3600000)
#define YEAR_MS (8766 * HOUR_MS)

/* Ticks that level 0 to 4 and all five together reach over. */
#define REACH(level) (UINT64_C(1) << (((level) + 1) * WHEEL_BITS))

/* Pops until nothing is due; returns the number of timers. */
static uint32_t pop_all(struct wheel *wheel, uint64_t now)
{
	uint32_t count = 0;
	bool more;

	for (;;) {
		struct timer *timer = wheel_pop(wheel, now, &more);

		if (timer) {
			assert_false(timer_armed(timer));
			assert_true(timer->due_ms <= now);
			count++;
		} else if (!more) {
			return count;
		}
	}
}

/* ------------------------------------------------------- single properties */

static void test_empty(void **state)
{
	struct wheel wheel;
	struct timer timer = {0};
	bool more = true;

	(void)state;
	wheel_init(&wheel, 12345);
	assert_null(wheel_pop(&wheel, 12345, &more));
	assert_false(more);
	assert_null(wheel_pop(&wheel, 12345 + 100 * YEAR_MS, &more));
	assert_false(more);
	assert_true(wheel_next_ms(&wheel) == UINT64_MAX);
	assert_false(timer_armed(&timer));
	assert_false(wheel_cancel(&wheel, &timer));
	assert_no_fault(wheel_check(&wheel));
}

/* Pops at every tick and asserts that a timer fires in its own one: not before
 * it is due, and less than a tick after. */
static void fire_once(uint64_t start, uint64_t delay)
{
	struct wheel wheel;
	struct timer timer = {0};
	uint64_t due = start + delay, now = start;
	bool more = false;

	wheel_init(&wheel, start);
	wheel_arm(&wheel, &timer, due);
	assert_true(timer_armed(&timer));
	assert_int_equal(wheel.armed, 1);
	assert_no_fault(wheel_check(&wheel));
	for (;;) {
		uint64_t next;

		if (wheel_pop(&wheel, now, &more) == &timer)
			break;
		assert_false(more);
		assert_true(now < due + TICK);
		assert_true(wheel_next_ms(&wheel) > now);
		assert_no_fault(wheel_check(&wheel));
		/* As in life near the due time, in strides before. */
		next = wheel_next_ms(&wheel);
		now = next > now + TICK ? next : now + TICK / 4;
	}
	assert_true(now >= due);
	assert_true(now < due + TICK);
	assert_int_equal(wheel.armed, 0);
	assert_no_fault(wheel_check(&wheel));
}

/* Around the borders of every level, from starts around them. */
static void test_borders(void **state)
{
	(void)state;
	for (int from = 0; from < WHEEL_LEVELS; from++) {
		for (int level = 0; level < WHEEL_LEVELS; level++) {
			for (uint64_t i = 0; i < 25; i++) {
				uint64_t start = REACH(from) - 2 + i / 5;
				uint64_t ticks = REACH(level) - 2 + i % 5;

				fire_once(start * TICK, ticks * TICK);
				fire_once(start * TICK + 1, ticks * TICK);
				fire_once(start * TICK, ticks * TICK + 99);
			}
		}
	}
}

static void test_far(void **state)
{
	(void)state;
	fire_once(77, 4 * YEAR_MS);
	fire_once(77, 100 * YEAR_MS);
	fire_once(1000 * YEAR_MS, 10 * YEAR_MS);
	fire_once(UINT64_MAX - 10 * YEAR_MS, 9 * YEAR_MS);
}

static void test_never(void **state)
{
	struct wheel wheel;
	struct timer timer = {0};

	(void)state;
	wheel_init(&wheel, 5000);
	wheel_arm(&wheel, &timer, UINT64_MAX);
	assert_int_equal(pop_all(&wheel, 1000 * YEAR_MS), 0);
	assert_no_fault(wheel_check(&wheel));
	assert_true(timer_armed(&timer));
	assert_true(wheel_next_ms(&wheel) > 1000 * YEAR_MS);
	assert_true(wheel_cancel(&wheel, &timer));
	assert_true(wheel_next_ms(&wheel) == UINT64_MAX);
}

/* What is due already fires in the next tick; a handler that keeps arming for
 * the past cannot hold up the caller. */
static void test_past(void **state)
{
	struct wheel wheel;
	struct timer timer = {0};
	uint64_t now = 1000000;
	bool more;

	(void)state;
	wheel_init(&wheel, now);
	assert_int_equal(pop_all(&wheel, now), 0);
	wheel_arm(&wheel, &timer, 0);
	assert_no_fault(wheel_check(&wheel));
	assert_null(wheel_pop(&wheel, now, &more));
	assert_false(more);
	for (int i = 0; i < 10; i++) {
		now += TICK;
		assert_ptr_equal(wheel_pop(&wheel, now, &more), &timer);
		wheel_arm(&wheel, &timer, now - 50000);
		assert_null(wheel_pop(&wheel, now, &more));
		assert_false(more);
	}
}

/* A clock that goes back makes timers wait, and loses none. */
static void test_clock_back(void **state)
{
	struct wheel wheel;
	struct timer timer[3] = {0};
	bool more;

	(void)state;
	wheel_init(&wheel, 0);
	for (int i = 0; i < 3; i++)
		wheel_arm(&wheel, &timer[i], 60000);
	assert_non_null(wheel_pop(&wheel, 60000, &more));
	assert_null(wheel_pop(&wheel, 59999, &more));
	assert_false(more);
	assert_null(wheel_pop(&wheel, 0, &more));
	wheel_arm(&wheel, &timer[0], 30000);
	wheel_arm(&wheel, &timer[1], 30000);
	wheel_arm(&wheel, &timer[2], 90000);
	assert_no_fault(wheel_check(&wheel));
	assert_int_equal(pop_all(&wheel, 29999), 0);
	assert_int_equal(pop_all(&wheel, 60100), 2);
	assert_int_equal(pop_all(&wheel, 89999), 0);
	assert_int_equal(pop_all(&wheel, 90000), 1);
}

/* Timers that share a slot: each can be taken out from any place. */
static void test_cancel(void **state)
{
	struct wheel wheel;
	struct timer timer[6] = {0};

	(void)state;
	for (uint32_t first = 0; first < 6; first++) {
		wheel_init(&wheel, 0);
		for (int i = 0; i < 6; i++)
			wheel_arm(&wheel, &timer[i], 50 * HOUR_MS);
		for (uint32_t i = 0; i < 6; i++) {
			assert_true(
				wheel_cancel(&wheel, &timer[(first + i) % 6]));
			assert_int_equal(wheel.armed, 5 - i);
			assert_no_fault(wheel_check(&wheel));
		}
		for (int level = 0; level < WHEEL_LEVELS; level++)
			assert_true(wheel.occupied[level] == 0);
	}
}

static uint32_t list_length(const struct timer *timer)
{
	uint32_t length = 0;

	for (; timer; timer = timer->next)
		length++;
	return length;
}

/* However many timers one slot holds, one call spreads a limited number; in
 * between timers can be armed, moved and cancelled. */
static void test_work_limit(void **state)
{
	enum { COUNT = 10000 };
	struct wheel wheel;
	struct timer *timer = calloc(COUNT, sizeof(*timer));
	uint64_t now = 12 * HOUR_MS;
	uint32_t calls = 0, left = COUNT - 2, before = 0;
	bool more = true;

	(void)state;
	assert_non_null(timer);
	wheel_init(&wheel, 0);
	for (uint32_t i = 0; i < COUNT; i++)
		wheel_arm(&wheel, &timer[i], now + i % 50);
	while (more) {
		struct timer *none = wheel_pop(&wheel, now - TICK, &more);
		uint32_t length = list_length(wheel.moving);

		assert_null(none);
		/* A longer list than before is the one of the next level; the
		 * timer that was moved is not in it. */
		if (length > before)
			before += wheel.armed - (calls > 10);
		assert_true(before - length <= WHEEL_WORK_MAX);
		assert_no_fault(wheel_check(&wheel));
		before = length;
		calls++;
		if (calls == 10) {
			assert_true(more);
			assert_true(wheel_cancel(&wheel, wheel.moving));
			wheel_arm(&wheel, wheel.moving->next, now + HOUR_MS);
			before -= 2;
		}
	}
	assert_true(calls > 2 * COUNT / WHEEL_WORK_MAX);
	left -= pop_all(&wheel, now + TICK);
	assert_int_equal(left, 0);
	assert_int_equal(wheel.armed, 1);
	assert_int_equal(pop_all(&wheel, now + HOUR_MS + TICK), 1);
	free(timer);
}

/* Empty ticks cost nothing: a jump of a thousand years is a few steps. */
static void test_jump(void **state)
{
	struct wheel wheel;
	struct timer timer[64] = {0};
	uint64_t random = test_seed(1);

	(void)state;
	wheel_init(&wheel, 0);
	for (int i = 0; i < 64; i++)
		wheel_arm(&wheel, &timer[i],
			  test_random(&random) % (900 * YEAR_MS));
	assert_int_equal(pop_all(&wheel, 1000 * YEAR_MS), 64);
	assert_true(wheel.tick == 1000 * YEAR_MS / TICK + 1);
	assert_no_fault(wheel_check(&wheel));
}

/* ------------------------------------------------------------- the model */

enum { ITEMS = 600 };

struct item {
	struct timer timer;
	uint64_t due;
	uint64_t fires; /* first tick in which it must have fired */
	bool in;
};

struct model {
	struct wheel wheel;
	uint64_t random;
	uint64_t now;
	uint64_t latest; /* tick of the latest pop */
	uint32_t count;
	struct item item[ITEMS];
};

static uint64_t model_delay(struct model *model)
{
	uint64_t some = test_random(&model->random);

	switch (test_below(&model->random, 8)) {
	case 0:
		return some % 100;
	case 1:
		return some % (10 * TICK);
	case 2:
		return some % (REACH(0) * TICK * 2);
	case 3:
		return some % HOUR_MS;
	case 4:
		return some % (12 * HOUR_MS);
	case 5: /* round figures share slots */
		return some % 12 * HOUR_MS;
	case 6:
		return some % (1000 * HOUR_MS);
	default:
		return some % (20 * YEAR_MS);
	}
}

static void model_arm(struct model *model)
{
	struct item *item = &model->item[test_below(&model->random, ITEMS)];
	uint64_t delay = model_delay(model);

	model->count += !item->in;
	item->in = true;
	item->due = model->now + delay;
	if (test_below(&model->random, 16) == 0)
		item->due = delay > model->now ? 0 : model->now - delay;
	item->fires = (item->due + TICK - 1) / TICK;
	/* What is late already fires in the next tick. */
	if (item->fires <= model->latest)
		item->fires = model->latest + 1;
	wheel_arm(&model->wheel, &item->timer, item->due);
}

static void model_cancel(struct model *model)
{
	struct item *item = &model->item[test_below(&model->random, ITEMS)];

	assert_int_equal(timer_armed(&item->timer), item->in);
	assert_int_equal(wheel_cancel(&model->wheel, &item->timer), item->in);
	model->count -= item->in;
	item->in = false;
}

static void model_advance(struct model *model)
{
	uint64_t some = test_random(&model->random);

	switch (test_below(&model->random, 16)) {
	case 0:
		model->now += some % (100 * HOUR_MS);
		break;
	case 1:
		if (some % 20 == 0)
			model->now += some % (5 * YEAR_MS);
		break;
	case 2:
	case 3:
		model->now += some % HOUR_MS;
		break;
	case 4: /* exactly to the next thing to do */
		if (wheel_next_ms(&model->wheel) > model->now &&
		    model->count > 0)
			model->now = wheel_next_ms(&model->wheel);
		break;
	default:
		model->now += some % 150;
	}
}

static void model_pop(struct model *model)
{
	uint64_t next = wheel_next_ms(&model->wheel);
	struct timer *timer;
	bool more;

	model->latest = model->now / TICK;
	while ((timer = wheel_pop(&model->wheel, model->now, &more)) || more) {
		struct item *item = (struct item *)timer;

		assert_true(model->now >= next);
		if (!timer)
			continue;
		assert_true(item->in);
		assert_true(item->due == timer->due_ms);
		assert_true(item->due <= model->now);
		item->in = false;
		model->count--;
		/* Sometimes the rest must wait. */
		if (test_below(&model->random, 50) == 0)
			return;
	}
	for (int i = 0; i < ITEMS; i++) {
		if (model->item[i].in)
			assert_true(model->item[i].fires > model->latest);
	}
}

static void model_run(uint64_t start, uint64_t seed)
{
	struct model *model = calloc(1, sizeof(*model));

	assert_non_null(model);
	model->random = seed;
	model->now = start;
	wheel_init(&model->wheel, start);
	model_pop(model);
	for (uint32_t step = 0; step < 20000; step++) {
		uint32_t dice = test_below(&model->random, 20);

		if (dice < 10) {
			model_arm(model);
		} else if (dice < 13) {
			model_cancel(model);
		} else {
			model_advance(model);
			model_pop(model);
		}
		assert_int_equal(model->wheel.armed, model->count);
		if (step % 16 == 0)
			assert_no_fault(wheel_check(&model->wheel));
	}
	for (int i = 0; i < ITEMS; i++)
		assert_int_equal(timer_armed(&model->item[i].timer),
				 model->item[i].in);
	assert_int_equal(pop_all(&model->wheel, model->now + 50 * YEAR_MS),
			 model->count);
	free(model);
}

static void test_model(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < 4; i++)
		model_run(i * 777, test_seed(2) + i);
	for (int level = 0; level < WHEEL_LEVELS; level++)
		model_run((REACH(level) - 3) * TICK, test_seed(3));
	model_run((7 * REACH(4) - 100) * TICK, test_seed(4));
}

/* 300,000 dialogs of 1 to 12 hours; some get a new lifetime on the way, some
 * end. Every one that is left fires in its tick. */
static void test_many(void **state)
{
	enum { COUNT = 300000 };
	struct wheel wheel;
	struct timer *timer = calloc(COUNT, sizeof(*timer));
	uint64_t random = test_seed(5), now = 5 * HOUR_MS + 17;
	uint32_t cancelled = 0, fired = 0;
	bool more;

	(void)state;
	assert_non_null(timer);
	wheel_init(&wheel, now);
	for (uint32_t i = 0; i < COUNT; i++)
		wheel_arm(&wheel, &timer[i],
			  now + HOUR_MS +
				  test_random(&random) % (11 * HOUR_MS));
	assert_no_fault(wheel_check(&wheel));
	for (uint32_t ticks = 0; wheel.armed > 0; ticks++) {
		struct timer *some = &timer[test_below(&random, COUNT)], *due;

		while ((due = wheel_pop(&wheel, now, &more)) || more) {
			if (!due)
				continue;
			assert_true(due->due_ms <= now);
			assert_int_equal(now / TICK,
					 (due->due_ms + TICK - 1) / TICK);
			fired++;
		}
		now += TICK;
		if (ticks % 2 == 0 && timer_armed(some))
			wheel_arm(&wheel, some, some->due_ms + HOUR_MS);
		else if (ticks % 8 == 1)
			cancelled += wheel_cancel(&wheel, some);
		if (ticks % 20000 == 0)
			assert_no_fault(wheel_check(&wheel));
	}
	assert_int_equal(fired + cancelled, COUNT);
	free(timer);
}

/* wheel_check() must notice what it is there for. */
static void test_check(void **state)
{
	struct wheel wheel;
	struct timer timer[3] = {0};

	(void)state;
	wheel_init(&wheel, 0);
	wheel_arm(&wheel, &timer[0], 500);
	wheel_arm(&wheel, &timer[1], HOUR_MS);
	wheel_arm(&wheel, &timer[2], YEAR_MS);
	assert_no_fault(wheel_check(&wheel));
	for (int i = 0; i < 3; i++) {
		timer[i].due_ms += 3 * YEAR_MS + HOUR_MS;
		assert_int_equal(wheel_check(&wheel) != NULL, i < 2);
		timer[i].due_ms -= 3 * YEAR_MS + HOUR_MS;
	}
	timer[2].due_ms = 1000;
	assert_non_null(wheel_check(&wheel));
	timer[2].due_ms = YEAR_MS;
	wheel.tick = 6;
	assert_non_null(wheel_check(&wheel));
	wheel.tick = 0;
	wheel.armed++;
	assert_non_null(wheel_check(&wheel));
	wheel.armed -= 2;
	assert_non_null(wheel_check(&wheel));
	wheel.armed++;
	wheel.occupied[2] ^= 4;
	assert_non_null(wheel_check(&wheel));
	wheel.occupied[2] ^= 4;
	assert_no_fault(wheel_check(&wheel));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_borders),
		cmocka_unit_test(test_far),
		cmocka_unit_test(test_never),
		cmocka_unit_test(test_past),
		cmocka_unit_test(test_clock_back),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_work_limit),
		cmocka_unit_test(test_jump),
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_check),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
