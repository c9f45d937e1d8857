/* SPDX-License-Identifier: Apache-2.0 */
/* What backend.h asks of a back end and no call of tgstore.h can show: what comes from a core that is newer
 * or that errs.  The built-in ones, spoken to as the core does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../backends/builtin.h"
#include "call.h"
#include "error.h"
#include "sink.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define SESSION TGS_STR("main")

/* --- a store of each ------------------------------------------------------------------------------- */

struct store {
    const tgs_backend *backend;
    void *self;
    char folder[40], path[60];
    struct limits limits;
    tgs_error err;
};

static int open_store(struct store *store, tgs_backend_entry_function entry, const char *path) {
    uint64_t capabilities = 0;
    store->backend = entry(TGS_BACKEND_ABI, &host);
    if (!store->backend || limits_resolve(&store->limits, NULL, 10000, NULL, &store->err) != TGS_OK)
        return -1;
    tgs_str text = {path, strlen(path)};
    tgs_backend_open open = {.size = sizeof open, .scheme = TGS_STR("x"), .target = text, .path = text};
    return store->backend->open(&open, &store->limits.backend, &store->self, &capabilities, &store->err);
}

static int open_memory(void **state) {
    struct store *store = *state = calloc(1, sizeof *store);
    return store ? open_store(store, memory_backend_entry, "") : -1;
}

static int open_sqlite(void **state) {
    struct store *store = *state = calloc(1, sizeof *store);
    if (!store) return -1;
    snprintf(store->folder, sizeof store->folder, "/tmp/tgstore-backend-XXXXXX");
    if (!mkdtemp(store->folder)) return -1;
    snprintf(store->path, sizeof store->path, "%s/store.db", store->folder);
    return open_store(store, sqlite_backend_entry, store->path);
}

static int close_store(void **state) {
    struct store *store = *state;
    store->backend->close(store->self, 0);
    unlink(store->path);
    if (store->folder[0] && rmdir(store->folder) != 0) return -1;
    free(store);
    return 0;
}

/* The answer to one operation; its result goes to `last`, if that is not NULL. */
static tgs_status write_one(struct store *store, const tgs_op *op, tgs_result *last) {
    tgs_write write = {.size = sizeof write, .session = SESSION, .ops = op, .n_ops = 1, .stride = sizeof *op};
    if (op->tag == TGS_OP_PRUNE) write.session = (tgs_str){NULL, 0};
    tgs_sink sink = {0};
    error_clear(&store->err);
    tgs_status status =
        store->backend->write(store->self, &write, &store->limits.backend, &sink, &store->err);
    if (last) *last = sink.last;
    return status;
}

static tgs_status read_one(struct store *store, const tgs_query *query) {
    tgs_sink sink = {0};
    error_clear(&store->err);
    return store->backend->read(store->self, query, &store->limits.backend, &sink, &store->err);
}

static tgs_op put_kv(const tgs_kv *row) {
    return (tgs_op){.tag = TGS_OP_PUT, .record = TGS_RECORD_KV, .set = TGS_KV_VALUE, .row = row};
}

static const tgs_kv a_row = {.scope = {"s", 1}, .key = {"k", 1}, .value = {(const uint8_t *)"v", 1}};

/* --- what they must refuse ----------------------------------------------------------------------------- */

static void another_abi_is_not_served(void **state) {
    (void)state;
    assert_null(memory_backend_entry(TGS_BACKEND_ABI + 1, &host));
    assert_null(sqlite_backend_entry(TGS_BACKEND_ABI + 1, &host));
}

/* Unknown tags and flags are UNSUPPORTED: a newer library may send them. */
static void unknown_operations_are_unsupported(void **state) {
    static const tgs_op unknown[] = {
        {.tag = 0, .record = TGS_RECORD_KV, .row = &a_row},
        {.tag = TGS_OP_PRUNE + 1, .record = TGS_RECORD_KV, .row = &a_row},
        {.tag = TGS_OP_PUT, .record = 0, .row = &a_row},
        {.tag = TGS_OP_PUT, .record = TGS_RECORD_SESSION_INFO, .row = &a_row},
        {.tag = TGS_OP_DELETE, .record = -1, .row = &a_row},
        {.tag = TGS_OP_PUT, .record = TGS_RECORD_KV, .flags = 1u << 31, .row = &a_row},
        {.tag = TGS_OP_SETTLE, .record = TGS_RECORD_QUEUE_ITEM, .action = 0, .row = &a_row},
        {.tag = TGS_OP_SETTLE, .record = TGS_RECORD_QUEUE_ITEM, .action = TGS_SETTLE_KILL + 1, .row = &a_row},
    };
    for (size_t i = 0; i < COUNT(unknown); i++) {
        assert_int_equal(write_one(*state, &unknown[i], NULL), TGS_E_UNSUPPORTED);
        assert_int_equal(((struct store *)*state)->err.code, TGS_E_UNSUPPORTED);
    }
}

