/* SPDX-License-Identifier: Apache-2.0 */
/* A child made by fork opens a file that its parent has open.
 *
 * SQLite keeps a record of each file that a process has open, with the locks that it has there.  A child
 * inherits the records, but not the locks: a connection of its own would find that it has them already.  Then
 * the parent, when it closes, would find nobody in its way, and remove the -wal that the child writes to.
 *
 * SQLite knows a file by its device and inode.  So in a child fstat tells it of another device, and what the
 * child opens has new records.  The inherited ones are never used again (sqlite_close). */
#include <sys/stat.h>

#include "sqlite.h"

typedef int (*fstat_function)(int descriptor, struct stat *info);

static sqlite3_vfs *vfs; /* all of SQLite's own for Unix have their system calls in common */
static fstat_function real_fstat;
static uint64_t forks;

static int fstat_of_child(int descriptor, struct stat *info) {
    int result = real_fstat(descriptor, info);
    info->st_dev ^= (dev_t)(forks << (sizeof info->st_dev > 4 ? 32 : 24)); /* real ones are small numbers */
    return result;
}

static void enter_child(void) {
    forks++;
    vfs->xSetSystemCall(vfs, "fstat", (sqlite3_syscall_ptr)fstat_of_child);
}

static void watch_forks(void) {
    vfs = sqlite3_vfs_find("unix");
    if (!vfs || vfs->iVersion < 3) return;
    real_fstat = (fstat_function)vfs->xGetSystemCall(vfs, "fstat");
    if (real_fstat) pthread_atfork(NULL, NULL, enter_child);
}

void fork_prepare(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch_forks);
}
