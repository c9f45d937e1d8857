/* SPDX-License-Identifier: Apache-2.0 */
/* Peers as a client meets them, the same in every run. */
#ifndef BENCH_PEERS_H
#define BENCH_PEERS_H

#include <tgstore.h>

struct peers {
    tgs_peer *rows;
    size_t count;
    tgs_str *names; /* of the usernames that are given, one a row */
    char *texts;
    size_t used;
};

/* Users 60 %, chats 5 %, channels 35 %; half have a username, a quarter of the users a phone.  They were seen
 * long ago, so that who puts one again has something to write. */
struct peers *peers_make(size_t count);
/* Those with the numbers from `first` on, seen when they are put. */
struct peers *peers_make_from(size_t first, size_t count);
/* `count` of the first `total`, at random. */
struct peers *peers_pick(size_t total, size_t count, uint64_t seed);
/* All of them seen again, in random order: 80 % as they were, 15 % with another first name, 5 % with
 * another username.  What did not change points into `peers`.  times: 1 for the first time, 2, ... */
struct peers *peers_make_seen_again(const struct peers *peers, unsigned times);
void peers_free(struct peers *peers);

/* The numbers from 0 to count - 1 in random order; free() it. */
size_t *random_order(size_t count, uint64_t seed);
/* The i-th of a row of random numbers. */
uint64_t random_number(uint64_t seed, uint64_t i);

#endif
