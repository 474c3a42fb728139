/*
 * header_lines.h - are these whole header lines of a SIP message?
 *
 * What:    a check of text that somebody wants in a request of ours.
 * Owns:    nothing.
 * Locking: none.
 * Why:     what comes by RPC goes onto the wire as it is. An empty line would
 *          end the header and begin a body, a lone CR or LF is read in one way
 *          here and in another there (RFC 3261 7.3.1 and 25.1).
 */
#ifndef HEADER_LINES_H
#define HEADER_LINES_H

#include "parley.h"

/* NULL: each line is "Name: value" and ends in CRLF, but for the last one,
 * which may end without. Else a constant text that says what is wrong. */
const char *header_lines_fault(struct parley_str lines);

/* The same for those that a command brings along: at most HEADER_LINES_MAX
 * bytes, so that they fit into a BYE beside what is in each. */
enum { HEADER_LINES_MAX = 4096 };
const char *header_lines_extra_fault(struct parley_str lines);

/* Is it a token (RFC 3261 25.1), such as a method? */
bool header_is_token(struct parley_str text);

/* Is one of the lines a header of this name, in either case? */
bool header_lines_have(struct parley_str lines, const char *name);

/* Does the text end in CRLF? */
bool header_lines_ended(struct parley_str lines);

#endif
