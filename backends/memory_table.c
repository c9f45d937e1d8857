/* SPDX-License-Identifier: Apache-2.0 */
#include "memory_table.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define LEAF_ROWS 128
#define FIRST_SLOTS 8
#define FIRST_WAITING 16

static const tgs_host *host;
static uint64_t hash_seed; /* keys come from strangers: they must not be able to choose collisions */

/* The first bytes of a row's place in an order, so that most comparisons need not fetch the row. */
struct entry {
    uint64_t prefix;
    struct row *row;
};

void table_setup(const tgs_host *the_host) {
    host = the_host;
    if (getrandom(&hash_seed, sizeof hash_seed, GRND_NONBLOCK) < 0)
        hash_seed = (uint64_t)host->monotonic_ns();
}

/* --- fields ------------------------------------------------------------------------------ */

static tgs_str text_in(const void *data, const tgs_field *field) {
    return *(const tgs_str *)field_at(data, field);
}

static int64_t number_in(const void *data, const tgs_field *field) {
    const void *at = field_at(data, field);
    return field->type == TGS_TYPE_I32 ? *(const int32_t *)at : *(const int64_t *)at;
}

static int text_compare(tgs_str a, tgs_str b) {
    size_t shared = a.len < b.len ? a.len : b.len;
    int order = shared ? memcmp(a.ptr, b.ptr, shared) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

/* --- rows ---------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t hash, uint64_t word) {
    hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 32;
}

static uint64_t hash_text(uint64_t hash, tgs_str text) {
    size_t i = 0;
    for (; i + sizeof(uint64_t) <= text.len; i += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, text.ptr + i, sizeof word);
        hash = mix(hash, word);
    }
    uint64_t rest = 0;
    if (i < text.len) memcpy(&rest, text.ptr + i, text.len - i);
    return mix(mix(hash, rest), text.len);
}

uint32_t hash_key(const struct layout *layout, const void *data) {
    uint64_t hash = hash_seed;
    for (size_t i = 0; i < layout->key.n; i++) {
        const tgs_field *field = layout->key.fields[i];
        if (field->type == TGS_TYPE_TEXT)
            hash = hash_text(hash, text_in(data, field));
        else
            hash = mix(hash, (uint64_t)number_in(data, field));
    }
    return (uint32_t)mix(hash, hash_seed);
}

struct texts {
    const tgs_str *ptr;
    size_t count;
};

_Static_assert(sizeof(tgs_str) == sizeof(tgs_bytes) && offsetof(tgs_str, len) == offsetof(tgs_bytes, len) &&
                   sizeof(tgs_str) == sizeof(struct texts),
               "texts, blobs and lists of texts are copied alike");

static size_t owned_size(const tgs_field *field, const void *data) {
    if (field->type != TGS_TYPE_TEXTS) return text_in(data, field).len;
    struct texts texts = *(struct texts *)field_at(data, field);
    size_t size = texts.count * sizeof(tgs_str);
    for (size_t i = 0; i < texts.count; i++) size += texts.ptr[i].len;
    return size;
}

static void own_text(tgs_str *text, char **free_space) {
    if (!text->ptr) return;
    if (text->len) memcpy(*free_space, text->ptr, text->len);
    text->ptr = *free_space;
    *free_space += text->len;
}

static void own_field(const tgs_field *field, void *data, char **free_space) {
    if (field->type != TGS_TYPE_TEXTS) {
        own_text(field_at(data, field), free_space);
        return;
    }
    struct texts *texts = field_at(data, field);
    if (!texts->count) return;
    tgs_str *copy = (tgs_str *)(void *)*free_space; /* the first of the row's owned fields, so aligned */
    memcpy(copy, texts->ptr, texts->count * sizeof *copy);
    *free_space += texts->count * sizeof *copy;
    for (size_t i = 0; i < texts->count; i++) own_text(&copy[i], free_space);
    texts->ptr = copy;
}

