/*
 * cut.h - power cuts: the disk below the journal's area
 *
 * What:    pages of the area get to the disk at any time; a flush takes some
 *          steps, and all that it found. A cut leaves of each page either what
 *          the disk has or what was about to get there, and of the database
 *          what was committed. It is looked at with a second engine.
 * Owns:    the disk, and what each call was when the last flush began.
 * Always:  with keep_replaced: what lived at the last flush and lives still is
 *          back, no older than it was then, and what had ended by then is not.
 *          Without: what lives and has a row is back. Whatever is found can be
 *          imported, and breaks no invariant.
 */
#ifndef SIM_CUT_H
#define SIM_CUT_H

#include "parley.h"
#include "rand.h"

struct sim;
struct cut;

/* A disk below @area, which is all zero. */
struct cut *cut_make(uint64_t seed, size_t bytes);
void cut_free(struct cut *cut);

/* After each step: pages get there; the current may be cut. */
void cut_step(struct sim *sim);
/* The process that flushes begins or ends one. */
void cut_flush(struct sim *sim);
/* All processes have died, the machine has not. */
void cut_crash(struct sim *sim);
/* A start has given @was the identity @id. */
void cut_renamed(struct sim *sim, struct parley_id was, struct parley_id id);

#endif
