/* SPDX-License-Identifier: Apache-2.0 */
#include "pair.h"

#include <stdio.h>

#include "check.h"

struct ours *ours_open_file(const struct path *path, bool full) {
    char url[sizeof(struct path) + 8];
    snprintf(url, sizeof url, "sqlite:%s", path->text);
    return ours_open(url, full ? "full" : "normal");
}

void pair_open(struct pair *pair, bool full) {
    pair->ours = ours_open_file(&pair->ours_path, full);
    pair->reference = reference_open(pair->reference_path.text, full);
}

void pair_close(struct pair *pair) {
    ours_close(pair->ours);
    reference_close(pair->reference);
    pair->ours = NULL;
    pair->reference = NULL;
}

static struct pair shared;

static void make_shared(const struct bench *bench) {
    shared.count = bench->tiny ? TINY_PEERS : MANY_PEERS;
    shared.peers = peers_make(bench->tiny || bench->quick ? shared.count * 2 : 1000000);
    shared.ours_path = files_path(bench->folder, "ours.db");
    shared.reference_path = files_path(bench->folder, "reference.db");
    progress("storing %zu peers", shared.count);
    shared.ours = ours_open_file(&shared.ours_path, false);
    shared.reference = reference_create(shared.reference_path.text, false);
    ours_load(shared.ours, shared.peers->rows, shared.count);
    reference_load_peers(shared.reference, shared.peers->rows, shared.count);
    check_same_peers(shared.ours, shared.reference, shared.peers->rows, shared.count);
}

struct pair *pair_shared(const struct bench *bench) {
    if (!shared.count) make_shared(bench);
    if (!shared.ours) pair_open(&shared, false);
    return &shared;
}

void pair_remove_shared(void) {
    if (!shared.count) return;
    if (shared.ours) pair_close(&shared);
    files_remove(shared.ours_path.text);
    files_remove(shared.reference_path.text);
    peers_free(shared.peers);
    shared = (struct pair){0};
}
