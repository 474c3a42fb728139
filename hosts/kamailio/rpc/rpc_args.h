/*
 * rpc_args.h - parameters of RPC commands
 *
 * What:    reads parameters one after the other, checks them, and answers with
 *          a fault that says what is wrong.
 * Owns:    nothing; a text is valid until the command returns.
 * Locking: none.
 * Always:  a number may be written as a number or as text, whatever the
 *          transport: kamcmd takes digits for a number, JSON knows both.
 * Why:     the transports differ in what their scan functions check; a wrong
 *          type is 0 in one and a fault in the other.
 */
#ifndef RPC_ARGS_H
#define RPC_ARGS_H

#include "core/rpc.h"
#include "core/ut.h"

#include "adapter.h"

enum rpc_arg {
	RPC_ARG_BAD = -1, /* a fault was sent */
	RPC_ARG_NONE = 0, /* there are no more parameters */
	RPC_ARG_GIVEN = 1,
};

/* A number that JSON made into text stands in a buffer that the next one
 * overwrites, so short texts are kept here. */
struct rpc_text {
	str s;
	char kept[INT2STR_MAX_LEN];
};

enum rpc_arg rpc_text_next(rpc_t *rpc, void *c, struct rpc_text *text);

/* Digits only, up to 2^31 - 1: the largest that every transport can carry. */
bool rpc_digits(const str *text, uint32_t *number);

/* @name is for the fault. */
enum rpc_arg rpc_number_next(rpc_t *rpc, void *c, const char *name,
			     uint32_t *number);

/* True if there is none; else a fault was sent. */
bool rpc_no_more(rpc_t *rpc, void *c);

/* Call-ID and two tags, in the order of the call or the other. */
struct rpc_call {
	struct rpc_text callid, tag1, tag2;
};
/* False: there are not three. */
bool rpc_call_next(rpc_t *rpc, void *c, struct rpc_call *call);
bool rpc_call_find(const struct rpc_call *call, struct parley_match *match);

/* limit, or limit h_entry h_id, or nothing: limit 0 and the start. */
struct rpc_page {
	uint32_t limit;
	struct parley_id after;
};
bool rpc_page_next(rpc_t *rpc, void *c, struct rpc_page *page);

/* profile [value], and nothing after them. */
struct rpc_profile {
	int profile;
	struct parley_str value; /* s NULL: any */
	struct rpc_text text;	 /* where it may lie */
};
bool rpc_profile_next(rpc_t *rpc, void *c, struct rpc_profile *which);
/* The same, and something may come after them. */
bool rpc_profile_first(rpc_t *rpc, void *c, struct rpc_profile *which);

#endif
