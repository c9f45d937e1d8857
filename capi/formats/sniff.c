/* SPDX-License-Identifier: Apache-2.0 */
/* What is this?  Strings and files are told by their contents, never by their names. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "error.h"
#include "session_file.h"
#include "session_files.h"
#include "text_formats.h"

#define MAX_STRING_FILE 65536

/* --- strings ------------------------------------------------------------------------- */

static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/* Copies out of chats and shells come with white space and quotes. */
static tgs_str trim(tgs_str text) {
    for (;;) {
        while (text.len && is_space(text.ptr[text.len - 1])) text.len--;
        while (text.len && is_space(*text.ptr)) text = (tgs_str){text.ptr + 1, text.len - 1};
        char first = text.len > 1 ? text.ptr[0] : 0;
        if ((first != '"' && first != '\'') || text.ptr[text.len - 1] != first) return text;
        text = (tgs_str){text.ptr + 1, text.len - 2};
    }
}

static tgs_status read_text(tgs_str text, const struct limits *limits, tgs_snapshot **out, tgs_error *err) {
    text = trim(text);
    tgs_bytes bytes = {(const uint8_t *)text.ptr, text.len};
    if (!text.len) return error_set(err, TGS_E_INVALID, "not a session string: it is empty");
    if (pyrogram_json_is(bytes)) return pyrogram_json_read(bytes, limits, out, err);
    return text_formats_read(text, out, err);
}

TGS_API tgs_status tgs_snapshot_from_text(tgs_str text, tgs_snapshot **out, tgs_error *err) {
    struct limits limits;
    error_clear(err);
    if (!out) return error_set(err, TGS_E_INVALID, "out is NULL");
    *out = NULL;
    if (!text.ptr) return error_set(err, TGS_E_INVALID, "text is NULL");
    tgs_status status = limits_resolve(&limits, NULL, -1, NULL, err);
    return status == TGS_OK ? read_text(text, &limits, out, err) : status;
}

/* --- SQLite files ---------------------------------------------------------------------- */

static const struct {
    bool (*is)(const struct session_db *db);
    const char *format;
    tgs_status (*read)(struct session_db *db);
} file_formats[] = {
    {pyrogram_file_is, "pyrogram-sqlite", pyrogram_file_read},
    {telethon_file_is, "telethon-sqlite", telethon_file_read},
};

/* Other clients' databases, by a column that only they have. */
static const struct {
    const char *table, *column, *name;
} foreign_files[] = {
    {"mtcute_migrations", "repo", "an mtcute database"},
    {"sessions", "session_id", "an mtgo-labs/storage database"},
    {"datacenter", "auth", "a Telethon 2 session file"},
    {"dc_option", "auth_key", "a grammers session file"},
    {"sessions", "data", "a gotgproto session file"},
    {"session_data", "auth_key", "a store of tgstore, to be opened with sqlite:PATH"},
};

static tgs_status refuse_database(const struct session_db *db) {
    char names[120];
    for (size_t i = 0; i < sizeof foreign_files / sizeof *foreign_files; i++)
        if (session_db_has(db, foreign_files[i].table, foreign_files[i].column))
            return error_set(db->err, TGS_E_UNSUPPORTED, "%s is %s: it can't be read as a session file",
                             path_shown(db->path), foreign_files[i].name);
    session_db_table_names(db, names, sizeof names);
    return error_set(db->err, TGS_E_INVALID,
                     "%s is an SQLite database, but no session file: its tables are %s", path_shown(db->path),
                     names[0] ? names : "none");
}

static tgs_status read_tables(struct session_db *db) {
    for (size_t i = 0; i < sizeof foreign_files / sizeof *foreign_files; i++)
        if (session_db_has(db, foreign_files[i].table, foreign_files[i].column)) return refuse_database(db);
    for (size_t i = 0; i < sizeof file_formats / sizeof *file_formats; i++) {
        if (!file_formats[i].is(db)) continue;
        tgs_status status = snapshot_new(file_formats[i].format, &db->snapshot, db->err);
        return status == TGS_OK ? file_formats[i].read(db) : status;
    }
    return refuse_database(db);
}

static tgs_status read_sqlite(const struct buffer *image, const char *path, const struct limits *limits,
                              tgs_snapshot **out, tgs_error *err) {
    struct session_db db = {.path = path, .limits = limits, .err = err};
    if (!sqlite_has_whole_pages(image))
        return error_set(err, TGS_E_CORRUPT, "%s is cut off inside a page; restore it from a backup",
                         path_shown(path));
    tgs_status status = session_db_open(&db, image);
    if (status == TGS_OK) status = read_tables(&db);
    session_db_close(&db);
    if (status == TGS_OK)
        *out = db.snapshot;
    else
        tgs_snapshot_free(db.snapshot);
    return status;
}

