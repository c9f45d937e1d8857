/* SPDX-License-Identifier: Apache-2.0 */
/* From rows to operations: what lowering makes of masks and flags, and folding of repeated keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fold.h"
#include "sink.h"

static const struct lifetimes lifetimes = {.dedup_ttl_ms = 70, .done_ttl_ms = 10, .dead_ttl_ms = 30};
static struct op_list list;

static int begin(void **state) {
    (void)state;
    list = (struct op_list){.lifetimes = &lifetimes};
    return 0;
}

static int end(void **state) {
    (void)state;
    op_list_free(&list);
    return 0;
}

#define PUT(record, ...) put(record, &(__VA_ARGS__), sizeof(__VA_ARGS__))

static const tgs_op *put(int32_t record, const void *row, size_t size) {
    tgs_error err;
    tgs_status status = lower_put(&list, record, row, 1, size, &err);
    if (status != TGS_OK) fail_msg("%s", err.message);
    return &list.ops[list.count - 1];
}

static void refuse(int32_t record, const void *row, size_t size, tgs_status expected) {
    tgs_error err = {0};
    size_t count = list.count, payload = list.payload;
    assert_int_equal(lower_put(&list, record, row, 1, size, &err), expected);
    assert_int_equal(err.code, expected);
    assert_int_equal(list.count, count);
    assert_int_equal(list.payload, payload);
}

#define REFUSE(expected, record, ...) refuse(record, &(__VA_ARGS__), sizeof(__VA_ARGS__), expected)

/* --- lowering ---------------------------------------------------------------------- */

static void each_field_goes_to_one_mask(void **state) {
    (void)state;
    const tgs_op *op = PUT(TGS_RECORD_PEER, (tgs_peer){.fields = TGS_PEER_FIRST_NAME | TGS_PEER_LAST_NAME |
                                                                 TGS_PEER_LANGUAGE | TGS_PEER_ACCESS_HASH,
                                                       .nulls = TGS_PEER_LAST_NAME,
                                                       .first_name = TGS_STR("")});
    assert_int_equal(op->set, TGS_PEER_FIRST_NAME);
    assert_int_equal(op->clear, TGS_PEER_LAST_NAME | TGS_PEER_LANGUAGE); /* ptr NULL clears */
    assert_int_equal(op->fill, TGS_PEER_ACCESS_HASH);                    /* a zero replaces nothing */
    assert_int_equal(op->stamp, TGS_PEER_SEEN_AT);
    assert_int_equal(op->raise | op->stamp_new, 0);
}

static void positions_rise_unless_exact(void **state) {
    (void)state;
    tgs_update_state row = {.fields = TGS_UPDATE_STATE_PTS | TGS_UPDATE_STATE_DATE, .pts = 5};
    const tgs_op *op = put(TGS_RECORD_UPDATE_STATE, &row, sizeof row);
    assert_int_equal(op->raise, row.fields);
    assert_int_equal(op->set, 0);
    row.flags = TGS_ROW_EXACT;
    op = put(TGS_RECORD_UPDATE_STATE, &row, sizeof row);
    assert_int_equal(op->set, row.fields);
    assert_int_equal(op->raise, 0);
}

static void secrets_get_an_envelope(void **state) {
    (void)state;
    static const uint8_t key[256] = {1, 2, 3};
    const tgs_op *op = PUT(TGS_RECORD_DC_AUTH,
                           (tgs_dc_auth){.fields = TGS_DC_AUTH_AUTH_KEY, .dc = 2, .auth_key = {key, 256}});
    const tgs_dc_auth *row = op->row;
    assert_int_equal(row->auth_key.len, 257);
    assert_int_equal(row->auth_key.ptr[0], ENVELOPE_PLAIN);
    assert_memory_equal(row->auth_key.ptr + 1, key, 256);
    assert_true(list.auth);
}

