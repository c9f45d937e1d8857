/* SPDX-License-Identifier: Apache-2.0 */
#include "records.h"

#include <assert.h>

static const char *const session_statuses[] = {"unknown", "active", "logged_out", "duplicated",
                                               "revoked", "banned", NULL};
static const char *const dc_auth_slots[] = {"permanent", "temporary", NULL};
static const char *const peer_kinds[] = {"user", "chat", "channel", NULL};
static const char *const peer_subtypes[] = {"none",      "bot",   "group",  "broadcast", "supergroup",
                                            "gigagroup", "forum", "direct", "community", NULL};
static const char *const queue_states[] = {"ready", "leased", "done", "dead", NULL};
static const char *const lease_modes[] = {"none", "shared", "exclusive", NULL};

/* clang-format off */
static const tgs_field session_fields[] = {
    {"dc", TGS_TYPE_I32, 0, TGS_SESSION_DC, offsetof(tgs_session_data, dc), NULL, {0}},
    {"test_mode", TGS_TYPE_I32, TGS_FIELD_BOOLEAN, TGS_SESSION_TEST_MODE, offsetof(tgs_session_data, test_mode), NULL, {0}},
    {"is_bot", TGS_TYPE_I32, TGS_FIELD_BOOLEAN, TGS_SESSION_IS_BOT, offsetof(tgs_session_data, is_bot), NULL, {0}},
    {"port", TGS_TYPE_I32, FIELD_PORT, TGS_SESSION_PORT, offsetof(tgs_session_data, port), NULL, {0}},
    {"status", TGS_TYPE_I32, 0, TGS_SESSION_STATUS, offsetof(tgs_session_data, status), session_statuses, {0}},
    {"api_id", TGS_TYPE_I64, FIELD_NOT_NEGATIVE, TGS_SESSION_API_ID, offsetof(tgs_session_data, api_id), NULL, {0}},
    {"user_id", TGS_TYPE_I64, 0, TGS_SESSION_USER_ID, offsetof(tgs_session_data, user_id), NULL, {0}},
    {"date", TGS_TYPE_I64, 0, TGS_SESSION_DATE, offsetof(tgs_session_data, date), NULL, {0}},
    {"auth_key", TGS_TYPE_BYTES, TGS_FIELD_SECRET | FIELD_AUTH_KEY, TGS_SESSION_AUTH_KEY, offsetof(tgs_session_data, auth_key), NULL, {0}},
    {"state", TGS_TYPE_BYTES, 0, TGS_SESSION_STATE, offsetof(tgs_session_data, state), NULL, {0}},
    {"api_hash", TGS_TYPE_TEXT, TGS_FIELD_SECRET, TGS_SESSION_API_HASH, offsetof(tgs_session_data, api_hash), NULL, {0}},
    {"first_name", TGS_TYPE_TEXT, 0, TGS_SESSION_FIRST_NAME, offsetof(tgs_session_data, first_name), NULL, {0}},
    {"last_name", TGS_TYPE_TEXT, 0, TGS_SESSION_LAST_NAME, offsetof(tgs_session_data, last_name), NULL, {0}},
    {"username", TGS_TYPE_TEXT, FIELD_KEY_TEXT, TGS_SESSION_USERNAME, offsetof(tgs_session_data, username), NULL, {0}},
    {"phone", TGS_TYPE_TEXT, FIELD_KEY_TEXT | FIELD_PHONE, TGS_SESSION_PHONE, offsetof(tgs_session_data, phone), NULL, {0}},
    {"address", TGS_TYPE_TEXT, 0, TGS_SESSION_ADDRESS, offsetof(tgs_session_data, address), NULL, {0}},
};

