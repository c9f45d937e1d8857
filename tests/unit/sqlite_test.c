/* SPDX-License-Identifier: Apache-2.0 */
/* What only the SQLite back end promises: whose files it touches, what survives, how it waits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tgstore.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define NOBODY 65534

/* --- a folder for each test --------------------------------------------------------------- */

static char folder[64], database[80];

static int make_folder(void **state) {
    (void)state;
    strcpy(folder, "/tmp/tgstore-sqlite-XXXXXX");
    if (!mkdtemp(folder)) return -1;
    snprintf(database, sizeof database, "%s/store.db", folder);
    return chmod(folder, 0755);
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *walk) {
    (void)info, (void)type, (void)walk;
    return remove(path);
}

static int remove_folder(void **state) {
    (void)state;
    chmod(folder, 0755);
    return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static const char *beside(const char *suffix) {
    static char path[100];
    snprintf(path, sizeof path, "%s%s", database, suffix);
    return path;
}

static mode_t mode_of(const char *path) {
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    return info.st_mode & 0777;
}

/* A number that changes with any name or byte in the folder. */
static uint64_t fingerprint(void) {
    uint64_t sum = 0;
    DIR *files = opendir(folder);
    assert_non_null(files);
    for (struct dirent *entry; (entry = readdir(files));) {
        if (entry->d_name[0] == '.') continue;
        uint64_t hash = 14695981039346656037u;
        for (const char *c = entry->d_name; *c; c++) hash = (hash ^ (unsigned char)*c) * 1099511628211u;
        char path[400];
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        FILE *file = fopen(path, "rb");
        assert_non_null(file);
        for (int c; (c = getc(file)) != EOF;) hash = (hash ^ (unsigned char)c) * 1099511628211u;
        fclose(file);
        sum += hash;
    }
    closedir(files);
    return sum;
}

/* --- stores ---------------------------------------------------------------------------------- */

static tgs_error err;

static tgs_status open_with(const char *parameters, tgs_store **store) {
    char url[160];
    int len = snprintf(url, sizeof url, "sqlite:%s%s", database, parameters);
    return tgs_store_open((tgs_str){url, (size_t)len}, NULL, 0, store, NULL, &err);
}

static tgs_session *open_session(const char *parameters, tgs_store **store) {
    tgs_session *session;
    if (open_with(parameters, store) != TGS_OK) fail_msg("%s", err.message);
    assert_int_equal(tgs_session_new(*store, TGS_STR("main"), &session, &err), TGS_OK);
    return session;
}

static void close_session(tgs_session *session, tgs_store *store) {
    tgs_session_free(session);
    tgs_store_close(store);
}

static tgs_status put_pts(tgs_session *session, int64_t channel, int64_t pts) {
    tgs_update_state row = {.fields = TGS_UPDATE_STATE_PTS, .channel_id = channel, .pts = pts};
    return tgs_put(session, TGS_RECORD_UPDATE_STATE, &row, 1, sizeof row, NULL, NULL, &err);
}

static tgs_status put_date(tgs_session *session, int64_t date) {
    tgs_session_data row = {.fields = TGS_SESSION_DATE, .date = date};
    return tgs_put(session, TGS_RECORD_SESSION, &row, 1, sizeof row, NULL, NULL, &err);
}

static tgs_status get_pts(tgs_session *session, int64_t channel, int64_t *pts) {
    tgs_update_state key = {.channel_id = channel}, row;
    tgs_rows *rows;
    tgs_status status = tgs_get(session, TGS_RECORD_UPDATE_STATE, &key, 1, sizeof key, &rows, NULL, &err);
    if (status != TGS_OK) return status;
    assert_int_equal(tgs_rows_row(rows, 0, &row, sizeof row), TGS_OK);
    tgs_rows_free(rows);
    *pts = row.fields & TGS_UPDATE_STATE_PTS ? row.pts : -1;
    return TGS_OK;
}

static int64_t get_date(tgs_session *session) {
    tgs_session_data key = {0}, row;
    tgs_rows *rows;
    assert_int_equal(tgs_get(session, TGS_RECORD_SESSION, &key, 1, sizeof key, &rows, NULL, &err), TGS_OK);
    assert_int_equal(tgs_rows_row(rows, 0, &row, sizeof row), TGS_OK);
    tgs_rows_free(rows);
    return row.date;
}

static void make_store(void) {
    tgs_store *store;
    tgs_session *session = open_session("", &store);
    assert_int_equal(put_pts(session, 0, 7), TGS_OK);
    close_session(session, store);
}

static void run_sql(const char *sql) {
    sqlite3 *db;
    assert_int_equal(sqlite3_open(database, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) fail_msg("%s", sqlite3_errmsg(db));
    sqlite3_close(db);
}

/* --- child processes ---------------------------------------------------------------------------- */

/* Run in a child process, which must not use cmocka: it returns its exit status. */
static pid_t start(int (*child)(int output), int *input) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(ends[0]);
        _exit(child(ends[1]));
    }
    close(ends[1]);
    *input = ends[0];
    return pid;
}

