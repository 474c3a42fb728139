/*
 * rpc_db.h - RPC commands for the database
 *
 * What:    dlg.db_stats, dlg.db_flush, dlg.db_adopt, dlg.db_load_callid and
 *          dlg.db_load_extra, for the table in rpc.c.
 * Owns:    nothing.
 * Locking: none. db_flush waits for nothing; those that load wait 2 s at most.
 * Why:     rpc.c has the commands that count and end.
 */
#ifndef RPC_DB_H
#define RPC_DB_H

#include "core/rpc.h"

void rpc_db_stats(rpc_t *rpc, void *c);
void rpc_db_flush(rpc_t *rpc, void *c);
void rpc_db_adopt(rpc_t *rpc, void *c);
void rpc_db_load_callid(rpc_t *rpc, void *c);
void rpc_db_load_extra(rpc_t *rpc, void *c);

#endif
