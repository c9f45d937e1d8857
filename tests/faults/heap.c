/* SPDX-License-Identifier: Apache-2.0 */
#include "heap.h"

#include <execinfo.h>
#include <limits.h>
#include <sqlite3.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tgstore.h"

static struct {
    long n; /* the allocation that fails; LONG_MAX: none */
    bool onward;
    long asked, failed;
    long live_library, live_sqlite;
} heap = {.n = LONG_MAX};
static bool watching;

void heap_fail(long n, bool onward) {
    heap.n = n;
    heap.onward = onward;
    heap.asked = heap.failed = 0;
}

void heap_recover(void) {
    heap.n = LONG_MAX;
    watching = false;
}

long heap_asked(void) { return heap.asked; }
bool heap_failed(void) { return heap.failed > 0; }
long heap_live_library(void) { return heap.live_library; }
long heap_live_sqlite(void) { return heap.live_sqlite; }

/* --- who asks ----------------------------------------------------------------------------------- */

static struct heap_request requests[1 << 16];
static size_t n_requests;

void heap_watch(void) {
    watching = true;
    n_requests = 0;
}

const struct heap_request *heap_requests(size_t *n) {
    *n = n_requests;
    return requests;
}

/* The test's own functions do not count. */
static bool is_ours(const void *address) {
    extern const char __executable_start[], etext[]; /* the linker's */
    return (uintptr_t)address >= (uintptr_t)__executable_start && (uintptr_t)address < (uintptr_t)etext;
}

static void note_request(bool library) {
    void *callers[128];
    int depth = backtrace(callers, sizeof callers / sizeof *callers);
    uint64_t hash = 14695981039346656037u; /* FNV-1a, by addresses */
    for (int i = 0; i < depth; i++)
        if (!is_ours(callers[i])) hash = (hash ^ (uintptr_t)callers[i]) * 1099511628211u;
    if (n_requests == sizeof requests / sizeof *requests) abort();
    requests[n_requests] = (struct heap_request){hash, library, (long)n_requests + 1};
    n_requests++;
}

static bool fails(bool library) {
    if (watching) note_request(library);
    if (heap.n == LONG_MAX) return false;
    heap.asked++;
    if (heap.asked < heap.n || (heap.asked > heap.n && !heap.onward)) return false;
    heap.failed++;
    return true;
}

/* --- the library's ------------------------------------------------------------------------------ */

/* In front of each piece, so that it can be moved. */
union head {
    size_t size;
    max_align_t alignment;
};

static void *take(void *context, size_t size) {
    (void)context;
    if (fails(true)) return NULL;
    union head *head = malloc(sizeof *head + size);
    if (!head) abort();
    head->size = size;
    memset(head + 1, 0xa5, size); /* not cleared, says the header */
    heap.live_library++;
    return head + 1;
}

static void give_back(void *context, void *memory) {
    (void)context;
    union head *head = memory;
    head--;
    memset(head + 1, 0x5a, head->size);
    heap.live_library--;
    free(head);
}

/* Always elsewhere, so that a pointer to the old place shows. */
static void *move(void *context, void *memory, size_t size) {
    void *moved = take(context, size);
    if (!moved) return NULL;
    size_t old = ((union head *)memory - 1)->size;
    memcpy(moved, memory, old < size ? old : size);
    give_back(context, memory);
    return moved;
}

/* --- SQLite's ----------------------------------------------------------------------------------- */

static sqlite3_mem_methods original;

static void *sqlite_take(int size) {
    void *memory = fails(false) ? NULL : original.xMalloc(size);
    if (memory) heap.live_sqlite++;
    return memory;
}

static void *sqlite_move(void *memory, int size) {
    return fails(false) ? NULL : original.xRealloc(memory, size);
}

static void sqlite_give_back(void *memory) {
    heap.live_sqlite--;
    original.xFree(memory);
}

void heap_install(void) {
    tgs_allocator allocator = {.size = sizeof allocator, .alloc = take, .resize = move, .release = give_back};
    bool done = tgs_allocator_set(&allocator, NULL) == TGS_OK &&
                sqlite3_config(SQLITE_CONFIG_GETMALLOC, &original) == SQLITE_OK;
    sqlite3_mem_methods methods = original;
    methods.xMalloc = sqlite_take;
    methods.xRealloc = sqlite_move;
    methods.xFree = sqlite_give_back;
    if (done && sqlite3_config(SQLITE_CONFIG_MALLOC, &methods) == SQLITE_OK) return;
    fprintf(stderr, "the allocators can't be set\n");
    abort();
}
