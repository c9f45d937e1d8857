/* SPDX-License-Identifier: Apache-2.0 */
/* The schema, and how the database is opened. */
#include "reference_db.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measure.h"

/* How old a name is, is said in its owner's row: a put gives all names of a peer or none, so they are of one
 * age, and the tables by name need not be written when a peer is seen again.  NULL: as old as seen_at. */
static const char schema[] =
    "CREATE TABLE session (session_id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE) STRICT;"
    "CREATE TABLE peer (session_id INTEGER NOT NULL, kind INTEGER NOT NULL, id INTEGER NOT NULL,"
    " access_hash INTEGER, min_access_hash INTEGER, photo_id INTEGER, seen_at INTEGER, subtype INTEGER,"
    " usernames TEXT, phone TEXT, first_name TEXT, last_name TEXT, language TEXT,"
    " usernames_seen_at INTEGER, phone_seen_at INTEGER,"
    " PRIMARY KEY (session_id, kind, id)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE username (session_id INTEGER NOT NULL, name TEXT NOT NULL, kind INTEGER NOT NULL,"
    " id INTEGER NOT NULL, PRIMARY KEY (session_id, name)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE phone (session_id INTEGER NOT NULL, name TEXT NOT NULL, kind INTEGER NOT NULL,"
    " id INTEGER NOT NULL, PRIMARY KEY (session_id, name)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE update_state (session_id INTEGER NOT NULL, channel_id INTEGER NOT NULL, pts INTEGER,"
    " qts INTEGER, date INTEGER, seq INTEGER, access_hash INTEGER,"
    " PRIMARY KEY (session_id, channel_id)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE dedup (session_id INTEGER NOT NULL, key TEXT NOT NULL, created INTEGER, expires INTEGER,"
    " PRIMARY KEY (session_id, key)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX dedup_expires ON dedup (expires) WHERE expires > 0;"
    "CREATE TABLE queue_item (sequence INTEGER PRIMARY KEY, session_id INTEGER NOT NULL, id TEXT NOT NULL,"
    " state INTEGER NOT NULL, head INTEGER NOT NULL, lane TEXT, attempts INTEGER NOT NULL,"
    " max_attempts INTEGER NOT NULL, due INTEGER NOT NULL, created INTEGER, updated INTEGER,"
    " lease_expires INTEGER, token INTEGER, expires INTEGER, lease_owner TEXT, last_error TEXT,"
    " payload BLOB) STRICT;"
    "CREATE UNIQUE INDEX queue_item_key ON queue_item (session_id, id);"
    "CREATE INDEX queue_item_due ON queue_item (session_id, due);"
    "CREATE INDEX queue_item_ready ON queue_item (session_id, due) WHERE state = 0 AND head = 1;"
    "CREATE INDEX queue_item_leased ON queue_item (session_id, lease_expires) WHERE state = 1;"
    "CREATE INDEX queue_item_lane ON queue_item (session_id, lane) WHERE lane IS NOT NULL AND state < 2;"
    "CREATE INDEX queue_item_expires ON queue_item (expires) WHERE expires > 0;"
    "INSERT INTO session (name) VALUES ('main')";

#define PEER_COLUMNS                                                                                         \
    "p.kind, p.id, p.access_hash, p.min_access_hash, p.photo_id, p.seen_at, p.subtype, p.usernames, "        \
    "p.phone, p.first_name, p.last_name, p.language "
/* A session that was purged is not there, though its number is remembered. */
#define SESSION "(SELECT session_id FROM session WHERE session_id = ?1) "
#define OF_PEER "WHERE session_id = ?1 AND kind = ?2 AND id = ?3"

