/* SPDX-License-Identifier: Apache-2.0 */
#include "dump.h"

#include <dirent.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the dump itself can't read ends the test. */
static void need(bool done, const char *what) {
    if (done) return;
    fprintf(stderr, "the dump failed: %s\n", what);
    abort();
}

/* --- bytes and numbers ---------------------------------------------------------------------------- */

static void write_bytes(FILE *out, const void *bytes, size_t len) {
    const unsigned char *byte = bytes;
    uint64_t hash = 14695981039346656037u; /* FNV-1a; long ones by that */
    for (size_t i = 0; i < len; i++) hash = (hash ^ byte[i]) * 1099511628211u;
    if (len > 64)
        fprintf(out, "%zu bytes, %016" PRIx64, len, hash);
    else
        for (size_t i = 0; i < len; i++)
            if (byte[i] >= 0x20 && byte[i] < 0x7f)
                putc_unlocked(byte[i], out);
            else
                fprintf(out, "\\%02x", byte[i]);
}

static void write_text(FILE *out, tgs_str text) {
    if (text.ptr)
        write_bytes(out, text.ptr, text.len);
    else
        fprintf(out, "-");
}

static void write_member(FILE *out, const tgs_field *field, const void *row) {
    const char *member = (const char *)row + field->offset;
    const tgs_str *text = (const void *)member;
    if (field->type == TGS_TYPE_I32)
        fprintf(out, "%" PRId32, *(const int32_t *)(const void *)member);
    else if (field->type == TGS_TYPE_I64)
        fprintf(out, "%" PRId64, *(const int64_t *)(const void *)member);
    else if (field->type != TGS_TYPE_TEXTS)
        write_text(out, *text); /* a blob has the same shape */
    else
        for (size_t i = 0, n = *(const size_t *)(const void *)(member + sizeof(void *)); i < n; i++) {
            write_text(out, (*(const tgs_str *const *)(const void *)member)[i]);
            fputc(' ', out);
        }
}

/* --- through the interface -------------------------------------------------------------------------- */

static bool varies(const tgs_field *field) {
    static const char *const numbers[] = {"token", "lease_token", "version", "sequence"};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (strcmp(field->name, numbers[i]) == 0) return true;
    return field->flags & TGS_FIELD_TIME;
}

void dump_rows(FILE *out, const tgs_rows *rows, bool exact) {
    size_t n_fields, stride;
    int32_t record = tgs_rows_record(rows);
    const tgs_field *fields = tgs_record_fields(record, &n_fields, NULL);
    const char *row = tgs_rows_data(rows, &stride);
    for (size_t i = 0; i < tgs_rows_count(rows); i++, row += stride) {
        uint64_t present = ((const tgs_kv *)(const void *)row)->fields; /* all rows begin alike */
        if (record == TGS_RECORD_STATS) present &= ~(uint64_t)TGS_STATS_BYTES;
        fprintf(out, "  %s", tgs_record_name(record));
        for (size_t k = 0; k < n_fields; k++) {
            if (fields[k].bit && !(present & fields[k].bit)) continue;
            if (!exact && varies(&fields[k])) continue;
            fprintf(out, " %s=", fields[k].name);
            write_member(out, &fields[k], row);
        }
        fputc('\n', out);
    }
}

void dump_snapshot(FILE *out, const tgs_snapshot *snapshot) {
    fprintf(out, "%s: %s\n", tgs_snapshot_format(snapshot), tgs_snapshot_description(snapshot));
    for (size_t i = 0; i < tgs_snapshot_note_count(snapshot); i++)
        fprintf(out, "  note: %s\n", tgs_snapshot_note(snapshot, i));
    for (int32_t record = TGS_RECORD_SESSION; record <= TGS_RECORD_KV; record++) {
        const tgs_rows *rows = tgs_snapshot_rows(snapshot, record);
        if (rows) dump_rows(out, rows, false);
    }
}

