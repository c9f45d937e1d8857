/* SPDX-License-Identifier: Apache-2.0 */
#include "measure.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

_Noreturn void die(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("tgstore-bench: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

static double now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

void race_begin(struct race *race, size_t n_contenders, size_t n_parts) {
    *race = (struct race){.n_contenders = n_contenders, .n_parts = n_parts};
    for (size_t i = 0; i < n_contenders; i++) {
        race->best[i] = malloc(n_parts * sizeof(double));
        if (!race->best[i]) die("out of memory");
        for (size_t part = 0; part < n_parts; part++) race->best[i][part] = INFINITY;
    }
}

void race_round(struct race *race, const struct contender *contenders) {
    for (size_t part = 0; part < race->n_parts; part++)
        for (size_t turn = 0; turn < race->n_contenders; turn++) {
            size_t i = (part + turn) % race->n_contenders; /* nobody is always the first */
            double begin = now_ns();
            contenders[i].run(contenders[i].self, part);
            double time = now_ns() - begin;
            if (time < race->best[i][part]) race->best[i][part] = time;
        }
}

double race_sum(const struct race *race, size_t contender) {
    double sum = 0;
    for (size_t part = 0; part < race->n_parts; part++) sum += race->best[contender][part];
    return sum;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double race_median(const struct race *race, size_t contender) {
    double *sorted = malloc(race->n_parts * sizeof *sorted);
    if (!sorted) die("out of memory");
    memcpy(sorted, race->best[contender], race->n_parts * sizeof *sorted);
    qsort(sorted, race->n_parts, sizeof *sorted, compare);
    double median = sorted[race->n_parts / 2];
    free(sorted);
    return median;
}

void race_end(struct race *race) {
    for (size_t i = 0; i < race->n_contenders; i++) free(race->best[i]);
}
