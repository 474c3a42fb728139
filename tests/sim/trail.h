/*
 * trail.h - how a simulated world came to its end
 *
 * What:    the last events of a world, and the fault that has ended it.
 * Owns:    nothing.
 * Always:  who starts a world calls setjmp(trail->jump) first; trail_fail()
 *          goes back there.
 */
#ifndef SIM_TRAIL_H
#define SIM_TRAIL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	TRAIL_EVENTS = 60,
	TRAIL_TEXT = 200,
};

struct trail {
	bool verbose; /* print each event at once */
	char event[TRAIL_EVENTS][TRAIL_TEXT];
	uint64_t count; /* of all events */
	char fault[400];
	jmp_buf jump;
};

void trail_event(struct trail *trail, uint64_t now_ms, const char *format,
		 va_list args) __attribute__((format(printf, 3, 0)));
/* Ends the world. */
_Noreturn void trail_fail(struct trail *trail, const char *format, va_list args)
	__attribute__((format(printf, 2, 0)));
/* The fault and the last @events. */
void trail_print(const struct trail *trail, uint64_t seed, uint64_t step,
		 uint64_t events);

#endif
