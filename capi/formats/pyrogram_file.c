/* SPDX-License-Identifier: Apache-2.0 */
/* .session files of Pyrogram and its forks: Kurigram, Hydrogram, Pyrofork, PyroTGFork,
 * PyrogramMod, and those that one of them made of another's. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "error.h"
#include "marks.h"
#include "peer_types.h"
#include "session_files.h"
#include "text.h"

#define MAX_USERNAMES 1000 /* of one peer */

bool pyrogram_file_is(const struct session_db *db) {
    return session_db_has(db, "sessions", "dc_id") && session_db_has(db, "sessions", "auth_key") &&
           session_db_has(db, "sessions", "user_id");
}

/* --- account ------------------------------------------------------------------------ */

static void set_flag(struct session_db *db, sqlite3_stmt *statement, int column, uint64_t bit,
                     int32_t *member, tgs_session_data *session) {
    int64_t value;
    if (!session_db_i64(db, statement, column, &value)) return;
    *member = value != 0;
    session->fields |= bit;
}

static tgs_status read_address(struct session_db *db, sqlite3_stmt *statement, tgs_session_data *session) {
    int64_t port;
    tgs_str address;
    tgs_status status = session_db_text(db, statement, 7, &address);
    if (status != TGS_OK || !address.ptr || !address.len) return status;
    if (!arena_text(&db->snapshot->arena, address, &session->address)) return error_nomem(db->err);
    session->fields |= TGS_SESSION_ADDRESS;
    if (session_db_i64(db, statement, 8, &port) && port > 0 && port <= 65535) {
        session->port = (int32_t)port;
        session->fields |= TGS_SESSION_PORT;
    }
    return snapshot_mend_address(db->snapshot, session, db->err);
}

static tgs_status read_account(struct session_db *db, sqlite3_stmt *statement, tgs_session_data *session) {
    int64_t number;
    if (session_db_i64(db, statement, 0, &number) && number > 0 && number <= 255) {
        session->dc = (int32_t)number;
        session->fields |= TGS_SESSION_DC;
    }
    if (session_db_i64(db, statement, 1, &number) && number > 0) {
        session->api_id = number;
        session->fields |= TGS_SESSION_API_ID;
    }
    set_flag(db, statement, 2, TGS_SESSION_TEST_MODE, &session->test_mode, session);
    if (session_db_i64(db, statement, 4, &session->date)) session->fields |= TGS_SESSION_DATE;
    if (session_db_i64(db, statement, 5, &number) && number > 0) {
        session->user_id = number;
        session->fields |= TGS_SESSION_USER_ID;
    }
    set_flag(db, statement, 6, TGS_SESSION_IS_BOT, &session->is_bot, session);
    tgs_status status = session_db_auth_key(db, statement, 3, session);
    return status == TGS_OK ? read_address(db, statement, session) : status;
}

static tgs_status read_sessions(struct session_db *db, tgs_session_data *session) {
    static const char *const columns[] = {"dc_id",   "api_id", "test_mode",      "auth_key", "date",
                                          "user_id", "is_bot", "server_address", "port"};
    sqlite3_stmt *statement;
    tgs_status status = session_db_account(db, columns, 9, &statement);
    if (status == TGS_OK && statement) status = read_account(db, statement, session);
    sqlite3_finalize(statement);
    return status;
}

/* --- usernames ----------------------------------------------------------------------- */

/* The table of usernames, read along with the peers in the order of their marked ids. */
struct usernames {
    sqlite3_stmt *statement; /* NULL: there is no such table, or no more rows */
    const char *id;          /* column of the peer */
    bool row;                /* the statement stands on one */
    tgs_str *list;
    size_t count;
    struct arena arena; /* of the peer at hand */
};

/* Kurigram: (id, username).  Pyrofork: (id, peer_id, last_update_on), where id is the name. */
static tgs_status usernames_open(struct session_db *db, struct usernames *names) {
    static const char *const kurigram[] = {"id", "username", "NULL"};
    static const char *const pyrofork[] = {"peer_id", "id", "last_update_on"};
    bool fork = session_db_has(db, "usernames", "peer_id");
    if (!session_db_has(db, "usernames", "id") || (!fork && !session_db_has(db, "usernames", "username")))
        return TGS_OK;
    tgs_status status = session_db_select(db, "usernames", fork ? pyrofork : kurigram, 3, "ORDER BY 1, rowid",
                                          &names->statement);
    if (status == TGS_OK) status = session_db_step(db, names->statement, &names->row);
    return status;
}

