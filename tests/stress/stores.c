/* SPDX-License-Identifier: Apache-2.0 */
/* Whole stores: opened and closed beside others, made by many at once, backed up, pruned, purged. */
#include <sqlite3.h>
#include <unistd.h>

#include "stress.h"

#define NEW_FILES 64
#define NEW_FILE_US 250000 /* so often there is a new one */
#define SHORT_MS 30

static void open_and_ping(const char *url, const char *parameters) {
    char whole[300];
    tgs_error err;
    snprintf(whole, sizeof whole, "%s%s", url, parameters);
    tgs_store *store = open_store(whole);
    if (tgs_ping(store, NULL, &err) != TGS_OK) violated("ping: %s", err.message);
    tgs_store_close(store);
}

void open_and_close(struct worker *w) {
    open_and_ping(w->plan->url, random_below(w, 2) ? "&mode=ro" : "&max_readers=1");
}

/* The one who comes first makes it, with all others at its heels. */
void open_new_file(struct worker *w) {
    tgs_error err;
    char url[300];
    struct event event = event_new(w, OPENED);
    event.of.open.file = now_us() / NEW_FILE_US % NEW_FILES;
    snprintf(url, sizeof url, "sqlite:%s/new-%d.db?timeout_ms=60000", w->plan->folder,
             (int)event.of.open.file);
    struct name key = name_of(event.call);
    tgs_kv row = kv_row("opened", &key, &event.of.open.file);
    tgs_store *store = open_store(url);
    tgs_session *session = open_session(store, "main");
    event_begin(w, &event);
    tgs_status status = tgs_put(session, TGS_RECORD_KV, &row, 1, sizeof row, NULL, limits(w), &err);
    event_end(w, &event, status);
    expect(w, "put into a new file", status, &err, 0);
    tgs_session_free(session);
    tgs_store_close(store);
}

/* A copy is of one state: what was written in one batch agrees. */
void back_up(struct worker *w) {
    tgs_error err;
    char path[250], url[300];
    struct name name = name_of((uint64_t)w->process << 56 | (uint64_t)w->thread << 48 |
                               (uint64_t)w->incarnation << 32 | ++w->calls);
    snprintf(path, sizeof path, "%s/backup-%s.db", w->plan->folder, name.text);
    snprintf(url, sizeof url, "sqlite:%s?mode=rw", path);
    tgs_status status = tgs_backup(w->store, str(path), limits(w), &err);
    expect(w, "backup", status, &err, 0);
    if (status != TGS_OK) {
        if (access(path, F_OK) == 0) violated("a backup that failed left %s", path);
        return;
    }
    tgs_store *copy = open_store(url);
    counters_compare(copy);
    queue_compare(copy);
    tgs_store_close(copy);
    unlink(path);
}

/* --- rows that go ------------------------------------------------------------------------------------ */

static void put_short_lived(struct worker *w) {
    tgs_error err;
    struct name key = name_of(random_number(w));
    tgs_kv row = {.fields = TGS_KV_TTL, .scope = str("short"), .key = str(key.text), .ttl_ms = SHORT_MS};
    tgs_session *session = open_session(w->store, "short");
    tgs_status status = tgs_put(session, TGS_RECORD_KV, &row, 1, sizeof row, NULL, limits(w), &err);
    expect(w, "put for a short while", status, &err, 0);
    tgs_session_free(session);
}

void prune(struct worker *w) {
    tgs_error err;
    tgs_rows *rows = NULL;
    tgs_stats stats = {0};
    put_short_lived(w);
    tgs_status status = tgs_prune(w->store, 0, NULL, limits(w), &err);
    expect(w, "prune", status, &err, 0);
    status = tgs_stats_get(w->store, (tgs_str){NULL, 0}, &rows, limits(w), &err);
    expect(w, "stats", status, &err, 0);
    if (status == TGS_OK && tgs_rows_row(rows, 0, &stats, sizeof stats) == TGS_OK && stats.kvs < 400)
        violated("%" PRId64 " kv rows are counted", stats.kvs);
    tgs_rows_free(rows);
}

