/*
 * cseq.h - numbers of requests that the proxy has raised
 *
 * What:    uac_auth() of the module uac sends a request once more, with
 *          credentials; that needs a number of its own (RFC 3261 22.2). Here
 *          the engine is told, and the requests get marks that say by how much
 *          their numbers are raised: this one, and those that follow it in the
 *          dialog. So is a request of the proxy itself that takes a number of
 *          its own (PARLEY_REQUEST_OWN). Marks are header fields that tm copies
 * into CANCEL and into the ACK of a failure. When a message leaves, cseq_text.h
 * makes the mark come true; when the reply is here, it gives back the number.
 * Owns:    a few bytes of shared memory: the secret that marks carry, and
 *          whether there ever was one.
 * Locking: none.
 * Always:  a message is only read if a request was ever marked since the start:
 *          until then the cost is one load per message. After it a request that
 *          leaves is searched for the text of a mark, and of a reply that comes
 *          the first Via is read. No message is parsed a second time, no dialog
 *          is looked for. (Kamailio itself copies each message that it sends if
 *          anybody wants to see it before.)
 * Why:     the receiver must see numbers that rise (RFC 3261 12.2.2), and each
 *          party its own.
 */
#ifndef CSEQ_H
#define CSEQ_H

#include "adapter.h"

/* mod_init, when the other APIs are bound. 0 or -1. */
int cseq_init(void);
void cseq_fini(void);

/* The script has a function whose requests take a number of their own: to be
 * called by its fixup, before the fork. From then on marks come true. 0 or -1.
 * (track_cseq_updates does the same; so does a script in another language, of
 * which nobody knows what it will call.) */
int cseq_need(void);
/* False, and a log line: nobody has said so in time. */
bool cseq_ready(void);

/* Marks an in-dialog request that was matched, if its numbers are raised. */
void cseq_mark_request(struct sip_msg *msg, const struct parley_match *match);
/* The same when it was committed: since the match the script may have sent a
 * request of ours, which is then before it. */
void cseq_mark_again(struct sip_msg *msg, const struct parley_actions *actions);

/* What was added to the number of a branch of the INVITE. */
uint32_t cseq_added(const struct cell *t, int branch);

#endif
