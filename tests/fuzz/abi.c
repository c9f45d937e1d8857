/* SPDX-License-Identifier: Apache-2.0 */
/* Sequences of calls with random arguments, on a memory and an SQLite store in turns: each call keeps the
 * rules of all functions, and both stores answer the same.
 *
 * Input: a byte of options for opening, then calls: a byte for which one, then its arguments
 * (abi_arguments.c). */
#include "abi.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define POISON 0xcc

/* --- the clock -------------------------------------------------------------------------------------- */

int64_t fuzz_clock_ms;
int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);

/* Both stores, and every run of an input, see the same time. */
int __wrap_clock_gettime(clockid_t clock, struct timespec *now) {
    if (clock != CLOCK_REALTIME) return __real_clock_gettime(clock, now);
    *now = (struct timespec){fuzz_clock_ms / 1000, fuzz_clock_ms % 1000 * 1000000};
    return 0;
}

/* --- what a call gives out ----------------------------------------------------------------------------- */

static char poison;

struct output {
    FILE *out; /* where answers are shown */
    tgs_error err;
};

static tgs_error *err_of(struct output *o, const struct arguments *a) {
    memset(&o->err, POISON, sizeof o->err); /* "cleared on entry" */
    return a->no_err ? NULL : &o->err;
}

static void show_status(struct output *o, const struct arguments *a, tgs_status status) {
    REQUIRE(status <= TGS_NOT_FOUND && status >= TGS_E_BACKEND);
    fprintf(o->out, "status %" PRId32, status);
    if (!a->no_err) {
        require_status(status, &o->err);
        fprintf(o->out, " index %" PRId64 " outcome %d", o->err.index, o->err.outcome);
    }
    fputc('\n', o->out);
    /* Nothing is broken here: no file, no memory, no other process. */
    REQUIRE(status != TGS_E_BACKEND && status != TGS_E_NOMEM && status != TGS_E_CORRUPT &&
            status != TGS_E_NO_SPACE && status != TGS_E_READ_ONLY && status != TGS_E_AUTH &&
            status != TGS_E_UNAVAILABLE && status != TGS_E_TIMEOUT);
}

/* An owned output is there on TGS_OK only, and NULL otherwise. */
static void require_owned(const struct arguments *a, tgs_status status, const void *object) {
    REQUIRE(object != &poison || a->no_out);
    REQUIRE(!a->no_out || status != TGS_OK);
    if (!a->no_out) REQUIRE((status == TGS_OK) == (object != NULL));
}

/* Members that each store chooses for itself; a peer's time may be kept (TGS_SEEN_AT_MS). */
static uint64_t own_members(int32_t record) {
    switch (record) {
    case TGS_RECORD_PEER:
        return TGS_PEER_SEEN_AT;
    case TGS_RECORD_QUEUE_ITEM:
        return TGS_QUEUE_ITEM_TOKEN | TGS_QUEUE_ITEM_SEQUENCE;
    case TGS_RECORD_CONVERSATION:
        return TGS_CONVERSATION_VERSION;
    case TGS_RECORD_SESSION_INFO:
        return TGS_SESSION_INFO_LEASE_TOKEN;
    case TGS_RECORD_STATS:
        return TGS_STATS_BYTES;
    default:
        return 0;
    }
}

static void take_rows_out(struct output *o, const struct arguments *a, tgs_status status, tgs_rows *rows,
                          int32_t record) {
    show_status(o, a, status);
    require_owned(a, status, rows);
    if (status != TGS_OK) return;
    require_rows(rows, record);
    show_rows(o->out, rows, own_members(record));
    tgs_rows_free(rows);
}

#define OUT(object) (a->no_out ? NULL : &(object))
#define NEW(type, name) type *name = (type *)(void *)&poison

/* --- arguments of one store ------------------------------------------------------------------------------
 */

static tgs_session *session_of(const struct world *w, const struct arguments *a) {
    return a->no_session ? NULL : w->sessions[a->session];
}