static int wait_for(pid_t pid) {
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int run(int (*child)(int output)) {
    int input;
    pid_t pid = start(child, &input);
    int status = wait_for(pid);
    close(input);
    return status;
}

/* In a child: the store and session, or NULL. */
static tgs_session *child_session(const char *parameters) {
    tgs_store *store;
    tgs_session *session;
    if (open_with(parameters, &store) != TGS_OK) return NULL;
    return tgs_session_new(store, TGS_STR("main"), &session, &err) == TGS_OK ? session : NULL;
}

/* --- whose file is it? ------------------------------------------------------------------------------ */

static void files_are_private(void **state) {
    (void)state;
    mode_t mask = umask(0);
    tgs_store *store;
    tgs_session *session = open_session("", &store);
    assert_int_equal(put_pts(session, 0, 1), TGS_OK);
    assert_int_equal(mode_of(database), 0600);
    assert_int_equal(mode_of(beside("-wal")), 0600);
    assert_int_equal(mode_of(beside("-shm")), 0600);
    const char *copy = beside(".copy");
    assert_int_equal(tgs_backup(store, (tgs_str){copy, strlen(copy)}, NULL, &err), TGS_OK);
    assert_int_equal(mode_of(copy), 0600);
    umask(mask);
    close_session(session, store);
}

static void refused_untouched(tgs_status expected, const char *word) {
    uint64_t before = fingerprint();
    tgs_store *store;
    assert_int_equal(open_with("", &store), expected);
    assert_non_null(strstr(err.message, word));
    assert_int_equal(open_with("?mode=rw", &store), expected);
    assert_true(fingerprint() == before);
}

static void newer_schema_is_refused_untouched(void **state) {
    (void)state;
    make_store();
    run_sql("PRAGMA user_version=99");
    refused_untouched(TGS_E_UNSUPPORTED, "99");
}

/* A program that was killed leaves its -wal; refusing the file must not move that into it. */
static int leave_newer_schema_in_wal(int output) {
    (void)output;
    sqlite3 *db;
    if (sqlite3_open(database, &db) != SQLITE_OK) return 1;
    if (sqlite3_exec(db, "PRAGMA user_version=99", NULL, NULL, NULL) != SQLITE_OK) return 2;
    raise(SIGKILL);
    return 3;
}

static void newer_schema_in_a_wal_is_refused_untouched(void **state) {
    (void)state;
    make_store();
    assert_int_equal(run(leave_newer_schema_in_wal), 128 + SIGKILL);
    /* The -shm is but an index of the -wal, which whoever opens the file makes anew. */
    assert_int_equal(unlink(beside("-shm")), 0);
    uint64_t before = fingerprint();
    tgs_store *store;
    assert_int_equal(open_with("", &store), TGS_E_UNSUPPORTED);
    unlink(beside("-shm"));
    assert_true(fingerprint() == before);
}

static void databases_of_others_are_refused_untouched(void **state) {
    (void)state;
    run_sql("CREATE TABLE entities (id INTEGER); CREATE TABLE sessions (dc INTEGER)");
    refused_untouched(TGS_E_CORRUPT, "entities");
    run_sql("PRAGMA application_id=252006673");
    refused_untouched(TGS_E_CORRUPT, "0x0f055111");
}

static void what_is_no_database_is_refused_untouched(void **state) {
    (void)state;
    FILE *file = fopen(database, "w");
    assert_non_null(file);
    for (int i = 0; i < 200; i++) fputs("This is no database. ", file);
    fclose(file);
    refused_untouched(TGS_E_CORRUPT, "store.db");
}

static void older_schema_is_migrated(void **state) {
    (void)state;
    run_sql("PRAGMA application_id=1952936820"); /* ours, at version 0 */
    make_store();
    sqlite3 *db;
    sqlite3_stmt *version;
    assert_int_equal(sqlite3_open(database, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &version, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(version), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int(version, 0), 1);
    sqlite3_finalize(version);
    sqlite3_close(db);
}

static void wrong_types_are_corrupt(void **state) {
    (void)state;
    make_store();
    run_sql("PRAGMA writable_schema=ON;"
            "UPDATE sqlite_schema SET sql = replace(sql, 'STRICT, WITHOUT', 'WITHOUT') WHERE name = "
            "'update_state'");
    run_sql("UPDATE update_state SET pts = 'seven'");
    tgs_store *store;
    tgs_session *session = open_session("", &store);
    int64_t pts = 0;
    assert_int_equal(get_pts(session, 0, &pts), TGS_E_CORRUPT);
    assert_non_null(strstr(err.message, "pts"));
    close_session(session, store);
}

/* --- how it is opened ----------------------------------------------------------------------------------- */

static void wrong_parameters_are_invalid(void **state) {
    (void)state;
    const char *const wrong[] = {"?mode=w",        "?durability=none", "?max_readers=0", "?max_readers=65",
                                 "?max_readers=x", "?max_readers=",    "?colour=red"};
    tgs_store *store;
    for (size_t i = 0; i < COUNT(wrong); i++) assert_int_equal(open_with(wrong[i], &store), TGS_E_INVALID);
    assert_int_equal(access(database, F_OK), -1);
    assert_int_equal(open_with("?mode=rw", &store), TGS_E_UNAVAILABLE);
    assert_int_equal(open_with("?mode=ro", &store), TGS_E_UNAVAILABLE);
    assert_int_equal(access(database, F_OK), -1);
}

static void names_with_special_characters(void **state) {
    (void)state;
    tgs_store *store;
    char url[160];
    int len = snprintf(url, sizeof url, "sqlite:%s/a%%3fb%%23c%%25d e.db", folder);
    assert_int_equal(tgs_store_open((tgs_str){url, (size_t)len}, NULL, 0, &store, NULL, &err), TGS_OK);
    tgs_store_close(store);
    snprintf(database, sizeof database, "%s/a?b#c%%d e.db", folder);
    assert_int_equal(mode_of(database), 0600);
}

static int n_syncs;

/* SQLite's own calls of the C library's function come here. */
__attribute__((visibility("default"))) int fdatasync(int descriptor) {
    n_syncs++;
    return (int)syscall(SYS_fdatasync, descriptor);
}

static bool synced(tgs_status status) {
    if (status != TGS_OK) fail_msg("%s", err.message);
    bool any = n_syncs > 0;
    n_syncs = 0;
    return any;
}

static void what_must_survive_a_power_cut_is_synced(void **state) {
    (void)state;
    tgs_store *store;
    tgs_session_data key = {.fields = 0};
    tgs_session *session = open_session("", &store);
    n_syncs = 0;
    assert_true(synced(put_date(session, 1)));
    assert_false(synced(put_pts(session, 0, 1)));
    assert_true(synced(tgs_sync(store, NULL, &err)));
    assert_true(synced(tgs_delete(session, TGS_RECORD_SESSION, &key, 1, sizeof key, NULL, NULL, &err)));
    assert_true(synced(tgs_purge(session, NULL, NULL, &err)));
    close_session(session, store);
    session = open_session("?durability=full", &store);
    n_syncs = 0;
    assert_true(synced(put_pts(session, 0, 1)));
    close_session(session, store);
}

static void reading_only(void **state) {
    (void)state;
    make_store();
    tgs_store *store;
    tgs_session *session = open_session("?mode=ro", &store);
    int64_t pts = 0;
    assert_int_equal(get_pts(session, 0, &pts), TGS_OK);
    assert_int_equal(pts, 7);
    assert_int_equal(put_pts(session, 0, 8), TGS_E_READ_ONLY);
    assert_int_equal(tgs_sync(store, NULL, &err), TGS_OK);
    close_session(session, store);
}

static void drop_privileges(void) {
    if (geteuid() == 0 && setresuid(NOBODY, NOBODY, NOBODY) != 0) _exit(99);
}

static int read_as_nobody(int output) {
    (void)output;
    drop_privileges();
    tgs_session *session = child_session("?mode=ro");
    int64_t pts = 0;
    if (!session) return err.code == TGS_E_AUTH ? 1 : 2;
    if (get_pts(session, 0, &pts) != TGS_OK) return 3;
    return pts == 7 ? 0 : 4;
}

static void reading_in_a_folder_that_cannot_be_written(void **state) {
    (void)state;
    make_store();
    assert_int_equal(chmod(database, 0644), 0);
    assert_int_equal(chmod(folder, 0555), 0);
    uint64_t before = fingerprint();
    assert_int_equal(run(read_as_nobody), 0);
    assert_true(fingerprint() == before);
}

static int die_with_a_wal(int output) {
    (void)output;
    tgs_session *session = child_session("");
    if (!session || put_pts(session, 0, 8) != TGS_OK) return 1;
    raise(SIGKILL);
    return 2;
}

/* Without the right to read the -wal, the file alone would show an old state. */
static void a_wal_is_not_passed_over(void **state) {
    (void)state;
    make_store();
    assert_int_equal(run(die_with_a_wal), 128 + SIGKILL);
    assert_int_equal(unlink(beside("-shm")), 0);
    assert_int_equal(chmod(database, 0644), 0);
    assert_int_equal(chmod(beside("-wal"), 0644), 0);
    assert_int_equal(chmod(folder, 0555), 0);
    assert_int_equal(run(read_as_nobody), 1);
}

/* --- what survives ---------------------------------------------------------------------------------------
 */

static void a_killed_process_loses_nothing(void **state) {
    (void)state;
    make_store();
    assert_int_equal(run(die_with_a_wal), 128 + SIGKILL);
    assert_int_equal(access(beside("-wal"), F_OK), 0);
    tgs_store *store;
    tgs_session *session = open_session("", &store);
    int64_t pts = 0;
    assert_int_equal(get_pts(session, 0, &pts), TGS_OK);
    assert_int_equal(pts, 8);
    close_session(session, store);
}

static int write_dates(int output) {
    tgs_session *session = child_session("");
    for (int64_t date = 1; session; date++) {
        if (put_date(session, date) != TGS_OK) return 1;
        if (write(output, &date, sizeof date) != sizeof date) return 2;
    }
    return 3;
}

static void acknowledged_writes_survive_kill(void **state) {
    (void)state;
    for (int round = 0; round < 5; round++) {
        int input;
        int64_t date = 0;
        pid_t pid = start(write_dates, &input);
        for (int i = 0; i < 20 + round * 7; i++)
            assert_int_equal(read(input, &date, sizeof date), sizeof date);
        kill(pid, SIGKILL);
        assert_int_equal(wait_for(pid), 128 + SIGKILL);
        while (read(input, &date, sizeof date) == sizeof date) continue;
        close(input);
        tgs_store *store;
        tgs_session *session = open_session("", &store);
        assert_true(get_date(session) >= date);
        assert_true(get_date(session) <= date + 1);
        close_session(session, store);
    }
}

/* A file may grow to 256 KiB only: the same to SQLite as a full disk. */
static int fill_the_disk(int output) {
    (void)output;
    tgs_session *session = child_session("");
    if (!session) return 1;
    struct rlimit limit, small;
    getrlimit(RLIMIT_FSIZE, &limit);
    small = limit;
    small.rlim_cur = 256 << 10;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    int64_t channel = 1, pts = 0;
    while (channel < 1000 && put_pts(session, channel, 1) == TGS_OK) channel++;
    if (err.code != TGS_E_NO_SPACE || !err.retryable) return 2;
    if (err.outcome != TGS_OUTCOME_NOT_APPLIED) return 3;
    if (get_pts(session, channel, &pts) != TGS_OK || pts != -1) return 4;
    if (get_pts(session, channel - 1, &pts) != TGS_OK || pts != 1) return 5;
    setrlimit(RLIMIT_FSIZE, &limit);
    return put_pts(session, channel, 1) == TGS_OK ? 0 : 6;
}

static void a_full_disk_changes_nothing(void **state) {
    (void)state;
    make_store();
    assert_int_equal(run(fill_the_disk), 0);
    sqlite3 *db;
    sqlite3_stmt *check;
    assert_int_equal(sqlite3_open(database, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &check, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(check), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(check, 0), "ok");
    sqlite3_finalize(check);
    sqlite3_close(db);
}

static void backup_is_a_new_file(void **state) {
    (void)state;
    tgs_store *store;
    tgs_session *session = open_session("", &store);
    assert_int_equal(put_pts(session, 0, 7), TGS_OK);
    const char *copy = beside(".copy");
    tgs_str path = {copy, strlen(copy)};
    assert_int_equal(tgs_backup(store, path, NULL, &err), TGS_OK);
    assert_int_equal(tgs_backup(store, path, NULL, &err), TGS_E_CONFLICT);
    assert_int_equal(tgs_backup(store, TGS_STR("/none/copy.db"), NULL, &err), TGS_E_UNAVAILABLE);
    close_session(session, store);
    snprintf(database + strlen(database), sizeof database - strlen(database), ".copy");
    session = open_session("?mode=rw", &store);
    int64_t pts = 0;
    assert_int_equal(get_pts(session, 0, &pts), TGS_OK);
    assert_int_equal(pts, 7);
    close_session(session, store);
}

/* --- others at the same time
 * --------------------------------------------------------------------------------- */

#define WRITES 300

static int add_items(int output) {
    (void)output;
    tgs_session *session = child_session("");
    if (!session) return 1;
    for (int i = 0; i < WRITES; i++) {
        char id[40];
        int len = snprintf(id, sizeof id, "%d-%d", (int)getpid(), i);
        tgs_queue_item item = {.id = {id, (size_t)len}};
        if (tgs_put(session, TGS_RECORD_QUEUE_ITEM, &item, 1, sizeof item, NULL, NULL, &err) != TGS_OK)
            return 2;
    }
    return 0;
}

static void processes_wait_for_each_other(void **state) {
    (void)state; /* they even make the database at the same time */
    int inputs[3];
    pid_t pids[3];
    for (size_t i = 0; i < COUNT(pids); i++) pids[i] = start(add_items, &inputs[i]);
    for (size_t i = 0; i < COUNT(pids); i++) {
        assert_int_equal(wait_for(pids[i]), 0);
        close(inputs[i]);
    }
    tgs_store *store;
    tgs_session *session = open_session("", &store);
    tgs_rows *rows;
    tgs_stats stats;
    assert_int_equal(tgs_stats_get(store, TGS_STR("main"), &rows, NULL, &err), TGS_OK);
    assert_int_equal(tgs_rows_row(rows, 0, &stats, sizeof stats), TGS_OK);
    assert_int_equal(stats.queue_ready, COUNT(pids) * WRITES);
    tgs_rows_free(rows);
    close_session(session, store);
}

static sqlite3 *hold_lock(void) {
    sqlite3 *other;
    assert_int_equal(sqlite3_open(database, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    return other;
}

static tgs_status put_within(tgs_session *session, const tgs_call *call) {
    tgs_update_state row = {.fields = TGS_UPDATE_STATE_PTS, .pts = 9};
    return tgs_put(session, TGS_RECORD_UPDATE_STATE, &row, 1, sizeof row, NULL, call, &err);
}

static void *cancel(void *canceller) {
    tgs_canceller_cancel(canceller);
    return NULL;
}

static void waiting_ends_with_the_deadline_or_the_canceller(void **state) {
    (void)state;
    tgs_store *store;
    tgs_session *session = open_session("", &store);
    sqlite3 *other = hold_lock();
    tgs_call call = {.size = sizeof call, .timeout_ms = 50};
    assert_int_equal(put_within(session, &call), TGS_E_BUSY);
    assert_true(err.retryable);
    assert_string_equal(err.native, "SQLITE_BUSY");

    pthread_t thread;
    call.timeout_ms = -1;
    assert_int_equal(tgs_canceller_new(&call.cancel, &err), TGS_OK);
    assert_int_equal(pthread_create(&thread, NULL, cancel, call.cancel), 0);
    assert_int_equal(put_within(session, &call), TGS_E_CANCELLED);
    pthread_join(thread, NULL);
    tgs_canceller_free(call.cancel);

    int64_t pts = 0;
    assert_int_equal(get_pts(session, 0, &pts), TGS_OK); /* reading waits for nobody */
    sqlite3_close(other);
    assert_int_equal(put_within(session, NULL), TGS_OK);
    close_session(session, store);
}

static void close_in_a_child_leaves_the_parent_alone(void **state) {
    (void)state;
    tgs_store *store;
    tgs_session *session = open_session("", &store);
    assert_int_equal(put_pts(session, 0, 1), TGS_OK);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        tgs_session_free(session);
        tgs_store_close(store);
        _exit(0);
    }
    assert_int_equal(wait_for(pid), 0);
    assert_int_equal(access(beside("-wal"), F_OK), 0);
    assert_int_equal(put_pts(session, 0, 2), TGS_OK);
    close_session(session, store);
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        CASE(files_are_private),
        CASE(newer_schema_is_refused_untouched),
        CASE(newer_schema_in_a_wal_is_refused_untouched),
        CASE(databases_of_others_are_refused_untouched),
        CASE(what_is_no_database_is_refused_untouched),
        CASE(older_schema_is_migrated),
        CASE(wrong_types_are_corrupt),
        CASE(wrong_parameters_are_invalid),
        CASE(names_with_special_characters),
        CASE(what_must_survive_a_power_cut_is_synced),
        CASE(reading_only),
        CASE(reading_in_a_folder_that_cannot_be_written),
        CASE(a_wal_is_not_passed_over),
        CASE(a_killed_process_loses_nothing),
        CASE(acknowledged_writes_survive_kill),
        CASE(a_full_disk_changes_nothing),
        CASE(backup_is_a_new_file),
        CASE(processes_wait_for_each_other),
        CASE(waiting_ends_with_the_deadline_or_the_canceller),
        CASE(close_in_a_child_leaves_the_parent_alone),
    };
    return cmocka_run_group_tests_name("sqlite", tests, NULL, NULL);
}
