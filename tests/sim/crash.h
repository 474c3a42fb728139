/*
 * crash.h - which seed was played when the program crashed
 *
 * What:    a line "not ok ... crash, seed N" from the signal handler.
 * Owns:    one line of text.
 * Always:  the handler formats nothing.
 */
#ifndef SIM_CRASH_H
#define SIM_CRASH_H

#include <stdint.h>

void crash_watch(void);
/* From now on a crash is that of @seed in @program. */
void crash_is_of(const char *program, uint64_t seed);

#endif