static const tgs_call *call_of(const struct world *w, struct arguments *a) {
    if (!a->call || !a->cancellable || a->call->size < sizeof *a->call) return a->call;
    tgs_call *call = argument_memory(a, sizeof *call);
    *call = *a->call;
    call->cancel = w->canceller;
    return call;
}

/* The rows, with the tokens and versions that this store gave out. */
static char *rows_of(const struct world *w, struct arguments *a) {
    size_t size;
    tgs_record_fields(a->record, NULL, &size);
    if (!a->rows || a->stride < size) return a->rows;
    char *rows = argument_memory(a, a->n * a->stride);
    if (a->n) memcpy(rows, a->rows, a->n * a->stride);
    for (size_t i = 0; i < a->n; i++) {
        void *row = rows + i * a->stride;
        if (a->recalled[i] && a->record == TGS_RECORD_QUEUE_ITEM && w->n_claims) {
            size_t claim = (a->recalled[i] - 1u) % w->n_claims;
            ((tgs_queue_item *)row)->token = w->claims[claim].token;
            ((tgs_queue_item *)row)->id = (tgs_str){w->claims[claim].id, strlen(w->claims[claim].id)};
        }
        if (a->recalled[i] && a->record == TGS_RECORD_CONVERSATION && w->n_versions)
            ((tgs_conversation *)row)->version = w->versions[(a->recalled[i] - 1u) % w->n_versions];
    }
    return rows;
}

static tgs_result *results_of(struct arguments *a, size_t n) {
    if (a->no_results) return NULL;
    tgs_result *results = argument_memory(a, n * sizeof *results);
    if (n) memset(results, POISON, n * sizeof *results);
    return results;
}

static bool all_poison(const void *memory, size_t size) {
    const unsigned char *bytes = memory;
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != POISON) return false;
    return true;
}

static void show_results(struct world *w, struct output *o, tgs_status status, const tgs_result *results,
                         size_t n) {
    if (!results) return;
    if (status != TGS_OK) {
        REQUIRE(all_poison(results, n * sizeof *results)); /* "outputs are written only on TGS_OK" */
        return;
    }
    for (size_t i = 0; i < n; i++) {
        REQUIRE(results[i].applied == 0 || results[i].applied == 1);
        REQUIRE(!(results[i].notes & ~(TGS_NOTE_NEW | TGS_NOTE_LOWER)));
        REQUIRE(!results[i].reserved[0] && !results[i].reserved[1]);
        fprintf(o->out, "applied %d notes %u version %d\n", results[i].applied, results[i].notes,
                results[i].version != 0);
        if (results[i].version) w->versions[w->n_versions++ % N_KEPT] = results[i].version;
        if (w->n_versions > N_KEPT) w->n_versions = N_KEPT;
    }
}

static void show_count(struct output *o, uint64_t count) { fprintf(o->out, "count %" PRIu64 "\n", count); }

/* --- calls ------------------------------------------------------------------------------------------------
 */

typedef tgs_status (*write_function)(tgs_session *, int32_t, const void *, size_t, size_t, tgs_result *,
                                     const tgs_call *, tgs_error *);

static void write_rows(struct world *w, struct arguments *a, struct output *o, write_function function) {
    tgs_result *results = results_of(a, a->n);
    tgs_status status = function(session_of(w, a), a->record, rows_of(w, a), a->n, a->stride, results,
                                 call_of(w, a), err_of(o, a));
    show_status(o, a, status);
    show_results(w, o, status, results, a->n);
}

static void call_put(struct world *w, struct arguments *a, struct output *o) { write_rows(w, a, o, tgs_put); }

static void call_delete(struct world *w, struct arguments *a, struct output *o) {
    write_rows(w, a, o, tgs_delete);
}

static void call_get(struct world *w, struct arguments *a, struct output *o) {
    NEW(tgs_rows, rows);
    tgs_status status = tgs_get(session_of(w, a), a->record, rows_of(w, a), a->n, a->stride, OUT(rows),
                                call_of(w, a), err_of(o, a));
    if (status == TGS_OK) REQUIRE(tgs_rows_count(rows) == a->n);
    take_rows_out(o, a, status, rows, a->record);
}

