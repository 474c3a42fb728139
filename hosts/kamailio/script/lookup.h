/*
 * lookup.h - dialogs that the script looks for
 *
 * What:    makes any dialog the current one of a message; tells those that have
 *          a value or are in a profile.
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

/* Where results go: a list of texts, an AVP whose values are replaced, first
 * result first; and a number. */
struct lookup_out {
	pv_spec_t *list;
	pv_spec_t *count;
};

/* Each returns how many dialogs there are that have not ended, or -1 if there
 * is none, and then 0 is the number and the list stays as it was. The list has
 * rpc_list_max of them at the most, in the order of their ids. */

/* get_dialogs_by_val(): JSON of those whose variable @name is @value. */
int op_dialogs_by_val(struct sip_msg *msg, const str *name, const str *value,
		      const struct lookup_out *out);
/* get_dialogs_by_profile(): @value.s NULL is any. */
int op_dialogs_by_profile(struct sip_msg *msg, int profile,
			  struct parley_str value,
			  const struct lookup_out *out);
/* get_dialog_info(): the variable @attr of those whose variable @key is
 * @value; who has none is counted all the same. */
struct lookup_info {
	str attr, key, value;
};
int op_dialog_info(struct sip_msg *msg, const struct lookup_info *info,
		   const struct lookup_out *out);

/* get_dialog_vals(): names and values of all variables of the call with this
 * Call-ID, each into an AVP whose values are replaced. 1, or -1: no call. */
int op_dialog_vals(struct sip_msg *msg, pv_spec_t *names, pv_spec_t *values,
		   const str *callid);

/* What is wrong with a type of load_dialog_ctx(); NULL: nothing. */
const char *lookup_type_fault(const str *type);

#endif
