/* SPDX-License-Identifier: Apache-2.0 */
/* The clock of the host is set back by an hour, and comes forward again.  What lasts until some time may last
 * longer by that hour, never shorter; what counts does not go back; nothing is lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "folder.h"
#include "tgstore.h"

#define MINUTE 60
#define HOUR 3600
#define MINUTE_MS 60000

static time_t shift; /* seconds by which the wall clock is wrong */

/* The library's own calls come here. */
__attribute__((visibility("default"))) int clock_gettime(clockid_t clock, struct timespec *time) {
    int result = (int)syscall(SYS_clock_gettime, clock, time);
    if (clock == CLOCK_REALTIME) time->tv_sec += shift;
    return result;
}

/* --- a store and two handles on a session ------------------------------------------------------------- */

static tgs_error err;
static const char *url; /* memory: or that of a file */
static tgs_store *store;
static tgs_session *me;

static void begin(void) {
    static char path[120];
    shift = 0;
    snprintf(path, sizeof path, "sqlite:%s", database);
    const char *where = strcmp(url, "sqlite:") == 0 ? path : url;
    if (tgs_store_open((tgs_str){where, strlen(where)}, NULL, 0, &store, NULL, &err) != TGS_OK)
        fail_msg("%s", err.message);
    assert_int_equal(tgs_session_new(store, TGS_STR("main"), &me, &err), TGS_OK);
}

static int begin_in_memory(void **state) {
    url = "memory:";
    if (make_folder(state) != 0) return -1;
    begin();
    return 0;
}

static int begin_in_a_file(void **state) {
    url = "sqlite:";
    if (make_folder(state) != 0) return -1;
    begin();
    return 0;
}

static int end(void **state) {
    tgs_session_free(me);
    tgs_store_close(store);
    return remove_folder(state);
}

static tgs_status put(tgs_session *session, int32_t record, const void *row, size_t size,
                      tgs_result *result) {
    return tgs_put(session, record, row, 1, size, result, NULL, &err);
}

static tgs_status put_pts(tgs_session *session) {
    tgs_update_state row = {.fields = TGS_UPDATE_STATE_PTS, .pts = 1};
    return put(session, TGS_RECORD_UPDATE_STATE, &row, sizeof row, NULL);
}

/* --- leases ----------------------------------------------------------------------------------------------
 */

static tgs_status acquire(tgs_session **leased) {
    return tgs_lease_acquire(me, TGS_STR("test"), TGS_LEASE_EXCLUSIVE, MINUTE_MS, 0, leased, NULL, &err);
}

static void is_held(tgs_session *leased) {
    tgs_session *other;
    assert_int_equal(put_pts(leased), TGS_OK);
    assert_int_equal(put_pts(me), TGS_E_FENCED);
    assert_int_equal(acquire(&other), TGS_E_BUSY);
}

static void a_lease_does_not_become_shorter(void **state) {
    (void)state;
    tgs_session *leased, *next;
    assert_int_equal(acquire(&leased), TGS_OK);
    is_held(leased);
    shift = -HOUR;
    is_held(leased);
    shift = -HOUR + 50;
    is_held(leased);
    shift = 50;
    is_held(leased);
    shift = MINUTE + 10;
    assert_int_equal(put_pts(leased), TGS_E_FENCED);
    assert_int_equal(acquire(&next), TGS_OK);
    assert_true(tgs_session_token(next) > tgs_session_token(leased));
    tgs_session_free(leased);
    tgs_session_free(next);
}

static void a_lease_that_is_renewed_lasts_from_now(void **state) {
    (void)state;
    tgs_session *leased;
    assert_int_equal(acquire(&leased), TGS_OK);
    shift = -HOUR;
    assert_int_equal(tgs_lease_renew(leased, 2 * MINUTE_MS, NULL, &err), TGS_OK);
    shift = -HOUR + 110;
    is_held(leased);
    assert_int_equal(tgs_lease_release(leased, NULL, &err), TGS_OK);
    assert_int_equal(put_pts(me), TGS_OK);
    tgs_session_free(leased);
}

static void tokens_only_increase(void **state) {
    (void)state;
    int64_t last = 0;
    for (int i = 0; i < 5; i++) {
        tgs_session *leased;
        shift = -i * HOUR;
        assert_int_equal(acquire(&leased), TGS_OK);
        assert_true(tgs_session_token(leased) > last);
        last = tgs_session_token(leased);
        assert_int_equal(tgs_lease_release(leased, NULL, &err), TGS_OK);
        tgs_session_free(leased);
    }
}

/* --- conversations
 * ------------------------------------------------------------------------------------------ */