static void call_list(struct world *w, struct arguments *a, struct output *o) {
    NEW(tgs_rows, rows);
    tgs_status status = tgs_list(session_of(w, a), a->record, a->after, a->after_stride, a->filter, a->limit,
                                 OUT(rows), call_of(w, a), err_of(o, a));
    if (status == TGS_OK) REQUIRE(tgs_rows_count(rows) <= a->limit);
    take_rows_out(o, a, status, rows, a->record);
}

static void call_load(struct world *w, struct arguments *a, struct output *o) {
    uint64_t done = 0;
    tgs_status status = tgs_load(session_of(w, a), a->record, rows_of(w, a), a->n, a->stride, OUT(done),
                                 call_of(w, a), err_of(o, a));
    show_status(o, a, status);
    show_count(o, done);
}

typedef tgs_status (*look_up_function)(tgs_session *, const tgs_str *, size_t, int64_t, tgs_rows **,
                                       const tgs_call *, tgs_error *);

static void look_up(struct world *w, struct arguments *a, struct output *o, look_up_function function) {
    NEW(tgs_rows, rows);
    tgs_status status =
        function(session_of(w, a), a->texts, a->n_texts, a->number, OUT(rows), call_of(w, a), err_of(o, a));
    if (status == TGS_OK) REQUIRE(tgs_rows_count(rows) == a->n_texts);
    take_rows_out(o, a, status, rows, TGS_RECORD_PEER);
}

static void call_by_username(struct world *w, struct arguments *a, struct output *o) {
    look_up(w, a, o, tgs_peers_by_username);
}

static void call_by_phone(struct world *w, struct arguments *a, struct output *o) {
    look_up(w, a, o, tgs_peers_by_phone);
}

static void keep_claims(struct world *w, const tgs_rows *rows) {
    for (size_t i = 0; i < tgs_rows_count(rows); i++) {
        tgs_queue_item item;
        REQUIRE(tgs_rows_row(rows, i, &item, sizeof item) == TGS_OK && item.token);
        if (item.id.len >= sizeof w->claims->id || w->n_claims == N_KEPT) continue;
        w->claims[w->n_claims].token = item.token;
        memcpy(w->claims[w->n_claims++].id, item.id.ptr, item.id.len + 1);
    }
}

static void call_claim(struct world *w, struct arguments *a, struct output *o) {
    NEW(tgs_rows, rows);
    tgs_status status = tgs_queue_claim(session_of(w, a), a->text, a->text2, a->number, a->limit, OUT(rows),
                                        call_of(w, a), err_of(o, a));
    if (status == TGS_OK) keep_claims(w, rows);
    take_rows_out(o, a, status, rows, TGS_RECORD_QUEUE_ITEM);
}

static void call_settle(struct world *w, struct arguments *a, struct output *o) {
    show_status(o, a,
                tgs_queue_settle(session_of(w, a), a->choice,
                                 (const tgs_queue_item *)(const void *)rows_of(w, a), a->n, a->stride,
                                 call_of(w, a), err_of(o, a)));
}

/* The handle that holds the lease takes the place of another. */
static void call_acquire(struct world *w, struct arguments *a, struct output *o) {
    NEW(tgs_session, leased);
    int64_t wait_ms = a->number2 > 0 ? 0 : a->number2;
    tgs_status status = tgs_lease_acquire(session_of(w, a), a->text, a->choice, a->number, wait_ms,
                                          OUT(leased), call_of(w, a), err_of(o, a));
    show_status(o, a, status);
    require_owned(a, status, leased);
    if (status != TGS_OK) return;
    REQUIRE(tgs_session_token(leased) > 0);
    size_t slot = (a->session + 1) % N_SESSIONS;
    tgs_session_free(w->sessions[slot]);
    w->sessions[slot] = leased;
}

static void call_renew(struct world *w, struct arguments *a, struct output *o) {
    show_status(o, a, tgs_lease_renew(session_of(w, a), a->number, call_of(w, a), err_of(o, a)));
}

static void call_release(struct world *w, struct arguments *a, struct output *o) {
    show_status(o, a, tgs_lease_release(session_of(w, a), call_of(w, a), err_of(o, a)));
}