/* --- all other files --------------------------------------------------------------------- */

static bool begins(const struct buffer *file, const void *with, size_t len) {
    return file->size >= len && memcmp(file->bytes, with, len) == 0;
}

static bool is_text(const struct buffer *file) {
    for (size_t i = 0; i < file->size; i++)
        if (file->bytes[i] < ' ' && !is_space((char)file->bytes[i])) return false;
    return true;
}

/* Files of other clients, by their first bytes. */
static const struct {
    const char *magic;
    size_t len;
    const char *name;
} foreign_magics[] = {
    {"TDF$", 4, "a file of Telegram Desktop's tdata folder"},
    {"\xa3\x5c", 2, "a gogram session file"},
    {"\xce\xb8\x3e\xa7", 4, "a grammers session file"},
    {"<?php __HALT_COMPILER", 21, "a MadelineProto session file"},
};

/* A string, alone in its file; anything with spaces in it is another text. */
static bool is_string(const struct buffer *file) {
    tgs_str text = trim((tgs_str){(const char *)file->bytes, file->size});
    if (!text.len || file->size > MAX_STRING_FILE || *text.ptr == '<') return false;
    for (size_t i = 0; i < text.len && *text.ptr != '{'; i++)
        if (is_space(text.ptr[i])) return false;
    return true;
}

static tgs_status read_other(const struct buffer *file, const char *path, const struct limits *limits,
                             tgs_snapshot **out, tgs_error *err) {
    tgs_bytes bytes = {file->bytes, file->size};
    for (size_t i = 0; i < sizeof foreign_magics / sizeof *foreign_magics; i++)
        if (begins(file, foreign_magics[i].magic, foreign_magics[i].len))
            return error_set(err, TGS_E_UNSUPPORTED, "%s is %s: this version can't read it", path_shown(path),
                             foreign_magics[i].name);
    if (begins(file, "SQLite format", 13))
        return error_set(err, TGS_E_CORRUPT,
                         "%s begins like an SQLite file, but is cut off or damaged; restore it from a backup",
                         path_shown(path));
    if (!is_text(file))
        return error_set(err, TGS_E_INVALID,
                         "%s is no session file: neither SQLite, JSON nor text; it may be encrypted",
                         path_shown(path));
    if (pyrogram_json_is(bytes) || is_string(file))
        return read_text((tgs_str){(const char *)file->bytes, file->size}, limits, out, err);
    return error_set(err, TGS_E_INVALID, "%s is a text, but no session string: a page saved under this name?",
                     path_shown(path));
}

static tgs_status read_image(const struct buffer *file, const char *path, const struct limits *limits,
                             tgs_snapshot **out, tgs_error *err) {
    if (!file->size) return error_set(err, TGS_E_INVALID, "%s is empty: no session file", path_shown(path));
    if (all_zero(file->bytes, file->size))
        return error_set(err, TGS_E_CORRUPT,
                         "%s is all zero bytes, as a power cut leaves a file; restore it from a backup",
                         path_shown(path));
    if (is_sqlite(file)) return read_sqlite(file, path, limits, out, err);
    return read_other(file, path, limits, out, err);
}

/* A message about what is in the file says which file. */
static tgs_status name_file(tgs_status status, const char *path, tgs_error *err) {
    char message[sizeof err->message];
    if (!err || status == TGS_OK || status == TGS_E_NOMEM || strstr(err->message, path_shown(path)))
        return status;
    memcpy(message, err->message, sizeof message);
    return error_set(err, status, "%s: %s", path_shown(path), message);
}

TGS_API tgs_status tgs_snapshot_from_file(tgs_str path, tgs_snapshot **out, const tgs_call *call,
                                          tgs_error *err) {
    struct limits limits;
    struct buffer file = {NULL, 0};
    char name[PATH_MAX];
    error_clear(err);
    if (!out) return error_set(err, TGS_E_INVALID, "out is NULL");
    *out = NULL;
    tgs_status status = check_text(path, sizeof name - 1, "path", err);
    if (status == TGS_OK) status = limits_resolve(&limits, call, DEFAULT_TIMEOUT_MS, NULL, err);
    if (status != TGS_OK) return status;
    memcpy(name, path.ptr, path.len);
    name[path.len] = '\0';
    status = session_file_read(name, &limits, &file, err);
    if (status == TGS_OK) status = name_file(read_image(&file, name, &limits, out, err), name, err);
    buffer_free(&file);
    return status;
}
