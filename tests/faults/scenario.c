/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario.h"

#include <string.h>

#define ONCE (TGS_ROW_IF_ABSENT | TGS_ROW_REQUIRE)

static const uint8_t auth_key[256] = {7};

static tgs_str str(const char *text) { return (tgs_str){text, strlen(text)}; }

/* A step that hopes for something else than an error says so with this. */
static tgs_status unexpected(tgs_error *err, const char *what) {
    memset(err, 0, sizeof *err);
    err->code = TGS_E_INVALID;
    strncpy(err->message, what, sizeof err->message - 1);
    return err->code;
}

static tgs_status expect_rows(tgs_status status, tgs_rows *rows, size_t n, tgs_error *err) {
    size_t count = 0;
    for (size_t i = 0; status == TGS_OK && i < tgs_rows_count(rows); i++) {
        size_t stride;
        const char *row = (const char *)tgs_rows_data(rows, &stride) + i * stride;
        count += (((const tgs_kv *)(const void *)row)->flags & TGS_ROW_FOUND) != 0; /* all rows begin alike */
    }
    tgs_rows_free(rows);
    if (status == TGS_OK && count != n) return unexpected(err, "not the rows that should be there");
    return status;
}

static tgs_status open_store(struct world *w, tgs_error *err) {
    return tgs_store_open(str(w->url), NULL, 0, &w->store, NULL, err);
}

static tgs_status new_session(struct world *w, tgs_error *err) {
    return tgs_session_new(w->store, TGS_STR("main"), &w->session, err);
}

static tgs_status put_session(struct world *w, tgs_error *err) {
    tgs_session_data row = {.fields = TGS_SESSION_DC | TGS_SESSION_AUTH_KEY | TGS_SESSION_USER_ID |
                                      TGS_SESSION_API_ID | TGS_SESSION_IS_BOT | TGS_SESSION_PHONE |
                                      TGS_SESSION_ADDRESS | TGS_SESSION_PORT | TGS_SESSION_TEST_MODE,
                            .flags = ONCE,
                            .dc = 2,
                            .user_id = 5012345678,
                            .api_id = 12345,
                            .port = 443,
                            .phone = TGS_STR("+1 227 997-5998"),
                            .address = TGS_STR("149.154.167.51"),
                            .auth_key = {auth_key, sizeof auth_key}};
    return tgs_put(w->session, TGS_RECORD_SESSION, &row, 1, sizeof row, NULL, NULL, err);
}

static tgs_status put_dc_auth(struct world *w, tgs_error *err) {
    tgs_dc_auth row = {.fields = TGS_DC_AUTH_AUTH_KEY, .flags = ONCE, .dc = 4, .auth_key = {auth_key, 256}};
    return tgs_put(w->session, TGS_RECORD_DC_AUTH, &row, 1, sizeof row, NULL, NULL, err);
}

static tgs_status put_peers(struct world *w, tgs_error *err) {
    const tgs_str names[] = {TGS_STR("@Telegram"), TGS_STR("other")};
    tgs_peer rows[] = {{.fields = TGS_PEER_ACCESS_HASH | TGS_PEER_USERNAMES | TGS_PEER_PHONE,
                        .flags = ONCE,
                        .kind = TGS_PEER_USER,
                        .id = 777000,
                        .access_hash = -5,
                        .usernames = names,
                        .n_usernames = 2,
                        .phone = TGS_STR("42777")},
                       {.fields = TGS_PEER_FIRST_NAME,
                        .flags = ONCE,
                        .kind = TGS_PEER_CHAT,
                        .id = 5,
                        .first_name = TGS_STR("A group")}};
    tgs_result results[2];
    return tgs_put(w->session, TGS_RECORD_PEER, rows, 2, sizeof *rows, results, NULL, err);
}

static tgs_status get_peers(struct world *w, tgs_error *err) {
    const tgs_peer keys[] = {{.kind = TGS_PEER_ANY, .id = 777000}, {.kind = TGS_PEER_USER, .id = 1}};
    tgs_rows *rows = NULL;
    tgs_status status = tgs_get(w->session, TGS_RECORD_PEER, keys, 2, sizeof *keys, &rows, NULL, err);
    return expect_rows(status, rows, 1, err);
}

static tgs_status list_peers(struct world *w, tgs_error *err) {
    tgs_rows *rows = NULL;
    tgs_status status = tgs_list(w->session, TGS_RECORD_PEER, NULL, 0, NULL, 100, &rows, NULL, err);
    return expect_rows(status, rows, 2, err);
}

static tgs_status find_username(struct world *w, tgs_error *err) {
    tgs_rows *rows = NULL;
    tgs_str name = TGS_STR("telegram");
    tgs_status status = tgs_peers_by_username(w->session, &name, 1, 0, &rows, NULL, err);
    return expect_rows(status, rows, 1, err);
}

