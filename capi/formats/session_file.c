/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Session files are read through SQLite's own VFS and by nothing else.  POSIX locks
 * belong to a process: were we to open and close the file ourselves, a client in this
 * process that has it open would lose its locks.  The unix VFS knows of all descriptors
 * of an inode and closes none while a lock is held (by users of the same libsqlite3).
 *
 * Under a shared lock no rollback-journal writer can change the main file.  In WAL mode a
 * checkpoint can, but copies only pages that are committed in the log, and the log is not
 * begun anew without new salts in its header.  So: read the log's header, the main file,
 * the log, then the header again.  If it is the same, every page that changed under our
 * hands is in the log that was read after it, and the log's pages are laid over.
 */
#include "session_file.h"

#include <errno.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "allocator.h"
#include "error.h"

#define CHUNK ((size_t)1 << 20)
#define PAUSE_NS 10000000
#define SHOWN_PATH_BYTES 80

struct reader {
    sqlite3_vfs *vfs;
    const char *path;   /* as the caller gave it */
    const char *name;   /* as SQLite wants it: knows its -wal and -journal */
    sqlite3_file *file; /* the main file, locked */
    const struct limits *limits;
    tgs_error *err;
};

const char *path_shown(const char *path) {
    size_t len = strlen(path);
    if (len <= SHOWN_PATH_BYTES) return path;
    path += len - SHOWN_PATH_BYTES;
    while (((unsigned char)*path & 0xc0) == 0x80) path++;
    return path;
}

static tgs_status failed(const struct reader *reader, int result, const char *what) {
    if ((result & 0xff) == SQLITE_NOMEM || result == SQLITE_IOERR_NOMEM) return error_nomem(reader->err);
    int code = reader->vfs->xGetLastError ? reader->vfs->xGetLastError(reader->vfs, 0, NULL) : 0;
    if (code == ENOMEM) return error_nomem(reader->err);
    if (code == EACCES || code == EPERM)
        return error_set(reader->err, TGS_E_AUTH, "%s: permission denied%s", path_shown(reader->path), what);
    return error_set(reader->err, TGS_E_UNAVAILABLE, "%s can't be read%s: %s", path_shown(reader->path), what,
                     code ? strerror(code) : "input/output error");
}

static tgs_status check_limits(const struct reader *reader) {
    tgs_status status = limits_check(&reader->limits->backend);
    if (status == TGS_OK) return TGS_OK;
    return error_set(reader->err, status,
                     status == TGS_E_TIMEOUT ? "%s: the deadline passed while it was read"
                                             : "%s: the call was cancelled",
                     path_shown(reader->path));
}

static tgs_status open_file(const struct reader *reader, const char *name, int kind, sqlite3_file **out) {
    *out = mem_zeroed(1, (size_t)reader->vfs->szOsFile);
    if (!*out) return error_nomem(reader->err);
    int flags = 0;
    int result = reader->vfs->xOpen(reader->vfs, name, *out, kind | SQLITE_OPEN_READONLY, &flags);
    if (result == SQLITE_OK) return TGS_OK;
    tgs_status status =
        failed(reader, result, kind == SQLITE_OPEN_MAIN_DB ? "" : " (the -wal or -journal beside it)");
    if ((*out)->pMethods) (*out)->pMethods->xClose(*out);
    mem_free(*out);
    *out = NULL;
    return status;
}

static void close_file(sqlite3_file *file) {
    if (!file) return;
    file->pMethods->xClose(file);
    mem_free(file);
}

static tgs_status read_bytes(const struct reader *reader, sqlite3_file *file, struct buffer *out) {
    for (size_t at = 0; at < out->size; at += CHUNK) {
        size_t n = out->size - at < CHUNK ? out->size - at : CHUNK;
        int result = file->pMethods->xRead(file, out->bytes + at, (int)n, (sqlite3_int64)at);
        if (result != SQLITE_OK && result != SQLITE_IOERR_SHORT_READ) return failed(reader, result, "");
        tgs_status status = check_limits(reader);
        if (status != TGS_OK) return status;
    }
    return TGS_OK;
}

