/* SPDX-License-Identifier: Apache-2.0 */
/* What writers of session strings and files share. */
#ifndef FORMATS_SESSION_OPTIONS_H
#define FORMATS_SESSION_OPTIONS_H

#include "snapshot.h"

/* The snapshot's own record, with the caller's options where it lacks a value. */
tgs_status session_with_options(const tgs_snapshot *snapshot, const tgs_option *options, size_t n_options,
                                tgs_session_data *session, tgs_error *err);

/* The data center's address as bytes of `family` 4 or 6, and a port: the session's own, or
 * else the well-known ones, which are set in the session. */
tgs_status session_numeric_address(tgs_session_data *session, uint8_t bytes[16], int *family, tgs_error *err);

#endif
