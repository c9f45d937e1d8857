/* SPDX-License-Identifier: Apache-2.0 */
/* Session strings.  Input: the string, then options for writing it, "key=value", with a NUL between each. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

static const tgs_str formats[] = {
    TGS_STR("telethon"), TGS_STR("pyrogram"), TGS_STR("pyrogram-old-64"), TGS_STR("pyrogram-old-32"),
    TGS_STR("kurigram"), TGS_STR("mtgo"),     TGS_STR("mtgo-2"),          TGS_STR("gramjs"),
};

/* What every format needs, but the auth key. */
static const tgs_option usual[] = {
    {TGS_STR("api_id"), TGS_STR("6")}, {TGS_STR("user_id"), TGS_STR("5")},
    {TGS_STR("is_bot"), TGS_STR("1")}, {TGS_STR("test_mode"), TGS_STR("0")},
    {TGS_STR("dc"), TGS_STR("2")},     {TGS_STR("address"), TGS_STR("149.154.167.51")},
    {TGS_STR("port"), TGS_STR("443")},
};
#define N_USUAL (sizeof usual / sizeof *usual)

static tgs_session_data account(const tgs_snapshot *snapshot) {
    tgs_session_data session;
    REQUIRE(tgs_rows_row(tgs_snapshot_rows(snapshot, TGS_RECORD_SESSION), 0, &session, sizeof session) ==
            TGS_OK);
    return session;
}

static bool same_bytes(const void *a, size_t a_len, const void *b, size_t b_len) {
    return a_len == b_len && (!a_len || memcmp(a, b, a_len) == 0);
}

/* What both know is the same.  Addresses are left out: some formats have only numeric ones, some none. */
static void require_same_account(const tgs_snapshot *before, const tgs_snapshot *after) {
    tgs_session_data a = account(before), b = account(after);
    const uint64_t both = a.fields & b.fields;
    REQUIRE(same_bytes(a.auth_key.ptr, a.auth_key.len, b.auth_key.ptr, b.auth_key.len));
    if (both & TGS_SESSION_DC) REQUIRE(a.dc == b.dc);
    if (both & TGS_SESSION_API_ID) REQUIRE(a.api_id == b.api_id);
    if (both & TGS_SESSION_USER_ID) REQUIRE(a.user_id == b.user_id);
    if (both & TGS_SESSION_IS_BOT) REQUIRE(a.is_bot == b.is_bot);
}

static tgs_text *write_text(const tgs_snapshot *snapshot, tgs_str format, const tgs_option *options,
                            size_t n) {
    tgs_error err;
    tgs_text *text = (tgs_text *)(uintptr_t)&err;
    tgs_status status = tgs_snapshot_to_text(snapshot, format, options, n, &text, &err);
    require_status(status, &err);
    REQUIRE(status == TGS_OK || status == TGS_NOT_FOUND || status == TGS_E_INVALID ||
            status == TGS_E_UNSUPPORTED);
    REQUIRE((status == TGS_OK) == (text != NULL));
    return text;
}

static tgs_snapshot *read_text(tgs_str text) {
    tgs_error err;
    tgs_snapshot *snapshot = (tgs_snapshot *)(uintptr_t)&err;
    tgs_status status = tgs_snapshot_from_text(text, &snapshot, &err);
    require_status(status, &err);
    REQUIRE(status == TGS_OK || status == TGS_E_INVALID || status == TGS_E_UNSUPPORTED ||
            status == TGS_E_CORRUPT || status == TGS_E_TOO_LARGE);
    REQUIRE((status == TGS_OK) == (snapshot != NULL));
    if (snapshot) require_snapshot(snapshot);
    return snapshot;
}

/* What is written reads back the same, and is written the same again. */
static void try_format(const tgs_snapshot *snapshot, tgs_str format, const tgs_option *options, size_t n) {
    tgs_text *text = write_text(snapshot, format, options, n);
    if (!text) return;
    tgs_snapshot *again = read_text(tgs_text_str(text));
    REQUIRE(again);
    require_same_account(snapshot, again);
    tgs_text *rewritten = write_text(again, format, options, n);
    REQUIRE(rewritten);
    tgs_str a = tgs_text_str(text), b = tgs_text_str(rewritten);
    REQUIRE(same_bytes(a.ptr, a.len, b.ptr, b.len) && a.ptr[a.len] == '\0');
    tgs_text_free(rewritten);
    tgs_snapshot_free(again);
    tgs_text_free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct reader in = {data, size};
    tgs_option options[MAX_OPTIONS];
    tgs_str part = take_until(&in, '\0');
    char *text = must_copy(part.ptr, part.len);
    size_t n = take_options(&in, options);
    tgs_snapshot *snapshot = read_text((tgs_str){text ? text : "", part.len});
    for (size_t i = 0; snapshot && i < sizeof formats / sizeof *formats; i++) {
        try_format(snapshot, formats[i], options, n);
        try_format(snapshot, formats[i], usual, N_USUAL);
    }
    tgs_snapshot_free(snapshot);
    free(text);
    return 0;
}
