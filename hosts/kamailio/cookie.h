/*
 * cookie.h - how a dialog is named in Record-Route
 *
 * What:    ";did=464.4cd2": h_entry and h_id, both in hex with the lowest digit
 *          first, as the stock module writes them, so that calls survive a
 *          change of modules in both directions.
 * Owns:    nothing.
 * Locking: none.
 * Why:     whoever sends a request can write what he likes into its Route; this
 *          file knows no server and is fuzzed by itself.
 */
#ifndef COOKIE_H
#define COOKIE_H

#include "parley.h"

enum { COOKIE_MAX = 2 * 8 + 1 };

/* Writes the value, not terminated; returns its length. */
uint32_t cookie_print(struct parley_id id, char buffer[COOKIE_MAX]);

/* True if the value is one that cookie_print() could have written, letters in
 * either case; entry may still be beyond PARLEY_HASH_SIZE_MAX. */
bool cookie_parse(struct parley_str value, struct parley_id *id);

#endif
