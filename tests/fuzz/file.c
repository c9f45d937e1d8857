/* SPDX-License-Identifier: Apache-2.0 */
/* Session files, with a -wal and a -journal beside them (file.h). */
#include "file.h"

#include <dirent.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"

static const char *const names[N_PARTS] = {"a.session", "a.session-wal", "a.session-journal"};
static const char *const copies[N_PARTS] = {"b.session", "b.session-wal", "b.session-journal"};

static const tgs_option usual[] = {
    {TGS_STR("api_id"), TGS_STR("6")}, {TGS_STR("user_id"), TGS_STR("5")},
    {TGS_STR("is_bot"), TGS_STR("1")}, {TGS_STR("test_mode"), TGS_STR("0")},
    {TGS_STR("dc"), TGS_STR("2")},
};
#define N_USUAL (sizeof usual / sizeof *usual)

static const tgs_str written[] = {TGS_STR("telethon-sqlite"), TGS_STR("kurigram-sqlite"),
                                  TGS_STR("pyrogram-sqlite")};

/* --- files ------------------------------------------------------------------------------------- */

static void write_parts(const char *const to[N_PARTS], const struct part parts[N_PARTS]) {
    for (size_t i = 0; i < N_PARTS; i++) {
        unlink(scratch(to[i]));
        if (i == MAIN || parts[i].size) write_file(scratch(to[i]), parts[i].bytes, parts[i].size);
    }
}

static void remove_parts(const char *const of[N_PARTS]) {
    for (size_t i = 0; i < N_PARTS; i++) unlink(scratch(of[i]));
}

static size_t files_in_scratch(void) {
    size_t n = 0;
    DIR *open = opendir(scratch_folder());
    REQUIRE(open);
    while (readdir(open)) n++;
    closedir(open);
    return n;
}

/* "Reading a file leaves it and its folder byte for byte as they were." */
static void require_unchanged(const struct part parts[N_PARTS], size_t n_files) {
    for (size_t i = 0; i < N_PARTS; i++) {
        size_t size;
        uint8_t *bytes = read_file(scratch(names[i]), &size);
        REQUIRE((bytes != NULL) == (i == MAIN || parts[i].size) && size == parts[i].size);
        REQUIRE(!size || memcmp(bytes, parts[i].bytes, size) == 0);
        free(bytes);
    }
    REQUIRE(files_in_scratch() == n_files);
}

/* --- reading ------------------------------------------------------------------------------------- */

static tgs_status read_session_file(const char *path, tgs_snapshot **out) {
    tgs_error err;
    tgs_snapshot *snapshot = (tgs_snapshot *)(uintptr_t)&err;
    tgs_status status = tgs_snapshot_from_file((tgs_str){path, strlen(path)}, &snapshot, NULL, &err);
    require_status(status, &err);
    REQUIRE(status == TGS_OK || status == TGS_E_INVALID || status == TGS_E_CORRUPT ||
            status == TGS_E_TOO_LARGE || status == TGS_E_UNSUPPORTED);
    REQUIRE((status == TGS_OK) == (snapshot != NULL));
    if (snapshot) require_snapshot(snapshot);
    *out = snapshot;
    return status;
}

static char *shown(const tgs_snapshot *snapshot, size_t *size) {
    char *text;
    FILE *out = open_memstream(&text, size);
    REQUIRE(out);
    show_snapshot(out, snapshot);
    fclose(out);
    return text;
}

static void require_same(const tgs_snapshot *a, const tgs_snapshot *b) {
    size_t a_size, b_size;
    char *a_text = shown(a, &a_size), *b_text = shown(b, &b_size);
    bool same = a_size == b_size && memcmp(a_text, b_text, a_size) == 0;
    if (!same) fprintf(stderr, "--- read by the library:\n%s--- read by SQLite:\n%s", a_text, b_text);
    REQUIRE(same);
    free(a_text);
    free(b_text);
}

