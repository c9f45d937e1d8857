/* SPDX-License-Identifier: Apache-2.0 */
/* The SQLite back end: one file in WAL mode, one connection that writes and some that read. */
#include "sqlite.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "new_file.h"

#define DEFAULT_READERS 4
#define CHECKPOINT_PAGES 4096          /* 16 MB: SQLite's default, 1000, moves the same pages too often */
#define RELAXED_CHECKPOINT_PAGES 16384 /* 64 MB */

const tgs_host *sqlite_host;

/* --- options ----------------------------------------------------------------------------------- */

struct options {
    bool create, read_only, full, exclusive;
    int checkpoint_pages;
    size_t max_readers;
};

static bool same_text(tgs_str text, const char *literal) {
    return text.len == strlen(literal) && memcmp(text.ptr, literal, text.len) == 0;
}

static bool take_mode(struct options *options, tgs_str value) {
    options->create = same_text(value, "rwc");
    options->read_only = same_text(value, "ro");
    return options->create || options->read_only || same_text(value, "rw");
}

static bool take_durability(struct options *options, tgs_str value) {
    bool relaxed = same_text(value, "relaxed");
    options->full = same_text(value, "full");
    options->checkpoint_pages = relaxed ? RELAXED_CHECKPOINT_PAGES : CHECKPOINT_PAGES;
    return relaxed || options->full || same_text(value, "normal");
}

static bool take_locking(struct options *options, tgs_str value) {
    options->exclusive = same_text(value, "exclusive");
    return options->exclusive || same_text(value, "shared");
}

static bool take_max_readers(struct options *options, tgs_str value) {
    size_t number = 0;
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] < '0' || value.ptr[i] > '9' || number > MAX_READERS) return false;
        number = number * 10 + (size_t)(value.ptr[i] - '0');
    }
    options->max_readers = number;
    return number >= 1 && number <= MAX_READERS;
}

static const struct {
    const char *key;
    bool (*take)(struct options *options, tgs_str value);
    const char *allowed;
} known_options[] = {
    {"mode", take_mode, "rwc, rw or ro"},
    {"durability", take_durability, "full, normal or relaxed"},
    {"locking", take_locking, "shared or exclusive"},
    {"max_readers", take_max_readers, "1 to 64"},
};

static tgs_status take_option(struct options *options, const tgs_option *option, tgs_error *err) {
    char message[160];
    for (size_t i = 0; i < sizeof known_options / sizeof *known_options; i++) {
        if (!same_text(option->key, known_options[i].key)) continue;
        if (known_options[i].take(options, option->value)) return TGS_OK;
        snprintf(message, sizeof message, "%s must be %s", known_options[i].key, known_options[i].allowed);
        return sqlite_host->fail(err, TGS_E_INVALID, NULL, message);
    }
    snprintf(message, sizeof message,
             "sqlite: has no parameter %.*s; it knows mode, durability, locking and max_readers",
             (int)(option->key.len > 64 ? 64 : option->key.len), option->key.ptr);
    return sqlite_host->fail(err, TGS_E_INVALID, NULL, message);
}

static tgs_status take_options(struct options *options, const tgs_backend_open *open, tgs_error *err) {
    *options = (struct options){
        .create = true, .checkpoint_pages = CHECKPOINT_PAGES, .max_readers = DEFAULT_READERS};
    for (size_t i = 0; i < open->n_options; i++) {
        tgs_status status = take_option(options, &open->options[i], err);
        if (status != TGS_OK) return status;
    }
    if (options->exclusive && options->read_only)
        return sqlite_host->fail(err, TGS_E_INVALID, NULL, "locking=exclusive needs mode rwc or rw");
    return TGS_OK;
}

/* --- life ---------------------------------------------------------------------------------------- */

static struct store *store_make(const struct options *options) {
    struct store *store = sqlite_host->alloc(sizeof *store);
    if (!store) return NULL;
    memset(store, 0, sizeof *store);
    store->read_only = options->read_only;
    store->full = options->full;
    store->exclusive = options->exclusive;
    store->checkpoint_pages = options->checkpoint_pages;
    store->max_readers = options->max_readers;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC); /* as deadlines are */
    pthread_cond_init(&store->writer_freed, &attributes);
    pthread_cond_init(&store->reader_freed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&store->lock, NULL);
    return store;
}

static void store_free(struct store *store) {
    pthread_mutex_destroy(&store->lock);
    pthread_cond_destroy(&store->writer_freed);
    pthread_cond_destroy(&store->reader_freed);
    sqlite_host->release(store->path);
    sqlite_host->release(store->uri);
    sqlite_host->release(store->immutable_uri);
    sqlite_host->release(store);
}

/* A store for reading has no writer; its first reader looks whether the database is ours. */
static tgs_status open_first(struct store *store, const tgs_backend_call *call, tgs_error *err) {
    struct connection *connection;
    if (store->read_only) {
        tgs_status status = pool_take_reader(store, call, &connection, err);
        if (status != TGS_OK) return status;
        status = file_recognise(connection, err);
        pool_give_back(connection);
        return status;
    }
    tgs_status status = connection_open(store, call, &connection, err);
    if (status != TGS_OK) return status;
    status = file_adopt(connection, err);
    connection->call = NULL;
    if (status == TGS_OK)
        store->writer = connection;
    else
        connection_close(connection);
    return status;
}

