/*
 * functions_create.h - create_dialog()
 *
 * What:    makes the dialog of an initial INVITE, as dlg_manage() does, with
 *          what OpenSIPS' function can be told in one text: whether its end is
 *          told by BYE, keep-alives, races, PRACK.
 * Owns:    nothing.
 * Locking: none.
 * Always:  unlike dlg_manage() it never looks for the dialog of a request
 *          within one.
 * Why:     scripts for OpenSIPS begin calls with it.
 */
#ifndef FUNCTIONS_CREATE_H
#define FUNCTIONS_CREATE_H

#include "adapter.h"

int fixup_create(void **param, int param_no);
int f_create0(struct sip_msg *msg, char *p1, char *p2);
int f_create1(struct sip_msg *msg, char *flags, char *p2);

/* 1, or -1. @flags NULL: none were given. */
int op_create(struct sip_msg *msg, const str *flags);

#endif
