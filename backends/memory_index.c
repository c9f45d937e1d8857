/* SPDX-License-Identifier: Apache-2.0 */
/* Rows by the hash of a key or a name. */
#include <stdlib.h>
#include <sys/random.h>

#include "memory_table.h"

#define FIRST_SLOTS 8

static const tgs_host *host;
static uint64_t hash_seed; /* keys come from strangers: they must not be able to choose collisions */

void index_setup(const tgs_host *the_host) {
    host = the_host;
    if (getrandom(&hash_seed, sizeof hash_seed, GRND_NONBLOCK) < 0)
        hash_seed = (uint64_t)host->monotonic_ns();
}

/* --- hashes ---------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t hash, uint64_t word) {
    hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 32;
}

static uint64_t load(const char *text) {
    uint64_t word;
    memcpy(&word, text, sizeof word);
    return word;
}

/* `ignored`: bits of each word that do not count.  The last two words may overlap: most texts take two. */
static uint64_t hash_text(uint64_t hash, tgs_str text, uint64_t ignored) {
    const char *at = text.ptr, *end = text.ptr + text.len;
    for (; end - at > 16; at += 8) hash = mix(hash, load(at) | ignored);
    uint64_t first = 0, last = 0;
    if (text.len >= 8) {
        first = load(at);
        last = load(end - 8);
    } else {
        for (; at < end; at++) last = last << 8 | (uint8_t)*at;
    }
    return mix(mix(mix(hash, first | ignored), last | ignored), text.len);
}

uint32_t hash_key(const struct layout *layout, const void *data) {
    uint64_t hash = hash_seed;
    for (size_t i = 0; i < layout->key.n; i++) {
        const tgs_field *field = layout->key.fields[i];
        if (field->type == TGS_TYPE_TEXT)
            hash = hash_text(hash, *(const tgs_str *)field_at(data, field), 0);
        else
            hash = mix(hash, (uint64_t)number_in(data, field));
    }
    return (uint32_t)mix(hash, hash_seed);
}

/* The bit by which small and capital letters differ does not count. */
uint32_t hash_name(tgs_str name) {
    return (uint32_t)mix(hash_text(hash_seed, name, 0x2020202020202020u), hash_seed);
}

/* --- slots ----------------------------------------------------------------------------------- */

static size_t slot_after(const struct index *index, size_t slot) { return (slot + 1) & (index->n_slots - 1); }

static size_t first_slot(const struct index *index, uint32_t hash) { return hash & (index->n_slots - 1); }

static void insert(struct index *index, struct slot slot) {
    size_t at = first_slot(index, slot.hash);
    while (index->slots[at].row) at = slot_after(index, at);
    index->slots[at] = slot;
}

static bool grow(struct index *index) {
    struct index grown = {.n_slots = index->n_slots ? index->n_slots * 2 : FIRST_SLOTS,
                          .n_used = index->n_used};
    grown.slots = host->alloc(grown.n_slots * sizeof *grown.slots);
    if (!grown.slots) return false;
    memset(grown.slots, 0, grown.n_slots * sizeof *grown.slots);
    /* A free slot goes to a free slot, too: that takes less than to tell which is which. */
    for (size_t i = 0; i < index->n_slots; i++) insert(&grown, index->slots[i]);
    host->release(index->slots);
    *index = grown;
    return true;
}

/* At least half of the slots are free: few rows stand far from their first slot. */
bool index_reserve(struct index *index, size_t count) {
    while ((index->n_used + count) * 2 > index->n_slots)
        if (!grow(index)) return false;
    return true;
}

void index_insert(struct index *index, struct row *row, uint32_t hash) {
    insert(index, (struct slot){row, hash});
    index->n_used++;
}

/* Rows behind a free slot would not be found: those that may stand nearer to their first slot move up. */
void index_remove(struct index *index, const struct row *row, uint32_t hash) {
    struct slot *slots = index->slots;
    size_t free_slot = first_slot(index, hash);
    while (slots[free_slot].row != row || slots[free_slot].hash != hash)
        free_slot = slot_after(index, free_slot);
    const size_t mask = index->n_slots - 1;
    for (size_t at = slot_after(index, free_slot); slots[at].row; at = slot_after(index, at)) {
        size_t wanted = first_slot(index, slots[at].hash);
        if (((at - wanted) & mask) < ((at - free_slot) & mask)) continue;
        slots[free_slot] = slots[at];
        free_slot = at;
    }
    slots[free_slot].row = NULL;
    index->n_used--;
}
