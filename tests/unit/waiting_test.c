/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that wait, or take long: somebody else sits on the lock of a SQLite file, or another thread cancels.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ftw.h>
#include <glob.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tgstore.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define DEADLINE_MS 40
#define MANY 20000 /* rows: their storing, and their going, takes many steps */

static char folder[64], database[80], url[100];
static tgs_store *store;
static tgs_session *session, *leased;
static tgs_error err;
static pid_t other_process; /* 0: none */

static tgs_str str(const char *text) { return (tgs_str){text, strlen(text)}; }

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void pause_ms(int64_t ms) { nanosleep(&(struct timespec){0, (long)ms * 1000000}, NULL); }

static int open_all(void **state) {
    (void)state;
    strcpy(folder, "/tmp/tgstore-waiting-XXXXXX");
    if (!mkdtemp(folder)) return -1;
    snprintf(database, sizeof database, "%s/store.db", folder);
    snprintf(url, sizeof url, "sqlite:%s", database);
    if (tgs_store_open(str(url), NULL, 0, &store, NULL, &err) != TGS_OK) return -1;
    if (tgs_session_new(store, TGS_STR("main"), &session, &err) != TGS_OK) return -1;
    return tgs_lease_acquire(session, TGS_STR("me"), TGS_LEASE_SHARED, 3600000, 0, &leased, NULL, &err);
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *walk) {
    (void)info, (void)type, (void)walk;
    return remove(path);
}

/* Not an assert: a test that has failed ends here, too. */
static void kill_other_process(void) {
    if (!other_process) return;
    kill(other_process, SIGKILL);
    waitpid(other_process, NULL, 0);
    other_process = 0;
}

