/* SPDX-License-Identifier: Apache-2.0 */
#include "store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "allocator.h"
#include "error.h"
#include "modules.h"
#include "url.h"

/* These are macros for static analysers. */
#undef entry_begin
#undef store_check

#define DEFAULT_TIMEOUT_MS 10000
#define DAY_MS INT64_C(86400000)

TGS_API int32_t tgs_version(void) { return TGS_VERSION; }

/* --- fork -------------------------------------------------------------------------------- */

static unsigned forks; /* written only in a child, before it has threads */

static void count_fork(void) { forks++; }

static void watch_forks(void) { pthread_atfork(NULL, NULL, count_fork); }

/* --- options ------------------------------------------------------------------------------ */

static tgs_status take_number(struct url *url, const char *key, int64_t least, int64_t *value,
                              tgs_error *err) {
    tgs_str text;
    if (!url_take_option(url, key, &text)) return TGS_OK;
    char *end;
    long long number = strtoll(text.ptr, &end, 10);
    /* strtoll skips spaces and saturates; neither is a number that anybody meant */
    if (!text.len || *end || (text.ptr[0] != '-' && (text.ptr[0] < '0' || text.ptr[0] > '9')) ||
        number < least || number == INT64_MAX)
        return error_set(err, TGS_E_INVALID, "%s=%.32s is not a number of milliseconds", key, text.ptr);
    *value = number;
    return TGS_OK;
}

static tgs_status take_options(tgs_store *store, struct url *url, tgs_error *err) {
    const struct {
        const char *key;
        int64_t least;
        int64_t *value;
    } numbers[] = {
        {"timeout_ms", -1, &store->timeout_ms},
        {"dedup_ttl_ms", 0, &store->lifetimes.dedup_ttl_ms},
        {"done_ttl_ms", 0, &store->lifetimes.done_ttl_ms},
        {"dead_ttl_ms", 0, &store->lifetimes.dead_ttl_ms},
    };
    store->timeout_ms = DEFAULT_TIMEOUT_MS;
    store->lifetimes = (struct lifetimes){7 * DAY_MS, DAY_MS, 30 * DAY_MS};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        tgs_status status = take_number(url, numbers[i].key, numbers[i].least, numbers[i].value, err);
        if (status != TGS_OK) return status;
    }
    if (store->timeout_ms == 0)
        return error_set(err, TGS_E_INVALID, "timeout_ms=0 leaves no time; -1 is no limit");
    return TGS_OK;
}

/* --- life ------------------------------------------------------------------------------------ */

static tgs_store *store_new(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch_forks);
    tgs_store *store = mem_zeroed(1, sizeof *store);
    if (!store) return NULL;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&store->lock, NULL);
    pthread_cond_init(&store->drained, &attributes);
    pthread_condattr_destroy(&attributes);
    store->references = 1;
    store->forks = forks;
    return store;
}

void store_reference(tgs_store *store) { atomic_fetch_add(&store->references, 1); }

void store_release(tgs_store *store) {
    if (atomic_fetch_sub(&store->references, 1) != 1) return;
    pthread_cond_destroy(&store->drained);
    pthread_mutex_destroy(&store->lock);
    mem_free(store);
}

/* What a back end answered; if it failed, say which it was, and give a message if it gave none. */
static tgs_status finish_answer(tgs_error *err, tgs_status status, const tgs_backend *backend) {
    if (status == TGS_OK) { /* what was retried and went well in the end is no failure of the call */
        if (err->code != TGS_OK) error_clear(err);
        return TGS_OK;
    }
    if (!err->code) error_set_native(err, status, NULL, NULL);
    snprintf(err->backend, sizeof err->backend, "%s", backend->name);
    return status;
}

static tgs_status open_backend(tgs_store *store, const struct url *url, const struct limits *limits,
                               tgs_error *err) {
    tgs_status status = module_find(url->scheme, &store->backend, err);
    if (status != TGS_OK) return status;
    tgs_backend_open open = {.size = sizeof open,
                             .scheme = url->scheme,
                             .target = url->target,
                             .path = url->path,
                             .options = url->options,
                             .n_options = url->n_options};
    status = store->backend->open(&open, &limits->backend, &store->self, &store->capabilities, err);
    return finish_answer(err, status, store->backend);
}

TGS_API tgs_status tgs_store_open(tgs_str url_text, const tgs_option *options, size_t n_options,
                                  tgs_store **out, const tgs_call *call, tgs_error *err) {
    tgs_error spare;
    if (!err) err = &spare;
    error_clear(err);
    if (!out) return error_set(err, TGS_E_INVALID, "out is NULL");
    *out = NULL;
    if (n_options && !options)
        return error_set(err, TGS_E_INVALID, "options is NULL, but there are %zu", n_options);
    if (n_options > TGS_MAX_ROWS)
        return error_set(err, TGS_E_TOO_LARGE, "more than %d options", TGS_MAX_ROWS);
    struct url url;
    tgs_status status = url_parse(&url, url_text, options, n_options, err);
    if (status != TGS_OK) return status;
    tgs_store *store = store_new();
    struct limits limits;
    status = store ? take_options(store, &url, err) : error_nomem(err);
    if (status == TGS_OK) status = limits_resolve(&limits, call, store->timeout_ms, NULL, err);
    if (status == TGS_OK) status = limits_check(&limits.backend);
    if (status == TGS_OK)
        status = open_backend(store, &url, &limits, err);
    else if (!err->code)
        error_set_native(err, status, NULL, NULL);
    url_free(&url);
    if (status == TGS_OK)
        *out = store;
    else if (store)
        store_release(store);
    return status;
}

