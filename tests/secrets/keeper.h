/* SPDX-License-Identifier: Apache-2.0 */
/* What the memory that keeper.c gives out looks like, to whoever reads it from outside. */
#ifndef TESTS_SECRETS_KEEPER_H
#define TESTS_SECRETS_KEEPER_H

#include <stdatomic.h>
#include <stdint.h>

/* Names of the mappings, as /proc/PID/maps shows them after "/memfd:". */
#define KEPT_HEAP "kept-heap"     /* what malloc gave */
#define KEPT_SQLITE "kept-sqlite" /* what SQLite took for itself */
#define KEPT_SIZE ((uint64_t)1 << 30)

/* At the beginning of each mapping; chunks follow, one behind the other. */
struct kept {
    _Atomic uint64_t used; /* bytes, with this struct */
    uint64_t reserved[3];
};

/* In front of each piece of memory. */
struct kept_chunk {
    uint64_t size;  /* without this struct; a multiple of 16 */
    uint64_t asked; /* by the program */
    uint64_t freed;
    uint64_t caller; /* address of the code that called malloc */
};

#endif
