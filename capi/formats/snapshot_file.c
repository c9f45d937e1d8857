/* SPDX-License-Identifier: Apache-2.0 */
/* Writing session files: made in memory, then put in place as a whole, never over another file. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "error.h"
#include "new_file.h"
#include "session_file.h"
#include "session_writer.h"
#include "text.h"
#include "wipe.h"

static const struct {
    const char *name;
    tgs_status (*write)(struct session_writer *writer);
} formats[] = {
    {"telethon-sqlite", telethon_file_write},
    {"pyrogram-sqlite", pyrogram_file_write},
    {"kurigram-sqlite", kurigram_file_write},
};
#define FORMAT_COUNT (sizeof formats / sizeof *formats)

static tgs_status io_failed(const char *path, int code, tgs_error *err) {
    if (code == EEXIST)
        return error_set(err, TGS_E_CONFLICT, "%s exists; give another name", path_shown(path));
    tgs_status status = code == EACCES || code == EPERM                       ? TGS_E_AUTH
                        : code == EROFS                                       ? TGS_E_READ_ONLY
                        : code == ENOSPC || code == EDQUOT                    ? TGS_E_NO_SPACE
                        : code == ENOENT || code == ENOTDIR || code == EISDIR ? TGS_E_UNAVAILABLE
                                                                              : TGS_E_BACKEND;
    return error_set(err, status, "%s can't be written: %s", path_shown(path), strerror(code));
}

static bool write_all(int file, const uint8_t *bytes, size_t size) {
    while (size) {
        ssize_t n = write(file, bytes, size);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        bytes += n;
        size -= (size_t)n;
    }
    return fsync(file) == 0;
}

static tgs_status put_in_place(const char *path, const struct buffer *image, tgs_error *err) {
    struct new_file file;
    int descriptor, error = new_file_begin(&file, path, &descriptor);
    if (error) return io_failed(path, error, err);
    if (!write_all(descriptor, image->bytes, image->size)) error = errno;
    close(descriptor);
    if (error)
        new_file_drop(&file);
    else
        error = new_file_publish(&file);
    return error ? io_failed(path, error, err) : TGS_OK;
}

static tgs_status make_image(struct session_writer *writer, tgs_status (*write)(struct session_writer *),
                             struct buffer *image) {
    if (sqlite3_open_v2(":memory:", &writer->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
        SQLITE_OK)
        return error_nomem(writer->err);
    tgs_status status = writer_run(writer, "BEGIN");
    if (status == TGS_OK) status = write(writer);
    if (status == TGS_OK) status = writer_run(writer, "COMMIT");
    if (status != TGS_OK) return status;
    sqlite3_int64 size = 0;
    unsigned char *bytes = sqlite3_serialize(writer->db, "main", &size, 0);
    if (!bytes || !buffer_resize(image, (size_t)size)) {
        status = error_nomem(writer->err);
    } else {
        memcpy(image->bytes, bytes, image->size);
    }
    wipe(bytes, (size_t)size);
    sqlite3_free(bytes);
    return status;
}

static tgs_status write_file(struct session_writer *writer, tgs_str format, const char *path) {
    struct buffer image = {NULL, 0};
    size_t i = 0;
    while (i < FORMAT_COUNT && !text_equal(format, formats[i].name)) i++;
    if (i == FORMAT_COUNT)
        return error_set(writer->err, TGS_E_UNSUPPORTED,
                         "no file format that can be written; there are telethon-sqlite, pyrogram-sqlite and "
                         "kurigram-sqlite");
    tgs_status status = make_image(writer, formats[i].write, &image);
    if (status == TGS_OK) status = put_in_place(path, &image, writer->err);
    sqlite3_close(writer->db);
    buffer_free(&image);
    return status;
}

TGS_API tgs_status tgs_snapshot_to_file(const tgs_snapshot *snapshot, tgs_str format, tgs_str path,
                                        const tgs_option *options, size_t n_options, const tgs_call *call,
                                        tgs_error *err) {
    struct limits limits;
    struct session_writer writer = {.snapshot = snapshot, .limits = &limits, .err = err};
    char name[PATH_MAX];
    error_clear(err);
    if (!snapshot || !format.ptr || (n_options && !options))
        return error_set(err, TGS_E_INVALID, "%s is NULL",
                         !snapshot     ? "snapshot"
                         : !format.ptr ? "format"
                                       : "options");
    tgs_status status = check_text(path, sizeof name - 1, "path", err);
    if (status == TGS_OK) status = limits_resolve(&limits, call, DEFAULT_TIMEOUT_MS, NULL, err);
    if (status == TGS_OK) status = session_with_options(snapshot, options, n_options, &writer.session, err);
    if (status != TGS_OK) return status;
    if (!path.len) return error_set(err, TGS_E_INVALID, "path is empty");
    if (!(writer.session.fields & TGS_SESSION_AUTH_KEY) || !writer.session.auth_key.len)
        return error_set_native(err, TGS_NOT_FOUND, NULL, NULL);
    memcpy(name, path.ptr, path.len);
    name[path.len] = '\0';
    return write_file(&writer, format, name);
}
