/* SPDX-License-Identifier: Apache-2.0 */
#include "life.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const uint8_t noise[1500] = {7, 1, 2, 3};

static tgs_str str(const char *text) { return (tgs_str){text, strlen(text)}; }

/* A text with the step's number in it, one of eight that are in use at the same time. */
static tgs_str numbered(const struct life *life, const char *word) {
    static char texts[8][40];
    static unsigned next;
    char *text = texts[next++ % 8];
    int len = snprintf(text, sizeof *texts, "%s%d", word, (int)life->n);
    return (tgs_str){text, (size_t)len};
}

static tgs_status put(struct life *life, tgs_session *session, int32_t record, const void *row, size_t size) {
    return tgs_put(session, record, row, 1, size, NULL, NULL, &life->err);
}

/* --- the store ------------------------------------------------------------------------------------ */

static tgs_status open_store(struct life *life) {
    tgs_status status = tgs_store_open(str(life->url), NULL, 0, &life->store, NULL, &life->err);
    if (status == TGS_OK) status = tgs_session_new(life->store, str(life->name), &life->me, &life->err);
    if (status == TGS_OK) status = tgs_session_new(life->store, TGS_STR("other"), &life->other, &life->err);
    return status;
}

void life_end(struct life *life) {
    tgs_session_free(life->me);
    tgs_session_free(life->other);
    tgs_session_free(life->leased);
    tgs_rows_free(life->claim);
    tgs_store_close(life->store);
    life->me = life->other = life->leased = NULL;
    life->claim = NULL;
    life->store = NULL;
}

static tgs_status open_again(struct life *life) {
    life_end(life);
    return open_store(life);
}

static tgs_status sync_store(struct life *life) { return tgs_sync(life->store, NULL, &life->err); }

/* As another process does whose commit makes the -wal long enough. */
static tgs_status checkpoint(struct life *life) {
    if (life->exclusive) return open_again(life);
    sqlite3 *db;
    int in_wal = 0, moved = -1;
    int code = sqlite3_open(life->database, &db);
    /* SQLite takes part in the -wal with the first look into the file. */
    if (code == SQLITE_OK) code = sqlite3_exec(db, "SELECT 1 FROM sqlite_schema", NULL, NULL, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, &in_wal, &moved);
    sqlite3_close(db);
    return code == SQLITE_OK && in_wal > 0 && moved == in_wal ? TGS_OK : TGS_E_BACKEND;
}

static tgs_status backup(struct life *life) {
    unlink(life->copy);
    return tgs_backup(life->store, str(life->copy), NULL, &life->err);
}

/* --- auth keys ---------------------------------------------------------------------------------------- */

static tgs_status put_account_of(struct life *life, tgs_session *session, int64_t user_id, uint32_t flags) {
    tgs_session_data row = {.fields = TGS_SESSION_AUTH_KEY | TGS_SESSION_USER_ID | TGS_SESSION_DC,
                            .flags = flags,
                            .dc = (int32_t)life->n,
                            .user_id = user_id,
                            .auth_key = {noise, 256}};
    return put(life, session, TGS_RECORD_SESSION, &row, sizeof row);
}

static tgs_status put_account(struct life *life) { return put_account_of(life, life->me, 5, 0); }

static tgs_status put_other_account(struct life *life) { return put_account_of(life, life->other, 6, 0); }

static tgs_status replace_account(struct life *life) {
    return put_account_of(life, life->me, 100 + life->n, TGS_ROW_REPLACE_ACCOUNT);
}

static tgs_status put_dc_auth(struct life *life) {
    tgs_dc_auth row = {.fields = TGS_DC_AUTH_AUTH_KEY, .dc = (int32_t)life->n, .auth_key = {noise, 256}};
    return put(life, life->me, TGS_RECORD_DC_AUTH, &row, sizeof row);
}

static tgs_status delete_dc_auths(struct life *life) {
    tgs_dc_auth keys[20];
    for (int i = 0; i < 20; i++) keys[i] = (tgs_dc_auth){.dc = i};
    return tgs_delete(life->me, TGS_RECORD_DC_AUTH, keys, 20, sizeof *keys, NULL, NULL, &life->err);
}

static tgs_status delete_account(struct life *life) {
    tgs_session_data key = {0};
    return tgs_delete(life->me, TGS_RECORD_SESSION, &key, 1, sizeof key, NULL, NULL, &life->err);
}

static tgs_status purge(struct life *life) { return tgs_purge(life->other, NULL, NULL, &life->err); }

/* --- rows -------------------------------------------------------------------------------------------------
 */

static tgs_peer a_peer(const struct life *life, int64_t i, const tgs_str *names) {
    return (tgs_peer){.fields = TGS_PEER_ACCESS_HASH | TGS_PEER_USERNAMES | TGS_PEER_FIRST_NAME,
                      .kind = TGS_PEER_USER,
                      .id = life->n * 100 + i,
                      .access_hash = -life->n,
                      .usernames = names,
                      .n_usernames = 2,
                      .first_name = TGS_STR("Somebody with a name")};
}

