/* SPDX-License-Identifier: Apache-2.0 */
/* The memory of the library and of SQLite, which runs out at the n-th allocation. */
#ifndef TESTS_HEAP_H
#define TESTS_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Before anything else of the library or of SQLite is called. */
void heap_install(void);

/* Let allocation number n (from 1, of both) fail, and with `onward` all that follow it, until heap_recover.
 */
void heap_fail(long n, bool onward);
void heap_recover(void);

/* Note from where each allocation is asked for, until heap_recover; n: how many there were. */
struct heap_request {
    uint64_t place; /* the functions of the library and of SQLite that led to it */
    bool library;   /* its own, not SQLite's */
    long n;         /* its number, from 1 */
};
void heap_watch(void);
const struct heap_request *heap_requests(size_t *n);

/* Since heap_fail: how many were asked for, and has one failed? */
long heap_asked(void);
bool heap_failed(void);

/* Allocations not given back so far. */
long heap_live_library(void);
long heap_live_sqlite(void);

#endif
