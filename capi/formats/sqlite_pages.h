/* SPDX-License-Identifier: Apache-2.0 */
/* An SQLite database as bytes in memory: what SQLite's recovery does to a file, done to a
 * copy (sqlite.org/fileformat2.html, sections 3 and 4). */
#ifndef FORMATS_SQLITE_PAGES_H
#define FORMATS_SQLITE_PAGES_H

#include <stdbool.h>

#include "tgstore.h"

#define SQLITE_HEADER_SIZE 100
#define WAL_HEADER_SIZE 32
#define MAX_FILE_BYTES ((size_t)1 << 30)

/* Memory that may hold secrets: overwritten before it is freed. */
struct buffer {
    uint8_t *bytes;
    size_t size;
};

/* Grow with zeros, or shrink.  False: out of memory. */
bool buffer_resize(struct buffer *buffer, size_t size);
void buffer_free(struct buffer *buffer);

bool is_sqlite(const struct buffer *image);
/* SQLite itself reads a page that is cut off as if zeros followed. */
bool sqlite_has_whole_pages(const struct buffer *image);
/* Does the header say that the database has a -wal? */
bool sqlite_uses_wal(const struct buffer *image);

/* Put the committed pages of a -wal in their places. */
tgs_status sqlite_overlay_wal(struct buffer *image, const struct buffer *wal, tgs_error *err);

/* Put the original pages of a hot rollback journal back. */
tgs_status sqlite_roll_back(struct buffer *image, const struct buffer *journal, tgs_error *err);

/* Name of the super-journal that a journal belongs to, `size` bytes with terminator.
 * False: it belongs to none. */
bool journal_super_name(const struct buffer *journal, char *name, size_t size);

#endif
