/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that handles secrets, through the public interface, step by step.  After each step the process
 * stops, for whoever looks at its memory.  It has no copy of any secret but what the library makes. */
#include <dirent.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "secrets.h"
#include "tgstore.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct secrets *secrets;
static const char *folder, *fixtures;
static tgs_error err;

/* --- steps ---------------------------------------------------------------------------------- */

static void done(const char *step) {
    snprintf(secrets->step, sizeof secrets->step, "%s", step);
    raise(SIGSTOP);
}

static void expect(tgs_status status, tgs_status wanted, const char *what) {
    if (status == wanted) return;
    fprintf(stderr, "%s: %s instead of %s: %s\n", what, tgs_status_name(status), tgs_status_name(wanted),
            err.message);
    exit(1);
}
#define OK(call) expect(call, TGS_OK, #call)
#define FAILS(wanted, call) expect(call, wanted, #call)

static void expect_true(bool holds, const char *what) {
    if (holds) return;
    fprintf(stderr, "not so: %s\n", what);
    exit(1);
}
#define HOLDS(condition) expect_true(condition, #condition)

static tgs_str str(const char *text) { return (tgs_str){text, strlen(text)}; }

static tgs_str in_folder(const char *name) {
    static char path[4][512];
    static size_t next;
    char *out = path[next++ % COUNT(path)];
    snprintf(out, sizeof path[0], "%s/%s", folder, name);
    return str(out);
}

/* --- rows ------------------------------------------------------------------------------------ */

static tgs_bytes key(size_t i) { return (tgs_bytes){secrets->keys[i % KEYS], 256}; }
static tgs_str api_hash(size_t i) { return (tgs_str){secrets->api_hashes[i % HASHES], 32}; }

static tgs_session_data account(size_t i) {
    return (tgs_session_data){.fields = TGS_SESSION_DC | TGS_SESSION_AUTH_KEY | TGS_SESSION_API_HASH |
                                        TGS_SESSION_USER_ID | TGS_SESSION_API_ID | TGS_SESSION_IS_BOT |
                                        TGS_SESSION_TEST_MODE | TGS_SESSION_ADDRESS | TGS_SESSION_PORT,
                              .dc = 2,
                              .user_id = 5012345678,
                              .api_id = 12345,
                              .port = 443,
                              .address = TGS_STR("149.154.167.51"),
                              .auth_key = key(i),
                              .api_hash = api_hash(i)};
}

static tgs_status put_account(tgs_session *session, const tgs_session_data *row) {
    return tgs_put(session, TGS_RECORD_SESSION, row, 1, sizeof *row, NULL, NULL, &err);
}

static size_t fill_dc_auths(tgs_dc_auth rows[KEYS]) {
    for (size_t i = 0; i < KEYS; i++)
        rows[i] = (tgs_dc_auth){.fields = TGS_DC_AUTH_AUTH_KEY,
                                .dc = (int32_t)(1 + i / 2),
                                .slot = (int32_t)(i % 2),
                                .auth_key = key(i)};
    return KEYS;
}

static void free_rows(tgs_rows *rows, size_t n) {
    HOLDS(tgs_rows_count(rows) == n);
    tgs_rows_free(rows);
}

/* --- a store ----------------------------------------------------------------------------------- */

static void write_rows(tgs_session *session) {
    tgs_session_data first = account(0), second = account(1);
    tgs_dc_auth auths[KEYS];
    size_t n = fill_dc_auths(auths);
    tgs_kv kv = {.fields = TGS_KV_VALUE,
                 .scope = TGS_STR("client"),
                 .key = TGS_STR("blob"),
                 .value = {secrets->value, sizeof secrets->value}};
    OK(put_account(session, &first));
    OK(put_account(session, &first));
    done("put of a session");
    OK(put_account(session, &second));
    done("put of another key");
    OK(tgs_put(session, TGS_RECORD_DC_AUTH, auths, n, sizeof *auths, NULL, NULL, &err));
    OK(tgs_put(session, TGS_RECORD_DC_AUTH, auths, 1, sizeof *auths, NULL, NULL, &err));
    done("put of dc_auths");
    OK(tgs_put(session, TGS_RECORD_KV, &kv, 1, sizeof kv, NULL, NULL, &err));
    done("put of kv");
}

