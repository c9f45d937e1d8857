/* SPDX-License-Identifier: Apache-2.0 */
#include "session_db.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "error.h"
#include "session_file.h"
#include "wipe.h"

#define PROGRESS_STEPS 10000
#define MAX_COLUMNS 2000 /* SQLite's own limit of one table */

struct table_column {
    const char *table, *column;
};

static int interrupted(void *context) {
    const struct session_db *db = context;
    return limits_check(&db->limits->backend) != TGS_OK;
}

static tgs_status sqlite_failed(const struct session_db *db) {
    int code = sqlite3_extended_errcode(db->db);
    bool nomem =
        code == SQLITE_NOMEM || code == SQLITE_IOERR_NOMEM || code == SQLITE_OK; /* OK: of the connection */
    if (nomem) return error_nomem(db->err);
    if (code == SQLITE_INTERRUPT) {
        tgs_status status = limits_check(&db->limits->backend);
        return error_set(db->err, status == TGS_OK ? TGS_E_TIMEOUT : status, "%s: stopped while it was read",
                         path_shown(db->path));
    }
    return error_set(db->err, TGS_E_CORRUPT, "%s is damaged (%s); restore it from a backup",
                     path_shown(db->path), sqlite3_errstr(code));
}

/* Whatever is in the schema must not run code or use up the machine. */
static bool harden(sqlite3 *db) {
    static const struct {
        int limit, value;
    } limits[] = {
        {SQLITE_LIMIT_LENGTH, TGS_MAX_BLOB_BYTES},
        {SQLITE_LIMIT_SQL_LENGTH, 1 << 20},
        {SQLITE_LIMIT_EXPR_DEPTH, 50},
        {SQLITE_LIMIT_COMPOUND_SELECT, 5},
        {SQLITE_LIMIT_VDBE_OP, 25000},
        {SQLITE_LIMIT_ATTACHED, 0},
        {SQLITE_LIMIT_TRIGGER_DEPTH, 1},
        {SQLITE_LIMIT_WORKER_THREADS, 0},
        {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 50},
    };
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        sqlite3_limit(db, limits[i].limit, limits[i].value);
    return sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL) == SQLITE_OK &&
           sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL) == SQLITE_OK &&
           sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL) == SQLITE_OK &&
           sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL) == SQLITE_OK &&
           sqlite3_exec(db, "PRAGMA cell_size_check=ON", NULL, NULL, NULL) == SQLITE_OK;
}

static tgs_status add_column(struct session_db *db, sqlite3_stmt *statement) {
    if (db->n_columns == MAX_COLUMNS) return TGS_OK;
    tgs_str table = {(const char *)sqlite3_column_text(statement, 0),
                     (size_t)sqlite3_column_bytes(statement, 0)};
    tgs_str column = {(const char *)sqlite3_column_text(statement, 1),
                      (size_t)sqlite3_column_bytes(statement, 1)};
    if (!arena_text(&db->arena, table, &table) || !arena_text(&db->arena, column, &column))
        return error_nomem(db->err);
    db->columns[db->n_columns++] =
        (struct table_column){table.ptr ? table.ptr : "", column.ptr ? column.ptr : ""};
    return TGS_OK;
}

/* Virtual tables have no root page and are left out with all else that is not a plain table. */
static tgs_status read_columns(struct session_db *db) {
    sqlite3_stmt *statement = NULL;
    bool row = true;
    db->columns = arena_alloc(&db->arena, MAX_COLUMNS * sizeof *db->columns);
    if (!db->columns) return error_nomem(db->err);
    if (sqlite3_prepare_v2(db->db,
                           "SELECT m.name, c.name FROM sqlite_schema AS m, pragma_table_info(m.name) AS c"
                           " WHERE m.type = 'table' AND m.rootpage > 0",
                           -1, &statement, NULL) != SQLITE_OK)
        return sqlite_failed(db);
    tgs_status status = TGS_OK;
    while (status == TGS_OK && row) {
        status = session_db_step(db, statement, &row);
        if (status == TGS_OK && row) status = add_column(db, statement);
    }
    sqlite3_finalize(statement);
    return status;
}

