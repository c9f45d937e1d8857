/* SPDX-License-Identifier: Apache-2.0 */
/* Answers to queries. */
#include "memory.h"

/* The running read. */
struct reading {
    const struct memory *memory;
    const tgs_query *query;
    const struct session *session; /* NULL: unknown, or being purged */
    tgs_sink *sink;
    tgs_error *err;
    int64_t now;
};

static tgs_status give(const struct reading *reading, size_t slot, const void *data) {
    tgs_status status = memory_host->row(reading->sink, slot, data);
    return status < 0 ? memory_host->fail(reading->err, status, NULL, NULL) : status;
}

static bool is_better(const tgs_peer *peer, const tgs_peer *than) {
    if (!than) return true;
    if ((peer->access_hash != 0) != (than->access_hash != 0)) return peer->access_hash != 0;
    return peer->seen_at > than->seen_at;
}

static const struct row *find_peer_of_any_kind(const struct session *session, int64_t id) {
    const struct row *best = NULL;
    for (int32_t kind = TGS_PEER_USER; kind <= TGS_PEER_CHANNEL; kind++) {
        const struct row *row =
            memory_find_any(session, TGS_RECORD_PEER, &(tgs_peer){.kind = kind, .id = id});
        if (row && is_better(row_data(row), best ? row_data(best) : NULL)) best = row;
    }
    return best;
}

static bool is_known_query(const tgs_query *query) {
    if (query->tag < TGS_QUERY_GET || query->tag > TGS_QUERY_STATS) return false;
    if (query->tag > TGS_QUERY_LIST) return true;
    if (query->record < TGS_RECORD_SESSION || query->record > TGS_RECORD_KV) return false;
    if (query->tag == TGS_QUERY_GET || query->filter->order == TGS_ORDER_KEY) return true;
    return query->filter->order == TGS_ORDER_EXPIRES && query->record == TGS_RECORD_CONVERSATION;
}

static tgs_status get(const struct reading *reading) {
    const tgs_query *query = reading->query;
    tgs_status status = TGS_OK;
    for (size_t i = 0; status == TGS_OK && i < query->n_keys; i++) {
        const void *key = (const char *)query->keys + i * query->stride;
        const tgs_peer *peer = query->record == TGS_RECORD_PEER ? key : NULL;
        const struct row *row = peer && peer->kind == TGS_PEER_ANY
                                    ? find_peer_of_any_kind(reading->session, peer->id)
                                    : memory_find_live(reading->session, query->record, key, reading->now);
        if (row) status = give(reading, i, row_data(row));
    }
    return status;
}

static tgs_status get_by_name(const struct reading *reading, size_t which) {
    const tgs_query *query = reading->query;
    tgs_status status = TGS_OK;
    for (size_t i = 0; status == TGS_OK && i < query->n_texts; i++) {
        const struct row *row =
            table_find_named(&reading->session->tables[TGS_RECORD_PEER], which, query->texts[i]);
        if (!row) continue;
        const struct peer *owner = row_data(row);
        if (query->max_age_ms > 0 && owner->names_seen_at[which] < reading->now - query->max_age_ms) continue;
        status = give(reading, i, &owner->peer);
    }
    return status;
}

/* Where a list with this filter begins. */
static struct cursor list_start(const struct table *table, const tgs_query *query, size_t order) {
    const tgs_filter *filter = query->filter;
    if (query->after) return cursor_seek(table, order, query->after, false);
    if (query->record == TGS_RECORD_PEER && filter->kind != TGS_PEER_ANY)
        return cursor_seek(table, order, &(tgs_peer){.kind = filter->kind, .id = INT64_MIN}, true);
    if (query->record == TGS_RECORD_KV && filter->scope.ptr)
        return cursor_seek(table, order, &(tgs_kv){.scope = filter->scope}, true);
    return cursor_first(table, order);
}

