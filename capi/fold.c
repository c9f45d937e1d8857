/* SPDX-License-Identifier: Apache-2.0 */
#include "fold.h"

#include <string.h>

#include "allocator.h"
#include "error.h"

#define CONDITIONS (TGS_OP_IF_PRESENT | TGS_OP_IF_ABSENT | TGS_OP_IF_VERSION | TGS_OP_SAME_ACCOUNT)
#define ALIASES (TGS_PEER_USERNAMES | TGS_PEER_PHONE)

/* --- keys ---------------------------------------------------------------------------- */

static uint64_t mix(uint64_t hash, uint64_t value) {
    hash = (hash ^ value) * 0x9e3779b97f4a7c15u;
    return hash ^ (hash >> 29);
}

static uint64_t hash_bytes(uint64_t hash, const char *bytes, size_t len) {
    for (; len >= 8; bytes += 8, len -= 8) {
        uint64_t word;
        memcpy(&word, bytes, 8);
        hash = mix(hash, word);
    }
    uint64_t rest = len;
    for (size_t i = 0; i < len; i++) rest = rest << 8 | (unsigned char)bytes[i];
    return mix(hash, rest);
}

static uint64_t hash_key(const tgs_op *op) {
    const struct record *record = record_get(op->record);
    uint64_t hash = mix(0, (uint64_t)op->record);
    for (size_t i = 0; i < record->n_keys; i++) {
        const tgs_field *field = record->keys[i];
        const void *member = field_in(op->row, field);
        if (field->type == TGS_TYPE_I32)
            hash = mix(hash, (uint64_t) * (const int32_t *)member);
        else if (field->type == TGS_TYPE_I64)
            hash = mix(hash, (uint64_t) * (const int64_t *)member);
        else
            hash = hash_bytes(hash, ((const tgs_str *)member)->ptr, ((const tgs_str *)member)->len);
    }
    return hash;
}

static bool same_member(const tgs_field *field, const void *a, const void *b) {
    if (field->type == TGS_TYPE_I32) return *(const int32_t *)a == *(const int32_t *)b;
    if (field->type == TGS_TYPE_I64) return *(const int64_t *)a == *(const int64_t *)b;
    const tgs_str *s = a, *t = b;
    return s->len == t->len && memcmp(s->ptr, t->ptr, s->len) == 0;
}

static bool same_key(const tgs_op *a, const tgs_op *b) {
    if (a->record != b->record) return false;
    const struct record *record = record_get(a->record);
    for (size_t i = 0; i < record->n_keys; i++) {
        const tgs_field *field = record->keys[i];
        if (!same_member(field, field_in(a->row, field), field_in(b->row, field))) return false;
    }
    return true;
}

/* Open addressing; a slot holds the position of an operation plus one. */
struct key_table {
    uint32_t *slots;
    size_t mask;
};

static bool table_init(struct key_table *table, size_t count) {
    size_t size = 16;
    while (size < count * 2) size *= 2;
    table->slots = mem_zeroed(size, sizeof *table->slots);
    table->mask = size - 1;
    return table->slots != NULL;
}

static void table_clear(struct key_table *table) {
    memset(table->slots, 0, (table->mask + 1) * sizeof *table->slots);
}

/* The slot of op's key among ops[]; 0 in it: the key is new. */
static uint32_t *table_find(const struct key_table *table, const tgs_op *ops, const tgs_op *op) {
    size_t i = hash_key(op) & table->mask;
    while (table->slots[i] && !same_key(&ops[table->slots[i] - 1], op)) i = (i + 1) & table->mask;
    return &table->slots[i];
}

static tgs_status has_repeats(const struct op_list *list, bool *repeats, tgs_error *err) {
    struct key_table table;
    *repeats = false;
    if (list->count < 2) return TGS_OK;
    if (!table_init(&table, list->count)) return error_nomem(err);
    for (size_t i = 0; i < list->count && !*repeats; i++) {
        uint32_t *slot = table_find(&table, list->ops, &list->ops[i]);
        *repeats = *slot != 0;
        *slot = (uint32_t)i + 1;
    }
    mem_free(table.slots);
    return TGS_OK;
}

