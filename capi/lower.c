/* SPDX-License-Identifier: Apache-2.0 */
#include "lower.h"

#include <inttypes.h>
#include <string.h>

#include "allocator.h"
#include "error.h"
#include "sink.h"
#include "text.h"

#define DEFAULT_MAX_ATTEMPTS 10
#define DELETE_FLAGS (TGS_ROW_FOUND | TGS_ROW_IF_PRESENT | TGS_ROW_IF_ABSENT | TGS_ROW_REQUIRE)

/* The operation being made: its row is a copy of ours that may be changed. */
struct lowering {
    struct op_list *list;
    const struct record *record;
    tgs_op *op;
    union stored_row *row;
    size_t index; /* of the caller's row, for messages */
    tgs_error *err;
};

/* --- the list -------------------------------------------------------------------- */

void op_list_clear(struct op_list *list) {
    list->count = 0;
    list->payload = 0;
    list->auth = false;
    arena_reset(&list->arena);
}

void op_list_free(struct op_list *list) {
    arena_free(&list->arena);
    mem_free(list->ops);
    list->ops = NULL;
    list->count = list->capacity = 0;
}

static tgs_status reserve(struct op_list *list, size_t more, tgs_error *err) {
    size_t count = list->count + more;
    if (count > TGS_MAX_ROWS)
        return error_set(err, TGS_E_TOO_LARGE, "%zu rows in one batch; the limit is %d", count, TGS_MAX_ROWS);
    if (count <= list->capacity) return TGS_OK;
    size_t capacity = list->capacity * 2 > count ? list->capacity * 2 : count;
    tgs_op *ops = mem_resize(list->ops, capacity * sizeof *ops);
    if (!ops) return error_nomem(err);
    list->ops = ops;
    list->capacity = capacity;
    return TGS_OK;
}

/* --- texts ------------------------------------------------------------------------- */

/* Count a text of the row, and copy it if the list keeps copies. */
static tgs_status keep_text(const struct lowering *low, tgs_str *text) {
    low->list->payload += text->ptr ? text->len : 0;
    if (!low->list->copies) return TGS_OK;
    return arena_text(&low->list->arena, *text, text) ? TGS_OK : error_nomem(low->err);
}

/* Put the envelope byte in front of a secret. */
static tgs_status seal(const struct lowering *low, tgs_bytes *secret) {
    uint8_t *sealed = arena_alloc_bytes(&low->list->arena, secret->len + 1);
    if (!sealed) return error_nomem(low->err);
    sealed[0] = ENVELOPE_PLAIN;
    memcpy(sealed + 1, secret->ptr, secret->len);
    low->list->payload += secret->len;
    *secret = (tgs_bytes){sealed, secret->len + 1};
    return TGS_OK;
}

static tgs_status keep_digits(const struct lowering *low, const tgs_field *field, tgs_str *phone) {
    if (!phone->len) return TGS_OK;
    char *digits = arena_alloc_bytes(&low->list->arena, phone->len);
    if (!digits) return error_nomem(low->err);
    size_t len = 0;
    if (!phone_digits(*phone, digits, &len))
        return error_set_row(low->err, TGS_E_INVALID, low->index,
                             "%s row %zu: %s may have digits, +, -, ., spaces and brackets only",
                             low->record->name, low->index, field->name);
    *phone = (tgs_str){digits, len};
    low->list->payload += len;
    return TGS_OK;
}

static bool listed(const tgs_str *folded, size_t count, tgs_str name) {
    for (size_t i = 0; i < count; i++)
        if (folded[i].len == name.len && memcmp(folded[i].ptr, name.ptr, name.len) == 0) return true;
    return false;
}

/* Usernames without "@", each once, and how they compare. */
static tgs_status keep_usernames(const struct lowering *low, struct texts *names) {
    struct arena *arena = &low->list->arena;
    tgs_str *shown = arena_alloc(arena, names->count * 2 * sizeof *shown), *folded = shown + names->count;
    if (!shown) return error_nomem(low->err);
    size_t count = 0;
    for (size_t i = 0; i < names->count; i++) {
        tgs_str name = username_shown(names->ptr[i]);
        char *fold = arena_alloc_bytes(arena, name.len);
        if (!fold) return error_nomem(low->err);
        username_fold(name, fold);
        if (listed(folded, count, (tgs_str){fold, name.len})) continue;
        tgs_status status = keep_text(low, &name);
        if (status != TGS_OK) return status;
        shown[count] = name;
        folded[count++] = (tgs_str){fold, name.len};
    }
    *names = (struct texts){shown, count};
    low->op->folded = folded;
    return TGS_OK;
}

