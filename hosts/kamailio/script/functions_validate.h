/*
 * functions_validate.h - script functions for requests that are not trusted
 *
 * What:    validate_dialog(), fix_route_dialog() and match_dialog(), for the
 *          table in functions.c.
 * Owns:    nothing.
 * Locking: none.
 * Always:  an unknown mode is an error at start.
 * Why:     the other functions take a request for what it says it is.
 */
#ifndef FUNCTIONS_VALIDATE_H
#define FUNCTIONS_VALIDATE_H

#include "fixups.h"

/* It has no parameters: that it stands in the script is what counts. */
int fixup_validate(void **param, int param_no);
int f_validate(struct sip_msg *msg, char *p1, char *p2);
int f_fix_route(struct sip_msg *msg, char *p1, char *p2);

/* [mode] */
int fixup_match(void **param, int param_no);
int f_match0(struct sip_msg *msg, char *p1, char *p2);
int f_match1(struct sip_msg *msg, char *mode, char *p2);

#endif
