/* SPDX-License-Identifier: Apache-2.0 */
/* Pyrogram's sessions before 0.15: a JSON object, read with SQLite's JSON functions. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "error.h"
#include "marks.h"
#include "session_files.h"
#include "wipe.h"

#define MAX_KEY_TEXT 1024 /* of the key's base64 */
#define MAX_JSON ((size_t)64 << 20)

bool pyrogram_json_is(tgs_bytes text) {
    size_t i = 0;
    if (!text.ptr) return false;
    while (i < text.len && strchr(" \t\r\n", text.ptr[i]) && text.ptr[i]) i++;
    return i < text.len && text.ptr[i] == '{' && memmem(text.ptr, text.len, "\"auth_key\"", 10) &&
           memmem(text.ptr, text.len, "\"dc_id\"", 7);
}

/* Run a query whose ?1 is the text. */
static tgs_status json_query(struct session_db *db, const char *sql, tgs_bytes text, sqlite3_stmt **out) {
    if (sqlite3_prepare_v2(db->db, sql, -1, out, NULL) != SQLITE_OK ||
        sqlite3_bind_text64(*out, 1, (const char *)text.ptr, text.len, SQLITE_STATIC, SQLITE_UTF8) !=
            SQLITE_OK)
        return error_nomem(db->err);
    return TGS_OK;
}

static void set_number(struct session_db *db, sqlite3_stmt *statement, int column, tgs_session_data *session,
                       uint64_t bit, int64_t *member) {
    if (session_db_i64(db, statement, column, member)) session->fields |= bit;
}

static tgs_status read_account(struct session_db *db, tgs_bytes text, tgs_session_data *session) {
    sqlite3_stmt *statement = NULL;
    bool row;
    int64_t dc = 0, test_mode = 0, is_bot = 0;
    tgs_status status = json_query(db,
                                   "SELECT ?1 ->> 'dc_id', ?1 ->> 'test_mode', ?1 ->> 'user_id',"
                                   " ?1 ->> 'date', ?1 ->> 'is_bot'",
                                   text, &statement);
    if (status == TGS_OK) status = session_db_step(db, statement, &row);
    if (status == TGS_OK) {
        set_number(db, statement, 0, session, TGS_SESSION_DC, &dc);
        set_number(db, statement, 1, session, TGS_SESSION_TEST_MODE, &test_mode);
        set_number(db, statement, 2, session, TGS_SESSION_USER_ID, &session->user_id);
        set_number(db, statement, 3, session, TGS_SESSION_DATE, &session->date);
        set_number(db, statement, 4, session, TGS_SESSION_IS_BOT, &is_bot);
        if (dc <= 0 || dc > 255) session->fields &= ~(uint64_t)TGS_SESSION_DC;
        session->dc = (int32_t)(dc & 255);
        session->test_mode = test_mode != 0;
        session->is_bot = is_bot != 0;
    }
    sqlite3_finalize(statement);
    return status;
}

/* The key is a list of base64 texts to be joined. */
static tgs_status read_auth_key(struct session_db *db, tgs_bytes text, tgs_session_data *session) {
    sqlite3_stmt *statement = NULL;
    bool row;
    uint8_t key[MAX_KEY_TEXT];
    size_t len = 0;
    tgs_status status = json_query(db,
                                   "SELECT CASE json_type(?1, '$.auth_key') WHEN 'array' THEN"
                                   " (SELECT group_concat(value, '') FROM json_each(?1, '$.auth_key'))"
                                   " ELSE ?1 ->> 'auth_key' END",
                                   text, &statement);
    if (status == TGS_OK) status = session_db_step(db, statement, &row);
    if (status == TGS_OK && sqlite3_column_type(statement, 0) != SQLITE_NULL) {
        tgs_str base64 = {(const char *)sqlite3_column_text(statement, 0),
                          (size_t)sqlite3_column_bytes(statement, 0)};
        if (!base64.ptr || base64.len > MAX_KEY_TEXT || !base64_decode(base64, key, &len))
            status =
                error_set(db->err, TGS_E_CORRUPT, "the auth key is not base64; restore it from a backup");
        else
            status = snapshot_set_auth_key(db->snapshot, session, (tgs_bytes){key, len}, db->err);
    }
    sqlite3_finalize(statement);
    wipe(key, sizeof key);
    return status;
}