static bool forked(const tgs_store *store) { return store->forks != forks; }

/* Wait for running calls until the store's deadline; then tell them to give up, and wait on. */
static void wait_until_idle(tgs_store *store) {
    int64_t deadline = deadline_after(store->timeout_ms);
    struct timespec until = {(time_t)(deadline / 1000000000), (long)(deadline % 1000000000)};
    pthread_mutex_lock(&store->lock);
    while (!store->idle) {
        if (atomic_load(&store->cancelling))
            pthread_cond_wait(&store->drained, &store->lock);
        else if (pthread_cond_timedwait(&store->drained, &store->lock, &until))
            atomic_store(&store->cancelling, true);
    }
    pthread_mutex_unlock(&store->lock);
}

TGS_API void tgs_store_close(tgs_store *store) {
    if (!store) return;
    bool inherited = forked(store);
    unsigned calls = atomic_fetch_or(&store->calls, STORE_CLOSING);
    bool was_closing = calls & STORE_CLOSING;
    if (!inherited && !was_closing && calls) wait_until_idle(store);
    if (!was_closing) store->backend->close(store->self, inherited);
    store_release(store);
}

TGS_API uint64_t tgs_store_capabilities(const tgs_store *store) { return store ? store->capabilities : 0; }

TGS_API const char *tgs_store_backend(const tgs_store *store) { return store ? store->backend->name : ""; }

/* --- entering ---------------------------------------------------------------------------------- */

static tgs_status fail_closed(tgs_error *err) { return error_set(err, TGS_E_INVALID, "the store is closed"); }

/* A store, and one of this process. */
static tgs_status check_process(const tgs_store *store, tgs_error *err) {
    if (!store) {
        error_set(err, TGS_E_INVALID, "the handle is NULL");
        return TGS_E_INVALID; /* a constant, so that compilers see that nobody goes on */
    }
    if (forked(store))
        return error_set(err, TGS_E_INVALID,
                         "the store was opened before fork; open it anew in the child process");
    return TGS_OK;
}

tgs_status store_check(const tgs_store *store, tgs_error *err) {
    tgs_status status = check_process(store, err);
    if (status != TGS_OK) return status;
    if (atomic_load(&store->calls) & STORE_CLOSING) return fail_closed(err);
    return TGS_OK;
}

/* The one who closes does not look at the count, but waits for the word of the last call that leaves: after
 * that nobody who was inside touches the store. */
static void count_out(tgs_store *store) {
    if (atomic_fetch_sub(&store->calls, 1) != (STORE_CLOSING | 1)) return;
    pthread_mutex_lock(&store->lock);
    store->idle = true;
    pthread_cond_broadcast(&store->drained);
    pthread_mutex_unlock(&store->lock);
}

static tgs_status count_in(tgs_store *store, tgs_error *err) {
    if (!(atomic_fetch_add(&store->calls, 1) & STORE_CLOSING)) return TGS_OK;
    count_out(store);
    return fail_closed(err);
}

tgs_status entry_begin(struct entry *entry, tgs_store *store, const tgs_call *call, tgs_error *err) {
    entry->err = err ? err : &entry->spare;
    entry->store = store;
    error_clear(entry->err);
    tgs_status status = check_process(store, entry->err);
    if (status == TGS_OK) status = count_in(store, entry->err);
    if (status != TGS_OK) return status;
    status = limits_resolve(&entry->limits, call, store->timeout_ms, &store->cancelling, entry->err);
    if (status == TGS_OK && call && tgs_canceller_cancelled(call->cancel))
        status = error_set_native(entry->err, TGS_E_CANCELLED, NULL, NULL);
    if (status != TGS_OK) count_out(store);
    return status;
}

void entry_leave(struct entry *entry) { count_out(entry->store); }

/* --- through ------------------------------------------------------------------------------------ */

tgs_status store_read(struct entry *entry, tgs_query *query, tgs_sink *sink) {
    tgs_store *store = entry->store;
    query->size = sizeof *query;
    tgs_status status = store->backend->read(store->self, query, &entry->limits.backend, sink, entry->err);
    return finish_answer(entry->err, status, store->backend);
}

