/* SPDX-License-Identifier: Apache-2.0 */
/* Handles against calls that run: closed, freed in any order, inherited by a child.  On SQLite and in memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <ftw.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tgstore.h"

#define THREADS 4

static char folder[64], url[160];
static tgs_error err;

/* Each test runs on both. */
static int use_memory(void **state) {
    (void)state;
    strcpy(url, "memory:?timeout_ms=20000");
    folder[0] = '\0';
    return 0;
}

static int use_sqlite(void **state) {
    (void)state;
    strcpy(folder, "/tmp/tgstore-lifetime-XXXXXX");
    if (!mkdtemp(folder)) return -1;
    snprintf(url, sizeof url, "sqlite:%s/store.db?timeout_ms=20000", folder);
    return 0;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *walk) {
    (void)info, (void)type, (void)walk;
    return remove(path);
}

static int remove_folder(void **state) {
    (void)state;
    return folder[0] ? nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS) : 0;
}

static tgs_store *open_store(void) {
    tgs_store *store;
    if (tgs_store_open((tgs_str){url, strlen(url)}, NULL, 0, &store, NULL, &err) != TGS_OK)
        fail_msg("%s", err.message);
    return store;
}

static tgs_session *open_session(tgs_store *store) {
    tgs_session *session;
    assert_int_equal(tgs_session_new(store, TGS_STR("main"), &session, &err), TGS_OK);
    return session;
}

/* For threads and children, which cmocka's asserts are not for. */
static tgs_status put(tgs_session *session, const char *key, tgs_error *error) {
    tgs_kv row = {.scope = TGS_STR("s"), .key = {key, strlen(key)}};
    return tgs_put(session, TGS_RECORD_KV, &row, 1, sizeof row, NULL, NULL, error);
}

static tgs_status list(tgs_session *session, size_t *n, tgs_error *error) {
    tgs_rows *rows;
    tgs_status status = tgs_list(session, TGS_RECORD_KV, NULL, 0, NULL, 1000, &rows, NULL, error);
    if (status != TGS_OK) return status;
    *n = tgs_rows_count(rows);
    tgs_rows_free(rows);
    return TGS_OK;
}

