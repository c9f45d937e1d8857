/* SPDX-License-Identifier: Apache-2.0 */
/* An operation for each function of the public header. */
#include "driver.h"

#include <errno.h>
#include <grp.h>
#include <string.h>
#include <unistd.h>

/* --- stores -------------------------------------------------------------------------------------- */

static tgs_status op_hello(struct request *r) {
    json_object *features = json_object_new_array();
    static const char *const names[] = {"threads", "fork", "become", "raw", "describe"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        json_object_array_add(features, json_object_new_string(names[i]));
    json_object_object_add(r->out, "driver", json_object_new_string("c"));
    json_object_object_add(r->out, "version", json_object_new_int(tgs_version()));
    json_object_object_add(r->out, "features", features);
    return TGS_OK;
}

/* Give up root's rights; after the start, so that the program itself may be anywhere. */
static tgs_status op_become(struct request *r) {
    uint32_t user = (uint32_t)request_int(r, "user", 0);
    if (setgroups(0, NULL) != 0 || setgid(user) != 0 || setuid(user) != 0)
        complain(r, "become", strerror(errno));
    return TGS_OK;
}

static tgs_status op_describe(struct request *r) {
    json_object_object_add(r->out, "records", describe_records());
    return TGS_OK;
}

static tgs_status op_status_name(struct request *r) {
    const char *name = tgs_status_name((tgs_status)request_int(r, "code", 0));
    json_object_object_add(r->out, "name", json_object_new_string(name));
    return TGS_OK;
}

static tgs_status op_record_name(struct request *r) {
    int32_t record = (int32_t)request_int(r, "record", 0);
    const char *name = tgs_record_name(record);
    size_t n = 1, size = 1;
    if (!tgs_record_fields(record, &n, &size) != !name)
        complain(r, "tgs_record_fields", "has another opinion");
    json_object_object_add(r->out, "name", name ? json_object_new_string(name) : NULL);
    return with_count(r, TGS_OK, n + size);
}

static tgs_status op_open(struct request *r) {
    size_t n;
    tgs_option *options = options_from_json(r, &n);
    tgs_store *store = POISON;
    tgs_status status = tgs_store_open(text(r, "url"), argument(r, "options", options), n,
                                       argument(r, "out", &store), call(r), error(r));
    return owned(r, status, STORE, store);
}

/* Free what a handle stands for, or NULL of the kind. */
static tgs_status op_free(struct request *r) {
    if (member(r, "handle"))
        free_handle(json_object_get_int64(member(r, "handle")));
    else
        release((enum kind)request_int(r, "kind", NOTHING), NULL);
    return TGS_OK;
}

static tgs_status op_store_info(struct request *r) {
    static const char *const names[] = {"durable", "shared", "network", "read_only", "backup"};
    const tgs_store *store = handle(r, "store", STORE);
    if (!store) return TGS_OK;
    json_object *capabilities = json_object_new_array();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (tgs_store_capabilities(store) >> i & 1)
            json_object_array_add(capabilities, json_object_new_string(names[i]));
    json_object_object_add(r->out, "backend", json_object_new_string(tgs_store_backend(store)));
    json_object_object_add(r->out, "capabilities", capabilities);
    return TGS_OK;
}

static tgs_status op_sync(struct request *r) {
    return tgs_sync(handle(r, "store", STORE), call(r), error(r));
}

static tgs_status op_ping(struct request *r) {
    return tgs_ping(handle(r, "store", STORE), call(r), error(r));
}

static tgs_status op_backup(struct request *r) {
    return tgs_backup(handle(r, "store", STORE), text(r, "path"), call(r), error(r));
}

static tgs_status op_load_backend(struct request *r) {
    return tgs_backend_load(text(r, "path"), call(r), error(r));
}

static tgs_status op_sessions(struct request *r) {
    tgs_rows *rows = POISON;
    tgs_status status =
        tgs_sessions_list(handle(r, "store", STORE), text(r, "after"), (size_t)request_int(r, "limit", 1000),
                          argument(r, "out", &rows), call(r), error(r));
    return owned_rows(r, status, rows);
}

static tgs_status op_prune(struct request *r) {
    uint64_t removed = 0;
    tgs_status status = tgs_prune(handle(r, "store", STORE), request_int(r, "peer_age_ms", 0),
                                  argument(r, "removed", &removed), call(r), error(r));
    return with_count(r, status, removed);
}

static tgs_status op_stats(struct request *r) {
    tgs_rows *rows = POISON;
    tgs_status status = tgs_stats_get(handle(r, "store", STORE), text(r, "name"), argument(r, "out", &rows),
                                      call(r), error(r));
    return owned_rows(r, status, rows);
}

/* --- sessions -------------------------------------------------------------------------------------- */

static tgs_status op_session(struct request *r) {
    tgs_session *session = POISON;
    tgs_status status =
        tgs_session_new(handle(r, "store", STORE), text(r, "name"), argument(r, "out", &session), error(r));
    return owned(r, status, SESSION, session);
}

static tgs_status op_session_info(struct request *r) {
    const tgs_session *session = handle(r, "session", SESSION);
    if (!session) return TGS_OK;
    json_object_object_add(r->out, "name", text_to_json(tgs_session_name(session)));
    json_object_object_add(r->out, "token", json_object_new_int64(tgs_session_token(session)));
    return TGS_OK;
}

static tgs_status op_purge(struct request *r) {
    uint64_t removed = 0;
    tgs_status status =
        tgs_purge(handle(r, "session", SESSION), argument(r, "removed", &removed), call(r), error(r));
    return with_count(r, status, removed);
}

typedef tgs_status (*write_function)(tgs_session *, int32_t, const void *, size_t, size_t, tgs_result *,
                                     const tgs_call *, tgs_error *);

static tgs_status write_rows(struct request *r, write_function function) {
    size_t n, stride;
    int32_t record = record_from_json(r, member(r, "record"));
    const void *rows = rows_from_json(r, "rows", record, &n, &stride);
    tgs_result *result = results(r, n);
    return with_results(
        r, function(handle(r, "session", SESSION), record, rows, n, stride, result, call(r), error(r)),
        result, n);
}

static tgs_status op_put(struct request *r) { return write_rows(r, tgs_put); }

static tgs_status op_delete(struct request *r) { return write_rows(r, tgs_delete); }

static tgs_status op_get(struct request *r) {
    size_t n, stride;
    int32_t record = record_from_json(r, member(r, "record"));
    const void *keys = rows_from_json(r, "rows", record, &n, &stride);
    tgs_rows *rows = POISON;
    tgs_status status = tgs_get(handle(r, "session", SESSION), record, keys, n, stride,
                                argument(r, "out", &rows), call(r), error(r));
    return owned_rows(r, status, rows);
}

static int32_t choice(struct request *r, const char *name, const char *const *names, int32_t otherwise) {
    json_object *value = member(r, name);
    if (!value) return otherwise;
    if (json_object_is_type(value, json_type_int)) return json_object_get_int(value);
    for (int32_t i = 0; names[i]; i++)
        if (strcmp(names[i], string_of(value)) == 0) return i;
    complain(r, name, string_of(value));
    return 0;
}

static tgs_filter *filter(struct request *r) {
    static const char *const orders[] = {"key", "expires", NULL};
    static const char *const kinds[] = {"user", "chat", "channel", NULL};
    static const char *const states[] = {"ready", "leased", "done", "dead", NULL};
    size_t size = request_size(r, "filter_size", sizeof(tgs_filter));
    tgs_filter *filter = request_alloc(r, size > sizeof *filter ? size : sizeof *filter);
    *filter = (tgs_filter){.size = size,
                           .order = choice(r, "order", orders, TGS_ORDER_KEY),
                           .kind = choice(r, "kind", kinds, TGS_PEER_ANY),
                           .state = choice(r, "state", states, -1),
                           .scope = text(r, "scope")};
    filter->reserved0 = (int32_t)request_int(r, "filter_reserved0", 0);
    filter->reserved[0] = (uint64_t)request_int(r, "filter_reserved", 0);
    return filter;
}

static tgs_status op_list(struct request *r) {
    int32_t record = record_from_json(r, member(r, "record"));
    size_t size = 0;
    tgs_record_fields(record, NULL, &size);
    json_object *given = member(r, "after");
    size_t stride = request_size(r, "stride", given ? size : 0);
    void *after = given ? request_alloc(r, stride > size ? stride : size) : NULL;
    if (after && size) row_from_json(r, record, given, after);
    tgs_rows *rows = POISON;
    tgs_status status =
        tgs_list(handle(r, "session", SESSION), record, after, stride, argument(r, "filter", filter(r)),
                 (size_t)request_int(r, "limit", 1000), argument(r, "out", &rows), call(r), error(r));
    return owned_rows(r, status, rows);
}

static tgs_status op_load(struct request *r) {
    size_t n, stride;
    int32_t record = record_from_json(r, member(r, "record"));
    const void *rows = rows_from_json(r, "rows", record, &n, &stride);
    uint64_t done = 0;
    tgs_status status = tgs_load(handle(r, "session", SESSION), record, rows, n, stride,
                                 argument(r, "done", &done), call(r), error(r));
    return with_count(r, status, done);
}

typedef tgs_status (*look_up_function)(tgs_session *, const tgs_str *, size_t, int64_t, tgs_rows **,
                                       const tgs_call *, tgs_error *);

static tgs_status look_up(struct request *r, look_up_function function) {
    size_t n;
    tgs_str *texts = texts_from_json(r, member(r, "texts"), &n);
    tgs_rows *rows = POISON;
    tgs_status status =
        function(handle(r, "session", SESSION), argument(r, "texts", texts), n,
                 request_int(r, "max_age_ms", 0), argument(r, "out", &rows), call(r), error(r));
    return owned_rows(r, status, rows);
}

static tgs_status op_by_username(struct request *r) { return look_up(r, tgs_peers_by_username); }

static tgs_status op_by_phone(struct request *r) { return look_up(r, tgs_peers_by_phone); }

/* A kept result, read again. */
static tgs_status op_rows(struct request *r) {
    const tgs_rows *rows = handle(r, "rows", ROWS);
    size_t stride = 0;
    if (tgs_rows_count(rows) && !tgs_rows_data(rows, &stride)) complain(r, "tgs_rows_data", "NULL");
    json_object_object_add(r->out, "rows", rows_to_json(rows, member(r, "missing") != NULL));
    json_object_object_add(r->out, "stride", json_object_new_int64((int64_t)stride));
    return TGS_OK;
}

/* tgs_rows_row with an index and a size of the caller's choice. */
static tgs_status op_row(struct request *r) {
    size_t size = request_size(r, "size", 0);
    uint8_t *row = request_alloc(r, size);
    memset(row, 0xee, size);
    tgs_status status = tgs_rows_row(handle(r, "rows", ROWS), (size_t)request_int(r, "index", 0),
                                     argument(r, "row", row), size);
    r->err.code = status; /* this function has no error to fill in */
    json_object_object_add(r->out, "last_byte", json_object_new_int(size ? row[size - 1] : 0));
    return status;
}

/* --- queue, lease ---------------------------------------------------------------------------------- */

static tgs_status op_claim(struct request *r) {
    tgs_rows *rows = POISON;
    tgs_status status = tgs_queue_claim(handle(r, "session", SESSION), text(r, "owner"), text(r, "lane"),
                                        request_int(r, "lease_ms", 60000), (size_t)request_int(r, "limit", 1),
                                        argument(r, "out", &rows), call(r), error(r));
    return owned_rows(r, status, rows);
}

static int32_t action(struct request *r) {
    static const char *const actions[] = {"", "ack", "fail", "release", "extend", "revive", "kill", NULL};
    return choice(r, "action", actions, 0);
}

static tgs_status op_settle(struct request *r) {
    size_t n, stride;
    const void *items = rows_from_json(r, "rows", TGS_RECORD_QUEUE_ITEM, &n, &stride);
    return tgs_queue_settle(handle(r, "session", SESSION), action(r), items, n, stride, call(r), error(r));
}

static tgs_status op_acquire(struct request *r) {
    static const char *const modes[] = {"none", "shared", "exclusive", NULL};
    tgs_session *session = POISON;
    tgs_status status =
        tgs_lease_acquire(handle(r, "session", SESSION), text(r, "owner"),
                          choice(r, "mode", modes, TGS_LEASE_EXCLUSIVE), request_int(r, "ttl_ms", 30000),
                          request_int(r, "wait_ms", 0), argument(r, "out", &session), call(r), error(r));
    if (status == TGS_OK)
        json_object_object_add(r->out, "token", json_object_new_int64(tgs_session_token(session)));
    return owned(r, status, SESSION, session);
}

static tgs_status op_renew(struct request *r) {
    return tgs_lease_renew(handle(r, "session", SESSION), request_int(r, "ttl_ms", 30000), call(r), error(r));
}

static tgs_status op_release(struct request *r) {
    return tgs_lease_release(handle(r, "session", SESSION), call(r), error(r));
}

/* --- batch ----------------------------------------------------------------------------------------- */

static tgs_status op_batch(struct request *r) {
    tgs_batch *batch = POISON;
    tgs_status status = tgs_batch_new(handle(r, "session", SESSION), argument(r, "out", &batch), error(r));
    return owned(r, status, BATCH, batch);
}

typedef tgs_status (*add_function)(tgs_batch *, int32_t, const void *, size_t, size_t, tgs_error *);

static tgs_status add_rows(struct request *r, add_function function) {
    size_t n, stride;
    int32_t record = record_from_json(r, member(r, "record"));
    const void *rows = rows_from_json(r, "rows", record, &n, &stride);
    return function(handle(r, "batch", BATCH), record, rows, n, stride, error(r));
}

static tgs_status op_batch_put(struct request *r) { return add_rows(r, tgs_batch_put); }

static tgs_status op_batch_delete(struct request *r) { return add_rows(r, tgs_batch_delete); }

static tgs_status op_batch_settle(struct request *r) {
    size_t n, stride;
    const void *items = rows_from_json(r, "rows", TGS_RECORD_QUEUE_ITEM, &n, &stride);
    return tgs_batch_settle(handle(r, "batch", BATCH), action(r), items, n, stride, error(r));
}

static tgs_status op_batch_count(struct request *r) {
    return with_count(r, TGS_OK, tgs_batch_count(handle(r, "batch", BATCH)));
}

static tgs_status op_batch_clear(struct request *r) {
    tgs_batch_clear(handle(r, "batch", BATCH));
    return TGS_OK;
}

static tgs_status op_batch_commit(struct request *r) {
    tgs_batch *batch = handle(r, "batch", BATCH);
    size_t n = request_size(r, "n_results", tgs_batch_count(batch));
    tgs_result *result = results(r, n);
    return with_results(r, tgs_batch_commit(batch, result, n, call(r), error(r)), result, n);
}

/* --- calls ----------------------------------------------------------------------------------------- */

static tgs_status op_canceller(struct request *r) {
    tgs_canceller *canceller = POISON;
    tgs_status status = tgs_canceller_new(argument(r, "out", &canceller), error(r));
    return owned(r, status, CANCELLER, canceller);
}

static tgs_status op_cancel(struct request *r) {
    tgs_canceller_cancel(handle(r, "canceller", CANCELLER));
    return TGS_OK;
}

static tgs_status op_reset(struct request *r) {
    tgs_canceller_reset(handle(r, "canceller", CANCELLER));
    return TGS_OK;
}

static tgs_status op_cancelled(struct request *r) {
    return with_count(r, TGS_OK, (uint64_t)tgs_canceller_cancelled(handle(r, "canceller", CANCELLER)));
}

/* --- all of them -------------------------------------------------------------------------------- */

const struct operation operations[] = {
    {"hello", op_hello},
    {"describe", op_describe},
    {"become", op_become},
    {"open", op_open},
    {"free", op_free},
    {"store_info", op_store_info},
    {"sync", op_sync},
    {"ping", op_ping},
    {"backup", op_backup},
    {"load_backend", op_load_backend},
    {"sessions", op_sessions},
    {"prune", op_prune},
    {"stats", op_stats},
    {"session", op_session},
    {"session_info", op_session_info},
    {"purge", op_purge},
    {"put", op_put},
    {"delete", op_delete},
    {"get", op_get},
    {"list", op_list},
    {"load", op_load},
    {"by_username", op_by_username},
    {"by_phone", op_by_phone},
    {"rows", op_rows},
    {"row", op_row},
    {"claim", op_claim},
    {"settle", op_settle},
    {"acquire", op_acquire},
    {"renew", op_renew},
    {"release", op_release},
    {"batch", op_batch},
    {"batch_put", op_batch_put},
    {"batch_delete", op_batch_delete},
    {"batch_settle", op_batch_settle},
    {"batch_count", op_batch_count},
    {"batch_clear", op_batch_clear},
    {"batch_commit", op_batch_commit},
    {"canceller", op_canceller},
    {"cancel", op_cancel},
    {"reset", op_reset},
    {"cancelled", op_cancelled},
    {"snapshot_from_text", snapshot_from_text},
    {"snapshot_from_file", snapshot_from_file},
    {"snapshot_from_session", snapshot_from_session},
    {"snapshot_info", snapshot_info},
    {"snapshot_to_text", snapshot_to_text},
    {"snapshot_to_session", snapshot_to_session},
    {"status_name", op_status_name},
    {"record_name", op_record_name},
    {NULL, NULL},
};
