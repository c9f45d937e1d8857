/* SPDX-License-Identifier: Apache-2.0 */
/* A key that was deleted or replaced is not in the database file any more, whatever SQLite was built to do;
 * and after a purge not in its -wal either.
 *
 *   database_test */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <ftw.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "patterns.h"
#include "tgstore.h"

#define KEYS 120

static char folder[64], database[80], url[100];
static uint8_t keys[3][KEYS][256]; /* each dc's key, and those that come after it */
static tgs_store *store;
static tgs_session *session;
static tgs_error err;

/* As of a SQLite that leaves what is deleted where it is. */
__attribute__((visibility("default"))) int sqlite3_open_v2(const char *name, sqlite3 **db, int flags,
                                                           const char *vfs) {
    static int (*original)(const char *, sqlite3 **, int, const char *);
    if (!original) *(void **)&original = dlsym(RTLD_NEXT, "sqlite3_open_v2");
    int code = original(name, db, flags, vfs);
    if (code == SQLITE_OK) sqlite3_exec(*db, "PRAGMA secure_delete=OFF", NULL, NULL, NULL);
    return code;
}

/* --- a store -------------------------------------------------------------------------------- */

static int set_up(void **state) {
    (void)state;
    strcpy(folder, "/tmp/tgstore-database-XXXXXX");
    if (!mkdtemp(folder)) return -1;
    snprintf(database, sizeof database, "%s/store.db", folder);
    snprintf(url, sizeof url, "sqlite:%s", database);
    for (size_t n = 0; n < 3; n++)
        for (size_t i = 0; i < KEYS; i++)
            if (getrandom(keys[n][i], 256, 0) != 256) return -1;
    if (tgs_store_open((tgs_str){url, strlen(url)}, NULL, 0, &store, NULL, &err) != TGS_OK) return -1;
    return tgs_session_new(store, TGS_STR("main"), &session, &err) == TGS_OK ? 0 : -1;
}

static void close_store(void) {
    tgs_session_free(session);
    tgs_store_close(store);
    session = NULL;
    store = NULL;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *walk) {
    (void)info, (void)type, (void)walk;
    return remove(path);
}

static int tear_down(void **state) {
    (void)state;
    close_store();
    return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void put_account(const uint8_t *key) {
    tgs_session_data row = {.fields = TGS_SESSION_AUTH_KEY, .auth_key = {key, 256}};
    assert_int_equal(tgs_put(session, TGS_RECORD_SESSION, &row, 1, sizeof row, NULL, NULL, &err), TGS_OK);
}

/* In an order that makes the pages of the table split and grow in many places. */
static void put_keys(uint8_t which[KEYS][256], size_t address_size) {
    char address[64];
    memset(address, 'a', sizeof address);
    for (size_t i = 0; i < KEYS; i++) {
        size_t at = i * 77 % KEYS;
        tgs_dc_auth row = {.fields = TGS_DC_AUTH_AUTH_KEY | TGS_DC_AUTH_ADDRESS,
                           .dc = (int32_t)at + 1,
                           .auth_key = {which[at], 256},
                           .address = {address, (address_size * at) % sizeof address}};
        assert_int_equal(tgs_put(session, TGS_RECORD_DC_AUTH, &row, 1, sizeof row, NULL, NULL, &err), TGS_OK);
    }
}

static void delete_keys(size_t begin, size_t end) {
    for (size_t i = begin; i < end; i++) {
        tgs_dc_auth key = {.dc = (int32_t)i + 1};
        tgs_status status = tgs_delete(session, TGS_RECORD_DC_AUTH, &key, 1, sizeof key, NULL, NULL, &err);
        assert_int_equal(status, TGS_OK);
    }
}

/* --- its files -------------------------------------------------------------------------------- */

/* How many of these keys have some part in the file. */
static size_t found_in(const char *suffix, uint8_t which[][256], size_t n) {
    char path[100];
    snprintf(path, sizeof path, "%s%s", database, suffix);
    FILE *file = fopen(path, "re");
    if (!file) return 0;
    static uint8_t content[16 << 20];
    size_t size = fread(content, 1, sizeof content, file), found = 0;
    assert_true(size < sizeof content);
    fclose(file);
    struct patterns *patterns = patterns_new();
    for (size_t i = 0; i < n; i++) patterns_add_bytes(patterns, (const char *)which[i], which[i], 256);
    bool seen[KEYS] = {false}; /* a key's name is its address */
    for (struct found part = {.at = 0};; part.at++) {
        part = patterns_find(patterns, content, size, part.at);
        if (!part.name) break;
        bool *first = &seen[((const uint8_t *)part.name - which[0]) / 256];
        found += !*first;
        *first = true;
    }
    patterns_free(patterns);
    return found;
}

static void what_was_replaced_is_gone(void **state) {
    (void)state;
    put_account(keys[0][0]);
    put_account(keys[1][0]);
    put_keys(keys[0], 0);
    put_keys(keys[1], 7);
    close_store();
    assert_int_equal(found_in("", keys[1], KEYS), KEYS);
    assert_int_equal(found_in("", keys[0], KEYS), 0);
}

static void what_was_deleted_is_gone(void **state) {
    (void)state;
    put_keys(keys[0], 0);
    put_keys(keys[1], 3);
    delete_keys(20, 100);
    put_keys(keys[2], 9);
    delete_keys(0, KEYS);
    tgs_session_data key = {0};
    put_account(keys[0][0]);
    assert_int_equal(tgs_delete(session, TGS_RECORD_SESSION, &key, 1, sizeof key, NULL, NULL, &err), TGS_OK);
    close_store();
    assert_int_equal(found_in("", keys[0], KEYS) + found_in("", keys[1], KEYS) + found_in("", keys[2], KEYS),
                     0);
}

/* While the store is open, and others use it. */
static void what_was_purged_is_gone_at_once(void **state) {
    (void)state;
    tgs_rows *rows;
    put_account(keys[0][0]);
    put_keys(keys[0], 5);
    assert_int_equal(tgs_list(session, TGS_RECORD_DC_AUTH, NULL, 0, NULL, 10, &rows, NULL, &err), TGS_OK);
    tgs_rows_free(rows);
    assert_int_equal(found_in("-wal", keys[0], KEYS), KEYS);
    assert_int_equal(tgs_purge(session, NULL, NULL, &err), TGS_OK);
    assert_int_equal(found_in("", keys[0], KEYS), 0);
    assert_int_equal(found_in("-wal", keys[0], KEYS), 0);
}

/* A reader that still needs the -wal keeps it from being cut, but not the purge from its end. */
static void a_purge_waits_for_no_reader(void **state) {
    (void)state;
    sqlite3 *reader;
    put_keys(keys[0], 5);
    assert_int_equal(sqlite3_open(database, &reader), SQLITE_OK);
    assert_int_equal(sqlite3_exec(reader, "BEGIN; SELECT * FROM dc_auth", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(tgs_purge(session, NULL, NULL, &err), TGS_OK);
    assert_int_equal(err.code, TGS_OK);
    sqlite3_close(reader);
    close_store();
    assert_int_equal(found_in("", keys[0], KEYS), 0);
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(what_was_replaced_is_gone),
        CASE(what_was_deleted_is_gone),
        CASE(what_was_purged_is_gone_at_once),
        CASE(a_purge_waits_for_no_reader),
    };
    return cmocka_run_group_tests_name("secrets in the database", tests, NULL, NULL);
}
