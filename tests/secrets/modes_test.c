/* SPDX-License-Identifier: Apache-2.0 */
/* Files with secrets are for their owner only, whatever the umask is, and no link or other thing that stands
 * where a file is to be made leads the secrets elsewhere.
 *
 * As root each case runs once more as a user without rights. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tgstore.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define NOBODY 65534

static char folder[64];
static const uint8_t auth_key[256] = {1, 2, 3};
static tgs_error err;

/* --- a folder, and what is in it ------------------------------------------------------------ */

static int set_up(void **state) {
    (void)state;
    strcpy(folder, "/tmp/tgstore-modes-XXXXXX");
    if (!mkdtemp(folder)) return -1;
    return chmod(folder, 0777);
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *walk) {
    (void)info, (void)type, (void)walk;
    return remove(path);
}

static int tear_down(void **state) {
    (void)state;
    return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static const char *in_folder(const char *name) {
    static char paths[8][128];
    static size_t next;
    char *path = paths[next++ % COUNT(paths)];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

/* So that a check that fails says what and where, and fails in a child process, too. */
static void check(bool holds, const char *what, const char *name) {
    if (holds) return;
    fprintf(stderr, "%s: not so: %s (%s)\n", name, what, err.message);
    _exit(1);
}
#define CHECK(condition, name) check(condition, #condition, name)

static mode_t mode_of(const char *name) {
    struct stat info;
    CHECK(lstat(in_folder(name), &info) == 0, name);
    return info.st_mode & 07777;
}

static bool is_there(const char *name) { return access(in_folder(name), F_OK) == 0; }

static size_t n_files(void) {
    DIR *files = opendir(folder);
    size_t n = 0;
    for (struct dirent *entry; (entry = readdir(files));) n += entry->d_name[0] != '.';
    closedir(files);
    return n;
}

/* Each with rights of its own, in a process of its own. */
static void run(void (*child)(void), uid_t user) {
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        signal(SIGSEGV, SIG_DFL); /* cmocka's would go on with the next test, in this process */
        alarm(20);
        if (user && setresuid(user, user, user) != 0) _exit(2);
        child();
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) fail_msg("as user %d: status %#x", (int)user, status);
}

static void run_for_all(void (*child)(void)) {
    run(child, 0);
    if (geteuid() != 0) return;
    tear_down(NULL);
    set_up(NULL);
    run(child, NOBODY);
}

/* --- the library ---------------------------------------------------------------------------------- */

static tgs_status open_store(const char *name, tgs_store **store) {
    char url[200];
    int len = snprintf(url, sizeof url, "sqlite:%s", in_folder(name));
    return tgs_store_open((tgs_str){url, (size_t)len}, NULL, 0, store, NULL, &err);
}

static tgs_status put_key(tgs_session *session) {
    tgs_session_data row = {.fields = TGS_SESSION_AUTH_KEY | TGS_SESSION_DC | TGS_SESSION_USER_ID |
                                      TGS_SESSION_IS_BOT | TGS_SESSION_TEST_MODE,
                            .dc = 2,
                            .user_id = 5,
                            .auth_key = {auth_key, 256}};
    return tgs_put(session, TGS_RECORD_SESSION, &row, 1, sizeof row, NULL, NULL, &err);
}

static tgs_store *make_store(const char *name, tgs_session **session) {
    tgs_store *store;
    CHECK(open_store(name, &store) == TGS_OK, name);
    CHECK(tgs_session_new(store, TGS_STR("main"), session, &err) == TGS_OK, name);
    CHECK(put_key(*session) == TGS_OK, name);
    return store;
}

static void close_store(tgs_store *store, tgs_session *session) {
    tgs_session_free(session);
    tgs_store_close(store);
}

static tgs_str path_of(const char *name) {
    const char *path = in_folder(name);
    return (tgs_str){path, strlen(path)};
}

static tgs_status back_up(tgs_session *session, tgs_store *store, const char *name) {
    (void)session;
    return tgs_backup(store, path_of(name), NULL, &err);
}

static tgs_status write_file(tgs_session *session, tgs_store *store, const char *name) {
    tgs_snapshot *snapshot;
    (void)store;
    CHECK(tgs_snapshot_from_session(session, 1, &snapshot, NULL, &err) == TGS_OK, name);
    tgs_status status =
        tgs_snapshot_to_file(snapshot, TGS_STR("pyrogram-sqlite"), path_of(name), NULL, 0, NULL, &err);
    tgs_snapshot_free(snapshot);
    return status;
}

/* What makes a new file. */
static tgs_status (*const writers[])(tgs_session *session, tgs_store *store, const char *name) = {back_up,
                                                                                                  write_file};

/* --- modes ------------------------------------------------------------------------------------------ */

static mode_t mask;

static void write_all(void) {
    tgs_session *session;
    umask(mask);
    tgs_store *store = make_store("store.db", &session);
    CHECK(mode_of("store.db") == 0600, "store.db");
    CHECK(mode_of("store.db-wal") == 0600, "-wal");
    CHECK(mode_of("store.db-shm") == 0600, "-shm");
    CHECK(back_up(session, store, "backup.db") == TGS_OK, "backup");
    CHECK(mode_of("backup.db") == 0600, "backup");
    CHECK(write_file(session, store, "new.session") == TGS_OK, "session file");
    CHECK(mode_of("new.session") == 0600, "session file");
    CHECK(n_files() == 5, "nothing else is left");
    close_store(store, session);
    CHECK(mode_of("store.db") == 0600, "store.db, closed");
    CHECK(open_store("store.db", &store) == TGS_OK, "opened again");
    tgs_store_close(store);
}

static void files_are_for_their_owner_alone(void **state) {
    static const mode_t masks[] = {0, 022, 077, 0277, 0777};
    for (size_t i = 0; i < COUNT(masks); i++) {
        mask = masks[i];
        run_for_all(write_all);
        tear_down(state);
        set_up(state);
    }
}

/* Whoever gave a store to a group has the -wal for the group, too: the group could not use it otherwise. */
static void share_with_group(void) {
    tgs_session *session;
    tgs_store *store = make_store("store.db", &session);
    close_store(store, session);
}

static void share_with_group_again(void) {
    tgs_session *session;
    tgs_store *store;
    CHECK(chmod(in_folder("store.db"), 0660) == 0, "chmod");
    store = make_store("store.db", &session);
    CHECK(mode_of("store.db") == 0660, "store.db");
    CHECK(mode_of("store.db-wal") == 0660, "-wal");
    CHECK(mode_of("store.db-shm") == 0660, "-shm");
    close_store(store, session);
}

static void share(void) {
    share_with_group();
    share_with_group_again();
}

static void what_was_given_to_a_group_stays_so(void **state) {
    (void)state;
    run_for_all(share);
}

/* --- links --------------------------------------------------------------------------------------------- */

/* Nothing is opened, made or changed through a link that leads to where nothing is. */
static void follow_no_link_to_a_store(void) {
    tgs_store *store;
    CHECK(symlink("elsewhere", in_folder("store.db")) == 0, "link");
    CHECK(open_store("store.db", &store) == TGS_E_CONFLICT, "a link to nothing");
    CHECK(!is_there("elsewhere"), "a link to nothing");
    CHECK(n_files() == 1, "a link to nothing");
}

static void no_store_is_made_through_a_link(void **state) {
    (void)state;
    run_for_all(follow_no_link_to_a_store);
}

/* The files beside it, which SQLite makes. */
static void follow_no_link_beside(void) {
    static const char *const beside[] = {"store.db-wal", "store.db-shm", "store.db-journal"};
    for (size_t i = 0; i < COUNT(beside); i++) {
        tgs_store *store;
        tgs_session *session;
        tgs_status status;
        CHECK(symlink("elsewhere", in_folder(beside[i])) == 0, beside[i]);
        status = open_store("store.db", &store);
        if (status == TGS_OK) {
            CHECK(tgs_session_new(store, TGS_STR("main"), &session, &err) == TGS_OK, beside[i]);
            put_key(session);
            close_store(store, session);
        }
        CHECK(!is_there("elsewhere"), beside[i]);
        unlink(in_folder(beside[i]));
        unlink(in_folder("store.db"));
    }
}

static void nothing_beside_a_store_is_made_through_a_link(void **state) {
    (void)state;
    run_for_all(follow_no_link_beside);
}

static void follow_no_link_to_a_target(void) {
    tgs_session *session;
    tgs_store *store = make_store("store.db", &session);
    int file = open(in_folder("precious"), O_WRONLY | O_CREAT, 0644);
    CHECK(file >= 0 && write(file, "gold", 4) == 4 && close(file) == 0, "precious");
    CHECK(symlink("elsewhere", in_folder("to-nothing")) == 0, "link");
    CHECK(symlink("precious", in_folder("to-precious")) == 0, "link");
    CHECK(link(in_folder("precious"), in_folder("hard")) == 0, "link");
    size_t before = n_files();
    for (size_t i = 0; i < COUNT(writers); i++) {
        CHECK(writers[i](session, store, "to-nothing") == TGS_E_CONFLICT, "a link to nothing");
        CHECK(writers[i](session, store, "to-precious") == TGS_E_CONFLICT, "a link to a file");
        CHECK(writers[i](session, store, "hard") == TGS_E_CONFLICT, "a hard link");
    }
    struct stat info;
    CHECK(stat(in_folder("precious"), &info) == 0 && info.st_size == 4, "precious");
    CHECK(!is_there("elsewhere") && n_files() == before, "nothing is left");
    close_store(store, session);
}

static void nothing_is_exported_through_a_link(void **state) {
    (void)state;
    run_for_all(follow_no_link_to_a_target);
}

static void use_linked_folder(void) {
    tgs_session *session;
    CHECK(mkdir(in_folder("real"), 0700) == 0 && symlink("real", in_folder("linked")) == 0, "folder");
    tgs_store *store = make_store("linked/store.db", &session);
    CHECK(mode_of("real/store.db") == 0600 && mode_of("real/store.db-wal") == 0600, "modes");
    for (size_t i = 0; i < COUNT(writers); i++) {
        CHECK(writers[i](session, store, i ? "linked/a" : "linked/b") == TGS_OK, "in it");
        CHECK(mode_of(i ? "real/a" : "real/b") == 0600, "modes");
    }
    close_store(store, session);
}

static void a_folder_may_be_a_link(void **state) {
    (void)state;
    run_for_all(use_linked_folder);
}

/* --- other things ----------------------------------------------------------------------------------------
 */

static void use_no_other_thing(void) {
    tgs_session *session;
    tgs_store *store = make_store("store.db", &session), *other;
    CHECK(mkfifo(in_folder("fifo"), 0600) == 0 && mkdir(in_folder("folder"), 0700) == 0, "things");
    CHECK(symlink("/dev/null", in_folder("device")) == 0, "things");
    static const char *const things[] = {"fifo", "folder", "device"};
    for (size_t i = 0; i < COUNT(things); i++) {
        CHECK(open_store(things[i], &other) == TGS_E_UNAVAILABLE, things[i]);
        for (size_t k = 0; k < COUNT(writers); k++)
            CHECK(writers[k](session, store, things[i]) == TGS_E_CONFLICT, things[i]);
    }
    close_store(store, session);
}

static void only_files_are_opened(void **state) {
    (void)state;
    run_for_all(use_no_other_thing);
}

/* Refused, or put aside; but nobody waits for ever, and no key goes through a pipe. */
static void use_no_other_thing_beside(void) {
    static const char *const beside[] = {"store.db-wal", "store.db-shm", "store.db-journal"};
    for (size_t i = 0; i < COUNT(beside); i++) {
        tgs_store *store;
        tgs_session *session;
        char content[4096];
        CHECK(mkfifo(in_folder(beside[i]), 0666) == 0, beside[i]);
        int pipe_end = open(in_folder(beside[i]), O_RDWR | O_NONBLOCK);
        CHECK(pipe_end >= 0, beside[i]);
        if (open_store("store.db", &store) == TGS_OK) {
            CHECK(tgs_session_new(store, TGS_STR("main"), &session, &err) == TGS_OK, beside[i]);
            put_key(session);
            close_store(store, session);
        }
        CHECK(read(pipe_end, content, sizeof content) < 0 && errno == EAGAIN, beside[i]);
        close(pipe_end);
        unlink(in_folder(beside[i]));
        unlink(in_folder("store.db"));
    }
}

static void no_key_goes_into_a_pipe_beside_a_store(void **state) {
    (void)state;
    run_for_all(use_no_other_thing_beside);
}

/* --- between a look and the next step
 * ------------------------------------------------------------------------ */

static const char *plant; /* a link to be made right after somebody saw that nothing is there */

/* The library's own calls of the C library's function come here. */
__attribute__((visibility("default"))) int stat(const char *restrict path, struct stat *restrict info) {
    int result = (int)syscall(SYS_newfstatat, AT_FDCWD, path, info, 0);
    if (result == 0 || !plant || strcmp(path, plant) != 0) return result;
    int error = errno;
    if (symlink("elsewhere", plant) != 0) _exit(3);
    plant = NULL;
    errno = error;
    return result;
}

static void race(void) {
    tgs_store *store;
    plant = in_folder("store.db");
    CHECK(open_store("store.db", &store) == TGS_E_CONFLICT, "planted");
    CHECK(!plant, "the link was made");
    CHECK(!is_there("elsewhere"), "planted");
}

static void a_link_that_comes_at_the_last_moment_is_not_followed(void **state) {
    (void)state;
    run_for_all(race);
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(files_are_for_their_owner_alone),
        CASE(what_was_given_to_a_group_stays_so),
        CASE(no_store_is_made_through_a_link),
        CASE(nothing_beside_a_store_is_made_through_a_link),
        CASE(nothing_is_exported_through_a_link),
        CASE(a_folder_may_be_a_link),
        CASE(only_files_are_opened),
        CASE(no_key_goes_into_a_pipe_beside_a_store),
        CASE(a_link_that_comes_at_the_last_moment_is_not_followed),
    };
    return cmocka_run_group_tests_name("modes of files", tests, NULL, NULL);
}