/* SQLite's own opinion of the three files, as one file; NULL if it finds them damaged. */
static uint8_t *recovered(sqlite3_int64 *size) {
    sqlite3 *db = NULL;
    uint8_t *image = NULL;
    if (sqlite3_open(scratch(copies[MAIN]), &db) == SQLITE_OK &&
        sqlite3_exec(db, "SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL) == SQLITE_OK)
        image = sqlite3_serialize(db, "main", size, 0);
    sqlite3_close(db);
    return image;
}

/* What the library reads out of a main file with a log or a journal is what SQLite makes of them. */
static void compare_with_sqlite(const struct part parts[N_PARTS], const tgs_snapshot *snapshot) {
    sqlite3_int64 size = 0;
    write_parts(copies, parts);
    uint8_t *image = recovered(&size);
    remove_parts(copies);
    if (!image || size < 100) {
        sqlite3_free(image);
        return;
    }
    image[18] = image[19] = 1; /* its log is in it */
    write_file(scratch("c.session"), image, (size_t)size);
    sqlite3_free(image);
    tgs_snapshot *other;
    read_session_file(scratch("c.session"), &other);
    REQUIRE((snapshot != NULL) == (other != NULL));
    if (other) require_same(snapshot, other);
    tgs_snapshot_free(other);
    unlink(scratch("c.session"));
}

static bool has_whole_pages(const struct part *main) {
    if (main->size < 100 || memcmp(main->bytes, "SQLite format 3", 16) != 0) return false;
    size_t page = (size_t)main->bytes[16] << 8 | main->bytes[17];
    if (page == 1) page = 65536;
    return page && main->size % page == 0;
}

/* SQLite is more trusting: it would restore even the first page, by which a file is told to be its own; it
 * does not mind half a page at the end; and it would make a file of gigabytes with a hole in it. */
static bool is_comparable(const struct part parts[N_PARTS], tgs_status status) {
    return (parts[WAL].size || parts[JOURNAL].size) && has_whole_pages(&parts[MAIN]) &&
           status != TGS_E_TOO_LARGE;
}

/* --- what can be done with a snapshot -------------------------------------------------------------- */

/* It can be put into a store, and taken out again. */
static void import(const tgs_snapshot *snapshot) {
    tgs_error err;
    tgs_store *store;
    tgs_session *session;
    tgs_snapshot *back = NULL;
    uint64_t done = 0;
    REQUIRE(tgs_store_open(TGS_STR("memory:"), NULL, 0, &store, NULL, &err) == TGS_OK);
    REQUIRE(tgs_session_new(store, TGS_STR("main"), &session, &err) == TGS_OK);
    tgs_status status = tgs_snapshot_to_session(snapshot, session, 0, &done, NULL, &err);
    require_status(status, &err);
    REQUIRE(status == TGS_OK && done >= 1);
    REQUIRE(tgs_snapshot_from_session(session, 1, &back, NULL, &err) == TGS_OK);
    require_snapshot(back);
    tgs_snapshot_free(back);
    tgs_session_free(session);
    tgs_store_close(store);
}

static bool has_peer(const tgs_snapshot *snapshot, const tgs_peer *peer) {
    size_t stride;
    const tgs_rows *rows = tgs_snapshot_rows(snapshot, TGS_RECORD_PEER);
    const char *row = tgs_rows_data(rows, &stride);
    for (size_t i = 0; i < tgs_rows_count(rows); i++, row += stride) {
        const tgs_peer *other = (const tgs_peer *)(const void *)row;
        if (other->kind == peer->kind && other->id == peer->id && other->access_hash == peer->access_hash)
            return true;
    }
    return false;
}

static tgs_session_data account(const tgs_snapshot *snapshot) {
    tgs_session_data session;
    const tgs_rows *rows = tgs_snapshot_rows(snapshot, TGS_RECORD_SESSION);
    REQUIRE(tgs_rows_row(rows, 0, &session, sizeof session) == TGS_OK);
    return session;
}

/* The account and the peers of the copy are those of the first. */
static void require_copy(const tgs_snapshot *first, const tgs_snapshot *copy) {
    const tgs_session_data a = account(first), b = account(copy);
    REQUIRE(a.auth_key.len == 256 && b.auth_key.len == 256 &&
            memcmp(a.auth_key.ptr, b.auth_key.ptr, 256) == 0);
    if (a.fields & b.fields & TGS_SESSION_USER_ID) REQUIRE(a.user_id == b.user_id);
    if (a.fields & b.fields & TGS_SESSION_DC) REQUIRE(a.dc == b.dc);
    size_t stride;
    const tgs_rows *rows = tgs_snapshot_rows(copy, TGS_RECORD_PEER);
    const char *row = tgs_rows_data(rows, &stride);
    for (size_t i = 0; i < tgs_rows_count(rows) && i < 100; i++, row += stride)
        REQUIRE(has_peer(first, (const tgs_peer *)(const void *)row));
}

/* What is written as a file reads back. */
static void write_as(const tgs_snapshot *snapshot, tgs_str format) {
    tgs_error err;
    const char *path = scratch("written.session");
    tgs_status status =
        tgs_snapshot_to_file(snapshot, format, (tgs_str){path, strlen(path)}, usual, N_USUAL, NULL, &err);
    require_status(status, &err);
    REQUIRE(status == TGS_OK || status == TGS_E_INVALID || status == TGS_NOT_FOUND);
    REQUIRE((status == TGS_OK) == (access(path, F_OK) == 0));
    if (status != TGS_OK) return;
    tgs_snapshot *copy;
    REQUIRE(read_session_file(path, &copy) == TGS_OK);
    require_copy(snapshot, copy);
    tgs_snapshot_free(copy);
    unlink(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct part parts[N_PARTS];
    unpack_parts(data, size, parts);
    write_parts(names, parts);
    size_t n_files = files_in_scratch();
    tgs_snapshot *snapshot;
    tgs_status status = read_session_file(scratch(names[MAIN]), &snapshot);
    require_unchanged(parts, n_files);
    if (is_comparable(parts, status)) compare_with_sqlite(parts, snapshot);
    if (snapshot) {
        import(snapshot);
        write_as(snapshot, written[size / 512 % 3]);
    }
    tgs_snapshot_free(snapshot);
    return 0;
}
