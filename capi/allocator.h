/* SPDX-License-Identifier: Apache-2.0 */
/* All memory that the library takes, back ends included: from the C library, or from where the program said
 * (tgs_allocator_set).  No other file calls malloc and its like; tests/abi looks. */
#ifndef CAPI_ALLOCATOR_H
#define CAPI_ALLOCATOR_H

#include <stddef.h>

/* Not cleared; NULL when out of memory.  0 bytes are memory, too. */
void *mem_alloc(size_t size);
/* n of `size` bytes, cleared. */
void *mem_zeroed(size_t n, size_t size);
/* Like realloc, `memory` nullable.  What it leaves behind is not overwritten: not for secrets. */
void *mem_resize(void *memory, size_t size);
void mem_free(void *memory); /* nullable */

#endif
