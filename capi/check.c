/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <inttypes.h>
#include <string.h>

#include "error.h"
#include "text.h"

#define AUTH_KEY_BYTES 256
#define KNOWN_ROW_FLAGS 0x7fu

bool all_zero(const void *memory, size_t size) {
    const unsigned char *bytes = memory;
    for (size_t i = 0; i < size; i++)
        if (bytes[i]) return false;
    return true;
}

tgs_status check_text(tgs_str text, size_t max, const char *name, tgs_error *err) {
    if (!text.ptr) return error_set(err, TGS_E_INVALID, "%s is NULL", name);
    if (text.len > max)
        return error_set(err, TGS_E_TOO_LARGE, "%s has %zu bytes; the limit is %zu", name, text.len, max);
    if (!text_valid(text)) return error_set(err, TGS_E_INVALID, "%s is not UTF-8 without NUL", name);
    return TGS_OK;
}

tgs_status check_limit(size_t limit, tgs_error *err) {
    if (limit >= 1 && limit <= TGS_MAX_ROWS) return TGS_OK;
    return error_set(err, limit ? TGS_E_TOO_LARGE : TGS_E_INVALID, "limit is %zu; give 1 to %d", limit,
                     TGS_MAX_ROWS);
}

tgs_status check_input(struct input *input, int32_t record, const void *rows, size_t count, size_t stride,
                       size_t max, tgs_error *err) {
    *input = (struct input){record_stored(record), record, rows, count, stride, 0};
    if (!input->record)
        return error_set(err, TGS_E_INVALID, "%" PRId32 " is not a record; use TGS_RECORD_SESSION to _KV",
                         record);
    if (!count) return TGS_OK;
    if (!rows) return error_set(err, TGS_E_INVALID, "rows is NULL, but there are %zu", count);
    if (stride < input->record->first_size)
        return error_set(err, TGS_E_INVALID, "stride is %zu; set it to sizeof the struct of %s (%zu)", stride,
                         input->record->name, input->record->row_size);
    if (count > max)
        return error_set(err, TGS_E_TOO_LARGE, "%zu rows; the limit of one call is %zu", count, max);
    return TGS_OK;
}

/* A fault in a row: which record, which member, what. */
struct fault {
    const struct input *input;
    size_t index;
    tgs_error *err;
};

static tgs_status row_fault(const struct fault *at, tgs_status code, const char *what) {
    size_t number = at->input->first + at->index;
    return error_set_row(at->err, code, number, "%s row %zu: %s", at->input->record->name, number, what);
}

static tgs_status fault(const struct fault *at, tgs_status code, const tgs_field *field, const char *what) {
    size_t number = at->input->first + at->index;
    return error_set_row(at->err, code, number, "%s row %zu: %s %s", at->input->record->name, number,
                         field->name, what);
}

static tgs_status check_i32(const struct fault *at, const tgs_field *field, int32_t value, bool any_kind) {
    if (field->choices) {
        if (any_kind && value == TGS_PEER_ANY) return TGS_OK;
        int32_t n = 0;
        while (n <= value && field->choices[n]) n++;
        if (value < 0 || value >= n)
            return fault(at, TGS_E_INVALID, field, "is none of the values it can have");
    }
    if ((field->flags & TGS_FIELD_BOOLEAN) && (value < 0 || value > 1))
        return fault(at, TGS_E_INVALID, field, "must be 0 or 1");
    if ((field->flags & FIELD_PORT) && (value < 0 || value > 65535))
        return fault(at, TGS_E_INVALID, field, "must be 0 to 65535");
    return TGS_OK;
}

static tgs_status check_member_text(const struct fault *at, const tgs_field *field, tgs_str text) {
    size_t max = field->flags & FIELD_KEY_TEXT ? TGS_MAX_KEY_BYTES : TGS_MAX_BLOB_BYTES;
    if (!text.ptr && text.len) return fault(at, TGS_E_INVALID, field, "is NULL, but has a length");
    if (text.len > max) return fault(at, TGS_E_TOO_LARGE, field, "is longer than its limit in tgstore.h");
    if (!text_valid(text)) return fault(at, TGS_E_INVALID, field, "is not UTF-8 without NUL");
    return TGS_OK;
}

