/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the reference: its connection and its statements. */
#ifndef BENCH_REFERENCE_DB_H
#define BENCH_REFERENCE_DB_H

#include <sqlite3.h>

#include "reference.h"

enum query {
    BEGIN,
    COMMIT,
    FIND_SESSION,
    CHECK_SESSION,
    GET_PEER,
    GET_PEER_BY_USERNAME,
    GET_PEER_BY_PHONE,
    LIST_PEERS,
    LIST_PEERS_OF_LATER_KINDS,
    BEGIN_READ,
    FIND_PEER,
    ADD_PEER,
    SET_PEER,
    ADD_USERNAME,
    FIND_USERNAME,
    SET_USERNAME,
    DROP_USERNAME,
    FIND_USERNAMES_OF_PEER,
    SET_USERNAMES_OF_PEER,
    ADD_PHONE,
    FIND_PHONE,
    SET_PHONE,
    DROP_PHONE,
    CLEAR_PHONE_OF_PEER,
    PUT_STATE,
    ADD_KEY,
    ADD_ITEM,
    QUERIES
};

/* Memory that is used again and again. */
struct buffer {
    char *memory;
    size_t size;
};
char *buffer_reserve(struct buffer *buffer, size_t size);

struct reference {
    sqlite3 *db;
    sqlite3_stmt *statements[QUERIES];
    int64_t session;
    bool expect_new;      /* the last peer was new, so the next one probably is */
    struct buffer list;   /* the usernames of a given peer, one a line */
    struct buffer stored; /* the texts of a stored peer */
};

/* A statement, made when it is first needed. */
sqlite3_stmt *reference_statement(struct reference *reference, enum query query);
void reference_bind_text(sqlite3_stmt *statement, int parameter, tgs_str text);
void reference_bind_key(struct reference *reference, sqlite3_stmt *statement, int32_t kind, int64_t id);
/* Step; true: there is a row.  Without one the statement is reset. */
bool reference_step(struct reference *reference, sqlite3_stmt *statement);
/* Run a bound statement to its end. */
void reference_run(struct reference *reference, sqlite3_stmt *statement);
/* The text of a column, until the statement is reset. */
tgs_str reference_text(sqlite3_stmt *statement, int column);

/* The row of a statement of peers, whose texts live until that is reset; the usernames are one text. */
void reference_take_row(sqlite3_stmt *row, tgs_peer *peer, tgs_str *usernames);
#define PEER_COLUMN_COUNT 12

/* Copy a text that is stored; returns what follows it. */
char *copy_text(char *to, tgs_str *text);

/* A name as it compares. */
#define LONGEST_NAME TGS_MAX_KEY_BYTES
tgs_str fold_name(tgs_str name, char *folded);

#endif