static tgs_status usernames_take(struct session_db *db, struct usernames *names, tgs_str text) {
    if (!text.ptr || !text.len) return TGS_OK;
    if (!username_valid(username_shown(text)) || text.len > TGS_MAX_KEY_BYTES ||
        names->count == MAX_USERNAMES) {
        db->snapshot->dropped_values++;
        return TGS_OK;
    }
    if (!names->list) names->list = arena_alloc(&names->arena, MAX_USERNAMES * sizeof *names->list);
    if (!names->list || !arena_text(&names->arena, text, &names->list[names->count]))
        return error_nomem(db->err);
    names->count++;
    return TGS_OK;
}

/* Pyrofork's date of a username has no place in a peer. */
static tgs_status keep_username_date(struct session_db *db, const struct usernames *names, tgs_str username) {
    char key[TGS_MAX_KEY_BYTES + 1], value[32];
    if (sqlite3_column_type(names->statement, 2) != SQLITE_INTEGER || !username.ptr || username.len > 400)
        return TGS_OK;
    snprintf(key, sizeof key, "usernames/%.*s/last_update_on", (int)username.len, username.ptr);
    snprintf(value, sizeof value, "%" PRId64, (int64_t)sqlite3_column_int64(names->statement, 2));
    return snapshot_keep(db->snapshot, PYROGRAM_SCOPE, key, value, db->err);
}

/* Collect the names of the peer; those of peers that are not there are counted. */
static tgs_status usernames_of(struct session_db *db, struct usernames *names, int64_t marked) {
    tgs_status status = TGS_OK;
    names->list = NULL;
    names->count = 0;
    arena_reset(&names->arena);
    while (names->row && status == TGS_OK) {
        bool integer = sqlite3_column_type(names->statement, 0) == SQLITE_INTEGER;
        bool null = sqlite3_column_type(names->statement, 0) == SQLITE_NULL; /* these sort first */
        int64_t owner = sqlite3_column_int64(names->statement, 0);
        tgs_str text;
        if (!null && (!integer || owner > marked)) return TGS_OK; /* belongs to a later peer, or to none */
        if (integer && owner == marked) {
            status = session_db_text(db, names->statement, 1, &text);
            if (status == TGS_OK) status = usernames_take(db, names, text);
            if (status == TGS_OK) status = keep_username_date(db, names, text);
        } else {
            db->snapshot->skipped_rows++;
        }
        if (status == TGS_OK) status = session_db_step(db, names->statement, &names->row);
    }
    return status;
}

static void usernames_close(struct usernames *names) {
    sqlite3_finalize(names->statement);
    arena_free(&names->arena);
}

/* --- peers ------------------------------------------------------------------------------ */

static tgs_status set_type(struct session_db *db, int64_t marked, tgs_str type, tgs_peer *peer) {
    const struct peer_type *known = peer_type_named(type);
    peer->kind = unmark_peer(marked, peer->access_hash != 0, &peer->id);
    if (known) {
        peer->subtype = known->subtype;
        peer->fields |= TGS_PEER_SUBTYPE;
        if (known->kind == TGS_PEER_CHANNEL && marked < 0) {
            peer->kind = TGS_PEER_CHANNEL;
            peer->id = unmark_channel(marked);
        }
        return TGS_OK;
    }
    if (!type.ptr || type.len > 100) return TGS_OK;
    char key[64], value[128];
    snprintf(key, sizeof key, "peers/%" PRId64 "/type", marked);
    snprintf(value, sizeof value, "%.*s", (int)type.len, type.ptr);
    return snapshot_keep(db->snapshot, PYROGRAM_SCOPE, key, value, db->err);
}

/* The name in the peer's own row comes first, unless the table of usernames has it. */
static tgs_status add_own_username(struct session_db *db, struct usernames *names, tgs_str own) {
    for (size_t i = 0; i < names->count; i++)
        if (own.ptr && own.len == names->list[i].len &&
            strncasecmp(own.ptr, names->list[i].ptr, own.len) == 0)
            return TGS_OK;
    size_t before = names->count;
    tgs_status status = usernames_take(db, names, own);
    if (status != TGS_OK || names->count == before || before == 0) return status;
    tgs_str last = names->list[before];
    memmove(names->list + 1, names->list, before * sizeof *names->list);
    names->list[0] = last;
    return TGS_OK;
}