static int wait_for(pid_t pid) {
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* --- fork --------------------------------------------------------------------------------------- */

/* SQLite thinks that a child has the locks of its parent: see sqlite_fork.c. */
static void a_child_opens_the_file_anew(void **state) {
    (void)state;
    int opened[2], closed[2];
    char byte;
    size_t n;
    tgs_store *store = open_store();
    tgs_session *session = open_session(store);
    assert_int_equal(put(session, "parent", &err), TGS_OK);
    assert_int_equal(pipe(opened), 0);
    assert_int_equal(pipe(closed), 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(closed[1]);
        tgs_store *own;
        if (tgs_store_open((tgs_str){url, strlen(url)}, NULL, 0, &own, NULL, &err) != TGS_OK) _exit(1);
        if (tgs_session_new(own, TGS_STR("main"), &session, &err) != TGS_OK) _exit(2);
        if (put(session, "child", &err) != TGS_OK) _exit(3);
        close(opened[1]);
        if (read(closed[0], &byte, 1) != 0) _exit(4);
        if (put(session, "child, later", &err) != TGS_OK) _exit(5);
        tgs_session_free(session);
        tgs_store_close(own);
        _exit(0);
    }
    close(opened[1]);
    assert_int_equal(read(opened[0], &byte, 1), 0);
    tgs_session_free(session);
    tgs_store_close(store); /* the last of this process, but not of all */
    store = open_store();
    session = open_session(store);
    assert_int_equal(put(session, "parent, anew", &err), TGS_OK);
    close(closed[1]);
    assert_int_equal(wait_for(pid), 0);
    close(opened[0]);
    close(closed[0]);
    assert_int_equal(list(session, &n, &err), TGS_OK);
    assert_int_equal(n, 4);
    tgs_session_free(session);
    tgs_store_close(store);
}

struct busy {
    tgs_session *session;
    atomic_bool *stop;
    int number;
    size_t puts;
    tgs_status status;
    tgs_error error;
};

static void *keep_calling(void *self) {
    struct busy *busy = self;
    char key[20];
    size_t n;
    while (!atomic_load(busy->stop) && busy->status == TGS_OK) {
        snprintf(key, sizeof key, "%d %zu", busy->number, busy->puts % 50);
        busy->status = put(busy->session, key, &busy->error);
        if (busy->status == TGS_OK) busy->puts++;
        if (busy->status == TGS_OK) busy->status = list(busy->session, &n, &busy->error);
    }
    return NULL;
}

static size_t count_descriptors(void) {
    size_t n = 0;
    DIR *descriptors = opendir("/proc/self/fd");
    while (readdir(descriptors)) n++;
    closedir(descriptors);
    return n;
}

/* INVALID, whatever the parent's threads were in the middle of; freeing leaves SQLite's files alone. */
static int be_a_child(tgs_store *store, tgs_session *session, tgs_batch *batch, tgs_rows *rows) {
    tgs_error error;
    tgs_session *other;
    size_t n, descriptors = count_descriptors();
    if (put(session, "child", &error) != TGS_E_INVALID || !strstr(error.message, "fork")) return 1;
    if (list(session, &n, &error) != TGS_E_INVALID) return 2;
    if (tgs_session_new(store, TGS_STR("other"), &other, &error) != TGS_E_INVALID) return 3;
    if (tgs_batch_commit(batch, NULL, 0, NULL, &error) != TGS_E_INVALID) return 4;
    if (tgs_sync(store, NULL, &error) != TGS_E_INVALID) return 5;
    tgs_session_free(session);
    tgs_store_close(store);
    if (tgs_rows_count(rows) != 1) return 6;
    tgs_rows_free(rows);
    tgs_batch_free(batch);
    return count_descriptors() == descriptors ? 0 : 7;
}

static void fork_among_running_calls(void **state) {
    (void)state;
    pthread_t threads[THREADS];
    struct busy busy[THREADS];
    atomic_bool stop = false;
    tgs_kv key = {.scope = TGS_STR("s"), .key = TGS_STR("k")};
    tgs_rows *rows;
    tgs_batch *batch;
    tgs_store *store = open_store();
    tgs_session *session = open_session(store);
    assert_int_equal(tgs_get(session, TGS_RECORD_KV, &key, 1, sizeof key, &rows, NULL, &err), TGS_OK);
    assert_int_equal(tgs_batch_new(session, &batch, &err), TGS_OK);
    assert_int_equal(tgs_batch_put(batch, TGS_RECORD_KV, &key, 1, sizeof key, &err), TGS_OK);
    for (int i = 0; i < THREADS; i++) {
        busy[i] = (struct busy){.session = session, .stop = &stop, .number = i};
        assert_int_equal(pthread_create(&threads[i], NULL, keep_calling, &busy[i]), 0);
    }
    for (int i = 0; i < 30; i++) {
        pid_t pid = fork();
        if (pid == 0) _exit(be_a_child(store, session, batch, rows));
        assert_int_equal(wait_for(pid), 0);
    }
    atomic_store(&stop, true);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        if (busy[i].status != TGS_OK) fail_msg("%s", busy[i].error.message);
    }
    assert_int_equal(tgs_batch_commit(batch, NULL, 0, NULL, &err), TGS_OK);
    tgs_rows_free(rows);
    tgs_batch_free(batch);
    tgs_session_free(session);
    tgs_store_close(store);
}

/* --- close ------------------------------------------------------------------------------------------ */

/* Waits until it is told that the store is closing. */
static void *wait_for_lease(void *self) {
    struct busy *busy = self;
    tgs_session *leased;
    tgs_call call = {.size = sizeof call, .timeout_ms = -1};
    busy->status = tgs_lease_acquire(busy->session, TGS_STR("waiter"), TGS_LEASE_EXCLUSIVE, 1000, 3600000,
                                     &leased, &call, &busy->error);
    tgs_session_free(leased);
    tgs_session_free(busy->session);
    return NULL;
}

static void *call_until_closed(void *self) {
    struct busy *busy = self;
    keep_calling(busy);
    tgs_session_free(busy->session); /* maybe the last one that knows of the store */
    return NULL;
}

