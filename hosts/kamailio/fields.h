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

/* True if one of the values is @name, in either case. */
bool field_has(struct parley_str body, const char *name);

/* The values that are not @name, with commas between them, in @out, which has
 * room for body.len. Returns their length. */
uint32_t field_without(struct parley_str body, const char *name, char *out);

/* A decimal number of 32 bits and nothing else. */
bool field_number(struct parley_str digits, uint32_t *number);

enum field_name { FIELD_NONE, FIELD_CONTACT, FIELD_RECORD_ROUTE };

/* Finds the next Contact ("m") or Record-Route from @at on, the begin of a
 * line. Its value, lines that go on included (RFC 3261 7.3.1), has no white
 * space around it; *nextp is the begin of the line behind. FIELD_NONE: there is
 * none before the empty line that ends the header, or before @end. */
enum field_name field_next(const char *at, const char *end,
			   struct parley_str *value, const char **nextp);

#endif
