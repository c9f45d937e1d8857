/* SPDX-License-Identifier: Apache-2.0 */
/* Peers in one number, as session files keep them: a user's id as it is, a basic
 * group's negative, a channel's as -1000000000000 - id. */
#ifndef FORMATS_MARKS_H
#define FORMATS_MARKS_H

#include <stdbool.h>
#include <stdint.h>

/* Undo the mark of a peer that is not a user.  Old Telethon and Pyrogram wrote a channel
 * as the text "-100" and the id, which is another number for all but 10-digit ids. */
int64_t unmark_channel(int64_t marked);

/* Kind (TGS_PEER_*) and bare id.  Only channels have an access hash below zero. */
int32_t unmark_peer(int64_t marked, bool has_access_hash, int64_t *id);

/* False: the id can't be marked. */
bool mark_peer(int32_t kind, int64_t id, int64_t *marked);

#endif
