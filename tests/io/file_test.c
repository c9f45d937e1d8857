/* SPDX-License-Identifier: Apache-2.0 */
/* What is found beside a database, or in its place: journals of programs that were killed, copies that are
 * not whole, and file systems that can't share memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "folder.h"
#include "state.h"
#include "tgstore.h"
#include "vfs.h"

static tgs_error err;

/* --- stores --------------------------------------------------------------------------------------- */

static tgs_status open_path(const char *path, const char *parameters, tgs_store **store) {
    char url[200];
    int len = snprintf(url, sizeof url, "sqlite:%s%s", path, parameters);
    return tgs_store_open((tgs_str){url, (size_t)len}, NULL, 0, store, NULL, &err);
}

static tgs_store *opened(const char *path, const char *parameters) {
    tgs_store *store;
    if (open_path(path, parameters, &store) != TGS_OK) fail_msg("%s", err.message);
    return store;
}

static tgs_status put_keys(tgs_store *store, int from, int to) {
    tgs_session *session;
    tgs_status status = tgs_session_new(store, TGS_STR("main"), &session, &err);
    for (int i = from; status == TGS_OK && i < to; i++) {
        char key[20];
        tgs_dedup row = {.flags = TGS_ROW_REQUIRE, .key = {key, (size_t)snprintf(key, sizeof key, "%d", i)}};
        status = tgs_put(session, TGS_RECORD_DEDUP, &row, 1, sizeof row, NULL, NULL, &err);
    }
    tgs_session_free(session);
    return status;
}

static size_t count_keys(tgs_store *store) {
    tgs_session *session;
    tgs_rows *rows;
    assert_int_equal(tgs_session_new(store, TGS_STR("main"), &session, &err), TGS_OK);
    if (tgs_list(session, TGS_RECORD_DEDUP, NULL, 0, NULL, TGS_MAX_ROWS, &rows, NULL, &err) != TGS_OK)
        fail_msg("%s", err.message);
    size_t n = tgs_rows_count(rows);
    tgs_rows_free(rows);
    tgs_session_free(session);
    return n;
}

static void make_store(void) {
    tgs_store *store = opened(database, "");
    assert_int_equal(put_keys(store, 0, 1000), TGS_OK);
    tgs_store_close(store);
}

static size_t keys_in(const char *path, const char *parameters) {
    tgs_store *store = opened(path, parameters);
    size_t n = count_keys(store);
    tgs_store_close(store);
    return n;
}

