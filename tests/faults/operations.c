/* SPDX-License-Identifier: Apache-2.0 */
#include "operations.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOUR_MS 3600000
#define COUNT(array) (sizeof(array) / sizeof *(array))
#define NO_TEXT ((tgs_str){NULL, 0})

static const uint8_t bytes[TGS_MAX_BLOB_BYTES] = {3, 2, 1};

/* --- store -------------------------------------------------------------------------------------------- */

static tgs_status open_store(struct world *w, tgs_error *err) {
    return tgs_store_open(text_of(w->url), NULL, 0, &w->opened, NULL, err);
}

static tgs_status open_with_options(struct world *w, tgs_error *err) {
    const tgs_option options[] = {{TGS_STR("timeout_ms"), TGS_STR("5000")},
                                  {TGS_STR("done_ttl_ms"), TGS_STR("1000")}};
    return tgs_store_open(text_of(w->url), options, COUNT(options), &w->opened, NULL, err);
}

static void write_file(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    must(file && fputs(text, file) >= 0 && fclose(file) == 0, path);
}

/* The URL itself is in a file. */
static void write_url(struct world *w) {
    write_file(w->text_file, w->url);
    snprintf(w->url, sizeof w->url, "@%s", w->text_file);
}

static void in_environment(struct world *w) {
    must(setenv("TGSTORE_TEST_URL", w->url, 1) == 0, "setenv");
    snprintf(w->url, sizeof w->url, "env:TGSTORE_TEST_URL");
}

static void as_new_file(struct world *w) { must(remove(w->path) == 0, w->path); }

static void as_argument(struct world *w) { snprintf(w->url, sizeof w->url, "%s", w->argument); }

static tgs_status close_store(struct world *w, tgs_error *err) {
    (void)err;
    tgs_store_close(w->store);
    w->store = NULL;
    return TGS_OK;
}

/* So that a close has something to move into the file. */
static void write_something(struct world *w) {
    tgs_kv kv = {
        .fields = TGS_KV_VALUE, .scope = TGS_STR("s"), .key = TGS_STR("new"), .value = {bytes, 9000}};
    tgs_error err;
    must_succeed(tgs_put(w->session, TGS_RECORD_KV, &kv, 1, sizeof kv, NULL, NULL, &err), &err);
}

static tgs_status sync_store(struct world *w, tgs_error *err) { return tgs_sync(w->store, NULL, err); }

static tgs_status ping(struct world *w, tgs_error *err) { return tgs_ping(w->store, NULL, err); }

static tgs_status backup(struct world *w, tgs_error *err) {
    return tgs_backup(w->store, text_of(w->out), NULL, err);
}

static tgs_status list_sessions(struct world *w, tgs_error *err) {
    return tgs_sessions_list(w->store, NO_TEXT, 10, &w->rows, NULL, err);
}

static tgs_status list_sessions_on(struct world *w, tgs_error *err) {
    return tgs_sessions_list(w->store, TGS_STR("main"), 10, &w->rows, NULL, err);
}

static tgs_status stats(struct world *w, tgs_error *err) {
    return tgs_stats_get(w->store, NO_TEXT, &w->rows, NULL, err);
}

static tgs_status stats_of_session(struct world *w, tgs_error *err) {
    return tgs_stats_get(w->store, TGS_STR("main"), &w->rows, NULL, err);
}

static tgs_status prune(struct world *w, tgs_error *err) {
    return tgs_prune(w->store, 0, &w->done, NULL, err);
}

static tgs_status prune_peers(struct world *w, tgs_error *err) {
    return tgs_prune(w->store, 1, &w->done, NULL, err);
}

static tgs_status new_canceller(struct world *w, tgs_error *err) {
    return tgs_canceller_new(&w->canceller, err);
}

/* --- session -------------------------------------------------------------------------------------------- */

static tgs_status new_session(struct world *w, tgs_error *err) {
    return tgs_session_new(w->store, TGS_STR("another"), &w->made_session, err);
}

static tgs_status purge(struct world *w, tgs_error *err) {
    uint64_t removed;
    tgs_status status = tgs_purge(w->session, &removed, NULL, err);
    w->done += removed;
    return status;
}

static void put_many(struct world *w) {
    static char keys[2500][8];
    static tgs_kv rows[2500];
    tgs_error err;
    for (size_t i = 0; i < COUNT(rows); i++) {
        snprintf(keys[i], sizeof keys[i], "%zu", i);
        rows[i] = (tgs_kv){.scope = TGS_STR("many"), .key = text_of(keys[i])};
    }
    must_succeed(tgs_load(w->session, TGS_RECORD_KV, rows, COUNT(rows), sizeof *rows, NULL, NULL, &err),
                 &err);
}

static void take_lease(struct world *w, int32_t mode) {
    tgs_error err;
    must_succeed(tgs_lease_acquire(w->session, TGS_STR("holder"), mode, HOUR_MS, 0, &w->leased, NULL, &err),
                 &err);
}

static void take_shared_lease(struct world *w) { take_lease(w, TGS_LEASE_SHARED); }

static void take_exclusive_lease(struct world *w) { take_lease(w, TGS_LEASE_EXCLUSIVE); }

static tgs_status acquire(struct world *w, tgs_error *err) {
    return tgs_lease_acquire(w->session, TGS_STR("test"), TGS_LEASE_EXCLUSIVE, HOUR_MS, 0, &w->made_session,
                             NULL, err);
}

static tgs_status acquire_shared(struct world *w, tgs_error *err) {
    return tgs_lease_acquire(w->session, TGS_STR("test"), TGS_LEASE_SHARED, HOUR_MS, 0, &w->made_session,
                             NULL, err);
}

static tgs_status renew(struct world *w, tgs_error *err) {
    return tgs_lease_renew(w->leased, 2 * HOUR_MS, NULL, err);
}

static tgs_status release(struct world *w, tgs_error *err) { return tgs_lease_release(w->leased, NULL, err); }

/* --- rows ------------------------------------------------------------ */

/* For each record a row that is there and one that is not, to be written or looked up. */
static const tgs_str new_names[] = {TGS_STR("@Telegram"), TGS_STR("News"), TGS_STR("fresh")};
static const tgs_session_data sessions[] = {
    {.fields = TGS_SESSION_FIRST_NAME | TGS_SESSION_STATE | TGS_SESSION_API_HASH,
     .first_name = TGS_STR("Another name"),
     .state = {bytes, 2000},
     .api_hash = TGS_STR("0123456789abcdef0123456789abcdef")}};
