/* SPDX-License-Identifier: Apache-2.0 */
/* Reading: get, list, and peers by name. */
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "store.h"
#include "text.h"

static tgs_store *store_of(const tgs_session *session) { return session ? session->store : NULL; }

/* --- get ----------------------------------------------------------------------------------- */

/* The result of a get before the back end fills it in: the keys, checked. */
static tgs_status rows_from_keys(const struct input *input, tgs_rows **out, tgs_error *err) {
    tgs_rows *rows = rows_new(input->number, input->count);
    tgs_status status = rows ? rows_resize(rows, input->count, err) : error_nomem(err);
    for (size_t i = 0; status == TGS_OK && i < input->count; i++) {
        union stored_row *key = rows_at(rows, i);
        status = check_key(input, i, UINT32_MAX, input->number == TGS_RECORD_PEER, key, err);
        if (status == TGS_OK) status = rows_own_key(rows, i, err);
        key->head.flags = 0;
    }
    if (status == TGS_OK)
        *out = rows;
    else
        tgs_rows_free(rows);
    return status;
}

/* The back end reads the keys from the result's own rows, and replaces those it finds: each
 * key is copied once, and the ones not found are in place already. */
static tgs_status get(struct entry *entry, const tgs_session *session, const struct input *input,
                      tgs_rows **out) {
    tgs_rows *rows;
    tgs_status status = rows_from_keys(input, &rows, entry->err);
    if (status != TGS_OK) return status;
    tgs_sink sink = {.rows = rows, .slots = true};
    tgs_query query = {
        .tag = TGS_QUERY_GET, .record = input->number, .session = session->name, .n_keys = input->count};
    query.keys = tgs_rows_data(rows, &query.stride);
    if (input->count) status = store_read(entry, &query, &sink);
    if (status == TGS_OK)
        *out = rows;
    else
        tgs_rows_free(rows);
    return status;
}

TGS_API tgs_status tgs_get(tgs_session *session, int32_t record, const void *keys, size_t n_keys,
                           size_t stride, tgs_rows **out, const tgs_call *call, tgs_error *err) {
    if (out) *out = NULL;
    struct entry entry;
    tgs_status status = entry_begin(&entry, store_of(session), call, err);
    if (status != TGS_OK) return status;
    struct input input;
    status = out ? check_input(&input, record, keys, n_keys, stride, TGS_MAX_ROWS, entry.err)
                 : error_set(entry.err, TGS_E_INVALID, "out is NULL");
    if (status == TGS_OK) status = get(&entry, session, &input, out);
    entry_leave(&entry);
    return status;
}

/* --- list ------------------------------------------------------------------------------------- */

static const tgs_filter no_filter = {.size = sizeof(tgs_filter), .kind = TGS_PEER_ANY, .state = -1};

static tgs_status check_filter_shape(const tgs_filter *filter, tgs_error *err) {
    if (filter->size < sizeof *filter)
        return error_set(err, TGS_E_INVALID, "filter->size is %zu; set it to sizeof(tgs_filter)",
                         filter->size);
    if (filter->reserved0 || !all_zero(filter->reserved, sizeof filter->reserved) ||
        !all_zero((const char *)filter + sizeof *filter, filter->size - sizeof *filter))
        return error_set(err, TGS_E_UNSUPPORTED, "filter: reserved or unknown members are not zero");
    return TGS_OK;
}

