/* SPDX-License-Identifier: Apache-2.0 */
/* Checking of what callers give, by the table of records. */
#ifndef CAPI_CHECK_H
#define CAPI_CHECK_H

#include "records.h"

/* Room for a row of any record that a session stores. */
union stored_row {
    struct row_head head;
    tgs_session_data session;
    tgs_dc_auth dc_auth;
    tgs_peer peer;
    tgs_update_state update_state;
    tgs_dedup dedup;
    tgs_queue_item queue_item;
    tgs_conversation conversation;
    tgs_kv kv;
};

/* An array of a caller's rows. */
struct input {
    const struct record *record;
    int32_t number; /* TGS_RECORD_* */
    const char *rows;
    size_t count;
    size_t stride;
    size_t first; /* number of the first row, for errors */
};

/* A stored record, an array that is there, a stride that fits, at most `max` rows. */
tgs_status check_input(struct input *input, int32_t record, const void *rows, size_t count, size_t stride,
                       size_t max, tgs_error *err);

/* Copy row i of the input, checked to be well formed, into `row`, which may have no more room
 * than the record's struct takes: shallow, with fields and nulls in their plain form (no read-only bits,
 * NULL texts as nulls).  `flags`: the TGS_ROW_* it may carry. */
tgs_status check_row(const struct input *input, size_t i, uint32_t flags, union stored_row *row,
                     tgs_error *err);

/* The same for a key: only key members and flags count, all others are cleared.
 * `any_kind`: peers may have TGS_PEER_ANY. */
tgs_status check_key(const struct input *input, size_t i, uint32_t flags, bool any_kind,
                     union stored_row *row, tgs_error *err);

/* A text argument: UTF-8 without NUL, up to `max` bytes.  `name` is for the message. */
tgs_status check_text(tgs_str text, size_t max, const char *name, tgs_error *err);

/* Rows of one page or claim: 1 to TGS_MAX_ROWS. */
tgs_status check_limit(size_t limit, tgs_error *err);

/* Are all `size` bytes zero? */
bool all_zero(const void *memory, size_t size);

#endif
