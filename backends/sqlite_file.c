/* SPDX-License-Identifier: Apache-2.0 */
/* The database file: is this path one we may open, is this database ours, has it the newest schema?
 * Nothing but SQLite ever opens a file that exists: closing any descriptor of it would drop the locks
 * that SQLite holds in this process. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "new_file.h"
#include "sqlite.h"

#define APPLICATION_ID 0x74677374 /* "tgst" */

tgs_status fail_errno(tgs_error *err, int error, const char *doing, const char *path) {
    static const struct {
        int error;
        tgs_status status;
        const char *advice;
    } known[] = {
        {EACCES, TGS_E_AUTH, "permission denied; check the permissions of the file and its folder"},
        {EPERM, TGS_E_AUTH, "not permitted; check the permissions of the file and its folder"},
        {EROFS, TGS_E_READ_ONLY, "the file system is mounted for reading only"},
        {ENOENT, TGS_E_UNAVAILABLE, "no such file or folder"},
        {ENOTDIR, TGS_E_UNAVAILABLE, "a part of the path is not a folder"},
        {EEXIST, TGS_E_CONFLICT, "the file exists; give another path or remove it"},
        {EISDIR, TGS_E_UNAVAILABLE, "is a directory; name a file in it"},
        {ENAMETOOLONG, TGS_E_INVALID, "the path is too long"},
        {ELOOP, TGS_E_INVALID, "too many symbolic links"},
        {ENOSPC, TGS_E_NO_SPACE, "the disk is full; free some space"},
        {EDQUOT, TGS_E_NO_SPACE, "the quota is used up; free some space"},
        {ENOMEM, TGS_E_NOMEM, "out of memory"},
    };
    tgs_status status = TGS_E_BACKEND;
    const char *advice = "the system refused it";
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].error == error) {
            status = known[i].status;
            advice = known[i].advice;
        }
    if (error == ENAMETOOLONG) path = "the file"; /* what is that long may be a session string */
    size_t len = strlen(path);
    char message[sizeof err->message];
    snprintf(message, sizeof message, "%s %s: %s (errno %d)", doing, len > 80 ? path + len - 80 : path,
             advice, error);
    return sqlite_host->fail(err, status, NULL, message);
}

static tgs_status fail_path(const struct store *store, tgs_status status, const char *advice,
                            tgs_error *err) {
    char message[sizeof err->message];
    snprintf(message, sizeof message, "%s %s", store_name(store), advice);
    return sqlite_host->fail(err, status, NULL, message);
}

/* --- paths ------------------------------------------------------------------------------------- */

/* Relative paths are meant as of now, whatever becomes of the working directory. */
static char *absolute(tgs_str path) {
    char folder[PATH_MAX] = "";
    if (path.ptr[0] != '/' && !getcwd(folder, sizeof folder)) return NULL;
    size_t size = strlen(folder) + path.len + 2;
    char *out = sqlite_host->alloc(size);
    if (out) snprintf(out, size, "%s%s%.*s", folder, path.ptr[0] == '/' ? "" : "/", (int)path.len, path.ptr);
    return out;
}

/* As a URI, so that no character of the path means anything to SQLite. */
static char *to_uri(const char *path, const char *parameters) {
    static const char scheme[] = "file://", hex[] = "0123456789ABCDEF";
    char *uri = sqlite_host->alloc(sizeof scheme + 3 * strlen(path) + strlen(parameters));
    if (!uri) return NULL;
    char *end = uri + snprintf(uri, sizeof scheme, "%s", scheme);
    for (const unsigned char *c = (const unsigned char *)path; *c; c++) {
        bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') ||
                     strchr("/._-", *c);
        if (plain) {
            *end++ = (char)*c;
        } else {
            *end++ = '%';
            *end++ = hex[*c >> 4];
            *end++ = hex[*c & 15];
        }
    }
    memcpy(end, parameters, strlen(parameters) + 1);
    return uri;
}

