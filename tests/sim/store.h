/*
 * store.h - crashes: a journal, a database, and a start from both
 *
 * What:    the journal's area is plain memory, the database a list of images,
 *          the writer takes a step now and then: it takes records, and commits
 *          some of those, or fails, or nobody knows. Between any two steps the
 *          processes may die: either to look only at what would come back (a
 *          second engine on copies), or in earnest, and the world goes on.
 * Owns:    area, rows, and the second engine's memory.
 * Always:  what comes back is what the model knows: every call that lives, and
 *          none that has ended.
 */
#ifndef SIM_STORE_H
#define SIM_STORE_H

#include "host.h"
#include "parley_store.h"
#include "rand.h"

struct sim;
struct model;
struct cut;

enum { ROWS_MAX = 128, TAKEN_MAX = 8, ROW_BYTES = 1 << 16 };

struct row {
	bool used;
	uint64_t at_ms;		  /* times that are left count from here */
	uint64_t ticket, crashes; /* of its record; how many had been before */
	struct parley_image image;
	char *buffer; /* which the image points into */
};

/* A record on its way into the database. */
struct taken {
	struct parley_record record;
	struct row row;
};

struct store {
	bool on;
	bool keep; /* keep_replaced */
	uint32_t look_permille, crash_permille;
	struct rng rng; /* of its own: a world without is the same */
	char *area;
	struct row row[ROWS_MAX];
	struct taken taken[TAKEN_MAX];
	uint32_t taken_count;
	/* Of a look. */
	bool looking;
	char *copy;
	struct host host;
	struct model *model;
	/* What imports have asked for. */
	struct parley_actions *actions;
	uint32_t actions_count;
	struct cut *cut;
	uint64_t looks, crashes, cuts;
};

/* Whether this world has one, drawn from its seed. */
void store_plan(struct sim *sim);
/* On the engine that was just made. */
void store_open(struct sim *sim);
/* The writer does something; the processes may die. */
void store_step(struct sim *sim);
/* What would come back, perhaps. */
void store_look_sometimes(struct sim *sim);
/* @see a second engine, which is sim->engine meanwhile, on @area. */
void store_look_at(struct sim *sim, char *area, void (*see)(struct sim *sim));
/* No call is left: the database and the journal are empty in the end. */
void store_end(struct sim *sim);
void store_fini(struct store *store);

/* reload.c: brings everything into the engine, which has just been made on what
 * a crash has left, and compares it with the model. */
void reload(struct sim *sim);

#endif
