/* SPDX-License-Identifier: Apache-2.0 */
#include "jsonfile.h"

#include <stdlib.h>

const char *const record_names[] = {
    [TGS_RECORD_SESSION] = "session",
    [TGS_RECORD_DC_AUTH] = "dc_auth",
    [TGS_RECORD_PEER] = "peer",
    [TGS_RECORD_UPDATE_STATE] = "update_state",
    [TGS_RECORD_DEDUP] = "dedup",
    [TGS_RECORD_QUEUE_ITEM] = "queue_item",
    [TGS_RECORD_CONVERSATION] = "conversation",
    [TGS_RECORD_KV] = "kv",
};

/* --- memory --------------------------------------------------------------------------------- */

struct memory {
    struct memory *next;
    size_t size;
};

void *run_alloc(struct run *run, size_t size) {
    struct memory *block = size < SIZE_MAX - sizeof *block ? host->alloc(sizeof *block + size) : NULL;
    if (!block) {
        run->no_memory = true;
        return NULL;
    }
    *block = (struct memory){run->memory, size};
    run->memory = block;
    return memset(block + 1, 0, size);
}

const char *run_text(struct run *run, tgs_str text) {
    char *copy = run_alloc(run, text.len + 1);
    if (copy && text.len) memcpy(copy, text.ptr, text.len);
    return copy ? copy : "";
}

tgs_status no_memory(struct run *run) {
    run->err->index = -1;
    return host->fail(run->err, TGS_E_NOMEM, NULL, NULL);
}

void run_release(struct run *run) {
    for (struct memory *block = run->memory, *next; block; block = next) {
        next = block->next;
        explicit_bzero(block + 1, block->size); /* it may have held a secret */
        host->release(block);
    }
    run->memory = NULL;
}

/* --- base64 ----------------------------------------------------------------------------------- */

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static json_object *base64(struct run *run, const uint8_t *bytes, size_t len) {
    char *text = run_alloc(run, (len + 2) / 3 * 4 + 1);
    if (!text) return NULL;
    size_t n = 0;
    for (size_t i = 0; i < len; i += 3) {
        uint32_t group = (uint32_t)bytes[i] << 16;
        if (i + 1 < len) group |= (uint32_t)bytes[i + 1] << 8;
        if (i + 2 < len) group |= bytes[i + 2];
        text[n++] = digits[group >> 18];
        text[n++] = digits[group >> 12 & 63];
        text[n++] = i + 1 < len ? digits[group >> 6 & 63] : '=';
        text[n++] = i + 2 < len ? digits[group & 63] : '=';
    }
    return json_object_new_string_len(text, (int)n);
}

/* False: not base64, or out of memory. */
static bool from_base64(struct run *run, tgs_str text, tgs_bytes *out) {
    uint8_t *bytes = run_alloc(run, text.len / 4 * 3 + 1);
    if (!bytes || text.len % 4) return false;
    size_t n = 0, padding = 0;
    for (size_t i = 0; i < text.len; i += 4) {
        uint32_t group = 0;
        for (size_t k = 0; k < 4; k++) {
            const char *digit = text.ptr[i + k] ? strchr(digits, text.ptr[i + k]) : NULL;
            if (text.ptr[i + k] == '=' && i + 4 == text.len && k >= 2)
                padding++;
            else if (!digit || padding)
                return false;
            group = group << 6 | (digit ? (uint32_t)(digit - digits) : 0);
        }
        bytes[n++] = (uint8_t)(group >> 16);
        bytes[n++] = (uint8_t)(group >> 8);
        bytes[n++] = (uint8_t)group;
    }
    *out = (tgs_bytes){bytes, n - padding};
    return true;
}

/* NOLINTNEXTLINE(misc-no-recursion): a row is not deep */
void wipe(json_object *value) {
    if (json_object_is_type(value, json_type_string)) {
        explicit_bzero((char *)json_object_get_string(value), (size_t)json_object_get_string_len(value));
    } else if (json_object_is_type(value, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(value); i++)
            wipe(json_object_array_get_idx(value, i));
    } else if (json_object_is_type(value, json_type_object)) {
        json_object_object_foreach(value, key, member) {
            (void)key;
            wipe(member);
        }
    }
}

/* --- members ------------------------------------------------------------------------------------ */

json_object *get_object(const json_object *parent, const char *name) {
    json_object *object;
    if (!json_object_object_get_ex(parent, name, &object)) return NULL;
    return json_object_is_type(object, json_type_object) ? object : NULL;
}

int64_t get_number(const json_object *object, const char *name) {
    json_object *number;
    return json_object_object_get_ex(object, name, &number) ? json_object_get_int64(number) : 0;
}

