/*
 * reason.h - why a call ends, as it goes onto the wire
 *
 * What:    a reason that a script gives, as a reason phrase (RFC 3261 7.2), as
 *          a quoted string (25.1) and as a Reason header (RFC 3326).
 * Owns:    nothing; all is written into the caller's buffers.
 * Locking: none.
 * Always:  what comes out is one line and fits, whatever goes in: control
 *          characters become spaces, and what is too long is cut, but not in
 *          the middle of a character of UTF-8 or of an escape.
 * Why:     a reason may come from a message. It must not become a second
 *          header, and it must not keep a call from being ended.
 */
#ifndef REASON_H
#define REASON_H

#include <stddef.h>

#include "parley.h"

enum {
	REASON_PHRASE_MAX = 128, /* with its terminating zero */
	REASON_TEXT_MAX = 256,
	REASON_LINE_MAX = REASON_TEXT_MAX + 64,
};

/* Writes @reason with a terminating zero. */
void reason_phrase(struct parley_str reason, char phrase[REASON_PHRASE_MAX]);

/* Writes @reason as what stands between the quotes of a quoted string, without
 * them; returns it. */
struct parley_str reason_text(struct parley_str reason,
			      char text[REASON_TEXT_MAX]);

/* Writes "Reason: SIP;cause=<code>;text="<reason>"" with its CRLF; returns it.
 * Empty if @reason is. */
struct parley_str reason_line(int code, struct parley_str reason,
			      char line[REASON_LINE_MAX]);

#endif
