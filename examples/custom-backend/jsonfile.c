/* SPDX-License-Identifier: Apache-2.0 */
#include "jsonfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#define FORMAT "tgstore-jsonfile"
#define FORMAT_VERSION 1

const tgs_host *host;

/* --- errors ---------------------------------------------------------------------------------- */

static const struct {
    int number;
    tgs_status code;
    const char *remedy;
} io_errors[] = {
    {ENOENT, TGS_E_UNAVAILABLE, "make its folder first"},
    {ENOTDIR, TGS_E_UNAVAILABLE, "make its folder first"},
    {EISDIR, TGS_E_UNAVAILABLE, "name a file in it"},
    {EACCES, TGS_E_AUTH, "check its permissions"},
    {EPERM, TGS_E_AUTH, "check its permissions"},
    {EROFS, TGS_E_READ_ONLY, "put it where it can be written"},
    {ENOSPC, TGS_E_NO_SPACE, "free some space and try again"},
    {EDQUOT, TGS_E_NO_SPACE, "free some space and try again"},
    {ENOMEM, TGS_E_NOMEM, "try again"},
};

/* `number` is errno after trying to `verb` the file. */
static tgs_status io_failure(const struct jsonfile *db, tgs_error *err, const char *verb, int number) {
    tgs_status code = TGS_E_BACKEND;
    const char *remedy = "see to it and try again";
    for (size_t i = 0; i < sizeof io_errors / sizeof *io_errors; i++) {
        if (io_errors[i].number != number) continue;
        code = io_errors[i].code;
        remedy = io_errors[i].remedy;
    }
    /* What tells most comes first of a path, and last; the name of the file must not be cut off. */
    const char *path = db->path;
    bool cut = strlen(path) > 96;
    char message[208], why[64];
    snprintf(message, sizeof message, "can't %s %s%s: %s; %s", verb, cut ? "..." : "",
             cut ? path + strlen(path) - 96 : path, strerror_r(number, why, sizeof why), remedy);
    return host->fail(err, code, strerrorname_np(number), message);
}

static tgs_status corrupt(const struct jsonfile *db, tgs_error *err) {
    char message[208];
    snprintf(message, sizeof message, "%.120s is not a jsonfile of tgstore; name another file, or restore it",
             db->path);
    return host->fail(err, TGS_E_CORRUPT, NULL, message);
}

/* --- waiting ----------------------------------------------------------------------------------- */

static bool try_mutex(struct jsonfile *db) { return pthread_mutex_trylock(&db->mutex) == 0; }

static bool try_file(struct jsonfile *db) { return flock(db->lock, LOCK_EX | LOCK_NB) == 0; }