/* Read the first `max` bytes of the file, or all. */
static tgs_status read_open(const struct reader *reader, sqlite3_file *file, size_t max, struct buffer *out) {
    sqlite3_int64 size = 0;
    buffer_free(out);
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): it has been opened */
    int result = file->pMethods->xFileSize(file, &size);
    if (result != SQLITE_OK) return failed(reader, result, "");
    if (size > (sqlite3_int64)MAX_FILE_BYTES && max > MAX_FILE_BYTES)
        return error_set(reader->err, TGS_E_TOO_LARGE, "%s: more than 1 GiB is no session file",
                         path_shown(reader->path));
    if (!buffer_resize(out, (size_t)size < max ? (size_t)size : max)) return error_nomem(reader->err);
    return read_bytes(reader, file, out);
}

/* Read a file beside the main one; no such file is an empty one. */
static tgs_status read_beside(const struct reader *reader, const char *name, int kind, size_t max,
                              struct buffer *out) {
    int exists = 0;
    sqlite3_file *file;
    buffer_free(out);
    int result = reader->vfs->xAccess(reader->vfs, name, SQLITE_ACCESS_EXISTS, &exists);
    if (result != SQLITE_OK) return failed(reader, result, " (the -wal or -journal beside it)");
    if (!exists) return TGS_OK;
    tgs_status status = open_file(reader, name, kind, &file);
    if (status != TGS_OK) return status;
    status = read_open(reader, file, max, out);
    close_file(file);
    return status;
}

/* A journal is hot if its writer died: it has a header, and nobody is writing. */
static tgs_status roll_back(const struct reader *reader, struct buffer *image) {
    struct buffer journal = {NULL, 0};
    char super[PATH_MAX];
    int reserved = 0, exists = 1;
    tgs_status status = read_beside(reader, sqlite3_filename_journal(reader->name), SQLITE_OPEN_MAIN_JOURNAL,
                                    SIZE_MAX, &journal);
    if (status == TGS_OK && journal.size && journal.bytes[0]) {
        int result = reader->file->pMethods->xCheckReservedLock(reader->file, &reserved);
        if (result == SQLITE_OK && !reserved && journal_super_name(&journal, super, sizeof super))
            result = reader->vfs->xAccess(reader->vfs, super, SQLITE_ACCESS_EXISTS, &exists);
        if (result != SQLITE_OK) status = failed(reader, result, "");
        /* A super-journal that is gone means that the transaction was committed. */
        if (status == TGS_OK && !reserved && exists) status = sqlite_roll_back(image, &journal, reader->err);
    }
    buffer_free(&journal);
    return status;
}

/* One attempt at a consistent copy.  `again`: the log was begun anew meanwhile. */
static tgs_status read_once(const struct reader *reader, struct buffer *image, bool *again) {
    const char *wal_name = sqlite3_filename_wal(reader->name);
    struct buffer before = {NULL, 0}, wal = {NULL, 0}, after = {NULL, 0};
    *again = false;
    tgs_status status = read_beside(reader, wal_name, SQLITE_OPEN_WAL, WAL_HEADER_SIZE, &before);
    if (status == TGS_OK) status = read_open(reader, reader->file, SIZE_MAX, image);
    bool sqlite = status == TGS_OK && is_sqlite(image);
    if (sqlite) status = roll_back(reader, image);
    /* Whatever the main file says of itself: SQLite uses a log that lies beside it. */
    if (status == TGS_OK && sqlite) {
        status = read_beside(reader, wal_name, SQLITE_OPEN_WAL, SIZE_MAX, &wal);
        if (status == TGS_OK)
            status = read_beside(reader, wal_name, SQLITE_OPEN_WAL, WAL_HEADER_SIZE, &after);
        *again = status == TGS_OK && (before.size != after.size ||
                                      (before.size && memcmp(before.bytes, after.bytes, before.size) != 0));
        if (status == TGS_OK && !*again) status = sqlite_overlay_wal(image, &wal, reader->err);
    }
    buffer_free(&before);
    buffer_free(&wal);
    buffer_free(&after);
    return status;
}

static tgs_status wait_or_give_up(const struct reader *reader) {
    tgs_status status = limits_check(&reader->limits->backend);
    if (status == TGS_E_CANCELLED)
        return error_set(reader->err, status, "%s: the call was cancelled", path_shown(reader->path));
    if (status == TGS_E_TIMEOUT)
        return error_set(reader->err, TGS_E_BUSY,
                         "%s is locked for writing by another program; close it or wait longer",
                         path_shown(reader->path));
    limits_pause(reader->limits, PAUSE_NS);
    return TGS_OK;
}

