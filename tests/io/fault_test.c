/* SPDX-License-Identifier: Apache-2.0 */
/* Every call of SQLite on its files fails once, and once with all that follow: each call of the library then
 * gives a documented status and never a wrong answer, changes nothing, and succeeds on the same handle once
 * the fault is over.  In the end nothing is lost.
 *
 * A read that comes back short without an error is not among the faults: to SQLite the file ends there, and a
 * file that has become shorter is told by its header when it is opened (file_test.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../faults/plan.h"
#include "folder.h"
#include "life.h"
#include "state.h"
#include "vfs.h"

/* --- one fault ------------------------------------------------------------------------------------ */

static const struct sort {
    enum io_call call;
    int code; /* what SQLite's own VFS says */
} sorts[] = {
    {IO_OPEN, SQLITE_CANTOPEN},           {IO_READ, SQLITE_IOERR_READ},
    {IO_WRITE, SQLITE_IOERR_WRITE},       {IO_WRITE, IO_HALF},
    {IO_TRUNCATE, SQLITE_IOERR_TRUNCATE}, {IO_SYNC, SQLITE_IOERR_FSYNC},
    {IO_SIZE, SQLITE_IOERR_FSTAT},        {IO_LOCK, SQLITE_IOERR_LOCK},
    {IO_SHM_MAP, SQLITE_IOERR_SHMMAP},    {IO_SHM_LOCK, SQLITE_IOERR_SHMLOCK},
    {IO_DELETE, SQLITE_IOERR_DELETE},     {IO_ACCESS, SQLITE_IOERR_ACCESS},
};

static long n_faults;
static const struct sort *armed; /* NULL: nothing fails now */
static const struct sort *running;
static long countdown;
static bool onward, fired, in_session_file;

static int refuse(const struct io_event *event) {
    if (!armed || event->call != armed->call) return SQLITE_OK;
    long left = --countdown;
    if (left > 0 || (left < 0 && !onward)) return SQLITE_OK;
    fired = true;
    in_session_file = strncmp(event->path, SESSION_FILE, strlen(SESSION_FILE)) == 0; /* or -wal */
    errno = EIO;
    return armed->code;
}

static const struct io_watcher watcher = {.before = refuse};

static void arm_sort(const struct sort *sort, long n, bool all_that_follow) {
    countdown = n;
    onward = all_that_follow;
    fired = false;
    armed = running = sort;
}

static void arm(const struct plan *plan, long n) { arm_sort(&sorts[plan->fault], n, plan->onward); }

static bool disarm(void) {
    armed = NULL;
    return fired;
}

/* --- a life of a store ------------------------------------------------------------------------------- */

static char url[200], copy[120];
static tgs_error err;

static void remove_files(void) {
    static const char *const names[] = {"store.db", "store.db-wal", "store.db-shm", "store.db-journal",
                                        "copy.db",  "copy.db-wal",  "copy.db-shm",  "copy.db-journal"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) unlink(in_folder(names[i]));
}

static uint64_t state_now(tgs_store *store) {
    uint64_t state;
    if (state_of(store, &state, &err) != TGS_OK) fail_msg("can't be read: %s", err.message);
    return state;
}

static uint64_t look(struct world *world) { return state_now(world->store); }

static void end(struct world *world) {
    uint64_t before = state_now(world->store);
    tgs_batch_free(world->batch);
    tgs_snapshot_free(world->snapshot);
    tgs_session_free(world->leased);
    tgs_session_free(world->session);
    tgs_store_close(world->store);
    vfs_leave();
    assert_string_equal(integrity_of(database), "ok");
    assert_string_equal(integrity_of(copy), "ok");
    tgs_store *store;
    if (tgs_store_open((tgs_str){url, strlen(url)}, NULL, 0, &store, NULL, &err) != TGS_OK)
        fail_msg("does not open again: %s", err.message);
    assert_true(state_now(store) == before);
    tgs_store_close(store);
    remove_files();
    vfs_watch(&watcher);
}

/* A file that can't be opened, or a session file that can't be read, may as well not be there. */
static bool disk_error(tgs_status status) {
    return status == TGS_E_BACKEND || (running->code == IO_HALF && status == TGS_E_NO_SPACE) ||
           ((running->call == IO_OPEN || in_session_file) && status == TGS_E_UNAVAILABLE);
}

static void fail_each(const char *parameters, bool all_that_follow) {
    snprintf(url, sizeof url, "sqlite:%s%s", database, parameters);
    snprintf(copy, sizeof copy, "%s/copy.db", folder);
    struct world world = {.url = url, .session_file = SESSION_FILE, .backup = copy};
    vfs_watch(&watcher);
    for (size_t i = 0; i < sizeof sorts / sizeof *sorts; i++) {
        long faults = fail_everywhere(world, (struct plan){.fault = (int)i,
                                                           .onward = all_that_follow,
                                                           .arm = arm,
                                                           .disarm = disarm,
                                                           .documented = disk_error,
                                                           .look = look,
                                                           .end = end});
        if (faults)
            print_message("%ld times no %s%s\n", faults, io_names[sorts[i].call],
                          sorts[i].code == IO_HALF ? " to the end" : "");
        n_faults += faults;
    }
    vfs_leave();
}

