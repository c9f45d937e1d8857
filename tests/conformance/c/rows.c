/* SPDX-License-Identifier: Apache-2.0 */
/* Rows from and to JSON, by tgs_record_fields alone. */
#include "driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LAST_RECORD TGS_RECORD_STATS
#define MAX_SIZE 65536

struct block {
    struct block *next;
    size_t size;
    unsigned char *memory;
};

/* The beginning that all rows share. */
struct row_head {
    uint64_t fields;
    uint64_t nulls;
    uint32_t flags;
};

static const char *const row_flags[] = {"found",   "if_present", "if_absent",       "if_version",
                                        "require", "exact",      "replace_account", NULL};

static const struct {
    const char *name;
    uint32_t flag;
} field_flags[] = {
    {"key", TGS_FIELD_KEY},       {"read_only", TGS_FIELD_READ_ONLY}, {"write_only", TGS_FIELD_WRITE_ONLY},
    {"secret", TGS_FIELD_SECRET}, {"boolean", TGS_FIELD_BOOLEAN},     {"time", TGS_FIELD_TIME}};

static const char *const field_types[] = {"", "i32", "i64", "text", "bytes", "texts"};

static void *must(void *memory) {
    if (memory) return memory;
    fputs("conformance driver: out of memory\n", stderr);
    abort();
}

void *request_alloc(struct request *request, size_t size) {
    struct block *block = must(malloc(sizeof *block));
    block->memory = must(calloc(1, size ? size : 1));
    block->size = size;
    block->next = request->memory;
    request->memory = block;
    return block->memory;
}

void request_free_memory(struct request *request) {
    while (request->memory) {
        struct block *block = request->memory;
        request->memory = block->next;
        memset(block->memory, 0xa5, block->size);
        free(block->memory);
        free(block);
    }
}

void complain(struct request *request, const char *what, const char *about) {
    if (request->complaint[0]) return;
    snprintf(request->complaint, sizeof request->complaint, "%s: %s", what, about);
}

static json_object *member_of(json_object *object, const char *name) {
    json_object *value = NULL;
    json_object_object_get_ex(object, name, &value);
    return value;
}

const char *string_of(json_object *value) { return value ? json_object_get_string(value) : "null"; }

size_t array_length(struct request *request, json_object *array) {
    if (json_object_is_type(array, json_type_array)) return json_object_array_length(array);
    if (array) complain(request, "not an array", string_of(array));
    return 0;
}

bool is_object(struct request *request, json_object *value) {
    if (json_object_is_type(value, json_type_object)) return true;
    complain(request, "not an object", string_of(value));
    return false;
}

bool request_nulls(const struct request *request, const char *argument) {
    json_object *list = member_of(request->in, "null");
    if (!json_object_is_type(list, json_type_array)) return false;
    for (size_t i = 0; i < json_object_array_length(list); i++)
        if (strcmp(string_of(json_object_array_get_idx(list, i)), argument) == 0) return true;
    return false;
}

int64_t request_int(const struct request *request, const char *member, int64_t otherwise) {
    json_object *value = member_of(request->in, member);
    return value ? json_object_get_int64(value) : otherwise;
}

size_t request_size(struct request *request, const char *member, size_t otherwise) {
    int64_t size = request_int(request, member, (int64_t)otherwise);
    if (size >= 0 && size <= MAX_SIZE) return (size_t)size;
    complain(request, "too large for the driver", member);
    return otherwise;
}

static int base64_digit(char c) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *found = c ? strchr(digits, c) : NULL;
    return found ? (int)(found - digits) : -1;
}

