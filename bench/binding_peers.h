/* SPDX-License-Identifier: Apache-2.0 */
/* All peers of a session, read page by page and kept in memory. */
#ifndef BINDING_PEERS_H
#define BINDING_PEERS_H

#include "tgstore.h"

#define PAGE_SIZE 1000 /* what the Python binding takes if it is not told */

struct peers {
    tgs_peer *rows; /* their texts are in the pages */
    size_t count;
    tgs_rows **pages;
    size_t n_pages;
};

/* The page after `after`, or the first.  Free with tgs_rows_free. */
tgs_status peers_page(tgs_session *session, const tgs_peer *after, tgs_rows **out, tgs_error *err);
/* Frees what was read before. */
tgs_status peers_read(tgs_session *session, struct peers *peers, tgs_error *err);
void peers_free(struct peers *peers);

#endif
