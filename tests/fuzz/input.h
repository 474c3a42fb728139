/*
 * input.h - an engine that a fuzzer's bytes drive
 *
 * What:    takes numbers and texts out of the bytes of one input, and a host
 *          over libc whose allocations fail where the bytes say so.
 * Owns:    every block that the engine has not given back.
 * Always:  when the bytes are used up, numbers are 0 and texts are empty, so
 *          every input comes to an end.
 */
#ifndef FUZZ_INPUT_H
#define FUZZ_INPUT_H

#include "parley.h"

struct input {
	const uint8_t *at;
	size_t left;
};

uint32_t input_byte(struct input *input);
uint32_t input_u32(struct input *input);
/* Below @n. */
uint32_t input_below(struct input *input, uint32_t n);
/* Up to 255 bytes of the input itself, or one of a few well-known texts. */
struct parley_str input_text(struct input *input);
/* The same, but sometimes long: up to @max bytes. */
struct parley_str input_long(struct input *input, uint32_t max);

enum { FUZZ_LOCKS = 256, FUZZ_LONG = 70000 };

struct fuzz_host {
	uint64_t state; /* of random() */
	uint64_t blocks;
	uint32_t fail_in; /* allocations until one fails; 0: none does */
	bool held[FUZZ_LOCKS];
	uint32_t held_count;
};

void fuzz_host_fill(struct fuzz_host *fuzz, struct parley_host *host);
/* With the profiles "out", which has values, and "all", and one entry, which
 * is that of any Call-ID. */
struct parley *fuzz_engine(const struct parley_host *host, bool replicate);
/* Aborts with the text if the engine is broken. */
void fuzz_check(struct parley *engine);

#endif
