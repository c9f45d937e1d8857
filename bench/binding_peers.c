/* SPDX-License-Identifier: Apache-2.0 */
#include "binding_peers.h"

#include <stdlib.h>
#include <string.h>

tgs_status peers_page(tgs_session *session, const tgs_peer *after, tgs_rows **out, tgs_error *err) {
    return tgs_list(session, TGS_RECORD_PEER, after, after ? sizeof *after : 0, NULL, PAGE_SIZE, out, NULL,
                    err);
}

static tgs_status add_page(struct peers *peers, tgs_rows *page) {
    size_t count = tgs_rows_count(page);
    tgs_rows **pages = realloc(peers->pages, (peers->n_pages + 1) * sizeof *pages);
    if (pages) peers->pages = pages;
    tgs_peer *rows = realloc(peers->rows, (peers->count + count + 1) * sizeof *rows);
    if (rows) peers->rows = rows;
    if (!pages || !rows) return TGS_E_NOMEM;
    for (size_t i = 0; i < count; i++) tgs_rows_row(page, i, &rows[peers->count++], sizeof *rows);
    pages[peers->n_pages++] = page;
    return TGS_OK;
}

tgs_status peers_read(tgs_session *session, struct peers *peers, tgs_error *err) {
    peers_free(peers);
    int32_t more = 1;
    while (more) {
        tgs_rows *page;
        tgs_status status =
            peers_page(session, peers->count ? &peers->rows[peers->count - 1] : NULL, &page, err);
        if (status != TGS_OK) return status;
        more = tgs_rows_more(page);
        status = add_page(peers, page);
        if (status != TGS_OK) {
            tgs_rows_free(page);
            return status;
        }
    }
    return TGS_OK;
}

void peers_free(struct peers *peers) {
    for (size_t i = 0; i < peers->n_pages; i++) tgs_rows_free(peers->pages[i]);
    free(peers->pages);
    free(peers->rows);
    memset(peers, 0, sizeof *peers);
}
