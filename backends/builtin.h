/* SPDX-License-Identifier: Apache-2.0 */
/* The back ends that are linked into the library: what a module exports as tgs_backend_entry, each
 * under its own name. */
#ifndef BACKENDS_BUILTIN_H
#define BACKENDS_BUILTIN_H

#include "tgstore/backend.h"

const tgs_backend *memory_backend_entry(uint32_t abi, const tgs_host *host);
const tgs_backend *sqlite_backend_entry(uint32_t abi, const tgs_host *host);

#endif