static size_t owned_sizes(const struct layout *layout, const void *data) {
    size_t size = 0;
    for (size_t i = 0; i < layout->n_owned; i++) size += owned_size(layout->owned[i], data);
    return size;
}

/* Move all that `data` points to into `texts`, which has room for it. */
static void own_fields(const struct layout *layout, void *data, char *texts) {
    for (size_t i = 0; i < layout->n_owned; i++) own_field(layout->owned[i], data, &texts);
}

static char *inner_texts(const struct layout *layout, struct row *row) {
    return (char *)row_data(row) + layout->row_size;
}

struct row *row_new(const struct layout *layout, const void *data, uint32_t hash) {
    size_t texts_size = owned_sizes(layout, data);
    size_t size = sizeof(struct row) + layout->row_size + texts_size;
    if (size > INT32_MAX) return NULL;
    struct row *row = host->alloc(size);
    if (!row) return NULL;
    *row = (struct row){.texts = inner_texts(layout, row),
                        .texts_size = (uint32_t)texts_size,
                        .hash = hash,
                        .size = (uint32_t)size & INT32_MAX};
    memcpy(row_data(row), data, layout->row_size);
    own_fields(layout, row_data(row), row->texts);
    return row;
}

static bool is_inside(const struct row *row, const char *texts) {
    return texts >= (const char *)row && texts <= (const char *)row + row->size;
}

/* Throw away texts that the row has or had. */
static void free_texts(const struct row *row, char *texts, size_t size) {
    explicit_bzero(texts, size);
    if (!is_inside(row, texts)) host->release(texts);
}

void row_free(struct row *row) {
    if (!row) return;
    if (!is_inside(row, row->texts)) free_texts(row, row->texts, row->texts_size);
    explicit_bzero(row, row->size);
    host->release(row);
}

static bool same_owned(const tgs_field *field, const void *a, const void *b) {
    if (field->type != TGS_TYPE_TEXTS) {
        tgs_str left = text_in(a, field), right = text_in(b, field);
        return !left.ptr == !right.ptr && same_text(left, right);
    }
    struct texts left = *(struct texts *)field_at(a, field), right = *(struct texts *)field_at(b, field);
    if (left.count != right.count) return false;
    for (size_t i = 0; i < left.count; i++)
        if (!same_text(left.ptr[i], right.ptr[i])) return false;
    return true;
}

static bool same_texts(const struct layout *layout, const void *a, const void *b) {
    for (size_t i = 0; i < layout->n_owned; i++)
        if (!same_owned(layout->owned[i], a, b)) return false;
    return true;
}

static bool own_new_texts(const struct layout *layout, struct row *row, void *data) {
    size_t size = owned_sizes(layout, data);
    char *texts = size <= INT32_MAX ? host->alloc(size ? size : 1) : NULL;
    if (!texts) return false;
    own_fields(layout, data, texts);
    row->texts = texts;
    row->texts_size = (uint32_t)size;
    return true;
}

bool row_overwrite(const struct layout *layout, struct row *row, void *data, struct row_before *before) {
    *before = (struct row_before){row->texts, row->texts_size};
    memcpy(before + 1, row_data(row), layout->row_size);
    if (same_texts(layout, data, row_data(row)))
        for (size_t i = 0; i < layout->n_owned; i++) field_copy(layout->owned[i], data, row_data(row));
    else if (!own_new_texts(layout, row, data))
        return false;
    memcpy(row_data(row), data, layout->row_size);
    return true;
}

void row_restore(const struct layout *layout, struct row *row, const struct row_before *before) {
    if (row->texts != before->texts) free_texts(row, row->texts, row->texts_size);
    row->texts = before->texts;
    row->texts_size = before->texts_size;
    memcpy(row_data(row), before + 1, layout->row_size);
}

void row_settle(struct row *row, const struct row_before *before) {
    if (row->texts != before->texts) free_texts(row, before->texts, before->texts_size);
}

