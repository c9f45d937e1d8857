/* SPDX-License-Identifier: Apache-2.0 */
/* What writers of session strings and files share. */
#ifndef FORMATS_SESSION_OPTIONS_H
#define FORMATS_SESSION_OPTIONS_H

#include "records.h"
#include "snapshot.h"

/* The snapshot's own record, with the caller's options where it lacks a value. */
tgs_status session_with_options(const tgs_snapshot *snapshot, const tgs_option *options, size_t n_options,
                                tgs_session_data *session, tgs_error *err);

/* The data center's address as 4 or 16 bytes, and a port: the session's own, or else the well-known
 * ones, which are set in the session. */
tgs_status session_numeric_address(tgs_session_data *session, uint8_t bytes[16], size_t *size,
                                   tgs_error *err);

/* A member of the session's record by its bit; NULL if there is none. */
const tgs_field *session_field(uint64_t bit);
/* The value of a member that is a number. */
int64_t session_number(const tgs_session_data *session, const tgs_field *field);
void session_set_number(tgs_session_data *session, const tgs_field *field, int64_t value);

#endif