static void call_purge(struct world *w, struct arguments *a, struct output *o) {
    uint64_t removed = 0;
    show_status(o, a, tgs_purge(session_of(w, a), OUT(removed), call_of(w, a), err_of(o, a)));
    show_count(o, removed);
}

static void call_session(struct world *w, struct arguments *a, struct output *o) {
    NEW(tgs_session, session);
    tgs_status status = tgs_session_new(a->no_session ? NULL : w->store, a->text, OUT(session), err_of(o, a));
    show_status(o, a, status);
    require_owned(a, status, session);
    if (status != TGS_OK) return;
    tgs_str name = tgs_session_name(session);
    REQUIRE(name.len == a->text.len && (!name.len || memcmp(name.ptr, a->text.ptr, name.len) == 0) &&
            !name.ptr[name.len]);
    REQUIRE(tgs_session_token(session) == 0);
    tgs_session_free(w->sessions[a->session]);
    w->sessions[a->session] = session;
}

static void call_batch(struct world *w, struct arguments *a, struct output *o) {
    NEW(tgs_batch, batch);
    tgs_status status = tgs_batch_new(session_of(w, a), OUT(batch), err_of(o, a));
    show_status(o, a, status);
    require_owned(a, status, batch);
    if (status != TGS_OK) return;
    REQUIRE(tgs_batch_count(batch) == 0);
    tgs_batch_free(w->batches[a->batch]);
    w->batches[a->batch] = batch;
}

/* "A row that is refused leaves the batch as it was." */
static void show_batch(struct world *w, struct arguments *a, struct output *o, tgs_status status,
                       size_t before) {
    size_t count = tgs_batch_count(w->batches[a->batch]);
    show_status(o, a, status);
    REQUIRE(count == (status == TGS_OK ? before + a->n : before));
}

static void call_batch_put(struct world *w, struct arguments *a, struct output *o) {
    tgs_batch *batch = w->batches[a->batch];
    size_t before = tgs_batch_count(batch);
    show_batch(w, a, o, tgs_batch_put(batch, a->record, rows_of(w, a), a->n, a->stride, err_of(o, a)),
               before);
}

static void call_batch_delete(struct world *w, struct arguments *a, struct output *o) {
    tgs_batch *batch = w->batches[a->batch];
    size_t before = tgs_batch_count(batch);
    show_batch(w, a, o, tgs_batch_delete(batch, a->record, rows_of(w, a), a->n, a->stride, err_of(o, a)),
               before);
}

static void call_batch_settle(struct world *w, struct arguments *a, struct output *o) {
    tgs_batch *batch = w->batches[a->batch];
    size_t before = tgs_batch_count(batch);
    const tgs_queue_item *items = (const tgs_queue_item *)(const void *)rows_of(w, a);
    show_batch(w, a, o, tgs_batch_settle(batch, a->choice, items, a->n, a->stride, err_of(o, a)), before);
}

static void call_batch_commit(struct world *w, struct arguments *a, struct output *o) {
    tgs_batch *batch = w->batches[a->batch];
    size_t n = tgs_batch_count(batch);
    tgs_result *results = results_of(a, n);
    tgs_status status = tgs_batch_commit(batch, results, results ? n : 0, call_of(w, a), err_of(o, a));
    show_status(o, a, status);
    show_results(w, o, status, results, n);
    REQUIRE(tgs_batch_count(batch) == (status == TGS_OK ? 0 : n));
}

static void call_batch_clear(struct world *w, struct arguments *a, struct output *o) {
    (void)o;
    tgs_batch_clear(w->batches[a->batch]);
    REQUIRE(tgs_batch_count(w->batches[a->batch]) == 0);
}

static void call_sessions(struct world *w, struct arguments *a, struct output *o) {
    NEW(tgs_rows, rows);
    tgs_status status = tgs_sessions_list(a->no_session ? NULL : w->store, a->text, a->limit, OUT(rows),
                                          call_of(w, a), err_of(o, a));
    take_rows_out(o, a, status, rows, TGS_RECORD_SESSION_INFO);
}