static const tgs_dc_auth dc_auths[] = {
    {.fields = TGS_DC_AUTH_AUTH_KEY, .dc = 4, .auth_key = {bytes, 256}},
    {.fields = TGS_DC_AUTH_AUTH_KEY | TGS_DC_AUTH_TTL | TGS_DC_AUTH_ADDRESS,
     .dc = 5,
     .slot = TGS_DC_AUTH_TEMPORARY,
     .ttl_ms = HOUR_MS,
     .address = TGS_STR("example.org"),
     .auth_key = {bytes, 256}}};
static const tgs_peer peers[] = {/* the second takes the names and the phone of others */
                                 {.fields = TGS_PEER_LAST_NAME | TGS_PEER_PHOTO_ID,
                                  .kind = TGS_PEER_USER,
                                  .id = 777000,
                                  .photo_id = 4,
                                  .last_name = TGS_STR("Changed")},
                                 {.fields = TGS_PEER_ACCESS_HASH | TGS_PEER_USERNAMES | TGS_PEER_PHONE |
                                            TGS_PEER_FIRST_NAME | TGS_PEER_LANGUAGE,
                                  .kind = TGS_PEER_USER,
                                  .id = 6,
                                  .access_hash = 66,
                                  .usernames = new_names,
                                  .n_usernames = 3,
                                  .phone = TGS_STR("+42 777"),
                                  .first_name = TGS_STR("New"),
                                  .language = TGS_STR("en")}};
static const tgs_update_state update_states[] = {
    {.fields = TGS_UPDATE_STATE_PTS | TGS_UPDATE_STATE_QTS, .channel_id = 9, .pts = 200, .qts = 1},
    {.fields = TGS_UPDATE_STATE_PTS | TGS_UPDATE_STATE_ACCESS_HASH,
     .channel_id = 10,
     .pts = 1,
     .access_hash = 7}};
static const tgs_dedup dedups[] = {{.key = TGS_STR("handled")}, {.key = TGS_STR("not yet")}};
static const tgs_queue_item queue_items[] = {
    {.fields = TGS_QUEUE_ITEM_PAYLOAD, .id = TGS_STR("a"), .payload = {bytes, 10}},
    {.fields = TGS_QUEUE_ITEM_PAYLOAD | TGS_QUEUE_ITEM_LANE | TGS_QUEUE_ITEM_DELAY,
     .id = TGS_STR("new"),
     .lane = TGS_STR("lane"),
     .delay_ms = HOUR_MS,
     .payload = {bytes, 5000}}};
static const tgs_conversation conversations[] = {
    {.fields = TGS_CONVERSATION_STEP_NUMBER | TGS_CONVERSATION_DATA,
     .chat_id = 5,
     .user_id = 1,
     .step_number = 7,
     .data = {bytes, 2000}},
    {.fields = TGS_CONVERSATION_NAME | TGS_CONVERSATION_TTL,
     .chat_id = 6,
     .business_connection = TGS_STR("b"),
     .name_space = TGS_STR("n"),
     .name = TGS_STR("wizard"),
     .ttl_ms = HOUR_MS}};
static const tgs_kv kvs[] = {
    {.fields = TGS_KV_VALUE, .scope = TGS_STR("s"), .key = TGS_STR("small"), .value = {bytes, 20000}},
    {.fields = TGS_KV_VALUE | TGS_KV_TTL,
     .scope = TGS_STR("s"),
     .key = TGS_STR("new"),
     .ttl_ms = HOUR_MS,
     .value = {bytes, 4000}}};

static const struct rows {
    int32_t record;
    const void *rows;
    size_t count, stride;
} some_rows[] = {
#define ROWS(record, array)                                                                                  \
    { record, array, COUNT(array), sizeof *(array) }
    ROWS(TGS_RECORD_SESSION, sessions),
    ROWS(TGS_RECORD_DC_AUTH, dc_auths),
    ROWS(TGS_RECORD_PEER, peers),
    ROWS(TGS_RECORD_UPDATE_STATE, update_states),
    ROWS(TGS_RECORD_DEDUP, dedups),
    ROWS(TGS_RECORD_QUEUE_ITEM, queue_items),
    ROWS(TGS_RECORD_CONVERSATION, conversations),
    ROWS(TGS_RECORD_KV, kvs),
};

/* Those of the record that the argument names. */
static const struct rows *rows_of(const struct world *w) {
    for (size_t i = 0; i < COUNT(some_rows); i++)
        if (strcmp(tgs_record_name(some_rows[i].record), w->argument) == 0) return &some_rows[i];
    must(false, w->argument);
    return NULL;
}

static tgs_status put_rows(struct world *w, tgs_error *err) {
    const struct rows *r = rows_of(w);
    return tgs_put(w->session, r->record, r->rows, r->count, r->stride, w->results, NULL, err);
}

static tgs_status get_rows(struct world *w, tgs_error *err) {
    const struct rows *r = rows_of(w);
    return tgs_get(w->session, r->record, r->rows, r->count, r->stride, &w->rows, NULL, err);
}

static tgs_status delete_rows(struct world *w, tgs_error *err) {
    const struct rows *r = rows_of(w);
    return tgs_delete(w->session, r->record, r->rows, r->count, r->stride, w->results, NULL, err);
}

static tgs_status list_rows(struct world *w, tgs_error *err) {
    return tgs_list(w->session, rows_of(w)->record, NULL, 0, NULL, 100, &w->rows, NULL, err);
}

/* Rows of their own, more than what is kept on the stack. */
static void make_many(tgs_kv *rows, char (*keys)[4], size_t count) {
    for (size_t i = 0; i < count; i++) {
        snprintf(keys[i], sizeof keys[i], "%zu", i);
        rows[i] = (tgs_kv){.fields = TGS_KV_VALUE,
                           .flags = TGS_ROW_IF_ABSENT,
                           .scope = TGS_STR("t"),
                           .key = text_of(keys[i]),
                           .value = {bytes, 100}};
    }
}

static tgs_status put_some(struct world *w, tgs_error *err) {
    tgs_kv rows[30];
    char keys[30][4];
    make_many(rows, keys, COUNT(rows));
    return tgs_put(w->session, TGS_RECORD_KV, rows, COUNT(rows), sizeof *rows, w->results, NULL, err);
}

/* The same key again and again: folded into one write. */
static tgs_status put_repeated(struct world *w, tgs_error *err) {
    tgs_peer rows[20];
    for (size_t i = 0; i < COUNT(rows); i++) rows[i] = peers[i % 2];
    return tgs_put(w->session, TGS_RECORD_PEER, rows, COUNT(rows), sizeof *rows, w->results, NULL, err);
}

static tgs_status get_some(struct world *w, tgs_error *err) {
    tgs_kv rows[100];
    char keys[100][4];
    make_many(rows, keys, COUNT(rows));
    return tgs_get(w->session, TGS_RECORD_KV, rows, COUNT(rows), sizeof *rows, &w->rows, NULL, err);
}

