/* SPDX-License-Identifier: Apache-2.0 */
/* The formats' parts, and what no fixture can show: every length, every byte, every failing allocation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "formats/base64.h"
#include "formats/dc.h"
#include "formats/marks.h"
#include "formats/sqlite_pages.h"
#include "tgstore.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static char folder[] = "/tmp/tgstore-formats-XXXXXX";

static tgs_str str(const char *text) { return (tgs_str){text, strlen(text)}; }

static const char *in_folder(const char *name) {
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static struct buffer read_path(const char *path) {
    struct buffer out = {NULL, 0};
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    assert_true(buffer_resize(&out, (size_t)ftell(file)));
    rewind(file);
    assert_int_equal(fread(out.bytes, 1, out.size, file), out.size);
    fclose(file);
    return out;
}

static struct buffer read_fixture(const char *name) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", FIXTURES, name);
    return read_path(path);
}

static void write_path(const char *path, const uint8_t *bytes, size_t size) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

/* --- base64 ------------------------------------------------------------------------ */

static void base64_reads_what_it_wrote(void **state) {
    (void)state;
    uint8_t bytes[64], back[66];
    char text[96];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(i * 37 + 251);
    for (size_t len = 0; len <= sizeof bytes; len++) {
        for (int padded = 0; padded <= 1; padded++) {
            size_t size, n = base64_encode((tgs_bytes){bytes, len}, padded, text);
            assert_int_equal(strlen(text), n);
            assert_int_equal(padded ? n % 4 : n, padded ? 0 : (len * 4 + 2) / 3);
            assert_true(base64_decode((tgs_str){text, n}, back, &size));
            assert_int_equal(size, len);
            assert_memory_equal(back, bytes, len);
        }
    }
}

static void base64_takes_both_alphabets_and_any_padding(void **state) {
    (void)state;
    static const char *const good[] = {"-_-_", "+/+/", "+_-/", "-_-_==="};
    uint8_t out[8];
    size_t size;
    for (size_t i = 0; i < COUNT(good); i++) {
        assert_true(base64_decode(str(good[i]), out, &size));
        assert_int_equal(size, 3);
        assert_memory_equal(out, "\xfb\xff\xbf", 3);
    }
    static const char *const bad[] = {"A", "AAAAA", "AA=A", "A A", "AA\n", "AA*A", "\xc3\xa4"};
    for (size_t i = 0; i < COUNT(bad); i++) assert_false(base64_decode(str(bad[i]), out, &size));
}

/* --- marks and addresses -------------------------------------------------------------- */

static void marks_of_all_times_are_undone(void **state) {
    (void)state;
    static const struct {
        int64_t marked;
        int has_hash;
        int32_t kind;
        int64_t id;
    } cases[] = {
        {777000, 1, TGS_PEER_USER, 777000},
        {-55, 0, TGS_PEER_CHAT, 55},
        {-999999999999, 0, TGS_PEER_CHAT, 999999999999},
        {-1001234567890, 1, TGS_PEER_CHANNEL, 1234567890},
        {-1000123456789, 1, TGS_PEER_CHANNEL, 123456789},
        {-100123456789, 1, TGS_PEER_CHANNEL, 123456789},     /* as text, 9 digits */
        {-10012345678901, 1, TGS_PEER_CHANNEL, 12345678901}, /* as text, 11 digits */
        {-1012345678901, 1, TGS_PEER_CHANNEL, 12345678901},
        {-3999999999999, 1, TGS_PEER_CHANNEL, 2999999999999},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t id;
        assert_int_equal(unmark_peer(cases[i].marked, cases[i].has_hash, &id), cases[i].kind);
        assert_int_equal(id, cases[i].id);
    }
}