static const tgs_field dc_auth_fields[] = {
    {"dc", TGS_TYPE_I32, TGS_FIELD_KEY, 0, offsetof(tgs_dc_auth, dc), NULL, {0}},
    {"slot", TGS_TYPE_I32, TGS_FIELD_KEY, 0, offsetof(tgs_dc_auth, slot), dc_auth_slots, {0}},
    {"port", TGS_TYPE_I32, FIELD_PORT, TGS_DC_AUTH_PORT, offsetof(tgs_dc_auth, port), NULL, {0}},
    {"salt", TGS_TYPE_I64, 0, TGS_DC_AUTH_SALT, offsetof(tgs_dc_auth, salt), NULL, {0}},
    {"expires", TGS_TYPE_I64, TGS_FIELD_TIME | FIELD_NOT_NEGATIVE, TGS_DC_AUTH_EXPIRES, offsetof(tgs_dc_auth, expires), NULL, {0}},
    {"ttl_ms", TGS_TYPE_I64, TGS_FIELD_WRITE_ONLY | FIELD_DURATION, TGS_DC_AUTH_TTL, offsetof(tgs_dc_auth, ttl_ms), NULL, {0}},
    {"auth_key", TGS_TYPE_BYTES, TGS_FIELD_SECRET | FIELD_AUTH_KEY, TGS_DC_AUTH_AUTH_KEY, offsetof(tgs_dc_auth, auth_key), NULL, {0}},
    {"address", TGS_TYPE_TEXT, 0, TGS_DC_AUTH_ADDRESS, offsetof(tgs_dc_auth, address), NULL, {0}},
};

static const tgs_field peer_fields[] = {
    {"kind", TGS_TYPE_I32, TGS_FIELD_KEY, 0, offsetof(tgs_peer, kind), peer_kinds, {0}},
    {"id", TGS_TYPE_I64, TGS_FIELD_KEY, 0, offsetof(tgs_peer, id), NULL, {0}},
    {"access_hash", TGS_TYPE_I64, FIELD_KEEP_ZERO, TGS_PEER_ACCESS_HASH, offsetof(tgs_peer, access_hash), NULL, {0}},
    {"min_access_hash", TGS_TYPE_I64, 0, TGS_PEER_MIN_ACCESS_HASH, offsetof(tgs_peer, min_access_hash), NULL, {0}},
    {"photo_id", TGS_TYPE_I64, 0, TGS_PEER_PHOTO_ID, offsetof(tgs_peer, photo_id), NULL, {0}},
    {"seen_at", TGS_TYPE_I64, TGS_FIELD_TIME | FIELD_STAMP, TGS_PEER_SEEN_AT, offsetof(tgs_peer, seen_at), NULL, {0}},
    {"subtype", TGS_TYPE_I32, 0, TGS_PEER_SUBTYPE, offsetof(tgs_peer, subtype), peer_subtypes, {0}},
    {"usernames", TGS_TYPE_TEXTS, FIELD_KEY_TEXT, TGS_PEER_USERNAMES, offsetof(tgs_peer, usernames), NULL, {0}},
    {"phone", TGS_TYPE_TEXT, FIELD_KEY_TEXT | FIELD_PHONE, TGS_PEER_PHONE, offsetof(tgs_peer, phone), NULL, {0}},
    {"first_name", TGS_TYPE_TEXT, 0, TGS_PEER_FIRST_NAME, offsetof(tgs_peer, first_name), NULL, {0}},
    {"last_name", TGS_TYPE_TEXT, 0, TGS_PEER_LAST_NAME, offsetof(tgs_peer, last_name), NULL, {0}},
    {"language", TGS_TYPE_TEXT, 0, TGS_PEER_LANGUAGE, offsetof(tgs_peer, language), NULL, {0}},
};

static const tgs_field update_state_fields[] = {
    {"channel_id", TGS_TYPE_I64, TGS_FIELD_KEY, 0, offsetof(tgs_update_state, channel_id), NULL, {0}},
    {"pts", TGS_TYPE_I64, FIELD_RAISE, TGS_UPDATE_STATE_PTS, offsetof(tgs_update_state, pts), NULL, {0}},
    {"qts", TGS_TYPE_I64, FIELD_RAISE, TGS_UPDATE_STATE_QTS, offsetof(tgs_update_state, qts), NULL, {0}},
    {"date", TGS_TYPE_I64, FIELD_RAISE, TGS_UPDATE_STATE_DATE, offsetof(tgs_update_state, date), NULL, {0}},
    {"seq", TGS_TYPE_I64, FIELD_RAISE, TGS_UPDATE_STATE_SEQ, offsetof(tgs_update_state, seq), NULL, {0}},
    {"access_hash", TGS_TYPE_I64, FIELD_KEEP_ZERO, TGS_UPDATE_STATE_ACCESS_HASH, offsetof(tgs_update_state, access_hash), NULL, {0}},
};

