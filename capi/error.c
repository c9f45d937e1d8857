/* SPDX-License-Identifier: Apache-2.0 */
#include "error.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "text.h"

/* These are macros for static analysers. */
#undef error_set
#undef error_set_row
#undef error_set_native
#undef error_nomem

static const struct {
    tgs_status code;
    bool retryable;
    const char *name;
    const char *message; /* when nobody has a better one */
} statuses[] = {
    {TGS_OK, false, "ok", ""},
    {TGS_NOT_FOUND, false, "not found", ""},
    {TGS_E_INVALID, false, "invalid", "an argument breaks a rule of tgstore.h"},
    {TGS_E_CONFLICT, false, "conflict", "a required condition did not hold; read again and decide anew"},
    {TGS_E_FENCED, false, "fenced", "the session's lease is not held by this handle; acquire it again"},
    {TGS_E_UNSUPPORTED, false, "unsupported", "this back end or version does not have it"},
    {TGS_E_BUSY, true, "busy", "held by somebody else for the whole deadline; try again or wait longer"},
    {TGS_E_TIMEOUT, true, "timeout", "the deadline passed; try again or give more time"},
    {TGS_E_CANCELLED, false, "cancelled", "the call was cancelled"},
    {TGS_E_UNAVAILABLE, true, "unavailable",
     "the database can't be reached; check that it is there and try again"},
    {TGS_E_AUTH, false, "auth", "access was refused; check the credentials or permissions"},
    {TGS_E_READ_ONLY, false, "read only",
     "the store is open for reading only; open it with mode=rwc to write"},
    {TGS_E_NO_SPACE, true, "no space", "no space left; free some and try again"},
    {TGS_E_TOO_LARGE, false, "too large", "beyond a limit of tgstore.h; split it"},
    {TGS_E_CORRUPT, false, "corrupt", "stored data can't be decoded; restore it from a backup"},
    {TGS_E_NOMEM, true, "no memory", "out of memory; nothing was changed"},
    {TGS_E_BACKEND, false, "backend", "the database failed"},
};

static size_t find_status(tgs_status code) {
    size_t n = sizeof statuses / sizeof *statuses;
    for (size_t i = 0; i < n; i++)
        if (statuses[i].code == code) return i;
    return n - 1; /* unknown codes are treated as BACKEND */
}

TGS_API const char *tgs_status_name(tgs_status code) { return statuses[find_status(code)].name; }

void error_clear(tgs_error *err) {
    if (!err) return;
    memset(err, 0, sizeof *err);
    err->index = -1;
}

/* Names of people's files and workers come into messages, and may be cut: what is left is one
 * line of UTF-8 all the same. */
static void make_one_line(char *message) {
    for (char *c = message; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f) *c = ' ';
    for (size_t len = strlen(message), i = 0;; i++) {
        i += text_valid_prefix((tgs_str){message + i, len - i});
        if (i >= len) return;
        message[i] = '?';
    }
}

static tgs_status fill(tgs_error *err, tgs_status code, int64_t index, const char *format,
                       va_list arguments) {
    if (!err) return code;
    size_t status = find_status(code);
    err->code = code;
    err->retryable = statuses[status].retryable;
    err->index = index;
    vsnprintf(err->message, sizeof err->message, format, arguments);
    make_one_line(err->message);
    return code;
}

tgs_status error_set(tgs_error *err, tgs_status code, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fill(err, code, -1, format, arguments);
    va_end(arguments);
    return code;
}

tgs_status error_set_row(tgs_error *err, tgs_status code, size_t index, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fill(err, code, (int64_t)index, format, arguments);
    va_end(arguments);
    return code;
}

tgs_status error_set_native(tgs_error *err, tgs_status code, const char *native, const char *message) {
    if (!err) return code;
    int64_t index = err->index; /* a back end names the row before it fails */
    if (code == TGS_NOT_FOUND) message = "";
    error_set(err, code, "%s", message ? message : statuses[find_status(code)].message);
    err->index = index;
    if (native) snprintf(err->native, sizeof err->native, "%s", native);
    return code;
}

tgs_status error_nomem(tgs_error *err) { return error_set_native(err, TGS_E_NOMEM, NULL, NULL); }