/* Whether the filter lets the row through, and whether it may let through a later one. */
static bool passes(const tgs_query *query, const void *data, bool *past_end) {
    const tgs_filter *filter = query->filter;
    if (query->record == TGS_RECORD_PEER && filter->kind != TGS_PEER_ANY) {
        const tgs_peer *peer = data;
        *past_end = peer->kind > filter->kind;
        return peer->kind == filter->kind;
    }
    if (query->record == TGS_RECORD_KV && filter->scope.ptr) {
        const tgs_kv *kv = data;
        *past_end = order_compare(&(struct order_by){1, {memory_layouts[TGS_RECORD_KV].key.fields[0]}}, kv,
                                  &(tgs_kv){.scope = filter->scope}) > 0;
        return same_text(kv->scope, filter->scope);
    }
    if (query->record != TGS_RECORD_QUEUE_ITEM) return true;
    const tgs_queue_item *item = data;
    return (filter->state < 0 || item->state == filter->state) &&
           (!filter->scope.ptr || same_text(item->lane, filter->scope));
}

static size_t order_of(const tgs_query *query) {
    return query->filter->order == TGS_ORDER_EXPIRES ? ORDER_EXPIRES : ORDER_KEY;
}

struct table *memory_unsettled(const struct memory *memory, const tgs_query *query) {
    if (query->tag != TGS_QUERY_LIST || !is_known_query(query) || order_of(query) != ORDER_KEY) return NULL;
    const struct row *row = memory_find_session(memory, query->session);
    struct table *table = row ? &memory_registration(row)->session->tables[query->record] : NULL;
    return table && !table_is_settled(table) ? table : NULL;
}

static tgs_status list(const struct reading *reading) {
    const tgs_query *query = reading->query;
    size_t order = order_of(query);
    struct cursor cursor = list_start(&reading->session->tables[query->record], query, order);
    const struct row *row;
    tgs_status status = TGS_OK;
    bool past_end = false;
    for (size_t slot = 0;
         status == TGS_OK && slot < query->limit && !past_end && (row = cursor_next(&cursor));) {
        if (memory_is_expired(&memory_layouts[query->record], row_data(row), reading->now)) continue;
        if (passes(query, row_data(row), &past_end)) status = give(reading, slot++, row_data(row));
    }
    return status;
}

static size_t count_expired(const struct table *table, int64_t now) {
    size_t count = 0;
    struct cursor cursor = cursor_first(table, ORDER_EXPIRES);
    for (struct row *row;
         (row = cursor_next(&cursor)) && memory_is_expired(table->layout, row_data(row), now);)
        count++;
    return count;
}

static int64_t count_live(const struct session *session, int32_t record, int64_t now) {
    const struct table *table = &session->tables[record];
    return (int64_t)(table->by_key.n_used - count_expired(table, now));
}

/* A session exists while it has a record, a live lease or the purge mark. */
static bool exists(const struct registration *registration, int64_t now) {
    if (registration->purging || memory_newest_lease(registration->session, TGS_LEASE_SHARED, now))
        return true;
    for (int32_t record = TGS_RECORD_SESSION; record <= TGS_RECORD_KV; record++)
        if (count_live(registration->session, record, now) > 0) return true;
    return false;
}

static int32_t count_leases(const struct session *session, int64_t now) {
    int32_t count = 0;
    struct cursor cursor = cursor_first(&session->tables[TABLE_LEASE], ORDER_KEY);
    for (struct row *row; (row = cursor_next(&cursor));)
        if (((const tgs_session_info *)row_data(row))->lease_expires > now) count++;
    return count;
}

static tgs_session_info session_info(const struct registration *registration, int64_t now) {
    const tgs_session_info *newest = memory_newest_lease(registration->session, TGS_LEASE_SHARED, now);
    tgs_session_info info = newest ? *newest : (tgs_session_info){0};
    info.name = registration->name;
    info.created = registration->created;
    info.purging = registration->purging;
    info.lease_holders = count_leases(registration->session, now);
    info.fields |= TGS_SESSION_INFO_CREATED | TGS_SESSION_INFO_PURGING | TGS_SESSION_INFO_LEASE_MODE |
                   TGS_SESSION_INFO_LEASE_HOLDERS;
    return info;
}

static tgs_status list_sessions(const struct reading *reading) {
    const tgs_query *query = reading->query;
    struct cursor cursor = cursor_first(&reading->memory->registry, ORDER_KEY);
    if (query->n_texts)
        cursor = cursor_seek(&reading->memory->registry, ORDER_KEY,
                             &(struct registration){.name = query->texts[0]}, false);
    const struct row *row;
    tgs_status status = TGS_OK;
    for (size_t slot = 0; status == TGS_OK && slot < query->limit && (row = cursor_next(&cursor));) {
        if (!exists(memory_registration(row), reading->now)) continue;
        tgs_session_info info = session_info(memory_registration(row), reading->now);
        status = give(reading, slot++, &info);
    }
    return status;
}

