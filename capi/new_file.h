/* SPDX-License-Identifier: Apache-2.0 */
/* A file that is there as a whole or not at all: it is made under a random name beside its own, for its owner
 * alone, and gets its name when it is finished. */
#ifndef CAPI_NEW_FILE_H
#define CAPI_NEW_FILE_H

#include <limits.h>

struct new_file {
    const char *path; /* borrowed */
    char temporary[PATH_MAX];
};

/* Make it, empty.  `descriptor` is open for writing, and the caller's to close.  All return 0 or an errno:
 * EEXIST if there is a file of that name already. */
int new_file_begin(struct new_file *file, const char *path, int *descriptor);
/* Give it its name, unless that is taken, and make the name safe from a power cut; what is in it must be so
 * already. If that fails the file is gone. */
int new_file_publish(const struct new_file *file);
/* A umask takes rights away; it must not take the owner's.  (Not all file systems let a mode be set.) */
int new_file_own(int descriptor);
/* Remove what was begun. */
void new_file_drop(const struct new_file *file);

#endif
