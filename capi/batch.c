/* SPDX-License-Identifier: Apache-2.0 */
/* Writing: every write is a batch, of one call's rows or of many. */
#include <string.h>

#include "allocator.h"
#include "error.h"
#include "fold.h"
#include "store.h"

struct tgs_batch {
    tgs_session session; /* a copy, with a reference of its own to the store */
    struct op_list list;
};

/* Store a list.  `results` has list->count entries, or is NULL. */
static tgs_status commit(struct entry *entry, const tgs_session *session, const struct op_list *list,
                         tgs_result *results) {
    if (!list->count) return TGS_OK;
    struct fold fold = fold_nothing(list);
    tgs_status status = TGS_OK;
    if (!entry->store->backend->repeats) status = fold_list(&fold, list, results != NULL, entry->err);
    /* Into memory of ours: the caller's is written only when all went well. */
    tgs_result few[16];
    tgs_result *collected = !results || list->count <= 16 ? few : mem_alloc(list->count * sizeof *collected);
    if (!collected) status = error_nomem(entry->err);
    if (status == TGS_OK && results) memset(collected, 0, list->count * sizeof *collected);
    tgs_sink sink = {.results = results ? collected : NULL, .n_results = results ? list->count : 0};
    if (status == TGS_OK) status = store_write(entry, session, fold.ops, fold.count, list->auth, &sink);
    if (status == TGS_OK && results) {
        fold_results(&fold, collected, list->count);
        memcpy(results, collected, list->count * sizeof *results);
    }
    if (collected != few) mem_free(collected);
    fold_free(&fold);
    return status;
}

/* What one call adds to a list. */
struct addition {
    tgs_status (*lower)(struct op_list *list, int32_t what, const void *rows, size_t count, size_t stride,
                        tgs_error *err);
    int32_t what; /* record or action */
    const void *rows;
    size_t count;
    size_t stride;
};

static tgs_status add(struct op_list *list, const struct addition *addition, tgs_error *err) {
    return addition->lower(list, addition->what, addition->rows, addition->count, addition->stride, err);
}

/* One call that is a batch by itself. */
static tgs_status write_now(tgs_session *session, const struct addition *addition, tgs_result *results,
                            const tgs_call *call, tgs_error *err) {
    struct entry entry;
    tgs_status status = entry_begin(&entry, session ? session->store : NULL, call, err);
    if (status != TGS_OK) return status;
    struct op_list list = {.lifetimes = &session->store->lifetimes};
    status = add(&list, addition, entry.err);
    if (status == TGS_OK) status = commit(&entry, session, &list, results);
    op_list_free(&list);
    entry_leave(&entry);
    return status;
}

TGS_API tgs_status tgs_put(tgs_session *session, int32_t record, const void *rows, size_t n_rows,
                           size_t stride, tgs_result *results, const tgs_call *call, tgs_error *err) {
    struct addition addition = {lower_put, record, rows, n_rows, stride};
    return write_now(session, &addition, results, call, err);
}

TGS_API tgs_status tgs_delete(tgs_session *session, int32_t record, const void *keys, size_t n_keys,
                              size_t stride, tgs_result *results, const tgs_call *call, tgs_error *err) {
    struct addition addition = {lower_delete, record, keys, n_keys, stride};
    return write_now(session, &addition, results, call, err);
}

TGS_API tgs_status tgs_queue_settle(tgs_session *session, int32_t action, const tgs_queue_item *items,
                                    size_t n_items, size_t stride, const tgs_call *call, tgs_error *err) {
    struct addition addition = {lower_settle, action, items, n_items, stride};
    return write_now(session, &addition, NULL, call, err);
}

/* --- batch ------------------------------------------------------------------------------- */

TGS_API tgs_status tgs_batch_new(tgs_session *session, tgs_batch **out, tgs_error *err) {
    error_clear(err);
    if (!out) return error_set(err, TGS_E_INVALID, "out is NULL");
    *out = NULL;
    if (!session) return error_set(err, TGS_E_INVALID, "the handle is NULL");
    tgs_status status = store_check(session->store, err);
    if (status != TGS_OK) return status;
    tgs_batch *batch = mem_zeroed(1, sizeof *batch + session->name.len + 1);
    if (!batch) return error_nomem(err);
    char *name = memcpy(batch + 1, session->name.ptr, session->name.len);
    batch->session = (tgs_session){session->store, {name, session->name.len}, session->token};
    batch->list.copies = true;
    batch->list.lifetimes = &session->store->lifetimes;
    store_reference(session->store);
    *out = batch;
    return TGS_OK;
}

static tgs_status add_to_batch(tgs_batch *batch, const struct addition *addition, tgs_error *err) {
    tgs_error spare;
    if (!err) err = &spare;
    error_clear(err);
    if (!batch) return error_set(err, TGS_E_INVALID, "the handle is NULL");
    return add(&batch->list, addition, err);
}