/* Each of them has something wrong with it. */
static void write_wrong_rows(tgs_session *session) {
    tgs_session_data rows[] = {account(2), account(2), account(2), account(2), account(2)};
    rows[0].auth_key.len = 257;
    rows[1].auth_key.len = 255;
    rows[2].api_hash = (tgs_str){secrets->bad_hash, sizeof secrets->bad_hash};
    rows[3].port = -1;
    rows[4].fields |= UINT64_C(1) << 60;
    for (size_t i = 0; i < COUNT(rows); i++)
        HOLDS(put_account(session, &rows[i]) == (i == 4 ? TGS_E_UNSUPPORTED : TGS_E_INVALID));
    done("rows that are refused");
    tgs_session_data absent = account(3), other = account(4);
    absent.flags = TGS_ROW_IF_ABSENT | TGS_ROW_REQUIRE;
    other.user_id = 1;
    FAILS(TGS_E_CONFLICT, put_account(session, &absent));
    FAILS(TGS_E_CONFLICT, put_account(session, &other));
    done("conditions that do not hold");
    tgs_dc_auth auths[KEYS];
    size_t n = fill_dc_auths(auths);
    auths[n - 1].slot = 7; /* all are copied before the last one is refused */
    FAILS(TGS_E_INVALID, tgs_put(session, TGS_RECORD_DC_AUTH, auths, n, sizeof *auths, NULL, NULL, &err));
    done("many rows, the last of them wrong");
}

static void write_with_a_lease(tgs_session *session) {
    tgs_session *leased;
    tgs_session_data row = account(5);
    OK(tgs_lease_acquire(session, TGS_STR("test"), TGS_LEASE_EXCLUSIVE, 60000, 0, &leased, NULL, &err));
    FAILS(TGS_E_FENCED, put_account(session, &row));
    OK(put_account(leased, &row));
    OK(tgs_lease_release(leased, NULL, &err));
    tgs_session_free(leased);
    done("a lease");
}

static void write_batches(tgs_session *session) {
    tgs_batch *batch;
    tgs_dc_auth auths[KEYS];
    tgs_session_data row = account(6), conflict = account(7);
    size_t n = fill_dc_auths(auths);
    OK(tgs_batch_new(session, &batch, &err));
    OK(tgs_batch_put(batch, TGS_RECORD_SESSION, &row, 1, sizeof row, &err));
    OK(tgs_batch_put(batch, TGS_RECORD_DC_AUTH, auths, n, sizeof *auths, &err));
    tgs_batch_clear(batch);
    done("batch, cleared");
    OK(tgs_batch_put(batch, TGS_RECORD_DC_AUTH, auths, n, sizeof *auths, &err));
    OK(tgs_batch_put(batch, TGS_RECORD_DC_AUTH, auths, n, sizeof *auths, &err)); /* to be merged */
    OK(tgs_batch_put(batch, TGS_RECORD_SESSION, &row, 1, sizeof row, &err));
    OK(tgs_batch_commit(batch, NULL, 0, NULL, &err));
    done("batch, committed");
    conflict.flags = TGS_ROW_IF_ABSENT | TGS_ROW_REQUIRE;
    OK(tgs_batch_put(batch, TGS_RECORD_DC_AUTH, auths, n, sizeof *auths, &err));
    OK(tgs_batch_put(batch, TGS_RECORD_SESSION, &conflict, 1, sizeof conflict, &err));
    FAILS(TGS_E_CONFLICT, tgs_batch_commit(batch, NULL, 0, NULL, &err));
    tgs_batch_free(batch);
    done("batch, failed and freed");
    OK(tgs_batch_new(session, &batch, &err));
    OK(tgs_batch_put(batch, TGS_RECORD_DC_AUTH, auths, n, sizeof *auths, &err));
    auths[n - 1].slot = 7;
    FAILS(TGS_E_INVALID, tgs_batch_put(batch, TGS_RECORD_DC_AUTH, auths, n, sizeof *auths, &err));
    tgs_batch_free(batch);
    done("batch, freed");
}

static void load_many(tgs_session *session) {
    enum { MANY = 300 };
    static tgs_dc_auth auths[MANY];
    static tgs_kv kvs[MANY];
    static char names[MANY][8];
    uint64_t stored;
    for (size_t i = 0; i < MANY; i++) {
        snprintf(names[i], sizeof names[i], "%zu", i);
        auths[i] = (tgs_dc_auth){.fields = TGS_DC_AUTH_AUTH_KEY, .dc = (int32_t)(1 + i), .auth_key = key(i)};
        kvs[i] = (tgs_kv){.fields = TGS_KV_VALUE,
                          .scope = TGS_STR("many"),
                          .key = str(names[i]),
                          .value = {secrets->value, sizeof secrets->value}};
    }
    OK(tgs_load(session, TGS_RECORD_DC_AUTH, auths, MANY, sizeof *auths, &stored, NULL, &err));
    OK(tgs_load(session, TGS_RECORD_KV, kvs, MANY, sizeof *kvs, &stored, NULL, &err));
    done("load");
}