/* --- orders ---------------------------------------------------------------------------------- */

static uint64_t sortable(int64_t number) { return (uint64_t)number ^ (uint64_t)1 << 63; }

/* Rises with the order: a smaller prefix means a smaller row, equal ones mean nothing. */
static uint64_t order_prefix(const struct order_by *by, const void *data) {
    if (by->n == 0) return 0; /* the session's own record, which has no key */
    const tgs_field *first = by->fields[0];
    if (first->type == TGS_TYPE_I64) return sortable(number_in(data, first));
    if (first->type == TGS_TYPE_TEXT) {
        tgs_str text = text_in(data, first);
        uint64_t prefix = 0;
        for (size_t i = 0; i < 8; i++) prefix = prefix << 8 | (i < text.len ? (uint8_t)text.ptr[i] : 0);
        return prefix;
    }
    /* A small first number, such as a peer's kind, leaves room for the second one. */
    int64_t number = number_in(data, first);
    if (number < 0) return 0;
    if (number > 2) return UINT64_MAX;
    uint64_t second =
        by->n > 1 && by->fields[1]->type == TGS_TYPE_I64 ? sortable(number_in(data, by->fields[1])) : 0;
    return (uint64_t)number << 62 | second >> 2;
}

int order_compare(const struct order_by *by, const void *a, const void *b) {
    for (size_t i = 0; i < by->n; i++) {
        const tgs_field *field = by->fields[i];
        int order;
        if (field->type == TGS_TYPE_TEXT) {
            order = text_compare(text_in(a, field), text_in(b, field));
        } else {
            int64_t left = number_in(a, field), right = number_in(b, field);
            order = (left > right) - (left < right);
        }
        if (order) return order;
    }
    return 0;
}

/* A place to look for: before or behind the rows that are equal to `data`. */
struct place {
    const struct order_by *by;
    const void *data;
    uint64_t prefix;
    bool behind;
};

static struct place place_of(const struct table *table, size_t order, const void *data, bool behind) {
    const struct order_by *by = &table->layout->orders[order];
    return (struct place){by, data, order_prefix(by, data), behind};
}

static bool stands_before(const struct entry *entry, const struct place *place) {
    if (entry->prefix != place->prefix) return entry->prefix < place->prefix;
    int order = order_compare(place->by, row_data(entry->row), place->data);
    return order < 0 || (order == 0 && place->behind);
}

static bool begins_before(const struct leaf *leaf, const struct place *place) {
    if (leaf->first != place->prefix) return leaf->first < place->prefix;
    return stands_before(&leaf->entries[0], place);
}

/* The leaf a row at this place goes into: the last one that begins before it. */
static size_t find_leaf(const struct order *order, const struct place *place) {
    size_t low = 0, high = order->n_leaves;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (begins_before(&order->leaves[middle], place))
            low = middle + 1;
        else
            high = middle;
    }
    return low ? low - 1 : 0;
}

