/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots out of a store and into one, by public functions only. */
#include <stdio.h>
#include <string.h>

#include "error.h"
#include "rows.h"
#include "snapshot.h"

/* The call's limits cover the whole operation, so each step gets what is left of them. */
struct steps {
    tgs_call call;
    const tgs_call *caller; /* nullable */
    int64_t started_ns;
};

static void steps_begin(struct steps *steps, const tgs_call *call) {
    *steps = (struct steps){.caller = call, .started_ns = monotonic_ns()};
}

/* The call for the next step; NULL if the caller gave none. */
static const tgs_call *next_step(struct steps *steps) {
    if (!steps->caller || steps->caller->size < sizeof steps->call || steps->caller->timeout_ms <= 0)
        return steps->caller;
    int64_t left = steps->caller->timeout_ms - (monotonic_ns() - steps->started_ns) / 1000000;
    steps->call = *steps->caller;
    steps->call.size = sizeof steps->call;
    steps->call.timeout_ms = left > 0 ? left : 1;
    return &steps->call;
}

static tgs_status append_all(tgs_rows *to, const tgs_rows *page, tgs_error *err) {
    size_t stride;
    const char *data = tgs_rows_data(page, &stride);
    tgs_status status = TGS_OK;
    for (size_t i = 0; i < tgs_rows_count(page) && status == TGS_OK; i++)
        status = rows_append(to, data + i * stride, err);
    return status;
}

static tgs_status read_all(tgs_session *session, int32_t record, tgs_rows *to, struct steps *steps,
                           tgs_error *err) {
    tgs_rows *page = NULL;
    const void *after = NULL;
    size_t stride = 0;
    tgs_status status;
    bool more;
    do {
        tgs_rows *next = NULL;
        status = tgs_list(session, record, after, stride, NULL, TGS_MAX_ROWS, &next, next_step(steps), err);
        tgs_rows_free(page);
        page = next;
        if (status == TGS_OK) status = append_all(to, page, err);
        more = status == TGS_OK && tgs_rows_more(page) && tgs_rows_count(page);
        if (more) after = (const char *)tgs_rows_data(page, &stride) + (tgs_rows_count(page) - 1) * stride;
    } while (more);
    tgs_rows_free(page);
    return status;
}

static tgs_status read_own_record(tgs_session *session, tgs_rows *to, struct steps *steps, tgs_error *err) {
    tgs_session_data key = {0};
    tgs_rows *found = NULL;
    tgs_status status =
        tgs_get(session, TGS_RECORD_SESSION, &key, 1, sizeof key, &found, next_step(steps), err);
    if (status == TGS_OK) {
        tgs_rows_row(found, 0, &key, sizeof key);
        status = key.flags & TGS_ROW_FOUND ? rows_append(to, &key, err)
                                           : error_set_native(err, TGS_NOT_FOUND, NULL, NULL);
    }
    tgs_rows_free(found);
    return status;
}

TGS_API tgs_status tgs_snapshot_from_session(tgs_session *session, int32_t peers, tgs_snapshot **out,
                                             const tgs_call *call, tgs_error *err) {
    error_clear(err);
    if (!out) return error_set(err, TGS_E_INVALID, "out is NULL");
    *out = NULL;
    if (!session) return error_set(err, TGS_E_INVALID, "session is NULL");
    if (peers != 0 && peers != 1) return error_set(err, TGS_E_INVALID, "peers must be 0 or 1");
    struct steps steps;
    steps_begin(&steps, call);
    tgs_snapshot *snapshot;
    tgs_status status = snapshot_new("store", &snapshot, err);
    if (status != TGS_OK) return status;
    snprintf(snapshot->description, sizeof snapshot->description, "session of a store");
    status = read_own_record(session, snapshot->rows[TGS_RECORD_SESSION], &steps, err);
    const int32_t rest[] = {TGS_RECORD_DC_AUTH, TGS_RECORD_KV, TGS_RECORD_PEER, TGS_RECORD_UPDATE_STATE};
    for (size_t i = 0; i < (peers ? 4u : 2u) && status == TGS_OK; i++)
        status = read_all(session, rest[i], snapshot->rows[rest[i]], &steps, err);
    if (status == TGS_OK)
        *out = snapshot;
    else
        tgs_snapshot_free(snapshot);
    return status;
}