static const tgs_field dedup_fields[] = {
    {"key", TGS_TYPE_TEXT, TGS_FIELD_KEY | FIELD_KEY_TEXT, 0, offsetof(tgs_dedup, key), NULL, {0}},
    {"created", TGS_TYPE_I64, TGS_FIELD_TIME | FIELD_STAMP_NEW | FIELD_NOT_NEGATIVE, TGS_DEDUP_CREATED, offsetof(tgs_dedup, created), NULL, {0}},
    {"expires", TGS_TYPE_I64, TGS_FIELD_TIME | FIELD_NOT_NEGATIVE, TGS_DEDUP_EXPIRES, offsetof(tgs_dedup, expires), NULL, {0}},
    {"ttl_ms", TGS_TYPE_I64, TGS_FIELD_WRITE_ONLY | FIELD_DURATION, TGS_DEDUP_TTL, offsetof(tgs_dedup, ttl_ms), NULL, {0}},
};

static const tgs_field queue_item_fields[] = {
    {"state", TGS_TYPE_I32, 0, TGS_QUEUE_ITEM_STATE, offsetof(tgs_queue_item, state), queue_states, {0}},
    {"id", TGS_TYPE_TEXT, TGS_FIELD_KEY | FIELD_KEY_TEXT, 0, offsetof(tgs_queue_item, id), NULL, {0}},
    {"lane", TGS_TYPE_TEXT, FIELD_KEY_TEXT, TGS_QUEUE_ITEM_LANE, offsetof(tgs_queue_item, lane), NULL, {0}},
    {"payload", TGS_TYPE_BYTES, 0, TGS_QUEUE_ITEM_PAYLOAD, offsetof(tgs_queue_item, payload), NULL, {0}},
    {"last_error", TGS_TYPE_TEXT, 0, TGS_QUEUE_ITEM_LAST_ERROR, offsetof(tgs_queue_item, last_error), NULL, {0}},
    {"lease_owner", TGS_TYPE_TEXT, TGS_FIELD_READ_ONLY, TGS_QUEUE_ITEM_LEASE_OWNER, offsetof(tgs_queue_item, lease_owner), NULL, {0}},
    {"attempts", TGS_TYPE_I64, FIELD_NOT_NEGATIVE, TGS_QUEUE_ITEM_ATTEMPTS, offsetof(tgs_queue_item, attempts), NULL, {0}},
    {"max_attempts", TGS_TYPE_I64, FIELD_NOT_NEGATIVE, TGS_QUEUE_ITEM_MAX_ATTEMPTS, offsetof(tgs_queue_item, max_attempts), NULL, {0}},
    {"created", TGS_TYPE_I64, TGS_FIELD_TIME | FIELD_STAMP_NEW | FIELD_NOT_NEGATIVE, TGS_QUEUE_ITEM_CREATED, offsetof(tgs_queue_item, created), NULL, {0}},
    {"updated", TGS_TYPE_I64, TGS_FIELD_READ_ONLY | TGS_FIELD_TIME | FIELD_STAMP | FIELD_NOT_NEGATIVE, TGS_QUEUE_ITEM_UPDATED, offsetof(tgs_queue_item, updated), NULL, {0}},
    {"due", TGS_TYPE_I64, TGS_FIELD_TIME | FIELD_NOT_NEGATIVE, TGS_QUEUE_ITEM_DUE, offsetof(tgs_queue_item, due), NULL, {0}},
    {"delay_ms", TGS_TYPE_I64, TGS_FIELD_WRITE_ONLY | FIELD_DURATION, TGS_QUEUE_ITEM_DELAY, offsetof(tgs_queue_item, delay_ms), NULL, {0}},
    {"sequence", TGS_TYPE_I64, TGS_FIELD_READ_ONLY, TGS_QUEUE_ITEM_SEQUENCE, offsetof(tgs_queue_item, sequence), NULL, {0}},
    {"lease_expires", TGS_TYPE_I64, TGS_FIELD_READ_ONLY | TGS_FIELD_TIME | FIELD_NOT_NEGATIVE, TGS_QUEUE_ITEM_LEASE_EXPIRES, offsetof(tgs_queue_item, lease_expires), NULL, {0}},
    {"token", TGS_TYPE_I64, TGS_FIELD_READ_ONLY, TGS_QUEUE_ITEM_TOKEN, offsetof(tgs_queue_item, token), NULL, {0}},
    {"expires", TGS_TYPE_I64, TGS_FIELD_READ_ONLY | TGS_FIELD_TIME | FIELD_NOT_NEGATIVE, TGS_QUEUE_ITEM_EXPIRES, offsetof(tgs_queue_item, expires), NULL, {0}},
};

