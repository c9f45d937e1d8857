/* SPDX-License-Identifier: Apache-2.0 */
/* A session file as bytes in memory, without disturbing anybody who has it open. */
#ifndef FORMATS_SESSION_FILE_H
#define FORMATS_SESSION_FILE_H

#include "call.h"
#include "sqlite_pages.h"

/* Read the file, with what a -wal or a hot -journal beside it says.  An SQLite database
 * comes out as one that needs neither.  Out: free with buffer_free */
tgs_status session_file_read(const char *path, const struct limits *limits, struct buffer *out,
                             tgs_error *err);

/* The end of a path, short enough for a message. */
const char *path_shown(const char *path);

#endif
