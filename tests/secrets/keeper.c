/* SPDX-License-Identifier: Apache-2.0 */
/* A library to be preloaded: memory that is freed is never given out again, so that what was left in it can
 * be seen for ever, and what SQLite takes is apart from what everybody else takes.
 *
 * It stops the process (SIGSTOP) where main has returned, for whoever wants to look at it then. */
#include "keeper.h"

#include <errno.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define ALIGNMENT 16

static struct kept *_Atomic heap, *_Atomic sqlite_heap;

static struct kept *map(const char *name) {
    int file = memfd_create(name, MFD_CLOEXEC);
    if (file < 0 || ftruncate(file, (off_t)KEPT_SIZE) != 0) abort();
    struct kept *kept = mmap(NULL, KEPT_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, file, 0);
    if (kept == MAP_FAILED) abort();
    close(file);
    atomic_store(&kept->used, sizeof *kept);
    return kept;
}

/* The loader allocates before any constructor runs, and alone. */
static struct kept *mapped(struct kept *_Atomic *which, const char *name) {
    if (!atomic_load(which)) atomic_store(which, map(name));
    return atomic_load(which);
}

static void *take(struct kept *kept, size_t size, void *caller) {
    if (size >= KEPT_SIZE) return NULL;
    uint64_t rounded = ((uint64_t)size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    uint64_t begin = atomic_fetch_add(&kept->used, sizeof(struct kept_chunk) + rounded);
    if (begin + sizeof(struct kept_chunk) + rounded > KEPT_SIZE) abort();
    struct kept_chunk *chunk = (struct kept_chunk *)((char *)kept + begin);
    *chunk = (struct kept_chunk){rounded, size, 0, (uint64_t)(uintptr_t)caller};
    return chunk + 1;
}

static struct kept_chunk *chunk_of(void *memory) { return (struct kept_chunk *)memory - 1; }

/* Memory is new each time, so it is zero. */
EXPORT void *malloc(size_t size) {
    void *memory = take(mapped(&heap, KEPT_HEAP), size, __builtin_return_address(0));
    if (!memory) errno = ENOMEM;
    return memory;
}

EXPORT void *calloc(size_t n, size_t size) {
    size_t bytes;
    bool fits = !__builtin_mul_overflow(n, size, &bytes);
    void *memory = fits ? take(mapped(&heap, KEPT_HEAP), bytes, __builtin_return_address(0)) : NULL;
    if (!memory) errno = ENOMEM;
    return memory;
}

EXPORT void free(void *memory) {
    if (memory) chunk_of(memory)->freed = 1;
}

/* It always moves, and leaves behind what was there. */
EXPORT void *realloc(void *memory, size_t size) {
    void *moved = take(mapped(&heap, KEPT_HEAP), size, __builtin_return_address(0));
    if (!moved) errno = ENOMEM;
    if (!moved || !memory) return moved;
    memcpy(moved, memory, chunk_of(memory)->asked < size ? chunk_of(memory)->asked : size);
    free(memory);
    return moved;
}

/* Nobody here needs these, and memory of the C library's own would hide what is in it. */
EXPORT void *memalign(size_t alignment, size_t size);
EXPORT void *memalign(size_t alignment, size_t size) {
    (void)alignment, (void)size;
    abort();
}

EXPORT void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

EXPORT int posix_memalign(void **memory, size_t alignment, size_t size) {
    *memory = memalign(alignment, size);
    return 0;
}

/* --- SQLite ---------------------------------------------------------------------------------- */

static void *sqlite_take(int size) {
    return take(mapped(&sqlite_heap, KEPT_SQLITE), (size_t)size, __builtin_return_address(0));
}

static void sqlite_give_back(void *memory) { free(memory); }

static int sqlite_size(void *memory) { return memory ? (int)chunk_of(memory)->size : 0; }

static void *sqlite_resize(void *memory, int size) {
    void *moved = sqlite_take(size);
    if (!moved || !memory) return moved;
    memcpy(moved, memory, chunk_of(memory)->asked < (size_t)size ? chunk_of(memory)->asked : (size_t)size);
    free(memory);
    return moved;
}

static int sqlite_round_up(int size) { return (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT; }

static int sqlite_begin(void *context) {
    (void)context;
    return SQLITE_OK;
}

static void sqlite_end(void *context) { (void)context; }

__attribute__((constructor)) static void take_sqlite(void) {
    static sqlite3_mem_methods methods = {sqlite_take,     sqlite_give_back, sqlite_resize, sqlite_size,
                                          sqlite_round_up, sqlite_begin,     sqlite_end,    NULL};
    if (sqlite3_config(SQLITE_CONFIG_MALLOC, &methods) != SQLITE_OK) abort();
}

__attribute__((destructor)) static void stop(void) { raise(SIGSTOP); }
