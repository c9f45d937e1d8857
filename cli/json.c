/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <json-c/json.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

struct json_object *json_new(void) {
    return json_object_new_object();
}

struct json_object *json_number(uint64_t number) {
    return json_object_new_uint64(number);
}

struct json_object *json_text(tgs_str text) {
    if (text.len > INT_MAX) return NULL;
    return json_object_new_string_len(text.ptr ? text.ptr : "", (int)text.len);
}

struct json_object *json_array(void) {
    return json_object_new_array();
}

bool json_append(struct json_object *array, struct json_object *value) {
    if (array && value && json_object_array_add(array, value) == 0) return true;
    json_object_put(value);
    return false;
}

bool json_set(struct json_object *object, const char *key, struct json_object *value) {
    if (object && value && json_object_object_add(object, key, value) == 0) return true;
    json_object_put(value);
    return false;
}

/* --- values ------------------------------------------------------------------------------- */

static struct json_object *base64(tgs_bytes bytes) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t len = (bytes.len + 2) / 3 * 4;
    char *text = len <= INT_MAX ? malloc(len + 1) : NULL;
    if (!text) return NULL;
    for (size_t i = 0, j = 0; i < bytes.len; i += 3, j += 4) {
        size_t left = bytes.len - i;
        uint32_t group = (uint32_t)bytes.ptr[i] << 16 | (left > 1 ? (uint32_t)bytes.ptr[i + 1] << 8 : 0) |
                         (left > 2 ? bytes.ptr[i + 2] : 0);
        for (unsigned k = 0; k < 4; k++) text[j + k] = k <= left ? digits[group >> (18 - 6 * k) & 63] : '=';
    }
    struct json_object *value = json_text((tgs_str){text, len});
    free(text);
    return value;
}

static struct json_object *masked(size_t len) {
    char text[40];
    snprintf(text, sizeof text, "<%zu bytes>", len);
    return json_text(to_str(text));
}

static struct json_object *integer(const tgs_field *field, int64_t value) {
    int64_t n_choices = 0;
    while (field->choices && field->choices[n_choices]) n_choices++;
    if (value >= 0 && value < n_choices) return json_text(to_str(field->choices[value]));
    if (field->flags & TGS_FIELD_BOOLEAN) return json_object_new_boolean(value != 0);
    return json_object_new_int64(value);
}

static struct json_object *texts(const void *member) {
    const tgs_str *items;
    size_t n;
    memcpy(&items, member, sizeof items);
    memcpy(&n, (const char *)member + sizeof items, sizeof n);
    struct json_object *array = json_array();
    for (size_t i = 0; array && i < n; i++) {
        if (json_append(array, json_text(items[i]))) continue;
        json_object_put(array);
        return NULL;
    }
    return array;
}

static struct json_object *field_value(const tgs_field *field, const void *member) {
    int32_t number;
    int64_t large;
    tgs_bytes bytes;
    switch (field->type) {
    case TGS_TYPE_I32:
        memcpy(&number, member, sizeof number);
        return integer(field, number);
    case TGS_TYPE_I64:
        memcpy(&large, member, sizeof large);
        return integer(field, large);
    case TGS_TYPE_TEXTS:
        return texts(member);
    default: /* texts and blobs are laid out alike */
        memcpy(&bytes, member, sizeof bytes);
        if (field->flags & TGS_FIELD_SECRET) return masked(bytes.len);
        if (field->type == TGS_TYPE_BYTES) return base64(bytes);
        return json_text((tgs_str){(const char *)bytes.ptr, bytes.len});
    }
}

/* --- rows --------------------------------------------------------------------------------- */

struct json_object *json_row(int32_t record, const void *row) {
    struct json_object *object = json_new();
    size_t n;
    const tgs_field *fields = tgs_record_fields(record, &n, NULL);
    for (size_t i = 0; i < n; i++) {
        if (!field_present(&fields[i], row)) continue;
        if (json_set(object, fields[i].name, field_value(&fields[i], field_at(&fields[i], row)))) continue;
        json_object_put(object);
        return NULL;
    }
    return object;
}

struct json_object *json_rows(const tgs_rows *rows) {
    struct json_object *array = json_array();
    size_t stride;
    const char *data = tgs_rows_data(rows, &stride);
    for (size_t i = 0; array && i < tgs_rows_count(rows); i++) {
        if (json_append(array, json_row(tgs_rows_record(rows), data + i * stride))) continue;
        json_object_put(array);
        return NULL;
    }
    return array;
}

int json_write(struct json_object *object, bool complete) {
    const int flags = JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE;
    size_t len;
    const char *text = object && complete ? json_object_to_json_string_length(object, flags, &len) : NULL;
    if (text) fwrite(text, 1, len, stdout);
    json_object_put(object);
    return text ? DONE : out_of_memory();
}

int json_print(struct json_object *object, bool complete) {
    int status = json_write(object, complete);
    putchar('\n');
    return status;
}