static void write_session(FILE *out, tgs_store *store, tgs_str name, bool exact) {
    tgs_session *session = NULL;
    need(tgs_session_new(store, name, &session, NULL) == TGS_OK, "tgs_session_new");
    fprintf(out, "session %.*s\n", (int)name.len, name.ptr);
    for (int32_t record = TGS_RECORD_SESSION; record <= TGS_RECORD_KV; record++) {
        tgs_rows *rows = NULL;
        tgs_error err;
        tgs_status status = tgs_list(session, record, NULL, 0, NULL, TGS_MAX_ROWS, &rows, NULL, &err);
        need(status == TGS_OK, err.message);
        dump_rows(out, rows, exact);
        tgs_rows_free(rows);
    }
    tgs_session_free(session);
}

char *dump_store(tgs_store *store, bool exact) {
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    need(out != NULL, "open_memstream");
    tgs_rows *rows = NULL, *stats = NULL;
    tgs_error err;
    tgs_status status = tgs_sessions_list(store, (tgs_str){NULL, 0}, TGS_MAX_ROWS, &rows, NULL, &err);
    need(status == TGS_OK, err.message);
    need(tgs_stats_get(store, (tgs_str){NULL, 0}, &stats, NULL, &err) == TGS_OK, err.message);
    dump_rows(out, stats, exact);
    dump_rows(out, rows, exact);
    for (size_t i = 0; i < tgs_rows_count(rows); i++) {
        tgs_session_info info;
        need(tgs_rows_row(rows, i, &info, sizeof info) == TGS_OK, "tgs_rows_row");
        write_session(out, store, info.name, exact);
    }
    tgs_rows_free(stats);
    tgs_rows_free(rows);
    need(fclose(out) == 0, "fclose");
    return text;
}

/* --- past the library ----------------------------------------------------------------------------------- */

static void write_table(FILE *out, sqlite3 *db, const char *table) {
    sqlite3_stmt *statement = NULL;
    char *sql = sqlite3_mprintf("SELECT * FROM %Q", table);
    need(sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK, sqlite3_errmsg(db));
    sqlite3_free(sql);
    while (sqlite3_step(statement) == SQLITE_ROW) {
        fprintf(out, "%s", table);
        for (int i = 0; i < sqlite3_column_count(statement); i++) {
            fprintf(out, "|%d ", sqlite3_column_type(statement, i));
            const void *bytes = sqlite3_column_blob(statement, i);
            write_bytes(out, bytes, (size_t)sqlite3_column_bytes(statement, i));
        }
        fputc('\n', out);
    }
    need(sqlite3_finalize(statement) == SQLITE_OK, sqlite3_errmsg(db));
}

char *dump_database(sqlite3 *db) {
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    sqlite3_stmt *tables = NULL;
    need(out != NULL, "open_memstream");
    int code = sqlite3_prepare_v2(db, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name", -1,
                                  &tables, NULL);
    need(code == SQLITE_OK, sqlite3_errmsg(db));
    while (sqlite3_step(tables) == SQLITE_ROW)
        write_table(out, db, (const char *)sqlite3_column_text(tables, 0));
    need(sqlite3_finalize(tables) == SQLITE_OK, sqlite3_errmsg(db));
    need(fclose(out) == 0, "fclose");
    return text;
}

char *dump_database_file(const char *path) {
    sqlite3 *db = NULL;
    need(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK, path);
    char *text = dump_database(db);
    need(sqlite3_close(db) == SQLITE_OK, "sqlite3_close");
    return text;
}

/* --- files
 * -------------------------------------------------------------------------------------------------- */

char *dump_folder(const char *path) {
    struct dirent **entries = NULL;
    int n = scandir(path, &entries, NULL, alphasort);
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    need(n >= 0 && out, path);
    for (int i = 0; i < n; i++) {
        const char *suffix = strrchr(entries[i]->d_name, '-'); /* SQLite's come and go */
        if (!suffix || (strcmp(suffix, "-wal") != 0 && strcmp(suffix, "-shm") != 0))
            fprintf(out, "%s\n", entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    need(fclose(out) == 0, "fclose");
    return text;
}
