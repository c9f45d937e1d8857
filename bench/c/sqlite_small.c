/* SPDX-License-Identifier: Apache-2.0 */
/* Small writes to SQLite, as a running client makes them: a position, and all that one update changes. */
#include <stdio.h>

#include "cases.h"
#include "check.h"
#include "measure.h"
#include "pair.h"
#include "updates.h"

static const char *const durabilities[] = {"normal", "full"};

/* One side of a race.  Each call has an update of its own. */
struct writer {
    const struct pair *pair;
    tgs_batch *batch;
    const struct updates *updates;
    size_t first, part_calls;
};

/* --- one call -------------------------------------------------------------------------------- */

static void put_state_in_ours(const struct writer *writer, size_t i) {
    tgs_update_state state = updates_state(i);
    tgs_error err;
    ours_check(tgs_put(writer->pair->ours->session, TGS_RECORD_UPDATE_STATE, &state, 1, sizeof state, NULL,
                       NULL, &err),
               &err);
}

static void put_state_in_reference(const struct writer *writer, size_t i) {
    tgs_update_state state = updates_state(i);
    reference_put_state(writer->pair->reference, &state);
}

static void put_update_in_ours(const struct writer *writer, size_t i) {
    const struct update *update = &writer->updates->rows[i];
    tgs_batch *batch = writer->batch;
    tgs_error err;
    ours_check(
        tgs_batch_put(batch, TGS_RECORD_PEER, update->peers, update->n_peers, sizeof *update->peers, &err),
        &err);
    ours_check(tgs_batch_put(batch, TGS_RECORD_UPDATE_STATE, update->states, update->n_states,
                             sizeof *update->states, &err),
               &err);
    ours_check(
        tgs_batch_put(batch, TGS_RECORD_DEDUP, update->keys, update->n_keys, sizeof *update->keys, &err),
        &err);
    ours_check(tgs_batch_put(batch, TGS_RECORD_QUEUE_ITEM, &update->item, 1, sizeof update->item, &err),
               &err);
    ours_check(tgs_batch_commit(batch, NULL, 0, NULL, &err), &err);
}

static void put_update_in_reference(const struct writer *writer, size_t i) {
    reference_put_update(writer->pair->reference, &writer->updates->rows[i]);
}

/* --- races ------------------------------------------------------------------------------------ */

typedef void (*call)(const struct writer *writer, size_t i);

struct kind {
    const char *name;
    double target;
    call calls[2];
    bool whole;        /* they need the updates, not only their numbers */
    size_t part_calls; /* with durability=normal: about as many as fill the -wal once, or some times */
    size_t n_parts;
};
static const struct kind kinds[] = {
    {"put one update state", 1.1, {put_state_in_ours, put_state_in_reference}, false, 1000, 3},
    {"put all of one update", 1.15, {put_update_in_ours, put_update_in_reference}, true, 100, 5},
};
#define KINDS (sizeof kinds / sizeof *kinds)

struct turn {
    const struct writer *writer;
    call call;
};

static void run_part(void *self, size_t part) {
    const struct turn *turn = self;
    size_t from = turn->writer->first + part * turn->writer->part_calls;
    for (size_t i = from; i < from + turn->writer->part_calls; i++) turn->call(turn->writer, i);
}

/* What waits for the disk at each call is measured call by call; else the call that waits for it is one of
 * many, and its time belongs to all of them. */
static size_t n_rounds(const struct bench *bench, bool full) {
    return full || bench->tiny ? 1 : bench->quick ? 4 : 10;
}
static size_t part_calls(const struct bench *bench, const struct kind *kind, bool full) {
    return full ? 1 : bench->tiny ? 5 : kind->part_calls;
}
static size_t n_parts(const struct bench *bench, const struct kind *kind, bool full) {
    return !full ? kind->n_parts : bench->tiny ? 5 : bench->quick ? 200 : 600;
}
static size_t n_calls(const struct bench *bench, const struct kind *kind, bool full) {
    return n_rounds(bench, full) * n_parts(bench, kind, full) * part_calls(bench, kind, full);
}

