/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Written with write(2), so that no buffer of stdio keeps a copy of the secret. */
static bool write_all(int fd, const char *text, size_t len) {
    while (len > 0) {
        ssize_t n = write(fd, text, len);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return false;
        text += n;
        len -= (size_t)n;
    }
    return true;
}

static bool write_line(int fd, tgs_str text) {
    return write_all(fd, text.ptr, text.len) && write_all(fd, "\n", 1);
}

static int not_written(const char *path, int error) {
    if (error == EEXIST) {
        complain("%s is there already", path);
        hint("--force replaces it");
    } else {
        complain("can't write %s: %s", path, strerror(error));
    }
    return FAILED;
}

/* Write, sync and close; the file is removed again if that fails. */
static int fill_file(int fd, const char *path, tgs_str text) {
    int error = write_line(fd, text) && fsync(fd) == 0 ? 0 : errno;
    if (close(fd) != 0 && error == 0) error = errno;
    if (error == 0) return DONE;
    unlink(path);
    return not_written(path, error);
}

static int write_new(const char *path, tgs_str text) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return fd < 0 ? not_written(path, errno) : fill_file(fd, path, text);
}

/* The old file stays whole until the new one is. */
static int write_over(const char *path, tgs_str text) {
    char beside[PATH_MAX];
    if (snprintf(beside, sizeof beside, "%s.XXXXXX", path) >= (int)sizeof beside)
        return not_written(path, ENAMETOOLONG);
    int fd = mkostemp(beside, O_CLOEXEC); /* 0600 */
    if (fd < 0) return not_written(path, errno);
    int status = fill_file(fd, beside, text);
    if (status != DONE || rename(beside, path) == 0) return status;
    int error = errno;
    unlink(beside);
    return not_written(path, error);
}

static int write_output(tgs_str text) {
    if (isatty(STDOUT_FILENO)) complain("this is the key to the account: whoever has it is logged in");
    fflush(stdout);
    return write_line(STDOUT_FILENO, text) ? DONE : not_written("standard output", errno);
}

int write_secret(const struct cli *cli, tgs_str text) {
    const char *path = cli->values[OPTION_OUT];
    if (!path || strcmp(path, "-") == 0) return write_output(text);
    return given(cli, OPTION_FORCE) ? write_over(path, text) : write_new(path, text);
}
