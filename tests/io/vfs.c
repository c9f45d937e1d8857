/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs.h"

#include <string.h>

const char *const io_names[IO_CALLS] = {"open", "read",    "write",    "truncate", "sync",  "size",
                                        "lock", "shm map", "shm lock", "delete",   "access"};

/* SQLite's own file stands behind it in the same memory. */
struct file {
    sqlite3_file base;
    const char *path; /* SQLite keeps it as long as the file is open */
};

static const struct io_watcher *watcher;
static sqlite3_vfs *own; /* SQLite's */
static sqlite3_vfs vfs;

static struct file *as_file(sqlite3_file *file) { return (struct file *)(void *)file; }

static sqlite3_file *behind(sqlite3_file *file) { return (sqlite3_file *)(void *)(as_file(file) + 1); }

static int ask(const struct io_event *event) {
    return watcher && watcher->before ? watcher->before(event) : SQLITE_OK;
}

static int tell(const struct io_event *event, int code) {
    if (code == SQLITE_OK && watcher && watcher->after) watcher->after(event);
    return code;
}

/* --- files ------------------------------------------------------------------------------------- */

static int file_close(sqlite3_file *file) { return behind(file)->pMethods->xClose(behind(file)); }

static int file_read(sqlite3_file *file, void *to, int size, sqlite3_int64 offset) {
    struct io_event event = {.call = IO_READ, .path = as_file(file)->path, .offset = offset, .size = size};
    int code = ask(&event);
    if (code != SQLITE_OK && code != IO_HALF) return code;
    bool half = code == IO_HALF;
    code = behind(file)->pMethods->xRead(behind(file), to, size, offset);
    if (half) {
        memset((char *)to + size / 2, 0, (size_t)(size - size / 2)); /* as SQLite asks of its VFS */
        return SQLITE_IOERR_SHORT_READ;
    }
    return tell(&event, code);
}

static int file_write(sqlite3_file *file, const void *from, int size, sqlite3_int64 offset) {
    struct io_event event = {
        .call = IO_WRITE, .path = as_file(file)->path, .data = from, .offset = offset, .size = size};
    int code = ask(&event);
    if (code == IO_HALF) {
        event.size = size / 2;
        tell(&event, behind(file)->pMethods->xWrite(behind(file), from, size / 2, offset));
        return SQLITE_FULL;
    }
    if (code != SQLITE_OK) return code;
    return tell(&event, behind(file)->pMethods->xWrite(behind(file), from, size, offset));
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size) {
    struct io_event event = {.call = IO_TRUNCATE, .path = as_file(file)->path, .size = size};
    int code = ask(&event);
    return code != SQLITE_OK ? code : tell(&event, behind(file)->pMethods->xTruncate(behind(file), size));
}

static int file_sync(sqlite3_file *file, int flags) {
    struct io_event event = {.call = IO_SYNC, .path = as_file(file)->path};
    int code = ask(&event);
    return code != SQLITE_OK ? code : tell(&event, behind(file)->pMethods->xSync(behind(file), flags));
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size) {
    struct io_event event = {.call = IO_SIZE, .path = as_file(file)->path};
    int code = ask(&event);
    return code != SQLITE_OK ? code : tell(&event, behind(file)->pMethods->xFileSize(behind(file), size));
}

static int file_lock(sqlite3_file *file, int level) {
    struct io_event event = {.call = IO_LOCK, .path = as_file(file)->path};
    int code = ask(&event);
    return code != SQLITE_OK ? code : tell(&event, behind(file)->pMethods->xLock(behind(file), level));
}

static int file_unlock(sqlite3_file *file, int level) {
    return behind(file)->pMethods->xUnlock(behind(file), level);
}

static int file_check_lock(sqlite3_file *file, int *held) {
    return behind(file)->pMethods->xCheckReservedLock(behind(file), held);
}

static int file_control(sqlite3_file *file, int what, void *argument) {
    return behind(file)->pMethods->xFileControl(behind(file), what, argument);
}

static int file_sector_size(sqlite3_file *file) { return behind(file)->pMethods->xSectorSize(behind(file)); }

static int file_characteristics(sqlite3_file *file) {
    return behind(file)->pMethods->xDeviceCharacteristics(behind(file));
}

