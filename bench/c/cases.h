/* SPDX-License-Identifier: Apache-2.0 */
/* The cases, in groups that share their data. */
#ifndef BENCH_CASES_H
#define BENCH_CASES_H

#include "report.h"

#define AGAINST_REFERENCE "hand-written sqlite3"
#define AGAINST_FLOOR "one-table upsert"
#define AGAINST_HASH "hash table behind a mutex"

void sqlite_put_cases(const struct bench *bench);
void sqlite_get_cases(const struct bench *bench);
void sqlite_list_cases(const struct bench *bench);
void sqlite_small_cases(const struct bench *bench);
void sqlite_open_cases(const struct bench *bench);
void memory_cases(const struct bench *bench);

#endif
