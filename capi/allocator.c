/* SPDX-License-Identifier: Apache-2.0 */
#include "allocator.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "error.h"

/* Set before the first allocation, and never again: what one allocator gave no other could take back.  So it
 * is read without a lock. */
static tgs_allocator chosen; /* without functions: the C library's */
static atomic_bool settled;

static void settle(void) {
    if (!atomic_load_explicit(&settled, memory_order_relaxed))
        atomic_store_explicit(&settled, true, memory_order_relaxed);
}

void *mem_alloc(size_t size) {
    settle();
    if (!size) size = 1;
    return chosen.alloc ? chosen.alloc(chosen.context, size) : malloc(size);
}

/* The C library knows which pages are clear already. */
void *mem_zeroed(size_t n, size_t size) {
    settle();
    if (!chosen.alloc) return calloc(n, size);
    if (size && n > SIZE_MAX / size) return NULL;
    void *memory = mem_alloc(n * size);
    return memory ? memset(memory, 0, n * size) : NULL;
}

void *mem_resize(void *memory, size_t size) {
    if (!memory) return mem_alloc(size);
    if (!size) size = 1;
    return chosen.resize ? chosen.resize(chosen.context, memory, size) : realloc(memory, size);
}

void mem_free(void *memory) {
    if (!memory) return;
    if (chosen.release)
        chosen.release(chosen.context, memory);
    else
        free(memory);
}

static tgs_status check_allocator(const tgs_allocator *allocator, tgs_error *err) {
    if (!allocator) return error_set(err, TGS_E_INVALID, "allocator is NULL");
    if (allocator->size < sizeof *allocator)
        return error_set(err, TGS_E_INVALID, "allocator->size is %zu; set it to sizeof(tgs_allocator)",
                         allocator->size);
    if (!all_zero(allocator->reserved, sizeof allocator->reserved) ||
        !all_zero(allocator + 1, allocator->size - sizeof *allocator))
        return error_set(err, TGS_E_UNSUPPORTED,
                         "allocator has members that this version of tgstore does not know");
    if (!allocator->alloc || !allocator->resize || !allocator->release)
        return error_set(err, TGS_E_INVALID, "allocator lacks one of alloc, resize and release");
    return TGS_OK;
}

TGS_API tgs_status tgs_allocator_set(const tgs_allocator *allocator, tgs_error *err) {
    error_clear(err);
    tgs_status status = check_allocator(allocator, err);
    if (status != TGS_OK) return status;
    if (atomic_exchange(&settled, true))
        return error_set(err, TGS_E_INVALID,
                         "too late: the library has its memory from elsewhere; set the allocator first");
    memcpy(&chosen, allocator, sizeof chosen);
    return TGS_OK;
}