static tgs_status check_bytes(const struct fault *at, const tgs_field *field, tgs_bytes bytes) {
    if (!bytes.ptr && bytes.len) return fault(at, TGS_E_INVALID, field, "is NULL, but has a length");
    if (bytes.len > TGS_MAX_BLOB_BYTES) return fault(at, TGS_E_TOO_LARGE, field, "is longer than 4 MiB");
    if ((field->flags & FIELD_AUTH_KEY) && bytes.len && bytes.len != AUTH_KEY_BYTES)
        return fault(at, TGS_E_INVALID, field, "must have 256 bytes, or 0 if logged out");
    return TGS_OK;
}

static tgs_status check_usernames(const struct fault *at, const tgs_field *field, const struct texts *texts) {
    if (!texts->ptr && texts->count) return fault(at, TGS_E_INVALID, field, "is NULL, but has a count");
    if (texts->count > TGS_MAX_ROWS) return fault(at, TGS_E_TOO_LARGE, field, "are more than 4096");
    for (size_t i = 0; i < texts->count; i++) {
        if (!texts->ptr[i].ptr) return fault(at, TGS_E_INVALID, field, "has a NULL in its list");
        tgs_status status = check_member_text(at, field, texts->ptr[i]);
        if (status != TGS_OK) return status;
        if (!username_valid(username_shown(texts->ptr[i])))
            return fault(at, TGS_E_INVALID, field, "has an empty name or one with control characters");
    }
    return TGS_OK;
}

static tgs_status check_member(const struct fault *at, const tgs_field *field, const void *member,
                               bool any_kind) {
    switch (field->type) {
    case TGS_TYPE_I32:
        return check_i32(at, field, *(const int32_t *)member, any_kind);
    case TGS_TYPE_I64:
        if ((field->flags & (FIELD_DURATION | FIELD_NOT_NEGATIVE)) && *(const int64_t *)member < 0)
            return fault(at, TGS_E_INVALID, field, "must not be negative");
        return TGS_OK;
    case TGS_TYPE_TEXT:
        return check_member_text(at, field, *(const tgs_str *)member);
    case TGS_TYPE_BYTES:
        return check_bytes(at, field, *(const tgs_bytes *)member);
    default:
        return check_usernames(at, field, member);
    }
}

static const char *given_row(const struct fault *at) {
    return at->input->rows + at->index * at->input->stride;
}

/* What this version does not know of a row must be zero. */
static tgs_status check_unknown(const struct fault *at) {
    const struct record *record = at->input->record;
    const char *row = given_row(at);
    size_t beyond = at->input->stride - record->row_size;
    uint64_t reserved[4];
    int32_t reserved0 = 0;
    memcpy(reserved, row + record->reserved_offset, sizeof reserved);
    if (record->reserved0_offset) memcpy(&reserved0, row + record->reserved0_offset, sizeof reserved0);
    if (!(reserved[0] | reserved[1] | reserved[2] | reserved[3]) && !reserved0 &&
        (!beyond || all_zero(row + record->row_size, beyond)))
        return TGS_OK;
    return row_fault(at, TGS_E_UNSUPPORTED, "reserved or unknown members are not zero");
}

static tgs_status check_flags(const struct fault *at, uint32_t given, uint32_t allowed) {
    const uint32_t conditions = TGS_ROW_IF_PRESENT | TGS_ROW_IF_ABSENT | TGS_ROW_IF_VERSION;
    if (given & ~KNOWN_ROW_FLAGS) return row_fault(at, TGS_E_UNSUPPORTED, "unknown flags");
    if (given & ~allowed) return row_fault(at, TGS_E_INVALID, "a flag that has no meaning here");
    uint32_t condition = given & conditions;
    if (condition & (condition - 1)) return row_fault(at, TGS_E_INVALID, "more than one condition");
    if ((given & TGS_ROW_REQUIRE) && !condition && !at->input->record->insert_only)
        return row_fault(at, TGS_E_INVALID, "TGS_ROW_REQUIRE without a condition");
    return TGS_OK;
}

