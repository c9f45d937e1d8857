/* SPDX-License-Identifier: Apache-2.0 */
/* Reads requests, calls the function each of them names, and writes replies.  Knows the public header only. */
#include "driver.h"

#include <errno.h>
#include <grp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_HANDLES 65536

enum kind { NOTHING, STORE, SESSION, BATCH, CANCELLER, ROWS, SNAPSHOT };

static struct {
    enum kind kind;
    void *object;
} handles[MAX_HANDLES];
static int n_handles;
static int n_running; /* requests on threads of their own */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* guards the three above */
static pthread_cond_t idle = PTHREAD_COND_INITIALIZER;
static pthread_mutex_t output = PTHREAD_MUTEX_INITIALIZER;

/* What an owned output holds before a call that must overwrite it. */
static char poison;
#define POISON ((void *)&poison)

/* --- arguments ---------------------------------------------------------------------------------- */

static json_object *member(const struct request *r, const char *name) {
    json_object *value = NULL;
    json_object_object_get_ex(r->in, name, &value);
    return value;
}

static tgs_str text(struct request *r, const char *name) { return text_from_json(r, member(r, name)); }

/* The pointer, or NULL where the request wants to see what NULL does. */
static void *argument(const struct request *r, const char *name, void *pointer) {
    return request_nulls(r, name) ? NULL : pointer;
}

static void *handle(struct request *r, const char *name, enum kind kind) {
    json_object *value = member(r, name);
    if (!value) return NULL;
    int64_t i = json_object_get_int64(value);
    void *object = NULL;
    pthread_mutex_lock(&mutex);
    if (i >= 0 && i < n_handles && handles[i].kind == kind) object = handles[i].object;
    pthread_mutex_unlock(&mutex);
    if (!object) complain(r, "no such handle", name);
    return object;
}

static void new_handle(struct request *r, enum kind kind, void *object) {
    pthread_mutex_lock(&mutex);
    if (n_handles == MAX_HANDLES) abort();
    handles[n_handles].kind = kind;
    handles[n_handles].object = object;
    json_object_object_add(r->out, "handle", json_object_new_int(n_handles++));
    pthread_mutex_unlock(&mutex);
}

static const tgs_call *call(struct request *r) {
    if (!member(r, "timeout_ms") && !member(r, "cancel") && !member(r, "call_size") && !member(r, "call_reserved"))
        return NULL;
    r->call = (tgs_call){.size = (size_t)request_int(r, "call_size", sizeof(tgs_call)),
                         .timeout_ms = request_int(r, "timeout_ms", 0),
                         .cancel = handle(r, "cancel", CANCELLER)};
    r->call.reserved[0] = (uint64_t)request_int(r, "call_reserved", 0);
    return &r->call;
}

static tgs_error *error(struct request *r) { return argument(r, "err", &r->err); }

/* --- outputs ------------------------------------------------------------------------------------ */

static tgs_status owned(struct request *r, tgs_status status, enum kind kind, void *object) {
    if (status == TGS_OK) new_handle(r, kind, object);
    else if (object && !request_nulls(r, "out")) complain(r, "owned output is not NULL", tgs_status_name(status));
    return status;
}

static tgs_status owned_rows(struct request *r, tgs_status status, tgs_rows *rows) {
    json_object *keep = member(r, "keep");
    if (status != TGS_OK || (keep && json_object_get_boolean(keep))) return owned(r, status, ROWS, rows);
    json_object_object_add(r->out, "rows", rows_to_json(rows, false));
    json_object_object_add(r->out, "more", json_object_new_boolean(tgs_rows_more(rows)));
    tgs_rows_free(rows);
    return status;
}

static tgs_result *results(struct request *r, size_t n) {
    return argument(r, "results", request_alloc(r, n * sizeof(tgs_result)));
}

