/* SPDX-License-Identifier: Apache-2.0 */
/* A store with many peers opened and closed. */
#include <stdio.h>
#include <stdlib.h>

#include "cases.h"
#include "measure.h"
#include "pair.h"

#define PART_OPENS 5

static void open_ours(void *self, size_t part) {
    const struct pair *pair = self;
    (void)part;
    for (int i = 0; i < PART_OPENS; i++) ours_close(ours_open_file(&pair->ours_path, false));
}

static void open_reference(void *self, size_t part) {
    const struct pair *pair = self;
    (void)part;
    for (int i = 0; i < PART_OPENS; i++) reference_close(reference_open(pair->reference_path.text, false));
}

/* What opening puts off, the first call has to do. */
static void get_from_ours(void *self, size_t part) {
    const struct pair *pair = self;
    const tgs_peer *peer = &pair->peers->rows[part];
    for (int i = 0; i < PART_OPENS; i++) {
        struct ours *ours = ours_open_file(&pair->ours_path, false);
        tgs_rows_free(ours_get(ours, peer->kind, peer->id));
        ours_close(ours);
    }
}

static void get_from_reference(void *self, size_t part) {
    const struct pair *pair = self;
    const tgs_peer *peer = &pair->peers->rows[part];
    for (int i = 0; i < PART_OPENS; i++) {
        struct reference *reference = reference_open(pair->reference_path.text, false);
        free(reference_get(reference, peer->kind, peer->id));
        reference_close(reference);
    }
}

static const struct {
    const char *name;
    double target;
    void (*runs[2])(void *self, size_t part);
} cases[] = {
    {"open and close a store of many peers", 1.3, {open_ours, open_reference}},
    {"open a store of many peers, get one, and close", 0, {get_from_ours, get_from_reference}},
};

static void run_case(const struct bench *bench, size_t i, struct pair *pair) {
    struct race race;
    const struct contender contenders[] = {{cases[i].runs[0], pair}, {cases[i].runs[1], pair}};
    race_begin(&race, 2, bench->tiny ? 2 : 10);
    for (int round = 0; round < (bench->tiny ? 1 : bench->quick ? 10 : 30); round++)
        race_round(&race, contenders);
    double opens = (double)(race.n_parts * PART_OPENS) * 1000;
    struct row row = {.backend = "sqlite",
                      .ours = race_sum(&race, 0) / opens,
                      .reference = race_sum(&race, 1) / opens,
                      .unit = "us/call",
                      .target = cases[i].target,
                      .against = AGAINST_REFERENCE};
    snprintf(row.name, sizeof row.name, "%s", cases[i].name);
    report(bench, &row);
    race_end(&race);
}

void sqlite_open_cases(const struct bench *bench) {
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (!wanted(bench, "%s", cases[i].name)) continue;
        struct pair *pair = pair_shared(bench);
        progress("%s", cases[i].name);
        pair_close(pair);
        run_case(bench, i, pair);
    }
}
