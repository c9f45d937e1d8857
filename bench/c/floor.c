/* SPDX-License-Identifier: Apache-2.0 */
#include "floor.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <time.h>

#include "measure.h"

struct floor_db {
    sqlite3 *db;
    sqlite3_stmt *begin, *put, *commit;
};

static void check(struct floor_db *floor, int code) {
    if (code != SQLITE_OK && code != SQLITE_DONE) die("floor: %s", sqlite3_errmsg(floor->db));
}

static void prepare(struct floor_db *floor, const char *sql, sqlite3_stmt **statement) {
    check(floor, sqlite3_prepare_v3(floor->db, sql, -1, SQLITE_PREPARE_PERSISTENT, statement, NULL));
}

static void run(struct floor_db *floor, sqlite3_stmt *statement) {
    check(floor, sqlite3_step(statement));
    sqlite3_reset(statement);
}

struct floor_db *floor_open(const char *path) {
    struct floor_db *floor = calloc(1, sizeof *floor);
    if (!floor) die("out of memory");
    check(floor, sqlite3_open_v2(path, &floor->db,
                                 SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL));
    check(floor, sqlite3_exec(floor->db,
                              "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-65536;"
                              "PRAGMA wal_autocheckpoint=4096;"
                              "CREATE TABLE peer (kind INTEGER NOT NULL, id INTEGER NOT NULL, access_hash "
                              "INTEGER, seen_at INTEGER, subtype INTEGER, username TEXT, phone TEXT, "
                              "first_name TEXT, last_name TEXT, PRIMARY KEY (kind, id)) WITHOUT ROWID",
                              NULL, NULL, NULL));
    prepare(floor, "BEGIN IMMEDIATE", &floor->begin);
    prepare(floor, "REPLACE INTO peer VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", &floor->put);
    prepare(floor, "COMMIT", &floor->commit);
    return floor;
}

void floor_close(struct floor_db *floor) {
    sqlite3_finalize(floor->begin);
    sqlite3_finalize(floor->put);
    sqlite3_finalize(floor->commit);
    check(floor, sqlite3_close(floor->db));
    free(floor);
}

static void bind_text(struct floor_db *floor, int parameter, tgs_str text) {
    sqlite3_bind_text(floor->put, parameter, text.ptr, (int)text.len, SQLITE_STATIC);
}

static void put(struct floor_db *floor, const tgs_peer *peer, int64_t now) {
    sqlite3_bind_int(floor->put, 1, peer->kind);
    sqlite3_bind_int64(floor->put, 2, peer->id);
    sqlite3_bind_int64(floor->put, 3, peer->access_hash);
    sqlite3_bind_int64(floor->put, 4, now);
    sqlite3_bind_int(floor->put, 5, peer->subtype);
    bind_text(floor, 6, peer->n_usernames ? peer->usernames[0] : (tgs_str){NULL, 0});
    bind_text(floor, 7, peer->phone);
    bind_text(floor, 8, peer->first_name);
    bind_text(floor, 9, peer->last_name);
    run(floor, floor->put);
}

void floor_put(struct floor_db *floor, const tgs_peer *peers, size_t count) {
    run(floor, floor->begin);
    int64_t now = (int64_t)time(NULL) * 1000;
    for (size_t i = 0; i < count; i++) put(floor, &peers[i], now);
    run(floor, floor->commit);
}