static void add_queue_stats(const struct session *session, int64_t now, tgs_stats *stats) {
    struct cursor cursor = cursor_first(&session->tables[TGS_RECORD_QUEUE_ITEM], ORDER_KEY);
    for (struct row *row; (row = cursor_next(&cursor));) {
        const tgs_queue_item *item = row_data(row);
        if (memory_is_expired(&memory_layouts[TGS_RECORD_QUEUE_ITEM], item, now)) continue;
        bool leased = item->state == TGS_QUEUE_LEASED && item->lease_expires > now;
        if (leased)
            stats->queue_leased++;
        else if (item->state <= TGS_QUEUE_LEASED)
            stats->queue_ready++;
        else if (item->state == TGS_QUEUE_DONE)
            stats->queue_done++;
        else
            stats->queue_dead++;
    }
}

static void add_stats(const struct registration *registration, int64_t now, tgs_stats *stats) {
    if (exists(registration, now)) stats->sessions++; /* without, it may still have rows to be pruned */
    if (registration->purging) return;
    const struct session *session = registration->session;
    stats->session_data += count_live(session, TGS_RECORD_SESSION, now);
    stats->dc_auths += count_live(session, TGS_RECORD_DC_AUTH, now);
    stats->peers += count_live(session, TGS_RECORD_PEER, now);
    stats->usernames += (int64_t)session->tables[TGS_RECORD_PEER].by_name[NAME_USERNAME].n_used;
    stats->phones += (int64_t)session->tables[TGS_RECORD_PEER].by_name[NAME_PHONE].n_used;
    stats->update_states += count_live(session, TGS_RECORD_UPDATE_STATE, now);
    stats->dedup_keys += count_live(session, TGS_RECORD_DEDUP, now);
    stats->conversations += count_live(session, TGS_RECORD_CONVERSATION, now);
    stats->kvs += count_live(session, TGS_RECORD_KV, now);
    add_queue_stats(session, now, stats);
    for (int32_t record = TGS_RECORD_SESSION; record <= TGS_RECORD_KV; record++)
        stats->expired += (int64_t)count_expired(&session->tables[record], now);
}

static tgs_status count_rows(const struct reading *reading) {
    tgs_stats stats = {.fields = TGS_STATS_ALL_COUNTS};
    if (reading->query->session.ptr) {
        const struct row *row = memory_find_session(reading->memory, reading->query->session);
        if (row) add_stats(memory_registration(row), reading->now, &stats);
    } else {
        struct cursor cursor = cursor_first(&reading->memory->registry, ORDER_KEY);
        for (struct row *row; (row = cursor_next(&cursor));)
            add_stats(memory_registration(row), reading->now, &stats);
    }
    return give(reading, 0, &stats);
}

static tgs_status answer(struct reading *reading) {
    const tgs_query *query = reading->query;
    if (!is_known_query(query)) return memory_host->fail(reading->err, TGS_E_UNSUPPORTED, NULL, NULL);
    if (query->tag == TGS_QUERY_SESSIONS) return list_sessions(reading);
    if (query->tag == TGS_QUERY_STATS) return count_rows(reading);
    const struct row *row = memory_find_session(reading->memory, query->session);
    if (!row || memory_registration(row)->purging) return TGS_OK;
    reading->session = memory_registration(row)->session;
    switch (query->tag) {
    case TGS_QUERY_GET:
        return get(reading);
    case TGS_QUERY_LIST:
        return list(reading);
    case TGS_QUERY_PEER_BY_USERNAME:
        return get_by_name(reading, NAME_USERNAME);
    default:
        return get_by_name(reading, NAME_PHONE);
    }
}

tgs_status memory_answer(const struct memory *memory, const tgs_query *query, tgs_sink *sink,
                         tgs_error *err) {
    bool timeless = query->tag == TGS_QUERY_GET && query->record == TGS_RECORD_PEER;
    struct reading reading = {memory, query, NULL, sink, err, timeless ? 0 : memory_host->now_ms()};
    tgs_status status = answer(&reading);
    return status == TGS_SINK_FULL ? TGS_OK : status;
}