static tgs_status set_path(struct store *store, tgs_str path, tgs_error *err) {
    if (!path.len) return sqlite_host->fail(err, TGS_E_INVALID, NULL, "the path is empty; give sqlite:FILE");
    if (strcmp(path.ptr, ":memory:") == 0)
        return sqlite_host->fail(err, TGS_E_INVALID, NULL,
                                 "sqlite: needs a file; use memory: to keep nothing");
    store->path = absolute(path);
    if (store->path && strlen(store->path) + sizeof "-journal" > PATH_MAX)
        return fail_errno(err, ENAMETOOLONG, "opening", store->path);
    if (store->path) store->uri = to_uri(store->path, "");
    if (store->path) store->immutable_uri = to_uri(store->path, "?immutable=1");
    if (!store->uri || !store->immutable_uri) return sqlite_host->fail(err, TGS_E_NOMEM, NULL, NULL);
    return TGS_OK;
}

/* WAL keeps its index in memory that all users of the file share: that needs one kernel. */
static tgs_status check_file_system(const struct store *store, const char *path, tgs_error *err) {
    static const struct {
        uint32_t type;
        const char *name;
    } remote[] = {
        {0x6969, "NFS"},      {0x517b, "SMB"},        {0xff534d42, "CIFS"}, {0xfe534d42, "SMB2"},
        {0x01021997, "9P"},   {0x65735546, "FUSE"},   {0x5346414f, "AFS"},  {0x73757245, "Coda"},
        {0x00c36400, "Ceph"}, {0x0bd00bd0, "Lustre"},
    };
    struct statfs system;
    if (statfs(path, &system) != 0) return fail_errno(err, errno, "looking at", path);
    for (size_t i = 0; i < sizeof remote / sizeof *remote; i++)
        if ((uint32_t)system.f_type == remote[i].type) {
            char advice[120];
            snprintf(advice, sizeof advice,
                     "is on a network or FUSE file system (%s), where SQLite's WAL mode loses "
                     "data; use a local disk",
                     remote[i].name);
            return fail_path(store, TGS_E_UNSUPPORTED, advice, err);
        }
    return TGS_OK;
}

static tgs_status check_folder(const struct store *store, tgs_error *err) {
    char folder[PATH_MAX];
    size_t len = (size_t)(strrchr(store->path, '/') - store->path);
    snprintf(folder, sizeof folder, "%.*s/", (int)len, store->path);
    return check_file_system(store, folder, err);
}

static tgs_status create_file(const char *path, tgs_error *err) {
    int descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (descriptor < 0) return fail_errno(err, errno, "creating", path);
    int error = new_file_own(descriptor); /* SQLite gives the files beside this one the same mode */
    close(descriptor);
    if (error) unlink(path);
    return error ? fail_errno(err, error, "creating", path) : TGS_OK;
}

/* Somebody else may create it at the same time: then it is there, as private as ours. */
static tgs_status create_database(const struct store *store, tgs_error *err) {
    tgs_status status = check_folder(store, err);
    if (status != TGS_OK) return status;
    status = create_file(store->path, err);
    struct stat info;
    return status == TGS_E_CONFLICT && stat(store->path, &info) == 0 ? TGS_OK : status;
}

/* What may be wrong with a file that is there, better told before SQLite says "unable to open". */
static tgs_status check_existing(const struct store *store, const struct stat *info, tgs_error *err) {
    if (S_ISDIR(info->st_mode))
        return fail_path(store, TGS_E_UNAVAILABLE, "is a directory; name a file in it", err);
    if (!S_ISREG(info->st_mode)) return fail_path(store, TGS_E_UNAVAILABLE, "is not a regular file", err);
    if (access(store->path, store->read_only ? R_OK : R_OK | W_OK) != 0)
        return fail_errno(err, errno, store->read_only ? "reading" : "writing", store->path);
    return check_file_system(store, store->path, err);
}

