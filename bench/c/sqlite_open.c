/* SPDX-License-Identifier: Apache-2.0 */
/* A store with many peers opened and closed. */
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
    for (int i = 0; i < PART_OPENS; i++)
        reference_close(reference_open(pair->reference_path.text, false));
}

void sqlite_open_cases(const struct bench *bench) {
    static const char name[] = "open and close a store of many peers";
    if (!wanted(bench, name)) return;
    size_t count = bench->tiny ? 1000 : 100000;
    progress("opening a store of %zu peers", count);
    struct race race;
    struct peers *peers = peers_make(count);
    struct pair pair = pair_make(bench->folder, peers, count);
    pair_close(&pair);
    const struct contender contenders[] = {{open_ours, &pair}, {open_reference, &pair}};
    race_begin(&race, 2, bench->tiny ? 2 : 10);
    for (int round = 0; round < (bench->tiny ? 1 : bench->quick ? 10 : 30); round++)
        race_round(&race, contenders);
    double opens = (double)(race.n_parts * PART_OPENS) * 1000;
    struct row row = {.name = "open and close a store of many peers",
                      .backend = "sqlite",
                      .ours = race_sum(&race, 0) / opens,
                      .reference = race_sum(&race, 1) / opens,
                      .unit = "us/call",
                      .target = 1.3,
                      .against = AGAINST_REFERENCE};
    report(bench, &row);
    race_end(&race);
    pair_remove(&pair);
    peers_free(peers);
}