static tgs_status with_results(struct request *r, tgs_status status, const tgs_result *result, size_t n) {
    if (status != TGS_OK || !result) return status;
    json_object *list = json_object_new_array();
    for (size_t i = 0; i < n; i++) {
        json_object *object = json_object_new_object(), *notes = json_object_new_array();
        if (result[i].notes & TGS_NOTE_NEW) json_object_array_add(notes, json_object_new_string("new"));
        if (result[i].notes & TGS_NOTE_LOWER) json_object_array_add(notes, json_object_new_string("lower"));
        json_object_object_add(object, "applied", json_object_new_boolean(result[i].applied));
        json_object_object_add(object, "notes", notes);
        json_object_object_add(object, "version", json_object_new_int64(result[i].version));
        json_object_array_add(list, object);
    }
    json_object_object_add(r->out, "results", list);
    return status;
}

static tgs_status with_count(struct request *r, tgs_status status, uint64_t count) {
    json_object_object_add(r->out, "count", json_object_new_uint64(count));
    return status;
}

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
    if (setgroups(0, NULL) != 0 || setgid(user) != 0 || setuid(user) != 0) complain(r, "become", strerror(errno));
    return TGS_OK;
}

static tgs_status op_describe(struct request *r) {
    json_object_object_add(r->out, "records", describe_records());
    return TGS_OK;
}

static tgs_status op_open(struct request *r) {
    json_object *given = member(r, "options");
    size_t n = given ? (size_t)json_object_object_length(given) : 0, i = 0;
    tgs_option *options = request_alloc(r, n * sizeof *options);
    if (given) {
        json_object_object_foreach(given, key, value) {
            json_object *name = json_object_new_string(key);
            options[i].key = text_from_json(r, name);
            options[i++].value = text_from_json(r, value);
            json_object_put(name);
        }
    }
    tgs_store *store = POISON;
    tgs_status status = tgs_store_open(text(r, "url"), argument(r, "options", options), n, argument(r, "out", &store),
                                       call(r), error(r));
    return owned(r, status, STORE, store);
}

static void release(enum kind kind, void *object) {
    switch (kind) {
    case STORE: tgs_store_close(object); break;
    case SESSION: tgs_session_free(object); break;
    case BATCH: tgs_batch_free(object); break;
    case CANCELLER: tgs_canceller_free(object); break;
    case ROWS: tgs_rows_free(object); break;
    case SNAPSHOT: tgs_snapshot_free(object); break;
    case NOTHING: break;
    }
}

/* Free what a handle stands for, or NULL of the kind. */
static tgs_status op_free(struct request *r) {
    json_object *value = member(r, "handle");
    if (!value) {
        release((enum kind)request_int(r, "kind", NOTHING), NULL);
        return TGS_OK;
    }
    int64_t i = json_object_get_int64(value);
    enum kind kind = NOTHING;
    void *object = NULL;
    pthread_mutex_lock(&mutex);
    if (i >= 0 && i < n_handles) {
        kind = handles[i].kind;
        object = handles[i].object;
        handles[i].kind = NOTHING;
    }
    pthread_mutex_unlock(&mutex);
    release(kind, object);
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

static tgs_status op_sync(struct request *r) { return tgs_sync(handle(r, "store", STORE), call(r), error(r)); }

static tgs_status op_ping(struct request *r) { return tgs_ping(handle(r, "store", STORE), call(r), error(r)); }

static tgs_status op_backup(struct request *r) {
    return tgs_backup(handle(r, "store", STORE), text(r, "path"), call(r), error(r));
}

static tgs_status op_load_backend(struct request *r) {
    return tgs_backend_load(text(r, "path"), call(r), error(r));
}

static tgs_status op_sessions(struct request *r) {
    tgs_rows *rows = POISON;
    tgs_status status = tgs_sessions_list(handle(r, "store", STORE), text(r, "after"),
                                          (size_t)request_int(r, "limit", 1000), argument(r, "out", &rows), call(r),
                                          error(r));
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
    tgs_status status = tgs_stats_get(handle(r, "store", STORE), text(r, "name"), argument(r, "out", &rows), call(r),
                                      error(r));
    return owned_rows(r, status, rows);
}

/* --- sessions -------------------------------------------------------------------------------------- */

static tgs_status op_session(struct request *r) {
    tgs_session *session = POISON;
    tgs_status status = tgs_session_new(handle(r, "store", STORE), text(r, "name"), argument(r, "out", &session),
                                        error(r));
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
    tgs_status status = tgs_purge(handle(r, "session", SESSION), argument(r, "removed", &removed), call(r), error(r));
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
        r, function(handle(r, "session", SESSION), record, rows, n, stride, result, call(r), error(r)), result, n);
}

