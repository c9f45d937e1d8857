/* SPDX-License-Identifier: Apache-2.0 */
/* URLs and options.  Input: the URL, then options, "key=value", with a NUL between each.  Files are read and
 * made in the scratch folder only. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "url.h"

static bool begins(tgs_str text, const char *with) {
    return text.len >= strlen(with) && memcmp(text.ptr, with, strlen(with)) == 0;
}

/* --- taking apart --------------------------------------------------------------------------- */

static void require_url(const struct url *url) {
    REQUIRE(url->scheme.len && url->scheme.ptr[url->scheme.len] == '\0');
    REQUIRE(url->path.ptr && url->path.ptr[url->path.len] == '\0' && strlen(url->path.ptr) == url->path.len);
    for (size_t i = 0; i < url->n_options; i++) {
        tgs_str key = url->options[i].key, value = url->options[i].value;
        REQUIRE(strlen(key.ptr) == key.len && strlen(value.ptr) == value.len);
    }
}

/* Each byte of a path written as %XX means the same path. */
static void require_decoding(const struct url *url) {
    size_t room = url->scheme.len + 3 * url->path.len + 2;
    char *text = must_alloc(room);
    size_t n = (size_t)snprintf(text, room, "%s:", url->scheme.ptr);
    for (size_t i = 0; i < url->path.len; i++)
        n += (size_t)snprintf(text + n, room - n, "%%%02x", (unsigned char)url->path.ptr[i]);
    struct url again;
    tgs_error err;
    tgs_status status = url_parse(&again, (tgs_str){text, n}, NULL, 0, &err);
    REQUIRE(status == TGS_OK || status == TGS_E_TOO_LARGE || strcmp(url->scheme.ptr, "env") == 0);
    if (status == TGS_OK) {
        REQUIRE(again.path.len == url->path.len && memcmp(again.path.ptr, url->path.ptr, url->path.len) == 0);
        url_free(&again);
    }
    free(text);
}

static void parse(tgs_str text, const tgs_option *options, size_t n) {
    struct url url;
    tgs_error err = {.index = -1};
    tgs_status status = url_parse(&url, text, options, n, &err);
    require_status(status, &err);
    if (status != TGS_OK) return;
    require_url(&url);
    require_decoding(&url);
    tgs_str value;
    while (url.n_options) REQUIRE(url_take_option(&url, url.options[0].key.ptr, &value));
    url_free(&url);
}

/* --- opening --------------------------------------------------------------------------------- */

static void empty_folder(void) {
    DIR *open = opendir(scratch_folder());
    struct dirent *entry;
    REQUIRE(open);
    while ((entry = readdir(open)))
        if (entry->d_name[0] != '.' || entry->d_type == DT_REG) unlinkat(dirfd(open), entry->d_name, 0);
    closedir(open);
}

static void open_store(tgs_str text, const tgs_option *options, size_t n) {
    tgs_error err;
    tgs_store *store = (tgs_store *)(uintptr_t)&err;
    tgs_status status = tgs_store_open(text, options, n, &store, NULL, &err);
    require_status(status, &err);
    REQUIRE((status == TGS_OK) == (store != NULL));
    if (!store) return;
    status = tgs_ping(store, NULL, &err);
    require_status(status, &err);
    REQUIRE(status == TGS_OK);
    tgs_store_close(store);
}

/* A module of another back end would be code of somebody's. */
static bool is_harmless(tgs_str text) { return begins(text, "memory:") || !memchr(text.ptr, ':', text.len); }

/* Only a plain name; what "%" does to it is seen in parse. */
static void open_in_scratch(tgs_str text, const tgs_option *options, size_t n) {
    char moved[5000];
    tgs_str name = {text.ptr + strlen("sqlite:"), text.len - strlen("sqlite:")};
    const char *mark = memchr(name.ptr, '?', name.len);
    tgs_str query = {name.ptr + name.len, 0};
    if (mark) {
        query = (tgs_str){mark, name.len - (size_t)(mark - name.ptr)};
        name.len = (size_t)(mark - name.ptr);
    }
    if (name.len > 100 || query.len > 500 || memchr(name.ptr, '/', name.len) ||
        memchr(name.ptr, '%', name.len) || memmem(name.ptr, name.len, "..", 2))
        return;
    int len = snprintf(moved, sizeof moved, "sqlite:%s/", scratch_folder());
    memcpy(moved + len, name.ptr, name.len);
    memcpy(moved + len + name.len, query.ptr, query.len);
    open_store((tgs_str){moved, (size_t)len + name.len + query.len}, options, n);
    empty_folder();
}

/* "@..." reads what is after it from a file: one of ours. */
static void from_file(tgs_str text, const tgs_option *options, size_t n) {
    char indirect[5000];
    const char *path = scratch("url");
    write_file(path, (const uint8_t *)text.ptr, text.len);
    int len = snprintf(indirect, sizeof indirect, "@%s", path);
    parse((tgs_str){indirect, (size_t)len}, options, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct reader in = {data, size};
    tgs_option options[MAX_OPTIONS];
    tgs_str given = take_until(&in, '\0');
    size_t n = take_options(&in, options);
    if (given.len && given.ptr[0] == '@') {
        from_file((tgs_str){given.ptr + 1, given.len - 1}, options, n);
        return 0;
    }
    char *text = must_copy(given.ptr, given.len);
    given.ptr = text ? text : "";
    parse(given, options, n);
    if (is_harmless(given)) open_store(given, options, n);
    if (begins(given, "sqlite:")) open_in_scratch(given, options, n);
    free(text);
    return 0;
}