static void usernames_are_listed_once(void **state) {
    (void)state;
    const tgs_str names[] = {TGS_STR("@Durov"), TGS_STR("other"), TGS_STR("dUROV")};
    const tgs_op *op =
        PUT(TGS_RECORD_PEER, (tgs_peer){.fields = TGS_PEER_USERNAMES, .usernames = names, .n_usernames = 3});
    const tgs_peer *row = op->row;
    assert_int_equal(row->n_usernames, 2);
    assert_memory_equal(row->usernames[0].ptr, "Durov", 5);
    assert_memory_equal(op->folded[0].ptr, "durov", 5);
    op = PUT(TGS_RECORD_PEER, (tgs_peer){.fields = TGS_PEER_USERNAMES});
    assert_int_equal(op->clear, TGS_PEER_USERNAMES);
}

static void defaults_are_filled_in(void **state) {
    (void)state;
    const tgs_op *op = PUT(TGS_RECORD_DEDUP, (tgs_dedup){.key = TGS_STR("k")});
    assert_int_equal(((const tgs_dedup *)op->row)->ttl_ms, lifetimes.dedup_ttl_ms);
    assert_int_equal(op->flags, 0); /* the back end adds what is not there when its turn comes */
    op = PUT(TGS_RECORD_DEDUP, (tgs_dedup){.key = TGS_STR("l"), .flags = TGS_ROW_REQUIRE});
    assert_int_equal(op->flags, TGS_OP_IF_ABSENT | TGS_OP_REQUIRE);

    op = PUT(TGS_RECORD_QUEUE_ITEM,
             (tgs_queue_item){.id = TGS_STR("1"), .fields = TGS_QUEUE_ITEM_STATE, .state = TGS_QUEUE_LEASED});
    const tgs_queue_item *item = op->row;
    assert_int_equal(item->state, TGS_QUEUE_READY);
    assert_int_equal(item->max_attempts, 10);
    assert_true(op->set & TGS_QUEUE_ITEM_DELAY);
    assert_int_equal(op->done_ttl_ms, lifetimes.done_ttl_ms);
    assert_int_equal(op->dead_ttl_ms, lifetimes.dead_ttl_ms);
}

static void a_step_is_a_text_or_a_number(void **state) {
    (void)state;
    const tgs_op *op =
        PUT(TGS_RECORD_CONVERSATION, (tgs_conversation){.fields = TGS_CONVERSATION_STEP_NUMBER});
    assert_int_equal(op->set, TGS_CONVERSATION_STEP_NUMBER);
    assert_int_equal(op->clear, TGS_CONVERSATION_STEP);
    REFUSE(TGS_E_INVALID, TGS_RECORD_CONVERSATION,
           (tgs_conversation){.fields = TGS_CONVERSATION_STEP | TGS_CONVERSATION_STEP_NUMBER,
                              .step = TGS_STR("a")});
}

static void a_changed_account_is_guarded(void **state) {
    (void)state;
    tgs_session_data row = {.fields = TGS_SESSION_USER_ID, .user_id = 5};
    assert_int_equal(put(TGS_RECORD_SESSION, &row, sizeof row)->flags, TGS_OP_SAME_ACCOUNT);
    row.flags = TGS_ROW_REPLACE_ACCOUNT;
    assert_int_equal(put(TGS_RECORD_SESSION, &row, sizeof row)->flags, TGS_OP_REPLACE_ACCOUNT);
    row.fields = TGS_SESSION_DC; /* no user_id, so no other one */
    assert_int_equal(put(TGS_RECORD_SESSION, &row, sizeof row)->flags, 0);
}

