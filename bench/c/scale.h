/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of tgstore-bench-scale share. */
#ifndef BENCH_SCALE_H
#define BENCH_SCALE_H

#include <stddef.h>
#include <stdint.h>

/* Print a measurement: "get by id" of `count` peers takes `value` `unit`. */
void say(const char *what, size_t count, double value, const char *unit);
double now_us(void);
/* Memory of this process that is not shared with others, in 1,000,000 bytes. */
double own_memory(void);

/* Each takes the sizes at which to measure, the smallest first. */
void scale_peers(const char *url, const size_t *counts, size_t n_counts);
void scale_sessions(const char *url, const size_t *counts, size_t n_counts);
void scale_prune(const char *url, const size_t *counts, size_t n_counts);
void scale_steady(const char *url, const size_t *counts, size_t n_counts);
void scale_lane(const char *url, const size_t *counts, size_t n_counts);
/* The same with the one size of an empty store. */
void scale_queue(const char *url, size_t items, size_t lanes, size_t workers);

#endif
