/* SPDX-License-Identifier: Apache-2.0 */
/* The floor: one table, one statement a row, no merging, no names that belong to anybody. */
#ifndef BENCH_FLOOR_H
#define BENCH_FLOOR_H

#include <tgstore.h>

struct floor_db;

struct floor_db *floor_open(const char *path);
void floor_close(struct floor_db *floor);
/* In one transaction. */
void floor_put(struct floor_db *floor, const tgs_peer *peers, size_t count);

#endif