/* "last" goes from peer to peer. */
static tgs_status put_peers(struct life *life) {
    tgs_peer rows[20];
    tgs_str names[20][2];
    char own[20][40];
    for (int i = 0; i < 20; i++) {
        snprintf(own[i], sizeof own[i], "user_%d_%d", (int)life->n, i);
        names[i][0] = str(own[i]);
        names[i][1] = TGS_STR("last");
        rows[i] = a_peer(life, i, names[i]);
    }
    return tgs_put(life->me, TGS_RECORD_PEER, rows, 20, sizeof *rows, NULL, NULL, &life->err);
}

/* All of one update. */
static tgs_status put_update(struct life *life) {
    tgs_batch *batch = NULL;
    tgs_str names[2] = {numbered(life, "writer_"), TGS_STR("last")};
    tgs_dedup key = {.flags = TGS_ROW_REQUIRE, .key = numbered(life, "message ")};
    tgs_peer peer = a_peer(life, 0, names);
    tgs_update_state state = {.fields = TGS_UPDATE_STATE_PTS, .pts = life->n};
    tgs_queue_item items[2] = {
        {.fields = TGS_QUEUE_ITEM_LANE, .id = numbered(life, "item "), .lane = TGS_STR("chat")},
        {.fields = TGS_QUEUE_ITEM_PAYLOAD, .id = numbered(life, "free item "), .payload = {noise, 900}}};
    tgs_kv kv = {.fields = TGS_KV_VALUE,
                 .scope = TGS_STR("update"),
                 .key = numbered(life, "key "),
                 .value = {noise, 1200}};
    tgs_status status = tgs_batch_new(life->me, &batch, &life->err);
    if (status == TGS_OK) status = tgs_batch_put(batch, TGS_RECORD_DEDUP, &key, 1, sizeof key, &life->err);
    if (status == TGS_OK) status = tgs_batch_put(batch, TGS_RECORD_PEER, &peer, 1, sizeof peer, &life->err);
    if (status == TGS_OK)
        status = tgs_batch_put(batch, TGS_RECORD_UPDATE_STATE, &state, 1, sizeof state, &life->err);
    if (status == TGS_OK)
        status = tgs_batch_put(batch, TGS_RECORD_QUEUE_ITEM, items, 2, sizeof *items, &life->err);
    if (status == TGS_OK) status = tgs_batch_put(batch, TGS_RECORD_KV, &kv, 1, sizeof kv, &life->err);
    if (status == TGS_OK) status = tgs_batch_commit(batch, NULL, 0, NULL, &life->err);
    tgs_batch_free(batch);
    return status;
}

static tgs_status claim(struct life *life) {
    tgs_rows_free(life->claim);
    life->claim = NULL;
    tgs_status status = tgs_queue_claim(life->me, TGS_STR("worker"), (tgs_str){NULL, 0}, 3600000, 1,
                                        &life->claim, NULL, &life->err);
    return status == TGS_OK ? tgs_rows_row(life->claim, 0, &life->claimed, sizeof life->claimed) : status;
}

/* The effect and its acknowledgement. */
static tgs_status finish(struct life *life) {
    tgs_batch *batch = NULL;
    tgs_queue_item item = {.id = life->claimed.id, .token = life->claimed.token};
    tgs_conversation talk = {.fields = TGS_CONVERSATION_STEP | TGS_CONVERSATION_DATA,
                             .flags = TGS_ROW_IF_ABSENT | TGS_ROW_REQUIRE,
                             .chat_id = life->n,
                             .step = numbered(life, "step "),
                             .data = {noise, 600}};
    tgs_status status = tgs_batch_new(life->me, &batch, &life->err);
    if (status == TGS_OK)
        status = tgs_batch_put(batch, TGS_RECORD_CONVERSATION, &talk, 1, sizeof talk, &life->err);
    if (status == TGS_OK) status = tgs_batch_settle(batch, TGS_SETTLE_ACK, &item, 1, sizeof item, &life->err);
    if (status == TGS_OK) status = tgs_batch_commit(batch, NULL, 0, NULL, &life->err);
    tgs_batch_free(batch);
    return status;
}

static tgs_status give_up(struct life *life) {
    tgs_queue_item item = {.fields = TGS_QUEUE_ITEM_LAST_ERROR | TGS_QUEUE_ITEM_DELAY,
                           .id = life->claimed.id,
                           .token = life->claimed.token,
                           .last_error = TGS_STR("no answer"),
                           .delay_ms = 0};
    return tgs_queue_settle(life->me, TGS_SETTLE_FAIL, &item, 1, sizeof item, NULL, &life->err);
}

static tgs_status load(struct life *life) {
    tgs_kv rows[60];
    char keys[60][20];
    for (int i = 0; i < 60; i++) {
        snprintf(keys[i], sizeof keys[i], "%d-%d", (int)life->n, i);
        rows[i] = (tgs_kv){.fields = TGS_KV_VALUE,
                           .scope = TGS_STR("loaded"),
                           .key = str(keys[i]),
                           .value = {noise, sizeof noise}};
    }
    return tgs_load(life->me, TGS_RECORD_KV, rows, 60, sizeof *rows, NULL, NULL, &life->err);
}