static void versions_are_never_used_twice(void **state) {
    (void)state;
    int64_t seen[10];
    for (int i = 0; i < 10; i++) {
        tgs_result result;
        tgs_conversation row = {.fields = TGS_CONVERSATION_STEP_NUMBER, .chat_id = 1, .step_number = i};
        shift = i % 2 ? -HOUR : 0;
        assert_int_equal(put(me, TGS_RECORD_CONVERSATION, &row, sizeof row, &result), TGS_OK);
        for (int j = 0; j < i; j++) assert_true(seen[j] != result.version);
        seen[i] = result.version;
        if (i % 3 == 0)
            assert_int_equal(tgs_delete(me, TGS_RECORD_CONVERSATION, &row, 1, sizeof row, NULL, NULL, &err),
                             TGS_OK);
    }
}

static void compare_and_set_goes_by_version(void **state) {
    (void)state;
    tgs_result result;
    tgs_conversation row = {.fields = TGS_CONVERSATION_STEP_NUMBER, .chat_id = 1};
    assert_int_equal(put(me, TGS_RECORD_CONVERSATION, &row, sizeof row, &result), TGS_OK);
    shift = -HOUR;
    int64_t first = row.version = result.version;
    row.flags = TGS_ROW_IF_VERSION | TGS_ROW_REQUIRE;
    assert_int_equal(put(me, TGS_RECORD_CONVERSATION, &row, sizeof row, &result), TGS_OK);
    assert_true(result.version != first);
    assert_int_equal(put(me, TGS_RECORD_CONVERSATION, &row, sizeof row, NULL), TGS_E_CONFLICT);
}

/* --- expiry
 * ---------------------------------------------------------------------------------------------------- */

static tgs_status put_kv(const char *key) {
    tgs_kv row = {.fields = TGS_KV_VALUE | TGS_KV_TTL,
                  .scope = TGS_STR("s"),
                  .key = {key, strlen(key)},
                  .value = {(const uint8_t *)"v", 1},
                  .ttl_ms = MINUTE_MS};
    return put(me, TGS_RECORD_KV, &row, sizeof row, NULL);
}

static bool kv_is_there(const char *key) {
    tgs_kv row = {.scope = TGS_STR("s"), .key = {key, strlen(key)}};
    tgs_rows *rows;
    assert_int_equal(tgs_get(me, TGS_RECORD_KV, &row, 1, sizeof row, &rows, NULL, &err), TGS_OK);
    assert_int_equal(tgs_rows_row(rows, 0, &row, sizeof row), TGS_OK);
    tgs_rows_free(rows);
    return row.flags & TGS_ROW_FOUND;
}

static void rows_do_not_expire_sooner(void **state) {
    (void)state;
    assert_int_equal(put_kv("before"), TGS_OK);
    shift = -HOUR;
    assert_int_equal(put_kv("after"), TGS_OK);
    assert_int_equal(tgs_prune(store, 0, NULL, NULL, &err), TGS_OK);
    assert_true(kv_is_there("before") && kv_is_there("after"));
    shift = -HOUR + 50;
    assert_true(kv_is_there("before") && kv_is_there("after"));
    shift = -HOUR + MINUTE + 10;
    assert_true(kv_is_there("before") && !kv_is_there("after"));
    shift = 50;
    assert_true(kv_is_there("before"));
    shift = MINUTE + 10;
    assert_false(kv_is_there("before"));
}

static void what_was_handled_is_not_handled_again(void **state) {
    (void)state;
    tgs_dedup row = {
        .fields = TGS_DEDUP_TTL, .flags = TGS_ROW_REQUIRE, .key = TGS_STR("k"), .ttl_ms = MINUTE_MS};
    assert_int_equal(put(me, TGS_RECORD_DEDUP, &row, sizeof row, NULL), TGS_OK);
    shift = -HOUR;
    assert_int_equal(tgs_prune(store, 0, NULL, NULL, &err), TGS_OK);
    assert_int_equal(put(me, TGS_RECORD_DEDUP, &row, sizeof row, NULL), TGS_E_CONFLICT);
    shift = 50;
    assert_int_equal(put(me, TGS_RECORD_DEDUP, &row, sizeof row, NULL), TGS_E_CONFLICT);
}

/* --- peers
 * -------------------------------------------------------------------------------------------------------- */

static tgs_status put_peer(void) {
    tgs_str name = TGS_STR("somebody");
    tgs_peer row = {.fields = TGS_PEER_USERNAMES, .id = 5, .usernames = &name, .n_usernames = 1};
    return put(me, TGS_RECORD_PEER, &row, sizeof row, NULL);
}

static bool is_known(int64_t max_age_ms) {
    tgs_str name = TGS_STR("somebody");
    tgs_rows *rows;
    tgs_peer row;
    assert_int_equal(tgs_peers_by_username(me, &name, 1, max_age_ms, &rows, NULL, &err), TGS_OK);
    assert_int_equal(tgs_rows_row(rows, 0, &row, sizeof row), TGS_OK);
    tgs_rows_free(rows);
    return row.flags & TGS_ROW_FOUND;
}