static tgs_bytes base64_decode(struct request *request, json_object *value) {
    const char *text = json_object_get_string(value);
    size_t len = (size_t)json_object_get_string_len(value);
    while (len && text[len - 1] == '=') len--;
    tgs_bytes bytes = {request_alloc(request, len * 3 / 4), len * 3 / 4};
    uint8_t *out = (uint8_t *)(uintptr_t)bytes.ptr;
    uint32_t bits = 0;
    for (size_t i = 0, written = 0; i < len; i++) {
        int digit = base64_digit(text[i]);
        if (digit < 0) complain(request, "not base64", text);
        bits = bits << 6 | (uint32_t)(digit & 63);
        if (i % 4 != 0) out[written++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
    }
    return bytes;
}

static json_object *base64_encode(tgs_bytes bytes) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *text = must(malloc((bytes.len + 2) / 3 * 4 + 1));
    size_t at = 0;
    for (size_t i = 0; i < bytes.len; i += 3) {
        uint32_t bits = (uint32_t)bytes.ptr[i] << 16;
        if (i + 1 < bytes.len) bits |= (uint32_t)bytes.ptr[i + 1] << 8;
        if (i + 2 < bytes.len) bits |= bytes.ptr[i + 2];
        text[at++] = digits[bits >> 18];
        text[at++] = digits[bits >> 12 & 63];
        text[at++] = i + 1 < bytes.len ? digits[bits >> 6 & 63] : '=';
        text[at++] = i + 2 < bytes.len ? digits[bits & 63] : '=';
    }
    json_object *value = json_object_new_string_len(text, (int)at);
    free(text);
    return value;
}

tgs_str text_from_json(struct request *request, json_object *value) {
    if (!value) return (tgs_str){NULL, 0};
    if (json_object_is_type(value, json_type_object)) {
        tgs_bytes bytes = base64_decode(request, member_of(value, "base64"));
        return (tgs_str){(const char *)bytes.ptr, bytes.len};
    }
    if (!json_object_is_type(value, json_type_string))
        complain(request, "not a text", json_object_to_json_string(value));
    size_t len = (size_t)json_object_get_string_len(value);
    char *copy = request_alloc(request, len);
    memcpy(copy, json_object_get_string(value), len);
    return (tgs_str){copy, len};
}

tgs_str *texts_from_json(struct request *request, json_object *array, size_t *n) {
    *n = array_length(request, array);
    tgs_str *texts = request_alloc(request, *n * sizeof *texts);
    for (size_t i = 0; i < *n; i++) texts[i] = text_from_json(request, json_object_array_get_idx(array, i));
    return texts;
}

json_object *text_to_json(tgs_str text) {
    return text.ptr ? json_object_new_string_len(text.ptr, (int)text.len) : NULL;
}

static int64_t number_from_json(struct request *request, const tgs_field *field, json_object *value) {
    if (json_object_is_type(value, json_type_int)) return json_object_get_int64(value);
    if (json_object_is_type(value, json_type_boolean)) return json_object_get_boolean(value);
    const char *name = string_of(value);
    if (strcmp(name, "any") == 0) return TGS_PEER_ANY;
    for (int64_t i = 0; field->choices && field->choices[i]; i++)
        if (strcmp(field->choices[i], name) == 0) return i;
    complain(request, field->name, name);
    return 0;
}

static void member_from_json(struct request *request, const tgs_field *field, json_object *value,
                             char *member) {
    if (field->type == TGS_TYPE_I32) {
        int32_t number = (int32_t)number_from_json(request, field, value);
        memcpy(member, &number, sizeof number);
    } else if (field->type == TGS_TYPE_I64) {
        int64_t number = number_from_json(request, field, value);
        memcpy(member, &number, sizeof number);
    } else if (field->type == TGS_TYPE_TEXT) {
        tgs_str text = text_from_json(request, value);
        memcpy(member, &text, sizeof text);
    } else if (field->type == TGS_TYPE_BYTES) {
        tgs_bytes bytes = base64_decode(request, value);
        memcpy(member, &bytes, sizeof bytes);
    } else {
        size_t n = 0;
        const tgs_str *texts = texts_from_json(request, value, &n);
        memcpy(member, &texts, sizeof texts);
        memcpy(member + sizeof texts, &n, sizeof n);
    }
}