static tgs_status op_put(struct request *r) { return write_rows(r, tgs_put); }

static tgs_status op_delete(struct request *r) { return write_rows(r, tgs_delete); }

static tgs_status op_get(struct request *r) {
    size_t n, stride;
    int32_t record = record_from_json(r, member(r, "record"));
    const void *keys = rows_from_json(r, "rows", record, &n, &stride);
    tgs_rows *rows = POISON;
    tgs_status status = tgs_get(handle(r, "session", SESSION), record, keys, n, stride, argument(r, "out", &rows),
                                call(r), error(r));
    return owned_rows(r, status, rows);
}

static int32_t choice(struct request *r, const char *name, const char *const *names, int32_t otherwise) {
    json_object *value = member(r, name);
    if (!value) return otherwise;
    if (json_object_is_type(value, json_type_int)) return json_object_get_int(value);
    for (int32_t i = 0; names[i]; i++)
        if (strcmp(names[i], json_object_get_string(value)) == 0) return i;
    complain(r, name, json_object_get_string(value));
    return 0;
}

static tgs_filter filter(struct request *r) {
    static const char *const orders[] = {"key", "expires", NULL};
    static const char *const kinds[] = {"user", "chat", "channel", NULL};
    static const char *const states[] = {"ready", "leased", "done", "dead", NULL};
    tgs_filter filter = {.size = (size_t)request_int(r, "filter_size", sizeof filter),
                         .order = choice(r, "order", orders, TGS_ORDER_KEY),
                         .kind = choice(r, "kind", kinds, TGS_PEER_ANY),
                         .state = choice(r, "state", states, -1),
                         .scope = text(r, "scope")};
    filter.reserved0 = (int32_t)request_int(r, "filter_reserved0", 0);
    filter.reserved[0] = (uint64_t)request_int(r, "filter_reserved", 0);
    return filter;
}

static tgs_status op_list(struct request *r) {
    int32_t record = record_from_json(r, member(r, "record"));
    size_t size = 0;
    tgs_record_fields(record, NULL, &size);
    void *after = member(r, "after") ? request_alloc(r, size) : NULL;
    if (after) row_from_json(r, record, member(r, "after"), after);
    tgs_filter chosen = filter(r);
    tgs_rows *rows = POISON;
    tgs_status status = tgs_list(handle(r, "session", SESSION), record, after,
                                 (size_t)request_int(r, "stride", after ? (int64_t)size : 0),
                                 argument(r, "filter", &chosen), (size_t)request_int(r, "limit", 1000),
                                 argument(r, "out", &rows), call(r), error(r));
    return owned_rows(r, status, rows);
}

static tgs_status op_load(struct request *r) {
    size_t n, stride;
    int32_t record = record_from_json(r, member(r, "record"));
    const void *rows = rows_from_json(r, "rows", record, &n, &stride);
    uint64_t done = 0;
    tgs_status status = tgs_load(handle(r, "session", SESSION), record, rows, n, stride, argument(r, "done", &done),
                                 call(r), error(r));
    return with_count(r, status, done);
}

typedef tgs_status (*look_up_function)(tgs_session *, const tgs_str *, size_t, int64_t, tgs_rows **, const tgs_call *,
                                       tgs_error *);

