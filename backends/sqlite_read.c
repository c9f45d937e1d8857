/* SPDX-License-Identifier: Apache-2.0 */
/* Queries.  Each is one statement, or some in one read transaction, so that it is answered from one state of
 * the database. */
#include <limits.h>

#include "sqlite.h"

/* --- get ---------------------------------------------------------------------------------------- */

static const void *key_at(const tgs_query *query, size_t i) {
    return (const char *)query->keys + i * query->stride;
}

/* Give the one row of a bound statement, if there is one. */
static tgs_status give_one(struct task *task, struct statement *statement, size_t slot) {
    union any_row row;
    bool found = false;
    tgs_status status = task_step(task, statement, &found);
    if (status != TGS_OK || !found) return status;
    status = task_decode(task, statement, &row);
    if (status == TGS_OK) status = task_give(task, slot, &row);
    statement_reset(statement);
    return status;
}

static tgs_status get_one(struct task *task, const tgs_query *query, size_t i) {
    const void *key = key_at(query, i);
    enum query get = sqlite_record_queries[query->record].get;
    if (query->record == TGS_RECORD_PEER && ((const tgs_peer *)key)->kind == TGS_PEER_ANY)
        get = QUERY_GET_PEER_OF_ANY_KIND;
    struct statement *statement;
    tgs_status status = task_bind(task, get, query->record, key, 0, &statement);
    return status == TGS_OK ? give_one(task, statement, i) : status;
}

static tgs_status get_by_name(struct task *task, const tgs_query *query, size_t i) {
    struct statement *statement;
    enum query get =
        query->tag == TGS_QUERY_PEER_BY_PHONE ? QUERY_GET_PEER_BY_PHONE : QUERY_GET_PEER_BY_USERNAME;
    int64_t since = query->max_age_ms > 0 ? task->now - query->max_age_ms : INT64_MIN;
    tgs_status status = task_bind(task, get, TGS_RECORD_PEER, NULL, 0, &statement);
    if (status == TGS_OK) status = task_bind_text(task, statement, ":name", query->texts[i]);
    if (status == TGS_OK) status = task_bind_number(task, statement, ":seen_since", since);
    return status == TGS_OK ? give_one(task, statement, i) : status;
}

/* A single look-up needs no transaction around it. */
static tgs_status look_up(struct task *task, const tgs_query *query, size_t n,
                          tgs_status (*one)(struct task *task, const tgs_query *query, size_t i)) {
    if (n == 0) return TGS_OK;
    if (n == 1) return one(task, query, 0);
    tgs_status status = task_run(task, QUERY_BEGIN_READ, 0, NULL, 0);
    if (status != TGS_OK) return status;
    for (size_t i = 0; status == TGS_OK && i < n; i++) status = one(task, query, i);
    task->connection->call = NULL; /* ending it is not given up */
    tgs_status ended = task_run(task, QUERY_COMMIT, 0, NULL, 0);
    return status == TGS_OK ? ended : status;
}

/* --- list ------------------------------------------------------------------------------------------ */

/* A row that is not after any other. */
static void set_first(const struct layout *layout, void *row) {
    memset(row, 0, layout->row_size);
    for (size_t i = 0; i < layout->n_fields; i++) {
        const tgs_field *field = &layout->fields[i];
        if (field->type == TGS_TYPE_I32) *(int32_t *)member_of(row, field) = INT32_MIN;
        if (field->type == TGS_TYPE_I64) *(int64_t *)member_of(row, field) = INT64_MIN;
    }
}