/* Repeat an attempt until it succeeds or the call has to end. */
static tgs_status wait_for(struct jsonfile *db, bool (*attempt)(struct jsonfile *db),
                           const tgs_backend_call *call, tgs_error *err) {
    while (!attempt(db)) {
        tgs_status status = host->check(call);
        if (status == TGS_E_TIMEOUT) status = TGS_E_BUSY; /* somebody had it all the time */
        if (status != TGS_OK) return host->fail(err, status, NULL, NULL);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    return TGS_OK;
}

/* --- load ---------------------------------------------------------------------------------------- */

static void drop_tree(struct jsonfile *db) {
    wipe(db->tree);
    json_object_put(db->tree);
    db->tree = NULL;
}

static bool is_ours(const json_object *tree) {
    tgs_str format = get_text(tree, "format");
    return format.ptr && strcmp(format.ptr, FORMAT) == 0 && get_object(tree, "sessions");
}

static tgs_status parse(struct jsonfile *db, const char *text, size_t len, tgs_error *err) {
    json_tokener *tokener = json_tokener_new();
    if (!tokener) return host->fail(err, TGS_E_NOMEM, NULL, NULL);
    errno = 0;
    json_object *tree = json_tokener_parse_ex(tokener, text, (int)len);
    bool exhausted = errno == ENOMEM; /* json-c takes it for a syntax error, or goes on */
    enum json_tokener_error error = json_tokener_get_error(tokener);
    json_tokener_free(tokener);
    if (!exhausted && error == json_tokener_success && is_ours(tree)) {
        db->tree = tree;
        if (get_number(tree, "version") <= FORMAT_VERSION) return TGS_OK;
        drop_tree(db);
        return host->fail(err, TGS_E_UNSUPPORTED, NULL, "a newer version has written the file; use that one");
    }
    json_object_put(tree);
    return exhausted ? host->fail(err, TGS_E_NOMEM, NULL, NULL) : corrupt(db, err);
}

/* errno, or 0 and the text. */
static int read_all(int file, size_t size, char **text) {
    char *buffer = host->alloc(size + 1);
    size_t done = 0;
    while (buffer && done < size) {
        ssize_t n = read(file, buffer + done, size - done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            int number = n < 0 ? errno : EIO;
            host->release(buffer);
            return number;
        }
        done += (size_t)n;
    }
    *text = buffer;
    return buffer ? 0 : ENOMEM;
}

static tgs_status load(struct jsonfile *db, tgs_error *err) {
    drop_tree(db);
    int file = open(db->path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return io_failure(db, err, "open", errno);
    char *text = NULL;
    int number = fstat(file, &db->seen) == 0 ? 0 : errno;
    if (!number && S_ISDIR(db->seen.st_mode)) number = EISDIR;
    if (!number && db->seen.st_size >= INT_MAX) number = EFBIG;
    size_t size = number ? 0 : (size_t)db->seen.st_size;
    if (!number) number = read_all(file, size, &text);
    close(file);
    if (number) return io_failure(db, err, "read", number);
    tgs_status status = parse(db, text, size, err);
    /* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): read_all gave it */
    explicit_bzero(text, size);
    host->release(text);
    return status;
}

static bool same_file(const struct stat *a, const struct stat *b) {
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* Read the file again if somebody has replaced it. */
static tgs_status refresh(struct jsonfile *db, tgs_error *err) {
    struct stat now;
    if (stat(db->path, &now) != 0) return io_failure(db, err, "find", errno);
    return db->tree && same_file(&now, &db->seen) ? TGS_OK : load(db, err);
}

/* --- save ------------------------------------------------------------------------------------------ */

static int write_all(int file, const char *text, size_t len) {
    while (len > 0) {
        ssize_t n = write(file, text, len);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno;
        text += n;
        len -= (size_t)n;
    }
    return fsync(file) == 0 ? 0 : errno;
}

static int write_new_file(const struct jsonfile *db, const char *text, size_t len) {
    int file = open(db->new_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0) return errno;
    int number = fchmod(file, 0600) == 0 ? 0 : errno;
    if (!number) number = write_all(file, text, len);
    if (close(file) != 0 && !number) number = errno;
    if (!number && rename(db->new_path, db->path) != 0) number = errno;
    if (number) unlink(db->new_path);
    return number;
}

/* Only then does the new name survive a power cut. */
static int sync_folder(const struct jsonfile *db) {
    int folder = open(db->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return errno;
    int number = fsync(folder) == 0 ? 0 : errno;
    close(folder);
    return number;
}

static tgs_status save(struct run *run) {
    struct jsonfile *db = run->db;
    size_t len;
    errno = 0;
    const char *text = json_object_to_json_string_length(db->tree, JSON_C_TO_STRING_PLAIN, &len);
    if (!text || errno == ENOMEM) return no_memory(run); /* json-c leaves out what it had no memory for */
    int number = write_new_file(db, text, len);
    explicit_bzero((char *)text, len);
    if (number) return io_failure(db, run->err, "write", number);
    if (stat(db->path, &db->seen) != 0) drop_tree(db); /* read it again next time */
    number = sync_folder(db);
    if (!number) return TGS_OK;
    tgs_status status = io_failure(db, run->err, "sync the folder of", number);
    run->err->outcome = TGS_OUTCOME_NOT_DURABLE;
    return status;
}

/* --- calls --------------------------------------------------------------------------------------------- */

int64_t later(int64_t now, int64_t ms) { return ms > INT64_MAX - now ? INT64_MAX : now + ms; }

int64_t next_number(struct run *run) {
    int64_t number = get_number(run->db->tree, "number") + 1;
    set_number(run, run->db->tree, "number", number);
    return number;
}

const json_object *newest_lease(const json_object *session, int32_t mode, int64_t now) {
    const json_object *leases = get_object(session, "leases"), *newest = NULL;
    if (!leases) return NULL;
    json_object_object_foreach(leases, key, lease) {
        (void)key;
        if (get_number(lease, "expires") <= now || get_number(lease, "mode") < mode) continue;
        if (!newest || get_number(lease, "token") > get_number(newest, "token")) newest = lease;
    }
    return newest;
}

static tgs_status write_locked(struct run *run) {
    tgs_status status = refresh(run->db, run->err);
    run->now = host->now_ms();
    if (status == TGS_OK) status = apply_write(run);
    if (run->no_memory) status = no_memory(run); /* whatever else followed from it */
    if (status == TGS_OK && run->changed) status = save(run);
    /* Throw away what was changed in vain. */
    if (status != TGS_OK && run->changed && run->err->outcome != TGS_OUTCOME_NOT_DURABLE) drop_tree(run->db);
    return status;
}

static tgs_status jsonfile_write(void *self, const tgs_write *write, const tgs_backend_call *call,
                                 tgs_sink *sink, tgs_error *err) {
    struct jsonfile *db = self;
    struct run run = {.db = db, .call = call, .sink = sink, .err = err, .write = write};
    tgs_status status = wait_for(db, try_mutex, call, err);
    if (status != TGS_OK) return status;
    status = wait_for(db, try_file, call, err);
    if (status == TGS_OK) {
        status = write_locked(&run);
        flock(db->lock, LOCK_UN);
    }
    pthread_mutex_unlock(&db->mutex);
    run_release(&run);
    return status;
}

static tgs_status jsonfile_read(void *self, const tgs_query *query, const tgs_backend_call *call,
                                tgs_sink *sink, tgs_error *err) {
    struct jsonfile *db = self;
    struct run run = {.db = db, .call = call, .sink = sink, .err = err};
    tgs_status status = wait_for(db, try_mutex, call, err);
    if (status != TGS_OK) return status;
    /* The file is replaced as a whole, so that readers need not lock it. */
    status = refresh(db, err);
    run.now = host->now_ms();
    if (status == TGS_OK) status = answer_query(&run, query);
    if (run.no_memory) status = no_memory(&run);
    pthread_mutex_unlock(&db->mutex);
    run_release(&run);
    return status == TGS_SINK_FULL ? TGS_OK : status;
}

/* --- open and close --------------------------------------------------------------------------------------
 */

static tgs_status refuse_option(const tgs_backend_open *open, tgs_error *err) {
    char message[160];
    if (!open->path.len) return host->fail(err, TGS_E_INVALID, NULL, "name a file: \"jsonfile:bot.json\"");
    tgs_str key = open->options[0].key;
    snprintf(message, sizeof message, "a jsonfile has no option \"%.*s\"; leave it out",
             (int)(key.len < 64 ? key.len : 64), key.ptr);
    return host->fail(err, TGS_E_INVALID, NULL, message);
}

static char *join(const char *path, const char *suffix) {
    size_t size = strlen(path) + strlen(suffix) + 1;
    char *joined = host->alloc(size);
    if (joined) snprintf(joined, size, "%s%s", path, suffix);
    return joined;
}

/* The folder of a path, up to its last slash. */
static char *folder_of(const char *path) {
    const char *slash = strrchr(path, '/');
    char *folder = join(slash ? path : ".", "");
    if (folder && slash) folder[slash - path + 1] = '\0';
    return folder;
}

static tgs_status open_lock(struct jsonfile *db, tgs_error *err) {
    char *path = join(db->path, ".lock");
    if (!path) return host->fail(err, TGS_E_NOMEM, NULL, NULL);
    db->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    int number = errno;
    host->release(path);
    return db->lock < 0 ? io_failure(db, err, "open the lock of", number) : TGS_OK;
}

/* Read the file, or make it if there is none. */
static tgs_status load_or_make(struct run *run) {
    struct jsonfile *db = run->db;
    if (access(db->path, F_OK) == 0) return load(db, run->err);
    db->tree = json_object_new_object();
    if (!db->tree) return no_memory(run);
    set_text(run, db->tree, "format", TGS_STR(FORMAT));
    set_number(run, db->tree, "version", FORMAT_VERSION);
    set_number(run, db->tree, "number", 0);
    set_member(run, db->tree, "sessions", json_object_new_object());
    return run->no_memory ? no_memory(run) : save(run);
}

static tgs_status open_file(struct jsonfile *db, const tgs_backend_call *call, tgs_error *err) {
    struct run run = {.db = db, .call = call, .err = err};
    if (access(db->path, F_OK) == 0) return load(db, err);
    tgs_status status = open_lock(db, err);
    if (status == TGS_OK) status = wait_for(db, try_file, call, err);
    if (status != TGS_OK) return status;
    status = load_or_make(&run); /* somebody may have made it meanwhile */
    flock(db->lock, LOCK_UN);
    run_release(&run);
    return status;
}

static void jsonfile_close(void *self, int32_t forked) {
    struct jsonfile *db = self;
    if (db->lock >= 0) close(db->lock); /* the parent's lock stays */
    if (forked) return;                 /* another thread may have been changing the rest */
    drop_tree(db);
    pthread_mutex_destroy(&db->mutex);
    host->release(db->path);
    host->release(db->new_path);
    host->release(db->folder);
    host->release(db);
}

static tgs_status jsonfile_open(const tgs_backend_open *open, const tgs_backend_call *call, void **self,
                                uint64_t *capabilities, tgs_error *err) {
    if (!open->path.len || open->n_options) return refuse_option(open, err);
    struct jsonfile *db = host->alloc(sizeof *db);
    if (!db) return host->fail(err, TGS_E_NOMEM, NULL, NULL);
    *db = (struct jsonfile){.lock = -1};
    pthread_mutex_init(&db->mutex, NULL);
    db->path = join(open->path.ptr, "");
    db->new_path = join(open->path.ptr, ".new");
    db->folder = folder_of(open->path.ptr);
    tgs_status status = TGS_OK;
    if (!db->path || !db->new_path || !db->folder) status = host->fail(err, TGS_E_NOMEM, NULL, NULL);
    if (status == TGS_OK) status = open_file(db, call, err);
    if (status == TGS_OK && db->lock < 0) status = open_lock(db, err);
    if (status != TGS_OK) {
        jsonfile_close(db, 0);
        return status;
    }
    *self = db;
    *capabilities = TGS_CAP_DURABLE | TGS_CAP_SHARED;
    return TGS_OK;
}

static const char *const schemes[] = {"jsonfile", NULL};

static const tgs_backend backend = {
    .size = sizeof(tgs_backend),
    .name = "jsonfile",
    .schemes = schemes,
    .open = jsonfile_open,
    .close = jsonfile_close,
    .write = jsonfile_write,
    .read = jsonfile_read,
};

const tgs_backend *tgs_backend_entry(uint32_t abi, const tgs_host *the_host) {
    if (abi != TGS_BACKEND_ABI) return NULL;
    host = the_host;
    return &backend;
}
