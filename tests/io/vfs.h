/* SPDX-License-Identifier: Apache-2.0 */
/* A VFS that stands between SQLite and its own: it sees every call on a file, may refuse it, and tells what
 * was done. */
#ifndef TESTS_IO_VFS_H
#define TESTS_IO_VFS_H

#include <sqlite3.h>
#include <stdbool.h>

enum io_call {
    IO_OPEN,
    IO_READ,
    IO_WRITE,
    IO_TRUNCATE,
    IO_SYNC,
    IO_SIZE,
    IO_LOCK,
    IO_SHM_MAP,
    IO_SHM_LOCK,
    IO_DELETE,
    IO_ACCESS,
    IO_CALLS
};
extern const char *const io_names[IO_CALLS];

struct io_event {
    enum io_call call;
    const char *path;           /* "" for a temporary file without a name */
    int flags;                  /* open: SQLITE_OPEN_* */
    const void *data;           /* write */
    sqlite3_int64 offset, size; /* read, write: where and how much; truncate: the new size */
};

#define IO_HALF (-1) /* read or write the first half only, then fail */

struct io_watcher {
    /* Before the call: SQLITE_OK, or what it is to fail with, or IO_HALF.  NULL: all may pass. */
    int (*before)(const struct io_event *event);
    /* After a call that succeeded; NULL: nobody asks. */
    void (*after)(const struct io_event *event);
    bool no_shared_memory; /* as on a file system where files can't be mapped */
};

/* From now on stores are opened through it.  The watcher stays the caller's. */
void vfs_watch(const struct io_watcher *watcher);
/* From now on stores are opened as ever; files that are still open are watched no more. */
void vfs_leave(void);

#endif
