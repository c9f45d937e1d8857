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
    remove_files();
    return rmdir(folder);
}

static bool memory_error(tgs_status status) { return status == TGS_E_NOMEM; }

static bool disk_error(tgs_status status) { return status == TGS_E_NO_SPACE; }

static void check_failure(const struct step *step, tgs_status status, const tgs_error *err, long n,
                          bool (*documented)(tgs_status)) {
    if (!fault_fired())
        fail_msg("%s: %s (%s), though nothing had failed (%ld)", step->name, tgs_status_name(status),
                 err->message, n);
    if (!documented(status))
        fail_msg("%s: %s (%s) at fault %ld", step->name, tgs_status_name(status), err->message, n);
    if (err->code != status || !err->message[0]) fail_msg("%s: the error is not filled in", step->name);
}

/* Go through the steps; what fails is repeated without the fault. */
static void live(struct world *world, enum fault fault, long n, bool onward, bool (*documented)(tgs_status)) {
    fault_arm(fault, n, onward);
    for (size_t i = 0; i < n_steps; i++) {
        tgs_error err;
        tgs_status status = steps[i].run(world, &err);
        if (status == TGS_OK) continue;
        fault_disarm();
        check_failure(&steps[i], status, &err, n, documented);
        uint8_t outcome = err.outcome;
        status = steps[i].run(world, &err);
        /* A commit whose outcome is open may have been stored. */
        if (status == TGS_E_CONFLICT && outcome != TGS_OUTCOME_NOT_APPLIED) status = TGS_OK;
        if (status != TGS_OK)
            fail_msg("%s: failed at fault %ld, and repeated: %s (%s)", steps[i].name, n, tgs_status_name(status),
                     err.message);
    }
}

static void end(struct world *world) {
    tgs_batch_free(world->batch);
    tgs_snapshot_free(world->snapshot);
    tgs_session_free(world->leased);
    tgs_session_free(world->session);
    tgs_store_close(world->store);
    fault_disarm();
    remove_files();
}

static void fail_everywhere(const struct world *start, enum fault fault, bool onward, bool (*documented)(tgs_status)) {
    struct world world = *start;
    live(&world, fault, 0, false, documented); /* libraries set themselves up on first use */
    end(&world);
    long n = 0;
    do {
        long before = live_allocations();
        world = *start;
        live(&world, fault, ++n, onward, documented);
        end(&world);
        if (live_allocations() != before)
            fail_msg("%ld allocations leak at fault %ld", live_allocations() - before, n);
    } while (fault_fired());
    assert_true(n > (long)n_steps); /* the faults reached the library at all */
    print_message("%ld faults\n", n - 1);
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
    struct world world = memory();
    fail_everywhere(&world, FAULT_ALLOCATION, false, memory_error);
}

static void memory_without_memory(void **state) {
    (void)state;
    struct world world = memory();
    fail_everywhere(&world, FAULT_ALLOCATION, true, memory_error);
}

static void sqlite_without_an_allocation(void **state) {
    (void)state;
    struct world world = sqlite();
    fail_everywhere(&world, FAULT_ALLOCATION, false, memory_error);
}

static void sqlite_without_memory(void **state) {
    (void)state;
    struct world world = sqlite();
    fail_everywhere(&world, FAULT_ALLOCATION, true, memory_error);
}

static void sqlite_without_a_write(void **state) {
    (void)state;
    struct world world = sqlite();
    fail_everywhere(&world, FAULT_FILE_WRITE, false, disk_error);
}

static void sqlite_on_a_full_disk(void **state) {
    (void)state;
    struct world world = sqlite();
    fail_everywhere(&world, FAULT_FILE_WRITE, true, disk_error);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_without_an_allocation), cmocka_unit_test(memory_without_memory),
        cmocka_unit_test(sqlite_without_an_allocation), cmocka_unit_test(sqlite_without_memory),
        cmocka_unit_test(sqlite_without_a_write),       cmocka_unit_test(sqlite_on_a_full_disk),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
