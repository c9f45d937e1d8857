/* SPDX-License-Identifier: Apache-2.0 */
#include "state.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct row_start {
    uint64_t fields, nulls;
    uint32_t flags;
};

static void add(uint64_t *state, const void *bytes, size_t n) {
    const unsigned char *byte = bytes;
    for (size_t i = 0; i < n; i++) *state = (*state ^ byte[i]) * 1099511628211u;
}

static void add_text(uint64_t *state, const void *ptr, size_t len) {
    add(state, &len, sizeof len);
    if (len) add(state, ptr, len);
}

static void add_member(uint64_t *state, const tgs_field *field, const char *member) {
    const tgs_str *text = (const void *)member; /* tgs_bytes is laid out alike */
    const tgs_str *const *texts = (const void *)member;
    switch (field->type) {
    case TGS_TYPE_I32:
        add(state, member, sizeof(int32_t));
        break;
    case TGS_TYPE_I64:
        add(state, member, sizeof(int64_t));
        break;
    case TGS_TYPE_TEXTS:
        text = *texts;
        for (size_t n = *(const size_t *)(const void *)(texts + 1); n; n--, text++)
            add_text(state, text->ptr, text->len);
        break;
    default:
        add_text(state, text->ptr, text->len);
    }
}

static void add_row(uint64_t *state, int32_t record, const char *row) {
    size_t n;
    const tgs_field *fields = tgs_record_fields(record, &n, NULL);
    uint64_t present = ((const struct row_start *)(const void *)row)->fields;
    if (record == TGS_RECORD_STATS) present &= ~(uint64_t)TGS_STATS_BYTES;
    for (size_t i = 0; i < n; i++) {
        if (fields[i].bit && !(present & fields[i].bit)) continue;
        add(state, &i, sizeof i);
        add_member(state, &fields[i], row + fields[i].offset);
    }
}

static void add_rows(uint64_t *state, const tgs_rows *rows) {
    size_t stride;
    const char *row = tgs_rows_data(rows, &stride);
    for (size_t i = 0; i < tgs_rows_count(rows); i++) add_row(state, tgs_rows_record(rows), row + i * stride);
}

/* All the rows of one kind, page by page; `after` keeps the page before, whose last row is the place. */
static tgs_status add_record(uint64_t *state, tgs_session *session, int32_t record, tgs_error *err) {
    tgs_rows *after = NULL, *page = NULL;
    bool more = true;
    tgs_status status = TGS_OK;
    while (status == TGS_OK && more) {
        size_t stride = 0, n = tgs_rows_count(after);
        const char *last = after ? tgs_rows_data(after, &stride) : NULL;
        if (last) last += (n - 1) * stride;
        status = tgs_list(session, record, last, stride, NULL, TGS_MAX_ROWS, &page, NULL, err);
        if (status == TGS_OK) add_rows(state, page);
        more = status == TGS_OK && tgs_rows_more(page);
        tgs_rows_free(after);
        after = page;
        page = NULL;
    }
    tgs_rows_free(after);
    return status;
}

static tgs_status add_session(uint64_t *state, tgs_store *store, tgs_str name, tgs_error *err) {
    tgs_session *session = NULL;
    tgs_rows *stats = NULL;
    tgs_status status = tgs_session_new(store, name, &session, err);
    for (int32_t record = TGS_RECORD_SESSION; status == TGS_OK && record <= TGS_RECORD_KV; record++)
        status = add_record(state, session, record, err);
    if (status == TGS_OK) status = tgs_stats_get(store, name, &stats, NULL, err);
    if (status == TGS_OK) add_rows(state, stats);
    tgs_rows_free(stats);
    tgs_session_free(session);
    return status;
}

tgs_status state_of(tgs_store *store, uint64_t *state, tgs_error *err) {
    tgs_rows *sessions = NULL;
    *state = 14695981039346656037u;
    tgs_status status = tgs_sessions_list(store, (tgs_str){NULL, 0}, TGS_MAX_ROWS, &sessions, NULL, err);
    if (status == TGS_OK) add_rows(state, sessions);
    for (size_t i = 0; status == TGS_OK && i < tgs_rows_count(sessions); i++) {
        tgs_session_info info;
        tgs_rows_row(sessions, i, &info, sizeof info);
        status = add_session(state, store, info.name, err);
    }
    tgs_rows_free(sessions);
    return status;
}

static int take_first(void *text, int n_columns, char **values, char **names) {
    (void)n_columns, (void)names;
    if (!*(char *)text) snprintf(text, 200, "%s", values[0] ? values[0] : "nothing");
    return 0;
}

const char *integrity_of(const char *database) {
    static char result[200];
    sqlite3 *db;
    *result = '\0';
    if (sqlite3_open_v2(database, &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK ||
        sqlite3_exec(db, "PRAGMA integrity_check", take_first, result, NULL) != SQLITE_OK)
        snprintf(result, sizeof result, "can't be checked: %s", sqlite3_errmsg(db));
    sqlite3_close(db);
    return result;
}
