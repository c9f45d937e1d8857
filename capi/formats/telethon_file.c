/* SPDX-License-Identifier: Apache-2.0 */
/* Telethon's .session files, schema 1 to 8. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "error.h"
#include "marks.h"
#include "rows.h"
#include "session_files.h"

#define NEWEST_SCHEMA 8

bool telethon_file_is(const struct session_db *db) {
    return session_db_has(db, "sessions", "dc_id") && session_db_has(db, "sessions", "auth_key") &&
           !session_db_has(db, "sessions", "user_id");
}

/* Telethon 1.43 and 1.44 mix up the two columns, and repair scripts their order: each is
 * told by its type. */
static tgs_status read_takeout_and_temporary_key(struct session_db *db, sqlite3_stmt *statement,
                                                 const tgs_session_data *session) {
    tgs_status status = TGS_OK;
    for (int column = 4; column <= 5 && status == TGS_OK; column++) {
        int type = sqlite3_column_type(statement, column);
        if (type == SQLITE_INTEGER) {
            char text[32];
            snprintf(text, sizeof text, "%" PRId64, (int64_t)sqlite3_column_int64(statement, column));
            status = snapshot_keep(db->snapshot, TELETHON_SCOPE, "takeout_id", text, db->err);
        } else if (type == SQLITE_BLOB && sqlite3_column_bytes(statement, column) == AUTH_KEY_BYTES) {
            tgs_dc_auth temporary = {.fields = TGS_DC_AUTH_AUTH_KEY,
                                     .dc = session->dc,
                                     .slot = TGS_DC_AUTH_TEMPORARY,
                                     .auth_key = {sqlite3_column_blob(statement, column), AUTH_KEY_BYTES}};
            status = snapshot_add_or_skip(db->snapshot, TGS_RECORD_DC_AUTH, &temporary, db->err);
        } else if (type != SQLITE_NULL && sqlite3_column_bytes(statement, column)) {
            db->snapshot->dropped_values++;
        }
    }
    return status;
}

static tgs_status read_account(struct session_db *db, sqlite3_stmt *statement, tgs_session_data *session) {
    int64_t dc, port;
    tgs_str address;
    if (session_db_i64(db, statement, 0, &dc) && dc > 0 && dc <= 255) {
        session->dc = (int32_t)dc;
        session->fields |= TGS_SESSION_DC;
    }
    tgs_status status = session_db_text(db, statement, 1, &address);
    if (status != TGS_OK) return status;
    if (address.ptr && address.len) {
        if (!arena_text(&db->snapshot->arena, address, &session->address)) return error_nomem(db->err);
        session->fields |= TGS_SESSION_ADDRESS;
    }
    if (session_db_i64(db, statement, 2, &port) && port > 0 && port <= 65535) {
        session->port = (int32_t)port;
        session->fields |= TGS_SESSION_PORT;
    }
    status = session_db_auth_key(db, statement, 3, session);
    if (status == TGS_OK) status = read_takeout_and_temporary_key(db, statement, session);
    session_deduce_test_mode(session);
    return status == TGS_OK ? snapshot_mend_address(db->snapshot, session, db->err) : status;
}

static tgs_status read_sessions(struct session_db *db, tgs_session_data *session) {
    static const char *const columns[] = {"dc_id",    "server_address", "port",
                                          "auth_key", "takeout_id",     "tmp_auth_key"};
    sqlite3_stmt *statement;
    tgs_status status = session_db_account(db, columns, 6, &statement);
    if (status == TGS_OK && statement) status = read_account(db, statement, session);
    sqlite3_finalize(statement);
    return status;
}

/* Telethon stores phones as numbers. */
static tgs_status read_phone(struct session_db *db, sqlite3_stmt *statement, int column, tgs_peer *peer,
                             struct peer_texts *texts) {
    char digits[32];
    tgs_str phone = {digits, 0};
    tgs_status status = TGS_OK;
    if (sqlite3_column_type(statement, column) == SQLITE_INTEGER)
        phone.len = (size_t)snprintf(digits, sizeof digits, "%" PRIu64,
                                     (uint64_t)sqlite3_column_int64(statement, column));
    else
        status = session_db_text(db, statement, column, &phone);
    if (status == TGS_OK) peer_set_phone(db, peer, texts, phone);
    return status;
}

/* The one name of an entity is what its user is shown as, so there is no last name beside it. */
static void set_name(tgs_peer *peer, tgs_str name) {
    if (!name.ptr) return;
    peer->first_name = name;
    peer->fields |= TGS_PEER_FIRST_NAME;
    if (peer->kind != TGS_PEER_USER) return;
    peer->last_name = TGS_STR("");
    peer->fields |= TGS_PEER_LAST_NAME;
}

