/* SPDX-License-Identifier: Apache-2.0 */
/* A store of tgstore's and one of the reference's, with the same peers in them. */
#ifndef BENCH_PAIR_H
#define BENCH_PAIR_H

#include "files.h"
#include "ours.h"
#include "peers.h"
#include "reference.h"
#include "report.h"

struct pair {
    struct path ours_path, reference_path;
    struct ours *ours; /* NULL: closed */
    struct reference *reference;
    struct peers *peers; /* there are more than are stored */
    size_t count;        /* stored */
};

#define MANY_PEERS 100000
#define TINY_PEERS 5000 /* with --tiny */

/* The pair that most cases share: many peers, stored once; made when it is first asked for, and open. */
struct pair *pair_shared(const struct bench *bench);
void pair_remove_shared(void);

void pair_open(struct pair *pair, bool full);
void pair_close(struct pair *pair);

struct ours *ours_open_file(const struct path *path, bool full);

#endif