TGS_API tgs_status tgs_batch_put(tgs_batch *batch, int32_t record, const void *rows, size_t n_rows,
                                 size_t stride, tgs_error *err) {
    struct addition addition = {lower_put, record, rows, n_rows, stride};
    return add_to_batch(batch, &addition, err);
}

TGS_API tgs_status tgs_batch_delete(tgs_batch *batch, int32_t record, const void *keys, size_t n_keys,
                                    size_t stride, tgs_error *err) {
    struct addition addition = {lower_delete, record, keys, n_keys, stride};
    return add_to_batch(batch, &addition, err);
}

TGS_API tgs_status tgs_batch_settle(tgs_batch *batch, int32_t action, const tgs_queue_item *items,
                                    size_t n_items, size_t stride, tgs_error *err) {
    struct addition addition = {lower_settle, action, items, n_items, stride};
    return add_to_batch(batch, &addition, err);
}

TGS_API size_t tgs_batch_count(const tgs_batch *batch) { return batch ? batch->list.count : 0; }

TGS_API tgs_status tgs_batch_commit(tgs_batch *batch, tgs_result *results, size_t n_results,
                                    const tgs_call *call, tgs_error *err) {
    struct entry entry;
    tgs_status status = entry_begin(&entry, batch ? batch->session.store : NULL, call, err);
    if (status != TGS_OK) return status;
    if ((results || n_results) && (!results || n_results != batch->list.count))
        status = error_set(entry.err, TGS_E_INVALID, "n_results is %zu, but the batch has %zu rows",
                           n_results, batch->list.count);
    else
        status = commit(&entry, &batch->session, &batch->list, results);
    if (status == TGS_OK) op_list_clear(&batch->list);
    entry_leave(&entry);
    return status;
}

TGS_API void tgs_batch_clear(tgs_batch *batch) {
    if (batch) op_list_clear(&batch->list);
}

TGS_API void tgs_batch_free(tgs_batch *batch) {
    if (!batch) return;
    op_list_free(&batch->list);
    store_release(batch->session.store);
    mem_free(batch);
}

/* --- load ------------------------------------------------------------------------------------ */

/* A chunk: so that many rows share one commit; others wait for some 20 ms. */
#define LOAD_ROWS TGS_MAX_ROWS

/* Make a chunk of rows from `first` on: until it is full in rows or bytes. */
static tgs_status fill_chunk(struct op_list *list, const struct addition *all, size_t first, tgs_error *err) {
    for (size_t i = first; i < all->count && list->count < LOAD_ROWS; i++) {
        struct addition one = *all;
        one.rows = (const char *)all->rows + i * all->stride;
        one.count = 1;
        list->first = i;
        tgs_status status = add(list, &one, err);
        if (status == TGS_E_TOO_LARGE && list->count) { /* it begins the next chunk */
            error_clear(err);
            return TGS_OK;
        }
        if (status != TGS_OK) return status;
    }
    return TGS_OK;
}

static tgs_status store_chunk(struct entry *entry, const tgs_session *session, const struct op_list *list,
                              uint64_t *done) {
    tgs_status status = commit(entry, session, list, NULL);
    if (status == TGS_OK)
        *done += list->count;
    else if (entry->err->index >= 0) /* counted from the first row of all */
        entry->err->index += (int64_t)*done;
    return status;
}

static tgs_status load(struct entry *entry, tgs_session *session, const struct addition *all,
                       uint64_t *done) {
    struct input input;
    tgs_status status =
        check_input(&input, all->what, all->rows, all->count, all->stride, SIZE_MAX, entry->err);
    struct op_list list = {.lifetimes = &session->store->lifetimes};
    while (status == TGS_OK && *done < all->count) {
        op_list_clear(&list);
        status = limits_check(&entry->limits.backend);
        if (status != TGS_OK) error_set_native(entry->err, status, NULL, NULL);
        if (status == TGS_OK) status = fill_chunk(&list, all, *done, entry->err);
        if (status == TGS_OK) status = store_chunk(entry, session, &list, done);
    }
    op_list_free(&list);
    return status;
}

TGS_API tgs_status tgs_load(tgs_session *session, int32_t record, const void *rows, size_t n_rows,
                            size_t stride, uint64_t *done, const tgs_call *call, tgs_error *err) {
    uint64_t stored = 0;
    if (done) *done = 0;
    struct entry entry;
    tgs_status status = entry_begin(&entry, session ? session->store : NULL, call, err);
    if (status != TGS_OK) return status;
    struct addition all = {lower_put, record, rows, n_rows, stride};
    status = load(&entry, session, &all, &stored);
    if (done) *done = stored;
    entry_leave(&entry);
    return status;
}