static void read_rows(tgs_session *session) {
    tgs_session_data account_key = {0};
    tgs_dc_auth keys[] = {{.dc = 1}, {.dc = 250}, {.dc = 999}};
    tgs_rows *rows, *all;
    OK(tgs_get(session, TGS_RECORD_SESSION, &account_key, 1, sizeof account_key, &rows, NULL, &err));
    const tgs_session_data *read = tgs_rows_data(rows, NULL);
    HOLDS(read->auth_key.len == 256 && memcmp(read->auth_key.ptr, key(6).ptr, 256) == 0);
    HOLDS(read->api_hash.len == 32 && memcmp(read->api_hash.ptr, api_hash(6).ptr, 32) == 0);
    free_rows(rows, 1);
    OK(tgs_get(session, TGS_RECORD_DC_AUTH, keys, COUNT(keys), sizeof *keys, &rows, NULL, &err));
    free_rows(rows, COUNT(keys));
    done("get");
    OK(tgs_list(session, TGS_RECORD_DC_AUTH, NULL, 0, NULL, 1000, &all, NULL, &err));
    HOLDS(tgs_rows_count(all) > 300);
    OK(tgs_list(session, TGS_RECORD_DC_AUTH, NULL, 0, NULL, 100, &rows, NULL, &err));
    free_rows(rows, 100);
    tgs_rows_free(all);
    OK(tgs_list(session, TGS_RECORD_KV, NULL, 0, NULL, 1000, &rows, NULL, &err));
    tgs_rows_free(rows);
    done("list");
}

static void snapshot_of(tgs_store *store, tgs_session *session) {
    static const char *const texts[] = {"telethon", "pyrogram", "pyrogram-old-64",
                                        "kurigram", "mtgo",     "mtgo-2"};
    static const char *const files[] = {"telethon-sqlite", "pyrogram-sqlite", "kurigram-sqlite"};
    tgs_snapshot *snapshot, *again;
    tgs_text *text;
    OK(tgs_snapshot_from_session(session, 1, &snapshot, NULL, &err));
    for (size_t i = 0; i < COUNT(texts); i++) {
        OK(tgs_snapshot_to_text(snapshot, str(texts[i]), NULL, 0, &text, &err));
        done("to_text");
        OK(tgs_snapshot_from_text(tgs_text_str(text), &again, &err));
        tgs_snapshot_free(again);
        tgs_text_free(text);
    }
    FAILS(TGS_E_INVALID, tgs_snapshot_to_text(snapshot, TGS_STR("pyrogram-old-32"), NULL, 0, &text, &err));
    done("from_text");
    for (size_t i = 0; i < COUNT(files); i++) {
        tgs_str path = in_folder(files[i]);
        unlink(path.ptr);
        OK(tgs_snapshot_to_file(snapshot, str(files[i]), path, NULL, 0, NULL, &err));
        FAILS(TGS_E_CONFLICT, tgs_snapshot_to_file(snapshot, str(files[i]), path, NULL, 0, NULL, &err));
        OK(tgs_snapshot_from_file(path, &again, NULL, &err));
        tgs_snapshot_free(again);
    }
    done("to_file and from_file");
    tgs_session *other;
    OK(tgs_session_new(store, TGS_STR("other"), &other, &err));
    OK(tgs_snapshot_to_session(snapshot, other, 0, NULL, NULL, &err));
    tgs_snapshot_free(snapshot);
    OK(tgs_purge(other, NULL, NULL, &err));
    tgs_session_free(other);
    done("to_session, and a purge of that");
}

static void delete_rows(tgs_session *session) {
    tgs_session_data account_key = {0};
    tgs_dc_auth keys[] = {{.dc = 1}, {.dc = 2}};
    tgs_dc_auth cleared = {.fields = TGS_DC_AUTH_AUTH_KEY, .nulls = TGS_DC_AUTH_AUTH_KEY, .dc = 3};
    OK(tgs_delete(session, TGS_RECORD_DC_AUTH, keys, COUNT(keys), sizeof *keys, NULL, NULL, &err));
    OK(tgs_put(session, TGS_RECORD_DC_AUTH, &cleared, 1, sizeof cleared, NULL, NULL, &err));
    done("delete of dc_auths");
    OK(tgs_delete(session, TGS_RECORD_SESSION, &account_key, 1, sizeof account_key, NULL, NULL, &err));
    done("delete of the session");
}

