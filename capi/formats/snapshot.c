/* SPDX-License-Identifier: Apache-2.0 */
#include "snapshot.h"

#include <stdio.h>
#include <string.h>

#include "allocator.h"
#include "check.h"
#include "dc.h"
#include "error.h"
#include "rows.h"
#include "text.h"

#define NOTE_SIZE 256

static const int32_t snapshot_records[] = {TGS_RECORD_SESSION, TGS_RECORD_DC_AUTH, TGS_RECORD_PEER,
                                           TGS_RECORD_UPDATE_STATE, TGS_RECORD_KV};

tgs_status snapshot_new(const char *format, tgs_snapshot **out, tgs_error *err) {
    tgs_snapshot *snapshot = mem_zeroed(1, sizeof *snapshot);
    if (!snapshot) return error_nomem(err);
    snapshot->arena.secret = true;
    snapshot->format = format;
    for (size_t i = 0; i < sizeof snapshot_records / sizeof *snapshot_records; i++) {
        int32_t record = snapshot_records[i];
        snapshot->rows[record] = rows_new(record, 0);
        if (snapshot->rows[record]) continue;
        tgs_snapshot_free(snapshot);
        return error_nomem(err);
    }
    *out = snapshot;
    return TGS_OK;
}

TGS_API void tgs_snapshot_free(tgs_snapshot *snapshot) {
    if (!snapshot) return;
    for (int32_t record = 0; record <= TGS_RECORD_KV; record++) tgs_rows_free(snapshot->rows[record]);
    arena_free(&snapshot->arena);
    mem_free(snapshot->notes);
    mem_free(snapshot);
}

tgs_status snapshot_add(tgs_snapshot *snapshot, int32_t record, const void *row, tgs_error *err) {
    struct input input;
    union stored_row checked;
    tgs_rows *rows = snapshot->rows[record];
    tgs_status status = check_input(&input, record, row, 1, record_get(record)->row_size, 1, err);
    if (status == TGS_OK) status = check_row(&input, 0, record_get(record)->row_flags, &checked, err);
    if (status == TGS_OK) status = rows_append(rows, row, err);
    return status;
}

tgs_status snapshot_add_or_skip(tgs_snapshot *snapshot, int32_t record, const void *row, tgs_error *err) {
    tgs_status status = snapshot_add(snapshot, record, row, err);
    if (status != TGS_E_INVALID && status != TGS_E_TOO_LARGE) return status;
    snapshot->skipped_rows++;
    error_clear(err);
    return TGS_OK;
}

tgs_status snapshot_keep(tgs_snapshot *snapshot, const char *scope, const char *key, const char *value,
                         tgs_error *err) {
    tgs_kv kv = {.fields = TGS_KV_VALUE,
                 .scope = {scope, strlen(scope)},
                 .key = {key, strlen(key)},
                 .value = {(const uint8_t *)value, strlen(value)}};
    return snapshot_add_or_skip(snapshot, TGS_RECORD_KV, &kv, err);
}

static bool reserve_note(tgs_snapshot *snapshot) {
    if (snapshot->n_notes < snapshot->notes_capacity) return true;
    size_t capacity = snapshot->notes_capacity ? snapshot->notes_capacity * 2 : 8;
    const char **notes = mem_resize(snapshot->notes, capacity * sizeof *notes);
    if (!notes) return false;
    snapshot->notes = notes;
    snapshot->notes_capacity = capacity;
    return true;
}

tgs_status snapshot_note(tgs_snapshot *snapshot, tgs_error *err, const char *format, ...) {
    char text[NOTE_SIZE];
    tgs_str copy;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (!reserve_note(snapshot) || !arena_text(&snapshot->arena, (tgs_str){text, strlen(text)}, &copy))
        return error_nomem(err);
    snapshot->notes[snapshot->n_notes++] = copy.ptr;
    return TGS_OK;
}

tgs_status snapshot_repair(tgs_snapshot *snapshot, tgs_str text, tgs_str *repaired, tgs_error *err) {
    static const char replacement[] = "\xef\xbf\xbd";
    const size_t width = sizeof replacement - 1;
    *repaired = text;
    if (!text.ptr || text_valid(text)) return TGS_OK;
    char *copy = text.len < SIZE_MAX / width ? arena_alloc(&snapshot->arena, text.len * width) : NULL;
    if (!copy) return error_nomem(err);
    size_t n = 0;
    for (size_t i = 0; i < text.len;) {
        size_t valid = text_valid_prefix((tgs_str){text.ptr + i, text.len - i});
        memcpy(copy + n, text.ptr + i, valid);
        n += valid;
        i += valid;
        if (i == text.len) break;
        memcpy(copy + n, replacement, width);
        n += width;
        i++;
    }
    snapshot->repaired_texts++;
    *repaired = (tgs_str){copy, n};
    return TGS_OK;
}

static void clear_address(tgs_session_data *session) {
    session->fields &= ~(uint64_t)TGS_SESSION_ADDRESS;
    session->address = (tgs_str){NULL, 0};
}

