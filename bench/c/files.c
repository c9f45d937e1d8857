/* SPDX-License-Identifier: Apache-2.0 */
#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "measure.h"
#include "report.h"

static struct path folder;

static void remove_folder(void) {
    DIR *entries = opendir(folder.text);
    for (struct dirent *entry; entries && (entry = readdir(entries));)
        unlinkat(dirfd(entries), entry->d_name, 0);
    if (entries) closedir(entries);
    rmdir(folder.text);
}

const char *files_make_folder(const char *parent) {
    struct statfs system;
    if (mkdir(parent, 0777) != 0 && errno != EEXIST) die("%s: %s", parent, strerror(errno));
    folder = files_path(parent, "tgstore-bench-XXXXXX");
    if (!mkdtemp(folder.text)) die("%s: %s", folder.text, strerror(errno));
    atexit(remove_folder);
    if (statfs(folder.text, &system) == 0 && system.f_type == TMPFS_MAGIC)
        progress("%s is in memory: nothing there waits for a disk; give another --folder", parent);
    return folder.text;
}

struct path files_path(const char *parent, const char *name) {
    struct path path;
    if (snprintf(path.text, sizeof path.text, "%s/%s", parent, name) >= (int)sizeof path.text)
        die("%s: the name is too long", parent);
    return path;
}

void files_remove(const char *path) {
    static const char *const endings[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        char text[sizeof(struct path) + 8];
        snprintf(text, sizeof text, "%s%s", path, endings[i]);
        unlink(text);
    }
}
