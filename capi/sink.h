/* SPDX-License-Identifier: Apache-2.0 */
/* What a back end gives its rows and results to. */
#ifndef CAPI_SINK_H
#define CAPI_SINK_H

#include "rows.h"
#include "tgstore/backend.h"

/* Secrets are stored with one byte in front, so that encryption at rest can come without
 * a migration.  This one says: as it is. */
#define ENVELOPE_PLAIN 0x01

struct tgs_sink {
    tgs_rows *rows;      /* NULL: a write that gives none */
    bool slots;          /* rows have their places (GET), else they are appended */
    size_t limit;        /* rows of a page; one more only tells that there is more.  0: no limit */
    size_t budget;       /* bytes of texts and blobs after which no more rows are wanted.  0: no limit */
    tgs_result *results; /* n_results of them, by the index of the operation; NULL: not asked for */
    size_t n_results;
    tgs_result last; /* the last result given, for operations that stand alone */
};

/* The functions of tgs_host. */
tgs_status sink_row(tgs_sink *sink, size_t slot, const void *row);
void sink_result(tgs_sink *sink, size_t index, int32_t applied, uint32_t notes, int64_t version);

extern const tgs_host host;

#endif
