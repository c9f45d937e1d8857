/* SPDX-License-Identifier: Apache-2.0 */
/* Telethon's session file, schema 7: the one that every release since 1.17 opens. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "allocator.h"
#include "error.h"
#include "session_files.h"
#include "session_writer.h"

static const char schema[] =
    "CREATE TABLE version (version integer primary key);"
    "INSERT INTO version VALUES (7);"
    "CREATE TABLE sessions (dc_id integer primary key, server_address text, port integer,"
    " auth_key blob, takeout_id integer);"
    "CREATE TABLE entities (id integer primary key, hash integer not null, username text,"
    " phone integer, name text, date integer);"
    "CREATE TABLE sent_files (md5_digest blob, file_size integer, type integer, id integer,"
    " hash integer, primary key(md5_digest, file_size, type));"
    "CREATE TABLE update_state (id integer primary key, pts integer, qts integer,"
    " date integer, seq integer)";

/* takeout_id stays NULL: 1.43 and 1.44 can't open a file that has one. */
static tgs_status write_account(struct session_writer *writer) {
    sqlite3_stmt *statement = NULL;
    const tgs_session_data *session = &writer->session;
    tgs_status status = writer_prepare(writer, "INSERT INTO sessions VALUES (?, ?, ?, ?, NULL)", &statement);
    if (status == TGS_OK) {
        bind_number(statement, 1, true, session->dc);
        bind_text(statement, 2, session->address);
        bind_number(statement, 3, true, session->port);
        sqlite3_bind_blob64(statement, 4, session->auth_key.ptr, session->auth_key.len, SQLITE_STATIC);
        status = writer_step(writer, statement);
    }
    sqlite3_finalize(statement);
    return status;
}

/* Telethon keeps the account's own id as the hash of entity 0. */
static tgs_status write_own_id(struct session_writer *writer) {
    char sql[96];
    if (!(writer->session.fields & TGS_SESSION_USER_ID)) return TGS_OK;
    snprintf(sql, sizeof sql, "INSERT INTO entities(id, hash) VALUES (0, %" PRId64 ")",
             writer->session.user_id);
    return writer_run(writer, sql);
}

static tgs_status bind_name(struct session_writer *writer, sqlite3_stmt *statement, int parameter,
                            const tgs_peer *peer) {
    tgs_str first = peer->fields & TGS_PEER_FIRST_NAME ? peer->first_name : (tgs_str){NULL, 0};
    tgs_str last = peer->fields & TGS_PEER_LAST_NAME ? peer->last_name : (tgs_str){NULL, 0};
    if (!first.len || !last.len) {
        bind_text(statement, parameter, last.len ? last : first);
        return TGS_OK;
    }
    char *name = mem_alloc(first.len + 1 + last.len);
    if (!name) return error_nomem(writer->err);
    memcpy(name, first.ptr, first.len);
    name[first.len] = ' ';
    memcpy(name + first.len + 1, last.ptr, last.len);
    /* NOLINTNEXTLINE(analyzer-malloc-leak): SQLite frees it */
    sqlite3_bind_text64(statement, parameter, name, first.len + 1 + last.len, mem_free, SQLITE_UTF8);
    return TGS_OK;
}

static tgs_status write_entity(struct session_writer *writer, sqlite3_stmt *statement, const void *row) {
    const tgs_peer *peer = row;
    int64_t marked;
    if (!writable_peer(peer, &marked) || marked == 0) return TGS_OK;
    bind_number(statement, 1, true, marked);
    bind_number(statement, 2, true, peer->access_hash);
    if (peer->fields & TGS_PEER_USERNAMES && peer->n_usernames)
        bind_username(writer, statement, 3, peer->usernames[0]);
    if (peer->fields & TGS_PEER_PHONE) bind_text(statement, 4, peer->phone);
    tgs_status status = bind_name(writer, statement, 5, peer);
    bind_number(statement, 6, peer->fields & TGS_PEER_SEEN_AT, peer->seen_at / 1000);
    return status == TGS_OK ? writer_step(writer, statement) : status;
}

