/* SPDX-License-Identifier: Apache-2.0 */
/* Two processes open the same file for the first time in the same moment.  To meet every moment, one of them
 * is stopped at each of its calls on the file in turn, while the other does all that it may: it opens the
 * store, puts a row, and ends.  Both must succeed, unless the one that was stopped holds a lock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "folder.h"
#include "state.h"
#include "tgstore.h"
#include "vfs.h"

extern char **environ;
static tgs_error err;

static tgs_status open_and_put(const char *url, const char *key, tgs_store **store) {
    tgs_session *session = NULL;
    tgs_dedup row = {.flags = TGS_ROW_REQUIRE, .key = {key, strlen(key)}};
    tgs_status status = tgs_store_open((tgs_str){url, strlen(url)}, NULL, 0, store, NULL, &err);
    if (status == TGS_OK) status = tgs_session_new(*store, TGS_STR("main"), &session, &err);
    if (status == TGS_OK) status = tgs_put(session, TGS_RECORD_DEDUP, &row, 1, sizeof row, NULL, NULL, &err);
    tgs_session_free(session);
    return status;
}

/* --- the other process --------------------------------------------------------------------------------- */

#define DONE 0
#define IN_THE_WAY 1 /* a lock is held */
#define FAILED 2

/* While another process stands still between making the -shm and its first entry, SQLite waits 10 seconds
 * without asking whether it may.  So the system ends the one who waits too long. */
static void end_after(int ms) {
    struct itimerval timer = {.it_value = {ms / 1000, ms % 1000 * 1000}};
    setitimer(ITIMER_REAL, &timer, NULL);
}

/* What main does when it is run as the other: `how` is "close" or "die". */
static int be_the_other(const char *path, const char *how, int timeout_ms) {
    char url[200];
    tgs_store *store = NULL;
    snprintf(url, sizeof url, "sqlite:%s?timeout_ms=%d", path, timeout_ms);
    end_after(timeout_ms + 200);
    tgs_status status = open_and_put(url, "other", &store);
    if (status == TGS_OK && strcmp(how, "die") == 0) raise(SIGKILL);
    tgs_store_close(store);
    if (status == TGS_E_BUSY || status == TGS_E_TIMEOUT) return IN_THE_WAY;
    if (status != TGS_OK) fprintf(stderr, "the other: %s (%s)\n", tgs_status_name(status), err.message);
    return status == TGS_OK ? DONE : FAILED;
}

static int run_the_other(const char *how, int timeout_ms) {
    char name[] = "race_test", way[10], timeout[12];
    char *arguments[] = {name, database, way, timeout, NULL};
    snprintf(way, sizeof way, "%s", how);
    snprintf(timeout, sizeof timeout, "%d", timeout_ms);
    pid_t pid;
    int status;
    if (posix_spawn(&pid, "/proc/self/exe", NULL, NULL, arguments, environ) != 0) return FAILED;
    if (waitpid(pid, &status, 0) != pid) return FAILED;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && strcmp(how, "die") == 0) return DONE;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) return IN_THE_WAY;
    return WIFEXITED(status) ? WEXITSTATUS(status) : FAILED;
}

/* --- the one that is stopped -----------------------------------------------------------------------------
 */

static long countdown;
static const char *others_way;
static int others_result;
static enum io_call stopped_in;

static int stop_there(const struct io_event *event) {
    if (--countdown != 0) return SQLITE_OK;
    stopped_in = event->call;
    others_result = run_the_other(others_way, 20);
    return SQLITE_OK;
}

static size_t count_keys(tgs_store *store) {
    tgs_session *session;
    tgs_rows *rows;
    assert_int_equal(tgs_session_new(store, TGS_STR("main"), &session, &err), TGS_OK);
    if (tgs_list(session, TGS_RECORD_DEDUP, NULL, 0, NULL, 10, &rows, NULL, &err) != TGS_OK)
        fail_msg("%s", err.message);
    size_t n = tgs_rows_count(rows);
    tgs_rows_free(rows);
    tgs_session_free(session);
    return n;
}

static void remove_files(void) {
    static const char *const names[] = {"store.db", "store.db-wal", "store.db-shm", "store.db-journal"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) unlink(in_folder(names[i]));
}

/* True: it has so many calls. */
static bool stop_at(const char *parameters, long n, const char *how, long *together) {
    static const struct io_watcher watcher = {.before = stop_there};
    tgs_store *store = NULL;
    char url[200];
    snprintf(url, sizeof url, "sqlite:%s%s", database, parameters);
    countdown = n;
    others_way = how;
    vfs_watch(&watcher);
    tgs_status status = open_and_put(url, "this", &store);
    vfs_leave();
    bool stopped = countdown <= 0;
    if (status != TGS_OK)
        fail_msg("stopped at call %ld (%s): %s (%s)", n, io_names[stopped_in], tgs_status_name(status),
                 err.message);
    if (stopped) assert_in_range(others_result, DONE, IN_THE_WAY);
    if (stopped && others_result == DONE) (*together)++;
    if (strstr(parameters, "exclusive")) {
        tgs_store_close(store);
        store = NULL;
    }
    if (!stopped || others_result == IN_THE_WAY) assert_int_equal(run_the_other("close", 10000), DONE);
    if (!store)
        assert_int_equal(tgs_store_open((tgs_str){url, strlen(url)}, NULL, 0, &store, NULL, &err), TGS_OK);
    assert_int_equal(count_keys(store), 2);
    tgs_store_close(store);
    assert_string_equal(integrity_of(database), "ok");
    remove_files();
    return stopped;
}

static void stop_everywhere(const char *parameters, const char *how) {
    long n = 1, together = 0;
    while (stop_at(parameters, n, how, &together)) n++;
    print_message("stopped at %ld calls; the other got in at %ld of them\n", n - 1, together);
    assert_true(together > 0 && together < n - 1);
}

static void the_other_closes(void **state) {
    (void)state;
    stop_everywhere("", "close");
}

static void the_other_dies(void **state) {
    (void)state;
    stop_everywhere("", "die");
}

static void for_this_process_alone(void **state) {
    (void)state;
    stop_everywhere("?locking=exclusive", "close");
}

static int clean_up(void **state) {
    vfs_leave();
    return remove_folder(state);
}

int main(int argc, char **argv) {
    if (argc == 4) return be_the_other(argv[1], argv[2], atoi(argv[3]));
#define CASE(name) cmocka_unit_test_setup_teardown(name, make_folder, clean_up)
    const struct CMUnitTest tests[] = {CASE(the_other_closes), CASE(the_other_dies),
                                       CASE(for_this_process_alone)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