static const tgs_field conversation_fields[] = {
    {"chat_id", TGS_TYPE_I64, TGS_FIELD_KEY, 0, offsetof(tgs_conversation, chat_id), NULL, {0}},
    {"user_id", TGS_TYPE_I64, TGS_FIELD_KEY, 0, offsetof(tgs_conversation, user_id), NULL, {0}},
    {"thread_id", TGS_TYPE_I64, TGS_FIELD_KEY, 0, offsetof(tgs_conversation, thread_id), NULL, {0}},
    {"business_connection", TGS_TYPE_TEXT, TGS_FIELD_KEY | FIELD_KEY_TEXT, 0, offsetof(tgs_conversation, business_connection), NULL, {0}},
    {"name_space", TGS_TYPE_TEXT, TGS_FIELD_KEY | FIELD_KEY_TEXT, 0, offsetof(tgs_conversation, name_space), NULL, {0}},
    {"name", TGS_TYPE_TEXT, 0, TGS_CONVERSATION_NAME, offsetof(tgs_conversation, name), NULL, {0}},
    {"step", TGS_TYPE_TEXT, 0, TGS_CONVERSATION_STEP, offsetof(tgs_conversation, step), NULL, {0}},
    {"step_number", TGS_TYPE_I64, 0, TGS_CONVERSATION_STEP_NUMBER, offsetof(tgs_conversation, step_number), NULL, {0}},
    {"data", TGS_TYPE_BYTES, 0, TGS_CONVERSATION_DATA, offsetof(tgs_conversation, data), NULL, {0}},
    {"created", TGS_TYPE_I64, TGS_FIELD_TIME | FIELD_STAMP_NEW | FIELD_NOT_NEGATIVE, TGS_CONVERSATION_CREATED, offsetof(tgs_conversation, created), NULL, {0}},
    {"updated", TGS_TYPE_I64, TGS_FIELD_TIME | FIELD_STAMP | FIELD_NOT_NEGATIVE, TGS_CONVERSATION_UPDATED, offsetof(tgs_conversation, updated), NULL, {0}},
    {"version", TGS_TYPE_I64, TGS_FIELD_READ_ONLY, TGS_CONVERSATION_VERSION, offsetof(tgs_conversation, version), NULL, {0}},
    {"expires", TGS_TYPE_I64, TGS_FIELD_TIME | FIELD_NOT_NEGATIVE, TGS_CONVERSATION_EXPIRES, offsetof(tgs_conversation, expires), NULL, {0}},
    {"ttl_ms", TGS_TYPE_I64, TGS_FIELD_WRITE_ONLY | FIELD_DURATION, TGS_CONVERSATION_TTL, offsetof(tgs_conversation, ttl_ms), NULL, {0}},
};

static const tgs_field kv_fields[] = {
    {"scope", TGS_TYPE_TEXT, TGS_FIELD_KEY | FIELD_KEY_TEXT, 0, offsetof(tgs_kv, scope), NULL, {0}},
    {"key", TGS_TYPE_TEXT, TGS_FIELD_KEY | FIELD_KEY_TEXT, 0, offsetof(tgs_kv, key), NULL, {0}},
    {"value", TGS_TYPE_BYTES, 0, TGS_KV_VALUE, offsetof(tgs_kv, value), NULL, {0}},
    {"expires", TGS_TYPE_I64, TGS_FIELD_TIME | FIELD_NOT_NEGATIVE, TGS_KV_EXPIRES, offsetof(tgs_kv, expires), NULL, {0}},
    {"ttl_ms", TGS_TYPE_I64, TGS_FIELD_WRITE_ONLY | FIELD_DURATION, TGS_KV_TTL, offsetof(tgs_kv, ttl_ms), NULL, {0}},
};

