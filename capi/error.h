/* SPDX-License-Identifier: Apache-2.0 */
/* Filling in the caller's tgs_error. */
#ifndef CAPI_ERROR_H
#define CAPI_ERROR_H

#include "tgstore.h"

/* Clear err (nullable): every public function does so first. */
void error_clear(tgs_error *err);

/* Fill in err (nullable) with a printf message and return `code`, so that callers can
 * say: return error_set(err, TGS_E_INVALID, ...).  The message is made one line of UTF-8, and
 * cut if it is too long. */
tgs_status error_set(tgs_error *err, tgs_status code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same, for a fault in row `index` of the caller's rows. */
tgs_status error_set_row(tgs_error *err, tgs_status code, size_t index, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Out of memory: never allocates. */
tgs_status error_nomem(tgs_error *err);

/* As above with the driver's own code as text (nullable) and a finished message (nullable: a
 * standard one). */
tgs_status error_set_native(tgs_error *err, tgs_status code, const char *native, const char *message);

#ifdef STATIC_ANALYSIS /* script/lint: what can't be seen from another file is that each returns its code, a \
                          failure */
#define error_set(err, code, ...) (error_set(err, code, __VA_ARGS__), (code))
#define error_set_row(err, code, ...) (error_set_row(err, code, __VA_ARGS__), (code))
#define error_set_native(err, code, ...) (error_set_native(err, code, __VA_ARGS__), (code))
#define error_nomem(err) (error_nomem(err), TGS_E_NOMEM)
#endif

#endif
