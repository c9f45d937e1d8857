/* SPDX-License-Identifier: Apache-2.0 */
#include "hash.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "measure.h"

struct entry {
    size_t size; /* of all the entry */
    tgs_peer peer;
    /* the array of usernames and the texts follow */
};

struct hash {
    pthread_mutex_t lock;
    struct entry **slots; /* open addressing */
    size_t n_slots, count;
};

struct hash *hash_new(void) {
    struct hash *hash = calloc(1, sizeof *hash);
    if (!hash) die("out of memory");
    pthread_mutex_init(&hash->lock, NULL);
    hash->n_slots = 64;
    hash->slots = calloc(hash->n_slots, sizeof *hash->slots);
    if (!hash->slots) die("out of memory");
    return hash;
}

void hash_free(struct hash *hash) {
    for (size_t i = 0; i < hash->n_slots; i++) free(hash->slots[i]);
    free(hash->slots);
    pthread_mutex_destroy(&hash->lock);
    free(hash);
}

/* --- copies -------------------------------------------------------------------------------------- */

static char *copy_text(char *to, tgs_str *text) {
    if (!text->ptr) return to;
    memcpy(to, text->ptr, text->len);
    to[text->len] = '\0';
    text->ptr = to;
    return to + text->len + 1;
}

/* Move the texts of a shallow copy to what follows it. */
static void copy_texts(tgs_peer *peer) {
    tgs_str *names = (tgs_str *)(peer + 1);
    char *to = (char *)(names + peer->n_usernames);
    for (size_t i = 0; i < peer->n_usernames; i++) {
        names[i] = peer->usernames[i];
        to = copy_text(to, &names[i]);
    }
    peer->usernames = peer->n_usernames ? names : NULL;
    to = copy_text(to, &peer->phone);
    to = copy_text(to, &peer->first_name);
    to = copy_text(to, &peer->last_name);
    copy_text(to, &peer->language);
}

static size_t size_of(const tgs_peer *peer) {
    size_t size = sizeof *peer + peer->n_usernames * sizeof(tgs_str) + peer->phone.len +
                  peer->first_name.len + peer->last_name.len + peer->language.len + 4;
    for (size_t i = 0; i < peer->n_usernames; i++) size += peer->usernames[i].len + 1;
    return size;
}

static struct entry *make_entry(const tgs_peer *peer, int64_t now) {
    size_t size = offsetof(struct entry, peer) + size_of(peer);
    struct entry *entry = malloc(size);
    if (!entry) die("out of memory");
    entry->size = size;
    entry->peer = *peer;
    entry->peer.flags = TGS_ROW_FOUND;
    entry->peer.fields |= TGS_PEER_SEEN_AT;
    entry->peer.seen_at = now;
    if (!peer->n_usernames) entry->peer.fields &= ~(uint64_t)TGS_PEER_USERNAMES;
    copy_texts(&entry->peer);
    return entry;
}

/* --- the table ------------------------------------------------------------------------------------- */

static size_t slot_of(const struct hash *hash, int32_t kind, int64_t id) {
    uint64_t x = ((uint64_t)id ^ (uint64_t)kind << 62) * 0x9e3779b97f4a7c15u;
    size_t slot = (size_t)(x ^ x >> 32) & (hash->n_slots - 1);
    for (; hash->slots[slot]; slot = (slot + 1) & (hash->n_slots - 1)) {
        const tgs_peer *peer = &hash->slots[slot]->peer;
        if (peer->id == id && peer->kind == kind) break;
    }
    return slot;
}

static void grow(struct hash *hash) {
    struct entry **before = hash->slots;
    size_t n_before = hash->n_slots;
    hash->n_slots *= 2;
    hash->slots = calloc(hash->n_slots, sizeof *hash->slots);
    if (!hash->slots) die("out of memory");
    for (size_t i = 0; i < n_before; i++)
        if (before[i]) hash->slots[slot_of(hash, before[i]->peer.kind, before[i]->peer.id)] = before[i];
    free(before);
}

void hash_put(struct hash *hash, const tgs_peer *peers, size_t count) {
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    int64_t now = (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
    pthread_mutex_lock(&hash->lock);
    for (size_t i = 0; i < count; i++) {
        if (hash->count * 2 >= hash->n_slots) grow(hash);
        struct entry **slot = &hash->slots[slot_of(hash, peers[i].kind, peers[i].id)];
        hash->count += !*slot;
        free(*slot);
        *slot = make_entry(&peers[i], now);
    }
    pthread_mutex_unlock(&hash->lock);
}

tgs_peer *hash_get(struct hash *hash, int32_t kind, int64_t id) {
    tgs_peer *peer = NULL;
    pthread_mutex_lock(&hash->lock);
    const struct entry *entry = hash->slots[slot_of(hash, kind, id)];
    if (entry) {
        peer = malloc(entry->size);
        if (!peer) die("out of memory");
        *peer = entry->peer;
        copy_texts(peer);
    }
    pthread_mutex_unlock(&hash->lock);
    return peer;
}
