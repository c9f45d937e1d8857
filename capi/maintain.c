/* SPDX-License-Identifier: Apache-2.0 */
/* Removing many rows in small steps: prune and purge. */
#include "error.h"
#include "store.h"

#define STEP_ROWS 1000 /* so that other writers get in between */

/* Repeat the operation until it says that nothing is left. */
static tgs_status repeat(struct entry *entry, const tgs_session *session, const tgs_op *op,
                         uint64_t *removed) {
    for (;;) {
        tgs_sink sink = {0};
        /* A purge deletes auth keys, and those must not come back. */
        tgs_status status = store_write(entry, session, op, 1, op->tag == TGS_OP_PURGE, &sink);
        if (status != TGS_OK) return status;
        if (removed) *removed += (uint64_t)sink.last.version;
        if (sink.last.applied) return TGS_OK;
        status = limits_check(&entry->limits.backend);
        if (status != TGS_OK)
            return error_set(entry->err, status,
                             "stopped midway; what was removed is gone, call again for the rest");
    }
}

TGS_API tgs_status tgs_prune(tgs_store *store, int64_t peer_age_ms, uint64_t *removed, const tgs_call *call,
                             tgs_error *err) {
    if (removed) *removed = 0;
    struct entry entry;
    tgs_status status = entry_begin(&entry, store, call, err);
    if (status != TGS_OK) return status;
    tgs_op op = {.tag = TGS_OP_PRUNE, .ttl_ms = peer_age_ms, .limit = STEP_ROWS};
    status = peer_age_ms < 0 ? error_set(entry.err, TGS_E_INVALID, "peer_age_ms must not be negative")
                             : repeat(&entry, NULL, &op, removed);
    entry_leave(&entry);
    return status;
}

TGS_API tgs_status tgs_purge(tgs_session *session, uint64_t *removed, const tgs_call *call, tgs_error *err) {
    if (removed) *removed = 0;
    struct entry entry;
    tgs_status status = entry_begin(&entry, session ? session->store : NULL, call, err);
    if (status != TGS_OK) return status;
    tgs_op op = {.tag = TGS_OP_PURGE, .limit = STEP_ROWS};
    status = repeat(&entry, session, &op, removed);
    entry_leave(&entry);
    return status;
}
