/* SPDX-License-Identifier: Apache-2.0 */
/* A life of a store in steps, each of them one commit at most, with every kind of write. */
#ifndef TESTS_IO_LIFE_H
#define TESTS_IO_LIFE_H

#include <stdbool.h>

#include "tgstore.h"

struct life {
    char url[160];
    const char *name;     /* of its session */
    const char *database; /* its path */
    const char *copy;     /* where backups go; each replaces the one before */
    bool exclusive;       /* no other connection gets in */
    tgs_store *store;
    tgs_session *me, *other, *leased;
    tgs_queue_item claimed;
    tgs_rows *claim; /* holds what `claimed` points to */
    int64_t n;       /* of the step: it makes rows that no other step has made */
    tgs_error err;
};

struct life_step {
    const char *name;
    bool durable; /* when it returns, it and all before is safe from a power cut, whatever the durability */
    tgs_status (*run)(struct life *life);
};

extern const struct life_step life_steps[];
extern const size_t n_life_steps;
/* A short one, for a store that is there; it begins with opening it as well. */
extern const struct life_step second_life_steps[];
extern const size_t n_second_life_steps;
/* One with a checkpoint in the middle, which comes by itself (durability=normal: after 16 MB). */
extern const struct life_step large_life_steps[];
extern const size_t n_large_life_steps;

/* Its last step leaves the store open. */
void life_end(struct life *life);

#endif
