/* SPDX-License-Identifier: Apache-2.0 */
/* Merging what a batch says of one key more than once, so that back ends can write in bulk.  What is stored
 * and what the caller is told are the same as without. */
#ifndef CAPI_FOLD_H
#define CAPI_FOLD_H

#include "lower.h"

/* What to give to the back end instead of the list.  If nothing folds, ops are the list's own. */
struct fold {
    const tgs_op *ops;
    size_t count;
    size_t *shares; /* row i has the result of row shares[i]; NULL: each its own */
    bool *left;     /* row i was left out because the row it shares with made it old; NULL with shares */
    struct arena arena;
};

/* The list as it is. */
struct fold fold_nothing(const struct op_list *list);
/* `results`: somebody will look at them. */
tgs_status fold_list(struct fold *fold, const struct op_list *list, bool results, tgs_error *err);
/* Complete the results of rows that were merged away. */
void fold_results(const struct fold *fold, tgs_result *results, size_t count);
void fold_free(struct fold *fold);

#endif
