/*
 * pair.h - two engines, "a" and "b", as two nodes
 *
 * What:    what one has changed is exported and imported by the other.
 * Owns:    two calls (call.h); pair_end() ends both.
 * Always:  every invariant holds after each import.
 */
#ifndef PAIR_H
#define PAIR_H

#include "call.h"

enum { IMAGE_BYTES = 8192 };

struct told {
	uint32_t loaded, early, answered, confirmed, ended, failed, expired;
	uint32_t within, replied;
};

struct side {
	struct call call;
	const char *name;
	struct told told;
};

struct pair {
	struct test_host *host;
	struct side a, b;
};

/* False: no memory. @number is config.node. */
bool side_begin(struct side *node, struct test_host *host, const char *name,
		uint16_t number);
bool pair_begin(struct pair *pair, struct test_host *host);
void pair_end(struct pair *pair);
int pair_setup(void **state);
int pair_teardown(void **state);
/* Imports, delivers, checks every invariant. */
int side_take(struct side *to, const struct parley_image *image);
/* The image as @to will read it; texts are in @buffer, of IMAGE_BYTES. */
int side_export(struct side *from, struct side *to, struct parley_id id,
		struct parley_image *image, char *buffer);
/* Carries over all that has changed; the last result, 1: nothing. */
int sides_sync(struct side *from, struct side *to);
/* Until nobody has anything to say. */
void pair_settle(struct pair *pair);
void side_look(struct side *node, struct parley_view *view, char *buffer);
/* A call of "a" that is up on both. */
void pair_up(struct pair *pair);
/* Takes over the call of @owner. */
int side_adopt(struct side *node, const char *owner);
void assert_text(struct parley_str got, const char *want);

#define PAIR(test)                                                             \
	cmocka_unit_test_setup_teardown(test, pair_setup, pair_teardown)

#endif
