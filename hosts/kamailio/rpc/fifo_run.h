/*
 * fifo_run.h - a request of the classic FIFO becomes an RPC command
 *
 * What:    runs the module's command of that name with the request's lines as
 *          its parameters; what it adds becomes the text of fifo_reply.h.
 * Owns:    nothing after the call.
 * Locking: none.
 * Why:     Kamailio's RPC interface is made for more than one transport, so the
 *          commands are the same functions.
 */
#ifndef FIFO_RUN_H
#define FIFO_RUN_H

#include "fifo_parse.h"
#include "fifo_reply.h"

/* @reply is complete afterwards, or empty if there was no memory. */
void fifo_run(const struct fifo_request *request, struct fifo_reply *reply);

#endif
