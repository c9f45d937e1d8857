/* SPDX-License-Identifier: Apache-2.0 */
/* Connections: opening them, waiting for others within the call's deadline, SQLite's result codes as
 * ours, and the pool of one writer and some readers. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "sqlite.h"

#define PROGRESS_STEPS 2000   /* instructions of SQLite's machine between two looks at the deadline */
#define CACHE_LEAST_KIB 16384 /* of each connection, taken as needed */
#define CACHE_MOST_KIB 262144
#define CACHE_SHARE 64        /* the machine's memory by this, if that lies between them */
#define WAL_LIMIT (64 << 20)  /* a -wal that grew larger is cut when it starts anew */
#define POOL_POLL_NS 10000000 /* so often waiting threads look at their canceller */
#define LONGEST_WAIT_US 5000  /* between two tries for a lock of another process */

const char *store_name(const struct store *store) {
    size_t len = strlen(store->path);
    return len > 80 ? store->path + len - 80 : store->path;
}

/* --- waiting ----------------------------------------------------------------------------------- */

static tgs_status give_up(struct connection *connection) {
    if (!connection->call) return TGS_OK;
    if (connection->gave_up == TGS_OK) connection->gave_up = sqlite_host->check(connection->call);
    return connection->gave_up;
}

/* The longer it takes the longer we sleep, a little different each time, so that those who wait
 * do not try in step. */
static void pause_before(unsigned attempt) {
    unsigned us = attempt < 6 ? 100u << attempt : LONGEST_WAIT_US;
    us -= (unsigned)(sqlite_host->monotonic_ns() / 1000) % (us / 2);
    struct timespec pause = {0, (long)us * 1000};
    nanosleep(&pause, NULL);
}

static int on_busy(void *self, int attempt) {
    struct connection *connection = self;
    if (!connection->call || give_up(connection) != TGS_OK) return 0;
    pause_before((unsigned)attempt);
    return 1;
}

static int on_progress(void *self) { return give_up(self) != TGS_OK; }

bool connection_wait(struct connection *connection, int code, unsigned attempt) {
    int primary = code & 0xff;
    /* SQLite does not call the busy handler for each of these: not while another process recovers
     * the -wal, nor where it fears a deadlock. */
    bool busy = primary == SQLITE_BUSY || primary == SQLITE_LOCKED || primary == SQLITE_PROTOCOL;
    return busy && on_busy(connection, (int)(attempt < 1000 ? attempt : 1000));
}

int connection_step(struct connection *connection, sqlite3_stmt *handle) {
    bool started = sqlite3_stmt_busy(handle);
    int code = sqlite3_step(handle);
    /* One that has given rows already must not begin again. */
    for (unsigned attempt = 0; !started && code != SQLITE_ROW && code != SQLITE_DONE; attempt++) {
        if (!connection_wait(connection, code, attempt)) break;
        sqlite3_reset(handle);
        code = sqlite3_step(handle);
    }
    return code;
}

/* --- errors --------------------------------------------------------------------------------------- */

static const struct {
    int code;
    tgs_status status;
    const char *native;
} results[] = {
    {SQLITE_PERM, TGS_E_AUTH, "SQLITE_PERM"},
    {SQLITE_BUSY, TGS_E_BUSY, "SQLITE_BUSY"},
    {SQLITE_LOCKED, TGS_E_BUSY, "SQLITE_LOCKED"},
    {SQLITE_PROTOCOL, TGS_E_BUSY, "SQLITE_PROTOCOL"},
    {SQLITE_NOMEM, TGS_E_NOMEM, "SQLITE_NOMEM"},
    {SQLITE_READONLY, TGS_E_READ_ONLY, "SQLITE_READONLY"},
    {SQLITE_INTERRUPT, TGS_E_CANCELLED, "SQLITE_INTERRUPT"},
    {SQLITE_IOERR, TGS_E_BACKEND, "SQLITE_IOERR"},
    {SQLITE_CORRUPT, TGS_E_CORRUPT, "SQLITE_CORRUPT"},
    {SQLITE_FULL, TGS_E_NO_SPACE, "SQLITE_FULL"},
    {SQLITE_CANTOPEN, TGS_E_UNAVAILABLE, "SQLITE_CANTOPEN"},
    {SQLITE_TOOBIG, TGS_E_TOO_LARGE, "SQLITE_TOOBIG"},
    {SQLITE_MISMATCH, TGS_E_CORRUPT, "SQLITE_MISMATCH"},
    {SQLITE_CONSTRAINT, TGS_E_CORRUPT, "SQLITE_CONSTRAINT"}, /* our statements break none */
    {SQLITE_AUTH, TGS_E_AUTH, "SQLITE_AUTH"},
    {SQLITE_NOTADB, TGS_E_CORRUPT, "SQLITE_NOTADB"},
};

