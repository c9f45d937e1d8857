/* SPDX-License-Identifier: Apache-2.0 */
/* Session files of Pyrogram (schema 3, which its forks open and migrate) and Kurigram (7). */
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "marks.h"
#include "peer_types.h"
#include "session_files.h"
#include "session_writer.h"

static const char pyrogram_schema[] =
    "CREATE TABLE sessions (dc_id INTEGER PRIMARY KEY, api_id INTEGER, test_mode INTEGER, auth_key BLOB,"
    " date INTEGER NOT NULL, user_id INTEGER, is_bot INTEGER);"
    "CREATE TABLE peers (id INTEGER PRIMARY KEY, access_hash INTEGER, type INTEGER NOT NULL, username TEXT,"
    " phone_number TEXT, last_update_on INTEGER NOT NULL DEFAULT (CAST(STRFTIME('%s', 'now') AS INTEGER)));"
    "CREATE TABLE version (number INTEGER PRIMARY KEY);"
    "INSERT INTO version VALUES (3);"
    "CREATE INDEX idx_peers_id ON peers (id);"
    "CREATE INDEX idx_peers_username ON peers (username);"
    "CREATE INDEX idx_peers_phone_number ON peers (phone_number)";

static const char kurigram_schema[] =
    "CREATE TABLE sessions (dc_id INTEGER PRIMARY KEY, server_address TEXT, port INTEGER, api_id INTEGER,"
    " test_mode INTEGER, auth_key BLOB, date INTEGER NOT NULL, user_id INTEGER, is_bot INTEGER);"
    "CREATE TABLE peers (id INTEGER PRIMARY KEY, access_hash INTEGER, type INTEGER NOT NULL, phone_number "
    "TEXT,"
    " last_update_on INTEGER NOT NULL DEFAULT (CAST(STRFTIME('%s', 'now') AS INTEGER)));"
    "CREATE TABLE usernames (id INTEGER, username TEXT, FOREIGN KEY (id) REFERENCES peers(id));"
    "CREATE TABLE update_state (id INTEGER PRIMARY KEY, pts INTEGER, qts INTEGER, date INTEGER, seq INTEGER);"
    "CREATE TABLE version (number INTEGER PRIMARY KEY);"
    "INSERT INTO version VALUES (7);"
    "CREATE INDEX idx_peers_id ON peers (id);"
    "CREATE INDEX idx_peers_phone_number ON peers (phone_number);"
    "CREATE INDEX idx_usernames_id ON usernames (id);"
    "CREATE INDEX idx_usernames_username ON usernames (username)";

/* Last of all, since it would change the dates of the rows. */
static const char trigger[] =
    "CREATE TRIGGER trg_peers_last_update_on AFTER UPDATE ON peers BEGIN UPDATE peers"
    " SET last_update_on = CAST(STRFTIME('%s', 'now') AS INTEGER) WHERE id = NEW.id; END";

/* A key beside a NULL in one of these is taken for logged out, and overwritten. */
static tgs_status check_account(struct session_writer *writer, const char *format) {
    static const struct {
        uint64_t bit;
        const char *name;
    } needed[] = {{TGS_SESSION_DC, "dc"},
                  {TGS_SESSION_TEST_MODE, "test_mode"},
                  {TGS_SESSION_USER_ID, "user_id"},
                  {TGS_SESSION_IS_BOT, "is_bot"}};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (!(writer->session.fields & needed[i].bit))
            return error_set(writer->err, TGS_E_INVALID,
                             "%s needs %s, which is not known: give it as an option", format, needed[i].name);
    return TGS_OK;
}

static tgs_status write_account(struct session_writer *writer, bool address) {
    sqlite3_stmt *statement = NULL;
    const tgs_session_data *session = &writer->session;
    tgs_status status =
        writer_prepare(writer,
                       "INSERT INTO sessions(dc_id, api_id, test_mode, auth_key, date, user_id, is_bot)"
                       " VALUES (?, ?, ?, ?, ?, ?, ?)",
                       &statement);
    if (status == TGS_OK) {
        bind_number(statement, 1, true, session->dc);
        bind_number(statement, 2, session->fields & TGS_SESSION_API_ID, session->api_id);
        bind_number(statement, 3, true, session->test_mode);
        sqlite3_bind_blob64(statement, 4, session->auth_key.ptr, session->auth_key.len, SQLITE_STATIC);
        bind_number(statement, 5, true, session->fields & TGS_SESSION_DATE ? session->date : 0);
        bind_number(statement, 6, true, session->user_id);
        bind_number(statement, 7, true, session->is_bot);
        status = writer_step(writer, statement);
    }
    sqlite3_finalize(statement);
    statement = NULL;
    if (!address || status != TGS_OK) return status;
    status = writer_prepare(writer, "UPDATE sessions SET server_address = ?, port = ?", &statement);
    if (status == TGS_OK) {
        bind_text(statement, 1, session->address);
        bind_number(statement, 2, true, session->port);
        status = writer_step(writer, statement);
    }
    sqlite3_finalize(statement);
    return status;
}