static void one_call_fails(void **state) {
    (void)state;
    fail_each("", false);
}

static void all_calls_fail(void **state) {
    (void)state;
    fail_each("", true);
}

static void one_call_fails_exclusive(void **state) {
    (void)state;
    fail_each("?locking=exclusive&durability=full", false);
}

static void all_calls_fail_exclusive(void **state) {
    (void)state;
    fail_each("?locking=exclusive&durability=full", true);
}

/* --- one call ------------------------------------------------------------------------------------------ */

/* A store with something of everything in it. */
static uint64_t make_store(void) {
    snprintf(copy, sizeof copy, "%s/copy.db", folder);
    struct life life = {.name = "main", .database = database, .copy = copy};
    snprintf(life.url, sizeof life.url, "sqlite:%s", database);
    for (size_t i = 0; i < n_life_steps; i++) {
        life.n = (int64_t)i + 1;
        if (life_steps[i].run(&life) != TGS_OK) fail_msg("%s: %s", life_steps[i].name, life.err.message);
    }
    uint64_t state = state_now(life.store);
    life_end(&life);
    return state;
}

static tgs_store *open_store(const char *parameters) {
    tgs_store *store;
    snprintf(url, sizeof url, "sqlite:%s%s", database, parameters);
    if (tgs_store_open((tgs_str){url, strlen(url)}, NULL, 0, &store, NULL, &err) != TGS_OK)
        fail_msg("does not open: %s", err.message);
    return store;
}

/* All rows, read for the first time.  True: there was a fault. */
static bool read_with_fault(const char *parameters, const struct sort *sort, long n, bool all_that_follow,
                            uint64_t expected) {
    uint64_t state;
    tgs_store *store = open_store(parameters);
    arm_sort(sort, n, all_that_follow);
    tgs_status status = state_of(store, &state, &err);
    bool any = disarm();
    if (status == TGS_OK)
        assert_true(state == expected);
    else if (!any || !disk_error(status))
        fail_msg("no %s (%ld): %s (%s)", io_names[sort->call], n, tgs_status_name(status), err.message);
    assert_true(state_now(store) == expected);
    tgs_store_close(store);
    return any;
}

static void read_with_faults(const char *parameters) {
    uint64_t expected = make_store();
    vfs_watch(&watcher);
    for (size_t i = 0; i < sizeof sorts / sizeof *sorts; i++)
        for (int all = 0; all < 2; all++)
            for (long n = 1; read_with_fault(parameters, &sorts[i], n, all, expected); n++) n_faults++;
}

static void reading(void **state) {
    (void)state;
    read_with_faults("");
}

static void reading_only(void **state) {
    (void)state;
    read_with_faults("?mode=ro");
}

static void reading_exclusive(void **state) {
    (void)state;
    read_with_faults("?locking=exclusive");
}

/* Nobody is told, but nothing may be lost. */
static bool close_with_fault(const char *parameters, const struct sort *sort, long n, bool all_that_follow) {
    tgs_session *session;
    tgs_store *store = open_store(parameters);
    char key[20];
    tgs_dedup row = {.key = {key, (size_t)snprintf(key, sizeof key, "%ld", n)}};
    assert_int_equal(tgs_session_new(store, TGS_STR("main"), &session, &err), TGS_OK);
    assert_int_equal(tgs_put(session, TGS_RECORD_DEDUP, &row, 1, sizeof row, NULL, NULL, &err), TGS_OK);
    tgs_session_free(session);
    uint64_t before = state_now(store);
    arm_sort(sort, n, all_that_follow);
    tgs_store_close(store);
    bool any = disarm();
    store = open_store(parameters);
    assert_true(state_now(store) == before);
    tgs_store_close(store);
    assert_string_equal(integrity_of(database), "ok");
    return any;
}

static void close_with_faults(const char *parameters) {
    make_store();
    vfs_watch(&watcher);
    for (size_t i = 0; i < sizeof sorts / sizeof *sorts; i++)
        for (int all = 0; all < 2; all++)
            for (long n = 1; close_with_fault(parameters, &sorts[i], n, all); n++) n_faults++;
}

static void closing(void **state) {
    (void)state;
    close_with_faults("");
}

static void closing_exclusive(void **state) {
    (void)state;
    close_with_faults("?locking=exclusive");
}

static int stop_watching(void **state) {
    vfs_leave();
    return remove_folder(state);
}

static int tell_all(void **state) {
    (void)state;
    print_message("%ld faults\n", n_faults);
    return n_faults > 2000 ? 0 : -1; /* they have reached the library at all */
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, make_folder, stop_watching)
    const struct CMUnitTest tests[] = {
        CASE(one_call_fails),           CASE(all_calls_fail), CASE(one_call_fails_exclusive),
        CASE(all_calls_fail_exclusive), CASE(reading),        CASE(reading_only),
        CASE(reading_exclusive),        CASE(closing),        CASE(closing_exclusive)};
    return cmocka_run_group_tests(tests, NULL, tell_all);
}
