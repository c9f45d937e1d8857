/* SPDX-License-Identifier: Apache-2.0 */
#include "mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

static void need(bool done, const char *what) {
    if (done) return;
    fprintf(
        stderr,
        "%s: %s.  This test mounts small file systems that only it sees: run it as root, or where user name "
        "spaces are allowed (sysctl kernel.unprivileged_userns_clone=1; in a container: --privileged)\n",
        what, strerror(errno));
    exit(1);
}

static void write_text(const char *path, const char *text) {
    int file = open(path, O_WRONLY | O_CLOEXEC);
    need(file >= 0 && write(file, text, strlen(text)) == (ssize_t)strlen(text), path);
    close(file);
}

/* Who is root in there is who we are outside. */
static void become_root(unsigned user, unsigned group) {
    char map[40];
    write_text("/proc/self/setgroups", "deny");
    snprintf(map, sizeof map, "0 %u 1", user);
    write_text("/proc/self/uid_map", map);
    snprintf(map, sizeof map, "0 %u 1", group);
    write_text("/proc/self/gid_map", map);
}

void mounts_begin(void) {
    unsigned user = geteuid(), group = getegid();
    if (unshare(CLONE_NEWNS) != 0) {
        need(unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0, "unshare");
        become_root(user, group);
    }
    need(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0, "making mounts private");
}

void mount_memory(const char *folder, size_t bytes) {
    char options[40];
    snprintf(options, sizeof options, "size=%zu", bytes);
    need(mount("tgstore-test", folder, "tmpfs", 0, options) == 0, "mount");
}

void mount_read_only(const char *folder) {
    need(mount("none", folder, NULL, MS_REMOUNT | MS_RDONLY, NULL) == 0, "mounting for reading only");
}

void unmount(const char *folder) { need(umount(folder) == 0, "umount"); }
