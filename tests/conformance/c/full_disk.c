/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded, makes every write to a regular file fail with ENOSPC while the file named by
 * TGSTORE_TEST_FULL_DISK exists. */
#undef _FILE_OFFSET_BITS /* with it, pwrite is another name for pwrite64 */
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static bool full(int fd) {
    const char *switch_file = getenv("TGSTORE_TEST_FULL_DISK");
    struct stat about;
    if (!switch_file || fstat(fd, &about) != 0 || !S_ISREG(about.st_mode)) return false;
    return access(switch_file, F_OK) == 0;
}

/* ISO C has no cast from dlsym's result to a function; POSIX promises that this copy works. */
#define FORWARD(type, name, ...)                                                                             \
    if (full(fd)) {                                                                                          \
        errno = ENOSPC;                                                                                      \
        return -1;                                                                                           \
    }                                                                                                        \
    type real;                                                                                               \
    *(void **)&real = dlsym(RTLD_NEXT, name);                                                                \
    return real(fd, data, n, ##__VA_ARGS__)

typedef ssize_t (*write_function)(int, const void *, size_t);
typedef ssize_t (*pwrite_function)(int, const void *, size_t, off64_t);

#define EXPORT __attribute__((visibility("default")))

EXPORT ssize_t write(int fd, const void *data, size_t n) { FORWARD(write_function, "write"); }
EXPORT ssize_t pwrite(int fd, const void *data, size_t n, off_t at) {
    FORWARD(pwrite_function, "pwrite", at);
}
EXPORT ssize_t pwrite64(int fd, const void *data, size_t n, off64_t at) {
    FORWARD(pwrite_function, "pwrite64", at);
}