static int close_all(void **state) {
    (void)state;
    kill_other_process();
    tgs_session_free(leased);
    tgs_session_free(session);
    tgs_store_close(store);
    return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* --- every call that has to wait for the writer before it --------------------------------------------- */

static tgs_kv kv = {.scope = TGS_STR("s"), .key = TGS_STR("k")};

static tgs_status put(const tgs_call *call, tgs_error *error) {
    return tgs_put(session, TGS_RECORD_KV, &kv, 1, sizeof kv, NULL, call, error);
}

static tgs_status put_durably(const tgs_call *call, tgs_error *error) {
    tgs_session_data row = {.fields = TGS_SESSION_DC, .dc = 2};
    return tgs_put(session, TGS_RECORD_SESSION, &row, 1, sizeof row, NULL, call, error);
}

static tgs_status put_leased(const tgs_call *call, tgs_error *error) {
    return tgs_put(leased, TGS_RECORD_KV, &kv, 1, sizeof kv, NULL, call, error);
}

static tgs_status delete (const tgs_call *call, tgs_error *error) {
    return tgs_delete(session, TGS_RECORD_KV, &kv, 1, sizeof kv, NULL, call, error);
}

static tgs_status load(const tgs_call *call, tgs_error *error) {
    return tgs_load(session, TGS_RECORD_KV, &kv, 1, sizeof kv, NULL, call, error);
}

static tgs_status commit(const tgs_call *call, tgs_error *error) {
    tgs_batch *batch;
    tgs_status status = tgs_batch_new(session, &batch, error);
    if (status == TGS_OK) status = tgs_batch_put(batch, TGS_RECORD_KV, &kv, 1, sizeof kv, error);
    if (status == TGS_OK) status = tgs_batch_commit(batch, NULL, 0, call, error);
    tgs_batch_free(batch);
    return status;
}

static tgs_status claim(const tgs_call *call, tgs_error *error) {
    tgs_rows *rows = NULL;
    tgs_status status =
        tgs_queue_claim(session, TGS_STR("me"), (tgs_str){NULL, 0}, 1000, 1, &rows, call, error);
    tgs_rows_free(rows);
    return status;
}

static tgs_status settle(const tgs_call *call, tgs_error *error) {
    tgs_queue_item item = {.id = TGS_STR("none")};
    tgs_status status = tgs_queue_settle(session, TGS_SETTLE_REVIVE, &item, 1, sizeof item, call, error);
    return status == TGS_E_CONFLICT ? TGS_OK : status; /* it had its turn, and there is none */
}

static tgs_status acquire(const tgs_call *call, tgs_error *error) {
    tgs_session *other = NULL;
    tgs_status status =
        tgs_lease_acquire(session, TGS_STR("other"), TGS_LEASE_SHARED, 1000, 0, &other, call, error);
    tgs_session_free(other);
    return status;
}

static tgs_status renew(const tgs_call *call, tgs_error *error) {
    return tgs_lease_renew(leased, 3600000, call, error);
}

static tgs_status prune(const tgs_call *call, tgs_error *error) {
    return tgs_prune(store, 0, NULL, call, error);
}

static tgs_status sync_store(const tgs_call *call, tgs_error *error) { return tgs_sync(store, call, error); }

static tgs_status release(const tgs_call *call, tgs_error *error) {
    return tgs_lease_release(leased, call, error);
}

static tgs_status purge(const tgs_call *call, tgs_error *error) {
    return tgs_purge(session, NULL, call, error);
}

typedef tgs_status (*waiting_call)(const tgs_call *call, tgs_error *error);

static const waiting_call calls[] = {put,    put_durably, put_leased, delete, load,       commit,  claim,
                                     settle, acquire,     renew,      prune,  sync_store, release, purge};

static void everything_goes_on(void) {
    for (size_t i = 0; i < COUNT(calls); i++)
        if (calls[i](NULL, &err) != TGS_OK) fail_msg("call %zu: %s", i, err.message);
}

/* --- somebody else has the lock ----------------------------------------------------------------------------
 */

static void gives_up_in_time(waiting_call run, size_t number) {
    tgs_call call = {.size = sizeof call, .timeout_ms = DEADLINE_MS};
    int64_t begin = now_ms();
    tgs_status status = run(&call, &err);
    if (now_ms() - begin < DEADLINE_MS) fail_msg("call %zu gave up before its deadline", number);
    if (status != TGS_E_BUSY) fail_msg("call %zu: %s", number, err.message);
    assert_true(err.retryable);
    assert_int_equal(err.outcome, TGS_OUTCOME_NOT_APPLIED);
    assert_string_equal(err.backend, "sqlite");
    assert_string_equal(err.native, "SQLITE_BUSY");
    assert_non_null(strstr(err.message, "store.db"));
    assert_non_null(strstr(err.message, "another program holds the lock; try again or give more time"));
}

/* Reading waits for nobody. */
static void reads_go_on(void) {
    tgs_rows *rows;
    assert_int_equal(tgs_get(session, TGS_RECORD_KV, &kv, 1, sizeof kv, &rows, NULL, &err), TGS_OK);
    tgs_rows_free(rows);
    assert_int_equal(tgs_ping(store, NULL, &err), TGS_OK);
}

/* In a child: takes the lock, tells so, and sits on it. */
static void start_holder(void) {
    int ends[2];
    char byte = 0;
    assert_int_equal(pipe(ends), 0);
    other_process = fork();
    if (other_process == 0) { /* exec, so that nothing is inherited */
        dup2(ends[1], 1);
        execlp("python3", "python3", "-c",
               "import sqlite3, sys, time\n"
               "db = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
               "db.execute('BEGIN IMMEDIATE')\n"
               "print('x', end='', flush=True)\n"
               "time.sleep(600)\n",
               database, (char *)NULL);
        _exit(1);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &byte, 1), 1);
    close(ends[0]);
}

static void a_program_that_sits_on_the_lock(void **state) {
    (void)state;
    start_holder();
    for (size_t i = 0; i < COUNT(calls); i++) gives_up_in_time(calls[i], i);
    reads_go_on();
    kill_other_process();
    everything_goes_on();
}

