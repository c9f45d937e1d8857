/* SPDX-License-Identifier: Apache-2.0 */
/* What the program was asked for, and the rows it prints. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stdbool.h>
#include <stddef.h>

struct bench {
    bool quick, tiny;
    const char *only;   /* a part of the names of the cases to run, or NULL */
    const char *folder; /* for databases */
};

struct row {
    char name[96];
    const char *backend;
    double ours, reference;
    const char *unit;
    double target; /* of ours / reference; 0: none */
    const char *against;
};

/* Is a case of this name, printf-like, asked for? */
bool wanted(const struct bench *bench, const char *name, ...) __attribute__((format(printf, 2, 3)));
/* Print a row, unless it is not asked for. */
void report(const struct bench *bench, const struct row *row);
/* Say on stderr what goes on. */
void progress(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* "100,000", in memory that lives until the eighth call after. */
const char *with_commas(size_t number);

#endif
