/* SPDX-License-Identifier: Apache-2.0 */
/* A database in memory that came from anywhere: opened so that it can do no harm, and read
 * by column names, with each value's type checked. */
#ifndef FORMATS_SESSION_DB_H
#define FORMATS_SESSION_DB_H

#include <sqlite3.h>

#include "snapshot.h"
#include "sqlite_pages.h"

struct session_db {
    sqlite3 *db;
    const char *path; /* for messages */
    const struct limits *limits;
    struct table_column *columns; /* of all tables */
    size_t n_columns;
    struct arena arena;
    tgs_snapshot *snapshot; /* being made from it; counts what is left out */
    tgs_error *err;
};

/* Open `image`, which must live as long.  Close in any case. */
tgs_status session_db_open(struct session_db *db, const struct buffer *image);
void session_db_close(struct session_db *db);

/* Is there such a table and, unless NULL, such a column? */
bool session_db_has(const struct session_db *db, const char *table, const char *column);

/* Names of some tables, for a message. */
void session_db_table_names(const struct session_db *db, char *text, size_t size);

/* SELECT these columns, in this order, NULL standing for those that the table lacks.
 * `tail` goes behind the table's name. */
tgs_status session_db_select(struct session_db *db, const char *table, const char *const *columns,
                             size_t n_columns, const char *tail, sqlite3_stmt **out);
tgs_status session_db_step(struct session_db *db, sqlite3_stmt *statement, bool *row);

/* The first number of a query, or 0 if there is none. */
tgs_status session_db_number(struct session_db *db, const char *sql, int64_t *value);

/* A value of the type asked for; false if it is NULL or another, which is counted. */
bool session_db_i64(struct session_db *db, sqlite3_stmt *statement, int column, int64_t *value);
/* Borrowed until the next step, and valid UTF-8; ptr NULL if there is none. */
tgs_status session_db_text(struct session_db *db, sqlite3_stmt *statement, int column, tgs_str *value);

/* The auth key, as a blob or as the hexadecimal digits of home-made scripts. */
tgs_status session_db_auth_key(struct session_db *db, sqlite3_stmt *statement, int column,
                               tgs_session_data *session);

/* Find the one row of `sessions` that counts.  Rows without a key do not, if one has it.
 * Out: statement standing on the row, or NULL if there is none */
tgs_status session_db_account(struct session_db *db, const char *const *columns, size_t n_columns,
                              sqlite3_stmt **out);

/* Damage in a table other than `sessions` costs its rows, not the session: CORRUPT becomes a note. */
tgs_status session_db_tolerate(struct session_db *db, tgs_status status, const char *table);

#endif