static bool somebody_writes(void) {
    sqlite3 *db;
    assert_int_equal(sqlite3_open(database, &db), SQLITE_OK);
    int code = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    sqlite3_close(db);
    assert_true(code == SQLITE_OK || code == SQLITE_BUSY);
    return code == SQLITE_BUSY;
}

/* In a child: writes, one large batch after the other. */
static void write_for_ever(void) {
    static tgs_update_state rows[TGS_MAX_ROWS];
    tgs_store *own;
    tgs_session *main;
    if (tgs_store_open(str(url), NULL, 0, &own, NULL, &err) != TGS_OK) _exit(1);
    if (tgs_session_new(own, TGS_STR("main"), &main, &err) != TGS_OK) _exit(2);
    for (int64_t pts = 1;; pts++) {
        for (int64_t i = 0; i < TGS_MAX_ROWS; i++)
            rows[i] = (tgs_update_state){.fields = TGS_UPDATE_STATE_PTS, .channel_id = i + 1, .pts = pts};
        if (tgs_put(main, TGS_RECORD_UPDATE_STATE, rows, TGS_MAX_ROWS, sizeof *rows, NULL, NULL, &err) !=
            TGS_OK)
            _exit(3);
    }
}

/* Stops the child where it has the lock. */
static void stop_in_the_middle(void) {
    int64_t until = now_ms() + 60000;
    for (;;) {
        int status;
        pause_ms(3);
        kill(other_process, SIGSTOP);
        assert_int_equal(waitpid(other_process, &status, WUNTRACED), other_process);
        assert_true(WIFSTOPPED(status));
        if (somebody_writes()) return;
        assert_true(now_ms() < until);
        kill(other_process, SIGCONT);
    }
}

static void a_writer_that_is_stopped_in_the_middle(void **state) {
    (void)state;
    other_process = fork();
    if (other_process == 0) write_for_ever();
    for (int round = 0; round < 3; round++) {
        stop_in_the_middle();
        gives_up_in_time(put, 0);
        reads_go_on();
        kill(other_process, SIGCONT);
        if (put(NULL, &err) != TGS_OK) fail_msg("%s", err.message);
    }
    stop_in_the_middle();
    kill_other_process(); /* what it was writing is as if it had never been */
    everything_goes_on();
}

/* --- cancelled by another thread
 * ------------------------------------------------------------------------------ */

struct waiting {
    waiting_call run;
    tgs_call call;
    tgs_error error;
    tgs_status status;
    atomic_int thread; /* its number for the system, once it runs */
};

static void *run_waiting(void *self) {
    struct waiting *waiting = self;
    atomic_store(&waiting->thread, (int)syscall(SYS_gettid));
    waiting->status = waiting->run(&waiting->call, &waiting->error);
    return NULL;
}

/* How often that thread has gone to sleep of its own will. */
static long sleeps_of(int thread) {
    char path[60], line[100];
    long sleeps = -1;
    snprintf(path, sizeof path, "/proc/self/task/%d/status", thread);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) sscanf(line, "voluntary_ctxt_switches: %ld", &sleeps);
    fclose(file);
    assert_true(sleeps >= 0);
    return sleeps;
}

/* It sleeps again and again, so it waits. */
static void until_it_waits(struct waiting *waiting) {
    int64_t until = now_ms() + 60000;
    while (!atomic_load(&waiting->thread)) assert_true(now_ms() < until);
    long before = sleeps_of(atomic_load(&waiting->thread));
    while (sleeps_of(atomic_load(&waiting->thread)) < before + 3) {
        assert_true(now_ms() < until);
        pause_ms(1);
    }
}

static void start_waiting(struct waiting *waiting, pthread_t *thread, waiting_call run,
                          tgs_canceller *cancel) {
    *waiting =
        (struct waiting){.run = run, .call = {.size = sizeof(tgs_call), .timeout_ms = -1, .cancel = cancel}};
    assert_int_equal(pthread_create(thread, NULL, run_waiting, waiting), 0);
}