static tgs_status keep_made(const struct lowering *low, const tgs_field *field) {
    void *member = field_of(low->row, field);
    if (field->type == TGS_TYPE_TEXTS) return keep_usernames(low, member);
    if (field->flags & TGS_FIELD_SECRET) return seal(low, member);
    return keep_digits(low, field, member);
}

/* Keep the texts that count: of the key, and those that are set. */
static tgs_status keep_members(const struct lowering *low) {
    const struct record *record = low->record;
    tgs_status status = TGS_OK;
    for (size_t i = 0; status == TGS_OK && i < record->n_keys; i++)
        if (record->keys[i]->type == TGS_TYPE_TEXT)
            status = keep_text(low, field_of(low->row, record->keys[i]));
    for (uint64_t bits = low->op->set & record->plain_bits; status == TGS_OK && bits; bits &= bits - 1)
        status = keep_text(low, field_of(low->row, field_first(record, bits)));
    for (uint64_t bits = low->op->set & record->made_bits; status == TGS_OK && bits; bits &= bits - 1)
        status = keep_made(low, field_first(record, bits));
    return status;
}

/* --- rules of the records --------------------------------------------------------------- */

static void set_i64(const struct lowering *low, uint64_t bit, int64_t *member, int64_t value) {
    *member = value;
    low->op->set |= bit;
}

static tgs_status lower_dedup(const struct lowering *low) {
    if (!((low->op->set | low->op->clear) & (TGS_DEDUP_TTL | TGS_DEDUP_EXPIRES)))
        set_i64(low, TGS_DEDUP_TTL, &low->row->dedup.ttl_ms, low->list->lifetimes->dedup_ttl_ms);
    return TGS_OK;
}

static tgs_status lower_queue_item(const struct lowering *low) {
    tgs_queue_item *item = &low->row->queue_item;
    tgs_op *op = low->op;
    if (!(op->set & TGS_QUEUE_ITEM_STATE) || item->state == TGS_QUEUE_LEASED) item->state = TGS_QUEUE_READY;
    if (!(op->set & TGS_QUEUE_ITEM_ATTEMPTS)) item->attempts = 0;
    if (!(op->set & TGS_QUEUE_ITEM_MAX_ATTEMPTS)) item->max_attempts = DEFAULT_MAX_ATTEMPTS;
    if (item->max_attempts < 1)
        return error_set_row(low->err, TGS_E_INVALID, low->index,
                             "queue_item row %zu: max_attempts must be at least 1", low->index);
    if (item->attempts == INT64_MAX) /* a claim counts one more */
        return error_set_row(low->err, TGS_E_INVALID, low->index, "queue_item row %zu: attempts is too large",
                             low->index);
    op->set |= TGS_QUEUE_ITEM_STATE | TGS_QUEUE_ITEM_ATTEMPTS | TGS_QUEUE_ITEM_MAX_ATTEMPTS;
    if ((op->set & TGS_QUEUE_ITEM_DUE) && (op->set & TGS_QUEUE_ITEM_DELAY))
        return error_set_row(low->err, TGS_E_INVALID, low->index,
                             "queue_item row %zu: due and delay_ms exclude each other", low->index);
    if (!(op->set & (TGS_QUEUE_ITEM_DUE | TGS_QUEUE_ITEM_DELAY)))
        set_i64(low, TGS_QUEUE_ITEM_DELAY, &item->delay_ms, 0);
    if ((op->set & TGS_QUEUE_ITEM_LANE) && !item->lane.len) op->set &= ~(uint64_t)TGS_QUEUE_ITEM_LANE;
    op->clear = 0; /* the row is new, or is not changed */
    op->done_ttl_ms = low->list->lifetimes->done_ttl_ms;
    op->dead_ttl_ms = low->list->lifetimes->dead_ttl_ms;
    return TGS_OK;
}

static tgs_status lower_conversation(const struct lowering *low) {
    const uint64_t both = TGS_CONVERSATION_STEP | TGS_CONVERSATION_STEP_NUMBER;
    if ((low->op->set & both) == both)
        return error_set_row(low->err, TGS_E_INVALID, low->index,
                             "conversation row %zu: step and step_number exclude each other", low->index);
    if (low->op->set & both) low->op->clear |= both & ~low->op->set;
    return TGS_OK;
}

