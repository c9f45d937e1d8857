/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that is taken in many pieces and given back in one. */
#ifndef CAPI_ARENA_H
#define CAPI_ARENA_H

#include <stdbool.h>
#include <string.h>

#include "tgstore.h"

/* Zero-initialised is empty.  `secret`: overwritten before it is freed. */
struct arena {
    struct arena_block *blocks; /* the newest first */
    char *next, *end;           /* what is free of the newest */
    bool secret;
};

/* Use this memory first, which stays the caller's and must outlive the arena.  For an empty arena; `memory`
 * is aligned for anything, `size` at least ARENA_LEAST. */
void arena_lend(struct arena *arena, void *memory, size_t size);
#define ARENA_LEAST 64

/* `size` bytes, aligned for anything, not cleared; NULL when out of memory. */
void *arena_alloc(struct arena *arena, size_t size);
/* The same from a new block. */
void *arena_alloc_more(struct arena *arena, size_t size);

/* The same without alignment, for texts and blobs. */
static inline void *arena_alloc_bytes(struct arena *arena, size_t size) {
    if (!arena->next || (size_t)(arena->end - arena->next) < size) return arena_alloc_more(arena, size);
    void *memory = arena->next;
    arena->next += size;
    return memory;
}

/* Copies with a terminator that is not counted.  A NULL ptr stays NULL.  False: out of memory. */
static inline bool arena_text(struct arena *arena, tgs_str text, tgs_str *copy) {
    *copy = (tgs_str){NULL, 0};
    if (!text.ptr) return true;
    char *to = text.len < SIZE_MAX ? arena_alloc_bytes(arena, text.len + 1) : NULL;
    if (!to) return false;
    if (text.len) memcpy(to, text.ptr, text.len);
    to[text.len] = '\0';
    *copy = (tgs_str){to, text.len};
    return true;
}
bool arena_bytes(struct arena *arena, tgs_bytes bytes, tgs_bytes *copy);

/* Give everything back; the arena is empty then. */
void arena_free(struct arena *arena);
/* The same, but keep one block for use anew. */
void arena_reset(struct arena *arena);

#endif
