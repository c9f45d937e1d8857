/* SPDX-License-Identifier: Apache-2.0 */
/* A store with many peers opened and closed. */
#include <stdio.h>

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

void sqlite_open_cases(const struct bench *bench) {
    static const char name[] = "open and close a store of many peers";
    if (!wanted(bench, name)) return;
    struct pair *pair = pair_shared(bench);
    progress("opening a store of %zu peers", pair->count);
    pair_close(pair);
    struct race race;
    const struct contender contenders[] = {{open_ours, pair}, {open_reference, pair}};
    race_begin(&race, 2, bench->tiny ? 2 : 10);
    for (int round = 0; round < (bench->tiny ? 1 : bench->quick ? 10 : 30); round++)
        race_round(&race, contenders);
    double opens = (double)(race.n_parts * PART_OPENS) * 1000;
    struct row row = {.backend = "sqlite",
                      .ours = race_sum(&race, 0) / opens,
                      .reference = race_sum(&race, 1) / opens,
                      .unit = "us/call",
                      .target = 1.3,
                      .against = AGAINST_REFERENCE};
    snprintf(row.name, sizeof row.name, "%s", name);
    report(bench, &row);
    race_end(&race);
}