static void close_among_running_calls(void **state) {
    (void)state;
    strcpy(strstr(url, "timeout_ms"), "timeout_ms=20");
    for (int round = 0; round < 20; round++) {
        pthread_t threads[THREADS];
        struct busy busy[THREADS];
        atomic_bool stop = false;
        tgs_session *leased;
        tgs_store *store = open_store();
        tgs_session *session = open_session(store);
        assert_int_equal(
            tgs_lease_acquire(session, TGS_STR("holder"), TGS_LEASE_SHARED, 3600000, 0, &leased, NULL, &err),
            TGS_OK);
        for (int i = 0; i < THREADS; i++) {
            busy[i] = (struct busy){.session = open_session(store), .stop = &stop, .number = i};
            assert_int_equal(
                pthread_create(&threads[i], NULL, i ? call_until_closed : wait_for_lease, &busy[i]), 0);
        }
        tgs_session_free(session);
        size_t n;
        for (int i = 0; i < round; i++) list(leased, &n, &err); /* let them get somewhere */
        tgs_store_close(store);
        assert_int_equal(put(leased, "k", &err), TGS_E_INVALID);
        tgs_session_free(leased);
        for (int i = 0; i < THREADS; i++) {
            pthread_join(threads[i], NULL);
            /* Their deadlines are short, too. */
            bool ended = busy[i].status == TGS_E_INVALID || busy[i].status == TGS_E_CANCELLED ||
                         (i && (busy[i].status == TGS_E_BUSY || busy[i].status == TGS_E_TIMEOUT));
            if (!ended) fail_msg("%s: %s", tgs_status_name(busy[i].status), busy[i].error.message);
        }
    }
}

/* --- any order ------------------------------------------------------------------------------------------ */

#define HANDLES 6

static void free_one(int which, void *handle) {
    switch (which) {
    case 0:
        tgs_store_close(handle);
        break;
    case 1:
    case 2:
        tgs_session_free(handle);
        break;
    case 3:
        tgs_batch_free(handle);
        break;
    case 4:
        tgs_rows_free(handle);
        break;
    default:
        tgs_snapshot_free(handle);
    }
}

static void make_all(void **handles) {
    static const uint8_t key[256] = {1};
    tgs_session_data data = {
        .fields = TGS_SESSION_DC | TGS_SESSION_AUTH_KEY, .dc = 2, .auth_key = {key, sizeof key}};
    tgs_kv kv = {.scope = TGS_STR("s"), .key = TGS_STR("k")};
    tgs_session *leased;
    tgs_batch *batch;
    tgs_rows *rows;
    tgs_snapshot *snapshot;
    tgs_store *store = open_store();
    tgs_session *session = open_session(store);
    assert_int_equal(tgs_lease_acquire(session, TGS_STR("me"), TGS_LEASE_SHARED, 1, 0, &leased, NULL, &err),
                     TGS_OK);
    assert_int_equal(tgs_put(session, TGS_RECORD_SESSION, &data, 1, sizeof data, NULL, NULL, &err), TGS_OK);
    assert_int_equal(tgs_batch_new(leased, &batch, &err), TGS_OK);
    assert_int_equal(tgs_batch_put(batch, TGS_RECORD_KV, &kv, 1, sizeof kv, &err), TGS_OK);
    assert_int_equal(tgs_get(session, TGS_RECORD_KV, &kv, 1, sizeof kv, &rows, NULL, &err), TGS_OK);
    assert_int_equal(tgs_snapshot_from_session(session, 1, &snapshot, NULL, &err), TGS_OK);
    handles[0] = store;
    handles[1] = session;
    handles[2] = leased;
    handles[3] = batch;
    handles[4] = rows;
    handles[5] = snapshot;
}

/* The permutation of that number. */
static void free_in_order(int number, void **handles) {
    for (int left = HANDLES; left > 0; left--) {
        int choice = number % left, which = 0;
        number /= left;
        while (!handles[which] || choice-- > 0) which++;
        free_one(which, handles[which]);
        handles[which] = NULL;
    }
}

static void handles_are_freed_in_any_order(void **state) {
    (void)state;
    const int all = 720, step = folder[0] ? 29 : 1; /* opening a file takes its time */
    for (int number = 0; number < all; number += step) {
        void *handles[HANDLES];
        make_all(handles);
        free_in_order(number, handles);
    }
}

int main(void) {
#define IN_MEMORY(name)                                                                                      \
    { #name " (memory)", name, use_memory, remove_folder, NULL }
#define ON_SQLITE(name)                                                                                      \
    { #name " (sqlite)", name, use_sqlite, remove_folder, NULL }
    const struct CMUnitTest tests[] = {
        ON_SQLITE(a_child_opens_the_file_anew),    IN_MEMORY(fork_among_running_calls),
        ON_SQLITE(fork_among_running_calls),       IN_MEMORY(close_among_running_calls),
        ON_SQLITE(close_among_running_calls),      IN_MEMORY(handles_are_freed_in_any_order),
        ON_SQLITE(handles_are_freed_in_any_order),
    };
    return cmocka_run_group_tests_name("lifetime", tests, NULL, NULL);
}