static const tgs_field session_info_fields[] = {
    {"purging", TGS_TYPE_I32, TGS_FIELD_READ_ONLY | TGS_FIELD_BOOLEAN, TGS_SESSION_INFO_PURGING, offsetof(tgs_session_info, purging), NULL, {0}},
    {"name", TGS_TYPE_TEXT, TGS_FIELD_KEY | FIELD_KEY_TEXT, 0, offsetof(tgs_session_info, name), NULL, {0}},
    {"created", TGS_TYPE_I64, TGS_FIELD_READ_ONLY | TGS_FIELD_TIME | FIELD_NOT_NEGATIVE, TGS_SESSION_INFO_CREATED, offsetof(tgs_session_info, created), NULL, {0}},
    {"lease_mode", TGS_TYPE_I32, TGS_FIELD_READ_ONLY, TGS_SESSION_INFO_LEASE_MODE, offsetof(tgs_session_info, lease_mode), lease_modes, {0}},
    {"lease_holders", TGS_TYPE_I32, TGS_FIELD_READ_ONLY, TGS_SESSION_INFO_LEASE_HOLDERS, offsetof(tgs_session_info, lease_holders), NULL, {0}},
    {"lease_owner", TGS_TYPE_TEXT, TGS_FIELD_READ_ONLY, TGS_SESSION_INFO_LEASE_OWNER, offsetof(tgs_session_info, lease_owner), NULL, {0}},
    {"lease_host", TGS_TYPE_TEXT, TGS_FIELD_READ_ONLY, TGS_SESSION_INFO_LEASE_HOST, offsetof(tgs_session_info, lease_host), NULL, {0}},
    {"lease_pid", TGS_TYPE_I64, TGS_FIELD_READ_ONLY, TGS_SESSION_INFO_LEASE_PID, offsetof(tgs_session_info, lease_pid), NULL, {0}},
    {"lease_since", TGS_TYPE_I64, TGS_FIELD_READ_ONLY | TGS_FIELD_TIME | FIELD_NOT_NEGATIVE, TGS_SESSION_INFO_LEASE_SINCE, offsetof(tgs_session_info, lease_since), NULL, {0}},
    {"lease_expires", TGS_TYPE_I64, TGS_FIELD_READ_ONLY | TGS_FIELD_TIME | FIELD_NOT_NEGATIVE, TGS_SESSION_INFO_LEASE_EXPIRES, offsetof(tgs_session_info, lease_expires), NULL, {0}},
    {"lease_token", TGS_TYPE_I64, TGS_FIELD_READ_ONLY, TGS_SESSION_INFO_LEASE_TOKEN, offsetof(tgs_session_info, lease_token), NULL, {0}},
};

static const tgs_field stats_fields[] = {
    {"sessions", TGS_TYPE_I64, TGS_FIELD_READ_ONLY, 0x1u, offsetof(tgs_stats, sessions), NULL, {0}},
    {"session_data", TGS_TYPE_I64, TGS_FIELD_READ_ONLY, 0x2u, offsetof(tgs_stats, session_data), NULL, {0}},
    {"dc_auths", TGS_TYPE_I64, TGS_FIELD_READ_ONLY, 0x4u, offsetof(tgs_stats, dc_auths), NULL, {0}},
    {"peers", TGS_TYPE_I64, TGS_FIELD_READ_ONLY, 0x8u, offsetof(tgs_stats, peers), NULL, {0}},
    {"usernames", TGS_TYPE_I64, TGS_FIELD_READ_ONLY, 0x10u, offsetof(tgs_stats, usernames), NULL, {0}},
    {"phones", TGS_TYPE_I64, TGS_FIELD_READ_ONLY, 0x20u, offsetof(tgs_stats, phones), NULL, {0}},
    {"update_states", TGS_TYPE_I64, TGS_FIELD_READ_ONLY, 0x40u, offsetof(tgs_stats, update_states), NULL, {0}},
    {"dedup_keys", TGS_TYPE_I64, TGS_FIELD_READ_ONLY, 0x80u, offsetof(tgs_stats, dedup_keys), NULL, {0}},
    {"queue_ready", TGS_TYPE_I64, TGS_FIELD_READ_ONLY, 0x100u, offsetof(tgs_stats, queue_ready), NULL, {0}},
    {"queue_leased", TGS_TYPE_I64, TGS_FIELD_READ_ONLY, 0x200u, offsetof(tgs_stats, queue_leased), NULL, {0}},
    {"queue_done", TGS_TYPE_I64, TGS_FIELD_READ_ONLY, 0x400u, offsetof(tgs_stats, queue_done), NULL, {0}},
    {"queue_dead", TGS_TYPE_I64, TGS_FIELD_READ_ONLY, 0x800u, offsetof(tgs_stats, queue_dead), NULL, {0}},
    {"conversations", TGS_TYPE_I64, TGS_FIELD_READ_ONLY, 0x1000u, offsetof(tgs_stats, conversations), NULL, {0}},
    {"kvs", TGS_TYPE_I64, TGS_FIELD_READ_ONLY, 0x2000u, offsetof(tgs_stats, kvs), NULL, {0}},
    {"expired", TGS_TYPE_I64, TGS_FIELD_READ_ONLY, 0x4000u, offsetof(tgs_stats, expired), NULL, {0}},
    {"bytes", TGS_TYPE_I64, TGS_FIELD_READ_ONLY, 0x8000u, offsetof(tgs_stats, bytes), NULL, {0}},
};

