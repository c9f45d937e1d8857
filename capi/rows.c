/* SPDX-License-Identifier: Apache-2.0 */
#include "rows.h"

#include <string.h>

#include "allocator.h"
#include "error.h"
#include "records.h"

struct tgs_rows {
    const struct record *record;
    int32_t number; /* TGS_RECORD_* */
    int32_t more;
    size_t count, capacity;
    size_t payload;
    char *data; /* begins behind this struct, moves away when it grows */
    struct arena arena;
};

/* A small result is one piece of memory: this struct, the rows, and some room for their texts. */
#define HEAD ((sizeof(struct tgs_rows) + 15) / 16 * 16)
#define TEXT_BYTES 128 /* a row, at most TEXT_BYTES_MOST in all */
#define TEXT_BYTES_MOST 2048

static char *first_data(tgs_rows *rows) { return (char *)rows + HEAD; }

tgs_rows *rows_new(int32_t record, size_t capacity) {
    const struct record *description = record_get(record);
    size_t size = (capacity * description->row_size + 15) / 16 * 16;
    size_t texts =
        ARENA_LEAST + (capacity < TEXT_BYTES_MOST / TEXT_BYTES ? capacity * TEXT_BYTES : TEXT_BYTES_MOST);
    tgs_rows *rows = mem_alloc(HEAD + size + texts);
    if (!rows) return NULL;
    *rows = (struct tgs_rows){.record = description,
                              .number = record,
                              .capacity = capacity,
                              .data = first_data(rows),
                              .arena = {.secret = description->secret}};
    arena_lend(&rows->arena, first_data(rows) + size, texts);
    return rows;
}

static bool reserve(tgs_rows *rows, size_t count) {
    if (count <= rows->capacity) return true;
    bool moved = rows->data != first_data(rows);
    size_t capacity = rows->capacity * 2 > count ? rows->capacity * 2 : count;
    char *data = mem_resize(moved ? rows->data : NULL, capacity * rows->record->row_size);
    if (!data) return false;
    if (!moved) memcpy(data, rows->data, rows->count * rows->record->row_size);
    rows->data = data;
    rows->capacity = capacity;
    return true;
}

static bool copy_texts(tgs_rows *rows, struct texts *texts) {
    if (!texts->count) {
        texts->ptr = NULL;
        return true;
    }
    tgs_str *copies = arena_alloc(&rows->arena, texts->count * sizeof *copies);
    if (!copies) return false;
    for (size_t i = 0; i < texts->count; i++) {
        if (!arena_text(&rows->arena, texts->ptr[i], &copies[i])) return false;
        rows->payload += copies[i].len;
    }
    texts->ptr = copies;
    return true;
}

/* Give a shallow copy its own texts and blobs; those without a stored value point nowhere. */
static bool deepen(tgs_rows *rows, char *row) {
    uint64_t fields = ((struct row_head *)row)->fields;
    for (size_t i = 0; i < rows->record->n_texts; i++) {
        const tgs_field *field = rows->record->texts[i];
        void *member = field_of(row, field);
        bool stored = !field->bit || (fields & field->bit);
        if (field->type == TGS_TYPE_TEXTS) {
            if (!stored) *(struct texts *)member = (struct texts){NULL, 0};
            if (!copy_texts(rows, member)) return false;
            continue;
        }
        tgs_str text = stored ? *(tgs_str *)member : (tgs_str){NULL, 0}; /* tgs_bytes has the same shape */
        if (!arena_text(&rows->arena, text, member)) return false;
        rows->payload += text.ptr ? text.len : 0;
    }
    return true;
}

tgs_status rows_own_key(tgs_rows *rows, size_t i, tgs_error *err) {
    char *row = rows_at(rows, i);
    for (size_t k = 0; k < rows->record->n_keys; k++) {
        const tgs_field *field = rows->record->keys[k];
        tgs_str *text = field_of(row, field);
        if (field->type == TGS_TYPE_TEXT && !arena_text(&rows->arena, *text, text)) return error_nomem(err);
    }
    return TGS_OK;
}

tgs_status rows_replace(tgs_rows *rows, size_t i, const void *row, tgs_error *err) {
    char *copy = rows_at(rows, i);
    memcpy(copy, row, rows->record->row_size);
    struct row_head *head = (struct row_head *)copy;
    head->nulls = 0;
    head->flags = TGS_ROW_FOUND;
    return deepen(rows, copy) ? TGS_OK : error_nomem(err);
}

tgs_status rows_resize(tgs_rows *rows, size_t count, tgs_error *err) {
    if (!reserve(rows, count)) return error_nomem(err);
    if (count > rows->count)
        memset(rows_at(rows, rows->count), 0, (count - rows->count) * rows->record->row_size);
    rows->count = count;
    return TGS_OK;
}

tgs_status rows_append(tgs_rows *rows, const void *row, tgs_error *err) {
    if (!reserve(rows, rows->count + 1)) return error_nomem(err);
    tgs_status status = rows_replace(rows, rows->count, row, err);
    if (status == TGS_OK) rows->count++;
    return status;
}

void *rows_at(tgs_rows *rows, size_t i) { return rows->data + i * rows->record->row_size; }

void rows_set_more(tgs_rows *rows, bool more) { rows->more = more; }

size_t rows_payload(const tgs_rows *rows) { return rows->payload; }

TGS_API size_t tgs_rows_count(const tgs_rows *rows) { return rows ? rows->count : 0; }

TGS_API int32_t tgs_rows_record(const tgs_rows *rows) { return rows ? rows->number : 0; }

TGS_API int32_t tgs_rows_more(const tgs_rows *rows) { return rows ? rows->more : 0; }

TGS_API tgs_status tgs_rows_row(const tgs_rows *rows, size_t i, void *row, size_t size) {
    if (!rows || !row || i >= rows->count || size < rows->record->first_size) return TGS_E_INVALID;
    size_t known = rows->record->row_size;
    memset(row, 0, size);
    memcpy(row, rows->data + i * known, size < known ? size : known);
    return TGS_OK;
}

TGS_API const void *tgs_rows_data(const tgs_rows *rows, size_t *stride) {
    if (!rows) return NULL;
    if (stride) *stride = rows->record->row_size;
    return rows->data;
}

TGS_API void tgs_rows_free(tgs_rows *rows) {
    if (!rows) return;
    arena_free(&rows->arena);
    if (rows->data != first_data(rows)) mem_free(rows->data);
    mem_free(rows);
}