static void race_kind(const struct bench *bench, const struct kind *kind, bool full, struct writer *writer) {
    struct race race;
    struct turn turns[] = {{writer, kind->calls[0]}, {writer, kind->calls[1]}};
    const struct contender contenders[] = {{run_part, &turns[0]}, {run_part, &turns[1]}};
    writer->part_calls = part_calls(bench, kind, full);
    race_begin(&race, 2, n_parts(bench, kind, full));
    for (size_t round = 0; round < n_rounds(bench, full); round++) {
        race_round(&race, contenders);
        writer->first += race.n_parts * writer->part_calls;
    }
    double (*time)(const struct race *race, size_t contender) = full ? race_median : race_sum;
    double calls = full ? 1 : (double)(race.n_parts * writer->part_calls);
    struct row row = {.backend = "sqlite",
                      .ours = time(&race, 0) / 1000 / calls,
                      .reference = time(&race, 1) / 1000 / calls,
                      .unit = "us/call",
                      .target = kind->target,
                      .against = AGAINST_REFERENCE};
    snprintf(row.name, sizeof row.name, "%s, %s", kind->name, durabilities[full]);
    report(bench, &row);
    race_end(&race);
}

/* --- checks ------------------------------------------------------------------------------------- */

static void check_number(const char *what, int64_t ours, int64_t reference) {
    if (ours != reference) die("%lld and %lld %s are stored", (long long)ours, (long long)reference, what);
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
    check_number("queue items", stats.queue_ready,
                 reference_number(reference, "SELECT count(*) FROM queue_item"));
    check_number("usernames", stats.usernames, reference_number(reference, "SELECT count(*) FROM username"));
    check_number("phones", stats.phones, reference_number(reference, "SELECT count(*) FROM phone"));
}

static void check_states(const struct pair *pair) {
    tgs_error err;
    tgs_rows *rows;
    tgs_update_state state;
    int64_t sum = 0;
    ours_check(tgs_list(pair->ours->session, TGS_RECORD_UPDATE_STATE, NULL, 0, NULL, TGS_MAX_ROWS, &rows,
                        NULL, &err),
               &err);
    for (size_t i = 0; tgs_rows_row(rows, i, &state, sizeof state) == TGS_OK; i++)
        sum += state.pts + state.date;
    tgs_rows_free(rows);
    check_number("positions, added up,", sum,
                 reference_number(pair->reference, "SELECT sum(pts + ifnull(date, 0)) FROM update_state"));
}

/* --- the group ------------------------------------------------------------------------------------ */

static bool any_wanted(const struct bench *bench, const struct kind *kind) {
    return wanted(bench, "%s, normal", kind->name) || wanted(bench, "%s, full", kind->name);
}

static void run_kind(const struct bench *bench, const struct kind *kind, struct pair *pair) {
    size_t n_updates = kind->whole ? n_calls(bench, kind, false) + n_calls(bench, kind, true) : 0;
    struct peers stored = {.rows = pair->peers->rows, .count = pair->count};
    struct peers *known = peers_make_seen_again(&stored, 1);
    struct updates updates = updates_make(n_updates, known, pair->peers->rows + pair->count);
    struct writer writer = {.pair = pair, .updates = &updates};
    tgs_error err;
    for (int full = 0; full < 2; full++) {
        progress("%s, durability=%s", kind->name, durabilities[full]);
        pair_close(pair);
        pair_open(pair, full);
        ours_check(tgs_batch_new(pair->ours->session, &writer.batch, &err), &err);
        race_kind(bench, kind, full, &writer);
        tgs_batch_free(writer.batch);
    }
    check_same_peers(pair->ours, pair->reference, pair->peers->rows, pair->count + n_updates);
    check_counts(pair);
    check_states(pair);
    updates_free(&updates);
    peers_free(known);
}

void sqlite_small_cases(const struct bench *bench) {
    for (size_t i = 0; i < KINDS; i++)
        if (any_wanted(bench, &kinds[i])) run_kind(bench, &kinds[i], pair_shared(bench));
}