static tgs_status put_account(struct world *w, tgs_error *err) {
    tgs_session_data row = {.fields = TGS_SESSION_USER_ID, .flags = TGS_ROW_REPLACE_ACCOUNT, .user_id = 7};
    return tgs_put(w->session, TGS_RECORD_SESSION, &row, 1, sizeof row, NULL, NULL, err);
}

static tgs_status put_other_account(struct world *w, tgs_error *err) {
    tgs_session_data row = {.fields = TGS_SESSION_USER_ID, .user_id = 7};
    return tgs_put(w->session, TGS_RECORD_SESSION, &row, 1, sizeof row, w->results, NULL, err);
}

static tgs_status put_handled(struct world *w, tgs_error *err) {
    tgs_dedup rows[] = {{.key = TGS_STR("not yet")}, {.key = TGS_STR("handled"), .flags = TGS_ROW_REQUIRE}};
    return tgs_put(w->session, TGS_RECORD_DEDUP, rows, 2, sizeof *rows, w->results, NULL, err);
}

static tgs_status put_with_lease(struct world *w, tgs_error *err) {
    return tgs_put(w->leased, TGS_RECORD_KV, kvs, 2, sizeof *kvs, w->results, NULL, err);
}

static tgs_status put_without_lease(struct world *w, tgs_error *err) {
    return tgs_put(w->session, TGS_RECORD_KV, kvs, 2, sizeof *kvs, w->results, NULL, err);
}

static tgs_status put_into_new_session(struct world *w, tgs_error *err) {
    return tgs_put(w->leased, TGS_RECORD_KV, kvs, 2, sizeof *kvs, w->results, NULL, err);
}

static void make_new_session(struct world *w) {
    tgs_error err;
    must_succeed(tgs_session_new(w->store, TGS_STR("target"), &w->leased, &err), &err);
}

static tgs_status get_best_peer(struct world *w, tgs_error *err) {
    const tgs_peer keys[] = {{.kind = TGS_PEER_ANY, .id = 777000}, {.kind = TGS_PEER_ANY, .id = 1}};
    return tgs_get(w->session, TGS_RECORD_PEER, keys, 2, sizeof *keys, &w->rows, NULL, err);
}

static tgs_status list_by(struct world *w, int32_t record, tgs_filter filter, tgs_error *err) {
    filter.size = sizeof filter;
    return tgs_list(w->session, record, NULL, 0, &filter, 100, &w->rows, NULL, err);
}

static tgs_status list_channels(struct world *w, tgs_error *err) {
    return list_by(w, TGS_RECORD_PEER, (tgs_filter){.kind = TGS_PEER_CHANNEL, .state = -1}, err);
}

static tgs_status list_lane(struct world *w, tgs_error *err) {
    return list_by(w, TGS_RECORD_QUEUE_ITEM,
                   (tgs_filter){.kind = TGS_PEER_ANY, .state = TGS_QUEUE_READY, .scope = TGS_STR("lane")},
                   err);
}

static tgs_status list_scope(struct world *w, tgs_error *err) {
    return list_by(w, TGS_RECORD_KV, (tgs_filter){.kind = TGS_PEER_ANY, .state = -1, .scope = TGS_STR("s")},
                   err);
}

static tgs_status list_expiring(struct world *w, tgs_error *err) {
    return list_by(w, TGS_RECORD_CONVERSATION,
                   (tgs_filter){.order = TGS_ORDER_EXPIRES, .kind = TGS_PEER_ANY, .state = -1}, err);
}

/* A page in the middle. */
static tgs_status list_page(struct world *w, tgs_error *err) {
    tgs_peer after = {.kind = TGS_PEER_USER, .id = 777000};
    return tgs_list(w->session, TGS_RECORD_PEER, &after, sizeof after, NULL, 1, &w->rows, NULL, err);
}

static tgs_status by_username(struct world *w, tgs_error *err) {
    const tgs_str names[] = {TGS_STR("@TELEGRAM"), TGS_STR("news"), TGS_STR("nobody")};
    return tgs_peers_by_username(w->session, names, COUNT(names), 0, &w->rows, NULL, err);
}

static tgs_status by_many_usernames(struct world *w, tgs_error *err) {
    tgs_str names[60];
    for (size_t i = 0; i < COUNT(names); i++)
        names[i] = i ? TGS_STR("nobody of that name") : TGS_STR("other");
    return tgs_peers_by_username(w->session, names, COUNT(names), HOUR_MS, &w->rows, NULL, err);
}

static tgs_status by_phone(struct world *w, tgs_error *err) {
    const tgs_str phones[] = {TGS_STR("+42 777"), TGS_STR("1")};
    return tgs_peers_by_phone(w->session, phones, COUNT(phones), 0, &w->rows, NULL, err);
}

/* Three blobs of the largest size do not fit into one chunk. */
static tgs_status load_chunks(struct world *w, tgs_error *err) {
    static const char digits[] = "012";
    tgs_kv rows[3];
    for (size_t i = 0; i < COUNT(rows); i++)
        rows[i] = (tgs_kv){.fields = TGS_KV_VALUE,
                           .scope = TGS_STR("load"),
                           .key = {digits + i, 1},
                           .value = {bytes, sizeof bytes - 100}};
    return tgs_load(w->session, TGS_RECORD_KV, rows, COUNT(rows), sizeof *rows, &w->done, NULL, err);
}

/* `done` is what is there. */
static const char *check_loaded(const struct world *w) {
    tgs_filter filter = {.size = sizeof filter, .kind = TGS_PEER_ANY, .state = -1, .scope = TGS_STR("load")};
    tgs_rows *rows = NULL;
    tgs_error err;
    uint64_t found = 0;
    tgs_status status = tgs_list(w->session, TGS_RECORD_KV, NULL, 0, &filter, 1, &rows, NULL, &err);
    while (status == TGS_OK && tgs_rows_count(rows)) {
        tgs_kv last;
        found++;
        must(tgs_rows_row(rows, 0, &last, sizeof last) == TGS_OK, "tgs_rows_row");
        tgs_rows *next = NULL;
        status = tgs_list(w->session, TGS_RECORD_KV, &last, sizeof last, &filter, 1, &next, NULL, &err);
        tgs_rows_free(rows);
        rows = next;
    }
    tgs_rows_free(rows);
    must_succeed(status, &err);
    return found >= w->done ? NULL : "it says that more is stored than there is";
}

/* --- queue
 * -------------------------------------------------------------------------------------------------- */

