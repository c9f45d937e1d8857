/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets on their way out: session strings, and session files under --out. */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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

/* Makes a new file, or leaves none. */
typedef int file_writer(const char *path, const void *context);

/* The old file stays whole until the new one is, which is made in a folder of its own beside it. */
static int replace(const char *path, file_writer *write_file, const void *context) {
    static const char name[] = "/new";
    char folder[PATH_MAX], file[sizeof folder + sizeof name];
    if (snprintf(folder, sizeof folder, "%s.XXXXXX", path) >= (int)sizeof folder)
        return not_written(path, ENAMETOOLONG);
    if (!mkdtemp(folder)) return not_written(path, errno);
    if (chmod(folder, 0700) != 0) {
        int error = errno;
        rmdir(folder);
        return not_written(path, error);
    }
    snprintf(file, sizeof file, "%s%s", folder, name);
    int status = write_file(file, context);
    if (status == DONE && rename(file, path) != 0) {
        status = not_written(path, errno);
        unlink(file);
    }
    rmdir(folder);
    return status;
}

static int write_to(const struct cli *cli, const char *path, file_writer *write_file, const void *context) {
    return given(cli, OPTION_FORCE) ? replace(path, write_file, context) : write_file(path, context);
}

/* --- strings ------------------------------------------------------------------------------------------ */

/* A umask takes rights away; it must not take ours.  (Not all file systems let a mode be set.) */
static bool own(int fd) {
    struct stat info;
    return fstat(fd, &info) == 0 && ((info.st_mode & 0600) == 0600 || fchmod(fd, 0600) == 0);
}

/* Write, sync and close; the file is removed again if that fails. */
static int fill_file(int fd, const char *path, tgs_str text) {
    int error = own(fd) && write_line(fd, text) && fsync(fd) == 0 ? 0 : errno;
    if (close(fd) != 0 && error == 0) error = errno;
    if (error == 0) return DONE;
    unlink(path);
    return not_written(path, error);
}

static int write_string(const char *path, const void *text) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return fd < 0 ? not_written(path, errno) : fill_file(fd, path, *(const tgs_str *)text);
}

static int write_output(tgs_str text) {
    if (isatty(STDOUT_FILENO)) complain("this is the key to the account: whoever has it is logged in");
    fflush(stdout);
    return write_line(STDOUT_FILENO, text) ? DONE : not_written("standard output", errno);
}

int write_secret(const struct cli *cli, tgs_str text) {
    const char *path = cli->values[OPTION_OUT];
    if (!path || strcmp(path, "-") == 0) return write_output(text);
    return write_to(cli, path, write_string, &text);
}

/* --- session files ------------------------------------------------------------------------------------ */

struct session_file {
    const struct cli *cli;
    const tgs_snapshot *snapshot;
    tgs_call call;
};

static int write_snapshot(const char *path, const void *context) {
    const struct session_file *file = context;
    const struct cli *cli = file->cli;
    tgs_error err;
    tgs_status result = tgs_snapshot_to_file(file->snapshot, to_str(cli->values[OPTION_FORMAT]), to_str(path),
                                             cli->sets, cli->n_sets, &file->call, &err);
    return result == TGS_OK ? DONE : not_exported(result, &err);
}

/* SQLite would take what is left of another file of this name for a part of the new one. */
static int refuse_leftovers(const char *path) {
    static const char *const suffixes[] = {"-wal", "-journal"};
    char beside[PATH_MAX];
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        if (snprintf(beside, sizeof beside, "%s%s", path, suffixes[i]) >= (int)sizeof beside)
            return not_written(path, ENAMETOOLONG);
        if (access(beside, F_OK) != 0) continue;
        complain("can't write %s: %s belongs to another file of that name", path, beside);
        hint("stop the program that uses it, or give another name");
        return FAILED;
    }
    return DONE;
}

int write_session_file(const struct cli *cli, const tgs_snapshot *snapshot, uint64_t rows) {
    const char *path = cli->values[OPTION_OUT];
    struct session_file file = {cli, snapshot, call_for(cli, rows)};
    int status = refuse_leftovers(path);
    return status == DONE ? write_to(cli, path, write_snapshot, &file) : status;
}
