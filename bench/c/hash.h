/* SPDX-License-Identifier: Apache-2.0 */
/* The rival in memory: a hash table behind a mutex, one piece of memory a row.  Rows are copied in and out
 * with their texts; a put replaces the row. */
#ifndef BENCH_HASH_H
#define BENCH_HASH_H

#include <tgstore.h>

struct hash;

struct hash *hash_new(void);
void hash_free(struct hash *hash);
/* All under one lock. */
void hash_put(struct hash *hash, const tgs_peer *peers, size_t count);
/* A copy in one piece of memory, or NULL; free() it. */
tgs_peer *hash_get(struct hash *hash, int32_t kind, int64_t id);

#endif