/* Until a purge has ended, writes are CONFLICT. */
void purge(struct worker *w) {
    tgs_error err;
    struct name keys[30];
    int64_t value = 0;
    tgs_kv rows[COUNT(keys)];
    for (size_t i = 0; i < COUNT(keys); i++) {
        keys[i] = name_of(random_number(w));
        rows[i] = kv_row("purged", &keys[i], &value);
    }
    tgs_session *session = open_session(w->store, "purged");
    tgs_status status =
        tgs_put(session, TGS_RECORD_KV, rows, COUNT(rows), sizeof *rows, NULL, limits(w), &err);
    expect(w, "put into a purged session", status, &err, MAY(TGS_E_CONFLICT));
    status = tgs_purge(session, NULL, limits(w), &err);
    expect(w, "purge", status, &err, 0);
    tgs_session_free(session);
}

void put_durably(struct worker *w) {
    tgs_error err;
    static const uint8_t key[256];
    tgs_dc_auth row = {.fields = TGS_DC_AUTH_AUTH_KEY, .dc = 2, .auth_key = {key, sizeof key}};
    tgs_session *session = open_session(w->store, "durable");
    tgs_status status = tgs_put(session, TGS_RECORD_DC_AUTH, &row, 1, sizeof row, NULL, limits(w), &err);
    expect(w, "put an auth key", status, &err, 0);
    expect(w, "sync", tgs_sync(w->store, limits(w), &err), &err, 0);
    tgs_session_free(session);
}

/* --- checks --------------------------------------------------------------------------------------------- */

static void check_integrity(struct check *check, const char *path) {
    sqlite3 *db;
    sqlite3_stmt *statement;
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &statement, NULL) != SQLITE_OK ||
        sqlite3_step(statement) != SQLITE_ROW)
        violated("%s: %s", path, sqlite3_errmsg(db));
    const char *answer = (const char *)sqlite3_column_text(statement, 0);
    if (strcmp(answer, "ok") != 0) fault(check, "%s: %s", path, answer);
    sqlite3_finalize(statement);
    sqlite3_close(db);
}

static bool is_of_file(const struct event *event, int64_t file) { return event->of.open.file == file; }

static void check_new_file(struct check *check, int64_t file) {
    char path[250], url[300];
    snprintf(path, sizeof path, "%s/new-%d.db", check->plan->folder, (int)file);
    snprintf(url, sizeof url, "sqlite:%s?mode=rw", path);
    struct effects opened = {0};
    if (access(path, F_OK) == 0) {
        tgs_store *store = open_store(check->plan->has_files ? url : check->plan->url);
        opened = effects_read(store, "main", "opened");
        tgs_store_close(store);
        check_integrity(check, path);
    }
    check_effects(check, OPENED, is_of_file, file, &opened);
    free(opened.all);
}

/* An expired record is absent, and goes. */
static void check_short_lived(struct check *check) {
    tgs_error err;
    struct effects left;
    int64_t until = now_us() + 10000000;
    do {
        if (tgs_prune(check->store, 0, NULL, NULL, &err) != TGS_OK) violated("prune: %s", err.message);
        left = effects_read(check->store, "short", "short");
        free(left.all);
    } while (left.n && now_us() < until);
    if (left.n) fault(check, "%zu rows outlived their time", left.n);
}

static void check_purged(struct check *check) {
    tgs_error err;
    tgs_session *session = open_session(check->store, "purged");
    if (tgs_purge(session, NULL, NULL, &err) != TGS_OK) violated("purge: %s", err.message);
    tgs_session_free(session);
    struct effects left = effects_read(check->store, "purged", "purged");
    if (left.n) fault(check, "%zu rows outlived a purge", left.n);
    free(left.all);
}

void stores_check(struct check *check) {
    check_short_lived(check);
    check_purged(check);
    if (!check->plan->has_files) return;
    char path[250];
    snprintf(path, sizeof path, "%s/store.db", check->plan->folder);
    check_integrity(check, path);
    for (int64_t file = 0; file < NEW_FILES; file++) check_new_file(check, file);
}
