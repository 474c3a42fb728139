/*
 * validate.h - requests that the script does not trust
 *
 * What:    validate_dialog(), fix_route_dialog() and match_dialog().
 * Owns:    nothing.
 * Locking: none.
 * Always:  a request is judged as it was received, whatever the script has done
 *          to it since. One that is refused is not committed (within.h).
 * Why:     who knows Call-ID and tags of a call can send a BYE for it.
 */
#ifndef VALIDATE_H
#define VALIDATE_H

#include "adapter.h"

/* 1; or -1 CSeq, -2 remote target, -3 route set, -4 anything else. */
int op_validate(struct sip_msg *msg);

/* Sends the request where its dialog says. 1 or -1. */
int op_fix_route(struct sip_msg *msg);

/* @mode: of dlg_match_mode. */
int op_match(struct sip_msg *msg, int mode);
/* The mode with the name DID_ONLY, DID_FALLBACK or DID_NONE; below 0: no such.
 */
int match_mode(const str *name);

#endif