static tgs_status claim(struct world *w, tgs_error *err) {
    return tgs_queue_claim(w->session, TGS_STR("test"), NO_TEXT, HOUR_MS, 10, &w->rows, NULL, err);
}

static tgs_status claim_lane(struct world *w, tgs_error *err) {
    return tgs_queue_claim(w->session, TGS_STR("test"), TGS_STR("lane"), HOUR_MS, 10, &w->rows, NULL, err);
}

static void find_token(struct world *w) {
    tgs_queue_item item = {.id = TGS_STR("leased")};
    tgs_rows *rows = NULL;
    tgs_error err;
    must_succeed(tgs_get(w->session, TGS_RECORD_QUEUE_ITEM, &item, 1, sizeof item, &rows, NULL, &err), &err);
    must(tgs_rows_row(rows, 0, &item, sizeof item) == TGS_OK && item.token, "no token");
    w->token = item.token;
    tgs_rows_free(rows);
}

static tgs_status settle(struct world *w, int32_t action, tgs_queue_item item, tgs_error *err) {
    item.id = action == TGS_SETTLE_REVIVE ? TGS_STR("dead") : TGS_STR("leased");
    item.token = w->token;
    return tgs_queue_settle(w->session, action, &item, 1, sizeof item, NULL, err);
}

static tgs_status ack(struct world *w, tgs_error *err) {
    return settle(w, TGS_SETTLE_ACK, (tgs_queue_item){0}, err);
}

static const tgs_queue_item failure = {.fields = TGS_QUEUE_ITEM_LAST_ERROR | TGS_QUEUE_ITEM_DELAY,
                                       .last_error =
                                           TGS_STR("it did not work, and this says at length why not"),
                                       .delay_ms = HOUR_MS};

static tgs_status fail_item(struct world *w, tgs_error *err) {
    return settle(w, TGS_SETTLE_FAIL, failure, err);
}

static tgs_status kill_item(struct world *w, tgs_error *err) {
    tgs_queue_item item = failure;
    item.fields = TGS_QUEUE_ITEM_LAST_ERROR;
    return settle(w, TGS_SETTLE_KILL, item, err);
}

static tgs_status release_item(struct world *w, tgs_error *err) {
    return settle(w, TGS_SETTLE_RELEASE, (tgs_queue_item){0}, err);
}

static tgs_status extend_item(struct world *w, tgs_error *err) {
    return settle(w, TGS_SETTLE_EXTEND,
                  (tgs_queue_item){.fields = TGS_QUEUE_ITEM_DELAY, .delay_ms = 2 * HOUR_MS}, err);
}

static tgs_status revive_item(struct world *w, tgs_error *err) {
    return settle(w, TGS_SETTLE_REVIVE, (tgs_queue_item){0}, err);
}

static void take_wrong_token(struct world *w) { w->token = INT64_MAX; }

/* --- batch
 * -------------------------------------------------------------------------------------------------- */

static void make_batch(struct world *w) {
    tgs_error err;
    must_succeed(tgs_batch_new(w->session, &w->batch, &err), &err);
}

static tgs_status new_batch(struct world *w, tgs_error *err) {
    return tgs_batch_new(w->session, &w->made_batch, err);
}

static tgs_status batch_put(struct world *w, tgs_error *err) {
    return tgs_batch_put(w->batch, TGS_RECORD_PEER, peers, COUNT(peers), sizeof *peers, err);
}

static tgs_status batch_put_large(struct world *w, tgs_error *err) {
    return tgs_batch_put(w->batch, TGS_RECORD_KV, kvs, COUNT(kvs), sizeof *kvs, err);
}

static tgs_status batch_delete(struct world *w, tgs_error *err) {
    return tgs_batch_delete(w->batch, TGS_RECORD_CONVERSATION, conversations, COUNT(conversations),
                            sizeof *conversations, err);
}

static tgs_status batch_settle(struct world *w, tgs_error *err) {
    tgs_queue_item item = failure;
    item.id = TGS_STR("leased");
    item.token = w->token;
    return tgs_batch_settle(w->batch, TGS_SETTLE_FAIL, &item, 1, sizeof item, err);
}

/* One that has rows already. */
static void make_full_batch(struct world *w) {
    tgs_error err;
    find_token(w);
    make_batch(w);
    for (size_t i = 0; i < COUNT(some_rows); i++) {
        const struct rows *r = &some_rows[i];
        must_succeed(tgs_batch_put(w->batch, r->record, r->rows, r->count, r->stride, &err), &err);
    }
    must_succeed(batch_delete(w, &err), &err);
    must_succeed(batch_settle(w, &err), &err);
}

static tgs_status commit(struct world *w, tgs_error *err) {
    return tgs_batch_commit(w->batch, w->results, tgs_batch_count(w->batch), NULL, err);
}

/* --- session strings and files
 * ------------------------------------------------------------------------------------ */

static const tgs_option missing_values[] = {{TGS_STR("api_id"), TGS_STR("12345")},
                                            {TGS_STR("is_bot"), TGS_STR("0")}};

static void make_snapshot(struct world *w) {
    tgs_error err;
    must_succeed(tgs_snapshot_from_session(w->session, 1, &w->snapshot, NULL, &err), &err);
}

/* A session string in the argument's format. */
static void make_text(struct world *w) {
    tgs_error err;
    make_snapshot(w);
    must_succeed(tgs_snapshot_to_text(w->snapshot, text_of(w->argument), missing_values,
                                      COUNT(missing_values), &w->text, &err),
                 &err);
}

static tgs_status read_text(struct world *w, tgs_error *err) {
    tgs_str text = w->text ? tgs_text_str(w->text) : text_of(w->argument);
    return tgs_snapshot_from_text(text, &w->read, err);
}

static tgs_status read_file(struct world *w, tgs_error *err) {
    return tgs_snapshot_from_file(text_of(w->argument), &w->read, NULL, err);
}

/* A file that holds a session string. */
static void write_text_file(struct world *w) {
    make_text(w);
    write_file(w->text_file, tgs_text_str(w->text).ptr);
    w->argument = w->text_file;
}

static tgs_status read_session(struct world *w, tgs_error *err) {
    return tgs_snapshot_from_session(w->session, 0, &w->read, NULL, err);
}

static tgs_status read_session_with_peers(struct world *w, tgs_error *err) {
    return tgs_snapshot_from_session(w->session, 1, &w->read, NULL, err);
}

static tgs_status to_text(struct world *w, tgs_error *err) {
    return tgs_snapshot_to_text(w->snapshot, text_of(w->argument), missing_values, COUNT(missing_values),
                                &w->written, err);
}

static tgs_status to_file(struct world *w, tgs_error *err) {
    return tgs_snapshot_to_file(w->snapshot, text_of(w->argument), text_of(w->out), missing_values,
                                COUNT(missing_values), NULL, err);
}