static tgs_status lower_peer(const struct lowering *low) {
    tgs_op *op = low->op;
    op->fresh_ms = TGS_SEEN_AT_MS;
    if ((op->set & TGS_PEER_USERNAMES) && !low->row->peer.n_usernames) {
        op->set &= ~(uint64_t)TGS_PEER_USERNAMES;
        op->clear |= TGS_PEER_USERNAMES;
    }
    if ((op->set & TGS_PEER_PHONE) && !low->row->peer.phone.len) {
        op->set &= ~(uint64_t)TGS_PEER_PHONE;
        op->clear |= TGS_PEER_PHONE;
    }
    return TGS_OK;
}

static tgs_status lower_session(const struct lowering *low) {
    if (low->op->set & TGS_SESSION_USER_ID)
        low->op->flags |=
            low->row->head.flags & TGS_ROW_REPLACE_ACCOUNT ? TGS_OP_REPLACE_ACCOUNT : TGS_OP_SAME_ACCOUNT;
    if (low->op->set & TGS_SESSION_USERNAME)
        low->row->session.username = username_shown(low->row->session.username);
    return TGS_OK;
}

static tgs_status (*const rules[])(const struct lowering *low) = {
    [TGS_RECORD_SESSION] = lower_session,
    [TGS_RECORD_PEER] = lower_peer,
    [TGS_RECORD_DEDUP] = lower_dedup,
    [TGS_RECORD_QUEUE_ITEM] = lower_queue_item,
    [TGS_RECORD_CONVERSATION] = lower_conversation,
    [TGS_RECORD_KV] = NULL,
};

/* --- masks --------------------------------------------------------------------------------- */

/* What the record's table says of the fields that are given and of those that are not. */
static void lower_masks(const struct lowering *low) {
    const struct record *record = low->record;
    const struct row_head *head = &low->row->head;
    tgs_op *op = low->op;
    uint64_t set = head->fields & ~head->nulls;
    op->clear = head->nulls;
    op->stamp = record->stamp_bits & ~head->fields;
    op->stamp_new = record->stamp_new_bits & ~head->fields;
    if (!(head->flags & TGS_ROW_EXACT)) op->raise = set & record->raise_bits;
    for (uint64_t bits = set & record->keep_zero_bits; bits; bits &= bits - 1) {
        const tgs_field *field = field_first(record, bits);
        if (*(const int64_t *)field_in(low->row, field) == 0) op->fill |= field->bit;
    }
    op->set = set & ~(op->raise | op->fill);
}

/* expires and ttl_ms are two ways to say one thing. */
static tgs_status lower_expiry(const struct lowering *low) {
    uint64_t ttl = low->record->ttl_bit, expires = low->record->expires_bit;
    if (!(low->row->head.fields & ttl)) return TGS_OK;
    if (low->row->head.fields & expires)
        return error_set_row(low->err, TGS_E_INVALID, low->index,
                             "%s row %zu: expires and ttl_ms exclude each other", low->record->name,
                             low->index);
    if (low->op->clear & ttl) low->op->clear = (low->op->clear & ~ttl) | expires;
    return TGS_OK;
}

static tgs_status lower_put_row(const struct lowering *low) {
    tgs_op *op = low->op;
    op->tag = TGS_OP_PUT;
    op->flags = low->row->head.flags &
                (TGS_ROW_IF_PRESENT | TGS_ROW_IF_ABSENT | TGS_ROW_IF_VERSION | TGS_ROW_REQUIRE);
    if (low->record->insert_only && (op->flags & TGS_OP_REQUIRE)) op->flags |= TGS_OP_IF_ABSENT;
    lower_masks(low);
    tgs_status status = lower_expiry(low);
    if (status == TGS_OK && rules[op->record]) status = rules[op->record](low);
    if (status == TGS_OK) status = keep_members(low);
    return status;
}

/* --- adding ----------------------------------------------------------------------------------- */

/* A new operation at the end of the list, not counted yet, with room for its row. */
static tgs_status begin_op(struct lowering *low, const struct input *input) {
    struct op_list *list = low->list;
    low->record = input->record;
    low->row = arena_alloc(&list->arena, input->record->row_size);
    if (!low->row) return error_nomem(low->err);
    low->op = &list->ops[list->count];
    *low->op = (tgs_op){.record = input->number, .row = low->row, .index = list->count};
    return TGS_OK;
}

static tgs_status check_payload(const struct op_list *list, tgs_error *err) {
    if (list->payload <= TGS_MAX_BATCH_BYTES) return TGS_OK;
    return error_set(err, TGS_E_TOO_LARGE, "a batch of %zu bytes; the limit is %d", list->payload,
                     TGS_MAX_BATCH_BYTES);
}

typedef tgs_status (*lower_one)(struct lowering *low, const struct input *input, size_t i, int32_t action);

