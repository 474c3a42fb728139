/*
 * fifo.h - the classic FIFO for management commands
 *
 * What:    with mi_fifo set, the process "dialog fifo" reads requests there,
 *          runs them and answers into the FIFO that each names.
 * Owns:    the file mi_fifo, from the start to the end of the server.
 * Locking: none; commands run one after the other.
 * Time:    a request whose end does not come within 3 s is dropped.
 * Always:  whatever is written there, SIP workers do not notice, and the next
 *          request is understood (fifo_parse.h).
 * Why:     scripts from the time before RPC write such lines.
 */
#ifndef FIFO_H
#define FIFO_H

#include "adapter.h"

/* mod_init: makes the file. 0 or -1. */
int fifo_init(void);
/* Removes the file if it is still the one that was made. */
void fifo_fini(void);

void fifo_loop(void); /* the process; does not return (procs.c) */

static inline bool fifo_is_wanted(void)
{
	return adapter.set.mi_fifo.len > 0;
}

#endif