static tgs_status read_peer(struct session_db *db, sqlite3_stmt *statement, struct usernames *names) {
    tgs_peer peer = {0};
    struct peer_texts texts;
    int64_t marked, date;
    tgs_str text;
    if (!session_db_i64(db, statement, 0, &marked)) {
        db->snapshot->skipped_rows++;
        return TGS_OK;
    }
    if (session_db_i64(db, statement, 1, &peer.access_hash)) peer.fields |= TGS_PEER_ACCESS_HASH;
    tgs_status status = session_db_text(db, statement, 2, &text);
    if (status == TGS_OK) status = set_type(db, marked, text, &peer);
    if (status == TGS_OK) status = usernames_of(db, names, marked);
    if (status == TGS_OK) status = session_db_text(db, statement, 3, &text);
    if (status == TGS_OK) status = add_own_username(db, names, text);
    if (status == TGS_OK) status = session_db_text(db, statement, 4, &text);
    if (status != TGS_OK) return status;
    peer_set_phone(db, &peer, &texts, text);
    if (session_db_i64(db, statement, 5, &date)) peer_set_seen(db, &peer, date);
    if (names->count) {
        peer.usernames = names->list;
        peer.n_usernames = names->count;
        peer.fields |= TGS_PEER_USERNAMES;
    }
    return snapshot_add_or_skip(db->snapshot, TGS_RECORD_PEER, &peer, db->err);
}

static tgs_status read_peers(struct session_db *db) {
    static const char *const columns[] = {"id",       "access_hash",  "type",
                                          "username", "phone_number", "last_update_on"};
    struct usernames names = {0};
    sqlite3_stmt *statement = NULL;
    bool row = true;
    if (!session_db_has(db, "peers", "id")) return snapshot_note(db->snapshot, db->err, "no table peers");
    tgs_status status = session_db_tolerate(db, usernames_open(db, &names), "usernames");
    if (status == TGS_OK) status = session_db_select(db, "peers", columns, 6, "ORDER BY id", &statement);
    while (status == TGS_OK && row) {
        status = session_db_step(db, statement, &row);
        if (status == TGS_OK && row) status = read_peer(db, statement, &names);
    }
    if (status == TGS_OK) status = usernames_of(db, &names, INT64_MAX); /* count those left over */
    sqlite3_finalize(statement);
    usernames_close(&names);
    return session_db_tolerate(db, status, "peers");
}

/* --- the file ---------------------------------------------------------------------------- */

/* Which library wrote it, as far as its tables tell. */
static const char *describe_writer(const struct session_db *db) {
    bool states = session_db_has(db, "update_state", NULL);
    if (!session_db_has(db, "sessions", "api_id")) return "Pyrogram session file";
    if (session_db_has(db, "sessions", "server_address"))
        return session_db_has(db, "peers", "username") ? "Pyrogram session file migrated by Kurigram"
                                                       : "Kurigram session file";
    if (session_db_has(db, "usernames", "peer_id")) return "Pyrofork session file";
    if (session_db_has(db, "usernames", NULL)) return "Kurigram or PyroTGFork session file";
    return states ? "PyrogramMod session file" : "Pyrogram or Hydrogram session file";
}

static tgs_status describe(struct session_db *db) {
    int64_t schema = 0;
    tgs_status status = TGS_OK;
    if (session_db_has(db, "version", "number"))
        status = session_db_number(db, "SELECT number FROM version", &schema);
    snprintf(db->snapshot->description, sizeof db->snapshot->description, "%s, schema %" PRId64,
             describe_writer(db), schema);
    return session_db_tolerate(db, status, "version");
}

tgs_status pyrogram_file_read(struct session_db *db) {
    tgs_session_data session = {0};
    tgs_status status = describe(db);
    if (status == TGS_OK) status = read_sessions(db, &session);
    if (status == TGS_OK) status = read_peers(db);
    if (status == TGS_OK) status = update_states_read(db, PYROGRAM_SCOPE);
    return status == TGS_OK ? snapshot_finish(db->snapshot, &session, db->err) : status;
}
