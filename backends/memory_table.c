/* SPDX-License-Identifier: Apache-2.0 */
#include "memory_table.h"

#include "wipe.h"

#define LEAF_ROWS 128
#define CACHE_LINE 64
#define FIRST_WAITING 16

static const tgs_host *host;

/* The first bytes of a row's place in an order, so that most comparisons need not fetch the row. */
struct entry {
    uint64_t prefix;
    struct row *row;
};

void table_setup(const tgs_host *the_host) {
    host = the_host;
    index_setup(the_host);
}

/* --- fields ------------------------------------------------------------------------------ */

static tgs_str text_in(const void *data, const tgs_field *field) {
    return *(const tgs_str *)field_at(data, field);
}

static int text_compare(tgs_str a, tgs_str b) {
    size_t shared = a.len < b.len ? a.len : b.len;
    int order = shared ? memcmp(a.ptr, b.ptr, shared) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

/* --- rows ---------------------------------------------------------------------------------- */

struct texts {
    const tgs_str *ptr;
    size_t count;
};

_Static_assert(sizeof(tgs_str) == sizeof(tgs_bytes) && offsetof(tgs_str, len) == offsetof(tgs_bytes, len) &&
                   sizeof(tgs_str) == sizeof(struct texts),
               "texts, blobs and lists of texts are copied alike");

static struct texts *list_in(const struct layout *layout, const void *data) {
    return field_at(data, layout->list);
}

static size_t texts_size(const struct layout *layout, const void *data) {
    size_t size = 0;
    if (layout->list) {
        const struct texts *list = list_in(layout, data);
        size += list->count * sizeof(tgs_str);
        for (size_t i = 0; i < list->count; i++) size += list->ptr[i].len;
    }
    for (size_t i = 0; i < layout->n_texts; i++) size += text_in(data, layout->texts[i]).len;
    return size;
}

static char *move_text(tgs_str *text, char *to) {
    if (!text->ptr) return to;
    memcpy(to, text->ptr, text->len);
    text->ptr = to;
    return to + text->len;
}

static char *move_list(struct texts *list, char *to) {
    if (!list->count) return to;
    tgs_str *texts = (tgs_str *)(void *)to;
    memcpy(texts, list->ptr, list->count * sizeof *texts);
    list->ptr = texts;
    to += list->count * sizeof *texts;
    for (size_t i = 0; i < list->count; i++) to = move_text(&texts[i], to);
    return to;
}

/* Copy all that `data` points to to `to`, which has room for it and is aligned, and make it point there. */
static void move_texts(const struct layout *layout, void *data, char *to) {
    if (layout->list) to = move_list(list_in(layout, data), to);
    for (size_t i = 0; i < layout->n_texts; i++) to = move_text(field_at(data, layout->texts[i]), to);
}

static char *inner_texts(const struct layout *layout, struct row *row) {
    return (char *)row_data(row) + layout->row_size;
}

struct row *row_new(const struct layout *layout, void *data, uint32_t hash) {
    /* A byte at least, so that what is allocated next can't begin at the row's end: is_inside. */
    size_t inner = texts_size(layout, data), room = inner ? inner : 1;
    size_t size = sizeof(struct row) + layout->row_size + room;
    if (size > INT32_MAX) return NULL;
    struct row *row = host->alloc(size);
    if (!row) return NULL;
    *row = (struct row){.texts = inner_texts(layout, row),
                        .texts_size = (uint32_t)inner,
                        .hash = hash,
                        .size = (uint32_t)size & INT32_MAX};
    move_texts(layout, data, row->texts);
    memcpy(row_data(row), data, layout->row_size);
    return row;
}

static bool is_inside(const struct row *row, const char *texts) {
    return texts >= (const char *)row && texts < (const char *)row + row->size;
}

/* Throw away texts that the row has or had. */
static void free_texts(const struct row *row, char *texts, size_t size) {
    wipe(texts, size);
    if (!is_inside(row, texts)) host->release(texts);
}

void row_free(struct row *row) {
    if (!row) return;
    if (!is_inside(row, row->texts)) free_texts(row, row->texts, row->texts_size);
    wipe(row, row->size);
    host->release(row);
}

static bool same_lists(struct texts a, struct texts b) {
    if (a.count != b.count) return false;
    for (size_t i = 0; i < a.count; i++)
        if (!same_text(a.ptr[i], b.ptr[i])) return false;
    return true;
}

static bool same_texts(const struct layout *layout, const void *a, const void *b) {
    if (layout->list && !same_lists(*list_in(layout, a), *list_in(layout, b))) return false;
    for (size_t i = 0; i < layout->n_texts; i++) {
        tgs_str left = text_in(a, layout->texts[i]), right = text_in(b, layout->texts[i]);
        if (!left.ptr != !right.ptr || !same_text(left, right)) return false;
    }
    return true;
}

static void share_texts(const struct layout *layout, void *data, const void *with) {
    if (layout->list) field_copy(layout->list, data, with);
    for (size_t i = 0; i < layout->n_texts; i++) field_copy(layout->texts[i], data, with);
}

static bool move_texts_out(const struct layout *layout, struct row *row, void *data) {
    size_t size = texts_size(layout, data);
    char *texts = size <= INT32_MAX ? host->alloc(size ? size : 1) : NULL;
    if (!texts) return false;
    move_texts(layout, data, texts);
    row->texts = texts;
    row->texts_size = (uint32_t)size;
    return true;
}

bool row_overwrite(const struct layout *layout, struct row *row, void *data, struct row_before *before) {
    *before = (struct row_before){NULL, 0};
    memcpy(before + 1, row_data(row), layout->row_size);
    if (same_texts(layout, data, row_data(row))) {
        share_texts(layout, data, row_data(row));
    } else {
        struct row_before replaced = {row->texts, row->texts_size};
        if (!move_texts_out(layout, row, data)) return false;
        *before = replaced;
    }
    memcpy(row_data(row), data, layout->row_size);
    return true;
}

void row_restore(const struct layout *layout, struct row *row, const struct row_before *before) {
    if (before->texts) {
        free_texts(row, row->texts, row->texts_size);
        row->texts = before->texts;
        row->texts_size = before->texts_size;
    }
    memcpy(row_data(row), before + 1, layout->row_size);
}

void row_settle(struct row *row, const struct row_before *before) {
    if (before->texts) free_texts(row, before->texts, before->texts_size);
}

/* --- names ------------------------------------------------------------------------------------- */

static struct texts names_of(const struct table *table, size_t which, const void *data) {
    const tgs_field *field = table->layout->names[which];
    if (!field) return (struct texts){0};
    if (field->type == TGS_TYPE_TEXTS) return *(const struct texts *)field_at(data, field);
    const tgs_str *text = field_at(data, field);
    return (struct texts){text, text->ptr ? 1 : 0};
}

static char fold(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }

bool folds_to(tgs_str shown, tgs_str folded) {
    if (shown.len != folded.len) return false;
    for (size_t i = 0; i < shown.len; i++)
        if (fold(shown.ptr[i]) != folded.ptr[i]) return false;
    return true;
}

static bool has_name(const struct table *table, size_t which, const struct row *row, tgs_str name) {
    struct texts names = names_of(table, which, row_data(row));
    for (size_t i = 0; i < names.count; i++)
        if (folds_to(names.ptr[i], name)) return true;
    return false;
}

struct row *table_find_named(const struct table *table, size_t which, tgs_str name) {
    uint32_t hash = hash_name(name);
    size_t at = hash;
    struct row *row;
    while ((row = index_next(&table->by_name[which], hash, &at)))
        if (!row->gone && has_name(table, which, row, name)) return row;
    return NULL;
}

static bool reserve_names(struct table *table, const struct row *row) {
    for (size_t which = 0; which < TABLE_NAMES; which++)
        if (!index_reserve(&table->by_name[which], names_of(table, which, row_data(row)).count)) return false;
    return true;
}

static void link_names(struct table *table, struct row *row) {
    for (size_t which = 0; which < TABLE_NAMES; which++) {
        struct texts names = names_of(table, which, row_data(row));
        for (size_t i = 0; i < names.count; i++)
            index_insert(&table->by_name[which], row, hash_name(names.ptr[i]));
    }
}

static void unlink_names(struct table *table, const struct row *row) {
    for (size_t which = 0; which < TABLE_NAMES; which++) {
        struct texts names = names_of(table, which, row_data(row));
        for (size_t i = 0; i < names.count; i++)
            index_remove(&table->by_name[which], row, hash_name(names.ptr[i]));
    }
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
        struct row **waiting = host->resize(table->waiting, capacity * sizeof *waiting);
        if (!waiting) return false;
        table->waiting = waiting;
        table->waiting_capacity = capacity;
    }
    table->waiting[table->n_waiting++] = row;
    row->waiting = (uint32_t)table->n_waiting;
    return true;
}