static void a_name_that_was_just_seen_is_known(void **state) {
    (void)state;
    assert_int_equal(put_peer(), TGS_OK);
    shift = -HOUR;
    assert_true(is_known(1));
    assert_int_equal(tgs_prune(store, MINUTE_MS, NULL, NULL, &err), TGS_OK);
    assert_true(is_known(0));
    assert_int_equal(put_peer(), TGS_OK);
    assert_true(is_known(1));
    shift = 50;
    assert_int_equal(put_peer(), TGS_OK);
    assert_true(is_known(1));
}

/* --- the queue
 * ------------------------------------------------------------------------------------------------------- */

static void enqueue(const char *id, const char *lane) {
    tgs_queue_item row = {.fields = lane ? TGS_QUEUE_ITEM_LANE : 0,
                          .flags = TGS_ROW_REQUIRE,
                          .id = {id, strlen(id)},
                          .lane = {lane, lane ? strlen(lane) : 0}};
    assert_int_equal(put(me, TGS_RECORD_QUEUE_ITEM, &row, sizeof row, NULL), TGS_OK);
}

static tgs_status ack(const char *id, int64_t token) {
    tgs_queue_item item = {.id = {id, strlen(id)}, .token = token};
    return tgs_queue_settle(me, TGS_SETTLE_ACK, &item, 1, sizeof item, NULL, &err);
}

/* Claim one; its id or "" in `id`.  Returns its token. */
static int64_t claim(char id[20]) {
    tgs_rows *rows;
    tgs_queue_item item = {0};
    assert_int_equal(tgs_queue_claim(me, TGS_STR("w"), (tgs_str){NULL, 0}, MINUTE_MS, 1, &rows, NULL, &err),
                     TGS_OK);
    if (tgs_rows_count(rows)) assert_int_equal(tgs_rows_row(rows, 0, &item, sizeof item), TGS_OK);
    snprintf(id, 20, "%s", item.id.ptr ? item.id.ptr : "");
    tgs_rows_free(rows);
    return item.token;
}

static void claimed_is(const char *expected) {
    char id[20];
    claim(id);
    assert_string_equal(id, expected);
}

static void claims_do_not_become_shorter(void **state) {
    (void)state;
    char id[20];
    enqueue("a", NULL);
    int64_t token = claim(id);
    shift = -HOUR;
    claimed_is("");
    shift = 50;
    claimed_is("");
    shift = -HOUR;
    assert_int_equal(ack("a", token), TGS_OK);
    shift = 2 * MINUTE;
    claimed_is("");
}

static void a_claim_that_ran_out_gives_a_larger_token(void **state) {
    (void)state;
    char id[20];
    enqueue("a", NULL);
    int64_t first = claim(id);
    shift = 2 * MINUTE;
    int64_t second = claim(id);
    assert_string_equal(id, "a");
    assert_true(second > first);
    shift = -HOUR;
    assert_int_equal(ack("a", first), TGS_E_CONFLICT);
    assert_int_equal(ack("a", second), TGS_OK);
}

/* What was enqueued before the step waits for its time; a lane keeps its order. */
static void nothing_is_lost_and_lanes_keep_their_order(void **state) {
    (void)state;
    char id[20];
    enqueue("1", "lane");
    enqueue("free before", NULL);
    shift = -HOUR;
    enqueue("2", "lane");
    enqueue("free after", NULL);
    int64_t token = claim(id);
    assert_string_equal(id, "free after");
    assert_int_equal(ack("free after", token), TGS_OK);
    claimed_is("");
    shift = 10;
    token = claim(id);
    assert_string_equal(id, "1");
    claimed_is("free before");
    shift = -HOUR + 10;
    assert_int_equal(ack("1", token), TGS_OK);
    claimed_is("2");
}

#define CASES(X)                                                                                             \
    X(a_lease_does_not_become_shorter)                                                                       \
    X(a_lease_that_is_renewed_lasts_from_now)                                                                \
    X(tokens_only_increase)                                                                                  \
    X(versions_are_never_used_twice)                                                                         \
    X(compare_and_set_goes_by_version)                                                                       \
    X(rows_do_not_expire_sooner)                                                                             \
    X(what_was_handled_is_not_handled_again)                                                                 \
    X(a_name_that_was_just_seen_is_known)                                                                    \
    X(claims_do_not_become_shorter)                                                                          \
    X(a_claim_that_ran_out_gives_a_larger_token)                                                             \
    X(nothing_is_lost_and_lanes_keep_their_order)

int main(void) {
#define IN_MEMORY(name) {"memory: " #name, name, begin_in_memory, end, NULL},
#define IN_A_FILE(name) {"sqlite: " #name, name, begin_in_a_file, end, NULL},
    const struct CMUnitTest tests[] = {CASES(IN_MEMORY) CASES(IN_A_FILE)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