/* Run in a child process, which ends itself by SIGKILL. */
static void die_in(void (*child)(void)) {
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        child();
        _exit(1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static off_t size_of(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 ? info.st_size : -1;
}

/* --- a hot journal ----------------------------------------------------------------------------------- */

/* As somebody's own tool may: it leaves WAL mode, and dies with half a change in the file. */
static void die_with_a_journal(void) {
    sqlite3 *db;
    if (sqlite3_open(database, &db) != SQLITE_OK) return;
    int code = sqlite3_exec(db,
                            "PRAGMA journal_mode=DELETE; PRAGMA cache_size=1; BEGIN; DELETE FROM dedup;"
                            "DELETE FROM session",
                            NULL, NULL, NULL);
    if (code == SQLITE_OK && sqlite3_db_cacheflush(db) == SQLITE_OK) raise(SIGKILL);
}

static void a_hot_journal_is_rolled_back(void **state) {
    (void)state;
    make_store();
    die_in(die_with_a_journal);
    assert_true(size_of(in_folder("store.db-journal")) > 0);
    assert_int_equal(keys_in(database, ""), 1000);
    assert_int_equal(size_of(in_folder("store.db-journal")), -1);
    assert_string_equal(integrity_of(database), "ok");
}

/* Half a change must not be read; who only reads can't undo it. */
static void a_hot_journal_is_not_passed_over(void **state) {
    (void)state;
    tgs_store *store;
    make_store();
    die_in(die_with_a_journal);
    assert_int_equal(open_path(database, "?mode=ro", &store), TGS_E_READ_ONLY);
    assert_non_null(strstr(err.message, "-journal"));
    assert_non_null(strstr(err.message, "mode=rw"));
    assert_int_equal(keys_in(database, "?mode=rw"), 1000);
    assert_int_equal(keys_in(database, "?mode=ro"), 1000);
}

/* --- copies --------------------------------------------------------------------------------------------- */

static void copy_file(const char *from, const char *to, long bytes) {
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    assert_non_null(in);
    assert_non_null(out);
    for (int c; bytes-- && (c = getc(in)) != EOF;) putc(c, out);
    fclose(in);
    assert_int_equal(fclose(out), 0);
}

#define ALL_BYTES (-1)

/* A copy of the file alone is an older state of the store, and whole; a backup has everything. */
static void a_copy_without_its_wal_is_older(void **state) {
    (void)state;
    make_store();
    tgs_store *store = opened(database, "");
    assert_int_equal(put_keys(store, 1000, 1100), TGS_OK);
    const char *copy = in_folder("copy.db"), *backup = in_folder("backup.db");
    copy_file(database, copy, ALL_BYTES);
    assert_int_equal(tgs_backup(store, (tgs_str){backup, strlen(backup)}, NULL, &err), TGS_OK);
    assert_int_equal(keys_in(copy, ""), 1000);
    assert_string_equal(integrity_of(copy), "ok");
    assert_int_equal(keys_in(backup, ""), 1100);
    tgs_store_close(store);
    /* All of a store that is closed is in its file. */
    assert_int_equal(size_of(in_folder("store.db-wal")), -1);
    copy_file(database, copy, ALL_BYTES);
    assert_int_equal(keys_in(copy, ""), 1100);
}

/* A copy that was broken off is told as it is opened, wherever it ends but in its last page. */
static void a_copy_that_is_cut_short_is_corrupt(void **state) {
    (void)state;
    make_store();
    const char *copy = in_folder("copy.db");
    tgs_store *store;
    for (off_t bytes = size_of(database) - 4096; bytes > 512; bytes -= 3000) {
        copy_file(database, copy, (long)bytes);
        assert_int_equal(open_path(copy, "", &store), TGS_E_CORRUPT);
        assert_int_equal(open_path(copy, "?mode=ro", &store), TGS_E_CORRUPT);
        assert_int_equal(open_path(copy, "?locking=exclusive", &store), TGS_E_CORRUPT);
        assert_int_equal(size_of(copy), bytes);
    }
}

/* --- no shared memory ---------------------------------------------------------------------------------- */

static const struct io_watcher no_shared_memory = {.no_shared_memory = true};

static void the_cure_is_named(tgs_status status) {
    tgs_store *store;
    assert_int_equal(open_path(database, "", &store), status);
    assert_non_null(strstr(err.message, "locking=exclusive"));
}

static void works_exclusively(int from, int to) {
    tgs_store *store = opened(database, "?locking=exclusive");
    assert_int_equal(put_keys(store, from, to), TGS_OK);
    tgs_store_close(store);
    assert_int_equal(keys_in(database, "?locking=exclusive"), to);
}

static void without_shared_memory(void **state) {
    (void)state;
    vfs_watch(&no_shared_memory);
    the_cure_is_named(TGS_E_UNSUPPORTED);
    works_exclusively(0, 10);
    the_cure_is_named(TGS_E_UNSUPPORTED); /* though it is in WAL mode now */
    assert_int_equal(keys_in(database, "?mode=ro"), 10);
}

static int refuse_to_map(const struct io_event *event) {
    return event->call == IO_SHM_MAP ? SQLITE_IOERR_SHMMAP : SQLITE_OK;
}

/* The file system has the calls, but they fail. */
static void where_memory_cannot_be_mapped(void **state) {
    (void)state;
    static const struct io_watcher watcher = {.before = refuse_to_map};
    vfs_watch(&watcher);
    the_cure_is_named(TGS_E_BACKEND);
    works_exclusively(0, 10);
    the_cure_is_named(TGS_E_BACKEND);
}

static void die_with_a_wal(void) {
    tgs_store *store = opened(database, "?locking=exclusive");
    if (put_keys(store, 1000, 1010) == TGS_OK) raise(SIGKILL);
}

static void a_wal_is_recovered_without_shared_memory(void **state) {
    (void)state;
    make_store();
    vfs_watch(&no_shared_memory);
    die_in(die_with_a_wal);
    assert_true(size_of(in_folder("store.db-wal")) > 0);
    tgs_store *store;
    assert_int_equal(open_path(database, "?mode=ro", &store), TGS_E_AUTH);
    assert_non_null(strstr(err.message, "-wal"));
    assert_int_equal(keys_in(database, "?locking=exclusive"), 1010);
}

static int clean_up(void **state) {
    vfs_leave();
    return remove_folder(state);
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, make_folder, clean_up)
    const struct CMUnitTest tests[] = {CASE(a_hot_journal_is_rolled_back),
                                       CASE(a_hot_journal_is_not_passed_over),
                                       CASE(a_copy_without_its_wal_is_older),
                                       CASE(a_copy_that_is_cut_short_is_corrupt),
                                       CASE(without_shared_memory),
                                       CASE(where_memory_cannot_be_mapped),
                                       CASE(a_wal_is_recovered_without_shared_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
