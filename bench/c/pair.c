/* SPDX-License-Identifier: Apache-2.0 */
#include "pair.h"

#include <stdio.h>

#include "check.h"

struct ours *ours_open_file(const struct path *path, bool full) {
    char url[sizeof(struct path) + 8];
    snprintf(url, sizeof url, "sqlite:%s", path->text);
    return ours_open(url, full ? "full" : "normal");
}

struct pair pair_make(const char *folder, const struct peers *peers, size_t count) {
    struct pair pair = {.ours_path = files_path(folder, "ours.db"),
                        .reference_path = files_path(folder, "reference.db")};
    pair.ours = ours_open_file(&pair.ours_path, false);
    pair.reference = reference_create(pair.reference_path.text, false);
    ours_load(pair.ours, peers->rows, count);
    reference_load_peers(pair.reference, peers->rows, count);
    check_same_peers(pair.ours, pair.reference, peers->rows, count);
    return pair;
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

void pair_remove(struct pair *pair) {
    if (pair->ours) pair_close(pair);
    files_remove(pair->ours_path.text);
    files_remove(pair->reference_path.text);
}