/* A filter that means something for the record. */
static tgs_status check_filter(const tgs_filter *filter, int32_t record, tgs_error *err) {
    tgs_status status = check_filter_shape(filter, err);
    if (status != TGS_OK) return status;
    bool queue = record == TGS_RECORD_QUEUE_ITEM;
    if (filter->order != TGS_ORDER_KEY &&
        !(filter->order == TGS_ORDER_EXPIRES && record == TGS_RECORD_CONVERSATION))
        return error_set(err, TGS_E_INVALID, "filter: order %" PRId32 " is not one of this record",
                         filter->order);
    if (filter->kind != TGS_PEER_ANY &&
        (record != TGS_RECORD_PEER || filter->kind < TGS_PEER_USER || filter->kind > TGS_PEER_CHANNEL))
        return error_set(err, TGS_E_INVALID,
                         "filter: kind %" PRId32 " is for peers: TGS_PEER_USER to _CHANNEL", filter->kind);
    if (filter->state != -1 && (!queue || filter->state < TGS_QUEUE_READY || filter->state > TGS_QUEUE_DEAD))
        return error_set(err, TGS_E_INVALID,
                         "filter: state %" PRId32 " is for the queue: TGS_QUEUE_READY to _DEAD",
                         filter->state);
    if (!filter->scope.ptr) return TGS_OK;
    if (record != TGS_RECORD_KV && !queue)
        return error_set(err, TGS_E_INVALID, "filter: scope is for kv and the queue");
    return check_text(filter->scope, TGS_MAX_KEY_BYTES, "filter: scope", err);
}

/* The last row of the page before: its key, and what else the order needs. */
static tgs_status check_after(const struct input *input, const tgs_filter *filter, union stored_row *after,
                              tgs_error *err) {
    tgs_status status = check_key(input, 0, UINT32_MAX, false, after, err);
    if (status != TGS_OK) return status;
    const void *row = input->rows; /* at least as long as the first release's struct */
    if (input->number == TGS_RECORD_QUEUE_ITEM) {
        after->queue_item.due = ((const tgs_queue_item *)row)->due;
        after->queue_item.sequence = ((const tgs_queue_item *)row)->sequence;
    } else if (filter->order == TGS_ORDER_EXPIRES) {
        after->conversation.expires = ((const tgs_conversation *)row)->expires;
    }
    return TGS_OK;
}

static tgs_status list(struct entry *entry, const tgs_session *session, const struct input *input,
                       const tgs_filter *filter, size_t limit, tgs_rows **out) {
    if (!filter) filter = &no_filter;
    union stored_row after;
    tgs_status status = check_limit(limit, entry->err);
    if (status == TGS_OK) status = check_filter(filter, input->number, entry->err);
    if (status == TGS_OK && input->count) status = check_after(input, filter, &after, entry->err);
    if (status != TGS_OK) return status;
    tgs_query query = {.tag = TGS_QUERY_LIST,
                       .record = input->number,
                       .session = session->name,
                       .after = input->count ? &after : NULL,
                       .filter = filter,
                       .limit = limit + 1}; /* one more tells that there is more */
    return store_read_rows(entry, &query, input->number, limit, out);
}

TGS_API tgs_status tgs_list(tgs_session *session, int32_t record, const void *after, size_t stride,
                            const tgs_filter *filter, size_t limit, tgs_rows **out, const tgs_call *call,
                            tgs_error *err) {
    if (out) *out = NULL;
    struct entry entry;
    tgs_status status = entry_begin(&entry, store_of(session), call, err);
    if (status != TGS_OK) return status;
    struct input input;
    status = out ? check_input(&input, record, after, after != NULL, stride, 1, entry.err)
                 : error_set(entry.err, TGS_E_INVALID, "out is NULL");
    if (status == TGS_OK) status = list(&entry, session, &input, filter, limit, out);
    entry_leave(&entry);
    return status;
}

/* --- peers by name -------------------------------------------------------------------------------- */

/* Bring one name to the form it is stored under. */
typedef tgs_status (*normalise)(tgs_str name, size_t i, char *out, size_t *len, tgs_error *err);

static tgs_status normalise_username(tgs_str name, size_t i, char *out, size_t *len, tgs_error *err) {
    tgs_str shown = username_shown(name);
    if (!username_valid(shown))
        return error_set_row(err, TGS_E_INVALID, i, "username %zu is empty or has control characters", i);
    username_fold(shown, out);
    *len = shown.len;
    return TGS_OK;
}

static tgs_status normalise_phone(tgs_str phone, size_t i, char *out, size_t *len, tgs_error *err) {
    if (phone_digits(phone, out, len)) return TGS_OK;
    return error_set_row(err, TGS_E_INVALID, i,
                         "phone %zu may have digits, +, -, ., spaces and brackets only", i);
}