static void make_snapshot_and_target(struct world *w) {
    make_snapshot(w);
    make_new_session(w);
}

static tgs_status to_session(struct world *w, tgs_error *err) {
    return tgs_snapshot_to_session(w->snapshot, w->leased, 0, &w->done, NULL, err);
}

/* --- the table
 * ------------------------------------------------------------------------------------------------------ */

#define FILE_OF(path) FIXTURES "/" path
/* From strings.json; the key is a synthetic one. */
#define GRAMJS                                                                                               \
    "1AgAOMTQ5LjE1NC4xNjcuNTEBu/RhsNUD9fui1eF/6hFABDEVzYAnMDg4fOoFF4HAL30pEXfzPUCsum86TWNtJC4hB"             \
    "31MUgYWBELnfKZQJ2ok4ChlJqCC2xwtqzT+S6Q3dI4kPSMMKubRKQ5Gh487STxrXy7Kab93xgKAUufdBz2Vq2SY04T"             \
    "dk6TS3oyiDcRBFAcyBj3bJpv4T98LOu+IuoRf/un/f59elNr0ey1phnpOjw5dJK3eil0zLI4j81uF9CHCjjbGcByES"             \
    "Ngq4dW8lXJDVxqvo00b21OrDeHjHM+KhpoF97ODTOPCkMS1N0g+6HWSYFM3SiEmYkJ+QIjb0Nyrm1rbSrs2MGYydgs"             \
    "jIYTOzEE="

