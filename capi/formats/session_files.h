/* SPDX-License-Identifier: Apache-2.0 */
/* Readers of session files.  Each adds what it finds to db->snapshot. */
#ifndef FORMATS_SESSION_FILES_H
#define FORMATS_SESSION_FILES_H

#include "session_db.h"

#define TELETHON_SCOPE "tgstore.telethon" /* of what Telethon has and no record holds, in kv */
#define PYROGRAM_SCOPE "tgstore.pyrogram"

/* A Telethon file: has entities, or sessions without user_id. */
bool telethon_file_is(const struct session_db *db);
tgs_status telethon_file_read(struct session_db *db);

/* A file of Pyrogram or one of its forks, told apart by tables and columns, never by the
 * version number, which means different things to different forks. */
bool pyrogram_file_is(const struct session_db *db);
tgs_status pyrogram_file_read(struct session_db *db);

/* Pyrogram's JSON, before 0.15.  `text` is in memory. */
bool pyrogram_json_is(tgs_bytes text);
tgs_status pyrogram_json_read(tgs_bytes text, const struct limits *limits, tgs_snapshot **out,
                              tgs_error *err);

/* One row of update_state, whose id is 0, a bare channel id (Telethon) or a marked one. */
tgs_status update_states_read(struct session_db *db, const char *scope);

/* The peer's only username and phone number, if they are such. */
struct peer_texts {
    tgs_str usernames[1];
    char phone[TGS_MAX_KEY_BYTES];
};
void peer_set_username(struct session_db *db, tgs_peer *peer, struct peer_texts *texts, tgs_str username);
void peer_set_phone(struct session_db *db, tgs_peer *peer, struct peer_texts *texts, tgs_str phone);
/* When it was seen, from Unix seconds. */
void peer_set_seen(struct session_db *db, tgs_peer *peer, int64_t seconds);

#endif