static void call_stats(struct world *w, struct arguments *a, struct output *o) {
    NEW(tgs_rows, rows);
    tgs_status status =
        tgs_stats_get(a->no_session ? NULL : w->store, a->text, OUT(rows), call_of(w, a), err_of(o, a));
    if (status == TGS_OK) REQUIRE(tgs_rows_count(rows) == 1);
    take_rows_out(o, a, status, rows, TGS_RECORD_STATS);
}

static void call_prune(struct world *w, struct arguments *a, struct output *o) {
    uint64_t removed = 0;
    show_status(
        o, a,
        tgs_prune(a->no_session ? NULL : w->store, a->number, OUT(removed), call_of(w, a), err_of(o, a)));
    show_count(o, removed);
}

static void call_sync(struct world *w, struct arguments *a, struct output *o) {
    show_status(o, a, tgs_sync(a->no_session ? NULL : w->store, call_of(w, a), err_of(o, a)));
    show_status(o, a, tgs_ping(a->no_session ? NULL : w->store, call_of(w, a), err_of(o, a)));
}

/* Only SQLite has it. */
static void call_backup(struct world *w, struct arguments *a, struct output *o) {
    const char *path = scratch("backup.db");
    bool can = tgs_store_capabilities(w->store) & TGS_CAP_BACKUP;
    tgs_error err;
    unlink(path);
    if (!can || a->choice) return;
    tgs_status status = tgs_backup(w->store, (tgs_str){path, strlen(path)}, NULL, &err);
    require_status(status, &err);
    REQUIRE(status == TGS_OK && access(path, F_OK) == 0);
    REQUIRE(tgs_backup(w->store, (tgs_str){path, strlen(path)}, NULL, &err) == TGS_E_CONFLICT);
    (void)o;
}

static void call_snapshot(struct world *w, struct arguments *a, struct output *o) {
    NEW(tgs_snapshot, snapshot);
    tgs_status status =
        tgs_snapshot_from_session(session_of(w, a), a->choice, OUT(snapshot), call_of(w, a), err_of(o, a));
    show_status(o, a, status);
    require_owned(a, status, snapshot);
    if (status != TGS_OK) return;
    require_snapshot(snapshot);
    tgs_snapshot_free(w->snapshot);
    w->snapshot = snapshot;
}

static void call_snapshot_text(struct world *w, struct arguments *a, struct output *o) {
    NEW(tgs_text, text);
    tgs_status status = tgs_snapshot_to_text(w->snapshot, a->text, NULL, 0, OUT(text), err_of(o, a));
    show_status(o, a, status);
    require_owned(a, status, text);
    if (status == TGS_OK) tgs_text_free(text);
}

static void call_snapshot_store(struct world *w, struct arguments *a, struct output *o) {
    uint64_t done = 0;
    show_status(o, a,
                tgs_snapshot_to_session(w->snapshot, session_of(w, a), a->flags, OUT(done), call_of(w, a),
                                        err_of(o, a)));
    show_count(o, done);
}

static void call_cancel(struct world *w, struct arguments *a, struct output *o) {
    if (a->choice > 4)
        tgs_canceller_cancel(w->canceller);
    else
        tgs_canceller_reset(w->canceller);
    fprintf(o->out, "cancelled %d\n", tgs_canceller_cancelled(w->canceller));
}

static void call_names(struct world *w, struct arguments *a, struct output *o) {
    REQUIRE(tgs_status_name((tgs_status)a->number)[0]);
    const char *name = tgs_record_name((int32_t)a->number);
    REQUIRE(!name == !tgs_record_fields((int32_t)a->number, NULL, NULL));
    REQUIRE(tgs_store_backend(w->store)[0] && tgs_store_backend(NULL));
    fprintf(o->out, "%s\n", name ? name : "none");
}

/* How far the clock goes: small steps, or large ones that no age of a peer comes near to. */
static void tick(struct arguments *a) {
    static const int64_t steps[] = {1, 1, 100, 100, 3600000, 3600000, 86400000, INT64_C(31) * 86400000, 0};
    fuzz_clock_ms += steps[a->choice + 1];
}

