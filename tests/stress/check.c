/* SPDX-License-Identifier: Apache-2.0 */
/* Helpers of the checks that compare the journals with the store. */
#include <stdarg.h>

#include "stress.h"

#define FAULTS_SHOWN 20

void fault(struct check *check, const char *rule, ...) {
    if (check->faults++ >= FAULTS_SHOWN) return;
    va_list arguments;
    va_start(arguments, rule);
    fputs("stress: ", stderr);
    vfprintf(stderr, rule, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

/* --- what is stored ------------------------------------------------------------------------------- */

static tgs_rows *next_page(tgs_session *session, int32_t record, const char *scope, const tgs_rows *before) {
    tgs_error err;
    tgs_rows *page;
    size_t stride = 0;
    const char *after = before ? tgs_rows_data(before, &stride) : NULL;
    if (after) after += (tgs_rows_count(before) - 1) * stride;
    tgs_filter filter = {.size = sizeof filter,
                         .kind = TGS_PEER_ANY,
                         .state = -1,
                         .scope = scope ? str(scope) : (tgs_str){NULL, 0}};
    if (tgs_list(session, record, after, stride, &filter, TGS_MAX_ROWS, &page, NULL, &err) != TGS_OK)
        violated("list: %s", err.message);
    return page;
}

void each_row(tgs_store *store, const char *session_name, int32_t record, const char *scope,
              void (*take)(const void *row, void *context), void *context) {
    tgs_session *session = open_session(store, session_name);
    tgs_rows *page = NULL;
    bool more = true;
    while (more) {
        tgs_rows *next = next_page(session, record, scope, page);
        tgs_rows_free(page);
        page = next;
        size_t stride;
        const char *rows = tgs_rows_data(page, &stride);
        for (size_t i = 0; i < tgs_rows_count(page); i++) take(rows + i * stride, context);
        more = tgs_rows_more(page);
    }
    tgs_rows_free(page);
    tgs_session_free(session);
}

void effects_add(struct effects *effects, uint64_t call, int64_t value) {
    if (effects->n == effects->capacity) {
        effects->capacity = effects->capacity ? effects->capacity * 2 : 1024;
        effects->all = realloc(effects->all, effects->capacity * sizeof *effects->all);
        if (!effects->all) violated("out of memory");
    }
    effects->all[effects->n++] = (struct effect){call, value};
}

static void take_kv(const void *row, void *effects) {
    const tgs_kv *kv = row;
    effects_add(effects, number_in(kv->key), kv_value(kv));
}

struct effects effects_read(tgs_store *store, const char *session, const char *scope) {
    struct effects effects = {0};
    each_row(store, session, TGS_RECORD_KV, scope, take_kv, &effects);
    return effects;
}

int effects_by_call(const void *a, const void *b) {
    const struct effect *first = a, *second = b;
    return (first->call > second->call) - (first->call < second->call);
}

int effects_by_value(const void *a, const void *b) {
    return order_of(((const struct effect *)a)->value, ((const struct effect *)b)->value);
}

void effects_sort(struct effects *effects, int (*compare)(const void *a, const void *b)) {
    if (effects->n) qsort(effects->all, effects->n, sizeof *effects->all, compare);
}

const struct effect *effects_find(const struct effects *effects, uint64_t call) {
    struct effect key = {.call = call};
    return effects->n ? bsearch(&key, effects->all, effects->n, sizeof key, effects_by_call) : NULL;
}

int64_t conversation_step(tgs_store *store, const char *session_name, int64_t chat, int64_t *version) {
    tgs_error err;
    tgs_rows *rows;
    tgs_conversation row = {.chat_id = chat};
    tgs_session *session = open_session(store, session_name);
    if (tgs_get(session, TGS_RECORD_CONVERSATION, &row, 1, sizeof row, &rows, NULL, &err) != TGS_OK)
        violated("conversation: %s", err.message);
    tgs_rows_row(rows, 0, &row, sizeof row);
    tgs_rows_free(rows);
    tgs_session_free(session);
    if (version) *version = row.version;
    return row.flags & TGS_ROW_FOUND ? row.step_number : 0;
}

/* --- what was done ---------------------------------------------------------------------------------- */

static bool has_failed(const struct event *event) { return event->end_us && event->status != TGS_OK; }

int events_by_call(const void *a, const void *b) {
    const struct event *first = a, *second = b;
    return (first->call > second->call) - (first->call < second->call);
}

bool was_applied(const struct event *event, const struct effects *effects) {
    return effects_find(effects, event->call) != NULL;
}

void check_effects(struct check *check, enum kind kind, bool (*mine)(const struct event *event, int64_t of),
                   int64_t of, const struct effects *effects) {
    size_t found = 0;
    for (size_t i = 0; i < check->events.n; i++) {
        const struct event *event = &check->events.all[i];
        if (event->kind != (int32_t)kind || (mine && !mine(event, of))) continue;
        bool there = was_applied(event, effects);
        found += there;
        if (event->end_us && event->status == TGS_OK && !there)
            fault(check, "call %" PRIx64 " of kind %d was acknowledged, and its effect is not there",
                  event->call, kind);
        if (has_failed(event) && there)
            fault(check, "call %" PRIx64 " of kind %d failed (%s), and its effect is there", event->call,
                  kind, tgs_status_name(event->status));
    }
    for (size_t i = 1; i < effects->n; i++)
        if (effects->all[i - 1].call >= effects->all[i].call)
            fault(check, "the effect of call %" PRIx64 " is there twice, or not in order",
                  effects->all[i].call);
    if (found != effects->n)
        fault(check, "%zu effects of kind %d, of which %zu are of calls", effects->n, kind, found);
}

struct events events_of(const struct check *check, enum kind kind,
                        int (*compare)(const void *a, const void *b)) {
    struct events some = {.all = malloc((check->events.n + 1) * sizeof *some.all)};
    if (!some.all) violated("out of memory");
    for (size_t i = 0; i < check->events.n; i++) {
        const struct event *event = &check->events.all[i];
        if (event->kind == (int32_t)kind && !has_failed(event)) some.all[some.n++] = *event;
    }
    if (some.n) qsort(some.all, some.n, sizeof *some.all, compare);
    return some;
}
