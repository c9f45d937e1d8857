/* SPDX-License-Identifier: Apache-2.0 */
/* Stands between the library (SQLite included) and libc, and lets the n-th call fail. */
#ifndef TESTS_INTERPOSE_H
#define TESTS_INTERPOSE_H

#include <stdbool.h>

enum fault { FAULT_ALLOCATION, FAULT_FILE_WRITE };

/* Let call number n (from 1) of that sort fail, and with `onward` all that follow it. */
void fault_arm(enum fault fault, long n, bool onward);
void fault_disarm(void);
/* Has a call failed since it was armed? */
bool fault_fired(void);

/* Allocations not freed so far. */
long live_allocations(void);

#endif