tgs_status store_read_rows(struct entry *entry, tgs_query *query, int32_t record, size_t limit,
                           tgs_rows **out) {
    tgs_sink sink = {.rows = rows_new(record, limit < 64 ? limit + 1 : 64), .limit = limit};
    if (!sink.rows) return error_nomem(entry->err);
    tgs_status status = store_read(entry, query, &sink);
    if (status == TGS_OK)
        *out = sink.rows;
    else
        tgs_rows_free(sink.rows);
    return status;
}

tgs_status store_write(struct entry *entry, const tgs_session *session, const tgs_op *ops, size_t n_ops,
                       bool durable, tgs_sink *sink) {
    tgs_store *store = entry->store;
    if (store->capabilities & TGS_CAP_READ_ONLY)
        return error_set_native(entry->err, TGS_E_READ_ONLY, NULL, NULL);
    tgs_write write = {.size = sizeof write,
                       .session = session ? session->name : (tgs_str){"", 0},
                       .token = session ? session->token : 0,
                       .durable = durable,
                       .results = sink->results != NULL,
                       .ops = ops,
                       .n_ops = n_ops,
                       .stride = sizeof *ops};
    tgs_status status = store->backend->write(store->self, &write, &entry->limits.backend, sink, entry->err);
    return finish_answer(entry->err, status, store->backend);
}

tgs_status store_write_one(struct entry *entry, const tgs_session *session, const tgs_op *op,
                           tgs_sink *sink) {
    return store_write(entry, session, op, 1, false, sink);
}

/* --- calls about the whole store ------------------------------------------------------------------ */

typedef tgs_status (*simple_call)(void *self, const tgs_backend_call *call, tgs_error *err);

static tgs_status call_simple(tgs_store *store, size_t offset, const tgs_call *call, tgs_error *err) {
    struct entry entry;
    tgs_status status = entry_begin(&entry, store, call, err);
    if (status != TGS_OK) return status;
    simple_call function;
    memcpy(&function, (const char *)store->backend + offset, sizeof function);
    if (function) status = function(store->self, &entry.limits.backend, entry.err);
    if (status != TGS_OK) finish_answer(entry.err, status, store->backend);
    entry_leave(&entry);
    return status;
}

TGS_API tgs_status tgs_sync(tgs_store *store, const tgs_call *call, tgs_error *err) {
    return call_simple(store, offsetof(tgs_backend, sync), call, err);
}

TGS_API tgs_status tgs_ping(tgs_store *store, const tgs_call *call, tgs_error *err) {
    return call_simple(store, offsetof(tgs_backend, ping), call, err);
}

TGS_API tgs_status tgs_backup(tgs_store *store, tgs_str path, const tgs_call *call, tgs_error *err) {
    struct entry entry;
    tgs_status status = entry_begin(&entry, store, call, err);
    if (status != TGS_OK) return status;
    status = check_text(path, TGS_MAX_ROWS, "path", entry.err);
    if (status == TGS_OK && !store->backend->backup)
        status = error_set(entry.err, TGS_E_UNSUPPORTED, "%s has no backup of its own; use tgstore copy",
                           store->backend->name);
    else if (status == TGS_OK)
        status = store->backend->backup(store->self, path, &entry.limits.backend, entry.err);
    if (status != TGS_OK) finish_answer(entry.err, status, store->backend);
    entry_leave(&entry);
    return status;
}

TGS_API tgs_status tgs_sessions_list(tgs_store *store, tgs_str after, size_t limit, tgs_rows **out,
                                     const tgs_call *call, tgs_error *err) {
    if (out) *out = NULL;
    struct entry entry;
    tgs_status status = entry_begin(&entry, store, call, err);
    if (status != TGS_OK) return status;
    status = out ? check_limit(limit, entry.err) : error_set(entry.err, TGS_E_INVALID, "out is NULL");
    if (status == TGS_OK && after.ptr)
        status = check_text(after, TGS_MAX_SESSION_NAME_BYTES, "after", entry.err);
    if (status == TGS_OK) {
        tgs_query query = {
            .tag = TGS_QUERY_SESSIONS, .texts = &after, .n_texts = after.ptr != NULL, .limit = limit + 1};
        status = store_read_rows(&entry, &query, TGS_RECORD_SESSION_INFO, limit, out);
    }
    entry_leave(&entry);
    return status;
}

TGS_API tgs_status tgs_stats_get(tgs_store *store, tgs_str session, tgs_rows **out, const tgs_call *call,
                                 tgs_error *err) {
    if (out) *out = NULL;
    struct entry entry;
    tgs_status status = entry_begin(&entry, store, call, err);
    if (status != TGS_OK) return status;
    if (!out)
        status = error_set(entry.err, TGS_E_INVALID, "out is NULL");
    else if (session.ptr)
        status = check_text(session, TGS_MAX_SESSION_NAME_BYTES, "the session's name", entry.err);
    if (status == TGS_OK) {
        tgs_query query = {.tag = TGS_QUERY_STATS, .session = session};
        status = store_read_rows(&entry, &query, TGS_RECORD_STATS, 1, out);
    }
    entry_leave(&entry);
    return status;
}