static tgs_status add_all(tgs_batch *batch, const tgs_rows *rows, tgs_error *err) {
    size_t stride;
    const void *data = tgs_rows_data(rows, &stride);
    return tgs_batch_put(batch, tgs_rows_record(rows), data, tgs_rows_count(rows), stride, err);
}

/* The account's own record, auth keys and kv.  `kv_left`: there is too much kv for one
 * step; it has to be loaded afterwards. */
static tgs_status fill_batch(const tgs_snapshot *snapshot, uint32_t flags, tgs_batch *batch, bool *kv_left,
                             tgs_error *err) {
    tgs_session_data own;
    tgs_status status = tgs_rows_row(snapshot->rows[TGS_RECORD_SESSION], 0, &own, sizeof own);
    own.flags = flags;
    if (status == TGS_OK) status = tgs_batch_put(batch, TGS_RECORD_SESSION, &own, 1, sizeof own, err);
    if (status == TGS_OK) status = add_all(batch, snapshot->rows[TGS_RECORD_DC_AUTH], err);
    if (status != TGS_OK) return status;
    status = add_all(batch, snapshot->rows[TGS_RECORD_KV], err);
    *kv_left = status == TGS_E_TOO_LARGE;
    if (*kv_left) {
        error_clear(err);
        status = TGS_OK;
    }
    return status;
}

static tgs_status store_own(const tgs_snapshot *snapshot, tgs_session *session, uint32_t flags, bool *kv_left,
                            uint64_t *done, struct steps *steps, tgs_error *err) {
    tgs_batch *batch = NULL;
    tgs_status status = tgs_batch_new(session, &batch, err);
    if (status == TGS_OK) status = fill_batch(snapshot, flags, batch, kv_left, err);
    size_t count = tgs_batch_count(batch);
    if (status == TGS_OK) status = tgs_batch_commit(batch, NULL, 0, next_step(steps), err);
    if (status == TGS_OK) *done += count;
    tgs_batch_free(batch);
    return status;
}

static tgs_status load_rest(const tgs_rows *rows, tgs_session *session, uint64_t *done, struct steps *steps,
                            tgs_error *err) {
    size_t stride;
    const void *data = tgs_rows_data(rows, &stride);
    uint64_t loaded = 0;
    if (!tgs_rows_count(rows)) return TGS_OK;
    tgs_status status = tgs_load(session, tgs_rows_record(rows), data, tgs_rows_count(rows), stride, &loaded,
                                 next_step(steps), err);
    *done += loaded;
    return status;
}

static tgs_status store_all(const tgs_snapshot *snapshot, tgs_session *session, uint32_t flags,
                            uint64_t *done, const tgs_call *call, tgs_error *err) {
    struct steps steps;
    steps_begin(&steps, call);
    bool kv_left = false;
    tgs_status status = store_own(snapshot, session, flags, &kv_left, done, &steps, err);
    if (status == TGS_OK && kv_left)
        status = load_rest(snapshot->rows[TGS_RECORD_KV], session, done, &steps, err);
    if (status == TGS_OK) status = load_rest(snapshot->rows[TGS_RECORD_PEER], session, done, &steps, err);
    if (status == TGS_OK)
        status = load_rest(snapshot->rows[TGS_RECORD_UPDATE_STATE], session, done, &steps, err);
    return status;
}

TGS_API tgs_status tgs_snapshot_to_session(const tgs_snapshot *snapshot, tgs_session *session, uint32_t flags,
                                           uint64_t *done, const tgs_call *call, tgs_error *err) {
    uint64_t stored = 0;
    error_clear(err);
    if (!snapshot || !session)
        return error_set(err, TGS_E_INVALID, "%s is NULL", snapshot ? "session" : "snapshot");
    if (flags & ~(uint32_t)TGS_ROW_REPLACE_ACCOUNT)
        return error_set(err, TGS_E_INVALID, "flags must be 0 or TGS_ROW_REPLACE_ACCOUNT");
    tgs_status status = store_all(snapshot, session, flags, &stored, call, err);
    if (done) *done = stored;
    return status;
}
