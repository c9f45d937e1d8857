/* SPDX-License-Identifier: Apache-2.0 */
/* A store of tgstore's and one of the reference's, with the same peers. */
#ifndef BENCH_PAIR_H
#define BENCH_PAIR_H

#include "files.h"
#include "ours.h"
#include "peers.h"
#include "reference.h"

struct pair {
    struct path ours_path, reference_path;
    struct ours *ours; /* NULL: closed */
    struct reference *reference;
};

/* Make both, with the first `count` of the peers, and leave them open. */
struct pair pair_make(const char *folder, const struct peers *peers, size_t count);
void pair_open(struct pair *pair, bool full);
void pair_close(struct pair *pair);
/* Close and remove. */
void pair_remove(struct pair *pair);

struct ours *ours_open_file(const struct path *path, bool full);

#endif