struct call {
    const char *name;
    void (*run)(struct world *w, struct arguments *a, struct output *o); /* NULL: the clock goes on */
    uint32_t needs;
};

/* Those that do more come more often. */
static const struct call calls[] = {
    {"put", call_put, ROWS | CALL},
    {"put", call_put, ROWS | CALL},
    {"put", call_put, ROWS | CALL},
    {"put", call_put, ITEMS | CALL},
    {"get", call_get, ROWS | CALL},
    {"list", call_list, AFTER | FILTER | LIMIT | CALL},
    {"delete", call_delete, ROWS | CALL},
    {"load", call_load, ROWS | CALL},
    {"by_username", call_by_username, TEXTS | NUMBER | CALL},
    {"by_phone", call_by_phone, TEXTS | NUMBER | CALL},
    {"claim", call_claim, TEXT | TEXT2 | NUMBER | LIMIT | CALL},
    {"settle", call_settle, ITEMS | CHOICE | CALL},
    {"settle", call_settle, ITEMS | CHOICE | CALL},
    {"acquire", call_acquire, TEXT | NUMBER | NUMBER2 | CHOICE | CALL},
    {"renew", call_renew, NUMBER | CALL},
    {"release", call_release, CALL},
    {"purge", call_purge, CALL},
    {"session", call_session, TEXT},
    {"batch", call_batch, 0},
    {"batch_put", call_batch_put, ROWS},
    {"batch_put", call_batch_put, ROWS},
    {"batch_delete", call_batch_delete, ROWS},
    {"batch_settle", call_batch_settle, ITEMS | CHOICE},
    {"batch_commit", call_batch_commit, CALL},
    {"batch_clear", call_batch_clear, 0},
    {"sessions", call_sessions, TEXT | LIMIT | CALL},
    {"stats", call_stats, TEXT | CALL},
    {"prune", call_prune, NUMBER | CALL},
    {"sync", call_sync, CALL},
    {"backup", call_backup, CHOICE},
    {"snapshot", call_snapshot, CHOICE | CALL},
    {"snapshot_text", call_snapshot_text, TEXT},
    {"snapshot_store", call_snapshot_store, FLAGS | CALL},
    {"cancel", call_cancel, CHOICE},
    {"names", call_names, NUMBER},
    {"tick", NULL, CHOICE},
};
#define N_CALLS (sizeof calls / sizeof *calls)

/* --- two stores
 * --------------------------------------------------------------------------------------------- */

static const tgs_option lives[] = {
    {TGS_STR("dedup_ttl_ms"), TGS_STR("1000")},
    {TGS_STR("done_ttl_ms"), TGS_STR("50")},
    {TGS_STR("dead_ttl_ms"), TGS_STR("3600000")},
};

/* A new database, made once: to make one takes longer than to use it. */
static void put_database(const char *path) {
    static uint8_t *made;
    static size_t size;
    char url[5000];
    tgs_store *store;
    unlink(scratch("store.db-wal"));
    unlink(scratch("store.db-shm"));
    unlink(path);
    if (!made) {
        int len = snprintf(url, sizeof url, "sqlite:%s", path);
        REQUIRE(tgs_store_open((tgs_str){url, (size_t)len}, NULL, 0, &store, NULL, NULL) == TGS_OK);
        tgs_store_close(store);
        made = read_file(path, &size);
    }
    write_file(path, made, size);
}

static void open_world(struct world *w, const char *url, size_t n_options) {
    static const char *const names[N_SESSIONS] = {"a", "a", "b", ""};
    tgs_error err;
    memset(w, 0, sizeof *w);
    REQUIRE(tgs_store_open((tgs_str){url, strlen(url)}, lives, n_options, &w->store, NULL, &err) == TGS_OK);
    REQUIRE(tgs_canceller_new(&w->canceller, NULL) == TGS_OK);
    for (size_t i = 0; i < N_SESSIONS; i++)
        REQUIRE(tgs_session_new(w->store, (tgs_str){names[i], strlen(names[i])}, &w->sessions[i], NULL) ==
                TGS_OK);
}

