/* SPDX-License-Identifier: Apache-2.0 */
#include "session_writer.h"

#include <string.h>

#include "error.h"
#include "marks.h"
#include "text.h"

static tgs_status failed(const struct session_writer *writer) {
    int code = sqlite3_extended_errcode(writer->db);
    if (code == SQLITE_NOMEM || code == SQLITE_IOERR_NOMEM || code == SQLITE_FULL)
        return error_nomem(writer->err);
    return error_set(writer->err, TGS_E_BACKEND, "the session file can't be made: %s", sqlite3_errstr(code));
}

tgs_status writer_run(struct session_writer *writer, const char *sql) {
    return sqlite3_exec(writer->db, sql, NULL, NULL, NULL) == SQLITE_OK ? TGS_OK : failed(writer);
}

tgs_status writer_prepare(struct session_writer *writer, const char *sql, sqlite3_stmt **out) {
    return sqlite3_prepare_v2(writer->db, sql, -1, out, NULL) == SQLITE_OK ? TGS_OK : failed(writer);
}

tgs_status writer_step(struct session_writer *writer, sqlite3_stmt *statement) {
    tgs_status status = limits_check(&writer->limits->backend);
    if (status != TGS_OK)
        return error_set(writer->err, status, "%s",
                         status == TGS_E_TIMEOUT ? "the deadline passed; no file was written"
                                                 : "cancelled; no file was written");
    if (sqlite3_step(statement) != SQLITE_DONE) return failed(writer);
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return TGS_OK;
}

void bind_number(sqlite3_stmt *statement, int parameter, bool given, int64_t value) {
    if (given) sqlite3_bind_int64(statement, parameter, value);
}

void bind_text(sqlite3_stmt *statement, int parameter, tgs_str text) {
    if (text.ptr) sqlite3_bind_text64(statement, parameter, text.ptr, text.len, SQLITE_STATIC, SQLITE_UTF8);
}

void bind_username(struct session_writer *writer, sqlite3_stmt *statement, int parameter, tgs_str username) {
    tgs_str shown = username_shown(username);
    if (!shown.ptr || shown.len > sizeof writer->username) return;
    username_fold(shown, writer->username);
    bind_text(statement, parameter, (tgs_str){writer->username, shown.len});
}

tgs_status write_rows(struct session_writer *writer, int32_t record, const char *sql, row_writer write) {
    sqlite3_stmt *statement = NULL;
    size_t stride;
    const tgs_rows *rows = tgs_snapshot_rows(writer->snapshot, record);
    const char *data = tgs_rows_data(rows, &stride);
    tgs_status status = writer_prepare(writer, sql, &statement);
    for (size_t i = 0; i < tgs_rows_count(rows) && status == TGS_OK; i++)
        status = write(writer, statement, data + i * stride);
    sqlite3_finalize(statement);
    return status;
}

bool writable_peer(const tgs_peer *peer, int64_t *marked) {
    if (peer->kind != TGS_PEER_CHAT && !(peer->fields & TGS_PEER_ACCESS_HASH)) return false;
    return mark_peer(peer->kind, peer->id, marked);
}

bool kept_under(const tgs_kv *kv, const char *scope, const char *prefix, struct kept_value *kept) {
    size_t len = strlen(prefix);
    if (!text_equal(kv->scope, scope) || kv->key.len < len || memcmp(kv->key.ptr, prefix, len) != 0)
        return false;
    if (kv->key.len - len >= sizeof kept->key || kv->value.len >= sizeof kept->value || !kv->value.ptr)
        return false;
    memcpy(kept->key, kv->key.ptr + len, kv->key.len - len);
    kept->key[kv->key.len - len] = '\0';
    memcpy(kept->value, kv->value.ptr, kv->value.len);
    kept->value[kv->value.len] = '\0';
    return true;
}