static tgs_status lock_shared(const struct reader *reader) {
    for (;;) {
        int result = reader->file->pMethods->xLock(reader->file, SQLITE_LOCK_SHARED);
        if (result == SQLITE_OK) return TGS_OK;
        if ((result & 0xff) != SQLITE_BUSY) return failed(reader, result, " (it can't be locked)");
        tgs_status status = wait_or_give_up(reader);
        if (status != TGS_OK) return status;
    }
}

static tgs_status read_locked(const struct reader *reader, struct buffer *image) {
    bool again = true;
    tgs_status status = lock_shared(reader);
    if (status != TGS_OK) return status;
    while (status == TGS_OK && again) {
        status = read_once(reader, image, &again);
        if (status == TGS_OK && again) status = wait_or_give_up(reader);
    }
    reader->file->pMethods->xUnlock(reader->file, SQLITE_LOCK_NONE);
    if (status == TGS_OK && sqlite_uses_wal(image))
        image->bytes[18] = image->bytes[19] = 1; /* its log is in it now */
    return status;
}

/* Find out by name only what can be: opening is left to SQLite. */
static tgs_status check_path(const char *path, tgs_error *err) {
    struct stat info;
    if (stat(path, &info) != 0) {
        if (errno == ENOENT || errno == ENOTDIR) return error_set_native(err, TGS_NOT_FOUND, NULL, NULL);
        if (errno == ENAMETOOLONG) /* it may be a secret, so it is not shown */
            return error_set(err, TGS_E_INVALID, "the path is too long; a session string is read as text");
        if (errno == EACCES) return error_set(err, TGS_E_AUTH, "%s: permission denied", path_shown(path));
        return error_set(err, TGS_E_INVALID, "%s: %s", path_shown(path), strerror(errno));
    }
    if (S_ISDIR(info.st_mode)) {
        char inside[PATH_MAX];
        int n = snprintf(inside, sizeof inside, "%s/key_datas", path);
        if (n > 0 && (size_t)n < sizeof inside && stat(inside, &info) == 0)
            return error_set(err, TGS_E_UNSUPPORTED,
                             "%s is a tdata folder of Telegram Desktop: this version can't read it",
                             path_shown(path));
        return error_set(err, TGS_E_INVALID, "%s is a directory; give the session file in it",
                         path_shown(path));
    }
    if (!S_ISREG(info.st_mode))
        return error_set(err, TGS_E_INVALID, "%s is not a regular file", path_shown(path));
    if (info.st_size > (off_t)MAX_FILE_BYTES)
        return error_set(err, TGS_E_TOO_LARGE, "%s: more than 1 GiB is no session file", path_shown(path));
    return TGS_OK;
}

/* The full path in the form that the VFS takes.  Out: free with sqlite3_free_filename */
static tgs_status make_name(const struct reader *reader, const char **out) {
    size_t size = (size_t)reader->vfs->mxPathname + 1;
    char *full = mem_alloc(size);
    if (!full) return error_nomem(reader->err);
    tgs_status status = TGS_OK;
    int result = reader->vfs->xFullPathname(reader->vfs, reader->path, (int)size, full);
    if ((result & 0xff) != SQLITE_OK) {
        status = failed(reader, result, "");
    } else {
        char *journal = sqlite3_mprintf("%s-journal", full);
        char *wal = sqlite3_mprintf("%s-wal", full);
        *out = journal && wal ? sqlite3_create_filename(full, journal, wal, 0, NULL) : NULL;
        sqlite3_free(journal);
        sqlite3_free(wal);
        if (!*out) status = error_nomem(reader->err);
    }
    mem_free(full);
    return status;
}

tgs_status session_file_read(const char *path, const struct limits *limits, struct buffer *out,
                             tgs_error *err) {
    struct reader reader = {.vfs = sqlite3_vfs_find(NULL), .path = path, .limits = limits, .err = err};
    struct buffer image = {NULL, 0};
    tgs_status status = check_path(path, err);
    if (status != TGS_OK) return status;
    if (!reader.vfs) return error_set(err, TGS_E_UNSUPPORTED, "this SQLite has no VFS");
    status = make_name(&reader, &reader.name);
    if (status != TGS_OK) return status;
    status = open_file(&reader, reader.name, SQLITE_OPEN_MAIN_DB, &reader.file);
    if (status == TGS_OK) {
        status = read_locked(&reader, &image);
        close_file(reader.file);
    }
    sqlite3_free_filename((char *)reader.name);
    if (status == TGS_OK)
        *out = image;
    else
        buffer_free(&image);
    return status;
}