/* --- merging two puts ------------------------------------------------------------------- */

static uint64_t *mask_of(tgs_op *op, uint64_t bit) {
    uint64_t *masks[] = {&op->set, &op->clear, &op->raise, &op->fill, &op->stamp, &op->stamp_new};
    for (size_t i = 0; i < sizeof masks / sizeof *masks; i++)
        if (*masks[i] & bit) return masks[i];
    return NULL;
}

static void take(tgs_op *to, uint64_t *old, uint64_t *mask, const tgs_field *field, const tgs_op *from) {
    if (old) *old &= ~field->bit;
    *mask |= field->bit;
    memcpy((char *)(uintptr_t)to->row + field->offset, field_in(from->row, field), field_size(field));
    if (field->type == TGS_TYPE_TEXTS) to->folded = from->folded;
}

/* Apply what the later put says of one field to the earlier one. */
static void merge_field(tgs_op *to, tgs_op *later, const tgs_field *field) {
    uint64_t bit = field->bit;
    uint64_t *old = mask_of(to, bit), *new = mask_of(later, bit);
    if (!new || new == &later->stamp_new) return; /* after the earlier put the row is not new */
    if (new == &later->raise && old &&old != &to->clear) {
        const int64_t *was = field_in(to->row, field), *is = field_in(later->row, field);
        if (*is >= *was) take(to, old, old, field, later);
    } else if (new == &later->fill) {
        if (!old || old == &to->clear) take(to, old, old ? &to->set : &to->fill, field, later);
    } else {
        uint64_t *mask = new == &later->set     ? &to->set
                         : new == &later->clear ? &to->clear
                         : new == &later->stamp ? &to->stamp
                         : old                  ? &to->set /* raise of what was cleared just before */
                                                : &to->raise;
        take(to, old, mask, field, later);
    }
}

/* expires and ttl_ms say the same: the later word counts. */
static void drop_other_expiry(tgs_op *to, const tgs_op *later, const struct record *record) {
    uint64_t both = record->ttl_bit | record->expires_bit;
    if ((later->set | later->clear) & both) {
        to->set &= ~both;
        to->clear &= ~both;
    }
}

static void merge(tgs_op *to, tgs_op *later) {
    const struct record *record = record_get(to->record);
    drop_other_expiry(to, later, record);
    for (size_t i = 0; i < record->n_fields; i++)
        if (record->fields[i].bit) merge_field(to, later, &record->fields[i]);
}

/* --- folding ------------------------------------------------------------------------------- */

static bool plain_put(const tgs_op *op) {
    return op->tag == TGS_OP_PUT && !(op->flags & (CONDITIONS | TGS_OP_REQUIRE | TGS_OP_REPLACE_ACCOUNT));
}

/* A row that is stored with a time of expiry may be absent again at once. */
static bool may_be_expired(const tgs_op *op) { return op->set & record_get(op->record)->expires_bit; }

/* Names move between peers, so two puts that both move names keep their order; and they take their age
 * from the put that carries them. */
static bool mergeable_peers(const tgs_op *earlier, const tgs_op *later) {
    if ((later->set | later->clear) & ALIASES) return false;
    return !(earlier->set & ALIASES) || !((earlier->set | later->set) & TGS_PEER_SEEN_AT);
}

/* Nobody can tell one merged put from the two.  With `results`, which of them was lower can be told, and
 * which version each made. */
static bool mergeable(const tgs_op *earlier, const tgs_op *later, bool results) {
    if (!plain_put(earlier) || !plain_put(later) || may_be_expired(earlier)) return false;
    if (results && ((earlier->raise | later->raise) || later->record == TGS_RECORD_CONVERSATION))
        return false;
    return later->record != TGS_RECORD_PEER || mergeable_peers(earlier, later);
}