static int file_shm_map(sqlite3_file *file, int region, int size, int extend, void volatile **to) {
    struct io_event event = {.call = IO_SHM_MAP, .path = as_file(file)->path, .size = size};
    int code = ask(&event);
    if (code != SQLITE_OK) return code;
    return tell(&event, behind(file)->pMethods->xShmMap(behind(file), region, size, extend, to));
}

/* Letting go does not fail. */
static int file_shm_lock(sqlite3_file *file, int offset, int n, int flags) {
    struct io_event event = {.call = IO_SHM_LOCK, .path = as_file(file)->path, .flags = flags};
    int code = flags & SQLITE_SHM_LOCK ? ask(&event) : SQLITE_OK;
    if (code != SQLITE_OK) return code;
    return tell(&event, behind(file)->pMethods->xShmLock(behind(file), offset, n, flags));
}

static void file_shm_barrier(sqlite3_file *file) { behind(file)->pMethods->xShmBarrier(behind(file)); }

static int file_shm_unmap(sqlite3_file *file, int delete) {
    return behind(file)->pMethods->xShmUnmap(behind(file), delete);
}

/* Version 2: without mapping the database itself, whose reads nobody would see. */
static const sqlite3_io_methods with_shared_memory = {2,
                                                      file_close,
                                                      file_read,
                                                      file_write,
                                                      file_truncate,
                                                      file_sync,
                                                      file_size,
                                                      file_lock,
                                                      file_unlock,
                                                      file_check_lock,
                                                      file_control,
                                                      file_sector_size,
                                                      file_characteristics,
                                                      file_shm_map,
                                                      file_shm_lock,
                                                      file_shm_barrier,
                                                      file_shm_unmap,
                                                      NULL,
                                                      NULL};
static const sqlite3_io_methods without_shared_memory = {1,
                                                         file_close,
                                                         file_read,
                                                         file_write,
                                                         file_truncate,
                                                         file_sync,
                                                         file_size,
                                                         file_lock,
                                                         file_unlock,
                                                         file_check_lock,
                                                         file_control,
                                                         file_sector_size,
                                                         file_characteristics,
                                                         NULL,
                                                         NULL,
                                                         NULL,
                                                         NULL,
                                                         NULL,
                                                         NULL};

/* --- the file system ----------------------------------------------------------------------------- */

static int vfs_open(sqlite3_vfs *self, const char *path, sqlite3_file *file, int flags, int *out_flags) {
    (void)self;
    struct io_event event = {.call = IO_OPEN, .path = path ? path : "", .flags = flags};
    file->pMethods = NULL;
    int code = ask(&event);
    if (code != SQLITE_OK) return code;
    as_file(file)->path = event.path;
    code = own->xOpen(own, path, behind(file), flags, out_flags);
    if (code == SQLITE_OK)
        file->pMethods = watcher && watcher->no_shared_memory ? &without_shared_memory : &with_shared_memory;
    return tell(&event, code);
}

static int vfs_delete(sqlite3_vfs *self, const char *path, int sync_folder) {
    (void)self;
    struct io_event event = {.call = IO_DELETE, .path = path};
    int code = ask(&event);
    return code != SQLITE_OK ? code : tell(&event, own->xDelete(own, path, sync_folder));
}

static int vfs_access(sqlite3_vfs *self, const char *path, int flags, int *result) {
    (void)self;
    struct io_event event = {.call = IO_ACCESS, .path = path, .flags = flags};
    int code = ask(&event);
    return code != SQLITE_OK ? code : tell(&event, own->xAccess(own, path, flags, result));
}

void vfs_watch(const struct io_watcher *the_watcher) {
    if (!own) {
        own = sqlite3_vfs_find(NULL);
        vfs = *own; /* its other functions do not look at the VFS they are called with */
        vfs.zName = "watched";
        vfs.szOsFile = (int)sizeof(struct file) + own->szOsFile;
        vfs.xOpen = vfs_open;
        vfs.xDelete = vfs_delete;
        vfs.xAccess = vfs_access;
    }
    watcher = the_watcher;
    sqlite3_vfs_register(&vfs, 1);
}

void vfs_leave(void) {
    watcher = NULL;
    if (own) sqlite3_vfs_register(own, 1);
}
