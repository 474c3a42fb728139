/*
 * lookup.h - dialogs that the script looks for
 *
 * What:    makes any dialog the current one of a message.
 * Owns:    nothing.
 * Locking: none.
 * Always:  what is wrong with a parameter is one limited log line and false.
 * Why:     kamailio.cfg and KEMI ask for the same; functions_lookup.c and
 *          kemi.c bring it.
 */
#ifndef LOOKUP_H
#define LOOKUP_H

#include "adapter.h"

/* load_dialog_ctx(): @type is callid or did, NULL is callid. -1: no such
 * dialog, or one is loaded already. */
int op_load(struct sip_msg *msg, const str *name, const str *type,
	    bool active_only);
int op_unload(struct sip_msg *msg);

/* What is wrong with a type of load_dialog_ctx(); NULL: nothing. */
const char *lookup_type_fault(const str *type);

#endif