static void what_is_not_known_is_refused(void **state) {
    (void)state;
    struct {
        tgs_kv row;
        uint64_t newer;
    } longer = {.row = {.scope = TGS_STR("s"), .key = TGS_STR("k")}};
    put(TGS_RECORD_KV, &longer, sizeof longer);
    longer.newer = 1;
    refuse(TGS_RECORD_KV, &longer, sizeof longer, TGS_E_UNSUPPORTED);
    REFUSE(TGS_E_UNSUPPORTED, TGS_RECORD_KV,
           (tgs_kv){.scope = TGS_STR("s"), .key = TGS_STR("k"), .reserved = {0, 1}});
    REFUSE(TGS_E_UNSUPPORTED, TGS_RECORD_KV,
           (tgs_kv){.scope = TGS_STR("s"), .key = TGS_STR("k"), .fields = 1u << 20});
    REFUSE(TGS_E_UNSUPPORTED, TGS_RECORD_KV,
           (tgs_kv){.scope = TGS_STR("s"), .key = TGS_STR("k"), .flags = 1u << 20});
    REFUSE(TGS_E_INVALID, TGS_RECORD_KV,
           (tgs_kv){.scope = TGS_STR("s"), .key = TGS_STR("k"), .nulls = TGS_KV_VALUE});
    REFUSE(TGS_E_INVALID, TGS_RECORD_PEER,
           (tgs_kv){.scope = TGS_STR("s"), .key = TGS_STR("k")}); /* the stride tells */
}

static void a_refused_row_takes_the_others_with_it(void **state) {
    (void)state;
    tgs_kv rows[] = {{.scope = TGS_STR("s"), .key = TGS_STR("k")}, {.scope = TGS_STR("s"), .key = {NULL, 0}}};
    tgs_error err;
    assert_int_equal(lower_put(&list, TGS_RECORD_KV, rows, 2, sizeof *rows, &err), TGS_E_INVALID);
    assert_int_equal(err.index, 1);
    assert_int_equal(list.count, 0);
}

/* --- folding ------------------------------------------------------------------------- */

static struct fold folded(size_t count) {
    struct fold fold;
    tgs_error err;
    assert_int_equal(fold_list(&fold, &list, false, &err), TGS_OK);
    assert_int_equal(fold.count, count);
    return fold;
}

/* The operations do not fold into fewer. */
static void all_stay(bool results) {
    struct fold fold;
    tgs_error err;
    assert_int_equal(fold_list(&fold, &list, results, &err), TGS_OK);
    assert_int_equal(fold.count, list.count);
    for (size_t i = 0; i < fold.count; i++) assert_int_equal(fold.ops[i].index, i);
    fold_free(&fold);
}

static void different_keys_do_not_fold(void **state) {
    (void)state;
    PUT(TGS_RECORD_PEER, (tgs_peer){.kind = TGS_PEER_USER, .id = 5});
    PUT(TGS_RECORD_PEER, (tgs_peer){.kind = TGS_PEER_CHAT, .id = 5});
    PUT(TGS_RECORD_KV, (tgs_kv){.scope = TGS_STR("ab"), .key = TGS_STR("c")});
    PUT(TGS_RECORD_KV, (tgs_kv){.scope = TGS_STR("a"), .key = TGS_STR("bc")});
    struct fold fold = folded(4);
    assert_ptr_equal(fold.ops, list.ops); /* nothing was copied */
    assert_null(fold.shares);
    fold_free(&fold);
}

static void the_later_put_wins_field_by_field(void **state) {
    (void)state;
    PUT(TGS_RECORD_PEER, (tgs_peer){.fields = TGS_PEER_FIRST_NAME | TGS_PEER_ACCESS_HASH | TGS_PEER_LANGUAGE,
                                    .access_hash = 7,
                                    .first_name = TGS_STR("old"),
                                    .language = TGS_STR("de")});
    PUT(TGS_RECORD_PEER, (tgs_peer){.fields = TGS_PEER_FIRST_NAME | TGS_PEER_ACCESS_HASH | TGS_PEER_LAST_NAME,
                                    .nulls = TGS_PEER_LAST_NAME,
                                    .first_name = TGS_STR("new")});
    struct fold fold = folded(1);
    const tgs_peer *row = fold.ops[0].row;
    assert_int_equal(fold.ops[0].set, TGS_PEER_FIRST_NAME | TGS_PEER_ACCESS_HASH | TGS_PEER_LANGUAGE);
    assert_int_equal(fold.ops[0].clear, TGS_PEER_LAST_NAME);
    assert_int_equal(fold.ops[0].fill, 0);
    assert_int_equal(row->access_hash, 7); /* the zero after it replaces nothing */
    assert_memory_equal(row->first_name.ptr, "new", 3);
    fold_free(&fold);
}