static void unknown_queries_are_unsupported(void **state) {
    const tgs_filter by_key = {.size = sizeof by_key, .kind = TGS_PEER_ANY, .state = -1};
    const tgs_filter by_expiry = {
        .size = sizeof by_expiry, .kind = TGS_PEER_ANY, .state = -1, .order = TGS_ORDER_EXPIRES};
    const tgs_filter by_what = {.size = sizeof by_what, .kind = TGS_PEER_ANY, .state = -1, .order = 7};
    const tgs_query unknown[] = {
        {.tag = 0},
        {.tag = TGS_QUERY_STATS + 1},
        {.tag = TGS_QUERY_GET, .record = 0},
        {.tag = TGS_QUERY_GET, .record = TGS_RECORD_STATS},
        {.tag = TGS_QUERY_LIST, .record = 0, .filter = &by_key},
        {.tag = TGS_QUERY_LIST, .record = TGS_RECORD_KV, .filter = &by_expiry},
        {.tag = TGS_QUERY_LIST, .record = TGS_RECORD_CONVERSATION, .filter = &by_what},
    };
    for (size_t i = 0; i < COUNT(unknown); i++) {
        tgs_query query = unknown[i];
        query.size = sizeof query;
        query.session = SESSION;
        query.limit = 1;
        assert_int_equal(read_one(*state, &query), TGS_E_UNSUPPORTED);
    }
}

/* Of a list with an operation that is not known nothing is stored. */
static void nothing_of_a_list_with_an_unknown_operation_is_stored(void **state) {
    struct store *store = *state;
    tgs_op ops[] = {put_kv(&a_row), {.tag = 99, .index = 1}};
    tgs_write write = {
        .size = sizeof write, .session = SESSION, .ops = ops, .n_ops = 2, .stride = sizeof *ops};
    tgs_sink sink = {0};
    assert_int_equal(store->backend->write(store->self, &write, &store->limits.backend, &sink, &store->err),
                     TGS_E_UNSUPPORTED);
    tgs_result result;
    tgs_op delete = {.tag = TGS_OP_DELETE, .record = TGS_RECORD_KV, .row = &a_row};
    assert_int_equal(write_one(store, &delete, &result), TGS_OK);
    assert_int_equal(result.applied, 0);
}

/* --- a purge in steps ------------------------------------------------------------------------------------
 */

/* Between the steps of a purge the session takes no writes but those that end it, and has no rows. */
static void a_session_that_is_being_purged_takes_no_writes(void **state) {
    struct store *store = *state;
    tgs_result result;
    static const char keys[] = "abc";
    for (size_t i = 0; i < strlen(keys); i++) {
        tgs_kv row = a_row;
        row.key = (tgs_str){keys + i, 1};
        tgs_op put = put_kv(&row);
        assert_int_equal(write_one(store, &put, NULL), TGS_OK);
    }
    tgs_op purge = {.tag = TGS_OP_PURGE, .limit = 2}, put = put_kv(&a_row);
    assert_int_equal(write_one(store, &purge, &result), TGS_OK);
    assert_int_equal(result.applied, 0);

    assert_int_equal(write_one(store, &put, NULL), TGS_E_CONFLICT);
    tgs_op release = {.tag = TGS_OP_LEASE_RELEASE};
    assert_int_equal(write_one(store, &release, NULL), TGS_OK);
    tgs_query stats = {.size = sizeof stats, .tag = TGS_QUERY_STATS, .session = SESSION};
    tgs_sink sink = {.rows = rows_new(TGS_RECORD_STATS, 1)};
    assert_int_equal(store->backend->read(store->self, &stats, &store->limits.backend, &sink, &store->err),
                     TGS_OK);
    tgs_stats counted = {0};
    if (tgs_rows_count(sink.rows)) tgs_rows_row(sink.rows, 0, &counted, sizeof counted);
    assert_int_equal(counted.kvs, 0);
    tgs_rows_free(sink.rows);

    while (!result.applied) assert_int_equal(write_one(store, &purge, &result), TGS_OK);
    assert_int_equal(write_one(store, &put, NULL), TGS_OK);
}

int main(void) {
#define EACH(name)                                                                                           \
    {"memory: " #name, name, open_memory, close_store, NULL}, {                                              \
        "sqlite: " #name, name, open_sqlite, close_store, NULL                                               \
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_abi_is_not_served),
        EACH(unknown_operations_are_unsupported),
        EACH(unknown_queries_are_unsupported),
        EACH(nothing_of_a_list_with_an_unknown_operation_is_stored),
        EACH(a_session_that_is_being_purged_takes_no_writes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