/* Bring masks to their plain form. */
static tgs_status check_masks(const struct fault *at, union stored_row *row) {
    const struct record *record = at->input->record;
    struct row_head *head = &row->head;
    if ((head->fields | head->nulls) & ~record->known_bits)
        return row_fault(at, TGS_E_UNSUPPORTED, "unknown bits in fields or nulls");
    if (head->nulls & ~head->fields)
        return row_fault(at, TGS_E_INVALID, "nulls has bits that fields has not");
    head->fields &= ~record->read_only_bits;
    head->nulls &= head->fields;
    for (uint64_t bits = head->fields & record->pointer_bits; bits; bits &= bits - 1) {
        const tgs_field *field = field_first(record, bits);
        const tgs_str *text = field_in(row, field);
        if (text->ptr) continue;
        if (text->len) return fault(at, TGS_E_INVALID, field, "is NULL, but has a length");
        head->nulls |= field->bit;
    }
    return TGS_OK;
}

/* Key texts: NULL is "" where a part of the key may be missing, else a fault. */
static tgs_status check_key_text(const struct fault *at, const tgs_field *field, tgs_str *text) {
    if (text->ptr || text->len) return TGS_OK;
    if (at->input->number != TGS_RECORD_CONVERSATION)
        return fault(at, TGS_E_INVALID, field, "is NULL; it is the key");
    text->ptr = "";
    return TGS_OK;
}

static tgs_status check_keys(const struct fault *at, union stored_row *row, bool any_kind) {
    const struct record *record = at->input->record;
    for (size_t i = 0; i < record->n_keys; i++) {
        const tgs_field *field = record->keys[i];
        tgs_status status = TGS_OK;
        if (field->type == TGS_TYPE_TEXT) status = check_key_text(at, field, field_of(row, field));
        if (status == TGS_OK) status = check_member(at, field, field_in(row, field), any_kind);
        if (status != TGS_OK) return status;
    }
    return TGS_OK;
}

/* Check the members that fields names. */
static tgs_status check_values(const struct fault *at, const union stored_row *row) {
    const struct record *record = at->input->record;
    const uint64_t given = row->head.fields & ~row->head.nulls;
    for (uint64_t bits = given & record->text_bits; bits; bits &= bits - 1) {
        const tgs_field *field = field_first(record, bits);
        tgs_status status = check_member_text(at, field, *(const tgs_str *)field_in(row, field));
        if (status != TGS_OK) return status;
    }
    for (uint64_t bits = given & record->checked_bits; bits; bits &= bits - 1) {
        const tgs_field *field = field_first(record, bits);
        tgs_status status = check_member(at, field, field_in(row, field), false);
        if (status != TGS_OK) return status;
    }
    return TGS_OK;
}

tgs_status check_row(const struct input *input, size_t i, uint32_t flags, union stored_row *row,
                     tgs_error *err) {
    struct fault at = {input, i, err};
    tgs_status status = check_unknown(&at);
    if (status != TGS_OK) return status;
    memcpy(row, given_row(&at), input->record->row_size);
    status = check_flags(&at, row->head.flags, flags);
    if (status == TGS_OK) status = check_masks(&at, row);
    if (status == TGS_OK) status = check_keys(&at, row, false);
    return status == TGS_OK ? check_values(&at, row) : status;
}

/* Of a key only the key members and flags count, and the version that a condition names. */
static void copy_key(const struct fault *at, union stored_row *row) {
    const struct record *record = at->input->record;
    const char *given = given_row(at);
    memset(row, 0, record->row_size);
    row->head.flags = ((const struct row_head *)(const void *)given)->flags;
    for (size_t i = 0; i < record->n_keys; i++)
        memcpy(field_of(row, record->keys[i]), field_in(given, record->keys[i]), field_size(record->keys[i]));
    if (at->input->number == TGS_RECORD_CONVERSATION && (row->head.flags & TGS_ROW_IF_VERSION))
        row->conversation.version = ((const tgs_conversation *)(const void *)given)->version;
}

tgs_status check_key(const struct input *input, size_t i, uint32_t flags, bool any_kind,
                     union stored_row *row, tgs_error *err) {
    struct fault at = {input, i, err};
    tgs_status status = check_unknown(&at);
    if (status != TGS_OK) return status;
    copy_key(&at, row);
    status = check_flags(&at, row->head.flags, flags);
    return status == TGS_OK ? check_keys(&at, row, any_kind) : status;
}
