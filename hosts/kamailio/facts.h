/*
 * facts.h - what a SIP message says, in the engine's words
 *
 * What:    fills struct parley_event from a struct sip_msg.
 * Owns:    nothing; the texts point into the message, the route set into a
 *          buffer of this process that the next call overwrites.
 * Always:  no allocation: header fields that Kamailio has not parsed yet are
 *          read where they stand and forgotten. An allocation costs 25,000
 *          instructions under the default allocator.
 * Why:     these run for each message of each call.
 */
#ifndef FACTS_H
#define FACTS_H

#include "adapter.h"

/* Call-ID and both tags as they stand in the message; a missing To-tag is
 * empty. False: the message lacks a Call-ID or a From-tag. */
bool facts_call(struct sip_msg *msg, struct parley_event *event);

/* True if the message has a To-tag: it is inside of a dialog. */
bool facts_has_to_tag(struct sip_msg *msg);

/* True if the message is a reply to an INVITE. */
bool facts_answers_invite(struct sip_msg *msg);
/* The same for a request of this method: METHOD_CANCEL. */
bool facts_answers(struct sip_msg *msg, unsigned int method);

/* What PARLEY_EV_INVITE wants beyond facts_call() and `create`. @rr_countp: how
 * many proxies have put a Record-Route in before us. */
void facts_invite(struct sip_msg *msg, struct parley_event *event,
		  unsigned int *rr_countp);

/* Of a reply to the INVITE: To-tag, CSeq, contact, route sets, socket. At the
 * end of its Record-Route values stand @own of ours and then @before of the
 * proxies before us: they are not on the way from here to the callee. With
 * keep_proxy_rr ours go into the route sets all the same. */
void facts_reply(struct sip_msg *rpl, struct parley_event *event,
		 unsigned int before, unsigned int own);

/* Of an in-dialog request: its direction, and the callee's tag, which names the
 * leg and is empty if there is none. False: no such header field. */
bool facts_within(struct sip_msg *msg, bool upstream,
		  struct parley_event *event);

/* CSeq, socket, and the contact if @event's type is one that refreshes the
 * target. */
void facts_request(struct sip_msg *msg, struct parley_event *event);

/* The To-tag; empty if there is none. */
struct parley_str facts_to_tag(struct sip_msg *msg);

/* tm's branch as the engine counts them: from 1, 0 is unknown. */
static inline uint8_t facts_branch(int branch)
{
	return branch < 0 || branch >= PARLEY_BRANCHES_MAX
		       ? 0
		       : (uint8_t)(branch + 1);
}

/* How many Record-Route values of a reply to the INVITE are ours, when @before
 * have been put in by proxies before us. */
unsigned int facts_own_routes(struct sip_msg *rpl, unsigned int before);

/* The URI of a name-addr or addr-spec; empty if it is neither. */
struct parley_str facts_address(struct parley_str value);

/* The number of CSeq, above 2^31-1 if it is larger. */
uint32_t facts_cseq(struct sip_msg *msg);

/* The URI of the first Contact; empty if there is none. */
struct parley_str facts_contact(struct sip_msg *msg);

/* The event of a reply to the INVITE with this code, which is above 100. */
enum parley_event_type facts_reply_type(int code);

/* The event of an in-dialog request with this method. */
enum parley_event_type facts_method(int method);

#endif
