/* SPDX-License-Identifier: Apache-2.0 */
/* A session file while it is being made, as a database in memory. */
#ifndef FORMATS_SESSION_WRITER_H
#define FORMATS_SESSION_WRITER_H

#include <sqlite3.h>

#include "call.h"
#include "session_options.h"

struct session_writer {
    sqlite3 *db;
    const tgs_snapshot *snapshot;
    tgs_session_data session; /* with the caller's options */
    const struct limits *limits;
    tgs_error *err;
    char username[TGS_MAX_KEY_BYTES]; /* of bind_username */
};

/* Fill the database: the tables, then the snapshot's rows. */
tgs_status telethon_file_write(struct session_writer *writer);
tgs_status pyrogram_file_write(struct session_writer *writer); /* schema 3, which all forks open */
tgs_status kurigram_file_write(struct session_writer *writer); /* schema 7 */

tgs_status writer_run(struct session_writer *writer, const char *sql);
tgs_status writer_prepare(struct session_writer *writer, const char *sql, sqlite3_stmt **out);
/* Carry out a statement whose parameters are bound, and make it ready for the next row. */
tgs_status writer_step(struct session_writer *writer, sqlite3_stmt *statement);

/* Bind a number, or NULL if the row has no such bit. */
void bind_number(sqlite3_stmt *statement, int parameter, bool given, int64_t value);
/* The text must live until the step: SQLite would make a copy, or for want of memory store NULL. */
void bind_text(sqlite3_stmt *statement, int parameter, tgs_str text);
/* A username as clients look it up: in lower case.  One a step. */
void bind_username(struct session_writer *writer, sqlite3_stmt *statement, int parameter, tgs_str username);

/* For each row of a record, in order.  `row` is the record's struct. */
typedef tgs_status (*row_writer)(struct session_writer *writer, sqlite3_stmt *statement, const void *row);
tgs_status write_rows(struct session_writer *writer, int32_t record, const char *sql, row_writer write);

/* The marked id of a peer that a client can use: its access hash is known, or it needs none. */
bool writable_peer(const tgs_peer *peer, int64_t *marked);

/* A value that a reader kept in kv under `scope`: the part of the key behind `prefix`, terminated,
 * and the value, terminated.  False if the row is another. */
struct kept_value {
    char key[TGS_MAX_KEY_BYTES + 1];
    char value[128];
};
bool kept_under(const tgs_kv *kv, const char *scope, const char *prefix, struct kept_value *kept);

#endif
