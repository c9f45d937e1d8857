/* SPDX-License-Identifier: Apache-2.0 */
#include "new_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int new_file_own(int descriptor) {
    struct stat info;
    if (fstat(descriptor, &info) != 0) return errno;
    return (info.st_mode & 0600) == 0600 || fchmod(descriptor, 0600) == 0 ? 0 : errno;
}

int new_file_begin(struct new_file *file, const char *path, int *descriptor) {
    struct stat info;
    file->path = path;
    int len = snprintf(file->temporary, sizeof file->temporary, "%s.XXXXXX", path);
    if (len < 0 || (size_t)len >= sizeof file->temporary) return ENAMETOOLONG;
    if (lstat(path, &info) == 0) return EEXIST;
    *descriptor = mkostemp(file->temporary, O_CLOEXEC);
    if (*descriptor < 0) return errno;
    int error = new_file_own(*descriptor);
    if (!error) return 0;
    close(*descriptor);
    new_file_drop(file);
    return error;
}

void new_file_drop(const struct new_file *file) { unlink(file->temporary); }

static int give_name(const struct new_file *file) {
    if (renameat2(AT_FDCWD, file->temporary, AT_FDCWD, file->path, RENAME_NOREPLACE) == 0) return 0;
    if (errno != EINVAL && errno != ENOSYS) return errno; /* else the file system can't */
    if (link(file->temporary, file->path) != 0) return errno;
    new_file_drop(file);
    return 0;
}

static int sync_folder(const char *path) {
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash + 1 - path) : 1, slash ? path : ".");
    int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool readable = descriptor >= 0 || errno != EACCES; /* one may write to a folder that one may not read */
    if (!readable) descriptor = open(path, O_RDONLY | O_CLOEXEC);
    int error = descriptor < 0 || (readable ? fsync(descriptor) : syncfs(descriptor)) != 0 ? errno : 0;
    if (descriptor >= 0) close(descriptor);
    /* Some file systems have no such thing. */
    return error == EINVAL || error == ENOTSUP || error == ENOSYS || error == EBADF ? 0 : error;
}

int new_file_publish(const struct new_file *file) {
    int error = give_name(file);
    if (error) {
        new_file_drop(file);
        return error;
    }
    error = sync_folder(file->path);
    if (error) unlink(file->path);
    return error;
}