static void rises_fold_to_the_highest(void **state) {
    (void)state;
    static const int64_t given[] = {5, 9, 7};
    for (size_t i = 0; i < 3; i++)
        PUT(TGS_RECORD_UPDATE_STATE, (tgs_update_state){.fields = TGS_UPDATE_STATE_PTS, .pts = given[i]});
    struct fold fold = folded(1);
    assert_int_equal(((const tgs_update_state *)fold.ops[0].row)->pts, 9);
    fold_free(&fold);
    all_stay(true); /* which of them are lower than what is stored, only the back end knows */
}

static void a_rise_is_told_of_also_when_the_next_row_sets_or_clears(void **state) {
    (void)state;
    tgs_update_state row = {.fields = TGS_UPDATE_STATE_PTS, .pts = -7};
    put(TGS_RECORD_UPDATE_STATE, &row, sizeof row);
    row.nulls = TGS_UPDATE_STATE_PTS;
    put(TGS_RECORD_UPDATE_STATE, &row, sizeof row);
    all_stay(true);
}

static void a_merged_put_is_applied_but_not_new(void **state) {
    (void)state;
    for (size_t i = 0; i < 2; i++) PUT(TGS_RECORD_PEER, (tgs_peer){.id = 5});
    struct fold fold = folded(1);
    tgs_result results[2] = {{.applied = 1, .notes = TGS_NOTE_NEW}};
    fold_results(&fold, results, 2);
    assert_int_equal(results[0].notes, TGS_NOTE_NEW);
    assert_int_equal(results[1].applied, 1);
    assert_int_equal(results[1].notes, 0);
    fold_free(&fold);
}

static void what_was_cleared_is_not_stamped_again(void **state) {
    (void)state;
    PUT(TGS_RECORD_CONVERSATION,
        (tgs_conversation){.fields = TGS_CONVERSATION_CREATED, .nulls = TGS_CONVERSATION_CREATED});
    PUT(TGS_RECORD_CONVERSATION, (tgs_conversation){.chat_id = 0});
    struct fold fold = folded(1);
    assert_int_equal(fold.ops[0].clear, TGS_CONVERSATION_CREATED);
    assert_int_equal(fold.ops[0].set | fold.ops[0].stamp_new, 0);
    fold_free(&fold);
}

/* What may be expired already when the second put comes is no part of what that one makes. */
static void a_given_expiry_keeps_puts_apart(void **state) {
    (void)state;
    PUT(TGS_RECORD_KV,
        (tgs_kv){.scope = TGS_STR("s"), .key = TGS_STR("k"), .fields = TGS_KV_EXPIRES, .expires = 1});
    PUT(TGS_RECORD_KV, (tgs_kv){.scope = TGS_STR("s"), .key = TGS_STR("k")});
    PUT(TGS_RECORD_DEDUP, (tgs_dedup){.key = TGS_STR("k"), .fields = TGS_DEDUP_EXPIRES, .expires = 1});
    PUT(TGS_RECORD_DEDUP, (tgs_dedup){.key = TGS_STR("k")});
    all_stay(false);
}

/* Names take their age from the put that carries them. */
static void a_name_keeps_its_age(void **state) {
    (void)state;
    static const tgs_str name = TGS_STR("bob");
    PUT(TGS_RECORD_PEER, (tgs_peer){.fields = TGS_PEER_USERNAMES, .usernames = &name, .n_usernames = 1});
    PUT(TGS_RECORD_PEER, (tgs_peer){.fields = TGS_PEER_SEEN_AT, .seen_at = 5});
    all_stay(false);
}