/* clang-format off */
const struct operation operations[] = {
    {"tgs_store_open", "", ON_BOTH | ON_VARIANTS | ON_READ_ONLY | STORE_CLOSED, TGS_OK, NULL, NULL, open_store},
    {"tgs_store_open", "with options", ON_BOTH | STORE_CLOSED, TGS_OK, NULL, NULL, open_with_options},
    {"tgs_store_open", "whose URL is in a file", ON_BOTH | STORE_CLOSED, TGS_OK, NULL, write_url, open_store},
    {"tgs_store_open", "whose URL is in the environment", ON_BOTH | STORE_CLOSED, TGS_OK, NULL, in_environment,
     open_store},
    {"tgs_store_open", "of a new file", ON_SQLITE | ON_VARIANTS | STORE_CLOSED | IN_STEPS, TGS_OK, NULL, as_new_file,
     open_store},
    {"tgs_store_open", "of no file", ON_SQLITE | STORE_CLOSED, TGS_E_UNAVAILABLE, "sqlite:/nowhere/x.db?mode=rw",
     as_argument, open_store},
    {"tgs_store_open", "of no back end", ON_BOTH | STORE_CLOSED, TGS_E_UNSUPPORTED, "nobody:x", as_argument, open_store},
    {"tgs_store_open", "with a wrong option", ON_BOTH | STORE_CLOSED, TGS_E_INVALID, "memory:?x=y", as_argument,
     open_store},
    {"tgs_store_close", "", ON_BOTH | ON_VARIANTS | ON_READ_ONLY | STORE_COLD, TGS_OK, NULL, NULL, close_store},
    {"tgs_store_close", "after a write", ON_BOTH | ON_VARIANTS | STORE_COLD, TGS_OK, NULL, write_something, close_store},
    {"tgs_sync", "", ON_BOTH | ON_VARIANTS | ON_READ_ONLY, TGS_OK, NULL, NULL, sync_store},
    {"tgs_sync", "after a write", ON_BOTH | ON_VARIANTS, TGS_OK, NULL, write_something, sync_store},
    {"tgs_ping", "", ON_BOTH | ON_VARIANTS | ON_READ_ONLY | STORE_COLD, TGS_OK, NULL, NULL, ping},
    {"tgs_backup", "", ON_SQLITE | ON_VARIANTS | ON_READ_ONLY, TGS_OK, NULL, NULL, backup},
    {"tgs_sessions_list", "", ON_BOTH | ON_READ_ONLY, TGS_OK, NULL, NULL, list_sessions},
    {"tgs_sessions_list", "another page", ON_BOTH, TGS_OK, NULL, NULL, list_sessions_on},
    {"tgs_stats_get", "", ON_BOTH | ON_READ_ONLY, TGS_OK, NULL, NULL, stats},
    {"tgs_stats_get", "of one session", ON_BOTH, TGS_OK, NULL, NULL, stats_of_session},
    {"tgs_prune", "", ON_BOTH | ON_VARIANTS, TGS_OK, NULL, NULL, prune},
    {"tgs_prune", "old peers, too", ON_BOTH, TGS_OK, NULL, NULL, prune_peers},
    {"tgs_canceller_new", "", ON_MEMORY, TGS_OK, NULL, NULL, new_canceller},

    {"tgs_session_new", "", ON_BOTH, TGS_OK, NULL, NULL, new_session},
    {"tgs_purge", "", ON_BOTH | ON_VARIANTS, TGS_OK, NULL, NULL, purge},
    {"tgs_purge", "in steps", ON_BOTH | IN_STEPS, TGS_OK, NULL, put_many, purge},
    {"tgs_lease_acquire", "exclusive", ON_BOTH | ON_VARIANTS, TGS_OK, NULL, NULL, acquire},
    {"tgs_lease_acquire", "shared", ON_BOTH, TGS_OK, NULL, take_shared_lease, acquire_shared},
    {"tgs_lease_acquire", "that is held", ON_BOTH, TGS_E_BUSY, NULL, take_shared_lease, acquire},
    {"tgs_lease_renew", "", ON_BOTH, TGS_OK, NULL, take_exclusive_lease, renew},
    {"tgs_lease_release", "", ON_BOTH, TGS_OK, NULL, take_exclusive_lease, release},

    {"tgs_put", "session", ON_BOTH | ON_VARIANTS, TGS_OK, "session", NULL, put_rows},
    {"tgs_put", "dc_auth", ON_BOTH, TGS_OK, "dc_auth", NULL, put_rows},
    {"tgs_put", "peer", ON_BOTH | ON_VARIANTS, TGS_OK, "peer", NULL, put_rows},
    {"tgs_put", "update_state", ON_BOTH, TGS_OK, "update_state", NULL, put_rows},
    {"tgs_put", "dedup", ON_BOTH, TGS_OK, "dedup", NULL, put_rows},
    {"tgs_put", "queue_item", ON_BOTH, TGS_OK, "queue_item", NULL, put_rows},
    {"tgs_put", "conversation", ON_BOTH, TGS_OK, "conversation", NULL, put_rows},
    {"tgs_put", "kv", ON_BOTH | ON_VARIANTS, TGS_OK, "kv", NULL, put_rows},
    {"tgs_put", "as the first write", ON_SQLITE | ON_VARIANTS | STORE_COLD, TGS_OK, "kv", NULL, put_rows},
    {"tgs_put", "many rows", ON_BOTH, TGS_OK, NULL, NULL, put_some},
    {"tgs_put", "one key again and again", ON_BOTH, TGS_OK, NULL, NULL, put_repeated},
    {"tgs_put", "another account", ON_BOTH, TGS_OK, NULL, NULL, put_account},
    {"tgs_put", "another account, refused", ON_BOTH, TGS_E_CONFLICT, NULL, NULL, put_other_account},
    {"tgs_put", "a condition that does not hold", ON_BOTH, TGS_E_CONFLICT, NULL, NULL, put_handled},
    {"tgs_put", "with the lease", ON_BOTH, TGS_OK, NULL, take_exclusive_lease, put_with_lease},
    {"tgs_put", "without the lease", ON_BOTH, TGS_E_FENCED, NULL, take_exclusive_lease, put_without_lease},
    {"tgs_put", "into a new session", ON_BOTH, TGS_OK, NULL, make_new_session, put_into_new_session},
    {"tgs_load", "in chunks", ON_BOTH | IN_STEPS, TGS_OK, NULL, NULL, load_chunks, check_loaded},

    {"tgs_get", "session", ON_BOTH | ON_VARIANTS | ON_READ_ONLY, TGS_OK, "session", NULL, get_rows},
    {"tgs_get", "dc_auth", ON_BOTH, TGS_OK, "dc_auth", NULL, get_rows},
    {"tgs_get", "peer", ON_BOTH | ON_READ_ONLY, TGS_OK, "peer", NULL, get_rows},
    {"tgs_get", "update_state", ON_BOTH, TGS_OK, "update_state", NULL, get_rows},
    {"tgs_get", "dedup", ON_BOTH, TGS_OK, "dedup", NULL, get_rows},
    {"tgs_get", "queue_item", ON_BOTH, TGS_OK, "queue_item", NULL, get_rows},
    {"tgs_get", "conversation", ON_BOTH, TGS_OK, "conversation", NULL, get_rows},
    {"tgs_get", "kv", ON_BOTH, TGS_OK, "kv", NULL, get_rows},
    {"tgs_get", "as the first read", ON_SQLITE | ON_VARIANTS | ON_READ_ONLY | STORE_COLD, TGS_OK, "kv", NULL, get_rows},
    {"tgs_get", "many rows", ON_BOTH, TGS_OK, NULL, NULL, get_some},
    {"tgs_get", "peer of any kind", ON_BOTH, TGS_OK, NULL, NULL, get_best_peer},
    {"tgs_list", "session", ON_BOTH, TGS_OK, "session", NULL, list_rows},
    {"tgs_list", "dc_auth", ON_BOTH, TGS_OK, "dc_auth", NULL, list_rows},
    {"tgs_list", "peer", ON_BOTH | ON_VARIANTS | ON_READ_ONLY, TGS_OK, "peer", NULL, list_rows},
    {"tgs_list", "update_state", ON_BOTH, TGS_OK, "update_state", NULL, list_rows},
    {"tgs_list", "dedup", ON_BOTH, TGS_OK, "dedup", NULL, list_rows},
    {"tgs_list", "queue_item", ON_BOTH, TGS_OK, "queue_item", NULL, list_rows},
    {"tgs_list", "conversation", ON_BOTH, TGS_OK, "conversation", NULL, list_rows},
    {"tgs_list", "kv", ON_BOTH, TGS_OK, "kv", NULL, list_rows},
    {"tgs_list", "many rows", ON_BOTH, TGS_OK, "kv", put_many, list_rows},
    {"tgs_list", "peers of a kind", ON_BOTH, TGS_OK, NULL, NULL, list_channels},
    {"tgs_list", "ready items of a lane", ON_BOTH, TGS_OK, NULL, NULL, list_lane},
    {"tgs_list", "kv of a scope", ON_BOTH, TGS_OK, NULL, NULL, list_scope},
    {"tgs_list", "conversations that expire", ON_BOTH, TGS_OK, NULL, NULL, list_expiring},
    {"tgs_list", "a page in the middle", ON_BOTH, TGS_OK, NULL, NULL, list_page},
    {"tgs_peers_by_username", "", ON_BOTH | ON_READ_ONLY, TGS_OK, NULL, NULL, by_username},
    {"tgs_peers_by_username", "many", ON_BOTH, TGS_OK, NULL, NULL, by_many_usernames},
    {"tgs_peers_by_phone", "", ON_BOTH, TGS_OK, NULL, NULL, by_phone},

    {"tgs_delete", "session", ON_BOTH, TGS_OK, "session", NULL, delete_rows},
    {"tgs_delete", "dc_auth", ON_BOTH, TGS_OK, "dc_auth", NULL, delete_rows},
    {"tgs_delete", "peer", ON_BOTH | ON_VARIANTS, TGS_OK, "peer", NULL, delete_rows},
    {"tgs_delete", "update_state", ON_BOTH, TGS_OK, "update_state", NULL, delete_rows},
    {"tgs_delete", "dedup", ON_BOTH, TGS_OK, "dedup", NULL, delete_rows},
    {"tgs_delete", "queue_item", ON_BOTH, TGS_OK, "queue_item", NULL, delete_rows},
    {"tgs_delete", "conversation", ON_BOTH, TGS_OK, "conversation", NULL, delete_rows},
    {"tgs_delete", "kv", ON_BOTH, TGS_OK, "kv", NULL, delete_rows},

    {"tgs_queue_claim", "", ON_BOTH | ON_VARIANTS, TGS_OK, NULL, NULL, claim},
    {"tgs_queue_claim", "of a lane", ON_BOTH, TGS_OK, NULL, NULL, claim_lane},
    {"tgs_queue_settle", "ack", ON_BOTH | ON_VARIANTS, TGS_OK, NULL, find_token, ack},
    {"tgs_queue_settle", "fail", ON_BOTH, TGS_OK, NULL, find_token, fail_item},
    {"tgs_queue_settle", "release", ON_BOTH, TGS_OK, NULL, find_token, release_item},
    {"tgs_queue_settle", "extend", ON_BOTH, TGS_OK, NULL, find_token, extend_item},
    {"tgs_queue_settle", "revive", ON_BOTH, TGS_OK, NULL, NULL, revive_item},
    {"tgs_queue_settle", "kill", ON_BOTH, TGS_OK, NULL, find_token, kill_item},
    {"tgs_queue_settle", "with a stale token", ON_BOTH, TGS_E_CONFLICT, NULL, take_wrong_token, ack},

    {"tgs_batch_new", "", ON_BOTH, TGS_OK, NULL, NULL, new_batch},
    {"tgs_batch_put", "", ON_MEMORY, TGS_OK, NULL, make_batch, batch_put},
    {"tgs_batch_put", "large rows", ON_MEMORY, TGS_OK, NULL, make_batch, batch_put_large},
    {"tgs_batch_put", "to others", ON_MEMORY, TGS_OK, NULL, make_full_batch, batch_put_large},
    {"tgs_batch_delete", "", ON_MEMORY, TGS_OK, NULL, make_batch, batch_delete},
    {"tgs_batch_settle", "", ON_MEMORY, TGS_OK, NULL, make_batch, batch_settle},
    {"tgs_batch_commit", "", ON_BOTH | ON_VARIANTS, TGS_OK, NULL, make_full_batch, commit},

    {"tgs_snapshot_from_text", "telethon", ON_MEMORY, TGS_OK, "telethon", make_text, read_text},
    {"tgs_snapshot_from_text", "pyrogram", ON_MEMORY, TGS_OK, "pyrogram", make_text, read_text},
    {"tgs_snapshot_from_text", "pyrogram-old-64", ON_MEMORY, TGS_OK, "pyrogram-old-64", make_text, read_text},
    {"tgs_snapshot_from_text", "pyrogram-old-32", ON_MEMORY, TGS_OK, "pyrogram-old-32", make_text, read_text},
    {"tgs_snapshot_from_text", "mtgo", ON_MEMORY, TGS_OK, "mtgo", make_text, read_text},
    {"tgs_snapshot_from_text", "mtgo-2", ON_MEMORY, TGS_OK, "mtgo-2", make_text, read_text},
    {"tgs_snapshot_from_text", "gramjs", ON_MEMORY, TGS_OK, GRAMJS, NULL, read_text},
    {"tgs_snapshot_from_text", "no session string", ON_MEMORY, TGS_E_INVALID, "1abc", NULL, read_text},
    {"tgs_snapshot_from_file", "telethon", ON_MEMORY, TGS_OK, FILE_OF("telethon/1.45.0-small.session"), NULL,
     read_file},
    {"tgs_snapshot_from_file", "telethon, old", ON_MEMORY, TGS_OK, FILE_OF("telethon/0.18.0-main.session"), NULL,
     read_file},
    {"tgs_snapshot_from_file", "with a -wal", ON_MEMORY, TGS_OK, FILE_OF("telethon/1.45.0-wal.session"), NULL,
     read_file},
    {"tgs_snapshot_from_file", "with a -journal", ON_MEMORY, TGS_OK, FILE_OF("odd/telethon-hot-journal.session"), NULL,
     read_file},
    {"tgs_snapshot_from_file", "pyrogram", ON_MEMORY, TGS_OK, FILE_OF("pyrogram/2.0.106-main.session"), NULL,
     read_file},
    {"tgs_snapshot_from_file", "pyrogram, JSON", ON_MEMORY, TGS_OK, FILE_OF("pyrogram/0.14.1-small.session"), NULL,
     read_file},
    {"tgs_snapshot_from_file", "pyrogram, JSON with peers", ON_MEMORY, TGS_OK,
     FILE_OF("pyrogram/0.14.1-jsonpeers.session"), NULL, read_file},
    {"tgs_snapshot_from_file", "kurigram", ON_MEMORY, TGS_OK, FILE_OF("kurigram/2.2.26-main.session"), NULL, read_file},
    {"tgs_snapshot_from_file", "a string", ON_MEMORY, TGS_OK, "telethon", write_text_file, read_file},
    {"tgs_snapshot_from_file", "damaged", ON_MEMORY, TGS_E_CORRUPT, FILE_OF("damaged/trunc-page.session"), NULL,
     read_file},
    {"tgs_snapshot_from_file", "another program's", ON_MEMORY, TGS_E_INVALID, FILE_OF("odd/unrelated-db.session"), NULL,
     read_file},
    {"tgs_snapshot_from_file", "none", ON_MEMORY, TGS_NOT_FOUND, FILE_OF("none.session"), NULL, read_file},
    {"tgs_snapshot_from_session", "", ON_BOTH | ON_READ_ONLY, TGS_OK, NULL, NULL, read_session},
    {"tgs_snapshot_from_session", "with peers", ON_BOTH, TGS_OK, NULL, NULL, read_session_with_peers},
    {"tgs_snapshot_to_text", "telethon", ON_MEMORY, TGS_OK, "telethon", make_snapshot, to_text},
    {"tgs_snapshot_to_text", "pyrogram", ON_MEMORY, TGS_OK, "pyrogram", make_snapshot, to_text},
    {"tgs_snapshot_to_text", "pyrogram-old-64", ON_MEMORY, TGS_OK, "pyrogram-old-64", make_snapshot, to_text},
    {"tgs_snapshot_to_text", "pyrogram-old-32", ON_MEMORY, TGS_OK, "pyrogram-old-32", make_snapshot, to_text},
    {"tgs_snapshot_to_text", "kurigram", ON_MEMORY, TGS_OK, "kurigram", make_snapshot, to_text},
    {"tgs_snapshot_to_text", "mtgo", ON_MEMORY, TGS_OK, "mtgo", make_snapshot, to_text},
    {"tgs_snapshot_to_text", "mtgo-2", ON_MEMORY, TGS_OK, "mtgo-2", make_snapshot, to_text},
    {"tgs_snapshot_to_file", "telethon-sqlite", ON_MEMORY, TGS_OK, "telethon-sqlite", make_snapshot, to_file},
    {"tgs_snapshot_to_file", "pyrogram-sqlite", ON_MEMORY, TGS_OK, "pyrogram-sqlite", make_snapshot, to_file},
    {"tgs_snapshot_to_file", "kurigram-sqlite", ON_MEMORY, TGS_OK, "kurigram-sqlite", make_snapshot, to_file},
    {"tgs_snapshot_to_session", "", ON_BOTH | IN_STEPS, TGS_OK, NULL, make_snapshot_and_target, to_session},
};
/* clang-format on */
const size_t n_operations = COUNT(operations);