tgs_status session_db_open(struct session_db *db, const struct buffer *image) {
    if (sqlite3_open_v2(":memory:", &db->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
        return error_nomem(db->err);
    if (!harden(db->db)) return sqlite_failed(db);
    sqlite3_progress_handler(db->db, PROGRESS_STEPS, interrupted, db);
    if (sqlite3_deserialize(db->db, "main", image->bytes, (sqlite3_int64)image->size,
                            (sqlite3_int64)image->size, SQLITE_DESERIALIZE_READONLY) != SQLITE_OK)
        return sqlite_failed(db);
    /* Pages are used where they are, so that SQLite makes no copies of keys. */
    if (sqlite3_exec(db->db, "PRAGMA mmap_size=2147418112", NULL, NULL, NULL) != SQLITE_OK)
        return sqlite_failed(db);
    return read_columns(db);
}

void session_db_close(struct session_db *db) {
    sqlite3_close(db->db);
    arena_free(&db->arena);
}

bool session_db_has(const struct session_db *db, const char *table, const char *column) {
    for (size_t i = 0; i < db->n_columns; i++)
        if (strcasecmp(db->columns[i].table, table) == 0 &&
            (!column || strcasecmp(db->columns[i].column, column) == 0))
            return true;
    return false;
}

void session_db_table_names(const struct session_db *db, char *text, size_t size) {
    const char *last = "";
    size_t n = 0;
    text[0] = '\0';
    for (size_t i = 0; i < db->n_columns && n + 1 < size; i++) {
        if (strcmp(last, db->columns[i].table) == 0) continue;
        last = db->columns[i].table;
        int wrote = snprintf(text + n, size - n, "%s%.32s", n ? ", " : "", last);
        n += wrote > 0 ? (size_t)wrote : 0;
    }
}

tgs_status session_db_select(struct session_db *db, const char *table, const char *const *columns,
                             size_t n_columns, const char *tail, sqlite3_stmt **out) {
    sqlite3_str *text = sqlite3_str_new(db->db);
    for (size_t i = 0; i < n_columns; i++)
        sqlite3_str_appendf(text, "%s %s", i ? "," : "SELECT",
                            session_db_has(db, table, columns[i]) ? columns[i] : "NULL");
    sqlite3_str_appendf(text, " FROM %s %s", table, tail);
    char *sql = sqlite3_str_finish(text);
    if (!sql) return error_nomem(db->err);
    int code = sqlite3_prepare_v2(db->db, sql, -1, out, NULL);
    sqlite3_free(sql);
    return code == SQLITE_OK ? TGS_OK : sqlite_failed(db);
}

tgs_status session_db_step(struct session_db *db, sqlite3_stmt *statement, bool *row) {
    int code = sqlite3_step(statement);
    *row = code == SQLITE_ROW;
    return code == SQLITE_ROW || code == SQLITE_DONE ? TGS_OK : sqlite_failed(db);
}

tgs_status session_db_number(struct session_db *db, const char *sql, int64_t *value) {
    sqlite3_stmt *statement = NULL;
    bool row = false;
    *value = 0;
    if (sqlite3_prepare_v2(db->db, sql, -1, &statement, NULL) != SQLITE_OK) return sqlite_failed(db);
    tgs_status status = session_db_step(db, statement, &row);
    if (status == TGS_OK && row) *value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return status;
}

bool session_db_i64(struct session_db *db, sqlite3_stmt *statement, int column, int64_t *value) {
    int type = sqlite3_column_type(statement, column);
    if (type == SQLITE_INTEGER) *value = sqlite3_column_int64(statement, column);
    if (type != SQLITE_INTEGER && type != SQLITE_NULL) db->snapshot->dropped_values++;
    return type == SQLITE_INTEGER;
}

tgs_status session_db_text(struct session_db *db, sqlite3_stmt *statement, int column, tgs_str *value) {
    int type = sqlite3_column_type(statement, column);
    *value = (tgs_str){NULL, 0};
    if (type == SQLITE_NULL) return TGS_OK;
    if (type != SQLITE_TEXT) {
        db->snapshot->dropped_values++;
        return TGS_OK;
    }
    tgs_str text = {(const char *)sqlite3_column_text(statement, column),
                    (size_t)sqlite3_column_bytes(statement, column)};
    if (!text.ptr) return error_nomem(db->err);
    return snapshot_repair(db->snapshot, text, value, db->err);
}

static int hex_digit(uint8_t c) {
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool decode_hex(tgs_bytes text, uint8_t *out) {
    for (size_t i = 0; i < text.len; i += 2) {
        int high = hex_digit(text.ptr[i]), low = hex_digit(text.ptr[i + 1]);
        if (high < 0 || low < 0) return false;
        out[i / 2] = (uint8_t)(high << 4 | low);
    }
    return true;
}

tgs_status session_db_auth_key(struct session_db *db, sqlite3_stmt *statement, int column,
                               tgs_session_data *session) {
    int type = sqlite3_column_type(statement, column);
    if (type == SQLITE_NULL) return TGS_OK;
    if (type != SQLITE_BLOB && type != SQLITE_TEXT)
        return error_set(db->err, TGS_E_CORRUPT, "%s: the auth key is a number; restore it from a backup",
                         path_shown(db->path));
    tgs_bytes value = {sqlite3_column_blob(statement, column),
                       (size_t)sqlite3_column_bytes(statement, column)};
    uint8_t key[AUTH_KEY_BYTES];
    bool hex = type == SQLITE_TEXT && value.len == 2 * sizeof key && decode_hex(value, key);
    if (hex) value = (tgs_bytes){key, sizeof key};
    tgs_status status = snapshot_set_auth_key(db->snapshot, session, value, db->err);
    wipe(key, sizeof key);
    if (status == TGS_OK && hex)
        status = snapshot_note(db->snapshot, db->err, "the auth key was stored as hexadecimal text");
    return status;
}

tgs_status session_db_account(struct session_db *db, const char *const *columns, size_t n_columns,
                              sqlite3_stmt **out) {
    int64_t rows, keys;
    bool row;
    *out = NULL;
    tgs_status status = session_db_number(db, "SELECT count(*) FROM sessions", &rows);
    if (status == TGS_OK)
        status = session_db_number(db, "SELECT count(*) FROM sessions WHERE length(auth_key) > 0", &keys);
    if (status != TGS_OK) return status;
    if (keys > 1)
        return error_set(db->err, TGS_E_INVALID,
                         "%s: table sessions has %" PRId64
                         " rows with an auth key, and nothing says which is meant; "
                         "delete the others in a copy",
                         path_shown(db->path), keys);
    if (rows > 1) status = snapshot_note(db->snapshot, db->err, "table sessions has %" PRId64 " rows", rows);
    if (status == TGS_OK)
        status = session_db_select(db, "sessions", columns, n_columns,
                                   keys ? "WHERE length(auth_key) > 0 LIMIT 1" : "LIMIT 1", out);
    if (status == TGS_OK) status = session_db_step(db, *out, &row);
    if (status == TGS_OK && row) return TGS_OK;
    sqlite3_finalize(*out);
    *out = NULL;
    return status == TGS_OK ? snapshot_note(db->snapshot, db->err, "table sessions is empty") : status;
}

tgs_status session_db_tolerate(struct session_db *db, tgs_status status, const char *table) {
    if (status != TGS_E_CORRUPT) return status;
    error_clear(db->err);
    return snapshot_note(db->snapshot, db->err, "table %s is damaged: its rows are lost, or part of them",
                         table);
}
