/* SPDX-License-Identifier: Apache-2.0 */
/* Look-ups of one peer after the other, in random order. */
#ifndef BENCH_LOOKS_H
#define BENCH_LOOKS_H

#include "peers.h"

enum look { BY_ID, BY_USERNAME, BY_PHONE, LOOKS };
extern const char *const look_names[LOOKS]; /* "id", "username", "phone" */

/* Peers that can be looked up so. */
struct looks {
    const tgs_peer **peers;
    size_t count;
};

struct looks looks_make(const tgs_peer *peers, size_t count, enum look look);
void looks_free(struct looks *looks);
/* The i-th to look up; after the last one comes the first again. */
const tgs_peer *looks_at(const struct looks *looks, size_t i);

#endif
