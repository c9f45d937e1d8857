/* SPDX-License-Identifier: Apache-2.0 */
/* A result: rows of one record with everything they point to. */
#ifndef CAPI_ROWS_H
#define CAPI_ROWS_H

#include "arena.h"

/* An empty result with room for `capacity` rows (it grows).  NULL: out of memory. */
tgs_rows *rows_new(int32_t record, size_t capacity);

/* Append a deep copy of a row of the result's record, with TGS_ROW_FOUND. */
tgs_status rows_append(tgs_rows *rows, const void *row, tgs_error *err);

/* Row i, for changes before the result is given out. */
void *rows_at(tgs_rows *rows, size_t i);

void rows_set_more(tgs_rows *rows, bool more);

/* Make the result count rows, those beyond the present count being zero. */
tgs_status rows_resize(tgs_rows *rows, size_t count, tgs_error *err);

/* Put a deep copy of a row in place of row i. */
tgs_status rows_replace(tgs_rows *rows, size_t i, const void *row, tgs_error *err);

/* Give row i, a shallow copy of a key, texts of its own. */
tgs_status rows_own_key(tgs_rows *rows, size_t i, tgs_error *err);

/* Bytes of texts and blobs so far, for the limit of a page. */
size_t rows_payload(const tgs_rows *rows);

#endif
