/*
 * functions_lookup.h - script functions that look for dialogs
 *
 * What:    load_dialog_ctx() and its like, for the table in functions.c.
 * Owns:    nothing.
 * Locking: none.
 * Always:  a constant that is wrong is an error at start.
 * Why:     the other functions are about the call in hand.
 */
#ifndef FUNCTIONS_LOOKUP_H
#define FUNCTIONS_LOOKUP_H

#include "fixups.h"

/* name[, type[, active_only]] */
int fixup_load(void **param, int param_no);
int free_load(void **param, int param_no);
int f_load1(struct sip_msg *msg, char *name, char *p2);
int f_load2(struct sip_msg *msg, char *name, char *type);
int f_load3(struct sip_msg *msg, char *name, char *type, char *active);
int f_unload(struct sip_msg *msg, char *p1, char *p2);

#endif