bool has_member(const json_object *object, const char *name) {
    return json_object_object_get_ex(object, name, NULL);
}

static tgs_str text_of(json_object *text) {
    if (!json_object_is_type(text, json_type_string)) return (tgs_str){NULL, 0};
    return (tgs_str){json_object_get_string(text), (size_t)json_object_get_string_len(text)};
}

tgs_str get_text(const json_object *object, const char *name) {
    json_object *text;
    return json_object_object_get_ex(object, name, &text) ? text_of(text) : (tgs_str){NULL, 0};
}

void set_member(struct run *run, json_object *object, const char *name, json_object *value) {
    json_object *old;
    if (json_object_object_get_ex(object, name, &old)) wipe(old);
    run->changed = true;
    if (value && json_object_object_add(object, name, value) == 0) return;
    json_object_put(value);
    run->no_memory = true;
}

json_object *make_object(struct run *run, json_object *parent, const char *name) {
    json_object *object = get_object(parent, name);
    bool changed = run->changed;
    if (object) return object;
    set_member(run, parent, name, json_object_new_object());
    run->changed = changed;
    return get_object(parent, name);
}

void set_number(struct run *run, json_object *object, const char *name, int64_t value) {
    set_member(run, object, name, json_object_new_int64(value));
}

void set_text(struct run *run, json_object *object, const char *name, tgs_str text) {
    set_member(run, object, name, json_object_new_string_len(text.ptr, (int)text.len));
}

void drop_member(struct run *run, json_object *object, const char *name) {
    json_object *old;
    if (!json_object_object_get_ex(object, name, &old)) return;
    wipe(old);
    run->changed = true;
    json_object_object_del(object, name);
}

/* --- structs -------------------------------------------------------------------------------------- */

/* TGS_TYPE_TEXTS is a pointer and a count. */
struct texts {
    const tgs_str *ptr;
    size_t n;
};

static void *at(const void *row, const tgs_field *field) { return (char *)row + field->offset; }

static bool is_base64(const tgs_field *field) {
    return field->type == TGS_TYPE_BYTES || (field->flags & TGS_FIELD_SECRET);
}

const tgs_field *find_field(int32_t record, const char *name) {
    size_t n;
    const tgs_field *fields = host->fields(record, &n, NULL);
    for (size_t i = 0; i < n; i++)
        if (strcmp(fields[i].name, name) == 0) return &fields[i];
    return NULL;
}

static json_object *texts_to_json(const struct texts *texts) {
    json_object *list = json_object_new_array();
    for (size_t i = 0; list && i < texts->n; i++) {
        json_object *text = json_object_new_string_len(texts->ptr[i].ptr, (int)texts->ptr[i].len);
        if (text && json_object_array_add(list, text) == 0) continue;
        json_object_put(text);
        json_object_put(list);
        return NULL;
    }
    return list;
}

json_object *member_to_json(struct run *run, const tgs_field *field, const void *row) {
    const void *member = at(row, field);
    if (field->type == TGS_TYPE_I32) return json_object_new_int(*(const int32_t *)member);
    if (field->type == TGS_TYPE_I64) return json_object_new_int64(*(const int64_t *)member);
    if (field->type == TGS_TYPE_TEXTS) return texts_to_json(member);
    const tgs_bytes *bytes = member; /* tgs_str has the same shape */
    if (is_base64(field)) return base64(run, bytes->ptr, bytes->len);
    return json_object_new_string_len(bytes->ptr ? (const char *)bytes->ptr : "", (int)bytes->len);
}

static bool texts_from_json(struct run *run, json_object *list, struct texts *texts) {
    if (!json_object_is_type(list, json_type_array)) return false;
    size_t n = json_object_array_length(list);
    tgs_str *copy = run_alloc(run, n * sizeof *copy);
    if (!copy) return false;
    for (size_t i = 0; i < n; i++) {
        copy[i] = text_of(json_object_array_get_idx(list, i));
        if (!copy[i].ptr) return false;
    }
    *texts = (struct texts){copy, n};
    return true;
}

/* False: not of the member's type, or out of memory. */
static bool member_from_json(struct run *run, const tgs_field *field, json_object *value, void *row) {
    void *member = at(row, field);
    if (field->type == TGS_TYPE_TEXTS) return texts_from_json(run, value, member);
    if (field->type == TGS_TYPE_I32 || field->type == TGS_TYPE_I64) {
        int64_t number = json_object_get_int64(value);
        if (field->type == TGS_TYPE_I32)
            *(int32_t *)member = (int32_t)number;
        else
            *(int64_t *)member = number;
        return json_object_is_type(value, json_type_int);
    }
    tgs_str text = text_of(value);
    if (is_base64(field)) return text.ptr && from_base64(run, text, member);
    *(tgs_str *)member = text;
    return text.ptr != NULL;
}

