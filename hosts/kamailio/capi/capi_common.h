/*
 * capi_common.h - what the C APIs for other modules have in common
 *
 * What:    subscriptions that may come before there is an engine, the dialog of
 *          a message that may be nobody's, copies of variables, and the end of
 *          a call.
 * Owns:    a subscription to all dialogs is its maker's, in shared memory, and
 *          stays until the server ends. Copies are the caller's.
 * Locking: none is held while a module is called.
 * Why:     load_dlg() and load_parley() differ in what modules see, not in what
 *          is done.
 */
#ifndef CAPI_COMMON_H
#define CAPI_COMMON_H

#include "adapter.h"

/* A module will ask about calls: tm is asked for all that callbacks may want.
 * Before the fork. */
void capi_want(void);

/* The head of what is subscribed to all dialogs. @function gets the
 * subscription as its param. */
struct capi_subscription {
	struct capi_subscription *next; /* as long as there is no engine */
	uint32_t types;
	parley_subscriber function;
};

/* Modules may be loaded before ours: those who come before the engine are
 * subscribed by capi_subscribe_early(), in their order. 0 or PARLEY_E_; the
 * reason is logged. */
int capi_subscribe(struct capi_subscription *subscription);
int capi_subscribe_early(void);

/* The dialog of a message that may be nobody's: no script, no transaction, only
 * Call-ID and tags. */
bool capi_find(struct sip_msg *msg, struct parley_id *id);

/* A copy in private memory, terminated. 0 or PARLEY_E_; then @copy is empty. */
int capi_copy_var(struct parley_id id, const str *key, str *copy);
/* The same, ours: the eighth next call of this process frees it. NULL: none. */
str *capi_ref_var(struct parley_id id, const str *key);
/* @value NULL deletes; that it was not there is no error. 0 or -1. */
int capi_set_var(struct parley_id id, const str *key, const str *value);

/* What a callback is told, whatever its header calls it. */
struct capi_told {
	struct sip_msg *req, *rpl;
	enum parley_direction dir;
	void *data;
	bool lent; /* req is nobody's: ctx_push() names the dialog for it */
};

/* False: there is nothing that a callback could look at. */
bool capi_told(const struct parley_told *told, struct capi_told *as);

/* Ends the call on all sides. @hdrs and @reason may be NULL or empty; @hdrs
 * must be whole header lines. 0 or PARLEY_E_; what is wrong with @hdrs is
 * logged. */
int capi_end(struct parley_id id, const str *hdrs, const str *reason);

#endif