/* The last one takes its place. */
static void stop_waiting(struct table *table, struct row *row) {
    struct row *last = table->waiting[--table->n_waiting];
    table->waiting[row->waiting - 1] = last;
    last->waiting = row->waiting;
    row->waiting = 0;
}

/* The largest first. */
static bool goes_before(const struct entry *a, const struct entry *b, const struct order_by *by) {
    if (a->prefix != b->prefix) return a->prefix > b->prefix;
    return order_compare(by, row_data(a->row), row_data(b->row)) > 0;
}

/* Two sorted runs, from..middle and middle..end, as one. */
static void merge(const struct entry *from, const struct entry *middle, const struct entry *end,
                  struct entry *to, const struct order_by *by) {
    const struct entry *left = from, *right = middle;
    while (left < middle && right < end) *to++ = goes_before(right, left, by) ? *right++ : *left++;
    while (left < middle) *to++ = *left++;
    while (right < end) *to++ = *right++;
}

/* Runs of 1, 2, 4, ... entries, between `entries` and `other`; gives the one that is sorted in the end.  Not
 * by qsort_r, which takes memory that is not the host's. */
static struct entry *merge_sort(struct entry *entries, struct entry *other, size_t n,
                                const struct order_by *by) {
    for (size_t run = 1; run < n; run *= 2) {
        for (size_t i = 0; i < n; i += run * 2) {
            size_t middle = n - i < run ? n : i + run, end = n - i < run * 2 ? n : i + run * 2;
            merge(entries + i, entries + middle, entries + end, other + i, by);
        }
        struct entry *sorted = other;
        other = entries;
        entries = sorted;
    }
    return entries;
}