/* --- functions that take no memory
 * -------------------------------------------------------------------------------------- */

void prepare_quiet_functions(struct world *w) {
    tgs_error err;
    w->argument = "telethon";
    make_full_batch(w);
    make_text(w);
    take_shared_lease(w);
    must_succeed(list_sessions(w, &err), &err);
    w->old_rows = w->rows;
    w->rows = NULL;
    must_succeed(new_canceller(w, &err), &err);
    w->old_canceller = w->canceller;
    w->canceller = NULL;
}

static void quiet_version(struct world *w) {
    (void)w;
    must(tgs_version() == TGS_VERSION, "tgs_version");
}

static void quiet_allocator_set(struct world *w) {
    (void)w;
    must(tgs_allocator_set(NULL, NULL) == TGS_E_INVALID, "tgs_allocator_set");
}

static void quiet_backend_load(struct world *w) {
    tgs_error err; /* what the loader takes is the C library's */
    must(tgs_backend_load(text_of(w->path), NULL, &err) == TGS_E_UNAVAILABLE, err.message);
}

static void quiet_status_name(struct world *w) {
    (void)w;
    must(*tgs_status_name(TGS_E_NOMEM), "tgs_status_name");
}

static void quiet_record_name(struct world *w) {
    (void)w;
    must(*tgs_record_name(TGS_RECORD_PEER), "tgs_record_name");
}

