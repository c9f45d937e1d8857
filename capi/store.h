/* SPDX-License-Identifier: Apache-2.0 */
/* An open back end, and the one way into it. */
#ifndef CAPI_STORE_H
#define CAPI_STORE_H

#include <pthread.h>
#include <stdatomic.h>

#include "call.h"
#include "lower.h"
#include "sink.h"

#define STORE_CLOSING 0x80000000u

struct tgs_store {
    const tgs_backend *backend;
    void *self; /* the back end's; NULL when closed */
    uint64_t capabilities;
    int64_t timeout_ms;
    struct lifetimes lifetimes;
    unsigned forks;         /* fork count of the process that opened it */
    atomic_int references;  /* the opener's, and one a session */
    atomic_uint calls;      /* inside; plus STORE_CLOSING once no new ones are let in */
    atomic_bool cancelling; /* no patience with the running calls */
    pthread_mutex_t lock;   /* of `idle` */
    pthread_cond_t drained; /* closing waits on it for the last call to leave */
    bool idle;              /* the last call has left */
};

struct tgs_session {
    tgs_store *store; /* referenced */
    tgs_str name;     /* in the same piece of memory */
    int64_t token;
};

/* A call that is inside a store. */
struct entry {
    tgs_store *store;
    struct limits limits;
    tgs_error *err;  /* never NULL */
    tgs_error spare; /* if the caller has none */
};

/* Begin a call: clear err, refuse closed and inherited stores, resolve the limits.
 * On TGS_OK entry_leave must follow. */
tgs_status entry_begin(struct entry *entry, tgs_store *store, const tgs_call *call, tgs_error *err);
void entry_leave(struct entry *entry);

/* Is the store open in this process?  For calls that do no I/O. */
tgs_status store_check(const tgs_store *store, tgs_error *err);

void store_reference(tgs_store *store);
void store_release(tgs_store *store);

/* Through the back end, with its name in the error. */
tgs_status store_read(struct entry *entry, tgs_query *query, tgs_sink *sink);
tgs_status store_write(struct entry *entry, const tgs_session *session, const tgs_op *ops, size_t n_ops,
                       bool durable, tgs_sink *sink);

/* A write of one operation that stands alone.  Its result is sink->last. */
tgs_status store_write_one(struct entry *entry, const tgs_session *session, const tgs_op *op, tgs_sink *sink);

/* A read whose rows, of `record`, become *out. */
tgs_status store_read_rows(struct entry *entry, tgs_query *query, int32_t record, size_t limit,
                           tgs_rows **out);

#ifdef STATIC_ANALYSIS /* as in error.h: without a store there is nothing to enter */
#define entry_begin(entry, store, call, err) ((store) ? entry_begin(entry, store, call, err) : TGS_E_INVALID)
#define store_check(store, err) ((store) ? store_check(store, err) : TGS_E_INVALID)
#endif

#endif
