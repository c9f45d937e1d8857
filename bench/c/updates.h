/* SPDX-License-Identifier: Apache-2.0 */
/* What updates from Telegram change: who is in them, where the account stands, what tells a repetition, and
 * what is to be done. */
#ifndef BENCH_UPDATES_H
#define BENCH_UPDATES_H

#include "peers.h"
#include "reference.h"

#define UPDATE_PEERS 20
#define UPDATE_STATES 2
#define UPDATE_KEYS 5

struct updates {
    struct update *rows;
    size_t count;
    tgs_peer *peers;
    tgs_update_state *states;
    tgs_dedup *keys;
    char *texts;
};

/* Where the account stands after the i-th update. */
tgs_update_state updates_state(size_t i);

/* known: peers that are stored, seen again; fresh: `count` that are not. */
struct updates updates_make(size_t count, const struct peers *known, const tgs_peer *fresh);
void updates_free(struct updates *updates);

#endif