static const char *const queries[QUERIES] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [BEGIN_READ] = "BEGIN",
    [COMMIT] = "COMMIT",
    [FIND_SESSION] = "SELECT session_id FROM session WHERE name = ?1",
    [CHECK_SESSION] = "SELECT 1 FROM session WHERE session_id = ?1",
    [GET_PEER] =
        "SELECT " PEER_COLUMNS "FROM peer AS p WHERE session_id = " SESSION "AND kind = ?2 AND id = ?3",
    [GET_PEER_BY_USERNAME] = "SELECT " PEER_COLUMNS "FROM username AS n CROSS JOIN peer AS p "
                             "ON p.session_id = n.session_id AND p.kind = n.kind AND p.id = n.id "
                             "WHERE n.session_id = " SESSION "AND n.name = ?2 "
                             "AND ifnull(p.usernames_seen_at, p.seen_at) >= ?3",
    [GET_PEER_BY_PHONE] = "SELECT " PEER_COLUMNS "FROM phone AS n CROSS JOIN peer AS p "
                          "ON p.session_id = n.session_id AND p.kind = n.kind AND p.id = n.id "
                          "WHERE n.session_id = " SESSION "AND n.name = ?2 "
                          "AND ifnull(p.phone_seen_at, p.seen_at) >= ?3",
    [LIST_PEERS] = "SELECT " PEER_COLUMNS "FROM peer AS p WHERE session_id = " SESSION
                   "AND kind = ?2 AND id > ?3 ORDER BY id LIMIT ?4",
    [LIST_PEERS_OF_LATER_KINDS] = "SELECT " PEER_COLUMNS "FROM peer AS p WHERE session_id = " SESSION
                                  "AND kind > ?2 ORDER BY kind, id LIMIT ?4",
    [FIND_PEER] = "SELECT " PEER_COLUMNS ", usernames_seen_at, phone_seen_at FROM peer AS p " OF_PEER,
    [ADD_PEER] = "INSERT OR IGNORE INTO peer (session_id, kind, id, access_hash, min_access_hash, photo_id, "
                 "seen_at, subtype, usernames, phone, first_name, last_name, language, usernames_seen_at, "
                 "phone_seen_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
    [SET_PEER] = "REPLACE INTO peer (session_id, kind, id, access_hash, min_access_hash, photo_id, "
                 "seen_at, subtype, usernames, phone, first_name, last_name, language, usernames_seen_at, "
                 "phone_seen_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
    [ADD_USERNAME] = "INSERT OR IGNORE INTO username (session_id, kind, id, name) VALUES (?1, ?2, ?3, ?4)",
    [FIND_USERNAME] = "SELECT kind, id FROM username WHERE session_id = ?1 AND name = ?4",
    [SET_USERNAME] = "UPDATE username SET kind = ?2, id = ?3 WHERE session_id = ?1 AND name = ?4",
    [DROP_USERNAME] = "DELETE FROM username WHERE session_id = ?1 AND name = ?4",
    [FIND_USERNAMES_OF_PEER] = "SELECT usernames FROM peer " OF_PEER,
    [SET_USERNAMES_OF_PEER] = "UPDATE peer SET usernames = ?4 " OF_PEER,
    [ADD_PHONE] = "INSERT OR IGNORE INTO phone (session_id, kind, id, name) VALUES (?1, ?2, ?3, ?4)",
    [FIND_PHONE] = "SELECT kind, id FROM phone WHERE session_id = ?1 AND name = ?4",
    [SET_PHONE] = "UPDATE phone SET kind = ?2, id = ?3 WHERE session_id = ?1 AND name = ?4",
    [DROP_PHONE] = "DELETE FROM phone WHERE session_id = ?1 AND name = ?4",
    [CLEAR_PHONE_OF_PEER] = "UPDATE peer SET phone = NULL, phone_seen_at = NULL " OF_PEER,
    /* A position that is not given is NULL, and so is max() then. */
    [PUT_STATE] = "INSERT INTO update_state (session_id, channel_id, pts, qts, date, seq, access_hash) "
                  "SELECT session_id, ?2, ?3, ?4, ?5, ?6, ?7 FROM session WHERE session_id = ?1 "
                  "ON CONFLICT DO UPDATE SET pts = coalesce(max(pts, excluded.pts), excluded.pts, pts), "
                  "qts = coalesce(max(qts, excluded.qts), excluded.qts, qts), "
                  "date = coalesce(max(date, excluded.date), excluded.date, date), "
                  "seq = coalesce(max(seq, excluded.seq), excluded.seq, seq), "
                  "access_hash = coalesce(nullif(excluded.access_hash, 0), access_hash, "
                  "excluded.access_hash)",
    [ADD_KEY] = "INSERT INTO dedup (session_id, key, created, expires) VALUES (?1, ?2, ?3, ?4) "
                "ON CONFLICT DO UPDATE SET created = excluded.created, expires = excluded.expires "
                "WHERE expires BETWEEN 1 AND ?3",
    [ADD_ITEM] = "INSERT OR IGNORE INTO queue_item (session_id, id, state, head, lane, attempts, "
                 "max_attempts, due, created, updated, payload) "
                 "VALUES (?1, ?2, 0, NOT EXISTS (SELECT 1 FROM queue_item WHERE session_id = ?1 "
                 "AND lane = ?3 AND state < 2), ?3, 0, 10, ?4, ?4, ?4, ?5)",
};

/* --- statements -------------------------------------------------------------------------------------- */

static _Noreturn void fail(struct reference *reference) {
    die("reference: %s", sqlite3_errmsg(reference->db));
}