static uint32_t flags_from_json(struct request *request, json_object *list) {
    uint32_t flags = 0;
    for (size_t i = 0, n = array_length(request, list); i < n; i++) {
        json_object *flag = json_object_array_get_idx(list, i);
        uint32_t bit = (uint32_t)json_object_get_int64(flag);
        for (uint32_t j = 0; json_object_is_type(flag, json_type_string) && row_flags[j]; j++)
            if (strcmp(row_flags[j], json_object_get_string(flag)) == 0) bit = 1u << j;
        if (!bit) complain(request, "no such flag", string_of(flag));
        flags |= bit;
    }
    return flags;
}

static const tgs_field *find_field(int32_t record, const char *name) {
    size_t n = 0;
    const tgs_field *fields = tgs_record_fields(record, &n, NULL);
    for (size_t i = 0; i < n; i++)
        if (strcmp(fields[i].name, name) == 0) return &fields[i];
    return NULL;
}

/* "flags" are the row's; "fields" and "nulls", as numbers, are added to the masks. */
static bool head_from_json(struct request *request, const char *name, json_object *value,
                           struct row_head *head) {
    if (strcmp(name, "flags") == 0)
        head->flags = flags_from_json(request, value);
    else if (strcmp(name, "fields") == 0)
        head->fields |= json_object_get_uint64(value);
    else if (strcmp(name, "nulls") == 0)
        head->nulls |= json_object_get_uint64(value);
    else
        return false;
    return true;
}

void row_from_json(struct request *request, int32_t record, json_object *value, void *row) {
    struct row_head head = {0};
    if (!is_object(request, value)) return;
    json_object_object_foreach(value, name, member) {
        if (head_from_json(request, name, member, &head)) continue;
        const tgs_field *field = find_field(record, name);
        if (!field) {
            complain(request, "no such member", name);
            continue;
        }
        head.fields |= field->bit;
        if (member)
            member_from_json(request, field, member, (char *)row + field->offset);
        else
            head.nulls |= field->bit;
    }
    memcpy(row, &head.fields, sizeof head.fields);
    memcpy((char *)row + offsetof(struct row_head, nulls), &head.nulls, sizeof head.nulls);
    memcpy((char *)row + offsetof(struct row_head, flags), &head.flags, sizeof head.flags);
}

/* "poke": [[offset, byte], ...] changes single bytes of the rows. */
static void poke(struct request *request, char *rows, size_t size) {
    json_object *list = member_of(request->in, "poke");
    for (size_t i = 0, n = array_length(request, list); i < n; i++) {
        json_object *pair = json_object_array_get_idx(list, i);
        if (array_length(request, pair) != 2) {
            complain(request, "poke", "not a pair");
            continue;
        }
        size_t offset = (size_t)json_object_get_int64(json_object_array_get_idx(pair, 0));
        if (offset < size)
            rows[offset] = (char)json_object_get_int(json_object_array_get_idx(pair, 1));
        else
            complain(request, "poke", "beyond the rows");
    }
}

void *rows_from_json(struct request *request, const char *member, int32_t record, size_t *n, size_t *stride) {
    json_object *list = member_of(request->in, member);
    size_t row_size = 0;
    tgs_record_fields(record, NULL, &row_size);
    *n = array_length(request, list);
    *stride = request_size(request, "stride", row_size);
    size_t step = *stride > row_size ? *stride : row_size;
    char *rows = request_alloc(request, *n * step);
    for (size_t i = 0; i < *n && row_size; i++)
        row_from_json(request, record, json_object_array_get_idx(list, i), rows + i * step);
    poke(request, rows, *n * step);
    return request_nulls(request, member) ? NULL : rows;
}

static json_object *number_to_json(const tgs_field *field, int64_t number) {
    if (field->flags & TGS_FIELD_BOOLEAN) return json_object_new_boolean(number != 0);
    for (int64_t i = 0; field->choices && field->choices[i]; i++)
        if (i == number) return json_object_new_string(field->choices[i]);
    return json_object_new_int64(number);
}

static json_object *texts_to_json(const char *member) {
    const tgs_str *texts;
    size_t n;
    memcpy(&texts, member, sizeof texts);
    memcpy(&n, member + sizeof texts, sizeof n);
    json_object *list = json_object_new_array();
    for (size_t i = 0; i < n; i++) json_object_array_add(list, text_to_json(texts[i]));
    return list;
}

