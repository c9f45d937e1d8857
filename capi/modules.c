/* SPDX-License-Identifier: Apache-2.0 */
#include "modules.h"

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../backends/builtin.h"
#include "check.h"
#include "error.h"
#include "sink.h"
#include "text.h"

#define MAX_BACKENDS 64

/* Known back ends, in the order they came.  They are never removed: a module stays
 * loaded, since its code may be running.  Lock: `lock`. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static tgs_backend known[MAX_BACKENDS];
static size_t n_known;

static const tgs_backend *find_known(tgs_str scheme) {
    for (size_t i = 0; i < n_known; i++)
        for (const char *const *name = known[i].schemes; *name; name++)
            if (text_equal(scheme, *name)) return &known[i];
    return NULL;
}

/* Keep a copy, so that a shorter struct of an older module reads as zero at its end. */
static tgs_status add(const tgs_backend *backend, const char *from, tgs_error *err) {
    static const tgs_backend none;
    if (!backend)
        return error_set(err, TGS_E_UNSUPPORTED,
                         "%.120s was made for another version of tgstore; compile it anew", from);
    tgs_backend copy = none;
    memcpy(&copy, backend, backend->size < sizeof copy ? backend->size : sizeof copy);
    if (!copy.name || !copy.schemes || !copy.open || !copy.close || !copy.write || !copy.read)
        return error_set(err, TGS_E_UNSUPPORTED, "%.120s lacks an entry that every back end must have", from);
    for (const char *const *name = copy.schemes; *name; name++) {
        const tgs_backend *other = find_known((tgs_str){*name, strlen(*name)});
        if (other && strcmp(other->name, copy.name) == 0) return TGS_OK; /* loaded before */
        if (other)
            return error_set(err, TGS_E_CONFLICT, "the scheme %.32s: is served by the back end %.16s already",
                             *name, other->name);
    }
    if (n_known == MAX_BACKENDS)
        return error_set(err, TGS_E_TOO_LARGE, "more than %d back ends", MAX_BACKENDS);
    known[n_known++] = copy;
    return TGS_OK;
}

static tgs_status add_builtin(tgs_error *err) {
    if (n_known) return TGS_OK;
    tgs_status status = add(sqlite_backend_entry(TGS_BACKEND_ABI, &host), "sqlite", err);
    return status == TGS_OK ? add(memory_backend_entry(TGS_BACKEND_ABI, &host), "memory", err) : status;
}

static tgs_status load(const char *path, tgs_error *err) {
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!module) return error_set(err, TGS_E_UNAVAILABLE, "can't load the module: %.170s", dlerror());
    void *symbol = dlsym(module, "tgs_backend_entry");
    if (!symbol) {
        dlclose(module);
        return error_set(err, TGS_E_UNSUPPORTED,
                         "%.120s has no function tgs_backend_entry; it is no back end", path);
    }
    tgs_backend_entry_function entry;
    memcpy(&entry, &symbol, sizeof entry); /* ISO C has no cast from data to function pointers */
    return add(entry(TGS_BACKEND_ABI, &host), path, err);
}

TGS_API tgs_status tgs_backend_load(tgs_str path, const tgs_call *call, tgs_error *err) {
    (void)call; /* loading can't be interrupted */
    error_clear(err);
    tgs_status status = check_text(path, PATH_MAX - 1, "path", err);
    if (status != TGS_OK) return status;
    char terminated[PATH_MAX];
    memcpy(terminated, path.ptr, path.len);
    terminated[path.len] = '\0';
    pthread_mutex_lock(&lock);
    status = add_builtin(err);
    if (status == TGS_OK) status = load(terminated, err);
    pthread_mutex_unlock(&lock);
    return status;
}

/* Load tgstore-SCHEME.so from a folder if it is there. */
static bool try_folder(const char *folder, size_t len, const char *subfolder, tgs_str scheme,
                       tgs_status *status, tgs_error *err) {
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%.*s%s/tgstore-%.*s.so", (int)len, folder, subfolder,
                     (int)scheme.len, scheme.ptr);
    if (!len || n < 0 || (size_t)n >= sizeof path || access(path, F_OK) != 0) return false;
    *status = load(path, err);
    return true;
}

static bool try_search_path(tgs_str scheme, tgs_status *status, tgs_error *err) {
    const char *folder = secure_getenv("TGSTORE_MODULE_PATH");
    while (folder && *folder) {
        size_t len = strcspn(folder, ":");
        if (try_folder(folder, len, "", scheme, status, err)) return true;
        folder += len + (folder[len] == ':');
    }
    return false;
}

/* The folder tgstore/ beside this library. */
static bool try_beside(tgs_str scheme, tgs_status *status, tgs_error *err) {
    Dl_info info;
    if (!dladdr(known, &info) || !info.dli_fname) return false;
    const char *slash = strrchr(info.dli_fname, '/');
    return slash &&
           try_folder(info.dli_fname, (size_t)(slash - info.dli_fname), "/tgstore", scheme, status, err);
}

static tgs_status search(tgs_str scheme, tgs_error *err) {
    tgs_status status = TGS_OK;
    if (try_search_path(scheme, &status, err) || try_beside(scheme, &status, err) ||
        try_folder(TGS_MODULE_DIR, strlen(TGS_MODULE_DIR), "", scheme, &status, err))
        return status;
    return error_set(err, TGS_E_UNSUPPORTED,
                     "no back end serves URLs that begin with %.*s:; a module tgstore-%.*s.so would, see "
                     "TGSTORE_MODULE_PATH",
                     (int)scheme.len, scheme.ptr, (int)scheme.len, scheme.ptr);
}

tgs_status module_find(tgs_str scheme, const tgs_backend **backend, tgs_error *err) {
    pthread_mutex_lock(&lock);
    tgs_status status = add_builtin(err);
    *backend = status == TGS_OK ? find_known(scheme) : NULL;
    if (status == TGS_OK && !*backend) {
        status = search(scheme, err);
        *backend = status == TGS_OK ? find_known(scheme) : NULL;
        if (status == TGS_OK && !*backend)
            status = error_set(err, TGS_E_UNSUPPORTED, "the module found for %.*s: does not serve it",
                               (int)scheme.len, scheme.ptr);
    }
    pthread_mutex_unlock(&lock);
    return status;
}