static bool same_text(tgs_str a, tgs_str b) {
    return a.len == b.len && (!a.len || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static bool same_member(const tgs_field *field, const void *a, const void *b) {
    if (field->type == TGS_TYPE_I32) return *(const int32_t *)a == *(const int32_t *)b;
    if (field->type == TGS_TYPE_I64) return *(const int64_t *)a == *(const int64_t *)b;
    return same_text(*(const tgs_str *)a, *(const tgs_str *)b);
}

/* Has the row the place in the list where the statement was told to begin? */
static bool same_place(const struct statement *statement, const void *a, const void *b) {
    for (int i = 0; i < statement->n_parameters; i++) {
        if (statement->parameters[i] < 0) continue;
        const tgs_field *field = &statement->layout->fields[statement->parameters[i]];
        if (!same_member(field, member_in(a, field), member_in(b, field))) return false;
    }
    return true;
}

/* Peers of a kind and values of a scope stand together: the list may begin there and end behind them. */
static void begin_at_filter(const tgs_query *query, union any_row *from) {
    if (query->record == TGS_RECORD_PEER && query->filter->kind != TGS_PEER_ANY)
        from->peer.kind = query->filter->kind;
    if (query->record == TGS_RECORD_KV && query->filter->scope.ptr) from->kv.scope = query->filter->scope;
}

static bool beyond_filter(const tgs_query *query, const union any_row *row) {
    if (query->record == TGS_RECORD_PEER)
        return query->filter->kind != TGS_PEER_ANY && row->peer.kind != query->filter->kind;
    if (query->record == TGS_RECORD_KV)
        return query->filter->scope.ptr && !same_text(row->kv.scope, query->filter->scope);
    return false;
}

static tgs_status bind_list(struct task *task, const tgs_query *query, const void *from,
                            struct statement **out) {
    bool by_expiry = query->filter->order == TGS_ORDER_EXPIRES;
    enum query list =
        by_expiry ? QUERY_LIST_CONVERSATION_BY_EXPIRY : sqlite_record_queries[query->record].list;
    tgs_status status = task_bind(task, list, query->record, from, ALL_MEMBERS, out);
    if (status != TGS_OK || query->record != TGS_RECORD_QUEUE_ITEM) return status;
    status = task_bind_number(task, *out, ":filter_state", query->filter->state);
    return status == TGS_OK ? task_bind_text(task, *out, ":filter_lane", query->filter->scope) : status;
}

static tgs_status list(struct task *task, const tgs_query *query) {
    /* There is no more than one session record: getting it is listing it. */
    if (query->record == TGS_RECORD_SESSION) {
        static const tgs_session_data key;
        tgs_query get = {.record = TGS_RECORD_SESSION, .keys = &key, .n_keys = 1};
        return query->after || !query->limit ? TGS_OK : get_one(task, &get, 0);
    }
    union any_row first, row;
    struct statement *statement;
    if (!query->after) {
        set_first(&sqlite_layouts[query->record], &first);
        begin_at_filter(query, &first);
    }
    const void *from = query->after ? query->after : &first;
    tgs_status status = bind_list(task, query, from, &statement);
    if (status != TGS_OK) return status;
    bool found = true, at_first = query->after != NULL;
    for (size_t slot = 0; slot < query->limit; at_first = false) {
        status = task_step(task, statement, &found);
        if (status != TGS_OK || !found) return status;
        status = task_decode(task, statement, &row);
        if (status != TGS_OK || beyond_filter(query, &row)) break;
        if (at_first && same_place(statement, from, &row)) continue;
        status = task_give(task, slot++, &row);
        if (status != TGS_OK) break;
    }
    statement_reset(statement);
    return status;
}

/* --- the store ----------------------------------------------------------------------------------------- */

static tgs_status list_sessions(struct task *task, const tgs_query *query) {
    tgs_session_info first = {.name = query->n_texts ? query->texts[0] : (tgs_str){"", 0}}, row;
    struct statement *statement;
    bool found = true;
    tgs_status status =
        task_bind(task, QUERY_LIST_SESSIONS, TGS_RECORD_SESSION_INFO, &first, ALL_MEMBERS, &statement);
    for (size_t slot = 0; status == TGS_OK && slot < query->limit;) {
        status = task_step(task, statement, &found);
        if (status != TGS_OK || !found) return status;
        status = task_decode(task, statement, &row);
        if (status != TGS_OK) break;
        if (!query->n_texts || !same_text(row.name, first.name)) status = task_give(task, slot++, &row);
    }
    if (statement->handle) statement_reset(statement);
    return status;
}

static tgs_status count_sessions(struct task *task, int64_t *count) {
    tgs_session_info first = {.name = task->session.ptr ? task->session : (tgs_str){"", 0}};
    struct statement *statement;
    bool found = true;
    *count = 0;
    tgs_status status =
        task_bind(task, QUERY_LIST_SESSIONS, TGS_RECORD_SESSION_INFO, &first, ALL_MEMBERS, &statement);
    while (status == TGS_OK && (status = task_step(task, statement, &found)) == TGS_OK && found) {
        if (task->session.ptr && !same_text(statement_text(statement, 0), first.name)) {
            statement_reset(statement);
            break;
        }
        ++*count;
    }
    return status;
}

static tgs_status count_rows(struct task *task, struct statement *statement, tgs_stats *stats) {
    bool found = false;
    tgs_status status = task_step(task, statement, &found);
    if (status != TGS_OK || !found) return status;
    status = task_decode(task, statement, stats);
    statement_reset(statement);
    return status;
}

/* Two statements, one state. */
static tgs_status stats(struct task *task, const tgs_query *query) {
    (void)query;
    struct statement *statement;
    tgs_stats row = {0};
    int64_t sessions = 0;
    tgs_status status = task_run(task, QUERY_BEGIN_READ, 0, NULL, 0);
    if (status != TGS_OK) return status;
    status = task_bind(task, QUERY_GET_STATS, TGS_RECORD_STATS, NULL, 0, &statement);
    if (status == TGS_OK) status = count_rows(task, statement, &row);
    if (status == TGS_OK) status = count_sessions(task, &sessions);
    task->connection->call = NULL; /* ending it is not given up */
    tgs_status ended = task_run(task, QUERY_COMMIT, 0, NULL, 0);
    if (status == TGS_OK) status = ended;
    row.sessions = sessions;
    row.fields |= TGS_STATS_ALL_COUNTS;
    return status == TGS_OK ? task_give(task, 0, &row) : status;
}

/* --- the read ---------------------------------------------------------------------------------------------
 */

static bool is_known(const tgs_query *query) {
    if (query->tag < TGS_QUERY_GET || query->tag > TGS_QUERY_STATS) return false;
    if (query->tag > TGS_QUERY_LIST) return true;
    if (query->record < TGS_RECORD_SESSION || query->record > TGS_RECORD_KV) return false;
    if (query->tag == TGS_QUERY_GET || query->filter->order == TGS_ORDER_KEY) return true;
    return query->filter->order == TGS_ORDER_EXPIRES && query->record == TGS_RECORD_CONVERSATION;
}

static tgs_status answer(struct task *task, const tgs_query *query) {
    switch (query->tag) {
    case TGS_QUERY_GET:
        return look_up(task, query, query->n_keys, get_one);
    case TGS_QUERY_LIST:
        return list(task, query);
    case TGS_QUERY_SESSIONS:
        return list_sessions(task, query);
    case TGS_QUERY_STATS:
        return stats(task, query);
    default:
        return look_up(task, query, query->n_texts, get_by_name);
    }
}

tgs_status sqlite_read(void *self, const tgs_query *query, const tgs_backend_call *call, tgs_sink *sink,
                       tgs_error *err) {
    struct connection *connection;
    if (!is_known(query))
        return sqlite_host->fail(err, TGS_E_UNSUPPORTED, NULL,
                                 "the sqlite back end does not know this query");
    tgs_status status = pool_take_reader(self, call, &connection, err);
    if (status != TGS_OK) return status;
    struct task task = {.connection = connection,
                        .err = err,
                        .sink = sink,
                        .session = query->session,
                        .now = sqlite_host->now_ms()};
    status = answer(&task, query);
    pool_give_back(connection);
    return status == TGS_SINK_FULL ? TGS_OK : status;
}