static bool sort_waiting(struct table *table) {
    struct order_by by = table->layout->orders[0];
    size_t n = table->n_waiting;
    struct entry *entries = host->alloc(2 * n * sizeof *entries);
    if (!entries) return false;
    for (size_t i = 0; i < n; i++)
        entries[i] = (struct entry){order_prefix(&by, row_data(table->waiting[i])), table->waiting[i]};
    const struct entry *sorted = merge_sort(entries, entries + n, n, &by);
    for (size_t i = 0; i < n; i++) {
        table->waiting[i] = sorted[i].row;
        table->waiting[i]->waiting = (uint32_t)i + 1;
    }
    host->release(entries);
    return true;
}

bool table_settle(struct table *table) {
    if (table->n_waiting > 1 && !sort_waiting(table)) return false;
    while (table->n_waiting) {
        struct row *row = table->waiting[table->n_waiting - 1];
        if (!insert(table, 0, row)) return false;
        stop_waiting(table, row);
    }
    host->release(table->waiting);
    table->waiting = NULL;
    table->waiting_capacity = 0;
    return true;
}

/* --- tables ---------------------------------------------------------------------------------- */

/* The next row whose key has this hash, of which all will be needed, and the beginning of its texts. */
static struct row *fetch_next(const struct table *table, uint32_t hash, size_t *at) {
    struct row *row = index_next(&table->by_key, hash, at);
    for (size_t i = 0; row && i < sizeof *row + table->layout->row_size + CACHE_LINE; i += CACHE_LINE)
        __builtin_prefetch((const char *)row + i);
    return row;
}

void table_prefetch(const struct table *table, uint32_t hash) {
    size_t at = hash;
    fetch_next(table, hash, &at);
}

struct row *table_find(const struct table *table, const void *data, uint32_t hash) {
    size_t at = hash;
    struct row *row;
    while ((row = fetch_next(table, hash, &at)))
        if (!row->gone && order_compare(&table->layout->key, row_data(row), data) == 0) return row;
    return NULL;
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
    if (!index_reserve(&table->by_key, 1) || !reserve_names(table, row)) return false;
    uint32_t member = table->layout->member_of(table->layout, row_data(row));
    for (uint32_t left = member; left; left &= left - 1) {
        if (enter_order(table, (size_t)__builtin_ctz(left), row)) continue;
        for (uint32_t entered = member & ~left; entered; entered &= entered - 1)
            leave_order(table, (size_t)__builtin_ctz(entered), row);
        return false;
    }
    index_insert(&table->by_key, row, row->hash);
    link_names(table, row);
    return true;
}

void table_unlink(struct table *table, struct row *row) {
    for (size_t order = 0; order < TABLE_ORDERS; order++) leave_order(table, order, row);
    index_remove(&table->by_key, row, row->hash);
    unlink_names(table, row);
}

bool table_keeps_place(const struct table *table, const struct row *row, const void *data) {
    const struct layout *layout = table->layout;
    uint32_t member = layout->member_of(layout, row_data(row));
    if (member != layout->member_of(layout, data)) return false;
    for (size_t order = 0; order < TABLE_ORDERS; order++)
        if ((member >> order & 1) && order_compare(&layout->orders[order], row_data(row), data) != 0)
            return false;
    for (size_t which = 0; which < TABLE_NAMES; which++)
        if (!same_lists(names_of(table, which, row_data(row)), names_of(table, which, data))) return false;
    return true;
}

void table_clear(struct table *table) {
    for (size_t i = 0; i < table->by_key.n_slots; i++) row_free(table->by_key.slots[i].row);
    host->release(table->by_key.slots);
    for (size_t which = 0; which < TABLE_NAMES; which++) host->release(table->by_name[which].slots);
    host->release(table->waiting);
    for (size_t order = 0; order < TABLE_ORDERS; order++) order_clear(&table->orders[order]);
    *table = (struct table){.layout = table->layout};
}
