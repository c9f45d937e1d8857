/* SPDX-License-Identifier: Apache-2.0 */
#include "peers.h"

#include <stdlib.h>
#include <string.h>

#include "measure.h"

#define LONG_AGO 1700000000000 /* as times are stored */
#define LONGEST_TEXTS 128      /* of one peer, all together */

/* SplitMix64, by place. */
uint64_t random_number(uint64_t seed, uint64_t i) {
    uint64_t x = seed * 0x2545f4914f6cdd1du + (i + 1) * 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

size_t *random_order(size_t count, uint64_t seed) {
    size_t *order = malloc((count + 1) * sizeof *order);
    if (!order) die("out of memory");
    for (size_t i = 0; i < count; i++) {
        size_t other = (size_t)(random_number(seed, i) % (i + 1));
        order[i] = order[other];
        order[other] = i;
    }
    return order;
}

/* --- texts ----------------------------------------------------------------------------------- */

enum { ID = 1, HASH, KIND, NAMED, USERNAME, FIRST_NAME, LAST_NAME, PHONE, CHANGE, ORDER };

static tgs_str keep(struct peers *peers, const char *text, size_t len) {
    char *copy = peers->texts + peers->used;
    memcpy(copy, text, len);
    peers->used += len;
    return (tgs_str){copy, len};
}

/* The first eight characters say the number, so that no two are the same. */
static tgs_str username(struct peers *peers, uint64_t number) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    char text[16];
    uint64_t rest = (number + 1) * 1048583 % 2821109907456; /* 36^8; the factor has no 2 and no 3 in it */
    uint64_t random = random_number(USERNAME, number);
    size_t len = 8 + random % 9;
    for (size_t i = 0; i < len; i++) {
        text[i] = letters[i < 8 ? rest % 36 : (random >> i * 3) % 36];
        rest /= 36;
    }
    if (random & (1u << 20) && text[0] >= 'a') text[0] = (char)(text[0] - 'a' + 'A');
    return keep(peers, text, len);
}

static tgs_str person_name(struct peers *peers, uint64_t seed, uint64_t number) {
    static const char *const parts[] = {"an",  "ber", "ca",  "do",  "el",  "fra", "gu",  "hi",
                                        "ing", "jo",  "ka",  "li",  "mi",  "no",  "oli", "pe",
                                        "ра",  "са",  "тим", "вла", "дим", "ир",  "é",   "ñ"};
    char text[32];
    uint64_t random = random_number(seed, number);
    size_t len = 0, wanted = 5 + random % 15;
    size_t letters = random & 0x100 ? 24 : 16; /* one half is plain ASCII */
    for (random >>= 9; len < wanted; random = random / 24 + 7919 * len) {
        const char *part = parts[random % letters];
        size_t more = strlen(part);
        /* NOLINTNEXTLINE(bugprone-not-null-terminated-result): a text with a length */
        memcpy(text + len, part, more);
        len += more;
    }
    return keep(peers, text, len);
}

static tgs_str phone(struct peers *peers, uint64_t number) {
    char text[12];
    uint64_t rest = (number + 1) * 1000003 % 10000000000; /* ten digits */
    text[0] = '7';
    text[1] = '9';
    for (size_t i = 11; i >= 2; i--) {
        text[i] = (char)('0' + rest % 10);
        rest /= 10;
    }
    return keep(peers, text, sizeof text);
}

/* --- peers -------------------------------------------------------------------------------------- */

static struct peers *peers_new(size_t count) {
    struct peers *peers = calloc(1, sizeof *peers);
    if (!peers) die("out of memory");
    peers->count = count;
    peers->rows = calloc(count, sizeof *peers->rows);
    peers->names = calloc(count, sizeof *peers->names);
    peers->texts = malloc(count * LONGEST_TEXTS);
    if (!peers->rows || !peers->names || !peers->texts) die("out of memory");
    return peers;
}

static void give_username(struct peers *peers, size_t i, tgs_str name) {
    peers->names[i] = name;
    peers->rows[i].usernames = &peers->names[i];
    peers->rows[i].n_usernames = 1;
}

/* Peer `i` of all there are, as row `row`. */
static void make_peer(struct peers *peers, size_t row, size_t i) {
    tgs_peer *peer = &peers->rows[row];
    uint64_t percent = random_number(KIND, i) % 100, other = random_number(NAMED, i);
    peer->fields = TGS_PEER_ACCESS_HASH | TGS_PEER_SUBTYPE | TGS_PEER_USERNAMES | TGS_PEER_FIRST_NAME;
    peer->kind = percent < 60 ? TGS_PEER_USER : percent < 65 ? TGS_PEER_CHAT : TGS_PEER_CHANNEL;
    peer->id = (int64_t)(random_number(ID, i) >> 1);
    peer->access_hash = (int64_t)random_number(HASH, i);
    peer->subtype = peer->kind == TGS_PEER_USER   ? TGS_PEER_SUBTYPE_NONE
                    : peer->kind == TGS_PEER_CHAT ? TGS_PEER_SUBTYPE_GROUP
                                                  : TGS_PEER_SUBTYPE_SUPERGROUP;
    peer->first_name = person_name(peers, FIRST_NAME, i);
    if (other % 2) give_username(peers, row, username(peers, i));
    if (other / 2 % 5 < 2) {
        peer->fields |= TGS_PEER_LAST_NAME;
        peer->last_name = person_name(peers, LAST_NAME, i);
    }
    if (peer->kind == TGS_PEER_USER && other / 10 % 4 == 0) {
        peer->fields |= TGS_PEER_PHONE;
        peer->phone = phone(peers, i);
    }
}

struct peers *peers_make(size_t count) {
    struct peers *peers = peers_make_from(0, count);
    for (size_t i = 0; i < count; i++) {
        peers->rows[i].fields |= TGS_PEER_SEEN_AT;
        peers->rows[i].seen_at = LONG_AGO;
    }
    return peers;
}

struct peers *peers_make_from(size_t first, size_t count) {
    struct peers *peers = peers_new(count);
    for (size_t i = 0; i < count; i++) make_peer(peers, i, first + i);
    return peers;
}

struct peers *peers_pick(size_t total, size_t count, uint64_t seed) {
    struct peers *peers = peers_new(count);
    for (size_t i = 0; i < count; i++) make_peer(peers, i, (size_t)(random_number(seed, i) % total));
    return peers;
}

struct peers *peers_make_seen_again(const struct peers *peers, unsigned times) {
    struct peers *again = peers_new(peers->count);
    size_t *order = random_order(peers->count, ORDER + 100 * times);
    for (size_t i = 0; i < peers->count; i++) {
        uint64_t number = times * peers->count + i, change = random_number(CHANGE, number) % 100;
        again->rows[i] = peers->rows[order[i]];
        again->rows[i].fields &= ~(uint64_t)TGS_PEER_SEEN_AT; /* now */
        if (change < 15) again->rows[i].first_name = person_name(again, CHANGE, number);
        if (change >= 95) give_username(again, i, username(again, number));
    }
    free(order);
    return again;
}

void peers_free(struct peers *peers) {
    free(peers->rows);
    free(peers->names);
    free(peers->texts);
    free(peers);
}