/* Versions before 0.13 kept peers: marked id to access hash, name to id, phone to id. */
static const char peers_sql[] =
    "WITH names AS (SELECT atom AS id, key AS name FROM json_each(?1, '$.peers_by_username')),"
    " phones AS (SELECT atom AS id, key AS phone FROM json_each(?1, '$.peers_by_phone'))"
    " SELECT CAST(peers.key AS INTEGER), peers.atom, names.name, phones.phone"
    " FROM json_each(?1, '$.peers_by_id') AS peers"
    " LEFT JOIN names ON names.id = CAST(peers.key AS INTEGER)"
    " LEFT JOIN phones ON phones.id = CAST(peers.key AS INTEGER) GROUP BY 1";

static tgs_status read_peer(struct session_db *db, sqlite3_stmt *statement) {
    tgs_peer peer = {0};
    struct peer_texts texts;
    int64_t marked = sqlite3_column_int64(statement, 0);
    tgs_str text;
    if (session_db_i64(db, statement, 1, &peer.access_hash)) peer.fields |= TGS_PEER_ACCESS_HASH;
    peer.kind = unmark_peer(marked, peer.access_hash != 0, &peer.id);
    tgs_status status = session_db_text(db, statement, 2, &text);
    if (status == TGS_OK) peer_set_username(db, &peer, &texts, text);
    if (status == TGS_OK) status = session_db_text(db, statement, 3, &text);
    if (status == TGS_OK) peer_set_phone(db, &peer, &texts, text);
    if (peer.kind == TGS_PEER_CHAT) {
        peer.subtype = TGS_PEER_SUBTYPE_GROUP;
        peer.fields |= TGS_PEER_SUBTYPE;
    }
    return status == TGS_OK ? snapshot_add_or_skip(db->snapshot, TGS_RECORD_PEER, &peer, db->err) : status;
}

static tgs_status read_peers(struct session_db *db, tgs_bytes text) {
    sqlite3_stmt *statement = NULL;
    bool row = true;
    tgs_status status = json_query(db, peers_sql, text, &statement);
    while (status == TGS_OK && row) {
        status = session_db_step(db, statement, &row);
        if (status == TGS_OK && row) status = read_peer(db, statement);
    }
    sqlite3_finalize(statement);
    return status;
}

/* Not json_valid, which answers 0 when memory runs out. */
static tgs_status check_json(struct session_db *db, tgs_bytes text) {
    sqlite3_stmt *statement = NULL;
    bool row;
    tgs_status status = json_query(db, "SELECT json_type(?1)", text, &statement);
    if (status == TGS_OK) status = session_db_step(db, statement, &row);
    if (status == TGS_E_CORRUPT)
        error_set(db->err, status,
                  "a Pyrogram JSON session that is cut off or damaged; restore it from a backup");
    sqlite3_finalize(statement);
    return status;
}

static tgs_status read_all(struct session_db *db, tgs_bytes text) {
    tgs_session_data session = {0};
    const struct buffer nothing = {NULL, 0};
    if (text.len > MAX_JSON) return error_set(db->err, TGS_E_TOO_LARGE, "a JSON session of more than 64 MiB");
    tgs_status status = session_db_open(db, &nothing);
    if (status == TGS_OK) sqlite3_limit(db->db, SQLITE_LIMIT_LENGTH, (int)MAX_JSON);
    snprintf(db->snapshot->description, sizeof db->snapshot->description,
             "Pyrogram session file, JSON, before 0.15");
    if (status == TGS_OK) status = check_json(db, text);
    if (status == TGS_OK) status = read_account(db, text, &session);
    if (status == TGS_OK) status = read_auth_key(db, text, &session);
    if (status == TGS_OK) status = read_peers(db, text);
    return status == TGS_OK ? snapshot_finish(db->snapshot, &session, db->err) : status;
}

tgs_status pyrogram_json_read(tgs_bytes text, const struct limits *limits, tgs_snapshot **out,
                              tgs_error *err) {
    struct session_db db = {.path = "the JSON text", .limits = limits, .err = err};
    tgs_status status = snapshot_new("pyrogram-json", &db.snapshot, err);
    if (status != TGS_OK) return status;
    status = read_all(&db, text);
    session_db_close(&db);
    if (status == TGS_OK)
        *out = db.snapshot;
    else
        tgs_snapshot_free(db.snapshot);
    return status;
}