static void end_cancelled(struct waiting *waiting, pthread_t thread, size_t number) {
    pthread_join(thread, NULL);
    if (waiting->status != TGS_E_CANCELLED) fail_msg("call %zu: %s", number, waiting->error.message);
    assert_int_equal(waiting->error.outcome, TGS_OUTCOME_NOT_APPLIED);
    assert_false(waiting->error.retryable);
}

/* Two at once: one waits for the other program, one for the one that waits, and is the first to be cancelled.
 */
static void cancelled_while_it_waits_for_the_lock(void **state) {
    (void)state;
    start_holder();
    for (size_t i = 0; i < COUNT(calls); i++) {
        struct waiting waiting[2];
        pthread_t threads[2];
        tgs_canceller *cancel[2];
        for (size_t n = 0; n < 2; n++) {
            assert_int_equal(tgs_canceller_new(&cancel[n], &err), TGS_OK);
            start_waiting(&waiting[n], &threads[n], calls[n ? COUNT(calls) - 1 - i : i], cancel[n]);
            until_it_waits(&waiting[n]);
        }
        for (size_t n = 2; n-- > 0;) {
            tgs_canceller_cancel(cancel[n]);
            end_cancelled(&waiting[n], threads[n], i);
            tgs_canceller_free(cancel[n]);
        }
    }
    kill_other_process();
    everything_goes_on();
}

static tgs_status wait_for_lease(const tgs_call *call, tgs_error *error) {
    tgs_session *other = NULL;
    tgs_status status =
        tgs_lease_acquire(session, TGS_STR("other"), TGS_LEASE_EXCLUSIVE, 1000, 3600000, &other, call, error);
    tgs_session_free(other);
    return status;
}

static tgs_status open_locked(const tgs_call *call, tgs_error *error) {
    tgs_store *other = NULL;
    char locked[100];
    snprintf(locked, sizeof locked, "sqlite:%s/locked.db", folder);
    tgs_status status = tgs_store_open(str(locked), NULL, 0, &other, call, error);
    tgs_store_close(other);
    return status;
}

static void cancelled_while_it_waits(waiting_call run) {
    struct waiting waiting;
    pthread_t thread;
    tgs_canceller *cancel;
    assert_int_equal(tgs_canceller_new(&cancel, &err), TGS_OK);
    start_waiting(&waiting, &thread, run, cancel);
    until_it_waits(&waiting);
    tgs_canceller_cancel(cancel);
    end_cancelled(&waiting, thread, 0);
    tgs_canceller_free(cancel);
}

static void cancelled_while_it_waits_for_a_lease(void **state) {
    (void)state;
    cancelled_while_it_waits(wait_for_lease);
    everything_goes_on();
}

static void cancelled_while_it_opens(void **state) {
    (void)state;
    sqlite3 *other;
    char path[100];
    snprintf(path, sizeof path, "%s/locked.db", folder);
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE", NULL, NULL, NULL),
                     SQLITE_OK);
    cancelled_while_it_waits(open_locked);
    sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL);
    sqlite3_close(other);
    assert_int_equal(open_locked(NULL, &err), TGS_OK);
}

/* --- cancelled in the middle
 * ------------------------------------------------------------------------------------ */

static uint64_t n_done;

static tgs_status load_many(const tgs_call *call, tgs_error *error) {
    tgs_update_state *rows = calloc(MANY, sizeof *rows);
    for (int64_t i = 0; i < MANY; i++)
        rows[i] = (tgs_update_state){.fields = TGS_UPDATE_STATE_PTS, .channel_id = i + 1, .pts = 1};
    tgs_status status =
        tgs_load(session, TGS_RECORD_UPDATE_STATE, rows, MANY, sizeof *rows, &n_done, call, error);
    free(rows);
    return status;
}

static tgs_status purge_many(const tgs_call *call, tgs_error *error) {
    return tgs_purge(session, &n_done, call, error);
}

static void backup_path(char *path, size_t size) { snprintf(path, size, "%s/copy.db", folder); }

static tgs_status backup(const tgs_call *call, tgs_error *error) {
    char path[100];
    backup_path(path, sizeof path);
    return tgs_backup(store, str(path), call, error);
}