/* Put, delete what that hangs on, put again: the second is there. */
static void nothing_moves_across_what_deletes_other_rows(void **state) {
    (void)state;
    tgs_error err;
    tgs_session_data session = {.fields = 0};
    PUT(TGS_RECORD_DC_AUTH, (tgs_dc_auth){.dc = 2});
    assert_int_equal(lower_delete(&list, TGS_RECORD_SESSION, &session, 1, sizeof session, &err), TGS_OK);
    PUT(TGS_RECORD_DC_AUTH, (tgs_dc_auth){.dc = 2});
    PUT(TGS_RECORD_PEER, (tgs_peer){.id = 5});
    PUT(TGS_RECORD_SESSION,
        (tgs_session_data){.fields = TGS_SESSION_USER_ID, .flags = TGS_ROW_REPLACE_ACCOUNT, .user_id = 1});
    PUT(TGS_RECORD_PEER, (tgs_peer){.id = 5});
    all_stay(false);
}

static void a_repeated_dedup_key_is_old(void **state) {
    (void)state;
    PUT(TGS_RECORD_DEDUP, (tgs_dedup){.key = TGS_STR("k")});
    PUT(TGS_RECORD_DEDUP, (tgs_dedup){.key = TGS_STR("k")});
    struct fold fold = folded(1);
    tgs_result results[2] = {{.applied = 1, .notes = TGS_NOTE_NEW}};
    fold_results(&fold, results, 2);
    assert_int_equal(results[0].applied, 1);
    assert_int_equal(results[1].applied, 0);
    fold_free(&fold);
}

static void conditions_and_deletes_keep_their_place(void **state) {
    (void)state;
    tgs_error err;
    tgs_kv row = {.scope = TGS_STR("s"), .key = TGS_STR("k"), .fields = TGS_KV_VALUE};
    put(TGS_RECORD_KV, &row, sizeof row);
    assert_int_equal(lower_delete(&list, TGS_RECORD_KV, &row, 1, sizeof row, &err), TGS_OK);
    put(TGS_RECORD_KV, &row, sizeof row);
    row.flags = TGS_ROW_IF_PRESENT;
    put(TGS_RECORD_KV, &row, sizeof row);
    struct fold fold = folded(4);
    assert_int_equal(fold.ops[1].tag, TGS_OP_DELETE);
    assert_int_equal(fold.ops[3].flags, TGS_OP_IF_PRESENT);
    fold_free(&fold);
}

static void the_later_expiry_counts(void **state) {
    (void)state;
    PUT(TGS_RECORD_KV,
        (tgs_kv){.scope = TGS_STR("s"), .key = TGS_STR("k"), .fields = TGS_KV_TTL, .ttl_ms = 5});
    PUT(TGS_RECORD_KV,
        (tgs_kv){.scope = TGS_STR("s"), .key = TGS_STR("k"), .fields = TGS_KV_EXPIRES, .expires = 99});
    struct fold fold = folded(1);
    assert_int_equal(fold.ops[0].set, TGS_KV_EXPIRES);
    assert_int_equal(((const tgs_kv *)fold.ops[0].row)->expires, 99);
    fold_free(&fold);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(each_field_goes_to_one_mask),
        TEST(positions_rise_unless_exact),
        TEST(secrets_get_an_envelope),
        TEST(usernames_are_listed_once),
        TEST(defaults_are_filled_in),
        TEST(a_step_is_a_text_or_a_number),
        TEST(a_changed_account_is_guarded),
        TEST(what_is_not_known_is_refused),
        TEST(a_refused_row_takes_the_others_with_it),
        TEST(different_keys_do_not_fold),
        TEST(the_later_put_wins_field_by_field),
        TEST(rises_fold_to_the_highest),
        TEST(a_rise_is_told_of_also_when_the_next_row_sets_or_clears),
        TEST(a_merged_put_is_applied_but_not_new),
        TEST(what_was_cleared_is_not_stamped_again),
        TEST(a_given_expiry_keeps_puts_apart),
        TEST(a_name_keeps_its_age),
        TEST(nothing_moves_across_what_deletes_other_rows),
        TEST(a_repeated_dedup_key_is_old),
        TEST(conditions_and_deletes_keep_their_place),
        TEST(the_later_expiry_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
