/*
 * rpc_dump.h - dlg.dump_file: all dialogs into a file
 *
 * What:    appends a line for each dialog, a JSON object with the packaged
 *          module's fields and then the new ones.
 * Owns:    the file and two buffers for as long as the command runs.
 * Locking: none while it writes; dialogs are copied one at a time, so that a
 *          slow disk holds up nobody else.
 * Always:  the file is an ordinary one below dump_dir, whatever the name says
 *          and whatever links lie there.
 * Why:     whoever may send commands may not therefore write into any file of
 *          the server.
 */
#ifndef RPC_DUMP_H
#define RPC_DUMP_H

#include "core/rpc.h"

void rpc_dump_file(rpc_t *rpc, void *c);

#endif
