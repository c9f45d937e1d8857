/* SPDX-License-Identifier: Apache-2.0 */
/* A disk that is full, at each point of a store's life, and one that is mounted for reading only: real file
 * systems, small, in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../faults/scenario.h"
#include "folder.h"
#include "mounts.h"
#include "state.h"

#define DISK_BYTES (2 << 20)
#define PAGE 4096

static tgs_error err;
static char disk[80], filler[100], url[200], copy[120];

static int make_disk(void **state) {
    if (make_folder(state) != 0) return -1;
    snprintf(disk, sizeof disk, "%s/disk", folder);
    snprintf(filler, sizeof filler, "%s/filler", disk);
    snprintf(database, sizeof database, "%s/store.db", disk);
    snprintf(copy, sizeof copy, "%s/copy.db", disk);
    return mkdir(disk, 0700);
}

static uint64_t state_now(tgs_store *store) {
    uint64_t state;
    if (state_of(store, &state, &err) != TGS_OK) fail_msg("can't be read: %s", err.message);
    return state;
}

static tgs_status open_with(const char *parameters, tgs_store **store) {
    snprintf(url, sizeof url, "sqlite:%s%s", database, parameters);
    return tgs_store_open((tgs_str){url, strlen(url)}, NULL, 0, store, NULL, &err);
}

/* --- full ---------------------------------------------------------------------------------------------- */

