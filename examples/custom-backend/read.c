/* SPDX-License-Identifier: Apache-2.0 */
#include "jsonfile.h"

/* --- get ------------------------------------------------------------------------------------- */

static json_object *find_live(struct run *run, int32_t record, const void *key) {
    json_object *row = get_object(get_object(run->session, record_names[record]), key_text(run, record, key));
    return row && !is_expired(run, row) ? row : NULL;
}

static bool is_better(const json_object *peer, const json_object *than) {
    if (!than) return true;
    bool real = get_number(peer, "access_hash") != 0;
    if (real != (get_number(than, "access_hash") != 0)) return real;
    return get_number(peer, "seen_at") > get_number(than, "seen_at");
}

/* NOLINTNEXTLINE(misc-no-recursion): once, with a kind */
static const json_object *find_peer(struct run *run, int32_t kind, int64_t id) {
    if (kind != TGS_PEER_ANY) return find_live(run, TGS_RECORD_PEER, &(tgs_peer){.kind = kind, .id = id});
    const json_object *best = NULL;
    for (kind = TGS_PEER_USER; kind <= TGS_PEER_CHANNEL; kind++) {
        const json_object *peer = find_peer(run, kind, id);
        if (peer && is_better(peer, best)) best = peer;
    }
    return best;
}

static tgs_status get(struct run *run, const tgs_query *query) {
    tgs_status status = TGS_OK;
    for (size_t i = 0; status == TGS_OK && i < query->n_keys; i++) {
        const void *key = (const char *)query->keys + i * query->stride;
        const tgs_peer *peer = query->record == TGS_RECORD_PEER ? key : NULL;
        const json_object *row =
            peer ? find_peer(run, peer->kind, peer->id) : find_live(run, query->record, key);
        if (row) status = give_row(run, query->record, i, row);
    }
    return status;
}

/* names: "username" or "phone" */
static tgs_status get_by_name(struct run *run, const tgs_query *query, const char *names) {
    tgs_status status = TGS_OK;
    for (size_t i = 0; status == TGS_OK && i < query->n_texts; i++) {
        const json_object *owner =
            get_object(get_object(run->session, names), run_text(run, query->texts[i]));
        if (!owner) continue;
        if (query->max_age_ms > 0 && get_number(owner, "seen_at") < run->now - query->max_age_ms) continue;
        const json_object *row = find_peer(run, (int32_t)get_number(owner, "kind"), get_number(owner, "id"));
        if (row) status = give_row(run, TGS_RECORD_PEER, i, row);
    }
    return status;
}

/* --- list -------------------------------------------------------------------------------------- */

