/* SPDX-License-Identifier: Apache-2.0 */
/* Calls with random arguments, made on two stores in turns: what an input is taken for. */
#ifndef FUZZ_ABI_H
#define FUZZ_ABI_H

#include "fuzz.h"

#define START_MS INT64_C(1700000000000) /* where the clock begins */
#define MAX_CALLS 150
#define MAX_ARGUMENT_ROWS 6
#define N_SESSIONS 4
#define N_BATCHES 2
#define N_KEPT 32 /* claims and versions that later calls can name */

/* One of the two stores, and what was got from it. */
struct world {
    tgs_store *store;
    tgs_session *sessions[N_SESSIONS];
    tgs_batch *batches[N_BATCHES];
    tgs_snapshot *snapshot;
    tgs_canceller *canceller;
    struct {
        char id[16];
        int64_t token;
    } claims[N_KEPT];
    int64_t versions[N_KEPT];
    size_t n_claims, n_versions;
};

/* The arguments of one call, the same for both stores.  All memory is of exactly the size that the call is
 * told, and is overwritten when the call is over. */
struct arguments {
    struct block *memory;
    int32_t record;
    char *rows;
    size_t n, stride;
    uint8_t recalled[MAX_ARGUMENT_ROWS]; /* the claim or version that a row names, counted from 1 */
    char *after;
    size_t after_stride;
    tgs_filter *filter;
    tgs_str text, text2, *texts;
    size_t n_texts;
    int64_t number, number2;
    int32_t choice;
    uint32_t flags;
    size_t limit;
    const tgs_call *call;
    size_t session, batch;
    bool cancellable, no_session, no_out, no_err, no_results;
};

enum {
    ROWS = 1,  /* record, rows, n, stride */
    AFTER = 2, /* record, after, after_stride */
    FILTER = 4,
    TEXT = 8,
    TEXT2 = 0x10,
    TEXTS = 0x20,
    NUMBER = 0x40,
    NUMBER2 = 0x80,
    CHOICE = 0x100,
    FLAGS = 0x200,
    LIMIT = 0x400,
    CALL = 0x800,
    ITEMS = 0x1000, /* ROWS, of the queue */
};

/* Take those of the arguments that `needs` names. */
void take_arguments(struct reader *in, uint32_t needs, struct arguments *arguments);
void free_arguments(struct arguments *arguments);
/* For what else a call needs; freed with the arguments. */
void *argument_memory(struct arguments *arguments, size_t size);

/* The clock of the library, in ms. */
extern int64_t fuzz_clock_ms;

#endif
