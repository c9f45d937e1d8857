/* SPDX-License-Identifier: Apache-2.0 */
/* Small file systems that only this process sees, and that go with it. */
#ifndef TESTS_IO_MOUNTS_H
#define TESTS_IO_MOUNTS_H

#include <stddef.h>

/* At the start of main: as root, or by a user name space.  Where neither is allowed: says so, and exits. */
void mounts_begin(void);
/* A file system in memory of that many bytes. */
void mount_memory(const char *folder, size_t bytes);
void mount_read_only(const char *folder);
void unmount(const char *folder);

#endif
