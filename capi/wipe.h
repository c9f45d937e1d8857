/* SPDX-License-Identifier: Apache-2.0 */
/* Overwriting what held a secret. */
#ifndef CAPI_WIPE_H
#define CAPI_WIPE_H

#include <stddef.h>
#include <string.h>

/* Zeros, even if nobody reads them: compilers may leave out a memset before a free, but not this.  `memory`
 * may be NULL. */
static inline void wipe(void *memory, size_t size) {
    if (memory) explicit_bzero(memory, size);
}

#endif