tgs_status give_row(struct run *run, int32_t record, size_t slot, const json_object *row) {
    size_t n, row_size;
    const tgs_field *fields = host->fields(record, &n, &row_size);
    void *data = run_alloc(run, row_size);
    for (size_t i = 0; data && i < n; i++) {
        json_object *value;
        if (!json_object_object_get_ex(row, fields[i].name, &value)) continue;
        if (!member_from_json(run, &fields[i], value, data) && !run->no_memory)
            return host->fail(run->err, TGS_E_CORRUPT, NULL, NULL);
        *(uint64_t *)data |= fields[i].bit; /* every row begins with `fields` */
    }
    if (run->no_memory) return no_memory(run);
    tgs_status status = host->row(run->sink, slot, data);
    return status < 0 ? host->fail(run->err, status, NULL, NULL) : status;
}

/* --- keys and orders -------------------------------------------------------------------------------- */

json_object *key_members(struct run *run, int32_t record, const void *row) {
    size_t n;
    const tgs_field *fields = host->fields(record, &n, NULL);
    json_object *key = json_object_new_object();
    if (!key) run->no_memory = true;
    for (size_t i = 0; key && i < n; i++)
        if (fields[i].flags & TGS_FIELD_KEY)
            set_member(run, key, fields[i].name, member_to_json(run, &fields[i], row));
    return key;
}

const char *key_text(struct run *run, int32_t record, const void *row) {
    size_t n;
    const tgs_field *fields = host->fields(record, &n, NULL);
    json_object *key = json_object_new_array();
    if (!key) run->no_memory = true;
    for (size_t i = 0; key && i < n; i++) {
        if (!(fields[i].flags & TGS_FIELD_KEY)) continue;
        json_object *member = member_to_json(run, &fields[i], row);
        if (!member || json_object_array_add(key, member) != 0) run->no_memory = true;
    }
    const char *text = key ? json_object_to_json_string_ext(key, JSON_C_TO_STRING_PLAIN) : NULL;
    if (!text) run->no_memory = true;
    const char *copy = run_text(run, (tgs_str){text, text ? strlen(text) : 0});
    json_object_put(key);
    return copy;
}

bool is_expired(const struct run *run, const json_object *row) {
    int64_t expires = get_number(row, "expires");
    return expires > 0 && expires <= run->now;
}

struct order order_of(int32_t record, int32_t tgs_order) {
    if (record == TGS_RECORD_QUEUE_ITEM) return (struct order){{"due", "sequence"}};
    struct order order = {{NULL}};
    size_t n, used = 0;
    const tgs_field *fields = host->fields(record, &n, NULL);
    if (tgs_order == TGS_ORDER_EXPIRES) order.names[used++] = "expires";
    for (size_t i = 0; i < n && used + 1 < sizeof order.names / sizeof *order.names; i++)
        if (fields[i].flags & TGS_FIELD_KEY) order.names[used++] = fields[i].name;
    return order;
}

static int compare_texts(tgs_str a, tgs_str b) {
    int order = memcmp(a.ptr, b.ptr, a.len < b.len ? a.len : b.len);
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

int compare_rows(const struct order *order, const json_object *a, const json_object *b) {
    for (size_t i = 0; order->names[i]; i++) {
        tgs_str text = get_text(a, order->names[i]), other = get_text(b, order->names[i]);
        int64_t left = text.ptr ? 0 : get_number(a, order->names[i]),
                right = other.ptr ? 0 : get_number(b, order->names[i]);
        int difference = text.ptr && other.ptr ? compare_texts(text, other) : (left > right) - (left < right);
        if (difference) return difference;
    }
    return 0;
}

static int compare_pointers(const void *a, const void *b, void *order) {
    return compare_rows(order, *(json_object *const *)a, *(json_object *const *)b);
}

json_object **sorted_rows(struct run *run, const json_object *table, const struct order *order, size_t *n) {
    *n = 0;
    size_t count = table ? (size_t)json_object_object_length(table) : 0;
    json_object **rows = run_alloc(run, count * sizeof *rows);
    if (!rows || !count) return rows;
    json_object_object_foreach(table, key, row) {
        (void)key;
        rows[(*n)++] = row;
    }
    struct order by = *order;
    qsort_r(rows, *n, sizeof *rows, compare_pointers, &by);
    return rows;
}