static tgs_status find_phone(struct world *w, tgs_error *err) {
    tgs_rows *rows = NULL;
    tgs_str phone = TGS_STR("+42 777");
    tgs_status status = tgs_peers_by_phone(w->session, &phone, 1, 0, &rows, NULL, err);
    return expect_rows(status, rows, 1, err);
}

/* A name that another peer had: that one keeps its others. */
static tgs_status take_username(struct world *w, tgs_error *err) {
    const tgs_str name = TGS_STR("OTHER");
    tgs_peer row = {
        .fields = TGS_PEER_USERNAMES, .kind = TGS_PEER_CHAT, .id = 5, .usernames = &name, .n_usernames = 1};
    return tgs_put(w->session, TGS_RECORD_PEER, &row, 1, sizeof row, NULL, NULL, err);
}

static tgs_status get_usernames(struct world *w, tgs_error *err) {
    const tgs_peer key = {.kind = TGS_PEER_USER, .id = 777000};
    tgs_rows *rows = NULL;
    tgs_status status = tgs_get(w->session, TGS_RECORD_PEER, &key, 1, sizeof key, &rows, NULL, err);
    const tgs_peer *peer = tgs_rows_data(rows, NULL);
    if (status == TGS_OK && (peer->n_usernames != 1 || strcmp(peer->usernames[0].ptr, "Telegram") != 0))
        status = unexpected(err, "not the names that should be left");
    tgs_rows_free(rows);
    return status;
}

static tgs_status put_update_state(struct world *w, tgs_error *err) {
    tgs_update_state row = {
        .fields = TGS_UPDATE_STATE_PTS | TGS_UPDATE_STATE_DATE, .flags = ONCE, .pts = 9, .date = 1700000000};
    return tgs_put(w->session, TGS_RECORD_UPDATE_STATE, &row, 1, sizeof row, NULL, NULL, err);
}

static tgs_status add_dedup(struct world *w, tgs_error *err) {
    tgs_dedup row = {.key = TGS_STR("update 9"), .flags = TGS_ROW_REQUIRE};
    return tgs_put(w->session, TGS_RECORD_DEDUP, &row, 1, sizeof row, NULL, NULL, err);
}

static tgs_status enqueue(struct world *w, tgs_error *err) {
    tgs_queue_item row = {.fields = TGS_QUEUE_ITEM_LANE | TGS_QUEUE_ITEM_PAYLOAD,
                          .flags = TGS_ROW_REQUIRE,
                          .id = TGS_STR("9"),
                          .lane = TGS_STR("chat 5"),
                          .payload = {auth_key, 16}};
    return tgs_put(w->session, TGS_RECORD_QUEUE_ITEM, &row, 1, sizeof row, NULL, NULL, err);
}

static tgs_status claim(struct world *w, tgs_error *err) {
    tgs_rows *rows = NULL;
    tgs_status status =
        tgs_queue_claim(w->session, TGS_STR("worker"), (tgs_str){NULL, 0}, 60000, 10, &rows, NULL, err);
    tgs_queue_item item = {0};
    if (status == TGS_OK && tgs_rows_count(rows) == 1) tgs_rows_row(rows, 0, &item, sizeof item);
    w->token = item.token;
    return expect_rows(status, rows, 1, err);
}

static tgs_status new_batch(struct world *w, tgs_error *err) {
    return tgs_batch_new(w->session, &w->batch, err);
}

static tgs_status batch_conversation(struct world *w, tgs_error *err) {
    tgs_conversation row = {.fields = TGS_CONVERSATION_STEP | TGS_CONVERSATION_DATA,
                            .flags = ONCE,
                            .chat_id = 5,
                            .user_id = 777000,
                            .step = TGS_STR("asked"),
                            .data = {auth_key, 100}};
    return tgs_batch_put(w->batch, TGS_RECORD_CONVERSATION, &row, 1, sizeof row, err);
}

static tgs_status batch_ack(struct world *w, tgs_error *err) {
    tgs_queue_item item = {.id = TGS_STR("9"), .token = w->token};
    return tgs_batch_settle(w->batch, TGS_SETTLE_ACK, &item, 1, sizeof item, err);
}

static tgs_status commit(struct world *w, tgs_error *err) {
    tgs_result results[2];
    if (tgs_batch_count(w->batch) != 2) return unexpected(err, "a row that was refused stayed in the batch");
    return tgs_batch_commit(w->batch, results, 2, NULL, err);
}

static tgs_status load_kvs(struct world *w, tgs_error *err) {
    static const char digits[] = "0123456789";
    tgs_kv rows[10];
    for (size_t i = 0; i < 10; i++)
        rows[i] = (tgs_kv){
            .fields = TGS_KV_VALUE, .scope = TGS_STR("x"), .key = {digits + i, 1}, .value = {auth_key, 200}};
    uint64_t done = 0;
    tgs_status status = tgs_load(w->session, TGS_RECORD_KV, rows, 10, sizeof *rows, &done, NULL, err);
    if (status == TGS_OK && done != 10) return unexpected(err, "a load that succeeded has not done all");
    return status;
}

