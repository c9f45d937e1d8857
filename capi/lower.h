/* SPDX-License-Identifier: Apache-2.0 */
/* From a caller's rows to a back end's operations: here the rules of the contract
 * become masks. */
#ifndef CAPI_LOWER_H
#define CAPI_LOWER_H

#include "arena.h"
#include "check.h"
#include "tgstore/backend.h"

/* How long things live: the store's settings. */
struct lifetimes {
    int64_t dedup_ttl_ms, done_ttl_ms, dead_ttl_ms;
};

/* Operations of one write, in the order of the caller's rows; ops[i].index is i.
 * Rows live in the arena.  Their texts do, too, if `copies`; else they are the
 * caller's and must stay until the write is done. */
struct op_list {
    tgs_op *ops;
    size_t count, capacity;
    size_t payload; /* bytes of texts and blobs */
    size_t first;   /* number of the next addition's first row, for errors */
    bool copies;
    bool auth; /* has auth material, so must be durable */
    const struct lifetimes *lifetimes;
    struct arena arena;
};

/* Each adds all rows or, on failure, none.  Arguments as the public functions'. */
tgs_status lower_put(struct op_list *list, int32_t record, const void *rows, size_t count, size_t stride,
                     tgs_error *err);
tgs_status lower_delete(struct op_list *list, int32_t record, const void *keys, size_t count, size_t stride,
                        tgs_error *err);
tgs_status lower_settle(struct op_list *list, int32_t action, const void *items, size_t count, size_t stride,
                        tgs_error *err);

void op_list_clear(struct op_list *list);
void op_list_free(struct op_list *list);

#endif