/* Telethon can't read NULLs here. */
static tgs_status write_state(struct session_writer *writer, sqlite3_stmt *statement, const void *row) {
    const tgs_update_state *state = row;
    const int64_t values[] = {state->channel_id, state->fields & TGS_UPDATE_STATE_PTS ? state->pts : 0,
                              state->fields & TGS_UPDATE_STATE_QTS ? state->qts : 0,
                              state->fields & TGS_UPDATE_STATE_DATE ? state->date : 0,
                              state->fields & TGS_UPDATE_STATE_SEQ ? state->seq : 0};
    for (int i = 0; i < 5; i++) bind_number(statement, i + 1, true, values[i]);
    return writer_step(writer, statement);
}

static unsigned hex_value(char digit) { return (unsigned)(digit <= '9' ? digit - '0' : digit - 'a' + 10); }

/* Bytes in hexadecimal, and what follows them; 0 if they are too many. */
static size_t take_hex(const char **text, uint8_t *out, size_t size) {
    size_t digits = strspn(*text, "0123456789abcdef"), n = digits / 2 <= size ? digits / 2 : 0;
    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t)(hex_value((*text)[2 * i]) << 4 | hex_value((*text)[2 * i + 1]));
    *text += digits;
    return n;
}

/* A number, and what follows it; false if there is none, or none that fits. */
static bool take_number(const char **text, int64_t *number) {
    char *end;
    errno = 0;
    *number = strtoll(*text, &end, 10);
    bool taken = end != *text && !errno;
    *text = end;
    return taken;
}

/* sent_files/<md5>/<size>/<type> = "<id> <hash>" */
static tgs_status write_sent_file(struct session_writer *writer, sqlite3_stmt *statement, const void *row) {
    struct kept_value kept;
    uint8_t md5[32];
    int64_t size, type, id, hash;
    if (!kept_under(row, TELETHON_SCOPE, "sent_files/", &kept)) return TGS_OK;
    const char *key = kept.key, *value = kept.value;
    size_t md5_size = take_hex(&key, md5, sizeof md5);
    if (!md5_size || *key++ != '/' || !take_number(&key, &size) || *key++ != '/' || !take_number(&key, &type))
        return TGS_OK;
    if (!take_number(&value, &id) || !take_number(&value, &hash)) return TGS_OK;
    sqlite3_bind_blob64(statement, 1, md5, md5_size, SQLITE_STATIC);
    bind_number(statement, 2, true, size);
    bind_number(statement, 3, true, type);
    bind_number(statement, 4, true, id);
    bind_number(statement, 5, true, hash);
    return writer_step(writer, statement);
}

/* The fraction of a date, unless the date has changed since. */
static tgs_status write_date(struct session_writer *writer, sqlite3_stmt *statement, const void *row) {
    struct kept_value kept;
    char *end;
    if (!kept_under(row, TELETHON_SCOPE, "update_state/", &kept)) return TGS_OK;
    bind_number(statement, 2, true, strtoll(kept.key, &end, 10));
    if (strcmp(end, "/date") != 0) return TGS_OK;
    sqlite3_bind_double(statement, 1, strtod(kept.value, NULL));
    return writer_step(writer, statement);
}

tgs_status telethon_file_write(struct session_writer *writer) {
    uint8_t address[16];
    size_t size;
    if (!(writer->session.fields & TGS_SESSION_DC))
        return error_set(writer->err, TGS_E_INVALID,
                         "telethon-sqlite needs dc, which is not known: give it as an option");
    tgs_status status = session_numeric_address(&writer->session, address, &size, writer->err);
    if (status == TGS_OK) status = writer_run(writer, schema);
    if (status == TGS_OK) status = write_account(writer);
    if (status == TGS_OK) status = write_own_id(writer);
    if (status == TGS_OK)
        status = write_rows(writer, TGS_RECORD_PEER,
                            "INSERT OR REPLACE INTO entities VALUES (?, ?, ?, ?, ?, ?)", write_entity);
    if (status == TGS_OK)
        status = write_rows(writer, TGS_RECORD_UPDATE_STATE,
                            "INSERT OR REPLACE INTO update_state VALUES (?, ?, ?, ?, ?)", write_state);
    if (status == TGS_OK)
        status = write_rows(writer, TGS_RECORD_KV, "INSERT OR REPLACE INTO sent_files VALUES (?, ?, ?, ?, ?)",
                            write_sent_file);
    if (status == TGS_OK)
        status = write_rows(writer, TGS_RECORD_KV,
                            "UPDATE update_state SET date = ?1 WHERE id = ?2 AND date = CAST(?1 AS INTEGER)",
                            write_date);
    return status;
}
