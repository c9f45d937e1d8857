/* SPDX-License-Identifier: Apache-2.0 */
/* The memory back end against a hash table. */
#include <stdio.h>
#include <stdlib.h>

#include "cases.h"
#include "check.h"
#include "hash.h"
#include "looks.h"
#include "measure.h"

#define PART_ROWS 2000 /* of each part of a race */
#define BATCH 100

/* One side of a race: `rows` put or got in batches. */
struct side {
    struct ours *ours;
    struct hash *hash;
    const tgs_peer *rows;
    const struct looks *looks;
    size_t batch;
};

static void put_in_ours(void *self, size_t part) {
    const struct side *side = self;
    for (size_t i = part * PART_ROWS; i < (part + 1) * PART_ROWS; i += side->batch)
        ours_put(side->ours, side->rows + i, side->batch);
}

static void put_in_hash(void *self, size_t part) {
    const struct side *side = self;
    for (size_t i = part * PART_ROWS; i < (part + 1) * PART_ROWS; i += side->batch)
        hash_put(side->hash, side->rows + i, side->batch);
}

static void get_from_ours(void *self, size_t part) {
    const struct side *side = self;
    for (size_t i = part * PART_ROWS; i < (part + 1) * PART_ROWS; i++) {
        const tgs_peer *peer = looks_at(side->looks, i);
        tgs_rows_free(ours_get(side->ours, peer->kind, peer->id));
    }
}

static void get_from_hash(void *self, size_t part) {
    const struct side *side = self;
    for (size_t i = part * PART_ROWS; i < (part + 1) * PART_ROWS; i++) {
        const tgs_peer *peer = looks_at(side->looks, i);
        free(hash_get(side->hash, peer->kind, peer->id));
    }
}

static void check_sample(struct side *side, const tgs_peer *peers, size_t count) {
    for (size_t i = 0; i < count; i += count / 500 + 1) {
        tgs_rows *rows = ours_get(side->ours, peers[i].kind, peers[i].id);
        tgs_peer *peer = hash_get(side->hash, peers[i].kind, peers[i].id);
        if (!peer) die("the hash table has lost a peer");
        check_same_peer(tgs_rows_data(rows, NULL), peer);
        free(peer);
        tgs_rows_free(rows);
    }
}

/* --- the cases ------------------------------------------------------------------------------------ */

enum { PUT_NEW, PUT_KNOWN, PUT_ONE, GET, CASES };
static const struct {
    const char *name, *unit;
    double target;
    size_t batch;
    void (*ours)(void *self, size_t part), (*hash)(void *self, size_t part);
} cases[CASES] = {
    [PUT_NEW] = {"memory: put new peers in batches of 100", "us/row", 3, BATCH, put_in_ours, put_in_hash},
    [PUT_KNOWN] = {"memory: put known peers in batches of 100", "us/row", 3, BATCH, put_in_ours, put_in_hash},
    [PUT_ONE] = {"memory: put one known peer", "us/call", 3, 1, put_in_ours, put_in_hash},
    [GET] = {"memory: get by id", "us/call", 2, 1, get_from_ours, get_from_hash},
};

/* All cases once, on new stores. */
static void run_round(struct race *races, const struct peers *peers, const struct peers *again,
                      const struct looks *looks, bool check) {
    struct side side = {.ours = ours_open("memory:", NULL), .hash = hash_new(), .looks = looks};
    for (size_t i = 0; i < CASES; i++) {
        side.rows = i == PUT_NEW ? peers->rows : again->rows;
        side.batch = cases[i].batch;
        const struct contender contenders[] = {{cases[i].ours, &side}, {cases[i].hash, &side}};
        race_round(&races[i], contenders);
        if (check) check_sample(&side, peers->rows, peers->count);
    }
    ours_close(side.ours);
    hash_free(side.hash);
}

void memory_cases(const struct bench *bench) {
    bool any = false;
    for (size_t i = 0; i < CASES; i++) any |= wanted(bench, "%s", cases[i].name);
    if (!any) return;
    struct race races[CASES];
    size_t n_parts = bench->tiny ? 1 : 50;
    struct peers *peers = peers_make(n_parts * PART_ROWS);
    struct peers *again = peers_make_seen_again(peers, 1);
    struct looks looks = looks_make(peers->rows, peers->count, BY_ID);
    for (size_t i = 0; i < CASES; i++) race_begin(&races[i], 2, n_parts);
    for (int round = 0; round < (bench->tiny ? 1 : bench->quick ? 3 : 8); round++) {
        progress("memory, round %d", round + 1);
        run_round(races, peers, again, &looks, round == 0);
    }
    double calls = (double)(n_parts * PART_ROWS) * 1000;
    for (size_t i = 0; i < CASES; i++) {
        struct row row = {.backend = "memory",
                          .ours = race_sum(&races[i], 0) / calls,
                          .reference = race_sum(&races[i], 1) / calls,
                          .unit = cases[i].unit,
                          .target = cases[i].target,
                          .against = AGAINST_HASH};
        snprintf(row.name, sizeof row.name, "%s", cases[i].name);
        report(bench, &row);
        race_end(&races[i]);
    }
    looks_free(&looks);
    peers_free(again);
    peers_free(peers);
}
