/* SPDX-License-Identifier: Apache-2.0 */
/* Peers put into SQLite: new ones, and all of them again. */
#include <stdio.h>

#include "cases.h"
#include "check.h"
#include "floor.h"
#include "measure.h"
#include "pair.h"

#define BATCH 100

/* --- who writes -------------------------------------------------------------------------------- */

enum { OURS, REFERENCE, FLOOR, WRITERS };

static void put_ours(void *self, const tgs_peer *peers, size_t count) { ours_put(self, peers, count); }
static void load_ours(void *self, const tgs_peer *peers, size_t count) { ours_load(self, peers, count); }
static void put_reference(void *self, const tgs_peer *peers, size_t count) {
    reference_put_peers(self, peers, count);
}
static void load_reference(void *self, const tgs_peer *peers, size_t count) {
    reference_load_peers(self, peers, count);
}
static void put_floor(void *self, const tgs_peer *peers, size_t count) { floor_put(self, peers, count); }

typedef void (*put)(void *self, const tgs_peer *peers, size_t count);

struct databases {
    struct path paths[WRITERS];
    struct ours *ours;
    struct reference *reference;
    struct floor_db *floor;
};

static struct databases databases_open(const char *folder) {
    struct databases databases = {.paths = {files_path(folder, "ours.db"), files_path(folder, "reference.db"),
                                            files_path(folder, "floor.db")}};
    databases.ours = ours_open_file(&databases.paths[OURS], false);
    databases.reference = reference_create(databases.paths[REFERENCE].text, false);
    databases.floor = floor_open(databases.paths[FLOOR].text);
    return databases;
}

static void databases_close(struct databases *databases) {
    ours_close(databases->ours);
    reference_close(databases->reference);
    floor_close(databases->floor);
    for (size_t i = 0; i < WRITERS; i++) files_remove(databases->paths[i].text);
}

/* --- the race ------------------------------------------------------------------------------------ */

/* Put all of `rows`: part by part, and each part in batches. */
struct writing {
    put put;
    void *self;
    const tgs_peer *rows;
    size_t count, part_rows, batch_rows;
};

static void write_part(void *self, size_t part) {
    const struct writing *writing = self;
    size_t from = part * writing->part_rows, to = from + writing->part_rows;
    if (to > writing->count) to = writing->count;
    for (size_t i = from; i < to; i += writing->batch_rows)
        writing->put(writing->self, writing->rows + i,
                     to - i < writing->batch_rows ? to - i : writing->batch_rows);
}

struct manner {
    const char *name;
    put puts[WRITERS];
    size_t part_rows, batch_rows;
};

static const struct manner manners[] = {
    {"in batches of 100", {put_ours, put_reference, put_floor}, (size_t)20 * BATCH, BATCH},
    /* each part a load in chunks of the limit; the floor has no other way than the reference */
    {"by load", {load_ours, load_reference, put_floor}, (size_t)4 * TGS_MAX_ROWS, (size_t)4 * TGS_MAX_ROWS},
};

static void write_all(struct race *race, const struct databases *databases, const struct manner *manner,
                      const struct peers *peers) {
    void *const selves[WRITERS] = {databases->ours, databases->reference, databases->floor};
    struct writing writings[WRITERS];
    struct contender contenders[WRITERS];
    for (size_t i = 0; i < WRITERS; i++) {
        writings[i] = (struct writing){.put = manner->puts[i],
                                       .self = selves[i],
                                       .rows = peers->rows,
                                       .count = peers->count,
                                       .part_rows = manner->part_rows,
                                       .batch_rows = manner->batch_rows};
        contenders[i] = (struct contender){write_part, &writings[i]};
    }
    race_round(race, contenders);
}

static void report_race(const struct bench *bench, const struct race *race, const char *what,
                        const struct manner *manner, size_t count) {
    struct row row = {.backend = "sqlite",
                      .ours = race_sum(race, OURS) / 1000 / (double)count,
                      .reference = race_sum(race, REFERENCE) / 1000 / (double)count,
                      .unit = "us/row",
                      .target = 1.15,
                      .against = AGAINST_REFERENCE};
    snprintf(row.name, sizeof row.name, "put %s %s", what, manner->name);
    report(bench, &row);
    snprintf(row.name, sizeof row.name, "put %s %s, over the floor", what, manner->name);
    row.reference = race_sum(race, FLOOR) / 1000 / (double)count;
    row.target = 0;
    row.against = AGAINST_FLOOR;
    report(bench, &row);
}

/* The passes over one database.  Known peers were not seen for long, so each is written; of those that were
 * seen within the minute only what changed is. */
enum { NEW, KNOWN, JUST_SEEN, PASSES };
static const char *const passes[PASSES] = {"new peers", "known peers", "peers just seen"};

static bool any_wanted(const struct bench *bench, const struct manner *manner) {
    for (size_t pass = 0; pass < PASSES; pass++)
        if (wanted(bench, "put %s %s, over the floor", passes[pass], manner->name)) return true;
    return false;
}

static void run_manner(const struct bench *bench, const struct manner *manner, struct peers *const *peers) {
    if (!any_wanted(bench, manner)) return;
    struct race races[PASSES];
    size_t count = peers[NEW]->count, n_parts = (count + manner->part_rows - 1) / manner->part_rows;
    for (size_t pass = 0; pass < PASSES; pass++) race_begin(&races[pass], WRITERS, n_parts);
    for (int round = 0; round < (bench->tiny || bench->quick ? 1 : 4); round++) {
        progress("putting %zu peers %s, round %d", count, manner->name, round + 1);
        struct databases databases = databases_open(bench->folder);
        for (size_t pass = 0; pass < PASSES; pass++) {
            write_all(&races[pass], &databases, manner, peers[pass]);
            if (!round) check_same_peers(databases.ours, databases.reference, peers[pass]->rows, count);
        }
        databases_close(&databases);
    }
    for (size_t pass = 0; pass < PASSES; pass++) {
        report_race(bench, &races[pass], passes[pass], manner, count);
        race_end(&races[pass]);
    }
}

void sqlite_put_cases(const struct bench *bench) {
    struct peers *peers[PASSES];
    peers[NEW] = peers_make(bench->tiny ? 1000 : 100000);
    for (unsigned pass = 1; pass < PASSES; pass++) peers[pass] = peers_make_seen_again(peers[pass - 1], pass);
    for (size_t i = 0; i < sizeof manners / sizeof *manners; i++) run_manner(bench, &manners[i], peers);
    for (size_t pass = 0; pass < PASSES; pass++) peers_free(peers[pass]);
}
