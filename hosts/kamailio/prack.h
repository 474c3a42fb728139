/*
 * prack.h - reliable provisional replies (RFC 3262) to an initial INVITE
 *
 * What:    reads what they say, and with auto-prack acknowledges them in the
 *          caller's name: the PRACK goes to the callee that the reply is from,
 *          and the caller gets the reply as one that needs none.
 * Owns:    nothing.
 * Locking: none. The PRACK is sent before tm takes the reply's lock.
 * Always:  one PRACK for each number of each callee, however often the reply
 *          comes and whoever has it (parley_prack_take()). A call without
 *          auto-prack does not pay for it.
 * Why:     a caller that knows nothing of RFC 3262 must not be the end of a
 *          call whose callee insists on it.
 */
#ifndef PRACK_H
#define PRACK_H

#include "adapter.h"

/* The INVITE @msg began @id, which has PARLEY_OPT_AUTO_PRACK: from now on the
 * replies are looked at. */
void prack_watch(struct sip_msg *msg, struct parley_id id);

/* NULL: the message is a 101 to 199 to an INVITE with this RSeq, from 1 on.
 * Else a constant text that says why it is none. */
const char *prack_rseq(struct sip_msg *msg, uint32_t *rseq);

/* "RAck: ..." as one whole line. */
enum { PRACK_LINE_MAX = 48 };
str prack_line(uint32_t rseq, uint32_t cseq, char line[PRACK_LINE_MAX]);

#endif
