/* SPDX-License-Identifier: Apache-2.0 */
#include "url.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "error.h"
#include "text.h"

#define MAX_URL_BYTES 65536
#define LONGEST_SHOWN 64 /* of a name: what is longer may be a session string */

/* --- where the text comes from -------------------------------------------------------- */

static tgs_str trimmed(tgs_str text) {
    while (text.len && strchr(" \t\r\n", text.ptr[text.len - 1])) text.len--;
    while (text.len && strchr(" \t\r\n", text.ptr[0])) text.ptr++, text.len--;
    return text;
}

static tgs_status from_environment(struct arena *arena, tgs_str name, tgs_str *text, tgs_error *err) {
    tgs_str copy;
    if (!arena_text(arena, name, &copy)) return error_nomem(err);
    /* NOLINTNEXTLINE(analyzer-null-argument): only a NULL text has a NULL copy */
    const char *value = getenv(copy.ptr);
    if (!value && copy.len > LONGEST_SHOWN)
        return error_set(err, TGS_E_INVALID, "the environment variable is not set; its name is very long");
    if (!value) return error_set(err, TGS_E_INVALID, "the environment variable \"%s\" is not set", copy.ptr);
    *text = trimmed((tgs_str){value, strlen(value)});
    return TGS_OK;
}

/* The first MAX_URL_BYTES of a file, or fewer; -1: see errno.  Not by stdio, whose buffer would keep a copy
 * of a password. */
static ssize_t read_file(const char *path, char *content) {
    /* NOLINTNEXTLINE(analyzer-null-argument): only a NULL text has a NULL copy */
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return -1;
    ssize_t len = 0, n;
    do {
        n = read(descriptor, content + len, (size_t)(MAX_URL_BYTES - len));
        if (n > 0) len += n;
    } while (n > 0 || (n < 0 && errno == EINTR));
    int error = errno;
    close(descriptor);
    errno = error;
    return n < 0 ? -1 : len;
}

static tgs_status from_file(struct arena *arena, tgs_str name, tgs_str *text, tgs_error *err) {
    tgs_str path;
    char *content = arena_alloc(arena, MAX_URL_BYTES);
    if (!content || !arena_text(arena, name, &path)) return error_nomem(err);
    ssize_t len = read_file(path.ptr, content);
    if (len < 0 && errno == ENAMETOOLONG)
        return error_set(err, TGS_E_UNAVAILABLE, "the path behind @ is too long");
    if (len < 0) return error_set(err, TGS_E_UNAVAILABLE, "can't read %.100s: %s", path.ptr, strerror(errno));
    if (len == MAX_URL_BYTES)
        return error_set(err, TGS_E_TOO_LARGE, "%.100s is too long for a URL", path.ptr);
    *text = trimmed((tgs_str){content, (size_t)len});
    return TGS_OK;
}

static tgs_status resolve(struct arena *arena, tgs_str *text, tgs_error *err) {
    tgs_status status = TGS_OK;
    if (text->len >= 4 && memcmp(text->ptr, "env:", 4) == 0)
        status = from_environment(arena, (tgs_str){text->ptr + 4, text->len - 4}, text, err);
    else if (text->len > 1 && text->ptr[0] == '@')
        status = from_file(arena, (tgs_str){text->ptr + 1, text->len - 1}, text, err);
    return status == TGS_OK ? check_text(*text, MAX_URL_BYTES, "the URL", err) : status;
}

/* --- taking it apart --------------------------------------------------------------------- */

static int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* "%41" is "A"; what comes out must be text again. */
static tgs_status decode(struct arena *arena, tgs_str from, tgs_str *to, tgs_error *err) {
    char *out = arena_alloc(arena, from.len + 1);
    if (!out) return error_nomem(err);
    size_t len = 0;
    for (size_t i = 0; i < from.len; i++) {
        if (from.ptr[i] != '%') {
            out[len++] = from.ptr[i];
            continue;
        }
        int high = i + 2 < from.len ? hex_value(from.ptr[i + 1]) : -1;
        int low = i + 2 < from.len ? hex_value(from.ptr[i + 2]) : -1;
        if (high < 0 || low < 0)
            return error_set(err, TGS_E_INVALID, "the URL has a %% that no two hex digits follow");
        out[len++] = (char)(high * 16 + low);
        i += 2;
    }
    out[len] = '\0';
    *to = (tgs_str){out, len};
    if (!text_valid(*to))
        return error_set(err, TGS_E_INVALID, "the URL decodes to what is not UTF-8 without NUL");
    return TGS_OK;
}

