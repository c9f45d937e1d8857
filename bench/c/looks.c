/* SPDX-License-Identifier: Apache-2.0 */
#include "looks.h"

#include <stdlib.h>

#include "measure.h"

#define ORDER 77 /* a seed */

const char *const look_names[LOOKS] = {"id", "username", "phone"};

static bool can_look(const tgs_peer *peer, enum look look) {
    return look == BY_ID || (look == BY_USERNAME ? peer->n_usernames > 0 : peer->phone.len > 0);
}

struct looks looks_make(const tgs_peer *peers, size_t count, enum look look) {
    struct looks looks = {.peers = malloc((count + 1) * sizeof *looks.peers)};
    size_t *order = random_order(count, ORDER);
    if (!looks.peers) die("out of memory");
    for (size_t i = 0; i < count; i++)
        if (can_look(&peers[order[i]], look)) looks.peers[looks.count++] = &peers[order[i]];
    free(order);
    return looks;
}

void looks_free(struct looks *looks) { free(looks->peers); }

const tgs_peer *looks_at(const struct looks *looks, size_t i) { return looks->peers[i % looks->count]; }
