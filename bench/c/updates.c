/* SPDX-License-Identifier: Apache-2.0 */
#include "updates.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measure.h"

#define CHANNELS 50
#define LANES 200
#define LONGEST_TEXT 48

enum { CHANNEL = 101, LANE, STEP }; /* seeds */

static const uint8_t payload[160] = "what a program needs to know of the message that it is to answer";

static void *take(size_t count, size_t size) {
    void *memory = calloc(count, size);
    if (!memory) die("out of memory");
    return memory;
}

static tgs_str numbered(char *text, const char *what, uint64_t number) {
    return (tgs_str){text, (size_t)snprintf(text, LONGEST_TEXT, "%s %llu", what, (unsigned long long)number)};
}

tgs_update_state updates_state(size_t i) {
    return (tgs_update_state){.fields = TGS_UPDATE_STATE_PTS | TGS_UPDATE_STATE_DATE,
                              .pts = (int64_t)(i * 3 + random_number(STEP, i) % 3),
                              .date = 1700000000 + (int64_t)i};
}

/* The account's own position, and a channel's. */
static void make_states(tgs_update_state *states, size_t i) {
    states[0] = updates_state(i);
    states[1] = (tgs_update_state){.fields = TGS_UPDATE_STATE_PTS,
                                   .channel_id = (int64_t)(random_number(CHANNEL, i) % CHANNELS) + 1,
                                   .pts = states[0].pts};
}

/* One in five is an old one. */
static void make_keys(tgs_dedup *keys, char *texts, size_t i) {
    for (size_t k = 0; k < UPDATE_KEYS; k++) {
        uint64_t number = k == 0 && i ? (i - 1) * UPDATE_KEYS + 1 : i * UPDATE_KEYS + k;
        keys[k] = (tgs_dedup){.key = numbered(texts + k * LONGEST_TEXT, "message 1234567890", number)};
    }
}

static tgs_queue_item make_item(char *texts, size_t i) {
    return (tgs_queue_item){.fields = TGS_QUEUE_ITEM_LANE | TGS_QUEUE_ITEM_PAYLOAD,
                            .id = numbered(texts, "update", i),
                            .lane = numbered(texts + LONGEST_TEXT, "chat", random_number(LANE, i) % LANES),
                            .payload = {payload, sizeof payload}};
}

/* One is new, ten were in the update before, nine were not seen for long. */
static void make_peers(tgs_peer *peers, const struct peers *known, const tgs_peer *fresh, size_t i) {
    for (size_t k = 0; k < UPDATE_PEERS; k++) {
        size_t of = k % 2 && i ? i - 1 : i, place = k / 2;
        peers[k] = place ? known->rows[(of * (UPDATE_PEERS / 2) + place) % known->count] : fresh[of];
        peers[k].fields &= ~(uint64_t)TGS_PEER_SEEN_AT; /* now */
    }
}

struct updates updates_make(size_t count, const struct peers *known, const tgs_peer *fresh) {
    struct updates updates = {.rows = take(count, sizeof *updates.rows),
                              .count = count,
                              .peers = take(count * UPDATE_PEERS, sizeof *updates.peers),
                              .states = take(count * UPDATE_STATES, sizeof *updates.states),
                              .keys = take(count * UPDATE_KEYS, sizeof *updates.keys),
                              .texts = take(count * (UPDATE_KEYS + 2), LONGEST_TEXT)};
    for (size_t i = 0; i < count; i++) {
        tgs_peer *peers = updates.peers + i * UPDATE_PEERS;
        tgs_update_state *states = updates.states + i * UPDATE_STATES;
        tgs_dedup *keys = updates.keys + i * UPDATE_KEYS;
        char *texts = updates.texts + i * (UPDATE_KEYS + 2) * LONGEST_TEXT;
        make_peers(peers, known, fresh, i);
        make_states(states, i);
        make_keys(keys, texts, i);
        updates.rows[i] = (struct update){.peers = peers,
                                          .n_peers = UPDATE_PEERS,
                                          .states = states,
                                          .n_states = UPDATE_STATES,
                                          .keys = keys,
                                          .n_keys = UPDATE_KEYS,
                                          .item = make_item(texts + (size_t)UPDATE_KEYS * LONGEST_TEXT, i)};
    }
    return updates;
}

void updates_free(struct updates *updates) {
    free(updates->rows);
    free(updates->peers);
    free(updates->states);
    free(updates->keys);
    free(updates->texts);
}