static void sqlite_close(void *self, int32_t forked) {
    struct store *store = self;
    /* In a child all of this belongs to the parent: SQLite's handles can't even be freed without I/O. */
    if (forked) return;
    for (size_t i = 0; i < store->n_idle; i++) connection_close(store->idle[i]);
    if (store->writer)
        connection_close(store->writer); /* the last one: SQLite moves the -wal into the file */
    store_free(store);
}

static tgs_status sqlite_open(const tgs_backend_open *open, const tgs_backend_call *call, void **self,
                              uint64_t *capabilities, tgs_error *err) {
    struct options options;
    if (!sqlite3_threadsafe())
        return sqlite_host->fail(err, TGS_E_UNSUPPORTED, NULL,
                                 "this SQLite was built without threads; use another");
    tgs_status status = take_options(&options, open, err);
    if (status != TGS_OK) return status;
    fork_prepare();
    struct store *store = store_make(&options);
    if (!store) return sqlite_host->fail(err, TGS_E_NOMEM, NULL, NULL);
    status = file_prepare(store, open->path, options.create, err);
    if (status == TGS_OK) status = open_first(store, call, err);
    if (status != TGS_OK) {
        sqlite_close(store, 0);
        return status;
    }
    *self = store;
    *capabilities = TGS_CAP_DURABLE | TGS_CAP_BACKUP | (store->exclusive ? 0 : TGS_CAP_SHARED) |
                    (store->read_only ? TGS_CAP_READ_ONLY : 0);
    return TGS_OK;
}

/* --- maintenance ------------------------------------------------------------------------------------- */

static tgs_status sqlite_sync(void *self, const tgs_backend_call *call, tgs_error *err) {
    struct store *store = self;
    return store->read_only ? TGS_OK : write_barrier(store, call, err);
}

static tgs_status sqlite_ping(void *self, const tgs_backend_call *call, tgs_error *err) {
    struct connection *connection;
    tgs_status status = pool_take_reader(self, call, &connection, err);
    if (status != TGS_OK) return status;
    int64_t version;
    status = connection_number(connection, "PRAGMA schema_version", &version, err);
    pool_give_back(connection);
    return status;
}

static tgs_status copy_to(struct connection *connection, const char *path, tgs_error *err) {
    sqlite3_stmt *statement;
    int code = sqlite3_prepare_v2(connection->db, sqlite_queries[QUERY_BACKUP], -1, &statement, NULL);
    if (code == SQLITE_OK) code = sqlite3_bind_text(statement, 1, path, -1, SQLITE_STATIC);
    if (code == SQLITE_OK) code = connection_step(connection, statement);
    tgs_status status = code == SQLITE_DONE ? TGS_OK : connection_fail(connection, code, err);
    sqlite3_finalize(statement);
    return status;
}

/* As a whole or not at all: half a copy that a killed process left would open as a store without some of its
 * rows. */
static tgs_status copy_whole(struct connection *connection, const char *path, tgs_error *err) {
    struct new_file file;
    int descriptor, error = new_file_begin(&file, path, &descriptor);
    if (error) return fail_errno(err, error, "creating", path);
    close(descriptor); /* SQLite fills a file that is there and empty */
    tgs_status status = connection_set_synchronous(connection, SYNCHRONOUS_FULL, err);
    if (status == TGS_OK) status = copy_to(connection, file.temporary, err);
    if (status != TGS_OK) {
        new_file_drop(&file);
        return status;
    }
    error = new_file_publish(&file);
    return error ? fail_errno(err, error, "creating", path) : TGS_OK;
}

/* From one snapshot, by a reader: writers go on. */
static tgs_status sqlite_backup(void *self, tgs_str path, const tgs_backend_call *call, tgs_error *err) {
    char target[PATH_MAX]; /* never "file:...", which SQLite would take for a URI */
    int len = snprintf(target, sizeof target, "%s%.*s", path.len && path.ptr[0] == '/' ? "" : "./",
                       (int)path.len, path.ptr);
    if (!path.len || len < 0 || (size_t)len >= sizeof target)
        return fail_errno(err, path.len ? ENAMETOOLONG : ENOENT, "creating", "");
    struct connection *connection;
    tgs_status status = pool_take_reader(self, call, &connection, err);
    if (status != TGS_OK) return status;
    status = copy_whole(connection, target, err);
    pool_give_back(connection);
    return status;
}

/* --- entry ---------------------------------------------------------------------------------------------- */

static const char *const schemes[] = {"sqlite", NULL};

static const tgs_backend backend = {
    .size = sizeof(tgs_backend),
    .name = "sqlite",
    .schemes = schemes,
    .open = sqlite_open,
    .close = sqlite_close,
    .write = sqlite_write,
    .read = sqlite_read,
    .sync = sqlite_sync,
    .ping = sqlite_ping,
    .backup = sqlite_backup,
};

const tgs_backend *sqlite_backend_entry(uint32_t abi, const tgs_host *host) {
    if (abi != TGS_BACKEND_ABI) return NULL;
    sqlite_host = host;
    layouts_init();
    return &backend;
}
