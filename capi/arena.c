/* SPDX-License-Identifier: Apache-2.0 */
#include "arena.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE 4096
#define ALIGNMENT 16

struct arena_block {
    struct arena_block *next;
    size_t size, used;
    size_t padding; /* keeps the memory behind it aligned */
};
_Static_assert(sizeof(struct arena_block) % ALIGNMENT == 0, "blocks must keep alignment");

static struct arena_block *new_block(struct arena *arena, size_t least) {
    /* Grow with what is there, so that big results need few blocks. */
    size_t size = arena->blocks ? arena->blocks->size * 2 : BLOCK_SIZE;
    if (size > (size_t)1 << 20) size = (size_t)1 << 20;
    if (size < least) size = least;
    struct arena_block *block = malloc(sizeof *block + size);
    if (!block) return NULL;
    block->size = size;
    block->used = 0;
    block->next = arena->blocks;
    arena->blocks = block;
    return block;
}

void *arena_alloc(struct arena *arena, size_t size) {
    if (size > SIZE_MAX / 2) return NULL;
    size = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    struct arena_block *block = arena->blocks;
    if (!block || block->size - block->used < size) block = new_block(arena, size);
    if (!block) return NULL;
    void *memory = (char *)(block + 1) + block->used;
    block->used += size;
    return memory;
}

static void *copy_terminated(struct arena *arena, const void *from, size_t len) {
    char *copy = len < SIZE_MAX ? arena_alloc(arena, len + 1) : NULL;
    if (!copy) return NULL;
    if (len) memcpy(copy, from, len);
    copy[len] = '\0';
    return copy;
}

bool arena_text(struct arena *arena, tgs_str text, tgs_str *copy) {
    *copy = (tgs_str){NULL, 0};
    if (!text.ptr) return true;
    copy->ptr = copy_terminated(arena, text.ptr, text.len);
    copy->len = copy->ptr ? text.len : 0;
    return copy->ptr != NULL;
}

bool arena_bytes(struct arena *arena, tgs_bytes bytes, tgs_bytes *copy) {
    *copy = (tgs_bytes){NULL, 0};
    if (!bytes.ptr) return true;
    copy->ptr = copy_terminated(arena, bytes.ptr, bytes.len);
    copy->len = copy->ptr ? bytes.len : 0;
    return copy->ptr != NULL;
}

static void wipe(const struct arena *arena, struct arena_block *block) {
    if (arena->secret) explicit_bzero(block + 1, block->used);
}

void arena_free(struct arena *arena) {
    for (struct arena_block *block = arena->blocks; block;) {
        struct arena_block *next = block->next;
        wipe(arena, block);
        free(block);
        block = next;
    }
    arena->blocks = NULL;
}

void arena_reset(struct arena *arena) {
    struct arena_block *kept = arena->blocks;
    if (!kept) return;
    struct arena rest = {kept->next, arena->secret};
    arena_free(&rest);
    wipe(arena, kept);
    kept->next = NULL;
    kept->used = 0;
}