static void marks_are_undone_as_they_were_made(void **state) {
    (void)state;
    static const struct {
        int32_t kind;
        int64_t id;
    } peers[] = {
        {TGS_PEER_USER, 5}, {TGS_PEER_CHAT, 5}, {TGS_PEER_CHANNEL, 5}, {TGS_PEER_CHANNEL, 3000000000000}};
    int64_t marked, id;
    for (size_t i = 0; i < COUNT(peers); i++) {
        assert_true(mark_peer(peers[i].kind, peers[i].id, &marked));
        assert_int_equal(unmark_peer(marked, peers[i].kind != TGS_PEER_CHAT, &id), peers[i].kind);
        assert_int_equal(id, peers[i].id);
    }
    assert_false(mark_peer(TGS_PEER_CHANNEL, INT64_MAX, &marked));
    assert_false(mark_peer(TGS_PEER_CHAT, -1, &marked));
    unmark_peer(INT64_MIN, 1, &id); /* no overflow */
    unmark_peer(INT64_MIN, 0, &id);
}

static void addresses_are_judged(void **state) {
    (void)state;
    static const char *const sane[] = {"149.154.167.51", "2001:67c:4e8:f002::a", "venus.web.telegram.org",
                                       "10.0.0.1"};
    static const char *const insane[] = {
        "", "0.0.0.0", "255.255.255.255", "::", "e:3134:392e:3135:342e:3136:372e:3530", "a b", "1.2.3"};
    for (size_t i = 0; i < COUNT(sane); i++) assert_true(dc_address_sane(str(sane[i])));
    for (size_t i = 0; i < COUNT(insane); i++) assert_false(dc_address_sane(str(insane[i])));
    assert_int_equal(dc_is_test_address(str("149.154.167.40")), 1);
    assert_int_equal(dc_is_test_address(str("2001:067c:04e8:f002:0:0:0:e")), 1);
    assert_int_equal(dc_is_test_address(str("149.154.167.51")), 0);
    assert_int_equal(dc_is_test_address(str("venus.web.telegram.org")), -1);
}

/* --- recovery in memory ------------------------------------------------------------------ */