tgs_status file_prepare(struct store *store, tgs_str path, bool create, tgs_error *err) {
    tgs_status status = set_path(store, path, err);
    if (status != TGS_OK) return status;
    struct stat info;
    /* NOLINTNEXTLINE(analyzer-null-argument): set_path has set it */
    if (stat(store->path, &info) == 0) return check_existing(store, &info, err);
    if (errno != ENOENT || !create) return fail_errno(err, errno, "opening", store->path);
    return create_database(store, err);
}

bool file_has_wal(const struct store *store) {
    char path[PATH_MAX + 8];
    struct stat info;
    snprintf(path, sizeof path, "%s-wal", store->path);
    return stat(path, &info) == 0 && info.st_size > 0;
}

/* --- whose database is it? ---------------------------------------------------------------------------- */

struct identity {
    int64_t application, version, tables;
};

/* Tables are counted, for which SQLite has to read the whole schema, only where nothing else says whose it
 * is. */
static tgs_status identify(struct connection *connection, struct identity *is, tgs_error *err) {
    *is = (struct identity){0};
    tgs_status status = connection_number(connection, "PRAGMA application_id", &is->application, err);
    if (status == TGS_OK) status = connection_number(connection, "PRAGMA user_version", &is->version, err);
    if (status == TGS_OK && !is->application && !is->version)
        status = connection_number(connection, "SELECT count(*) FROM sqlite_schema", &is->tables, err);
    return status;
}

static int64_t newest_version(void) {
    int64_t version = 0;
    while (sqlite_migrations[version]) version++;
    return version;
}

static int take_text(void *text, int n_columns, char **values, char **names) {
    (void)n_columns;
    (void)names;
    snprintf(text, 80, "%s", values[0] ? values[0] : "");
    return 0;
}

static tgs_status fail_foreign(struct connection *connection, const struct identity *is, tgs_error *err) {
    char tables[80] = "", advice[200];
    /* best effort: it is only for the message */
    sqlite3_exec(connection->db,
                 "SELECT group_concat(name, ', ') FROM (SELECT name FROM sqlite_schema WHERE type = 'table' "
                 "ORDER BY name LIMIT 4)",
                 take_text, tables, NULL);
    if (is->application)
        snprintf(advice, sizeof advice,
                 "belongs to another program (application id 0x%08" PRIx32 "); give another path",
                 (uint32_t)is->application);
    else
        snprintf(advice, sizeof advice,
                 "is another program's database (tables: %s); give another path, or read a "
                 "session file with tgstore import",
                 tables);
    return fail_path(connection->store, TGS_E_CORRUPT, advice, err);
}

static tgs_status check_identity(struct connection *connection, const struct identity *is, tgs_error *err) {
    bool fresh = !is->application && !is->version && !is->tables;
    if (!fresh && is->application != APPLICATION_ID) return fail_foreign(connection, is, err);
    if (is->version <= newest_version()) return TGS_OK;
    char advice[120];
    snprintf(advice, sizeof advice,
             "has schema %" PRId64 ", this version knows up to %" PRId64 "; use a newer tgstore", is->version,
             newest_version());
    return fail_path(connection->store, TGS_E_UNSUPPORTED, advice, err);
}

/* In one transaction: another process may be creating the schema at this moment. */
static tgs_status examine(struct connection *connection, struct identity *is, tgs_error *err) {
    tgs_status status = connection_execute(connection, "BEGIN", err);
    if (status != TGS_OK) return status;
    status = identify(connection, is, err);
    if (status == TGS_OK) status = check_identity(connection, is, err);
    /* Nothing was written; a connection that fails here is closed. */
    return status == TGS_OK ? connection_execute(connection, "ROLLBACK", err) : status;
}

tgs_status file_recognise(struct connection *connection, tgs_error *err) {
    struct identity is;
    tgs_status status = examine(connection, &is, err);
    if (status != TGS_OK || is.version == newest_version()) return status;
    return fail_path(connection->store, TGS_E_UNSUPPORTED,
                     is.version ? "has an older schema; open it once with mode=rw"
                                : "is empty; open it once with mode=rwc",
                     err);
}