static tgs_status look_up(struct request *r, look_up_function function) {
    size_t n;
    tgs_str *texts = texts_from_json(r, member(r, "texts"), &n);
    tgs_rows *rows = POISON;
    tgs_status status = function(handle(r, "session", SESSION), argument(r, "texts", texts), n,
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
    size_t size = (size_t)request_int(r, "size", 0);
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
    tgs_status status = tgs_lease_acquire(handle(r, "session", SESSION), text(r, "owner"),
                                          choice(r, "mode", modes, TGS_LEASE_EXCLUSIVE),
                                          request_int(r, "ttl_ms", 30000), request_int(r, "wait_ms", 0),
                                          argument(r, "out", &session), call(r), error(r));
    if (status == TGS_OK) json_object_object_add(r->out, "token", json_object_new_int64(tgs_session_token(session)));
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
    size_t n = (size_t)request_int(r, "n_results", (int64_t)tgs_batch_count(batch));
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

/* --- requests --------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    tgs_status (*run)(struct request *);
} operations[] = {
    {"hello", op_hello},           {"describe", op_describe},
    {"become", op_become},
    {"open", op_open},             {"free", op_free},
    {"store_info", op_store_info}, {"sync", op_sync},
    {"ping", op_ping},             {"backup", op_backup},
    {"load_backend", op_load_backend}, {"sessions", op_sessions},
    {"prune", op_prune},           {"stats", op_stats},
    {"session", op_session},       {"session_info", op_session_info},
    {"purge", op_purge},           {"put", op_put},
    {"delete", op_delete},         {"get", op_get},
    {"list", op_list},             {"load", op_load},
    {"by_username", op_by_username}, {"by_phone", op_by_phone},
    {"rows", op_rows},             {"row", op_row},
    {"claim", op_claim},           {"settle", op_settle},
    {"acquire", op_acquire},       {"renew", op_renew},
    {"release", op_release},       {"batch", op_batch},
    {"batch_put", op_batch_put},   {"batch_delete", op_batch_delete},
    {"batch_settle", op_batch_settle}, {"batch_count", op_batch_count},
    {"batch_clear", op_batch_clear}, {"batch_commit", op_batch_commit},
    {"canceller", op_canceller},   {"cancel", op_cancel},
    {"reset", op_reset},           {"cancelled", op_cancelled},
};

static json_object *error_to_json(const char *code, const tgs_error *err) {
    static const char *const outcomes[] = {"not_applied", "unknown", "not_durable"};
    json_object *object = json_object_new_object();
    json_object_object_add(object, "code", json_object_new_string(code));
    json_object_object_add(object, "retryable", json_object_new_boolean(err->retryable));
    json_object_object_add(object, "outcome", json_object_new_string(err->outcome < 3 ? outcomes[err->outcome] : "?"));
    json_object_object_add(object, "index", json_object_new_int64(err->index));
    json_object_object_add(object, "backend", json_object_new_string(err->backend));
    json_object_object_add(object, "native", json_object_new_string(err->native));
    json_object_object_add(object, "message", json_object_new_string(err->message));
    return object;
}

/* Rules that hold for every function, checked at every call. */
static void check_error(struct request *r, tgs_status status) {
    const tgs_error *err = &r->err;
    if (request_nulls(r, "err")) {
        memset(&r->err, 0, sizeof r->err);
        r->err.index = -1;
        return;
    }
    if (!memchr(err->message, 0, sizeof err->message) || !memchr(err->native, 0, sizeof err->native) ||
        !memchr(err->backend, 0, sizeof err->backend)) {
        complain(r, "a text of the error is not terminated", "err");
        return;
    }
    if (err->code != status) complain(r, "err->code is not the status", tgs_status_name(status));
    if (strchr(err->message, '\n')) complain(r, "the message has more than one line", err->message);
    if (status == TGS_OK && err->message[0]) complain(r, "TGS_OK with a message", err->message);
    if (status == TGS_NOT_FOUND && err->message[0]) complain(r, "TGS_NOT_FOUND with a message", err->message);
    if (status < 0 && !err->message[0]) complain(r, "a failure without a message", tgs_status_name(status));
    if (err->reserved[0] || err->reserved[1]) complain(r, "err->reserved is not zero", tgs_status_name(status));
}

static bool takes_error(const char *name) {
    static const char *const without[] = {"hello",      "describe",    "become",    "free",        "store_info", "session_info", "rows",
                                          "row",        "batch_count", "batch_clear", "cancel",     "reset",
                                          "cancelled"};
    for (size_t i = 0; i < sizeof without / sizeof *without; i++)
        if (strcmp(without[i], name) == 0) return false;
    return true;
}

static tgs_status run(struct request *r) {
    const char *name = json_object_get_string(member(r, "op"));
    for (size_t i = 0; name && i < sizeof operations / sizeof *operations; i++) {
        if (strcmp(operations[i].name, name) != 0) continue;
        bool fills = takes_error(name);
        memset(&r->err, fills ? 0xcc : 0, sizeof r->err); /* "cleared on entry" */
        tgs_status status = operations[i].run(r);
        if (fills && !r->complaint[0]) check_error(r, status);
        return status;
    }
    complain(r, "no such operation", name ? name : "(none)");
    return TGS_OK;
}

static void reply(const struct request *r, json_object *out) {
    json_object_object_add(out, "id", json_object_get(member(r, "id")));
    size_t len;
    const char *line = json_object_to_json_string_length(out, JSON_C_TO_STRING_PLAIN, &len);
    pthread_mutex_lock(&output);
    fwrite(line, 1, len, stdout);
    fputc('\n', stdout);
    fflush(stdout);
    pthread_mutex_unlock(&output);
}

static void serve(json_object *in) {
    struct request r = {.in = in, .out = json_object_new_object()};
    tgs_status status = run(&r);
    if (r.complaint[0]) {
        tgs_error err = {.code = TGS_E_BACKEND, .index = -1};
        snprintf(err.message, sizeof err.message, "%s", r.complaint);
        json_object_object_add(r.out, "error", error_to_json("driver", &err));
    } else if (status != TGS_OK) {
        json_object_object_add(r.out, "error", error_to_json(tgs_status_name(status), &r.err));
    }
    reply(&r, r.out);
    request_free_memory(&r);
    json_object_put(r.out);
    json_object_put(in);
}

static void *serve_on_thread(void *in) {
    serve(in);
    pthread_mutex_lock(&mutex);
    n_running--;
    pthread_cond_signal(&idle);
    pthread_mutex_unlock(&mutex);
    return NULL;
}

static void serve_async(json_object *in) {
    pthread_t thread;
    pthread_mutex_lock(&mutex);
    n_running++;
    pthread_mutex_unlock(&mutex);
    if (pthread_create(&thread, NULL, serve_on_thread, in) != 0) abort();
    pthread_detach(thread);
}

/* The child answers; the parent tells if it could not. */
static void serve_in_child(json_object *in) {
    pid_t child = fork();
    if (child == 0) {
        serve(in);
        _exit(0);
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        struct request r = {.in = in, .out = json_object_new_object()};
        tgs_error err = {.index = -1, .message = "the forked child died"};
        json_object_object_add(r.out, "error", error_to_json("driver", &err));
        reply(&r, r.out);
        json_object_put(r.out);
    }
    json_object_put(in);
}

static bool wants(json_object *in, const char *name) {
    json_object *value = NULL;
    return json_object_object_get_ex(in, name, &value) && json_object_get_boolean(value);
}

int main(void) {
    char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, stdin) > 0) {
        json_object *in = json_tokener_parse(line);
        if (!in) {
            fputs("conformance driver: a line that is not JSON\n", stderr);
            return 2;
        }
        if (wants(in, "fork")) serve_in_child(in);
        else if (wants(in, "async")) serve_async(in);
        else serve(in);
    }
    free(line);
    pthread_mutex_lock(&mutex);
    while (n_running) pthread_cond_wait(&idle, &mutex);
    pthread_mutex_unlock(&mutex);
    for (int i = 0; i < n_handles; i++) release(handles[i].kind, handles[i].object);
    return 0;
}
