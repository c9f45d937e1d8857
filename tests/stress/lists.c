/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that are always there among others that come and go; and rows that are written together. */
#include "stress.h"

#define SESSION "lists"
#define ALWAYS 400 /* rows with even numbers; the odd ones between them come and go */
#define TOGETHER 20

static int64_t zero;

static void put_kvs(struct worker *w, const char *scope, size_t n, uint64_t step, const int64_t *value,
                    const tgs_call *call) {
    static const int64_t no_value;
    tgs_error err;
    struct name keys[ALWAYS];
    tgs_kv rows[ALWAYS];
    for (size_t i = 0; i < n; i++) {
        keys[i] = name_of(i * step);
        rows[i] = kv_row(scope, &keys[i], value ? value : &no_value);
    }
    tgs_session *session = open_session(w->store, SESSION);
    expect(w, "put", tgs_put(session, TGS_RECORD_KV, rows, n, sizeof *rows, NULL, call, &err), &err, 0);
    tgs_session_free(session);
}

static void put_peers(struct worker *w) {
    tgs_error err;
    tgs_peer rows[ALWAYS];
    for (int64_t i = 0; i < ALWAYS; i++)
        rows[i] = (tgs_peer){.fields = TGS_PEER_ACCESS_HASH, .id = 2 * i, .access_hash = 1};
    tgs_session *session = open_session(w->store, SESSION);
    expect(w, "put", tgs_put(session, TGS_RECORD_PEER, rows, ALWAYS, sizeof *rows, NULL, NULL, &err), &err,
           0);
    tgs_session_free(session);
}

/* Every worker begins with it; that they are there already changes nothing. */
void lists_prepare(struct worker *w) {
    w->limited = false;
    put_kvs(w, "always", ALWAYS, 2, NULL, NULL);
    put_peers(w);
}

/* --- coming and going ------------------------------------------------------------------------------- */

static void put_or_delete(struct worker *w, tgs_session *session, int32_t record, const void *row,
                          size_t size) {
    tgs_error err;
    tgs_status status = random_below(w, 2) ? tgs_put(session, record, row, 1, size, NULL, limits(w), &err)
                                           : tgs_delete(session, record, row, 1, size, NULL, limits(w), &err);
    expect(w, "put or delete", status, &err, 0);
}

void put_and_delete(struct worker *w) {
    tgs_session *session = open_session(w->store, SESSION);
    struct name key = name_of((uint64_t)(1 + 2 * random_below(w, ALWAYS)));
    tgs_kv kv = kv_row("always", &key, &zero);
    tgs_peer peer = {.fields = TGS_PEER_ACCESS_HASH, .id = 1 + 2 * random_below(w, ALWAYS), .access_hash = 2};
    put_or_delete(w, session, TGS_RECORD_KV, &kv, sizeof kv);
    put_or_delete(w, session, TGS_RECORD_PEER, &peer, sizeof peer);
    tgs_session_free(session);
}

/* The number in a row's key. */
static uint64_t number_of(const void *row, int32_t record) {
    return record == TGS_RECORD_KV ? number_in(((const tgs_kv *)row)->key)
                                   : (uint64_t)((const tgs_peer *)row)->id;
}

/* Rows that are there all the time appear exactly once. */
static void list_always(struct worker *w, tgs_session *session, int32_t record) {
    tgs_error err;
    tgs_rows *page = NULL;
    tgs_filter filter = {.size = sizeof filter, .kind = TGS_PEER_ANY, .state = -1};
    if (record == TGS_RECORD_KV) filter.scope = str("always");
    uint64_t expected = 0, last = 0;
    bool first = true, more = true;
    while (more) {
        size_t stride = 0;
        const char *after = page ? tgs_rows_data(page, &stride) : NULL;
        if (after) after += (tgs_rows_count(page) - 1) * stride;
        tgs_rows *next;
        tgs_status status = tgs_list(session, record, after, stride, &filter,
                                     (size_t)(1 + random_below(w, 150)), &next, NULL, &err);
        w->limited = false;
        expect(w, "list", status, &err, 0);
        tgs_rows_free(page);
        page = next;
        const char *row = tgs_rows_data(page, &stride);
        for (size_t i = 0; i < tgs_rows_count(page); i++, row += stride, first = false) {
            uint64_t number = number_of(row, record);
            if (!first && number <= last) violated("%" PRIu64 " is listed after %" PRIu64, number, last);
            last = number;
            if (number % 2) continue;
            if (number != expected) violated("%" PRIu64 " is listed instead of %" PRIu64, number, expected);
            expected += 2;
        }
        more = tgs_rows_more(page);
    }
    tgs_rows_free(page);
    if (expected != 2 * ALWAYS) violated("the list ends before %" PRIu64, expected);
}

void list_pages(struct worker *w) {
    tgs_session *session = open_session(w->store, SESSION);
    list_always(w, session, random_below(w, 2) ? TGS_RECORD_KV : TGS_RECORD_PEER);
    tgs_session_free(session);
}

/* --- together ----------------------------------------------------------------------------------------------
 */

static void check_same(struct worker *w, const tgs_rows *rows) {
    tgs_kv row;
    int64_t value = 0;
    for (size_t i = 0; tgs_rows_row(rows, i, &row, sizeof row) == TGS_OK; i++) {
        if (!row.value.ptr) return; /* nobody has written yet */
        if (i && kv_value(&row) != value) violated("thread %d sees half a batch", w->thread);
        value = kv_value(&row);
    }
}

/* A query is answered from one state. */
static void read_together(struct worker *w, tgs_session *session) {
    tgs_error err;
    tgs_rows *rows = NULL;
    struct name names[TOGETHER];
    tgs_kv keys[TOGETHER];
    for (size_t i = 0; i < TOGETHER; i++) {
        names[i] = name_of(i);
        keys[i] = kv_row("together", &names[i], &zero);
    }
    tgs_status status = tgs_get(session, TGS_RECORD_KV, keys, TOGETHER, sizeof *keys, &rows, limits(w), &err);
    expect(w, "get", status, &err, 0);
    check_same(w, rows);
    tgs_rows_free(rows);
    tgs_filter filter = {.size = sizeof filter, .kind = TGS_PEER_ANY, .state = -1, .scope = str("together")};
    status = tgs_list(session, TGS_RECORD_KV, NULL, 0, &filter, TOGETHER, &rows, limits(w), &err);
    expect(w, "list", status, &err, 0);
    check_same(w, rows);
    tgs_rows_free(rows);
}

void write_together(struct worker *w) {
    int64_t value = (int64_t)random_number(w);
    put_kvs(w, "together", TOGETHER, 1, &value, limits(w));
    tgs_session *session = open_session(w->store, SESSION);
    read_together(w, session);
    tgs_session_free(session);
}

void lists_check(struct check *check) {
    struct worker w = {.plan = check->plan, .store = check->store, .random = check->plan->seed};
    tgs_session *session = open_session(check->store, SESSION);
    list_always(&w, session, TGS_RECORD_KV);
    list_always(&w, session, TGS_RECORD_PEER);
    tgs_session_free(session);
}
