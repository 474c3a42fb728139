/*
 * fifo_send.h - answers on their way into the FIFOs of those who asked
 *
 * What:    opens <mi_fifo_reply_dir>/<name>, which must be a FIFO, as soon as
 *          somebody reads there, and writes as he reads.
 * Owns:    up to FIFO_SEND_MAX answers, each for a minute at most.
 * Locking: none; one process sends.
 * Time:    who does not come within 2 s, or does not go on reading for 5 s,
 *          gets nothing more; that is logged, with a limit.
 * Always:  nobody waits here: a reader that is slow delays his own answers
 *          only, and, when there are FIFO_SEND_MAX of his kind, new requests.
 */
#ifndef FIFO_SEND_H
#define FIFO_SEND_H

#include <poll.h>

#include "fifo_reply.h"

enum { FIFO_SEND_MAX = 8 };

/* Is there room for another one? */
bool fifo_send_has_room(void);

/* Takes @reply over, for the FIFO @name, which is a plain name. */
void fifo_send(struct parley_str name, struct fifo_reply *reply);

/* What poll() is to wait for; returns how many, at most FIFO_SEND_MAX. */
unsigned int fifo_send_polled(struct pollfd *fds);
/* How long it may, in ms. */
int fifo_send_wait_ms(void);

/* Goes on with all that can go on. */
void fifo_send_go_on(void);

#endif