static json_object *member_to_json(const tgs_field *field, const char *member) {
    if (field->type == TGS_TYPE_I32) {
        int32_t number;
        memcpy(&number, member, sizeof number);
        return number_to_json(field, number);
    }
    if (field->type == TGS_TYPE_I64) {
        int64_t number;
        memcpy(&number, member, sizeof number);
        return number_to_json(field, number);
    }
    if (field->type == TGS_TYPE_TEXT) {
        tgs_str text;
        memcpy(&text, member, sizeof text);
        return text_to_json(text);
    }
    if (field->type == TGS_TYPE_BYTES) {
        tgs_bytes bytes;
        memcpy(&bytes, member, sizeof bytes);
        return base64_encode(bytes);
    }
    return texts_to_json(member);
}

json_object *row_to_json(int32_t record, const void *row) {
    struct row_head head;
    memcpy(&head.fields, row, sizeof head.fields);
    size_t n = 0;
    const tgs_field *fields = tgs_record_fields(record, &n, NULL);
    json_object *object = json_object_new_object();
    for (size_t i = 0; i < n; i++)
        if (!fields[i].bit || (head.fields & fields[i].bit))
            json_object_object_add(object, fields[i].name,
                                   member_to_json(&fields[i], (const char *)row + fields[i].offset));
    return object;
}

json_object *rows_to_json(const tgs_rows *rows, bool missing) {
    json_object *list = json_object_new_array();
    size_t size = 0;
    tgs_record_fields(tgs_rows_record(rows), NULL, &size);
    void *row = must(malloc(size ? size : 1));
    for (size_t i = 0; i < tgs_rows_count(rows); i++) {
        tgs_rows_row(rows, i, row, size);
        uint32_t flags;
        memcpy(&flags, (char *)row + offsetof(struct row_head, flags), sizeof flags);
        bool shown = missing || (flags & TGS_ROW_FOUND);
        json_object_array_add(list, shown ? row_to_json(tgs_rows_record(rows), row) : NULL);
    }
    free(row);
    return list;
}

int32_t record_from_json(struct request *request, json_object *value) {
    if (json_object_is_type(value, json_type_int)) return json_object_get_int(value);
    for (int32_t i = 1; i <= LAST_RECORD; i++)
        if (strcmp(tgs_record_name(i), string_of(value)) == 0) return i;
    complain(request, "no such record", string_of(value));
    return 0;
}

static json_object *describe_field(const tgs_field *field) {
    json_object *object = json_object_new_object(), *flags = json_object_new_array();
    json_object_object_add(object, "name", json_object_new_string(field->name));
    json_object_object_add(object, "type", json_object_new_string(field_types[field->type]));
    json_object_object_add(object, "offset", json_object_new_int64((int64_t)field->offset));
    json_object_object_add(object, "bit", json_object_new_uint64(field->bit));
    for (size_t i = 0; i < sizeof field_flags / sizeof *field_flags; i++)
        if (field->flags & field_flags[i].flag)
            json_object_array_add(flags, json_object_new_string(field_flags[i].name));
    json_object_object_add(object, "flags", flags);
    if (!field->choices) return object;
    json_object *choices = json_object_new_array();
    for (size_t i = 0; field->choices[i]; i++)
        json_object_array_add(choices, json_object_new_string(field->choices[i]));
    json_object_object_add(object, "choices", choices);
    return object;
}

json_object *describe_records(void) {
    json_object *records = json_object_new_object();
    for (int32_t record = 1; record <= LAST_RECORD; record++) {
        size_t n = 0, size = 0;
        const tgs_field *fields = tgs_record_fields(record, &n, &size);
        json_object *description = json_object_new_object(), *list = json_object_new_array();
        for (size_t i = 0; i < n; i++) json_object_array_add(list, describe_field(&fields[i]));
        json_object_object_add(description, "number", json_object_new_int(record));
        json_object_object_add(description, "size", json_object_new_int64((int64_t)size));
        json_object_object_add(description, "fields", list);
        json_object_object_add(records, tgs_record_name(record), description);
    }
    return records;
}
