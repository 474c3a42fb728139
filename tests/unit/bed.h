/*
 * bed.h - a journal in memory, and what a crash would leave of it
 *
 * What:    an area with an open journal, records of few words, and copies of
 *          the area that are opened anew, as after a crash.
 * Owns:    the areas; bed_end() frees them.
 * Always:  a record of identity {0, n} says its version and its length, and the
 *          bytes behind follow from both, so that one that is mixed is seen.
 */
#ifndef BED_H
#define BED_H

#include "journal.h"
#include "support.h"

enum { BED_BYTES = PARLEY_STORE_MIN, BED_IDS = 8, BED_RECORD_MAX = 4096 };

struct bed {
	struct test_host host;
	struct parley_store_config config;
	struct journal journal;
	char *copy; /* as large as the area; after a crash */
};

/* What is known of an identity. */
struct bed_record {
	uint32_t version; /* 0: there is none */
	uint32_t bytes;
	bool gone, known;
};

void bed_begin(struct bed *bed, bool keep_replaced);
void bed_end(struct bed *bed);
void bed_check(struct bed *bed);

/* The three steps, and all in one. @bytes is at least 8. */
bool bed_start(struct bed *bed, struct journal_writer *writer, uint32_t id,
	       struct bed_record what, journal_name old);
void bed_fill(struct journal_writer *writer, struct bed_record what);
journal_name bed_put(struct bed *bed, uint32_t id, struct bed_record what,
		     journal_name old, uint64_t now_ms);
/* A short PUT. */
journal_name bed_one(struct bed *bed, uint32_t id, uint32_t version,
		     journal_name old);
/* Fails the test when the record is not one of bed_put(). */
struct bed_record bed_read(struct journal *journal,
			   const struct journal_record *record);
/* Takes the first; fails the test if it is not this version of @id. */
journal_name bed_take(struct bed *bed, uint32_t id, uint32_t version);
/* Nothing waits. */
void bed_take_none(struct bed *bed);

/* Opens @area, of BED_BYTES, as a start after a crash does, and tells what is
 * there of each identity. Returns how many were torn. */
uint64_t bed_recover(struct bed *bed, void *area,
		     struct bed_record found[BED_IDS]);
/* The same with a copy of the area as it is now. */
uint64_t bed_crash(struct bed *bed, struct bed_record found[BED_IDS]);

#endif