static void fill_but(off_t pages) {
    struct statvfs space;
    assert_int_equal(statvfs(disk, &space), 0);
    off_t bytes = (off_t)(space.f_bavail * space.f_bsize) - pages * PAGE;
    int file = open(filler, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(file >= 0);
    if (bytes > 0) assert_int_equal(posix_fallocate(file, 0, bytes), 0);
    close(file);
}

static long n_refused;

/* Full but for some pages, a step is done or refused as a whole; with more space it is done. */
static void do_step(struct world *world, const struct step *step, off_t pages) {
    tgs_error error;
    uint64_t before = world->store ? state_now(world->store) : 0;
    fill_but(pages);
    tgs_status status = step->run(world, &error);
    if (status != TGS_OK && status != TGS_E_NO_SPACE)
        fail_msg("%s: %s (%s) with %ld pages free", step->name, tgs_status_name(status), error.message,
                 (long)pages);
    if (status != TGS_OK && world->store && !step->in_parts) assert_true(state_now(world->store) == before);
    assert_int_equal(unlink(filler), 0);
    if (status == TGS_OK) return;
    n_refused++;
    assert_int_equal(error.outcome, TGS_OUTCOME_NOT_APPLIED);
    assert_true(error.retryable);
    if (step->run(world, &error) != TGS_OK)
        fail_msg("%s: %s, though there is space again", step->name, error.message);
}

static void live_on_a_full_disk(const char *parameters, off_t pages) {
    snprintf(url, sizeof url, "sqlite:%s%s", database, parameters);
    struct world world = {.url = url, .session_file = SESSION_FILE, .backup = copy};
    mount_memory(disk, DISK_BYTES);
    for (size_t i = 0; i < n_steps; i++) do_step(&world, &steps[i], pages);
    uint64_t before = state_now(world.store);
    fill_but(pages);
    tgs_batch_free(world.batch);
    tgs_snapshot_free(world.snapshot);
    tgs_session_free(world.leased);
    tgs_session_free(world.session);
    tgs_store_close(world.store);
    assert_int_equal(unlink(filler), 0);
    tgs_store *store;
    if (open_with(parameters, &store) != TGS_OK) fail_msg("does not open: %s", err.message);
    assert_true(state_now(store) == before);
    tgs_store_close(store);
    assert_string_equal(integrity_of(database), "ok");
    unmount(disk);
}

static void live_on_full_disks(const char *parameters) {
    long before = n_refused;
    for (off_t pages = 0; pages < 40; pages++) live_on_a_full_disk(parameters, pages);
    print_message("%ld calls on a full disk\n", n_refused - before);
    assert_true(n_refused - before > 100);
}

static void full(void **state) {
    (void)state;
    live_on_full_disks("");
}

static void full_and_exclusive(void **state) {
    (void)state;
    live_on_full_disks("?locking=exclusive");
}

/* Where everything fits but the checkpoint: the file can't grow, the -wal stays, and nothing is lost. */
static void full_at_a_checkpoint(void **state) {
    (void)state;
    mount_memory(disk, DISK_BYTES);
    tgs_store *store;
    tgs_session *session;
    static const uint8_t blob[100000] = {1};
    assert_int_equal(open_with("", &store), TGS_OK);
    assert_int_equal(tgs_session_new(store, TGS_STR("main"), &session, &err), TGS_OK);
    tgs_status status = TGS_OK;
    for (char key = 'a'; status == TGS_OK; key++) {
        tgs_kv row = {
            .fields = TGS_KV_VALUE, .scope = TGS_STR("s"), .key = {&key, 1}, .value = {blob, sizeof blob}};
        status = tgs_put(session, TGS_RECORD_KV, &row, 1, sizeof row, NULL, NULL, &err);
    }
    assert_int_equal(status, TGS_E_NO_SPACE);
    uint64_t before = state_now(store);
    tgs_session_free(session);
    tgs_store_close(store);
    snprintf(copy, sizeof copy, "%s-wal", database);
    assert_int_equal(access(copy, F_OK), 0);
    assert_int_equal(open_with("", &store), TGS_OK);
    assert_true(state_now(store) == before);
    tgs_store_close(store);
    unmount(disk);
}

/* --- for reading only ---------------------------------------------------------------------------------- */

static void put_key(tgs_store *store, const char *key) {
    tgs_session *session;
    tgs_dedup row = {.key = {key, strlen(key)}};
    assert_int_equal(tgs_session_new(store, TGS_STR("main"), &session, &err), TGS_OK);
    assert_int_equal(tgs_put(session, TGS_RECORD_DEDUP, &row, 1, sizeof row, NULL, NULL, &err), TGS_OK);
    tgs_session_free(session);
}

static void refused(const char *parameters, tgs_status expected, const char *word) {
    tgs_store *store;
    assert_int_equal(open_with(parameters, &store), expected);
    assert_non_null(strstr(err.message, word));
}

static void read_only_mount(void **state) {
    (void)state;
    tgs_store *store;
    mount_memory(disk, DISK_BYTES);
    assert_int_equal(open_with("", &store), TGS_OK);
    put_key(store, "a");
    uint64_t before = state_now(store);
    tgs_store_close(store);
    mount_read_only(disk);
    refused("", TGS_E_READ_ONLY, "reading only");
    refused("?locking=exclusive", TGS_E_READ_ONLY, "reading only");
    assert_int_equal(open_with("?mode=ro", &store), TGS_OK);
    assert_true(state_now(store) == before);
    tgs_store_close(store);
    snprintf(database, sizeof database, "%s/none.db", disk);
    refused("", TGS_E_READ_ONLY, "reading only");
    unmount(disk);
}

static void die_with_a_wal(void) {
    tgs_store *store;
    if (open_with("", &store) != TGS_OK) _exit(1);
    put_key(store, "b");
    raise(SIGKILL);
}

/* The newest commits are in the -wal: they are read, or else the store is not. */
static void read_only_mount_with_a_wal(void **state) {
    (void)state;
    tgs_store *store;
    int status;
    mount_memory(disk, DISK_BYTES);
    pid_t pid = fork();
    if (pid == 0) die_with_a_wal();
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    mount_read_only(disk);
    if (open_with("?mode=ro", &store) == TGS_OK) {
        tgs_rows *rows;
        tgs_stats stats;
        assert_int_equal(tgs_stats_get(store, TGS_STR("main"), &rows, NULL, &err), TGS_OK);
        assert_int_equal(tgs_rows_row(rows, 0, &stats, sizeof stats), TGS_OK);
        assert_int_equal(stats.dedup_keys, 1);
        tgs_rows_free(rows);
        tgs_store_close(store);
    } else {
        fail_msg("%s", err.message);
    }
    unmount(disk);
}

/* What a test that failed has left mounted goes with the process, but not what was on it. */
static int clean_up(void **state) {
    umount2(disk, MNT_DETACH);
    return remove_folder(state);
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, make_disk, clean_up)
    const struct CMUnitTest tests[] = {CASE(full), CASE(full_and_exclusive), CASE(full_at_a_checkpoint),
                                       CASE(read_only_mount), CASE(read_only_mount_with_a_wal)};
    mounts_begin();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
