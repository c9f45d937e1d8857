/* SPDX-License-Identifier: Apache-2.0 */
/* What the readers of session files share. */
#include "session_files.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "marks.h"
#include "text.h"

void peer_set_username(struct session_db *db, tgs_peer *peer, struct peer_texts *texts, tgs_str username) {
    if (!username.ptr || !username.len) return;
    if (!username_valid(username_shown(username)) || username.len > TGS_MAX_KEY_BYTES) {
        db->snapshot->dropped_values++;
        return;
    }
    texts->usernames[0] = username;
    peer->usernames = texts->usernames;
    peer->n_usernames = 1;
    peer->fields |= TGS_PEER_USERNAMES;
}

void peer_set_phone(struct session_db *db, tgs_peer *peer, struct peer_texts *texts, tgs_str phone) {
    size_t len;
    if (!phone.ptr || !phone.len) return;
    if (phone.len > sizeof texts->phone || !phone_digits(phone, texts->phone, &len)) {
        db->snapshot->dropped_values++;
        return;
    }
    peer->phone = (tgs_str){texts->phone, len};
    peer->fields |= TGS_PEER_PHONE;
}

void peer_set_seen(struct session_db *db, tgs_peer *peer, int64_t seconds) {
    if (seconds <= 0 || seconds > INT64_MAX / 1000) {
        db->snapshot->dropped_values++;
        return;
    }
    peer->seen_at = seconds * 1000;
    peer->fields |= TGS_PEER_SEEN_AT;
}

/* Telethon writes the time of a channel's row with its fraction of a second, which our
 * date has no room for. */
static tgs_status read_date(struct session_db *db, sqlite3_stmt *statement, int column, const char *scope,
                            tgs_update_state *state) {
    if (sqlite3_column_type(statement, column) != SQLITE_FLOAT) {
        if (session_db_i64(db, statement, column, &state->date)) state->fields |= TGS_UPDATE_STATE_DATE;
        return TGS_OK;
    }
    char key[64], text[64];
    double date = sqlite3_column_double(statement, column);
    if (!(date >= 0 && date < 1e15)) {
        db->snapshot->dropped_values++;
        return TGS_OK;
    }
    state->date = (int64_t)date;
    state->fields |= TGS_UPDATE_STATE_DATE;
    snprintf(key, sizeof key, "update_state/%" PRId64 "/date", state->channel_id);
    sqlite3_snprintf(sizeof text, text, "%!.17g", date);
    return snapshot_keep(db->snapshot, scope, key, text, db->err);
}

static tgs_status read_state(struct session_db *db, sqlite3_stmt *statement, const char *scope) {
    tgs_update_state state = {0};
    int64_t id;
    if (!session_db_i64(db, statement, 0, &id)) {
        db->snapshot->skipped_rows++;
        return TGS_OK;
    }
    state.channel_id = unmark_channel(id);
    if (session_db_i64(db, statement, 1, &state.pts)) state.fields |= TGS_UPDATE_STATE_PTS;
    if (session_db_i64(db, statement, 2, &state.qts)) state.fields |= TGS_UPDATE_STATE_QTS;
    if (session_db_i64(db, statement, 3, &state.seq)) state.fields |= TGS_UPDATE_STATE_SEQ;
    tgs_status status = read_date(db, statement, 4, scope, &state);
    if (status != TGS_OK) return status;
    return snapshot_add_or_skip(db->snapshot, TGS_RECORD_UPDATE_STATE, &state, db->err);
}

tgs_status update_states_read(struct session_db *db, const char *scope) {
    static const char *const columns[] = {"id", "pts", "qts", "seq", "date"};
    sqlite3_stmt *statement = NULL;
    bool row = true;
    if (!session_db_has(db, "update_state", "id")) return TGS_OK;
    tgs_status status = session_db_select(db, "update_state", columns, 5, "", &statement);
    while (status == TGS_OK && row) {
        status = session_db_step(db, statement, &row);
        if (status == TGS_OK && row) status = read_state(db, statement, scope);
    }
    sqlite3_finalize(statement);
    return session_db_tolerate(db, status, "update_state");
}
