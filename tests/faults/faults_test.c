/* SPDX-License-Identifier: Apache-2.0 */
/* Every allocation and every write to a file fails once, and once with all that follow: each call then gives
 * a documented status, changes nothing, leaks nothing, and succeeds when it is repeated. */
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
#include "plan.h"

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

static void arm(const struct plan *plan, long n) { fault_arm((enum fault)plan->fault, n, plan->onward); }

static bool disarm(void) {
    fault_disarm();
    return fault_fired();
}

static long allocations; /* between lives; 0: not known */

static void end(struct world *world) {
    tgs_batch_free(world->batch);
    tgs_snapshot_free(world->snapshot);
    tgs_session_free(world->leased);
    tgs_session_free(world->session);
    tgs_store_close(world->store);
    remove_files();
    if (allocations) assert_int_equal(live_allocations(), allocations);
    allocations = live_allocations();
}

static void fail_each(struct world world, enum fault fault, bool onward, bool (*documented)(tgs_status)) {
    allocations = 0;
    long faults = fail_everywhere(world, (struct plan){.fault = (int)fault,
                                                       .onward = onward,
                                                       .arm = arm,
                                                       .disarm = disarm,
                                                       .documented = documented,
                                                       .end = end});
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
    fail_each(memory(), FAULT_ALLOCATION, false, memory_error);
}

static void memory_without_memory(void **state) {
    (void)state;
    fail_each(memory(), FAULT_ALLOCATION, true, memory_error);
}

static void sqlite_without_an_allocation(void **state) {
    (void)state;
    fail_each(sqlite(), FAULT_ALLOCATION, false, memory_error);
}

static void sqlite_without_memory(void **state) {
    (void)state;
    fail_each(sqlite(), FAULT_ALLOCATION, true, memory_error);
}

static void sqlite_without_a_write(void **state) {
    (void)state;
    fail_each(sqlite(), FAULT_FILE_WRITE, false, disk_error);
}

static void sqlite_on_a_full_disk(void **state) {
    (void)state;
    fail_each(sqlite(), FAULT_FILE_WRITE, true, disk_error);
}

int main(void) {
#define TEST(name) cmocka_unit_test_teardown(name, remove_leftovers)
    const struct CMUnitTest tests[] = {
        TEST(memory_without_an_allocation), TEST(memory_without_memory),  TEST(sqlite_without_an_allocation),
        TEST(sqlite_without_memory),        TEST(sqlite_without_a_write), TEST(sqlite_on_a_full_disk),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