sqlite3_stmt *reference_statement(struct reference *reference, enum query query) {
    sqlite3_stmt **statement = &reference->statements[query];
    if (!*statement && sqlite3_prepare_v3(reference->db, queries[query], -1, SQLITE_PREPARE_PERSISTENT,
                                          statement, NULL) != SQLITE_OK)
        fail(reference);
    return *statement;
}

void reference_bind_text(sqlite3_stmt *statement, int parameter, tgs_str text) {
    if (text.ptr)
        sqlite3_bind_text(statement, parameter, text.ptr, (int)text.len, SQLITE_STATIC);
    else
        sqlite3_bind_null(statement, parameter);
}

void reference_bind_key(struct reference *reference, sqlite3_stmt *statement, int32_t kind, int64_t id) {
    sqlite3_bind_int64(statement, 1, reference->session);
    sqlite3_bind_int(statement, 2, kind);
    sqlite3_bind_int64(statement, 3, id);
}

bool reference_step(struct reference *reference, sqlite3_stmt *statement) {
    int code = sqlite3_step(statement);
    if (code == SQLITE_ROW) return true;
    if (code != SQLITE_DONE) fail(reference);
    sqlite3_reset(statement);
    return false;
}

void reference_run(struct reference *reference, sqlite3_stmt *statement) {
    if (sqlite3_step(statement) != SQLITE_DONE) fail(reference);
    sqlite3_reset(statement);
}

tgs_str reference_text(sqlite3_stmt *statement, int column) {
    const char *text = (const char *)sqlite3_column_text(statement, column);
    return (tgs_str){text, (size_t)sqlite3_column_bytes(statement, column)};
}

char *buffer_reserve(struct buffer *buffer, size_t size) {
    if (size > buffer->size) {
        free(buffer->memory);
        buffer->memory = malloc(size * 2);
        if (!buffer->memory) die("out of memory");
        buffer->size = size * 2;
    }
    return buffer->memory;
}

tgs_str fold_name(tgs_str name, char *folded) {
    if (name.len && name.ptr[0] == '@') name = (tgs_str){name.ptr + 1, name.len - 1};
    for (size_t i = 0; i < name.len; i++)
        folded[i] = name.ptr[i] >= 'A' && name.ptr[i] <= 'Z' ? (char)(name.ptr[i] - 'A' + 'a') : name.ptr[i];
    return (tgs_str){folded, name.len};
}

/* --- opening ------------------------------------------------------------------------------------------- */

static void execute(struct reference *reference, const char *sql) {
    if (sqlite3_exec(reference->db, sql, NULL, NULL, NULL) != SQLITE_OK) fail(reference);
}

static void find_session(struct reference *reference) {
    sqlite3_stmt *find = reference_statement(reference, FIND_SESSION);
    reference_bind_text(find, 1, TGS_STR("main"));
    if (!reference_step(reference, find)) die("reference: no session");
    reference->session = sqlite3_column_int64(find, 0);
    sqlite3_reset(find);
}

static struct reference *connect(const char *path, bool full) {
    struct reference *reference = calloc(1, sizeof *reference);
    if (!reference) die("out of memory");
    reference->expect_new = true;
    if (sqlite3_open_v2(path, &reference->db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
        fail(reference);
    execute(reference,
            full ? "PRAGMA cache_size=-65536; PRAGMA wal_autocheckpoint=4096; PRAGMA synchronous=FULL"
                 : "PRAGMA cache_size=-65536; PRAGMA wal_autocheckpoint=4096; PRAGMA synchronous=NORMAL");
    return reference;
}

struct reference *reference_create(const char *path, bool full) {
    struct reference *reference = connect(path, full);
    execute(reference, "PRAGMA journal_mode=WAL");
    execute(reference, schema);
    find_session(reference);
    return reference;
}

struct reference *reference_open(const char *path, bool full) {
    struct reference *reference = connect(path, full);
    find_session(reference);
    return reference;
}

int64_t reference_number(struct reference *reference, const char *sql) {
    sqlite3_stmt *ask;
    if (sqlite3_prepare_v2(reference->db, sql, -1, &ask, NULL) != SQLITE_OK ||
        sqlite3_step(ask) != SQLITE_ROW)
        fail(reference);
    int64_t number = sqlite3_column_int64(ask, 0);
    sqlite3_finalize(ask);
    return number;
}

void reference_close(struct reference *reference) {
    for (size_t i = 0; i < QUERIES; i++) sqlite3_finalize(reference->statements[i]);
    if (sqlite3_close(reference->db) != SQLITE_OK) fail(reference);
    free(reference->list.memory);
    free(reference->stored.memory);
    free(reference);
}
