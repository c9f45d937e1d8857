/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdlib.h>
#include <string.h>

#include "measure.h"

#define SAMPLES 500

static bool same_text(tgs_str a, tgs_str b) {
    /* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): a text of some length has bytes */
    return !a.ptr == !b.ptr && a.len == b.len && (!a.len || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static bool same_usernames(const tgs_peer *a, const tgs_peer *b) {
    if (a->n_usernames != b->n_usernames) return false;
    for (size_t i = 0; i < a->n_usernames; i++)
        if (!same_text(a->usernames[i], b->usernames[i])) return false;
    return true;
}

void check_same_peer(const tgs_peer *a, const tgs_peer *b) {
    if (a->fields != b->fields || a->kind != b->kind || a->id != b->id || a->access_hash != b->access_hash ||
        a->subtype != b->subtype || !same_usernames(a, b) || !same_text(a->phone, b->phone) ||
        !same_text(a->first_name, b->first_name) || !same_text(a->last_name, b->last_name))
        die("both stored peer %d %lld, but not the same", a->kind, (long long)a->id);
}

static const tgs_peer *row_of(const tgs_rows *rows, size_t i) {
    size_t stride;
    const char *data = tgs_rows_data(rows, &stride);
    return (const tgs_peer *)(const void *)(data + i * stride);
}

static void check_lists(struct ours *ours, struct reference *reference) {
    tgs_peer after;
    for (bool begun = false, more = true; more; begun = true) {
        tgs_rows *rows = ours_list(ours, begun ? &after : NULL, TGS_MAX_ROWS);
        struct page *page = reference_list(reference, begun ? &after : NULL, TGS_MAX_ROWS);
        size_t count = tgs_rows_count(rows);
        if (count != page->count) die("pages of %zu and %zu peers", count, page->count);
        for (size_t i = 0; i < count; i++) check_same_peer(row_of(rows, i), &page->rows[i]);
        more = tgs_rows_more(rows);
        if (count) after = *row_of(rows, count - 1);
        tgs_rows_free(rows);
        page_free(page);
    }
}

static void check_found(tgs_rows *rows, tgs_peer *peer) {
    const tgs_peer *row = row_of(rows, 0);
    if (!(row->flags & TGS_ROW_FOUND) != !peer) die("one found a peer that the other did not");
    if (peer) check_same_peer(row, peer);
    tgs_rows_free(rows);
    free(peer);
}

void check_same_peers(struct ours *ours, struct reference *reference, const tgs_peer *peers, size_t count) {
    check_lists(ours, reference);
    for (size_t i = 0; i < count; i += count / SAMPLES + 1) {
        const tgs_peer *peer = &peers[i];
        check_found(ours_get(ours, peer->kind, peer->id), reference_get(reference, peer->kind, peer->id));
        if (peer->n_usernames)
            check_found(ours_get_by_username(ours, peer->usernames[0]),
                        reference_get_by_username(reference, peer->usernames[0]));
        if (peer->phone.len)
            check_found(ours_get_by_phone(ours, peer->phone), reference_get_by_phone(reference, peer->phone));
    }
}