/* Add `input` row by row; take all of it back if one fails. */
static tgs_status add_rows(struct op_list *list, const struct input *input, int32_t action, lower_one one,
                           tgs_error *err) {
    const size_t count = list->count, payload = list->payload;
    tgs_status status = reserve(list, input->count, err);
    list->arena.secret |= input->record->secret;
    struct lowering low = {.list = list, .err = err};
    for (size_t i = 0; status == TGS_OK && i < input->count; i++) {
        low.index = input->first + i;
        status = one(&low, input, i, action);
        if (status == TGS_OK) list->count++;
        if (status == TGS_OK) status = check_payload(list, err);
    }
    if (status != TGS_OK) {
        list->count = count;
        list->payload = payload;
    } else if (input->count && input->record->auth) {
        list->auth = true;
    }
    return status;
}

static tgs_status put_one(struct lowering *low, const struct input *input, size_t i, int32_t action) {
    (void)action;
    tgs_status status = begin_op(low, input);
    if (status == TGS_OK) status = check_row(input, i, input->record->row_flags, low->row, low->err);
    return status == TGS_OK ? lower_put_row(low) : status;
}

tgs_status lower_put(struct op_list *list, int32_t record, const void *rows, size_t count, size_t stride,
                     tgs_error *err) {
    struct input input;
    tgs_status status = check_input(&input, record, rows, count, stride, TGS_MAX_ROWS, err);
    input.first = list->first;
    return status == TGS_OK ? add_rows(list, &input, 0, put_one, err) : status;
}

static tgs_status delete_one(struct lowering *low, const struct input *input, size_t i, int32_t action) {
    (void)action;
    uint32_t flags = DELETE_FLAGS | (input->record->row_flags & TGS_ROW_IF_VERSION);
    tgs_status status = begin_op(low, input);
    if (status == TGS_OK) status = check_key(input, i, flags, false, low->row, low->err);
    if (status != TGS_OK) return status;
    low->op->tag = TGS_OP_DELETE;
    low->op->flags = low->row->head.flags & ~TGS_ROW_FOUND;
    return keep_members(low);
}

tgs_status lower_delete(struct op_list *list, int32_t record, const void *keys, size_t count, size_t stride,
                        tgs_error *err) {
    struct input input;
    tgs_status status = check_input(&input, record, keys, count, stride, TGS_MAX_ROWS, err);
    return status == TGS_OK ? add_rows(list, &input, 0, delete_one, err) : status;
}

/* Which members a settle looks at. */
static uint64_t settle_bits(int32_t action) {
    switch (action) {
    case TGS_SETTLE_FAIL:
        return TGS_QUEUE_ITEM_LAST_ERROR | TGS_QUEUE_ITEM_DELAY;
    case TGS_SETTLE_KILL:
        return TGS_QUEUE_ITEM_LAST_ERROR;
    case TGS_SETTLE_EXTEND:
        return TGS_QUEUE_ITEM_DELAY;
    default:
        return 0;
    }
}

static tgs_status settle_one(struct lowering *low, const struct input *input, size_t i, int32_t action) {
    tgs_status status = begin_op(low, input);
    if (status == TGS_OK) status = check_row(input, i, TGS_ROW_FOUND, low->row, low->err);
    if (status != TGS_OK) return status;
    low->op->tag = TGS_OP_SETTLE;
    low->op->action = action;
    low->op->set = low->row->head.fields & ~low->row->head.nulls & settle_bits(action);
    low->op->done_ttl_ms = low->list->lifetimes->done_ttl_ms;
    low->op->dead_ttl_ms = low->list->lifetimes->dead_ttl_ms;
    if (action == TGS_SETTLE_EXTEND && !(low->op->set & TGS_QUEUE_ITEM_DELAY))
        return error_set_row(low->err, TGS_E_INVALID, low->index,
                             "queue_item row %zu: delay_ms says for how long to extend", low->index);
    return keep_members(low);
}

tgs_status lower_settle(struct op_list *list, int32_t action, const void *items, size_t count, size_t stride,
                        tgs_error *err) {
    if (action < TGS_SETTLE_ACK || action > TGS_SETTLE_KILL)
        return error_set(err, TGS_E_INVALID, "%" PRId32 " is not an action; use TGS_SETTLE_ACK to _KILL",
                         action);
    struct input input;
    tgs_status status = check_input(&input, TGS_RECORD_QUEUE_ITEM, items, count, stride, TGS_MAX_ROWS, err);
    return status == TGS_OK ? add_rows(list, &input, action, settle_one, err) : status;
}