#define FIELDS(name) .fields = name##_fields, .n_fields = sizeof name##_fields / sizeof(tgs_field)
#define ROW(type) .row_size = sizeof(type), .first_size = sizeof(type), .reserved_offset = offsetof(type, reserved)
#define CONDITIONS (TGS_ROW_FOUND | TGS_ROW_IF_PRESENT | TGS_ROW_IF_ABSENT | TGS_ROW_REQUIRE)

static struct record records[RECORD_COUNT] = {
    [TGS_RECORD_SESSION] = {.name = "session", ROW(tgs_session_data), FIELDS(session),
        .known_bits = 0xffffu, .read_only_bits = 0,
        .row_flags = CONDITIONS | TGS_ROW_REPLACE_ACCOUNT, .ttl_bit = 0, .expires_bit = 0, .reserved0_offset = 0, .auth = true, .secret = true},
    [TGS_RECORD_DC_AUTH] = {.name = "dc_auth", ROW(tgs_dc_auth), FIELDS(dc_auth),
        .known_bits = 0x3fu, .read_only_bits = 0,
        .row_flags = CONDITIONS, .ttl_bit = TGS_DC_AUTH_TTL, .expires_bit = TGS_DC_AUTH_EXPIRES, .reserved0_offset = 0, .auth = true, .secret = true},
    [TGS_RECORD_PEER] = {.name = "peer", ROW(tgs_peer), FIELDS(peer),
        .known_bits = 0x3ffu, .read_only_bits = 0,
        .row_flags = CONDITIONS, .ttl_bit = 0, .expires_bit = 0, .reserved0_offset = offsetof(tgs_peer, reserved0)},
    [TGS_RECORD_UPDATE_STATE] = {.name = "update_state", ROW(tgs_update_state), FIELDS(update_state),
        .known_bits = 0x1fu, .read_only_bits = 0,
        .row_flags = CONDITIONS | TGS_ROW_EXACT, .ttl_bit = 0, .expires_bit = 0, .reserved0_offset = offsetof(tgs_update_state, reserved0)},
    [TGS_RECORD_DEDUP] = {.name = "dedup", ROW(tgs_dedup), FIELDS(dedup),
        .known_bits = 0x7u, .read_only_bits = 0,
        .row_flags = TGS_ROW_FOUND | TGS_ROW_IF_ABSENT | TGS_ROW_REQUIRE, .ttl_bit = TGS_DEDUP_TTL, .expires_bit = TGS_DEDUP_EXPIRES, .reserved0_offset = offsetof(tgs_dedup, reserved0), .insert_only = true},
    [TGS_RECORD_QUEUE_ITEM] = {.name = "queue_item", ROW(tgs_queue_item), FIELDS(queue_item),
        .known_bits = 0x7fffu, .read_only_bits = TGS_QUEUE_ITEM_LEASE_OWNER | TGS_QUEUE_ITEM_UPDATED | TGS_QUEUE_ITEM_SEQUENCE | TGS_QUEUE_ITEM_LEASE_EXPIRES | TGS_QUEUE_ITEM_TOKEN | TGS_QUEUE_ITEM_EXPIRES,
        .row_flags = TGS_ROW_FOUND | TGS_ROW_IF_ABSENT | TGS_ROW_REQUIRE, .ttl_bit = 0, .expires_bit = 0, .reserved0_offset = 0, .insert_only = true},
    [TGS_RECORD_CONVERSATION] = {.name = "conversation", ROW(tgs_conversation), FIELDS(conversation),
        .known_bits = 0x1ffu, .read_only_bits = TGS_CONVERSATION_VERSION,
        .row_flags = CONDITIONS | TGS_ROW_IF_VERSION, .ttl_bit = TGS_CONVERSATION_TTL, .expires_bit = TGS_CONVERSATION_EXPIRES, .reserved0_offset = offsetof(tgs_conversation, reserved0)},
    [TGS_RECORD_KV] = {.name = "kv", ROW(tgs_kv), FIELDS(kv),
        .known_bits = 0x7u, .read_only_bits = 0,
        .row_flags = CONDITIONS, .ttl_bit = TGS_KV_TTL, .expires_bit = TGS_KV_EXPIRES, .reserved0_offset = offsetof(tgs_kv, reserved0), .secret = true},
    [TGS_RECORD_SESSION_INFO] = {.name = "session_info", ROW(tgs_session_info), FIELDS(session_info),
        .known_bits = 0x3ffu, .read_only_bits = 0,
        .row_flags = 0, .ttl_bit = 0, .expires_bit = 0, .reserved0_offset = 0},
    [TGS_RECORD_STATS] = {.name = "stats", ROW(tgs_stats), FIELDS(stats),
        .known_bits = TGS_STATS_ALL_COUNTS | TGS_STATS_BYTES, .read_only_bits = 0,
        .row_flags = 0, .ttl_bit = 0, .expires_bit = 0, .reserved0_offset = offsetof(tgs_stats, reserved0)},
};
/* clang-format on */

