/* SPDX-License-Identifier: Apache-2.0 */
/* Mutations of session files that know what SQLite files are made of.  A file is changed through SQL, and
 * what has changed may go into a log or a journal instead; or bytes are changed where they mean something. */
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "fuzz.h"
#include "mutator.h"

#define MAX_PAGE 65536u

struct image {
    uint8_t *bytes;
    size_t size;
};

static uint32_t load(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void store(uint8_t *p, uint32_t value) {
    for (int i = 3; i >= 0; i--, value >>= 8) p[i] = (uint8_t)value;
}

static uint32_t load_le(const uint8_t *p) {
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static uint32_t page_size(const uint8_t *main, size_t size) {
    if (size < 100 || memcmp(main, "SQLite format 3", 16) != 0) return 0;
    uint32_t page = (uint32_t)main[16] << 8 | main[17];
    if (page == 1) page = MAX_PAGE;
    return page >= 512 && (page & (page - 1)) == 0 && size >= page ? page : 0;
}

/* --- through SQL ------------------------------------------------------------------------------------ */

static const char *const table_names[] = {"sessions", "entities",     "peers",      "usernames",
                                          "version",  "update_state", "sent_files", "x"};
static const char *const column_names[] = {
    "dc_id",      "server_address", "port",      "auth_key",  "takeout_id",   "tmp_auth_key",
    "user_id",    "api_id",         "test_mode", "is_bot",    "date",         "id",
    "hash",       "username",       "phone",     "name",      "pts",          "qts",
    "seq",        "access_hash",    "type",      "number",    "phone_number", "peer_id",
    "md5_digest", "last_update_on", "version",   "file_size", "session",      "state",
    "data",       "session_id",     "x",
};
static const char *const values[] = {
    "NULL",
    "0",
    "1",
    "-1",
    "2",
    "203",
    "256",
    "65536",
    "777000",
    "-1001234567890",
    "-1002147483649",
    "-5",
    "9223372036854775807",
    "-9223372036854775808",
    "4294967296",
    "1700000000",
    "1.5",
    "-1e308",
    "1e999",
    "''",
    "x''",
    "'x'",
    "'1'",
    "'user'",
    "'bot'",
    "'group'",
    "'channel'",
    "'supergroup'",
    "'forum'",
    "'CHANNEL'",
    "'@Name'",
    "'name'",
    "'n\xc3\xa4me'",
    "'+49 (151) 123-45'",
    "'149.154.167.51'",
    "'2001:67c:4e8:f002::a'",
    "'0.0.0.0'",
    "'a.b'",
    "CAST(x'ff' AS TEXT)",
    "CAST(x'610062' AS TEXT)",
    "CAST(x'eda080' AS TEXT)",
    "zeroblob(256)",
    "zeroblob(255)",
    "randomblob(256)",
    "randomblob(16)",
    "hex(randomblob(256))",
    "printf('%.*c', 513, 'x')",
    "printf('%.*c', 9000, 'y')",
    "zeroblob(20000)",
    "char(10)",
    "' '",
    "abs(random()) % 1000",
    "rowid",
    "datetime('now')",
    "8",
    "99",
};
static const char *const types[] = {
    "INTEGER",       "TEXT", "BLOB",      "REAL", "NUMERIC", "", "INTEGER PRIMARY KEY", "TEXT COLLATE NOCASE",
    "TEXT NOT NULL", "ANY",  "VARCHAR(5)"};
static const char *const expressions[] = {
    "1",
    "NULL",
    "hex(zeroblob(1000))",
    "random()",
    "length(x)",
    "id + 1",
    "CAST(id AS TEXT)",
    "rowid",
    "load_extension('x')",
    "zeroblob(1000000000)",
    "1 / 0",
    "abs(-9223372036854775808)",
    "printf('%1000000d', 1)",
    "auth_key",
    "(id IS NULL)",
    "json('{')",
    "x COLLATE nothing",
    "likely(dc_id)",
    "sqlite_version()",
};
static const char *const page_sizes[] = {"512", "1024", "4096", "8192", "65536"};

/* {t} a table that is there, {c} a column of it, {T} {C} any name, {v} value, {n} number, {y} type,
 * {e} expression, {p} page size. */
static const char *const statements[] = {
    "UPDATE {t} SET {c} = {v}",
    "UPDATE {t} SET {c} = {v}",
    "UPDATE {t} SET {c} = {v} WHERE rowid % 3 = 1",
    "UPDATE {t} SET {c} = {v}, {c} = {v} WHERE rowid = {n}",
    "UPDATE OR IGNORE {t} SET {c} = {c} || {v}",
    "UPDATE {t} SET {c} = -{c}",
    "UPDATE {t} SET {c} = CAST({c} AS {y})",
    "DELETE FROM {t}",
    "DELETE FROM {t} WHERE rowid % 2",
    "INSERT INTO {t} SELECT * FROM {t} LIMIT 3",
    "INSERT OR REPLACE INTO {t} ({c}) VALUES ({v})",
    "INSERT OR REPLACE INTO {t} ({c}, {c}) VALUES ({v}, {v})",
    "INSERT INTO {t} DEFAULT VALUES",
    "INSERT OR IGNORE INTO {t} ({c}) WITH RECURSIVE r(a) AS (SELECT {v} UNION ALL SELECT a + 1 FROM r LIMIT "
    "50)"
    " SELECT a FROM r",
    "DROP TABLE {t}",
    "ALTER TABLE {t} RENAME TO {T}",
    "ALTER TABLE {t} RENAME COLUMN {c} TO {C}",
    "ALTER TABLE {t} DROP COLUMN {c}",
    "ALTER TABLE {t} ADD COLUMN {C} {y} DEFAULT {v}",
    "ALTER TABLE {t} ADD COLUMN {C} {y} AS ({e})",
    "ALTER TABLE {t} RENAME COLUMN {c} TO old; ALTER TABLE {t} ADD COLUMN {c} {y} AS ({e})",
    "CREATE TABLE {T} ({C} {y}, {C} {y}, {C} {y}, {C} AS ({e}) STORED)",
    "CREATE TABLE {T} ({C} {y} PRIMARY KEY, {C} {y}) WITHOUT ROWID",
    "CREATE TABLE {T} ({C} INTEGER, {C} TEXT) STRICT",
    "CREATE TABLE y AS SELECT * FROM {t}; DROP TABLE {t}; ALTER TABLE y RENAME TO {t}",
    "ALTER TABLE {t} RENAME TO old; CREATE VIEW {t} AS SELECT * FROM old",
    "ALTER TABLE {t} RENAME TO old; CREATE VIEW {t} ({c}) AS WITH RECURSIVE r(a) AS (SELECT 1 UNION ALL"
    " SELECT a + 1 FROM r) SELECT a FROM r",
    "CREATE TRIGGER {C} AFTER INSERT ON {t} BEGIN DELETE FROM {t}; END",
    "CREATE INDEX i{n} ON {t} ({c} COLLATE NOCASE, {c} DESC)",
    "CREATE INDEX i{n} ON {t} ({e})",
    "CREATE INDEX i{n} ON {t} ({c}) WHERE {c} > {v}",
    "DROP TABLE {t}; CREATE VIRTUAL TABLE {t} USING fts5({C}, {C}, {C})",
    "DROP TABLE {t}; CREATE VIRTUAL TABLE {t} USING fts4({C}, {C})",
    "DROP TABLE {t}; CREATE VIRTUAL TABLE {t} USING rtree({C}, {C}, {C})",
    "DROP TABLE {t}; CREATE VIRTUAL TABLE {t} USING dbstat",
    "CREATE TABLE b{n} (a); INSERT INTO b{n} VALUES (zeroblob(30000)); DROP TABLE b{n}",
    "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET rootpage = {n} WHERE name = '{t}'",
    "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, '{c}', '{C}') WHERE name = "
    "'{t}'",
    "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'primary key', 'collate "
    "nothing')",
    "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = {v} WHERE name = '{t}'",
    "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = 'CREATE TABLE {t} ({C}, {C} AS ({e}))'"
    " WHERE name = '{t}'",
    "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET type = 'view' WHERE name = '{t}'",
    "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET name = '{T}' WHERE name = '{t}'",
    "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET tbl_name = {v} WHERE name = '{t}'",
    "PRAGMA writable_schema = ON; INSERT INTO sqlite_schema SELECT * FROM sqlite_schema",
    "PRAGMA page_size = {p}; VACUUM",
    "PRAGMA auto_vacuum = 1; VACUUM",
    "PRAGMA auto_vacuum = 2; VACUUM",
    "ANALYZE",
    "PRAGMA user_version = {n}",
    "PRAGMA legacy_file_format = ON; VACUUM",
};

#define PICK(random, list) ((list)[random_below(random, sizeof(list) / sizeof *(list))])

/* One random value of a query with names, or `otherwise`. */
static char *pick_name(struct random *random, sqlite3 *db, const char *sql, const char *of,
                       const char *otherwise) {
    sqlite3_stmt *statement = NULL;
    char *name = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK) {
        sqlite3_bind_text(statement, 1, of, -1, SQLITE_STATIC);
        size_t n = 0;
        while (sqlite3_step(statement) == SQLITE_ROW && n < 100)
            if (random_below(random, ++n) == 0) {
                sqlite3_free(name);
                name = sqlite3_mprintf("%w", sqlite3_column_text(statement, 0));
            }
    }
    sqlite3_finalize(statement);
    return name ? name : sqlite3_mprintf("%s", otherwise);
}

static char *pick_table(struct random *random, sqlite3 *db) {
    return pick_name(random, db, "SELECT name FROM sqlite_schema WHERE type = 'table' AND ?1 IS NULL", NULL,
                     "x");
}

static char *pick_column(struct random *random, sqlite3 *db, const char *table) {
    return pick_name(random, db, "SELECT name FROM pragma_table_info(?1)", table, "x");
}

static void expand(struct random *random, sqlite3 *db, char mark, const char *table, sqlite3_str *sql) {
    if (mark == 'c') {
        char *column = pick_column(random, db, table);
        sqlite3_str_appendall(sql, column);
        sqlite3_free(column);
        return;
    }
    if (mark == 'n') {
        sqlite3_str_appendf(sql, "%d", (int)random_below(random, 12));
        return;
    }
    sqlite3_str_appendall(sql, mark == 't'   ? table
                               : mark == 'T' ? PICK(random, table_names)
                               : mark == 'C' ? PICK(random, column_names)
                               : mark == 'v' ? PICK(random, values)
                               : mark == 'y' ? PICK(random, types)
                               : mark == 'p' ? PICK(random, page_sizes)
                                             : PICK(random, expressions));
}

static void run_statement(struct random *random, sqlite3 *db, const char *template) {
    char *table = pick_table(random, db);
    sqlite3_str *sql = sqlite3_str_new(db);
    for (const char *c = template; *c; c++) {
        if (c[0] == '{' && c[1] && c[2] == '}') {
            expand(random, db, c[1], table, sql);
            c += 2;
        } else {
            sqlite3_str_appendchar(sql, 1, *c);
        }
    }
    char *text = sqlite3_str_finish(sql);
    if (text) sqlite3_exec(db, text, NULL, NULL, NULL); /* one that fails is no mutation */
    sqlite3_free(text);
    sqlite3_free(table);
}

static int enough(void *steps) { return ++*(int *)steps > 50; }

static sqlite3 *open_image(const struct part *main, size_t max) {
    sqlite3 *db = NULL;
    sqlite3_int64 limit = (sqlite3_int64)max;
    uint8_t *copy = sqlite3_malloc64(main->size);
    REQUIRE(copy && sqlite3_open(":memory:", &db) == SQLITE_OK);
    memcpy(copy, main->bytes, main->size);
    copy[18] = copy[19] = 1;
    sqlite3_deserialize(db, "main", copy, (sqlite3_int64)main->size, (sqlite3_int64)main->size,
                        SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_RESIZEABLE);
    sqlite3_file_control(db, "main", SQLITE_FCNTL_SIZE_LIMIT, &limit);
    sqlite3_limit(db, SQLITE_LIMIT_LENGTH, (int)max);
    return db;
}

/* The file after a few statements; free with sqlite3_free.  NULL: it is too damaged for that. */
static struct image change_by_sql(struct random *random, const struct part *main, size_t max) {
    int steps = 0;
    sqlite3_int64 size = 0;
    sqlite3 *db = open_image(main, max);
    sqlite3_progress_handler(db, 1000, enough, &steps);
    for (size_t n = 1 + random_below(random, 3); n; n--) run_statement(random, db, PICK(random, statements));
    sqlite3_progress_handler(db, 0, NULL, NULL);
    uint8_t *bytes = sqlite3_serialize(db, "main", &size, 0);
    sqlite3_close(db);
    if (bytes && size < 100) {
        sqlite3_free(bytes);
        bytes = NULL;
    }
    return (struct image){bytes, bytes ? (size_t)size : 0};
}

/* --- logs and journals -------------------------------------------------------------------------------- */

static void add_checksum(uint32_t sum[2], const uint8_t *bytes, size_t size, bool big_endian) {
    for (size_t i = 0; i + 8 <= size; i += 8) {
        sum[0] += (big_endian ? load(bytes + i) : load_le(bytes + i)) + sum[1];
        sum[1] += (big_endian ? load(bytes + i + 4) : load_le(bytes + i + 4)) + sum[0];
    }
}

static void sign(uint8_t *at, const uint32_t sum[2]) {
    store(at, sum[0]);
    store(at + 4, sum[1]);
}

/* Make the checksums of a log right, as far as it goes. */
static void sign_wal(uint8_t *wal, size_t size) {
    uint32_t sum[2] = {0, 0};
    if (size < 32) return;
    uint32_t page = load(wal + 8);
    bool big_endian = load(wal) & 1;
    add_checksum(sum, wal, 24, big_endian);
    sign(wal + 24, sum);
    if (page < 512 || page > MAX_PAGE) return;
    for (uint8_t *frame = wal + 32; (size_t)(wal + size - frame) >= 24 + page; frame += 24 + page) {
        memcpy(frame + 8, wal + 16, 8);
        add_checksum(sum, frame, 8, big_endian);
        add_checksum(sum, frame + 24, page, big_endian);
        sign(frame + 16, sum);
    }
}

static void sign_journal(uint8_t *journal, size_t size) {
    if (size < 28) return;
    uint32_t sector = load(journal + 20), page = load(journal + 24);
    if (page < 512 || page > MAX_PAGE || sector < 32 || sector > size) return;
    for (uint8_t *at = journal + sector; (size_t)(journal + size - at) >= page + 8; at += page + 8) {
        uint32_t sum = load(journal + 12);
        for (int64_t i = (int64_t)page - 200; i > 0; i -= 200) sum += at[4 + i];
        store(at + 4 + page, sum);
    }
}

static bool page_differs(const struct part *a, const struct image *b, size_t i, uint32_t page) {
    size_t end = (i + 1) * page;
    return end > a->size || (end <= b->size && memcmp(a->bytes + i * page, b->bytes + i * page, page) != 0);
}

/* A log whose pages make `now` of `before`. */
static size_t make_wal(struct random *random, const struct part *before, const struct image *now,
                       uint32_t page, uint8_t *out, size_t max) {
    uint8_t *at = out + 32, *last = NULL;
    if (max < 32) return 0;
    store(out, 0x377f0682u | (uint32_t)random_below(random, 2));
    store(out + 4, 3007000);
    store(out + 8, page);
    for (size_t i = 12; i < 24; i++) out[i] = (uint8_t)random_below(random, 256);
    for (size_t i = 0; i < now->size / page && (size_t)(at - out) + 24 + page <= max; i++) {
        if (!page_differs(before, now, i, page)) continue;
        memset(at, 0, 24);
        store(at, (uint32_t)i + 1);
        if (random_below(random, 8) == 0) store(at + 4, (uint32_t)(now->size / page));
        memcpy(at + 24, now->bytes + i * page, page);
        if (i == 0) at[24 + 18] = at[24 + 19] = 2;
        last = at;
        at += 24 + page;
    }
    if (last && random_below(random, 8)) store(last + 4, (uint32_t)(now->size / page));
    sign_wal(out, (size_t)(at - out));
    return (size_t)(at - out);
}

/* A journal that makes `before` of `now`. */
static size_t make_journal(struct random *random, const struct part *before, const struct image *now,
                           uint32_t page, uint8_t *out, size_t max) {
    static const uint8_t magic[8] = {0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7};
    uint32_t count = 0;
    uint8_t *at = out + 512;
    if (max < 512) return 0;
    memset(out, 0, 512);
    memcpy(out, magic, sizeof magic);
    store(out + 12, (uint32_t)random_below(random, 1000));
    store(out + 16, (uint32_t)(before->size / page));
    store(out + 20, 512);
    store(out + 24, page);
    for (size_t i = 0; i < before->size / page && (size_t)(at - out) + page + 8 <= max; i++) {
        if ((i + 1) * page <= now->size && !page_differs(before, now, i, page)) continue;
        store(at, (uint32_t)i + 1);
        memcpy(at + 4, before->bytes + i * page, page);
        at += page + 8;
        count++;
    }
    store(out + 8, random_below(random, 4) ? count : UINT32_MAX);
    sign_journal(out, (size_t)(at - out));
    return (size_t)(at - out);
}

/* --- bytes that mean something ------------------------------------------------------------------------ */

static void change_page(struct random *random, uint8_t *main, size_t size, uint32_t page) {
    static const uint8_t kinds[] = {0, 2, 5, 10, 13};
    size_t pages = size / page, number = random_below(random, pages);
    uint8_t *start = main + number * page, *tree = start + (number ? 0 : 100);
    size_t cells = (size_t)tree[3] << 8 | tree[4], head = tree[0] <= 5 ? 12 : 8;
    size_t cell_limit = (size_t)(start + page - tree - (ptrdiff_t)head) / 2;
    if (cells > cell_limit) cells = cell_limit;
    switch (random_below(random, 7)) {
    case 0: /* the file's header */
        change_bytes(random, main + 16, 84, 3);
        break;
    case 1: /* the b-tree's */
        change_bytes(random, tree, head, 2);
        break;
    case 2:
        tree[0] = PICK(random, kinds);
        break;
    case 3: /* where cells are */
        if (cells) change_bytes(random, tree + head, 2 * cells, 2);
        break;
    case 4: { /* a cell: sizes, types and values */
        size_t at = cells ? random_below(random, cells) : 0;
        size_t offset = cells ? (size_t)tree[head + 2 * at] << 8 | tree[head + 2 * at + 1] : 0;
        if (offset && offset < page)
            change_bytes(random, start + offset, page - offset < 40 ? page - offset : 40, 4);
        break;
    }
    case 5: /* one page for another */
        memmove(main + random_below(random, pages) * page, start, page);
        break;
    default:
        change_bytes(random, start, page, 8);
    }
}

/* --- all of it ----------------------------------------------------------------------------------------- */

/* The parts as they will be, in memory of their own. */
struct parts {
    struct image part[N_PARTS];
};

static void set_part(struct parts *parts, size_t i, const uint8_t *bytes, size_t size) {
    uint8_t *copy = must_copy(bytes, size);
    free(parts->part[i].bytes);
    parts->part[i] = (struct image){copy, size};
}

static void through_sql(struct random *random, struct parts *parts, size_t max) {
    const struct part before = {parts->part[MAIN].bytes, parts->part[MAIN].size};
    uint32_t page = page_size(before.bytes, before.size);
    struct image now = change_by_sql(random, &before, max);
    if (!now.bytes) return;
    uint8_t *beside = must_alloc(max);
    size_t way = page == page_size(now.bytes, now.size) ? random_below(random, 4) : 0;
    if (way == 1) {
        size_t size = make_wal(random, &before, &now, page, beside, max);
        parts->part[MAIN].bytes[18] = parts->part[MAIN].bytes[19] = 2;
        set_part(parts, WAL, beside, size);
    } else if (way == 2) {
        size_t size = make_journal(random, &before, &now, page, beside, max);
        set_part(parts, JOURNAL, beside, size);
        set_part(parts, MAIN, now.bytes, now.size);
    } else {
        set_part(parts, MAIN, now.bytes, now.size);
    }
    free(beside);
    sqlite3_free(now.bytes);
}

static void mutate_blindly(struct random *random, struct parts *parts, size_t i, size_t max) {
    size_t size = parts->part[i].size < max ? parts->part[i].size : max;
    uint8_t *bytes = must_alloc(max);
    if (size) memcpy(bytes, parts->part[i].bytes, size);
    size = LLVMFuzzerMutate(bytes, size, max);
    set_part(parts, i, bytes, size);
    if (i == WAL && random_below(random, 2)) sign_wal(parts->part[i].bytes, size);
    if (i == JOURNAL && random_below(random, 2)) sign_journal(parts->part[i].bytes, size);
    free(bytes);
}

static void change_beside(struct random *random, struct parts *parts) {
    size_t i = random_below(random, 2) ? WAL : JOURNAL;
    struct image *part = &parts->part[i];
    if (!part->size) return;
    change_bytes(random, part->bytes, part->size < 600 ? part->size : 600, 3);
    if (random_below(random, 3)) (i == WAL ? sign_wal : sign_journal)(part->bytes, part->size);
}

static void mutate(struct random *random, struct parts *parts, size_t max) {
    struct image *main = &parts->part[MAIN];
    uint32_t page = page_size(main->bytes, main->size);
    size_t way = random_below(random, 20);
    if (!page || way == 0)
        mutate_blindly(random, parts, page ? random_below(random, N_PARTS) : MAIN, max);
    else if (way < 12)
        through_sql(random, parts, max);
    else if (way < 16)
        change_page(random, main->bytes, main->size, page);
    else if (way < 19)
        change_beside(random, parts);
    else
        set_part(parts, random_below(random, 2) ? WAL : JOURNAL, NULL, 0);
}

static size_t pack(const struct parts *parts, uint8_t *data, size_t max) {
    uint8_t *at = data + PARTS_HEADER;
    for (size_t i = 0; i < N_PARTS; i++) {
        size_t room = (size_t)(data + max - at);
        size_t size = parts->part[i].size < room ? parts->part[i].size : room;
        for (size_t b = 0; b < 4; b++) data[4 * i + b] = (uint8_t)(size >> (8 * b));
        if (size) memcpy(at, parts->part[i].bytes, size);
        at += size;
    }
    return (size_t)(at - data);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned int seed) {
    struct random random = {seed};
    struct part given[N_PARTS];
    struct parts parts = {0};
    if (max < 4096) return LLVMFuzzerMutate(data, size, max);
    unpack_parts(data, size, given);
    for (size_t i = 0; i < N_PARTS; i++) set_part(&parts, i, given[i].bytes, given[i].size);
    mutate(&random, &parts, max - PARTS_HEADER);
    size = pack(&parts, data, max);
    for (size_t i = 0; i < N_PARTS; i++) free(parts.part[i].bytes);
    return size;
}