static tgs_status status_of_errno(int error, tgs_status otherwise) {
    switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return TGS_E_NO_SPACE;
    case EACCES:
    case EPERM:
        return TGS_E_AUTH;
    case EROFS:
        return TGS_E_READ_ONLY;
    case ENOMEM:
        return TGS_E_NOMEM;
    default:
        return otherwise;
    }
}

static bool file_is_full(sqlite3_file *file) {
    int error = 0;
    if (!file || !file->pMethods || file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &error))
        return false;
    return status_of_errno(error, TGS_OK) == TGS_E_NO_SPACE;
}

/* SQLite calls it SQLITE_FULL if the disk is full, but not if a quota or a limit of the process is, and what
 * it did after the failed write may have changed the system's error: so ask the files, too. */
static bool disk_is_full(sqlite3 *db) {
    sqlite3_file *file = NULL, *journal = NULL;
    sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &journal); /* the -wal */
    return file_is_full(file) || file_is_full(journal);
}

static tgs_status classify(struct connection *connection, int code, const char **native) {
    int primary = code & 0xff;
    tgs_status status = TGS_E_BACKEND;
    *native = "SQLITE_ERROR";
    for (size_t i = 0; i < sizeof results / sizeof *results; i++)
        if (results[i].code == primary) {
            status = results[i].status;
            *native = results[i].native;
        }
    if (code == SQLITE_IOERR_NOMEM) return TGS_E_NOMEM;
    if (code == SQLITE_IOERR_CORRUPTFS) return TGS_E_CORRUPT;
    if (primary == SQLITE_IOERR && disk_is_full(connection->db)) return TGS_E_NO_SPACE;
    if (primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN)
        return status_of_errno(sqlite3_system_errno(connection->db), status);
    if (primary == SQLITE_INTERRUPT) return connection->gave_up != TGS_OK ? connection->gave_up : status;
    if (status == TGS_E_BUSY && connection->gave_up == TGS_E_CANCELLED) return TGS_E_CANCELLED;
    return status;
}

static bool is_of_shared_memory(int code) {
    return code == SQLITE_IOERR_SHMOPEN || code == SQLITE_IOERR_SHMSIZE || code == SQLITE_IOERR_SHMMAP ||
           code == SQLITE_IOERR_SHMLOCK;
}

static const char *remedy(tgs_status status, int code) {
    if ((code & 0xff) == SQLITE_NOTADB) return "not a database, or an encrypted one; give another file";
    if (status == TGS_E_BACKEND && is_of_shared_memory(code))
        return "memory can't be shared through a file here; open it with locking=exclusive, or use a local "
               "disk";
    switch (status) {
    case TGS_E_BUSY:
        return "another program holds the lock; try again or give more time";
    case TGS_E_NO_SPACE:
        return "the disk or a quota is full; free some space and try again";
    case TGS_E_CORRUPT:
        return "the database is damaged; restore it from a backup";
    case TGS_E_AUTH:
        return "access was refused; check the permissions of the file and its folder";
    case TGS_E_READ_ONLY:
        return "the file can't be written; check its permissions, or open it with mode=ro";
    case TGS_E_UNAVAILABLE:
        return "the file can't be opened; check that it and its folder are there";
    default:
        return NULL;
    }
}