static void quiet_record_fields(struct world *w) {
    (void)w;
    must(tgs_record_fields(TGS_RECORD_PEER, NULL, NULL) != NULL, "tgs_record_fields");
}

static void quiet_rows_count(struct world *w) { must(tgs_rows_count(w->old_rows) == 2, "tgs_rows_count"); }

static void quiet_rows_record(struct world *w) {
    must(tgs_rows_record(w->old_rows) == TGS_RECORD_SESSION_INFO, "tgs_rows_record");
}

static void quiet_rows_more(struct world *w) { must(!tgs_rows_more(w->old_rows), "tgs_rows_more"); }

static void quiet_rows_row(struct world *w) {
    tgs_session_info row;
    must(tgs_rows_row(w->old_rows, 1, &row, sizeof row) == TGS_OK, "tgs_rows_row");
}

static void quiet_rows_data(struct world *w) {
    must(tgs_rows_data(w->old_rows, NULL) != NULL, "tgs_rows_data");
}

static void quiet_rows_free(struct world *w) {
    tgs_rows_free(w->old_rows);
    w->old_rows = NULL;
}

static void quiet_text_str(struct world *w) { must(tgs_text_str(w->text).len > 300, "tgs_text_str"); }

static void quiet_text_free(struct world *w) {
    tgs_text_free(w->text);
    w->text = NULL;
}

static void quiet_canceller_cancel(struct world *w) { tgs_canceller_cancel(w->old_canceller); }

static void quiet_canceller_cancelled(struct world *w) {
    must(tgs_canceller_cancelled(w->old_canceller), "tgs_canceller_cancelled");
}

static void quiet_canceller_reset(struct world *w) { tgs_canceller_reset(w->old_canceller); }

static void quiet_canceller_free(struct world *w) {
    tgs_canceller_free(w->old_canceller);
    w->old_canceller = NULL;
}

static void quiet_store_backend(struct world *w) { must(*tgs_store_backend(w->store), "tgs_store_backend"); }

static void quiet_store_capabilities(struct world *w) {
    must(!(tgs_store_capabilities(w->store) & TGS_CAP_NETWORK), "tgs_store_capabilities");
}

static void quiet_session_name(struct world *w) {
    must(tgs_session_name(w->leased).len == 4, "tgs_session_name");
}

static void quiet_session_token(struct world *w) {
    must(tgs_session_token(w->leased) > 0, "tgs_session_token");
}

static void quiet_session_free(struct world *w) {
    tgs_session_free(w->leased);
    w->leased = NULL;
}

static void quiet_batch_count(struct world *w) { must(tgs_batch_count(w->batch) > 10, "tgs_batch_count"); }

static void quiet_batch_clear(struct world *w) { tgs_batch_clear(w->batch); }

static void quiet_batch_free(struct world *w) {
    tgs_batch_free(w->batch);
    w->batch = NULL;
}

static void quiet_snapshot_format(struct world *w) {
    must(*tgs_snapshot_format(w->snapshot), "tgs_snapshot_format");
}

static void quiet_snapshot_description(struct world *w) {
    must(*tgs_snapshot_description(w->snapshot), "tgs_snapshot_description");
}

static void quiet_snapshot_note_count(struct world *w) {
    must(tgs_snapshot_note_count(w->snapshot) == 0, "tgs_snapshot_note_count");
}

static void quiet_snapshot_note(struct world *w) {
    must(!tgs_snapshot_note(w->snapshot, 0), "tgs_snapshot_note");
}

static void quiet_snapshot_rows(struct world *w) {
    must(tgs_snapshot_rows(w->snapshot, TGS_RECORD_PEER) != NULL, "tgs_snapshot_rows");
}

static void quiet_snapshot_free(struct world *w) {
    tgs_snapshot_free(w->snapshot);
    w->snapshot = NULL;
}

/* In this order: what is freed is not used any more. */
const struct quiet_function quiet_functions[] = {
    {"tgs_version", quiet_version},
    {"tgs_allocator_set", quiet_allocator_set},
    {"tgs_backend_load", quiet_backend_load},
    {"tgs_status_name", quiet_status_name},
    {"tgs_record_name", quiet_record_name},
    {"tgs_record_fields", quiet_record_fields},
    {"tgs_rows_count", quiet_rows_count},
    {"tgs_rows_record", quiet_rows_record},
    {"tgs_rows_more", quiet_rows_more},
    {"tgs_rows_row", quiet_rows_row},
    {"tgs_rows_data", quiet_rows_data},
    {"tgs_rows_free", quiet_rows_free},
    {"tgs_text_str", quiet_text_str},
    {"tgs_text_free", quiet_text_free},
    {"tgs_canceller_cancel", quiet_canceller_cancel},
    {"tgs_canceller_cancelled", quiet_canceller_cancelled},
    {"tgs_canceller_reset", quiet_canceller_reset},
    {"tgs_canceller_free", quiet_canceller_free},
    {"tgs_store_backend", quiet_store_backend},
    {"tgs_store_capabilities", quiet_store_capabilities},
    {"tgs_session_name", quiet_session_name},
    {"tgs_session_token", quiet_session_token},
    {"tgs_session_free", quiet_session_free},
    {"tgs_batch_count", quiet_batch_count},
    {"tgs_batch_clear", quiet_batch_clear},
    {"tgs_batch_free", quiet_batch_free},
    {"tgs_snapshot_format", quiet_snapshot_format},
    {"tgs_snapshot_description", quiet_snapshot_description},
    {"tgs_snapshot_note_count", quiet_snapshot_note_count},
    {"tgs_snapshot_note", quiet_snapshot_note},
    {"tgs_snapshot_rows", quiet_snapshot_rows},
    {"tgs_snapshot_free", quiet_snapshot_free},
};
const size_t n_quiet_functions = COUNT(quiet_functions);
