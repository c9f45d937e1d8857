/* SPDX-License-Identifier: Apache-2.0 */
/* A snapshot while it is being made: what all readers of formats share. */
#ifndef FORMATS_SNAPSHOT_H
#define FORMATS_SNAPSHOT_H

#include <stdarg.h>
#include <stdbool.h>

#include "arena.h"
#include "call.h"

#define AUTH_KEY_BYTES 256
#define DEFAULT_TIMEOUT_MS 10000 /* of files: they have no store to ask */

struct tgs_snapshot {
    struct arena arena;
    const char *format;
    char description[128];
    tgs_rows *rows[TGS_RECORD_KV + 1]; /* by record; NULL for those that a snapshot has not */
    const char **notes;
    size_t n_notes, notes_capacity;
    /* What was mended or left out so far, told by snapshot_finish. */
    size_t skipped_rows, dropped_values, repaired_texts;
};

/* Out: free with tgs_snapshot_free */
tgs_status snapshot_new(const char *format, tgs_snapshot **out, tgs_error *err);

/* Add a row.  It is checked as a put would, so that a snapshot can always be stored. */
tgs_status snapshot_add(tgs_snapshot *snapshot, int32_t record, const void *row, tgs_error *err);
/* The same, but a row that a put would refuse is counted and left out. */
tgs_status snapshot_add_or_skip(tgs_snapshot *snapshot, int32_t record, const void *row, tgs_error *err);

/* Keep a value that no record has a member for in kv. */
tgs_status snapshot_keep(tgs_snapshot *snapshot, const char *scope, const char *key, const char *value,
                         tgs_error *err);

tgs_status snapshot_note(tgs_snapshot *snapshot, tgs_error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same text, or a copy in the snapshot in which U+FFFD stands for what is not UTF-8. */
tgs_status snapshot_repair(tgs_snapshot *snapshot, tgs_str text, tgs_str *repaired, tgs_error *err);

/* Mend the address and port that a source gave: unusable ones are taken from the table
 * of data centers. */
tgs_status snapshot_mend_address(tgs_snapshot *snapshot, tgs_session_data *session, tgs_error *err);

/* For formats that do not say it: a usable address, before it is mended, tells whether it is one
 * of the test servers. */
void session_deduce_test_mode(tgs_session_data *session);

/* Set the auth key; one of zeros is none.  The bytes are copied. */
tgs_status snapshot_set_auth_key(tgs_snapshot *snapshot, tgs_session_data *session, tgs_bytes auth_key,
                                 tgs_error *err);

/* Add the session's own row and tell what was mended or left out. */
tgs_status snapshot_finish(tgs_snapshot *snapshot, const tgs_session_data *session, tgs_error *err);

#endif
