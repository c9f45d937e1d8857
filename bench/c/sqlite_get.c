/* SPDX-License-Identifier: Apache-2.0 */
/* One peer looked up in SQLite: against the reference, and among more and more peers. */
#include <stdio.h>
#include <stdlib.h>

#include "cases.h"
#include "check.h"
#include "looks.h"
#include "measure.h"
#include "pair.h"

#define PART_CALLS 2000
#define SMALLEST 1000
#define LARGEST 1000000
#define SIZES 4

/* --- look-ups ---------------------------------------------------------------------------------- */

struct looking {
    void *self;
    enum look look;
    const struct looks *looks;
};

static void look_in_ours(void *self, size_t part) {
    const struct looking *looking = self;
    for (size_t i = part * PART_CALLS; i < (part + 1) * PART_CALLS; i++) {
        const tgs_peer *peer = looks_at(looking->looks, i);
        tgs_rows_free(looking->look == BY_ID         ? ours_get(looking->self, peer->kind, peer->id)
                      : looking->look == BY_USERNAME ? ours_get_by_username(looking->self, peer->usernames[0])
                                                     : ours_get_by_phone(looking->self, peer->phone));
    }
}

static void look_in_reference(void *self, size_t part) {
    const struct looking *looking = self;
    for (size_t i = part * PART_CALLS; i < (part + 1) * PART_CALLS; i++) {
        const tgs_peer *peer = looks_at(looking->looks, i);
        free(looking->look == BY_ID         ? reference_get(looking->self, peer->kind, peer->id)
             : looking->look == BY_USERNAME ? reference_get_by_username(looking->self, peer->usernames[0])
                                            : reference_get_by_phone(looking->self, peer->phone));
    }
}

static size_t parts(const struct bench *bench) { return bench->tiny ? 2 : bench->quick ? 15 : 50; }

static void run_rounds(const struct bench *bench, struct race *race, const struct contender *contenders) {
    int rounds = bench->tiny ? 2 : bench->quick ? 4 : 8; /* the first one warms the caches */
    for (int round = 0; round < rounds; round++) race_round(race, contenders);
}

static double per_call(const struct race *race, size_t contender) {
    return race_sum(race, contender) / 1000 / (double)(race->n_parts * PART_CALLS);
}

/* --- against the reference ------------------------------------------------------------------------- */

static void race_reference(const struct bench *bench, const struct pair *pair, enum look look) {
    struct race race;
    struct looks looks = looks_make(pair->peers->rows, pair->count, look);
    struct looking in_ours = {pair->ours, look, &looks}, in_reference = {pair->reference, look, &looks};
    const struct contender contenders[] = {{look_in_ours, &in_ours}, {look_in_reference, &in_reference}};
    race_begin(&race, 2, parts(bench));
    run_rounds(bench, &race, contenders);
    struct row row = {.backend = "sqlite",
                      .ours = per_call(&race, 0),
                      .reference = per_call(&race, 1),
                      .unit = "us/call",
                      .target = 1.5,
                      .against = AGAINST_REFERENCE};
    snprintf(row.name, sizeof row.name, "get by %s at %s peers", look_names[look], with_commas(pair->count));
    report(bench, &row);
    race_end(&race);
    looks_free(&looks);
}

/* --- the curve ---------------------------------------------------------------------------------------- */

struct store {
    size_t count;
    struct path path;
    struct ours *ours;
};

static void race_sizes(const struct bench *bench, struct store *stores, size_t n_stores,
                       const struct peers *peers, enum look look) {
    struct race race;
    struct looks looks[SIZES];
    struct looking lookings[SIZES];
    struct contender contenders[SIZES];
    for (size_t i = 0; i < n_stores; i++) {
        looks[i] = looks_make(peers->rows, stores[i].count, look);
        lookings[i] = (struct looking){stores[i].ours, look, &looks[i]};
        contenders[i] = (struct contender){look_in_ours, &lookings[i]};
    }
    race_begin(&race, n_stores, parts(bench));
    run_rounds(bench, &race, contenders);
    for (size_t i = 0; i < n_stores; i++) {
        struct row row = {.backend = "sqlite",
                          .ours = per_call(&race, i),
                          .reference = per_call(&race, 0),
                          .unit = "us/call",
                          .target = i ? 2 : 0,
                          .against = "tgstore with the fewest peers"};
        snprintf(row.name, sizeof row.name, "get by %s, %s peers", look_names[look],
                 with_commas(stores[i].count));
        report(bench, &row);
        looks_free(&looks[i]);
    }
    race_end(&race);
}

/* --- the group --------------------------------------------------------------------------------------------
 */

static struct store make_store(const struct bench *bench, const struct pair *pair, size_t count) {
    char name[32];
    if (count == pair->count) return (struct store){.count = count, .ours = pair->ours};
    snprintf(name, sizeof name, "ours-%zu.db", count);
    struct store store = {.count = count, .path = files_path(bench->folder, name)};
    progress("storing %zu peers", count);
    store.ours = ours_open_file(&store.path, false);
    ours_load(store.ours, pair->peers->rows, count);
    return store;
}

static void remove_store(const struct store *store, const struct pair *pair) {
    if (store->ours == pair->ours) return;
    ours_close(store->ours);
    files_remove(store->path.text);
}

static bool race_wanted(const struct bench *bench, enum look look) {
    return wanted(bench, "get by %s at %s peers", look_names[look],
                  with_commas(bench->tiny ? TINY_PEERS : MANY_PEERS));
}

static bool curve_wanted(const struct bench *bench, enum look look) {
    for (size_t count = SMALLEST; count <= LARGEST; count *= 10)
        if (wanted(bench, "get by %s, %s peers", look_names[look], with_commas(count))) return true;
    return false;
}

static void run_races(const struct bench *bench) {
    for (enum look look = 0; look < LOOKS; look++) {
        if (!race_wanted(bench, look)) continue;
        progress("looking up by %s", look_names[look]);
        race_reference(bench, pair_shared(bench), look);
    }
}

static void run_curves(const struct bench *bench) {
    const struct pair *pair = pair_shared(bench);
    struct store stores[SIZES];
    size_t n_stores = 0;
    for (size_t count = SMALLEST; count <= pair->peers->count; count *= 10)
        stores[n_stores++] = make_store(bench, pair, count);
    for (enum look look = 0; look < LOOKS; look++) {
        if (!curve_wanted(bench, look)) continue;
        progress("looking up by %s among more and more", look_names[look]);
        race_sizes(bench, stores, n_stores, pair->peers, look);
    }
    for (size_t i = 0; i < n_stores; i++) remove_store(&stores[i], pair);
}

void sqlite_get_cases(const struct bench *bench) {
    run_races(bench);
    if (curve_wanted(bench, BY_ID) || curve_wanted(bench, BY_USERNAME) || curve_wanted(bench, BY_PHONE))
        run_curves(bench);
}