/* In either order; a handle that outlives its store is refused, and no more. */
static void close_world(struct world *w, bool store_first) {
    tgs_error err;
    if (store_first) {
        tgs_store_close(w->store);
        for (size_t i = 0; i < N_SESSIONS; i++)
            REQUIRE(tgs_purge(w->sessions[i], NULL, NULL, &err) == TGS_E_INVALID);
    }
    for (size_t i = 0; i < N_BATCHES; i++) tgs_batch_free(w->batches[i]);
    for (size_t i = 0; i < N_SESSIONS; i++) tgs_session_free(w->sessions[i]);
    if (!store_first) tgs_store_close(w->store);
    if (w->snapshot) require_snapshot(w->snapshot); /* "a result outlives the store" */
    tgs_snapshot_free(w->snapshot);
    tgs_canceller_free(w->canceller);
}

static void list_everything(struct world *w, struct arguments *a, struct output *o) {
    for (a->session = 0; a->session < N_SESSIONS; a->session++)
        for (a->record = TGS_RECORD_SESSION; a->record <= TGS_RECORD_KV; a->record++) call_list(w, a, o);
    call_sessions(w, a, o);
    call_stats(w, a, o);
}

/* For whoever looks into a failure. */
static void show_call(const struct call *call, const struct arguments *a) {
    size_t size = 0;
    tgs_record_fields(a->record, NULL, &size);
    fprintf(stderr, "--- %s session %zu choice %d number %" PRId64 "\n", call->name, a->session, a->choice,
            a->number);
    for (size_t i = 0; a->rows && size && a->stride >= size && i < a->n; i++) {
        const tgs_kv *head =
            (const tgs_kv *)(const void *)(a->rows + i * a->stride); /* all rows begin alike */
        fprintf(stderr, "nulls %" PRIx64 " flags %" PRIx32 " ", head->nulls, head->flags);
        show_row(stderr, a->record, head, 0);
    }
}

/* The call on both, and their answers compared. */
static void run_on_both(struct world worlds[2], struct arguments *a, const struct call *call) {
    const bool trace = getenv("TGSTORE_FUZZ_TRACE") != NULL;
    char *answers[2];
    size_t sizes[2];
    if (trace) show_call(call, a);
    for (int i = 0; i < 2; i++) {
        struct output output = {.out = open_memstream(&answers[i], &sizes[i])};
        REQUIRE(output.out);
        call->run(&worlds[i], a, &output);
        fclose(output.out);
    }
    if (trace) fputs(answers[0], stderr);
    bool same = sizes[0] == sizes[1] && memcmp(answers[0], answers[1], sizes[0]) == 0;
    if (!same) fprintf(stderr, "--- memory:\n%s--- SQLite:\n%s", answers[0], answers[1]);
    REQUIRE(same);
    free(answers[0]);
    free(answers[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct call everything = {"everything", list_everything, 0};
    static const char *const parameters[] = {"", "?durability=full", "?locking=exclusive", "?max_readers=1"};
    struct reader in = {data, size};
    struct world worlds[2];
    struct arguments arguments;
    char url[5000];
    uint8_t how = take_byte(&in);
    const char *path = scratch("store.db");
    fuzz_clock_ms = START_MS;
    put_database(path);
    snprintf(url, sizeof url, "sqlite:%s%s", path, parameters[how % 4]);
    open_world(&worlds[0], "memory:", how & 4 ? 3 : 0);
    open_world(&worlds[1], url, how & 4 ? 3 : 0);
    for (size_t i = 0; i < MAX_CALLS && in.size; i++) {
        const struct call *call = &calls[take_byte(&in) % N_CALLS];
        take_arguments(&in, call->needs, &arguments);
        if (call->run)
            run_on_both(worlds, &arguments, call);
        else
            tick(&arguments);
        free_arguments(&arguments);
    }
    arguments = (struct arguments){.limit = TGS_MAX_ROWS};
    run_on_both(worlds, &arguments, &everything);
    for (int i = 0; i < 2; i++) close_world(&worlds[i], how & 8);
    return 0;
}
