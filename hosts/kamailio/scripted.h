/*
 * scripted.h - calls are followed without tm
 *
 * What:    with dlg_mode=1 no callback of tm is used. The state of a call
 *          comes from the replies that the proxy sends (Kamailio's event for
 *          them) and from dlg_update_state(), which a script calls with the
 *          message in hand. In-dialog requests are found by loose_route() or
 *          dlg_manage() as always.
 *          With dlg_mode=0 that is done for calls that rang when the processes
 *          ended, and have come back without their transactions.
 * Owns:    which reply was told last, in each process; until when calls of
 *          before may ring, in shared memory.
 * Locking: none.
 * Always:  a message is told to the engine once.
 * Why:     proxies that relay without transactions, forward(), have calls too.
 */
#ifndef SCRIPTED_H
#define SCRIPTED_H

#include "adapter.h"

/* mod_init. 0 or -1. */
int scripted_init(void);

/* The request route ends, and @id was made from @msg: how many Record-Routes
 * are not on the way to the callee is known now. */
void scripted_created(struct sip_msg *msg, struct parley_id id);

/* A dialog was read from the database or the journal. If it rings, tm has no
 * transaction for it: it follows the replies that the core passes on. */
void scripted_loaded(const struct parley_image *image);
/* Whether it may be one of those. */
bool scripted_is_orphan(struct parley_id id);

/* An event has changed a dialog. */
void scripted_changed(const struct parley_actions *actions);

/* dlg_update_state(): 1, or -1 without a dialog or when the message means
 * nothing in its state. With dlg_mode 0 it changes nothing. */
int scripted_update(struct sip_msg *msg);

#endif