static tgs_status delete_peer(struct world *w, tgs_error *err) {
    tgs_peer key = {.kind = TGS_PEER_CHAT, .id = 5, .flags = TGS_ROW_IF_PRESENT | TGS_ROW_REQUIRE};
    return tgs_delete(w->session, TGS_RECORD_PEER, &key, 1, sizeof key, NULL, NULL, err);
}

static tgs_status acquire(struct world *w, tgs_error *err) {
    return tgs_lease_acquire(w->session, TGS_STR("test"), TGS_LEASE_EXCLUSIVE, 60000, 0, &w->leased, NULL,
                             err);
}

static tgs_status renew(struct world *w, tgs_error *err) {
    return tgs_lease_renew(w->leased, 60000, NULL, err);
}

static tgs_status list_sessions(struct world *w, tgs_error *err) {
    tgs_rows *rows = NULL;
    tgs_status status = tgs_sessions_list(w->store, (tgs_str){NULL, 0}, 10, &rows, NULL, err);
    return expect_rows(status, rows, 1, err);
}

static tgs_status release(struct world *w, tgs_error *err) { return tgs_lease_release(w->leased, NULL, err); }

static tgs_status count(struct world *w, tgs_error *err) {
    tgs_rows *rows = NULL;
    tgs_status status = tgs_stats_get(w->store, TGS_STR("main"), &rows, NULL, err);
    tgs_rows_free(rows);
    return status;
}

static tgs_status snapshot_session(struct world *w, tgs_error *err) {
    return tgs_snapshot_from_session(w->session, 1, &w->snapshot, NULL, err);
}

static tgs_status write_text(struct world *w, tgs_error *err) {
    tgs_text *text = NULL;
    tgs_status status = tgs_snapshot_to_text(w->snapshot, TGS_STR("kurigram"), NULL, 0, &text, err);
    tgs_snapshot *read = NULL;
    if (status == TGS_OK) status = tgs_snapshot_from_text(tgs_text_str(text), &read, err);
    tgs_text_free(text);
    tgs_snapshot_free(read);
    return status;
}

static tgs_status read_file(struct world *w, tgs_error *err) {
    tgs_snapshot_free(w->snapshot);
    w->snapshot = NULL;
    return tgs_snapshot_from_file(str(w->session_file), &w->snapshot, NULL, err);
}

static tgs_status import_file(struct world *w, tgs_error *err) {
    tgs_session *other = NULL;
    tgs_status status = tgs_session_new(w->store, TGS_STR("imported"), &other, err);
    if (status == TGS_OK) status = tgs_snapshot_to_session(w->snapshot, other, 0, NULL, NULL, err);
    tgs_session_free(other);
    return status;
}

static tgs_status prune(struct world *w, tgs_error *err) { return tgs_prune(w->store, 1, NULL, NULL, err); }

static tgs_status sync_store(struct world *w, tgs_error *err) { return tgs_sync(w->store, NULL, err); }

static tgs_status backup(struct world *w, tgs_error *err) {
    return *w->backup ? tgs_backup(w->store, str(w->backup), NULL, err) : TGS_OK;
}

static tgs_status purge(struct world *w, tgs_error *err) { return tgs_purge(w->session, NULL, NULL, err); }

const struct step steps[] = {
    {"tgs_store_open", open_store},
    {"tgs_session_new", new_session},
    {"tgs_put session", put_session},
    {"tgs_put dc_auth", put_dc_auth},
    {"tgs_put peer", put_peers},
    {"tgs_get", get_peers},
    {"tgs_list", list_peers},
    {"tgs_peers_by_username", find_username},
    {"tgs_peers_by_phone", find_phone},
    {"tgs_put peer, another's username", take_username},
    {"tgs_get, usernames left", get_usernames},
    {"tgs_put update_state", put_update_state},
    {"tgs_put dedup", add_dedup},
    {"tgs_put queue_item", enqueue},
    {"tgs_queue_claim", claim},
    {"tgs_batch_new", new_batch},
    {"tgs_batch_put", batch_conversation},
    {"tgs_batch_settle", batch_ack},
    {"tgs_batch_commit", commit},
    {"tgs_load", load_kvs},
    {"tgs_delete", delete_peer},
    {"tgs_lease_acquire", acquire},
    {"tgs_lease_renew", renew},
    {"tgs_sessions_list", list_sessions},
    {"tgs_lease_release", release},
    {"tgs_stats_get", count},
    {"tgs_snapshot_from_session", snapshot_session},
    {"tgs_snapshot_to_text", write_text},
    {"tgs_snapshot_from_file", read_file},
    {"tgs_snapshot_to_session", import_file, true},
    {"tgs_prune", prune},
    {"tgs_sync", sync_store},
    {"tgs_backup", backup},
    {"tgs_purge", purge},
};
const size_t n_steps = sizeof steps / sizeof *steps;
_Static_assert(sizeof steps / sizeof *steps <= MAX_STEPS, "make MAX_STEPS larger");
