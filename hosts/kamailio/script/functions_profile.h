/*
 * functions_profile.h - script functions for many calls of a profile at once
 *
 * What:    dlg_set_timeout_by_profile() and dlg_remote_profile(), for the table
 *          in functions.c.
 * Owns:    nothing.
 * Locking: none.
 * Always:  a script that the packaged module starts with starts here, too.
 * Why:     the other functions are about the call in hand.
 */
#ifndef FUNCTIONS_PROFILE_H
#define FUNCTIONS_PROFILE_H

#include "fixups.h"

/* profile, seconds */
int fixup_by_profile2(void **param, int param_no);
int f_timeout_by_profile2(struct sip_msg *msg, char *profile, char *seconds);
/* profile, value, seconds */
int fixup_by_profile3(void **param, int param_no);
int f_timeout_by_profile3(struct sip_msg *msg, char *profile, char *format,
			  char *seconds);

/* command, profile, value, uid, expires */
int fixup_remote(void **param, int param_no);
/* NOLINTNEXTLINE(readability-function-size): Kamailio has it so. */
int f_remote(struct sip_msg *msg, char *command, char *profile, char *value,
	     char *who, char *expires);

#endif
