/*
 * late.h - requests for calls that are still being read from the database
 *
 * What:    while rows are loaded behind the back of the SIP workers, an
 *          in-dialog request for a call that is not there yet is relayed
 *          untouched; what it says (BYE, ACK, CSeq, target refresh) is kept
 *          here, and fed when the dialog comes.
 * Owns:    shared memory, bounded; given back when the load is over.
 * Locking: a lock of its own, a leaf.
 * Always:  without a load under way nothing is kept, and asking costs one load.
 *          A dialog that comes while its request is being kept gets it.
 */
#ifndef LATE_H
#define LATE_H

#include "adapter.h"

int late_init(void);
void late_fini(void);
/* A load is under way. */
bool late_is_on(void);
/* From now on requests are kept; before the fork, or by the loader. */
void late_begin(void);
/* The request that parley_match() did not find, and that the script has not
 * refused. Of @event the type and what facts_request() says. */
void late_keep(const struct parley_event *event, struct parley_str callid,
	       struct parley_str from_tag, struct parley_str to_tag);
/* The dialog has come: feeds what was kept for it, in the order it came. @run
 * carries out what that leads to. */
void late_apply(struct parley_str callid,
		void (*run)(const struct parley_actions *actions));
/* What is left is of calls that nobody knows. */
void late_end(void);

#endif
