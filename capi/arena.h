/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that is taken in many pieces and given back in one. */
#ifndef CAPI_ARENA_H
#define CAPI_ARENA_H

#include <stdbool.h>

#include "tgstore.h"

/* Zero-initialised is empty.  `secret`: overwritten before it is freed. */
struct arena {
    struct arena_block *blocks;
    bool secret;
};

/* `size` bytes, aligned for anything, not cleared; NULL when out of memory. */
void *arena_alloc(struct arena *arena, size_t size);
/* Copies with a terminator that is not counted.  A NULL ptr stays NULL.  False: out of memory. */
bool arena_text(struct arena *arena, tgs_str text, tgs_str *copy);
bool arena_bytes(struct arena *arena, tgs_bytes bytes, tgs_bytes *copy);
/* Give everything back; the arena is empty then. */
void arena_free(struct arena *arena);
/* The same, but keep one block for use anew. */
void arena_reset(struct arena *arena);

#endif