tgs_status connection_fail(struct connection *connection, int code, tgs_error *err) {
    const char *native;
    tgs_status status = classify(connection, code, &native);
    if (status == TGS_E_NOMEM || status == TGS_E_TIMEOUT || status == TGS_E_CANCELLED)
        return sqlite_host->fail(err, status, native, NULL);
    const char *advice = remedy(status, code);
    char message[sizeof err->message];
    if (advice)
        snprintf(message, sizeof message, "%s: %s (code %d)", store_name(connection->store), advice, code);
    else
        snprintf(message, sizeof message, "%s: %s (code %d); check the disk", store_name(connection->store),
                 sqlite3_errstr(code), code);
    return sqlite_host->fail(err, status, native, message);
}

/* --- opening ---------------------------------------------------------------------------------------- */

static int open_handle(struct connection *connection) {
    const struct store *store = connection->store;
    /* Never SQLITE_OPEN_CREATE: the file was made by file_prepare, for its owner alone. */
    int flags = SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE |
                (store->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE);
    int code = sqlite3_open_v2(connection->immutable ? store->immutable_uri : store->uri, &connection->db,
                               flags, NULL);
    if (code != SQLITE_OK) return code;
    sqlite3_busy_handler(connection->db, on_busy, connection);
    sqlite3_progress_handler(connection->db, PROGRESS_STEPS, on_progress, connection);
    sqlite3_db_config(connection->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(connection->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    /* Closing the last connection moves a -wal into the file.  A database that is refused must stay as it
     * is; file_adopt takes this back. */
    if (file_has_wal(store)) sqlite3_db_config(connection->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    /* Before the first look into the file: then SQLite locks it once and for all, and needs no -shm. */
    return store->exclusive ? sqlite3_exec(connection->db, "PRAGMA locking_mode=EXCLUSIVE", NULL, NULL, NULL)
                            : SQLITE_OK;
}

static int64_t cache_kib(void) {
    int64_t kib = (int64_t)sysconf(_SC_PHYS_PAGES) * (sysconf(_SC_PAGESIZE) / 1024) / CACHE_SHARE;
    if (kib < CACHE_LEAST_KIB) return CACHE_LEAST_KIB;
    return kib < CACHE_MOST_KIB ? kib : CACHE_MOST_KIB;
}

/* Not when it is opened, but with its first call: for these pragmas SQLite reads the schema.  What is deleted
 * is overwritten, a page that is not needed any more, too (FAST would leave that). */
static tgs_status set_up(struct connection *connection, tgs_error *err) {
    char pragmas[160];
    if (connection->is_set_up) return TGS_OK;
    snprintf(pragmas, sizeof pragmas,
             "PRAGMA cache_size=-%" PRId64 "; PRAGMA journal_size_limit=%d; PRAGMA wal_autocheckpoint=%d;"
             "PRAGMA secure_delete=ON",
             cache_kib(), WAL_LIMIT, connection->store->checkpoint_pages);
    tgs_status status = connection_execute(connection, pragmas, err);
    connection->is_set_up = status == TGS_OK;
    return status;
}

/* `code`: on failure, what SQLite says. */
static tgs_status open_once(struct store *store, const tgs_backend_call *call, bool immutable,
                            struct connection **out, int *code, tgs_error *err) {
    struct connection *connection = sqlite_host->alloc(sizeof *connection);
    if (!connection) return sqlite_host->fail(err, TGS_E_NOMEM, NULL, NULL);
    memset(connection, 0, sizeof *connection);
    connection->store = store;
    connection->call = call;
    connection->immutable = immutable;
    *code = open_handle(connection);
    tgs_status status = *code == SQLITE_OK ? TGS_OK : connection_fail(connection, *code, err);
    int64_t version;
    /* The first look into the file; only now SQLite opens the -wal. */
    if (status == TGS_OK && store->read_only)
        status = connection_number(connection, "PRAGMA schema_version", &version, err);
    if (status == TGS_OK) {
        *out = connection;
    } else {
        *code = sqlite3_extended_errcode(connection->db);
        connection_close(connection);
    }
    return status;
}

static const char unfinished[] = "-journal holds a change that was broken off; open it once with mode=rw, "
                                 "which undoes that";
static const char newer[] = "-wal holds newer data, which can't be read without the right to write to the "
                            "folder; copy the database with its -wal elsewhere, or get that right";

/* There is a file beside the database that can't be taken into account. */
static tgs_status fail_left_behind(const struct store *store, tgs_status status, const char *what,
                                   tgs_error *err) {
    char message[sizeof err->message];
    snprintf(message, sizeof message, "%s%s", store_name(store), what);
    return sqlite_host->fail(err, status, status == TGS_E_AUTH ? "SQLITE_CANTOPEN" : "SQLITE_READONLY",
                             message);
}

/* Even to read, a database in WAL mode needs its -shm, which SQLite makes if it may write to the folder.
 * Where it may not, a -wal that is missing or empty says that all is in the file itself, and that may be
 * read as if it never changed.  A connection of that kind serves one call only, since a writer with more
 * rights may come later; that one makes a -shm, so that then the ordinary way works.  A -wal that holds
 * something must not be passed over: it has the newest commits.  Nor must a journal that a killed program has
 * left: without it the file shows half a change. */
tgs_status connection_open(struct store *store, const tgs_backend_call *call, struct connection **out,
                           tgs_error *err) {
    int code = SQLITE_OK;
    tgs_status status = open_once(store, call, false, out, &code, err);
    bool refused = status == TGS_E_AUTH || status == TGS_E_READ_ONLY || status == TGS_E_UNAVAILABLE;
    if (!store->read_only || !refused) return status;
    if (code == SQLITE_READONLY_ROLLBACK) return fail_left_behind(store, TGS_E_READ_ONLY, unfinished, err);
    if (file_has_wal(store)) return fail_left_behind(store, TGS_E_AUTH, newer, err);
    *err = (tgs_error){.index = -1}; /* the refusal is no failure of the call */
    return open_once(store, call, true, out, &code, err);
}

void connection_close(struct connection *connection) {
    if (!connection) return;
    for (size_t i = 0; i < QUERY_COUNT; i++) sqlite3_finalize(connection->statements[i].handle);
    sqlite3_close(connection->db);
    buffer_release(&connection->names);
    buffer_release(&connection->joined);
    buffer_release(&connection->stored);
    buffer_release(&connection->skips);
    buffer_release(&connection->sequences);
    sqlite_host->release(connection);
}

tgs_status connection_execute(struct connection *connection, const char *sql, tgs_error *err) {
    int code = sqlite3_exec(connection->db, sql, NULL, NULL, NULL);
    for (unsigned attempt = 0; code != SQLITE_OK && connection_wait(connection, code, attempt); attempt++)
        code = sqlite3_exec(connection->db, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? TGS_OK : connection_fail(connection, code, err);
}

static int take_number(void *number, int n_columns, char **values, char **names) {
    (void)n_columns;
    (void)names;
    *(int64_t *)number = values[0] ? strtoll(values[0], NULL, 10) : 0;
    return 0;
}

tgs_status connection_number(struct connection *connection, const char *sql, int64_t *number,
                             tgs_error *err) {
    int code = sqlite3_exec(connection->db, sql, take_number, number, NULL);
    for (unsigned attempt = 0; code != SQLITE_OK && connection_wait(connection, code, attempt); attempt++)
        code = sqlite3_exec(connection->db, sql, take_number, number, NULL);
    return code == SQLITE_OK ? TGS_OK : connection_fail(connection, code, err);
}

tgs_status connection_set_synchronous(struct connection *connection, enum synchronous synchronous,
                                      tgs_error *err) {
    if (connection->synchronous == synchronous) return TGS_OK;
    tgs_status status = connection_execute(
        connection, synchronous == SYNCHRONOUS_FULL ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL",
        err);
    if (status == TGS_OK) connection->synchronous = synchronous;
    return status;
}

/* --- the pool ------------------------------------------------------------------------------------------ */

/* Sleep until a connection comes back, but not past the deadline nor too long for the canceller. */
static void pool_wait(struct store *store, pthread_cond_t *freed, const tgs_backend_call *call) {
    int64_t until = sqlite_host->monotonic_ns() + POOL_POLL_NS;
    if (until > call->deadline_ns) until = call->deadline_ns;
    struct timespec time = {(time_t)(until / 1000000000), (long)(until % 1000000000)};
    pthread_cond_timedwait(freed, &store->lock, &time);
}

static tgs_status pool_fail(const struct store *store, tgs_status status, tgs_error *err) {
    if (status != TGS_E_TIMEOUT) return sqlite_host->fail(err, status, NULL, NULL);
    char message[160];
    snprintf(message, sizeof message,
             "%s: other threads used all connections for the whole deadline; "
             "try again or give more time",
             store_name(store));
    return sqlite_host->fail(err, TGS_E_BUSY, NULL, message);
}

/* A connection that can't be used goes back. */
static tgs_status begin_call(struct connection *connection, const tgs_backend_call *call,
                             struct connection **out, tgs_error *err) {
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): who waits in vain does not come here */
    connection->call = call;
    connection->gave_up = TGS_OK;
    tgs_status status = set_up(connection, err);
    if (status == TGS_OK)
        *out = connection;
    else
        pool_give_back(connection);
    return status;
}

tgs_status pool_take_writer(struct store *store, const tgs_backend_call *call, struct connection **out,
                            tgs_error *err) {
    tgs_status status = TGS_OK;
    pthread_mutex_lock(&store->lock);
    while (store->writer_busy && (status = sqlite_host->check(call)) == TGS_OK)
        pool_wait(store, &store->writer_freed, call);
    if (status == TGS_OK) store->writer_busy = true;
    pthread_mutex_unlock(&store->lock);
    if (status != TGS_OK) return pool_fail(store, status, err);
    return begin_call(store->writer, call, out, err);
}

tgs_status pool_take_reader(struct store *store, const tgs_backend_call *call, struct connection **out,
                            tgs_error *err) {
    tgs_status status = TGS_OK;
    if (store->exclusive) return pool_take_writer(store, call, out, err);
    pthread_mutex_lock(&store->lock);
    while (!store->n_idle && store->n_readers == store->max_readers &&
           (status = sqlite_host->check(call)) == TGS_OK)
        pool_wait(store, &store->reader_freed, call);
    struct connection *reader = status == TGS_OK && store->n_idle ? store->idle[--store->n_idle] : NULL;
    if (status == TGS_OK && !reader) store->n_readers++;
    pthread_mutex_unlock(&store->lock);
    if (status != TGS_OK) return pool_fail(store, status, err);
    if (!reader) status = connection_open(store, call, &reader, err);
    if (status == TGS_OK) return begin_call(reader, call, out, err);
    pthread_mutex_lock(&store->lock);
    store->n_readers--;
    pthread_cond_signal(&store->reader_freed);
    pthread_mutex_unlock(&store->lock);
    return status;
}

void pool_give_back(struct connection *connection) {
    struct store *store = connection->store;
    connection->call = NULL;
    bool keep = !connection->immutable; /* that one would never see a change of the file */
    pthread_mutex_lock(&store->lock);
    if (connection == store->writer)
        store->writer_busy = false;
    else if (keep)
        store->idle[store->n_idle++] = connection;
    else
        store->n_readers--;
    pthread_cond_signal(connection == store->writer ? &store->writer_freed : &store->reader_freed);
    pthread_mutex_unlock(&store->lock);
    if (!keep) connection_close(connection);
}
