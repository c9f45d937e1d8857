/* SPDX-License-Identifier: Apache-2.0 */
/* Every allocation and every write to a file fails once, and once with all that follow: each call then gives
 * a documented status, changes nothing, leaks nothing, and succeeds when it is repeated. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "interpose.h"
#include "scenario.h"

static char folder[] = "/tmp/tgstore-faults-XXXXXX";
static char database[64], copy[64];

static int make_folder(void **state) {
    (void)state;
    if (!mkdtemp(folder)) return -1;
    snprintf(database, sizeof database, "%s/store.db", folder);
    snprintf(copy, sizeof copy, "%s/backup.db", folder);
    return 0;
}

static void remove_files(void) {
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
    char path[80];
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        snprintf(path, sizeof path, "%s%s", database, suffixes[i]);
        unlink(path);
        snprintf(path, sizeof path, "%s%s", copy, suffixes[i]);
        unlink(path);
    }
}

static int remove_folder(void **state) {
    (void)state;
    return rmdir(folder);
}

/* Also what a test left behind that failed. */
static int remove_leftovers(void **state) {
    (void)state;
    remove_files();
    return 0;
}

static bool memory_error(tgs_status status) { return status == TGS_E_NOMEM; }

/* A write that fails is a full disk; a sync that fails is whatever the driver says. */
static bool disk_error(tgs_status status) { return status == TGS_E_NO_SPACE || status == TGS_E_BACKEND; }

/* How faults are made, and how far each step has come. */
struct plan {
    enum fault fault;
    bool onward;
    bool (*documented)(tgs_status status);
    long next[MAX_STEPS]; /* the fault to try next in that step */
};

static void check_failure(const struct plan *plan, size_t i, tgs_status status, const tgs_error *err) {
    if (!plan->documented(status))
        fail_msg("%s: %s (%s) at fault %ld", steps[i].name, tgs_status_name(status), err->message,
                 plan->next[i]);
    if (err->code != status || !err->message[0])
        fail_msg("%s: %s, but the error says %d (%s) at fault %ld", steps[i].name, tgs_status_name(status),
                 err->code, err->message, plan->next[i]);
}

/* Do a step with one fault after the other, until it succeeds; true if the last fault was never reached.  A
 * step that fails must have changed nothing, so that it can be done again. */
static bool do_step(struct plan *plan, struct world *world, size_t i) {
    for (bool open_outcome = false;; plan->next[i]++) {
        tgs_error err;
        fault_arm(plan->fault, plan->next[i], plan->onward);
        tgs_status status = steps[i].run(world, &err);
        fault_disarm();
        /* A commit whose outcome was open may have been stored. */
        if (status == TGS_E_CONFLICT && open_outcome) return false;
        if (!fault_fired()) {
            if (status != TGS_OK)
                fail_msg("%s: %s (%s) after fault %ld, which should have changed nothing", steps[i].name,
                         tgs_status_name(status), err.message, plan->next[i] - 1);
            return true;
        }
        if (status == TGS_OK) return plan->next[i]++, false;
        check_failure(plan, i, status, &err);
        open_outcome |= err.outcome != TGS_OUTCOME_NOT_APPLIED;
    }
}

static void clean_up(struct world *world) {
    tgs_batch_free(world->batch);
    tgs_snapshot_free(world->snapshot);
    tgs_session_free(world->leased);
    tgs_session_free(world->session);
    tgs_store_close(world->store);
    remove_files();
}

/* A life of a store.  True: no step has faults left to try. */
static bool live(struct plan *plan, struct world world) {
    bool done = true;
    for (size_t i = 0; i < n_steps; i++) done &= do_step(plan, &world, i);
    clean_up(&world);
    return done;
}

static void fail_everywhere(struct world world, struct plan plan) {
    struct plan harmless = plan;
    for (size_t i = 0; i < n_steps; i++) harmless.next[i] = LONG_MAX;
    live(&harmless, world); /* libraries set themselves up on first use */
    for (size_t i = 0; i < n_steps; i++) plan.next[i] = 1;
    for (bool done = false; !done;) {
        long before = live_allocations();
        done = live(&plan, world);
        assert_int_equal(live_allocations(), before);
    }
    long faults = 0;
    for (size_t i = 0; i < n_steps; i++) faults += plan.next[i] - 1;
    assert_true(faults > (long)n_steps); /* they reached the library at all */
    print_message("%ld faults\n", faults);
}

static struct world memory(void) {
    return (struct world){.url = "memory:", .session_file = SESSION_FILE, .backup = ""};
}

static struct world sqlite(void) {
    static char url[80];
    snprintf(url, sizeof url, "sqlite:%s", database);
    return (struct world){.url = url, .session_file = SESSION_FILE, .backup = copy};
}

static void memory_without_an_allocation(void **state) {
    (void)state;
    fail_everywhere(memory(),
                    (struct plan){.fault = FAULT_ALLOCATION, .onward = false, .documented = memory_error});
}

static void memory_without_memory(void **state) {
    (void)state;
    fail_everywhere(memory(),
                    (struct plan){.fault = FAULT_ALLOCATION, .onward = true, .documented = memory_error});
}

static void sqlite_without_an_allocation(void **state) {
    (void)state;
    fail_everywhere(sqlite(),
                    (struct plan){.fault = FAULT_ALLOCATION, .onward = false, .documented = memory_error});
}

static void sqlite_without_memory(void **state) {
    (void)state;
    fail_everywhere(sqlite(),
                    (struct plan){.fault = FAULT_ALLOCATION, .onward = true, .documented = memory_error});
}

static void sqlite_without_a_write(void **state) {
    (void)state;
    fail_everywhere(sqlite(),
                    (struct plan){.fault = FAULT_FILE_WRITE, .onward = false, .documented = disk_error});
}

static void sqlite_on_a_full_disk(void **state) {
    (void)state;
    fail_everywhere(sqlite(),
                    (struct plan){.fault = FAULT_FILE_WRITE, .onward = true, .documented = disk_error});
}

int main(void) {
#define TEST(name) cmocka_unit_test_teardown(name, remove_leftovers)
    const struct CMUnitTest tests[] = {
        TEST(memory_without_an_allocation), TEST(memory_without_memory),  TEST(sqlite_without_an_allocation),
        TEST(sqlite_without_memory),        TEST(sqlite_without_a_write), TEST(sqlite_on_a_full_disk),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
