/* SPDX-License-Identifier: Apache-2.0 */
#include "arena.h"

#include <stdint.h>
#include <string.h>

#include "allocator.h"
#include "wipe.h"

#define FIRST_BLOCK 4096
#define LARGEST_BLOCK ((size_t)1 << 20)
#define ALIGNMENT 16

struct arena_block {
    struct arena_block *next;
    char *end;
    char *top; /* end of what was used, once there is a newer block */
    bool lent;
};
#define HEAD ((sizeof(struct arena_block) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT)
_Static_assert(ARENA_LEAST >= HEAD, "lent memory must hold the block's head");

static char *block_start(struct arena_block *block) { return (char *)block + HEAD; }

static void add_block(struct arena *arena, void *memory, size_t size, bool lent) {
    struct arena_block *block = memory;
    if (arena->blocks) arena->blocks->top = arena->next;
    *block = (struct arena_block){arena->blocks, (char *)memory + size, NULL, lent};
    arena->blocks = block;
    arena->next = block_start(block);
    arena->end = block->end;
}

void arena_lend(struct arena *arena, void *memory, size_t size) { add_block(arena, memory, size, true); }

/* Grow with what is there, so that big results need few blocks. */
static bool grow(struct arena *arena, size_t least) {
    if (least > SIZE_MAX / 2) return false;
    size_t size = FIRST_BLOCK;
    if (arena->blocks && !arena->blocks->lent) size = (size_t)(arena->end - (char *)arena->blocks) * 2;
    if (size > LARGEST_BLOCK) size = LARGEST_BLOCK;
    if (size < least + HEAD) size = least + HEAD;
    void *memory = mem_alloc(size);
    if (memory) add_block(arena, memory, size, false);
    return memory != NULL;
}

void *arena_alloc_more(struct arena *arena, size_t size) {
    if (!grow(arena, size)) return NULL;
    void *memory = arena->next;
    arena->next += size;
    return memory;
}

void *arena_alloc(struct arena *arena, size_t size) {
    size_t gap = -(uintptr_t)arena->next & (ALIGNMENT - 1);
    if (gap) { /* a new block begins aligned */
        size_t left = (size_t)(arena->end - arena->next);
        arena->next += gap < left ? gap : left;
    }
    return arena_alloc_bytes(arena, size);
}

bool arena_bytes(struct arena *arena, tgs_bytes bytes, tgs_bytes *copy) {
    tgs_str text;
    bool done = arena_text(arena, (tgs_str){(const char *)bytes.ptr, bytes.len}, &text);
    *copy = (tgs_bytes){(const uint8_t *)text.ptr, text.len};
    return done;
}

/* Give back blocks from this one on. */
static void release(const struct arena *arena, struct arena_block *block) {
    while (block) {
        struct arena_block *next = block->next;
        if (arena->secret) wipe(block_start(block), (size_t)(block->top - block_start(block)));
        if (!block->lent) mem_free(block);
        block = next;
    }
}

void arena_free(struct arena *arena) {
    if (!arena->blocks) return;
    arena->blocks->top = arena->next;
    release(arena, arena->blocks);
    *arena = (struct arena){.secret = arena->secret};
}

void arena_reset(struct arena *arena) {
    struct arena_block *kept = arena->blocks;
    if (!kept) return;
    release(arena, kept->next);
    kept->next = NULL;
    if (arena->secret) wipe(block_start(kept), (size_t)(arena->next - block_start(kept)));
    arena->next = block_start(kept);
}