static void derive_field(struct record *record, const tgs_field *field) {
    const uint32_t limits = TGS_FIELD_BOOLEAN | FIELD_PORT | FIELD_DURATION | FIELD_NOT_NEGATIVE;
    bool text = field->type >= TGS_TYPE_TEXT;
    assert(record->n_texts < MAX_TEXTS && record->n_keys < MAX_KEYS && field->bit < UINT64_C(1) << MAX_BITS);
    const bool checked = text || field->choices || (field->flags & limits);
    if (text) record->texts[record->n_texts++] = field;
    if (!field->bit) {
        record->keys[record->n_keys++] = field;
        return;
    }
    record->by_bit[__builtin_ctzll(field->bit)] = field;
    bool list = field->type == TGS_TYPE_TEXTS,
         made = list || (field->flags & (TGS_FIELD_SECRET | FIELD_PHONE));
    if (field->type == TGS_TYPE_TEXT)
        record->text_bits |= field->bit;
    else if (checked)
        record->checked_bits |= field->bit;
    if (text && !list) record->pointer_bits |= field->bit;
    if (text && made) record->made_bits |= field->bit;
    if (text && !made) record->plain_bits |= field->bit;
    if (field->flags & FIELD_STAMP) record->stamp_bits |= field->bit;
    if (field->flags & FIELD_STAMP_NEW) record->stamp_new_bits |= field->bit;
    if (field->flags & FIELD_RAISE) record->raise_bits |= field->bit;
    if (field->flags & FIELD_KEEP_ZERO) record->keep_zero_bits |= field->bit;
}

/* Before anybody can call the library, constructors of a program it is linked into included, so that the
 * tables need no lock. */
__attribute__((constructor(101))) static void derive_all(void) {
    for (int32_t number = TGS_RECORD_SESSION; number < RECORD_COUNT; number++)
        for (size_t i = 0; i < records[number].n_fields; i++)
            derive_field(&records[number], &records[number].fields[i]);
}

const struct record *record_get(int32_t record) {
    if (record < TGS_RECORD_SESSION || record >= RECORD_COUNT) return NULL;
    return &records[record];
}

const struct record *record_stored(int32_t record) {
    return record <= TGS_RECORD_KV ? record_get(record) : NULL;
}

size_t field_size(const tgs_field *field) {
    static const size_t sizes[] = {[TGS_TYPE_I32] = sizeof(int32_t),
                                   [TGS_TYPE_I64] = sizeof(int64_t),
                                   [TGS_TYPE_TEXT] = sizeof(tgs_str),
                                   [TGS_TYPE_BYTES] = sizeof(tgs_bytes),
                                   [TGS_TYPE_TEXTS] = sizeof(struct texts)};
    return sizes[field->type];
}

TGS_API const char *tgs_record_name(int32_t record) {
    const struct record *r = record_get(record);
    return r ? r->name : NULL;
}

TGS_API const tgs_field *tgs_record_fields(int32_t record, size_t *n, size_t *row_size) {
    const struct record *r = record_get(record);
    if (n) *n = r ? r->n_fields : 0;
    if (row_size) *row_size = r ? r->row_size : 0;
    return r ? r->fields : NULL;
}
