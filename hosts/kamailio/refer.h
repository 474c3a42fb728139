/*
 * refer.h - the header lines of a REFER (RFC 3515, RFC 3892)
 *
 * What:    reads an address that a script or an operator gives, and writes the
 *          lines that send somebody there.
 * Owns:    nothing.
 * Locking: none.
 * Why:     dlg_refer() and dlg_bridge() send the same REFER, in a dialog of
 *          others and in one of our own.
 */
#ifndef REFER_H
#define REFER_H

#include "adapter.h"

/* The URI in an address that is a URI or "name" <URI>. False: it is neither, or
 * has bytes that could end a header line. */
bool refer_uri(const str *address, str *uri);

/* Writes Referred-By (bridge_controller), Refer-To and Contact (bridge_contact)
 * for an address that refer_uri() knows. False: too long. */
bool refer_lines(const str *address, char *buffer, size_t size, str *lines);

#endif