static bool same_text(tgs_str a, tgs_str b) {
    return a.len == b.len && (!a.len || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static bool passes(const tgs_query *query, const json_object *row) {
    const tgs_filter *filter = query->filter;
    switch (query->record) {
    case TGS_RECORD_PEER:
        return filter->kind == TGS_PEER_ANY || get_number(row, "kind") == filter->kind;
    case TGS_RECORD_KV:
        return !filter->scope.ptr || same_text(get_text(row, "scope"), filter->scope);
    case TGS_RECORD_QUEUE_ITEM:
        return (filter->state < 0 || get_number(row, "state") == filter->state) &&
               (!filter->scope.ptr || same_text(get_text(row, "lane"), filter->scope));
    case TGS_RECORD_CONVERSATION:
        return filter->order != TGS_ORDER_EXPIRES || get_number(row, "expires") > 0;
    default:
        return true;
    }
}

/* The members of `after` that the order goes by, to compare rows with. */
static json_object *after_members(struct run *run, const tgs_query *query, const struct order *order) {
    json_object *members = json_object_new_object();
    if (!members) run->no_memory = true;
    for (size_t i = 0; members && order->names[i]; i++) {
        const tgs_field *field = find_field(query->record, order->names[i]);
        set_member(run, members, field->name, member_to_json(run, field, query->after));
    }
    return members;
}

static tgs_status list(struct run *run, const tgs_query *query) {
    struct order order = order_of(query->record, query->filter->order);
    json_object *after = query->after ? after_members(run, query, &order) : NULL;
    size_t n;
    json_object **rows = sorted_rows(run, get_object(run->session, record_names[query->record]), &order, &n);
    tgs_status status = TGS_OK;
    size_t slot = 0;
    for (size_t i = 0; status == TGS_OK && !run->no_memory && i < n && slot < query->limit; i++) {
        if (is_expired(run, rows[i]) || !passes(query, rows[i])) continue;
        if (after && compare_rows(&order, rows[i], after) <= 0) continue;
        status = give_row(run, query->record, slot++, rows[i]);
    }
    json_object_put(after);
    return status;
}

/* --- sessions and stats ------------------------------------------------------------------------------ */

/* Rows of a table that are not expired; the others are added to `expired`, if it is not NULL. */
static int64_t count_live(const struct run *run, const json_object *session, const char *name,
                          int64_t *expired) {
    const json_object *table = get_object(session, name);
    int64_t live = 0;
    if (!table) return 0;
    json_object_object_foreach(table, key, row) {
        (void)key;
        if (!is_expired(run, row))
            live++;
        else if (expired)
            ++*expired;
    }
    return live;
}

/* A session exists while it has a record, a live lease or the purge mark. */
static bool exists(const struct run *run, const json_object *session) {
    if (has_member(session, "purging") || newest_lease(session, TGS_LEASE_SHARED, run->now)) return true;
    for (int32_t record = TGS_RECORD_SESSION; record <= TGS_RECORD_KV; record++)
        if (count_live(run, session, record_names[record], NULL) > 0) return true;
    return false;
}

static int32_t count_leases(const struct run *run, const json_object *session) {
    const json_object *leases = get_object(session, "leases");
    int32_t count = 0;
    if (!leases) return 0;
    json_object_object_foreach(leases, key, lease) {
        (void)key;
        if (get_number(lease, "expires") > run->now) count++;
    }
    return count;
}

static tgs_status give_session(struct run *run, size_t slot, tgs_str name, const json_object *session) {
    tgs_session_info info = {
        .fields = TGS_SESSION_INFO_CREATED | TGS_SESSION_INFO_PURGING | TGS_SESSION_INFO_LEASE_MODE |
                  TGS_SESSION_INFO_LEASE_HOLDERS,
        .name = name,
        .created = get_number(session, "created"),
        .purging = has_member(session, "purging"),
        .lease_holders = count_leases(run, session),
    };
    const json_object *lease = newest_lease(session, TGS_LEASE_SHARED, run->now);
    if (lease) {
        info.fields |= TGS_SESSION_INFO_LEASE_OWNER | TGS_SESSION_INFO_LEASE_HOST |
                       TGS_SESSION_INFO_LEASE_PID | TGS_SESSION_INFO_LEASE_SINCE |
                       TGS_SESSION_INFO_LEASE_EXPIRES | TGS_SESSION_INFO_LEASE_TOKEN;
        info.lease_mode = (int32_t)get_number(lease, "mode");
        info.lease_owner = get_text(lease, "owner");
        info.lease_host = get_text(lease, "host");
        info.lease_pid = get_number(lease, "pid");
        info.lease_since = get_number(lease, "since");
        info.lease_expires = get_number(lease, "expires");
        info.lease_token = get_number(lease, "token");
    }
    tgs_status status = host->row(run->sink, slot, &info);
    return status < 0 ? host->fail(run->err, status, NULL, NULL) : status;
}

/* The first session whose name comes after `name` (NULL: the first of all). */
static const char *next_session(const json_object *sessions, const char *name) {
    const char *next = NULL;
    json_object_object_foreach(sessions, key, session) {
        (void)session;
        if ((!name || strcmp(key, name) > 0) && (!next || strcmp(key, next) < 0)) next = key;
    }
    return next;
}

static tgs_status list_sessions(struct run *run, const tgs_query *query) {
    const json_object *sessions = get_object(run->db->tree, "sessions");
    const char *name = query->n_texts ? run_text(run, query->texts[0]) : NULL;
    tgs_status status = TGS_OK;
    for (size_t slot = 0; status == TGS_OK && slot < query->limit && (name = next_session(sessions, name));) {
        const json_object *session = get_object(sessions, name);
        if (exists(run, session)) status = give_session(run, slot++, (tgs_str){name, strlen(name)}, session);
    }
    return status;
}

static void add_queue_stats(const struct run *run, const json_object *session, tgs_stats *stats) {
    const json_object *items = get_object(session, "queue_item");
    if (!items) return;
    json_object_object_foreach(items, key, item) {
        (void)key;
        if (is_expired(run, item)) continue;
        int64_t state = get_number(item, "state");
        if (state == TGS_QUEUE_LEASED && get_number(item, "lease_expires") > run->now)
            stats->queue_leased++;
        else if (state <= TGS_QUEUE_LEASED)
            stats->queue_ready++;
        else if (state == TGS_QUEUE_DONE)
            stats->queue_done++;
        else
            stats->queue_dead++;
    }
}

static void add_stats(const struct run *run, const json_object *session, tgs_stats *stats) {
    if (!session) return;
    if (exists(run, session)) stats->sessions++; /* without, it may still have rows to be pruned */
    if (has_member(session, "purging")) return;
    int64_t *counts[] = {[TGS_RECORD_SESSION] = &stats->session_data,
                         [TGS_RECORD_DC_AUTH] = &stats->dc_auths,
                         [TGS_RECORD_PEER] = &stats->peers,
                         [TGS_RECORD_UPDATE_STATE] = &stats->update_states,
                         [TGS_RECORD_DEDUP] = &stats->dedup_keys,
                         [TGS_RECORD_CONVERSATION] = &stats->conversations,
                         [TGS_RECORD_KV] = &stats->kvs};
    for (int32_t record = TGS_RECORD_SESSION; record <= TGS_RECORD_KV; record++) {
        int64_t live = count_live(run, session, record_names[record], &stats->expired);
        if (counts[record]) *counts[record] += live;
    }
    stats->usernames += count_live(run, session, "username", NULL);
    stats->phones += count_live(run, session, "phone", NULL);
    add_queue_stats(run, session, stats);
}

static tgs_status count_rows(struct run *run, const tgs_query *query) {
    tgs_stats stats = {.fields = TGS_STATS_ALL_COUNTS | TGS_STATS_BYTES, .bytes = run->db->seen.st_size};
    const json_object *sessions = get_object(run->db->tree, "sessions");
    if (query->session.ptr) {
        add_stats(run, get_object(sessions, run_text(run, query->session)), &stats);
    } else {
        json_object_object_foreach(sessions, name, session) {
            (void)name;
            add_stats(run, session, &stats);
        }
    }
    tgs_status status = host->row(run->sink, 0, &stats);
    return status < 0 ? host->fail(run->err, status, NULL, NULL) : status;
}

/* --- all queries ------------------------------------------------------------------------------------------
 */

static bool is_known(const tgs_query *query) {
    if (query->tag < TGS_QUERY_GET || query->tag > TGS_QUERY_STATS) return false;
    if (query->tag > TGS_QUERY_LIST) return true;
    if (query->record < TGS_RECORD_SESSION || query->record > TGS_RECORD_KV) return false;
    if (query->tag == TGS_QUERY_GET || query->filter->order == TGS_ORDER_KEY) return true;
    return query->filter->order == TGS_ORDER_EXPIRES && query->record == TGS_RECORD_CONVERSATION;
}

tgs_status answer_query(struct run *run, const tgs_query *query) {
    if (!is_known(query)) return host->fail(run->err, TGS_E_UNSUPPORTED, NULL, NULL);
    if (query->tag == TGS_QUERY_SESSIONS) return list_sessions(run, query);
    if (query->tag == TGS_QUERY_STATS) return count_rows(run, query);
    run->session = get_object(get_object(run->db->tree, "sessions"), run_text(run, query->session));
    if (!run->session || has_member(run->session, "purging")) return TGS_OK;
    switch (query->tag) {
    case TGS_QUERY_GET:
        return get(run, query);
    case TGS_QUERY_LIST:
        return list(run, query);
    case TGS_QUERY_PEER_BY_USERNAME:
        return get_by_name(run, query, "username");
    default:
        return get_by_name(run, query, "phone");
    }
}
