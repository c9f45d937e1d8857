/* SPDX-License-Identifier: Apache-2.0 */
/* Counters by compare-and-set, each step with a row of its own in the same batch; and a position that only
 * rises. */
#include "stress.h"

#define COUNTERS 4
#define SESSION "counters"

static const char *const scopes[COUNTERS] = {"count 0", "count 1", "count 2", "count 3"};

/* Add one to a counter, and store which number that was. */
static tgs_status commit(struct worker *w, tgs_session *session, struct event *event, int64_t version,
                         tgs_error *err) {
    tgs_result results[2];
    struct name key = name_of(event->call);
    tgs_conversation counter = {.fields = TGS_CONVERSATION_STEP_NUMBER,
                                .flags = version ? TGS_ROW_IF_VERSION | TGS_ROW_REQUIRE : ONLY_NEW,
                                .chat_id = event->of.count.counter,
                                .step_number = event->of.count.value,
                                .version = version};
    tgs_kv row = kv_row(scopes[event->of.count.counter], &key, &event->of.count.value);
    tgs_batch *batch;
    if (tgs_batch_new(session, &batch, err) != TGS_OK ||
        tgs_batch_put(batch, TGS_RECORD_CONVERSATION, &counter, 1, sizeof counter, err) != TGS_OK ||
        tgs_batch_put(batch, TGS_RECORD_KV, &row, 1, sizeof row, err) != TGS_OK)
        violated("batch: %s", err->message);
    tgs_status status = tgs_batch_commit(batch, results, 2, limits(w), err);
    if (status == TGS_OK) event->of.count.version = results[0].version;
    tgs_batch_free(batch);
    return status;
}

void count(struct worker *w) {
    tgs_error err;
    int64_t version;
    struct event event = event_new(w, COUNTED);
    event.of.count.counter = random_below(w, COUNTERS);
    event.of.count.value = 1 + conversation_step(w->store, SESSION, event.of.count.counter, &version);
    tgs_session *session = open_session(w->store, SESSION);
    event_begin(w, &event);
    tgs_status status = commit(w, session, &event, version, &err);
    event_end(w, &event, status);
    expect(w, "count", status, &err, MAY(TGS_E_CONFLICT));
    tgs_session_free(session);
}

static int64_t position(tgs_session *session) {
    tgs_error err;
    tgs_rows *rows;
    tgs_update_state row = {.channel_id = 0};
    if (tgs_get(session, TGS_RECORD_UPDATE_STATE, &row, 1, sizeof row, &rows, NULL, &err) != TGS_OK)
        violated("position: %s", err.message);
    tgs_rows_row(rows, 0, &row, sizeof row);
    tgs_rows_free(rows);
    return row.pts;
}

void move(struct worker *w) {
    tgs_error err;
    struct event event = event_new(w, MOVED);
    event.of.position.pts = now_us() - random_below(w, 20000);
    tgs_update_state row = {.fields = TGS_UPDATE_STATE_PTS, .pts = event.of.position.pts};
    tgs_session *session = open_session(w->store, SESSION);
    event_begin(w, &event);
    tgs_status status = tgs_put(session, TGS_RECORD_UPDATE_STATE, &row, 1, sizeof row, NULL, limits(w), &err);
    event_end(w, &event, status);
    expect(w, "move", status, &err, 0);
    if (status == TGS_OK && position(session) < row.pts) violated("a position went back");
    tgs_session_free(session);
}

/* --- checks --------------------------------------------------------------------------------------- */

void counters_compare(tgs_store *store) {
    for (int64_t counter = 0; counter < COUNTERS; counter++) {
        struct effects effects = effects_read(store, SESSION, scopes[counter]);
        int64_t step = conversation_step(store, SESSION, counter, NULL);
        if (step != (int64_t)effects.n)
            violated("counter %" PRId64 " is %" PRId64 ", its rows are %zu", counter, step, effects.n);
        free(effects.all);
    }
}

static bool is_of_counter(const struct event *event, int64_t counter) {
    return event->of.count.counter == counter;
}

/* Every number was given once. */
static void check_counter(struct check *check, int64_t counter) {
    struct effects effects = effects_read(check->store, SESSION, scopes[counter]);
    check_effects(check, COUNTED, is_of_counter, counter, &effects);
    effects_sort(&effects, effects_by_value);
    for (size_t i = 0; i < effects.n; i++)
        if (effects.all[i].value != (int64_t)i + 1)
            fault(check, "counter %" PRId64 ": step %zu is numbered %" PRId64, counter, i + 1,
                  effects.all[i].value);
    free(effects.all);
}

static int by_version(const void *a, const void *b) {
    return order_of(((const struct event *)a)->of.count.version, ((const struct event *)b)->of.count.version);
}

/* Versions are never used twice. */
static void check_versions(struct check *check) {
    struct events counted = events_of(check, COUNTED, by_version);
    for (size_t i = 1; i < counted.n; i++)
        if (counted.all[i].end_us && counted.all[i].of.count.version == counted.all[i - 1].of.count.version)
            fault(check, "version %" PRId64 " twice", counted.all[i].of.count.version);
    free(counted.all);
}

static int by_pts(const void *a, const void *b) {
    return order_of(((const struct event *)a)->of.position.pts, ((const struct event *)b)->of.position.pts);
}

static void check_position(struct check *check) {
    struct events moved = events_of(check, MOVED, by_pts);
    tgs_session *session = open_session(check->store, SESSION);
    int64_t pts = position(session), highest = 0;
    bool given = moved.n == 0;
    for (size_t i = 0; i < moved.n; i++) {
        given |= moved.all[i].of.position.pts == pts;
        if (moved.all[i].end_us) highest = moved.all[i].of.position.pts;
    }
    if (!given || pts < highest) fault(check, "the position is not the highest that was put");
    tgs_session_free(session);
    free(moved.all);
}

void counters_check(struct check *check) {
    counters_compare(check->store);
    for (int64_t counter = 0; counter < COUNTERS; counter++) check_counter(check, counter);
    check_versions(check);
    check_position(check);
}