static sqlite3 *open_database(const char *name, const char *sql) {
    sqlite3 *db;
    assert_int_equal(sqlite3_open(in_folder(name), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    return db;
}

static int run(sqlite3 *db, const char *sql) { return sqlite3_exec(db, sql, NULL, NULL, NULL); }

/* The number that a query on an image answers. */
static int64_t query_image(struct buffer *image, const char *sql) {
    sqlite3 *db;
    sqlite3_stmt *statement;
    image->bytes[18] = image->bytes[19] = 1;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    assert_int_equal(sqlite3_deserialize(db, "main", image->bytes, (sqlite3_int64)image->size,
                                         (sqlite3_int64)image->size, SQLITE_DESERIALIZE_READONLY),
                     SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t answer = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return answer;
}

static void wal_of_page_size(int page_size) {
    tgs_error err;
    char sql[160];
    snprintf(sql, sizeof sql,
             "PRAGMA page_size=%d; PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0;"
             "CREATE TABLE t(n INTEGER, text)",
             page_size);
    sqlite3 *db = open_database("wal.db", sql);
    assert_int_equal(run(db, "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 500)"
                             " INSERT INTO t SELECT n, hex(randomblob(200)) FROM c"),
                     SQLITE_OK);
    assert_int_equal(run(db, "DELETE FROM t WHERE n > 100"), SQLITE_OK);
    struct buffer main = read_path(in_folder("wal.db")), wal = read_path(in_folder("wal.db-wal"));
    struct buffer image = {NULL, 0};

    assert_true(buffer_resize(&image, main.size));
    memcpy(image.bytes, main.bytes, main.size);
    assert_int_equal(sqlite_overlay_wal(&image, &wal, &err), TGS_OK);
    assert_int_equal(query_image(&image, "SELECT count(*) FROM t"), 100);

    /* A broken last commit leaves the one before it. */
    wal.bytes[wal.size - 1] ^= 1;
    assert_int_equal(sqlite_overlay_wal(&image, &wal, &err), TGS_OK);
    assert_int_equal(query_image(&image, "SELECT count(*) FROM t"), 500);

    /* A broken header makes the log an empty one. */
    wal.bytes[20] ^= 1;
    assert_true(buffer_resize(&image, main.size));
    memcpy(image.bytes, main.bytes, main.size);
    assert_int_equal(sqlite_overlay_wal(&image, &wal, &err), TGS_OK);
    assert_memory_equal(image.bytes, main.bytes, main.size);
    buffer_free(&main);
    buffer_free(&wal);
    buffer_free(&image);
    sqlite3_close(db);
    unlink(in_folder("wal.db"));
}

static void committed_frames_of_a_wal_are_laid_over(void **state) {
    (void)state;
    wal_of_page_size(512);
    wal_of_page_size(4096);
    wal_of_page_size(65536);
}

static void hot_journal_is_rolled_back(void **state) {
    (void)state;
    tgs_error err;
    sqlite3 *db = open_database(
        "hot.db", "PRAGMA page_size=1024; CREATE TABLE t(n INTEGER PRIMARY KEY, text);"
                  "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 500)"
                  " INSERT INTO t SELECT n, hex(randomblob(200)) FROM c");
    struct buffer before = read_path(in_folder("hot.db"));
    assert_int_equal(run(db, "PRAGMA cache_size=5; BEGIN; UPDATE t SET text = hex(randomblob(400));"
                             "INSERT INTO t SELECT n + 1000, text FROM t"),
                     SQLITE_OK);
    struct buffer image = read_path(in_folder("hot.db")), journal = read_path(in_folder("hot.db-journal"));
    assert_true(image.size != before.size || memcmp(image.bytes, before.bytes, before.size) != 0);
    assert_int_equal(sqlite_roll_back(&image, &journal, &err), TGS_OK);
    assert_int_equal(image.size, before.size);
    assert_memory_equal(image.bytes, before.bytes, before.size);

    /* Every beginning of the journal, as a crash may leave it. */
    for (size_t len = 0; len < journal.size; len += 509) {
        struct buffer part = {journal.bytes, len};
        assert_int_equal(sqlite_roll_back(&image, &part, &err), TGS_OK);
    }
    run(db, "ROLLBACK");
    sqlite3_close(db);
    buffer_free(&before);
    buffer_free(&image);
    buffer_free(&journal);
    unlink(in_folder("hot.db"));
}

static void super_journal_is_named(void **state) {
    (void)state;
    uint8_t bytes[] = "xxxx\0\0\0\0/a\xff"
                      "b\0\0\0\x04\0\0\0\0\xd9\xd5\x05\xf9\x20\xa1\x63\xd7";
    struct buffer journal = {bytes, sizeof bytes - 1};
    char name[16];
    uint32_t sum = '/' + 'a' + (uint32_t)-1 + 'b';
    bytes[18] = (uint8_t)(sum >> 8);
    bytes[19] = (uint8_t)sum;
    assert_true(journal_super_name(&journal, name, sizeof name));
    assert_string_equal(name, "/a\xff"
                              "b");
    assert_false(journal_super_name(&journal, name, 4));
    bytes[19]++;
    assert_false(journal_super_name(&journal, name, sizeof name));
}

/* --- written files ---------------------------------------------------------------------------- */

static tgs_snapshot *read_snapshot(const char *path) {
    tgs_error err;
    tgs_snapshot *snapshot;
    if (tgs_snapshot_from_file(str(path), &snapshot, NULL, &err) != TGS_OK)
        fail_msg("%s: %s", path, err.message);
    return snapshot;
}

static void assert_fields_equal(const tgs_field *field, const char *a, const char *b) {
    if (field->type == TGS_TYPE_I32) assert_int_equal(*(const int32_t *)a, *(const int32_t *)b);
    if (field->type == TGS_TYPE_I64) assert_int_equal(*(const int64_t *)a, *(const int64_t *)b);
    if (field->type != TGS_TYPE_TEXT && field->type != TGS_TYPE_BYTES) return;
    const tgs_str *x = (const tgs_str *)a, *y = (const tgs_str *)b;
    assert_int_equal(x->len, y->len);
    if (x->len) assert_memory_equal(x->ptr, y->ptr, x->len);
}

static void assert_rows_equal(const tgs_snapshot *a, const tgs_snapshot *b, int32_t record) {
    const tgs_rows *left = tgs_snapshot_rows(a, record), *right = tgs_snapshot_rows(b, record);
    size_t n, stride;
    const tgs_field *fields = tgs_record_fields(record, &n, NULL);
    assert_int_equal(tgs_rows_count(left), tgs_rows_count(right));
    const char *x = tgs_rows_data(left, &stride), *y = tgs_rows_data(right, &stride);
    for (size_t i = 0; i < tgs_rows_count(left); i++, x += stride, y += stride) {
        assert_int_equal(*(const uint64_t *)x, *(const uint64_t *)y);
        for (size_t f = 0; f < n; f++)
            if (!fields[f].bit || (*(const uint64_t *)x & fields[f].bit))
                assert_fields_equal(&fields[f], x + fields[f].offset, y + fields[f].offset);
    }
}

static void written_file_holds_what_was_read(void **state) {
    (void)state;
    static const struct {
        const char *from, *format;
    } cases[] = {
        {"telethon/1.45.0-main.session", "telethon-sqlite"},
        {"telethon/0.18.0-main.session", "telethon-sqlite"},
        {"telethon/1.45.0-test.session", "telethon-sqlite"},
        {"telethon/1.45.0-wal.session", "telethon-sqlite"},
        {"pyrogram/2.0.106-main.session", "pyrogram-sqlite"},
        {"pyrogram/2.0.106-bot.session", "pyrogram-sqlite"},
        {"kurigram/2.2.26-main.session", "kurigram-sqlite"},
        {"kurigram/2.2.26-test.session", "kurigram-sqlite"},
        {"odd/kurigram-typecase.session", "kurigram-sqlite"},
    };
    const int32_t records[] = {TGS_RECORD_SESSION, TGS_RECORD_PEER, TGS_RECORD_UPDATE_STATE, TGS_RECORD_KV};
    for (size_t i = 0; i < COUNT(cases); i++) {
        char from[512];
        tgs_error err;
        struct stat info;
        snprintf(from, sizeof from, "%s/%s", FIXTURES, cases[i].from);
        const char *path = in_folder("written.session");
        tgs_snapshot *before = read_snapshot(from);
        assert_int_equal(tgs_snapshot_to_file(before, str(cases[i].format), str(path), NULL, 0, NULL, &err),
                         TGS_OK);
        assert_int_equal(stat(path, &info), 0);
        assert_int_equal(info.st_mode & 0777, 0600);
        assert_int_equal(info.st_nlink, 1);
        tgs_snapshot *after = read_snapshot(path);
        for (size_t r = 0; r < COUNT(records); r++) assert_rows_equal(before, after, records[r]);
        assert_int_equal(tgs_snapshot_note_count(after), 0);
        assert_int_equal(tgs_snapshot_to_file(before, str(cases[i].format), str(path), NULL, 0, NULL, &err),
                         TGS_E_CONFLICT);
        tgs_snapshot_free(before);
        tgs_snapshot_free(after);
        unlink(path);
    }
}

static void file_that_lacks_a_value_is_not_written(void **state) {
    (void)state;
    char from[512];
    tgs_error err;
    snprintf(from, sizeof from, "%s/telethon/1.45.0-main.session", FIXTURES);
    tgs_snapshot *snapshot = read_snapshot(from);
    const tgs_str path = str(in_folder("lacking.session"));
    const tgs_option bot = {TGS_STR("is_bot"), TGS_STR("0")};
    assert_int_equal(tgs_snapshot_to_file(snapshot, str("pyrogram-sqlite"), path, NULL, 0, NULL, &err),
                     TGS_E_INVALID);
    assert_non_null(strstr(err.message, "is_bot"));
    assert_int_equal(access(path.ptr, F_OK), -1);
    assert_int_equal(tgs_snapshot_to_file(snapshot, str("pyrogram-sqlite"), path, &bot, 1, NULL, &err),
                     TGS_OK);
    unlink(path.ptr);
    assert_int_equal(tgs_snapshot_to_file(snapshot, str("tdata"), path, NULL, 0, NULL, &err),
                     TGS_E_UNSUPPORTED);
    assert_int_equal(
        tgs_snapshot_to_file(snapshot, str("telethon-sqlite"), str("/nowhere/x"), NULL, 0, NULL, &err),
        TGS_E_UNAVAILABLE);
    tgs_snapshot_free(snapshot);
    snprintf(from, sizeof from, "%s/telethon/1.45.0-loggedout.session", FIXTURES);
    snapshot = read_snapshot(from);
    assert_int_equal(tgs_snapshot_to_file(snapshot, str("telethon-sqlite"), path, NULL, 0, NULL, &err),
                     TGS_NOT_FOUND);
    tgs_snapshot_free(snapshot);
}

/* --- bad input ------------------------------------------------------------------------------ */

static void assert_documented(tgs_status status, const tgs_error *err) {
    assert_true(status == TGS_OK || status == TGS_E_INVALID || status == TGS_E_CORRUPT ||
                status == TGS_E_UNSUPPORTED || status == TGS_E_TOO_LARGE);
    if (status != TGS_OK) assert_true(err->message[0] != '\0');
}

static tgs_status read_copy(const char *path) {
    tgs_error err;
    tgs_snapshot *snapshot;
    tgs_status status = tgs_snapshot_from_file(str(path), &snapshot, NULL, &err);
    assert_documented(status, &err);
    if (status == TGS_OK)
        assert_int_equal(tgs_rows_count(tgs_snapshot_rows(snapshot, TGS_RECORD_SESSION)), 1);
    if (status != TGS_OK) assert_null(snapshot);
    tgs_snapshot_free(snapshot);
    return status;
}

static const char *const fixtures[] = {"telethon/1.45.0-main.session", "kurigram/2.2.26-main.session",
                                       "pyrogram/0.14.1-jsonpeers.session"};

static void every_truncation_of_a_file_is_refused(void **state) {
    (void)state;
    const char *path = in_folder("cut.session");
    for (size_t i = 0; i < COUNT(fixtures); i++) {
        struct buffer file = read_fixture(fixtures[i]);
        write_path(path, file.bytes, file.size);
        assert_int_equal(read_copy(path), TGS_OK);
        for (size_t len = file.size - 1; len > 0; len -= len > 300 && len < file.size - 300 ? 97 : 1) {
            assert_int_equal(truncate(path, (off_t)len), 0);
            if (read_copy(path) == TGS_OK) fail_msg("%s is taken with %zu bytes", fixtures[i], len);
        }
        buffer_free(&file);
    }
}

/* Change a few bytes at a time of what goes to `path`, and read `session`. */
static void change_bytes(struct buffer *file, const char *path, const char *session) {
    uint32_t random = 1;
    for (int round = 0; round < 400; round++) {
        size_t at[4];
        uint8_t was[4];
        for (size_t k = 0; k < COUNT(at); k++) {
            random = random * 1664525 + 1013904223;
            at[k] = (random >> 4) % file->size;
            was[k] = file->bytes[at[k]];
            file->bytes[at[k]] = (uint8_t)(random >> 24);
        }
        write_path(path, file->bytes, file->size);
        read_copy(session);
        for (size_t k = COUNT(at); k-- > 0;) file->bytes[at[k]] = was[k];
    }
}

static void no_changed_byte_crashes_a_reader(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(fixtures); i++) {
        struct buffer file = read_fixture(fixtures[i]);
        change_bytes(&file, in_folder("changed.session"), in_folder("changed.session"));
        buffer_free(&file);
    }
}

static void no_damaged_side_file_crashes_a_reader(void **state) {
    (void)state;
    static const struct {
        const char *main, *side, *suffix;
    } cases[] = {
        {"telethon/1.45.0-wal.session", "telethon/1.45.0-wal.session-wal", "-wal"},
        {"pyrotgfork/2.2.24.1-wal.session", "pyrotgfork/2.2.24.1-wal.session-wal", "-wal"},
        {"odd/telethon-hot-journal.session", "odd/telethon-hot-journal.session-journal", "-journal"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buffer file = read_fixture(cases[i].main), side = read_fixture(cases[i].side);
        char session[160], beside[176];
        snprintf(session, sizeof session, "%s/side.session", folder);
        snprintf(beside, sizeof beside, "%s%s", session, cases[i].suffix);
        write_path(session, file.bytes, file.size);
        change_bytes(&side, beside, session);
        write_path(beside, side.bytes, side.size);
        assert_int_equal(read_copy(session), TGS_OK);
        for (size_t len = side.size; len > 0; len -= len > 61 ? 61 : len) {
            assert_int_equal(truncate(beside, (off_t)len), 0);
            read_copy(session);
        }
        buffer_free(&file);
        buffer_free(&side);
        unlink(beside);
        unlink(session);
    }
}

static const char *const prefixes[] = {"", "1", "2", "1BvE", "{", "AwAAAAAX", "ATIAAv4AAQEAAQ"};

static void no_length_of_a_string_crashes_the_reader(void **state) {
    (void)state;
    char text[512];
    tgs_error err;
    tgs_snapshot *snapshot;
    for (size_t i = 0; i < COUNT(prefixes); i++) {
        for (size_t len = strlen(prefixes[i]); len < sizeof text; len++) {
            memset(text, 'A' + (int)(len % 26), sizeof text);
            memcpy(text, prefixes[i], strlen(prefixes[i]));
            tgs_status status = tgs_snapshot_from_text((tgs_str){text, len}, &snapshot, &err);
            assert_documented(status, &err);
            if (status == TGS_OK) assert_int_not_equal(tgs_snapshot_rows(snapshot, TGS_RECORD_SESSION), NULL);
            tgs_snapshot_free(snapshot);
        }
    }
}

static void arguments_are_checked(void **state) {
    (void)state;
    tgs_error err;
    tgs_snapshot *snapshot;
    tgs_text *text;
    char long_path[5000];
    memset(long_path, 'x', sizeof long_path);
    assert_int_equal(tgs_snapshot_from_text((tgs_str){NULL, 0}, &snapshot, &err), TGS_E_INVALID);
    assert_int_equal(tgs_snapshot_from_text(str("x"), NULL, &err), TGS_E_INVALID);
    assert_int_equal(tgs_snapshot_from_file((tgs_str){NULL, 0}, &snapshot, NULL, &err), TGS_E_INVALID);
    assert_int_equal(tgs_snapshot_from_file(str("x"), NULL, NULL, &err), TGS_E_INVALID);
    assert_int_equal(tgs_snapshot_from_file((tgs_str){"a\0b", 3}, &snapshot, NULL, &err), TGS_E_INVALID);
    assert_int_equal(tgs_snapshot_from_file((tgs_str){long_path, sizeof long_path}, &snapshot, NULL, &err),
                     TGS_E_TOO_LARGE);
    assert_int_equal(tgs_snapshot_to_text(NULL, str("telethon"), NULL, 0, &text, &err), TGS_E_INVALID);
    assert_int_equal(tgs_snapshot_from_session(NULL, 0, &snapshot, NULL, &err), TGS_E_INVALID);
    assert_int_equal(tgs_snapshot_to_session(NULL, NULL, 0, NULL, NULL, &err), TGS_E_INVALID);
    assert_null(tgs_snapshot_format(NULL));
    assert_null(tgs_snapshot_note(NULL, 0));
    assert_null(tgs_snapshot_rows(NULL, TGS_RECORD_PEER));
    tgs_snapshot_free(NULL);
}

/* --- memory that runs out --------------------------------------------------------------------- */

static long allocations_left = -1; /* -1: without end */

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *memory, size_t size);

static int may_allocate(void) {
    if (allocations_left < 0) return 1;
    if (allocations_left == 0) return 0;
    allocations_left--;
    return 1;
}

void *__wrap_malloc(size_t size) { return may_allocate() ? __real_malloc(size) : NULL; }
void *__wrap_calloc(size_t n, size_t size) { return may_allocate() ? __real_calloc(n, size) : NULL; }
void *__wrap_realloc(void *memory, size_t size) {
    return may_allocate() ? __real_realloc(memory, size) : NULL;
}

static sqlite3_mem_methods sqlite_memory;

static void *sqlite_malloc(int size) { return may_allocate() ? sqlite_memory.xMalloc(size) : NULL; }
static void *sqlite_realloc(void *memory, int size) {
    return may_allocate() ? sqlite_memory.xRealloc(memory, size) : NULL;
}

/* Fail the n-th allocation and all after it, for every n, until the call succeeds. */
static void each_allocation_may_fail(const char *path, const char *text) {
    for (long n = 0;; n++) {
        tgs_error err;
        tgs_snapshot *snapshot = NULL;
        assert_true(n < 20000);
        allocations_left = n;
        tgs_status status = text ? tgs_snapshot_from_text(str(text), &snapshot, &err)
                                 : tgs_snapshot_from_file(str(path), &snapshot, NULL, &err);
        long left = allocations_left;
        allocations_left = -1;
        tgs_snapshot_free(snapshot);
        if (status == TGS_OK && left > 0) return;
        if (status != TGS_OK && status != TGS_E_NOMEM)
            fail_msg("allocation %ld: %d, %s", n, status, err.message);
    }
}

static void running_out_of_memory_is_said(void **state) {
    (void)state;
    static const char *const names[] = {"telethon/1.45.0-small.session", "kurigram/2.2.26-test.session",
                                        "pyrogram/0.14.1-small.session"};
    for (size_t i = 0; i < COUNT(names); i++) {
        struct buffer file = read_fixture(names[i]);
        write_path(in_folder("memory.session"), file.bytes, file.size);
        each_allocation_may_fail(in_folder("memory.session"), NULL);
        buffer_free(&file);
    }
    char text[354];
    memset(text, 'A', sizeof text - 1);
    memcpy(text, "1ApWapzMBuw", 11);
    text[352] = '=';
    text[353] = '\0';
    each_allocation_may_fail(NULL, text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64_reads_what_it_wrote),
        cmocka_unit_test(base64_takes_both_alphabets_and_any_padding),
        cmocka_unit_test(marks_of_all_times_are_undone),
        cmocka_unit_test(marks_are_undone_as_they_were_made),
        cmocka_unit_test(addresses_are_judged),
        cmocka_unit_test(committed_frames_of_a_wal_are_laid_over),
        cmocka_unit_test(hot_journal_is_rolled_back),
        cmocka_unit_test(super_journal_is_named),
        cmocka_unit_test(written_file_holds_what_was_read),
        cmocka_unit_test(file_that_lacks_a_value_is_not_written),
        cmocka_unit_test(every_truncation_of_a_file_is_refused),
        cmocka_unit_test(no_changed_byte_crashes_a_reader),
        cmocka_unit_test(no_damaged_side_file_crashes_a_reader),
        cmocka_unit_test(no_length_of_a_string_crashes_the_reader),
        cmocka_unit_test(arguments_are_checked),
        cmocka_unit_test(running_out_of_memory_is_said),
    };
    if (!mkdtemp(folder)) return 1;
    sqlite3_config(SQLITE_CONFIG_GETMALLOC, &sqlite_memory);
    sqlite3_mem_methods failing = sqlite_memory;
    failing.xMalloc = sqlite_malloc;
    failing.xRealloc = sqlite_realloc;
    sqlite3_config(SQLITE_CONFIG_MALLOC, &failing);
    int failed = cmocka_run_group_tests_name("formats", tests, NULL, NULL);
    static const char *const left[] = {"cut.session", "changed.session", "memory.session"};
    for (size_t i = 0; i < COUNT(left); i++) unlink(in_folder(left[i]));
    rmdir(folder);
    return failed;
}
