/* SPDX-License-Identifier: Apache-2.0 */
/* tgstore-bench-scale: one kind of store grows, and is measured at some sizes.  bench/scale.py runs this,
 * each time anew so that memory is counted from nothing, and makes rows of what it prints. */
#include "scale.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "measure.h"

#define MAX_COUNTS 16

void say(const char *what, size_t count, double value, const char *unit) {
    printf("{\"what\": \"%s\", \"count\": %zu, \"value\": %.6g, \"unit\": \"%s\"}\n", what, count, value,
           unit);
    fflush(stdout);
}

double now_us(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

double own_memory(void) {
    malloc_trim(0); /* what was freed does not count */
    long size, resident, shared;
    FILE *file = fopen("/proc/self/statm", "r");
    /* NOLINTNEXTLINE(cert-err34-c): the kernel gives numbers */
    if (!file || fscanf(file, "%ld %ld %ld", &size, &resident, &shared) != 3) die("no /proc/self/statm");
    fclose(file);
    return (double)(resident - shared) * (double)sysconf(_SC_PAGESIZE) / 1e6;
}

static size_t number(const char *text) {
    char *end;
    size_t value = strtoull(text, &end, 10);
    if (!value || *end) die("%s is not a number of things", text);
    return value;
}

static const struct {
    const char *name;
    void (*run)(const char *url, const size_t *counts, size_t n_counts);
} parts[] = {
    {"peers", scale_peers},   {"sessions", scale_sessions}, {"prune", scale_prune},
    {"steady", scale_steady}, {"lane", scale_lane},
};

int main(int argc, char **argv) {
    size_t numbers[MAX_COUNTS], n = 0;
    if (argc < 4 || argc - 3 > MAX_COUNTS)
        die("give peers|sessions|prune|steady|lane URL COUNT..., or queue URL ITEMS LANES WORKERS");
    for (int i = 3; i < argc; i++) numbers[n++] = number(argv[i]);
    if (strcmp(argv[1], "queue") == 0 && n == 3) {
        scale_queue(argv[2], numbers[0], numbers[1], numbers[2]);
        return 0;
    }
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (strcmp(argv[1], parts[i].name) == 0) {
            parts[i].run(argv[2], numbers, n);
            return 0;
        }
    die("%s is nothing that grows", argv[1]);
}
