/* SPDX-License-Identifier: Apache-2.0 */
/* Every public function: those that may run out of memory, as operations that are tried with each allocation
 * failing, and those that take none. */
#ifndef TESTS_OPERATIONS_H
#define TESTS_OPERATIONS_H

#include "world.h"

/* Where an operation is tried */
#define ON_MEMORY 1
#define ON_SQLITE 2
#define ON_BOTH 3
#define ON_VARIANTS 4  /* and on SQLite with locking=exclusive and with durability=full */
#define ON_READ_ONLY 8 /* and with mode=ro */

#define STORE_CLOSED 16 /* the world's store is not open: the operation opens it */
#define STORE_COLD 32   /* it is open, but nobody has used it */
#define IN_STEPS 64     /* one that failed midway may have done a part, and goes on when it is repeated */

struct operation {
    const char *function; /* the one under test */
    const char *what;
    int where;                            /* bits above */
    tgs_status expected;                  /* without faults */
    const char *argument;                 /* nullable; world->argument */
    void (*prepare)(struct world *world); /* nullable */
    /* Do the call, once, and leave what it gives in the world. */
    tgs_status (*run)(struct world *world, tgs_error *err);
    /* IN_STEPS, nullable: what is wrong with what a call that failed has done. */
    const char *(*check_part)(const struct world *world);
};

extern const struct operation operations[];
extern const size_t n_operations;

/* Functions that take no memory, whatever they are given. */
struct quiet_function {
    const char *function;
    void (*run)(struct world *world);
};

extern const struct quiet_function quiet_functions[];
extern const size_t n_quiet_functions;
/* What they need. */
void prepare_quiet_functions(struct world *world);

#endif
