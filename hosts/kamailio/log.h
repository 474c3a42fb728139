/*
 * log.h - who writes to the log, and lines that a stranger can provoke
 *
 * What:    each line begins with the name under which the module was loaded.
 *          At most ten lines a second for one cause, whichever process writes
 *          them; then one line that says how many were left out. (host.c)
 * Owns:    nothing; the counts are in shared memory, and belong to host.c.
 * Locking: none, the counts are atomics.
 * Why:     whoever sends messages, or a script that runs for each of them,
 *          must not be able to fill the disk.
 */
#ifndef LOG_H
#define LOG_H

#include "core/dprint.h"

/* Kamailio's macros begin each line with this; its own is a constant, and we
 * have three names. */
#undef LOC_INFO
#define LOC_INFO log_place(__FILE__ ":" CT2STR(__LINE__))

/* "name [place]: ", until the next call. */
const char *log_place(const char *place);

enum log_cause {
	LOG_CAUSE_ENGINE,
	LOG_CAUSE_MEMORY,  /* a call is relayed untracked */
	LOG_CAUSE_MESSAGE, /* a message that cannot be understood */
	LOG_CAUSE_COOKIE,  /* forged, foreign, cut off */
	LOG_CAUSE_UNKNOWN, /* in-dialog requests for unknown dialogs */
	LOG_CAUSE_SEND,	   /* a request of ours could not be sent */
	LOG_CAUSE_END,	   /* a call could not be ended */
	LOG_CAUSE_QUEUE,
	LOG_CAUSE_PROFILE,
	LOG_CAUSE_SCRIPT,
	LOG_CAUSE_PV,
	LOG_CAUSE_RPC,
	LOG_CAUSE_MODULE, /* one that has called load_dlg() */
	LOG_CAUSE_DMQ,	  /* what other nodes say */
	LOG_CAUSE_DB,	  /* the database: connections, statements, rows */
	LOG_CAUSES
};
/* @level is Kamailio's L_ERR, L_WARN, ...; the text ends in a line end. */
void log_limited(enum log_cause cause, int level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Writes the counts of what was left out; the timer process calls it. */
void log_flush(void);

#endif