/* --- schema -------------------------------------------------------------------------------------------- */

static sqlite3_file *file_of(struct connection *connection) {
    sqlite3_file *file = NULL;
    sqlite3_file_control(connection->db, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    return file && file->pMethods ? file : NULL;
}

/* WAL mode needs memory that all who use the file share, unless there is only one of them.  One alone is not
 * made of it without being told: others would be shut out. */
static tgs_status check_shared_memory(struct connection *connection, tgs_error *err) {
    sqlite3_file *file = file_of(connection);
    bool shared = file && file->pMethods->iVersion >= 2 && file->pMethods->xShmMap;
    if (shared || connection->store->exclusive) return TGS_OK;
    return fail_path(connection->store, TGS_E_UNSUPPORTED,
                     "can't be shared by processes: this file system has no shared memory; open it with "
                     "locking=exclusive",
                     err);
}

/* By the version numbers in the header of the file (SQLite's file format, section 1.3.3): asking SQLite would
 * make it read the whole schema, which can wait for the first statement. */
static bool is_in_wal_mode(struct connection *connection) {
    sqlite3_file *file = file_of(connection);
    unsigned char versions[2] = {0};
    return file && file->pMethods->xRead(file, versions, 2, 18) == SQLITE_OK && versions[0] == 2 &&
           versions[1] == 2;
}

static tgs_status enter_wal_mode(struct connection *connection, tgs_error *err) {
    char mode[80] = "";
    int code = SQLITE_OK;
    if (is_in_wal_mode(connection)) return TGS_OK;
    for (unsigned attempt = 0; attempt == 0 || connection_wait(connection, code, attempt); attempt++)
        code = sqlite3_exec(connection->db, "PRAGMA journal_mode=WAL", take_text, mode, NULL);
    if (code != SQLITE_OK) return connection_fail(connection, code, err);
    if (strcmp(mode, "wal") == 0) return TGS_OK;
    return fail_path(connection->store, TGS_E_UNSUPPORTED,
                     "can't be used in WAL mode; use another build of SQLite, or another disk", err);
}

/* In one transaction: all steps from the stored version on, and who we are. */
static tgs_status migrate(struct connection *connection, tgs_error *err) {
    struct identity is = {0};
    tgs_status status = connection_execute(connection, "BEGIN IMMEDIATE", err);
    if (status != TGS_OK) return status;
    status = identify(connection, &is, err); /* another process may have been faster */
    if (status == TGS_OK) status = check_identity(connection, &is, err);
    for (int64_t step = is.version; status == TGS_OK && sqlite_migrations[step]; step++)
        status = connection_execute(connection, sqlite_migrations[step], err);
    char stamp[80];
    snprintf(stamp, sizeof stamp, "PRAGMA application_id=%d; PRAGMA user_version=%" PRId64, APPLICATION_ID,
             newest_version());
    if (status == TGS_OK) status = connection_execute(connection, stamp, err);
    if (status == TGS_OK) status = connection_execute(connection, "COMMIT", err);
    if (status != TGS_OK && !sqlite3_get_autocommit(connection->db))
        sqlite3_exec(connection->db, "ROLLBACK", NULL, NULL, NULL);
    return status;
}

tgs_status file_adopt(struct connection *connection, tgs_error *err) {
    struct identity is;
    tgs_status status = check_shared_memory(connection, err);
    if (status == TGS_OK) status = examine(connection, &is, err);
    if (status == TGS_OK) status = enter_wal_mode(connection, err);
    if (status == TGS_OK && (is.version < newest_version() || is.application != APPLICATION_ID)) {
        status = connection_set_synchronous(connection, SYNCHRONOUS_FULL, err);
        if (status == TGS_OK) status = migrate(connection, err);
    }
    if (status == TGS_OK) sqlite3_db_config(connection->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    return status;
}