/* An insert of a key that an earlier operation of the batch has inserted for sure. */
static bool repeated_insert(const tgs_op *earlier, const tgs_op *later) {
    return earlier->tag == TGS_OP_PUT && later->tag == TGS_OP_PUT && record_get(later->record)->insert_only &&
           !(later->flags & TGS_OP_REQUIRE) && !may_be_expired(earlier);
}

/* Does it delete rows of other keys?  Then nothing after it may move to before it. */
static bool deletes_others(const tgs_op *op) {
    return op->record == TGS_RECORD_SESSION &&
           (op->tag == TGS_OP_DELETE || (op->flags & TGS_OP_REPLACE_ACCOUNT));
}

static bool copy_row(struct fold *fold, tgs_op *op) {
    size_t size = record_get(op->record)->row_size;
    void *row = arena_alloc(&fold->arena, size);
    if (!row) return false;
    memcpy(row, op->row, size);
    op->row = row;
    return true;
}

static tgs_status allocate(struct fold *fold, size_t count, tgs_op **ops, tgs_error *err) {
    *ops = arena_alloc(&fold->arena, count * sizeof **ops);
    fold->shares = arena_alloc(&fold->arena, count * sizeof *fold->shares);
    fold->left = arena_alloc(&fold->arena, count * sizeof *fold->left);
    if (!*ops || !fold->shares || !fold->left) return error_nomem(err);
    memset(fold->left, 0, count * sizeof *fold->left);
    return TGS_OK;
}

/* Add one operation to those folded so far, or merge it into one of them. */
static tgs_status fold_one(struct fold *fold, struct key_table *table, tgs_op *ops, const tgs_op *given,
                           bool results, tgs_error *err) {
    tgs_op op = *given;
    uint32_t *slot = table_find(table, ops, &op);
    tgs_op *earlier = *slot ? &ops[*slot - 1] : NULL;
    fold->shares[op.index] = op.index;
    if (earlier && repeated_insert(earlier, &op)) {
        fold->shares[op.index] = earlier->index;
        fold->left[op.index] = true;
        return TGS_OK;
    }
    if (earlier && mergeable(earlier, &op, results)) {
        fold->shares[op.index] = earlier->index;
        merge(earlier, &op);
        return TGS_OK;
    }
    if (!copy_row(fold, &op)) return error_nomem(err);
    ops[fold->count++] = op;
    *slot = (uint32_t)fold->count;
    if (deletes_others(&op)) table_clear(table);
    return TGS_OK;
}

struct fold fold_nothing(const struct op_list *list) {
    return (struct fold){.ops = list->ops, .count = list->count, .arena = {.secret = list->auth}};
}

tgs_status fold_list(struct fold *fold, const struct op_list *list, bool results, tgs_error *err) {
    *fold = fold_nothing(list);
    bool repeats;
    tgs_status status = has_repeats(list, &repeats, err);
    if (status != TGS_OK || !repeats) return status;

    tgs_op *ops;
    struct key_table table = {NULL, 0};
    status = allocate(fold, list->count, &ops, err);
    if (status == TGS_OK && !table_init(&table, list->count)) status = error_nomem(err);
    fold->ops = ops;
    fold->count = 0;
    for (size_t i = 0; status == TGS_OK && i < list->count; i++)
        status = fold_one(fold, &table, ops, &list->ops[i], results, err);
    mem_free(table.slots);
    return status;
}

void fold_results(const struct fold *fold, tgs_result *results, size_t count) {
    if (!fold->shares) return;
    for (size_t i = 0; i < count; i++) {
        if (fold->shares[i] == i) continue;
        results[i] = results[fold->shares[i]];
        results[i].notes = 0; /* not new any more, and no lower */
        if (fold->left[i]) results[i].applied = 0;
    }
}

void fold_free(struct fold *fold) { arena_free(&fold->arena); }
