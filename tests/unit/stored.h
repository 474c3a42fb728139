/*
 * stored.h - a call whose engine has a journal, and crashes
 *
 * What:    an engine on an area of its own. A crash is a second engine on the
 *          same area; the first one is destroyed, which writes nothing.
 * Owns:    the area and the engine.
 * Always:  every invariant holds after each step.
 */
#ifndef STORED_H
#define STORED_H

#include "pair.h"
#include "parley_store.h"

enum { BUFFER = 65536, AREA = PARLEY_STORE_MIN };

struct stored {
	struct test_host own, *host;
	struct call call;
	struct parley_config config;
	char *area;
	/* Of the last record, and of images. */
	_Alignas(max_align_t) char buffer[BUFFER], images[2][BUFFER];
	uint32_t loaded; /* LOADED notes */
};

/* What the host knows; the timeout route "LATE" is number 7. */
char *stored_socket(uint32_t index);
void stored_host(struct test_host *host);

/* @host NULL: one of its own. */
void stored_init(struct stored *f, struct test_host *host);
/* False: no memory, and there is no engine. */
bool stored_begin(struct stored *f);
int stored_setup(void **state);
int stored_teardown(void **state);

/* Imports, delivers. */
int stored_import(struct stored *f, const struct parley_image *image);
/* The next record that was left: 1, 0. */
int stored_next(struct stored *f, uint32_t *cursor, struct parley_record *left);
/* The processes die, others begin. Returns how many records were imported; the
 * call is the last of them. */
uint32_t stored_crash(struct stored *f);
/* The same, and the dialog has to be what it was, with one record, which was
 * not written again. */
void stored_survives(struct stored *f);

struct parley_store_stats stored_stats(struct stored *f);
int stored_take(struct stored *f, struct parley_record *record);
void stored_done(struct stored *f, uint64_t ticket, bool written);
/* A call whose record is long. False: the journal had no room. */
bool stored_fat_call(struct stored *f, uint32_t number);
/* Everything goes into the database; how many records that was. */
uint32_t stored_flush(struct stored *f);

void stored_export(struct stored *f, struct parley_image *image, char *buffer);
void same_text(struct parley_str a, struct parley_str b);
void same_view(const struct parley_view *a, const struct parley_view *b);
int stored_hang_up(struct call *call);

#define STORE(test)                                                            \
	cmocka_unit_test_setup_teardown(test, stored_setup, stored_teardown)

#endif
