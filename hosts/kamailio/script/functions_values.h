/*
 * functions_values.h - script functions for flags and values of a dialog
 *
 * What:    set_dlg_flag(), reset_dlg_flag(), is_dlg_flag_set(),
 *          test_and_set_dlg_flag(), store_dlg_value(), fetch_dlg_value(), for
 *          the table in functions.c.
 * Owns:    nothing.
 * Always:  what is fixed in the script and wrong stops the start.
 * Why:     the rules behind them are in values.h.
 */
#ifndef FUNCTIONS_VALUES_H
#define FUNCTIONS_VALUES_H

#include "fixups.h"

/* flag */
int fixup_dlg_flag(void **param, int param_no);
int f_dlg_flag_set(struct sip_msg *msg, char *flag, char *p2);
int f_dlg_flag_reset(struct sip_msg *msg, char *flag, char *p2);
int f_dlg_flag_is_set(struct sip_msg *msg, char *flag, char *p2);
/* flag, 0 or 1 */
int fixup_flag_flip(void **param, int param_no);
int f_flag_flip(struct sip_msg *msg, char *flag, char *old);

/* name, value */
int fixup_store(void **param, int param_no);
int f_store(struct sip_msg *msg, char *name, char *value);
/* name, variable */
int fixup_fetch(void **param, int param_no);
int f_fetch(struct sip_msg *msg, char *name, char *target);

#endif