/* Some 3 MB. */
static tgs_status load_much(struct life *life) {
    static const uint8_t blob[50000] = {9, 9, 9};
    tgs_kv rows[60];
    char keys[60][20];
    for (int i = 0; i < 60; i++) {
        snprintf(keys[i], sizeof keys[i], "%d-%d", (int)life->n, i);
        rows[i] = (tgs_kv){.fields = TGS_KV_VALUE,
                           .scope = TGS_STR("much"),
                           .key = str(keys[i]),
                           .value = {blob, sizeof blob}};
    }
    return tgs_put(life->me, TGS_RECORD_KV, rows, 60, sizeof *rows, NULL, NULL, &life->err);
}

static tgs_status delete_peers(struct life *life) {
    tgs_peer keys[1000];
    for (int i = 0; i < 1000; i++) keys[i] = (tgs_peer){.kind = TGS_PEER_USER, .id = i};
    return tgs_delete(life->me, TGS_RECORD_PEER, keys, 1000, sizeof *keys, NULL, NULL, &life->err);
}

static tgs_status put_expired(struct life *life) {
    tgs_kv row = {.fields = TGS_KV_VALUE | TGS_KV_EXPIRES,
                  .scope = TGS_STR("expired"),
                  .key = numbered(life, ""),
                  .value = {noise, 100},
                  .expires = 1};
    return put(life, life->me, TGS_RECORD_KV, &row, sizeof row);
}

static tgs_status prune(struct life *life) { return tgs_prune(life->store, 0, NULL, NULL, &life->err); }

/* --- the lease
 * ---------------------------------------------------------------------------------------------- */

static tgs_status acquire(struct life *life) {
    return tgs_lease_acquire(life->me, TGS_STR("test"), TGS_LEASE_EXCLUSIVE, 3600000, 0, &life->leased, NULL,
                             &life->err);
}

static tgs_status put_leased(struct life *life) {
    tgs_update_state row = {.fields = TGS_UPDATE_STATE_PTS, .channel_id = life->n, .pts = life->n};
    return put(life, life->leased, TGS_RECORD_UPDATE_STATE, &row, sizeof row);
}

static tgs_status renew(struct life *life) {
    return tgs_lease_renew(life->leased, 7200000, NULL, &life->err);
}

static tgs_status release(struct life *life) { return tgs_lease_release(life->leased, NULL, &life->err); }

/* --- lives
 * ------------------------------------------------------------------------------------------------------ */

const struct life_step life_steps[] = {
    {"open", true, open_store},
    {"put an update", false, put_update},
    {"put the account", true, put_account},
    {"put peers", false, put_peers},
    {"claim", false, claim},
    {"finish", false, finish},
    {"put a dc_auth", true, put_dc_auth},
    {"put another update", false, put_update},
    {"claim again", false, claim},
    {"give up", false, give_up},
    {"acquire the lease", false, acquire},
    {"put with the lease", false, put_leased},
    {"renew the lease", false, renew},
    {"release the lease", false, release},
    {"sync", true, sync_store},
    {"put more peers", false, put_peers},
    {"checkpoint", true, checkpoint},
    {"put an update into the -wal that begins anew", false, put_update},
    {"load", false, load},
    {"back up", false, backup},
    {"put a dc_auth after the load", true, put_dc_auth},
    {"delete peers", false, delete_peers},
    {"put what has expired", false, put_expired},
    {"prune", false, prune},
    {"put another account", true, put_other_account},
    {"checkpoint again", true, checkpoint},
    {"purge the other account", true, purge},
    {"put a third update", false, put_update},
    {"close and open", true, open_again},
    {"put an update after it", false, put_update},
    {"replace the account", true, replace_account},
    {"put peers of the new one", false, put_peers},
    {"delete dc_auths", true, delete_dc_auths},
    {"claim in the end", false, claim},
    {"finish in the end", false, finish},
    {"delete the account", true, delete_account},
    {"put a last update", false, put_update},
};
const size_t n_life_steps = sizeof life_steps / sizeof *life_steps;

const struct life_step second_life_steps[] = {
    {"open what was left", true, open_store},
    {"put an update", false, put_update},
    {"put a dc_auth", true, put_dc_auth},
    {"put peers", false, put_peers},
    {"checkpoint", true, checkpoint},
    {"put another update", false, put_update},
    {"sync", true, sync_store},
    {"put a last update", false, put_update},
};
const size_t n_second_life_steps = sizeof second_life_steps / sizeof *second_life_steps;

const struct life_step large_life_steps[] = {
    {"open", true, open_store},
    {"load much", false, load_much},
    {"put an update", false, put_update},
    {"load more", false, load_much},
    {"load even more", false, load_much},
    {"put another update", false, put_update},
    {"load more and more", false, load_much},
    {"load up to a checkpoint", false, load_much},
    {"load over a checkpoint", false, load_much},
    {"put an update into the -wal that begins anew", false, put_update},
};
const size_t n_large_life_steps = sizeof large_life_steps / sizeof *large_life_steps;