static void bind_peer(sqlite3_stmt *statement, const tgs_peer *peer, int64_t marked, bool portable) {
    int32_t subtype = peer->fields & TGS_PEER_SUBTYPE ? peer->subtype : TGS_PEER_SUBTYPE_NONE;
    const char *type = peer_type_name(peer->kind, subtype, portable);
    bind_number(statement, 1, true, marked);
    bind_number(statement, 2, true, peer->access_hash);
    bind_text(statement, 3, (tgs_str){type, strlen(type)});
    if (peer->fields & TGS_PEER_PHONE) bind_text(statement, 4, peer->phone);
    /* A peer without a date counts as old, so that its username is looked up anew. */
    bind_number(statement, 5, true, peer->fields & TGS_PEER_SEEN_AT ? peer->seen_at / 1000 : 0);
}

static tgs_status write_pyrogram_peer(struct session_writer *writer, sqlite3_stmt *statement,
                                      const void *row) {
    const tgs_peer *peer = row;
    int64_t marked;
    if (!writable_peer(peer, &marked)) return TGS_OK;
    bind_peer(statement, peer, marked, true);
    if (peer->fields & TGS_PEER_USERNAMES && peer->n_usernames)
        bind_username(writer, statement, 6, peer->usernames[0]);
    return writer_step(writer, statement);
}

static tgs_status write_kurigram_peer(struct session_writer *writer, sqlite3_stmt *statement,
                                      const void *row) {
    const tgs_peer *peer = row;
    int64_t marked;
    if (!writable_peer(peer, &marked)) return TGS_OK;
    bind_peer(statement, peer, marked, false);
    return writer_step(writer, statement);
}

static tgs_status write_usernames(struct session_writer *writer, sqlite3_stmt *statement, const void *row) {
    const tgs_peer *peer = row;
    int64_t marked;
    tgs_status status = TGS_OK;
    if (!writable_peer(peer, &marked) || !(peer->fields & TGS_PEER_USERNAMES)) return TGS_OK;
    for (size_t i = 0; i < peer->n_usernames && status == TGS_OK; i++) {
        bind_number(statement, 1, true, marked);
        bind_username(writer, statement, 2, peer->usernames[i]);
        status = writer_step(writer, statement);
    }
    return status;
}

static tgs_status write_state(struct session_writer *writer, sqlite3_stmt *statement, const void *row) {
    const tgs_update_state *state = row;
    int64_t marked = 0;
    if (state->channel_id && !mark_peer(TGS_PEER_CHANNEL, state->channel_id, &marked)) return TGS_OK;
    bind_number(statement, 1, true, marked);
    bind_number(statement, 2, state->fields & TGS_UPDATE_STATE_PTS, state->pts);
    bind_number(statement, 3, state->fields & TGS_UPDATE_STATE_QTS, state->qts);
    bind_number(statement, 4, state->fields & TGS_UPDATE_STATE_DATE, state->date);
    bind_number(statement, 5, state->fields & TGS_UPDATE_STATE_SEQ, state->seq);
    return writer_step(writer, statement);
}

/* Types that tgstore has no subtype for: peers/<marked id>/type. */
static tgs_status write_type(struct session_writer *writer, sqlite3_stmt *statement, const void *row) {
    struct kept_value kept;
    char *end;
    if (!kept_under(row, PYROGRAM_SCOPE, "peers/", &kept)) return TGS_OK;
    bind_number(statement, 2, true, strtoll(kept.key, &end, 10));
    if (strcmp(end, "/type") != 0) return TGS_OK;
    bind_text(statement, 1, (tgs_str){kept.value, strlen(kept.value)});
    return writer_step(writer, statement);
}

static tgs_status write_types_and_trigger(struct session_writer *writer) {
    tgs_status status =
        write_rows(writer, TGS_RECORD_KV, "UPDATE peers SET type = ? WHERE id = ?", write_type);
    return status == TGS_OK ? writer_run(writer, trigger) : status;
}

tgs_status pyrogram_file_write(struct session_writer *writer) {
    tgs_status status = check_account(writer, "pyrogram-sqlite");
    if (status == TGS_OK) status = writer_run(writer, pyrogram_schema);
    if (status == TGS_OK) status = write_account(writer, false);
    if (status == TGS_OK)
        status = write_rows(
            writer, TGS_RECORD_PEER,
            "INSERT OR REPLACE INTO peers(id, access_hash, type, phone_number, last_update_on, username)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            write_pyrogram_peer);
    return status == TGS_OK ? write_types_and_trigger(writer) : status;
}

tgs_status kurigram_file_write(struct session_writer *writer) {
    uint8_t address[16];
    size_t size;
    tgs_status status = check_account(writer, "kurigram-sqlite");
    if (status == TGS_OK) status = session_numeric_address(&writer->session, address, &size, writer->err);
    if (status == TGS_OK) status = writer_run(writer, kurigram_schema);
    if (status == TGS_OK) status = write_account(writer, true);
    if (status == TGS_OK)
        status =
            write_rows(writer, TGS_RECORD_PEER,
                       "INSERT OR REPLACE INTO peers(id, access_hash, type, phone_number, last_update_on)"
                       " VALUES (?, ?, ?, ?, ?)",
                       write_kurigram_peer);
    if (status == TGS_OK)
        status = write_rows(writer, TGS_RECORD_PEER, "INSERT INTO usernames VALUES (?, ?)", write_usernames);
    if (status == TGS_OK)
        status = write_rows(writer, TGS_RECORD_UPDATE_STATE,
                            "INSERT OR REPLACE INTO update_state VALUES (?, ?, ?, ?, ?)", write_state);
    return status == TGS_OK ? write_types_and_trigger(writer) : status;
}
