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

/* Results go into variables, whose names stand in quotes. */

/* name, value, list, number */
int fixup_by_val(void **param, int param_no);
int f_by_val(struct sip_msg *msg, char *name, char *value, char *list,
	     char *count);
/* profile[, value], list, number */
int fixup_get_by_profile3(void **param, int param_no);
int f_get_by_profile3(struct sip_msg *msg, char *profile, char *list,
		      char *count);
int fixup_get_by_profile4(void **param, int param_no);
int f_get_by_profile4(struct sip_msg *msg, char *profile, char *format,
		      char *list, char *count);
/* attr, list, key, value, number */
int fixup_info(void **param, int param_no);
/* NOLINTNEXTLINE(readability-function-size): Kamailio has it so. */
int f_info(struct sip_msg *msg, char *attr, char *list, char *key, char *value,
	   char *count);
/* names, values, callid */
int fixup_vals(void **param, int param_no);
int f_vals(struct sip_msg *msg, char *names, char *values, char *callid);

#endif
