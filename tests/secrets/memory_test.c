/* SPDX-License-Identifier: Apache-2.0 */
/* No auth key, api_hash or password is left in memory: not in what was freed, nor on the stack, while handles
 * are open; and nowhere once they are closed, but in memory that SQLite took for itself, which is measured.
 *
 *   memory_test KEEPER STEPS FIXTURES */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "patterns.h"
#include "scan.h"
#include "secrets.h"
#include "tgstore.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const char *keeper, *steps, *fixtures;
static char folder[64];
static struct secrets *secrets;
static int secrets_file;
static struct patterns *patterns;
static tgs_error err;

/* --- secrets -------------------------------------------------------------------------------- */

static void fill_random(void *to, size_t size) { assert_int_equal(getrandom(to, size, 0), size); }

/* Letters and digits. */
static void fill_text(char *to, size_t size) {
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    fill_random(to, size);
    for (size_t i = 0; i < size; i++) to[i] = digits[(unsigned char)to[i] % (sizeof digits - 1)];
}

static struct shared_text *free_string(void) {
    for (size_t i = 0; i < STRINGS; i++)
        if (!secrets->strings[i].len) return &secrets->strings[i];
    fail_msg("make STRINGS larger");
    return NULL;
}

static void add_string(const char *text, size_t len) {
    struct shared_text *string = free_string();
    assert_true(len < sizeof string->ptr);
    memcpy(string->ptr, text, len);
    string->len = len;
    patterns_add_text(patterns, "session string", text, len);
}

/* A string of each format, with a key of this run. */
static void make_strings(void) {
    static const char *const formats[] = {"telethon", "pyrogram", "pyrogram-old-64",
                                          "kurigram", "mtgo",     "mtgo-2"};
    tgs_store *store;
    tgs_session *session;
    tgs_session_data row = {.fields = TGS_SESSION_DC | TGS_SESSION_AUTH_KEY | TGS_SESSION_USER_ID |
                                      TGS_SESSION_API_ID | TGS_SESSION_IS_BOT | TGS_SESSION_TEST_MODE |
                                      TGS_SESSION_ADDRESS | TGS_SESSION_PORT,
                            .dc = 2,
                            .user_id = 5012345678,
                            .api_id = 12345,
                            .port = 443,
                            .address = TGS_STR("149.154.167.51")};
    assert_int_equal(tgs_store_open(TGS_STR("memory:"), NULL, 0, &store, NULL, &err), TGS_OK);
    assert_int_equal(tgs_session_new(store, TGS_STR("main"), &session, &err), TGS_OK);
    for (size_t i = 0; i < COUNT(formats); i++) {
        tgs_snapshot *snapshot;
        tgs_text *text;
        row.auth_key = (tgs_bytes){secrets->keys[i], 256};
        assert_int_equal(tgs_put(session, TGS_RECORD_SESSION, &row, 1, sizeof row, NULL, NULL, &err), TGS_OK);
        assert_int_equal(tgs_snapshot_from_session(session, 0, &snapshot, NULL, &err), TGS_OK);
        tgs_str format = {formats[i], strlen(formats[i])};
        assert_int_equal(tgs_snapshot_to_text(snapshot, format, NULL, 0, &text, &err), TGS_OK);
        add_string(tgs_text_str(text).ptr, tgs_text_str(text).len);
        tgs_text_free(text);
        tgs_snapshot_free(snapshot);
    }
    tgs_session_free(session);
    tgs_store_close(store);
}

static void add_hex_key(const char *hex, size_t len) {
    uint8_t key[256];
    if (len != 2 * sizeof key) return;
    for (size_t i = 0; i < sizeof key; i++) {
        unsigned byte;
        assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
        key[i] = (uint8_t)byte;
    }
    patterns_add_bytes(patterns, "key of a fixture", key, sizeof key);
}

/* The texts of a JSON file that have this name; there are no escapes in those that we look for. */
static size_t each_text(const char *file, const char *name, void (*visit)(const char *text, size_t len)) {
    char path[300], quoted[40], *content = NULL;
    size_t size = 0, n = 0;
    snprintf(path, sizeof path, "%s/%s", fixtures, file);
    snprintf(quoted, sizeof quoted, "\"%s\": \"", name);
    FILE *json = fopen(path, "re");
    assert_non_null(json);
    assert_true(getdelim(&content, &size, '\0', json) > 0);
    fclose(json);
    for (char *at = content; (at = strstr(at, quoted)); n++) {
        at += strlen(quoted);
        visit(at, strcspn(at, "\""));
    }
    free(content);
    return n;
}