static void use_store(const char *url) {
    tgs_store *store;
    tgs_session *session;
    tgs_rows *rows;
    OK(tgs_store_open(str(url), NULL, 0, &store, NULL, &err));
    OK(tgs_session_new(store, TGS_STR("main"), &session, &err));
    write_rows(session);
    write_wrong_rows(session);
    write_with_a_lease(session);
    write_batches(session);
    load_many(session);
    read_rows(session);
    snapshot_of(store, session);
    if (tgs_store_capabilities(store) & TGS_CAP_BACKUP) {
        tgs_str path = in_folder("backup.db");
        OK(tgs_backup(store, path, NULL, &err));
        done("backup");
    }
    delete_rows(session);
    write_rows(session); /* so that closing finds some */
    OK(tgs_list(session, TGS_RECORD_DC_AUTH, NULL, 0, NULL, 10, &rows, NULL, &err));
    tgs_session_free(session);
    tgs_store_close(store);
    free_rows(rows, 10);
}

/* --- strings and files --------------------------------------------------------------------------- */

static void read_strings(void) {
    tgs_snapshot *snapshot;
    size_t read = 0, cut = 0;
    for (size_t i = 0; i < STRINGS && secrets->strings[i].len; i++) {
        tgs_str text = {secrets->strings[i].ptr, secrets->strings[i].len};
        read += tgs_snapshot_from_text(text, &snapshot, &err) == TGS_OK;
        tgs_snapshot_free(snapshot);
        done("a string");
    }
    HOLDS(read >= 20);
    for (size_t i = 0; i < STRINGS && secrets->strings[i].len; i++) {
        tgs_str text = {secrets->strings[i].ptr, secrets->strings[i].len * 3 / 4};
        cut += tgs_snapshot_from_text(text, &snapshot, &err) != TGS_OK;
        tgs_snapshot_free(snapshot);
        done("a string, cut off");
    }
    HOLDS(cut >= 20);
}

static size_t n_read, n_refused;

static void read_file(const char *path) {
    tgs_snapshot *snapshot;
    if (tgs_snapshot_from_file(str(path), &snapshot, NULL, &err) == TGS_OK)
        n_read++;
    else
        n_refused++;
    tgs_snapshot_free(snapshot);
    done(path + (strlen(path) > 60 ? strlen(path) - 60 : 0));
}

static void read_folder(const char *path) {
    DIR *files = opendir(path);
    HOLDS(files != NULL);
    for (struct dirent *entry; (entry = readdir(files));) {
        char name[600];
        struct stat info;
        if (entry->d_name[0] == '.') continue;
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        if (stat(name, &info) != 0) continue;
        if (S_ISDIR(info.st_mode))
            read_folder(name);
        else
            read_file(name);
    }
    closedir(files);
}

static void use_formats(void) {
    read_strings();
    read_folder(folder);
    HOLDS(n_read >= 20 && n_refused >= 10);
    n_read = n_refused = 0;
    read_folder(fixtures);
    HOLDS(n_read >= 40 && n_refused >= 5);
}

/* --- URLs ------------------------------------------------------------------------------------------ */

static void use_urls(void) {
    tgs_store *store;
    tgs_option option = {TGS_STR("password"), {secrets->password, sizeof secrets->password}};
    char name[512];
    for (size_t i = 0; i < URLS && secrets->urls[i].len; i++) {
        HOLDS(tgs_store_open((tgs_str){secrets->urls[i].ptr, secrets->urls[i].len}, NULL, 0, &store, NULL,
                             &err) != TGS_OK);
        done("a URL");
    }
    FAILS(TGS_E_INVALID, tgs_store_open(TGS_STR("memory:"), &option, 1, &store, NULL, &err));
    done("options");
    for (size_t i = 0; i < URLS && secrets->urls[i].len; i++) {
        snprintf(name, sizeof name, "@%s/url-%zu", folder, i);
        HOLDS(tgs_store_open(str(name), NULL, 0, &store, NULL, &err) != TGS_OK);
        done("a file with a URL");
    }
}

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    folder = argv[2];
    fixtures = argv[3];
    secrets = mmap(NULL, sizeof *secrets, PROT_READ | PROT_WRITE, MAP_SHARED, SECRETS_FD, 0);
    if (secrets == MAP_FAILED) return 3;
    close(SECRETS_FD);
    if (strcmp(argv[1], "formats") == 0)
        use_formats();
    else if (strcmp(argv[1], "urls") == 0)
        use_urls();
    else
        use_store(argv[1]);
    munmap(secrets, sizeof *secrets);
    return 0;
}
