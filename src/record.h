/*
 * record.h - a dialog as bytes, and back
 *
 * What:    what a journal's record says: an image, with the names of sockets,
 *          profiles and timeout routes in place of this run's numbers, and wall
 *          clock in place of times that are left.
 * Owns:    nothing. Reading fills an image whose texts and lists are copies in
 *          the caller's buffer.
 * Locking: writing: the shard's lock of the dialog. Reading: none.
 * Always:  what was written reads back as the same image; any bytes at all are
 *          read without harm. A version is the first byte; those before are
 *          read for ever.
 * Why:     a crash may be followed by a start with another configuration.
 */
#ifndef RECORD_H
#define RECORD_H

#include "dialog.h"

/* Where bytes go. */
struct record_sink {
	void (*write)(void *self, const void *bytes, size_t size);
	void *self;
};

/* How many bytes record_write() will write, and writing them. The lock is held
 * from the one to the other. */
size_t record_bytes(const struct parley *engine, const struct dialog *dialog);
void record_write(const struct parley *engine, const struct dialog *dialog,
		  struct parley_now now, const struct record_sink *sink);
/* Of a dialog that is gone: identity and Call-ID. */
size_t record_gone_bytes(const struct dialog *dialog);
void record_write_gone(const struct dialog *dialog,
		       const struct record_sink *sink);

/* 0; SPACE (*@neededp); ARGUMENT: these bytes are no record. A profile that is
 * not configured any more is left out; a socket that the host has no more is
 * NULL; a timeout route of which it knows no number is 0. Of a dialog that is
 * gone, only id and callid are filled. */
PARLEY_MUST_CHECK int record_read(struct parley *engine, struct parley_now now,
				  struct parley_str bytes,
				  struct parley_image *image, void *buffer,
				  size_t size, size_t *neededp);

#endif