/* Cut `text` at the first `mark`: what is before it is returned, the rest stays; without
 * one all of it is returned and the rest is NULL. */
static tgs_str cut(tgs_str *text, char mark) {
    const char *at = text->len ? memchr(text->ptr, mark, text->len) : NULL;
    tgs_str before = *text;
    if (!at) {
        *text = (tgs_str){NULL, 0};
        return before;
    }
    before.len = (size_t)(at - text->ptr);
    *text = (tgs_str){at + 1, text->len - before.len - 1};
    return before;
}

static size_t count_parameters(tgs_str query) {
    size_t n = query.ptr != NULL;
    for (size_t i = 0; i < query.len; i++) n += query.ptr[i] == '&';
    return n;
}

static tgs_status parse_parameters(struct url *url, tgs_str query, tgs_error *err) {
    while (query.ptr) {
        tgs_str value = cut(&query, '&');
        if (!value.len) continue;
        tgs_str key = cut(&value, '=');
        if (!value.ptr)
            return error_set(err, TGS_E_INVALID, "a parameter of the URL has no value; write key=value");
        tgs_option *option = &url->options[url->n_options];
        tgs_status status = decode(&url->arena, key, &option->key, err);
        if (status == TGS_OK) status = decode(&url->arena, value, &option->value, err);
        if (status != TGS_OK) return status;
        url->n_options++;
    }
    return TGS_OK;
}

static tgs_status add_options(struct url *url, const tgs_option *options, size_t n_options, tgs_error *err) {
    for (size_t i = 0; i < n_options; i++) {
        tgs_option *option = &url->options[url->n_options];
        tgs_status status = check_text(options[i].key, TGS_MAX_KEY_BYTES, "an option's key", err);
        if (status == TGS_OK) status = check_text(options[i].value, MAX_URL_BYTES, "an option's value", err);
        if (status != TGS_OK) return status;
        if (!arena_text(&url->arena, options[i].key, &option->key) ||
            !arena_text(&url->arena, options[i].value, &option->value))
            return error_nomem(err);
        url->n_options++;
    }
    return TGS_OK;
}

static bool scheme_valid(tgs_str scheme) {
    if (!scheme.len || scheme.len > 32 || scheme.ptr[0] < 'a' || scheme.ptr[0] > 'z') return false;
    for (size_t i = 0; i < scheme.len; i++) {
        char c = scheme.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '-')) return false;
    }
    return true;
}

static tgs_status take_apart(struct url *url, tgs_str text, const tgs_option *options, size_t n_options,
                             tgs_error *err) {
    tgs_str rest = text;
    tgs_str scheme = cut(&rest, ':');
    if (!rest.ptr || !scheme_valid(scheme))
        return error_set(err, TGS_E_INVALID,
                         "that is not a store's URL; write for example sqlite:bot.db or memory:");
    tgs_str target = cut(&rest, '?');
    size_t room = count_parameters(rest) + n_options;
    url->options = arena_alloc(&url->arena, (room + 1) * sizeof *url->options);
    if (!url->options || !arena_text(&url->arena, scheme, &url->scheme) ||
        !arena_text(&url->arena, target, &url->target))
        return error_nomem(err);
    tgs_status status = decode(&url->arena, target, &url->path, err);
    if (status == TGS_OK) status = parse_parameters(url, rest, err);
    if (status == TGS_OK) status = add_options(url, options, n_options, err);
    return status;
}

tgs_status url_parse(struct url *url, tgs_str text, const tgs_option *options, size_t n_options,
                     tgs_error *err) {
    *url = (struct url){.arena = {.secret = true}};
    tgs_status status = check_text(text, MAX_URL_BYTES, "the URL", err);
    if (status == TGS_OK) status = resolve(&url->arena, &text, err);
    if (status == TGS_OK) status = take_apart(url, text, options, n_options, err);
    if (status != TGS_OK) url_free(url);
    return status;
}

void url_free(struct url *url) { arena_free(&url->arena); }

bool url_take_option(struct url *url, const char *key, tgs_str *value) {
    size_t kept = 0;
    bool found = false;
    for (size_t i = 0; i < url->n_options; i++) {
        if (text_equal(url->options[i].key, key)) {
            *value = url->options[i].value;
            found = true;
        } else {
            url->options[kept++] = url->options[i];
        }
    }
    url->n_options = kept;
    return found;
}