static size_t find_index(const struct leaf *leaf, const struct place *place) {
    size_t low = 0, high = leaf->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (stands_before(&leaf->entries[middle], place))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct cursor seek(const struct order *order, const struct place *place) {
    struct cursor cursor = {order, 0, 0};
    if (!order->n_leaves) return cursor;
    cursor.leaf = find_leaf(order, place);
    cursor.index = find_index(&order->leaves[cursor.leaf], place);
    return cursor;
}

static bool resize_leaf(struct leaf *leaf, uint32_t capacity) {
    struct entry *entries = host->resize(leaf->entries, capacity * sizeof *entries);
    if (!entries) return false;
    leaf->entries = entries;
    leaf->capacity = capacity;
    return true;
}

/* Add a leaf at `at` that takes over the entries of the one before it from `from` on. */
static bool add_leaf(struct order *order, size_t at, uint32_t from) {
    if (order->n_leaves == order->capacity) {
        size_t capacity = order->capacity ? order->capacity * 2 : 1;
        struct leaf *leaves = host->resize(order->leaves, capacity * sizeof *leaves);
        if (!leaves) return false;
        order->leaves = leaves;
        order->capacity = capacity;
    }
    struct leaf leaf = {0};
    if (!resize_leaf(&leaf, order->n_leaves ? LEAF_ROWS : 4)) return false;
    if (at > 0) {
        struct leaf *before = &order->leaves[at - 1];
        leaf.count = before->count - from;
        memcpy(leaf.entries, before->entries + from, leaf.count * sizeof *leaf.entries);
        leaf.first = leaf.entries[0].prefix;
        before->count = from;
    }
    memmove(order->leaves + at + 1, order->leaves + at, (order->n_leaves - at) * sizeof leaf);
    order->leaves[at] = leaf;
    order->n_leaves++;
    return true;
}

/* Make room for one more entry at the cursor, which may move to a new leaf. */
static bool make_room(struct order *order, struct cursor *cursor) {
    if (!order->n_leaves) return add_leaf(order, 0, 0);
    struct leaf *leaf = &order->leaves[cursor->leaf];
    if (leaf->count < leaf->capacity) return true;
    if (leaf->capacity < LEAF_ROWS) return resize_leaf(leaf, leaf->capacity * 2);
    /* Rows that come in order fill their leaves; others leave them half full. */
    bool at_end = cursor->index == leaf->count && cursor->leaf + 1 == order->n_leaves;
    uint32_t from = at_end ? leaf->count : LEAF_ROWS / 2;
    if (!add_leaf(order, cursor->leaf + 1, from)) return false;
    if (cursor->index > from || at_end) {
        cursor->leaf++;
        cursor->index -= from;
    }
    return true;
}

/* The cursor at exactly this row. */
static bool find_row(const struct table *table, size_t order, const struct row *row, struct cursor *cursor) {
    struct place place = place_of(table, order, row_data(row), false);
    *cursor = seek(&table->orders[order], &place);
    for (; cursor->leaf < cursor->order->n_leaves; cursor->leaf++, cursor->index = 0) {
        const struct leaf *leaf = &cursor->order->leaves[cursor->leaf];
        for (; cursor->index < leaf->count; cursor->index++) {
            const struct row *candidate = leaf->entries[cursor->index].row;
            if (candidate == row) return true;
            if (order_compare(place.by, row_data(candidate), place.data) != 0) return false;
        }
    }
    return false;
}

static bool insert(struct table *table, size_t at, struct row *row) {
    struct order *order = &table->orders[at];
    struct place place = place_of(table, at, row_data(row), true);
    struct cursor cursor = seek(order, &place);
    if (!make_room(order, &cursor)) return false;
    struct leaf *leaf = &order->leaves[cursor.leaf];
    struct entry *entry = &leaf->entries[cursor.index];
    memmove(entry + 1, entry, (leaf->count - cursor.index) * sizeof *entry);
    *entry = (struct entry){place.prefix, row};
    if (cursor.index == 0) leaf->first = place.prefix;
    leaf->count++;
    return true;
}

bool table_order_insert(struct table *table, size_t order, struct row *row) {
    struct cursor cursor;
    return find_row(table, order, row, &cursor) || insert(table, order, row);
}

void table_order_remove(struct table *table, size_t at, const struct row *row) {
    struct order *order = &table->orders[at];
    struct cursor cursor;
    if (!find_row(table, at, row, &cursor)) return;
    struct leaf *leaf = &order->leaves[cursor.leaf];
    struct entry *entry = &leaf->entries[cursor.index];
    leaf->count--;
    memmove(entry, entry + 1, (leaf->count - cursor.index) * sizeof *entry);
    if (leaf->count == 0) {
        host->release(leaf->entries);
        order->n_leaves--;
        memmove(leaf, leaf + 1, (order->n_leaves - cursor.leaf) * sizeof *leaf);
        return;
    }
    leaf->first = leaf->entries[0].prefix;
    if (leaf->count <= leaf->capacity / 4)
        (void)resize_leaf(leaf, leaf->capacity / 2); /* gives memory back; no harm if it can't */
}

static void order_clear(struct order *order) {
    for (size_t i = 0; i < order->n_leaves; i++) host->release(order->leaves[i].entries);
    host->release(order->leaves);
    *order = (struct order){0};
}

struct cursor cursor_first(const struct table *table, size_t order) {
    return (struct cursor){&table->orders[order], 0, 0};
}

struct cursor cursor_seek(const struct table *table, size_t order, const void *data, bool inclusive) {
    struct place place = place_of(table, order, data, !inclusive);
    return seek(&table->orders[order], &place);
}

struct row *cursor_next(struct cursor *cursor) {
    for (; cursor->leaf < cursor->order->n_leaves; cursor->leaf++, cursor->index = 0) {
        const struct leaf *leaf = &cursor->order->leaves[cursor->leaf];
        while (cursor->index < leaf->count) {
            struct row *row = leaf->entries[cursor->index++].row;
            if (!row->gone) return row;
        }
    }
    return NULL;
}

/* --- rows that wait for their order ------------------------------------------------------------ */

static bool wait_for_order(struct table *table, struct row *row) {
    if (table->n_waiting == table->waiting_capacity) {
        size_t capacity = table->waiting_capacity ? table->waiting_capacity * 2 : FIRST_WAITING;
        struct entry *waiting = host->resize(table->waiting, capacity * sizeof *waiting);
        if (!waiting) return false;
        table->waiting = waiting;
        table->waiting_capacity = capacity;
    }
    table->waiting[table->n_waiting++] =
        (struct entry){order_prefix(&table->layout->orders[0], row_data(row)), row};
    row->waiting = (uint32_t)table->n_waiting;
    return true;
}

/* The last one takes its place. */
static void stop_waiting(struct table *table, struct row *row) {
    struct entry last = table->waiting[--table->n_waiting];
    table->waiting[row->waiting - 1] = last;
    last.row->waiting = row->waiting;
    row->waiting = 0;
}

/* The largest first. */
static int compare_waiting(const void *a, const void *b, void *by) {
    const struct entry *left = a, *right = b;
    if (left->prefix != right->prefix) return left->prefix < right->prefix ? 1 : -1;
    return order_compare(by, row_data(right->row), row_data(left->row));
}

static void sort_waiting(struct table *table) {
    struct order_by by = table->layout->orders[0];
    qsort_r(table->waiting, table->n_waiting, sizeof *table->waiting, compare_waiting, &by);
    for (size_t i = 0; i < table->n_waiting; i++) table->waiting[i].row->waiting = (uint32_t)i + 1;
}

bool table_settle(struct table *table) {
    if (table->n_waiting > 1) sort_waiting(table);
    while (table->n_waiting) {
        struct row *row = table->waiting[table->n_waiting - 1].row;
        if (!insert(table, 0, row)) return false;
        stop_waiting(table, row);
    }
    host->release(table->waiting);
    table->waiting = NULL;
    table->waiting_capacity = 0;
    return true;
}

/* --- tables ---------------------------------------------------------------------------------- */

static size_t slot_after(const struct table *table, size_t slot) { return (slot + 1) & (table->n_slots - 1); }

static size_t first_slot(const struct table *table, uint32_t hash) { return hash & (table->n_slots - 1); }

struct row *table_find(const struct table *table, const void *data, uint32_t hash) {
    if (!table->n_rows) return NULL;
    const struct slot *slot;
    for (size_t at = first_slot(table, hash); (slot = &table->slots[at])->row; at = slot_after(table, at))
        if (slot->hash == hash && !slot->row->gone &&
            order_compare(&table->layout->key, row_data(slot->row), data) == 0)
            return slot->row;
    return NULL;
}

static void hash_insert(struct table *table, struct slot slot) {
    size_t at = first_slot(table, slot.hash);
    while (table->slots[at].row) at = slot_after(table, at);
    table->slots[at] = slot;
}

/* Rows behind a free slot would not be found: those that may stand nearer to their first slot move up. */
static void hash_remove(struct table *table, const struct row *row) {
    size_t free_slot = first_slot(table, row->hash);
    while (table->slots[free_slot].row != row) free_slot = slot_after(table, free_slot);
    const size_t mask = table->n_slots - 1;
    for (size_t at = slot_after(table, free_slot); table->slots[at].row; at = slot_after(table, at)) {
        size_t wanted = first_slot(table, table->slots[at].hash);
        if (((at - wanted) & mask) < ((at - free_slot) & mask)) continue;
        table->slots[free_slot] = table->slots[at];
        free_slot = at;
    }
    table->slots[free_slot].row = NULL;
}

/* Room for one more row: at least a quarter of the slots is free. */
static bool grow_slots(struct table *table) {
    if ((table->n_rows + 1) * 4 <= table->n_slots * 3) return true;
    struct slot *old = table->slots;
    size_t old_count = table->n_slots, count = old_count ? old_count * 2 : FIRST_SLOTS;
    struct slot *slots = host->alloc(count * sizeof *slots);
    if (!slots) return false;
    memset(slots, 0, count * sizeof *slots);
    table->slots = slots;
    table->n_slots = count;
    for (size_t i = 0; i < old_count; i++)
        if (old[i].row) hash_insert(table, old[i]);
    host->release(old);
    return true;
}

/* Into one of the orders that it belongs in. */
static bool enter_order(struct table *table, size_t order, struct row *row) {
    return order == 0 && table->layout->lazy ? wait_for_order(table, row) : insert(table, order, row);
}

static void leave_order(struct table *table, size_t order, struct row *row) {
    if (order == 0 && row->waiting)
        stop_waiting(table, row);
    else if (table->orders[order].n_leaves)
        table_order_remove(table, order, row);
}

bool table_link(struct table *table, struct row *row) {
    if (!grow_slots(table)) return false;
    uint32_t member = table->layout->member_of(table->layout, row_data(row));
    for (size_t order = 0; order < TABLE_ORDERS; order++) {
        if (!(member >> order & 1) || enter_order(table, order, row)) continue;
        while (order-- > 0)
            if (member >> order & 1) leave_order(table, order, row);
        return false;
    }
    hash_insert(table, (struct slot){row, row->hash});
    table->n_rows++;
    return true;
}

void table_unlink(struct table *table, struct row *row) {
    for (size_t order = 0; order < TABLE_ORDERS; order++) leave_order(table, order, row);
    hash_remove(table, row);
    table->n_rows--;
}

bool table_keeps_place(const struct table *table, const struct row *row, const void *data) {
    const struct layout *layout = table->layout;
    uint32_t member = layout->member_of(layout, row_data(row));
    if (member != layout->member_of(layout, data)) return false;
    for (size_t order = 0; order < TABLE_ORDERS; order++)
        if ((member >> order & 1) && order_compare(&layout->orders[order], row_data(row), data) != 0)
            return false;
    return true;
}

void table_prefetch(const struct table *table, uint32_t hash, int step) {
    if (!table->n_rows) return;
    const struct slot *slot = &table->slots[first_slot(table, hash)];
    __builtin_prefetch(step == 0 ? (const void *)slot : (const void *)slot->row);
}

void table_clear(struct table *table) {
    for (size_t i = 0; i < table->n_slots; i++) row_free(table->slots[i].row);
    host->release(table->slots);
    host->release(table->waiting);
    for (size_t order = 0; order < TABLE_ORDERS; order++) order_clear(&table->orders[order]);
    *table = (struct table){.layout = table->layout};
}
