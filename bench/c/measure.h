/* SPDX-License-Identifier: Apache-2.0 */
/* Timing: contenders take turns, part by part, since the machine has other things to do as well. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stdbool.h>
#include <stddef.h>

#define MAX_CONTENDERS 4

/* One line on stderr, and the end of the program. */
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

struct contender {
    void (*run)(void *self, size_t part);
    void *self;
};

/* Each does the same work, cut into parts.  Whatever disturbs a part can only add to its time, so the
 * smallest time of each part over all rounds is kept. */
struct race {
    size_t n_contenders, n_parts;
    double *best[MAX_CONTENDERS]; /* nanoseconds of each part */
};

void race_begin(struct race *race, size_t n_contenders, size_t n_parts);
/* Let the contenders do all parts once, in turns. */
void race_round(struct race *race, const struct contender *contenders);
/* Nanoseconds of all parts together. */
double race_sum(const struct race *race, size_t contender);
/* Nanoseconds of the part in the middle: for work that waits for the disk, whose parts are single calls. */
double race_median(const struct race *race, size_t contender);
void race_end(struct race *race);

#endif
