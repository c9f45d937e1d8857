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

/* What decides between peers of the same id. */
struct rank {
    bool found, has_hash;
    int64_t seen_at;
};

static bool is_better(const struct rank *rank, const struct rank *than) {
    if (!than->found) return true;
    return rank->has_hash != than->has_hash ? rank->has_hash : rank->seen_at > than->seen_at;
}

/* They come by kind, users first.  Mostly there is one; a better one takes its place in the result. */
static tgs_status get_peer_of_any_kind(struct task *task, const void *key, size_t slot) {
    struct statement *statement;
    struct rank best = {0};
    tgs_peer peer;
    bool found = true;
    tgs_status status = task_bind(task, QUERY_GET_PEER_OF_ANY_KIND, TGS_RECORD_PEER, key, 0, &statement);
    while (status == TGS_OK && (status = task_step(task, statement, &found)) == TGS_OK && found) {
        status = task_decode(task, statement, &peer);
        if (status != TGS_OK) break;
        struct rank rank = {true, peer.access_hash != 0,
                            peer.fields & TGS_PEER_SEEN_AT ? peer.seen_at : INT64_MIN};
        if (!is_better(&rank, &best)) continue;
        best = rank;
        status = task_give(task, slot, &peer);
    }
    if (status != TGS_OK && statement->handle) statement_reset(statement);
    return status;
}

static tgs_status get_one(struct task *task, const tgs_query *query, size_t i) {
    const void *key = key_at(query, i);
    if (query->record == TGS_RECORD_PEER && ((const tgs_peer *)key)->kind == TGS_PEER_ANY)
        return get_peer_of_any_kind(task, key, i);
    struct statement *statement;
    tgs_status status =
        task_bind(task, sqlite_record_queries[query->record].get, query->record, key, 0, &statement);
    return status == TGS_OK ? give_one(task, statement, i) : status;
}

static tgs_status get_by_name(struct task *task, const tgs_query *query, size_t i) {
    struct statement *statement;
    enum query get =
        query->tag == TGS_QUERY_PEER_BY_PHONE ? QUERY_GET_PEER_BY_PHONE : QUERY_GET_PEER_BY_USERNAME;
    int64_t since = query->max_age_ms > 0 ? task->now - query->max_age_ms : INT64_MIN;
    task->name = query->texts[i];
    tgs_status status = task_bind(task, get, TGS_RECORD_PEER, NULL, 0, &statement);
    if (status == TGS_OK) status = task_bind_number(task, statement, ":seen_since", since);
    return status == TGS_OK ? give_one(task, statement, i) : status;
}

/* The end of a read transaction is not given up. */
static tgs_status end_read(struct task *task, tgs_status status) {
    task->connection->call = NULL;
    if (status == TGS_OK) status = task_run(task, QUERY_COMMIT, 0, NULL, 0);
    if (status != TGS_OK) task_roll_back(task);
    return status;
}

