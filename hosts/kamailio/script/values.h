/*
 * values.h - flags and typed values of a dialog under the names of OpenSIPS
 *
 * What:    what store_dlg_value(), $dlg_val(name), set_dlg_flag() and their
 * like do, for kamailio.cfg, KEMI and assignments. Owns:    nothing. A value is
 * the variable of the same name (ops.h), that is, text. That it was given as a
 * number is kept in a variable of our own beside it, which holds the same
 * digits: who sets the variable by another way makes a text of it. Locking:
 * none. Always:  without a dialog only the request that can make one is written
 * to. Why:     OpenSIPS has numbers, and its functions are false where
 * Kamailio's keep what is set for a dialog that may never come.
 */
#ifndef VALUES_H
#define VALUES_H

#include "ops.h"

/* @value NULL or $null deletes. 0, or PARLEY_E_ after a line that begins with
 * @who. */
int value_set(struct sip_msg *msg, const char *who, const str *name,
	      const pv_value_t *value);
/* Text, and number if it was given as one, in one of Kamailio's buffers. 0, or
 * PARLEY_E_; ABSENT and NO_DIALOG without a line. */
int value_get(struct sip_msg *msg, const char *who, const str *name,
	      pv_value_t *value);

/* 1 or -1. */
int value_store(struct sip_msg *msg, const str *name, const pv_value_t *value);
int value_fetch(struct sip_msg *msg, const str *name, pv_spec_t *target);

/* set_dlg_flag() and so on: 1 or -1. */
int value_flag(struct sip_msg *msg, int flag, enum flag_op op);
/* 1 if the flag was @old; it is the opposite now. */
int value_flag_flip(struct sip_msg *msg, int flag, int old);
/* All of them; 0 or -1. */
int value_flags_set(struct sip_msg *msg, uint32_t flags);

#endif
