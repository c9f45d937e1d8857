/* SPDX-License-Identifier: Apache-2.0 */
/* Claiming from the queue; settling is a write like others (batch.c). */
#include "error.h"
#include "store.h"

static tgs_status check_claim(tgs_str owner, tgs_str lane, int64_t lease_ms, size_t limit, tgs_error *err) {
    if (lease_ms <= 0) return error_set(err, TGS_E_INVALID, "lease_ms must be positive");
    tgs_status status = check_limit(limit, err);
    if (status == TGS_OK) status = check_text(owner, TGS_MAX_KEY_BYTES, "owner", err);
    if (status == TGS_OK && lane.ptr) status = check_text(lane, TGS_MAX_KEY_BYTES, "lane", err);
    return status;
}

TGS_API tgs_status tgs_queue_claim(tgs_session *session, tgs_str owner, tgs_str lane, int64_t lease_ms,
                                   size_t limit, tgs_rows **out, const tgs_call *call, tgs_error *err) {
    if (out) *out = NULL;
    struct entry entry;
    tgs_status status = entry_begin(&entry, session ? session->store : NULL, call, err);
    if (status != TGS_OK) return status;
    status = out ? check_claim(owner, lane, lease_ms, limit, entry.err)
                 : error_set(entry.err, TGS_E_INVALID, "out is NULL");
    tgs_sink sink = {.budget = TGS_MAX_BATCH_BYTES};
    if (status == TGS_OK && !(sink.rows = rows_new(TGS_RECORD_QUEUE_ITEM, limit < 64 ? limit : 64)))
        status = error_nomem(entry.err);
    if (status == TGS_OK) {
        tgs_op op = {.tag = TGS_OP_CLAIM,
                     .record = TGS_RECORD_QUEUE_ITEM,
                     .owner = owner,
                     .lane = lane,
                     .ttl_ms = lease_ms,
                     .limit = limit,
                     .done_ttl_ms = session->store->lifetimes.done_ttl_ms,
                     .dead_ttl_ms = session->store->lifetimes.dead_ttl_ms};
        status = store_write_one(&entry, session, &op, &sink);
    }
    if (status == TGS_OK)
        *out = sink.rows;
    else
        tgs_rows_free(sink.rows);
    entry_leave(&entry);
    return status;
}