/* Take the address from the table of data centers, if it has one. */
static void address_from_table(tgs_session_data *session) {
    const char *address =
        dc_address(session->dc, (session->fields & TGS_SESSION_TEST_MODE) && session->test_mode, false);
    if (!(session->fields & TGS_SESSION_DC)) address = NULL;
    clear_address(session);
    if (!address) return;
    session->fields |= TGS_SESSION_ADDRESS;
    session->address = (tgs_str){address, strlen(address)};
}

static tgs_status mend_port(tgs_snapshot *snapshot, tgs_session_data *session, tgs_error *err) {
    bool usable = (session->fields & TGS_SESSION_PORT) && session->port > 0 && session->port <= 65535;
    if (usable || !(session->fields & TGS_SESSION_ADDRESS)) {
        if (!usable) session->fields &= ~(uint64_t)TGS_SESSION_PORT;
        return TGS_OK;
    }
    session->fields |= TGS_SESSION_PORT;
    session->port = DC_PORT;
    return snapshot_note(snapshot, err, "no usable port; took %d", DC_PORT);
}

tgs_status snapshot_mend_address(tgs_snapshot *snapshot, tgs_session_data *session, tgs_error *err) {
    tgs_status status = TGS_OK;
    if ((session->fields & TGS_SESSION_ADDRESS) && !dc_address_sane(session->address)) {
        address_from_table(session);
        bool found = session->fields & TGS_SESSION_ADDRESS;
        status = snapshot_note(snapshot, err,
                               found ? "unusable address; took the data center's well-known one"
                                     : "unusable address left out");
    }
    return status == TGS_OK ? mend_port(snapshot, session, err) : status;
}

void session_deduce_test_mode(tgs_session_data *session) {
    if (!(session->fields & TGS_SESSION_ADDRESS) || (session->fields & TGS_SESSION_TEST_MODE)) return;
    int test_mode = dc_is_test_address(session->address);
    if (test_mode < 0 || !dc_address_sane(session->address)) return;
    session->test_mode = test_mode;
    session->fields |= TGS_SESSION_TEST_MODE;
}

tgs_status snapshot_set_auth_key(tgs_snapshot *snapshot, tgs_session_data *session, tgs_bytes auth_key,
                                 tgs_error *err) {
    if (all_zero(auth_key.ptr, auth_key.len))
        return auth_key.len ? snapshot_note(snapshot, err, "the auth key is all zero, which means none")
                            : TGS_OK;
    if (auth_key.len != AUTH_KEY_BYTES)
        return error_set(err, TGS_E_CORRUPT,
                         "the auth key has %zu bytes instead of 256; restore it from a backup", auth_key.len);
    if (!arena_bytes(&snapshot->arena, auth_key, &session->auth_key)) return error_nomem(err);
    session->fields |= TGS_SESSION_AUTH_KEY;
    return TGS_OK;
}

static tgs_status note_count(tgs_snapshot *snapshot, size_t count, const char *what, tgs_error *err) {
    return count ? snapshot_note(snapshot, err, "%zu %s", count, what) : TGS_OK;
}

tgs_status snapshot_finish(tgs_snapshot *snapshot, const tgs_session_data *session, tgs_error *err) {
    tgs_status status = snapshot_add(snapshot, TGS_RECORD_SESSION, session, err);
    /* The key stays unset, not empty: merging the file into a session must not delete a key. */
    if (status == TGS_OK && !(session->fields & TGS_SESSION_AUTH_KEY))
        status = snapshot_note(snapshot, err, "no auth key: logged out, or never logged in");
    if (status == TGS_OK)
        status =
            note_count(snapshot, snapshot->skipped_rows, "rows left out: wrong types or beyond limits", err);
    if (status == TGS_OK)
        status = note_count(snapshot, snapshot->dropped_values,
                            "values left out: wrong types or beyond limits", err);
    if (status == TGS_OK)
        status = note_count(snapshot, snapshot->repaired_texts,
                            "texts were not UTF-8; U+FFFD stands for what is not", err);
    return status;
}

TGS_API const char *tgs_snapshot_format(const tgs_snapshot *snapshot) {
    return snapshot ? snapshot->format : NULL;
}

TGS_API const char *tgs_snapshot_description(const tgs_snapshot *snapshot) {
    return snapshot ? snapshot->description : NULL;
}

TGS_API size_t tgs_snapshot_note_count(const tgs_snapshot *snapshot) {
    return snapshot ? snapshot->n_notes : 0;
}

TGS_API const char *tgs_snapshot_note(const tgs_snapshot *snapshot, size_t i) {
    return snapshot && i < snapshot->n_notes ? snapshot->notes[i] : NULL;
}

TGS_API const tgs_rows *tgs_snapshot_rows(const tgs_snapshot *snapshot, int32_t record) {
    return snapshot && record >= 0 && record <= TGS_RECORD_KV ? snapshot->rows[record] : NULL;
}
