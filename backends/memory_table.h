/* SPDX-License-Identifier: Apache-2.0 */
/* Rows in memory: found by key, and by names, through hashes; walked in order through sorted leaves.
 *
 * Linking a row may need memory and so may fail; unlinking never does.  A writer
 * therefore links new versions at once beside the old ones, which it marks as gone, and
 * unlinks either the old ones (commit) or the new ones (rollback) at the end.
 *
 * Most rows are put and looked up far more often than they are listed.  So where only lists
 * go by the order of the key (`lazy`), new rows wait unsorted until somebody needs that order:
 * table_settle. */
#ifndef BACKENDS_MEMORY_TABLE_H
#define BACKENDS_MEMORY_TABLE_H

#include <stdbool.h>
#include <string.h>

#include "tgstore/backend.h"

#define TABLE_ORDERS 5
#define TABLE_ORDER_FIELDS 6
#define TABLE_TEXT_FIELDS 12
#define TABLE_FIELD_BITS 64
#define TABLE_NAMES 2
#define TABLE_ROW_SIZE 512 /* more than any record's struct takes */

/* The beginning that all records' structs share. */
struct row_beginning {
    uint64_t fields;
    uint64_t nulls;
    uint32_t flags;
};

/* Fields to compare by, the first one first. */
struct order_by {
    size_t n;
    const tgs_field *fields[TABLE_ORDER_FIELDS];
};

struct layout {
    const tgs_field *fields;
    size_t n_fields;
    size_t given_size;                         /* of the record's struct */
    size_t row_size;                           /* with what only we keep */
    uint64_t bits;                             /* all bits of the fields */
    const tgs_field *by_bit[TABLE_FIELD_BITS]; /* the field of bit 1 << i */
    const tgs_field *list;                     /* of texts; or NULL */
    const tgs_field *texts[TABLE_TEXT_FIELDS]; /* and blobs */
    size_t n_texts;
    uint64_t durations;        /* bits of what is not stored, but becomes a point in time ... */
    const tgs_field *deadline; /* ... here: expires or due; or NULL */
    struct order_by key;
    struct order_by orders[TABLE_ORDERS];
    const tgs_field *names[TABLE_NAMES]; /* texts by which a row is found, too; or NULL */
    bool lazy;                           /* rows wait for orders[0] until table_settle */
    uint32_t (*member_of)(const struct layout *layout, const void *data); /* bit i: stands in orders[i] */
};

/* A row: this head, the record's struct, and the texts and blobs it points to, which move to a piece of
 * memory of their own when they change. */
struct row {
    char *texts;
    uint32_t texts_size;
    uint32_t hash;
    uint32_t waiting; /* its place among those that wait for orders[0], counted from 1; 0: it does not */
    uint32_t size : 31;
    uint32_t gone : 1; /* replaced or deleted by the running write */
};

/* What row_overwrite has replaced: this head and the struct. */
struct row_before {
    char *texts; /* NULL: they stayed */
    uint32_t texts_size;
};

struct leaf {
    struct entry *entries;
    uint64_t first; /* prefix of the first entry */
    uint32_t count, capacity;
};

struct order {
    struct leaf *leaves;
    size_t n_leaves, capacity;
};

/* A place of an index.  The hash tells most rows apart without fetching them. */
struct slot {
    struct row *row; /* NULL: free */
    uint32_t hash;
};

/* Rows by a hash. */
struct index {
    struct slot *slots; /* open addressing, linear */
    size_t n_slots;     /* 0 or a power of two */
    size_t n_used;
};

struct table {
    const struct layout *layout;
    struct index by_key;
    struct index by_name[TABLE_NAMES];
    struct order orders[TABLE_ORDERS];
    struct row **waiting; /* rows that are not in orders[0] yet */
    size_t n_waiting, waiting_capacity;
};

struct cursor {
    const struct order *order;
    size_t leaf, index;
};

/* Once, before anything else. */
void table_setup(const tgs_host *host);