static int64_t count_stored(void) {
    tgs_rows *rows;
    tgs_stats stats;
    assert_int_equal(tgs_stats_get(store, (tgs_str){NULL, 0}, &rows, NULL, &err), TGS_OK);
    assert_int_equal(tgs_rows_row(rows, 0, &stats, sizeof stats), TGS_OK);
    tgs_rows_free(rows);
    return stats.update_states;
}

static bool some_are_stored(void) { return count_stored() > 0; }
static bool some_are_gone(void) { return count_stored() < MANY; }

/* It has another name until it is finished. */
static bool copy_has_begun(void) {
    char pattern[100];
    glob_t found;
    snprintf(pattern, sizeof pattern, "%s/copy.db*", folder);
    bool any = glob(pattern, 0, NULL, &found) == 0;
    globfree(&found);
    return any;
}

/* Once it is seen to be at work.  Now and then it is through before; then it must have done its work. */
static void cancel_in_the_middle(waiting_call run, bool (*is_at_work)(void), void (*prepare)(void)) {
    int64_t until = now_ms() + 60000;
    tgs_status status = TGS_OK;
    while (status == TGS_OK) {
        struct waiting waiting;
        pthread_t thread;
        tgs_canceller *cancel;
        assert_true(now_ms() < until);
        prepare();
        assert_int_equal(tgs_canceller_new(&cancel, &err), TGS_OK);
        start_waiting(&waiting, &thread, run, cancel);
        while (!is_at_work()) assert_true(now_ms() < until);
        tgs_canceller_cancel(cancel);
        pthread_join(thread, NULL);
        tgs_canceller_free(cancel);
        status = waiting.status;
        if (status != TGS_OK && status != TGS_E_CANCELLED) fail_msg("%s", waiting.error.message);
    }
}

static void empty(void) { assert_int_equal(tgs_purge(session, NULL, NULL, &err), TGS_OK); }

static void fill(void) {
    if (load_many(NULL, &err) != TGS_OK) fail_msg("%s", err.message);
}

/* Rows that were said to be stored are, and no others. */
static void a_load_is_cancelled_in_the_middle(void **state) {
    (void)state;
    cancel_in_the_middle(load_many, some_are_stored, empty);
    assert_in_range(n_done, 1, MANY - 1);
    assert_int_equal(count_stored(), n_done);
    fill();
    assert_int_equal(count_stored(), MANY);
}

/* Until it is repeated, writes are CONFLICT. */
static void a_purge_is_cancelled_in_the_middle(void **state) {
    (void)state;
    cancel_in_the_middle(purge_many, some_are_gone, fill);
    assert_true(n_done < MANY);
    assert_int_equal(put(NULL, &err), TGS_E_CONFLICT);
    empty();
    assert_int_equal(count_stored(), 0);
    assert_int_equal(put(NULL, &err), TGS_OK);
}

static void remove_copy(void) {
    char path[100];
    backup_path(path, sizeof path);
    fill();
    unlink(path);
}

/* It leaves nothing behind. */
static void a_backup_is_cancelled_in_the_middle(void **state) {
    (void)state;
    cancel_in_the_middle(backup, copy_has_begun, remove_copy);
    assert_false(copy_has_begun());
    assert_int_equal(backup(NULL, &err), TGS_OK);
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, open_all, close_all)
    const struct CMUnitTest tests[] = {
        CASE(a_program_that_sits_on_the_lock),
        CASE(a_writer_that_is_stopped_in_the_middle),
        CASE(cancelled_while_it_waits_for_the_lock),
        CASE(cancelled_while_it_waits_for_a_lease),
        CASE(cancelled_while_it_opens),
        CASE(a_load_is_cancelled_in_the_middle),
        CASE(a_purge_is_cancelled_in_the_middle),
        CASE(a_backup_is_cancelled_in_the_middle),
    };
    return cmocka_run_group_tests_name("waiting", tests, NULL, NULL);
}
