/* SPDX-License-Identifier: Apache-2.0 */
/* A life of a store, from open to close, through every function that allocates. */
#ifndef TESTS_SCENARIO_H
#define TESTS_SCENARIO_H

#include <stdbool.h>

#include "tgstore.h"

struct world {
    const char *url;          /* of the store */
    const char *session_file; /* to import */
    const char *backup;       /* where to put a backup; "" if the back end has none */
    tgs_store *store;
    tgs_session *session;
    tgs_session *leased;
    tgs_batch *batch;
    tgs_snapshot *snapshot;
    int64_t token; /* of the claimed item */
};

/* A step does one call.  It succeeds only once: done twice, or after a failed attempt that left a trace, it
 * fails.  So repeating a failed step shows that nothing had been changed. */
struct step {
    const char *name;
    tgs_status (*run)(struct world *world, tgs_error *err);
    bool in_parts; /* a part of it may be done when it fails */
};

#define MAX_STEPS 64
extern const struct step steps[];
extern const size_t n_steps; /* at most MAX_STEPS */

#endif
