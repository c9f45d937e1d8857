/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of rows: put, delete, purge, prune. */
#include "memory.h"

tgs_status memory_walk(struct step *step, struct table *table, struct cursor *cursor) {
    if (!table_settle(table)) return memory_exhausted(step);
    *cursor = cursor_first(table, ORDER_KEY);
    return TGS_OK;
}

/* --- delete ---------------------------------------------------------------------------------- */

static tgs_status remove_row(struct step *step, int32_t record, struct row *row) {
    tgs_status status = memory_change(step, &step->session->tables[record], row, NULL);
    if (status == TGS_OK && record == TGS_RECORD_PEER) {
        status = memory_forget_names(step, TABLE_USERNAME, row_data(row));
        if (status == TGS_OK) status = memory_forget_names(step, TABLE_PHONE, row_data(row));
    }
    if (status == TGS_OK && record == TGS_RECORD_QUEUE_ITEM)
        status = memory_offer_lane(step, ((const tgs_queue_item *)row_data(row))->lane);
    return status;
}

/* Remove rows of a record until `count` of them are gone. */
static tgs_status remove_rows(struct step *step, int32_t record, size_t limit, size_t *count) {
    struct cursor cursor;
    struct row *row;
    tgs_status status = memory_walk(step, &step->session->tables[record], &cursor);
    for (; status == TGS_OK && *count < limit && (row = cursor_next(&cursor)); ++*count)
        status = remove_row(step, record, row);
    return status;
}

tgs_status memory_delete(struct step *step, const tgs_op *op) {
    struct row *row = memory_find_any(step->session, op->record, op->row);
    bool live = row && !memory_is_expired(&memory_layouts[op->record], row_data(row), step->now);
    tgs_status status = row ? remove_row(step, op->record, row) : TGS_OK;
    size_t removed = 0;
    if (status == TGS_OK && op->record == TGS_RECORD_SESSION)
        status = remove_rows(step, TGS_RECORD_DC_AUTH, SIZE_MAX, &removed);
    if (status == TGS_OK) memory_host->result(step->sink, op->index, live, 0, 0);
    return status;
}

/* --- put --------------------------------------------------------------------------------------- */

/* Durations become points in time. */
static void set_deadline(const struct layout *layout, const tgs_field *duration, void *data, const tgs_op *op,
                         int64_t now) {
    int64_t ms = *(const int64_t *)field_at(op->row, duration);
    bool never = ms == 0 && layout->deadline == layout->orders[ORDER_EXPIRES].fields[0];
    *(int64_t *)field_at(data, layout->deadline) = never ? 0 : memory_later(now, ms);
    row_beginning(data)->fields |= layout->deadline->bit;
}

static bool is_larger(const tgs_field *field, const void *a, const void *b) {
    return *(const int64_t *)field_at(a, field) > *(const int64_t *)field_at(b, field);
}

/* What becomes of one field, by the masks of the operation. */
static void merge_field(const struct step *step, const struct layout *layout, const tgs_op *op,
                        const tgs_field *field, void *data, uint32_t *notes) {
    bool stored = has_field(data, field->bit);
    if (op->clear & field->bit) {
        static const char nothing[TABLE_ROW_SIZE];
        field_copy(field, data, nothing);
        row_beginning(data)->fields &= ~field->bit;
    } else if (field->flags & TGS_FIELD_WRITE_ONLY) {
        set_deadline(layout, field, data, op, step->now);
    } else if ((op->stamp & field->bit) || ((op->stamp_new & field->bit) && (*notes & TGS_NOTE_NEW))) {
        *(int64_t *)field_at(data, field) = step->now;
        row_beginning(data)->fields |= field->bit;
    } else if ((op->raise & field->bit) && stored && is_larger(field, data, op->row)) {
        *notes |= TGS_NOTE_LOWER;
    } else if (((op->set | op->raise) & field->bit) || ((op->fill & field->bit) && !stored)) {
        field_copy(field, data, op->row);
        row_beginning(data)->fields |= field->bit;
    }
}

/* Write to `data` what the row becomes.  Its texts are borrowed from `old` and the operation. */
static void merge(const struct step *step, const struct layout *layout, const tgs_op *op,
                  const struct row *old, void *data, uint32_t *notes) {
    *notes = old ? 0 : TGS_NOTE_NEW;
    if (old) {
        memcpy(data, row_data(old), layout->row_size);
    } else {
        memset(data, 0, layout->row_size);
        for (size_t i = 0; i < layout->key.n; i++) field_copy(layout->key.fields[i], data, op->row);
    }
    uint64_t touched = op->set | op->clear | op->raise | op->fill | op->stamp | op->stamp_new;
    for (; touched; touched &= touched - 1)
        merge_field(step, layout, op, layout->by_bit[__builtin_ctzll(touched)], data, notes);
}

bool memory_keeps_account(const struct row *stored, const tgs_op *op) {
    const tgs_session_data *was = stored ? row_data(stored) : NULL, *given = op->row;
    return !was || !(was->fields & TGS_SESSION_USER_ID) || was->user_id == given->user_id;
}

static tgs_status replace_account(struct step *step) {
    size_t removed = 0;
    tgs_status status = remove_rows(step, TGS_RECORD_PEER, SIZE_MAX, &removed);
    return status == TGS_OK ? remove_rows(step, TGS_RECORD_UPDATE_STATE, SIZE_MAX, &removed) : status;
}

