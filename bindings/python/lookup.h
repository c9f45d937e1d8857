/* SPDX-License-Identifier: Apache-2.0 */
/* What a client asks for with nearly every message, straight from arguments to object: one row by its key,
 * one peer by its name.  The same as the library's functions of many rows, without handles in between. */
#ifndef LOOKUP_H
#define LOOKUP_H

#include <Python.h>

/* For the module, ended by a zeroed one:
 *
 *     get_one(session, timeout_ms, cancel, record, *key)      a record, or None if there is none; the key
 *                                                             is a record object, or its key members
 *     peer_by_username(session, timeout_ms, cancel, username, max_age_ms)
 *     peer_by_phone(session, timeout_ms, cancel, phone, max_age_ms)
 *     record_of(rows)                                         TGS_RECORD_* of all the rows of a list or
 *                                                             tuple; 0 if they are of several, or none */
extern PyMethodDef lookup_functions[];

#endif