static inline void *row_data(const struct row *row) { return (struct row *)row + 1; }
static inline struct row_beginning *row_beginning(void *data) { return data; }
static inline bool has_field(const void *data, uint64_t bit) {
    return (((const struct row_beginning *)data)->fields & bit) != 0;
}
static inline void *field_at(const void *data, const tgs_field *field) {
    return (char *)data + field->offset;
}
static inline int64_t number_in(const void *data, const tgs_field *field) {
    const void *at = field_at(data, field);
    return field->type == TGS_TYPE_I32 ? *(const int32_t *)at : *(const int64_t *)at;
}
/* Of the kinds of member there are, a text, a blob and a list of texts take two words. */
static inline void field_copy(const tgs_field *field, void *to, const void *from) {
    if (field->type == TGS_TYPE_I32)
        memcpy(field_at(to, field), field_at(from, field), sizeof(int32_t));
    else if (field->type == TGS_TYPE_I64)
        memcpy(field_at(to, field), field_at(from, field), sizeof(int64_t));
    else
        memcpy(field_at(to, field), field_at(from, field), sizeof(tgs_str));
}
static inline bool same_text(tgs_str a, tgs_str b) {
    return a.len == b.len && (a.ptr == b.ptr || a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* --- memory_index.c ---------------------------------------------------------------------------- */

void index_setup(const tgs_host *host);

/* Of the key members of `data`. */
uint32_t hash_key(const struct layout *layout, const void *data);
/* The same for a name in small and in capital letters. */
uint32_t hash_name(tgs_str name);

/* Make room for `count` more rows.  False: out of memory. */
bool index_reserve(struct index *index, size_t count);
void index_insert(struct index *index, struct row *row, uint32_t hash);
void index_remove(struct index *index, const struct row *row, uint32_t hash);
/* Where rows with this hash begin, or NULL. */
static inline const struct slot *index_slot(const struct index *index, uint32_t hash) {
    return index->n_slots ? &index->slots[hash & (index->n_slots - 1)] : NULL;
}
/* The next row with this hash, or NULL.  `at` begins as the hash. */
static inline struct row *index_next(const struct index *index, uint32_t hash, size_t *at) {
    if (!index->n_used) return NULL;
    for (const struct slot *slot; (slot = &index->slots[(*at)++ & (index->n_slots - 1)])->row;)
        if (slot->hash == hash) return slot->row;
    return NULL;
}

/* --- memory_table.c ---------------------------------------------------------------------------- */

/* A row that owns a deep copy of `data`, whose key has that hash.  NULL: out of memory. */
struct row *row_new(const struct layout *layout, void *data, uint32_t hash);
/* Overwrites it first: any row may hold a secret. */
void row_free(struct row *row);

/* Make the row a deep copy of `data`, which has the same key and whose pointers are changed, and note in
 * `before`, row_before_size bytes, what it was.  False: out of memory, nothing has changed. */
bool row_overwrite(const struct layout *layout, struct row *row, void *data, struct row_before *before);
static inline size_t row_before_size(const struct layout *layout) {
    return sizeof(struct row_before) + layout->row_size;
}
/* Afterwards: make it what it was again, or throw away what it was. */
void row_restore(const struct layout *layout, struct row *row, const struct row_before *before);
void row_settle(struct row *row, const struct row_before *before);

/* The row with the key of `data`, unless it is gone. */
struct row *table_find(const struct table *table, const void *data, uint32_t hash);
/* The row that has this name, in small letters, among its names[which], unless it is gone. */
struct row *table_find_named(const struct table *table, size_t which, tgs_str name);
/* Do two texts differ in nothing but capital letters?  `folded` has none. */
bool folds_to(tgs_str shown, tgs_str folded);
/* Both versions of a row may be linked at once.  False: out of memory, nothing has changed. */
bool table_link(struct table *table, struct row *row);
void table_unlink(struct table *table, struct row *row);
/* Would the row, with this data, be found by the same names and stand where it stands in every order? */
bool table_keeps_place(const struct table *table, const struct row *row, const void *data);
/* Ask for the row that table_find will look at. */
void table_prefetch(const struct table *table, uint32_t hash);
/* Put the rows that wait into orders[0], before it is walked.  False: out of memory, some still wait. */
bool table_settle(struct table *table);
static inline bool table_is_settled(const struct table *table) { return table->n_waiting == 0; }
/* Put a linked row into one more order, or take it out.  Repeating is harmless. */
bool table_order_insert(struct table *table, size_t order, struct row *row);
void table_order_remove(struct table *table, size_t order, const struct row *row);
/* Free the table's rows. */
void table_clear(struct table *table);

/* orders[0] must be settled.  At the first row of an order, or the first after `data` (not before it, if
 * `inclusive`). */
struct cursor cursor_first(const struct table *table, size_t order);
struct cursor cursor_seek(const struct table *table, size_t order, const void *data, bool inclusive);
/* The next row that is not gone, or NULL.  The order must not change meanwhile. */
struct row *cursor_next(struct cursor *cursor);

int order_compare(const struct order_by *by, const void *a, const void *b);

#endif
