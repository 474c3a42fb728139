/*
 * rpc_profiles.h - RPC commands for profiles and their values
 *
 * What:    profile_get_values, profile_end_dlgs, list_all_profiles, set_profile
 *          and unset_profile, for the table in rpc.c.
 * Owns:    nothing after the command.
 * Locking: none; values and dialogs are taken one at a time, so that no number
 *          of them holds up anybody.
 */
#ifndef RPC_PROFILES_H
#define RPC_PROFILES_H

#include "core/rpc.h"

void rpc_profile_get_values(rpc_t *rpc, void *c);
void rpc_profile_end_dlgs(rpc_t *rpc, void *c);
void rpc_list_all_profiles(rpc_t *rpc, void *c);
void rpc_set_profile(rpc_t *rpc, void *c);
void rpc_unset_profile(rpc_t *rpc, void *c);

#endif