static tgs_status normalise_all(struct arena *arena, const tgs_str *names, size_t count, normalise one,
                                tgs_str **out, tgs_error *err) {
    *out = arena_alloc(arena, count * sizeof **out);
    if (!*out) return error_nomem(err);
    for (size_t i = 0; i < count; i++) {
        tgs_status status = check_text(names[i], TGS_MAX_KEY_BYTES, "a name", err);
        if (status != TGS_OK) {
            err->index = (int64_t)i;
            return status;
        }
        char *text = arena_alloc_bytes(arena, names[i].len);
        if (!text) return error_nomem(err);
        (*out)[i].ptr = text;
        status = one(names[i], i, text, &(*out)[i].len, err);
        if (status != TGS_OK) return status;
    }
    return TGS_OK;
}

static tgs_status by_name(struct entry *entry, const tgs_session *session, tgs_query *query,
                          const tgs_str *names, size_t count, normalise one, tgs_rows **out) {
    if (count && !names)
        return error_set(entry->err, TGS_E_INVALID, "names is NULL, but there are %zu", count);
    if (count > TGS_MAX_ROWS)
        return error_set(entry->err, TGS_E_TOO_LARGE, "%zu names; the limit of one call is %d", count,
                         TGS_MAX_ROWS);
    if (query->max_age_ms < 0) return error_set(entry->err, TGS_E_INVALID, "max_age_ms must not be negative");
    if (query->max_age_ms > 0) /* a put may have left a time that old */
        query->max_age_ms =
            query->max_age_ms < INT64_MAX - TGS_SEEN_AT_MS ? query->max_age_ms + TGS_SEEN_AT_MS : 0;
    _Alignas(max_align_t) char room[512];
    struct arena arena = {0};
    arena_lend(&arena, room, sizeof room);
    tgs_str *texts;
    tgs_sink sink = {.rows = rows_new(TGS_RECORD_PEER, count), .slots = true};
    tgs_status status = sink.rows ? rows_resize(sink.rows, count, entry->err) : error_nomem(entry->err);
    if (status == TGS_OK) status = normalise_all(&arena, names, count, one, &texts, entry->err);
    if (status == TGS_OK && count) {
        query->record = TGS_RECORD_PEER;
        query->session = session->name;
        query->texts = texts;
        query->n_texts = count;
        status = store_read(entry, query, &sink);
    }
    arena_free(&arena);
    if (status == TGS_OK)
        *out = sink.rows;
    else
        tgs_rows_free(sink.rows);
    return status;
}

static tgs_status peers_by(tgs_session *session, tgs_query *query, const tgs_str *names, size_t count,
                           normalise one, tgs_rows **out, const tgs_call *call, tgs_error *err) {
    if (out) *out = NULL;
    struct entry entry;
    tgs_status status = entry_begin(&entry, store_of(session), call, err);
    if (status != TGS_OK) return status;
    status = out ? by_name(&entry, session, query, names, count, one, out)
                 : error_set(entry.err, TGS_E_INVALID, "out is NULL");
    entry_leave(&entry);
    return status;
}

TGS_API tgs_status tgs_peers_by_username(tgs_session *session, const tgs_str *usernames, size_t n_usernames,
                                         int64_t max_age_ms, tgs_rows **out, const tgs_call *call,
                                         tgs_error *err) {
    tgs_query query = {.tag = TGS_QUERY_PEER_BY_USERNAME, .max_age_ms = max_age_ms};
    return peers_by(session, &query, usernames, n_usernames, normalise_username, out, call, err);
}

TGS_API tgs_status tgs_peers_by_phone(tgs_session *session, const tgs_str *phones, size_t n_phones,
                                      int64_t max_age_ms, tgs_rows **out, const tgs_call *call,
                                      tgs_error *err) {
    tgs_query query = {.tag = TGS_QUERY_PEER_BY_PHONE, .max_age_ms = max_age_ms};
    return peers_by(session, &query, phones, n_phones, normalise_phone, out, call, err);
}
