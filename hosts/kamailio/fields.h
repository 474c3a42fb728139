/*
 * fields.h - header fields of SIP messages, read where they stand
 *
 * What:    addresses, their parameters, lists of values, and the lines of a
 *          message that are of interest, out of text that nobody has checked.
 * Owns:    nothing; what comes back points into what was given.
 * Locking: none.
 * Always:  nothing is read at or beyond the end of the text, nothing allocated.
 * Why:     this reads what anybody may send; it knows no server, so that it is
 *          fuzzed by itself.
 */
#ifndef FIELDS_H
#define FIELDS_H

#include "parley.h"

/* Without white space and line ends around it. */
struct parley_str field_trim(struct parley_str text);

/* The value of @name among ;name=value parameters; empty if there is none. */
struct parley_str field_parameter(struct parley_str params, const char *name);

/* True where an addr-spec without <> or a parameter's value ends. */
bool field_ends_value(char c);

/* Splits a name-addr without quotes into URI and what follows it. False: it is
 * of another form. */
bool field_split(struct parley_str body, struct parley_str *uri,
		 struct parley_str *params);

/* Splits at commas outside of <> and quotes, leaves empty values out; returns
 * how many were written, up to @max. */
uint32_t field_values(struct parley_str body, struct parley_str *values,
		      uint32_t max);

/* The begin of the next line that may be a Contact, "m" or Record-Route, or
 * NULL. @at begins a line; an empty line ends the header. */
const char *field_next(const char *at, const char *end);

#endif
