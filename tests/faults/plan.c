/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <limits.h>

#include "plan.h"

static void check_failure(const struct plan *plan, size_t i, tgs_status status, const tgs_error *err) {
    if (!plan->documented(status))
        fail_msg("%s: %s (%s) at fault %ld", steps[i].name, tgs_status_name(status), err->message,
                 plan->next[i]);
    if (err->code != status || !err->message[0])
        fail_msg("%s: %s, but the error says %d (%s) at fault %ld", steps[i].name, tgs_status_name(status),
                 err->code, err->message, plan->next[i]);
}

static uint64_t look(const struct plan *plan, struct world *world) {
    return plan->look && world->store ? plan->look(world) : 0;
}

/* Do a step with one fault after the other, until it succeeds; true if the last fault was never reached.  A
 * step that fails must have changed nothing, so that it can be done again. */
static bool do_step(struct plan *plan, struct world *world, size_t i) {
    uint64_t before = look(plan, world);
    for (bool open_outcome = false;; plan->next[i]++) {
        tgs_error err;
        plan->arm(plan, plan->next[i]);
        tgs_status status = steps[i].run(world, &err);
        bool fired = plan->disarm();
        /* A commit whose outcome was open may have been stored. */
        if (status == TGS_E_CONFLICT && open_outcome) return false;
        if (!fired) {
            if (status != TGS_OK)
                fail_msg("%s: %s (%s) after fault %ld, which should have changed nothing", steps[i].name,
                         tgs_status_name(status), err.message, plan->next[i] - 1);
            return true;
        }
        if (status == TGS_OK) return plan->next[i]++, false;
        check_failure(plan, i, status, &err);
        open_outcome |= err.outcome != TGS_OUTCOME_NOT_APPLIED;
        if (!open_outcome && !steps[i].in_parts && look(plan, world) != before)
            fail_msg("%s: failed, but has changed something, at fault %ld", steps[i].name, plan->next[i]);
    }
}

/* A life of a store.  True: no step has faults left to try. */
static bool live(struct plan *plan, struct world world) {
    bool done = true;
    for (size_t i = 0; i < n_steps; i++) done &= do_step(plan, &world, i);
    plan->end(&world);
    return done;
}

long fail_everywhere(struct world world, struct plan plan) {
    struct plan harmless = plan;
    for (size_t i = 0; i < n_steps; i++) harmless.next[i] = LONG_MAX;
    live(&harmless, world); /* libraries set themselves up on first use */
    for (size_t i = 0; i < n_steps; i++) plan.next[i] = 1;
    while (!live(&plan, world)) continue;
    long faults = 0;
    for (size_t i = 0; i < n_steps; i++) faults += plan.next[i] - 1;
    return faults;
}
