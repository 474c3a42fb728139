/*
 * ops.h - what script functions, KEMI functions and variables do
 *
 * What:    one function for each thing that a script can ask for, with plain
 *          arguments. functions.c brings them from kamailio.cfg, kemi.c from
 *          Lua or Python, pv.c from assignments.
 * Owns:    nothing; all state is in the engine or in the message's context.
 * Locking: none.
 * Always:  what the script may ask for before the dialog exists is kept in the
 *          context of the message and goes into the dialog when it is made.
 * Why:     the three ways into the module must not differ.
 */
#ifndef OPS_H
#define OPS_H

#include "adapter.h"

/* The functions named op_ return what the script gets: 1 true, below 0 false.
 * A profile value with s NULL is a value that was not given. */

int op_profile_set(struct sip_msg *msg, int profile, struct parley_str value);
/* The same, and no other membership of the call in this profile stays. */
int op_profile_set_only(struct sip_msg *msg, int profile,
			struct parley_str value);
int op_profile_unset(struct sip_msg *msg, int profile, struct parley_str value);
int op_profile_has(struct sip_msg *msg, int profile, struct parley_str value);

/* Puts the number of memberships into @target. */
int op_profile_size(struct sip_msg *msg, int profile, struct parley_str value,
		    pv_spec_t *target);

/* 1 joined or already in, -1 full, -2 anything else. @limit below 0: none was
 * given. */
int op_profile_join(struct sip_msg *msg, int profile, struct parley_str value,
		    long limit);

enum flag_op { FLAG_SET, FLAG_RESET, FLAG_TEST };
int op_flag(struct sip_msg *msg, int index, enum flag_op op);

int op_get(struct sip_msg *msg, const str *callid, const str *tag1,
	   const str *tag2);
int op_is_known(struct sip_msg *msg);

/* @side 0 is no side: false. */
int op_end(struct sip_msg *msg, enum parley_side side, const str *reason);

/* The option of the engine that "ka-src", "ka-dst" or "timeout-noreset" names;
 * 0: none. */
uint32_t op_option(const str *property);
int op_property_set(struct sip_msg *msg, const str *property);
int op_property_reset(struct sip_msg *msg, const str *property);

int op_set_timeout(struct sip_msg *msg, int seconds);
int op_set_timeout_of(struct parley_id id, int seconds);

/* What names a call that is not the current one; ttag may be empty. */
struct op_call {
	str callid, ftag, ttag;
};
/* A variable of it in one of Kamailio's buffers. False: no call, no variable.
 */
bool op_var_of(const struct op_call *call, const str *key, str *value);
int op_get_var(struct sip_msg *msg, const struct op_call *call, const str *key,
	       pv_spec_t *target);
int op_set_var(const struct op_call *call, const str *key, const str *value);

/* Contact and socket of the end that has sent @msg. (others.c) */
int op_update_contact(struct sip_msg *msg);
int op_update_socket(struct sip_msg *msg);

/* Where @msg comes from: DOWNSTREAM from the caller. NONE: it has no dialog. */
enum parley_direction op_direction(struct sip_msg *msg);

/* A new lifetime for all calls of a profile. */
int op_timeout_by_profile(int profile, struct parley_str value, int seconds);

/* The calls of a Call-ID, or all that are missing here, out of the database: by
 * the writer, for which they wait 2 s at the most. */
int op_db_load_callid(struct sip_msg *msg, const str *callid);
int op_db_load_extra(void);

/* Places of other servers' calls. */
struct op_remote {
	str command; /* add or rm */
	str profile, value, uid;
	long expires; /* seconds since 1970; 0: no end */
};
int op_remote(const struct op_remote *remote);

/* caller, callee, all or both in any case; 0 for anything else. */
enum parley_side op_side(const str *name);

/* Variables of the dialog, or of the message as long as there is none. */

/* @value NULL deletes. 0 or PARLEY_E_. */
int var_set(struct sip_msg *msg, const str *key, const str *value);

/* Copies the value; SPACE tells its length in @lenp. */
int var_get(struct sip_msg *msg, const str *key, char *buffer, size_t size,
	    uint32_t *lenp);

#endif
