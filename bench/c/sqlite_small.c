/* SPDX-License-Identifier: Apache-2.0 */
/* Small writes to SQLite, as a running client makes them: a position, and all that one update changes. */
#include <stdio.h>

#include "cases.h"
#include "check.h"
#include "measure.h"
#include "pair.h"
#include "updates.h"

static const char *const durabilities[] = {"normal", "full"};

/* One side: each call writes the next update, or its first position. */
struct writer {
    struct pair *pair;
    tgs_batch *batch;
    const struct updates *updates;
    size_t first;
};

static const struct update *update_of(const struct writer *writer, size_t part) {
    return &writer->updates->rows[writer->first + part];
}

static void put_state_in_ours(void *self, size_t part) {
    const struct writer *writer = self;
    tgs_error err;
    ours_check(tgs_put(writer->pair->ours->session, TGS_RECORD_UPDATE_STATE, update_of(writer, part)->states, 1,
                       sizeof(tgs_update_state), NULL, NULL, &err),
               &err);
}

static void put_state_in_reference(void *self, size_t part) {
    const struct writer *writer = self;
    reference_put_state(writer->pair->reference, update_of(writer, part)->states);
}

static void put_update_in_ours(void *self, size_t part) {
    const struct writer *writer = self;
    const struct update *update = update_of(writer, part);
    tgs_batch *batch = writer->batch;
    tgs_error err;
    ours_check(tgs_batch_put(batch, TGS_RECORD_PEER, update->peers, update->n_peers, sizeof *update->peers, &err),
               &err);
    ours_check(tgs_batch_put(batch, TGS_RECORD_UPDATE_STATE, update->states, update->n_states,
                             sizeof *update->states, &err),
               &err);
    ours_check(tgs_batch_put(batch, TGS_RECORD_DEDUP, update->keys, update->n_keys, sizeof *update->keys, &err),
               &err);
    ours_check(tgs_batch_put(batch, TGS_RECORD_QUEUE_ITEM, &update->item, 1, sizeof update->item, &err), &err);
    ours_check(tgs_batch_commit(batch, NULL, 0, NULL, &err), &err);
}

static void put_update_in_reference(void *self, size_t part) {
    const struct writer *writer = self;
    reference_put_update(writer->pair->reference, update_of(writer, part));
}

/* --- races ------------------------------------------------------------------------------------- */

struct kind {
    const char *name;
    double target;
    void (*ours)(void *self, size_t part), (*reference)(void *self, size_t part);
};
static const struct kind kinds[] = {
    {"put one update state", 1.1, put_state_in_ours, put_state_in_reference},
    {"put all of one update", 1.15, put_update_in_ours, put_update_in_reference},
};
#define KINDS (sizeof kinds / sizeof *kinds)

static void race_kind(const struct bench *bench, const struct kind *kind, const char *durability,
                      struct writer *writer, size_t calls) {
    struct race race;
    const struct contender contenders[] = {{kind->ours, writer}, {kind->reference, writer}};
    race_begin(&race, 2, calls);
    race_round(&race, contenders);
    struct row row = {.backend = "sqlite",
                      .ours = race_median(&race, 0) / 1000,
                      .reference = race_median(&race, 1) / 1000,
                      .unit = "us/call",
                      .target = kind->target,
                      .against = AGAINST_REFERENCE};
    snprintf(row.name, sizeof row.name, "%s, %s", kind->name, durability);
    report(bench, &row);
    race_end(&race);
}

static size_t n_calls(const struct bench *bench, bool full) {
    if (bench->tiny) return 5;
    if (full) return bench->quick ? 200 : 600;
    return bench->quick ? 2000 : 5000;
}

static void check_number(const char *what, int64_t ours, int64_t reference) {
    if (ours != reference)
        die("%lld and %lld %s are stored", (long long)ours, (long long)reference, what);
}

static void check_counts(const struct pair *pair) {
    tgs_error err;
    tgs_rows *rows;
    tgs_stats stats;
    ours_check(tgs_stats_get(pair->ours->store, TGS_STR("main"), &rows, NULL, &err), &err);
    tgs_rows_row(rows, 0, &stats, sizeof stats);
    tgs_rows_free(rows);
    struct reference *reference = pair->reference;
    check_number("dedup keys", stats.dedup_keys, reference_number(reference, "SELECT count(*) FROM dedup"));
    check_number("queue items", stats.queue_ready, reference_number(reference, "SELECT count(*) FROM queue_item"));
    check_number("usernames", stats.usernames, reference_number(reference, "SELECT count(*) FROM username"));
    check_number("phones", stats.phones, reference_number(reference, "SELECT count(*) FROM phone"));
}

static void check_states(const struct pair *pair) {
    tgs_error err;
    tgs_rows *rows;
    tgs_update_state state;
    int64_t sum = 0;
    ours_check(tgs_list(pair->ours->session, TGS_RECORD_UPDATE_STATE, NULL, 0, NULL, TGS_MAX_ROWS, &rows, NULL,
                        &err),
               &err);
    for (size_t i = 0; tgs_rows_row(rows, i, &state, sizeof state) == TGS_OK; i++)
        sum += state.pts + state.date;
    tgs_rows_free(rows);
    check_number("positions, added up,", sum,
                 reference_number(pair->reference, "SELECT sum(pts + ifnull(date, 0)) FROM update_state"));
}

static bool any_wanted(const struct bench *bench) {
    for (size_t i = 0; i < KINDS; i++)
        for (int full = 0; full < 2; full++)
            if (wanted(bench, "%s, %s", kinds[i].name, durabilities[full])) return true;
    return false;
}

void sqlite_small_cases(const struct bench *bench) {
    if (!any_wanted(bench)) return;
    size_t count = bench->tiny ? 1000 : 100000, n_updates = n_calls(bench, false) + n_calls(bench, true);
    struct peers *peers = peers_make(count + n_updates);
    struct peers stored = {.rows = peers->rows, .count = count};
    struct peers *known = peers_make_seen_again(&stored);
    struct updates updates = updates_make(n_updates, known, peers->rows + count);
    struct pair pair = pair_make(bench->folder, peers, count);
    size_t first = 0;
    for (int full = 0; full < 2; full++) {
        progress("small writes, durability=%s", durabilities[full]);
        pair_close(&pair);
        pair_open(&pair, full);
        struct writer writer = {.pair = &pair, .updates = &updates, .first = first};
        tgs_error err;
        ours_check(tgs_batch_new(pair.ours->session, &writer.batch, &err), &err);
        for (size_t i = 0; i < KINDS; i++)
            race_kind(bench, &kinds[i], durabilities[full], &writer, n_calls(bench, full));
        tgs_batch_free(writer.batch);
        first += n_calls(bench, full);
    }
    check_same_peers(pair.ours, pair.reference, peers->rows, peers->count);
    check_counts(&pair);
    check_states(&pair);
    pair_remove(&pair);
    updates_free(&updates);
    peers_free(known);
    peers_free(peers);
}
