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
    struct row *row = table_find(&step->session->tables[op->record], op->row, step->hash);
    bool live = row && !memory_is_expired(&memory_layouts[op->record], row_data(row), step->now);
    tgs_status status = row ? remove_row(step, op->record, row) : TGS_OK;
    size_t removed = 0;
    if (status == TGS_OK && op->record == TGS_RECORD_SESSION)
        status = remove_rows(step, TGS_RECORD_DC_AUTH, SIZE_MAX, &removed);
    if (status == TGS_OK) memory_host->result(step->sink, op->index, live, 0, 0);
    return status;
}

/* --- put --------------------------------------------------------------------------------------- */

static const tgs_field *first_field(const struct layout *layout, uint64_t bits) {
    return layout->by_bit[__builtin_ctzll(bits)];
}

static const char nothing[TABLE_ROW_SIZE];

static void copy_fields(const struct layout *layout, uint64_t bits, void *to, const void *from) {
    for (; bits; bits &= bits - 1) field_copy(first_field(layout, bits), to, from);
}

static void stamp_fields(const struct layout *layout, uint64_t bits, void *data, int64_t now) {
    for (; bits; bits &= bits - 1) *(int64_t *)field_at(data, first_field(layout, bits)) = now;
}

/* Those of some fields that are larger in `data` than in `row`. */
static uint64_t larger_fields(const struct layout *layout, uint64_t bits, const void *data, const void *row) {
    uint64_t larger = 0;
    for (; bits; bits &= bits - 1) {
        const tgs_field *field = first_field(layout, bits);
        if (number_in(data, field) > number_in(row, field)) larger |= field->bit;
    }
    return larger;
}

/* A duration becomes a point in time; 0 in `expires` is never. */
static void set_deadline(const struct layout *layout, uint64_t duration, void *data, const tgs_op *op,
                         int64_t now) {
    int64_t ms = number_in(op->row, first_field(layout, duration));
    bool never = ms == 0 && layout->deadline == layout->orders[ORDER_EXPIRES].fields[0];
    *(int64_t *)field_at(data, layout->deadline) = never ? 0 : memory_later(now, ms);
    row_beginning(data)->fields |= layout->deadline->bit;
}

/* Write to `data` what a row becomes.  Its texts are borrowed from `old` and the operation. */
static void merge(const struct step *step, const struct layout *layout, const tgs_op *op,
                  const struct row *old, void *data, uint32_t *notes) {
    memcpy(data, row_data(old), layout->row_size);
    uint64_t *fields = &row_beginning(data)->fields;
    uint64_t lower = larger_fields(layout, op->raise & *fields, data, op->row);
    uint64_t copied = op->set | (op->raise & ~lower) | (op->fill & ~*fields);
    uint64_t duration = copied & layout->durations;
    copy_fields(layout, copied & ~duration, data, op->row);
    copy_fields(layout, op->clear, data, nothing);
    stamp_fields(layout, op->stamp, data, step->now);
    *fields = (*fields | (copied & ~duration) | op->stamp) & ~op->clear;
    if (duration) set_deadline(layout, duration, data, op, step->now);
    *notes = lower ? TGS_NOTE_LOWER : 0;
}

/* The same for a row that is not there yet.  Most of its members are set, so those that are not are cleared.
 */
static void make(const struct step *step, const struct layout *layout, const tgs_op *op, void *data) {
    uint64_t copied = op->set | op->raise | op->fill, stamped = op->stamp | op->stamp_new;
    uint64_t duration = copied & layout->durations;
    copied &= ~duration;
    struct row_beginning *beginning = row_beginning(data);
    memcpy(data, op->row, layout->given_size);
    memset((char *)data + layout->given_size, 0, layout->row_size - layout->given_size);
    copy_fields(layout, layout->bits & ~copied, data, nothing);
    stamp_fields(layout, stamped, data, step->now);
    beginning->fields = copied | stamped;
    beginning->nulls = 0;
    beginning->flags = 0;
    if (duration) set_deadline(layout, duration, data, op, step->now);
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

/* Put `data` in the place of `old`, with all that hangs on it. */
static tgs_status store_record(struct step *step, const tgs_op *op, struct row *old, void *data,
                               int64_t *version) {
    if (op->record == TGS_RECORD_PEER) {
        tgs_status status = memory_take_names(step, op, old, data);
        if (status != TGS_OK) return status;
    }
    if (op->record == TGS_RECORD_QUEUE_ITEM) return memory_enqueue(step, op, old, data);
    if (op->record == TGS_RECORD_CONVERSATION) {
        tgs_conversation *conversation = data;
        conversation->version = *version = memory_next_number(step);
        conversation->fields |= TGS_CONVERSATION_VERSION;
    }
    struct table *table = &step->session->tables[op->record];
    return old ? memory_replace(step, table, old, data) : memory_insert(step, table, data, step->hash);
}

tgs_status memory_put(struct step *step, const tgs_op *op) {
    const struct layout *layout = &memory_layouts[op->record];
    struct row *old = table_find(&step->session->tables[op->record], op->row, step->hash);
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
    uint32_t notes = TGS_NOTE_NEW;
    int64_t version = 0;
    if (live)
        merge(step, layout, op, live, data, &notes);
    else
        make(step, layout, op, data);
    status = store_record(step, op, old, data, &version);
    if (status == TGS_OK) memory_host->result(step->sink, op->index, 1, notes, version);
    return status;
}

/* --- purge and prune ----------------------------------------------------------------------------- */

static tgs_status mark_purging(struct step *step) {
    struct registration registration = *memory_registration(step->registered);
    if (registration.purging) return TGS_OK;
    registration.purging = 1;
    tgs_status status = memory_replace(step, &step->memory->registry, step->registered, &registration);
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