/* A single look-up needs no transaction around it. */
static tgs_status look_up(struct task *task, const tgs_query *query, size_t n,
                          tgs_status (*one)(struct task *task, const tgs_query *query, size_t i)) {
    if (n == 0) return TGS_OK;
    if (n == 1) return one(task, query, 0);
    tgs_status status = task_run(task, QUERY_BEGIN_READ, 0, NULL, 0);
    if (status != TGS_OK) return status;
    for (size_t i = 0; status == TGS_OK && i < n; i++) status = one(task, query, i);
    return end_read(task, status);
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

static int compare_text(tgs_str a, tgs_str b) {
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len ? memcmp(a.ptr, b.ptr, len) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

/* Has the row the place in the list where the statement was told to begin? */
static bool same_place(const struct statement *statement, const void *a, const void *b) {
    for (int i = 0; i < statement->n_parameters; i++) {
        if (statement->parameters[i] < 0) continue;
        const tgs_field *field = &statement->layout->fields[statement->parameters[i]];
        if (!member_same(field, a, b)) return false;
    }
    return true;
}

static tgs_status bind_queue_filter(struct task *task, struct statement *statement,
                                    const tgs_filter *filter) {
    tgs_status status = task_bind_number(task, statement, ":filter_state", filter->state);
    return status == TGS_OK ? task_bind_text(task, statement, ":filter_lane", filter->scope) : status;
}

/* What is left to do of a list. */
struct listing {
    const tgs_query *query;
    const void *from; /* where to begin */
    size_t slot;
    bool full;
};

static tgs_status run_list(struct task *task, enum query list, struct listing *listing) {
    const tgs_query *query = listing->query;
    struct statement *statement;
    union any_row row;
    bool found = true, first = listing->from == query->after;
    tgs_status status = task_bind(task, list, query->record, listing->from, ALL_MEMBERS, &statement);
    if (status == TGS_OK && list == QUERY_LIST_QUEUE_ITEM)
        status = bind_queue_filter(task, statement, query->filter);
    if (status != TGS_OK) return status;
    for (; listing->slot < query->limit; first = false) {
        status = task_step(task, statement, &found);
        if (status != TGS_OK || !found) return status;
        status = task_decode(task, statement, &row);
        if (status != TGS_OK) break;
        if (first && same_place(statement, listing->from, &row)) continue;
        status = task_give(task, listing->slot++, &row);
        if (status != TGS_OK) break;
    }
    statement_reset(statement);
    listing->full = true;
    return status;
}

/* Peers of the same kind and values of the same scope stand together.  The list is the rest of the group
 * where it begins, and then, unless only that one is asked for, the groups behind it. */
static tgs_status run_list_in_groups(struct task *task, enum query rest, bool only_one,
                                     struct listing *listing) {
    enum query group = sqlite_record_queries[listing->query->record].list;
    if (only_one) return run_list(task, group, listing);
    tgs_status status = task_run(task, QUERY_BEGIN_READ, 0, NULL, 0);
    if (status != TGS_OK) return status;
    status = run_list(task, group, listing);
    if (status == TGS_OK && !listing->full) status = run_list(task, rest, listing);
    return end_read(task, status);
}

static tgs_status list_peers(struct task *task, struct listing *listing) {
    int32_t kind = listing->query->filter->kind;
    const tgs_peer *after = listing->query->after;
    tgs_peer first = {.kind = kind == TGS_PEER_ANY ? TGS_PEER_USER : kind, .id = INT64_MIN};
    if (after && kind != TGS_PEER_ANY && after->kind > kind) return TGS_OK;
    bool inside = after && (kind == TGS_PEER_ANY || after->kind == kind);
    listing->from = inside ? after : &first;
    /* NOLINTNEXTLINE(clang-analyzer-core.StackAddressEscape): `from` is not used after the list */
    return run_list_in_groups(task, QUERY_LIST_PEER_OF_LATER_KINDS, kind != TGS_PEER_ANY, listing);
}

static tgs_status list_kvs(struct task *task, struct listing *listing) {
    tgs_str scope = listing->query->filter->scope;
    const tgs_kv *after = listing->query->after;
    tgs_kv first = {.scope = scope.ptr ? scope : (tgs_str){"", 0}, .key = {"", 0}};
    if (after && scope.ptr && compare_text(after->scope, scope) > 0) return TGS_OK;
    bool inside = after && (!scope.ptr || compare_text(after->scope, scope) == 0);
    listing->from = inside ? after : &first;
    /* NOLINTNEXTLINE(clang-analyzer-core.StackAddressEscape): `from` is not used after the list */
    return run_list_in_groups(task, QUERY_LIST_KV_OF_LATER_SCOPES, scope.ptr != NULL, listing);
}

/* There is no more than one session record: getting it is listing it. */
static tgs_status list_session(struct task *task, struct listing *listing) {
    static const tgs_session_data key;
    tgs_query get = {.record = TGS_RECORD_SESSION, .keys = &key, .n_keys = 1};
    return listing->query->after || !listing->query->limit ? TGS_OK : get_one(task, &get, 0);
}

static tgs_status list(struct task *task, const tgs_query *query) {
    struct listing listing = {.query = query, .from = query->after};
    union any_row first;
    if (query->record == TGS_RECORD_SESSION) return list_session(task, &listing);
    if (query->record == TGS_RECORD_PEER) return list_peers(task, &listing);
    if (query->record == TGS_RECORD_KV) return list_kvs(task, &listing);
    if (!listing.from) {
        set_first(&sqlite_layouts[query->record], &first);
        listing.from = &first;
    }
    bool by_expiry = query->filter->order == TGS_ORDER_EXPIRES;
    return run_list(task,
                    by_expiry ? QUERY_LIST_CONVERSATION_BY_EXPIRY : sqlite_record_queries[query->record].list,
                    &listing);
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
        if (!query->n_texts || !text_same(row.name, first.name)) status = task_give(task, slot++, &row);
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
        tgs_str name;
        status = task_text(task, statement, 0, &name);
        if (status != TGS_OK) break;
        if (task->session.ptr && !text_same(name, first.name)) {
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
    status = end_read(task, status);
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
    task_roll_back(&task); /* what a read left whose end failed */
    /* Nobody else can have written, so no transaction is needed to say so. */
    if (connection->store->exclusive && task_knows_session(&task))
        task.session_id = connection->known.session_id;
    status = answer(&task, query);
    pool_give_back(connection);
    return status == TGS_SINK_FULL ? TGS_OK : status;
}
