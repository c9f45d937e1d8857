/* SPDX-License-Identifier: Apache-2.0 */
/* Lets each call of the scenario fail in every way, one fault after the other. */
#ifndef TESTS_PLAN_H
#define TESTS_PLAN_H

#include <stdbool.h>

#include "scenario.h"

/* How faults are made, and how far each step has come. */
struct plan {
    int fault;                                    /* which sort; for those who make them */
    bool onward;                                  /* all that follow fail, too */
    void (*arm)(const struct plan *plan, long n); /* let number n (from 1) fail */
    bool (*disarm)(void);                         /* true: one has failed */
    bool (*documented)(tgs_status status);
    uint64_t (*look)(struct world *world); /* nullable: a number for the state of the store */
    void (*end)(struct world *world);      /* after the last step: look at the store, and close it */
    long next[MAX_STEPS];                  /* the fault to try next in that step */
};

/* Live again and again, until each step has failed at each fault: it then gives a documented status, changes
 * nothing, and succeeds when it is repeated.  Returns how many faults there were. */
long fail_everywhere(struct world world, struct plan plan);

#endif