static tgs_status read_entity(struct session_db *db, sqlite3_stmt *statement, tgs_session_data *session) {
    tgs_peer peer = {0};
    struct peer_texts texts;
    int64_t id, date;
    tgs_str text;
    if (!session_db_i64(db, statement, 0, &id)) {
        db->snapshot->skipped_rows++;
        return TGS_OK;
    }
    bool has_hash = session_db_i64(db, statement, 1, &peer.access_hash);
    if (id == 0) { /* where Telethon keeps the account's own id, since 1.28 */
        if (has_hash && peer.access_hash > 0) {
            session->user_id = peer.access_hash;
            session->fields |= TGS_SESSION_USER_ID;
        }
        return TGS_OK;
    }
    peer.kind = unmark_peer(id, peer.access_hash != 0, &peer.id);
    if (has_hash) peer.fields |= TGS_PEER_ACCESS_HASH;
    if (peer.kind == TGS_PEER_CHAT) {
        peer.subtype = TGS_PEER_SUBTYPE_GROUP;
        peer.fields |= TGS_PEER_SUBTYPE;
    }
    tgs_status status = session_db_text(db, statement, 2, &text);
    if (status == TGS_OK) peer_set_username(db, &peer, &texts, text);
    if (status == TGS_OK) status = read_phone(db, statement, 3, &peer, &texts);
    if (status == TGS_OK) status = session_db_text(db, statement, 4, &text);
    if (status == TGS_OK) set_name(&peer, text);
    if (session_db_i64(db, statement, 5, &date)) peer_set_seen(db, &peer, date);
    return status == TGS_OK ? snapshot_add_or_skip(db->snapshot, TGS_RECORD_PEER, &peer, db->err) : status;
}

static tgs_status read_entities(struct session_db *db, tgs_session_data *session) {
    static const char *const columns[] = {"id", "hash", "username", "phone", "name", "date"};
    sqlite3_stmt *statement = NULL;
    bool row = true;
    if (!session_db_has(db, "entities", "id"))
        return snapshot_note(db->snapshot, db->err, "no table entities: no peers");
    tgs_status status = session_db_select(db, "entities", columns, 6, "", &statement);
    while (status == TGS_OK && row) {
        status = session_db_step(db, statement, &row);
        if (status == TGS_OK && row) status = read_entity(db, statement, session);
    }
    sqlite3_finalize(statement);
    return session_db_tolerate(db, status, "entities");
}

/* Kept as sent_files/<md5>/<size>/<type> = "<id> <hash>". */
static tgs_status read_sent_file(struct session_db *db, sqlite3_stmt *statement) {
    char key[160], value[64];
    int64_t numbers[4];
    const uint8_t *md5 = sqlite3_column_blob(statement, 0);
    size_t len = (size_t)sqlite3_column_bytes(statement, 0), n = 0;
    bool usable = md5 && len <= 32;
    for (int i = 0; i < 4; i++) usable = session_db_i64(db, statement, i + 1, &numbers[i]) && usable;
    if (!usable) {
        db->snapshot->skipped_rows++;
        return TGS_OK;
    }
    n = (size_t)snprintf(key, sizeof key, "sent_files/");
    for (size_t i = 0; i < len; i++) n += (size_t)snprintf(key + n, sizeof key - n, "%02x", md5[i]);
    snprintf(key + n, sizeof key - n, "/%" PRId64 "/%" PRId64, numbers[0], numbers[1]);
    snprintf(value, sizeof value, "%" PRId64 " %" PRId64, numbers[2], numbers[3]);
    return snapshot_keep(db->snapshot, TELETHON_SCOPE, key, value, db->err);
}

static tgs_status read_sent_files(struct session_db *db) {
    static const char *const columns[] = {"md5_digest", "file_size", "type", "id", "hash"};
    sqlite3_stmt *statement = NULL;
    bool row = true;
    if (!session_db_has(db, "sent_files", "md5_digest")) return TGS_OK;
    tgs_status status = session_db_select(db, "sent_files", columns, 5, "", &statement);
    while (status == TGS_OK && row) {
        status = session_db_step(db, statement, &row);
        if (status == TGS_OK && row) status = read_sent_file(db, statement);
    }
    sqlite3_finalize(statement);
    return session_db_tolerate(db, status, "sent_files");
}

static tgs_status describe(struct session_db *db) {
    tgs_snapshot *snapshot = db->snapshot;
    int64_t schema = 0;
    tgs_status status = TGS_OK;
    if (session_db_has(db, "version", "version"))
        status = session_db_number(db, "SELECT version FROM version", &schema);
    status = session_db_tolerate(db, status, "version");
    if (!schema)
        snprintf(snapshot->description, sizeof snapshot->description,
                 "Telethon session file, unknown schema");
    else
        snprintf(snapshot->description, sizeof snapshot->description,
                 "Telethon session file, schema %" PRId64, schema);
    if (status == TGS_OK && schema > NEWEST_SCHEMA)
        status = snapshot_note(snapshot, db->err,
                               "schema %" PRId64 " is newer than %d, the newest known; it was read as such",
                               schema, NEWEST_SCHEMA);
    return status;
}

tgs_status telethon_file_read(struct session_db *db) {
    tgs_session_data session = {0};
    tgs_status status = describe(db);
    if (status == TGS_OK) status = read_sessions(db, &session);
    if (status == TGS_OK) status = read_entities(db, &session);
    if (status == TGS_OK) status = update_states_read(db, TELETHON_SCOPE);
    if (status == TGS_OK) status = read_sent_files(db);
    return status == TGS_OK ? snapshot_finish(db->snapshot, &session, db->err) : status;
}