/* Names first: they need to know which ones the peer had. */
static tgs_status store_peer(struct step *step, const tgs_op *op, struct row *old, tgs_peer *peer) {
    const tgs_peer *was = old ? row_data(old) : NULL;
    tgs_status status = memory_own_names(step, op, TABLE_USERNAME, was);
    if (status == TGS_OK) status = memory_own_names(step, op, TABLE_PHONE, was);
    return status == TGS_OK ? memory_store(step, &step->session->tables[TGS_RECORD_PEER], old, peer) : status;
}

/* Put `data` in the place of `old`, with all that hangs on it. */
static tgs_status store_record(struct step *step, const tgs_op *op, struct row *old, void *data,
                               int64_t *version) {
    if (op->record == TGS_RECORD_PEER) return store_peer(step, op, old, data);
    if (op->record == TGS_RECORD_QUEUE_ITEM) return memory_enqueue(step, op, old, data);
    if (op->record == TGS_RECORD_CONVERSATION) {
        tgs_conversation *conversation = data;
        conversation->version = *version = memory_next_number(step);
        conversation->fields |= TGS_CONVERSATION_VERSION;
    }
    return memory_store(step, &step->session->tables[op->record], old, data);
}

tgs_status memory_put(struct step *step, const tgs_op *op) {
    const struct layout *layout = &memory_layouts[op->record];
    struct row *old = memory_find_any(step->session, op->record, op->row);
    struct row *live = old && !memory_is_expired(layout, row_data(old), step->now) ? old : NULL;
    if (live && memory_is_insert_only(op->record)) { /* never changed */
        memory_host->result(step->sink, op->index, 0, 0, 0);
        return TGS_OK;
    }
    tgs_status status = TGS_OK;
    if ((op->flags & TGS_OP_REPLACE_ACCOUNT) && !memory_keeps_account(live, op))
        status = replace_account(step);
    if (status != TGS_OK) return status;
    _Alignas(max_align_t) char data[TABLE_ROW_SIZE];
    uint32_t notes;
    int64_t version = 0;
    merge(step, layout, op, live, data, &notes);
    status = store_record(step, op, old, data, &version);
    if (status == TGS_OK) memory_host->result(step->sink, op->index, 1, notes, version);
    return status;
}

/* --- purge and prune ----------------------------------------------------------------------------- */

static tgs_status mark_purging(struct step *step) {
    struct registration registration = *memory_registration(step->registered);
    if (registration.purging) return TGS_OK;
    registration.purging = 1;
    tgs_status status = memory_store(step, &step->memory->registry, step->registered, &registration);
    step->registered = memory_find_session(step->memory, step->write->session);
    return status;
}

tgs_status memory_purge(struct step *step, const tgs_op *op) {
    size_t removed = 0;
    tgs_status status = mark_purging(step);
    if (status == TGS_OK) status = remove_rows(step, TGS_RECORD_SESSION, SIZE_MAX, &removed);
    if (status == TGS_OK) status = remove_rows(step, TGS_RECORD_DC_AUTH, SIZE_MAX, &removed);
    for (int32_t record = TGS_RECORD_PEER; status == TGS_OK && record <= TGS_RECORD_KV; record++)
        status = remove_rows(step, record, op->limit, &removed);
    if (status != TGS_OK) return status;
    step->ended = removed < op->limit;
    if (step->ended) status = memory_change(step, &step->memory->registry, step->registered, NULL);
    if (status == TGS_OK) memory_host->result(step->sink, op->index, step->ended, 0, (int64_t)removed);
    return status;
}

static tgs_status prune_expired(struct step *step, int32_t record, size_t limit, size_t *removed) {
    struct cursor cursor = cursor_first(&step->session->tables[record], ORDER_EXPIRES);
    struct row *row;
    tgs_status status = TGS_OK;
    for (; status == TGS_OK && *removed < limit && (row = cursor_next(&cursor)); ++*removed) {
        if (!memory_is_expired(&memory_layouts[record], row_data(row), step->now)) break;
        status = remove_row(step, record, row);
    }
    return status;
}

static tgs_status prune_peers(struct step *step, int64_t age_ms, size_t limit, size_t *removed) {
    struct cursor cursor;
    struct row *row;
    tgs_status status = memory_walk(step, &step->session->tables[TGS_RECORD_PEER], &cursor);
    while (status == TGS_OK && *removed < limit && (row = cursor_next(&cursor))) {
        if (((const tgs_peer *)row_data(row))->seen_at >= step->now - age_ms) continue;
        status = remove_row(step, TGS_RECORD_PEER, row);
        ++*removed;
    }
    return status;
}

tgs_status memory_prune(struct step *step, const tgs_op *op) {
    size_t removed = 0;
    tgs_status status = TGS_OK;
    struct cursor cursor = cursor_first(&step->memory->registry, ORDER_KEY);
    for (struct row *row; status == TGS_OK && (row = cursor_next(&cursor));) {
        step->session = memory_registration(row)->session;
        for (int32_t record = TGS_RECORD_SESSION; status == TGS_OK && record <= TGS_RECORD_KV; record++)
            status = prune_expired(step, record, op->limit, &removed);
        if (status == TGS_OK && op->ttl_ms > 0) status = prune_peers(step, op->ttl_ms, op->limit, &removed);
    }
    if (status == TGS_OK)
        memory_host->result(step->sink, op->index, removed < op->limit, 0, (int64_t)removed);
    return status;
}