static void add_fixtures(void) {
    uint8_t key[256];
    assert_true(each_text("manifest.json", "auth_key", add_hex_key) > 40);
    assert_true(each_text("strings.json", "auth_key", add_hex_key) > 4);
    assert_true(each_text("strings.json", "string", add_string) > 4);
    assert_true(each_text("session-vectors.json", "text", add_string) > 4);
    for (size_t i = 0; i < sizeof key; i++) key[i] = (uint8_t)(i * 7 + 3); /* as session-vectors.json says */
    patterns_add_bytes(patterns, "key of the vectors", key, sizeof key);
}

/* --- files -------------------------------------------------------------------------------------- */

static FILE *new_file(const char *name, size_t i) {
    char path[100];
    snprintf(path, sizeof path, "%s/%s-%zu", folder, name, i);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    return file;
}

static void write_strings(void) {
    for (size_t i = 0; i < STRINGS && secrets->strings[i].len; i++) {
        FILE *file = new_file("string", i);
        fprintf(file, "%s\n", secrets->strings[i].ptr);
        assert_int_equal(fclose(file), 0);
    }
}

/* Telethon's file with the key as hexadecimal text, of which the last digit is `last`. */
static void write_hex(size_t i, char last) {
    char path[100], sql[700];
    sqlite3 *db;
    snprintf(path, sizeof path, "%s/hex-%zu.session", folder, i);
    size_t n = (size_t)snprintf(sql, sizeof sql, "INSERT INTO sessions VALUES (2, '149.154.167.51', 443, '");
    for (size_t k = 0; k < 256; k++) n += (size_t)snprintf(sql + n, 3, "%02x", secrets->keys[i][k]);
    if (last) sql[n - 1] = last;
    snprintf(sql + n, sizeof sql - n, "', NULL)");
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    const char *schema =
        "CREATE TABLE version (version integer primary key); INSERT INTO version VALUES (7);"
        "CREATE TABLE sessions (dc_id integer primary key, server_address text, port integer,"
        " auth_key blob, takeout_id integer);"
        "CREATE TABLE entities (id integer primary key, hash integer not null, username text,"
        " phone integer, name text, date integer)";
    assert_int_equal(sqlite3_exec(db, schema, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void write_files(void) {
    write_strings();
    write_hex(0, 0);
    write_hex(1, 'g'); /* found to be wrong after all other digits were decoded */
}

/* Each is refused at another point, which is after the password was copied. */
static void make_urls(void) {
    static const char *const urls[] = {"nosuch://user:%.24s@host/db", "memory:?password=%.24s",
                                       "memory:?a=%%41&password=%.24s&b=%%4", "memory:?password=%%41%.24s",
                                       "sqlite:/nonexistent/file?password=%.24s"};
    for (size_t i = 0; i < COUNT(urls); i++) {
        struct shared_text *url = &secrets->urls[i];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        url->len = (size_t)snprintf(url->ptr, sizeof url->ptr, urls[i], secrets->password);
#pragma GCC diagnostic pop
        FILE *file = new_file("url", i);
        fprintf(file, "%s\n", url->ptr);
        assert_int_equal(fclose(file), 0);
    }
}

static void make_secrets(void) {
    secrets_file = memfd_create(SECRETS_FILE, 0);
    assert_true(secrets_file >= 0 && ftruncate(secrets_file, sizeof *secrets) == 0);
    secrets = mmap(NULL, sizeof *secrets, PROT_READ | PROT_WRITE, MAP_SHARED, secrets_file, 0);
    assert_ptr_not_equal(secrets, MAP_FAILED);
    patterns = patterns_new();
    fill_random(secrets->keys, sizeof secrets->keys);
    fill_random(secrets->value, sizeof secrets->value);
    for (size_t i = 0; i < KEYS; i++) patterns_add_bytes(patterns, "auth key", secrets->keys[i], 256);
    patterns_add_bytes(patterns, "kv value", secrets->value, sizeof secrets->value);
    for (size_t i = 0; i < HASHES; i++) {
        fill_text(secrets->api_hashes[i], 32);
        patterns_add_text(patterns, "api_hash", secrets->api_hashes[i], 32);
    }
    fill_text(secrets->bad_hash, 32);
    secrets->bad_hash[32] = (char)0xff;
    patterns_add_text(patterns, "api_hash", secrets->bad_hash, 33);
    fill_text(secrets->password, sizeof secrets->password);
    patterns_add_text(patterns, "password", secrets->password, sizeof secrets->password);
}

/* --- a folder ----------------------------------------------------------------------------------- */

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *walk) {
    (void)info, (void)type, (void)walk;
    return remove(path);
}

static int set_up(void **state) {
    (void)state;
    strcpy(folder, "/tmp/tgstore-secrets-XXXXXX");
    if (!mkdtemp(folder)) return -1;
    make_secrets();
    make_strings();
    add_fixtures();
    write_files();
    make_urls();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    patterns_free(patterns);
    munmap(secrets, sizeof *secrets);
    close(secrets_file);
    return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* --- what is found ---------------------------------------------------------------------------------- */

struct report {
    char step[64];
    bool end;
    size_t left; /* secrets where none may be */
    size_t sqlite_pages,
        sqlite_others; /* pieces that SQLite gave back as they were; in use it may have none */
};

static bool is_named(const struct hit *hit, const char *name) { return strstr(hit->mapping, name) != NULL; }

/* What is in use may hold secrets as long as handles are open. */
static bool is_allowed(const struct report *report, const struct hit *hit) {
    return !report->end && is_named(hit, KEPT_HEAP) && !hit->chunk.freed;
}

static const char *last_part(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static void judge(void *context, const struct hit *hit) {
    static const char *const forms[] = {"", "", " as hexadecimal", " as base64"};
    struct report *report = context;
    if (is_named(hit, KEPT_SQLITE) && hit->chunk.freed) {
        *(hit->chunk.asked >= 4096 ? &report->sqlite_pages : &report->sqlite_others) += 1;
        return;
    }
    if (is_allowed(report, hit)) return;
    if (report->left++ < 20)
        print_error("after \"%s\": %s%s at %#lx in %s", report->step, hit->secret, forms[hit->form],
                    (unsigned long)hit->address, last_part(hit->mapping));
    if (report->left <= 20 && hit->chunk.size)
        print_error(", %s, %lu bytes, for %s", hit->chunk.freed ? "freed" : "in use",
                    (unsigned long)hit->chunk.asked, last_part(hit->caller));
    if (report->left <= 20) print_error("\n");
}

/* --- the process ---------------------------------------------------------------------------------------- */

static pid_t start(const char *what) {
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid) return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (dup2(secrets_file, SECRETS_FD) < 0 || setenv("LD_PRELOAD", keeper, 1) != 0) _exit(98);
    execl(steps, steps, what, folder, fixtures, NULL);
    _exit(99);
}

/* Has it stopped?  Else it has ended. */
static bool stopped(pid_t pid, int *status) {
    while (waitpid(pid, status, WUNTRACED) != pid) assert_int_equal(errno, EINTR);
    return WIFSTOPPED(*status);
}

static void nothing_is_left_of(const char *what) {
    struct report report = {0};
    size_t stops = 0;
    int status;
    pid_t pid = start(what);
    for (; stopped(pid, &status); stops++) {
        report.end = !*secrets->step; /* its last stop is after main */
        strcpy(report.step, report.end ? "the end" : secrets->step);
        scan_process(pid, patterns, report.end ? ALL : WRITABLE, SECRETS_FILE, judge, &report);
        *secrets->step = '\0';
        kill(pid, SIGCONT);
    }
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_true(report.end && stops > 2);
    print_message(
        "%s: %zu stops; SQLite left secrets in %zu pages and %zu smaller pieces that it gave back\n", what,
        stops, report.sqlite_pages, report.sqlite_others);
    assert_int_equal(report.left, 0);
}

static void a_store_in_memory(void **state) {
    (void)state;
    nothing_is_left_of("memory:");
}

static void a_store_in_sqlite(void **state) {
    (void)state;
    char url[100];
    snprintf(url, sizeof url, "sqlite:%s/store.db", folder);
    nothing_is_left_of(url);
}

static void session_strings_and_files(void **state) {
    (void)state;
    nothing_is_left_of("memory:"); /* makes files */
    nothing_is_left_of("formats");
}

static void passwords(void **state) {
    (void)state;
    nothing_is_left_of("urls");
}

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    keeper = argv[1];
    steps = argv[2];
    fixtures = argv[3];
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(a_store_in_memory),
        CASE(a_store_in_sqlite),
        CASE(session_strings_and_files),
        CASE(passwords),
    };
    return cmocka_run_group_tests_name("secrets in memory", tests, NULL, NULL);
}
